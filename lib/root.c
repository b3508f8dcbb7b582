/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Folder descriptors: pinned, kept, closed, opened again.
 *
 *   State    True here                         Then
 *   pinned   pins > 0, fd open, in no list     dir_unpin() -> idle
 *   idle     pins == 0, fd open, in root.idle  dir_pin() -> pinned; evicted -> closed
 *   closed   fd == -1                          dir_pin() opens it again
 *
 * Invariants:
 * O1 at most open_max dirs are idle or pinned, unless all of them are pinned;
 * O2 a reopened folder has the device and inode it had;
 * O3 no recursion and no allocation by depth: a chain of 10,000 folders is
 *    climbed through the dirs themselves;
 * O4 a dir with named temps is pinned and locked until they are gone;
 * O5 pins go from 0 to 1 and from 1 to 0 only under the lock, so a pinned dir
 *    is pinned again without it.
 */
#define _GNU_SOURCE
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "invariant.h"
#include "limits.h"
#include "reach.h"

#define ROOT_OPEN_FLAGS (O_RDONLY | O_DIRECTORY | O_NONBLOCK)

int root_open(struct root *root, struct sys *sys, uint32_t open_max)
{
	root->sys = sys;
	root->open_count = 0;
	root->open_max = open_max;
	root->keeps_atimes = false;
	list_init(&root->idle);
	return -pthread_mutex_init(&root->lock, NULL);
}

void root_close(struct root *root)
{
	WEIR_ASSERT(root->open_count == 0);
	pthread_mutex_destroy(&root->lock);
}

static void root_drop_fd(struct root *root, struct dir *dir)
{
	WEIR_ASSERT(dir->pins == 0 && dir->fd >= 0);
	if (!list_empty(&dir->lru))
		list_remove(&dir->lru);
	sys_close(root->sys, dir->fd);
	dir->fd = -1;
	root->open_count--;
}

/* Closes the dir that was idle longest, sparing every 64th level of a deep
 * tree while there is another choice: it bounds the climb of a reopening. */
static bool root_evict_one(struct root *root)
{
	struct dir *victim = NULL;

	for (struct list *node = root->idle.next; node != &root->idle; node = node->next) {
		struct dir *dir = LIST_ENTRY(node, struct dir, lru);

		if (victim == NULL)
			victim = dir;
		if (dir->depth % LIMIT_CHECKPOINT_DEPTH != 0) {
			victim = dir;
			break;
		}
	}
	if (victim == NULL)
		return false;
	root_drop_fd(root, victim);
	return true;
}

static void root_keep_budget(struct root *root)
{
	while (root->open_count > root->open_max && root_evict_one(root))
		;
}

/* How a folder is opened. */
struct root_way {
	int dirfd;
	const char *name;
	bool follow;  /* it may be a link; */
	bool trusted; /* whoever named it meant it, however it leads there */
};

static int root_open_by(struct root *root, const struct root_way *way, int flags)
{
	if (way->follow && !way->trusted)
		return reach_open(root->sys, way->dirfd, way->name, flags);
	return sys_openat(root->sys, way->dirfd, way->name, flags | (way->follow ? 0 : O_NOFOLLOW),
			  0);
}

static int root_try_open(struct root *root, const struct root_way *way)
{
	int fd = -EPERM;

	if (root->keeps_atimes)
		fd = root_open_by(root, way, ROOT_OPEN_FLAGS | O_NOATIME);
	if (fd == -EPERM) /* not ours */
		fd = root_open_by(root, way, ROOT_OPEN_FLAGS);
	/* A folder that may be searched but not read: names in it can be used,
	 * it can be neither listed nor synced. */
	if (fd == -EACCES)
		fd = root_open_by(root, way, (ROOT_OPEN_FLAGS & ~O_NONBLOCK) | O_PATH);
	return fd;
}

/* Opens with eviction where descriptors run out; under the lock. */
static int root_openat(struct root *root, const struct root_way *way)
{
	int fd;

	do {
		fd = root_try_open(root, way);
	} while ((fd == -EMFILE || fd == -ENFILE) && root_evict_one(root));
	return fd;
}

