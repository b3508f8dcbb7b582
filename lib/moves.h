/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A sync that moves: names of the source that go once what they name is safe in the
 * target.
 */
#ifndef WEIR_MOVES_H
#define WEIR_MOVES_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device.h"
#include "event.h"
#include "plan.h"
#include "root.h"
#include "settings.h"
#include "sys.h"
#include "tally.h"

#define MOVES_SLOTS 8U

struct moves_inode;

/* Names of one folder that are not in the plan yet. */
struct moves_slot {
	struct dir *dir; /* referenced; NULL: it is free */
	char *records;	 /* owned */
	size_t bytes;
	size_t room;
	uint64_t turn; /* when it was used last */
};

struct moves {
	pthread_mutex_t lock;
	struct root *root;
	struct plan plan; /* of what goes, by folders of the source */
	struct dir *top;  /* the source, referenced; NULL: nothing was added */
	struct moves_slot slots[MOVES_SLOTS];
	uint64_t turn;
	struct moves_inode *inodes; /* those with several names, by hash; owned */
	size_t inode_room;	    /* a power of 2, or 0 */
	size_t inode_count;
	bool failed; /* something could not be remembered: nothing goes */
};

/* 0 or -errno. */
int moves_open(struct moves *moves, struct root *root);
void moves_close(struct moves *moves);

/* The scan met a name that is to go, of what STAT tells about. */
void moves_meet(struct moves *moves, const struct sys_stat *stat);

/* What NAME in the folder DIR of the source named, when it was as STAT tells, is in the
 * target, and will be durable there when the run is over. */
void moves_add(struct moves *moves, struct dir *dir, const char *name, const struct sys_stat *stat);

/* What the end of a run works with. */
struct moves_end {
	struct fs_table *fs;
	const struct settings *settings;
	struct event_queue *events;
	struct tally *tally;
	const _Atomic int *cancel;
	const char *source_path; /* for messages */
};

/* All names that this run gave are durable: makes sure of what was there before, and
 * removes the names that are still what they were.  Failures are told. */
void moves_carry_out(struct moves *moves, const struct moves_end *end);

#endif
