/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a run may do is all that its threads may do from then on: the second line of
 * defence, behind the one of root.h, which never leaves a tree.
 */
#ifndef WEIR_CONFINE_H
#define WEIR_CONFINE_H

#include <stdbool.h>

#include "attic.h"
#include "earlier.h"
#include "operand.h"
#include "record.h"
#include "root.h"
#include "settings.h"

#define CONFINE_TEXT_BYTES 200

/* All that a run works with, which is resolved and judged. */
struct confine {
	struct sys *sys;
	struct root *root;
	const struct settings *settings;
	const struct operands *operands;
	const struct attic *attics[2]; /* or NULL */
	const struct earlier *earlier;
	struct dir *snapshots;	     /* the folder of all of them, or NULL */
	const struct record *record; /* that is to be written, or NULL */
	bool labels;		     /* it sets labels of new files */
};

/* Confines the calling thread, and those that it makes from then on, for good, as far as
 * the kernel can.  TEXT: what came of it.  0, or -errno: Landlock is not to be had, *OBSTACLE tells
 * why, or is NULL. */
int confine_thread(const struct confine *confine, char text[CONFINE_TEXT_BYTES],
		   const char **obstacle);

#endif
