// SPDX-License-Identifier: GPL-2.0-only
/* Resolving over what runs: what did not change keeps everything; and JSON that lies is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/model_internal.h"

struct numbers {
	uint32_t next, calls, fail_at;
};

static int alloc_number(void *arg, uint32_t *ret_number)
{
	struct numbers *n = arg;

	if (++n->calls == n->fail_at)
		return -ENOSPC;
	*ret_number = n->next++;
	return 0;
}

static struct vn_topo *parse(const char *text)
{
	struct vn_topo *t = NULL;
	struct vn_err err = {0};

	if (vn_topo_parse("test", text, strlen(text), &t, &err) < 0)
		fail_msg("%s", err.text);
	return t;
}

static struct vn_topo *resolve(const char *text, const struct vn_topo *prev, struct numbers *numbers)
{
	struct vn_topo *t = parse(text);
	struct vn_err err = {0};

	if (vn_topo_resolve(t, prev, numbers ? alloc_number : NULL, numbers, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(t->resolved);
	return t;
}

static const struct vn_link *link_of(struct vn_topo *t, const char *name)
{
	size_t i;

	assert_int_equal(vn_topo_find_link(t, name, &i), 0);
	return &t->links[i];
}

static uint32_t id_of(struct vn_topo *t, const char *name)
{
	size_t i;

	assert_int_equal(vn_topo_find_node(t, name, &i), 0);
	return t->nodes[i].id;
}

static void assert_same_link(struct vn_topo *a, struct vn_topo *b, const char *name)
{
	const struct vn_link *x = link_of(a, name), *y = link_of(b, name);
	int i;

	for (i = 0; i < VN_DIRS; i++) {
		assert_int_equal(x->ports[i].number, y->ports[i].number);
		assert_memory_equal(x->ports[i].mac, y->ports[i].mac, 6);
		assert_true(vn_addr_equal(&x->ports[i].ip4, &y->ports[i].ip4));
		assert_true(vn_addr_equal(&x->ports[i].ip6, &y->ports[i].ip6));
	}
}

/* No number, MAC or address twice. */
static void assert_unique(const struct vn_topo *t)
{
	size_t i, j, n = t->n_links * VN_DIRS;

	for (i = 0; i < n; i++) {
		const struct vn_port *p = &t->links[i / 2].ports[i % 2];

		assert_true(p->number > 0);
		assert_true(vn_mac_valid(p->mac));
		for (j = 0; j < i; j++) {
			const struct vn_port *q = &t->links[j / 2].ports[j % 2];

			assert_true(p->number != q->number);
			assert_memory_not_equal(p->mac, q->mac, 6);
			assert_false(p->ip4.family && vn_addr_equal(&p->ip4, &q->ip4));
			assert_false(p->ip6.family && vn_addr_equal(&p->ip6, &q->ip6));
		}
	}
}

#define BEFORE                                                                                                         \
	"name: t\n"                                                                                                    \
	"nodes: {a: , b: , c: , d: }\n"                                                                                \
	"links:\n"                                                                                                     \
	"  ab: {endpoints: [a:e0, b:e0]}\n"                                                                            \
	"  bc: {endpoints: [b:e1, c:e0], delay: 1ms}\n"                                                                \
	"  cd: {endpoints: [c:e1, d:e0]}\n"                                                                            \
	"  da: {endpoints: [d:e1, a:e1]}\n"

static void test_edit(void **state)
{
	cleanup_topo struct vn_topo *before = NULL, *after = NULL;
	struct numbers numbers = {.next = 100};

	before = resolve(BEFORE, NULL, &numbers);
	assert_int_equal(numbers.calls, 8);
	assert_int_equal(link_of(before, "ab")->ports[0].number, 100);
	assert_unique(before);
	/* a goes, x comes in front, the order changes, cd moves to another port, bc to another delay. */
	after = resolve("name: t\n"
			"nodes: {x: , d: , c: , b: }\n"
			"links:\n"
			"  xb: {endpoints: [x:e0, b:e0]}\n"
			"  cd: {endpoints: [c:e9, d:e0]}\n"
			"  bc: {endpoints: [b:e1, c:e0], delay: 2ms}\n"
			"  xd: {endpoints: [x:e1, d:e1]}\n",
			before, &numbers);
	assert_int_equal(numbers.calls, 8 + 6);
	assert_same_link(before, after, "bc");
	assert_int_equal(id_of(after, "b"), id_of(before, "b"));
	assert_int_equal(id_of(after, "c"), id_of(before, "c"));
	assert_int_equal(id_of(after, "d"), id_of(before, "d"));
	assert_int_equal(id_of(after, "x"), id_of(before, "a"));
	assert_true(link_of(after, "cd")->ports[1].number >= 108);
	assert_unique(after);
}

