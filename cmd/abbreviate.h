/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shortened long options, which cp(1) takes and scripts use.  Only names that
 * cp has can be shortened, and only they make a short form ambiguous: what weir
 * adds must be written out, so that an addition never breaks a script.
 */
#ifndef WEIR_CMD_ABBREVIATE_H
#define WEIR_CMD_ABBREVIATE_H

#include <stddef.h>

#include "text.h"

/* How many long options of cp begin with NAME (LENGTH bytes).  FOUND: the first
 * of them, or NULL; MATCHES: gets all of them, as "--a, --b". */
size_t abbreviate_find(const char *name, size_t length, const char **found, struct text *matches);

#endif
