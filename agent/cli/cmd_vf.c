/* SPDX-License-Identifier: GPL-2.0-only */
/* vnet-agent vf show | reclaim */
#include "cli/words.h"

#include <inttypes.h>

#include <base/util.h>

#include "cli/table.h"

static const char *or_dash(const json_t *o, const char *key)
{
	const char *s = vn_json_str(o, key);

	return *s ? s : "-";
}

/* "-" where no socket is bound: nothing was obtained or refused. */
static const char *zerocopy(const json_t *vf)
{
	const json_t *z = json_object_get(vf, "zerocopy");

	return json_is_boolean(z) ? json_is_true(z) ? "yes" : "no" : "-";
}

static int print_vfs(const json_t *vfs, bool of_pf)
{
	static const char *const heads[] = {"PF",  ">VF",    "DRIVER", "OWNER",     "ROLE", "INTERFACE", ">VLAN",
					    "MAC", ">IOMMU", "XDP",    "ZERO-COPY", ">RX",  ">TX",       NULL};
	cleanup_table struct vn_table t;
	json_t *vf;
	size_t i;

	if (json_array_size(vfs) == 0)
		fprintf(stderr, of_pf ? "this PF has no VFs\n" : "no port is a VF\n");
	vn_table_init(&t, heads);
	json_array_foreach (vfs, i, vf) {
		const json_t *count = json_object_get(vf, "counters"), *group = json_object_get(vf, "iommu_group");

		vn_table_add(&t, VN_PLAIN, "%s", vn_json_str(vf, "pf"));
		vn_table_add(&t, VN_PLAIN, "%" PRIu64, vn_json_u64(vf, "vf"));
		vn_table_add(&t, VN_PLAIN, "%s", or_dash(vf, "driver"));
		if (vn_json_bool(vf, "leaked"))
			vn_table_add(&t, VN_BAD, "leaked: %s", vn_json_str(vf, "mark"));
		else
			vn_table_add(&t, VN_PLAIN, "%s", or_dash(vf, "owner"));
		vn_table_add(&t, VN_PLAIN, "%s", or_dash(vf, "role"));
		vn_table_add(&t, VN_PLAIN, "%s",
			     *vn_json_str(vf, "vfio") ? vn_json_str(vf, "vfio") : or_dash(vf, "ifname"));
		vn_table_add(&t, VN_PLAIN, "%" PRIu64, vn_json_u64(vf, "vlan"));
		vn_table_add(&t, VN_PLAIN, "%s", or_dash(vf, "mac"));
		if (json_is_integer(group))
			vn_table_add(&t, VN_PLAIN, "%" PRIu64, vn_json_u64(vf, "iommu_group"));
		else
			vn_table_add(&t, VN_PLAIN, "-");
		vn_table_add(&t, VN_PLAIN, "%s", or_dash(vf, "xdp"));
		vn_table_add(&t, VN_PLAIN, "%s", zerocopy(vf));
		if (json_is_object(count)) {
			vn_table_add(&t, VN_PLAIN, "%" PRIu64, vn_json_u64(count, "rx_packets"));
			vn_table_add(&t, VN_PLAIN, "%" PRIu64, vn_json_u64(count, "tx_packets"));
		} else {
			vn_table_add(&t, VN_PLAIN, "-");
			vn_table_add(&t, VN_PLAIN, "-");
		}
	}
	return vn_table_print(&t, stdout);
}

int vn_cmd_vf_show(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	json_t *params = call->n_args ? json_pack("{s:s}", "name", call->args[0]) : NULL, *reply = NULL;
	int r = vn_cli_call(cli, true, "vnet.vf.show", params, &reply, err);

	if (r < 0)
		return r;
	if (cli->json)
		r = vn_cli_print_json(cli, reply, err);
	else
		r = print_vfs(json_object_get(reply, "vfs"), call->n_args > 0);
	json_decref(reply);
	return r;
}

int vn_cmd_vf_reclaim(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	json_t *params = json_pack("{s:s}", "name", call->args[0]), *reply = NULL, *vf;
	size_t i;
	int r;

	if (!params)
		return vn_err_usage(err, "vf reclaim: the PF's name is not UTF-8");
	r = vn_cli_call(cli, false, "vnet.vf.reclaim", params, &reply, err);
	if (r < 0)
		return r;
	if (cli->json)
		r = vn_cli_print_json(cli, reply, err);
	else
		json_array_foreach (json_object_get(reply, "vfs"), i, vf)
			printf("PF %s, VF %" PRIu64 ": was %s\n", vn_json_str(vf, "pf"), vn_json_u64(vf, "vf"),
			       vn_json_str(vf, "mark"));
	json_decref(reply);
	return r;
}
