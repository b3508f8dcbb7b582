/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Residue of one folder.
 *
 *   Lock        True here                                  Then
 *   FREE        nothing was found yet                      the first find tries the lock
 *   LOCKED      no run has temps here: what has such a     removed; let go of for a moment
 *               name is left over                          now and then, and at the end
 *   UNLOCKABLE  locks do not work on this file system      what is older than a day goes
 *   BUSY        a run is at work here, which was told      its names stay
 *
 * Invariants:
 * R1 a name goes only if a run has made it (the checksum in it), the folder is LOCKED,
 *    or else it is older than a day, and what it names just before is what was judged,
 *    by device, inode and type;
 * R2 a folder goes only if it is empty, or is the unfinished snapshot that was asked for;
 * R3 what a next run finishes is told and never removed, unless a run is at work on it;
 * R4 the lock is not kept from runs that wait for it, 250 ms long (dir_temp_added()), and
 *    not kept at all while the reader of the events is slow.  An unfinished snapshot is
 *    held until it is gone: nobody is to fill it meanwhile;
 * R5 a dry run takes the lock, and changes nothing.
 */
#define _GNU_SOURCE
#include "residue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "holder.h"
#include "lister.h"
#include "raze.h"
#include "retain.h"
#include "temp.h"
#include "torn.h"

#define RESIDUE_TRIES 5 /* the kernel may hold the lock of a killed run for some ms (M10) */
#define RESIDUE_TRY_NS 50000000
#define RESIDUE_HOLD_NS 100000000U /* R4 */
#define RESIDUE_PAUSE_NS 15000000  /* longer than others wait between two tries */

/* ---- telling ---- */

static void residue_post(const struct residue *run, const struct dir *dir, const char *name,
			 const struct error *error)
{
	char *path = dir_path(dir, name);

	event_post_error(run->events, error, path != NULL ? path : "", false);
	free(path);
}

void residue_fail(const struct residue *run, const struct dir *dir, const char *name, long result,
		  const char *operation)
{
	struct error error;

	error_set(&error, result, ERROR_SIDE_TARGET, operation);
	residue_post(run, dir, name, &error);
}

static void residue_fail_text(const struct residue_folder *folder, const char *name,
			      const char *operation, const char *text)
{
	struct error error;

	error_set_text(&error, ERROR_SIDE_TARGET, operation, text);
	residue_post(folder->run, folder->dir, name, &error);
}

static void residue_tell(const struct residue_folder *folder, const char *name,
			 const struct sys_stat *stat, enum weir_action action,
			 enum weir_residue kind)
{
	const struct weir_event event = {
		.type = WEIR_EVENT_ENTRY,
		.action = action,
		.residue = kind,
		.offset = -1,
		.mode = stat->mode,
		.bytes = S_ISREG(stat->mode) ? stat->size_bytes : 0,
		.operation = "",
	};
	char *path;

	if (!folder->run->settings->report_entries)
		return;
	path = dir_path(folder->dir, name);
	event_post(folder->run->events, &event, path != NULL ? path : "", false);
	free(path);
}

/* Who is at work is not to be disturbed: exit 29, and the rest goes on. */
static void residue_tell_busy(const struct residue_folder *folder)
{
	char text[HOLDER_TEXT_BYTES];
	struct error error;

	holder_tell(folder->run->sys, folder->fd, text);
	error_set_text(&error, ERROR_SIDE_TARGET, "clean", text);
	error.busy = true;
	residue_post(folder->run, folder->dir, NULL, &error);
}

/* ---- the lock ---- */

static bool residue_is_cancelled(const struct residue *run)
{
	return atomic_load(run->cancel) != 0;
}

/* Waits once in a run: what killed runs held comes free within moments. */
static void residue_try_lock(struct residue_folder *folder)
{
	const struct timespec pause = { .tv_nsec = RESIDUE_TRY_NS };
	struct residue *run = folder->run;
	int tries = run->waited ? 1 : RESIDUE_TRIES;
	int result = sys_flock(run->sys, folder->fd, LOCK_EX | LOCK_NB);

	while (result == -EWOULDBLOCK && --tries > 0 && !residue_is_cancelled(run)) {
		nanosleep(&pause, NULL);
		result = sys_flock(run->sys, folder->fd, LOCK_EX | LOCK_NB);
	}
	run->waited = run->waited || result == -EWOULDBLOCK;
	folder->lock = result == 0		? RESIDUE_LOCKED
		       : result == -EWOULDBLOCK ? RESIDUE_BUSY
						: RESIDUE_UNLOCKABLE;
	folder->locked_ns = tally_now_ns();
}

