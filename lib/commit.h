/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Group commit: parked files wait here, nameless and held by descriptor; one
 * sync makes a group durable, each descriptor tells its own fate, and only
 * then names are given (naming.h) and folders synced (lib/README.md, G1-G9, T1).
 */
#ifndef WEIR_COMMIT_H
#define WEIR_COMMIT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "bell.h"
#include "event.h"
#include "naming.h"
#include "publish.h"
#include "queue.h"
#include "settings.h"

/* What the committer works with; all of it outlives it. */
struct commit_plan {
	struct sys *sys;
	struct root *root;
	struct queue *queue;
	struct links *links;
	struct moves *moves;
	struct event_queue *events;
	struct tally *tally;
	struct loss_table *loss;
	const struct settings *settings;
	struct bell *bell;  /* rung when there is room to park */
	uint32_t units_max; /* of one group */
};

struct commit {
	pthread_mutex_t lock;
	struct bell due;   /* rung when there is something for the committer */
	struct bell *bell; /* rung when workers can park again */
	struct sys *sys;
	struct root *root;
	struct event_queue *events;
	struct tally *tally;
	const struct settings *settings;
	uint32_t units_max;	 /* by the descriptor budget */
	struct group open;	 /* being filled */
	_Atomic uint64_t serial; /* groups taken so far */
	_Atomic uint64_t done;	 /* groups finished */
	struct naming naming;
	/* The committer's own. */
	bool is_given;
	struct group given;    /* it has them, if so */
	struct group unsynced; /* named, to be counted after the next sync (G2) */
	bool earlier_synced;   /* what earlier copies hold, once for the run */
	_Atomic bool failed;   /* a sync of names failed (G6) */
};

int commit_open(struct commit *commit, const struct commit_plan *plan);
void commit_close(struct commit *commit);

/* Parks a unit.  False: the group is full, try again after it was taken. */
bool commit_park(struct commit *commit, struct unit *unit);

/* Drops a reference on FOLDER; a folder completed by it is parked to get its
 * final attributes with the group (or gets them now, where nothing parks). */
void commit_put_folder(struct commit *commit, struct folder *folder);

/* Somebody idles or needs room: the open group is to be committed now.  Returns
 * the serial that commit.done must reach, 0 when nothing is parked. */
uint64_t commit_hurry(struct commit *commit);

/* Publishes a unit at once (levels none and end). */
void commit_publish_now(struct commit *commit, struct unit *unit);

/* Commits the open group if it is due, or whatever there is when LAST.  True
 * if it did something. */
bool commit_step(struct commit *commit, bool last);

/* The final sync of names, or of everything at level end. */
void commit_finish(struct commit *commit, struct fs_table *table);

/* True when nothing is parked. */
bool commit_empty(struct commit *commit);

#endif
