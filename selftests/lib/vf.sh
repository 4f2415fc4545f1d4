# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Helpers of tests that need the virtual machine's SR-IOV NIC. Source it before lib.sh: such a test's sandbox has the guest's
# own network namespace, where the devices are, and everything else for itself.
if [ -z "${VM_FIXTURE-}" ]; then
	echo "1..0 # SKIP runs in a virtual machine: make vmtest"
	exit 4
fi
export VNET_SANDBOX_NET=host

# pf_find: PCI address and netdev of the first device with VFs to give, in PF_PCI, PF and PF_TOTAL.
pf_find() {
	local f

	for f in /sys/bus/pci/devices/*/sriov_totalvfs; do
		if [ ! -e "$f" ] || [ "$(cat "$f")" -eq 0 ]; then
			continue
		fi
		PF_PCI=${f%/sriov_totalvfs}
		# shellcheck disable=SC2034 # for the test
		PF_TOTAL=$(cat "$f")
		PF=$(netdev_of "$PF_PCI") && return
	done
	return 1
}

# netdev_of PCI-DEVICE: its network device; a virtio one hangs a level lower.
netdev_of() {
	local d

	for d in "$1"/net/* "$1"/virtio*/net/*; do
		[ -d "$d" ] && echo "${d##*/}" && return
	done
	return 1
}

vf_netdev() {
	netdev_of "$PF_PCI/virtfn$1"
}

pf_carrier() {
	[ "$(cat "/sys/class/net/$PF/carrier" 2>/dev/null)" = 1 ]
}

# vfs_up N: N VFs in the robust order (see docs/TESTING.md), each with its driver and a netdev.
vfs_up() {
	local n=$1 i

	ip link set "$PF" up && busywait 10000 pf_carrier >/dev/null || return
	echo 0 >"$PF_PCI/sriov_drivers_autoprobe"
	echo 0 >"$PF_PCI/sriov_numvfs"
	echo "$n" >"$PF_PCI/sriov_numvfs" || return
	echo 1 >"$PF_PCI/sriov_drivers_autoprobe"
	for ((i = 0; i < n; i++)); do
		# Refused by virtio, whose VFs have their addresses from the hypervisor.
		ip link set "$PF" vf $i mac "$(printf '02:00:00:00:0f:%02x' $i)" 2>/dev/null
		basename "$(readlink "$PF_PCI/virtfn$i")" >/sys/bus/pci/drivers_probe
		busywait 10000 vf_netdev $i >/dev/null || return
	done
}

vfs_down() {
	echo 0 >"$PF_PCI/sriov_numvfs"
}

# state_of_pf: all that the PF and its VFs have, to be compared before and after.
state_of_pf() {
	ip -j -d link show "$PF" | jq -cS '.[0] | [.flags - ["LOWER_UP", "NO-CARRIER"], .mtu, .address, .vfinfo_list, .promiscuity]'
	cat "$PF_PCI/sriov_numvfs" "$PF_PCI/sriov_drivers_autoprobe"
}

# need_pf: the PF is found, or the test says why not. What a test that was killed has left is cleared away.
need_pf() {
	[ "$VM_FIXTURE" != veth ] || skip_all "fixture veth has no SR-IOV device"
	if ! busywait 10000 pf_find >/dev/null || ! pf_find; then
		diag "fixture $VM_FIXTURE shows no SR-IOV device"
		exit 1
	fi
	[ "$(cat "$PF_PCI/sriov_numvfs")" -eq 0 ] || vfs_down
	echo 1 >"$PF_PCI/sriov_drivers_autoprobe"
	ip link set "$PF" down
}

# ports_are_vfs: from here on `vnet` puts the first ends of a file's links on VFs (selftests/lib/agent-vf); VF_WIRES of them
# at most, by default as many as the PF has VFs for.
ports_are_vfs() {
	need_pf
	# shellcheck disable=SC2034 # for the test: the PF puts no VFs into VLANs
	[[ $VM_FIXTURE != virtio* ]] || VF_SHARED=1
	VF_AGENT=$AGENT
	AGENT=$TOP/selftests/lib/agent-vf
	export VF_AGENT PF VF_WIRES=${VF_WIRES-$((PF_TOTAL / 2))} WORK
}

# as_found BEFORE: the PF has the state that state_of_pf printed before.
as_found() {
	[ "$(state_of_pf)" = "$1" ]
}
