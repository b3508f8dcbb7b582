/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Backups, as cp(1) names them.
 *
 *   The old object is  True here                                  Then
 *   linked             it has its name and the backup's           the new one is renamed over
 *                                                                 its name
 *   renamed            it has the backup's name only, because     the new one takes the name
 *                      the link was refused
 *   taken back         it has its name only: the new one failed   -
 *
 * Invariants:
 * B1 the old object has a name at every moment, and where the file system links,
 *    its name is never missing (J1);
 * B2 an older simple backup is there until the new one is: it is renamed over;
 * B3 a numbered backup replaces nothing;
 * B4 no backup takes the name of the source, nor that of another copy that this
 *    run makes (B10 of the cases);
 * B5 a folder is never backed up.
 */
#define _GNU_SOURCE
#include "backup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "invariant.h"
#include "lister.h"
#include "temp.h"
#include "vacant.h"

/* Other runs that took the next number, before one gives up. */
#define BACKUP_TRIES 1000U

/* ---- names ---- */

static bool backup_join(char *to, const char *name, const char *before, const char *middle,
			const char *after)
{
	const char *parts[] = { name, before, middle, after };
	size_t length = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		size_t bytes = strlen(parts[i]);

		if (bytes >= LIMIT_NAME_BYTES - length)
			return false;
		memcpy(to + length, parts[i], bytes);
		length += bytes;
	}
	to[length] = '\0';
	return true;
}

bool backup_simple_name(char *to, const char *name, const char *suffix)
{
	return backup_join(to, name, suffix, "", "");
}

bool backup_numbered_name(char *to, const char *name, const char *digits)
{
	return backup_join(to, name, ".~", digits, "~");
}

size_t backup_number(const char *entry, const char *name, const char **digits)
{
	size_t name_length = strlen(name);
	size_t length;

	if (strncmp(entry, name, name_length) != 0 || strncmp(entry + name_length, ".~", 2) != 0)
		return 0;
	*digits = entry + name_length + 2;
	length = strspn(*digits, "0123456789");
	if (length == 0 || **digits == '0' || strcmp(*digits + length, "~") != 0)
		return 0;
	return length;
}

void backup_raise(char *highest, const char *digits, size_t length)
{
	size_t had = strlen(highest);

	WEIR_ASSERT(length < LIMIT_NAME_BYTES);
	if (length < had || (length == had && memcmp(digits, highest, length) <= 0))
		return;
	memcpy(highest, digits, length);
	highest[length] = '\0';
}

bool backup_next(char *digits)
{
	size_t length = strlen(digits);
	size_t at = length;

	while (at > 0 && digits[at - 1] == '9')
		digits[--at] = '0';
	if (at > 0) {
		digits[at - 1]++;
		return true;
	}
	if (length + 1 >= LIMIT_NAME_BYTES)
		return false;
	memmove(digits + 1, digits, length + 1);
	digits[0] = '1';
	return true;
}

/* ---- which number is next ---- */

bool backup_looks_numbered(const char *name)
{
	size_t at = strlen(name);

	if (at < 4 || name[--at] != '~')
		return false;
	while (at > 0 && name[at - 1] >= '0' && name[at - 1] <= '9')
		at--;
	return at > 2 && name[at - 1] == '~' && name[at - 2] == '.';
}

bool backup_is_one(const struct settings *settings, const char *name)
{
	size_t bytes = strlen(name), suffix = strlen(settings->backup_suffix);

	return backup_looks_numbered(name) ||
	       (bytes > suffix && strcmp(name + bytes - suffix, settings->backup_suffix) == 0);
}

int backup_highest(struct sys *sys, int fd, const char *name, char *highest, bool *any)
{
	struct lister lister;
	const char *entry;
	int result = lister_open(&lister, sys, fd, ".");

	*any = false;
	memcpy(highest, "0", 2);
	if (result < 0)
		return result;
	while ((entry = lister_next(&lister)) != NULL) {
		const char *digits;
		size_t length = backup_number(entry, name, &digits);

		if (length > 0)
			backup_raise(highest, digits, length);
		*any = *any || backup_looks_numbered(entry);
	}
	result = lister.result;
	lister_close(&lister);
	return result;
}

/* The same for what is to have a backup; that there is none at all is remembered. */
static int backup_list(const struct backup_plan *plan, char *highest)
{
	bool any;
	int result = backup_highest(plan->root->sys, plan->dirfd, plan->name, highest, &any);

	if (result == 0 && !any)
		atomic_store(&plan->folder->unnumbered, true);
	return result;
}

/* The highest number of NAME.  A folder that had no numbered backup when it was
 * listed has only those that were made since, which the link to a new one
 * meets: so a folder is not listed once for each of its entries. */
