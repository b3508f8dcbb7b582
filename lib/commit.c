/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The committer's work.
 *
 *   A unit is   True here                              Then
 *   parked      complete, nameless, descriptor held    its group is taken
 *   checked     the sync returned and its own          publish_unit()
 *               descriptor told no error (G4)
 *   published   it has its name                        the next sync
 *   durable     its name and its folders are synced    counted
 *
 * Invariants:
 * C1 (G2) sync, check, publish, folder attributes, second sync, count: in this
 *    order; no name is given to data that was not synced and checked;
 * C2 (G5) no failed sync is repeated on the same data; what failed is copied
 *    once more from the source;
 * C3 (T1) nothing here waits for a worker, the queue or the caller;
 * C4 (G1) a group has one file system.
 *
 * The second sync of a group is the first sync of the next one when that is
 * already full: one syncfs makes the names of the one and the data of the
 * other durable, and files are counted only then.
 */
#define _GNU_SOURCE
#include "commit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "invariant.h"
#include "limits.h"
#include "meta.h"

static void group_init(struct group *group)
{
	memset(group, 0, sizeof(*group));
	list_init(&group->units);
	list_init(&group->folders);
}

int commit_open(struct commit *commit, struct sys *sys, struct root *root, struct queue *queue,
		struct event_queue *events, struct tally *tally, const struct settings *settings,
		struct bell *bell, uint32_t units_max)
{
	memset(commit, 0, sizeof(*commit));
	commit->sys = sys;
	commit->root = root;
	commit->queue = queue;
	commit->events = events;
	commit->tally = tally;
	commit->settings = settings;
	commit->bell = bell;
	commit->units_max = units_max < LIMIT_GROUP_UNITS ? units_max : LIMIT_GROUP_UNITS;
	WEIR_ASSERT(commit->units_max > 0);
	group_init(&commit->open);
	list_init(&commit->unsynced_units);
	list_init(&commit->unsynced_folders);
	return -pthread_mutex_init(&commit->lock, NULL);
}

void commit_close(struct commit *commit)
{
	WEIR_ASSERT(commit_empty(commit));
	pthread_mutex_destroy(&commit->lock);
}

static bool group_is_empty(const struct group *group)
{
	return list_empty(&group->units) && list_empty(&group->folders);
}

static bool group_is_full(const struct commit *commit, const struct group *group)
{
	return group->count >= commit->units_max || group->bytes >= LIMIT_GROUP_BYTES ||
	       group->dirty_bytes >= tally_dirty_limit(commit->tally) / 2;
}

bool commit_empty(struct commit *commit)
{
	bool empty;

	pthread_mutex_lock(&commit->lock);
	empty = group_is_empty(&commit->open);
	pthread_mutex_unlock(&commit->lock);
	return empty;
}

bool commit_park(struct commit *commit, struct unit *unit)
{
	struct group *group = &commit->open;
	bool fits, full = false;

	WEIR_ASSERT(settings_parks(commit->settings));
	pthread_mutex_lock(&commit->lock);
	fits = group->count == 0 ||
	       (!group_is_full(commit, group) && group->fs == unit->folder->target_fs);
	if (fits) {
		if (group_is_empty(group))
			group->opened_ns = tally_now_ns();
		group->fs = unit->folder->target_fs; /* C4 */
		group->count++;
		group->bytes += unit->bytes;
		group->dirty_bytes += unit->dirty_bytes;
		list_add_tail(&group->units, &unit->node);
		tally_add(&commit->tally->files_parked, 1);
		tally_add(&commit->tally->bytes_parked, unit->bytes);
		full = group_is_full(commit, group);
	} else if (!group->urgent) {
		group->urgent = true;
		full = true;
	}
	pthread_mutex_unlock(&commit->lock);
	if (full)
		bell_ring(&commit->due);
	return fits;
}

