#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# No node can spoof, sniff or hijack another, whatever its root does: real frames, and a counter for each refusal.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq

FRAME=$TOOLS/frame
X=02:00:00:00:00:99 # nobody's MAC

# Three nodes in a row, so that there is somebody to spoof; c is not b's neighbour on link ab.
# Link ab undisciplined, bc held: every rule holds on both.
cat >"$WORK/iso.yaml" <<YAML
name: iso
nodes: {a: {}, b: {}, c: {}}
links:
  ab: {endpoints: [a:e0, b:e0]}
  bc: {endpoints: [b:e1, c:e0], delay: 2ms}
ports:
  c:e0: {isolation: ip}
  b:e1: {vlans: [100]}
YAML

# drops LINK DIR REASON
drops() {
	vnet -j -s link show "$1" | jq ".links[0].directions[] | select(.dir == \"$2\") | .stats.drops[\"$3\"]"
}

# arrives NODE DEV N CMD...: run CMD while capturing; GOT: how many of its marked frames came, up to N (0: wait it out).
# Not in a subshell: each call needs a mark and a ready file of its own.
MARK=100
GOT=
arrives() {
	local node=$1 dev=$2 expect=$3 ready=$WORK/ready.$MARK

	shift 3
	inn "iso.$node" "$FRAME" capture "$dev" --mark "$MARK" --expect "$expect" --wait $((700 * ${VN_SLOW:-1})) --ready "$ready" >"$WORK/cap" &
	local pid=$!
	busywait 2000 test -e "$ready" >/dev/null
	"$@" --mark "$MARK" "${SEND[@]}" >/dev/null
	wait $pid
	MARK=$((MARK + 1))
	GOT=$(jq .frames "$WORK/cap")
}

from() {
	inn "iso.$1" "$FRAME" send "${@:2}"
}

# refused NAME LINK DIR REASON TO-NODE TO-DEV FROM-NODE FROM-DEV ARGS... -- KIND...: counted by reason, and nothing arrives
refused() {
	local name=$1 link=$2 dir=$3 reason=$4 to=$5 todev=$6 node=$7 dev=$8 args=() before

	shift 8
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		args+=("$1")
		shift
	done
	shift
	SEND=("$@")
	before=$(drops "$link" "$dir" "$reason")
	arrives "$to" "$todev" 0 from "$node" "$dev" --count 5 "${args[@]}"
	is "$name: nothing arrives" "$GOT" 0
	counted "$name: counted as $reason" "$(($(drops "$link" "$dir" "$reason") - before))"
}

# counted NAME N: five refusals. A NIC without VLANs also shows a wire's partner what other nodes send to groups; that is
# refused and counted like the rest.
counted() {
	if [ -n "${VF_SHARED-}" ]; then cmp_num "$1" "$2" ">=" 5; else is "$1" "$2" 5; fi
}

passed() {
	local name=$1 to=$2 todev=$3 node=$4 dev=$5 args=()

	shift 5
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		args+=("$1")
		shift
	done
	shift
	SEND=("$@")
	# Again where the machine kept the engine off its CPU just then: a rule that is wrong is wrong three times.
	for _ in 1 2 3; do
		arrives "$to" "$todev" 5 from "$node" "$dev" --count 5 "${args[@]}"
		[ "$GOT" = 5 ] && break
	done
	is "$name: all arrive" "$GOT" 5
}

start_agent || exit 1
check "the topology applies" vnet topology apply "$WORK/iso.yaml"
C4=$(vnet -j link show bc | jq -r '.links[0].endpoints[1].addresses[0]' | cut -d/ -f1)
B4=$(vnet -j link show bc | jq -r '.links[0].endpoints[0].addresses[0]' | cut -d/ -f1)
C6=$(vnet -j link show bc | jq -r '.links[0].endpoints[1].addresses[1]' | cut -d/ -f1)
B6=$(vnet -j link show bc | jq -r '.links[0].endpoints[0].addresses[1]' | cut -d/ -f1)

testcase level_mac
passed "own MAC, unheld" b e0 a e0 -- raw
passed "own MAC, held" c e0 b e1 -- raw
refused "spoofed MAC, unheld" ab ab mac-spoof b e0 a e0 --src $X -- raw
refused "spoofed MAC, held" bc ab mac-spoof c e0 b e1 --src $X -- raw
refused "spoofed MAC, broadcast of ARP" ab ab mac-spoof b e0 a e0 --src $X -- arp 10.0.0.1 10.0.0.2
refused "ARP with another's MAC inside" ab ab arp-spoof b e0 a e0 -- arp 10.0.0.1 10.0.0.2 $X

testcase level_ip
passed "own address" b e1 c e0 -- udp4 "$C4" "$B4"
refused "another's IPv4 address" bc ba ip-spoof b e1 c e0 -- udp4 "$B4" "$B4"
refused "another's IPv6 address" bc ba ip-spoof b e1 c e0 -- udp6 "$B6" "$B6"
refused "ARP for another's address" bc ba arp-spoof b e1 c e0 -- arp "$B4" "$B4"

# Neighbour discovery carries no mark: what counts is the refusal's counter.
before=$(drops bc ba nd-spoof)
inn iso.c "$FRAME" send e0 --count 5 na "$B6" >/dev/null
is "ND advertisement for another's address: counted" "$(($(drops bc ba nd-spoof) - before))" 5
before=$(drops bc ba nd-spoof)
inn iso.c "$FRAME" send e0 --count 5 ra >/dev/null
is "router advertisement: counted" "$(($(drops bc ba nd-spoof) - before))" 5
passed "own IPv6 address" b e1 c e0 -- udp6 "$C6" "$B6"

testcase vlans
passed "allowed VLAN" c e0 b e1 --vlan 100 -- raw
refused "another VLAN" bc ab vlan c e0 b e1 --vlan 200 -- raw
refused "another VLAN around the allowed one" bc ab vlan c e0 b e1 --vlan 200,100 -- raw

testcase flood
# A broadcast flood reaches the peer and nobody else.
SEND=(raw)
inn iso.c "$FRAME" capture e0 --mark 77 --wait $((1500 * ${VN_SLOW:-1})) --ready "$WORK/r1" >"$WORK/at-c" &
P1=$!
inn iso.b "$FRAME" capture e0 --mark 77 --expect 500 --wait $((1500 * ${VN_SLOW:-1})) --ready "$WORK/r2" >"$WORK/at-b" &
P2=$!
busywait 2000 test -e "$WORK/r1" -a -e "$WORK/r2" >/dev/null
inn iso.a "$FRAME" send e0 --count 500 --mark 77 raw >/dev/null
wait $P1 $P2
is "broadcast flood: the peer gets all of it" "$(jq .frames "$WORK/at-b")" 500
is "broadcast flood: the next node gets none" "$(jq .frames "$WORK/at-c")" 0
