#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Nodes that are containers, of each runtime that is installed: what runs in them, what it may, and what is left.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=selftests/lib/containers.sh
. "$TOP/selftests/lib/containers.sh"
need jq runc busybox

mount_cgroups || skip_all "control groups cannot be mounted here"
hugepages 8 2>/dev/null || skip_all "no 2 MiB pages may be had on demand (nr_overcommit_hugepages)"
# Control groups have one name for everybody: a topology of our own.
T=ct$RANDOM
ROOT=$WORK/root
busybox_root "$ROOT" || skip_all "no root file system: busybox does not install itself"
with_libs "$ROOT" "$TOOLS/bpfcall"
container_sources "$ROOT"
chmod 755 "$WORK"

# What the program says of itself, from inside: commands of bpf(2), and then it waits.
COMMAND='["sh", "-c", "bpfcall 0 1 2 3 5 8 28 >/tmp/bpf; exec sleep 1000"]'

# three RUNTIME MEMORY: the topology: a and b of RUNTIME, d a namespace
three() {
	cat >"$WORK/t.yaml" <<YAML
name: $T
nodes:
  a: {runtime: $1, ${SOURCE[$1]}, command: $COMMAND, cpuset: "0", memory: $2, hugepages: 4M, capabilities: [NET_RAW], env: {GREETING: "a b"}}
  b: {runtime: $1, ${SOURCE[$1]}, command: $COMMAND, memory: 64M}
  d: {}
links:
  ad: {endpoints: [a:eth0, d:eth0], delay: 1ms}
  bd: {endpoints: [b:eth0, d:eth1]}
YAML
}

# host_uid UID: what number of the host is user UID of a container
host_uid() {
	echo $((0x70010000 + $1))
}

status() {
	awk -v k="$2:" '$1 == k { print $2; exit }' "/proc/$1/status"
}

# everything that a runtime keeps of ours
remains() {
	runc --root /run/vnet/runc list -q 2>/dev/null
	[ -z "${SOURCE[podman]-}" ] || podman ps -aq
	[ -z "${SOURCE[docker]-}" ] || docker ps -aq
	find /sys/fs/cgroup -maxdepth 3 -name "*$T*" 2>/dev/null
	find /run/vnet/containers /run/vnet/runc -mindepth 1 2>/dev/null
	grep -F " /run/vnet/" /proc/self/mountinfo
}

# runtime_cases RUNTIME CAPABILITIES ERRNO: what it is when seccomp refuses a call
runtime_cases() {
	local rt=$1 caps=$2 pid pid_b addr

	if [ -z "${SOURCE[$rt]-}" ]; then
		ktap_skip "$rt" "$rt is not installed, or does not work here"
		return
	fi
	three "$rt" 64M
	check "$rt: nodes from it apply" vnet topology apply "$WORK/t.yaml" || diag "$(cat "$WORK/t.yaml")"
	is "$rt: they run" "$(node a state) $(node b state)" "up up"
	pid=$(node a pid)
	pid_b=$(node b pid)
	is "$rt: nobody, with the capabilities that were asked for" \
		"$(status "$pid" Uid) $(status "$pid" CapEff) $(status "$pid" CapBnd)" "$(host_uid 65534) $caps 0000000000002000"
	is "$rt: no new privileges, and a seccomp filter" "$(status "$pid" NoNewPrivs) $(status "$pid" Seccomp)" "1 2"
	busywait 3000 vnet node exec a -- grep -q . /tmp/bpf >/dev/null
	is "$rt: of bpf(2), map update alone gets past it" "$(vnet node exec a -- cat /tmp/bpf | tr '\n' ' ')" \
		"0 $3 1 $3 2 EBADF 3 $3 5 $3 8 $3 28 $3 "
	addr=$(node a 'ports[0].addresses[0]')
	check "$rt: it is on the network, and its link holds frames" inn "$T.d" ping -c 3 -i 0.05 -W 2 "${addr%/*}"
	# shellcheck disable=SC2016 # expanded inside
	is "$rt: the CPU that its set names, and no other seen" \
		"$(awk '/^Cpus_allowed_list/ { print $2 }' "/proc/$pid/status") $(vnet node exec a -- sh -c 'cd /sys/devices/system/cpu && echo $(ls) $(cat online)')" \
		"0 cpu0 online possible present 0"
	is "$rt: memory, huge pages and processes are bounded" \
		"$(cgroup_value "$pid" memory memory.limit_in_bytes memory.max) $(cgroup_value "$pid" hugetlb hugetlb.2MB.limit_in_bytes hugetlb.2MB.max) $(cgroup_value "$pid" pids pids.max pids.max)" \
		"67108864 4194304 4096"
	is "$rt: no huge page for who asked for none" \
		"$(cgroup_value "$pid_b" hugetlb hugetlb.2MB.limit_in_bytes hugetlb.2MB.max)" 0
	expect_exit "$rt: its root is read-only" 1 'Read-only file system' vnet node exec a -- touch /x
	# shellcheck disable=SC2016 # expanded inside
	is "$rt: exec is inside: its processes, its user and environment, no more rights" \
		"$(vnet node exec a -- sh -c 'echo $(cat /proc/1/comm) $(id -u) "$GREETING" $(awk "/^CapBnd|^NoNewPrivs/ { print \$2 }" /proc/self/status)')" \
		"sleep 65534 a b 0000000000002000 1"
	is "$rt: exec passes the exit code on" "$(vnet node exec a -- sh -c 'exit 7'; echo $?)" 7

	three "$rt" 96M
	vnet topology apply "$WORK/t.yaml" >/dev/null
	is "$rt: more memory for one restarts that one alone" \
		"$([ "$(node a pid)" != "$pid" ] && echo new) $(node b pid) $(cgroup_value "$(node a pid)" memory memory.limit_in_bytes memory.max)" \
		"new $pid_b 100663296"

	pid=$(node a pid)
	kill_agent
	start_agent
	is "$rt: a daemon that is killed leaves them running, the next knows them" "$(node a pid) $(node a state)" "$pid up"

	kill -KILL "$pid"
	busywait 5000 node_is a state stopped >/dev/null
	is "$rt: one that ended is shown as stopped" "$(node a state)" stopped
	vnet topology apply "$WORK/t.yaml" >/dev/null
	is "$rt: apply starts it again, and nothing else" "$(node a state) $(node b pid)" "up $pid_b"

	vnet topology delete "$T" >/dev/null
	is "$rt: delete leaves nothing" "$(remains)" ""
}

