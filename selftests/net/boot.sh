#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A directory of topologies, as it is applied at boot: one that is broken, or cannot be made, does not stop the others.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"

D=$WORK/topologies.d
mkdir "$D"
two() {
	printf 'name: %s\nnodes: {a: {}, b: {}}\nlinks:\n  ab: {endpoints: [a, b]}\n' "$1"
}
two first >"$D/10-first.yaml"
two last >"$D/90-last.yaml"
echo 'name: [' >"$D/20-broken.yaml"
# Right, but impossible: its namespace is somebody else's already.
two taken >"$D/30-taken.yaml"
two other >"$D/not-a-topology.txt"

start_agent || exit 1
ip netns add taken.b
defer ip netns del taken.b

testcase directory
vnet topology apply "$D" >"$WORK/out" 2>"$WORK/err"
is "the exit code says that not all went well" $? 1
is "those that are right run" "$(vnet -j topology show | jq -r '[.topologies[].name] | sort | join(" ")')" "first last"
is "in the order of their names" "$(awk '/^applied/ { print $2 }' "$WORK/out" | tr -d ':\n')" "firstlast"
is "each failure is a line" "$(grep -cE '(20-broken|30-taken)\.yaml' "$WORK/err")" 2
check "and the sum is the last" eval "tail -n 1 '$WORK/err' | grep -q '2 of 4 topologies'"
check "an address of the first network answers" vnet node exec first/a -- ping -c 1 -W 2 10.0.2.1

rm "$D"/20-* "$D"/30-*
check "without them all is well, and nothing is to be done" eval \
	"vnet topology apply '$D' >'$WORK/out' && [ \"\$(grep -c 'nothing to do' '$WORK/out')\" = 2 ]"

testcase empty
mkdir "$WORK/empty"
check "an empty directory is no error" vnet topology apply "$WORK/empty"
