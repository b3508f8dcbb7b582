/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guards.
 *
 * Invariants:
 * A2 the guards see all operands before anything is written: one refusal and
 *    nothing of the run is done (exit 28);
 * A4 what is judged is only looked at: no guard makes or changes anything.
 */
#define _GNU_SOURCE
#include "guard.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "climb.h"

static bool guard_same(const struct sys_stat *a, const struct sys_stat *b)
{
	return a->device == b->device && a->inode == b->inode;
}

/* B01-B04: the source, or what it links to, is what has the target's name, or
 * what that links to. */
static int guard_same_file(struct tree *tree, const struct operand *source, int target_fd)
{
	struct sys_stat target, target_led, source_led;
	const char *name = source->place != NULL ? source->place : source->target_name;
	bool same;

	if (source->into_parent)
		return 0; /* the folder itself is looked at by the other guard */
	if (sys_statx(tree->sys, target_fd, name, false, &target) < 0)
		return 0;
	if (sys_statx_follow(tree->sys, target_fd, name, &target_led) < 0)
		target_led = target;
	if (sys_statx_follow(tree->sys, source->dirfd, source->path, &source_led) < 0)
		source_led = source->stat;
	/* To link a file to itself is nothing to do. */
	if (tree->settings->make == WEIR_MAKE_LINK && guard_same(&source->stat, &target))
		return 0;
	same = guard_same(&source->stat, &target) || guard_same(&source_led, &target);
	/* A link to the source can be replaced by a copy of it, where the link itself
	 * is what is meant. */
	if (!operands_mean_link(tree->settings))
		same = same || guard_same(&source->stat, &target_led);
	/* Two links to one thing are two entries; what they lead to is untouched. */
	if (!same)
		return 0;
	return operand_refuse(tree, "copy", "source and target are the same file", source->path);
}

/* Marks the sources that are the folder FD: a target in them would be copied
 * into itself (B05). */
static int guard_inside(const struct operands *operands, struct tree *tree,
			const struct sys_stat *above)
{
	for (size_t i = 0; i < operands->count; i++) {
		const struct operand *source = &operands->sources[i];

		if (source->usable && source->is_folder && guard_same(&source->stat, above))
			return operand_refuse(tree, "copy", "the target is inside of it",
					      source->path);
	}
	return 0;
}

/* Climbs from the target to the root of the tree, looking at every folder. */
static int guard_ancestry(const struct operands *operands, struct tree *tree, int target_fd)
{
	struct climb climb;
	int result = 0;
	bool more;

	if (operands->folders == 0)
		return 0;
	more = climb_begin(&climb, tree->sys, target_fd);
	while (more) {
		result = guard_inside(operands, tree, &climb.stat);
		more = result == 0 && climb_up(&climb);
	}
	climb_end(&climb);
	return result;
}

/* Its path in the target; all whose contents go into the target itself share
 * one. */
static const char *guard_place(const struct operand *operand)
{
	if (operand->into_parent)
		return "";
	return operand->place != NULL ? operand->place : operand->target_name;
}

/* By path, what is below a name right after it: the slash comes first. */
static int guard_compare_places(const void *a, const void *b)
{
	const struct operand *const *left = a;
	const struct operand *const *right = b;
	const char *l = guard_place(*left), *r = guard_place(*right);

	while (*l != '\0' && *l == *r) {
		l++;
		r++;
	}
	if (*l == *r)
		return 0;
	if (*l == '\0' || *r == '\0')
		return *l == '\0' ? -1 : 1;
	if (*l == '/' || *r == '/')
		return *l == '/' ? -1 : 1;
	return (unsigned char)*l < (unsigned char)*r ? -1 : 1;
}

/* Keeps the names, for the backups that must not take them (B10), and for names that
 * are one at the target (B09). */
