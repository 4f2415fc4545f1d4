#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Every packet is accounted for, a change takes effect on the next one and loses none, and a link without discipline does
# not pass the engine.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq ping

cat >"$WORK/disc.yaml" <<YAML
name: d
nodes: {a: {}, b: {}}
links:
  delayed: {endpoints: [a:e0, b:e0], delay: 10ms, reverse: {delay: 20ms}}
  short: {endpoints: [a:e1, b:e1], rate: 1mbit, limit: 10}
  live: {endpoints: [a:e2, b:e2], delay: 5ms}
  none: {endpoints: [a:e3, b:e3]}
YAML

# addr LINK SIDE: the address of the link's end
addr() {
	vnet -j link show "$1" | jq -r ".links[0].endpoints[$2].addresses[0]" | cut -d/ -f1
}

# probe LINK ab|ba ARGS...: the result is in $WORK/probe
probe() {
	local link=$1 dir=$2

	shift 2
	if [ "$dir" = ab ]; then
		"$PERF/vnprobe" -t /run/netns/d.a -r /run/netns/d.b -a "$(addr "$link" 1)" "$@" >"$WORK/probe"
	else
		"$PERF/vnprobe" -t /run/netns/d.b -r /run/netns/d.a -a "$(addr "$link" 0)" "$@" >"$WORK/probe"
	fi
}

got() {
	jq "$1" "$WORK/probe"
}

stat() {
	vnet -j -s link show "$1" | jq ".links[0].directions[] | select(.dir == \"$2\") | .stats | $3"
}

# Frames of link live that the engine took.
engine_rx() {
	vnet -j -s link show live | jq '[.links[].directions[].stats.lateness.count] | add'
}

disc() {
	vnet -j link show "$1" | jq ".links[0].directions[] | select(.dir == \"$2\") | .discipline | $3"
}

start_agent || exit 1
check "the topology applies" vnet topology apply "$WORK/disc.yaml"

testcase limit
# Limit: a bounded queue, and every packet accounted for.
before=$(stat short ab '.drops.limit')
"$PERF/vnblast" -t /run/netns/d.a -r /run/netns/d.b -a "$(addr short 1)" -R 2000 -s 1000 -b 1 -d 1 >/dev/null
cmp_num "beyond the rate and the limit, packets drop" "$(stat short ab '.drops.limit')" ">" "$((before + 100))"
drained() {
	[ "$(stat short ab .held_packets)" = 0 ]
}
check "the queue drains" busywait 5000 drained
is "in = out + drops" \
	"$(stat short ab '.in_packets - .out_packets - ([.drops[]] | add)')" 0
# A ping behind 10 packets of 1 Mbit/s waits for at most those: the bound on the queue is a bound on the wait.
"$PERF/vnblast" -t /run/netns/d.a -r /run/netns/d.b -a "$(addr short 1)" -R 2000 -s 1000 -b 1 -d 2 -w 0 >/dev/null &
BLAST=$!
probe short ab -n 200 -R 100 -p 9100
wait $BLAST
cmp_num "with the queue full, who gets in waits for 10 packets at most (ns)" "$(got .delay_ns.p90)" "<" 110000000

testcase changed
# Changed live: from the next packet on, one word at a time, and nothing is lost.
vnet link set live dir ab delay 40ms >/dev/null
probe live ab -n 1
cmp_num "the next packet obeys (ns)" "$(got .delay_ns.min)" ">=" 40000000
is "the other direction is as it was" "$(disc live ba .delay_ns)" 5000000
vnet link set live loss 1% >/dev/null
is "set merges: the delay stays" "$(disc live ab .delay_ns)" 40000000
is "set merges: the loss came" "$(disc live ba .loss_ppb)" 10000000
vnet link replace live rate 50mbit >/dev/null
is "replace sets the whole" "$(disc live ab '[.delay_ns, .loss_ppb, .rate_bps] | join(" ")')" '"0 0 50000000"'
vnet link replace live delay 2ms >/dev/null
vnet link set live delay 2ms >/dev/null
expect_exit "setting what is set says that nothing changed" 0 "" vnet link set live delay 2ms

down=$(engine_down_drops)
# Four seconds of it, more where a command takes longer: as many probes, which leave it some CPU.
probe live ab -n 12000 -R $((3000 / ${VN_SLOW:-1})) -W 2000 &
P=$!
for ((i = 0; i < 60 && $(jobs -r -p | wc -l) > 1; i++)); do
	# To and fro between held and not held as well.
	for d in 5ms 1ms 0 3ms 0 20ms; do
		vnet link set live delay $d >/dev/null || diag "link set delay $d failed"
	done
done
changes=$((i * 6))
wait $P
is "$changes live changes under traffic: packets lost" "$(unexcused "$(got .lost)" "$down")" 0
is "and none twice" "$(got .duplicates)" 0
cmp_num "enough changes to mean something" "$changes" ">=" 30

testcase not_held
# No discipline again: the frames no longer pass the engine.
vnet link replace live delay 0 >/dev/null
is "without a discipline the link is not held" \
	"$(vnet -j link show live | jq '[.links[0].directions[].held] | any')" false
in_before=$(engine_rx)
probe live ab -n 500 -R $((5000 / ${VN_SLOW:-1}))
is "all arrive" "$(got .lost)" 0
cmp_num "at once (ns)" "$(got .delay_ns.p50)" "<" 1000000
is "and not through the engine" "$(engine_rx)" "$in_before"

testcase figures
# What the agent says about itself.
probe delayed ab -n 2000 -R $((2000 / ${VN_SLOW:-1}))
probe delayed ba -n 500 -R $((2000 / ${VN_SLOW:-1})) -e 20000000
cmp_num "the way back has its own delay, never early (ns)" "$(got .error_ns.min)" ">=" 0
# Of all that came in: an engine that was off the CPU for too long got none, and that is counted.
cmp_num "lateness is recorded, release by release" "$(stat delayed ab '.lateness.count + (.drops["engine-down"] // 0)')" ">=" 2000
cmp_num "in order: p50 <= p99" "$(stat delayed ab '.lateness | if .p50_ns <= .p99_ns then 1 else 0 end')" "==" 1
is "the engine dropped nothing on the delayed link" \
	"$(stat delayed ab '.drops | .loss + .limit + .memory + .["link-gone"] + .tx')" 0

testcase in_flight
# Frames in flight when their link goes.
vnet link set delayed delay 500ms >/dev/null
inn d.a ping -nq -c 5 -i 0.01 -W 1 "$(addr delayed 1)" >/dev/null &
P=$!
in_flight() {
	[ "$(stat delayed ab .held_packets)" -gt 0 ]
}
busywait 5000 in_flight >/dev/null
check "the topology goes with frames in flight" vnet topology delete d
wait $P
check "and can come again" vnet topology apply "$WORK/disc.yaml"
