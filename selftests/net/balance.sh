#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Figures that add up: in = out + drops + held, for each direction and in each reading, whoever sends what, and wherever
# on its way a frame is lost: on the way to the engine, within it, and at the end that does not take it.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq

cat >"$WORK/bal.yaml" <<YAML
name: bal
nodes: {a: {}, b: {}, c: {}, d: {}}
links:
  plain: {endpoints: [a:e0, b:e0], carrier: ignore}
  held: {endpoints: [a:e1, b:e1], carrier: ignore, delay: 1ms, holder: precise}
  bulk: {endpoints: [a:e2, b:e2], carrier: ignore, delay: 1ms, holder: bulk}
  other: {endpoints: [c:e0, d:e0], delay: 1ms, holder: precise}
YAML
FRAME=$TOOLS/frame
FABRIC="nsenter --net=/run/netns/vnet-fabric --"

# addr LINK [N]: b's address, of IPv4 (0) or IPv6 (1)
addr() {
	vnet -j link show "$1" | jq -r ".links[0].endpoints[1].addresses[${2-0}] | sub(\"/.*\"; \"\")"
}

# fig LINK: the figures of direction ab
fig() {
	vnet -j -s link show "$1" | jq '.links[0].directions[0].stats'
}

# drops LINK REASON
drops() {
	fig "$1" | jq ".drops[\"$2\"]"
}

# What neither came out nor was dropped, of all directions of LINK, and what is held: both 0 when nothing moves.
left() {
	vnet -j -s link show "$1" | jq -c '[.links[0].directions[].stats
		| .in_packets + .duplicated_packets - .out_packets - ([.drops[]] | add), .held_packets, .engine_held_packets]'
}

nothing_left() {
	[ "$(left "$1")" = "[0,0,0,0,0,0]" ]
}

# settled NAME LINK: once all that was under way has arrived
settled() {
	if busywait 3000 nothing_left "$2" >/dev/null; then
		ktap_ok "$1: in = out + drops"
	else
		ktap_fail "$1: in = out + drops"
		diag "$(fig "$2" | jq -c 'del(.late_hist, .lateness, .delay_error)')"
	fi
}

# tcp LINK FLOWS [N]
tcp() {
	"$PERF/vntcp" -t /run/netns/bal.a -r /run/netns/bal.b -a "$(addr "$1" "${3-0}")" -n "$2" -d 0.7 -w 0.1 >/dev/null
}

# super LINK N SIZE BYTES [KIND]: N GSO frames of UDP, or of TCP (super-tcp), from a, BYTES of payload in segments of SIZE
super() {
	local dev

	case $1 in plain) dev=e0 ;; held) dev=e1 ;; *) dev=e2 ;; esac
	inn bal.a "$FRAME" send $dev --count "$2" --dst "$(vnet -j link show "$1" | jq -r '.links[0].endpoints[1].mac')" \
		"${5-super}" "$3" "$4" 10.99.0.1 "$(addr "$1")" >/dev/null
}

# received DEV: frames that b's end took
received() {
	inn bal.b cat "/sys/class/net/$1/statistics/rx_packets"
}

# narrow: the way to the engine has room for few frames
narrow() {
	$FABRIC tc qdisc replace dev tr0 root bfifo limit 4000
}

start_agent || exit 1
check "the topology applies" vnet topology apply "$WORK/bal.yaml"

testcase innocent
for link in plain held bulk; do
	check "$link: TCP" tcp $link 4
	settled "$link, TCP" $link
done

testcase big_tcp
# BIG TCP: GSO frames of over 64 KiB, in which the kernel puts a jumbo payload option that no segment may have.
for link in plain held bulk; do
	case $link in plain) dev=e0 ;; held) dev=e1 ;; *) dev=e2 ;; esac
	inn bal.a ip link set $dev gso_max_size 150000 2>"$WORK/big" || { ktap_skip "$link: BIG TCP" "$(cat "$WORK/big")" && continue; }
	vnet link reset $link
	check "$link: BIG TCP over IPv6" tcp $link 1 1
	settled "$link, BIG TCP" $link
	is "$link: none is too long" "$(($(drops $link too-long) + $(drops $link malformed) + $(drops $link undelivered)))" 0
	inn bal.a ip link set $dev gso_max_size 65536
