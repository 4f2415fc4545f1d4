// SPDX-License-Identifier: GPL-2.0-only
/* The planner: which steps, in which order, in which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/util.h>

#include "plan/plan.h"
#include "plan/port_cfg.h"
#include "net/veth.h"
#include "topo_text.h"

#define LINE                                                                                                           \
	"name: t\n"                                                                                                    \
	"nodes: {a: {}, b: {}, c: {}}\n"

static const char line[] = LINE "links:\n"
				"  ab: {endpoints: [a:eth0, b:eth0], delay: 10ms}\n"
				"  bc: {endpoints: [b:eth1, c:eth0]}\n";

static struct vn_plan *plan(const struct vn_topo *old, const struct vn_observed *seen, const struct vn_topo *new)
{
	struct vn_err err = {0};
	struct vn_plan *p = NULL;

	if (vn_plan_make(old, seen, new, &p, &err) < 0)
		fail_msg("%s", err.text);
	return p;
}

/* The whole plan as text, a step a line. */
static void expect(const struct vn_plan *p, const char *text)
{
	char all[4096] = "", one[1024];

	for (size_t i = 0; i < p->n_steps; i++) {
		size_t len = strlen(all);

		assert_int_equal(vn_step_describe(p, &p->steps[i], one, sizeof(one)), 0);
		snprintf(all + len, sizeof(all) - len, "%s\n", one);
	}
	assert_string_equal(all, text);
}

static void test_create_and_delete(void **state)
{
	cleanup_topo struct vn_topo *t = topo_text(line, NULL, NULL);
	cleanup_plan struct vn_plan *make = plan(NULL, NULL, t), *unmake = plan(t, NULL, NULL);

	/* b has two routes more: what nobody has of its own address block is unreachable. */
	expect(make, "create node a\n"
		     "create node b\n"
		     "create node c\n"
		     "create link ab: a:eth0 <-> b:eth0, delay 10ms\n"
		     "create link bc: b:eth1 <-> c:eth0\n"
		     "configure node a: 4 addresses, 4 routes\n"
		     "configure node b: 6 addresses, 6 routes, forwarding\n"
		     "configure node c: 4 addresses, 4 routes\n");
	expect(unmake, "delete link ab\n"
		       "delete link bc\n"
		       "delete node a\n"
		       "delete node b\n"
		       "delete node c\n");
}

static void test_nothing_to_do(void **state)
{
	cleanup_topo struct vn_topo *t = topo_text(line, NULL, NULL), *same = topo_text(line, t, NULL);
	cleanup_plan struct vn_plan *p = plan(t, NULL, same), *none = plan(NULL, NULL, NULL);
	bool nodes[] = {true, true, true}, links[] = {true, true};
	const struct vn_observed seen = {.node_ok = nodes, .link_ok = links};
	cleanup_plan struct vn_plan *q = plan(t, &seen, same);

	assert_int_equal(p->n_steps, 0);
	assert_int_equal(q->n_steps, 0);
	assert_int_equal(none->n_steps, 0);
}

static void test_discipline_alone(void **state)
{
	static const char both[] = LINE "links:\n"
					"  ab: {endpoints: [a:eth0, b:eth0], delay: 20ms}\n"
					"  bc: {endpoints: [b:eth1, c:eth0]}\n";
	static const char one[] = LINE "links:\n"
				       "  ab: {endpoints: [a:eth0, b:eth0], delay: 10ms, reverse: {loss: 1%}}\n"
				       "  bc: {endpoints: [b:eth1, c:eth0]}\n";
	static const char off[] = "name: t\nnodes: {a: {}, b: {}, c: {}}\nlinks:\n"
				  "  ab: {endpoints: [a:eth0, b:eth0]}\n"
				  "  bc: {endpoints: [b:eth1, c:eth0]}\n";
	cleanup_topo struct vn_topo *t = topo_text(line, NULL, NULL), *t_both = topo_text(both, t, NULL),
				    *t_one = topo_text(one, t, NULL), *t_off = topo_text(off, t, NULL);
	cleanup_plan struct vn_plan *p_both = plan(t, NULL, t_both), *p_one = plan(t, NULL, t_one),
				    *p_off = plan(t, NULL, t_off);

	expect(p_both, "change link ab: delay 10ms -> delay 20ms\n");
	expect(p_one, "change link ab: delay 10ms -> delay 10ms loss 1% (b to a)\n");
	expect(p_off, "change link ab: delay 10ms -> no discipline\n");
}

