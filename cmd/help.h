/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Help, version and the option table as text, on standard output.  Each
 * returns the exit status: 0, or 1 where not all could be written.
 */
#ifndef WEIR_CMD_HELP_H
#define WEIR_CMD_HELP_H

#include "verbs.h"

int help_show_weir(void);

int help_show_verb(const struct verb *verb);

int help_show_version(void);

/* One option of one verb a line, with tabs between: verb, long name, letters,
 * kind of argument, name of argument, choices, group, since, help.  "-" stands
 * for an empty field; options before a verb have the verb "weir". */
int help_dump_options(void);

/* Writes TEXT to standard output; 0, or 1 after a message. */
int help_write(const struct text *text);

#endif
