/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A folder of the source that takes the place of what is none in the target.
 */
#ifndef WEIR_SUPPLANT_H
#define WEIR_SUPPLANT_H

#include "error.h"
#include "folder.h"
#include "tree.h"

/* An empty folder gets the name of FOLDER in the target, which something else has; that
 * gets its backup, if one is asked for, and goes.  PARENT_FD: of the target's folder.  0 or
 * -errno with ERROR set. */
int supplant(struct tree *tree, struct folder *folder, int parent_fd, struct error *error);

#endif
