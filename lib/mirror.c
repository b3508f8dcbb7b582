/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The folders of a sync.
 *
 *   State     True here                                     Then
 *   resolved  both were looked at, nothing was changed      DEST is there: held; else judged
 *   waiting   another run holds DEST; nothing was judged    held, or given up (exit 29)
 *   held      DEST is this run's alone                      judged, unless it was before
 *   judged    no guard refuses                              done; or DEST is made, then held
 *
 * Invariants:
 * M1 both are resolved once, links included; whether a slash ends their names says
 *    nothing;
 * M2 all that can be judged is judged before anything is made, and what is there only
 *    once it is held, so that no other run changes it afterwards;
 * M3 from then on DEST is this run's alone: it is locked, and whoever else wants to
 *    copy into it is told who has it (exit 29);
 * M4 what is remembered of a run is written while DEST is held.
 */
#define _GNU_SOURCE
#include "mirror.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "holder.h"
#include "reach.h"
#include "vet.h"

/* The kernel may keep the lock of a run that was killed for some ms (M10). */
#define MIRROR_TRIES 5
#define MIRROR_RACES 8 /* somebody else makes or removes DEST, each time anew */

/* ---- SOURCE ---- */

/* O01: what cannot be read says nothing about what DEST is to hold. */
static int mirror_open_source(struct mirror *mirror, struct tree *tree,
			      const struct operand *source)
{
	int fd = sys_openat(tree->sys, source->dirfd, source->path, O_RDONLY | O_DIRECTORY, 0);
	const char *text = NULL;

	mirror->caution.source_fd = fd < 0 ? -1 : fd;
	if (fd == -ENOENT)
		text = "there is no such folder";
	else if (fd == -ENOTDIR)
		text = "it is no folder";
	else if (fd < 0)
		text = "it cannot be read";
	return text != NULL ? operand_refuse(tree, "sync from", text, source->path) : 0;
}

static int mirror_resolve_source(struct mirror *mirror, struct operands *operands,
				 struct tree *tree)
{
	struct operand *source = &operands->sources[0];
	int result = mirror_open_source(mirror, tree, source);

