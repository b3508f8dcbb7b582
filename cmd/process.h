/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The process as a run needs it, whoever started it and however.
 */
#ifndef WEIR_CMD_PROCESS_H
#define WEIR_CMD_PROCESS_H

#include <stdbool.h>

/* Fills descriptors 0 to 2, prepares signals, raises the limit of open files to
 * what is allowed, and reads LC_CTYPE. */
void process_prepare(void);

/* True if the program has more rights than whoever started it, by a set-user-ID
 * or set-group-ID bit or by file capabilities: it would copy anything for
 * anybody. */
bool process_has_lent_rights(void);

#endif
