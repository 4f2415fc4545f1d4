// SPDX-License-Identifier: GPL-2.0-only
/* libyaml's events to a tree with positions, under limits: see yaml.h. */
#include <stdint.h>
#include <uthash.h>
#include <yaml.h>

#include "model/model_internal.h"
#include "file/yaml.h"

struct reader {
	const char *file;
	const char *text;
	size_t len;
	unsigned int max_depth;
	const struct vn_yaml_limit *limits;
	yaml_parser_t parser;
	struct vn_err *err;
};

__attribute__((format(printf, 4, 5))) static int refuse(struct reader *r, size_t line, size_t column, const char *fmt,
							...)
{
	va_list ap;
	int ret;

	va_start(ap, fmt);
	ret = vn_refuse_at(r->err, r->file, line, column, fmt, ap);
	va_end(ap);
	return ret;
}

#define refuse_at(r, mark, ...) refuse((r), (mark).line + 1, (mark).column + 1, __VA_ARGS__)

static int refuse_offset(struct reader *r, size_t offset, const char *what)
{
	size_t line = 1, column = 1, i;

	for (i = 0; i < VN_MIN(offset, r->len); i++) {
		/* Columns count characters: the later bytes of one in UTF-8 do not. */
		if (((unsigned char)r->text[i] & 0xc0) != 0x80)
			column++;
		if (r->text[i] == '\n') {
			line++;
			column = 1;
		}
	}
	return refuse(r, line, column, "%s", what);
}

static int refuse_syntax(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	const char *problem = p->problem ? p->problem : "not YAML";

	switch (p->error) {
	case YAML_MEMORY_ERROR:
		return vn_err_nomem(r->err);
	case YAML_READER_ERROR:
		return refuse_offset(r, p->problem_offset, problem);
	default:
		if (p->problem_mark.index < r->len && r->text[p->problem_mark.index] == '\t')
			return refuse_at(r, p->problem_mark, "syntax error: a tab: indent with spaces");
		if (p->context)
			return refuse_at(r, p->problem_mark, "syntax error: %s %s that began at line %zu", problem,
					 p->context, p->context_mark.line + 1);
		return refuse_at(r, p->problem_mark, "syntax error: %s", problem);
	}
}

static void clear(struct vn_yaml *y)
{
	size_t i;

	for (i = 0; i < y->n; i++)
		clear(&y->items[i]);
	free(y->items);
	free(y->text);
}

void vn_yaml_free(struct vn_yaml *root)
{
	if (!root)
		return;
	clear(root);
	free(root);
}

static int add_item(struct vn_yaml *parent, struct vn_yaml **ret_item)
{
	struct vn_yaml *items;
	size_t room;

	if (parent->n == parent->room) {
		room = parent->room ? 2 * parent->room : 4;
		items = reallocarray(parent->items, room, sizeof(*items));
		if (!items)
			return -ENOMEM;
		parent->items = items;
		parent->room = room;
	}
	*ret_item = &parent->items[parent->n++];
	memset(*ret_item, 0, sizeof(**ret_item));
	return 0;
}

/* What libyaml allocates for an event is freed here, wherever the reading of it ends. */
static void event_clear(yaml_event_t *e)
{
	yaml_event_delete(e);
}
#define cleanup_event __attribute__((cleanup(event_clear)))

static int next_event(struct reader *r, yaml_event_t *ret_event)
{
	if (!yaml_parser_parse(&r->parser, ret_event))
		return refuse_syntax(r);
	return 0;
}

static int check_plain(struct reader *r, const yaml_event_t *e, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor)
		return refuse_at(r, e->start_mark, "anchors are not supported: write it out, or use `defaults:`");
	if (tag)
		return refuse_at(r, e->start_mark, "tags are not supported: leave it out");
	return 0;
}

static int read_value(struct reader *r, const yaml_event_t *e, struct vn_yaml *y, size_t max, unsigned int depth);

static int read_scalar(struct reader *r, const yaml_event_t *e, struct vn_yaml *y)
{
	int ret;

	ret = check_plain(r, e, e->data.scalar.anchor, e->data.scalar.tag);
	if (ret < 0)
		return ret;
	if (memchr(e->data.scalar.value, '\0', e->data.scalar.length))
		return refuse_at(r, e->start_mark, "a NUL character inside a word");
	y->kind = VN_YAML_SCALAR;
	y->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	y->text = strdup((const char *)e->data.scalar.value);
	return y->text ? 0 : vn_err_nomem(r->err);
}