/* The same without the lock, which a cold folder would hold for long. */
static int root_openat_unlocked(struct root *root, const struct root_way *way)
{
	bool evicted = true;
	int fd = root_try_open(root, way);

	while ((fd == -EMFILE || fd == -ENFILE) && evicted) {
		pthread_mutex_lock(&root->lock);
		evicted = root_evict_one(root);
		pthread_mutex_unlock(&root->lock);
		if (evicted)
			fd = root_try_open(root, way);
	}
	return fd;
}

int root_open_to_list(struct root *root, int dirfd, const char *name)
{
	int fd = -EPERM;

	if (root->keeps_atimes)
		fd = sys_openat(root->sys, dirfd, name, ROOT_OPEN_FLAGS | O_NOFOLLOW | O_NOATIME,
				0);
	if (fd == -EPERM)
		fd = sys_openat(root->sys, dirfd, name, ROOT_OPEN_FLAGS | O_NOFOLLOW, 0);
	return fd;
}

/* A dir for the descriptor FD, pinned, not yet known to the root. */
static int dir_make(struct root *root, int fd, const char *name, struct dir **made)
{
	size_t name_bytes = strlen(name) + 1;
	struct sys_stat stat;
	int result = sys_statx(root->sys, fd, "", false, &stat);
	struct dir *dir;

	if (result < 0)
		return result;
	dir = calloc(1, sizeof(*dir) + name_bytes);
	if (dir == NULL)
		return -ENOMEM;
	list_init(&dir->lru);
	memcpy(dir->name, name, name_bytes);
	dir->fd = fd;
	dir->base_fd = AT_FDCWD;
	dir->refs = 1;
	dir->pins = 1;
	dir->device = stat.device;
	dir->inode = stat.inode;
	dir->mount = stat.mount_id != 0 ? stat.mount_id : stat.device;
	*made = dir;
	return 0;
}

static int dir_open(struct root *root, struct dir *parent, int dirfd, const char *name, bool follow,
		    struct dir **dir)
{
	const struct root_way way = { dirfd, name, follow, parent == NULL };
	int fd = root_openat_unlocked(root, &way);
	int result = fd < 0 ? fd : dir_make(root, fd, name, dir);

	if (result < 0) {
		if (fd >= 0)
			sys_close(root->sys, fd);
		return result;
	}
	pthread_mutex_lock(&root->lock);
	(*dir)->parent = parent;
	(*dir)->follow = follow;
	if (parent != NULL) {
		(*dir)->depth = parent->depth + 1;
		parent->refs++;
	}
	root->open_count++;
	root_keep_budget(root);
	pthread_mutex_unlock(&root->lock);
	return 0;
}

int dir_open_path(struct root *root, int base_fd, const char *path, struct dir **dir)
{
	int result = dir_open(root, NULL, base_fd, path, true, dir);

	if (result == 0)
		(*dir)->base_fd = base_fd;
	return result;
}

int dir_open_child(struct root *root, struct dir *parent, int parent_fd, const char *name,
		   bool follow, struct dir **dir)
{
	return dir_open(root, parent, parent_fd, name, follow, dir);
}

int dir_step(struct root *root, struct dir **dir, const char *name, bool follow, uint64_t device,
	     uint64_t inode)
{
	struct dir *child;
	int fd = dir_pin(root, *dir, NULL);
	int result;

	if (fd < 0)
		return fd;
	result = dir_open_child(root, *dir, fd, name, follow, &child);
	dir_unpin(root, *dir);
	if (result < 0)
		return result;
	dir_unpin(root, child);
	if (child->device != device || child->inode != inode) {
		dir_put(root, child);
		return -ESTALE;
	}
	dir_put(root, *dir); /* the new one holds it */
	*dir = child;
	return 0;
}

struct dir *dir_get(struct root *root, struct dir *dir)
{
	pthread_mutex_lock(&root->lock);
	WEIR_ASSERT(dir->refs > 0);
	dir->refs++;
	pthread_mutex_unlock(&root->lock);
	return dir;
}

