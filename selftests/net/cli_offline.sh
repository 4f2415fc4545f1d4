#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The command line where no daemon runs: what needs none works, the rest says what is missing and how to get it.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq mandoc

MAN=$TOP/docs/man

cat >"$WORK/ring.yaml" <<-END
	name: ring
	defaults: {link: {rate: 1gbit}}
	nodes:
	  a: {coordinates: [52.52, 13.40]}
	  b: {coordinates: [48.86, 2.35]}
	  c: {coordinates: [51.51, -0.13]}
	links:
	  ab: {endpoints: [a, b], delay: 10ms}
	  bc: {endpoints: [b, c], delay: 5ms, loss: 0.1%, reverse: {delay: 7ms}}
	  ca: {endpoints: [c, a]}
END
sed 's/delay: 5ms/dely: 5ms/' "$WORK/ring.yaml" >"$WORK/typo.yaml"

testcase words
expect_exit "no word: usage, exit 1" 1 "^Usage: vnet-agent" vnet
expect_exit "help" 0 "topology apply FILE" vnet help
expect_exit "help of one object has the discipline's words" 0 "delay TIME" vnet help link
expect_exit "-h behind an object" 0 "node exec NODE" vnet node -h
expect_exit "version" 0 "^vnet-agent [0-9]" vnet -V
expect_exit "unknown object, suggested" 1 "did you mean 'topology'" vnet topolgy show
expect_exit "unknown verb, suggested" 1 "did you mean 'apply'" vnet topology aply x
expect_exit "a prefix is no word" 1 "'sho'" vnet link sho
expect_exit "a verb of another object" 1 "port: verb 'exec' is not known" vnet port exec
expect_exit "help of one command is its alone" 1 "" sh -c "'$AGENT' link reset -h | grep -q 'link set'"
expect_exit "help of the daemon has its options" 0 "--image-dir DIR" vnet daemon -h
expect_exit "the daemon's unknown option, suggested" 1 "^vnet-agent: daemon: option '--maxports' is not known: did you mean '--max-ports'" \
	vnet daemon --maxports 3
expect_exit "the daemon's option without a value" 1 "^vnet-agent: daemon: option '--engines' needs a value" vnet daemon --engines
expect_exit "a verb without its object, suggested" 1 "did you mean 'link verify'" vnet verify ab
expect_exit "unknown option" 1 "'--statss'.*--stats" vnet link show --statss
expect_exit "an error is one line, whatever the word holds" 1 "^vnet-agent: object 'x[?]y[?].31m'" vnet $'x\ny\033[31m'

testcase no_daemon
# No daemon: exit 4, and how to start it.
for cmd in "topology show" "topology plan $WORK/ring.yaml" "topology apply $WORK/ring.yaml" "topology delete ring" \
	"node show" "node exec a -- true" "link show" "link set ab delay 1ms" "link replace ab" "monitor" "topology graph ring"; do
	# shellcheck disable=SC2086 # words
	expect_exit "no daemon: ${cmd//$WORK\//}" 4 "vnet-agent daemon" vnet $cmd
done

testcase wrong_first
# What is wrong is said before the daemon is missed.
expect_exit "a wrong word of a discipline" 1 "dely.*delay" vnet link set ab dely 10ms
expect_exit "a wrong direction" 1 "ab, ba or both" vnet link set ab dir aa delay 1ms
expect_exit "nothing to set" 1 "nothing to set" vnet link set ab dir ab
expect_exit "apply of a wrong file: its place" 1 "typo.yaml:9:[0-9]+: .*dely.*delay" vnet topology apply "$WORK/typo.yaml"
expect_exit "apply of no file" 1 "No such file" vnet topology apply "$WORK/none.yaml"

testcase files
expect_exit "check" 0 "^ring: 3 nodes, 3 links" vnet topology check "$WORK/ring.yaml"
is "check, JSON" "$(vnet -j topology check "$WORK/ring.yaml" | jq -c '[.topology, .nodes, .links, .disciplines]')" '["ring",3,3,6]'
expect_exit "check of standard input" 0 "^ring: " vnet topology check - <"$WORK/ring.yaml"
expect_exit "check of a wrong file" 1 "typo.yaml:9:" vnet topology check "$WORK/typo.yaml"

# Every example of the manual is right.
examples() {
	awk '/^\.Bd -literal/ { on = 1; text = ""; next }
	     /^\.Ed/ { if (on && text ~ /^name:/) { n++; printf "%s", text >(dir "/example" n ".yaml") } on = 0 }
	     on { text = text $0 "\n" }
	     END { print n + 0 }' dir="$WORK" "$MAN/vnet-topology.5"
}
cmp_num "the manual has examples" "$(examples)" ">=" 2
all_right() {
	local f

	for f in "$WORK"/example*.yaml; do
		vnet topology check "$f" || return
	done
}
check "and they are right" all_right

testcase drawing
vnet topology graph "$WORK/ring.yaml" >"$WORK/ring.dot"
check "graph writes DOT" grep -q "graph" "$WORK/ring.dot"
check "with the disciplines" grep -q "10ms" "$WORK/ring.dot"
cat >"$WORK/words.yaml" <<-END
	name: words
	nodes: {a: {}, b: {}}
	links:
	  ab: {endpoints: [a, b], delay: 1ms, loss: state 1% 20%, slot: distribution pareto 1ms 1us, police: rate 1mbit burst 64kb}
END
is "a row for each word, its arguments in it" "$(vnet topology graph "$WORK/words.yaml" | grep -oE '<td>(1ms|loss|state|slot|distr|police|rate)[^<]*' | tr '\n' ' ')" \
	"<td>1ms <td>loss state 1% 20% <td>slot distribution pareto 1ms 1us <td>police rate 1mbit burst 64kb "