done
is "all of it well-formed" "$(nstat_get bal.b Ip6InTruncatedPkts) $(nstat_get bal.b Ip6InHdrErrors)" "0 0"

testcase readings
# Each reading while it runs, on its way there and back, and what verify says meanwhile.
"$PERF/vnblast" -t /run/netns/bal.a -r /run/netns/bal.b -a "$(addr held)" -d 2 -w 0 -R $((50000 / ${VN_SLOW:-1})) >/dev/null &
pid=$!
flowing() {
	[ "$(fig held | jq .engine_held_packets)" -gt 0 ]
}
busywait 3000 flowing >/dev/null
for ((i = 0; i < 20; i++)); do fig held; done >"$WORK/readings"
is "under load, each of 20 readings adds up" "$(jq -s '[.[] | select(.in_packets + .duplicated_packets
	!= .out_packets + ([.drops[]] | add) + .held_packets)] | length' "$WORK/readings")" 0
is "and holds at least what the engine does" "$(jq -s '[.[] | select(.held_packets < .engine_held_packets - 200)] | length' \
	"$WORK/readings")" 0
balance() {
	vnet -j link verify "$1" dir ab --no-probe --time 100ms |
		jq -r '.links[0].directions[0].checks[] | select(.check == "balance") | .verdict'
}
is "verify under load: balance" "$(balance held)" pass
kill $pid 2>/dev/null
wait $pid 2>/dev/null
settled "a flood" held
is "verify when it is quiet: balance" "$(balance held)" pass

testcase gso_frames
# GSO frames: as many frames on every way, whoever drops them.
nodes_quiet
for link in plain held bulk; do
	case $link in plain) dev=e0 ;; held) dev=e1 ;; *) dev=e2 ;; esac
	in=$(fig $link | jq .in_packets)
	out=$(fig $link | jq .out_packets)
	super $link 5 1000 10000
	settled "$link, GSO frames" $link
	is "$link: of 5 GSO frames of 10, in" "$(($(fig $link | jq .in_packets) - in))" 50
	is "$link: of 5 GSO frames of 10, out" "$(($(fig $link | jq .out_packets) - out))" 50
	# hostile: 20 calls that would be a million frames
	in=$(fig $link | jq .in_packets)
	super $link 20 1 60000 super-tcp
	settled "$link, GSO frames of segments of one byte" $link
	# a receiver that is down
	inn bal.b ip link set $dev down
	out=$(fig $link | jq .out_packets)
	lost=$(drops $link undelivered)
	super $link 5 1000 10000
	settled "$link, the receiving end down" $link
	is "$link: handed to an end that is down is not received" "$(($(fig $link | jq .out_packets) - out))" 0
	is "$link: but counted, by its frames" "$(($(drops $link undelivered) - lost))" 50
	inn bal.b ip link set $dev up
	expect_exit "$link: verify tells" 1 "undelivered 5[0-9]" vnet link verify $link dir ab --no-probe
	check "$link: reset" vnet link reset $link
	check "$link: then it adds up anew, from 0" busywait 2000 nothing_left $link
done
is "a link beside it lost nothing" "$(vnet -j -s link show other | jq '[.links[].directions[].stats.drops[]] | add')" 0

testcase ring_full
# A ring that is full: of the direction that filled it.
narrow
probe() {
	"$PERF/vnprobe" -t /run/netns/bal.c -r /run/netns/bal.d -a "$(addr other)" -n 200 -R 1000 | jq .lost
}
probe >"$WORK/other" &
pid=$!
super held 1 1000 2000
super held 100 1000 60000
settled "held, its way too narrow" held
cmp_num "what found no room is ring-full" "$(drops held ring-full)" ">" 0
wait $pid
is "of the one that filled it alone" "$(drops other ring-full)" 0
is "the other lost nothing" "$(cat "$WORK/other")" 0
overloaded() {
	fig held | jq -e '.overload | index("ring-full")'
}
check "its overload says so" busywait 3000 overloaded
vnet link reset all

testcase uncounted
# What nobody counts is found.
narrow
rm /sys/fs/bpf/vnet/link_lost
super held 100 1000 60000
missing() {
	vnet link verify held dir ab --no-probe >"$WORK/verify" && return 1
	grep -E 'fail +balance .* missing +none missing' "$WORK/verify"
}
check "frames that vanish: verify fails by its balance" busywait 3000 missing
