/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The old way: the same inode gets new bytes.  This is the one flow without J1: a
 * copy that is cut short leaves a mix, and readers see it grow.
 *
 * Invariants:
 * N1 the source is known by its descriptor to be another file than the target
 *    before a byte is written;
 * N2 no byte of the old contents is left: what is not written is punched, by one
 *    and the same view of the source, and the size is set at the end (D07);
 * N3 where the mode is kept, the target is open to nobody who may not see the new
 *    bytes, from before the first one;
 * N4 a link is followed only if root or we made it: others could lead us
 *    anywhere;
 * N5 a file is written by one source of a run only;
 * N6 no source of a run is written into: every source is claimed before it is read
 *    and every target before it is written, by device and inode, and a target that
 *    has other names is written when all sources are known;
 * N7 what is left torn by a copy that failed looks older than any source, so that
 *    -u takes it up again.  A kill leaves the time of the last write.
 */
#define _GNU_SOURCE
#include "inplace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>

#include "claim.h"
#include "flags.h"
#include "follow.h"
#include "invariant.h"
#include "meta.h"
#include "recheck.h"
#include "regular.h"
#include "torn.h"
#include "way.h"

#define INPLACE_PERMISSIONS 07777U
#define INPLACE_BLOCK_BYTES 65536U /* no file system has larger ones */

/* ---- which target ---- */

/* N4 */
static bool inplace_may_follow(const struct job_env *env, const struct job *job)
{
	return job->existing.uid == 0 || job->existing.uid == env->settings->uid;
}

/* Only a regular file, or a link to one, can be written into. */
static enum step_answer inplace_look(struct job_env *env, struct job *job)
{
	enum step_answer answer = regular_look(env, job);

	if (answer != STEP_NEXT)
		return answer;
	if (!job->exists || !(S_ISREG(job->existing.mode) || S_ISLNK(job->existing.mode))) {
		job->turn_to = regular_recipe;
		return STEP_TURN;
	}
	if (S_ISLNK(job->existing.mode) && !inplace_may_follow(env, job)) {
		error_set_text(&job->error, ERROR_SIDE_TARGET, "write through",
			       "the link belongs to another user");
		return STEP_FAIL;
	}
	return STEP_NEXT;
}

/* What has other names, or was reached by a link, may be a source that nobody has
 * looked at yet (N6). */
enum step_answer inplace_wait(struct job_env *env, struct job *job)
{
	const struct entry entry = {
		.type = job->type,
		.follow = job->follow,
		.name = job->name,
		.target_name = job->target_name,
	};

	if (job->last || job->retry || !job->exists ||
	    (job->existing.links < 2 && !S_ISLNK(job->existing.mode)))
		return STEP_NEXT;
	if (queue_push_last(env->queue, job->folder, &entry) < 0)
		return job_fail(job, -ENOMEM, ERROR_SIDE_TARGET, "write to");
	job_uncount_bytes(env, job);
	return STEP_DEFER;
}

int inplace_open_target(struct job_env *env, struct job *job, int flags)
{
	int dirfd = dir_pin(env->root, job->folder->target, NULL);
	int fd;

	if (dirfd < 0)
		return dirfd;
	flags |= O_NONBLOCK | O_NOCTTY;
	if (!S_ISLNK(job->existing.mode))
		flags |= O_NOFOLLOW;
	fd = sys_openat(env->stream.sys, dirfd, job->target_name, flags, 0);
	dir_unpin(env->root, job->folder->target);
	return fd;
}

/* N5, N6 */
enum step_answer inplace_claim(struct job_env *env, struct job *job)
{
	int result = 0;

	if (!job->claimed && !job->retry)
		result = claim_target(env->claims, job->existing.device, job->existing.inode);
	if (result == -EEXIST || result == -EBUSY) {
		error_set_text(&job->error, ERROR_SIDE_TARGET, "write to",
			       result == -EBUSY ? "it is a source of this run under another name"
						: "another source was written into this file");
		return STEP_FAIL;
	}
	if (result < 0)
		return job_fail(job, result, ERROR_SIDE_TARGET, "write to");
	job->claimed = true;
	job->in_place = true;
	job->folder->target_fs->written = true;
	return STEP_NEXT;
}

/* N1; job.existing becomes what was opened. */
enum step_answer inplace_check(struct job_env *env, struct job *job)
{
	int result = sys_statx(env->stream.sys, job->target_fd, "", true, &job->existing);

