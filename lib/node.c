/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One entry without data: look up, read what it is, make it under a temp name,
 * set its attributes, park.  It has no descriptor that could be synced; it is
 * durable through its folder.
 *
 * Invariants:
 * T1 the source is never opened: a FIFO cannot block, a device is not read;
 * T2 the entry gets its final name only when it is complete;
 * T3 what it is, the text of a link and its attributes are of one entry, since
 *    nothing else had the name from the first look to the last;
 * T4 attributes are given to the very inode that was made: it is opened without
 *    being used (O_PATH), must be what we just made, and is changed by that
 *    descriptor, never by its name.
 */
#define _GNU_SOURCE
#include "node.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#include "backup.h"
#include "follow.h"
#include "invariant.h"
#include "meta.h"

static enum weir_property node_property(const struct job *job)
{
	return S_ISLNK(job->source.mode) ? WEIR_PROPERTY_SYMLINK : WEIR_PROPERTY_SPECIAL;
}

enum step_answer node_pin(struct job_env *env, struct job *job)
{
	job->source_dirfd = dir_pin(env->root, job->folder->source, NULL);
	if (job->source_dirfd < 0) {
		error_set_source(&job->error, job->source_dirfd, "open folder of");
		return STEP_FAIL;
	}
	if (job->folder->target == NULL)
		return STEP_NEXT; /* a dry run into what is not there yet */
	job->target_dirfd = dir_pin(env->root, job->folder->target, NULL);
	if (job->target_dirfd < 0)
		return job_fail(job, job->target_dirfd, ERROR_SIDE_TARGET, "open folder of");
	return STEP_NEXT;
}

void node_unpin(struct job_env *env, struct job *job)
{
	if (job->source_dirfd >= 0)
		dir_unpin(env->root, job->folder->source);
	if (job->target_dirfd >= 0)
		dir_unpin(env->root, job->folder->target);
	job->source_dirfd = -1;
	job->target_dirfd = -1;
}

bool node_leads_to_existing(struct job_env *env, const struct job *job)
{
	struct sys_stat led;

	return S_ISLNK(job->source.mode) && !S_ISLNK(job->existing.mode) &&
	       env->settings->backup == WEIR_BACKUP_NONE &&
	       sys_statx_follow(env->stream.sys, job->source_dirfd, job->name, &led) == 0 &&
	       led.device == job->existing.device && led.inode == job->existing.inode;
}

static bool node_is_same(struct job_env *env, const struct job *job)
{
	return (job->existing.device == job->source.device &&
		job->existing.inode == job->source.inode) ||
	       node_leads_to_existing(env, job);
}

static enum step_answer node_look(struct job_env *env, struct job *job)
{
	enum step_answer answer;
	struct sys *sys = env->stream.sys;
	int result = job_stat_source(env, job, &job->source);

	if (result < 0) {
		error_set_source(&job->error, result, "stat");
		return STEP_FAIL;
	}
	if (IFTODT(job->source.mode) != job->type) {
		error_set_text(&job->error, ERROR_SIDE_SOURCE, "copy", "it changed its type");
		job->error.source_changed = true;
		return STEP_FAIL;
	}
	if (env->settings->keep[node_property(job)] == WEIR_KEEP_OFF)
		return STEP_SKIP;
	job->would = job->dry;
	if (job->folder->fresh || job->target_dirfd < 0)
		return job->dry ? STEP_SKIP : follow_group(env, job);
	result = sys_statx(sys, job->target_dirfd, job->target_name, false, &job->existing);
	if (result < 0 && result != -ENOENT)
		return job_fail(job, result, ERROR_SIDE_TARGET, "stat");
	job->exists = result == 0;
	if (job->exists && settings_leaves_existing(env->settings)) {
		job->would = false;
		if (!settings_fails_existing(env->settings))
			return STEP_SKIP;
		error_set_text(&job->error, ERROR_SIDE_TARGET, "copy to",
			       "not replacing what exists");
		return STEP_FAIL;
	}
	if (job->exists && job_meets_folder(env, job))
		return STEP_FAIL;
	if (job->exists && job_meet_rival(env, job) != STEP_NEXT)
		return STEP_FAIL;
	if (job->exists && node_is_same(env, job)) {
		error_set_text(&job->error, ERROR_SIDE_TARGET, "copy to",
			       "source and target are the same file");
		return STEP_FAIL;
	}
	if (job->exists && env->settings->make == WEIR_MAKE_ATTRIBUTES && !env->settings->fresh &&
	    S_ISREG(job->existing.mode)) {
		error_set_text(&job->error, ERROR_SIDE_TARGET, "replace",
			       "only attributes are copied, and it is a file with bytes");
		return STEP_FAIL;
	}
	if (job_is_up_to_date(env, job)) {
		job->would = false;
		return STEP_SKIP;
	}
	answer = job_ask(env, job);
	if (answer != STEP_NEXT)
		return answer;
	if (job->exists && backup_judge(env->root, env->settings, job->folder, job->target_name,
					&job->source, &job->backup_clash, &job->error) < 0)
		return STEP_FAIL;
	if (job->exists && job->existing.append_only) /* never cleared (G06) */
		return job_fail(job, -EPERM, ERROR_SIDE_TARGET, "replace");
	return job->dry ? STEP_SKIP : follow_group(env, job);
}

