#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# AF_XDP ports: what the application gets and the kernel keeps, the hand-over, one application at a time, and what a
# hostile one can do to others: nothing.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq ping ethtool iperf3

FRAME=$TOOLS/frame
XSK=$TOOLS/xsk
SOCK=/run/vnet/ports/x/a/eth0/afxdp.sock

# topology KERNEL UNBOUND [KIND] [HANDOVER]
topology() {
	cat <<YAML
name: x
nodes: {a: {}, b: {}, good: {}, peer: {}}
links:
  ab: {endpoints: [a:eth0, b:eth0]}
  honest: {endpoints: [good:eth0, peer:eth0], delay: 1ms}
ports:
  "b:eth0": {isolation: off}
YAML
	if [ "${3-afxdp}" = afxdp ]; then
		printf '  "a:eth0": {kind: afxdp, kernel: "%s", unbound: %s, handover: %s}\n' "$1" "$2" "${4-both}"
	fi
}

apply() {
	topology "$@" >"$WORK/x.yaml"
	vnet topology apply "$WORK/x.yaml"
}

port() {
	vnet -j port show a:eth0 | jq -r ".ports[0].$1"
}

packets() {
	port "counters[\"$1\"].packets"
}

fails() {
	! "$@"
}

same() {
	[ "$("${@:2}")" = "$1" ]
}

# app NAME ARG...: `xsk run` in node a, bound when this returns; its pid in APP, its output in $WORK/NAME.
APP=
app() {
	local name=$1

	shift
	rm -f "$WORK/$name.ready"
	nsenter --net=/run/netns/x.a -- "$XSK" run eth0 --ready "$WORK/$name.ready" "$@" >"$WORK/$name" 2>&1 &
	APP=$!
	busywait 5000 test -e "$WORK/$name.ready" >/dev/null || diag "$(cat "$WORK/$name")"
}

pinged() {
	inn x.b ping -nq -c "${1-3}" -i 0.02 -W 1 "$A" >/dev/null
}

send() {
	inn x.b "$FRAME" send eth0 --dst "$MAC_A" "$@" >/dev/null
}

say() {
	inn x.a "$XSK" say "$SOCK" "$@" | tr '\n' ' ' | sed 's/ $//'
}

agent_fds() {
	find "/proc/$AGENT_PID/fd" -mindepth 1 | wc -l
}

start_agent || exit 1
snapshot >"$WORK/before"
check "a topology with an AF_XDP port applies" apply arp+icmp kernel
A=$(vnet -j link show ab | jq -r '.links[0].endpoints[0].addresses[0]' | cut -d/ -f1)
B_IP=$(vnet -j link show ab | jq -r '.links[0].endpoints[1].addresses[0]' | cut -d/ -f1)
MAC_A=$(vnet -j link show ab | jq -r '.links[0].endpoints[0].mac')
PEER=$(vnet -j link show honest | jq -r '.links[0].endpoints[1].addresses[0]' | cut -d/ -f1)
is "its program is on" "$(port state)" up
is "a second apply has nothing to do" "$(vnet -j topology apply "$WORK/x.yaml" | jq .steps)" 0

down=$(engine_down_drops)
inn x.good ping -nq -i 0.01 -c 3000 "$PEER" >"$WORK/ping" &
HONEST=$!

testcase unbound
# Nobody bound.
check "unbound: the kernel has it all" pinged
inn x.b sh -c "echo x >/dev/udp/$A/9" 2>/dev/null || inn x.b bash -c "echo x >/dev/udp/$A/9"
cmp_num "and that is counted" "$(packets unbound-kernel)" ">=" 1

testcase bound
# An application.
app rx --sock "$SOCK" --ids 1000 --wait $((10000 * ${VN_SLOW:-1}))
before=$(packets app)
is "bound: the owner is known" "$(port application.pid)" "$(pgrep -x xsk)"
is "and how it is bound" "$(port mode)" copy
check "ARP and ICMP still reach the kernel" pinged
send --count 1000 --mark 7 raw
wait $APP
cmp_num "1000 frames received" "$(jq .received "$WORK/rx")" ">=" 1000
cmp_num "and counted" $(($(packets app) - before)) ">=" 1000
check "it ended: the port is free" busywait 3000 same null port application

testcase others_frames
# Frames for everybody, and for others.
app all --sock "$SOCK" --count 20 --wait $((5000 * ${VN_SLOW:-1}))
inn x.b "$FRAME" send eth0 --dst ff:ff:ff:ff:ff:ff --count 20 raw >/dev/null
wait $APP
cmp_num "it receives broadcasts" "$(jq .received "$WORK/all")" ">=" 20
inn x.b ip neigh replace "$A" lladdr 02:00:00:00:00:77 dev eth0 nud permanent
app others --sock "$SOCK" --count 20 --wait $((5000 * ${VN_SLOW:-1}))
check "its kernel does not answer for a foreign MAC" fails pinged 2
inn x.b "$FRAME" send eth0 --dst 02:00:00:00:00:77 --count 20 raw >/dev/null
wait $APP
cmp_num "but it sees such frames itself" "$(jq .received "$WORK/others")" ">=" 20
check "nor does the kernel while nobody is bound" fails pinged 2
inn x.b ip neigh replace "$A" lladdr "$MAC_A" dev eth0 nud permanent
check "it answers for its own" pinged

