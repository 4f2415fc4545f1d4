#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Wrong input: one clear line with the place and what would work, exit 1, nothing changed.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq

# agent_runs: it does, and what is there then is in $WORK/before
agent_runs() {
	[ -z "$AGENT_PID" ] || return 0
	start_agent || exit 1
	snapshot >"$WORK/before"
}

# one_line FILE: the error is a single line
ok_line() {
	[ "$(wc -l <"$1")" -eq 1 ]
}

# refused NAME PATTERN <<FILE: check, plan and apply all refuse, alike, with one line; nothing changes
refused() {
	local name=$1 pattern=$2 verb rc

	cat >"$WORK/bad.yaml"
	for verb in check apply; do
		vnet topology $verb "$WORK/bad.yaml" >"$WORK/out" 2>"$WORK/err"
		rc=$?
		if [ $rc -eq 1 ] && ok_line "$WORK/err" && [ ! -s "$WORK/out" ] && grep -qE "bad\.yaml:[0-9]+:[0-9]+: " "$WORK/err" &&
			grep -qE -- "$pattern" "$WORK/err"; then
			continue
		fi
		ktap_fail "$name ($verb)"
		diag "exit $rc, wanted 1 and one line with: $pattern"
		diag "$(head -c 2000 "$WORK/err")"
		return
	done
	ktap_ok "$name"
}

word() {
	local name=$1 pattern=$2 rc

	shift 2
	vnet link set "$@" >"$WORK/out" 2>"$WORK/err"
	rc=$?
	if [ $rc -eq 1 ] && ok_line "$WORK/err" && grep -qE -- "$pattern" "$WORK/err"; then
		ktap_ok "$name"
	else
		ktap_fail "$name"
		diag "exit $rc of: link set $*; wanted 1 and one line with: $pattern"
		diag "$(head -c 2000 "$WORK/err")"
	fi
}

cat >"$WORK/good.yaml" <<YAML
name: good
nodes: {a: {}, b: {}}
links: {ab: {endpoints: [a:eth0, b:eth0], delay: 1ms}}
YAML

testcase no_daemon
# Without a daemon, and without root.
expect_exit "no daemon: exit 4 and how to start it" 4 "vnet-agent daemon" vnet topology apply "$WORK/good.yaml"
expect_exit "no daemon: link set" 4 "vnet-agent daemon" vnet link set ab delay 1ms
chmod 755 "$WORK"
expect_exit "not root: the daemon says so" 3 "root" setpriv --reuid=65534 --clear-groups "$AGENT" daemon

testcase nothing_runs
agent_runs
for what in topology node link; do
	expect_exit "no $what: said, and no error" 0 "^no $what runs$" vnet $what show
done
expect_exit "no AF_XDP port" 0 "^no AF_XDP port runs$" vnet port show
expect_exit "no VF" 0 "^no port is a VF$" vnet vf show
is "in JSON an empty list, and no word" "$(vnet -j link show 2>&1)" '{"links":[]}'
expect_exit "nothing to verify is no pass" 1 "no link runs" vnet link verify

