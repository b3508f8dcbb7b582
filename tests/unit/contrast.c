/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two files compared, over a backend that completes in an order of chance, in parts,
 * and fails where a test says so.  What is read, written and punched is watched: no
 * block that is the same is written (Q1), nothing before it is allowed (Q2), no hole
 * of both sides is read (Q3), none is made while anything is in flight (Q4).
 *
 * A schedule is named by its seed: UNIT_SEED=N runs that one alone.
 */
#include "lib/contrast.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include "fake.h"
#include "lib/limits.h"

#define MOST_BYTES (96U * 1024)
#define BLOCK LIMIT_ALIGN_BYTES
#define MOST_BLOCKS (MOST_BYTES / BLOCK)
#define MOST_DUELS 3

/* Two files, and what they held. */
struct duel {
	struct stream stream;
	struct contrast contrast;
	int source_fd, target_fd;
	uint8_t *bytes;           /* of the source */
	uint8_t *before;          /* of the target, when it began */
	uint32_t size;            /* of the source when it began */
	uint32_t now_size;        /* and since then */
	uint32_t target_size;
	bool source_hole[MOST_BLOCKS];
	bool target_hole[MOST_BLOCKS];
	bool holes_refused;
	uint32_t patience;        /* turns until it may be written */
	uint32_t writes, holes;   /* so many were seen */
	uint32_t target_reads;
};

struct bench {
	struct fake fake;
	struct arena arena;
	struct pair pairs[LIMIT_SLOTS_MAX];
	struct stream_env env;
	struct duel duels[MOST_DUELS];
	uint32_t count;
	uint32_t chunk_bytes;
	bool direct[LIMIT_OPS];
	uint32_t short_percent, interrupt_percent;
	struct slot *withheld[LIMIT_SLOTS_MAX];
	uint32_t withheld_count;
	struct pace pace;
	/* What directed tests set: an errno of a kind of op on a side. */
	enum io_kind fail_kind;
	bool fail_target;
	int fail_errnum;
	int64_t fail_at;
	bool fail_direct;         /* only past the page cache */
	bool fail_fixed;          /* only in registered memory */
	uint32_t fail_times;
	uint32_t failed;
};

static struct bench *bench;

static struct duel *duel_of_target(int fd)
{
	for (uint32_t i = 0; bench != NULL && i < bench->count; i++)
		if (bench->duels[i].target_fd == fd)
			return &bench->duels[i];
	return NULL;
}

static int punch_errnum;

/* Takes the place of the C library's. */
int fallocate(int fd, int mode, off_t offset, off_t length)
{
	struct duel *duel = duel_of_target(fd);

	if (duel != NULL && duel->stream.plan.target_fd == fd) {
		CHECK(duel->contrast.may_write);
		CHECK_EQUAL(duel->contrast.flying, 0);
		CHECK(!duel->contrast.plan.judges);
		if (duel->holes_refused || punch_errnum != 0) {
			errno = duel->holes_refused ? EOPNOTSUPP : punch_errnum;
			return -1;
		}
		duel->holes++;
	}
	return (int)syscall(SYS_fallocate, fd, mode, offset, length);
}

/* What time it is; 0: what the kernel says. */
static uint64_t clock_ns;

/* Takes the place of the C library's, so that a rate takes no time. */
int clock_gettime(clockid_t clock, struct timespec *time)
{
	if (clock_ns == 0)
		return (int)syscall(SYS_clock_gettime, clock, time);
	time->tv_sec = (time_t)(clock_ns / 1000000000);
	time->tv_nsec = (long)(clock_ns % 1000000000);
	return 0;
}

static void open_bench(uint32_t chunk_bytes, uint32_t depth)
{
	bench = calloc(1, sizeof(*bench));
	REQUIRE(bench != NULL);
	fake_open(&bench->fake);
	bench->fake.pairs = true;
	REQUIRE(fake_open_arena(&bench->arena, (size_t)chunk_bytes * depth * 2 + KIB(64),
				chunk_bytes, depth) == 0);
	while (arena_grow(&bench->arena))
		;
	bench->chunk_bytes = chunk_bytes;
	for (uint32_t i = 0; i < LIMIT_SLOTS_MAX; i++)
		list_init(&bench->pairs[i].node);
	bench->env = (struct stream_env){
		.sys = &bench->fake.sys,
		.io = &bench->fake.io,
		.arena = &bench->arena,
		.tally = &bench->fake.tally,
		.pairs = bench->pairs,
	};
	fake_register(&bench->fake.io, &bench->arena);
	for (uint32_t i = 0; i < MOST_DUELS; i++) {
		struct duel *duel = &bench->duels[i];

		duel->source_fd = memfd_create("source", MFD_CLOEXEC);
		duel->target_fd = memfd_create("target", MFD_CLOEXEC);
		duel->bytes = malloc(MOST_BYTES * 2);
		duel->before = malloc(MOST_BYTES * 2);
		REQUIRE(duel->source_fd >= 0 && duel->target_fd >= 0);
		REQUIRE(duel->bytes != NULL && duel->before != NULL);
	}
}

static void close_bench(void)
{
	io_close(&bench->fake.io);
	arena_close(&bench->arena);
	for (uint32_t i = 0; i < MOST_DUELS; i++) {
		close(bench->duels[i].source_fd);
		close(bench->duels[i].target_fd);
		free(bench->duels[i].bytes);
		free(bench->duels[i].before);
	}
	free(bench);
	bench = NULL;
}

/* ---- what is known of a block ------------------------------------------------------- */

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* What is compared at once: a block, or half a slot if that is less. */
static uint32_t compared_at_once(const struct duel *duel)
{
	return duel->stream.plan.small ? BLOCK : least(BLOCK, bench->chunk_bytes / 2);
}

