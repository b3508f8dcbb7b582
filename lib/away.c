/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Taking names away.
 *
 * Invariants:
 * AW1 a folder is made in the attic when its first entry comes there, or when it goes
 *     itself; it has the times that the one in the target had before anything went;
 * AW2 one folder of the attic is open at a time; the way back is through `..`, and must
 *     lead to where it came from;
 * AW3 what only got another name in the target is no loss: its old name is unlinked;
 * AW4 what came into the attic is durable there before the name in the target is
 *     known to be gone.
 */
#define _GNU_SOURCE
#include "away.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "array.h"
#include "backup.h"
#include "invariant.h"
#include "limits.h"

struct away_level {
	uint64_t device; /* of the folder above, in the attic */
	uint64_t inode;
	struct sys_stat before; /* of the folder of the target */
	char *name;		/* in the attic, owned */
};

static bool away_has_attic(const struct away *away)
{
	return away->attic != NULL;
}

/* AW1: the folder of the attic for that at which it begins. */
static int away_reach(struct away *away)
{
	WEIR_ASSERT(away->dir != NULL);
	if (away->fd < 0 && away->depth == 0)
		away->fd = attic_folder(away->attic, away->dir, away->fs);
	return away->fd >= 0 || away->depth == 0 ? away->fd : -ESTALE; /* AW2 */
}

void away_begin(struct away *away, struct dir *dir, struct fs *fs)
{
	away_end(away);
	away->dir = dir;
	away->fs = fs;
	away->unnumbered = false;
}

/* AW1, AW4 */
static int away_finish(struct away *away, const struct sys_stat *before)
{
	const struct timespec times[2] = { before->atime, before->mtime };

	if (settings_keeps(away->settings, WEIR_PROPERTY_TIMES))
		sys_futimens(away->sys, away->fd, times); /* of no matter to what it holds */
	return attic_sync(away->attic, away->fd, away->fs);
}

int away_settle(struct away *away, const struct sys_stat *before)
{
	return away->dir != NULL && away->fd >= 0 && away->depth == 0 ? away_finish(away, before)
								      : 0;
}

static void away_drop(struct away *away)
{
	if (away->fd >= 0)
		sys_close(away->sys, away->fd);
	away->fd = -1;
}

void away_end(struct away *away)
{
	away_drop(away);
	while (away->depth > 0)
		free(away->levels[--away->depth].name);
	away->dir = NULL;
}

void away_close(struct away *away)
{
	away_end(away);
	free(away->levels);
	away->levels = NULL;
	away->room = 0;
}

/* ---- folders ---- */

static bool away_make_room(struct away *away)
{
	struct away_level *levels =
		array_grow(away->levels, away->depth, &away->room, sizeof(*levels));

	if (levels != NULL)
		away->levels = levels;
	return levels != NULL;
}

int away_enter(struct away *away, const char *name, int fd)
{
	char taken[LIMIT_NAME_BYTES];
	struct away_level level = { 0 };
	struct sys_stat above;
	int child, result;

	away->unnumbered = false;
	if (!away_has_attic(away))
		return 0;
	result = away_reach(away);
	if (result >= 0)
		result = sys_statx(away->sys, away->fd, "", false, &above);
	if (result >= 0)
		result = sys_statx(away->sys, fd, "", false, &level.before);
	if (result < 0)
		return result;
	if (!away_make_room(away))
		return -ENOMEM;
	child = attic_child(away->attic, away->fd, away->fs, name, fd, taken);
	if (child < 0)
		return child;
	level.device = above.device;
	level.inode = above.inode;
	level.name = strdup(taken);
	if (level.name == NULL) {
		sys_close(away->sys, child);
		return -ENOMEM;
	}
	away_drop(away);
	away->fd = child;
	away->levels[away->depth++] = level;
	return 0;
}

/* The folder above, by the way that it was left (AW2). */
static int away_climb(struct away *away, const struct away_level *level)
{
	struct sys_stat stat;
	int fd = sys_openat(away->sys, away->fd, "..", O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0);
	int result = fd < 0 ? fd : sys_statx(away->sys, fd, "", false, &stat);

	if (result == 0 && (stat.device != level->device || stat.inode != level->inode))
		result = -ESTALE;
	away_drop(away);
	if (result == 0)
		away->fd = fd;
	else if (fd >= 0)
		sys_close(away->sys, fd);
	return result;
}

int away_leave(struct away *away, bool kept)
{
	struct away_level level;
	int synced, result;

	away->unnumbered = false;
	if (!away_has_attic(away) || away->depth == 0)
		return 0;
	level = away->levels[--away->depth];
	synced = away_finish(away, &level.before);
	result = away_climb(away, &level);
	/* Nothing of one that stays may have gone; else it is not empty. */
	if (result == 0 && kept)
		sys_unlinkat(away->sys, away->fd, level.name, AT_REMOVEDIR);
	free(level.name);
	return result < 0 ? result : synced;
}

/* ---- names ---- */

/* True if a backup of NAME in the folder FD is to have a number. */
static int away_numbers(struct away *away, int fd, const char *name, bool *numbers)
{
	char highest[LIMIT_NAME_BYTES] = "0";
	bool any = true;
	int result = 0;

	*numbers = away->settings->backup == WEIR_BACKUP_NUMBERED;
	if (away->settings->backup != WEIR_BACKUP_EXISTING || away->unnumbered)
		return 0;
	result = backup_highest(away->sys, fd, name, highest, &any);
	away->unnumbered = result == 0 && !any;
	*numbers = strcmp(highest, "0") != 0;
	return result;
}

/* The backup of what goes stays in its folder, and replaces none. */
static int away_back_up(struct away *away, int fd, const char *name)
{
	char simple[LIMIT_NAME_BYTES];
	struct attic_name to = { .fd = fd, .base = name };
	bool numbers;
	int result = away_numbers(away, fd, name, &numbers);

	if (result < 0)
		return result;
	if (!numbers && !backup_simple_name(simple, name, away->settings->backup_suffix))
		return -ENAMETOOLONG;
	to.wanted = numbers ? NULL : simple;
	return attic_move(away->sys, fd, name, &to);
}

static int away_put(struct away *away, int fd, const char *name)
{
	char wanted[LIMIT_NAME_BYTES];
	struct attic_name to = { .wanted = wanted, .base = wanted };
	struct sys_stat stat;
	int result = away_reach(away);

	if (result < 0)
		return result;
	to.fd = away->fd;
	if (!backup_simple_name(wanted, name, away->attic->suffix))
		return -ENAMETOOLONG;
	result = attic_move(away->sys, fd, name, &to);
	/* Not what goes is missing, but where it was to go. */
	return result == -ENOENT && sys_statx(away->sys, fd, name, false, &stat) == 0 ? -ESTALE
										      : result;
}

int away_take(struct away *away, int fd, const char *name, const struct sys_stat *stat)
{
	if (S_ISDIR(stat->mode))
		return sys_unlinkat(away->sys, fd, name, AT_REMOVEDIR);
	if (away->renames != NULL &&
	    renames_took(away->renames, stat->device, stat->inode)) /* AW3 */
		return sys_unlinkat(away->sys, fd, name, 0);
	if (away_has_attic(away))
		return away_put(away, fd, name);
	if (away->settings->backup != WEIR_BACKUP_NONE)
		return away_back_up(away, fd, name);
	return sys_unlinkat(away->sys, fd, name, 0);
}
