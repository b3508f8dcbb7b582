/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The contract of lib/io.h, on both backends.
 */
#include "lib/io.h"

#include <liburing.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>

#include "lib/io_plain.h"
#include "lib/io_uring.h"
#include "unit.h"

struct bench {
	struct io io;
	struct sys sys;
	struct tally tally;
	struct arena arena;
	int dirfd;
	bool ring;
};

static struct bench *bench;

/* An arena with chunks of exactly this length. */
static int open_arena(struct arena *arena, size_t bytes, uint32_t chunk_bytes, uint32_t depth)
{
	struct arena_plan plan = {
		.bytes = bytes, .chunk_bytes = chunk_bytes, .depth = depth, .exact = true,
	};

	return arena_open(arena, &plan);
}

static void open_bench(bool ring)
{
	int result = 0;

	bench = calloc(1, sizeof(*bench));
	REQUIRE(bench != NULL);
	sys_open(&bench->sys);
	io_init(&bench->io, &bench->sys, &bench->tally);
	bench->ring = ring;
	if (ring)
		result = ring_open(&bench->io);
	else
		io_plain_open(&bench->io);
	if (result < 0) {
		free(bench);
		SKIP("no io_uring here: %s", strerror(-result));
	}
	REQUIRE(open_arena(&bench->arena, KIB(128), KIB(16), 4) ==
		0);
	bench->dirfd = unit_folder();
}

static void close_bench(void)
{
	CHECK_EQUAL(bench->io.taken, 0);
	CHECK_EQUAL(bench->io.queued, 0);
	io_close(&bench->io);
	CHECK_EQUAL(tally_get(&bench->tally.ring_dropped), 0);
	CHECK_EQUAL(tally_get(&bench->tally.ring_overflow), 0);
	arena_close(&bench->arena);
	close(bench->dirfd);
	free(bench);
}

static struct io_op *take(enum io_kind kind, uint32_t tag)
{
	struct io_op *op = io_take(&bench->io, kind, bench, tag);

	REQUIRE(op != NULL);
	return op;
}

static struct io_op *transfer(enum io_kind kind, int fd, void *data, uint32_t length,
			      int64_t offset, const struct slot *slot)
{
	struct io_op *op = take(kind, 0);

	op->fd = fd;
	op->data = data;
	op->length = length;
	op->offset = offset;
	op->slot = slot;
	return op;
}

/* Issues the op and waits for it; its result. */
static int32_t perform(struct io_op *op)
{
	struct io_op *done;
	int32_t result;
	enum io_answer answer = io_issue(&bench->io, op);

	CHECK(answer != IO_ANSWER_BUSY);
	if (answer == IO_ANSWER_QUEUED)
		CHECK(bench->io.queued == 1 || op->state == IO_DONE);
	for (int i = 0; i < 100 && op->state != IO_DONE; i++)
		REQUIRE(io_turn(&bench->io, 100) == 0);
	done = io_take_done(&bench->io);
	REQUIRE(done == op && op->state == IO_DONE);
	CHECK(done->owner == bench);
	result = done->result;
	io_give(&bench->io, done);
	CHECK(io_take_done(&bench->io) == NULL);
	return result;
}

static int32_t open_file(const char *name, int flags)
{
	struct io_op *op = take(IO_OPEN, 0);

	op->fd = bench->dirfd;
	op->name = name;
	op->open_flags = flags | O_CLOEXEC;
	return perform(op);
}

