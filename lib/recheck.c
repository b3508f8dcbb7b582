/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A source that is a file, looked at once more after its last byte and its
 * attributes were read.
 *
 * Invariants:
 * K1 what differs is read once more from the name, once; what differs again is
 *    judged by --on-change;
 * K2 attributes that are stored are of one moment;
 * K3 (A12) a source of a sync that was changed just now is looked at when the clock of
 *    its times has gone on: whatever changes it later gets another time, which the next
 *    run sees.
 */
#define _GNU_SOURCE
#include "recheck.h"

#include <time.h>

#include "limits.h"
#include "meta.h"
#include "regular.h"
#include "way.h"

/* The kernel's clock of files goes on 100 times a second at least; some file systems have
 * whole seconds, or two of them. */
#define RECHECK_TICK_NS 10000000
#define RECHECK_COARSE_NS 2000000000

/* True if the source has the bytes that were read, as far as can be told. */
static bool recheck_has_same_data(const struct job *job, const struct sys_stat *now)
{
	return now->size_bytes == job->source.size_bytes && job->stream.end >= now->size_bytes &&
	       meta_same_time(&now->mtime, &job->source.mtime);
}

static bool recheck_is_same(const struct job *job, const struct sys_stat *now)
{
	return recheck_has_same_data(job, now) && meta_same_time(&now->ctime, &job->source.ctime);
}

/* True if what is not data explains another ctime. */
static bool recheck_has_other_attributes(const struct job *job, const struct sys_stat *now)
{
	return now->mode != job->source.mode || now->uid != job->source.uid ||
	       now->gid != job->source.gid || now->links != job->source.links;
}

/* True if other names explain another ctime; nothing of them is copied. */
static bool recheck_lost_or_won_names(const struct job *job, const struct sys_stat *now)
{
	return now->links != job->source.links && now->mode == job->source.mode &&
	       now->uid == job->source.uid && now->gid == job->source.gid;
}

/* It changed in both tries: failed, or kept with the mtime from before the data. */
static enum step_answer recheck_changed(struct job_env *env, struct job *job,
					const struct sys_stat *now)
{
	enum weir_on on = env->settings->on_change;
	bool grew = now->size_bytes > job->source.size_bytes &&
		    job->stream.end >= job->source.size_bytes;
	int result;

	if (on == WEIR_ON_FAIL || (on == WEIR_ON_DEFAULT && !grew)) {
		error_set_text(&job->error, ERROR_SIDE_SOURCE, "copy",
			       grew ? "it kept growing while it was read"
				    : "it kept changing while it was read");
		return STEP_FAIL;
	}
	job->changed = grew ? "it grew meanwhile; what it held at the start was copied"
			    : "it was rewritten meanwhile; the copy may be of several moments";
	if (now->size_bytes >= job->source.size_bytes)
		return STEP_NEXT;
	/* A02: a hole at the end of what is shorter now would be zeros of ours. */
	result = sys_ftruncate(env->stream.sys, job->target_fd, (int64_t)now->size_bytes);
	if (result < 0)
		return job_fail(job, result, ERROR_SIDE_TARGET, "set size of");
	return regular_attributes(env, job);
}

/* A14: only its mode, owner or links changed, in both tries.  The bytes are right;
 * all else is taken anew until it is of one moment. */
static enum step_answer recheck_settle_attributes(struct job_env *env, struct job *job,
						  struct sys_stat *now)
{
	for (uint32_t tries = 0; tries < LIMIT_TRIES; tries++) {
		enum step_answer answer;
		int result;

		job->source = *now;
		answer = regular_attributes(env, job);
		if (answer != STEP_NEXT)
			return answer;
		result = sys_statx(env->stream.sys, job->source_fd, "", false, now);
		if (result < 0)
			return job_fail(job, result, ERROR_SIDE_SOURCE, "stat");
		if (recheck_is_same(job, now))
			return STEP_NEXT;
		if (!recheck_has_same_data(job, now) || !recheck_has_other_attributes(job, now))
			break;
	}
	return recheck_changed(env, job, now);
}

/* How long a change after TIME, which is just now, could still get the same time. */
static uint64_t recheck_settles_ns(const struct timespec *time)
{
	int64_t grain_ns = time->tv_nsec == 0 ? RECHECK_COARSE_NS : RECHECK_TICK_NS;
	struct timespec now;
	int64_t age_ns;

	clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec - time->tv_sec > 3 || now.tv_sec < time->tv_sec - 1)
		return 0; /* or in the future, where no time of ours will be */
	age_ns = (now.tv_sec - time->tv_sec) * 1000000000 + now.tv_nsec - time->tv_nsec;
	return age_ns >= 0 && age_ns < grain_ns ? (uint64_t)(grain_ns - age_ns) : 0;
}

/* K3: true if it is to be waited for. */
static bool recheck_waits(struct job_env *env, struct job *job)
{
	uint64_t left_ns;

	if (!settings_syncs(env->settings) || job->settles)
		return false;
	job->settles = true;
	left_ns = recheck_settles_ns(&job->source.ctime);
	job->wake_ns = tally_now_ns() + left_ns;
	return left_ns > 0;
}

enum step_answer recheck_unwritten(struct job_env *env, struct job *job, const struct step *turn_to)
{
	struct sys_stat now;
	int result = sys_statx(env->stream.sys, job->source_fd, "", false, &now);

	if (result < 0)
		return job_fail(job, result, ERROR_SIDE_SOURCE, "stat");
	if (recheck_is_same(job, &now) ||
	    (recheck_has_same_data(job, &now) && recheck_lost_or_won_names(job, &now)))
		return STEP_NEXT;
	if (job->reread) {
		job->turn_to = turn_to;
		return STEP_TURN;
	}
	job->reread = true;
	return STEP_AGAIN;
}

/* The source must have been one thing from first to last, attributes included
 * (G4). */
enum step_answer recheck_source(struct job_env *env, struct job *job)
{
	struct sys_stat now;
	int result;

	if (way_is_pseudo(job))
		return STEP_NEXT; /* sizes and times of such files mean nothing */
	if (recheck_waits(env, job))
		return STEP_LATER;
	result = sys_statx(env->stream.sys, job->source_fd, "", false, &now);
	if (result < 0)
		return job_fail(job, result, ERROR_SIDE_SOURCE, "stat");
	if (recheck_is_same(job, &now))
		return STEP_NEXT;
	if (recheck_has_same_data(job, &now) && recheck_lost_or_won_names(job, &now))
		return STEP_NEXT; /* A07: it may have none left to be read again by */
	if (job->way == JOB_WAY_TO_END && now.size_bytes == 0 && job->stream.end > 0)
		return STEP_NEXT; /* the same elsewhere: it has bytes, but tells no size */
	if (!job->reread) {
		job->reread = true;
		job->settles = false;
		return STEP_AGAIN;
	}
	if (recheck_has_same_data(job, &now) && recheck_has_other_attributes(job, &now))
		return recheck_settle_attributes(env, job, &now);
	return recheck_changed(env, job, &now);
}