	if (result == -ECANCELED)
		return result;
	result = sys_statx(tree->sys, mirror->caution.source_fd, "", false, &source->stat);
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

/* ---- DEST: where it is, or is to be ---- */

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

/* Opens the folder that the first END bytes of PATH name. */
static int mirror_open_leading(struct operands *operands, struct tree *tree, size_t end)
{
	char *leading = end == 0 ? strdup(".") : strndup(operands->target_path, end);
	int fd;

	if (leading == NULL)
		return -ENOMEM;
	fd = sys_openat(tree->sys, operands->target_dirfd, leading, O_PATH | O_DIRECTORY, 0);
	free(leading);
	return fd;
}

/* The names of PATH, one slash between them, without "."; to be freed.  NULL, with
 * errno: -EINVAL: there is a ".." among them, whose meaning is not known yet. */
static char *mirror_clean(const char *path)
{
	char *clean = malloc(strlen(path) + 1);
	char *to = clean;

	while (clean != NULL && *path != '\0') {
		size_t bytes;

		path += strspn(path, "/");
		bytes = strcspn(path, "/");
		if (bytes == 2 && memcmp(path, "..", 2) == 0) {
			free(clean);
			errno = EINVAL;
			return NULL;
		}
		if (bytes > 0 && !(bytes == 1 && path[0] == '.')) {
			if (to > clean)
				*to++ = '/';
			memcpy(to, path, bytes);
			to += bytes;
		}
		path += bytes;
	}
	if (clean != NULL)
		*to = '\0';
	else
		errno = ENOMEM;
	return clean;
}

/* Finds the folder in which DEST, or the first of its leading folders that is missing,
 * is to be made. */
static int mirror_find_leading(struct mirror *mirror, struct operands *operands, struct tree *tree)
{
	const char *path = operands->target_path;
	size_t end = reach_cut(path, strlen(path));
	int fd = mirror_open_leading(operands, tree, end);

	if (fd == -ENOENT && !tree->settings->make_path)
		return operand_fatal(
			tree, fd, "create folder",
			"the folder it is to be in is missing; --mkpath makes that, too", path);
	while (fd == -ENOENT && end > 0) {
		end = reach_cut(path, end);
		fd = mirror_open_leading(operands, tree, end);
	}
	if (fd < 0)
		return fd == -ENOMEM ? fd : operand_fatal(tree, fd, "create folder", NULL, path);
	mirror->caution.target_fd = fd;
	mirror->below = mirror_clean(path + end);
	if (mirror->below == NULL && errno == ENOMEM)
		return -ENOMEM;
	if (mirror->below == NULL)
		return operand_fatal(tree, -ENOENT, "create folder",
				     "'..' leads nowhere behind what is not there", path);
	return 0;
}

/* ---- DEST: made ---- */

/* Syncs the folder that something was made in, unless nothing is to be synced. */
static int mirror_sync_folder(struct tree *tree, int fd)
{
	int result = 0;

	if (tree->settings->durable == WEIR_DURABLE_NONE)
		return 0;
	fd = sys_openat(tree->sys, fd, ".", O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0) /* it may not be read */
		return fd == -EACCES ? 0 : fd;
	result = sys_fsync(tree->sys, fd);
	sys_close(tree->sys, fd);
	return result == -EINVAL ? 0 : result;
}

/* Makes the leading folder NAME in *FD and enters it. */
static int mirror_make_leading(struct tree *tree, int *fd, const char *name)
{
	int result = sys_mkdirat(tree->sys, *fd, name, 0777);
	int child;

	if (result == 0)
		result = mirror_sync_folder(tree, *fd);
	if (result < 0 && result != -EEXIST)
		return result;
	child = sys_openat(tree->sys, *fd, name, O_PATH | O_DIRECTORY, 0);
	if (child < 0)
		return child;
	sys_close(tree->sys, *fd);
	*fd = child;
	return 0;
}

/* Makes DEST, closed until it has the attributes of SOURCE where these are kept, which a
 * folder of snapshots never has, and what leads to it.  0; -EEXIST: somebody else just
 * did; another -errno. */
static int mirror_make_all(struct mirror *mirror, struct tree *tree)
{
	bool closed = settings_keeps(tree->settings, WEIR_PROPERTY_MODE) &&
		      !tree->settings->snapshots;
	mode_t mode = closed ? 0700 : 0777;
	char *name = mirror->below;
	char *end;
	int result = 0;

	while (result == 0 && (end = strchr(name, '/')) != NULL) {
		*end = '\0';
		result = mirror_make_leading(tree, &mirror->caution.target_fd, name);
		name = end + 1;
	}
	if (result == 0)
		result = sys_mkdirat(tree->sys, mirror->caution.target_fd, name, mode);
	if (result == 0)
		result = mirror_sync_folder(tree, mirror->caution.target_fd);
	return result;
}

static int mirror_make_target(struct mirror *mirror, struct operands *operands, struct tree *tree)
{
	int result = mirror_make_all(mirror, tree);

	if (result == -EEXIST)
		return result;
	if (result < 0)
		return operand_fatal(tree, result, "create folder", NULL, operands->target_path);
	tree->target_made = true;
	operands->judged = (struct sys_stat){ 0 };
	return 0;
}

/* ---- DEST: held ---- */

static void mirror_tell_holder(struct mirror *mirror, const struct operands *operands,
			       struct tree *tree, int fd, bool gives_up)
{
	char text[HOLDER_TEXT_BYTES + 32];
	struct error error;

