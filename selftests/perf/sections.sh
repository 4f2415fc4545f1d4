# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2046,SC2086,SC2153,SC2206 # NS has no blanks; HELD and the like are bench's
# Sections of the bench that are about the holders (issue: every link discipline); the bench sources this.

# Every word that can stand beside the others (`order keep` and `slot` contradict `reorder`, `state` stops it all), at
# chances that leave the rate of packets as it is.
ALL_WORDS="delay 1ms 100us 25% distribution normal loss 0.01% 25% ecn duplicate 0.01% 25% corrupt 0.01% 25% \
reorder 0.01% 25% gap 5 rate 10gbit overhead 4 limit 100000 holder precise"

bench_full() {
	local veth='' held='' all=''

	: >"$WORK/f.veth"
	: >"$WORK/f.held"
	: >"$WORK/f.all"
	for ((i = 0; i < REPS; i++)); do
		pps -t $NS/bva -r $NS/bvb -a 10.250.0.2 >>"$WORK/f.veth"
		vnet link replace held delay 1ms holder precise >/dev/null
		pps -t $NS/bench.a -r $NS/bench.b -a "$HELD" >>"$WORK/f.held"
		vnet link replace held $ALL_WORDS >/dev/null || return 1
		pps -t $NS/bench.a -r $NS/bench.b -a "$HELD" >>"$WORK/f.all"
	done
	vnet link replace held delay 1ms holder precise >/dev/null
	veth=$(median <"$WORK/f.veth") held=$(median <"$WORK/f.held") all=$(median <"$WORK/f.all")
	row "small packets, all words, of bare veth" "$(mpps "$all")" "$(mpps "$veth")" "$(ratio "$all" "$veth")" \
		">= 0.70" "$(verdict "$(ratio "$all" "$veth")" '>=' 0.70)"
	row "small packets, all words, of delay alone" "$(mpps "$all")" "$(mpps "$held")" "$(ratio "$all" "$held")" "" ""
}

# Senders as fast as they go on two links in turn, and where the time of both CPUs goes.
bench_limit() {
	local got

	vnet link replace held delay 1ms holder precise >/dev/null
	{
		"$PERF/vnblast" -k -d 4 "${PIN[@]}" -t $NS/bench.a -r $NS/bench.b -a "$HELD" >"$WORK/limit.json"
	} &
	if command -v perf >/dev/null; then
		perf record -o "$WORK/perf.data" -a -F 2999 -g -- sleep 2 >/dev/null 2>&1
	fi
	wait $!
	vnet link replace held delay 1ms holder precise >/dev/null
	got=$(jq .rx_pps "$WORK/limit.json")
	row "0.6 Mpps attempted through one engine" "$(mpps "$got")" "sent $(mpps "$(jq .tx_pps "$WORK/limit.json")")" "" \
		">= 0.6 Mpps" "$(verdict "$got" '>=' 600000)"
	[ -s "$WORK/perf.data" ] || return 0
	{
		printf '\nWhere the time goes (perf record -a -F 2999 -g -- sleep 2, then perf report):\n\n'
		printf '```\n'
		timeout 60 perf report -i "$WORK/perf.data" --no-children -g none --comm vnet-engine,vnblast --sort comm,sym 2>/dev/null |
			grep -vE "^#|^$" | head -n 24
		printf '```\n'
	} | tee "$WORK/notes.limit"
}

# 20 Gbit/s for a round trip of 20 ms are 50 MB under way: more than the kernel's default windows.
big_windows() {
	local ns

	for ns; do
		ip netns exec "$ns" sysctl -qw net.ipv4.tcp_rmem="4096 131072 134217728" net.ipv4.tcp_wmem="4096 131072 134217728"
	done
}

bench_bulk() {
	local ms flows veth got i

	big_windows bva bvb bench.a bench.b
	for flows in 1 4; do
		for ms in 1 10; do
			vnet link replace held delay ${ms}ms limit 100000 holder bulk >/dev/null
			: >"$WORK/b.veth"
			: >"$WORK/b.bulk"
			for ((i = 0; i < REPS; i++)); do
				bulk -n $flows -t $NS/bva -r $NS/bvb -a 10.250.0.2 >>"$WORK/b.veth"
				bulk -n $flows -t $NS/bench.a -r $NS/bench.b -a "$HELD" >>"$WORK/b.bulk"
			done
			veth=$(median <"$WORK/b.veth") got=$(median <"$WORK/b.bulk")
			row "TCP ($CONGESTION), $flows flow(s), $ms ms, bulk holder, of veth" "$(gbit "$got")" "$(gbit "$veth")" \
				"$(ratio "$got" "$veth")" ">= 0.25" "$(verdict "$(ratio "$got" "$veth")" '>=' 0.25)"
		done
	done
	vnet link replace held delay 1ms holder precise >/dev/null
}

