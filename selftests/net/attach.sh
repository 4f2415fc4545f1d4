#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Nodes with runtime external: namespaces of processes and containers that somebody else started, by command, by OCI hook
# and by CNI.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=selftests/lib/containers.sh
. "$TOP/selftests/lib/containers.sh"
need jq ping

cat >"$WORK/x.yaml" <<YAML
name: x
nodes: {e: {runtime: external}, g: {runtime: external}, d: {}, p: {runtime: external}}
links:
  ed: {endpoints: [e:eth0, d:eth0], delay: 1ms}
  gd: {endpoints: [g:eth0, d:eth1]}
  pd: {endpoints: [p:eth0, d:eth2]}
ports:
  "p:eth0": {kind: afxdp}
YAML

address() {
	node "$1" 'addresses[0]' | sed 's,/.*,,'
}

# alone: a process in a network namespace of its own; its pid is in BG_PID
alone() {
	bg unshare --net sleep 1000
	busywait 3000 other_netns "$BG_PID" >/dev/null
}
other_netns() {
	[ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}
# pings_from PID NODE: the namespace of PID reaches NODE
pings_from() {
	nsenter -t "$1" -n ping -c 2 -i 0.05 -W 2 "$(address "$2")"
}

snapshot >"$WORK/before"
start_agent || exit 1
check "a topology with external nodes applies" vnet topology apply "$WORK/x.yaml"
is "they wait" "$(node e state) $(node g state)" "detached detached"
check "and are on the network all the same" vnet node exec e -- ping -c 1 -W 2 "$(address d)"
alone
P=$BG_PID
alone
Q=$BG_PID
ip netns add mine && defer ip netns del mine
command -v runc busybox >/dev/null && mount_cgroups && busybox_root "$WORK/root"
HAVE_ROOT=$?

testcase process
frames=$(vnet -j -s link show ed | jq '.links[0].directions[0].stats.in_packets')
check "a process's namespace becomes the node" vnet node attach e pid "$P"
is "it is shown" "$(node e state) $(node e pid) $(node e holder)" "up $P pid $P"
is "its name follows" "$(stat -Lc %i /run/netns/x.e)" "$(stat -Lc %i "/proc/$P/ns/net")"
check "it reaches the others" pings_from "$P" d
check "and is reached, over both families" sh -c "$AGENT node exec d -- ping -c 1 -W 2 $(address e) && $AGENT node exec d -- ping -6 -c 1 -W 2 $(node e 'addresses[1]' | sed 's,/.*,,')"
cmp_num "the link counts on: it is the same one" "$(vnet -j -s link show ed | jq '.links[0].directions[0].stats.in_packets')" ">" "$frames"
check "attaching it once more changes nothing" vnet node attach e pid "$P"
check "it still reaches the others" pings_from "$P" d

testcase refused
vnet node attach e pid "$P" >/dev/null
expect_exit "a node that is attached is not taken away" 1 'attached already \(pid' vnet node attach e pid "$Q"
expect_exit "a namespace is one node" 1 'that namespace is node x/e' vnet node attach g pid "$P"
expect_exit "the host's own is none" 1 "host's own" vnet node attach g pid $$
expect_exit "nor the agent's" 1 "agent's own" vnet node attach g netns /run/netns/vnet-fabric
expect_exit "nor a file" 1 'not a network namespace' vnet node attach g netns /etc/passwd
expect_exit "nor another kind of namespace" 1 'not a network namespace' vnet node attach g netns "/proc/$P/ns/mnt"
expect_exit "nor a process that is not" 1 'No such file' vnet node attach g pid 999999
expect_exit "a namespace node stays what it is" 1 'only nodes with .runtime: external' vnet node attach d pid "$Q"
expect_exit "what is attached is pid, netns or container" 1 "'thread' is not known here" vnet node attach g thread "$Q"
expect_exit "a container nobody has" 1 'neither podman nor docker has it|not the name' vnet node attach g container nobody-has-this

testcase taken_name
# A name that is taken there.
nsenter -t "$Q" -n ip link add eth0 type veth peer name other
expect_exit "an interface of that name is there already" 1 'has an interface eth0 already' vnet node attach g pid "$Q"
check "and nothing was moved" vnet node exec g -- ping -c 1 -W 2 "$(address d)"
nsenter -t "$Q" -n ip link del eth0

testcase who_may
vnet node attach e pid "$P" >/dev/null
restart_agent --socket-group nogroup
is "a daemon that starts anew knows it" "$(node e state) $(node e holder)" "up pid $P"
GROUP=$(getent group nogroup | cut -d: -f3)
as_nobody() {
	setpriv --reuid 65534 --regid "$GROUP" --clear-groups "$@"
}
ip netns add foreign && defer ip netns del foreign
expect_exit "root's namespace is not another user's to attach" 3 'belongs to somebody else' \
	as_nobody "$AGENT" node attach g netns /run/netns/foreign
bg setpriv --reuid 65534 --regid "$GROUP" --clear-groups unshare --user --map-root-user --net sleep 1000
R=$BG_PID
busywait 3000 other_netns "$R" >/dev/null
check "its own is" as_nobody "$AGENT" node attach g pid "$R"
check "and it is on the network" pings_from "$R" d
expect_exit "but it detaches nobody else's" 3 'only root, or who may enter' as_nobody "$AGENT" node detach e
check "its own it detaches" as_nobody "$AGENT" node detach g
is "which waits again" "$(node g state)" detached
check "a namespace by its path" vnet node attach g netns /run/netns/mine
check "is on the network" ip netns exec mine ping -c 1 -W 2 "$(address d)"
vnet node detach g >/dev/null
ip netns del foreign
kill "$R"
busywait 3000 gone_or_zombie "$R" >/dev/null

testcase process_end
vnet node attach e pid "$P" >/dev/null
kill -KILL "$P"
busywait 3000 node_is e state stopped >/dev/null
is "a process that ended is shown" "$(node e state)" stopped
check "another takes its place" vnet node attach e pid "$Q"
check "and reaches the others" pings_from "$Q" d
# Its root deletes the device: the link is broken, and attaching again makes it anew.
nsenter -t "$Q" -n ip link del eth0
busywait 3000 sh -c "[ \"\$('$AGENT' -j link show ed | jq -r '.links[0].state')\" = broken ]" >/dev/null
is "a device that was deleted is told" "$(vnet -j link show ed | jq -r '.links[0].state')" broken
check "attaching again" vnet node attach e pid "$Q"
check "mends it" pings_from "$Q" d
is "detach gives it back to the agent" "$(vnet node detach e) $(node e state)" "node x/e: detached detached"
check "where it is on the network" vnet node exec e -- ping -c 1 -W 2 "$(address d)"
is "and the process has nothing left" "$(nsenter -t "$Q" -n ip -o link show | wc -l)" 1

testcase cni
# CNI, by its protocol.
ln -s "$AGENT" "$WORK/vnet-cni"
# cni COMMAND [NODE] [VERSION]
cni() {
	CNI_COMMAND=$1 CNI_CONTAINERID=${CID-c1} CNI_NETNS=/run/netns/mine CNI_IFNAME=${IFNAME-eth0} CNI_PATH=$WORK \
		"$WORK/vnet-cni" <<<"{\"cniVersion\": \"${3-1.1.0}\", \"name\": \"net\", \"type\": \"vnet-cni\", \"topology\": \"x\", \"node\": \"${2-p}\"${MORE-}}"
}
is "CNI: VERSION" "$(cni VERSION | jq -c .supportedVersions)" '["0.4.0","1.0.0","1.1.0"]'
check "CNI: STATUS" cni STATUS
is "CNI: ADD answers with interface, address and the socket of an AF_XDP port" \
	"$(cni ADD | jq -c '[.cniVersion, .interfaces[0].name, .interfaces[0].sandbox, (.interfaces[0].socketPath // "" | test("afxdp.sock$")), .ips[0].interface, (.ips | length > 2)]')" \
	'["1.1.0","eth0","/run/netns/mine",true,0,true]'
check "CNI: CHECK" cni CHECK
is "CNI: another container does not get the node" "$(CID=c2 cni CHECK | jq .code)" 101
is "CNI: an interface that the node has not" "$(IFNAME=net7 cni ADD | jq .code)" 7
is "CNI: a version of tomorrow" "$(cni ADD p 9.0.0 | jq .code)" 1
cni DEL && cni DEL
is "CNI: DEL, twice" "$? $(node p state)" "0 detached"
cni ADD >/dev/null
MORE=', "cni.dev/valid-attachments": [{"containerID": "c1", "ifname": "eth0"}]' cni GC
is "CNI: GC keeps what is valid" "$(node p holder)" cni:c1
MORE=', "cni.dev/valid-attachments": []' cni GC
is "and takes the rest" "$(node p state)" detached

testcase podman
# Podman: by hook, by CNI, by name.
engines() {
	local hook=$WORK/hooks conf=$WORK/net.d root=$WORK/root

	mkdir -p "$conf" "$hook" "$WORK/cni-bin"
	ln -s "$AGENT" "$WORK/cni-bin/vnet-cni"
	podman_setup "" "$(printf 'cni_plugin_dirs = ["%s"]\nnetwork_config_dir = "%s"' "$WORK/cni-bin" "$conf")"
	printf '{"cniVersion": "1.0.0", "name": "lab", "plugins": [{"type": "vnet-cni", "topology": "x"}]}' >"$conf/lab.conflist"
	sed "s|/usr/local/sbin/vnet-agent|$AGENT|" "$TOP/examples/containers/vnet-hook.json" >"$hook/vnet.json"
	tar -C "$root" -c . | podman import - vntest:1 >/dev/null 2>&1
}
if [ $HAVE_ROOT = 0 ] && command -v podman >/dev/null && engines; then
	out=$(podman --hooks-dir "$WORK/hooks" run --rm --network none --annotation vnet.topology=x --annotation vnet.node=e \
		vntest:1 ping -c 1 -W 2 "$(address d)" 2>&1)
	is "OCI hook: a container finds its network before its program starts, and leaves it" \
		"$(grep -c '1 packets received' <<<"$out") $(node e state)" "1 detached" || diag "$out"
	out=$(podman --hooks-dir "$WORK/hooks" run --rm --network none --annotation vnet.topology=x --annotation vnet.node=nobody \
		vntest:1 true 2>&1)
	is "OCI hook: a node that is not there stops it" "$? $(grep -c "no running topology has it" <<<"$out")" "126 1" || diag "$out"
	out=$(podman run --rm --name p --network lab vntest:1 ping -c 1 -W 2 "$(address d)" 2>&1)
	is "podman's CNI: a container is the node of its name" "$(grep -c '1 packets received' <<<"$out") $(node p state)" "1 detached" ||
		diag "$out"
	podman run --detach --name by-name --network none vntest:1 sleep 1000 >/dev/null 2>&1
	vnet node attach g container by-name >/dev/null
	is "a container by its name" "$(podman exec by-name ping -c 1 -W 2 "$(address d)" | grep -c '1 packets received') $(node g holder)" \
		"1 container by-name"
	podman rm --force --time 0 by-name >/dev/null 2>&1
	busywait 3000 node_is g state stopped >/dev/null
	is "and its end" "$(node g state)" stopped
else
	ktap_skip "containers of podman" "podman does not work here"
fi

testcase docker
# Docker: by its runtime.
ln -s "$AGENT" "$WORK/vnet-runc"
# dock [ARG...]: docker run --runtime vnet without a network of docker's; its words end up in $WORK/out
dock() {
	docker run --rm --runtime vnet --network none "$@" >"$WORK/out" 2>&1
}
# dock_refused NAME TEXT ARG...: in one line, before anything is created
dock_refused() {
	local name=$1 text=$2 rc

	shift 2
	docker run --rm --runtime vnet "$@" vntest:1 true >"$WORK/out" 2>&1
	rc=$?
	# Its own hint to read the help is none of ours.
	is "docker: $name" "$rc $(grep -vcE "^$|docker run --help" "$WORK/out") $(grep -c -- "$text" "$WORK/out") $(docker ps -aq)" "125 1 1 " ||
		diag "$(cat "$WORK/out")"
}
if [ $HAVE_ROOT = 0 ] && command -v docker dockerd >/dev/null && docker_setup --add-runtime "vnet=$WORK/vnet-runc" &&
	with_libs "$WORK/root" "$TOOLS/xsk" && tar -C "$WORK/root" -c . | docker import - vntest:1 >/dev/null 2>&1; then
	IN_X=(-e VNET_TOPOLOGY=x -e VNET_NODE=e)
	dock "${IN_X[@]}" vntest:1 ping -c 1 -W 2 "$(address d)"
	is "docker run: a container finds its network before its program starts, and leaves it" \
		"$(grep -c '1 packets received' "$WORK/out") $(node e state)" "1 detached" || diag "$(cat "$WORK/out")"
	docker run --detach --name stays --runtime vnet --network none -e VNET_NODE=e --ulimit fsize=-1:-1 vntest:1 sleep 1000 >/dev/null
	is "docker run, the node's name alone" "$(node e state) $(node e holder)" "up oci:$(docker inspect --format '{{.Id}}' stays)"
	is "an unlimited limit stays one" "$(docker exec stays sh -c 'ulimit -f')" unlimited
	docker restart --time 0 stays >/dev/null
	is "docker restart: there again" \
		"$(docker exec stays ping -c 1 -W 2 "$(address d)" | grep -c '1 packets received') $(node e state)" "1 up"
	dock "${IN_X[@]}" vntest:1 true
	is "a node that another container has" "$? $(grep -c 'attached already' "$WORK/out")" "125 1" || diag "$(cat "$WORK/out")"
	docker rm --force stays >/dev/null
	is "docker rm: and gone" "$(node e state)" detached
	dock_refused "a node that is not there" "no running topology has it" --network none "${IN_X[@]}" -e VNET_NODE=nobody
	dock_refused "a topology without a node" "VNET_NODE is missing" --network none "${IN_X[@]}" -e VNET_NODE=
	dock_refused "what is no name" "VNET_NODE '../e' is not a name" --network none "${IN_X[@]}" -e VNET_NODE=../e
	dock_refused "a container on the host's network" "with .--network none" --network host "${IN_X[@]}"
	# shellcheck disable=SC2016 # expanded inside
	dock vntest:1 sh -c 'echo "$0"; ip -o link' plain
	is "a container that names no node is runc's" "$? $(sed -n 1p "$WORK/out") $(grep -c eth "$WORK/out")" "0 plain 0" ||
		diag "$(cat "$WORK/out")"
	is "and runc answers for itself" "$("$WORK/vnet-runc" --version | head -n 1)" "$(runc --version | head -n 1)"
	dir=$(dirname "$(vnet -j port show p:eth0 | jq -r '.ports[0].socket')")
	dock -e VNET_NODE=p -v "$dir:/run/vnet/eth0" --security-opt seccomp=unconfined vntest:1 \
		xsk run eth0 --sock /run/vnet/eth0/afxdp.sock --count 100 --wait 8000 &
	D=$!
	busywait 10000 sh -c "'$AGENT' -j port show p:eth0 | jq -e '.ports[0].application.pid'" >/dev/null
	mac=$(vnet -j link show pd | jq -r '.links[0].endpoints[0].mac')
	until gone_or_zombie $D; do
		inn x.d "$TOOLS/frame" send eth2 --dst "$mac" --count 200 raw >/dev/null
	done
	wait $D
	cmp_num "its AF_XDP port, by the socket's directory (frames)" "$(jq .received "$WORK/out")" ">=" 100 || diag "$(cat "$WORK/out")"
	docker_stop
else
	ktap_skip "containers of docker" "docker does not work here"
fi

testcase leftovers
ip netns del mine
kill "$P" "$Q" 2>/dev/null
busywait 3000 gone_or_zombie "$P" >/dev/null
busywait 3000 gone_or_zombie "$Q" >/dev/null
vnet topology delete x >/dev/null
stop_agent
leak_check "nothing is left" "$WORK/before"
