/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The folders of earlier copies.
 *
 * Invariants:
 * E1 below what the caller named each folder is opened by one name in the one above it,
 *    never through a link;
 * E2 what could not be linked from there to the target is not there.
 */
#define _GNU_SOURCE
#include "earlier.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int earlier_add(struct earlier *earlier, const char *path, bool clones)
{
	char *copy;

	if (earlier->count > 0 && earlier->clones != clones)
		return -EINVAL;
	if (earlier->count == EARLIER_MOST)
		return -E2BIG;
	copy = strdup(path);
	if (copy == NULL)
		return -ENOMEM;
	earlier->clones = clones;
	earlier->copies[earlier->count++] = (struct earlier_copy){ .path = copy };
	return 0;
}

void earlier_close(struct earlier *earlier, struct root *root)
{
	for (uint32_t i = 0; i < earlier->count; i++) {
		if (earlier->copies[i].dir != NULL)
			dir_put(root, earlier->copies[i].dir);
		free(earlier->copies[i].path);
	}
	memset(earlier, 0, sizeof(*earlier));
}

/* True if no name in TARGET can be a link to what lies in DIR. */
static bool earlier_is_apart(const struct earlier *earlier, const struct dir *dir,
			     const struct dir *target)
{
	return !earlier->clones && target != NULL && dir->mount != target->mount;
}

/* NULL: there is none. */
static struct dir *earlier_open(struct root *root, struct dir *parent, const char *name)
{
	struct dir *dir = NULL;
	int fd = dir_pin(root, parent, NULL);

	if (fd < 0)
		return NULL;
	if (dir_open_child(root, parent, fd, name, false, &dir) == 0) /* E1 */
		dir_unpin(root, dir);
	else
		dir = NULL;
	dir_unpin(root, parent);
	return dir;
}

static struct dir *earlier_find(struct root *root, const struct earlier *earlier,
				const struct folder *folder, uint32_t i)
{
	const struct folder *parent = folder->parent;
	struct dir *dir;

	if (folder->by_path)
		return earlier->copies[i].dir != NULL ? dir_get(root, earlier->copies[i].dir)
						      : NULL;
	if (parent->earlier == NULL || parent->earlier[i] == NULL)
		return NULL;
	dir = earlier_open(root, parent->earlier[i], folder->name);
	if (dir == NULL || !earlier_is_apart(earlier, dir, folder->target))
		return dir;
	dir_put(root, dir); /* E2 */
	return NULL;
}

int earlier_enter(struct root *root, const struct earlier *earlier, struct folder *folder)
{
	for (uint32_t i = 0; i < earlier->count; i++) {
		struct dir *dir = earlier_find(root, earlier, folder, i);

		if (dir == NULL)
			continue;
		if (folder->earlier == NULL) {
			folder->earlier = calloc(earlier->count, sizeof(struct dir *));
			folder->earlier_count = earlier->count;
		}
		if (folder->earlier == NULL) {
			dir_put(root, dir);
			return -ENOMEM;
		}
		folder->earlier[i] = dir;
	}
	return 0;
}
