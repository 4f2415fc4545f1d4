// SPDX-License-Identifier: GPL-2.0-only
#include "run/backend.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <vnet/util.h>

#include "run/cmdline.h"
#include "run/cpus.h"
#include "run/hugetlb.h"
#include "run/seccomp.h"

/* Container engines keep this much of what a container says; our own log of runc is cut to it (runner.c). */
#define LOG_MAX "1m"

/* --- files
 * ------------------------------------------------------------------------------------------------------------ */

static void file_path(char path[512], const struct vn_container_spec *s, const char *name)
{
	snprintf(path, 512, "%s/%s", s->dir, name);
}

static int write_json(const struct vn_container_spec *s, const char *name, json_t *o, struct vn_err *err)
{
	char path[512];
	int r = 0;

	file_path(path, s, name);
	if (json_dump_file(o, path, JSON_INDENT(1)) < 0)
		r = vn_err_kernel(err, errno ?: ENOMEM, "%s: %s", path, strerror(errno ?: ENOMEM));
	json_decref(o);
	return r;
}

static int read_pid(const struct vn_container_spec *s, pid_t *ret_pid, struct vn_err *err)
{
	char path[512];
	int pid = 0;
	FILE *f;

	file_path(path, s, "pid");
	f = fopen(path, "re");
	if (f) {
		if (fscanf(f, "%d", &pid) != 1)
			pid = 0;
		fclose(f);
	}
	if (pid <= 0)
		return vn_err_kernel(err, ESRCH, "%s: no process number there", path);
	*ret_pid = pid;
	return 0;
}

int vn_process_start(pid_t pid, unsigned long long *ret_ticks)
{
	char path[32], line[1024];
	const char *s;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return -ESRCH;
	s = fgets(line, sizeof(line), f);
	fclose(f);
	/* The name, field 2, may contain anything; field 3 follows its last parenthesis. */
	s = s ? strrchr(line, ')') : NULL;
	for (int field = 3; s && field <= 22; field++)
		s = strchr(s + 1, ' ');
	if (!s || sscanf(s, " %llu", ret_ticks) != 1)
		return -ESRCH;
	return 0;
}

static int note_start(const struct vn_container_spec *s, const char *name, pid_t pid, struct vn_err *err)
{
	unsigned long long start = 0;
	char path[512], output[VN_CMDLINE_OUTPUT];
	FILE *f;

	if (vn_process_start(pid, &start) < 0) {
		file_path(path, s, "log");
		vn_read_tail(path, output);
		vn_keep_last_line(output);
		return vn_err_kernel(err, ESRCH, "its program ended at once: %s", *output ? output : "without a word");
	}
	file_path(path, s, name);
	f = fopen(path, "we");
	if (f && fprintf(f, "%d %llu\n", (int)pid, start) > 0 && fclose(f) == 0)
		return 0;
	return vn_err_kernel(err, errno, "%s: %s", path, strerror(errno));
}

static void forget_start(const struct vn_container_spec *s)
{
	char path[512];

	file_path(path, s, VN_CONTAINER_STARTED);
	unlink(path);
}

/* Files only: nothing of ours makes directories in it. */
static void remove_dir(const char *path)
{
	DIR *dir = opendir(path);
	char netns[512];
	struct dirent *e;

	if (!dir)
		return;
	snprintf(netns, sizeof(netns), "%s/" VN_SANDBOX_NETNS, path);
	umount2(netns, MNT_DETACH);
	while ((e = readdir(dir)))
		unlinkat(dirfd(dir), e->d_name, 0);
	closedir(dir);
	rmdir(path);
}

static int make_dir(const struct vn_container_spec *s, struct vn_err *err)
{
	remove_dir(s->dir);
	if (mkdir(s->dir, 0711) < 0 && errno != EEXIST)
		return vn_err_kernel(err, errno, "%s: %s", s->dir, strerror(errno));
	return 0;
}

