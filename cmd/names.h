/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lists of names (--files-from).
 */
#ifndef WEIR_CMD_NAMES_H
#define WEIR_CMD_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "parse.h"
#include "weir.h"

/* Adds the source NAME to RUN; STRIPS: without slashes at its end.  0 or a negative
 * errno. */
int names_add_source(struct weir_run *run, const char *name, bool strips);

/* Adds each name of FILE ("-": standard input) as a source of RUN.  Names end
 * with newline, or with NUL if ENDS_WITH_NUL; the last one need not end.
 * STRIPS as above; *COUNT is how many there were.  Returns 0, or an exit status after a
 * message. */
int names_add_sources(const struct speaker *speaker, struct weir_run *run, const char *file,
		      bool ends_with_nul, bool strips, size_t *count);

/* Limits RUN, a sync, to the names of FILE, which are relative to its source.  As
 * above. */
int names_choose(const struct speaker *speaker, struct weir_run *run, const char *file,
		 bool ends_with_nul, size_t *count);

#endif
