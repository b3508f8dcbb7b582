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
#include "landing.h"
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
	struct landing landing;
	_Atomic uint64_t scans; /* folders whose listing has not ended */
};

/* Queues a folder that was made with folder_new(). */
void tree_push(struct tree *tree, struct folder *folder);

/* One step of a folder's scan: begins it if need be, lists one buffer.  True if
 * the scan is over: the caller drops its reference and counts the work.  ERROR:
 * why the folder could not be begun or listed, to be told. */
bool tree_scan(struct tree *tree, struct folder *folder, struct error *error);

/* A folder that will not be scanned (the run was cancelled). */
void tree_discard(struct tree *tree, struct folder *folder);

/* Queues what was planned for FOLDER, which has begun; if it is lost, drops the
 * entries, and the folders will drop theirs. */
void tree_release(struct tree *tree, struct folder *folder);

/* A batch is full: it is queued, or planned if its folder has yet to begin. */
void tree_put_batch(struct tree *tree, struct batch *batch);

/* Adds an entry to *batch, putting and renewing it when full.  0 or -ENOMEM. */
int tree_add(struct tree *tree, struct folder *folder, struct batch **batch,
	     const struct entry *entry);

/* Tells an error of FOLDER itself (NAME NULL) or of an entry of it. */
void tree_error(struct tree *tree, const struct error *error, const struct folder *folder,
		const char *name);

/* What NAME in the source of FOLDER is by now, with ENTRY_FOLLOW if it is a link
 * that is followed.  0 or -errno; -EEXIST: what changed is to fail (A05). */
int tree_look_again(struct tree *tree, struct folder *folder, const char *name,
		    unsigned char *type);

/* Tells that it is copied as that. */
void tree_tell_retyped(struct tree *tree, const struct folder *folder, const char *name);

#endif
