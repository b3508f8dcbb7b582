/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Jobs: the recipes of a regular file and of a node, over real files and a
 * backend that completes in an order of chance.
 */
#include "lib/job.h"

#include <dirent.h>

#include "fake.h"
#include "lib/limits.h"
#include "lib/node.h"
#include "lib/publish.h"
#include "lib/regular.h"

#define MOST_BYTES (600U * 1024)

/* One worker with nothing but a job. */
struct bench {
	struct fake fake;
	struct arena arena;
	struct chunk chunks[LIMIT_SLOTS_MAX];
	struct root root;
	struct fs_table fs;
	struct settings settings;
	struct job_env env;
	struct folder *folder;
	struct job job;
	int source, target; /* the test's own descriptors of both folders */
	unsigned fds;	    /* open before the job */
	uint8_t *bytes;
	/* What tests set. */
	uint32_t short_percent, interrupt_percent;
	enum io_kind fail_kind;
	int fail_errnum; /* 0: nothing fails */
	uint32_t fail_times;
	int64_t fail_at;  /* only transfers that cover this byte; -1: all */
	bool fail_direct; /* only past the page cache */
	uint32_t failed;
	uint32_t change_after; /* completions; 0: never */
	void (*change)(void);
	uint32_t changes; /* at most so many */
	struct slot *withheld;
};

static struct bench *bench;

static enum fake_verdict decide(struct fake *fake, struct io_op *op, int32_t *bytes);
static void after(struct fake *fake, struct io_op *op);

static struct dir *open_dir(int fd)
{
	struct dir *dir;

	REQUIRE(dir_open_path(&bench->root, fd, ".", &dir) == 0);
	dir_unpin(&bench->root, dir);
	return dir;
}

static struct fs *find_fs(int fd)
{
	struct stat stat;

	REQUIRE(fstat(fd, &stat) == 0);
	return fs_find(&bench->fs, fd, stat.st_dev, true);
}

static void open_bench(bool in_memory)
{
	bench = calloc(1, sizeof(*bench));
	REQUIRE(bench != NULL);
	fake_open(&bench->fake);
	bench->fake.decide = decide;
	bench->fake.after = after;
	REQUIRE(fake_open_arena(&bench->arena, MIB(1), KIB(16), 8) == 0);
	REQUIRE(root_open(&bench->root, &bench->fake.sys, 16) == 0);
	REQUIRE(fs_table_open(&bench->fs, &bench->fake.sys) == 0);
	for (uint32_t i = 0; i < LIMIT_SLOTS_MAX; i++)
		list_init(&bench->chunks[i].node);
	bench->source = in_memory ? unit_memory_folder() : unit_folder();
	bench->target = in_memory ? unit_memory_folder() : unit_folder();
	bench->folder = folder_new(NULL, "source", "target");
	bench->folder->source = open_dir(bench->source);
	bench->folder->target = open_dir(bench->target);
	bench->folder->source_fs = find_fs(bench->source);
	bench->folder->target_fs = find_fs(bench->target);
	bench->env = (struct job_env){
		.stream = { .sys = &bench->fake.sys,
			    .io = &bench->fake.io,
			    .arena = &bench->arena,
			    .chunks = bench->chunks,
			    .tally = &bench->fake.tally },
		.settings = &bench->settings,
		.root = &bench->root,
		.fs = &bench->fs,
		.have_proc = access("/proc/self/fd", F_OK) == 0,
		.is_root = geteuid() == 0,
		.read_ahead = true,
	};
	settings_init(&bench->settings, WEIR_COPY);
	bench->bytes = malloc(MOST_BYTES + 1);
	bench->fail_at = -1;
	bench->fds = unit_count_fds();
}

static void close_bench(void)
{
	CHECK(folder_put(bench->folder));
	folder_free(bench->folder, &bench->root);
	fs_table_close(&bench->fs);
	root_close(&bench->root);
	io_close(&bench->fake.io);
	arena_close(&bench->arena);
	close(bench->source);
	close(bench->target);
	free(bench->bytes);
	free(bench);
}

/* ---- what becomes of an op ------------------------------------------------------- */

static bool op_is_direct(const struct io_op *op)
{
	return fake_transfers(op) && (fcntl(op->fd, F_GETFL) & O_DIRECT) != 0;
}