void dir_put(struct root *root, struct dir *dir)
{
	pthread_mutex_lock(&root->lock);
	while (dir != NULL) {
		struct dir *parent = dir->parent;

		WEIR_ASSERT(dir->refs > 0);
		if (--dir->refs > 0)
			break;
		WEIR_ASSERT(dir->pins == 0 && dir->temps == 0);
		if (dir->fd >= 0)
			root_drop_fd(root, dir);
		free(dir);
		dir = parent; /* O3: the parent's reference goes in this loop */
	}
	pthread_mutex_unlock(&root->lock);
}

/* Takes FD as the dir's descriptor if it is the same folder (O2). */
static int dir_adopt(struct root *root, struct dir *dir, int fd)
{
	struct sys_stat stat;
	int result;

	if (fd < 0)
		return fd;
	result = sys_statx(root->sys, fd, "", false, &stat);
	if (result == 0 && (stat.device != dir->device || stat.inode != dir->inode))
		result = -ESTALE;
	if (result < 0) {
		sys_close(root->sys, fd);
		return result;
	}
	dir->fd = fd;
	root->open_count++;
	return 0;
}

/* Opens DIR by walking down from its nearest open ancestor.  Each step stays
 * in the idle list, so the next climb is short. */
static int dir_walk_down(struct root *root, struct dir *dir)
{
	struct dir *step = dir;
	struct dir *held = NULL;
	struct root_way way;
	int result = 0;

	dir->climb = NULL;
	while (step->fd < 0 && step->parent != NULL) {
		step->parent->climb = step;
		step = step->parent;
	}
	if (step->fd < 0) {
		way = (struct root_way){ step->base_fd, step->name, true, true };
		result = dir_adopt(root, step, root_openat(root, &way));
	}
	for (; result == 0 && step != dir; step = step->climb) {
		/* The folder a step is opened from must not be evicted for it. */
		held = step;
		if (held->pins++ == 0 && !list_empty(&held->lru))
			list_remove(&held->lru);
		way = (struct root_way){ step->fd, step->climb->name, step->climb->follow, false };
		result = dir_adopt(root, step->climb, root_openat(root, &way));
		if (--held->pins == 0)
			list_add_tail(&root->idle, &held->lru);
		if (root->open_count > root->open_max)
			root_evict_one(root);
	}
	return result;
}

/* Adds a pin to a dir that has one: it cannot be closed meanwhile, so this
 * needs no lock.  Three threads pin for each small file; with the lock they
 * met in it 50,000 times in a tree of 40,000 files. */
static bool dir_pin_again(struct dir *dir)
{
	uint32_t pins = atomic_load(&dir->pins);

	while (pins > 0)
		if (atomic_compare_exchange_weak(&dir->pins, &pins, pins + 1))
			return true;
	return false;
}

/* Drops a pin that is not the last. */
static bool dir_unpin_not_last(struct dir *dir)
{
	uint32_t pins = atomic_load(&dir->pins);

	while (pins > 1)
		if (atomic_compare_exchange_weak(&dir->pins, &pins, pins - 1))
			return true;
	return false;
}

int dir_pin(struct root *root, struct dir *dir, const struct dir *from_child)
{
	const struct root_way up = { from_child != NULL ? from_child->fd : -1, "..", false, false };
	int result = 0;

	if (dir_pin_again(dir))
		return dir->fd;
	pthread_mutex_lock(&root->lock);
	if (dir->fd < 0) {
		WEIR_ASSERT(dir->pins == 0);
		if (from_child != NULL && from_child->fd >= 0 && from_child->parent == dir)
			result = dir_adopt(root, dir, root_openat(root, &up));
		else
			result = dir_walk_down(root, dir);
		if (result < 0 && from_child != NULL && dir->fd < 0)
			result = dir_walk_down(root, dir);
	}
	if (result == 0) {
		if (dir->pins++ == 0 && !list_empty(&dir->lru))
			list_remove(&dir->lru);
		root_keep_budget(root);
		result = dir->fd;
		WEIR_ASSERT(result >= 0);
	}
	pthread_mutex_unlock(&root->lock);
	return result;
}

