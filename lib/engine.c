/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The worker's turn: ADMIT jobs while there is room, ISSUE for every runnable
 * job, WAIT in the one place that enters the kernel's ring, APPLY results to
 * their jobs.
 *
 *   A job is    True here                             Then
 *   free        in worker.free                        admitted -> runnable
 *   runnable    in worker.runnable                    advanced: in flight, waiting or over
 *   in flight   in no list, job_in_flight()           an op is applied -> runnable
 *   waiting     in worker.waiting, reason is named    what it waits for comes -> runnable
 *
 * Invariants:
 * E1 a live job is in exactly one of these states (T3): one that is in no list
 *    has an op in flight;
 * E2 only this file calls io_turn();
 * E3 a worker never sleeps with runnable jobs, nor longer than LIMIT_WAIT_MS.
 */
#define _GNU_SOURCE
#include "engine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alias.h"
#include "inplace.h"
#include "invariant.h"
#include "io_plain.h"
#include "io_uring.h"
#include "limits.h"
#include "node.h"
#include "pour.h"
#include "regular.h"
#include "way.h"

#define ENGINE_HOLD_FDS 64U /* with fewer descriptors nothing is held longer than used */

static void engine_hold(struct worker *worker, const struct folder *folder);

/* ---- making and ending ---- */

struct worker *engine_new(struct engine_shared *shared, const struct engine_plan *plan)
{
	struct worker *worker = calloc(1, sizeof(*worker));

	if (worker == NULL)
		return NULL;
	WEIR_ASSERT(plan->jobs > 0 && plan->jobs <= LIMIT_JOBS);
	worker->jobs = calloc(plan->jobs, sizeof(*worker->jobs));
	if (worker->jobs == NULL) {
		free(worker);
		return NULL;
	}
	worker->shared = shared;
	worker->plan = *plan;
	list_init(&worker->free);
	list_init(&worker->runnable);
	list_init(&worker->waiting);
	for (uint32_t i = 0; i < plan->jobs; i++) {
		list_init(&worker->jobs[i].node);
		list_add_tail(&worker->free, &worker->jobs[i].node);
	}
	return worker;
}

/* The registration ladder: all, then halves, then nothing registered.  GROWING:
 * slots may be in use, so there is no half to give up. */
static void engine_register(struct worker *worker, bool growing)
{
	struct io *io = &worker->io;
	struct tally *tally = worker->shared->tally;
	int result = -ENOMEM;

	if (io->registered)
		tally_sub(&tally->buffer_bytes, worker->arena.ready_bytes);
	if (worker->plan.registers)
		result = io->backend->register_arena(io, &worker->arena);
	while (worker->plan.registers && result == -ENOMEM && !growing &&
	       arena_halve(&worker->arena))
		result = io->backend->register_arena(io, &worker->arena);
	if (result < 0)
		worker->plan.registers = false;
	if (io->registered)
		tally_add(&tally->buffer_bytes, worker->arena.ready_bytes);
}

static void engine_set_env(struct worker *worker)
{
	struct engine_shared *shared = worker->shared;
	const struct settings *settings = shared->settings;

	worker->env = (struct job_env){
		.stream = {
			.sys = shared->sys,
			.io = &worker->io,
			.arena = &worker->arena,
			.chunks = worker->chunks,
			.tally = shared->tally,
		},
		.settings = settings,
		.root = shared->root,
		.links = shared->links,
		.loss = shared->loss,
		.asks = shared->asks,
		.claims = shared->claims,
		.fs = shared->fs,
		.have_proc = shared->have_proc,
		.is_root = shared->is_root,
		.syncs_each = settings->durable == WEIR_DURABLE_FILE ||
			      (settings->durable == WEIR_DURABLE_GROUP &&
			       settings->sync == WEIR_SYNC_FILES),
		.read_ahead = worker->io.backend_state != NULL,
	};
}