static int node_make_link(struct sys *sys, struct job *job)
{
	char text[PATH_MAX + 1];
	ssize_t bytes = sys_readlinkat(sys, job->source_dirfd, job->name, text, sizeof(text));

	if (bytes < 0) {
		error_set_source(&job->error, bytes, "read link");
		if (bytes == -EINVAL) /* it is none any more */
			job->error.source_changed = true;
		return (int)bytes;
	}
	if ((size_t)bytes >= sizeof(text)) {
		job_fail(job, -ENAMETOOLONG, ERROR_SIDE_SOURCE, "read link");
		return -ENAMETOOLONG;
	}
	text[bytes] = '\0';
	return sys_symlinkat(sys, text, job->target_dirfd, job->temp_name);
}

/* True if the target cannot hold such an entry, or we may not make it. */
static bool node_is_refused(int result)
{
	return result == -EPERM || result == -EOPNOTSUPP || result == -ENOSYS || result == -EINVAL;
}

/* A node that others may use keeps its temp closed to them (J6). */
static int node_make_special(struct job_env *env, struct job *job)
{
	mode_t mode = settings_keeps(env->settings, WEIR_PROPERTY_MODE)
			      ? 0600
			      : meta_new_mode(env->settings, job->source.mode);

	return sys_mknodat(env->stream.sys, job->target_dirfd, job->temp_name,
			   (job->source.mode & S_IFMT) | mode, (dev_t)job->source.rdev);
}

static enum step_answer node_make(struct job_env *env, struct job *job)
{
	int result = dir_temp_added(env->root, job->folder->target);
	int unlabelled;

	if (result < 0)
		return job_fail(job, result, ERROR_SIDE_TARGET, "lock the folder of");
	result = temp_name_make(env->stream.sys, job->temp_name);
	if (result == 0)
		result = label_begin(&env->labeller, job->target_dirfd, job->source.mode,
				     job->target_name, &job->losses);
	if (result == 0)
		result = S_ISLNK(job->source.mode) ? node_make_link(env->stream.sys, job)
						   : node_make_special(env, job);
	job->temp_named = result == 0;
	if (result < 0)
		dir_temp_removed(env->root, job->folder->target);
	unlabelled = label_end(&env->labeller);
	if (unlabelled < 0) {
		node_drop(env, job);
		return job_fail_label(env, job, unlabelled);
	}
	if (result < 0) {
		if (job->error.grade != ERROR_NONE)
			return STEP_FAIL;
		if (node_is_refused(result) &&
		    env->settings->keep[node_property(job)] == WEIR_KEEP_TRY) {
			losses_note(&job->losses, node_property(job), result);
			return STEP_SKIP;
		}
		return job_fail(job, result, ERROR_SIDE_TARGET, "create");
	}
	job->folder->target_fs->written = true;
	return STEP_NEXT;
}

void node_drop(struct job_env *env, struct job *job)
{
	if (!job->temp_named)
		return;
	if (job->target_dirfd >= 0) {
		sys_unlinkat(env->stream.sys, job->target_dirfd, job->temp_name, 0);
	} else {
		/* Parked and unpinned, then abandoned: pin it once more. */
		int dirfd = dir_pin(env->root, job->folder->target, NULL);

		if (dirfd >= 0) {
			sys_unlinkat(env->stream.sys, dirfd, job->temp_name, 0);
			dir_unpin(env->root, job->folder->target);
		}
	}
	dir_temp_removed(env->root, job->folder->target);
	job->temp_named = false;
}

/* True where a new entry belongs to whoever makes it and has one link; servers and
 * mounts with an owner of their own have it otherwise, or lie (I10). */
static bool node_is_plain_at(const struct fs *fs)
{
	return fs->kind == FS_EXT4 || fs->kind == FS_XFS || fs->kind == FS_BTRFS ||
	       fs->kind == FS_F2FS || fs->kind == FS_TMPFS || fs->kind == FS_OVERLAY;
}

