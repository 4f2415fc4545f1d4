#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# `routing: shortest` as the kernel forwards: links that the file sets down are no way, the delay of a trace counts, and
# every node's packets go as far as the longest path.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq ping

# address TOPOLOGY/NODE 4|6: the node's loopback
address() {
	vnet -j node show "$1" | jq -r ".nodes[0].addresses[$(($2 == 4 ? 0 : 1))]" | cut -d/ -f1
}

# reaches NETNS ADDRESS
reaches() {
	inn "$1" ping -nq -c 2 -i 0.05 -W 2 "$2" >/dev/null
}

# rtt_ms NODE ADDRESS: of the quickest of four
rtt_ms() {
	inn "$1" ping -nq -c 4 -i 0.1 -W 2 "$2" | awk -F'[=/]' '/^rtt/ { print int($5) }'
}

cat >"$WORK/dn.yaml" <<'YAML'
name: dn
nodes: {a: {}, b: {}, c: {}}
links:
  ab: {endpoints: [a, b], delay: 1ms}
  bc: {endpoints: [b, c], delay: 1ms, state: down}
  ac: {endpoints: [a, c], delay: 20ms}
YAML
start_agent || exit 1

testcase down_in_file
# Down in the file.
check "apply, with a link down" vnet topology apply "$WORK/dn.yaml"
for v in 4 6; do
	check "IPv$v goes round the link that is down" reaches dn.a "$(address dn/c $v)"
	check "from its end, too" reaches dn.b "$(address dn/c $v)"
done
for side in 0 1; do
	to=$(vnet -j link show dn/bc | jq -r '.links[0].ports['$side'].addresses[0] // empty' | cut -d/ -f1)
	[ -n "$to" ] || to=$(vnet -j node show "dn/$([ $side = 0 ] && echo b || echo c)" |
		jq -r '.nodes[0].ports[] | select(.link == "bc") | .addresses[0]' | cut -d/ -f1)
	check "its own addresses are reached as its ends are ($side)" reaches dn.a "$to"
done
check "link set state up moves no route" vnet link set dn/bc state up
cmp_num "the way is still the other" "$(rtt_ms dn.a "$(address dn/c 4)")" -ge 40
sed 's/, state: down//' "$WORK/dn.yaml" >"$WORK/up.yaml"
check "the file says up" vnet topology apply "$WORK/up.yaml"
cmp_num "now it is the way" "$(rtt_ms dn.a "$(address dn/c 4)")" -lt 40
check "link set state down moves no route" vnet link set dn/bc state down
is "and the way is lost" "$(reaches dn.a "$(address dn/c 4)"; echo $?)" 1
kill_agent
start_agent || exit 1
check "a daemon that starts anew plans no other routes" vnet topology apply "$WORK/up.yaml"
check "delete" vnet topology delete dn

testcase one_way
# One direction down: the other one is a way, there over the link and back round it.
for down in 'reverse: {state: down}' 'state: down, reverse: {state: up}'; do
	sed "s/state: down/$down/" "$WORK/dn.yaml" >"$WORK/oneway.yaml"
	check "apply, with $down" vnet topology apply "$WORK/oneway.yaml"
	for v in 4 6; do
		check "IPv$v passes there and back" reaches dn.b "$(address dn/c $v)"
	done
	vnet topology delete dn >"$WORK/.out"
done
printf 'name: ow\nnodes: {a: {}, b: {}}\nlinks: {ab: {endpoints: [a, b], reverse: {state: down}}}\n' >"$WORK/ow.yaml"
check "apply, with no way back" vnet topology apply "$WORK/ow.yaml"
vnet topology delete ow >"$WORK/.out"

testcase trace
# The delay of a trace.
printf 'time_s,delay_ms\n0,300\n10,300\n' >"$WORK/slow.csv"
cat >"$WORK/tr.yaml" <<'YAML'
name: tr
nodes: {a: {}, b: {}}
links:
  sat: {endpoints: [a, b], trace: slow.csv}
  fibre: {endpoints: [a, b], delay: 5ms}
YAML
check "apply, with a delay in a trace" vnet topology apply "$WORK/tr.yaml"
cmp_num "the fibre is the way" "$(rtt_ms tr.a "$(address tr/b 4)")" -lt 300
is "a second apply has nothing to do" "$(vnet -j topology apply "$WORK/tr.yaml" | jq .steps)" 0
kill_agent
start_agent || exit 1
is "nor has one of a new daemon" "$(vnet -j topology apply "$WORK/tr.yaml" | jq .steps)" 0
printf 'time_s,delay_ms\n0,1\n10,1\n' >"$WORK/slow.csv"
check "the file of the trace is edited" vnet topology apply "$WORK/tr.yaml"
cmp_num "the satellite is the way" "$(rtt_ms tr.a "$(address tr/b 4)")" -lt 8
check "delete" vnet topology delete tr

testcase far
chain() {
	local i

	echo "name: far"
	echo "nodes:"
	for ((i = 0; i < $1; i++)); do echo "  n$i: {}"; done
	echo "links:"
	for ((i = 1; i < $1; i++)); do echo "  l$i: {endpoints: [n$((i - 1)), n$i]}"; done
}
limits() {
	inn "far.$1" cat /proc/sys/net/ipv4/ip_default_ttl "/proc/sys/net/ipv6/conf/$2/hop_limit" /proc/sys/net/ipv6/conf/default/hop_limit | xargs
}
chain 3 >"$WORK/near.yaml"
chain 70 >"$WORK/far.yaml"
chain 300 >"$WORK/further.yaml"
check "a short chain" vnet topology apply "$WORK/near.yaml"
is "the kernel's own limits" "$(limits n1 eth0)" "64 64 64"
expect_exit "check tells of a long one" 0 "crosses 70 links: the nodes send with TTL and hop limit 255" vnet topology check "$WORK/far.yaml"
expect_exit "and warns of one that is too long" 0 "warning: far: the longest path crosses 300 links" vnet topology check "$WORK/further.yaml"
expect_exit "it grows, and says whose place it takes" 0 "note: topology far was that of .*/near.yaml; this made it that of .*/far.yaml" \
	vnet topology apply "$WORK/far.yaml"
is "those that were there can send as far" "$(limits n1 eth0)" "255 255 255"
check "from end to end, IPv4" busywait 5000 reaches far.n0 "$(address far/n69 4)"
check "from end to end, IPv6" busywait 5000 reaches far.n0 "$(address far/n69 6)"
check "it shrinks" vnet topology apply "$WORK/near.yaml"
is "and has the kernel's own limits again" "$(limits n1 eth0)" "64 64 64"
