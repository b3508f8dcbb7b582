/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What becomes of a job that has nothing left to do: it is parked for the
 * committer, skipped, tried again, or its failure is told.
 *
 *   Outcome     What is told                        Then
 *   parked      losses, the way it took             its unit belongs to the committer
 *   skipped     the entry, where asked for          over
 *   full        nothing yet                         waits until all others are over (G7)
 *   retyped     that it became another type         the name is taken up once more (A05)
 *   failed      one message; the first of a gone    over
 *               device tells for all (A15)
 *
 * Invariants:
 * U1 every job ends exactly once, by outcome_end_job();
 * U2 a failure is told once.
 */
#define _GNU_SOURCE
#include "outcome.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "invariant.h"
#include "limits.h"
#include "way.h"

static char *outcome_path(const struct job *job, bool source)
{
	return source ? folder_source_path(job->folder, job->name)
		      : folder_target_path(job->folder, job->target_name);
}

/* The job is over, whatever became of it. */
void outcome_end_job(struct worker *worker, struct job *job, bool put_folder)
{
	struct worker_shared *shared = worker->shared;
	struct folder *folder = job->folder;

	WEIR_ASSERT(job->source_fd < 0 && job->target_fd < 0 && !job->temp_named);
	if (job->link != NULL && job->leads)
		links_lost(shared->links, job->link);
	else if (job->link != NULL)
		links_release(shared->links, job->link, false);
	job->link = NULL;
	if (job->type == DT_REG && !job->counted)
		tally_sub(&shared->tally->files_open, 1);
	ask_drop(shared->asks, &job->ask);
	job->folder = NULL;
	list_add_head(&worker->free, &job->node);
	worker->live--;
	worker->moved = true;
	atomic_fetch_sub(&shared->live, 1);
	if (put_folder)
		commit_put_folder(shared->commit, folder);
	queue_finish_work(shared->queue, 1);
}

/* "No space" says where, and how much was there (F01). */
static void outcome_tell_room(struct worker *worker, const struct job *job, char *text, size_t size)
{
	const struct fs *fs = job->folder->target_fs;
	struct statfs statfs;

	text[0] = '\0';
	if (fs == NULL || fs->sync_fd < 0 || worker->shared->pours ||
	    !error_is_full(job->error.errnum) ||
	    sys_fstatfs(worker->shared->sys, fs->sync_fd, &statfs) < 0)
		return;
	if (statfs.f_files > 0 && statfs.f_ffree == 0)
		snprintf(text, size, "the %s there has no inodes left", fs->name);
	else
		snprintf(text, size, "%llu bytes are needed, the %s there has %llu left now",
			 (unsigned long long)job->source.size_bytes, fs->name,
			 (unsigned long long)statfs.f_bavail * (unsigned long long)statfs.f_bsize);
}

static void outcome_post_error(struct worker *worker, const struct job *job)
{
	char *path = outcome_path(job, job->error.side == ERROR_SIDE_SOURCE);
	struct error error = job->error;
	char text[160];

	outcome_tell_room(worker, job, text, sizeof(text));
	if (error.text == NULL && text[0] != '\0')
		error.text = text;
	event_post_error(worker->shared->events, &error, path != NULL ? path : job->name, true);
	free(path);
}

/* Errors after which going on would only repeat them: the file system that the
 * run copies into is full, read-only or broken.  FS is where it happened. */
void outcome_consider_stop(struct worker_shared *shared, const struct error *error,
			   const struct fs *fs)
{
	struct error end;
	bool stop;

	if (error->side != ERROR_SIDE_TARGET || fs == NULL || fs != shared->target_fs ||
	    shared->pours) /* the only entry */
		return;
	stop = error_is_full(error->errnum) || error->errnum == EROFS;
	if (error->errnum == EIO)
		stop = atomic_fetch_add(&shared->write_errors, 1) + 1 >= LIMIT_WRITE_ERRORS;
	if (!stop || atomic_exchange(&shared->dropped, true))
		return;
	error_set_text(&end, ERROR_SIDE_TARGET, "go on in", "what is left was not tried");
	end.grade = ERROR_RUN;
	event_post_error(shared->events, &end, shared->target_path, true);
	worker_cancel(shared, WEIR_CANCEL_FINISH);
}

