// SPDX-License-Identifier: GPL-2.0-only
/* Lines of a file, and the block of the arena that they become. */
#include "disc/disc_file.h"

void vn_lines_init(struct vn_lines *l, const char *name, const char *text, size_t len, struct vn_err *err)
{
	*l = (struct vn_lines){.name = name, .next = text + vn_bom(text, len), .end = text + len, .err = err};
}

bool vn_lines_next(struct vn_lines *l)
{
	while (l->next < l->end) {
		const char *nl = memchr(l->next, '\n', (size_t)(l->end - l->next));

		l->line = l->next;
		l->len = (size_t)((nl ? nl : l->end) - l->line);
		l->next = nl ? nl + 1 : l->end;
		l->number++;
		while (l->len &&
		       (l->line[l->len - 1] == '\r' || l->line[l->len - 1] == ' ' || l->line[l->len - 1] == '\t'))
			l->len--;
		for (size_t i = 0; i < l->len; i++) {
			if (l->line[i] == '#')
				break;
			if (l->line[i] != ' ' && l->line[i] != '\t')
				return true;
		}
	}
	return false;
}

int vn_lines_fail(const struct vn_lines *l, const char *at, const char *fmt, ...)
{
	char text[512], name[VN_SHOW_BUF];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	vn_show(name, l->name);
	if (!at)
		return vn_err_usage(l->err, "%s: %s", name, text);
	return vn_err_usage(l->err, "%s:%u:%zu: %s", name, l->number, (size_t)(at - l->line) + 1, text);
}

/* Grown by half; @size is the same at each call. */
int vn_block_add(struct vn_block_buf *b, const void *element, size_t size, struct vn_err *err)
{
	size_t n = b->block ? b->block->n : 0;

	if (n == b->room) {
		size_t room = n + n / 2 + 64;
		struct vn_arena_block *more = realloc(b->block, sizeof(*more) + room * size);

		if (!more)
			return vn_err_nomem(err);
		if (!b->block)
			memset(more, 0, sizeof(*more));
		b->block = more;
		b->room = room;
		b->element = size;
	}
	memcpy((char *)(b->block + 1) + n * size, element, size);
	b->block->n++;
	return 0;
}

static uint64_t hash_of(const struct vn_arena_block *b, size_t bytes)
{
	return vn_fnv1a_bytes(VN_FNV_INIT, b + 1, bytes - sizeof(*b)) ^ ((uint64_t)b->kind << 32 | b->columns);
}

bool vn_block_intact(const struct vn_arena_block *b)
{
	static const size_t element[] = {
		[VN_ARENA_DIST] = 2, [VN_ARENA_OPPS] = 8, [VN_ARENA_TABLE] = sizeof(struct vn_trace_row)};

	return b->kind < VN_ARRAY_SIZE(element) && memchr(b->name, '\0', sizeof(b->name)) &&
	       b->hash == hash_of(b, sizeof(*b) + b->n * element[b->kind]);
}

struct vn_arena_block *vn_block_finish(struct vn_block_buf *b, const char *name, uint32_t kind)
{
	size_t bytes = sizeof(*b->block) + b->block->n * b->element;
	size_t pages = (bytes + VN_ARENA_PAGE - 1) / VN_ARENA_PAGE;
	struct vn_arena_block *block = realloc(b->block, pages * VN_ARENA_PAGE);

	if (!block)
		return NULL;
	b->block = NULL;
	memset((char *)block + bytes, 0, pages * VN_ARENA_PAGE - bytes);
	block->magic = VN_ARENA_MAGIC;
	block->kind = kind;
	block->n_pages = (uint32_t)pages;
	snprintf(block->name, sizeof(block->name), "%s", name);
	block->hash = hash_of(block, bytes);
	return block;
}

void vn_block_buf_release(struct vn_block_buf *b)
{
	free(b->block);
}

int vn_block_parse_trace(const char *name, const char *text, size_t len, struct vn_arena_block **ret_block,
			 struct vn_err *err)
{
	struct vn_lines l, probe;
	const char *p;

	vn_lines_init(&l, name, text, len, err);
	if (len > VN_FILE_MAX)
		return vn_lines_fail(&l, NULL, "larger than %u MiB", VN_FILE_MAX >> 20);
	probe = l;
	if (!vn_lines_next(&probe))
		return vn_lines_fail(&l, NULL, "empty: no line of a trace");
	p = probe.line;
	while (*p == ' ' || *p == '\t')
		p++;
	if (*p >= '0' && *p <= '9' && !memchr(probe.line, ',', probe.len))
		return vn_block_parse_opps(&l, ret_block);
	return vn_block_parse_table(&l, ret_block);
}
