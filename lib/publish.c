/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From parked to published.
 *
 * Invariants:
 * P1 a new name is linked, which cannot replace anything;
 * P2 an existing name is replaced by rename, so that at every moment it is the
 *    old or the new one (J1);
 * P3 a temp name that is made here has its folder locked like all others, or the
 *    sweep of another run would take it for a leftover;
 * P4 after a publishing rename the temp name is unlinked: a rename between two
 *    names of one inode returns 0 and keeps both;
 * P5 what is replaced has its backup, if one is asked for, before the rename;
 * P6 an empty folder that makes way is exchanged for the new object and removed under
 *    the temp's name, so that there is no moment without either; if it cannot go, it gets
 *    its name back.
 */
#define _GNU_SOURCE
#include "publish.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "attic.h"
#include "backup.h"
#include "invariant.h"
#include "rival.h"
#include "vacant.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#endif

/* A unit that gets its name, and where. */
struct publish {
	struct root *root;
	const struct settings *settings;
	struct unit *unit;
	int dirfd;
};

struct unit *unit_new(struct folder *folder, const char *name, const char *target_name)
{
	size_t name_bytes = strlen(name) + 1;
	size_t target_bytes = strlen(target_name) + 1;
	struct unit *unit = calloc(1, sizeof(*unit) + name_bytes + target_bytes);

	if (unit == NULL)
		return NULL;
	list_init(&unit->node);
	unit->folder = folder;
	unit->fd = -1;
	memcpy(unit->names, name, name_bytes);
	memcpy(unit->names + name_bytes, target_name, target_bytes);
	unit->name = unit->names;
	unit->target_name = unit->names + name_bytes;
	return unit;
}

bool unit_has_data(const struct unit *unit)
{
	return unit->fd >= 0 && !unit->is_link && !unit->alias && !unit->inherits;
}

static bool publish_refused(int result)
{
	return result == -EINVAL || result == -ENOSYS || result == -EOPNOTSUPP;
}

void publish_drop(struct sys *sys, struct unit *unit, int dirfd)
{
	if (!unit->temp_named)
		return;
	sys_unlinkat(sys, dirfd, unit->temp_name, 0);
	unit->temp_named = false;
}

static enum publish_answer publish_fail(struct sys *sys, struct unit *unit, int dirfd, int result,
					const char *operation, struct error *error)
{
	if (error->grade == ERROR_NONE)
		error_set(error, result, ERROR_SIDE_TARGET, operation);
	if (result == -EBUSY)
		error->text = "it is a mount point; --inplace writes into it";
	publish_drop(sys, unit, dirfd);
	return PUBLISH_FAILED;
}

/* A new name from a temp, without replacing: by rename, else by link, else by
 * looking first, which is all such a file system offers (P2).  What is refused is
 * remembered only when a weaker way works: else it is the name that is refused
 * (I07), and other names are none the worse for it. */
static int publish_new_from_temp(struct sys *sys, struct unit *unit, int dirfd)
{
	struct fs *fs = unit->folder->target_fs;
	bool no_noreplace = fs->no_noreplace;
	bool no_plain_link = fs->no_plain_link;
	struct sys_stat stat;
	int result = -EOPNOTSUPP;

	if (!no_noreplace) {
		result = sys_renameat2(sys, dirfd, unit->temp_name, unit->target_name,
				       RENAME_NOREPLACE);
		no_noreplace = publish_refused(result);
		if (result == 0)
			sys_unlinkat(sys, dirfd, unit->temp_name, 0); /* P4 */
	}
	if (no_noreplace && !no_plain_link) {
		result = sys_linkat(sys, dirfd, unit->temp_name, unit->target_name);
		no_plain_link = publish_refused(result) || result == -EPERM || result == -EMLINK;
		if (result == 0)
			sys_unlinkat(sys, dirfd, unit->temp_name, 0);
	}
	if (no_noreplace && no_plain_link) {
		result = sys_statx(sys, dirfd, unit->target_name, false, &stat);
		if (result == 0)
			result = -EEXIST;
		else if (result == -ENOENT)
			result = sys_renameat2(sys, dirfd, unit->temp_name, unit->target_name, 0);
	}
	if (result == 0 || result == -EEXIST) {
		if (no_noreplace)
			fs->no_noreplace = true;
		if (no_plain_link)
			fs->no_plain_link = true;
	}
	if (result == 0)
		unit->temp_named = false;
	return result;
}

