/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The cursor over a recipe.
 *
 *   Reason           True here                               Then
 *   RUNNABLE         its row can be started or finished      job_advance()
 *   WAITS_IO         at least one op is in flight            an op is applied -> RUNNABLE
 *   WAITS_SLOT       no op, the arena is used up             a slot is given -> RUNNABLE
 *   WAITS_COMMITTER  all rows done, the group is full        parked in the next group
 *   WAITS_TIME       no op, a lease is in the way (A13)      wake_ns has come -> RUNNABLE
 *   WAITS_PACE       no op, it would be ahead of the rate    wake_ns has come -> RUNNABLE
 *   WAITS_QUIET      no op, the run stands back              wake_ns has come -> RUNNABLE
 *   WAITS_ROOM       undone; no space while files are parked the group is done -> RUNNABLE
 *   WAITS_ANSWER     the caller was asked whether to replace it is answered -> RUNNABLE
 *
 * Invariants:
 * J1 rows are started in order, finished before the next is started, and undone
 *    in reverse order, each once;
 * J2 a row ends only when nothing of it is in flight (the counted barrier);
 * J3 after FAIL, SKIP, DEFER or AGAIN no descriptor, temp or chunk is left.
 */
#define _GNU_SOURCE
#include "job.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "alike.h"
#include "grain.h"
#include "invariant.h"
#include "meta.h"
#include "plan.h"
#include "reach.h"
#include "rival.h"
#include "torn.h"

void job_begin(struct job *job, const struct step *recipe, const struct batch *batch,
	       const struct entry *entry)
{
	memset(job, 0, offsetof(struct job, stream));
	list_init(&job->node);
	job->recipe = recipe;
	job->origin = recipe;
	job->folder = batch->folder;
	job->retry = batch->retry;
	job->counted = batch->counted;
	job->unlinked = batch->unlinked;
	job->again = batch->retry || batch->counted;
	ask_init(&job->ask);
	job->retyped = batch->retyped;
	job->last = batch->last;
	job->type = entry->type;
	job->shares = entry->earlier && entry->adjusts;
	job->shared_stamp = job->shares ? entry->stamp : 0;
	job->inode = job->shares ? 0 : entry->inode;
	job->follow = entry->follow;
	job->source_dirfd = -1;
	job->source_fd = -1;
	job->target_dirfd = -1;
	job->target_fd = -1;
	memset(&job->stream, 0, sizeof(job->stream));
	job->temp_name[0] = '\0';
	WEIR_ASSERT(strlen(entry->name) < sizeof(job->name));
	WEIR_ASSERT(strlen(entry->target_name) < sizeof(job->target_name));
	memcpy(job->name, entry->name, strlen(entry->name) + 1);
	memcpy(job->target_name, entry->target_name, strlen(entry->target_name) + 1);
}

bool job_in_flight(const struct job *job)
{
	return job->op_live || job->stream.live > 0 || job->stream.sync_live;
}

/* Undoes the current row, if it was started, and all before it (J1). */
static void job_undo(struct job_env *env, struct job *job)
{
	WEIR_ASSERT(!job_in_flight(job)); /* J2 */
	if (!job->started && job->row > 0)
		job->row--;
	else if (!job->started)
		return;
	for (;;) {
		const struct step *step = &job->recipe[job->row];

		if (step->undo != NULL)
			step->undo(env, job);
		if (job->row == 0)
			break;
		job->row--;
	}
	job->started = false;
	WEIR_ASSERT(job->source_fd < 0 && job->target_fd < 0 && !job->temp_named); /* J3 */
}

