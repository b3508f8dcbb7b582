/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Chunks: one slot of the arena, one range, at most one op.
 *
 *   State  True here                          Then
 *   IDLE   no op names this buffer            READ when a range is left
 *   READ   one read for the unfilled tail,    full -> FULL; short -> READ the rest;
 *          or in the ready list for one
 *                                             0 -> the source ended; EINTR, EAGAIN ->
 *                                             again, bounded; else stream error
 *   FULL   the range is valid, no op, in the  WRITE, or IDLE when empty
 *          ready list
 *   WRITE  one write for the unwritten tail,  full -> IDLE; short -> WRITE the rest;
 *          or in the ready list for one      0 or error -> stream error
 *
 * Invariants:
 * S1 ranges of live chunks do not overlap, and all offsets are explicit;
 * S2 the buffer of a chunk is not touched between issue and completion;
 * S3 after an error nothing is issued; the stream is done when live is 0, which
 *    is the counted barrier: no sync can start before every write, re-issued
 *    rests included, has completed;
 * S4 direct transfers are whole blocks at block offsets; the last partial block
 *    is kept back and written when nothing is in flight, or padded (P6);
 * S5 a read that makes no progress at a place where the size says there is
 *    data means that the source ended there: never looped on, never filled;
 * S6 a target that has other bytes is emptied by the same walk through the map
 *    that says what is written, so each byte is one or the other; and only while
 *    nothing is in flight: a punch waits for direct writes, and these can end
 *    only in the thread that waits;
 * S7 where bytes are paced each is asked for once: before it is read, or, where
 *    nobody knows how many there are, before it is written.
 */
#define _GNU_SOURCE
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>

#include "invariant.h"
#include "limits.h"
#include "zero.h"

static uint32_t stream_round_up(uint32_t value, uint32_t unit)
{
	return (value + unit - 1) / unit * unit;
}

void stream_begin(struct stream *stream, const struct stream_plan *plan)
{
	memset(stream, 0, sizeof(*stream));
	stream->plan = *plan;
	stream->end = plan->to_end ? UINT64_MAX : plan->size_bytes;
	list_init(&stream->ready);
	extent_begin(&stream->extents, plan->source_fd, stream->end, plan->sparse);
	if (plan->to_end)
		stream->extent = (struct extent){ 0, UINT64_MAX };
	stream->sync_ns = tally_now_ns();
	WEIR_ASSERT(!plan->read_direct || plan->align_bytes > 0);
	WEIR_ASSERT(!plan->write_direct || plan->align_bytes > 0);
	WEIR_ASSERT(plan->depth > 0);
	WEIR_ASSERT(!plan->to_end || plan->depth == 1);
	WEIR_ASSERT(plan->punch_to == 0 || !plan->to_end);
}

void stream_begin_done(struct stream *stream, const struct stream_plan *plan)
{
	stream_begin(stream, plan);
	extent_begin(&stream->extents, plan->source_fd, 0, false);
	stream->written_bytes = plan->size_bytes;
	WEIR_ASSERT(stream_done(stream));
}

void stream_fail(struct stream *stream, long result, enum error_side side, const char *operation,
		 uint64_t offset)
{
	if (stream->error.grade == ERROR_NONE) /* the first one counts */
		error_set_at(&stream->error, result, side, operation, (int64_t)offset);
}

void stream_chunk_idle(struct stream *stream, const struct stream_env *env, struct chunk *chunk)
{
	WEIR_ASSERT(stream->live > 0);
	chunk->state = CHUNK_IDLE;
	arena_give(env->arena, chunk->slot);
	stream->live--;
}

/* True if CHUNK is now moved from or to the target. */
static bool stream_is_of_target(const struct chunk *chunk)
{
	return chunk->of_target || chunk->state != CHUNK_READ;
}

static int stream_fd(const struct stream *stream, const struct chunk *chunk)
{
	return stream_is_of_target(chunk) ? stream->plan.target_fd : stream->plan.source_fd;
}

static bool *stream_direct(struct stream *stream, const struct chunk *chunk)
{
	return stream_is_of_target(chunk) ? &stream->plan.write_direct : &stream->plan.read_direct;
}

