/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * GSO frames: what a virtio_net_hdr says about a frame, how many segments it stands for, and how some of these are
 * cut out as a frame of its own, as the kernel's own segmentation would (net/ipv4/tcp_offload.c, udp_offload.c):
 * sequence number, flags, identification, lengths; the checksum stays partial. Pure.
 */
#ifndef VNET_ENGINE_GSO_H
#define VNET_ENGINE_GSO_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_net.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4 /* uapi of Linux 6.2 */
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

#define VN_GSO_HDR_MAX 512u /* Ethernet, tags, IPv6 with extensions, TCP with options */

/**
 * struct vn_super - a frame of one or more segments; offsets from its Ethernet header
 * @len:      of the frame as it is
 * @segs:     that it stands for
 * @hdr_len:  of the headers that each segment repeats; 0: one segment, never looked into
 * @gso_size: payload of each segment but the last
 * @l3, @l4:  IP and TCP or UDP header
 * @tcp, @ip6: or UDP, or IPv4
 * @ect:      the IP header says that the transport understands ECN marks (only looked at in GSO frames)
 */
struct vn_gso {
	uint32_t len, segs;
	uint16_t hdr_len, gso_size;
	uint16_t l3, l4;
	bool tcp, ip6, ect;
};

/*
 * @head: the first @head_len bytes of a frame of @len. -EBADMSG when header and frame contradict each other.
 */
int vn_gso_parse(const struct virtio_net_hdr *vh, const uint8_t *head, uint32_t head_len, uint32_t len,
		 struct vn_gso *ret_gso);

/* Bytes of the frames that @segs segments from number @first on are on a wire, the slot's tag and all else included. */
uint32_t vn_gso_bytes(const struct vn_gso *s, uint32_t first, uint32_t segs);
/* Bytes of payload in them; all of a frame that is one segment. */
uint32_t vn_gso_payload(const struct vn_gso *s, uint32_t first, uint32_t segs);

/*
 * The headers of the frame that consists of @segs segments from number @first on: @vh, and s->hdr_len bytes at @head,
 * hold those of the whole on entry.
 */
void vn_gso_cut(const struct vn_gso *s, uint32_t first, uint32_t segs, struct virtio_net_hdr *vh, uint8_t *head);

#endif
