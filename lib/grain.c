/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A time is set and read back, once for each file system (H03); what a file system
 * is called says nothing of it.
 *
 * Invariants:
 * A1 what is set is an odd second and the last nanosecond of it, so that each grain
 *    up to 2 s shows in what is read: 1 ns, 100 ns, 1 us, 10 ms, 1 s, 2 s;
 * A2 the temp is nameless, or its folder is locked as for any other temp;
 * A3 nobody waits for it: two threads may find out the same.
 */
#define _GNU_SOURCE
#include "grain.h"

#include <errno.h>
#include <fcntl.h>

#include "temp.h"

#define GRAIN_SECOND 1000000001
#define GRAIN_MOST_NS 2000000000U
/* Every file system has times between these: vfat begins with 1980. */
#define GRAIN_LEAST_SECOND 315619200
#define GRAIN_MOST_SECOND INT32_MAX

/* By how much A is later than B, in ns, if that is less than GRAIN_MOST_NS; or -1. */
static int64_t grain_difference(const struct timespec *a, const struct timespec *b)
{
	int64_t seconds;

	if (__builtin_sub_overflow((int64_t)a->tv_sec, (int64_t)b->tv_sec, &seconds) ||
	    seconds < 0 || seconds > 2)
		return -1;
	seconds = seconds * 1000000000 + a->tv_nsec - b->tv_nsec;
	return seconds >= GRAIN_MOST_NS ? -1 : seconds;
}

/* What becomes of TIME on FD; false: it cannot be found out. */
static bool grain_try(struct sys *sys, int fd, const struct timespec *time, struct timespec *stored)
{
	const struct timespec times[2] = { *time, *time };
	struct sys_stat stat;

	if (sys_futimens(sys, fd, times) < 0 || sys_statx_fresh(sys, fd, "", &stat) < 0)
		return false;
	*stored = stat.mtime;
	return true;
}

/* A2 */
static bool grain_try_named(struct root *root, struct dir *dir, int dirfd,
			    const struct timespec *time, struct timespec *stored)
{
	char name[TEMP_NAME_BYTES];
	bool told = false;
	int fd = -EAGAIN;

	if (dir_temp_added(root, dir) < 0)
		return false;
	if (temp_name_make(root->sys, name) == 0)
		fd = sys_openat(root->sys, dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
				0600);
	if (fd >= 0) {
		told = grain_try(root->sys, fd, time, stored);
		sys_close(root->sys, fd);
		sys_unlinkat(root->sys, dirfd, name, 0);
	}
	dir_temp_removed(root, dir);
	return told;
}

/* Where a temp could not be removed, none is made. */
static bool grain_may_make(struct sys *sys, int dirfd)
{
	struct sys_stat stat;

	return sys_statx(sys, dirfd, "", false, &stat) == 0 && !stat.append_only;
}

/* What becomes of TIME in the target of FOLDER; false: it cannot be found out. */
static bool grain_store(struct root *root, struct folder *folder, const struct timespec *time,
			struct timespec *stored)
{
	int dirfd = dir_pin(root, folder->target, NULL);
	bool told = false;
	int fd;

	if (dirfd < 0)
		return false;
	fd = sys_openat(root->sys, dirfd, ".", O_TMPFILE | O_WRONLY, 0600);
	if (fd >= 0) {
		told = grain_try(root->sys, fd, time, stored);
		sys_close(root->sys, fd);
	} else if (grain_may_make(root->sys, dirfd)) {
		told = grain_try_named(root, folder->target, dirfd, time, stored);
		atomic_store(&folder->changed, true); /* its time was */
	}
	dir_unpin(root, folder->target);
	return told;
}

/* 0: it cannot be found out. */
static uint64_t grain_find(struct root *root, struct folder *folder)
{
	const struct timespec time = { .tv_sec = GRAIN_SECOND, .tv_nsec = 999999999 };
	struct timespec stored;
	int64_t difference;

	if (!grain_store(root, folder, &time, &stored))
		return 0;
	difference = grain_difference(&time, &stored);
	return difference < 0 ? 0 : (uint64_t)difference + 1;
}

uint64_t grain_of(struct root *root, struct folder *folder)
{
	uint64_t grain = atomic_load(&folder->target_fs->grain_ns);

	if (grain == 0) {
		grain = grain_find(root, folder);
		grain = grain != 0 ? grain : 1;
		atomic_store(&folder->target_fs->grain_ns, grain);
	}
	return grain;
}

bool grain_cuts(struct root *root, struct folder *folder, const struct timespec *time,
		const struct timespec *stored)
{
	int64_t difference = grain_difference(time, stored);

	if (difference <= 0)
		return difference == 0;
	/* Most are not even near, or too fine for any grain. */
	if (stored->tv_nsec % 100 != 0)
		return false;
	return (uint64_t)difference < grain_of(root, folder);
}

bool grain_clamps(struct root *root, struct folder *folder, const struct timespec *time,
		  const struct timespec *stored)
{
	struct timespec becomes;

	if (time->tv_sec >= GRAIN_LEAST_SECOND && time->tv_sec <= GRAIN_MOST_SECOND)
		return false;
	return grain_store(root, folder, time, &becomes) && becomes.tv_sec == stored->tv_sec &&
	       becomes.tv_nsec == stored->tv_nsec;
}
