/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Following links of a tree.
 *
 * Invariants:
 * R1 where openat2(2) cannot be had the way is walked, one component at a time and
 *    none of them followed by the kernel: there is no open without protection;
 * R2 while `own` is set, fd is a descriptor of the walk's own, that of a folder;
 * R3 a link is read from the descriptor that was judged;
 * R4 a walk is stricter than the kernel, never laxer: links of others in folders
 *    that all may write to are refused, whatever fs.protected_symlinks says.
 */
#define _GNU_SOURCE
#include "reach.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "limits.h"

#define REACH_PROC_ROOT_INODE 1U /* as every procfs has it */

struct reach {
	struct sys *sys;
	int fd;
	bool own;
	bool ours; /* only links of root and of our own are followed */
	unsigned hops;
	const char *rest; /* in `way`: what is still to be walked */
	char way[PATH_MAX];
};

static void reach_leave(struct reach *reach)
{
	if (reach->own)
		sys_close(reach->sys, reach->fd);
	reach->own = false;
}

/* R2: into the folder FD, or stays where it is if that is -errno. */
static int reach_enter(struct reach *reach, int fd)
{
	if (fd < 0)
		return fd;
	reach_leave(reach);
	reach->fd = fd;
	reach->own = true;
	return 0;
}

/* Whether the link LINK in the current folder may be followed. */
static int reach_judge(const struct reach *reach, const struct sys_stat *link)
{
	struct sys_stat folder;
	struct statfs statfs;
	int result = sys_statx(reach->sys, reach->fd, "", false, &folder);

	if (reach->ours && link->uid != 0 && link->uid != geteuid())
		return -EACCES;
	if (result >= 0)
		result = sys_fstatfs(reach->sys, reach->fd, &statfs);
	if (result < 0)
		return result;
	/* Those in the root of /proc are names: self, mounts, net. */
	if (statfs.f_type == PROC_SUPER_MAGIC && folder.inode != REACH_PROC_ROOT_INODE)
		return -ELOOP;
	if ((folder.mode & (S_ISVTX | S_IWOTH)) == (S_ISVTX | S_IWOTH) && link->uid != geteuid() &&
	    link->uid != folder.uid)
		return -EACCES; /* R4 */
	return 0;
}

/* Puts the text of an open link before what is left of the way. */
static int reach_read(struct reach *reach, int link_fd)
{
	char text[PATH_MAX];
	size_t left = strlen(reach->rest);
	ssize_t bytes = sys_readlinkat(reach->sys, link_fd, "", text, sizeof(text));

	if (bytes <= 0)
		return bytes < 0 ? (int)bytes : -ENOENT;
	if ((size_t)bytes + left + 2 > sizeof(reach->way))
		return -ENAMETOOLONG;
	memmove(reach->way + bytes + 1, reach->rest, left + 1);
	memcpy(reach->way, text, (size_t)bytes);
	/* Without a rest there is no slash: it would ask for a folder. */
	reach->way[bytes] = left > 0 ? '/' : '\0';
	reach->rest = reach->way;
	if (text[0] != '/')
		return 0;
	return reach_enter(reach, sys_openat(reach->sys, AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0));
}

/* Goes on behind the link NAME; OTHERWISE, the error it was met with, if it is
 * none. */
static int reach_follow(struct reach *reach, const char *name, int otherwise)
{
	struct sys_stat stat;
	int fd = sys_openat(reach->sys, reach->fd, name, O_PATH | O_NOFOLLOW, 0);
	int result;

	if (fd < 0)
		return fd;
	result = sys_statx(reach->sys, fd, "", false, &stat);
	if (result == 0 && !S_ISLNK(stat.mode))
		result = otherwise;
	else if (result == 0 && ++reach->hops > LIMIT_LINK_HOPS)
		result = -ELOOP;
	if (result == 0)
		result = reach_judge(reach, &stat);
	if (result == 0)
		result = reach_read(reach, fd); /* R3 */
	sys_close(reach->sys, fd);
	return result;
}

