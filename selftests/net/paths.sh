#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Paths that somebody else can write to steer nothing: the directories of AF_XDP ports. Those of images and mounts are in
# net/images.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need jq

XSK=$TOOLS/xsk
PORTS=/run/vnet/ports

cat >"$WORK/x.yaml" <<YAML
name: x
nodes: {a: {}, b: {}}
links: {ab: {endpoints: [a:eth0, b:eth0]}}
ports: {"a:eth0": {kind: afxdp}, "b:eth0": {kind: afxdp}}
YAML
snapshot >"$WORK/clean"
start_agent || exit 1
snapshot >"$WORK/idle"

testcase symlinks
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

testcase longest_names
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
