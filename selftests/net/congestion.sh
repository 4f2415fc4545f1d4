#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The congestion control that a node's TCP begins with: as the file says, as a new namespace has it where the file says
# nothing, and refused with the reason where the kernel has not allowed it. The host's own is never touched.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq

# file DEFAULT-OF-A: node a with that, node b without
file() {
	printf 'name: cc\nnodes: {a: {congestion: %s}, b: {}}\nlinks: {ab: {endpoints: [a:eth0, b:eth0]}}\n' "$1"
}
of() {
	inn "cc.$1" cat /proc/sys/net/ipv4/tcp_congestion_control
}
host_settings() {
	cat /proc/sys/net/ipv4/tcp_congestion_control /proc/sys/net/ipv4/tcp_allowed_congestion_control
}

HOST=$(host_settings)
start_agent || exit 1
# What a new namespace gets is the first namespace's, which need not be the sandbox's.
vnet topology apply <(file auto) >/dev/null
FRESH=$(of b)
file reno >"$WORK/reno.yaml"
file auto >"$WORK/auto.yaml"
file nosuch >"$WORK/nosuch.yaml"

testcase set
is "a node that names none has what a new namespace has" "$(of a)" "$FRESH"
check "a node that runs gets another" vnet topology apply "$WORK/reno.yaml"
is "its sockets begin with it" "$(of a)" reno
is "and no other node's" "$(of b)" "$FRESH"
is "the running topology says so" "$(vnet -j topology show cc | jq -c '[.topology.nodes[].congestion]')" '["reno",null]'
inn cc.a sh -c "echo $FRESH >/proc/sys/net/ipv4/tcp_congestion_control"
expect_exit "what the node's root sets is no drift" 0 "" vnet topology plan "$WORK/reno.yaml"
check "from the beginning" sh -c "'$AGENT' topology delete cc && '$AGENT' topology apply '$WORK/reno.yaml'"
is "too" "$(of a)" reno
check "a daemon that starts knows it" eval "kill_agent; start_agent"
is "and changes nothing" "$(of a) $(vnet -j topology show cc | jq -r '.topology.nodes[0].congestion')" "reno reno"
check "it is taken away" vnet topology apply "$WORK/auto.yaml"
is "the node has what the host has" "$(of a)" "$(head -n 1 <<<"$HOST")"

testcase refused
# What the kernel refuses.
expect_exit "one that the kernel has not" 6 "node a: congestion: this kernel has no 'nosuch'" vnet topology apply "$WORK/nosuch.yaml"
is "nothing has changed" "$(of a)" "$(head -n 1 <<<"$HOST")"
restricted=$(tr ' ' '\n' </proc/sys/net/ipv4/tcp_available_congestion_control |
	grep -vxF "$(tr ' ' '\n' </proc/sys/net/ipv4/tcp_allowed_congestion_control)" | head -n 1)
if [ -n "$restricted" ]; then
	file "$restricted" >"$WORK/restricted.yaml"
	expect_exit "one that the host has not allowed, and what to do" 6 \
		"no namespace but the host's own have '$restricted': add it to the host's net.ipv4.tcp_allowed_congestion_control \(now: " \
		vnet topology apply "$WORK/restricted.yaml"
else
	ktap_skip "one that the host has not allowed, and what to do" "this kernel has allowed all that it has"
fi
is "a socket of root's may have it all the same: what the bench does" "$("$PERF/vntcp" -C "$CONGESTION" -t /run/netns/cc.a \
	-r /run/netns/cc.b -a "$(vnet -j link show ab | jq -r '.links[0].endpoints[1].addresses[0] | sub("/.*"; "")')" \
	-d 0.2 -w 0.1 | jq -r .congestion)" "$CONGESTION"
is "the host's settings are as they were" "$(host_settings)" "$HOST"
