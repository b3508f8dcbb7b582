/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A hard link to an entry that this run has made: hold its inode, park.
 *
 * Invariants:
 * F1 what is linked to is the very inode that the leader made: it is opened by
 *    one name in a held folder, compared, and linked by that descriptor;
 * F2 it is complete and durable at the level asked for, since it has its name;
 * F3 where the leader is gone or cannot be reached, the entry is copied;
 * F4 a name of a group is never opened: which inode it is, is all that is asked.
 */
#define _GNU_SOURCE
#include "follow.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "invariant.h"

/* On to another recipe, from its first row. */
static enum step_answer follow_turn_to(struct job *job, const struct step *recipe)
{
	job->turn_to = recipe;
	return STEP_TURN;
}

/* Gives up a group that the job holds, if its source is another one now: the name
 * was opened again and leads elsewhere. */
static void follow_check_group(struct job_env *env, struct job *job)
{
	const struct link_group *group = job->link;

	if (group == NULL)
		return;
	WEIR_ASSERT(job->leads);
	if (group->device == job->source.device && group->inode == job->source.inode) {
		links_update(env->links, job->link, &job->source);
		return;
	}
	links_lost(env->links, job->link);
	job->link = NULL;
	job->leads = false;
}

/* Looks for the group of job.source; a name that only JOINS cannot lead one. */
static enum step_answer follow_enter(struct job_env *env, struct job *job, bool joins)
{
	const struct entry entry = {
		.type = job->type,
		.follow = job->follow,
		.inode = job->source.inode,
		.name = job->name,
		.target_name = job->target_name,
	};
	const struct links_name name = {
		.source = &job->source,
		.target_mount = job->folder->target->mount,
		.folder = job->folder,
		.entry = &entry,
		.retry = job->retry,
		.joins = joins,
	};

	switch (links_enter(env->links, &name, &job->link)) {
	case LINKS_LEAD:
		job->leads = true;
		return STEP_NEXT;
	case LINKS_FOLLOW: /* its bytes are counted with the name that is copied */
		job_uncount_bytes(env, job);
		return follow_turn_to(job, follow_recipe);
	case LINKS_WAIT:
		job_uncount_bytes(env, job);
		return STEP_DEFER;
	case LINKS_NONE:
		return STEP_NEXT;
	case LINKS_ALONE:
		break;
	}
	losses_note(&job->losses, WEIR_PROPERTY_LINKS, -ENOMEM);
	return STEP_NEXT;
}

/* Nothing is to be decided for it but whether it is one of a group that there is. */
static bool follow_is_plain(const struct job_env *env, const struct job *job)
{
	return !job->exists && !job->follow && !job->dry && job->unlinked == 0 &&
	       job->folder->source_fs != NULL && job->folder->target != NULL &&
	       !job->folder->target_fs->no_hard_links && (env->have_proc || env->is_root) &&
	       settings_keeps(env->settings, WEIR_PROPERTY_LINKS);
}

enum step_answer follow_early(struct job_env *env, struct job *job)
{
	const struct folder *folder = job->folder;
	int dirfd, result;

	if (job->link != NULL)
		return STEP_NEXT; /* it leads already, and starts anew: it cannot wait for itself */
	if (!follow_is_plain(env, job) ||
	    !links_knows(env->links, folder->source_fs->device, job->inode, folder->target->mount))
		return STEP_NEXT;
	dirfd = dir_pin(env->root, folder->source, NULL);
	if (dirfd < 0)
		return STEP_NEXT; /* the open tells */
	result = sys_statx(env->stream.sys, dirfd, job->name, false, &job->source);
	dir_unpin(env->root, folder->source);
	if (result < 0 || !S_ISREG(job->source.mode) || job->source.links < 2)
		return STEP_NEXT;
	return follow_enter(env, job, true);
}

