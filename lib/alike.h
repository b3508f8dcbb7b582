/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether two things are one where their numbers lie: a file system may give all
 * folders one inode number (I10), and an overlay gives files that lie below it a
 * device number of its own (B04).
 */
#ifndef WEIR_ALIKE_H
#define WEIR_ALIKE_H

#include <stdbool.h>

#include "root.h"
#include "sys.h"

/* True if two folders of one device and inode number are one, as far as can be
 * told. */
bool alike_dirs(struct root *root, struct dir *one, struct dir *two);

/* True if two files of different devices can be one that is seen through an overlay
 * and below it; or that of a file system and of its copy. */
bool alike_files(const struct sys_stat *one, const struct sys_stat *two);

#endif
