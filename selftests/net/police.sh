#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What a direction's port does by itself: the policer lets through its rate and no more, of any kind of frame, held or
# not; a link that is down, or down in turn, takes nothing, and what was under way arrives.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq

start_agent || exit 1
one_link police
# A node whose end has no carrier would send nothing, and what was under way would meet a closed end: here the port's own
# doing is looked at. What becomes of carriers, net/carrier shows.
sed -i 's/b:eth0\]/&, carrier: ignore/' "$WORK/police.yaml"
check "its ends keep their carriers" vnet topology apply "$WORK/police.yaml"

stat() {
	vnet -j -s link show ab | jq ".links[0].directions[$1].stats.$2"
}

# flood PAYLOAD RATE-BITS ARGS...: UDP from a to b; prints what arrived as a part of RATE, in bits on the wire
flood() {
	local payload=$1 rate=$2

	shift 2
	"$PERF/vnblast" -t /run/netns/police.a -r /run/netns/police.b -a "$BB" -k -s "$payload" "$@" >"$WORK/flood"
	# Ethernet, IPv4 and UDP headers; checksum, preamble and gap
	jq ".rx_pps * ([$payload + 42, 60] | max + 24) * 8 / $rate" "$WORK/flood"
}

# What vnblast offered, as a part of the rate
offered() {
	jq ".tx_pps * ([$1 + 42, 60] | max + 24) * 8 / $2" "$WORK/flood"
}

# polices NAME PAYLOAD RATE-BITS ARGS...: within 2 % of the rate in one of four tries; in none more than what flows into
# the bucket, and a bucket full (5 % of the window). Less only where this machine cannot offer enough.
polices() {
	local name=$1 ratio try

	shift
	for try in 1 2 3 4; do
		ratio=$(flood "$@")
		awk -v r="$ratio" 'BEGIN { exit !(r > 1.055 || (r > 0.98 && r < 1.02)) }' && break
		diag "try $try: $ratio of the rate passed, $(offered "$1" "$2") were offered"
	done
	cmp_num "$name: not more than the rate" "$ratio" "<" 1.02
	if awk -v o="$(offered "$1" "$2")" 'BEGIN { exit !(o < 1.3) }'; then
		ktap_skip "$name: not less" "this machine offers only $(offered "$1" "$2") of the rate"
		return
	fi
	cmp_time "$name: not less" "$ratio" ">" 0.98
}

probe() {
	local dir=$1

	shift
	if [ "$dir" = ab ]; then
		"$PERF/vnprobe" -t /run/netns/police.a -r /run/netns/police.b -a "$BB" "$@" >"$WORK/probe"
	else
		"$PERF/vnprobe" -t /run/netns/police.b -r /run/netns/police.a -a "$A" "$@" >"$WORK/probe"
	fi
}

got() {
	jq "$1" "$WORK/probe"
}

testcase flood
# A flood, from 1 Mbit/s to 1 Gbit/s; the burst is what flows in 100 ms, so that a busy machine matters little.
while read -r word bits burst payload pps; do
	check "police rate $word" vnet link set ab dir ab police rate "$word" burst "$burst"
	polices "$word, $payload bytes" "$payload" "$bits" -R "$pps"
done <<RATES
1mbit 1000000 12500b 1000 1000
10mbit 10000000 125000b 1000 5000
100mbit 100000000 1250000b 1000 40000
1gbit 1000000000 12500000b 1472 0
RATES
check "small packets: police rate 20mbit" vnet link set ab dir ab police rate 20mbit burst 250000b
polices "20mbit, 18 bytes" 18 20000000 -R 100000

testcase counted
# Each frame that did not pass is counted, once.
check "police rate 1mbit burst 10 frames" vnet link set ab dir ab police rate 1mbit burst 10660b
before=$(stat 0 drops.police)
probe ab -n 2000 -R 10000 -s 1000
cmp_num "most of 85 Mbit/s exceed 1 Mbit/s" "$(got .lost)" ">" 1900
# a neighbour's or the kernel's own packet may have been policed besides
cmp_num "each is counted (lost $(got .lost))" "$(($(stat 0 drops.police) - before - $(got .lost)))" ">=" 0
cmp_num "and no other" "$(($(stat 0 drops.police) - before - $(got .lost)))" "<=" 3
probe ba -n 2000 -R 10000 -s 1000
is "the other direction is not policed" "$(got .lost)" 0