/* Takes the next component off the way.  1: it is the last; 0: others follow it;
 * -ENAMETOOLONG. */
static int reach_next(struct reach *reach, char name[LIMIT_NAME_BYTES], bool *is_folder)
{
	size_t bytes;

	reach->rest += strspn(reach->rest, "/");
	bytes = strcspn(reach->rest, "/");
	if (bytes >= LIMIT_NAME_BYTES)
		return -ENAMETOOLONG;
	memcpy(name, reach->rest, bytes);
	name[bytes] = '\0';
	if (bytes == 0)
		memcpy(name, ".", 2); /* the root itself */
	*is_folder = reach->rest[bytes] == '/';
	reach->rest += bytes;
	return reach->rest[strspn(reach->rest, "/")] == '\0';
}

/* Opens the last component.  -ELOOP: it is a link. */
static int reach_last(const struct reach *reach, const char *name, int flags)
{
	struct sys_stat stat;
	int fd = sys_openat(reach->sys, reach->fd, name, flags | O_NOFOLLOW, 0);
	int result;

	if (fd < 0 || (flags & O_PATH) == 0)
		return fd;
	result = sys_statx(reach->sys, fd, "", false, &stat);
	if (result == 0 && !S_ISLNK(stat.mode))
		return fd;
	sys_close(reach->sys, fd);
	return result < 0 ? result : -ELOOP;
}

static int reach_walk_from(struct sys *sys, int dirfd, const char *name, int flags, bool ours)
{
	struct reach reach = { .sys = sys, .fd = dirfd, .ours = ours };
	char component[LIMIT_NAME_BYTES];
	bool is_folder;
	int result;

	if (strlen(name) >= sizeof(reach.way))
		return -ENAMETOOLONG;
	memcpy(reach.way, name, strlen(name) + 1);
	reach.rest = reach.way;
	for (;;) {
		int last = reach_next(&reach, component, &is_folder);
		int fd = last;

		if (last == 1)
			fd = reach_last(&reach, component, flags | (is_folder ? O_DIRECTORY : 0));
		else if (last == 0)
			fd = sys_openat(sys, reach.fd, component, O_PATH | O_DIRECTORY | O_NOFOLLOW,
					0);
		result = fd;
		if (fd == -ELOOP || fd == -ENOTDIR)
			result = reach_follow(&reach, component, fd);
		else if (last == 1)
			break;
		else
			result = reach_enter(&reach, fd);
		if (result < 0)
			break;
	}
	reach_leave(&reach);
	return result;
}

int reach_walk(struct sys *sys, int dirfd, const char *name, int flags)
{
	return reach_walk_from(sys, dirfd, name, flags, false);
}

int reach_walk_ours(struct sys *sys, int dirfd, const char *name, int flags)
{
	return reach_walk_from(sys, dirfd, name, flags, true);
}

int reach_open(struct sys *sys, int dirfd, const char *name, int flags)
{
	int fd = sys_openat2_plain(sys, dirfd, name, flags);

	/* R1.  Some filters answer EPERM; EAGAIN can be a race of renames, or a
	 * lease, and E2BIG and EINVAL a kernel of another time.  If the file itself
	 * is the reason, the walk gets the same answer. */
	if (fd == -ENOSYS || fd == -EPERM || fd == -EAGAIN || fd == -E2BIG || fd == -EINVAL)
		fd = reach_walk(sys, dirfd, name, flags);
	return fd;
}

int reach_stat(struct sys *sys, int dirfd, const char *name, struct sys_stat *stat)
{
	int fd = reach_open(sys, dirfd, name, O_PATH);
	int result;

	if (fd < 0)
		return fd;
	result = sys_statx(sys, fd, "", false, stat);
	sys_close(sys, fd);
	return result;
}

size_t reach_cut(const char *path, size_t end)
{
	while (end > 0 && path[end - 1] == '/')
		end--;
	while (end > 0 && path[end - 1] != '/')
		end--;
	return end;
}
