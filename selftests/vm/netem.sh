#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# netem and us side by side: the same probes over a veth pair with netem on it and over a link of the agent's, one after
# the other in the same guest, and over the bare pair. A guest's time is coarse and its CPU emulated: the table is to be
# read across a row, the figure is the ratio, and nothing here asserts a tight one.
# shellcheck source=selftests/lib/vf.sh
. "$(dirname "$0")/../lib/vf.sh"
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq iperf3
modprobe -q sch_netem || skip_all "no netem in this kernel"
modprobe -q sch_fq
plan 8

PROBES=${NETEM_PROBES:-400}
TABLE=$OUT/netem.md

# The control: a veth pair of its own, one end with the queueing discipline to compare with.
ip netns add nm.a && ip netns add nm.b
defer ip netns del nm.a
defer ip netns del nm.b
ip link add v0 netns nm.a type veth peer name v0 netns nm.b
inn nm.a ip addr add 10.79.0.0/31 dev v0
inn nm.b ip addr add 10.79.0.1/31 dev v0
inn nm.a ip link set v0 up
inn nm.b ip link set v0 up

cat >"$WORK/ne.yaml" <<YAML
name: ne
nodes: {a: {}, b: {}}
links: {ab: {endpoints: [a:e0, b:e0]}}
ports: {"a:e0": {ip: [10.79.1.0/31]}, "b:e0": {ip: [10.79.1.1/31]}}
YAML
start_agent || exit 1
check "the topology applies" vnet topology apply "$WORK/ne.yaml"

# probe WHICH RATE EXPECTED-NS: vnprobe's JSON; WHICH is nm (the pair) or ne (ours)
probe() {
	local addr=10.79.0.1

	[ "$1" = nm ] || addr=10.79.1.1
	"$PERF/vnprobe" -t "/run/netns/$1.a" -r "/run/netns/$1.b" -a $addr -n "$PROBES" -R "$2" -e "$3" -W 3000
}

# both NAME EXPECTED-NS DISCIPLINE...: netem and our link set alike, by the same words; probed in turn
both() {
	local name=$1 expected=$2

	shift 2
	inn nm.a tc qdisc replace dev v0 root netem limit 10000 "$@" || return
	vnet link replace ab dir ab "$@" >/dev/null || return
	probe nm 200 "$expected" >"$WORK/$name.nm" && probe ne 200 "$expected" >"$WORK/$name.ne"
}

us() {
	awk -v ns="$1" 'BEGIN { printf "%.0f", ns / 1000 }'
}

ratio() {
	awk -v a="$1" -v b="$2" 'BEGIN { if (b > 0) printf "%.2f", a / b; else printf "-" }'
}

row() {
	printf '| %s | %s | %s | %s |\n' "$1" "$2" "$3" "$(ratio "$3" "$2")" >>"$TABLE"
}

# rows NAME JQ-FIELD...: of both measurements, in microseconds
rows() {
	local name=$1 f

	shift
	for f; do
		row "$name: ${f##*.}, us" "$(us "$(jq "$f" "$WORK/$name.nm")")" "$(us "$(jq "$f" "$WORK/$name.ne")")"
	done
}

# lost NAME WHICH: in percent
lost() {
	jq '.loss_ppm / 1e4' "$WORK/$1.$2"
}

printf '| Linux %s | netem | ours | ours / netem |\n|---|---|---|---|\n' "$(uname -r)" >"$TABLE"

for ms in 1 10 100; do
	both "delay-${ms}ms" $((ms * 1000000)) delay ${ms}ms
	rows "delay-${ms}ms" .delay_ns.p50 .delay_ns.p99
	cmp_num "a delay of $ms ms is not cut short" "$(jq '.delay_ns.min' "$WORK/delay-${ms}ms.ne")" '>=' $((ms * 1000000))
done

both jitter 20000000 delay 20ms 5ms
rows jitter .delay_ns.p50 .delay_ns.p99
cmp_num "jitter spreads arrivals" "$(jq '.delay_ns.max - .delay_ns.min' "$WORK/jitter.ne")" '>' 1000000

both loss 0 loss 10%
row "loss of 10 %" "$(lost loss nm)" "$(lost loss ne)"
# 400 probes at 10 %: standard deviation 1.5 points.
cmp_num "a loss of 10 % loses" "$(lost loss ne)" '>' 3

# goodput WHICH: Mbit/s of TCP for a few seconds, net of headers
goodput() {
	local addr=10.79.0.1

	[ "$1" = nm ] || addr=10.79.1.1
	inn "$1.a" iperf3 -c $addr -t 5 -O 1 -J 2>/dev/null | jq '(.end.sum_received.bits_per_second // 0) / 1e6 * 100 | round / 100'
}
iperf_server nm.b
iperf_server ne.b
inn nm.a tc qdisc replace dev v0 root netem limit 100 rate 10mbit delay 1ms
vnet link replace ab dir ab limit 100 rate 10mbit delay 1ms >/dev/null
nm=$(goodput nm) ne=$(goodput ne)
row "rate 10 Mbit/s: TCP goodput, Mbit/s" "$nm" "$ne"
cmp_num "a rate of 10 Mbit/s is not exceeded" "$ne" '<=' 10
check "the table is whole" test "$(wc -l <"$TABLE")" -eq 12
diag "$(cat "$TABLE")"
