// SPDX-License-Identifier: GPL-2.0-only
#include "engine/bulk.h"

#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <abi/abi_port.h>
#include <disc/discipline.h>
#include <base/util.h>

#include "engine/bulk_body.h"
#include "engine/bulk_room.h"

#define RX_PER_TURN 16u /* up to 1 MiB: some 100 us, by which a release may be late */
#define TX_PER_TURN 16u
#define CHUNK_NS    (100 * VN_NSEC_PER_USEC)
#define TAG_BYTES   4u
#define SLOT_AT     (2u * ETH_ALEN) /* the slot's tag in the frame; the stamp's is the next */

#ifndef TUN_F_USO4 /* uapi of Linux 6.2 */
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

/* Offloads that frames may keep: the newest kernel's first. No UFO: the kernel has none. */
static const unsigned int offloads[] = {
	TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | TUN_F_USO4 | TUN_F_USO6,
	TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN,
};

/**
 * struct vn_bulk
 * @fd:    the tap
 * @error: the tap is gone
 * @land:  objects of the slab that the next frame is read into: a head and its pieces
 * @iov:   of these
 * @room:  how much may wait in the tap
 * @read_ns: when the frame in the landing had been read
 * @out_bytes: of GSO frames that have been read, on the ports' scale (struct vn_engine.gso_in_bytes)
 * @parked_head, @parked_tail: bodies of directions that are not yet this engine's, in order (references + 1, 0 ends)
 */
struct vn_bulk {
	int fd, error;
	uint32_t land[VN_PIECES_MAX];
	struct iovec iov[VN_PIECES_MAX];
	struct vn_bulk_room room;
	uint64_t read_ns, out_bytes;
	uint32_t parked_head, parked_tail;
};

static struct vn_frame *landing(const struct vn_loop *l)
{
	return vn_slab_ptr(&l->hold.slab, l->bulk->land[0]);
}

static unsigned int piece_class(void)
{
	return (unsigned int)vn_slab_class(VN_PIECE_BYTES);
}

/* @n objects for the landing, from number 0 on; what they replace is the caller's. False: nothing done. */
static bool land_renew(struct vn_loop *l, uint32_t n)
{
	struct vn_slab *s = &l->hold.slab;
	uint32_t fresh[VN_PIECES_MAX];

	for (uint32_t i = 0; i < n; i++) {
		fresh[i] = vn_slab_alloc(s, piece_class());
		if (fresh[i] == VN_SLAB_NONE) {
			while (i--)
				vn_slab_free(s, fresh[i]);
			return false;
		}
	}
	for (uint32_t i = 0; i < n; i++) {
		l->bulk->land[i] = fresh[i];
		l->bulk->iov[i] = (struct iovec){vn_slab_ptr(s, fresh[i]), VN_PIECE_BYTES};
	}
	if (n)
		l->bulk->iov[0] = (struct iovec){vn_body_of(landing(l))->raw, VN_HEAD_RAW};
	return true;
}

/* An object of @class for lane @slot, within the lane's share. */
static uint32_t lane_alloc(struct vn_loop *l, uint32_t slot, unsigned int class)
{
	struct vn_lane *lane = &l->hold.lane[slot];
	uint32_t bytes = vn_slab_class_bytes(class), ref;

	if (lane->bytes + bytes > l->hold.lane_bytes_max)
		return VN_SLAB_NONE;
	ref = vn_slab_alloc(&l->hold.slab, class);
	if (ref != VN_SLAB_NONE)
		lane->bytes += bytes;
	return ref;
}

static void lane_free(struct vn_loop *l, uint32_t slot, uint32_t ref, unsigned int class)
{
	l->hold.lane[slot].bytes -= vn_slab_class_bytes(class);
	vn_slab_free(&l->hold.slab, ref);
}

/* A short frame moves to an object of its size. */
static struct vn_frame *keep_copy(struct vn_loop *l, uint32_t slot, uint32_t raw_bytes)
{
	unsigned int class = (unsigned int)vn_slab_class(VN_BODY_OVERHEAD + raw_bytes);
	uint32_t ref = lane_alloc(l, slot, class);
	struct vn_frame *f;