static size_t limit_under(const struct reader *r, const struct vn_yaml *key, unsigned int depth)
{
	const struct vn_yaml_limit *l;

	for (l = r->limits; depth == 1 && l && l->key; l++) {
		if (!strcmp(l->key, key->text))
			return l->max;
	}
	return VN_YAML_ENTRIES_MAX;
}

static int refuse_duplicate(struct reader *r, const struct vn_yaml *key, const struct vn_yaml *first)
{
	char shown[VN_SHOW_BUF];

	return refuse(r, key->line, key->column,
		      "'%s' is given twice, first at line %u column %u: rename or remove one",
		      vn_show(shown, key->text), first->line, first->column);
}

struct key_entry {
	const struct vn_yaml *key;
	UT_hash_handle hh;
};

static int check_duplicates_hashed(struct reader *r, const struct vn_yaml *map)
{
	cleanup_free struct key_entry *entries = calloc(map->n / 2, sizeof(*entries));
	struct key_entry *table = NULL, *found;
	int ret = 0;
	size_t i;

	if (!entries)
		return vn_err_nomem(r->err);
	for (i = 0; i < map->n / 2 && ret == 0; i++) {
		entries[i].key = &map->items[2 * i];
		HASH_FIND_STR(table, entries[i].key->text, found);
		if (found)
			ret = refuse_duplicate(r, entries[i].key, found->key);
		else
			HASH_ADD_KEYPTR(hh, table, entries[i].key->text, strlen(entries[i].key->text), &entries[i]);
	}
	HASH_CLEAR(hh, table);
	return ret;
}

static int check_duplicates(struct reader *r, const struct vn_yaml *map)
{
	size_t i, j;

	if (map->n > 32)
		return check_duplicates_hashed(r, map);
	for (i = 2; i < map->n; i += 2) {
		for (j = 0; j < i; j += 2) {
			if (!strcmp(map->items[i].text, map->items[j].text))
				return refuse_duplicate(r, &map->items[i], &map->items[j]);
		}
	}
	return 0;
}

static int read_key(struct reader *r, const yaml_event_t *e, struct vn_yaml *map, struct vn_yaml **ret_key)
{
	if (e->type != YAML_SCALAR_EVENT && e->type != YAML_ALIAS_EVENT)
		return refuse_at(r, e->start_mark, "a key must be one word");
	if (add_item(map, ret_key) < 0)
		return vn_err_nomem(r->err);
	return read_value(r, e, *ret_key, 0, 0);
}

/* The entries of a list or a map up to its end. */
static int read_entries(struct reader *r, struct vn_yaml *y, size_t max, unsigned int depth)
{
	struct vn_yaml *item;
	size_t entries = 0;
	int ret;

	for (;;) {
		cleanup_event yaml_event_t e = {0};
		cleanup_event yaml_event_t value = {0};
		size_t max_below = VN_YAML_ENTRIES_MAX;

		ret = next_event(r, &e);
		if (ret < 0)
			return ret;
		if (e.type == YAML_SEQUENCE_END_EVENT || e.type == YAML_MAPPING_END_EVENT)
			return y->kind == VN_YAML_MAP ? check_duplicates(r, y) : 0;
		if (++entries > max)
			return refuse_at(r, e.start_mark, "more than %zu entries here: split the topology", max);
		if (y->kind == VN_YAML_MAP) {
			ret = read_key(r, &e, y, &item);
			if (ret < 0)
				return ret;
			max_below = limit_under(r, item, depth);
			ret = next_event(r, &value);
			if (ret < 0)
				return ret;
		}
		/* May move the items: no pointer to the key survives. */
		if (add_item(y, &item) < 0)
			return vn_err_nomem(r->err);
		ret = read_value(r, y->kind == VN_YAML_MAP ? &value : &e, item, max_below, depth);
		if (ret < 0)
			return ret;
	}
}

