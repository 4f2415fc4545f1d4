#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Cases of a test script (selftests/lib/lib.sh): each alone by its name, and what a whole run does not let pass.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"

D=$WORK/repo
mkdir -p "$D/scripts" "$D/selftests"/{lint,net} "$D/build"
cp "$TOP/scripts/test" "$D/scripts/"
printf '#!/bin/sh\necho ok 1 - good\n' >"$D/selftests/lint/lint.sh"
chmod +x "$D/selftests/lint/lint.sh"

# script LINE...: a test of two cases, and these lines
# shellcheck disable=SC2016 # the words are the script's own
script() {
	{
		printf '%s\n' '#!/bin/bash' ". $TOP/selftests/lib/lib.sh" 'made=yes' '' 'testcase first' 'check "one" true' 'here=yes' \
			'helper() {' '	echo helped' '}' '' 'testcase second' \
			'is "set-up, a function of another case, no variable of it" "$made $(helper) ${here-no}" "yes helped no"' "$@"
	} >"$D/selftests/net/two.sh"
	chmod +x "$D/selftests/net/two.sh"
}

# two [ARG...]: the script's results, on one line
two() {
	"$D/selftests/net/two.sh" "$@" | tr '\n' ' '
}

script
testcase alone
is "the names" "$(two --list)" "first second "
is "one case" "$(two second)" "TAP version 13 ok 1 - second: set-up, a function of another case, no variable of it 1..1 "
is "by the environment" "$(VN_CASE=first two)" "TAP version 13 ok 1 - first: one 1..1 "
expect_exit "a name that there is not" 1 "no case is called 'third'; these are: first second" two third

testcase by_scripts_test
expect_exit "scripts/test NAME:CASE" 0 "^1 passed, 0 failed" env -C "$D" -u B -u B_SAN scripts/test net/two:second
check "runs that alone" grep -q '^1\.\.1$' "$D/build/test-logs/net-two.log"

testcase whole
script
is "the whole, with its plan" "$(two | grep -o '^TAP version 13 ok 1 - first: one not ok 2 .*1\.\.2 $' | wc -l)" 1
script 'testcase third'
expect_exit "a case without a result fails" 1 "third: has no result" two
script 'exit 0' 'testcase third' 'check "three" true'
expect_exit "so does a script that ends before its last case" 1 "ended after 2 of 3 cases" two

testcase stolen
script 'testcase third' 'stolen() { echo 30; }' 'is_time "a time" late early'
is "a time not kept on a stolen processor is a skip" "$(two third | grep -o 'ok 1 - third: a time # SKIP .* 30 % of the' | wc -l)" 1
script 'testcase third' 'stolen() { echo 1; }' 'is_time "a time" late early'
expect_exit "and a failure on one's own" 1 "not ok 1 - third: a time" two third
script 'testcase third' 'stolen() { echo 30; }' 'is "a fact" wrong right'
expect_exit "a fact fails on either" 1 "not ok 1 - third: a fact" two third
