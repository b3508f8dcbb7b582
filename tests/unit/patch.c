/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The recipes that compare first, over real files and a backend that completes in an
 * order of chance and fails where it likes; and whole runs that compare contents.
 *
 * What is held of each schedule: nothing is written before the mark is there and its
 * sync is over; a target that is neither what it was nor what the source is has the
 * mark; one that has all bytes was not written to (N06, H08).
 */
#include "lib/patch.h"

#include "fake.h"
#include "lib/claim.h"
#include "lib/limits.h"
#include "lib/publish.h"
#include "lib/torn.h"
#include "lib/weir.h"

#define MOST_BYTES (300U * 1024)

/* One worker with nothing but a job. */
struct bench {
	struct fake fake;
	struct arena arena;
	struct chunk chunks[LIMIT_SLOTS_MAX];
	struct pair pairs[LIMIT_SLOTS_MAX];
	struct root root;
	struct fs_table fs;
	struct claims claims;
	struct settings settings;
	struct job_env env;
	struct folder *folder;
	struct job job;
	int source, target;   /* the test's own descriptors of both folders */
	unsigned fds;	      /* open before the job */
	bool attributes;      /* the target takes those of users */
	uint8_t *bytes, *old; /* of source and target */
	uint32_t size, old_size;
	/* What tests set. */
	uint32_t short_percent, interrupt_percent, fail_percent;
	uint32_t fails_left;
	bool changes; /* the source does, once */
	/* What is seen. */
	bool marked_on_disk;
	uint32_t writes;
	struct slot *withheld;
};

static struct bench *bench;

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

/* ---- the target ---------------------------------------------------------------------- */

static bool has_attribute(void)
{
	return torn_is_marked(&bench->fake.sys, bench->target, "g");
}

static bool has_time(void)
{
	struct stat stat;

	return fstatat(bench->target, "g", &stat, 0) == 0 && torn_looks(&stat.st_mtim);
}

static bool is_marked(void)
{
	return has_attribute() || has_time();
}

static bool target_is(const uint8_t *bytes, uint32_t size)
{
	static uint8_t now[MOST_BYTES + 1];
	struct stat stat;
	int fd = openat(bench->target, "g", O_RDONLY | O_CLOEXEC);
	bool same = fd >= 0 && fstat(fd, &stat) == 0 && stat.st_size == (off_t)size &&
		    read(fd, now, sizeof(now)) == (ssize_t)size && memcmp(now, bytes, size) == 0;

	if (fd >= 0)
		close(fd);
	return same;
}

/* ---- what becomes of an op -------------------------------------------------------------- */

static bool op_is_direct(const struct io_op *op)
{
	return fake_transfers(op) && (fcntl(op->fd, F_GETFL) & O_DIRECT) != 0;
}

static bool needs_syncs(void)
{
	return bench->settings.durable != WEIR_DURABLE_NONE &&
	       !fs_is_memory(bench->folder->target_fs);
}

/* H1 */
static void watch(const struct io_op *op)
{
	if (op->kind != IO_WRITE || !bench->job.in_place)
		return;
	CHECK(bench->job.marked);
	CHECK(!bench->attributes || has_attribute());
	CHECK(bench->writes > 0 || has_time());
	CHECK(bench->marked_on_disk || !needs_syncs());
	bench->writes++;
}

static enum fake_verdict decide(struct fake *fake, struct io_op *op, int32_t *bytes)
{
	watch(op);
	if (bench->fails_left > 0 && op->kind != IO_OPEN &&
	    unit_percent(&fake->seed, bench->fail_percent)) {
		bench->fails_left--;
		*bytes = unit_percent(&fake->seed, 50) ? -EIO : -ENOSPC;
		return FAKE_ERROR;
	}
	if (op->kind == IO_FSYNC && bench->job.marked)
		bench->marked_on_disk = true;
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

static void write_source(void)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_NOW },
				     { .tv_sec = 1000000000 +
						 unit_below(&bench->fake.seed, 1000000) } };

	unit_write_file(bench->source, "f", bench->bytes, bench->size);
	CHECK(utimensat(bench->source, "f", times, 0) == 0);
}

