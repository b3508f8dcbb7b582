/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The removal phase of a sync: the whole plan is judged, then carried out.
 */
#ifndef WEIR_REMOVAL_H
#define WEIR_REMOVAL_H

#include <stdatomic.h>
#include <stdbool.h>

#include "away.h"
#include "device.h"
#include "event.h"
#include "plan.h"
#include "root.h"
#include "settings.h"
#include "shared.h"
#include "tally.h"

struct removal {
	struct sys *sys;
	struct root *root;
	struct fs_table *fs;
	struct plan *plan;
	struct event_queue *events;
	struct tally *tally;
	const struct settings *settings;
	const _Atomic int *cancel;
	struct dir *target; /* DEST */
	/* Where each folder of the source leads, if links in the target were followed. */
	const struct shared *folders;
	const char *target_path; /* for messages */
	struct attic *attic;	 /* where what is removed goes, or NULL */
	const struct renames *renames;
	bool has_record;	 /* of an earlier run of the same source and target */
	bool unsynced;		 /* out: removed, not known to be durable */
};

/* Judges the plan, and if it is within the limits removes what it says, and syncs; in a
 * dry run only tells.  Each failure was told.  True: it was carried out. */
bool removal_run(struct removal *removal);

#endif
