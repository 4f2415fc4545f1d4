/* SPDX-License-Identifier: GPL-2.0-only */
/* vnet-agent monitor: events as they come, one JSON object a line. */
#include "cli/words.h"

#include <base/util.h>

int vn_cmd_monitor(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	struct vn_client c = {.fd = -EBADF};
	bool continues = true;
	int r = vn_cli_connect(cli, true, &c, err);

	if (r == 0)
		r = vn_client_send(&c, "vnet.monitor", NULL, true, err);
	while (r == 0 && continues) {
		json_t *event = NULL;

		r = vn_client_receive(&c, &event, &continues, err);
		if (r == 0)
			r = vn_cli_print_json(cli, event, err);
		/* A reader in a pipe sees each event at once. */
		if (r == 0 && fflush(stdout) != 0)
			r = vn_err_kernel(err, errno, "standard output: %s", strerror(errno));
		json_decref(event);
	}
	vn_client_release(&c);
	return r;
}
