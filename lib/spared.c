/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sparing folders of the target.
 *
 * Invariants:
 * SP1 a folder that something of the source leads to stays, with all it holds and those
 *     that it lies in, whatever its own name says;
 * SP2 where several folders of the source lead to one, none of them tells alone what it
 *     is to hold: nothing in it goes.
 */
#define _GNU_SOURCE
#include "spared.h"

#include <stdlib.h>
#include <string.h>

#include "array.h"

/* SP1: false: it is passed over, for there is no memory to know what it is in. */
static bool spared_enter(struct spared *spared)
{
	bool *keeps = array_grow(spared->keeps, spared->depth, &spared->room, sizeof(*keeps));

	if (keeps == NULL)
		return false;
	spared->keeps = keeps;
	spared->keeps[spared->depth++] = false;
	return true;
}

static enum spared_answer spared_leave(struct spared *spared, struct plan_record *record)
{
	if (!spared->keeps[--spared->depth])
		return SPARED_NOT;
	record->kind = PLAN_LEAVE_KEPT;
	if (spared->depth > 0)
		spared->keeps[spared->depth - 1] = true;
	return SPARED_NOT;
}

/* In a folder that is passed over. */
static void spared_pass(struct spared *spared, const struct plan_record *record)
{
	if (record->kind == PLAN_ENTER)
		spared->passed++;
	else if (plan_leaves(record->kind))
		spared->passed--;
}

static enum spared_answer spared_judge_folder(struct spared *spared,
					      const struct plan_record *record)
{
	if (!spared->contested &&
	    shared_ways(spared->folders, record->device, record->inode) == SHARED_NONE &&
	    spared_enter(spared))
		return SPARED_NOT;
	spared->passed = 1;
	if (spared->depth > 0)
		spared->keeps[spared->depth - 1] = true;
	return spared->contested ? SPARED_TELL : SPARED;
}

enum spared_answer spared_judge(struct spared *spared, struct plan_record *record)
{
	if (spared->folders == NULL)
		return SPARED_NOT;
	if (spared->passed > 0) {
		spared_pass(spared, record);
		return SPARED;
	}
	switch (record->kind) {
	case PLAN_GROUP:
		spared->depth = 0;
		spared->contested = shared_ways(spared->folders, record->device, record->inode) ==
				    SHARED_SEVERAL;
		return SPARED_NOT;
	case PLAN_ENTER:
		return spared_judge_folder(spared, record);
	case PLAN_REMOVE:
		return spared->contested ? SPARED_TELL : SPARED_NOT;
	case PLAN_LEAVE:
	case PLAN_LEAVE_KEPT:
	case PLAN_LEAVE_VACANT:
		return spared_leave(spared, record);
	default:
		return SPARED_NOT;
	}
}

void spared_close(struct spared *spared)
{
	free(spared->keeps);
	*spared = (struct spared){ 0 };
}
