/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Removing what was planned.
 *
 *   A group is   True here                                  Then
 *   opened       its folder is held, by one name after      its entries are removed
 *                the other, and is the one that was planned
 *   in work      `at` is the innermost folder               its end is read
 *   ended        mode and times of its folder are back      it is synced
 *   lost         its folder could not be had, or moved      its records are passed over
 *
 * Invariants:
 * R1 (G8) nothing is removed before everything that was copied is durable, and the
 *    whole plan is known and within the limits;
 * R2 what is removed is what was planned: each name must still be the same inode;
 * R3 one folder is open at a time below that of the group; the way back is through
 *    `..`, and must lead to where it came from.
 */
#define _GNU_SOURCE
#include "removal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "array.h"
#include "invariant.h"
#include "limits.h"
#include "lister.h"
#include "spared.h"

#define REMOVAL_MANY 1000U	  /* more must be less than half of the target */
#define REMOVAL_MANY_AT_FIRST 10U /* more need a record of an earlier run */
#define REMOVAL_PERMISSIONS 07777U

/* A folder in which something is removed, as it was before. */
struct removal_place {
	struct sys_stat before;
	bool opened_up; /* its mode was changed so that we may work in it */
	bool touched;	/* something in it is gone */
};

/* A folder that the group is in. */
struct removal_level {
	struct removal_place place;
	char *name; /* owned */
};

struct removal_group {
	struct removal *removal;
	struct dir *dir; /* pinned, or NULL: lost */
	int dir_fd;
	struct removal_place place; /* of its folder */
	int fd;			    /* the innermost folder: dir_fd, or one of ours */
	struct removal_level *levels;
	size_t depth;
	size_t room;
	size_t lost; /* levels that are passed over */
	struct plan_cursor cursor;
	struct away away; /* follows `fd` */
};

/* ---- limits ---- */

/* R1: why there is too much to be removed, or NULL. */
static const char *removal_excess(const struct removal *removal)
{
	const struct settings *settings = removal->settings;
	uint64_t removals = removal->plan->removals - removal->plan->moved; /* they are no loss */
	uint64_t listed = removal->plan->listed;

	if (settings->max_delete >= 0 && removals > (uint64_t)settings->max_delete)
		return "that is more than --max-delete allows";
	if (settings->max_delete_percent >= 0 &&
	    (__int128)removals * 100 > (__int128)listed * settings->max_delete_percent)
		return "that is more than --max-delete allows";
	if (settings->max_delete >= 0 || settings->max_delete_percent >= 0 || settings->delete_many)
		return NULL;
	if (removals > REMOVAL_MANY && removals > listed / 2)
		return "that is more than half; --yes-delete-many or --max-delete allows it";
	if (removals > REMOVAL_MANY_AT_FIRST && !removal->has_record)
		return "there is no record of an earlier sync of these two; "
		       "--yes-delete-many or --max-delete allows it";
	return NULL;
}

static bool removal_is_allowed(struct removal *removal)
{
	const char *excess = removal_excess(removal);
	struct weir_event event = {
		.type = WEIR_EVENT_REFUSED,
		.side = WEIR_SIDE_TARGET,
		.offset = -1,
		.operation = "delete in",
	};
	char text[240];

	if (excess == NULL)
		return true;
	snprintf(text, sizeof(text), "%llu of %llu entries would go; %s; nothing was deleted",
		 (unsigned long long)(removal->plan->removals - removal->plan->moved),
		 (unsigned long long)removal->plan->listed, excess);
	event.text = text;
	atomic_fetch_or(&removal->events->classes, EVENT_CLASS_LIMIT);
	tally_add(&removal->tally->entries_failed, 1);
	event_post(removal->events, &event, removal->target_path, false);
	return false;
}

/* ---- telling ---- */

static void removal_post(struct removal_group *group, const struct error *error)
{
	const char *target_path = group->removal->target_path;
	char *path =
		plan_path_below(target_path, group->cursor.path != NULL ? group->cursor.path : "");

	event_post_error(group->removal->events, error, path != NULL ? path : target_path, false);
	free(path);
}

static void removal_error(struct removal_group *group, long result, const char *operation)
{
	struct error error;

	error_set(&error, result, ERROR_SIDE_TARGET, operation);
	if (result == -ESTALE) { /* O09: it stays; the next run looks anew */
		error_set_text(&error, ERROR_SIDE_TARGET, operation,
			       "it is another one than when it was looked at");
		error.grade = ERROR_WARNING;
		error.source_changed = true;
	}
	removal_post(group, &error);
}

