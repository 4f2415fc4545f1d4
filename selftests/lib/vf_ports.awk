# SPDX-License-Identifier: GPL-2.0-only
# A topology file as the tests write it (a link a line), with the first end of its first N links on VFs of PF: what
# selftests/lib/lib.sh does to each file when VNET_TEST_PORTS=vf. Nothing else is changed.
#
#	awk -v pf=eth0 -v n=3 -f vf_ports.awk FILE

{
	line[NR] = $0
	if (match($0, /endpoints: *\[ *[^], ]+/) && found < n) {
		port = substr($0, RSTART, RLENGTH)
		sub(/.*\[ */, "", port)
		want[++found] = port
	}
}

END {
	vf = "vf: {pf: " pf ", mode: wire}"
	for (i = 1; i <= found; i++) {
		key = "\"?" want[i] "\"?: *\\{"
		for (l = 1; l <= NR; l++) {
			if (match(line[l], key) && line[l] !~ /kind: *afxdp|vf: *\{/) {
				rest = substr(line[l], RSTART + RLENGTH)
				line[l] = substr(line[l], 1, RSTART + RLENGTH - 1) vf (rest ~ /^ *\}/ ? "" : ", ") rest
				break
			}
		}
		if (l > NR)
			more = more "  \"" want[i] "\": {" vf "}\n"
	}
	for (l = 1; l <= NR; l++) {
		if (more && line[l] ~ /^ports: *\{/) {
			flow = more
			gsub(/\n/, ", ", flow)
			sub(/^ports: *\{/, "ports: {" flow, line[l])
			more = ""
		}
		print line[l]
		if (more && line[l] ~ /^ports: *$/) {
			printf "%s", more
			more = ""
		}
	}
	if (more)
		printf "ports:\n%s", more
}