	if (ref == VN_SLAB_NONE)
		return NULL;
	f = vn_slab_ptr(&l->hold.slab, ref);
	memcpy(f->data, landing(l)->data, sizeof(struct vn_body) + raw_bytes);
	f->class = (uint8_t) class;
	vn_body_of(f)->chunk.body = ref;
	return f;
}

/* A long one stays where it was read to, and the landing gets other memory. */
static struct vn_frame *keep_landing(struct vn_loop *l, uint32_t slot)
{
	struct vn_frame *f = landing(l);
	struct vn_body *b = vn_body_of(f);
	uint32_t n = 1u + b->n_pieces;
	struct vn_lane *lane = &l->hold.lane[slot];

	b->chunk.body = l->bulk->land[0];
	if (lane->bytes + n * VN_PIECE_BYTES > l->hold.lane_bytes_max || !land_renew(l, n))
		return NULL;
	lane->bytes += n * VN_PIECE_BYTES;
	f->class = (uint8_t)piece_class();
	return f;
}

/* The frame in the landing becomes a body without chunks; NULL: no memory, it stays there. */
static struct vn_frame *body_keep(struct vn_loop *l, uint32_t slot)
{
	struct vn_body *b = vn_body_of(landing(l));
	uint32_t raw_bytes = b->shift + (uint32_t)VN_VH_BYTES + b->gso.len;
	int class = vn_slab_class(VN_BODY_OVERHEAD + raw_bytes);

	b->refs = 0;
	return class >= 0 && (unsigned int)class < piece_class() ? keep_copy(l, slot, raw_bytes)
								 : keep_landing(l, slot);
}

static void body_free(struct vn_loop *l, uint32_t slot, uint32_t ref)
{
	struct vn_frame *head = vn_slab_ptr(&l->hold.slab, ref);
	const uint32_t *pieces = vn_body_pieces(head);

	for (uint32_t i = vn_body_of(head)->n_pieces; i-- > 0;)
		lane_free(l, slot, pieces[i], piece_class());
	lane_free(l, slot, ref, head->class);
}

/* Room for a chunk of @body: in it, when it is the first; NULL: no memory. */
static struct vn_frame *chunk_alloc(struct vn_loop *l, uint32_t slot, struct vn_frame *body)
{
	struct vn_body *b = vn_body_of(body);
	unsigned int class = (unsigned int)vn_slab_class(sizeof(struct vn_frame) + sizeof(struct vn_chunk));
	struct vn_frame *f = body;

	if (b->refs) {
		uint32_t ref = lane_alloc(l, slot, class);

		if (ref == VN_SLAB_NONE)
			return NULL;
		f = vn_slab_ptr(&l->hold.slab, ref);
		f->class = (uint8_t) class;
	}
	b->refs++;
	return f;
}

static void chunk_free(struct vn_loop *l, struct vn_frame *f)
{
	const struct vn_chunk *c = (const void *)f->data;
	uint32_t slot = f->slot, ref = vn_hold_ref(&l->hold, f), body = c->body;

	if (ref != body)
		lane_free(l, slot, ref, f->class);
	if (--vn_body_of(vn_slab_ptr(&l->hold.slab, body))->refs == 0)
		body_free(l, slot, body);
}

/* Segments @c of @body, from where they lie. */
static bool chunk_write(struct vn_loop *l, struct vn_frame *body, const struct vn_chunk *c)
{
	struct vn_body *b = vn_body_of(body);
	const struct vn_gso *s = &b->gso;
	const uint32_t at = b->shift, all = (uint32_t)VN_VH_BYTES + s->len;
	uint8_t head[VN_VH_BYTES + VN_GSO_HDR_MAX] __attribute__((aligned(8)));
	struct iovec iov[1 + VN_IOV_MAX];
	uint32_t expect = all;
	ssize_t n;
	int k;

	if (c->segs == s->segs) {
		k = vn_body_map(&l->hold.slab, body, at, all, iov);
	} else {
		uint32_t hdr = (uint32_t)VN_VH_BYTES + s->hdr_len, payload = vn_gso_payload(s, c->first, c->segs);

		memcpy(head, vn_body_vh(b), hdr);
		vn_gso_cut(s, c->first, c->segs, (struct virtio_net_hdr *)(void *)head, head + VN_VH_BYTES);
		iov[0] = (struct iovec){head, hdr};
		k = 1 + vn_body_map(&l->hold.slab, body, at + hdr + c->first * s->gso_size, payload, iov + 1);
		expect = hdr + payload;
	}
	do
		n = writev(l->bulk->fd, iov, k);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)expect;
}

