#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The same topology, seed and packet sequence give each packet the same fate: lists of fates compared frame by frame, one from a
# quiet run, the others with a daemon and an engine killed, the direction moved between engines, a topology made anew.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=selftests/lib/fates.sh
. "$TOP/selftests/lib/fates.sh"
# An emulated machine (VN_SLOW) would take its time for as many, and lose what comes as fast.
N=${VN_REPLAY_FRAMES:-$((${VN_SLOW:-1} > 1 ? 40000 : 1000000))}
PART=$((N / 4))
R=${VN_REPLAY_RATE:-$((${VN_SLOW:-1} > 1 ? 1000 : 80000))}

cat >"$WORK/c.yaml" <<YAML
name: c
seed: 7
nodes: {a: {}, b: {}}
links:
  ab: {endpoints: [a:e0, b:e0], delay: 5ms 2ms 20%, loss: gemodel 2% 30% 60% 0.5%, duplicate: 1% 30%, corrupt: 0.5% 10%,
       reorder: 5% 20% gap 2, seed: 42}
YAML

engines_up() {
	vnet -j engine show | jq -e '[.engines[] | select(.up)] | length == 2' >/dev/null
}

# quiet: the nodes' kernels send nothing of their own, which would be numbered, too
quiet() {
	for node in a b; do
		inn c.$node sysctl -qw net.ipv6.conf.all.disable_ipv6=1 || return 1
	done
}

# run FILE: the fates of N frames. A frame that the port dropped because the engine was off the CPU took no number, and what follows
# is another sequence: then it is told apart.
drops=0
run() {
	drops=$(vnet -j -s link show ab | jq '[.links[0].directions[0].stats.drops | .["engine-down"], .memory, .tx] | add')
	fates -n "$N" -R "$R" -o "$1"
	drops=$(($(vnet -j -s link show ab |
		jq '[.links[0].directions[0].stats.drops | .["engine-down"], .memory, .tx] | add') - drops))
}

# same NAME FILE: its fates are those of the first run
same() {
	local out

	out=$("$TOOLS/fates" compare "$WORK/first" "$2")
	if [ "$(jq .different <<<"$out")" = 0 ]; then
		ktap_ok "$1: $(jq -c '{frames, different}' <<<"$out")"
	elif [ "$drops" -gt 0 ]; then
		ktap_skip "$1" "this machine kept the engine off its CPU: $drops frames never reached the discipline"
	else
		# A frame may meet the engine that its direction has left when a processor stops for longer than that
		# takes (ARCHITECTURE.md).
		ktap_fail_time "$1"
		diag "$out"
	fi
}

again() {
	vnet link set ab seed 42 >/dev/null
}

start_agent --engines 2 || exit 1
check "the topology applies" vnet topology apply "$WORK/c.yaml"
check "both engines are up" busywait 5000 engines_up
check "the nodes are quiet" quiet
check "the seed begins the sequence" again
run "$WORK/first"
[ "$drops" = 0 ] || { again && run "$WORK/first"; }
is_time "the first run reached the discipline as a whole" "$drops" 0
cmp_num "frames were lost" "$(got .lost)" ">" $((N / 100))
cmp_num "duplicated" "$(got .duplicated)" ">" $((N / 200))
cmp_num "corrupted" "$(got .corrupted)" ">" $((N / 400))
cmp_num "reordered" "$(got .reordered)" ">" $((N / 100))

testcase daemon
# In the middle: another daemon, another engine while idle, moves there and back.
half() {
	[ "$(vnet -j -s link show ab | jq '.links[0].directions[0].stats.in_packets')" -gt $((in_before + N / $1)) ]
}
in_before=$(vnet -j -s link show ab | jq '.links[0].directions[0].stats.in_packets')
again
run "$WORK/second" &
P=$!
busywait 60000 half 8 >/dev/null
kill_agent
start_agent --engines 2
MOVES=0
while kill -0 $P 2>/dev/null; do
	vnet engine move ab dir ab $((1 - MOVES % 2)) && MOVES=$((MOVES + 1))
done
wait $P
# what `run` counted was counted in a subshell
drops=$(vnet -j -s link show ab | jq '[.links[0].directions[0].stats.drops | .["engine-down"], .memory, .tx] | add')
# So that it is a test of moves at all; an emulated machine makes one or two a second.
cmp_num "the direction moved while frames went through" $MOVES ">=" $((${VN_SLOW:-1} > 1 ? 20 : 50))
same "a daemon killed, $MOVES moves" "$WORK/second"

testcase engine
# An engine that dies takes along what it holds, so it dies between two parts; the number goes on.
vnet engine move ab dir ab 0
again
settled() {
	[ "$(vnet -j -s link show ab | jq '.links[0].directions[0].stats.held_packets')" = 0 ]
}
N=$PART
run "$WORK/part1"
busywait 5000 settled >/dev/null
old=$(vnet -j engine show | jq '.engines[0].pid')
kill -KILL "$old"
replaced() {
	vnet -j engine show | jq -e --argjson old "$old" '.engines[0] | .up and .pid != $old' >/dev/null
}
check "the engine is replaced" busywait 5000 replaced
kept=$drops
run "$WORK/part2"
drops=$((drops + kept))
cat "$WORK/part1" "$WORK/part2" >"$WORK/parts"
same "an engine killed in between" "$WORK/parts"

testcase made_anew
# A topology made anew is the same, too; another seed is another.
N=$PART
vnet topology delete c
check "made anew" vnet topology apply "$WORK/c.yaml"
quiet
# Until they were quiet they may have spoken.
again
run "$WORK/anew"
same "a topology made anew" "$WORK/anew"
vnet link set ab seed 43 >/dev/null
run "$WORK/other"
cmp_num "another seed, other fates" "$("$TOOLS/fates" compare "$WORK/first" "$WORK/other" | jq .different)" ">" $((N / 50))
is "link show prints the seed in force" "$(vnet -j link show ab | jq '.links[0].directions[0].discipline.seed')" 43
check "as text, too" sh -c "'$AGENT' link show ab | grep -q 'seed 43'"
vnet link set ab seed auto >/dev/null
check "and that of its topology" sh -c "'$AGENT' -d link show ab | grep -q seed"
