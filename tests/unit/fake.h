/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A backend of io.h for tests: what is in flight completes in an order of
 * chance, in part or not at all, as the seed says.  It also watches: that no
 * buffer has two ops, that none is touched while it has one, that no sync
 * begins before every write of its file has ended.
 *
 * A test sets `decide`, which may give any result in place of the real one.
 */
#ifndef WEIR_FAKE_H
#define WEIR_FAKE_H

#include "lib/io.h"
#include "unit.h"

#define FAKE_POISON 0xa7

/* What becomes of a transfer. */
enum fake_verdict {
	FAKE_WHOLE, /* as the file has it */
	FAKE_PART,  /* at most `bytes` of it */
	FAKE_ERROR, /* -errno in `bytes`, nothing moved */
};

struct fake_flight {
	struct io_op *op;
	uint64_t hash; /* of what is written */
};

struct fake {
	struct io io;
	struct tally tally;
	struct sys sys;
	uint64_t seed;
	bool depth_first;       /* completes at once as often as not */
	struct fake_flight flights[LIMIT_OPS];
	uint32_t count;
	uint32_t most;          /* in flight at a time */
	uint64_t issued;
	uint64_t completed;
	uint64_t syncs;
	bool pairs;             /* a slot may have two ops, each in a half of its own */
	bool slot_busy[LIMIT_SLOTS_MAX];
	enum fake_verdict (*decide)(struct fake *fake, struct io_op *op, int32_t *bytes);
	void (*after)(struct fake *fake, struct io_op *op); /* or NULL */
	void *test;
};

static inline uint64_t fake_hash(const uint8_t *data, uint32_t bytes)
{
	uint64_t hash = bytes;

	for (uint32_t i = 0; i + 8 <= bytes; i += 8) {
		uint64_t word;

		memcpy(&word, data + i, 8);
		hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
		hash ^= hash >> 29;
	}
	for (uint32_t i = bytes / 8 * 8; i < bytes; i++)
		hash = (hash ^ data[i]) * 0x100000001b3ULL;
	return hash;
}

static inline bool fake_transfers(const struct io_op *op)
{
	return op->kind == IO_READ || op->kind == IO_WRITE;
}

static inline int32_t fake_result(struct fake *fake, struct io_op *op)
{
	struct io_op part = *op;
	int32_t bytes = 0;

	switch (fake->decide != NULL ? fake->decide(fake, op, &bytes) : FAKE_WHOLE) {
	case FAKE_ERROR:
		CHECK(bytes < 0);
		return bytes;
	case FAKE_PART:
		CHECK(bytes >= 0);
		if (bytes == 0)
			return 0;
		if ((uint32_t)bytes < part.length)
			part.length = (uint32_t)bytes;
		break;
	case FAKE_WHOLE:
		break;
	}
	return io_perform(&fake->io, &part);
}

static inline void fake_complete(struct fake *fake, uint32_t index)
{
	struct fake_flight flight = fake->flights[index];
	struct io_op *op = flight.op;
	int32_t result;

	fake->flights[index] = fake->flights[--fake->count];
	/* S2: from issue to completion the buffer belongs to the kernel. */
	if (op->kind == IO_WRITE)
		CHECK(fake_hash(op->data, op->length) == flight.hash);
	for (uint32_t i = 0; op->kind == IO_READ && i < op->length; i += 509)
		if (op->data[i] != FAKE_POISON) {
			FAIL("a buffer was touched while it was read into");
			break;
		}
	if (fake_transfers(op) && op->slot != NULL)
		fake->slot_busy[op->slot->index] = false;
	result = fake_result(fake, op);
	fake->completed++;
	io_finish(&fake->io, op, result);
	if (fake->after != NULL)
		fake->after(fake, op);
}

/* The barrier: when a file is synced, none of its writes is on the way. */
static inline void fake_check_barrier(const struct fake *fake, const struct io_op *sync)
{
	for (uint32_t i = 0; i < fake->count; i++)
		CHECK(fake->flights[i].op->kind != IO_WRITE || fake->flights[i].op->fd != sync->fd);
}

