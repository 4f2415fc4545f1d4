#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Unmodified DPDK 24.11 from Debian 13 on AF_XDP ports, as a container would run it: uid 65534, no_new_privs, CAP_NET_RAW
# and nothing else. What the link does to its frames, and who counts them.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq ping
IMAGE=$("$TOP/scripts/image" -q) || skip_all "no image with DPDK: run scripts/image, outside of the test"
hugepages 40 2>/dev/null || skip_all "no 2 MiB pages may be had on demand (nr_overcommit_hugepages)"

FRAME=$TOOLS/frame

cat >"$WORK/d.yaml" <<YAML
name: d
nodes: {a: {}, b: {}}
links:
  ab: {endpoints: [a:eth0, b:eth0]}
ports:
  "a:eth0": {kind: afxdp, kernel: none, handover: both}
  "b:eth0": {isolation: off}
YAML

port() {
	vnet -j port show a:eth0 | jq -r ".ports[0].$1"
}

same() {
	[ "$("${@:2}")" = "$1" ]
}

# spoofed [N]: drops for a foreign source MAC; fails while they are fewer than N
spoofed() {
	local n

	n=$(vnet -j -s link show ab | jq '.links[0].directions[0].stats.drops["mac-spoof"]')
	echo "$n"
	[ "$n" -ge "${1-0}" ]
}

# Numbers that testpmd prints at its end: the last "RX-packets: N" and "TX-packets: N" of its forward statistics.
forwarded() {
	grep -oE "$1-packets: +[0-9]+" "$WORK/testpmd" | tail -n 1 | grep -oE '[0-9]+$'
}

# testpmd VIA PORTDIR MODE: running and forwarding; ended by testpmd_stop, for its goodbye.
PMD=
testpmd() {
	mkfifo "$WORK/stdin" 2>/dev/null
	"$TOP/selftests/lib/in-image" "$IMAGE" d.a "$2" stdbuf -oL dpdk-testpmd -l 0-1 --no-pci --in-memory -m 64 --no-telemetry \
		--vdev "net_af_xdp0,iface=eth0,$1" -- -i --no-mlockall --total-num-mbufs=3072 \
		--forward-mode="$3" <"$WORK/stdin" >"$WORK/testpmd" 2>&1 &
	PMD=$!
	exec 8>"$WORK/stdin"
	echo start >&8
	busywait 20000 grep -q 'packet forwarding - ports=1' "$WORK/testpmd" >/dev/null ||
		diag "$(grep . "$WORK/testpmd" | tail -n 8)"
}

testpmd_stop() {
	echo stop >&8
	busywait 10000 grep -q 'Done\.' "$WORK/testpmd" >/dev/null
	echo quit >&8
	exec 8>&-
	busywait 10000 gone_or_zombie "$PMD" >/dev/null || kill -KILL "$PMD"
	wait "$PMD" 2>/dev/null
}

start_agent || exit 1
check "the topology applies" vnet topology apply "$WORK/d.yaml"
DIR=$(dirname "$(port socket)")
MAP=$(port map)
A=$(vnet -j link show ab | jq -r '.links[0].endpoints[0].addresses[0]' | cut -d/ -f1)
MAC_A=$(vnet -j link show ab | jq -r '.links[0].endpoints[0].mac')
CNI=use_cni=1,dp_path=/run/port/afxdp.sock

# shellcheck disable=SC2016 # expanded inside
privileges=$("$TOP/selftests/lib/in-image" "$IMAGE" d.a "$DIR" sh -c \
	'id -u; awk "/^(CapEff|CapBnd|NoNewPrivs)/ { print \$2 }" /proc/self/status' | tr '\n' ' ')
is "it is nobody, with CAP_NET_RAW alone" "$privileges" "65534 0000000000002000 0000000000002000 1 "

testcase rxonly
testpmd $CNI "$DIR" rxonly
is "testpmd has the port" "$(port application.comm)" dpdk-testpmd
is "as nobody" "$(port application.uid)" 65534
before=$(port counters.app.packets)
inn d.b "$FRAME" send eth0 --dst "$MAC_A" --count 2000 raw >/dev/null
busywait 3000 sh -c "[ \$('$AGENT' -j port show a:eth0 | jq '.ports[0].counters.app.packets') -ge $((before + 2000)) ]" >/dev/null
app=$(($(port counters.app.packets) - before))
testpmd_stop
cmp_num "rxonly: it received what was sent" "$(forwarded RX)" ">=" 2000
cmp_num "and as many as the port gave it, but for those before the start" $(("$(forwarded RX)" - app)) ">=" -20
check "it quit: the port is free" busywait 3000 same null port application
is "its goodbye took no program off" "$(port state)" up