static void test_isolation_alone(void **state)
{
	static const char off[] = LINE "links:\n"
				       "  ab: {endpoints: [a:eth0, b:eth0], delay: 10ms, isolation: \"off\"}\n"
				       "  bc: {endpoints: [b:eth1, c:eth0]}\n";
	cleanup_topo struct vn_topo *t = topo_text(line, NULL, NULL), *t_off = topo_text(off, t, NULL);
	cleanup_plan struct vn_plan *p = plan(t, NULL, t_off);

	expect(p, "change link ab: kind, isolation, MACs, VLANs, addresses or checksums of its ports\n");
}

/* Another MTU is another device: its ends are configured again, the third node is left alone. */
static void test_device_changes(void **state)
{
	static const char mtu[] = LINE "links:\n"
				       "  ab: {endpoints: [a:eth0, b:eth0], delay: 10ms, mtu: 9000}\n"
				       "  bc: {endpoints: [b:eth1, c:eth0]}\n";
	cleanup_topo struct vn_topo *t = topo_text(line, NULL, NULL), *t_mtu = topo_text(mtu, t, NULL);
	cleanup_plan struct vn_plan *p = plan(t, NULL, t_mtu);

	expect(p, "delete link ab\n"
		  "create link ab: a:eth0 <-> b:eth0, delay 10ms\n"
		  "configure node a: 4 addresses, 4 routes\n"
		  "configure node b: 6 addresses, 6 routes, forwarding\n");
}

/* What this kernel would lose silently is refused, with the link, the MTU, the kernel and the way out. */
static void test_kernel_bounds(void **state)
{
	static const char large[] = LINE "links:\n"
					 "  ab: {endpoints: [a:eth0, b:eth0], mtu: 9000}\n"
					 "  bc: {endpoints: [b:eth1, c:eth0], mtu: 3491, delay: 1ms}\n";
	const struct vn_kernel old = {.release = "6.1.0-50-amd64", .held_mtu_max = 3490},
			       fresh = {.release = "6.6.0", .held_mtu_max = UINT32_MAX};
	struct vn_observed seen = {.kernel = &old};
	cleanup_topo struct vn_topo *t = topo_text(large, NULL, NULL);
	cleanup_plan struct vn_plan *p = NULL;
	struct vn_disc held[VN_DIRS] = {t->links[0].disc[0], t->links[1].disc[1]};
	struct vn_err err = {0};

	assert_int_equal(vn_plan_make(NULL, &seen, t, &p, &err), -EOPNOTSUPP);
	assert_int_equal(err.exit, VN_EXIT_NOT_POSSIBLE);
	assert_null(p);
	assert_non_null(strstr(err.text, "link bc: MTU 3491"));
	assert_non_null(strstr(err.text, "Linux 6.1.0-50-amd64"));
	assert_non_null(strstr(err.text, "`mtu: 3490`"));
	/* A large link that is not held is fine, until one of its directions is. */
	assert_int_equal(vn_plan_check_link(&old, &t->links[0], t->links[0].disc, NULL), 0);
	assert_int_equal(vn_plan_check_link(&old, &t->links[0], held, NULL), -EOPNOTSUPP);
	t->links[1].mtu = 3490;
	assert_int_equal(vn_plan_check_link(&old, &t->links[1], held, NULL), 0);
	t->links[1].mtu = 9000;
	seen.kernel = &fresh;
	p = plan(NULL, &seen, t);
	assert_true(p->n_steps > 0);
	/* What no kernel lets the engine hold. */
	t->links[1].mtu = VN_HELD_MTU_MAX;
	assert_int_equal(vn_plan_check_link(&fresh, &t->links[1], held, NULL), 0);
	err = (struct vn_err){0};
	t->links[1].mtu = t->links[0].mtu = VN_HELD_MTU_MAX + 1;
	assert_int_equal(vn_plan_check_link(&fresh, &t->links[0], t->links[0].disc, NULL), 0);
	assert_int_equal(vn_plan_check_link(&fresh, &t->links[1], t->links[1].disc, &err), -EMSGSIZE);
	assert_non_null(strstr(err.text, "link bc: MTU 16001"));
	assert_non_null(strstr(err.text, "`mtu: 16000`"));
}