void stream_issue_chunk(struct stream *stream, const struct stream_env *env, struct chunk *chunk,
			void *owner)
{
	bool reads = chunk->state == CHUNK_READ;
	uint32_t at = reads ? chunk->filled : chunk->written;
	uint32_t tag = chunk->slot->index + (chunk->of_target ? LIMIT_SLOTS_MAX : 0);
	struct io_op *op = io_take(env->io, reads ? IO_READ : IO_WRITE, owner, tag);
	enum io_answer answer;

	WEIR_ASSERT(op != NULL); /* ops suffice for all slots and jobs */
	WEIR_ASSERT(reads || (chunk->state == CHUNK_WRITE && !chunk->of_target));
	op->fd = stream_fd(stream, chunk);
	op->immediate = reads ? stream->plan.read_now : stream->plan.write_now;
	op->data = chunk->data + at;
	op->offset = (int64_t)(chunk->offset + at);
	op->length = (reads ? chunk->want : chunk->length) - at;
	chunk->direct = *stream_direct(stream, chunk);
	chunk->may_leave_direct = chunk->may_leave_direct || chunk->direct;
	if (reads && chunk->direct)
		op->length = stream_round_up(op->length, stream->plan.align_bytes); /* S4 */
	op->slot = chunk->unregistered ? NULL : chunk->slot;
	WEIR_ASSERT(at + op->length <= chunk->room);
	answer = io_issue(env->io, op);
	/* SQ entries suffice for all ops, so the ring is never busy here. */
	WEIR_ASSERT(answer != IO_ANSWER_BUSY);
}

/* Widens a range to whole blocks (S4) without touching the one before (S1). */
static void stream_align_extent(struct stream *stream)
{
	uint64_t align = stream->plan.align_bytes;
	struct extent *extent = &stream->extent;

	if (align > 1) {
		extent->start -= extent->start % align;
		extent->end = (extent->end + align - 1) / align * align;
		if (extent->end > stream->plan.size_bytes)
			extent->end = stream->plan.size_bytes;
	}
	if (extent->start < stream->extent_end)
		extent->start = stream->extent_end;
	if (extent->end > stream->extent_end)
		stream->extent_end = extent->end;
}

bool stream_punch(struct stream *stream, struct sys *sys, uint64_t start, uint64_t end)
{
	int result = sys_fallocate(sys, stream->plan.target_fd,
				   FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (int64_t)start,
				   (int64_t)(end - start));

	if (result == -EOPNOTSUPP || result == -ENOSYS || result == -EINVAL)
		return false;
	if (result < 0)
		stream_fail(stream, result, ERROR_SIDE_TARGET, "make holes in", start);
	return true;
}

/* The next extent, and a hole in the target before it (S6); false when there is no
 * more, or an error. */
static bool stream_next_extent(struct stream *stream, struct sys *sys)
{
	uint64_t from = stream->extent_end;
	uint64_t to = stream->plan.punch_to;
	bool more = extent_next(&stream->extents, sys, &stream->extent);

	if (more)
		stream_align_extent(stream);
	if (more && stream->extent.start < to)
		to = stream->extent.start;
	/* What lies behind the end of the source is cut off. */
	if (from < to && from < stream->plan.size_bytes && !stream_punch(stream, sys, from, to)) {
		stream->plan.punch_to = 0;
		extent_begin(&stream->extents, stream->plan.source_fd, stream->end, false);
		stream->extents.next = from;
		stream->extent_end = from;
		more = extent_next(&stream->extents, sys, &stream->extent);
		if (more)
			stream_align_extent(stream);
	}
	return more && stream->error.grade == ERROR_NONE;
}

/* Finds a range to read; false when there is none now. */
static bool stream_find_range(struct stream *stream, struct sys *sys)
{
	if (stream->plan.to_end) {
		WEIR_ASSERT(stream->live == 0); /* in order: the last answer decides */
		return stream->extent.start < stream->end;
	}
	while (stream->extent.start >= stream->extent.end) {
		if (stream->plan.punch_to > 0 && stream->live > 0)
			return false; /* S6 */
		if (!stream_next_extent(stream, sys))
			return false;
	}
	return stream->extent.start < stream->end; /* or it ended before the size said */
}

