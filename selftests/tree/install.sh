#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What a packager sees: install puts everything where PREFIX says, below DESTDIR; uninstall takes all of it away again.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
need make

cd "$TOP" || exit 1
D=$WORK/root
P=/opt/vn

installed() {
	(cd "$D$P" && test -x sbin/vnet-agent -a -x lib/vnet/vnet-engine -a -f lib/systemd/system/vnet-agent.service \
		-a -f share/bash-completion/completions/vnet-agent)
}

library() {
	(cd "$D$P" && test -f lib/libvnet.so -a -L lib/libvnet.so.1 -a -f lib/libvnet.a -a -f include/vnet/vnet.h) &&
		grep -qx "prefix=$P" "$D$P/lib/pkgconfig/libvnet.pc"
}

pages() {
	local page

	for page in docs/man/*.[1-8]; do
		test -f "$D$P/share/man/man${page##*.}/${page##*/}" || return 1
	done
}

documents() {
	local doc

	for doc in docs/*.md docs/*.svg; do
		cmp -s "$doc" "$D$P/share/doc/vnet-agent/${doc##*/}" || return 1
	done
}

# A make of its own build folder would build all again, and so would one that names the folder otherwise: install what is built. PREFIX is compiled in, so say it to both.
check "make install" make --no-print-directory B="${B#"$TOP"/}" install DESTDIR="$D" PREFIX=$P
check "programs, unit and completion are there" installed
check "so are the man pages" pages
check "and the documents" documents
check "the library, its header, and a libvnet.pc that names its place" library
is "and the examples" "$(find "$D$P/share/doc/vnet-agent/examples" -name '*.yaml' | wc -l)" "$(find examples -name '*.yaml' | wc -l)"
is "nothing is outside PREFIX" "$(find "$D" -type f -not -path "$D$P/*" | wc -l)" 0
is "the unit has no hole left" "$(grep -cE '@[a-z]+@' "$D$P/lib/systemd/system/vnet-agent.service")" 0
check "the unit names the installed program" grep -q "^ExecStart=$P/sbin/vnet-agent" "$D$P/lib/systemd/system/vnet-agent.service"
check "so does the one of the topologies at boot" grep -q "^ExecStart=$P/sbin/vnet-agent topology apply /etc/vnet/topologies.d" \
	"$D$P/lib/systemd/system/vnet-topologies.service"
if command -v systemd-analyze >/dev/null; then
	# Programs and man pages are looked for where the units say: below DESTDIR, made the root.
	check "systemd finds nothing wrong in them" eval "! systemd-analyze verify --man=no --root='$D' $P/lib/systemd/system/*.service 2>&1 |
		grep -E 'vnet-[a-z]+.service' | grep -v 'not-found\|Failed to find'"
else
	ktap_skip "systemd finds nothing wrong in them" "systemd-analyze is not installed"
fi
check "make uninstall" make --no-print-directory B="${B#"$TOP"/}" uninstall DESTDIR="$D" PREFIX=$P
is "no file is left" "$(find "$D" -not -type d | wc -l)" 0