/* Who reads raw frames gets complete ones, unless the file says otherwise; that is changed on the running link. */
static void test_raw_readers(void **state)
{
	static const char text[] =
		"name: t\nnodes:\n"
		"  a: {runtime: runc, rootfs: /img, command: [sh], capabilities: [NET_ADMIN, NET_RAW]}\n"
		"  b: {runtime: runc, rootfs: /img, command: [sh], capabilities: [NET_ADMIN]}\n"
		"  c: {}\n"
		"links:\n  ab: {endpoints: [a:eth0, b:eth0]}\n  ac: {endpoints: [a:eth1, c:eth0]}\n"
		"ports:\n  a:eth1: {checksum: partial}\n  c:eth0: {kind: afxdp}\n";
	cleanup_topo struct vn_topo *t = topo_text(text, NULL, NULL), *again = topo_text(text, t, NULL);
	cleanup_plan struct vn_plan *p = NULL;

	assert_true(vn_port_is_raw(t, &t->links[0].ports[0]));
	assert_false(vn_port_is_raw(t, &t->links[0].ports[1]));
	assert_false(vn_port_is_raw(t, &t->links[1].ports[0]));
	assert_true(vn_port_is_raw(t, &t->links[1].ports[1]));
	again->links[0].ports[1].checksum = VN_CHECKSUM_COMPLETE;
	p = plan(t, NULL, again);
	assert_int_equal(p->n_steps, 1);
	assert_int_equal(p->steps[0].kind, VN_STEP_DISC);
}

static void test_node_and_link_go(void **state)
{
	static const char shorter[] = "name: t\nnodes: {a: {}, b: {}}\nlinks:\n"
				      "  ab: {endpoints: [a:eth0, b:eth0], delay: 10ms}\n";
	cleanup_topo struct vn_topo *t = topo_text(line, NULL, NULL), *t_short = topo_text(shorter, t, NULL);
	cleanup_plan struct vn_plan *p = plan(t, NULL, t_short);

	assert_true(p->n_steps >= 3);
	assert_int_equal(p->steps[0].kind, VN_STEP_LINK);
	assert_int_equal(p->steps[0].old, 1);
	assert_int_equal(p->steps[0].new, VN_NONE);
	assert_int_equal(p->steps[1].kind, VN_STEP_NODE);
	assert_int_equal(p->steps[1].old, 2);
	/* b lost a device and a route; a lost routes. */
	for (size_t i = 2; i < p->n_steps; i++)
		assert_int_equal(p->steps[i].kind, VN_STEP_CONFIG);
}

/* What the kernel has no longer is made anew, and nothing else. */
static void test_observed(void **state)
{
	cleanup_topo struct vn_topo *t = topo_text(line, NULL, NULL);
	bool nodes[] = {true, true, true}, links[] = {true, false};
	const struct vn_observed seen = {.node_ok = nodes, .link_ok = links};
	cleanup_plan struct vn_plan *p = plan(t, &seen, t), *q = NULL;

	expect(p, "delete link bc\n"
		  "create link bc: b:eth1 <-> c:eth0\n"
		  "configure node b: 6 addresses, 6 routes, forwarding\n"
		  "configure node c: 4 addresses, 4 routes\n");

	/* A node takes its links along, whatever was seen of them. */
	nodes[0] = false;
	links[1] = true;
	links[0] = true;
	q = plan(t, &seen, t);
	expect(q, "delete link ab\n"
		  "delete node a\n"
		  "create node a\n"
		  "create link ab: a:eth0 <-> b:eth0, delay 10ms\n"
		  "configure node a: 4 addresses, 4 routes\n"
		  "configure node b: 6 addresses, 6 routes, forwarding\n");
}

static void test_json(void **state)
{
	cleanup_topo struct vn_topo *t = topo_text(line, NULL, NULL);
	cleanup_plan struct vn_plan *p = plan(NULL, NULL, t);
	json_t *o = vn_plan_to_json(p), *step, *cost;

	assert_non_null(o);
	assert_int_equal(json_array_size(json_object_get(o, "steps")), 8);
	step = json_array_get(json_object_get(o, "steps"), 3);
	assert_string_equal(json_string_value(json_object_get(step, "kind")), "link");
	assert_string_equal(json_string_value(json_object_get(step, "object")), "ab");
	assert_string_equal(json_string_value(json_object_get(step, "text")),
			    "create link ab: a:eth0 <-> b:eth0, delay 10ms");
	cost = json_object_get(o, "cost");
	assert_int_equal(json_integer_value(json_object_get(cost, "namespaces")), 3);
	assert_int_equal(json_integer_value(json_object_get(cost, "devices")), 8);
	assert_true(json_integer_value(json_object_get(cost, "kernel_bytes")) > 0);
	assert_true(json_integer_value(json_object_get(cost, "time_ns")) > 0);
	json_decref(o);
}

