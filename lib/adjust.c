/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A file of a sync that differs in attributes only: look up, open both sides, make sure
 * that they are what was compared, set the attributes, park.
 *
 * Invariants:
 * B1 what the scan saw may be old: where either side was changed since, or is another
 *    file, the file is copied;
 * B2 it is no member of a group that would be linked to: its inode stays.
 */
#define _GNU_SOURCE
#include "adjust.h"

#include <errno.h>

#include "content.h"
#include "inplace.h"
#include "meta.h"
#include "regular.h"

/* To be copied.  Where other names were to be linked to its inode (B2), that is for the
 * next run. */
static enum step_answer adjust_turn(const struct job_env *env, struct job *job)
{
	if (job->source.links > 1 && settings_keeps(env->settings, WEIR_PROPERTY_LINKS)) {
		error_set_text(&job->error, ERROR_SIDE_SOURCE, "sync",
			       "it changed since it was looked at");
		job->error.source_changed = true;
		job->retyped = true; /* it has the type that it had */
		return STEP_FAIL;
	}
	job->turn_to = regular_recipe;
	job->adjusts = false;
	job->inode = 0;
	return STEP_TURN;
}

static enum step_answer adjust_look(struct job_env *env, struct job *job)
{
	enum step_answer answer;

	job->is_there = true;
	answer = regular_look(env, job);
	if (answer == STEP_NEXT && (!job->exists || !S_ISREG(job->existing.mode))) {
		job->turn_to = regular_recipe;
		return STEP_TURN;
	}
	job->adjusts = true; /* B2 */
	return answer;
}

/* B1 */
static enum step_answer adjust_compare(struct job_env *env, struct job *job)
{
	if (content_stamp(&job->source, &job->existing) == job->stamp)
		return STEP_NEXT;
	return adjust_turn(env, job);
}

/* What its owner may not open is made anew. */
static enum step_answer adjust_open(struct job_env *env, struct job *job)
{
	enum step_answer answer = inplace_open_or_make(env, job);

	if (answer != STEP_FAIL || job->error.errnum != EACCES ||
	    job->existing.uid != env->settings->uid)
		return answer;
	job->error = (struct error){ 0 };
	return adjust_turn(env, job);
}

/* All that was set is of one moment, and the data is still what it was compared with. */
static enum step_answer adjust_recheck(struct job_env *env, struct job *job)
{
	struct sys_stat now;
	int result = sys_statx(env->stream.sys, job->source_fd, "", false, &now);

	if (result < 0)
		return job_fail(job, result, ERROR_SIDE_SOURCE, "stat");
	if (meta_same_time(&now.mtime, &job->source.mtime) &&
	    meta_same_time(&now.ctime, &job->source.ctime))
		return STEP_NEXT;
	if (!job->reread) {
		job->reread = true;
		return STEP_AGAIN;
	}
	error_set_text(&job->error, ERROR_SIDE_SOURCE, "sync", "it kept changing");
	return STEP_FAIL;
}

const struct step adjust_recipe[] = {
	{ "look up target", adjust_look, NULL, NULL },
	{ "open source", regular_open, regular_opened, regular_close_source },
	{ "identify", regular_identify, regular_identify, NULL },
	{ "compare", adjust_compare, NULL, NULL },
	{ "open target", adjust_open, NULL, inplace_drop },
	{ "attributes", regular_attributes, NULL, NULL },
	{ "flags", inplace_flags, NULL, NULL },
	{ "recheck source", adjust_recheck, NULL, NULL },
	{ "sync", regular_sync, regular_synced, NULL },
	{ "park", regular_park, NULL, NULL },
	{ NULL, NULL, NULL, NULL },
};