/* Asks whether BYTES may move now (S7). */
static bool stream_may_move(struct stream *stream, const struct stream_env *env, uint64_t bytes)
{
	uint64_t now_ns;

	if (env->pace == NULL)
		return true;
	now_ns = tally_now_ns();
	if (bytes > 0 && pace_begin(env->pace, &stream->claim, now_ns) != PACE_GO)
		return false;
	return pace_ask(env->pace, &stream->claim, bytes, now_ns) == PACE_GO;
}

/* The most that one read may bring.  Blocks stay whole where they count. */
static uint64_t stream_most(const struct stream *stream, const struct stream_env *env)
{
	const struct stream_plan *plan = &stream->plan;
	bool whole = plan->align_bytes > 1 || plan->find_zeros || plan->in_blocks;

	return pace_most(env->pace, whole ? LIMIT_ALIGN_BYTES : 1);
}

bool stream_may_read(struct stream *stream, const struct stream_env *env)
{
	uint64_t left = stream->extent.end - stream->extent.start;
	uint64_t most = env->arena->chunk_bytes;

	if (env->pace == NULL)
		return true;
	if (stream->plan.to_end)
		return stream_may_move(stream, env, 0); /* its write asks */
	if (stream_most(stream, env) < most)
		most = stream_most(stream, env);
	return stream_may_move(stream, env, left < most ? left : most);
}

uint32_t stream_pay(struct stream *stream, const struct stream_env *env, uint32_t want)
{
	uint64_t most = stream_most(stream, env);

	if (stream->claim.bytes > 0 && stream->claim.bytes < most)
		most = stream->claim.bytes;
	if (want > most)
		want = (uint32_t)most;
	if (!stream->plan.to_end)
		pace_settle(env->pace, &stream->claim, want);
	return want;
}

/* Takes the start of what was found, at most SLOT_BYTES. */
static uint32_t stream_take_range(struct stream *stream, const struct stream_env *env,
				  uint32_t slot_bytes, uint64_t *offset)
{
	uint64_t left = stream->extent.end - stream->extent.start;
	uint32_t want = left < slot_bytes ? (uint32_t)left : slot_bytes;

	*offset = stream->extent.start;
	want = stream_pay(stream, env, want);
	if (!stream->plan.to_end)
		stream->extent.start += want;
	return want;
}

static bool stream_has_more(const struct stream *stream)
{
	if (stream->error.grade != ERROR_NONE)
		return false;
	if (stream->plan.to_end)
		return stream->extent.start < stream->end;
	if (stream->extent.start < stream->extent.end && stream->extent.start < stream->end)
		return true;
	return stream->extents.next < stream->extents.size_bytes &&
	       stream->extents.next < stream->end;
}

/* Starts reads while there are ranges and slots; true if a slot is wanting. */
static bool stream_issue_reads(struct stream *stream, const struct stream_env *env, void *owner)
{
	while (stream_has_more(stream)) {
		struct slot *slot;
		struct chunk *chunk;
		uint64_t offset;
		uint32_t want;

		if (stream->live >= stream->plan.depth)
			return false;
		if (!stream_find_range(stream, env->sys) || !stream_may_read(stream, env))
			return false;
		slot = stream->plan.small ? arena_take_small(env->arena) : NULL;
		if (slot == NULL)
			slot = arena_take_large(env->arena);
		if (slot == NULL)
			return true;
		want = stream_take_range(stream, env, slot->bytes, &offset);
		chunk = &env->chunks[slot->index];
		WEIR_ASSERT(chunk->state == CHUNK_IDLE);
		*chunk = (struct chunk){
			.state = CHUNK_READ,
			.slot = slot,
			.data = slot->data,
			.room = slot->bytes,
			.offset = offset,
			.want = want,
		};
		list_init(&chunk->node);
		stream->live++;
		stream_issue_chunk(stream, env, chunk, owner);
	}
	return false;
}

/* A second one means that the source shrank while it was read; the recheck of the
 * source will say so. */
