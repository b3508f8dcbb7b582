/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Climbing.
 *
 * Invariant: while fd is not -1 it is a descriptor of the climb's own, and stat
 * tells about it.
 */
#define _GNU_SOURCE
#include "climb.h"

#include <fcntl.h>

/* To go up a folder must be searchable, no more. */
#define CLIMB_FLAGS (O_PATH | O_DIRECTORY)

static bool climb_enter(struct climb *climb, int fd)
{
	climb->fd = fd;
	if (fd < 0) {
		climb->fd = -1;
		return false;
	}
	if (sys_statx(climb->sys, fd, "", false, &climb->stat) == 0)
		return true;
	climb_end(climb);
	return false;
}

bool climb_begin(struct climb *climb, struct sys *sys, int fd)
{
	climb->sys = sys;
	return climb_enter(climb, sys_openat(sys, fd, ".", CLIMB_FLAGS, 0));
}

bool climb_up(struct climb *climb)
{
	struct sys_stat last = climb->stat;
	int fd = sys_openat(climb->sys, climb->fd, "..", CLIMB_FLAGS, 0);

	climb_end(climb);
	if (!climb_enter(climb, fd))
		return false;
	if (climb->stat.device != last.device || climb->stat.inode != last.inode)
		return true;
	climb_end(climb); /* the root is its own parent */
	return false;
}

void climb_end(struct climb *climb)
{
	if (climb->fd >= 0)
		sys_close(climb->sys, climb->fd);
	climb->fd = -1;
}
