/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bytes in order, by plain calls.
 *
 * Invariants:
 * W1 nothing here blocks for longer than LIMIT_WAIT_MS: streams are opened
 *    O_NONBLOCK and waited for by poll, in steps, so a cancel is heard;
 * W2 a stream is never made, cut or replaced: what has its name is written to;
 * W3 0 bytes from a FIFO mean its end only after somebody wrote or closed: poll
 *    tells that, a read does not;
 * W4 what went into a stream is durable only if the stream could be synced; most
 *    cannot.
 *
 *   State      True here                     Then
 *   empty      filled = written              read; 0 -> ended
 *   full       filled > written              asked for (job_pace()), written to the
 *                                            target -> empty
 *   ended      the source has no more        when empty -> next row
 */
#define _GNU_SOURCE
#include "pour.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>

#include "backup.h"
#include "invariant.h"
#include "limits.h"
#include "meta.h"
#include "regular.h"

#define POUR_BYTES 65536U
#define POUR_ROUNDS 64 /* reads and writes before others have their turn */

struct pour {
	bool source_streams;
	bool target_streams;
	bool ended;
	bool paid; /* what was read last may be written */
	uint32_t filled;
	uint32_t written;
	uint64_t offset; /* in both */
	uint8_t data[POUR_BYTES];
};

static bool pour_streams(const struct sys_stat *stat)
{
	return S_ISFIFO(stat->mode) || S_ISCHR(stat->mode);
}

/* ---- the source ---- */

static enum step_answer pour_open_source(struct job_env *env, struct job *job)
{
	int dirfd;

	job->would = job->dry;
	if (job->dry)
		return STEP_SKIP; /* even to open a stream disturbs who is at its other end */
	dirfd = dir_pin(env->root, job->folder->source, NULL);
	if (dirfd < 0)
		return job_fail(job, dirfd, ERROR_SIDE_SOURCE, "open folder of");
	job->source_fd = job_open_source(env, job, dirfd, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	dir_unpin(env->root, job->folder->source);
	if (job->source_fd >= 0)
		return STEP_NEXT;
	job_fail(job, job->source_fd, ERROR_SIDE_SOURCE, "open");
	job->error.source_changed = job->source_fd == -ENOENT;
	job->source_fd = -1;
	return STEP_FAIL;
}

/* Whether what exists is to be written to or replaced. */
static enum step_answer pour_judge(struct job_env *env, struct job *job)
{
	const struct settings *settings = env->settings;
	bool is_file = job->exists && S_ISREG(job->existing.mode);

	if (settings->make == WEIR_MAKE_ATTRIBUTES || (settings->in_place && is_file)) {
		error_set_text(&job->error, ERROR_SIDE_SOURCE, "copy",
			       settings->in_place ? "a stream is not written in place"
						  : "a stream has no attributes to be kept alone");
		return STEP_FAIL;
	}
	if (job_is_up_to_date(env, job))
		return STEP_SKIP;
	if (is_file && job->existing.append_only) /* never cleared (G06) */
		return job_fail(job, -EPERM, ERROR_SIDE_TARGET, "replace");
	if (is_file && backup_judge(env->root, settings, job->folder, job->target_name,
				    &job->source, &job->backup_clash, &job->error) < 0)
		return STEP_FAIL;
	return job_ask(env, job);
}

/* What is read as a file counts as one, whatever was listed. */
static void pour_count(struct job_env *env, struct job *job)
{
	struct tally *tally = env->stream.tally;

	if (job->type != DT_REG)
		tally_add(&tally->files_found, 1);
	else if (!job->counted)
		tally_sub(&tally->files_open, 1);
	job->type = DT_REG;
	job->counted = true;
}

static enum step_answer pour_identify(struct job_env *env, struct job *job)
{
	int result = sys_statx(env->stream.sys, job->source_fd, "", false, &job->source);

