#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The bulk holder within the whole: large traffic moves to it by itself, nothing is lost or overtaken on the way there and
# back, checksums stay right, and every figure agrees with every other.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq iperf3

cat >"$WORK/bulk.yaml" <<YAML
name: bk
nodes: {a: {}, b: {}}
links:
  l: {endpoints: [a:e0, b:e0], delay: 2ms}
YAML

# Of the direction from a to b.
dir_of_l() {
	vnet -j link show l | jq -r ".links[0].directions[0].$1"
}

held_by() {
	[ "$(dir_of_l holder)" = "$1" ]
}

# holder NAME: while frames come. An emulated machine has no traffic for which one would be chosen, so there it is asked for.
SLOW=$((${VN_SLOW:-1} > 1))
holder() {
	if [ $SLOW = 1 ]; then
		vnet link set l holder "$1" >/dev/null
	else
		vnet engine move l "$([ "$1" = bulk ] && echo 15 || echo 0)" >/dev/null
	fi
	busywait 1000 held_by "$1" >/dev/null
}

start_agent || exit 1
check "the topology applies" vnet topology apply "$WORK/bulk.yaml"
ip4=$(vnet -j link show l | jq -r '.links[0].endpoints[1].addresses[0]' | cut -d/ -f1)
is "an idle link is held in bulk" "$(dir_of_l holder)" bulk

testcase moves
iperf_server bk.b
inn bk.a iperf3 -c "$ip4" -t 25 -C "$CONGESTION" -J >"$WORK/tcp" &
PID=$!
if [ $SLOW = 1 ]; then
	ktap_skip "under load the bulk holder takes it" "emulated in software: too slow for that load"
else
	check "under load the bulk holder takes it" busywait 15000 held_by bulk
fi
down=$(engine_down_drops)
full=$(ring_full_drops)
# A prober at the same time: UDP of its own, through every move.
"$PERF/vnprobe" -t /run/netns/bk.a -r /run/netns/bk.b -a "$ip4" -p 9100 -n 8000 -R 2000 >"$WORK/probe" &
PROBE=$!
for _ in 1 2 3; do
	holder precise
	holder bulk
done
check "moved to the precise holder and back, three times" held_by bulk
wait $PROBE
wait $PID
cmp_num "TCP came through" "$(jq '.end.sum_received.bytes // 0' "$WORK/tcp")" ">=" 50000000
# TCP as fast as it can beside them may fill the ring in front of an engine: that is counted, and no fault of a move.
cmp_num "probes lost in the moves" "$(unexcused "$(jq .lost "$WORK/probe")" "$((down - ($(ring_full_drops) - full)))")" "<=" 0
for c in TcpInCsumErrors UdpInCsumErrors; do
	is "$c in b" "$(nstat_get bk.b $c | cut -d. -f1)" 0
done
all_out() {
	[ "$(vnet -j -s link show l | jq '[.links[0].directions[].stats.held_packets] | add')" = 0 ]
}
check "nothing stays held" busywait 3000 all_out
is "and every frame is accounted for" "$(vnet -j -s link show l | jq -c '[.links[0].directions[].stats
	| .in_packets + .duplicated - .out_packets - ([.drops[]] | add // 0)]')" '[0,0]'

testcase tap_full
# What the holder books, and what its tap has no room for.
vnet link replace l delay 5ms holder bulk >/dev/null
check "held in bulk by request" busywait 5000 held_by bulk
"$PERF/vnprobe" -t /run/netns/bk.a -r /run/netns/bk.b -a "$ip4" -p 9100 -n 5000 >"$WORK/probe"
cmp_num "the delay error of one frame in 64 is kept" \
	"$(vnet -j -s link show l | jq '.links[0].directions[0].stats.delay_error.count')" ">=" 70
nsenter --net=/run/netns/vnet-fabric ip link set bulk txqueuelen 2
"$TOOLS/fates" send -t /run/netns/bk.a -d e0 -r /run/netns/bk.b -D e0 -n 20000 -R 200000 >"$WORK/f"
told() {
	vnet -j engine show | jq -e '.engines[] | select(.engine == 15) | .rx_dropped > 100 and (.overload | index("ring-full"))'
}
cmp_num "a queue of two frames is too short" "$(jq .lost "$WORK/f")" ">" 100
check "what the tap drops is told" busywait 5000 told