/* True if the bytes of both sides differed in [at, at + length) when it began. */
static bool differed(const struct duel *duel, uint32_t at, uint32_t length)
{
	uint32_t end = least(at + length, duel->size);

	if (end <= at)
		return false;
	return end > duel->target_size ||
	       memcmp(duel->bytes + at, duel->before + at, end - at) != 0;
}

static bool all_same(const struct duel *duel)
{
	return duel->size == duel->target_size && !differed(duel, 0, duel->size);
}

/* True if the target has something where the source's map has a hole, and this is to
 * become one. */
static bool has_blocks_in_holes(const struct duel *duel)
{
	const struct contrast_plan *plan = &duel->contrast.plan;

	if (!duel->stream.plan.sparse || plan->block_bytes == 0 || !plan->target_mapped)
		return false;
	for (uint32_t i = 0; i * BLOCK < duel->size; i++)
		if (duel->source_hole[i] && i * BLOCK < duel->target_size &&
		    !duel->target_hole[i])
			return true;
	return false;
}

static void find_holes(int fd, uint32_t size, bool *hole)
{
	memset(hole, 0, MOST_BLOCKS * sizeof(*hole));
	for (uint32_t at = 0; at < size; at += BLOCK) {
		off_t data = lseek(fd, at, SEEK_DATA);

		hole[at / BLOCK] = data < 0 || data >= at + BLOCK;
	}
}

/* ---- what becomes of a transfer ------------------------------------------------------ */

static bool is_direct(const struct io_op *op)
{
	return bench->direct[op->index];
}

static bool fails(const struct duel *duel, const struct io_op *op)
{
	if (bench->fail_errnum == 0 || op->kind != bench->fail_kind ||
	    (op->fd == duel->target_fd) != bench->fail_target ||
	    (bench->fail_direct && !is_direct(op)) || (bench->fail_fixed && op->slot == NULL))
		return false;
	if (bench->fail_at >= 0 && (op->offset > bench->fail_at ||
				    op->offset + op->length <= bench->fail_at))
		return false;
	return bench->failed < bench->fail_times;
}

static enum fake_verdict decide(struct fake *fake, struct io_op *op, int32_t *bytes)
{
	struct duel *duel = op->owner;

	if (!fake_transfers(op))
		return FAKE_WHOLE;
	if (fails(duel, op)) {
		/* Without O_DIRECT what lies before a bad place is read. */
		if (op->kind == IO_READ && bench->fail_at > op->offset && !is_direct(op)) {
			*bytes = (int32_t)(bench->fail_at - op->offset);
			return FAKE_PART;
		}
		bench->failed++;
		*bytes = -bench->fail_errnum;
		return *bytes == 0 ? FAKE_PART : FAKE_ERROR;
	}
	if (unit_percent(&fake->seed, bench->interrupt_percent)) {
		*bytes = unit_percent(&fake->seed, 50) ? -EINTR : -EAGAIN;
		return FAKE_ERROR;
	}
	if (unit_percent(&fake->seed, bench->short_percent)) {
		uint32_t align = duel->stream.plan.align_bytes;

		*bytes = 1 + (int32_t)unit_below(&fake->seed, op->length);
		if (is_direct(op))
			*bytes = (int32_t)((uint32_t)*bytes < align
						   ? align
						   : (uint32_t)*bytes / align * align);
		return FAKE_PART;
	}
	return FAKE_WHOLE;
}

/* Q1, Q2 */
static void watch_write(struct duel *duel, const struct io_op *op)
{
	uint32_t step = compared_at_once(duel);
	uint32_t end = (uint32_t)op->offset + op->length;

	CHECK(duel->contrast.may_write && !duel->contrast.plan.judges);
	CHECK_EQUAL(op->fd, duel->target_fd);
	duel->writes++;
	for (uint32_t at = (uint32_t)op->offset / step * step; at < end; at += step)
		CHECK(duel->contrast.plan.rewrites || differed(duel, at, step) ||
		      duel->now_size != duel->size);
}

/* Q3 */
static void watch_read(struct duel *duel, const struct io_op *op)
{
	bool maps = duel->stream.plan.sparse && duel->contrast.plan.target_mapped;

	if (op->fd == duel->target_fd) {
		duel->target_reads++;
		CHECK(!duel->contrast.plan.rewrites);
		CHECK((uint64_t)op->offset < duel->contrast.plan.target_bytes);
	}
	for (uint32_t i = (uint32_t)op->offset / BLOCK;
	     maps && i * BLOCK < least((uint32_t)op->offset + op->length, duel->size); i++)
		CHECK(!duel->source_hole[i] ||
		      (!duel->target_hole[i] && i * BLOCK < duel->target_size));
}

static enum io_answer watching_issue(struct io *io, struct io_op *op)
{
	struct duel *duel = op->owner;
	const struct stream_plan *plan = &duel->stream.plan;
	uint32_t align = plan->align_bytes;

	bench->direct[op->index] = op->fd == duel->source_fd ? plan->read_direct
							     : plan->write_direct;
	if (fake_transfers(op) && is_direct(op)) { /* S4, as the kernel would demand it */
		CHECK_EQUAL(op->offset % align, 0);
		CHECK_EQUAL(op->length % align, 0);
		CHECK_EQUAL((uintptr_t)op->data % 512, 0);
	}
	if (op->kind == IO_READ && bench->env.pace != NULL)
		CHECK(op->length <= pace_most(&bench->pace, BLOCK));
	if (op->kind == IO_WRITE)
		watch_write(duel, op);
	else if (op->kind == IO_READ)
		watch_read(duel, op);
	return fake_issue(io, op);
}

static const struct io_backend watching_backend = {
	.name = "watching",
	.issue = watching_issue,
	.turn = fake_turn,
	.register_arena = fake_register,
	.close = fake_close,
};

