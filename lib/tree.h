/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Trees into tasks: a folder is opened on both sides, listed one buffer at a
 * time, and turned into child folders and batches of entries.
 */
#ifndef WEIR_TREE_H
#define WEIR_TREE_H

#include <stdatomic.h>

#include "event.h"
#include "filter.h"
#include "folder.h"
#include "loss.h"
#include "queue.h"
#include "settings.h"

struct tree {
	struct sys *sys;
	struct root *root;
	struct fs_table *fs;
	struct queue *queue;
	struct event_queue *events;
	struct tally *tally;
	struct loss_table *loss;
	const struct settings *settings;
	const struct filter *filter;
	_Atomic uint64_t scans; /* folders whose listing has not ended */
};

/* Queues a folder that was made with folder_new(). */
void tree_push(struct tree *tree, struct folder *folder);

/* One step of a folder's scan: begins it if need be, lists one buffer.  True if
 * the scan is over: the caller drops its reference and counts the work.  ERROR:
 * why the folder could not be begun, already told. */
bool tree_scan(struct tree *tree, struct folder *folder, struct error *error);

/* A folder that will not be scanned (the run was cancelled). */
void tree_discard(struct tree *tree, struct folder *folder);

/* Adds an entry to *batch, queueing and renewing it when full.  0 or -ENOMEM. */
int tree_add(struct tree *tree, struct folder *folder, struct batch **batch, unsigned char type,
	     const char *name, const char *target_name);

#endif
