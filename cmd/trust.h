/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Paths of the files that the command itself opens, such as lists and logs: a
 * symbolic link on the way is followed only if root or the user owns it, because
 * who plants one chooses the file (K08, K09).
 */
#ifndef WEIR_CMD_TRUST_H
#define WEIR_CMD_TRUST_H

#include <stdbool.h>

/* Walks PATH by its components.  0: every link in it may be followed, the last
 * component included, which need not exist; EPERM: one may not; else the errno
 * that met. */
int trust_path(const char *path);

/* True if a file with this owner, which is no regular file, may be read from. */
bool trust_owner(unsigned uid);

#endif
