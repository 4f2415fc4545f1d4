/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
#include "maps/maps.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>

#include <base/util.h>

static int map_array(int fd, size_t elem, uint32_t n, int prot, void *ret_ptr)
{
	void *p = mmap(NULL, elem * n, prot, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	*(void **)ret_ptr = p;
	return 0;
}

int vn_maps_init(struct vn_maps *m)
{
	int r = libbpf_num_possible_cpus();

	if (r < 0)
		return r;
	m->n_cpus = (uint32_t)r;
	r = map_array(m->fd_port, sizeof(*m->port), m->max_ports, PROT_READ | PROT_WRITE, &m->port);
	if (r < 0)
		return r;
	r = map_array(m->fd_drop, sizeof(*m->drop), m->max_ports, PROT_READ | PROT_WRITE, &m->drop);
	if (r < 0)
		return r;
	r = map_array(m->fd_disc, sizeof(*m->disc), m->max_ports, PROT_READ | PROT_WRITE, &m->disc);
	if (r < 0)
		return r;
	r = map_array(m->fd_police, sizeof(*m->police), m->max_ports, PROT_READ | PROT_WRITE, &m->police);
	if (r < 0)
		return r;
	r = map_array(m->fd_dir, sizeof(*m->dir), m->max_ports, PROT_READ | PROT_WRITE, &m->dir);
	if (r < 0)
		return r;
	return map_array(m->fd_engine, sizeof(*m->engine), VN_ENGINES_MAX, PROT_READ | PROT_WRITE, &m->engine);
}

static void unmap_array(void *p, size_t elem, uint32_t n)
{
	if (p)
		munmap(p, elem * n);
}

void vn_maps_release(struct vn_maps *m)
{
	int *fds[] = {&m->fd_port,   &m->fd_ctr, &m->fd_drop,    &m->fd_disc,    &m->fd_police,   &m->fd_dir,
		      &m->fd_engine, &m->fd_xsk, &m->fd_app_xsk, &m->fd_app_ctr, &m->fd_app_lost, &m->fd_gso};

	unmap_array(m->port, sizeof(*m->port), m->max_ports);
	unmap_array(m->drop, sizeof(*m->drop), m->max_ports);
	unmap_array(m->disc, sizeof(*m->disc), m->max_ports);
	unmap_array(m->police, sizeof(*m->police), m->max_ports);
	unmap_array(m->dir, sizeof(*m->dir), m->max_ports);
	unmap_array(m->engine, sizeof(*m->engine), VN_ENGINES_MAX);
	m->port = NULL;
	m->drop = NULL;
	m->disc = NULL;
	m->police = NULL;
	m->dir = NULL;
	m->engine = NULL;
	for (size_t i = 0; i < VN_ARRAY_SIZE(fds); i++) {
		vn_cleanup_close(fds[i]);
		*fds[i] = -1;
	}
}

void vn_port_publish(struct vn_maps *m, uint32_t number, const struct vn_port_cfg *cfg)
{
	struct vn_port_cfg *port = &m->port[number];

	/* Not active while the rest changes under a running program. */
	__atomic_store_n(&port->flags, 0, __ATOMIC_RELEASE);
	memcpy((uint8_t *)port + sizeof(port->flags), (const uint8_t *)cfg + sizeof(cfg->flags),
	       sizeof(*cfg) - sizeof(cfg->flags));
	__atomic_store_n(&port->flags, cfg->flags, __ATOMIC_RELEASE);
}

void vn_port_flags(struct vn_maps *m, uint32_t number, uint32_t set, uint32_t clear)
{
	uint32_t *flags = &m->port[number].flags;

	__atomic_store_n(flags, (__atomic_load_n(flags, __ATOMIC_RELAXED) & ~clear) | set, __ATOMIC_RELEASE);
}

/* Where the figures of @number begin. */
static void set_base(struct vn_maps *m, uint32_t number, const struct vn_port_ctr *at)
{
	struct vn_disc_slot *s = &m->disc[number];

	s->base_in_packets = at->in_packets;
	s->base_in_bytes = at->in_bytes;
	s->base_out_packets = at->out_packets;
	s->base_out_bytes = at->out_bytes;
}

void vn_port_clear(struct vn_maps *m, uint32_t number)
{
	cleanup_free void *zero = calloc(m->n_cpus, VN_MAX(sizeof(struct vn_port_ctr), sizeof(struct vn_afxdp_ctr)));

	vn_port_publish(m, number, &(struct vn_port_cfg){0});
	memset(&m->drop[number], 0, sizeof(m->drop[number]));
	memset(&m->police[number], 0, sizeof(m->police[number]));
	set_base(m, number, &(struct vn_port_ctr){0});
	if (!zero)
		return;
	bpf_map_update_elem(m->fd_ctr, &number, zero, BPF_ANY);
	bpf_map_update_elem(m->fd_app_ctr, &number, zero, BPF_ANY);
}

int vn_port_ctr_read(const struct vn_maps *m, uint32_t number, struct vn_port_ctr *ret_sum)
{
	cleanup_free struct vn_port_ctr *per_cpu = calloc(m->n_cpus, sizeof(*per_cpu));
	struct vn_port_ctr sum = {0};

	if (!per_cpu)
		return -ENOMEM;
	if (bpf_map_lookup_elem(m->fd_ctr, &number, per_cpu) < 0)
		return -errno;
	for (uint32_t i = 0; i < m->n_cpus; i++) {
		sum.in_packets += per_cpu[i].in_packets;
		sum.in_bytes += per_cpu[i].in_bytes;
		sum.out_packets += per_cpu[i].out_packets;
		sum.out_bytes += per_cpu[i].out_bytes;
	}
	sum.in_packets -= m->disc[number].base_in_packets;
	sum.in_bytes -= m->disc[number].base_in_bytes;
	sum.out_packets -= m->disc[number].base_out_packets;
	sum.out_bytes -= m->disc[number].base_out_bytes;
	*ret_sum = sum;
	return 0;
}

int vn_app_ctr_read(const struct vn_maps *m, uint32_t number, struct vn_afxdp_ctr *ret_sum)
{
	cleanup_free struct vn_afxdp_ctr *per_cpu = calloc(m->n_cpus, sizeof(*per_cpu));
	struct vn_afxdp_ctr sum = {0};

	if (!per_cpu)
		return -ENOMEM;
	if (bpf_map_lookup_elem(m->fd_app_ctr, &number, per_cpu) < 0)
		return -errno;
	for (uint32_t i = 0; i < m->n_cpus; i++)
		for (int f = 0; f < VN_AFXDP_FATE_MAX; f++) {
			sum.fate[f].packets += per_cpu[i].fate[f].packets;
			sum.fate[f].bytes += per_cpu[i].fate[f].bytes;
		}
	*ret_sum = sum;
	return 0;
}

void vn_disc_write(struct vn_maps *m, uint32_t slot, const struct vn_disc *d)
{
	struct vn_disc_slot *s = &m->disc[slot];
	bool other_bucket = s->disc.police_bps != d->police_bps || s->disc.police_burst_bytes != d->police_burst_bytes;
	uint32_t seq = __atomic_load_n(&s->seq, __ATOMIC_RELAXED) | 1;

	/* Odd even when an earlier writer died between the two stores. */
	__atomic_store_n(&s->seq, seq, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	memcpy(&s->disc, d, sizeof(s->disc));
	__atomic_store_n(&s->seq, seq + 1, __ATOMIC_RELEASE);
	/* The word is in time, and means other bytes at another rate. */
	if (other_bucket)
		__atomic_store_n(&m->police[slot].tat_ns, 0, __ATOMIC_RELEASE);
}

void vn_disc_read(const struct vn_maps *m, uint32_t slot, struct vn_disc *ret_disc, uint32_t *ret_gen)
{
	/* Its only writer is this process. */
	*ret_disc = m->disc[slot].disc;
	if (ret_gen)
		*ret_gen = m->disc[slot].gen;
}

void vn_disc_renew(struct vn_maps *m, uint32_t slot)
{
	__atomic_fetch_add(&m->disc[slot].gen, 1, __ATOMIC_RELEASE);
}

void vn_dir_read(const struct vn_maps *m, uint32_t slot, struct vn_dir *ret_dir)
{
	const struct vn_dir *dir = &m->dir[slot];

	if (__atomic_load_n(&dir->gen, __ATOMIC_ACQUIRE) != m->disc[slot].gen) {
		*ret_dir = (struct vn_dir){.gen = m->disc[slot].gen};
		return;
	}
	if (__atomic_load_n(&dir->reset, __ATOMIC_ACQUIRE) != m->disc[slot].reset)
		*ret_dir = (struct vn_dir){
			.state = dir->state, .gen = dir->gen, .engine = dir->engine, .holder = dir->holder};
	else
		*ret_dir = *dir;
	for (int i = 0; i < VN_ENGINES_MAX; i++) {
		ret_dir->state.held_packets += dir->away[i];
		ret_dir->state.held_bytes += dir->away_bytes[i];
	}
}

void vn_disc_replay(struct vn_maps *m, uint32_t slot)
{
	__atomic_fetch_add(&m->disc[slot].replay, 1, __ATOMIC_RELEASE);
}

void vn_disc_place(struct vn_maps *m, uint32_t slot, uint32_t engine, uint32_t from)
{
	struct vn_disc_slot *s = &m->disc[slot];

	/* An engine may take what both words give it, so in between they must not both name a new one by accident. */
	if (from == engine) {
		__atomic_store_n(&s->engine, engine, __ATOMIC_RELEASE);
		__atomic_store_n(&s->from, from, __ATOMIC_RELEASE);
	} else {
		__atomic_store_n(&s->from, from, __ATOMIC_RELEASE);
		__atomic_store_n(&s->engine, engine, __ATOMIC_RELEASE);
	}
}

uint32_t vn_dir_away(const struct vn_maps *m, uint32_t slot, uint32_t engine)
{
	const struct vn_dir *d = &m->dir[slot];

	return __atomic_load_n(&d->gen, __ATOMIC_ACQUIRE) == m->disc[slot].gen
		       ? __atomic_load_n(&d->away[engine], __ATOMIC_ACQUIRE) +
				 (__atomic_load_n(&d->leaving, __ATOMIC_ACQUIRE) >> engine & 1)
		       : 0;
}

uint32_t vn_dir_owner(const struct vn_maps *m, uint32_t slot)
{
	const struct vn_dir *d = &m->dir[slot];

	return __atomic_load_n(&d->gen, __ATOMIC_ACQUIRE) == m->disc[slot].gen
		       ? __atomic_load_n(&d->engine, __ATOMIC_ACQUIRE)
		       : VN_ENGINES_MAX;
}

void vn_port_to_engine(struct vn_maps *m, uint32_t number, uint32_t engine)
{
	__atomic_store_n(&m->port[number].engine_ifindex, VN_ENGINE_PORT_IFINDEX + 2 * engine, __ATOMIC_RELEASE);
	__atomic_store_n(&m->port[number].engine, (uint8_t)engine, __ATOMIC_RELEASE);
}

int vn_account_read(const struct vn_maps *m, uint32_t number, struct vn_account *ret)
{
	struct vn_port_ctr first;
	uint64_t settled;
	int64_t between;
	bool held;
	int r = vn_port_ctr_read(m, number, &first);

	if (r < 0)
		return r;
	vn_dir_read(m, number, &ret->dir);
	ret->drop = m->drop[number];
	r = vn_port_ctr_read(m, number, &ret->ctr);
	if (r < 0)
		return r;
	/* What is not held has one program for both counters. */
	held = m->port[number].flags & VN_PORT_HELD || ret->dir.state.held_packets;
	if (!held)
		ret->drop = m->drop[number];
	ret->dropped = 0;
	for (int i = 0; i < VN_DROP_MAX; i++)
		ret->dropped += ret->drop.count[i];
	for (int i = 0; i < VN_EDROP_MAX; i++)
		ret->dropped += ret->dir.drops[i];
	settled = ret->dropped + ret->dir.state.held_packets - ret->dir.duplicated;
	ret->least = (int64_t)(first.in_packets - ret->ctr.out_packets - settled);
	ret->most = (int64_t)(ret->ctr.in_packets - first.out_packets - settled);
	if (held) {
		ret->ctr.out_packets = first.out_packets;
		ret->ctr.out_bytes = first.out_bytes;
	}
	between = (int64_t)(ret->ctr.in_packets + ret->dir.duplicated - ret->ctr.out_packets - ret->dropped);
	/* Seen dropped before it was seen to enter. */
	if (between < 0)
		ret->ctr.in_packets -= (uint64_t)between;
	ret->held = between < 0 ? 0 : (uint64_t)between;
	return 0;
}

void vn_dir_reset(struct vn_maps *m, uint32_t slot)
{
	const struct vn_disc_slot *s = &m->disc[slot];
	struct vn_account a;
	uint64_t held_bytes;
	int r = vn_account_read(m, slot, &a);

	__atomic_fetch_add(&m->disc[slot].reset, 1, __ATOMIC_RELEASE);
	/* Programs add atomically: subtracting loses none of what comes meanwhile. */
	for (size_t i = 0; r == 0 && i < VN_ARRAY_SIZE(a.drop.count); i++)
		__atomic_fetch_sub(&m->drop[slot].count[i], a.drop.count[i], __ATOMIC_RELAXED);
	if (r < 0)
		return;
	/* Of what entered before, what is still held has yet to leave; of dropped frames nobody knows the bytes. */
	held_bytes = a.dropped ? a.dir.state.held_bytes : a.ctr.in_bytes - VN_MIN(a.ctr.in_bytes, a.ctr.out_bytes);
	set_base(m, slot,
		 &(struct vn_port_ctr){
			 .in_packets = s->base_in_packets + a.ctr.in_packets - a.held,
			 .in_bytes = s->base_in_bytes + a.ctr.in_bytes - held_bytes,
			 .out_packets = s->base_out_packets + a.ctr.out_packets,
			 .out_bytes = s->base_out_bytes + a.ctr.out_bytes,
		 });
}

uint32_t vn_dir_trust(struct vn_maps *m, uint32_t slot)
{
	return __atomic_exchange_n(&m->dir[slot].overload, 0, __ATOMIC_RELAXED);
}

uint32_t vn_engine_trust(struct vn_maps *m, uint32_t engine)
{
	return __atomic_exchange_n(&m->engine[engine].overload, 0, __ATOMIC_RELAXED);
}

void vn_engine_lost(struct vn_maps *m, uint32_t engine, uint64_t dropped)
{
	struct vn_engine *e = &m->engine[engine];

	if (__atomic_load_n(&e->rx_dropped, __ATOMIC_RELAXED) == dropped)
		return;
	__atomic_store_n(&e->rx_dropped, dropped, __ATOMIC_RELAXED);
	__atomic_fetch_or(&e->overload, 1u << VN_OVERLOAD_RX_FULL, __ATOMIC_RELAXED);
	__atomic_store_n(&e->overload_ns, vn_now_ns(), __ATOMIC_RELAXED);
}

void vn_dir_lost(struct vn_maps *m, uint32_t slot)
{
	struct vn_dir *dir = &m->dir[slot];

	__atomic_fetch_or(&dir->overload, 1u << VN_OVERLOAD_RX_FULL, __ATOMIC_RELAXED);
	__atomic_store_n(&dir->overload_ns, vn_now_ns(), __ATOMIC_RELAXED);
}
