/* SPDX-License-Identifier: GPL-2.0-only */
/* Which GSO frames the bulk engine takes for what their headers say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include "engine/gso.h"

#define LEN 3000u

/* Ethernet, IPv4 of 20 bytes and @proto, whose byte 12 is @doff. */
static int parse(uint8_t proto, uint8_t gso_type, uint8_t doff, struct vn_gso *ret)
{
	const struct virtio_net_hdr vh = {.gso_type = gso_type, .gso_size = 1000};
	uint8_t head[128] = {[12] = ETH_P_IP >> 8, [14] = 0x45, [14 + 9] = proto, [34 + 12] = (uint8_t)(doff << 4)};

	return vn_gso_parse(&vh, head, sizeof(head), LEN, ret);
}

/* A TCP head shorter than 20 bytes is none: flags and checksum stand behind it (vn_super_cut() writes both). */
static void test_data_offset(void **state)
{
	struct vn_gso s;

	for (uint8_t doff = 0; doff < 16; doff++) {
		assert_int_equal(parse(IPPROTO_TCP, VIRTIO_NET_HDR_GSO_TCPV4, doff, &s), doff < 5 ? -EBADMSG : 0);
		if (doff >= 5)
			assert_int_equal(s.hdr_len, 34 + 4 * doff);
	}
	assert_int_equal(parse(IPPROTO_UDP, VIRTIO_NET_HDR_GSO_UDP_L4, 0, &s), 0);
	assert_int_equal(s.hdr_len, 42);
	assert_int_equal(s.segs, 3);
	assert_int_equal(parse(IPPROTO_TCP, VIRTIO_NET_HDR_GSO_UDP_L4, 5, &s), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_data_offset)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