/* ---- two files ------------------------------------------------------------------------- */

static void write_file(int fd, const uint8_t *bytes, uint32_t size)
{
	REQUIRE(ftruncate(fd, 0) == 0);
	REQUIRE(pwrite(fd, bytes, size, 0) == (ssize_t)size);
}

/* Up to the end of a file means all of its last block. */
static void punch_file(int fd, uint8_t *bytes, uint32_t at, uint32_t length, uint32_t size)
{
	memset(bytes + at, 0, length);
	if (at + length == size)
		length += BLOCK;
	REQUIRE(syscall(SYS_fallocate, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			(off_t)at, (off_t)length) == 0);
}

/* Both the same, SIZE bytes, as random as they can be; nothing fails. */
static struct duel *prepare(uint32_t size, uint64_t seed)
{
	struct duel *duel = &bench->duels[0];
	uint64_t state = seed;

	bench->fake.seed = seed;
	bench->fake.decide = decide;
	bench->fake.depth_first = false;
	bench->short_percent = bench->interrupt_percent = 0;
	bench->fail_errnum = 0;
	bench->fail_direct = bench->fail_fixed = bench->fail_target = false;
	bench->fail_times = UINT32_MAX;
	bench->fail_at = -1;
	bench->failed = 0;
	bench->count = 1;
	for (uint32_t i = 0; i < MOST_BYTES * 2; i += 8) {
		uint64_t word = unit_random(&state);

		memcpy(duel->bytes + i, &word, 8);
	}
	memcpy(duel->before, duel->bytes, MOST_BYTES * 2);
	duel->size = duel->now_size = duel->target_size = size;
	duel->holes_refused = false;
	duel->patience = 0;
	duel->writes = duel->holes = duel->target_reads = 0;
	duel->stream.plan.target_fd = -1; /* not begun */
	write_file(duel->source_fd, duel->bytes, size);
	write_file(duel->target_fd, duel->before, size);
	return duel;
}

static void change(struct duel *duel, uint32_t at, uint32_t length)
{
	for (uint32_t i = at; i < at + length; i++)
		duel->before[i] = (uint8_t)~duel->before[i];
	REQUIRE(pwrite(duel->target_fd, duel->before + at, length, at) == (ssize_t)length);
}

static void resize(struct duel *duel, uint32_t size)
{
	if (size > duel->target_size)
		memset(duel->before + duel->target_size, 0, size - duel->target_size);
	REQUIRE(ftruncate(duel->target_fd, size) == 0);
	duel->target_size = size;
}

static struct stream_plan plain_plan(const struct duel *duel)
{
	return (struct stream_plan){
		.source_fd = duel->source_fd,
		.target_fd = duel->target_fd,
		.size_bytes = duel->size,
		.align_bytes = 1,
		.depth = LIMIT_SLOTS_MAX,
	};
}

static struct contrast_plan plain_more(const struct duel *duel)
{
	return (struct contrast_plan){ .target_bytes = duel->target_size };
}

static void begin(struct duel *duel, const struct stream_plan *plan,
		  const struct contrast_plan *more)
{
	find_holes(duel->source_fd, duel->size, duel->source_hole);
	find_holes(duel->target_fd, duel->target_size, duel->target_hole);
	contrast_begin(&duel->contrast, &duel->stream, plan, more);
}

/* ---- running -------------------------------------------------------------------------- */

static void give_withheld(void)
{
	while (bench->withheld_count > 0)
		arena_give(&bench->arena, bench->withheld[--bench->withheld_count]);
}

static void withhold_some(uint32_t percent)
{
	struct slot *slot;

	while (unit_percent(&bench->fake.seed, percent) &&
	       (slot = arena_take_large(&bench->arena)) != NULL)
		bench->withheld[bench->withheld_count++] = slot;
}

/* What a recipe does: asks for the mark as soon as there is a difference. */
static bool issue(struct duel *duel)
{
	struct contrast *contrast = &duel->contrast;
	bool wants = contrast_issue(contrast, &duel->stream, &bench->env, duel);

	if (!contrast->differs || contrast->may_write || contrast->plan.judges)
		return wants;
	if (duel->patience > 0) {
		duel->patience--;
		return wants;
	}
	contrast_allow(contrast);
	return contrast_issue(contrast, &duel->stream, &bench->env, duel);
}

static void apply_all(void)
{
	struct io_op *op;

	while ((op = io_take_done(&bench->fake.io)) != NULL) {
		struct duel *duel = op->owner;

		contrast_apply(&duel->contrast, &duel->stream, &bench->env, op);
	}
}

/* At a rate, for as long as close_pace() is not called. */
static void open_pace(uint64_t bytes_per_second)
{
	clock_ns = 1000000000;
	pace_open(&bench->pace, bytes_per_second, clock_ns);
	bench->env.pace = &bench->pace;
}

static void close_pace(void)
{
	bench->env.pace = NULL;
	clock_ns = 0;
}

/* Who waits for the rate has nothing in flight, and has something left.  Lets time
 * pass when all others are done. */
static void check_pace(void)
{
	bool idle = bench->fake.count == 0 && bench->fake.io.taken == 0;
	uint64_t next_ns = UINT64_MAX;

	for (uint32_t i = 0; i < bench->count; i++) {
		const struct duel *duel = &bench->duels[i];

		if (!stream_is_paced(&duel->stream))
			continue;
		CHECK_EQUAL(duel->stream.live, 0);
		CHECK_EQUAL(duel->contrast.flying, 0);
		CHECK(!contrast_done(&duel->contrast, &duel->stream));
		if (duel->stream.claim.due_ns < next_ns)
			next_ns = duel->stream.claim.due_ns;
	}
	atomic_store(&bench->pace.quiet, unit_percent(&bench->fake.seed, 20));
	if (idle && next_ns != UINT64_MAX && next_ns > clock_ns)
		clock_ns = next_ns;
	else
		clock_ns += unit_below(&bench->fake.seed, 3000000);
}

