# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Helpers of the end-to-end tests, in the manner of the kernel's selftests/net/lib.sh. Source it first:
#
#	. "$(dirname "$0")/../lib/lib.sh"
#	start_agent
#
#	testcase apply
#	check "the file applies" vnet topology apply "$WORK/two.yaml"
#
#	testcase show
#	expect_exit "nothing runs" 0 "no topology runs" vnet topology show
#
# The script then runs in a sandbox of its own, whoever starts it. A case begins with a line `testcase NAME` and ends
# where the next one begins. What stands before the first case is set-up. `SCRIPT NAME...` (or VN_CASE=NAME,...) runs the
# set-up and those cases alone, so no case may need what another one did; `SCRIPT --list` prints their names. Every
# result is one KTAP line; a missing prerequisite is a visible SKIP; leaving ends what was started, and prints the plan.
# No test sleeps: it waits for a condition with a deadline.
set -u -o pipefail
# What a test makes, other users must reach, whatever the umask of who starts it.
umask 022
# Numbers and messages are read by patterns: a decimal comma would be none.
export LC_ALL=C

# all_cases: the names of this script's cases, in order
all_cases() {
	sed -nE 's/^testcase ([a-z0-9_]+)$/\1/p' "$0"
}
if [ "${1-}" = --list ] && all_cases | grep .; then
	exit 0