	if (result < 0)
		return job_fail(job, result, ERROR_SIDE_SOURCE, "stat");
	if (!pour_streams(&job->source) && !S_ISREG(job->source.mode)) {
		error_set_text(&job->error, ERROR_SIDE_SOURCE, "copy",
			       "it is a block device, no file, FIFO or character device");
		return STEP_FAIL;
	}
	pour_count(env, job);
	job->once = pour_streams(&job->source);
	return pour_judge(env, job);
}

/* ---- the target ---- */

/* W2.  A FIFO that nobody reads says ENXIO: somebody may come. */
static enum step_answer pour_open_target(struct job_env *env, struct job *job)
{
	struct sys *sys = env->stream.sys;
	int flags = O_WRONLY | O_NONBLOCK | O_NOCTTY;
	int dirfd = dir_pin(env->root, job->folder->target, NULL);

	if (dirfd < 0)
		return job_fail(job, dirfd, ERROR_SIDE_TARGET, "open folder of");
	/* A link of /proc, as /dev/stdout is one, leads where its text does not. */
	if (!S_ISLNK(job->existing.mode) ||
	    (job->existing.uid != 0 && job->existing.uid != env->settings->uid))
		flags |= O_NOFOLLOW;
	job->target_fd = sys_openat(sys, dirfd, job->target_name, flags, 0);
	dir_unpin(env->root, job->folder->target);
	if (job->target_fd >= 0)
		return STEP_NEXT;
	if (job->target_fd == -ENXIO && S_ISFIFO(job->existing.mode)) {
		job->target_fd = -1;
		sys_poll(sys, -1, 0, LIMIT_WAIT_MS); /* W1 */
		return STEP_YIELD;
	}
	job_fail(job, job->target_fd, ERROR_SIDE_TARGET, "write to");
	job->target_fd = -1;
	return STEP_FAIL;
}

/* What was opened is what was looked at, or at least of that type, and is not the
 * source. */
static enum step_answer pour_check_target(struct job_env *env, struct job *job)
{
	bool was_link = S_ISLNK(job->existing.mode);
	int result = sys_statx(env->stream.sys, job->target_fd, "", false, &job->existing);
	bool is_file;

	if (result < 0)
		return job_fail(job, result, ERROR_SIDE_TARGET, "stat");
	is_file = was_link && S_ISREG(job->existing.mode); /* that the caller has open */
	if (!pour_streams(&job->existing) && !is_file) {
		error_set_text(&job->error, ERROR_SIDE_TARGET, "write to", "it changed its type");
		return STEP_FAIL;
	}
	if ((is_file || S_ISFIFO(job->existing.mode)) &&
	    job->existing.device == job->source.device &&
	    job->existing.inode == job->source.inode) {
		error_set_text(&job->error, ERROR_SIDE_TARGET, "copy to",
			       "source and target are the same file");
		return STEP_FAIL;
	}
	result = is_file ? sys_ftruncate(env->stream.sys, job->target_fd, 0) : 0;
	if (result < 0)
		return job_fail(job, result, ERROR_SIDE_TARGET, "set size of");
	job->to_stream = true;
	job->once = true; /* what it got cannot be taken back */
	return STEP_NEXT;
}

static void pour_close_target(struct job_env *env, struct job *job)
{
	if (job->target_fd >= 0)
		sys_close(env->stream.sys, job->target_fd);
	job->target_fd = -1;
}

static enum step_answer pour_look(struct job_env *env, struct job *job)
{
	int dirfd = dir_pin(env->root, job->folder->target, NULL);
	int result;

