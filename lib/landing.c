/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Links in the place of target folders.
 *
 * Invariants:
 * L1 the folder that a link led to is judged by its own way up (climb), not by
 *    the text of the link, so it does not matter how the link is written;
 * L2 nothing is made or changed through a link before the judgement, and after it
 *    only through the descriptor that was judged;
 * L3 a folder that is copied from is never copied into: such a link would make
 *    the source grow under the hands that list it.
 */
#define _GNU_SOURCE
#include "landing.h"

#include <errno.h>

#include "climb.h"
#include "reach.h"

static int landing_refuse(struct error *error, int result, const char *text)
{
	error_set_text(error, ERROR_SIDE_TARGET, "create folder", text);
	return result;
}

/* The folder that the target operand names; NULL: it has none above PARENT. */
static const struct dir *landing_root(const struct landing *landing, const struct dir *parent)
{
	const struct dir *below = NULL;

	for (; parent->parent != NULL; parent = parent->parent)
		below = parent;
	return landing->target_is_name ? below : parent;
}

/* L3 */
static bool landing_is_source(const struct landing *landing, const struct folder *folder,
			      const struct sys_stat *stat)
{
	const struct dir *dir = folder->role == FOLDER_LISTED ? folder->source : NULL;

	for (; dir != NULL; dir = dir->parent)
		if (dir->device == stat->device && dir->inode == stat->inode)
			return true;
	for (size_t i = 0; i < landing->count; i++)
		if (landing->sources[i].device == stat->device &&
		    landing->sources[i].inode == stat->inode)
			return true;
	return false;
}

/* Why FOLDER must not be copied to where the link led; NULL: it may. */
static const char *landing_judge(struct sys *sys, const struct landing *landing,
				 const struct folder *folder)
{
	const struct dir *root = landing_root(landing, folder->parent->target);
	const char *why = "a symbolic link has this name that leads out of the target";
	struct climb climb;
	bool more = root != NULL && climb_begin(&climb, sys, folder->target->fd);

	if (root == NULL)
		return why;
	while (more) {
		if (landing_is_source(landing, folder, &climb.stat)) {
			why = "a symbolic link has this name that leads into a folder that "
			      "is copied from";
			break;
		}
		if (climb.stat.device == root->device && climb.stat.inode == root->inode) {
			why = NULL;
			break;
		}
		more = climb_up(&climb);
	}
	climb_end(&climb);
	return why;
}

static int landing_follow(struct root *root, const struct landing *landing, struct folder *folder,
			  int parent_fd, struct error *error)
{
	const char *why;
	int result = dir_open_child(root, folder->parent->target, parent_fd, folder->target_name,
				    true, &folder->target);

	if (result < 0) {
		folder->target = NULL;
		error_set(error, result, ERROR_SIDE_TARGET, "follow link");
		return result;
	}
	why = landing_judge(root->sys, landing, folder);
	if (why == NULL)
		return 0;
	dir_unpin(root, folder->target);
	dir_put(root, folder->target);
	folder->target = NULL;
	return landing_refuse(error, -EXDEV, why);
}

int landing_open(struct root *root, const struct settings *settings, const struct landing *landing,
		 struct folder *folder, int parent_fd, struct error *error)
{
	const char *name = folder->target_name;
	struct sys_stat stat, led;
	int result = sys_statx(root->sys, parent_fd, name, false, &stat);

	folder->target = NULL;
	if (result == 0 && S_ISLNK(stat.mode) &&
	    reach_stat(root->sys, parent_fd, name, &led) == 0 && S_ISDIR(led.mode)) {
		if (settings->keep_folder_links)
			return landing_follow(root, landing, folder, parent_fd, error);
		return landing_refuse(error, -ELOOP,
				      "a symbolic link has this name; "
				      "--keep-directory-symlink follows links to folders");
	}
	return landing_refuse(error, -ENOTDIR, "something that is not a folder has this name");
}
