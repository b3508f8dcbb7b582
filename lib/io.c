/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The op table, common to all backends.
 *
 *   State   True here                          Then
 *   FREE    in the free list                   io_take() -> TAKEN
 *   TAKEN   being filled in by its owner       io_issue() -> QUEUED or DONE
 *   QUEUED  the kernel may use name and data   io_finish() -> DONE
 *   DONE    in the done list or just taken     io_give() -> FREE
 *
 * Invariants:
 * I1 an op is in exactly one of these states; `queued` counts QUEUED;
 * I2 the generation changes on io_give(), so a late completion is caught;
 * I3 a buffer is not touched from issue to completion.
 */
#define _GNU_SOURCE
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "invariant.h"

void io_init(struct io *io, struct sys *sys, struct tally *tally)
{
	memset(io, 0, sizeof(*io));
	io->sys = sys;
	io->tally = tally;
	list_init(&io->free);
	list_init(&io->done);
	list_init(&io->late);
	for (uint16_t i = 0; i < LIMIT_OPS; i++) {
		io->ops[i].index = i;
		list_init(&io->ops[i].node);
		list_add_tail(&io->free, &io->ops[i].node);
	}
}

struct io_op *io_take(struct io *io, enum io_kind kind, void *owner, uint32_t tag)
{
	struct list *node = list_take_head(&io->free);
	struct io_op *op;
	uint16_t generation, index;

	if (node == NULL)
		return NULL;
	op = LIST_ENTRY(node, struct io_op, node);
	WEIR_ASSERT(op->state == IO_FREE); /* I1 */
	generation = op->generation;
	index = op->index;
	memset(op, 0, sizeof(*op));
	list_init(&op->node);
	op->generation = generation;
	op->index = index;
	op->kind = kind;
	op->state = IO_TAKEN;
	op->fd = -1;
	op->owner = owner;
	op->tag = tag;
	io->taken++;
	return op;
}

static void io_count(struct io *io, const struct io_op *op)
{
	struct tally *tally = io->tally;

	switch (op->kind) {
	case IO_READ:
		tally_add(&tally->ops_read, 1);
		break;
	case IO_WRITE:
		tally_add(&tally->ops_write, 1);
		break;
	case IO_FSYNC:
		tally_add(&tally->syncs_file, 1);
		break;
	case IO_OPEN:
		tally_add(&tally->ops_open, 1);
		break;
	case IO_NOP:
		break;
	}
}

enum io_answer io_issue(struct io *io, struct io_op *op)
{
	enum io_answer answer;

	WEIR_ASSERT(op->state == IO_TAKEN);
	WEIR_ASSERT(op->kind == IO_OPEN || op->kind == IO_NOP || op->fd >= 0);
	WEIR_ASSERT(op->offset >= 0); /* -1 would mean "current position" */
	op->state = IO_QUEUED;
	io->queued++;
	if (op->immediate) {
		io_finish(io, op, io_perform(io, op));
		answer = IO_ANSWER_DONE;
	} else {
		answer = io->backend->issue(io, op);
	}
	if (answer == IO_ANSWER_BUSY) {
		op->state = IO_TAKEN;
		io->queued--;
		return answer;
	}
	io_count(io, op);
	return answer;
}

int io_turn(struct io *io, int timeout_ms)
{
	int result = io->backend->turn(io, timeout_ms);

	/* What is late comes when there is nothing else, the last one first. */
	if (io->queued == 0 && list_empty(&io->done)) {
		struct list *late = list_take_tail(&io->late);

		if (late != NULL)
			list_add_tail(&io->done, late);
	}
	return result;
}

struct io_op *io_take_done(struct io *io)
{
	struct list *node = list_take_head(&io->done);

	return node != NULL ? LIST_ENTRY(node, struct io_op, node) : NULL;
}

void io_give(struct io *io, struct io_op *op)
{
	WEIR_ASSERT(op->state == IO_DONE || op->state == IO_TAKEN);
	WEIR_ASSERT(io->taken > 0);
	op->state = IO_FREE;
	op->generation++; /* I2 */
	io->taken--;
	/* Last in, first out keeps the table's used part small and warm. */
	list_add_head(&io->free, &op->node);
}

void io_finish(struct io *io, struct io_op *op, int32_t result)
{
	WEIR_ASSERT(op->state == IO_QUEUED);
	WEIR_ASSERT(io->queued > 0);
	WEIR_ASSERT(result < 0 || op->kind == IO_OPEN || (uint32_t)result <= op->length ||
		    op->kind == IO_NOP);
	op->result = result;
	op->state = IO_DONE;
	io->queued--;
	list_add_tail(op->point.late ? &io->late : &io->done, &op->node);
}

int32_t io_perform(struct io *io, const struct io_op *op)
{
	switch (op->kind) {
	case IO_OPEN:
		return sys_openat(io->sys, op->fd, op->name, op->open_flags, 0);
	case IO_READ:
		return (int32_t)sys_pread(io->sys, op->fd, op->data, op->length, op->offset);
	case IO_WRITE:
		return (int32_t)sys_pwrite(io->sys, op->fd, op->data, op->length, op->offset);
	case IO_FSYNC:
		return op->datasync ? sys_fdatasync(io->sys, op->fd) : sys_fsync(io->sys, op->fd);
	case IO_NOP:
		return 0;
	}
	return -EINVAL;
}

bool io_begin(struct io *io, struct io_op *op)
{
	static const enum sys_kind kinds[] = {
		[IO_OPEN] = SYS_OPEN,	[IO_READ] = SYS_READ, [IO_WRITE] = SYS_WRITE,
		[IO_FSYNC] = SYS_FSYNC, [IO_NOP] = SYS_NOP,
	};
	unsigned flags = (unsigned)op->open_flags;

	if (op->kind == IO_FSYNC)
		flags = op->datasync;
	else if (op->kind == IO_READ || op->kind == IO_WRITE)
		flags = io->priority;
	op->point = (struct sys_op){
		.kind = kinds[op->kind],
		.fd = op->fd,
		.name = op->name,
		.offset = op->offset,
		.length = op->length,
		.flags = flags,
		.data = op->kind == IO_WRITE ? op->data : NULL,
		.data_bytes = op->length,
	};
	return point_begin(&io->sys->point, &op->point);
}

int32_t io_end(struct io *io, struct io_op *op, int32_t result)
{
	return (int32_t)point_end(&io->sys->point, &op->point, result);
}

bool io_is_busy(const struct io *io)
{
	return io->queued > 0 || !list_empty(&io->done) || !list_empty(&io->late);
}

void io_close(struct io *io)
{
	WEIR_ASSERT(io->queued == 0);
	if (io->backend != NULL)
		io->backend->close(io);
	io->backend = NULL;
}
