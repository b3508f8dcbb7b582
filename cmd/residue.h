/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a clean says of what it finds: a line for each, and the totals.
 */
#ifndef WEIR_CMD_RESIDUE_H
#define WEIR_CMD_RESIDUE_H

#include <stdbool.h>

#include "text.h"
#include "weir.h"

/* "remove  temp  path", the path escaped for people unless it IS_EXACT. */
void residue_add(struct text *line, const struct weir_event *event, bool utf8, bool is_exact);

/* True if what was found is not for a clean to remove. */
bool residue_is_left(const struct weir_event *event);

/* "warning: 'path' is an unfinished ...", with what is to be done. */
void residue_add_advice(struct text *line, const struct weir_event *event, bool utf8);

/* "removed 3 names, 1.2 MiB, in 4 folders; 1 unfinished" */
void residue_add_totals(struct text *line, const struct weir_stats *stats, bool is_dry_run);

#endif
