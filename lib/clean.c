/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Walking trees for what killed runs have left.
 *
 *   Level    True here                                    Then
 *   entered  its folder is open and pinned                searched
 *   searched all its names were looked at, what was left  walked
 *            is gone and synced
 *   walked   some of its folders are to be entered; it    the next of them is entered; none
 *            is pinned while none of them is              left: listed on, or left
 *   left     all below it was looked at                   the level above goes on
 *
 * Invariants:
 * L1 below an operand a folder is entered by one name in the one above, never through a
 *    link, and of another file system only on request;
 * L2 a level remembers at most LIMIT_LIST_BYTES of names; of a folder with more it lists
 *    them anew, when nothing is removed from it any more;
 * L3 what cannot be entered or listed is told, and the others go on;
 * L4 what is to be finished is told only if no run is at work in its folder or in one
 *    above it.
 */
#define _GNU_SOURCE
#include "clean.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "invariant.h"
#include "limits.h"
#include "lister.h"

enum clean_work {
	CLEAN_WORK_UNKNOWN,
	CLEAN_IDLE,
	CLEAN_AT_WORK,
};

struct clean_level {
	struct dir *dir; /* referenced */
	bool flat;	 /* nothing below it is asked for */
	bool listed;	 /* behind `names` there are no more */
	bool lost;	 /* it could not be opened again: what is below it stays unseen */
	int64_t offset;	 /* where they go on */
	char *names;	 /* folders in it, each with its NUL, owned */
	size_t bytes;
	size_t at;
	enum clean_work work;
};

static bool clean_is_cancelled(struct clean *clean)
{
	if (atomic_load(clean->residue.cancel) == 0)
		return false;
	clean->cut = true;
	return true;
}

static void clean_fail(const struct clean *clean, long result, const char *operation,
		       const char *path)
{
	struct error error;

	error_set(&error, result, ERROR_SIDE_TARGET, operation);
	event_post_error(clean->residue.events, &error, path, true);
}

static struct clean_level *clean_top(const struct clean *clean)
{
	WEIR_ASSERT(clean->depth > 0);
	return &clean->levels[clean->depth - 1];
}

/* ---- names ---- */

/* False: there is no room for it (L2), or no memory. */
static bool clean_keep(struct clean_level *level, const char *name)
{
	size_t bytes = strlen(name) + 1;
	char *names;

	if (level->bytes > 0 && level->bytes + bytes > LIMIT_LIST_BYTES)
		return false;
	names = realloc(level->names, level->bytes + bytes);
	if (names == NULL)
		return false;
	level->names = names;
	memcpy(names + level->bytes, name, bytes);
	level->bytes += bytes;
	return true;
}

static void clean_forget(struct clean_level *level)
{
	free(level->names);
	level->names = NULL;
	level->bytes = level->at = 0;
}

/* The type of NAME, asked for where the listing tells none. */
static unsigned char clean_type(const struct clean *clean, const struct lister *lister,
				const char *name)
{
	struct sys_stat stat;

	if (lister->type != DT_UNKNOWN)
		return lister->type;
	return sys_statx(clean->residue.sys, lister->fd, name, false, &stat) == 0
		       ? (unsigned char)IFTODT(stat.mode)
		       : DT_UNKNOWN;
}

/* ---- searched ---- */

/* True if a run holds the folder of LEVEL, which is not the one at hand. */
static bool clean_is_held(struct clean *clean, struct clean_level *level)
{
	struct sys *sys = clean->residue.sys;
	int fd = dir_pin(clean->residue.root, level->dir, NULL);
	int own = -1;

	if (level->work == CLEAN_WORK_UNKNOWN && fd >= 0) {
		own = sys_openat(sys, fd, ".", O_RDONLY | O_DIRECTORY, 0);
		level->work = own >= 0 && sys_flock(sys, own, LOCK_EX | LOCK_NB) == -EWOULDBLOCK
				      ? CLEAN_AT_WORK
				      : CLEAN_IDLE;
	}
	if (own >= 0)
		sys_close(sys, own); /* and its lock */
	if (fd >= 0)
		dir_unpin(clean->residue.root, level->dir);
	return level->work == CLEAN_AT_WORK;
}

/* L4 */
static bool clean_is_at_work(struct clean *clean, struct residue_folder *folder)
{
	if (residue_is_at_work(folder))
		return true;
	for (size_t i = clean->depth - 1; i > 0; i--)
		if (clean_is_held(clean, &clean->levels[i - 1]))
			return true;
	return false;
}