testcase tcp
# TCP, whose GSO frames are longer than the bucket.
# Loss of whole GSO frames is hard on TCP: little passes, and the less the smaller the bucket. It never stands still.
while read -r burst least; do
	check "police rate 100mbit burst $burst" vnet link set ab dir ab police rate 100mbit burst "$burst"
	"$PERF/vntcp" -C "$CONGESTION" -t /run/netns/police.a -r /run/netns/police.b -a "$BB" -d 2 >"$WORK/tcp"
	cmp_num "TCP ($CONGESTION) passes, burst $burst (Mbit/s)" "$(jq '.goodput_bps / 1e6' "$WORK/tcp")" ">" "$least"
	cmp_num "within the rate, headers of every segment counted" "$(jq '.goodput_bps / 1e6' "$WORK/tcp")" "<" 95.1
done <<BURSTS
3076b 0.01
100kb 1
BURSTS

testcase live
# Live: other measures, none at all.
vnet link set ab dir ab police rate 1mbit burst 10660b >/dev/null
check "police rate 4mbit, in place of another" vnet link set ab dir ab police rate 4mbit burst 50000b
polices "4mbit" 1000 4000000 -R 4000
check "police off" vnet link set ab dir ab police off
probe ab -n 2000 -R 10000 -s 1000
is "nothing is lost then" "$(got .lost)" 0

testcase held
# Held and policed.
check "delay 5ms and police" vnet link replace ab dir ab delay 5ms police rate 10mbit burst 125000b
polices "held, 10mbit" 1000 10000000 -R 5000
probe ab -n 1000 -R 500 -e 5000000
cmp_num "and it is delayed" "$(got .delay_ns.min)" ">=" 5000000

testcase state_down
# State down, while a numbered stream runs.
vnet link replace ab
before=$(stat 0 drops.down)
probe ab -n 10000 -R $((2000 / ${VN_SLOW:-1})) -W 1000 &
pid=$!
seen=$(stat 0 in_packets)
running() {
	[ "$(stat 0 in_packets)" -gt "$((seen + 500))" ]
}
busywait 5000 running >/dev/null
check "state down under traffic" vnet link set ab state down
down=$(stat 0 out_packets)
some_dropped() {
	[ "$(stat 0 drops.down)" -gt "$((before + 300))" ]
}
check "frames are dropped and counted" busywait 5000 some_dropped
is "none passes" "$(stat 0 out_packets)" "$down"
check "link show says so" grep -q "state down" <(vnet link show ab)
check "state up" vnet link set ab state up
wait $pid
cmp_num "the rest arrives" "$(got .received)" ">" 100
cmp_num "what is lost is counted (lost $(got .lost))" "$(($(stat 0 drops.down) - before - $(got .lost)))" ">=" 0
cmp_num "and no other" "$(($(stat 0 drops.down) - before - $(got .lost)))" "<=" 3

testcase under_way
# What was under way arrives.
check "delay 800ms" vnet link replace ab delay 800ms
seen=$(stat 0 in_packets)
probe ab -n 200 -R 4000 -e 800000000 &
pid=$!
all_in() {
	[ "$(stat 0 in_packets)" -ge "$((seen + 200))" ]
}
busywait 5000 all_in >/dev/null
vnet link set ab state down
wait $pid
is "held frames of a link that went down arrive" "$(got .lost)" 0

testcase flap
# A flap schedule: a third of the time down.
vnet link replace ab
check "flap up 200ms down 100ms" vnet link replace ab dir ab flap up 200ms down 100ms
before=$(stat 0 drops.down)
probe ab -n 6000 -R 2000
cmp_num "a third is lost, least" "$(got '.lost / .sent')" ">" 0.28
cmp_num "a third is lost, most" "$(got '.lost / .sent')" "<" 0.39
cmp_num "each is counted (lost $(got .lost))" "$(($(stat 0 drops.down) - before - $(got .lost)))" ">=" 0
probe ba -n 1000 -R 2000
is "the other direction is up" "$(got .lost)" 0
