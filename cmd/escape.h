/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * File names for people: no byte of a name can move a cursor, end a line or
 * pass for another name.
 *
 * Control characters (C0, DEL, C1), bytes that are not UTF-8, characters that
 * change the direction or break the line, quotes and the backslash become C
 * escapes: \n \t \r \\ \' \" and \xHH.  The result can be pasted into
 * $'...' of a shell.  Without a UTF-8 locale every byte above 0x7e is escaped:
 * another charset may read a control character into it.
 */
#ifndef WEIR_CMD_ESCAPE_H
#define WEIR_CMD_ESCAPE_H

#include <stdbool.h>

#include "text.h"

/* True where the locale's LC_CTYPE says that the terminal takes UTF-8. */
bool escape_locale_is_utf8(void);

/* Adds NAME in single quotes. */
void escape_quoted(struct text *text, const char *name, bool utf8);

/* Adds NAME without quotes, spaces at its ends as \x20. */
void escape_bare(struct text *text, const char *name, bool utf8);

#endif
