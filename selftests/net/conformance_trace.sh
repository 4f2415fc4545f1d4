#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Traces end to end: on a saturated link the bytes delivered in each 100 ms are the trace's, also when the file is gone, the
# daemon is another and the engine too. What is expected is computed here, from the files, by awk.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=selftests/lib/fates.sh
. "$TOP/selftests/lib/fates.sh"
INPUTS=${VN_TEST_INPUTS:-$TOP/../shared/inputs}

cat >"$WORK/c.yaml" <<YAML
name: c
nodes: {a: {}, b: {}}
links:
  l0: {endpoints: [a:e0, b:e0]}
  l1: {endpoints: [a:e1, b:e1]}
  l2: {endpoints: [a:e2, b:e2]}
  l3: {endpoints: [a:e3, b:e3]}
  l4: {endpoints: [a:e4, b:e4]}
YAML
cd "$WORK" || exit 1
start_agent || exit 1
check "the topology applies" vnet topology apply "$WORK/c.yaml"

now_monotonic_ns() {
	awk '{ printf "%.0f\n", $1 * 1e9 }' /proc/uptime
}
start_of() {
	vnet -j link show "l$1" | jq '.links[0].directions[0].discipline.trace_start_ns'
}

# saturate N RATE FRAMES: full frames on link N, from now on and in the background, binned since the trace's start
saturate() {
	"$TOOLS/fates" send -t /run/netns/c.a -d "e$1" -r /run/netns/c.b -D "e$1" -W 500 -s 1514 -R "$2" -n "$3" \
		-b 100 -z "$(start_of "$1")" >"$WORK/l$1" &
	P="$P $!"
}

# opps FILE: bytes in each 100 ms of the first two minutes of a looping Mahimahi trace
opps() {
	awk '{ t[NR] = $1 } END {
		period = t[NR]
		for (lap = 0; lap < 120; lap++)
			for (i = 1; i <= NR; i++) {
				bin = int((lap * period + t[i]) / 100)
				if (bin > 1200)
					break
				n[bin] += 1500
			}
		for (i = 0; i < 1200; i++)
			print n[i] + 0 }' "$1"
}

# follows NAME N FILE [FROM TO]: what arrived on link N is what FILE says, by 1 % and a frame, in each bin while it was
# saturated; but from FROM to TO (CLOCK_MONOTONIC). One bin in ten may be off by three frames more: whoever keeps the engine from
# the CPU for some ms moves frames over two bins' edge.
follows() {
	local name=$1 n=$2 out

	if [ "${VN_SLOW:-1}" -gt 1 ]; then
		ktap_skip "$name" "emulated in software: times and rates say nothing"
		return
	fi
	if out=$(jq -r '.bins[]' "$WORK/l$n" | paste - "$3" | awk -v start="$(jq .sent_from_ns "$WORK/l$n")" \
		-v end="$(jq .sent_until_ns "$WORK/l$n")" -v zero="$(start_of "$n")" -v from="${4-0}" -v to="${5-0}" '
		NF == 2 {
			at = zero + (NR - 1) * 1e8
			# the queue fills in the first 300 ms
			if (at < start + 3e8 || at + 1e8 > end || (at + 1e8 > from && at < to))
				next
			bins++
			off = $1 - $2 < 0 ? $2 - $1 : $1 - $2
			if (off > $2 / 100 + 1500) {
				wrong++
				if (off > $2 / 100 + 6000)
					far++
				printf "bin %d: %d, wanted %d; ", NR - 1, $1, $2
			}
			sum += $1
			wanted += $2
		}
		END {
			printf "%d bins, %d wrong; %d bytes of %d", bins, wrong, sum, wanted
			exit !(bins >= 20 && !far && wrong <= bins / 10 && sum / wanted > 0.99 && sum / wanted < 1.01)
		}'); then
		ktap_ok "$name"
	else
		ktap_fail_time "$name"
		diag "$out"
	fi
}

testcase saturated
# Tables of rates and opportunities of our own; and two that others recorded.
printf 'time_ms,rate_mbit\n0,4\n500,8\n1500,0\n1800,2\n2500,2\n' >steps.csv
# A frame of 1514 is 1538 on the wire and 1500 of IP. Bits in 100 ms, by the row that holds.
awk 'BEGIN { for (i = 0; i < 1200; i++) { t = i * 100 % 2500
	print (t < 500 ? 4e6 : t < 1500 ? 8e6 : t < 1800 ? 0 : 2e6) / 80 * 1500 / 1538 } }' >steps.want
printf 'time_ms,rate_mbit\n0,2\n2000,10\n4000,2\n' >ramp.csv
awk 'BEGIN { for (i = 0; i < 1200; i++) { t = (i * 100 + 50) % 4000
	print (t < 2000 ? 2e6 + 4000 * t : 18e6 - 4000 * t) / 80 * 1500 / 1538 } }' >ramp.want
awk 'BEGIN { srand(5); for (t = 0; t < 7000; t += 1 + int(rand() * rand() * 20)) print t; print 7000 }' >own.mahi
opps own.mahi >own.want

