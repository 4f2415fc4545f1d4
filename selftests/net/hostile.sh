#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Hostile applications, and hostile roots of nodes, on ports of both hand-overs: only their own node suffers, a counter
# says so, and the agent and another link go on without a lost packet.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq ping ethtool
kernel_since 6.4 || skip_all "Linux before 6.4 cannot hand over a bound socket, which this is about"

FRAME=$TOOLS/frame
XSK=$TOOLS/xsk
NOBODY=$TOP/selftests/lib/as-nobody

chmod 755 "$WORK"
cp "$TOOLS/hostile" "$WORK/"

cat >"$WORK/h.yaml" <<YAML
name: h
nodes: {l: {}, lp: {}, d: {}, dp: {}, good: {}, peer: {}}
links:
  lib: {endpoints: [l:eth0, lp:eth0]}
  dpdk: {endpoints: [d:eth0, dp:eth0]}
  honest: {endpoints: [good:eth0, peer:eth0], delay: 1ms}
ports:
  "l:eth0": {kind: afxdp, kernel: arp+icmp, handover: libvnet, buffers: 1024}
  "d:eth0": {kind: afxdp, kernel: arp+icmp, handover: cni}
  "lp:eth0": {isolation: off}
  "dp:eth0": {isolation: off}
YAML

# port NODE FIELD
port() {
	vnet -j port show "$1:eth0" | jq -r ".ports[0].$2"
}

same() {
	[ "$("${@:2}")" = "$1" ]
}

fails() {
	! "$@"
}

free() {
	busywait 3000 same null port "$1" application >/dev/null
}

sock() {
	echo "/run/vnet/ports/h/$1/eth0/afxdp.sock"
}

# hostile WHAT [N]: to its end, on l's port; its output
hostile() {
	"$NOBODY" /run/vnet/ports/h/l/eth0 "$WORK/hostile" /mnt/afxdp.sock "$@"
}

# begin WHAT MS: in the background, with its port; end: when it has ended, its output is in $WORK/out
BEGUN=
begin() {
	# Not by hostile(): a kill would end its shell alone.
	"$NOBODY" /run/vnet/ports/h/l/eth0 "$WORK/hostile" /mnt/afxdp.sock "$1" $(($2 * ${VN_SLOW:-1})) >"$WORK/out" &
	BEGUN=$!
	busywait 5000 same hostile port l application.comm >/dev/null
}
end() {
	wait $BEGUN 2>/dev/null
	free l
}

out() {
	jq -r ".$1" "$WORK/out"
}

send_to_l() {
	inn h.lp "$FRAME" send eth0 --dst "$MAC_L" "$@" >/dev/null
}

drops() {
	vnet -j -s link show "$1" | jq ".links[0].directions[0].stats.drops[\"$2\"]"
}

# still_good NAME: after what NAME did, the port works for the next application, with every frame
still_good() {
	begin receive 1500
	send_to_l --count 200 raw
	end
	cmp_num "$1: the next application gets every frame" "$(out received)" ">=" 200
}

start_agent || exit 1
snapshot >"$WORK/before"
check "the topology applies" vnet topology apply "$WORK/h.yaml"
MAC_L=$(vnet -j link show lib | jq -r '.links[0].endpoints[0].mac')
MAC_D=$(vnet -j link show dpdk | jq -r '.links[0].endpoints[0].mac')
A_L=$(vnet -j link show lib | jq -r '.links[0].endpoints[0].addresses[0]' | cut -d/ -f1)
PEER=$(vnet -j link show honest | jq -r '.links[0].endpoints[1].addresses[0]' | cut -d/ -f1)
down=$(engine_down_drops)
# As long as this lasts; each round waits for its last answer.
honest() {
	until [ -e "$WORK/enough" ]; do
		inn h.good ping -nq -i 0.005 -c 400 -W 5 "$PEER"
	done
}
honest >"$WORK/ping" &
HONEST=$!
fds() {
	find "/proc/$AGENT_PID/fd" -mindepth 1 | wc -l
}
fds=$(fds)
rss() {
	awk '/^VmRSS/ { print $2 }' "/proc/$AGENT_PID/status"
}

testcase given
# What it was given.
is "the memory's seals hold, a hole is its own affair" "$(hostile memory)" \
	'{"shrink": "EPERM", "grow": "EPERM", "seal": "EPERM", "punch": "ok"}'
still_good "memory with a hole"
is "the socket stays bound where it is, and it gets no other" "$(hostile socket)" \
	'{"bind": "EBUSY", "ring": "EBUSY", "umem": "EBUSY", "new": "EPERM"}'

