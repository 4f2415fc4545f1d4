// SPDX-License-Identifier: GPL-2.0-only
/*
 * Golden files. X.yaml, parsed and emitted, is X.out to the byte, and X.out emitted again is itself; X.json, where it
 * is, is the resolved form (ids, addresses, MACs, keys: what must not change from version to version). bad/X.yaml is
 * refused with the one line in bad/X.err. With VN_GOLDEN_UPDATE=1 the expected files are written instead: read the
 * diff.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/model_internal.h"

#define GOLDEN "selftests/golden"

static char *read_file(const char *path, size_t *ret_len)
{
	cleanup_fclose FILE *f = fopen(path, "r");
	char *text = NULL;
	FILE *out;
	int c;

	if (!f)
		return NULL;
	out = open_memstream(&text, ret_len);
	while ((c = getc(f)) != EOF)
		putc(c, out);
	fclose(out);
	return text;
}

static void compare(const char *path, const char *text)
{
	cleanup_free char *want = NULL;
	size_t len;

	if (getenv("VN_GOLDEN_UPDATE")) {
		FILE *f = fopen(path, "w");

		assert_non_null(f);
		fputs(text, f);
		fclose(f);
		return;
	}
	want = read_file(path, &len);
	if (!want)
		fail_msg("%s is missing", path);
	if (strcmp(want, text))
		fail_msg("%s differs; it should be:\n%s\nand is:\n%s", path, want, text);
}

static char *emit(const struct vn_topo *t)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_int_equal(vn_topo_emit_yaml(t, f), 0);
	fclose(f);
	return text;
}

static void check_json(struct vn_topo *t, const char *path)
{
	cleanup_topo struct vn_topo *back = NULL;
	cleanup_free char *text = NULL;
	struct vn_err err = {0};
	size_t i, j;
	json_t *o, *o2;

	if (vn_topo_resolve(t, NULL, NULL, NULL, &err) < 0)
		fail_msg("%s: %s", path, err.text);
	o = vn_topo_to_json(t);
	if (vn_topo_from_json(o, &back, &err) < 0)
		fail_msg("%s: %s", path, err.text);
	o2 = vn_topo_to_json(back);
	assert_true(json_equal(o, o2));
	for (i = 0; i < t->n_nodes; i++) {
		assert_int_equal(t->nodes[i].n_routes, back->nodes[i].n_routes);
		for (j = 0; j < t->nodes[i].n_routes; j++) {
			const struct vn_route *a = &t->nodes[i].routes[j], *b = &back->nodes[i].routes[j];

			assert_true(vn_addr_equal(&a->dst, &b->dst) && vn_addr_equal(&a->gw, &b->gw));
			assert_true(a->link == b->link && a->side == b->side);
		}
	}
	for (i = 0; i < t->n_links; i++) {
		assert_memory_equal(t->links[i].disc, back->links[i].disc, sizeof(t->links[i].disc));
		assert_int_equal(t->links[i].fail_open, back->links[i].fail_open);
	}
	text = json_dumps(o, JSON_INDENT(1));
	if (access(path, F_OK) == 0)
		compare(path, text);
	json_decref(o);
	json_decref(o2);
}

static void check_good(const char *stem)
{
	cleanup_topo struct vn_topo *t = NULL, *again = NULL;
	cleanup_free char *text = NULL, *out = NULL, *out2 = NULL;
	char path[512];
	struct vn_err err = {0};
	size_t len;

	snprintf(path, sizeof(path), GOLDEN "/%s.yaml", stem);
	text = read_file(path, &len);
	assert_non_null(text);
	if (vn_topo_parse(path, text, len, &t, &err) < 0)
		fail_msg("%s", err.text);
	out = emit(t);
	snprintf(path, sizeof(path), GOLDEN "/%s.out", stem);
	compare(path, out);
	if (vn_topo_parse(path, out, strlen(out), &again, &err) < 0)
		fail_msg("%s", err.text);
	out2 = emit(again);
	assert_string_equal(out, out2);
	snprintf(path, sizeof(path), GOLDEN "/%s.json", stem);
	check_json(t, path);
}

static void check_bad(const char *stem)
{
	cleanup_topo struct vn_topo *t = NULL;
	cleanup_free char *text = NULL;
	char path[512], name[300], line[1024];
	struct vn_err err = {0};
	size_t len;

	snprintf(path, sizeof(path), GOLDEN "/bad/%s.yaml", stem);
	snprintf(name, sizeof(name), "%s.yaml", stem);
	text = read_file(path, &len);
	assert_non_null(text);
	if (vn_topo_parse(name, text, len, &t, &err) == 0 && vn_topo_resolve(t, NULL, NULL, NULL, &err) == 0)
		fail_msg("%s was taken", path);
	assert_int_equal(err.exit, VN_EXIT_USAGE);
	assert_null(strchr(err.text, '\n'));
	snprintf(path, sizeof(path), GOLDEN "/bad/%s.err", stem);
	snprintf(line, sizeof(line), "%s\n", err.text);
	compare(path, line);
}

static int is_yaml(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return n > 5 && !strcmp(e->d_name + n - 5, ".yaml");
}

static int check_folder(const char *folder, void (*check)(const char *stem))
{
	struct dirent **list = NULL;
	int n = scandir(folder, &list, is_yaml, alphasort), i;

	if (n < 0)
		fail_msg("%s: run this from the root of the source tree", folder);
	for (i = 0; i < n; i++) {
		list[i]->d_name[strlen(list[i]->d_name) - 5] = '\0';
		check(list[i]->d_name);
		free(list[i]);
	}
	free(list);
	return n;
}

static void test_good(void **state)
{
	assert_true(check_folder(GOLDEN, check_good) > 5);
}

static void test_bad(void **state)
{
	assert_true(check_folder(GOLDEN "/bad", check_bad) > 70);
}

/* The examples parse, resolve and round-trip like everything else. */
static void check_example(const char *stem)
{
	cleanup_topo struct vn_topo *t = NULL, *again = NULL;
	cleanup_free char *text = NULL, *out = NULL, *out2 = NULL;
	char path[512];
	struct vn_err err = {0};
	size_t len;

	snprintf(path, sizeof(path), "examples/%s.yaml", stem);
	text = read_file(path, &len);
	if (vn_topo_parse(path, text, len, &t, &err) < 0)
		fail_msg("%s", err.text);
	out = emit(t);
	if (vn_topo_parse(path, out, strlen(out), &again, &err) < 0)
		fail_msg("%s", err.text);
	out2 = emit(again);
	assert_string_equal(out, out2);
	check_json(t, "/nonexistent");
}

