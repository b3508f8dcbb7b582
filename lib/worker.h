/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A worker: a ring, an arena, a table of jobs; and what all workers share.
 */
#ifndef WEIR_WORKER_H
#define WEIR_WORKER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "arena.h"
#include "commit.h"
#include "job.h"
#include "pressure.h"
#include "tree.h"

/* What the workers of a run share. */
struct worker_shared {
	struct sys *sys;
	struct root *root;
	struct fs_table *fs;
	struct queue *queue;
	struct tree *tree;
	struct commit *commit;
	struct event_queue *events;
	struct tally *tally;
	struct loss_table *loss;
	struct asks *asks;
	struct claims *claims;
	struct label_policy *labels; /* or NULL */
	bool pours;		     /* the target is a stream, of one source */
	struct links *links;
	struct bell *bell;
	const struct settings *settings;
	const struct fs *target_fs; /* of the target operand */
	const char *target_path;
	_Atomic int cancel;	    /* enum weir_cancel, 0: go on */
	_Atomic unsigned ways_told; /* bits of enum job_way told by --explain */
	_Atomic unsigned write_errors;
	_Atomic uint32_t live;	  /* jobs of all workers */
	_Atomic uint32_t wanting; /* of these waiting for room (G7) */
	_Atomic uint32_t alive;	  /* workers that started, or may yet */
	atomic_flag room_token;	  /* held while one of them is let go */
	_Atomic bool source_gone; /* A15: told, and the run is ending */
	_Atomic bool dropped;	  /* a cancel left something undone: */
	_Atomic uint64_t left_entries;
	_Atomic uint64_t left_folders; /* with what they hold, as far as it was not listed */
	/* The rest is about others on this machine, see manners.c. */
	struct pace *pace;	   /* or NULL: nothing limits or stops the bytes */
	uint64_t stop_ns;	   /* when its time is over, CLOCK_MONOTONIC; 0: never */
	_Atomic bool time_over;	   /* that ended it */
	_Atomic bool removes;	   /* it has yet to remove what SOURCE does not have */
	_Atomic int io_priority;   /* of its threads, as ioprio_set(2) has it; 0: as they were */
	_Atomic bool refusal_told; /* that this or the CPU's could not be set */
	struct pressure pressure;  /* of who holds `looking` */
	atomic_flag looking;
	_Atomic uint64_t look_ns; /* when to look next; UINT64_MAX: no more */
	bool standing_back_told;  /* as `pressure` */
	bool have_proc;
	bool is_root;
};

struct worker_plan {
	enum weir_engine engine;
	struct arena_plan arena;
	bool registers; /* its share of RLIMIT_MEMLOCK is in the plan */
	uint32_t jobs;	/* by the descriptor budget */
};

struct worker {
	struct worker_shared *shared;
	struct worker_plan plan;
	struct job_env env;
	struct io io;
	struct arena arena;
	struct chunk chunks[LIMIT_SLOTS_MAX];
	struct pair pairs[LIMIT_SLOTS_MAX];
	struct job *jobs;
	uint32_t live; /* jobs not free */
	struct list free;
	struct list runnable;
	struct list waiting; /* for the committer, room or a slot: T3 */
	struct batch *batch;
	struct dir *held[2]; /* sides of its folder, pinned and referenced */
	bool growing;	     /* nothing is issued until the arena has grown */
	bool opened;
	bool moved;	   /* a job ended in this turn */
	uint32_t failures; /* of the ring itself */
};

/* Makes a worker; its ring is opened by worker_start() in its own thread. */
struct worker *worker_new(struct worker_shared *shared, const struct worker_plan *plan);
int worker_start(struct worker *worker);

/* In the thread that started it: only that one may take its ring's buffers back. */
void worker_stop(struct worker *worker);
void worker_free(struct worker *worker);

/* Registers the arena, or less of it.  GROWING: slots may be in use. */
void worker_register(struct worker *worker, bool growing);

/* Keeps both sides of a batch's folder pinned, so that its entries pin them
 * without a lock.  FOLDER NULL: lets go. */
void worker_hold(struct worker *worker, const struct folder *folder);

/* Asks all workers to end; async-signal-safe. */
void worker_cancel(struct worker_shared *shared, enum weir_cancel how);

#endif