static bool op_fails(const struct io_op *op)
{
	if (bench->fail_errnum == 0 || op->kind != bench->fail_kind ||
	    (bench->fail_direct && !op_is_direct(op)) || bench->failed >= bench->fail_times)
		return false;
	if (bench->fail_at >= 0 &&
	    (op->offset > bench->fail_at || op->offset + op->length <= bench->fail_at))
		return false;
	bench->failed++;
	return true;
}

static enum fake_verdict decide(struct fake *fake, struct io_op *op, int32_t *bytes)
{
	if (op_fails(op)) {
		if (op->kind == IO_READ && bench->fail_at > op->offset && !op_is_direct(op)) {
			*bytes = (int32_t)(bench->fail_at - op->offset);
			return FAKE_PART;
		}
		*bytes = -bench->fail_errnum;
		return FAKE_ERROR;
	}
	if (op->kind != IO_FSYNC && unit_percent(&fake->seed, bench->interrupt_percent)) {
		*bytes = -EINTR;
		return FAKE_ERROR;
	}
	if (fake_transfers(op) && unit_percent(&fake->seed, bench->short_percent)) {
		*bytes = 1 + (int32_t)unit_below(&fake->seed, op->length);
		if (op_is_direct(op))
			*bytes = (*bytes + 4095) / 4096 * 4096;
		return FAKE_PART;
	}
	return FAKE_WHOLE;
}

static void after(struct fake *fake, struct io_op *op)
{
	if (op->kind == IO_READ && bench->change_after > 0 && bench->changes > 0 &&
	    fake->completed % bench->change_after == 0) {
		bench->changes--;
		bench->change();
	}
}

/* ---- running ------------------------------------------------------------------------ */

static void make_source(uint32_t size)
{
	uint64_t seed = bench->fake.seed + size;

	REQUIRE(size <= MOST_BYTES);
	for (uint32_t i = 0; i + 8 <= MOST_BYTES; i += 8) {
		uint64_t word = unit_random(&seed);

		memcpy(bench->bytes + i, &word, 8);
	}
	unit_write_file(bench->source, "f", bench->bytes, size);
}

static void begin(const struct step *recipe, unsigned char type)
{
	struct entry entry = { .type = type, .name = "f", .target_name = "g" };

	folder_get(bench->folder); /* the entry's */
	job_begin(&bench->job, recipe, &(struct batch){ .folder = bench->folder }, &entry);
}

static void apply_all(void)
{
	struct io_op *op;

	while ((op = io_take_done(&bench->fake.io)) != NULL)
		job_apply(&bench->env, op->owner, op);
}

/* Goes on until the job is over, or TURNS turns were taken (STEP_WAIT). */
static enum step_answer advance(uint32_t turns)
{
	while (turns-- > 0) {
		enum step_answer answer = job_advance(&bench->env, &bench->job);

		if (answer == STEP_SLOT) {
			CHECK(!job_in_flight(&bench->job));
			REQUIRE(bench->withheld != NULL); /* T3: somebody has them */
			arena_give(&bench->arena, bench->withheld);
			bench->withheld = NULL;
			continue;
		}
		if (answer != STEP_WAIT)
			return answer;
		CHECK(job_in_flight(&bench->job));
		io_turn(&bench->fake.io, 100);
		apply_all();
	}
	return STEP_WAIT;
}

/* J3: after the job nothing of it is left but its published name. */
static void check_clean(bool has_target)
{
	struct job *job = &bench->job;

	CHECK(job->source_fd < 0 && job->target_fd < 0 && !job->temp_named);
	CHECK(job->source_dirfd < 0 && job->target_dirfd < 0);
	CHECK_EQUAL(unit_count_fds(), bench->fds);
	CHECK_EQUAL(unit_count_names(bench->target), has_target ? 1 : 0);
	CHECK_EQUAL(bench->folder->target->pins, 0);
	CHECK_EQUAL(bench->folder->source->pins, 0);
	CHECK_EQUAL(bench->folder->target->temps, 0);
	if (bench->withheld != NULL)
		arena_give(&bench->arena, bench->withheld);
	bench->withheld = NULL;
	fake_check_idle(&bench->fake, &bench->arena);
	for (uint32_t i = 0; i < LIMIT_SLOTS_MAX; i++)
		CHECK_EQUAL(bench->chunks[i].state, CHUNK_IDLE);
	if (job->folder != NULL)
		CHECK(!folder_put(job->folder));
}