static void chunk_send(struct vn_loop *l, struct vn_frame *body, const struct vn_chunk *c,
		       const struct vn_tx_note *note)
{
	bool sent = chunk_write(l, body, c);

	l->tx_errors += !sent;
	l->now_ns = vn_now_ns();
	vn_loop_account(l, note, l->now_ns, !sent);
}

/* Also what is held since before its direction went to another engine. Always true: a tap never says "later". */
static bool bulk_send(struct vn_loop *l, struct vn_frame *f)
{
	const struct vn_chunk *c = (const void *)f->data;
	struct vn_dir *d = &l->dir[f->slot];
	uint32_t gen = __atomic_load_n(&l->disc[f->slot].gen, __ATOMIC_RELAXED);
	const struct vn_tx_note note = {.release_ns = f->release_ns,
					.gen = f->gen,
					.slot = f->slot,
					.len = c->bytes + TAG_BYTES,
					.segs = c->segs,
					.hop_ns = f->hop_ns,
					.away = !l->own.mine[f->slot]};

	if (d->gen == f->gen) {
		if (!note.away) {
			d->state.held_packets -= c->segs;
			d->state.held_bytes -= c->bytes;
		}
		if (gen != f->gen)
			vn_stat_join(&d->drops[VN_EDROP_GONE], c->segs);
	}
	if (gen == f->gen)
		chunk_send(l, vn_slab_ptr(&l->hold.slab, c->body), c, &note);
	l->hold.packets -= c->segs;
	l->hold.bytes -= c->bytes;
	chunk_free(l, f);
	return true;
}

static uint32_t bulk_release(struct vn_loop *l)
{
	uint32_t n;

	if (l->reorder_head)
		vn_loop_reorder_release(l);
	for (n = 0; n < TX_PER_TURN && vn_hold_next_ns(&l->hold) <= l->now_ns; n++) {
		struct vn_frame *f = vn_hold_pop(&l->hold);

		if (vn_loop_reorder_shut(l, f))
			vn_loop_reorder(l, f);
		else
			bulk_send(l, f);
	}
	return n;
}

/* The time of arrival of which the stamp holds the middle bits. */
static uint64_t stamp_ns(uint16_t stamp, uint64_t now_ns)
{
	uint64_t units = now_ns >> VN_STAMP_SHIFT;
	uint16_t age = (uint16_t)((uint16_t)units - stamp);

	/* The stamp stands for the end of its unit, so that nothing is released early. */
	return VN_MIN((units - age + 1) << VN_STAMP_SHIFT, now_ns);
}

static uint16_t tag_at(const uint8_t *frame, uint32_t at, uint16_t *ret_tci)
{
	*ret_tci = (uint16_t)(frame[at + 2] << 8 | frame[at + 3]);
	return (uint16_t)(frame[at] << 8 | frame[at + 1]);
}

/*
 * What was read, @n bytes, becomes the body in the landing; the stamp goes out of it. False when it is not what a
 * port's program sends.
 */
