/* SPDX-License-Identifier: GPL-2.0-only */
/* Topologies for tests: from YAML text, resolved like the daemon does. */
#ifndef VNET_SELFTESTS_TOPO_TEXT_H
#define VNET_SELFTESTS_TOPO_TEXT_H

#include "model/model.h"

/* Numbers go up from *@next_number, or from 1 when it is NULL. Fails the test when the text is wrong. */
static inline int topo_text_alloc(void *next_number, uint32_t *ret_number)
{
	*ret_number = (*(uint32_t *)next_number)++;
	return 0;
}

static inline struct vn_topo *topo_text(const char *text, const struct vn_topo *prev, uint32_t *next_number)
{
	struct vn_topo *t = NULL;
	struct vn_err err = {0};

	if (vn_topo_parse("test", text, strlen(text), &t, &err) < 0 ||
	    vn_topo_resolve(t, prev, next_number ? topo_text_alloc : NULL, next_number, &err) < 0)
		fail_msg("%s", err.text);
	return t;
}

#endif