static void clean_look_at_file(struct clean *clean, struct residue_folder *folder, const char *name)
{
	struct sys_stat stat;

	if (residue_is_torn(folder, name, &stat) && !clean_is_at_work(clean, folder))
		residue_tell_unfinished(folder, name, &stat, WEIR_RESIDUE_FILE);
}

/* Looks at all names; folders are remembered as long as there is room. */
static void clean_look(struct clean *clean, struct clean_level *level,
		       struct residue_folder *folder, struct lister *lister)
{
	const char *name;
	bool keeps = !level->flat;

	level->listed = true;
	while (!clean_is_cancelled(clean) && (name = lister_next(lister)) != NULL) {
		unsigned char type;

		if (residue_take(folder, name, lister->type))
			continue;
		type = clean_type(clean, lister, name);
		if (type == DT_REG)
			clean_look_at_file(clean, folder, name);
		if (type != DT_DIR || !keeps || clean_keep(level, name))
			continue;
		keeps = level->listed = false;
		clean_forget(level);
	}
	if (lister->result < 0)
		residue_fail(&clean->residue, level->dir, NULL, lister->result, "list folder");
}

/* From entered to searched. */
static void clean_search(struct clean *clean, int fd)
{
	struct clean_level *level = clean_top(clean);
	struct residue_folder folder;
	struct lister lister;
	int result = lister_open(&lister, clean->residue.sys, fd, ".");

	event_wait_room(clean->residue.events);
	tally_add(&clean->residue.tally->folders_done, 1);
	if (result < 0) { /* L3 */
		level->listed = true;
		residue_fail(&clean->residue, level->dir, NULL, result, "open folder");
		return;
	}
	residue_begin(&folder, &clean->residue, level->dir, lister.fd);
	clean_look(clean, level, &folder, &lister);
	residue_end(&folder);
	lister_close(&lister);
}

/* ---- walked ---- */

/* L2: as many folders more as there is room for. */
static int clean_list_on(struct clean *clean, struct clean_level *level, int fd)
{
	struct lister lister;
	const char *name;
	int result = lister_open(&lister, clean->residue.sys, fd, ".");

	clean_forget(level);
	if (result == 0)
		result = lister_seek(&lister, level->offset);
	level->listed = true;
	while (result == 0 && (name = lister_next(&lister)) != NULL) {
		if (clean_type(clean, &lister, name) == DT_DIR && !clean_keep(level, name)) {
			level->listed = false;
			break;
		}
		level->offset = lister.offset;
	}
	if (result == 0)
		result = lister.result;
	lister_close(&lister);
	return result == 0 && !level->listed && level->bytes == 0 ? -ENOMEM : result;
}

/* The next folder to enter, or NULL. */
static const char *clean_next_name(struct clean *clean, struct clean_level *level)
{
	const char *name;

	if (level->at == level->bytes && !level->listed && !level->lost) {
		int result = clean_list_on(clean, level, level->dir->fd);

		if (result < 0) {
			level->listed = true;
			residue_fail(&clean->residue, level->dir, NULL, result, "list folder");
		}
	}
	if (level->at == level->bytes || level->lost)
		return NULL;
	name = level->names + level->at;
	level->at += strlen(name) + 1;
	return name;
}

/* L1.  A subvolume has a device number of its own, and a bind mount a mount of its own; a
 * mount of something else has both (C15).  What the kernel makes up is never entered. */
static bool clean_is_border(const struct clean *clean, const struct dir *parent,
			    const struct dir *dir)
{
	const struct residue *residue = &clean->residue;
	const struct fs *fs;

	if (dir->device == parent->device || dir->mount == parent->mount)
		return false;
	if (residue->settings->one_file_system)
		return true;
	fs = fs_find(residue->fs, dir->fd, dir->device, false);
	return fs != NULL && fs->kind == FS_PSEUDO;
}

/* Adds a level for DIR, pinned, whose reference it takes. */
static int clean_push(struct clean *clean, struct dir *dir)
{
	if (clean->depth == clean->room) {
		size_t room = clean->room > 0 ? 2 * clean->room : 32;
		struct clean_level *levels = reallocarray(clean->levels, room, sizeof(*levels));

		if (levels == NULL)
			return -ENOMEM;
		clean->levels = levels;
		clean->room = room;
	}
	clean->levels[clean->depth++] = (struct clean_level){ .dir = dir };
	return 0;
}

