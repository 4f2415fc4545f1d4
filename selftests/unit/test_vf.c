// SPDX-License-Identifier: GPL-2.0-only
/* VF ports: which VFs and VLANs they get, what is refused, the plan's words, and the requests to a PF. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/if_link.h>

#include <base/util.h>

#include "plan/plan.h"
#include "sriov/netdev.h"
#include "sriov/sriov.h"
#include "sriov/vf_admin.h"
#include "model/topo.h"
#include "topo_text.h"

#define HEAD                                                                                                           \
	"name: t\n"                                                                                                    \
	"nodes: {a: {}, b: {}, c: {}}\n"                                                                               \
	"links: {ab: {endpoints: [a:e, b:e]}, bc: {endpoints: [b:f, c:e]}}\n"                                          \
	"ports:\n"

/* The machine: one PF as @pf says, whatever its name. */
static int look(void *arg, const char *name, struct vn_pf *ret_pf, struct vn_err *err)
{
	const struct vn_pf *pf = arg;

	if (!pf)
		return vn_err(err, VN_EXIT_USAGE, ENODEV, "PF %s: there is no such network device on this host", name);
	*ret_pf = *pf;
	return 0;
}

static struct vn_topo *give(const char *ports, struct vn_topo *prev, struct vn_pf *pf, struct vn_err *err)
{
	char text[2048];
	struct vn_topo *t;

	snprintf(text, sizeof(text), HEAD "%s", ports);
	t = topo_text(text, prev, NULL);
	if (vn_vf_assign(t, prev, look, pf, err) == 0)
		return t;
	vn_topo_free(t);
	return NULL;
}

static void refused(const char *ports, struct vn_pf *pf, const char *why)
{
	struct vn_err err = {0};
	struct vn_topo *t = give(ports, NULL, pf, &err);

	assert_null(t);
	if (!strstr(err.text, why))
		fail_msg("'%s' does not say '%s'", err.text, why);
}

#define WIRE "  \"a:e\": {vf: {pf: p, mode: wire}}\n"
#define BOTH WIRE "  \"b:e\": {vf: {pf: p, mode: wire}}\n"
#define PAIR                                                                                                           \
	"  \"b:f\": {vf: {pf: p, mode: direct}}\n"                                                                     \
	"  \"c:e\": {vf: {pf: p, mode: direct}}\n"

static const struct vn_pf igb = {.total = 7, .can_vlan = true}, virtio = {.total = 3};

static void test_given(void **state)
{
	struct vn_pf pf = igb;
	struct vn_err err = {0};
	cleanup_topo struct vn_topo *t = give(BOTH PAIR, NULL, &pf, &err);
	const struct vn_link *ab = &t->links[0], *bc = &t->links[1];

	assert_int_equal(ab->ports[0].vf.index, 0);
	assert_int_equal(ab->ports[0].vf.partner, 1);
	assert_int_equal(ab->ports[1].vf.index, 2);
	assert_int_equal(ab->ports[1].vf.partner, 3);
	/* Each wire has a VLAN, and so has a direct link, which has one at both ends. */
	assert_int_equal(ab->ports[0].vf.vid, 4094);
	assert_int_equal(ab->ports[1].vf.vid, 4093);
	assert_int_equal(bc->ports[0].vf.vid, 4092);
	assert_int_equal(bc->ports[1].vf.vid, 4092);
	assert_int_equal(bc->ports[1].vf.index, 5);
}

static void test_kept(void **state)
{
	struct vn_pf pf = igb;
	struct vn_err err = {0};
	cleanup_topo struct vn_topo *one = give(PAIR, NULL, &pf, &err), *two = NULL;

	/* As the machine says after that: the two are ours. */
	pf.num = 7;
	for (int i = 0; i < 2; i++) {
		snprintf(pf.vfs[i].owner, sizeof(pf.vfs[i].owner), "t/%s", i ? "c:e" : "b:f");
		pf.vfs[i].vid = 4094;
	}
	two = give(BOTH PAIR, one, &pf, &err);
	assert_non_null(two);
	assert_int_equal(two->links[1].ports[0].vf.index, 0);
	assert_int_equal(two->links[1].ports[1].vf.index, 1);
	assert_int_equal(two->links[0].ports[0].vf.index, 2);
	assert_int_not_equal(two->links[0].ports[0].vf.vid, 4094);
}

static void test_refused(void **state)
{
	struct vn_pf pf = virtio, *p = calloc(1, sizeof(*p));

	refused(WIRE, NULL, "there is no such network device");
	refused(BOTH, &pf, "puts no VFs into VLANs");
	refused(WIRE PAIR, &pf, "has 3 VFs, this topology wants 4");
	refused("  \"a:e\": {vf: {pf: p, vlan: 5}}\n", &pf, "does not put VFs into VLANs");
	pf.default_route = true;
	refused(WIRE, &pf, "carries the host's default route");

	pf = igb;
	refused("  \"a:e\": {vf: {pf: p, vlan: 5}}\n  \"b:e\": {vf: {pf: p, vlan: 5}}\n", &pf,
		"would loop past the wire");
	refused("  \"a:e\": {vf: {pf: p, vlan: 5}}\n  \"c:e\": {vf: {pf: p, vlan: 5}}\n", &pf, "VLAN 5 of PF p joins");
	pf.num = 7;
	for (int i = 0; i < 6; i++)
		snprintf(pf.vfs[i].other, sizeof(pf.vfs[i].other), "VF %d is in another network namespace", i);
	refused(WIRE, &pf, "6 are not to be had (VF 0 is in another network namespace)");

	*p = igb;
	p->num = 7;
	snprintf(p->vfs[3].owner, sizeof(p->vfs[3].owner), "other/x:y");
	memcpy(p->vfs[3].mac, "\x02\0\0\0\0\x05", 6);
	refused("  \"a:e\": {vf: {pf: p, mac: \"02:00:00:00:00:05\"}}\n", p, "VF 3 of PF p has it, for other/x:y");
	free(p);
}

