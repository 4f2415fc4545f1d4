/* SPDX-License-Identifier: GPL-2.0-only */
/* The caller's side of the control socket. */
#include "api/wire.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <base/util.h>

#include "base/fdpass.h"

#define STARTING_NS (2 * VN_NSEC_PER_SEC)
#define APPEAR_NS   (400 * VN_NSEC_PER_MSEC) /* for a daemon that was started in the line before */

bool vn_client_may_start(const char *runtime_dir, uint64_t since_ns)
{
	uint64_t waited = vn_now_ns() - since_ns;

	return waited < APPEAR_NS || (waited < STARTING_NS && vn_daemon_pid(runtime_dir) > 0);
}

int vn_client_open(const char *runtime_dir, bool observe, struct vn_client *ret_c, struct vn_err *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	cleanup_close int fd = -EBADF;

	if (snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%s", runtime_dir,
		     observe ? VN_SOCK_OBSERVE : VN_SOCK_CONTROL) >= (int)sizeof(addr.sun_path))
		return vn_err_usage(err, "runtime directory '%s' is too long for a socket's path", runtime_dir);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return vn_err_kernel(err, errno, "socket: %s", strerror(errno));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		if (errno == EACCES || errno == EPERM)
			return vn_err(err, VN_EXIT_DENIED, errno, "%s: %s: be root or of the socket's group",
				      addr.sun_path, strerror(errno));
		return vn_err(err, VN_EXIT_NO_AGENT, errno,
			      "no agent answers on %s (%s): start it with `vnet-agent daemon` as root", addr.sun_path,
			      strerror(errno));
	}
	*ret_c = (struct vn_client){.fd = take_fd(&fd), .in.max = VN_WIRE_REPLY_MAX};
	return 0;
}

void vn_client_release(struct vn_client *c)
{
	vn_cleanup_close(&c->fd);
	c->fd = -EBADF;
	vn_wire_buf_release(&c->in);
}

static int gone(struct vn_err *err)
{
	return vn_err(err, VN_EXIT_NO_AGENT, ECONNRESET,
		      "the agent closed the connection: see its log, and start it again");
}

static int client_send(struct vn_client *c, const char *method, const json_t *parameters, bool more, int pass,
		       struct vn_err *err)
{
	json_t *msg = json_pack("{s:s, s:O?}", "method", method, "parameters", parameters);
	cleanup_free char *text = NULL;
	size_t len = 0, done = 0;

	if (msg && more)
		json_object_set_new(msg, "more", json_true());
	text = msg ? vn_wire_encode(msg, &len) : NULL;
	json_decref(msg);
	if (!text)
		return vn_err_usage(err, "the request cannot be written as JSON (is the input UTF-8?)");
	while (done < len) {
		/* The first byte carries the descriptor. */
		ssize_t n = vn_pass_send(c->fd, text + done, len - done, &pass, pass >= 0 && !done, 0);

		if (n == -EINTR)
			continue;
		if (n < 0)
			return gone(err);
		done += (size_t)n;
	}
	return 0;
}

int vn_client_send(struct vn_client *c, const char *method, const json_t *parameters, bool more, struct vn_err *err)
{
	return client_send(c, method, parameters, more, -1, err);
}

int vn_client_send_fd(struct vn_client *c, const char *method, const json_t *parameters, int pass, struct vn_err *err)
{
	return client_send(c, method, parameters, false, pass, err);
}

static int take_error(const json_t *msg, struct vn_err *err)
{
	int exit_code = VN_EXIT_KERNEL, errnum = EIO;
	const char *text = "the agent reported an error without a text";

	json_unpack((json_t *)msg, "{s:{s?i, s?i, s?s}}", "parameters", "exit", &exit_code, "errno", &errnum, "text",
		    &text);
	return vn_err(err, (enum vn_exit)exit_code, errnum > 0 ? errnum : EIO, "%s", text);
}

int vn_client_receive(struct vn_client *c, json_t **ret_parameters, bool *ret_continues, struct vn_err *err)
{
	json_t *msg = NULL, *params;
	int r;

	for (;;) {
		ssize_t n;

		r = vn_wire_take(&c->in, &msg, err);
		if (r != -EAGAIN)
			break;
		n = vn_wire_fill(&c->in, c->fd);
		if (n == 0 || (n < 0 && n != -EAGAIN))
			return gone(err);
	}
	if (r < 0)
		return r;
	if (json_object_get(msg, "error")) {
		r = take_error(msg, err);
		json_decref(msg);
		return r;
	}
	params = json_object_get(msg, "parameters");
	*ret_parameters = params ? json_incref(params) : json_object();
	*ret_continues = json_is_true(json_object_get(msg, "continues"));
	json_decref(msg);
	return 0;
}

int vn_client_call(struct vn_client *c, const char *method, const json_t *parameters, json_t **ret_parameters,
		   struct vn_err *err)
{
	bool continues;
	int r = vn_client_send(c, method, parameters, false, err);

	return r < 0 ? r : vn_client_receive(c, ret_parameters, &continues, err);
}