static void removal_tell(struct removal_group *group, uint32_t mode)
{
	struct weir_event event = {
		.type = WEIR_EVENT_ENTRY,
		.action = WEIR_ACTION_REMOVE,
		.offset = -1,
		.mode = mode,
		.operation = "",
	};

	if (!group->removal->settings->report_entries)
		return;
	event_wait_room(group->removal->events);
	event_post(group->removal->events, &event, group->cursor.path, false);
}

/* ---- the folder of a group ---- */

/* All steps are taken: it is held until the end of the group. */
static int removal_arrive(struct removal_group *group)
{
	struct removal *removal = group->removal;
	int fd = dir_pin(removal->root, group->dir, NULL);
	int result;

	if (fd < 0)
		return fd;
	group->dir_fd = group->fd = fd;
	group->place = (struct removal_place){ 0 };
	result = sys_statx(removal->sys, fd, "", false, &group->place.before);
	if (result == 0) {
		away_begin(&group->away, group->dir,
			   fs_find(removal->fs, fd, group->dir->device, true));
		return 0;
	}
	dir_unpin(removal->root, group->dir);
	group->dir_fd = group->fd = -1;
	return result;
}

/* Where the group is working. */
static struct removal_place *removal_place(struct removal_group *group)
{
	return group->depth > 0 ? &group->levels[group->depth - 1].place : &group->place;
}

/* O12: whatever its mode, we must be able to work in a folder of ours. */
static void removal_open_up(struct removal_group *group)
{
	const struct settings *settings = group->removal->settings;
	struct removal_place *place = removal_place(group);
	mode_t mode = place->before.mode & REMOVAL_PERMISSIONS;

	if (settings->privileged || (mode & 0700) == 0700 || place->before.uid != settings->uid)
		return;
	if (sys_fchmod(group->removal->sys, group->fd, mode | 0700) == 0)
		place->opened_up = true;
}

/* The mode and times of a folder that stays are those that it had (G8). */
static void removal_restore(struct removal_group *group, const struct removal_place *place, int fd)
{
	struct removal *removal = group->removal;
	const struct timespec times[2] = { place->before.atime, place->before.mtime };
	int result = 0;

	if (place->opened_up)
		result = sys_fchmod(removal->sys, fd, place->before.mode & REMOVAL_PERMISSIONS);
	if (result == 0 && place->touched && settings_keeps(removal->settings, WEIR_PROPERTY_TIMES))
		result = sys_futimens(removal->sys, fd, times);
	if (result < 0 && result != -EPERM)
		removal_error(group, result, "set attributes of");
}

/* Where no syncfs stands for all of them. */
static void removal_sync_folder(struct removal_group *group, const struct removal_place *place,
				int fd)
{
	struct removal *removal = group->removal;
	struct fs *fs = fs_find(removal->fs, fd, place->before.device, true);
	int result = 0;

	if (removal->settings->durable == WEIR_DURABLE_NONE || (fs != NULL && fs_is_memory(fs)))
		return;
	if (fs != NULL)
		fs->written = true;
	if (fs == NULL || !fs_believes_syncfs(fs) || fs->sync_fd < 0)
		result = sys_fsync(removal->sys, fd);
	if (result >= 0 || result == -EINVAL)
		return;
	removal->unsynced = true;
	removal_error(group, result, "sync folder");
}

/* A folder that stays is as it was but for what is gone, and that is durable. */
static void removal_settle(struct removal_group *group, const struct removal_place *place, int fd)
{
	removal_restore(group, place, fd);
	if (place->touched)
		removal_sync_folder(group, place, fd);
}

/* AW4 of away.c: what is kept is durable before it is known to be gone from here. */
static void removal_settle_away(struct removal_group *group)
{
	int result = away_settle(&group->away, &group->place.before);

	away_end(&group->away);
	if (result == 0)
		return;
	group->removal->unsynced = true;
	removal_error(group, result, "sync what was kept of folder");
}

static void removal_drop_levels(struct removal_group *group)
{
	if (group->fd >= 0 && group->fd != group->dir_fd)
		sys_close(group->removal->sys, group->fd);
	while (group->depth > 0)
		free(group->levels[--group->depth].name);
	group->fd = group->dir_fd;
	group->lost = 0;
}