	holder_tell(tree->sys, fd, text);
	if (!gives_up)
		strncat(text, "; waiting for it", sizeof(text) - strlen(text) - 1);
	error_set_text(&error, ERROR_SIDE_TARGET, "sync into", text);
	error.grade = gives_up ? ERROR_RUN : ERROR_WARNING;
	error.busy = gives_up;
	event_post_error(tree->events, &error, operands->target_path, false);
	mirror->waiting = !gives_up;
}

/* M3.  0, -EAGAIN or -ECANCELED. */
static int mirror_hold_target(struct mirror *mirror, struct operands *operands, struct tree *tree)
{
	int fd = dir_pin(tree->root, operands->target, NULL);
	int result;

	if (fd < 0)
		return operand_fatal(tree, fd, "open folder", NULL, operands->target_path);
	result = dir_hold(tree->root, operands->target, mirror->waiting ? 1 : MIRROR_TRIES);
	operands->held = result == 0;
	if (result == 0)
		mirror->waiting = false;
	else if (tally_now_ns() >= mirror->give_up_at_ns)
		mirror_tell_holder(mirror, operands, tree, fd, true);
	else if (!mirror->waiting)
		mirror_tell_holder(mirror, operands, tree, fd, false);
	dir_unpin(tree->root, operands->target);
	if (result == 0)
		return 0;
	return mirror->waiting ? -EAGAIN : -ECANCELED;
}

/* ---- the way from one state to the next ---- */

static void mirror_drop_target_fd(struct mirror *mirror, struct sys *sys)
{
	if (mirror->caution.target_fd >= 0)
		sys_close(sys, mirror->caution.target_fd);
	mirror->caution.target_fd = -1;
	free(mirror->below);
	mirror->below = NULL;
}

static int mirror_judge(struct mirror *mirror, const struct operands *operands, struct tree *tree)
{
	const struct caution *caution = &mirror->caution;
	int result = caution_judge(&mirror->caution, operands, tree);

	if (result == 0)
		result = vet_earlier(mirror->earlier, operands, tree, caution->target_fd,
				     caution->below == NULL);
	return result;
}

/* DEST is there, and ours if it is to be. */
static int mirror_judge_target(struct mirror *mirror, struct operands *operands, struct tree *tree)
{
	int fd = dir_pin(tree->root, operands->target, NULL);
	int result;

	if (fd < 0)
		return operand_fatal(tree, fd, "open folder", NULL, operands->target_path);
	mirror->caution.target_fd = fd;
	mirror->caution.below = NULL;
	result = mirror_judge(mirror, operands, tree);
	mirror->caution.target_fd = -1;
	dir_unpin(tree->root, operands->target);
	return result;
}

static int mirror_take_target(struct mirror *mirror, struct operands *operands, struct tree *tree)
{
	int result = 0;

	if (operands->target == NULL)
		result = operands_open_target(operands, tree, operands->target_path);
	if (result == 0 && !tree->settings->dry_run)
		result = mirror_hold_target(mirror, operands, tree);
	return result;
}

/* DEST is not there: judged by what it would be, then made.  -EEXIST: it is there by
 * now. */
static int mirror_begin_target(struct mirror *mirror, struct operands *operands, struct tree *tree)
{
	int result = mirror_find_leading(mirror, operands, tree);

	if (result == 0) {
		mirror->caution.below = mirror->below;
		result = mirror_judge(mirror, operands, tree);
		mirror->caution.below = NULL;
	}
	if (result == 0 && !tree->settings->dry_run)
		result = mirror_make_target(mirror, operands, tree);
	mirror_drop_target_fd(mirror, tree->sys);
	return result;
}

static int mirror_resolve_target(struct mirror *mirror, struct operands *operands,
				 struct tree *tree)
{
	for (int races = 0; races < MIRROR_RACES; races++) {
		int there = mirror_look_at_target(operands, tree);
		int result = there;

		if (there < 0)
			return there;
		if (there == 0)
			result = mirror_begin_target(mirror, operands, tree);
		if (result == -EEXIST)
			continue;
		if (result < 0 || (there == 0 && tree->settings->dry_run))
			return result; /* in a dry run nothing is there to be looked at */
		result = mirror_take_target(mirror, operands, tree);
		/* What we have just made is as it was judged. */
		if (result == 0 && there != 0)
			result = mirror_judge_target(mirror, operands, tree);
		return result;
	}
	return operand_fatal(tree, -EEXIST, "create folder", NULL, operands->target_path);
}

/* Nothing is left to be judged, or it is too late for it. */
static int mirror_settle(struct mirror *mirror, struct operands *operands, struct tree *tree,
			 int result)
{
	if (result == -EAGAIN)
		return result;
	if (result == 0 && mirror->snapshot != NULL)
		result = snapshot_begin(mirror->snapshot, operands, tree, mirror->earlier,
					&mirror->caution.source);
	if (mirror->caution.source_fd >= 0)
		sys_close(tree->sys, mirror->caution.source_fd);
	mirror->caution.source_fd = -1;
	return result;
}

int mirror_resolve(struct mirror *mirror, struct operands *operands, struct tree *tree)
{
	int result;

	mirror->begun = true;
	mirror->caution.source_fd = mirror->caution.target_fd = -1;
	mirror->give_up_at_ns =
		tally_now_ns() + (uint64_t)tree->settings->wait_lock_ms * 1000 * 1000;
	result = mirror_resolve_source(mirror, operands, tree);
	if (result == 0)
		result = mirror_resolve_target(mirror, operands, tree);
	return mirror_settle(mirror, operands, tree, result);
}

/* Whoever had DEST may have put something else in its place. */
static int mirror_look_again(const struct operands *operands, struct tree *tree)
{
	const char *path = operands->target_path;
	struct sys_stat stat;
	int result = sys_statx_follow(tree->sys, operands->target_dirfd, path, &stat);

	if (result == 0 &&
	    (stat.device != operands->target->device || stat.inode != operands->target->inode))
		result = -ESTALE;
	return result < 0 ? operand_fatal(tree, result, "open folder", NULL, path) : 0;
}

int mirror_try_again(struct mirror *mirror, struct operands *operands, struct tree *tree)
{
	int result = mirror_hold_target(mirror, operands, tree);

	if (result == 0)
		result = mirror_look_again(operands, tree);
	if (result == 0)
		result = mirror_judge_target(mirror, operands, tree);
	return mirror_settle(mirror, operands, tree, result);
}

/* ---- what is remembered ---- */

bool mirror_is_known(const struct mirror *mirror)
{
	return record_is_known(&mirror->caution.record);
}

const struct record *mirror_record(const struct mirror *mirror)
{
	return mirror->caution.remembers ? &mirror->caution.record : NULL;
}

/* Where nobody may write, nothing can be remembered, which is no news. */
static bool mirror_may_forget(int result)
{
	return result == -EACCES || result == -EPERM || result == -EROFS;
}

void mirror_remember(const struct mirror *mirror, struct tree *tree, uint64_t entries)
{
	const struct caution *caution = &mirror->caution;
	struct record_facts now = {
		.time_s = time(NULL),
		.entries = entries,
		.source = caution->source,
		.target = caution->target,
	};
	struct error error;
	const char *operation;
	int result;

	if (!caution->remembers)
		return;
	result = record_write(&caution->record, tree->root, &now,
			      tree->settings->durable != WEIR_DURABLE_NONE, &operation);
	if (result == 0 || mirror_may_forget(result))
		return;
	error_set(&error, result, ERROR_SIDE_NONE, operation);
	error.grade = ERROR_WARNING;
	error.text = "the next run will not know of this one";
	event_post_error(tree->events, &error, caution->record.path, false);
}

void mirror_close(struct mirror *mirror, struct sys *sys)
{
	if (!mirror->begun)
		return;
	mirror_drop_target_fd(mirror, sys);
	if (mirror->caution.source_fd >= 0)
		sys_close(sys, mirror->caution.source_fd);
	mirror->caution.source_fd = -1;
	caution_close(&mirror->caution);
}
