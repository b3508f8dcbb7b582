/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Attics.
 *
 *   State    True here                                         Then
 *   found    `fd` is what is there of it, `below` what is not  something is to be kept
 *   begun    it is there, with the attributes of DEST          -
 *
 * Invariants:
 * AT1 what is kept is moved by one rename, or linked: nothing is copied, so nothing is
 *     half there, and what is on another file system stays where it was (O15);
 * AT2 nothing in an attic is ever replaced: who comes second gets a number;
 * AT3 the way to it leads through links of root and our own user only (K08), and below
 *     it through none;
 * AT4 its folders are closed to others until they have the attributes of those in DEST;
 * AT5 the name of a folder that is made in it is on disk before anything is moved into it.
 */
#define _GNU_SOURCE
#include "attic.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backup.h"
#include "meta.h"
#include "reach.h"
#include "vacant.h"

#define ATTIC_TRIES 1000U /* numbers that others took meanwhile */

int attic_open(struct attic *attic, struct root *root, const struct settings *settings,
	       const char *path, const char *suffix)
{
	*attic = (struct attic){
		.root = root,
		.settings = settings,
		.path = path,
		.suffix = suffix,
		.below = "",
		.fd = -1,
		.top_fd = -1,
	};
	return -pthread_mutex_init(&attic->lock, NULL);
}

static void attic_forget(struct attic *attic)
{
	if (attic->fd >= 0)
		sys_close(attic->root->sys, attic->fd);
	if (attic->top_fd >= 0)
		sys_close(attic->root->sys, attic->top_fd);
	attic->fd = attic->top_fd = -1;
	attic->below = "";
}

void attic_close(struct attic *attic)
{
	if (attic->root == NULL)
		return;
	attic_forget(attic);
	pthread_mutex_destroy(&attic->lock);
	attic->root = NULL;
}

/* ---- where it is ---- */

