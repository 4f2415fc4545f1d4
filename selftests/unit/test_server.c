// SPDX-License-Identifier: GPL-2.0-only
/* The server of the control sockets with a handler of ours: order, limits, and what happens when descriptors run out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <base/util.h>

#include "methods/rows.h"
#include "api/server.h"

static char dir[] = "/tmp/vnet-test-server.XXXXXX";
static struct vn_loop loop;
static struct vn_receiver receiver = VN_RECEIVER_INIT;
static struct vn_server server;
static int nested_fd; /* "slow" writes its second request there and turns the loop */
static bool more_after;
static char big[1 << 20];
static unsigned int n_big;

static int on_request(void *arg, struct vn_conn *c, const json_t *request)
{
	const char *method = json_string_value(json_object_get(request, "method"));

	if (strcmp(method, "slow") == 0) {
		static const char second[] = "{\"method\":\"quick\"}";

		assert_int_equal(send(nested_fd, second, sizeof(second), MSG_NOSIGNAL), sizeof(second));
		for (int i = 0; i < 20; i++)
			vn_loop_turn(&loop, 1);
		more_after = c->more;
	}
	if (strcmp(method, "big") == 0) {
		n_big++;
		vn_conn_reply(c, json_pack("{s:o}", "big", json_stringn(big, sizeof(big))), false);
		return 0;
	}
	vn_conn_reply(c, json_pack("{s:s}", "method", method), false);
	return 0;
}

static void turns(int n)
{
	for (int i = 0; i < n; i++) {
		vn_loop_turn(&loop, 1);
		vn_server_resume(&server);
		vn_server_reap(&server);
	}
}

static int dial(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/" VN_SOCK_OBSERVE, dir);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	return fd;
}

static void ask(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text) + 1, MSG_NOSIGNAL), strlen(text) + 1);
}

/* What has come on @fd, NULs as spaces. */
static const char *answers(int fd)
{
	static char buf[4096];
	ssize_t n = recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT);

	buf[n > 0 ? n : 0] = '\0';
	for (ssize_t i = 0; i < n; i++)
		if (!buf[i])
			buf[i] = ' ';
	return buf;
}

