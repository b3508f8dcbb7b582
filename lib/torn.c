/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The mark of what is written in place.
 *
 * Invariants:
 * T1 nothing is written before there is a mark, where the file can have one;
 * T2 a mark is on disk before the first byte is, and is taken off after the last one
 *    is, which who writes sees to by his syncs.
 */
#define _GNU_SOURCE
#include "torn.h"

#include <errno.h>
#include <sys/stat.h>

bool torn_looks(const struct timespec *mtime)
{
	return mtime->tv_sec == TORN_SECOND && mtime->tv_nsec == TORN_NS;
}

bool torn_is_marked(struct sys *sys, int dirfd, const char *name)
{
	char value[1];

	return sys_getxattr(sys, dirfd, name, TORN_ATTRIBUTE, value, sizeof(value)) >= 0;
}

int torn_set_time(struct sys *sys, int fd)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
					   { .tv_sec = TORN_SECOND, .tv_nsec = TORN_NS } };

	return sys_futimens(sys, fd, times);
}

int torn_mark(struct sys *sys, int fd)
{
	int attribute = sys_setxattr(sys, fd, false, TORN_ATTRIBUTE, "1", 1);
	int time = torn_set_time(sys, fd);

	return attribute == 0 ? 0 : time;
}

int torn_clear(struct sys *sys, int fd)
{
	int result = sys_removexattr(sys, fd, false, TORN_ATTRIBUTE);

	return result == -ENODATA || result == -EOPNOTSUPP || result == -ENOSYS ? 0 : result;
}
