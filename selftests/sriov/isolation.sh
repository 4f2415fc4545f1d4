#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What VFs of one NIC see of each other, and the disciplines of direct links and of wires between two VFs.
# shellcheck source=selftests/lib/vf.sh
. "$(dirname "$0")/../lib/vf.sh"
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq ping
need_pf

FRAME=$TOOLS/frame
MACA=02:00:00:00:0b:01 MACB=02:00:00:00:0b:02 X=02:00:00:00:0b:99 ALL=ff:ff:ff:ff:ff:ff
WAIT=$((1000 * ${VN_SLOW:-1}))

more_nodes="" more_links="" more_ports=""
if [[ $VM_FIXTURE = igb* ]]; then
	more_nodes=", c: {}, d: {}" more_links="  cd: {endpoints: [c:e0, d:e0]}"
	more_ports="  \"c:e0\": {vf: {pf: $PF, mode: direct}}
  \"d:e0\": {vf: {pf: $PF, mode: direct}}"
fi
cat >"$WORK/iso.yaml" <<YAML
name: iso
nodes: {a: {}, b: {}$more_nodes}
links:
  ab: {endpoints: [a:e0, b:e0]}
$more_links
ports:
  "a:e0": {vf: {pf: $PF, mode: direct, mac: "$MACA"}, ip: [10.7.0.0/31]}
  "b:e0": {vf: {pf: $PF, mode: direct, mac: "$MACB"}, ip: [10.7.0.1/31]}
$more_ports
YAML
start_agent || exit 1
check "a direct link" vnet topology apply "$WORK/iso.yaml"
pings() { inn iso.a ping -q -c 1 -W 2 10.7.0.1; }
check "carries echoes" busywait 20000 pings

# A VF of nobody's, the last one of the PF, with an address of its own.
last=$((PF_TOTAL - 1))
basename "$(readlink "$PF_PCI/virtfn$last")" >/sys/bus/pci/drivers_probe
busywait 10000 vf_netdev $last >/dev/null
dev=$(vf_netdev $last)
ip netns add iso.third
ip link set "$dev" netns iso.third name e0
ip -n iso.third link set e0 up promisc on
third_up() {
	ip -n iso.third -j link show e0 | jq -e '.[0].operstate == "UP"'
}
busywait 10000 third_up >/dev/null

MARK=10
# arrives TO FROM ARGS...: how many of the test frames that FROM sends reach TO, in GOT
arrives() {
	local to=$1 from=$2 pid

	shift 2
	rm -f "$WORK/ready"
	inn "iso.$to" "$FRAME" capture e0 --mark $MARK --expect 0 --wait $WAIT --ready "$WORK/ready" >"$WORK/cap" &
	pid=$!
	busywait 5000 test -e "$WORK/ready" >/dev/null
	inn "iso.$from" "$FRAME" send e0 --mark $MARK "$@" raw >/dev/null
	wait $pid
	MARK=$((MARK + 1))
	GOT=$(jq .frames "$WORK/cap")
}
drops() { vnet -j -s link show ab | jq --arg r "$1" '[.links[].directions[].stats.drops[$r] // 0] | add'; }

arrives b a --count 20 --dst $MACB
is "what a sends to b arrives" "$GOT" 20
before=$(drops foreign)
arrives b a --count 20 --dst $MACB --src $X
is "with a forged source it does not" "$GOT" 0
arrives b a --count 20 --dst $ALL --src $X
is "nor as a broadcast" "$GOT" 0
cmp_num "and is counted" "$(($(drops foreign) - before))" '>=' "$([[ $VM_FIXTURE = igb* ]] && echo 0 || echo 40)"
arrives third a --count 20 --dst $MACB
is "a third VF, promiscuous, sees nothing of it" "$GOT" 0
arrives b third --count 20 --dst $MACB
is "what the third VF sends to b does not arrive" "$GOT" 0
arrives b third --count 20 --dst $ALL
is "nor its broadcasts" "$GOT" 0
if [[ $VM_FIXTURE = igb* ]]; then
	arrives b c --count 20 --dst $MACB --src $MACA
	is "nor what another node sends with a's very address" "$GOT" 0
	arrives c a --count 20 --dst $ALL
	is "another node does not see a's broadcasts" "$GOT" 0
fi

# --- what a direct link can do ---
vnet link set ab dir ab loss 50% >/dev/null
arrives b a --count 400 --dst $MACB
cmp_num "loss of a half on a direct link loses" "$GOT" '<' 280
cmp_num "but not all" "$GOT" '>' 120
is "and every frame is accounted for" \
	"$(vnet -j -s link show ab | jq '.links[].directions[0].stats | .drops.loss > 100')" true
vnet link replace ab dir ab police rate 100kbit burst 5kb >/dev/null
arrives b a --count 200 --dst $MACB --len 500
cmp_num "a policer on a direct link passes its burst and little more" "$GOT" '<' 100
vnet link replace ab dir ab state down >/dev/null
arrives b a --count 20 --dst $MACB
is "a link that is down passes nothing" "$GOT" 0
ip netns del iso.third
vnet topology delete iso >/dev/null

# --- a wire from the PF to itself: two VFs and two partners, apart by VLANs ---
if [[ $VM_FIXTURE = igb* ]]; then
	cat >"$WORK/ww.yaml" <<YAML
name: ww
nodes: {a: {}, b: {}}
links: {ab: {endpoints: [a:e0, b:e0], delay: 20ms}}
ports:
  "a:e0": {vf: {pf: $PF, mode: wire}, ip: [10.7.0.0/31]}
  "b:e0": {vf: {pf: $PF, mode: wire}, ip: [10.7.0.1/31]}
YAML
	check "a wire between two VFs of one PF" vnet topology apply "$WORK/ww.yaml"
	wires() { inn ww.a ping -q -c 1 -W 2 10.7.0.1; }
	check "carries echoes" busywait 20000 wires
	rtt=$(inn ww.a ping -q -c 5 -i 0.3 -W 5 10.7.0.1 | awk -F'[/= ]+' '/^rtt/ { printf "%d", $6 * 1000 }')
	cmp_num "over the wire and not past it" "$rtt" '>=' 40000
	vnet topology delete ww >/dev/null
fi
stop_agent
