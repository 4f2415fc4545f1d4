#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Every word of a discipline, set live and read back; the files that they name; what a restart of the daemon keeps. What the
# words do to packets is tested elsewhere (discipline.sh and its neighbours).
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq

mkdir "$WORK/t"
cd "$WORK/t" || exit 1
printf '%s\n' 0 1 1 2 50 100 >down.mahi
printf 'time_ms,delay,rate_mbit\n0,10ms,5\n500,20ms,8\n1000.5,15ms,2\n' >wlan.csv
printf '# quantiles\n-8192 0\n8192\n' >mine.dist
cat >w.yaml <<YAML
name: w
nodes: {a: {}, b: {}}
links:
  ab: {endpoints: [a:e0, b:e0]}
  t1: {endpoints: [a:e1, b:e1], trace: down.mahi sync radio}
  t2: {endpoints: [a:e2, b:e2], delay: 5ms, trace: down.mahi sync radio, reverse: {trace: off, rate: 5mbit}}
  t3: {endpoints: [a:e3, b:e3], delay: 10ms 1ms, distribution: mine.dist, loss: gemodel 1% 10%, slot: 1ms 2ms packets 5}
YAML

disc() {
	vnet -j link show "$1" | jq -c ".links[0].directions[${2:-0}].discipline | $3"
}
text() {
	vnet -j link show "$1" | jq -r ".links[0].directions[${2:-0}].text"
}
# bad NAME PATTERN WORDS...: refused by `link set ab`, in one line, and the link is what it was
bad() {
	local name=$1 pattern=$2 before out rc

	shift 2
	before=$(vnet -j link show ab)
	out=$(vnet link set ab "$@" 2>&1 >/dev/null)
	rc=$?
	if [ $rc -eq 1 ] && [ "$(wc -l <<<"$out")" -eq 1 ] && grep -qE -- "$pattern" <<<"$out" &&
		[ "$(vnet -j link show ab)" = "$before" ]; then
		ktap_ok "$name"
	else
		ktap_fail "$name"
		diag "exit $rc of: link set ab $*; wanted 1, '$pattern', and no change; said: $out"
	fi
}

start_agent || exit 1
check "offline, the files are checked too" vnet topology check w.yaml
check "the topology applies, from another folder" sh -c "cd / && '$AGENT' topology apply '$WORK/t/w.yaml'"
expect_exit "and again: nothing to do" 0 "nothing to do" vnet topology apply w.yaml

testcase each_word
# Each word alone, read back as it was written.
while read -r words; do
	# shellcheck disable=SC2086 # they are words
	vnet link replace ab $words >"$WORK/out" 2>&1 || diag "$(cat "$WORK/out")"
	is "link replace ab $words" "$(text ab 0)" "$words"
done <<'WORDS'
delay 10ms
delay 100ms 10ms 25%
delay 100ms 20ms distribution normal
delay 100ms 20ms distribution pareto
delay 100ms 20ms distribution paretonormal
delay 100ms 20ms distribution mine.dist
jitter 1ms 5%
loss 0.3% 25%
loss state 1% 20% 5% 50% 2%
loss gemodel 1% 10% 70% 0.1%
loss 5% ecn
duplicate 1% 10%
corrupt 0.1% 5%
delay 10ms reorder 25% 50% gap 5
delay 10ms 5ms order keep
rate 5kbit overhead 20 cell 100 5
rate 1mbit limit 64kb
delay 1ms limit 1000
slot 800us 1ms packets 32 bytes 65536
slot distribution pareto 1ms 100us
slot distribution ./mine.dist 1ms 100us bytes 3000
police rate 10mbit burst 64kb
state down
flap up 10s down 500ms
delay 1ms holder precise
rate 10mbit holder bulk
trace down.mahi
trace down.mahi once sync g
trace wlan.csv linear loop
loss 1% seed 17
WORDS

testcase one_word
# One word changes, the others stay; what is switched off takes along what depends on it.
vnet link replace ab delay 10ms 2ms 10% distribution normal loss 1% 20% ecn reorder 5% gap 3 rate 5mbit 4 53 5 >/dev/null
vnet link set ab loss 2% >/dev/null
is "set changes one word and no other" "$(text ab)" \
	"delay 10ms 2ms 10% distribution normal loss 2% 20% ecn reorder 5% gap 3 rate 5mbit overhead 4 cell 53 5"
vnet link set ab dir ab loss 0 >/dev/null
is "loss 0 takes correlation and ecn along" "$(text ab)" \
	"delay 10ms 2ms 10% distribution normal reorder 5% gap 3 rate 5mbit overhead 4 cell 53 5"
is "in its direction" "$(disc ab 1 .ecn)" true
vnet link set ab jitter 0 rate off reorder off >/dev/null
is "what depends goes along" "$(text ab)" "delay 10ms"

testcase tables
# Iproute2's own tables, where it is installed.
refused='' tables=0
for dist in /usr/lib/tc/*.dist /usr/lib/*/tc/*.dist /usr/share/tc/*.dist; do
	[ -e "$dist" ] || continue
	tables=$((tables + 1))
	vnet link replace ab delay 10ms 2ms distribution "$dist" >/dev/null 2>"$WORK/why" || refused="$refused $dist: $(cat "$WORK/why")"
done
if [ $tables -gt 0 ]; then
	is "each of iproute2's $tables tables is accepted" "$refused" ""
else
	ktap_skip "each of iproute2's tables is accepted" "there are none in /usr/lib/tc, /usr/lib/*/tc, /usr/share/tc"
