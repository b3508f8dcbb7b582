/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Folders that are encrypted, and whose key is not there.
 */
#ifndef WEIR_LOCKED_H
#define WEIR_LOCKED_H

#include <stdbool.h>

#include "sys.h"

/* True if the names in the folder FD, which STAT is of, are no real ones: the key
 * that would show them is missing (C16). */
bool locked_is(struct sys *sys, int fd, const struct sys_stat *stat);

#endif
