// SPDX-License-Identifier: GPL-2.0-only
#include "runtime/cpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <base/util.h>

#include "model/container.h"

/* A file of one line with a CPU list. */
static int read_list(const char *path, bool ret_cpus[VN_CONTAINER_CPUS_MAX])
{
	char line[VN_CPU_LIST] = "";
	FILE *f = fopen(path, "re");

	if (!f)
		return -errno;
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	line[strcspn(line, "\n")] = '\0';
	return vn_cpuset_parse(line, ret_cpus);
}

static int available(const json_t *o, bool ret_cpus[VN_CONTAINER_CPUS_MAX], struct vn_err *err)
{
	const json_t *numa = json_object_get(o, "numa");
	bool online[VN_CONTAINER_CPUS_MAX] = {false}, node[VN_CONTAINER_CPUS_MAX] = {false};
	char path[96];
	int r = read_list(VN_CPU_DIR "/online", online);

	if (r < 0)
		return vn_err_kernel(err, -r, VN_CPU_DIR "/online: %s", strerror(-r));
	memcpy(ret_cpus, online, sizeof(online));
	if (!numa)
		return 0;
	snprintf(path, sizeof(path), "/sys/devices/system/node/node%lld/cpulist", (long long)json_integer_value(numa));
	if (read_list(path, node) < 0)
		return vn_err_usage(err, "numa: this machine has no node %lld with CPUs",
				    (long long)json_integer_value(numa));
	for (size_t i = 0; i < VN_CONTAINER_CPUS_MAX; i++)
		ret_cpus[i] = online[i] && node[i];
	return 0;
}

static void format_list(const bool *cpus, char buf[VN_CPU_LIST])
{
	size_t n = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < VN_CONTAINER_CPUS_MAX && n < VN_CPU_LIST; i++)
		if (cpus[i])
			n += (size_t)snprintf(buf + n, VN_CPU_LIST - n, "%s%zu", n ? "," : "", i);
}

static int choose_set(const char *text, const bool *have, char buf[VN_CPU_LIST], struct vn_err *err)
{
	bool want[VN_CONTAINER_CPUS_MAX];

	if (vn_cpuset_parse(text, want) < 0)
		return vn_err_usage(err, "cpuset: '%s' is not a list of CPUs", text);
	for (size_t i = 0; i < VN_CONTAINER_CPUS_MAX; i++)
		if (want[i] && !have[i]) {
			char all[VN_CPU_LIST];

			format_list(have, all);
			return vn_err_usage(err, "cpuset: CPU %zu is not there; these are: %s", i, all);
		}
	format_list(want, buf);
	return 0;
}

int vn_cpus_choose(const json_t *o, size_t place, char buf[VN_CPU_LIST], struct vn_err *err)
{
	const char *set = json_string_value(json_object_get(o, "cpuset"));
	size_t count = (size_t)json_integer_value(json_object_get(o, "cpus")), n = 0, at;
	bool have[VN_CONTAINER_CPUS_MAX], want[VN_CONTAINER_CPUS_MAX] = {false};
	size_t cpus[VN_CONTAINER_CPUS_MAX];
	int r;

	buf[0] = '\0';
	if (!set && !count && !json_object_get(o, "numa"))
		return 0;
	r = available(o, have, err);
	if (r < 0)
		return r;
	if (set)
		return choose_set(set, have, buf, err);
	for (size_t i = 0; i < VN_CONTAINER_CPUS_MAX; i++)
		if (have[i])
			cpus[n++] = i;
	if (count > n)
		return vn_err_usage(err, "cpus: %zu are asked for, %zu are there", count, n);
	at = count ? place * count % n : 0;
	for (size_t i = 0; i < (count ?: n); i++)
		want[cpus[(at + i) % n]] = true;
	format_list(want, buf);
	return 0;
}

static int write_file(const char *dir, const char *name, const char *text, struct vn_err *err)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	if (!f || fprintf(f, "%s\n", text) < 0) {
		int e = errno;

		if (f)
			fclose(f);
		return vn_err_kernel(err, e, "%s: %s", path, strerror(e));
	}
	if (fclose(f) < 0)
		return vn_err_kernel(err, errno, "%s: %s", path, strerror(errno));
	return 0;
}

static void bind(json_t *mounts, const char *from, const char *to)
{
	json_array_append_new(mounts, json_pack("{s:s, s:s, s:s, s:[s, s, s, s, s]}", "destination", to, "type", "bind",
						"source", from, "options", "bind", "ro", "nosuid", "nodev", "noexec"));
}

int vn_cpus_mask(const char *list, const char *dir, json_t *mounts, struct vn_err *err)
{
	static const char *const lists[] = {"online", "possible", "present"};
	bool cpus[VN_CONTAINER_CPUS_MAX];
	char from[512], to[128];
	int r;

	if (vn_cpuset_parse(list, cpus) < 0)
		return vn_err_usage(err, "'%s' is not a list of CPUs", list);
	json_array_append_new(mounts, json_pack("{s:s, s:s, s:s, s:[s, s, s, s, s]}", "destination", VN_CPU_DIR, "type",
						"tmpfs", "source", "tmpfs", "options", "nosuid", "nodev", "noexec",
						"mode=755", "size=64k"));
	for (size_t i = 0; i < VN_CONTAINER_CPUS_MAX; i++)
		if (cpus[i]) {
			snprintf(from, sizeof(from), VN_CPU_DIR "/cpu%zu", i);
			bind(mounts, from, from);
		}
	for (size_t i = 0; i < VN_ARRAY_SIZE(lists); i++) {
		r = write_file(dir, lists[i], list, err);
		if (r < 0)
			return r;
		snprintf(from, sizeof(from), "%s/%s", dir, lists[i]);
		snprintf(to, sizeof(to), VN_CPU_DIR "/%s", lists[i]);
		bind(mounts, from, to);
	}
	return 0;
}
