/* SPDX-License-Identifier: GPL-2.0-only */
#include "base/atomic_file.h"

#include <fcntl.h>

#include <base/util.h>

static int write_whole(const char *path, const char *text)
{
	int fd, r;
	FILE *f;

	/* Nobody else's: topologies tell what containers have in their environment. */
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f) {
		r = -errno;
		vn_cleanup_close(&fd);
		return r;
	}
	r = fputs(text, f) < 0 || fflush(f) < 0 || fsync(fileno(f)) < 0 ? -errno : 0;
	if (fclose(f) < 0 && r == 0)
		r = -errno;
	return r;
}

int vn_record_text(const char *path, const char *text, struct vn_err *err)
{
	char fresh[1024];
	int r;

	if (snprintf(fresh, sizeof(fresh), "%s.new", path) >= (int)sizeof(fresh))
		return vn_err_kernel(err, ENAMETOOLONG, "%s: %s", path, strerror(ENAMETOOLONG));
	r = write_whole(fresh, text);
	if (r == 0 && rename(fresh, path) < 0)
		r = -errno;
	if (r < 0) {
		unlink(fresh);
		return vn_err_kernel(err, -r, "writing %s: %s", path, strerror(-r));
	}
	return 0;
}

int vn_record_json(const char *path, json_t *content, struct vn_err *err)
{
	cleanup_free char *text = content ? json_dumps(content, JSON_COMPACT) : NULL;

	json_decref(content);
	return text ? vn_record_text(path, text, err)
		    : vn_err_kernel(err, ENOMEM, "writing %s: %s", path, strerror(ENOMEM));
}
