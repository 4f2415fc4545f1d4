#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# link verify tells a link that is what it says from one that is not: told another loss behind the daemon's back, with an
# engine kept off its processor, or with nothing to go by. Probes disturb nobody and nobody can forge one. calibrate.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq bpftool chrt

cat >"$WORK/v.yaml" <<YAML
name: v
nodes: {a: {}, b: {}}
links:
  ok: {endpoints: [a:e0, b:e0], delay: 10ms, loss: 1%}
  idle: {endpoints: [a:e1, b:e1], delay: 5ms, holder: precise}
  wire: {endpoints: [a:e2, b:e2]}
  slow: {endpoints: [a:e3, b:e3], delay: 2ms, rate: 20mbit}
YAML

addr() {
	vnet -j link show "$1" | jq -r ".links[0].endpoints[$2].addresses[0]" | cut -d/ -f1
}

# An emulated machine (VN_SLOW) is late with every frame, and verify says so: rightly. There all but that is judged.
SLOW=$((${VN_SLOW:-1} > 1))

# traffic LINK N: numbered packets in direction ab
traffic() {
	"$PERF/vnprobe" -t /run/netns/v.a -r /run/netns/v.b -a "$(addr "$1" 1)" -n "$2" -R $((SLOW ? 2000 : 20000)) >/dev/null
}

# but_late: the report finds fault with nothing but times
but_late() {
	[ $SLOW = 1 ] && jq -e 'all(.links[].directions[].checks[]; .verdict != "fail" or
		(.check | IN("lateness", "delay", "delay-error", "rate", "overload")) or
		(.check == "drops" and (.found | test("^engine-down [0-9]+$"))))' "$WORK/report" >/dev/null
}

# on_time NAME GOT WANTED: is, of what depends on that
on_time() {
	if [ $SLOW = 1 ]; then
		ktap_skip "$1" "emulated in software: every frame is late"
	else
		is_time "$@"
	fi
}

# verify ARG...: the report is in $WORK/report, its exit code in RC
RC=
verify() {
	vnet -j link verify "$@" >"$WORK/report" 2>"$WORK/report.err"
	RC=$?
}

# verdict CHECK SOURCE: of direction ab
verdict() {
	jq -r --arg c "$1" --arg s "$2" \
		'[.links[0].directions[0].checks[] | select(.check == $c and .source == $s) | .verdict] | first // "none"' \
		"$WORK/report"
}

# steadily CODE ARG...: verify until it exits with CODE, at most four times: whoever shares this machine may keep the engine
# off its processor, which is then rightly told.
steadily() {
	local code=$1 try

	shift
	for try in 1 2 3 4; do
		verify "$@"
		[ $RC = "$code" ] && return 0
		but_late && diag "emulated in software: times are not judged" && return 0
		diag "try $try: exit $RC: $(jq -c '[.links[].directions[].checks[] | select(.verdict != "pass") | {check, source, found, note}]' "$WORK/report")"
		vnet link reset all
		[ -z "${AGAIN-}" ] || $AGAIN
	done
	return 1
}

LONG=a-link-whose-name-is-as-long-as-a-name-of-a-link-may-be-0123456789
LONG=${LONG:0:63}
{
	echo "name: many"
	echo "nodes: {a: {}, b: {}}"
	echo "defaults: {link: {delay: 3ms}}"
	echo "links:"
	echo "  $LONG: {endpoints: [a:l0, b:l0], loss: 1%}"
	echo "  rare: {endpoints: [a:l1, b:l1], loss: 0.1%}"
	echo "  rarer: {endpoints: [a:l2, b:l2], loss: 0.001%}"
	echo "  jittery: {endpoints: [a:l3, b:l3], delay: 20ms, jitter: 4ms, distribution: normal}"
	echo "  twice: {endpoints: [a:l4, b:l4], duplicate: 5%}"
	echo "  bad: {endpoints: [a:l5, b:l5], corrupt: 2%}"
	echo "  burst: {endpoints: [a:l6, b:l6], loss: gemodel 2% 30%}"
	echo "  fast: {endpoints: [a:l7, b:l7], rate: 10gbit}"
	echo "  slow: {endpoints: [a:l8, b:l8], rate: 256kbit}"
	echo "  wire: {endpoints: [a:l9, b:l9], delay: 0}"
	echo "  far: {endpoints: [a:l10, b:l10], delay: 1800s}"
	echo "  down: {endpoints: [a:l11, b:l11], state: down}"
	echo "  flaps: {endpoints: [a:l12, b:l12], flap: up 300s down 1s}"
	echo "  policed: {endpoints: [a:l13, b:l13], police: rate 10kbit burst 2kb}"
} >"$WORK/many.yaml"

