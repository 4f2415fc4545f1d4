#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# VFs as ports: made, configured, given to nodes, verified; carrying traffic; given back attribute by attribute.
# shellcheck source=selftests/lib/vf.sh
. "$(dirname "$0")/../lib/vf.sh"
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq ping
need_pf

# Direct pairs as far as the VFs go, a wire from the last: 7 VFs of igb are 2 pairs and a wire, 3 of virtio are a wire.
names=() nodes="" links="" ports=""
pairs=$(((PF_TOTAL - 2) / 2))
for ((i = 0; i < pairs; i++)); do
	nodes+="a$i: {}, b$i: {}, "
	links+="  d$i: {endpoints: [a$i:e0, b$i:e0]}"$'\n'
	ports+="  \"a$i:e0\": {vf: {pf: $PF, mode: direct}, ip: [10.7.$i.0/31]}"$'\n'
	ports+="  \"b$i:e0\": {vf: {pf: $PF, mode: direct}, ip: [10.7.$i.1/31]}"$'\n'
	names+=("d$i")
done
cat >"$WORK/life.yaml" <<YAML
name: life
nodes: {${nodes}w: {}, v: {}}
links:
$links  wire: {endpoints: [w:e0, v:e0], delay: 20ms}
ports:
$ports  "w:e0": {vf: {pf: $PF, mode: wire}, ip: [10.7.100.0/31]}
  "v:e0": {ip: [10.7.100.1/31]}
YAML

before=$(state_of_pf)
start_agent || exit 1
vnet topology plan "$WORK/life.yaml" >"$WORK/plan"
diag "$(cat "$WORK/plan")"
check "the plan says which VFs" grep -q "w:e0 is VF .* of $PF (wire to VF" "$WORK/plan"
t0=$(now_ms)
check "the topology applies" vnet topology apply "$WORK/life.yaml"
all=$(($(now_ms) - t0))
vnet -j vf show >"$WORK/vfs.json"
diag "$(vnet vf show)"
is "every VF used has its owner" "$(jq '[.vfs[] | select(.owner)] | length' "$WORK/vfs.json")" $((2 * pairs + 2))
is "each node's VF has its program" "$(jq -c '[.vfs[] | select(.role == "node") | .xdp] | unique' "$WORK/vfs.json")" \
	"$([[ $VM_FIXTURE = igb* ]] && echo '["generic"]' || echo '["native"]')"

answers() {
	inn "life.$1" ping -q -c 2 -i 0.3 -W 3 "$2"
}
ok=1
for ((i = 0; i < pairs; i++)); do
	busywait 20000 answers "a$i" "10.7.$i.1" >/dev/null || { ok=0; diag "direct pair $i is silent"; }
done
is "direct links carry echoes" $ok 1
check "the wire carries echoes" busywait 20000 answers w 10.7.100.1
rtt=$(inn life.w ping -q -c 5 -i 0.3 -W 5 10.7.100.1 | awk -F'[/= ]+' '/^rtt/ { printf "%d", $6 * 1000 }')
cmp_num "the wire's two delays of 20 ms are not cut short" "$rtt" '>=' 40000
cmp_num "and its frames are counted" "$(vnet -j -s link show wire | jq '[.links[].directions[].stats.out_packets] | add')" '>=' 4
check "a second apply has nothing to do" vnet topology apply "$WORK/life.yaml"
if ((pairs)); then
	expect_exit "a delay on a direct link is refused, with the way out" 1 'mode: wire' vnet link set d0 delay 1ms
else
	expect_exit "more VFs than there are is refused" 1 "has $PF_TOTAL VFs" vnet topology plan <(sed 's/^name: life/name: more/; s/10\.7\./10.8./g; s/\[w:e0/[w:e0/' "$WORK/life.yaml")
fi

t0=$(now_ms)
check "the topology is deleted" vnet topology delete life
gone=$(($(now_ms) - t0))
check "the PF is as it was found, attribute by attribute" busywait 5000 as_found "$before"
as_found "$before" || diag "before: $before; after: $(state_of_pf)"

# What the drivers alone take, the same VFs made and up by hand: printed beside ours.
linked() {
	local i

	for ((i = 0; i < 2 * pairs + 2; i++)); do
		[ "$(cat "/sys/class/net/$(vf_netdev $i)/carrier")" = 1 ] || return
	done
}
t0=$(now_ms)
vfs_up $((2 * pairs + 2)) >/dev/null
for ((i = 0; i < 2 * pairs + 2; i++)); do
	ip link set "$(vf_netdev $i)" up
done
busywait 10000 linked >/dev/null
alone=$(($(now_ms) - t0))
t0=$(now_ms)
vfs_down
diag "$((2 * pairs + 2)) VFs of $PF_TOTAL, guest time: apply $all ms, the drivers alone $alone ms, ours $((all - alone)) ms;" \
	"delete $gone ms, the drivers alone $(($(now_ms) - t0)) ms"
stop_agent
check "no record is left" test ! -e /run/vnet/vfs
