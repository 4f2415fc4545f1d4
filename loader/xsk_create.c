/* SPDX-License-Identifier: GPL-2.0-only */
/* The privileged half of an AF_XDP socket: creation and UMEM. Rings, mmap and bind are its user's. */
#include "loader/loader.h"

#include <fcntl.h>
#include <linux/if_xdp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include <base/util.h>
#include <base/xdp_uapi.h>

/*
 * Without multi-buffer AF_XDP a frame must be one piece, so veth must find room for it in one page, beside headroom and
 * skb_shared_info: 3520 bytes, of which the Ethernet header, a tag of the sender's and the engine port's own take 22.
 */
#define MTU_ONE_PIECE 3490

static bool at_least(const char *release, unsigned int major, unsigned int minor)
{
	unsigned int a = 0, b = 0;

	if (sscanf(release, "%u.%u", &a, &b) != 2)
		return false;
	return a > major || (a == major && b >= minor);
}

bool vn_kernel_at_least(unsigned int major, unsigned int minor)
{
	struct utsname u;

	return uname(&u) == 0 && at_least(u.release, major, minor);
}

/* Multi-buffer AF_XDP (XDP_USE_SG) came with Linux 6.6; there is no way to ask but the version. */
static bool has_sg(const char *release)
{
	return at_least(release, 6, 6);
}

int vn_kernel_ask(struct vn_kernel *ret_kernel, struct vn_err *err)
{
	struct utsname u;

	if (uname(&u) < 0)
		return vn_err_kernel(err, errno, "uname: %s", strerror(errno));
	*ret_kernel = (struct vn_kernel){.held_mtu_max = has_sg(u.release) ? UINT32_MAX : MTU_ONE_PIECE};
	snprintf(ret_kernel->release, sizeof(ret_kernel->release), "%s", u.release);
	return 0;
}

static bool have_sg(void)
{
	return vn_kernel_at_least(6, 6);
}

uint32_t vn_xsk_chunk_size(void)
{
	return have_sg() ? 2048 : 4096;
}

/* Sealed: who gets it cannot take pages from under the kernel's or the other's mapping. */
static int make_umem(off_t size)
{
	cleanup_close int fd = memfd_create("vnet-umem", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, size) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -1;
	return take_fd(&fd);
}

static int register_umem(int fd, int umem_fd, uint32_t chunks, uint32_t chunk_size)
{
	size_t len = (size_t)chunks * chunk_size;
	struct xdp_umem_reg reg = {.len = len, .chunk_size = chunk_size};
	int r = 0;

	reg.addr = (uintptr_t)mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, umem_fd, 0);
	if ((void *)(uintptr_t)reg.addr == MAP_FAILED)
		return -errno;
	if (setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)) < 0)
		r = -errno;
	/* The kernel holds the pages; who works with them maps the memfd. */
	munmap((void *)(uintptr_t)reg.addr, len);
	return r;
}

int vn_xsk_create(uint32_t chunks, uint32_t rx_entries, int old_umem_fd, struct vn_xsk *ret_xsk, struct vn_err *err)
{
	cleanup_close int fd = -EBADF, umem = -EBADF;
	bool sg = have_sg();
	uint32_t chunk_size = vn_xsk_chunk_size();
	int r;

	fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return vn_err(err, VN_EXIT_NOT_POSSIBLE, errno,
			      "AF_XDP socket: %s (the kernel needs CONFIG_XDP_SOCKETS)", strerror(errno));
	r = old_umem_fd >= 0 ? fcntl(old_umem_fd, F_DUPFD_CLOEXEC, 3) : make_umem((off_t)chunks * chunk_size);
	if (r < 0)
		return vn_err_kernel(err, errno, "UMEM of %u chunks: %s", chunks, strerror(errno));
	umem = r;
	r = register_umem(fd, umem, chunks, chunk_size);
	if (r < 0)
		return vn_err_kernel(
			err, -r, "registering a UMEM of %u chunks of %u bytes: %s%s", chunks, chunk_size, strerror(-r),
			r == -ENOBUFS || r == -EPERM ? " (RLIMIT_MEMLOCK: the agent needs CAP_IPC_LOCK)" : "");
	if (setsockopt(fd, SOL_XDP, XDP_RX_RING, &rx_entries, sizeof(rx_entries)) < 0)
		return vn_err_kernel(err, errno, "receive ring of %u frames: %s", rx_entries, strerror(errno));
	*ret_xsk = (struct vn_xsk){
		.fd = take_fd(&fd), .umem_fd = take_fd(&umem), .chunks = chunks, .chunk_size = chunk_size, .sg = sg};
	return 0;
}

void vn_xsk_release(struct vn_xsk *x)
{
	vn_cleanup_close(&x->fd);
	vn_cleanup_close(&x->umem_fd);
	x->fd = x->umem_fd = -EBADF;
}