/* Enters the folder NAME of the level at hand. */
static void clean_enter(struct clean *clean, const char *name)
{
	struct root *root = clean->residue.root;
	struct dir *parent = clean_top(clean)->dir;
	struct dir *dir;
	int result;

	event_wait_room(clean->residue.events);
	result = dir_open_child(root, parent, parent->fd, name, false, &dir);

	if (result < 0) {
		/* Gone, or another thing by now. */
		if (result != -ENOENT && result != -ENOTDIR && result != -ELOOP)
			residue_fail(&clean->residue, parent, name, result, "open folder");
		return;
	}
	result = clean_is_border(clean, parent, dir) ? -EXDEV : clean_push(clean, dir);
	if (result < 0) {
		if (result != -EXDEV)
			residue_fail(&clean->residue, dir, NULL, result, "enter folder");
		dir_unpin(root, dir);
		dir_put(root, dir);
		return;
	}
	dir_unpin(root, parent);
	clean_search(clean, dir->fd);
}

/* Out of the level at hand; the one above is pinned again. */
static void clean_leave(struct clean *clean)
{
	struct root *root = clean->residue.root;
	struct clean_level left = *clean_top(clean);
	int fd;

	clean_forget(&left);
	clean->depth--;
	if (clean->depth > 0) {
		struct clean_level *above = clean_top(clean);

		fd = dir_pin(root, above->dir, left.dir);
		above->lost = fd < 0;
		if (fd < 0)
			residue_fail(&clean->residue, above->dir, NULL, fd, "open folder");
	}
	if (!left.lost)
		dir_unpin(root, left.dir);
	dir_put(root, left.dir);
}

/* ---- an operand ---- */

/* Walks DIR, pinned, and all below it unless it is FLAT. */
static void clean_walk(struct clean *clean, struct dir *dir, bool flat)
{
	int result = clean_push(clean, dir);

	if (result < 0) {
		clean_fail(clean, result, "enter folder", dir->name);
		dir_unpin(clean->residue.root, dir);
		dir_put(clean->residue.root, dir);
		return;
	}
	clean_top(clean)->flat = flat;
	clean_search(clean, dir->fd);
	while (clean->depth > 0) {
		const char *name = NULL;

		if (!clean_is_cancelled(clean))
			name = clean_next_name(clean, clean_top(clean));
		if (name != NULL)
			clean_enter(clean, name);
		else
			clean_leave(clean);
	}
}

/* The folder that PATH, which is no folder, lies in; to be freed. */
static char *clean_folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return strdup(".");
	while (slash > path && slash[-1] == '/')
		slash--;
	return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static void clean_open_and_walk(struct clean *clean, int dirfd, const char *path, bool flat)
{
	struct dir *dir;
	int result = dir_open_path(clean->residue.root, dirfd, path, &dir);

	if (result < 0)
		clean_fail(clean, result, "open folder", path);
	else
		clean_walk(clean, dir, flat);
}

int clean_resolve(struct sys *sys, int dirfd, const char *path, char **folder)
{
	struct sys_stat stat;
	int result = sys_statx_follow(sys, dirfd, path, &stat);

	*folder = NULL;
	if (result == 0 && S_ISDIR(stat.mode))
		return 0;
	/* A link that leads nowhere is a name in a folder, too. */
	if (result == -ENOENT || result == -ELOOP)
		result = sys_statx(sys, dirfd, path, false, &stat);
	if (result < 0)
		return result;
	*folder = clean_folder_of(path);
	return *folder == NULL ? -ENOMEM : 0;
}

void clean_operand(struct clean *clean, int dirfd, const char *path)
{
	char *folder;
	int result;

	if (clean_is_cancelled(clean))
		return;
	result = clean_resolve(clean->residue.sys, dirfd, path, &folder);
	if (result < 0)
		clean_fail(clean, result, "clean", path);
	else
		clean_open_and_walk(clean, dirfd, folder != NULL ? folder : path, folder != NULL);
	free(folder);
}

void clean_finish(struct clean *clean)
{
	WEIR_ASSERT(clean->depth == 0);
	residue_finish(&clean->residue);
	free(clean->levels);
	clean->levels = NULL;
	clean->room = 0;
}
