#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What runs out: room for the daemon's files in the middle of an apply, descriptors when a start has much to mend; and what
# the engine's user may not reach. Each leaves one whole state.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq

NODES=${VN_SCARCE_NODES:-200}

# chain NAME MTU: a file of $NODES nodes, each linked to the next
chain() {
	local i

	printf 'name: %s\naddressing: none\nrouting: none\nnodes:\n' "$1"
	for ((i = 0; i < NODES; i++)); do echo "  n$i: {}"; done
	printf 'links:\n'
	for ((i = 1; i < NODES; i++)); do
		echo "  l$i: {endpoints: [n$((i - 1)):r$i, n$i:l$i], mtu: $2}"
	done
}

engine_is_up() {
	vnet engine show | grep -q ' up '
}

free_kb() {
	df --output=avail -k /run/vnet | tail -n 1
}

nodes_there() {
	find /run/netns -name "$1.*" | wc -l
}

broken() {
	vnet -j topology show | jq '[.topologies[].broken_links] | add // 0'
}

snapshot >"$WORK/clean"
chain room 1500 >"$WORK/room.yaml"
chain many 1500 >"$WORK/many.yaml"
chain many 1400 >"$WORK/changed.yaml"

testcase rights
# Rights: a program in a folder that only root may enter, as a clone in /root is; and one that its user may not run.
mkdir -m 700 "$WORK/private"
cp "$ENGINE" "$WORK/private/vnet-engine"
chmod 755 "$WORK/private/vnet-engine"
umask 077
check "an engine out of root's own folder starts" start_agent --engine "$WORK/private/vnet-engine"
umask 022
check "started with whatever umask, all may ask" setpriv --reuid 65534 --clear-groups test -w /run/vnet/observe.sock
check "and runs" busywait 3000 engine_is_up
is "under its name" "$(cat "/proc/$(engine_pid)/comm")" vnet-engine
stop_agent
chmod 700 "$WORK/private/vnet-engine"
expect_exit "one that its user may not execute is told at once" 2 "vnet-engine: Permission denied as user [0-9]+: chmod" \
	"$AGENT" daemon --engine "$WORK/private/vnet-engine"
leak_check "a start that failed leaves nothing" "$WORK/clean"

testcase no_room
# No room to write down what was made: pending.json has found some, the topology itself has not.
mkdir -p /run/vnet
mount -t tmpfs -o size=8m,mode=755 tmpfs /run/vnet
start_agent || exit 1
check "with room the topology applies" vnet topology apply "$WORK/room.yaml"
kb=$(du -k /run/vnet/topologies/room.json | cut -f1)
check "and goes" vnet topology delete room
cmp_num "its file is long enough to tell" "$kb" ">" 16
head -c "$((($(free_kb) - kb - kb / 2) * 1024))" /dev/zero >/run/vnet/filler
expect_exit "without room it does not apply, is undone, and says why" 6 "No space left.*everything was undone" \
	vnet topology apply "$WORK/room.yaml"
is "no node is left over" "$(nodes_there room)" 0
is "none is said to run" "$(vnet -j topology show | jq '.topologies | length')" 0
is "nothing half-written is left over" "$(find /run/vnet -name '*.new' -o -path "*/pending/*.json")" ""
rm /run/vnet/filler
check "with room again it applies" vnet topology apply "$WORK/room.yaml"
vnet topology delete room >/dev/null
stop_agent
umount /run/vnet

testcase few_descriptors
# Few descriptors: a start that has to make hundreds of links anew.
ulimit -Sn 128
start_agent || exit 1
check "many nodes apply" vnet topology apply "$WORK/many.yaml"
vnet topology apply "$WORK/changed.yaml" >/dev/null 2>&1 &
C=$!
busywait 5000 test -e /run/vnet/pending/many.json >/dev/null
kill_agent
wait $C
check "it was killed in the middle" test -e /run/vnet/pending/many.json
check "a start mends them" start_agent
is "every node is there" "$(nodes_there many)" "$NODES"
is "no link is broken" "$(broken)" 0
vnet topology delete many >/dev/null 2>&1
