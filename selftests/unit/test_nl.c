// SPDX-License-Identifier: GPL-2.0-only
/* Dumps with a kernel of ours at the other end: broken off, changed meanwhile, refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <base/netlink.h>

#include "net/veth.h"

static struct vn_nl nl = VN_NL_INIT;
static struct vn_err err;
static int kernel;

static uint32_t seq; /* of the first request */

static int connect_to(int fd, uint32_t port)
{
	const struct sockaddr_nl to = {.nl_family = AF_NETLINK, .nl_pid = port};

	return connect(fd, (const struct sockaddr *)&to, sizeof(to));
}

/*
 * The kernel's place is taken by another socket of a protocol in which anybody may send to anybody; its answers are
 * written before they are asked for.
 */
static int open_pair(void **state)
{
	uint32_t port = 0;

	err = (struct vn_err){0};
	kernel = vn_netlink_open(NETLINK_USERSOCK, 0, 0, &port);
	if (kernel < 0 || vn_nl_open_protocol(&nl, NETLINK_USERSOCK, &err) < 0 || connect_to(nl.fd, port) < 0 ||
	    connect_to(kernel, nl.port) < 0)
		return -1;
	nl.peer = port;
	seq = nl.seq;
	return 0;
}

static int close_pair(void **state)
{
	close(kernel);
	vn_nl_close(&nl);
	return 0;
}

/* In the words of the kernel: the answer to request @n of nl, of 1, 2, 3. */
static void say_by(int fd, uint32_t port, uint32_t n, uint16_t type, uint16_t flags, const void *data, size_t len)
{
	struct {
		struct nlmsghdr h;
		uint8_t data[64];
	} m = {.h = {.nlmsg_len = (uint32_t)NLMSG_LENGTH(len),
		     .nlmsg_type = type,
		     .nlmsg_flags = NLM_F_MULTI | flags,
		     .nlmsg_seq = seq + n - 1,
		     .nlmsg_pid = port}};

	memcpy(m.data, data, len);
	assert_int_equal(send(fd, &m, m.h.nlmsg_len, 0), m.h.nlmsg_len);
}

static void say(uint32_t n, uint16_t type, uint16_t flags, const void *data, size_t len)
{
	say_by(kernel, nl.port, n, type, flags, data, len);
}

static void link_is(uint32_t n, int ifindex, uint16_t flags)
{
	const struct ifinfomsg ifi = {.ifi_index = ifindex};

	say(n, RTM_NEWLINK, flags, &ifi, sizeof(ifi));
}

static void done(uint32_t n, int error, uint16_t flags)
{
	say(n, NLMSG_DONE, flags, &error, sizeof(error));
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

/* Port ids are guessed by whoever has CAP_NET_ADMIN there: a connected socket takes nothing of theirs. */
static void test_forger_refused(void **state)
{
	cleanup_close int forger = vn_netlink_open(NETLINK_USERSOCK, 0, 0, NULL);
	const struct nlmsghdr h = {.nlmsg_len = sizeof(h), .nlmsg_type = NLMSG_DONE};

	assert_true(forger >= 0);
	assert_int_equal(connect_to(forger, nl.port), 0);
	assert_int_equal(send(forger, &h, sizeof(h), 0), -1);
	assert_int_equal(errno, ECONNREFUSED);
}

/* What arrives all the same (multicast), with everything right but who sent it. */
static void test_forger_not_heard(void **state)
{
	cleanup_close int forger = vn_netlink_open(NETLINK_USERSOCK, 0, 0, NULL);
	const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
	const struct nlmsgerr e = {.error = -EPERM};

	assert_true(forger >= 0);
	assert_int_equal(connect(nl.fd, &nobody, sizeof(nobody)), 0);
	assert_int_equal(connect_to(forger, nl.port), 0);
	say_by(forger, nl.port, 1, NLMSG_ERROR, 0, &e, sizeof(e));
	assert_int_equal(connect_to(nl.fd, nl.peer), 0);
	link_is(1, 3, 0);
	done(1, 0, 0);
	assert_int_equal(dump(), 0);
	assert_int_equal(seen[3], 1);
}

/* Answers to somebody else's request, and to none of ours. */
static void test_not_ours(void **state)
{
	const struct nlmsgerr e = {.error = -EPERM};

	say_by(kernel, nl.port + 1, 1, NLMSG_ERROR, 0, &e, sizeof(e));
	say(1000, NLMSG_ERROR, 0, &e, sizeof(e));
	link_is(1, 3, 0);
	done(1, 0, 0);
	assert_int_equal(dump(), 0);
	assert_int_equal(seen[3], 1);
}

/* Two sockets do not begin with the same number, nor with the one that everybody would guess. */
static void test_sequence(void **state)
{
	cleanup_nl struct vn_nl other = VN_NL_INIT;

	assert_int_equal(vn_nl_open(&other, &err), 0);
	assert_true(other.seq != seq && other.seq != 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whole, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_torn, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_broken_off, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_refused, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_forger_refused, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_forger_not_heard, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_not_ours, open_pair, close_pair),
		cmocka_unit_test_setup_teardown(test_sequence, open_pair, close_pair),
	};

	return cmocka_run_group_tests_name("nl", tests, NULL, NULL);
}
