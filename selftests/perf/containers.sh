# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2153 # PERF and the like are bench's
# Section containers of the bench: what the start of a node costs beside what its runtime takes alone for the same root file
# system and the same program. A container node has a link to a namespace node; both are made and started.

# ct_topology RUNTIME
ct_topology() {
	cat <<-YAML
		name: $CT
		nodes: {a: {runtime: $1, ${SOURCE[$1]}, command: sleep 1000}, d: {}}
		links: {ad: {endpoints: [a:eth0, d:eth0]}}
	YAML
}

# ct_bare RUNTIME NAME, ct_bare_gone RUNTIME NAME: one container without a network, by the runtime alone
ct_bare() {
	case $1 in
	runc) runc --root "$WORK/bare" run --detach --bundle "$WORK/bundle" "$2" </dev/null ;;
	podman) podman run --detach --name "$2" --network none vntest:1 sleep 1000 ;;
	docker) docker run --detach --name "$2" --network none vntest:1 sleep 1000 ;;
	esac
}
ct_bare_gone() {
	case $1 in
	runc) runc --root "$WORK/bare" delete --force "$2" ;;
	podman) podman rm --force --time 0 "$2" ;;
	docker) docker rm --force "$2" ;;
	esac
}

# ct_ms ours|bare RUNTIME|50|namespaces: milliseconds of a start; what was started is gone afterwards
ct_ms() {
	local t i

	t=$(now_ms)
	{
		case "$1 $2" in
		"ours "*) vnet topology apply "$WORK/ct.$2.yaml" || echo "$2" >>"$WORK/ct.failed" ;;
		"bare 50") for ((i = 0; i < 50; i++)); do ct_bare runc "$CT$i"; done ;;
		"bare namespaces") printf 'netns add b%d\n' {1..201} | ip -batch - ;;
		*) ct_bare "$2" "$CT-bare" ;;
		esac
	} >"$WORK/ct.out" 2>&1
	echo $(($(now_ms) - t))
	tail -n 1 "$WORK/ct.out" >"$WORK/ct.$1.$2"
	{
		case "$1 $2" in
		"ours "*) vnet topology delete "$CT" ;;
		"bare 50") for ((i = 0; i < 50; i++)); do ct_bare_gone runc "$CT$i"; done ;;
		"bare namespaces") printf 'netns del b%d\n' {1..201} | ip -force -batch - ;;
		*) ct_bare_gone "$2" "$CT-bare" ;;
		esac
	} >/dev/null 2>&1
}

ct_setup() {
	CT=ct$RANDOM
	command -v runc jq busybox >/dev/null && mount_cgroups && busybox_root "$WORK/root" || return 1
	container_sources "$WORK/root"
	# Its runner wants to know where these engines keep their things.
	stop_agent
	start_agent || return 1
	chmod 755 "$WORK"
	bare_bundle "$WORK/bundle" "$WORK/root"
}

bench_containers() {
	local rt ours='' bare='' each

	ct_setup || {
		echo "bench: section containers needs runc, busybox and control groups: skipped" >&2
		return
	}
	{
		printf 'name: %s\nnodes: {' "$CT"
		printf 'n%d: {}, ' {1..200}
		printf 'z: {}}\n'
	} >"$WORK/ct.namespaces.yaml"
	container_star "$CT" 50 "$WORK/root" >"$WORK/ct.50.yaml"
	alternate ct_ms "ours=ours namespaces" "bare=bare namespaces"
	each=$(awk -v t="$ours" 'BEGIN { printf "%.2f", t / 201 }')
	row "a namespace node, of 201 at once" "$each ms" "ip -batch $(awk -v t="$bare" 'BEGIN { printf "%.2f", t / 201 }') ms" \
		"$(ratio "$ours" "$bare")" "< 3 ms" "$(verdict "$each" '<' 3)"
	for rt in runc podman docker; do
		[ -n "${SOURCE[$rt]-}" ] || continue
		ct_topology $rt >"$WORK/ct.$rt.yaml"
		alternate ct_ms "ours=ours $rt" "bare=bare $rt"
		if grep -qx "$rt" "$WORK/ct.failed" 2>/dev/null; then
			echo "bench: containers by $rt do not start: $(cat "$WORK/ct.ours.$rt")" >&2
			continue
		fi
		row "a container node, by $rt" "$ours ms" "$rt alone $bare ms" "$(ratio "$ours" "$bare")" "< 500 ms more" \
			"$(verdict $((${ours%.*} - ${bare%.*})) '<' 500)"
	done
	alternate ct_ms "ours=ours 50" "bare=bare 50"
	row "50 container nodes at once, by runc" "$ours ms" "runc 50 times $bare ms" "$(ratio "$ours" "$bare")" "all run" \
		"$(grep -qx 50 "$WORK/ct.failed" 2>/dev/null && echo "NOT MET" || echo met)"
}