/* What the committer does: the name, then the descriptor. */
static void publish(void)
{
	struct job *job = &bench->job;
	struct unit *entry = unit_new(job->folder, job->name, job->target_name);
	struct error error = { 0 };
	bool named = job->temp_named;
	int dirfd = dir_pin(&bench->root, job->folder->target, NULL);

	REQUIRE(entry != NULL && dirfd >= 0);
	entry->fd = job->target_fd;
	entry->temp_named = job->temp_named;
	memcpy(entry->temp_name, job->temp_name, sizeof(entry->temp_name));
	entry->replaces = job->exists;
	CHECK_EQUAL(publish_unit(bench->env.root, &bench->settings, entry, dirfd, &error),
		    PUBLISH_DONE);
	if (named)
		dir_temp_removed(&bench->root, job->folder->target);
	dir_unpin(&bench->root, job->folder->target);
	if (job->target_fd >= 0)
		close(job->target_fd);
	job->target_fd = -1;
	job->temp_named = false;
	free(entry);
}

static bool target_is(uint64_t size)
{
	static uint8_t now[MOST_BYTES + 1];
	struct stat stat;
	int fd = openat(bench->target, "g", O_RDONLY | O_CLOEXEC);
	bool same = fd >= 0 && fstat(fd, &stat) == 0 && (uint64_t)stat.st_size == size &&
		    read(fd, now, sizeof(now)) == (ssize_t)size &&
		    memcmp(now, bench->bytes, size) == 0;

	if (fd >= 0)
		close(fd);
	return same;
}

static void reset(void)
{
	unlinkat(bench->target, "g", 0);
	bench->fake.syncs = 0;
	bench->failed = 0;
}

/* ---- schedules of chance ---------------------------------------------------------------- */

static uint32_t random_size(void)
{
	uint64_t *seed = &bench->fake.seed;
	uint32_t chunk = bench->arena.chunk_bytes;
	const uint32_t sizes[] = {
		0,
		1,
		511,
		512,
		513,
		4095,
		4096,
		4097,
		chunk - 1,
		chunk,
		chunk + 1,
		LIMIT_SMALL_BYTES - 1,
		LIMIT_SMALL_BYTES,
		LIMIT_SMALL_BYTES + 1,
		chunk * (2 + unit_below(seed, 6)) - 1,
		chunk * (2 + unit_below(seed, 6)),
		chunk * (2 + unit_below(seed, 6)) + 1,
		unit_below(seed, 200000),
	};

	return sizes[unit_below(seed, sizeof(sizes) / sizeof(sizes[0]))];
}

static void random_job(uint64_t number, enum weir_direct direct)
{
	uint64_t *seed = &bench->fake.seed;
	unsigned before = unit.failures;
	uint32_t size;
	struct stat source, target;

	*seed = number;
	bench->fake.depth_first = unit_percent(seed, 30);
	size = random_size();
	make_source(size);
	reset();
	bench->short_percent = unit_percent(seed, 70) ? 40 : 0;
	bench->interrupt_percent = unit_percent(seed, 30) ? 8 : 0;
	bench->settings = (struct settings){
		.durable = (enum weir_durable)unit_below(seed, 4),
		.direct = direct,
	};
	for (int i = WEIR_PROPERTY_MODE; i <= WEIR_PROPERTY_CAPS; i++)
		bench->settings.keep[i] = unit_percent(seed, 50) ? WEIR_KEEP_TRY : WEIR_KEEP_OFF;
	bench->env.syncs_each = bench->settings.durable == WEIR_DURABLE_FILE;
	bench->env.read_ahead = unit_percent(seed, 70);
	if (unit_percent(seed, 30)) /* something is there to be replaced */
		unit_write_text(bench->target, "g", "old");
	if (unit_percent(seed, 30))
		bench->withheld = arena_take_large(&bench->arena);
	begin(regular_recipe, DT_REG);
	CHECK_EQUAL(advance(100000), STEP_PARK);
	CHECK_EQUAL(bench->job.error.grade, ERROR_NONE);
	CHECK_EQUAL(bench->fake.syncs,
		    bench->env.syncs_each && !fs_is_memory(bench->folder->target_fs) ? 1 : 0);
	publish();
	CHECK(target_is(size));
	CHECK(fstatat(bench->source, "f", &source, 0) == 0 &&
	      fstatat(bench->target, "g", &target, 0) == 0);
	if (settings_keeps(&bench->settings, WEIR_PROPERTY_TIMES))
		CHECK_EQUAL(source.st_mtim.tv_sec, target.st_mtim.tv_sec);
	check_clean(true);
	if (unit.failures > before)
		printf("  seed %llu, size %u, durable %d\n", (unsigned long long)number, size,
		       (int)bench->settings.durable);
}

