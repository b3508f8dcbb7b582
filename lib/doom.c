/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The walk through what is to be removed.
 *
 * Invariants:
 * Z1 nothing is followed: each folder is opened by one name in the one above it, and
 *    must be what was looked at;
 * Z2 one folder is open at a time, and no function calls itself: depth costs a few
 *    bytes a folder;
 * Z3 a folder on another mount is not entered (L02).
 */
#define _GNU_SOURCE
#include "doom.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "array.h"
#include "backup.h"
#include "limits.h"

struct doom_dirent {
	uint64_t inode;
	int64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

/* A folder that the walk is in. */
struct doom_level {
	uint64_t device;
	uint64_t inode;
	uint64_t mount;
	int64_t offset;	   /* where its listing goes on */
	size_t path_bytes; /* of it */
	bool keeps;	   /* something in it stays */
};

struct doom_walk {
	const struct doom *doom;
	int fd; /* of the innermost folder */
	struct doom_level *levels;
	size_t depth;
	size_t room;
	char *path;
	size_t path_bytes;
	size_t path_room;
	uint64_t listed;
	bool stopped; /* the way back is lost, or there is no memory */
};

static uint64_t doom_mount(const struct sys_stat *stat)
{
	return stat->mount_id != 0 ? stat->mount_id : stat->device;
}

static void doom_tell(struct doom_walk *walk, long result, const char *operation, const char *text)
{
	struct error error;
	char *path;

	if (text != NULL)
		error_set_text(&error, ERROR_SIDE_TARGET, operation, text);
	else
		error_set(&error, result, ERROR_SIDE_TARGET, operation);
	path = plan_path_below(walk->doom->target_path, walk->path);
	event_post_error(walk->doom->events, &error, path != NULL ? path : walk->path, true);
	free(path);
	walk->doom->plan->told++; /* its lock is ours */
}

static void doom_stop(struct doom_walk *walk, long result)
{
	walk->stopped = true;
	walk->doom->plan->failed = walk->doom->plan->failed < 0 ? walk->doom->plan->failed
								: (int)result;
}

/* The path of NAME in the innermost folder.  False: no memory. */
static bool doom_set_path(struct doom_walk *walk, const char *name)
{
	size_t head = walk->depth > 0 ? walk->levels[walk->depth - 1].path_bytes : 0;
	size_t bytes = strlen(name);

	if (walk->path == NULL || head + bytes + 2 > walk->path_room) {
		size_t room = 2 * (head + bytes + 2);
		char *path = realloc(walk->path, room);

		if (path == NULL) {
			doom_stop(walk, -ENOMEM);
			return false;
		}
		walk->path = path;
		walk->path_room = room;
	}
	if (walk->depth > 0)
		walk->path[head++] = '/';
	memcpy(walk->path + head, name, bytes + 1);
	walk->path_bytes = head + bytes;
	return true;
}

/* True if what goes gets a backup in its folder, which so does not go. */
static bool doom_backs_up(const struct doom *doom)
{
	return doom->settings->backup != WEIR_BACKUP_NONE && doom->attics[0] == NULL &&
	       doom->attics[1] == NULL;
}

/* True if NAME of the innermost folder is what keeps that which goes. */
static bool doom_is_attic(const struct doom_walk *walk, const char *name,
			  const struct sys_stat *stat)
{
	const struct doom_level *level = &walk->levels[walk->depth - 1];

	for (size_t i = 0; i < 2; i++) {
		const struct attic *attic = walk->doom->attics[i];

		if (attic != NULL && attic_is(attic, level->device, level->inode, name, stat))
			return true;
	}
	return false;
}

/* True if the innermost folder is to hold an attic that is not there yet. */
static bool doom_holds_attic(const struct doom_walk *walk, const struct sys_stat *stat)
{
	for (size_t i = 0; i < 2; i++)
		if (walk->doom->attics[i] != NULL && attic_is_below(walk->doom->attics[i], stat))
			return true;
	return false;
}

static bool doom_is_protected(const struct doom_walk *walk, const char *name,
			      const struct sys_stat *stat)
{
	const struct doom *doom = walk->doom;

	if (doom_is_attic(walk, name, stat) ||
	    (doom_backs_up(doom) && !S_ISDIR(stat->mode) && backup_is_one(doom->settings, name)))
		return true;
	if (doom->filter->count == 0 || doom->settings->delete_excluded)
		return false;
	return filter_judge(doom->filter, walk->path, walk->path_bytes,
			    S_ISDIR(stat->mode) ? FILTER_FOLDER : FILTER_OTHER) == FILTER_EXCLUDED;
}

static bool doom_push(struct doom_walk *walk, const struct sys_stat *stat)
{
	struct doom_level *levels =
		array_grow(walk->levels, walk->depth, &walk->room, sizeof(*levels));

	if (levels == NULL) {
		doom_stop(walk, -ENOMEM);
		return false;
	}
	walk->levels = levels;
	walk->levels[walk->depth++] = (struct doom_level){
		.device = stat->device,
		.inode = stat->inode,
		.mount = doom_mount(stat),
		.path_bytes = walk->path_bytes,
		.keeps = doom_holds_attic(walk, stat),
	};
	return true;
}

/* Opens the folder NAME in FD, which STAT tells about (Z1); or -errno. */
static int doom_open(struct doom_walk *walk, int fd, const char *name, const struct sys_stat *stat)
{
	struct sys *sys = walk->doom->sys;
	struct sys_stat now;
	int result;

	fd = root_open_to_list(walk->doom->root, fd, name);
	if (fd < 0)
		return fd;
	result = sys_statx(sys, fd, "", false, &now);
	if (result == 0 && (now.device != stat->device || now.inode != stat->inode))
		result = -ESTALE;
	if (result == 0)
		return fd;
	sys_close(sys, fd);
	return result;
}

/* Goes into the folder NAME of FD.  False: it stays, which was told. */
static bool doom_enter(struct doom_walk *walk, int fd, uint64_t mount, const char *name,
		       const struct sys_stat *stat)
{
	int child;

	if (doom_mount(stat) != mount) {
		doom_tell(walk, 0, "delete", "it is a mount point, which is not emptied"); /* Z3 */
		return false;
	}
	child = doom_open(walk, fd, name, stat);
	if (child < 0) {
		doom_tell(walk, child, "list folder to delete", NULL);
		return false;
	}
	if (!doom_push(walk, stat)) {
		sys_close(walk->doom->sys, child);
		return false;
	}
	plan_add(walk->doom->plan, PLAN_ENTER, name, stat);
	if (walk->depth > 1)
		sys_close(walk->doom->sys, walk->fd);
	walk->fd = child;
	return true;
}

/* What becomes of a folder that was left: the outermost one has its name until something
 * else gets it, so that there is no moment in which nothing has it. */
static enum plan_kind doom_end(const struct doom_walk *walk, bool keeps)
{
	if (keeps)
		return PLAN_LEAVE_KEPT;
	return walk->depth == 0 && walk->doom->makes_way ? PLAN_LEAVE_VACANT : PLAN_LEAVE;
}

/* Back to the folder above (Z1). */
static void doom_leave(struct doom_walk *walk)
{
	struct sys *sys = walk->doom->sys;
	struct doom_level *level = &walk->levels[--walk->depth];
	bool keeps = level->keeps;
	struct sys_stat stat;
	int fd;

	stat = (struct sys_stat){ .device = level->device, .inode = level->inode, .mode = S_IFDIR };
	plan_add(walk->doom->plan, doom_end(walk, keeps), "", &stat);
	if (walk->depth == 0) {
		sys_close(sys, walk->fd);
		return;
	}
	level--;
	level->keeps = level->keeps || keeps;
	fd = root_open_to_list(walk->doom->root, walk->fd, "..");
	sys_close(sys, walk->fd);
	walk->fd = fd;
	if (fd >= 0 &&
	    (sys_statx(sys, fd, "", false, &stat) < 0 || stat.device != level->device ||
	     stat.inode != level->inode || sys_lseek(sys, fd, level->offset, SEEK_SET) < 0)) {
		sys_close(sys, fd);
		fd = -ESTALE;
	}
	if (fd < 0)
		doom_stop(walk, fd);
}

/* One entry of the innermost folder.  True: the walk went into it. */
static bool doom_take(struct doom_walk *walk, const struct doom_dirent *entry)
{
	struct doom_level *level = &walk->levels[walk->depth - 1];
	struct sys_stat stat;
	int result;

	if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0)
		return false;
	walk->listed++;
	if (!doom_set_path(walk, entry->name))
		return false;
	result = strlen(entry->name) < LIMIT_NAME_BYTES
			 ? sys_statx(walk->doom->sys, walk->fd, entry->name, false, &stat)
			 : -ENAMETOOLONG;
	if (result == -ENOENT)
		return false;
	if (result < 0)
		doom_tell(walk, result, "stat", NULL);
	if (result < 0 || doom_is_protected(walk, entry->name, &stat)) {
		level->keeps = true;
		return false;
	}
	if (!S_ISDIR(stat.mode)) {
		plan_add(walk->doom->plan, PLAN_REMOVE, entry->name, &stat);
		level->keeps = level->keeps || doom_backs_up(walk->doom);
		return false;
	}
	if (doom_enter(walk, walk->fd, level->mount, entry->name, &stat))
		return true;
	walk->levels[walk->depth - 1].keeps = true;
	return false;
}

