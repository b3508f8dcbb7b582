/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One regular file: look up, open, identify, make the target, copy the bytes,
 * set the attributes, check the source again, sync where each file is synced,
 * park.
 *
 * Invariants:
 * G1 the source is opened once, by one name in a held folder, never through a
 *    link; all that is known of it comes from that descriptor;
 * G2 the target has no final name while this recipe works on it;
 * G3 its attributes are set after its last byte, and its own sync follows them;
 * G4 what is parked was read from a source that had one identity, size, mtime
 *    and ctime from before the first byte until its attributes were read; or
 *    that only grew, or may change (--on-change), and has the mtime from before.
 */
#define _GNU_SOURCE
#include "regular.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>

#include "backup.h"
#include "claim.h"
#include "clone.h"
#include "follow.h"
#include "invariant.h"
#include "limits.h"
#include "meta.h"
#include "offload.h"
#include "recheck.h"
#include "way.h"

/* Looks up what has the target's name.  Not needed where this run made the
 * folder: the publishing link cannot replace anything (P1). */
enum step_answer regular_look(struct job_env *env, struct job *job)
{
	struct folder *folder = job->folder;
	int result;

	job->exists = false;
	if ((folder->fresh && !job->is_there) || folder->target == NULL)
		return STEP_NEXT;
	job->target_dirfd = dir_pin(env->root, folder->target, NULL);
	if (job->target_dirfd < 0)
		return job_fail(job, job->target_dirfd, ERROR_SIDE_TARGET, "open folder of");
	result = sys_statx(env->stream.sys, job->target_dirfd, job->target_name, false,
			   &job->existing);
	dir_unpin(env->root, folder->target);
	job->target_dirfd = -1;
	if (result == -ENOENT)
		return STEP_NEXT;
	if (result < 0)
		return job_fail(job, result, ERROR_SIDE_TARGET, "stat");
	job->exists = true;
	if (settings_fails_existing(env->settings)) {
		error_set_text(&job->error, ERROR_SIDE_TARGET, "copy to",
			       "not replacing what exists");
		return STEP_FAIL;
	}
	if (settings_leaves_existing(env->settings))
		return STEP_SKIP;
	if (job_meets_folder(env, job))
		return STEP_FAIL;
	return job_meet_rival(env, job);
}

/* An open that is no op ends at once, in regular_opened(), which tries LIMIT_TRIES times.
 * NOLINTNEXTLINE(misc-no-recursion) */
static enum step_answer regular_issue_open(struct job_env *env, struct job *job)
{
	int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	struct io_op *op;

	job->opening = true;
	job->noatime = !env->noatime_refused;
	if (job->noatime)
		flags |= O_NOATIME;
	if (job_reaches(job)) { /* the ring has no such open */
		job->op_result = job_open_source(env, job, job->source_dirfd, flags);
		return regular_opened(env, job);
	}
	op = io_take(env->stream.io, IO_OPEN, job, JOB_OP_TAG);
	WEIR_ASSERT(op != NULL);
	job->op_result = -EBADF;
	op->fd = job->source_dirfd;
	op->name = job->name;
	op->open_flags = flags | (job->follow ? 0 : O_NOFOLLOW);
	job_issue(env, job, op);
	return STEP_WAIT;
}

/* Its folder was closed for others, and is not to be had again under its name. */
static enum step_answer regular_lost_folder(struct job *job)
{
	error_set_source(&job->error, job->source_dirfd, "open folder of");
	return STEP_FAIL;
}

enum step_answer regular_open(struct job_env *env, struct job *job)
{
	job->source_dirfd = dir_pin(env->root, job->folder->source, NULL);
	if (job->source_dirfd < 0)
		return regular_lost_folder(job);
	return regular_issue_open(env, job);
}

/* How long the kernel lets somebody keep a lease that is in our way. */
static uint64_t regular_lease_ns(struct job_env *env)
{
	unsigned long seconds = LIMIT_LEASE_S;
	char text[24];

	if (sys_read_text(env->stream.sys, "/proc/sys/fs/lease-break-time", text, sizeof(text)) > 0)
		seconds = strtoul(text, NULL, 10);
	return (seconds + LIMIT_LEASE_MORE_S) * 1000000000ULL;
}