# The same flow by each congestion control that this kernel has: where they differ, a figure without the name says nothing.
bench_congestion() {
	local cc veth='' link='' held='' CONGESTION

	vnet link replace held delay 1ms limit 100000 holder bulk >/dev/null
	for cc in cubic reno bbr; do
		has_congestion $cc || continue
		CONGESTION=$cc
		alternate bulk "veth=-t $NS/bva -r $NS/bvb -a 10.250.0.2" "link=-t $NS/bench.a -r $NS/bench.b -a $PLAIN" \
			"held=-t $NS/bench.a -r $NS/bench.b -a $HELD"
		row "TCP ($cc), no discipline, of bare veth ($cc)" "$(gbit "$link")" "$(gbit "$veth")" "$(ratio "$link" "$veth")" "" ""
		row "TCP ($cc), 1 ms, bulk holder, of bare veth ($cc)" "$(gbit "$held")" "$(gbit "$veth")" \
			"$(ratio "$held" "$veth")" "" ""
	done
	vnet link replace held delay 1ms holder precise >/dev/null
}

# A flow on a link that nobody has used, from its first byte on, and what waits in the way of its round trip.
bench_fresh() {
	local ms i a first='' later='' veth='' rtt=''

	for ms in 1 10; do
		printf 'name: fr\nnodes: {a: {}, b: {}}\nlinks: {l: {endpoints: [a:e0, b:e0], delay: %sms, limit: 100000}}\n' $ms \
			>"$WORK/fr.yaml"
		for a in first later veth rtt; do : >"$WORK/fr.$a"; done
		for ((i = 0; i < REPS; i++)); do
			vnet topology delete fr >/dev/null 2>&1
			apply "$WORK/fr.yaml"
			big_windows bva bvb fr.a fr.b
			a=(-C "$CONGESTION" -t $NS/fr.a -r $NS/fr.b -a "$(peer fr/l)")
			"$PERF/vntcp" -C "$CONGESTION" -t $NS/bva -r $NS/bvb -a 10.250.0.2 -w 0 -d 1 | jq .goodput_bps >>"$WORK/fr.veth"
			"$PERF/vntcp" "${a[@]}" -w 0 -d 3 -S >"$WORK/fr.json"
			jq '.step_bps[0:10] | add / 10' "$WORK/fr.json" >>"$WORK/fr.first"
			jq '.step_bps[10:30] | add / 20' "$WORK/fr.json" >>"$WORK/fr.later"
			jq '.rtt_us * 1000' "$WORK/fr.json" >>"$WORK/fr.rtt"
		done
		first=$(median <"$WORK/fr.first") later=$(median <"$WORK/fr.later") veth=$(median <"$WORK/fr.veth") rtt=$(median <"$WORK/fr.rtt")
		row "TCP ($CONGESTION), first second of a new $ms ms link, of veth" "$(gbit "$first")" "$(gbit "$veth")" \
			"$(ratio "$first" "$veth")" ">= 0.25" "$(verdict "$(ratio "$first" "$veth")" '>=' 0.25)"
		# A round trip of 20 ms takes its time to begin, whoever carries it.
		row "  of its next two seconds" "$(gbit "$first")" "$(gbit "$later")" "$(ratio "$first" "$later")" \
			"$([ $ms = 1 ] && echo '>= 0.95')" "$([ $ms = 1 ] && verdict "$(ratio "$first" "$later")" '>=' 0.95)"
		row "  its round trip at the end" "$(us "$rtt")" "configured $((2 * ms)) ms" "" "<= 10 ms more" \
			"$(verdict "$rtt" '<=' $(((2 * ms + 10) * 1000000)))"
	done
	vnet topology delete fr >/dev/null 2>&1
}

# own FIGURE PERCENTILE: of what the agent itself booked on the link `held`, ns
own() {
	vnet -j -s link show held | jq -r ".links[0].directions[0].stats.$1.$2"
}

