/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Paths of the files that the command itself opens, such as lists and logs: a
 * symbolic link on the way is followed only if root or the user owns it, because
 * who plants one chooses the file (K08, K09).
 */
#ifndef WEIR_CMD_TRUST_H
#define WEIR_CMD_TRUST_H

/* Walks PATH by its components.  0: every link in it may be followed, the last
 * component included, which need not exist; EPERM: one may not; else the errno
 * that met. */
int trust_path(const char *path);

/* K09: 0 if FILE may be read as a list; EPERM: another user's link leads to it, or
 * it is another user's FIFO or device. */
int trust_list(const char *file);

#endif
