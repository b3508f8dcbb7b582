/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The life of a folder.
 *
 *   State     True here                                 Then
 *   waiting   in the queue, no side open                a worker begins it
 *   begun     source and target dirs are held           its listing ends; jobs end
 *   lost      one of them could not be opened or made   nothing below it begins
 *   complete  refs == 0                                 mode and times are set, freed
 *
 * Invariants:
 * F1 a folder's parent is complete only after it: each holds a reference;
 * F2 whoever drops the last reference finishes the folder, nobody else;
 * F3 what is planned for a folder is queued or dropped when it begins, or cannot.
 */
#define _GNU_SOURCE
#include "folder.h"

#include <stdlib.h>
#include <string.h>

#include "invariant.h"

struct folder *folder_new(struct folder *parent, const char *name, const char *target_name)
{
	size_t name_bytes = strlen(name) + 1;
	size_t target_bytes = target_name != NULL ? strlen(target_name) + 1 : 0;
	struct folder *folder = calloc(1, sizeof(*folder) + name_bytes + target_bytes);

	if (folder == NULL)
		return NULL;
	list_init(&folder->node);
	list_init(&folder->planned);
	list_init(&folder->batches);
	memcpy(folder->name, name, name_bytes);
	folder->target_name = folder->name;
	if (target_name != NULL) {
		memcpy(folder->name + name_bytes, target_name, target_bytes);
		folder->target_name = folder->name + name_bytes;
	}
	atomic_store(&folder->refs, 1);
	folder->parent = parent;
	if (parent != NULL)
		folder_get(parent);
	return folder;
}

struct folder *folder_get(struct folder *folder)
{
	uint32_t refs = atomic_fetch_add(&folder->refs, 1);

	WEIR_ASSERT(refs > 0);
	return folder;
}

bool folder_put(struct folder *folder)
{
	uint32_t refs = atomic_fetch_sub(&folder->refs, 1);

	WEIR_ASSERT(refs > 0);
	return refs == 1;
}

void folder_leave_source(struct folder *folder, struct root *root)
{
	WEIR_ASSERT(atomic_load(&folder->refs) == 0);
	if (folder->source != NULL)
		dir_put(root, folder->source);
	folder->source = NULL;
	for (uint32_t i = 0; folder->earlier != NULL && i < folder->earlier_count; i++)
		if (folder->earlier[i] != NULL)
			dir_put(root, folder->earlier[i]);
	free(folder->earlier);
	folder->earlier = NULL;
}

struct folder *folder_free(struct folder *folder, struct root *root)
{
	struct folder *parent = folder->parent;

	WEIR_ASSERT(atomic_load(&folder->refs) == 0); /* F2 */
	WEIR_ASSERT(list_empty(&folder->node));
	WEIR_ASSERT(list_empty(&folder->planned) && list_empty(&folder->batches)); /* F3 */
	folder_leave_source(folder, root);
	if (folder->target != NULL)
		dir_put(root, folder->target);
	xattr_release_acls(&folder->acls);
	namesakes_release(&folder->namesakes);
	if (folder->misspelled != NULL)
		nameset_close(folder->misspelled);
	free(folder->misspelled);
	free(folder);
	return parent;
}

/* The path of a folder that is not open (yet): its parent's and its name.  The parent is open
 * (F1), but where both are of an operand's path, which has an end.
 * NOLINTNEXTLINE(misc-no-recursion) */
static char *folder_path(const struct folder *folder, const char *name, bool target)
{
	const struct dir *dir = target ? folder->target : folder->source;
	char *head, *path;
	size_t bytes;

	if (dir != NULL)
		return dir_path(dir, name);
	if (folder->by_path && !target)
		head = strdup(folder->name);
	else if (folder->parent != NULL)
		head = folder_path(folder->parent,
				   !target		 ? folder->name
				   : folder->into_parent ? NULL
							 : folder->target_name,
				   target);
	else
		head = strdup(target ? folder->target_name : folder->name);
	if (head == NULL || name == NULL)
		return head;
	bytes = strlen(head) + strlen(name) + 2;
	path = realloc(head, bytes);
	if (path == NULL) {
		free(head);
		return NULL;
	}
	bytes = strlen(path);
	path[bytes] = '/';
	memcpy(path + bytes + 1, name, strlen(name) + 1);
	return path;
}

char *folder_source_path(const struct folder *folder, const char *name)
{
	return folder_path(folder, name, false);
}

char *folder_target_path(const struct folder *folder, const char *name)
{
	return folder_path(folder, name, true);
}

char *folder_path_below(const struct folder *folder)
{
	size_t bytes = 1;
	char *path, *at;

	for (const struct folder *up = folder; !up->by_path; up = up->parent)
		bytes += strlen(up->name) + 1;
	path = malloc(bytes);
	if (path == NULL)
		return NULL;
	at = path + bytes - 1;
	*at = '\0';
	for (; !folder->by_path; folder = folder->parent) {
		size_t name_bytes = strlen(folder->name);

		if (*at != '\0')
			*--at = '/';
		at -= name_bytes;
		memcpy(at, folder->name, name_bytes);
	}
	memmove(path, at, strlen(at) + 1);
	return path;
}

bool folder_has_operands(const struct folder *folder)
{
	return folder->parent == NULL || folder->role == FOLDER_PAIR;
}
