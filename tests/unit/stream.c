/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bytes of one source to one target, over a backend that completes in an
 * order of chance, in parts, and fails where a test says so.
 *
 * lseek() and fallocate() of this program take the place of the C library's, so
 * that a map may have ranges finer than blocks, and holes may be refused; so does
 * clock_gettime(), so that a rate takes no time.
 *
 * A schedule is named by its seed: UNIT_SEED=N runs that one alone.
 */
#include "lib/stream.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include "fake.h"
#include "lib/limits.h"

#define MOST_BYTES (96U * 1024)
#define MOST_STREAMS 3

enum weather {
	WEATHER_FAIR,
	WEATHER_SHORT,    /* transfers move a part */
	WEATHER_BROKEN,   /* and are interrupted */
	WEATHERS
};

/* One file being copied. */
struct copy {
	struct stream stream;
	int source_fd, target_fd;
	uint8_t *bytes;           /* what the source holds */
	uint64_t size;            /* what the plan says */
	uint64_t now_size;        /* what the source has, at the end */
	bool finished;
	uint32_t interrupted[64]; /* by chunk number: how often, reads and writes */
	int64_t change_at;        /* completions until the source changes, -1: never */
	uint64_t change_to;
};

/* A test bench: one worker's arena, chunks and ops. */
struct bench {
	struct fake fake;
	struct arena arena;
	struct chunk chunks[LIMIT_SLOTS_MAX];
	struct stream_env env;
	struct copy copies[MOST_STREAMS];
	uint32_t count;
	uint32_t chunk_bytes;
	bool direct[LIMIT_OPS]; /* by op: issued past the page cache */
	enum weather weather;
	struct slot *withheld[LIMIT_SLOTS_MAX];
	uint32_t withheld_count;
	struct pace pace;
	uint64_t pace_began; /* by the clock below */
	/* What directed tests set. */
	int read_error, write_error;  /* errno of every transfer that covers... */
	int64_t error_at;             /* ...this byte; -1: of none */
	bool only_direct;             /* it fails only past the page cache */
	bool only_fixed;              /* it fails only in registered memory */
	uint32_t error_times;         /* so often */
	uint32_t attempts;            /* counted by the above */
};

static struct bench *bench;

/* Where a test gives the map: starts of data and of holes in turn. */
static const int64_t *map;

off_t lseek(int fd, off_t offset, int whence)
{
	if (map == NULL || (whence != SEEK_DATA && whence != SEEK_HOLE))
		return syscall(SYS_lseek, fd, offset, whence);
	for (unsigned i = 0; map[i] >= 0; i += 2) {
		if (offset >= map[i + 1])
			continue;
		if (whence == SEEK_HOLE)
			return map[i + 1];
		return offset > map[i] ? offset : map[i];
	}
	errno = ENXIO;
	return -1;
}

/* Holes that are made before they are refused; -1: never. */
static int holes_left = -1;

/* S6: whoever punches waits for what is in flight. */
int fallocate(int fd, int mode, off_t offset, off_t length)
{
	for (uint32_t i = 0; i < bench->count; i++) {
		if (fd != bench->copies[i].target_fd)
			continue;
		CHECK_EQUAL(bench->copies[i].stream.live, 0);
		if (holes_left == 0) {
			errno = EOPNOTSUPP;
			return -1;
		}
		holes_left -= holes_left > 0;
	}
	return (int)syscall(SYS_fallocate, fd, mode, offset, length);
}

/* What time it is; 0: what the kernel says. */
static uint64_t clock_ns;

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
	REQUIRE(fake_open_arena(&bench->arena, (size_t)chunk_bytes * depth * 2 + KIB(64),
				chunk_bytes, depth) == 0);
	while (arena_grow(&bench->arena))
		;
	bench->chunk_bytes = chunk_bytes;
	for (uint32_t i = 0; i < LIMIT_SLOTS_MAX; i++)
		list_init(&bench->chunks[i].node);
	bench->env = (struct stream_env){
		.sys = &bench->fake.sys,
		.io = &bench->fake.io,
		.arena = &bench->arena,
		.chunks = bench->chunks,
		.tally = &bench->fake.tally,
	};
	fake_register(&bench->fake.io, &bench->arena);
	bench->fake.test = bench;
	for (uint32_t i = 0; i < MOST_STREAMS; i++) {
		struct copy *copy = &bench->copies[i];

		copy->source_fd = memfd_create("source", MFD_CLOEXEC);
		copy->target_fd = memfd_create("target", MFD_CLOEXEC);
		copy->bytes = malloc(MOST_BYTES * 2);
		REQUIRE(copy->source_fd >= 0 && copy->target_fd >= 0 && copy->bytes != NULL);
	}
}

static void close_bench(void)
{
	io_close(&bench->fake.io);
	arena_close(&bench->arena);
	for (uint32_t i = 0; i < MOST_STREAMS; i++) {
		close(bench->copies[i].source_fd);
		close(bench->copies[i].target_fd);
		free(bench->copies[i].bytes);
	}
	free(bench);
}

/* ---- what becomes of a transfer ------------------------------------------------ */

static bool is_direct(const struct io_op *op)
{
	return bench->direct[op->index];
}

/* S4, as the kernel would demand it. */
static void check_direct(const struct copy *copy, const struct io_op *op)
{
	uint32_t align = copy->stream.plan.align_bytes;

	CHECK_EQUAL(op->offset % align, 0);
	CHECK_EQUAL(op->length % align, 0);
	CHECK_EQUAL((uintptr_t)op->data % (align < 512 ? align : 512), 0);
	CHECK(op->length > 0);
}