testcase topology_file
agent_runs
refused "syntax error" "" <<<'name: [x'
refused "tab for indentation" "" <<<$'name: x\nnodes:\n\ta: {}'
refused "unknown key, with the nearest word" "'nods'.*nodes" <<<$'name: x\nnods: {a: {}}'
refused "unknown key of a link" "'dely'.*delay" <<<$'name: x\nnodes: {a: {}, b: {}}\nlinks: {ab: {endpoints: [a:e, b:e], dely: 1ms}}'
refused "duplicate node" "a" <<<$'name: x\nnodes:\n  a: {}\n  a: {}\nlinks: {}'
refused "duplicate key" "delay" <<<$'name: x\nnodes: {a: {}, b: {}}\nlinks: {ab: {endpoints: [a:e, b:e], delay: 1ms, delay: 2ms}}'
refused "link to a node that does not exist" "'bb'.*b" <<<$'name: x\nnodes: {a: {}, b: {}}\nlinks: {ab: {endpoints: [a:e, bb:e]}}'
refused "port used twice" "a:e" <<<$'name: x\nnodes: {a: {}, b: {}, c: {}}\nlinks: {ab: {endpoints: [a:e, b:e]}, ac: {endpoints: [a:e, c:e]}}'
refused "one endpoint" "endpoint" <<<$'name: x\nnodes: {a: {}, b: {}}\nlinks: {ab: {endpoints: [a:e]}}'
refused "no endpoints" "endpoints" <<<$'name: x\nnodes: {a: {}, b: {}}\nlinks: {ab: {delay: 1ms}}'
refused "loss beyond 100 %" "101%" <<<$'name: x\nnodes: {a: {}, b: {}}\nlinks: {ab: {endpoints: [a:e, b:e], loss: 101%}}'
refused "negative delay" "-1ms" <<<$'name: x\nnodes: {a: {}, b: {}}\nlinks: {ab: {endpoints: [a:e, b:e], delay: -1ms}}'
refused "delay without a unit" "unit" <<<$'name: x\nnodes: {a: {}, b: {}}\nlinks: {ab: {endpoints: [a:e, b:e], delay: 10}}'
refused "delay of 1e308" "1e308" <<<$'name: x\nnodes: {a: {}, b: {}}\nlinks: {ab: {endpoints: [a:e, b:e], delay: 1e308ms}}'
refused "a loss of true is quoted as it was written" "'true'" <<<$'name: x\nnodes: {a: {}, b: {}}\nlinks: {ab: {endpoints: [a:e, b:e], loss: true}}'
refused "rate nan" "nan" <<<$'name: x\nnodes: {a: {}, b: {}}\nlinks: {ab: {endpoints: [a:e, b:e], rate: nan}}'
refused "MTU too small" "68 to 65535" <<<$'name: x\nnodes: {a: {}, b: {}}\nlinks: {ab: {endpoints: [a:e, b:e], mtu: 67}}'
refused "MTU too large" "68 to 65535" <<<$'name: x\nnodes: {a: {}, b: {}}\nlinks: {ab: {endpoints: [a:e, b:e], mtu: 65536}}'
refused "interface name of a path" "" <<<$'name: x\nnodes: {a: {}, b: {}}\nlinks: {ab: {endpoints: ["a:../e", b:e]}}'
refused "interface name too long" "" <<<$'name: x\nnodes: {a: {}, b: {}}\nlinks: {ab: {endpoints: [a:abcdefghijklmnop, b:e]}}'
refused "interface lo" "lo" <<<$'name: x\nnodes: {a: {}, b: {}}\nlinks: {ab: {endpoints: [a:lo, b:e]}}'
refused "node name of a path" "" <<<$'name: x\nnodes: {"../a": {}, b: {}}\nlinks: {}'
refused "topology name of a path" "" <<<$'name: ../../etc\nnodes: {a: {}}\nlinks: {}'
refused "segments" "segments" <<<$'name: x\nnodes: {a: {}, b: {}}\nsegments: {lan: {endpoints: [a:e, b:e]}}'
refused "a runtime of later" "podman" <<<$'name: x\nnodes: {a: {runtime: podman}, b: {}}\nlinks: {}'
refused "two documents" "" <<<$'name: x\nnodes: {a: {}}\n---\nname: y'
refused "empty file" "" <<<''
refused "a list" "" <<<'[1, 2]'
refused "an anchor" "" <<<$'name: x\nnodes: {a: &n {}, b: *n}\nlinks: {}'
refused "alias bomb" "" <<<$'a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c]'
refused "a NUL byte" "" < <(printf 'name: x\nnodes: {a\0: {}}\n')
refused "not UTF-8" "" < <(printf 'name: x\nnodes: {\xff\xfe: {}}\n')
refused "100 levels of nesting" "" < <(
	printf 'name: x\nnodes: '
	for ((i = 0; i < 100; i++)); do printf '{a: '; done
)
refused "10^6 nodes" "" < <(
	printf 'name: x\nnodes:\n'
	seq -f '  n%.0f: {}' 1000000
)

testcase words
# Words of link set.
agent_runs
vnet topology apply "$WORK/good.yaml" >/dev/null 2>&1
shown=$(vnet -j link show ab)
word "unknown word, with the nearest" "'dely'.*delay" ab dely 10ms
word "another tool's word" "'bandwidth'.*'rate'" ab bandwidth 10mbit
refused "another tool's key" "'latency'.*'delay'" <<<$'name: x\nnodes: {a: {}, b: {}}\nlinks: {ab: {endpoints: [a:e, b:e], latency: 1ms}}'
word "unknown link" "'abc'" abc delay 10ms
word "missing value" "delay" ab delay
word "time without a unit" "'10'.*unit" ab delay 10
word "percent beyond 100" "101%" ab loss 101%
word "direction" "'up'|'ac'" ab dir ac delay 1ms
word "gap without reorder" "gap.*reorder" ab gap 5
word "nothing to set" "" ab
expect_exit "a time without a unit names its option" 1 "^vnet-agent: --time: '5' needs a unit" vnet link verify ab --time 5
expect_exit "verify: out of range" 1 "--time: from 100ms to 60s" vnet link verify ab --time 1ms
expect_exit "calibrate: out of range" 1 "--time: from 1s to 120s" vnet calibrate --time 1ms
expect_exit "watch: a time without a unit" 1 "^vnet-agent: --interval: '1' needs a unit" vnet link watch ab --interval 1
expect_exit "a process that is not there" 1 "/proc/4194304/ns/net: No such file" vnet node attach a pid 4194304
expect_exit "not root: an engine's move" 3 "Permission denied: be root or of the socket's group" \
	setpriv --reuid=65534 --regid=65534 --clear-groups "$AGENT" engine move ab 0
expect_exit "not root: looking" 0 "ab +a:eth0" setpriv --reuid=65534 --clear-groups "$AGENT" link show
is "nothing of it changed the link" "$(vnet -j link show ab)" "$shown"
vnet topology delete good >/dev/null 2>&1
leak_check "nothing of it left a trace" "$WORK/before"
