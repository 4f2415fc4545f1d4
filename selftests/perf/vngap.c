/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a processor gives to a real-time thread that does nothing but look at the clock: the gaps between two looks are
 * time that the kernel's interrupts, another thread (`preempted` counts), or a hypervisor took. Whatever becomes due at
 * a random moment must wait for the rest of the gap it falls in; the quantiles of that wait are the least lateness that
 * any program can have there.
 */
#include "perf.h"

#define GAP_NS     1000u
#define GAPS_MAX   4000000u
#define REST_EVERY 100000u

static const char help[] = "usage: vngap -c CPU [-d SECONDS (2)] [-r REST-NS (10000)]\n"
			   "Rests so long in every 100 us, so that the kernel need not throttle it (0: not at all); "
			   "that time is not counted.\n"
			   "Prints one JSON object; times in ns.\n";

/* How long a thing due at a random moment of @total_ns waits in @q of all cases; @gap sorted, shortest first. */
static uint64_t wait_quantile(const uint64_t *gap, size_t n, uint64_t total_ns, double q)
{
	uint64_t low = 0, high = n ? gap[n - 1] : 0;

	while (low < high) {
		uint64_t x = low + (high - low) / 2;
		double longer = 0;

		for (size_t i = n; i > 0 && gap[i - 1] > x; i--)
			longer += (double)(gap[i - 1] - x);
		if (longer > (1 - q) * (double)total_ns)
			low = x + 1;
		else
			high = x;
	}
	return low;
}

static void become_real_time(uint64_t cpu)
{
	const struct sched_param fifo = {.sched_priority = 10};
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		die("processor %llu", (unsigned long long)cpu);
	if (sched_setscheduler(0, SCHED_FIFO, &fifo) < 0)
		die("SCHED_FIFO");
}

int main(int argc, char **argv)
{
	uint64_t cpu = UINT64_MAX, seconds = 2, rest_ns = 10000, total_ns = 0, lost_ns = 0, *gap;
	const struct opt options[] = {
		{'c', OPT_U64, &cpu},
		{'d', OPT_U64, &seconds},
		{'r', OPT_U64, &rest_ns},
		{0},
	};
	struct rusage use;
	uint64_t end, last, woke;
	size_t n = 0;

	parse_options(argc, argv, options, help);
	if (optind < argc || cpu >= CPU_SETSIZE || seconds < 1 || seconds > 60 || rest_ns >= NSEC_PER_SEC)
		die_usage("%s", help);
	gap = calloc(GAPS_MAX, sizeof(*gap));
	if (!gap)
		die("memory");
	become_real_time(cpu);
	last = woke = now_ns();
	end = last + seconds * NSEC_PER_SEC;
	while (last < end) {
		uint64_t now = now_ns();

		total_ns += now - last;
		if (now - last > GAP_NS && n < GAPS_MAX) {
			gap[n++] = now - last;
			lost_ns += now - last;
		}
		if (rest_ns && now - woke > REST_EVERY) {
			const struct timespec ts = {.tv_nsec = (long)rest_ns};

			nanosleep(&ts, NULL);
			now = woke = now_ns();
		}
		last = now;
	}
	getrusage(RUSAGE_SELF, &use);
	qsort(gap, n, sizeof(*gap), cmp_u64);
	printf("{\"seconds\":%.3f,\"gaps\":%zu,\"lost_ppm\":%.0f,\"wait_p99_ns\":%llu,\"wait_p999_ns\":%llu,"
	       "\"gap_max_ns\":%llu,\"preempted\":%ld}\n",
	       (double)total_ns / NSEC_PER_SEC, n, (double)lost_ns / (double)total_ns * 1e6,
	       (unsigned long long)wait_quantile(gap, n, total_ns, 0.99),
	       (unsigned long long)wait_quantile(gap, n, total_ns, 0.999), (unsigned long long)(n ? gap[n - 1] : 0),
	       use.ru_nivcsw);
	free(gap);
	return 0;
}