/* Something was found.  False: a run is at work here, which is told once. */
static bool residue_lock(struct residue_folder *folder)
{
	if (folder->lock == RESIDUE_FREE)
		residue_try_lock(folder);
	if (folder->lock != RESIDUE_BUSY)
		return true;
	if (!folder->told_busy)
		residue_tell_busy(folder);
	folder->told_busy = true;
	return false;
}

static void residue_unlock(struct residue_folder *folder)
{
	if (folder->lock != RESIDUE_LOCKED)
		return;
	sys_flock(folder->run->sys, folder->fd, LOCK_UN);
	folder->lock = RESIDUE_FREE;
}

/* R4: what is found next tries the lock anew. */
static void residue_yield(struct residue_folder *folder)
{
	const struct timespec pause = { .tv_nsec = RESIDUE_PAUSE_NS };

	if (folder->lock == RESIDUE_LOCKED &&
	    tally_now_ns() - folder->locked_ns >= RESIDUE_HOLD_NS) {
		residue_unlock(folder);
		nanosleep(&pause, NULL);
	}
	if (event_has_room(folder->run->events))
		return;
	residue_unlock(folder);
	event_wait_room(folder->run->events);
}

bool residue_is_at_work(struct residue_folder *folder)
{
	if (folder->lock == RESIDUE_FREE) {
		residue_try_lock(folder);
		residue_unlock(folder);
	}
	return folder->lock == RESIDUE_BUSY;
}

/* ---- what is to be finished ---- */

void residue_tell_unfinished(struct residue_folder *folder, const char *name,
			     const struct sys_stat *stat, enum weir_residue kind)
{
	residue_yield(folder);
	tally_add(&folder->run->tally->unfinished, 1);
	residue_tell(folder, name, stat, WEIR_ACTION_UNFINISHED, kind);
}

/* ---- removing ---- */

/* R1: 0 if FD, which was opened by NAME, is what was JUDGED. */
static int residue_compare(struct sys *sys, int fd, const struct sys_stat *judged)
{
	struct sys_stat stat;
	int result = sys_statx(sys, fd, "", false, &stat);

	if (result == 0 && (stat.device != judged->device || stat.inode != judged->inode ||
			    (stat.mode & S_IFMT) != (judged->mode & S_IFMT)))
		result = -ESTALE;
	return result;
}

static int residue_check(const struct residue_folder *folder, const char *name,
			 const struct sys_stat *judged)
{
	struct sys *sys = folder->run->sys;
	int fd = sys_openat(sys, folder->fd, name, O_PATH | O_NOFOLLOW, 0);
	int result;

	if (fd < 0)
		return fd;
	result = residue_compare(sys, fd, judged);
	sys_close(sys, fd);
	return result;
}

/* The room that is free when NAME is gone. */
static void residue_count_bytes(const struct residue_folder *folder, const struct sys_stat *stat)
{
	if (S_ISREG(stat->mode) && stat->links == 1)
		tally_add(&folder->run->tally->bytes_removed, stat->blocks * 512);
}

static void residue_count_gone(struct residue_folder *folder, const struct sys_stat *stat)
{
	tally_add(&folder->run->tally->removed, 1);
	residue_count_bytes(folder, stat);
	folder->changed = true;
}

/* False: it is a folder that is not empty, which is somebody's (R2). */
static bool residue_remove_temp(struct residue_folder *folder, const char *name,
				const struct sys_stat *stat)
{
	bool is_folder = S_ISDIR(stat->mode);
	int result = residue_check(folder, name, stat);

	if (result == 0)
		result = sys_unlinkat(folder->run->sys, folder->fd, name,
				      is_folder ? AT_REMOVEDIR : 0);
	if (is_folder && (result == -ENOTEMPTY || result == -EEXIST))
		return false;
	tally_add(&folder->run->tally->to_remove, 1);
	if (result == 0) {
		residue_count_gone(folder, stat);
		residue_tell(folder, name, stat, WEIR_ACTION_REMOVE, WEIR_RESIDUE_TEMP);
	} else if (result != -ENOENT) {
		residue_fail(folder->run, folder->dir, name, result, "remove");
	}
	return true;
}