static void test_again(void **state)
{
	cleanup_topo struct vn_topo *before = NULL, *after = NULL;
	struct numbers numbers = {.next = 1};
	json_t *a, *b;

	before = resolve(BEFORE, NULL, &numbers);
	after = resolve(BEFORE, before, &numbers);
	assert_int_equal(numbers.calls, 8);
	a = vn_topo_to_json(before);
	b = vn_topo_to_json(after);
	assert_true(json_equal(a, b));
	json_decref(a);
	json_decref(b);
}

/* A chain of random edits: what stays keeps what it has, and nothing is ever there twice. */
static void test_many_edits(void **state)
{
	cleanup_topo struct vn_topo *t = NULL;
	unsigned int seed = 1, round, i;
	struct numbers numbers = {.next = 1};

	for (round = 0; round < 40; round++) {
		cleanup_free char *text = NULL;
		size_t len;
		FILE *f = open_memstream(&text, &len);
		struct vn_topo *next;
		bool node[20];

		fputs("name: t\nnodes:\n  hub:\n", f);
		for (i = 0; i < 20; i++) {
			node[i] = rand_r(&seed) % 3;
			if (node[i])
				fprintf(f, "  n%u:\n", i);
		}
		fputs("links:\n  self: {endpoints: [hub:x, hub:y]}\n", f);
		for (i = 0; i < 20; i++) {
			if (node[i] && rand_r(&seed) % 4)
				fprintf(f, "  h%u: {endpoints: [n%u:e0, hub:e%u]}\n", i, i, i);
			if (node[i] && node[(i + 1) % 20])
				fprintf(f, "  r%u: {endpoints: [n%u:e1, n%u:e2]}\n", i, i, (i + 1) % 20);
		}
		fclose(f);
		next = resolve(text, t, &numbers);
		assert_unique(next);
		for (i = 0; t && i < next->n_links; i++) {
			size_t at;

			if (vn_topo_find_link(t, next->links[i].name, &at) == 0)
				assert_same_link(t, next, next->links[i].name);
		}
		vn_topo_free(t);
		t = next;
	}
}

static void test_no_numbers(void **state)
{
	cleanup_topo struct vn_topo *t = parse(BEFORE);
	struct numbers numbers = {.next = 1, .fail_at = 3};
	struct vn_err err = {0};

	assert_int_equal(vn_topo_resolve(t, NULL, alloc_number, &numbers, &err), -ENOSPC);
	assert_int_equal(err.exit, VN_EXIT_NOT_POSSIBLE);
	assert_false(t->resolved);
}

/* Every failure that can be foreseen comes before the first number is taken. */
static void test_fail_early(void **state)
{
	cleanup_topo struct vn_topo *t = parse("name: t\nisolation: ip\nnodes: {a: , b: , c: }\n"
					       "links:\n  ab: {endpoints: [a, b]}\n  bc: {endpoints: [b, c]}\n");
	struct numbers numbers = {.next = 1};
	struct vn_err err = {0};

	assert_int_equal(vn_topo_resolve(t, NULL, alloc_number, &numbers, &err), -EINVAL);
	assert_int_equal(numbers.calls, 0);
}

static void test_given_mac(void **state)
{
	cleanup_topo struct vn_topo *plain = NULL, *given = NULL;
	char text[512], mac[VN_MAC_BUF];

	plain = resolve(BEFORE, NULL, NULL);
	/* The file claims for one port the MAC that another has: that one makes way. */
	vn_mac_format(mac, link_of(plain, "cd")->ports[0].mac);
	snprintf(text, sizeof(text), BEFORE "ports:\n  a:e0: {mac: \"%s\"}\n", mac);
	given = resolve(text, plain, NULL);
	assert_memory_equal(link_of(given, "ab")->ports[0].mac, link_of(plain, "cd")->ports[0].mac, 6);
	assert_unique(given);
	assert_same_link(plain, given, "bc");
}

static void test_seed(void **state)
{
	cleanup_topo struct vn_topo *a = NULL, *b = NULL, *c = NULL;

	a = resolve("name: t\nnodes: {a: , b: }\nlinks: {l: {endpoints: [a, b], loss: 1%}}\n", NULL, NULL);
	b = resolve("name: t\nseed: 5\nnodes: {a: , b: }\nlinks: {l: {endpoints: [a, b], loss: 1%}}\n", NULL, NULL);
	c = resolve("name: t\nnodes: {a: , b: }\nlinks: {l: {endpoints: [a, b], loss: 1%, seed: 5}}\n", NULL, NULL);
	assert_true(a->links[0].disc[0].key != a->links[0].disc[1].key);
	assert_true(a->links[0].disc[0].key != b->links[0].disc[0].key);
	assert_true(c->links[0].disc[0].key == b->links[0].disc[0].key);
}

/* ---- JSON ---- */