static int read_value(struct reader *r, const yaml_event_t *e, struct vn_yaml *y, size_t max, unsigned int depth)
{
	int ret;

	y->line = (unsigned int)e->start_mark.line + 1;
	y->column = (unsigned int)e->start_mark.column + 1;
	switch (e->type) {
	case YAML_SCALAR_EVENT:
		return read_scalar(r, e, y);
	case YAML_ALIAS_EVENT:
		return refuse_at(r, e->start_mark, "aliases are not supported: write it out, or use `defaults:`");
	case YAML_SEQUENCE_START_EVENT:
		y->kind = VN_YAML_LIST;
		ret = check_plain(r, e, e->data.sequence_start.anchor, e->data.sequence_start.tag);
		break;
	case YAML_MAPPING_START_EVENT:
		y->kind = VN_YAML_MAP;
		ret = check_plain(r, e, e->data.mapping_start.anchor, e->data.mapping_start.tag);
		break;
	default:
		return refuse_at(r, e->start_mark, "syntax error: no value here");
	}
	if (ret < 0)
		return ret;
	if (depth >= r->max_depth)
		return refuse_at(r, e->start_mark, "nested more than %u levels deep", r->max_depth);
	return read_entries(r, y, max, depth + 1);
}

static int read_document(struct reader *r, struct vn_yaml *root)
{
	static const yaml_event_type_t before[] = {YAML_STREAM_START_EVENT, YAML_DOCUMENT_START_EVENT};
	static const yaml_event_type_t after[] = {YAML_DOCUMENT_END_EVENT, YAML_STREAM_END_EVENT};
	size_t i;
	int ret;

	for (i = 0; i < VN_ARRAY_SIZE(before); i++) {
		cleanup_event yaml_event_t e = {0};

		ret = next_event(r, &e);
		if (ret < 0)
			return ret;
		if (e.type != before[i])
			return refuse(r, 1, 1, "the file is empty: a topology has `name:`, `nodes:` and `links:`");
	}
	{
		cleanup_event yaml_event_t e = {0};

		ret = next_event(r, &e);
		if (ret < 0)
			return ret;
		ret = read_value(r, &e, root, VN_YAML_ENTRIES_MAX, 0);
		if (ret < 0)
			return ret;
	}
	for (i = 0; i < VN_ARRAY_SIZE(after); i++) {
		cleanup_event yaml_event_t e = {0};

		ret = next_event(r, &e);
		if (ret < 0)
			return ret;
		if (e.type != after[i])
			return refuse_at(r, e.start_mark, "a second document: one file holds one topology");
	}
	return 0;
}

int vn_yaml_parse(const char *file, const char *text, size_t len, unsigned int max_depth,
		  const struct vn_yaml_limit *limits, struct vn_yaml **ret_root, struct vn_err *err)
{
	cleanup_yaml struct vn_yaml *root = calloc(1, sizeof(*root));
	/* libyaml, told the encoding, would count the mark as a column. */
	const size_t bom = vn_bom(text, len);
	struct reader r = {.file = file,
			   .text = text += bom,
			   .len = len -= bom,
			   .max_depth = max_depth,
			   .limits = limits,
			   .err = err};
	const char *nul;
	int ret;

	if (!root)
		return vn_err_nomem(err);
	nul = len ? memchr(text, '\0', len) : NULL;
	if (nul)
		return refuse_offset(&r, (size_t)(nul - text), "a NUL byte: this is not a text file in UTF-8");
	if (!yaml_parser_initialize(&r.parser))
		return vn_err_nomem(err);
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	ret = read_document(&r, root);
	yaml_parser_delete(&r.parser);
	if (ret < 0)
		return ret;
	*ret_root = take_ptr(root);
	return 0;
}

bool vn_yaml_is_null(const struct vn_yaml *y)
{
	return y->kind == VN_YAML_SCALAR && y->plain &&
	       (!*y->text || !strcmp(y->text, "~") || !strcmp(y->text, "null"));
}

const struct vn_yaml *vn_yaml_get(const struct vn_yaml *y, const char *key)
{
	size_t i;

	for (i = 0; y->kind == VN_YAML_MAP && i < y->n; i += 2) {
		if (!strcmp(y->items[i].text, key))
			return &y->items[i + 1];
	}
	return NULL;
}
