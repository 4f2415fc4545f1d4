#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What a port may use beside its own (MACs and addresses of virtual routers), what its node reads (checksums, short
# frames), and MTUs far from the usual one: the same on undisciplined links and on links of both holders.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq ping ethtool

FRAME=$TOOLS/frame
V=00:00:5e:00:01:07 # a virtual router's MAC (RFC 9568)
VIP=192.0.2.254

# topology MORE-PORTS
topology() {
	cat <<YAML
name: use
nodes: {s: {forward: false}, r: {forward: false}, r1: {forward: false}, r2: {forward: false}}
links:
  plain: {endpoints: [s:s0, r:r0]}
  held: {endpoints: [s:s1, r:r1], delay: 1us, holder: precise}
  bulk: {endpoints: [s:s2, r:r2], delay: 1ms, holder: bulk}
  m: {endpoints: [r1:m0, r2:m0]}
  tiny: {endpoints: [s:s3, r:r3], mtu: 68}
  small: {endpoints: [s:s4, r:r4], mtu: 1279, delay: 1us, holder: precise}
  huge: {endpoints: [s:s5, r:r5], mtu: 65535}
  jumbo: {endpoints: [s:s6, r:r6], mtu: 16000, delay: 1us, holder: precise}
ports:
  s:s0: {isolation: ip, macs: ["$V"], sources: [$VIP/32, "fe80::254/128"]}
  s:s1: {isolation: ip, macs: ["$V"], sources: [$VIP/32, "fe80::254/128"]}
  s:s2: {isolation: ip, macs: ["$V"], sources: [$VIP/32, "fe80::254/128"]}
  r1:m0: {ip: 192.0.2.1/24, macs: ["$V"]}
  r2:m0: {ip: 192.0.2.2/24, macs: ["$V"]}
$1
YAML
}

apply() {
	topology "$1" >"$WORK/use.yaml"
	vnet topology apply "$WORK/use.yaml"
}

drops() {
	vnet -j -s link show "$1" | jq ".links[0].directions[0].stats.drops[\"$2\"]"
}

# counted NAME LINK REASON ARGS...: five frames of node s are dropped for that reason
counted() {
	local before

	before=$(drops "$2" "$3")
	inn use.s "$FRAME" send "${@:4:1}" --count 5 "${@:5}" >/dev/null
	is "$1" "$(($(drops "$2" "$3") - before))" 5
}

# capture N DEV EXPECT ARGS...: what came of it at r's end into $WORK/cap
capture() {
	local n=$1 expect=$2 mark=$RANDOM ready

	ready=$(mktemp -u "$WORK/ready.XXXXXX")
	inn use.r "$FRAME" capture "r$n" --mark $mark --expect "$expect" --wait $((1500 * ${VN_SLOW:-1})) --ready "$ready" >"$WORK/cap" &
	local pid=$!
	busywait 2000 test -e "$ready" >/dev/null
	inn use.s "$FRAME" send "s$n" --mark $mark --count 5 "${@:3}" >/dev/null
	wait $pid
}

# arrive NAME N ARGS...: all five do
arrive() {
	capture "$2" 5 "${@:3}"
	is "$1" "$(jq .frames "$WORK/cap")" 5
}

address() {
	inn "use.$1" ip -4 -o addr show dev "$2" scope global | awk '{ sub("/.*", "", $4); print $4; exit }'
}

pinged() {
	inn "use.$1" ping -nq -c 2 -i 0.05 -W 2 "${@:2}" >/dev/null
}

start_agent || exit 1
check "the topology applies" apply ""

testcase macs
# MACs and addresses beside the port's own.
N=0
for l in plain held bulk; do
	R4=$(address r r$N)
	arrive "$l: a MAC of the list" $N --src $V raw
	arrive "$l: ARP of the virtual router" $N --src $V arp $VIP $VIP
	counted "$l: ARP for another's address" $l arp-spoof s$N --src $V arp "$R4" "$R4"
	counted "$l: another MAC" $l mac-spoof s$N --src 00:00:5e:00:01:08 raw
	counted "$l: another MAC within ARP" $l arp-spoof s$N --src $V arp $VIP $VIP 00:00:5e:00:01:08
	counted "$l: the virtual router's neighbour advertisement for another" $l nd-spoof s$N --src $V na fe80::2
	counted "$l: with another MAC" $l nd-spoof s$N --src $V na fe80::254 00:00:5e:00:01:08
	before=$(drops $l nd-spoof)
	inn use.s "$FRAME" send s$N --count 5 --src $V na fe80::254 >/dev/null
	is "$l: its own passes" "$(drops $l nd-spoof)" "$before"
	inn use.s ip link add mv$N link s$N address $V type macvlan mode private
	inn use.s ip addr add $VIP/24 dev mv$N
	inn use.s ip link set mv$N up
	inn use.r ip addr add 192.0.2.1/24 dev r$N
	check "$l: a macvlan child is reached" pinged r -I r$N $VIP
	inn use.s ip link del mv$N
	inn use.r ip addr del 192.0.2.1/24 dev r$N
	N=$((N + 1))
done

