#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# `engine restart`: another process in the place of an engine, under traffic, without a packet lost or overtaken. With one
# engine, with several, the bulk holder; a program that cannot start, in two ways; and a stand-in that nothing is left of.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq ping

cat >"$WORK/e.yaml" <<YAML
name: e
nodes: {a: {}, b: {}}
links:
  one: {endpoints: [a:e0, b:e0], delay: 10ms, holder: precise}
  two: {endpoints: [a:e1, b:e1], delay: 10ms, holder: precise}
  big: {endpoints: [a:e2, b:e2], delay: 10ms, holder: bulk}
  plain: {endpoints: [a:e3, b:e3]}
YAML

# What an emulated machine (VN_SLOW) gets through.
PPS=$((10000 / (${VN_SLOW:-1} > 1 ? 10 : 1)))
PIN=() STAY=()
if [ "$(nproc)" -ge 2 ] && ! kernel_since 6.5; then
	PIN=(-T 0) STAY=(--engine-cpus 0-1)
fi

# The program, where a test can put another in its place as an upgrade does: by a rename.
mkdir "$WORK/bin"
chmod a+rx "$WORK" "$WORK/bin"
REAL=$(dirname "$AGENT")/vnet-engine
install_program() {
	cp "$1" "$WORK/bin/new" && chmod 755 "$WORK/bin/new" && mv "$WORK/bin/new" "$WORK/bin/vnet-engine"
}
install_program "$REAL"

addr() {
	vnet -j link show "$1" | jq -r ".links[0].endpoints[$2].addresses[0]" | cut -d/ -f1
}
engine() {
	vnet -j engine show | jq -r ".engines[] | select(.engine == $1) | $2"
}
engine_of() {
	vnet -j link show "$1" | jq -r '[.links[0].directions[].engine] | join(" ")'
}
engines() {
	vnet -j engine show | jq -c '[.engines[].engine]'
}
engines_are() {
	[ "$(engines)" = "$1" ]
}
engines_up() {
	[ "$(vnet -j engine show | jq '[.engines[] | select(.up)] | length')" = "$1" ]
}
# unaccounted LINK: what went in and neither came out, nor is held, nor is counted; and all drops but the ports'
unaccounted() {
	vnet -j -s link show "$1" | jq -c '[.links[0].directions[].stats |
		(.in_packets - .out_packets - .held_packets), ([.drops[]] | add)] | unique'
}
settled() {
	[ "$(vnet -j -s link show "$1" | jq '[.links[0].directions[].stats.held_packets] | add')" = 0 ]
}

# under_traffic LINK CMD...: 10000 packets a second for 2 seconds, CMD in their middle; the result is in $WORK/p
under_traffic() {
	local to r

	to=$(addr "$1" 1)
	shift
	vnet link reset all >/dev/null
	drops=$(engine_down_drops)
	"$PERF/vnprobe" "${PIN[@]}" -t /run/netns/e.a -r /run/netns/e.b -a "$to" -p 9200 -n $((2 * PPS)) -R $PPS >"$WORK/p" &
	P=$!
	# Some frames are on their way.
	busywait 2000 begun >/dev/null
	"$@"
	r=$?
	wait $P
	return $r
}
begun() {
	vnet -j -s link show | jq -e '[.links[].directions[].stats.out_packets] | max > 100' >/dev/null
}

# loses_none WHAT LINK: two cases
loses_none() {
	is "$1: none lost, overtaken or twice" \
		"$(jq -c "[.sent, $(unexcused "$(jq .lost "$WORK/p")" "$drops"), .reordered, .duplicates]" "$WORK/p")" \
		"[$((2 * PPS)),0,0,0]"
	busywait 2000 settled "$2" >/dev/null
	[ "$(engine_down_drops)" = "$drops" ] || {
		ktap_skip "$1: in = out + held, drops 0" "the machine stood still meanwhile"
		return
	}
	is "$1: in = out + held, drops 0" "$(unaccounted "$2")" "[0]"
}

snapshot >"$WORK/before"

start_agent --engine "$WORK/bin/vnet-engine" "${STAY[@]}" || exit 1
vnet topology apply "$WORK/e.yaml" >/dev/null
check "the engine and the bulk holder are up" busywait 10000 engines_up 2

testcase single
# A single engine.
expect_exit "no number" 1 "'x' is not a number" vnet engine restart x
expect_exit "an engine that is not there" 1 "no engine 7" vnet engine restart 7
old=$(engine 0 .pid)
check "a single engine restarts" under_traffic one vnet engine restart 0
loses_none "a single engine" one
cmp_num "another process" "$(engine 0 .pid)" "!=" "$old"
is "has the link again" "$(engine_of one)" "0 0"
check "and nothing is left of who stood in for it" busywait 5000 engines_are "[0,15]"