/* A15: errnos of a device or server that is gone. */
static bool outcome_says_gone(int errnum)
{
	return errnum == EIO || errnum == ENODEV || errnum == ENXIO || errnum == ESTALE ||
	       errnum == ENOTCONN || errnum == ESHUTDOWN;
}

/* True if the source operand that FOLDER lies in cannot be read at all any more. */
static bool outcome_operand_is_gone(struct worker_shared *shared, const struct folder *folder)
{
	_Alignas(8) char buffer[1024];
	ssize_t result;
	int fd;

	while (folder->parent != NULL && !folder->by_path)
		folder = folder->parent;
	if (folder->source == NULL)
		return false;
	result = dir_pin(shared->root, folder->source, NULL);
	if (result < 0)
		return outcome_says_gone((int)-result);
	fd = sys_openat(shared->sys, (int)result, ".", O_RDONLY | O_DIRECTORY, 0);
	dir_unpin(shared->root, folder->source);
	if (fd < 0)
		return outcome_says_gone(-fd);
	result = sys_getdents(shared->sys, fd, buffer, sizeof(buffer));
	sys_close(shared->sys, fd);
	return result < 0 && outcome_says_gone((int)-result);
}

/* A15: the first entry that finds its source gone stops the run; it and all that
 * come after it are counted, and told by one message.  True: so it was. */
bool outcome_source_gone(struct worker_shared *shared, const struct error *error,
			 const struct folder *folder)
{
	struct error end;
	char *path;

	if (error->side != ERROR_SIDE_SOURCE || !outcome_says_gone(error->errnum))
		return false;
	if (!atomic_load(&shared->source_gone) && !outcome_operand_is_gone(shared, folder))
		return false;
	if (atomic_exchange(&shared->source_gone, true)) {
		tally_add(&shared->tally->entries_failed, 1);
		return true;
	}
	atomic_store(&shared->dropped, true);
	while (folder->parent != NULL && !folder->by_path)
		folder = folder->parent;
	error_set(&end, -error->errnum, ERROR_SIDE_SOURCE, "go on in");
	end.grade = ERROR_RUN;
	end.text = "nothing of it can be read any more; what is left was not tried";
	path = folder_source_path(folder, NULL);
	event_post_error(shared->events, &end, path != NULL ? path : "", true);
	free(path);
	worker_cancel(shared, WEIR_CANCEL_FINISH);
	return true;
}

static bool outcome_may_find_room(const struct error *error)
{
	return (error->side == ERROR_SIDE_TARGET && error_is_full(error->errnum)) ||
	       error->errnum == EMFILE || error->errnum == ENFILE;
}

/* What was counted of a job as a regular file. */
static void outcome_uncount(struct tally *tally, struct job *job)
{
	if (job->type != DT_REG)
		return;
	tally_sub(&tally->files_found, 1);
	if (!job->counted)
		tally_sub(&tally->files_open, 1);
	if (job->sized)
		tally_sub(&tally->bytes_found, job->source.size_bytes);
	job->counted = true;
	job->sized = false;
}

/* A05: looks once more at a name that became another type since it was listed.
 * True: it is copied as what it is now. */
static bool outcome_retype(struct worker *worker, struct job *job)
{
	struct worker_shared *shared = worker->shared;
	struct batch *batch = NULL;
	struct folder *child = NULL;
	struct entry entry;
	unsigned char type;
	int result;

	if (!job->error.source_changed || job->error.vanished || job->retyped)
		return false;
	result = tree_look_again(shared->tree, job->folder, job->name, &type);
	if (result == -ENOENT)
		error_set_source(&job->error, result, "stat");
	if (result < 0)
		return false;
	entry = entry_of(type, job->name, job->target_name);
	if (entry.type == DT_DIR)
		child = folder_new(job->folder, job->name, job->target_name);
	else if (tree_add(shared->tree, job->folder, &batch, &entry) < 0)
		batch = NULL;
	if (child == NULL && batch == NULL)
		return false;
	outcome_uncount(shared->tally, job);
	tree_tell_retyped(shared->tree, job->folder, job->name);
	if (child != NULL) {
		child->retyped = true;
		child->part.whole = true; /* what it was before was chosen */
		child->follow = entry.follow;
		tree_push(shared->tree, child);
	} else {
		batch->retyped = true;
		queue_push_batch(shared->queue, batch);
	}
	outcome_end_job(worker, job, true);
	return true;
}