bool stream_keep_tail(struct stream *stream, const struct chunk *chunk, uint32_t bytes)
{
	if (stream->tail_bytes > 0)
		return true;
	stream->tail = malloc(stream->plan.align_bytes);
	if (stream->tail == NULL) {
		stream_fail(stream, -ENOMEM, ERROR_SIDE_TARGET, "write", chunk->offset);
		return false;
	}
	stream->tail_bytes = bytes;
	stream->tail_offset = chunk->offset + chunk->valid;
	memcpy(stream->tail, chunk->slot->data + chunk->valid, bytes);
	return true;
}

/* The next part of the chunk that is to be written, from chunk->written on; false
 * when there is none. */
static bool stream_next_run(const struct stream *stream, struct chunk *chunk)
{
	struct zero_run run = { chunk->written, chunk->valid };

	if (chunk->written >= chunk->valid)
		return false;
	if (stream->plan.find_zeros &&
	    !zero_next_run(chunk->slot->data, chunk->written, chunk->valid, &run))
		return false;
	chunk->written = run.start;
	chunk->length = run.end;
	return true;
}

/* FULL -> WRITE or IDLE: decides what of the range goes out now. */
static void stream_start_write(struct stream *stream, const struct stream_env *env,
			       struct chunk *chunk, void *owner)
{
	const struct stream_plan *plan = &stream->plan;
	uint32_t rest = 0;

	chunk->valid = chunk->filled;
	chunk->written = 0;
	if (plan->write_direct)
		rest = chunk->filled % plan->align_bytes;
	if (rest > 0 && plan->pad_tail) {
		chunk->valid = chunk->filled - rest + plan->align_bytes;
		memset(chunk->slot->data + chunk->filled, 0, chunk->valid - chunk->filled);
	} else if (rest > 0) {
		chunk->valid -= rest;
		if (!stream_keep_tail(stream, chunk, rest))
			chunk->valid = 0;
	}
	if (!stream_next_run(stream, chunk)) {
		stream_chunk_idle(stream, env, chunk);
		return;
	}
	chunk->state = CHUNK_WRITE;
	chunk->tries = 0;
	chunk->may_leave_direct = false;
	stream_issue_chunk(stream, env, chunk, owner);
}

/* G9: a large file is synced as it grows, beside its writes. */
void stream_sync_growing(struct stream *stream, const struct stream_env *env, void *owner)
{
	struct io_op *op;

	if (!stream->plan.bound_dirty || stream->sync_live || stream->plan.to_end ||
	    stream->plan.size_bytes < LIMIT_GROWING_BYTES)
		return;
	if (stream->written_bytes == stream->sync_bytes ||
	    tally_now_ns() - stream->sync_ns < LIMIT_GROWING_NS)
		return;
	op = io_take(env->io, IO_FSYNC, owner, STREAM_SYNC_TAG);
	if (op == NULL)
		return; /* later will do */
	op->fd = stream->plan.target_fd;
	op->datasync = true;
	stream->sync_ns = tally_now_ns();
	stream->sync_bytes = stream->written_bytes;
	stream->sync_live = true;
	if (io_issue(env->io, op) == IO_ANSWER_BUSY) {
		io_give(env->io, op);
		stream->sync_live = false;
	}
}

/* What was read of a stream without a size asks before it is written (S7). */
static bool stream_may_write(struct stream *stream, const struct stream_env *env,
			     const struct chunk *chunk)
{
	if (!stream->plan.to_end || chunk->state != CHUNK_FULL || env->pace == NULL)
		return true;
	if (!stream_may_move(stream, env, chunk->filled))
		return false;
	pace_settle(env->pace, &stream->claim, chunk->filled);
	return true;
}

