#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The daemon killed at random points while VFs are set up and given back: no VF lost, none with a foreign owner, all
# attributes right after the next start. VN_CRASH_ROUNDS kills (200 is the promise), or as many as fit
# into VN_CRASH_SECONDS, the points by VN_CRASH_SEED.
# shellcheck source=selftests/lib/vf.sh
. "$(dirname "$0")/../lib/vf.sh"
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq ping
need_pf
ROUNDS=${VN_CRASH_ROUNDS:-200}

if [ "$PF_TOTAL" -ge 4 ]; then
	direct="  d: {endpoints: [a:e0, b:e0]}"
	dports="  \"a:e0\": {vf: {pf: $PF, mode: direct, mac: \"02:00:00:00:0a:01\"}, ip: [10.7.0.0/31]}
  \"b:e0\": {vf: {pf: $PF, mode: direct, mac: \"02:00:00:00:0a:02\"}, ip: [10.7.0.1/31]}"
	used=4
else
	direct="" dports="" used=2
fi
cat >"$WORK/crash.yaml" <<YAML
name: crash
nodes: {a: {}, b: {}}
links:
$direct
  wire: {endpoints: [a:w, b:w], delay: 1ms}
ports:
$dports
  "a:w": {vf: {pf: $PF, mode: wire, mac: "02:00:00:00:0a:03"}, ip: [10.7.1.0/31]}
  "b:w": {ip: [10.7.1.1/31]}
YAML

before=$(state_of_pf)
start_agent || exit 1
runs() { [ "$(vnet -j topology show | jq '.topologies | length')" -eq 1 ]; }
whole_up() {
	t0=$(now_ms)
	vnet topology apply "$WORK/crash.yaml" >"$WORK/said" 2>&1 || { diag "$(cat "$WORK/said")"; return 1; }
	up_ms=$(($(now_ms) - t0))
}
whole_down() {
	t0=$(now_ms)
	vnet topology delete crash >"$WORK/said" 2>&1 || { diag "$(cat "$WORK/said")"; return 1; }
	down_ms=$(($(now_ms) - t0))
}
whole_up && whole_down || exit 1
diag "undisturbed: apply $up_ms ms, delete $down_ms ms"

# whole: what is right when the topology runs, or the PF as it was when it does not
whole() {
	local vfs wrong

	if ! runs; then
		[ ! -e /run/vnet/vfs ] || { echo "records: $(cat /run/vnet/vfs/*)"; return 1; }
		as_found "$before" || { echo "PF is $(state_of_pf), was $before"; return 1; }
		return 0
	fi
	[ "$(vnet -j link show | jq -c '[.links[].state] | unique')" = '["up"]' ] || { echo "broken link"; return 1; }
	vfs=$(vnet -j vf show)
	wrong=$(jq -c --argjson used $used '[.vfs[] | select(.owner)] as $ours | [
		if ($ours | length) != $used then "number" else empty end,
		if any($ours[]; .owner | startswith("crash/") | not) then "foreign owner" else empty end,
		if any($ours[]; .ifname == null) then "lost netdev" else empty end,
		if [$ours[] | select(.owner == "crash/a:w" and .role == "node") | .mac] != ["02:00:00:00:0a:03"] then "mac" else empty end,
		if any($ours[]; .admin and (.admin.mac != .mac or .admin.vlan != .vlan or .admin.spoofchk != true or .admin.trust != false)) then "admin" else empty end,
		if any(.vfs[]; .leaked) then "leaked" else empty end]' <<<"$vfs")
	[ "$wrong" = '[]' ] || { echo "$wrong: $vfs"; return 1; }
}

RANDOM=${VN_CRASH_SEED:-42}
bad=0 downs=0 last='' slowest=0
for ((round = 0; round < ROUNDS && SECONDS < ${VN_CRASH_SECONDS:-100000}; round++)); do
	# A run that is cut short has this to say.
	[ $((round % 10)) -ne 0 ] || diag "$round kills, $bad of them badly survived, $SECONDS s; starts up to $slowest ms"
	# Setting up and giving back in turn; from what the round before left, measured where that takes a whole one.
	if [ $((round % 2)) -eq 1 ]; then
		runs || whole_up || { bad=$((bad + 1)) last="round $round: apply"; break; }
		vnet topology delete crash >/dev/null 2>&1 &
		job=$! span=$down_ms
		downs=$((downs + 1))
	else
		! runs || whole_down || { bad=$((bad + 1)) last="round $round: delete"; break; }
		vnet topology apply "$WORK/crash.yaml" >/dev/null 2>&1 &
		job=$! span=$up_ms
	fi
	ms=$((RANDOM % (span + 200)))
	pause "$((ms / 1000)).$(printf '%03d' $((ms % 1000)))"
	kill_agent
	wait $job
	t0=$(now_ms)
	start_agent || { bad=$((bad + 1)); break; }
	took=$(($(now_ms) - t0))
	slowest=$((took > slowest ? took : slowest))
	if ! why=$(whole); then
		bad=$((bad + 1)) last="round $round, after $ms of $span ms: $why"
		diag "$last"
	fi
done
is "$round kills: everything whole after each start" $bad 0
diag "$downs of them while VFs were given back; seed ${VN_CRASH_SEED:-42}"
vnet topology delete crash >/dev/null 2>&1
check "and the PF as it was found in the end" busywait 5000 as_found "$before"
answers() { inn crash.a ping -q -c 1 -W 3 10.7.1.1; }
vnet topology apply "$WORK/crash.yaml" >/dev/null
check "and the topology runs once more" busywait 20000 answers
vnet topology delete crash >/dev/null
stop_agent