/* A part of a transfer; past the page cache a read is cut at blocks. */
static int32_t some_of(const struct copy *copy, const struct io_op *op)
{
	uint32_t align = copy->stream.plan.align_bytes;
	uint32_t bytes = 1 + unit_below(&bench->fake.seed, op->length);

	if (unit_percent(&bench->fake.seed, 20))
		bytes = op->length > 1 ? op->length - 1 : 1;
	if (is_direct(op))
		bytes = bytes < align ? align : bytes / align * align;
	return (int32_t)bytes;
}

/* Interruptions stay below what a transfer may have in a row. */
static bool interrupts(struct copy *copy, const struct io_op *op)
{
	uint32_t *count = &copy->interrupted[(uint64_t)op->offset / bench->chunk_bytes * 2 % 64 +
					     (op->kind == IO_WRITE)];

	if (!unit_percent(&bench->fake.seed, 15) || *count + 1 >= LIMIT_TRIES - 1)
		return false;
	(*count)++;
	return true;
}

static void change_source(struct copy *copy)
{
	if (copy->change_at < 0 || copy->change_at-- > 0)
		return;
	if (copy->change_to > copy->now_size)
		REQUIRE(pwrite(copy->source_fd, copy->bytes + copy->now_size,
			       copy->change_to - copy->now_size, (off_t)copy->now_size) ==
			(ssize_t)(copy->change_to - copy->now_size));
	else
		REQUIRE(ftruncate(copy->source_fd, (off_t)copy->change_to) == 0);
	copy->now_size = copy->change_to;
}

/* The directed fault: true where this transfer has it. */
static bool is_faulty(const struct io_op *op)
{
	int errnum = op->kind == IO_READ ? bench->read_error : bench->write_error;

	if (errnum == 0 || (bench->only_direct && !is_direct(op)) ||
	    (bench->only_fixed && op->slot == NULL))
		return false;
	if (bench->error_at >= 0 && (op->offset > bench->error_at ||
				     op->offset + op->length <= bench->error_at))
		return false;
	bench->attempts++;
	return bench->attempts <= bench->error_times;
}

static enum fake_verdict decide(struct fake *fake, struct io_op *op, int32_t *bytes)
{
	struct copy *copy = op->owner;

	if (!fake_transfers(op))
		return FAKE_WHOLE;
	change_source(copy);
	if (is_faulty(op)) {
		/* Without O_DIRECT what lies before a bad place is read. */
		if (op->kind == IO_READ && bench->error_at > op->offset && !is_direct(op)) {
			bench->attempts--;
			*bytes = (int32_t)(bench->error_at - op->offset);
			return FAKE_PART;
		}
		*bytes = -(op->kind == IO_READ ? bench->read_error : bench->write_error);
		return *bytes == 0 ? FAKE_PART : FAKE_ERROR;
	}
	if (bench->weather == WEATHER_BROKEN && interrupts(copy, op)) {
		*bytes = unit_percent(&fake->seed, 50) ? -EINTR : -EAGAIN;
		return FAKE_ERROR;
	}
	if (bench->weather >= WEATHER_SHORT && unit_percent(&fake->seed, 40)) {
		*bytes = some_of(copy, op);
		return FAKE_PART;
	}
	return FAKE_WHOLE;
}

/* ---- running ---------------------------------------------------------------------- */

/* Alignment is looked at when an op is issued, before anything is decided. */
static enum io_answer watching_issue(struct io *io, struct io_op *op)
{
	const struct copy *copy = op->owner;
	const struct stream_plan *plan = &copy->stream.plan;

	bench->direct[op->index] = op->kind == IO_READ ? plan->read_direct
						       : plan->write_direct;
	if (fake_transfers(op) && is_direct(op))
		check_direct(copy, op);
	/* No transfer is longer than a moment at the rate. */
	if (op->kind == IO_READ && bench->env.pace != NULL)
		CHECK(op->length <= pace_most(&bench->pace, plan->align_bytes > 1 ? 4096 : 1));
	return fake_issue(io, op);
}

static const struct io_backend watching_backend = {
	.name = "watching",
	.issue = watching_issue,
	.turn = fake_turn,
	.register_arena = fake_register,
	.close = fake_close,
};

static void fill(struct copy *copy, uint64_t size)
{
	uint64_t seed = bench->fake.seed;

	REQUIRE(size <= MOST_BYTES);
	for (uint32_t i = 0; i < MOST_BYTES * 2; i += 8) {
		uint64_t word = unit_random(&seed);

		memcpy(copy->bytes + i, &word, 8);
	}
	REQUIRE(ftruncate(copy->source_fd, 0) == 0 && ftruncate(copy->target_fd, 0) == 0);
	REQUIRE(pwrite(copy->source_fd, copy->bytes, size, 0) == (ssize_t)size);
	copy->size = copy->now_size = size;
	copy->change_at = -1;
	copy->finished = false;
	memset(copy->interrupted, 0, sizeof(copy->interrupted));
}

static void punch(struct copy *copy)
{
	for (unsigned i = 1 + unit_below(&bench->fake.seed, 3); i > 0 && copy->size > 0; i--) {
		uint64_t at = unit_below(&bench->fake.seed, (uint32_t)copy->size);
		uint64_t length = 1 + unit_below(&bench->fake.seed, (uint32_t)(copy->size - at));

		memset(copy->bytes + at, 0, (size_t)length);
		REQUIRE(fallocate(copy->source_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				  (off_t)at, (off_t)length) == 0);
	}
}