static int backup_likely_highest(const struct backup_plan *plan, char *highest)
{
	if (!atomic_load(&plan->folder->unnumbered))
		return backup_list(plan, highest);
	memcpy(highest, "0", 2);
	return 0;
}

/* ---- giving the name ---- */

/* True where the kernel or the file system does not link this object: FAT, FUSE,
 * a file of somebody else (protected_hardlinks), too many links. */
static bool backup_link_refused(int result)
{
	return result == -EPERM || result == -EOPNOTSUPP || result == -ENOSYS ||
	       result == -EINVAL || result == -EMLINK || result == -EXDEV;
}

/* The name is free: -EEXIST if it is not. */
static int backup_take_free(const struct backup_plan *plan, struct backup *backup)
{
	struct sys *sys = plan->root->sys;
	int result = sys_linkat(sys, plan->dirfd, plan->name, backup->name);

	backup->way = BACKUP_LINKED;
	if (backup_link_refused(result)) {
		result = vacant_rename(sys, plan->dirfd, plan->name, plan->dirfd, backup->name);
		backup->way = BACKUP_RENAMED;
	}
	if (result < 0)
		backup->way = BACKUP_NOT_MADE;
	return result;
}

/* An older backup has the name (B2). */
static int backup_take_over(const struct backup_plan *plan, struct backup *backup)
{
	struct sys *sys = plan->root->sys;
	struct dir *dir = plan->folder->target;
	char temp[TEMP_NAME_BYTES];
	int result = dir_temp_added(plan->root, dir);

	if (result < 0)
		return result;
	result = temp_name_make(sys, temp);
	if (result == 0)
		result = sys_linkat(sys, plan->dirfd, plan->name, temp);
	if (result == 0) {
		result = sys_renameat2(sys, plan->dirfd, temp, backup->name, 0);
		/* ENOENT is expected, but for two names of one inode. */
		sys_unlinkat(sys, plan->dirfd, temp, 0);
		backup->way = BACKUP_LINKED;
	} else if (backup_link_refused(result)) {
		result = sys_renameat2(sys, plan->dirfd, plan->name, backup->name, 0);
		backup->way = BACKUP_RENAMED;
	}
	dir_temp_removed(plan->root, dir);
	backup->over = result == 0;
	if (result < 0)
		backup->way = BACKUP_NOT_MADE;
	return result;
}

static int backup_fail(struct error *error, int result)
{
	if (error->grade == ERROR_NONE)
		error_set(error, result, ERROR_SIDE_TARGET,
			  result == -EWOULDBLOCK ? "lock the folder of" : "back up");
	return result;
}

static int backup_refuse(struct error *error, const char *text)
{
	error_set_text(error, ERROR_SIDE_TARGET, "back up", text);
	return -EEXIST;
}

/* What has the name of a simple backup may be replaced (B4, B5). */
static int backup_may_take_over(const struct backup_plan *plan, const struct sys_stat *older,
				struct error *error)
{
	if (S_ISDIR(older->mode))
		return backup_refuse(error, "a folder has the name of its backup");
	if (older->device == plan->source_device && older->inode == plan->source_inode)
		return backup_refuse(error, "that would destroy the source");
	if (plan->clash)
		return backup_refuse(error, "its backup would take the name of another copy");
	return 0;
}

static int backup_make_simple(const struct backup_plan *plan, struct backup *backup,
			      struct error *error)
{
	struct sys_stat older;
	int result;

	if (!backup_simple_name(backup->name, plan->name, plan->settings->backup_suffix))
		return -ENAMETOOLONG;
	result = backup_take_free(plan, backup);
	if (result != -EEXIST)
		return result;
	result = sys_statx(plan->root->sys, plan->dirfd, backup->name, false, &older);
	if (result == -ENOENT) /* it went again */
		return backup_take_over(plan, backup);
	if (result == 0)
		result = backup_may_take_over(plan, &older, error);
	return result < 0 ? result : backup_take_over(plan, backup);
}

/* One above HIGHEST, or above what another run makes meanwhile. */
static int backup_make_numbered(const struct backup_plan *plan, struct backup *backup,
				char *highest)
{
	bool listed = strcmp(highest, "0") != 0;

	for (unsigned tries = 0; tries < BACKUP_TRIES; tries++) {
		int result;

		if (!backup_next(highest) ||
		    !backup_numbered_name(backup->name, plan->name, highest))
			return -ENAMETOOLONG;
		result = backup_take_free(plan, backup);
		if (result != -EEXIST)
			return result;
		result = listed ? 0 : backup_list(plan, highest);
		listed = true;
		if (result < 0)
			return result;
	}
	return -EEXIST;
}

static int backup_make_any(const struct backup_plan *plan, struct backup *backup,
			   struct error *error)
{
	char highest[LIMIT_NAME_BYTES];
	int result;