/* While it is read the source gets other bytes, and another time. */
static void after(struct fake *fake, struct io_op *op)
{
	if (!bench->changes || op->kind != IO_READ || !unit_percent(&fake->seed, 20) ||
	    bench->size == 0)
		return;
	bench->changes = false;
	bench->bytes[unit_below(&fake->seed, bench->size)]++;
	write_source();
}

/* ---- a bench ------------------------------------------------------------------------------ */

static void open_bench(bool in_memory, uint32_t chunk_bytes, uint32_t depth)
{
	bench = calloc(1, sizeof(*bench));
	REQUIRE(bench != NULL);
	fake_open(&bench->fake);
	bench->fake.pairs = true;
	bench->fake.decide = decide;
	bench->fake.after = after;
	REQUIRE(fake_open_arena(&bench->arena, (size_t)chunk_bytes * depth + KIB(256), chunk_bytes,
				depth) == 0);
	while (arena_grow(&bench->arena))
		;
	REQUIRE(root_open(&bench->root, &bench->fake.sys, 16) == 0);
	REQUIRE(fs_table_open(&bench->fs, &bench->fake.sys) == 0);
	REQUIRE(claims_open(&bench->claims) == 0);
	for (uint32_t i = 0; i < LIMIT_SLOTS_MAX; i++) {
		list_init(&bench->chunks[i].node);
		list_init(&bench->pairs[i].node);
	}
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
			    .tally = &bench->fake.tally,
			    .pairs = bench->pairs },
		.settings = &bench->settings,
		.root = &bench->root,
		.fs = &bench->fs,
		.claims = &bench->claims,
		.have_proc = access("/proc/self/fd", F_OK) == 0,
		.is_root = geteuid() == 0,
		.read_ahead = true,
	};
	bench->bytes = malloc(MOST_BYTES + 1);
	bench->old = malloc(MOST_BYTES + 1);
	REQUIRE(bench->bytes != NULL && bench->old != NULL);
	unit_write_text(bench->target, "g", "");
	bench->attributes = has_attribute() || ({
				    int fd = openat(bench->target, "g", O_WRONLY | O_CLOEXEC);
				    bool known = torn_mark(&bench->fake.sys, fd) == 0 &&
						 has_attribute();

				    close(fd);
				    known;
			    });
	bench->fds = unit_count_fds();
}

static void close_bench(void)
{
	CHECK(folder_put(bench->folder));
	folder_free(bench->folder, &bench->root);
	claims_close(&bench->claims);
	fs_table_close(&bench->fs);
	root_close(&bench->root);
	io_close(&bench->fake.io);
	arena_close(&bench->arena);
	close(bench->source);
	close(bench->target);
	free(bench->bytes);
	free(bench->old);
	free(bench);
	bench = NULL;
}

static void begin(const struct step *recipe)
{
	struct entry entry = { .type = DT_REG, .name = "f", .target_name = "g" };

	folder_get(bench->folder); /* the entry's */
	job_begin(&bench->job, recipe, &(struct batch){ .folder = bench->folder }, &entry);
	bench->marked_on_disk = false;
	bench->writes = 0;
}

static enum step_answer advance(void)
{
	for (uint32_t turns = 0; turns < 100000; turns++) {
		enum step_answer answer = job_advance(&bench->env, &bench->job);
		struct io_op *op;

		if (answer == STEP_SLOT) {
			CHECK(!job_in_flight(&bench->job));
			REQUIRE(bench->withheld != NULL);
			arena_give(&bench->arena, bench->withheld);
			bench->withheld = NULL;
			continue;
		}
		if (answer == STEP_LATER)
			continue; /* the files are new, and it waits until that can be told */
		if (answer != STEP_WAIT)
			return answer;
		CHECK(job_in_flight(&bench->job));
		io_turn(&bench->fake.io, 100);
		while ((op = io_take_done(&bench->fake.io)) != NULL)
			job_apply(&bench->env, op->owner, op);
	}
	return STEP_WAIT;
}

