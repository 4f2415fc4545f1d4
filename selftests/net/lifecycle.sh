#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A topology from its file to a running network, edited while traffic runs, undone when a step fails, gone without trace.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq ping
VF_WIRES=1 # where ports are VFs: two topologies share them

cat >"$WORK/life.yaml" <<YAML
name: life
nodes: {a: {}, b: {}, c: {}, d: {}}
links:
  ab: {endpoints: [a:eth0, b:eth0]}
  bc: {endpoints: [b:eth1, c:eth0], delay: 3ms}
  cd: {endpoints: [c:eth1, d:eth0]}
YAML

steps() {
	vnet -j topology apply "$1" | jq .steps
}

# every node to every address of every other, both families
pings() {
	local from to addr

	for from in $1; do
		for to in $1; do
			[ "$from" = "$to" ] && continue
			for addr in $(vnet -j node show "life/$to" | jq -r '.nodes[0] | .addresses[], .ports[].addresses[]'); do
				# "At once" is the first packet; a second try only for an engine that a busy machine kept waiting.
				inn "life.$from" ping -nq -c 1 -W 1 "${addr%/*}" >/dev/null ||
					inn "life.$from" ping -nq -c 2 -i 0.1 -W 1 "${addr%/*}" >/dev/null || {
					echo "$from cannot reach $to at $addr"
					return 1
				}
			done
		done
	done
}

snapshot >"$WORK/clean"
start_agent || exit 1
snapshot >"$WORK/before"

testcase first
expect_exit "check says what is in the file" 0 "4 nodes" vnet topology check "$WORK/life.yaml"
expect_exit "plan: there is something to do" 10 "create node a" vnet topology plan "$WORK/life.yaml"
check "plan changed nothing" diff -u "$WORK/before" <(snapshot)
check "apply" vnet topology apply "$WORK/life.yaml"
check "every node reaches every address of every node at once, IPv4 and IPv6" pings "a b c d"
is "ip netns sees the nodes" "$(ip netns | grep -c '^life\.')" 4
check "ip netns exec works" ip netns exec life.a ip link show eth0
is "node exec runs a command there" "$(vnet node exec a -- cat /sys/class/net/eth0/operstate)" up
vnet node exec a -- sh -c 'exit 37'
is "node exec passes the exit code on" $? 37
is "transit nodes forward" "$(inn life.b cat /proc/sys/net/ipv4/ip_forward)" 1
is "end nodes do not" "$(inn life.a cat /proc/sys/net/ipv4/ip_forward)" 0
is "a second apply has 0 steps" "$(steps "$WORK/life.yaml")" 0
expect_exit "and its plan nothing to do" 0 "" vnet topology plan "$WORK/life.yaml"

testcase edit
# An edit while traffic runs: links that stay lose nothing.
vnet topology apply "$WORK/life.yaml" >/dev/null
down=$(engine_down_drops)
inn life.a ping -n -q -i 0.002 -c 1000 "$(vnet -j node show life/c | jq -r '.nodes[0].addresses[0]' | cut -d/ -f1)" >"$WORK/ping" &
P=$!
sed 's/d: {}/d: {}, e: {}/; s/  cd: .*/  ce: {endpoints: [c:eth2, e:eth0], rate: 10mbit}\n  de: {endpoints: [d:eth1, e:eth1]}/' \
	"$WORK/life.yaml" >"$WORK/edited.yaml"
check "apply an edited file" vnet topology apply "$WORK/edited.yaml"
check "the new network is whole" pings "a b c d e"
check "back to the first file" vnet topology apply "$WORK/life.yaml"
wait $P
is "traffic across links that stayed: packets lost" "$(unexcused "$(ping_lost "$WORK/ping")" "$down")" 0
sed 's/delay: 3ms/delay: 5ms/' "$WORK/life.yaml" >"$WORK/slower.yaml"
is "a changed delay is one step" "$(steps "$WORK/slower.yaml")" 1
is "and in force" "$(vnet -j link show bc | jq '.links[0].directions[1].discipline.delay_ns')" 5000000
check "back again" vnet topology apply "$WORK/life.yaml"

testcase step_fails
# A step that fails: everything before it is undone.
vnet topology apply "$WORK/life.yaml" >/dev/null
snapshot >"$WORK/running"
mkdir /run/netns/life.z # in the way of a namespace's file
sed 's/d: {}/d: {}, x: {}, z: {}/; s/^  cd:/  xz: {endpoints: [x:eth0, z:eth0]}\n  bx: {endpoints: [b:eth2, x:eth1]}\n  cd:/' \
	"$WORK/life.yaml" >"$WORK/fails.yaml"
expect_exit "a failing step rolls back" 6 "z" vnet topology apply "$WORK/fails.yaml"
rmdir /run/netns/life.z
leak_check "nothing of it is left" "$WORK/running"
check "what ran before still runs" pings "a b c d"

testcase device_taken
# A device taken away is noticed, shown, and mended by an apply.
vnet topology apply "$WORK/life.yaml" >/dev/null
inn life.d ip link del eth0
check "the loss shows" busywait 3000 sh -c "'$AGENT' -j link show cd | jq -e '.links[0].state == \"broken\"'"
check "an apply mends it" vnet topology apply "$WORK/life.yaml"
check "and everything is reachable again" pings "a b c d"

testcase two
# Two topologies side by side.
vnet topology apply "$WORK/life.yaml" >/dev/null
sed 's/name: life/name: other/' "$WORK/life.yaml" >"$WORK/other.yaml"
check "a second topology of the same names" vnet topology apply "$WORK/other.yaml"
expect_exit "a name in both needs its topology" 1 "life/ab or other/ab|other/ab or life/ab" vnet link set ab delay 1ms
check "with it, it is clear" vnet link set other/ab delay 1ms
check "delete one" vnet topology delete other
check "delete by its file" vnet topology delete "$WORK/life.yaml"
leak_check "no trace of either" "$WORK/before"
stop_agent
leak_check "nor of the agent, once it has stopped" "$WORK/clean"
