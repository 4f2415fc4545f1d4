#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What scripts/setup would install for whom. apt-get, apt-cache and dpkg-query are doubles here, which know no package
# as installed and write down what they are asked to do: what apt-get itself makes of it is seen by a fresh machine alone.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"

cd "$TOP" || exit 1
D=$WORK/bin
mkdir "$D"
printf '#!/bin/sh\necho "apt-get $*" >>%s\n' "$WORK/asked" >"$D/apt-get"
printf '#!/bin/sh\nexit 0\n' >"$D/apt-cache"
# shellcheck disable=SC2016 # the double's own variables
printf '#!/bin/sh\ncase "$*" in *db:Status*) [ -z "$HAVE" ] || echo "$HAVE installed" ;; esac\nexit 1\n' >"$D/dpkg-query"
chmod 755 "$D"/*
mount -t tmpfs tmpfs /usr/sbin && printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d

setup() {
	: >"$WORK/asked"
	PATH=$D:$PATH scripts/setup "$@" 2>"$WORK/said"
}

# needed PART...: what would be installed, sorted
needed() {
	PATH=$D:$PATH scripts/setup -n "$@" | sort
}

is_empty() {
	[ -z "$1" ]
}

without_engines() {
	is_empty "$(needed "$@" | grep -E "docker|podman|runc|mmdebstrap")"
}

check "installing is asked for with --no-remove" eval \
	"setup build && grep -q -- '^apt-get install .*--no-remove' '$WORK/asked' && ! grep -qvE '^apt-get (install|update)' '$WORK/asked'"
check "the demo needs no container runtime" without_engines build run demo
make -n demo >"$WORK/demo" 2>&1
check "make demo asks for no more than that" grep -qE 'scripts/setup -q build run demo$' "$WORK/demo"
check "nor does building need what running needs" is_empty "$(needed build | grep graphviz)"
is "without a part, all that the tests need" "$(needed)" "$(needed tests)"
is "of what the other parts name, the tests lack nothing" "$(comm -23 <(needed build run demo containers dpdk) <(needed tests))" ""
export HAVE=busybox
check "busybox, when it is there, is not replaced by busybox-static" is_empty "$(needed tests | grep busybox)"
export HAVE=
check "an unknown part is refused" eval "! setup everything"
check "a policy-rc.d of somebody else's stays" test -e /usr/sbin/policy-rc.d
