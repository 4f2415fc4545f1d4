#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A node's namespace belongs to a user namespace of its own: root in there has all of the node and nothing beyond it.
# What containers have is in net/privileges and net/containers.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq ping ip nsenter unshare setpriv

NSID=$TOOLS/nsid
cat >"$WORK/o.yaml" <<YAML
name: o
nodes: {a: {}, b: {}, c: {}, d: {}, p: {privileged: true}}
links:
  ab: {endpoints: [a:eth0, b:eth0]}
  cd: {endpoints: [c:eth0, d:eth0], delay: 1ms}
  ap: {endpoints: [a:eth1, p:eth0]}
YAML

# as_root NODE CMD...: as root of the node's user namespace, with all capabilities there
as_root() {
	local node=$1

	shift
	vnet node exec --confined "$node" -- "$@"
}

# owner NODE: the user namespace that the node's network namespace belongs to, as lsns tells it
owner() {
	"$NSID" --owner "/run/netns/o.$1"
}

machine() {
	stat -Lc %i /proc/self/ns/user
}

start_agent || exit 1
snapshot >"$WORK/before"
check "the topology applies" vnet topology apply "$WORK/o.yaml"
mapfile -t PORTS < <(vnet -j port show | jq -r ".ports[].host_ifindex // empty")
[ ${#PORTS[@]} -gt 0 ] || PORTS=(1000001 1000002 1000003 1000004 1000005 1000006)

testcase owners
is "two nodes have two owners" "$([ "$(owner a)" != "$(owner b)" ] && echo yes)" yes
owner_uid() {
	"$NSID" --owner-uid "/run/netns/o.$1"
}
is "of two users, since the kernel limits what those of one user have together" \
	"$([ "$(owner_uid a)" != "$(owner_uid b)" ] && echo yes)" yes
is "neither of whom is root" "$([ "$(owner_uid a)" -ge 1879048192 ] && [ "$(owner_uid b)" -ge 1879048192 ] && echo yes)" yes
is "neither is the machine's" "$([ "$(owner a)" != "$(machine)" ] && [ "$(owner b)" != "$(machine)" ] && echo yes)" yes
is "that of a privileged node is" "$(owner p)" "$(machine)"
is "it is told which nodes are" "$(vnet -j node show | jq -c '[.nodes[] | select(.owner == "machine") | .name]')" '["p"]'

testcase root_has
# What root in a node has.
PEER=$(vnet -j link show ab | jq -r '.links[0].endpoints[1].addresses[0] | sub("/.*"; "")')
is "it is root there" "$(as_root a id -u)" 0
check "with addresses" as_root a ip address add 192.0.2.1/24 dev eth0
check "with routes" as_root a ip route add 198.51.100.0/24 dev eth0
check "with sysctls" as_root a sh -c 'echo 0 >/proc/sys/net/ipv4/ip_forward'
check "with raw sockets" as_root a ping -nq -c 1 -W 2 "$PEER"
check "with devices" as_root a ip link add type veth
check "with packet filters" as_root a sh -c 'command -v nft >/dev/null || exit 0; nft add table ip vnet_test'

testcase root_has_not
# And what it has not.
is "nothing of another namespace, by all its numbers" "$(as_root a "$NSID" "${PORTS[@]}" 2>&1)" ""
check "that is how one reaches it from a privileged node" vnet node exec p -- "$NSID" --list
is "no namespace of others" "$(as_root a nsenter --net=/run/netns/o.b ip -o link 2>&1 | grep -c eth0)" 0
is "nor the fabric's" "$(as_root a nsenter --net=/run/netns/vnet-fabric ip -o link 2>&1 | grep -c vp)" 0
is "nor the machine's, by the first process" "$(as_root a nsenter --net=/proc/1/ns/net ip -o link 2>&1 | grep -cE 'vp|tr0')" 0
is "no file of the machine's root" "$(as_root a sh -c 'cat /etc/shadow; echo x >/etc/vnet-test; ls /etc/vnet-test' 2>/dev/null)" ""
is "no process of the machine's" "$(as_root a sh -c "kill -0 $AGENT_PID && echo killed" 2>/dev/null)" ""

# seen_after DIR CMD: what DIR, a proc, shows of processes that are not the node's, after CMD as the node's root
seen_after() {
	as_root a sh -c "$2; find $1 -maxdepth 1 -name '[0-9]*' ! -uid 0" 2>/dev/null
}

mkdir /run/proc /run/sys /run/to
mount -t proc proc /run/proc
mount -t sysfs sysfs /run/sys
is "only its own processes" "$(seen_after /proc true)" ""
is "its own are there" "$(as_root a ps -e -o pid=,comm= | tr -s ' \n' ' ')" " 1 ps "
is "only its own devices" "$(as_root a ls /sys/class/net | grep -cE '^(vp|tr)')" 0
for try in "umount /proc" "umount -l /proc" "umount /sys" "umount -l /sys" "mount --move /proc /run/to" "mount --move /sys /run/to"; do
	is "no $try" "$(as_root a sh -c "$try 2>/dev/null; echo \$?; ls /run/to" | grep -cvx 0)" 1
	is "and nothing to see after it" "$(seen_after /proc "$try")$(as_root a sh -c "$try 2>/dev/null; ls /sys/class/net" | grep -E '^(vp|tr)')" ""
done
is "nothing below a bind of the root directory" "$(seen_after /run/to/proc 'mount --bind / /run/to')" ""
is "nor below one with all its mounts" "$(seen_after /run/to/proc 'mount --rbind / /run/to; umount -l /run/to/proc')" ""
is "nor in another root directory" \
	"$(as_root a sh -c 'mount --rbind / /run/to && cd /run/to && pivot_root . mnt; umount -l /mnt/proc; find /mnt/proc /proc -maxdepth 1 -name "[0-9]*" ! -uid 0' 2>/dev/null)" ""
is "nor by the first process's root" "$(seen_after /proc/1/root/proc 'umount /proc/1/root/proc')" ""
is "nor in the working directory" "$(cd /proc && seen_after . true)" ""
is "nor in another proc of the machine's" "$(seen_after /run/proc true)" ""
is "nor in another sysfs of the machine's" "$(as_root a ls /run/sys)" ""
check "the machine has them still" test -e /run/proc/1/status -a -e /run/sys/class -a -e "/proc/$AGENT_PID/status"
umount /run/proc /run/sys
rmdir /run/proc /run/sys /run/to
is "root of the machine without capabilities has none over a node" \
	"$(setpriv --inh-caps -all --bounding-set -all nsenter --net=/run/netns/o.b ip link set eth0 mtu 1400 2>/dev/null && echo in)" ""
check "the others' links are whole" vnet node exec c -- ping -nq -c 3 -i 0.01 -W 2 \
	"$(vnet -j link show cd | jq -r '.links[0].endpoints[1].addresses[0] | sub("/.*"; "")')"

testcase told
# What is told, and forbidden.
is "topology show names the node that is open" "$(vnet topology show | grep -c '^o/p: its root reaches every link')" 1
is "so does doctor, and no other" "$(vnet -j doctor | jq -c '[.checks[] | select(.name | startswith("node ")) | .name]')" '["node o/p"]'
printf 'name: x\nstrict: true\nnodes: {e: {runtime: external}, f: {}}\nlinks: {ef: {endpoints: [e:eth0, f:eth0]}}\n' >"$WORK/x.yaml"
check "a strict topology applies" vnet topology apply "$WORK/x.yaml"
bg unshare --net sleep 1000
SLEEPERS=$BG_PID
busywait 5000 sh -c "[ \"\$(readlink /proc/$BG_PID/ns/net)\" != \"\$(readlink /proc/self/ns/net)\" ]" >/dev/null
expect_exit "no namespace of the machine's with NET_ADMIN in it" 3 'strict: true' vnet node attach e pid $BG_PID
bg unshare --net setpriv --bounding-set -net_admin sleep 1000
SLEEPERS+=" $BG_PID"
busywait 5000 sh -c "[ \"\$(readlink /proc/$BG_PID/ns/net)\" != \"\$(readlink /proc/self/ns/net)\" ] && grep -q '^Name:.sleep' /proc/$BG_PID/status" >/dev/null
check "one without it" vnet node attach e pid $BG_PID
sed -i '/strict/d' "$WORK/x.yaml"
check "not strict any more" vnet topology apply "$WORK/x.yaml"
check "and gone" vnet topology delete x
for pid in $SLEEPERS; do
	kill "$pid" && wait "$pid"
done 2>/dev/null

testcase restart
# A restart, and the end.
kill_agent
start_agent || exit 1
is "the next daemon knows them" "$(vnet -j node show | jq -c '[.nodes[] | select(.owner == "machine") | .name]')" '["p"]'
check "the topology is deleted" vnet topology delete o
leak_check "nothing is left" "$WORK/before"
