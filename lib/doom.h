/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the source does not have: one name of the target, with all it holds, goes into
 * the delete plan.
 */
#ifndef WEIR_DOOM_H
#define WEIR_DOOM_H

#include "attic.h"
#include "event.h"
#include "filter.h"
#include "plan.h"
#include "settings.h"

struct doom {
	struct sys *sys;
	struct root *root;
	struct plan *plan;
	const struct filter *filter;
	const struct settings *settings;
	struct event_queue *events;
	const struct attic *attics[2]; /* which stay, or NULL */
	const char *target_path;       /* DEST, for messages */
	bool makes_way;		       /* something else takes the name of what goes */
};

/* Plans NAME of the folder FD, which STAT tells about, in a group that was begun.  PATH:
 * its path as the rules see it.  What a rule protects stays, what is a backup or keeps
 * that which goes, and so do the folders that it lies in, mount points, and what cannot be
 * listed, which is told. */
void doom_name(const struct doom *doom, int fd, const char *name, const struct sys_stat *stat,
	       const char *path);

#endif