static void files(bool ring)
{
	static uint8_t data[5000], back[6000];
	int fd, read_fd;
	struct io_op *op;

	open_bench(ring);
	memset(data, 0x5a, sizeof(data));
	unit_write_text(bench->dirfd, "f", "");
	fd = open_file("f", O_RDWR);
	REQUIRE(fd >= 0);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	CHECK_EQUAL(perform(transfer(IO_WRITE, fd, data, sizeof(data), 100, NULL)), 5000);
	CHECK_EQUAL(perform(transfer(IO_READ, fd, back, sizeof(back), 100, NULL)), 5000);
	CHECK(memcmp(data, back, 5000) == 0);
	CHECK_EQUAL(perform(transfer(IO_READ, fd, back, 10, 95, NULL)), 10);
	CHECK(memcmp(back, "\0\0\0\0\0ZZZZZ", 10) == 0);
	CHECK_EQUAL(perform(transfer(IO_READ, fd, back, 10, 5100, NULL)), 0);
	for (int datasync = 0; datasync < 2; datasync++) {
		op = take(IO_FSYNC, 0);
		op->fd = fd;
		op->datasync = datasync != 0;
		CHECK_EQUAL(perform(op), 0);
	}
	CHECK_EQUAL(perform(take(IO_NOP, 0)), 0);
	/* Failures are results, not anything else. */
	CHECK_EQUAL(open_file("none", O_RDONLY), -ENOENT);
	REQUIRE(symlinkat("f", bench->dirfd, "link") == 0);
	CHECK_EQUAL(open_file("link", O_RDONLY | O_NOFOLLOW), -ELOOP);
	read_fd = open_file("f", O_RDONLY);
	CHECK_EQUAL(perform(transfer(IO_WRITE, read_fd, data, 1, 0, NULL)), -EBADF);
	CHECK_EQUAL(perform(transfer(IO_READ, bench->dirfd, back, 1, 0, NULL)), -EISDIR);
	CHECK_EQUAL(tally_get(&bench->tally.ops_read), 4);
	CHECK_EQUAL(tally_get(&bench->tally.ops_write), 2);
	CHECK_EQUAL(tally_get(&bench->tally.syncs_file), 2);
	CHECK_EQUAL(tally_get(&bench->tally.ops_open), 4);
	close(fd);
	close(read_fd);
	close_bench();
}

static void files_plain(void)
{
	files(false);
}

static void files_ring(void)
{
	files(true);
}

static void full_table(bool ring)
{
	bool seen[LIMIT_OPS] = { false };
	struct io_op *op;
	unsigned count = 0;

	open_bench(ring);
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < LIMIT_OPS; i++) {
			op = take(IO_NOP, i);
			if (round % 2 == 1) { /* in order of the tag no longer */
				op->immediate = i % 3 == 0;
			}
			CHECK(io_issue(&bench->io, op) != IO_ANSWER_BUSY);
		}
		CHECK(io_take(&bench->io, IO_NOP, bench, 0) == NULL);
		CHECK_EQUAL(bench->io.taken, LIMIT_OPS);
		memset(seen, 0, sizeof(seen));
		for (count = 0; count < LIMIT_OPS;) {
			op = io_take_done(&bench->io);
			if (op == NULL) {
				REQUIRE(bench->io.queued > 0);
				REQUIRE(io_turn(&bench->io, 1000) == 0);
				continue;
			}
			CHECK(op->tag < LIMIT_OPS && !seen[op->tag]);
			seen[op->tag] = true;
			CHECK_EQUAL(op->result, 0);
			io_give(&bench->io, op);
			count++;
		}
		CHECK(io_take_done(&bench->io) == NULL);
	}
	close_bench();
}

static void full_table_plain(void)
{
	full_table(false);
}

static void full_table_ring(void)
{
	full_table(true);
}