/* Lists the innermost folder until it ends or the walk goes deeper. */
static void doom_list(struct doom_walk *walk)
{
	_Alignas(struct doom_dirent) char buffer[LIMIT_LIST_BYTES];
	ssize_t bytes = 1;

	while (bytes > 0 && !walk->stopped) {
		bytes = sys_getdents(walk->doom->sys, walk->fd, buffer, sizeof(buffer));
		for (ssize_t at = 0; at < bytes && !walk->stopped;) {
			const struct doom_dirent *entry = (const void *)(buffer + at);

			at += entry->length;
			walk->levels[walk->depth - 1].offset = entry->offset;
			if (doom_take(walk, entry))
				return;
		}
	}
	if (walk->stopped)
		return;
	if (bytes < 0) {
		walk->path[walk->levels[walk->depth - 1].path_bytes] = '\0';
		doom_tell(walk, bytes, "list folder to delete", NULL);
		walk->levels[walk->depth - 1].keeps = true;
	}
	doom_leave(walk);
}

void doom_name(const struct doom *doom, int fd, const char *name, const struct sys_stat *stat,
	       const char *path)
{
	struct doom_walk walk = { .doom = doom, .fd = -1 };
	struct sys_stat above;
	int result;

	if (!S_ISDIR(stat->mode)) {
		plan_add(doom->plan, PLAN_REMOVE, name, stat);
		return;
	}
	if (!doom_set_path(&walk, path)) {
		free(walk.path);
		return;
	}
	result = sys_statx(doom->sys, fd, "", false, &above);
	if (result < 0)
		doom_tell(&walk, result, "stat folder above", NULL);
	else if (doom_enter(&walk, fd, doom_mount(&above), name, stat))
		while (walk.depth > 0 && !walk.stopped)
			doom_list(&walk);
	if (walk.stopped && walk.depth > 0 && walk.fd >= 0)
		sys_close(doom->sys, walk.fd);
	plan_count_listed(doom->plan, walk.listed);
	free(walk.levels);
	free(walk.path);
}
