# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Side by side in a virtual machine: the same probes over a rival's path (namespaces nm.a and nm.b, 10.79.0.0/31) and over a
# link of the agent's (ne.a and ne.b, 10.79.1.0/31). Source it after lib.sh.
#
# The rival's path is as long as ours: a fabric between the nodes that forwards by bpf_redirect. Its discipline is at
# the egress of fb in nm.f, where netem and fq are.

PROBES=${SIDE_PROBES:-400} # SIDE_ENGINE: options of our daemon
rm -f "$OUT/side.figures"

rival_up() {
	local n o=$B/selftests/vm/edt.bpf.o

	for n in nm.a nm.f nm.b; do
		ip netns add $n && defer ip netns del $n
	done
	ip link add v0 netns nm.a type veth peer name fa netns nm.f &&
		ip link add v0 netns nm.b type veth peer name fb netns nm.f || return
	inn nm.a ip addr add 10.79.0.0/31 dev v0
	inn nm.b ip addr add 10.79.0.1/31 dev v0
	for n in "nm.a v0" "nm.b v0" "nm.f fa" "nm.f fb"; do
		inn "${n% *}" ip link set "${n#* }" up || return
	done
	# Each direction loads a copy with a map of its own: here fa, at fb the stamp, and fb's way back.
	for n in fa fb; do
		inn nm.f tc qdisc add dev $n clsact && inn nm.f tc filter add dev $n ingress bpf da obj "$o" program edt_cross || return
	done
	inn nm.f tc filter add dev fb egress bpf da obj "$o" program edt_stamp || return
	EDT_STAMP=$(edt_map fb egress)
	edt_set "$(edt_map fa ingress)" 0 0 0 "$(index_of fb)" && edt_set "$(edt_map fb ingress)" 0 0 0 "$(index_of fa)" &&
		inn nm.a ping -q -c 1 -W 10 10.79.0.1 >/dev/null
}

ours_up() {
	cat >"$WORK/ne.yaml" <<-YAML
		name: ne
		nodes: {a: {}, b: {}}
		links: {ab: {endpoints: [a:e0, b:e0]}}
		ports: {"a:e0": {ip: [10.79.1.0/31]}, "b:e0": {ip: [10.79.1.1/31]}}
	YAML
	# shellcheck disable=SC2086 # words
	start_agent ${SIDE_ENGINE-} && vnet topology apply "$WORK/ne.yaml"
}

addr_of() {
	if [ "$1" = nm ]; then echo 10.79.0.1; else echo 10.79.1.1; fi
}

# probe WHICH RATE EXPECTED-NS: vnprobe's JSON
probe() {
	"$PERF/vnprobe" -t "/run/netns/$1.a" -r "/run/netns/$1.b" -a "$(addr_of "$1")" -n "$PROBES" -R "$2" -e "$3" -W 3000
}

# goodput WHICH SECONDS: Mbit/s of TCP, net of headers
goodput() {
	inn "$1.a" iperf3 -c "$(addr_of "$1")" -t "$2" -O 1 -C "$CONGESTION" -J 2>/dev/null |
		jq '(.end.sum_received.bits_per_second // 0) / 1e6 * 1000 | round / 1000'
}

# of FORMULA: by awk
of() {
	awk "BEGIN { printf \"%.6g\", $1 }"
}

ratio() {
	awk -v a="$1" -v b="$2" 'BEGIN { if (b > 0) printf "%.2f", a / b; else printf "-" }'
}

# note KEY FIGURE: one round's, which outlives a machine that is killed; median KEY: of all rounds
note() {
	echo "$1 $2" >>"$OUT/side.figures"
	echo "$2" >>"$WORK/side.$1"
}
median() {
	sort -g "$WORK/side.$1" 2>/dev/null | awk '{ v[NR] = $1 } END { if (NR) printf "%g", v[int((NR + 1) / 2)]; else printf "-" }'
}

# edt_map DEV HOOK: the id of the map of the program there; a figure that costs seconds where all is emulated
edt_map() {
	local id map

	id=$(inn nm.f tc -j filter show dev "$1" "$2" | jq -r '[.. | .prog? // empty | .id][0]')
	for map in $(bpftool -j prog show id "$id" | jq -r '.map_ids[]'); do
		[ "$(bpftool -j map show id "$map" | jq -r .name)" != edt_config ] || echo "$map"
	done
}

# edt_set MAP DELAY-NS RATE-BPS LIMIT-NS TO
edt_set() {
	local v i map=$1 bytes=()

	shift
	for v in "$@" 0; do
		for ((i = 0; i < 8; i++)); do
			bytes+=($((v >> 8 * i & 255)))
		done
	done
	bpftool map update id "$map" key 0 0 0 0 value "${bytes[@]}"
}

index_of() {
	ip -n nm.f -j link show dev "$1" | jq '.[0].ifindex'
}

# The rival's stamp: DELAY-NS RATE-BPS LIMIT-NS.
edt_config() {
	edt_set "$EDT_STAMP" "$1" "$2" "$3" 0
}
