#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Nobody waits on the stack of another: while one request goes on for seconds (link verify, calibrate, the start of
# containers), all others are served; a client that goes away ends its own. And what two changes at a time leave.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=selftests/lib/containers.sh
. "$TOP/selftests/lib/containers.sh"
need jq

small() {
	printf 'name: %s\nnodes: {a: {}, b: {}}\nlinks:\n  l: {endpoints: [a:e0, b:e0], delay: 2ms}\n' "$1" >"$WORK/$1.yaml"
}
for i in 1 2 3 4 5 6 7 8; do
	small "s$i"
done
cat >"$WORK/base.yaml" <<YAML
name: base
nodes: {a: {}, b: {}, e: {runtime: external}}
links:
  ab: {endpoints: [a:e0, b:e0], delay: 5ms}
  ae: {endpoints: [a:e1, e:e0], delay: 1ms}
YAML

# ms CMD...: milliseconds that it takes; it must succeed
ms() {
	local t=$EPOCHREALTIME

	"$@" >/dev/null 2>&1 || echo failed
	echo $(((${EPOCHREALTIME/./} - ${t/./}) / 1000))
}
median() {
	sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}
apply_and_delete() {
	ms vnet topology apply "$WORK/$1.yaml"
	vnet topology delete "$1" >/dev/null
}

start_agent || exit 1
check "the topology applies" vnet topology apply "$WORK/base.yaml"
for _ in 1 2 3 4 5; do
	apply_and_delete s1
done >"$WORK/idle"
IDLE=$(median <"$WORK/idle")
# What an idle daemon needs, and the 100 ms that another request may add; the job goes on for seconds.
BOUND=$((5 * IDLE + 100))
diag "an apply takes $IDLE ms while nothing else goes on; bound $BOUND ms"

unshare -n sleep 1000 &
E=$!
defer kill $E

# meanwhile NAME PID: other requests are served while job PID goes on
meanwhile() {
	local i p=()

	for i in 1 2 3 4 5; do
		apply_and_delete s1
	done >"$WORK/during"
	diag "$1: apply $(tr '\n' ' ' <"$WORK/during")ms"
	check_time "$1: another topology applies at once" at_most "$(median <"$WORK/during")" "$BOUND"
	for i in 1 2 3; do
		ms vnet node attach base/e pid $E
		vnet node detach base/e >/dev/null
	done >"$WORK/attach"
	diag "$1: attach $(tr '\n' ' ' <"$WORK/attach")ms"
	check_time "$1: a node is attached at once" at_most "$(median <"$WORK/attach")" "$BOUND"
	for i in 1 2 3 4 5 6 7 8; do
		vnet topology apply "$WORK/s$i.yaml" >/dev/null 2>&1 &
		p+=($!)
	done
	wait "${p[@]}"
	is "$1: so do eight at once" "$(vnet -j topology show | jq -c '[.topologies[].name | select(startswith("s"))] | sort')" \
		'["s1","s2","s3","s4","s5","s6","s7","s8"]'
	check "$1: and it still goes on" kill -0 "$2"
	for i in 1 2 3 4 5 6 7 8; do
		vnet topology delete "s$i" >/dev/null 2>&1 &
		p+=($!)
	done
	wait "${p[@]}"
}
at_most() {
	[ "$1" -le "$2" ]
}

testcase verify
# Link verify with probes.
probing() {
	[ -e /run/netns/vnet-probe.a ]
}
vnet -j link verify base/ab --probe --time 8s >"$WORK/report" 2>&1 &
V=$!
busywait 5000 probing >/dev/null
meanwhile verify $V
check "verify: a link is set" vnet link set base/ae delay 3ms
# With so much going on beside it, its verdict may be that frames were late: rightly.
wait $V
RC=$?
check "verify: it comes to a verdict" [ $RC -le 1 ]
is "by probes, of both directions" "$(jq -c '[.links[].directions[].probed]' "$WORK/report")" '[true,true]'

