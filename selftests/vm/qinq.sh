#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The subscriber of examples/dpdk/README.md, word by word: VLAN devices of the kernel, which the machine at hand may not
# have. What arrives at the gateway's end of the access line is what net/dpdk_examples sends there.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq ping tcpdump
modprobe 8021q 2>/dev/null
ip link add probe type veth peer name proben
ip link add link probe name probe.1 type vlan id 1 2>/dev/null || skip_all "this kernel has no VLAN devices"
ip link del probe

# The example's topology, its gateway a plain namespace.
sed -e '/^  bng:$/,/^links:/c\  bng: {}\nlinks:' -e 's/kind: afxdp, kernel: none, unbound: drop, //' "$TOP/examples/dpdk/bng.yaml" \
	>"$WORK/bng.yaml"
SUBSCRIBER=$(sed -n "/^      ip link add link eth0 name s100/,/'\$/p" "$TOP/examples/dpdk/README.md" | tr -d "'")
NEIGHBOUR=$(sed -n "s/.*sh -c '\(ip addr add 10\.100\.0\.2[^;]*\);.*/\1/p" "$TOP/examples/dpdk/README.md")

# heads: Ethernet and tags of the captured IPv4 packets, and the address that each comes from
heads() {
	awk '/^\t0x/ { for (i = 2; i <= NF; i++) printf "%s", $i; next } NR > 1 { print "" } END { print "" }' "$WORK/dump" |
		sed -nE 's/^(.{40}0800)45.{22}(.{8}).*/\1 \2/p' | sort -u
}
some_heads() {
	heads | grep .
}
# sent PING-ARGS...: the heads of what arrives at the gateway while ping asks somebody who does not answer. No filter: the
# kernel keeps the outer tag beside the frame, where a filter does not look.
sent() {
	: >"$WORK/said"
	nsenter --net=/run/netns/bng.bng tcpdump -U -l -Z root -Q in -nn -xx -i access >"$WORK/dump" 2>"$WORK/said" &
	busywait 20000 grep -q 'listening on' "$WORK/said" >/dev/null
	inn bng.customer ping -c 3 -W 1 "$@" >/dev/null
	busywait 5000 some_heads >/dev/null
	kill $!
	wait $! 2>/dev/null
	heads
}

start_agent || exit 1
check "bng.yaml applies, with a namespace for the gateway" vnet topology apply "$WORK/bng.yaml"
is "the manual has four lines for the subscriber" "$(wc -l <<<"$SUBSCRIBER")" 4
check "they work" vnet node exec customer -- sh -ec "$SUBSCRIBER"
inn bng.customer ip neigh add 10.100.255.254 lladdr 02:00:00:00:01:02 dev c1
is "its packets come in S-tag 100 and C-tag 1" "$(sent 198.51.100.7)" "02000000010202000000010188a80064810000010800 0a640001"
check "the line for a neighbour's address works" vnet node exec customer -- sh -ec "$NEIGHBOUR"
is "and its packets come under that one" "$(sent -I 10.100.0.2 198.51.100.7)" \
	"02000000010202000000010188a80064810000010800 0a640002"
vnet topology delete bng >/dev/null
