#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# One daemon a host: a second one touches nothing, whatever directories it is given, and says whose the host is; the
# networks of one that died are not another's; lock files that somebody removes are survived.
# shellcheck disable=SC2086 # words of `ip`
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq ping

OTHER=(--runtime-dir "$WORK/other" --pin-dir /sys/fs/bpf/other)
start_agent || exit 1
one_link one
vnet link set ab delay 1ms holder precise
engine=$(engine_pid)

answers() {
	inn one.a ping -q -c 2 -i 0.2 -W 1 "$BB"
}

testcase second
expect_exit "a second daemon is refused, and told who has the host" 1 "pid $AGENT_PID, --runtime-dir /run/vnet" \
	timeout 10 "$AGENT" daemon
expect_exit "with a runtime directory of its own" 1 "one daemon a host" timeout 10 "$AGENT" daemon --runtime-dir "$WORK/other"
expect_exit "and with pins of its own" 1 "one daemon a host" timeout 10 "$AGENT" daemon "${OTHER[@]}"
check "it has made nothing" test ! -e "$WORK/other" -a ! -e /sys/fs/bpf/other
check "and the first one's network is as it was" answers
is "with the same engine" "$(engine_pid)" "$engine"

testcase removed_lock
rm /run/vnet-fabric.lock
check "a removed lock is made anew" busywait 10000 test -e /run/vnet-fabric.lock
expect_exit "and holds" 1 "one daemon a host" timeout 10 "$AGENT" daemon "${OTHER[@]}"

testcase died
engine=$(engine_pid)
kill_agent
expect_exit "the networks of one that died are not another's" 1 "belongs to the networks of --runtime-dir /run/vnet" \
	timeout 10 "$AGENT" daemon "${OTHER[@]}"
rm /run/vnet/engine0.lock /run/vnet-fabric.lock
start_agent || exit 1
is "an engine whose lock was removed is adopted" "$(engine_pid)" "$engine"
is "there is no second one" "$(pgrep -cx vnet-engine)" 1
is "it is up" "$(vnet -j engine show | jq '.engines[0].up')" true
check "and frames flow" answers

testcase hangs
# The same of one that hangs: another one would find its port taken for ever.
engine=$(engine_pid)
kill_agent
kill -STOP "$engine"
rm /run/vnet/engine0.lock
no_beat() {
	[ "$(jq -n "$(awk '{ print int($1 * 1000) }' /proc/uptime) - $1")" -gt 300 ]
}
stopped=$(awk '{ print int($1 * 1000) }' /proc/uptime)
busywait 5000 no_beat "$stopped" >/dev/null
start_agent || exit 1
check "an engine that hangs, and whose lock was removed, is ended" busywait 10000 gone_or_zombie "$engine"
check "and another one's frames flow" busywait 10000 answers
is "there is one" "$(pgrep -cx vnet-engine)" 1

testcase names_deleted
lost_names() {
	grep -c "deleted its name" "$AGENT_LOG"
}
lost() {
	[ "$(lost_names)" = "$1" ]
}
n=0
# On lines as long as it takes; what this machine lacks is not the point.
doctor() {
	vnet -j doctor | jq -r '.checks[] | "\(.name) \(.found)"'
}
for what in "netns del vnet-fabric" "-all netns delete"; do
	n=$((n + 1))
	ip $what
	check "ip $what: the daemon says so" busywait 5000 lost $n
	expect_exit "doctor names it" 0 "fabric .*vnet-fabric has been deleted" doctor
	[ $n = 1 ] || expect_exit "and nodes" 0 "node one/a .*one.a has been deleted" doctor
	stop_agent
	start_agent || exit 1
	check "apply mends what the next start finds" vnet topology apply "$WORK/one.yaml"
	vnet link set ab delay 1ms holder precise
	check "and frames flow, held by an engine of the new one" busywait 5000 answers
done
vnet topology delete one >/dev/null
stop_agent
check "the last one out takes the lock along" test ! -e /run/vnet-fabric.lock
