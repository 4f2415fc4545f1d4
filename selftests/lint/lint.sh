#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What a reader should not have to check: one KTAP case per rule, the offending lines below it.
set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 1
export LC_ALL=C

n=0
failed=0
# report NAME TEXT: passed when TEXT is empty.
report() {
	n=$((n + 1))
	if [ -z "$2" ]; then
		printf 'ok %d - %s\n' $n "$1"
	else
		failed=1
		printf 'not ok %d - %s\n' $n "$1"
		printf '%s\n' "$2" | head -n 40 | sed 's/^/# /'
	fi
}
skip() {
	n=$((n + 1))
	printf 'ok %d - %s # SKIP %s\n' $n "$1" "$2"
}

# All files of the project: what git tracks or would; without git (a release tarball) everything but build/.
files() {
	{
		git ls-files --cached --others --exclude-standard 2>/dev/null ||
			find . -path ./build -prune -o -type f -printf '%P\n'
	} | while read -r f; do
		[ -f "$f" ] && printf '%s\n' "$f"
	done
}

mapfile -t all < <(files)
c=()
sh=()
man=()
for f in "${all[@]}"; do
	case $f in
	*.c | *.h) c+=("$f") ;;
	docs/man/*.[1-8]) man+=("$f") ;;
	*.sh) sh+=("$f") ;;
	*) head -c 64 -- "$f" 2>/dev/null | head -n 1 | grep -qaE '^#! ?/bin/(ba)?sh|^#! ?/usr/bin/env bash' && sh+=("$f") ;;
	esac
done

# Which folder may include which says selftests/lint/layers. An include that names a file of ours belongs to that file's
# folder, however it is written; system headers (net/if.h) resolve to nothing of ours.
layers() {
	awk -v rules=selftests/lint/layers '
	function may(from, to) {
		return from == to || to == "include" || to == "agent/base" || from ~ /^selftests\// || (from, to) in reach
	}
	function exists(p,  l, r) {
		r = (getline l < p) >= 0
		close(p)
		return r
	}
	function folder(p) {
		if (p ~ /^agent\// || p ~ /^selftests\//) {
			match(p, /^[^\/]+\/[^\/]+/)
			return substr(p, 1, RLENGTH)
		}
		sub(/\/.*/, "", p)
		return p
	}
	FILENAME == rules {
		if ($0 ~ /^[a-z]/) {
			sub(/:/, "", $1)
			f[++nf] = $1
			for (i = 2; i <= NF; i++)
				reach[$1, $i] = 1
		}
		next
	}
	FNR == 1 && !closed {
		closed = 1
		for (k = 1; k <= nf; k++)
			for (i = 1; i <= nf; i++)
				for (j = 1; j <= nf; j++)
					if ((f[i], f[k]) in reach && (f[k], f[j]) in reach)
						reach[f[i], f[j]] = 1
		for (i = 1; i <= nf; i++)
			if ((f[i], f[i]) in reach)
				printf "%s: %s includes itself through others\n", rules, f[i]
	}
	/^[ \t]*#[ \t]*include[ \t]*[<"]/ {
		inc = $0
		sub(/^[^<"]*[<"]/, "", inc)
		sub(/[>"].*/, "", inc)
		dir = FILENAME
		sub(/[^\/]*$/, "", dir)
		p = ""
		if ($0 ~ /"/ && exists(dir inc)) p = dir inc
		else if (exists("include/" inc)) p = "include/" inc
		else if (exists("agent/" inc)) p = "agent/" inc
		else if (exists(inc)) p = inc
		if (p != "" && !may(folder(FILENAME), folder(p)))
			printf "%s:%d: %s may not include %s\n", FILENAME, FNR, folder(FILENAME), inc
	}' selftests/lint/layers "$@"
}

report "layers: nobody includes upwards" "$(layers "${c[@]}")"

# A comment or a string may name them.
banned='(^|[^A-Za-z0-9_>.])(strcpy|strcat|sprintf|vsprintf|strtok|gets|atoi|atol|alloca)[[:space:]]*\('
report "no banned functions" "$(grep -nE "$banned" -- "${c[@]}" | grep -vE ':[[:space:]]*(/?\*|//)')"

# Whoever opens one otherwise takes answers from anybody in the namespace; libbpf's own netlink does.
report "netlink sockets are opened by base/netlink.h" "$(
	grep -nE 'socket\(AF_NETLINK|bpf_(xdp|tc)_(query|attach|detach)' -- "${c[@]}" |
		grep -vE '^(include/base/netlink\.h|selftests/)|:[[:space:]]*(/?\*|//)'
)"

report "SPDX line at the top of every file" "$(
	for f in "${all[@]}"; do
		case $f in
		LICENSES/* | */corpus/* | */seeds/* | selftests/golden/* | *.json | *.svg | *.png | *.gml) continue ;;
		esac
		head -n 3 -- "$f" | grep -q 'SPDX-License-Identifier:' || echo "$f"
	done
)"

# busywait waits for a condition; what must take its time calls pause, and says why.
report "no test sleeps" "$(grep -nE '^[[:blank:]]*sleep [0-9"$]' -- selftests/{net,sriov,tree,vm}/*.sh | grep -v '&$')"

report "every test of selftests/net has cases (selftests/lib/lib.sh)" "$(grep -LE '^testcase [a-z0-9_]+$' -- selftests/net/*.sh)"

# A name means one thing. Tests may be called what they test.
report "no two source files of one name" "$(
	for f in "${c[@]}"; do
		case $f in selftests/*) ;; *) printf '%s\n' "${f##*/}" ;; esac
	done | sort | uniq -d
)"

report "C files under 800 lines" "$(wc -l -- "${c[@]}" | awk '$2 != "total" && $1 >= 800 { print $2 ": " $1 " lines" }')"

# shellcheck disable=SC2016 # backticks are text here
report "no trailing blanks, no conflict marks" "$(
	grep -nIE '[[:blank:]]+$|^(<<<<<<<|>>>>>>>) ' -- "${c[@]}" "${sh[@]}" Makefile
)"

if command -v clang-format >/dev/null; then
	report "clang-format" "$(clang-format --dry-run -Werror "${c[@]}" 2>&1 | grep -E 'error|warning')"
else
	skip "clang-format" "clang-format is not installed"
fi

if command -v shellcheck >/dev/null; then
	# Each reads lib.sh anew, which is most of the work: as many at once as there are processors.
	report "shellcheck" "$(printf '%s\0' "${sh[@]}" | xargs -0 -n 4 -P "$(nproc)" shellcheck -x -f gcc -e SC1091 --)"
else
	skip "shellcheck" "shellcheck is not installed"
fi

if [ ${#man[@]} -eq 0 ]; then
	skip "man pages" "there are none"
elif command -v mandoc >/dev/null; then
	report "man pages" "$(mandoc -T lint -W warning "${man[@]}" 2>&1)"
else
	skip "man pages" "mandoc is not installed"
fi

printf '1..%d\n' $n
exit $failed
