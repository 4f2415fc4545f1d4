/* SPDX-License-Identifier: GPL-2.0-only */
/* From a label as maps carry it to a name. */
#ifndef VNET_FILE_IMPORT_GML_LABEL_H
#define VNET_FILE_IMPORT_GML_LABEL_H

#include "model/model.h"

/*
 * "New York" -> new-york, "Z\374rich", "Zürich", "Z&#252;rich" and "Z&uuml;rich" -> zurich, "?" -> "". UTF-8 where the
 * bytes are, Latin-1 else; letters lose their accents, everything else becomes one '-'.
 */
void vn_gml_label(const char *label, char ret_name[VN_NAME_MAX + 1]);

#endif