# alone FILE: that topology runs, and no other one, with a daemon that knows of no calibration
alone() {
	local name

	for name in $(vnet -j topology show | jq -r '.topologies[].name'); do
		vnet topology delete "$name" || return
	done
	stop_agent
	rm -f /run/vnet/calibration.json
	start_agent && vnet topology apply "$1"
}

start_agent || exit 1
check "the topology applies" vnet topology apply "$WORK/v.yaml"
NS_BEFORE=$(ls /run/netns)
SLOT=$(vnet -j link show ok | jq '.links[0].endpoints[0].number')

testcase nothing_to_go_by
expect_exit "an idle link without probes: nothing to say, exit 11" 11 "not enough packets to say" \
	vnet link verify idle --no-probe
expect_exit "a plain wire needs no proof but its configuration" 0 "" vnet link verify wire --no-probe

testcase healthy
# A healthy link.
more_ok() {
	traffic ok 20000
}
more_ok
AGAIN=more_ok
check_time "20000 packets, 1 % loss, 10 ms: pass" steadily 0 ok dir ab --no-probe
AGAIN=
is "loss by the users' packets" "$(verdict loss traffic)" pass
on_time "lateness by the users' packets" "$(verdict lateness traffic)" pass
is "the configured value is in the interval" "$(jq '.links[0].directions[0].checks[] | select(.check == "loss")
	| .low_ppb < 10000000 and .high_ppb > 10000000 and .configured_ppb == 10000000' "$WORK/report")" true
is "every check has the keys of the schema" "$(jq '[.links[].directions[].checks[]
	| [has("check", "source", "verdict", "packets", "found", "bound", "note")] | all] | all' "$WORK/report")" true
vnet link verify ok dir ab --no-probe >"$WORK/text"
check "text is made from the same tree" grep -qF "$(vnet -j link verify ok dir ab --no-probe |
	jq -r '.links[0].directions[0].checks[] | select(.check == "loss") | .found')" "$WORK/text"

testcase since_reset
# Figures since the discipline in force began, or since a reset.
# number of the next frame in the replay sequence: bytes 8 to 15 of the direction's element
next_index() {
	bpftool -j map lookup pinned /sys/fs/bpf/vnet/map_vn_dir key hex \
		"$(printf %02x $((SLOT & 255)))" "$(printf %02x $((SLOT >> 8)))" 00 00 |
		jq -r '[.value[15,14,13,12,11,10,9,8]] | map(ltrimstr("0x")) | join("")' | sed 's/^/16#/'
}
nodes_quiet
index=$(($(next_index)))
check "reset" vnet link reset ok
verify ok dir ab --no-probe
is "after a reset there is nothing to say" "$RC" 11
traffic ok 3000
is "and the figures begin anew" "$(vnet -j link verify ok dir ab --no-probe |
	jq '.links[0].directions[0].checks[] | select(.check == "loss") | .packets')" 3000
is "while the draws go on" "$(($(next_index) - index))" 3000