/* Runs all to their end; false: it did not come. */
static bool run(void)
{
	bench->fake.io.backend = &watching_backend;
	for (unsigned turns = 0; turns < 100000; turns++) {
		bool wanting = false, all = true;

		for (uint32_t i = 0; i < bench->count; i++) {
			struct duel *duel = &bench->duels[i];

			wanting = issue(duel) || wanting;
			all = all && contrast_done(&duel->contrast, &duel->stream);
		}
		if (all)
			return true;
		if (bench->env.pace != NULL)
			check_pace();
		if (wanting && bench->withheld_count > 0 &&
		    (unit_percent(&bench->fake.seed, 30) || bench->fake.io.taken == 0))
			give_withheld();
		io_turn(&bench->fake.io, 100);
		apply_all();
	}
	return false;
}

static void check_clean(void)
{
	give_withheld();
	fake_check_idle(&bench->fake, &bench->arena);
	for (uint32_t i = 0; i < LIMIT_SLOTS_MAX; i++) {
		CHECK_EQUAL(bench->pairs[i].state, PAIR_IDLE);
		CHECK(list_empty(&bench->pairs[i].node));
	}
}

static bool target_is(const struct duel *duel, const uint8_t *bytes, uint32_t size)
{
	static uint8_t now[MOST_BYTES * 2];
	struct stat stat;

	return fstat(duel->target_fd, &stat) == 0 && stat.st_size == (off_t)size &&
	       pread(duel->target_fd, now, sizeof(now), 0) == (ssize_t)size &&
	       memcmp(now, bytes, size) == 0;
}

/* The recipe's last steps, and what must have come of it. */
static void finish(struct duel *duel)
{
	struct contrast *contrast = &duel->contrast;
	struct stream *stream = &duel->stream;

	CHECK_EQUAL(stream->error.grade, ERROR_NONE);
	CHECK_EQUAL(contrast->flying, 0);
	if (contrast->plan.judges || !contrast->differs) {
		CHECK_EQUAL(duel->writes + duel->holes, 0);
		CHECK_EQUAL(stream->tail_bytes, 0);
		CHECK(target_is(duel, duel->before, duel->target_size));
	} else {
		CHECK_EQUAL(stream_write_tail(stream, &bench->env), 0);
		REQUIRE(ftruncate(duel->target_fd, (off_t)stream->end) == 0);
	}
	CHECK_EQUAL(tally_get(&bench->fake.tally.bytes_kept), contrast->kept_bytes);
	stream_end(stream, &bench->env);
}

static void expect_same_files(struct duel *duel)
{
	CHECK(run());
	finish(duel);
	CHECK(target_is(duel, duel->bytes, duel->size));
	CHECK_EQUAL(duel->stream.written_bytes + duel->contrast.kept_bytes, duel->size);
	check_clean();
	atomic_store(&bench->fake.tally.bytes_kept, 0);
}

/* ---- schedules of chance ------------------------------------------------------------------ */

static uint32_t random_size(void)
{
	uint64_t *seed = &bench->fake.seed;
	uint32_t half = bench->chunk_bytes / 2;
	const uint32_t sizes[] = {
		0, 1, 511, BLOCK - 1, BLOCK, BLOCK + 1, half - 1, half, half + 1,
		half * (2 + unit_below(seed, 6)) - 1, half * (2 + unit_below(seed, 6)),
		half * (2 + unit_below(seed, 6)) + 1, unit_below(seed, MOST_BYTES),
		unit_below(seed, half * 4),
	};

	return least(sizes[unit_below(seed, sizeof(sizes) / sizeof(sizes[0]))], MOST_BYTES);
}

static void random_changes(struct duel *duel)
{
	uint64_t *seed = &bench->fake.seed;

	for (unsigned i = unit_below(seed, 5); i > 0 && duel->target_size > 0; i--) {
		uint32_t at = unit_below(seed, duel->target_size);
		uint32_t left = duel->target_size - at;

		change(duel, at, unit_percent(seed, 50) ? 1 : 1 + unit_below(seed, left));
	}
}

/* Holes, and zeros that are none, on either side or on both. */
static void random_holes(struct duel *duel)
{
	uint64_t *seed = &bench->fake.seed;

	for (unsigned i = 1 + unit_below(seed, 4); i > 0 && duel->size > 0; i--) {
		uint32_t at = unit_below(seed, duel->size);
		uint32_t length = 1 + unit_below(seed, duel->size - at);
		uint32_t in_target = at < duel->target_size ? least(length, duel->target_size - at)
							    : 0;

		if (unit_percent(seed, 50)) {
			at -= at % BLOCK;
			length = least(length / BLOCK * BLOCK + BLOCK, duel->size - at);
			in_target = at < duel->target_size ? least(length, duel->target_size - at)
							   : 0;
		}
		if (unit_percent(seed, 70))
			punch_file(duel->source_fd, duel->bytes, at, length, duel->size);
		else if (unit_percent(seed, 50)) {
			memset(duel->bytes + at, 0, length);
			REQUIRE(pwrite(duel->source_fd, duel->bytes + at, length, at) ==
				(ssize_t)length);
		}
		if (unit_percent(seed, 60) && in_target > 0)
			punch_file(duel->target_fd, duel->before, at, in_target,
				   duel->target_size);
	}
}

static void random_plan(const struct duel *duel, struct stream_plan *plan,
			struct contrast_plan *more)
{
	uint64_t *seed = &bench->fake.seed;
	uint32_t half = bench->chunk_bytes / 2;
	uint32_t align = unit_percent(seed, 50) ? 512 : BLOCK;