	if (result < 0)
		return job_fail(job, result, ERROR_SIDE_TARGET, "stat");
	if (!S_ISREG(job->existing.mode)) {
		error_set_text(&job->error, ERROR_SIDE_TARGET, "write to", "it is no regular file");
		return STEP_FAIL;
	}
	if (job_is_same_file(env, job)) {
		error_set_text(&job->error, ERROR_SIDE_TARGET, "copy to",
			       "source and target are the same file");
		return STEP_FAIL;
	}
	return STEP_NEXT;
}

/* True if the group's bits are those of more than the group: a mask.  Doubt counts
 * as yes. */
static bool inplace_has_acl(struct job_env *env, const struct job *job)
{
	ssize_t bytes;

	if (!settings_keeps(env->settings, WEIR_PROPERTY_ACL))
		return false;
	bytes = sys_getxattr(env->stream.sys, job->target_fd, "", "system.posix_acl_access", NULL,
			     0);
	return bytes != 0 && bytes != -ENODATA && bytes != -EOPNOTSUPP;
}

/* What both sides allow.  Where the owner, the group or a list is another one and
 * will change, those that the target has get what the source gives to all. */
static mode_t inplace_common_mode(struct job_env *env, const struct job *job)
{
	bool owns = settings_keeps(env->settings, WEIR_PROPERTY_OWNER);
	mode_t others = job->source.mode & 07U;
	mode_t both = job->existing.mode & job->source.mode & 0777U;

	if (owns && job->existing.uid != job->source.uid)
		both &= 077U | others << 6;
	if ((owns && job->existing.gid != job->source.gid) ||
	    ((both & 070U) != 0 && inplace_has_acl(env, job)))
		both &= 0707U | others << 3;
	return both;
}

/* N3 */
int inplace_tighten(struct job_env *env, const struct job *job)
{
	mode_t now = job->existing.mode & INPLACE_PERMISSIONS;
	mode_t both = inplace_common_mode(env, job);

	if (!settings_keeps(env->settings, WEIR_PROPERTY_MODE) || both == now)
		return 0;
	return sys_fchmod(env->stream.sys, job->target_fd, both);
}

static enum step_answer inplace_open(struct job_env *env, struct job *job)
{
	enum step_answer answer;
	int result;

	job->target_fd = inplace_open_target(env, job, O_WRONLY);
	if (job->target_fd < 0) {
		result = job->target_fd;
		job->target_fd = -1;
		return job_fail(job, result, ERROR_SIDE_TARGET, "write to");
	}
	answer = inplace_check(env, job);
	if (answer == STEP_NEXT)
		answer = inplace_claim(env, job);
	if (answer != STEP_NEXT)
		return answer;
	result = inplace_tighten(env, job);
	if (result < 0)
		return job_fail(job, result, ERROR_SIDE_TARGET, "set mode of");
	return STEP_NEXT;
}

void inplace_close(struct job_env *env, struct job *job)
{
	if (job->target_fd >= 0)
		sys_close(env->stream.sys, job->target_fd);
	job->target_fd = -1;
	job->in_place = false;
}

/* ---- its bytes ---- */

/* What zeros are looked for in is emptied as a whole; where the source's map tells
 * of holes, the stream empties what it does not write (N2). */
static enum step_answer inplace_prepare(struct job_env *env, struct job *job)
{
	/* Beyond its end, or the last block would stay. */
	uint64_t end = job->existing.size_bytes + INPLACE_BLOCK_BYTES;
	struct stream_plan plan;
	int result = 0;

	way_choose(env, job, &plan);
	plan.pad_tail = false;
	if (job->existing.size_bytes > 0 && plan.find_zeros)
		result = sys_fallocate(env->stream.sys, job->target_fd,
				       FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (int64_t)end);
	else if (job->existing.size_bytes > 0 && plan.sparse)
		plan.punch_to = end;
	if (result == -EOPNOTSUPP || result == -ENOSYS || result == -EINVAL) {
		plan.sparse = false; /* zeros are written then */
		plan.find_zeros = false;
		result = 0;
	}
	if (result < 0)
		return job_fail(job, result, ERROR_SIDE_TARGET, "make holes in");
	stream_begin(&job->stream, &plan);
	return STEP_NEXT;
}

/* N7 */
static void inplace_leave_torn(struct job_env *env, struct job *job)
{
	regular_end_stream(env, job);
	torn_set_time(env->stream.sys, job->target_fd); /* it failed already */
}

