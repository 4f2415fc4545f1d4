/* SPDX-License-Identifier: GPL-2.0-only */
/* Measurements: probe links, and calibration of this host. */
#ifndef VNET_MEASURE_MEASURE_H
#define VNET_MEASURE_MEASURE_H

#include <jansson.h>
#include <stdbool.h>

#include "engines/engines.h"
#include "store/store.h"

struct vn_measure {
	/* borrowed */
	struct vn_store *store;
	struct vn_engines *engines;
	const bool *stop;    /* the daemon is about to end: so does a measurement */
	bool no_check;       /* --no-calibration-check */
	json_t *calibration; /* of this host (calibrate.h), or NULL */
};

#endif