/* What this thread makes from now on would be wrong. */
static void outcome_stop(struct worker *worker, struct job *job)
{
	if (!atomic_exchange(&worker->shared->dropped, true))
		outcome_post_error(worker, job);
	worker_cancel(worker->shared, WEIR_CANCEL_NOW);
	outcome_end_job(worker, job, true);
}

void outcome_fail(struct worker *worker, struct job *job)
{
	struct worker_shared *shared = worker->shared;

	if (job->error.grade == ERROR_RUN) {
		outcome_stop(worker, job);
		return;
	}
	/* G7: what is under way and parked is finished and published first,
	 * which may free room, and descriptors; then once more, alone. */
	if (outcome_may_find_room(&job->error) && !job->had_room && !job->once) {
		job->had_room = true;
		job->error = (struct error){ 0 };
		job->reason = JOB_WAITS_ROOM;
		atomic_fetch_add(&shared->wanting, 1);
		list_add_tail(&worker->waiting, &job->node);
		return;
	}
	if (outcome_retype(worker, job))
		return;
	if (!outcome_source_gone(shared, &job->error, job->folder)) {
		outcome_post_error(worker, job);
		outcome_consider_stop(shared, &job->error, job->folder->target_fs);
	}
	outcome_end_job(worker, job, true);
}

static void outcome_tell_entry(struct worker *worker, const struct job *job,
			       enum weir_action action)
{
	struct weir_event event = {
		.type = WEIR_EVENT_ENTRY,
		.action = action,
		.offset = -1,
		.bytes = job->source.size_bytes,
	};
	char *path;

	if (!worker->shared->settings->report_entries || settings_syncs(worker->shared->settings))
		return;
	path = outcome_path(job, false);
	event_post(worker->shared->events, &event, path != NULL ? path : job->name, true);
	free(path);
}

static void outcome_count_losses(struct worker *worker, struct job *job)
{
	char *path;

	if (job->retry) { /* the rest was counted with the first try */
		int links = job->losses.errnum[WEIR_PROPERTY_LINKS];

		job->losses = (struct losses){ 0 };
		job->losses.errnum[WEIR_PROPERTY_LINKS] = links;
	}
	if (!losses_any(&job->losses))
		return;
	path = outcome_path(job, false);
	loss_count(worker->shared->loss, &job->losses, path != NULL ? path : job->name);
	free(path);
	job->losses = (struct losses){ 0 };
}

void outcome_skip(struct worker *worker, struct job *job)
{
	struct tally *tally = worker->shared->tally;

	if (job->would) {
		tally_add(job->type == DT_REG ? &tally->files_done : &tally->others_done, 1);
		outcome_tell_entry(worker, job,
				   job->exists ? WEIR_ACTION_REPLACE : WEIR_ACTION_CREATE);
	} else {
		tally_add(&tally->entries_skipped, 1);
		outcome_count_losses(worker, job);
		outcome_tell_entry(worker, job, WEIR_ACTION_SKIP);
	}
	outcome_end_job(worker, job, true);
}

/* --explain: the first file that takes a way tells why; --debug: each does. */
static void outcome_tell_way(struct worker *worker, const struct job *job)
{
	struct worker_shared *shared = worker->shared;
	unsigned bit = 1U << job->way;
	struct weir_event event = {
		.type = WEIR_EVENT_WAY,
		.offset = -1,
		.bytes = job->source.size_bytes,
		.operation = way_name(job->way),
		.text = job->way_reason,
	};
	char *path;

	if (!shared->settings->report_ways || job->way == JOB_WAY_NONE)
		return;
	if ((atomic_fetch_or(&shared->ways_told, bit) & bit) != 0 &&
	    shared->settings->report_ways != SETTINGS_WAYS_OF_EACH)
		return;
	path = outcome_path(job, false);
	event_post(shared->events, &event, path != NULL ? path : job->name, true);
	free(path);
}

