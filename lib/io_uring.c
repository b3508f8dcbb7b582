/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The contract of io.h on a ring; the only file that includes liburing.h.  Its
 * own names begin with ring_, because io_uring_ belongs to that library.
 *
 * Invariants:
 * U1 the CQ has a place for every op that can be in flight, so
 *    it cannot overflow; both counters are read at the end and must be zero;
 * U2 user_data is op index and generation, never a pointer; a completion that
 *    matches no queued op is a bug;
 * U3 no link, no drain, no flag orders anything: the engine counts;
 * U4 every wait enters the kernel asking for events, which DEFER_TASKRUN
 *    needs to make progress;
 * U5 before its first operation a ring is restricted, for good, to the opcodes that are
 *    filled in here and to the registration of buffers, where the kernel can (5.10):
 *    whoever gets hold of it can do no more with it.
 *
 * Flags ladder: SINGLE_ISSUER|DEFER_TASKRUN (6.1), COOP_TASKRUN (5.19), R_DISABLED alone
 * (5.10), none.
 */
#define _GNU_SOURCE
#include "io_uring.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#include "invariant.h"

/* Bounded io-wq threads: file system work that cannot complete inline. */
#define RING_BOUNDED_WORKERS 16
#define RING_UNBOUNDED_WORKERS 4

#define RING_NOP_INJECT_RESULT 1 /* IORING_NOP_INJECT_RESULT of linux/io_uring.h, 6.10 */

struct ring_state {
	struct io_uring ring;
	unsigned waiting; /* SQ entries filled and not handed over */
	unsigned ranges;  /* registered */
	bool has_open;	  /* opcodes of 5.6, as the probe told */
	bool has_rw;
	unsigned refused; /* waits that the kernel refused, one after the other */
};

/* The kernel has no memory, or does not get to its threads: it is asked again for two
 * seconds, then that is an error of the ring (E12). */
#define RING_REFUSED_MOST 2000U
#define RING_REFUSED_NS (1000 * 1000)

#define RING_RESTRICTIONS 16

static uint64_t ring_key(const struct io_op *op)
{
	return (uint64_t)op->generation << 16 | op->index;
}

static void ring_fill_transfer(struct io_uring_sqe *sqe, const struct io *io,
			       const struct io_op *op)
{
	bool fixed = io->registered && op->slot != NULL;

	if (op->kind == IO_READ && fixed)
		io_uring_prep_read_fixed(sqe, op->fd, op->data, op->length, (uint64_t)op->offset,
					 op->slot->range);
	else if (op->kind == IO_READ)
		io_uring_prep_read(sqe, op->fd, op->data, op->length, (uint64_t)op->offset);
	else if (fixed)
		io_uring_prep_write_fixed(sqe, op->fd, op->data, op->length, (uint64_t)op->offset,
					  op->slot->range);
	else
		io_uring_prep_write(sqe, op->fd, op->data, op->length, (uint64_t)op->offset);
	if (fixed)
		tally_add(op->kind == IO_READ ? &io->tally->ops_read_fixed
					      : &io->tally->ops_write_fixed,
			  1);
	sqe->ioprio = io->priority; /* other operations are refused with one */
}

void ring_fill(struct io_uring_sqe *sqe, const struct io *io, const struct io_op *op)
{
	switch (op->kind) {
	case IO_OPEN:
		io_uring_prep_openat(sqe, op->fd, op->name, op->open_flags | O_CLOEXEC, 0);
		break;
	case IO_READ:
	case IO_WRITE:
		ring_fill_transfer(sqe, io, op);
		break;
	case IO_FSYNC:
		io_uring_prep_fsync(sqe, op->fd, op->datasync ? IORING_FSYNC_DATASYNC : 0);
		break;
	case IO_NOP:
		io_uring_prep_nop(sqe);
		break;
	}
	sqe->user_data = ring_key(op);
}

/* In the place of an operation one that does nothing and has a result of ours: the
 * order of completions, and what they do to the ring, are the kernel's own. */
static void ring_fill_result(struct io_uring_sqe *sqe, const struct io_op *op, long result)
{
	io_uring_prep_nop(sqe);
	sqe->rw_flags = RING_NOP_INJECT_RESULT;
	sqe->len = (uint32_t)(int32_t)result;
	sqe->user_data = ring_key(op);
}

