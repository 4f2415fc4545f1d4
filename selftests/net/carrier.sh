#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A port's carrier follows its link: the other end down or gone, the link's state, a flap schedule; whoever does it, in
# which order, and whether a daemon ran meanwhile. Nodes that flap as fast as they can keep nobody waiting. Routers with
# their default timers reroute at once.
# shellcheck disable=SC2086 # no name here has a blank
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq

cat >"$WORK/two.yaml" <<YAML
name: two
nodes: {a: {}, b: {}}
links:
  plain: {endpoints: [a:p0, b:p0]}
  held: {endpoints: [a:h0, b:h0], delay: 2ms}
  down: {endpoints: [a:d0, b:d0], state: down}
  blind: {endpoints: [a:i0, b:i0], carrier: ignore}
YAML

# carrier DEV: of both ends, "x" for one that is itself down
carrier() {
	local n

	for n in a b; do
		case $(inn two.$n ip -o link show dev "$1" 2>/dev/null) in
		*[,\<]UP*LOWER_UP*) printf '1 ' ;;
		*NO-CARRIER*) printf '0 ' ;;
		*) printf 'x ' ;;
		esac
	done
}
carrier_is() {
	local got

	got=$(carrier "$1")
	[ "$got" = "$2 " ] || {
		echo "$1: $got"
		return 1
	}
}
# becomes NAME DEV WANTED
becomes() {
	check "$1" busywait 5000 carrier_is "$2" "$3"
}
end() {
	inn "two.$1" ip link set "$2" "$3"
}

start_agent || exit 1
snapshot >"$WORK/before"
check "the topology applies" vnet topology apply "$WORK/two.yaml"

testcase ends
becomes "a link has a carrier at both ends" p0 "1 1"
for dev in p0 h0; do
	end a $dev down
	becomes "$dev: one end down, none at the other" $dev "x 0"
	end a $dev up
	becomes "$dev: up again" $dev "1 1"
done
end a p0 down
becomes "one down" p0 "x 0"
end b p0 down
becomes "and the other" p0 "x x"
end a p0 up
becomes "the first comes back alone: none" p0 "0 x"
end b p0 up
becomes "both are back" p0 "1 1"
end b p0 down
becomes "the second goes" p0 "0 x"
end a p0 down
end b p0 up
becomes "the first goes, the second comes" p0 "x 0"
end a p0 up
becomes "both are back again" p0 "1 1"

testcase state
is "state down in the file: none from the start" "$(carrier d0)" "0 0 "
vnet link set down state up
becomes "state up" d0 "1 1"
vnet link set plain state down
becomes "state down" p0 "0 0"
vnet link set held dir ab state down
is "one direction down: what comes the other way is to be heard" "$(carrier h0)" "1 1 "
vnet link set held state up
end a p0 down
vnet link set plain state up
becomes "state up, with an end down" p0 "x 0"
end a p0 up
becomes "and that one up" p0 "1 1"
is "link show tells" "$(vnet -j link show plain | jq -c '[.links[0].carrier, .links[0].endpoints[].carrier]')" \
	'["follow",true,true]'
vnet link set blind state down
end a i0 down
is "carrier: ignore keeps it" "$(carrier i0)" "x 1 "
end a i0 up

testcase schedule
# A schedule, timed by what the node sees of it.
nsenter --net=/run/netns/two.a ip -o monitor link dev p0 >"$WORK/flaps" &
watcher=$!
defer kill $watcher
vnet link set plain flap up 150ms down 100ms
six_flaps() {
	[ "$(grep -c NO-CARRIER "$WORK/flaps")" -ge 6 ]
}
t=$(now_ms)
check "flap: carriers come and go" busywait 10000 six_flaps
cmp_num "not faster than the schedule (ms)" "$(($(now_ms) - t))" ">" 1100
vnet link set plain flap up 20ms down 20ms
becomes "faster than a step of 100 ms it is loss alone" p0 "1 1"
n=$(grep -c NO-CARRIER "$WORK/flaps")
inn two.a ping -q -c 20 -i 0.02 -W 1 "$(vnet -j link show plain | jq -r '.links[0].endpoints[1].addresses[0] | sub("/.*"; "")')" \
	>"$WORK/ping"
is "and is" "$(($(grep -c NO-CARRIER "$WORK/flaps") - n))" 0
vnet link set plain flap off
kill $watcher

