#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A network is what its file says, or says how it is not: whatever a node's root does to the node's own end is planned,
# shown, told and mended; what the node adds is left alone; and nothing of it stops an apply.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq ping ip

cat >"$WORK/d.yaml" <<'YAML'
name: d
nodes: {a: {}, b: {}, c: {}}
links:
  ab: {endpoints: [a:eth0, b:eth0]}
  bc: {endpoints: [b:eth1, c:eth0], delay: 1ms}
YAML
FILE=$WORK/d.yaml

fails() {
	! "$@"
}

steps_text() {
	vnet -j topology plan "$FILE" | jq -r '.steps[].text'
}

# What matters of node $1, in an order of its own; "nodad" and the like may differ.
state_of() {
	inn "$1" ip -j addr | jq -c '[.[] | select(.ifname | test("^(lo|eth)")) | {ifname, mtu, address,
		up: (.flags | index("UP") != null),
		addrs: ([.addr_info[] | select(.scope == "global") | .local + "/" + (.prefixlen | tostring)] | sort)}] | sort'
	inn "$1" ip route | sort
	inn "$1" ip -6 route | grep -vE "fe80|dev lo" | sort
	inn "$1" ip neigh show nud permanent | sort
	inn "$1" ip -6 neigh show nud permanent | sort
	inn "$1" sysctl net.ipv4.ip_forward net.ipv6.conf.all.forwarding net.ipv4.conf.all.rp_filter
}

degraded() {
	vnet -j node show "$1" | jq -e '.nodes[0].state == "degraded"' >/dev/null
}

events() {
	jq -r "select(.event == \"$1\" and .node == \"$2\") | .drift" "$WORK/events"
}

told() {
	events node-changed "$1" | grep -qE -- "$2"
}

ip netns add elsewhere
defer ip netns del elsewhere
start_agent || exit 1
check "the topology applies" vnet topology apply "$FILE"
MONITOR_FILE=$WORK/events
vnet -j monitor >"$MONITOR_FILE" &
MONITOR=$!
defer kill $MONITOR
vnet monitor d >"$MONITOR_FILE.words" &
defer kill $!
vnet monitor other >"$MONITOR_FILE.others" &
defer kill $!
busywait 3000 test -s "$MONITOR_FILE.words" -a -s "$MONITOR_FILE.others" >/dev/null
busywait 3000 test -s "$MONITOR_FILE" >/dev/null
A=$(vnet -j node show b | jq -r '.nodes[0].ports[0].addresses[0]' | cut -d/ -f1)
C=$(vnet -j node show c | jq -r '.nodes[0].addresses[0]' | cut -d/ -f1)
expect_exit "as applied there is nothing to do" 0 "nothing to do" vnet topology plan "$FILE"
is "and nothing drifted" "$(vnet -j node show | jq -r '[.nodes[] | .state + .drift] | unique[]')" up

testcase bounced
# Down and up again.
inn d.a ip link set eth0 down
inn d.a ip link set eth0 up
expect_exit "a bounced interface is planned" 10 \
	"configure node a: 1 address missing, 2 routes missing, 2 neighbours missing" vnet topology plan "$FILE"
is "the node is degraded" "$(vnet -j node show a | jq -r '.nodes[0].state')" degraded
is "what it lost is not shown as there" "$(vnet -j node show a | jq -r '.nodes[0].ports[0].addresses | length')" 1
is "but as missing" "$(vnet -j node show a | jq -r '.nodes[0].ports[0].missing_addresses | length')" 1
is "routes are counted as they are" "$(vnet -j node show a | jq -c '.nodes[0] | [.routes, .missing_routes]')" "[2,2]"
expect_exit "in words" 0 "degraded: 1 address missing, 2 routes missing" vnet node show a
expect_exit "so is the link" 0 "degraded" vnet link show ab
is "with the node's name" "$(vnet -j link show ab | jq -r '.links[0].drift')" \
	"a: 1 address missing, 2 routes missing, 2 neighbours missing"