static void removal_end_group(struct removal_group *group)
{
	struct removal *removal = group->removal;

	removal_drop_levels(group);
	removal_settle_away(group);
	if (group->dir_fd >= 0) {
		removal_settle(group, &group->place, group->dir_fd);
		dir_unpin(removal->root, group->dir);
	}
	if (group->dir != NULL)
		dir_put(removal->root, group->dir);
	group->dir = NULL;
	group->dir_fd = group->fd = -1;
}

/* ---- entries ---- */

/* R2: what has a number of its own could have got that of what was planned since then,
 * but not its size and time as well. */
static bool removal_is_planned(const struct plan_record *record, const struct sys_stat *stat)
{
	if (stat->device != record->device || stat->inode != record->inode ||
	    ((stat->mode ^ record->mode) & S_IFMT) != 0)
		return false;
	return S_ISDIR(stat->mode) || stat->links > 1 ||
	       (stat->size_bytes == record->size_bytes &&
		stat->mtime.tv_sec == record->mtime.tv_sec &&
		stat->mtime.tv_nsec == record->mtime.tv_nsec);
}

/* True if the innermost folder, which is to make way, is empty by now. */
static bool removal_is_vacant(struct removal_group *group)
{
	struct lister lister;
	int result = lister_open(&lister, group->removal->sys, group->fd, ".");

	if (result == 0) {
		result = lister_next(&lister) != NULL ? -ENOTEMPTY : lister.result;
		lister_close(&lister);
	}
	if (result < 0)
		removal_error(group, result, "delete");
	return result == 0;
}

/* Takes NAME out of the innermost folder.  0: it is gone; or -errno, -ESTALE: it is
 * another one than was planned. */
static int removal_unlink(struct removal_group *group, const char *name,
			  const struct plan_record *record)
{
	struct sys *sys = group->removal->sys;
	struct sys_stat stat;
	int result = sys_statx(sys, group->fd, name, false, &stat);

	if (result == 0 && !removal_is_planned(record, &stat))
		return -ESTALE;
	if (result == 0 && record->kind == PLAN_LEAVE_VACANT)
		return plan_vacate(group->removal->plan, record->device, record->inode);
	if (result == 0)
		result = away_take(&group->away, group->fd, name, &stat);
	if (result == -EACCES) {
		removal_open_up(group);
		result = away_take(&group->away, group->fd, name, &stat);
	}
	return result == -ENOENT ? 0 : result;
}

/* The same, and tells what came of it.  True: it is gone, or vacant. */
static bool removal_remove(struct removal_group *group, const char *name,
			   const struct plan_record *record)
{
	int result = removal_unlink(group, name, record);

	if (result < 0) {
		removal_error(group, result, "delete");
		return false;
	}
	removal_place(group)->touched = true;
	tally_add(&group->removal->tally->removed, 1);
	removal_tell(group, record->mode);
	return true;
}

static bool removal_make_room(struct removal_group *group)
{
	struct removal_level *levels =
		array_grow(group->levels, group->depth, &group->room, sizeof(*levels));

	if (levels != NULL)
		group->levels = levels;
	return levels != NULL;
}

/* Into the folder of the record (R3). */
static int removal_enter(struct removal_group *group, const struct plan_record *record)
{
	struct removal *removal = group->removal;
	struct removal_level level = { .name = strdup(record->name) };
	int fd = sys_openat(removal->sys, group->fd, record->name,
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK, 0);
	int result = fd;

	if (fd >= 0)
		result = sys_statx(removal->sys, fd, "", false, &level.place.before);
	if (result == 0 && !removal_is_planned(record, &level.place.before))
		result = -ESTALE;
	if (result == 0 && (level.name == NULL || !removal_make_room(group)))
		result = -ENOMEM;
	if (result == 0)
		result = away_enter(&group->away, record->name, fd);
	if (result < 0) {
		if (fd >= 0)
			sys_close(removal->sys, fd);
		free(level.name);
		return result;
	}
	group->levels[group->depth++] = level;
	if (group->fd != group->dir_fd)
		sys_close(removal->sys, group->fd);
	group->fd = fd;
	return 0;
}

/* The folder above the innermost one, which must be ABOVE (R3): a descriptor, or
 * -errno. */
