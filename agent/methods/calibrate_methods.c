/* SPDX-License-Identifier: GPL-2.0-only */
/* vnet.calibrate. */
#include <base/util.h>

#include "measure/calibrate.h"
#include "methods/methods.h"

#define TIME_DEFAULT_NS (6 * VN_NSEC_PER_SEC)
#define TIME_MIN_NS     (VN_NSEC_PER_SEC)
#define TIME_MAX_NS     (120 * VN_NSEC_PER_SEC)

int vn_op_calibrate(struct vn_parts *parts, struct vn_conn *c, const json_t *params, json_t **ret_reply,
		    struct vn_err *err)
{
	const json_t *time = json_object_get(params, "time_ns");
	uint64_t time_ns = time ? (uint64_t)json_integer_value(time) : TIME_DEFAULT_NS;
	int r;

	if (time_ns < TIME_MIN_NS || time_ns > TIME_MAX_NS)
		return vn_err_usage(err, "calibrate: --time: from 1s to 120s");
	r = vn_calibrate(&parts->measure, time_ns, &c->dead, err);
	if (r < 0)
		return r;
	*ret_reply = json_pack("{s:O}", "calibration", parts->measure.calibration);
	return *ret_reply ? 0 : -ENOMEM;
}