static void check_clean(void)
{
	struct job *job = &bench->job;

	CHECK(job->source_fd < 0 && job->target_fd < 0 && !job->temp_named);
	CHECK_EQUAL(unit_count_fds(), bench->fds);
	CHECK_EQUAL(unit_count_names(bench->target), 1);
	CHECK_EQUAL(bench->folder->target->pins, 0);
	CHECK_EQUAL(bench->folder->source->pins, 0);
	if (bench->withheld != NULL)
		arena_give(&bench->arena, bench->withheld);
	bench->withheld = NULL;
	fake_check_idle(&bench->fake, &bench->arena);
	for (uint32_t i = 0; i < LIMIT_SLOTS_MAX; i++)
		CHECK_EQUAL(bench->pairs[i].state, PAIR_IDLE);
	CHECK(!folder_put(bench->folder));
}

/* What the committer does with what is parked. */
static void publish(void)
{
	struct job *job = &bench->job;
	struct unit *unit_of = unit_new(job->folder, job->name, job->target_name);
	struct error error = { 0 };
	bool named = job->temp_named;
	int dirfd = dir_pin(&bench->root, job->folder->target, NULL);

	REQUIRE(unit_of != NULL && dirfd >= 0);
	unit_of->fd = job->target_fd;
	unit_of->temp_named = job->temp_named;
	memcpy(unit_of->temp_name, job->temp_name, sizeof(unit_of->temp_name));
	unit_of->replaces = job->exists;
	unit_of->in_place = job->in_place;
	CHECK_EQUAL(publish_unit(bench->env.root, &bench->settings, unit_of, dirfd, &error),
		    PUBLISH_DONE);
	if (named)
		dir_temp_removed(&bench->root, job->folder->target);
	dir_unpin(&bench->root, job->folder->target);
	close(job->target_fd);
	job->target_fd = -1;
	job->temp_named = false;
	free(unit_of);
}

/* ---- schedules of chance --------------------------------------------------------------------- */

static uint32_t random_size(void)
{
	uint64_t *seed = &bench->fake.seed;
	uint32_t half = bench->arena.chunk_bytes / 2;
	const uint32_t sizes[] = {
		0,
		1,
		4095,
		4096,
		4097,
		half,
		half + 1,
		half * 3,
		half * 3 - 1,
		LIMIT_SMALL_BYTES / 2,
		LIMIT_SMALL_BYTES / 2 + 1,
		unit_below(seed, MOST_BYTES),
	};
	uint32_t size = sizes[unit_below(seed, sizeof(sizes) / sizeof(sizes[0]))];

	return size < MOST_BYTES ? size : MOST_BYTES;
}

static void random_files(void)
{
	uint64_t *seed = &bench->fake.seed;

	for (uint32_t i = 0; i + 8 <= MOST_BYTES; i += 8) {
		uint64_t word = unit_random(seed);

		memcpy(bench->bytes + i, &word, 8);
	}
	memcpy(bench->old, bench->bytes, MOST_BYTES);
	bench->size = random_size();
	bench->old_size = unit_percent(seed, 70) ? bench->size : random_size();
	for (unsigned i = unit_below(seed, 4); i > 0 && bench->old_size > 0; i--)
		bench->old[unit_below(seed, bench->old_size)]++;
	write_source();
	unlinkat(bench->target, "g", 0);
	unit_write_file(bench->target, "g", bench->old, bench->old_size);
	if (unit_percent(seed, 30)) /* as every later run finds it */
		CHECK(utimensat(bench->target, "g",
				(struct timespec[2]){ { .tv_nsec = UTIME_OMIT },
						      { .tv_sec = 1000000000 } },
				0) == 0);
}

