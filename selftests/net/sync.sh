#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A sync group over three engines: its links' traces are at the same place at the same time. Seen from outside, by when frames
# arrive: those that wait for the same opportunity arrive within a millisecond of each other, on the beat of the start that the
# agent recorded, also after a `link set`, a move, and with another engine and another daemon.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq
LINKS="0 1 2 3"

{
	echo "name: c"
	echo "nodes: {a: {}, b: {}}"
	echo "links:"
	for i in $LINKS; do
		echo "  l$i: {endpoints: [a:e$i, b:e$i], limit: 12, trace: beat.mahi sync s}"
	done
	# The same trace on its own.
	echo "  alone: {endpoints: [a:e9, b:e9], limit: 12, trace: beat.mahi}"
} >"$WORK/c.yaml"
# Four opportunities in 200 ms; which one a frame took is told by when it comes.
PERIOD=200
printf '%s\n' 7 61 150 200 >"$WORK/beat.mahi"
cd "$WORK" || exit 1
start_agent --engines 3 --rebalance off || exit 1
check "the topology applies" vnet topology apply c.yaml

start_of() {
	vnet -j link show "$1" | jq '.links[0].directions[0].discipline.trace_start_ns'
}
engine_of() {
	vnet -j link show "$1" | jq '.links[0].directions[0].engine'
}
now_monotonic_ns() {
	awk '{ printf "%.0f\n", $1 * 1e9 }' /proc/uptime
}

# listen LINK DEV: full frames, more than the trace lets through; arrivals by the millisecond since ZERO, a beat of the group
listen() {
	"$TOOLS/fates" send -t /run/netns/c.a -d "$2" -r /run/netns/c.b -D "$2" -W 300 -s 1514 -R 60 -n 150 -b 1 -z "$ZERO" \
		>"$WORK/$1.json"
}

# together LINK...: prints for how many opportunities each of them got a frame, in how many of these all within a ms of each
# other, and in how many on the beat
together() {
	local link now n=0 pids=

	ZERO=$(start_of l0)
	now=$(now_monotonic_ns)
	ZERO=$((now - (now - ZERO) % (PERIOD * 1000000)))
	for link; do
		n=$((n + 1))
		listen "$link" "$(vnet -j link show "$link" | jq -r '.links[0].endpoints[0].ifname')" &
		pids="$pids $!"
	done
	# shellcheck disable=SC2086
	wait $pids
	for link; do
		jq -r --arg l "$link" '.bins | to_entries[] | select(.value > 0) | "\($l) \(.key)"' "$WORK/$link.json"
	done | awk -v n="$n" -v period=$PERIOD '
		BEGIN { split("0 7 61 150", opp, " ") }
		{
			for (i = 4; i > 1 && $2 % period < opp[i]; i--)
				;
			key = int($2 / period) * 4 + i
			late = $2 % period - opp[i]
			if (($1, key) in at)
				next
			at[$1, key] = late
			count[key]++
			if (count[key] == 1 || late < low[key]) low[key] = late
			if (count[key] == 1 || late > high[key]) high[key] = late
		}
		END {
			for (key in count)
				if (count[key] == n) {
					all++
					near += high[key] - low[key] <= 1
					beat += high[key] <= 1
				}
			print all + 0, near + 0, beat + 0
		}'
}

# are_together NAME LINK...: nine of ten opportunities, of at least 20; in one of four tries, as a busy machine keeps engines
# from their processors for milliseconds
are_together() {
	local name=$1 try all near beat

	shift
	for try in 1 2 3 4; do
		read -r all near beat < <(together "$@")
		diag "$name, try $try: of $all opportunities, within 1 ms of each other: $near, of the beat: $beat"
		[ "$all" -ge 20 ] && [ $((near * 10)) -ge $((all * 9)) ] && break
		[ "${VN_SLOW:-1}" -eq 1 ] || break # it is not judged there
	done
	cmp_num "$name: opportunities that all of them used" "$all" ">=" 20
	timed "$name: share of these within a millisecond of each other" "$(awk "BEGIN { print $near / ($all + 1e-9) }")" ">=" 0.9
	timed "$name: share on the beat of the recorded start" "$(awk "BEGIN { print $beat / ($all + 1e-9) }")" ">=" 0.9
}

for i in $LINKS; do
	vnet engine move "l$i" dir ab $((i % 3))
done
is "they are spread over the engines" "$(for i in $LINKS; do engine_of "l$i"; done | sort | uniq -c | awk '{ print $2 }' | xargs)" \
	"0 1 2"

testcase apply
# shellcheck disable=SC2046
are_together "after the apply" l0 l1 l2 l3

testcase off_beat
# What is not in the group has a beat of its own: the measurement can tell.
busy_until=$(($(start_of l0) % (PERIOD * 1000000)))
off_beat() {
	vnet link set alone dir ab trace beat.mahi
	# not by chance where the group is: 20 to 40 ms off
	local d=$((($(start_of alone) % (PERIOD * 1000000) - busy_until + PERIOD * 1000000) % (PERIOD * 1000000)))
	[ $d -gt 20000000 ] && [ $d -lt 40000000 ]
}
check "a link that begins by itself, off the beat" busywait 20000 off_beat
read -r all near _ < <(together l0 alone)
timed "it is not together with the group (of $all opportunities)" "$near" "<=" $((all / 4))

testcase changes
# A change, a move, another engine, another daemon.
start=$(start_of l0)
vnet link set l1 dir ab limit 10 >/dev/null
vnet link set l2 dir ab trace off >/dev/null
vnet link set l2 dir ab trace beat.mahi sync s >/dev/null
vnet engine move l3 dir ab 1
old=$(vnet -j engine show | jq '.engines[] | select(.engine == 2) | .pid')
kill -KILL "$old"
replaced() {
	[ "$(vnet -j engine show | jq --argjson old "$old" '.engines[] | select(.engine == 2) | .up and .pid != $old')" = true ]
}
check "an engine of theirs is another" busywait 5000 replaced
kill_agent
start_agent --engines 3 --rebalance off || exit 1
is "all have the start that the group had" "$(for i in $LINKS; do start_of "l$i"; done | sort -u)" "$start"
are_together "after a change, a move, another engine and another daemon" l0 l1 l2 l3
vnet link set alone dir ab trace beat.mahi sync s >/dev/null
is "who joins takes the group's start" "$(start_of alone)" "$start"
are_together "who joins" l0 alone
vnet topology apply c.yaml >"$WORK/again" 2>&1
is "the file again changes no start of theirs" "$(for i in $LINKS; do start_of "l$i"; done | sort -u)" "$start"
check "the topology goes" vnet topology delete c