bool stream_issue(struct stream *stream, const struct stream_env *env, void *owner)
{
	struct list *node;
	bool failed = stream->error.grade != ERROR_NONE;

	stream->claim.answer = PACE_GO; /* nothing was asked for in this round */
	while ((node = list_take_head(&stream->ready)) != NULL) {
		struct chunk *chunk = LIST_ENTRY(node, struct chunk, node);

		if (failed) {
			stream_chunk_idle(stream, env, chunk);
			continue;
		}
		if (!stream_may_write(stream, env, chunk)) {
			list_add_head(&stream->ready, &chunk->node);
			return false;
		}
		if (chunk->state == CHUNK_FULL)
			stream_start_write(stream, env, chunk, owner);
		else
			stream_issue_chunk(stream, env, chunk, owner);
		failed = stream->error.grade != ERROR_NONE;
	}
	if (failed)
		return false;
	stream_sync_growing(stream, env, owner);
	return stream_issue_reads(stream, env, owner);
}

bool stream_is_paced(const struct stream *stream)
{
	/* Without a size the one chunk waits to be written. */
	bool idle = stream->live == 0 || (stream->plan.to_end && !list_empty(&stream->ready));

	return stream->error.grade == ERROR_NONE && stream->claim.answer != PACE_GO && idle &&
	       !stream->sync_live;
}

/* The source ended at OFFSET, before what was expected. */
static void stream_source_ended(struct stream *stream, uint64_t offset)
{
	if (offset < stream->end)
		stream->end = offset;
}

/* Direct I/O accepted at open and refused by this transfer, or a read error
 * that only the direct way has (E18): true if it may be tried buffered.  Never
 * for a failed write. */
static bool stream_leave_direct(struct stream *stream, const struct stream_env *env,
				struct chunk *chunk, int32_t result)
{
	bool reads = chunk->state == CHUNK_READ;
	bool *direct = stream_direct(stream, chunk);

	if (!chunk->may_leave_direct)
		return false;
	if (result != -EINVAL && result != -EOPNOTSUPP && !(reads && result == -EIO))
		return false;
	if (*direct && sys_set_direct(env->sys, stream_fd(stream, chunk), false) < 0)
		return false;
	/* Others in flight meet the same and find it switched off already. */
	*direct = false;
	chunk->may_leave_direct = false;
	if (stream_is_of_target(chunk))
		stream->plan.write_now = true;
	return true;
}

/* A transfer that moved nothing: true if it may be tried once more, perhaps in
 * a weaker way. */
static bool stream_may_retry(struct stream *stream, const struct stream_env *env,
			     struct chunk *chunk, int32_t result)
{
	if ((result == -EINTR || result == -EAGAIN) && ++chunk->tries < LIMIT_TRIES)
		return true; /* E10 */
	if ((result == -EFAULT || result == -ENOMEM) && !chunk->unregistered) {
		chunk->unregistered = true; /* E15 */
		return true;
	}
	return stream_leave_direct(stream, env, chunk, result);
}

/* The same for what is read in order, until a read gives nothing. */
static void stream_take_to_end(struct stream *stream, const struct chunk *chunk, int32_t result)
{
	if (result == 0)
		stream->end = chunk->offset + chunk->filled;
	stream->extent.start = chunk->offset + chunk->filled;
}

enum chunk_answer stream_take_read(struct stream *stream, const struct stream_env *env,
				   struct chunk *chunk, int32_t result)
{
	uint32_t align = stream->plan.align_bytes;

	if (result < 0) {
		if (stream_may_retry(stream, env, chunk, result))
			return CHUNK_AGAIN;
		stream_fail(stream, result,
			    chunk->of_target ? ERROR_SIDE_TARGET : ERROR_SIDE_SOURCE, "read",
			    chunk->offset + chunk->filled);
		return CHUNK_FAILED;
	}
	chunk->filled += (uint32_t)result;
	if (result > 0)
		chunk->tries = 0; /* only those in a row count */
	if (stream->plan.to_end) {
		stream_take_to_end(stream, chunk, result);
		return CHUNK_COMPLETE;
	}
	if (chunk->filled >= chunk->want) {
		chunk->filled = chunk->want; /* a direct read is whole blocks */
		return CHUNK_COMPLETE;
	}
	if (chunk->direct && chunk->filled % align != 0) {
		/* A block was cut: the end, or an error right behind it.  Read that
		 * block again; the same answer means the end (S5). */
		if (chunk->cut == chunk->filled)
			result = 0;
		chunk->cut = chunk->filled;
		if (result > 0)
			chunk->filled -= chunk->filled % align;
	}
	if (result > 0)
		return CHUNK_AGAIN;
	if (!chunk->of_target)
		stream_source_ended(stream, chunk->offset + chunk->filled);
	return CHUNK_COMPLETE;
}