/* P6, where names cannot be exchanged: for a moment nothing has the name. */
static int publish_follow_folder(struct sys *sys, struct unit *unit, int dirfd)
{
	int result = sys_unlinkat(sys, dirfd, unit->target_name, AT_REMOVEDIR);

	return result < 0 ? result : publish_new_from_temp(sys, unit, dirfd);
}

/* P6 */
static int publish_over_folder(struct sys *sys, struct unit *unit, int dirfd)
{
	int result = vacant_exchange(sys, dirfd, unit->temp_name, unit->target_name, AT_REMOVEDIR);

	return result > 0 ? publish_follow_folder(sys, unit, dirfd) : result;
}

/* The new object takes the name from what has it. */
static int publish_rename_over(struct publish *publish)
{
	struct sys *sys = publish->root->sys;
	struct unit *unit = publish->unit;
	int result;

	if (unit->over_folder)
		result = publish_over_folder(sys, unit, publish->dirfd);
	else
		result = sys_renameat2(sys, publish->dirfd, unit->temp_name, unit->target_name, 0);
	if (result < 0)
		return result;
	if (!unit->over_folder)
		sys_unlinkat(sys, publish->dirfd, unit->temp_name, 0); /* P4; ENOENT expected */
	unit->temp_named = false;
	unit->replaced = true;
	return 0;
}

/* As publish_replace(), with the backup in another folder. */
static int publish_replace_attic(struct publish *publish, struct error *error)
{
	struct unit *unit = publish->unit;
	struct attic_backup backup;
	int result = attic_back_up(unit->attic, unit->folder->target, publish->dirfd,
				   unit->target_name, unit->folder->target_fs, &backup);

	if (result < 0) {
		error_set(error, result, ERROR_SIDE_TARGET, "back up");
		return result;
	}
	result = publish_rename_over(publish);
	if (result < 0) {
		error_set(error, result, ERROR_SIDE_TARGET, "replace");
		error->text = attic_undo(unit->attic, publish->dirfd, unit->target_name, &backup);
	} else if (backup.made && publish->settings->report_entries) {
		unit->backup = strdup(backup.name);
	}
	attic_let_go(unit->attic, &backup);
	return result;
}

/* Renames the temp over whatever has the name, once that has its backup (P5).
 * ERROR is set where the result does not say it all. */
static int publish_replace(struct publish *publish, struct error *error)
{
	struct unit *unit = publish->unit;
	const struct backup_plan plan = {
		.root = publish->root,
		.settings = publish->settings,
		.folder = unit->folder,
		.dirfd = publish->dirfd,
		.name = unit->target_name,
		.source_device = unit->source_device,
		.source_inode = unit->source_inode,
		.clash = unit->backup_clash,
	};
	struct backup backup;
	int result;

	if (unit->attic != NULL)
		return publish_replace_attic(publish, error);
	result = backup_make(&plan, &backup, error);
	if (result < 0)
		return result;
	result = publish_rename_over(publish);
	if (result < 0) {
		const char *left = backup_undo(&plan, &backup);

		error_set(error, result, ERROR_SIDE_TARGET, "replace");
		error->text = left;
	} else if (backup.way != BACKUP_NOT_MADE && plan.settings->report_entries) {
		unit->backup = strdup(backup.name);
	}
	return result;
}

/* Names the open inode; learns which way works here. */
static int publish_link(struct sys *sys, struct unit *unit, int dirfd, const char *name)
{
	struct fs *fs = unit->folder->target_fs;
	int result = -ENOENT;

	/* Without CAP_DAC_READ_SEARCH the empty path says ENOENT. */
	if (!fs->link_by_proc)
		result = sys_link_fd(sys, unit->fd, dirfd, name, false);
	if (result == -ENOENT || result == -EPERM) {
		int by_proc = sys_link_fd(sys, unit->fd, dirfd, name, true);

		if (by_proc == 0 || by_proc == -EEXIST)
			fs->link_by_proc = true;
		result = by_proc;
	}
	return result;
}

static bool publish_link_refused(int result)
{
	return publish_refused(result) || result == -ENOENT || result == -EPERM ||
	       result == -EXDEV || result == -EMLINK;
}

