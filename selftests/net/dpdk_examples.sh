#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# examples/dpdk as they are, each a topology with containers: testpmd as wire and as mirror, the router, and the broadband
# network gateway, whose frames are compared byte by byte.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=selftests/lib/containers.sh
. "$TOP/selftests/lib/containers.sh"
need jq ping runc tcpdump
IMAGE=$("$TOP/scripts/image" -q) || skip_all "no image with DPDK: run scripts/image, outside of the test"
hugepages 150 2>/dev/null || skip_all "no 2 MiB pages may be had on demand (nr_overcommit_hugepages)"
mount_cgroups || skip_all "control groups cannot be mounted"

FRAME=$TOOLS/frame
LOG=/run/vnet/containers

# Two UMEMs of one container are more than 8 MiB. Where nobody may raise that limit, the way out of docs/DPDK.md.
way_out=
(ulimit -l unlimited) 2>/dev/null || way_out='\n    privileged: true'

# example NAME: applied, with the image where this machine has it
example() {
	ln -sfnT "$IMAGE" "$WORK/image"
	sed "s,/var/cache/vnet-agent/dpdk,$WORK/image,; s/^    capabilities: .*IPC_LOCK.*/&$way_out/" \
		"$TOP/examples/dpdk/$1.yaml" >"$WORK/$1.yaml"
	vnet topology apply "$WORK/$1.yaml"
}

# logged NODE PATTERN
logged() {
	busywait 20000 grep -qE "$2" "$LOG/$1/log" >/dev/null || {
		tail -n 10 "$LOG/$1/log"
		return 1
	}
}

# counter NODE WORD: as the program printed it last
counter() {
	grep -oE "(^| )$2 [0-9]+" "$LOG/$1/log" | tail -n 1 | grep -oE '[0-9]+$'
}

# grown NODE WORD FROM BY: exactly, once it has been printed
grown() {
	busywait 10000 reached "$1" "$2" $(($3 + $4)) >/dev/null
	[ "$(counter "$1" "$2")" = $(($3 + $4)) ]
}
reached() {
	[ "$(counter "$1" "$2")" -ge "$3" ]
}

# answered NS ADDRESS: one ping came back, of as many as it takes: the links lose some
answered() {
	inn "$1" ping -c 1 -W 1 "$2"
}

start_agent || exit 1

testcase testpmd
# Testpmd: a wire, a mirror.
check "testpmd.yaml applies" example testpmd
check "the wire forwards" logged testpmd.wire 'NIC statistics for port 1'
check "the mirror forwards" logged testpmd.mirror 'NIC statistics for port 0'
ip -n testpmd.a addr add 10.0.0.1/24 dev eth0
ip -n testpmd.b addr add 10.0.0.2/24 dev eth0
check "a reaches b through testpmd" busywait 10000 answered testpmd.a 10.0.0.2
inn testpmd.a ping -nq -i 0.02 -c 50 -W 2 10.0.0.2 >"$WORK/ping"
cmp_num "2 ms and 3 ms, both ways (ms)" "$(sed -nE 's,^rtt .* = ([0-9.]+)/.*,\1,p' "$WORK/ping")" ">=" 10
inn testpmd.a "$FRAME" capture eth1 --mark 7 --expect 200 --wait 8000 --ready "$WORK/ready" >"$WORK/cap" &
C=$!
busywait 2000 test -e "$WORK/ready" >/dev/null
inn testpmd.a "$FRAME" send eth1 --dst 02:00:00:00:00:0e --mark 7 --count 200 raw >/dev/null
wait $C
is "the mirror sent all of 200 frames back, whole" "$(jq -c '[.frames, .bad]' "$WORK/cap")" '[200,0]'
is "from its own address" "$(jq -r .src "$WORK/cap")" 02:00:00:00:00:0e
vnet topology delete testpmd >/dev/null

testcase router
# A router.
check "l3fwd.yaml applies" example l3fwd
check "it is ready" logged l3fwd.router '^ready'
ip -n l3fwd.a route add 10.0.0.0/8 via 10.1.0.254
ip -n l3fwd.b route add 10.1.0.0/24 via 10.2.0.254
check "a reaches b through it" busywait 20000 answered l3fwd.a 10.2.0.1
inn l3fwd.a ping -n -i 0.02 -c 50 -W 2 10.2.0.1 >"$WORK/ping"
check "one hop off the TTL" grep -q 'ttl=63 ' "$WORK/ping"
ip -n l3fwd.b addr add 10.3.0.1/16 dev lo
check "a route by way of a neighbour" busywait 20000 answered l3fwd.a 10.3.0.1
no_route=$(counter l3fwd.router no-route)
inn l3fwd.a ping -nq -c 3 -i 0.02 -W 0.2 10.9.0.1 >/dev/null
check "no route: dropped, counted" grown l3fwd.router no-route "$no_route" 3
vnet topology delete l3fwd >/dev/null

