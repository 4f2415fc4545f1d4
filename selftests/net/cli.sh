#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Commands as people type them who know other tools, against a network that runs.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq

cat >"$WORK/db.yaml" <<'YAML'
name: dumbbell
nodes: {left: {}, right: {}, a: {}}
links:
  bottleneck: {endpoints: [left, right], delay: 10ms 1ms, loss: 1%}
  access: {endpoints: [a:up, left:down], rate: 10mbit, trace: t.csv}
  twin: {endpoints: [a:x, a:y]}
YAML
printf 'time_s,delay_ms\n0,5\n10,5\n' >"$WORK/t.csv"
sed 's/dumbbell/other/; s/bottleneck/bottle/' "$WORK/db.yaml" >"$WORK/other.yaml"

delay_us() {
	vnet -j link show "$1" | jq -c '[.links[0].directions[].discipline.delay_ns / 1000]'
}

start_agent || exit 1
check "apply" vnet topology apply "$WORK/db.yaml"
check "apply another" vnet topology apply "$WORK/other.yaml"

testcase directions
# Directions by the nodes that they leave.
check "dir NODE" vnet link set bottleneck dir left delay 11ms
is "is the direction that leaves it" "$(delay_us bottleneck)" "[11000,10000]"
check "dir NODE->NODE" vnet link set bottleneck dir 'right->left' delay 12ms
is "too" "$(delay_us bottleneck)" "[11000,12000]"
expect_exit "a node that it does not have" 1 "'a' is not a direction: ab \(from left to right\), ba, both" vnet link set bottleneck dir a delay 1ms
expect_exit "both ends at one node" 1 "'a' is not a direction" vnet link set dumbbell/twin dir a delay 1ms
expect_exit "the wrong way round" 1 "'left->a' is not a direction" vnet link set bottleneck dir 'left->a' delay 1ms
check "ab and ba are as ever" vnet link set bottleneck dir ba delay 10ms

testcase what_stays
# What stays is said.
expect_exit "delay alone keeps the jitter, and says so" 0 "keeps its jitter of 1ms" vnet link set bottleneck delay 0
expect_exit "with a jitter there is nothing to say" 0 "^$" vnet link set bottleneck delay 10ms jitter 0

testcase topology_for_link
# A topology where a link is meant.
is "link show TOPOLOGY: its links" "$(vnet -j link show dumbbell | jq -r '[.links[].name] | sort | join(" ")')" "access bottleneck twin"
expect_exit "as a table" 0 "bottleneck" vnet -s link show dumbbell
expect_exit "neither link nor topology" 1 "no running topology has it|not known|no link" vnet link show nothing

testcase other_tools
# Words of other tools.
expect_exit "link set NAME down" 1 "say .state down." vnet link set bottleneck down
expect_exit "link set NAME delay=5ms" 1 "a blank, not '=', .*: delay 5ms" vnet link set bottleneck delay=5ms
expect_exit "link set LINK WORD of a link that is not there" 1 "link 'a'|link a" vnet link set a b delay
expect_exit "link down" 1 'link set NAME state down' vnet link down bottleneck
expect_exit "node ssh" 1 'node exec NODE -- bash' vnet node ssh a
expect_exit "deploy" 1 'topology apply FILE' vnet deploy
expect_exit "calibrate 5s" 1 "unexpected argument '5s': say --time 5s" vnet calibrate 5s

testcase json_errors
# Errors for programs.
vnet -j link set nothing delay 1ms 2>"$WORK/error"
is "with -j an error is JSON, with its exit code" "$(jq -c '[.error.exit, .error.errno > 0, (.error.text | contains("nothing"))]' "$WORK/error")" \
	"[1,true,true]"
printf 'name: x\nnodes: {a: {bad: 1}, b: {worse: 2}}\n' >"$WORK/two-errors.yaml"
vnet -j topology check "$WORK/two-errors.yaml" 2>"$WORK/error"
is "each error of a file is one" "$(jq -r '.error.text | test("two-errors.yaml:2:") | tostring' "$WORK/error" | sort | uniq -c | tr -s ' ')" " 2 true"
vnet -j nonsense 2>"$WORK/error"
is "so is that of an unknown word" "$(jq .error.exit "$WORK/error")" 1

testcase export
vnet link set bottleneck delay 10ms jitter 0 >/dev/null
check "export" vnet topology export dumbbell -o "$WORK/out.yaml"
cp "$WORK/out.yaml" "$WORK/again.yaml"
is "what it writes is what runs" "$(vnet -j topology apply "$WORK/again.yaml" 2>/dev/null | jq .steps)" 0
expect_exit "the live discipline is in it" 0 "delay: 10ms" cat "$WORK/out.yaml"
expect_exit "of what does not run" 1 "not running" vnet topology export nothing
