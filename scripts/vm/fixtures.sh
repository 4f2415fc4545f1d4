# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# The virtual machines' network hardware: fixture NAME sets devices=() (QEMU's words) and makes the host's side of it, in
# the network namespace of the machine alone.

# shellcheck disable=SC2034 # for who sources it
FIXTURES=(virtio virtio-copy igb igb-iommu veth)

fixture_about() {
	case $1 in
	virtio) echo "virtio-net with SR-IOV, 3 VFs, native XDP and AF_XDP zero-copy" ;;
	virtio-copy) echo "virtio-net with SR-IOV, 3 VFs, zero-copy refused (no iommu_platform): the fallback" ;;
	igb) echo "Intel 82576, 1 PF, 7 VFs: administration by the PF, generic XDP only on VFs" ;;
	igb-iommu) echo "the same behind an IOMMU: VFs for guests (VM_PACKAGES=dpdk-dev for DPDK on them)" ;;
	veth) echo "no NIC: the ordinary suite" ;;
	*) return 1 ;;
	esac
}

# A bridge that learns addresses, as a NIC's own switch does; a QEMU hub would flood every frame to every VF.
switch() {
	local i

	ip link add br0 type bridge forward_delay 0 mcast_snooping 0 && ip link set br0 up || return
	for ((i = 0; i <= $1; i++)); do
		ip tuntap add "tap$i" mode tap && ip link set "tap$i" mtu 9216 && ip link set "tap$i" master br0 up || return
		devices+=(-netdev "tap,id=n$i,ifname=tap$i,script=no,downscript=no,vhost=off")
	done
}

# Commas are QEMU's.
# shellcheck disable=SC2054
# virtio_nic OPTIONS: VFs first, each a device of its own; the PF at function 0 completes them. VM_VFS: up to 7.
virtio_nic() {
	local i vfs=${VM_VFS:-3}

	devices=(-device pcie-root-port,id=rp0,bus=pcie.0,chassis=1,slot=1)
	switch "$vfs" || return
	for ((i = 1; i <= vfs; i++)); do
		devices+=(-device "virtio-net-pci,bus=rp0,addr=0x0.0x$i,netdev=n$i,sriov-pf=pf0,mac=52:54:00:00:01:0$i,romfile=$1")
	done
	devices+=(-device "virtio-net-pci,bus=rp0,addr=0x0.0x0,id=pf0,netdev=n0,mac=52:54:00:00:01:00,romfile=$1")
}

# shellcheck disable=SC2054
fixture() {
	devices=()
	case $1 in
	virtio) virtio_nic ,iommu_platform=on ;;
	virtio-copy) virtio_nic '' ;;
	igb)
		devices=(-netdev hubport,id=n0,hubid=0 -device pcie-root-port,id=rp0,bus=pcie.0,chassis=1,slot=1
			-device igb,bus=rp0,netdev=n0,mac=52:54:00:00:02:00)
		;;
	igb-iommu)
		fixture igb
		devices=(-device intel-iommu,intremap=on,caching-mode=on "${devices[@]}")
		VM_APPEND="intel_iommu=on ${VM_APPEND-}"
		;;
	veth) ;;
	*) return 1 ;;
	esac
}