uint64_t commit_hurry(struct commit *commit)
{
	uint64_t serial = 0;

	pthread_mutex_lock(&commit->lock);
	if (!group_is_empty(&commit->open)) {
		commit->open.urgent = true;
		serial = atomic_load(&commit->serial) + 1;
	} else if (atomic_load(&commit->done) < atomic_load(&commit->serial)) {
		serial = atomic_load(&commit->serial);
	}
	pthread_mutex_unlock(&commit->lock);
	if (serial != 0)
		bell_ring(&commit->due);
	return serial;
}

static void commit_post_error(struct commit *commit, const struct error *error,
			      const struct folder *folder, const char *name)
{
	char *path = error->side == ERROR_SIDE_SOURCE ? folder_source_path(folder, name)
						      : folder_target_path(folder, name);

	event_post_error(commit->events, error, path != NULL ? path : name, false);
	free(path);
}

static void commit_post_entry(struct commit *commit, const struct unit *unit)
{
	struct weir_event event = {
		.type = WEIR_EVENT_ENTRY,
		.action = unit->replaced ? WEIR_ACTION_REPLACE : WEIR_ACTION_CREATE,
		.offset = -1,
		.bytes = unit->bytes,
		.operation = "",
		.text = NULL,
	};
	char *path;

	if (!commit->settings->report_entries)
		return;
	path = folder_target_path(unit->folder, unit->target_name);
	event_post(commit->events, &event, path != NULL ? path : unit->target_name, false);
	free(path);
}

/* ---- folders that are complete ---- */

/* Final attributes of one complete folder (P4).  Its parent is opened through
 * it first, while that needs no permission of its own. */
static void commit_finish_folder(struct commit *commit, struct folder *folder)
{
	struct dir *dir = folder->target;
	struct error error = { 0 };
	int fd, parent_fd = -1;

	if (dir == NULL)
		return;
	fd = dir_pin(commit->root, dir, NULL);
	if (fd < 0) {
		error_set(&error, fd, ERROR_SIDE_TARGET, "open");
	} else {
		if (dir->parent != NULL)
			parent_fd = dir_pin(commit->root, dir->parent, dir);
		if (folder->finish)
			meta_finish_folder(commit->sys, commit->settings, fd, &folder->stat,
					   folder->fresh, &error);
		if (parent_fd >= 0)
			dir_unpin(commit->root, dir->parent);
		dir_unpin(commit->root, dir);
	}
	if (error.grade != ERROR_NONE)
		commit_post_error(commit, &error, folder, NULL);
	else if (folder->finish)
		tally_add(&commit->tally->folders_done, 1);
}

void commit_put_folder(struct commit *commit, struct folder *folder)
{
	while (folder != NULL && folder_put(folder)) {
		if (settings_parks(commit->settings) && folder->target != NULL) {
			struct group *group = &commit->open;

			pthread_mutex_lock(&commit->lock);
			if (group_is_empty(group))
				group->opened_ns = tally_now_ns();
			if (group->fs == NULL)
				group->fs = folder->target_fs;
			list_add_tail(&group->folders, &folder->node);
			pthread_mutex_unlock(&commit->lock);
			return;
		}
		commit_finish_folder(commit, folder);
		folder = folder_free(folder, commit->root);
	}
}

/* ---- step 1: sync, and step 2: check ---- */

static int commit_syncfs(struct commit *commit, struct fs *fs)
{
	uint64_t began = tally_now_ns();
	int result = sys_syncfs(commit->sys, fs->sync_fd);
	uint64_t took_ns = tally_now_ns() - began;

	tally_add(&commit->tally->syncs_fs, 1);
	tally_add(&commit->tally->sync_ns, took_ns);
	/* Other people's data is written with ours: from now on only ours (G3). */
	if (took_ns > 3 * LIMIT_GROUP_NS && commit->settings->sync == WEIR_SYNC_AUTO)
		fs->no_syncfs = true;
	return result;
}