	if (plan->settings->backup == WEIR_BACKUP_SIMPLE)
		return backup_make_simple(plan, backup, error);
	result = backup_likely_highest(plan, highest);
	if (result < 0)
		return result;
	if (plan->settings->backup == WEIR_BACKUP_EXISTING && strcmp(highest, "0") == 0)
		return backup_make_simple(plan, backup, error);
	return backup_make_numbered(plan, backup, highest);
}

int backup_make(const struct backup_plan *plan, struct backup *backup, struct error *error)
{
	struct sys_stat old;
	int result = 0;

	backup->way = BACKUP_NOT_MADE;
	backup->over = false;
	if (plan->settings->backup == WEIR_BACKUP_NONE)
		return 0;
	result = sys_statx(plan->root->sys, plan->dirfd, plan->name, false, &old);
	if (result == -ENOENT || (result == 0 && S_ISDIR(old.mode)))
		return 0; /* B5; who replaces it is told */
	if (result == 0) {
		backup->device = old.device;
		backup->inode = old.inode;
		result = backup_make_any(plan, backup, error);
	}
	if (result == -ENOENT) /* it vanished meanwhile: there is nothing to lose */
		return 0;
	return result < 0 ? backup_fail(error, result) : 0;
}

/* ---- taking it back ---- */

static bool backup_is(const struct backup_plan *plan, const struct backup *backup, const char *name)
{
	struct sys_stat stat;

	return sys_statx(plan->root->sys, plan->dirfd, name, false, &stat) == 0 &&
	       stat.device == backup->device && stat.inode == backup->inode;
}

const char *backup_undo(const struct backup_plan *plan, const struct backup *backup)
{
	struct sys *sys = plan->root->sys;

	switch (backup->way) {
	case BACKUP_NOT_MADE:
		return NULL;
	case BACKUP_LINKED:
		/* Who had an older backup would have none any more. */
		if (!backup->over && backup_is(plan, backup, plan->name) &&
		    backup_is(plan, backup, backup->name) &&
		    sys_unlinkat(sys, plan->dirfd, backup->name, 0) == 0)
			return NULL;
		return "the old object is there, and has the name of its backup, too";
	case BACKUP_RENAMED:
		if (backup_is(plan, backup, backup->name) &&
		    vacant_rename(sys, plan->dirfd, backup->name, plan->dirfd, plan->name) == 0)
			return NULL;
		return "the old object has the name of its backup only";
	}
	return NULL;
}

/* ---- before anything is copied ---- */

static int backup_compare_names(const void *name, const void *rival)
{
	return strcmp(name, *(const char *const *)rival);
}

/* True if this run makes a copy with that name in the same folder, too. */
static int backup_clashes(struct root *root, const struct folder *folder, const char *name,
			  bool *clash)
{
	struct sys_stat stat;
	int fd, result;

	if (folder->rivals != NULL) {
		*clash = bsearch(name, folder->rivals, folder->rival_count,
				 sizeof(folder->rivals[0]), backup_compare_names) != NULL;
		return 0;
	}
	fd = dir_pin(root, folder->source, NULL);
	if (fd < 0)
		return fd;
	result = sys_statx(root->sys, fd, name, false, &stat);
	dir_unpin(root, folder->source);
	*clash = result == 0;
	return result == -ENOENT || result == -ENAMETOOLONG ? 0 : result;
}

int backup_judge(struct root *root, const struct settings *settings, struct folder *folder,
		 const char *name, const struct sys_stat *source, bool *clash, struct error *error)
{
	bool numbered = settings->backup == WEIR_BACKUP_NUMBERED;
	struct sys_stat older;
	char likely[LIMIT_NAME_BYTES];
	int fd, result;

	/* In a folder of their own there is nothing that they could replace. */
	if (settings->backup == WEIR_BACKUP_NONE || settings->backup_folder[0] != '\0' ||
	    folder->target == NULL)
		return 0;
	if (!(numbered ? backup_numbered_name(likely, name, "1")
		       : backup_simple_name(likely, name, settings->backup_suffix)))
		return backup_fail(error, -ENAMETOOLONG);
	fd = dir_pin(root, folder->target, NULL);
	if (fd < 0)
		return backup_fail(error, fd);
	result = sys_statx(root->sys, fd, likely, false, &older);
	dir_unpin(root, folder->target);
	if (result == 0 && !numbered && older.device == source->device &&
	    older.inode == source->inode)
		return backup_refuse(error, "that would destroy the source");
	if (result == -ENOENT)
		result = 0;
	if (result == 0 && !numbered)
		result = backup_clashes(root, folder, likely, clash);
	return result < 0 ? backup_fail(error, result) : 0;
}
