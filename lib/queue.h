/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The work that the workers share: folders to scan, last in, first out, and
 * batches of entries to copy, first in, first out.
 */
#ifndef WEIR_QUEUE_H
#define WEIR_QUEUE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bell.h"
#include "folder.h"
#include "list.h"

/* Up to LIMIT_BATCH_NAMES entries of one folder. */
struct batch {
	struct list node;
	struct folder *folder; /* referenced once for each entry */
	bool retry;	       /* a second try after a failed write-back (G4) */
	bool counted;	       /* its entry was counted before */
	bool retyped;	       /* its entry was another type when it was listed */
	bool last;	       /* nothing else was left when it came */
	int unlinked;	       /* -errno: why its entry could not be linked */
	uint32_t count;
	uint32_t taken;	 /* entries handed to jobs */
	size_t bytes;	 /* of names used */
	size_t room;	 /* of names at all */
	size_t position; /* of the next entry to hand out */
	char names[];	 /* each: type byte, inode, name, NUL, target name, NUL */
};

/* Beside the DT_ word of an entry: its last component is a link to be followed. */
#define ENTRY_FOLLOW 0x80
/* Its data is right: it gets attributes only. */
#define ENTRY_ADJUST 0x40
/* It becomes another inode, even where files are written in place. */
#define ENTRY_ANEW 0x20
/* What it was compared with is an earlier copy's: it becomes a link to that, or, with
 * ENTRY_ADJUST, has the data of that. */
#define ENTRY_EARLIER 0x10
#define ENTRY_BITS (ENTRY_FOLLOW | ENTRY_ADJUST | ENTRY_ANEW | ENTRY_EARLIER)

struct entry {
	unsigned char type; /* DT_ word */
	bool follow;	    /* ENTRY_FOLLOW was set */
	bool adjusts;	    /* ENTRY_ADJUST was set */
	bool anew;	    /* ENTRY_ANEW was set */
	bool earlier;	    /* ENTRY_EARLIER was set */
	union {
		uint64_t inode; /* as its listing told, a hint only; 0: not known */
		uint64_t stamp; /* of what was compared: content_stamp() of both sides */
	};
	const char *name;
	const char *target_name; /* same as name but for operands */
};

/* Bytes of an entry in a batch beside its two names. */
#define ENTRY_FIXED_BYTES (1 + sizeof(uint64_t) + 2)

/* WORD: a DT_ word, with the bits above or not. */
static inline struct entry entry_of(unsigned char word, const char *name, const char *target_name)
{
	return (struct entry){
		.type = (unsigned char)(word & ~ENTRY_BITS),
		.follow = (word & ENTRY_FOLLOW) != 0,
		.adjusts = (word & ENTRY_ADJUST) != 0,
		.anew = (word & ENTRY_ANEW) != 0,
		.earlier = (word & ENTRY_EARLIER) != 0,
		.name = name,
		.target_name = target_name,
	};
}

struct queue {
	pthread_mutex_t lock;
	struct bell *bell; /* rung when there is work */
	struct bell *idle; /* rung when there is none left */
	struct list scans;
	struct list batches;
	struct list last; /* batches that come when nothing else is left */
	uint32_t batch_count;
	_Atomic uint64_t outstanding; /* scans and entries queued or being worked on */
	_Atomic uint64_t deferred;    /* of these entries that wait for others */
	bool closed;
};

int queue_open(struct queue *queue, struct bell *bell, struct bell *idle);
/* Only after all workers ended and nothing is left. */
void queue_close(struct queue *queue);

/* Puts a folder on top of the stack; its scan reference goes with it. */
void queue_push_scan(struct queue *queue, struct folder *folder);

/* After one buffer of a listing: puts the folder AGAIN (or NULL: it ended) on
 * the stack and the CHILDREN that were found above it; empties the list. */
void queue_push_found(struct queue *queue, struct folder *again, struct list *children);

/* Appends a batch, whatever the queue's size: a scan is only begun while there
 * is room, so the overshoot is one listing for each worker. */
void queue_push_batch(struct queue *queue, struct batch *batch);

/* One entry alone, for a second try: of its data (G4), or, with UNLINKED below 0,
 * because it could not be a hard link.  0 or -ENOMEM. */
int queue_push_retry(struct queue *queue, struct folder *folder, const struct entry *entry,
		     int unlinked);

/* One entry alone that comes back when nothing else is left.  0 or -ENOMEM. */
int queue_push_last(struct queue *queue, struct folder *folder, const struct entry *entry);

/* An entry will come by queue_push_deferred(): until then it is outstanding. */
void queue_defer(struct queue *queue);
void queue_push_deferred(struct queue *queue, struct batch *batch);

/* The oldest batch, or NULL. */
struct batch *queue_take_batch(struct queue *queue);

/* The newest folder, or NULL; also NULL while batches are plentiful, because
 * then copying comes first, unless DISCARDING. */
struct folder *queue_take_scan(struct queue *queue, bool discarding);

/* One piece of work (scan or entry) is over. */
void queue_finish_work(struct queue *queue, uint64_t count);

/* Nothing is queued or worked on. */
bool queue_idle(struct queue *queue);

/* Nothing is left but what waits for others. */
bool queue_stalled(struct queue *queue);

/* No more work will come: workers may go. */
void queue_shut(struct queue *queue);
bool queue_is_shut(struct queue *queue);

struct batch *batch_new(struct folder *folder, size_t room);
/* A batch of one entry that was counted before, or NULL. */
struct batch *batch_of_one(struct folder *folder, const struct entry *entry);
/* False: no room left, or full. */
bool batch_add(struct batch *batch, const struct entry *entry);
/* The next entry; false at the end.  Its names live as long as the batch. */
bool batch_next(struct batch *batch, struct entry *entry);

#endif
