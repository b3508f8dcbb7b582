/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who else gets the name.
 *
 * Invariants:
 * V1 of two sources that are one at the target the first one to get the name keeps
 *    it, in this run and in all later ones: no run undoes what another one did;
 * V2 what exists under another spelling and has no source of its own is replaced
 *    like anything else;
 * V3 what cannot be told is a rival.
 */
#define _GNU_SOURCE
#include "rival.h"

#include <errno.h>
#include <string.h>

#include "limits.h"
#include "namesake.h"

#define RIVAL_TEXT "the file system takes another name there for the same"

/* True if OTHER is the name of an operand in the target, or a folder above one. */
static bool rival_is_operand(const struct folder *folder, const char *other)
{
	size_t length = strlen(other);

	for (size_t i = 0; i < folder->rival_count; i++) {
		const char *place = folder->rivals[i];

		if (strncmp(place, other, length) == 0 &&
		    (place[length] == '\0' || place[length] == '/'))
			return true;
	}
	return false;
}

/* True if the source folder has OTHER, too, beside NAME. */
static bool rival_is_beside(struct sys *sys, int dirfd, const char *name, const char *other)
{
	struct sys_stat one, two;

	if (sys_statx(sys, dirfd, other, false, &two) == -ENOENT)
		return false;
	/* The source may take them for one itself, or they are links of one inode. */
	if (sys_statx(sys, dirfd, name, false, &one) == 0 && one.device == two.device &&
	    one.inode == two.inode)
		return namesake_is_spelled(sys, dirfd, other);
	return true;
}

/* True if OTHER is the target of a source, too (V2, V3). */
static bool rival_has_source(struct root *root, struct folder *folder, const char *name,
			     const char *other)
{
	bool beside;
	int dirfd;

	if (other[0] == '\0')
		return true;
	if (folder->rivals != NULL)
		return rival_is_operand(folder, other);
	dirfd = dir_pin(root, folder->source, NULL);
	if (dirfd < 0)
		return true;
	beside = rival_is_beside(root->sys, dirfd, name, other);
	dir_unpin(root, folder->source);
	return beside;
}

bool rival_met(struct root *root, struct folder *folder, const char *name, const char *target_name,
	       int dirfd, bool new, const char *operation, struct error *error)
{
	char other[LIMIT_NAME_BYTES];

	if (!namesake_met(root->sys, folder->target_fs, &folder->namesakes, dirfd, target_name,
			  other) ||
	    (!new && !rival_has_source(root, folder, name, other)))
		return false;
	error_set(error, -EEXIST, ERROR_SIDE_TARGET, operation);
	error->text = RIVAL_TEXT;
	error_set_other(error, other);
	return true;
}