testcase keepalived
# Two routers with keepalived: one of them is master, and the other when that one dies.
# router NODE PRIORITY: keepalived there
router() {
	local dir=$WORK/vrrp.$1

	mkdir -p "$dir"
	cat >"$dir/conf" <<-CONF
		global_defs { script_user root
		  vrrp_version 3 }
		vrrp_instance v { interface m0
		  use_vmac vmac0
		  state BACKUP
		  virtual_router_id 7
		  priority $2
		  advert_int 0.5
		  notify $dir/notify
		  virtual_ipaddress { $VIP/24 } }
	CONF
	# its arguments: INSTANCE, the name, the state, the priority
	cat >"$dir/notify" <<-NOTIFY
		#!/bin/sh
		echo "\$3" >>$dir/state
	NOTIFY
	chmod +x "$dir/notify"
	inn "use.$1" keepalived -n -l -P -f "$dir/conf" -p "$dir/pid" -r "$dir/vrrp.pid" >"$dir/log" 2>&1 &
	defer pkill -P $!
}

state_is() {
	[ "$(tail -n 1 "$WORK/vrrp.$1/state" 2>/dev/null)" = "$2" ]
}

sent_on() {
	vnet -j -s link show "$1" | jq '.links[0].directions[0].stats.in_packets'
}

has_sent_on() {
	[ "$(sent_on "$1")" -ge "$2" ]
}

if command -v keepalived >/dev/null; then
	router r1 150
	check "keepalived: r1 becomes master" busywait $((8000 * ${VN_SLOW:-1})) state_is r1 MASTER
	router r2 100
	busywait $((8000 * ${VN_SLOW:-1})) state_is r2 BACKUP >/dev/null
	# as many advertisements as it takes to be missed thrice over
	IN=$(sent_on m)
	busywait $((8000 * ${VN_SLOW:-1})) has_sent_on m $((IN + 5)) >/dev/null
	check "r2 hears it and is backup" state_is r2 BACKUP
	# the parent first, which would start another child
	kill -KILL "$(cat "$WORK/vrrp.r1/pid")" "$(cat "$WORK/vrrp.r1/vrrp.pid")"
	check "r1 dies: r2 becomes master" busywait $((8000 * ${VN_SLOW:-1})) state_is r2 MASTER
	is "nothing of it was refused" "$(vnet -j -s link show m | jq '[.links[0].directions[].stats.drops | to_entries[].value] | add')" 0
	kill "$(cat "$WORK/vrrp.r2/pid")"
else
	ktap_skip "keepalived" "it is not installed"
fi

testcase checksums
# Checksums as a reader of raw frames sees them.
# sums N: how many of five datagrams, and of the first segments of five GSO frames, are wrong; the longest frame
sums() {
	local dst

	dst=$(address r "r$1")
	capture "$1" 5 dgram4 "$dst" 100
	jq -j '.frames, " ", .bad_checksum, ", "' "$WORK/cap"
	capture "$1" 5 dgram4 "$dst" 5000 1000
	jq -j '.frames, " ", .bad_checksum, " ", if .len > 1514 then "whole" else "cut" end' "$WORK/cap"
}

is "a plain link: partial by default, GSO frames stay whole" "$(sums 0)" "5 5, 5 5 whole"
is "a held link: complete" "$(sums 1)" "5 0, 5 0 cut"
plain_pid=$(vnet -j link show plain | jq -c '.links[0].endpoints')
check "checksum: complete, while it runs" apply $'  r:r0: {checksum: complete}\n  r:r2: {checksum: complete}'
is "the same devices" "$(vnet -j link show plain | jq -c '.links[0].endpoints')" "$plain_pid"
is "a plain link: complete" "$(sums 0)" "5 0, 5 0 cut"
is "a bulk link: complete" "$(sums 2)" "5 0, 5 0 cut"
check "and back" apply ""
is "a plain link: partial again" "$(sums 0)" "5 5, 5 5 whole"

received() {
	inn use.r ip -j -s link show dev "r$1" | jq '.[0].stats64.rx.packets'
}

has_received() {
	[ "$(received "$1")" -ge "$2" ]
}

testcase short_frames
# Frames shorter than a tag needs behind it.
N=0
for l in plain held bulk; do
	arrived=$(received $N)
	inn use.s "$FRAME" send s$N --count 10 --bytes 14 raw >/dev/null
	inn use.s "$FRAME" send s$N --count 10 --bytes 15 raw >/dev/null
	check "$l: frames of 14 and 15 bytes arrive" busywait 3000 has_received $N $((arrived + 20))
	N=$((N + 1))
done

testcase mtus
check "MTU 68: IPv4 as ever" pinged s -s 40 -M "do" "$(address r r3)"
check "MTU 68: more goes in fragments" pinged s -s 400 "$(address r r3)"
check "MTU 1279, held" pinged s -s 1251 -M "do" "$(address r r4)"
check "MTU 65535" pinged s -s 65507 -M "do" "$(address r r5)"
check "MTU 16000, held" pinged s -s 15972 -M "do" "$(address r r6)"
is "no IPv6 below 1280" "$(vnet -j link show tiny | jq -c '[.links[0].endpoints[].addresses | length]')" "[1,1]"
sed -i 's/mtu: 1279/mtu: 1280/; s/mtu: 68/mtu: 69/' "$WORK/use.yaml"
vnet topology plan "$WORK/use.yaml" >"$WORK/plan"
is "which plan says" "$(grep -c 'no IPv6 (MTU 69)' "$WORK/plan") $(grep -c 'no IPv6' "$WORK/plan")" "1 1"
sed -i 's/mtu: 16000/mtu: 16001/' "$WORK/use.yaml"
expect_exit "more than the engine holds is refused" 7 "MTU 16001.*16000.*65535" vnet topology plan "$WORK/use.yaml"