testcase rings
begin keep 2500
send_to_l --count 3000 raw
end
cmp_num "buffers never given back: it gets no more than it has" "$(out received)" "<=" 1024
cmp_num "the rest is counted, by the application's own count" "$(out no_buffer)" ">=" 1900
cmp_num "and by the port's, when it is gone" "$(port l 'lent["no-buffer"]')" ">=" 1900
still_good "buffers kept"
begin idle 2500
send_to_l --count 3000 raw
end
cmp_num "a ring that is never looked at: its frames are counted" "$(port l 'lent["no-buffer"] + .ports[0].lent["ring-full"]')" ">=" 4300
still_good "a full ring"
hostile garbage $((2000 * ${VN_SLOW:-1})) >"$WORK/out"
cmp_num "garbage in the transmit ring is counted" "$(port l 'lent["tx-invalid"]')" ">=" 100
before=$(port l 'lent["no-buffer"]')
begin garbage 2500
# In pieces, since it takes the frames of one piece to be given the buffers that the next one finds wrong. Three in eight of
# these are right, so where a piece takes longer to begin than they take to be given anew it must be larger than they are.
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
	send_to_l --count $((300 * ${VN_SLOW:-1})) raw
done
end
# How many find nothing is a matter of pace, which an emulated machine has little of.
cmp_num "garbage in the fill ring gives no buffers, which is counted" $(($(port l 'lent["no-buffer"]') - before)) ">=" \
	$((${VN_SLOW:-1} > 1 ? 1 : 1000))
cmp_num "what it sent in a foreign name went nowhere" "$(drops lib mac-spoof)" ">=" 1
still_good "garbage"
begin send 1500
check "while it sends what it can, the agent answers" vnet -j link show honest
end
cmp_num "sending all it can" "$(out sent)" ">=" 1000
still_good "a flood"

testcase whose
# Whose it is.
is "a second process is refused while the first has it" "$(
	begin receive 1200
	hostile open
	end
)" '{"error": "EBUSY", "at": "open"}'
begin heir 5500
send_to_l --count 100 raw
free l
is "a child with its dead parent's socket: the port is nobody's" "$(port l application)" null
busywait 1000 false >/dev/null
before=$(port l counters.app.packets)
send_to_l --count 100 raw
is "and nothing reaches the child" "$(port l counters.app.packets)" "$before"
is "it blocks its own port" "$(hostile open)" '{"error": "EBUSY", "at": "open"}'
busywait 9000 grep -q received "$WORK/out" >/dev/null
is "the child saw none" "$(out received)" 0
wait $BEGUN 2>/dev/null
still_good "an heir"
begin chatter 1000
busywait 3000 same null port l application >/dev/null
send_to_l --count 100 raw
end
is "who talks on its lease has lost it" "$(out received)" 0
still_good "a talker"

testcase protocol
# The protocol.
free l
before=$(port l handovers.refused)
hostile babble 200 >"$WORK/babble"
is "200 wrong hellos: not one grant" "$(jq .grants "$WORK/babble")" 0
cmp_num "they are counted" $(($(port l handovers.refused) - before)) ">=" 150
is "DPDK's words are not libvnet's" "$(inn h.l "$XSK" say "$(sock l)" /connect,x)" closed
is "libvnet's are not DPDK's" "$("$NOBODY" /run/vnet/ports/h/d/eth0 "$WORK/hostile" /mnt/afxdp.sock open)" \
	'{"error": "EPROTO", "at": "open"}'
is "foreign descriptors end the connection" "$(inn h.d "$XSK" say "$(sock d)" +8:/connect,x)" closed
check "no descriptor is kept" busywait 4000 same "$fds" fds
still_good "babble"

