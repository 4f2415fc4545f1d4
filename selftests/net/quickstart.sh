#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The first five minutes: README's Quick start pasted as a block, a daemon in the background, clients that are as quick
# as a paste.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq ping awk

cd "$WORK" || exit 1
mkdir bin && ln -s "$AGENT" bin/vnet-agent && ln -s "$ENGINE" bin/vnet-engine
PATH=$WORK/bin:$PATH
RUN=/run/vnet

# stop PID: a daemon that this test did not start as its own child
stop() {
	kill "$1" && busywait 5000 gone_or_zombie "$1"
}
daemon_pid() {
	cat $RUN/daemon.lock
}

testcase readme
# The block's commands; what builds, and where that lies, is this run's.
awk '/^## Quick start/ { on = 1; next } /^## / { on = 0 } on && /^    / { print substr($0, 5) }' "$TOP/README.md" |
	grep -vxE 'make|export PATH=.*' >block
cmp_num "README has a Quick start" "$(grep -c vnet-agent block)" -ge 8
if ! command -v dot >/dev/null; then
	grep -v 'graph' block >b && mv b block
fi
defer eval "kill \$(cat $RUN/daemon.lock)"
# A plan that has something to do exits with 10.
paste() {
	bash -c 'trap "[ \$? -eq 10 ] || bad=1" ERR; . "$1"; exit "${bad:-0}"' paste "$1"
}
check "it works, pasted as a block" paste ./block
is "it leaves no namespace" "$(ls /run/netns)" ""
check "and no directory of the daemon's" test ! -e $RUN
sed 's/^vnet-agent daemon --background .*/vnet-agent daemon \&/' block >old
check "and with a daemon in the shell's background" paste ./old
expect_exit "daemon --stop says when there is none" 4 "no daemon holds" vnet-agent daemon --stop

testcase background
# In the background.
check "a daemon in the background is ready when its command returns" \
	bash -c 'vnet-agent daemon --background --max-ports 64 && vnet-agent -j topology show'
P=$(daemon_pid)
is "an ordinary user cannot end it" "$(setpriv --reuid 65534 --regid 65534 --clear-groups "$AGENT" daemon --stop 2>/dev/null; echo $?)" 3
is "nothing of it holds the caller's output" "$(timeout 10 vnet-agent daemon --background 2>&1 | wc -l)" 1
expect_exit "a second one is refused where it was started, with its exit code" 1 "another daemon|already" vnet-agent daemon --background
check "it logs to a file" grep -q "ready on" $RUN/daemon.log
is "in a session of its own" "$(ps -o sid= -p "$P" | xargs)" "$P"
is "doctor as an ordinary user finds nothing missing: it asks the daemon" \
	"$(setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all "$AGENT" -j doctor | jq -c '[.able, ([.checks[] | select(.result == "missing")] | length)]')" "[true,0]"
check "it ends" stop "$P"
check "and leaves nothing" test ! -e $RUN
expect_exit "what is wrong is told at once, with its exit code" 1 "max-ports" vnet-agent daemon --background --max-ports 1
expect_exit "an engine that is not there, too" 2 "nowhere" vnet-agent daemon --background --engine /nowhere

testcase next_line
# A client in the next line.
ok=0
for _ in 1 2 3 4 5; do
	vnet-agent daemon </dev/null >>daemon.out 2>&1 &
	P=$!
	vnet-agent -j topology show >show.out 2>&1 && ok=$((ok + 1))
	kill $P
	busywait 5000 gone_or_zombie $P >/dev/null
	wait $P 2>/dev/null
done
is "the line after \`vnet-agent daemon &\` finds it: times of 5" $ok 5
began=$(now_ms)
expect_exit "where none starts, that is told" 4 "no agent answers" vnet-agent topology show
cmp_time "soon: ms" $(($(now_ms) - began)) -lt 1500