/* The last partial block, and the exact size (N2). */
static enum step_answer inplace_end(struct job_env *env, struct job *job)
{
	struct stream *stream = &job->stream;
	uint64_t size = stream->end < stream->plan.size_bytes || stream->plan.to_end
				? stream->end
				: stream->plan.size_bytes;
	int result = stream_write_tail(stream, &env->stream);

	if (result < 0) {
		job->error = stream->error;
		return STEP_FAIL;
	}
	result = sys_ftruncate(env->stream.sys, job->target_fd, (int64_t)size);
	return result < 0 ? job_fail(job, result, ERROR_SIDE_TARGET, "set size of") : STEP_NEXT;
}

/* ---- its attributes ---- */

/* What it has already is not known, so nothing is taken for set. */
enum step_answer inplace_flags(struct job_env *env, struct job *job)
{
	const struct flags_env flags_env = { env->stream.sys, env->settings, &job->losses,
					     &job->error };
	struct flags_place source = { NULL, job->source_fd, "", false };
	const struct flags_place target = { job->folder->target_fs, job->target_fd, "", false };
	uint32_t mask = FLAGS_EARLY | FLAGS_USUAL;
	int result;

	if (!settings_keeps_flags(env->settings))
		return STEP_NEXT;
	source.fs = fs_find(env->fs, job->source_fd, job->source.device, false);
	mask &= ~(uint32_t)(FS_DIRSYNC_FL | FS_TOPDIR_FL | FS_CASEFOLD_FL); /* of folders */
	result = flags_read(&flags_env, &source, &job->source, job->folder->target_fs, &job->flags);
	if (result == 0)
		result = flags_set(&flags_env, &target, mask, job->flags.bits, UINT32_MAX);
	return result < 0 ? STEP_FAIL : STEP_NEXT;
}

const struct step inplace_recipe[] = {
	{ "look up target", inplace_look, NULL, NULL },
	{ "open source", regular_open, regular_opened, regular_close_source },
	{ "identify", regular_identify, regular_identify, NULL },
	{ "wait for sources", inplace_wait, NULL, NULL },
	{ "open target", inplace_open, NULL, inplace_close },
	{ "prepare", inplace_prepare, NULL, inplace_leave_torn },
	{ "stream", regular_stream, regular_stream, NULL },
	{ "end", inplace_end, NULL, NULL },
	{ "attributes", regular_attributes, NULL, NULL },
	{ "flags", inplace_flags, NULL, NULL },
	{ "recheck source", recheck_source, recheck_source, NULL },
	{ "tell", follow_tell, NULL, NULL },
	{ "sync", regular_sync, regular_synced, NULL },
	{ "park", regular_park, NULL, NULL },
	{ NULL, NULL, NULL, NULL },
};

/* ---- attributes only ---- */

/* What exists keeps its bytes; what does not is made empty. */
enum step_answer inplace_open_or_make(struct job_env *env, struct job *job)
{
	enum step_answer answer;
	int fd;

	job_uncount_bytes(env, job); /* no byte of it is copied */
	if (!job->exists || env->settings->fresh)
		return regular_make(env, job);
	if (!S_ISREG(job->existing.mode)) {
		error_set_text(&job->error, ERROR_SIDE_TARGET, "set attributes of",
			       "it is no regular file");
		return STEP_FAIL;
	}
	fd = inplace_open_target(env, job, O_RDONLY);
	if (fd == -EACCES)
		fd = inplace_open_target(env, job, O_WRONLY);
	if (fd < 0)
		return job_fail(job, fd, ERROR_SIDE_TARGET, "open");
	job->target_fd = fd;
	answer = inplace_check(env, job);
	return answer == STEP_NEXT ? inplace_claim(env, job) : answer;
}

void inplace_drop(struct job_env *env, struct job *job)
{
	if (job->in_place)
		inplace_close(env, job);
	else
		regular_drop_target(env, job);
}

const struct step inplace_attributes_recipe[] = {
	{ "look up target", regular_look, NULL, NULL },
	{ "open source", regular_open, regular_opened, regular_close_source },
	{ "identify", regular_identify, regular_identify, NULL },
	{ "wait for sources", inplace_wait, NULL, NULL },
	{ "make or open target", inplace_open_or_make, NULL, inplace_drop },
	{ "attributes", regular_attributes, NULL, NULL },
	{ "flags", inplace_flags, NULL, NULL },
	{ "tell", follow_tell, NULL, NULL },
	{ "sync", regular_sync, regular_synced, NULL },
	{ "park", regular_park, NULL, NULL },
	{ NULL, NULL, NULL, NULL },
};
