#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# netem and us side by side: the same probes over a path with netem on it and over a link of the agent's, in turns in the
# same guest, each row the median of the rounds. A guest's time is coarse and its CPU emulated: the table is to be read
# across a row, the figure is the ratio, and nothing here asserts a tight one.
# shellcheck source=selftests/lib/vf.sh
. "$(dirname "$0")/../lib/vf.sh"
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=selftests/lib/side.sh
. "$(dirname "$0")/../lib/side.sh"
need jq iperf3 bpftool
ROUNDS=${SIDE_ROUNDS:-3}
modprobe -q sch_netem || skip_all "no netem in this kernel"

TABLE=$OUT/netem.md

rival_up || { diag "no path to compare with"; exit 1; }
ours_up || exit 1
check "both paths answer" inn ne.a ping -q -c 1 -W 10 10.79.1.1

# both NAME RATE EXPECTED-NS DISCIPLINE...: netem and our link set alike, by the same words; probed in turn
both() {
	local name=$1 rate=$2 expected=$3 way

	shift 3
	inn nm.f tc qdisc replace dev fb root netem limit 10000 "$@" || return
	vnet link replace ab dir ab "$@" holder precise >/dev/null || return
	for way in nm ne; do
		probe $way "$rate" "$expected" >"$WORK/$name.$way"
	done
}

# take NAME FIELD FORMULA-OF-x: both ways' figure of this round
take() {
	local way x

	for way in nm ne; do
		x=$(jq "$2" "$WORK/$1.$way")
		note "$1.$2.$way" "$(of "${3//x/($x)}")"
	done
}

# goodput_error WIRE: in percent of what a rate of 10 or 100 Mbit/s leaves for TCP
goodput_error() {
	local mbit=$1 way wire got

	inn nm.f tc qdisc replace dev fb root netem limit 1000 rate "${mbit}mbit" delay 1ms
	vnet link replace ab dir ab limit 1000 rate "${mbit}mbit" delay 1ms holder precise >/dev/null
	for way in nm ne; do
		# netem counts 1514 bytes for 1448; we count what Ethernet does.
		wire=1514
		[ $way = nm ] || wire=1538
		got=$(goodput $way 4)
		note "rate-$mbit.$way" "$(of "100 * ($got / ($mbit * 1448 / $wire) - 1)")"
		note "got-$mbit.$way" "$got"
	done
}

iperf_server nm.b
iperf_server ne.b
for ((round = 1; round <= ROUNDS; round++)); do
	for ms in 1 10 100; do
		ns=$((ms * 1000000))
		both delay-$ms 200 $ns delay ${ms}ms
		take delay-$ms .delay_ns.p50 "(x - $ns) / 1000"
		take delay-$ms .delay_ns.p99 "(x - $ns) / 1000"
		take delay-$ms .delay_ns.min "x - $ns"
	done
	both jitter 200 20000000 delay 20ms 5ms
	take jitter .delay_ns.p50 "x / 1000"
	take jitter .delay_ns.p99 "x / 1000"
	take jitter "(.delay_ns.max - .delay_ns.min)" "x / 1000"
	both loss 500 0 loss 10%
	take loss .loss_ppm "x / 1e4"
	both duplicate 500 0 duplicate 10%
	take duplicate .duplicates "100 * x / $PROBES"
	# A bit flips after the checksum: the receiver's stack drops the probe.
	both corrupt 500 0 corrupt 10%
	take corrupt .loss_ppm "x / 1e4"
	both reorder 500 10000000 delay 10ms reorder 25%
	take reorder .reordered "100 * x / $PROBES"
	goodput_error 10
	goodput_error 100
done

row() {
	local nm ne

	nm=$(median "$2.nm") ne=$(median "$2.ne")
	printf '| %s | %s | %s | %s |\n' "$1" "$nm" "$ne" "$(ratio "$ne" "$nm")"
}
{
	printf '| Linux %s, %s probes, medians of %s | netem | ours | ours / netem |\n|---|---|---|---|\n' "$(uname -r)" "$PROBES" "$ROUNDS"
	for ms in 1 10 100; do
		row "delay $ms ms: median error, us" delay-$ms..delay_ns.p50
		row "delay $ms ms: 99 % error, us" delay-$ms..delay_ns.p99
	done
	row "delay 20 ms, jitter 5 ms: median, us" jitter..delay_ns.p50
	row "delay 20 ms, jitter 5 ms: 99 %, us" jitter..delay_ns.p99
	row "loss 10 %" loss..loss_ppm
	row "duplicate 10 %" duplicate..duplicates
	row "corrupt 10 %: lost by checksum, %" corrupt..loss_ppm
	row "delay 10 ms, reorder 25 %: late ones, %" reorder..reordered
	row "rate 10 Mbit/s: TCP goodput, Mbit/s" got-10
	row "rate 10 Mbit/s: error, %" rate-10
	row "rate 100 Mbit/s: TCP goodput, Mbit/s" got-100
	row "rate 100 Mbit/s: error, %" rate-100
} >"$TABLE"

for ms in 1 10 100; do
	cmp_num "a delay of $ms ms is not cut short" "$(sort -g "$WORK/side.delay-$ms..delay_ns.min.ne" | head -n 1)" '>=' 0
done
cmp_num "jitter spreads arrivals" "$(median "jitter.(.delay_ns.max - .delay_ns.min).ne")" '>' 1000
# 400 probes at 10 %: standard deviation 1.5 points.
cmp_num "a loss of 10 % loses" "$(median loss..loss_ppm.ne)" '>' 3
cmp_num "a duplication of 10 % duplicates" "$(median duplicate..duplicates.ne)" '>' 3
cmp_num "a corruption of 10 % is noticed" "$(median corrupt..loss_ppm.ne)" '>' 3
cmp_num "a rate of 10 Mbit/s is not exceeded" "$(median got-10.ne)" '<=' 9.6
check "the table is whole" test "$(wc -l <"$TABLE")" -eq 18
diag "$(cat "$TABLE")"
