#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Which kind of engine holds a link with `holder auto`: the fast one from the first frame, a precise one while traffic is
# small, the fast one again as soon as a sender has much to send; and none of it costs a frame. VNET_LONG=1: 1000 moves.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq ping iperf3
[ "${VN_SLOW:-1}" -eq 1 ] || skip_all "emulated in software: no traffic there is large"
MOVES=40
[ -z "${VNET_LONG-}" ] || MOVES=1000

cat >"$WORK/h.yaml" <<YAML
name: h
nodes: {a: {}, b: {}}
links:
  fresh: {endpoints: [a:e0, b:e0], delay: 1ms}
  fresh2: {endpoints: [a:e4, b:e4], delay: 1ms}
  fresh3: {endpoints: [a:e5, b:e5], delay: 1ms}
  moved: {endpoints: [a:e1, b:e1], delay: 2ms}
  drawn: {endpoints: [a:e2, b:e2], delay: 1ms, loss: 1%}
  slow: {endpoints: [a:e3, b:e3], rate: 100mbit}
YAML

addr() {
	vnet -j link show "$1" | jq -r '.links[0].endpoints[1].addresses[0] | sub("/.*"; "")'
}
holders() {
	vnet -j link show "$1" | jq -r '[.links[0].directions[].holder] | join(",")'
}
held_by() {
	[ "$(holders "$1")" = "$2" ]
}
# fig LINK FIGURE: of both directions together
fig() {
	vnet -j -s link show "$1" | jq "[.links[0].directions[].stats | $2] | add"
}
# tcp LINK ARGS...: vntcp's JSON
tcp() {
	local to

	to=$(addr "$1")
	shift
	"$PERF/vntcp" -C "$CONGESTION" -t /run/netns/h.a -r /run/netns/h.b -a "$to" "$@"
}
# What neither came out nor was dropped; 0 once senders have ended and all has left.
nothing_left() {
	fig "$1" '.in_packets + .duplicated_packets - .out_packets - ([.drops[]] | add)'
	[ "$(fig "$1" '.in_packets + .duplicated_packets - .out_packets - ([.drops[]] | add)')" = 0 ]
}
left() {
	busywait 5000 nothing_left "$1"
}

start_agent || exit 1
check "the topology applies" vnet topology apply "$WORK/h.yaml"
for n in h.a h.b; do
	inn $n sysctl -qw net.ipv4.tcp_rmem="4096 131072 67108864" net.ipv4.tcp_wmem="4096 131072 67108864"
done

testcase begins
# Where a direction begins.
is "delay alone: the bulk engine has it before any frame" "$(holders fresh)" bulk,bulk
is "a rate, too" "$(holders slow)" bulk,bulk
is "what is drawn frame by frame: a precise one" "$(holders drawn)" precise,precise
check "a direction gets another discipline" vnet link set drawn loss 0
is "and is with the fast one when the command returns" "$(holders drawn)" bulk,bulk
check "it loses again" vnet link set drawn loss 1%
is "and is with a precise one when the command returns" "$(holders drawn)" precise,precise

testcase fresh_link
# A flow on a link that nobody has used: the second half of its first second against what it has later.
# In one of three tries, each on another link, as something else may take the processors.
for link in fresh2 fresh3 fresh; do
	tcp "$link" -w 0 -d 3 -S >"$WORK/flow"
	share=$(jq 'def med: sort | .[length / 2 | floor]; (.step_bps[5:10] | med) / (.step_bps[15:30] | med)' "$WORK/flow")
	diag "$link: share $share; 100 ms each, Mbit/s: $(jq -c '[.step_bps[] / 1e6 | round]' "$WORK/flow")"
	awk "BEGIN { exit !($share > 0.7) }" && break
done
is "the flow's congestion control" "$(jq -r .congestion "$WORK/flow")" "$CONGESTION"
cmp_time "a fresh link: within a second as fast as later (ratio)" "$share" ">" 0.7
is "it moved nowhere" "$(holders "$link")" bulk,bulk
is "every frame is accounted for" "$(left "$link")" 0
check "what it waited is shown" sh -c "'$AGENT' link show -d $link | grep 'waited for the engine: mean'"

