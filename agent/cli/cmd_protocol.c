/* SPDX-License-Identifier: GPL-2.0-only */
/* vnet-agent protocol: the interface of the control socket; needs no daemon. */
#include "cli/words.h"

#include <stdlib.h>

#include <base/util.h>

#include "methods/method_table.h"

int vn_cmd_protocol(const struct vn_cli *cli, const struct vn_call *call, struct vn_err *err)
{
	cleanup_free char *text = vn_interface_text(VN_INTERFACE);

	(void)call;
	if (!text)
		return vn_err_nomem(err);
	if (cli->json) {
		json_auto_t *o = json_pack("{s:s}", "description", text);

		return vn_cli_print_json(cli, o, err);
	}
	fputs(text, stdout);
	return 0;
}