static int commit_fsync(struct commit *commit, int fd)
{
	uint64_t began = tally_now_ns();
	int result = sys_fsync(commit->sys, fd);

	tally_add(&commit->tally->syncs_file, 1);
	tally_add(&commit->tally->sync_ns, tally_now_ns() - began);
	return result;
}

/* Bytes that the whole system has dirty; 0 if it does not say. */
static uint64_t commit_system_dirty(struct commit *commit)
{
	char text[4096];
	const char *line;

	if (sys_read_text(commit->sys, "/proc/meminfo", text, sizeof(text)) <= 0)
		return 0;
	line = strstr(text, "\nDirty:");
	return line != NULL ? strtoull(line + 7, NULL, 10) * 1024 : 0;
}

/* True where one syncfs may stand for a sync of each (G3). */
static bool commit_may_syncfs(const struct commit *commit, const struct fs *fs, uint32_t count)
{
	if (!fs_believes_syncfs(fs) || fs->no_syncfs)
		return false;
	if (commit->settings->sync == WEIR_SYNC_FILES ||
	    commit->settings->durable == WEIR_DURABLE_FILE)
		return false;
	return commit->settings->sync == WEIR_SYNC_FS || count > LIMIT_HANDFUL;
}

/* True if syncfs costs less than an fsync of each, although it writes what
 * strangers have dirty too: one fsync takes about as long as 256 KiB (G3). */
static bool commit_is_mostly_ours(struct commit *commit, const struct group *group)
{
	uint64_t ours = tally_get(&commit->tally->dirty_bytes);

	if (commit->settings->sync == WEIR_SYNC_FS)
		return true;
	return commit_system_dirty(commit) <=
	       2 * ours + LIMIT_STRANGE_BYTES + (uint64_t)group->count * LIMIT_FSYNC_WORTH_BYTES;
}

/* The file's own write-back error, told once and to this descriptor (G4). */
static int commit_check(struct commit *commit, const struct unit *unit)
{
	int result = sys_sync_file_range(commit->sys, unit->fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE);

	/* A file system without it: the sync's own result must do. */
	return result == -ESPIPE || result == -ENOSYS || result == -EINVAL ? 0 : result;
}

static void commit_close_unit(struct commit *commit, struct unit *unit)
{
	if (unit->fd >= 0)
		sys_close(commit->sys, unit->fd);
	unit->fd = -1;
}

/* Drops a unit that was lost on its way to the disk: copied once more, with an
 * fsync of its own; failing again, it has failed (G4, C2). */
static void commit_lose(struct commit *commit, struct unit *unit, int result)
{
	struct dir *target = unit->folder->target;
	struct error error = { 0 };

	if (unit->temp_named) {
		int dirfd = dir_pin(commit->root, target, NULL);

		if (dirfd >= 0) {
			publish_drop(commit->sys, unit, dirfd);
			dir_unpin(commit->root, target);
		}
		unit->temp_named = false;
		dir_temp_removed(commit->root, target);
	}
	commit_close_unit(commit, unit);
	tally_sub(&commit->tally->bytes_written, unit->bytes);
	tally_sub(&commit->tally->bytes_durable, unit->counted_bytes);
	unit->counted_bytes = 0;
	if (!unit->retry && !atomic_load(&commit->dropping) &&
	    queue_push_retry(commit->queue, unit->folder, unit->type, unit->name,
			     unit->target_name) == 0)
		return;
	error_set(&error, result, ERROR_SIDE_TARGET, "write back");
	commit_post_error(commit, &error, unit->folder, unit->target_name);
}

/* One fsync flushes the device, which syncfs leaves out on XFS when the log had
 * nothing to write (G3).  A file whose fsync fails goes to OVER. */
static void commit_flush(struct commit *commit, struct list *good, struct list *over)
{
	struct list *next;

	for (struct list *node = good->next; node != good; node = next) {
		struct unit *unit = LIST_ENTRY(node, struct unit, node);
		int result;

		next = node->next;
		if (unit->fd < 0)
			continue;
		result = commit_fsync(commit, unit->fd);
		if (result == 0)
			return;
		list_remove(&unit->node); /* no flush happened: the next one tries */
		commit_lose(commit, unit, result);
		list_add_tail(over, &unit->node);
	}
}

