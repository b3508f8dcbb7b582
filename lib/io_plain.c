/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The contract of io.h with plain system calls: every op is done when it is
 * issued.  The engine above cannot tell the difference, so the state machines
 * are the same, and so are the results.
 */
#define _GNU_SOURCE
#include "io_plain.h"

#include "invariant.h"

static enum io_answer io_plain_issue(struct io *io, struct io_op *op)
{
	io_finish(io, op, io_perform(io, op));
	return IO_ANSWER_DONE;
}

static int io_plain_turn(struct io *io, int timeout_ms)
{
	(void)timeout_ms;
	WEIR_ASSERT(io->queued == 0);
	return 0;
}

static int io_plain_register_arena(struct io *io, struct arena *arena)
{
	/* Plain calls pin nothing: there is nothing to make known. */
	(void)arena;
	io->registered = false;
	return 0;
}

static void io_plain_close(struct io *io)
{
	WEIR_ASSERT(io->queued == 0);
}

static const struct io_backend io_plain_backend = {
	.name = "plain",
	.issue = io_plain_issue,
	.turn = io_plain_turn,
	.register_arena = io_plain_register_arena,
	.close = io_plain_close,
};

void io_plain_open(struct io *io)
{
	io->backend = &io_plain_backend;
	io->backend_state = NULL;
}
