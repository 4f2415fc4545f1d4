/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Every map of the data path: its BTF definition. User space reaches them by maps/maps.h.
 * All are pinned by the loader under the agent's directory and outlive daemon and engine. The per-port arrays get
 * their size (the daemon's --max-ports) before they are created.
 */
#ifndef VNET_MAPS_MAPS_BPF_H
#define VNET_MAPS_MAPS_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include <abi/abi_afxdp.h>
#include <abi/abi_disc.h>
#include <abi/abi_engine.h>
#include <abi/abi_port.h>

/* What a port may send and where it goes. Writer: daemon; readers: vn_tc_port, vn_tc_deliver. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, VN_PORTS_DEFAULT);
	__type(key, __u32);
	__type(value, struct vn_port_cfg);
} vn_port SEC(".maps");

/* Traffic of a port. Writers: vn_tc_port, vn_tc_deliver, each on its CPU; reader: daemon. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, VN_PORTS_DEFAULT);
	__type(key, __u32);
	__type(value, struct vn_port_ctr);
} vn_port_ctr SEC(".maps");

/*
 * The sockets of AF_XDP ports: each port's own XSKMAP, which its application may be handed, by port number. Writer:
 * daemon; readers: the programs that deliver, to know whether anybody is bound.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, VN_PORTS_DEFAULT);
	__type(key, __u32);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_XSKMAP);
			__uint(max_entries, VN_AFXDP_QUEUES);
			__type(key, __u32);
			__type(value, __u32);
		});
} vn_app_xsk SEC(".maps");

/* Fates of frames at AF_XDP ports. Writers: the programs that deliver, each on its CPU; reader: daemon. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, VN_PORTS_DEFAULT);
	__type(key, __u32);
	__type(value, struct vn_afxdp_ctr);
} vn_app_ctr SEC(".maps");

/*
 * Frames that a bound socket had no room for, by the id of the port's XSKMAP. Elements: daemon, one for each AF_XDP
 * port; counted by vn_app_lost_tp (atomic).
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, VN_PORTS_DEFAULT);
	__type(key, __u32);
	__type(value, __u64);
} vn_app_lost SEC(".maps");

/* What vn_xdp_engine does on this CPU. Writer: vn_xdp_engine; readers: the programs of bpf/lost.bpf.c. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vn_engine_port_note);
} vn_engine_port_note SEC(".maps");

/* Drops of a port by reason. Writers: all programs (atomic); reader, and zeroed with the port: daemon. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, VN_PORTS_DEFAULT);
	__type(key, __u32);
	__type(value, struct vn_port_drop);
} vn_port_drop SEC(".maps");

/* Numbers of ports that had VN_PORT_WATCH_GSO, at a large GSO frame. Writer: vn_tc_port; reader: daemon. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} vn_port_gso SEC(".maps");

/* Disciplines by slot. Writer: daemon; reader: engine (by mmap), programs of ports that police. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, VN_PORTS_DEFAULT);
	__type(key, __u32);
	__type(value, struct vn_disc_slot);
} vn_disc SEC(".maps");

/* Token buckets by slot. Writer: vn_tc_port on all CPUs (compare-and-swap); reader: daemon. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, VN_PORTS_DEFAULT);
	__type(key, __u32);
	__type(value, struct vn_police);
} vn_police SEC(".maps");

/* State and statistics by slot. Writer: the engine of the slot's engine port (by mmap); reader: daemon. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, VN_PORTS_DEFAULT);
	__type(key, __u32);
	__type(value, struct vn_dir);
} vn_dir SEC(".maps");

/* Status and heartbeat by engine port. Writer: that engine port's engine; readers: vn_tc_port, daemon. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, VN_ENGINES_MAX);
	__type(key, __u32);
	__type(value, struct vn_engine);
} vn_engine SEC(".maps");

/* The engines' sockets by engine port. Writer: daemon; reader: vn_xdp_engine. An entry goes with its socket. */
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, VN_ENGINES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} vn_xsk SEC(".maps");

#endif