/* A13: a process has a lease on the file and was asked to give it up.  The open is
 * tried again from time to time, and the other files go on. */
static enum step_answer regular_leased(struct job_env *env, struct job *job)
{
	uint64_t now_ns = tally_now_ns();

	if (job->give_up_ns == 0)
		job->give_up_ns = now_ns + regular_lease_ns(env);
	if (now_ns >= job->give_up_ns) {
		job_fail(job, -EAGAIN, ERROR_SIDE_SOURCE, "open");
		job->error.text = "another process does not give up its lease";
		return STEP_FAIL;
	}
	job->wake_ns = now_ns + LIMIT_WAIT_MS * 1000000ULL / 2;
	return STEP_LATER;
}

/* NOLINTNEXTLINE(misc-no-recursion): regular_issue_open() says why */
enum step_answer regular_opened(struct job_env *env, struct job *job)
{
	int32_t result = job->op_result;

	if (job->op_live)
		return STEP_WAIT;
	if (!job->opening) /* it is later now */
		return regular_issue_open(env, job);
	job->opening = false;
	if (result == -EPERM && job->noatime) { /* not our file */
		env->noatime_refused = true;
		return regular_issue_open(env, job);
	}
	if (result == -EINTR && ++job->tries < LIMIT_TRIES)
		return regular_issue_open(env, job);
	if (result == -EAGAIN)
		return regular_leased(env, job);
	dir_unpin(env->root, job->folder->source);
	job->source_dirfd = -1;
	if (result < 0) {
		error_set_source(&job->error, result, "open");
		/* A link, or a socket, which was a file before. */
		if ((result == -ELOOP && !job->follow) || result == -ENXIO)
			job->error.source_changed = true;
		return STEP_FAIL;
	}
	job->source_fd = result;
	return STEP_NEXT;
}

void regular_close_source(struct job_env *env, struct job *job)
{
	if (job->source_dirfd >= 0)
		dir_unpin(env->root, job->folder->source);
	job->source_dirfd = -1;
	/* An open that came back and was not looked at is still a descriptor. */
	if (job->opening && job->op_result >= 0)
		job->source_fd = job->op_result;
	job->opening = false;
	if (job->source_fd >= 0)
		sys_close(env->stream.sys, job->source_fd);
	job->source_fd = -1;
}

static void regular_count(struct job_env *env, struct job *job)
{
	struct tally *tally = env->stream.tally;

	if (!job->sized)
		tally_add(&tally->bytes_found, job->source.size_bytes);
	if (!job->counted)
		tally_sub(&tally->files_open, 1);
	job->sized = true;
	job->counted = true;
}

/* Where files are written into, none may be a source, too (N6 of inplace.c). */
static int regular_claim(struct job_env *env, struct job *job)
{
	int result = 0;

	if (settings_writes_over(env->settings))
		result = claim_source(env->claims, job->source.device, job->source.inode);
	if (result == -EBUSY)
		error_set_text(&job->error, ERROR_SIDE_SOURCE, "copy",
			       "this run has written into it under another name");
	else if (result < 0)
		error_set(&job->error, result, ERROR_SIDE_SOURCE, "copy");
	return result;
}

enum step_answer regular_know(struct job_env *env, struct job *job)
{
	bool maybe_direct = env->settings->direct != WEIR_DIRECT_NEVER;
	int result = sys_statx(env->stream.sys, job->source_fd, "", maybe_direct, &job->source);

	if (result < 0)
		return job_fail(job, result, ERROR_SIDE_SOURCE, "stat");
	if (!S_ISREG(job->source.mode)) {
		error_set_text(&job->error, ERROR_SIDE_SOURCE, "copy", "it changed its type");
		job->error.source_changed = true;
		return STEP_FAIL;
	}
	regular_count(env, job);
	if (regular_claim(env, job) < 0)
		return STEP_FAIL;
	if (job_is_same_file(env, job)) {
		error_set_text(&job->error, ERROR_SIDE_TARGET, "copy to",
			       "source and target are the same file");
		return STEP_FAIL;
	}
	return job_is_up_to_date(env, job) ? STEP_SKIP : STEP_NEXT;
}

