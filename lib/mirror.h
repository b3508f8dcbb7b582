/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The two folders of a sync: resolved, judged, and held for the run.
 */
#ifndef WEIR_MIRROR_H
#define WEIR_MIRROR_H

#include "operand.h"

/* Resolves and judges SOURCE and DEST, makes DEST if it is not there, and holds it for
 * this run alone.  0; -ECANCELED: refused or cannot start, told by an event; another
 * -errno: out of memory. */
int mirror_resolve(struct operands *operands, struct tree *tree);

#endif
