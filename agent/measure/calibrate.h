/* SPDX-License-Identifier: GPL-2.0-only */
/* What this host can do, measured on a twin link, and the disciplines that go beyond it. */
#ifndef VNET_MEASURE_CALIBRATE_H
#define VNET_MEASURE_CALIBRATE_H

#include "daemon/daemon.h"

#define VN_CALIBRATION_FILE "calibration.json" /* in the runtime directory */

/* What an earlier `calibrate` found, if it was this kernel on this processor; else d->calibration stays NULL. */
void vn_calibration_load(struct vn_daemon *d);

/*
 * Refuse what cannot be: more held than the engine may hold, and, where calibrated, a delay shorter than what the path
 * takes by itself, or a rate that full frames of @mtu cannot reach. @what: "link ab".
 */
int vn_limits_check(struct vn_daemon *d, const char *what, const struct vn_disc *disc, uint32_t mtu,
		    struct vn_err *err);
int vn_limits_check_topo(struct vn_daemon *d, const struct vn_topo *t, struct vn_err *err);

#endif
