/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What must not be done to operands: a file copied onto itself, a folder into
 * itself, two sources to one name.  All are judged before anything is written.
 */
#ifndef WEIR_GUARD_H
#define WEIR_GUARD_H

#include "operand.h"

/* Judges the resolved operands.  0; -ECANCELED: one was refused, told by an
 * event; another -errno: out of memory. */
int guard_operands(struct operands *operands, struct tree *tree);

/* The usable operands by their paths in the target, those below one right after
 * it; to be freed.  NULL: out of memory. */
const struct operand **guard_sort(const struct operands *operands, size_t *count);

#endif