int engine_start(struct worker *worker)
{
	struct tally *tally = worker->shared->tally;
	int result = -ENOSYS;

	io_init(&worker->io, worker->shared->sys, tally);
	if (worker->plan.engine != WEIR_ENGINE_PLAIN)
		result = ring_open(&worker->io);
	if (result == 0)
		tally_add(&tally->rings, 1);
	else if (worker->plan.engine == WEIR_ENGINE_RING)
		return result;
	else
		io_plain_open(&worker->io);
	result = arena_open(&worker->arena, &worker->plan.arena);
	if (result < 0) {
		io_close(&worker->io);
		return result;
	}
	worker->opened = true;
	for (uint32_t i = 0; i < LIMIT_SLOTS_MAX; i++)
		list_init(&worker->chunks[i].node);
	engine_register(worker, false);
	tally_add(&tally->arena_bytes, worker->arena.ready_bytes);
	engine_set_env(worker);
	return 0;
}

void engine_free(struct worker *worker)
{
	if (worker == NULL)
		return;
	engine_hold(worker, NULL);
	WEIR_ASSERT(worker->live == 0);
	WEIR_ASSERT(worker->batch == NULL || worker->batch->taken == worker->batch->count);
	free(worker->batch);
	if (worker->opened) {
		io_close(&worker->io); /* unregisters before the memory goes */
		arena_close(&worker->arena);
	}
	free(worker->jobs);
	free(worker);
}

void engine_cancel(struct engine_shared *shared, enum weir_cancel how)
{
	int now = atomic_load(&shared->cancel);

	while (now < (int)how && !atomic_compare_exchange_weak(&shared->cancel, &now, (int)how))
		;
	atomic_store(&shared->commit->naming.ending, true);
	if (how == WEIR_CANCEL_NOW)
		atomic_store(&shared->commit->naming.dropping, true);
	bell_ring(shared->bell);
	bell_ring(&shared->commit->due);
}

/* ---- the end of a job ---- */

static char *engine_path(const struct job *job, bool source)
{
	return source ? folder_source_path(job->folder, job->name)
		      : folder_target_path(job->folder, job->target_name);
}

/* The job is over, whatever became of it. */
static void engine_end_job(struct worker *worker, struct job *job, bool put_folder)
{
	struct engine_shared *shared = worker->shared;
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
static void engine_tell_room(struct worker *worker, const struct job *job, char *text, size_t size)
{
	const struct fs *fs = job->folder->target_fs;
	struct statfs statfs;

	text[0] = '\0';
	if (fs == NULL || fs->sync_fd < 0 || !error_is_full(job->error.errnum) ||
	    sys_fstatfs(worker->shared->sys, fs->sync_fd, &statfs) < 0)
		return;
	if (statfs.f_files > 0 && statfs.f_ffree == 0)
		snprintf(text, size, "the %s there has no inodes left", fs->name);
	else
		snprintf(text, size, "%llu bytes are needed, the %s there has %llu left now",
			 (unsigned long long)job->source.size_bytes, fs->name,
			 (unsigned long long)statfs.f_bavail * (unsigned long long)statfs.f_bsize);
}

static void engine_post_error(struct worker *worker, const struct job *job)
{
	char *path = engine_path(job, job->error.side == ERROR_SIDE_SOURCE);
	struct error error = job->error;
	char text[160];

	engine_tell_room(worker, job, text, sizeof(text));
	if (error.text == NULL && text[0] != '\0')
		error.text = text;
	event_post_error(worker->shared->events, &error, path != NULL ? path : job->name, true);
	free(path);
}

/* Errors after which going on would only repeat them: the file system that the
 * run copies into is full, read-only or broken.  FS is where it happened. */
static void engine_consider_stop(struct engine_shared *shared, const struct error *error,
				 const struct fs *fs)
{
	struct error end;
	bool stop;

	if (error->side != ERROR_SIDE_TARGET || fs == NULL || fs != shared->target_fs)
		return;
	stop = error_is_full(error->errnum) || error->errnum == EROFS;
	if (error->errnum == EIO)
		stop = atomic_fetch_add(&shared->write_errors, 1) + 1 >= LIMIT_WRITE_ERRORS;
	if (!stop || atomic_exchange(&shared->dropped, true))
		return;
	error_set_text(&end, ERROR_SIDE_TARGET, "go on in", "what is left was not tried");
	end.grade = ERROR_RUN;
	event_post_error(shared->events, &end, shared->target_path, true);
	engine_cancel(shared, WEIR_CANCEL_FINISH);
}

/* A15: errnos of a device or server that is gone. */
static bool engine_says_gone(int errnum)
{
	return errnum == EIO || errnum == ENODEV || errnum == ENXIO || errnum == ESTALE ||
	       errnum == ENOTCONN || errnum == ESHUTDOWN;
}

/* True if the source operand that FOLDER lies in cannot be read at all any more. */
static bool engine_operand_is_gone(struct engine_shared *shared, const struct folder *folder)
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
		return engine_says_gone((int)-result);
	fd = sys_openat(shared->sys, (int)result, ".", O_RDONLY | O_DIRECTORY, 0);
	dir_unpin(shared->root, folder->source);
	if (fd < 0)
		return engine_says_gone(-fd);
	result = sys_getdents(shared->sys, fd, buffer, sizeof(buffer));
	sys_close(shared->sys, fd);
	return result < 0 && engine_says_gone((int)-result);
}

