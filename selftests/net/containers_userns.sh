#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Root in a container of podman's or docker's is root of its node's user namespace and nobody on the host, whatever the
# engine keeps its images on; what it has of files is its own all the same.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=selftests/lib/containers.sh
. "$TOP/selftests/lib/containers.sh"
need jq runc busybox nsenter

mount_cgroups || skip_all "control groups cannot be mounted here"
T=cu$RANDOM
ROOT=$WORK/root
BASE=$((0x70010000))
chmod 755 "$WORK"
busybox_root "$ROOT" || skip_all "no root file system: busybox does not install itself"
for tool in "$TOOLS/nsid" "$(command -v ip)" "$(command -v nsenter)"; do
	with_libs "$ROOT" "$tool"
done
echo secret >"$ROOT/etc/secret" && chmod 600 "$ROOT/etc/secret"
# What root inside tries: a line for whatever it should not be able to do.
cat >"$ROOT/bin/tries" <<'SH'
#!/bin/sh
for i in $(seq 0 63); do
	[ -e /held/$i ] || echo "no file of host id $i"
	( echo x >>/held/$i ) 2>/dev/null && echo "wrote to a file of host id $i"
	chown 0 /held/$i 2>/dev/null && echo "took a file of host id $i"
done
for f in /proc/sys/net/ipv4/ip_forward /proc/sys/net/core/somaxconn /proc/sys/kernel/hostname /proc/sysrq-trigger; do
	( echo 1 >$f ) 2>/dev/null && echo "wrote to $f"
done
mount -t proc proc /srv 2>/dev/null && echo "mounted a proc"
for ns in net user pid ipc uts; do
	[ "$(stat -f -c %t /held-ns/$ns)$(stat -f -c %t /held-node/$ns)" = 6e7366736e736673 ] || echo "no $ns namespaces there"
	[ "$(stat -L -c %i /proc/self/ns/$ns)" != "$(stat -c %i /held-ns/$ns)" ] || echo "its $ns namespace is the host's"
	/bin/nsenter --$ns=/held-ns/$ns true 2>/dev/null && echo "entered the host's $ns namespace"
	/bin/nsenter --$ns=/held-node/$ns true 2>/dev/null && echo "entered another node's $ns namespace"
done
/bin/nsenter --version >/dev/null || echo "no nsenter"
nsid 1000001 1000002 1000003 1000004 >/dev/null 2>&1
[ $? = 1 ] || echo "reached the fabric"
mknod /tmp/vda b 254 0 2>/dev/null && echo "made a device"
echo tried
SH
chmod 755 "$ROOT/bin/tries"

# ids 0 to 63 of the host hold a file each, and namespaces of the host and of another node are there to be entered
mkdir "$WORK/held" "$WORK/held-ns" "$WORK/held-node" "$WORK/volume"
for i in {0..63}; do
	echo "$i" >"$WORK/held/$i" && chown "$i:$i" "$WORK/held/$i" && chmod 600 "$WORK/held/$i"
done
unshare --user --net --mount --ipc --uts sleep 1000 &
OTHER=$!
defer kill $OTHER
other_there() {
	[ "$(readlink /proc/$OTHER/ns/user)" != "$(readlink /proc/self/ns/user)" ] && [ "$(cat /proc/$OTHER/comm)" = sleep ]
}
busywait 5000 other_there >/dev/null
for ns in net user pid ipc uts; do
	for where in ns:self node:$OTHER; do
		: >"$WORK/held-${where%%:*}/$ns"
		mount --bind "/proc/${where##*:}/ns/$ns" "$WORK/held-${where%%:*}/$ns" || exit 1
		defer umount "$WORK/held-${where%%:*}/$ns"
	done
done
echo content >"$WORK/volume/file" && chmod 600 "$WORK/volume/file"