# delay_row MS RATE P NAME BOUND-US: from the medians in $WORK/probe
delay_row() {
	local got base

	got=$(jq ".error_ns.$3" "$WORK/probe" | median)
	base=$(jq ".delay_ns.$3" "$WORK/probe.base" | median)
	row "delay $1 ms at $2/s: $4 error" "$(us "$got")" "no discipline $(us "$base")" "" "<= $5 us" \
		"$(verdict "$got" '<=' "${5}000")"
}

# gap_row RATE REST-NS: what the engine's processor gives to a real-time loop in its place, beside the same sender
gap_row() {
	local i

	[ "$(nproc)" -gt 1 ] || return 0
	: >"$WORK/gap"
	for ((i = 0; i < REPS; i++)); do
		"$PERF/vnprobe" "${PIN[@]}" -t $NS/bench.a -r $NS/bench.b -a "$PLAIN" -n $(($1 * 2)) -R "$1" >/dev/null &
		"$PERF/vngap" -c $(($(nproc) - 1)) -d 2 -r "$2" >>"$WORK/gap"
		wait $!
	done
	row "a bare real-time loop at $1/s: 99 %, 99.9 %" "$(us "$(jq .wait_p99_ns "$WORK/gap" | median)"), $(us \
		"$(jq .wait_p999_ns "$WORK/gap" | median)")" "longest gap $(us "$(jq .gap_max_ns "$WORK/gap" | sort -g | tail -n 1)")" "" \
		"" ""
}

# delay_rows REST-NS: at rates and delays, through the engine as it is, which rests so long now and then
delay_rows() {
	local ms rate i late err

	for rate in 10000 100000; do
		for ms in 1 10 100; do
			vnet link replace held delay ${ms}ms holder precise >/dev/null
			vnet link reset held >/dev/null
			: >"$WORK/probe"
			: >"$WORK/probe.base"
			for ((i = 0; i < REPS; i++)); do
				"$PERF/vnprobe" "${PIN[@]}" -t $NS/bench.a -r $NS/bench.b -a "$PLAIN" -n $((rate * 2)) \
					-R $rate >>"$WORK/probe.base"
				"$PERF/vnprobe" "${PIN[@]}" -t $NS/bench.a -r $NS/bench.b -a "$HELD" -n $((rate * 2)) \
					-R $rate -e ${ms}000000 >>"$WORK/probe"
			done
			delay_row $ms $rate p50 median 5
			delay_row $ms $rate p99 "99 %" $([ $rate = 10000 ] && echo 40 || echo 170)
			delay_row $ms $rate p999 "99.9 %" $([ $rate = 10000 ] && echo 150 || echo 400)
			late="$(us "$(own lateness p50_ns)"), $(us "$(own lateness p99_ns)")"
			err="$(us "$(own delay_error p50_ns)"), $(us "$(own delay_error p99_ns)")"
			row "the same by \`link show\`: error p50, p99" "$err" "lateness $late" "" \
				"lost $(jq .lost "$WORK/probe" | awk '{ s += $1 } END { print s }')" ""
		done
		gap_row $rate "$1"
	done
	row "earliest arrival, all of the last row's runs" "$(us "$(jq .error_ns.min "$WORK/probe" | sort -g | head -n 1)")" "" \
		"" ">= 0" "$(verdict "$(jq .error_ns.min "$WORK/probe" | sort -g | head -n 1)" '>=' 0)"
	vnet link replace held delay 1ms holder precise >/dev/null
}

bench_delay() {
	delay_rows 10000
}

# The same with a processor of its own for the engine: it spins, the kernel does not stop it, and all else is kept off.
bench_dedicated() {
	local knob=/proc/sys/kernel/sched_rt_runtime_us was

	if [ "$(nproc)" -lt 2 ] || ! read -r was <$knob || ! echo -1 >$knob; then
		echo "bench: section dedicated needs a second processor and $knob: skipped" >&2
		return
	fi
	defer sh -c "echo $was >$knob"
	stop_agent
	taskset -pc 0-$(($(nproc) - 2)) $$ >/dev/null
	start_agent --engine-cpus $(($(nproc) - 1)) --engine-spin || return 1
	delay_rows 0
	echo "$was" >$knob
	stop_agent
	taskset -pc 0-$(($(nproc) - 1)) $$ >/dev/null
	start_agent --engine-cpus $(($(nproc) - 1)) || return 1
}