container_star "$T" 50 "$ROOT" >"$WORK/m.yaml"
start_agent || exit 1

testcase runc
runtime_cases runc 0000000000002000 ENOSYS

testcase podman
runtime_cases podman 0000000000002000 ENOSYS

testcase docker
# Docker 20.10 knows EPERM alone, and gives no ambient capabilities: a user other than root has what it asked for in its
# bounding set only.
runtime_cases docker 0000000000000000 EPERM

testcase refused
# Refused before anything is created.
mkdir -m 700 /run/vnet/runc 2>/dev/null # which runc makes when it is first used
snapshot >"$WORK/before"
# one NODE-KEYS: a topology of one container
one() {
	printf 'name: %s\nnodes:\n  a: {%s}\n  d: {}\nlinks: {ad: {endpoints: [a:eth0, d:eth0]}}\n' "$T" "$1" >"$WORK/t.yaml"
}
refused() {
	one "$2"
	expect_exit "refused: $1" "$3" "$4" vnet topology apply "$WORK/t.yaml"
}
refused "a root file system that is not there" "runtime: runc, rootfs: /nowhere, command: sleep 9" 1 'rootfs /nowhere: No such file'
refused "CPUs that are not there" "runtime: runc, rootfs: $ROOT, command: sleep 9, cpuset: \"0,999\"" 1 'CPU 999 is not there; these are: 0'
refused "a NUMA node that is not there" "runtime: runc, rootfs: $ROOT, command: sleep 9, numa: 77" 1 'no node 77'
refused "more huge pages than are free" "runtime: runc, rootfs: $ROOT, command: sleep 9, hugepages: 64G" 7 'sysctl vm.nr_overcommit_hugepages=[0-9]+'
refused "a mount of what is not there" "runtime: runc, rootfs: $ROOT, command: sleep 9, mounts: [\"/nowhere:/x\"]" 1 'mounts: /nowhere: No such file'
expect_exit "plan says so, too" 1 'mounts: /nowhere: No such file' vnet topology plan "$WORK/t.yaml"
refused "a program that is not in it" "runtime: runc, rootfs: $ROOT, command: nonsense" 6 'runc: runc create failed.*"nonsense".*everything was undone'
if [ -n "${SOURCE[podman]-}" ]; then
	refused "an image that is not here" 'runtime: podman, image: "example.invalid/none:1"' 1 'podman pull example.invalid/none:1'
	podman create --name "vnet-$T.a" vntest:1 sleep 9 >/dev/null 2>&1
	refused "a container's name that somebody has" "runtime: podman, ${SOURCE[podman]}, command: sleep 9" 6 "vnet-$T.a exists and is not ours"
	is "whose container stays" "$(podman ps -a --format '{{.Names}}')" "vnet-$T.a"
	podman rm -f "vnet-$T.a" >/dev/null 2>&1
else
	ktap_skip "images and names of podman" "podman is not installed"
fi
mount --bind /dev/null "$(command -v runc)"
# shellcheck disable=SC2016 # as it is printed
refused "a runtime that is not installed" "runtime: runc, rootfs: $ROOT, command: sleep 9" 7 'runc is not installed: `apt install runc`'
umount "$(command -v runc)"
leak_check "nothing was created" "$WORK/before"

testcase other_users
# Clients other than root.
restart_agent --socket-group nogroup --image-dir "$WORK/images"
mkdir -p "$WORK/images/busybox"
as_nobody() {
	setpriv --reuid 65534 --regid "$(getent group nogroup | cut -d: -f3)" --clear-groups "$AGENT" "$@"
}
one "runtime: runc, rootfs: $ROOT, command: sleep 99"
expect_exit "another user's container gets no file of the host's" 3 "only root gives containers files of the host" \
	as_nobody topology apply "$WORK/t.yaml"