/* --- checks
 * ----------------------------------------------------------------------------------------------------------- */

static long long read_number(const char *path)
{
	long long v = 0;
	FILE *f = fopen(path, "re");

	if (f) {
		if (fscanf(f, "%lld", &v) != 1)
			v = 0;
		fclose(f);
	}
	return v;
}

#define HUGE_DIR "/sys/kernel/mm/hugepages/hugepages-2048kB/"

int vn_backend_check_hugepages(long long bytes, struct vn_err *err)
{
	long long want = bytes >> 21, have;

	if (want <= 0)
		return 0;
	have = read_number(HUGE_DIR "free_hugepages") - read_number(HUGE_DIR "resv_hugepages") +
	       read_number(HUGE_DIR "nr_overcommit_hugepages") - read_number(HUGE_DIR "surplus_hugepages");
	if (have < want)
		return vn_err(err, VN_EXIT_NOT_POSSIBLE, ENOMEM,
			      "hugepages: %lld of 2 MiB are asked for, %lld are free: `sysctl "
			      "vm.nr_overcommit_hugepages=%lld`",
			      want, have, read_number(HUGE_DIR "nr_overcommit_hugepages") + want - have);
	return 0;
}

static int check_rootfs(const json_t *o, struct vn_err *err)
{
	const char *rootfs = json_string_value(json_object_get(o, "rootfs"));
	struct stat st;

	if (!rootfs)
		return 0;
	if (stat(rootfs, &st) < 0)
		return vn_err(err, VN_EXIT_USAGE, errno,
			      "rootfs %s: %s: debootstrap makes one; scripts/image makes one with DPDK, and says where",
			      rootfs, strerror(errno));
	return S_ISDIR(st.st_mode) ? 0 : vn_err(err, VN_EXIT_USAGE, ENOTDIR, "rootfs %s: not a directory", rootfs);
}

/* Docker would make what is not there. */
static int check_mounts(const json_t *o, struct vn_err *err)
{
	size_t i;
	json_t *w;

	json_array_foreach (json_object_get(o, "mounts"), i, w) {
		const char *text = json_string_value(w);
		cleanup_free char *host = strndup(text, strcspn(text, ":"));

		if (!host || access(host, F_OK) < 0)
			return vn_err(err, VN_EXIT_USAGE, errno, "mounts: %s: %s", host ?: text, strerror(errno));
	}
	return 0;
}

static int check_image(enum vn_runtime runtime, const json_t *o, struct vn_err *err)
{
	const char *image = json_string_value(json_object_get(o, "image"));
	const char *const podman[] = {"podman", "image", "exists", image, NULL};
	const char *const docker[] = {"docker", "image", "inspect", "--format", "{{.Id}}", image, NULL};
	const char *const alive[] = {"docker", "version", "--format", "{{.Server.Version}}", NULL};

	if (!image || vn_cmdline_works(runtime == VN_RUNTIME_PODMAN ? podman : docker))
		return 0;
	if (runtime == VN_RUNTIME_DOCKER && !vn_cmdline_works(alive))
		return vn_err(err, VN_EXIT_NOT_POSSIBLE, ECONNREFUSED,
			      "docker: its daemon does not answer: start dockerd");
	return vn_err(err, VN_EXIT_USAGE, ENOENT, "image %s is not here: `%s pull %s`", image,
		      vn_runtime_words[runtime], image);
}

int vn_backend_check(enum vn_runtime runtime, const struct vn_container_spec *s, struct vn_err *err)
{
	const char *program = vn_runtime_words[runtime];
	int r;

	if (!vn_cmdline_there(program))
		return vn_err(err, VN_EXIT_NOT_POSSIBLE, ENOENT, "%s is not installed: `apt install %s`", program,
			      runtime == VN_RUNTIME_DOCKER ? "docker.io" : program);
	if (access(VN_SECCOMP_BASE, R_OK) < 0)
		return vn_err(err, VN_EXIT_NOT_POSSIBLE, errno,
			      VN_SECCOMP_BASE ": %s: `apt install golang-github-containers-common`", strerror(errno));
	r = check_rootfs(s->o, err);
	if (r == 0)
		r = check_mounts(s->o, err);
	return r < 0 ? r : check_image(runtime, s->o, err);
}