enum step_answer follow_group(struct job_env *env, struct job *job)
{
	follow_check_group(env, job);
	if (job->adjusts || job->source.links < 2 ||
	    !settings_keeps(env->settings, WEIR_PROPERTY_LINKS))
		return STEP_NEXT;
	if (job->link != NULL)
		return STEP_NEXT; /* it leads already, and starts anew */
	if (job->folder->target_fs->no_hard_links || (!env->have_proc && !env->is_root))
		job->unlinked = -EPERM;
	/* Where this folder cannot have the link, others may have it. */
	if (job->unlinked == -EPERM || job->unlinked == -EXDEV) {
		losses_note(&job->losses, WEIR_PROPERTY_LINKS, job->unlinked);
		return STEP_NEXT;
	}
	return follow_enter(env, job, false);
}

enum step_answer follow_tell(struct job_env *env, struct job *job)
{
	struct sys *sys = env->stream.sys;
	struct sys_stat made;
	int result;

	if (job->link == NULL)
		return STEP_NEXT;
	WEIR_ASSERT(job->target_fd >= 0);
	result = sys_statx(sys, job->target_fd, "", false, &made);
	if (result < 0) {
		return job_fail(job, result, ERROR_SIDE_TARGET, "stat");
	}
	WEIR_ASSERT(job->leads && job->link->inode == job->source.inode &&
		    job->link->device == job->source.device);
	job->made_device = made.device;
	job->made_inode = made.inode;
	return STEP_NEXT;
}

/* The leader's inode by its name, if it is still that (F1); or -errno. */
static int follow_open_leader(struct job_env *env, const struct link_group *group)
{
	struct sys *sys = env->stream.sys;
	int dirfd = dir_pin(env->root, group->dir, NULL);
	struct sys_stat stat;
	int fd, result;

	if (dirfd < 0)
		return dirfd;
	fd = sys_openat(sys, dirfd, group->name, O_PATH | O_NOFOLLOW, 0);
	dir_unpin(env->root, group->dir);
	if (fd < 0)
		return fd;
	result = sys_statx(sys, fd, "", false, &stat);
	if (result == 0 && (stat.device != group->made_device || stat.inode != group->made_inode))
		result = -ESTALE;
	if (result == 0)
		return fd;
	sys_close(sys, fd);
	return result;
}

/* F3: the group goes on with another leader. */
static void follow_give_up(struct job_env *env, struct job *job, int result)
{
	struct losses losses = { 0 };
	bool splits = links_release(env->links, job->link, true);
	char *path;

	job->link = NULL;
	if (!splits)
		return;
	losses_note(&losses, WEIR_PROPERTY_LINKS, result);
	path = folder_target_path(job->folder, job->target_name);
	loss_count(env->loss, &losses, path != NULL ? path : job->target_name);
	free(path);
}

static enum step_answer follow_open(struct job_env *env, struct job *job)
{
	int fd = links_inode(env->links, job->link);

	if (fd < 0) {
		fd = follow_open_leader(env, job->link);
		if (fd >= 0)
			fd = links_lend(env->links, job->link, fd);
	}
	if (fd == -EMFILE || fd == -ENFILE) {
		return job_fail(job, fd, ERROR_SIDE_TARGET, "open the first link of");
	}
	if (fd < 0) {
		follow_give_up(env, job, fd);
		return follow_turn_to(job, job->origin);
	}
	job->target_fd = fd;
	job->way = JOB_WAY_LINK;
	job->way_reason = "another name of a file that was copied";
	return STEP_NEXT;
}

/* The descriptor is the group's. */
static void follow_let_go(struct job_env *env, struct job *job)
{
	(void)env;
	job->target_fd = -1;
}

static enum step_answer follow_park(struct job_env *env, struct job *job)
{
	(void)env;
	job->synced = true; /* F2 */
	return STEP_PARK;
}

const struct step follow_recipe[] = {
	{ "open leader", follow_open, NULL, follow_let_go },
	{ "park", follow_park, NULL, NULL },
	{ NULL, NULL, NULL, NULL },
};
