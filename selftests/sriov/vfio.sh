#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A VF for a guest: bound to vfio-pci, taken by DPDK's testpmd, answering pings across a link with a delay; given back.
# Needs an IOMMU and DPDK in the machine: fixture igb-iommu, VM_PACKAGES=dpdk-dev.
# shellcheck source=selftests/lib/vf.sh
. "$(dirname "$0")/../lib/vf.sh"
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq ping
need_pf
modprobe -q vfio-pci
[ -n "$(ls /sys/kernel/iommu_groups 2>/dev/null)" ] || skip_all "no IOMMU in this machine (FIXTURE=igb-iommu)"
[ -d /sys/bus/pci/drivers/vfio-pci ] || skip_all "no vfio-pci in this kernel"

cat >"$WORK/vfio.yaml" <<YAML
name: vfio
nodes: {g: {}, n: {}}
links: {gn: {endpoints: [g:e0, n:e0], delay: 10ms}}
ports:
  "g:e0": {vf: {pf: $PF, mode: wire, driver: vfio-pci}, ip: [10.7.0.0/31]}
  "n:e0": {ip: [10.7.0.1/31]}
YAML
before=$(state_of_pf)
start_agent || exit 1
check "a VF is bound to vfio-pci" vnet topology apply "$WORK/vfio.yaml"
diag "$(vnet vf show)"
vnet -j vf show | jq '.vfs[] | select(.role == "node")' >"$WORK/vf.json"
is "its driver" "$(jq -r .driver "$WORK/vf.json")" vfio-pci
check "its group is a file to be opened" test -e "$(jq -r .vfio "$WORK/vf.json")"
is "alone in its group" "$(find "/sys/kernel/iommu_groups/$(jq -r .iommu_group "$WORK/vf.json")/devices" -mindepth 1 | wc -l)" 1
is "its MAC is set before the guest takes it" "$(jq -r .admin.mac "$WORK/vf.json")" \
	"$(vnet -j topology show vfio | jq -r '.topology.links[0].ports[0].mac')"

# Echoes ICMP by itself; both of its threads on one processor will do.
if command -v dpdk-testpmd >/dev/null; then
	hugepages 64 || diag "no huge pages to be had on demand"
	mkfifo "$WORK/stdin"
	sleep 600 >"$WORK/stdin" &
	hold=$!
	stdbuf -oL dpdk-testpmd --lcores '0@0,1@0' --in-memory -m 64 --iova-mode=va --no-telemetry \
		-a "$(jq -r .pci "$WORK/vf.json")" -- -i --auto-start --total-num-mbufs=4096 --forward-mode=icmpecho \
		<"$WORK/stdin" >"$WORK/testpmd" 2>&1 &
	pmd=$!
	answers() { inn vfio.n ping -q -c 1 -W 3 10.7.0.0; }
	settled() { answers || gone_or_zombie "$pmd"; }
	busywait 20000 settled >/dev/null
	inn vfio.n ping -q -c 10 -i 0.3 -W 5 10.7.0.0 >"$WORK/ping"
	cmp_num "testpmd on the VF answers pings over the link's two delays of 10 ms" \
		"$(awk -F'[/= ]+' '/^rtt/ { printf "%d", $6 * 1000 }' "$WORK/ping")" '>=' 20000 || diag "$(tail -n 25 "$WORK/testpmd")"
	diag "$(tail -n 2 "$WORK/ping")"
	expect_exit "while it has the VF, that is not taken from it" 2 'a guest has it' vnet topology delete vfio
	kill -INT $pmd
	busywait 10000 gone_or_zombie "$pmd" >/dev/null || kill -KILL $pmd
	kill $hold 2>/dev/null
	wait $hold $pmd 2>/dev/null
else
	for name in "testpmd on the VF answers pings" "while it has the VF, that is not taken from it"; do
		ktap_skip "$name" "no dpdk-testpmd (VM_PACKAGES=dpdk-dev)"
	done
fi
vnet topology delete vfio >/dev/null
check "given back clean: the PF is as it was found" busywait 5000 as_found "$before"
stop_agent