# one ENGINE CAPS [KEYS]: a container whose user is root, beside a namespace node
one() {
	cat >"$WORK/t.yaml" <<YAML
name: $T
nodes:
  a:
    runtime: $1
    ${SOURCE[$1]}
    command: sleep 1000
    user: "0:0"
    capabilities: [$2]
    memory: 64M
    mounts: ["$WORK/held:/held", "$WORK/held-ns:/held-ns", "$WORK/held-node:/held-node", "$WORK/volume:/volume:rw"]
    ${3-}
  d: {}
links: {ad: {endpoints: ["a:eth0", "d:eth0"]}}
YAML
}

# status PID FIELD: of its real user, its capabilities
status() {
	awk -v k="$2:" '$1 == k { print $2; exit }' "/proc/$1/status"
}

# what the engines keep of it, and the host
remains() {
	$1 ps -aq
	find /run/vnet/containers -mindepth 1
	grep -E "/run/vnet/|/dev/shm/|idmapped" /proc/self/mountinfo
	[ ! -e /run/netns/"$T.a" ] || echo "its namespace"
	find /dev/shm -mindepth 1 -newer "$WORK/t.yaml" ! -name 'libpod*'
}

# engine_cases ENGINE STORAGE
engine_cases() {
	local on="$1, $2" pid addr processes=4096

	# docker's containers have dockerd's limits.
	[ "$1" = podman ] || processes=$(ulimit -u)

	one "$1" "NET_RAW, NET_ADMIN" "writable: true"
	check "$on: a node whose user is root, with NET_ADMIN" vnet topology apply "$WORK/t.yaml"
	pid=$(node a pid)
	is "$on: nobody on the host, with what it was given" "$(status "$pid" Uid) $(status "$pid" Gid) $(status "$pid" CapBnd)" \
		"$BASE $BASE 0000000000003000"
	is "$on: in the user namespace that owns its network namespace, which is its own" \
		"$(readlink "/proc/$pid/ns/user") $(node a owner) $(node a open)" "user:[$("$TOOLS/nsid" --owner "/run/netns/$T.a")] own false"
	is "$on: which has all of its ids" "$(tr -s ' ' <"/proc/$pid/uid_map") $(tr -s ' ' <"/proc/$pid/gid_map")" \
		" 0 $BASE 65536  0 $BASE 65536"
	is "$on: it reaches no id, setting, namespace or device that is not its own" \
		"$(vnet node exec a -- tries 2>&1)" tried
	is "$on: files of the host's ids are as they were" "$(cat "$WORK"/held/{0..63} | sort -n | md5sum)" "$(seq 0 63 | md5sum)"
	addr=$(node d 'ports[0].addresses[0]')
	check "$on: it is on the network" vnet node exec a -- ping -c 1 -W 3 "${addr%/*}"
	check "$on: which it may change" vnet node exec a -- sh -c 'ip addr add 10.77.0.1/32 dev eth0 && ip route add 10.78.0.0/16 dev eth0'
	# shellcheck disable=SC2016 # expanded inside
	is "$on: its image is root's" \
		"$(vnet node exec a -- sh -c 'echo $(stat -c %u:%g / /bin/busybox /etc/secret /etc/hosts) $(cat /etc/secret)')" \
		"0:0 0:0 0:0 0:0 secret"
	is "$on: and may be written to" "$(vnet node exec a -- sh -c 'echo x >/etc/new && stat -c %u:%g /etc/new')" 0:0
	is "$on: its volume, too" "$(vnet node exec a -- sh -c 'cat /volume/file; echo new >/volume/new')" content
	is "$on: where root of the host finds it" "$(stat -c %u:%g "$WORK/volume/new") $(cat "$WORK/volume/new")" "0:0 new"
	rm -f "$WORK/volume/new"
	is "$on: what the engine itself executes is in there, with the limits that it was given" \
		"$("$1" exec "vnet-$T.a" sh -c 'cat /proc/self/uid_map' | tr -s ' ') $(awk '/^Max processes/ { print $3 }' "/proc/$pid/limits")" \
		" 0 $BASE 65536 $processes"
	kill_agent
	start_agent
	is "$on: the next daemon finds it" "$(node a pid) $(node a state)" "$pid up"
	kill -KILL "$pid"
	busywait 5000 node_is a state stopped >/dev/null
	vnet topology apply "$WORK/t.yaml" >/dev/null
	is "$on: one that ended is started again, in the same namespace" "$(node a state) $(status "$(node a pid)" Uid)" "up $BASE"
	vnet topology delete "$T" >/dev/null
	is "$on: delete leaves no container, no mount and no memory" "$(remains "$1")" ""
}

