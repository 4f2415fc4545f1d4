// SPDX-License-Identifier: GPL-2.0-only
/*
 * The executor on a real kernel, in a mount and network namespace of the test's own: what a plan makes, changes,
 * undoes, recovers after SIGKILL and deletes. Links here have no discipline, so that no engine is needed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <base/util.h>

#include "exec/executor.h"
#include "net/netns.h"
#include "net/tc.h"
#include "net/veth.h"
#include "topo_text.h"

#define PIN_DIR   VN_PIN_DEFAULT
#define MAX_PORTS 256

static const char three[] = "name: t\n"
			    "nodes: {a: {}, b: {}, c: {}}\n"
			    "links:\n"
			    "  ab: {endpoints: [a:eth0, b:eth0]}\n"
			    "  bc: {endpoints: [b:eth1, c:eth0]}\n";
/* A node more, one link longer, one link with another MTU. */
static const char four[] = "name: t\n"
			   "nodes: {a: {}, b: {}, c: {}, d: {}}\n"
			   "links:\n"
			   "  ab: {endpoints: [a:eth0, b:eth0]}\n"
			   "  bc: {endpoints: [b:eth1, c:eth0], mtu: 4000}\n"
			   "  cd: {endpoints: [c:eth1, d:eth0]}\n"
			   "  da: {endpoints: [d:eth1, a:eth1]}\n";

struct fixture {
	bool usable;
	struct vn_dp dp;
	struct vn_fabric fabric;
	uint32_t next_number;
};

static struct fixture fx = {.next_number = 1};

#define check(r, err)                                                                                                  \
	do {                                                                                                           \
		if ((r) < 0)                                                                                           \
			fail_msg("%s:%d: %d: %s", __func__, __LINE__, (r), (err).text);                                \
	} while (0)
#define need_root()                                                                                                    \
	do {                                                                                                           \
		if (!fx.usable)                                                                                        \
			skip();                                                                                        \
	} while (0)

/* --- the sandbox --- */

static int group_setup(void **state)
{
	struct vn_err err = {0};

	if (geteuid() != 0)
		return 0;
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) < 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/run", "tmpfs", 0, "mode=755") < 0 || mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=700") < 0)
		return 0;
	if (vn_dp_open(PIN_DIR, MAX_PORTS, &fx.dp, &err) < 0 || vn_fabric_open(&fx.fabric, &fx.dp, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return -1;
	}
	fx.usable = true;
	return 0;
}

