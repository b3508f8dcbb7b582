/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Closing.
 *
 * Invariants:
 * L1 a file under a temp name is closed before it gets its own where a close can
 *    fail, unless its last flags need the descriptor;
 * L2 times are set once nothing is open to be written any more, by an O_PATH
 *    descriptor of the inode that was closed and no other; once, and then they are
 *    looked at once more;
 * L3 that comes after the sync, so it is not synced itself: such a file system
 *    passes attributes on at once, and a sync would change the time again.
 */
#define _GNU_SOURCE
#include "closing.h"

#include <errno.h>
#include <fcntl.h>

#include "grain.h"
#include "meta.h"

bool closing_comes_first(const struct unit *unit)
{
	return unit->temp_named && unit_has_data(unit) &&
	       !fs_keeps_times(unit->folder->target_fs) && !flags_any_last(&unit->last);
}

static bool closing_is_right(struct root *root, const struct unit *unit, const struct sys_stat *now)
{
	return meta_same_time(&unit->times[1], &now->mtime) ||
	       grain_cuts(root, unit->folder, &unit->times[1], &now->mtime);
}

/* L2; MADE is what was closed. */
static void closing_settle_times(struct root *root, const struct unit *unit, int dirfd,
				 const char *name, const struct sys_stat *made,
				 struct losses *losses)
{
	struct sys_stat now;
	int fd = sys_openat(root->sys, dirfd, name, O_PATH | O_NOFOLLOW, 0);

	if (fd < 0)
		return; /* it is gone already, or somebody else's */
	if (sys_statx_fresh(root->sys, fd, "", &now) == 0 && now.device == made->device &&
	    now.inode == made->inode && !closing_is_right(root, unit, &now) &&
	    (sys_futimens_path(root->sys, fd, unit->times) < 0 ||
	     sys_statx_fresh(root->sys, fd, "", &now) < 0 || !closing_is_right(root, unit, &now)))
		losses_note(losses, WEIR_PROPERTY_TIMES, -EOPNOTSUPP);
	sys_close(root->sys, fd);
}

int closing_close(struct root *root, struct unit *unit, int dirfd, const char *name,
		  struct losses *losses)
{
	struct sys_stat made;
	bool watch = unit->keeps_times && unit_has_data(unit) &&
		     !fs_keeps_times(unit->folder->target_fs) &&
		     sys_statx(root->sys, unit->fd, "", false, &made) == 0;
	int result;

	if (unit->fd < 0 || unit->is_link) { /* that of a link is its group's */
		unit->fd = -1;
		return 0;
	}
	result = sys_close(root->sys, unit->fd);
	unit->fd = -1;
	if (result == 0 && watch)
		closing_settle_times(root, unit, dirfd, name, &made, losses);
	return result;
}