static void random_jobs(void)
{
	open_bench(true);
	for (uint64_t number = 1; number <= 700; number++)
		random_job(number, WEIR_DIRECT_AUTO);
	close_bench();
}

static void random_direct_jobs(void)
{
	open_bench(false);
	for (uint64_t number = 1001; number <= 1080; number++)
		random_job(number, WEIR_DIRECT_ALWAYS);
	close_bench();
}

/* ---- directed tests ------------------------------------------------------------------------ */

static void fails(uint32_t size, enum io_kind kind, int errnum, int64_t at)
{
	bench->fake.seed = size;
	make_source(size);
	reset();
	bench->fail_kind = kind;
	bench->fail_errnum = errnum;
	bench->fail_at = at;
	bench->fail_times = UINT32_MAX;
	begin(regular_recipe, DT_REG);
	CHECK_EQUAL(advance(100000), STEP_FAIL);
	CHECK_EQUAL(bench->job.error.errnum, errnum);
	CHECK_EQUAL(bench->job.error.offset, at);
	check_clean(false);
}

static void read_fails(void)
{
	open_bench(true);
	for (int64_t at = 0; at < 150000; at += 7777) {
		fails(150000, IO_READ, EIO, at);
		CHECK_EQUAL(bench->job.error.side, ERROR_SIDE_SOURCE);
		CHECK_TEXT(bench->job.error.operation, "read");
		CHECK_EQUAL(tally_get(&bench->fake.tally.bytes_written), 0); /* taken back */
	}
	close_bench();
}

static void need_direct(void)
{
	make_source(300000);
	bench->settings.direct = WEIR_DIRECT_ALWAYS;
	begin(regular_recipe, DT_REG);
	CHECK_EQUAL(advance(100000), STEP_PARK);
	publish();
	check_clean(true);
	reset();
	if (!bench->job.stream.plan.write_direct) {
		close_bench();
		SKIP("no direct I/O in TMPDIR");
	}
}

static void write_fails(void)
{
	open_bench(false);
	need_direct();
	for (int64_t at = 0; at < 300000; at += bench->arena.chunk_bytes * 5) {
		fails(300000, IO_WRITE, ENOSPC, at);
		CHECK_EQUAL(bench->job.error.side, ERROR_SIDE_TARGET);
		CHECK_EQUAL(bench->failed, 1);
	}
	close_bench();
}

/* Direct I/O that opening took and the first transfers refuse: also where the
 * tail was to be padded, the size must be the source's. */
static void direct_refused(void)
{
	static const uint32_t sizes[] = { 300000, 4097, 1, 131072, 511 };

	open_bench(false);
	need_direct();
	for (unsigned i = 0; i < 5 * 4 * 2; i++) {
		bench->settings.durable = (enum weir_durable)(i / 5 % 4);
		bench->fake.seed = i;
		make_source(sizes[i % 5]);
		reset();
		bench->fail_kind = i < 20 ? IO_WRITE : IO_READ;
		bench->fail_errnum = EINVAL;
		bench->fail_direct = true;
		bench->fail_times = UINT32_MAX;
		begin(regular_recipe, DT_REG);
		CHECK_EQUAL(advance(100000), STEP_PARK);
		publish();
		if (!CHECK(target_is(sizes[i % 5]))) {
			struct stat stat = { 0 };

			fstatat(bench->target, "g", &stat, 0);
			printf("  size %u, durable %u, target %lld bytes\n", sizes[i % 5],
			       i / 5 % 4, (long long)stat.st_size);
		}
		check_clean(true);
	}
	close_bench();
}

