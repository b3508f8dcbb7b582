/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whole folders that go, with all they hold: not because a source does not have them,
 * but because they are the run's own to remove.
 */
#ifndef WEIR_RAZE_H
#define WEIR_RAZE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "device.h"
#include "event.h"
#include "root.h"
#include "settings.h"

struct raze {
	struct sys *sys;
	struct root *root;
	struct fs_table *fs;
	struct event_queue *events;
	const struct settings *settings;
	const _Atomic int *cancel;
	struct dir *dir;  /* that they are in, opened by a path */
	const char *path; /* of it, for messages */
};

/* Removes COUNT folders of these NAMES, and syncs.  Mount points stay, with what they lie
 * in.  What fails is told.  False: something of them is left. */
bool raze_run(const struct raze *raze, char *const *names, size_t count);

#endif