static void stream_read_done(struct stream *stream, const struct stream_env *env,
			     struct chunk *chunk, int32_t result)
{
	switch (stream_take_read(stream, env, chunk, result)) {
	case CHUNK_AGAIN:
		list_add_tail(&stream->ready, &chunk->node);
		break;
	case CHUNK_COMPLETE:
		chunk->state = CHUNK_FULL;
		list_add_tail(&stream->ready, &chunk->node);
		break;
	case CHUNK_FAILED:
		stream_chunk_idle(stream, env, chunk);
	}
}

/* Waits until all that was written so far is on its way and back (G9). */
static int stream_clean(struct stream *stream, const struct stream_env *env)
{
	int result = sys_sync_file_range(env->sys, stream->plan.target_fd, 0, 0,
					 SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
						 SYNC_FILE_RANGE_WAIT_AFTER);

	tally_sub(&env->tally->dirty_bytes, stream->dirty_bytes);
	stream->dirty_bytes = 0;
	return result;
}

/* G9: starts write-back of each 8 MiB, and waits for all of this file once the
 * run has more dirty than its bound. */
void stream_bound_dirty(struct stream *stream, const struct stream_env *env, uint64_t offset)
{
	uint64_t bytes;
	int result;

	if (!stream->plan.bound_dirty || stream->plan.write_direct ||
	    offset < stream->synced_to + LIMIT_SYNC_AT_BYTES)
		return;
	/* In one call, for a hole may have exabytes. */
	bytes = offset - stream->synced_to;
	bytes -= bytes % LIMIT_SYNC_AT_BYTES;
	result = sys_sync_file_range(env->sys, stream->plan.target_fd, (int64_t)stream->synced_to,
				     (int64_t)bytes, SYNC_FILE_RANGE_WRITE);
	stream->synced_to += bytes;
	if (result == 0 && tally_get(&env->tally->dirty_bytes) > tally_dirty_limit(env->tally))
		result = stream_clean(stream, env);
	/* A write-back error is told once for each descriptor: this is it (G4). */
	if (result < 0 && result != -ESPIPE && result != -EINVAL && result != -ENOSYS) {
		stream_fail(stream, result, ERROR_SIDE_TARGET, "write back", stream->synced_to);
		stream->lost = true;
	}
}

static void stream_count_written(struct stream *stream, const struct stream_env *env,
				 const struct chunk *chunk, uint32_t bytes)
{
	uint64_t from = chunk->offset + chunk->written;
	uint64_t limit = chunk->offset + chunk->filled; /* padding is not data */
	uint64_t counted = from >= limit ? 0 : limit - from < bytes ? limit - from : bytes;

	stream->written_bytes += counted;
	tally_add(&env->tally->bytes_written, counted);
	if (!chunk->direct && stream->plan.bound_dirty) {
		stream->dirty_bytes += counted;
		tally_add(&env->tally->dirty_bytes, counted);
	}
	tally_add(chunk->direct ? &env->tally->bytes_direct : &env->tally->bytes_buffered, counted);
}

enum chunk_answer stream_take_write(struct stream *stream, const struct stream_env *env,
				    struct chunk *chunk, int32_t result)
{
	if (result <= 0) {
		if (result < 0 && stream_may_retry(stream, env, chunk, result))
			return CHUNK_AGAIN;
		/* A write of nothing is never tried again (E05). */
		stream_fail(stream, result < 0 ? result : -EIO, ERROR_SIDE_TARGET, "write",
			    chunk->offset + chunk->written);
		return CHUNK_FAILED;
	}
	if (chunk->direct && (uint32_t)result % stream->plan.align_bytes != 0)
		result -= result % (int32_t)stream->plan.align_bytes; /* S4 */
	stream_count_written(stream, env, chunk, (uint32_t)result);
	chunk->written += (uint32_t)result;
	if (result > 0)
		chunk->tries = 0;
	if (result == 0 && ++chunk->tries >= LIMIT_TRIES) {
		stream_fail(stream, -EIO, ERROR_SIDE_TARGET, "write",
			    chunk->offset + chunk->written);
		return CHUNK_FAILED;
	}
	return chunk->written < chunk->length ? CHUNK_AGAIN : CHUNK_COMPLETE;
}