testcase cancel
# Ctrl-C: the client's end ends what it asked for.
# A script's background commands ignore Ctrl-C otherwise.
env --default-signal=INT "$AGENT" link verify base/ab --probe --time 60s >/dev/null 2>&1 &
V=$!
busywait 5000 probing >/dev/null
vnet link verify base/ae --probe --time 300ms >"$WORK/second" 2>&1 &
S=$!
vnet topology apply "$WORK/base.yaml" >/dev/null 2>&1 &
A=$!
check "two probings: the second waits, and so does a change of what is judged" sh -c "kill -0 $V && kill -0 $S && kill -0 $A"
SECONDS=0
kill -INT $V
wait $V
wait $S
# Its verdict may be that frames were late, with so much going on.
check "a client that goes away ends its probing: the next one's is made" at_most $? 1
check_time "at once, not after a minute" at_most $SECONDS 40
check "and the change is" wait $A
is "nothing of the probing is left" "$(find /run/netns /run/vnet/pending -name '*probe*')" ""

testcase calibrate
env --default-signal=INT "$AGENT" calibrate --time 60s >/dev/null 2>&1 &
C=$!
busywait 5000 probing >/dev/null
meanwhile calibrate $C
kill -INT $C
wait $C
check "calibrate: ends with its client" busywait 10000 eval '! probing'

testcase containers
# Many containers.
if command -v runc >/dev/null && command -v busybox >/dev/null && mount_cgroups; then
	T=jobs$RANDOM
	busybox_root "$WORK/root" && chmod 755 "$WORK"
	{
		printf 'name: %s\nnodes:\n' "$T"
		for ((i = 0; i < 50; i++)); do
			printf '  c%d: {runtime: runc, rootfs: %s/root, command: [sleep, "1000"]}\n' $i "$WORK"
		done
		printf 'links:\n  l: {endpoints: [c0:e0, c1:e0]}\n'
	} >"$WORK/fifty.yaml"
	vnet topology apply "$WORK/fifty.yaml" >"$WORK/fifty" 2>&1 &
	F=$!
	one_there() {
		[ -n "$(runc --root /run/vnet/runc list -q 2>/dev/null)" ]
	}
	busywait 20000 one_there >/dev/null
	apply_and_delete s1 >"$WORK/during"
	diag "containers: apply $(cat "$WORK/during") ms"
	check_time "50 containers start: another topology applies at once" at_most "$(cat "$WORK/during")" "$BOUND"
	check "and they still start" kill -0 $F
	check "until all run" wait $F
	is "they do" "$(runc --root /run/vnet/runc list -q | wc -l)" 50
	check "and go" vnet topology delete "$T"
else
	ktap_skip "50 containers start: another topology applies at once" "runc, busybox or control groups are missing"
fi

testcase told_to_end
# The daemon is told to end.
vnet link verify base/ab --probe --time 60s >"$WORK/report" 2>&1 &
V=$!
busywait 5000 probing >/dev/null
stop_agent
wait $V
is "a daemon that is told to end waits for nobody's probing" "$(grep -c cancelled "$WORK/report")" 1
start_agent
is "nothing of it is left" "$(find /run/netns /run/vnet/pending -name '*probe*')" ""

testcase killed
# And killed amid two changes.
P=()
for n in left right; do
	{
		printf 'name: %s\nnodes:\n' $n
		for ((i = 0; i <= 400; i++)); do printf '  n%d: {}\n' $i; done
		printf 'links:\n'
		for ((i = 0; i < 400; i++)); do printf '  l%d: {endpoints: [n%d:r, n%d:l]}\n' $i $i $((i + 1)); done
	} >"$WORK/$n.yaml"
	vnet topology apply "$WORK/$n.yaml" >/dev/null 2>&1 &
	P+=($!)
done
both_begun() {
	[ -e /run/vnet/pending/left.json ] && [ -e /run/vnet/pending/right.json ]
}
check "two topologies are changed at the same time" busywait 20000 both_begun
kill_agent
wait "${P[@]}"
start_agent
is "killed amid both, the next start undoes both" "$(vnet -j topology show | jq -c '[.topologies[].name]')$(find /run/netns -name 'left.*' -o -name 'right.*')" '["base"]'