static int guard_keep_names(struct operands *operands, const struct operand *const *sorted,
			    size_t count)
{
	operands->names = calloc(count + 1, sizeof(*operands->names));
	if (operands->names == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		operands->names[i] = guard_place(sorted[i]);
	operands->name_count = count;
	return 0;
}

const struct operand **guard_sort(const struct operands *operands, size_t *count)
{
	const struct operand **sorted = calloc(operands->count + 1, sizeof(struct operand *));

	*count = 0;
	if (sorted == NULL)
		return NULL;
	for (size_t i = 0; i < operands->count; i++)
		if (operands->sources[i].usable)
			sorted[(*count)++] = &operands->sources[i];
	qsort(sorted, *count, sizeof(struct operand *), guard_compare_places);
	return sorted;
}

/* True if B is below A in the target: only paths can be. */
static bool guard_is_below(const struct operand *a, const struct operand *b)
{
	const char *above = guard_place(a), *below = guard_place(b);
	size_t length = strlen(above);

	return b->place != NULL && strncmp(above, below, length) == 0 &&
	       (length == 0 || below[length] == '/');
}

/* B08: two sources would get one name: merged, the last writer would win.  In
 * this order whatever meets another one meets its neighbour, too. */
static int guard_names(struct operands *operands, struct tree *tree)
{
	size_t count;
	const struct operand **sorted = guard_sort(operands, &count);
	int result = 0;

	if (sorted == NULL)
		return -ENOMEM;
	for (size_t i = 1; i < count && result == 0; i++) {
		const struct operand *a = sorted[i - 1], *b = sorted[i];

		if (strcmp(guard_place(a), guard_place(b)) == 0)
			result = operand_refuse(tree, "copy",
						"another operand has the same name in the target",
						b->path);
		else if (guard_is_below(a, b))
			result = operand_refuse(tree, "copy",
						"its place in the target is below another operand",
						b->path);
	}
	if (result == 0)
		result = guard_keep_names(operands, sorted, count);
	free(sorted);
	return result;
}

/* True if a rule leaves out what lies at PLACE in FOLDER. */
static bool guard_leaves_out(const struct tree *tree, const struct operand *folder,
			     const char *place, const struct sys_stat *stat)
{
	const char *head = folder->rule_path;
	enum filter_kind kind = S_ISDIR(stat->mode) ? FILTER_FOLDER : FILTER_OTHER;
	char path[PATH_MAX + NAME_MAX];
	int bytes;

	if (head == NULL)
		return false;
	bytes = snprintf(path, sizeof(path), "%s%s%s", head, head[0] != '\0' ? "/" : "", place);
	return bytes > 0 && (size_t)bytes < sizeof(path) &&
	       filter_judge(tree->filter, path, (size_t)bytes, kind) == FILTER_EXCLUDED;
}

/* What lies at PLACE in FOLDER, as it would be copied.  0 or -errno. */
static int guard_look_in(const struct tree *tree, const struct operand *folder, const char *place,
			 struct sys_stat *inner)
{
	char *path;
	int result;

	if (asprintf(&path, "%s/%s", folder->path, place) < 0)
		return -ENOMEM;
	if (tree->settings->follow == WEIR_FOLLOW_ALWAYS)
		result = sys_statx_follow(tree->sys, folder->dirfd, path, inner);
	else
		result = sys_statx(tree->sys, folder->dirfd, path, false, inner);
	free(path);
	return result;
}

/* B08: the contents of FOLDER go where the other operands go, and hold the name of
 * one of them.  That may well be the same object, given twice. */
static int guard_contents(const struct operands *operands, struct tree *tree,
			  const struct operand *folder)
{
	int result = 0;

	for (size_t i = 0; i < operands->count && result == 0; i++) {
		const struct operand *other = &operands->sources[i];
		struct sys_stat inner;

		if (!other->usable || other->into_parent)
			continue;
		result = guard_look_in(tree, folder, guard_place(other), &inner);
		if (result == -ENOMEM)
			return result;
		if (result < 0) /* nothing that could be copied */
			result = 0;
		else if (!guard_same(&inner, &other->stat) &&
			 !guard_leaves_out(tree, folder, guard_place(other), &inner))
			result = operand_refuse(tree, "copy",
						"another operand holds the same name in the target",
						other->path);
	}
	return result;
}

static int guard_all_contents(const struct operands *operands, struct tree *tree)
{
	int result = 0;

	for (size_t i = 0; i < operands->count && result == 0; i++)
		if (operands->sources[i].usable && operands->sources[i].into_parent)
			result = guard_contents(operands, tree, &operands->sources[i]);
	return result;
}

int guard_operands(struct operands *operands, struct tree *tree)
{
	int target_fd = dir_pin(tree->root, operands->target, NULL);
	int result = 0;

	if (target_fd < 0)
		return operand_fatal(tree, target_fd, "open folder", NULL, operands->target_path);
	for (size_t i = 0; i < operands->count && result == 0; i++)
		if (operands->sources[i].usable)
			result = guard_same_file(tree, &operands->sources[i], target_fd);
	if (result == 0)
		result = guard_ancestry(operands, tree, target_fd);
	dir_unpin(tree->root, operands->target);
	if (result == 0)
		result = guard_names(operands, tree);
	return result == 0 ? guard_all_contents(operands, tree) : result;
}
