// SPDX-License-Identifier: GPL-2.0-only
#include "runtime/podman_docker.h"

#include <stdlib.h>
#include <sys/resource.h>

#include <base/util.h>

#include "runtime/backend.h"
#include "runtime/container_dir.h"
#include "runtime/cpus.h"
#include "runtime/image.h"
#include "runtime/seccomp.h"

/* They keep this much of what a container says; our own log of runc is cut to it (runner.c). */
#define LOG_MAX "1m"

/* As much as we have, and at most @max. */
static void add_ulimit(struct vn_cmdline *c, const char *name, __rlimit_resource_t which, rlim_t max)
{
	struct rlimit r;

	if (getrlimit(which, &r) < 0)
		return;
	max = VN_MIN(max, r.rlim_max);
	if (max == RLIM_INFINITY)
		vn_cmdline_add(c, "--ulimit=%s=-1:-1", name);
	else
		vn_cmdline_add(c, "--ulimit=%s=%llu:%llu", name, (unsigned long long)max, (unsigned long long)max);
}

static void add_limits(struct vn_cmdline *c, const struct vn_container_spec *s, bool docker)
{
	long long memory = json_integer_value(json_object_get(s->o, "memory_bytes"));
	const json_t *numa = json_object_get(s->o, "numa");

	if (*s->cpus)
		vn_cmdline_add(c, "--cpuset-cpus=%s", s->cpus);
	if (numa)
		vn_cmdline_add(c, "--cpuset-mems=%lld", (long long)json_integer_value(numa));
	if (memory)
		vn_cmdline_add(c, "--memory=%lld", memory);
	vn_cmdline_add(c, "--pids-limit=%d", VN_CONTAINER_PIDS);
	add_ulimit(c, "memlock", RLIMIT_MEMLOCK, RLIM_INFINITY);
	/* podman's own defaults may be more than we have. */
	if (!docker) {
		add_ulimit(c, "nofile", RLIMIT_NOFILE, RLIM_INFINITY);
		add_ulimit(c, "nproc", RLIMIT_NPROC, VN_CONTAINER_PIDS);
	}
}

static void add_rights(struct vn_cmdline *c, const struct vn_container_spec *s)
{
	json_int_t uid = VN_CONTAINER_UID, gid = VN_CONTAINER_UID;
	json_t *w;
	size_t i;

	if (json_object_get(s->o, "uid")) {
		uid = json_integer_value(json_object_get(s->o, "uid"));
		gid = json_integer_value(json_object_get(s->o, "gid"));
	}
	vn_cmdline_add(c, "--user=%lld:%lld", (long long)uid, (long long)gid);
	vn_cmdline_add(c, "--cap-drop=ALL");
	json_array_foreach (json_object_get(s->o, "capabilities"), i, w)
		vn_cmdline_add(c, "--cap-add=%s", json_string_value(w));
	vn_cmdline_add(c, "--security-opt=no-new-privileges");
	vn_cmdline_add(c, "--security-opt=seccomp=%s/seccomp.json", s->dir);
	if (!json_is_true(json_object_get(s->o, "writable")))
		vn_cmdline_add(c, "--read-only");
}

/* The CPU mask as volumes: the same mounts that runc gets. */
static int add_cpu_mask(struct vn_cmdline *c, const struct vn_container_spec *s, bool docker, struct vn_err *err)
{
	json_t *list = json_array(), *m;
	size_t i;
	int r = *s->cpus ? vn_cpus_mask(s->cpus, s->dir, list, err) : 0;

	json_array_foreach (list, i, m) {
		const char *to = json_string_value(json_object_get(m, "destination"));

		if (!strcmp(json_string_value(json_object_get(m, "type")), "tmpfs"))
			vn_cmdline_add(c, "--mount=type=tmpfs,destination=%s,tmpfs-mode=0755,tmpfs-size=65536%s", to,
				       docker ? "" : ",notmpcopyup");
		else
			vn_cmdline_add(c, "--mount=type=bind,source=%s,destination=%s,readonly",
				       json_string_value(json_object_get(m, "source")), to);
	}
	json_decref(list);
	return r;
}

