// SPDX-License-Identifier: GPL-2.0-only
/* The topology file: the key `vf:` of a port. See vnet-topology(5). */
#include "file/parse_topo.h"

static int parse_pf(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	struct vn_port *port = obj;
	char shown[VN_SHOW_BUF];
	const char *text = vn_parse_text(p, v, "the name of a network device");

	if (!text)
		return -EINVAL;
	if (!*text || strlen(text) >= IF_NAMESIZE || strpbrk(text, "/: \t\n") || !strcmp(text, ".") ||
	    !strcmp(text, ".."))
		return vn_parse_fail(p, v, "pf: '%s' is not a name of a network device", vn_show(shown, text));
	snprintf(port->vf.pf, sizeof(port->vf.pf), "%s", text);
	return 0;
}

static int parse_mode(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	struct vn_port *port = obj;
	unsigned int i;
	int r = vn_parse_choice(p, v, "mode", vn_vf_mode_words + 1, &i);

	if (r == 0)
		port->vf.mode = (uint8_t)(i + 1);
	return r;
}

static int parse_driver(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	struct vn_port *port = obj;
	unsigned int i;
	int r = vn_parse_choice(p, v, "driver", vn_vf_driver_words, &i);

	if (r == 0)
		port->vf.driver = (uint8_t)i;
	return r;
}

static int parse_xdp(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	struct vn_port *port = obj;
	unsigned int i;
	int r = vn_parse_choice(p, v, "xdp", vn_vf_xdp_words, &i);

	if (r == 0)
		port->vf.xdp = (uint8_t)i;
	return r;
}

static int parse_switch(struct vn_parser *p, const struct vn_yaml *v, const char *key, int8_t *ret)
{
	unsigned int i;
	int r = vn_parse_choice(p, v, key, vn_vf_switch_words, &i);

	if (r == 0)
		*ret = (int8_t)i;
	return r;
}

static int parse_spoofchk(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	return parse_switch(p, v, "spoofchk", &((struct vn_port *)obj)->vf.spoofchk);
}

static int parse_trust(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	return parse_switch(p, v, "trust", &((struct vn_port *)obj)->vf.trust);
}

static int parse_state(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	struct vn_port *port = obj;
	unsigned int i;
	int r = vn_parse_choice(p, v, "state", vn_vf_state_words, &i);

	if (r == 0)
		port->vf.state = (int8_t)i;
	return r;
}

static int parse_number(struct vn_parser *p, const struct vn_yaml *v, const char *key, uint64_t max, const char *unit,
			int32_t *ret)
{
	char shown[VN_SHOW_BUF];
	const char *text = vn_parse_text(p, v, "a number");
	uint64_t n;

	if (!text)
		return -EINVAL;
	if (vn_parse_u64(text, max, &n) < 0)
		return vn_parse_fail(p, v, "%s: '%s' is not a number from 0 to %llu%s", key, vn_show(shown, text),
				     (unsigned long long)max, unit);
	*ret = (int32_t)n;
	return 0;
}

static int parse_vlan(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	struct vn_port *port = obj;
	int32_t n = 0;
	int r = parse_number(p, v, "vlan", VN_VF_VLAN_MAX, "", &n);

	if (r == 0)
		port->vf.vlan = (int16_t)n;
	return r;
}

static int parse_min_rate(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	return parse_number(p, v, "min_tx_rate", VN_VF_RATE_MAX, " (Mbit/s)", &((struct vn_port *)obj)->vf.min_tx_rate);
}

static int parse_max_rate(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	return parse_number(p, v, "max_tx_rate", VN_VF_RATE_MAX, " (Mbit/s)", &((struct vn_port *)obj)->vf.max_tx_rate);
}

static int parse_force(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	static const char *const words[] = {"false", "true", NULL};
	struct vn_port *port = obj;
	unsigned int i;
	int r = vn_parse_choice(p, v, "force", words, &i);

	if (r == 0)
		port->vf.force = i;
	return r;
}

/* The port's own `mac:`, by the name that sriov-cni knows it by. */
static int parse_vf_mac(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	struct vn_port *port = obj;

	if (port->mac_given)
		return vn_parse_fail(p, vn_parse_key_of(v), "mac: the port has one already, remove one of the two");
	return vn_parse_port_mac(p, v, port);
}

int vn_parse_port_vf(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	static const struct vn_key keys[] = {
		{"pf", parse_pf},
		{"mode", parse_mode},
		{"vlan", parse_vlan},
		{"mac", parse_vf_mac},
		{"spoofchk", parse_spoofchk},
		{"trust", parse_trust},
		{"state", parse_state},
		{"min_tx_rate", parse_min_rate},
		{"max_tx_rate", parse_max_rate},
		{"driver", parse_driver},
		{"xdp", parse_xdp},
		{"force", parse_force},
		{NULL, NULL},
	};
	struct vn_port *port = obj;
	int r;

	if (v->kind != VN_YAML_MAP)
		return vn_parse_fail(p, v, "vf: write a map such as {pf: ens1, mode: wire}");
	if (port->kind != VN_PORT_VETH)
		return vn_parse_fail(p, vn_parse_key_of(v),
				     "vf: `kind: %s` is for veth ports: on a VF the application attaches its own "
				     "program: leave it out and write `xdp: none`",
				     vn_port_model(port)->word);
	port->kind = VN_PORT_VF;
	port->vf = VN_VF_INIT;
	r = vn_parse_map(p, v, "`vf:` of a port", keys, port, NULL);
	if (r < 0)
		return r;
	if (!port->vf.pf[0])
		return vn_parse_fail(p, vn_parse_key_of(v), "vf: `pf:` is missing: the device that has the VFs");
	if (!port->vf.mode)
		port->vf.mode = VN_VF_WIRE;
	return 0;
}