is "the other link is not" "$(vnet -j link show bc | jq -r '.links[0].state')" up
is "the topology says how many" "$(vnet -j topology show d | jq '.topologies[0].degraded_nodes')" 1
expect_exit "verify has a check for it" 1 "fail +node" vnet link verify ab --no-probe
check "monitor tells" busywait 3000 told a "2 routes missing"
link_told() {
	jq -se --arg e "$1" 'any(.[]; .event == $e and .link == "ab" and .topology == "d")' "$MONITOR_FILE" >/dev/null
}
check "and of the link" busywait 3000 link_told link-degraded
check "the log has it" grep -q "node d/a: 1 address missing" "$AGENT_LOG"
check "an apply mends it" vnet topology apply "$FILE"
check "it is reached again" inn d.a ping -nq -c 2 -i 0.05 -W 2 "$C"
expect_exit "nothing is left to do" 0 "nothing to do" vnet topology plan "$FILE"
again() {
	jq -se 'any(.[]; .event == "node-changed" and .node == "a" and .state == "up")' "$MONITOR_FILE" >/dev/null
}
check "monitor tells that, too" busywait 3000 again
check "of the link as well" busywait 3000 link_told link-recovered
check "in words, of the topologies that were asked for" busywait 3000 grep -qE '^20[0-9TZ:.-]+ link-degraded +d/ab drift=a: ' "$MONITOR_FILE.words"
is "and of no other" "$(grep -c node-changed "$MONITOR_FILE.others")" 0
vnet link reset ab >/dev/null # a frame may have met the end while it was down
expect_exit "verify passes" 0 "pass +node" vnet link verify ab --no-probe

testcase differs
# Each way to differ: what is planned, and that an apply brings back exactly what was.
for n in a b c; do state_of d.$n; done >"$WORK/wished"
# drifts NODE PATTERN COMMAND: in node NODE, whose plan says PATTERN then
drifts() {
	local got

	inn "d.$1" sh -c "$3"
	got=$(steps_text)
	if [[ $got =~ ^"configure node $1: "$2$ ]]; then
		ktap_ok "$3: $2"
	else
		ktap_fail "$3: $2"
		diag "planned: $got"
	fi
	vnet topology apply "$FILE" >/dev/null
	for n in a b c; do state_of d.$n; done >"$WORK/mended"
	check "$3: mended" diff "$WORK/wished" "$WORK/mended"
}
drifts b "eth1 down, .*missing" "ip link set eth1 down"
drifts a "eth0 is named wan, .*" "ip link set eth0 down; ip link set eth0 name wan; ip link set wan up"
drifts c "eth0 MTU 1400" "ip link set eth0 mtu 1400"
drifts c "eth0 MTU 1000, eth0 without IPv6, 1 address missing, .*" "ip link set eth0 mtu 1000"
drifts c "eth0 MAC 02:00:00:00:00:77, 2 neighbours missing" "ip link set eth0 address 02:00:00:00:00:77"
drifts a "2 addresses missing, .*" "ip addr flush dev eth0"
drifts b "2 addresses missing, 4 routes missing" "ip addr flush dev lo"
drifts a "3 routes missing" "ip route flush all"
drifts a "[23] routes missing" "ip -6 route flush table main"
drifts a "1 route missing" "ip route replace blackhole \$(ip route | sed -n 's, via.*,,p')"
drifts a "2 neighbours missing" "ip neigh flush all nud permanent; ip -6 neigh flush all nud permanent"
drifts a "1 neighbour missing" "ip neigh replace $A lladdr 02:00:00:00:00:78 dev eth0 nud permanent"
drifts a "eth0 without IPv6, 1 address missing, 1 route missing, 1 neighbour missing" \
	"sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1"
drifts b "forwarding off" "sysctl -qw net.ipv4.ip_forward=0"
drifts c "rp_filter on" "sysctl -qw net.ipv4.conf.all.rp_filter=1"
drifts c "lo down, .*" "ip link set lo down"

testcase own
# What is the node's own.
inn d.b ip addr add 192.0.2.1/24 dev eth0
inn d.b ip route add 198.51.100.0/24 via 192.0.2.2 proto bird
inn d.b ip route add default via 192.0.2.3 proto static
inn d.b ip link add br0 type bridge
inn d.a sysctl -qw net.ipv4.ip_forward=1
expect_exit "what a node adds is no drift" 0 "nothing to do" vnet topology plan "$FILE"
is "its address is shown" "$(vnet -j node show b | jq -r '.nodes[0].ports[0].seen.other_addresses | map(select(startswith("192"))) []')" \
	192.0.2.1/24
inn d.b ip link set eth0 down
inn d.b ip link set eth0 up
inn d.b ip route add 198.51.100.0/24 via 192.0.2.2 proto bird
check "a mend" vnet topology apply "$FILE"
is "leaves the node's routes and addresses" "$(inn d.b ip route show proto bird | wc -l) $(inn d.b ip addr show eth0 | grep -c 192.0.2.1)" "1 1"
inn d.b ip link del br0

