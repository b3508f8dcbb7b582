/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a sync says of its changes: a line for each, and the totals.
 */
#ifndef WEIR_CMD_ITEMIZE_H
#define WEIR_CMD_ITEMIZE_H

#include <stdbool.h>

#include "text.h"
#include "weir.h"

/* "replace  data mtime  path", the path escaped for people unless it IS_EXACT. */
void itemize_add(struct text *line, const struct weir_event *event, bool utf8, bool is_exact);

/* "to copy 3, to link 40, to replace 1, attributes only 0, to delete 0, unchanged 12,
 * excluded 0" */
void itemize_add_totals(struct text *line, const struct weir_stats *stats);

#endif
