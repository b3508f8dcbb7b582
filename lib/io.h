/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What one asynchronous operation is, and the contract of a backend.
 *
 * An op is a slot in a fixed table and goes free -> queued -> done -> free.
 * io_issue() answers DONE (the result is there already), QUEUED, or BUSY (try
 * again after a turn).  io_turn() submits what is queued and moves what the
 * kernel finished to the done list, from where io_take_done() hands it to the
 * engine.  Nothing is called back, ever.
 */
#ifndef WEIR_IO_H
#define WEIR_IO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "arena.h"
#include "limits.h"
#include "list.h"
#include "sys.h"
#include "tally.h"

enum io_kind {
	IO_OPEN,
	IO_READ,
	IO_WRITE,
	IO_FSYNC,
	IO_NOP,
};

enum io_state {
	IO_FREE,
	IO_TAKEN, /* handed out, not issued yet */
	IO_QUEUED,
	IO_DONE,
};

enum io_answer {
	IO_ANSWER_DONE,
	IO_ANSWER_QUEUED,
	IO_ANSWER_BUSY,
};

struct io_op {
	struct list node; /* in the free or the done list */
	enum io_kind kind;
	enum io_state state;
	uint16_t index;
	uint16_t generation;
	bool immediate;	  /* by a plain call, whatever the backend */
	bool datasync;	  /* FSYNC: data and size only */
	int fd;		  /* OPEN: the folder */
	const char *name; /* OPEN; must live until done */
	int open_flags;
	uint8_t *data;
	uint32_t length;	 /* bytes */
	int64_t offset;		 /* bytes */
	const struct slot *slot; /* buffer DATA points into, or NULL */
	int32_t result;		 /* >= 0 or -errno */
	struct sys_op point;	 /* for the point, in builds that have one */
	void *owner;		 /* for the engine */
	uint32_t tag;		 /* for the owner */
};

struct io;

struct io_backend {
	const char *name;
	enum io_answer (*issue)(struct io *io, struct io_op *op);
	/* Hands over what is queued; waits up to TIMEOUT_MS for one completion
	 * if ops are queued and none is done.  0 or -errno (fatal). */
	int (*turn)(struct io *io, int timeout_ms);
	/* Makes the ready part of the arena known to the kernel, in place of
	 * what was known before; nothing may be in flight.  0 or -errno. */
	int (*register_arena)(struct io *io, struct arena *arena);
	void (*close)(struct io *io);
};

struct io {
	const struct io_backend *backend;
	void *backend_state;
	struct sys *sys;
	struct tally *tally;
	struct list free;
	struct list done;
	struct list late;   /* done, and to be taken last: a fault */
	uint32_t queued; /* ops in state QUEUED */
	uint32_t taken;	 /* ops not free */
	bool registered; /* the arena's ready part is */

	uint16_t priority; /* of transfers, as ioprio_set(2) has it; 0: the thread's */
	struct io_op ops[LIMIT_OPS];
};

/* Empties the table; the backend is set by its own open function. */
void io_init(struct io *io, struct sys *sys, struct tally *tally);

/* An op to fill in, or NULL when all are in use. */
struct io_op *io_take(struct io *io, enum io_kind kind, void *owner, uint32_t tag);

/* Issues a filled op.  DONE: it is on the done list. */
enum io_answer io_issue(struct io *io, struct io_op *op);

int io_turn(struct io *io, int timeout_ms);

/* The next op that is done, or NULL. */
struct io_op *io_take_done(struct io *io);

/* Gives a done (or never issued) op back. */
void io_give(struct io *io, struct io_op *op);

/* For backends: sets the result and moves a queued op to the done list. */
void io_finish(struct io *io, struct io_op *op, int32_t result);

/* For backends: the operation by plain system calls; its result. */
int32_t io_perform(struct io *io, const struct io_op *op);

/* For backends: an op that no plain call makes passes the point (point.h), before it
 * and after it.  False: it is not to be made, op->point.result stands for it.  It may be
 * made in part: op->point.length bytes. */
bool io_begin(struct io *io, struct io_op *op);
int32_t io_end(struct io *io, struct io_op *op, int32_t result);

/* True if something is queued, or done and not taken. */
bool io_is_busy(const struct io *io);

void io_close(struct io *io);

#endif
