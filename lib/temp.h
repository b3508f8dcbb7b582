/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names of temps: `.weir.` and 24 characters of base 32, the last 4 of which
 * are a checksum, so that no name of a user is ever taken for one by chance.
 */
#ifndef WEIR_TEMP_H
#define WEIR_TEMP_H

#include <stdbool.h>
#include <stddef.h>

#include "root.h"

#define TEMP_NAME_BYTES 31 /* with NUL */

/* A new random name.  0 or -errno. */
int temp_name_make(struct sys *sys, char name[TEMP_NAME_BYTES]);

/* True if NAME is of our making. */
bool temp_name_ours(const char *name);

/* The permissions of a folder that has such a name. */
#define TEMP_FOLDER_MODE 0700

/* True if NAME, which is STAT, was left by a run that was killed: the folder is LOCKED
 * against all others, or, where locks do not work, it is older than a day.  A folder must
 * be empty beside that. */
bool temp_is_leftover(const char *name, const struct sys_stat *stat, bool locked);

/* Removes what killed runs left in a folder that this run enters; DIR is
 * pinned as FD.  Never a name that a running instance may hold.  Returns how
 * many were removed. */
unsigned temp_sweep(struct root *root, struct dir *dir, int fd);

#endif
