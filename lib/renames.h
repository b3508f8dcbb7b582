/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files that moved in the source: what is to be made is looked for among what is to be
 * removed, and if it is there becomes one more name of it, before the old one goes.
 */
#ifndef WEIR_RENAMES_H
#define WEIR_RENAMES_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "event.h"
#include "plan.h"
#include "queue.h"
#include "root.h"
#include "settings.h"
#include "tally.h"

/* A file that DEST does not have. */
struct rename_wish {
	struct batch *batch; /* its one entry, deferred */
	struct sys_stat source;
	char *path;	/* below DEST, owned; NULL: it is not told */
	char *from;	/* where it was found, owned, or NULL */
	uint64_t stamp; /* of both, once it is there under both names */
	size_t next;	/* with the same key, plus 1; 0: none */
};

/* A file that got another name. */
struct rename_taken {
	uint64_t device;
	uint64_t inode;
};

struct renames {
	pthread_mutex_t lock;
	struct rename_wish *wishes;
	size_t count;
	size_t room;
	struct rename_taken *taken; /* sorted once all is settled */
	size_t taken_count;
	size_t taken_room;
};

/* What a search works with. */
struct renames_env {
	struct root *root;
	struct queue *queue;
	struct plan *plan;
	struct event_queue *events;
	struct tally *tally;
	const struct settings *settings;
	struct dir *target; /* DEST */
	bool through_proc;  /* descriptors are linked through /proc */
};

/* 0 or -errno. */
int renames_open(struct renames *renames);
void renames_close(struct renames *renames);

/* Keeps ENTRY of FOLDER, a new regular file that SOURCE tells about, until the whole
 * scan is over.  False: it is to be copied at once; there are too many, or it cannot
 * have been another file. */
bool renames_wish(struct renames *renames, struct queue *queue, struct folder *folder,
		  const struct entry *entry, const struct sys_stat *source, const char *path);

/* The plan is whole: looks for all that was wished, tells what becomes of it, and sends
 * it back through the queue.  SEARCH: false after a cancel. */
void renames_settle(struct renames *renames, const struct renames_env *env, bool search);

/* True if what has this number got another name, so that the old one is no loss. */
bool renames_took(const struct renames *renames, uint64_t device, uint64_t inode);

#endif
