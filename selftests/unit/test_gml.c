// SPDX-License-Identifier: GPL-2.0-only
/*
 * Import of GML. Real files of the Internet Topology Zoo, which are not ours to ship, are taken too when VN_TEST_INPUTS
 * names their folder, or when they lie in ../shared/inputs.
 */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "file/import/gml_label.h"
#include "model/model_internal.h"

static struct vn_topo *import(const char *text)
{
	struct vn_topo *t = NULL;
	struct vn_err err = {0};

	if (vn_gml_import("some/Zoo File.gml", text, strlen(text), NULL, &t, NULL, &err) < 0)
		fail_msg("%s", err.text);
	return t;
}

static void test_labels(void **state)
{
	static const struct {
		const char *label, *name;
	} cases[] = {
		{"New York", "new-york"},
		{"Zürich", "zurich"},
		{"Z\xfcrich", "zurich"},
		{"Z&#252;rich", "zurich"},
		{"Z&#xFC;rich", "zurich"},
		{"Z&uuml;rich", "zurich"},
		{"&Aring;rhus", "arhus"},
		{"\xc3\x86r\xc3\xb8", "aero"},
		{"Wei\xdf", "weiss"},
		{"Łódź", "lodz"},
		{"Kraków", "krakow"},
		{"A&amp;B", "a-b"},
		{"A & B", "a-b"},
		{"?", ""},
		{"", ""},
		{"  - ", ""},
		{"St. John's", "st-johns"},
		{"St. John’s", "st-johns"},
		{"(Paris)", "paris"},
		{"東京", ""},
		{"東京 2", "2"},
		{"a_b", "a-b"},
		{"&#999999999;x", "x"},
		{"&;x", "x"},
		{"\xe2\x82", "a"},
		{"x\xc3", "xa"},
		{"1234567890123456789012345678901234567890123456789012345678901234567890",
		 "12345678901234567890123456789012345678901234567890123456789012"},
	};
	char name[VN_NAME_MAX + 1];
	size_t i;

	for (i = 0; i < VN_ARRAY_SIZE(cases); i++) {
		vn_gml_label(cases[i].label, name);
		if (strcmp(name, cases[i].name))
			fail_msg("'%s' is '%s' instead of '%s'", cases[i].label, name, cases[i].name);
		assert_true(!*name || vn_name_valid(name));
	}
}

static void test_names(void **state)
{
	cleanup_topo struct vn_topo *t = import("graph [\n"
						"node [ id 5 label \"?\" ] node [ id 6 label \"?\" ]\n"
						"node [ id 7 label \"York\" ] node [ id 8 label \"York\" ]\n"
						"node [ id 9 label \"york 2\" ] node [ id 10 label \"York\" ]\n"
						"node [ id 11 ] node [ id 12 label \"node-7\" ]\n"
						"edge [ source 7 target 8 ] edge [ source 7 target 8 ]\n"
						"edge [ source 8 target 7 ] edge [ source 5 target 5 ]\n"
						"]");
	static const char *const nodes[] = {"node-1",   "node-2", "york",   "york-2",
					    "york-2-2", "york-3", "node-7", "node-7-2"};
	static const char *const links[] = {"york_york-2", "york_york-2_2", "york-2_york", "node-1_node-1"};
	struct vn_err err = {0};
	size_t i;

	assert_string_equal(t->name, "zoo-file");
	assert_int_equal(t->n_nodes, VN_ARRAY_SIZE(nodes));
	for (i = 0; i < t->n_nodes; i++)
		assert_string_equal(t->nodes[i].name, nodes[i]);
	assert_int_equal(t->n_links, VN_ARRAY_SIZE(links));
	for (i = 0; i < t->n_links; i++)
		assert_string_equal(t->links[i].name, links[i]);
	assert_string_equal(t->links[3].ports[0].ifname, "eth0");
	assert_string_equal(t->links[3].ports[1].ifname, "eth1");
	assert_int_equal(vn_topo_resolve(t, NULL, NULL, NULL, &err), 0);
}

