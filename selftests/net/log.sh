#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What the daemon logs: who changed what, starts and stops, signals; where to, by who reads it; how much; and that an
# engine which cannot start is not tried without end.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq python3

cat >"$WORK/l.yaml" <<YAML
name: l
nodes: {a: {}, b: {}}
links: {ab: {endpoints: [a:eth0, b:eth0], delay: 1ms}}
YAML

# logged PATTERN: a line that has it comes
logged() {
	busywait 3000 grep -qE -- "$1" "$AGENT_LOG"
}

not_logged() {
	! grep -qE -- "$1" "$AGENT_LOG"
}

STAMP='^20[0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9:]{8}[.][0-9]{3} vnet-agent: '

# fresh_agent [ARG...]: another daemon, whose log begins with it
fresh_agent() {
	stop_agent
	: >"$AGENT_LOG"
	start_agent "$@" || exit 1
}

cat >"$WORK/ask.py" <<'PY'
"""ask.py UID PROGRAM NAME N: be called PROGRAM, ask N times as UID for a change of NAME on the read-only socket, say
so, go on until standard input ends"""
import json, os, select, socket, sys
uid, program, name, n = int(sys.argv[1]), os.fsencode(sys.argv[2]), json.loads(sys.argv[3]), int(sys.argv[4])
open("/proc/self/comm", "wb").write(program)
os.setgroups([])
os.setgid(uid)
os.setuid(uid)
s = socket.socket(socket.AF_UNIX)
s.connect("/run/vnet/observe.sock")
request = {"method": "vnet.link.set", "parameters": {"name": name, "dir": "ab", "words": ["delay", "9ms"]}}
request = json.dumps(request).encode() + b"\0"
at_once = min(n, 8)
asked = 0
told = False
while not told or not select.select([sys.stdin], [], [], 0)[0]:
    s.sendall(request * at_once)
    answers = 0
    while answers < at_once:
        got = s.recv(65536)
        if not got:
            sys.exit("the daemon hung up")
        answers += got.count(b"\0")
    asked += at_once
    if asked >= n and not told:
        print("asked", flush=True)
        told = True
PY

testcase audit
fresh_agent
check "the start has a line, with the time" logged "${STAMP}starting: version .*, pid $AGENT_PID"
check "the topology applies" vnet topology apply "$WORK/l.yaml"
check "apply: who, by what, what, on what, result" logged "${STAMP}audit: uid 0 pid [0-9]+ [(]vnet-agent[)]: topology.apply l: done\$"
vnet link set ab dir ab delay 2ms
check "link set has its words" logged 'audit: uid 0 .*: link.set ab dir ab delay 2ms: done$'
expect_exit "a change that fails" 1 nosuch vnet link set nosuch delay 2ms
check "is logged with the reason" logged "audit: .*: link.set nosuch .*failed: .*nosuch"
vnet link show >/dev/null
vnet topology plan "$WORK/l.yaml" >/dev/null
check "looks are not" not_logged 'audit: .*[)]: (link.show|topology.plan)'
kill -HUP "$AGENT_PID"
check "SIGHUP has a line" logged "SIGHUP from pid $$, uid 0: nothing to read again"
check "and the daemon goes on" vnet link show ab
vnet topology delete l
check "delete is logged" logged 'audit: uid 0 .*: topology.delete l: done$'
vnet -j monitor >"$WORK/events" &
M=$!
busywait 3000 grep -q start "$WORK/events" >/dev/null
stop_agent
wait $M
is "monitor is told of the stop" "$(tail -n 1 "$WORK/events" | jq -r .event)" stop
check "with the time" bash -c "tail -n 1 '$WORK/events' | jq -r .time | grep -qE '^20.*T.*[.].*Z\$'"
check "the stop has a line" logged "stopping: SIGTERM from pid $$, uid 0; no topology runs"
check "and its end" logged "${STAMP}stopped\$"

testcase how_much
fresh_agent --log-level error
vnet topology apply "$WORK/l.yaml" >/dev/null
check "--log-level error: no audit" not_logged audit
vnet topology delete l >/dev/null
expect_exit "a level that there is not" 1 "--log-level: 'loud' is none of error, warning" vnet daemon --log-level loud
fresh_agent
vnet topology apply "$WORK/l.yaml" >/dev/null
"$TOOLS/passed" measure /run/vnet/control.sock ab 3000 >/dev/null
cmp_num "3000 changes at once: lines" "$(grep -c 'audit: .*link.set' "$AGENT_LOG")" "<" 2500
check "the rest is counted, and whose" busywait 8000 grep -qE "log: [0-9]+ messages like 'audit: ...' were left out: changes of uid 0 that succeeded\$" "$AGENT_LOG"

