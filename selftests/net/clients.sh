#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Hostile clients of the control sockets, of many users: root's changes go on, root comes in, and what they took of memory
# and descriptors is given back. VNET_LONG=1: a million of them; VNET_CLIENTS=N: so many.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq
# What is freed is given back, and not kept to find its later use.
export ASAN_OPTIONS=${ASAN_OPTIONS-}:quarantine_size_mb=1

N=$((4000 / ${VN_SLOW:-1}))
[ -z "${VNET_LONG-}" ] || N=1000000
N=${VNET_CLIENTS:-$N}
readonly NODES=200
readonly BOUND_US=1000000 # one that waits for what they ask takes longer

{
	printf 'name: s\nnodes:\n'
	for ((i = 0; i < NODES; i++)); do
		printf '  n%d: {}\n' $i
	done
	printf 'links:\n'
	for ((i = 0; i < NODES; i++)); do
		printf '  l%d: {endpoints: [n%d, n%d], delay: 1ms}\n' $i $i $(((i + 1) % NODES))
	done
} >"$WORK/s.yaml"

# The group of control.sock: whatever the file of groups calls 65534.
GROUP=$(getent group 65534 | cut -d: -f1)
[ -n "$GROUP" ] || skip_all "no group has the number 65534"

fds() {
	find "/proc/$AGENT_PID/fd" -mindepth 1 | wc -l
}

rss() {
	awk '/^VmRSS/ { print $2 }' "/proc/$AGENT_PID/status"
}

fds_are() {
	[ "$(fds)" -le "$1" ]
}

measure() {
	timeout 60 "$TOOLS/passed" measure /run/vnet/control.sock l0 500
}

start_agent --socket-group "$GROUP" || exit 1
check "the topology applies" vnet topology apply "$WORK/s.yaml"
vnet -j link show >/dev/null
alone=$(measure)
diag "alone: $alone"
fds0=$(fds)
rss0=$(rss)

testcase eight_users
# Eight users, half of them in the group.
PIDS=()
mkfifo "$WORK/hold"
exec 8<>"$WORK/hold"
for ((i = 0; i < 8; i++)); do
	sock=/run/vnet/observe.sock
	[ $((i % 2)) -eq 0 ] || sock=/run/vnet/control.sock
	"$TOOLS/clients" $sock $((N / 8)) $((60000 + i)) 65534 <"$WORK/hold" >"$WORK/came.$i" 2>&1 &
	PIDS+=($!)
done
came() {
	local i

	for ((i = 0; i < 8; i++)); do
		[ -s "$WORK/came.$i" ] || return 1
	done
}
busy=$(measure)
diag "meanwhile: $busy"
is "every link set succeeds meanwhile" "$(jq .failed <<<"$busy")" 0
cmp_time "of a hundred the slowest but one (us)" "$(jq .p99_us <<<"$busy")" "<" $BOUND_US
check "all of them were here" busywait $((N * 2 + 60000)) came
is "none was left hanging" "$(cat "$WORK"/came.* | sort -u)" $((N / 8))
check "root comes in while they stay" timeout 20 "$AGENT" -j topology show
diag "with their places taken: $(fds) descriptors, $(rss) kB"
kill "${PIDS[@]}"
wait "${PIDS[@]}" 2>/dev/null
check "descriptors are given back" busywait 20000 fds_are "$fds0"
cmp_num "memory is given back (kB more)" $(($(rss) - rss0)) "<" 32768
check "links are set as before" measure
