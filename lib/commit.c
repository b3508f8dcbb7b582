/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The committer's work.
 *
 *   A unit is   True here                              Then
 *   parked      complete, nameless, descriptor held    its group is taken
 *   checked     the sync returned and its own          its group is given to naming
 *               descriptor told no error (G4)
 *   published   it has its name                        a sync that began after that
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
 * Three groups exist at most: one is filled, one synced, one named.  While the
 * groups come full, a syncfs makes the data of one durable and the names of
 * those that were named before it began; a group that is being named meanwhile
 * waits for the next.  Files are counted only then.
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

int commit_open(struct commit *commit, const struct commit_plan *plan)
{
	int result;

	memset(commit, 0, sizeof(*commit));
	commit->sys = plan->sys;
	commit->root = plan->root;
	commit->events = plan->events;
	commit->tally = plan->tally;
	commit->settings = plan->settings;
	commit->bell = plan->bell;
	commit->units_max = plan->units_max < LIMIT_GROUP_UNITS ? plan->units_max
								: LIMIT_GROUP_UNITS;
	WEIR_ASSERT(commit->units_max > 0);
	group_init(&commit->open);
	group_init(&commit->given);
	group_init(&commit->unsynced);
	result = naming_open(&commit->naming);
	if (result < 0)
		return result;
	commit->naming.sys = plan->sys;
	commit->naming.root = plan->root;
	commit->naming.queue = plan->queue;
	commit->naming.links = plan->links;
	commit->naming.moves = plan->moves;
	commit->naming.events = plan->events;
	commit->naming.tally = plan->tally;
	commit->naming.loss = plan->loss;
	commit->naming.settings = plan->settings;
	return -pthread_mutex_init(&commit->lock, NULL);
}

