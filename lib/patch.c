/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Less writing: both sides are read, and what differs is written in place, or tells
 * that the file is to be replaced.
 *
 * Invariants, beside N1 to N3, N5 and N6 of inplace.c:
 * H1 (G11) the target is marked, and the mark is on disk, before the first byte is
 *    written, a hole is made or the size set; the mark is taken off, and the source's
 *    time set, when the last byte is on disk;
 * H2 a target that has the bytes of the source is opened to be read only, and gets
 *    no mark; if the attributes are known to be the same, nothing of it is touched;
 * H3 what failed leaves the mark, with its time (N7 of inplace.c); a kill leaves the
 *    attribute of it;
 * H4 what the page cache shows of a target whose write-back failed, in this run or in
 *    one that left its mark, is not what counts: it is written anew, or read from the
 *    disk;
 * H5 only a regular file is written into: a link in its place is replaced, so that
 *    nothing outside of the target changes.
 */
#define _GNU_SOURCE
#include "patch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "contrast.h"
#include "follow.h"
#include "inplace.h"
#include "invariant.h"
#include "meta.h"
#include "recheck.h"
#include "regular.h"
#include "torn.h"
#include "way.h"

static enum step_answer patch_turn_to(struct job *job, const struct step *recipe)
{
	job->turn_to = recipe;
	return STEP_TURN;
}

/* True if the target is to be compared and no more. */
static bool patch_judges(const struct job *job)
{
	return job->dry;
}

/* ---- which target ---- */

/* H5 */
static enum step_answer patch_look(struct job_env *env, struct job *job)
{
	enum step_answer answer = regular_look(env, job);

	if (answer == STEP_NEXT && (!job->exists || !S_ISREG(job->existing.mode)))
		return patch_turn_to(job, regular_recipe);
	return answer;
}

static enum step_answer patch_identify(struct job_env *env, struct job *job)
{
	enum step_answer answer = regular_know(env, job);

	if (answer != STEP_NEXT)
		return answer;
	if (way_is_pseudo(job)) /* both sides would have to be read to their ends */
		return patch_turn_to(job, patch_judges(job) || !env->settings->in_place
						  ? regular_recipe
						  : inplace_recipe);
	if (job->existing.append_only) /* never cleared (G06) */
		return job_fail(job, -EPERM, ERROR_SIDE_TARGET, "write to");
	answer = job_ask(env, job);
	if (answer != STEP_NEXT)
		return answer;
	return job->dry ? STEP_NEXT : follow_group(env, job);
}

/* To be read, and leaving no trace of that; or a descriptor that can only write, if
 * that is all that is allowed. */
static int patch_open_target(struct job_env *env, struct job *job)
{
	int fd = inplace_open_target(env, job, O_RDONLY | O_NOATIME);

	if (fd == -EPERM) /* not our file */
		fd = inplace_open_target(env, job, O_RDONLY);
	if (fd == -EACCES) {
		fd = inplace_open_target(env, job, O_WRONLY);
		job->distrusted = fd >= 0;
	}
	return fd;
}

static enum step_answer patch_open(struct job_env *env, struct job *job)
{
	int fd = patch_open_target(env, job);
	enum step_answer answer;

	if (fd < 0)
		return job_fail(job, fd, ERROR_SIDE_TARGET, "open");
	job->target_fd = fd;
	answer = inplace_check(env, job);
	if (answer != STEP_NEXT)
		return answer;
	job->torn = torn_looks(&job->existing.mtime) || torn_is_marked(env->stream.sys, fd, "");
	/* H4; what cannot be dropped is dirty, and no worse than before. */
	if (job->torn && !job->distrusted)
		sys_drop_cache(env->stream.sys, fd);
	return STEP_NEXT;
}

/* ---- its bytes ---- */

