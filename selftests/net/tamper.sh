#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What root inside a node can do to its own end hurts that node alone, and no rule of the link is lost by it.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq ping ethtool iperf3

FRAME=$TOOLS/frame

cat >"$WORK/tamper.yaml" <<YAML
name: t
nodes: {good: {}, peer: {}, evil: {}}
links:
  honest: {endpoints: [good:eth0, peer:eth0], delay: 1ms}
  target: {endpoints: [evil:eth0, peer:eth1], delay: 2ms, loss: 0%}
YAML

fails() {
	! "$@"
}

drops() {
	vnet -j -s link show target | jq ".links[0].directions[0].stats.drops[\"$1\"]"
}

start_agent || exit 1
check "the topology applies" vnet topology apply "$WORK/tamper.yaml"
PEER=$(vnet -j link show target | jq -r '.links[0].endpoints[1].addresses[0]' | cut -d/ -f1)
PEER_HONEST=$(vnet -j link show honest | jq -r '.links[0].endpoints[1].addresses[0]' | cut -d/ -f1)
MAC=$(inn t.evil ip -j link show eth0 | jq -r .[0].address)

down=$(engine_down_drops)
# By count: a deadline would cut off the answer to the last one. About as long as the rest takes.
inn t.good ping -nq -i 0.005 -c 1500 "$PEER_HONEST" >"$WORK/ping" &
P=$!

testcase mac
# Another MAC: nothing leaves until the old one is back; a NIC may refuse it to its VF, then frames claim it.
before=$(drops mac-spoof)
if inn t.evil ip link set eth0 address 02:00:00:00:00:77; then
	check "with another MAC nothing passes" fails inn t.evil ping -nq -c 2 -i 0.05 -W 0.3 "$PEER"
else
	inn t.evil "$FRAME" send eth0 --dst ff:ff:ff:ff:ff:ff --src 02:00:00:00:00:77 --count 5 raw >/dev/null
	is "another MAC is refused" "$(inn t.evil ip -j link show eth0 | jq -r .[0].address)" "$MAC"
fi
spoofed() {
	[ "$(drops mac-spoof)" -gt "$before" ]
}
check "what has it is counted" busywait 3000 spoofed
inn t.evil ip link set eth0 address "$MAC"
check "with its own it does" busywait 3000 inn t.evil ping -nq -c 1 -W 0.3 "$PEER"

testcase offloads
# Offloads off and on: the delay stays, checksums stay right.
iperf_server t.peer
for state in off on; do
	inn t.evil ethtool -K eth0 tx $state tso $state gso $state gro $state txvlan $state >/dev/null 2>&1
	got=$(inn t.evil iperf3 -c "$PEER" -n 20M -J | jq '.end.sum_received.bytes // 0')
	cmp_num "offloads $state: TCP whole" "$got" ">=" 10000000
	rtt=$(inn t.evil ping -nq -c 20 -i 0.01 "$PEER" | sed -nE 's,^rtt .* = ([0-9.]+)/.*,\1,p')
	cmp_num "offloads $state: the delay holds (ms, least)" "$rtt" ">=" 4
done
is "peer: no bad checksum" "$(nstat_get t.peer TcpInCsumErrors | cut -d. -f1)" 0

testcase mtu
# A larger MTU than the link's.
inn t.evil ip link set eth0 mtu 9000 2>/dev/null
inn t.peer "$FRAME" capture eth1 --mark 5 --wait $((500 * ${VN_SLOW:-1})) --ready "$WORK/r1" >"$WORK/cap" &
C=$!
busywait 2000 test -e "$WORK/r1" >/dev/null
inn t.evil "$FRAME" send eth0 --mark 5 --count 3 --len 4000 raw >/dev/null 2>&1
wait $C
is "an oversized frame does not pass" "$(jq .frames "$WORK/cap")" 0
inn t.evil ip link set eth0 mtu 1500
check "ordinary frames still do" inn t.evil ping -nq -c 2 -i 0.01 -W 1 "$PEER"

testcase filters
# Filters and disciplines of its own do not touch ours.
inn t.evil tc qdisc add dev eth0 clsact
inn t.evil tc filter add dev eth0 egress matchall action pass 2>/dev/null
inn t.evil tc qdisc del dev eth0 clsact
rtt=$(inn t.evil ping -nq -c 20 -i 0.01 "$PEER" | sed -nE 's,^rtt .* = ([0-9.]+)/.*,\1,p')
cmp_num "its own clsact: the delay holds (ms, least)" "$rtt" ">=" 4

testcase flood
# A full blast into the link.
inn t.evil "$FRAME" send eth0 --count 100000 raw >/dev/null
check "after a flood the link works" busywait 3000 inn t.evil ping -nq -c 1 -W 1 "$PEER"

testcase device
# It renames, then deletes the device.
inn t.evil ip link set eth0 down
inn t.evil ip link set eth0 name wan0
inn t.evil ip link set wan0 up
check "a new name is seen" sh -c "'$AGENT' -j link show target | jq -e '.links[0].drift | test(\"eth0 is named wan0\")'"
is "and changes nothing for the others" "$(vnet -j link show honest | jq -r '.links[0].state')" up
# A VF cannot be deleted from there; it can be taken elsewhere.
inn t.evil ip link del wan0 2>/dev/null || inn t.evil ip link set wan0 netns $$
check "its loss is seen" busywait 3000 sh -c "'$AGENT' -j link show target | jq -e '.links[0].state == \"broken\"'"
check "an apply mends it" vnet topology apply "$WORK/tamper.yaml"
check "it works again" busywait 3000 inn t.evil ping -nq -c 1 -W 1 "$PEER"

testcase others
wait $P
is "the honest link lost (packets)" "$(unexcused "$(ping_lost "$WORK/ping")" "$down")" 0

testcase other_pid
# An engine that was taken over names another process as itself, and hangs: the next daemon does not kill that one.
if command -v bpftool >/dev/null; then
	MAP=/sys/fs/bpf/vnet/map_vn_engine
	E=$(engine_pid)
	bg sleep 1000
	V=$BG_PID
	kill_agent
	kill -STOP "$E"
	# Bytes 16 to 19 of struct vn_engine are its number.
	# shellcheck disable=SC2046 # words
	bpftool map update pinned $MAP key 0 0 0 0 value hex $(bpftool -j map lookup pinned $MAP key 0 0 0 0 |
		jq -r --argjson pid "$V" '.value | .[16:20] = [range(4) as $i | $pid / pow(256; $i) | floor % 256] | .[] |
			if type == "number" then [(. / 16 | floor), . % 16] | map("0123456789abcdef"[.:. + 1]) | add else ltrimstr("0x") end')
	start_agent
	check "the daemon says so" busywait 3000 grep -q "names pid $V, which is no engine" "$AGENT_LOG"
	busywait 3000 grep -q "its lock is held" "$AGENT_LOG" >/dev/null
	check "what was named lives" kill -0 "$V"
	kill -KILL "$E"
	check "with the old engine ended a new one runs" busywait 5000 inn t.evil ping -nq -c 1 -W 1 "$PEER"
else
	ktap_skip "the daemon says so" "no bpftool"
fi
