#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Damaged files and what could not be removed: the rest starts and runs, nothing is dropped without a word, nothing of
# ours stays that belongs to nobody.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq ping

for t in keep lost; do
	cat >"$WORK/$t.yaml" <<YAML
name: $t
nodes: {a: {}, b: {}, c: {}}
links:
  ab: {endpoints: [a:eth0, b:eth0], delay: 1ms}
  bc: {endpoints: [b:eth1, c:eth0]}
ports: {"a:eth0": {kind: afxdp}}
YAML
done
sed -i 's/kind: afxdp/kind: kernel/' "$WORK/keep.yaml"
reaches() {
	inn keep.b ping -nq -c 2 -i 0.01 -W 1 "$(vnet -j node show keep/c | jq -r '.nodes[0].addresses[0] | sub("/.*"; "")')"
}
doctor_tells() {
	vnet doctor | grep -E "damaged file +$1"
}

snapshot >"$WORK/clean"
start_agent || exit 1
check "a topology applies" vnet topology apply "$WORK/keep.yaml"
snapshot >"$WORK/keep"
check "another one applies" vnet topology apply "$WORK/lost.yaml"

testcase topology_file
# One topology's file.
# damaged NAME FILE CONTENT THEN: a daemon starts over FILE with CONTENT, and tells
damaged() {
	kill_agent
	printf '%s' "$3" >"/run/vnet/$2"
	: >"$AGENT_LOG"
	check "$1 does not stop the daemon" start_agent
	check "the log has a line about it, and what follows" grep -qE "/run/vnet/$2: damaged \\(.*\\): kept as damaged/.*: $4" "$AGENT_LOG"
	check "so has doctor" doctor_tells "${2/\//-}"
	is "what was in it is kept" "$(cat /run/vnet/damaged/*)" "$3"
	rm -r /run/vnet/damaged
}
damaged "a topology's file cut short" topologies/lost.json '{"name": "lost", "nod' 'the topology runs no more'
is "the others run on" "$(vnet -j topology show | jq -c '[.topologies[] | [.name, .broken_links]]')" '[["keep",0]]'
check "their traffic, too" reaches
leak_check "of the one that is lost nothing is left, pins and sockets of its AF_XDP port included" "$WORK/keep"
check "and it can be applied again" vnet topology apply "$WORK/lost.yaml"
damaged "a file with another topology's content" topologies/lost.json "$(cat /run/vnet/topologies/keep.json)" 'the topology runs no more'
leak_check "of the topology that it was nothing is left" "$WORK/keep"

testcase other_files
# The other files.
damaged "a change in the making that makes no sense" pending/x.json '{"name": "x"}' 'a change that was interrupted'
damaged "a calibration that is none" calibration.json '[]' 'this host counts as not calibrated'
printf 'time,delay\n0s,3ms\n1s,4ms\n' >"$WORK/t.csv"
(cd "$WORK" && vnet link set keep/bc trace t.csv loop) >/dev/null
trace() {
	vnet -j link show keep/bc | jq -c '[.links[0].directions[].discipline.trace]'
}
before=$(trace)
damaged "the names of traces gone" names.json '[17' 'the names of traces and distributions are taken from their contents'
is "links follow the traces that they followed" "$(trace)" "$before"
kill_agent
# The page of the first block, behind its head.
printf 'xxxxxxxx' | dd of=/run/vnet/arena bs=1 seek=$((4096 + 300)) conv=notrunc 2>/dev/null
: >"$AGENT_LOG"
echo "no number" >/run/vnet/daemon.lock
check "a spoilt trace, and a lock that names nobody, do not stop the daemon" start_agent
check "the log names the trace" grep -q "arena/t.csv: damaged" "$AGENT_LOG"
check "so does doctor" doctor_tells arena-t.csv
rm -r /run/vnet/damaged
vnet link set keep/bc trace none >/dev/null

testcase not_made
# What cannot be made, and what cannot be removed.
vnet topology delete lost >/dev/null 2>&1
snapshot >"$WORK/keep"
mkdir -p /run/vnet/ports && mount -t tmpfs -o ro tmpfs /run/vnet/ports
expect_exit "a hand-over socket that cannot be made is an error of the apply" 6 "no socket for its application.*Read-only.*everything was undone" \
	vnet topology apply "$WORK/lost.yaml"
umount /run/vnet/ports && rmdir /run/vnet/ports
leak_check "of which nothing is left" "$WORK/keep"
vnet topology apply "$WORK/lost.yaml" >/dev/null
mount --bind /sys/fs/bpf/vnet /sys/fs/bpf/vnet && mount -o remount,bind,ro /sys/fs/bpf/vnet
vnet topology delete lost >/dev/null
umount /sys/fs/bpf/vnet
check "pins that cannot be removed are told" grep -q "its pins in .* cannot be removed: Read-only file system: tried again" "$AGENT_LOG"
vnet topology apply "$WORK/lost.yaml" >/dev/null
vnet topology delete lost >/dev/null
leak_check "and removed with the next change" "$WORK/keep"
vnet topology delete keep >/dev/null
stop_agent
leak_check "nothing is left after the last topology and the agent" "$WORK/clean"
