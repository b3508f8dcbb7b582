/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Options that people know from cp, rsync and their like and that are not
 * ours, or not of the verb: refused with a hint instead of a bare "unknown option".
 */
#ifndef WEIR_CMD_FOREIGN_H
#define WEIR_CMD_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>

#include "options.h"
#include "text.h"

/* What one of SPEAKERS (bits of verbs) is to do instead of the long option NAME or the
 * letter, or NULL. */
const char *foreign_name_hint(unsigned speakers, const char *name, size_t length);
const char *foreign_letter_hint(unsigned speakers, char letter);

/* Adds which verb takes OPTION, which may be NULL: "'weir sync' has it".  False:
 * none, nothing added. */
bool foreign_other_verb(struct text *text, const struct option *option);

/* Adds which option of SPEAKERS an unknown NAME may have meant: one that it begins,
 * since options are not abbreviated, or one that differs by a letter or two.
 * False: none or several, nothing added. */
bool foreign_guess_name(struct text *text, unsigned speakers, const char *name, size_t length);

#endif
