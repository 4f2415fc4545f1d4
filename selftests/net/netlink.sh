#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Answers of the kernel are the kernel's: who has CAP_NET_ADMIN in a node forges them while the daemon works there.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq setpriv

ROUNDS=${VNET_FORGED_APPLIES:-60}

# file N: a node whose addresses differ with N, so that the daemon has work in its namespace
file() {
	cat <<YAML
name: n
addressing: none
nodes: {a: {}, b: {}}
links: {ab: {endpoints: [a:eth0, b:eth0]}}
ports:
  "a:eth0": {ip: ["192.0.2.$1/24"]}
  "b:eth0": {ip: ["192.0.2.254/24"]}
YAML
}

# lies_to NODE...: forgers as in a container with NET_ADMIN, not root
lies_to() {
	local node

	for node; do
		bg nsenter --net="/run/netns/n.$node" -- setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps -all,+net_admin \
			--ambient-caps -all,+net_admin -- "$TOOLS/forge" "$AGENT_PID" >"$WORK/forge.$node"
		busywait 5000 grep -q ready "$WORK/forge.$node" >/dev/null || return 1
	done
}

applies() {
	local i

	for ((i = 1; i <= ROUNDS; i++)); do
		file $((i % 200 + 1)) >"$WORK/n.yaml"
		vnet topology apply "$WORK/n.yaml" >>"$WORK/applies" 2>&1 || echo "apply $i: exit $?" >>"$WORK/failed"
	done
}

start_agent || exit 1
file 1 >"$WORK/n.yaml"
check "the topology applies" vnet topology apply "$WORK/n.yaml"

testcase forged
check "forgers work in both nodes" lies_to a b
: >"$WORK/failed"
applies
is "of $ROUNDS applies meanwhile none fails" "$(cat "$WORK/failed" "$WORK/applies" | grep -E 'exit|not permitted' | head -n 3)" ""
is "the node is what the file says" "$(inn n.a ip -j address show dev eth0 | jq -r '[.[0].addr_info[].local] | index("192.0.2.'$((ROUNDS % 200 + 1))'") != null')" true