testcase complete
# Whatever the sender's kernel leaves to its device: what arrives is complete.
iperf_server x.a
SERVER=$BG_PID
bg inn x.b iperf3 -c "$A" -t 30 >/dev/null 2>&1
before=$(packets unbound-kernel)
busywait 5000 sh -c "[ \$('$AGENT' -j port show a:eth0 | jq '.ports[0].counters[\"unbound-kernel\"].packets') -gt $((before + 2000)) ]" >/dev/null
app tcp --sock "$SOCK" --count 20 --wait $((4000 * ${VN_SLOW:-1}))
inn x.b bash -c "for i in 1 2 3 4 5 6 7 8 9 10; do echo some words >/dev/udp/$A/9; done"
wait $APP
cmp_num "a TCP stream meets the application" "$(jq .received "$WORK/tcp")" ">=" 10
is "checksums are complete" "$(jq .bad_checksum "$WORK/tcp")" 0
cmp_num "no frame is longer than the link's" "$(jq .longest "$WORK/tcp")" "<=" 1514
kill "$BG_PID" "$SERVER" 2>/dev/null
wait "$BG_PID" "$SERVER" 2>/dev/null

if inn x.b ip link add link eth0 name v5 type vlan id 5 2>/dev/null; then
	inn x.b ip addr add 198.51.100.1/24 dev v5
	inn x.b ip link set v5 up
	inn x.b ip neigh add 198.51.100.2 lladdr "$MAC_A" dev v5 nud permanent
	app vlan --sock "$SOCK" --count 5 --wait 2000
	inn x.b bash -c 'for i in 1 2 3 4 5; do echo x >/dev/udp/198.51.100.2/9; done'
	wait $APP
	is "a VLAN tag that the sender's kernel keeps beside the frame arrives in it" "$(jq .tagged "$WORK/vlan")" 5
	inn x.b ip link del v5
else
	ktap_skip "a VLAN tag that the sender's kernel keeps beside the frame arrives in it" "no VLAN devices here"
fi

# Too short for a kernel to take its tag out, on the way where it is completed, too.
app tiny --sock "$SOCK" --count 20 --wait $((4000 * ${VN_SLOW:-1}))
send --count 10 --bytes 14 raw
send --count 10 --bytes 15 raw
wait $APP
cmp_num "frames of 14 and 15 bytes arrive" "$(jq .received "$WORK/tiny")" ">=" 20

testcase port_rules
# What the application sends meets the port's rules.
app echo --sock "$SOCK" --echo --wait 20000
inn x.b "$FRAME" capture eth0 --mark 8 --expect 500 --wait $((5000 * ${VN_SLOW:-1})) --ready "$WORK/cap.ready" >"$WORK/cap" &
CAP=$!
busywait 2000 test -e "$WORK/cap.ready" >/dev/null
send --count 500 --mark 8 raw
wait $CAP
is "500 frames come back" "$(jq .frames "$WORK/cap")" 500
is "whole" "$(jq .bad "$WORK/cap")" 0
spoof=$(vnet -j -s link show ab | jq '.links[0].directions[0].stats.drops["mac-spoof"]')
inn x.b "$FRAME" send eth0 --dst 02:00:00:00:00:99 --count 100 raw >/dev/null
check "a foreign source MAC is dropped, from a socket too" busywait 3000 sh -c \
	"[ \$('$AGENT' -j -s link show ab | jq '.links[0].directions[0].stats.drops[\"mac-spoof\"]') -ge $((spoof + 100)) ]"

# One application at a time.
is "a second one is refused at /connect" "$(say /connect,other /version)" "/host_nak closed"
cmp_num "that is counted" "$(port handovers.refused)" ">=" 1
before=$(packets app)
send --count 100 raw
cmp_num "the first goes on" $(($(packets app) - before)) ">=" 100
OWNER=$(port application.pid)
kill_agent
send --count 100 raw
start_agent || exit 1
is "an agent's restart: the owner is still known" "$(port application.pid)" "$OWNER"
cmp_num "what came meanwhile reached it" $(($(packets app) - before)) ">=" 200
is "and a second one is still refused" "$(say /connect,other)" /host_nak
kill -KILL "$OWNER"
wait $APP 2>/dev/null
check "killed without a goodbye: the port is free" busywait 3000 same null port application
is "the next one gets it" "$(say /connect,x /version /xsk_map_fd,eth0 /fin)" "/host_ok 0.1 /fd_ack+fd /fin_ack"