/* A15: the first entry that finds its source gone stops the run; it and all that
 * come after it are counted, and told by one message.  True: so it was. */
static bool engine_source_gone(struct engine_shared *shared, const struct error *error,
			       const struct folder *folder)
{
	struct error end;
	char *path;

	if (error->side != ERROR_SIDE_SOURCE || !engine_says_gone(error->errnum))
		return false;
	if (!atomic_load(&shared->source_gone) && !engine_operand_is_gone(shared, folder))
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
	engine_cancel(shared, WEIR_CANCEL_FINISH);
	return true;
}

static bool engine_may_find_room(const struct error *error)
{
	return (error->side == ERROR_SIDE_TARGET && error_is_full(error->errnum)) ||
	       error->errnum == EMFILE || error->errnum == ENFILE;
}

/* What was counted of a job as a regular file. */
static void engine_uncount(struct tally *tally, struct job *job)
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
static bool engine_retype(struct worker *worker, struct job *job)
{
	struct engine_shared *shared = worker->shared;
	struct batch *batch = NULL;
	struct folder *child = NULL;
	unsigned char type;
	int result;

	if (!job->error.source_changed || job->error.vanished || job->retyped)
		return false;
	result = tree_look_again(shared->tree, job->folder, job->name, &type);
	if (result == -ENOENT)
		error_set_source(&job->error, result, "stat");
	if (result < 0)
		return false;
	if ((type & ~ENTRY_FOLLOW) == DT_DIR)
		child = folder_new(job->folder, job->name, job->target_name);
	else if (tree_add(shared->tree, job->folder, &batch, type, job->name, job->target_name) < 0)
		batch = NULL;
	if (child == NULL && batch == NULL)
		return false;
	engine_uncount(shared->tally, job);
	tree_tell_retyped(shared->tree, job->folder, job->name);
	if (child != NULL) {
		child->retyped = true;
		child->follow = (type & ENTRY_FOLLOW) != 0;
		tree_push(shared->tree, child);
	} else {
		batch->retyped = true;
		queue_push_batch(shared->queue, batch);
	}
	engine_end_job(worker, job, true);
	return true;
}

