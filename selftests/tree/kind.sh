#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What a new kind of port takes: a copy of the tree is given one, `kind: loopback`, which sends back what it is sent. How
# many files of the product that modifies, and that it works from the file to the frame. docs/KINDS.md explains it.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need make patch jq

MOST=8 # product files that a kind may modify
D=$WORK/tree
mkdir "$D"
(cd "$TOP" && cp -a --parents Makefile agent bpf engine include lib loader maps scripts docs selftests/tools "${B#"$TOP"/}/obj" "${B#"$TOP"/}"/{gen,flags,*.o,*.a,vnet-*} "$D" 2>/dev/null)
check "a kind is a patch and a file" patch -d "$D" -p1 -i "$TOP/selftests/tree/kind_loopback.patch"
cp "$TOP/selftests/tree/port_loopback.c" "$D/agent/exec/"
cmp_num "product files that it modifies" "$(grep -c '^+++ ' "$TOP/selftests/tree/kind_loopback.patch")" "<=" $MOST
check "the agent is built with it" make -s -j2 --no-print-directory -C "$D" B="${B#"$TOP"/}" "${B#"$TOP"/}/vnet-agent"
AGENT=$D/${B#"$TOP"/}/vnet-agent

cat >"$WORK/lo.yaml" <<YAML
name: lo
nodes: {a: {}, b: {}}
links:
  ab: {endpoints: [a:e0, b:e0], delay: 1ms}
ports:
  b:e0: {kind: loopback, isolation: off}
YAML
sed 's/kind: loopback, //' "$WORK/lo.yaml" >"$WORK/plain.yaml"
sed 's/loopback/loopbock/' "$WORK/lo.yaml" >"$WORK/wrong.yaml"
addr=10.0.1.3 # no node has it: what comes back is what was sent

start_agent || exit 1
snapshot >"$WORK/before"
expect_exit "its word is known, and suggested" 1 'write kernel, afxdp or loopback' vnet topology plan "$WORK/wrong.yaml"
check "a topology with one applies" vnet topology apply "$WORK/lo.yaml"
is "it is shown" "$(vnet -j port show b:e0 | jq -r '.ports[0].kind')" loopback
is "nothing is to be done again" "$(vnet topology plan "$WORK/lo.yaml")" "lo: nothing to do"
came_back() {
	[ "$(vnet -j -s link show ab | jq '.links[0].directions[1].stats.in_packets')" -ge 3 ]
}
ping3() {
	vnet node exec lo/a -- ping -c 3 -i 0.01 -W 1 $addr >/dev/null
}
vnet node exec lo/a -- ip neigh replace $addr dev e0 lladdr 02:00:00:00:00:99
ping3
check "frames come back over the link" busywait 5000 came_back
kill_agent
start_agent || exit 1
is "another daemon finds it as it was" "$(vnet topology plan "$WORK/lo.yaml")" "lo: nothing to do"
check "it becomes an ordinary port" vnet topology apply "$WORK/plain.yaml"
is "with nothing left of the kind" "$(find /sys/fs/bpf/vnet -name 'loopback-*')" ""
check "and goes" vnet topology delete lo
leak_check "nothing is left" "$WORK/before"