testcase no_daemon
# Without a daemon nothing follows; the next one looks.
kill_agent
end a h0 down
end b p0 down
is "no daemon: carriers stay" "$(carrier h0)$(carrier p0)" "x 1 1 x "
start_agent || exit 1
becomes "the next one looks: held" h0 "x 0"
becomes "the next one looks: plain" p0 "0 x"
end a h0 up
end b p0 up
becomes "and follows again" h0 "1 1"

testcase gone
# The other end is gone.
inn two.b ip link del p0
becomes "its device deleted: none" p0 "0 x"
check "apply makes it anew" vnet topology apply "$WORK/two.yaml"
becomes "with a carrier" p0 "1 1"
sed -i 's/, carrier: ignore/, state: down/' "$WORK/two.yaml"
vnet topology plan "$WORK/two.yaml" >"$WORK/plan"
check "the plan names the change" grep -q "link blind: .*carrier ignore -> follow" "$WORK/plan"
vnet topology apply "$WORK/two.yaml" >/dev/null
becomes "from then on it follows" i0 "0 0"
vnet topology delete two >/dev/null
leak_check "nothing is left" "$WORK/before"

testcase hub
# A hub that goes down with all its links at once, and an end that flaps as fast as it can.
LEAVES=200
{
	echo "name: hub"
	echo "routing: none"
	echo "nodes: {h: {}, l: {}, x: {}, y: {}}"
	echo "links:"
	echo "  quiet: {endpoints: [x:q, y:q], delay: 1ms}"
	for i in $(seq $LEAVES); do
		echo "  l$i: {endpoints: [h:h$i, l:l$i]}"
	done
} >"$WORK/hub.yaml"
check "a hub of $LEAVES links" vnet topology apply "$WORK/hub.yaml"
without() {
	inn hub.l ip -o link show | grep -c "l[0-9]*@.*NO-CARRIER"
}
none_has() {
	[ "$(without)" = "$1" ]
}
vnet -j monitor >"$WORK/events" &
defer kill $!
busywait 5000 grep -q start "$WORK/events" >/dev/null
seq $LEAVES | sed 's/.*/link set h& down/' | inn hub.h ip -batch -
check "all at once: each other end loses its carrier" busywait 10000 none_has $LEAVES
is "one event each" "$(grep -c '"carrier":false' "$WORK/events")" $LEAVES
seq $LEAVES | sed 's/.*/link set h& up/' | inn hub.h ip -batch -
check "and gets it back" busywait 10000 none_has 0

# set_times: how long `link set` takes, the slowest of 100 but one, in microseconds
set_times() {
	local t i

	for i in $(seq 100); do
		t=${EPOCHREALTIME/[.,]/}
		vnet link set quiet delay $((i % 2 + 1))ms >/dev/null || return 1
		echo $((${EPOCHREALTIME/[.,]/} - t))
	done | sort -n | tail -n 2 | head -n 1
}
# As much of the processor is used, and of the kernel's lock for network configuration, by a device of nobody's.
ip netns add flap
defer ip netns delete flap
ip -netns flap link add h1 type dummy
yes "$(printf 'link set h1 down\nlink set h1 up')" | nsenter --net=/run/netns/flap ip -batch - 2>/dev/null &
flapper=$!
defer kill $flapper
alone=$(set_times)
kill $flapper
wait $flapper 2>/dev/null
yes "$(printf 'link set h1 down\nlink set h1 up')" | nsenter --net=/run/netns/hub.h ip -batch - 2>/dev/null &
flapper=$!
defer kill $flapper
while_flapping=$(set_times)
kill $flapper
wait $flapper 2>/dev/null
inn hub.h ip link set h1 up
diag "link set, the slowest of 100 but one: beside a flapping device of nobody's $alone us, beside a flapping end $while_flapping us"
cmp_num "a flapping end keeps nobody waiting" "$while_flapping" "<" "$((4 * alone + 20000))"
check "and follows its last word" busywait 5000 none_has 0
vnet topology delete hub >/dev/null

testcase routers
# Two ways from r1 to r3: by r2 over the link that goes down, and a longer one by r4.
cat >"$WORK/ring.yaml" <<YAML
name: RING
routing: none
nodes: {r1: {forward: true}, r2: {forward: true}, r3: {forward: true}, r4: {forward: true}}
links:
  r12: {endpoints: [r1:e2, r2:e1], delay: 1ms}
  r23: {endpoints: [r2:e3, r3:e2], delay: 1ms}
  r34: {endpoints: [r3:e4, r4:e3], delay: 1ms}
  r14: {endpoints: [r1:e4, r4:e1], delay: 1ms}