testcase lies
# A link that is not what it says: another loss in the data path than the daemon configured.
lie() {
	local slot=$1 map=/sys/fs/bpf/vnet/map_vn_disc bytes

	# loss_ppb stands at byte 64 + 36 of the element; 5 % is 50000000 = 80 f0 fa 02, little endian
	mapfile -t bytes < <(bpftool -j map lookup pinned $map key hex \
		"$(printf %02x $((slot & 255)))" "$(printf %02x $((slot >> 8)))" 00 00 | jq -r '.value[]' | sed 's/^0x//')
	bytes[100]=80 bytes[101]=f0 bytes[102]=fa bytes[103]=02
	# another sequence number, even as well: the engine looks
	bytes[0]=$(printf %02x $(((16#${bytes[0]} + 2) & 255)))
	bpftool map update pinned $map key hex "$(printf %02x $((slot & 255)))" "$(printf %02x $((slot >> 8)))" 00 00 \
		value hex "${bytes[@]}"
}
vnet link reset ok
check "5 % loss behind the daemon's back" lie "$SLOT"
traffic ok 20000
verify ok dir ab --no-probe
is "a link that lies fails" "$RC" 1
is "by its loss" "$(verdict loss traffic)" fail
is "and by what is in force" "$(verdict config traffic)" fail
verify ok dir ab --probe --time 1s
is "probes go by what is in force: they see it too" "$(verdict loss probe)" fail
expect_exit "the text says why" 1 "outside the 99.9 % interval" vnet link verify ok dir ab --no-probe
vnet link replace ok delay 10ms loss 2%

testcase probes
# Probes: an idle link, by itself.
nodes_quiet
before=$(vnet -j -s link show idle | jq -c '[.links[0].directions[].stats | [.in_packets, .out_packets]]')
inn v.a cat /proc/net/dev | grep e1: >"$WORK/dev"
check_time "an idle link is probed by itself, and passes" steadily 0 idle --time 1s
is "by probes" "$(jq '[.links[0].directions[].probed] | all' "$WORK/report")" true
is "no node saw a frame of it, no counter moved" \
	"$(vnet -j -s link show idle | jq -c '[.links[0].directions[].stats | [.in_packets, .out_packets]]')" "$before"
is "nor did the node's interface" "$(inn v.a cat /proc/net/dev | grep e1:)" "$(cat "$WORK/dev")"
is "the probe link is gone" "$(ls /run/netns)" "$NS_BEFORE"
is "and so is the mark of its making" "$(ls /run/vnet/pending 2>/dev/null)" ""

testcase forged_probes
# A node that sends what probes look like, with the slots of others as its own 802.1ad tags: none of it is among them.
forge() {
	local slot

	for ((slot = 1; slot <= 12; slot++)); do
		inn v.a "$TOOLS/frame" send e1 --count 200 --vlan "ad:$slot" raw
		inn v.a "$TOOLS/frame" send e1 --count 200 raw
	done
}
while :; do forge; done >/dev/null 2>&1 &
FORGE=$!
defer kill $FORGE
steadily 0 idle dir ab --probe --time 1s
kill $FORGE 2>/dev/null
wait $FORGE 2>/dev/null
is "of a node that forges them, none is counted" "$(jq '[.links[0].directions[0].checks[] | select(.source == "probe")
	| select(.check == "duplicate" or .check == "corrupt" or .check == "loss" or .check == "reorder")] | length' "$WORK/report")" 0

testcase killed
# A daemon killed while it probes leaves a probe link, which the next one removes.
vnet link verify idle --probe --time 20s >/dev/null 2>&1 &
P=$!
twin_there() {
	[ -e /run/netns/vnet-probe.a ]
}
busywait 5000 twin_there >/dev/null
kill_agent
wait $P 2>/dev/null
start_agent
is "a killed daemon's probe link goes with the next start" "$(ls /run/netns)" "$NS_BEFORE"
check_time "which can probe again" steadily 0 idle --probe --time 1s

testcase rate
check_time "a rate is proven by a burst of probes" steadily 0 slow dir ab --probe --time 2s
on_time "within 1 %" "$(verdict rate probe)" pass
# Half as much again as the rate, steadily: TCP need not fill a queue (BBR, where it is the host's default, drains it).
"$PERF/vnprobe" -t /run/netns/v.a -r /run/netns/v.b -a "$(addr slow 1)" -n 50000 -R 2500 -s 1472 >/dev/null &
FLOOD=$!
busy() {
	[ "$(vnet -j -s link show slow | jq '.links[0].directions[0].stats.held_packets')" -gt 5 ]
}
busywait 5000 busy >/dev/null
# The sender may be kept off its processor for so long that the queue runs empty; then `unknown` is the right word.
for try in 1 2 3 4 5 6 7 8; do
	verify slow dir ab --no-probe --time 1s
	case $(verdict rate traffic) in
	pass) break ;;
	unknown) ;;
	*) [ $SLOW != 1 ] || break ;;
	esac
	diag "try $try: $(jq -c '[.links[].directions[].checks[] | select(.check == "rate")]' "$WORK/report")"