static void truncate_source(void)
{
	int fd = openat(bench->source, "f", O_WRONLY | O_CLOEXEC);

	CHECK(ftruncate(fd, 70001) == 0);
	close(fd);
}

static void append_source(void)
{
	int fd = openat(bench->source, "f", O_WRONLY | O_APPEND | O_CLOEXEC);

	CHECK(write(fd, "more", 4) == 4);
	close(fd);
}

/* Same size, other bytes, another mtime. */
static void rewrite_source(void)
{
	static unsigned serial;
	int fd = openat(bench->source, "f", O_WRONLY | O_CLOEXEC);
	struct timespec times[2] = { { 0, UTIME_OMIT }, { 1500000000 + serial++, 0 } };

	CHECK(pwrite(fd, "zzzz", 4, 0) == 4);
	CHECK(futimens(fd, times) == 0);
	memcpy(bench->bytes, "zzzz", 4);
	close(fd);
}

static enum step_answer change_while_read(void (*change)(void), uint32_t changes, uint64_t seed)
{
	bench->fake.seed = seed;
	make_source(150000);
	reset();
	bench->fake.completed = bench->fake.issued = 0;
	bench->change = change;
	bench->changes = changes;
	bench->change_after = 2 + (uint32_t)seed % 5;
	begin(regular_recipe, DT_REG);
	return advance(100000);
}

static void changes_once(void)
{
	open_bench(true);
	for (uint64_t seed = 1; seed < 40; seed++) {
		CHECK_EQUAL(change_while_read(truncate_source, 1, seed), STEP_PARK);
		CHECK_EQUAL(bench->job.attempts, 1);
		CHECK(bench->job.changed == NULL);
		publish();
		CHECK(target_is(70001));
		check_clean(true);
		CHECK_EQUAL(change_while_read(rewrite_source, 1, seed), STEP_PARK);
		CHECK_EQUAL(bench->job.attempts, 1);
		publish();
		CHECK(target_is(150000));
		check_clean(true);
	}
	close_bench();
}

/* Another file takes the name while it is copied; that the old one lost a name
 * would be no reason to look again, but its mode is. */
static void replace_source(void)
{
	CHECK(fchmodat(bench->source, "f", 0604, 0) == 0);
	unit_write_file(bench->source, "h", bench->bytes, 70001);
	CHECK(renameat(bench->source, "h", bench->source, "f") == 0);
}

static void leader_replaced(void)
{
	struct queue queue;
	struct bell bell = { 0 }, idle = { 0 };
	struct links links;

	open_bench(true);
	REQUIRE(queue_open(&queue, &bell, &idle) == 0);
	REQUIRE(links_open(&links, &bench->root, &queue) == 0);
	bench->env.links = &links;
	for (uint64_t seed = 1; seed < 10; seed++) {
		make_source(150000);
		CHECK(linkat(bench->source, "f", bench->source, "other", 0) == 0);
		reset();
		bench->settings.keep[WEIR_PROPERTY_LINKS] = WEIR_KEEP_TRY;
		bench->fake.seed = seed;
		bench->fake.completed = bench->fake.issued = 0;
		bench->change = replace_source;
		bench->changes = 1;
		bench->change_after = 2 + (uint32_t)seed % 5;
		begin(regular_recipe, DT_REG);
		CHECK_EQUAL(advance(100000), STEP_PARK);
		/* The old file's other names are not to be linked to this. */
		CHECK(bench->job.link == NULL);
		CHECK_EQUAL(links.count, 0);
		publish();
		CHECK(target_is(70001));
		check_clean(true);
		CHECK(unlinkat(bench->source, "other", 0) == 0);
	}
	links_close(&links);
	queue_close(&queue);
	close_bench();
}

static void changes_twice(void)
{
	open_bench(true);
	for (uint64_t seed = 1; seed < 20; seed++) {
		CHECK_EQUAL(change_while_read(rewrite_source, UINT32_MAX, seed), STEP_FAIL);
		CHECK_EQUAL(bench->job.attempts, 1);
		CHECK_TEXT(bench->job.error.text, "it kept changing while it was read");
		CHECK_EQUAL(bench->job.error.side, ERROR_SIDE_SOURCE);
		check_clean(false);
	}
	close_bench();
}