YAML

# way_is ROUTER DEV: r1 reaches r3's end of r23 by that interface
way_is() {
	inn $1.r1 ip -o route get "$(vnet -j link show "$1/r23" | jq -r '.links[0].endpoints[1].addresses[0] | sub("/.*"; "")')" |
		grep -q "dev $2 "
}

# reroutes ROUTER: the rest of the routers' test, once they run. They start with broadcast links and default timers: up
# to 40 s for the first election, the dead interval for a neighbour without a word.
reroutes() {
	local t

	if ! check "$1: a way is found" busywait 90000 way_is $1 e2; then
		ktap_skip "$1: another one after state down" "no first way"
		return
	fi
	t=$(now_ms)
	vnet link set $1/r12 state down
	busywait 30000 way_is $1 e4 >/dev/null
	t=$(($(now_ms) - t))
	diag "$1: rerouted after $t ms"
	# Far below the dead interval of 40 s. How far is the routers' own: none tells of a link again within 5 s of the last
	# time (RFC 2328, MinLSInterval), and bird calculates once a second.
	cmp_time "$1: another one after state down (ms)" "$t" "<" 20000
	vnet link set $1/r12 state up
}

bird_start() {
	local r

	for r in r1 r2 r3 r4; do
		cat >"$WORK/bird.$r.conf" <<-CONF
			router id 10.255.0.${r#r};
			protocol device { scan time 10; }
			protocol kernel { ipv4 { export all; }; }
			protocol ospf v2 { ipv4 { export none; }; area 0 { interface "e*" { type pointopoint; cost 10; }; }; }
		CONF
		[ "$r" != r4 ] || sed -i 's/cost [0-9]*/cost 100/' "$WORK/bird.$r.conf"
		nsenter --net=/run/netns/$router.$r bird -f -c "$WORK/bird.$r.conf" -s "$WORK/bird.$r.ctl" >"$WORK/bird.$r.log" 2>&1 &
		defer kill $!
	done
}

frr_start() {
	local r daemon

	for r in r1 r2 r3 r4; do
		chmod 755 "$WORK"
		install -d -o frr -g frr "$WORK/frr.$r"
		cat >"$WORK/frr.$r/ospfd.conf" <<-CONF
			interface e1
			 ip ospf network point-to-point
			interface e2
			 ip ospf network point-to-point
			interface e3
			 ip ospf network point-to-point
			interface e4
			 ip ospf network point-to-point
			router ospf
			 ospf router-id 10.255.0.${r#r}
			 network 10.0.0.0/8 area 0
		CONF
		[ "$r" != r4 ] || sed -i 's/^ ip ospf network.*/&\n ip ospf cost 100/' "$WORK/frr.$r/ospfd.conf"
		: >"$WORK/frr.$r/zebra.conf"
		for daemon in zebra ospfd; do
			nsenter --net=/run/netns/$router.$r /usr/lib/frr/$daemon -u frr -g frr -f "$WORK/frr.$r/$daemon.conf" -i "$WORK/frr.$r/$daemon.pid" \
				-z "$WORK/frr.$r/zserv.api" --vty_socket "$WORK/frr.$r" -A 127.0.0.1 >"$WORK/frr.$r/$daemon.log" 2>&1 &
			defer kill $!
				[ $daemon = ospfd ] || busywait 5000 test -S "$WORK/frr.$r/zserv.api" >/dev/null
		done
	done
}

for router in bird frr; do
	sed "s/RING/$router/" "$WORK/ring.yaml" >"$WORK/$router.yaml"
	check "$router: a ring of routers" vnet topology apply "$WORK/$router.yaml"
	case $router in
	bird) command -v bird >/dev/null ;;
	frr) [ -x /usr/lib/frr/ospfd ] ;;
	esac && ${router}_start
done
# Both find their neighbours meanwhile.
for router in bird frr; do
	if pgrep -x "${router/frr/ospfd}" >/dev/null; then
		reroutes $router
	else
		ktap_skip "$router: a way is found" "$router is not installed"
		ktap_skip "$router: another one after state down" "$router is not installed"
	fi
done
