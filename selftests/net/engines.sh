#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Several engines: links spread over them, moved from one to another under load without a packet lost or overtaken, each
# engine's death its own affair, and a daemon that comes back with more or fewer of them.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq ping iperf3 taskset
[ "${VN_SLOW:-1}" -eq 1 ] || [ "$(nproc)" -ge 2 ] || skip_all "two engines share an emulated processor: CPUS=2"

cat >"$WORK/e.yaml" <<YAML
name: e
nodes: {a: {}, b: {}}
links:
  one: {endpoints: [a:e0, b:e0], delay: 5ms, holder: precise}
  two: {endpoints: [a:e1, b:e1], delay: 5ms, holder: precise}
  full: {endpoints: [a:e2, b:e2], delay: 5ms, rate: 20mbit, limit: 60, loss: 5%}
  plain: {endpoints: [a:e3, b:e3]}
YAML

# addr LINK SIDE: the address of the link's end
addr() {
	vnet -j link show "$1" | jq -r ".links[0].endpoints[$2].addresses[0]" | cut -d/ -f1
}

# probe ADDRESS PORT ARGS...: from a to b; prints vnprobe's JSON. Asks no daemon: there may be none meanwhile.
probe() {
	local to=$1 port=$2

	shift 2
	"$PERF/vnprobe" "${PIN[@]}" -t /run/netns/e.a -r /run/netns/e.b -a "$to" -p "$port" "$@"
}

# Before Linux 6.5 frames that a processor has put off are overtaken by what their sender, or an engine, sends when it has
# gone to another processor, moves or not: so nobody goes there.
PIN=() STAY=()
if [ "$(nproc)" -ge 2 ] && ! kernel_since 6.5; then
	PIN=(-T 0) STAY=(--engine-cpus 0-1)
fi

# What an emulated machine (VN_SLOW) gets through: a tenth of the packets a second, for as long.
LESS=$((${VN_SLOW:-1} > 1 ? 10 : 1))
PPS=$((10000 / LESS))

# sane FILE N: N probes were really sent
sane() {
	[ "$(jq .sent "$1")" = "$2" ]
}

engine() {
	vnet -j engine show | jq -r ".engines[] | select(.engine == $1) | $2"
}

engine_of() {
	vnet -j link show "$1" | jq -r ".links[0].directions[] | select(.dir == \"$2\") | .engine"
}

stat() {
	vnet -j -s link show "$1" | jq ".links[0].directions[] | select(.dir == \"$2\") | .stats | $3"
}

engines_up() {
	[ "$(vnet -j engine show | jq '[.engines[] | select(.up)] | length')" = "$1" ]
}

settled() {
	[ "$(stat "$1" ab .held_packets)" = 0 ]
}

# move_while PID LINK...: each in turn to the other of engines 0 and 1 until PID ends; how many moves is in MOVES.
MOVES=0
move_while() {
	local pid=$1 link to

	shift
	MOVES=0
	while kill -0 "$pid" 2>/dev/null; do
		for link; do
			to=$((1 - $(engine_of "$link" ab)))
			vnet engine move "$link" dir ab $to || return 1
			MOVES=$((MOVES + 1))
		done
	done
}