static bool is_closed(int fd)
{
	char c;

	return recv(fd, &c, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

static int open_server(void **state)
{
	struct vn_err err = {0};

	memset(dir + strlen(dir) - 6, 'X', 6);
	if (!mkdtemp(dir) || vn_loop_init(&loop) < 0)
		return -1;
	if (vn_receiver_open(&receiver, &loop, &err) < 0)
		return -1;
	return vn_server_open(&server, &loop, &receiver, dir, getgid(), on_request, NULL, &err);
}

static int close_server(void **state)
{
	static const char *const names[] = {VN_SOCK_CONTROL, VN_SOCK_OBSERVE};
	char path[128];

	vn_server_close(&server);
	vn_receiver_close(&receiver);
	vn_loop_release(&loop);
	for (size_t i = 0; i < VN_ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

/* A request that comes while the first one is handled, and the loop turns, is not answered before it. */
static void test_order(void **state)
{
	int fd = nested_fd = dial();

	assert_true(fd >= 0);
	ask(fd, "{\"method\":\"slow\",\"more\":true}");
	turns(40);
	assert_string_equal(answers(fd),
			    "{\"parameters\":{\"method\":\"slow\"}} {\"parameters\":{\"method\":\"quick\"}} ");
	/* And what the first one allowed stayed its own. */
	assert_true(more_after);
	ask(fd, "{\"method\":\"quick\"}");
	turns(5);
	assert_string_equal(answers(fd), "{\"parameters\":{\"method\":\"quick\"}} ");
	close(fd);
	turns(5);
	assert_null(server.conns);
}

/* Who asks for much at once gets one answer, then it is the turn of others. */
static void test_turns(void **state)
{
	int greedy = dial(), modest = dial();

	assert_true(greedy >= 0 && modest >= 0);
	turns(5);
	for (int i = 0; i < 50; i++)
		ask(greedy, "{\"method\":\"quick\"}");
	turns(2);
	ask(modest, "{\"method\":\"modest\"}");
	turns(4);
	assert_string_equal(answers(modest), "{\"parameters\":{\"method\":\"modest\"}} ");
	assert_true(strlen(answers(greedy)) < 10 * strlen("{\"parameters\":{\"method\":\"quick\"}} "));
	turns(100);
	assert_int_equal(strlen(answers(greedy)) % strlen("{\"parameters\":{\"method\":\"quick\"}} "), 0);
	close(greedy);
	close(modest);
	turns(5);
}

/* Who asks and does not read is not asked for more: what waits for it is one answer, however often it asks. */
static void test_backpressure(void **state)
{
	static const char request[] = "{\"method\":\"big\"}";
	size_t got = 0;
	int fd;

	if (geteuid() != 0)
		skip(); /* who looks so much and is not root is served later */
	fd = dial();
	memset(big, 'x', sizeof(big));
	n_big = 0;
	for (int i = 0; i < 50; i++)
		ask(fd, request);
	turns(100);
	assert_in_range(n_big, 1, 2);
	for (int i = 0; i < 100000 && got < 50 * sizeof(big); i++) {
		static char buf[1 << 18];
		ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

		got += n > 0 ? (size_t)n : 0;
		turns(1);
	}
	assert_true(got >= 50 * sizeof(big));
	assert_int_equal(n_big, 50);
	close(fd);
	turns(5);
}

/* Who hung up makes room at once, also while nobody is reaped. */
static void test_room(void **state)
{
	int fds[8];

	for (int round = 0; round < VN_CONNS_MAX / 8 + 2; round++) {
		for (int i = 0; i < 8; i++) {
			fds[i] = dial();
			assert_true(fds[i] >= 0);
		}
		for (int i = 0; i < 20; i++)
			vn_loop_turn(&loop, 0);
		for (int i = 0; i < 8; i++) {
			assert_false(is_closed(fds[i]));
			close(fds[i]);
		}
		for (int i = 0; i < 20; i++)
			vn_loop_turn(&loop, 0);
	}
	assert_int_equal(server.listeners[1].n_conns, 0);
	turns(1);
	assert_null(server.conns);
}

/* One user other than root gets a part of the places. */
static void test_share(void **state)
{
	int go[2], status, n = 0;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		char c;

		close(go[1]);
		if (setgid(65534) < 0 || setuid(65534) < 0)
			_exit(200);
		for (int i = 0; i < VN_CONNS_UID + 40; i++)
			n += dial() >= 0;
		_exit(read(go[0], &c, 1) == 1 ? n : 201);
	}
	for (int i = 0; i < 2000 && server.listeners[1].n_conns < VN_CONNS_UID; i++)
		turns(1);
	turns(200);
	assert_int_equal(server.listeners[1].n_conns, VN_CONNS_UID);
	/* Others come in. */
	nested_fd = dial();
	turns(5);
	assert_false(is_closed(nested_fd));
	assert_int_equal(write(go[1], "x", 1), 1);
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) > VN_CONNS_UID && WEXITSTATUS(status) < 200);
	close(nested_fd);
	close(go[0]);
	close(go[1]);
	turns(200);
}

/* Without a descriptor for it a connection waits, and does not keep the loop busy; later it comes in. */
static void test_no_descriptors(void **state)
{
	struct rlimit old, low;
	int fd = dial(), woken = 0, next = dup(fd);

	assert_true(fd >= 0 && next >= 0);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	low.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	for (int i = 0; i < 50; i++)
		woken += vn_loop_turn(&loop, 0) > 0;
	vn_server_tick(&server);
	woken += vn_loop_turn(&loop, 0) > 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_in_range(woken, 1, 2);
	vn_server_tick(&server);
	ask(fd, "{\"method\":\"quick\"}");
	turns(5);
	assert_string_equal(answers(fd), "{\"parameters\":{\"method\":\"quick\"}} ");
	close(fd);
	turns(5);
}

/* Of an environment everybody sees the names; the daemon's own copy keeps the values. */
static void test_hide(void **state)
{
	json_t *env = json_pack("[s, s]", "TOKEN=secret", "PLAIN="),
	       *kept = json_pack("{s:o, s:s}", "env", env, "image", "x");
	json_t *shown = json_pack("{s:O}", "container", kept), *none = json_pack("{s:n}", "container");
	json_t *seen;

	vn_container_hide(shown);
	seen = json_object_get(json_object_get(shown, "container"), "env");
	assert_string_equal(json_string_value(json_array_get(seen, 0)), "TOKEN");
	assert_string_equal(json_string_value(json_array_get(seen, 1)), "PLAIN");
	assert_string_equal(json_string_value(json_array_get(env, 0)), "TOKEN=secret");
	assert_string_equal(json_string_value(json_object_get(json_object_get(shown, "container"), "image")), "x");
	vn_container_hide(none);
	assert_true(json_is_null(json_object_get(none, "container")));
	json_decref(none);
	json_decref(shown);
	json_decref(kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order, open_server, close_server),
		cmocka_unit_test_setup_teardown(test_turns, open_server, close_server),
		cmocka_unit_test_setup_teardown(test_backpressure, open_server, close_server),
		cmocka_unit_test_setup_teardown(test_room, open_server, close_server),
		cmocka_unit_test_setup_teardown(test_share, open_server, close_server),
		cmocka_unit_test_setup_teardown(test_no_descriptors, open_server, close_server),
		cmocka_unit_test(test_hide),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