testcase forward
# Macswap, and io.
for mode in macswap io; do
	testpmd $CNI "$DIR" $mode
	before=$(spoofed)
	rm -f "$WORK/ready"
	inn d.b "$FRAME" capture eth0 --mark 9 --expect 2000 --wait $((4000 * ${VN_SLOW:-1})) --ready "$WORK/ready" >"$WORK/cap" &
	C=$!
	busywait 2000 test -e "$WORK/ready" >/dev/null
	# In pieces: the socket has 2048 buffers, and testpmd shares two CPUs with everybody.
	for i in 1 2 3 4 5 6 7 8; do
		inn d.b "$FRAME" send eth0 --dst "$MAC_A" --mark 9 --count 250 raw >/dev/null
	done
	if [ $mode = io ]; then
		kill $C 2>/dev/null
		busywait 5000 spoofed $((before + 2000)) >/dev/null
	fi
	wait $C 2>/dev/null
	testpmd_stop
	if [ $mode = macswap ]; then
		cmp_num "macswap: all of 2000 frames are back" "$(jq .frames "$WORK/cap")" ">=" 2000
		is "whole" "$(jq .bad "$WORK/cap")" 0
		cmp_num "testpmd sent as many as it received" $(($(forwarded TX) - $(forwarded RX))) "==" 0
	else
		cmp_num "io: what goes out with another's source MAC is dropped at the port" "$(spoofed)" ">=" $((before + 2000))
	fi
done

testcase discipline
# The link's discipline, measured at the application.
vnet link set ab delay 10ms loss 1% >/dev/null
testpmd $CNI "$DIR" icmpecho
inn d.b ping -nq -i 0.004 -c 2000 -W 2 "$A" >"$WORK/ping"
testpmd_stop
lost=$(ping_lost "$WORK/ping")
rtt=$(sed -nE 's,^rtt .* = ([0-9.]+)/.*,\1,p' "$WORK/ping")
# 2000 round trips at 1 - 0.99^2 = 1.99 %: 39.8, standard deviation 6.2; five of them.
cmp_num "loss 1 % each way, of 2000 round trips" "$lost" ">=" 9
cmp_num "and no more" "$(unexcused "$lost" 0)" "<=" 71
cmp_num "delay 10 ms each way: the least round trip (ms)" "$rtt" ">=" 20
cmp_num "and not much more" "$rtt" "<" 22
vnet link replace ab >/dev/null

testcase killed
# An application that is killed, and one that comes after it.
testpmd $CNI "$DIR" rxonly
"$TOP/selftests/lib/in-image" "$IMAGE" d.a "$DIR" timeout 20 dpdk-testpmd -l 0-1 --no-pci --in-memory -m 64 \
	--no-telemetry --vdev "net_af_xdp0,iface=eth0,$CNI" -- --no-mlockall --total-num-mbufs=3072 \
	</dev/null >"$WORK/second" 2>&1
check "a second testpmd does not start" grep -qE 'host_nak|Failed to configure|Start ports failed|Error' "$WORK/second"
is "the first still has the port" "$(port application.comm)" dpdk-testpmd
OWNER=$(port application.pid)
kill -KILL "$OWNER"
exec 8>&-
wait "$PMD" 2>/dev/null
check "killed: the port is free" busywait 3000 same null port application

testcase pinned_map
# The pinned map.
testpmd use_pinned_map=1,dp_path=/run/port/map "$MAP" rxonly
before=$(port counters.app.packets)
inn d.b "$FRAME" send eth0 --dst "$MAC_A" --count 500 raw >/dev/null
busywait 3000 sh -c "[ \$('$AGENT' -j port show a:eth0 | jq '.ports[0].counters.app.packets') -ge $((before + 500)) ]" >/dev/null
testpmd_stop
cmp_num "use_pinned_map: received" "$(forwarded RX)" ">=" 500
check "the topology goes" vnet topology delete d
is "no pin is left of the port" "$(find /sys/fs/bpf/vnet -name '*axp*' | wc -l)" 0
