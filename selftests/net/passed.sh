#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Descriptors that clients pass and that are slow to let go of (a socket that lingers, a file of FUSE) hold up nobody but
# them: on all sockets of the agent, on this kernel and as on one that cannot refuse them.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq

PASSED=$TOOLS/passed
readonly SECONDS_HELD=60
readonly BOUND_US=5000000 # one that waits for any of them takes longer

cat >"$WORK/p.yaml" <<YAML
name: p
nodes: {a: {}, b: {}, x: {runtime: external}}
links:
  ab: {endpoints: [a:eth0, b:eth0], delay: 1ms}
  lib: {endpoints: [a:eth1, b:eth1]}
  dpdk: {endpoints: [a:eth2, b:eth2]}
  out: {endpoints: [x:eth0, b:eth3]}
ports:
  "a:eth1": {kind: afxdp, handover: libvnet, buffers: 1024}
  "a:eth2": {kind: afxdp, handover: cni}
YAML

# quick NAME: links are set as ever
quick() {
	local m

	m=$(timeout 10 "$PASSED" measure /run/vnet/control.sock ab 100)
	diag "$1: $m"
	cmp_num "$1: the slowest link set (us)" "$(jq -r .max_us <<<"$m")" "<" $BOUND_US
}

engine_pid() {
	vnet -j engine show | jq -r '.engines[0].pid'
}

engine_back() {
	local pid

	pid=$(engine_pid)
	[ "$pid" != "$1" ] && [ "$pid" != 0 ]
}

# attack WHAT SOCKET TYPE
attack() {
	local name="$MODE, $1 on ${2##*/}" line pid begin

	[[ $2 != */ports/* ]] || name="$MODE, $1 on ${2#/run/vnet/ports/p/}"
	coproc HOLD { exec "$PASSED" hold "$1" "$2" "$3" $SECONDS_HELD; }
	# shellcheck disable=SC2154 # set by coproc
	pid=$HOLD_PID
	read -r -t 10 line <&"${HOLD[0]}"
	diag "$name: $line"
	quick "$name, passed"
	echo >&"${HOLD[1]}"
	read -r -t 10 line <&"${HOLD[0]}"
	is "$name: it hung up" "$line" closed
	quick "$name, hung up"
	line=$(engine_pid)
	begin=$(now_ms)
	kill -9 "$line"
	check "$name: a killed engine is back" busywait 5000 engine_back "$line"
	diag "$name: engine back after $(($(now_ms) - begin)) ms"
	line=${HOLD[1]}
	exec {line}>&-
	wait "$pid" 2>/dev/null
}

round() {
	check "$MODE: the topology applies" vnet topology apply "$WORK/p.yaml"
	for what in linger fuse; do
		if [ $what = fuse ] && ! [ -w /dev/fuse ]; then
			ktap_skip "$MODE, fuse" "no /dev/fuse"
			continue
		fi
		attack $what /run/vnet/observe.sock stream
		attack $what /run/vnet/control.sock stream
		attack $what /run/vnet/ports/p/a/eth1/afxdp.sock packet
		attack $what /run/vnet/ports/p/a/eth2/afxdp.sock packet
	done
	# What they are for works: a namespace is attached.
	unshare --net sleep 60 &
	pid=$!
	defer kill $pid
	busywait 2000 other_netns $pid
	check "$MODE: a namespace is attached" vnet node attach x pid $pid
	is "$MODE: and is the node's" "$(stat -Lc %i /run/netns/p.x)" "$(stat -Lc %i /proc/$pid/ns/net)"
	vnet node detach x >/dev/null
	check "$MODE: the topology goes" vnet topology delete p
	stop_agent
}

other_netns() {
	[ "$(stat -Lc %i "/proc/$1/ns/net")" != "$(stat -Lc %i /proc/self/ns/net)" ]
}

testcase this_kernel
MODE="this kernel"
start_agent || exit 1
round

testcase older_kernel
MODE="Linux before 6.16"
REAL_AGENT=$AGENT
AGENT=$WORK/old-agent
cat >"$AGENT" <<SH
#!/bin/bash
exec "$PASSED" refuse 92 83 "$REAL_AGENT" "\$@"
SH
chmod +x "$AGENT"
start_agent --engine "$ENGINE" || exit 1
AGENT=$REAL_AGENT
round
