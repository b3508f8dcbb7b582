/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The name under which the command was started, which begins every message.
 * Started as `cp` (a link of that name) it stands in for cp(1): the verb is
 * copy, and there are two exit statuses only.
 */
#ifndef WEIR_CMD_PROGRAM_H
#define WEIR_CMD_PROGRAM_H

#include <stdbool.h>

#define PROGRAM_WEIR "weir"
#define PROGRAM_CP "cp"

/* Takes the name from ARGV0, which may be a path or NULL.  Before all else. */
void program_begin(const char *argv0);

/* PROGRAM_WEIR or PROGRAM_CP. */
const char *program_name(void);

bool program_is_cp(void);

/* What to exit with: cp knows 0 and 1. */
int program_status(int status);

#endif
