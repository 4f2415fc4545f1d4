/* SPDX-License-Identifier: GPL-2.0-only */
/* Jobs take turns in one thread, each on a stack of its own; locks go to who asked first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <base/util.h>

#include "base/job.h"

static struct vn_loop loop;
static struct vn_jobs jobs;
static struct vn_locks locks;
static char said[256];

static void say(char c)
{
	const size_t n = strlen(said);

	assert_in_range(n, 0, sizeof(said) - 2);
	said[n] = c;
	said[n + 1] = 0;
}

static int setup(void **state)
{
	jobs = (struct vn_jobs){.loop = &loop};
	locks = (struct vn_locks){.jobs = &jobs};
	said[0] = 0;
	return vn_loop_init(&loop);
}

static int teardown(void **state)
{
	assert_int_equal(jobs.n, 0);
	assert_null(locks.first);
	vn_loop_release(&loop);
	return 0;
}

static void run_all(void)
{
	while (jobs.n)
		assert_true(vn_loop_turn(&loop, 5000) > 0);
}

static void three_turns(void *arg)
{
	const char *c = arg;
	char deep[100000]; /* a stack of its own, and a large one */

	memset(deep, *c, sizeof(deep));
	for (int i = 0; i < 3; i++) {
		say(*c);
		vn_job_sleep(&jobs, 0);
		assert_int_equal(deep[i * 1000], *c);
	}
}

static void note_end(void *arg)
{
	assert_false(vn_job_is_one(&jobs));
	say('.');
}

static void test_turns(void **state)
{
	static char a[] = "a", b[] = "b";

	assert_false(vn_job_is_one(&jobs));
	assert_int_equal(vn_job_start(&jobs, three_turns, note_end, a), 0);
	assert_int_equal(vn_job_start(&jobs, three_turns, note_end, b), 0);
	assert_string_equal(said, "ab"); /* up to the first wait at once */
	run_all();
	assert_int_equal(strlen(said), 8);
	for (const char *c = "ab."; *c; c++) {
		size_t n = 0;

		for (const char *s = said; *s; s++)
			n += *s == *c;
		assert_int_equal(n, *c == '.' ? 2 : 3);
	}
}

static void at_once(void *arg)
{
	say('x');
}

static void begins_another(void *arg)
{
	assert_int_equal(vn_job_start(&jobs, at_once, NULL, NULL), 0);
	say('1');
}

static void test_within(void **state)
{
	assert_int_equal(vn_job_start(&jobs, begins_another, note_end, NULL), 0);
	run_all();
	assert_string_equal(said, "1.x");
}

static int pipe_fd[2];

static void waits_for_byte(void *arg)
{
	char c = 0;

	vn_job_wait_fd(&jobs, pipe_fd[0], EPOLLIN, 10 * VN_NSEC_PER_SEC);
	assert_int_equal(read(pipe_fd[0], &c, 1), 1);
	say(c);
	vn_job_wait_fd(&jobs, pipe_fd[0], EPOLLIN, VN_NSEC_PER_MSEC); /* nothing comes */
	say('e');
}

static void test_fd(void **state)
{
	assert_int_equal(pipe(pipe_fd), 0);
	assert_int_equal(vn_job_start(&jobs, waits_for_byte, NULL, NULL), 0);
	assert_int_equal(vn_loop_turn(&loop, 0), 0);
	assert_int_equal(write(pipe_fd[1], "w", 1), 1);
	run_all();
	assert_string_equal(said, "we");
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}

struct taker {
	char c;
	const char *name;
	bool shared;
	const bool *cancelled;
};

static void takes(void *arg)
{
	const struct taker *t = arg;
	struct vn_lock l;
	int r = vn_lock_take(&locks, &l, t->name, t->shared, t->cancelled);

	if (r < 0) {
		assert_int_equal(r, -ECANCELED);
		say('!');
		return;
	}
	say(t->c);
	vn_job_sleep(&jobs, 2 * VN_NSEC_PER_MSEC);
	say(t->c);
	vn_lock_drop(&locks, &l);
	vn_lock_drop(&locks, &l); /* nothing the second time */
}

static void start(const struct taker *t)
{
	assert_int_equal(vn_job_start(&jobs, takes, NULL, (void *)t), 0);
}

static void test_locks(void **state)
{
	static const struct taker a = {.c = 'a', .name = "x"}, b = {.c = 'b', .name = "x"}, c = {.c = 'c', .name = "x"},
				  other = {.c = 'o', .name = "y"};

	char order[8] = "";
	size_t n = 0;

	start(&a);
	start(&b);
	start(&c);
	start(&other);
	assert_string_equal(said, "ao"); /* another name is another lock */
	run_all();
	assert_int_equal(said[0], 'a');
	/* One at a time, in the order in which they asked. */
	for (const char *s = said; *s; s++)
		if (*s != 'o')
			order[n++] = *s;
	assert_string_equal(order, "aabbcc");
}

static void test_shared(void **state)
{
	static const struct taker a = {.c = 'a', .name = "x", .shared = true},
				  b = {.c = 'b', .name = "x", .shared = true}, w = {.c = 'w', .name = "x"},
				  late = {.c = 'l', .name = "x", .shared = true};

	start(&a);
	start(&b);
	start(&w);
	start(&late);
	assert_string_equal(said, "ab"); /* who comes after a writer waits for it: no writer waits for ever */
	run_all();
	assert_int_equal(said[4], 'w');
	assert_int_equal(said[5], 'w');
	assert_string_equal(said + 6, "ll");
}

static void test_cancelled(void **state)
{
	static bool gone;
	static const struct taker a = {.c = 'a', .name = "x"}, b = {.c = 'b', .name = "x", .cancelled = &gone};
	struct vn_lock l;

	gone = false;
	start(&a);
	start(&b);
	assert_int_equal(vn_lock_try(&locks, &l, "x", false), -EBUSY);
	gone = true;
	run_all();
	assert_int_equal(strlen(said), 3);
	assert_non_null(strchr(said, '!'));
	assert_int_equal(vn_lock_try(&locks, &l, "x", false), 0);
	vn_lock_drop(&locks, &l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_turns, setup, teardown),
		cmocka_unit_test_setup_teardown(test_within, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fd, setup, teardown),
		cmocka_unit_test_setup_teardown(test_locks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shared, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancelled, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