/* G4: the sync failed and no file of ours did. */
static void commit_tell_stranger(struct commit *commit, int result)
{
	struct error error;

	error_set(&error, result, ERROR_SIDE_TARGET, "sync the file system of");
	error.grade = ERROR_WARNING;
	error.text = "each file of ours is synced; what was lost is somebody else's";
	event_post_error(commit->events, &error, "the target", false);
}

/* Makes the data of a group durable (C1).  What is good goes to GOOD, what was
 * lost to OVER.  0, or the error of a syncfs that also stood for the names of
 * the group before; *whole tells whether there was one. */
static int commit_sync_data(struct commit *commit, struct group *group, struct list *good,
			    struct list *over, bool *whole)
{
	/* What is being dropped needs no sync; what lives in memory knows none. */
	bool unsynced = fs_is_memory(group->fs) || atomic_load(&commit->dropping);
	int sync_result = 0;
	bool lost = false;
	struct list *node;

	*whole = !unsynced && commit_may_syncfs(commit, group->fs, group->count) &&
		 commit_is_mostly_ours(commit, group);
	if (*whole)
		sync_result = commit_syncfs(commit, group->fs);
	while ((node = list_take_head(&group->units)) != NULL) {
		struct unit *unit = LIST_ENTRY(node, struct unit, node);
		int result = 0;

		tally_sub(&commit->tally->files_parked, 1);
		tally_sub(&commit->tally->bytes_parked, unit->bytes);
		tally_sub(&commit->tally->dirty_bytes, unit->dirty_bytes);
		if (unit->fd >= 0 && !unsynced) {
			result = commit_check(commit, unit);
			/* A failed syncfs proves nothing about anybody (G4). */
			if (result == 0 && !unit->synced && (!*whole || sync_result < 0))
				result = commit_fsync(commit, unit->fd);
		}
		if (result < 0)
			commit_lose(commit, unit, result);
		lost = lost || result < 0;
		list_add_tail(result < 0 ? over : good, &unit->node);
	}
	if (*whole && sync_result == 0)
		commit_flush(commit, good, over);
	if (sync_result < 0 && !lost)
		commit_tell_stranger(commit, sync_result);
	return sync_result;
}

/* ---- step 3: publish ---- */

static void commit_count_published(struct commit *commit, const struct unit *unit)
{
	if (unit->type != DT_REG) {
		tally_add(&commit->tally->others_done, 1);
		return;
	}
	tally_add(&commit->tally->files_done, 1);
	if (settings_parks(commit->settings)) {
		commit->unsynced_files++;
		commit->unsynced_bytes += unit->bytes;
		commit->unsynced_counted += unit->counted_bytes;
	}
}

static void commit_tell_grown(struct commit *commit, const struct unit *unit)
{
	const struct error error = {
		.grade = ERROR_WARNING,
		.side = ERROR_SIDE_SOURCE,
		.source_changed = true,
		.operation = "copy all of",
		.text = "it grew meanwhile; what it held at the start was copied",
		.offset = -1,
	};

	if (unit->grew)
		commit_post_error(commit, &error, unit->folder, unit->name);
}

static void commit_told(struct commit *commit, struct unit *unit, enum publish_answer answer)
{
	if (answer == PUBLISH_DONE) {
		commit_count_published(commit, unit);
		commit_tell_grown(commit, unit);
		commit_post_entry(commit, unit);
	} else if (answer == PUBLISH_SKIPPED) {
		tally_add(&commit->tally->entries_skipped, 1);
	}
}

/* Gives one unit its name and lets go of its descriptor; its reference on the
 * folder stays. */
