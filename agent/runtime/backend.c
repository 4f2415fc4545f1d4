// SPDX-License-Identifier: GPL-2.0-only
#include "runtime/backend.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <base/util.h>

#include "base/command.h"
#include "net/node_userns.h"
#include "runtime/container_dir.h"
#include "runtime/podman_docker.h"
#include "runtime/hugetlb.h"
#include "runtime/image.h"
#include "runtime/oci_node.h"
#include "runtime/seccomp.h"

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

/*
 * Whoever has NET_ADMIN over the machine's user namespace reaches every link (base/userns.h): namespaces belong to it
 * that docker makes without our runtime, and those that a daemon before this version made.
 */
static int refuse_net_admin(const struct vn_container_spec *s, const char *why, struct vn_err *err)
{
	if (s->privileged || !vn_container_has_cap(s->o, "NET_ADMIN"))
		return 0;
	return vn_err(err, VN_EXIT_NOT_POSSIBLE, EPERM,
		      "capabilities: NET_ADMIN would reach every link of the machine, because its network namespace "
		      "belongs to the machine's user namespace: %s, or root writes `privileged: true`",
		      why);
}

/*
 * podman takes the path of our runtime; docker knows those alone that its configuration names, and without it, or
 * --userns-remap, its containers are in the machine's user namespace.
 */
static int check_runtime(enum vn_runtime runtime, const struct vn_container_spec *s, struct vn_err *err)
{
	char name[VN_DOCKER_NAME_MAX], why[512];
	bool remaps;

	if (s->privileged || runtime == VN_RUNTIME_RUNC)
		return 0;
	if (access(s->node_runc, X_OK) < 0)
		return vn_err(err, VN_EXIT_NOT_POSSIBLE, errno,
			      "%s, by which containers of %s join their node's user namespace: %s: it is a link to "
			      "vnet-agent, which `make install` makes",
			      s->node_runc, vn_runtime_words[runtime], strerror(errno));
	if (runtime == VN_RUNTIME_PODMAN)
		return 0;
	vn_engines_docker_runtime(name, &remaps);
	if (*name || remaps)
		return 0;
	snprintf(why, sizeof(why),
		 "add {\"runtimes\": {\"vnet-node\": {\"path\": \"%s\"}}} to /etc/docker/daemon.json and restart "
		 "dockerd "
		 "(it keeps running containers with `live-restore`), use podman or runc",
		 s->node_runc);
	return refuse_net_admin(s, why, err);
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
	r = vn_image_check(s, err);
	if (r == 0)
		r = check_image(runtime, s->o, err);
	return r < 0 ? r : check_runtime(runtime, s, err);
}

/* Also of a container that asks for none: what others asked for is theirs. Before its program runs, if possible. */
static int limit_hugepages(const struct vn_container_spec *s, struct vn_err *err)
{
	pid_t pid = 0;
	int r = vn_dir_read_pid(s, &pid, err);

	return r < 0 ? r
		     : vn_hugetlb_limit(s->id, pid, json_integer_value(json_object_get(s->o, "hugepages_bytes")), err);
}

static void runc(struct vn_cmdline *c, const struct vn_container_spec *s, const char *verb)
{
	/* Its own state beside ours, so that the two go together: DIR/../../runc. */
	vn_cmdline_add(c, "runc");
	vn_cmdline_add(c, "--root");
	vn_cmdline_add(c, "%s/../../runc", s->dir); /* VN_RUNNER_RUNC_DIR */
	vn_cmdline_add(c, "%s", verb);
}

/*
 * Locked memory as much as we have ourselves, for a UMEM is that; with IPC_LOCK, which counts in the machine's user
 * namespace alone, as much as it likes, where root may raise limits. It is inherited: to give a process of another user
 * namespace a limit, runc would need SYS_RESOURCE, which root does not have everywhere.
 */
static void raise_memlock(const struct vn_container_spec *s)
{
	struct rlimit r = {RLIM_INFINITY, RLIM_INFINITY};

	if (vn_container_has_cap(s->o, "IPC_LOCK") && setrlimit(RLIMIT_MEMLOCK, &r) == 0)
		return;
	if (getrlimit(RLIMIT_MEMLOCK, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_MEMLOCK, &r);
	}
}

