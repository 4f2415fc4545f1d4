#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Two engines, all links at one of them, which falls behind: it is stopped for some milliseconds again and again, as a busy host
# would, so that its frames are late by its own measure. Directions move to the other one by themselves, without a packet lost or
# overtaken; with its processor back nothing is overloaded any more, and nothing moves. Nothing here is about throughput.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq chrt
[ "${VN_SLOW:-1}" -eq 1 ] || skip_all "emulated in software: every engine is late there, and this is about one that is"
LINKS="0 1 2 3"

{
	echo "name: r"
	echo "nodes: {a: {}, b: {}}"
	echo "links:"
	for i in $LINKS; do
		echo "  l$i: {endpoints: [a:e$i, b:e$i], delay: 10ms, holder: precise}"
	done
} >"$WORK/r.yaml"
start_agent --engines 2 --rebalance on || exit 1
check "the topology applies" vnet topology apply "$WORK/r.yaml"
for i in $LINKS; do
	vnet engine move "l$i" dir both 0
done

addr() {
	vnet -j link show "$1" | jq -r ".links[0].endpoints[$2].addresses[0]" | cut -d/ -f1
}
engine_of() {
	vnet -j link show "$1" | jq '.links[0].directions[0].engine'
}
# moved: how many of the directions ab are at engine 1
moved() {
	for i in $LINKS; do engine_of "l$i"; done | grep -c 1
}
late() {
	vnet -j engine show | jq '[.engines[].late_packets] | add'
}
moves() {
	grep -c '"event": *"rebalance"' "$WORK/events"
}

# streams FILE SECONDS: 5000 packets a second on each link, in the background
P=
streams() {
	local i

	P=
	for i in $LINKS; do
		"$PERF/vnprobe" -t /run/netns/r.a -r /run/netns/r.b -a "$(addr "l$i" 1)" -p $((9200 + i)) -n $((5000 * $2)) \
			-R 5000 >"$WORK/$1.$i" &
		P="$P $!"
	done
}

testcase late_engine
# As long as it is not late, it keeps them.
is "all are at engine 0" "$(moved)" 0
"$AGENT" -j monitor >"$WORK/events" 2>/dev/null &
defer kill $!
drops=$(engine_down_drops)

# --- starved: 5 ms in 25 and more, less than the 50 ms after which its frames would be dropped ---
E=$(vnet -j engine show | jq '.engines[] | select(.engine == 0) | .pid')
streams p 20
# Before everybody else, or it would be kept from going on in time itself.
chrt -f 90 sh -c "while kill -STOP $E 2>/dev/null; do sleep 0.005; kill -CONT $E; sleep 0.02; done" & # the load itself
S=$!
defer kill $S
defer kill -CONT "$E"
some_moved() {
	[ "$(moved)" -ge 1 ]
}
check_time "a direction moves by itself" busywait 20000 some_moved
more_moved() {
	[ "$(moved)" -ge 2 ]
}
check_time "and then another, until both have as much to do" busywait 20000 more_moved
# shellcheck disable=SC2086
wait $P
kill $S
wait $S 2>/dev/null
kill -CONT "$E"
is_time "half of them stay" "$(moved)" 2
is_time "each move was told as an event, and no more were than needed" "$(moves)" 2
check "it was overloaded by its own account" sh -c "'$AGENT' -j engine show |
	jq -e '.engines[] | select(.engine == 0) | .overload | index(\"late\")'"
for i in $LINKS; do
	lost=$((${lost-0} + $(jq .lost "$WORK/p.$i")))
	sent=$((${sent-0} + $(jq .sent "$WORK/p.$i")))
done
is "every packet was sent" "$sent" $((4 * 20 * 5000))
is "none was lost by the moves" "$(unexcused "$lost" "$drops")" 0
is "none overtaken, none twice" "$(jq -sc 'map(.reordered + .duplicates) | add' "$WORK"/p.[0-3])" 0

# --- with its processor back: in one of four tries, as others use this machine, too ---
clear=no
for _ in 1 2 3 4; do
	vnet link reset all
	before=$(late)
	streams q 4
	# shellcheck disable=SC2086
	wait $P
	after=$(late)
	diag "late: $((after - before)) of 80000, overload: $(vnet -j engine show | jq -c '[.engines[].overload]')"
	[ $((after - before)) -le 800 ] && clear=yes && break
done
is_time "frames are in time again" "$clear" yes
is_time "and nothing moved back" "$(moved) $(moves)" "2 2"
check "the topology goes" vnet topology delete r