/* Old bytes in the target, as many as chance has it; where they end. */
static uint64_t fill_target(struct copy *copy)
{
	static uint8_t old[MOST_BYTES];
	uint64_t size = 1 + unit_below(&bench->fake.seed, MOST_BYTES);

	memset(old, 0xee, sizeof(old));
	REQUIRE(pwrite(copy->target_fd, old, (size_t)size, 0) == (ssize_t)size);
	holes_left = -1;
	if (unit_percent(&bench->fake.seed, 30))
		holes_left = (int)unit_below(&bench->fake.seed, 3);
	return size + LIMIT_ALIGN_BYTES;
}

static struct stream_plan plain_plan(const struct copy *copy)
{
	return (struct stream_plan){
		.source_fd = copy->source_fd,
		.target_fd = copy->target_fd,
		.size_bytes = copy->size,
		.align_bytes = 1,
		.depth = LIMIT_SLOTS_MAX,
	};
}

static void withhold(uint32_t percent)
{
	struct slot *slot;

	while (unit_percent(&bench->fake.seed, percent) &&
	       (slot = arena_take_large(&bench->arena)) != NULL)
		bench->withheld[bench->withheld_count++] = slot;
}

static void give_withheld(void)
{
	while (bench->withheld_count > 0)
		arena_give(&bench->arena, bench->withheld[--bench->withheld_count]);
}

static void apply_all(void)
{
	struct io_op *op;

	while ((op = io_take_done(&bench->fake.io)) != NULL) {
		struct copy *copy = op->owner;

		stream_apply(&copy->stream, &bench->env, op);
	}
}

/* At a rate, for as long as close_pace() is not called. */
static void open_pace(uint64_t bytes_per_second)
{
	clock_ns = bench->pace_began = 1000000000;
	pace_open(&bench->pace, bytes_per_second, clock_ns);
	bench->env.pace = &bench->pace;
}

static void close_pace(void)
{
	bench->env.pace = NULL;
	clock_ns = 0;
}

/* S7: nothing was written before its time, and who waits for that has nothing in
 * flight.  Lets time pass; other things happen meanwhile. */
static void check_pace(void)
{
	uint64_t next_ns = UINT64_MAX, written = 0;
	bool idle = bench->fake.count == 0 && bench->fake.io.taken == 0;

	for (uint32_t i = 0; i < bench->count; i++) {
		const struct stream *stream = &bench->copies[i].stream;

		written += stream->written_bytes;
		if (!stream_is_paced(stream))
			continue;
		CHECK(stream->live == 0 || (stream->plan.to_end && stream->live == 1));
		if (stream->claim.due_ns < next_ns)
			next_ns = stream->claim.due_ns;
	}
	if (bench->pace.bytes_per_second > 0)
		CHECK((__uint128_t)written * 1000000000 <=
		      (__uint128_t)bench->pace.bytes_per_second * (clock_ns - bench->pace_began));
	atomic_store(&bench->pace.quiet, unit_percent(&bench->fake.seed, 20));
	if (idle && next_ns != UINT64_MAX && next_ns > clock_ns)
		clock_ns = next_ns;
	else
		clock_ns += unit_below(&bench->fake.seed, 3000000);
}

/* Runs all streams to their end; false: it did not come. */
static bool run(void)
{
	bench->fake.io.backend = &watching_backend;
	for (unsigned turns = 0; turns < 100000; turns++) {
		bool wanting = false, all = true;

		if (bench->env.pace != NULL)
			check_pace();

		for (uint32_t i = 0; i < bench->count; i++) {
			struct copy *copy = &bench->copies[i];

			wanting = stream_issue(&copy->stream, &bench->env, copy) || wanting;
			CHECK(!stream_is_paced(&copy->stream) || !stream_done(&copy->stream));
			all = all && stream_done(&copy->stream);
		}
		if (all)
			return true;
		if (wanting && bench->withheld_count > 0 && unit_percent(&bench->fake.seed, 30))
			give_withheld();
		if (wanting && bench->fake.count == 0 && bench->fake.io.taken == 0)
			give_withheld();
		io_turn(&bench->fake.io, 100);
		apply_all();
	}
	return false;
}

/* The recipe's last steps: the tail, then the size. */
static void finish(struct copy *copy)
{
	struct stream *stream = &copy->stream;

	if (stream->error.grade == ERROR_NONE) {
		CHECK_EQUAL(stream_write_tail(stream, &bench->env), 0);
		REQUIRE(ftruncate(copy->target_fd, (off_t)stream->end) == 0);
	}
	stream_end(stream, &bench->env);
	copy->finished = true;
}

static bool target_is(const struct copy *copy, uint64_t size)
{
	static uint8_t now[MOST_BYTES * 2];
	struct stat stat;

	return fstat(copy->target_fd, &stat) == 0 && (uint64_t)stat.st_size == size &&
	       pread(copy->target_fd, now, sizeof(now), 0) == (ssize_t)size &&
	       memcmp(now, copy->bytes, size) == 0;
}

/* After every run: nothing is left in use. */
static void check_clean(void)
{
	give_withheld();
	fake_check_idle(&bench->fake, &bench->arena);
	for (uint32_t i = 0; i < LIMIT_SLOTS_MAX; i++) {
		CHECK_EQUAL(bench->chunks[i].state, CHUNK_IDLE);
		CHECK(list_empty(&bench->chunks[i].node));
	}
}

/* ---- schedules of chance ------------------------------------------------------------- */