/* Also of a container that asks for none: what others asked for is theirs. Before its program runs, if possible. */
static int limit_hugepages(const struct vn_container_spec *s, struct vn_err *err)
{
	pid_t pid = 0;
	int r = read_pid(s, &pid, err);

	return r < 0 ? r
		     : vn_hugetlb_limit(s->id, pid, json_integer_value(json_object_get(s->o, "hugepages_bytes")), err);
}

/* --- runc
 * ------------------------------------------------------------------------------------------------------------- */

static void runc(struct vn_cmdline *c, const struct vn_container_spec *s, const char *verb)
{
	/* Its own state beside ours, so that the two go together: DIR/../../runc. */
	vn_cmdline_add(c, "runc");
	vn_cmdline_add(c, "--root");
	vn_cmdline_add(c, "%s/../../runc", s->dir); /* VN_RUNNER_RUNC_DIR */
	vn_cmdline_add(c, "%s", verb);
}

static int runc_start(const struct vn_container_spec *s, struct vn_err *err)
{
	cleanup_cmdline struct vn_cmdline create = {.n = 0}, start = {.n = 0};
	json_t *config = vn_oci_config(s, err);
	char log[512];
	int r;

	if (!config)
		return -EINVAL;
	r = write_json(s, "config.json", config, err);
	if (r < 0)
		return r;
	file_path(log, s, "log");
	runc(&create, s, "create");
	vn_cmdline_add(&create, "--bundle");
	vn_cmdline_add(&create, "%s", s->dir);
	vn_cmdline_add(&create, "--pid-file");
	vn_cmdline_add(&create, "%s/pid", s->dir);
	vn_cmdline_add(&create, "%s", s->id);
	r = vn_cmdline_run_or_fail(&create, log, err);
	if (r == 0)
		r = limit_hugepages(s, err);
	if (r < 0)
		return r;
	runc(&start, s, "start");
	vn_cmdline_add(&start, "%s", s->id);
	return vn_cmdline_run_or_fail(&start, NULL, err);
}

static int runc_stop(const struct vn_container_spec *s, struct vn_err *err)
{
	cleanup_cmdline struct vn_cmdline c = {.n = 0};

	runc(&c, s, "delete");
	vn_cmdline_add(&c, "--force");
	vn_cmdline_add(&c, "%s", s->id);
	return vn_cmdline_run_or_fail(&c, NULL, err);
}

/* --- podman and docker
 * -------------------------------------------------------------------------------------------------- */

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
		vn_cmdline_add(c, "--mount=type=bind,source=%s,destination=/run/vnet", s->ports_dir);
	json_array_foreach (json_object_get(s->o, "mounts"), i, w) {
		const char *text = json_string_value(w);
		bool rw = strlen(text) > 3 && !strcmp(text + strlen(text) - 3, ":rw");

		vn_cmdline_add(c, "--volume=%s%s", text, rw ? "" : ":ro");
	}
	return add_cpu_mask(c, s, docker, err);
}

/*
 * What is ours: a name that others may have taken, so a label, too, and the engine's own identifier in a file, by which
 * it is removed. @suffix is SANDBOX or "".
 */
#define SANDBOX "-net"
#define LABEL   "vnet.topology"

