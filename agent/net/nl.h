/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Batches of rtnetlink requests: many in one system call. The kernel runs them in order and goes on after a failure;
 * it always reports failures, so that only the last request of a batch asks for an acknowledgement.
 *
 *   nl.tag = <which object>;
 *   vn_veth_create(&nl, ...); vn_tc_ingress(&nl, ...); ...
 *   r = vn_nl_flush(&nl);          the first failure, told with the object's name and the kernel's own text
 */
#ifndef VNET_NET_NL_H
#define VNET_NET_NL_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdbool.h>
#include <stdint.h>

#include <base/err.h>

/*
 * Whose an object in a node's kernel is: rtm_protocol of routes, NDA_PROTOCOL of neighbours, IFA_PROTO of addresses.
 * No routing daemon uses the number (/etc/iproute2/rt_protos).
 */
#define VN_PROTOCOL 118

#define VN_NL_BATCH_MAX   512 /* requests */
#define VN_NL_BATCH_BYTES (64u << 10)

/* Up to two errnos that a request may fail with, because the goal is reached all the same. */
#define VN_NL_OK(a)     ((uint32_t)(a))
#define VN_NL_OK2(a, b) ((uint32_t)(a) | (uint32_t)(b) << 16)

struct vn_nl_req {
	uint64_t tag;
	const char *what; /* static: "create its veth pair" */
	uint32_t ok;
};

/**
 * struct vn_nl - a netlink socket and the batch being written
 * @tag:      names the object that the next requests belong to; only used when one fails
 * @describe: writes the object of @tag in words: "link ab, port a:eth0"; NULL: the tag is not told
 * @on_error: sees each failure first (not those a request tolerates); 0: taken care of
 * @err:      where the first failure is told
 */
struct vn_nl {
	int fd;
	uint64_t tag;
	void (*describe)(void *arg, uint64_t tag, char *buf, size_t size);
	int (*on_error)(void *arg, uint64_t tag, int error);
	void *arg;
	struct vn_err *err;

	struct nl_msg *msg; /* the request being built */
	struct vn_nl_req *reqs;
	uint8_t *buf;
	size_t n_reqs, len, last; /* @last: where the newest request begins in @buf */
	uint32_t port;            /* the socket's own port id: the kernel's answers carry it */
	uint32_t peer;            /* port id of who answers: the kernel's, 0; tests have a kernel of their own */
	uint32_t seq;             /* of reqs[0]; begins at random */
	size_t n_done;            /* requests sent since the socket was opened */
	bool overflow;            /* the request being built did not fit */
	size_t dump_most;         /* answers that a dump may have, 0: any number; more are -E2BIG, and @fd is closed */
	unsigned int dump_tries;  /* of what others change all the time; 0: 20 */
	int failed;               /* first failure since the last vn_nl_flush() */
};

#define VN_NL_INIT                                                                                                     \
	{                                                                                                              \
		.fd = -1                                                                                               \
	}

/* A socket in the namespace of the calling thread. Open already: closed first, its buffers are used again. */
int vn_nl_open(struct vn_nl *nl, struct vn_err *err);
/* The same of another @protocol than NETLINK_ROUTE. */
int vn_nl_open_protocol(struct vn_nl *nl, int protocol, struct vn_err *err);
void vn_nl_close(struct vn_nl *nl);
#define cleanup_nl __attribute__((cleanup(vn_nl_close)))

/* Begin a request: @hdr is its family's header. Attributes follow by the vn_nl_put functions, vn_nl_end() ends it. */
void vn_nl_begin(struct vn_nl *nl, uint16_t type, uint16_t flags, const void *hdr, size_t len);
void vn_nl_put(struct vn_nl *nl, int type, const void *data, size_t len);
void vn_nl_put_u32(struct vn_nl *nl, int type, uint32_t value);
void vn_nl_put_str(struct vn_nl *nl, int type, const char *s);
struct nlattr *vn_nl_nest(struct vn_nl *nl, int type);
void vn_nl_nest_end(struct vn_nl *nl, struct nlattr *nest);
/* Append it to the batch, which is sent when full. Failures are kept for vn_nl_flush(). */
void vn_nl_end(struct vn_nl *nl, const char *what, uint32_t ok);

/* Send what is left; 0 or the first failure since the last flush, -errno. */
int vn_nl_flush(struct vn_nl *nl);
/*
 * The same for requests over which the kernel sits long, since rtnetlink works within sendmsg(2): a helper thread sits
 * there, and @wait is called until it is through, each time to wait for a moment. @nl is not to be touched in there.
 */
int vn_nl_flush_slow(struct vn_nl *nl, void (*wait)(void *arg), void *arg);

/*
 * Send the request begun by vn_nl_begin(), of a dump (flags with NLM_F_DUMP) or of one object (NLM_F_ACK); @each sees
 * every answer. A dump during which something changed (NLM_F_DUMP_INTR) may lack objects and is made again: @each may
 * see one twice.
 */
int vn_nl_dump(struct vn_nl *nl, void (*each)(void *arg, struct nlmsghdr *h), void *arg);

#endif