	if (dirfd < 0)
		return job_fail(job, dirfd, ERROR_SIDE_TARGET, "open folder of");
	result = sys_statx(env->stream.sys, dirfd, job->target_name, false, &job->existing);
	dir_unpin(env->root, job->folder->target);
	if (result < 0)
		return job_fail(job, result, ERROR_SIDE_TARGET, "stat");
	job->exists = true;
	return STEP_NEXT;
}

/* ---- the bytes ---- */

/* 1: go on; 0: not now; or -errno.  Errors and hang-ups are the transfer's to
 * tell. */
static int pour_ready(struct job_env *env, int fd, bool streams, short events)
{
	int result;

	if (!streams)
		return 1;
	result = sys_poll(env->stream.sys, fd, events, LIMIT_WAIT_MS); /* W1, W3 */
	return result == -EINTR ? 0 : result;
}

/* True if a transfer is to be tried again later. */
static bool pour_must_wait(ssize_t bytes)
{
	return bytes == -EAGAIN || bytes == -EINTR;
}

static int pour_fill(struct job_env *env, struct job *job)
{
	struct pour *pour = job->pour;
	uint64_t most = pace_most(env->stream.pace, 1);
	int ready = pour_ready(env, job->source_fd, pour->source_streams, POLLIN);
	ssize_t bytes;

	if (ready <= 0)
		return ready;
	bytes = sys_read(env->stream.sys, job->source_fd, pour->data,
			 most < sizeof(pour->data) ? most : sizeof(pour->data));
	tally_add(&env->stream.tally->ops_read, 1);
	if (bytes < 0)
		return pour_must_wait(bytes) ? 0 : (int)bytes;
	pour->ended = bytes == 0;
	pour->filled = (uint32_t)bytes;
	pour->written = 0;
	pour->paid = false;
	return 1;
}

static int pour_drain(struct job_env *env, struct job *job)
{
	struct pour *pour = job->pour;
	struct tally *tally = env->stream.tally;
	const uint8_t *data = pour->data + pour->written;
	uint32_t left = pour->filled - pour->written;
	int ready = pour_ready(env, job->target_fd, pour->target_streams, POLLOUT);
	ssize_t bytes;

	if (ready <= 0)
		return ready;
	bytes = pour->target_streams ? sys_write(env->stream.sys, job->target_fd, data, left)
				     : sys_pwrite(env->stream.sys, job->target_fd, data, left,
						  (int64_t)pour->offset);
	tally_add(&tally->ops_write, 1);
	if (bytes < 0)
		return pour_must_wait(bytes) ? 0 : (int)bytes;
	if (bytes == 0)
		return -EIO;
	pour->written += (uint32_t)bytes;
	pour->offset += (uint64_t)bytes;
	job->stream.written_bytes += (uint64_t)bytes;
	tally_add(&tally->bytes_found, (uint64_t)bytes); /* nobody knew before */
	tally_add(&tally->bytes_written, (uint64_t)bytes);
	tally_add(&tally->bytes_buffered, (uint64_t)bytes);
	return 1;
}

static enum step_answer pour_begin(struct job_env *env, struct job *job)
{
	struct sys_stat target;
	int result = sys_statx(env->stream.sys, job->target_fd, "", false, &target);

	if (result < 0)
		return job_fail(job, result, ERROR_SIDE_TARGET, "stat");
	job->pour = malloc(sizeof(*job->pour));
	if (job->pour == NULL)
		return job_fail(job, -ENOMEM, ERROR_SIDE_TARGET, "write to");
	*job->pour = (struct pour){
		.source_streams = pour_streams(&job->source),
		.target_streams = pour_streams(&target),
	};
	job->way = JOB_WAY_TO_END;
	job->way_reason = "a FIFO, terminal or device is a stream";
	return STEP_YIELD;
}

/* NEXT: what was read may be written. */
static enum step_answer pour_pay(struct job_env *env, struct job *job)
{
	struct pour *pour = job->pour;
	enum step_answer answer;

	if (pour->paid)
		return STEP_NEXT;
	answer = job_pace(env, job, pour->filled);
	if (answer == STEP_NEXT)
		job_moved(env, job, pour->filled);
	pour->paid = answer == STEP_NEXT;
	return answer;
}

static enum step_answer pour_step(struct job_env *env, struct job *job)
{
	struct pour *pour = job->pour;

