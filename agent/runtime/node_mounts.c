// SPDX-License-Identifier: GPL-2.0-only
#include "runtime/node_mounts.h"

#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <base/userns.h>
#include <base/util.h>

#include "runtime/shown.h"

/* Where the tmpfs is: a directory that every host has and no OCI runtime looks into. Sources below it are open then. */
#define PLACE       "/dev/shm"
#define PLACE_MODE  "mode=0711,size=1m"
#define ROOTFS      "rootfs"
#define LAYERS_MAX  512 /* more than overlayfs takes */
#define SOURCES_MAX 256

struct limit {
	__rlimit_resource_t which;
	struct rlimit value;
};

struct vn_node_mounts {
	int bundle, users;
	char users_path[48];

	int root; /* the whole of it, or layers, the uppermost first */
	int layers[LAYERS_MAX];
	size_t n_layers;
	long long upper_bytes;
	char options[96]; /* of the overlay's */

	int sources[SOURCES_MAX];
	char source_paths[SOURCES_MAX][32];
	size_t n_sources;

	struct limit limits[RLIM_NLIMITS];
	size_t n_limits;
};

int vn_node_mounts_open(const char *bundle, struct vn_node_mounts **ret, struct vn_err *err)
{
	struct vn_node_mounts *m = calloc(1, sizeof(*m));

	if (!m)
		return vn_err_kernel(err, ENOMEM, "%s", strerror(ENOMEM));
	m->users = m->root = -EBADF;
	m->bundle = open(bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (m->bundle < 0) {
		free(m);
		return vn_err_kernel(err, errno, "%s: %s", bundle, strerror(errno));
	}
	*ret = m;
	return 0;
}

void vn_node_mounts_close(struct vn_node_mounts **mp)
{
	struct vn_node_mounts *m = *mp;

	if (!m)
		return;
	for (size_t i = 0; i < m->n_layers; i++)
		close(m->layers[i]);
	for (size_t i = 0; i < m->n_sources; i++)
		close(m->sources[i]);
	vn_cleanup_close(&m->root);
	vn_cleanup_close(&m->users);
	close(m->bundle);
	free(m);
	*mp = NULL;
}

static int users(void *arg, const char *netns, const char **ret_path, struct vn_err *err)
{
	struct vn_node_mounts *m = arg;
	cleanup_close int fd = open(netns, O_RDONLY | O_CLOEXEC);
	int r = fd < 0 ? -errno : vn_userns_is_ours(fd);

	if (r > 0)
		return vn_err(err, VN_EXIT_NOT_POSSIBLE, EPERM,
			      "%s belongs to the machine's user namespace, not to one of its own: delete its topology "
			      "and apply it again, or root writes `privileged: true`",
			      netns);
	if (r == 0)
		r = m->users = vn_userns_of(fd);
	/* runc opens it by its path after it has taken the place of this process. */
	if (r >= 0 && fcntl(m->users, F_SETFD, 0) < 0)
		r = -errno;
	if (r < 0)
		return vn_err_kernel(err, -r, "the user namespace that owns %s: %s", netns, strerror(-r));
	snprintf(m->users_path, sizeof(m->users_path), "/proc/%d/fd/%d", (int)getpid(), m->users);
	*ret_path = m->users_path;
	return 0;
}

/* It is shown to a node already: the runner does that for what a topology names (image.h). */
static bool is_shown(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_uid >= VN_USERNS_BASE && st.st_uid < VN_USERNS_BASE + VN_USERNS_IDS;
}

/* The options of the overlay that is mounted at @path; NULL: there is none. */
static char *overlay_options(const char *path)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	const struct mntent *e;
	char *options = NULL;

	while (f && (e = getmntent(f))) {
		if (strcmp(e->mnt_dir, path) != 0)
			continue;
		/* The last one hides those before it. */
		free(options);
		options = strcmp(e->mnt_type, "overlay") == 0 ? strdup(e->mnt_opts) : NULL;
	}
	if (f)
		endmntent(f);
	return options;
}