static bool residue_is_empty(const struct residue_folder *folder, const char *name,
			     const struct sys_stat *stat)
{
	struct sys *sys = folder->run->sys;
	struct lister lister;
	bool empty = false;

	if (lister_open(&lister, sys, folder->fd, name) == 0 &&
	    residue_compare(sys, lister.fd, stat) == 0)
		empty = lister_next(&lister) == NULL && lister.result == 0;
	lister_close(&lister);
	return empty;
}

/* R5; false as above. */
static bool residue_would_remove_temp(const struct residue_folder *folder, const char *name,
				      const struct sys_stat *stat)
{
	if (S_ISDIR(stat->mode) && !residue_is_empty(folder, name, stat))
		return false;
	tally_add(&folder->run->tally->to_remove, 1);
	residue_count_bytes(folder, stat);
	residue_tell(folder, name, stat, WEIR_ACTION_REMOVE, WEIR_RESIDUE_TEMP);
	return true;
}

static void residue_tell_young(struct residue_folder *folder)
{
	struct error error;

	if (folder->told_young)
		return;
	folder->told_young = true;
	error_set_text(&error, ERROR_SIDE_TARGET, "clean",
		       "locks do not work here, so what is younger than a day stays");
	error.grade = ERROR_WARNING;
	residue_post(folder->run, folder->dir, NULL, &error);
}

/* What has the name of a temp. */
static bool residue_take_temp(struct residue_folder *folder, const char *name)
{
	struct sys_stat stat;
	int result = sys_statx(folder->run->sys, folder->fd, name, false, &stat);

	if (result < 0) {
		if (result != -ENOENT)
			residue_fail(folder->run, folder->dir, name, result, "stat");
		return true;
	}
	if (!temp_is_leftover(name, &stat, true))
		return false;
	if (!residue_lock(folder))
		return true;
	if (!temp_is_leftover(name, &stat, folder->lock == RESIDUE_LOCKED)) {
		residue_tell_young(folder);
		return true;
	}
	if (!(folder->run->settings->dry_run ? residue_would_remove_temp(folder, name, &stat)
					     : residue_remove_temp(folder, name, &stat)))
		return false;
	folder->had_temps = true;
	return true;
}

/* ---- unfinished snapshots ---- */

/* The folder is opened once more: what is razed lies in one that no other leads to. */
static bool residue_raze(const struct residue_folder *folder, char *name)
{
	struct residue *run = folder->run;
	char *path = dir_path(folder->dir, NULL);
	char *const names[] = { name };
	struct raze raze = {
		.sys = run->sys,
		.root = run->root,
		.fs = run->fs,
		.events = run->events,
		.settings = run->settings,
		.cancel = run->cancel,
		.path = path != NULL ? path : "",
	};
	int result = dir_open_path(run->root, folder->fd, ".", &raze.dir);
	struct sys_stat stat;
	bool gone = false;

	if (result < 0) {
		residue_fail(run, folder->dir, NULL, result, "open folder");
	} else {
		/* What stays is told by an error, or was cut short by a cancel. */
		gone = raze_run(&raze, names, 1) &&
		       sys_statx(run->sys, folder->fd, name, false, &stat) == -ENOENT;
		dir_unpin(run->root, raze.dir);
		dir_put(run->root, raze.dir);
	}
	free(path);
	return gone;
}

static void residue_remove_snapshot(struct residue_folder *folder, const char *name,
				    const struct sys_stat *stat)
{
	struct residue *run = folder->run;
	char copy[RETAIN_TEMP_BYTES];

	if (folder->lock != RESIDUE_LOCKED) {
		residue_fail_text(folder, name, "remove",
				  "locks do not work here, so a run may be filling it");
		return;
	}
	tally_add(&run->tally->to_remove, 1);
	memcpy(copy, name, sizeof(copy));
	if (!run->settings->dry_run && !residue_raze(folder, copy))
		return;
	if (!run->settings->dry_run)
		residue_count_gone(folder, stat);
	residue_tell(folder, name, stat, WEIR_ACTION_REMOVE, WEIR_RESIDUE_SNAPSHOT);
}