/* AT3: the folder that the first END bytes of the path name. */
static int attic_open_leading(const struct attic *attic, size_t end)
{
	struct sys *sys = attic->root->sys;
	const char *path = attic->path;
	int base = sys_openat(sys, AT_FDCWD, path[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY, 0);
	size_t skip = strspn(path, "/");
	char *leading;
	int fd;

	if (base < 0 || end <= skip)
		return base;
	leading = strndup(path + skip, end - skip);
	fd = leading == NULL ? -ENOMEM : reach_walk_ours(sys, base, leading, O_PATH | O_DIRECTORY);
	free(leading);
	sys_close(sys, base);
	return fd;
}

/* The next name of *PATH, which is moved behind it, at NAME (LIMIT_NAME_BYTES).  1; 0:
 * there is none; or -errno. */
static int attic_next(const char **path, char *name)
{
	size_t bytes;

	do {
		*path += strspn(*path, "/");
		bytes = strcspn(*path, "/");
		if (bytes >= LIMIT_NAME_BYTES)
			return -ENAMETOOLONG;
		memcpy(name, *path, bytes);
		name[bytes] = '\0';
		*path += bytes;
	} while (strcmp(name, ".") == 0);
	return strcmp(name, "..") == 0 ? -EINVAL : bytes > 0;
}

/* 0, or why what is missing cannot be made. */
static int attic_judge_missing(const struct attic *attic)
{
	const char *path = attic->below;
	char name[LIMIT_NAME_BYTES];
	int names = 0, result;

	while ((result = attic_next(&path, name)) > 0)
		names++;
	if (result < 0)
		return result;
	return names > 1 && !attic->settings->make_path ? -ENOENT : 0;
}

static int attic_look_above(struct attic *attic)
{
	struct sys *sys = attic->root->sys;
	int fd = sys_openat(sys, attic->fd, "..", O_PATH | O_DIRECTORY, 0);
	int result = fd < 0 ? fd : sys_statx(sys, fd, "", false, &attic->above);

	if (fd >= 0)
		sys_close(sys, fd);
	return result;
}

int attic_find(struct attic *attic)
{
	size_t end = strlen(attic->path);
	int fd = attic_open_leading(attic, end);
	int result;

	attic_forget(attic);
	while (fd == -ENOENT && end > 0) {
		end = reach_cut(attic->path, end);
		fd = attic_open_leading(attic, end);
	}
	if (fd < 0)
		return fd;
	attic->fd = fd;
	attic->below = attic->path + end;
	result = sys_statx(attic->root->sys, fd, "", false, &attic->stat);
	if (result == 0 && attic_is_there(attic))
		result = attic_look_above(attic);
	return result < 0 ? result : attic_judge_missing(attic);
}

bool attic_is_there(const struct attic *attic)
{
	return attic->below[0] == '\0';
}

static bool attic_same(const struct sys_stat *a, uint64_t device, uint64_t inode)
{
	return a->device == device && a->inode == inode;
}

bool attic_is(const struct attic *attic, uint64_t device, uint64_t inode, const char *name,
	      const struct sys_stat *stat)
{
	const char *path = attic->below;
	char first[LIMIT_NAME_BYTES];

	if (attic->fd < 0)
		return false;
	if (!attic_is_there(attic))
		return attic_same(&attic->stat, device, inode) && attic_next(&path, first) > 0 &&
		       strcmp(first, name) == 0;
	return attic_same(&attic->above, device, inode) &&
	       (stat == NULL || attic_same(&attic->stat, stat->device, stat->inode));
}

bool attic_is_below(const struct attic *attic, const struct sys_stat *stat)
{
	return attic->fd >= 0 && !attic_is_there(attic) &&
	       attic_same(&attic->stat, stat->device, stat->inode);
}

/* ---- its folders ---- */

/* The attributes of the folder SOURCE_FD for FD, which was made in ABOVE_FD (AT4).  Who
 * owns it may always work in it. */
static int attic_dress(const struct attic *attic, int above_fd, int fd, int source_fd)
{
	struct sys *sys = attic->root->sys;
	const struct settings *settings = attic->settings;
	struct sys_stat source;
	struct meta_folder folder = {
		.fd = fd,
		.source_fd = source_fd,
		.source = &source,
		.fresh = true,
		.inherits_acl = meta_hands_acl_on(sys, settings, above_fd),
	};
	struct xattr_acls acls = { 0 };
	struct losses losses = { 0 };
	struct error error = { 0 };
	int result = sys_statx(sys, source_fd, "", false, &source);

	if (result < 0)
		return result;
	source.mode |= 0700;
	folder.closed = meta_folder_is_closed(settings, folder.inherits_acl);
	result = meta_begin_folder(sys, settings, &folder, &acls, &losses, &error);
	if (result == 0)
		result = meta_finish_folder(sys, settings, &folder, &acls, &losses, &error);
	xattr_release_acls(&acls);
	return result;
}

/* What was there a moment ago, and is needed: -ENOENT would tell that what is to be
 * kept is gone, which is no failure. */
static int attic_needs(int result)
{
	return result == -ENOENT ? -EAGAIN : result;
}

/* The folder NAME of FD.  MADE: it was not there. */
static int attic_enter(struct sys *sys, int fd, const char *name, bool *made)
{
	int result = sys_mkdirat(sys, fd, name, 0700);

	*made = result == 0;
	if (result < 0 && result != -EEXIST)
		return attic_needs(result);
	return attic_needs(
		sys_openat(sys, fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK, 0));
}

int attic_child(struct attic *attic, int fd, const struct fs *fs, const char *name, int source_fd,
		char *taken)
{
	struct sys *sys = attic->root->sys;
	char digits[LIMIT_NAME_BYTES] = "0";
	bool made;
	int child, result;

	memcpy(taken, name, strlen(name) + 1);
	child = attic_enter(sys, fd, taken, &made);
	for (unsigned tries = 0; child == -ENOTDIR || child == -ELOOP; tries++) { /* AT2 */
		if (tries == ATTIC_TRIES || !backup_next(digits) ||
		    !backup_numbered_name(taken, name, digits))
			return -EEXIST;
		child = attic_enter(sys, fd, taken, &made);
	}
	if (child < 0 || !made)
		return child;
	result = attic_dress(attic, fd, child, source_fd);
	if (result == 0)
		result = attic_sync(attic, fd, fs); /* AT5 */
	if (result == 0)
		return child;
	sys_close(sys, child);
	return result;
}

/* What is missing of the way to it, but not itself: *FD becomes the last of them, NAME its
 * own name.  1; 0: nothing is missing; or -errno. */
static int attic_make_leading(struct attic *attic, int *fd, char *name)
{
	struct sys *sys = attic->root->sys;
	const char *path = attic->below;
	char next[LIMIT_NAME_BYTES];
	int more = attic_next(&path, name);

	while (more > 0 && (more = attic_next(&path, next)) > 0) {
		int result = sys_mkdirat(sys, *fd, name, 0777);
		int child = result < 0 && result != -EEXIST
				    ? result
				    : sys_openat(sys, *fd, name,
						 O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);

		if (child < 0)
			return attic_needs(child);
		result = attic_sync(attic, *fd, NULL);
		sys_close(sys, *fd);
		*fd = child;
		if (result < 0)
			return result;
		memcpy(name, next, sizeof(next));
	}
	return more < 0 ? more : name[0] != '\0';
}

/* Makes it, or opens it where *FD is it: a descriptor or -errno. */
static int attic_make(struct attic *attic, int *fd)
{
	char name[LIMIT_NAME_BYTES] = "", taken[LIMIT_NAME_BYTES];
	struct sys *sys = attic->root->sys;
	int missing = attic_make_leading(attic, fd, name);
	int source, top, result;

	if (missing <= 0)
		return missing < 0 ? missing : sys_openat(sys, *fd, ".", O_RDONLY | O_DIRECTORY, 0);
	source = dir_pin(attic->root, attic->target, NULL);
	if (source < 0)
		return source;
	top = attic_child(attic, *fd, NULL, name, source, taken);
	dir_unpin(attic->root, attic->target);
	result = top < 0 ? top : 0;
	if (result == 0 && strcmp(taken, name) != 0)
		result = -ENOTDIR; /* somebody made something else of that name */
	if (top < 0 || result == 0)
		return top;
	sys_close(sys, top);
	return result;
}

/* A folder of DEST is not changed by what is made in it for us. */
static void attic_restore_times(const struct attic *attic, int fd, const struct sys_stat *before)
{
	const struct timespec times[2] = { before->atime, before->mtime };

	if (attic->in_target && !attic_is_there(attic) &&
	    settings_keeps(attic->settings, WEIR_PROPERTY_TIMES))
		sys_futimens(attic->root->sys, fd, times);
}

/* Makes all of it in BASE.  A descriptor or -errno. */
static int attic_make_all(struct attic *attic, int base)
{
	struct sys *sys = attic->root->sys;
	struct sys_stat before;
	int fd = sys_openat(sys, base, ".", O_RDONLY | O_DIRECTORY, 0);
	int result = fd < 0 ? fd : sys_statx(sys, base, "", false, &before);
	int top = result < 0 ? result : attic_make(attic, &fd);

	if (result == 0)
		attic_restore_times(attic, base, &before);
	if (fd >= 0)
		sys_close(sys, fd);
	return top;
}

static int attic_begin_locked(struct attic *attic)
{
	struct sys *sys = attic->root->sys;
	struct sys_stat stat;
	int base = sys_openat(sys, attic->fd, ".", O_RDONLY | O_DIRECTORY, 0);
	int top = base < 0 ? base : attic_make_all(attic, base);
	int result = top < 0 ? top : sys_statx(sys, top, "", false, &stat);

	if (base >= 0)
		sys_close(sys, base);
	if (result == 0 &&
	    (stat.device != attic->stat.device || stat.mount_id != attic->stat.mount_id))
		result = -EXDEV;
	if (result == 0)
		attic->top_fd = top;
	else if (top >= 0)
		sys_close(sys, top);
	return result;
}

int attic_begin(struct attic *attic)
{
	int result = 0;

	pthread_mutex_lock(&attic->lock);
	if (attic->top_fd < 0)
		result = attic_begin_locked(attic);
	pthread_mutex_unlock(&attic->lock);
	return result;
}

/* The child of FD, which is closed, for DIR. */
static int attic_step(struct attic *attic, int fd, struct dir *dir, const struct fs *fs)
{
	char taken[LIMIT_NAME_BYTES];
	int source = dir_pin(attic->root, dir, NULL);
	int child = source;

	if (source >= 0) {
		child = attic_child(attic, fd, fs, dir->name, source, taken);
		dir_unpin(attic->root, dir);
	}
	sys_close(attic->root->sys, fd);
	return child;
}

int attic_folder(struct attic *attic, struct dir *dir, const struct fs *fs)
{
	size_t depth = 0;
	struct dir **chain;
	int fd = attic_begin(attic);

	if (fd < 0)
		return fd;
	for (struct dir *at = dir; at->parent != NULL; at = at->parent)
		depth++;
	chain = calloc(depth + 1, sizeof(struct dir *));
	if (chain == NULL)
		return -ENOMEM;
	for (size_t at = depth; at > 0; at--, dir = dir->parent)
		chain[at - 1] = dir;
	fd = sys_openat(attic->root->sys, attic->top_fd, ".", O_RDONLY | O_DIRECTORY, 0);
	for (size_t at = 0; at < depth && fd >= 0; at++)
		fd = attic_step(attic, fd, chain[at], fs);
	free(chain);
	return fd;
}

/* ---- what is kept ---- */

static int attic_give(struct sys *sys, int fd, const char *name, const struct attic_name *to,
		      bool links)
{
	return links ? sys_link_to(sys, fd, name, to->fd, to->taken)
		     : vacant_rename(sys, fd, name, to->fd, to->taken);
}

/* One above all that are there, or above what others make meanwhile (AT2). */
static int attic_number(struct sys *sys, int fd, const char *name, struct attic_name *to,
			bool links)
{
	char highest[LIMIT_NAME_BYTES];
	bool any;
	int result = backup_highest(sys, to->fd, to->base, highest, &any);

	if (result < 0)
		return result;
	for (unsigned tries = 0; tries < ATTIC_TRIES; tries++) {
		if (!backup_next(highest) || !backup_numbered_name(to->taken, to->base, highest))
			return -ENAMETOOLONG;
		result = attic_give(sys, fd, name, to, links);
		if (result != -EEXIST)
			return result;
	}
	return -EEXIST;
}

static int attic_keep(struct sys *sys, int fd, const char *name, struct attic_name *to, bool links)
{
	int result = -EEXIST;

	if (to->wanted != NULL) {
		memcpy(to->taken, to->wanted, strlen(to->wanted) + 1);
		result = attic_give(sys, fd, name, to, links);
	}
	return result == -EEXIST ? attic_number(sys, fd, name, to, links) : result;
}

int attic_move(struct sys *sys, int fd, const char *name, struct attic_name *to)
{
	return attic_keep(sys, fd, name, to, false);
}

int attic_link(struct sys *sys, int fd, const char *name, struct attic_name *to)
{
	return attic_keep(sys, fd, name, to, true);
}

int attic_sync(const struct attic *attic, int fd, const struct fs *fs)
{
	int result;

	if (attic->settings->durable == WEIR_DURABLE_NONE ||
	    (fs != NULL && (fs_is_memory(fs) || fs_orders_names(fs))))
		return 0;
	result = sys_fsync(attic->root->sys, fd);
	return result == -EINVAL ? 0 : result; /* it has no sync of folders */
}

/* ---- backups ---- */

/* AT1: where the kernel or the file system does not link, it is renamed. */
static int attic_give_second(struct attic *attic, int fd, const char *name,
			     struct attic_backup *backup)
{
	char wanted[LIMIT_NAME_BYTES];
	struct attic_name to = { .fd = backup->fd, .wanted = wanted, .base = wanted };
	struct sys *sys = attic->root->sys;
	int result;

	if (!backup_simple_name(wanted, name, attic->suffix))
		return -ENAMETOOLONG;
	result = attic_link(sys, fd, name, &to);
	if (result == -EPERM || result == -EOPNOTSUPP || result == -ENOSYS || result == -EINVAL ||
	    result == -EMLINK) {
		result = attic_move(sys, fd, name, &to);
		backup->renamed = result == 0;
	}
	backup->made = result == 0;
	memcpy(backup->name, to.taken, sizeof(to.taken));
	return result;
}

int attic_back_up(struct attic *attic, struct dir *dir, int fd, const char *name,
		  const struct fs *fs, struct attic_backup *backup)
{
	struct sys_stat stat;
	int result = sys_statx(attic->root->sys, fd, name, false, &stat);

	*backup = (struct attic_backup){ .fd = -1 };
	if (result == -ENOENT || (result == 0 && S_ISDIR(stat.mode)))
		return 0;
	if (result < 0)
		return result;
	backup->device = stat.device;
	backup->inode = stat.inode;
	backup->fd = attic_folder(attic, dir, fs);
	result = backup->fd < 0 ? backup->fd : attic_give_second(attic, fd, name, backup);
	if (result == 0)
		result = attic_sync(attic, backup->fd, fs);
	if (result < 0) {
		attic_undo(attic, fd, name, backup);
		attic_let_go(attic, backup);
	}
	return result;
}

static bool attic_holds(struct sys *sys, int fd, const char *name,
			const struct attic_backup *backup)
{
	struct sys_stat stat;

	return sys_statx(sys, fd, name, false, &stat) == 0 && stat.device == backup->device &&
	       stat.inode == backup->inode;
}

const char *attic_undo(struct attic *attic, int fd, const char *name,
		       const struct attic_backup *backup)
{
	struct sys *sys = attic->root->sys;

	if (!backup->made || !attic_holds(sys, backup->fd, backup->name, backup))
		return NULL;
	if (backup->renamed)
		return vacant_rename(sys, backup->fd, backup->name, fd, name) == 0
			       ? NULL
			       : "the old object has the name of its backup only";
	if (attic_holds(sys, fd, name, backup) &&
	    sys_unlinkat(sys, backup->fd, backup->name, 0) == 0)
		return NULL;
	return "the old object has the name of its backup, too";
}

void attic_let_go(struct attic *attic, struct attic_backup *backup)
{
	if (backup->fd >= 0)
		sys_close(attic->root->sys, backup->fd);
	backup->fd = -1;
}
