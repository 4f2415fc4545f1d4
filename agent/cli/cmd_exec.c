/* SPDX-License-Identifier: GPL-2.0-only */
/* vnet-agent node exec */
#include "cli/words.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <mntent.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <base/userns.h>
#include <base/util.h>

#include "exec/executor.h"

/* Where the node's commands run: its namespace, and the container's process when there is one. */
struct place {
	char netns[512];
	bool container;
	pid_t pid;
};

static int find_place(const struct vn_cli *cli, const char *node, struct place *ret, struct vn_err *err)
{
	json_t *reply = NULL;
	const json_t *o;
	const char *netns;
	int r;

	r = vn_cli_call(cli, true, "vnet.node.show", json_pack("{s:s}", "name", node), &reply, err);
	if (r < 0)
		return r;
	o = json_array_get(json_object_get(reply, "nodes"), 0);
	netns = vn_json_str(o, "netns");
	ret->container = json_is_object(json_object_get(o, "container"));
	ret->pid = (pid_t)vn_json_u64(o, "pid");
	if (!*netns || strchr(netns, '/') ||
	    snprintf(ret->netns, sizeof(ret->netns), "%s/%s", VN_NETNS_DIR, netns) >= (int)sizeof(ret->netns))
		r = vn_err(err, VN_EXIT_KERNEL, EBADMSG, "node %s: the agent names no namespace", node);
	json_decref(reply);
	return r;
}

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U /* Linux 6.3 */
#endif
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static bool is_sealed(int exe)
{
	int seals = fcntl(exe, F_GET_SEALS);

	return seals >= 0 && (seals & SEALS) == SEALS;
}

