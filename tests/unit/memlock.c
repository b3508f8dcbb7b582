/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * RLIMIT_MEMLOCK: how it is divided, and what a worker does with its share.
 * Each case is a child with a limit and, where this process may become somebody
 * else, a user of its own: the kernel counts by user.
 */
#include "lib/budget.h"

#include <sys/syscall.h>

#include "lib/io_uring.h"
#include "lib/limits.h"
#include "unit.h"

struct limit_case {
	rlim_t limit;
	uint32_t workers;
	uint32_t chunk_bytes; /* 0: chosen */
	bool own_user;
};

/* Becomes a user that has no other process, and keeps no capability.  By number,
 * because fakeroot only pretends. */
static bool become_another(void)
{
	uid_t uid = (uid_t)(1000000 + getpid());

	return syscall(SYS_setgroups, 0, NULL) == 0 && syscall(SYS_setresgid, uid, uid, uid) == 0 &&
	       syscall(SYS_setresuid, uid, uid, uid) == 0;
}

static void try_another(void *unused)
{
	(void)unused;
	_exit(become_another() ? 0 : 1);
}

static bool can_be_another(void)
{
	static int status = -1;

	if (status < 0)
		status = unit_child(try_another, NULL);
	return status == 0;
}

static void need_ring(void)
{
	struct sys sys;
	struct tally tally = { .began_ns = 0 };
	struct io *io = malloc(sizeof(*io));
	int result;

	REQUIRE(io != NULL);
	sys_open(&sys);
	io_init(io, &sys, &tally);
	result = ring_open(io);
	if (result == 0)
		io_close(io);
	free(io);
	if (result < 0)
		SKIP("no io_uring here: %s", strerror(-result));
}

struct memlock_shared {
	struct sys sys;
	struct tally tally;
	struct bell bell;
	struct settings settings;
	struct worker_shared engine;
	struct budget budget;
};

static struct memlock_shared *make_shared(const struct limit_case *limits)
{
	struct memlock_shared *shared = calloc(1, sizeof(*shared));

	REQUIRE(shared != NULL);
	sys_open(&shared->sys);
	shared->settings = (struct settings){
		.engine = WEIR_ENGINE_AUTO,
		.durable = WEIR_DURABLE_GROUP,
		.workers = limits->workers,
		.chunk_bytes = limits->chunk_bytes,
	};
	shared->engine = (struct worker_shared){
		.sys = &shared->sys,
		.tally = &shared->tally,
		.bell = &shared->bell,
		.settings = &shared->settings,
	};
	return shared;
}

static bool enter(const struct limit_case *limits)
{
	struct rlimit limit = { limits->limit, limits->limit };

	/* Without a limit: whoever may lock memory as he likes needs none. */
	if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0)
		return limits->limit == RLIM_INFINITY && !limits->own_user;
	return !limits->own_user || become_another();
}

/* One slot of each class does a transfer, registered or not. */
static void use_worker(struct worker *worker)
{
	struct io *io = &worker->io;
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	uint64_t before = tally_get(&worker->shared->tally->ops_read_fixed);

	for (int i = 0; i < 2; i++) {
		struct slot *slot = i == 0 ? arena_take_small(&worker->arena)
					   : arena_take_large(&worker->arena);
		struct io_op *op = io_take(io, IO_READ, NULL, 0);

		REQUIRE(slot != NULL && op != NULL && fd >= 0);
		memset(slot->data, 0xff, slot->bytes);
		op->fd = fd;
		op->data = slot->data;
		op->length = slot->bytes;
		op->slot = slot;
		REQUIRE(io_issue(io, op) != IO_ANSWER_BUSY);
		for (int turns = 0; turns < 50 && op->state != IO_DONE; turns++)
			REQUIRE(io_turn(io, 100) == 0);
		REQUIRE(io_take_done(io) == op);
		/* That device may be short whenever something else is pending. */
		CHECK(op->result > 0 && (uint32_t)op->result <= slot->bytes);
		CHECK(op->result <= 0 || (slot->data[0] == 0 && slot->data[op->result - 1] == 0));
		io_give(io, op);
		arena_give(&worker->arena, slot);
	}
	CHECK_EQUAL(tally_get(&worker->shared->tally->ops_read_fixed) - before,
		    io->registered ? 2 : 0);
	close(fd);
}