static void random_settings(void)
{
	uint64_t *seed = &bench->fake.seed;

	settings_init(&bench->settings, WEIR_SYNC);
	bench->settings.in_place = true;
	bench->settings.durable = (enum weir_durable)unit_below(seed, 4);
	bench->settings.direct = (enum weir_direct)unit_below(seed, 3);
	for (int i = WEIR_PROPERTY_MODE; i <= WEIR_PROPERTY_CAPS; i++)
		bench->settings.keep[i] = unit_percent(seed, 70) ? WEIR_KEEP_TRY : WEIR_KEEP_OFF;
	bench->settings.keep[WEIR_PROPERTY_LINKS] = WEIR_KEEP_OFF;
	bench->env.syncs_each = bench->settings.durable == WEIR_DURABLE_FILE;
	bench->env.read_ahead = unit_percent(seed, 70);
	bench->short_percent = unit_percent(seed, 60) ? 30 : 0;
	bench->interrupt_percent = unit_percent(seed, 30) ? 3 : 0;
	bench->fail_percent = unit_percent(seed, 50) ? 5 + unit_below(seed, 30) : 0;
	bench->fails_left = 1 + unit_below(seed, 3);
	bench->changes = unit_percent(seed, 20);
}

static bool same_files(void)
{
	return bench->size == bench->old_size && memcmp(bench->bytes, bench->old, bench->size) == 0;
}

static void random_job(uint64_t number, const struct step *recipe)
{
	uint64_t *seed = &bench->fake.seed;
	unsigned before = unit.failures;
	struct stat old, now;
	enum step_answer answer;
	bool same, changed;

	*seed = number;
	bench->fake.depth_first = unit_percent(seed, 30);
	claims_close(&bench->claims);
	REQUIRE(claims_open(&bench->claims) == 0);
	random_settings();
	bench->changes = false;
	random_files();
	bench->changes = changed = unit_percent(seed, 20);
	REQUIRE(fstatat(bench->target, "g", &old, 0) == 0);
	begin(recipe);
	bench->job.same_attributes = unit_percent(seed, 30);
	if (unit_percent(seed, 30))
		bench->withheld = arena_take_large(&bench->arena);
	answer = advance();
	CHECK(answer == STEP_PARK || answer == STEP_SKIP || answer == STEP_FAIL);
	changed = changed && !bench->changes;
	same = same_files();
	/* What has changed since it was found to be the same is for the next run. */
	CHECK(answer != STEP_SKIP || ((same || changed) && bench->job.same_attributes));
	if (answer == STEP_PARK) {
		if (!changed)
			CHECK_EQUAL(bench->job.in_place, recipe == patch_recipe || same);
		publish();
	}
	REQUIRE(fstatat(bench->target, "g", &now, 0) == 0);
	if (answer == STEP_PARK) {
		CHECK(target_is(bench->bytes, bench->size));
		CHECK(!is_marked());
	}
	if (answer == STEP_SKIP) { /* H2 */
		CHECK(now.st_ctim.tv_sec == old.st_ctim.tv_sec &&
		      now.st_ctim.tv_nsec == old.st_ctim.tv_nsec);
		CHECK_EQUAL(tally_get(&bench->fake.tally.bytes_kept), 0);
	}
	if (answer == STEP_FAIL) {
		CHECK(bench->job.error.grade != ERROR_NONE);
		CHECK(target_is(bench->old, bench->old_size) || has_time());
		CHECK(recipe == patch_recipe || target_is(bench->old, bench->old_size));
		CHECK_EQUAL(tally_get(&bench->fake.tally.bytes_kept), 0);
		CHECK_EQUAL(tally_get(&bench->fake.tally.bytes_written), 0);
	}
	if (same && !changed && !bench->job.distrusted)
		CHECK_EQUAL(bench->writes, 0);
	atomic_store(&bench->fake.tally.bytes_kept, 0);
	atomic_store(&bench->fake.tally.bytes_written, 0);
	check_clean();
	if (unit.failures > before)
		printf("  seed %llu, size %u, old %u, answer %d\n", (unsigned long long)number,
		       bench->size, bench->old_size, (int)answer);
}