/* A pipe: a read that does not complete until the test writes. */
static void waits(void)
{
	int ends[2];
	char byte;
	double began;
	struct io_op *op, *nop;

	open_bench(true);
	REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
	op = transfer(IO_READ, ends[0], &byte, 1, 0, NULL);
	CHECK_EQUAL(io_issue(&bench->io, op), IO_ANSWER_QUEUED);
	began = unit_now();
	CHECK_EQUAL(io_turn(&bench->io, 60), 0); /* its time is up: no error */
	CHECK(unit_now() - began >= 0.055);
	CHECK(io_take_done(&bench->io) == NULL);
	CHECK_EQUAL(op->state, IO_QUEUED);
	/* Others overtake it, and what is done is not waited for. */
	nop = take(IO_NOP, 1);
	io_issue(&bench->io, nop);
	began = unit_now();
	for (int i = 0; i < 10 && nop->state != IO_DONE; i++)
		CHECK_EQUAL(io_turn(&bench->io, 5000), 0);
	CHECK_EQUAL(io_turn(&bench->io, 5000), 0);
	CHECK(unit_now() - began < 4);
	CHECK(io_take_done(&bench->io) == nop);
	io_give(&bench->io, nop);
	REQUIRE(write(ends[1], "x", 1) == 1);
	for (int i = 0; i < 50 && op->state != IO_DONE; i++)
		CHECK_EQUAL(io_turn(&bench->io, 1000), 0);
	CHECK(io_take_done(&bench->io) == op);
	CHECK_EQUAL(op->result, 1);
	CHECK_EQUAL(byte, 'x');
	io_give(&bench->io, op);
	close(ends[0]);
	close(ends[1]);
	close_bench();
}

static void generations(void)
{
	struct io_op *op, *again;
	uint16_t generation;

	open_bench(false);
	for (unsigned i = 0; i < 70000; i++) { /* once round, too */
		op = take(IO_NOP, 0);
		generation = op->generation;
		io_give(&bench->io, op);
		again = take(IO_NOP, 0);
		CHECK(again == op); /* warm */
		CHECK_EQUAL(again->generation, (uint16_t)(generation + 1));
		io_give(&bench->io, again);
	}
	close_bench();
}

/* A completion of an op as it was before, not as it is now. */
static void late(void *argument)
{
	struct io_op *op = argument;

	unit_quiet_abort();
	if (op == NULL) {
		open_bench(true);
		op = take(IO_NOP, 0);
		io_issue(&bench->io, op);
		op->generation++;
	}
	io_turn(&bench->io, 1000);
}

static void late_completion(void)
{
	open_bench(true); /* skips where there is no ring */
	close_bench();
	CHECK(unit_aborted(unit_child(late, NULL)));
}

static void misuse(void *argument)
{
	struct io_op *op;

	unit_quiet_abort();
	open_bench(false);
	op = take(IO_NOP, 0);
	switch (*(int *)argument) {
	case 0:
		io_issue(&bench->io, op);
		io_issue(&bench->io, op);
		break;
	case 1:
		io_give(&bench->io, op);
		io_give(&bench->io, op);
		break;
	case 2:
		op->kind = IO_READ; /* at the "current position" */
		op->fd = bench->dirfd;
		op->offset = -1;
		io_issue(&bench->io, op);
		break;
	case 3:
		op->kind = IO_READ; /* of no file */
		io_issue(&bench->io, op);
		break;
	case 4:
		io_issue(&bench->io, op);
		io_finish(&bench->io, op, 0);
		break;
	}
}

static void misused(void)
{
	for (int i = 0; i < 5; i++)
		CHECK(unit_aborted(unit_child(misuse, &i)));
}

/* ---- registered buffers ------------------------------------------------------------ */

static int registered_or_skip(void)
{
	int result = bench->io.backend->register_arena(&bench->io, &bench->arena);

	if (result == -ENOMEM) {
		close_bench();
		SKIP("RLIMIT_MEMLOCK leaves no room to register 128 KiB");
	}
	REQUIRE(result == 0);
	CHECK(bench->io.registered);
	return result;
}

