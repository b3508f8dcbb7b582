/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Renaming to a name that nothing has, or that nothing is to have any more, on any file
 * system.
 */
#ifndef WEIR_VACANT_H
#define WEIR_VACANT_H

#include "sys.h"

/* Gives what is NAME in the folder FD the name TO in the folder TO_FD instead.  0;
 * -EEXIST: something has that, and all is as it was; or another -errno. */
int vacant_rename(struct sys *sys, int fd, const char *name, int to_fd, const char *to);

/* Gives what is NAME in the folder FD the name TO of what is to go, which is removed as
 * unlinkat() with FLAGS does: at every moment TO is the one or the other.  0; 1: names
 * cannot be exchanged there; or -errno.  Else than 0: both have their names. */
int vacant_exchange(struct sys *sys, int fd, const char *name, const char *to, int flags);

#endif