testcase connections
# A million connections, however long they take (a tenth of them where everything is emulated).
KNOCKS=$((${VN_SLOW:-1} > 1 ? 100000 : 1000000))
flood() {
	local n=$1 before t0 out pid=$AGENT_PID lost

	shift
	before=$(rss)
	lost=$(engine_down_drops)
	t0=$(now_ms)
	"$@" "$WORK/xsk" flood "$n" $KNOCKS >"$WORK/flood" &
	out=$!
	check "$FLOODED: the agent answers meanwhile" vnet -j link show honest
	: >"$WORK/ping.flood"
	while kill -0 $out 2>/dev/null; do
		inn h.good ping -nq -i 0.005 -c 100 -W 5 "$PEER" >>"$WORK/ping.flood"
	done
	wait $out
	diag "$FLOODED: in $(($(now_ms) - t0)) ms: $(cat "$WORK/flood")"
	is "$FLOODED: knocked at" "$(jq '.connected + .refused' "$WORK/flood")" $KNOCKS
	is "$FLOODED: another link lost meanwhile (packets)" "$(unexcused "$(ping_lost "$WORK/ping.flood")" "$lost")" 0
	check "$FLOODED: the agent lives" kill -0 "$pid"
	cmp_num "$FLOODED: few are even seen" "$(jq '.connected / (.connected + .refused)' "$WORK/flood")" "<" 0.1
	cmp_num "$FLOODED: the agent's memory stays (kB more)" $(($(rss) - before)) "<" 4096
}
cp "$XSK" "$WORK/xsk"
begin receive 600000
FLOODED="libvnet's socket"
flood /mnt/afxdp.sock "$NOBODY" /run/vnet/ports/h/l/eth0
before=$(port l counters.app.packets)
send_to_l --count 200 raw
cmp_num "$FLOODED: who has the port goes on" $(($(port l counters.app.packets) - before)) ">=" 200
kill "$(port l application.pid)"
wait $BEGUN 2>/dev/null
FLOODED="DPDK's socket"
flood "$(sock d)" inn h.d
free l
check "no descriptor is kept" busywait 5000 same "$fds" fds
still_good "the floods"
is "and DPDK's hand-over works" "$(inn h.d "$XSK" say "$(sock d)" /connect,x /version /fin | xargs)" "/host_ok 0.1 /fin_ack"

testcase node_root
# Root of its own node, with every capability there.
"$XSK" run eth0 --sock "$(sock d)" >/dev/null 2>&1 # not in its namespace: there is no eth0
free d
rm -f "$WORK/ready"
inn h.d "$XSK" run eth0 --sock "$(sock d)" --ready "$WORK/ready" --wait $((4000 * ${VN_SLOW:-1})) >"$WORK/first" &
FIRST=$!
busywait 5000 test -e "$WORK/ready" >/dev/null
inn h.d "$XSK" run eth0 --sock "$(sock d)" --wait 500 >"$WORK/second" 2>&1
is "a second socket on DPDK's port is refused" "$(cat "$WORK/second")" '{"refused": "/host_nak"}'
inn h.dp "$FRAME" send eth0 --dst "$MAC_D" --count 300 raw >/dev/null
wait $FIRST
cmp_num "the first has all of its frames" "$(jq .received "$WORK/first")" ">=" 300

begin receive 6000
check "the program stays, whoever takes it off" fails inn h.l ip link set eth0 xdpgeneric off
inn h.l ip link set eth0 address 02:00:00:00:00:77
before=$(drops lib mac-spoof)
inn h.l "$FRAME" send eth0 --dst ff:ff:ff:ff:ff:ff --src 02:00:00:00:00:77 --count 50 raw >/dev/null
check "another MAC: what it sends is dropped, and counted" busywait 3000 sh -c \
	"[ \$('$AGENT' -j -s link show lib | jq '.links[0].directions[0].stats.drops[\"mac-spoof\"]') -ge $((before + 50)) ]"
inn h.l ip link set eth0 address "$MAC_L"
inn h.l ethtool -K eth0 tx on tso on gso on gro on >/dev/null 2>&1
inn h.l ip link set eth0 mtu 68 2>/dev/null
inn h.l ip link set eth0 mtu 1500
inn h.l ip link set eth0 down
inn h.l ip link set eth0 up
before=$(port l counters.app.packets)
send_to_l --count 100 raw
cmp_num "offloads, MTU, down and up: it receives again" $(($(port l counters.app.packets) - before)) ">=" 100
inn h.l ip link del eth0
check "it deletes its interface: the port is broken" busywait 3000 same broken port l state
end
free l
is "an application is told so" "$(hostile open)" '{"error": "ENETDOWN", "at": "open"}'
check "an apply mends it" vnet topology apply "$WORK/h.yaml"
still_good "a deleted interface"
check "its kernel has its address again" inn h.lp ping -nq -c 2 -i 0.1 -W 2 "$A_L"

testcase others
honest_used() {
	[ "$(awk '/transmitted/ { n += $1 } END { print n + 0 }' "$WORK/ping")" -ge 4000 ]
}
busywait 60000 honest_used >/dev/null
: >"$WORK/enough"
wait $HONEST
diag "the honest link: $(awk '/transmitted/ { n += $1 } END { print n }' "$WORK/ping") packets transmitted"
cmp_num "all the time another link was used (packets)" "$(awk '/transmitted/ { n += $1 } END { print n }' "$WORK/ping")" ">=" 4000
is "another link lost (packets)" "$(unexcused "$(ping_lost "$WORK/ping")" "$down")" 0
check "the topology goes" vnet topology delete h
leak_check "without a trace" "$WORK/before"
