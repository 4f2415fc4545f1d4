#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The agent on this kernel: two nodes, a plain link and a held one, echoes that take as long as the file says.
# shellcheck source=selftests/lib/vf.sh
. "$(dirname "$0")/../lib/vf.sh"
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq ping
plan 5

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