# shape_one HOLDER MBIT FLOWS: goodput over the steady part; what a slow ping meets in the queue meanwhile
shape_one() {
	local holder=$1 rate=$2 flows=$3 warm=3 seconds=4 pings=20 i got pct limit_us wait_us

	# 20 probes a second are 2 % of 1 Mbit/s.
	[ "$rate" = 1 ] && warm=10 seconds=30 pings=2
	vnet link replace shaped rate "${rate}mbit" holder "$holder" >/dev/null
	limit_us=$(vnet -j link show shaped | jq ".links[0].directions[0].discipline | .limit_bytes * 8e6 / .rate_bps")
	: >"$WORK/shape"
	for ((i = 0; i < (REPS + 1) / 2; i++)); do
		"$PERF/vntcp" -C "$CONGESTION" -n "$flows" -t $NS/bench.a -r $NS/bench.b -a "$SHAPED" -w $warm -d $seconds >>"$WORK/shape" &
		# From the steady part on.
		"$PERF/vnprobe" -t $NS/bench.a -r $NS/bench.b -a "$SHAPED" -n $(((warm + seconds) * pings)) -R $pings -W 1000 \
			>"$WORK/ping"
		wait $!
	done
	got=$(jq .goodput_bps "$WORK/shape" | median)
	pct=$(awk -v a="$got" -v r="$rate" 'BEGIN { printf "%.2f", 100 * a / (r * 1e6 * 0.9415) }')
	wait_us=$(jq '.delay_ns.max / 1000 | round' "$WORK/ping")
	row "$rate Mbit/s, $flows flow(s) of $CONGESTION, $holder: of the ideal" "$(gbit "$got")" "retransmits $(jq .retransmits "$WORK/shape" | median)" \
		"$pct %" "99-101 %" "$(awk -v p="$pct" 'BEGIN { print (p >= 99 && p <= 101) ? "met" : "NOT MET" }')"
	row "  longest wait in its queue, of the limit" "$(us "${wait_us}000")" "limit $(us "$(awk -v v="$limit_us" 'BEGIN { printf "%d", v * 1000 }')")" \
		"" "<= limit + 1 ms" "$(awk -v w="$wait_us" -v l="$limit_us" 'BEGIN { print (w <= l + 1000) ? "met" : "NOT MET" }')"
}

# shape_htb MBIT FLOWS: the same flows through the kernel's HTB, with a queue of as many bytes. It stands behind a bridge, since
# its queue in the sender's own namespace would hold the sender back; it counts 14 bytes a packet by itself, and gets
# segments, not GSO frames.
shape_htb() {
	local rate=$1 flows=$2 warm=3 seconds=4 i got limit

	[ "$rate" = 1 ] && warm=10 seconds=30
	limit=$(vnet -j link show shaped | jq '.links[0].directions[0].discipline.limit_bytes')
	ip netns exec bba ethtool -K e0 tso off gso off >/dev/null
	ip netns exec bbr tc qdisc replace dev p-bbb root handle 1: htb default 1
	ip netns exec bbr tc class replace dev p-bbb parent 1: classid 1:1 htb rate "${rate}mbit" overhead 24
	ip netns exec bbr tc qdisc add dev p-bbb parent 1:1 bfifo limit "$limit"
	: >"$WORK/htb"
	for ((i = 0; i < (REPS + 1) / 2; i++)); do
		"$PERF/vntcp" -C "$CONGESTION" -n "$flows" -t $NS/bba -r $NS/bbb -a 10.250.0.2 -w $warm -d $seconds >>"$WORK/htb"
	done
	ip netns exec bbr tc qdisc del dev p-bbb root
	ip netns exec bba ethtool -K e0 tso on gso on >/dev/null
	got=$(jq .goodput_bps "$WORK/htb" | median)
	row "  HTB with the same queue, behind a bridge, $CONGESTION" "$(gbit "$got")" "retransmits $(jq .retransmits "$WORK/htb" | median)" \
		"$(awk -v a="$got" -v r="$rate" 'BEGIN { printf "%.2f", 100 * a / (r * 1e6 * 0.9415) }') %" "" ""
}

bench_shape() {
	local holder rate flows

	for holder in precise bulk; do
		for rate in ${BENCH_RATES:-1 10 100 1000}; do
			for flows in 1 4 16; do
				shape_one $holder $rate $flows
				[ $holder = bulk ] || shape_htb "$rate" $flows
			done
		done
	done
}

