#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The table of docs/SECURITY.md, row by row: a container with these rights does this, and it works or is refused.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=selftests/lib/containers.sh
. "$TOP/selftests/lib/containers.sh"
need jq runc busybox

mapfile -t ROWS < <(sed -n '/privileges: begin/,/privileges: end/p' "$TOP/docs/SECURITY.md" | grep '^| [a-z]* | [0-9]')
[ ${#ROWS[@]} -gt 0 ] || skip_all "docs/SECURITY.md has no table"

mount_cgroups || skip_all "control groups cannot be mounted here"
T=pr$RANDOM
ROOT=$WORK/root
chmod 755 "$WORK"
busybox_root "$ROOT" || skip_all "no root file system: busybox does not install itself"
# busybox has an ip of its own, which knows no XDP: this one takes its place.
gcc -O2 -I"$TOP/include" -o "$WORK/vnet-ping" "$TOP/examples/libvnet/vnet-ping.c" "$B/libvnet.a" 2>"$WORK/cc" ||
	diag "$(cat "$WORK/cc")"
for tool in "$TOOLS/bpfcall" "$TOOLS/xsk" "$TOOLS/nsid" "$WORK/vnet-ping" "$(command -v ip)"; do
	with_libs "$ROOT" "$tool"
done
# What a row does, in the container; its last line is "done N".
cat >"$ROOT/bin/does" <<'SH'
#!/bin/sh
[ "$1" = - ] || ulimit -l "$1" || { echo "done ulimit"; exec sleep 1000; }
case $2 in
afxdp) xsk run eth0 --sock /run/vnet/eth0/afxdp.sock --count 3 --wait 20000 --ready /tmp/ready >/tmp/out 2>/tmp/err ;;
raw) ping -c 1 -W 2 "$3" >/tmp/out 2>/tmp/err ;;
libvnet) vnet-ping -c 3 -w 100 /run/vnet/eth0/afxdp.sock >/tmp/out 2>/tmp/err; grep -qE '"sent": ?3' /tmp/out ;;
bpf) bpfcall 5 >/tmp/out 2>/tmp/err; ! grep -qE 'ENOSYS|EPERM' /tmp/out ;;
detach) ip link set dev eth0 xdpgeneric off >/tmp/out 2>/tmp/err ;;
mac) ip link set dev eth0 address 02:00:00:00:00:77 >/tmp/out 2>/tmp/err ;;
mount) mount -t tmpfs tmpfs /srv >/tmp/out 2>/tmp/err ;;
write) echo x >/srv/x ;;
fabric) nsid 1000001 1000002 1000003 >/tmp/out 2>/tmp/err ;;
ports) [ -S /run/vnet/eth0/afxdp.sock ] && { echo x >/run/vnet/x || echo x >/run/vnet/eth0/x || mv /run/vnet/eth0 /run/vnet/was; } ;;
esac
echo "done $?" >/tmp/done
exec sleep 1000
SH
chmod 755 "$ROOT/bin/does"
container_sources "$ROOT"

finished() {
	vnet node exec a -- cat /tmp/done
}
# The neighbour sends until the application has had enough, or ended.
feed() {
	local deadline=$(($(now_ms) + 15000))

	until finished || [ "$(now_ms)" -ge $deadline ]; do
		inn "$T.d" ping -c 2 -i 0.02 -W 0.05 "$1"
	done >/dev/null 2>&1
	finished
}

# row RUNTIME USER CAPS MEMLOCK DOES: prints works or refused, and why on stderr
row() {
	local caps=${3/none/} out

	cat >"$WORK/t.yaml" <<YAML
name: $T
nodes:
  d: {}
  a: {runtime: $1, ${SOURCE[$1]}, command: [does, "$4", $5, 10.9.9.1], user: $2, capabilities: [${caps// /, }]}
addressing: none
links: {ad: {endpoints: ["d:eth0", "a:eth0"]}}
ports:
  "d:eth0": {ip: 10.9.9.1/24}
  "a:eth0": {kind: afxdp, kernel: arp, ip: 10.9.9.2/24}
YAML
	[ "$5" != libvnet ] || sed -i 's/kernel: arp, /&handover: libvnet, /' "$WORK/t.yaml"
	[[ $5 = afxdp || $5 = detach || $5 = libvnet || $5 = ports ]] || sed -i 's/kind: afxdp, kernel: arp, //' "$WORK/t.yaml"
	if ! vnet topology apply "$WORK/t.yaml" >/dev/null; then
		echo "not applied"
		return
	fi
	if [ "$5" = afxdp ]; then
		out=$(feed 10.9.9.2)
	else
		out=$(busywait 10000 finished)
	fi
	vnet node exec a -- sh -c 'cat /tmp/err 2>/dev/null' | tail -n 2 >&2
	vnet topology delete "$T" >/dev/null
	case $out in
	"done 0") echo works ;;
	"done "*) echo refused ;;
	*) echo "no end: $out" ;;
	esac
}

start_agent || exit 1

testcase table
is "the table has rows that work and rows that are refused" \
	"$(printf '%s\n' "${ROWS[@]}" | grep -oE '(works|refused) \|$' | sort -u | tr -d ' |' | tr '\n' ' ')" "refused works "

testcase rows
for line in "${ROWS[@]}"; do
	IFS='|' read -r _ runtime user caps memlock does result _ <<<"${line// | /|}"
	runtime=${runtime# } result=${result% }
	name="$runtime, user $user, caps $caps, memlock $memlock: $does: $result"
	if [ -z "${SOURCE[$runtime]-}" ]; then
		ktap_skip "$name" "$runtime is not installed, or does not work here"
		continue
	fi
	is "$name" "$(row "$runtime" "$user" "$caps" "$memlock" "$does" 2>"$WORK/why")" "$result" || diag "$(cat "$WORK/why")"
done
