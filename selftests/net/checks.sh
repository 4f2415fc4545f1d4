#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What a port lets through, with real frames: neighbour discovery that hides another's MAC, GSO frames and frames over
# the MTU, priority tags. Each on an undisciplined link and on links of both holders.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq

FRAME=$TOOLS/frame

# The victim v forwards, so that it takes router solicitations; m2 is at level ip, m0 shows that the frames are good ones.
cat >"$WORK/checks.yaml" <<YAML
name: checks
nodes: {v: {forward: true}, m: {forward: false}, s: {forward: false}, r: {forward: false}}
links:
  off: {endpoints: [m:m0, v:v0], isolation: off}
  mac: {endpoints: [m:m1, v:v1]}
  ip: {endpoints: [m:m2, v:v2], delay: 1us, holder: precise}
  plain: {endpoints: [s:s0, r:r0]}
  held: {endpoints: [s:s1, r:r1], delay: 1us, holder: precise}
  bulk: {endpoints: [s:s2, r:r2], delay: 1ms, holder: bulk}
ports:
  m:m2: {isolation: ip}
  s:s0: {vlans: none}
  s:s1: {vlans: [10]}
YAML

# drops LINK REASON
drops() {
	vnet -j -s link show "$1" | jq ".links[0].directions[0].stats.drops[\"$2\"]"
}

# address FAMILY NODE DEV SCOPE
address() {
	inn "checks.$2" ip "$1" -o addr show dev "$3" scope "$4" | awk '{ sub("/.*", "", $4); print $4; exit }'
}

# sent NODE DEV ARGS...: five frames
sent() {
	inn "checks.$1" "$FRAME" send "$2" --count 5 "${@:3}" >/dev/null
}

# counted NAME LINK REASON NODE DEV ARGS...: the five frames are dropped for that reason, each counted as the EACH (1)
# frames that it would be
counted() {
	local before

	before=$(drops "$2" "$3")
	sent "${@:4}"
	is "$1" "$(($(drops "$2" "$3") - before))" $((5 * ${EACH:-1}))
}

# got DEV N ARGS...: send from s, and print how many of its marked frames came to r, waiting for up to N
MARK=500
got() {
	local dev=$1 n=$2 ready=$WORK/ready.$RANDOM$RANDOM

	inn checks.r "$FRAME" capture "r$dev" --mark "$MARK" --expect "$n" --wait $((1500 * ${VN_SLOW:-1})) --ready "$ready" >"$WORK/cap" &
	local pid=$!
	busywait 2000 test -e "$ready" >/dev/null
	inn checks.s "$FRAME" send "s$dev" --mark "$MARK" "${@:3}" >/dev/null
	wait $pid
	jq .frames "$WORK/cap"
}

start_agent || exit 1
check "the topology applies" vnet topology apply "$WORK/checks.yaml"

testcase neighbours
# Neighbour discovery: a foreign MAC in the victim's table, or not.
# nd_learns N TRIES: which of the ways below put their MAC into v's table on link mN. More than one try where they
# should: m's own kernel tells its MAC from time to time, too.
nd_learns() {
	local v6 ll way=0 args learned='' try

	v6=$(address -6 v "v$1" global)
	ll=$(address -6 m "m$1" link)
	while read -r args; do
		for ((try = 0; try < $2; try++)); do
			inn checks.v ip -6 neigh flush dev "v$1" 2>/dev/null
			inn checks.v ping -c 1 -W 2 "$ll%v$1" >/dev/null
			# shellcheck disable=SC2086
			sent m "m$1" $args 02:66:00:00:00:0$way
			# what came after it has been seen, so it has been, too
			inn checks.m ping -c 1 -W 2 -I "m$1" "$v6" >/dev/null
			inn checks.v ip -6 neigh show dev "v$1" | grep -q 02:66:00:00:00:0$way || continue
			learned+=" $way"
			break
		done
		way=$((way + 1))
	done <<-WAYS
		ns $v6
		--options 4 ns $v6
		--options 4 na $ll
		rs
		ra
		--jumbo ns $v6
		--jumbo na $ll
		redirect $v6
		--fragment ns $v6
	WAYS
	echo "$learned"
}

is "isolation off: a foreign MAC is learned in seven ways" "$(nd_learns 0 30)" " 0 1 2 3 4 5 6"
is "level mac: in none" "$(nd_learns 1 1)" ""
is "level ip, held: in none" "$(nd_learns 2 1)" ""
is "level mac: counted" "$(drops mac nd-spoof) $(drops mac malformed)" "35 10"
is "level ip: counted" "$(drops ip nd-spoof) $(drops ip malformed)" "35 10"
before=$(drops mac malformed)
for len in 14 15 22 28 41; do
	sent m m1 --bytes $len arp 10.0.0.1 10.0.0.2
done
is "an ARP packet cut anywhere: counted" "$(($(drops mac malformed) - before))" 25
counted "a foreign MAC in ARP behind two tags" mac arp-spoof m m1 --vlan ad:5,6 arp 10.0.0.1 10.0.0.2 02:66:00:00:00:99

testcase gso_frames
# GSO frames: what a wire of the link's MTU would not carry, and what nobody sends.
N=0
for l in plain held bulk; do
	SRC=$(address -4 s s$N global)
	DST=$(address -4 r r$N global)
	EACH=5 counted "$l: segments one byte over the MTU" $l too-long s s$N super 1473 6000 "$SRC" "$DST"
	EACH=3 counted "$l: segments of 3000 bytes" $l too-long s s$N super 3000 9000 "$SRC" "$DST"
	EACH=59988 counted "$l: segments of one byte" $l malformed s s$N super-tcp 1 60000 "$SRC" "$DST"
	EACH=22 counted "$l: segments of 47 bytes" $l malformed s s$N super 47 1000 "$SRC" "$DST"
	inn checks.s ip link set s$N mtu 9000
	counted "$l: a frame one byte over the MTU" $l too-long s s$N --len 1515 raw
	inn checks.s ip link set s$N mtu 1500
	cmp_num "$l: segments as long as the MTU arrive" "$(got $N 1 super 1472 6000 "$SRC" "$DST")" ">=" 1
	cmp_num "$l: segments of 200 bytes arrive" "$(got $N 1 super 200 6000 "$SRC" "$DST")" ">=" 1
	is "$l: frames as long as the MTU arrive" "$(got $N 5 --count 5 --len 1514 raw)" 5
	N=$((N + 1))
done

testcase priority_tags
for tpid in "" ad:; do
	is "vlans none: VID 0 arrives ($tpid)" "$(got 0 5 --count 5 --vlan ${tpid}40960 raw)" 5
	is "a list: VID 0, and what it may be around, arrive ($tpid)" \
		"$(got 1 5 --count 5 --vlan ${tpid}40960 raw) $(got 1 5 --count 5 --vlan ${tpid}0,10 raw)" "5 5"
	counted "vlans none: what VID 0 hides ($tpid)" plain vlan s s0 --vlan ${tpid}0,10 raw
	counted "a list: what VID 0 hides ($tpid)" held vlan s s1 --vlan ${tpid}0,20 raw
done
