/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The committer: what is counted as durable when a sync fails.
 *
 * syncfs() and fsync() of this program take the place of the C library's: a test
 * says how each call ends, and parks the next group meanwhile, as workers do.
 */
#include "lib/commit.h"

#include <dirent.h>

#include "lib/limits.h"
#include "unit.h"

#define GROUP_UNITS LIMIT_GROUP_WORTH_UNITS

struct bench {
	struct sys sys;
	struct bell bell;
	struct tally tally;
	struct settings settings;
	struct event_queue events;
	struct root root;
	struct queue queue;
	struct commit commit;
	struct fs fs;
	struct folder *folder;
	int dirfd;
	unsigned parked;	 /* units so far, for their names */
	unsigned groups_to_come; /* parked while a file system is synced */
	unsigned syncfs_calls;
	unsigned fail_syncfs; /* the number of the call that fails, or 0 */
	unsigned folder_syncs;
	unsigned fail_folder_sync;
};

static struct bench *bench;

static void park_group(void)
{
	for (unsigned i = 0; i < GROUP_UNITS; i++) {
		char name[16];
		struct unit *entry;

		snprintf(name, sizeof(name), "f%u", bench->parked++);
		entry = unit_new(bench->folder, name, name);
		REQUIRE(entry != NULL);
		folder_get(bench->folder);
		entry->type = DT_REG;
		entry->fd = openat(bench->dirfd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
		REQUIRE(entry->fd >= 0);
		REQUIRE(commit_park(&bench->commit, entry));
	}
}

int syncfs(int fd)
{
	(void)fd;
	bench->syncfs_calls++;
	if (bench->groups_to_come > 0) {
		bench->groups_to_come--;
		park_group();
	}
	if (bench->syncfs_calls != bench->fail_syncfs)
		return 0;
	errno = EIO;
	return -1;
}

int fsync(int fd)
{
	struct stat stat;

	if (fstat(fd, &stat) != 0 || !S_ISDIR(stat.st_mode))
		return 0;
	if (++bench->folder_syncs != bench->fail_folder_sync)
		return 0;
	errno = EIO;
	return -1;
}

/* Room for the descriptors of three groups, and a place for nameless files. */
static bool can_run(void)
{
	struct rlimit limit;
	int dirfd = unit_folder();
	int fd = openat(dirfd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	close(dirfd);
	if (fd >= 0)
		close(fd);
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return false;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	return fd >= 0 && limit.rlim_cur > 4 * GROUP_UNITS + 64;
}

static void open_bench(void)
{
	if (!can_run())
		SKIP("needs O_TMPFILE and descriptors for three groups");
	bench = calloc(1, sizeof(*bench));
	REQUIRE(bench != NULL);
	sys_open(&bench->sys);
	bench->settings.durable = WEIR_DURABLE_GROUP;
	bench->settings.sync = WEIR_SYNC_FS; /* whatever the size of a group */
	bench->tally.began_ns = tally_now_ns();
	bench->fs = (struct fs){ .kind = FS_EXT4, .tells_syncfs = true };
	bench->dirfd = unit_folder();
	bench->fs.sync_fd = bench->dirfd;
	REQUIRE(event_queue_open(&bench->events, &bench->tally, -1) == 0);
	bench->events.unbounded = true;
	REQUIRE(root_open(&bench->root, &bench->sys, 16) == 0);
	REQUIRE(queue_open(&bench->queue, &bench->bell, &bench->commit.due) == 0);
	REQUIRE(commit_open(&bench->commit, &(struct commit_plan){
						    .sys = &bench->sys,
						    .root = &bench->root,
						    .queue = &bench->queue,
						    .events = &bench->events,
						    .tally = &bench->tally,
						    .settings = &bench->settings,
						    .bell = &bench->bell,
						    .units_max = LIMIT_GROUP_UNITS,
					    }) == 0);
	bench->folder = folder_new(NULL, "source", "target");
	REQUIRE(bench->folder != NULL);
	REQUIRE(dir_open_path(&bench->root, bench->dirfd, ".", &bench->folder->target) == 0);
	dir_unpin(&bench->root, bench->folder->target);
	bench->folder->target_fs = &bench->fs;
}

/* Ends the run; the test judges the counters. */
static void finish(void)
{
	struct fs_table none;

	list_init(&none.all);
	while (commit_step(&bench->commit, true))
		;
	commit_finish(&bench->commit, &none);
	CHECK_EQUAL(bench->tally.files_done, bench->parked);
}

static void close_bench(void)
{
	commit_close(&bench->commit);
	CHECK(folder_put(bench->folder));
	folder_free(bench->folder, &bench->root);
	queue_close(&bench->queue);
	root_close(&bench->root);
	event_queue_close(&bench->events);
	close(bench->dirfd);
	free(bench);
}

static void overlapped(void)
{
	open_bench();
	park_group();
	bench->groups_to_come = 2;
	finish();
	CHECK_EQUAL(bench->tally.files_durable, 3 * GROUP_UNITS);
	CHECK_EQUAL(bench->folder_syncs, 0);
	close_bench();
}

/* The sync of the second group's data fails: the names of the first group, which
 * were given meanwhile, are not called durable; those of the third are. */
static void failed_sync(void)
{
	open_bench();
	park_group();
	bench->groups_to_come = 2;
	bench->fail_syncfs = 2;
	finish();
	CHECK_EQUAL(bench->tally.files_durable, 2 * GROUP_UNITS);
	CHECK(bench->commit.failed);
	close_bench();
}

/* The third group is synced file by file, when two groups have their names.
 * Whatever is asked first about these names fails, and nothing is asked twice: a
 * second sync of what one has failed for could say that all is well (G5). */
static void never_asked_twice(void)
{
	open_bench();
	park_group();
	bench->groups_to_come = 2;
	REQUIRE(commit_step(&bench->commit, false));
	REQUIRE(commit_step(&bench->commit, false));
	bench->fs.no_syncfs = true;
	bench->fail_syncfs = 3;
	bench->fail_folder_sync = 1;
	finish();
	CHECK_EQUAL(bench->tally.files_durable, 0);
	CHECK(bench->commit.failed);
	close_bench();
}

static const struct unit_test tests[] = {
	{ "names that wait for the next sync are durable by it", overlapped },
	{ "names given while a sync fails are not durable", failed_sync },
	{ "no names are durable by a second sync of what failed", never_asked_twice },
};

UNIT_MAIN(tests)