static inline enum io_answer fake_issue(struct io *io, struct io_op *op)
{
	struct fake *fake = io->backend_state;
	bool whole_file = op->kind == IO_FSYNC && !op->datasync;

	fake->issued++;
	if (whole_file) {
		fake->syncs++;
		fake_check_barrier(fake, op);
	}
	for (uint32_t i = 0; fake_transfers(op) && i < fake->count; i++) {
		const struct io_op *other = fake->flights[i].op;

		CHECK(!fake_transfers(other) || op->data + op->length <= other->data ||
		      other->data + other->length <= op->data);
		/* S1: nor do two writes of a file meet in a byte. */
		CHECK(op->kind != IO_WRITE || other->kind != IO_WRITE || other->fd != op->fd ||
		      op->offset + op->length <= other->offset ||
		      other->offset + other->length <= op->offset);
		CHECK(other->kind != IO_FSYNC || other->datasync || op->kind != IO_WRITE ||
		      other->fd != op->fd);
	}
	if (fake_transfers(op) && op->slot != NULL) {
		const struct slot *slot = op->slot;

		CHECK(slot->used);
		CHECK(op->data >= slot->data && op->data + op->length <= slot->data + slot->bytes);
		CHECK(fake->pairs || !fake->slot_busy[slot->index]);
		fake->slot_busy[slot->index] = true;
	}
	if (op->kind == IO_READ)
		memset(op->data, FAKE_POISON, op->length);
	fake->flights[fake->count++] = (struct fake_flight){
		op, op->kind == IO_WRITE ? fake_hash(op->data, op->length) : 0,
	};
	if (fake->count > fake->most)
		fake->most = fake->count;
	if (fake->depth_first && unit_percent(&fake->seed, 50)) {
		fake_complete(fake, fake->count - 1);
		return IO_ANSWER_DONE;
	}
	return IO_ANSWER_QUEUED;
}

/* Some of what is in flight completes, in an order of chance. */
static inline int fake_turn(struct io *io, int timeout_ms)
{
	struct fake *fake = io->backend_state;
	uint32_t number;

	(void)timeout_ms;
	if (fake->count == 0)
		return 0;
	number = 1 + unit_below(&fake->seed, fake->count);
	while (number-- > 0)
		fake_complete(fake, unit_below(&fake->seed, fake->count));
	return 0;
}

static inline int fake_register(struct io *io, struct arena *arena)
{
	(void)arena;
	io->registered = true;
	return 0;
}

static inline void fake_close(struct io *io)
{
	io->backend_state = NULL;
}

static const struct io_backend fake_backend = {
	.name = "fake",
	.issue = fake_issue,
	.turn = fake_turn,
	.register_arena = fake_register,
	.close = fake_close,
};

static inline void fake_open(struct fake *fake)
{
	memset(fake, 0, sizeof(*fake));
	sys_open(&fake->sys);
	io_init(&fake->io, &fake->sys, &fake->tally);
	fake->io.backend = &fake_backend;
	fake->io.backend_state = fake;
}

/* An arena with chunks of exactly this length. */
static inline int fake_open_arena(struct arena *arena, size_t bytes, uint32_t chunk_bytes,
				  uint32_t depth)
{
	struct arena_plan plan = {
		.bytes = bytes, .chunk_bytes = chunk_bytes, .depth = depth, .exact = true,
	};

	return arena_open(arena, &plan);
}

/* Nothing may be left when a schedule is over. */
static inline void fake_check_idle(const struct fake *fake, const struct arena *arena)
{
	CHECK_EQUAL(fake->count, 0);
	CHECK_EQUAL(fake->io.taken, 0);
	CHECK_EQUAL(fake->io.queued, 0);
	CHECK_EQUAL(fake->issued, fake->completed);
	CHECK_EQUAL(arena->free_large_count, arena->large_ready);
	CHECK_EQUAL(arena->free_small_count, arena->small_count);
}

#endif
