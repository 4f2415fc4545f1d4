# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the bench compares with: the least the kernel can do for the same traffic, or the same topology.

# bl_veth A B: two namespaces and a bare veth pair; B is 10.250.0.2, fd00:250::2
bl_veth() {
	ip netns add "$1"
	ip netns add "$2"
	ip -n "$1" link add e0 type veth peer name e0 netns "$2"
	bl_addr "$1" 1
	bl_addr "$2" 2
}

# bl_bridge A B BR: two namespaces joined by a Linux bridge in a third
bl_bridge() {
	local ns

	ip netns add "$3"
	ip -n "$3" link add br0 up type bridge
	for ns in "$1" "$2"; do
		ip netns add "$ns"
		ip -n "$ns" link add e0 type veth peer name "p-$ns" netns "$3"
		ip -n "$3" link set "p-$ns" master br0 up
	done
	bl_addr "$1" 1
	bl_addr "$2" 2
}

bl_addr() {
	ip -n "$1" link set lo up
	ip -n "$1" link set e0 up
	ip -n "$1" addr add "10.250.0.$2/24" dev e0
	ip -n "$1" addr add "fd00:250::$2/64" dev e0 nodad
}

bl_del() {
	local ns

	for ns; do
		ip netns del "$ns"
	done
}

# bl_torus_links R C: the links of an R x C torus, "I J" per line, nodes numbered from 0
bl_torus_links() {
	awk -v r="$1" -v c="$2" 'BEGIN {
		for (i = 0; i < r; i++)
			for (j = 0; j < c; j++) {
				n = i * c + j
				if (c > 1) print n, i * c + (j + 1) % c
				if (r > 1) print n, ((i + 1) % r) * c + j
			}
	}'
}

# bl_batch R C: bare namespaces and one veth pair per link of the same torus, all by `ip -batch`; ms on stdout.
bl_batch() {
	local n=$(($1 * $2)) dir t0

	dir=$(mktemp -d)
	seq 0 $((n - 1)) | sed 's/^/netns add bl/' >"$dir/nodes"
	bl_torus_links "$1" "$2" |
		awk '{ printf "link add e%d netns bl%d type veth peer name f%d netns bl%d\n", NR, $1, NR, $2 }' >"$dir/links"
	t0=$(now_ms)
	ip -batch "$dir/nodes" && ip -batch "$dir/links"
	echo $(($(now_ms) - t0))
	rm -rf "$dir"
}

bl_batch_del() {
	local n=$(($1 * $2)) t0

	t0=$(now_ms)
	seq 0 $((n - 1)) | sed 's/^/netns del bl/' | ip -batch -
	echo $(($(now_ms) - t0))
}
