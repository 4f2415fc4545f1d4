/* SPDX-License-Identifier: GPL-2.0-only */
/* The programs and maps of the data path, opened for one port's tests by BPF_PROG_TEST_RUN; setup() and teardown(). */
#ifndef VNET_SELFTESTS_PORT_RIG_H
#define VNET_SELFTESTS_PORT_RIG_H

#include <sched.h>
#include <sys/mount.h>

#include <loader/loader.h>
#include <vnet/util.h>

#define PIN  VN_PIN_DEFAULT "-test"
#define PORT 0 /* BPF_PROG_TEST_RUN cannot set tc_classid: the port under test is number 0 */

static const uint8_t mac_a[6] = {2, 0, 0, 0, 0, 0xaa};
static struct vn_dp dp;

/* A private bpffs: nothing of the machine is touched, and it is gone with the process. */
static int setup(void **state)
{
	struct vn_err err = {0};

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("bpf", VN_BPFFS, "bpf", 0, NULL) < 0 || vn_dp_open(PIN, 64, &dp, &err) < 0) {
		print_error("%s %s\n", err.text, strerror(errno));
		return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	struct vn_err err = {0};

	vn_dp_release(&dp);
	return vn_dp_unpin(PIN, &err);
}

#endif
