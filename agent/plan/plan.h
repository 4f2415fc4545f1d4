/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The plan: a pure function of what is wanted and what runs. A step turns one object from @old to @new; either may be
 * missing (create, delete). Undoing a step is the same step with the two swapped, so every step has an undo.
 */
#ifndef VNET_PLAN_PLAN_H
#define VNET_PLAN_PLAN_H

#include <jansson.h>

#include <base/kernel.h>

#include "plan/drift.h"
#include "model/model.h"

enum vn_step_kind {
	VN_STEP_NODE,   /* the namespace itself */
	VN_STEP_LINK,   /* both veth pairs, ports, filters, disciplines; host ends up */
	VN_STEP_CONFIG, /* inside a node: sysctls, addresses, routes, its ends up */
	VN_STEP_DISC,   /* disciplines of a link that stays */
	VN_STEP_RUN,    /* what runs in a node: its container */
	VN_STEP_BORROW, /* borrowed devices of a link: taken and configured; given back as they were found */
};

/* @old/@new are indices into plan->old / plan->new, or VN_NONE. */
#define VN_NONE ((size_t)-1)
struct vn_step {
	enum vn_step_kind kind;
	size_t old, new;
	bool done; /* set by the executor */
	/*
	 * VN_STEP_CONFIG of a node that stays: what it has is not what @old says, so the executor looks before it
	 * configures. In words, for the reader; NULL: it is as @old says. @mends: nothing else is to be done there.
	 */
	char *drift;
	bool mends;
};

/*
 * What of the running topology is really there; filled by the executor from the kernel before planning.
 * NULL arrays: everything that @old says exists. @kernel is borrowed; NULL: it can do all that is wanted.
 */
struct vn_observed {
	bool *node_ok; /* per node of @old: its namespace exists */
	bool *link_ok; /* per link of @old: both veth pairs exist and belong to it */
	bool *run_ok;  /* per node of @old: its container runs */
	/* per node of @old: its namespace is another one, nothing is configured there; NULL: none */
	bool *node_bare;
	/* per node of @old: how it differs from what was configured there, NULL: not at all; NULL: none does */
	const struct vn_drift **drift;
	const struct vn_kernel *kernel;
};

struct vn_plan {
	const struct vn_topo *old, *new; /* borrowed; either may be NULL */
	struct vn_step *steps;
	size_t n_steps;
};

/*
 * Steps in the order in which they are to run: containers stopped, links deleted, VFs given back, nodes deleted, nodes
 * created, VFs made, links created, disciplines, configuration, containers started. A container starts anew when its
 * description changed. A link whose ports, MACs or MTU change is deleted and created; one whose discipline alone
 * changes gets one VN_STEP_DISC. Cost: O(nodes + links), no walk over all links per link.
 */
int vn_plan_make(const struct vn_topo *old, const struct vn_observed *seen, const struct vn_topo *new,
		 struct vn_plan **ret_plan, struct vn_err *err);
void vn_plan_free(struct vn_plan *p);
static inline void vn_plan_freep(struct vn_plan **p)
{
	vn_plan_free(*p);
}
#define cleanup_plan __attribute__((cleanup(vn_plan_freep)))
/* Refuses link @l with disciplines @disc when @k would lose its large frames. */
int vn_plan_check_link(const struct vn_kernel *k, const struct vn_link *l, const struct vn_disc disc[VN_DIRS],
		       struct vn_err *err);

/* "create link ab: a:eth0 <-> b:eth0, delay 10ms" */
int vn_step_describe(const struct vn_plan *p, const struct vn_step *s, char *buf, size_t size);
/* {"steps":[{"kind","object","text"}...],"cost":{"namespaces","devices","kernel_bytes","time_ns"}} */
json_t *vn_plan_to_json(const struct vn_plan *p);

#endif