static void grows(void)
{
	open_bench(true);
	for (uint64_t seed = 1; seed < 20; seed++) {
		CHECK_EQUAL(change_while_read(append_source, UINT32_MAX, seed), STEP_PARK);
		CHECK(bench->job.changed != NULL);
		CHECK_EQUAL(bench->job.attempts, 1);
		CHECK(bench->job.source.size_bytes > 150000);
		publish();
		/* The prefix as it was when it was opened the second time. */
		memcpy(bench->bytes + 150000, "moremoremoremoremoremoremore", 28);
		for (uint64_t at = 150000; at < bench->job.source.size_bytes; at += 4)
			memcpy(bench->bytes + at, "more", 4);
		CHECK(target_is(bench->job.source.size_bytes));
		check_clean(true);
	}
	close_bench();
}

static void sync_fails(void)
{
	static const int errnums[] = { EIO, ENOSPC, EDQUOT };

	open_bench(false);
	if (fs_is_memory(bench->folder->target_fs)) {
		close_bench();
		SKIP("TMPDIR is memory, where nothing is synced");
	}
	bench->settings.durable = WEIR_DURABLE_FILE;
	bench->env.syncs_each = true;
	for (int i = 0; i < 3; i++) {
		fails(100000, IO_FSYNC, errnums[i], -1);
		CHECK_EQUAL(bench->job.error.side, ERROR_SIDE_TARGET);
		CHECK_TEXT(bench->job.error.operation, "fsync");
		/* G5: the one fresh copy has a sync of its own; never the same data. */
		CHECK_EQUAL(bench->job.attempts, errnums[i] == EIO ? 1 : 0);
		CHECK_EQUAL(bench->fake.syncs, bench->job.attempts + 1);
	}
	bench->fail_times = 1;
	bench->fail_errnum = EIO;
	make_source(100000);
	reset();
	begin(regular_recipe, DT_REG);
	CHECK_EQUAL(advance(100000), STEP_PARK);
	CHECK_EQUAL(bench->job.attempts, 1);
	CHECK_EQUAL(bench->fake.syncs, 2);
	publish();
	CHECK(target_is(100000));
	check_clean(true);
	close_bench();
}

static void opens(void)
{
	open_bench(true);
	make_source(10);
	bench->fail_kind = IO_OPEN;
	bench->fail_errnum = EPERM; /* O_NOATIME of a stranger's file */
	bench->fail_times = 1;
	begin(regular_recipe, DT_REG);
	CHECK_EQUAL(advance(1000), STEP_PARK);
	CHECK(bench->env.noatime_refused);
	publish();
	CHECK(target_is(10));
	check_clean(true);
	/* Without O_NOATIME a refusal is one. */
	fails(10, IO_OPEN, EPERM, -1);
	fails(10, IO_OPEN, EACCES, -1);
	CHECK_EQUAL(bench->failed, 1);
	fails(10, IO_OPEN, EINTR, -1);
	CHECK_EQUAL(bench->failed, LIMIT_TRIES);
	CHECK(!bench->job.error.source_changed);
	bench->fail_errnum = 0;
	REQUIRE(unlinkat(bench->source, "f", 0) == 0);
	begin(regular_recipe, DT_REG);
	CHECK_EQUAL(advance(1000), STEP_FAIL);
	CHECK_EQUAL(bench->job.error.errnum, ENOENT);
	CHECK(bench->job.error.source_changed);
	check_clean(false);
	close_bench();
}

/* A13: somebody holds a lease for a while, or for ever. */
static void leased(void)
{
	uint64_t began_ns = tally_now_ns();

	open_bench(true);
	make_source(10);
	bench->fail_kind = IO_OPEN;
	bench->fail_errnum = EAGAIN;
	bench->fail_times = 2;
	begin(regular_recipe, DT_REG);
	CHECK_EQUAL(advance(1000), STEP_LATER);
	CHECK(!job_in_flight(&bench->job));
	CHECK(bench->job.wake_ns > began_ns);
	CHECK(bench->job.give_up_ns > bench->job.wake_ns);
	CHECK_EQUAL(advance(1000), STEP_LATER);
	CHECK_EQUAL(advance(1000), STEP_PARK);
	publish();
	CHECK(target_is(10));
	check_clean(true);
	reset();
	bench->failed = 0;
	begin(regular_recipe, DT_REG);
	CHECK_EQUAL(advance(1000), STEP_LATER);
	bench->job.give_up_ns = 1; /* all the time that a lease may take is over */
	CHECK_EQUAL(advance(1000), STEP_FAIL);
	CHECK_EQUAL(bench->job.error.errnum, EAGAIN);
	CHECK_TEXT(bench->job.error.text, "another process does not give up its lease");
	check_clean(false);
	bench->failed = 0;
	begin(regular_recipe, DT_REG);
	CHECK_EQUAL(advance(1000), STEP_LATER);
	job_abandon(&bench->env, &bench->job); /* cancelled while it waits */
	check_clean(false);
	close_bench();
}

