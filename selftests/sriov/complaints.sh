#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What users of SR-IOV with containers know to go wrong, each as a case; and bad input.
# shellcheck source=selftests/lib/vf.sh
. "$(dirname "$0")/../lib/vf.sh"
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq ping
need_pf

# topo NAME MAC MORE: a wire of one VF to a veth
topo() {
	cat >"$WORK/$1.yaml" <<YAML
name: $1
nodes: {a: {}, b: {}}
links: {w: {endpoints: [a:e0, b:e0]}}
ports:
  "a:e0": {vf: {pf: ${4:-$PF}, mode: wire, mac: "$2"${3:+, $3}}}
YAML
	echo "$WORK/$1.yaml"
}
A=02:00:00:00:0c:01 B=02:00:00:00:0c:02
before=$(state_of_pf)
start_agent || exit 1

# --- the namespace is gone, or the VF is elsewhere ---
one=$(topo one $A)
check "a VF is given to a node" vnet topology apply "$one"
is "its MAC is that of the file, in the node, and as shown" \
	"$(inn one.a ip -j link show e0 | jq -r '.[0].address') $(vnet -j vf show | jq -r '.vfs[] | select(.role == "node") | .mac')" "$A $A"
ip netns del one.a
check "its namespace is deleted by somebody else: delete works" vnet topology delete one
check "and the PF is as it was" busywait 5000 as_found "$before"

vnet topology apply "$one" >/dev/null
ip netns add taker
ip -n one.a link set e0 name stolen
ip -n one.a link set stolen netns taker
is_broken() { vnet -j link show w | jq -e '.links[0].state == "broken"'; }
check "a VF that another namespace took is noticed" busywait 3000 is_broken
is "and to be mended" "$(vnet topology plan "$one" >/dev/null; echo $?)" 10
check "taken by another namespace and renamed: delete works" vnet topology delete one
check "it came back: the PF is as it was" busywait 5000 as_found "$before"
is "and nothing of it is left with the taker" "$(ip -n taker -j link | jq -c '[.[].ifname]')" '["lo"]'
ip netns del taker

# --- one MAC at two VFs after a delete that was missed ---
vnet topology apply "$one" >/dev/null
kill_agent
start_agent
two=$(topo two $A)
expect_exit "a MAC that a VF of another topology has is refused" 1 "MAC $A: VF .* has it" vnet topology plan "$two"
vnet topology delete one >/dev/null &
pause 0.3 # killed amid it, wherever it stands
kill_agent
wait $!
start_agent
vnet topology delete one >/dev/null 2>&1
check "after a delete that a crash cut short it is free again" vnet topology apply "$two"
is "and at one VF" "$(vnet -j vf show | jq --arg m $A '[.vfs[] | select(.mac == $m)] | length')" 1
vnet topology delete two >/dev/null

# --- VFs that were there before: what the last owner left is neither kept nor lost ---
vfs_up "$PF_TOTAL" >/dev/null
if [[ $VM_FIXTURE = igb* ]]; then
	ip link set "$PF" vf 0 spoofchk off trust on vlan 7
	ip link set "$PF" vf 0 max_tx_rate 100 2>/dev/null
fi
found=$(state_of_pf)
mac0=$(cat "/sys/class/net/$(vf_netdev 0)/address") name0=$(vf_netdev 0)
vnet topology apply "$two" >/dev/null
if [[ $VM_FIXTURE = igb* ]]; then
	is "spoofchk, trust and rate of the last owner are not inherited" \
		"$(vnet -j vf show | jq -c '.vfs[0].admin | [.spoofchk, .trust, .max_tx_rate]')" '[true,false,0]'
else
	is "VFs that were there already serve" "$(vnet -j vf show | jq -r '.vfs[0].owner')" two/a:e0
fi
check "delete" vnet topology delete two
check "what was there is there again, attribute by attribute" busywait 5000 as_found "$found"
[ "$(state_of_pf)" = "$found" ] || diag "was $found, is $(state_of_pf)"
is "so is the VF's netdev, name and MAC" "$(vf_netdev 0) $(cat "/sys/class/net/$(vf_netdev 0)/address")" "$name0 $mac0"

# --- used by others ---
ip netns add box
for ((i = 0; i < PF_TOTAL; i++)); do
	ip link set "$(vf_netdev "$i")" netns box
done
expect_exit "VFs in somebody's container are not taken" 1 'in another network namespace' vnet topology plan "$two"
ip netns del box
vfs_down

# --- the records are lost, with an agent: its VFs are told of, shown, left alone, and taken back when asked ---
vnet topology apply "$one" >/dev/null
kill_agent
kill -KILL "$(engine_pid)"
for ns in /run/netns/*; do
	ip netns del "${ns##*/}"
done
rm -rf --one-file-system /run/vnet /sys/fs/bpf/vnet
start_agent
check "at its start an agent tells of VFs with a mark and no record" grep -q 'VF 0: has the mark of one/a:e0' "$AGENT_LOG"
leaked() { vnet -j vf show | jq -c '[.vfs[] | select(.leaked) | .mark]'; }
is "vf show knows them" "$(leaked)" '["one/a:e0","one/a:e0"]'
# They are not given to a port, whatever its MAC is.
vnet topology plan "$two" >"$WORK/plan" 2>&1
check "a plan gives them to nobody" sh -c "! grep -qE 'is VF [01] ' '$WORK/plan'"
is "vf reclaim takes both back" "$(vnet vf reclaim "$PF" | grep -c 'was one/a:e0')" 2
is "none is leaked any more" "$(leaked) $(vnet vf reclaim "$PF")" '[] '
check "and they serve, with the same MAC" vnet topology apply "$two"
vnet topology delete two >/dev/null
vfs_down

# --- bad input ---
expect_exit "a PF that does not exist" 1 'PF nope0: there is no such network device' vnet topology plan "$(topo bad $B '' nope0)"
expect_exit "a device without SR-IOV" 7 'PF lo: this device has no VFs' vnet topology plan "$(topo bad $B '' lo)"
ip link set "$PF" up
ip addr add 192.0.2.1/24 dev "$PF"
ip route add default via 192.0.2.2 dev "$PF"
expect_exit "a PF with the default route is refused" 1 'default route' vnet topology plan "$(topo bad $B)"
expect_exit "unless it is forced" 10 'make VFs' vnet topology plan "$(topo bad $B 'force: true')"
ip route del default
ip addr flush dev "$PF"
ip link set "$PF" down
now=$(state_of_pf)
expect_exit "an attribute the driver refuses: device, attribute and the kernel's reason; nothing half done" 6 \
	"PF $PF, VF 0: state: .*everything was undone" vnet topology apply "$(topo bad $B 'state: enable')"
as_found "$now" || diag "PF was $now, is $(state_of_pf)"
stop_agent
