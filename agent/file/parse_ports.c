/* SPDX-License-Identifier: GPL-2.0-only */
/* The topology file: the keys of an AF_XDP port. See vnet-topology(5). */
#include "file/parse_topo.h"
#include "model/afxdp_port.h"

int vn_parse_port_kind(struct vn_parser *p, const struct vn_yaml *v, void *obj)
{
	const char *words[VN_PORT_KINDS + 1] = {NULL};
	uint8_t kinds[VN_PORT_KINDS];
	struct vn_port *port = obj;
	unsigned int n = 0, i;
	int r;

	for (i = 0; i < VN_PORT_KINDS; i++) {
		if (!vn_port_models[i]->by_word)
			continue;
		kinds[n] = (uint8_t)i;
		words[n++] = vn_port_models[i]->word;
	}
	r = vn_parse_choice(p, v, "kind", words, &i);
	if (r < 0)
		return r;
	port->kind = kinds[i];
	if (vn_port_model(port)->begin)
		vn_port_model(port)->begin(port);
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
		vn_show(shown, word), vn_hint(hint, word, vn_class_words));
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