static int add_mounts(struct vn_cmdline *c, const struct vn_container_spec *s, bool docker, struct vn_err *err)
{
	json_t *w;
	size_t i;

	vn_cmdline_add(c, "--tmpfs=/tmp");
	vn_cmdline_add(c, "--tmpfs=/run");
	if (s->ports_dir)
		vn_cmdline_add(c, "--mount=type=bind,source=%s,destination=/run/vnet,readonly", s->ports_dir);
	json_array_foreach (json_object_get(s->o, "mounts"), i, w) {
		const char *text = json_string_value(w), *to = strchr(text, ':');
		bool rw = strlen(text) > 3 && !strcmp(text + strlen(text) - 3, ":rw");
		char from[512];

		vn_image_source_path(s, i, from);
		vn_cmdline_add(c, "--volume=%s%s%s", from, to, rw ? "" : ":ro");
	}
	return add_cpu_mask(c, s, docker, err);
}

/*
 * What is ours: a name that others may have taken, so a label, too, and the engine's own identifier in a file, by which
 * it is removed. @suffix is VN_ENGINES_SANDBOX or "".
 */
#define LABEL "vnet.topology"

void vn_engines_identity(struct vn_cmdline *c, const struct vn_container_spec *s, const char *suffix)
{
	vn_cmdline_add(c, "--name=%s%s", s->id, suffix);
	vn_cmdline_add(c, "--label=" LABEL "=%s", s->topo);
	vn_cmdline_add(c, "--label=vnet.node=%s", s->hostname);
	vn_cmdline_add(c, "--cidfile=%s/cid%s", s->dir, suffix);
}

/* There is a container of this name, and it carries our label. */
static bool name_is_ours(enum vn_runtime runtime, const struct vn_container_spec *s, const char *suffix)
{
	cleanup_cmdline struct vn_cmdline c = {.n = 0};
	char output[VN_CMDLINE_OUTPUT];

	vn_cmdline_add(&c, "%s", vn_runtime_words[runtime]);
	vn_cmdline_add(&c, "container");
	vn_cmdline_add(&c, "inspect");
	vn_cmdline_add(&c, "--format={{index .Config.Labels \"" LABEL "\"}}");
	vn_cmdline_add(&c, "%s%s", s->id, suffix);
	if (vn_cmdline_run(&c, NULL, output) != 0)
		return false;
	vn_keep_last_line(output);
	return strcmp(output, s->topo) == 0;
}

static int engine_remove(enum vn_runtime runtime, const char *container, struct vn_err *err)
{
	cleanup_cmdline struct vn_cmdline c = {.n = 0};

	vn_cmdline_add(&c, "%s", vn_runtime_words[runtime]);
	vn_cmdline_add(&c, "rm");
	vn_cmdline_add(&c, "--force");
	vn_cmdline_add(&c, "--volumes");
	if (runtime == VN_RUNTIME_PODMAN) {
		vn_cmdline_add(&c, "--ignore");
		vn_cmdline_add(&c, "--time=0");
	}
	vn_cmdline_add(&c, "%s", container);
	return vn_cmdline_run_or_fail(&c, NULL, err);
}

/*
 * By the identifier that was written when it was made. Without one (a crash in between, a reboot that took our files
 * and left the engine's) the name says which, and the label whether it is ours.
 */
int vn_engines_stop(enum vn_runtime runtime, const struct vn_container_spec *s, const char *suffix, struct vn_err *err)
{
	char path[512], name[VN_CONTAINER_ID_MAX + sizeof(VN_ENGINES_SANDBOX)], cid[VN_CMDLINE_OUTPUT] = "";

	snprintf(name, sizeof(name), "%s%s", s->id, suffix);
	snprintf(path, sizeof(path), "%s/cid%s", s->dir, suffix);
	vn_read_tail(path, cid);
	vn_keep_last_line(cid);
	unlink(path);
	if (*cid)
		return engine_remove(runtime, cid, err);
	return name_is_ours(runtime, s, suffix) ? engine_remove(runtime, name, err) : 0;
}

