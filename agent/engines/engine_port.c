// SPDX-License-Identifier: GPL-2.0-only
#include "engines/engine_port.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <base/util.h>

#include "net/offload.h"
#include "net/tc.h"
#include "net/veth.h"

#define TAP_NAME      "bulk"
#define TAP_FRAMES    2048 /* that its engine has not read yet: a stall of some ms */
#define TAP_HDR_BYTES 12   /* struct virtio_net_hdr_v1 */
/*
 * What may wait for room in an engine port's ring (256 frames), on the wire: a burst of GSO frames of many senders, and
 * no more of anybody's than the engine takes in a few ms.
 */
#define QUEUE_BYTES (2u << 20)
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

const char *vn_engine_port_name(char buf[16], uint32_t index, int end)
{
	if (index == VN_ENGINE_BULK)
		snprintf(buf, 16, TAP_NAME);
	else
		snprintf(buf, 16, "tr%u", 2 * index + (uint32_t)end);
	return buf;
}

/* By its index: for a name that no device has the kernel runs modprobe, twice. */
bool vn_engine_port_there(uint32_t index, int end)
{
	char name[IF_NAMESIZE], ours[16];

	return if_indextoname(vn_engine_port_ifindex(index, end), name) &&
	       strcmp(name, vn_engine_port_name(ours, index, end)) == 0;
}

static int tolerate_exist(void *arg, uint64_t tag, int error)
{
	return error == EEXIST ? 0 : -error;
}

/* Its name and its index must both be right: something else of either is not ours to use. */
static int check_device(uint32_t index, int end, struct vn_err *err)
{
	char name[16];

	if (vn_engine_port_there(index, end))
		return 0;
	return vn_err_kernel(err, ENODEV,
			     "engine port %u: %s is missing in %s: delete what has its name or index %u there", index,
			     vn_engine_port_name(name, index, end), VN_FABRIC_NAME, vn_engine_port_ifindex(index, end));
}

static int make_pair(struct vn_nl *nl, uint32_t index, struct vn_err *err)
{
	char names[2][16];
	const struct vn_veth_end a = {.ifname = vn_engine_port_name(names[0], index, 0),
				      .ifindex = vn_engine_port_ifindex(index, 0),
				      .netns_fd = -1};
	const struct vn_veth_end b = {.ifname = vn_engine_port_name(names[1], index, 1),
				      .ifindex = vn_engine_port_ifindex(index, 1),
				      .netns_fd = -1};
	int r;

	nl->on_error = tolerate_exist;
	vn_veth_create(nl, &a, &b, VN_ENGINE_PORT_MTU, 0);
	r = vn_nl_flush(nl);
	nl->on_error = NULL;
	for (int end = 0; end < 2 && r == 0; end++)
		r = check_device(index, end, err);
	return r == 0 ? vn_offload_all_off(a.ifname, err) : r;
}

/* What the engine can take: GSO frames, and checksums still to be made. Older kernels lack the segmentation of UDP.
 */
static int set_offloads(int fd)
{
	const unsigned int base = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;

	if (ioctl(fd, TUNSETOFFLOAD, base | TUN_F_USO4 | TUN_F_USO6) == 0)
		return 0;
	return ioctl(fd, TUNSETOFFLOAD, base) < 0 ? -errno : 0;
}