static int removal_open_above(struct removal_group *group, const struct removal_place *above)
{
	struct sys *sys = group->removal->sys;
	struct sys_stat stat;
	int fd = sys_openat(sys, group->fd, "..", O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0);
	int result = fd < 0 ? fd : sys_statx(sys, fd, "", false, &stat);

	if (result == 0 &&
	    (stat.device != above->before.device || stat.inode != above->before.inode))
		result = -ESTALE;
	if (result == 0)
		return fd;
	if (fd >= 0)
		sys_close(sys, fd);
	return result;
}

/* True if the innermost folder may go, as far as what keeps that which was in it is
 * concerned. */
static bool removal_leave_away(struct removal_group *group, bool kept)
{
	int result = away_leave(&group->away, kept);

	if (result < 0)
		removal_error(group, result, "keep what was in");
	return result == 0 && !kept;
}

/* Out of the innermost folder, which goes unless it is kept. */
static int removal_leave(struct removal_group *group, const struct plan_record *record)
{
	struct sys *sys = group->removal->sys;
	struct removal_level level = group->levels[group->depth - 1];
	bool goes = removal_leave_away(group, record->kind == PLAN_LEAVE_KEPT) &&
		    (record->kind != PLAN_LEAVE_VACANT || removal_is_vacant(group));
	int inner = group->fd;
	int fd;

	group->depth--;
	fd = removal_open_above(group, removal_place(group));
	if (fd >= 0 && group->depth == 0) { /* the one that is held */
		sys_close(sys, fd);
		fd = group->dir_fd;
	}
	group->fd = fd;
	if (fd < 0 || !goes || !removal_remove(group, level.name, record) ||
	    record->kind == PLAN_LEAVE_VACANT)
		removal_settle(group, &level.place, inner);
	sys_close(sys, inner);
	free(level.name);
	return fd < 0 ? fd : 0;
}

/* ---- records ---- */

static void removal_lose(struct removal_group *group, long result)
{
	removal_error(group, result, "delete in");
	removal_end_group(group);
}

/* A record of what lies in the folder of a group that is not lost. */
static void removal_do(struct removal_group *group, const struct plan_record *record)
{
	int result = 0;

	if (group->lost > 0) { /* in a folder that could not be entered */
		group->lost += record->kind == PLAN_ENTER;
		group->lost -= plan_leaves(record->kind);
		return;
	}
	switch (record->kind) {
	case PLAN_REMOVE:
		removal_remove(group, record->name, record);
		break;
	case PLAN_ENTER:
		result = removal_enter(group, record);
		group->lost = result < 0;
		if (result < 0 && result != -ENOENT) /* it is gone */
			removal_error(group, result, "delete");
		break;
	default:
		result = removal_leave(group, record);
		if (result < 0)
			removal_lose(group, result);
	}
}

/* Begins a group: its folder is had step by step. */
static void removal_begin(struct removal_group *group)
{
	struct removal *removal = group->removal;

	removal_end_group(group);
	group->dir = dir_get(removal->root, removal->target);
}

/* In a dry run nothing is opened. */
static void removal_take_dry(struct removal_group *group, const struct plan_record *record)
{
	if (plan_removes(record->kind))
		removal_tell(group, record->mode);
}

static void removal_take(struct removal_group *group, const struct plan_record *record)
{
	int result = 0;

	switch (record->kind) {
	case PLAN_GROUP:
		removal_begin(group);
		break;
	case PLAN_STEP:
	case PLAN_STEP_LINK:
		if (group->dir != NULL)
			result = dir_step(group->removal->root, &group->dir, record->name,
					  record->kind == PLAN_STEP_LINK, record->device,
					  record->inode);
		break;
	case PLAN_END:
		removal_end_group(group);
		break;
	default:
		if (group->dir != NULL && group->dir_fd < 0)
			result = removal_arrive(group);
		if (result == 0 && group->dir != NULL)
			removal_do(group, record);
	}
	if (result < 0)
		removal_lose(group, result);
}

/* SP2 of spared.c */
static void removal_tell_spared(struct removal_group *group)
{
	struct error error;

	error_set_text(&error, ERROR_SIDE_TARGET, "delete",
		       "several folders of the source lead to where it is");
	error.grade = ERROR_WARNING;
	removal_post(group, &error);
}