/* The engine's word for a name that is taken is not relied on: who has it is looked up after a failure. */
int vn_engines_run(enum vn_runtime runtime, const struct vn_container_spec *s, struct vn_cmdline *c, const char *suffix,
		   struct vn_err *err)
{
	const char *engine = vn_runtime_words[runtime];
	char name[VN_CONTAINER_ID_MAX + sizeof(VN_ENGINES_SANDBOX)], path[512];
	const char *const there[] = {engine, "container", "inspect", "--format={{.Id}}", name, NULL};
	struct vn_err why = {0};
	int r = vn_cmdline_run_or_fail(c, NULL, &why);

	if (r == 0)
		return 0;
	snprintf(name, sizeof(name), "%s%s", s->id, suffix);
	snprintf(path, sizeof(path), "%s/cid%s", s->dir, suffix);
	if (access(path, F_OK) == 0 || !vn_cmdline_works(there))
		return vn_err(err, why.exit, why.err, "%s", why.text);
	if (!name_is_ours(runtime, s, suffix))
		return vn_err(err, VN_EXIT_KERNEL, EEXIST,
			      "a container %s exists and is not ours: `%s rm %s`, or choose another name", name, engine,
			      name);
	r = engine_remove(runtime, name, err);
	return r < 0 ? r : vn_cmdline_run_or_fail(c, NULL, err);
}

/* "name=seccomp name=userns" or the like, and NAME=PATH of each runtime, with blanks between them. */
void vn_engines_docker_runtime(char name[VN_DOCKER_NAME_MAX], bool *ret_remaps)
{
	static const char ours[] = "/vnet-node-runc";
	cleanup_cmdline struct vn_cmdline c = {.n = 0};
	char output[VN_CMDLINE_OUTPUT] = "";

	*name = '\0';
	*ret_remaps = false;
	vn_cmdline_add(&c, "docker");
	vn_cmdline_add(&c, "info");
	vn_cmdline_add(&c, "--format={{range .SecurityOptions}}{{.}} {{end}}"
			   "{{range $name, $r := .Runtimes}}{{$name}}={{$r.Path}} {{end}}");
	if (vn_cmdline_run(&c, NULL, output) != 0)
		return;
	for (char *word, *rest = output; (word = strsep(&rest, " \n"));) {
		const char *path = strchr(word, '=');
		const size_t len = path ? strlen(path) : 0;

		if (strncmp(word, "name=userns", 11) == 0)
			*ret_remaps = true;
		else if (len >= sizeof(ours) && strcmp(path + len - strlen(ours), ours) == 0)
			snprintf(name, VN_DOCKER_NAME_MAX, "%.*s", (int)(path - word), word);
	}
}

/*
 * runc for a namespace of the machine's (a privileged node); where it is the node's own, the runtime that joins the
 * user namespace which owns it.
 */
static int add_runtime(struct vn_cmdline *c, const struct vn_container_spec *s, bool docker, struct vn_err *err)
{
	char name[VN_DOCKER_NAME_MAX];
	bool remaps;

	if (!docker) {
		vn_cmdline_add(c, "--runtime=%s", s->users ? s->node_runc : "runc");
		return 0;
	}
	if (!s->users)
		return 0;
	vn_engines_docker_runtime(name, &remaps);
	if (remaps)
		return 0;
	if (!*name)
		return vn_err(
			err, VN_EXIT_NOT_POSSIBLE, ENOENT,
			"dockerd does not know the runtime %s any more, by which the node's sandbox was made: see "
			"oci-node-runtime in vnet-agent(8)",
			s->node_runc);
	vn_cmdline_add(c, "--runtime=%s", name);
	return 0;
}