static void commit_publish_unit(struct commit *commit, struct unit *unit)
{
	struct dir *target = unit->folder->target;
	bool had_temp = unit->temp_named;
	struct error error = { 0 };
	enum publish_answer answer = PUBLISH_FAILED;
	int dirfd = dir_pin(commit->root, target, NULL);

	if (dirfd < 0) {
		error_set(&error, dirfd, ERROR_SIDE_TARGET, "open folder of");
	} else {
		if (!atomic_load(&commit->dropping))
			answer = publish_unit(commit->sys, commit->settings, unit, dirfd, &error);
		else
			publish_drop(commit->sys, unit, dirfd);
		dir_unpin(commit->root, target);
	}
	if (atomic_load(&commit->dropping) && answer != PUBLISH_DONE)
		atomic_store(&commit->dropped, true);
	unit->temp_named = false;
	if (had_temp)
		dir_temp_removed(commit->root, target);
	if (answer == PUBLISH_AGAIN) {
		commit_lose(commit, unit, -EOPNOTSUPP);
		return;
	}
	if (unit->fd >= 0) {
		int result = sys_close(commit->sys, unit->fd);

		unit->fd = -1;
		if (result < 0 && answer == PUBLISH_DONE)
			error_set(&error, result, ERROR_SIDE_TARGET, "close");
	}
	if (error.grade != ERROR_NONE)
		commit_post_error(commit, &error, unit->folder, unit->target_name);
	commit_told(commit, unit, answer);
}

void commit_publish_now(struct commit *commit, struct unit *unit)
{
	struct folder *folder = unit->folder;

	WEIR_ASSERT(!settings_parks(commit->settings));
	/* From here on the kernel's own limits hold; the sync at the end waits. */
	tally_sub(&commit->tally->dirty_bytes, unit->dirty_bytes);
	commit_publish_unit(commit, unit);
	free(unit);
	commit_put_folder(commit, folder);
}

/* ---- steps 4 and 5: folders, second sync, count ---- */

static void commit_forget_unsynced(struct commit *commit)
{
	commit->unsynced_files = 0;
	commit->unsynced_bytes = 0;
	commit->unsynced_counted = 0;
	commit->unsynced_fs = NULL;
}

static void commit_count_durable(struct commit *commit)
{
	struct tally *tally = commit->tally;

	tally_add(&tally->files_durable, commit->unsynced_files);
	tally_add(&tally->bytes_durable, commit->unsynced_bytes - commit->unsynced_counted);
	if (commit->unsynced_files > 0 && tally_get(&tally->first_group_ns) == 0)
		tally_add(&tally->first_group_ns, tally_now_ns() - tally->began_ns);
	commit_forget_unsynced(commit);
}

/* G6: published, but nobody knows whether it would survive. */
static void commit_names_lost(struct commit *commit, int result, const struct folder *folder)
{
	struct error error = { 0 };

	atomic_store(&commit->failed, true);
	error_set(&error, result, ERROR_SIDE_TARGET, "sync names below");
	error.text = "published, not known to be durable";
	if (folder != NULL)
		commit_post_error(commit, &error, folder, NULL);
	else
		event_post_error(commit->events, &error, "", false);
	commit_forget_unsynced(commit);
}

/* Syncs one folder by its descriptor. */
static int commit_fsync_dir(struct commit *commit, struct dir *dir)
{
	int result = dir_pin(commit->root, dir, NULL);

	if (result < 0)
		return result;
	result = commit_fsync(commit, result);
	dir_unpin(commit->root, dir);
	/* Some file systems have no sync of folders; there is nothing more.  A
	 * folder that may not be read gives EBADF: its names are not known to be
	 * durable. */
	if (result == -EBADF)
		result = -EACCES;
	return result == -EINVAL ? 0 : result;
}

/* Syncs FOLDER and the entries of the new folders it lies in, up to an old one:
 * a file counts only when the folders it needs do (G2). */
