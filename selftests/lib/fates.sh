# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What became of numbered frames (selftests/tools/fates.c), for tests of disciplines; source it after lib.sh. The topology is
# `c`, its nodes `a` and `b`; FATES_LINK and FATES_DEV say which link.
need jq
FATES_LINK=ab
FATES_DEV=e0

# fates_topology: the agent runs, and so does the topology
fates_topology() {
	cat >"$WORK/c.yaml" <<YAML
name: c
nodes: {a: {}, b: {}}
links:
  ab: {endpoints: [a:e0, b:e0]}
YAML
	start_agent "$@" || exit 1
	check "the topology applies" vnet topology apply "$WORK/c.yaml"
}

# fates ARGS...: frames from a to b; the JSON is kept
fates() {
	"$TOOLS/fates" send -t /run/netns/c.a -d "$FATES_DEV" -r /run/netns/c.b -D "$FATES_DEV" -W 200 "$@" >"$WORK/f"
}
got() {
	jq "$1" "$WORK/f"
}
says() {
	jq -e "$1" "$WORK/f" >/dev/null
}

# tries CONDITION ARGS...: in one of four tries. Whoever shares this machine may keep the engine off its CPU; a discipline
# that is wrong is wrong four times.
tries() {
	local condition=$1 try

	shift
	for try in 1 2 3 4; do
		fates "$@"
		says "$condition" && return 0
		diag "try $try: $(jq -c 'del(.bins)' "$WORK/f")"
	done
	return 1
}

holds() {
	if tries "${@:2}"; then
		ktap_ok "$1"
	else
		ktap_fail "$1: $2"
	fi
}

# holds_time: holds, of times and rates, which only a machine that is not emulated (VN_SLOW) and not lent to others can keep
holds_time() {
	begin_stolen
	if [ "${VN_SLOW:-1}" -gt 1 ]; then
		ktap_skip "$1" "emulated in software: times and rates say nothing"
	elif tries "${@:2}"; then
		ktap_ok "$1"
	else
		ktap_fail_time "$1: $2"
	fi
}

# holds_but_time NAME CONDITION TIMES ARGS...: holds, of both; of CONDITION alone where no times can be kept, which is said.
holds_but_time() {
	begin_stolen
	if [ "${VN_SLOW:-1}" -gt 1 ]; then
		holds "$1 (emulated: its times not judged)" "$2" "${@:4}"
	elif tries "$2 and $3" "${@:4}"; then
		ktap_ok "$1"
	elif says "$2"; then
		ktap_fail_time "$1: $3"
	else
		ktap_fail "$1: $2"
	fi
}

# within JQ P [CORR]: a jq condition: the share JQ of the frames sent has P in its 99.9 % interval; draws of correlation CORR
# tell as much as (1 - CORR) / (1 + CORR) of them.
within() {
	awk -v f="$1" -v p="$2" -v c="${3-0}" 'BEGIN {
		printf "((%s / .sent - %.9f) | fabs) < 3.2905 * ((%.9f / .sent) | sqrt)", f, p, p * (1 - p) * (1 + c) / (1 - c) }'
}

# about JQ VALUE PERCENT
about() {
	echo "((($1) / ($2) - 1) | fabs) < $3 / 100"
}

set_to() {
	vnet link replace "$FATES_LINK" dir ab "$@" >"$WORK/out" 2>&1 || diag "link replace $FATES_LINK $*: $(cat "$WORK/out")"
}

held_by() {
	[ "$(vnet -j -d link show "$FATES_LINK" | jq -r '.links[0].directions[0].holder')" = "$1" ]
}
