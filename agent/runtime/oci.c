// SPDX-License-Identifier: GPL-2.0-only
#include "runtime/oci.h"

#include <stdlib.h>
#include <string.h>

#include <base/util.h>

#include "runtime/cpus.h"
#include "runtime/hugetlb.h"
#include "runtime/image.h"
#include "runtime/oci_node.h"
#include "runtime/seccomp.h"
#include "model/container.h"

static json_t *capabilities(const json_t *caps)
{
	static const char *const sets[] = {"bounding", "effective", "inheritable", "permitted", "ambient"};
	json_t *o = json_object(), *list = json_array(), *w;
	size_t i;

	json_array_foreach (caps, i, w)
		json_array_append_new(list, json_sprintf("CAP_%s", json_string_value(w)));
	for (i = 0; i < VN_ARRAY_SIZE(sets); i++)
		json_object_set(o, sets[i], list);
	json_decref(list);
	return o;
}

static json_t *environment(const json_t *env)
{
	json_t *list = json_pack("[s]", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");

	json_array_extend(list, (json_t *)env);
	return list;
}

static json_t *process(const json_t *o)
{
	json_int_t uid = VN_CONTAINER_UID, gid = VN_CONTAINER_UID;

	if (json_object_get(o, "uid")) {
		uid = json_integer_value(json_object_get(o, "uid"));
		gid = json_integer_value(json_object_get(o, "gid"));
	}
	return json_pack("{s:b, s:{s:I, s:I}, s:O, s:o, s:s, s:o, s:b}", "terminal", 0, "user", "uid", uid, "gid", gid,
			 "args", json_object_get(o, "command"), "env", environment(json_object_get(o, "env")), "cwd",
			 "/", "capabilities", capabilities(json_object_get(o, "capabilities")), "noNewPrivileges", 1);
}

static void add_mount(json_t *list, const char *to, const char *type, const char *from, const char *options)
{
	json_t *words = json_array();

	for (const char *s = options; *s; s += strspn(s, ",")) {
		size_t len = strcspn(s, ",");

		json_array_append_new(words, json_stringn(s, len));
		s += len;
	}
	json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o}", "destination", to, "type", type, "source", from,
					      "options", words));
}

/* "/host:/guest[:rw]", of what image.c has mounted. */
static void add_user_mount(json_t *list, const struct vn_container_spec *s, size_t i, const char *text)
{
	const char *to = strchr(text, ':') + 1;
	size_t to_len = strcspn(to, ":");
	cleanup_free char *guest = strndup(to, to_len);
	char from[512];

	vn_image_source_path(s, i, from);
	if (guest)
		add_mount(list, guest, "bind", from, to[to_len] ? "rbind,rw,nosuid,nodev" : "rbind,ro,nosuid,nodev");
}

static json_t *mounts(const struct vn_container_spec *s, struct vn_err *err)
{
	json_t *list = json_array(), *w;
	char path[512];
	size_t i;

	add_mount(list, "/proc", "proc", "proc", "nosuid,noexec,nodev");
	add_mount(list, "/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k");
	add_mount(list, "/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620");
	add_mount(list, "/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777,size=65536k");
	add_mount(list, "/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro");
	add_mount(list, "/tmp", "tmpfs", "tmpfs", "nosuid,nodev,mode=1777,size=65536k");
	add_mount(list, "/run", "tmpfs", "tmpfs", "nosuid,nodev,mode=755,size=65536k");
	if (json_integer_value(json_object_get(s->o, "hugepages_bytes"))) {
		vn_image_hugepages_path(s, path);
		add_mount(list, "/dev/hugepages", "bind", path, "bind,nosuid,nodev");
	}
	if (s->ports_dir)
		add_mount(list, "/run/vnet", "bind", s->ports_dir, "rbind,ro,nosuid,nodev,noexec");
	json_array_foreach (json_object_get(s->o, "mounts"), i, w)
		add_user_mount(list, s, i, json_string_value(w));
	if (*s->cpus && vn_cpus_mask(s->cpus, s->dir, list, err) < 0) {
		json_decref(list);
		return NULL;
	}
	return list;
}

static json_t *resources(const struct vn_container_spec *s)
{
	json_int_t memory = json_integer_value(json_object_get(s->o, "memory_bytes"));
	const json_t *numa = json_object_get(s->o, "numa");
	json_t *r = json_pack("{s:[{s:b, s:s}]}", "devices", "allow", 0, "access", "rwm"), *cpu = json_object();

	if (*s->cpus)
		json_object_set_new(cpu, "cpus", json_string(s->cpus));
	if (numa)
		json_object_set_new(cpu, "mems", json_sprintf("%lld", (long long)json_integer_value(numa)));
	if (json_object_size(cpu))
		json_object_set(r, "cpu", cpu);
	json_decref(cpu);
	json_object_set_new(r, "pids", json_pack("{s:i}", "limit", VN_CONTAINER_PIDS));
	if (memory)
		json_object_set_new(r, "memory", json_pack("{s:I}", "limit", memory));
	return r;
}

static json_t *linux_part(const struct vn_container_spec *s, struct vn_err *err)
{
	json_t *seccomp = vn_seccomp_profile(json_object_get(s->o, "capabilities"), err), *o;

	if (!seccomp)
		return NULL;
	o = json_pack("{s:[{s:s}, {s:s}, {s:s}, {s:s}, {s:s, s:s}], s:s+, s:o, s:o, s:[s, s, s, s, s, s, s], "
		      "s:[s, s, s, s, s, s]}",
		      "namespaces", "type", "pid", "type", "ipc", "type", "uts", "type", "mount", "type", "network",
		      "path", s->netns, "cgroupsPath", "/" VN_CGROUP "/", s->id, "resources", resources(s), "seccomp",
		      seccomp, "maskedPaths", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
		      "/proc/timer_list", "/proc/sched_debug", "/sys/firmware", "readonlyPaths", "/proc/bus",
		      "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", "/proc/asound");
	if (s->users && vn_oci_join_users(o, s->users) < 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

json_t *vn_oci_config(const struct vn_container_spec *s, struct vn_err *err)
{
	json_t *m = mounts(s, err), *l = m ? linux_part(s, err) : NULL;
	char root[512];

	if (!l) {
		json_decref(m);
		return NULL;
	}
	vn_image_rootfs_path(s, root);
	return json_pack("{s:s, s:o, s:{s:s, s:b}, s:s, s:o, s:o}", "ociVersion", "1.0.2", "process", process(s->o),
			 "root", "path", root, "readonly", !json_is_true(json_object_get(s->o, "writable")), "hostname",
			 s->hostname, "mounts", m, "linux", l);
}
