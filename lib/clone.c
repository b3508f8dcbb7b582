/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Clones.
 *
 * Invariants:
 * C1 only "not supported here" leads on to another way; an error of the device or
 *    of space is one;
 * C2 what two file systems cannot do is asked for once, what one file cannot do
 *    (a swap file, a file without checksums) for each;
 * C3 an earlier copy is cloned only while it and the source are what the scan has
 *    compared, as both tell after it, too; else the source is copied.
 */
#define _GNU_SOURCE
#include "clone.h"

#include <errno.h>
#include <fcntl.h>

#include "content.h"
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

/* ---- an earlier copy ---- */

static bool clone_is_what_was_compared(struct job_env *env, const struct job *job, int fd,
				       struct sys_stat *found)
{
	return sys_statx(env->stream.sys, fd, "", false, found) == 0 &&
	       content_stamp_whole(&job->source, found) == job->shared_stamp;
}

/* The file in the folder DIR, or -1: it is not what was compared with the source. */
static int clone_open_earlier(struct job_env *env, const struct job *job, struct dir *dir,
			      struct sys_stat *found)
{
	struct sys *sys = env->stream.sys;
	int dirfd = dir_pin(env->root, dir, NULL);
	int fd;

	if (dirfd < 0)
		return -1;
	fd = sys_openat(sys, dirfd, job->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
	dir_unpin(env->root, dir);
	if (fd < 0)
		return -1;
	if (clone_is_what_was_compared(env, job, fd, found))
		return fd;
	sys_close(sys, fd);
	return -1;
}

static int clone_find_earlier(struct job_env *env, const struct job *job, struct sys_stat *found)
{
	const struct folder *folder = job->folder;
	int fd = -1;

	for (uint32_t i = 0; folder->earlier != NULL && i < folder->earlier_count && fd < 0; i++)
		if (folder->earlier[i] != NULL)
			fd = clone_open_earlier(env, job, folder->earlier[i], found);
	return fd;
}

/* Another size may have come with it: nothing of that may stay. */
static int clone_undo(struct job_env *env, const struct job *job)
{
	return sys_ftruncate(env->stream.sys, job->target_fd, 0);
}

/* 0: it is one; 1: it is to be copied; or -errno. */
static int clone_from_earlier(struct job_env *env, struct job *job, int fd,
			      const struct sys_stat *found)
{
	const struct fs *fs = fs_find(env->fs, fd, found->device, false);
	struct fs_pair *pair = fs != NULL ? fs_pair(env->fs, fs, job->folder->target_fs) : NULL;
	struct sys_stat now;
	int result = -EINTR;

	if (pair == NULL || pair->no_clone)
		return 1;
	for (uint32_t tries = 0; tries < LIMIT_TRIES && result == -EINTR; tries++)
		result = sys_clone(env->stream.sys, job->target_fd, fd);
	if (clone_is_refused_for_all(result))
		pair->no_clone = true;
	if (clone_is_refused(result))
		return 1;
	if (result == 0 && !clone_is_what_was_compared(env, job, fd, &now)) { /* C3 */
		result = clone_undo(env, job);
		return result < 0 ? result : 1;
	}
	return result;
}

/* NEXT: the target has all bytes, or the source is to be copied. */
static enum step_answer clone_earlier(struct job_env *env, struct job *job)
{
	struct sys_stat found;
	int fd = clone_find_earlier(env, job, &found);
	int result = 1;

	if (fd >= 0) {
		result = clone_from_earlier(env, job, fd, &found);
		sys_close(env->stream.sys, fd);
	}
	if (result < 0)
		return job_fail(job, result, ERROR_SIDE_TARGET, "clone to");
	job->whole = result == 0;
	if (job->whole) {
		job->way = JOB_WAY_CLONE;
		job->way_reason = "an earlier copy has the same data";
	}
	return STEP_NEXT;
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
	if (job->shares && (clone_earlier(env, job) != STEP_NEXT || job->whole))
		return job->whole ? STEP_NEXT : STEP_FAIL;
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