/* READ_FIXED and WRITE_FIXED into any part of a slot, to the byte. */
static void any_part(void)
{
	static uint8_t expected[KIB(16)];
	uint64_t seed = 11, fixed = 0;
	struct slot *slot;
	int fd;

	open_bench(true);
	registered_or_skip();
	unit_write_text(bench->dirfd, "f", "");
	fd = open_file("f", O_RDWR);
	slot = arena_take_large(&bench->arena);
	REQUIRE(fd >= 0 && slot != NULL && slot->bytes == KIB(16));
	for (int i = 0; i < 300; i++) {
		uint32_t at = unit_below(&seed, slot->bytes);
		uint32_t length = 1 + unit_below(&seed, slot->bytes - at);
		int64_t offset = unit_below(&seed, 100000);

		if (i == 0)
			at = 0, length = slot->bytes;
		for (uint32_t j = 0; j < slot->bytes; j++)
			slot->data[j] = expected[j] = (uint8_t)unit_random(&seed);
		CHECK_EQUAL(perform(transfer(IO_WRITE, fd, slot->data + at, length, offset, slot)),
			    length);
		memset(slot->data, 0xee, slot->bytes);
		CHECK_EQUAL(perform(transfer(IO_READ, fd, slot->data + at, length, offset, slot)),
			    length);
		CHECK(memcmp(slot->data + at, expected + at, length) == 0);
		CHECK(at == 0 || slot->data[at - 1] == 0xee);
		CHECK(at + length == slot->bytes || slot->data[at + length] == 0xee);
		fixed += 1;
	}
	CHECK_EQUAL(tally_get(&bench->tally.ops_read_fixed), fixed);
	CHECK_EQUAL(tally_get(&bench->tally.ops_write_fixed), fixed);
	/* The same slot as plain memory. */
	CHECK_EQUAL(perform(transfer(IO_READ, fd, slot->data, 100, 0, NULL)), 100);
	CHECK_EQUAL(tally_get(&bench->tally.ops_read_fixed), fixed);
	/* Beyond the registered memory the kernel refuses. */
	CHECK_EQUAL(perform(transfer(IO_READ, fd,
				     bench->arena.memory + bench->arena.ready_bytes - 10, 100, 0,
				     slot)), -EFAULT);
	arena_give(&bench->arena, slot);
	close(fd);
	close_bench();
}

static void again(void)
{
	struct slot *slot;
	int fd;

	open_bench(true);
	registered_or_skip();
	unit_write_text(bench->dirfd, "f", "hello");
	fd = open_file("f", O_RDONLY);
	for (int i = 0; i < 6; i++) {
		slot = arena_take_large(&bench->arena);
		REQUIRE(slot != NULL);
		memset(slot->data, 0, 8);
		CHECK_EQUAL(perform(transfer(IO_READ, fd, slot->data, 8, 0, slot)), 5);
		CHECK(memcmp(slot->data, "hello", 6) == 0);
		arena_give(&bench->arena, slot);
		if (i < 2) /* down the ladder: 4, 2, 1 */
			CHECK(arena_halve(&bench->arena));
		CHECK_EQUAL(bench->io.backend->register_arena(&bench->io, &bench->arena), 0);
		CHECK(bench->io.registered);
	}
	CHECK_EQUAL(tally_get(&bench->tally.buffer_registrations), 7);
	CHECK_EQUAL(tally_get(&bench->tally.ops_read_fixed), 6);
	close(fd);
	close_bench();
}

static void grown(void)
{
	struct arena *arena;
	struct slot *slots[8];
	int fd;

	open_bench(true);
	arena = &bench->arena;
	arena_close(arena);
	REQUIRE(open_arena(arena, KIB(512), KIB(32), 8) == 0);
	registered_or_skip();
	unit_write_text(bench->dirfd, "f", "hello");
	fd = open_file("f", O_RDONLY);
	CHECK(arena_grow(arena));
	if (bench->io.backend->register_arena(&bench->io, arena) == -ENOMEM) {
		CHECK(!bench->io.registered);
		close(fd);
		close_bench();
		SKIP("RLIMIT_MEMLOCK leaves no room to register 512 KiB");
	}
	for (unsigned i = 0; i < arena->large_count; i++) {
		slots[i] = arena_take_large(arena);
		REQUIRE(slots[i] != NULL);
		CHECK_EQUAL(perform(transfer(IO_READ, fd, slots[i]->data + slots[i]->bytes - 5, 5,
					     0, slots[i])), 5);
	}
	close(fd);
	close_bench();
}

