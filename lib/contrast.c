/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pairs: one slot of the arena, the same range of both files in its two halves.  So
 * who has a slot has all that a pair needs, and no pair waits for another one.
 *
 *   State        True here                            Then
 *   PAIR_IDLE    no op names this slot                READ when a range is left
 *   PAIR_READ    a read for the unfilled rest of a    both are there, or ended -> FULL;
 *                half, or of both, or in the ready    an error ends the contrast
 *                list for one
 *   PAIR_FULL    both halves are there, no op, in     the same -> IDLE; other bytes ->
 *                the ready list                       WRITE, or HELD while the target
 *                                                     has no mark; zeros -> HOLLOW
 *   PAIR_HELD    bytes differ, no op                  contrast_allow() -> FULL
 *   PAIR_HOLLOW  zeros are to become a hole, no op    nothing is in flight: -> FULL
 *   PAIR_WRITE   one write of a run that differs, or  all of it is written -> FULL,
 *                in the ready list for its rest       which looks for the next run
 *
 * Invariants:
 * Q1 what is written are the blocks that differ and no others; one that reaches over
 *    the end of the target differs from one that does not;
 * Q2 nothing is written, and no hole made, before contrast_allow(), which needs no
 *    slot and no op of a pair: so a pair that is held never waits for another;
 * Q3 where both maps tell of a hole nothing is read; where only the source's does,
 *    blocks of the target are made one, unread; where the target has no map that is
 *    believed, what is not zeros there is.  One and the same walk through both maps
 *    decides, so each byte is one or the other;
 * Q4 a hole is made only while nothing is in flight (S6 of stream.c);
 * Q5 after an error, or once there is nothing left to judge, nothing is issued, and a
 *    slot is given back when both halves are;
 * S1 to S5 of stream.c hold for each half, and S7 for that of the source.
 */
#define _GNU_SOURCE
#include "contrast.h"

#include <string.h>

#include "invariant.h"
#include "limits.h"
#include "zero.h"

#define CONTRAST_BLOCK_BYTES LIMIT_ALIGN_BYTES

static const struct extent contrast_no_extent = { UINT64_MAX, UINT64_MAX };

static uint64_t contrast_down(uint64_t value, uint64_t unit)
{
	return value - value % unit;
}

static uint64_t contrast_up(uint64_t value, uint64_t unit)
{
	return contrast_down(value + unit - 1, unit);
}

static uint64_t contrast_least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Bytes of one half of a slot: whole blocks, if it has that many. */
static uint32_t contrast_half(const struct slot *slot)
{
	uint32_t half = slot->bytes / 2;

	return half > CONTRAST_BLOCK_BYTES ? half - half % CONTRAST_BLOCK_BYTES : half;
}

void contrast_begin(struct contrast *contrast, struct stream *stream,
		    const struct stream_plan *plan, const struct contrast_plan *more)
{
	struct stream_plan reads = *plan;

	WEIR_ASSERT(!plan->to_end && plan->align_bytes <= CONTRAST_BLOCK_BYTES);
	WEIR_ASSERT(!more->judges || !more->punches);
	WEIR_ASSERT(more->block_bytes >= CONTRAST_BLOCK_BYTES || !more->punches);
	reads.punch_to = 0;
	reads.find_zeros = false;
	reads.pad_tail = false;
	reads.in_blocks = true;
	stream_begin(stream, &reads);
	*contrast = (struct contrast){
		.plan = *more,
		.differs = more->rewrites || more->target_bytes != plan->size_bytes,
	};
	extent_begin(&contrast->map, plan->target_fd,
		     contrast_least(more->target_bytes, plan->size_bytes), more->target_mapped);
	list_init(&contrast->ready);
	list_init(&contrast->held);
	list_init(&contrast->hollow);
}

void contrast_allow(struct contrast *contrast)
{
	WEIR_ASSERT(!contrast->plan.judges);
	contrast->may_write = true;
	for (struct list *node = contrast->held.next; node != &contrast->held; node = node->next)
		LIST_ENTRY(node, struct pair, node)->state = PAIR_FULL;
	list_move_all(&contrast->held, &contrast->ready);
}

static bool contrast_is_over(const struct contrast *contrast, const struct stream *stream)
{
	return stream->error.grade != ERROR_NONE || (contrast->plan.judges && contrast->differs);
}