enum step_answer regular_identify(struct job_env *env, struct job *job)
{
	enum step_answer answer = regular_know(env, job);

	if (answer != STEP_NEXT)
		return answer;
	if (job->exists && backup_judge(env->root, env->settings, job->folder, job->target_name,
					&job->source, &job->backup_clash, &job->error) < 0)
		return STEP_FAIL;
	if (job->exists && job->existing.append_only) /* never cleared (G06) */
		return job_fail(job, -EPERM, ERROR_SIDE_TARGET, "replace");
	job->would = job->dry;
	answer = job_ask(env, job);
	if (answer != STEP_NEXT)
		return answer;
	return job->dry ? STEP_SKIP : follow_group(env, job);
}

/* A nameless inode in the target folder (P1). */
static int regular_open_tmpfile(struct job_env *env, struct job *job, mode_t mode)
{
	struct fs *fs = job->folder->target_fs;
	int fd;

	if (fs->no_tmpfile || (!env->have_proc && !env->is_root))
		return -EOPNOTSUPP;
	fd = sys_openat(env->stream.sys, job->target_dirfd, ".", O_TMPFILE | O_WRONLY, mode);
	/* EISDIR and ENOENT: a kernel or file system that does not know it. */
	if (fd == -EOPNOTSUPP || fd == -EISDIR || fd == -ENOENT || fd == -EINVAL) {
		fs->no_tmpfile = true;
		return -EOPNOTSUPP;
	}
	return fd;
}