/* Opcodes that this kernel's ring lacks are done by plain calls (M12). */
static bool ring_knows(const struct ring_state *state, const struct io *io, const struct io_op *op)
{
	if (op->kind == IO_OPEN)
		return state->has_open;
	if (op->kind == IO_READ || op->kind == IO_WRITE)
		return state->has_rw || (io->registered && op->slot != NULL);
	return true;
}

/* Hands SQ entries over.  EAGAIN, EBUSY, EINTR: they stay, the next turn tries
 * again after reaping (E12). */
static int ring_hand_over(struct io *io, struct ring_state *state)
{
	struct sys_op enter = { .kind = SYS_RING_ENTER, .fd = -1 };
	int handed;

	if (state->waiting == 0)
		return 0;
	handed = (int)POINT_CALL(&io->sys->point, &enter, io_uring_submit(&state->ring));
	tally_add(&io->tally->ring_enters, 1);
	if (handed == -EAGAIN || handed == -EBUSY || handed == -EINTR)
		return 0;
	if (handed < 0)
		return handed;
	WEIR_ASSERT((unsigned)handed <= state->waiting);
	state->waiting -= (unsigned)handed;
	return 0;
}

static enum io_answer ring_issue(struct io *io, struct io_op *op)
{
	struct ring_state *state = io->backend_state;
	struct io_uring_sqe *sqe;

	if (!ring_knows(state, io, op)) {
		io_finish(io, op, io_perform(io, op));
		return IO_ANSWER_DONE;
	}
	WEIR_ASSERT(io->queued <= LIMIT_OPS); /* U1 */
	sqe = io_uring_get_sqe(&state->ring);
	if (sqe == NULL) { /* the kernel has not taken what waits, again and again */
		io_finish(io, op, io_perform(io, op));
		return IO_ANSWER_DONE;
	}
	ring_fill(sqe, io, op);
	if (!io_begin(io, op))
		ring_fill_result(sqe, op, op->point.result);
	else if (op->point.length < op->length)
		sqe->len = (uint32_t)op->point.length;
	state->waiting++;
	/* The device should not idle while the worker makes more work for it. */
	if (state->waiting >= LIMIT_SUBMIT_AT && ring_hand_over(io, state) < 0)
		return IO_ANSWER_QUEUED; /* the turn meets the same error and reports it */
	return IO_ANSWER_QUEUED;
}

static unsigned ring_reap(struct io *io, struct ring_state *state)
{
	struct io_uring_cqe *cqe;
	unsigned head;
	unsigned seen = 0, done = 0;

	io_uring_for_each_cqe(&state->ring, head, cqe)
	{
		uint64_t key = cqe->user_data;
		struct io_op *op;

		seen++;
		if (key == LIBURING_UDATA_TIMEOUT)
			continue; /* the library's own wait timeout before 5.11 */
		WEIR_ASSERT((key & 0xffff) < LIMIT_OPS); /* U2 */
		op = &io->ops[key & 0xffff];
		WEIR_ASSERT(op->state == IO_QUEUED && ring_key(op) == key); /* U2 */
		io_finish(io, op, io_end(io, op, cqe->res));
		done++;
	}
	io_uring_cq_advance(&state->ring, seen);
	return done;
}

/* 0: it is to be asked again; or RESULT. */
static int ring_refused(struct ring_state *state, int result)
{
	if (++state->refused > LIMIT_TRIES)
		nanosleep(&(struct timespec){ .tv_nsec = RING_REFUSED_NS }, NULL);
	return state->refused < RING_REFUSED_MOST ? 0 : result;
}

static int ring_turn(struct io *io, int timeout_ms)
{
	struct ring_state *state = io->backend_state;
	struct __kernel_timespec timeout = {
		.tv_sec = timeout_ms / 1000,
		.tv_nsec = (long long)(timeout_ms % 1000) * 1000000,
	};
	struct sys_op enter = { .kind = SYS_RING_ENTER, .fd = -1 };
	struct io_uring_cqe *cqe;
	int result;

	if (io->queued == 0 || !list_empty(&io->done)) {
		result = ring_hand_over(io, state);
		ring_reap(io, state);
		return result;
	}
	/* One call hands over, waits and lets the kernel post completions (U4). */
	result = (int)POINT_CALL(
		&io->sys->point, &enter,
		io_uring_submit_and_wait_timeout(&state->ring, &cqe, 1, &timeout, NULL));
	tally_add(&io->tally->ring_enters, 1);
	state->waiting = io_uring_sq_ready(&state->ring);
	ring_reap(io, state);
	if (result == -EINTR || result == -EAGAIN || result == -EBUSY)
		return ring_refused(state, result);
	state->refused = 0;
	if (result == -ETIME)
		return 0;
	return result < 0 ? result : 0;
}

