/* SPDX-License-Identifier: GPL-2.0-only */
/* Calibration: what this host can do, measured on a probe link, and the refusal of disciplines beyond that. */
#ifndef VNET_MEASURE_CALIBRATE_H
#define VNET_MEASURE_CALIBRATE_H

#include "measure/measure.h"

/*
 * Measure this host on a probe link for @time_ns, write what was found to the runtime directory, and leave it in
 * m->calibration. -ECANCELED when *@cancelled (may be NULL) becomes true, or the daemon is told to stop.
 */
int vn_calibrate(struct vn_measure *m, uint64_t time_ns, const bool *cancelled, struct vn_err *err);
/* Read the result of an earlier `calibrate` with this kernel and processor; otherwise m->calibration stays NULL. */
void vn_calibration_load(struct vn_measure *m);

/*
 * Refuse what cannot be: more held than the engine may hold, and, where calibrated, a delay shorter than what the path
 * takes by itself, or a rate that full frames of @mtu cannot reach. @what: "link ab".
 */
int vn_limits_check(struct vn_measure *m, const char *what, const struct vn_disc *disc, uint32_t mtu,
		    struct vn_err *err);
int vn_limits_check_topo(struct vn_measure *m, const struct vn_topo *t, struct vn_err *err);

#endif
