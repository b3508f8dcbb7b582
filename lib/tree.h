/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Trees into tasks: a folder is opened on both sides, listed one buffer at a
 * time, and turned into child folders and batches of entries.
 */
#ifndef WEIR_TREE_H
#define WEIR_TREE_H

#include <pthread.h>
#include <stdatomic.h>

#include "attic.h"
#include "earlier.h"
#include "event.h"
#include "filter.h"
#include "folder.h"
#include "landing.h"
#include "loss.h"
#include "moves.h"
#include "nameset.h"
#include "plan.h"
#include "queue.h"
#include "renames.h"
#include "settings.h"
#include "survey.h"

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
	/* Of a sync, else NULL: */
	struct survey *survey;
	struct plan *plan;
	struct moves *moves;	       /* names that are to go from the source, or NULL */
	struct chosen *chosen;	       /* names that it is limited to, or NULL */
	struct renames *renames;       /* NULL: none are looked for */
	const struct earlier *earlier; /* or NULL: none */
	struct attic *trash;	       /* NULL: what goes is unlinked */
	struct attic *backups;	       /* NULL: backups stay in their folders */
	const char *target_path;       /* DEST */
	bool target_made;	       /* by this run */
	_Atomic bool plans_first;      /* what is to go is planned before anything is copied */
	pthread_mutex_t told_lock;
	struct nameset told;  /* errors of a scan that is followed by another one */
	pthread_mutex_t turn; /* scans that tell what they find take turns */
	struct landing landing;
	_Atomic uint64_t scans; /* folders whose listing has not ended */
};

/* An entry as the kernel lists it. */
struct tree_dirent {
	uint64_t inode;
	int64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

/* One step of a scan. */
struct listing {
	struct folder *folder;
	int fd;
	int target_fd;		       /* of a sync; -1: there is nothing of it in the target */
	int earlier_fds[EARLIER_MOST]; /* -1: an earlier copy has no such folder */
	uint32_t earlier_count;	       /* of these that are set */
	struct list children;	       /* folders that were found */
	struct batch *batch;	       /* the other entries; NULL: none yet */
	char *path;		       /* of the entry, where it is needed; else NULL */
	size_t head_bytes;	       /* of the folder in it, with a slash */
	size_t path_bytes;
	uint64_t there;		 /* entries of a sync that the target has, too */
	struct chosen_part part; /* of the entry that is looked at; whole: it is chosen */
	struct nameset names;	 /* of a sync, all of this step */
	bool names_known;	 /* they are all of the folder */
	bool synced;		 /* the target folder was, for what is moved */
};

/* 0 or -errno; the fields above are the caller's to set after it. */
int tree_open(struct tree *tree);
void tree_close(struct tree *tree);

/* Scans whose findings are told in order are done one after the other: true if it is the
 * caller's turn, to be given back. */
bool tree_take_turn(struct tree *tree);
void tree_give_turn(struct tree *tree);

/* Something is to be done in the target of FOLDER, which is open as FD: if it is ours and
 * closed to us, it is opened up until its end. */
void tree_open_up(struct tree *tree, struct folder *folder, int fd);

/* An entry waits until what is in its place was removed. */
void tree_put_off(struct tree *tree, struct batch *batch);

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
