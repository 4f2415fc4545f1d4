#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Words of chance, each set on a running link and measured with numbered frames: shares in their 99.9 % intervals, bursts as
# long as they should be. Against theory and 10^6 frames: selftests/unit/test_loss_models.c, test_disc_chance.c.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=selftests/lib/fates.sh
. "$TOP/selftests/lib/fates.sh"

fates_topology

testcase loss
set_to loss 5%
holds "loss random" "$(within .lost 0.05)" -n 50000 -R 50000
# A loss is followed by one with C + (1 - C) P.
set_to loss 5% 60%
holds "with correlation: as much, in bursts" "$(within .lost 0.05 0.6) and $(about '.lost / .loss_bursts' 2.6316 8)" \
	-n 50000 -R 50000
set_to loss state 5% 20%
holds "four states" "$(within .lost 0.2 0.75) and $(about '.lost / .loss_bursts' 5 10)" -n 50000 -R 50000
set_to loss state 2% 20% 10% 40% 1%
# As a chain: from 1 to 3 2 %, to 4 1 %; from 3 to 1 20 %, to 2 10 %; from 2 to 3 40 %; from 4 to 1
holds "four states, all of them" "$(about '.lost / .sent' "$(awk 'BEGIN { p1 = 1; p3 = .02 / .2; p2 = .1 * p3 / .4; p4 = .01
	print (p3 + p4) / (p1 + p2 + p3 + p4) }')" 12)" -n 50000 -R 50000
set_to loss gemodel 2% 20%
holds "Gilbert-Elliott" "$(within .lost 0.090909 0.78) and $(about '.lost / .loss_bursts' 5 12)" -n 50000 -R 50000
set_to loss gemodel 2% 20% 50% 1%
holds "with losses in both states" "$(within .lost 0.0545454 0.78)" -n 50000 -R 50000
set_to loss 10% ecn
holds "ecn marks and loses nothing" ".lost == 0 and .mangled == 0 and $(within .marked 0.1)" -n 30000 -R 30000 -e
holds "but what cannot be marked is lost" ".marked == 0 and $(within .lost 0.1)" -n 30000 -R 30000

testcase duplicate
set_to delay 5ms duplicate 10%
holds "duplicate" ".lost == 0 and $(within .duplicated 0.1)" -n 30000 -R 30000
set_to duplicate 10% 50%
holds "with correlation" ".lost == 0 and $(within .duplicated 0.1 0.5)" -n 30000 -R 30000

testcase corrupt
set_to corrupt 10%
holds "corrupt: one bit" ".lost == 0 and .mangled == 0 and $(within .corrupted 0.1)" -n 30000 -R 30000 -s 1000

testcase reorder
# Told apart by their time: those that overtake arrive at once.
set_to delay 10ms reorder 25%
holds_time "reorder" ".lost == 0 and $(within .quick 0.25)" -n 10000
set_to delay 10ms reorder 100% gap 5
holds_time "every fifth" ".lost == 0 and $(about .quick 2000 5)" -n 10000
set_to delay 10ms reorder 50% 50% gap 1
holds_time "with correlation" "$(within .quick 0.5 0.5)" -n 10000

testcase corrupt_seen
# The receiver's kernel notices corruption.
set_to corrupt 100%
BB=$(vnet -j link show ab | jq -r '.links[0].endpoints[1].addresses[0]' | cut -d/ -f1)
before=$(($(nstat_get c.b UdpInCsumErrors) + $(nstat_get c.b IpExtInCsumErrors) + $(nstat_get c.b IpInHdrErrors)))
"$PERF/vnprobe" -t /run/netns/c.a -r /run/netns/c.b -a "$BB" -n 1000 -s 1000 >"$WORK/f"
cmp_num "corrupt: the receiver counts bad checksums" \
	$(($(nstat_get c.b UdpInCsumErrors) + $(nstat_get c.b IpExtInCsumErrors) + $(nstat_get c.b IpInHdrErrors) - before)) ">" 850
# 48 bits of 8336 are the sender's MAC address, which nothing protects.
cmp_num "and its sockets get none but those whose sender's MAC is another" "$(got .received)" "<" 25