static void test_delay(void **state)
{
	cleanup_topo struct vn_topo *t = import("Creator \"x\"\n"
						"graph [ name \"Öl\" directed 0 stats [ nodes 4 deep [ deeper [ ] ] ]\n"
						"node [ id 0 label \"a\" lon 0 lat 0 ]\n"
						"node [ id 1 label \"b\" Longitude 90.0 Latitude 0 ]\n"
						"node [ id 2 label \"c\" lat 3 ]\n"
						"edge [ source 0 target 1 dist 199.8616 ]\n"
						"edge [ source 0 target 1 ]\n"
						"edge [ source 0 target 2 ]\n"
						"edge [ source 0 target 2 dist 0 ]\n"
						"]");

	assert_string_equal(t->name, "ol");
	/* 199.8616 km at 199861.6 km/s: a millisecond. */
	assert_int_equal(t->links[0].disc[0].delay_ns, 1000000);
	assert_int_equal(t->links[0].disc[1].delay_ns, 1000000);
	/* A quarter of the equator: 10007.557 km. */
	assert_int_equal(t->links[1].disc[0].delay_ns, 50072000);
	assert_int_equal(t->links[2].disc[0].delay_ns, 0);
	assert_int_equal(t->links[3].disc[0].delay_ns, 0);
	assert_true(isnan(t->nodes[2].lat) && isnan(t->nodes[2].lon));
	assert_true(t->nodes[1].lon == 90);
}

/* What is said of links, and what is said of what was left out. */
static void test_links(void **state)
{
	static const char text[] =
		"\xef\xbb\xbfgraph [ Network \"OPNET\" label \"Opnet 2001\" name \"x\"\n"
		"node [ id 0 label \"a\" Longitude 0 Latitude 0 ]\n"
		"node [ id 1 label \"b\" hyperedge 1 ]\n"
		"node [ id 2 label \"B\" Longitude 1 Latitude 0 ]\n"
		"edge [ source 0 target 1 LinkSpeedRaw 155000000.0 LinkSpeed \"9\" LinkSpeedUnits \"G\" ]\n"
		"edge [ source 0 target 2 LinkSpeed \"2.5\" LinkSpeedUnits \"G\" ]\n"
		"edge [ source 0 target 2 LinkSpeed \"<10\" LinkSpeedUnits \"M\" ]\n"
		"edge [ source 0 target 2 LinkSpeed \"10\" ]\n"
		"edge [ source 0 target 2 LinkSpeedRaw 1.0E10 LinkStatus \"Planned\" ]\n"
		"edge [ source 1 target 2 LinkSpeedRaw 1.0E10 LinkStatus \"Active\" ]\n"
		"edge [ source 1 target 2 LinkSpeedRaw 0.0 ] ]";
	static const uint64_t rates[] = {155000000, 2500000000, 0, 0, 10000000000, 0};
	const struct vn_gml_wish wish = {.delay_ns = 7000000}, no_rates = {.no_rates = true};
	struct vn_gml_report rep = {0};
	cleanup_topo struct vn_topo *t = NULL, *plain = NULL;
	struct vn_err err = {0};

	assert_int_equal(vn_gml_import("f.gml", text, strlen(text), &wish, &t, &rep, &err), 0);
	assert_string_equal(t->name, "opnet-2001");
	assert_int_equal(t->n_links, VN_ARRAY_SIZE(rates));
	for (size_t i = 0; i < t->n_links; i++) {
		bool known = i >= 1 && i <= 3;

		assert_int_equal(t->links[i].disc[0].rate_bps, rates[i]);
		assert_int_equal(t->links[i].disc[1].rate_bps, rates[i]);
		/* a degree of the equator */
		assert_int_equal(t->links[i].disc[1].delay_ns, known ? 556000 : 7000000);
	}
	assert_int_equal(rep.unknown_delay, 3);
	assert_int_equal(rep.rates, 3);
	assert_int_equal(rep.unknown_rate, 2);
	assert_int_equal(rep.not_built, 1);
	assert_int_equal(rep.hyperedges, 1);
	assert_int_equal(rep.renamed, 1);
	assert_string_equal(rep.renamed_text, "'B' is b-2");
	assert_int_equal(vn_gml_import("f.gml", text, strlen(text), &no_rates, &plain, NULL, &err), 0);
	assert_int_equal(plain->links[0].disc[0].rate_bps, 0);
	assert_int_equal(plain->links[0].disc[0].delay_ns, 0);
}

/* Without a label the file's name tells the years apart. */
static void test_name_of_file(void **state)
{
	static const char text[] = "graph [ Network \"GARR\" node [ id 0 ] ]";
	static const char *const files[][2] = {
		{"zoo/Garr.2005.gml", "garr-2005"}, {"Garr_2010.GML", "garr-2010"}, {"-", "imported"}};
	struct vn_err err = {0};

	for (size_t i = 0; i < VN_ARRAY_SIZE(files); i++) {
		cleanup_topo struct vn_topo *t = NULL;

		assert_int_equal(vn_gml_import(files[i][0], text, strlen(text), NULL, &t, NULL, &err), 0);
		assert_string_equal(t->name, files[i][1]);
	}
}