static bool contrast_has_more(const struct contrast *contrast, const struct stream *stream)
{
	if (contrast_is_over(contrast, stream))
		return false;
	if (stream->extent.start < stream->extent.end)
		return stream->extent.start < stream->end;
	return stream->extent_end < stream->end;
}

bool contrast_done(const struct contrast *contrast, const struct stream *stream)
{
	return stream->live == 0 && !stream->sync_live && !contrast_has_more(contrast, stream);
}

/* BYTES that the target has, or has as a hole. */
static void contrast_keep(struct contrast *contrast, const struct stream_env *env, uint64_t bytes)
{
	contrast->kept_bytes += bytes;
	tally_add(&env->tally->bytes_kept, bytes);
}

/* ---- which ranges ---- */

/* Makes DATA the first range of a map that ends behind AT. */
static void contrast_find(struct extent_cursor *map, struct sys *sys, struct extent *data,
			  uint64_t at)
{
	while (data->end <= at)
		if (!extent_next(map, sys, data))
			*data = contrast_no_extent;
}

/* Hands out what comes up to END, which both sides are read for. */
static void contrast_take_range(struct contrast *contrast, struct stream *stream, uint64_t end,
				bool in_hole)
{
	contrast->in_hole = in_hole;
	stream->extent = (struct extent){ stream->extent_end, end };
	stream->extent_end = end;
}

/* True if [START, *STOP) of the target, where the source has a hole, can be made one
 * unread; *STOP is then where that ends, and else where what must be read does. */
static bool contrast_empties(const struct contrast *contrast, const struct stream *stream,
			     uint64_t start, uint64_t *stop)
{
	uint64_t unit = contrast->plan.block_bytes;
	uint64_t whole;

	if (!contrast->plan.punches || !contrast->plan.target_mapped)
		return false;
	whole = contrast_up(start, unit);
	if (whole > start) {
		*stop = contrast_least(*stop, whole);
		return false;
	}
	/* What lies behind the end of the source will be cut off. */
	whole = *stop < stream->plan.size_bytes ? contrast_down(*stop, unit) : *stop;
	if (whole == start)
		return false;
	*stop = whole;
	return true;
}

/* Makes [START, STOP) of the target a hole (Q3); false: not yet. */
static bool contrast_punch(struct contrast *contrast, struct stream *stream,
			   const struct stream_env *env, uint64_t start, uint64_t stop)
{
	uint64_t end = stop;

	contrast->differs = true;
	if (!contrast->may_write || contrast->flying > 0) /* Q2, Q4 */
		return false;
	if (stop >= stream->plan.size_bytes)
		end = contrast_up(stop, contrast->plan.block_bytes);
	if (!stream_punch(stream, env->sys, start, end)) {
		contrast->plan.punches = false; /* zeros are written from now on */
		return true;
	}
	contrast_keep(contrast, env, stop - start);
	stream->extent_end = stop;
	return true;
}

/* Passes what comes first in the hole of the source that goes up to END; false: that
 * must wait. */
static bool contrast_pass_hole(struct contrast *contrast, struct stream *stream,
			       const struct stream_env *env, uint64_t end)
{
	uint64_t at = stream->extent_end;
	uint64_t start, stop;

	contrast_find(&contrast->map, env->sys, &contrast->target, at);
	start = contrast_down(contrast->target.start, CONTRAST_BLOCK_BYTES);
	if (start > at) {
		stop = contrast_least(start, end);
		contrast_keep(contrast, env, stop - at);
		stream->extent_end = stop;
		return true;
	}
	stop = contrast_least(contrast_up(contrast->target.end, CONTRAST_BLOCK_BYTES), end);
	if (contrast_empties(contrast, stream, at, &stop))
		return contrast_punch(contrast, stream, env, at, stop);
	contrast_take_range(contrast, stream, stop, true);
	return true;
}

/* Walks through both maps until there is a range to be read; false: there is none,
 * or not yet.  Ranges are whole blocks of the file, but the last one. */
