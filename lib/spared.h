/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What of the delete plan is not carried out, because links in the target were followed:
 * folders that something of the source leads to, and what lies in a folder to which
 * several of them lead.
 */
#ifndef WEIR_SPARED_H
#define WEIR_SPARED_H

#include <stdbool.h>
#include <stddef.h>

#include "plan.h"
#include "shared.h"

enum spared_answer {
	SPARED_NOT,  /* it is carried out */
	SPARED,	     /* it is passed over */
	SPARED_TELL, /* the same, for want of knowing better, which is to be told */
};

/* All zero but for `folders`. */
struct spared {
	const struct shared *folders; /* NULL: no link was followed */
	bool contested;		      /* several folders lead to that of the group */
	size_t passed;		      /* depth in a folder that is passed over, or 0 */
	size_t depth;		      /* of the others that were entered */
	bool *keeps;		      /* of each: something in it is spared; owned */
	size_t room;
};

/* What becomes of the next record; that of a folder that is left may be changed into one
 * of a folder that stays. */
enum spared_answer spared_judge(struct spared *spared, struct plan_record *record);

void spared_close(struct spared *spared);

#endif
