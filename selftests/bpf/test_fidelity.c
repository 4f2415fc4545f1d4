// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the data path says of its own faithfulness: the one-way delay error of samples, and the overload bits. Real
 * programs, veths and engine; what it says is compared with what the test sees from outside.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <disc/hist.h>

#include "selftests/bpf/engine_rig.h"

#define MAGIC 0x66696465u
#define LEN   200u

struct frame {
	uint8_t head[24]; /* addresses, up to two tags, type; the rest is padding */
	uint32_t magic, number;
	uint64_t sent_ns;
	uint8_t fill[LEN - 40];
};
_Static_assert(sizeof(struct frame) == LEN, "as long as it says");

static struct rig rig;
static int tx, rx;
static uint32_t runs;

/* @tags user tags in front of the type, which the engine port must not touch. */
static void frame_make(struct frame *f, uint32_t number, uint32_t tags)
{
	static const uint8_t tag[2][4] = {{0x88, 0xa8, 0x20, 0x07}, {0x81, 0x00, 0x00, 0x64}};

	memset(f, 0, sizeof(*f));
	memset(f->head, 0xff, 6);
	f->head[6] = 2;
	for (uint32_t i = 0; i < tags; i++)
		memcpy(f->head + 12 + 4 * i, tag[tags == 1 ? 1 : i], 4);
	memcpy(f->head + 12 + 4 * tags, "\x88\xb5", 2);
	f->magic = MAGIC;
	f->number = number;
	for (uint32_t i = 0; i < sizeof(f->fill); i++)
		f->fill[i] = (uint8_t)(i * 31 + number);
	f->sent_ns = vn_now_ns();
}

static bool send_frame(uint32_t number, uint32_t tags)
{
	struct frame f;

	frame_make(&f, number, tags);
	return send(tx, &f, sizeof(f), 0) == sizeof(f);
}

/* The outermost tag comes in the message's auxiliary data: put it back where it stood. */
static ssize_t recv_raw(uint8_t *buf, size_t size)
{
	char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct iovec iov = {.iov_base = buf + 4, .iov_len = size - 4};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(rx, &m, 0);

	if (n < 14)
		return n;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		struct tpacket_auxdata aux;

		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		if (!(aux.tp_status & TP_STATUS_VLAN_VALID))
			continue;
		memmove(buf, buf + 4, 12);
		memcpy(buf + 12, &(uint16_t){htons(aux.tp_vlan_tpid)}, 2);
		memcpy(buf + 14, &(uint16_t){htons(aux.tp_vlan_tci)}, 2);
		return n + 4;
	}
	memmove(buf, buf + 4, (size_t)n);
	return n;
}

/* The next frame of ours is number @number with @tags tags, byte for byte. Returns how long it was on the way. */
static uint64_t expect_frame(uint32_t number, uint32_t tags)
{
	uint64_t until = vn_now_ns() + RIG_WAIT;
	uint8_t buf[2048];
	struct frame want, got;

	for (;;) {
		struct pollfd p = {.fd = rx, .events = POLLIN};
		ssize_t n = recv_raw(buf, sizeof(buf));
		uint64_t now = vn_now_ns();

		memcpy(&got, buf, sizeof(got));
		if (n == sizeof(got) && got.magic == MAGIC) {
			frame_make(&want, number, tags);
			want.sent_ns = got.sent_ns;
			assert_memory_equal(&got, &want, sizeof(got));
			return now - got.sent_ns;
		}
		assert_true(now < until);
		if (n < 0)
			poll(&p, 1, 1000);
	}
}

static void start_link(const struct vn_disc *d)
{
	vn_disc_renew(&rig.dp.maps, 1);
	vn_disc_write(&rig.dp.maps, 1, d);
	runs++;
}

static uint64_t samples(void)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < VN_HIST_BUCKETS; i++)
		n += rig_dir(&rig, 1)->error_hist[i];
	return n;
}

/* One in 64, unchanged whatever tags it has, and no error is larger than what the receiver saw. */
static void sample_run(uint32_t tags, uint32_t count)
{
	struct vn_disc d = {.delay_ns = 2 * VN_NSEC_PER_MSEC, .key = runs + 1};
	uint64_t worst = 0;

	start_link(&d);
	for (uint32_t i = 0; i < count; i++)
		assert_true(send_frame(i, tags));
	for (uint32_t i = 0; i < count; i++) {
		uint64_t took = expect_frame(i, tags);

		assert_true(took >= d.delay_ns);
		worst = VN_MAX(worst, took - d.delay_ns);
	}
	assert_true(rig_wait(rig_dir(&rig, 1)->out_packets == count));
	assert_true(samples() >= count / VN_SAMPLE_EVERY && samples() <= count / VN_SAMPLE_EVERY + 2);
	assert_true(rig_dir(&rig, 1)->error_max_ns > 0);
	assert_true(rig_dir(&rig, 1)->error_max_ns <= worst + (1u << VN_SAMPLE_SHIFT));
	assert_int_equal(rig_dir(&rig, 1)->out_bytes, (uint64_t)count * LEN);
	assert_int_equal(rig_status(&rig)->bad_meta, 0);
}

static void test_samples(void **state)
{
	sample_run(0, 640);
	sample_run(1, 640);
	sample_run(2, 640);
}

/*
 * A queue between the port's program and the engine port's: the engine releases in time, by the time of arrival that it
 * knows, and only samples tell that the frames are 20 ms late. (Retried: a sender that loses the CPU fills no queue.)
 */