static bool contrast_walk(struct contrast *contrast, struct stream *stream,
			  const struct stream_env *env)
{
	uint64_t size = stream->plan.size_bytes;

	while (stream->extent.start >= stream->extent.end) {
		uint64_t at = stream->extent_end;
		uint64_t data;

		if (!contrast_has_more(contrast, stream))
			return false;
		contrast_find(&stream->extents, env->sys, &contrast->source, at);
		data = contrast_down(contrast->source.start, CONTRAST_BLOCK_BYTES);
		if (data <= at)
			contrast_take_range(contrast, stream,
					    contrast_least(contrast_up(contrast->source.end,
								       CONTRAST_BLOCK_BYTES),
							   size),
					    false);
		else if (!contrast_pass_hole(contrast, stream, env, contrast_least(data, size)))
			return false;
	}
	return contrast_has_more(contrast, stream);
}

/* ---- reading ---- */

static void contrast_issue_half(struct contrast *contrast, struct stream *stream,
				const struct stream_env *env, struct chunk *half, void *owner)
{
	half->flies = true;
	contrast->flying++;
	stream_issue_chunk(stream, env, half, owner);
}

/* Issues the reads of a pair that are not on their way. */
static void contrast_read(struct contrast *contrast, struct stream *stream,
			  const struct stream_env *env, struct pair *pair, void *owner)
{
	if (pair->target.state == CHUNK_READ && !pair->target.flies)
		contrast_issue_half(contrast, stream, env, &pair->target, owner);
	if (pair->source.state == CHUNK_READ && !pair->source.flies)
		contrast_issue_half(contrast, stream, env, &pair->source, owner);
}

/* Bytes of the target at OFFSET that are worth reading. */
static uint32_t contrast_target_want(const struct contrast *contrast, uint64_t offset,
				     uint32_t want)
{
	if (contrast->plan.rewrites || offset >= contrast->plan.target_bytes)
		return 0;
	return (uint32_t)contrast_least(want, contrast->plan.target_bytes - offset);
}

static void contrast_begin_pair(struct contrast *contrast, struct stream *stream,
				const struct stream_env *env, struct pair *pair, struct slot *slot)
{
	uint32_t half = contrast_half(slot);
	uint64_t left = stream->extent.end - stream->extent.start;
	const struct chunk common = {
		.state = CHUNK_READ,
		.slot = slot,
		.room = half,
		.offset = stream->extent.start,
		.want = stream_pay(stream, env, (uint32_t)contrast_least(half, left)),
	};

	WEIR_ASSERT(pair->state == PAIR_IDLE);
	WEIR_ASSERT(half % stream->plan.align_bytes == 0); /* S4 */
	*pair = (struct pair){ .state = PAIR_READ, .source = common, .target = common };
	list_init(&pair->node);
	list_init(&pair->source.node);
	list_init(&pair->target.node);
	pair->source.data = slot->data;
	pair->target.data = slot->data + half;
	pair->target.of_target = true;
	pair->in_hole = contrast->in_hole;
	pair->target.want = contrast_target_want(contrast, common.offset, common.want);
	if (pair->target.want == 0)
		pair->target.state = CHUNK_FULL;
	stream->extent.start += common.want;
	stream->live++;
}

/* Starts pairs while there are ranges and slots; true if a slot is wanting. */
static bool contrast_issue_reads(struct contrast *contrast, struct stream *stream,
				 const struct stream_env *env, void *owner)
{
	/* What waits for a hole gets it sooner if nothing new is begun (Q4). */
	while (list_empty(&contrast->hollow) && stream->live < stream->plan.depth &&
	       contrast_walk(contrast, stream, env) && stream_may_read(stream, env)) {
		struct slot *slot = stream->plan.small ? arena_take_small(env->arena) : NULL;
		struct pair *pair;

		if (slot == NULL)
			slot = arena_take_large(env->arena);
		if (slot == NULL)
			return true;
		pair = &env->pairs[slot->index];
		contrast_begin_pair(contrast, stream, env, pair, slot);
		contrast_read(contrast, stream, env, pair, owner);
	}
	return false;
}

/* ---- comparing ---- */

static bool contrast_same(const struct pair *pair, uint32_t from, uint32_t end)
{
	return end <= pair->target.filled &&
	       memcmp(pair->source.data + from, pair->target.data + from, end - from) == 0;
}

/* The first blocks at or after FROM that differ; false: there are none. */
static bool contrast_find_run(const struct pair *pair, uint32_t from, struct zero_run *run)
{
	uint32_t end = pair->source.valid;
	uint32_t at = from, next;
	bool found = false;

	if (from >= end || contrast_same(pair, from, end))
		return false;
	for (; at < end; at = next) {
		next = at + CONTRAST_BLOCK_BYTES -
		       (uint32_t)((pair->source.offset + at) % CONTRAST_BLOCK_BYTES);
		if (next > end)
			next = end;
		if (contrast_same(pair, at, next) != found)
			continue;
		if (found)
			break;
		run->start = at;
		found = true;
	}
	run->end = at;
	WEIR_ASSERT(found && run->start < run->end);
	return true;
}

