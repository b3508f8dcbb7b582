/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Clones.
 *
 * Invariants:
 * C1 only "not supported here" leads on to another way; an error of the device or
 *    of space is one;
 * C2 what two file systems cannot do is asked for once, what one file cannot do
 *    (a swap file, a file without checksums) for each.
 */
#define _GNU_SOURCE
#include "clone.h"

#include <errno.h>

#include "limits.h"

/* reference/io_uring.md 4.8; EPERM is what a sandbox says. */
static bool clone_is_refused(int result)
{
	return result == -EOPNOTSUPP || result == -ENOTTY || result == -ENOSYS ||
	       result == -EXDEV || result == -EINVAL || result == -EPERM || result == -ETXTBSY ||
	       result == -EISDIR;
}

/* C2 */
static bool clone_is_refused_for_all(int result)
{
	return clone_is_refused(result) && result != -EINVAL && result != -ETXTBSY;
}

static struct fs_pair *clone_pair(struct job_env *env, const struct job *job)
{
	const struct folder *folder = job->folder;
	const struct fs *source = folder->source_fs;

	if (source == NULL || source->device != job->source.device)
		source = fs_find(env->fs, job->source_fd, job->source.device, false);
	return source != NULL ? fs_pair(env->fs, source, folder->target_fs) : NULL;
}

static enum step_answer clone_refused(const struct job_env *env, struct job *job, int result)
{
	if (env->settings->reflink != WEIR_REFLINK_ALWAYS)
		return STEP_NEXT;
	error_set(&job->error, result, ERROR_SIDE_TARGET, "clone to");
	return STEP_FAIL;
}

enum step_answer clone_start(struct job_env *env, struct job *job)
{
	struct fs_pair *pair;
	int result = -EINTR;

	job->whole = false;
	if (env->settings->reflink == WEIR_REFLINK_NEVER || job->source.size_bytes == 0)
		return STEP_NEXT;
	/* A clone has the holes of its source, no more and no less. */
	if ((env->settings->sparse != WEIR_SPARSE_AUTO || env->settings->preallocate) &&
	    env->settings->reflink == WEIR_REFLINK_AUTO)
		return STEP_NEXT;
	pair = clone_pair(env, job);
	if (pair == NULL || pair->source->kind == FS_PSEUDO || pair->no_clone)
		return clone_refused(env, job, -EOPNOTSUPP);
	for (uint32_t tries = 0; tries < LIMIT_TRIES && result == -EINTR; tries++)
		result = sys_clone(env->stream.sys, job->target_fd, job->source_fd);
	if (clone_is_refused_for_all(result))
		pair->no_clone = true;
	if (clone_is_refused(result))
		return clone_refused(env, job, result);
	if (result < 0) { /* C1 */
		error_set(&job->error, result, ERROR_SIDE_TARGET, "clone to");
		return STEP_FAIL;
	}
	job->whole = true;
	job->way = JOB_WAY_CLONE;
	job->way_reason = "both sides can share blocks";
	return STEP_NEXT;
}