done
on_time "and by the users' own packets when they fill the queue" "$(verdict rate traffic)" pass
kill $FLOOD 2>/dev/null
wait $FLOOD 2>/dev/null

testcase starved
# A starved engine turns it red.
vnet link reset all
traffic idle 2000
"$PERF/vnprobe" -t /run/netns/v.a -r /run/netns/v.b -a "$(addr idle 1)" -n 3000 -R 3000 >/dev/null &
P=$!
in_flight() {
	[ "$(vnet -j -s link show idle | jq '.links[0].directions[0].stats.held_packets')" -gt 0 ]
}
busywait 5000 in_flight >/dev/null
E=$(engine_pid)
# Before everybody else, or it would be kept from going on in time itself, and the engine replaced as hung.
chrt -f 90 sh -c "kill -STOP $E; sleep 0.08; kill -CONT $E" # no waiting: the fault itself
wait $P
verify idle dir ab --no-probe
is "an engine stopped for 80 ms: fail" "$RC" 1
is "by its lateness" "$(verdict lateness traffic)" fail
check "reset clears it" vnet link reset all
traffic idle 2000
AGAIN="traffic idle 2000"
check_time "and the link passes again" steadily 0 idle dir ab --no-probe
AGAIN=

testcase wrong_words
expect_exit "an unknown link" 1 "no running topology" vnet link verify nothere --no-probe
expect_exit "contradicting options" 1 "contradict" vnet link verify ok --probe --no-probe
expect_exit "a time without a unit" 1 "unit" vnet link verify ok --time 3

testcase calibrate
# The memory's limit is known without calibration.
vnet link set idle holder auto
expect_exit "what the engine cannot hold is refused, and says what is possible" 7 "may hold .* at most [0-9]+ms" \
	vnet link set idle delay 100s rate 10gbit
check "calibrate" vnet calibrate --time 2s
is "its file names the host and has figures" "$(jq '(.kernel | length > 0) and .floor_ns > 0 and .pps_max > 0
	and .direction_frames > 0 and (.lateness | length) == 3
	and .bulk_bps_max > 0' /run/vnet/calibration.json)" true
# One sender's GSO frames are more than its small frames, so a rate between the two tells the holders apart.
between=$(jq '(.pps_max * 1538 * 8 * 1.2 / 1e6 | floor) as $m | if $m * 1e6 < .bulk_bps_max then $m else 0 end' \
	/run/vnet/calibration.json)
expect_exit "a rate beyond all holders is refused, and says what is possible" 7 "went at most [0-9.]+gbit" \
	vnet link set idle rate 1tbit limit 1000
if [ "$between" -gt 0 ]; then
	expect_exit "a rate beyond the precise holder is refused to a discipline that only this one has" 7 "one by one" \
		vnet link set idle rate "${between}mbit" loss 1%
	check "and granted to one that the bulk holder has" vnet link set idle rate "${between}mbit"
	expect_exit "but not when that is not to serve" 7 "one by one" vnet link set idle holder precise
	check "the rate goes" vnet link replace idle delay 1ms
else
	ktap_skip "a rate between the two holders" "GSO frames are not faster here: $(jq -c \
		'[.pps_max, .bulk_bps_max]' /run/vnet/calibration.json)"
fi
expect_exit "a delay below the floor is refused, and says it" 7 "takes .*us by itself" vnet link set idle delay 1ns