/* A named temp, in a folder that is locked first (Interruption). */
static int regular_open_named(struct job_env *env, struct job *job, mode_t mode)
{
	struct dir *dir = job->folder->target;
	struct sys_stat folder;
	int fd = sys_statx(env->stream.sys, job->target_dirfd, "", false, &folder);

	if (fd == 0 && folder.append_only)
		fd = -EPERM; /* the temp would stay for good (F15) */
	if (fd == 0)
		fd = dir_temp_added(env->root, dir);
	if (fd < 0)
		return fd;
	fd = temp_name_make(env->stream.sys, job->temp_name);
	if (fd == 0)
		fd = sys_openat(env->stream.sys, job->target_dirfd, job->temp_name,
				O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
	if (fd < 0)
		dir_temp_removed(env->root, dir);
	else
		job->temp_named = true;
	return fd;
}

/* The file in the place of the new one that hands mode, label and the like on, or
 * NULL.  A backup keeps them for itself. */
static const struct sys_stat *regular_forerunner(const struct job_env *env, const struct job *job)
{
	bool hands_on = job->exists && S_ISREG(job->existing.mode) && !job->in_place &&
			!env->settings->fresh && env->settings->backup == WEIR_BACKUP_NONE;

	return hands_on ? &job->existing : NULL;
}

/* True if the new file gets label and the like from the one in its place. */
static bool regular_takes_over(const struct job_env *env, const struct job *job)
{
	return regular_forerunner(env, job) != NULL &&
	       !settings_keeps(env->settings, WEIR_PROPERTY_MODE);
}

/* The inode in the pinned folder: a descriptor or -errno. */
static int regular_open_target(struct job_env *env, struct job *job)
{
	const struct settings *settings = env->settings;
	int fd = -EOPNOTSUPP;

	if (!job->exists)
		fd = regular_open_tmpfile(env, job,
					  meta_create_mode(settings, &job->source, false, false));
	if (fd == -EOPNOTSUPP)
		fd = regular_open_named(env, job,
					meta_create_mode(settings, &job->source, true,
							 regular_forerunner(env, job) != NULL));
	return fd;
}

enum step_answer regular_make(struct job_env *env, struct job *job)
{
	uint64_t began = tally_now_ns();
	int fd, result;

	job->target_dirfd = dir_pin(env->root, job->folder->target, NULL);
	if (job->target_dirfd < 0)
		return job_fail(job, job->target_dirfd, ERROR_SIDE_TARGET, "open folder of");
	fd = regular_takes_over(env, job) ? label_end(&env->labeller)
					  : label_begin(&env->labeller, job->target_dirfd, S_IFREG,
							job->target_name, &job->losses);
	if (fd == 0)
		fd = regular_open_target(env, job);
	result = label_end(&env->labeller);
	dir_unpin(env->root, job->folder->target);
	job->target_dirfd = -1;
	if (result < 0) {
		job->target_fd = fd < 0 ? -1 : fd;
		regular_drop_target(env, job);
		return job_fail_label(env, job, result);
	}
	if (fd < 0) {
		return job_fail(job, fd, ERROR_SIDE_TARGET,
				fd == -EWOULDBLOCK ? "lock the folder of" : "create");
	}
	job->target_fd = fd;
	job->folder->target_fs->written = true;
	if (job->folder->target_fs->sync_fd < 0)
		fs_hold_file(env->fs, job->folder->target_fs, fd);
	tally_add(&env->stream.tally->target_ns, tally_now_ns() - began);
	return STEP_NEXT;
}

static struct fs *regular_source_fs(struct job_env *env, const struct job *job)
{
	struct fs *fs = job->folder->source_fs;

	return fs != NULL && fs->device == job->source.device
		       ? fs
		       : fs_find(env->fs, job->source_fd, job->source.device, false);
}

static int regular_set_flags(struct job_env *env, struct job *job, uint32_t mask)
{
	const struct flags_env flags_env = { env->stream.sys, env->settings, &job->losses,
					     &job->error };
	const struct flags_place target = { job->folder->target_fs, job->target_fd, "", false };

	mask &= ~(uint32_t)(FS_DIRSYNC_FL | FS_TOPDIR_FL | FS_CASEFOLD_FL); /* of folders */
	return flags_set(&flags_env, &target, mask, job->flags.bits, job->folder->handed.bits);
}

/* Some flags say how data is stored, so they come before it. */
static enum step_answer regular_early_flags(struct job_env *env, struct job *job)
{
	const struct flags_env flags_env = { env->stream.sys, env->settings, &job->losses,
					     &job->error };
	struct flags_place source = { NULL, job->source_fd, "", false };
	int result;

	if (!settings_keeps_flags(env->settings))
		return STEP_NEXT;
	source.fs = regular_source_fs(env, job);
	result = flags_read(&flags_env, &source, &job->source, job->folder->target_fs, &job->flags);
	if (result == 0)
		result = regular_set_flags(env, job, FLAGS_EARLY);
	return result < 0 ? STEP_FAIL : STEP_NEXT;
}

static enum step_answer regular_flags(struct job_env *env, struct job *job)
{
	return regular_set_flags(env, job, FLAGS_USUAL) < 0 ? STEP_FAIL : STEP_NEXT;
}

void regular_drop_target(struct job_env *env, struct job *job)
{
	struct dir *dir = job->folder->target;

	if (job->temp_named) {
		int dirfd = dir_pin(env->root, dir, NULL);

		if (dirfd >= 0) {
			sys_unlinkat(env->stream.sys, dirfd, job->temp_name, 0);
			dir_unpin(env->root, dir);
		}
		dir_temp_removed(env->root, dir);
		job->temp_named = false;
	}
	if (job->target_fd >= 0)
		sys_close(env->stream.sys, job->target_fd);
	job->target_fd = -1;
}

/* Where the bytes of a target are counted that is whole without being streamed. */
static _Atomic uint64_t *regular_whole_tally(struct job_env *env, const struct job *job)
{
	struct tally *tally = env->stream.tally;

	return job->way == JOB_WAY_CLONE ? &tally->bytes_cloned : &tally->bytes_offloaded;
}

/* Nothing is left to be read or written. */
static void regular_is_whole(struct job_env *env, struct job *job)
{
	const struct stream_plan plan = {
		.source_fd = job->source_fd,
		.target_fd = job->target_fd,
		.size_bytes = job->source.size_bytes,
		.align_bytes = 1,
		.depth = 1,
	};

	stream_begin_done(&job->stream, &plan);
	offload_undo(env, job); /* from now on the stream's are counted */
	tally_add(&env->stream.tally->bytes_written, plan.size_bytes);
	tally_add(regular_whole_tally(env, job), plan.size_bytes);
}

static enum step_answer regular_prepare(struct job_env *env, struct job *job)
{
	struct stream_plan plan;
	int result;

	if (job->whole) {
		regular_is_whole(env, job);
		return STEP_NEXT;
	}
	way_choose(env, job, &plan);
	result = way_reserve(env, job, &plan);
	if (result < 0)
		return job_fail(job, result, ERROR_SIDE_TARGET, "reserve space for");
	stream_begin(&job->stream, &plan);
	return STEP_NEXT;
}

enum step_answer regular_stream(struct job_env *env, struct job *job)
{
	bool wants_slot = stream_issue(&job->stream, &env->stream, job);

	env->slot_wanted = env->slot_wanted || wants_slot;
	if (stream_is_paced(&job->stream))
		return job_paced(job, &job->stream.claim);
	if (job_in_flight(job))
		return STEP_WAIT;
	if (job->stream.error.grade != ERROR_NONE) {
		job->error = job->stream.error;
		/* G4: lost on its way to the disk: once more from the source. */
		if (job->stream.lost && job->attempts == 0 && !job->retry &&
		    !error_is_full(job->error.errnum))
			return STEP_AGAIN;
		return STEP_FAIL;
	}
	if (wants_slot)
		return STEP_SLOT;
	WEIR_ASSERT(stream_done(&job->stream));
	return STEP_NEXT;
}

void regular_end_stream(struct job_env *env, struct job *job)
{
	/* What is thrown away was not written, for whoever watches. */
	tally_sub(&env->stream.tally->bytes_written, job->stream.written_bytes);
	if (job->whole)
		tally_sub(regular_whole_tally(env, job), job->stream.written_bytes);
	job->whole = false;
	tally_sub(&env->stream.tally->bytes_durable, job->stream.durable_bytes);
	tally_sub(&env->stream.tally->dirty_bytes, job->stream.dirty_bytes);
	job->stream.durable_bytes = 0;
	job->stream.dirty_bytes = 0;
	job->stream.written_bytes = 0;
	stream_end(&job->stream, &env->stream);
}

/* The last partial block, and the exact size. */
static enum step_answer regular_end(struct job_env *env, struct job *job)
{
	struct stream *stream = &job->stream;
	uint64_t size = stream->end < stream->plan.size_bytes || stream->plan.to_end
				? stream->end
				: stream->plan.size_bytes;
	bool exact = stream->end == stream->plan.size_bytes && !stream->plan.sparse &&
		     !stream->plan.find_zeros && !stream->plan.pad_tail && !stream->plan.to_end;
	int result = stream_write_tail(stream, &env->stream);

	if (result < 0) {
		job->error = stream->error;
		return STEP_FAIL;
	}
	if (!exact && !(stream->plan.to_end && size == stream->written_bytes)) {
		result = sys_ftruncate(env->stream.sys, job->target_fd, (int64_t)size);
		if (result < 0)
			return job_fail(job, result, ERROR_SIDE_TARGET, "set size of");
	}
	return STEP_NEXT;
}

/* What is replaced, to take its label, ACL and user attributes from; or -1: there
 * is nothing to take, or nothing that we may read. */
static int regular_open_existing(struct job_env *env, struct job *job)
{
	struct sys_stat now;
	int dirfd, fd;

	if (!regular_takes_over(env, job))
		return -1;
	dirfd = dir_pin(env->root, job->folder->target, NULL);
	if (dirfd < 0)
		return -1;
	fd = sys_openat(env->stream.sys, dirfd, job->target_name,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
	dir_unpin(env->root, job->folder->target);
	if (fd < 0)
		return -1;
	/* Another one by now: it has nothing to hand on. */
	if (sys_statx(env->stream.sys, fd, "", false, &now) == 0 &&
	    now.device == job->existing.device && now.inode == job->existing.inode)
		return fd;
	sys_close(env->stream.sys, fd);
	return -1;
}

enum step_answer regular_attributes(struct job_env *env, struct job *job)
{
	struct sys_stat created;
	struct meta_file file = {
		.fd = job->target_fd,
		.source_fd = job->source_fd,
		.source = &job->source,
		.created = &created,
		.existing = regular_forerunner(env, job),
		.inherits_acl = job->folder->default_acl || job->in_place,
		.prunes = job->in_place && settings_syncs(env->settings),
	};
	int result;

	if (!settings_keeps_any(env->settings) && file.existing == NULL)
		return STEP_NEXT;
	result = sys_statx(env->stream.sys, job->target_fd, "", false, &created);
	if (result < 0)
		return job_fail(job, result, ERROR_SIDE_TARGET, "stat");
	file.existing_fd = regular_open_existing(env, job);
	result = meta_apply_file(env->stream.sys, env->settings, &file, &job->losses, &job->error);
	if (file.existing_fd >= 0)
		sys_close(env->stream.sys, file.existing_fd);
	return result < 0 ? STEP_FAIL : STEP_NEXT;
}

enum step_answer regular_sync(struct job_env *env, struct job *job)
{
	const struct fs *fs = job->folder->target_fs;
	struct io_op *op;

	/* Where no syncfs can stand for it, each file is synced by itself, many
	 * at a time on the ring (G3). */
	if (fs_is_memory(fs) || env->settings->durable == WEIR_DURABLE_NONE)
		return STEP_NEXT;
	if (!env->syncs_each && !job->retry && fs_believes_syncfs(fs))
		return STEP_NEXT;
	op = io_take(env->stream.io, IO_FSYNC, job, JOB_OP_TAG);
	WEIR_ASSERT(op != NULL);
	op->fd = job->target_fd;
	job_issue(env, job, op);
	return STEP_WAIT;
}

enum step_answer regular_synced(struct job_env *env, struct job *job)
{
	(void)env;
	if (job->op_live)
		return STEP_WAIT;
	if (job->op_result < 0) {
		/* G5: never repeated; one fresh copy at most (E06). */
		if (!job->retry && !job->once && job->attempts == 0 &&
		    !error_is_full(-job->op_result))
			return STEP_AGAIN;
		return job_fail(job, job->op_result, ERROR_SIDE_TARGET, "fsync");
	}
	job->synced = true;
	return STEP_NEXT;
}

enum step_answer regular_park(struct job_env *env, struct job *job)
{
	stream_end(&job->stream, &env->stream);
	regular_close_source(env, job);
	return STEP_PARK;
}

const struct step regular_recipe[] = {
	{ "look up target", regular_look, NULL, NULL },
	{ "join links", follow_early, NULL, NULL },
	{ "open source", regular_open, regular_opened, regular_close_source },
	{ "identify", regular_identify, regular_identify, NULL },
	{ "make target", regular_make, NULL, regular_drop_target },
	{ "early flags", regular_early_flags, NULL, NULL },
	{ "clone", clone_start, NULL, NULL },
	{ "offload", offload_step, offload_step, offload_undo },
	{ "prepare", regular_prepare, NULL, regular_end_stream },
	{ "stream", regular_stream, regular_stream, NULL },
	{ "end", regular_end, NULL, NULL },
	{ "attributes", regular_attributes, NULL, NULL },
	{ "flags", regular_flags, NULL, NULL },
	{ "recheck source", recheck_source, recheck_source, NULL },
	{ "tell", follow_tell, NULL, NULL },
	{ "sync", regular_sync, regular_synced, NULL },
	{ "park", regular_park, NULL, NULL },
	{ NULL, NULL, NULL, NULL },
};
