/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the agent did to PFs and their VFs, on disk before it does it: one file a PF under the runtime directory.
 * Whoever comes after a crash knows from it which VFs are the agent's, for which port, and how they were found.
 */
#ifndef VNET_SRIOV_VF_STATE_H
#define VNET_SRIOV_VF_STATE_H

#include <net/if.h>

#include "sriov/vf_admin.h"

#define VN_VFS_DIR   "vfs"
#define VN_OWNER_MAX 192 /* "TOPOLOGY/NODE:INTERFACE" */

/* A VF of ours. @before, @name, @mac, @mtu, @bound: as it was found. */
struct vn_vf_record {
	unsigned int vf;
	char owner[VN_OWNER_MAX];
	bool partner; /* in the fabric, not in the node */
	uint16_t vid;
	uint8_t port_mac[6];
	bool bound;
	char name[IF_NAMESIZE];
	uint8_t mac[6];
	uint32_t mtu;
	struct vn_vf_admin before;
};

/* A PF of which we have VFs. @raised: it had none, we made them. @up, @autoprobe: as it was found. */
struct vn_pf_record {
	char pf[IF_NAMESIZE];
	bool raised, up, autoprobe;
	struct vn_vf_record *vfs;
	size_t n_vfs;
};

void vn_pf_record_release(struct vn_pf_record *r);
#define cleanup_pf_record __attribute__((cleanup(vn_pf_record_release)))

/* -ENOENT: nothing of ours. */
int vn_pf_record_load(const char *runtime_dir, const char *pf, struct vn_pf_record *ret, struct vn_err *err);
/* In one step: a crash leaves the old file or the new one. */
int vn_pf_record_save(const char *runtime_dir, const struct vn_pf_record *r, struct vn_err *err);
void vn_pf_record_remove(const char *runtime_dir, const char *pf);
struct vn_vf_record *vn_pf_record_find(const struct vn_pf_record *r, unsigned int vf);
/* A new entry at the end; NULL: out of memory. */
struct vn_vf_record *vn_pf_record_add(struct vn_pf_record *r);
void vn_pf_record_drop(struct vn_pf_record *r, const struct vn_vf_record *v);

/* Names of the PFs that have a file; the caller frees the list and each of it. */
int vn_pf_records_list(const char *runtime_dir, char ***ret_names, size_t *ret_n);

#endif
