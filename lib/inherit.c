/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Links to earlier copies: look up the target, look at the source, hold the inode of the
 * earlier copy, park.
 *
 * Invariants:
 * I1 what is linked to is the very inode that the scan has compared and claimed for this
 *    source, and neither has changed since: it is opened by one name in a held folder, and
 *    linked by that descriptor;
 * I2 nothing of it is changed;
 * I3 whatever is otherwise by now, or refused, leads to a copy;
 * I4 the first link of a group leads it as a copy would, so that a group stays one;
 * I5 it gets its name only after the file system was synced once (commit_sync_earlier):
 *    whoever made the earlier copy may not have done that.
 */
#define _GNU_SOURCE
#include "inherit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "content.h"
#include "follow.h"
#include "node.h"
#include "regular.h"

/* I3 */
static enum step_answer inherit_copy(struct job *job)
{
	job->inode = 0; /* it is no stamp there */
	job->turn_to = job->type == DT_REG ? regular_recipe : node_recipe;
	return STEP_TURN;
}

/* What has the name by now is replaced as usual. */
static enum step_answer inherit_look(struct job_env *env, struct job *job)
{
	struct folder *folder = job->folder;
	struct sys_stat existing;
	int dirfd, result;

	if (folder->fresh)
		return STEP_NEXT;
	dirfd = dir_pin(env->root, folder->target, NULL);
	if (dirfd < 0)
		return inherit_copy(job);
	result = sys_statx(env->stream.sys, dirfd, job->target_name, false, &existing);
	dir_unpin(env->root, folder->target);
	return result == -ENOENT ? STEP_NEXT : inherit_copy(job);
}

static enum step_answer inherit_identify(struct job_env *env, struct job *job)
{
	struct dir *dir = job->folder->source;
	int dirfd = dir_pin(env->root, dir, NULL);
	int result = dirfd;

	if (dirfd >= 0) {
		result = sys_statx(env->stream.sys, dirfd, job->name, false, &job->source);
		dir_unpin(env->root, dir);
	}
	if (result < 0 || IFTODT(job->source.mode) != job->type)
		return inherit_copy(job); /* which tells */
	return follow_group(env, job);
}

/* The inode in the folder DIR, or -1: it is not what was compared with the source, or
 * either was changed since. */
static int inherit_hold(struct job_env *env, const struct job *job, struct dir *dir)
{
	struct sys *sys = env->stream.sys;
	int dirfd = dir_pin(env->root, dir, NULL);
	struct sys_stat found;
	int fd;

	if (dirfd < 0)
		return -1;
	fd = sys_openat(sys, dirfd, job->name, O_PATH | O_NOFOLLOW, 0);
	dir_unpin(env->root, dir);
	if (fd < 0)
		return -1;
	if (sys_statx(sys, fd, "", false, &found) == 0 &&
	    content_stamp_whole(&job->source, &found) == job->stamp) /* I1 */
		return fd;
	sys_close(sys, fd);
	return -1;
}

/* No byte of it is copied. */
static void inherit_count(struct job_env *env, struct job *job)
{
	if (job->type == DT_REG && !job->counted)
		tally_sub(&env->stream.tally->files_open, 1);
	job->counted = true;
}

static enum step_answer inherit_open(struct job_env *env, struct job *job)
{
	const struct folder *folder = job->folder;
	int fd = -1;

	for (uint32_t i = 0; folder->earlier != NULL && i < folder->earlier_count && fd < 0; i++)
		if (folder->earlier[i] != NULL)
			fd = inherit_hold(env, job, folder->earlier[i]);
	if (fd < 0)
		return inherit_copy(job);
	job->target_fd = fd;
	job->inherits = true;
	job->way = JOB_WAY_LINK;
	job->way_reason = "an earlier copy is the same";
	inherit_count(env, job);
	return STEP_NEXT;
}

static void inherit_let_go(struct job_env *env, struct job *job)
{
	if (job->target_fd >= 0)
		sys_close(env->stream.sys, job->target_fd);
	job->target_fd = -1;
	job->inherits = false;
}

static enum step_answer inherit_park(struct job_env *env, struct job *job)
{
	(void)env;
	job->synced = true; /* I5 */
	job->folder->target_fs->written = true;
	return STEP_PARK;
}

const struct step inherit_link_recipe[] = {
	{ "look up target", inherit_look, NULL, NULL },
	{ "identify", inherit_identify, NULL, NULL },
	{ "open earlier copy", inherit_open, NULL, inherit_let_go },
	{ "tell", follow_tell, NULL, NULL },
	{ "park", inherit_park, NULL, NULL },
	{ NULL, NULL, NULL, NULL },
};
