// SPDX-License-Identifier: GPL-2.0-only
/* Dumps with a kernel of ours at the other end: broken off, changed meanwhile, refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/socket.h>

#include <vnet/util.h>

#include "net/veth.h"

static struct vn_nl nl = VN_NL_INIT;
static struct vn_err err;
static int kernel;

/* In the place of the socket one end of a pair; its answers are written before they are asked for. */
static int open_pair(void **state)
{
	int pair[2];

	err = (struct vn_err){0};
	if (vn_nl_open(&nl, &err) < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ||
	    dup2(pair[0], nl.fd) < 0)
		return -1;
	close(pair[0]);
	kernel = pair[1];
	return 0;
}

static int close_pair(void **state)
{
	close(kernel);
	vn_nl_close(&nl);
	return 0;
}

static void say(uint32_t seq, uint16_t type, uint16_t flags, const void *data, size_t len)
{
	struct {
		struct nlmsghdr h;
		uint8_t data[64];
	} m = {.h = {.nlmsg_len = (uint32_t)NLMSG_LENGTH(len),
		     .nlmsg_type = type,
		     .nlmsg_flags = NLM_F_MULTI | flags,
		     .nlmsg_seq = seq}};

	memcpy(m.data, data, len);
	assert_int_equal(send(kernel, &m, m.h.nlmsg_len, 0), m.h.nlmsg_len);
}

static void link_is(uint32_t seq, int ifindex, uint16_t flags)
{
	const struct ifinfomsg ifi = {.ifi_index = ifindex};

	say(seq, RTM_NEWLINK, flags, &ifi, sizeof(ifi));
}

static void done(uint32_t seq, int error, uint16_t flags)
{
	say(seq, NLMSG_DONE, flags, &error, sizeof(error));
}

static unsigned int seen[8];

static void see(void *arg, const struct vn_link_info *l)
{
	seen[l->ifindex]++;
}

static int dump(void)
{
	memset(seen, 0, sizeof(seen));
	return vn_link_dump(&nl, see, NULL);
}

static void test_whole(void **state)
{
	link_is(1, 3, 0);
	done(1, 0, 0);
	assert_int_equal(dump(), 0);
	assert_int_equal(seen[3], 1);
}

/* A device that the torn dump lacked is in the next one. */
static void test_torn(void **state)
{
	link_is(1, 3, NLM_F_DUMP_INTR);
	done(1, 0, 0);
	link_is(2, 3, 0);
	done(2, 0, NLM_F_DUMP_INTR);
	link_is(3, 3, 0);
	link_is(3, 4, 0);
	done(3, 0, 0);
	assert_int_equal(dump(), 0);
	assert_true(seen[3] && seen[4]);
}

/* Half a list is none. */
static void test_broken_off(void **state)
{
	link_is(1, 3, 0);
	done(1, -EMSGSIZE, 0);
	assert_int_equal(dump(), -EMSGSIZE);
	assert_int_equal(err.err, EMSGSIZE);
}

static void test_refused(void **state)
{
	const struct nlmsgerr e = {.error = -EPERM};

	say(1, NLMSG_ERROR, 0, &e, sizeof(e));
	assert_int_equal(dump(), -EPERM);
	assert_int_equal(err.err, EPERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whole, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_torn, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_broken_off, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_refused, open_pair, close_pair),
	};

	return cmocka_run_group_tests_name("nl", tests, NULL, NULL);
}
