#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Words of time, each set on a running link and measured with numbered frames: what arrives is what was said. The same cases
# for every holder that can do the word.
# shellcheck source=selftests/lib/lib.sh
. "$(dirname "$0")/../lib/lib.sh"
# shellcheck source=selftests/lib/fates.sh
. "$TOP/selftests/lib/fates.sh"

fates_topology

testcase both_holders
# What both holders do.
for h in precise bulk; do
	set_to delay 10ms holder $h
	check "$h: holds" busywait 5000 held_by $h
	holds_time "$h: delay 10ms" ".lost == 0 and .reordered == 0 and .duplicated == 0 and .corrupted == 0 and
		.delay_ns.min >= 10000000 and .delay_ns.p50 < 10300000" -n 10000
	set_to delay 1ms rate 10mbit limit 10mb holder $h
	# 1538 bytes on the wire
	holds_time "$h: rate 10mbit" "$(about .rx_pps 812.74 0.5)" -n 1600 -R 1600 -s 1514
	set_to rate 10mbit limit 100kb holder $h
	# 102400 bytes take 81.9 ms; the queue is full most of the time, so the median shows it, and a frame more would be 1.2 ms
	holds_time "$h: limit 100kb" "$(about .rx_pps 812.74 0.5) and .delay_ns.p50 < 82500000 and .delay_ns.p50 > 81000000" \
		-n 2000 -R 2000 -s 1514
	set_to rate 10mbit limit 50 holder $h
	holds_time "$h: limit of 50 packets" "$(about .rx_pps 812.74 0.5) and .delay_ns.p50 < 62100000 and .delay_ns.p50 > 60900000" \
		-n 2000 -R 2000 -s 1514
	set_to delay 50ms limit 100 holder $h
	holds_time "$h: limit counts what is under way" "$(about .rx_pps 2000 3) and .delay_ns.p50 < 50500000" -n 4000 -R 4000
	set_to rate 2mbit limit 10mb holder $h
	# 72 bytes are 96 on the wire
	holds_time "$h: short frames" "$(about .rx_pps 2604.17 0.5)" -n 2500 -R 10000 -s 72
done

testcase rate
# From here on what one holder alone does, frame by frame.
set_to rate 5mbit 20 48 5 limit 10mb
# 1514 + 24 + 20 bytes are 33 cells of 53
holds_time "rate with overhead and cells" "$(about .rx_pps 357.35 0.5)" -n 700 -R 700 -s 1514
set_to rate 5mbit -24 limit 10mb
holds_time "a negative overhead" "$(about .rx_pps 412.81 0.5)" -n 800 -R 800 -s 1514

testcase jitter
# A spread of J: uniform J / sqrt 3, normal J. The bounds of so many draws are well within 3 %.
set_to delay 20ms 5ms
holds_time "uniform jitter" "$(about .delay_ns.stddev 2886751 3) and $(about .delay_ns.mean 20000000 2) and .delay_ns.min >= 15000000
	and .delay_ns.max < 30000000 and (.delay_ns.lag1 | fabs) < 0.04" -n 20000 -R 20000
set_to delay 20ms 5ms 50%
holds_time "jitter with correlation" "$(about .delay_ns.stddev 2886751 4) and ((.delay_ns.lag1 - 0.5) | fabs) < 0.04" -n 20000 -R 20000
set_to delay 20ms 2ms distribution normal
holds_time "normal" "$(about .delay_ns.stddev 2000000 3) and $(about .delay_ns.p90 22563000 2)" -n 20000 -R 20000
set_to delay 20ms 2ms distribution pareto
# iproute2's: bounded below, with a long tail
holds_time "pareto" ".delay_ns.p50 < .delay_ns.mean and .delay_ns.min > 15000000 and .delay_ns.p99 > 24000000" -n 20000 -R 20000
set_to delay 20ms 2ms distribution paretonormal
holds_time "paretonormal" ".delay_ns.p50 < .delay_ns.mean and .delay_ns.p99 > 24000000" -n 20000 -R 20000
printf '%s\n' -8192 -8192 0 8192 >"$WORK/mine.dist"
set_to delay 20ms 2ms distribution "$WORK/mine.dist"
holds_time "a table of one's own" "$(about .delay_ns.p10 18000000 2) and $(about .delay_ns.p90 22000000 2) and
	$(about .delay_ns.mean 19500000 2)" -n 20000 -R 20000
set_to delay 20ms 5ms order keep
holds_time "order keep" ".reordered == 0 and .lost == 0 and .delay_ns.stddev > 300000" -n 20000 -R 20000

testcase slots
set_to slot 5ms 5ms packets 10
holds_time "slots of ten packets" ".lost == 0 and $(about .rx_pps 2000 2)" -n 4000 -R 4000
set_to slot 10ms
holds_time "a slot each 10 ms" ".lost == 0 and .delay_ns.p50 > 4000000 and .delay_ns.p50 < 6500000 and
	.delay_ns.p90 > 8500000 and .delay_ns.p90 < 10500000" -n 5000
set_to slot distribution normal 10ms 1ms bytes 1280
holds_time "slots of 1280 bytes, normally apart" ".lost == 0 and $(about .rx_pps 1000 3)" -n 3000 -R 3000