fi

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
B=${B:-$TOP/build}
case $B in /*) ;; *) B=$TOP/$B ;; esac
# shellcheck source=selftests/lib/vf.sh
[ "${VNET_TEST_PORTS-veth}" != vf ] || . "$TOP/selftests/lib/vf.sh"
if [ -z "${VNET_SANDBOX-}" ]; then
	export B
	exec "$TOP/selftests/lib/sandbox" "$0" "$@"
fi

AGENT=${AGENT:-$B/vnet-agent}
ENGINE=${ENGINE:-$B/vnet-engine}
TOOLS=$B/selftests/tools
PERF=$B/selftests/perf
WORK=$(mktemp -d "${TMPDIR:-/tmp}/vnet-test.XXXXXX")
AGENT_LOG=$WORK/agent.log
AGENT_PID=
export VNET_ENGINE=$ENGINE TOOLS PERF

readonly KSFT_SKIP=4
KTAP_N=0
KTAP_FAILED=0
CASE=        # the one that runs; empty in the set-up
CASE_BEGAN=0 # KTAP_N where it began
CASES_RUN=0
SKIPPED_ALL=

# ---- KTAP ----

# ktap_line RESULT TEXT: numbered, with the name of its case
ktap_line() {
	KTAP_N=$((KTAP_N + 1))
	[ $KTAP_N -gt 1 ] || echo "TAP version 13"
	printf '%s %d - %s%s\n' "$1" "$KTAP_N" "${CASE:+$CASE: }" "$2"
}

ktap_ok() {
	ktap_line ok "$*"
}

ktap_fail() {
	KTAP_FAILED=$((KTAP_FAILED + 1))
	ktap_line "not ok" "$*"
}

# ---- a processor that somebody else has ----
# A hypervisor lends a machine's processors to others; what is measured meanwhile is its time, not ours.
STOLEN_MOST=5 # percent of the processors' time

ticks() {
	awk '/^cpu / { for (i = 2; i <= 9; i++) all += $i; print $9, all; exit }' /proc/stat
}
begin_stolen() {
	read -r STOLEN_FROM TICKS_FROM < <(ticks)
}
# Percent since begin_stolen, which each case calls.
stolen() {
	local at all

	read -r at all < <(ticks)
	echo $((all > TICKS_FROM ? 100 * (at - STOLEN_FROM) / (all - TICKS_FROM) : 0))
}
begin_stolen

# ktap_fail_time NAME: a time or a rate was not kept; which says nothing where the processors were somebody else's.
ktap_fail_time() {
	local percent name

	name=$(tr -s '[:space:]' ' ' <<<"$1") # a condition may have several lines
	name=${name% }
	percent=$(stolen)
	if [ "$percent" -gt $STOLEN_MOST ]; then
		ktap_skip "$name" "not kept, but the hypervisor took $percent % of the processors meanwhile"
		return 0
	fi
	ktap_fail "$name"
	return 1
}

# ktap_skip NAME REASON
ktap_skip() {
	ktap_line ok "$1 # SKIP $2"
}

# testcase NAME: what follows is this case
testcase() {
	end_case
	CASE=$1
	CASE_BEGAN=$KTAP_N
	begin_stolen
	CASES_RUN=$((CASES_RUN + 1))
}

end_case() {
	[ -z "$CASE" ] || [ $KTAP_N -gt "$CASE_BEGAN" ] || ktap_fail "has no result"
	CASE=
}

# only_cases NAME...: this script with the set-up and those cases alone; functions stay, wherever they are defined, and
# every line has its number
only_cases() {
	awk -v wanted=" $* " '
		BEGIN { on = 1 }
		/^testcase / { on = index(wanted, " " $2 " ") }
		/^(\.|source) .*\/lib\.sh"?$/ { $0 = "" } # runs already
		/^[a-z_0-9]+\(\) \{$/ { in_function = 1 }
		{ print on || in_function ? $0 : "" }
		/^}$/ { in_function = 0 }' "$0"
}

diag() {
	printf '%s\n' "$*" | sed 's/^/# /'
}

skip_all() {
	SKIPPED_ALL=1
	printf '1..0 # SKIP %s\n' "$*"
	exit $KSFT_SKIP
}

need() {
	local cmd

	for cmd; do
		command -v "$cmd" >/dev/null || skip_all "$cmd is not installed"
	done
}

# check NAME CMD...: one case, passed when CMD succeeds; what CMD printed is shown when it does not.
check() {
	local name=$1 rc

	shift
	# Not in a subshell: start_agent sets a variable.
	"$@" >"$WORK/.check" 2>&1
	rc=$?
	if [ $rc -eq 0 ]; then
		ktap_ok "$name"
		return 0
	fi
	ktap_fail "$name"
	diag "exit $rc of: $*"
	diag "$(head -n 40 "$WORK/.check")"
	return 1
}

# is NAME GOT WANTED; cmp_num NAME GOT OP WANTED
is() {
	if [ "$2" = "$3" ]; then
		ktap_ok "$1"
	else
		ktap_fail "$1"
		diag "got '$2', wanted '$3'"
		return 1
	fi
}

compare() {
	[[ $1 =~ ^-?[0-9]+([.][0-9]+)?([eE][-+]?[0-9]+)?$ ]] && awk -v a="$1" -v b="$3" "BEGIN { exit !(a $2 b) }"
}

cmp_num() {
	if compare "$2" "$3" "$4"; then
		ktap_ok "$1 ($2 $3 $4)"
	else
		ktap_fail "$1"
		diag "got '$2', wanted $3 $4"
		return 1
	fi
}

# timed NAME GOT OP WANTED: cmp_num of a time or a rate that only a machine that is not emulated (VN_SLOW) can keep
timed() {
	if [ "${VN_SLOW:-1}" -gt 1 ]; then
		ktap_skip "$1" "emulated in software: $2 measures that"
	else
		cmp_time "$@"
	fi
}

# cmp_time NAME GOT OP WANTED: cmp_num, of what depends on who has the processors
cmp_time() {
	if compare "$2" "$3" "$4"; then
		ktap_ok "$1 ($2 $3 $4)"
	else
		ktap_fail_time "$1"
		diag "got '$2', wanted $3 $4"
	fi
}

# is_time NAME GOT WANTED: is, of what depends on who has the processors
is_time() {
	if [ "$2" = "$3" ]; then
		ktap_ok "$1"
	else
		ktap_fail_time "$1"
		diag "got '$2', wanted '$3'"
	fi
}

# check_time NAME CMD...: check, of what takes long on a machine that is somebody else's
check_time() {
	local name=$1

	shift
	if "$@" >"$WORK/.check" 2>&1; then
		ktap_ok "$name"
		return 0
	fi
	ktap_fail_time "$name"
	diag "of: $*"
	diag "$(head -n 40 "$WORK/.check")"
}

# expect_exit NAME CODE PATTERN CMD...: CMD ends with CODE and says PATTERN (extended regex, '' for anything).
expect_exit() {
	local name=$1 code=$2 pattern=$3 out rc

	shift 3
	out=$("$@" 2>&1)
	rc=$?
	if [ $rc -eq "$code" ] && grep -qE -- "$pattern" <<<"$out"; then
		ktap_ok "$name"
		return 0
	fi
	ktap_fail "$name"
	diag "exit $rc, wanted $code; wanted text: $pattern; of: $*"
	diag "$out" | head -n 20
	return 1
}

# ---- waiting ----

now_ms() {
	local t=$EPOCHREALTIME

	t=${t/[.,]/}
	echo $((t / 1000))
}

# busywait MS CMD...: until CMD succeeds (its last output is printed) or the deadline passes.
busywait() {
	local deadline out

	deadline=$(($(now_ms) + $1 * ${VN_SLOW:-1}))
	shift
	while :; do
		if out=$("$@" 2>&1); then
			printf '%s\n' "$out"
			return 0
		fi
		if [ "$(now_ms)" -ge "$deadline" ]; then
			printf '%s\n' "$out"
			return 1
		fi
		# Yields the CPU for a moment: the poll must not starve what it waits for. (`read -t` would save the process,
		# but bash's timeout is a signal and a longjmp: once in thousands of rounds it aborts the shell.)
		sleep 0.01
	done
}

# pause SECONDS: time goes by, as the load itself or the window of a measurement; never in place of a condition
pause() {
	sleep "$1"
}

gone() {
	! kill -0 "$1" 2>/dev/null
}

# ---- cleaning up: newest first, whatever happened ----

DEFERRED=()
defer() {
	DEFERRED+=("$(printf '%q ' "$@")")
}

finish() {
	local rc=$? i

	trap - EXIT
	trap '' INT TERM
	for ((i = ${#DEFERRED[@]} - 1; i >= 0; i--)); do
		eval "${DEFERRED[i]}" >/dev/null 2>&1
	done
	if [ $KTAP_FAILED -gt 0 ] && [ -s "$AGENT_LOG" ]; then
		diag "--- end of the agent's log ---"
		diag "$(tail -n 30 "$AGENT_LOG")"
	fi
	stop_agent
	# Never through a mount that a case has left there.
	rm -rf --one-file-system -- "$WORK"
	if [ -z "$SKIPPED_ALL" ]; then
		end_case
		if [ $CASES_RUN -ne "$CASES_WANTED" ]; then
			ktap_fail "the script ended after $CASES_RUN of $CASES_WANTED cases"
		fi
		[ $KTAP_N -eq 0 ] || printf '1..%d\n' $KTAP_N
	fi
	[ $KTAP_FAILED -eq 0 ] || rc=1
	exit $rc
}
CASES_WANTED=$(all_cases | wc -l)
trap finish EXIT
trap 'exit 130' INT TERM

# bg CMD...: in the background, ended when the test ends; its pid is in BG_PID.
BG_PID=
bg() {
	"$@" &
	BG_PID=$!
	defer kill "$BG_PID"
}

# ---- the agent ----

vnet() {
	"$AGENT" "$@"
}

agent_answers() {
	vnet -j topology show
}

# start_agent [ARG...]: the daemon, answering. Not in a subshell (`check`): AGENT_PID would be lost.
start_agent() {
	"$AGENT" daemon "$@" </dev/null >>"$AGENT_LOG" 2>&1 &
	AGENT_PID=$!
	if ! busywait 10000 agent_answers >"$WORK/.start"; then
		diag "the daemon does not answer: $(cat "$WORK/.start")"
		diag "$(tail -n 20 "$AGENT_LOG")"
		return 1
	fi
	# Whoever answered, it must be this one: an older daemon may still hold the socket.
	if ! kill -0 "$AGENT_PID" 2>/dev/null; then
		diag "another daemon answers; this one said: $(tail -n 1 "$AGENT_LOG")"
		return 1
	fi
}

# stop_agent: SIGTERM, and SIGKILL where that does not help (which is a failure of its own, seen by the caller's code).
stop_agent() {
	local pid=$AGENT_PID r=0

	[ -n "$pid" ] || return 0
	AGENT_PID=
	kill "$pid" 2>/dev/null
	if ! busywait 5000 gone_or_zombie "$pid" >/dev/null; then
		kill -KILL "$pid" 2>/dev/null
		r=1
	fi
	wait "$pid" 2>/dev/null
	return $r
}

kill_agent() {
	[ -n "$AGENT_PID" ] || return 0
	kill -KILL "$AGENT_PID" 2>/dev/null
	wait "$AGENT_PID" 2>/dev/null
	AGENT_PID=
}

# restart_agent [ARG...]: the daemon ends, if it runs, and another one starts with these options
restart_agent() {
	stop_agent
	start_agent "$@"
}

gone_or_zombie() {
	local state

	state=$(awk '/^State:/ { print $2 }' "/proc/$1/status" 2>/dev/null)
	[ -z "$state" ] || [ "$state" = Z ]
}

# ping_lost FILE: how many echo requests of all `ping`s in there got no answer
ping_lost() {
	awk '/packet loss/ { n += $1 - $4 } END { print n + 0 }' "$1"
}

# All frames dropped so far because the engine did not run. On a busy machine it may be kept off the CPU for longer than
# its heartbeat allows; such a drop is counted, and no fault of what the test did meanwhile.
engine_down_drops() {
	vnet -j -s link show | jq '[.links[].directions[].stats.drops["engine-down"]] | add // 0'
}

# All frames dropped so far because they found no room on their way to an engine.
ring_full_drops() {
	vnet -j -s link show | jq '[.links[].directions[].stats.drops["ring-full"]] | add // 0'
}

# unexcused LOST BEFORE: of LOST packets, those that engine-down drops since BEFORE do not explain
unexcused() {
	local left=$(($1 - ($(engine_down_drops) - $2)))

	echo $((left > 0 ? left : 0))
}

engine_pid() {
	local pid

	# The name is cut at 15 bytes; the PID namespace of the sandbox holds no other test's engine.
	pid=$(pgrep -x vnet-engine | head -n 1)
	[ -n "$pid" ] && echo "$pid"
}

# nodes_quiet: no node has sent anything of its own for a second, as each does for a while after its addresses came up
nodes_quiet() {
	busywait 15000 nothing_enters >/dev/null
}
nothing_enters() {
	local before

	before=$(all_entered)
	pause 1
	[ "$(all_entered)" = "$before" ]
}
all_entered() {
	vnet -j -s link show | jq '[.links[].directions[].stats.in_packets] | add'
}

# ---- nodes: `inn TOPOLOGY.NODE CMD...` without the agent's help, as a container's root would ----

inn() {
	local ns=$1

	shift
	nsenter --net="/run/netns/$ns" -- "$@"
}

# one_link TOPOLOGY: a case; nodes a and b, joined by link ab at their eth0, whose addresses are in A and BB
# shellcheck disable=SC2034 # the tests use them
one_link() {
	printf 'name: %s\nnodes: {a: {}, b: {}}\nlinks: {ab: {endpoints: [a:eth0, b:eth0]}}\n' "$1" >"$WORK/$1.yaml"
	check "the topology applies" vnet topology apply "$WORK/$1.yaml"
	{
		read -r A
		read -r BB
	} < <(vnet -j link show "$1/ab" | jq -r '.links[0].endpoints[].addresses[0] | sub("/.*"; "")')
}

# kernel_since VERSION: this one is as new
kernel_since() {
	printf '%s\n%s\n' "$1" "$(uname -r)" | sort -VC
}

# held_mtu_max: the largest MTU a held link may have on this kernel
held_mtu_max() {
	if kernel_since 6.6; then echo 9000; else echo 3490; fi
}

# has_congestion NAME: this kernel has that congestion control of TCP
has_congestion() {
	grep -qw -- "$1" /proc/sys/net/ipv4/tcp_available_congestion_control
}

# What TCP figures are taken with: cubic, chosen by each socket (vntcp's and iperf3's -C), where the kernel has it.
# shellcheck disable=SC2034 # the tests use it
CONGESTION=$(if has_congestion cubic; then echo cubic; else cat /proc/sys/net/ipv4/tcp_congestion_control; fi)

# iperf_server NS: running and listening; ended with the test.
iperf_server() {
	bg nsenter --net="/run/netns/$1" -- iperf3 -s >/dev/null 2>&1
	busywait 5000 inn "$1" sh -c "ss -Hltn 'sport = :5201' | grep -q ." >/dev/null
}

# hugepages N: N 2 MiB pages may be had on demand while the test runs. The machine has one number for everybody, so it
# is raised, and lowered again by as much; pages that nobody takes cost nothing.
HUGEPAGES=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_overcommit_hugepages
hugepages() {
	add_hugepages "$1" && defer add_hugepages "-$1"
}
add_hugepages() {
	local now r=1

	exec 9<$HUGEPAGES && flock 9 || return 1
	now=$(cat $HUGEPAGES)
	echo $((now + $1)) >$HUGEPAGES && r=0
	exec 9<&-
	return $r
}

# nstat_get NS COUNTER: a counter of the namespace's own stack since its birth.
nstat_get() {
	inn "$1" nstat -asz "$2" | awk -v n="$2" '$1 == n { print $2 }'
}

# ---- what is there: two snapshots differ where something leaked ----

# The bulk engine, its device and its lock are no leak: it is started with the first link that wants it, and stays.
snapshot() {
	snapshot_all | grep -vxE 'vnet-fabric bulk|f /run/vnet/engine15\.lock'
}
snapshot_all() {
	local ns pid

	echo "== namespaces"
	find /run/netns -mindepth 1 -printf '%f\n' 2>/dev/null | sort
	echo "== links"
	ip -o link show | awk -F': ' '{ sub(/@.*/, "", $2); print ". " $2 }'
	for ns in /run/netns/*; do
		[ -e "$ns" ] || continue
		nsenter --net="$ns" ip -o link show 2>/dev/null |
			awk -F': ' -v ns="${ns##*/}" '{ sub(/@.*/, "", $2); print ns " " $2 }'
	done | sort
	echo "== nameless namespaces"
	# Those that a process or an fd alone keeps; counted, as they have no name.
	for pid in /proc/[0-9]*; do
		readlink "$pid/ns/net" 2>/dev/null
	done | sort -u | wc -l
	echo "== pins"
	find /sys/fs/bpf -mindepth 1 2>/dev/null | sort
	echo "== files"
	find /run/vnet /var/lib/vnet -mindepth 1 -printf '%y %p\n' 2>/dev/null | sort
	echo "== sockets"
	# Column 8 is the path; a pid would differ from run to run.
	awk 'NR > 1 && $8 ~ /vnet/ { print $8 }' /proc/net/unix | sort
	echo "== processes"
	for pid in $(pgrep '^vnet-'); do
		grep -qzx -e --bulk "/proc/$pid/cmdline" 2>/dev/null || cat "/proc/$pid/comm" 2>/dev/null
	done | sort
}

snapshot_diff() {
	snapshot >"$WORK/.after"
	diff -u "$1" "$WORK/.after"
}

# leak_check NAME BEFORE-FILE: nothing is there now that was not, nothing is missing. What leaked stays; a process that is
# ending, or an engine that is being replaced, does not.
leak_check() {
	local diff

	if diff=$(busywait 1000 snapshot_diff "$2"); then
		ktap_ok "$1"
		return 0
	fi
	ktap_fail "$1"
	diag "$diff"
	return 1
}

# ---- VNET_TEST_PORTS=vf: the same test, its links' first ends on VFs ----

[ "${VNET_TEST_PORTS-veth}" != vf ] || ports_are_vfs

# ---- some cases alone ----

WANTED=${VN_CASE:-$*}
WANTED=${WANTED//,/ }
unset VN_CASE
if [ -n "$WANTED" ] && [ "$CASES_WANTED" -gt 0 ]; then
	CASES_WANTED=0
	for name in $WANTED; do
		all_cases | grep -qx -- "$name" || {
			ktap_fail "no case is called '$name'; these are: $(all_cases | xargs)"
			exit 1
		}
		CASES_WANTED=$((CASES_WANTED + 1))
	done
	eval "$(only_cases "$WANTED")"
	exit 0
fi