CPUS=$(taskset -pc $$ | sed 's/.*: //')
FIRST=${CPUS%%[,-]*}
LAST=${CPUS##*[,-]}

snapshot >"$WORK/before"
start_agent --engines 2 "${STAY[@]}" || exit 1
check "the topology applies" vnet topology apply "$WORK/e.yaml"
ONE=$(addr one 1)
TWO=$(addr two 1)
check "both engines are up" busywait 5000 engines_up 2

testcase spread
cmp_num "they are two processes" "$(engine 0 .pid)" "!=" "$(engine 1 .pid)"
is "directions are spread evenly" "$(engine 0 .directions)" "$(engine 1 .directions)"
check "doctor shows each" sh -c "'$AGENT' doctor | grep -c '^[a-z]* *engine [01] ' | grep -qx 2"

testcase refused
# What is refused.
expect_exit "an engine that is not there" 1 "no engine 7" vnet engine move one 7
expect_exit "no number" 1 "'x' is not a number" vnet engine move one x
expect_exit "no direction" 1 "'bb' is not a direction" vnet engine move one dir bb 1
expect_exit "no link" 1 "onee" vnet engine move onee 1
expect_exit "too many engines" 1 "from 1 to" vnet daemon --engines 99
expect_exit "no list of processors" 1 "is not a list of processors" vnet daemon --engine-cpus 3-1
expect_exit "engines that spin on any processor" 1 "of its own for each" vnet daemon --engine-spin
expect_exit "two engines that spin on one" 1 "of its own for each" vnet daemon --engine-spin --engines 2 --engine-cpus 1

testcase still_held
# Frames of the last move come first.
vnet link set two dir ab delay 2s >/dev/null
inn e.a ping -q -c 3 -i 0.01 -W 1 "$TWO" >/dev/null 2>&1
vnet engine move two dir ab 1
expect_exit "a second move while the first engine still holds frames" 5 "still holds frames of it" vnet engine move two dir ab 0
check "is made when they have left" busywait 5000 vnet engine move two dir ab 0
vnet link set two dir ab delay 5ms >/dev/null

testcase directions
# A move is where it says.
vnet engine move one dir both 1
vnet engine move one dir ba 0
is "the two directions may differ" "$(engine_of one ab) $(engine_of one ba)" "1 0"
check "and both work" inn e.a ping -c 3 -i 0.05 -W 2 -q "$(addr one 1)"

testcase moves
# Under load: no packet lost, none overtaken, the delay as before.
# Port 9200 and 9201: two streams at a time need their own.
probe "$ONE" 9200 -n $((3 * PPS)) -R $PPS >"$WORK/base"
drops=$(engine_down_drops)
probe "$ONE" 9200 -n $((15 * PPS)) -R $PPS >"$WORK/p" &
P=$!
probe "$TWO" 9201 -n $((15 * PPS)) -R $PPS >"$WORK/q" &
Q=$!
move_while $P one two
wait $P $Q
diag "engines replaced meanwhile, as the machine stood still: $(grep -c 'no heartbeat' "$AGENT_LOG")"
cmp_num "links moved under load" "$MOVES" ">=" 6
for i in p q; do
	is "stream $i: none lost" "$(unexcused "$(jq .lost "$WORK/$i")" "$drops")" 0
	is "stream $i: none overtaken, none twice" "$(jq -c '[.reordered, .duplicates]' "$WORK/$i")" "[0,0]"
done
timed "and the median delay is as without moves (ratio)" \
	"$(jq -s '.[0].delay_ns.p50 / .[1].delay_ns.p50' "$WORK/p" "$WORK/base")" "<" 1.02
is "nothing was refused for want of memory" "$(stat one ab '.drops.memory')" 0

testcase queue
# A queue moves with its discipline: the rate, the limit and the loss go on.
"$PERF/vnblast" -t /run/netns/e.a -r /run/netns/e.b -a "$(addr full 1)" -R 4000 -s 1000 -b 1 -d $((3 * LESS)) >"$WORK/blast" &
P=$!
move_while $P full
wait $P
check "the queue drains" busywait 5000 settled full
is "in = out + drops, across $MOVES moves" \
	"$(stat full ab '.in_packets - .out_packets - ([.drops[]] | add)')" 0
cmp_num "the limit was reached" "$(stat full ab .drops.limit)" ">" 100
cmp_num "and packets were lost on the way" "$(stat full ab .drops.loss)" ">" 100

testcase death
# The death of one is not the others'.
vnet engine move one 0
vnet engine move two 1
drops=$(engine_down_drops)
probe "$ONE" 9200 -n $((2 * PPS)) -R $PPS >"$WORK/p" &
P=$!
old=$(engine 1 .pid)
kill -KILL "$old"
wait $P
is "links of the other engine lose nothing" "$(unexcused "$(jq .lost "$WORK/p")" "$drops")" 0
replaced() {
	[ "$(engine 1 .up)" = true ] && [ "$(engine 1 .pid)" != "$old" ]
}
check "the dead one is replaced" busywait 5000 replaced
check "its links work again" busywait 5000 inn e.a ping -c 1 -W 1 -q "$(addr two 1)"

testcase hung
# An engine that dies in the middle of a move: nothing waits for ever.
vnet engine move two 1
old=$(engine 1 .pid)
kill -STOP "$old"
vnet engine move two 0
check "a link that was to leave a hung engine works again" busywait 5000 inn e.a ping -c 1 -W 1 -q "$(addr two 1)"
is "at the new one" "$(engine_of two ab)" 0
kill -CONT "$old" 2>/dev/null
check "and the hung one is replaced" busywait 5000 replaced

testcase fewer
# Another number of engines at the next start, with traffic going on.
vnet engine move one 1
drops=$(engine_down_drops)
probe "$ONE" 9200 -n $((4 * PPS)) -R $PPS >"$WORK/p" &
P=$!
kill_agent
start_agent --engines 1 || exit 1
alone() {
	[ "$(vnet -j engine show | jq -c '[.engines[].engine]')" = "[0]" ]
}
check "one engine now: the other gives up its links and ends" busywait 10000 alone
wait $P
check "the stream was there" sane "$WORK/p" $((4 * PPS))
is "no packet is lost by that" "$(unexcused "$(jq .lost "$WORK/p")" "$drops")" 0

testcase changes
# Link set under full load: nothing lost, exact from the next packet on.
# A machine that has no CPU left loses packets in sockets and rings as well; losses by the changes would be there each time.
US=5000
FULL=$((50000 / LESS))
changes_lose_none() {
	local before=$US

	drops=$(engine_down_drops)
	probe "$ONE" 9200 -n $((4 * FULL)) -R $FULL >"$WORK/p" &
	P=$!
	while kill -0 $P 2>/dev/null; do
		US=$((US + 1))
		vnet link set one dir ab delay ${US}us >/dev/null
	done
	wait $P
	sane "$WORK/p" $((4 * FULL)) || return 1
	diag "$((US - before)) changes, lost: $(jq .lost "$WORK/p")"
	[ "$(unexcused "$(jq .lost "$WORK/p")" "$drops")" = 0 ]
}
lost=yes
for _ in 1 2 3 4 5; do
	changes_lose_none && lost=no && break
done
if [ $lost = yes ] && probe "$ONE" 9200 -n $((4 * FULL)) -R $FULL >"$WORK/p" && [ "$(jq .lost "$WORK/p")" -gt 0 ]; then
	ktap_skip "changes of the delay at $FULL packets a second" "this machine loses packets without them, too"
else
	is "changes of the delay at $FULL packets a second: any lost" "$lost" no
fi
busywait 2000 settled one >/dev/null
# Whatever the machine could not keep up with has its counter; a change that lost a frame would leave a gap.
is "every frame that went in came out or is counted as a drop" \
	"$(stat one ab '.in_packets - .out_packets - .held_packets - ([.drops[]] | add)')" 0
is "the engine refused none" "$(stat one ab '.drops | .memory + .limit')" 0
US=$((US + 5000))
vnet link set one dir ab delay ${US}us >/dev/null
probe "$ONE" 9200 -n 200 -R 1000 >"$WORK/p"
cmp_num "the first packets after a change obey it (ns)" "$(jq .delay_ns.min "$WORK/p")" ">=" $((US * 1000))

testcase bulk
# Large traffic goes to the bulk holder by itself, and back; moves between the two kinds lose nothing either.
vnet link replace two delay 1ms holder precise
vnet link set two holder auto
iperf_server e.b
SERVER=$BG_PID
inn e.a iperf3 -c "$TWO" -t 8 -C "$CONGESTION" >/dev/null &
P=$!
holder() {
	vnet -j link show two | jq -e ".links[0].directions[0].holder == \"$1\""
}
if busywait 8000 holder bulk >/dev/null; then
	ktap_ok "large traffic goes to the bulk holder"
	wait $P
	drops=$(engine_down_drops)
	vnet link set one holder auto >/dev/null
	probe "$ONE" 9200 -n $((4 * PPS)) -R $PPS >"$WORK/p" &
	P=$!
	MOVES=0
	while kill -0 $P 2>/dev/null; do
		vnet engine move one dir ab $((MOVES % 2 ? 0 : 15)) || break
		MOVES=$((MOVES + 1))
	done
	wait $P
	is "$MOVES moves between the holders lose none" "$(unexcused "$(jq .lost "$WORK/p")" "$drops")" 0
	is "and turn none round" "$(jq -c '[.reordered, .duplicates]' "$WORK/p")" "[0,0]"
	bg nsenter --net=/run/netns/e.a -- ping -q -i 0.05 -c 300 "$TWO" >/dev/null
	check "with small traffic it goes to a precise one" busywait 15000 holder precise
	kill "$BG_PID"
else
	wait $P
	ktap_skip "large traffic goes to the bulk holder" "this machine moves too little, or has no tap"
fi

# It would keep its namespace alive.
kill "$SERVER"
wait "$SERVER" 2>/dev/null

testcase pinned
# Pinned, and an engine that falls behind gives work away.
vnet topology delete e >/dev/null
restart_agent --engines 2 --engine-cpus "$LAST,$FIRST"
check "both pinned engines are up" busywait 5000 engines_up 2
pinned_to() {
	taskset -pc "$(engine "$1" .pid)" | sed 's/.*: //'
}
is "each has the processor that the list gives it" "$(pinned_to 0) $(pinned_to 1)" "$LAST $FIRST"
vnet topology apply "$WORK/e.yaml" >/dev/null
ONE=$(addr one 1)
TWO=$(addr two 1)
vnet engine move one dir ab 0
vnet engine move two dir ab 0
# Not by probe(): kill would end its shell alone.
"$PERF/vnprobe" -t /run/netns/e.a -r /run/netns/e.b -a "$ONE" -p 9200 -n $((16 * PPS)) -R $PPS >"$WORK/p" &
P=$!
"$PERF/vnprobe" -t /run/netns/e.a -r /run/netns/e.b -a "$TWO" -p 9201 -n $((16 * PPS)) -R $PPS >"$WORK/q" &
Q=$!
# Kept off its processor a fifth of the time, it is late for as long as it has this much to do.
E=$(engine 0 .pid)
moved=no
while kill -0 $P 2>/dev/null; do
	kill -STOP "$E" 2>/dev/null
	pause 0.02
	kill -CONT "$E" 2>/dev/null
	pause 0.08
	[ "$(engine_of one ab) $(engine_of two ab)" = "0 0" ] || moved=yes
	[ $moved = no ] || break
done
kill $P $Q 2>/dev/null
wait $P $Q 2>/dev/null
if [ $LESS -gt 1 ] && [ $moved = no ]; then
	ktap_skip "an engine that falls behind gives a direction away" "emulated in software: the other is as late"
else
	check "an engine that falls behind gives a direction away: $moved" [ $moved = yes ]
fi
check "the pinned engines' topology goes" vnet topology delete e

testcase spins
# One that spins has nothing left to sleep for, until frames are gone.
vnet topology delete e >/dev/null 2>&1
restart_agent --engine-cpus "$LAST" --engine-spin
check "the engine that spins is up" busywait 5000 engines_up 1
vnet topology apply "$WORK/e.yaml" >/dev/null
ONE=$(addr one 1)
# cpu_share CMD...: percent of a processor that engine 0 had while CMD ran
cpu_share() {
	local pid c0 t0

	pid=$(engine 0 .pid)
	c0=$(cut -d' ' -f1 "/proc/$pid/schedstat") t0=$(date +%s%N)
	"$@" >/dev/null
	echo $((($(cut -d' ' -f1 "/proc/$pid/schedstat") - c0) * 100 / ($(date +%s%N) - t0)))
}
# What the apply itself sends has passed when it sleeps for the first time.
idle() {
	[ "$(cpu_share pause 0.2)" -lt 20 ]
}
busywait 5000 idle >/dev/null
is "without frames it sleeps" "$(($(cpu_share pause 1) < 20))" 1
busy=$(cpu_share ip netns exec e.a ping -q -c 100 -i 0.005 "$ONE")
timed "with frames every few ms it does not (percent of its processor)" "$busy" ">" 40
is "and loses none" "$(vnet -j -s link show one | jq '[.links[0].directions[].stats | .in_packets - .out_packets - .drops["engine-down"]] | add')" 0
check "and its topology goes" vnet topology delete e

testcase leftovers
vnet topology delete e >/dev/null 2>&1
stop_agent
leak_check "nothing is left behind" "$WORK/before"