/* What a hole in the target is made of; 0: it takes none. */
static uint32_t patch_block_bytes(struct job_env *env, const struct job *job)
{
	struct statfs statfs;

	if (sys_fstatfs(env->stream.sys, job->target_fd, &statfs) < 0 || statfs.f_bsize <= 0 ||
	    statfs.f_bsize > (long)LIMIT_HUGE_PAGE_BYTES)
		return 0;
	return statfs.f_bsize < (long)LIMIT_ALIGN_BYTES ? LIMIT_ALIGN_BYTES
							: (uint32_t)statfs.f_bsize;
}

/* A source that tells no size is read to its end by others. */
static enum step_answer patch_check_empty(struct job_env *env, struct job *job)
{
	char byte;
	ssize_t result;

	if (job->source.size_bytes > 0)
		return STEP_NEXT;
	result = sys_pread(env->stream.sys, job->source_fd, &byte, 1, 0);
	if (result < 0)
		return job_fail(job, result, ERROR_SIDE_SOURCE, "read");
	if (result > 0)
		return patch_turn_to(job, patch_judges(job) ? regular_recipe : inplace_recipe);
	return STEP_NEXT;
}

static enum step_answer patch_prepare(struct job_env *env, struct job *job)
{
	bool judges = patch_judges(job);
	enum step_answer answer = patch_check_empty(env, job);
	struct contrast_plan more;
	struct stream_plan plan;

	if (answer != STEP_NEXT)
		return answer;
	way_choose_pair(env, job, &plan);
	more = (struct contrast_plan){
		.target_bytes = job->existing.size_bytes,
		.target_mapped = fs_believes_holes(job->folder->target_fs),
		.find_zeros = plan.find_zeros,
		.rewrites = job->distrusted || job->retry,
		.judges = judges,
	};
	if (!judges && (plan.sparse || plan.find_zeros))
		more.block_bytes = patch_block_bytes(env, job);
	more.punches = more.block_bytes > 0;
	contrast_begin(&job->contrast, &job->stream, &plan, &more);
	job->contrasts = true;
	return STEP_NEXT;
}

/* H3 */
static void patch_undo(struct job_env *env, struct job *job)
{
	if (job->contrasts)
		tally_sub(&env->stream.tally->bytes_kept, job->contrast.kept_bytes);
	regular_end_stream(env, job);
	if (job->marked)
		torn_set_time(env->stream.sys, job->target_fd); /* it failed already */
	job->contrasts = false;
	job->marked = false;
}

/* Opens what is open to be read, to be written, too: the very inode, under the number
 * that reads which are on their way were issued with. */
static int patch_reopen(struct job_env *env, struct job *job)
{
	struct sys *sys = env->stream.sys;
	int flags = job->distrusted ? O_WRONLY : O_RDWR;
	int fd = sys_reopen(sys, job->target_fd, flags | O_NONBLOCK | O_NOCTTY);
	struct sys_stat now;
	int result = 0;

	if (fd == -EOPNOTSUPP) { /* without /proc by its name, which may be another's */
		fd = inplace_open_target(env, job, flags);
		if (fd >= 0)
			result = sys_statx(sys, fd, "", false, &now);
		if (fd >= 0 && result == 0 &&
		    (now.device != job->existing.device || now.inode != job->existing.inode))
			result = -ESTALE;
	}
	if (fd < 0)
		return fd;
	if (result == 0 && job->stream.plan.write_direct)
		result = sys_set_direct(sys, fd, true);
	if (result == 0)
		return sys_move_fd(sys, fd, job->target_fd);
	sys_close(sys, fd);
	return result;
}

/* The marks, in this order: with the target's mode narrowed, the attribute may be
 * refused to its owner. */
static void patch_set_mark(struct job_env *env, struct job *job)
{
	int result = torn_mark(env->stream.sys, job->target_fd);

	/* Who may write but is not the owner may set no time, and perhaps no attribute
	 * here: then there is no mark to be had, which costs nothing but its use. */
	if (result < 0 && result != -EPERM && result != -EACCES) {
		job_fail(job, result, ERROR_SIDE_TARGET, "mark");
		return;
	}
	job->marked = true;
	result = inplace_tighten(env, job);
	if (result < 0)
		job_fail(job, result, ERROR_SIDE_TARGET, "set mode of");
}

