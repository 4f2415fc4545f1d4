#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Images and mounts of callers who are not root: what they name is looked up once, as far as they may have it, whatever
# becomes of the path afterwards; and the runner that does it with root's rights may be killed.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=selftests/lib/containers.sh
. "$TOP/selftests/lib/containers.sh"
need jq runc busybox
mount_cgroups || skip_all "control groups cannot be mounted here"
T=pa$RANDOM
IMAGES=$WORK/images
mkdir -p "$IMAGES/data/below" "$WORK/secret"
chmod 755 "$WORK" "$IMAGES"
echo data >"$IMAGES/data/what"
echo secret >"$WORK/secret/what"
busybox_root "$IMAGES/root" || skip_all "no root file system: busybox does not install itself"
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

testcase refused
one "mounts: [\"$IMAGES/data:/srv:rw\"]"
expect_exit "a mount that can be written to is root's alone" 3 "only root lets containers write" as_nobody topology apply "$WORK/t.yaml"
one "mounts: [\"$IMAGES/data/../../secret:/srv\"]"
expect_exit "a path that leads out is refused" 3 "only root gives containers files of the host" \
	as_nobody topology apply "$WORK/t.yaml"

testcase writable
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

testcase read_only
one "mounts: [\"$IMAGES/root:/new/place\"]"
check "read-only, the same" as_nobody topology apply "$WORK/t.yaml"
expect_exit "it writes nothing" 1 "Read-only file system" vnet node exec a -- touch /bin/x
is "and leaves the images as they are, too" "$(diff <(list) "$WORK/images.before")" ""
vnet topology delete "$T" >/dev/null

testcase replaced
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
mkdir "$IMAGES/data/below"

testcase race
# The race: a directory and a link to everything change places all the time.
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

testcase runner_killed
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