testcase queue
# The queue that nobody asked for: what may wait is what the engine reads in some ms, whatever the windows.
vnet link reset fresh
tcp fresh -n 4 -w 1 -d 2 >"$WORK/flows"
diag "4 flows with windows of 64 MB: round trip $(jq .rtt_us "$WORK/flows") us, waiting $(vnet -j -s link show fresh |
	jq -c .links[0].directions[0].stats.wait), ring-full $(fig fresh '.drops["ring-full"]')"
# Without a bound it was as long as the windows made it, 20 ms and more here.
cmp_time "the mean wait is of the order of its bound (ms)" \
	"$(vnet -j -s link show fresh | jq '.links[0].directions[0].stats.wait.mean_ns / 1e6')" "<" 12
is "what found no room is counted" "$(left fresh)" 0

testcase small_traffic
# Small traffic goes to a precise engine, large back at once.
inn h.a ping -q -i 0.02 -c 350 -W 2 "$(addr moved)" >"$WORK/ping" &
PING=$!
began=$(now_ms)
check "small traffic: a precise engine takes it, both ways" busywait 15000 held_by moved precise,precise
diag "after $(($(now_ms) - began)) ms"
tcp moved -w 0 -d 2 >"$WORK/large" &
TCP=$!
began=$(now_ms)
check "large traffic: the bulk engine takes it, acknowledgements too" busywait 15000 held_by moved bulk,bulk
diag "after $(($(now_ms) - began)) ms, the start of the sender included"
wait $TCP
wait $PING
is "no ping was lost" "$(ping_lost "$WORK/ping")" 0

testcase moves
# Moves under load: in force when the command returns, nothing lost, overtaken or uncounted.
vnet link reset moved
ip=$(addr moved)
iperf_server h.b
down=$(engine_down_drops)
nsenter --net=/run/netns/h.a -- iperf3 -c "$ip" -b 200M -t 600 -C "$CONGESTION" >/dev/null 2>&1 &
IPERF=$!
probe_on() {
	while [ ! -e "$WORK/moved" ]; do
		"$PERF/vnprobe" -t /run/netns/h.a -r /run/netns/h.b -a "$ip" -p 9100 -n 2000 -R 4000 >>"$WORK/probe" || return 1
	done
}
probe_on &
PROBE=$!
late=0 n=0 until=$(($(now_ms) + (MOVES > 100 ? 600000 : 12000)))
while [ $n -lt $MOVES ] && [ "$(now_ms)" -lt $until ]; do
	to=$([ $((n % 2)) = 0 ] && echo precise || echo bulk)
	vnet link set moved holder "$to" >/dev/null
	held_by moved "$to,$to" || late=$((late + 1))
	n=$((n + 1))
done
touch "$WORK/moved"
check "probes went all the time" wait $PROBE
kill $IPERF
wait $IPERF 2>/dev/null
cmp_num "links moved under load" "$n" ">=" 4
cmp_num "commands that returned before their holder was in force" "$late" "<=" $((n / 50))
is "probes lost" "$(unexcused "$(jq -s 'map(.lost) | add' "$WORK/probe")" "$down")" 0
is "probes overtaken or twice" "$(jq -sc '[map(.reordered, .duplicates) | add]' "$WORK/probe")" "[0]"
is "what is not accounted for" "$(left moved)" 0
is "frames dropped but for an engine that stood still" "$(unexcused "$(fig moved '.drops | add')" "$down")" 0

testcase replaced
# `link replace` as fast as it goes while flows begin.
replace() {
	while [ ! -e "$WORK/enough" ]; do
		vnet link replace fresh delay 1ms >/dev/null || return 1
		vnet link replace fresh delay 1ms holder precise >/dev/null || return 1
	done
}
vnet link reset fresh
down=$(engine_down_drops)
replace &
REPLACE=$!
inn h.a ping -q -i 0.002 -c 800 -W 2 "$(addr fresh)" >"$WORK/ping"
touch "$WORK/enough"
check "it is replaced over and over" wait $REPLACE
is "pings lost meanwhile" "$(unexcused "$(ping_lost "$WORK/ping")" "$down")" 0
is "what is not accounted for, then" "$(left fresh)" 0

testcase engine_absent
# An engine that is not there at once.
bulk_pid() {
	vnet -j engine show | jq '.engines[] | select(.engine == 15) | .pid'
}
old=$(bulk_pid)
kill -KILL "$old"
check "asked for while the bulk engine comes back" vnet link replace drawn delay 1ms
check "it has the direction in the end" busywait 10000 held_by drawn bulk,bulk
check "the topology goes" vnet topology delete h