/* The next run to be written, or, with *HOLE, to be made a hole; false: the rest is
 * the same. */
static bool contrast_next_run(const struct contrast *contrast, struct pair *pair,
			      struct zero_run *run, bool *hole)
{
	uint64_t left = contrast->plan.target_bytes > pair->source.offset
				? contrast->plan.target_bytes - pair->source.offset
				: 0;
	/* Less than a block makes no hole. */
	bool holes = contrast->plan.punches && pair->source.room >= CONTRAST_BLOCK_BYTES &&
		     (contrast->plan.find_zeros || pair->in_hole);
	struct zero_run data;

	*hole = false;
	while (contrast_find_run(pair, pair->at, run)) {
		if (!holes)
			return true;
		if (zero_next_run(pair->source.data, run->start, run->end, &data) &&
		    data.start == run->start) {
			*run = data;
			return true;
		}
		if (zero_next_run(pair->source.data, run->start, run->end, &data))
			run->end = data.start;
		*hole = run->start < left;
		if (*hole)
			return true;
		pair->at = run->end; /* behind the end of the target all is hole */
	}
	return false;
}

/* Both halves are there: the last block, if it is none that can be written past the
 * page cache, is kept back (S4). */
static void contrast_fill_pair(struct contrast *contrast, struct stream *stream, struct pair *pair)
{
	struct chunk *source = &pair->source;
	uint32_t rest = 0;

	pair->state = PAIR_FULL;
	source->state = CHUNK_FULL;
	source->valid = source->filled;
	if (stream->plan.write_direct)
		rest = source->filled % stream->plan.align_bytes;
	source->valid -= rest;
	if (rest > 0 && !contrast_same(pair, source->valid, source->filled)) {
		contrast->differs = true;
		pair->differing += rest;
		if (!contrast->plan.judges)
			stream_keep_tail(stream, source, rest); /* an error is the stream's */
	}
	list_add_tail(&contrast->ready, &pair->node);
}

/* ---- a pair ends ---- */

/* Gives its slot back, unless an op of it is on its way, which brings it here again
 * (Q5). */
static void contrast_let_go(struct stream *stream, const struct stream_env *env, struct pair *pair)
{
	list_remove(&pair->node);
	if (pair->source.flies || pair->target.flies)
		return;
	pair->state = PAIR_IDLE;
	pair->target.state = CHUNK_IDLE;
	stream_chunk_idle(stream, env, &pair->source);
}

static void contrast_let_all_go(struct stream *stream, const struct stream_env *env,
				struct list *pairs)
{
	while (!list_empty(pairs))
		contrast_let_go(stream, env, LIST_ENTRY(pairs->next, struct pair, node));
}

static void contrast_end_pair(struct contrast *contrast, struct stream *stream,
			      const struct stream_env *env, struct pair *pair)
{
	const struct chunk *source = &pair->source;

	contrast_keep(contrast, env, source->filled - pair->differing);
	if (pair->differing > 0)
		stream_bound_dirty(stream, env, source->offset + source->filled);
	contrast_let_go(stream, env, pair);
}

/* ---- writing ---- */

/* FULL -> IDLE, HELD, HOLLOW or WRITE. */
static void contrast_settle(struct contrast *contrast, struct stream *stream,
			    const struct stream_env *env, struct pair *pair, void *owner)
{
	struct chunk *source = &pair->source;
	struct zero_run run;
	bool hole;

	if (!contrast_next_run(contrast, pair, &run, &hole)) {
		contrast_end_pair(contrast, stream, env, pair);
		return;
	}
	contrast->differs = true;
	if (!contrast->may_write) {
		pair->state = PAIR_HELD;
		list_add_tail(&contrast->held, &pair->node);
		return;
	}
	source->written = run.start;
	source->length = run.end;
	if (hole) {
		pair->state = PAIR_HOLLOW;
		list_add_tail(&contrast->hollow, &pair->node);
		return;
	}
	pair->state = PAIR_WRITE;
	pair->differing += run.end - run.start;
	source->state = CHUNK_WRITE;
	source->tries = 0;
	source->may_leave_direct = false;
	contrast_issue_half(contrast, stream, env, source, owner);
}