static void add_identity(struct vn_cmdline *c, const struct vn_container_spec *s, const char *suffix)
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
static int engine_stop(enum vn_runtime runtime, const struct vn_container_spec *s, const char *suffix,
		       struct vn_err *err)
{
	char path[512], name[VN_CONTAINER_ID_MAX + sizeof(SANDBOX)], cid[VN_CMDLINE_OUTPUT] = "";

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
static int engine_run(enum vn_runtime runtime, const struct vn_container_spec *s, struct vn_cmdline *c,
		      const char *suffix, struct vn_err *err)
{
	const char *engine = vn_runtime_words[runtime];
	char name[VN_CONTAINER_ID_MAX + sizeof(SANDBOX)], path[512];
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

static int engine_start(enum vn_runtime runtime, const struct vn_container_spec *s, struct vn_err *err)
{
	const bool docker = runtime == VN_RUNTIME_DOCKER;
	const char *image = json_string_value(json_object_get(s->o, "image"));
	json_t *seccomp = vn_seccomp_profile(json_object_get(s->o, "capabilities"), err), *w;
	cleanup_cmdline struct vn_cmdline c = {.n = 0};
	size_t i;
	int r;

	if (!seccomp)
		return -ENOENT;
	r = write_json(s, "seccomp.json", seccomp, err);
	if (r < 0)
		return r;
	vn_cmdline_add(&c, "%s", vn_runtime_words[runtime]);
	vn_cmdline_add(&c, "run");
	vn_cmdline_add(&c, "--detach");
	add_identity(&c, s, "");
	if (docker)
		vn_cmdline_add(&c, "--network=container:%s" SANDBOX, s->id);
	else
		vn_cmdline_add(&c, "--network=ns:%s", s->netns);
	if (!docker) {
		vn_cmdline_add(&c, "--hostname=%s", s->hostname);
		vn_cmdline_add(&c, "--pidfile=%s/pid", s->dir);
		vn_cmdline_add(&c, "--runtime=runc");
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
	r = add_mounts(&c, s, docker, err);
	if (r < 0)
		return r;
	json_array_foreach (json_object_get(s->o, "env"), i, w)
		vn_cmdline_add(&c, "--env=%s", json_string_value(w));
	if (image && !docker)
		vn_cmdline_add(&c, "--pull=never");
	if (!image)
		vn_cmdline_add(&c, "--rootfs");
	vn_cmdline_add(&c, "%s", image ?: json_string_value(json_object_get(s->o, "rootfs")));
	json_array_foreach (json_object_get(s->o, "command"), i, w)
		vn_cmdline_add(&c, "%s", json_string_value(w));
	return engine_run(runtime, s, &c, "", err);
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
static int docker_pid(const struct vn_container_spec *s, const char *suffix, struct vn_err *err)
{
	cleanup_cmdline struct vn_cmdline c = {.n = 0};
	char output[VN_CMDLINE_OUTPUT], path[512];
	int status;
	FILE *f;

	vn_cmdline_add(&c, "docker");
	vn_cmdline_add(&c, "inspect");
	vn_cmdline_add(&c, "--format={{.State.Pid}}");
	vn_cmdline_add(&c, "%s%s", s->id, suffix);
	status = vn_cmdline_run(&c, NULL, output);
	if (status || strtol(output, NULL, 10) <= 0)
		return docker_ended(s, suffix, err);
	file_path(path, s, "pid");
	f = fopen(path, "we");
	if (f && fputs(output, f) > 0 && fclose(f) == 0)
		return 0;
	return vn_err_kernel(err, errno, "%s: %s", path, strerror(errno));
}

static int bind_netns(const struct vn_container_spec *s, pid_t pid, struct vn_err *err)
{
	char from[48], path[512];
	int fd;

	snprintf(from, sizeof(from), "/proc/%d/ns/net", (int)pid);
	file_path(path, s, VN_SANDBOX_NETNS);
	fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);
	if (fd < 0 || mount(from, path, "none", MS_BIND, NULL) < 0) {
		int e = errno;

		vn_cleanup_close(&fd);
		return vn_err_kernel(err, e, "%s on %s: %s", from, path, strerror(e));
	}
	close(fd);
	return 0;
}

int vn_backend_sandbox(const struct vn_container_spec *s, const char *pause, pid_t *ret_pid, struct vn_err *err)
{
	static const char *const options[] = {"docker",
					      "run",
					      "--detach",
					      "--network=none",
					      "--user=65534",
					      "--read-only",
					      "--cap-drop=ALL",
					      "--pull=never",
					      "--memory=16m",
					      "--security-opt=no-new-privileges",
					      "--log-driver=none",
					      "--entrypoint=/vnet-pause",
					      NULL};
	cleanup_cmdline struct vn_cmdline c = {.n = 0};
	int r;

	r = vn_backend_sandbox_stop(s, err);
	if (r == 0)
		r = make_dir(s, err);
	if (r < 0)
		return r;
	vn_cmdline_add_all(&c, options);
	add_identity(&c, s, SANDBOX);
	vn_cmdline_add(&c, "--hostname=%s", s->hostname);
	vn_cmdline_add(&c, "--volume=%s:/vnet-pause:ro", pause);
	vn_cmdline_add(&c, "%s", json_string_value(json_object_get(s->o, "image")));
	r = engine_run(VN_RUNTIME_DOCKER, s, &c, SANDBOX, err);
	if (r == 0)
		r = docker_pid(s, SANDBOX, err);
	if (r == 0)
		r = read_pid(s, ret_pid, err);
	if (r == 0)
		r = note_start(s, VN_CONTAINER_SANDBOX, *ret_pid, err);
	if (r == 0)
		r = bind_netns(s, *ret_pid, err);
	if (r < 0) {
		struct vn_err ignored = {0};

		vn_backend_sandbox_stop(s, &ignored);
	}
	return r;
}

int vn_backend_sandbox_stop(const struct vn_container_spec *s, struct vn_err *err)
{
	int r = vn_backend_stop(VN_RUNTIME_DOCKER, s, err);

	if (r == 0 && access(s->dir, F_OK) == 0)
		r = engine_stop(VN_RUNTIME_DOCKER, s, SANDBOX, err);
	if (r == 0)
		remove_dir(s->dir);
	return r;
}

/* --- all
 * ---------------------------------------------------------------------------------------------------------------- */

int vn_backend_start(enum vn_runtime runtime, const struct vn_container_spec *s, pid_t *ret_pid, struct vn_err *err)
{
	int r;

	r = vn_backend_stop(runtime, s, err);
	if (r == 0 && runtime != VN_RUNTIME_DOCKER)
		r = make_dir(s, err);
	if (r == 0)
		r = runtime == VN_RUNTIME_RUNC ? runc_start(s, err) : engine_start(runtime, s, err);
	if (r == 0 && runtime == VN_RUNTIME_DOCKER)
		r = docker_pid(s, "", err);
	if (r == 0 && runtime != VN_RUNTIME_RUNC)
		r = limit_hugepages(s, err);
	if (r == 0)
		r = read_pid(s, ret_pid, err);
	if (r == 0)
		r = note_start(s, VN_CONTAINER_STARTED, *ret_pid, err);
	if (r < 0) {
		struct vn_err ignored = {0};

		vn_backend_stop(runtime, s, &ignored);
	}
	return r;
}

int vn_backend_stop(enum vn_runtime runtime, const struct vn_container_spec *s, struct vn_err *err)
{
	int r = 0;

	/* What has no directory of ours was never begun: nothing is asked of any engine. */
	if (access(s->dir, F_OK) < 0)
		return 0;
	if (runtime == VN_RUNTIME_RUNC)
		r = runc_stop(s, err);
	else
		r = engine_stop(runtime, s, "", err);
	vn_hugetlb_release(s->id);
	/* docker's sandbox has its files there, too. */
	if (r == 0 && runtime == VN_RUNTIME_DOCKER)
		forget_start(s);
	else if (r == 0)
		remove_dir(s->dir);
	return r;
}
