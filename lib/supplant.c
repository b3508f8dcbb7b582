/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A folder that takes the place of what is none.
 *
 * Invariants:
 * SU1 (J1) at every moment the name has the old or the new, where the file system
 *     exchanges names and makes links; what cannot go has its name again;
 * SU2 what is to have a backup has it before, and is never without a name of its own.
 */
#define _GNU_SOURCE
#include "supplant.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "attic.h"
#include "backup.h"
#include "limits.h"
#include "temp.h"
#include "vacant.h"

/* The backup of what a folder takes the place of. */
struct supplant_backup {
	struct attic_name to;
	char wanted[LIMIT_NAME_BYTES];
	bool linked; /* it has its old name, too */
	struct sys_stat old;
};

static bool supplant_link_refused(int result)
{
	return result == -EPERM || result == -EOPNOTSUPP || result == -ENOSYS ||
	       result == -EINVAL || result == -EMLINK;
}

/* Where the backup goes, and under which name. */
static int supplant_find_backup(struct tree *tree, struct folder *folder, int parent_fd,
				struct supplant_backup *backup)
{
	const char *suffix = tree->backups != NULL ? tree->backups->suffix
						   : tree->settings->backup_suffix;

	backup->to = (struct attic_name){
		.fd = parent_fd,
		.wanted = backup->wanted,
		.base = folder->target_name,
	};
	if (!backup_simple_name(backup->wanted, folder->target_name, suffix))
		return -ENAMETOOLONG;
	if (tree->backups != NULL) {
		backup->to.fd = attic_folder(tree->backups, folder->parent->target,
					     folder->parent->target_fs);
		backup->to.base = backup->wanted;
	} else if (tree->settings->backup == WEIR_BACKUP_NUMBERED) {
		backup->to.wanted = NULL;
	}
	return backup->to.fd < 0 ? backup->to.fd : 0;
}

/* Gives it its name: one more, or, where nothing can be linked, in place of its own. */
static int supplant_make_backup(struct tree *tree, struct folder *folder, int parent_fd,
				struct supplant_backup *backup)
{
	struct sys *sys = tree->sys;
	int result = sys_statx(sys, parent_fd, folder->target_name, false, &backup->old);

	if (result == 0)
		result = attic_link(sys, parent_fd, folder->target_name, &backup->to);
	backup->linked = result == 0;
	if (supplant_link_refused(result))
		result = attic_move(sys, parent_fd, folder->target_name, &backup->to);
	if (result == 0 && tree->backups != NULL)
		result = attic_sync(tree->backups, backup->to.fd, folder->parent->target_fs);
	return result;
}

/* The folder did not come: what has both names keeps its own. */
static void supplant_drop_backup(struct sys *sys, const struct supplant_backup *backup)
{
	struct sys_stat now;

	if (backup->linked && sys_statx(sys, backup->to.fd, backup->to.taken, false, &now) == 0 &&
	    now.device == backup->old.device && now.inode == backup->old.inode)
		sys_unlinkat(sys, backup->to.fd, backup->to.taken, 0);
}

/* The empty folder TEMP gets the name, which is free or is made so.  For a moment nothing
 * has it. */
static int supplant_follow(struct tree *tree, struct folder *folder, int parent_fd,
			   const char *temp)
{
	int result = sys_unlinkat(tree->sys, parent_fd, folder->target_name, 0);
	bool is_free = result == 0 || result == -ENOENT;

	if (is_free)
		result = vacant_rename(tree->sys, parent_fd, temp, parent_fd, folder->target_name);
	if (result < 0)
		sys_unlinkat(tree->sys, parent_fd, temp, AT_REMOVEDIR);
	if (result < 0 && is_free) /* it cannot be renamed: made there, it is there */
		result = sys_mkdirat(tree->sys, parent_fd, folder->target_name, TEMP_FOLDER_MODE);
	return result;
}

/* The same without that moment: while what goes has the name of a temp, a kill leaves it
 * to the next sweep.  What cannot go is put back: it may be a folder by now, with whatever
 * somebody has there. */
static int supplant_exchange(struct tree *tree, struct folder *folder, int parent_fd,
			     const char *temp)
{
	int result = vacant_exchange(tree->sys, parent_fd, temp, folder->target_name, 0);

	if (result > 0)
		return supplant_follow(tree, folder, parent_fd, temp);
	if (result < 0)
		sys_unlinkat(tree->sys, parent_fd, temp, AT_REMOVEDIR);
	return result;
}

/* What has the name gets a backup first. */
static int supplant_back_up(struct tree *tree, struct folder *folder, int parent_fd,
			    const char *temp)
{
	struct supplant_backup backup = { 0 };
	int result = supplant_find_backup(tree, folder, parent_fd, &backup);

	if (result < 0) {
		sys_unlinkat(tree->sys, parent_fd, temp, AT_REMOVEDIR);
		return result;
	}
	result = supplant_make_backup(tree, folder, parent_fd, &backup);
	if (result < 0)
		sys_unlinkat(tree->sys, parent_fd, temp, AT_REMOVEDIR);
	else if (backup.linked)
		result = supplant_exchange(tree, folder, parent_fd, temp);
	else
		result = supplant_follow(tree, folder, parent_fd, temp);
	if (result < 0)
		supplant_drop_backup(tree->sys, &backup);
	if (tree->backups != NULL)
		sys_close(tree->sys, backup.to.fd);
	return result;
}

/* What comes into the folder must not be on disk while its name is still the temp's: a
 * power cut would leave that full, and a sweep takes empty ones only. */
static int supplant_sync_name(struct tree *tree, const struct folder *folder, int parent_fd)
{
	const struct fs *fs = folder->parent->target_fs;
	int result;

	if (!settings_parks(tree->settings) || fs_is_memory(fs) || fs_orders_names(fs))
		return 0;
	result = sys_fsync(tree->sys, parent_fd);
	return result == -EINVAL ? 0 : result; /* it has no sync of folders */
}

int supplant(struct tree *tree, struct folder *folder, int parent_fd, struct error *error)
{
	char temp[TEMP_NAME_BYTES];
	int result = dir_temp_added(tree->root, folder->parent->target);

	if (result < 0) {
		error_set(error, result, ERROR_SIDE_TARGET, "lock the folder of");
		return result;
	}
	result = temp_name_make(tree->sys, temp);
	if (result == 0)
		result = sys_mkdirat(tree->sys, parent_fd, temp, TEMP_FOLDER_MODE);
	if (result == 0)
		result = tree->settings->backup == WEIR_BACKUP_NONE
				 ? supplant_exchange(tree, folder, parent_fd, temp)
				 : supplant_back_up(tree, folder, parent_fd, temp);
	if (result == 0)
		result = supplant_sync_name(tree, folder, parent_fd);
	dir_temp_removed(tree->root, folder->parent->target);
	if (result < 0)
		error_set(error, result, ERROR_SIDE_TARGET, "replace by a folder");
	return result;
}