testcase moved
# An end that is moved away; applies that touch the node go on.
inn d.a ip link set eth0 netns elsewhere
is "a moved end is seen at once" "$(vnet -j link show ab | jq -r '.links[0].state')" broken
sed 's/name: d$/&\nseed: 7/; s/nodes: {a: {}/nodes: {a: {forward: true}/' "$FILE" >"$WORK/touch.yaml"
check "an apply that touches its node succeeds" vnet topology apply "$WORK/touch.yaml"
check "and the link is whole" inn d.a ping -nq -c 2 -i 0.05 -W 2 "$C"
check "back to the first file" vnet topology apply "$FILE"

testcase taken
# An index or a name that a node's root took in advance.
used=$(vnet -j link show | jq '[.links[].endpoints[].number] | max')
for n in $(seq $((used + 1)) $((used + 8))); do
	inn d.a ip link add "sq$n" index $((2000000 + n)) type bridge
done
sed 's/^links:/&\n  ac: {endpoints: [a:eth9, c:eth9]}/' "$FILE" >"$WORK/more.yaml"
check "taken indexes do not veto a link" vnet topology apply "$WORK/more.yaml"
check "which works" inn d.a ping -nq -c 2 -i 0.05 -W 2 "$(vnet -j node show c | jq -r '.nodes[0].ports[] | select(.ifname == "eth9").addresses[0]' | cut -d/ -f1)"
check "and goes" vnet topology apply "$FILE"
inn d.a ip link add eth9 type bridge
expect_exit "a taken name is named, with a way on" 2 "node a: it has an interface eth9 of its own.*rename it" \
	vnet topology apply "$WORK/more.yaml"
inn d.a ip link set eth9 name mine
check "which is one" vnet topology apply "$WORK/more.yaml"
check "the first file again" vnet topology apply "$FILE"

testcase routes_itself
# A node that routes and addresses itself.
cat >"$WORK/none.yaml" <<'YAML'
name: n
addressing: none
routing: none
nodes: {a: {}, b: {}}
links: {ab: {endpoints: [a:eth0, b:eth0]}}
YAML
vnet topology apply "$WORK/none.yaml" >/dev/null
inn n.a ip addr add 192.0.2.1/24 dev eth0
inn n.a ip route add 203.0.113.0/24 via 192.0.2.2
inn n.a sysctl -qw net.ipv4.ip_forward=1
expect_exit "routing and addressing: none are the node's" 0 "nothing to do" vnet topology plan "$WORK/none.yaml"
vnet topology delete n >/dev/null

testcase ipv6_off
# A node's root has turned IPv6 off, and a link comes, or comes again.
printf 'name: v\nnodes: {a: {}, b: {}}\nlinks: {ab: {endpoints: [a, b]}}\n' >"$WORK/v.yaml"
vnet topology apply "$WORK/v.yaml" >"$WORK/.out"
inn v.a sysctl -qw net.ipv6.conf.all.disable_ipv6=1
sed 's/endpoints: .a, b.}/&, more: {endpoints: [a, b], delay: 1ms}/' "$WORK/v.yaml" >"$WORK/v2.yaml"
check "IPv6 off: a link more" vnet topology apply "$WORK/v2.yaml"
inn v.a ip link del eth0
check "a link again" vnet topology apply "$WORK/v2.yaml"
check "nothing is left to do" vnet topology plan "$WORK/v2.yaml"
vnet topology delete v >"$WORK/.out"

testcase restart
# A daemon that was not there finds it all the same.
kill_agent
inn d.c ip addr flush dev eth0
start_agent
expect_exit "drift from before a daemon's start is planned" 10 "node c: 2 addresses missing" vnet topology plan "$FILE"

testcase heal
# Heal: true.
sed 's/^name: d$/&\nheal: true/' "$FILE" >"$WORK/heal.yaml"
check "the file says heal: true" vnet topology apply "$WORK/heal.yaml"
whole() {
	[ "$(state_of d.a)" = "$1" ]
}
wished=$(state_of d.a)
inn d.a ip link set eth0 down
inn d.a ip link set eth0 up
check "a bounced interface mends itself" busywait 3000 whole "$wished"
inn d.a ip link set eth0 netns elsewhere
reached() {
	inn d.a ping -nq -c 1 -W 1 "$C"
}
check "a moved one is made anew" busywait 5000 reached
