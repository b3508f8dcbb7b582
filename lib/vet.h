/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The earlier copies that a sync is told of: resolved, and judged before anything is
 * made.
 */
#ifndef WEIR_VET_H
#define WEIR_VET_H

#include "operand.h"

/* Opens and judges EARLIER, with SOURCE resolved.  TARGET_FD is DEST, or with THERE false
 * the folder that it is to be made in.  One that does not exist is told by a warning.  0;
 * -ECANCELED: one was refused, told by an event; another -errno: out of memory. */
int vet_earlier(struct earlier *earlier, const struct operands *operands, struct tree *tree,
		int target_fd, bool there);

#endif