/* T4: nobody who may write in the folder has put something else in its place. */
static bool node_is_ours(const struct job_env *env, const struct job *job,
			 const struct sys_stat *made)
{
	bool is_device = S_ISCHR(made->mode) || S_ISBLK(made->mode);

	return (made->mode & S_IFMT) == (job->source.mode & S_IFMT) &&
	       (!is_device || made->rdev == job->source.rdev) &&
	       ((made->uid == env->settings->uid && made->links == 1) ||
		!node_is_plain_at(job->folder->target_fs));
}

/* Holds what was made, if anything is to be done with it before it has its name. */
static enum step_answer node_hold(struct job_env *env, struct job *job)
{
	struct sys *sys = env->stream.sys;
	int result;

	if (!settings_keeps_any(env->settings) && !settings_keeps_flags(env->settings) &&
	    job->link == NULL)
		return STEP_NEXT;
	result = sys_openat(sys, job->target_dirfd, job->temp_name, O_PATH | O_NOFOLLOW, 0);
	if (result >= 0) {
		job->target_fd = result;
		result = sys_statx(sys, job->target_fd, "", false, &job->made);
	}
	if (result < 0)
		return job_fail(job, result, ERROR_SIDE_TARGET, "open");
	if (!node_is_ours(env, job, &job->made)) {
		error_set_text(&job->error, ERROR_SIDE_TARGET, "create",
			       "somebody put something else in its place");
		return STEP_FAIL;
	}
	job->made_device = job->made.device;
	job->made_inode = job->made.inode;
	return STEP_NEXT;
}

static void node_let_go(struct job_env *env, struct job *job)
{
	if (job->target_fd >= 0)
		sys_close(env->stream.sys, job->target_fd);
	job->target_fd = -1;
}

static enum step_answer node_attributes(struct job_env *env, struct job *job)
{
	struct meta_node node = {
		.source_place = { job->source_dirfd, job->name, false },
		.fd = job->target_fd,
		.source = &job->source,
		.created = &job->made,
		.inherits_acl = job->folder->default_acl,
	};
	int result =
		meta_apply_node(env->stream.sys, env->settings, &node, &job->losses, &job->error);

	return result < 0 ? STEP_FAIL : STEP_NEXT;
}

/* All of them are set once it has its name: nothing here needs them before, and
 * what is immutable cannot be renamed. */
static enum step_answer node_flags(struct job_env *env, struct job *job)
{
	const struct flags_env flags_env = { env->stream.sys, env->settings, &job->losses,
					     &job->error };
	struct folder *folder = job->folder;
	struct flags_place source = { NULL, job->source_dirfd, job->name, false };

	if (!settings_keeps_flags(env->settings) || job->follow)
		return STEP_NEXT;
	if (folder->source_fs != NULL && folder->source_fs->device == job->source.device)
		source.fs = folder->source_fs;
	return flags_read(&flags_env, &source, &job->source, folder->target_fs, &job->flags) < 0
		       ? STEP_FAIL
		       : STEP_NEXT;
}

/* T3 */
static enum step_answer node_recheck(struct job_env *env, struct job *job)
{
	enum weir_on on = env->settings->on_change;
	struct sys_stat now;
	int result = job_stat_source(env, job, &now);

	if (result == 0 && now.device == job->source.device && now.inode == job->source.inode &&
	    meta_same_time(&now.mtime, &job->source.mtime) &&
	    meta_same_time(&now.ctime, &job->source.ctime))
		return STEP_NEXT;
	if (!job->reread) {
		job->reread = true;
		return STEP_AGAIN;
	}
	job->changed = "it was replaced meanwhile; the copy may be of several moments";
	if (on == WEIR_ON_OK || on == WEIR_ON_WARN)
		return STEP_NEXT;
	error_set_text(&job->error, ERROR_SIDE_SOURCE, "copy", "it kept changing");
	return STEP_FAIL;
}

/* It has no bytes that a descriptor could be asked about. */
static enum step_answer node_release(struct job_env *env, struct job *job)
{
	node_let_go(env, job);
	return STEP_NEXT;
}

enum step_answer node_park(struct job_env *env, struct job *job)
{
	node_unpin(env, job);
	return STEP_PARK;
}

const struct step node_recipe[] = {
	{ "pin folders", node_pin, NULL, node_unpin },
	{ "look up", node_look, node_look, NULL },
	{ "make", node_make, NULL, node_drop },
	{ "hold", node_hold, NULL, node_let_go },
	{ "attributes", node_attributes, NULL, NULL },
	{ "flags", node_flags, NULL, NULL },
	{ "recheck source", node_recheck, NULL, NULL },
	{ "tell", follow_tell, NULL, NULL },
	{ "release", node_release, NULL, NULL },
	{ "park", node_park, NULL, NULL },
	{ NULL, NULL, NULL, NULL },
};