testcase nobody_hides
# Nobody hides what others change.
fresh_agent
vnet topology apply "$WORK/l.yaml" >/dev/null
coproc FLOOD { python3 "$WORK/ask.py" 65000 flood '"ab"' 3000; }
flood=$FLOOD_PID
read -r -t 30 -u "${FLOOD[0]}" said
is "uid 65000 asks for refused changes without end" "$said" asked
for k in {10..29}; do
	vnet link set ab dir ab delay "77${k}us"
done
kill -0 "$flood"
is "and does so to the end" $? 0
eval "exec ${FLOOD[1]}>&-"
wait "$flood"
is "meanwhile each of root's 20 changes is logged" "$(grep -cE 'audit: uid 0 .*delay 77[0-9]+us: done$' "$AGENT_LOG")" 20
check "left out are lines of uid 65000, as is told" busywait 8000 grep -qE "log: [0-9]+ messages like 'audit: ...' were left out: refused on observe.sock, of uid 65000\$" "$AGENT_LOG"

testcase names
# Names that look like more of the line.
asked_by_65001() {
	python3 "$WORK/ask.py" 65001 "x): a b" '"ab: done \u009b1m"' 1 </dev/null >/dev/null
	grep -q "uid 65001" "$AGENT_LOG"
}
fresh_agent
busywait 8000 asked_by_65001 >/dev/null
check "a program's name has no blank and no bracket" logged 'audit: uid 65001 pid [0-9]+ [(]x\\x29:\\x20a\\x20b[)]: link.set '
check "an object's name neither, and no control character (C1)" logged ': link.set ab:\\x20done\\x20\\xc2\\x9b1m dir ab delay 9ms: failed: '

testcase engine_fails
# An engine that does not start.
fresh_agent
pid=$(vnet -j engine show | jq '.engines[0].pid')
stop_agent
chmod 755 "$WORK"
cp "$(type -P false)" "$WORK/engine"
start_agent --engine "$WORK/engine" || exit 1
kill -9 "$pid"
check "an engine that fails is tried later and later" busywait 10000 grep -qE "engine 0: 5 starts in a row failed: the next in 1600 ms" "$AGENT_LOG"
cmp_num "starts by then" "$(grep -c 'engine 0: started' "$AGENT_LOG")" "<=" 8
is "engine show says so" "$(vnet engine show | awk '$1 == 0 { print $3 }')" failing
check "doctor, too" bash -c "'$AGENT' doctor | grep -q 'starts in a row failed'"
stop_agent
start_agent || exit 1
check "with one that works it is up" busywait 5000 bash -c "'$AGENT' engine show | grep -q up"

testcase journal
# The journal.
stop_agent
mkdir -p /run/systemd/journal
cat >"$WORK/journal.py" <<'PY'
import os, socket, subprocess, sys, time
log, agent = sys.argv[1:3]
native = len(sys.argv) > 3
if native:
    j = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    j.bind("/run/systemd/journal/socket")
    j.settimeout(10)
err = open(log, "w")
st = os.fstat(err.fileno())
d = subprocess.Popen([agent, "daemon"], stderr=err, stdin=subprocess.DEVNULL,
                     env={**os.environ, "JOURNAL_STREAM": "%d:%d" % (st.st_dev, st.st_ino)})
seen = ""
end = time.time() + 10
while time.time() < end and "ready on" not in seen:
    if native:
        seen += j.recv(4096).decode() + "--\n"
    else:
        seen = open(log).read()
        time.sleep(0.01)
d.terminate()
d.wait()
print(seen)
PY
python3 "$WORK/journal.py" "$WORK/err" "$AGENT" >"$WORK/out"
check "with systemd behind standard error lines have their level" grep -qE '^<5>ready on' "$WORK/out"
python3 "$WORK/journal.py" "$WORK/err" "$AGENT" native >"$WORK/out"
check "the journal gets fields" grep -qE '^VNET_ENGINE=0$' "$WORK/out"
is "and standard error nothing" "$(cat "$WORK/err")" ""
