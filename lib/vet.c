/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Judging earlier copies.
 *
 * Invariants:
 * A4 what is judged is only looked at: nothing is made or changed;
 * A5 an earlier copy is a folder beside DEST: neither holds the other, so that what is in
 *    one of them is never compared with itself, nor removed as what SOURCE does not have.
 */
#define _GNU_SOURCE
#include "vet.h"

#include <errno.h>
#include <fcntl.h>

#include "climb.h"

/* DEST, or the folder that it is to be made in. */
struct vet_target {
	int fd;
	struct sys_stat stat;
	bool there; /* it is DEST */
};

static bool vet_same(const struct sys_stat *a, const struct sys_stat *b)
{
	return a->device == b->device && a->inode == b->inode;
}

/* True if the folder FD lies in the folder ABOVE, or is it. */
static bool vet_lies_in(struct tree *tree, int fd, const struct sys_stat *above)
{
	struct climb climb;
	bool more = climb_begin(&climb, tree->sys, fd);

	while (more && !vet_same(&climb.stat, above))
		more = climb_up(&climb);
	climb_end(&climb);
	return more;
}

/* True if nothing of the folder could become one with what is in DEST. */
static bool vet_is_apart(const struct earlier *earlier, const struct sys_stat *stat,
			 const struct sys_stat *target)
{
	bool one_mount = stat->mount_id == target->mount_id;

	/* A subvolume has a device number of its own, and shares data with others. */
	if (earlier->clones)
		return stat->device != target->device && (stat->mount_id == 0 || !one_mount);
	return stat->device != target->device || !one_mount;
}

/* Why the folder FD is refused, or NULL. */
static const char *vet_judge(struct tree *tree, const struct earlier *earlier,
			     const struct operand *source, const struct vet_target *target, int fd,
			     const struct sys_stat *stat)
{
	if (target->there && vet_same(stat, &target->stat))
		return "it is the target itself";
	if (target->there && vet_lies_in(tree, fd, &target->stat))
		return "it lies in the target";
	if (vet_lies_in(tree, target->fd, stat))
		return "the target lies in it";
	if (!earlier->clones && vet_same(stat, &source->stat))
		return "it is the source: what changes there would change in the target, too";
	if (stat->device != target->stat.device && vet_is_apart(earlier, stat, &target->stat))
		return "it is on another file system than the target";
	if (vet_is_apart(earlier, stat, &target->stat))
		return "it is under another mount than the target, and links end there";
	return NULL;
}

static const char *vet_operation(const struct earlier *earlier)
{
	return earlier->clones ? "clone from" : "link to";
}

/* Everything there is to copy is copied then. */
static void vet_tell_missing(struct tree *tree, const struct earlier *earlier, const char *path)
{
	struct error error;

	error_set_text(&error, ERROR_SIDE_NONE, vet_operation(earlier), "there is no such folder");
	error.grade = ERROR_WARNING;
	event_post_error(tree->events, &error, path, false);
}

static int vet_one(struct earlier *earlier, struct earlier_copy *copy, struct tree *tree,
		   const struct operand *source, const struct vet_target *target)
{
	const char *text = NULL;
	struct sys_stat stat;
	int result;

	if (copy->dir != NULL) /* of a judgement that somebody else made void */
		dir_put(tree->root, copy->dir);
	result = dir_open_path(tree->root, AT_FDCWD, copy->path, &copy->dir);
	if (result < 0)
		copy->dir = NULL;
	if (result == -ENOENT) {
		vet_tell_missing(tree, earlier, copy->path);
		return 0;
	}
	if (result < 0)
		return operand_fatal(tree, result, "open folder", NULL, copy->path);
	result = sys_statx(tree->sys, copy->dir->fd, "", false, &stat);
	if (result == 0)
		text = vet_judge(tree, earlier, source, target, copy->dir->fd, &stat);
	copy->fs = fs_find(tree->fs, copy->dir->fd, copy->dir->device, false);
	dir_unpin(tree->root, copy->dir);
	if (copy->fs == NULL)
		return -ENOMEM;
	if (text != NULL)
		return operand_refuse(tree, vet_operation(earlier), text, copy->path);
	return result < 0 ? operand_fatal(tree, result, "stat", NULL, copy->path) : 0;
}

int vet_earlier(struct earlier *earlier, const struct operands *operands, struct tree *tree,
		int target_fd, bool there)
{
	struct vet_target target = { .fd = target_fd, .there = there };
	int result = sys_statx(tree->sys, target_fd, "", false, &target.stat);

	if (result < 0)
		return operand_fatal(tree, result, "stat", NULL, operands->target_path);
	for (uint32_t i = 0; i < earlier->count && result == 0; i++)
		result =
			vet_one(earlier, &earlier->copies[i], tree, &operands->sources[0], &target);
	return result;
}