# Spacing of packets that a full queue lets out one by one, and the rate of TCP: this kernel's shapers on bare veth, ours.
# HTB and TBF count 14 bytes a packet where we count 38, so each has an ideal of its own.
bench_shapers() {
	local rate kind bytes gap got err p50 p99 to ideal

	for rate in 10 100; do
		for kind in htb tbf ours; do
			bytes=$((1000 + 28 + 14)) ideal=0.95640
			to=(-t $NS/bva -r $NS/bvb -a 10.250.0.2)
			case $kind in
			htb)
				ip netns exec bva tc qdisc replace dev e0 root handle 1: htb default 1
				ip netns exec bva tc class replace dev e0 parent 1: classid 1:1 htb rate ${rate}mbit burst 3000 cburst 3000
				;;
			tbf)
				ip netns exec bva tc qdisc replace dev e0 root tbf rate ${rate}mbit burst 3000 latency 50ms
				;;
			ours)
				vnet link replace shaped rate ${rate}mbit holder precise >/dev/null
				to=(-t $NS/bench.a -r $NS/bench.b -a "$SHAPED")
				bytes=$((bytes + 24)) ideal=0.94148
				;;
			esac
			gap=$(awk -v b=$bytes -v r=$rate 'BEGIN { printf "%d", b * 8000 / r }')
			: >"$WORK/space"
			: >"$WORK/tcp"
			for ((i = 0; i < (REPS + 1) / 2; i++)); do
				"$PERF/vntcp" -C "$CONGESTION" "${to[@]}" -w 2 -d 4 >>"$WORK/tcp"
				# A tenth more than goes: the queue is never empty, few are lost.
				"$PERF/vnprobe" "${PIN[@]}" "${to[@]}" -s 1000 -n $((rate * 200)) -g "$gap" \
					-R "$(awk -v g="$gap" 'BEGIN { printf "%.1f", 1.1e9 / g }')" >>"$WORK/space"
			done
			got=$(jq .goodput_bps "$WORK/tcp" | median)
			err=$(awk -v g="$got" -v r=$rate -v i=$ideal 'BEGIN { printf "%+.3f %%", 100 * (g / (r * 1e6 * i) - 1) }')
			p50=$(jq .spacing_ns.p50 "$WORK/space" | median)
			p99=$(jq .spacing_ns.p99 "$WORK/space" | median)
			row "$kind at $rate Mbit/s: spacing error p50, p99" "$(us "$p50"), $(us "$p99")" "TCP ($CONGESTION) rate error" "$err" "" ""
			ip netns exec bva tc qdisc del dev e0 root 2>/dev/null
		done
	done
}

# Two pairs of nodes, one sender each, one engine or two: what both carry together.
bench_engines() {
	local n sum i a b

	cat >"$WORK/pairs.yaml" <<YAML
name: pairs
nodes: {a: {}, b: {}, c: {}, d: {}}
links:
  ab: {endpoints: [a:e, b:e], delay: 1ms, holder: precise}
  cd: {endpoints: [c:e, d:e], delay: 1ms, holder: precise}
YAML
	for n in 1 2; do
		stop_agent
		start_agent --engines "$n" --rebalance off || return 1
		apply "$WORK/pairs.yaml"
		[ $n = 2 ] && vnet engine move ab 0 >/dev/null && vnet engine move cd 1 >/dev/null
		a=$(peer ab) b=$(peer cd)
		: >"$WORK/pairs.$n"
		for ((i = 0; i < REPS; i++)); do
			"$PERF/vnblast" -k -d 2 -t $NS/pairs.a -r $NS/pairs.b -a "$a" >"$WORK/p.a" &
			"$PERF/vnblast" -k -d 2 -t $NS/pairs.c -r $NS/pairs.d -a "$b" >"$WORK/p.b"
			wait $!
			jq -s '[.[].rx_pps] | add' "$WORK/p.a" "$WORK/p.b" >>"$WORK/pairs.$n"
		done
		vnet topology delete pairs >/dev/null
	done
	sum=$(median <"$WORK/pairs.2") n=$(median <"$WORK/pairs.1")
	row "two links, an engine each, of one engine" "$(mpps "$sum")" "$(mpps "$n")" "$(ratio "$sum" "$n")" "" ""
}

# Per frame held: what the slab takes for it; from the unit test that fills it.
bench_memory() {
	local mb

	mb=$("$B/selftests/unit/test_hold" 2>&1 | awk '/frames of 1518 bytes take/ { printf "%.1f", $(NF - 1) / 1e6 }')
	row "memory for 10 Gbit/s x 100 ms, MTU 1500" "${mb:-?} MB" "83,334 frames" "" "< 260 MB" "$(verdict "${mb:-999}" '<' 260)"
}
