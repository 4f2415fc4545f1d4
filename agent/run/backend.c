// SPDX-License-Identifier: GPL-2.0-only
#include "run/backend.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <vnet/util.h>

#include "run/cpus.h"
#include "run/hugetlb.h"
#include "run/seccomp.h"

#define ARGS_MAX   (3 * VN_CONTAINER_WORDS + 64)
#define OUTPUT_MAX 1024

/* --- commands of the runtimes --------------------------------------------------------------------------------------
 */

struct command {
	char *argv[ARGS_MAX + 1];
	size_t n;
	bool failed; /* no memory or too long */
};

static void command_release(struct command *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->argv[i]);
}
#define cleanup_command __attribute__((cleanup(command_release)))

VN_PRINTF(2, 3) static void add(struct command *c, const char *fmt, ...)
{
	va_list ap;

	if (c->n == ARGS_MAX) {
		c->failed = true;
		return;
	}
	va_start(ap, fmt);
	if (vasprintf(&c->argv[c->n], fmt, ap) < 0)
		c->failed = true;
	else
		c->n++;
	va_end(ap);
}

static void add_all(struct command *c, const char *const *words)
{
	for (; *words; words++)
		add(c, "%s", *words);
}

/* The child's output: to @log_path when there is one (a container's own output goes on there), else to the pipe. */
static void child(const struct command *c, int out, const char *log_path)
{
	int null = open("/dev/null", O_RDWR), log = null;

	if (log_path)
		log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600);
	dup2(null, STDIN_FILENO);
	dup2(log_path ? log : out, STDOUT_FILENO);
	dup2(log_path ? log : out, STDERR_FILENO);
	execvp(c->argv[0], c->argv);
	_exit(127);
}

