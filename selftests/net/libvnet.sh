#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# libvnet as its users have it: installed, found by pkg-config, linked by two programs that run without any privilege;
# what they measure of a link; one application at a time, and nothing of the last one's for the next.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq ping pkg-config

FRAME=$TOOLS/frame
PORTS=/run/vnet/ports/v
NOBODY=$TOP/selftests/lib/as-nobody
D=$WORK/root
BEFORE=0
ECHO=

# Programs where nobody can reach them, whatever the mode of the folders above the source.
chmod 755 "$WORK"
mkdir -p "$WORK/bin"
cp "$TOOLS/hostile" "$WORK/bin/"

cat >"$WORK/v.yaml" <<YAML
name: v
nodes: {a: {}, b: {}, c: {}, k: {}}
links:
  ab: {endpoints: [a:eth0, b:eth0]}
  ck: {endpoints: [c:eth0, k:eth0], mtu: 9000}
ports:
  "a:eth0": {kind: afxdp, kernel: none, handover: libvnet}
  "b:eth0": {kind: afxdp, kernel: none, handover: libvnet, buffers: 1000}
  "c:eth0": {kind: afxdp, kernel: arp+icmp, handover: libvnet, unbound: drop}
YAML

port() {
	vnet -j port show "$1:eth0" | jq -r ".ports[0].$2"
}

same() {
	[ "$("${@:2}")" = "$1" ]
}

# nobody NODE CMD...: in the place of a program of that node
nobody() {
	local node=$1

	shift
	"$NOBODY" "$PORTS/$node/eth0" "$@"
}

hostile() {
	nobody "$1" "$WORK/bin/hostile" /mnt/afxdp.sock "${@:2}"
}

