// SPDX-License-Identifier: GPL-2.0-only
#include "engines/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <base/util.h>

#include "base/atomic_file.h"
#include "base/intern.h"
#include "disc/disc_words.h"

static int open_file(const char *runtime_dir, int flags, struct vn_err *err)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/" VN_ARENA_FILE, runtime_dir);
	fd = open(path, flags | O_CLOEXEC, 0600);
	return fd < 0 ? vn_err_kernel(err, errno, "%s: %s", path, strerror(errno)) : fd;
}

int vn_arena_open_read(const char *runtime_dir, struct vn_err *err)
{
	return open_file(runtime_dir, O_RDONLY, err);
}

const struct vn_arena_block *vn_arena_block_at(const struct vn_arena *a, uint32_t number)
{
	const struct vn_arena_block *b = NULL;

	for (uint32_t kind = VN_ARENA_DIST; kind <= VN_ARENA_TABLE; kind++) {
		if (vn_arena_get(a->base, number, kind, &b))
			return b;
	}
	return NULL;
}

static int insert(struct vn_arena *a, size_t at, const struct vn_arena_entry *e)
{
	if (a->n == a->room) {
		size_t room = VN_MAX(a->room * 2, (size_t)16);
		struct vn_arena_entry *more = reallocarray(a->entries, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		a->entries = more;
		a->room = room;
	}
	memmove(a->entries + at + 1, a->entries + at, (a->n - at) * sizeof(*e));
	a->entries[at] = *e;
	a->n++;
	return 0;
}

/* What an earlier daemon left. Freed pages are holes, so nothing but a block begins with the magic where none is. */
static int scan(struct vn_arena *a, vn_arena_damaged_fn damaged, void *arg)
{
	for (uint32_t page = 1; page < VN_ARENA_PAGES;) {
		const struct vn_arena_block *b = vn_arena_block_at(a, page);
		struct vn_arena_entry e = {.number = page};
		int r;

		if (!b) {
			off_t next = lseek(a->fd, (off_t)((page + 1) * VN_ARENA_PAGE), SEEK_DATA);

			if (next < 0)
				break;
			page = (uint32_t)((uint64_t)next / VN_ARENA_PAGE);
			continue;
		}
		if (!vn_block_intact(b)) {
			damaged(arg, b, "its contents are not those that were written");
			fallocate(a->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(page * VN_ARENA_PAGE),
				  (off_t)VN_ARENA_PAGE);
			continue;
		}
		e.n_pages = b->n_pages;
		e.unused_ns = vn_now_ns();
		r = insert(a, a->n, &e);
		if (r < 0)
			return r;
		page += b->n_pages;
	}
	return 0;
}

static bool same(const struct vn_arena_block *a, const struct vn_arena_block *b)
{
	return a->hash == b->hash && a->kind == b->kind && a->n == b->n && a->n_pages == b->n_pages &&
	       memcmp(a, b, b->n_pages * VN_ARENA_PAGE) == 0;
}

static uint32_t pages_used(const struct vn_arena *a)
{
	uint32_t n = 1;

	for (size_t i = 0; i < a->n; i++)
		n += a->entries[i].n_pages;
	return n;
}

/* First fit; *@ret_at is where the entry belongs. */
static uint32_t find_room(const struct vn_arena *a, uint32_t n_pages, size_t *ret_at)
{
	uint32_t page = 1;
	size_t i;

	for (i = 0; i < a->n && a->entries[i].number - page < n_pages; i++)
		page = a->entries[i].number + a->entries[i].n_pages;
	*ret_at = i;
	return i < a->n || VN_ARENA_PAGES - page >= n_pages ? page : 0;
}

int vn_arena_put(struct vn_arena *a, const struct vn_arena_block *image, uint32_t *ret_number, struct vn_err *err)
{
	struct vn_arena_entry e = {.n_pages = image->n_pages, .unused_ns = vn_now_ns()};
	struct vn_arena_block *to;
	size_t at;
	int r;

	for (size_t i = 0; i < a->n; i++) {
		const struct vn_arena_block *b = vn_arena_block_at(a, a->entries[i].number);

		if (!b || !same(b, image))
			continue;
		if (a->entries[i].unused_ns)
			a->entries[i].unused_ns = e.unused_ns;
		*ret_number = a->entries[i].number;
		return 0;
	}
	e.number = find_room(a, image->n_pages, &at);
	if (!e.number)
		return vn_err(err, VN_EXIT_NOT_POSSIBLE, ENOSPC,
			      "%s: needs %llu kB, and of the %llu MB for traces and distributions %llu kB are taken",
			      image->name, image->n_pages * VN_ARENA_PAGE >> 10, VN_ARENA_BYTES >> 20,
			      pages_used(a) * VN_ARENA_PAGE >> 10);
	/* Memory that the file system does not have would be a SIGBUS at the store. */
	r = posix_fallocate(a->fd, (off_t)(e.number * VN_ARENA_PAGE), (off_t)(e.n_pages * VN_ARENA_PAGE));
	if (r == 0)
		r = -insert(a, at, &e);
	if (r != 0)
		return vn_err_kernel(err, r, "%s: no memory for it in %s/" VN_ARENA_FILE ": %s", image->name,
				     a->runtime_dir, strerror(r));
	to = (struct vn_arena_block *)(a->base + e.number * VN_ARENA_PAGE);
	memcpy((char *)to + sizeof(to->magic), (const char *)image + sizeof(to->magic),
	       image->n_pages * VN_ARENA_PAGE - sizeof(to->magic));
	__atomic_store_n(&to->magic, VN_ARENA_MAGIC, __ATOMIC_RELEASE);
	*ret_number = e.number;
	return 0;
}

uint32_t vn_arena_find(const struct vn_arena *a, const char *name, bool dist)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct vn_arena_block *b = vn_arena_block_at(a, a->entries[i].number);

		if (b && (b->kind == VN_ARENA_DIST) == dist && strncmp(b->name, name, sizeof(b->name)) == 0)
			return a->entries[i].number;
	}
	return 0;
}