static void random_patches(void)
{
	open_bench(false, KIB(32), 4);
	for (uint64_t number = 1; number <= 400; number++)
		random_job(number, patch_recipe);
	close_bench();
	open_bench(true, KIB(4), 1);
	for (uint64_t number = 1001; number <= 1400; number++)
		random_job(number, patch_recipe);
	close_bench();
}

/* At any moment of it a job can be dropped: no buffer, no descriptor is left. */
static void dropped(void)
{
	open_bench(false, KIB(16), 3);
	for (uint64_t number = 1; number <= 300; number++) {
		struct job *job = &bench->job;
		enum step_answer answer = STEP_WAIT;
		struct io_op *op;

		bench->fake.seed = number;
		claims_close(&bench->claims);
		REQUIRE(claims_open(&bench->claims) == 0);
		random_settings();
		bench->fail_percent = 0;
		bench->changes = false;
		random_files();
		begin(patch_recipe);
		for (uint32_t i = unit_below(&bench->fake.seed, 25); i > 0 && answer == STEP_WAIT;
		     i--) {
			answer = job_advance(&bench->env, job);
			if (answer != STEP_WAIT)
				break;
			io_turn(&bench->fake.io, 100);
			while ((op = io_take_done(&bench->fake.io)) != NULL)
				job_apply(&bench->env, op->owner, op);
		}
		/* As the engine does it. */
		while (answer == STEP_WAIT) {
			if (job->stream.error.grade == ERROR_NONE)
				error_set(&job->stream.error, -ECANCELED, ERROR_SIDE_NONE,
					  "cancel");
			job_let_go(&bench->env, job);
			if (!job_in_flight(job))
				break;
			io_turn(&bench->fake.io, 100);
			while ((op = io_take_done(&bench->fake.io)) != NULL)
				job_apply(&bench->env, op->owner, op);
		}
		if (answer == STEP_WAIT || answer == STEP_PARK || answer == STEP_LATER)
			job_abandon(&bench->env, job);
		CHECK(target_is(bench->old, bench->old_size) || has_time());
		atomic_store(&bench->fake.tally.bytes_kept, 0);
		check_clean();
	}
	close_bench();
}

/* ---- whole runs that compare contents ------------------------------------------- */

static int areas[2];

static void make_areas(void)
{
	static const uint8_t bytes[100000] = { 7, 7, 7 };

	areas[0] = unit_folder();
	areas[1] = unit_folder();
	unit_write_file(areas[0], "f", bytes, sizeof(bytes));
	unit_write_file(areas[1], "f", bytes, sizeof(bytes));
}

static void set_time(int dirfd, time_t seconds)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = seconds } };

	REQUIRE(utimensat(dirfd, "f", times, 0) == 0);
}

static enum weir_result sync_areas(enum weir_compare compare, bool dry, struct weir_stats *stats)
{
	struct weir_run *run = weir_run_new(WEIR_SYNC);
	struct weir_event *event;
	enum weir_result result;

	REQUIRE(run != NULL);
	CHECK_EQUAL(weir_run_set(run, WEIR_OPT_COMPARE, compare), 0);
	CHECK_EQUAL(weir_run_set(run, WEIR_OPT_DRY_RUN, dry), 0);
	CHECK_EQUAL(weir_run_set(run, WEIR_OPT_REFLINK, WEIR_REFLINK_NEVER), 0);
	CHECK_EQUAL(weir_run_add_source(run, areas[0], "."), 0);
	CHECK_EQUAL(weir_run_set_target(run, areas[1], ".", WEIR_TARGET_NAME), 0);
	while (weir_run_next(run, -1, &event) == 1)
		if (weir_event_type(event) == WEIR_EVENT_ERROR ||
		    weir_event_type(event) == WEIR_EVENT_FATAL)
			printf("%s: %s\n", weir_event_path(event), weir_event_operation(event));
	result = weir_run_result(run);
	weir_run_stats(run, stats, sizeof(*stats));
	weir_run_free(run);
	return result;
}