static int ring_register(struct io *io, const struct iovec *ranges, unsigned count)
{
	struct ring_state *state = io->backend_state;
	struct sys_op op = { .kind = SYS_RING_REGISTER, .fd = -1 };

	return (int)POINT_CALL(&io->sys->point, &op,
			       io_uring_register_buffers(&state->ring, ranges, count));
}

static int ring_register_arena(struct io *io, struct arena *arena)
{
	struct ring_state *state = io->backend_state;
	struct iovec ranges[16];
	unsigned count = arena_ranges(arena);
	int result;

	WEIR_ASSERT(io->queued == 0);
	if (count > sizeof(ranges) / sizeof(ranges[0]))
		return -ENOMEM;
	if (state->ranges > 0) {
		result = io_uring_unregister_buffers(&state->ring);
		if (result < 0)
			return result;
		state->ranges = 0;
		io->registered = false;
	}
	for (unsigned i = 0; i < count; i++) {
		ranges[i].iov_base = arena->memory + (size_t)i * LIMIT_RANGE_BYTES;
		ranges[i].iov_len = arena_range_bytes(arena, i);
	}
	result = ring_register(io, ranges, count);
	if (result == -ENOMEM) {
		/* A ring that just ended gives its share back some ms later. */
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
		result = ring_register(io, ranges, count);
	}
	if (result < 0)
		return result;
	state->ranges = count;
	io->registered = true;
	tally_add(&io->tally->buffer_registrations, 1);
	return 0;
}

static void ring_close(struct io *io)
{
	struct ring_state *state = io->backend_state;

	/* Unregistered by hand: the charge against RLIMIT_MEMLOCK ends now, not
	 * when the kernel gets round to it (lib/README.md, Interruption). */
	if (state->ranges > 0)
		io_uring_unregister_buffers(&state->ring);
	tally_add(&io->tally->ring_dropped, *state->ring.sq.kdropped);
	tally_add(&io->tally->ring_overflow, *state->ring.cq.koverflow);
	WEIR_ASSERT(*state->ring.sq.kdropped == 0);  /* U1 */
	WEIR_ASSERT(*state->ring.cq.koverflow == 0); /* U1 */
	io_uring_queue_exit(&state->ring);
	free(state);
	io->backend_state = NULL;
}

static const struct io_backend ring_backend = {
	.name = "ring",
	.issue = ring_issue,
	.turn = ring_turn,
	.register_arena = ring_register_arena,
	.close = ring_close,
};

/* The flags ladder: the first set that this kernel takes. */
static int ring_setup_ladder(struct io_uring *ring)
{
	static const unsigned ladder[] = {
		IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL |
			IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER |
			IORING_SETUP_DEFER_TASKRUN,
		IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL |
			IORING_SETUP_R_DISABLED | IORING_SETUP_COOP_TASKRUN,
		IORING_SETUP_R_DISABLED,
		0,
	};
	int result = -EINVAL;

	for (size_t i = 0; i < sizeof(ladder) / sizeof(ladder[0]) && result == -EINVAL; i++) {
		struct io_uring_params params = {
			.flags = ladder[i],
			.cq_entries = LIMIT_SQ_ENTRIES * 2, /* the kernel's own choice, too */
		};

		result = io_uring_queue_init_params(LIMIT_SQ_ENTRIES, ring, &params);
	}
	return result;
}

static int ring_setup(struct io *io, struct io_uring *ring)
{
	struct sys_op op = { .kind = SYS_RING_SETUP, .fd = -1 };

	return (int)POINT_CALL(&io->sys->point, &op, ring_setup_ladder(ring));
}

/* A ring can be made and still not work (a denied mapping, an old seccomp
 * filter): one NOP must go round before it is trusted. */
static int ring_self_test(struct io_uring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct io_uring_cqe *cqe;
	unsigned tries = 0;
	int result;

	if (sqe == NULL)
		return -EIO;
	io_uring_prep_nop(sqe);
	sqe->user_data = 1;
	do {
		result = io_uring_submit_and_wait(ring, 1);
	} while ((result == -EINTR || result == -EAGAIN || result == -EBUSY) &&
		 ++tries < LIMIT_TRIES); /* E12 */
	if (result < 0)
		return result;
	result = io_uring_peek_cqe(ring, &cqe);
	if (result < 0)
		return result;
	result = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return result;
}

