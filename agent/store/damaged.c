/* SPDX-License-Identifier: GPL-2.0-only */
#include "store/damaged.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <base/util.h>

#include "base/log.h"
#include "base/beneath.h"

static void path_of(const struct vn_store *store, const char *name, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%s", store->runtime_dir, name);
}

int vn_damaged_load(const struct vn_store *store, const char *name, json_t **ret_content, struct vn_err *ret_why)
{
	char path[PATH_MAX];
	json_error_t why;
	json_t *o;

	path_of(store, name, path);
	if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return -ENOENT;
	o = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
	if (!o)
		return vn_err(ret_why, VN_EXIT_KERNEL, EBADMSG, "line %d: %s", why.line, why.text);
	*ret_content = o;
	return 0;
}

/* Where @name is kept: "damaged/topologies-x.json.1764554400", a name that is free. */
static void place(const struct vn_store *store, const char *name, char place[NAME_MAX + 1])
{
	char path[PATH_MAX];
	time_t now = time(NULL);
	int n;

	path_of(store, VN_DAMAGED_DIR, path);
	mkdir(path, 0700);
	do {
		n = snprintf(place, NAME_MAX + 1, VN_DAMAGED_DIR "/%.200s.%lld", name, (long long)now++);
		for (char *s = place + sizeof(VN_DAMAGED_DIR); n > 0 && *s; s++)
			if (*s == '/')
				*s = '-';
		path_of(store, place, path);
	} while (access(path, F_OK) == 0);
}

static void tell(struct vn_store *store, const char *name, const char *why, const char *kept, const char *then)
{
	vn_log_at(VN_LOG_WARNING, "%s/%s: damaged (%s): kept as %s: %s", store->runtime_dir, name, why, kept, then);
	vn_tell(&store->tell,
		json_pack("{s:s, s:s, s:s, s:s}", "event", "file-damaged", "file", name, "why", why, "kept", kept));
}

void vn_damaged_aside(struct vn_store *store, const char *name, const char *why, const char *then)
{
	char from[PATH_MAX], to[PATH_MAX], kept[NAME_MAX + 1];

	place(store, name, kept);
	path_of(store, name, from);
	path_of(store, kept, to);
	if (rename(from, to) < 0)
		vn_log_at(VN_LOG_WARNING, "%s: cannot be moved to %s: %s", from, to, strerror(errno));
	tell(store, name, why, kept, then);
}

void vn_damaged_part(struct vn_store *store, const char *name, const void *data, size_t len, const char *why,
		     const char *then)
{
	cleanup_close int fd = -EBADF;
	char path[PATH_MAX], kept[NAME_MAX + 1];

	place(store, name, kept);
	path_of(store, kept, path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		vn_log_at(VN_LOG_WARNING, "%s: cannot be written: %s", path, strerror(errno));
	tell(store, name, why, kept, then);
}

static int add_name(int dir, const char *name, void *arg)
{
	return json_array_append_new(arg, json_string(name));
}

json_t *vn_damaged_to_json(const struct vn_store *store)
{
	char path[PATH_MAX];
	json_t *list = json_array();
	int dir;

	path_of(store, VN_DAMAGED_DIR, path);
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0)
		vn_beneath_list(dir, add_name, list);
	vn_cleanup_close(&dir);
	return list;
}
