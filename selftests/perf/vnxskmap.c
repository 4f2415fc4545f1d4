/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The least XDP program that feeds AF_XDP sockets, as one would make it by hand: vnxskmap PIN DEV attaches it to DEV in
 * native mode, pins its XSKMAP as PIN for anyone (DPDK's use_pinned_map) and stays until it is ended. What our ports
 * are compared with.
 */
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <signal.h>
#include <stddef.h>
#include <sys/stat.h>

#include "perf.h"

#define INSN(c, d, s, o, i) ((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)})

/* return bpf_redirect_map(&map, ctx->rx_queue_index, XDP_PASS) */
static int load(int map)
{
	const struct bpf_insn prog[] = {
		INSN(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_1, offsetof(struct xdp_md, rx_queue_index), 0),
		INSN(BPF_LD | BPF_IMM | BPF_DW, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map),
		INSN(0, 0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, XDP_PASS),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect_map),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_XDP);

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "xskmap", "GPL", prog, sizeof(prog) / sizeof(*prog), &opts);
}

int main(int argc, char **argv)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_DRV_MODE);
	int map, prog, link, ifindex, sig;
	sigset_t set;

	if (argc != 3)
		die_usage("usage: vnxskmap PIN DEV");
	ifindex = (int)if_nametoindex(argv[2]);
	if (!ifindex)
		die("%s", argv[2]);
	map = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "xskmap", 4, 4, 1, NULL);
	if (map < 0)
		die("XSKMAP");
	prog = load(map);
	if (prog < 0)
		die("program");
	link = bpf_link_create(prog, ifindex, BPF_XDP, &opts);
	if (link < 0)
		die("attach to %s", argv[2]);
	if (bpf_obj_pin(map, argv[1]) < 0 || chmod(argv[1], 0666) < 0)
		die("%s", argv[1]);
	printf("ready\n");
	fflush(stdout);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigwait(&set, &sig);
	unlink(argv[1]);
	return 0;
}