	*plan = plain_plan(duel);
	*more = plain_more(duel);
	if (unit_percent(seed, 30))
		plan->depth = 1 + unit_below(seed, 4);
	if (half % align == 0) {
		plan->read_direct = unit_percent(seed, 50);
		plan->write_direct = unit_percent(seed, 50);
	}
	plan->write_now = !plan->write_direct && unit_percent(seed, 50);
	plan->bound_dirty = unit_percent(seed, 50);
	if (plan->read_direct || plan->write_direct)
		plan->align_bytes = align;
	plan->small = duel->size <= LIMIT_SMALL_BYTES / 2 && half <= LIMIT_SMALL_BYTES / 2 &&
		      unit_percent(seed, 50);
	plan->sparse = unit_percent(seed, 60);
	more->target_mapped = unit_percent(seed, 80);
	more->judges = unit_percent(seed, 25);
	more->rewrites = unit_percent(seed, 10);
	more->find_zeros = unit_percent(seed, 40);
	if (!more->judges && unit_percent(seed, 70))
		more->block_bytes = unit_percent(seed, 80) ? BLOCK : 4 * BLOCK;
	more->punches = more->block_bytes > 0;
}

static void random_duel(struct duel *duel)
{
	uint64_t *seed = &bench->fake.seed;
	struct stream_plan plan;
	struct contrast_plan more;

	duel->size = duel->now_size = random_size();
	duel->target_size = unit_percent(seed, 70) ? duel->size : random_size();
	for (uint32_t i = 0; i < MOST_BYTES; i += 8) {
		uint64_t word = unit_random(seed);

		memcpy(duel->bytes + i, &word, 8);
	}
	memcpy(duel->before, duel->bytes, MOST_BYTES);
	duel->holes_refused = unit_percent(seed, 15);
	duel->patience = unit_percent(seed, 50) ? unit_below(seed, 20) : 0;
	duel->writes = duel->holes = duel->target_reads = 0;
	duel->stream.plan.target_fd = -1;
	write_file(duel->source_fd, duel->bytes, duel->size);
	write_file(duel->target_fd, duel->before, duel->target_size);
	if (unit_percent(seed, 60))
		random_changes(duel);
	if (unit_percent(seed, 60))
		random_holes(duel);
	random_plan(duel, &plan, &more);
	begin(duel, &plan, &more);
}

/* Every hole of the source is one of the target. */
static void check_holes(const struct duel *duel)
{
	bool hole[MOST_BLOCKS];

	find_holes(duel->target_fd, duel->size, hole);
	for (uint32_t i = 0; i * BLOCK < duel->size; i++)
		CHECK(!duel->source_hole[i] || hole[i]);
}

static void check_duel(struct duel *duel)
{
	const struct contrast_plan plan = duel->contrast.plan;
	bool emptied = has_blocks_in_holes(duel);
	bool same = all_same(duel);

	if (duel->contrast.differs && same)
		CHECK(plan.rewrites || emptied);
	if (!duel->contrast.differs)
		CHECK(same && !plan.rewrites);
	CHECK_EQUAL(duel->stream.end, duel->size);
	CHECK_EQUAL(duel->stream.error.grade, ERROR_NONE);
	if (plan.judges || !duel->contrast.differs) {
		CHECK_EQUAL(duel->writes + duel->holes, 0);
		CHECK(target_is(duel, duel->before, duel->target_size));
		stream_end(&duel->stream, &bench->env);
		return;
	}
	CHECK_EQUAL(stream_write_tail(&duel->stream, &bench->env), 0);
	REQUIRE(ftruncate(duel->target_fd, (off_t)duel->stream.end) == 0);
	stream_end(&duel->stream, &bench->env);
	CHECK(target_is(duel, duel->bytes, duel->size));
	CHECK_EQUAL(duel->stream.written_bytes + duel->contrast.kept_bytes, duel->size);
	if (plan.punches && plan.target_mapped && duel->stream.plan.sparse &&
	    plan.block_bytes == BLOCK)
		check_holes(duel);
}

static void random_schedule(uint64_t seed)
{
	unsigned before = unit.failures;

	prepare(0, seed);
	bench->fake.depth_first = unit_percent(&bench->fake.seed, 30);
	bench->short_percent = unit_percent(&bench->fake.seed, 60) ? 35 : 0;
	bench->interrupt_percent = unit_percent(&bench->fake.seed, 30) ? 3 : 0;
	bench->count = unit_percent(&bench->fake.seed, 60)
			       ? 1
			       : 1 + unit_below(&bench->fake.seed, MOST_DUELS);
	for (uint32_t i = 0; i < bench->count; i++)
		random_duel(&bench->duels[i]);
	withhold_some(60);
	if (unit_percent(&bench->fake.seed, 30))
		open_pace(unit_below(&bench->fake.seed, 1U << unit_below(&bench->fake.seed, 25)));
	CHECK(run());
	for (uint32_t i = 0; i < bench->count; i++)
		check_duel(&bench->duels[i]);
	close_pace();
	check_clean();
	if (unit.failures > before)
		printf("  UNIT_SEED=%llu, chunk %u\n", (unsigned long long)seed,
		       bench->chunk_bytes);
}

static void random_schedules(void)
{
	static const struct {
		uint32_t chunk, depth, schedules;
	} benches[] = {
		{ KIB(4), 1, 1500 }, { KIB(8), 1, 1500 }, { KIB(8), 8, 2000 },
		{ KIB(16), 3, 1500 }, { KIB(20), 6, 1000 }, { KIB(64), 2, 1000 },
	};
	const char *only = getenv("UNIT_SEED");
	uint64_t seed = 1;

	for (size_t i = 0; i < sizeof(benches) / sizeof(benches[0]); i++) {
		open_bench(benches[i].chunk, benches[i].depth);
		for (uint32_t j = 0; j < benches[i].schedules; j++, seed++)
			if (only == NULL || strtoull(only, NULL, 10) == seed)
				random_schedule(seed);
		close_bench();
		if (unit.failures > 30)
			break;
	}
}