/* The name was taken between looking and linking: link a temp, then rename. */
static int publish_link_over(struct publish *publish, struct error *error)
{
	struct root *root = publish->root;
	struct unit *unit = publish->unit;
	int result = dir_temp_added(root, unit->folder->target); /* P3 */

	if (result < 0)
		return result;
	result = temp_name_make(root->sys, unit->temp_name);
	if (result == 0)
		result = publish_link(root->sys, unit, publish->dirfd, unit->temp_name);
	if (result == 0) {
		unit->temp_named = true;
		result = publish_replace(publish, error);
		publish_drop(root->sys, unit, publish->dirfd);
	}
	dir_temp_removed(root, unit->folder->target);
	return result;
}

/* One more link is refused: by this inode, for this folder or this name (EINVAL,
 * I07), or by this file system for all, which says so by an errno of its own or in
 * the leader's own folder. */
static enum publish_answer publish_hard_link_refused(struct unit *unit, int result)
{
	if (result == -ENOSYS || result == -EOPNOTSUPP ||
	    (result == -EPERM && unit->link->dir == unit->folder->target))
		unit->folder->target_fs->no_hard_links = true;
	unit->refused = publish_refused(result) ? -EPERM : result;
	return PUBLISH_AGAIN;
}

/* An inode that takes no more links, or that we may not link to, is copied; where no
 * second link is known at all, none is tried any more. */
static enum publish_answer publish_inheritance_refused(struct unit *unit, int result)
{
	struct fs *fs = unit->folder->target_fs;

	if (result == -ENOSYS || result == -EOPNOTSUPP || (result == -EPERM && fs->kind == FS_FAT))
		fs->no_hard_links = true;
	unit->refused = -EMLINK; /* the copy may lead a group all the same */
	return PUBLISH_AGAIN;
}

/* Somebody made the name, and what exists is not to be replaced. */
static enum publish_answer publish_leave_existing(struct sys *sys, const struct settings *settings,
						  struct unit *unit, int dirfd, struct error *error)
{
	publish_drop(sys, unit, dirfd);
	if (!settings_fails_existing(settings))
		return PUBLISH_SKIPPED;
	error_set_text(error, ERROR_SIDE_TARGET, "copy to", "not replacing what exists");
	return PUBLISH_FAILED;
}

enum publish_answer publish_unit(struct root *root, const struct settings *settings,
				 struct unit *unit, int dirfd, struct error *error)
{
	struct sys *sys = root->sys;
	struct publish publish = { root, settings, unit, dirfd };
	const char *operation = "rename to";
	int result;

	unit->folder->target_fs->written = true;
	if (unit->in_place) {
		unit->replaced = true;
		return PUBLISH_DONE;
	}
	if (unit->temp_named && unit->replaces) {
		result = publish_replace(&publish, error);
	} else if (unit->temp_named) {
		result = publish_new_from_temp(sys, unit, dirfd);
	} else {
		WEIR_ASSERT(unit->fd >= 0);
		operation = "link";
		result = publish_link(sys, unit, dirfd, unit->target_name);
		if (publish_link_refused(result) && unit->is_link)
			return publish_hard_link_refused(unit, result);
		if (publish_link_refused(result) && unit->inherits)
			return publish_inheritance_refused(unit, result);
		if (publish_link_refused(result) && unit->alias)
			return publish_fail(sys, unit, dirfd, result, operation, error);
		if (publish_link_refused(result)) {
			unit->folder->target_fs->no_tmpfile = true;
			return unit->retry
				       ? publish_fail(sys, unit, dirfd, result, operation, error)
				       : PUBLISH_AGAIN;
		}
	}
	if (result == -EEXIST && !unit->replaces) {
		if (settings_leaves_existing(settings))
			return publish_leave_existing(sys, settings, unit, dirfd, error);
		if (unit->alias && !settings->link_over)
			return publish_fail(sys, unit, dirfd, result, "link", error);
		if (rival_met(root, unit->folder, unit->name, unit->target_name, dirfd,
			      !unit->existed, "create", error)) {
			publish_drop(sys, unit, dirfd);
			return PUBLISH_FAILED;
		}
		result = unit->temp_named ? publish_replace(&publish, error)
					  : publish_link_over(&publish, error);
		operation = "replace";
		if (unit->is_link && result == -EMLINK)
			return publish_hard_link_refused(unit, result);
		if (unit->inherits && publish_link_refused(result))
			return publish_inheritance_refused(unit, result);
	}
	if (result < 0)
		return publish_fail(sys, unit, dirfd, result, operation, error);
	WEIR_ASSERT(!unit->temp_named);
	return PUBLISH_DONE;
}
