/* SPDX-License-Identifier: GPL-2.0-only */
/* The topology file: the keys of an AF_XDP port. See vnet-topology(5). */
#include "file/parse_topo.h"

const char *const vn_port_kind_words[3] = {[VN_PORT_KERNEL] = "kernel", [VN_PORT_AFXDP] = "afxdp", NULL};
const char *const vn_unbound_words[3] = {[VN_AFXDP_UNBOUND_KERNEL] = "kernel", [VN_AFXDP_UNBOUND_DROP] = "drop", NULL};
const char *const vn_handover_words[6] = {[0] = "none",
					  [VN_HANDOVER_CNI] = "cni",
					  [VN_HANDOVER_PINNED] = "pinned",
					  [VN_HANDOVER_CNI | VN_HANDOVER_PINNED] = "both",
					  [VN_HANDOVER_LIBVNET] = "libvnet",
					  NULL};

static const char *const class_words[] = {
#define X(id, word, text) [VN_AFXDP_##id] = word,
	VN_AFXDP_CLASS_LIST(X)
#undef X
		NULL,
};

#define ALL_BUT "all-but"

/* ---- classes of frames ---- */

static int one_class(const char *s, size_t len, uint32_t *mask)
{
	for (unsigned int i = 0; class_words[i]; i++) {
		if (strlen(class_words[i]) != len || strncmp(class_words[i], s, len) != 0)
			continue;
		*mask |= 1u << i;
		return 0;
	}
	return -EINVAL;
}

int vn_classes_parse(const char *s, uint32_t *ret_mask, const char **ret_wrong)
{
	const size_t all_but = strlen(ALL_BUT);
	bool invert = strncmp(s, ALL_BUT, all_but) == 0 && s[all_but] == ' ';
	uint32_t mask = 0;

	*ret_wrong = s;
	if (strcmp(s, "none") == 0 || strcmp(s, "all") == 0) {
		*ret_mask = s[0] == 'a' ? VN_AFXDP_CLASS_ALL : 0;
		return 0;
	}
	if (invert)
		s += all_but + strspn(s + all_but, " ");
	for (;; s++) {
		size_t len = strcspn(s, "+");

		*ret_wrong = s;
		if (one_class(s, len, &mask) < 0)
			return -EINVAL;
		s += len;
		if (!*s)
			break;
	}
	*ret_mask = invert ? VN_AFXDP_CLASS_ALL & ~mask : mask;
	return 0;
}

const char *vn_classes_format(char *buf, uint32_t mask)
{
	bool invert = __builtin_popcount(mask) > VN_AFXDP_CLASS_MAX / 2;
	uint32_t named = invert ? VN_AFXDP_CLASS_ALL & ~mask : mask;
	size_t len = 0;

	if (!named) {
		snprintf(buf, VN_CLASSES_BUF, "%s", invert ? "all" : "none");
		return buf;
	}
	if (invert)
		len = (size_t)snprintf(buf, VN_CLASSES_BUF, ALL_BUT " ");
	for (unsigned int i = 0; class_words[i]; i++)
		if (named >> i & 1) {
			len += (size_t)snprintf(buf + len, VN_CLASSES_BUF - len, "%s+", class_words[i]);
			named &= ~(1u << i);
		}
	buf[len - 1] = '\0';
	return buf;
}

/* ---- keys ---- */

int vn_parse_port_kind(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	struct vn_port *port = obj;
	unsigned int i;
	int r = vn_parse_choice(p, v, "kind", vn_port_kind_words, &i);

	if (r < 0)
		return r;
	port->kind = (uint8_t)i;
	if (port->kind == VN_PORT_AFXDP) {
		port->handover = VN_HANDOVER_CNI;
		port->afxdp = (struct vn_afxdp_cfg){.kernel = 1u << VN_AFXDP_ARP | 1u << VN_AFXDP_ICMP,
						    .unbound = VN_AFXDP_UNBOUND_KERNEL};
	}
	return 0;
}