static int commit_fsync_chain(struct commit *commit, struct folder *folder)
{
	int result = commit_fsync_dir(commit, folder->target);

	while (result == 0 && folder != NULL && folder->fresh && !folder->entry_durable &&
	       folder->target->parent != NULL) {
		result = commit_fsync_dir(commit, folder->target->parent);
		folder->entry_durable = result == 0;
		folder = folder->parent;
	}
	return result;
}

/* Syncs the folders that were linked or renamed into, and those whose
 * attributes were set. */
static int commit_fsync_folders(struct commit *commit, struct list *over, struct list *finished,
				struct folder **failed)
{
	struct folder *last = NULL;
	int result = 0;

	for (struct list *node = over->next; node != over && result == 0; node = node->next) {
		struct folder *folder = LIST_ENTRY(node, struct unit, node)->folder;

		if (folder != last)
			result = commit_fsync_chain(commit, folder);
		*failed = last = folder;
	}
	for (struct list *node = finished->next; node != finished && result == 0;
	     node = node->next) {
		struct folder *folder = LIST_ENTRY(node, struct folder, node);

		if (folder->target != NULL && folder->finish)
			result = commit_fsync_chain(commit, folder);
		*failed = folder;
	}
	return result;
}

/* Finishes folders, children first; a parent completed by it comes after. */
static void commit_finish_folders(struct commit *commit, struct group *group, struct list *finished)
{
	struct list *node;

	while ((node = list_take_head(&group->folders)) != NULL) {
		struct folder *folder = LIST_ENTRY(node, struct folder, node);
		struct folder *parent = folder->parent;

		commit_finish_folder(commit, folder);
		/* A folder on another file system than the group's (C4). */
		if (folder->target != NULL && folder->target_fs != group->fs) {
			int result = commit_fsync_dir(commit, folder->target);

			if (result < 0)
				commit_names_lost(commit, result, folder);
		}
		list_add_tail(finished, &folder->node);
		if (parent != NULL && folder_put(parent))
			list_add_tail(&group->folders, &parent->node);
	}
}

/* True if the group that is being filled is due and will begin with a syncfs
 * of the same file system. */
static bool commit_next_syncs(struct commit *commit, const struct fs *fs)
{
	bool next;

	pthread_mutex_lock(&commit->lock);
	next = commit->open.fs == fs && group_is_full(commit, &commit->open) &&
	       commit_may_syncfs(commit, fs, commit->open.count);
	pthread_mutex_unlock(&commit->lock);
	return next;
}

/* The second sync, unless the next group's first one will do (see above). */
static void commit_sync_names(struct commit *commit, struct group *group, bool whole,
			      struct list *over, struct list *finished)
{
	struct folder *folder = NULL;
	int result = 0;

	commit->unsynced_fs = group->fs;
	if (fs_is_memory(group->fs)) {
		commit_count_durable(commit);
		return;
	}
	if (whole && commit_next_syncs(commit, group->fs))
		return;
	if (whole || (list_empty(over) && commit_may_syncfs(commit, group->fs, UINT32_MAX)))
		result = commit_syncfs(commit, group->fs);
	else
		result = commit_fsync_folders(commit, over, finished, &folder);
	if (result == -EACCES && fs_believes_syncfs(group->fs)) /* it may not be opened to sync */
		result = commit_syncfs(commit, group->fs);
	if (result < 0)
		commit_names_lost(commit, result, folder);
	else
		commit_count_durable(commit);
}

static void commit_free_lists(struct commit *commit, struct list *over, struct list *finished)
{
	struct list *node;

	while ((node = list_take_head(over)) != NULL)
		free(LIST_ENTRY(node, struct unit, node));
	while ((node = list_take_head(finished)) != NULL)
		folder_free(LIST_ENTRY(node, struct folder, node), commit->root);
}

/* The names of the group before, if they were left to this group's sync: FS was
 * SYNCED with RESULT.  A failure may be about this group's data, but asking the
 * folders then would be a second sync of what one has failed for: on XFS fsync
 * of a folder returns 0 after a shutdown that lost its names (G5). */
