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

#include "invariant.h"
#include "limits.h"
#include "spared.h"

#define REMOVAL_MANY 1000U	  /* more must be less than half of the target */
#define REMOVAL_MANY_AT_FIRST 10U /* more need a record of an earlier run */

/* A folder that the group is in. */
struct removal_level {
	uint64_t device;
	uint64_t inode;
	char *name; /* owned */
};

struct removal_group {
	struct removal *removal;
	struct dir *dir; /* pinned, or NULL: lost */
	int dir_fd;
	struct sys_stat before; /* of its folder */
	bool opened_up;		/* its mode was changed so that we may work in it */
	int fd;			/* the innermost folder: dir_fd, or one of ours */
	struct removal_level *levels;
	size_t depth;
	size_t room;
	size_t lost; /* levels that are passed over */
	struct plan_cursor cursor;
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
	char *path;

	if (asprintf(&path, "%s%s%s", group->removal->target_path,
		     group->cursor.path_bytes > 0 ? "/" : "",
		     group->cursor.path != NULL ? group->cursor.path : "") < 0)
		path = NULL;
	event_post_error(group->removal->events, error,
			 path != NULL ? path : group->removal->target_path, false);
	free(path);
}

static void removal_error(struct removal_group *group, long result, const char *operation,
			  const char *text)
{
	struct error error;

	if (text != NULL)
		error_set_text(&error, ERROR_SIDE_TARGET, operation, text);
	else
		error_set(&error, result, ERROR_SIDE_TARGET, operation);
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

/* One step further down from group->dir. */
static int removal_step(struct removal_group *group, const struct plan_record *record)
{
	struct root *root = group->removal->root;
	struct dir *dir;
	int fd = dir_pin(root, group->dir, NULL);
	int result;

	if (fd < 0)
		return fd;
	result = dir_open_child(root, group->dir, fd, record->name, record->kind == PLAN_STEP_LINK,
				&dir);
	dir_unpin(root, group->dir);
	if (result < 0)
		return result;
	if (dir->device != record->device || dir->inode != record->inode)
		result = -ESTALE;
	dir_unpin(root, dir);
	dir_put(root, group->dir); /* the new one holds it */
	group->dir = dir;
	return result;
}

/* All steps are taken: it is held until the end of the group. */
static int removal_arrive(struct removal_group *group)
{
	struct removal *removal = group->removal;
	int fd = dir_pin(removal->root, group->dir, NULL);
	int result;

	if (fd < 0)
		return fd;
	group->dir_fd = group->fd = fd;
	result = sys_statx(removal->sys, fd, "", false, &group->before);
	if (result == 0)
		return 0;
	dir_unpin(removal->root, group->dir);
	group->dir_fd = group->fd = -1;
	return result;
}

/* O12: whatever its mode, we must be able to work in a folder of ours. */
static void removal_open_up(struct removal_group *group, int fd)
{
	struct sys *sys = group->removal->sys;
	struct sys_stat stat;

	if (group->removal->settings->privileged || sys_statx(sys, fd, "", false, &stat) < 0 ||
	    (stat.mode & 0700) == 0700 || stat.uid != group->removal->settings->uid)
		return;
	if (sys_fchmod(sys, fd, (stat.mode & 07777) | 0700) == 0 && fd == group->dir_fd)
		group->opened_up = true;
}

/* Its mode and times are those that it had (G8). */
static void removal_restore(struct removal_group *group)
{
	struct removal *removal = group->removal;
	const struct timespec times[2] = { group->before.atime, group->before.mtime };
	int result = 0;

	if (group->opened_up)
		result = sys_fchmod(removal->sys, group->dir_fd, group->before.mode & 07777);
	if (result == 0 && settings_keeps(removal->settings, WEIR_PROPERTY_TIMES))
		result = sys_futimens(removal->sys, group->dir_fd, times);
	if (result < 0 && result != -EPERM)
		removal_error(group, result, "set attributes of", NULL);
}

/* Where no syncfs stands for all of them. */
static void removal_sync_folder(struct removal_group *group)
{
	struct removal *removal = group->removal;
	struct fs *fs = fs_find(removal->fs, group->dir_fd, group->dir->device, true);
	int result = 0;

	if (removal->settings->durable == WEIR_DURABLE_NONE || (fs != NULL && fs_is_memory(fs)))
		return;
	if (fs != NULL)
		fs->written = true;
	if (fs == NULL || !fs_believes_syncfs(fs) || fs->sync_fd < 0)
		result = sys_fsync(removal->sys, group->dir_fd);
	if (result >= 0 || result == -EINVAL)
		return;
	removal->unsynced = true;
	removal_error(group, result, "sync folder", NULL);
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
	if (group->dir_fd >= 0) {
		removal_restore(group);
		removal_sync_folder(group);
		dir_unpin(removal->root, group->dir);
	}
	if (group->dir != NULL)
		dir_put(removal->root, group->dir);
	group->dir = NULL;
	group->dir_fd = group->fd = -1;
	group->opened_up = false;
}

/* ---- entries ---- */

/* R2: 1: it is still what was planned; 0: it is gone; or -errno. */
static int removal_look(struct removal_group *group, const char *name, uint64_t device,
			uint64_t inode)
{
	struct sys_stat stat;
	int result = sys_statx(group->removal->sys, group->fd, name, false, &stat);

	if (result == -ENOENT)
		return 0;
	if (result < 0)
		return result;
	return stat.device == device && stat.inode == inode ? 1 : -ESTALE;
}

static void removal_unlink(struct removal_group *group, const char *name, uint32_t mode,
			   uint64_t device, uint64_t inode)
{
	struct removal *removal = group->removal;
	int flags = S_ISDIR(mode) ? AT_REMOVEDIR : 0;
	int result = removal_look(group, name, device, inode);

	if (result == -ESTALE) {
		removal_error(group, 0, "delete", "it is another one than when the run began");
		return;
	}
	if (result > 0)
		result = sys_unlinkat(removal->sys, group->fd, name, flags);
	if (result == -EACCES) {
		removal_open_up(group, group->fd);
		result = sys_unlinkat(removal->sys, group->fd, name, flags);
	}
	if (result < 0 && result != -ENOENT) {
		removal_error(group, result, "delete", NULL);
		return;
	}
	tally_add(&removal->tally->removed, 1);
	removal_tell(group, mode);
}

/* Into the folder of the record (R3). */
static int removal_enter(struct removal_group *group, const struct plan_record *record)
{
	struct removal *removal = group->removal;
	struct sys_stat stat;
	int fd = sys_openat(removal->sys, group->fd, record->name,
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK, 0);
	int result;

	if (fd < 0)
		return fd;
	result = sys_statx(removal->sys, fd, "", false, &stat);
	if (result == 0 && (stat.device != record->device || stat.inode != record->inode))
		result = -ESTALE;
	if (result == 0 && group->depth == group->room) {
		size_t room = group->room > 0 ? 2 * group->room : 16;
		struct removal_level *levels = reallocarray(group->levels, room, sizeof(*levels));

		result = levels == NULL ? -ENOMEM : 0;
		group->levels = levels != NULL ? levels : group->levels;
		group->room = levels != NULL ? room : group->room;
	}
	if (result == 0) {
		group->levels[group->depth] = (struct removal_level){
			.device = record->device,
			.inode = record->inode,
			.name = strdup(record->name),
		};
		result = group->levels[group->depth].name == NULL ? -ENOMEM : 0;
	}
	if (result < 0) {
		sys_close(removal->sys, fd);
		return result;
	}
	if (group->fd != group->dir_fd)
		sys_close(removal->sys, group->fd);
	group->fd = fd;
	group->depth++;
	return 0;
}

/* Out of the innermost folder, which goes unless it is KEPT (R3). */
static int removal_leave(struct removal_group *group, bool kept)
{
	struct removal *removal = group->removal;
	struct removal_level level = group->levels[--group->depth];
	struct sys_stat stat;
	int fd = sys_openat(removal->sys, group->fd, "..", O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0);
	uint64_t device = group->dir->device, inode = group->dir->inode;
	int result = fd;

	if (group->depth > 0) {
		device = group->levels[group->depth - 1].device;
		inode = group->levels[group->depth - 1].inode;
	}
	if (fd >= 0)
		result = sys_statx(removal->sys, fd, "", false, &stat);
	if (result == 0 && (stat.device != device || stat.inode != inode))
		result = -ESTALE;
	sys_close(removal->sys, group->fd);
	group->fd = fd;
	if (result == 0 && group->depth == 0) { /* the one that is held */
		sys_close(removal->sys, fd);
		group->fd = group->dir_fd;
	}
	if (result == 0 && !kept)
		removal_unlink(group, level.name, S_IFDIR | 0700, level.device, level.inode);
	free(level.name);
	return result;
}

/* ---- records ---- */

static void removal_lose(struct removal_group *group, long result)
{
	removal_error(group, result, "delete in", NULL);
	removal_end_group(group);
}

/* A record of what lies in the folder of a group that is not lost. */
static void removal_do(struct removal_group *group, const struct plan_record *record)
{
	int result = 0;

	if (group->lost > 0) { /* in a folder that could not be entered */
		group->lost += record->kind == PLAN_ENTER;
		group->lost -= record->kind == PLAN_LEAVE || record->kind == PLAN_LEAVE_KEPT;
		return;
	}
	switch (record->kind) {
	case PLAN_REMOVE:
		removal_unlink(group, record->name, record->mode, record->device, record->inode);
		break;
	case PLAN_ENTER:
		result = removal_enter(group, record);
		if (result < 0) {
			removal_error(group, result, "delete", NULL);
			group->lost = 1;
		}
		break;
	default:
		result = removal_leave(group, record->kind == PLAN_LEAVE_KEPT);
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
			result = removal_step(group, record);
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
	struct removal_group group = { .removal = removal, .dir_fd = -1, .fd = -1 };
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

bool removal_run(struct removal *removal)
{
	struct error error;
	int result = removal->plan->failed;

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
