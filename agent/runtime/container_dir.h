/* SPDX-License-Identifier: GPL-2.0-only */
/* A container's directory below the runtime directory (struct vn_container_spec.dir): what runtimes and we keep there.
 */
#ifndef VNET_RUNTIME_CONTAINER_DIR_H
#define VNET_RUNTIME_CONTAINER_DIR_H

#include "runtime/oci.h"

/* An empty one. */
int vn_dir_make(const struct vn_container_spec *s, struct vn_err *err);
/* Gone with all that is in it, the bound namespace included. */
void vn_dir_remove(const char *path);

void vn_dir_path(char path[512], const struct vn_container_spec *s, const char *name);
/* File @name is @text, or @o, which is taken over. */
int vn_dir_write(const struct vn_container_spec *s, const char *name, const char *text, struct vn_err *err);
int vn_dir_write_json(const struct vn_container_spec *s, const char *name, json_t *o, struct vn_err *err);

/* The number that a runtime wrote into "pid"; -ESRCH. */
int vn_dir_read_pid(const struct vn_container_spec *s, pid_t *ret_pid, struct vn_err *err);
/* "PID START" into file @name; -ESRCH with the program's last word when it has ended already. */
int vn_dir_note_start(const struct vn_container_spec *s, const char *name, pid_t pid, struct vn_err *err);
void vn_dir_forget_start(const struct vn_container_spec *s);

#endif