testcase podman
if command -v podman >/dev/null && podman_setup && sed -i 's/"vfs"/"overlay"/' "$CONTAINERS_STORAGE_CONF" &&
	tar -C "$ROOT" -c . | podman import - vntest:1 >/dev/null 2>&1; then
	# It knows the engines as its environment names them.
	start_agent || exit 1
	SOURCE[podman]='image: "localhost/vntest:1"'
	engine_cases podman overlay
	# ---- storage that cannot be shown: refused, nothing is left ----
	mkdir "$WORK/odd" && mount -t ramfs ramfs "$WORK/odd" && defer umount "$WORK/odd"
	sed -i "s|\"overlay\"|\"vfs\"|; s|\"$WORK/podman|\"$WORK/odd/podman|" "$CONTAINERS_STORAGE_CONF"
	tar -C "$ROOT" -c . | podman import - vntest:1 >/dev/null 2>&1
	one podman NET_ADMIN
	expect_exit "podman: storage that the user namespace cannot be shown: nothing starts, and it is said what to do" 6 \
		'root file system .*idmapped mount: .*copy it to one that can.*privileged: true' vnet topology apply "$WORK/t.yaml"
	stop_agent
else
	ktap_skip podman "it is not installed, or does not work here"
fi

testcase docker
if command -v dockerd docker >/dev/null && echo "{\"runtimes\": {\"n\": {\"path\": \"$NODE_RUNC\"}}}" >"$WORK/daemon.json" &&
	docker_setup --config-file "$WORK/daemon.json" && tar -C "$ROOT" -c . | docker import - vntest:1 >/dev/null 2>&1; then
	start_agent || exit 1
	SOURCE[docker]='image: "vntest:1"'
	engine_cases docker vfs
	# ---- what the runtime refuses ----
	docker run --rm --runtime n --network none vntest:1 true >"$WORK/out" 2>&1
	is "a container that is no node's is refused" "$? $(grep -c 'this runtime is for nodes of topologies' "$WORK/out")" "125 1"
	docker run --rm --runtime n --network none -e VNET_OWNER_OF=/proc/1/ns/net vntest:1 true >"$WORK/out" 2>&1
	is "and one that would be in the machine's user namespace" \
		"$? $(grep -c "belongs to the machine's user namespace" "$WORK/out")" "125 1"
	# ---- a dockerd that does not know it ----
	echo '{"runtimes": {}}' >"$WORK/daemon.json"
	kill -HUP "$DOCKERD"
	forgotten() {
		! docker info --format '{{json .Runtimes}}' | grep -q vnet-node-runc
	}
	busywait 10000 forgotten >/dev/null
	one docker NET_ADMIN
	expect_exit "a dockerd that does not know it gives no NET_ADMIN, and it is said what to do" 7 \
		"NET_ADMIN would reach every link.*vnet-node-runc.*daemon.json" vnet topology apply "$WORK/t.yaml"
	one docker NET_RAW
	check "the rest is as before" vnet topology apply "$WORK/t.yaml"
	is "and doctor tells" "$(node a owner) $("$AGENT" doctor | grep -c "node $T/a.*docker made it")" "machine 1"
	vnet topology delete "$T" >/dev/null
	stop_agent
	docker_stop
else
	ktap_skip docker "it is not installed, or does not work here"
fi
