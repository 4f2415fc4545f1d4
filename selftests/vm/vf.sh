#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What the laboratory promises the VF tests: VFs come up, carry frames between namespaces, and do with XDP and AF_XDP what
# docs/TESTING.md says of the fixture. Needs no agent: it proves the ground the agent's own VF tests stand on.
# shellcheck source=selftests/lib/vf.sh
. "$(dirname "$0")/../lib/vf.sh"
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq ping ethtool
[ "$VM_FIXTURE" != veth ] || skip_all "fixture veth has no SR-IOV device"
if ! busywait 10000 pf_find >/dev/null || ! pf_find; then
	diag "fixture $VM_FIXTURE shows no SR-IOV device with a driver"
	exit 1
fi

# What each fixture can: VFs to make, native XDP on a VF, zero-copy on a VF. Virtio has zero-copy since Linux 6.11.
zc_kernel=$(uname -r | awk -F. '{ print ($1 > 6 || ($1 == 6 && $2 >= 11)) ? "true" : "false" }')
case $VM_FIXTURE in
virtio) vfs=${VM_VFS:-3} native=true zerocopy=$zc_kernel ;;
virtio-copy) vfs=${VM_VFS:-3} native=true zerocopy=false ;;
igb | igb-iommu) vfs=7 native=false zerocopy=false ;;
esac

FRAME=$TOOLS/frame
REFLECT=$TOOLS/reflect
FRAMES=50

is "$PF offers $vfs VFs" "$PF_TOTAL" "$vfs"
t0=$(now_ms)
check "$vfs VFs come up, each with a network device" vfs_up "$vfs"
defer vfs_down
diag "$vfs VFs: $(($(now_ms) - t0)) ms of guest time; driver $(basename "$(readlink "$PF_PCI/virtfn0/driver")"), PF $(basename "$(readlink "$PF_PCI/driver")")"

# Two VFs, two namespaces.
for n in a b; do
	ip netns add "vf.$n"
	defer ip netns del "vf.$n"
	[ $n = a ] && dev=$(vf_netdev 0) || dev=$(vf_netdev 1)
	ip link set "$dev" netns "vf.$n" name vf0
	inn "vf.$n" ip link set vf0 up
done
inn vf.a ip addr add 10.77.0.1/24 dev vf0
inn vf.b ip addr add 10.77.0.2/24 dev vf0
mac_b=$(inn vf.b cat /sys/class/net/vf0/address 2>/dev/null || inn vf.b ip -j link show vf0 | jq -r '.[0].address')

pinged() {
	inn vf.a ping -c 1 -W 2 10.77.0.2
}
check "VF to VF: ping across the NIC's own switch" busywait 15000 pinged

# reflected NAME WANTED XSK-ARGS...: FRAMES test frames from a's kernel stack reach an AF_XDP socket on b's VF and return.
# Frames may be lost while the device starts anew for the program, so it sends until enough have come back.
reflected() {
	local name=$1 wanted=$2 ready=$WORK/ready out pid back sent=0

	shift 2
	rm -f "$ready" "$WORK/xsk"
	inn vf.b "$REFLECT" vf0 --expect $FRAMES --wait $((20000 * ${VN_SLOW:-1})) --ready "$ready" "$@" >"$WORK/xsk" 2>"$WORK/xsk.err" &
	pid=$!
	busywait 10000 eval "[ -e $ready ] || ! kill -0 $pid" >/dev/null
	inn vf.a "$FRAME" capture vf0 --mark 7 --expect $FRAMES --wait $((15000 * ${VN_SLOW:-1})) --ready "$WORK/cap.ready" >"$WORK/cap" &
	back=$!
	busywait 5000 test -e "$WORK/cap.ready" >/dev/null
	while [ $sent -lt 100 ] && kill -0 $pid 2>/dev/null && kill -0 $back 2>/dev/null; do
		inn vf.a "$FRAME" send vf0 --count 10 --mark 7 --dst "$mac_b" raw >/dev/null
		sent=$((sent + 1))
		pause 0.05 # no faster than a device that starts anew can take
	done
	kill $pid $back 2>/dev/null
	wait $pid $back 2>/dev/null
	out="$(cat "$WORK/xsk" "$WORK/xsk.err") back: $(cat "$WORK/cap")"
	rm -f "$WORK/cap.ready"
	if jq -e "$wanted and .received >= $FRAMES and .sent >= $FRAMES" "$WORK/xsk" >/dev/null 2>&1 &&
		jq -e ".frames >= $FRAMES and .bad == 0" "$WORK/cap" >/dev/null; then
		ktap_ok "$name"
		diag "$out"
	else
		ktap_fail "$name"
		diag "wanted $wanted; got $out"
	fi
}

if $native; then
	reflected "VF: native XDP and AF_XDP in copy mode" '.xdp == "native" and .zerocopy == false' --bind copy
	reflected "VF: AF_XDP, the kernel's choice: zero-copy $zerocopy" ".xdp == \"native\" and .zerocopy == $zerocopy" --bind auto
else
	expect_exit "VF: native XDP is refused by its driver" 1 'native XDP: (Operation not supported|Invalid argument)' \
		inn vf.b "$REFLECT" vf0
	reflected "VF: AF_XDP over generic XDP" '.xdp == "generic" and .zerocopy == false' --xdp generic
fi
if $zerocopy; then
	reflected "VF: AF_XDP zero-copy when it is asked for" '.xdp == "native" and .zerocopy == true' --bind zerocopy
else
	mode=native
	$native || mode=generic
	expect_exit "VF: AF_XDP zero-copy is refused, with a reason" 1 'AF_XDP bind, zero-copy: ' \
		inn vf.b "$REFLECT" vf0 --xdp $mode --bind zerocopy
fi

# The administration by the PF: what igb obeys, virtio refuses as a whole.
if [[ $VM_FIXTURE = igb* ]]; then
	check "the PF sets a VF's MAC, VLAN and trust" ip link set "$PF" vf 2 mac 02:00:00:00:0f:42 vlan 5 trust on
	is "and reads them back" "$(ip -j link show "$PF" | jq -c '.[0].vfinfo_list[2] | [.mac // .address, .vlan_list[0].vlan, .trust]')" \
		'["02:00:00:00:0f:42",5,true]'
else
	expect_exit "the PF does not administrate: a MAC by netlink" 2 'not supported' ip link set "$PF" vf 2 mac 02:00:00:00:0f:42
	is "and knows nothing of its VFs" "$(ip -j link show "$PF" | jq -c '.[0].vfinfo_list')" null
fi

ip netns del vf.a
back_home() {
	vf_netdev 0
}
check "a VF comes back when its namespace goes" busywait 10000 back_home
