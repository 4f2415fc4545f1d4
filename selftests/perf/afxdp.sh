# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Section afxdp of the bench: two testpmd of DPDK 24.11, each as nobody in the image with CAP_NET_RAW alone, through a
# link, against the same two on a bare veth pair with the least XDP program there is (vnxskmap). Their forwarding lcores
# run on any CPU: beside a real-time engine on the last one, the scheduler finds them what is left. One sends what it can,
# the other receives it, or sends it back (macswap).

AX_PKTS=64 # bytes

# ax_pmd NAME UID NS PORTDIR VDEV-ARGS TESTPMD-ARGS...: running, told by lines on fd ${AX_IN[NAME]}, its words in $WORK/pmd.NAME
declare -A AX_IN=() AX_PID=()
ax_pmd() {
	local name=$1 uid=$2 ns=$3 dir=$4 vdev=$5 fd all="(0-$(($(nproc) - 1)))"

	shift 5
	rm -f "$WORK/pmd.$name" "$WORK/in.$name"
	mkfifo "$WORK/in.$name"
	APP_UID=$uid "$TOP/selftests/lib/in-image" "$IMAGE" "$ns" "$dir" stdbuf -oL dpdk-testpmd --lcores "0@$all,1@$all" \
		--no-pci --in-memory -m 64 --no-telemetry --vdev "net_af_xdp0,$vdev" -- -i --no-mlockall \
		--total-num-mbufs=3072 "$@" <"$WORK/in.$name" >"$WORK/pmd.$name" 2>&1 &
	AX_PID[$name]=$!
	exec {fd}>"$WORK/in.$name"
	AX_IN[$name]=$fd
	busywait 20000 grep -q 'testpmd>' "$WORK/pmd.$name" >/dev/null || {
		echo "bench: testpmd $name does not start: $(tail -n 3 "$WORK/pmd.$name")" >&2
		return 1
	}
}

ax_tell() {
	echo "$2" >&"${AX_IN[$1]}"
}

ax_quit() {
	local name fd

	for name; do
		[ -n "${AX_IN[$name]-}" ] || continue
		ax_tell "$name" quit
		fd=${AX_IN[$name]}
		exec {fd}>&-
		unset "AX_IN[$name]"
		busywait 10000 gone_or_zombie "${AX_PID[$name]}" >/dev/null || kill -KILL "${AX_PID[$name]}"
		wait "${AX_PID[$name]}" 2>/dev/null
	done
}

# ax_counted MODE: packets that testpmd b has received, or sent back, and the clock at that moment
ax_counted() {
	local n word=RX

	[ "$1" = rxonly ] || word=TX
	n=$(grep -c 'NIC statistics' "$WORK/pmd.b")
	ax_tell b "show port stats 0"
	busywait 5000 ax_answered "$n" >/dev/null
	echo "$(grep "$word-packets:" "$WORK/pmd.b" | tail -n 1 | awk '{ print $2 }') $EPOCHREALTIME"
}
ax_answered() {
	[ "$(grep -c Tx-pps "$WORK/pmd.b")" -gt "$1" ]
}