testcase backbone
# A healthy backbone is never called broken.
check "the Abilene example applies" alone "$TOP/examples/abilene.yaml"
overloaded() {
	awk -v n="$(nproc)" '{ exit !($1 > 2 * n) }' /proc/loadavg
}
# all_pass NAME: verify all with probes by itself exits 0, in at most four tries; a machine that is busy otherwise excuses
all_pass() {
	if [ $SLOW = 1 ]; then
		ktap_skip "$1" "emulated in software: the engine falls behind probes of so many links"
		return
	elif steadily 0 all; then
		ktap_ok "$1"
	elif overloaded; then
		ktap_skip "$1" "the load of this machine is $(cut -d' ' -f1 /proc/loadavg)"
	else
		ktap_fail_time "$1"
	fi
	diag "exit $RC: $(jq -c '[.links[].verdict] | group_by(.) | map({(.[0]): length}) | add' "$WORK/report")"
}
all_pass "verify all of a topology nobody has used yet: each link is probed, and passes"
on_time "every direction of it by probes, with a rate" "$(jq '[.links[].directions[] | .probed and
	([.checks[] | select(.check == "rate" and .source == "probe" and .measured_bps > 900000000)] | length == 1)] | all' \
	"$WORK/report")" true

testcase many
# Many links of many kinds at once; one that lies among them is found, and no other is blamed.
check "links of many kinds" alone "$WORK/many.yaml"
if [ $SLOW = 1 ]; then verify all; else steadily 11 all; fi
on_time "only what would take half an hour is unknown" \
	"$(jq -c '[.links[] | select(.verdict != "pass") | [.name, .verdict]]' "$WORK/report")" '[["far","unknown"]]'
on_time "rare loss passes, and says what it would take to count it" "$(jq -r '.links[] | select(.name == "rarer")
	| .directions[0].checks[] | select(.check == "loss" and .source == "probe")
	| .verdict + " " + (.high_ppb < 1000000 and .packets > 7000 | tostring) + " " + (.note | contains("too rare") | tostring)' \
	"$WORK/report")" "pass true true"
on_time "a rate beyond what probes can send is bounded from below" "$(jq -r '.links[] | select(.name == "fast")
	| .directions[0].checks[] | select(.check == "rate" and .source == "probe") | .verdict + " " + .found' "$WORK/report" |
	cut -d' ' -f1-3)" "pass at least"
SLOT=$(vnet -j link show bad | jq '.links[0].endpoints[0].number')
check "5 % loss behind the daemon's back" lie "$SLOT"
verify all
is "the one that lies fails" "$(jq -r '.links[] | select(.name == "bad") | .directions[0].verdict' "$WORK/report")" fail
is "and no other is said to have another discipline" "$(jq -c '[.links[] | .name as $n | .directions[]
	| .dir as $d | .checks[] | select(.check == "config" and .verdict == "fail") | [$n, $d]]' "$WORK/report")" '[["bad","ab"]]'

testcase shown
# What is down says so, and a schedule where it stands.
check "links of many kinds" alone "$WORK/many.yaml"
is "down and up are told, and until when" "$(vnet -j link show | jq -c '[.links[] | .directions[0].gate // empty
	| [.open, (.changes_in_ns // 0) > 0]]')" '[[false,false],[true,true]]'
is "the table says so, too" "$(vnet link show down | awk 'END { print $5 }')" down
check "watch says for how long" sh -c "'$AGENT' link watch flaps --count 1 --interval 50ms | grep -qE 'up, down in 2[0-9][0-9]\.'"

# terminal WIDTH CMD...: what CMD shows on a terminal of that width, without colours
terminal() {
	local width=$1

	shift
	script -qefc "stty cols $width; $*" /dev/null </dev/null | tr -d '\r' | sed 's/\x1b\[[0-9;]*m//g'
}
if command -v script >/dev/null; then
	for words in "link verify all --no-probe" "link verify $LONG --no-probe" "-d link verify all --no-probe" "engine show" \
		"link show" "-s link show" "link watch rare --count 1 --interval 100ms"; do
		# shellcheck disable=SC2086
		terminal 80 "$AGENT" $words
	done >"$WORK/screen"
	is "no line is wider than a terminal of 80 columns" "$(awk 'length($0) > 80' "$WORK/screen")" ""
else
	ktap_skip "no line is wider than a terminal of 80 columns" "script(1) is not installed"
fi