static void plain_registers_nothing(void)
{
	open_bench(false);
	CHECK_EQUAL(bench->io.backend->register_arena(&bench->io, &bench->arena), 0);
	CHECK(!bench->io.registered);
	CHECK_EQUAL(tally_get(&bench->tally.buffer_registrations), 0);
	close_bench();
}

/* Memory that is a file's is refused, and used unregistered. */
static void file_backed(void)
{
	const size_t bytes = KIB(64);
	struct arena *arena = calloc(1, sizeof(*arena));
	struct slot slot = { .bytes = KIB(16), .used = true };
	struct statfs statfs;
	int fd, file;

	open_bench(true);
	registered_or_skip();
	unit_write_text(bench->dirfd, "f", "hello");
	unit_write_text(bench->dirfd, "memory", "");
	file = openat(bench->dirfd, "memory", O_RDWR | O_CLOEXEC);
	fd = open_file("f", O_RDONLY);
	REQUIRE(file >= 0 && fd >= 0 && ftruncate(file, (off_t)bytes) == 0);
	REQUIRE(fstatfs(file, &statfs) == 0);
	arena->memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	REQUIRE(arena->memory != MAP_FAILED);
	arena->ready_bytes = bytes;
	slot.data = arena->memory;
	if (statfs.f_type != TMPFS_MAGIC) {
		int result = bench->io.backend->register_arena(&bench->io, arena);

		/* Linux before 5.16 or so said EOPNOTSUPP, too; never success. */
		CHECK(result == -EOPNOTSUPP || result == -EFAULT || result == -EINVAL);
		CHECK(!bench->io.registered); /* what was before is gone as well */
		CHECK_EQUAL(perform(transfer(IO_READ, fd, slot.data, 8, 0, &slot)), 5);
		CHECK(memcmp(slot.data, "hello", 5) == 0);
		CHECK_EQUAL(tally_get(&bench->tally.ops_read_fixed), 0);
		CHECK_EQUAL(bench->io.backend->register_arena(&bench->io, &bench->arena), 0);
		CHECK(bench->io.registered); /* and anonymous memory goes again */
	}
	munmap(arena->memory, bytes);
	free(arena);
	close(file);
	close(fd);
	close_bench();
	if (statfs.f_type == TMPFS_MAGIC)
		SKIP("TMPDIR is a tmpfs, whose files are memory");
}

static void closing(void)
{
	unsigned before = unit_count_fds();

	for (int i = 0; i < 20; i++) {
		open_bench(true);
		/* The share of RLIMIT_MEMLOCK of the last ring is back at once. */
		registered_or_skip();
		close_bench();
	}
	CHECK_EQUAL(unit_count_fds(), before);
}

/* Whoever gets hold of the ring can do no more with it than weir does. */
static void restricted(void)
{
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	struct io_uring *ring;
	int fds[1] = { 0 };

	open_bench(true);
	if (tally_get(&bench->tally.rings_restricted) == 0) {
		close_bench();
		SKIP("this kernel cannot restrict rings");
	}
	unit_write_text(bench->dirfd, "stays", "text");
	ring = bench->io.backend_state; /* which begins with it */
	sqe = io_uring_get_sqe(ring);
	REQUIRE(sqe != NULL);
	io_uring_prep_unlinkat(sqe, bench->dirfd, "stays", 0);
	REQUIRE(io_uring_submit_and_wait(ring, 1) == 1 && io_uring_peek_cqe(ring, &cqe) == 0);
	CHECK_EQUAL(cqe->res, -EACCES);
	io_uring_cqe_seen(ring, cqe);
	CHECK_EQUAL(faccessat(bench->dirfd, "stays", F_OK, 0), 0);
	CHECK_EQUAL(io_uring_register_files(ring, fds, 1), -EACCES);
	CHECK_EQUAL(io_uring_register_eventfd(ring, 0), -EACCES);
	close_bench();
}

static void versions(void)
{
	int first = 0, second = 0;

	CHECK(sscanf(ring_library(), "%d.%d", &first, &second) == 2);
	CHECK(first > 2 || (first == 2 && second >= 3));
}

/* ---- the priority of transfers ------------------------------------------------------- */

