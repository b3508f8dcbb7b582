/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a sync is refused for: folders that are not what they were, or not what who
 * called it can have meant.  All of it is found out before anything is changed.
 */
#ifndef WEIR_CAUTION_H
#define WEIR_CAUTION_H

#include "operand.h"
#include "record.h"
#include "site.h"

/* The pair of folders of a sync. */
struct caution {
	int source_fd;	   /* open to be read; -1: not open */
	int target_fd;	   /* the same of the target, or of the folder that it, */
	const char *below; /* with this path in it, is to be made in; NULL: it is there */
	struct site source;
	struct site target;
	struct record record; /* of the last run of this pair */
	bool remembers;	      /* this run may become that */
};

/* Judges the pair and, if that is its result, remembers where it lies.  0; -ECANCELED:
 * it was refused, told by an event; -ENOMEM.  To be closed in any case. */
int caution_judge(struct caution *caution, const struct operands *operands, struct tree *tree);

/* Forgets what was found out; the descriptors are the caller's. */
void caution_close(struct caution *caution);

#endif
