/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Links to sources.
 *
 * Invariants:
 * L1 a hard link is made by the descriptor that was looked at, so it is of the
 *    inode that was judged, whatever has its name by then;
 * L2 what exists is replaced as by a copy: at every moment the name is the old
 *    entry or the new one.
 *
 * A hard link parks as an O_PATH descriptor that gets a name; there is nothing to
 * be synced but its folder.
 */
#define _GNU_SOURCE
#include "alias.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "backup.h"
#include "invariant.h"
#include "meta.h"
#include "node.h"

/* No byte of it is copied. */
static void alias_count(struct job_env *env, struct job *job)
{
	if (job->type == DT_REG && !job->counted)
		tally_sub(&env->stream.tally->files_open, 1);
	job->counted = true;
}

static enum step_answer alias_open(struct job_env *env, struct job *job)
{
	struct sys *sys = env->stream.sys;
	int result;

	job->target_fd = job_open_source(env, job, job->source_dirfd, O_PATH);
	if (job->target_fd < 0) {
		job_fail(job, job->target_fd, ERROR_SIDE_SOURCE, "open");
		job->error.source_changed = job->target_fd == -ENOENT;
		job->target_fd = -1;
		return STEP_FAIL;
	}
	result = sys_statx(sys, job->target_fd, "", false, &job->source);
	if (result < 0)
		return job_fail(job, result, ERROR_SIDE_SOURCE, "stat");
	if (S_ISDIR(job->source.mode)) {
		error_set_text(&job->error, ERROR_SIDE_SOURCE, "link", "it changed its type");
		job->error.source_changed = true;
		return STEP_FAIL;
	}
	alias_count(env, job);
	return STEP_NEXT;
}

static void alias_close(struct job_env *env, struct job *job)
{
	if (job->target_fd >= 0)
		sys_close(env->stream.sys, job->target_fd);
	job->target_fd = -1;
}

static bool alias_is_same(const struct job *job)
{
	return job->exists && job->existing.device == job->source.device &&
	       job->existing.inode == job->source.inode;
}

/* What has the name, and whether it is to be replaced. */
static enum step_answer alias_look(struct job_env *env, struct job *job)
{
	int result = -ENOENT;

	if (!job->folder->fresh && job->target_dirfd >= 0)
		result = sys_statx(env->stream.sys, job->target_dirfd, job->target_name, false,
				   &job->existing);
	if (result < 0 && result != -ENOENT)
		return job_fail(job, result, ERROR_SIDE_TARGET, "stat");
	job->exists = result == 0;
	if (alias_is_same(job) && env->settings->make == WEIR_MAKE_LINK)
		return STEP_SKIP; /* it is linked already */
	if (job->exists && settings_fails_existing(env->settings)) {
		error_set_text(&job->error, ERROR_SIDE_TARGET, "link to",
			       "not replacing what exists");
		return STEP_FAIL;
	}
	if (job->exists && settings_leaves_existing(env->settings))
		return STEP_SKIP;
	if (job->exists && job_meets_folder(env, job))
		return STEP_FAIL;
	if (job->exists && job_meet_rival(env, job) != STEP_NEXT)
		return STEP_FAIL;
	if (job_is_up_to_date(env, job))
		return STEP_SKIP;
	if (job->exists && node_leads_to_existing(env, job)) {
		error_set_text(&job->error, ERROR_SIDE_TARGET, "link to",
			       "source and target are the same file");
		return STEP_FAIL;
	}
	if (job->exists && !env->settings->link_over) {
		error_set_text(&job->error, ERROR_SIDE_TARGET, "link to",
			       "not replacing what exists; -f does");
		return STEP_FAIL;
	}
	if (job->exists && backup_judge(env->root, env->settings, job->folder, job->target_name,
					&job->source, &job->backup_clash, &job->error) < 0)
		return STEP_FAIL;
	job->would = job->dry;
	return job->dry ? STEP_SKIP : job_ask(env, job);
}