# As it is installed.
cd "$TOP" || exit 1
# What is built as it is: a sanitized build folder is not to be built anew without.
check "make install" make --no-print-directory -o all B="$B" install DESTDIR="$D" PREFIX=/opt/vn
cp examples/libvnet/* "$WORK/bin/"
export PKG_CONFIG_PATH=$D/opt/vn/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$D LD_LIBRARY_PATH=$D/opt/vn/lib
SAN=
case $(nm -D "$D/opt/vn/lib/libvnet.so" 2>/dev/null) in *__asan*) SAN="-fsanitize=address,undefined -Wno-error" ;; esac
check "the examples build by pkg-config" make --no-print-directory -C "$WORK/bin" CFLAGS="-O2 -Wall -Wextra -Werror $SAN"
is "they need libvnet.so.1" "$(readelf -d "$WORK/bin/vnet-ping" | grep -c 'NEEDED.*\[libvnet.so.1\]')" 1
is "which needs neither libbpf nor libxdp" "$(readelf -d "$D/opt/vn/lib/libvnet.so.1" | grep -cE 'NEEDED.*lib(bpf|xdp)')" 0
is "and shows nothing but its interface" \
	"$(nm -D --defined-only "$D/opt/vn/lib/libvnet.so.1" | awk '$2 == "T" { print $3 }' | sort | tr '\n' ' ')" \
	"$(sed -nE 's/^\t(vnet_[a-z_]+);/\1@@LIBVNET_1.0/p' lib/libvnet.map | sort | tr '\n' ' ')"

start_agent || exit 1
snapshot >"$WORK/before"
check "the topology applies" vnet topology apply "$WORK/v.yaml"
is "a second apply has nothing to do" "$(vnet -j topology apply "$WORK/v.yaml" | jq .steps)" 0
is "the port says how it is handed over" "$(port b handover) $(port b lent.buffers) $(port b map) $(port b vdev)" "libvnet 1000 null null"

testcase rights
# What they are allowed: nothing.
# shellcheck disable=SC2016 # expanded inside
is "uid, capabilities, no_new_privs, locked memory, interfaces" \
	"$(nobody a bash -c 'echo "$(id -u) $(awk "/^(CapEff|CapBnd|NoNewPrivs)/ { printf \"%s \", \$2 }" /proc/self/status)$(ulimit -l) $(awk -F: "NR > 2 { print \$1 }" /proc/net/dev | xargs)"')" \
	"65534 0000000000000000 0000000000000000 1 64 lo"

testcase measured
# A link, measured by them.
start_echo() {
	"$NOBODY" $PORTS/b/eth0 "$WORK/bin/vnet-echo" /mnt/afxdp.sock >"$WORK/echo" 2>&1 &
	ECHO=$!
	busywait 5000 same vnet-echo port b application.comm >/dev/null || diag "$(cat "$WORK/echo")"
}

measure() {
	nobody a "$WORK/bin/vnet-ping" "$@" /mnt/afxdp.sock >"$WORK/ping" 2>&1
}

# busy: frames lost so far that are not the discipline's doing: the engine or one of the programs was kept off its CPU, and
# they are counted
busy() {
	echo $(($(vnet -j -s link show ab | jq '[.links[].directions[].stats.drops | to_entries[] | select(.key != "loss") | .value] | add') +
		$(port a 'lent | .["no-buffer"] + .["ring-full"]') + $(port b 'lent | .["no-buffer"] + .["ring-full"]')))
}

# steady JQ-CONDITION ARGS...: measure until the condition holds, at most four times. Whoever shares this machine may keep
# both programs and the engine off their CPUs; what is wrong is wrong four times.
steady() {
	local condition=$1 try

	shift
	for try in 1 2 3 4; do
		BEFORE=$(busy)
		measure "$@"
		jq -e "$condition" "$WORK/ping" >/dev/null && return
		diag "try $try: $(cat "$WORK/ping")"
	done
	return 1
}

got() {
	jq -r ".$1" "$WORK/ping"
}

start_echo
is "the owner is nobody" "$(port b application.uid)" 65534
is "and calls itself" "$(port b application.host)" vnet-echo
cmp_num "its memory is accounted (bytes)" "$(port b lent.bytes)" ">=" $((1000 * 2048))
check "2000 requests, 2000 answers" steady '.received == 2000' -c 2000 -i 300
is "none twice, none out of order" "$(got duplicates) $(got reordered)" "0 0"
vnet link set ab delay 10ms
steady '.lost == 0 and .rtt_ns.p50 < 21000000' -c 2000 -i 1000
cmp_num "10 ms each way: nothing is early (ns)" "$(got rtt_ns.min)" ">=" 20000000
diag "the median (ns): $(got rtt_ns.p50)"
cmp_num "and the least is near (ns)" "$(got rtt_ns.min)" "<" 21000000
cmp_num "nothing is lost but what a busy machine did not get to" $(($(got lost) - $(busy) + BEFORE)) "<=" 0
vnet link replace ab loss 1%
# 10000 round trips at 1 - 0.99^2 = 1.99 %: 199, standard deviation 14; five of them.
steady '.lost <= 269' -c 10000 -i 300
cmp_num "1 % loss each way, of 10000 round trips" "$(got lost)" ">=" 129
cmp_num "and no more, but what a busy machine did not get to" $(($(got lost) - $(busy) + BEFORE)) "<=" 269
vnet link replace ab
check "the longest frames of the MTU" steady '.received == 500' -c 500 -i 300 -s 1514
kill "$(port b application.pid)"
wait $ECHO
busywait 3000 same null port b application >/dev/null

testcase one_application
# One application at a time, over restarts of the agent.
start_echo
BYTES=$(port b lent.bytes)
is "a second process is refused" "$(hostile b open)" '{"error": "EBUSY", "at": "open"}'
cmp_num "that is counted" "$(port b handovers.refused)" ">=" 1
OWNER=$(port b application.pid)
kill_agent
start_agent || exit 1
is "an agent's restart: the owner is still known" "$(port b application.pid)" "$OWNER"
check "it goes on, with every frame" steady '.received == 500' -c 500 -i 300
is "a second one is still refused" "$(hostile b open)" '{"error": "EBUSY", "at": "open"}'
kill -KILL "$OWNER"
wait $ECHO 2>/dev/null
check "killed without a goodbye: the port is free" busywait 3000 same null port b application
is "its memory is given back" "$(port b lent.bytes)" 0
is "the next one gets it" "$(hostile b open)" '{"opened": true}'
is "open, open, close, open" "$(hostile b twice)" '{"second": "EBUSY", "third": "ok"}'

# Nothing of the last one's is the next one's.
is "one writes to all of its memory" "$(hostile b stain)" "{\"bytes\": $BYTES}"
is "the next one finds zeroes" "$(hostile b look)" '{"stained": 0}'

testcase long_frames
# A link of long frames; who is not there.
MAC_C=$(vnet -j link show ck | jq -r '.links[0].endpoints[0].mac')
inn v.k "$FRAME" send eth0 --dst "$MAC_C" --count 50 raw >/dev/null
cmp_num "unbound: drop, with nobody there" "$(port c 'counters["unbound-drop"].packets')" ">=" 50
"$NOBODY" $PORTS/c/eth0 "$WORK/bin/hostile" /mnt/afxdp.sock receive 2500 >"$WORK/long" &
C=$!
busywait 5000 same hostile port c application.comm >/dev/null
inn v.k "$FRAME" send eth0 --dst "$MAC_C" --count 200 --len 5000 raw >/dev/null
ping_c() {
	inn v.k ping -nq -c 3 -i 0.05 -W 1 "$(vnet -j link show ck | jq -r '.links[0].endpoints[0].addresses[0]' | cut -d/ -f1)"
}
check "ARP and ICMP still reach the node's kernel" ping_c
wait $C
case $(uname -r) in
6.[0-5].* | [1-5].*) ktap_skip "200 packets of 5000 bytes come in pieces" "XDP_USE_SG came with Linux 6.6" ;;
*) cmp_num "200 packets of 5000 bytes come in pieces" "$(jq .received "$WORK/long")" ">=" 600 ;;
esac

testcase topology_changes
# The topology changes.
start_echo
BYTES=$(port b lent.bytes)
sed -i 's/buffers: 1000/buffers: 2000/' "$WORK/v.yaml"
check "more buffers" vnet topology apply "$WORK/v.yaml"
is "are for the next one: this one stays" "$(port b application.comm) $(port b lent.bytes)" "vnet-echo $BYTES"
check "and goes on, with every frame" steady '.received == 100' -c 100 -i 300
kill "$(port b application.pid)"
wait $ECHO
cmp_num "it says what it did" "$(jq .received "$WORK/echo")" ">=" 100
busywait 3000 same null port b application >/dev/null
is "which has them" "$(hostile b stain)" "{\"bytes\": $((BYTES * 2))}"
sed -i 's/handover: libvnet, buffers: 2000/handover: cni/' "$WORK/v.yaml"
vnet topology apply "$WORK/v.yaml" >/dev/null
is "a port for DPDK does not answer libvnet" "$(hostile b open)" '{"error": "EPROTO", "at": "open"}'
expect_exit "buffers are for libvnet" 1 'buffers: is for ports whose memory the agent makes' \
	vnet topology check <(sed 's/handover: cni/handover: cni, buffers: 64/' "$WORK/v.yaml")
expect_exit "too many" 1 "buffers: '20000' is not a number of frames from 64 to 16384" \
	vnet topology check <(sed 's/handover: cni/handover: libvnet, buffers: 20000/' "$WORK/v.yaml")
check "the topology goes" vnet topology delete v
leak_check "without a trace" "$WORK/before"
