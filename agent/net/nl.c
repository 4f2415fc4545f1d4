/* SPDX-License-Identifier: GPL-2.0-only */
#include "net/nl.h"

#include <pthread.h>

#include <base/netlink.h>

#define MSG_BYTES 4096u
/* One answer of 36 bytes takes about 768 of the receive buffer: room for a batch in which every request fails. */
#define RCVBUF_BYTES (4 << 20)
#define DUMP_TRIES   20 /* of what others change all the time */

#ifndef NETLINK_GET_STRICT_CHK
#define NETLINK_GET_STRICT_CHK 12
#endif

int vn_nl_open_protocol(struct vn_nl *nl, int protocol, struct vn_err *err)
{
	const int one = 1, size = RCVBUF_BYTES;

	nl->err = err;
	vn_cleanup_close(&nl->fd);
	nl->fd = vn_netlink_open(protocol, 0, 0, &nl->port);
	if (nl->fd < 0)
		return vn_err_kernel(err, -nl->fd, "netlink socket: %s", strerror(-nl->fd));
	if (setsockopt(nl->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(nl->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (setsockopt(nl->fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one)) < 0 ||
	    setsockopt(nl->fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one)) < 0) {
		int r = -errno;

		vn_nl_close(nl);
		return vn_err(err, VN_EXIT_NOT_POSSIBLE, -r,
			      "netlink without extended acknowledgements: %s: Linux 4.12 "
			      "or later is needed",
			      strerror(-r));
	}
	setsockopt(nl->fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
	nl->msg = nl->msg ?: nlmsg_alloc_size(MSG_BYTES);
	nl->buf = nl->buf ?: malloc(VN_NL_BATCH_BYTES + MSG_BYTES);
	nl->reqs = nl->reqs ?: calloc(VN_NL_BATCH_MAX, sizeof(*nl->reqs));
	if (!nl->msg || !nl->buf || !nl->reqs) {
		vn_nl_close(nl);
		return vn_err_kernel(err, ENOMEM, "netlink: %s", strerror(ENOMEM));
	}
	nl->n_reqs = nl->len = 0;
	nl->seq = vn_netlink_seq();
	nl->peer = 0;
	nl->failed = 0;
	return 0;
}

int vn_nl_open(struct vn_nl *nl, struct vn_err *err)
{
	return vn_nl_open_protocol(nl, NETLINK_ROUTE, err);
}

void vn_nl_close(struct vn_nl *nl)
{
	vn_cleanup_close(&nl->fd);
	nl->fd = -1;
	nlmsg_free(nl->msg);
	nl->msg = NULL;
	free(nl->buf);
	nl->buf = NULL;
	free(nl->reqs);
	nl->reqs = NULL;
}

void vn_nl_begin(struct vn_nl *nl, uint16_t type, uint16_t flags, const void *hdr, size_t len)
{
	struct nlmsghdr *h = nlmsg_hdr(nl->msg);

	/* One message serves all requests: it is emptied, filled, and copied into the batch. */
	h->nlmsg_len = NLMSG_HDRLEN;
	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	h->nlmsg_seq = nl->seq + (uint32_t)nl->n_reqs;
	h->nlmsg_pid = 0;
	nl->overflow = nlmsg_append(nl->msg, (void *)hdr, len, NLMSG_ALIGNTO) < 0;
}

void vn_nl_put(struct vn_nl *nl, int type, const void *data, size_t len)
{
	if (nla_put(nl->msg, type, (int)len, data) < 0)
		nl->overflow = true;
}

void vn_nl_put_u32(struct vn_nl *nl, int type, uint32_t value)
{
	vn_nl_put(nl, type, &value, sizeof(value));
}

void vn_nl_put_str(struct vn_nl *nl, int type, const char *s)
{
	vn_nl_put(nl, type, s, strlen(s) + 1);
}

struct nlattr *vn_nl_nest(struct vn_nl *nl, int type)
{
	struct nlattr *nest = nla_nest_start(nl->msg, type | NLA_F_NESTED);

	if (!nest)
		nl->overflow = true;
	return nest;
}

void vn_nl_nest_end(struct vn_nl *nl, struct nlattr *nest)
{
	if (nest)
		nla_nest_end(nl->msg, nest);
}

/* The kernel's own words about a failure, or "". */
static const char *extack(const struct nlmsghdr *h)
{
	const struct nlmsgerr *e = NLMSG_DATA(h);
	size_t off = sizeof(*e);
	struct nlattr *a;
	int left;

	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
		return "";
	if (!(h->nlmsg_flags & NLM_F_CAPPED))
		off += NLMSG_ALIGN(e->msg.nlmsg_len) - sizeof(e->msg);
	if (NLMSG_LENGTH(off) > h->nlmsg_len)
		return "";
	left = (int)(h->nlmsg_len - NLMSG_LENGTH(off));
	for (a = (struct nlattr *)((uint8_t *)NLMSG_DATA(h) + off); nla_ok(a, left); a = nla_next(a, &left))
		if (nla_type(a) == NLMSGERR_ATTR_MSG && nla_len(a) > 0 && !((char *)nla_data(a))[nla_len(a) - 1])
			return nla_data(a);
	return "";
}

static void request_failed(struct vn_nl *nl, const struct vn_nl_req *req, int error, const char *text)
{
	char object[256] = "";

	if (error == (int)(req->ok & 0xffff) || error == (int)(req->ok >> 16))
		return;
	if (nl->on_error && nl->on_error(nl->arg, req->tag, error) == 0)
		return;
	if (nl->failed)
		return;
	nl->failed = -error;
	if (nl->describe)
		nl->describe(nl->arg, req->tag, object, sizeof(object));
	vn_err_kernel(nl->err, error, "%s%s%s: %s%s%s%s", object, *object ? ": " : "", req->what, strerror(error),
		      *text ? " (" : "", text, *text ? ")" : "");
}

/* Read answers until that of the last request; -ENOBUFS when the kernel had to throw some away. */
static int receive_acks(struct vn_nl *nl)
{
	const uint32_t last = nl->seq + (uint32_t)nl->n_reqs - 1;
	_Alignas(struct nlmsghdr) uint8_t buf[16384];

	for (;;) {
		ssize_t n = vn_netlink_recv(nl->fd, nl->peer, buf, sizeof(buf), 0);
		struct nlmsghdr *h;

		if (n < 0)
			return (int)n;
		for (h = (struct nlmsghdr *)buf; NLMSG_OK(h, (size_t)n); h = NLMSG_NEXT(h, n)) {
			const struct nlmsgerr *e = NLMSG_DATA(h);
			uint32_t index = h->nlmsg_seq - nl->seq;

			if (h->nlmsg_type != NLMSG_ERROR || h->nlmsg_len < NLMSG_LENGTH(sizeof(*e)) ||
			    h->nlmsg_pid != nl->port || index >= nl->n_reqs)
				continue;
			if (e->error)
				request_failed(nl, &nl->reqs[index], -e->error, extack(h));
			if (h->nlmsg_seq == last)
				return 0;
		}
	}
}

static void send_batch(struct vn_nl *nl)
{
	ssize_t n;
	int r = 0;

	if (!nl->n_reqs)
		return;
	((struct nlmsghdr *)(nl->buf + nl->last))->nlmsg_flags |= NLM_F_ACK;
	do
		n = send(nl->fd, nl->buf, nl->len, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		r = -errno;
	else
		r = receive_acks(nl);
	if (r < 0 && !nl->failed) {
		nl->failed = r;
		vn_err_kernel(nl->err, -r, "netlink batch of %zu requests: %s", nl->n_reqs, strerror(-r));
	}
	nl->seq += (uint32_t)nl->n_reqs;
	nl->n_done += nl->n_reqs;
	nl->n_reqs = nl->len = 0;
}

void vn_nl_end(struct vn_nl *nl, const char *what, uint32_t ok)
{
	const struct nlmsghdr *h = nlmsg_hdr(nl->msg);

	if (nl->overflow) {
		request_failed(nl, &(struct vn_nl_req){nl->tag, what, 0}, EMSGSIZE, "");
		return;
	}
	memcpy(nl->buf + nl->len, h, h->nlmsg_len);
	((struct nlmsghdr *)(nl->buf + nl->len))->nlmsg_seq = nl->seq + (uint32_t)nl->n_reqs;
	nl->last = nl->len;
	nl->len += NLMSG_ALIGN(h->nlmsg_len);
	nl->reqs[nl->n_reqs++] = (struct vn_nl_req){nl->tag, what, ok};
	if (nl->n_reqs == VN_NL_BATCH_MAX || nl->len >= VN_NL_BATCH_BYTES)
		send_batch(nl);
}

int vn_nl_flush(struct vn_nl *nl)
{
	int r;

	send_batch(nl);
	r = nl->failed;
	nl->failed = 0;
	return r;
}

static void *send_batch_thread(void *nl)
{
	send_batch(nl);
	return NULL;
}

int vn_nl_flush_slow(struct vn_nl *nl, void (*wait)(void *arg), void *arg)
{
	pthread_t thread;

	if (nl->n_reqs && pthread_create(&thread, NULL, send_batch_thread, nl) == 0)
		while (pthread_tryjoin_np(thread, NULL) == EBUSY)
			wait(arg);
	return vn_nl_flush(nl);
}

/* A dump that the kernel broke off ends with its error, where there is one. */
static int done_error(const struct nlmsghdr *h)
{
	int error = 0;

	if (h->nlmsg_len >= NLMSG_LENGTH(sizeof(error)))
		memcpy(&error, NLMSG_DATA(h), sizeof(error));
	return error < 0 ? error : 0;
}

/* One pass: 0, -EAGAIN when what is dumped changed meanwhile, or what the kernel says. */
static int dump_once(struct vn_nl *nl, uint32_t seq, void (*each)(void *arg, struct nlmsghdr *h), void *arg)
{
	_Alignas(struct nlmsghdr) uint8_t buf[32768];
	bool torn = false;
	size_t answers = 0;

	for (;;) {
		ssize_t n = vn_netlink_recv(nl->fd, nl->peer, buf, sizeof(buf), 0);
		struct nlmsghdr *h;

		if (n < 0)
			return (int)n;
		for (h = (struct nlmsghdr *)buf; NLMSG_OK(h, (size_t)n); h = NLMSG_NEXT(h, n)) {
			if (h->nlmsg_seq != seq || h->nlmsg_pid != nl->port)
				continue;
			torn |= h->nlmsg_flags & NLM_F_DUMP_INTR;
			if (h->nlmsg_type == NLMSG_DONE)
				return done_error(h) ?: torn ? -EAGAIN : 0;
			if (h->nlmsg_type == NLMSG_ERROR)
				return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
			if (nl->dump_most && answers++ == nl->dump_most) {
				/* The rest of the answers would be taken for those of the next request. */
				vn_cleanup_close(&nl->fd);
				nl->fd = -1;
				return -E2BIG;
			}
			each(arg, h);
		}
	}
}

int vn_nl_dump(struct vn_nl *nl, void (*each)(void *arg, struct nlmsghdr *h), void *arg)
{
	struct nlmsghdr *req = nlmsg_hdr(nl->msg);
	int r = -EAGAIN;

	for (unsigned int i = 0; i < (nl->dump_tries ?: DUMP_TRIES) && r == -EAGAIN; i++) {
		req->nlmsg_seq = nl->seq++;
		r = send(nl->fd, req, req->nlmsg_len, 0) < 0 ? -errno : dump_once(nl, req->nlmsg_seq, each, arg);
	}
	return r < 0 ? vn_err_kernel(nl->err, -r, "netlink dump: %s", strerror(-r)) : 0;
}
