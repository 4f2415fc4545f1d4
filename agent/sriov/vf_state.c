// SPDX-License-Identifier: GPL-2.0-only
#include "sriov/vf_state.h"

#include <dirent.h>
#include <jansson.h>
#include <limits.h>
#include <sys/stat.h>

#include <base/util.h>

#include "base/atomic_file.h"
#include "model/topo.h"

static void path_of(const char *runtime_dir, const char *pf, const char *suffix, char buf[PATH_MAX])
{
	snprintf(buf, PATH_MAX, "%s/" VN_VFS_DIR "/%s%s", runtime_dir, pf, suffix);
}

void vn_pf_record_release(struct vn_pf_record *r)
{
	free(r->vfs);
	*r = (struct vn_pf_record){0};
}

static json_t *mac_to_json(const uint8_t mac[6])
{
	char buf[VN_MAC_BUF];

	return json_string(vn_mac_format(buf, mac));
}

static json_t *vf_to_json(const struct vn_vf_record *v)
{
	const struct vn_vf_admin *b = &v->before;

	return json_pack(
		"{s:i, s:s, s:b, s:i, s:o, s:b, s:s, s:o, s:i, s:{s:i, s:o, s:i, s:i, s:i, s:i, s:i, s:I, s:I}}", "vf",
		(int)v->vf, "owner", v->owner, "partner", v->partner, "vid", v->vid, "port_mac",
		mac_to_json(v->port_mac), "bound", v->bound, "name", v->name, "mac", mac_to_json(v->mac), "mtu",
		(int)v->mtu, "before", "has", (int)b->has, "mac", mac_to_json(b->mac), "vlan", (int)b->vlan, "qos",
		(int)b->qos, "spoofchk", (int)b->spoofchk, "trust", (int)b->trust, "state", (int)b->state,
		"min_tx_rate", (json_int_t)b->min_tx_rate, "max_tx_rate", (json_int_t)b->max_tx_rate);
}

static int vf_from_json(const json_t *o, struct vn_vf_record *v)
{
	int vf, partner, vid, bound, mtu, has, vlan, qos, spoofchk, trust, state;
	const char *owner, *port_mac, *name, *mac, *before_mac;
	json_int_t min, max;

	if (json_unpack(
		    (json_t *)o,
		    "{s:i, s:s, s:b, s:i, s:s, s:b, s:s, s:s, s:i, s:{s:i, s:s, s:i, s:i, s:i, s:i, s:i, s:I, s:I}}",
		    "vf", &vf, "owner", &owner, "partner", &partner, "vid", &vid, "port_mac", &port_mac, "bound",
		    &bound, "name", &name, "mac", &mac, "mtu", &mtu, "before", "has", &has, "mac", &before_mac, "vlan",
		    &vlan, "qos", &qos, "spoofchk", &spoofchk, "trust", &trust, "state", &state, "min_tx_rate", &min,
		    "max_tx_rate", &max) < 0)
		return -EBADMSG;
	*v = (struct vn_vf_record){.vf = (unsigned int)vf,
				   .partner = partner,
				   .vid = (uint16_t)vid,
				   .bound = bound,
				   .mtu = (uint32_t)mtu,
				   .before = {.has = (uint32_t)has,
					      .vlan = (uint32_t)vlan,
					      .qos = (uint32_t)qos,
					      .spoofchk = (uint32_t)spoofchk,
					      .trust = (uint32_t)trust,
					      .state = (uint32_t)state,
					      .min_tx_rate = (uint32_t)min,
					      .max_tx_rate = (uint32_t)max}};
	if (snprintf(v->owner, sizeof(v->owner), "%s", owner) >= (int)sizeof(v->owner) ||
	    snprintf(v->name, sizeof(v->name), "%s", name) >= (int)sizeof(v->name) ||
	    vn_mac_parse(port_mac, v->port_mac) < 0 || vn_mac_parse(mac, v->mac) < 0 ||
	    vn_mac_parse(before_mac, v->before.mac) < 0)
		return -EBADMSG;
	return 0;
}