static void engine_fail(struct worker *worker, struct job *job)
{
	struct engine_shared *shared = worker->shared;

	/* G7: what is under way and parked is finished and published first,
	 * which may free room, and descriptors; then once more, alone. */
	if (engine_may_find_room(&job->error) && !job->had_room && !job->once) {
		job->had_room = true;
		job->error = (struct error){ 0 };
		job->reason = JOB_WAITS_ROOM;
		atomic_fetch_add(&shared->wanting, 1);
		list_add_tail(&worker->waiting, &job->node);
		return;
	}
	if (engine_retype(worker, job))
		return;
	if (!engine_source_gone(shared, &job->error, job->folder)) {
		engine_post_error(worker, job);
		engine_consider_stop(shared, &job->error, job->folder->target_fs);
	}
	engine_end_job(worker, job, true);
}

static void engine_tell_entry(struct worker *worker, const struct job *job, enum weir_action action)
{
	struct weir_event event = {
		.type = WEIR_EVENT_ENTRY,
		.action = action,
		.offset = -1,
		.bytes = job->source.size_bytes,
	};
	char *path;

	if (!worker->shared->settings->report_entries)
		return;
	path = engine_path(job, false);
	event_post(worker->shared->events, &event, path != NULL ? path : job->name, true);
	free(path);
}

static void engine_count_losses(struct worker *worker, struct job *job)
{
	char *path;

	if (job->retry) { /* the rest was counted with the first try */
		int links = job->losses.errnum[WEIR_PROPERTY_LINKS];

		job->losses = (struct losses){ 0 };
		job->losses.errnum[WEIR_PROPERTY_LINKS] = links;
	}
	if (!losses_any(&job->losses))
		return;
	path = engine_path(job, false);
	loss_count(worker->shared->loss, &job->losses, path != NULL ? path : job->name);
	free(path);
	job->losses = (struct losses){ 0 };
}

static void engine_skip(struct worker *worker, struct job *job)
{
	struct tally *tally = worker->shared->tally;

	if (job->would) {
		tally_add(job->type == DT_REG ? &tally->files_done : &tally->others_done, 1);
		engine_tell_entry(worker, job,
				  job->exists ? WEIR_ACTION_REPLACE : WEIR_ACTION_CREATE);
	} else {
		tally_add(&tally->entries_skipped, 1);
		engine_count_losses(worker, job);
		engine_tell_entry(worker, job, WEIR_ACTION_SKIP);
	}
	engine_end_job(worker, job, true);
}

/* --explain: the first file that takes a way tells why; --debug: each does. */
static void engine_tell_way(struct worker *worker, const struct job *job)
{
	struct engine_shared *shared = worker->shared;
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
	path = engine_path(job, false);
	event_post(shared->events, &event, path != NULL ? path : job->name, true);
	free(path);
}

static struct unit *engine_unit(const struct settings *settings, const struct job *job)
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
	unit->in_place = job->in_place;
	unit->replaces = job->exists && !unit->is_link && !unit->alias; /* these have no temp */
	unit->retry = job->retry;
	unit->follow = job->follow;
	unit->once = job->once;
	unit->changed = job->changed;
	unit->synced = job->synced;
	unit->link = job->link;
	if (!unit->is_link)
		unit->last = flags_plan_last(settings, &job->flags, &job->folder->handed,
					     job->type != DT_REG);
	unit->found_bytes = job->sized ? job->source.size_bytes : 0;
	unit->source_device = job->source.device;
	unit->source_inode = job->source.inode;
	unit->backup_clash = job->backup_clash;
	unit->made_device = job->made_device;
	unit->made_inode = job->made_inode;
	unit->bytes = stream->written_bytes;
	unit->counted_bytes = stream->durable_bytes;
	unit->dirty_bytes = stream->dirty_bytes;
	return unit;
}