static int attach_tap(int fd)
{
	struct ifreq ifr = {.ifr_name = TAP_NAME, .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	unsigned int ifindex = vn_engine_port_ifindex(VN_ENGINE_BULK, 0);
	int hdr = TAP_HDR_BYTES;

	/* Counts only when the device is not there yet. */
	if (ioctl(fd, TUNSETIFINDEX, &ifindex) < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0 ||
	    ioctl(fd, TUNSETPERSIST, 1UL) < 0 || ioctl(fd, TUNSETVNETHDRSZ, &hdr) < 0)
		return -errno;
	return set_offloads(fd);
}

int vn_engine_port_open_tap(struct vn_err *err)
{
	cleanup_close int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	int r = fd < 0 ? -errno : attach_tap(fd);

	/* An engine that just died may not have let go of it yet; the keeper tries again. */
	if (r < 0)
		return vn_err(err, VN_EXIT_NOT_POSSIBLE, -r,
			      "bulk engine's port: tap device: %s (the kernel needs CONFIG_TUN, and /dev/net/tun)",
			      strerror(-r));
	return take_fd(&fd);
}

static int make_tap(struct vn_nl *nl, struct vn_err *err)
{
	cleanup_close int fd = -EBADF;
	int r;

	/* There already, perhaps with an engine at it: that one has set it up. */
	if (vn_engine_port_there(VN_ENGINE_BULK, 0))
		return 0;
	fd = vn_engine_port_open_tap(err);
	if (fd < 0)
		return fd;
	vn_link_set_room(nl, vn_engine_port_ifindex(VN_ENGINE_BULK, 0), VN_ENGINE_PORT_MTU, TAP_FRAMES);
	vn_tc_noqueue(nl, vn_engine_port_ifindex(VN_ENGINE_BULK, 0));
	r = vn_nl_flush(nl);
	return r == 0 ? check_device(VN_ENGINE_BULK, 0, err) : r;
}

static void deliver_filter(const struct vn_placement *p, struct vn_nl *nl, uint32_t index)
{
	vn_tc_bpf_ingress(nl, vn_engine_port_ifindex(index, 0), p->dp->fd_tc_deliver, "vn_tc_deliver", 0);
}

/* The programs first: no frame crosses an engine port without them. */
int vn_engine_port_make(struct vn_placement *p, struct vn_nl *nl, uint32_t index, struct vn_err *err)
{
	bool tap = index == VN_ENGINE_BULK;
	int r = tap ? make_tap(nl, err) : make_pair(nl, index, err);

	if (r == 0 && !tap)
		r = vn_dp_attach_engine(p->dp, index, vn_engine_port_ifindex(index, 1), err);
	if (r < 0)
		return r;
	vn_tc_ingress(nl, vn_engine_port_ifindex(index, 0));
	deliver_filter(p, nl, index);
	if (!tap)
		vn_tc_queue(nl, vn_engine_port_ifindex(index, 0), QUEUE_BYTES);
	r = vn_nl_flush(nl);
	if (r < 0)
		return r;
	vn_link_up(nl, vn_engine_port_ifindex(index, 0));
	if (!tap)
		vn_link_up(nl, vn_engine_port_ifindex(index, 1));
	r = vn_nl_flush(nl);
	if (r == 0)
		p->port[index].there = true;
	return r;
}

int vn_engine_port_refresh(struct vn_placement *p, struct vn_nl *nl, uint32_t index, struct vn_err *err)
{
	int r = index == VN_ENGINE_BULK ? 0 : vn_dp_attach_engine(p->dp, index, vn_engine_port_ifindex(index, 1), err);

	if (r < 0)
		return r;
	deliver_filter(p, nl, index);
	return vn_nl_flush(nl);
}

int vn_finish_refresh(struct vn_placement *p, struct vn_nl *nl, struct vn_err *err)
{
	const uint32_t first = vn_engine_port_ifindex(VN_ENGINE_PORT_FINISH, 0);
	int r = 0;

	for (int end = 0; end < 2 && r == 0; end++)
		r = vn_dp_attach_finish(p->dp, end, vn_engine_port_ifindex(VN_ENGINE_PORT_FINISH, end), err);
	if (r < 0)
		return r;
	vn_tc_bpf_ingress(nl, first, p->dp->fd_tc_finish, "vn_tc_finish", 0);
	return vn_nl_flush(nl);
}

int vn_finish_make(struct vn_placement *p, struct vn_nl *nl, struct vn_err *err)
{
	const uint32_t first = vn_engine_port_ifindex(VN_ENGINE_PORT_FINISH, 0);
	char name[16];
	int r = make_pair(nl, VN_ENGINE_PORT_FINISH, err);

	if (r < 0)
		return r;
	vn_tc_ingress(nl, first);
	r = vn_finish_refresh(p, nl, err);
	if (r < 0)
		return r;
	vn_link_up(nl, first);
	vn_link_up(nl, vn_engine_port_ifindex(VN_ENGINE_PORT_FINISH, 1));
	r = vn_nl_flush(nl);
	/* Again: a veth that comes up with an XDP program begins to join frames (GRO). */
	return r == 0 ? vn_offload_all_off(vn_engine_port_name(name, VN_ENGINE_PORT_FINISH, 0), err) : r;
}

static void describe(void *arg, uint64_t tag, char *buf, size_t size)
{
	snprintf(buf, size, "engine port");
}

static struct vn_nl port_nl(void)
{
	struct vn_nl nl = VN_NL_INIT;

	nl.describe = describe;
	return nl;
}

int vn_engine_port_add(struct vn_placement *p, uint32_t index, struct vn_err *err)
{
	cleanup_nl struct vn_nl nl = port_nl();
	int r = p->port[index].there ? 0 : vn_home_enter(p->home, err);

	if (r < 0 || p->port[index].there)
		return r;
	r = vn_nl_open(&nl, err);
	if (r == 0)
		r = vn_engine_port_make(p, &nl, index, err);
	vn_netns_leave(p->home->host_netns_fd);
	return r;
}

int vn_engine_port_dropped(struct vn_placement *p, uint32_t index, uint64_t *ret_dropped, struct vn_err *err)
{
	cleanup_nl struct vn_nl nl = port_nl();
	int r = vn_home_nl_open(p->home, p->home->netns_fd, &nl, err);

	return r < 0 ? r : vn_link_tx_dropped(&nl, vn_engine_port_ifindex(index, 0), ret_dropped);
}

int vn_engine_port_remove(struct vn_placement *p, uint32_t index, struct vn_err *err)
{
	cleanup_nl struct vn_nl nl = port_nl();
	int r = vn_home_nl_open(p->home, p->home->netns_fd, &nl, err);

	if (r < 0)
		return r;
	vn_link_set_group(&nl, vn_engine_port_ifindex(index, 0), VN_GROUP_DYING);
	vn_link_delete_group(&nl, VN_GROUP_DYING);
	p->port[index] = (struct vn_engine_port){0};
	vn_dp_detach_engine(p->dp, index);
	return vn_nl_flush(&nl);
}