static void test_examples(void **state)
{
	assert_true(check_folder("examples", check_example) > 0);
}

/* All that is wrong is told, in the order of the file, and nothing that follows from something else. */
static void test_all_errors(void **state)
{
	static const char text[] = "name: x y\n"
				   "nodes: {a: , b.c: , d: {frward: true}}\n"
				   "links:\n"
				   "  ab: {endpoints: [a, b.c], rate: 10, delay: 5, dely: 1ms, reverse: {loss: 5}}\n"
				   "  all: {endpoints: [a, z], mtu: many}\n"
				   "  abd: {endpoints: [a, b.c, d]}\n"
				   "ports: {\"a:e9\": {}, \"q:e0\": {mac: x}}\n"
				   "what: 1\n";
	static const struct {
		unsigned int line, column;
		const char *text;
	} want[] = {
		{1, 7, "topology name 'x y'"},
		{2, 14, "node name 'b.c'"},
		{2, 25, "unknown key 'frward'"},
		{4, 35, "rate: '10' needs a unit"},
		{4, 46, "delay: '5' needs a unit"},
		{4, 49, "unknown key 'dely'"},
		{4, 76, "loss: '5' needs a unit"},
		{5, 3, "link name 'all'"},
		{5, 24, "there is no node 'z'"},
		{5, 33, "mtu: 'many'"},
		{6, 20, "link 'abd': a link has two endpoints, these are 3; a LAN of three"},
		{7, 21, "there is no node 'q'"},
		{8, 1, "unknown key 'what' in a topology: write name, seed"},
	};
	struct vn_topo_errs *errs = calloc(1, sizeof(*errs));
	struct vn_topo *t = NULL;
	struct vn_err err = {0};

	assert_int_equal(vn_topo_parse_all("f", text, strlen(text), &t, errs, &err), -EINVAL);
	for (size_t i = 0; i < errs->n; i++)
		print_message("%u:%u: %s\n", errs->at[i].line, errs->at[i].column, errs->at[i].text);
	assert_int_equal(errs->n, VN_ARRAY_SIZE(want));
	for (size_t i = 0; i < errs->n; i++) {
		assert_int_equal(errs->at[i].line, want[i].line);
		assert_int_equal(errs->at[i].column, want[i].column);
		assert_memory_equal(errs->at[i].text, want[i].text, strlen(want[i].text));
	}
	assert_null(strstr(errs->at[errs->n - 1].text, "segments"));
	free(errs);
}