void commit_close(struct commit *commit)
{
	WEIR_ASSERT(commit_empty(commit));
	naming_close(&commit->naming);
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

/* Enough for a committer that has nothing else to do. */
static bool group_is_worth(const struct commit *commit, const struct group *group)
{
	return group->count >= LIMIT_GROUP_WORTH_UNITS || group_is_full(commit, group);
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
	atomic_store(&unit->folder->changed, true);
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
		group->inherits = group->inherits || unit->inherits;
		list_add_tail(&group->units, &unit->node);
		tally_add(&commit->tally->files_parked, 1);
		tally_add(&commit->tally->bytes_parked, unit->bytes);
		full = group->count == LIMIT_GROUP_WORTH_UNITS || group_is_full(commit, group);
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

/* ---- folders that are complete ---- */

void commit_put_folder(struct commit *commit, struct folder *folder)
{
	while (folder != NULL && folder_put(folder)) {
		if (settings_syncs(commit->settings) && !folder->finish &&
		    !atomic_load(&folder->changed)) {
			folder = folder_free(folder, commit->root); /* nothing was done in it */
			continue;
		}
		if (settings_parks(commit->settings) && !commit->settings->dry_run &&
		    folder->target != NULL) {
			struct group *group = &commit->open;

			folder_leave_source(folder, commit->root);
			pthread_mutex_lock(&commit->lock);
			if (group_is_empty(group))
				group->opened_ns = tally_now_ns();
			if (group->fs == NULL)
				group->fs = folder->target_fs;
			list_add_tail(&group->folders, &folder->node);
			pthread_mutex_unlock(&commit->lock);
			return;
		}
		naming_finish_folder(&commit->naming, folder);
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

/* One fsync flushes the device, which syncfs leaves out on XFS when the log had
 * nothing to write (G3). */
static void commit_flush(struct commit *commit, struct group *group)
{
	struct list *good = &group->units;
	struct list *next;

	for (struct list *node = good->next; node != good; node = next) {
		struct unit *unit = LIST_ENTRY(node, struct unit, node);
		int result;

		next = node->next;
		if (!unit_has_data(unit))
			continue;
		result = commit_fsync(commit, unit->fd);
		if (result == 0)
			return;
		list_remove(&unit->node); /* no flush happened: the next one tries */
		naming_lose(&commit->naming, unit, result);
		list_add_tail(&group->named, &unit->node);
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

/* Before the first link to an earlier copy: nobody knows whether that was synced, and no
 * descriptor of ours saw its data being written. */
static void commit_sync_earlier(struct commit *commit, const struct group *group)
{
	struct error error;
	int result = -EBADF;

	if (!group->inherits || commit->earlier_synced || fs_is_memory(group->fs) ||
	    atomic_load(&commit->naming.dropping))
		return;
	commit->earlier_synced = true;
	if (group->fs->sync_fd >= 0)
		result = commit_syncfs(commit, group->fs);
	if (result == 0)
		result = fs_flush(commit->sys, group->fs);
	if (result == 0)
		return;
	atomic_store(&commit->failed, true);
	error_set(&error, result, ERROR_SIDE_TARGET, "sync the earlier copies beside");
	error.text = "what is linked to is not known to be durable";
	event_post_error(commit->events, &error, "the target", false);
}

/* Makes the data of a group durable (C1); what was lost leaves its units.  0, or
 * the error of a syncfs that also stood for names; group->whole tells whether
 * there was one. */
static int commit_sync_data(struct commit *commit, struct group *group)
{
	/* What is being dropped needs no sync; what lives in memory knows none. */
	bool unsynced = fs_is_memory(group->fs) || atomic_load(&commit->naming.dropping);
	int sync_result = 0;
	bool lost = false;
	struct list good;
	struct list *node;

	list_init(&good);
	group->whole = !unsynced && commit_may_syncfs(commit, group->fs, group->count) &&
		       commit_is_mostly_ours(commit, group);
	if (group->whole)
		sync_result = commit_syncfs(commit, group->fs);
	while ((node = list_take_head(&group->units)) != NULL) {
		struct unit *unit = LIST_ENTRY(node, struct unit, node);
		int result = 0;

		tally_sub(&commit->tally->files_parked, 1);
		tally_sub(&commit->tally->bytes_parked, unit->bytes);
		tally_sub(&commit->tally->dirty_bytes, unit->dirty_bytes);
		if (unit_has_data(unit) && !unsynced) {
			result = commit_check(commit, unit);
			/* A failed syncfs proves nothing about anybody (G4). */
			if (result == 0 && !unit->synced && (!group->whole || sync_result < 0))
				result = commit_fsync(commit, unit->fd);
		}
		if (result < 0)
			naming_lose(&commit->naming, unit, result);
		lost = lost || result < 0;
		list_add_tail(result < 0 ? &group->named : &good, &unit->node);
	}
	list_move_all(&good, &group->units);
	if (group->whole && sync_result == 0)
		commit_flush(commit, group);
	if (sync_result < 0 && !lost)
		commit_tell_stranger(commit, sync_result);
	return sync_result;
}

void commit_publish_now(struct commit *commit, struct unit *unit)
{
	struct folder *folder = unit->folder;

	WEIR_ASSERT(!settings_parks(commit->settings));
	atomic_store(&folder->changed, true);
	/* From here on the kernel's own limits hold; the sync at the end waits. */
	tally_sub(&commit->tally->dirty_bytes, unit->dirty_bytes);
	naming_publish_now(&commit->naming, unit);
	free(unit);
	commit_put_folder(commit, folder);
}

/* ---- steps 4 and 5: second sync, count ---- */

static bool commit_has_unsynced(const struct commit *commit)
{
	return !list_empty(&commit->unsynced.named) || !list_empty(&commit->unsynced.finished);
}

/* G6: published, but nobody knows whether it would survive. */
static void commit_names_lost(struct commit *commit, int result, const struct folder *folder)
{
	struct error error = { 0 };

	atomic_store(&commit->failed, true);
	error_set(&error, result, ERROR_SIDE_TARGET, "sync names below");
	error.text = "published, not known to be durable";
	if (folder != NULL)
		naming_post_error(&commit->naming, &error, folder, NULL);
	else
		event_post_error(commit->events, &error, "", false);
}

/* The names that were unsynced are durable, or with a RESULT below 0 not known
 * to be; FOLDER is where that was seen, or NULL. */
static void commit_settle(struct commit *commit, int result, const struct folder *folder)
{
	struct group *group = &commit->unsynced;
	struct tally *tally = commit->tally;
	struct list *node;

	if (result < 0) {
		commit_names_lost(commit, result, folder);
	} else {
		tally_add(&tally->files_durable, group->files);
		tally_add(&tally->bytes_durable, group->files_bytes - group->files_counted);
		if (group->files > 0 && tally_get(&tally->first_group_ns) == 0)
			tally_add(&tally->first_group_ns, tally_now_ns() - tally->began_ns);
	}
	while ((node = list_take_head(&group->named)) != NULL) {
		WEIR_ASSERT(LIST_ENTRY(node, struct unit, node)->link == NULL);
		free(LIST_ENTRY(node, struct unit, node));
	}
	while ((node = list_take_head(&group->finished)) != NULL)
		folder_free(LIST_ENTRY(node, struct folder, node), commit->root);
	group_init(group);
}

/* Syncs one folder by its descriptor. */
static int commit_fsync_dir(struct commit *commit, struct dir *dir)
{
	struct sys_stat stat;
	int result = dir_pin(commit->root, dir, NULL);
	int fd;

	if (result < 0)
		return result;
	fd = result;
	result = commit_fsync(commit, fd);
	/* XFS returns 0 after a shutdown that lost the names (G5); looking at the
	 * folder then fails. */
	if (result == 0)
		result = sys_statx(commit->sys, fd, "", false, &stat);
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

	if (folder->role == FOLDER_PAIR) /* its target is that of a folder above */
		folder = folder->parent;
	while (result == 0 && folder != NULL && folder->fresh && !folder->entry_durable &&
	       folder->target->parent != NULL) {
		result = commit_fsync_dir(commit, folder->target->parent);
		folder->entry_durable = result == 0;
		folder = folder->parent;
		/* What operands share is a folder above its pair. */
		if (folder != NULL && folder->role == FOLDER_PAIR)
			folder = folder->parent;
	}
	return result;
}

/* Syncs the folders that were linked or renamed into, and those whose
 * attributes were set. */
static int commit_fsync_folders(struct commit *commit, struct folder **failed)
{
	struct list *named = &commit->unsynced.named;
	struct list *finished = &commit->unsynced.finished;
	struct folder *last = NULL;
	int result = 0;

	for (struct list *node = named->next; node != named && result == 0; node = node->next) {
		struct folder *folder = LIST_ENTRY(node, struct unit, node)->folder;

		if (folder != last)
			result = commit_fsync_chain(commit, folder);
		*failed = last = folder;
	}
	for (struct list *node = finished->next; node != finished && result == 0;
	     node = node->next) {
		struct folder *folder = LIST_ENTRY(node, struct folder, node);

		if (folder->target != NULL && (folder->finish || folder->settled))
			result = commit_fsync_chain(commit, folder);
		*failed = folder;
	}
	return result;
}

/* True if the group that is being filled is due and will begin with a syncfs
 * of the same file system. */
static bool commit_next_syncs(struct commit *commit, const struct fs *fs)
{
	bool next;

	pthread_mutex_lock(&commit->lock);
	next = commit->open.fs == fs && group_is_worth(commit, &commit->open) &&
	       commit_may_syncfs(commit, fs, commit->open.count);
	pthread_mutex_unlock(&commit->lock);
	return next;
}

/* Folders on another file system than their group's (C4). */
static void commit_sync_foreign(struct commit *commit, struct group *group)
{
	struct list *head = &group->finished;

	for (struct list *node = head->next; node != head; node = node->next) {
		struct folder *folder = LIST_ENTRY(node, struct folder, node);
		int result;

		if (folder->target == NULL || folder->target_fs == group->fs)
			continue;
		result = commit_fsync_dir(commit, folder->target);
		if (result < 0)
			commit_names_lost(commit, result, folder);
	}
}

/* Takes back the group that was given to naming: its names belong to the syncs
 * that begin from now on. */
static void commit_collect(struct commit *commit)
{
	struct group *given = &commit->given;
	struct group *unsynced = &commit->unsynced;

	if (!commit->is_given)
		return;
	naming_wait(&commit->naming);
	commit->is_given = false;
	commit_sync_foreign(commit, given);
	WEIR_ASSERT(!commit_has_unsynced(commit) || unsynced->fs == given->fs);
	unsynced->fs = given->fs;
	unsynced->whole = given->whole;
	unsynced->nodes = unsynced->nodes || given->nodes;
	unsynced->files += given->files;
	unsynced->files_bytes += given->files_bytes;
	unsynced->files_counted += given->files_counted;
	list_move_all(&given->named, &unsynced->named);
	list_move_all(&given->finished, &unsynced->finished);
	tally_add(&commit->tally->groups, 1);
}

static void commit_give(struct commit *commit, struct group *group)
{
	struct group *given = &commit->given;

	WEIR_ASSERT(!commit->is_given);
	*given = *group;
	group_init_lists(given);
	list_move_all(&group->units, &given->units);
	list_move_all(&group->named, &given->named);
	list_move_all(&group->folders, &given->folders);
	commit->is_given = true;
	naming_give(&commit->naming, given);
}

/* Syncs the names that are not known to be durable, as far as they are
 * collected, by themselves. */
static void commit_sync_names(struct commit *commit)
{
	const struct group *group = &commit->unsynced;
	struct folder *folder = NULL;
	int result = 0;

	if (!commit_has_unsynced(commit))
		return;
	if (!fs_is_memory(group->fs)) {
		if (group->whole || (group->nodes && fs_believes_syncfs(group->fs)) ||
		    (list_empty(&group->named) && commit_may_syncfs(commit, group->fs, UINT32_MAX)))
			result = commit_syncfs(commit, group->fs);
		else
			result = commit_fsync_folders(commit, &folder);
		/* One of them may not be opened to sync it. */
		if (result == -EACCES && fs_believes_syncfs(group->fs))
			result = commit_syncfs(commit, group->fs);
	}
	commit_settle(commit, result, folder);
}

static void commit_group(struct commit *commit, struct group *group)
{
	struct fs *fs = group->fs;
	bool stands;
	int result;

	commit_sync_earlier(commit, group);
	result = commit_sync_data(commit, group);
	stands = group->whole && commit->unsynced.fs == fs;

	/* The names that waited for it.  A failure may be about this group's data,
	 * but asking the folders now would be a second sync of what one has failed
	 * for (G5). */
	if (stands && commit_has_unsynced(commit))
		commit_settle(commit, result, NULL);
	/* Those given while it went on: the next sync is theirs, unless this one
	 * failed. */
	commit_collect(commit);
	stands = group->whole && commit->unsynced.fs == fs;
	if (stands && result < 0 && commit_has_unsynced(commit))
		commit_settle(commit, result, NULL);
	if (!stands)
		commit_sync_names(commit);
	commit_give(commit, group);
	if (commit->given.whole && commit_next_syncs(commit, fs))
		return;
	commit_collect(commit);
	if (!commit->unsynced.whole || !commit_next_syncs(commit, fs))
		commit_sync_names(commit);
}

/* Takes the open group if it is due (G1). */
static bool commit_take(struct commit *commit, struct group *taken, bool last)
{
	struct group *group = &commit->open;
	bool due;

	pthread_mutex_lock(&commit->lock);
	due = !group_is_empty(group) && (last || group->urgent || group_is_worth(commit, group) ||
					 tally_now_ns() - group->opened_ns >= LIMIT_GROUP_NS);
	if (due) {
		group_init(taken);
		list_move_all(&group->units, &taken->units);
		list_move_all(&group->folders, &taken->folders);
		taken->fs = group->fs;
		taken->count = group->count;
		taken->dirty_bytes = group->dirty_bytes;
		taken->inherits = group->inherits;
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
	atomic_store(&commit->done, atomic_load(&commit->serial) - (commit->is_given ? 1 : 0));
	bell_ring(commit->bell);
	return true;
}

void commit_finish(struct commit *commit, struct fs_table *table)
{
	WEIR_ASSERT(commit_empty(commit));
	commit_collect(commit);
	naming_finish_late(&commit->naming);
	commit_sync_names(commit);
	if (commit->settings->durable != WEIR_DURABLE_END)
		return;
	for (struct list *node = table->all.next; node != &table->all; node = node->next) {
		struct fs *fs = LIST_ENTRY(node, struct fs, node);
		int result;

		if (!fs->written || fs_is_memory(fs))
			continue;
		result = fs->sync_fd >= 0 ? commit_syncfs(commit, fs) : -EBADF;
		if (result == 0)
			result = fs_flush(commit->sys, fs);
		if (result < 0)
			commit_names_lost(commit, result, NULL);
	}
	if (!atomic_load(&commit->failed) && !atomic_load(&commit->naming.unsure) &&
	    !atomic_load(&commit->naming.poured)) {
		atomic_store(&commit->tally->files_durable, tally_get(&commit->tally->files_done));
		atomic_store(&commit->tally->bytes_durable,
			     tally_get(&commit->tally->bytes_written));
	}
}
