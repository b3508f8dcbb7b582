/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bytes of one source to one target, chunk by chunk.
 */
#ifndef WEIR_STREAM_H
#define WEIR_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "error.h"
#include "extent.h"
#include "io.h"
#include "list.h"
#include "pace.h"
#include "tally.h"

enum chunk_state {
	CHUNK_IDLE,
	CHUNK_READ,
	CHUNK_FULL,
	CHUNK_WRITE,
};

struct chunk {
	struct list node; /* in stream.ready while it has something to issue */
	enum chunk_state state;
	struct slot *slot;
	uint8_t *data;	       /* its bytes: all of the slot, or half of it */
	uint32_t room;	       /* bytes there */
	bool of_target;	       /* it is read from the target, to be compared */
	uint64_t offset;       /* in source and target, bytes */
	uint32_t want;	       /* bytes to read */
	uint32_t filled;       /* bytes read */
	uint32_t valid;	       /* bytes to write; whole blocks when direct */
	uint32_t length;       /* where the run that is being written ends */
	uint32_t written;      /* bytes */
	uint32_t tries;	       /* transfers in a row that moved nothing */
	uint32_t cut;	       /* where a direct read ended inside a block, or 0 */
	bool direct;	       /* its last transfer was */
	bool may_leave_direct; /* one was, and none was refused yet */
	bool unregistered;     /* its buffer is used as plain memory from now on */
	bool flies;	       /* of a pair (contrast.h): it has an op */
};

/* What became of a transfer of a chunk. */
enum chunk_answer {
	CHUNK_AGAIN,	/* it is to be issued again, for the rest */
	CHUNK_COMPLETE, /* all of it moved, or the file ended */
	CHUNK_FAILED,	/* the stream's error says why */
};

struct pair;

struct stream_plan {
	int source_fd;
	int target_fd;
	uint64_t size_bytes; /* not looked at when to_end */
	bool to_end;	     /* size unknown: read until the end, in order */
	bool read_direct;
	bool write_direct;
	bool write_now;	      /* by plain pwrite on the worker */
	bool read_now;	      /* by plain pread */
	bool sparse;	      /* the source's map is worth asking for */
	bool find_zeros;      /* blocks of zeros are not written: the target is all hole */
	bool in_blocks;	      /* ranges are whole blocks, whatever aligns transfers */
	bool pad_tail;	      /* P6: the tail is written padded, the size set after */
	bool bound_dirty;     /* G9: write-back is started and waited for */
	uint32_t align_bytes; /* of direct transfers */
	bool small;	      /* fits one small slot */
	uint32_t depth;	      /* most chunks at a time; 1 when to_end */
	uint64_t punch_to;    /* the target has other bytes up to here: those where the map
				 has no data are emptied; 0: it has none */
};

struct stream {
	struct stream_plan plan;
	struct extent_cursor extents;
	struct extent extent; /* being read: [start, end) is still to do */
	uint64_t extent_end;  /* ranges before this were handed out */
	uint64_t end;	      /* where the source ended, at most size_bytes */
	uint64_t written_bytes;
	uint32_t live;	   /* chunks that are not IDLE */
	struct list ready; /* chunks that have something to issue */
	struct error error;
	uint8_t *tail; /* last partial block, written after the rest */
	uint32_t tail_bytes;
	uint64_t tail_offset;
	uint64_t synced_to;	/* G9: write-back started up to here */
	uint64_t dirty_bytes;	/* buffered, not waited for; also in tally.dirty_bytes */
	bool lost;		/* G4: the error is one of write-back */
	bool sync_live;		/* G9: an fdatasync of the growing file runs */
	uint64_t sync_ns;	/* when the last began */
	uint64_t sync_bytes;	/* written when it began */
	uint64_t durable_bytes; /* counted as durable before the file is */

	struct pace_claim claim; /* of the next read; without a size, of the next write */
};

/* What a stream works with; all belong to one worker. */
struct stream_env {
	struct sys *sys;
	struct io *io;
	struct arena *arena;
	struct chunk *chunks; /* LIMIT_SLOTS_MAX, by slot index */
	struct tally *tally;
	struct pace *pace;  /* or NULL: it moves as fast as it can */
	struct pair *pairs; /* LIMIT_SLOTS_MAX, by slot index, of contrast.h */
};

void stream_begin(struct stream *stream, const struct stream_plan *plan);

/* The same for a target that holds all bytes already. */
void stream_begin_done(struct stream *stream, const struct stream_plan *plan);

/* Issues what can be: writes before reads.  True if it wants a slot and there
 * is none. */
bool stream_issue(struct stream *stream, const struct stream_env *env, void *owner);

/* True if nothing of it is in flight because it must not move more before
 * claim.due_ns. */
bool stream_is_paced(const struct stream *stream);

/* Applies a finished op (its tag is the chunk, or STREAM_SYNC_TAG). */
void stream_apply(struct stream *stream, const struct stream_env *env, struct io_op *op);

#define STREAM_SYNC_TAG UINT32_MAX

/* True when all is written but the tail, or an error ended it. */
bool stream_done(const struct stream *stream);

/* Writes the last partial block, if it was kept back.  0 or -errno with the
 * stream's error set. */
int stream_write_tail(struct stream *stream, const struct stream_env *env);

/* Frees what it holds; no chunk may be live. */
void stream_end(struct stream *stream, const struct stream_env *env);

/* True if the range that was found may be read now (S7); then stream_pay() says how
 * much of it, at most WANT bytes. */
bool stream_may_read(struct stream *stream, const struct stream_env *env);
uint32_t stream_pay(struct stream *stream, const struct stream_env *env, uint32_t want);

/* ---- the life of a chunk, for contrast, which has two for each range ---- */

/* Sets the error, unless there is one. */
void stream_fail(struct stream *stream, long result, enum error_side side, const char *operation,
		 uint64_t offset);

/* Issues a read or a write of the rest of CHUNK.  Its tag is the index of its slot,
 * and LIMIT_SLOTS_MAX more if it reads the target. */
void stream_issue_chunk(struct stream *stream, const struct stream_env *env, struct chunk *chunk,
			void *owner);

/* Takes in the RESULT of that, which no error came before. */
enum chunk_answer stream_take_read(struct stream *stream, const struct stream_env *env,
				   struct chunk *chunk, int32_t result);
enum chunk_answer stream_take_write(struct stream *stream, const struct stream_env *env,
				    struct chunk *chunk, int32_t result);

/* Gives the slot back. */
void stream_chunk_idle(struct stream *stream, const struct stream_env *env, struct chunk *chunk);

/* Keeps the last BYTES of a chunk back, which are no whole block (S4). */
bool stream_keep_tail(struct stream *stream, const struct chunk *chunk, uint32_t bytes);

/* Empties [START, END) of the target.  False: it takes no holes, so zeros are to be
 * written there. */
bool stream_punch(struct stream *stream, struct sys *sys, uint64_t start, uint64_t end);

/* G9: a buffered file is written back as it is written, up to OFFSET; a large one is
 * synced as it grows. */
void stream_bound_dirty(struct stream *stream, const struct stream_env *env, uint64_t offset);
void stream_sync_growing(struct stream *stream, const struct stream_env *env, void *owner);

#endif