/* The last line says why, as a rule. */
static void keep_last_line(char *text)
{
	size_t len = strlen(text);
	char *line;

	while (len && strchr(" \t\r\n", text[len - 1]))
		text[--len] = '\0';
	line = strrchr(text, '\n');
	if (line)
		memmove(text, line + 1, strlen(line));
	for (char *s = text; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = ' ';
}

/* Run it: its exit status (127: cannot be executed), its output (or the end of its log) in @output. */
static int run(struct command *c, const char *log_path, char output[OUTPUT_MAX])
{
	size_t n = 0;
	int out[2], st = 0;
	ssize_t got;
	pid_t pid;

	output[0] = '\0';
	if (c->failed || pipe2(out, O_CLOEXEC) < 0)
		return -ENOMEM;
	pid = fork();
	if (pid == 0)
		child(c, out[1], log_path);
	close(out[1]);
	if (pid < 0) {
		close(out[0]);
		return -errno;
	}
	/* Keep the beginning of the last piece, whatever the length. */
	while ((got = read(out[0], output + n, OUTPUT_MAX - 1 - n)) > 0) {
		n += (size_t)got;
		output[n] = '\0';
		if (n == OUTPUT_MAX - 1) {
			n = OUTPUT_MAX / 2;
			memmove(output, output + OUTPUT_MAX - 1 - n, n);
		}
	}
	close(out[0]);
	while (waitpid(pid, &st, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(st) ? WEXITSTATUS(st) : 128;
}

static void read_tail(const char *path, char output[OUTPUT_MAX])
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t n;

	output[0] = '\0';
	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	n = pread(fd, output, OUTPUT_MAX - 1, st.st_size > OUTPUT_MAX - 1 ? st.st_size - OUTPUT_MAX + 1 : 0);
	output[n > 0 ? n : 0] = '\0';
}

static int failed(const struct command *c, const char *log_path, int status, char output[OUTPUT_MAX],
		  struct vn_err *err)
{
	if (status == 0)
		return 0;
	if (status == 127)
		return vn_err(err, VN_EXIT_KERNEL, ENOENT, "%s is not installed", c->argv[0]);
	if (log_path)
		read_tail(log_path, output);
	keep_last_line(output);
	return vn_err_kernel(err, status < 0 ? -status : EIO, "%s %s: %s", c->argv[0], c->argv[1],
			     *output ? output : "failed without a word");
}

static int run_or_fail(struct command *c, const char *log_path, struct vn_err *err)
{
	char output[OUTPUT_MAX];
	int status = run(c, log_path, output);

	return failed(c, log_path, status, output, err);
}

/* True when it ended well; what it said is of no interest. */
static bool works(const char *const *words)
{
	cleanup_command struct command c = {.n = 0};
	char output[OUTPUT_MAX];

	add_all(&c, words);
	return run(&c, NULL, output) == 0;
}

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

static int note_start(const struct vn_container_spec *s, pid_t pid, struct vn_err *err)
{
	unsigned long long start = 0;
	char path[512], output[OUTPUT_MAX];
	FILE *f;

	if (vn_process_start(pid, &start) < 0) {
		file_path(path, s, "log");
		read_tail(path, output);
		keep_last_line(output);
		return vn_err_kernel(err, ESRCH, "its program ended at once: %s", *output ? output : "without a word");
	}
	file_path(path, s, VN_CONTAINER_STARTED);
	f = fopen(path, "we");
	if (!f || fprintf(f, "%d %llu\n", (int)pid, start) < 0 || fclose(f) < 0)
		return vn_err_kernel(err, errno, "%s: %s", path, strerror(errno));
	return 0;
}

/* Files only: nothing of ours makes directories in it. */
static void remove_dir(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;

	if (!dir)
		return;
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

static bool program_there(const char *name)
{
	static const char *const dirs[] = {"/usr/bin",        "/usr/sbin", "/usr/local/bin",
					   "/usr/local/sbin", "/bin",      "/sbin"};
	char path[64];

	for (size_t i = 0; i < VN_ARRAY_SIZE(dirs); i++) {
		snprintf(path, sizeof(path), "%s/%s", dirs[i], name);
		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

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

static int check_hugepages(const json_t *o, struct vn_err *err)
{
	long long want = json_integer_value(json_object_get(o, "hugepages_bytes")) >> 21, have;

	if (!want)
		return 0;
	have = read_number(HUGE_DIR "free_hugepages") - read_number(HUGE_DIR "resv_hugepages") +
	       read_number(HUGE_DIR "nr_overcommit_hugepages") - read_number(HUGE_DIR "surplus_hugepages");
	if (have < want)
		return vn_err(err, VN_EXIT_KERNEL, ENOMEM,
			      "hugepages: %lld of 2 MiB are asked for, %lld are free: `sysctl vm.nr_hugepages=%lld`",
			      want, have, read_number(HUGE_DIR "nr_hugepages") + want - have);
	return 0;
}

static int check_rootfs(const json_t *o, struct vn_err *err)
{
	const char *rootfs = json_string_value(json_object_get(o, "rootfs"));
	struct stat st;

	if (!rootfs)
		return 0;
	if (stat(rootfs, &st) < 0)
		return vn_err_kernel(err, errno, "rootfs %s: %s", rootfs, strerror(errno));
	return S_ISDIR(st.st_mode) ? 0 : vn_err_kernel(err, ENOTDIR, "rootfs %s: not a directory", rootfs);
}

static int check_image(enum vn_runtime runtime, const json_t *o, struct vn_err *err)
{
	const char *image = json_string_value(json_object_get(o, "image"));
	const char *const podman[] = {"podman", "image", "exists", image, NULL};
	const char *const docker[] = {"docker", "image", "inspect", "--format", "{{.Id}}", image, NULL};
	const char *const alive[] = {"docker", "version", "--format", "{{.Server.Version}}", NULL};

	if (runtime == VN_RUNTIME_DOCKER && !works(alive))
		return vn_err(err, VN_EXIT_KERNEL, ECONNREFUSED, "docker: its daemon does not answer: start dockerd");
	if (image && !works(runtime == VN_RUNTIME_PODMAN ? podman : docker))
		return vn_err(err, VN_EXIT_KERNEL, ENOENT, "image %s is not here: `%s pull %s`", image,
			      vn_runtime_words[runtime], image);
	return 0;
}

int vn_backend_check(enum vn_runtime runtime, const struct vn_container_spec *s, struct vn_err *err)
{
	const char *program = vn_runtime_words[runtime];
	int r;

	if (!program_there(program))
		return vn_err(err, VN_EXIT_KERNEL, ENOENT, "%s is not installed: `apt install %s`", program,
			      runtime == VN_RUNTIME_DOCKER ? "docker.io" : program);
	if (access(VN_SECCOMP_BASE, R_OK) < 0)
		return vn_err_kernel(err, errno, VN_SECCOMP_BASE ": %s: install golang-github-containers-common",
				     strerror(errno));
	r = check_rootfs(s->o, err);
	if (r == 0)
		r = check_image(runtime, s->o, err);
	if (r == 0)
		r = check_hugepages(s->o, err);
	return r;
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

static void runc(struct command *c, const struct vn_container_spec *s, const char *verb)
{
	/* Its own state beside ours, so that the two go together: DIR/../../runc. */
	add(c, "runc");
	add(c, "--root");
	add(c, "%s/../../runc", s->dir); /* VN_RUNNER_RUNC_DIR */
	add(c, "%s", verb);
}

static int runc_start(const struct vn_container_spec *s, struct vn_err *err)
{
	cleanup_command struct command create = {.n = 0}, start = {.n = 0};
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
	add(&create, "--bundle");
	add(&create, "%s", s->dir);
	add(&create, "--pid-file");
	add(&create, "%s/pid", s->dir);
	add(&create, "%s", s->id);
	r = run_or_fail(&create, log, err);
	if (r == 0)
		r = limit_hugepages(s, err);
	if (r < 0)
		return r;
	runc(&start, s, "start");
	add(&start, "%s", s->id);
	return run_or_fail(&start, NULL, err);
}

static int runc_stop(const struct vn_container_spec *s, struct vn_err *err)
{
	cleanup_command struct command c = {.n = 0};

	runc(&c, s, "delete");
	add(&c, "--force");
	add(&c, "%s", s->id);
	return run_or_fail(&c, NULL, err);
}

/* --- podman and docker
 * -------------------------------------------------------------------------------------------------- */

#define CONTAINER_PROCESSES 32768u

/* As much as we have, and at most @max. */
static void add_ulimit(struct command *c, const char *name, __rlimit_resource_t which, rlim_t max)
{
	struct rlimit r;

	if (getrlimit(which, &r) < 0)
		return;
	max = VN_MIN(max, r.rlim_max);
	if (max == RLIM_INFINITY)
		add(c, "--ulimit=%s=-1:-1", name);
	else
		add(c, "--ulimit=%s=%llu:%llu", name, (unsigned long long)max, (unsigned long long)max);
}

static void add_limits(struct command *c, const struct vn_container_spec *s, bool docker)
{
	long long memory = json_integer_value(json_object_get(s->o, "memory_bytes"));
	const json_t *numa = json_object_get(s->o, "numa");

	if (*s->cpus)
		add(c, "--cpuset-cpus=%s", s->cpus);
	if (numa)
		add(c, "--cpuset-mems=%lld", (long long)json_integer_value(numa));
	if (memory)
		add(c, "--memory=%lld", memory);
	add_ulimit(c, "memlock", RLIMIT_MEMLOCK, RLIM_INFINITY);
	/* podman's own defaults may be more than we have. */
	if (!docker) {
		add_ulimit(c, "nofile", RLIMIT_NOFILE, RLIM_INFINITY);
		add_ulimit(c, "nproc", RLIMIT_NPROC, CONTAINER_PROCESSES);
	}
}

static void add_rights(struct command *c, const struct vn_container_spec *s)
{
	json_int_t uid = VN_CONTAINER_UID, gid = VN_CONTAINER_UID;
	json_t *w;
	size_t i;

	if (json_object_get(s->o, "uid")) {
		uid = json_integer_value(json_object_get(s->o, "uid"));
		gid = json_integer_value(json_object_get(s->o, "gid"));
	}
	add(c, "--user=%lld:%lld", (long long)uid, (long long)gid);
	add(c, "--cap-drop=ALL");
	json_array_foreach (json_object_get(s->o, "capabilities"), i, w)
		add(c, "--cap-add=%s", json_string_value(w));
	add(c, "--security-opt=no-new-privileges");
	add(c, "--security-opt=seccomp=%s/seccomp.json", s->dir);
	if (!json_is_true(json_object_get(s->o, "writable")))
		add(c, "--read-only");
}

/* The CPU mask as volumes: the same mounts that runc gets. */
static int add_cpu_mask(struct command *c, const struct vn_container_spec *s, bool docker, struct vn_err *err)
{
	json_t *list = json_array(), *m;
	size_t i;
	int r = *s->cpus ? vn_cpus_mask(s->cpus, s->dir, list, err) : 0;

	json_array_foreach (list, i, m) {
		const char *to = json_string_value(json_object_get(m, "destination"));

		if (!strcmp(json_string_value(json_object_get(m, "type")), "tmpfs"))
			add(c, "--mount=type=tmpfs,destination=%s,tmpfs-mode=0755,tmpfs-size=65536%s", to,
			    docker ? "" : ",notmpcopyup");
		else
			add(c, "--mount=type=bind,source=%s,destination=%s,readonly",
			    json_string_value(json_object_get(m, "source")), to);
	}
	json_decref(list);
	return r;
}

static int add_mounts(struct command *c, const struct vn_container_spec *s, bool docker, struct vn_err *err)
{
	json_t *w;
	size_t i;

	add(c, "--tmpfs=/tmp");
	add(c, "--tmpfs=/run");
	if (s->ports_dir)
		add(c, "--mount=type=bind,source=%s,destination=/run/vnet", s->ports_dir);
	json_array_foreach (json_object_get(s->o, "mounts"), i, w) {
		const char *text = json_string_value(w);
		bool rw = strlen(text) > 3 && !strcmp(text + strlen(text) - 3, ":rw");

		add(c, "--volume=%s%s", text, rw ? "" : ":ro");
	}
	return add_cpu_mask(c, s, docker, err);
}

static int engine_start(enum vn_runtime runtime, const struct vn_container_spec *s, struct vn_err *err)
{
	const bool docker = runtime == VN_RUNTIME_DOCKER;
	const char *image = json_string_value(json_object_get(s->o, "image"));
	json_t *seccomp = vn_seccomp_profile(json_object_get(s->o, "capabilities"), err), *w;
	cleanup_command struct command c = {.n = 0};
	size_t i;
	int r;

	if (!seccomp)
		return -ENOENT;
	r = write_json(s, "seccomp.json", seccomp, err);
	if (r < 0)
		return r;
	add(&c, "%s", vn_runtime_words[runtime]);
	add(&c, "run");
	add(&c, "--detach");
	add(&c, "--name=%s", s->id);
	if (docker)
		add(&c, "--network=container:%s-net", s->id);
	else
		add(&c, "--network=ns:%s", s->netns);
	if (!docker) {
		add(&c, "--hostname=%s", s->hostname);
		add(&c, "--pidfile=%s/pid", s->dir);
		add(&c, "--runtime=runc");
		add(&c, "--log-driver=k8s-file");
		add(&c, "--log-opt=path=%s/log", s->dir);
	} else {
		add(&c, "--log-driver=json-file");
		add(&c, "--pull=never");
	}
	add_rights(&c, s);
	add_limits(&c, s, docker);
	r = add_mounts(&c, s, docker, err);
	if (r < 0)
		return r;
	json_array_foreach (json_object_get(s->o, "env"), i, w)
		add(&c, "--env=%s", json_string_value(w));
	if (image && !docker)
		add(&c, "--pull=never");
	if (!image)
		add(&c, "--rootfs");
	add(&c, "%s", image ?: json_string_value(json_object_get(s->o, "rootfs")));
	json_array_foreach (json_object_get(s->o, "command"), i, w)
		add(&c, "%s", json_string_value(w));
	return run_or_fail(&c, NULL, err);
}

/* Its process number, into the same file that the other runtimes write. */
static int docker_pid(const struct vn_container_spec *s, const char *suffix, struct vn_err *err)
{
	cleanup_command struct command c = {.n = 0};
	char output[OUTPUT_MAX], path[512];
	int status;
	FILE *f;

	add(&c, "docker");
	add(&c, "inspect");
	add(&c, "--format={{.State.Pid}}");
	add(&c, "%s%s", s->id, suffix);
	status = run(&c, NULL, output);
	if (status)
		return failed(&c, NULL, status, output, err);
	file_path(path, s, "pid");
	f = fopen(path, "we");
	if (!f || fputs(output, f) < 0 || fclose(f) < 0)
		return vn_err_kernel(err, errno, "%s: %s", path, strerror(errno));
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
	cleanup_command struct command c = {.n = 0};
	int r;

	r = vn_backend_stop(VN_RUNTIME_DOCKER, s, err);
	if (r == 0)
		r = make_dir(s, err);
	if (r < 0)
		return r;
	add_all(&c, options);
	add(&c, "--name=%s-net", s->id);
	add(&c, "--hostname=%s", s->hostname);
	add(&c, "--volume=%s:/vnet-pause:ro", pause);
	add(&c, "%s", json_string_value(json_object_get(s->o, "image")));
	r = run_or_fail(&c, NULL, err);
	if (r == 0)
		r = docker_pid(s, "-net", err);
	return r < 0 ? r : read_pid(s, ret_pid, err);
}

/* --- all
 * ---------------------------------------------------------------------------------------------------------------- */

int vn_backend_start(enum vn_runtime runtime, const struct vn_container_spec *s, pid_t *ret_pid, struct vn_err *err)
{
	int r = 0;

	if (runtime != VN_RUNTIME_DOCKER) {
		r = vn_backend_stop(runtime, s, err);
		if (r == 0)
			r = make_dir(s, err);
	}
	if (r == 0)
		r = runtime == VN_RUNTIME_RUNC ? runc_start(s, err) : engine_start(runtime, s, err);
	if (r == 0 && runtime == VN_RUNTIME_DOCKER)
		r = docker_pid(s, "", err);
	if (r == 0 && runtime != VN_RUNTIME_RUNC)
		r = limit_hugepages(s, err);
	if (r == 0)
		r = read_pid(s, ret_pid, err);
	if (r == 0)
		r = note_start(s, *ret_pid, err);
	if (r < 0) {
		struct vn_err ignored = {0};

		vn_backend_stop(runtime, s, &ignored);
	}
	return r;
}

int vn_backend_stop(enum vn_runtime runtime, const struct vn_container_spec *s, struct vn_err *err)
{
	cleanup_command struct command c = {.n = 0};
	int r = 0;

	switch (runtime) {
	case VN_RUNTIME_RUNC:
		r = runc_stop(s, err);
		break;
	case VN_RUNTIME_PODMAN:
		add(&c, "podman");
		add(&c, "rm");
		add(&c, "--force");
		add(&c, "--ignore");
		add(&c, "--time=0");
		add(&c, "%s", s->id);
		r = run_or_fail(&c, NULL, err);
		break;
	case VN_RUNTIME_DOCKER:
		add(&c, "docker");
		add(&c, "rm");
		add(&c, "--force");
		add(&c, "--volumes");
		add(&c, "%s", s->id);
		add(&c, "%s-net", s->id);
		r = run_or_fail(&c, NULL, err);
		break;
	default:
		break;
	}
	vn_hugetlb_release(s->id);
	if (r == 0)
		remove_dir(s->dir);
	return r;
}
