#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Paths that somebody else can write to steer nothing: the directories of AF_XDP ports, images and mounts of callers who
# are not root.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=selftests/lib/containers.sh
. "$TOP/selftests/lib/containers.sh"
need jq
FILES=20 # cases that need runc
plan $((9 + FILES))

XSK=$TOOLS/xsk
PORTS=/run/vnet/ports

# ---- the directories of AF_XDP ports ----
cat >"$WORK/x.yaml" <<YAML
name: x
nodes: {a: {}, b: {}}
links: {ab: {endpoints: [a:eth0, b:eth0]}}
ports: {"a:eth0": {kind: afxdp}, "b:eth0": {kind: afxdp}}
YAML
snapshot >"$WORK/clean"
start_agent || exit 1
snapshot >"$WORK/idle"
check "the topology applies" vnet topology apply "$WORK/x.yaml"

# As a container's root could while the directory was mounted for it to write to (older versions), or whoever else.
mkdir -p "$WORK/victim/below"
echo mine >"$WORK/victim/afxdp.sock"
kill_agent
mv $PORTS/x/a/eth0 $PORTS/x/a/was
ln -s "$WORK/victim" $PORTS/x/a/eth0
mv $PORTS/x/b $PORTS/x/was
ln -s "$WORK/victim/below" $PORTS/x/b
echo junk >$PORTS/x/junk
start_agent
is "a daemon that starts makes no socket through a symbolic link, and removes nothing through one" \
	"$(find "$WORK/victim" -printf '%y %P\n' | sort | tr '\n' ' ')$(cat "$WORK/victim/afxdp.sock")" "d  d below f afxdp.sock mine"
is "the links are directories again, and what belongs to no port is gone" \
	"$(find $PORTS -printf '%y %P\n' | sort | tr '\n' ' ')" \
	"d  d x d x/a d x/a/eth0 d x/b d x/b/eth0 s x/a/eth0/afxdp.sock s x/b/eth0/afxdp.sock "
check "which the log tells" grep -q "ports/x/a/was: belongs to no port: removed" "$AGENT_LOG"
check "and the socket gives its port" inn x.a "$XSK" run eth0 --sock $PORTS/x/a/eth0/afxdp.sock --wait 10
vnet topology delete x >/dev/null
leak_check "delete leaves nothing" "$WORK/idle"

# ---- the longest names ----
N63=$(printf 'n%.0s' {1..63})
cat >"$WORK/long.yaml" <<YAML
name: $(printf 't%.0s' {1..63})
nodes: {$N63: {}, b: {}}
links: {l: {endpoints: ["$N63:eth012345678901", "b:eth0"]}}
ports: {"$N63:eth012345678901": {kind: afxdp}}
YAML
check "the longest names with an AF_XDP port apply" vnet topology apply "$WORK/long.yaml"
sock=$(vnet -j port show | jq -r '.ports[0].socket')
kill_agent
start_agent
check "the socket that port show prints can be connected to ($sock)" \
	nsenter --net="$(find /run/netns -name 't*.n*')" -- "$XSK" run eth012345678901 --sock "$sock" --wait 10
vnet topology delete "$(printf 't%.0s' {1..63})" >/dev/null
leak_check "delete leaves nothing of it" "$WORK/idle"

# ---- images and mounts of callers who are not root ----
without() {
	local i

	for ((i = 0; i < FILES; i++)); do
		ktap_skip "files of a container" "$1"
	done
	exit 0
}
command -v runc busybox >/dev/null || without "runc or busybox is not installed"
mount_cgroups || without "control groups cannot be mounted here"
T=pa$RANDOM
IMAGES=$WORK/images
mkdir -p "$IMAGES/data/below" "$WORK/secret"
chmod 755 "$WORK" "$IMAGES"
echo data >"$IMAGES/data/what"
echo secret >"$WORK/secret/what"
busybox_root "$IMAGES/root" || without "no root file system: busybox does not install itself"
stop_agent
start_agent --socket-group nogroup --image-dir "$IMAGES" || exit 1
as_nobody() {
	setpriv --reuid 65534 --regid "$(getent group nogroup | cut -d: -f3)" --clear-groups "$AGENT" "$@"
}
# one NODE-KEYS: a topology with one container of the image
one() {
	printf 'name: %s\nnodes: {a: {runtime: runc, rootfs: %s, command: %s, %s}}\n' \
		"$T" "$IMAGES/root" '["sh", "-c", "cat /srv/what; exec sleep 1000"]' "$1" >"$WORK/t.yaml"
}
list() {
	find "$IMAGES" -printf '%y %P %s %l\n' | sort
}
list >"$WORK/images.before"

one "mounts: [\"$IMAGES/data:/srv:rw\"]"
expect_exit "a mount that can be written to is root's alone" 3 "only root lets containers write" as_nobody topology apply "$WORK/t.yaml"
one "mounts: [\"$IMAGES/data/../../secret:/srv\"]"
expect_exit "a path that leads out is refused" 3 "only root gives containers files of the host" \
	as_nobody topology apply "$WORK/t.yaml"