static int runc_start(const struct vn_container_spec *s, struct vn_err *err)
{
	cleanup_cmdline struct vn_cmdline create = {.n = 0}, start = {.n = 0};
	json_t *config = vn_oci_config(s, err);
	char log[512];
	int r;

	if (!config)
		return -EINVAL;
	r = vn_dir_write_json(s, "config.json", config, err);
	if (r < 0)
		return r;
	vn_dir_path(log, s, "log");
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

static int bind_netns(const struct vn_container_spec *s, pid_t pid, struct vn_err *err)
{
	char from[48], path[512];
	int fd;

	snprintf(from, sizeof(from), "/proc/%d/ns/net", (int)pid);
	vn_dir_path(path, s, VN_SANDBOX_NETNS);
	fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);
	if (fd < 0 || mount(from, path, "none", MS_BIND, NULL) < 0) {
		int e = errno;

		vn_cleanup_close(&fd);
		return vn_err_kernel(err, e, "%s on %s: %s", from, path, strerror(e));
	}
	close(fd);
	return 0;
}

/*
 * The sandbox is made in a user namespace of the node's own, which owns the network namespace that it gets. *@ret_netns
 * keeps it until then: another network namespace, as other nodes have, of whose owner the runtime is told.
 */
static int sandbox_owner(const struct vn_container_spec *s, struct vn_cmdline *c, int *ret_netns, struct vn_err *err)
{
	char name[VN_DOCKER_NAME_MAX];
	bool remaps;
	int r;

	if (s->privileged)
		return 0;
	vn_engines_docker_runtime(name, &remaps);
	if (remaps || !*name)
		return 0;
	r = vn_userns_netns(ret_netns, err);
	if (r < 0)
		return r;
	vn_cmdline_add(c, "--runtime=%s", name);
	vn_cmdline_add(c, "--env=" VN_OCI_OWNER_ENV "=/proc/%d/fd/%d", (int)getpid(), *ret_netns);
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
	cleanup_close int netns = -EBADF;
	int r;

	r = vn_backend_sandbox_stop(s, err);
	if (r == 0)
		r = vn_dir_make(s, err);
	vn_cmdline_add_all(&c, options);
	if (r == 0)
		r = sandbox_owner(s, &c, &netns, err);
	if (r < 0)
		return r;
	vn_engines_identity(&c, s, VN_ENGINES_SANDBOX);
	vn_cmdline_add(&c, "--hostname=%s", s->hostname);
	vn_cmdline_add(&c, "--volume=%s:/vnet-pause:ro", pause);
	vn_cmdline_add(&c, "%s", json_string_value(json_object_get(s->o, "image")));
	r = vn_engines_run(VN_RUNTIME_DOCKER, s, &c, VN_ENGINES_SANDBOX, err);
	if (r == 0)
		r = vn_engines_docker_pid(s, VN_ENGINES_SANDBOX, err);
	if (r == 0)
		r = vn_dir_read_pid(s, ret_pid, err);
	if (r == 0)
		r = vn_dir_note_start(s, VN_CONTAINER_SANDBOX, *ret_pid, err);
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
		r = vn_engines_stop(VN_RUNTIME_DOCKER, s, VN_ENGINES_SANDBOX, err);
	if (r == 0)
		vn_dir_remove(s->dir);
	return r;
}

int vn_backend_start(enum vn_runtime runtime, const struct vn_container_spec *s, pid_t *ret_pid, struct vn_err *err)
{
	int r = s->users ? 0 : refuse_net_admin(s, "delete the topology and apply it again", err);

	if (r == 0)
		r = vn_backend_stop(runtime, s, err);
	if (r == 0 && runtime != VN_RUNTIME_DOCKER)
		r = vn_dir_make(s, err);
	if (r == 0)
		r = vn_image_mount(s, err);
	if (r == 0 && runtime != VN_RUNTIME_DOCKER)
		raise_memlock(s); /* what it starts inherits it; docker's containers are dockerd's */
	if (r == 0)
		r = runtime == VN_RUNTIME_RUNC ? runc_start(s, err) : vn_engines_start(runtime, s, err);
	if (r == 0 && runtime == VN_RUNTIME_DOCKER)
		r = vn_engines_docker_pid(s, "", err);
	if (r == 0 && runtime != VN_RUNTIME_RUNC)
		r = limit_hugepages(s, err);
	if (r == 0)
		r = vn_dir_read_pid(s, ret_pid, err);
	if (r == 0)
		r = vn_dir_note_start(s, VN_CONTAINER_STARTED, *ret_pid, err);
	/* What runs has them in a mount namespace of its own. */
	vn_image_unmount(s->dir);
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
		r = vn_engines_stop(runtime, s, "", err);
	vn_hugetlb_release(s->id);
	/* docker's sandbox has its files there, too. */
	if (r == 0 && runtime == VN_RUNTIME_DOCKER)
		vn_dir_forget_start(s);
	else if (r == 0)
		vn_dir_remove(s->dir);
	return r;
}
