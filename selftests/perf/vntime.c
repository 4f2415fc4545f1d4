/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long a command takes, from spawning it to its end: vntime -n 200 -- CMD ARG... runs it that often, one after the
 * other; `{}` in an argument becomes a line of FILE (-v), in turn.
 */
#include <getopt.h>
#include <spawn.h>
#include <sys/wait.h>

#include "perf.h"

#define VALUES_MAX 65536
#define ARGS_MAX   64

static const char help[] =
	"usage: vntime [-n TIMES (100)] [-v FILE] -- CMD [ARG...]\nPrints one JSON object; times in ns.\n";

extern char **environ;
static char *values[VALUES_MAX];
static size_t n_values;

static void values_read(const char *path)
{
	char line[256];
	FILE *f = fopen(path, "re");

	if (!f)
		die("%s", path);
	while (n_values < VALUES_MAX && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (line[0])
			values[n_values++] = strdup(line);
	}
	fclose(f);
	if (!n_values)
		die_usage("%s: no values", path);
}

/* Time of one run. @argv is copied with `{}` replaced by @value. */
static uint64_t run_once(char **argv, const char *value, int *ret_status)
{
	static char text[ARGS_MAX][512];
	char *args[ARGS_MAX + 1];
	size_t i;
	uint64_t t0;
	pid_t pid;

	for (i = 0; argv[i] && i < ARGS_MAX; i++) {
		char *hole = value ? strstr(argv[i], "{}") : NULL;

		args[i] = argv[i];
		if (!hole)
			continue;
		snprintf(text[i], sizeof(text[i]), "%.*s%s%s", (int)(hole - argv[i]), argv[i], value, hole + 2);
		args[i] = text[i];
	}
	args[i] = NULL;
	t0 = now_ns();
	errno = posix_spawnp(&pid, args[0], NULL, NULL, args, environ);
	if (errno)
		die("%s", args[0]);
	waitpid(pid, ret_status, 0);
	return now_ns() - t0;
}

int main(int argc, char **argv)
{
	uint64_t n = 100, *t, failed = 0;
	const char *file = NULL;
	double sum = 0;
	const struct opt options[] = {
		{'n', OPT_U64, &n},
		{'v', OPT_TEXT, &file},
		{0},
	};

	parse_options(argc, argv, options, help);
	if (optind >= argc || argc - optind > ARGS_MAX || n < 1 || n > 1000000)
		die_usage("%s", help);
	if (file)
		values_read(file);
	t = calloc(n, sizeof(*t));
	if (!t)
		die("memory");
	for (uint64_t i = 0; i < n; i++) {
		int status;

		t[i] = run_once(argv + optind, file ? values[i % n_values] : NULL, &status);
		sum += (double)t[i];
		failed += status != 0;
	}
	qsort(t, n, sizeof(*t), cmp_u64);
	printf("{\"runs\":%llu,\"failed\":%llu,\"min_ns\":%llu,\"p50_ns\":%llu,\"p99_ns\":%llu,\"max_ns\":%llu,\"mean_"
	       "ns\":%.0f}\n",
	       (unsigned long long)n, (unsigned long long)failed, (unsigned long long)t[0],
	       (unsigned long long)t[quantile(n, 0.5)], (unsigned long long)t[quantile(n, 0.99)],
	       (unsigned long long)t[n - 1], sum / (double)n);
	free(t);
	return failed != 0;
}