/* ---- directed tests -------------------------------------------------------------------- */

static void one_byte(void)
{
	open_bench(KIB(16), 4);
	for (uint64_t seed = 1; seed < 100; seed++) {
		struct duel *duel = prepare(KIB(90) + 77, seed);
		struct stream_plan plan = plain_plan(duel);
		struct contrast_plan more = plain_more(duel);
		uint32_t at = unit_below(&bench->fake.seed, KIB(90) + 77);
		uint32_t block = at / BLOCK * BLOCK;

		change(duel, at, 1);
		plan.read_direct = seed % 3 == 0;
		plan.write_direct = seed % 2 == 0;
		plan.align_bytes = seed % 5 == 0 ? 512 : BLOCK;
		begin(duel, &plan, &more);
		expect_same_files(duel);
		CHECK(duel->stream.written_bytes ==
		      (at < KIB(90) / BLOCK * BLOCK ? BLOCK : KIB(90) + 77 - block) ||
		      (plan.align_bytes == 512 && plan.write_direct));
		CHECK(duel->stream.written_bytes <= BLOCK);
	}
	close_bench();
}

static void nothing_differs(void)
{
	open_bench(KIB(8), 3);
	for (uint64_t seed = 1; seed < 40; seed++) {
		struct duel *duel = prepare(unit_below(&(uint64_t){ seed }, MOST_BYTES), seed);
		struct stream_plan plan = plain_plan(duel);
		struct contrast_plan more = plain_more(duel);

		more.judges = seed % 2 == 0;
		bench->short_percent = 30;
		begin(duel, &plan, &more);
		expect_same_files(duel);
		CHECK(!duel->contrast.differs);
		CHECK_EQUAL(duel->contrast.kept_bytes, duel->size);
	}
	close_bench();
}

/* Whoever only asks reads no more than it takes to know. */
static void a_judge_stops(void)
{
	struct duel *duel;
	struct stream_plan plan;
	struct contrast_plan more;

	open_bench(KIB(8), 2);
	duel = prepare(KIB(80), 3);
	plan = plain_plan(duel);
	more = plain_more(duel);
	change(duel, 5, 1);
	more.judges = true;
	begin(duel, &plan, &more);
	CHECK(run());
	CHECK(duel->contrast.differs);
	CHECK(bench->fake.issued <= 8); /* two slots, and what was under way */
	finish(duel);
	check_clean();
	/* And nothing at all if the sizes tell. */
	bench->fake.issued = bench->fake.completed = 0;
	resize(duel, KIB(79));
	more.target_bytes = duel->target_size;
	begin(duel, &plan, &more);
	CHECK(run());
	CHECK(duel->contrast.differs);
	CHECK_EQUAL(bench->fake.issued, 0);
	check_clean();
	close_bench();
}

/* Q2, with the smallest budget: the one slot is held until the mark is there. */
static void held_with_one_slot(void)
{
	struct duel *duel;
	struct stream_plan plan;
	struct contrast_plan more;

	open_bench(KIB(4), 1);
	duel = prepare(KIB(20) + 5, 7);
	plan = plain_plan(duel);
	more = plain_more(duel);
	change(duel, KIB(9), 1);
	duel->patience = UINT32_MAX;
	begin(duel, &plan, &more);
	bench->fake.io.backend = &watching_backend;
	for (int turns = 0; turns < 200; turns++) {
		issue(duel);
		io_turn(&bench->fake.io, 100);
		apply_all();
	}
	CHECK(duel->contrast.differs);
	CHECK_EQUAL(duel->writes, 0);
	CHECK_EQUAL(duel->contrast.flying, 0);
	CHECK_EQUAL(duel->stream.live, 1);
	CHECK_EQUAL(bench->arena.free_large_count, 0);
	CHECK(!contrast_done(&duel->contrast, &duel->stream));
	duel->patience = 0;
	expect_same_files(duel);
	CHECK_EQUAL(duel->writes, 1);
	CHECK_EQUAL(duel->stream.written_bytes, KIB(2));
	close_bench();
}

static void expect_error(struct duel *duel, int errnum, enum error_side side,
			 const char *operation)
{
	const struct error *error = &duel->stream.error;

	CHECK(run());
	CHECK(contrast_done(&duel->contrast, &duel->stream));
	CHECK_EQUAL(error->grade, ERROR_ENTRY);
	CHECK_EQUAL(error->errnum, errnum);
	CHECK_EQUAL(error->side, side);
	CHECK_TEXT(error->operation, operation);
	stream_end(&duel->stream, &bench->env);
	check_clean();
	atomic_store(&bench->fake.tally.bytes_kept, 0);
}

static void read_errors(void)
{
	open_bench(KIB(16), 4);
	for (uint64_t seed = 1; seed < 160; seed++) {
		struct duel *duel = prepare(KIB(60) + 77, seed);
		struct stream_plan plan = plain_plan(duel);
		struct contrast_plan more = plain_more(duel);

		bench->fail_kind = IO_READ;
		bench->fail_target = seed % 2 == 0;
		bench->fail_errnum = EIO;
		bench->fail_at = unit_below(&bench->fake.seed, KIB(60) + 77);
		plan.depth = 1 + unit_below(&bench->fake.seed, 6);
		plan.read_direct = seed % 3 == 0;
		plan.write_direct = seed % 5 == 0;
		plan.align_bytes = 512;
		duel->patience = seed % 4 == 0 ? 5 : 0;
		begin(duel, &plan, &more);
		expect_error(duel, EIO, bench->fail_target ? ERROR_SIDE_TARGET : ERROR_SIDE_SOURCE,
			     "read");
		CHECK_EQUAL(duel->stream.error.offset, bench->fail_at);
		CHECK_EQUAL(duel->writes, 0);
	}
	close_bench();
}