static int read_vfs(const json_t *list, struct vn_pf_record *r)
{
	const json_t *o;
	size_t i;
	int ret;

	r->vfs = calloc(json_array_size(list) + 1, sizeof(*r->vfs));
	if (!r->vfs)
		return -ENOMEM;
	json_array_foreach (list, i, o) {
		ret = vf_from_json(o, &r->vfs[i]);
		if (ret < 0)
			return ret;
		r->n_vfs++;
	}
	return 0;
}

int vn_pf_record_load(const char *runtime_dir, const char *pf, struct vn_pf_record *ret, struct vn_err *err)
{
	cleanup_pf_record struct vn_pf_record r = {0};
	int raised, up, autoprobe, res;
	json_t *o, *list = NULL;
	char path[PATH_MAX];

	path_of(runtime_dir, pf, ".json", path);
	if (access(path, F_OK) < 0)
		return -ENOENT;
	o = json_load_file(path, 0, NULL);
	if (json_unpack(o, "{s:b, s:b, s:b, s:o}", "raised", &raised, "up", &up, "autoprobe", &autoprobe, "vfs",
			&list) < 0) {
		json_decref(o);
		return vn_err_kernel(err, EBADMSG, "%s: not readable: remove it", path);
	}
	snprintf(r.pf, sizeof(r.pf), "%s", pf);
	r.raised = raised;
	r.up = up;
	r.autoprobe = autoprobe;
	res = read_vfs(list, &r);
	json_decref(o);
	if (res < 0)
		return vn_err_kernel(err, -res, "%s: not readable: remove it", path);
	*ret = r;
	r.vfs = NULL;
	return 0;
}

int vn_pf_record_save(const char *runtime_dir, const struct vn_pf_record *r, struct vn_err *err)
{
	json_t *list = json_array();
	char path[PATH_MAX];

	for (size_t i = 0; i < r->n_vfs; i++)
		json_array_append_new(list, vf_to_json(&r->vfs[i]));
	path_of(runtime_dir, "", "", path);
	mkdir(path, 0700);
	path_of(runtime_dir, r->pf, ".json", path);
	return vn_record_json(path,
			      json_pack("{s:b, s:b, s:b, s:o}", "raised", r->raised, "up", r->up, "autoprobe",
					r->autoprobe, "vfs", list),
			      err);
}

void vn_pf_record_remove(const char *runtime_dir, const char *pf)
{
	char path[PATH_MAX];

	path_of(runtime_dir, pf, ".json", path);
	unlink(path);
	path_of(runtime_dir, "", "", path);
	rmdir(path);
}

struct vn_vf_record *vn_pf_record_find(const struct vn_pf_record *r, unsigned int vf)
{
	for (size_t i = 0; i < r->n_vfs; i++)
		if (r->vfs[i].vf == vf)
			return &r->vfs[i];
	return NULL;
}

struct vn_vf_record *vn_pf_record_add(struct vn_pf_record *r)
{
	struct vn_vf_record *more = reallocarray(r->vfs, r->n_vfs + 1, sizeof(*more));

	if (!more)
		return NULL;
	r->vfs = more;
	more[r->n_vfs] = (struct vn_vf_record){0};
	return &more[r->n_vfs++];
}

void vn_pf_record_drop(struct vn_pf_record *r, const struct vn_vf_record *v)
{
	size_t i = (size_t)(v - r->vfs);

	r->vfs[i] = r->vfs[--r->n_vfs];
}

int vn_pf_records_list(const char *runtime_dir, char ***ret_names, size_t *ret_n)
{
	char path[PATH_MAX], **names = NULL, **more;
	struct dirent *e;
	size_t n = 0;
	DIR *d;

	path_of(runtime_dir, "", "", path);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		char *dot = strrchr(e->d_name, '.');

		if (!dot || strcmp(dot, ".json") != 0)
			continue;
		more = reallocarray(names, n + 1, sizeof(*more));
		if (!more)
			break;
		names = more;
		names[n] = strndup(e->d_name, (size_t)(dot - e->d_name));
		n += !!names[n];
	}
	if (d)
		closedir(d);
	*ret_names = names;
	*ret_n = n;
	return 0;
}
