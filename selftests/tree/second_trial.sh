#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# scripts/test with programs that fail never, once and always: who gets a second trial, and what it changes in the sums.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"

D=$WORK/repo
mkdir -p "$D/scripts" "$D/selftests"/{lint,net} "$D/build"
cp "$TOP/scripts/test" "$D/scripts/"

# program PATH LINE...: an executable shell script.
program() {
	local path=$D/$1

	shift
	printf '%s\n' '#!/bin/sh' "$@" >"$path"
	chmod +x "$path"
}

# VM_FIXTURE: without the boot of a virtual machine.
run_tests() {
	rm -f "$D/seen"
	(cd "$D" && env -u B -u B_SAN VM_FIXTURE=none scripts/test "$@") >"$WORK/out" 2>&1
}

# shellcheck disable=SC2016 # "$(dirname)" is the script's own
once='[ -e "$(dirname "$0")/../../seen" ] && echo ok 2 || echo not ok 2'
program selftests/lint/lint.sh 'echo 1..1' 'echo ok 1 - good'
# shellcheck disable=SC2016
program selftests/net/once.sh 'echo 1..2' 'echo ok 1 - good' "$once" ': >"$(dirname "$0")/../../seen"'

check "a program that fails once passes in its second trial" run_tests
check "and is named as one that did" grep -q '^passed only in a second trial: net/once ' "$WORK/out"
is "the sums count the second trial alone" "$(tail -n 1 "$WORK/out")" "3 passed, 0 failed, 1 skipped"
check "the first log is kept" test -s "$D/build/test-logs/net-once.first.log"

run_tests net/once
is "no second trial of what somebody asked for by name" "$(tail -n 1 "$WORK/out")" "1 passed, 1 failed, 0 skipped"

program selftests/net/always.sh 'echo 1..1' 'echo not ok 1 - bad' 'exit 1'
expect_exit "a program that fails twice fails the run" 1 '' run_tests
is "and is the only one that counts" "$(tail -n 1 "$WORK/out")" "3 passed, 1 failed, 1 skipped"

for i in $(seq 17); do
	cp "$D/selftests/net/always.sh" "$D/selftests/net/always$i.sh"
done
run_tests
is "no second trial when nearly everything fails" "$(grep -c "^second trial" "$WORK/out")" 0