#define REALTIME (1 << 13) /* as ioprio_set(2) has it */
#define IDLE (3 << 13)

static void priority_entries(void)
{
	static const enum io_kind kinds[] = { IO_OPEN, IO_READ, IO_WRITE, IO_FSYNC, IO_NOP };
	static uint8_t data[512];

	open_bench(false);
	for (int fixed = 0; fixed < 2; fixed++) {
		struct slot *slot = fixed ? arena_take_large(&bench->arena) : NULL;

		bench->io.registered = fixed;
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
			struct io_op *op = take(kinds[i], 0);
			bool moves = kinds[i] == IO_READ || kinds[i] == IO_WRITE;
			struct io_uring_sqe sqe;

			op->fd = 0;
			op->name = "x";
			op->data = slot != NULL ? slot->data : data;
			op->length = sizeof(data);
			op->slot = slot;
			for (int set = 0; set < 2; set++) {
				memset(&sqe, 0xff, sizeof(sqe));
				bench->io.priority = set ? IDLE : 0;
				ring_fill(&sqe, &bench->io, op);
				/* Others have no such field, and are refused with one. */
				CHECK_EQUAL(sqe.ioprio, set && moves ? IDLE : 0);
			}
			io_give(&bench->io, op);
		}
		if (slot != NULL)
			arena_give(&bench->arena, slot);
	}
	bench->io.registered = false;
	close_bench();
}

/* One who may not be that urgent, so that the kernel tells what it was asked for. */
static void refused_child(void *unused)
{
	static uint8_t data[512];
	int fd;

	(void)unused;
	open_bench(true);
	unit_write_text(bench->dirfd, "f", "text");
	fd = openat(bench->dirfd, "f", O_RDWR | O_CLOEXEC);
	REQUIRE(fd >= 0);
	if (geteuid() == 0 && setuid(65534) != 0)
		SKIP("cannot become another user");
	bench->io.priority = REALTIME;
	CHECK_EQUAL(perform(transfer(IO_READ, fd, data, sizeof(data), 0, NULL)), -EPERM);
	CHECK_EQUAL(perform(transfer(IO_WRITE, fd, data, 4, 0, NULL)), -EPERM);
	bench->io.priority = IDLE;
	CHECK_EQUAL(perform(transfer(IO_READ, fd, data, sizeof(data), 0, NULL)), 4);
	CHECK_EQUAL(perform(transfer(IO_WRITE, fd, data, 4, 0, NULL)), 4);
	close(fd);
	close_bench();
}

static void priority_reaches_the_kernel(void)
{
	int status = unit_child(refused_child, NULL);

	REQUIRE(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		SKIP("%s", "no io_uring here, or no other user");
	CHECK_EQUAL(WEXITSTATUS(status), 0);
}

static const struct unit_test tests[] = {
	{ "plain calls open, read, write, sync and fail as files do", files_plain },
	{ "the ring opens, reads, writes, syncs and fails as files do", files_ring },
	{ "every op comes back once from a full table of plain calls", full_table_plain },
	{ "every op comes back once from a full table of the ring", full_table_ring },
	{ "a turn waits for one completion or its time, and others overtake", waits },
	{ "an op that was given back has another generation", generations },
	{ "a completion of a generation that is over stops the program", late_completion },
	{ "an op that is used wrongly stops the program", misused },
	{ "fixed transfers reach any part of a slot and not a byte more", any_part },
	{ "buffers are unregistered and registered again while the ring lives", again },
	{ "a grown arena is registered as a whole", grown },
	{ "plain calls register nothing", plain_registers_nothing },
	{ "memory of a file is refused and used without registration", file_backed },
	{ "rings come and go without a descriptor or locked memory left", closing },
	{ "a ring does nothing but what is needed", restricted },
	{ "the version of liburing is told", versions },
	{ "reads and writes on the ring carry the priority, others none", priority_entries },
	{ "the kernel sees the priority of each transfer", priority_reaches_the_kernel },
};

UNIT_MAIN(tests)
