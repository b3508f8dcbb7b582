/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The second half of group commit: units whose data is on the disk get their
 * names, and folders that are complete their final attributes.  It has threads
 * of its own, so that the committer syncs the next group meanwhile
 * (lib/README.md, G2, T1).
 */
#ifndef WEIR_NAMING_H
#define WEIR_NAMING_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "bell.h"
#include "event.h"
#include "loss.h"
#include "moves.h"
#include "publish.h"
#include "queue.h"
#include "settings.h"

/* A group of one file system: what is committed together. */
struct group {
	struct list units;    /* complete, without their names */
	struct list named;    /* have them, or were lost on the way */
	struct list folders;  /* complete, children before parents */
	struct list finished; /* have their final attributes */
	struct fs *fs;	      /* G1: one superblock; NULL while it has only folders */
	uint32_t count;	      /* units that were parked in it */
	uint64_t bytes;
	uint64_t dirty_bytes;
	uint64_t opened_ns;
	bool urgent;   /* somebody waits for it */
	bool whole;    /* its data was synced by one syncfs */
	bool nodes;    /* some without descriptors were changed after they were named */
	bool inherits; /* some become inodes of earlier copies */
	/* Regular files that were named, and are not known to be durable. */
	uint64_t files;
	uint64_t files_bytes;
	uint64_t files_counted; /* bytes of these told as durable already (G9) */
};

struct naming {
	struct sys *sys;
	struct root *root;
	struct queue *queue;
	struct event_queue *events;
	struct tally *tally;
	struct loss_table *loss;
	struct links *links;
	struct moves *moves;
	const struct settings *settings;
	_Atomic bool dropping; /* second signal: nothing gets a name any more */
	_Atomic bool dropped;  /* a unit got no name for that */
	_Atomic bool ending;   /* cancelled: folders may be incomplete, and are not sealed */
	_Atomic bool unsure;   /* flags that came last are not known to be durable */
	_Atomic bool poured;   /* bytes went into a stream that could not be synced */
	_Atomic bool astray;   /* a target folder was moved: the run is to stop */
	struct list late;      /* under the lock: what is sealed when all is named */
	pthread_mutex_t lock;
	struct group *group; /* under the lock: what is being named; NULL: nothing */
	uint32_t busy;	     /* under the lock: threads that name units of it now */
	bool stopped;	     /* under the lock: no group comes any more */
	_Atomic uint32_t threads;
	struct bell given; /* rung when there is a group, or none any more */
	struct bell over;  /* rung when a group is named */
};

/* 0 or -errno.  The fields up to `settings` are the caller's to set after it. */
int naming_open(struct naming *naming);
void naming_close(struct naming *naming);

void group_init(struct group *group);
void group_init_lists(struct group *group);

/* The body of a naming thread; returns after naming_stop(). */
void naming_run(struct naming *naming);
void naming_stop(struct naming *naming);

/* Hands over GROUP, which is the caller's again after naming_wait().  With no
 * thread to do it, it is done now.  The one before must have been waited for. */
void naming_give(struct naming *naming, struct group *group);

/* Returns when no group is being named. */
void naming_wait(struct naming *naming);

/* Gives one unit its name at once, and lets go of its descriptor; its reference
 * on the folder stays (levels none and end). */
void naming_publish_now(struct naming *naming, struct unit *unit);

/* The last flags of what could have more names until now; nothing else is left to
 * be named. */
void naming_finish_late(struct naming *naming);

/* Final attributes of one complete folder (P4). */
void naming_finish_folder(struct naming *naming, struct folder *folder);

/* Drops a unit that was lost on its way to the disk: copied once more, with an
 * fsync of its own; failing again, it has failed (G4, G5). */
void naming_lose(struct naming *naming, struct unit *unit, int result);

/* Posts ERROR about FOLDER, or the entry NAME of it. */
void naming_post_error(struct naming *naming, const struct error *error,
		       const struct folder *folder, const char *name);

#endif