static void stream_write_done(struct stream *stream, const struct stream_env *env,
			      struct chunk *chunk, int32_t result)
{
	enum chunk_answer answer = stream_take_write(stream, env, chunk, result);

	if (answer == CHUNK_AGAIN || (answer == CHUNK_COMPLETE && stream_next_run(stream, chunk))) {
		list_add_tail(&stream->ready, &chunk->node);
		return;
	}
	if (answer == CHUNK_COMPLETE)
		stream_bound_dirty(stream, env, chunk->offset + chunk->written);
	stream_chunk_idle(stream, env, chunk);
}

static void stream_sync_done(struct stream *stream, const struct stream_env *env, int32_t result)
{
	stream->sync_live = false;
	if (result < 0) {
		stream_fail(stream, result, ERROR_SIDE_TARGET, "fsync",
			    stream->sync_bytes); /* G5 */
		return;
	}
	tally_add(&env->tally->bytes_durable, stream->sync_bytes - stream->durable_bytes);
	stream->durable_bytes = stream->sync_bytes;
}

void stream_apply(struct stream *stream, const struct stream_env *env, struct io_op *op)
{
	int32_t result = op->result;
	uint32_t tag = op->tag;
	struct chunk *chunk;

	WEIR_ASSERT(op->state == IO_DONE);
	io_give(env->io, op);
	if (tag == STREAM_SYNC_TAG) {
		stream_sync_done(stream, env, result);
		return;
	}
	chunk = &env->chunks[tag];
	WEIR_ASSERT(stream->live > 0);
	if (stream->error.grade != ERROR_NONE) { /* S3 */
		stream_chunk_idle(stream, env, chunk);
		return;
	}
	if (chunk->state == CHUNK_READ)
		stream_read_done(stream, env, chunk, result);
	else if (chunk->state == CHUNK_WRITE)
		stream_write_done(stream, env, chunk, result);
	else
		WEIR_ASSERT(false); /* an op of a chunk without one */
}

bool stream_done(const struct stream *stream)
{
	return stream->live == 0 && !stream->sync_live && !stream_has_more(stream);
}

int stream_write_tail(struct stream *stream, const struct stream_env *env)
{
	uint32_t written = 0;
	unsigned tries = 0;
	int result = 0;

	WEIR_ASSERT(stream->live == 0);
	if (stream->tail_bytes == 0)
		return 0;
	if (stream->plan.find_zeros && zero_is(stream->tail, stream->tail_bytes))
		return 0; /* the size says it */
	result = sys_set_direct(env->sys, stream->plan.target_fd, false);
	while (result == 0 && written < stream->tail_bytes) {
		ssize_t bytes = sys_pwrite(env->sys, stream->plan.target_fd, stream->tail + written,
					   stream->tail_bytes - written,
					   (int64_t)(stream->tail_offset + written));
		if (bytes == -EINTR && ++tries < LIMIT_TRIES)
			continue;
		if (bytes <= 0)
			result = bytes < 0 ? (int)bytes : -EIO;
		else
			written += (uint32_t)bytes;
	}
	tally_add(&env->tally->ops_write, 1);
	if (result < 0) {
		stream_fail(stream, result, ERROR_SIDE_TARGET, "write",
			    stream->tail_offset + written);
		return result;
	}
	stream->written_bytes += written;
	tally_add(&env->tally->bytes_written, written);
	tally_add(&env->tally->bytes_buffered, written);
	return 0;
}

void stream_end(struct stream *stream, const struct stream_env *env)
{
	pace_settle(env->pace, &stream->claim, 0);
	WEIR_ASSERT(stream->live == 0 && !stream->sync_live);
	free(stream->tail);
	stream->tail = NULL;
	stream->tail_bytes = 0;
}