/* True where a sync of the target means nothing. */
static bool patch_needs_no_sync(const struct job_env *env, const struct job *job)
{
	return fs_is_memory(job->folder->target_fs) || env->settings->durable == WEIR_DURABLE_NONE;
}

static void patch_issue_sync(struct job_env *env, struct job *job)
{
	struct io_op *op = io_take(env->stream.io, IO_FSYNC, job, JOB_OP_TAG);

	WEIR_ASSERT(op != NULL);
	op->fd = job->target_fd;
	job_issue(env, job, op);
}

/* H1: the first difference was found.  An error is the stream's, which lets go of
 * what it holds. */
static void patch_begin_mark(struct job_env *env, struct job *job)
{
	if (inplace_claim(env, job) == STEP_NEXT) {
		int result = patch_reopen(env, job);

		if (result < 0)
			job_fail(job, result, ERROR_SIDE_TARGET, "write to");
		else
			patch_set_mark(env, job);
	}
	if (job->error.grade != ERROR_NONE) {
		job->stream.error = job->error;
		return;
	}
	if (patch_needs_no_sync(env, job))
		contrast_allow(&job->contrast);
	else
		patch_issue_sync(env, job);
}

/* The sync of the mark is over. */
static void patch_end_mark(struct job *job)
{
	if (job->op_result < 0)
		stream_fail(&job->stream, job->op_result, ERROR_SIDE_TARGET, "fsync", 0);
	else
		contrast_allow(&job->contrast);
}

/* The bytes were lost on their way to the disk: once more, and all of them (H4). */
static enum step_answer patch_lost(struct job *job)
{
	job->distrusted = true;
	return STEP_AGAIN;
}

static bool patch_may_try_again(const struct job *job)
{
	return job->attempts == 0 && !job->retry && !error_is_full(job->error.errnum);
}

static enum step_answer patch_stream(struct job_env *env, struct job *job)
{
	struct contrast *contrast = &job->contrast;
	struct stream *stream = &job->stream;
	bool wants_slot;

	if (job->marked && !contrast->may_write && !job->op_live)
		patch_end_mark(job);
	wants_slot = contrast_issue(contrast, stream, &env->stream, job);
	if (contrast->differs && !contrast->plan.judges && !job->marked &&
	    stream->error.grade == ERROR_NONE) {
		patch_begin_mark(env, job);
		wants_slot = contrast_issue(contrast, stream, &env->stream, job);
	}
	/* Q2: what is held waits for the mark, and for nothing else. */
	WEIR_ASSERT(stream->live == 0 || contrast->flying > 0 || job->op_live);
	env->slot_wanted = env->slot_wanted || wants_slot;
	if (!job->op_live && stream_is_paced(stream))
		return job_paced(job, &stream->claim);
	if (job_in_flight(job))
		return STEP_WAIT;
	if (stream->error.grade != ERROR_NONE) {
		job->error = stream->error;
		return stream->lost && patch_may_try_again(job) ? patch_lost(job) : STEP_FAIL;
	}
	if (wants_slot)
		return STEP_SLOT;
	WEIR_ASSERT(contrast_done(contrast, stream));
	return STEP_NEXT;
}

/* ---- what is to be done ---- */

static enum step_answer patch_decide(struct job_env *env, struct job *job)
{
	bool differs = job->contrast.differs;

	job->would = job->dry && (differs || !job->same_attributes || job->torn);
	if (!job->dry && (differs || !job->same_attributes || job->torn))
		return STEP_NEXT;
	job_uncount_bytes(env, job); /* none is to be written */
	return STEP_SKIP;
}

/* The last partial block, and the exact size. */
static enum step_answer patch_end(struct job_env *env, struct job *job)
{
	struct stream *stream = &job->stream;
	int result;

	if (!job->contrast.differs)
		return inplace_claim(env, job); /* its attributes are written */
	WEIR_ASSERT(job->contrast.may_write);	/* H1 */
	result = stream_write_tail(stream, &env->stream);
	if (result < 0) {
		job->error = stream->error;
		return STEP_FAIL;
	}
	result = sys_ftruncate(env->stream.sys, job->target_fd, (int64_t)stream->end);
	return result < 0 ? job_fail(job, result, ERROR_SIDE_TARGET, "set size of") : STEP_NEXT;
}

