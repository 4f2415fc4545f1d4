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
plan 6

# The example's topology, its gateway a plain namespace.
sed -e '/^  bng:$/,/^links:/c\  bng: {}\nlinks:' -e 's/kind: afxdp, kernel: none, unbound: drop, //' "$TOP/examples/dpdk/bng.yaml" \
	>"$WORK/bng.yaml"
SUBSCRIBER=$(sed -n "/^      ip link add link eth0 name s100/,/'\$/p" "$TOP/examples/dpdk/README.md" | tr -d "'")
NEIGHBOUR=$(sed -n "s/.*sh -c '\(ip addr add 10\.100\.0\.2[^;]*\);.*/\1/p" "$TOP/examples/dpdk/README.md")

# heads: Ethernet, tags, and the address that each captured packet comes from
heads() {
	awk '/^\t0x/ { for (i = 2; i <= NF; i++) printf "%s", $i; next } NR > 1 { print "" } END { print "" }' "$WORK/dump" |
		sed -nE 's/^(.{44}).{24}(.{8}).*/\1 \2/p' | sort -u
}
# capture N: of the IPv4 packets that arrive at the gateway
capture() {
	: >"$WORK/said"
	nsenter --net=/run/netns/bng.bng tcpdump -l -Z root -c "$1" -Q in -nn -xx -i access 'ether[20:2] == 0x0800' >"$WORK/dump" 2>"$WORK/said" &
	CAPTURE=$!
	busywait 20000 grep -q 'listening on' "$WORK/said" >/dev/null
}
# ping's packets only: nobody answers them
captured() {
	busywait 20000 gone_or_zombie $CAPTURE >/dev/null || kill $CAPTURE
	wait $CAPTURE 2>/dev/null
}

start_agent || exit 1
check "bng.yaml applies, with a namespace for the gateway" vnet topology apply "$WORK/bng.yaml"
is "the manual has four lines for the subscriber" "$(wc -l <<<"$SUBSCRIBER")" 4
check "they work" vnet node exec customer -- sh -ec "$SUBSCRIBER"
inn bng.customer ip neigh add 10.100.255.254 lladdr 02:00:00:00:01:02 dev c1
capture 3
inn bng.customer ping -c 5 -W 1 198.51.100.7 >/dev/null
captured
is "its packets come in S-tag 100 and C-tag 1" "$(heads)" "02000000010202000000010188a80064810000010800 0a640001"
check "the line for a neighbour's address works" vnet node exec customer -- sh -ec "$NEIGHBOUR"
capture 3
inn bng.customer ping -c 5 -W 1 -I 10.100.0.2 198.51.100.7 >/dev/null
captured
is "and its packets come under that one" "$(heads)" "02000000010202000000010188a80064810000010800 0a640002"
vnet topology delete bng >/dev/null
