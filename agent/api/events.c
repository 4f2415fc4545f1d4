/* SPDX-License-Identifier: GPL-2.0-only */
#include "api/events.h"

#include <stdio.h>
#include <time.h>

#include <base/util.h>

#include "api/server.h"

void vn_event_stamp(json_t *event)
{
	struct timespec ts;
	char text[40];
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof(text) - n, ".%03ldZ", ts.tv_nsec / 1000000);
	json_object_set_new(event, "time", json_string(text));
	json_object_set_new(event, "time_ns", json_integer(ts.tv_sec * (json_int_t)VN_NSEC_PER_SEC + ts.tv_nsec));
}

void vn_events_tell(void *server, json_t *event)
{
	if (event) {
		vn_event_stamp(event);
		vn_server_event(server, event);
	}
	json_decref(event);
}
