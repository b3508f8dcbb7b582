/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The delete plan of a sync: a row of records, in groups.  A group is about one folder
 * of the target, and what is to go of it, folders after all they hold.
 */
#ifndef WEIR_PLAN_H
#define WEIR_PLAN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "inodes.h"
#include "limits.h"
#include "list.h"
#include "root.h"
#include "spill.h"

enum plan_kind {
	PLAN_GROUP = 1,	   /* a folder of the target: its inode, no name */
	PLAN_STEP,	   /* a component of its path from DEST down */
	PLAN_STEP_LINK,	   /* the same, which may be a link */
	PLAN_ENTER,	   /* into a folder that is to go, or of which something is */
	PLAN_REMOVE,	   /* an entry that is no folder */
	PLAN_LEAVE,	   /* out of a folder, which is empty now and goes */
	PLAN_LEAVE_KEPT,   /* out of one that stays, for what it holds */
	PLAN_LEAVE_VACANT, /* out of one that is empty now; what takes its name removes it */
	PLAN_END,	   /* of the group */
};

/* True if that takes something away. */
static inline bool plan_removes(enum plan_kind kind)
{
	return kind == PLAN_REMOVE || kind == PLAN_LEAVE || kind == PLAN_LEAVE_VACANT;
}

/* True if that is the end of what PLAN_ENTER began. */
static inline bool plan_leaves(enum plan_kind kind)
{
	return kind == PLAN_LEAVE || kind == PLAN_LEAVE_KEPT || kind == PLAN_LEAVE_VACANT;
}

struct plan_record {
	enum plan_kind kind;
	uint32_t mode; /* st_mode, of what is removed */
	uint64_t device;
	uint64_t inode;
	uint64_t size_bytes;   /* of a file that goes */
	struct timespec mtime; /* the same */
	struct timespec ctime;
	char name[LIMIT_NAME_BYTES];
};

/* Where a reader of the plan is. */
struct plan_cursor {
	char *path; /* of the record below DEST, owned; of a step: as far as it goes */
	size_t path_bytes;
	size_t room;
	size_t group_bytes; /* of its group's folder */
	size_t *levels;	    /* of the folders that were entered, owned */
	size_t depth;
	size_t level_room;
	bool behind_link; /* its group is reached through a link */
};

struct plan {
	pthread_mutex_t lock; /* held by who writes a group */
	struct spill spill;
	uint64_t removals;
	uint64_t told;		 /* failures of planning: what they are about stays */
	uint64_t moved;		 /* of these, files that got another name before */
	_Atomic uint64_t listed; /* entries of the target that were there */
	struct list put_off;	 /* batches of what comes into the place of what goes */
	struct inodes vacant;	 /* folders that are empty now, for these */
	int failed;		 /* -errno: it is incomplete, and of no use */
	_Atomic bool over;	 /* it was read: nothing is added any more */
};

/* 0 or -errno. */
int plan_open(struct plan *plan, struct sys *sys);
void plan_close(struct plan *plan);

/* Makes the file that it may need, while that may be made. */
void plan_prepare(struct plan *plan);

/* Keeps BATCH, which was deferred, until the removals are over; *taken back in order. */
void plan_put_off(struct plan *plan, struct list *node);
struct list *plan_take_put_off(struct plan *plan);

/* The folder INODE of DEVICE is empty, and something else may take its name; before
 * anything that was put off is taken back.  0 or -ENOMEM. */
int plan_vacate(struct plan *plan, uint64_t device, uint64_t inode);
bool plan_is_vacant(const struct plan *plan, const struct sys_stat *stat);

/* Begins the group of DIR, whose descriptor is FD; plan_end() ends it.  Others wait. */
void plan_begin(struct plan *plan, const struct dir *dir);
void plan_add(struct plan *plan, enum plan_kind kind, const char *name,
	      const struct sys_stat *stat);
void plan_end(struct plan *plan);

/* True once the plan was read. */
bool plan_is_over(const struct plan *plan);

void plan_count_listed(struct plan *plan, uint64_t count);

/* To the first record; nothing is added any more.  0 or -errno. */
int plan_rewind(struct plan *plan);

/* The next record: 1, 0 at the end, or -errno.  CURSOR is all zero at first, and to be
 * released in the end. */
int plan_next(struct plan *plan, struct plan_cursor *cursor, struct plan_record *record);
void plan_release(struct plan_cursor *cursor);

/* The path for messages of what lies at PATH below TOP, to be freed. */
char *plan_path_below(const char *top, const char *path);

#endif
