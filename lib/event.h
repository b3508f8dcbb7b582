/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Events: what a run tells its caller.  Workers wait while the queue is full;
 * the committer never does (T1): it posts what was counted in when the file
 * was parked, and a group is bounded.
 */
#ifndef WEIR_EVENT_H
#define WEIR_EVENT_H

#include <pthread.h>
#include <stdbool.h>

#include "bell.h"
#include "error.h"
#include "limits.h"
#include "list.h"
#include "tally.h"
#include "weir.h"

struct weir_event {
	struct list node;
	enum weir_event_type type;
	enum weir_action action;
	enum weir_side side;
	int errnum;
	int64_t offset;
	uint64_t bytes;
	enum weir_property property; /* LOSS: what, */
	enum weir_keep keep;	     /* whether it was required, */
	uint64_t count;		     /* by how many entries */
	enum weir_residue residue;   /* ENTRY of a clean */
	unsigned changes;	     /* ENTRY of a sync: bits of enum weir_change, */
	unsigned mode;		     /* and st_mode of the entry */
	const char *operation;	     /* static */
	const char *text;	     /* NULL, or behind the path once posted */
	const char *other;	     /* the same */
	char path[];
};

struct event_queue {
	pthread_mutex_t lock;
	pthread_cond_t room;
	struct list events;
	unsigned count;
	struct weir_event *spare; /* for when there is no memory, or NULL */
	bool unbounded;		  /* nobody reads beside us, or the reader is gone */
	int notify_fd;		  /* eventfd, or -1 */
	_Atomic unsigned classes; /* bits of EVENT_CLASS_: what the result rests on */
	struct tally *tally;
	uint64_t told[LIMIT_TOLD]; /* digests of the last errors told, the oldest overwritten */
	unsigned told_count;
	enum weir_on on_change; /* what sources that changed or vanished are */
	enum weir_on on_vanish;
};

#define EVENT_CLASS_FAILED 1U
#define EVENT_CLASS_CHANGED 2U
#define EVENT_CLASS_FULL 4U
#define EVENT_CLASS_FATAL 8U
#define EVENT_CLASS_REFUSED 16U
#define EVENT_CLASS_BUSY 32U
#define EVENT_CLASS_LIMIT 64U

/* 0 or -errno.  NOTIFY_FD may be -1. */
int event_queue_open(struct event_queue *queue, struct tally *tally, int notify_fd);
void event_queue_close(struct event_queue *queue);

/* Posts an event; PATH and its texts are copied.  MAY_WAIT: the caller is a worker. */
void event_post(struct event_queue *queue, const struct weir_event *event, const char *path,
		bool may_wait);

/* Posts a failure or warning and sets its class.  What vanished is one or the
 * other, or nothing (V3); what was told just now is not told again (V4). */
void event_post_error(struct event_queue *queue, const struct error *error, const char *path,
		      bool may_wait);

/* Posts what entries lost; sets the class of a failure where it was required.
 * Never waits. */
void event_post_loss(struct event_queue *queue, const struct weir_event *loss, const char *path);

/* True if an event can be posted without going beyond the bound. */
bool event_has_room(struct event_queue *queue);

/* Waits until the reader has made room. */
void event_wait_room(struct event_queue *queue);

/* Takes the oldest event, or NULL.  The caller frees it. */
struct weir_event *event_take(struct event_queue *queue);

/* True if there is an event to take. */
bool event_pending(struct event_queue *queue);

/* From now on nobody waits for room: the reader is gone or is us. */
void event_unbound(struct event_queue *queue);

/* Wakes a reader that polls the notify descriptor. */
void event_notify(struct event_queue *queue);

#endif