/* Starts all workers of a budget at once; in a child. */
static void start_all(void *argument)
{
	const struct limit_case *limits = argument;
	struct worker *workers[LIMIT_WORKERS_MAX] = { NULL };
	struct memlock_shared *shared;
	uint64_t planned = 0, registered = 0;

	if (!enter(limits))
		SKIP("the limit or the user cannot be changed");
	shared = make_shared(limits);
	budget_settle(&shared->budget, &shared->sys, &shared->settings, LIMIT_WORKERS_MAX, false);
	CHECK_EQUAL(shared->budget.workers, limits->workers);
	for (uint32_t i = 0; i < shared->budget.workers; i++) {
		struct worker_plan *plan = &shared->budget.plans[i];

		workers[i] = worker_new(&shared->engine, plan);
		REQUIRE(workers[i] != NULL);
		REQUIRE(worker_start(workers[i]) == 0);
		if (plan->registers)
			planned += plan->arena.bytes;
		if (workers[i]->io.registered)
			registered += workers[i]->arena.ready_bytes;
		/* The ring's own few pages count as well, so that below 1 MiB
		 * there may be none; plain calls do then. */
		if (limits->own_user && limits->limit >= MIB(1))
			CHECK(workers[i]->io.backend_state != NULL);
		/* With nobody else about, what was planned is what comes. */
		if (limits->own_user && limits->limit >= MIB(1))
			CHECK_EQUAL(workers[i]->io.registered, plan->registers);
	}
	for (uint32_t i = 0; i < shared->budget.workers; i++)
		use_worker(workers[i]);
	if (limits->limit != RLIM_INFINITY && limits->own_user) {
		CHECK(planned <= limits->limit / 4 * 3); /* B1 */
		CHECK(registered <= limits->limit);
		CHECK(registered > 0 || limits->limit < KIB(64));
	}
	if (limits->limit == RLIM_INFINITY)
		for (uint32_t i = 0; i < shared->budget.workers; i++)
			CHECK_EQUAL(workers[i]->io.registered, shared->budget.plans[i].registers);
	CHECK_EQUAL(tally_get(&shared->tally.buffer_bytes), registered);
	for (uint32_t i = 0; i < shared->budget.workers; i++)
		worker_free(workers[i]);
	free(shared);
}

static void try_limits(rlim_t limit, uint32_t workers, uint32_t chunk_bytes)
{
	struct limit_case limits = { limit, workers, chunk_bytes, can_be_another() };
	struct rlimit now;
	int status;

	need_ring();
	getrlimit(RLIMIT_MEMLOCK, &now);
	if (limit == RLIM_INFINITY && now.rlim_max != RLIM_INFINITY) {
		if (!can_be_another())
			SKIP("RLIMIT_MEMLOCK cannot be raised");
		limits.own_user = false; /* root, who is not counted */
	} else if (!limits.own_user && limit > now.rlim_max) {
		SKIP("RLIMIT_MEMLOCK cannot be raised");
	}
	status = unit_child(start_all, &limits);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		SKIP("the limit or the user cannot be changed");
	CHECK_EQUAL(status, 0);
}

static void nothing(void)
{
	try_limits(0, 1, 0);
	try_limits(0, 4, 0);
}

static void kib_64(void)
{
	try_limits(KIB(64), 1, 0);
	try_limits(KIB(64), 4, 0);
}

static void mib_1(void)
{
	try_limits(MIB(1), 1, 0);
	try_limits(MIB(1), 3, KIB(64));
}

static void mib_8(void)
{
	try_limits(MIB(8), 1, 0);
	try_limits(MIB(8), 2, 0);
	try_limits(MIB(8), 4, 0);
}

static void unlimited(void)
{
	try_limits(RLIM_INFINITY, 1, 0);
	try_limits(RLIM_INFINITY, 2, KIB(128));
}

/* A chunk that the user asked for and that just fits. */
static void exact_chunk(void)
{
	try_limits((MIB(1) + KIB(64)) / 3 * 4, 1, MIB(1));
}

/* The limit is used up by somebody after it was divided: down the ladder. */
static void squeezed(void *argument)
{
	const struct limit_case *limits = argument;
	struct memlock_shared *shared;
	struct rlimit less = { limits->limit / 4, limits->limit / 4 };
	struct worker *worker;

	if (!enter(limits))
		SKIP("the limit or the user cannot be changed");
	shared = make_shared(limits);
	budget_settle(&shared->budget, &shared->sys, &shared->settings, 1, false);
	CHECK(shared->budget.plans[0].registers);
	REQUIRE(setrlimit(RLIMIT_MEMLOCK, &less) == 0);
	worker = worker_new(&shared->engine, &shared->budget.plans[0]);
	REQUIRE(worker != NULL);
	REQUIRE(worker_start(worker) == 0);
	if (worker->io.registered)
		CHECK(worker->arena.ready_bytes <= less.rlim_cur);
	use_worker(worker);
	worker_free(worker);
	free(shared);
}

static void ladder(void)
{
	struct limit_case limits = { MIB(8), 1, 0, true };
	int status;

	need_ring();
	if (!can_be_another())
		SKIP("another user is needed");
	for (limits.limit = KIB(512); limits.limit <= MIB(8); limits.limit *= 2) {
		status = unit_child(squeezed, &limits);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
			SKIP("the limit or the user cannot be changed");
		CHECK_EQUAL(status, 0);
	}
}

static const struct unit_test tests[] = {
	{ "with nothing to lock a worker works without registration", nothing },
	{ "64 KiB are registered by one worker alone", kib_64 },
	{ "1 MiB is registered in small pages", mib_1 },
	{ "8 MiB are divided so that every share is had at once", mib_8 },
	{ "without a limit all that is asked for is registered", unlimited },
	{ "a chunk that was asked for and fits is registered", exact_chunk },
	{ "a limit that is used up by others leads down the ladder, not to an error", ladder },
};

UNIT_MAIN(tests)
