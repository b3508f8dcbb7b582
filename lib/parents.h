/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Operands that keep their paths: the leading folders of each are made in the
 * target, once for all operands that share them, with the attributes of the
 * folders they are named after.
 */
#ifndef WEIR_PARENTS_H
#define WEIR_PARENTS_H

#include <stdbool.h>

#include "operand.h"

/* True if PATH has a `..` component, which would lead out of the target. */
bool parents_leaves(const char *path);

/* The path that PATH gets in the target, without "." and superfluous slashes,
 * and its last component; both to be freed.  Of ".", "/" and the like *place is
 * "" and *name ".".  0 or -ENOMEM. */
int parents_place(const char *path, char **place, char **name);

/* Plans leading folders and operands, and queues them.  0 or -ENOMEM. */
int parents_queue(struct operands *operands, struct tree *tree);

#endif
