/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bytes of two files compared, and those of the target that differ written.  It
 * is driven like a stream, and leaves in one what came of it.
 */
#ifndef WEIR_CONTRAST_H
#define WEIR_CONTRAST_H

#include <stdbool.h>
#include <stdint.h>

#include "extent.h"
#include "list.h"
#include "stream.h"

enum pair_state {
	PAIR_IDLE,
	PAIR_READ,
	PAIR_FULL,
	PAIR_HELD,
	PAIR_HOLLOW,
	PAIR_WRITE,
};

/* One slot, and the same range of both files in it. */
struct pair {
	struct list node; /* in a list of its contrast, or in none */
	enum pair_state state;
	bool in_hole; /* the source has a hole there */
	struct chunk source;
	struct chunk target;
	uint32_t at;	    /* bytes before it are settled */
	uint32_t differing; /* bytes of these that had to be written */
};

struct contrast_plan {
	uint64_t target_bytes; /* size of the target */
	bool target_mapped;    /* its map is worth asking for */
	bool punches;	       /* a hole of the source is made one in the target */
	bool find_zeros;       /* and so is every block of zeros that would be written */
	bool rewrites;	       /* what the target holds is not to be believed: all is written */
	bool judges;	       /* nothing is written: the first difference ends it */
	uint32_t block_bytes;  /* of the target's file system: what a hole is made of */
};

struct contrast {
	struct contrast_plan plan;
	struct extent_cursor map; /* of the target */
	struct extent source;	  /* the next data of either side that is not passed yet */
	struct extent target;
	bool in_hole;	    /* so is the range that is being read */
	bool differs;	    /* out: the two files do */
	bool may_write;	    /* contrast_allow() was called */
	struct list ready;  /* pairs that have something to issue, or to be compared */
	struct list held;   /* PAIR_HELD */
	struct list hollow; /* PAIR_HOLLOW */
	uint32_t flying;    /* reads and writes in flight */
	uint64_t kept_bytes;
};

/* PLAN says what is read, and how: both sides, the target with what writes to it
 * will be, too.  Its find_zeros, punch_to and to_end are not used. */
void contrast_begin(struct contrast *contrast, struct stream *stream,
		    const struct stream_plan *plan, const struct contrast_plan *more);

/* From now on the target may be written to.  Once `differs` is set, nothing goes on
 * without it but reading; judges never need it. */
void contrast_allow(struct contrast *contrast);

/* Issues what can be: writes before reads.  True if it wants a slot and there is
 * none. */
bool contrast_issue(struct contrast *contrast, struct stream *stream, const struct stream_env *env,
		    void *owner);

/* Applies a finished op, whatever its tag. */
void contrast_apply(struct contrast *contrast, struct stream *stream, const struct stream_env *env,
		    struct io_op *op);

/* True when all is compared, and what differs written but the tail; or it is known
 * that they differ, and that was all that was asked; or an error ended it. */
bool contrast_done(const struct contrast *contrast, const struct stream *stream);

#endif