static int group_teardown(void **state)
{
	struct vn_err err = {0};

	if (!fx.usable)
		return 0;
	vn_fabric_release(&fx.fabric);
	vn_dp_release(&fx.dp);
	if (vn_fabric_destroy(&err) < 0 || vn_dp_unpin(PIN_DIR, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return -1;
	}
	if (access(VN_NETNS_DIR "/" VN_FABRIC_NAME, F_OK) == 0 || access(PIN_DIR, F_OK) == 0) {
		fprintf(stderr, "left behind: %s or %s\n", VN_FABRIC_NAME, PIN_DIR);
		return -1;
	}
	return 0;
}

/* --- looking at the result --- */

/* What @command prints, all of it. */
static char *output_of(const char *command)
{
	FILE *p = popen(command, "r");
	char *all = NULL;
	size_t size = 0;
	FILE *mem = open_memstream(&all, &size);
	char line[1024];

	assert_non_null(p);
	assert_non_null(mem);
	while (fgets(line, sizeof(line), p))
		fputs(line, mem);
	pclose(p);
	fclose(mem);
	return all;
}

/* Everything that could be told apart: devices, addresses, routes, filters, sysctls, namespaces, ports in the maps. */
static char *snapshot(void)
{
	char *text = output_of("cd /run/netns; for n in *; do echo \"== $n\"; [ -s $n ] || :;"
			       "ip -n $n -br link | sed 's/@[^ ]*//; s/,LOWER_UP//; s/,M-DOWN//; s/NO-CARRIER,//' |"
			       " awk '/^vp/ {$3 = \"\"} {$2 = \"\"; print}' | sort;"
			       "ip -n $n -o addr | grep -v ' fe80:' | sed 's/\\\\.*//' | sort;"
			       "ip -n $n route | sed 's/ linkdown//' | sort; ip -n $n -6 route | grep -v ^fe80 | sed "
			       "'s/ linkdown//' | sort;"
			       "for d in $(ip -n $n -br link | sed -n 's/^\\(vp[0-9]*\\).*/\\1/p'); do"
			       " ip netns exec $n tc filter show dev $d ingress | sed 's/id [0-9]* //'; done;"
			       "ip netns exec $n sysctl net.ipv4.ip_forward net.ipv6.conf.all.forwarding; done 2>&1");
	size_t len = strlen(text), room = len + MAX_PORTS * 96 + 1;
	char *all = malloc(room);

	assert_non_null(all);
	memcpy(all, text, len + 1);
	free(text);
	for (uint32_t i = 0; i < MAX_PORTS; i++) {
		const struct vn_port_cfg *p = &fx.dp.maps.port[i];

		if (p->flags || p->ifindex)
			len += (size_t)snprintf(all + len, room - len, "port %u: %x %u -> %u via %u\n", i, p->flags,
						p->ifindex, p->peer_ifindex, p->engine_ifindex);
	}
	return all;
}

static char *empty_state; /* the fabric alone */

static void remember_empty(void)
{
	if (!empty_state)
		empty_state = snapshot();
}

static void assert_empty(void)
{
	cleanup_free char *now = snapshot();

	assert_string_equal(now, empty_state);
}

/* --- doing --- */

static int apply(const struct vn_topo *old, const struct vn_topo *new, struct vn_err *err)
{
	struct vn_plan *p = NULL;
	int r = vn_plan_make(old, NULL, new, &p, err);

	if (r == 0)
		r = vn_exec_run(&fx.fabric, p, NULL, err);
	vn_plan_free(p);
	return r;
}

static void must_apply(const struct vn_topo *old, const struct vn_topo *new)
{
	struct vn_err err = {0};
	int r = apply(old, new, &err);

	check(r, err);
}

static int socket_in(const struct vn_topo *t, const char *node, int family, int type)
{
	char name[VN_NETNS_NAME_MAX];
	cleanup_close int ns = vn_netns_open(vn_netns_name(name, t->name, node));
	int fd;

	assert_true(ns >= 0);
	assert_int_equal(vn_netns_enter(ns), 0);
	fd = socket(family, type | SOCK_CLOEXEC, 0);
	vn_netns_leave(fx.fabric.home.host_netns_fd);
	assert_true(fd >= 0);
	return fd;
}

static void loopback_of(struct vn_topo *t, const char *node, int family, struct sockaddr_storage *ret,
			socklen_t *ret_len)
{
	size_t i;

	assert_int_equal(vn_topo_find_node(t, node, &i), 0);
	memset(ret, 0, sizeof(*ret));
	ret->ss_family = (sa_family_t)family;
	if (family == AF_INET) {
		struct sockaddr_in *sa = (struct sockaddr_in *)ret;

		memcpy(&sa->sin_addr, t->nodes[i].lo4.bytes, 4);
		sa->sin_port = htons(7777);
		*ret_len = sizeof(*sa);
	} else {
		struct sockaddr_in6 *sa = (struct sockaddr_in6 *)ret;

		memcpy(&sa->sin6_addr, t->nodes[i].lo6.bytes, 16);
		sa->sin6_port = htons(7777);
		*ret_len = sizeof(*sa);
	}
}

/*
 * A datagram from the loopback address of @from to that of @to; the sender's address as the receiver saw it. Carrier
 * and neighbours may take a moment: sent again until the deadline.
 */
static void expect_reach(struct vn_topo *t, const char *from, const char *to, int family)
{
	cleanup_close int tx = socket_in(t, from, family, SOCK_DGRAM), rx = socket_in(t, to, family, SOCK_DGRAM);
	const struct timeval patience = {.tv_usec = 100000};
	const uint64_t deadline_ns = vn_now_ns() + 10 * VN_NSEC_PER_SEC;
	struct sockaddr_storage dst, src, seen;
	socklen_t len, src_len, seen_len = sizeof(seen);
	char buf[32];
	ssize_t n = -1;

	loopback_of(t, to, family, &dst, &len);
	loopback_of(t, from, family, &src, &src_len);
	assert_int_equal(bind(rx, (struct sockaddr *)&dst, len), 0);
	assert_int_equal(setsockopt(rx, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	while (n < 0 && vn_now_ns() < deadline_ns) {
		/* Not bound: the route's preferred source has to be the loopback. */
		sendto(tx, "hello", 5, 0, (struct sockaddr *)&dst, len);
		n = recvfrom(rx, buf, sizeof(buf), 0, (struct sockaddr *)&seen, &seen_len);
	}
	if (n != 5)
		fail_msg("%s does not reach %s by IPv%d", from, to, family == AF_INET ? 4 : 6);
	if (family == AF_INET)
		assert_memory_equal(&((struct sockaddr_in *)&seen)->sin_addr, &((struct sockaddr_in *)&src)->sin_addr,
				    4);
	else
		assert_memory_equal(&((struct sockaddr_in6 *)&seen)->sin6_addr,
				    &((struct sockaddr_in6 *)&src)->sin6_addr, 16);
}

static void expect_all_reach(struct vn_topo *t)
{
	for (size_t i = 0; i < t->n_nodes; i++)
		for (size_t j = 0; j < t->n_nodes; j++) {
			if (i == j)
				continue;
			expect_reach(t, t->nodes[i].name, t->nodes[j].name, AF_INET);
			expect_reach(t, t->nodes[i].name, t->nodes[j].name, AF_INET6);
		}
}

/* --- tests --- */

static void test_create_traffic_delete(void **state)
{
	cleanup_topo struct vn_topo *t = NULL;
	struct vn_observed seen = {0};
	struct vn_port_ctr ctr;
	struct vn_err err = {0};

	need_root();
	remember_empty();
	t = topo_text(three, NULL, &fx.next_number);
	must_apply(NULL, t);
	expect_all_reach(t);
	/* Each host end counts what its node sent: the filter with its own classid stands there. */
	for (size_t i = 0; i < t->n_links * VN_DIRS; i++) {
		assert_int_equal(vn_port_ctr_read(&fx.dp.maps, t->links[i / 2].ports[i % 2].number, &ctr), 0);
		assert_true(ctr.in_packets > 0);
		assert_true(ctr.out_packets == ctr.in_packets);
	}
	check(vn_observe(&fx.fabric, t, &seen, &err), err);
	for (size_t i = 0; i < t->n_nodes; i++)
		assert_true(seen.node_ok[i]);
	for (size_t i = 0; i < t->n_links; i++)
		assert_true(seen.link_ok[i]);
	vn_observed_release(&seen);
	must_apply(t, NULL);
	assert_empty();
	check(vn_observe(&fx.fabric, t, &seen, &err), err);
	for (size_t i = 0; i < t->n_nodes; i++)
		assert_false(seen.node_ok[i]);
	for (size_t i = 0; i < t->n_links; i++)
		assert_false(seen.link_ok[i]);
	vn_observed_release(&seen);
	/* Everything gone already: deleting it once more is no failure. */
	must_apply(t, NULL);
	assert_empty();
}

/* There and back by edits gives what was there before, and in between what a fresh application gives. */
static void test_edit(void **state)
{
	cleanup_topo struct vn_topo *t = NULL, *u = NULL;
	cleanup_free char *before = NULL, *edited = NULL, *after = NULL, *fresh = NULL;
	uint32_t ab, in_before;
	struct vn_port_ctr ctr;

	need_root();
	t = topo_text(three, NULL, &fx.next_number);
	u = topo_text(four, t, &fx.next_number);
	must_apply(NULL, t);
	before = snapshot();
	expect_reach(t, "a", "b", AF_INET);
	ab = t->links[0].ports[0].number;
	vn_port_ctr_read(&fx.dp.maps, ab, &ctr);
	in_before = (uint32_t)ctr.in_packets;
	must_apply(t, u);
	edited = snapshot();
	expect_all_reach(u);
	/* The link that did not change was not touched: it goes on counting. */
	vn_port_ctr_read(&fx.dp.maps, ab, &ctr);
	assert_true(ctr.in_packets > in_before);
	must_apply(u, t);
	after = snapshot();
	assert_string_equal(after, before);
	expect_all_reach(t);
	must_apply(t, NULL);
	must_apply(NULL, u);
	fresh = snapshot();
	assert_string_equal(edited, fresh);
	must_apply(u, NULL);
	assert_empty();
}

static void run_in(const char *command)
{
	int r = system(command);

	assert_int_equal(r, 0);
}

/* Whichever step fails: the error names object and reason, and the network stands as before. */
static void test_rollback(void **state)
{
	cleanup_topo struct vn_topo *t = NULL, *u = NULL;
	cleanup_free char *before = NULL, *after = NULL;
	struct vn_err err = {0};

	need_root();
	t = topo_text(three, NULL, &fx.next_number);
	u = topo_text(four, t, &fx.next_number);
	must_apply(NULL, t);
	/* The port's name is taken inside a node: by that node's root, say. */
	run_in("ip -n t.a link add eth1 type veth peer name x1");
	before = snapshot();
	assert_int_equal(apply(t, u, &err), -EEXIST);
	assert_int_equal(err.exit, VN_EXIT_ROLLED_BACK);
	assert_non_null(strstr(err.text, "link da, port a:eth1"));
	assert_non_null(strstr(err.text, "everything was undone"));
	after = snapshot();
	assert_string_equal(after, before);
	expect_all_reach(t);
	run_in("ip -n t.a link del eth1");
	must_apply(t, NULL);
	assert_empty();
}

/* A namespace of the same name that is not ours: refused, and not removed by the rollback. */
static void test_foreign_namespace(void **state)
{
	cleanup_topo struct vn_topo *t = NULL;
	struct vn_err err = {0};
	struct stat was, is;

	need_root();
	t = topo_text(three, NULL, &fx.next_number);
	run_in("ip netns add t.c && ip -n t.c link set lo up");
	assert_int_equal(stat(VN_NETNS_DIR "/t.c", &was), 0);
	assert_int_equal(apply(NULL, t, &err), -EEXIST);
	assert_int_equal(err.exit, VN_EXIT_ROLLED_BACK);
	assert_non_null(strstr(err.text, "t.c"));
	assert_int_equal(stat(VN_NETNS_DIR "/t.c", &is), 0);
	assert_int_equal(was.st_ino, is.st_ino);
	run_in("ip netns del t.c");
	assert_empty();
}

/* A host end that nobody remembers, and the file of a namespace whose creation was interrupted, are in nobody's way. */
static void test_leftovers(void **state)
{
	cleanup_topo struct vn_topo *t = NULL;
	char command[128];

	need_root();
	t = topo_text(three, NULL, &fx.next_number);
	snprintf(command, sizeof(command), "ip -n %s link add vp%u type veth peer name stale && touch %s/t.b",
		 VN_FABRIC_NAME, t->links[0].ports[1].number, VN_NETNS_DIR);
	run_in(command);
	must_apply(NULL, t);
	expect_all_reach(t);
	must_apply(t, NULL);
	assert_empty();
}

/* Another process takes over: everything is found, nothing is made twice, the programs are attached anew. */
static void test_adopt(void **state)
{
	cleanup_topo struct vn_topo *t = NULL;
	cleanup_free char *before = NULL, *after = NULL;
	struct vn_observed seen = {0};
	struct vn_plan *p = NULL;
	struct vn_err err = {0};

	need_root();
	t = topo_text(three, NULL, &fx.next_number);
	must_apply(NULL, t);
	before = snapshot();
	vn_fabric_release(&fx.fabric);
	vn_dp_release(&fx.dp);
	check(vn_dp_open(PIN_DIR, MAX_PORTS, &fx.dp, &err), err);
	check(vn_fabric_open(&fx.fabric, &fx.dp, &err), err);
	check(vn_fabric_refresh(&fx.fabric, &err), err);
	check(vn_observe(&fx.fabric, t, &seen, &err), err);
	check(vn_plan_make(t, &seen, t, &p, &err), err);
	assert_int_equal(p->n_steps, 0);
	vn_plan_free(p);
	vn_observed_release(&seen);
	after = snapshot();
	assert_string_equal(after, before);
	expect_all_reach(t);
	must_apply(t, NULL);
	assert_empty();
}

/* A node's root deletes its port, another node vanishes: seen, planned and mended. */
static void test_mend_observed(void **state)
{
	cleanup_topo struct vn_topo *t = NULL;
	cleanup_free char *before = NULL, *after = NULL;
	struct vn_observed seen = {0};
	struct vn_plan *p = NULL;
	struct vn_err err = {0};

	need_root();
	t = topo_text(three, NULL, &fx.next_number);
	must_apply(NULL, t);
	before = snapshot();
	run_in("ip -n t.a link del eth0 && ip netns del t.c");
	check(vn_observe(&fx.fabric, t, &seen, &err), err);
	assert_true(seen.node_ok[0] && seen.node_ok[1] && !seen.node_ok[2]);
	assert_true(!seen.link_ok[0] && !seen.link_ok[1]);
	check(vn_plan_make(t, &seen, t, &p, &err), err);
	check(vn_exec_run(&fx.fabric, p, NULL, &err), err);
	vn_plan_free(p);
	vn_observed_release(&seen);
	after = snapshot();
	assert_string_equal(after, before);
	expect_all_reach(t);
	must_apply(t, NULL);
	assert_empty();
}

/* Isolation that changes live closes nothing, and disciplines reach the maps. */
static void test_live_rules(void **state)
{
	static const char changed[] = "name: t\n"
				      "nodes: {a: {}, b: {}, c: {}}\n"
				      "links:\n"
				      "  ab: {endpoints: [a:eth0, b:eth0], isolation: \"off\"}\n"
				      "  bc: {endpoints: [b:eth1, c:eth0], delay: 5ms, reverse: {delay: 0}}\n";
	cleanup_topo struct vn_topo *t = NULL, *u = NULL;
	const struct vn_port_cfg *ab, *bc, *cb;
	const struct vn_disc_slot *slot;
	uint32_t gen;

	need_root();
	t = topo_text(three, NULL, &fx.next_number);
	u = topo_text(changed, t, &fx.next_number);
	must_apply(NULL, t);
	ab = &fx.dp.maps.port[t->links[0].ports[0].number];
	bc = &fx.dp.maps.port[t->links[1].ports[0].number];
	cb = &fx.dp.maps.port[t->links[1].ports[1].number];
	slot = &fx.dp.maps.disc[t->links[1].ports[0].number];
	gen = slot->gen;
	assert_int_equal(ab->isolation, VN_ISOLATION_MAC);
	assert_int_equal(bc->flags, VN_PORT_ACTIVE);
	must_apply(t, u);
	assert_int_equal(ab->isolation, VN_ISOLATION_OFF);
	assert_int_equal(ab->flags, VN_PORT_ACTIVE);
	assert_int_equal(bc->flags, VN_PORT_ACTIVE | VN_PORT_HELD);
	assert_int_equal(cb->flags, VN_PORT_ACTIVE);
	assert_int_equal(slot->disc.delay_ns, 5 * VN_NSEC_PER_MSEC);
	assert_int_equal(slot->gen, gen); /* the same link: what is held stays */
	must_apply(u, t);
	assert_int_equal(bc->flags, VN_PORT_ACTIVE);
	assert_int_equal(slot->disc.delay_ns, 0);
	must_apply(t, NULL);
	assert_int_not_equal(slot->gen, gen); /* what is still held belongs to nobody */
	assert_empty();
}

/* --- SIGKILL in the middle --- */

static void child_apply(const struct vn_topo *from, const struct vn_topo *to)
{
	struct vn_err err = {0};

	_exit(apply(from, to, &err) < 0);
}

/* A change from @from to @to, killed after @after_us; then made @goal. */
static void crash_and_recover(const struct vn_topo *from, const struct vn_topo *to, const struct vn_topo *goal,
			      unsigned int after_us, const char *want)
{
	cleanup_free char *is = NULL;
	struct vn_err err = {0};
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		child_apply(from, to);
	usleep(after_us);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	check(vn_exec_recover(&fx.fabric, from, to, goal, &err), err);
	is = snapshot();
	assert_string_equal(is, want);
}

/* Six crashes each; fewer on a machine that takes several seconds for each. */
static unsigned int crash_rounds(void)
{
	const char *slow = getenv("VN_SLOW");
	unsigned int by = slow ? (unsigned int)strtoul(slow, NULL, 10) : 1;

	return VN_MAX(12 / VN_MAX(by, 1u), 2u);
}

static void test_crash(void **state)
{
	const unsigned int rounds = crash_rounds();
	cleanup_topo struct vn_topo *t = NULL, *u = NULL;
	cleanup_free char *at_t = NULL, *at_u = NULL;
	uint64_t start_ns, change_ns;

	need_root();
	t = topo_text(three, NULL, &fx.next_number);
	u = topo_text(four, t, &fx.next_number);
	must_apply(NULL, t);
	at_t = snapshot();
	start_ns = vn_now_ns();
	must_apply(t, u);
	change_ns = vn_now_ns() - start_ns;
	at_u = snapshot();
	must_apply(u, t);
	for (unsigned int i = 0; i < rounds; i++) {
		/* Over the whole of the change, however long it takes here. */
		unsigned int after_us = (unsigned int)(change_ns / 1000 * (2 * i + 1) / (2 * rounds));

		crash_and_recover(t, u, t, after_us, at_t);
		crash_and_recover(t, u, u, after_us, at_u);
		crash_and_recover(u, t, t, after_us, at_t);
		crash_and_recover(t, NULL, NULL, after_us, empty_state);
		crash_and_recover(NULL, t, NULL, after_us, empty_state);
		crash_and_recover(NULL, t, t, after_us, at_t);
	}
	expect_all_reach(t);
	must_apply(t, NULL);
	assert_empty();
}

/* --- the batch itself --- */

static void name_tag(void *arg, uint64_t tag, char *buf, size_t size)
{
	snprintf(buf, size, "thing %llu", (unsigned long long)tag);
}

/* More requests than a batch holds; the one that fails is told by name, with the kernel's text, and the rest is done.
 */
static void test_batch(void **state)
{
	cleanup_nl struct vn_nl nl = VN_NL_INIT;
	struct vn_err err = {0};
	char peer[16], name[16];

	need_root();
	nl.describe = name_tag;
	check(vn_nl_open(&nl, &err), err);
	for (unsigned int i = 0; i < 3; i++) {
		struct vn_veth_end end = {.ifname = name, .ifindex = 5000 + i, .netns_fd = -1};
		struct vn_veth_end other = {.ifname = peer, .ifindex = 6000 + i, .netns_fd = -1};

		snprintf(name, sizeof(name), "h%u", i);
		snprintf(peer, sizeof(peer), "p%u", i);
		nl.tag = i;
		vn_veth_create(&nl, &end, &other, 1500, VN_GROUP_PORTS);
	}
	for (unsigned int i = 0; i < 3 * VN_NL_BATCH_MAX; i++) {
		nl.tag = i;
		/* Number 700 is no device, 900 is to be tolerated. */
		if (i == 900)
			vn_link_down(&nl, 77);
		else
			vn_link_up(&nl, i == 700 ? 77 : 5000 + i % 3);
	}
	assert_int_equal(vn_nl_flush(&nl), -ENODEV);
	assert_non_null(strstr(err.text, "thing 700: "));
	assert_int_equal(nl.n_done, 3 + 3 * VN_NL_BATCH_MAX);
	/* The kernel's own words. */
	memset(&err, 0, sizeof(err));
	nl.tag = 1;
	vn_tc_bpf_ingress(&nl, 5001, fx.dp.fd_tc_port, "x", 1);
	assert_true(vn_nl_flush(&nl) < 0);
	assert_non_null(strstr(err.text, "thing 1: attach its tc program: "));
	assert_non_null(strchr(err.text, '('));
	vn_link_delete_group(&nl, VN_GROUP_PORTS);
	assert_int_equal(vn_nl_flush(&nl), 0);
	vn_link_delete_group(&nl, VN_GROUP_PORTS);
	assert_int_equal(vn_nl_flush(&nl), 0);
}

/* The engine port's host side shows no offload by which a frame could reach the engine unfinished. */
static void test_engine_port(void **state)
{
	cleanup_free char *features = NULL, *link = NULL;

	need_root();
	features = output_of("ip netns exec " VN_FABRIC_NAME " ethtool -k tr0 | grep -E '^(tx-checksumming|"
			     "tcp-segmentation-offload|tx-vlan-offload|tx-vlan-stag-hw-insert|generic-receive-offload|"
			     "\ttx-udp-segmentation|tx-udp-segmentation|tx-gso-list)' | grep ': on'");
	assert_string_equal(features, "");
	link = output_of("ip -n " VN_FABRIC_NAME " -br link show tr1; ip -n " VN_FABRIC_NAME " link show tr1");
	assert_non_null(strstr(link, " UP "));
	assert_non_null(strstr(link, "mtu 16256 xdp "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create_traffic_delete),
		cmocka_unit_test(test_edit),
		cmocka_unit_test(test_rollback),
		cmocka_unit_test(test_foreign_namespace),
		cmocka_unit_test(test_leftovers),
		cmocka_unit_test(test_adopt),
		cmocka_unit_test(test_mend_observed),
		cmocka_unit_test(test_live_rules),
		cmocka_unit_test(test_crash),
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_engine_port),
	};
	int r = cmocka_run_group_tests(tests, group_setup, group_teardown);

	free(empty_state);
	return r;
}
