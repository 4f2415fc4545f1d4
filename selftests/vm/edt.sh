#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Earliest departure times (skb->tstamp and sch_fq) beside netem and both holders of ours: would EDT be a third holder?
# The paths have equally many devices, all is measured in one guest, in turns. A guest's time is coarse and its CPU emulated:
# read across a row; nothing here asserts a tight figure.
# shellcheck source=selftests/lib/vf.sh
. "$(dirname "$0")/../lib/vf.sh"
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=selftests/lib/side.sh
. "$(dirname "$0")/../lib/side.sh"
need jq iperf3 bpftool
ROUNDS=${SIDE_ROUNDS:-3}
modprobe -q sch_fq || skip_all "no fq in this kernel"
modprobe -q sch_netem || skip_all "no netem in this kernel"

TABLE=$OUT/edt.md
WAYS=(bare netem edt precise bulk)

rival_up || { diag "no path to compare with"; exit 1; }
ours_up || exit 1
check "both paths answer" inn ne.a ping -q -c 1 -W 10 10.79.1.1

held_by() {
	[ "$(vnet -j link show ab | jq -r '.links[0].directions[0].holder')" = "$1" ]
}

# set_up WAY DELAY-MS RATE-MBIT: that one's discipline; rates with half a second of queue
set_up() {
	local delay=(delay "${2}ms") rate=() ms=$2 mbit=$3

	[ "$mbit" = 0 ] || rate=(rate "${mbit}mbit")
	case $1 in
	bare)
		inn nm.f tc qdisc del dev fb root 2>/dev/null
		edt_config 0 0 0
		;;
	netem)
		edt_config 0 0 0 && inn nm.f tc qdisc replace dev fb root netem limit 20000 "${delay[@]}" "${rate[@]}"
		;;
	edt)
		inn nm.f tc qdisc del dev fb root 2>/dev/null
		inn nm.f tc qdisc replace dev fb root fq limit 200000 flow_limit 200000 nopacing timer_slack 1 horizon 20s &&
			edt_config $((ms * 1000000)) $((mbit * 1000000)) 500000000
		;;
	*)
		vnet link replace ab dir ab "${delay[@]}" "${rate[@]}" holder "$1" >/dev/null &&
			busywait 5000 held_by "$1" >/dev/null
		;;
	esac
}

path_of() {
	case $1 in precise | bulk) echo ne ;; *) echo nm ;; esac
}

us() {
	of "int($1 / 1000 + 0.5)"
}

for ((round = 1; round <= ROUNDS; round++)); do
	for ms in 1 10 100; do
		for way in "${WAYS[@]}"; do
			set_up "$way" $ms 0 || diag "$way cannot do $ms ms"
			[ "$way" = bare ] && e=0 || e=$((ms * 1000000))
			probe "$(path_of "$way")" 200 "$e" >"$WORK/p"
			note "$way.$ms.p50" "$(us "$(jq ".delay_ns.p50 - $e" "$WORK/p")")"
			note "$way.$ms.p99" "$(us "$(jq ".delay_ns.p99 - $e" "$WORK/p")")"
			note "$way.$ms.min" "$(jq ".delay_ns.min - $e" "$WORK/p")"
		done
	done
done
iperf_server nm.b
iperf_server ne.b
for ((round = 1; round <= ROUNDS; round++)); do
	for ms in 1 10; do
		for way in "${WAYS[@]}"; do
			set_up "$way" $ms 0
			note "$way.$ms.tcp" "$(goodput "$(path_of "$way")" 3)"
		done
	done
	for mbit in 10 100; do
		for way in netem edt precise bulk; do
			set_up "$way" 1 $mbit
			# A frame of 1448 bytes counts 1514, with us what Ethernet counts, 1538.
			case $way in precise | bulk) wire=1538 ;; *) wire=1514 ;; esac
			got=$(goodput "$(path_of "$way")" 4)
			note "$way.$mbit.rate" "$(of "100 * ($got / ($mbit * 1448 / $wire) - 1)")"
		done
	done
done

row() {
	local name=$1 key=$2 way

	printf '| %s |' "$name"
	for way in "${WAYS[@]}"; do
		printf ' %s |' "$(median "$way.$key")"
	done
	printf ' %s | %s |\n' "$(ratio "$(median "precise.$key")" "$(median "edt.$key")")" \
		"$(ratio "$(median "bulk.$key")" "$(median "edt.$key")")"
}
{
	printf '| Linux %s, medians of %s | bare | netem | EDT + fq | precise | bulk | precise / EDT | bulk / EDT |\n' "$(uname -r)" "$ROUNDS"
	printf '|---|---|---|---|---|---|---|---|\n'
	for ms in 1 10 100; do
		row "delay $ms ms: median error, us" $ms.p50
		row "delay $ms ms: 99 % error, us" $ms.p99
	done
	row "TCP through 1 ms, Mbit/s" 1.tcp
	row "TCP through 10 ms, Mbit/s" 10.tcp
	row "rate 10 Mbit/s: error, %" 10.rate
	row "rate 100 Mbit/s: error, %" 100.rate
} >"$TABLE"

for way in edt precise bulk; do
	cmp_num "$way: 10 ms are not cut short" "$(median "$way.10.min")" '>=' 0
	cmp_num "$way: TCP passes" "$(median "$way.1.tcp")" '>' 1
done
diag "$(cat "$TABLE")"