/* Every VLAN is taken by links of other topologies: one VF for each, as far as VFs are looked at. */
static void test_vlans_spent(void **state)
{
	struct vn_pf *pf = calloc(1, sizeof(*pf));
	struct vn_err err = {0};
	struct vn_topo *t;

	*pf = (struct vn_pf){.total = VN_VF_MAX, .num = VN_VF_MAX, .can_vlan = true};
	for (unsigned int i = 10; i < VN_VF_MAX; i++) {
		snprintf(pf->vfs[i].owner, sizeof(pf->vfs[i].owner), "other/n%u:e", i);
		pf->vfs[i].vid = (uint16_t)(VN_VF_VLAN_MAX - (i - 10));
	}
	t = give(WIRE, NULL, pf, &err);
	assert_non_null(t);
	assert_int_equal(t->links[0].ports[0].vf.vid, VN_VF_VLAN_MAX - (VN_VF_MAX - 10));
	vn_topo_free(t);
	free(pf);
}

static void test_plan(void **state)
{
	struct vn_pf pf = igb;
	struct vn_err err = {0};
	cleanup_topo struct vn_topo *t = give(WIRE, NULL, &pf, &err);
	struct vn_plan *make = NULL, *unmake = NULL;
	size_t vf = 0, link = 0;
	char text[1024];

	assert_int_equal(vn_plan_make(NULL, NULL, t, &make, &err), 0);
	assert_int_equal(vn_plan_make(t, NULL, NULL, &unmake, &err), 0);
	for (size_t i = 0; i < make->n_steps; i++) {
		vf = make->steps[i].kind == VN_STEP_BORROW ? i : vf;
		link = make->steps[i].kind == VN_STEP_LINK && make->steps[i].new == 0 ? i : link;
	}
	assert_true(vf && vf < link);
	assert_int_equal(vn_step_describe(make, &make->steps[vf], text, sizeof(text)), 0);
	assert_string_equal(text, "make VFs of link ab: a:e is VF 0 of p (wire to VF 1, VLAN 4094, native XDP, generic "
				  "where its driver has none); its PF may be away for seconds");
	for (size_t i = 0; i < unmake->n_steps; i++) {
		vf = unmake->steps[i].kind == VN_STEP_BORROW ? i : vf;
		link = unmake->steps[i].kind == VN_STEP_LINK && unmake->steps[i].old == 0 ? i : link;
	}
	assert_true(link < vf);
	assert_int_equal(vn_step_describe(unmake, &unmake->steps[vf], text, sizeof(text)), 0);
	assert_string_equal(text, "give back VFs of link ab");
	vn_plan_free(make);
	vn_plan_free(unmake);
}

static void test_json(void **state)
{
	struct vn_port a = {.kind = VN_PORT_VF, .vf = VN_VF_INIT}, b = {.kind = VN_PORT_VF};
	json_t *o;

	snprintf(a.vf.pf, sizeof(a.vf.pf), "ens1");
	a.vf.mode = VN_VF_WIRE;
	a.vf.trust = 1;
	a.vf.max_tx_rate = 100;
	a.vf.index = 3;
	o = vn_vf_model.to_json(&a);
	assert_int_equal(vn_vf_model.from_json(o, &b), 0);
	assert_true(vn_port_same_device(&a, &b));
	b.vf.index = 4;
	assert_false(vn_port_same_device(&a, &b));
	json_object_set_new(o, "vlan", json_integer(5000));
	assert_int_equal(vn_vf_model.from_json(o, &b), -EINVAL);
	json_decref(o);
}

/* The request as it stands in the batch: the kernel's own structures, nested as rtnetlink wants them. */
static void test_netlink(void **state)
{
	const struct vn_vf_admin a = {.vlan = 7, .qos = 0, .min_tx_rate = 10, .max_tx_rate = 100};
	cleanup_nl struct vn_nl nl = VN_NL_INIT;
	const struct nlmsghdr *h;
	struct nlattr *list, *info, *attr;
	const struct ifla_vf_rate *rate;

	assert_int_equal(vn_nl_open(&nl, NULL), 0);
	vn_sriov_admin_put(&nl, 42, 3, VN_VF_ATTR_RATE, &a);
	assert_int_equal(nl.n_reqs, 1);
	h = (const struct nlmsghdr *)nl.buf;
	assert_int_equal(h->nlmsg_type, RTM_SETLINK);
	assert_int_equal(((const struct ifinfomsg *)NLMSG_DATA(h))->ifi_index, 42);
	list = nlmsg_find_attr((struct nlmsghdr *)h, sizeof(struct ifinfomsg), IFLA_VFINFO_LIST);
	assert_non_null(list);
	info = nla_data(list);
	assert_int_equal(nla_type(info), IFLA_VF_INFO);
	attr = nla_data(info);
	assert_int_equal(nla_type(attr), IFLA_VF_RATE);
	rate = nla_data(attr);
	assert_int_equal(rate->vf, 3);
	assert_int_equal(rate->min_tx_rate, 10);
	assert_int_equal(rate->max_tx_rate, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_given),       cmocka_unit_test(test_kept), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_vlans_spent), cmocka_unit_test(test_plan), cmocka_unit_test(test_json),
		cmocka_unit_test(test_netlink),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