void vn_arena_collect_begin(struct vn_arena *a)
{
	for (size_t i = 0; i < a->n; i++)
		a->entries[i].used = false;
}

void vn_arena_mark(struct vn_arena *a, uint32_t number)
{
	size_t low = 0, high = a->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (a->entries[mid].number < number)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < a->n && a->entries[low].number == number)
		a->entries[low].used = true;
}

void vn_arena_collect_end(struct vn_arena *a, uint64_t now_ns)
{
	size_t kept = 0;

	for (size_t i = 0; i < a->n; i++) {
		struct vn_arena_entry *e = &a->entries[i];

		if (e->used)
			e->unused_ns = 0;
		else if (!e->unused_ns)
			e->unused_ns = now_ns;
		if (e->unused_ns && now_ns - e->unused_ns >= VN_ARENA_GRACE_NS) {
			/* The magic goes with the pages: readers find no block from now on. */
			fallocate(a->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(e->number * VN_ARENA_PAGE),
				  (off_t)(e->n_pages * VN_ARENA_PAGE));
			continue;
		}
		a->entries[kept++] = *e;
	}
	a->n = kept;
}

/* Atoms count from 1 in the order of the file. */
static int load_names(struct vn_arena *a, struct vn_err *ret_why)
{
	char path[256];
	json_t *list, *name;
	json_error_t why;
	int r = 0;
	size_t i;

	snprintf(path, sizeof(path), "%s/" VN_NAMES_FILE, a->runtime_dir);
	if (access(path, F_OK) < 0)
		return 0;
	list = json_load_file(path, 0, &why);
	if (!json_is_array(list))
		r = vn_err(ret_why, VN_EXIT_KERNEL, EBADMSG, "line %d: %s", list ? 1 : why.line,
			   list ? "no list" : why.text);
	json_array_foreach (list, i, name) {
		const char *text = json_string_value(name);

		if (r == 0 && vn_atom(text ? text : "") != i + 1)
			r = vn_err(ret_why, VN_EXIT_KERNEL, EBADMSG, "entry %zu is no new name", i + 1);
	}
	a->n_names_saved = r == 0 ? (uint32_t)json_array_size(list) : 0;
	json_decref(list);
	return r;
}

int vn_arena_save_names(struct vn_arena *a, struct vn_err *err)
{
	uint32_t n = vn_atom_count();
	char path[256];
	json_t *list;
	int r;

	if (n == a->n_names_saved)
		return 0;
	list = json_array();
	for (uint32_t i = 1; i <= n; i++)
		json_array_append_new(list, json_string(vn_atom_text(i)));
	snprintf(path, sizeof(path), "%s/" VN_NAMES_FILE, a->runtime_dir);
	r = vn_record_json(path, list, err);
	if (r < 0)
		return r;
	a->n_names_saved = n;
	return 0;
}

int vn_arena_open(struct vn_arena *a, const char *runtime_dir, vn_arena_damaged_fn damaged, void *arg,
		  struct vn_err *err)
{
	struct vn_err why = {0};
	int r;

	a->runtime_dir = runtime_dir;
	a->fd = open_file(runtime_dir, O_RDWR | O_CREAT, err);
	if (a->fd < 0)
		return a->fd;
	if (ftruncate(a->fd, (off_t)VN_ARENA_BYTES) < 0)
		return vn_err_kernel(err, errno, VN_ARENA_FILE ": %s", strerror(errno));
	a->base = mmap(NULL, VN_ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, a->fd, 0);
	if (a->base == MAP_FAILED) {
		a->base = NULL;
		return vn_err_kernel(err, errno, VN_ARENA_FILE ": mapping: %s", strerror(errno));
	}
	r = scan(a, damaged, arg);
	if (r < 0)
		return vn_err_kernel(err, -r, VN_ARENA_FILE ": %s", strerror(-r));
	if (load_names(a, &why) < 0) {
		a->names_lost = true;
		damaged(arg, NULL, why.text);
	}
	return 0;
}

void vn_arena_close(struct vn_arena *a)
{
	if (a->base)
		munmap(a->base, VN_ARENA_BYTES);
	free(a->entries);
	vn_cleanup_close(&a->fd);
	*a = (struct vn_arena){.fd = -EBADF};
}
