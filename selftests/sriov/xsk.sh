#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# An application's AF_XDP socket on a VF: what it really obtained is what `vf show` and `port show` say, and its frames obey the
# link's discipline.
# shellcheck source=selftests/lib/vf.sh
. "$(dirname "$0")/../lib/vf.sh"
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq ping
need_pf

FRAME=$TOOLS/frame REFLECT=$TOOLS/reflect FRAMES=50
# Virtio has zero-copy since Linux 6.11, where its rings may be mapped by the kernel; igbvf has not even native XDP.
xdp=native zerocopy=false
case $VM_FIXTURE in
virtio) printf '6.11\n%s\n' "$(uname -r)" | sort -VC && zerocopy=true ;;
igb*) xdp=generic ;;
esac
$zerocopy && words=zero-copy || words=copy

cat >"$WORK/x.yaml" <<YAML
name: x
nodes: {a: {}, b: {}}
links: {ab: {endpoints: [a:e0, b:e0], delay: 10ms}}
ports:
  "a:e0": {vf: {pf: $PF, mode: wire, xdp: none}, ip: [10.7.0.0/31]}
  "b:e0": {ip: [10.7.0.1/31]}
YAML
start_agent || exit 1
check "the topology applies" vnet topology apply "$WORK/x.yaml"
answers() { inn x.b ping -q -c 1 -W 2 10.7.0.0; }
check "its kernels answer" busywait 20000 answers

vf() {
	vnet -j vf show | jq -c '.vfs[] | select(.owner == "x/a:e0" and .role == "node") | [.xdp, .xsks, .zerocopy]'
}
is "no socket: nothing was obtained or refused" "$(vf)" '["none",0,null]'

mac=$(vnet -j vf show | jq -r '.vfs[] | select(.owner == "x/a:e0" and .role == "node") | .mac')
inn x.a "$REFLECT" e0 --xdp $xdp --bind auto --expect $FRAMES --wait $((30000 * ${VN_SLOW:-1})) --ready "$WORK/ready" \
	>"$WORK/xsk" 2>"$WORK/xsk.err" &
app=$!
defer kill $app
busywait 10000 test -e "$WORK/ready" >/dev/null || diag "$(cat "$WORK/xsk.err")"
is "bound: vf show says what the socket has" "$(vf)" "[\"$xdp\",1,$zerocopy]"
is "so does port show" "$(vnet -j port show x/a:e0 | jq -c '.ports[0].vf | [.xdp, .xsks, .zerocopy]')" "[\"$xdp\",1,$zerocopy]"
vnet port show x/a:e0 >"$WORK/port"
check "and in words" grep -q "XDP $xdp, AF_XDP sockets 1, $words\$" "$WORK/port" || diag "$(cat "$WORK/port")"
diag "$(vnet vf show)"

# A device that starts anew for the program drops what comes meanwhile: sent until enough have come back.
inn x.b "$FRAME" capture e0 --mark 7 --expect $FRAMES --wait $((25000 * ${VN_SLOW:-1})) --ready "$WORK/cap.ready" >"$WORK/cap" &
cap=$!
busywait 5000 test -e "$WORK/cap.ready" >/dev/null
for ((i = 0; i < 100; i++)); do
	kill -0 $cap 2>/dev/null || break
	inn x.b "$FRAME" send e0 --count 10 --mark 7 --dst "$mac" raw >/dev/null
	pause 0.05 # no faster than a device that starts anew can take
done
wait $cap
cmp_num "frames come back from the application, over the link" "$(jq '.frames - .bad' "$WORK/cap")" '>=' $FRAMES
kill $app 2>/dev/null
wait $app
is "the socket gone: nothing is said to be obtained" "$(vf)" '["none",0,null]'
cmp_num "the link counted them both ways" "$(vnet -j -s link show ab | jq '[.links[].directions[].stats.out_packets] | min')" '>=' $FRAMES
vnet topology delete x >/dev/null
stop_agent