if command -v dot >/dev/null; then
	vnet topology graph "$WORK/ring.yaml" -o "$WORK/ring.svg"
	check "graph -o *.svg writes SVG" grep -q "</svg>" "$WORK/ring.svg"
	vnet topology graph "$WORK/ring.yaml" -o "$WORK/ring.png"
	is "graph -o *.png writes PNG" "$(head -c 4 "$WORK/ring.png" | tail -c 3)" PNG
else
	ktap_skip "graph -o *.svg writes SVG" "graphviz is not installed"
	ktap_skip "graph -o *.png writes PNG" "graphviz is not installed"
fi
expect_exit "graph -o of a kind that is not known" 1 "ring.xls.*[.]svg, [.]png" vnet topology graph "$WORK/ring.yaml" -o "$WORK/ring.xls"
sed 's/delay: [^,}]*/state: down/' "$WORK/ring.yaml" >"$WORK/down.yaml"
check "a link that is down looks so" grep -q "style=dotted" <(vnet topology graph "$WORK/down.yaml")
expect_exit "SVG without graphviz: exit 7, what to install" 7 "graphviz" env PATH=/nonexistent "$AGENT" topology graph "$WORK/ring.yaml" --svg
expect_exit "a full disk is no success" 2 "No space left" sh -c "'$AGENT' topology graph '$WORK/ring.yaml' >/dev/full"

testcase importing
cat >"$WORK/zoo.gml" <<-END
	graph [
	  label "Zoo"
	  node [ id 0 label "Köln" lon 6.95 lat 50.93 ]
	  node [ id 1 label "Paris ?" lon 2.35 lat 48.86 ]
	  node [ id 2 label "Paris ?" lon 2.40 lat 48.80 ]
	  edge [ source 0 target 1 dist 400.0 ]
	  edge [ source 0 target 1 dist 450.0 ]
	  edge [ source 1 target 2 ]
	]
END
check "import" vnet topology import "$WORK/zoo.gml" -o "$WORK/zoo.yaml"
sed '/target 1 /d' "$WORK/zoo.gml" >"$WORK/zoo1.gml"
is "one link is told as one" "$(vnet topology import "$WORK/zoo1.gml" 2>&1 >"$WORK/.out" | head -n 1)" "zoo: 3 nodes, 1 link"
expect_exit "what it wrote is right: all nodes, parallel edges" 0 "3 nodes, 3 links" vnet topology check "$WORK/zoo.yaml"

testcase host
doctor=$(vnet -j doctor)
is "doctor agrees with its exit code" "$?/$(jq .able <<<"$doctor")" "0/true"
is "what is not there has a remedy" "$(jq '[.checks[] | select(.result != "ok" and (.remedy // "") == "")] | length' <<<"$doctor")" 0
# congestion NAME: what doctor finds when that is the default here (which is the sandbox's own)
congestion() {
	echo "$1" >/proc/sys/net/ipv4/tcp_congestion_control
	vnet -j doctor | jq -r '.checks[] | select(.name == "congestion control of TCP") | "\(.result): \(.found)"'
}
is "a congestion control that does not pace is right" "$(congestion reno)" "ok: reno"
if grep -qw bbr /proc/sys/net/ipv4/tcp_allowed_congestion_control; then
	is "one that paces is told" "$(congestion bbr)" "warn: bbr, which paces"
else
	ktap_skip "one that paces is told" "namespaces may not have bbr here"
fi
# Not root: says so. (In a sandbox of root's, without its capabilities.)
expect_exit "doctor without root: exit 7, and why" 7 "missing +root" setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all "$AGENT" doctor
is "and nothing else is called missing" "$(setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all "$AGENT" -j doctor |
	jq -c '[.checks[] | select(.result == "missing") | .name]')" '["root"]'

testcase completion
# Completion, as bash does it.
complete_() {
	bash -c '
		PATH=$1:$PATH; . "$2"; shift 2
		COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
		_vnet_agent; printf "%s\n" "${COMPREPLY[@]}" | sort | tr "\n" " "' \
		_ "$(dirname "$AGENT")" "$TOP/scripts/completion/vnet-agent" vnet-agent "$@"
}
is "completion of objects and verbs" "$(complete_ to)$(complete_ topology p)$(complete_ link s)" "topology plan set show "
mkdir -p "$WORK/empty"
is "completion of a discipline's values" "$(cd "$WORK/empty" && complete_ link set ab dir '' && complete_ link set ab distribution '')" \
	"ab ba both normal pareto paretonormal uniform "
is "completion of the daemon's options and their values" "$(complete_ daemon --reb)$(complete_ daemon --rebalance '')" "--rebalance off on "
is "completion of help" "$(complete_ help doc)$(complete_ help daem)" "doctor daemon "
is "completion of what a node is given" "$(complete_ node attach a '')" "container netns pid "
is "completion of a direction, of all links" "$(complete_ link verify ab dir '')$(complete_ link reset a)$(complete_ engine move ab d)" \
	"ab ba both all dir "
# Of each command the completion knows each option.
for cmd in "link watch ab" "link verify" "topology graph" calibrate; do
	# shellcheck disable=SC2086 # words
	wanted=$("$AGENT" ${cmd% ab} -h | sed -n 's/^      \(-[^ ]*\).*/\1/p' | sort | tr '\n' ' ')
	# shellcheck disable=SC2086,SC2254 # words
	is "completion of the options of $cmd" "$(complete_ $cmd - | tr ' ' '\n' | grep -vE -- '^(--json|--pretty|--stats|--details|--runtime-dir|--version|--help|)$' | tr '\n' ' ')" \
		"$wanted"
done
