/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The folders of a sync.
 *
 * Invariants:
 * M1 both are resolved once, links included; whether a slash ends their names says
 *    nothing;
 * M2 all that can be judged is judged before DEST is made;
 * M3 from then on DEST is this run's alone: it is locked, and whoever else wants to
 *    copy into it is told who has it (exit 29).
 */
#define _GNU_SOURCE
#include "mirror.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "climb.h"
#include "guard.h"
#include "meta.h"

/* ---- SOURCE ---- */

/* O01: what cannot be read says nothing about what DEST is to hold. */
static int mirror_look_at_source(struct tree *tree, const struct operand *source)
{
	int fd = sys_openat(tree->sys, source->dirfd, source->path, O_RDONLY | O_DIRECTORY, 0);
	const char *text = NULL;

	if (fd == -ENOENT)
		text = "there is no such folder";
	else if (fd == -ENOTDIR)
		text = "it is no folder";
	else if (fd < 0)
		text = "it cannot be read";
	if (text != NULL)
		return operand_refuse(tree, "sync from", text, source->path);
	sys_close(tree->sys, fd);
	return 0;
}

static int mirror_resolve_source(struct operands *operands, struct tree *tree)
{
	struct operand *source = &operands->sources[0];
	int result = mirror_look_at_source(tree, source);

	if (result == 0)
		result = sys_statx_follow(tree->sys, source->dirfd, source->path, &source->stat);
	if (result == -ECANCELED)
		return result;
	if (result < 0)
		return operand_fatal(tree, result, "stat", NULL, source->path);
	/* Where it lies is of no interest: it is named by its whole path. */
	source->folder_path = strdup(source->path);
	source->name = strdup(".");
	source->target_name = strdup(".");
	if (source->folder_path == NULL || source->name == NULL || source->target_name == NULL)
		return -ENOMEM;
	source->type = DT_DIR;
	source->is_folder = source->into_parent = source->usable = true;
	operands->folders = 1;
	return 0;
}

/* ---- DEST ---- */

/* What DEST is.  1: it is a folder; 0: there is nothing. */
static int mirror_look_at_target(struct operands *operands, struct tree *tree)
{
	const char *path = operands->target_path;
	struct sys_stat stat;
	int result = operands_guard_link(operands, tree);

	if (result < 0)
		return result;
	result = sys_statx_follow(tree->sys, operands->target_dirfd, path, &stat);
	if (result == 0 && !S_ISDIR(stat.mode))
		return operand_fatal(tree, -ENOTDIR, "sync into", NULL, path);
	if (result == -ENOENT &&
	    sys_statx(tree->sys, operands->target_dirfd, path, false, &stat) == 0)
		return operand_fatal(tree, result, "sync into", "it is a link that leads nowhere",
				     path);
	if (result < 0 && result != -ENOENT)
		return operand_fatal(tree, result, "stat", NULL, path);
	return result == 0;
}

/* Makes DEST, closed until it has the attributes of SOURCE where these are kept. */
static int mirror_make_target(struct operands *operands, struct tree *tree)
{
	mode_t mode = settings_keeps(tree->settings, WEIR_PROPERTY_MODE) ? 0700 : 0777;
	int result = sys_mkdirat(tree->sys, operands->target_dirfd, operands->target_path, mode);

	if (result < 0 && result != -EEXIST)
		return operand_fatal(tree, result, "create folder", NULL, operands->target_path);
	operands->target_made = result == 0;
	operands->judged = (struct sys_stat){ 0 };
	return 0;
}

/* M3 */
static int mirror_hold_target(struct operands *operands, struct tree *tree)
{
	struct error error;
	int fd = dir_pin(tree->root, operands->target, NULL);
	int result;

	if (fd < 0)
		return operand_fatal(tree, fd, "open folder", NULL, operands->target_path);
	result = dir_hold(tree->root, operands->target);
	operands->held = result == 0;
	dir_unpin(tree->root, operands->target);
	if (result == 0)
		return 0;
	error_set_text(&error, ERROR_SIDE_TARGET, "sync into", "another run holds this folder");
	error.grade = ERROR_RUN;
	error.busy = true;
	event_post_error(tree->events, &error, operands->target_path, false);
	return -ECANCELED;
}

int mirror_resolve(struct operands *operands, struct tree *tree)
{
	int result = mirror_resolve_source(operands, tree);
	int there;

	if (result < 0)
		return result;
	there = mirror_look_at_target(operands, tree);
	if (there < 0)
		return there;
	result = guard_mirror(operands, tree, there != 0);
	if (result < 0)
		return result;
	if (!there && tree->settings->dry_run)
		return 0; /* nothing is there to be looked at */
	if (!there)
		result = mirror_make_target(operands, tree);
	if (result == 0)
		result = operands_open_target(operands, tree, operands->target_path);
	if (result == 0 && !tree->settings->dry_run)
		result = mirror_hold_target(operands, tree);
	return result;
}