static struct stat target_stat(void)
{
	struct stat stat;

	REQUIRE(fstatat(areas[1], "f", &stat, 0) == 0);
	return stat;
}

static void close_areas(void)
{
	close(areas[0]);
	close(areas[1]);
}

static void same_content(void)
{
	struct weir_stats stats;
	struct stat before, now;

	make_areas();
	set_time(areas[0], 1000000000);
	REQUIRE(fchmodat(areas[0], "f", 0640, 0) == 0);
	before = target_stat();
	CHECK_EQUAL(sync_areas(WEIR_COMPARE_CONTENT, true, &stats), WEIR_RESULT_OK);
	now = target_stat();
	CHECK_EQUAL(now.st_mtim.tv_sec, before.st_mtim.tv_sec);
	CHECK_EQUAL(now.st_ctim.tv_nsec, before.st_ctim.tv_nsec);
	CHECK_EQUAL(sync_areas(WEIR_COMPARE_CONTENT, false, &stats), WEIR_RESULT_OK);
	now = target_stat();
	CHECK_EQUAL(now.st_ino, before.st_ino);
	CHECK_EQUAL(now.st_mtim.tv_sec, 1000000000);
	CHECK_EQUAL(now.st_mode & 0777, 0640);
	CHECK_EQUAL(stats.bytes_written, 0);
	CHECK_EQUAL(stats.ops_write, 0);
	close_areas();
}

/* H08: what size and times do not tell. */
static void other_content(void)
{
	struct weir_stats stats;
	struct stat before, now;
	int fd;

	make_areas();
	fd = openat(areas[1], "f", O_WRONLY | O_CLOEXEC);
	REQUIRE(fd >= 0 && pwrite(fd, "x", 1, 77777) == 1 && close(fd) == 0);
	set_time(areas[0], 1000000000);
	set_time(areas[1], 1000000000);
	before = target_stat();
	CHECK_EQUAL(sync_areas(WEIR_COMPARE_CONTENT, true, &stats), WEIR_RESULT_OK);
	CHECK_EQUAL(target_stat().st_ino, before.st_ino);
	CHECK_EQUAL(stats.bytes_written, 0);
	CHECK_EQUAL(sync_areas(WEIR_COMPARE_CONTENT, false, &stats), WEIR_RESULT_OK);
	now = target_stat();
	CHECK(now.st_ino != before.st_ino); /* a new file took its place */
	CHECK_EQUAL(stats.bytes_written, 100000);
	CHECK_EQUAL(sync_areas(WEIR_COMPARE_CONTENT, false, &stats), WEIR_RESULT_OK);
	CHECK_EQUAL(target_stat().st_ino, now.st_ino);
	CHECK_EQUAL(stats.bytes_written, 0);
	close_areas();
}

static void bounds(void)
{
	struct weir_run *run = weir_run_new(WEIR_SYNC);
	int64_t lowest, highest;

	CHECK_EQUAL(weir_bounds(WEIR_OPT_COMPARE, &lowest, &highest), 0);
	CHECK_EQUAL(lowest, WEIR_COMPARE_TIMES);
	CHECK_EQUAL(highest, WEIR_COMPARE_NEVER);
	CHECK_EQUAL(weir_run_set(run, WEIR_OPT_COMPARE, 4), -EINVAL);
	weir_run_free(run);
}

static const struct unit_test tests[] = {
	{ "whatever fails, what is patched is old, new or marked, and the mark comes first",
	  random_patches },
	{ "a patch can be dropped at any moment", dropped },
	{ "a run that compares contents sets the attributes of what is the same", same_content },
	{ "a run that compares contents finds what size and times do not tell", other_content },
	{ "comparing has its bounds", bounds },
};

UNIT_MAIN(tests)
