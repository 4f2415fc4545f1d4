# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Container engines inside the sandbox, apart from the machine's own: control groups mounted, storage of podman and docker
# below $WORK. Sourced after lib.sh.

# The sandbox has a /sys of its own, without control groups: the same hierarchies once more.
mount_cgroups() {
	local name

	if grep -q '^0::' /proc/self/cgroup && [ "$(grep -c . /proc/self/cgroup)" = 1 ]; then
		mount -t cgroup2 cgroup2 /sys/fs/cgroup
		return
	fi
	mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup || return 1
	while IFS=: read -r _ name _; do
		case $name in
		'')
			mkdir /sys/fs/cgroup/unified && mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified
			;;
		name=*)
			mkdir "/sys/fs/cgroup/${name#name=}" && mount -t cgroup -o "none,$name" cgroup "/sys/fs/cgroup/${name#name=}"
			;;
		*)
			mkdir "/sys/fs/cgroup/$name" && mount -t cgroup -o "$name" cgroup "/sys/fs/cgroup/$name"
			;;
		esac || return 1
	done </proc/self/cgroup
}

# busybox_root DIR: a root file system with nothing but busybox.
busybox_root() {
	local busybox word

	busybox=$(command -v busybox) || return 1
	mkdir -p "$1"/{bin,dev,etc,proc,sys,tmp,run,srv} && chmod 1777 "$1/tmp" && with_libs "$1" "$busybox" || return 1
	# Relative links: whoever writes through one from outside stays inside.
	for word in $("$busybox" --list); do
		[ "$word" = busybox ] || ln -s busybox "$1/bin/$word"
	done
	echo 'nobody:x:65534:65534:nobody:/:/bin/sh' >"$1/etc/passwd" && echo 'nogroup:x:65534:' >"$1/etc/group"
}

# Their files: $WORK is removed without crossing mounts, so they must not be left mounted.
podman_setup() {
	export CONTAINERS_STORAGE_CONF=$WORK/storage.conf CONTAINERS_CONF=$WORK/containers.conf
	printf '[storage]\ndriver = "vfs"\nrunroot = "%s"\ngraphroot = "%s"\n' "$WORK/podman-run" "$WORK/podman" \
		>"$CONTAINERS_STORAGE_CONF"
	printf '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "runc"\n%s\n[network]\nnetwork_backend = "cni"\n%s\n[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n' \
		"${1-}" "${2-}" >"$CONTAINERS_CONF"
	defer podman rm --all --force --time 0
}

# The runtime by which containers of podman and docker join their node's user namespace: beside the agent.
NODE_RUNC=$(dirname "$AGENT")/vnet-node-runc

# docker_setup [ARG...]: dockerd of our own, answering.
docker_setup() {
	export DOCKER_HOST=unix://$WORK/docker.sock
	bg dockerd --host "$DOCKER_HOST" --data-root "$WORK/docker" --exec-root "$WORK/docker-run" --pidfile "$WORK/docker.pid" \
		--iptables=false --ip6tables=false --bridge=none --storage-driver=vfs "$@" >"$WORK/dockerd.log" 2>&1
	DOCKERD=$BG_PID
	busywait 30000 docker version >/dev/null
}

docker_stop() {
	kill "$DOCKERD"
	busywait 20000 gone_or_zombie "$DOCKERD" >/dev/null
}

# container_sources ROOT: for each runtime that works here SOURCE[RUNTIME] is what a topology calls ROOT, an image of it
# shellcheck disable=SC2034 # the tests use it
declare -A SOURCE=()
# shellcheck disable=SC2034
container_sources() {
	SOURCE[runc]="rootfs: $1"
	if command -v podman >/dev/null; then
		podman_setup
		tar -C "$1" -c . | podman import - vntest:1 >/dev/null 2>&1 && SOURCE[podman]="image: \"localhost/vntest:1\""
	fi
	if command -v dockerd docker >/dev/null && docker_setup --add-runtime "vnet-node=$NODE_RUNC"; then
		tar -C "$1" -c . | docker import - vntest:1 >/dev/null 2>&1 && SOURCE[docker]="image: \"vntest:1\""
	fi
	return 0
}

# bare_bundle DIR ROOT: for runc alone: a program that waits, in a namespace of its own
bare_bundle() {
	mkdir "$1" && runc spec --bundle "$1" &&
		jq --arg r "$2" '.root.path = $r | .process.terminal = false | .process.args = ["sleep", "1000"]' "$1/config.json" \
			>"$1/edited" && mv "$1/edited" "$1/config.json"
}

# container_star TOPOLOGY N ROOT: a topology of N containers, each joined to a namespace in the middle
container_star() {
	local i

	printf 'name: %s\nnodes: {' "$1"
	for ((i = 0; i < $2; i++)); do
		printf 'n%d: {runtime: runc, rootfs: %s, command: sleep 1000}, ' $i "$3"
	done
	printf 'hub: {}}\nlinks:\n'
	for ((i = 0; i < $2; i++)); do
		printf '  l%d: {endpoints: [n%d:eth0, hub:e%d]}\n' $i $i $i
	done
}

# with_libs ROOT PROGRAM: PROGRAM below ROOT/bin, with the libraries that it wants.
with_libs() {
	local lib

	cp --remove-destination "$2" "$1/bin/" || return 1
	for lib in $(ldd "$2" 2>/dev/null | grep -o '/[^ ]*'); do
		cp -n --parents "$lib" "$1/" 2>/dev/null
	done
	return 0
}

# cgroup_value PID CONTROLLER V1-FILE V2-FILE: a limit of the group that PID is in
cgroup_value() {
	local path

	if path=$(grep -m 1 ":$2:" "/proc/$1/cgroup"); then
		cat "/sys/fs/cgroup/$2${path##*:}/$3"
		return
	fi
	path=$(grep -m 1 '^0::' "/proc/$1/cgroup")
	path=${path#0::}
	cat "/sys/fs/cgroup/unified$path/$4" 2>/dev/null || cat "/sys/fs/cgroup$path/$4"
}

# Field KEY of node NODE, as `node show` has it.
node() {
	vnet -j node show "$1" | jq -r ".nodes[0].$2"
}

node_is() {
	[ "$(node "$1" "$2")" = "$3" ]
}