fi

testcase contradictions
vnet link replace ab delay 10ms >/dev/null
bad "reorder without delay" "reorder.*delay" delay 0 reorder 25%
bad "gap without reorder" "gap.*reorder" gap 5
bad "distribution without jitter" "distribution.*jitter" distribution normal
bad "ecn without loss" "ecn.*loss" ecn
bad "correlation without its base" "25%.*loss" loss 0% 25%
bad "a number that is none" "nan" loss nan
bad "1e308" "1e308" delay 1e308ms
bad "negative" "negative" duplicate -1%
bad "a negative overhead is none that a cell can have" "cell" rate 1mbit -4 53 -60
bad "101 %" "101%" corrupt 101%
bad "a rate of 1 bit a second" "1bit.*takes|1bit.*take [0-9.]+ h" rate 1bit limit 1gb
bad "a queue of days" "99.4 days" rate 1kbit limit 1gb
bad "slot's least over its most" "2ms.*1ms" slot 2ms 1ms
bad "a burst smaller than a frame" "burst" police rate 1mbit burst 100b
bad "bulk with what it cannot do" "bulk.*loss" holder bulk loss 1%
bad "reorder against order keep" "reorder.*order keep" reorder 25% order keep
bad "tc-police's other words" "mtu" police rate 1mbit burst 10kb mtu 1500
bad "rate beside a trace that gives it" "rate.*down.mahi" trace down.mahi rate 1mbit
bad "delay beside a column of it" "delay.*wlan.csv" trace wlan.csv
bad "linear between opportunities" "linear" trace down.mahi linear

testcase files
# Files of traces.
: >empty.csv
printf 'time_ms,delay_ms\n0,1\n5,2\n4,3\n' >back.csv
printf '5\n4\n' >back.mahi
mkfifo pipe.csv
truncate -s 1G huge.csv
bad "an empty trace" "empty" trace empty.csv
bad "a trace of 1 GB" "1073 MB" trace huge.csv
bad "time goes backwards: CSV, with the place" "back.csv:4:1:.*backwards" trace back.csv
bad "time goes backwards: Mahimahi" "back.mahi:2:1:.*backwards" trace back.mahi
bad "a pipe" "pipe" trace pipe.csv
bad "a directory" "directory" trace ./
bad "a device" "device" trace /dev/zero
bad "a file that is not there" "No such file" trace gone.csv

testcase sync
# Sync groups, and who keeps its start.
start1=$(disc t1 0 .trace_start_ns)
is "members of a group begin together" "$(disc t2 0 .trace_start_ns)" "$start1"
vnet link set t1 delay 3ms >/dev/null
is "another word does not restart a trace" "$(disc t1 0 .trace_start_ns)" "$start1"
vnet link replace ab trace down.mahi sync radio >/dev/null
is "who joins a running group takes its start" "$(disc ab 0 .trace_start_ns)" "$start1"
vnet link replace ab trace down.mahi >/dev/null
cmp_num "without a group it begins when it is set" "$(disc ab 0 .trace_start_ns)" ">" "$start1"
start=$(disc ab 0 .trace_start_ns)
vnet link set ab trace down.mahi >/dev/null
cmp_num "and again when it is set again" "$(disc ab 0 .trace_start_ns)" ">" "$start"
is "equal files share a block" "$(disc ab 0 .trace_block)" "$(disc t1 0 .trace_block)"

testcase restart
# Files go, daemons go.
vnet link replace ab delay 1ms 1ms distribution mine.dist trace wlan.csv sync other >/dev/null 2>&1
vnet link replace ab jitter 1ms distribution mine.dist trace wlan.csv sync other >/dev/null
vnet link replace t1 trace down.mahi sync radio >/dev/null
mv down.mahi gone.mahi
printf 'time_ms,delay_ms\n0,1\n' >wlan.csv
before=$(vnet -j link show | jq -S '[.links[].directions[] | {text, discipline}]')
kill_agent
start_agent || exit 1
is "a new daemon knows names, blocks, starts, the files gone or changed" \
	"$(vnet -j link show | jq -S '[.links[].directions[] | {text, discipline}]')" "$before"
vnet link set t2 loss 1% >/dev/null
is "and sets other words" "$(text t2)" "delay 5ms loss 1% trace down.mahi sync radio"
expect_exit "an apply needs the file" 1 "down.mahi: No such file" vnet topology apply w.yaml
mv gone.mahi down.mahi
vnet topology apply w.yaml >/dev/null
printf '%s\n' 0 7 >down.mahi
expect_exit "a file of other contents is a change" 10 "change link t1: its files" vnet topology plan w.yaml

testcase watch
vnet -j link watch t1 --interval 20ms --count 2 >"$WORK/watch"
is "watch: a line for each direction and interval" "$(jq -s length "$WORK/watch")" 4
is "watch: where the trace stands" "$(jq -s '[.[].trace.count] | unique | .[0]' "$WORK/watch")" 6
is "watch: whose line it is" "$(jq -c '[.topology, .name, .dir]' "$WORK/watch" | sort -u | tr '\n' ' ')" \
	'["w","t1","ab"] ["w","t1","ba"] '
is "watch: what does not change is said once" "$(vnet link watch t3 --interval 10ms --count 3 | grep -c gemodel)" 2
check "watch: as a table" sh -c "'$AGENT' link watch t3 --interval 10ms --count 1 | grep -q 'ab .*gemodel'"
check "and all of it goes" vnet topology delete w