/* HOLLOW -> FULL, of all that wait for it. */
static void contrast_make_holes(struct contrast *contrast, struct stream *stream,
				const struct stream_env *env)
{
	struct list *node;

	WEIR_ASSERT(contrast->flying == 0); /* Q4 */
	while ((node = list_take_head(&contrast->hollow)) != NULL) {
		struct pair *pair = LIST_ENTRY(node, struct pair, node);
		uint64_t start = pair->source.offset + pair->source.written;
		uint64_t end = pair->source.offset + pair->source.length;

		if (end >= stream->plan.size_bytes)
			end = contrast_up(end, contrast->plan.block_bytes);
		if (!stream_punch(stream, env->sys, start, end))
			contrast->plan.punches = false;
		else
			pair->at = pair->source.length;
		pair->state = PAIR_FULL;
		list_add_tail(&contrast->ready, &pair->node);
	}
}

bool contrast_issue(struct contrast *contrast, struct stream *stream, const struct stream_env *env,
		    void *owner)
{
	struct list *node;

	stream->claim.answer = PACE_GO; /* nothing was asked for in this round */
	for (;;) {
		while (!contrast_is_over(contrast, stream) &&
		       (node = list_take_head(&contrast->ready)) != NULL) {
			struct pair *pair = LIST_ENTRY(node, struct pair, node);

			if (pair->state == PAIR_READ)
				contrast_read(contrast, stream, env, pair, owner);
			else if (pair->state == PAIR_WRITE)
				contrast_issue_half(contrast, stream, env, &pair->source, owner);
			else
				contrast_settle(contrast, stream, env, pair, owner);
		}
		if (contrast_is_over(contrast, stream)) {
			contrast_let_all_go(stream, env, &contrast->ready);
			contrast_let_all_go(stream, env, &contrast->held);
			contrast_let_all_go(stream, env, &contrast->hollow);
			return false;
		}
		if (contrast->flying > 0 || list_empty(&contrast->hollow))
			break;
		contrast_make_holes(contrast, stream, env);
	}
	stream_sync_growing(stream, env, owner);
	return contrast_issue_reads(contrast, stream, env, owner);
}

/* A half has all its bytes, or the run is written. */
static void contrast_complete(struct contrast *contrast, struct stream *stream, struct pair *pair,
			      struct chunk *half)
{
	if (pair->state == PAIR_WRITE) {
		pair->at = half->length;
		half->state = CHUNK_FULL;
		pair->state = PAIR_FULL;
		list_add_tail(&contrast->ready, &pair->node);
		return;
	}
	half->state = CHUNK_FULL;
	if (pair->source.state == CHUNK_FULL && pair->target.state == CHUNK_FULL)
		contrast_fill_pair(contrast, stream, pair);
}

void contrast_apply(struct contrast *contrast, struct stream *stream, const struct stream_env *env,
		    struct io_op *op)
{
	enum chunk_answer answer;
	struct pair *pair;
	struct chunk *half;

	if (op->tag == STREAM_SYNC_TAG) {
		stream_apply(stream, env, op);
		return;
	}
	WEIR_ASSERT(op->state == IO_DONE && op->tag < 2 * LIMIT_SLOTS_MAX);
	WEIR_ASSERT(contrast->flying > 0);
	pair = &env->pairs[op->tag % LIMIT_SLOTS_MAX];
	half = op->tag < LIMIT_SLOTS_MAX ? &pair->source : &pair->target;
	WEIR_ASSERT(half->flies);
	half->flies = false;
	contrast->flying--;
	if (contrast_is_over(contrast, stream)) {
		io_give(env->io, op);
		contrast_let_go(stream, env, pair);
		return;
	}
	answer = half->state == CHUNK_READ ? stream_take_read(stream, env, half, op->result)
					   : stream_take_write(stream, env, half, op->result);
	io_give(env->io, op);
	if (answer == CHUNK_COMPLETE)
		contrast_complete(contrast, stream, pair, half);
	else if (answer == CHUNK_FAILED)
		contrast_let_go(stream, env, pair);
	else if (list_empty(&pair->node))
		list_add_tail(&contrast->ready, &pair->node);
}
