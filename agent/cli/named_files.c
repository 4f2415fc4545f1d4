// SPDX-License-Identifier: GPL-2.0-only
/*
 * The files that disciplines name, read by the caller and with the caller's rights: their text goes to the daemon with
 * the request. Checked here first, so that what is wrong with them needs no daemon.
 */
#include "cli/named_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <base/util.h>

#include "base/intern.h"

struct vn_cli_file {
	uint32_t name; /* atom */
	bool is_dist;
	char *text;
	size_t len;
	struct vn_arena_block *block;
};

void vn_cli_files_release(struct vn_cli_files *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->files[i].text);
		free(f->files[i].block);
	}
	free(f->files);
	free(f->folder);
	*f = (struct vn_cli_files){0};
}

int vn_cli_files_init(struct vn_cli_files *f, const char *topo_path)
{
	const char *slash = topo_path ? strrchr(topo_path, '/') : NULL;

	*f = (struct vn_cli_files){0};
	if (slash)
		f->folder = strndup(topo_path, (size_t)(slash - topo_path) + 1);
	return slash && !f->folder ? -ENOMEM : 0;
}

/* Opened without waiting for the other end of a FIFO; only a regular file is one. */
static int open_regular(const char *path, struct vn_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return vn_err_usage(err, "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) < 0)
		vn_err_usage(err, "%s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		vn_err_usage(err, "%s: not a regular file, but a %s", path,
			     S_ISDIR(st.st_mode)    ? "directory"
			     : S_ISFIFO(st.st_mode) ? "pipe"
			     : S_ISSOCK(st.st_mode) ? "socket"
						    : "device");
	else if (st.st_size > (off_t)VN_FILE_MAX)
		vn_err_usage(err, "%s: %lld MB, at most %u MiB", path, (long long)st.st_size / 1000000,
			     VN_FILE_MAX >> 20);
	else if (st.st_size == 0)
		vn_err_usage(err, "%s: empty", path);
	else
		return fd;
	close(fd);
	return -EINVAL;
}

/* Where tc looks for a distribution that is not here (get_tc_lib() of iproute2, and Debian's place). */
static int open_dist(const char *name)
{
	static const char *const folders[] = {"/usr/lib/tc", "/lib/tc", "/usr/lib64/tc"};
	char path[512];
	int fd = -1;

	for (size_t i = 0; i < VN_ARRAY_SIZE(folders) && fd < 0; i++) {
		snprintf(path, sizeof(path), "%s/%s", folders[i], name);
		fd = open_regular(path, NULL);
	}
	return fd;
}

static int read_text(struct vn_cli_file *file, int fd, const char *name, struct vn_err *err)
{
	size_t room = VN_FILE_MAX + 1;

	file->text = malloc(room);
	if (!file->text)
		return vn_err_kernel(err, ENOMEM, "%s: out of memory", name);
	while (file->len < room) {
		ssize_t n = read(fd, file->text + file->len, room - file->len);

		if (n < 0)
			return vn_err_usage(err, "%s: %s", name, strerror(errno));
		if (n == 0)
			break;
		file->len += (size_t)n;
	}
	if (file->len == room)
		return vn_err_usage(err, "%s: larger than %u MiB", name, VN_FILE_MAX >> 20);
	if (memchr(file->text, 0, file->len))
		return vn_err_usage(err, "%s: not a text file: it has NUL bytes", name);
	return 0;
}

static int load(struct vn_cli_files *f, struct vn_cli_file *file, struct vn_err *err)
{
	const char *name = vn_atom_text(file->name), *folder = *name != '/' && f->folder ? f->folder : "";
	cleanup_close int fd = -EBADF;
	char path[4096];
	int r;

	if (snprintf(path, sizeof(path), "%s%s", folder, name) >= (int)sizeof(path))
		return vn_err_usage(err, "%s: the path is too long", name);
	if (file->is_dist && !strchr(name, '/') && access(path, F_OK) < 0)
		fd = open_dist(name);
	if (fd < 0)
		fd = open_regular(path, err);
	if (fd < 0)
		return fd;
	r = read_text(file, fd, path, err);
	if (r < 0)
		return r;
	return (file->is_dist ? vn_block_parse_dist : vn_block_parse_trace)(name, file->text, file->len, &file->block,
									    err);
}

static int take(struct vn_cli_files *f, uint32_t name, bool is_dist, const struct vn_arena_block **ret_block,
		struct vn_err *err)
{
	struct vn_cli_file *more;
	int r;

	for (size_t i = 0; i < f->n; i++) {
		if (f->files[i].name == name && f->files[i].is_dist == is_dist) {
			*ret_block = f->files[i].block;
			return 0;
		}
	}
	if (f->n == VN_FILES_MAX)
		return vn_err_usage(err, "more than %u files", VN_FILES_MAX);
	more = reallocarray(f->files, f->n + 1, sizeof(*more));
	if (!more)
		return vn_err_kernel(err, ENOMEM, "out of memory");
	f->files = more;
	f->files[f->n] = (struct vn_cli_file){.name = name, .is_dist = is_dist};
	r = load(f, &f->files[f->n++], err);
	*ret_block = f->files[f->n - 1].block;
	return r;
}

int vn_cli_files_add(struct vn_cli_files *f, const struct vn_disc *d, const struct vn_arena_block **ret_trace,
		     struct vn_err *err)
{
	struct vn_disc_file named[VN_DISC_FILES];
	size_t n = vn_disc_files(d, named);
	const struct vn_arena_block *block = NULL;

	*ret_trace = NULL;
	for (size_t i = 0; i < n; i++) {
		int r = take(f, named[i].name, named[i].is_dist, &block, err);

		if (r < 0)
			return r;
		if (!named[i].is_dist)
			*ret_trace = block;
	}
	return 0;
}

int vn_cli_files_add_topo(struct vn_cli_files *f, struct vn_topo *t, struct vn_err *err)
{
	for (size_t i = 0; i < t->n_links * VN_DIRS; i++) {
		struct vn_link *l = &t->links[i / VN_DIRS];
		const struct vn_arena_block *trace;
		struct vn_err why = {0};
		int r = vn_cli_files_add(f, &l->disc[i % VN_DIRS], &trace, &why);

		if (r == 0 && trace)
			r = vn_trace_check(&l->disc[i % VN_DIRS], trace, &why);
		if (r < 0)
			return vn_err_usage(err, "%s:%d:%d: link '%s': %.600s", t->file, l->line, l->column, l->name,
					    why.text);
		if (trace)
			l->trace_delay_ns[i % VN_DIRS] =
				vn_trace_mean_delay_ns(trace, l->disc[i % VN_DIRS].flags & VN_DISC_TRACE_LINEAR);
	}
	return 0;
}

int vn_cli_files_send(const struct vn_cli_files *f, json_t *params, struct vn_err *err)
{
	json_t *files;
	size_t sum = 0;

	if (!f->n)
		return 0;
	files = json_object();
	json_object_set_new(params, "files", files);
	for (size_t i = 0; i < f->n; i++) {
		json_t *text = json_stringn(f->files[i].text, f->files[i].len);

		sum += f->files[i].len;
		if (!text || json_object_set_new(files, vn_atom_text(f->files[i].name), text) < 0)
			return vn_err_usage(err, "%s: name or content is not UTF-8", vn_atom_text(f->files[i].name));
	}
	if (sum > VN_WIRE_FILES_MAX)
		return vn_err_usage(err, "the files together are larger than %u MiB", VN_WIRE_FILES_MAX >> 20);
	return 0;
}