testcase gateway
# The broadband network gateway.
# ip4 SRC DST PROTO TTL HEX: the packet in hex, its checksum right
ip4() {
	local len head sum=0 i

	printf -v len %04x $((20 + ${#5} / 2))
	printf -v head '4500%s12344000%02x%02x0000%s%s' "$len" "$4" "$3" "$1" "$2"
	for ((i = 0; i < 40; i += 4)); do
		sum=$((sum + 0x${head:i:4}))
	done
	while [ $((sum >> 16)) -gt 0 ]; do
		sum=$(((sum & 0xffff) + (sum >> 16)))
	done
	printf '%s%04x%s%s' "${head:0:20}" $((~sum & 0xffff)) "${head:24}" "$5"
}

CUSTOMER_MAC=020000000101 ACCESS_MAC=020000000102 BNG_MAC=020000000201 CORE_MAC=020000000202
SUB1=0a640001 SUB2=0a640002 SERVER=c6336407 LOCAL=c0000201 REMOTE=c0000202
TAGS=88a8006481000001
UDP=115c000900140000$(printf vnet-payload | od -An -tx1 | tr -d ' \n')

# gre_mpls SRC DST HEX: in GRE for MPLS; the gateway's own has identification 0
gre_mpls() {
	ip4 "$1" "$2" 47 64 "00008847$3"
}

# capture NS FILTER COUNT: the frames in hex, a line each, into $WORK/frames; CAPTURE is its pid
capture() {
	: >"$WORK/tcpdump"
	nsenter --net="/run/netns/$1" tcpdump -l -Q in -i eth0 -Z root -nn -xx -c "$3" "$2" >"$WORK/dump" 2>"$WORK/tcpdump" &
	CAPTURE=$!
	busywait 10000 grep -q 'listening on' "$WORK/tcpdump" >/dev/null
}
captured() {
	busywait 10000 gone_or_zombie $CAPTURE >/dev/null || kill $CAPTURE
	wait $CAPTURE 2>/dev/null
	awk '/^\t0x/ { for (i = 2; i <= NF; i++) printf "%s", $i; next } NR > 1 { print "" } END { print "" }' "$WORK/dump" | sed '/^$/d'
}

send() {
	inn "$1" "$FRAME" send eth0 --count "${3-1}" hex "$2" >/dev/null
}

check "bng.yaml applies" example bng
check "it is ready" logged bng.bng '^ready'
# It asks the core router for its address once a second.
check "it has learned the core's address" busywait 10000 reached bng.bng port1-rx 2
SPOOFED=$(counter bng.bng spoofed)

capture bng.customer 'ether[12:2] == 0x88a8 or vlan' 1
send bng.customer "ffffffffffff${CUSTOMER_MAC}${TAGS}08060001080006040001${CUSTOMER_MAC}${SUB1}0000000000000a64fffe"
is "ARP in two tags is answered in two tags" "$(captured)" \
	"${CUSTOMER_MAC}${ACCESS_MAC}${TAGS}08060001080006040002${ACCESS_MAC}0a64fffe${CUSTOMER_MAC}${SUB1}"

capture bng.core 'ip proto 47' 1
# Padded, as short frames are: the padding is no payload.
send bng.customer "${ACCESS_MAC}${CUSTOMER_MAC}${TAGS}0800$(ip4 $SUB1 $SERVER 17 64 "$UDP")00000000"
INNER=$(ip4 $SUB1 $SERVER 17 63 "$UDP")
# Label 1000, class 0, bottom of stack, TTL 64; identification 0, since DF is set (RFC 6864).
WANT=$(gre_mpls $LOCAL $REMOTE "003e8140$INNER")
GOT=$(captured)
is "upstream: tags off; Ethernet of the core" "${GOT:0:28}" "${CORE_MAC}${BNG_MAC}0800"
is "outer IPv4: length, DF, TTL, GRE, addresses" "${GOT:28:8} ${GOT:40:8} ${GOT:52:16}" \
	"${WANT:0:8} ${WANT:12:8} ${WANT:24:16}"
sum=0
for ((i = 28; i < 68; i += 4)); do
	sum=$((sum + 0x${GOT:i:4}))
done
is "its checksum adds up" $(((sum & 0xffff) + (sum >> 16))) $((0xffff))
is "GRE, label and the packet, one hop older" "${GOT:68}" "${WANT:40}"

capture bng.customer 'ether[12:2] == 0x88a8 or vlan' 1
DOWN=$(ip4 $SERVER $SUB1 17 64 "$UDP")
send bng.core "${BNG_MAC}${CORE_MAC}0800$(gre_mpls $REMOTE $LOCAL "003e8140$DOWN")"
is "downstream: the subscriber's tags, byte by byte" "$(captured)" \
	"${CUSTOMER_MAC}${ACCESS_MAC}${TAGS}0800$(ip4 $SERVER $SUB1 17 63 "$UDP")"

check "one packet went up" grown bng.bng up 0 1
send bng.customer "${ACCESS_MAC}${CUSTOMER_MAC}${TAGS}0800$(ip4 $SUB2 $SERVER 17 64 "$UDP")" 50
check "50 packets under a neighbour's address: dropped, counted" grown bng.bng spoofed "$SPOOFED" 50
is "none of them got into the tunnel" "$(counter bng.bng up)" 1
UNKNOWN=$(counter bng.bng unknown) MISROUTED=$(counter bng.bng misrouted)
send bng.customer "${ACCESS_MAC}${CUSTOMER_MAC}88a800c881000001""0800$(ip4 $SUB1 $SERVER 17 64 "$UDP")" 3
send bng.core "${BNG_MAC}${CORE_MAC}0800$(gre_mpls $REMOTE $LOCAL "7fff8140$DOWN")" 4
check "tags and labels that nobody has" grown bng.bng unknown "$UNKNOWN" 7
send bng.core "${BNG_MAC}${CORE_MAC}0800$(gre_mpls $REMOTE $LOCAL "003e9140$DOWN")" 5
check "another subscriber's label" grown bng.bng misrouted "$MISROUTED" 5
check "the topology goes" vnet topology delete bng