static void test_refusals(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{"", "f.gml:1:1: this is not a GML: it begins with `graph [`"},
		{"<xml>", "f.gml:1:6: the file ends where a value or ']' is expected"},
		{"graph [ ]", "f.gml:1:1: the graph has no nodes"},
		{"graph [ node [ id 0 ] ", "f.gml:1:23: the file ends where ']' is expected"},
		{"graph [ node [ label \"a ] ]", "f.gml:1:22: a string without its closing quote"},
		{"graph [\n node [ ] ]", "f.gml:2:2: a node without `id`"},
		{"graph [ node [ id 0 ]\n node [ id 0 ] ]", "f.gml:2:2: node id 0 is given twice"},
		{"graph [ node [ id a ] ]", "f.gml:1:19: 'a' is not a whole number"},
		{"graph [ node [ id 0 lat 91 ] ]", "f.gml:1:25: '91' is not a number from -90 to 90"},
		{"graph [ node [ id 0 lat nan ] ]", "f.gml:1:25: 'nan' is not a number from -90 to 90"},
		{"graph [ node [ id 0 ]\nedge [ source 0 target 1 ] ]",
		 "f.gml:2:1: an edge to node id 1, which does not exist"},
		{"graph [ node [ id 0 ]\nedge [ source 0 ] ]", "f.gml:2:1: an edge without `source` or `target`"},
		{"graph [ node [ id 0 ] edge [ source 0 target 0 dist -1 ] ]",
		 "f.gml:1:53: '-1' is not a number from 0 to 1e+06"},
		{"graph [ node [ id 0 ] ] graph [ ]", "f.gml:1:25: a second graph: one file holds one topology"},
		{"graph [ x ] ]", "f.gml:1:11: ']' where a value is expected"},
		{"x [[[[[[[[[[[[[[[[[[[[[[[[[[", "f.gml:1:19: nested more than 16 levels deep"},
	};
	size_t i;

	for (i = 0; i < VN_ARRAY_SIZE(cases); i++) {
		cleanup_topo struct vn_topo *t = NULL;
		struct vn_err err = {0};

		if (vn_gml_import("f.gml", cases[i].text, strlen(cases[i].text), NULL, &t, NULL, &err) != -EINVAL)
			fail_msg("%s was taken", cases[i].text);
		assert_int_equal(err.exit, VN_EXIT_USAGE);
		assert_string_equal(err.text, cases[i].error);
	}
}

/* ---- real files ---- */

static int is_gml(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return n > 4 && !strcmp(e->d_name + n - 4, ".gml");
}

static void check_file(const char *folder, const char *name)
{
	cleanup_topo struct vn_topo *t = NULL, *back = NULL;
	cleanup_free char *text = malloc(VN_TOPO_FILE_MAX), *yaml = NULL;
	char path[4096];
	struct vn_err err = {0};
	size_t len, i;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "r");
	assert_non_null(f);
	len = fread(text, 1, VN_TOPO_FILE_MAX, f);
	fclose(f);
	if (vn_gml_import(path, text, len, NULL, &t, NULL, &err) < 0)
		fail_msg("%s", err.text);
	f = open_memstream(&yaml, &len);
	assert_int_equal(vn_topo_emit_yaml(t, f), 0);
	fclose(f);
	if (vn_topo_parse(path, yaml, len, &back, &err) < 0 || vn_topo_resolve(back, NULL, NULL, NULL, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(back->n_nodes, t->n_nodes);
	assert_int_equal(back->n_links, t->n_links);
	for (i = 0; i < t->n_links; i++)
		assert_int_equal(back->links[i].disc[0].delay_ns, t->links[i].disc[0].delay_ns);
	print_message("%s: %zu nodes, %zu links\n", name, t->n_nodes, t->n_links);
	if (!strcmp(name, "Abilene.gml")) {
		assert_int_equal(t->n_nodes, 11);
		assert_int_equal(t->n_links, 14);
		assert_string_equal(t->links[0].name, "new-york_chicago");
		assert_int_equal(t->links[0].disc[0].delay_ns, 5735000);
	}
}

static void test_real_files(void **state)
{
	const char *folder = getenv("VN_TEST_INPUTS") ? getenv("VN_TEST_INPUTS") : "../shared/inputs";
	struct dirent **list = NULL;
	int n = scandir(folder, &list, is_gml, alphasort), i;

	for (i = 0; i < n; i++) {
		check_file(folder, list[i]->d_name);
		free(list[i]);
	}
	free(list);
	if (n <= 0) {
		print_message("no GML files in %s (VN_TEST_INPUTS)\n", folder);
		skip();
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_labels),     cmocka_unit_test(test_names), cmocka_unit_test(test_delay),
		cmocka_unit_test(test_refusals),   cmocka_unit_test(test_links), cmocka_unit_test(test_name_of_file),
		cmocka_unit_test(test_real_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