static struct unit *outcome_unit(const struct settings *settings, const struct job *job)
{
	struct unit *unit = unit_new(job->folder, job->name, job->target_name);
	const struct stream *stream = &job->stream;

	if (unit == NULL)
		return NULL;
	unit->fd = job->target_fd;
	unit->type = job->type;
	unit->temp_named = job->temp_named;
	memcpy(unit->temp_name, job->temp_name, sizeof(unit->temp_name));
	unit->is_link = job->link != NULL && !job->leads;
	unit->alias = job->alias;
	unit->inherits = job->inherits;
	unit->in_place = job->in_place;
	unit->existed = job->exists;
	/* What exists already has no temp. */
	unit->replaces = job->exists && !unit->is_link && !unit->alias;
	unit->over_folder = job->exists && S_ISDIR(job->existing.mode);
	unit->retry = job->retry;
	unit->follow = job->follow;
	unit->once = job->once;
	unit->to_stream = job->to_stream;
	unit->changed = job->changed;
	unit->synced = job->synced;
	unit->link = job->link;
	if (!unit->is_link && !unit->inherits)
		unit->last = flags_plan_last(settings, &job->flags, &job->folder->handed,
					     job->type != DT_REG);
	unit->keeps_times = settings_keeps(settings, WEIR_PROPERTY_TIMES) &&
			    job->losses.errnum[WEIR_PROPERTY_TIMES] == 0;
	unit->times[0] = job->source.atime;
	unit->times[1] = job->source.mtime;
	unit->found_bytes = job->sized ? job->source.size_bytes : 0;
	unit->source_device = job->source.device;
	unit->source_inode = job->source.inode;
	unit->source_bytes = job->source.size_bytes;
	unit->source_ctime = job->source.ctime;
	unit->source_mode = job->source.mode;
	unit->moves = settings->remove_source && job->changed == NULL && !job->loses &&
		      !job->retyped;
	unit->backup_clash = job->backup_clash;
	unit->made_device = job->made_device;
	unit->made_inode = job->made_inode;
	unit->bytes = stream->written_bytes;
	unit->counted_bytes = stream->durable_bytes;
	unit->dirty_bytes = stream->dirty_bytes;
	return unit;
}

/* Hands a complete entry to the committer, or gives it its name now. */
void outcome_park(struct worker *worker, struct job *job)
{
	struct worker_shared *shared = worker->shared;
	struct unit *unit;

	job->loses = job->loses || losses_break(&job->losses, shared->settings);
	unit = outcome_unit(shared->settings, job);
	if (unit != NULL)
		unit->attic = shared->tree->backups;
	if (job->error.grade == ERROR_WARNING) {
		outcome_post_error(worker, job);
		job->error = (struct error){ 0 };
	}
	outcome_tell_way(worker, job); /* while the folder is surely there */
	outcome_count_losses(worker, job);
	/* T1: the committer never waits for room, so who parks for it does. */
	if (shared->settings->report_entries && !settings_syncs(shared->settings))
		event_wait_room(shared->events);
	if (unit == NULL) {
		error_set(&job->error, -ENOMEM, ERROR_SIDE_TARGET, "park");
		job_abandon(&worker->env, job);
		outcome_fail(worker, job);
		return;
	}
	if (settings_parks(shared->settings)) {
		if (!commit_park(shared->commit, unit)) {
			free(unit);
			job->reason = JOB_WAITS_COMMITTER;
			list_add_tail(&worker->waiting, &job->node);
			return;
		}
	} else {
		commit_publish_now(shared->commit, unit);
	}
	job->target_fd = -1;
	job->temp_named = false;
	job->link = NULL;
	job->stream.dirty_bytes = 0; /* they are the unit's now */
	outcome_end_job(worker, job, false);
}