static int copy_exe(int exe, struct vn_err *err)
{
	cleanup_close int fd = memfd_create("vnet-agent", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
	struct stat st;
	ssize_t n = 1;

	/* Older kernels know no flag for what they allow anyway. */
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("vnet-agent", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return vn_err_kernel(err, errno, "a copy of this program in memory: %s%s", strerror(errno),
				     errno == EACCES ? ": see `sysctl vm.memfd_noexec`" : "");
	if (fstat(exe, &st) < 0)
		return vn_err_kernel(err, errno, "/proc/self/exe: %s", strerror(errno));
	for (off_t left = st.st_size; left > 0 && n > 0; left -= n)
		n = sendfile(fd, exe, NULL, (size_t)left);
	if (n <= 0 || fchmod(fd, 0500) < 0 || fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		return vn_err_kernel(err, n ? errno : EIO, "a copy of this program in memory: %s",
				     strerror(n ? errno : EIO));
	return take_fd(&fd);
}

/* The words that this program was called with, as they came: they are kept until it ends. */
static int own_words(char ***ret_argv, struct vn_err *err)
{
	cleanup_fclose FILE *f = fopen("/proc/self/cmdline", "re");
	size_t n = 0, max = 0, size = 0;
	char **argv = NULL, *word = NULL;

	while (f && getdelim(&word, &size, '\0', f) > 0) {
		if (n + 2 > max) {
			max = max ? 2 * max : 16;
			argv = reallocarray(argv, max, sizeof(*argv));
			if (!argv)
				break;
		}
		argv[n++] = word;
		argv[n] = NULL;
		word = NULL;
		size = 0;
	}
	free(word);
	if (!argv)
		return vn_err_kernel(err, ENOMEM, "/proc/self/cmdline cannot be read");
	*ret_argv = argv;
	return 0;
}

/*
 * A container's files decide what runs in it: one that is "#!/proc/self/exe" gives its interpreter, which is the
 * container's too, the file of the program that started it, to be opened and written to by root (CVE-2019-5736). So
 * none of the host's enters: this program begins again as a copy in memory that nobody can write to. What else it has
 * mapped, libraries, is reached by /proc/PID/map_files alone, which is for the machine's root.
 */
static int leave_host_file(struct vn_err *err)
{
	cleanup_close int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), copy = -EBADF;
	char **argv = NULL;
	int r;

	if (exe < 0)
		return vn_err_kernel(err, errno, "/proc/self/exe: %s", strerror(errno));
	if (is_sealed(exe))
		return 0;
	r = own_words(&argv, err);
	if (r < 0)
		return r;
	copy = copy_exe(exe, err);
	if (copy < 0)
		return copy;
	fflush(NULL);
	fexecve(copy, argv, environ);
	return vn_err_kernel(err, errno, "starting a copy of this program in memory: %s", strerror(errno));
}

/* Who the container's program is, as /proc tells it. */
struct identity {
	unsigned int uid, gid, no_new_privs;
	unsigned long long permitted, bounding, ambient;
	char environ[65536]; /* NAME=value, each with its NUL */
	size_t environ_len;
};

static int read_identity(pid_t pid, struct identity *ret)
{
	cleanup_fclose FILE *status = NULL;
	cleanup_close int env = -EBADF;
	char path[48], line[256];
	int found = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	status = fopen(path, "re");
	if (!status)
		return -errno;
	while (fgets(line, sizeof(line), status))
		found += sscanf(line, "Uid:\t%u", &ret->uid) == 1 || sscanf(line, "Gid:\t%u", &ret->gid) == 1 ||
			 sscanf(line, "NoNewPrivs:\t%u", &ret->no_new_privs) == 1 ||
			 sscanf(line, "CapPrm:\t%llx", &ret->permitted) == 1 ||
			 sscanf(line, "CapBnd:\t%llx", &ret->bounding) == 1 ||
			 sscanf(line, "CapAmb:\t%llx", &ret->ambient) == 1;
	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	env = open(path, O_RDONLY | O_CLOEXEC);
	while (env >= 0 &&
	       (n = read(env, ret->environ + ret->environ_len, sizeof(ret->environ) - 1 - ret->environ_len)) > 0)
		ret->environ_len += (size_t)n;
	return found == 6 ? 0 : -EBADMSG;
}

/* What number @id of this user namespace is in that of process @pid, -1: none. */
static int64_t map_id(pid_t pid, const char *file, unsigned int id)
{
	cleanup_fclose FILE *f = NULL;
	unsigned int inside, outside, count;
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	f = fopen(path, "re");
	while (f && fscanf(f, "%u %u %u", &inside, &outside, &count) == 3)
		if (id >= outside && id - outside < count)
			return (int64_t)inside + (id - outside);
	return -1;
}

/* CLONE_NEWUSER, where the container has a user namespace of its own; its numbers are those of that one. */
static int users_of(pid_t pid, struct identity *id, int *ret_flag)
{
	struct stat theirs, ours;
	int64_t uid, gid;
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	if (stat(path, &theirs) < 0 || stat("/proc/self/ns/user", &ours) < 0)
		return -errno;
	*ret_flag = 0;
	if (theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev)
		return 0;
	uid = map_id(pid, "uid_map", id->uid);
	gid = map_id(pid, "gid_map", id->gid);
	if (uid < 0 || gid < 0)
		return -EOVERFLOW;
	id->uid = (unsigned int)uid;
	id->gid = (unsigned int)gid;
	*ret_flag = CLONE_NEWUSER;
	return 0;
}

/*
 * Become what the container's program is: its files are not to be trusted with the rights of who came in. Its seccomp
 * filter and its control group cannot be joined.
 */
static int assume(struct identity *id)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct caps[2] = {{.effective = (uint32_t)id->permitted,
							.permitted = (uint32_t)id->permitted,
							.inheritable = (uint32_t)id->ambient},
						       {.effective = (uint32_t)(id->permitted >> 32),
							.permitted = (uint32_t)(id->permitted >> 32),
							.inheritable = (uint32_t)(id->ambient >> 32)}};

	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	for (unsigned long cap = 0; cap < 64 && prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		if (!(id->bounding >> cap & 1) && prctl(PR_CAPBSET_DROP, cap) < 0)
			return -errno;
	if (setgroups(0, NULL) < 0 || setresgid(id->gid, id->gid, id->gid) < 0 || prctl(PR_SET_KEEPCAPS, 1L) < 0 ||
	    setresuid(id->uid, id->uid, id->uid) < 0 || syscall(SYS_capset, &h, caps) < 0)
		return -errno;
	for (unsigned long cap = 0; cap < 64; cap++)
		if (id->ambient >> cap & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0L, 0L) < 0)
			return -errno;
	if (id->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) < 0)
		return -errno;
	clearenv();
	for (char *s = id->environ; s < id->environ + id->environ_len; s += strlen(s) + 1)
		putenv(s);
	return 0;
}

