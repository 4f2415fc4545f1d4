#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# torus.sh R C [DISCIPLINE]: a topology file of R x C nodes on a torus, two links per node; DISCIPLINE goes to every
# link, e.g. "delay: 1ms, rate: 100mbit".
set -u
if [ $# -lt 2 ]; then
	echo "usage: torus.sh R C [DISCIPLINE]" >&2
	exit 1
fi
awk -v r="$1" -v c="$2" -v d="${3-}" 'BEGIN {
	if (d != "") d = ", " d
	printf "name: torus\nnodes:\n"
	for (i = 0; i < r * c; i++) printf "  n%d: {}\n", i
	printf "links:\n"
	for (i = 0; i < r; i++)
		for (j = 0; j < c; j++) {
			n = i * c + j
			e = i * c + (j + 1) % c
			s = ((i + 1) % r) * c + j
			if (c > 1) printf "  h%d: {endpoints: [n%d:east, n%d:west]%s}\n", n, n, e, d
			if (r > 1) printf "  v%d: {endpoints: [n%d:south, n%d:north]%s}\n", n, n, s, d
		}
}'