static void test_port_cfg(void **state)
{
	static const char ip[] = LINE "links:\n"
				      "  ab: {endpoints: [a:eth0, b:eth0], delay: 1ms}\n"
				      "  bc: {endpoints: [b:eth1, c:eth0]}\n";
	uint32_t next = 7;
	cleanup_topo struct vn_topo *t = topo_text(ip, NULL, &next);
	struct vn_link *l = &t->links[0];
	struct vn_port_cfg cfg;

	l->ports[0].isolation = VN_ISOLATION_IP;
	l->ports[0].sources[0] = (struct vn_addr){.family = AF_INET, .bytes = {192, 168, 7, 9}, .plen = 17};
	l->ports[0].sources[1] = (struct vn_addr){.family = AF_INET6, .bytes = {0xfd, 1, 2, 3, 4, 0xff}, .plen = 41};
	l->ports[0].n_sources = 2;
	assert_int_equal(vn_port_cfg_make(t, l, 0, &cfg), 0);
	assert_int_equal(cfg.flags, VN_PORT_ACTIVE | VN_PORT_HELD);
	assert_int_equal(cfg.ifindex, VN_IFINDEX_HOST + 7);
	assert_int_equal(cfg.peer_ifindex, VN_IFINDEX_HOST + 8);
	assert_memory_equal(cfg.mac, l->ports[0].mac, 6);
	assert_int_equal(cfg.n_src4, 3);
	assert_int_equal(cfg.n_src6, 3);
	assert_memory_equal(&cfg.src4[0].addr, l->ports[0].ip4.bytes, 4);
	assert_memory_equal(&cfg.src4[1].addr, t->nodes[0].lo4.bytes, 4);
	assert_int_equal(cfg.src4[1].mask, 0xffffffff);
	assert_int_equal(cfg.src4[2].addr, htonl(0xc0a80000));
	assert_int_equal(cfg.src4[2].mask, htonl(0xffff8000));
	assert_int_equal(cfg.src6[2].addr[1], htonl(0x04800000));
	assert_int_equal(cfg.src6[2].mask[0], 0xffffffff);
	assert_int_equal(cfg.src6[2].mask[1], htonl(0xff800000));
	assert_int_equal(cfg.src6[2].mask[2], 0);

	/* what the port does itself is independent of whether the engine holds its frames */
	l->disc[0] = (struct vn_disc){.police_bps = 1000, .police_burst_bytes = 2000};
	assert_int_equal(vn_port_disc_flags(&l->disc[0]), VN_PORT_POLICED);
	l->disc[0].flags = VN_DISC_DOWN;
	assert_int_equal(vn_port_disc_flags(&l->disc[0]), VN_PORT_POLICED | VN_PORT_GATED);
	l->disc[0] = (struct vn_disc){.flap_up_ns = 1, .flap_down_ns = 1, .delay_ns = 1};
	assert_int_equal(vn_port_cfg_make(t, l, 0, &cfg), 0);
	assert_int_equal(cfg.flags, VN_PORT_ACTIVE | VN_PORT_GATED | VN_PORT_HELD);

	for (size_t i = 2; i < 2 * VN_PORT_PREFIXES; i++)
		l->ports[0].sources[i] = l->ports[0].sources[0];
	l->ports[0].n_sources = 2 * VN_PORT_PREFIXES;
	assert_int_equal(vn_port_cfg_make(t, l, 0, &cfg), -E2BIG);
}

/* Planning is linear: ten times the links must not take a hundred times as long (here: the counts are right). */
static void test_many(void **state)
{
	enum { N = 2000 };
	const size_t room = 256 * 1024;
	cleanup_free char *text = malloc(room);
	size_t len = (size_t)snprintf(text, room, "name: ring\nrouting: none\nnodes:\n");
	cleanup_topo struct vn_topo *t = NULL, *same = NULL;
	cleanup_plan struct vn_plan *p = NULL, *q = NULL;

	assert_non_null(text);
	for (int i = 0; i < N; i++)
		len += (size_t)snprintf(text + len, room - len, "  n%d: {}\n", i);
	len += (size_t)snprintf(text + len, room - len, "links:\n");
	for (int i = 0; i < N; i++)
		len += (size_t)snprintf(text + len, room - len, "  l%d: {endpoints: [n%d:e, n%d:w]}\n", i, i,
					(i + 1) % N);
	assert_true(len < room);
	t = topo_text(text, NULL, NULL);
	same = topo_text(text, t, NULL);
	p = plan(NULL, NULL, t);
	q = plan(t, NULL, same);
	assert_int_equal(p->n_steps, 3 * N);
	assert_int_equal(q->n_steps, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create_and_delete), cmocka_unit_test(test_nothing_to_do),
		cmocka_unit_test(test_discipline_alone),  cmocka_unit_test(test_isolation_alone),
		cmocka_unit_test(test_kernel_bounds),     cmocka_unit_test(test_raw_readers),
		cmocka_unit_test(test_device_changes),    cmocka_unit_test(test_node_and_link_go),
		cmocka_unit_test(test_observed),          cmocka_unit_test(test_json),
		cmocka_unit_test(test_port_cfg),          cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
