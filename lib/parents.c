/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From the paths of operands to a plan of folders.
 *
 * The operands come in the order of their places, so all that lie in one leading
 * folder come together, and a stack of levels is all that is kept: one for each
 * leading folder of the last operand, the target itself below them.
 *
 *   the target
 *     leading folder a            made when a worker begins it
 *       pair (a, target/a)        holds the operands that lie in a
 *       leading folder a/b
 *         pair (a/b, target/a/b)  there is another one for each other place that
 *                                 operands come from, where a link was followed
 *
 * Invariants:
 * R1 a leading folder is one struct folder, whatever shares it, so its final
 *    mode and times come after all that is in it;
 * R2 nothing is made here: folders are planned, begun by workers from above, and
 *    what is below one that could not begin is dropped;
 * R3 no level is entered again after it was left.
 */
#define _GNU_SOURCE
#include "parents.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "invariant.h"

struct level {
	struct folder *folder;
	struct folder *pair; /* the newest one of it, or NULL */
	struct batch *batch; /* of its entries, not yet full, or NULL */
	size_t length;	     /* of its path in the target */
};

struct parents_plan {
	struct tree *tree;
	struct level *levels; /* [0] is the target itself */
	size_t depth;	      /* of levels in use */
	size_t room;
	const char *place; /* of the last operand */
};

/* ---- paths ---- */

/* The next component of PATH from *at that is not "."; its bytes, 0: none. */
static size_t parents_next(const char *path, size_t *at)
{
	size_t start, end = *at;

	do {
		start = end + strspn(path + end, "/");
		end = start + strcspn(path + start, "/");
	} while (end - start == 1 && path[start] == '.');
	*at = end;
	return end - start;
}

bool parents_leaves(const char *path)
{
	size_t at = 0, bytes;

	while ((bytes = parents_next(path, &at)) > 0)
		if (bytes == 2 && memcmp(path + at - 2, "..", 2) == 0)
			return true;
	return false;
}

int parents_place(const char *path, char **place, char **name)
{
	size_t at = 0, length = 0, last = 0, bytes;

	*place = malloc(strlen(path) + 1);
	if (*place == NULL)
		return -ENOMEM;
	while ((bytes = parents_next(path, &at)) > 0) {
		if (length > 0)
			(*place)[length++] = '/';
		last = length;
		memcpy(*place + length, path + at - bytes, bytes);
		length += bytes;
	}
	(*place)[length] = '\0';
	*name = strdup(length > 0 ? *place + last : ".");
	return *name != NULL ? 0 : -ENOMEM;
}

/* ---- levels ---- */

static struct level *plan_top(struct parents_plan *plan)
{
	return &plan->levels[plan->depth - 1];
}

static int plan_enter(struct parents_plan *plan, struct folder *folder, size_t length)
{
	if (plan->depth == plan->room) {
		size_t room = plan->room + 32;
		struct level *levels = reallocarray(plan->levels, room, sizeof(*levels));

		if (levels == NULL)
			return -ENOMEM;
		plan->levels = levels;
		plan->room = room;
	}
	plan->levels[plan->depth++] = (struct level){ .folder = folder, .length = length };
	return 0;
}

static void plan_leave(struct parents_plan *plan)
{
	struct level *level = plan_top(plan);

	if (level->batch != NULL)
		tree_put_batch(plan->tree, level->batch);
	plan->depth--;
}

/* Leaves the levels that PLACE is not below (R3). */
static void plan_leave_others(struct parents_plan *plan, const char *place)
{
	while (plan->depth > 1) {
		size_t length = plan_top(plan)->length;

		if (strncmp(place, plan->place, length) == 0 && place[length] == '/')
			return;
		plan_leave(plan);
	}
}

/* ---- folders ---- */

static struct folder *plan_folder(struct folder *parent, const struct operand *source,
				  const char *path, const char *name, enum folder_role role)
{
	struct folder *folder = folder_new(parent, path, name);

	if (folder == NULL)
		return NULL;
	folder->role = role;
	folder->by_path = true;
	folder->base_fd = source->dirfd;
	folder->into_parent = role == FOLDER_PAIR;
	list_add_tail(&parent->planned, &folder->node);
	return folder;
}

