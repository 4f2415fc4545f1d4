#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The control socket as a Varlink client sees it that has only read the specification: it describes itself, each answer is
# what the description says, each wrong parameter is named. And link.set by members of the discipline.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq python3
SOCK=/run/vnet/control.sock
I=vnet.agent

varlink() {
	python3 "$TOP/selftests/lib/varlink.py" "$SOCK" "$@"
}

cat >"$WORK/p.yaml" <<YAML
name: p
nodes: {a: {}, b: {}, c: {runtime: external}}
links:
  ab: {endpoints: [a:e0, b:e0], delay: 5ms, jitter: 1ms, loss: 1%, rate: 10mbit}
  bc: {endpoints: [b:e1, c:e0], police: rate 10mbit burst 10kb}
ports: {"b:e1": {kind: afxdp}}
YAML
start_agent || exit 1
text=$(jq -Rs . "$WORK/p.yaml")

testcase describes
# It describes itself.
is "GetInfo" "$(varlink info | jq -c '[.product, .interfaces]')" '["vnet-agent",["org.varlink.service","vnet.agent"]]'
check "GetInterfaceDescription" varlink describe $I
is "it is what vnet-agent prints" "$(varlink describe $I)" "$(vnet protocol)"
check "the service's own interface is described" varlink describe org.varlink.service
expect_exit "another interface" 1 'InterfaceNotFound.*"interface": "no.such"' varlink describe no.such
# shellcheck disable=SC2016 # they are backticks of the document
is "the document is the description" "$(sed -n '/^```varlink/,/^```$/p' "$TOP/docs/PROTOCOL.md" | sed '1d;$d')" "$(vnet protocol)"

# Both ways, by the words in the sources: no event goes undescribed, and none is described that nobody makes.
described=$(vnet protocol | sed -n '/^# EVENTS/,/^$/s/^#   \([a-z-]*\(, [a-z-]*\)*\)  .*/\1/p' | tr -d , | xargs -n1)
made=$(grep -rhoP --include='*.c' --exclude=cmd_monitor.c '("event", "\K[a-z-]+|\btell\([^;"]*, "\K[a-z]+-[a-z-]+)(?=")' "$TOP/agent")
is "every event is described" "$(comm -13 <(sort -u <<<"$described") <(sort -u <<<"$made"))" ""
is "every event that is described is made" "$(for event in $described; do
	grep -rqF --include='*.c' --exclude=interface.c "\"$event\"" "$TOP/agent" || echo "$event"
done)" ""

testcase answers
# Every answer is as described.
answers() {
	check "$1" varlink call "$I.$1" "${2:-{\}}"
}
answers TopologyPlan "{\"text\": $text}"
answers TopologyApply "{\"text\": $text, \"file\": \"p.yaml\"}"
answers Info
answers TopologyShow
answers TopologyShow '{"name": "p"}'
answers NodeShow
answers PortShow
answers LinkShow
answers LinkShow '{"stats": true}'
answers VfShow
answers EngineShow
answers EngineMove '{"name": "ab", "dir": "ab", "engine": 0}'
answers LinkVerify '{"name": "ab", "time_ns": 100000000}'
answers LinkReset '{"name": "all"}'
answers EngineRestart '{"engine": 0}'
answers LinkSet '{"name": "ab", "words": ["delay", "6ms"]}'

testcase members
# Link.set by members: a policy can check delay_ns.
disc() {
	vnet -j link show ab | jq -c ".links[0].directions[0].discipline | $1"
}
vnet topology apply "$WORK/p.yaml" >/dev/null 2>&1
answers LinkSet '{"name": "ab", "discipline": {"delay_ns": 7000000, "limit_packets": 50}}'
is "members are in force, what was not said stays" "$(disc '[.delay_ns, .jitter_ns, .limit_packets, .limit_auto]')" "[7000000,1000000,50,false]"
answers LinkSet '{"name": "ab", "discipline": {"loss_ppb": 1000}, "words": ["rate", "20mbit"], "replace": true}'
is "with words, and in place of all" "$(disc '[.delay_ns, .loss_ppb, .rate_bps]')" "[0,1000,20000000]"
wrong() {
	expect_exit "$1" 1 "$2" varlink call "$I.$3" "$4"
}
wrong "a member that is computed" "distribution_block is not given so" LinkSet '{"name": "ab", "discipline": {"distribution_block": 3}}'
wrong "a member out of range" "loss_ppb is out of range" LinkSet '{"name": "ab", "discipline": {"loss_ppb": 2000000000}}'

testcase wrong
# What is wrong is named.
vnet topology apply "$WORK/p.yaml" >/dev/null 2>&1
wrong "an unknown method" '"org.varlink.service.MethodNotFound".*"method": "vnet.agent.LinkSit"' LinkSit '{}'
wrong "an unknown parameter" 'InvalidParameter".*"parameter": "nmae"' LinkShow '{"nmae": "ab"}'
wrong "one that is missing" 'InvalidParameter".*"parameter": "name"' LinkSet '{"words": []}'
wrong "one of another type" 'InvalidParameter".*not a list of strings.*"parameter": "words"' LinkSet '{"name": "ab", "words": "delay"}'
wrong "one out of range" 'not from 0 to 15.*"parameter": "engine"' EngineMove '{"name": "ab", "engine": 99}'
wrong "a word that is none of those" "none of ab, ba, both" LinkSet '{"name": "ab", "dir": "up"}'
SOCK=/run/vnet/observe.sock
wrong "the read-only socket refuses what changes" "vnet.agent.Failed" TopologyDelete '{"name": "p"}'
SOCK=/run/vnet/control.sock
long=$(printf 'n%.0s' {1..100000})
is "a name of 100,000 bytes is not sent back" \
	"$(varlink call $I.LinkShow "{\"$long\": 1}" | jq -c '[.error, .parameters.parameter]')" '["org.varlink.service.InvalidParameter",""]'
check "oneway: done, and no reply" varlink oneway $I.LinkSet '{"name": "ab", "words": ["delay", "9ms"]}'
is "it was done" "$(disc .delay_ns)" 9000000