static bool understand(struct vn_loop *l, uint32_t n, uint32_t *ret_slot, uint64_t *ret_arrival_ns)
{
	struct vn_frame *f = landing(l);
	struct vn_body *b = vn_body_of(f);
	struct virtio_net_hdr *vh = (void *)b->raw;
	uint8_t *frame = b->raw + VN_VH_BYTES;
	uint16_t slot, stamp, tpid;

	if (n < VN_VH_BYTES + ETH_HLEN + 2 * TAG_BYTES)
		return false;
	tpid = tag_at(frame, SLOT_AT, &slot);
	if ((tpid != VN_SLOT_TPID && tpid != VN_SAMPLE_TPID) || slot >= l->max_ports)
		return false;
	b->shift = 0;
	b->n_pieces = (uint16_t)(n > VN_HEAD_RAW ? (n - VN_HEAD_RAW + VN_PIECE_BYTES - 1) / VN_PIECE_BYTES : 0);
	*ret_arrival_ns = l->bulk->read_ns;
	if (tpid == VN_SAMPLE_TPID) {
		tag_at(frame, SLOT_AT + TAG_BYTES, &stamp);
		frame[SLOT_AT] = VN_SLOT_TPID >> 8;
		frame[SLOT_AT + 1] = VN_SLOT_TPID & 0xff;
		*ret_arrival_ns = stamp_ns(stamp, *ret_arrival_ns);
		memmove(b->raw + TAG_BYTES, b->raw, VN_VH_BYTES + SLOT_AT + TAG_BYTES);
		b->shift = TAG_BYTES;
		vh = vn_body_vh(b);
		if (vh->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
			vh->csum_start = (__virtio16)(vh->csum_start - TAG_BYTES);
	}
	n -= b->shift + (uint32_t)VN_VH_BYTES;
	/* A kind of GSO frame we do not know is one frame: it passes as it is. */
	if (vn_gso_parse(vh, vn_body_frame(b), (uint32_t)VN_HEAD_RAW - 64, n, &b->gso) < 0)
		b->gso = (struct vn_gso){.len = n, .segs = 1};
	if (b->gso.hdr_len)
		vh->hdr_len = b->gso.hdr_len;
	if (b->n_pieces)
		memcpy(vn_body_pieces(f), &l->bulk->land[1], b->n_pieces * sizeof(l->bulk->land[1]));
	*ret_slot = slot;
	return true;
}

/* Of @left segments, how many go together. */
static uint32_t chunk_segs(const struct vn_disc *d, const struct vn_disc_state *state, const struct vn_gso *s,
			   uint32_t left)
{
	uint32_t segs = left;

	if (d->rate_bps && left > 1) {
		uint64_t bytes = VN_MIN(d->rate_bps, VN_DISC_RATE_MAX) / 8 * CHUNK_NS / VN_NSEC_PER_SEC;
		uint64_t fit = bytes / (vn_wire_bytes(s->hdr_len + s->gso_size - TAG_BYTES));

		segs = (uint32_t)VN_MIN(VN_MAX(fit, 1), segs);
	}
	if (d->limit_packets > state->held_packets)
		segs = (uint32_t)VN_MIN(d->limit_packets - state->held_packets, segs);
	return segs;
}

static void no_memory(struct vn_loop *l, struct vn_dir *dir, uint32_t segs)
{
	vn_stat_join(&dir->drops[VN_EDROP_MEMORY], segs);
	vn_loop_overload_dir(l, dir, VN_OVERLOAD_MEMORY);
}

/*
 * The delay error of one frame in VN_SAMPLE_EVERY, as with the other holder. Here every frame is stamped, and the
 * discipline counts from the stamp: its error is its lateness, whatever the tap and this engine took, and the half unit
 * by which the stamp is late. 0: no sample.
 */
static uint32_t sample_hop_ns(const struct vn_dir *dir, uint32_t segs)
{
	uint64_t n = dir->in_packets;

	return n / VN_SAMPLE_EVERY != (n - segs) / VN_SAMPLE_EVERY ? (1u << VN_STAMP_SHIFT) / 2 : 0;
}

/* @c of the frame that @body holds waits until its time; false: no memory. */
static bool chunk_hold(struct vn_loop *l, struct vn_frame *body, const struct vn_chunk *c,
		       const struct vn_tx_note *note, const struct vn_fate *fate)
{
	struct vn_dir *dir = &l->dir[note->slot];
	struct vn_frame *f = body ? chunk_alloc(l, note->slot, body) : NULL;
	struct vn_chunk *to;

	if (!f)
		return false;
	f->release_ns = fate->release_ns;
	f->depart_ns = fate->depart_ns;
	f->gen = note->gen;
	f->slot = (uint16_t)note->slot;
	f->len = 0;
	f->hop_ns = note->hop_ns;
	to = (void *)f->data;
	*to = (struct vn_chunk){
		.body = vn_body_of(body)->chunk.body, .first = c->first, .segs = c->segs, .bytes = c->bytes};
	vn_hold_insert(&l->hold, f);
	l->hold.packets += c->segs;
	l->hold.bytes += c->bytes;
	dir->state.held_packets += c->segs;
	dir->state.held_bytes += c->bytes;
	return true;
}

/* The frame in @body, which is the landing unless @kept, chunk by chunk. */
static void take_in(struct vn_loop *l, uint32_t slot, uint64_t arrival_ns, struct vn_frame *body, bool kept)
{
	const struct vn_gso s = vn_body_of(body)->gso;
	struct vn_dir *dir = &l->dir[slot];
	struct vn_disc_in in = {
		.arrival_ns = arrival_ns, .ect = s.ect, .hdr_len = s.hdr_len ? s.hdr_len - TAG_BYTES : 0};
	struct vn_tx_note note = {.slot = slot};
	const struct vn_disc *disc = vn_loop_enter(l, slot, &note.gen);
	/* The limit counts what other engines hold as well. */
	uint32_t away = disc->limit_packets && l->own.reorder[slot] ? vn_own_away(&l->own, slot) : 0;
	struct vn_chunk c = {0};

	vn_stat_add(&dir->in_packets, s.segs);
	vn_stat_add(&dir->in_bytes, vn_gso_bytes(&s, 0, s.segs) - s.segs * TAG_BYTES);
	note.hop_ns = sample_hop_ns(dir, s.segs);
	for (uint32_t first = 0; first < s.segs; first += c.segs) {
		struct vn_fate fate[2];

		dir->state.held_packets += away;
		c.first = first;
		c.segs = in.segs = chunk_segs(disc, &dir->state, &s, s.segs - first);
		c.bytes = vn_gso_bytes(&s, first, c.segs) - c.segs * TAG_BYTES;
		in.len = c.bytes - (c.segs - 1) * in.hdr_len;
		vn_disc_apply(disc, &dir->state, &l->env, &in, fate);
		dir->state.held_packets -= away;
		if (fate[0].verdict == VN_VERDICT_DROP) {
			vn_stat_join(&dir->drops[fate[0].cause], c.segs);
			continue;
		}
		vn_loop_queue_behind(l, slot, disc, &fate[0]);
		l->slack_ns[0] = VN_MIN(l->slack_ns[0], fate[0].release_ns - arrival_ns);
		note.release_ns = fate[0].release_ns;
		note.len = c.bytes + TAG_BYTES;
		note.segs = c.segs;
		if (!kept && fate[0].release_ns <= l->now_ns && fate[0].release_ns < vn_hold_next_ns(&l->hold) &&
		    !l->own.reorder[slot]) {
			chunk_send(l, body, &c, &note);
			note.hop_ns = 0;
			continue;
		}
		if (!kept) {
			struct vn_frame *f = body_keep(l, slot);

			kept = f;
			body = f ?: body;
		}
		if (!kept || !chunk_hold(l, body, &c, &note, &fate[0]))
			no_memory(l, dir, c.segs);
		note.hop_ns = 0;
	}
	/* Parked, and then dropped whole. */
	if (kept && !vn_body_of(body)->refs)
		body_free(l, slot, vn_body_of(body)->chunk.body);
}

static void park(struct vn_loop *l, uint32_t slot, uint64_t arrival_ns)
{
	struct vn_bulk *bulk = l->bulk;
	uint32_t segs = vn_body_of(landing(l))->gso.segs;
	struct vn_frame *f = body_keep(l, slot);

	if (!f) {
		no_memory(l, &l->dir[slot], segs);
		return;
	}
	f->slot = (uint16_t)slot;
	f->release_ns = arrival_ns;
	f->next = 0;
	if (bulk->parked_head)
		((struct vn_frame *)vn_slab_ptr(&l->hold.slab, bulk->parked_tail - 1))->next =
			vn_hold_ref(&l->hold, f) + 1;
	else
		bulk->parked_head = vn_hold_ref(&l->hold, f) + 1;
	bulk->parked_tail = vn_hold_ref(&l->hold, f) + 1;
	l->parked_n++;
}

static void unpark(struct vn_loop *l)
{
	struct vn_bulk *bulk = l->bulk;
	uint32_t link = bulk->parked_head, *end = &bulk->parked_head;

	bulk->parked_tail = 0;
	vn_loop_park_pass(l);
	while (link) {
		struct vn_frame *f = vn_slab_ptr(&l->hold.slab, link - 1);
		enum vn_own_verdict v = vn_loop_claim_parked(l, f->slot);
		uint32_t next = f->next;

		if (v == VN_OWN_WAIT) {
			*end = bulk->parked_tail = link;
			end = &f->next;
		} else {
			l->parked_n--;
			if (v == VN_OWN_MINE) {
				take_in(l, f->slot, f->release_ns, f, true);
			} else {
				l->bad_meta++;
				body_free(l, f->slot, link - 1);
			}
		}
		link = next;
	}
	*end = 0;
}

/* One of the daemon's own: all that came before it has been read. */
static void marker(struct vn_loop *l)
{
	struct vn_body *b = vn_body_of(landing(l));
	uint32_t slot = vn_own_marker_slot(vn_body_frame(b), VN_MIN(b->gso.len, VN_MARKER_BYTES));

	unpark(l);
	vn_loop_hand_over(l, slot);
}

/* Its discipline counts from the port: a delay longer than this wait hides it. */
static void waited(struct vn_loop *l, uint32_t slot, uint64_t arrival_ns)
{
	struct vn_dir *dir = &l->dir[slot];
	uint64_t ns = l->bulk->read_ns - arrival_ns;

	vn_stat_add(&dir->wait_ns, ns);
	vn_stat_add(&dir->wait_n, 1);
	if (ns > dir->wait_max_ns)
		vn_stat_set(&dir->wait_max_ns, ns);
}

static void received(struct vn_loop *l, uint32_t bytes)
{
	uint64_t arrival_ns;
	uint32_t slot;

	if (!understand(l, bytes, &slot, &arrival_ns)) {
		l->bad_meta++;
		return;
	}
	if (slot == 0) {
		marker(l);
		return;
	}
	l->rx_packets += vn_body_of(landing(l))->gso.segs;
	switch (vn_loop_claim(l, slot)) {
	case VN_OWN_MINE:
		/* Earlier ones of it may wait for having been handed over since. */
		if (l->parked_n)
			unpark(l);
		waited(l, slot, arrival_ns);
		take_in(l, slot, arrival_ns, landing(l), false);
		return;
	case VN_OWN_WAIT:
		park(l, slot, arrival_ns);
		return;
	case VN_OWN_STRAY:
		l->bad_meta++;
		return;
	}
}

/* What the ports had counted by then and is not in the tap, now that it is empty, is not coming any more. */
static void room_empty(struct vn_loop *l, uint64_t in_bytes, uint64_t in_frames)
{
	vn_bulk_room_idle(&l->bulk->room);
	vn_stat_set(&l->status->tap_out_frames, in_frames);
	l->bulk->out_bytes = in_bytes;
	vn_stat_set(&l->status->gso_out_bytes, in_bytes);
}

/* @bytes of frame are in the landing. */
static void room_read(struct vn_loop *l, uint32_t bytes)
{
	struct vn_bulk *bulk = l->bulk;

	vn_stat_add(&l->status->tap_out_frames, 1);
	/* Small ones are read, too, but it is the large ones that have to wait. */
	if (vn_bulk_room_read(&bulk->room, bulk->read_ns, bytes))
		vn_stat_set(&l->status->gso_room_bytes, bulk->room.bytes);
	if (((const struct virtio_net_hdr *)(const void *)vn_body_of(landing(l))->raw)->gso_type ==
	    VIRTIO_NET_HDR_GSO_NONE)
		return;
	bulk->out_bytes += bytes;
	vn_stat_set(&l->status->gso_out_bytes, bulk->out_bytes);
}

static ssize_t tap_read(struct vn_loop *l)
{
	uint64_t in_bytes = __atomic_load_n(&l->status->gso_in_bytes, __ATOMIC_RELAXED);
	uint64_t in_frames = __atomic_load_n(&l->status->tap_in_frames, __ATOMIC_RELAXED);
	ssize_t got = readv(l->bulk->fd, l->bulk->iov, VN_PIECES_MAX);

	if (got >= 0)
		l->bulk->read_ns = vn_now_ns();
	if (got > (ssize_t)VN_VH_BYTES)
		room_read(l, (uint32_t)got - (uint32_t)VN_VH_BYTES);
	else if (got < 0 && errno == EAGAIN)
		room_empty(l, in_bytes, in_frames);
	return got;
}

static uint32_t bulk_receive(struct vn_loop *l)
{
	uint32_t n = 0;

	if (l->parked_n)
		unpark(l);
	while (n < RX_PER_TURN) {
		ssize_t got = tap_read(l);

		if (got < 0) {
			/* EBADFD: the device was deleted */
			if (errno != EAGAIN && errno != EINTR)
				l->bulk->error = -ENETDOWN;
			break;
		}
		n++;
		received(l, (uint32_t)got);
	}
	if (n)
		l->now_ns = vn_now_ns();
	return n;
}

static bool bulk_mark(struct vn_loop *l, const struct vn_marker *m)
{
	uint8_t vh[VN_VH_BYTES] = {0};
	const struct iovec iov[] = {{vh, sizeof(vh)}, {(void *)(uintptr_t)m, sizeof(*m)}};

	return writev(l->bulk->fd, iov, VN_ARRAY_SIZE(iov)) > 0;
}

/* What found no room in the tap's queue is known to the device's statistics alone: the daemon reads them. */
static int bulk_check(struct vn_loop *l)
{
	return l->bulk->error;
}

const struct vn_marker_ops vn_bulk_ops = {
	.release = bulk_release, .receive = bulk_receive, .send = bulk_send, .mark = bulk_mark, .check = bulk_check};

static int set_up(int fd)
{
	int size = VN_VH_BYTES, flags = fcntl(fd, F_GETFL);
	struct ifreq ifr = {0};
	size_t i;

	if (flags < 0 || ioctl(fd, TUNGETIFF, &ifr) < 0)
		return -errno;
	if ((ifr.ifr_flags & (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR)) != (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
		return -EPROTO;
	if (ioctl(fd, TUNSETVNETHDRSZ, &size) < 0)
		return -errno;
	for (i = 0; i < VN_ARRAY_SIZE(offloads); i++)
		if (ioctl(fd, TUNSETOFFLOAD, (unsigned long)offloads[i]) == 0)
			break;
	if (i == VN_ARRAY_SIZE(offloads))
		return -errno;
	return fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

/* The dead engine had not read it, so nobody held it: it is lost. */
static void drain(struct vn_loop *l)
{
	uint64_t arrival_ns;
	uint32_t slot;
	ssize_t n;

	while ((n = tap_read(l)) > 0) {
		if (!understand(l, (uint32_t)n, &slot, &arrival_ns))
			continue;
		if (slot == 0)
			marker(l);
		else if (vn_loop_claim(l, slot) == VN_OWN_MINE)
			vn_stat_join(&l->dir[slot].drops[VN_EDROP_LOST], vn_body_of(landing(l))->gso.segs);
	}
}

int vn_bulk_open(struct vn_loop *l, int fd)
{
	static struct vn_bulk bulk;
	int r;

	bulk = (struct vn_bulk){.fd = fd};
	r = set_up(fd);
	if (r < 0)
		return r;
	l->bulk = &bulk;
	l->io.fd = fd;
	vn_bulk_room_init(&bulk.room);
	vn_stat_set(&l->status->gso_room_bytes, bulk.room.bytes);
	if (!land_renew(l, VN_PIECES_MAX))
		return -ENOMEM;
	drain(l);
	return 0;
}