one "runtime: runc, rootfs: $WORK/images/../root, command: sleep 99"
expect_exit "nor by a detour" 1 "must not contain '..'" as_nobody topology apply "$WORK/t.yaml"
mount --bind "$ROOT" "$WORK/images/busybox"
defer umount "$WORK/images/busybox"
one "runtime: runc, rootfs: $WORK/images/busybox, command: sleep 99, mounts: [\"/etc:/srv:rw\"]"
expect_exit "nor by a mount" 3 "mount /etc" as_nobody topology apply "$WORK/t.yaml"
one "runtime: runc, rootfs: $WORK/images/busybox, command: sleep 99"
check "but one from --image-dir" as_nobody topology apply "$WORK/t.yaml"
one "runtime: runc, rootfs: $WORK/images/busybox, command: sleep 99, privileged: true"
expect_exit "but no privileged one" 3 "only root may ask for .privileged: true." as_nobody topology apply "$WORK/t.yaml"
vnet topology delete "$T" >/dev/null

testcase whose_files
# Whose files they are.
mkdir "$WORK/share" && echo secret >"$WORK/share/roots" && chmod 600 "$WORK/share/roots" && chmod 777 "$WORK/share"
one "runtime: runc, rootfs: $ROOT, command: sleep 99, user: \"0:0\", mounts: [\"$WORK/share:/srv:rw\"]"
check "a container whose user is root" vnet topology apply "$WORK/t.yaml"
is "is nobody on the host" "$(status "$(node a pid)" Uid)" "$(host_uid 0)"
is "has the files that are root's in its image and its mounts" \
	"$(vnet node exec a -- sh -c 'stat -c %u /bin/busybox; cat /srv/roots; echo x >/srv/new' | tr '\n' ' ')" "0 secret "
is "and what it writes there is root's" "$(stat -c %u "$WORK/share/new")" 0
vnet topology delete "$T" >/dev/null
refused "a mount to write to, of a file system that has but one owner" \
	"runtime: runc, rootfs: $ROOT, command: sleep 9, mounts: [\"/proc/sys:/srv:rw\"]" 6 'idmapped mount'

testcase killed
# Killed in the middle.
vnet topology apply "$WORK/m.yaml" >/dev/null 2>&1 &
some_run() {
	[ "$(runc --root /run/vnet/runc list -q 2>/dev/null | wc -l)" -ge 3 ]
}
busywait 20000 some_run >/dev/null
kill_agent
start_agent --image-dir "$WORK/images"
is "an apply whose daemon was killed is undone, containers and all" "$(vnet -j topology show | jq '.topologies | length') $(remains)" "0 "

testcase fifty
check "fifty containers at once" vnet topology apply "$WORK/m.yaml"
is "all of them run" "$(vnet -j node show | jq '[.nodes[] | select(.runtime == "runc" and .state == "up")] | length')" 50
vnet topology delete "$T" >/dev/null
is "and go" "$(remains)" ""

testcase cost
# milliseconds of the fastest of three
fastest() {
	local best=999999 t i

	for i in 1 2 3; do
		t=$(now_ms)
		"$@" >/dev/null 2>&1 || return 1
		t=$(($(now_ms) - t))
		[ "$t" -ge "$best" ] || best=$t
		"${AFTER[@]}" >/dev/null 2>&1
	done
	echo "$best"
}
bare_bundle "$WORK/bundle" "$ROOT"
AFTER=(runc --root "$WORK/bare" delete --force "bare$T")
bare=$(fastest runc --root "$WORK/bare" run --detach --bundle "$WORK/bundle" "bare$T" </dev/null)
AFTER=(vnet topology delete "$T")
one "runtime: runc, rootfs: $ROOT, command: sleep 1000"
ours=$(fastest vnet topology apply "$WORK/t.yaml")
# A machine that is busy with other things is slow for both: twice what the runtime alone takes is then the bound.
timed "a container node takes less than 500 ms more than runc alone ($bare ms, $ours ms)" $((ours - bare)) "<" \
	$((2 * bare > 500 ? 2 * bare : 500))
{
	printf 'name: %s\nnodes: {' "$T"
	printf 'n%d: {}, ' {1..200}
	printf 'z: {}}\n'
} >"$WORK/ns.yaml"
ours=$(fastest vnet topology apply "$WORK/ns.yaml")
bare_names() {
	printf 'netns add b%d\n' {1..200} | ip -batch -
}
clear_names() {
	printf 'netns del b%d\n' {1..200} | ip -force -batch -
}
vnet topology delete "$T" >/dev/null 2>&1
AFTER=(clear_names)
bare=$(fastest bare_names)
timed "a namespace node takes less than 3 ms, or less than twice a bare namespace (201 nodes: $ours ms, ip netns: $bare ms)" \
	"$((ours * 1000 / 201))" "<" $((2 * bare * 5 > 3000 ? 2 * bare * 5 : 3000))
