#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The agent on this kernel: two nodes, a plain link and a held one, echoes that take as long as the file says.
# shellcheck source=selftests/lib/vf.sh
. "$(dirname "$0")/../lib/vf.sh"
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq ping

BIG=$(held_mtu_max)

cat >"$WORK/two.yaml" <<YAML
name: vm
nodes: {a: {}, b: {}}
links:
  plain: {endpoints: [a:p0, b:p0]}
  held: {endpoints: [a:h0, b:h0], delay: 40ms}
ports:
  "a:p0": {ip: [10.78.0.0/31]}
  "b:p0": {ip: [10.78.0.1/31]}
  "a:h0": {ip: [10.78.0.2/31]}
  "b:h0": {ip: [10.78.0.3/31]}
YAML

start_agent || exit 1
check "the topology applies on $(uname -r)" vnet topology apply "$WORK/two.yaml"

# rtt ADDR: the least round trip of five echoes, in microseconds
rtt() {
	inn vm.a ping -q -c 5 -i 0.3 -W 5 "$1" | awk -F'[/= ]+' '/^rtt/ { printf "%d", $6 * 1000 }'
}
answers() {
	inn vm.a ping -q -c 1 -W 2 "$1"
}
check "the plain link carries echoes" busywait 10000 answers 10.78.0.1
check "the held link does" busywait 10000 answers 10.78.0.3
# Never early; how late depends on the host that emulates this machine, so the upper bound is generous.
cmp_num "two delays of 40 ms are not cut short" "$(rtt 10.78.0.3)" '>=' 80000
packets() {
	vnet -j -s link show held | jq '[.links[].directions[].stats.out_packets] | add'
}
before=$(packets)
answers 10.78.0.3 >/dev/null
cmp_num "the held link counts what it carries" "$(packets)" '>=' "$((before + 2))"

# --- large frames: what this kernel can hold passes whole, what it would lose is refused ---

# large NAME MTU DELAY-WORDS
large() {
	printf 'name: %s\nnodes: {a: {}, b: {}}\nlinks: {ab: {endpoints: [a:e0, b:e0], mtu: %d%s}}\n' "$1" "$2" "$3" >"$WORK/$1.yaml"
	printf 'ports: {"a:e0": {ip: [10.78.1.0/31]}, "b:e0": {ip: [10.78.1.1/31]}}\n' >>"$WORK/$1.yaml"
}
whole() {
	inn "$1.a" ping -q -c 1 -W 2 -M "do" -s $(($2 - 28)) 10.78.1.1
}
refused() {
	local out rc

	out=$(vnet "$@" 2>&1)
	rc=$?
	diag "$rc: $out"
	[ $rc -eq 7 ] && grep -q "MTU 9000.*$(uname -r).*3490" <<<"$out"
}
large fit "$BIG" ', delay: 1ms'
vnet topology apply "$WORK/fit.yaml" >/dev/null
check "a held link of MTU $BIG carries full frames" busywait 10000 whole fit "$BIG"
vnet topology delete fit >/dev/null
large plain 9000 ''
vnet topology apply "$WORK/plain.yaml" >/dev/null
check "a plain one of MTU 9000 does on any kernel" busywait 10000 whole plain 9000
if [ "$BIG" = 9000 ]; then
	for name in plan apply "link set"; do
		ktap_skip "$name refuses a held link of MTU 9000" "this kernel holds it"
	done
else
	large "over" 9000 ', delay: 1ms'
	check "plan refuses a held link of MTU 9000" refused topology plan "$WORK/over.yaml"
	check "apply refuses it" refused topology apply "$WORK/over.yaml"
	check "link set refuses to hold it" refused link set plain/ab delay 1ms
fi
check "and the plain one carries frames still" whole plain 9000
