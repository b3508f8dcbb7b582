/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Renaming to a name that nothing has, on any file system.
 */
#ifndef WEIR_VACANT_H
#define WEIR_VACANT_H

#include "sys.h"

/* Gives what is NAME in the folder FD the name TO in the folder TO_FD instead.  0;
 * -EEXIST: something has that, and all is as it was; or another -errno. */
int vacant_rename(struct sys *sys, int fd, const char *name, int to_fd, const char *to);

#endif
