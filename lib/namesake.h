/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names that a file system takes for one: by case, or by the form of Unicode.
 */
#ifndef WEIR_NAMESAKE_H
#define WEIR_NAMESAKE_H

#include <stdbool.h>

#include "sys.h"

/* NAME is taken in the folder DIRFD.  True if the folder has no entry of exactly
 * this name: what is there has another one, and is another entry (B09).  A folder
 * that cannot be listed has none. */
bool namesake_met(struct sys *sys, int dirfd, const char *name);

/* What is told of it. */
#define NAMESAKE_TEXT "the file system takes another name there for the same"

#endif
