/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Server-side copies.
 *
 * Invariants:
 * V1 0 is never "end": short of the size it means that this way is not usable,
 *    and all is copied anew by reading and writing;
 * V2 only "not supported here" leads on to another way; an error of the device or
 *    of space is one;
 * V3 one call of this module is one slice, so other jobs of the worker and a
 *    cancel have their turn; where bytes are paced a slice is as much as may move
 *    at once.
 *
 * Only between file systems of one kind where the bytes would travel otherwise:
 * elsewhere the kernel copies through the page cache, which the ring does better,
 * and fills holes on the way.
 */
#define _GNU_SOURCE
#include "offload.h"

#include <errno.h>
#include <string.h>

#include "invariant.h"
#include "limits.h"

/* reference/io_uring.md 4.8 */
static bool offload_is_refused(int64_t result)
{
	return result == 0 || result == -EOPNOTSUPP || result == -ENOSYS || result == -ENOTTY ||
	       result == -EXDEV || result == -EINVAL || result == -EBADF || result == -EPERM ||
	       result == -EACCES || result == -ETXTBSY || result == -ENOENT;
}

static struct fs_pair *offload_pair(struct job_env *env, const struct job *job)
{
	const struct fs *source = job->folder->source_fs;
	const struct fs *target = job->folder->target_fs;

	if (source == NULL || source->device != job->source.device)
		source = fs_find(env->fs, job->source_fd, job->source.device, false);
	if (source == NULL || source->kind != target->kind ||
	    strcmp(source->name, target->name) != 0)
		return NULL;
	if (target->kind != FS_NETWORK && target->kind != FS_FUSE)
		return NULL;
	return fs_pair(env->fs, source, target);
}

/* The pair if the copy may go this way, else NULL. */
static struct fs_pair *offload_is_for(struct job_env *env, const struct job *job)
{
	const struct settings *settings = env->settings;
	struct fs_pair *pair;

	/* copy_file_range may share blocks, and may fill holes. */
	if (settings->reflink == WEIR_REFLINK_NEVER || settings->sparse != WEIR_SPARSE_AUTO ||
	    settings->preallocate)
		return NULL;
	if (job->whole || job->source.size_bytes == 0 ||
	    job->source.blocks * 512 < job->source.size_bytes)
		return NULL;
	pair = offload_pair(env, job);
	return pair != NULL && !pair->no_offload ? pair : NULL;
}

/* How much is next. */
static uint64_t offload_next_bytes(const struct job_env *env, const struct job *job)
{
	uint64_t left = job->source.size_bytes - job->offloaded_bytes;
	uint64_t most = pace_most(env->stream.pace, LIMIT_ALIGN_BYTES);

	if (most > LIMIT_OFFLOAD_BYTES)
		most = LIMIT_OFFLOAD_BYTES;
	return left < most ? left : most;
}

static int64_t offload_slice(struct job_env *env, struct job *job, uint64_t bytes)
{
	int64_t result = -EINTR;

	for (uint32_t tries = 0; tries < LIMIT_TRIES && result == -EINTR; tries++)
		result = sys_copy_file_range(env->stream.sys, job->source_fd, job->target_fd,
					     (int64_t)job->offloaded_bytes, bytes);
	job_moved(env, job, result > 0 ? (uint64_t)result : 0);
	return result;
}

/* V1: what is there already goes, so that the way that comes next finds an empty
 * target. */
static enum step_answer offload_refused(struct job_env *env, struct job *job, struct fs_pair *pair)
{
	int result = 0;

	pair->no_offload = true;
	if (job->offloaded_bytes > 0)
		result = sys_ftruncate(env->stream.sys, job->target_fd, 0);
	offload_undo(env, job);
	if (result == 0)
		return STEP_NEXT;
	error_set(&job->error, result, ERROR_SIDE_TARGET, "set size of");
	return STEP_FAIL;
}

enum step_answer offload_step(struct job_env *env, struct job *job)
{
	struct fs_pair *pair = offload_is_for(env, job);
	uint64_t left = job->source.size_bytes - job->offloaded_bytes;
	uint64_t bytes = offload_next_bytes(env, job);
	enum step_answer answer;
	int64_t result;

	if (pair == NULL) {
		job_moved(env, job, 0);
		/* Another worker found out meanwhile. */
		return job->offloaded_bytes > 0 ? offload_refused(env, job, offload_pair(env, job))
						: STEP_NEXT;
	}
	answer = job_pace(env, job, bytes);
	if (answer != STEP_NEXT)
		return answer;
	result = offload_slice(env, job, bytes);
	if (offload_is_refused(result))
		return offload_refused(env, job, pair);
	if (result < 0) { /* V2 */
		error_set_at(&job->error, result, ERROR_SIDE_TARGET, "copy to",
			     (int64_t)job->offloaded_bytes);
		return STEP_FAIL;
	}
	WEIR_ASSERT((uint64_t)result <= left);
	job->offloaded_bytes += (uint64_t)result;
	tally_add(&env->stream.tally->bytes_written, (uint64_t)result);
	if ((uint64_t)result < left)
		return STEP_YIELD; /* V3 */
	job->whole = true;
	job->way = JOB_WAY_OFFLOAD;
	job->way_reason = "both sides are one kind of file system that copies by itself";
	return STEP_NEXT;
}

void offload_undo(struct job_env *env, struct job *job)
{
	job_moved(env, job, 0); /* what was asked for and did not move */
	tally_sub(&env->stream.tally->bytes_written, job->offloaded_bytes);
	job->offloaded_bytes = 0;
}