void dir_unpin(struct root *root, struct dir *dir)
{
	if (dir_unpin_not_last(dir))
		return;
	pthread_mutex_lock(&root->lock);
	WEIR_ASSERT(dir->pins > 0 && dir->fd >= 0);
	if (--dir->pins == 0) {
		list_add_tail(&root->idle, &dir->lru);
		root_keep_budget(root);
	}
	pthread_mutex_unlock(&root->lock);
}

int dir_temp_added(struct root *root, struct dir *dir)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	int result = -EWOULDBLOCK;

	/* A sweep for leftovers holds the lock for moments; who holds it longer
	 * is a run that wants the folder for itself. */
	for (int tries = 0; tries < 25 && result == -EWOULDBLOCK; tries++) {
		if (tries > 0)
			nanosleep(&pause, NULL);
		pthread_mutex_lock(&root->lock);
		WEIR_ASSERT(dir->pins > 0);
		result = dir->temps > 0 || dir->held
				 ? 0
				 : sys_flock(root->sys, dir->fd, LOCK_SH | LOCK_NB);
		/* Anything else: locks do not work here, which the age rule of
		 * the sweep is for. */
		if (result != -EWOULDBLOCK && dir->temps++ == 0)
			dir->pins++; /* O4 */
		pthread_mutex_unlock(&root->lock);
	}
	return result == -EWOULDBLOCK ? result : 0;
}

void dir_temp_removed(struct root *root, struct dir *dir)
{
	pthread_mutex_lock(&root->lock);
	WEIR_ASSERT(dir->temps > 0);
	if (--dir->temps == 0) {
		if (!dir->held)
			sys_flock(root->sys, dir->fd, LOCK_UN);
		WEIR_ASSERT(dir->pins > 0);
		if (--dir->pins == 0) {
			list_add_tail(&root->idle, &dir->lru);
			root_keep_budget(root);
		}
	}
	pthread_mutex_unlock(&root->lock);
}

/* The kernel may hold the ring of a run that was killed for some ms, and with it its
 * lock (M10). */
int dir_hold(struct root *root, struct dir *dir, int times)
{
	const struct timespec pause = { .tv_nsec = 50000000 };
	int result = -EWOULDBLOCK;

	WEIR_ASSERT(dir->pins > 0 && !dir->held);
	for (int tries = 0; tries < times && result == -EWOULDBLOCK; tries++) {
		if (tries > 0)
			nanosleep(&pause, NULL);
		result = sys_flock(root->sys, dir->fd, LOCK_EX | LOCK_NB);
	}
	if (result == -EWOULDBLOCK)
		return result;
	pthread_mutex_lock(&root->lock);
	dir->held = true;
	dir->pins++; /* O4 */
	pthread_mutex_unlock(&root->lock);
	return 0;
}

void dir_release(struct root *root, struct dir *dir)
{
	WEIR_ASSERT(dir->held && dir->temps == 0);
	sys_flock(root->sys, dir->fd, LOCK_UN);
	dir->held = false;
	dir_unpin(root, dir);
}

char *dir_path(const struct dir *dir, const char *name)
{
	size_t bytes = name != NULL ? strlen(name) + 1 : 0;
	char *path, *at;

	for (const struct dir *step = dir; step != NULL; step = step->parent)
		bytes += strlen(step->name) + 1;
	path = malloc(bytes + 2);
	if (path == NULL)
		return NULL;
	at = path + bytes;
	*at = '\0';
	if (name != NULL) {
		at -= strlen(name);
		memcpy(at, name, strlen(name));
		*--at = '/';
	}
	for (const struct dir *step = dir; step != NULL; step = step->parent) {
		size_t length = strlen(step->name);

		/* "f" was named, not "./f". */
		if (step->parent == NULL && strcmp(step->name, ".") == 0 && *at == '/') {
			at++;
			break;
		}
		/* An operand "d/" or "/" brings its own slash. */
		while (step->parent == NULL && length > 0 && step->name[length - 1] == '/')
			length--;
		at -= length;
		memcpy(at, step->name, length);
		if (step->parent != NULL)
			*--at = '/';
	}
	memmove(path, at, strlen(at) + 1);
	if (path[0] == '\0')
		memcpy(path, "/", 2);
	return path;
}