/* True if the bytes may be on their way to the disk, or those of an earlier run. */
static bool patch_is_unsettled(const struct job *job)
{
	return job->contrast.differs || job->torn;
}

static enum step_answer patch_sync(struct job_env *env, struct job *job)
{
	if (!patch_is_unsettled(job) || patch_needs_no_sync(env, job))
		return STEP_NEXT;
	patch_issue_sync(env, job);
	return STEP_WAIT;
}

static enum step_answer patch_synced(struct job_env *env, struct job *job)
{
	struct stream *stream = &job->stream;

	if (job->op_live)
		return STEP_WAIT;
	if (job->op_result < 0) {
		job_fail(job, job->op_result, ERROR_SIDE_TARGET, "fsync");
		return patch_may_try_again(job) ? patch_lost(job) : STEP_FAIL; /* G5 */
	}
	tally_sub(&env->stream.tally->dirty_bytes, stream->dirty_bytes);
	stream->dirty_bytes = 0;
	return STEP_NEXT;
}

/* The mode that the target has meanwhile may refuse that to its owner. */
static int patch_clear_mark(struct job_env *env, struct job *job)
{
	struct sys *sys = env->stream.sys;
	struct sys_stat now;
	int result = torn_clear(sys, job->target_fd);

	if (result != -EACCES || sys_statx(sys, job->target_fd, "", false, &now) < 0)
		return result;
	result = sys_fchmod(sys, job->target_fd, (now.mode & 0777U) | S_IWUSR);
	return result < 0 ? result : torn_clear(sys, job->target_fd);
}

/* H1.  Its times follow with the other attributes; where they are not kept, those of
 * the mark are not to stay. */
static enum step_answer patch_unmark(struct job_env *env, struct job *job)
{
	const struct timespec now[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_nsec = UTIME_NOW } };
	int result = 0;

	if (patch_is_unsettled(job))
		result = patch_clear_mark(env, job);
	if (result < 0)
		return job_fail(job, result, ERROR_SIDE_TARGET, "take the mark off");
	if (patch_is_unsettled(job) && !settings_keeps(env->settings, WEIR_PROPERTY_TIMES))
		result = sys_futimens(env->stream.sys, job->target_fd, now);
	return result < 0 ? job_fail(job, result, ERROR_SIDE_TARGET, "set times of") : STEP_NEXT;
}

static enum step_answer patch_recheck(struct job_env *env, struct job *job)
{
	enum step_answer answer;

	if (job->contrast.differs)
		return recheck_source(env, job);
	answer = recheck_unwritten(env, job, patch_recipe);
	if (answer == STEP_TURN)
		job->distrusted = true; /* it is written then, and judged as any other */
	return answer;
}

const struct step patch_recipe[] = {
	{ "look up target", patch_look, NULL, NULL },
	{ "open source", regular_open, regular_opened, regular_close_source },
	{ "identify", patch_identify, patch_identify, NULL },
	{ "wait for sources", inplace_wait, NULL, NULL },
	{ "open target", patch_open, NULL, inplace_close },
	{ "prepare", patch_prepare, NULL, patch_undo },
	{ "compare and write", patch_stream, patch_stream, NULL },
	{ "decide", patch_decide, NULL, NULL },
	{ "end", patch_end, NULL, NULL },
	{ "sync data", patch_sync, patch_synced, NULL },
	{ "unmark", patch_unmark, NULL, NULL },
	{ "attributes", regular_attributes, NULL, NULL },
	{ "flags", inplace_flags, NULL, NULL },
	{ "recheck source", patch_recheck, patch_recheck, NULL },
	{ "tell", follow_tell, NULL, NULL },
	{ "sync", regular_sync, regular_synced, NULL },
	{ "park", regular_park, NULL, NULL },
	{ NULL, NULL, NULL, NULL },
};