testcase bulk
# The bulk holder.
at_bulk() {
	[ "$(engine_of big)" = "15 15" ]
}
check "the bulk holder has its link" busywait 5000 at_bulk
old=$(engine 15 .pid)
check "it restarts" under_traffic big vnet engine restart 15
loses_none "the bulk holder" big
cmp_num "another process, too" "$(engine 15 .pid)" "!=" "$old"
is "has its link again" "$(engine_of big)" "15 15"

testcase installed
# What runs, and what is installed.
doctor_says() {
	"$1" doctor | grep -qE "$2"
}
current() {
	vnet -j engine show | jq -c '[.engines[].program_current]'
}
is "all run what is installed" "$(current)" "[true,true]"
check "and doctor finds nothing else" sh -c "! '$AGENT' doctor | grep -E 'older program|another build'"
# A byte more: the same program, and another build of it.
(cat "$REAL" && echo) >"$WORK/next"
install_program "$WORK/next"
is "another one is installed now" "$(current)" "[false,false]"
kill_agent
start_agent --engine "$WORK/bin/vnet-engine" "${STAY[@]}"
is "as the next daemon knows" "$(current)" "[false,false]"
check "engine show says so" sh -c "'$AGENT' engine show | grep -c ' older ' | grep -qx 2"
check "and doctor, with what to do" doctor_says "$AGENT" "engine 0 .*older program.*vnet-agent engine restart"
check "both restart" vnet engine restart
is "and run it" "$(current)" "[true,true]"
(cat "$AGENT" && echo) >"$WORK/bin/vnet-agent"
chmod 755 "$WORK/bin/vnet-agent"
check "a daemon of another build is told" doctor_says "$WORK/bin/vnet-agent" "daemon's program .*another build"
build=$(find /sys/fs/bpf -name '*of_build')
rm "$build"
ln -s 0123456789abcdef "$build"
check "and BPF programs of one" doctor_says "$AGENT" "BPF programs loaded .*another build"
rm "$build"

testcase no_program
# A program that cannot start: not a program, and one that ends at once.
echo "not a program" >"$WORK/broken"
install_program "$WORK/broken"
old=$(engine 0 .pid)
drops=$(engine_down_drops) # under_traffic sets it in a subshell
expect_exit "no program" 6 "does not start: .*vnet-engine: .*nothing was changed" under_traffic one vnet engine restart 0
loses_none "no program" one
install_program /bin/false
expect_exit "one that ends" 6 "does not start: .*nothing was changed" vnet engine restart 0
is "the engine goes on" "$(engine 0 .pid) $(engine_of one)" "$old 0 0"
expect_exit "the bulk holder with such a program" 2 "does not start: .*lost nothing" vnet engine restart 15
check "its link works elsewhere" inn e.a ping -c 3 -i 0.05 -W 2 -q "$(addr big 1)"
install_program "$REAL"
check "and is back when the program is mended" vnet engine restart

testcase meanwhile
# Others are served meanwhile.
vnet link set two delay 1s >/dev/null
inn e.a ping -q -c 3 -i 0.01 -W 1 "$(addr two 1)" >/dev/null 2>&1
vnet engine restart 0 >/dev/null &
P=$!
leaving() {
	[ "$(engine_of one)" != "0 0" ]
}
check "links move away while frames are still held" busywait 5000 leaving
check "a link can be set meanwhile" vnet link set one delay 5ms
check "and the restart was not over before" kill -0 $P
check "it ends when they have left" wait $P

# The program is broken after the one that stands in has started.
busywait 5000 engines_are "[0,15]" >/dev/null
inn e.a ping -q -c 3 -i 0.01 -W 1 "$(addr two 1)" >/dev/null 2>&1
vnet engine restart 0 >"$WORK/said" 2>&1 &
P=$!
busywait 5000 leaving >/dev/null
install_program "$WORK/broken"
wait $P
is "a second start that fails is an error" $? 2
check "which says where the links are" grep -q "with other engines and lost nothing" "$WORK/said"
check "they work there" inn e.a ping -c 3 -i 0.05 -W 2 -q "$(addr one 1)"
install_program "$REAL"
check "the engine comes back by itself, and who stood in goes" busywait 10000 engines_are "[0,15]"
is "with its links" "$(engine_of one)" "0 0"
check "which have lost nothing" [ "$(vnet -j -s link show one | jq '[.links[0].directions[].stats.drops[]] | add')" = 0 ]

testcase several
# Several engines, all in turn.
vnet topology delete e >/dev/null
restart_agent --engine "$WORK/bin/vnet-engine" --engines 2 "${STAY[@]}"
vnet topology apply "$WORK/e.yaml" >/dev/null
busywait 10000 engines_up 3 >/dev/null
vnet engine move one 1
vnet engine move two 0
check "all engines restart" under_traffic one vnet engine restart
loses_none "all engines" one
is "each has its links again" "$(engine_of one) $(engine_of two) $(engine_of big)" "1 1 0 0 15 15"
vnet topology delete e >/dev/null
stop_agent
leak_check "and nothing is left" "$WORK/before"