# ax_cpu_ns: CPU time that the sender has had, softirqs it was interrupted for included
ax_cpu_ns() {
	cat "/proc/${AX_PID[a]}"/task/*/schedstat | awk '{ s += $1 } END { printf "%.0f\n", s }'
}

# ax_pps MODE A-NS A-DIR A-VDEV B-NS B-DIR B-VDEV: packets per second that b receives (rxonly), or sends back (macswap).
# What each of those cost the sender, ns of CPU, goes to $WORK/ax-cpu: nearly the same on a machine busy with others.
ax_pps() {
	local n0 t0 c0 n1 t1 c1

	ax_pmd a 65534 "$2" "$3" "$4" --forward-mode=txonly --txpkts=$AX_PKTS --eth-peer=0,"$8" || return 1
	ax_pmd b 65533 "$5" "$6" "$7" --forward-mode="$1" || return 1
	ax_tell b start
	ax_tell a start
	sleep 0.5
	read -r n0 t0 < <(ax_counted "$1")
	c0=$(ax_cpu_ns)
	sleep "${AX_SECONDS:-2}"
	read -r n1 t1 < <(ax_counted "$1")
	c1=$(ax_cpu_ns)
	ax_quit a b
	[ $((n1 - n0)) -le 0 ] || echo $(((c1 - c0) / (n1 - n0))) >"$WORK/ax-cpu"
	awk -v n=$((n1 - n0)) -v a="$t0" -v b="$t1" 'BEGIN { printf "%.0f\n", n / (b - a) }'
}

# ax_link MODE LINK: through a link of the topology
ax_link() {
	local mac

	mac=$(vnet -j link show "ax/$2" | jq -r '.links[0].endpoints[1].mac')
	ax_pps "$1" ax.a "$(ax_dir "a:$2")" "iface=$2,use_cni=1,dp_path=/run/port/afxdp.sock" \
		ax.b "$(ax_dir "b:$2")" "iface=$2,use_cni=1,dp_path=/run/port/afxdp.sock" "$mac"
}

ax_dir() {
	dirname "$(vnet -j port show "ax/$1" | jq -r '.ports[0].socket')"
}

# ax_veth MODE: on the bare pair
ax_veth() {
	ax_pps "$1" axa "$WORK/axpin/axa" iface=e0,use_pinned_map=1,dp_path=/run/port/map \
		axb "$WORK/axpin/axb" iface=e0,use_pinned_map=1,dp_path=/run/port/map "$(ip -n axb -j link show e0 | jq -r '.[0].address')"
}

ax_setup() {
	local ns

	IMAGE=$("$TOP/scripts/image" -q) || return 1
	hugepages 120 || return 1
	cat >"$WORK/ax.yaml" <<-YAML
		name: ax
		nodes: {a: {}, b: {}}
		links:
		  plain: {endpoints: [a:plain, b:plain]}
		  held: {endpoints: [a:held, b:held], delay: 1ms, holder: precise}
		ports: {"a:plain": {kind: afxdp}, "b:plain": {kind: afxdp}, "a:held": {kind: afxdp}, "b:held": {kind: afxdp}}
	YAML
	apply "$WORK/ax.yaml"
	ip netns add axa && ip netns add axb && ip -n axa link add e0 type veth peer name e0 netns axb || return 1
	mkdir "$WORK/axpin" && mount -t bpf bpf "$WORK/axpin" && chmod 755 "$WORK/axpin" || return 1
	defer umount "$WORK/axpin"
	for ns in axa axb; do
		ip -n $ns link set e0 up
		bg nsenter --net="$NS/$ns" "$PERF/vnxskmap" "$WORK/axpin/$ns" e0 >/dev/null
		busywait 5000 test -e "$WORK/axpin/$ns" >/dev/null || return 1
	done
}

ax_measure() {
	rm -f "$WORK/ax-cpu"
	case $2 in
	veth) ax_veth "$1" ;;
	*) ax_link "$1" "$2" ;;
	esac
	[ ! -e "$WORK/ax-cpu" ] || cat "$WORK/ax-cpu" >>"$WORK/ax-cpu.$1.$2"
}

# ax_cpu MODE: a row for what a packet costs its sender; through the engine others work for it, and no such row is fair
ax_cpu() {
	local veth plain

	[ -s "$WORK/ax-cpu.$1.veth" ] && [ -s "$WORK/ax-cpu.$1.plain" ] || return 0
	veth=$(median <"$WORK/ax-cpu.$1.veth") plain=$(median <"$WORK/ax-cpu.$1.plain")
	row "testpmd $1, CPU per packet at the sender" "$plain ns" "$veth ns" "$(ratio "$veth" "$plain")" "" ""
}

bench_afxdp() {
	local mode veth='' plain='' held=''

	ax_setup || {
		echo "bench: section afxdp needs scripts/image, 120 huge pages on demand and mounts: skipped" >&2
		return
	}
	for mode in rxonly macswap; do
		alternate ax_measure "veth=$mode veth" "plain=$mode plain" "held=$mode held"
		row "testpmd $mode, no discipline, of bare veth" "$(mpps "$plain")" "$(mpps "$veth")" "$(ratio "$plain" "$veth")" \
			">= 0.90" "$(verdict "$(ratio "$plain" "$veth")" '>=' 0.90)"
		ax_cpu "$mode"
		row "testpmd $mode, 1 ms link, of bare veth" "$(mpps "$held")" "$(mpps "$veth")" "$(ratio "$held" "$veth")" \
			">= 0.50" "$(verdict "$(ratio "$held" "$veth")" '>=' 0.50)"
	done
	vnet topology delete ax >/dev/null 2>&1
	bl_del axa axb
}