static uint64_t random_size(uint32_t align)
{
	uint64_t *seed = &bench->fake.seed;
	uint32_t chunk = bench->chunk_bytes;
	uint64_t sizes[] = {
		0, 1, align - 1, align, align + 1, chunk - 1, chunk, chunk + 1,
		(uint64_t)chunk * (2 + unit_below(seed, 6)) - 1,
		(uint64_t)chunk * (2 + unit_below(seed, 6)),
		(uint64_t)chunk * (2 + unit_below(seed, 6)) + 1,
		unit_below(seed, MOST_BYTES), unit_below(seed, chunk * 3),
	};
	uint64_t size = sizes[unit_below(seed, sizeof(sizes) / sizeof(sizes[0]))];

	return size <= MOST_BYTES ? size : MOST_BYTES;
}

static void random_copy(struct copy *copy)
{
	uint64_t *seed = &bench->fake.seed;
	uint32_t align = unit_percent(seed, 50) ? 512 : 4096;
	struct stream_plan plan;

	fill(copy, random_size(align));
	plan = plain_plan(copy);
	plan.to_end = unit_percent(seed, 15);
	if (plan.to_end) {
		plan.depth = 1;
		plan.size_bytes = unit_percent(seed, 50) ? 0 : plan.size_bytes;
	} else {
		plan.depth = unit_percent(seed, 30) ? 1 + unit_below(seed, 4) : LIMIT_SLOTS_MAX;
		plan.read_direct = unit_percent(seed, 50);
		plan.write_direct = unit_percent(seed, 50);
		plan.pad_tail = unit_percent(seed, 50);
		plan.sparse = unit_percent(seed, 30);
		plan.small = copy->size <= LIMIT_SMALL_BYTES && unit_percent(seed, 50);
	}
	plan.write_now = !plan.write_direct && unit_percent(seed, 50);
	plan.bound_dirty = unit_percent(seed, 50);
	if (plan.read_direct || plan.write_direct)
		plan.align_bytes = align;
	if (plan.sparse)
		punch(copy);
	if (plan.sparse && unit_percent(seed, 50))
		plan.punch_to = fill_target(copy);
	if (unit_percent(seed, 20)) {
		copy->change_at = unit_below(seed, 12);
		copy->change_to = unit_below(seed, MOST_BYTES);
	}
	stream_begin(&copy->stream, &plan);
}

static void check_random_copy(struct copy *copy)
{
	const struct stream_plan plan = copy->stream.plan;
	uint64_t lowest = copy->size < copy->now_size ? copy->size : copy->now_size;
	uint64_t highest = plan.to_end ? copy->size + copy->now_size - lowest : copy->size;
	uint64_t end = copy->stream.end;

	CHECK_EQUAL(copy->stream.error.grade, ERROR_NONE);
	finish(copy);
	/* S5: the source ended where it ended, and no byte was made up. */
	CHECK(end >= lowest && end <= highest);
	/* A map that shrinks away ends it early; the recipe looks again then. */
	if (plan.sparse && copy->now_size < copy->size)
		return;
	CHECK(target_is(copy, end));
	if (!plan.sparse && copy->now_size == copy->size)
		CHECK_EQUAL(copy->stream.written_bytes, copy->size);
	CHECK(copy->stream.written_bytes <= highest);
}

/* None, or one at which a copy has some hundred transfers at most. */
static uint64_t random_rate(void)
{
	uint64_t *seed = &bench->fake.seed;

	return unit_percent(seed, 15) ? 0 : 1000 + unit_below(seed, 1U << unit_below(seed, 25));
}

static void random_schedule(uint64_t seed)
{
	unsigned before = unit.failures;

	bench->fake.seed = seed;
	bench->fake.depth_first = unit_percent(&bench->fake.seed, 30);
	bench->fake.decide = decide;
	bench->weather = unit_below(&bench->fake.seed, WEATHERS);
	bench->error_at = -1;
	bench->count = unit_percent(&bench->fake.seed, 70) ? 1
							    : 1 + unit_below(&bench->fake.seed,
									     MOST_STREAMS);
	for (uint32_t i = 0; i < bench->count; i++)
		random_copy(&bench->copies[i]);
	withhold(60);
	if (unit_percent(&bench->fake.seed, 30))
		open_pace(random_rate());
	CHECK(run());
	for (uint32_t i = 0; i < bench->count; i++)
		check_random_copy(&bench->copies[i]);
	close_pace();
	check_clean();
	if (unit.failures > before)
		printf("  UNIT_SEED=%llu, chunk %u, weather %d\n", (unsigned long long)seed,
		       bench->chunk_bytes, (int)bench->weather);
}