static void write_errors(void)
{
	open_bench(KIB(16), 4);
	for (uint64_t seed = 1; seed < 120; seed++) {
		struct duel *duel = prepare(KIB(60), seed);
		struct stream_plan plan = plain_plan(duel);
		struct contrast_plan more = plain_more(duel);
		uint32_t at = unit_below(&bench->fake.seed, KIB(60));

		change(duel, at, 1);
		change(duel, unit_below(&bench->fake.seed, KIB(60)), 1);
		bench->fail_kind = IO_WRITE;
		bench->fail_target = true;
		bench->fail_errnum = seed % 2 == 0 ? ENOSPC : EIO;
		bench->fail_at = at;
		plan.write_direct = seed % 3 == 0;
		plan.align_bytes = 512;
		begin(duel, &plan, &more);
		if (!differed(duel, at / BLOCK * BLOCK, BLOCK)) /* both changes met */
			continue;
		expect_error(duel, bench->fail_errnum, ERROR_SIDE_TARGET, "write");
		CHECK_EQUAL(bench->failed, 1); /* a failed write is never tried again */
	}
	close_bench();
}

static void endless_interruptions(void)
{
	open_bench(KIB(8), 4);
	for (unsigned i = 0; i < 6; i++) {
		struct duel *duel = prepare(KIB(20), 9 + (uint64_t)i);
		struct stream_plan plan = plain_plan(duel);
		struct contrast_plan more = plain_more(duel);

		change(duel, KIB(12), 1);
		bench->fail_kind = i < 4 ? IO_READ : IO_WRITE;
		bench->fail_target = i >= 2;
		bench->fail_errnum = i % 2 == 0 ? EINTR : EAGAIN;
		bench->fail_at = KIB(12);
		begin(duel, &plan, &more);
		expect_error(duel, bench->fail_errnum,
			     bench->fail_target ? ERROR_SIDE_TARGET : ERROR_SIDE_SOURCE,
			     i < 4 ? "read" : "write");
		CHECK_EQUAL(bench->failed, LIMIT_TRIES);
	}
	close_bench();
}

/* What only the direct way refuses, or only registered memory, goes on without. */
static void weaker_ways(void)
{
	static const int errnums[] = { EINVAL, EOPNOTSUPP, EIO, EFAULT, ENOMEM };

	open_bench(KIB(16), 4);
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct duel *duel = prepare(KIB(50) + (uint32_t)seed % 7, seed + 1);
		struct stream_plan plan = plain_plan(duel);
		struct contrast_plan more = plain_more(duel);

		change(duel, unit_below(&bench->fake.seed, KIB(48) - 3), 3); /* not the tail */
		bench->fail_errnum = errnums[seed % 5];
		bench->fail_target = seed / 5 % 2 == 0;
		bench->fail_kind = bench->fail_target && seed / 10 % 2 == 0 &&
						   bench->fail_errnum != EIO
					   ? IO_WRITE
					   : IO_READ;
		bench->fail_direct = seed % 5 < 3;
		bench->fail_fixed = !bench->fail_direct;
		plan.read_direct = plan.write_direct = true;
		plan.align_bytes = BLOCK;
		begin(duel, &plan, &more);
		expect_same_files(duel);
		CHECK(bench->failed > 0);
	}
	close_bench();
}

/* Ends shorter than its size says: nothing is made up, and nothing looped on. */
static void files_that_end(void)
{
	open_bench(KIB(16), 3);
	for (uint64_t seed = 1; seed < 100; seed++) {
		struct duel *duel = prepare(KIB(70), seed);
		struct stream_plan plan = plain_plan(duel);
		struct contrast_plan more = plain_more(duel);
		uint32_t end = unit_below(&bench->fake.seed, KIB(70));
		bool target = seed % 2 == 0;

		begin(duel, &plan, &more);
		REQUIRE(ftruncate(target ? duel->target_fd : duel->source_fd, end) == 0);
		if (!target)
			duel->now_size = end;
		else
			duel->target_size = end; /* what is gone differs */
		CHECK(run());
		CHECK_EQUAL(duel->stream.error.grade, ERROR_NONE);
		CHECK_EQUAL(duel->stream.end, target ? KIB(70) : end);
		CHECK_EQUAL(duel->contrast.differs, target);
		CHECK_EQUAL(stream_write_tail(&duel->stream, &bench->env), 0);
		stream_end(&duel->stream, &bench->env);
		if (target)
			CHECK(target_is(duel, duel->bytes, duel->size));
		check_clean();
	}
	close_bench();
}

static void hole_errors(void)
{
	struct duel *duel;
	struct stream_plan plan;
	struct contrast_plan more;

	open_bench(KIB(8), 3);
	for (int zeros = 0; zeros < 2; zeros++) {
		duel = prepare(KIB(64), 5);
		punch_file(duel->source_fd, duel->bytes, KIB(16), KIB(16), duel->size);
		plan = plain_plan(duel);
		more = plain_more(duel);
		plan.sparse = zeros == 0;
		more.find_zeros = zeros == 1;
		more.punches = true;
		more.block_bytes = BLOCK;
		punch_errnum = ENOSPC;
		begin(duel, &plan, &more);
		expect_error(duel, ENOSPC, ERROR_SIDE_TARGET, "make holes in");
		punch_errnum = 0;
	}
	close_bench();
}

/* Zeros of the source that the target has other bytes for, the last block included:
 * where every such block is to be a hole, and where the source has one and the
 * target's map is not believed. */
