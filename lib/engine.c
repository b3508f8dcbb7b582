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
 * E3 a worker never sleeps with runnable jobs, nor longer than LIMIT_WAIT_MS, nor
 *    beyond the time that a job waits for.
 */
#define _GNU_SOURCE
#include "engine.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

#include "adjust.h"
#include "alias.h"
#include "inherit.h"
#include "inplace.h"
#include "invariant.h"
#include "limits.h"
#include "manners.h"
#include "node.h"
#include "outcome.h"
#include "patch.h"
#include "pour.h"
#include "regular.h"

/* ---- ADMIT ------------------------------------------------------------------- */

/* The next entry of the current batch, or of the next one. */
static bool engine_next_entry(struct worker *worker, struct entry *entry)
{
	while (worker->batch == NULL || !batch_next(worker->batch, entry)) {
		free(worker->batch);
		worker->batch = queue_take_batch(worker->shared->queue);
		if (worker->batch == NULL)
			return false;
		worker_hold(worker, worker->batch->folder);
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
static const struct step *engine_recipe(const struct worker_shared *shared,
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
	if (entry->earlier)
		return entry->adjusts ? regular_recipe : inherit_link_recipe;
	if (entry->type != DT_REG)
		return node_recipe;
	if (entry->adjusts)
		return adjust_recipe;
	if (settings->make == WEIR_MAKE_ATTRIBUTES)
		return inplace_attributes_recipe;
	if (!settings->in_place || entry->anew)
		return regular_recipe;
	return settings_syncs(settings) ? patch_recipe : inplace_recipe;
}

static void engine_admit(struct worker *worker)
{
	struct worker_shared *shared = worker->shared;
	struct entry entry;

	if (atomic_load(&shared->wanting) > 0)
		return; /* G7: nothing new takes the room that others wait for */
	if (manners_stand_back(shared))
		return;
	while (!list_empty(&worker->free) && engine_next_entry(worker, &entry)) {
		struct list *node = list_take_head(&worker->free);
		struct job *job;

		WEIR_ASSERT(node != NULL);
		job = LIST_ENTRY(node, struct job, node);
		job_begin(job, engine_recipe(shared, &entry), worker->batch, &entry);
		job->dry = shared->settings->dry_run;
		list_add_tail(&worker->runnable, &job->node);
		worker->live++;
		atomic_fetch_add(&shared->live, 1);
	}
}

/* One step of the newest scan.  False: there is none. */
static bool engine_scan_next(struct worker *worker)
{
	struct worker_shared *shared = worker->shared;
	struct error error = { 0 };
	struct folder *folder;

	folder = queue_take_scan(shared->queue, false);
	if (folder == NULL)
		return false;
	if (tree_scan(shared->tree, folder, &error)) {
		if (error.grade != ERROR_NONE && !outcome_source_gone(shared, &error, folder)) {
			tree_error(shared->tree, &error, folder, NULL);
			outcome_consider_stop(shared, &error,
					      folder->parent != NULL ? folder->parent->target_fs
								     : NULL);
		}
		commit_put_folder(shared->commit, folder);
		queue_finish_work(shared->queue, 1);
	}
	return true;
}

/* Lists a piece of a folder while there is room for more jobs. */
static bool engine_scan(struct worker *worker)
{
	bool scanned;

	if (worker->live >= worker->plan.jobs || atomic_load(&worker->shared->wanting) > 0 ||
	    manners_stand_back(worker->shared))
		return false;
	if (label_stays(&worker->env.labeller))
		return false; /* the folder would get it; the run is ending */
	if (!tree_take_turn(worker->shared->tree))
		return false;
	scanned = engine_scan_next(worker);
	tree_give_turn(worker->shared->tree);
	return scanned;
}
/* ---- cancel ---- */

/* Takes everything out of the queue that was not begun. */
void engine_discard_queue(struct worker *worker)
{
	struct worker_shared *shared = worker->shared;
	struct folder *folder;
	struct entry entry;

	while (engine_next_entry(worker, &entry)) {
		atomic_store(&shared->dropped, true);
		atomic_fetch_add(&shared->left_entries, 1);
		if (entry.type == DT_REG && !worker->batch->counted)
			tally_sub(&shared->tally->files_open, 1);
		commit_put_folder(shared->commit, worker->batch->folder);
		queue_finish_work(shared->queue, 1);
	}
	while ((folder = queue_take_scan(shared->queue, true)) != NULL) {
		atomic_store(&shared->dropped, true);
		atomic_fetch_add(&shared->left_folders, 1);
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
	job_let_go(&worker->env, job);
	if (job_in_flight(job))
		return; /* E1: dropped again when its op is applied */
	job_abandon(&worker->env, job);
	atomic_fetch_add(&worker->shared->left_entries, 1);
	outcome_end_job(worker, job, true);
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
	struct worker_shared *shared = worker->shared;

	if (atomic_load(&shared->wanting) == 0 || atomic_flag_test_and_set(&shared->room_token))
		return false;
	if (atomic_load(&shared->live) == atomic_load(&shared->wanting) &&
	    commit_hurry(shared->commit) == 0)
		return true;
	atomic_flag_clear(&shared->room_token);
	return false;
}

/* True if it waits for a time and nothing else. */
static bool engine_waits_for_time(const struct job *job)
{
	return job->reason == JOB_WAITS_TIME || job->reason == JOB_WAITS_PACE ||
	       job->reason == JOB_WAITS_QUIET;
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
		come = come || (engine_waits_for_time(job) && now_ns >= job->wake_ns);
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
			outcome_park(worker, job);
			if (!list_empty(&worker->waiting) && worker->waiting.previous == &job->node)
				break; /* still full: the others need not ask */
		} else {
			list_add_tail(&worker->waiting, node);
		}
	}
	list_move_all(&again, &worker->waiting);
}

static void engine_put_to_wait(struct worker *worker, struct job *job, enum job_reason reason)
{
	job->reason = reason;
	list_add_tail(&worker->waiting, &job->node);
}

static void engine_advance(struct worker *worker, struct job *job)
{
	switch (job_advance(&worker->env, job)) {
	case STEP_WAIT:
		job->reason = JOB_WAITS_IO;
		break;
	case STEP_SLOT:
		engine_put_to_wait(worker, job, JOB_WAITS_SLOT);
		break;
	case STEP_ASK:
		engine_put_to_wait(worker, job, JOB_WAITS_ANSWER);
		break;
	case STEP_LATER:
		engine_put_to_wait(worker, job, JOB_WAITS_TIME);
		break;
	case STEP_PACE:
		engine_put_to_wait(worker, job, JOB_WAITS_PACE);
		break;
	case STEP_QUIET:
		engine_put_to_wait(worker, job, JOB_WAITS_QUIET);
		break;
	case STEP_YIELD:
		list_add_tail(&worker->runnable, &job->node);
		break;
	case STEP_FAIL:
		outcome_fail(worker, job);
		break;
	case STEP_SKIP:
		outcome_skip(worker, job);
		break;
	case STEP_PARK:
		outcome_park(worker, job);
		break;
	case STEP_DEFER:
		outcome_end_job(worker, job, true);
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
	if (io_is_busy(&worker->io))
		return true;
	worker->growing = false;
	if (arena_grow(&worker->arena)) {
		tally_add(&worker->shared->tally->arena_bytes, worker->arena.ready_bytes - ready);
		if (worker->io.registered) {
			tally_sub(&worker->shared->tally->buffer_bytes, ready);
			worker->io.registered = false;
			worker_register(worker, true);
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
		worker_cancel(worker->shared, WEIR_CANCEL_NOW);
	}
	WEIR_ASSERT(worker->failures < LIMIT_TRIES * 100);
}

static bool engine_wait(struct worker *worker, int timeout_ms)
{
	int result;

	if (!io_is_busy(&worker->io))
		return false;
	if (!list_empty(&worker->runnable) && !worker->growing)
		timeout_ms = 0;
	if (timeout_ms > 0 && !list_empty(&worker->waiting)) {
		int left_ms = engine_sleep_ms(worker);

		timeout_ms = left_ms < timeout_ms ? left_ms : timeout_ms;
	}
	result = io_turn(&worker->io, timeout_ms);
	if (result < 0)
		engine_ring_failed(worker, result);
	return true;
}

bool engine_turn(struct worker *worker, int timeout_ms)
{
	bool scanned = false;
	bool waited;
	int cancel;

	manners_look(worker->shared);
	cancel = atomic_load(&worker->shared->cancel);
	worker->moved = false;
	if (cancel == 0 && atomic_load(&worker->shared->commit->naming.astray)) {
		worker_cancel(worker->shared, WEIR_CANCEL_FINISH);
		cancel = WEIR_CANCEL_FINISH;
	}
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

/* How long a worker with nothing in flight may sleep: until the first of its jobs that
 * wait for a time, and never longer than it takes to look (E3). */
int engine_sleep_ms(const struct worker *worker)
{
	uint64_t now_ns = tally_now_ns();
	uint64_t least_ns = LIMIT_WAIT_MS * 1000000ULL;

	for (const struct list *node = worker->waiting.next; node != &worker->waiting;
	     node = node->next) {
		const struct job *job = LIST_ENTRY(node, struct job, node);
		uint64_t left_ns = job->wake_ns > now_ns ? job->wake_ns - now_ns : 0;

		if (engine_waits_for_time(job) && left_ns < least_ns)
			least_ns = left_ns;
	}
	return (int)((least_ns + 999999) / 1000000);
}

void engine_run(struct worker *worker)
{
	struct worker_shared *shared = worker->shared;

	while (!queue_is_shut(shared->queue)) {
		uint32_t seen = bell_read(shared->bell);
		uint64_t began;

		if (engine_turn(worker, LIMIT_WAIT_MS))
			continue;
		/* E3: nothing in flight; work, room or the end rings. */
		WEIR_ASSERT(engine_all_wait(worker));
		began = tally_now_ns();
		bell_wait(shared->bell, seen, engine_sleep_ms(worker));
		tally_add(&shared->tally->wait_ns, tally_now_ns() - began);
	}
}

void engine_abandon_queue(struct worker *worker)
{
	struct worker_shared *shared = worker->shared;

	while (!queue_is_shut(shared->queue)) {
		uint32_t seen = bell_read(shared->bell);

		engine_discard_queue(worker);
		bell_wait(shared->bell, seen, LIMIT_WAIT_MS);
	}
}