/* A key that means something to an AF_XDP port alone. */
static int need_afxdp(struct vn_parser *p, const struct vn_yaml *v, const struct vn_port *port, const char *key)
{
	if (port->kind == VN_PORT_AFXDP)
		return 0;
	return vn_parse_fail(p, vn_parse_key_of(v), "%s: is for AF_XDP ports: add `kind: afxdp`, or leave it out", key);
}

int vn_parse_port_queues(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	char shown[VN_SHOW_BUF];
	const char *text;
	uint64_t n;
	int r = need_afxdp(p, v, obj, "queues");

	if (r < 0)
		return r;
	text = vn_parse_text(p, v, "a number");
	if (!text)
		return -EINVAL;
	if (vn_parse_u64(text, UINT32_MAX, &n) < 0 || !n)
		return vn_parse_fail(p, v, "queues: '%s' is not a number of queues: write 1", vn_show(shown, text));
	if (n > VN_AFXDP_QUEUES)
		return vn_parse_fail(p, v,
				     "queues: %s is too many: a port has one receive queue, which keeps its frames in "
				     "order: write 1, or join the nodes by more links",
				     vn_show(shown, text));
	return 0;
}

int vn_parse_port_kernel(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	char shown[VN_SHOW_BUF], hint[VN_HINT_BUF], word[VN_SHOW_BUF];
	struct vn_port *port = obj;
	const char *text, *wrong;
	int r = need_afxdp(p, v, port, "kernel");

	if (r < 0)
		return r;
	text = vn_parse_text(p, v, "none, all, or classes of frames such as arp+icmp");
	if (!text)
		return -EINVAL;
	if (vn_classes_parse(text, &port->afxdp.kernel, &wrong) == 0)
		return 0;
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(wrong, "+"), wrong);
	return vn_parse_fail(
		p, v,
		"kernel: '%s' is not a class of frames%s (none, all, or of arp, icmp, tcp, udp, ip, other, "
		"joined by +, `all-but ` in front of them or not)",
		vn_show(shown, word), vn_hint(hint, word, class_words));
}

int vn_parse_port_unbound(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	struct vn_port *port = obj;
	unsigned int i;
	int r = need_afxdp(p, v, port, "unbound");

	if (r == 0)
		r = vn_parse_choice(p, v, "unbound", vn_unbound_words, &i);
	if (r == 0)
		port->afxdp.unbound = i;
	return r;
}

int vn_parse_port_handover(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	struct vn_port *port = obj;
	unsigned int i;
	int r = need_afxdp(p, v, port, "handover");

	if (r == 0)
		r = vn_parse_choice(p, v, "handover", vn_handover_words, &i);
	if (r < 0)
		return r;
	port->handover = (uint8_t)i;
	port->buffers = i == VN_HANDOVER_LIBVNET ? VN_BUFFERS_DEFAULT : 0;
	return 0;
}

int vn_parse_port_buffers(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	struct vn_port *port = obj;
	char shown[VN_SHOW_BUF];
	const char *text;
	uint64_t n;
	int r = need_afxdp(p, v, port, "buffers");

	if (r < 0)
		return r;
	if (port->handover != VN_HANDOVER_LIBVNET)
		return vn_parse_fail(p, vn_parse_key_of(v),
				     "buffers: is for ports whose memory the agent makes: add `handover: libvnet`, or "
				     "leave it out");
	text = vn_parse_text(p, v, "a number of frames");
	if (!text)
		return -EINVAL;
	if (vn_parse_u64(text, UINT32_MAX, &n) < 0 || n < VN_BUFFERS_MIN || n > VN_BUFFERS_MAX)
		return vn_parse_fail(p, v, "buffers: '%s' is not a number of frames from %u to %u",
				     vn_show(shown, text), VN_BUFFERS_MIN, VN_BUFFERS_MAX);
	port->buffers = (uint32_t)n;
	return 0;
}