/* What is spared does not count.  0 or -errno. */
static int removal_count(struct removal *removal)
{
	struct spared spared = { .folders = removal->folders };
	struct plan_cursor cursor = { 0 };
	struct plan_record *record = malloc(sizeof(*record));
	int result = record == NULL ? -ENOMEM : plan_rewind(removal->plan);
	uint64_t removals = 0;

	while (result >= 0 && (result = plan_next(removal->plan, &cursor, record)) > 0)
		if (spared_judge(&spared, record) == SPARED_NOT)
			removals += plan_removes(record->kind);
	if (result == 0)
		removal->plan->removals = removals;
	spared_close(&spared);
	plan_release(&cursor);
	free(record);
	return result;
}

static void removal_take_any(struct removal_group *group, struct spared *spared,
			     struct plan_record *record)
{
	enum spared_answer answer = spared_judge(spared, record);

	if (answer == SPARED_TELL)
		removal_tell_spared(group);
	if (answer != SPARED_NOT)
		return;
	if (group->removal->settings->dry_run)
		removal_take_dry(group, record);
	else
		removal_take(group, record);
}

/* Reads the plan to its end.  0 or -errno. */
static int removal_read(struct removal *removal)
{
	struct removal_group group = {
		.removal = removal,
		.dir_fd = -1,
		.fd = -1,
		.away = {
			.sys = removal->sys,
			.attic = removal->attic,
			.settings = removal->settings,
			.renames = removal->renames,
			.fd = -1,
		},
	};
	struct spared spared = { .folders = removal->folders };
	struct plan_record *record = malloc(sizeof(*record));
	int result = record == NULL ? -ENOMEM : plan_rewind(removal->plan);

	while (result >= 0) {
		result = plan_next(removal->plan, &group.cursor, record);
		if (result <= 0)
			break;
		if (atomic_load(removal->cancel) != 0)
			result = -ECANCELED;
		else
			removal_take_any(&group, &spared, record);
	}
	removal_end_group(&group);
	spared_close(&spared);
	away_close(&group.away);
	free(group.levels);
	plan_release(&group.cursor);
	free(record);
	return result;
}

/* One sync for all that was removed. */
static void removal_sync(struct removal *removal)
{
	struct error error;

	if (removal->settings->durable == WEIR_DURABLE_NONE)
		return;
	for (struct list *node = removal->fs->all.next; node != &removal->fs->all;
	     node = node->next) {
		struct fs *fs = LIST_ENTRY(node, struct fs, node);
		int result;

		if (!fs->written || fs_is_memory(fs) || !fs_believes_syncfs(fs) || fs->sync_fd < 0)
			continue;
		result = sys_syncfs(removal->sys, fs->sync_fd);
		tally_add(&removal->tally->syncs_fs, 1);
		if (result >= 0)
			continue;
		removal->unsynced = true;
		error_set(&error, result, ERROR_SIDE_TARGET, "sync what was deleted in");
		event_post_error(removal->events, &error, removal->target_path, false);
	}
}

/* O15: before anything goes, there is where it goes to. */
static bool removal_has_attic(struct removal *removal)
{
	struct error error;
	int result;

	if (removal->attic == NULL || removal->settings->dry_run)
		return true;
	result = attic_begin(removal->attic);
	if (result == 0)
		return true;
	error_set(&error, result, ERROR_SIDE_TARGET, "keep what is removed in");
	event_post_error(removal->events, &error, removal->attic->path, false);
	return false;
}

bool removal_run(struct removal *removal)
{
	struct error error;
	int result = plan_rewind(removal->plan); /* it is over, whatever comes of it */

	if (result == 0 && removal->folders != NULL)
		result = removal_count(removal);
	if (result < 0) {
		error_set(&error, result, ERROR_SIDE_TARGET, "plan what to delete in");
		event_post_error(removal->events, &error, removal->target_path, false);
		return false;
	}
	if (removal->plan->removals == 0 && removal->folders == NULL) /* nor anything to tell */
		return true;
	if (!removal_is_allowed(removal))
		return false;
	if (!removal_has_attic(removal))
		return false;
	tally_add(&removal->tally->to_remove, removal->plan->removals);
	result = removal_read(removal);
	if (!removal->settings->dry_run)
		removal_sync(removal);
	if (result >= 0)
		return true;
	if (result != -ECANCELED) {
		error_set(&error, result, ERROR_SIDE_TARGET, "delete in");
		event_post_error(removal->events, &error, removal->target_path, false);
	}
	return false;
}