static enum step_answer alias_link(struct job_env *env, struct job *job)
{
	enum step_answer answer = alias_look(env, job);

	if (answer != STEP_NEXT)
		return answer;
	job->alias = true;
	job->folder->target_fs->written = true;
	return STEP_NEXT;
}

/* A relative name means something else in another folder. */
static int alias_check_text(struct sys *sys, const struct job *job, const char *text)
{
	struct sys_stat here, there;
	int result;

	if (text[0] == '/')
		return 0;
	result = sys_statx(sys, AT_FDCWD, ".", false, &here);
	if (result == 0)
		result = sys_statx(sys, job->target_dirfd, "", false, &there);
	if (result == 0 && (here.device != there.device || here.inode != there.inode))
		result = -ENOTSUP;
	return result;
}

static enum step_answer alias_symlink_fail(struct job *job, int result)
{
	if (result != -ENOTSUP)
		return job_fail(job, result, ERROR_SIDE_TARGET, "link");
	error_set_text(&job->error, ERROR_SIDE_TARGET, "link",
		       "a relative source can be linked to in the working folder only");
	return STEP_FAIL;
}

static enum step_answer alias_make_symlink(struct job_env *env, struct job *job, const char *text)
{
	struct sys *sys = env->stream.sys;
	int result = alias_check_text(sys, job, text);
	int unlabelled;

	if (result < 0)
		return alias_symlink_fail(job, result);
	result = dir_temp_added(env->root, job->folder->target);
	if (result < 0)
		return job_fail(job, result, ERROR_SIDE_TARGET, "lock the folder of");
	result = temp_name_make(sys, job->temp_name);
	if (result == 0)
		result = label_begin(&env->labeller, job->target_dirfd, S_IFLNK, job->target_name,
				     &job->losses);
	if (result == 0)
		result = sys_symlinkat(sys, text, job->target_dirfd, job->temp_name);
	job->temp_named = result == 0;
	if (result < 0)
		dir_temp_removed(env->root, job->folder->target);
	unlabelled = label_end(&env->labeller);
	if (unlabelled < 0) {
		node_drop(env, job);
		return job_fail_label(env, job, unlabelled);
	}
	if (result < 0)
		return job_fail(job, result, ERROR_SIDE_TARGET, "link");
	job->folder->target_fs->written = true;
	return STEP_NEXT;
}

static enum step_answer alias_symlink(struct job_env *env, struct job *job)
{
	enum step_answer answer = alias_look(env, job);
	char *text;

	if (answer != STEP_NEXT)
		return answer;
	if (alias_is_same(job)) {
		error_set_text(&job->error, ERROR_SIDE_TARGET, "link to",
			       "source and target are the same file");
		return STEP_FAIL;
	}
	text = folder_source_path(job->folder, job->name);
	if (text == NULL)
		return job_fail(job, -ENOMEM, ERROR_SIDE_TARGET, "link");
	answer = alias_make_symlink(env, job, text);
	free(text);
	return answer;
}

static enum step_answer alias_park(struct job_env *env, struct job *job)
{
	if (!job->alias)
		alias_close(env, job); /* a symbolic link needs none */
	return node_park(env, job);
}

const struct step alias_link_recipe[] = {
	{ "pin folders", node_pin, NULL, node_unpin },
	{ "open source", alias_open, NULL, alias_close },
	{ "look up target", alias_link, alias_link, NULL },
	{ "park", alias_park, NULL, NULL },
	{ NULL, NULL, NULL, NULL },
};

const struct step alias_symlink_recipe[] = {
	{ "pin folders", node_pin, NULL, node_unpin },
	{ "open source", alias_open, NULL, alias_close },
	{ "make", alias_symlink, alias_symlink, node_drop },
	{ "park", alias_park, NULL, NULL },
	{ NULL, NULL, NULL, NULL },
};