static void zeros_become_holes(void)
{
	open_bench(KIB(16), 3);
	for (uint64_t seed = 0; seed < 40; seed++) {
		struct duel *duel = prepare(KIB(60) + 100, seed + 1);
		struct stream_plan plan = plain_plan(duel);
		struct contrast_plan more = plain_more(duel);
		bool hole[MOST_BLOCKS];

		memset(duel->bytes + KIB(8), 0, KIB(12));
		memset(duel->bytes + KIB(40), 0, KIB(20) + 100);
		write_file(duel->source_fd, duel->bytes, duel->size);
		if (seed % 2 == 0) {
			punch_file(duel->source_fd, duel->bytes, KIB(8), KIB(12), duel->size);
			punch_file(duel->source_fd, duel->bytes, KIB(40), KIB(20) + 100,
				   duel->size);
		}
		plan.sparse = seed % 2 == 0;
		more.find_zeros = !plan.sparse;
		more.punches = true;
		more.block_bytes = BLOCK;
		begin(duel, &plan, &more);
		expect_same_files(duel);
		CHECK_EQUAL(duel->stream.written_bytes, 0);
		find_holes(duel->target_fd, duel->size, hole);
		for (uint32_t i = 0; i * BLOCK < duel->size; i++)
			CHECK_EQUAL(hole[i], (i >= 2 && i < 5) || i >= 10);
	}
	close_bench();
}

/* A file of a terabyte with nothing in it but its last block. */
static void vast_holes(void)
{
	struct duel *duel;
	struct stream_plan plan;
	struct contrast_plan more;
	off_t vast = (off_t)1 << 40;
	char byte = 'x';

	open_bench(KIB(8), 3);
	duel = prepare(0, 5);
	plan = plain_plan(duel);
	more = plain_more(duel);
	REQUIRE(pwrite(duel->source_fd, &byte, 1, vast) == 1);
	REQUIRE(ftruncate(duel->target_fd, vast + 1) == 0);
	plan.size_bytes = (uint64_t)vast + 1;
	plan.sparse = true;
	more.target_bytes = plan.size_bytes;
	more.target_mapped = true;
	contrast_begin(&duel->contrast, &duel->stream, &plan, &more);
	bench->fake.io.backend = &fake_backend;
	for (int turns = 0; turns < 50 && !contrast_done(&duel->contrast, &duel->stream);
	     turns++) {
		issue(duel);
		io_turn(&bench->fake.io, 100);
		apply_all();
	}
	CHECK(contrast_done(&duel->contrast, &duel->stream));
	CHECK_EQUAL(duel->stream.written_bytes, 1);
	CHECK_EQUAL(duel->contrast.kept_bytes, vast);
	CHECK(bench->fake.issued <= 3);
	stream_end(&duel->stream, &bench->env);
	check_clean();
	close_bench();
}

/* Whatever it is that is being done, after an error it lets go of all. */
static void dropped(void)
{
	open_bench(KIB(8), 4);
	for (uint64_t seed = 1; seed < 400; seed++) {
		struct duel *duel;

		prepare(0, seed);
		duel = &bench->duels[0];
		random_duel(duel);
		duel->patience = unit_below(&bench->fake.seed, 8);
		bench->fake.io.backend = &watching_backend;
		for (unsigned turns = unit_below(&bench->fake.seed, 20); turns > 0; turns--) {
			issue(duel);
			io_turn(&bench->fake.io, 100);
			apply_all();
		}
		stream_fail(&duel->stream, -ECANCELED, ERROR_SIDE_NONE, "cancel", 0);
		while (duel->stream.live > 0) {
			CHECK(!contrast_issue(&duel->contrast, &duel->stream, &bench->env, duel));
			if (duel->stream.live > 0 && !CHECK(duel->contrast.flying > 0))
				break;
			io_turn(&bench->fake.io, 100);
			apply_all();
		}
		CHECK(contrast_done(&duel->contrast, &duel->stream));
		stream_end(&duel->stream, &bench->env);
		check_clean();
	}
	close_bench();
}

static void no_slot(void)
{
	struct duel *duel;
	struct stream_plan plan;
	struct contrast_plan more;

	open_bench(KIB(8), 2);
	duel = prepare(KIB(20), 5);
	plan = plain_plan(duel);
	more = plain_more(duel);
	withhold_some(100);
	begin(duel, &plan, &more);
	CHECK(contrast_issue(&duel->contrast, &duel->stream, &bench->env, duel));
	CHECK_EQUAL(duel->stream.live, 0);
	CHECK(!contrast_done(&duel->contrast, &duel->stream));
	give_withheld();
	expect_same_files(duel);
	close_bench();
}

static const struct unit_test tests[] = {
	{ "whatever order and length transfers have, the target becomes the source, and no block "
	  "is written that was the same",
	  random_schedules },
	{ "one byte that differs costs one block", one_byte },
	{ "what is the same is not written to", nothing_differs },
	{ "who only asks stops at the first difference", a_judge_stops },
	{ "with one slot a pair is held until it may be written", held_with_one_slot },
	{ "a read error is told with its side and offset, and writes nothing", read_errors },
	{ "a failed write is told and never tried again", write_errors },
	{ "interruptions without end become an error, on either side", endless_interruptions },
	{ "direct I/O and registered memory that are refused fall back", weaker_ways },
	{ "a file that ends before its size is taken as it is", files_that_end },
	{ "an error while holes are made ends it", hole_errors },
	{ "zeros become holes, in the last block, too", zeros_become_holes },
	{ "holes of both sides are passed by, however long", vast_holes },
	{ "after an error every buffer comes back, whatever was being done", dropped },
	{ "without a free buffer nothing is lost", no_slot },
};

UNIT_MAIN(tests)