static void check_lie(const json_t *truth, const char *what, const char *where, json_t *value)
{
	json_t *o = json_deep_copy(truth), *at = o;
	char path[128], *save = NULL, *key, *next;
	cleanup_topo struct vn_topo *t = NULL;
	struct vn_err err = {0};

	snprintf(path, sizeof(path), "%s", where);
	for (key = strtok_r(path, ".", &save); (next = strtok_r(NULL, ".", &save)); key = next) {
		at = json_is_array(at) ? json_array_get(at, (size_t)(key[0] - '0')) : json_object_get(at, key);
		assert_non_null(at);
	}
	if (!value)
		json_object_del(at, key);
	else if (json_is_array(at))
		json_array_set_new(at, (size_t)(key[0] - '0'), value);
	else
		json_object_set_new(at, key, value);
	if (vn_topo_from_json(o, &t, &err) != -EINVAL)
		fail_msg("%s: %s was taken", where, what);
	assert_true(err.text[0]);
	json_decref(o);
}

static void test_lies(void **state)
{
	cleanup_topo struct vn_topo *t = resolve(BEFORE, NULL, NULL);
	json_t *o = vn_topo_to_json(t);

	check_lie(o, "no name", "name", NULL);
	check_lie(o, "a path", "name", json_string("../x"));
	check_lie(o, "a number", "name", json_integer(1));
	check_lie(o, "an extra key", "more", json_integer(1));
	check_lie(o, "a negative seed", "seed", json_integer(-1));
	check_lie(o, "no routing", "routing", json_string("fastest"));
	check_lie(o, "no nodes", "nodes", json_array());
	check_lie(o, "nodes in no list", "nodes", json_object());
	check_lie(o, "a node of another kind", "nodes.0", json_integer(1));
	check_lie(o, "a name twice", "nodes.0.name", json_string("b"));
	check_lie(o, "an id twice", "nodes.0.id", json_integer(2));
	check_lie(o, "id 0", "nodes.0.id", json_integer(0));
	check_lie(o, "id 65536", "nodes.0.id", json_integer(65536));
	check_lie(o, "forwarding that was not asked for", "nodes.0.forward", json_false());
	check_lie(o, "another's loopback", "nodes.0.lo4", json_string("10.0.2.1/32"));
	check_lie(o, "a congestion control of no name", "nodes.0.congestion", json_string("a b"));
	check_lie(o, "a congestion control of a long name", "nodes.0.congestion", json_string("sixteen-letters-"));
	check_lie(o, "a latitude alone", "nodes.0.lat", json_real(1));
	check_lie(o, "a latitude of 91", "nodes.0.lat", json_real(91));
	check_lie(o, "a link twice", "links.0.name", json_string("bc"));
	check_lie(o, "MTU 100", "links.0.mtu", json_integer(100));
	check_lie(o, "no policy", "links.0.engine_down", json_string("maybe"));
	check_lie(o, "an unknown node", "links.0.ports.0.node", json_string("z"));
	check_lie(o, "an interface twice", "links.0.ports.0.ifname", json_string("e1"));
	check_lie(o, "a bad interface", "links.0.ports.0.ifname", json_string("../x"));
	check_lie(o, "a number twice", "links.0.ports.0.number", json_integer(2));
	check_lie(o, "number 0", "links.0.ports.0.number", json_integer(0));
	check_lie(o, "number 65535", "links.0.ports.0.number", json_integer(65535));
	check_lie(o, "a MAC twice", "links.0.ports.0.mac", json_string("ff:ff:ff:ff:ff:ff"));
	check_lie(o, "another's address", "links.0.ports.0.ip4", json_string("10.0.3.2/31"));
	check_lie(o, "an address of the wrong family", "links.0.ports.0.ip4", json_string("fd00::1/64"));
	check_lie(o, "no address", "links.0.ports.0.ip4", json_null());
	check_lie(o, "isolation", "links.0.ports.0.isolation", json_string("total"));
	check_lie(o, "VLANs in no order", "links.0.ports.0.vlans", json_pack("[i, i]", 5, 4));
	check_lie(o, "VLAN 4095", "links.0.ports.0.vlans", json_pack("[i]", 4095));
	check_lie(o, "a source with host bits", "links.0.ports.0.sources", json_pack("[s]", "192.0.2.1/24"));
	check_lie(o, "a negative delay", "links.0.disc.0.delay_ns", json_integer(-1));
	check_lie(o, "no discipline", "links.0.disc.0", json_null());
	json_decref(o);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edit),       cmocka_unit_test(test_again),      cmocka_unit_test(test_many_edits),
		cmocka_unit_test(test_no_numbers), cmocka_unit_test(test_fail_early), cmocka_unit_test(test_given_mac),
		cmocka_unit_test(test_seed),       cmocka_unit_test(test_lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