/* Only children are in a process namespace that was entered or made: returns in the child, the parent ends as it does.
 */
static int become_child(const char *node, struct vn_err *err)
{
	pid_t child = fork();
	int st = 0;

	if (child < 0)
		return vn_err_kernel(err, errno, "node %s: fork: %s", node, strerror(errno));
	if (child == 0)
		return 0;
	while (waitpid(child, &st, 0) < 0 && errno == EINTR)
		;
	fflush(NULL);
	_exit(WIFEXITED(st) ? WEXITSTATUS(st)
			    : 128 + WTERMSIG(st)); /* no work at exit: this process is nowhere at home */
}

/* All that the container has of its own. */
static int enter_container(const char *node, const struct place *p, struct vn_err *err)
{
	cleanup_close int fd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	static struct identity id;
	int users = 0, r;

	if (!p->pid)
		return vn_err(err, VN_EXIT_KERNEL, ESRCH, "node %s: its container has ended: apply the topology again",
			      node);
	r = leave_host_file(err);
	if (r < 0)
		return r;
	r = read_identity(p->pid, &id);
	if (r == 0)
		r = users_of(p->pid, &id, &users);
	if (r < 0)
		return vn_err_kernel(err, -r, "node %s: its container: %s", node, strerror(-r));
	/* Until the command is there, nobody inside looks into this process. */
	prctl(PR_SET_DUMPABLE, 0L);
	if (fd < 0 || setns(fd, users | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
		return vn_err(err, errno == EPERM ? VN_EXIT_DENIED : VN_EXIT_KERNEL, errno,
			      "node %s: entering its container: %s%s", node, strerror(errno),
			      errno == EPERM ? ": run as root" : "");
	r = become_child(node, err);
	if (r < 0)
		return r;
	r = assume(&id);
	return r < 0 ? vn_err_kernel(err, -r, "node %s: becoming its user: %s", node, strerror(-r)) : 0;
}

static int enter(const char *node, const char *path, struct vn_err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return vn_err_kernel(err, errno, "node %s: %s: %s: apply the topology again to restore it", node, path,
				     strerror(errno));
	if (setns(fd, CLONE_NEWNET) == 0)
		return 0;
	if (errno == EPERM)
		return vn_err(err, VN_EXIT_DENIED, EPERM,
			      "node %s: entering a namespace needs CAP_SYS_ADMIN: run as root", node);
	return vn_err_kernel(err, errno, "node %s: entering %s: %s", node, path, strerror(errno));
}

#define MOUNT_FLAGS (MS_NOSUID | MS_NODEV | MS_NOEXEC)

/* What /sys is to be mounted with: read-only where it is that already. */
static unsigned long sys_flags(void)
{
	struct statvfs vfs;

	return MOUNT_FLAGS | (statvfs("/sys", &vfs) == 0 && (vfs.f_flag & ST_RDONLY) ? MS_RDONLY : 0);
}

/*
 * /sys/class/net shows the namespace in which it was mounted: give the command one of the node's. Best effort: where
 * mounting is forbidden it sees the host's devices in /sys, and nothing else differs.
 */
static void mount_sys(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return;
	(void)!mount("vnet", "/sys", "sysfs", sys_flags(), NULL);
}

/* No proc and no sysfs of the machine is left in this mount namespace, wherever it is mounted. */
static int unmount_machine(void)
{
	FILE *f = setmntent("/proc/self/mounts", "re"); /* it goes on telling them when /proc is gone */
	const struct mntent *m;
	bool again = f != NULL;

	if (!f)
		return -errno;
	while (again) {
		again = false;
		rewind(f);
		/* The list changes with each. What cannot be unmounted is hidden by another mount, and stays so. */
		while (!again && (m = getmntent(f)))
			again = (!strcmp(m->mnt_type, "proc") || !strcmp(m->mnt_type, "sysfs")) &&
				umount2(m->mnt_dir, MNT_DETACH) == 0;
	}
	endmntent(f);
	return 0;
}

/*
 * /proc of this process namespace and /sys of this network namespace, instead of the machine's. It is called with the
 * machine's rights: the mount namespace that the node's root gets afterwards is a copy for fewer rights, in which the
 * kernel locks every mount in its place (MNT_LOCKED).
 */
static int mount_own(void)
{
	cleanup_free char *cwd = get_current_dir_name();
	unsigned long flags = sys_flags();
	int r;

	/* A slave: what the machine unmounts goes here, too. */
	if (mount("", "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return -errno;
	r = unmount_machine();
	if (r < 0)
		return r;
	if (mount("vnet", "/proc", "proc", MOUNT_FLAGS, NULL) < 0 || mount("vnet", "/sys", "sysfs", flags, NULL) < 0)
		return -errno;
	/* By its name again: the working directory may be one of those that were unmounted. */
	return (cwd && chdir(cwd) == 0) || chdir("/") == 0 ? 0 : -errno;
}

/*
 * Root of the node's user namespace and nothing more: every capability there and in the node, none of the machine's;
 * for files and processes of the machine it is VN_USERNS_BASE, whom nothing belongs to. It has processes of its own and
 * no way to see others, since that number is root of other nodes, too.
 */
static int enter_confined(const char *node, const char *path, struct vn_err *err)
{
	cleanup_close int net = open(path, O_RDONLY | O_CLOEXEC), users = net < 0 ? -EBADF : vn_userns_of(net);
	int r;

	if (net < 0)
		return vn_err_kernel(err, errno, "node %s: %s: %s: apply the topology again to restore it", node, path,
				     strerror(errno));
	if (vn_userns_is_ours(net) > 0)
		return vn_err(err, VN_EXIT_NOT_POSSIBLE, EPERM,
			      "node %s: its namespace belongs to the machine's user namespace, whose root nothing "
			      "confines: it is `privileged: true`, docker's, somebody else's, or older than this agent",
			      node);
	if (users < 0 || setns(net, CLONE_NEWNET) < 0 || unshare(CLONE_NEWNS | CLONE_NEWPID) < 0)
		return vn_err(err, errno == EPERM ? VN_EXIT_DENIED : VN_EXIT_KERNEL, errno,
			      "node %s: entering its namespaces: %s%s", node, strerror(errno),
			      errno == EPERM ? ": run as root" : "");
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	r = become_child(node, err);
	if (r < 0)
		return r;
	r = mount_own();
	if (r < 0)
		return vn_err_kernel(err, -r, "node %s: mounting a /proc and a /sys of its own: %s", node,
				     strerror(-r));
	if (setns(users, CLONE_NEWUSER) < 0 || setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 ||
	    setresuid(0, 0, 0) < 0 || unshare(CLONE_NEWNS | CLONE_NEWIPC) < 0)
		return vn_err_kernel(err, errno, "node %s: becoming its root: %s", node, strerror(errno));
	return 0;
}

int vn_cmd_node_exec(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	const char *node = call->args[0], *cmd = call->args[1];
	const bool confined = vn_call_option(call, "--confined");
	struct place place = {.pid = 0};
	char **argv;
	int r;

	r = find_place(cli, node, &place, err);
	if (r == 0)
		r = place.container ? enter_container(node, &place, err)
		    : confined      ? enter_confined(node, place.netns, err)
				    : enter(node, place.netns, err);
	if (r < 0)
		return r;
	if (!place.container && !confined)
		mount_sys();
	argv = calloc((size_t)call->n_args, sizeof(*argv));
	if (!argv)
		return -ENOMEM;
	memcpy(argv, call->args + 1, (size_t)(call->n_args - 1) * sizeof(*argv));
	fflush(NULL);
	execvp(cmd, argv);
	r = -errno;
	free(argv);
	/* As env(1) and the shell do, so that a caller can tell it from the command's own codes. */
	fprintf(stderr, "vnet-agent: node %s: %s: %s\n", node, cmd, strerror(-r));
	return r == -ENOENT ? 127 : 126;
}