static void ring_ask_opcodes(struct ring_state *state)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(&state->ring);

	if (probe == NULL)
		return; /* before 5.6: READV and friends only; fixed I/O still works */
	state->has_open = io_uring_opcode_supported(probe, IORING_OP_OPENAT);
	state->has_rw = io_uring_opcode_supported(probe, IORING_OP_READ) &&
			io_uring_opcode_supported(probe, IORING_OP_WRITE);
	io_uring_free_probe(probe);
}

static unsigned ring_allow(struct io_uring_restriction *list, unsigned count, uint16_t what,
			   uint8_t value)
{
	WEIR_ASSERT(count < RING_RESTRICTIONS);
	list[count].opcode = what;
	if (what == IORING_RESTRICTION_REGISTER_OP)
		list[count].register_op = value;
	else
		list[count].sqe_op = value;
	return count + 1;
}

/* U5 */
static int ring_restrict(struct io_uring *ring)
{
	static const uint8_t opcodes[] = {
		IORING_OP_NOP,	 IORING_OP_OPENAT,	IORING_OP_READ,	 IORING_OP_READ_FIXED,
		IORING_OP_WRITE, IORING_OP_WRITE_FIXED, IORING_OP_FSYNC,
	};
	struct io_uring_restriction list[RING_RESTRICTIONS] = { 0 };
	unsigned count = 0;

	for (size_t i = 0; i < sizeof(opcodes); i++)
		count = ring_allow(list, count, IORING_RESTRICTION_SQE_OP, opcodes[i]);
	if ((ring->features & IORING_FEAT_EXT_ARG) == 0) /* a wait of the library's is an op */
		count = ring_allow(list, count, IORING_RESTRICTION_SQE_OP, IORING_OP_TIMEOUT);
	count = ring_allow(list, count, IORING_RESTRICTION_REGISTER_OP, IORING_REGISTER_BUFFERS);
	count = ring_allow(list, count, IORING_RESTRICTION_REGISTER_OP, IORING_UNREGISTER_BUFFERS);
	count = ring_allow(list, count, IORING_RESTRICTION_REGISTER_OP,
			   IORING_REGISTER_ENABLE_RINGS);
	/* liburing 2.3 has calls for this and the next, but does not export them. */
	return io_uring_register((unsigned)ring->ring_fd, IORING_REGISTER_RESTRICTIONS, list,
				 count);
}

/* Asks what it can do, restricts it to that, and lets it begin.  0 or -errno. */
static int ring_enable(struct io *io, struct ring_state *state)
{
	unsigned workers[2] = { RING_BOUNDED_WORKERS, RING_UNBOUNDED_WORKERS };
	int result;

	ring_ask_opcodes(state);
	/* Before 5.15 the kernel's own caps hold. */
	io_uring_register_iowq_max_workers(&state->ring, workers);
	if ((state->ring.flags & IORING_SETUP_R_DISABLED) == 0)
		return 0;
	if (ring_restrict(&state->ring) == 0)
		tally_add(&io->tally->rings_restricted, 1);
	result = io_uring_register((unsigned)state->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS,
				   NULL, 0);
	return result < 0 ? result : 0;
}

int ring_open(struct io *io)
{
	struct ring_state *state = calloc(1, sizeof(*state));
	int result;

	if (state == NULL)
		return -ENOMEM;
	result = ring_setup(io, &state->ring);
	if (result == -ENOMEM) {
		/* A ring that just ended gives its share of RLIMIT_MEMLOCK back
		 * some ms later. */
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
		result = ring_setup(io, &state->ring);
	}
	if (result < 0) {
		free(state);
		return result;
	}
	result = ring_enable(io, state);
	if (result == 0)
		result = ring_self_test(&state->ring);
	if (result < 0) {
		io_uring_queue_exit(&state->ring);
		free(state);
		return result;
	}
	io->backend = &ring_backend;
	io->backend_state = state;
	return 0;
}

#define RING_TEXT_(number) #number
#define RING_TEXT(number) RING_TEXT_(number)

const char *ring_library(void)
{
#ifdef IO_URING_VERSION_MAJOR
	return RING_TEXT(IO_URING_VERSION_MAJOR) "." RING_TEXT(IO_URING_VERSION_MINOR);
#else
	return "2.3"; /* the version macros came with 2.4, and 2.3 is the floor */
#endif
}