enum step_answer job_advance(struct job_env *env, struct job *job)
{
	for (;;) {
		const struct step *step = &job->recipe[job->row];
		enum step_answer answer;

		WEIR_ASSERT(step->name != NULL);
		if (!job->started) {
			job->started = true;
			if (job->row == 0) /* what an earlier try lost is not lost yet */
				job->losses = (struct losses){ 0 };
			answer = step->start(env, job);
		} else {
			WEIR_ASSERT(step->finish != NULL);
			answer = step->finish(env, job);
		}
		switch (answer) {
		case STEP_NEXT:
			job->row++;
			job->started = false;
			continue;
		case STEP_WAIT:
			WEIR_ASSERT(job_in_flight(job)); /* T3 */
			return answer;
		case STEP_AGAIN:
			job_undo(env, job);
			job->attempts++;
			job->error = (struct error){ 0 };
			continue;
		case STEP_TURN:
			job_undo(env, job);
			job->recipe = job->turn_to;
			job->error = (struct error){ 0 };
			continue;
		case STEP_FAIL:
			WEIR_ASSERT(job->error.grade != ERROR_NONE);
			job_undo(env, job);
			return answer;
		case STEP_SKIP:
		case STEP_DEFER:
			job_undo(env, job);
			return answer;
		case STEP_SLOT:
		case STEP_LATER:
		case STEP_PACE:
		case STEP_QUIET:
		case STEP_YIELD:
		case STEP_ASK:
		case STEP_PARK:
			return answer;
		}
	}
}

enum step_answer job_fail_label(struct job_env *env, struct job *job, int result)
{
	error_set(&job->error, result, ERROR_SIDE_TARGET, "take back the label of");
	if (label_end(&env->labeller) < 0)
		job->error.grade = ERROR_RUN;
	return STEP_FAIL;
}

void job_issue(struct job_env *env, struct job *job, struct io_op *op)
{
	enum io_answer answer;

	WEIR_ASSERT(!job->op_live);
	job->op_live = true;
	answer = io_issue(env->stream.io, op);
	WEIR_ASSERT(answer != IO_ANSWER_BUSY); /* SQ entries suffice for all ops */
}

void job_apply(struct job_env *env, struct job *job, struct io_op *op)
{
	if (op->tag != JOB_OP_TAG && job->contrasts) {
		contrast_apply(&job->contrast, &job->stream, &env->stream, op);
		return;
	}
	if (op->tag != JOB_OP_TAG) {
		stream_apply(&job->stream, &env->stream, op);
		return;
	}
	WEIR_ASSERT(job->op_live);
	job->op_live = false;
	job->op_result = op->result;
	io_give(env->stream.io, op);
}

void job_let_go(struct job_env *env, struct job *job)
{
	WEIR_ASSERT(job->stream.error.grade != ERROR_NONE);
	if (job->contrasts)
		contrast_issue(&job->contrast, &job->stream, &env->stream, job);
	else if (job->stream.live > 0)
		stream_issue(&job->stream, &env->stream, job);
}

void job_abandon(struct job_env *env, struct job *job)
{
	WEIR_ASSERT(!job_in_flight(job));
	job_undo(env, job);
}

enum step_answer job_fail(struct job *job, long result, enum error_side side, const char *operation)
{
	error_set(&job->error, result, side, operation);
	return STEP_FAIL;
}

enum step_answer job_paced(struct job *job, const struct pace_claim *claim)
{
	WEIR_ASSERT(claim->answer != PACE_GO);
	job->wake_ns = claim->due_ns;
	return claim->answer == PACE_RATE ? STEP_PACE : STEP_QUIET;
}

enum step_answer job_pace(struct job_env *env, struct job *job, uint64_t bytes)
{
	struct pace *pace = env->stream.pace;
	uint64_t now_ns;

	if (pace == NULL)
		return STEP_NEXT;
	now_ns = tally_now_ns();
	if (pace_begin(pace, &job->claim, now_ns) == PACE_GO &&
	    pace_ask(pace, &job->claim, bytes, now_ns) == PACE_GO)
		return STEP_NEXT;
	return job_paced(job, &job->claim);
}

void job_moved(struct job_env *env, struct job *job, uint64_t bytes)
{
	pace_settle(env->stream.pace, &job->claim, bytes);
}

void job_uncount_bytes(struct job_env *env, struct job *job)
{
	if (job->sized)
		tally_sub(&env->stream.tally->bytes_found, job->source.size_bytes);
	job->sized = false;
}

enum step_answer job_ask(struct job_env *env, struct job *job)
{
	char *path;