/* Between the listing and the opening it became something else. */
static void changed_type(void)
{
	open_bench(true);
	REQUIRE(symlinkat("/etc/passwd", bench->source, "f") == 0);
	begin(regular_recipe, DT_REG);
	CHECK_EQUAL(advance(1000), STEP_FAIL);
	CHECK_EQUAL(bench->job.error.errnum, ELOOP);
	CHECK(bench->job.error.source_changed);
	check_clean(false);
	REQUIRE(unlinkat(bench->source, "f", 0) == 0);
	REQUIRE(mkfifoat(bench->source, "f", 0600) == 0);
	begin(regular_recipe, DT_REG);
	CHECK_EQUAL(advance(1000), STEP_FAIL); /* and the open did not wait */
	CHECK(bench->job.error.source_changed);
	check_clean(false);
	close_bench();
}

static enum step_answer answer_for(struct settings settings)
{
	bench->settings = settings;
	begin(regular_recipe, DT_REG);
	return advance(1000);
}

static void existing(void)
{
	struct timespec old[2] = { { 1, 0 }, { 1, 0 } };

	open_bench(true);
	make_source(10);
	unit_write_text(bench->target, "g", "old");
	CHECK_EQUAL(answer_for((struct settings){ .no_clobber = true }), STEP_SKIP);
	check_clean(true);
	CHECK_EQUAL(answer_for((struct settings){ .update = WEIR_UPDATE_OLDER }), STEP_SKIP);
	check_clean(true);
	CHECK_EQUAL(answer_for((struct settings){ .update = WEIR_UPDATE_NONE }), STEP_SKIP);
	check_clean(true);
	CHECK_EQUAL(answer_for((struct settings){ .update = WEIR_UPDATE_NONE_FAIL }), STEP_FAIL);
	CHECK_TEXT(bench->job.error.text, "not replacing what exists");
	check_clean(true);
	CHECK_TEXT(unit_read_text(bench->target, "g"), "old");
	REQUIRE(utimensat(bench->target, "g", old, 0) == 0);
	CHECK_EQUAL(answer_for((struct settings){ .update = WEIR_UPDATE_OLDER }), STEP_PARK);
	CHECK_TEXT(unit_read_text(bench->target, "g"), "old"); /* until it is published */
	publish();
	CHECK(target_is(10));
	check_clean(true);
	reset();
	REQUIRE(mkdirat(bench->target, "g", 0700) == 0);
	CHECK_EQUAL(answer_for((struct settings){ .update = WEIR_UPDATE_ALL }), STEP_FAIL);
	CHECK_TEXT(bench->job.error.text, "a folder has this name");
	check_clean(true);
	REQUIRE(unlinkat(bench->target, "g", AT_REMOVEDIR) == 0);
	close_bench();
}

static void same_file(void)
{
	open_bench(false);
	make_source(10);
	if (linkat(bench->source, "f", bench->target, "g", 0) != 0) {
		close_bench();
		SKIP("no hard links in TMPDIR");
	}
	begin(regular_recipe, DT_REG);
	CHECK_EQUAL(advance(1000), STEP_FAIL);
	CHECK_TEXT(bench->job.error.text, "source and target are the same file");
	check_clean(true);
	CHECK(target_is(10));
	close_bench();
}

static void dry(void)
{
	open_bench(true);
	make_source(10);
	begin(regular_recipe, DT_REG);
	bench->job.dry = true;
	CHECK_EQUAL(advance(1000), STEP_SKIP);
	CHECK(bench->job.would);
	check_clean(false);
	close_bench();
}