testcase protocol
# The protocol, and what is not.
busywait 3000 same null port application >/dev/null
is "an unknown interface" "$(say /connect,x /xsk_map_fd,eth1 /fin)" "/host_ok /fd_nak /fin_ack"
is "an unknown word" "$(say /connect,x /whatever /fin)" "/host_ok /nak /fin_ack"
is "nothing before /connect" "$(say /version)" "/host_nak"
is "a word too many" "$(say /connect,x,y)" "/host_nak"
is "a message too long" "$(say /connect,x "$(printf '%065d' 0)")" "/host_ok /nak"
is "busy polling without a socket" "$(say /connect,x /config_busy_poll,20,64)" "/host_ok /config_busy_poll_nak"
is "busy polling on what is none" "$(say /connect,x +1:/config_busy_poll,20,64)" "/host_ok /config_busy_poll_nak"
app busy --sock "$SOCK" --busy --count 10 --wait $((5000 * ${VN_SLOW:-1}))
send --count 10 raw
wait $APP
cmp_num "busy polling on its socket, and frames" "$(jq .received "$WORK/busy")" ">=" 10
busywait 3000 same null port application >/dev/null
fds=$(agent_fds)
is "descriptors nobody asked for end it" "$(say /connect,x +16:/version)" "/host_ok closed"
is "before the first word, too" "$(say +8:/connect,x)" "closed"
check "none of them is kept" busywait 4000 same "$fds" agent_fds

rss() {
	awk '/^VmRSS/ { print $2 }' "/proc/$AGENT_PID/status"
}
before=$(rss)
inn x.a "$XSK" flood "$SOCK" 200000 >"$WORK/flood" &
FLOOD=$!
check "while 200000 connections knock, the agent answers" vnet -j link show honest
wait $FLOOD
cmp_num "most are not even seen" "$(jq .refused "$WORK/flood")" ">" 190000
cmp_num "the agent's memory stays (kB more)" $(($(rss) - before)) "<" 4096
check "no descriptor is kept" busywait 5000 same "$fds" agent_fds
check "and the port is usable" busywait 5000 sh -c "nsenter --net=/run/netns/x.a '$XSK' say $SOCK /connect,x | grep -q host_ok"

testcase rules_change
# Rules change while it runs.
apply arp drop >/dev/null
check "unbound: drop" fails pinged 2
cmp_num "counted" "$(packets unbound-drop)" ">=" 2
app live --map "$(port map)" --wait 20000
before=$(packets app)
apply none kernel >/dev/null
send --count 50 arp "$B_IP" "$A"
cmp_num "another filter counts from the next frame on, who is bound stays" $(($(packets app) - before)) ">=" 50
kill $APP
wait $APP 2>/dev/null
apply - - kernel >/dev/null
is "kind kernel: no program" "$(inn x.a ip -j link show eth0 | jq '.[0].xdp // null')" null
is "the link is the same" "$(vnet -j link show ab | jq -r '.links[0].state')" up
is "its offloads are back" "$(nsenter --net=/run/netns/vnet-fabric ethtool -k "$(vnet -j link show ab | jq -r '"vp\(.links[0].endpoints[0].number)"')" | awk '/^tx-checksum-ip-generic|^tx-checksumming/ { print $2; exit }')" on
is "its socket is gone" "$(test -e "$SOCK" && echo there)" ""
apply arp+icmp kernel >/dev/null

testcase node_root
# The node's root against its own port.
inn x.a ip link set eth0 xdp off 2>/dev/null
inn x.a ip link set eth0 xdpgeneric off 2>/dev/null
is "it cannot take the program off" "$(port state)" up
app full --sock "$SOCK" --keep --wait 30000
inn x.b "$FRAME" send eth0 --dst "$MAC_A" --count 9000 raw >/dev/null
cmp_num "buffers never returned: its own frames are lost, counted" "$(port undelivered)" ">=" 4000
kill $APP
wait $APP 2>/dev/null
busywait 3000 same null port application >/dev/null
app junk --sock "$SOCK" --garbage --wait 1500
send --count 1000 raw
wait $APP
check "garbage in its rings: the agent goes on" vnet -j port show
inn x.a ip link set eth0 address 02:00:00:00:00:77
check "another MAC: it reaches nobody" fails pinged 2
inn x.a ip link set eth0 address "$MAC_A"
inn x.a ethtool -K eth0 tx off tso off gso off gro off >/dev/null 2>&1
inn x.a ethtool -K eth0 tx on tso on gso on gro on >/dev/null 2>&1
check "offloads on and off: it works" busywait 3000 pinged 1
inn x.a ip link del eth0
check "it deletes the interface: the port is broken" busywait 3000 same broken port state
check "an apply mends it" vnet topology apply "$WORK/x.yaml"
app again --sock "$SOCK" --count 10 --wait $((5000 * ${VN_SLOW:-1}))
send --count 10 raw
wait $APP
cmp_num "and it is handed over again" "$(jq .received "$WORK/again")" ">=" 10

testcase others
wait $HONEST
is "another link lost (packets)" "$(unexcused "$(ping_lost "$WORK/ping")" "$down")" 0
check "the topology goes" vnet topology delete x
leak_check "without a trace" "$WORK/before"