	if (!env->settings->ask || !job->exists || job->dry || job->again)
		return STEP_NEXT;
	if (atomic_load(&job->ask.answer) == ASK_UNASKED) {
		path = folder_target_path(job->folder, job->target_name);
		ask_post(env->asks, &job->ask, path != NULL ? path : job->target_name);
		free(path);
	}
	switch (atomic_load(&job->ask.answer)) {
	case ASK_YES:
		return STEP_NEXT;
	case ASK_NO:
		return STEP_SKIP;
	default:
		return STEP_ASK;
	}
}

enum step_answer job_meet_rival(struct job_env *env, struct job *job)
{
	struct folder *folder = job->folder;
	int dirfd = dir_pin(env->root, folder->target, NULL);
	bool met;

	if (dirfd < 0) {
		error_set(&job->error, dirfd, ERROR_SIDE_TARGET, "open folder of");
		return STEP_FAIL;
	}
	met = rival_met(env->root, folder, job->name, job->target_name, dirfd, false, "replace",
			&job->error);
	dir_unpin(env->root, folder->target);
	return met ? STEP_FAIL : STEP_NEXT;
}

/* G11: what a killed run has left is as new as its last write. */
static bool job_is_torn(struct job_env *env, const struct job *job)
{
	int dirfd = dir_pin(env->root, job->folder->target, NULL);
	bool torn = dirfd >= 0 && torn_is_marked(env->stream.sys, dirfd, job->target_name);

	if (dirfd >= 0)
		dir_unpin(env->root, job->folder->target);
	return torn;
}

bool job_meets_folder(const struct job_env *env, struct job *job)
{
	if (!S_ISDIR(job->existing.mode) ||
	    (env->plan != NULL && plan_is_vacant(env->plan, &job->existing)))
		return false;
	error_set_text(&job->error, ERROR_SIDE_TARGET, "replace", "a folder has this name");
	return true;
}

bool job_is_up_to_date(struct job_env *env, const struct job *job)
{
	const struct timespec *time = &job->source.mtime, *existing = &job->existing.mtime;

	if (!job->exists || env->settings->update != WEIR_UPDATE_OLDER)
		return false;
	/* What is no older may still differ, and was compared; another type is another thing. */
	if (settings_syncs(env->settings))
		return ((job->source.mode ^ job->existing.mode) & S_IFMT) == 0 &&
		       meta_newer(existing, time) && !job_is_torn(env, job);
	if (!meta_newer(time, existing))
		return !meta_newer(existing, time) || !S_ISREG(job->existing.mode) ||
		       !job_is_torn(env, job);
	/* H03: it may be as new as the target can tell.  A dry run makes no temp to
	 * find that out. */
	return !job->dry && grain_cuts(env->root, job->folder, time, existing);
}

/* B04: only an overlay shows what is below it under another device number.  Copies
 * of whole file systems, such as snapshots, have files alike that are two. */
static bool job_is_behind_overlay(struct job_env *env, const struct job *job)
{
	const struct fs *source;

	if (!alike_files(&job->existing, &job->source))
		return false;
	source = fs_find(env->fs, job->source_fd, job->source.device, false);
	return source == NULL || source->kind == FS_OVERLAY ||
	       job->folder->target_fs->kind == FS_OVERLAY;
}

bool job_is_same_file(struct job_env *env, const struct job *job)
{
	return job->exists && ((job->existing.device == job->source.device &&
				job->existing.inode == job->source.inode) ||
			       job_is_behind_overlay(env, job));
}

bool job_reaches(const struct job *job)
{
	return job->follow && !folder_has_operands(job->folder);
}

int job_open_source(struct job_env *env, const struct job *job, int dirfd, int flags)
{
	if (job_reaches(job))
		return reach_open(env->stream.sys, dirfd, job->name, flags);
	return sys_openat(env->stream.sys, dirfd, job->name, flags | (job->follow ? 0 : O_NOFOLLOW),
			  0);
}

int job_stat_source(struct job_env *env, const struct job *job, struct sys_stat *stat)
{
	struct sys *sys = env->stream.sys;

	if (job_reaches(job))
		return reach_stat(sys, job->source_dirfd, job->name, stat);
	return job->follow ? sys_statx_follow(sys, job->source_dirfd, job->name, stat)
			   : sys_statx(sys, job->source_dirfd, job->name, false, stat);
}
