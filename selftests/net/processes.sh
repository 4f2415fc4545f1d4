#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Processes in nodes: who they are, what is said of them when their node goes, and --kill.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq

# topology NODES: these nodes and an external one
topology() {
	printf 'name: p\nnodes: {%s ext: {runtime: external}}\nlinks: {l: {endpoints: [a:eth0, ext:eth0]}}\n' "$1" >"$WORK/p.yaml"
}
# in_node NODE CMD...: in the background; its pid in BG_PID
in_node() {
	bg nsenter --net="/run/netns/p.$1" -- "${@:2}"
	busywait 2000 test "/proc/$BG_PID/ns/net" -ef "/run/netns/p.$1" >/dev/null
}
ps_of() {
	vnet -j node ps "$@" | jq -c '[.processes[] | [.node, .pid, .program]]'
}
alive() {
	! gone_or_zombie "$1"
}

start_agent --socket-group nogroup || exit 1
topology 'a: {}, b: {}, c: {},'
check "a topology applies" vnet topology apply "$WORK/p.yaml"
bg unshare --net sleep 1000
ELSEWHERE=$BG_PID
busywait 2000 sh -c "! [ /proc/$ELSEWHERE/ns/net -ef /proc/1/ns/net ] && [ \$(cat /proc/$ELSEWHERE/comm) = sleep ]" >/dev/null
vnet node attach p/ext pid "$ELSEWHERE" >/dev/null

testcase processes
is "no process, none shown" "$(ps_of p/a)" "[]"
in_node a sleep 1000
A=$BG_PID
in_node b sleep 1001
B_PID=$BG_PID
# One that pays no heed to SIGTERM, one that goes on in another process as often as it is ended.
in_node a bash -c 'trap "" TERM; while :; do read -t 1000 <>/dev/zero; done'
STUBBORN=$BG_PID
# shellcheck disable=SC2016 # expanded by what runs it
echo 'trap "setsid bash \"$0\" & exit" TERM; while :; do sleep 0.02; done' >"$WORK/phoenix"
in_node a bash "$WORK/phoenix"
busywait 2000 grep -qx bash "/proc/$BG_PID/comm" >/dev/null
is "node ps names a node's processes" "$(ps_of p/b)" "[[\"b\",$B_PID,\"sleep\"]]"
is "and of all nodes" "$(ps_of | jq -c "[.[] | select(.[2] == \"sleep\" and (.[1] == $A or .[1] == $B_PID or .[1] == $ELSEWHERE))]")" \
	"[[\"a\",$A,\"sleep\"],[\"b\",$B_PID,\"sleep\"],[\"ext\",$ELSEWHERE,\"sleep\"]]"
check "as a table, too" sh -c "'$AGENT' node ps | grep -qE '^p/b +$B_PID +0 +sleep +sleep 1001'"

topology 'a: {}, c: {},'
expect_exit "an apply that deletes a node says what runs on in it" 0 "^ *b: $B_PID sleep\$" vnet topology apply "$WORK/p.yaml"
check "and lets it run" alive "$B_PID"

out=$(setpriv --reuid 65534 --regid "$(getent group nogroup | cut -d: -f3)" --clear-groups "$AGENT" topology delete --kill p 2>&1)
check "who is not root ends no process of root's" alive "$A"
diag "$out"
vnet topology apply "$WORK/p.yaml" >/dev/null
kill "$A"
in_node a sleep 1000
A=$BG_PID
expect_exit "delete says so, too, and how to end it" 0 "1 process still runs in deleted nodes .*--kill" vnet topology delete p
check "and lets it run" alive "$A"

vnet topology apply "$WORK/p.yaml" >/dev/null
vnet node attach p/ext pid "$ELSEWHERE" >/dev/null
in_node a sleep 1000
C=$BG_PID
in_node a bash -c 'trap "" TERM; while :; do read -t 1000 <>/dev/zero; done'
STUBBORN2=$BG_PID
in_node a bash "$WORK/phoenix"
busywait 2000 grep -qx bash "/proc/$BG_PID/comm" >/dev/null
NS=$(stat -Lc %i /run/netns/p.a)
# From within: the caller and its shell are in the node themselves.
nsenter --net=/run/netns/p.a -- bash -c "'$AGENT' -j topology delete --kill p; echo survived" >"$WORK/killed"
is "delete --kill ends them" "$(jq -c "[.processes[] | select(.pid == $C or .pid == $STUBBORN2) | .ended]" <(head -n 1 "$WORK/killed"))" \
	'["SIGTERM","SIGKILL"]'
check "also one that started anew when it was ended" sh -c "! stat -Lc %i /proc/[0-9]*/ns/net 2>/dev/null | grep -qx $NS"
is "but not who asked for it" "$(tail -n 1 "$WORK/killed")" survived
check "nor what ran in a node that was deleted before" alive "$A"
check "nor in the namespace of an external node" alive "$ELSEWHERE"
check "and the stubborn one of before neither" alive "$STUBBORN"
expect_exit "nothing to end, nothing said" 1 "not running" vnet topology delete --kill p
pkill -KILL -f "$WORK/phoenix"
kill -KILL "$STUBBORN"