static void random_schedules(void)
{
	static const struct {
		uint32_t chunk, depth, schedules;
	} benches[] = {
		{ KIB(4), 1, 500 }, { KIB(4), 8, 1500 }, { KIB(8), 3, 1000 },
		{ KIB(12), 6, 1000 }, { KIB(32), 2, 500 },
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

/* ---- directed tests --------------------------------------------------------------------- */

/* One dense copy of SIZE bytes in order of chance, nothing failing yet. */
static struct copy *prepare(uint64_t size, uint64_t seed)
{
	struct copy *copy = &bench->copies[0];

	bench->fake.seed = seed;
	bench->fake.decide = decide;
	bench->fake.depth_first = false;
	bench->weather = WEATHER_FAIR;
	bench->error_at = -1;
	bench->read_error = bench->write_error = 0;
	bench->only_direct = bench->only_fixed = false;
	bench->error_times = UINT32_MAX;
	bench->attempts = 0;
	bench->count = 1;
	fill(copy, size);
	return copy;
}

static void expect_error(struct copy *copy, int errnum, enum error_side side, int64_t offset)
{
	const struct error *error = &copy->stream.error;

	CHECK(run());
	CHECK_EQUAL(error->grade, ERROR_ENTRY);
	CHECK_EQUAL(error->errnum, errnum);
	CHECK_EQUAL(error->side, side);
	CHECK_EQUAL(error->offset, offset);
	if (error->operation != NULL)
		CHECK_TEXT(error->operation, side == ERROR_SIDE_SOURCE ? "read" : "write");
	finish(copy);
	check_clean();
}

static void expect_copy(struct copy *copy)
{
	CHECK(run());
	CHECK_EQUAL(copy->stream.error.grade, ERROR_NONE);
	CHECK_EQUAL(copy->stream.error.errnum, 0);
	finish(copy);
	CHECK(target_is(copy, copy->size));
	check_clean();
}

static void read_errors(void)
{
	open_bench(KIB(8), 4);
	for (uint64_t seed = 1; seed < 120; seed++) {
		struct copy *copy = prepare(KIB(60) + 77, seed);
		struct stream_plan plan = plain_plan(copy);

		bench->read_error = EIO;
		bench->error_at = unit_below(&bench->fake.seed, KIB(60) + 77);
		plan.depth = 1 + unit_below(&bench->fake.seed, 6);
		plan.read_direct = seed % 3 == 0;
		plan.write_direct = seed % 2 == 0;
		plan.align_bytes = 512;
		stream_begin(&copy->stream, &plan);
		expect_error(copy, EIO, ERROR_SIDE_SOURCE, bench->error_at);
	}
	close_bench();
}

static void write_errors(void)
{
	open_bench(KIB(8), 4);
	for (uint64_t seed = 1; seed < 120; seed++) {
		struct copy *copy = prepare(KIB(60), seed);
		struct stream_plan plan = plain_plan(copy);
		int64_t at = unit_below(&bench->fake.seed, KIB(60));

		bench->write_error = seed % 2 == 0 ? ENOSPC : EIO;
		bench->error_at = at;
		plan.write_direct = seed % 3 == 0;
		plan.align_bytes = 512;
		stream_begin(&copy->stream, &plan);
		expect_error(copy, bench->write_error, ERROR_SIDE_TARGET, at - at % KIB(8));
		CHECK_EQUAL(bench->attempts, 1); /* a failed write is never tried again */
	}
	close_bench();
}

/* A write of nothing is an error, and is not repeated. */
static enum fake_verdict write_nothing(struct fake *fake, struct io_op *op, int32_t *bytes)
{
	(void)fake;
	*bytes = 0;
	if (op->kind != IO_WRITE || op->offset != KIB(8))
		return FAKE_WHOLE;
	bench->attempts++;
	return FAKE_PART;
}

static void zero_writes(void)
{
	struct copy *copy;
	struct stream_plan plan;

	open_bench(KIB(4), 4);
	copy = prepare(KIB(20), 5);
	plan = plain_plan(copy);
	bench->fake.decide = write_nothing;
	stream_begin(&copy->stream, &plan);
	expect_error(copy, EIO, ERROR_SIDE_TARGET, KIB(8));
	CHECK_EQUAL(bench->attempts, 1);
	close_bench();
}

/* E10: bounded, on either side, in any state of the copy. */
static void endless_interruptions(void)
{
	static const int errnums[] = { EINTR, EAGAIN };

	open_bench(KIB(4), 4);
	for (int i = 0; i < 4; i++) {
		struct copy *copy = prepare(KIB(20), 9 + (uint64_t)i);
		struct stream_plan plan = plain_plan(copy);

		bench->error_at = KIB(12);
		*(i < 2 ? &bench->read_error : &bench->write_error) = errnums[i % 2];
		stream_begin(&copy->stream, &plan);
		expect_error(copy, errnums[i % 2], i < 2 ? ERROR_SIDE_SOURCE : ERROR_SIDE_TARGET,
			     KIB(12));
		CHECK_EQUAL(bench->attempts, LIMIT_TRIES);
	}
	close_bench();
}

static void bounded_interruptions(void)
{
	open_bench(KIB(4), 4);
	for (int i = 0; i < 2; i++) {
		struct copy *copy = prepare(KIB(20) + 5, 3);
		struct stream_plan plan = plain_plan(copy);

		bench->error_at = KIB(8);
		*(i == 0 ? &bench->read_error : &bench->write_error) = EINTR;
		bench->error_times = LIMIT_TRIES - 1;
		stream_begin(&copy->stream, &plan);
		expect_copy(copy);
	}
	close_bench();
}

/* Every other transfer is interrupted, every other moves 100 bytes. */
static enum fake_verdict stutter(struct fake *fake, struct io_op *op, int32_t *bytes)
{
	(void)fake;
	if (op->kind != (bench->read_error != 0 ? IO_READ : IO_WRITE))
		return FAKE_WHOLE;
	*bytes = bench->attempts++ % 2 == 0 ? -EINTR : 100;
	return *bytes < 0 ? FAKE_ERROR : FAKE_PART;
}

static void progress_between(void)
{
	open_bench(KIB(4), 1);
	for (int i = 0; i < 2; i++) {
		struct copy *copy = prepare(KIB(8), 3);
		struct stream_plan plan = plain_plan(copy);

		bench->fake.decide = stutter;
		bench->read_error = i == 0;
		stream_begin(&copy->stream, &plan);
		expect_copy(copy);
	}
	close_bench();
}

/* Direct I/O that opening took and the first transfers refuse. */
static void direct_refused(void)
{
	static const int errnums[] = { EINVAL, EOPNOTSUPP };

	open_bench(KIB(4), 6);
	for (uint64_t seed = 1; seed < 200; seed++) {
		struct copy *copy = prepare(KIB(4) * unit_below(&(uint64_t){ seed }, 16) + seed % 9,
					    seed);
		struct stream_plan plan = plain_plan(copy);

		bench->read_error = seed % 3 != 0 ? errnums[0] : 0;
		bench->write_error = seed % 3 != 1 ? errnums[0] : 0;
		bench->only_direct = true;
		plan.read_direct = plan.write_direct = true;
		plan.pad_tail = seed % 2 == 0;
		plan.align_bytes = seed % 4 < 2 ? 512 : 4096;
		plan.depth = 1 + (uint32_t)seed % 6;
		stream_begin(&copy->stream, &plan);
		expect_copy(copy);
	}
	close_bench();
}

static void direct_unsupported(void)
{
	open_bench(KIB(4), 6);
	for (uint64_t seed = 1; seed < 100; seed++) {
		struct copy *copy = prepare(KIB(4) * (1 + seed % 16) + seed % 9, seed);
		struct stream_plan plan = plain_plan(copy);

		bench->read_error = seed % 2 != 0 ? EOPNOTSUPP : 0;
		bench->write_error = seed % 2 == 0 ? EOPNOTSUPP : 0;
		bench->only_direct = true;
		plan.read_direct = plan.write_direct = true;
		plan.align_bytes = 512;
		plan.depth = 1 + (uint32_t)seed % 6;
		stream_begin(&copy->stream, &plan);
		expect_copy(copy);
	}
	close_bench();
}

/* E18: an error that only the direct way has, with several reads on the way. */
static void direct_read_errors(void)
{
	open_bench(KIB(4), 6);
	for (uint64_t seed = 1; seed < 60; seed++) {
		struct copy *copy = prepare(KIB(40) + 1, seed);
		struct stream_plan plan = plain_plan(copy);

		bench->read_error = EIO;
		bench->only_direct = true;
		plan.read_direct = true;
		plan.align_bytes = 512;
		plan.depth = 1 + (uint32_t)seed % 6;
		stream_begin(&copy->stream, &plan);
		expect_copy(copy);
	}
	close_bench();
}

/* An interruption first, then direct I/O refused while others are on the way. */
static enum fake_verdict interrupt_then_refuse(struct fake *fake, struct io_op *op, int32_t *bytes)
{
	struct copy *copy = op->owner;
	uint32_t *count = &copy->interrupted[(uint64_t)op->offset / bench->chunk_bytes % 64];

	(void)fake;
	if (op->kind != IO_READ || *count >= 2 || !is_direct(op))
		return FAKE_WHOLE;
	*bytes = (*count)++ == 0 ? -EINTR : -EINVAL;
	return FAKE_ERROR;
}

static void interrupted_and_refused(void)
{
	open_bench(KIB(4), 4);
	for (uint64_t seed = 1; seed < 40; seed++) {
		struct copy *copy = prepare(KIB(16), seed);
		struct stream_plan plan = plain_plan(copy);

		bench->fake.decide = interrupt_then_refuse;
		plan.read_direct = true;
		plan.align_bytes = 512;
		stream_begin(&copy->stream, &plan);
		expect_copy(copy);
	}
	close_bench();
}

/* Interrupted, then cut inside a block, then whole: the source goes on. */
static enum fake_verdict cut_blocks(struct fake *fake, struct io_op *op, int32_t *bytes)
{
	(void)fake;
	if (op->kind != IO_READ || op->offset >= KIB(8))
		return FAKE_WHOLE;
	switch (bench->attempts++) {
	case 0:
	case 1:
		*bytes = -EINTR;
		return FAKE_ERROR;
	case 2:
		*bytes = 512;
		return FAKE_PART;
	case 3:
		*bytes = 4096 + 1024;
		return FAKE_PART;
	default:
		return FAKE_WHOLE;
	}
}

static void cut_is_no_end(void)
{
	struct copy *copy;
	struct stream_plan plan;

	open_bench(KIB(8), 2);
	copy = prepare(KIB(24), 4);
	plan = plain_plan(copy);
	bench->fake.decide = cut_blocks;
	plan.read_direct = true;
	plan.align_bytes = 4096;
	stream_begin(&copy->stream, &plan);
	expect_copy(copy);
	CHECK(bench->attempts > 4);
	close_bench();
}

/* S1: ranges that are widened to whole blocks do not meet. */
static void fine_ranges(void)
{
	static const int64_t ranges[] = {
		100, 700, 900, 5000, 5100, 8192, 8200, 8201, 20479, 20481, 24576, 30001, -1,
	};

	open_bench(KIB(4), 8);
	map = ranges;
	for (uint64_t seed = 1; seed < 40; seed++) {
		struct copy *copy = prepare(30001, seed);
		struct stream_plan plan = plain_plan(copy);
		uint64_t data = 0;

		for (int64_t at = 0; at < 30001; at++) {
			unsigned i = 0;

			while (ranges[i] >= 0 && at >= ranges[i + 1])
				i += 2;
			if (at < ranges[i])
				copy->bytes[at] = 0;
			else
				data++;
		}
		REQUIRE(pwrite(copy->source_fd, copy->bytes, 30001, 0) == 30001);
		plan.sparse = true;
		plan.read_direct = seed % 2 == 0;
		plan.write_direct = seed % 3 == 0;
		plan.align_bytes = plan.read_direct || plan.write_direct ? 4096 : 1;
		stream_begin(&copy->stream, &plan);
		expect_copy(copy);
		/* Whole blocks where they are asked for, and each once. */
		CHECK_EQUAL(copy->stream.written_bytes, plan.align_bytes == 1
				? data : (uint64_t)12288 + 8192 + 30001 - 24576);
	}
	map = NULL;
	close_bench();
}

/* E15: registered memory that transfers refuse is used as plain memory. */
static void unregistered(void)
{
	static const int errnums[] = { EFAULT, ENOMEM };

	open_bench(KIB(4), 4);
	for (uint64_t seed = 1; seed < 80; seed++) {
		struct copy *copy = prepare(KIB(30) + seed, seed);
		struct stream_plan plan = plain_plan(copy);

		bench->read_error = seed % 3 != 0 ? errnums[seed % 2] : 0;
		bench->write_error = seed % 3 != 1 ? errnums[seed % 2] : 0;
		bench->only_fixed = true;
		stream_begin(&copy->stream, &plan);
		expect_copy(copy);
	}
	close_bench();
}

static void fault_in_plain_memory(void)
{
	struct copy *copy;
	struct stream_plan plan;

	open_bench(KIB(4), 4);
	copy = prepare(KIB(20), 3);
	plan = plain_plan(copy);
	bench->read_error = EFAULT;
	bench->error_at = KIB(8);
	stream_begin(&copy->stream, &plan);
	expect_error(copy, EFAULT, ERROR_SIDE_SOURCE, KIB(8));
	CHECK_EQUAL(bench->attempts, 2); /* registered, then plain, then never again */
	close_bench();
}

/* Reads that give 1, 2, 3, ... bytes, and writes that take as few. */
static uint32_t least_part;

static enum fake_verdict tiny_parts(struct fake *fake, struct io_op *op, int32_t *bytes)
{
	(void)fake, (void)op;
	*bytes = (int32_t)least_part;
	return FAKE_PART;
}

static void every_length(void)
{
	open_bench(KIB(4), 2);
	for (least_part = 1; least_part <= 4097; least_part += least_part < 70 ? 1 : 61) {
		struct copy *copy = prepare(KIB(4) + 9, least_part);
		struct stream_plan plan = plain_plan(copy);

		bench->fake.decide = tiny_parts;
		stream_begin(&copy->stream, &plan);
		expect_copy(copy);
	}
	close_bench();
}

/* A direct write that took less than a block has taken nothing (S4). */
static enum fake_verdict odd_writes(struct fake *fake, struct io_op *op, int32_t *bytes)
{
	if (op->kind != IO_WRITE)
		return FAKE_WHOLE;
	*bytes = (int32_t)(512 + unit_below(&fake->seed, op->length));
	return FAKE_PART;
}

static void odd_direct_writes(void)
{
	open_bench(KIB(8), 3);
	for (uint64_t seed = 1; seed < 60; seed++) {
		struct copy *copy = prepare(KIB(40) + seed * 17, seed);
		struct stream_plan plan = plain_plan(copy);

		bench->fake.decide = odd_writes;
		plan.write_direct = true;
		plan.pad_tail = seed % 2 == 0;
		plan.align_bytes = 512;
		stream_begin(&copy->stream, &plan);
		expect_copy(copy);
		CHECK_EQUAL(copy->stream.written_bytes, copy->size);
	}
	close_bench();
}

/* Padding is zeros, not what the buffer held before. */
static void padded_tails(void)
{
	static const uint32_t sizes[] = { 1, 511, 513, 4095, 4097, 8191, 12289, 20000 };
	uint8_t rest[4096];

	open_bench(KIB(4), 4);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct copy *copy = prepare(sizes[i], i);
		struct stream_plan plan = plain_plan(copy);
		uint32_t padded = (sizes[i] + 511) / 512 * 512;
		struct stat stat;

		plan.write_direct = plan.pad_tail = true;
		plan.align_bytes = 512;
		for (uint32_t j = 0; j < bench->arena.large_ready; j++)
			memset(bench->arena.slots[bench->arena.free_large[j]].data, 0xee, KIB(4));
		stream_begin(&copy->stream, &plan);
		CHECK(run());
		CHECK_EQUAL(stream_write_tail(&copy->stream, &bench->env), 0);
		/* P6: until the size is set it is wrong, and shows it. */
		CHECK(fstat(copy->target_fd, &stat) == 0 && stat.st_size == (off_t)padded);
		CHECK_EQUAL(pread(copy->target_fd, rest, sizeof(rest), sizes[i]),
			    padded - sizes[i]);
		for (uint32_t j = 0; j < padded - sizes[i]; j++)
			CHECK_EQUAL(rest[j], 0);
		CHECK_EQUAL(copy->stream.written_bytes, sizes[i]);
		CHECK_EQUAL(tally_get(&bench->fake.tally.bytes_direct), sizes[i]);
		bench->fake.tally.bytes_direct = 0;
		finish(copy);
		CHECK(target_is(copy, sizes[i]));
		check_clean();
	}
	close_bench();
}

static void kept_tail_errors(void)
{
	struct copy *copy;
	struct stream_plan plan;
	int target;

	open_bench(KIB(4), 4);
	copy = prepare(KIB(8) + 100, 3);
	plan = plain_plan(copy);
	plan.write_direct = true;
	plan.align_bytes = 512;
	stream_begin(&copy->stream, &plan);
	CHECK(run());
	CHECK_EQUAL(copy->stream.tail_bytes, 100);
	CHECK_EQUAL(copy->stream.written_bytes, KIB(8));
	target = copy->stream.plan.target_fd;
	copy->stream.plan.target_fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	if (copy->stream.plan.target_fd >= 0) {
		CHECK_EQUAL(stream_write_tail(&copy->stream, &bench->env), -ENOSPC);
		CHECK_EQUAL(copy->stream.error.offset, KIB(8));
		CHECK_EQUAL(copy->stream.error.side, ERROR_SIDE_TARGET);
		close(copy->stream.plan.target_fd);
	}
	copy->stream.plan.target_fd = target;
	stream_end(&copy->stream, &bench->env);
	check_clean();
	close_bench();
}

static void shrinking(void)
{
	open_bench(KIB(4), 4);
	for (uint64_t seed = 1; seed < 200; seed++) {
		struct copy *copy = prepare(KIB(40) + seed, seed);
		struct stream_plan plan = plain_plan(copy);

		copy->change_at = unit_below(&bench->fake.seed, 8);
		copy->change_to = unit_below(&bench->fake.seed, KIB(40));
		plan.read_direct = seed % 2 == 0;
		plan.write_direct = seed % 3 == 0;
		plan.align_bytes = 512;
		stream_begin(&copy->stream, &plan);
		CHECK(run());
		CHECK_EQUAL(copy->stream.error.grade, ERROR_NONE);
		CHECK(copy->stream.end >= copy->now_size && copy->stream.end <= copy->size);
		finish(copy);
		CHECK(target_is(copy, copy->stream.end));
		check_clean();
	}
	/* Gone before the first read: nothing of it is made up. */
	for (int direct = 0; direct < 2; direct++) {
		struct copy *copy = prepare(KIB(40), 5);
		struct stream_plan plan = plain_plan(copy);

		copy->change_at = 0;
		copy->change_to = 0;
		plan.read_direct = plan.write_direct = direct != 0;
		plan.align_bytes = 512;
		stream_begin(&copy->stream, &plan);
		CHECK(run());
		CHECK_EQUAL(copy->stream.end, 0);
		CHECK_EQUAL(copy->stream.written_bytes, 0);
		finish(copy);
		check_clean();
	}
	close_bench();
}

static void no_slot(void)
{
	struct copy *copy;
	struct stream_plan plan;

	open_bench(KIB(4), 2);
	copy = prepare(KIB(8), 5);
	plan = plain_plan(copy);
	withhold(100);
	CHECK_EQUAL(bench->withheld_count, bench->arena.large_ready);
	stream_begin(&copy->stream, &plan);
	CHECK(stream_issue(&copy->stream, &bench->env, copy)); /* it wants one */
	CHECK_EQUAL(copy->stream.live, 0);
	CHECK(!stream_done(&copy->stream));
	give_withheld();
	expect_copy(copy);
	close_bench();
}

/* G9: a large file is synced beside its writes, and an error of that is its. */
static int32_t sync_result;

static enum fake_verdict sync_fails(struct fake *fake, struct io_op *op, int32_t *bytes)
{
	(void)fake;
	if (op->kind != IO_FSYNC)
		return FAKE_WHOLE;
	CHECK(op->datasync);
	bench->attempts++;
	*bytes = sync_result;
	return sync_result < 0 ? FAKE_ERROR : FAKE_PART;
}

static void growing_syncs(void)
{
	open_bench(MIB(1), 2);
	for (int i = 0; i < 2; i++) {
		struct copy *copy = prepare(0, 5);
		struct stream_plan plan = plain_plan(copy);

		sync_result = i == 0 ? -EIO : 0;
		bench->fake.decide = sync_fails;
		plan.size_bytes = LIMIT_GROWING_BYTES;
		plan.bound_dirty = true;
		REQUIRE(ftruncate(copy->source_fd, (off_t)MIB(8)) == 0); /* it has shrunk */
		stream_begin(&copy->stream, &plan);
		copy->stream.sync_ns -= LIMIT_GROWING_NS;
		CHECK(run());
		CHECK_EQUAL(bench->attempts, 1); /* not before its time has come again */
		if (i == 0) {
			CHECK_EQUAL(copy->stream.error.errnum, EIO);
			CHECK_TEXT(copy->stream.error.operation, "fsync");
			CHECK_EQUAL(copy->stream.error.side, ERROR_SIDE_TARGET);
		} else {
			CHECK_EQUAL(copy->stream.error.grade, ERROR_NONE);
			CHECK_EQUAL(copy->stream.written_bytes, MIB(8));
		}
		stream_end(&copy->stream, &bench->env);
		check_clean();
	}
	close_bench();
}

static const struct unit_test tests[] = {
	{ "whatever order and length transfers have, the target equals the source",
	  random_schedules },
	{ "a read error is told with the offset of the first byte that is lost", read_errors },
	{ "a failed write is told with its offset and never tried again", write_errors },
	{ "a write of nothing is an input/output error, at once", zero_writes },
	{ "interruptions without end become an error", endless_interruptions },
	{ "as many interruptions as are allowed do not", bounded_interruptions },
	{ "interruptions are counted in a row, not over a whole chunk", progress_between },
	{ "direct I/O refused with EINVAL falls back", direct_refused },
	{ "direct I/O refused with EOPNOTSUPP falls back, several on the way", direct_unsupported },
	{ "reads that fail only past the page cache fall back, several on the way",
	  direct_read_errors },
	{ "an interruption does not use up the fall back", interrupted_and_refused },
	{ "a direct read that is cut inside a block is not the end", cut_is_no_end },
	{ "ranges of a map that are finer than blocks are copied once each", fine_ranges },
	{ "registered memory that is refused is used as plain memory", unregistered },
	{ "plain memory that is refused, too, is an error", fault_in_plain_memory },
	{ "transfers of every length come together again", every_length },
	{ "direct writes cut inside a block go on at the block", odd_direct_writes },
	{ "a padded tail is padded with zeros and counted without them", padded_tails },
	{ "an error of the tail that was kept back is told", kept_tail_errors },
	{ "a source that shrinks ends where it ends", shrinking },
	{ "without a free buffer nothing is lost", no_slot },
	{ "a growing file is synced beside its writes and owns that error", growing_syncs },
};

UNIT_MAIN(tests)