static void commit_settle_before(struct commit *commit, struct fs *fs, bool synced, int result)
{
	struct folder *folder = NULL;

	if (commit->unsynced_fs == NULL)
		return;
	if (!synced || commit->unsynced_fs != fs)
		result = commit_fsync_folders(commit, &commit->unsynced_units,
					      &commit->unsynced_folders, &folder);
	if (result < 0)
		commit_names_lost(commit, result, folder);
	else
		commit_count_durable(commit);
	commit_free_lists(commit, &commit->unsynced_units, &commit->unsynced_folders);
}

static void commit_group(struct commit *commit, struct group *group)
{
	struct list good, over, finished;
	struct list *node;
	uint64_t began;
	bool whole;
	int result;

	list_init(&good);
	list_init(&over);
	list_init(&finished);
	result = commit_sync_data(commit, group, &good, &over, &whole);
	commit_settle_before(commit, group->fs, whole, result);
	began = tally_now_ns();
	while ((node = list_take_head(&good)) != NULL) {
		commit_publish_unit(commit, LIST_ENTRY(node, struct unit, node));
		list_add_tail(&over, node);
	}
	for (node = over.next; node != &over; node = node->next) {
		struct folder *folder = LIST_ENTRY(node, struct unit, node)->folder;

		if (folder_put(folder))
			list_add_tail(&group->folders, &folder->node);
	}
	commit_finish_folders(commit, group, &finished);
	tally_add(&commit->tally->publish_ns, tally_now_ns() - began);
	commit_sync_names(commit, group, whole, &over, &finished);
	if (commit->unsynced_fs != NULL) {
		list_move_all(&over, &commit->unsynced_units);
		list_move_all(&finished, &commit->unsynced_folders);
	}
	commit_free_lists(commit, &over, &finished);
	tally_add(&commit->tally->groups, 1);
}

/* Takes the open group if it is due (G1). */
static bool commit_take(struct commit *commit, struct group *taken, bool last)
{
	struct group *group = &commit->open;
	bool due;

	pthread_mutex_lock(&commit->lock);
	due = !group_is_empty(group) && (last || group->urgent || group_is_full(commit, group) ||
					 tally_now_ns() - group->opened_ns >= LIMIT_GROUP_NS);
	if (due) {
		group_init(taken);
		list_move_all(&group->units, &taken->units);
		list_move_all(&group->folders, &taken->folders);
		taken->fs = group->fs;
		taken->count = group->count;
		taken->dirty_bytes = group->dirty_bytes;
		group_init(group);
		atomic_fetch_add(&commit->serial, 1);
	}
	pthread_mutex_unlock(&commit->lock);
	return due;
}

bool commit_step(struct commit *commit, bool last)
{
	struct group group;

	if (!commit_take(commit, &group, last))
		return false;
	bell_ring(commit->bell); /* room for those who wait to park */
	commit_group(commit, &group);
	atomic_fetch_add(&commit->done, 1);
	bell_ring(commit->bell);
	return true;
}

void commit_finish(struct commit *commit, struct fs_table *table)
{
	WEIR_ASSERT(commit_empty(commit));
	commit_settle_before(commit, NULL, false, 0);
	if (commit->settings->durable != WEIR_DURABLE_END)
		return;
	for (struct list *node = table->all.next; node != &table->all; node = node->next) {
		struct fs *fs = LIST_ENTRY(node, struct fs, node);
		int result;

		if (!fs->written || fs_is_memory(fs))
			continue;
		result = fs->sync_fd >= 0 ? commit_syncfs(commit, fs) : -EBADF;
		if (result < 0)
			commit_names_lost(commit, result, NULL);
	}
	if (!atomic_load(&commit->failed)) {
		atomic_store(&commit->tally->files_durable, tally_get(&commit->tally->files_done));
		atomic_store(&commit->tally->bytes_durable,
			     tally_get(&commit->tally->bytes_written));
	}
}