int vn_engines_start(enum vn_runtime runtime, const struct vn_container_spec *s, struct vn_err *err)
{
	const bool docker = runtime == VN_RUNTIME_DOCKER;
	const char *image = json_string_value(json_object_get(s->o, "image"));
	json_t *seccomp = vn_seccomp_profile(json_object_get(s->o, "capabilities"), err), *w;
	cleanup_cmdline struct vn_cmdline c = {.n = 0};
	char rootfs[512];
	size_t i;
	int r;

	if (!seccomp)
		return -ENOENT;
	r = vn_dir_write_json(s, "seccomp.json", seccomp, err);
	if (r < 0)
		return r;
	vn_cmdline_add(&c, "%s", vn_runtime_words[runtime]);
	vn_cmdline_add(&c, "run");
	vn_cmdline_add(&c, "--detach");
	vn_engines_identity(&c, s, "");
	if (docker)
		vn_cmdline_add(&c, "--network=container:%s" VN_ENGINES_SANDBOX, s->id);
	else
		vn_cmdline_add(&c, "--network=ns:%s", s->netns);
	if (!docker) {
		vn_cmdline_add(&c, "--hostname=%s", s->hostname);
		vn_cmdline_add(&c, "--pidfile=%s/pid", s->dir);
		vn_cmdline_add(&c, "--log-driver=k8s-file");
		vn_cmdline_add(&c, "--log-opt=path=%s/log", s->dir);
		vn_cmdline_add(&c, "--log-opt=max-size=" LOG_MAX);
	} else {
		vn_cmdline_add(&c, "--log-driver=json-file");
		vn_cmdline_add(&c, "--log-opt=max-size=" LOG_MAX);
		vn_cmdline_add(&c, "--log-opt=max-file=1");
		vn_cmdline_add(&c, "--pull=never");
	}
	add_rights(&c, s);
	add_limits(&c, s, docker);
	r = add_runtime(&c, s, docker, err);
	if (r == 0)
		r = add_mounts(&c, s, docker, err);
	if (r < 0)
		return r;
	json_array_foreach (json_object_get(s->o, "env"), i, w)
		vn_cmdline_add(&c, "--env=%s", json_string_value(w));
	if (image && !docker)
		vn_cmdline_add(&c, "--pull=never");
	if (!image)
		vn_cmdline_add(&c, "--rootfs");
	vn_image_rootfs_path(s, rootfs);
	vn_cmdline_add(&c, "%s", image ?: rootfs);
	json_array_foreach (json_object_get(s->o, "command"), i, w)
		vn_cmdline_add(&c, "%s", json_string_value(w));
	return vn_engines_run(runtime, s, &c, "", err);
}

/* Its last word, before it is removed. */
static int docker_ended(const struct vn_container_spec *s, const char *suffix, struct vn_err *err)
{
	cleanup_cmdline struct vn_cmdline c = {.n = 0};
	char output[VN_CMDLINE_OUTPUT];

	vn_cmdline_add(&c, "docker");
	vn_cmdline_add(&c, "logs");
	vn_cmdline_add(&c, "--tail=1");
	vn_cmdline_add(&c, "%s%s", s->id, suffix);
	if (vn_cmdline_run(&c, NULL, output) != 0)
		output[0] = '\0';
	vn_keep_last_line(output);
	return vn_err_kernel(err, ESRCH, "its program ended at once: %s", *output ? output : "without a word");
}

/* Its process number, into the same file that the other runtimes write. */
int vn_engines_docker_pid(const struct vn_container_spec *s, const char *suffix, struct vn_err *err)
{
	cleanup_cmdline struct vn_cmdline c = {.n = 0};
	char output[VN_CMDLINE_OUTPUT];
	int status;

	vn_cmdline_add(&c, "docker");
	vn_cmdline_add(&c, "inspect");
	vn_cmdline_add(&c, "--format={{.State.Pid}}");
	vn_cmdline_add(&c, "%s%s", s->id, suffix);
	status = vn_cmdline_run(&c, NULL, output);
	if (status || strtol(output, NULL, 10) <= 0)
		return docker_ended(s, suffix, err);
	return vn_dir_write(s, "pid", output, err);
}