static void test_error_before_the_engine(void **state)
{
	const struct vn_dir *d = &rig.dp.maps.dir[1];
	uint64_t error = 0;

	assert_int_equal(rig_sh("tc qdisc add dev tr0 root tbf rate 10mbit burst 2000 limit 1000000"), 0);
	for (int i = 0; i < 10 && error < 10 * VN_NSEC_PER_MSEC; i++) {
		sample_run(0, 130);
		error = d->error_max_ns;
	}
	assert_int_equal(rig_sh("tc qdisc del dev tr0 root"), 0);
	assert_true(error >= 10 * VN_NSEC_PER_MSEC && error < 34 * VN_NSEC_PER_MSEC);
	assert_true(vn_hist_percentile(d->late_hist, 500000) < 10 * VN_NSEC_PER_MSEC);
}

static void trust_anew(void)
{
	vn_dir_trust(&rig.dp.maps, 1);
	vn_dir_trust(&rig.dp.maps, 2);
	vn_engine_trust(&rig.dp.maps, 0);
}

static bool overloaded(uint32_t bit)
{
	return rig_wait(rig_status(&rig)->overload & 1u << bit);
}

/* Frames released late turn their own direction red, not the other, and stay so until somebody clears it. */
static void late_by(void (*starve)(void))
{
	struct vn_disc d = {.delay_ns = 20 * VN_NSEC_PER_MSEC, .key = 99};
	uint64_t begin = vn_now_ns();

	start_link(&d);
	trust_anew();
	for (uint32_t i = 0; i < 100; i++)
		assert_true(send_frame(i, 0));
	starve();
	for (uint32_t i = 0; i < 100; i++)
		expect_frame(i, 0);
	assert_true(overloaded(VN_OVERLOAD_THROTTLED));
	assert_true(overloaded(VN_OVERLOAD_LATE));
	assert_true(rig_dir(&rig, 1)->overload & 1u << VN_OVERLOAD_LATE);
	assert_true(rig_dir(&rig, 1)->overload_ns > begin);
	assert_int_equal(rig_dir(&rig, 2)->overload, 0);
	assert_true(rig_status(&rig)->overload_ns > begin);
	assert_true(rig_dir(&rig, 1)->late_max_ns > VN_NSEC_PER_MSEC);
	assert_true(vn_dir_trust(&rig.dp.maps, 1) & 1u << VN_OVERLOAD_LATE);
	assert_int_equal(rig_dir(&rig, 1)->overload, 0);
	assert_true(vn_engine_trust(&rig.dp.maps, 0) & 1u << VN_OVERLOAD_THROTTLED);
	assert_false(rig_status(&rig)->overload & 1u << VN_OVERLOAD_THROTTLED);
}

static void pass_time(uint64_t ns)
{
	const struct timespec ts = {.tv_nsec = (long)ns};

	nanosleep(&ts, NULL);
}

static void stop_engine(void)
{
	kill(rig.engine, SIGSTOP);
	pass_time(80 * VN_NSEC_PER_MSEC);
	kill(rig.engine, SIGCONT);
}

static void test_stopped(void **state)
{
	late_by(stop_engine);
}

/* For 100 ms a thread of higher priority has the engine's only CPU. */
static void hog_cpu(void)
{
	struct sched_param fifo = {.sched_priority = 50};
	pid_t hog;
	int st;

	hog = fork();
	if (hog == 0) {
		uint64_t until;

		if (sched_setscheduler(0, SCHED_FIFO, &fifo) < 0)
			_exit(1);
		until = vn_now_ns() + 100 * VN_NSEC_PER_MSEC;
		while (vn_now_ns() < until)
			;
		_exit(0);
	}
	assert_int_equal(waitpid(hog, &st, 0), hog);
	assert_int_equal(st, 0);
}

static void test_starved(void **state)
{
	struct sched_param fifo = {.sched_priority = 50}, none = {0};
	cpu_set_t one, all;

	if (sched_setscheduler(0, SCHED_FIFO, &fifo) < 0) {
		print_message("SKIP no real-time priority here\n");
		skip();
	}
	sched_setscheduler(0, SCHED_OTHER, &none);
	sched_getaffinity(rig.engine, sizeof(all), &all);
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	assert_int_equal(sched_setaffinity(rig.engine, sizeof(one), &one), 0);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	late_by(hog_cpu);
	sched_setaffinity(rig.engine, sizeof(all), &all);
}

static int setup(void **state)
{
	char path[512];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 32);
	cpu_set_t one;
	int r;

	if (n < 0)
		return -1;
	path[n] = 0;
	/* build/selftests/bpf/test_fidelity -> build/vnet-engine */
	for (int i = 0; i < 3; i++) {
		char *slash = strrchr(path, '/');

		if (!slash)
			return -1;
		*slash = 0;
	}
	snprintf(path + strlen(path), 16, "/vnet-engine");
	r = rig_isolate();
	if (r == 0)
		r = rig_up(&rig, path, 1);
	if (r < 0) {
		fprintf(stderr, "rig: %s: %s\n", strerror(-r), rig.err.text);
		return -1;
	}
	tx = rig_socket("a0");
	rx = rig_socket("b0");
	/* one CPU, so that the port's counters on it tell which frames are samples */
	CPU_ZERO(&one);
	CPU_SET((size_t)sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
	return tx < 0 || rx < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	rig_down(&rig);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_error_before_the_engine),
		cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_starved),
	};

	if (geteuid() != 0) {
		puts("1..0 # SKIP needs root: namespaces, BPF");
		return 4;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