/* As the engine drops a job: at any moment, once the kernel let go of it. */
static void dropped(void)
{
	bool parked = false;

	open_bench(true);
	bench->short_percent = 30;
	for (uint32_t turns = 0; !parked && turns < 2000; turns++) {
		struct stream *stream = &bench->job.stream;

		bench->fake.seed = turns;
		make_source(120000);
		reset();
		if (turns % 2 == 0)
			unit_write_text(bench->target, "g", "old");
		begin(regular_recipe, DT_REG);
		parked = advance(turns) == STEP_PARK;
		if (stream->error.grade == ERROR_NONE)
			error_set(&stream->error, -ECANCELED, ERROR_SIDE_NONE, "cancel");
		while (job_in_flight(&bench->job)) {
			if (stream->live > 0)
				stream_issue(stream, &bench->env.stream, &bench->job);
			io_turn(&bench->fake.io, 100);
			apply_all();
		}
		job_abandon(&bench->env, &bench->job);
		check_clean(turns % 2 == 0);
		if (turns % 2 == 0)
			CHECK_TEXT(unit_read_text(bench->target, "g"), "old");
	}
	CHECK(parked); /* every moment up to the last was tried */
	close_bench();
}

static void nodes(void)
{
	char text[64];
	struct stat stat;

	open_bench(true);
	REQUIRE(symlinkat("to/no\nwhere", bench->source, "f") == 0);
	begin(node_recipe, DT_LNK);
	CHECK_EQUAL(advance(10), STEP_PARK);
	CHECK(!unit_exists(bench->target, "g"));
	publish();
	CHECK_EQUAL(readlinkat(bench->target, "g", text, sizeof(text)), 11);
	CHECK(memcmp(text, "to/no\nwhere", 11) == 0);
	check_clean(true);
	reset();
	REQUIRE(unlinkat(bench->source, "f", 0) == 0);
	REQUIRE(mkfifoat(bench->source, "f", 0640) == 0);
	bench->settings.keep[WEIR_PROPERTY_MODE] = WEIR_KEEP_TRY;
	begin(node_recipe, DT_FIFO);
	CHECK_EQUAL(advance(10), STEP_PARK);
	publish();
	CHECK(fstatat(bench->target, "g", &stat, 0) == 0 && S_ISFIFO(stat.st_mode) &&
	      (stat.st_mode & 07777) == 0640);
	check_clean(true);
	reset();
	begin(node_recipe, DT_FIFO); /* parked, then dropped */
	CHECK_EQUAL(advance(10), STEP_PARK);
	job_abandon(&bench->env, &bench->job);
	check_clean(false);
	REQUIRE(unlinkat(bench->source, "f", 0) == 0);
	make_source(3); /* no node any more */
	begin(node_recipe, DT_FIFO);
	CHECK_EQUAL(advance(10), STEP_FAIL);
	CHECK(bench->job.error.source_changed);
	check_clean(false);
	close_bench();
}

static const struct unit_test tests[] = {
	{ "whatever order ops complete in, the target equals the source", random_jobs },
	{ "the same past the page cache", random_direct_jobs },
	{ "a read error ends the job with its exact offset and leaves nothing", read_fails },
	{ "a write error ends the job with its exact offset and leaves nothing", write_fails },
	{ "direct I/O refused by the first transfers leaves the exact size", direct_refused },
	{ "a source that changed once while it was read is read again", changes_once },
	{ "a first link whose name leads to another file gives its group up", leader_replaced },
	{ "a source that changed twice is not installed", changes_twice },
	{ "a source that only grows gives its prefix and says so", grows },
	{ "a failed sync is never repeated on the same data", sync_fails },
	{ "the ways of failing to open the source are told apart", opens },
	{ "a file under a lease is waited for, for so long", leased },
	{ "what became a link or a FIFO is not followed and not waited for", changed_type },
	{ "what exists is skipped, replaced or left as the settings say", existing },
	{ "a hard link to the source is not replaced by it", same_file },
	{ "a dry run makes nothing", dry },
	{ "a job can be dropped at any moment and leaves nothing", dropped },
	{ "links and FIFOs are made complete and then named", nodes },
};

UNIT_MAIN(tests)