one "writable: true, memory: 64M, user: \"0:0\", mounts: [\"$IMAGES/data:/new/place\"]"
check "writable, and with a mount where the image has no place for one" as_nobody topology apply "$WORK/t.yaml"
# shellcheck disable=SC2016 # expanded inside
is "it writes, into as much memory as it may have, and not through its mount" \
	"$(vnet node exec a -- sh -c 'echo x >/bin/x; rm -f /bin/ls; echo x >/new/place/what; cat /bin/x; df -k / | awk "END { print \$2 }"' 2>&1 | sed 's/.*: //' | tr '\n' ' ')" \
	"Read-only file system x 65536 "
is "nothing of it in the images" "$(diff <(list) "$WORK/images.before")" ""
is "nor a mount of it on the host" "$(grep -F " /run/vnet/" /proc/self/mountinfo)" ""
is "who asked is in the record" "$(jq -r '.nodes[0].asked_by' "/run/vnet/topologies/$T.json")" 65534
vnet topology delete "$T" >/dev/null
one "mounts: [\"$IMAGES/root:/new/place\"]"
check "read-only, the same" as_nobody topology apply "$WORK/t.yaml"
expect_exit "it writes nothing" 1 "Read-only file system" vnet node exec a -- touch /bin/x
is "and leaves the images as they are, too" "$(diff <(list) "$WORK/images.before")" ""
vnet topology delete "$T" >/dev/null

# Replaced later: root's apply of the same words, and a start by itself, are still not root's.
one "mounts: [\"$IMAGES/data/below:/srv\"]"
as_nobody topology apply "$WORK/t.yaml" >/dev/null
kill_agent
kill -KILL "$(cat "/run/vnet/containers/$T.a/pid")"
mv "$IMAGES/data/below" "$IMAGES/data/was"
ln -s "$WORK/secret" "$IMAGES/data/below"
start_agent --socket-group nogroup --image-dir "$IMAGES"
busywait 3000 node_is a state stopped >/dev/null
expect_exit "a directory that became a link is not followed when root applies the same again" 3 "symbolic link is on the way" \
	vnet topology apply "$WORK/t.yaml"
vnet topology delete "$T" >/dev/null
check "what root describes anew is root's" vnet topology apply "$WORK/t.yaml"
is "links and all" "$(busywait 2000 grep . "/run/vnet/containers/$T.a/log")" secret
kill -KILL "$(node a pid)"
busywait 3000 node_is a state stopped >/dev/null
expect_exit "and not another user's who says the same" 3 "symbolic link is on the way" as_nobody topology apply "$WORK/t.yaml"
vnet topology delete "$T" >/dev/null
rm "$IMAGES/data/below"

# The race: a directory and a link to everything change places all the time.
mkdir "$IMAGES/data/below"
echo data >"$IMAGES/data/below/what"
ln -s "$WORK/secret" "$IMAGES/data/link"
bg "$TOOLS/exchange" "$IMAGES/data/below" "$IMAGES/data/link"
one "mounts: [\"$IMAGES/data/below:/srv\"]"
got=0 refused=0 leaked=0
for i in {1..20}; do
	if as_nobody topology apply "$WORK/t.yaml" >/dev/null 2>&1; then
		got=$((got + 1))
		[ "$(busywait 2000 grep . "/run/vnet/containers/$T.a/log")" = data ] || leaked=$((leaked + 1))
		vnet topology delete "$T" >/dev/null
	else
		refused=$((refused + 1))
	fi
done
kill "$BG_PID"
diag "$got started, $refused refused"
is "a race for a mount is never won" "$leaked" 0

# ---- the runner, which has root's rights, is killed ----
one "mounts: [\"$IMAGES/data:/srv\"]"
runner_is_another() {
	pgrep -x vnet-runner | grep -vqx "$1"
}
was=$(pgrep -x vnet-runner)
kill -KILL "$was"
check "a runner that was killed is started again" busywait 5000 runner_is_another "$was"
check "containers are started as before" vnet topology apply "$WORK/t.yaml"
vnet topology delete "$T" >/dev/null
snapshot >"$WORK/before"
mkdir "$WORK/slow" && printf '#!/bin/sh\n: >%s/asked\nwhile [ ! -e %s/go ]; do sleep 0.02; done\nexec %s "$@"\n' \
	"$WORK" "$WORK" "$(command -v runc)" >"$WORK/slow/runc" && chmod 755 "$WORK/slow/runc"
cp "$(command -v runc)" "$WORK/slow/real"
sed -i "s|^exec [^ ]*|exec $WORK/slow/real|" "$WORK/slow/runc"
mount --bind "$WORK/slow/runc" "$(command -v runc)"
vnet topology apply "$WORK/t.yaml" >"$WORK/interrupted" 2>&1 &
APPLY=$!
busywait 5000 test -e "$WORK/asked" >/dev/null
kill -KILL "$(pgrep -o -x vnet-runner)"
: >"$WORK/go"
wait $APPLY
is "an apply that it was working for fails" "$? $(grep -cE 'runner of containers was killed.*everything was undone' "$WORK/interrupted")" "6 1"
umount "$(command -v runc)"
leak_check "and nothing of it is left" "$WORK/before"
check "the next one succeeds" vnet topology apply "$WORK/t.yaml"
