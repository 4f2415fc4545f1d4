// SPDX-License-Identifier: GPL-2.0-only
/* Ports of AF_XDP applications: words, JSON, flags. */
#include "model/afxdp_port.h"

#include "model/model_internal.h"

const char *const vn_unbound_words[3] = {[VN_AFXDP_UNBOUND_KERNEL] = "kernel", [VN_AFXDP_UNBOUND_DROP] = "drop", NULL};
const char *const vn_handover_words[6] = {[0] = "none",
					  [VN_HANDOVER_CNI] = "cni",
					  [VN_HANDOVER_PINNED] = "pinned",
					  [VN_HANDOVER_CNI | VN_HANDOVER_PINNED] = "both",
					  [VN_HANDOVER_LIBVNET] = "libvnet",
					  NULL};

const char *const vn_class_words[] = {
#define X(id, word, text) [VN_AFXDP_##id] = word,
	VN_AFXDP_CLASS_LIST(X)
#undef X
		NULL,
};

#define ALL_BUT "all-but"

static int one_class(const char *s, size_t len, uint32_t *mask)
{
	for (unsigned int i = 0; vn_class_words[i]; i++) {
		if (strlen(vn_class_words[i]) != len || strncmp(vn_class_words[i], s, len) != 0)
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
	for (unsigned int i = 0; vn_class_words[i]; i++)
		if (named >> i & 1) {
			len += (size_t)snprintf(buf + len, VN_CLASSES_BUF - len, "%s+", vn_class_words[i]);
			named &= ~(1u << i);
		}
	buf[len - 1] = '\0';
	return buf;
}

static uint32_t traits(const struct vn_port *p)
{
	(void)p;
	return VN_TRAIT_PAIR | VN_TRAIT_FABRIC | VN_TRAIT_NETDEV | VN_TRAIT_RAW;
}

static void begin(struct vn_port *p)
{
	p->handover = VN_HANDOVER_CNI;
	p->afxdp = (struct vn_afxdp_cfg){.kernel = 1u << VN_AFXDP_ARP | 1u << VN_AFXDP_ICMP,
					 .unbound = VN_AFXDP_UNBOUND_KERNEL};
}

static json_t *to_json(const struct vn_port *p)
{
	char kernel[VN_CLASSES_BUF];

	return json_pack("{s:s, s:s, s:s, s:o*}", "kernel", vn_classes_format(kernel, p->afxdp.kernel), "unbound",
			 vn_unbound_words[p->afxdp.unbound], "handover", vn_handover_words[p->handover], "buffers",
			 p->buffers ? json_integer(p->buffers) : NULL);
}

static int word_index(const char *const *words, size_t n, const char *s)
{
	for (size_t i = 0; i < n; i++)
		if (words[i] && strcmp(words[i], s) == 0)
			return (int)i;
	return -EINVAL;
}

static int from_json(const json_t *o, struct vn_port *p)
{
	const char *kernel, *unbound, *handover, *wrong;
	json_int_t buffers = 0;
	int u, h;

	if (json_unpack_ex((json_t *)o, NULL, JSON_STRICT, "{s:s, s:s, s:s, s?I}", "kernel", &kernel, "unbound",
			   &unbound, "handover", &handover, "buffers", &buffers) < 0)
		return -EINVAL;
	u = word_index(vn_unbound_words, VN_ARRAY_SIZE(vn_unbound_words), unbound);
	h = word_index(vn_handover_words, VN_ARRAY_SIZE(vn_handover_words), handover);
	if (u < 0 || h < 0 || vn_classes_parse(kernel, &p->afxdp.kernel, &wrong) < 0)
		return -EINVAL;
	if (h == VN_HANDOVER_LIBVNET ? buffers < VN_BUFFERS_MIN || buffers > VN_BUFFERS_MAX : buffers != 0)
		return -EINVAL;
	p->buffers = (uint32_t)buffers;
	p->afxdp.unbound = (uint32_t)u;
	p->handover = (uint8_t)h;
	return 0;
}

static bool same_rules(const struct vn_port *a, const struct vn_port *b)
{
	return a->handover == b->handover && a->buffers == b->buffers &&
	       memcmp(&a->afxdp, &b->afxdp, sizeof(a->afxdp)) == 0;
}

/* What comes for the application is filtered at the other end. */
static uint32_t peer_flags(const struct vn_port *p)
{
	return VN_PORT_TO_APP | (p->afxdp.unbound == VN_AFXDP_UNBOUND_DROP ? VN_PORT_APP_DROP : 0) |
	       p->afxdp.kernel << VN_PORT_APP_KERNEL_SHIFT;
}

const struct vn_port_model vn_afxdp_model = {
	.word = "afxdp",
	.by_word = true,
	.part = "an AF_XDP port's filter, policy or hand-over",
	.traits = traits,
	.begin = begin,
	.to_json = to_json,
	.from_json = from_json,
	.same_rules = same_rules,
	.peer_flags = peer_flags,
};
