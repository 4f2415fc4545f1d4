#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What goes in comes out, byte for byte, held or not: VLAN stacks, MTUs, IPv6, offloads at their defaults.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq iperf3 ethtool

FRAME=$TOOLS/frame

BIG=$(held_mtu_max)
cat >"$WORK/frames.yaml" <<YAML
name: fr
nodes: {a: {}, b: {}}
links:
  plain: {endpoints: [a:p0, b:p0]}
  held: {endpoints: [a:h0, b:h0], delay: 1ms}
  plain9k: {endpoints: [a:p9, b:p9], mtu: 9000}
  held9k: {endpoints: [a:h9, b:h9], mtu: $BIG, delay: 1ms}
  held1280: {endpoints: [a:hs, b:hs], mtu: 1280, delay: 1ms}
YAML

# across NAME DEV JQ-WANTED SEND-ARGS...: 3 frames from a to b; the last capture satisfies the jq condition
MARK=10
across() {
	local name=$1 dev=$2 wanted=$3 ready=$WORK/ready.$MARK pid

	shift 3
	inn fr.b "$FRAME" capture "$dev" --mark $MARK --expect 3 --wait $((1500 * ${VN_SLOW:-1})) --ready "$ready" >"$WORK/cap" &
	pid=$!
	busywait 2000 test -e "$ready" >/dev/null
	inn fr.a "$FRAME" send "$dev" --count 3 --mark $MARK "$@" >/dev/null
	wait $pid
	MARK=$((MARK + 1))
	if jq -e ".frames == 3 and .bad == 0 and ($wanted)" "$WORK/cap" >/dev/null; then
		ktap_ok "$name"
	else
		ktap_fail "$name"
		diag "got $(cat "$WORK/cap"), wanted $wanted"
		diag "drops so far: $(vnet -j -s link show | jq -c '[.links[] | {(.name): (.directions[0].stats.drops | with_entries(select(.value > 0)))}] | add')"
	fi
}

start_agent || exit 1
check "the topology applies" vnet topology apply "$WORK/frames.yaml"
# A device that just came up may drop its first frames until the kernel's link watch has run.
all_up() {
	[ "$(inn fr.a ip -br link | grep -c ' UP ')$(inn fr.b ip -br link | grep -c ' UP ')" = 55 ]
}
busywait 3000 all_up >/dev/null

testcase raw
for dev in p0 h0; do
	across "$dev: shortest frame" $dev '.len == 60' --len 60 raw
	across "$dev: 1514 bytes" $dev '.len == 1514' --len 1514 raw
	across "$dev: UDP, IPv4" $dev '.len == 900' --len 900 udp4 10.9.0.1 10.9.0.2
	across "$dev: UDP, IPv6" $dev '.len == 900' --len 900 udp6 fd09::1 fd09::2
	across "$dev: 802.1Q tag kept" $dev '.tagged == 3 and .vlan == [100, 0] and .tpid == "8100"' --vlan 100 --len 300 raw
	across "$dev: 802.1ad tag kept" $dev '.tagged == 3 and .vlan == [7, 0] and .tpid == "88a8"' --vlan ad:7 --len 300 raw
	across "$dev: QinQ kept" $dev '.tagged == 3 and .vlan == [100, 200] and .tpid == "88a8"' --vlan ad:100,200 --len 300 raw
done
for dev in p9 h9; do
	full=9014
	[ $dev = p9 ] || full=$((BIG + 14))
	across "$dev: $full bytes, the largest" $dev ".len == $full" --len "$full" raw
	across "$dev: 3500 bytes" $dev '.len == 3500' --len 3500 raw
	if [ $dev = p9 ] && [ "${VNET_TEST_PORTS-}" = vf ] && [[ $VM_FIXTURE = igb* ]]; then
		ktap_skip "$dev: $((full + 4)) bytes, tagged" "igb's own limit: the wire's VLAN takes the room of the node's tag"
		continue
	fi
	across "$dev: $((full + 4)) bytes, tagged" $dev ".len == $full + 4 and .vlan[0] == 5" --vlan 5 --len $((full + 4)) raw
done
across "hs: MTU 1280, full" hs '.len == 1294' --len 1294 raw

testcase stack
# The stack's own traffic, every offload of the nodes left at its default.
is "transmit checksum offload is on in the node" \
	"$(inn fr.a ethtool -k h0 | awk '$1 == "tx-checksumming:" { print $2 }')" on
iperf_server fr.b
for link in plain held plain9k held9k held1280; do
	i=0
	[ $link = plain ] || [ $link = held ] && i=1
	for fam in 0 1; do
		addr=$(vnet -j link show $link | jq -r ".links[0].endpoints[1].addresses[$fam]" | cut -d/ -f1)
		[ $fam = 1 ] && [ $i = 0 ] && continue
		# iperf3 ends when all is sent: what is in flight then is not counted as received.
		got=$(inn fr.a iperf3 -c "$addr" -n 20M -J | jq '.end.sum_received.bytes // 0')
		cmp_num "$link: TCP to $addr" "$got" ">=" 5000000
	done
done
for c in TcpInCsumErrors UdpInCsumErrors; do
	is "$c in b" "$(nstat_get fr.b $c | cut -d. -f1)" 0
done

testcase back_to_back
# Back to back at 200 Mbit/s, or what an emulated machine can do of it; the prober's receive buffer takes all of it, so what
# is missing was lost on the link. An engine that was replaced amid it, since the machine stood still, takes what it held along.
ADDR=$(vnet -j link show held | jq -r '.links[0].endpoints[1].addresses[0]' | cut -d/ -f1)
for try in 1 2 3; do
	E=$(engine_pid) down=$(engine_down_drops)
	"$PERF/vnprobe" -t /run/netns/fr.a -r /run/netns/fr.b -a "$ADDR" \
		-n $((20000 / ${VN_SLOW:-1})) -R $((18000 / ${VN_SLOW:-1})) -s 1400 >"$WORK/probe"
	[ "$(engine_pid)" = "$E" ] && break
	diag "try $try: the engine was replaced; $(jq .lost "$WORK/probe") lost"
done
is "held: UDP at $((200 / ${VN_SLOW:-1})) Mbit/s, none lost" "$(unexcused "$(jq .lost "$WORK/probe")" "$down")" 0