/* Plans the leading folder whose path ends at byte END of the operand's path and
 * has LENGTH bytes in the target, BYTES of them its name. */
static int plan_leading(struct parents_plan *plan, const struct operand *source, size_t end,
			size_t length, size_t bytes)
{
	char *path = strndup(source->path, end);
	char *name = strndup(source->place + length - bytes, bytes);
	struct folder *folder = NULL;

	if (path != NULL && name != NULL)
		folder = plan_folder(plan_top(plan)->folder, source, path, name, FOLDER_LEADING);
	free(path);
	free(name);
	return folder != NULL ? plan_enter(plan, folder, length) : -ENOMEM;
}

/* Enters the leading folders of SOURCE that are not entered yet. */
static int plan_enter_leading(struct parents_plan *plan, const struct operand *source)
{
	size_t at = 0, length = 0, bytes, level = 0;
	size_t last = strlen(source->place);
	int result = 0;

	plan_leave_others(plan, source->place);
	while (result == 0 && (bytes = parents_next(source->path, &at)) > 0) {
		length += bytes + (length > 0);
		if (length == last)
			break;
		if (++level >= plan->depth)
			result = plan_leading(plan, source, at, length, bytes);
	}
	plan->place = source->place;
	return result;
}

/* The pair of LEVEL for what lies where SOURCE does. */
static struct folder *plan_pair(struct parents_plan *plan, struct level *level,
				const struct operand *source)
{
	struct folder *pair = level->pair;

	if (pair != NULL && strcmp(pair->name, source->folder_path) == 0 &&
	    pair->base_fd == source->dirfd)
		return pair;
	if (level->batch != NULL)
		tree_put_batch(plan->tree, level->batch);
	level->batch = NULL;
	level->pair = plan_folder(level->folder, source, source->folder_path, ".", FOLDER_PAIR);
	return level->pair;
}

static int plan_operand(struct parents_plan *plan, const struct operand *source)
{
	int result = plan_enter_leading(plan, source);
	struct level *level = plan_top(plan);
	struct folder *pair, *folder;

	if (result < 0)
		return result;
	pair = plan_pair(plan, level, source);
	if (pair == NULL)
		return -ENOMEM;
	if (!source->is_folder)
		return operand_add_file(plan->tree, pair, &level->batch, source);
	folder = operand_folder(pair, source);
	if (folder == NULL)
		return -ENOMEM;
	list_add_tail(&pair->planned, &folder->node);
	return 0;
}

/* The folder that stands for the target itself. */
static struct folder *parents_target(struct operands *operands, struct tree *tree)
{
	struct folder *folder = folder_new(NULL, ".", operands->target_path);

	if (folder == NULL)
		return NULL;
	folder->role = FOLDER_PAIR;
	folder->begun = true;
	folder->target = dir_get(tree->root, operands->target);
	folder->target_fs = operands->target_fs;
	folder->default_acl = operands->target_hands_acl_on;
	folder->handed = operands->target_handed;
	folder->rivals = operands->names;
	folder->rival_count = operands->name_count;
	return folder;
}

int parents_queue(struct operands *operands, struct tree *tree)
{
	struct parents_plan plan = { .tree = tree, .place = "" };
	struct folder *target = parents_target(operands, tree);
	size_t count = 0;
	const struct operand **sorted = guard_sort(operands, &count);
	int result = target != NULL && sorted != NULL ? plan_enter(&plan, target, 0) : -ENOMEM;

	for (size_t i = 0; i < count && result == 0; i++)
		result = plan_operand(&plan, sorted[i]);
	while (plan.depth > 0)
		plan_leave(&plan);
	free(plan.levels);
	free(sorted);
	if (target == NULL)
		return result;
	tree_release(tree, target); /* also after an error: workers drop what is queued */
	if (folder_put(target))
		folder_free(target, tree->root);
	return result;
}