	for (int round = 0; round < POUR_ROUNDS; round++) {
		bool empty = pour->written == pour->filled;
		enum step_answer answer = empty ? STEP_NEXT : pour_pay(env, job);
		int result;

		if (empty && pour->ended)
			return STEP_NEXT;
		if (answer != STEP_NEXT)
			return answer;
		result = empty ? pour_fill(env, job) : pour_drain(env, job);
		if (result < 0) {
			error_set_at(&job->error, result,
				     empty ? ERROR_SIDE_SOURCE : ERROR_SIDE_TARGET,
				     empty ? "read" : "write", (int64_t)pour->offset);
			return STEP_FAIL;
		}
		if (result == 0)
			break;
	}
	return STEP_YIELD;
}

static void pour_end(struct job_env *env, struct job *job)
{
	tally_sub(&env->stream.tally->bytes_found, job->stream.written_bytes);
	tally_sub(&env->stream.tally->bytes_written, job->stream.written_bytes);
	job->stream.written_bytes = 0;
	job_moved(env, job, 0);
	free(job->pour);
	job->pour = NULL;
}

static void pour_close_source(struct job_env *env, struct job *job)
{
	if (job->source_fd >= 0)
		sys_close(env->stream.sys, job->source_fd);
	job->source_fd = -1;
}

/* ---- the end ---- */

static enum step_answer pour_park(struct job_env *env, struct job *job)
{
	free(job->pour);
	job->pour = NULL;
	pour_close_source(env, job);
	return STEP_PARK;
}

/* W4 */
static enum step_answer pour_sync(struct job_env *env, struct job *job)
{
	struct io_op *op;

	if (env->settings->durable == WEIR_DURABLE_NONE)
		return STEP_NEXT;
	op = io_take(env->stream.io, IO_FSYNC, job, JOB_OP_TAG);
	WEIR_ASSERT(op != NULL);
	op->fd = job->target_fd;
	job_issue(env, job, op);
	return STEP_WAIT;
}

static enum step_answer pour_synced(struct job_env *env, struct job *job)
{
	int32_t result = job->op_result;

	(void)env;
	if (job->op_live)
		return STEP_WAIT;
	job->synced = result == 0;
	if (result == 0 || result == -EINVAL || result == -EROFS || result == -EOPNOTSUPP ||
	    result == -ENOSYS) /* the last four: it knows no sync */
		return STEP_NEXT;
	return job_fail(job, result, ERROR_SIDE_TARGET, "fsync");
}

/* A stream has its name already. */
static enum step_answer pour_close(struct job_env *env, struct job *job)
{
	int result = sys_close(env->stream.sys, job->target_fd);

	job->target_fd = -1;
	if (result < 0)
		return job_fail(job, result, ERROR_SIDE_TARGET, "close");
	job->in_place = true;
	return STEP_NEXT;
}

const struct step pour_from_recipe[] = {
	{ "look up target", regular_look, NULL, NULL },
	{ "open source", pour_open_source, NULL, pour_close_source },
	{ "identify", pour_identify, pour_identify, NULL },
	{ "make target", regular_make, NULL, regular_drop_target },
	{ "pour", pour_begin, pour_step, pour_end },
	{ "attributes", regular_attributes, NULL, NULL },
	{ "sync", regular_sync, regular_synced, NULL },
	{ "park", pour_park, NULL, NULL },
	{ NULL, NULL, NULL, NULL },
};

const struct step pour_to_recipe[] = {
	{ "look up target", pour_look, NULL, NULL },
	{ "open source", pour_open_source, NULL, pour_close_source },
	{ "identify", pour_identify, pour_identify, NULL },
	{ "open target", pour_open_target, pour_open_target, pour_close_target },
	{ "check target", pour_check_target, NULL, NULL },
	{ "pour", pour_begin, pour_step, pour_end },
	{ "sync", pour_sync, pour_synced, NULL },
	{ "close", pour_close, NULL, NULL },
	{ "park", pour_park, NULL, NULL },
	{ NULL, NULL, NULL, NULL },
};