/* What has the name of an unfinished snapshot, if it can be one. */
static bool residue_take_snapshot(struct residue_folder *folder, const char *name)
{
	struct sys_stat stat;

	if (sys_statx(folder->run->sys, folder->fd, name, false, &stat) < 0 ||
	    !S_ISDIR(stat.mode) || stat.device != folder->dir->device)
		return false;
	if (!residue_lock(folder))
		return false;
	if (folder->run->settings->clean_snapshots) {
		residue_remove_snapshot(folder, name, &stat);
		return true;
	}
	residue_tell_unfinished(folder, name, &stat, WEIR_RESIDUE_SNAPSHOT);
	return false; /* there may be more in it */
}

/* ---- a folder ---- */

void residue_begin(struct residue_folder *folder, struct residue *run, struct dir *dir, int fd)
{
	*folder = (struct residue_folder){ .run = run, .dir = dir, .fd = fd };
}

bool residue_take(struct residue_folder *folder, const char *name, unsigned char type)
{
	residue_yield(folder);
	if (temp_name_ours(name))
		return residue_take_temp(folder, name);
	if ((type == DT_DIR || type == DT_UNKNOWN) && retain_is_temp(name))
		return residue_take_snapshot(folder, name);
	return false;
}

bool residue_is_torn(const struct residue_folder *folder, const char *name, struct sys_stat *stat)
{
	struct sys *sys = folder->run->sys;

	return sys_statx(sys, folder->fd, name, false, stat) == 0 && S_ISREG(stat->mode) &&
	       (torn_looks(&stat->mtime) || torn_is_marked(sys, folder->fd, name));
}

/* A folder is closed to others while it is filled; where a run was killed in one that is,
 * it may have had more to do. */
static void residue_tell_closed(struct residue_folder *folder)
{
	struct sys_stat stat;

	if (folder->had_temps && sys_statx(folder->run->sys, folder->fd, "", false, &stat) == 0 &&
	    (stat.mode & 0777) == 0700)
		residue_tell_unfinished(folder, NULL, &stat, WEIR_RESIDUE_FOLDER);
}

static void residue_sync(struct residue_folder *folder)
{
	struct residue *run = folder->run;
	bool at_end = run->settings->durable == WEIR_DURABLE_END;
	struct fs *fs = fs_find(run->fs, folder->fd, folder->dir->device, at_end);
	int result;

	if (run->shaken == NULL || fs_reservation(run->shaken) == NULL)
		run->shaken = fs; /* one that cannot promise all is what the receipt names */
	if (run->settings->durable == WEIR_DURABLE_NONE || (fs != NULL && fs_is_memory(fs)))
		return;
	if (at_end && fs != NULL && fs_believes_syncfs(fs) && fs->sync_fd >= 0) {
		fs->written = true; /* residue_finish() */
		return;
	}
	tally_add(&run->tally->syncs_file, 1);
	result = sys_fsync(run->sys, folder->fd);
	if (result < 0 && result != -EINVAL) {
		run->unsynced = true;
		residue_fail(run, folder->dir, NULL, result, "sync folder");
	}
}

void residue_end(struct residue_folder *folder)
{
	residue_tell_closed(folder);
	residue_unlock(folder);
	if (folder->changed)
		residue_sync(folder);
}

/* ---- the end ---- */

void residue_finish(struct residue *run)
{
	for (struct list *node = run->fs->all.next; node != &run->fs->all; node = node->next) {
		struct fs *fs = LIST_ENTRY(node, struct fs, node);
		struct error error;
		int result;

		if (run->settings->durable != WEIR_DURABLE_END || !fs->written || fs->sync_fd < 0)
			continue;
		tally_add(&run->tally->syncs_fs, 1);
		result = sys_syncfs(run->sys, fs->sync_fd);
		if (result == 0) /* XFS flushes nothing where its log had nothing to write */
			result = sys_fsync(run->sys, fs->sync_fd);
		if (result == 0)
			continue;
		run->unsynced = true;
		error_set(&error, result, ERROR_SIDE_TARGET, "sync the file system");
		event_post_error(run->events, &error, "", false);
	}
}

const char *residue_receipt(const struct residue *run)
{
	const char *reservation = run->shaken != NULL ? fs_reservation(run->shaken) : NULL;

	if (tally_get(&run->tally->removed) == 0)
		return "nothing was changed";
	if (run->settings->durable == WEIR_DURABLE_NONE)
		return "not synced";
	if (run->unsynced)
		return "not known to be durable";
	return reservation != NULL ? reservation : "durable";
}