# With a queue that keeps them saturated when the sender, which shares the CPU, falls behind.
set_trace() {
	FATES_LINK=l$1
	shift
	set_to "$@"
}
set_trace 0 trace steps.csv loop sync s limit 4mb
set_trace 1 trace ramp.csv linear loop sync s limit 4mb
set_trace 2 trace own.mahi sync s limit 4mb
is "members of a group start together" "$(start_of 0) $(start_of 1)" "$(start_of 2) $(start_of 2)"
recorded=no
if [ -e "$INPUTS/Verizon-EVDO-driving.up" ]; then
	recorded=yes
	cp "$INPUTS/Verizon-EVDO-driving.up" evdo.up
	cp "$INPUTS/ATT-LTE-driving-30s.down" lte.down
	opps evdo.up >evdo.want
	opps lte.down >lte.want
	set_trace 3 trace evdo.up limit 4mb
	set_trace 4 trace lte.down limit 4mb
fi
P=
saturate 0 1000 9000
saturate 1 1300 11700
saturate 2 1000 9000
if [ $recorded = yes ]; then
	saturate 3 600 5400
	saturate 4 2000 18000
fi

# Files go, and the daemon; and the engine, of which what it holds and what comes until it is back is lost.
rm -f steps.csv lte.down
: >own.mahi
vnet -j link watch l0 --interval 20ms --count 1 >position
pos=$((($(now_monotonic_ns) - $(start_of 0)) % 2500000000))
timed "watch shows where it stands (ns from where it is)" \
	"$(jq -s --argjson p $pos '.[0].trace.time_ns - $p | if . < 0 then -. else . end' position)" "<" 200000000
kill_agent
start_agent || exit 1
in_middle() {
	[ "$(now_monotonic_ns)" -gt $(($(start_of 2) + 5000000000)) ]
}
busywait 8000 in_middle >/dev/null
from=$(now_monotonic_ns)
kill -KILL "$(engine_pid)"
back() {
	vnet -j engine show | jq -e '.engines[0].up' >/dev/null
}
busywait 5000 back >/dev/null
# shellcheck disable=SC2086 # they are pids
wait $P
# A table's queue is bits, which the new engine finds gone: it begins anew.
to=$((from + 1500000000))
from=$((from - 100000000))
follows "steps of a rate" 0 steps.want $from $to
follows "a rate on straight lines" 1 ramp.want $from $to
follows "delivery opportunities, the file emptied" 2 own.want $from $to
if [ $recorded = yes ]; then
	follows "Verizon EVDO" 3 evdo.want $from $to
	follows "AT&T LTE, the file deleted" 4 lte.want $from $to
else
	ktap_skip "Verizon EVDO" "no recorded traces: VN_TEST_INPUTS names a folder with them"
	ktap_skip "AT&T LTE" "no recorded traces: VN_TEST_INPUTS names a folder with them"
fi

testcase columns
# Delay, jitter, loss and limit of a table.
FATES_LINK=l0
FATES_DEV=e0
printf 'time,delay,loss\n0s,5ms,0\n1s,20ms,20%%\n2s,20ms,20%%\n' >two.csv
set_to trace two.csv loop
holds_but_time "steps of delay and loss" "$(within .lost 0.1)" "$(about .delay_ns.p10 5000000 5) and $(about .delay_ns.p90 20000000 3)" \
	-n 8000 -R 2000
printf 'time,delay,loss\n0s,10ms,0\n1s,20ms,20%%\n2s,10ms,0%%\n' >line.csv
set_to trace line.csv loop linear
holds_but_time "straight lines of delay and loss" "$(within .lost 0.1)" "$(about .delay_ns.p50 15000000 5) and
	$(about .delay_ns.p10 11000000 6) and $(about .delay_ns.p90 19000000 5)" -n 8000 -R 2000
printf 'time,delay,jitter,limit_packets\n0s,20ms,5ms,1000\n1s,20ms,5ms,10\n2s,20ms,5ms,10\n' >lim.csv
set_to trace lim.csv loop
# 40 frames are under way at 2000 a second, of which 10 pass in every other second
holds_but_time "jitter and limit" ".lost > 0 and .delay_ns.min > 15000000" "$(about .lost 3000 10) and .delay_ns.p99 < 26000000" -n 8000 -R 2000
printf 'time_ms,delay_ms\n0,5\n1000,30\n' >once.csv
set_to trace once.csv
fates -n 3000 -R 1000
is "once: it stays at its last row" "$(vnet -j link show l0 | jq -c '.links[0].directions[0].trace | [.ended, .delay_ns]')" \
	"[true,30000000]"
holds_but_time "and so do its frames" ".delay_ns.min >= 30000000" "$(about .delay_ns.p50 30000000 3)" -n 500
printf '%s\n' $((100 * ${VN_SLOW:-1})) $((200 * ${VN_SLOW:-1})) >short.mahi
set_to trace short.mahi once
fates -n 2000 -R 1000 -s 1514
is "opportunities once: the link falls silent" "$(got '.sent - .lost')" 2