/* Of very many the first ones. */
static void test_many_errors(void **state)
{
	struct vn_topo_errs *errs = calloc(1, sizeof(*errs));
	cleanup_free char *text = NULL;
	struct vn_topo *t = NULL;
	struct vn_err err = {0};
	size_t len, i;
	FILE *f = open_memstream(&text, &len);

	fputs("name: x\nnodes: {a: , b: }\nlinks:\n", f);
	for (i = 0; i < 100; i++)
		fprintf(f, "  l%zu: {endpoints: [a, b], rate: 5}\n", i);
	fclose(f);
	assert_int_equal(vn_topo_parse_all("f", text, len, &t, errs, &err), -EINVAL);
	assert_int_equal(errs->n, VN_TOPO_ERRS_MAX);
	assert_int_equal(errs->dropped, 100 - VN_TOPO_ERRS_MAX);
	for (i = 0; i < errs->n; i++)
		assert_int_equal(errs->at[i].line, 4 + i);
	free(errs);
}

/* ---- what is too large for a file in the tree ---- */

static void check_refused(const char *text, size_t len, const char *want)
{
	cleanup_topo struct vn_topo *t = NULL;
	struct vn_err err = {0};

	assert_int_equal(vn_topo_parse("f", text, len, &t, &err), -EINVAL);
	assert_string_equal(err.text, want);
}

static void test_million_nodes(void **state)
{
	cleanup_free char *text = NULL;
	size_t len, i;
	FILE *f = open_memstream(&text, &len);

	fputs("name: x\nnodes:\n", f);
	for (i = 0; i < 1000000; i++)
		fprintf(f, " n%zu:\n", i);
	fclose(f);
	check_refused(text, len, "f:16387:2: more than 16384 entries here: split the topology");
}

static void test_large_file(void **state)
{
	size_t len = VN_TOPO_FILE_MAX + 1;
	cleanup_free char *text = malloc(len);

	memset(text, '#', len);
	check_refused(text, len, "f: larger than 16 MiB: split the topology");
}

static void test_deep(void **state)
{
	size_t len = 1000000;
	cleanup_free char *text = malloc(len);

	memset(text, '[', len);
	memcpy(text, "nodes: ", 7);
	check_refused(text, len, "f:1:23: nested more than 16 levels deep");
}

/* Many nodes and links under auto addressing, and the limit of `routing: shortest`. */
static void test_routing_limit(void **state)
{
	cleanup_topo struct vn_topo *t = NULL;
	cleanup_free char *text = NULL;
	struct vn_err err = {0};
	size_t len, i;
	FILE *f = open_memstream(&text, &len);

	fputs("name: x\nnodes:\n", f);
	for (i = 0; i < VN_TOPO_NODES_MAX; i++)
		fprintf(f, " n%zu:\n", i);
	fputs("links:\n", f);
	for (i = 1; i < VN_TOPO_NODES_MAX; i++)
		fprintf(f, " l%zu: {endpoints: [n%zu, n%zu]}\n", i, i - 1, i);
	fclose(f);
	assert_int_equal(vn_topo_parse("f", text, len, &t, &err), 0);
	assert_int_equal(vn_topo_resolve(t, NULL, NULL, NULL, &err), -EINVAL);
	assert_string_equal(err.text,
			    "`routing: shortest` serves at most 4096 nodes, these are 16384: set `routing: none`");
	memset(&err, 0, sizeof(err));
	t->routing = VN_ROUTING_NONE;
	assert_int_equal(vn_topo_resolve(t, NULL, NULL, NULL, &err), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),          cmocka_unit_test(test_bad),
		cmocka_unit_test(test_examples),      cmocka_unit_test(test_million_nodes),
		cmocka_unit_test(test_large_file),    cmocka_unit_test(test_deep),
		cmocka_unit_test(test_routing_limit), cmocka_unit_test(test_all_errors),
		cmocka_unit_test(test_many_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