/* One layer, below those that are known. Engines name theirs relative to their directory @home, to be short. */
static int add_layer(struct vn_node_mounts *m, int home, const char *path, struct vn_err *err)
{
	cleanup_close int fd = openat(home, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return vn_err_kernel(err, errno, "layer %s: %s", path, strerror(errno));
	if (m->n_layers == LAYERS_MAX)
		return vn_err_kernel(err, E2BIG, "more than %d layers", LAYERS_MAX);
	r = vn_shown_tree(fd, m->users, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, 0, true,
			  &m->layers[m->n_layers], err);
	if (r == 0)
		m->n_layers++;
	return r;
}

static int add_layers(struct vn_node_mounts *m, int home, char *list, struct vn_err *err)
{
	int r = 0;

	/* A colon or a comma in a name has a backslash before it, and "::" stands before layers of another kind. */
	if (strchr(list, '\\') || strstr(list, "::"))
		return vn_err(err, VN_EXIT_NOT_POSSIBLE, ENOTSUP, "layers that are not plain directories: %s", list);
	for (char *path, *rest = list; r == 0 && (path = strsep(&rest, ":"));)
		r = add_layer(m, home, path, err);
	return r;
}

/* What the overlay has besides its layers and a new one over them has to have, too. */
static void keep_option(struct vn_node_mounts *m, const char *option)
{
	static const char *const kept[] = {"metacopy=on", "redirect_dir=on", "redirect_dir=follow"};
	const size_t n = strlen(m->options);

	for (size_t i = 0; i < VN_ARRAY_SIZE(kept); i++)
		if (strcmp(option, kept[i]) == 0)
			snprintf(m->options + n, sizeof(m->options) - n, "%s,", option);
}

static int open_layers(struct vn_node_mounts *m, const char *path, char *options, struct vn_err *err)
{
	cleanup_free char *home_path = NULL, *lower = strdup(options);
	cleanup_close int home = -EBADF;
	int r = 0;

	if (!lower || asprintf(&home_path, "%s/../..", path) < 0) {
		home_path = NULL;
		return vn_err_kernel(err, ENOMEM, "%s", strerror(ENOMEM));
	}
	home = open(home_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (home < 0)
		return vn_err_kernel(err, errno, "%s: %s", home_path, strerror(errno));
	/* The upper layer has what the engine has prepared. It is named last, and lies uppermost. */
	for (char *word, *rest = options; r == 0 && (word = strsep(&rest, ","));) {
		keep_option(m, word);
		if (strncmp(word, "upperdir=", 9) == 0)
			r = add_layers(m, home, word + 9, err);
	}
	for (char *word, *rest = lower; r == 0 && (word = strsep(&rest, ","));)
		if (strncmp(word, "lowerdir=", 9) == 0)
			r = add_layers(m, home, word + 9, err);
		else if (strncmp(word, "lowerdir+=", 10) == 0)
			r = add_layers(m, home, word + 10, err);
		else if (strncmp(word, "datadir+=", 9) == 0)
			r = vn_err(err, VN_EXIT_NOT_POSSIBLE, ENOTSUP, "layers that are not plain directories");
	return r < 0 || m->n_layers ? r : vn_err_kernel(err, ENOENT, "its overlay names no layer");
}

static int open_root(struct vn_node_mounts *m, const char *real, int fd, struct vn_err *err)
{
	cleanup_free char *options = overlay_options(real);

	return options ? open_layers(m, real, options, err) : vn_shown_tree(fd, m->users, 0, 0, true, &m->root, err);
}

static int root(void *arg, const char *path, bool writable, long long memory, const char **ret_path, struct vn_err *err)
{
	struct vn_node_mounts *m = arg;
	cleanup_close int fd = openat(m->bundle, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char proc[48], real[PATH_MAX];
	struct vn_err why = {0};
	ssize_t n;
	int r;

	if (fd < 0)
		return vn_err_kernel(err, errno, "root file system %s: %s", path, strerror(errno));
	*ret_path = path;
	if (is_shown(fd))
		return 0;
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	n = readlink(proc, real, sizeof(real) - 1);
	real[n > 0 ? n : 0] = '\0';
	m->upper_bytes = vn_shown_upper_bytes(writable, memory);
	/* The engine's overlay has the same upper layer, and nobody writes by that. */
	snprintf(m->options, sizeof(m->options), "index=off,");
	r = open_root(m, real, fd, &why);
	*ret_path = PLACE "/" ROOTFS;
	return r < 0 ? vn_err(err, why.exit, why.err, "root file system %s: %s", real, why.text) : 0;
}

static int source(void *arg, const char *path, bool tree, const char **ret_path, unsigned long *ret_flags,
		  struct vn_err *err)
{
	struct vn_node_mounts *m = arg;
	cleanup_close int fd = openat(m->bundle, path, O_PATH | O_CLOEXEC);
	struct vn_err why = {0};
	struct statvfs vfs;
	int r;

	if (fd < 0 || fstatvfs(fd, &vfs) < 0)
		return vn_err_kernel(err, errno, "mount of %s: %s", path, strerror(errno));
	*ret_path = path;
	*ret_flags = vfs.f_flag;
	if (is_shown(fd))
		return 0;
	if (m->n_sources == SOURCES_MAX)
		return vn_err_kernel(err, E2BIG, "more than %d mounts", SOURCES_MAX);
	r = vn_shown_tree(fd, m->users, 0, tree ? AT_RECURSIVE : 0, false, &m->sources[m->n_sources], &why);
	if (r < 0)
		return vn_err(err, why.exit, why.err, "mount of %s: %s", path, why.text);
	snprintf(m->source_paths[m->n_sources], sizeof(m->source_paths[0]), PLACE "/m%zu", m->n_sources);
	*ret_path = m->source_paths[m->n_sources++];
	return 0;
}

static int limit(void *arg, const char *type, uint64_t soft, uint64_t hard, struct vn_err *err)
{
	static const struct {
		const char *word;
		__rlimit_resource_t which;
	} words[] = {
		{"RLIMIT_AS", RLIMIT_AS},
		{"RLIMIT_CORE", RLIMIT_CORE},
		{"RLIMIT_CPU", RLIMIT_CPU},
		{"RLIMIT_DATA", RLIMIT_DATA},
		{"RLIMIT_FSIZE", RLIMIT_FSIZE},
		{"RLIMIT_LOCKS", RLIMIT_LOCKS},
		{"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
		{"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
		{"RLIMIT_NICE", RLIMIT_NICE},
		{"RLIMIT_NOFILE", RLIMIT_NOFILE},
		{"RLIMIT_NPROC", RLIMIT_NPROC},
		{"RLIMIT_RSS", RLIMIT_RSS},
		{"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
		{"RLIMIT_RTTIME", RLIMIT_RTTIME},
		{"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
		{"RLIMIT_STACK", RLIMIT_STACK},
	};
	struct vn_node_mounts *m = arg;

	for (size_t i = 0; i < VN_ARRAY_SIZE(words); i++) {
		if (strcmp(type, words[i].word) != 0)
			continue;
		if (m->n_limits == VN_ARRAY_SIZE(m->limits))
			return vn_err_usage(err, "config.json: a limit stands there twice");
		m->limits[m->n_limits++] = (struct limit){words[i].which, {.rlim_cur = soft, .rlim_max = hard}};
		return 0;
	}
	return vn_err_usage(err, "config.json: limit '%.32s' is not known", type);
}

struct vn_oci_machine vn_node_mounts_machine(struct vn_node_mounts *m)
{
	return (struct vn_oci_machine){.arg = m, .users = users, .root = root, .source = source, .limit = limit};
}

static int enter_place(struct vn_err *err)
{
	if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return vn_err_kernel(err, errno, "a mount namespace of its own: %s", strerror(errno));
	if (mount("tmpfs", PLACE, "tmpfs", MS_NOSUID | MS_NODEV, PLACE_MODE) < 0 ||
	    mount(NULL, PLACE, NULL, MS_PRIVATE, NULL) < 0)
		return vn_err_kernel(err, errno, "tmpfs at " PLACE ": %s", strerror(errno));
	return 0;
}

static int make_overlay(const struct vn_node_mounts *m, struct vn_err *err)
{
	char lower[LAYERS_MAX * 6] = "", name[32];
	size_t len = 0;
	int r = 0;

	for (size_t i = 0; i < m->n_layers && r == 0; i++) {
		snprintf(name, sizeof(name), "l%zu", i);
		len += (size_t)snprintf(lower + len, sizeof(lower) - len, "%s%s", i ? ":" : "", name);
		r = vn_shown_attach(m->layers[i], name, err);
	}
	return r < 0 ? r : vn_shown_overlay(lower, m->options, m->upper_bytes, ROOTFS, err);
}

static int make_all(const struct vn_node_mounts *m, struct vn_err *err)
{
	int r = m->n_layers ? make_overlay(m, err) : m->root >= 0 ? vn_shown_attach(m->root, ROOTFS, err) : 0;

	for (size_t i = 0; i < m->n_sources && r == 0; i++)
		r = vn_shown_attach(m->sources[i], m->source_paths[i] + sizeof(PLACE), err);
	return r;
}

static int set_limits(const struct vn_node_mounts *m, struct vn_err *err)
{
	for (size_t i = 0; i < m->n_limits; i++)
		if (setrlimit(m->limits[i].which, &m->limits[i].value) < 0)
			return vn_err_kernel(err, errno, "limit %d of its processes: %s", (int)m->limits[i].which,
					     strerror(errno));
	return 0;
}

int vn_node_mounts_make(struct vn_node_mounts *m, struct vn_err *err)
{
	int r = enter_place(err);
	cleanup_close int back = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (r < 0)
		return r;
	if (back < 0 || chdir(PLACE) < 0)
		return vn_err_kernel(err, errno, PLACE ": %s", strerror(errno));
	r = make_all(m, err);
	if (fchdir(back) < 0 && r == 0)
		r = vn_err_kernel(err, errno, "working directory: %s", strerror(errno));
	return r < 0 ? r : set_limits(m, err);
}

int vn_node_mounts_again(struct vn_node_mounts *m, struct vn_err *err)
{
	int r = enter_place(err);

	if (r == 0 && mkdir(PLACE "/" ROOTFS, 0711) < 0)
		r = vn_err_kernel(err, errno, PLACE "/" ROOTFS ": %s", strerror(errno));
	return r < 0 ? r : set_limits(m, err);
}
