/* SPDX-License-Identifier: GPL-2.0-only */
/* vnet-agent node attach | detach, and oci-hook */
#include "cli/cmd_attach.h"

#include <fcntl.h>
#include <stdlib.h>

#include <base/util.h>

#include "cli/words.h"
#include "base/command.h"

#define STATE_MAX (1u << 20) /* of the JSON that an OCI runtime gives its hooks */

int vn_cli_attach(const struct vn_cli *cli, const char *node, const char *path, const char *holder, pid_t pid,
		  json_t **ret_reply, struct vn_err *err)
{
	json_t *params = json_pack("{s:s, s:s, s:I}", "name", node, "holder", holder, "pid", (json_int_t)pid);
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct vn_client c = {.fd = -EBADF};
	bool continues;
	int r;

	if (fd < 0)
		r = vn_err(err,
			   errno == ENOENT                     ? VN_EXIT_USAGE
			   : errno == EACCES || errno == EPERM ? VN_EXIT_DENIED
							       : VN_EXIT_KERNEL,
			   errno, "node %s: %s: %s", node, path, strerror(errno));
	else
		r = vn_cli_connect(cli, false, &c, err);
	if (r == 0)
		r = vn_client_send_fd(&c, "vnet.node.attach", params, fd, err);
	if (r == 0)
		r = vn_client_receive(&c, ret_reply, &continues, err);
	vn_client_release(&c);
	json_decref(params);
	return r;
}

int vn_cli_detach(const struct vn_cli *cli, const char *node, const char *holder, json_t **ret_reply,
		  struct vn_err *err)
{
	return vn_cli_call(cli, false, "vnet.node.detach", json_pack("{s:s, s:s*}", "name", node, "holder", holder),
			   ret_reply, err);
}

static int parse_pid(const char *text, pid_t *ret_pid)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno || *text < '0' || *text > '9' || *end || v < 1 || v > 1 << 30)
		return -EINVAL;
	*ret_pid = (pid_t)v;
	return 0;
}

/* The first process of a running container of podman's or docker's. */
static int container_pid(const char *name, pid_t *ret_pid, struct vn_err *err)
{
	static const char *const engines[] = {"podman", "docker"};
	bool stopped = false;

	if (*name == '-')
		return vn_err_usage(err, "'%s' is not the name of a container", name);
	for (size_t i = 0; i < VN_ARRAY_SIZE(engines); i++) {
		const char *const words[] = {engines[i], "container", "inspect", "--format={{.State.Pid}}", name, NULL};
		cleanup_cmdline struct vn_cmdline c = {.n = 0};
		char output[VN_CMDLINE_OUTPUT];

		if (!vn_cmdline_there(engines[i]))
			continue;
		vn_cmdline_add_all(&c, words);
		if (vn_cmdline_run(&c, NULL, output) != 0)
			continue;
		vn_keep_last_line(output);
		if (parse_pid(output, ret_pid) == 0)
			return 0;
		stopped = true;
	}
	return vn_err(err, VN_EXIT_USAGE, ENOENT, "container %s: %s", name,
		      stopped ? "it does not run: start it first" : "neither podman nor docker has it");
}

static int print_attached(const struct vn_cli *cli, json_t *reply, const char *word, struct vn_err *err)
{
	const json_t *node = json_object_get(reply, "node");
	int r = 0;

	if (cli->json)
		r = vn_cli_print_json(cli, reply, err);
	else
		printf("node %s/%s: %s\n", vn_json_str(node, "topology"), vn_json_str(node, "name"), word);
	json_decref(reply);
	return r;
}

int vn_cmd_node_attach(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	const char *node = call->args[0], *kind = call->args[1], *what = call->args[2];
	char path[64], holder[256], netns[320];
	json_t *reply = NULL;
	pid_t pid = 0;
	int r = 0;

	if (strcmp(kind, "pid") == 0) {
		if (parse_pid(what, &pid) < 0)
			return vn_err_usage(err, "'%s' is not the number of a process", what);
	} else if (strcmp(kind, "container") == 0) {
		r = container_pid(what, &pid, err);
	} else if (strcmp(kind, "netns") != 0) {
		return vn_err_usage(err, "'%s' is not known here: write pid N, netns PATH or container NAME", kind);
	}
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	snprintf(holder, sizeof(holder), "%s %s", kind, what);
	/* A name as ip-netns(8) has it. */
	if (!pid && !strchr(what, '/') && access(what, F_OK) < 0) {
		snprintf(netns, sizeof(netns), "/run/netns/%s", what);
		if (access(netns, F_OK) < 0)
			return vn_err_usage(err, "netns %s: neither a file nor a name that `ip netns` has (%s)", what,
					    netns);
		what = netns;
	}
	r = vn_cli_attach(cli, node, pid ? path : what, holder, pid, &reply, err);
	return r < 0 ? r : print_attached(cli, reply, holder, err);
}

int vn_cmd_node_detach(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	json_t *reply = NULL;
	int r = vn_cli_detach(cli, call->args[0], NULL, &reply, err);

	if (r < 0)
		return r;
	return print_attached(cli, reply, vn_json_bool(reply, "detached") ? "detached" : "was not attached", err);
}

/*
 * createRuntime and poststop of the OCI runtime specification: the state on standard input. Containers without our
 * annotations are none of our business.
 */
int vn_cmd_oci_hook(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	const char *topo = NULL, *node = NULL, *id = "", *status = "";
	cleanup_free char *text = NULL;
	json_t *state, *reply = NULL;
	char name[256], holder[256], path[64];
	json_error_t why;
	size_t len = 0;
	int pid = 0, r;

	r = vn_cli_read_file("-", STATE_MAX, &text, &len, err);
	if (r < 0)
		return r;
	state = json_loadb(text, len, 0, &why);
	if (!state || json_unpack_ex(state, &why, 0, "{s:s, s:s, s?i, s?{s?s, s?s}}", "id", &id, "status", &status,
				     "pid", &pid, "annotations", "vnet.topology", &topo, "vnet.node", &node) < 0) {
		json_decref(state);
		return vn_err_usage(err, "oci-hook: standard input is not the state of a container: %s", why.text);
	}
	if (node) {
		snprintf(name, sizeof(name), "%s%s%s", topo ?: "", topo ? "/" : "", node);
		snprintf(holder, sizeof(holder), "oci:%s", id);
		snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
		if (strcmp(status, "stopped") == 0 || pid <= 0)
			r = vn_cli_detach(cli, name, holder, &reply, err);
		else
			r = vn_cli_attach(cli, name, path, holder, (pid_t)pid, &reply, err);
	} else if (topo) {
		r = vn_err_usage(err, "oci-hook: container %s: annotation vnet.topology without vnet.node", id);
	}
	json_decref(reply);
	json_decref(state);
	return r;
}