/* Hands a complete entry to the committer, or gives it its name now. */
static void engine_park(struct worker *worker, struct job *job)
{
	struct engine_shared *shared = worker->shared;
	struct unit *unit = engine_unit(shared->settings, job);

	if (job->error.grade == ERROR_WARNING) {
		engine_post_error(worker, job);
		job->error = (struct error){ 0 };
	}
	engine_tell_way(worker, job); /* while the folder is surely there */
	engine_count_losses(worker, job);
	/* T1: the committer never waits for room, so who parks for it does. */
	if (shared->settings->report_entries)
		event_wait_room(shared->events);
	if (unit == NULL) {
		error_set(&job->error, -ENOMEM, ERROR_SIDE_TARGET, "park");
		job_abandon(&worker->env, job);
		engine_fail(worker, job);
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
	engine_end_job(worker, job, false);
}

/* ---- ADMIT ------------------------------------------------------------------- */

/* Keeps both sides of the batch's folder pinned, so that its entries pin them
 * without a lock.  FOLDER NULL: lets go. */
static void engine_hold(struct worker *worker, const struct folder *folder)
{
	struct root *root = worker->shared->root;
	struct dir *dirs[2] = { NULL, NULL };

	if (folder != NULL && root->open_max >= ENGINE_HOLD_FDS) {
		dirs[0] = folder->source;
		dirs[1] = folder->target;
	}
	for (size_t i = 0; i < 2; i++) {
		struct dir *held = worker->held[i];

		if (held == dirs[i])
			continue;
		if (dirs[i] != NULL)
			dir_get(root, dirs[i]);
		if (dirs[i] != NULL && dir_pin(root, dirs[i], NULL) < 0) {
			dir_put(root, dirs[i]);
			dirs[i] = NULL; /* its entries will tell */
		}
		worker->held[i] = dirs[i];
		if (held != NULL) {
			dir_unpin(root, held);
			dir_put(root, held);
		}
	}
}

/* The next entry of the current batch, or of the next one. */
static bool engine_next_entry(struct worker *worker, struct entry *entry)
{
	while (worker->batch == NULL || !batch_next(worker->batch, entry)) {
		free(worker->batch);
		worker->batch = queue_take_batch(worker->shared->queue);
		if (worker->batch == NULL)
			return false;
		engine_hold(worker, worker->batch->folder);
	}
	return true;
}

/* Contents of what is no file are read where it is named itself, as by cp, and
 * below a folder if that was asked for. */
static bool engine_is_stream(const struct settings *settings, const struct entry *entry)
{
	if (settings->recursive && !settings->copy_contents)
		return false;
	return entry->type == DT_FIFO || entry->type == DT_CHR || entry->type == DT_BLK;
}

/* What is to become of an entry. */
static const struct step *engine_recipe(const struct engine_shared *shared,
					const struct entry *entry)
{
	const struct settings *settings = shared->settings;

	if (shared->pours)
		return pour_to_recipe;
	if (settings->make == WEIR_MAKE_LINK)
		return alias_link_recipe;
	if (settings->make == WEIR_MAKE_SYMLINK)
		return alias_symlink_recipe;
	if (engine_is_stream(settings, entry))
		return pour_from_recipe;
	if (entry->type != DT_REG)
		return node_recipe;
	if (settings->make == WEIR_MAKE_ATTRIBUTES)
		return inplace_attributes_recipe;
	return settings->in_place ? inplace_recipe : regular_recipe;
}

static void engine_admit(struct worker *worker)
{
	struct engine_shared *shared = worker->shared;
	struct entry entry;

	if (atomic_load(&shared->wanting) > 0)
		return; /* G7: nothing new takes the room that others wait for */
	while (!list_empty(&worker->free) && engine_next_entry(worker, &entry)) {
		struct list *node = list_take_head(&worker->free);
		struct job *job = LIST_ENTRY(node, struct job, node);

		job_begin(job, engine_recipe(shared, &entry), worker->batch, &entry);
		job->dry = shared->settings->dry_run;
		list_add_tail(&worker->runnable, &job->node);
		worker->live++;
		atomic_fetch_add(&shared->live, 1);
	}
}

/* Lists a piece of a folder while there is room for more jobs. */
static bool engine_scan(struct worker *worker)
{
	struct engine_shared *shared = worker->shared;
	struct error error = { 0 };
	struct folder *folder;

	if (worker->live >= worker->plan.jobs || atomic_load(&shared->wanting) > 0)
		return false;
	folder = queue_take_scan(shared->queue, false);
	if (folder == NULL)
		return false;
	if (tree_scan(shared->tree, folder, &error)) {
		if (error.grade != ERROR_NONE && !engine_source_gone(shared, &error, folder)) {
			tree_error(shared->tree, &error, folder, NULL);
			engine_consider_stop(shared, &error,
					     folder->parent != NULL ? folder->parent->target_fs
								    : NULL);
		}
		commit_put_folder(shared->commit, folder);
		queue_finish_work(shared->queue, 1);
	}
	return true;
}

/* ---- cancel ---- */

/* Takes everything out of the queue that was not begun. */
void engine_discard_queue(struct worker *worker)
{
	struct engine_shared *shared = worker->shared;
	struct folder *folder;
	struct entry entry;

	while (engine_next_entry(worker, &entry)) {
		atomic_store(&shared->dropped, true);
		if (entry.type == DT_REG && !worker->batch->counted)
			tally_sub(&shared->tally->files_open, 1);
		commit_put_folder(shared->commit, worker->batch->folder);
		queue_finish_work(shared->queue, 1);
	}
	while ((folder = queue_take_scan(shared->queue, true)) != NULL) {
		atomic_store(&shared->dropped, true);
		tree_discard(shared->tree, folder);
		commit_put_folder(shared->commit, folder);
		queue_finish_work(shared->queue, 1);
	}
}

/* Drops a job, now or as soon as the kernel has let go of its buffers; it is in
 * no list. */
static void engine_drop_job(struct worker *worker, struct job *job)
{
	struct stream *stream = &job->stream;

	atomic_store(&worker->shared->dropped, true);
	if (stream->error.grade == ERROR_NONE)
		error_set(&stream->error, -ECANCELED, ERROR_SIDE_NONE, "cancel");
	if (stream->live > 0)
		stream_issue(stream, &worker->env.stream, job); /* only lets go (S3) */
	if (job_in_flight(job))
		return; /* E1: dropped again when its op is applied */
	job_abandon(&worker->env, job);
	engine_end_job(worker, job, true);
}

static void engine_drop_list(struct worker *worker, struct list *list, bool keep_complete)
{
	struct list round, *node;

	list_init(&round);
	list_move_all(list, &round);
	while ((node = list_take_head(&round)) != NULL) {
		struct job *job = LIST_ENTRY(node, struct job, node);

		/* Complete and only waiting for its turn to park: the first
		 * signal keeps it. */
		if (keep_complete && job->reason == JOB_WAITS_COMMITTER) {
			list_add_tail(list, node);
			continue;
		}
		if (job->reason == JOB_WAITS_ROOM)
			atomic_fetch_sub(&worker->shared->wanting, 1);
		engine_drop_job(worker, job);
	}
}

static void engine_wind_down(struct worker *worker, int cancel)
{
	engine_discard_queue(worker);
	engine_drop_list(worker, &worker->runnable, false);
	engine_drop_list(worker, &worker->waiting, cancel == WEIR_CANCEL_FINISH);
}

/* ---- ISSUE ----------------------------------------------------------------------- */

/* G7: true if one job that waits for room may try again: all others are over,
 * and what they parked is published.  The caller then holds the token. */
static bool engine_room_came(struct worker *worker)
{
	struct engine_shared *shared = worker->shared;

	if (atomic_load(&shared->wanting) == 0 || atomic_flag_test_and_set(&shared->room_token))
		return false;
	if (atomic_load(&shared->live) == atomic_load(&shared->wanting) &&
	    commit_hurry(shared->commit) == 0)
		return true;
	atomic_flag_clear(&shared->room_token);
	return false;
}

/* Brings back what waits for something that may have come. */
static void engine_wake_waiting(struct worker *worker)
{
	bool room = engine_room_came(worker);
	uint32_t large = worker->arena.free_large_count;
	uint32_t small = worker->arena.free_small_count;
	uint64_t now_ns = list_empty(&worker->waiting) ? 0 : tally_now_ns();
	struct list again, *node;

	list_init(&again);
	while ((node = list_take_head(&worker->waiting)) != NULL) {
		struct job *job = LIST_ENTRY(node, struct job, node);

		bool come = job->reason == JOB_WAITS_ROOM && room;

		if (job->reason == JOB_WAITS_ANSWER && ask_is_answered(&job->ask)) {
			come = true;
		} else if (come) {
			room = false;
			atomic_fetch_sub(&worker->shared->wanting, 1);
			atomic_flag_clear(&worker->shared->room_token);
		}
		come = come || (job->reason == JOB_WAITS_TIME && now_ns >= job->wake_ns);
		/* No more are woken than there are slots. */
		if (job->reason == JOB_WAITS_SLOT && job->stream.plan.small && small > 0) {
			come = true;
			small--;
		} else if (job->reason == JOB_WAITS_SLOT && large > 0) {
			come = true;
			large--;
		}
		if (come)
			job->reason = JOB_RUNNABLE;
		list_add_tail(come ? &worker->runnable : &again, node);
	}
	list_move_all(&again, &worker->waiting);
	if (room)
		atomic_flag_clear(&worker->shared->room_token);
}

/* Tries to park what found the group full. */
static void engine_park_waiting(struct worker *worker)
{
	struct list again, *node;

	list_init(&again);
	list_move_all(&worker->waiting, &again);
	while ((node = list_take_head(&again)) != NULL) {
		struct job *job = LIST_ENTRY(node, struct job, node);

		if (job->reason == JOB_WAITS_COMMITTER) {
			engine_park(worker, job);
			if (!list_empty(&worker->waiting) && worker->waiting.previous == &job->node)
				break; /* still full: the others need not ask */
		} else {
			list_add_tail(&worker->waiting, node);
		}
	}
	list_move_all(&again, &worker->waiting);
}

static void engine_advance(struct worker *worker, struct job *job)
{
	switch (job_advance(&worker->env, job)) {
	case STEP_WAIT:
		job->reason = JOB_WAITS_IO;
		break;
	case STEP_SLOT:
		job->reason = JOB_WAITS_SLOT;
		list_add_tail(&worker->waiting, &job->node);
		break;
	case STEP_ASK:
		job->reason = JOB_WAITS_ANSWER;
		list_add_tail(&worker->waiting, &job->node);
		break;
	case STEP_LATER:
		job->reason = JOB_WAITS_TIME;
		list_add_tail(&worker->waiting, &job->node);
		break;
	case STEP_YIELD:
		list_add_tail(&worker->runnable, &job->node);
		break;
	case STEP_FAIL:
		engine_fail(worker, job);
		break;
	case STEP_SKIP:
		engine_skip(worker, job);
		break;
	case STEP_PARK:
		engine_park(worker, job);
		break;
	case STEP_DEFER:
		engine_end_job(worker, job, true);
		break;
	case STEP_TURN:
	case STEP_NEXT:
	case STEP_AGAIN:
		WEIR_ASSERT(false); /* the cursor handles these itself */
	}
}

/* The arena grows when a stream wants more than is ready; for that nothing may
 * be in flight, so issuing stops for a moment. */
static bool engine_holds_for_growth(struct worker *worker)
{
	size_t ready = worker->arena.ready_bytes;

	if (worker->env.slot_wanted && worker->arena.large_ready < worker->arena.large_count)
		worker->growing = true;
	worker->env.slot_wanted = false;
	if (!worker->growing)
		return false;
	if (worker->io.queued > 0 || !list_empty(&worker->io.done))
		return true;
	worker->growing = false;
	if (arena_grow(&worker->arena)) {
		tally_add(&worker->shared->tally->arena_bytes, worker->arena.ready_bytes - ready);
		if (worker->io.registered) {
			tally_sub(&worker->shared->tally->buffer_bytes, ready);
			worker->io.registered = false;
			engine_register(worker, true);
		}
	}
	return false;
}

static void engine_issue(struct worker *worker)
{
	struct list *node;
	struct list round;

	if (engine_holds_for_growth(worker))
		return;
	engine_wake_waiting(worker);
	engine_park_waiting(worker);
	/* One round: what becomes runnable by it is for the next turn. */
	list_init(&round);
	list_move_all(&worker->runnable, &round);
	while ((node = list_take_head(&round)) != NULL)
		engine_advance(worker, LIST_ENTRY(node, struct job, node));
}

/* ---- WAIT and APPLY ---------------------------------------------------------------- */

static void engine_apply(struct worker *worker)
{
	struct io_op *op;

	while ((op = io_take_done(&worker->io)) != NULL) {
		struct job *job = op->owner;

		job_apply(&worker->env, job, op);
		if (list_empty(&job->node)) {
			job->reason = JOB_RUNNABLE;
			list_add_tail(&worker->runnable, &job->node);
		}
	}
	/* A job whose ops are not all back has nothing to do but wait (E1): it
	 * stays runnable, and its row says so again. */
}

/* The ring itself failed.  What it has in flight may still come back; without
 * that no buffer is ever free again, and stopping is safe (J1). */
static void engine_ring_failed(struct worker *worker, int result)
{
	struct error error;

	if (worker->failures++ == 0) {
		error_set(&error, result, ERROR_SIDE_NONE, "wait for the ring");
		error.grade = ERROR_RUN;
		event_post_error(worker->shared->events, &error, "", false);
		engine_cancel(worker->shared, WEIR_CANCEL_NOW);
	}
	WEIR_ASSERT(worker->failures < LIMIT_TRIES * 1000);
}

static bool engine_wait(struct worker *worker, int timeout_ms)
{
	int result;

	if (worker->io.queued == 0 && list_empty(&worker->io.done))
		return false;
	if (!list_empty(&worker->runnable) && !worker->growing)
		timeout_ms = 0;
	result = io_turn(&worker->io, timeout_ms);
	if (result < 0)
		engine_ring_failed(worker, result);
	return true;
}

bool engine_turn(struct worker *worker, int timeout_ms)
{
	int cancel = atomic_load(&worker->shared->cancel);
	bool scanned = false;
	bool waited;

	worker->moved = false;
	if (cancel != 0) {
		engine_wind_down(worker, cancel);
		engine_park_waiting(worker);
	} else {
		engine_admit(worker);
		engine_issue(worker);
		scanned = engine_scan(worker);
	}
	waited = engine_wait(worker, scanned ? 0 : timeout_ms);
	engine_apply(worker);
	/* A job that ended made room: there may be another to admit. */
	return scanned || waited || worker->moved || !list_empty(&worker->runnable);
}

/* T3: every live job names its reason. */
static bool engine_all_wait(const struct worker *worker)
{
	uint32_t count = 0;

	for (const struct list *node = worker->waiting.next; node != &worker->waiting;
	     node = node->next)
		count++;
	return count == worker->live;
}

void engine_run(struct worker *worker)
{
	struct engine_shared *shared = worker->shared;

	while (!queue_is_shut(shared->queue)) {
		uint32_t seen = bell_read(shared->bell);
		uint64_t began;

		if (engine_turn(worker, LIMIT_WAIT_MS))
			continue;
		/* E3: nothing in flight; work, room or the end rings. */
		WEIR_ASSERT(engine_all_wait(worker));
		began = tally_now_ns();
		bell_wait(shared->bell, seen, LIMIT_WAIT_MS);
		tally_add(&shared->tally->wait_ns, tally_now_ns() - began);
	}
}

void engine_abandon_queue(struct worker *worker)
{
	struct engine_shared *shared = worker->shared;

	while (!queue_is_shut(shared->queue)) {
		uint32_t seen = bell_read(shared->bell);

		engine_discard_queue(worker);
		bell_wait(shared->bell, seen, LIMIT_WAIT_MS);
	}
}
