/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control socket: Varlink, JSON objects ended by NUL on a unix stream socket.
 *
 *   request  {"method": "vnet.agent.LinkSet", "parameters": {...}, "more": true}
 *            "more": several replies are welcome; "oneway": none is
 *   reply    {"parameters": {...}, "continues": true}              "continues": others follow
 *   error    {"error": "vnet.agent.Failed", "parameters": {"exit": 1, "errno": 22, "text": "link ab: ..."}}
 *
 * `control.sock` (0660) takes every method, `observe.sock` (0666) those that read only. Methods, parameters, answers
 * and events: agent/methods/method_table.c and interface.c, from which docs/PROTOCOL.md is made.
 */
#ifndef VNET_API_WIRE_H
#define VNET_API_WIRE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <base/err.h>

#include "base/runtime_dir.h"

#define VN_WIRE_FILES_MAX   (32u << 20) /* of the files of one request */
#define VN_WIRE_REQUEST_MAX (96u << 20) /* those, and a topology file of VN_TOPO_FILE_MAX, escaped moderately */
#define VN_WIRE_REPLY_MAX   (256u << 20)

/* A growing buffer of received bytes, cut into messages. */
struct vn_wire_buf {
	char *data;
	size_t len, size;
	size_t max; /* longest message taken */
	size_t scanned;
};
void vn_wire_buf_release(struct vn_wire_buf *b);

/* Read what is there into @b. Bytes read; 0: the other side closed; -EAGAIN; -EMSGSIZE when longer than @b->max. */
ssize_t vn_wire_fill(struct vn_wire_buf *b, int fd);
/* The same, without receiving a descriptor: -EREMOTE when one waits. */
ssize_t vn_wire_fill_checked(struct vn_wire_buf *b, int fd);
/* The same from the receiver, which passes network namespaces: the last is in *@passed, what was there is closed. */
ssize_t vn_wire_fill_fd(struct vn_wire_buf *b, int fd, int *passed);
/* Take the first complete message: 0 with an object, -EAGAIN when none is complete, -EBADMSG when it is not JSON. */
int vn_wire_take(struct vn_wire_buf *b, json_t **ret_msg, struct vn_err *err);
/* The reply that says @err. */
json_t *vn_wire_error(const struct vn_err *err);
/* Does a whole message wait? Of an empty buffer the memory goes. */
bool vn_wire_ready(struct vn_wire_buf *b);
/* Compact text of @msg, with its NUL counted in *@ret_len. Free it. */
char *vn_wire_encode(const json_t *msg, size_t *ret_len);

/* Client side. */
struct vn_client {
	int fd;
	struct vn_wire_buf in;
};
/* VN_EXIT_NO_AGENT when nobody listens (with how to start it), VN_EXIT_DENIED when the socket refuses us. */
int vn_client_open(const char *runtime_dir, bool observe, struct vn_client *ret_c, struct vn_err *err);
/*
 * Nobody listens, and has not since @since_ns (vn_now_ns()): may it be worth trying again? For a moment in any case,
 * for 2 s where the lock says that a daemon is starting.
 */
bool vn_client_may_start(const char *runtime_dir, uint64_t since_ns);
void vn_client_release(struct vn_client *c);
int vn_client_send(struct vn_client *c, const char *method, const json_t *parameters, bool more, struct vn_err *err);
/*
 * Next reply: its "parameters" (a new reference) and whether others follow. An error reply fills @err (exit, errno and
 * text as the daemon gave them) and returns its -errno.
 */
int vn_client_receive(struct vn_client *c, json_t **ret_parameters, bool *ret_continues, struct vn_err *err);
/* The same with descriptor @pass, which stays the caller's. */
int vn_client_send_fd(struct vn_client *c, const char *method, const json_t *parameters, int pass, struct vn_err *err);
/* Send, and wait for the one reply. */
int vn_client_call(struct vn_client *c, const char *method, const json_t *parameters, json_t **ret_parameters,
		   struct vn_err *err);

#endif
