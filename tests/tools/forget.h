// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What would be left of the folder behind fusefs if the power went now: a second tree,
 * FOLDER/tree, which gets what is synced, when it is synced, and nothing else.
 *
 *   a sync of a file     its bytes, size, mode, owner, times and attributes
 *   a sync of a folder   its names, and its own mode, owner, times and attributes
 *   a rename             from one folder to another with the sync of either
 *
 * A name whose file was never synced leads to an empty one; what cannot be synced, such
 * as a symlink, comes with its name.  Once the power is off nothing is synced any more.
 */
#ifndef TOOLS_FORGET_H
#define TOOLS_FORGET_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define FORGET_NAME_BYTES 256
#define FORGET_KEY_BYTES 24

/* A folder that lives, and what is durable of it. */
struct forget_folder {
	ino_t inode;
	int live_fd, fd;
	struct forget_folder *parent; /* NULL: it has no durable name */
	char name[FORGET_NAME_BYTES];
	struct forget_folder *tied; /* a rename leads there or comes from there */
	struct forget_folder *next;
};

static struct {
	pthread_mutex_t lock;
	int root_fd;
	int objects_fd; /* by inode number: each file, and folders without a durable name */
	struct forget_folder *folders;
} forget = { .lock = PTHREAD_MUTEX_INITIALIZER, .objects_fd = -1 };

static __attribute__((noreturn)) void forget_fail(const char *what)
{
	fprintf(stderr, "fusefs: forget: %s: %s\n", what, strerror(errno));
	abort(); /* what is told of a power cut would be wrong */
}

static void forget_must(long result, const char *what)
{
	if (result < 0)
		forget_fail(what);
}

static const char *forget_key(ino_t inode, char key[FORGET_KEY_BYTES])
{
	snprintf(key, FORGET_KEY_BYTES, "%ju", (uintmax_t)inode);
	return key;
}

/* ---- one object ---- */

static void forget_copy_xattrs(const char *from, const char *to)
{
	char names[4096], value[65536];
	ssize_t bytes = llistxattr(to, names, sizeof(names));

	for (char *name = names; bytes > 0 && name < names + bytes; name += strlen(name) + 1)
		lremovexattr(to, name);
	bytes = llistxattr(from, names, sizeof(names));
	for (char *name = names; bytes > 0 && name < names + bytes; name += strlen(name) + 1) {
		ssize_t size = lgetxattr(from, name, value, sizeof(value));

		if (size >= 0)
			lsetxattr(to, name, value, (size_t)size, 0);
	}
}

/* Mode, owner and times of what LIVE says, and the attributes of what FROM leads to. */
static void forget_copy_attributes(const struct stat *live, const char *from, int dir,
				   const char *name)
{
	const struct timespec times[2] = { live->st_atim, live->st_mtim };
	char to[64 + FORGET_NAME_BYTES];

	snprintf(to, sizeof(to), "/proc/self/fd/%d/%s", dir, name);
	forget_must(fchownat(dir, name, live->st_uid, live->st_gid, AT_SYMLINK_NOFOLLOW), "chown");
	if (!S_ISLNK(live->st_mode)) {
		forget_must(fchmodat(dir, name, live->st_mode & 07777, 0), "chmod");
		forget_copy_xattrs(from, to);
	}
	forget_must(utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW), "utimens");
}

static void forget_copy_bytes(int from, int to, off_t size)
{
	static uint8_t block[65536];
	off_t at = 0;
	ssize_t bytes;

	forget_must(ftruncate(to, 0), "truncate");
	forget_must(ftruncate(to, size), "truncate");
	while ((bytes = pread(from, block, sizeof(block), at)) > 0) {
		forget_must(pwrite(to, block, (size_t)bytes, at), "write");
		at += bytes;
	}
	forget_must(bytes, "read");
}

/* The object of what has NAME in the live folder DIR, made as its name alone makes it. */
static void forget_make_object(int dir, const char *name, const struct stat *live)
{
	char key[FORGET_KEY_BYTES], text[4096] = "", from[64 + FORGET_NAME_BYTES];
	int result;

	forget_key(live->st_ino, key);
	if (faccessat(forget.objects_fd, key, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return;
	if (S_ISLNK(live->st_mode)) {
		forget_must(readlinkat(dir, name, text, sizeof(text) - 1), "readlink");
		result = symlinkat(text, forget.objects_fd, key);
	} else {
		result = mknodat(forget.objects_fd, key, live->st_mode, live->st_rdev);
	}
	forget_must(result, "make an object");
	snprintf(from, sizeof(from), "/proc/self/fd/%d/%s", dir, name);
	forget_copy_attributes(live, from, forget.objects_fd, key);
}

static bool forget_is_object(int dir, const char *name, ino_t inode)
{
	char key[FORGET_KEY_BYTES];
	struct stat named, object;

	return fstatat(dir, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(forget.objects_fd, forget_key(inode, key), &object, AT_SYMLINK_NOFOLLOW) ==
		       0 &&
	       named.st_ino == object.st_ino;
}

/* ---- folders ---- */

/* The folder NAME of the live folder DIR. */
static struct forget_folder *forget_folder_of(int dir, const char *name)
{
	struct forget_folder *folder;
	char key[FORGET_KEY_BYTES];
	struct stat stat;
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return NULL; /* it went meanwhile */
	forget_must(fstat(fd, &stat), "stat");
	for (folder = forget.folders; folder != NULL; folder = folder->next)
		if (folder->inode == stat.st_ino) {
			close(fd);
			return folder;
		}
	folder = calloc(1, sizeof(*folder));
	if (folder == NULL)
		forget_fail("memory");
	forget_key(stat.st_ino, key);
	forget_must(mkdirat(forget.objects_fd, key, 0700), "mkdir");
	folder->inode = stat.st_ino;
	folder->live_fd = fd;
	folder->fd = openat(forget.objects_fd, key, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	forget_must(folder->fd, "open");
	folder->next = forget.folders;
	forget.folders = folder;
	return folder;
}

/* Gives FOLDER another durable name; PARENT NULL: none. */
static void forget_move(struct forget_folder *folder, struct forget_folder *parent,
			const char *name)
{
	char key[FORGET_KEY_BYTES];
	int from = folder->parent != NULL ? folder->parent->fd : forget.objects_fd;

	forget_key(folder->inode, key);
	forget_must(renameat(from, folder->parent != NULL ? folder->name : key,
			     parent != NULL ? parent->fd : forget.objects_fd,
			     parent != NULL ? name : key),
		    "move a folder");
	folder->parent = parent;
	snprintf(folder->name, sizeof(folder->name), "%s", parent != NULL ? name : "");
}

static struct forget_folder *forget_child(const struct forget_folder *parent, const char *name)
{
	struct forget_folder *folder = forget.folders;

	while (folder != NULL && (folder->parent != parent || strcmp(folder->name, name) != 0))
		folder = folder->next;
	return folder;
}

static bool forget_next(DIR *dir, const struct dirent **entry)
{
	do {
		*entry = readdir(dir);
	} while (*entry != NULL &&
		 (strcmp((*entry)->d_name, ".") == 0 || strcmp((*entry)->d_name, "..") == 0));
	return *entry != NULL;
}

static DIR *forget_list(int fd)
{
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again >= 0 ? fdopendir(again) : NULL;

	if (dir == NULL)
		forget_fail("list a folder");
	return dir;
}

/* Durable names that live no more, or lead to something else by now. */
static void forget_drop_names(struct forget_folder *folder)
{
	DIR *dir = forget_list(folder->fd);
	const struct dirent *entry;

	while (forget_next(dir, &entry)) {
		struct forget_folder *child = forget_child(folder, entry->d_name);
		struct stat live = { 0 };
		bool lives = fstatat(folder->live_fd, entry->d_name, &live,
				     AT_SYMLINK_NOFOLLOW) == 0;

		if (child != NULL && (!lives || live.st_ino != child->inode))
			forget_move(child, NULL, NULL);
		else if (child == NULL &&
			 (!lives || !forget_is_object(folder->fd, entry->d_name, live.st_ino)))
			forget_must(unlinkat(folder->fd, entry->d_name, 0), "unlink");
	}
	closedir(dir);
}

static void forget_add_name(struct forget_folder *folder, const char *name)
{
	char key[FORGET_KEY_BYTES];
	struct forget_folder *child;
	struct stat live;

	if (fstatat(folder->live_fd, name, &live, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	if (S_ISDIR(live.st_mode)) {
		child = forget_folder_of(folder->live_fd, name);
		if (child != NULL && (child->parent != folder || strcmp(child->name, name) != 0))
			forget_move(child, folder, name);
		return;
	}
	if (faccessat(folder->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return;
	forget_make_object(folder->live_fd, name, &live);
	forget_must(linkat(forget.objects_fd, forget_key(live.st_ino, key), folder->fd, name, 0),
		    "link");
}

static void forget_sync_names(struct forget_folder *folder)
{
	struct forget_folder *tied = folder->tied;
	const struct dirent *entry;
	char from[64];
	struct stat live;
	DIR *dir;

	forget_drop_names(folder);
	dir = forget_list(folder->live_fd);
	while (forget_next(dir, &entry))
		forget_add_name(folder, entry->d_name);
	closedir(dir);
	forget_must(fstat(folder->live_fd, &live), "stat");
	snprintf(from, sizeof(from), "/proc/self/fd/%d", folder->live_fd);
	forget_copy_attributes(&live, from, folder->fd, ".");
	folder->tied = NULL;
	if (tied != NULL)
		forget_sync_names(tied);
}

/* ---- what fusefs calls ---- */

/* The file that FD is open for was synced. */
static void forget_sync_file(int fd)
{
	char key[FORGET_KEY_BYTES], from[64];
	struct stat live;
	int object;

	if (forget.objects_fd < 0)
		return;
	pthread_mutex_lock(&forget.lock);
	forget_must(fstat(fd, &live), "stat");
	snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	fd = open(from, O_RDONLY | O_CLOEXEC);
	forget_must(fd, "open a file again");
	object = openat(forget.objects_fd, forget_key(live.st_ino, key),
			O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	forget_must(object, "make an object");
	forget_copy_bytes(fd, object, live.st_size);
	forget_copy_attributes(&live, from, forget.objects_fd, key);
	close(object);
	close(fd);
	pthread_mutex_unlock(&forget.lock);
}

static void forget_sync_folder(const char *place)
{
	struct forget_folder *folder;

	if (forget.objects_fd < 0)
		return;
	pthread_mutex_lock(&forget.lock);
	folder = forget_folder_of(AT_FDCWD, place);
	if (folder != NULL)
		forget_sync_names(folder);
	pthread_mutex_unlock(&forget.lock);
}

/* What was renamed between the folders of two places is durable in both or in none. */
static void forget_tie(const char *from, const char *to)
{
	const char *place[2] = { from, to };
	struct forget_folder *folder[2];
	char above[2][4096];

	if (forget.objects_fd < 0)
		return;
	pthread_mutex_lock(&forget.lock);
	for (int i = 0; i < 2; i++) {
		snprintf(above[i], sizeof(above[i]), "%.*s",
			 (int)(strrchr(place[i], '/') - place[i]), place[i]);
		folder[i] = forget_folder_of(AT_FDCWD, above[i]);
	}
	if (folder[0] != NULL && folder[1] != NULL && folder[0] != folder[1]) {
		if (folder[0]->tied != NULL || folder[1]->tied != NULL) {
			/* One pair is enough: what is more is durable sooner. */
			forget_sync_names(folder[0]);
			forget_sync_names(folder[1]);
		}
		folder[0]->tied = folder[1];
		folder[1]->tied = folder[0];
	}
	pthread_mutex_unlock(&forget.lock);
}

static void forget_take_all(struct forget_folder *folder)
{
	DIR *dir = forget_list(folder->live_fd);
	const struct dirent *entry;

	while (forget_next(dir, &entry)) {
		struct stat live;
		int fd;

		forget_must(fstatat(folder->live_fd, entry->d_name, &live, AT_SYMLINK_NOFOLLOW),
			    "stat");
		if (S_ISDIR(live.st_mode))
			forget_take_all(forget_folder_of(folder->live_fd, entry->d_name));
		if (!S_ISREG(live.st_mode))
			continue;
		fd = openat(folder->live_fd, entry->d_name, O_RDONLY | O_CLOEXEC);
		forget_must(fd, "open");
		forget_sync_file(fd);
		close(fd);
	}
	closedir(dir);
	forget_sync_names(folder);
}

/* All that is in BACKING is durable by now; FOLDER is where what is durable is kept. */
static void forget_begin(const char *backing, const char *folder)
{
	struct forget_folder *root;
	char key[FORGET_KEY_BYTES];

	forget_must(mkdir(folder, 0700), folder);
	forget.root_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	forget_must(forget.root_fd, folder);
	forget_must(mkdirat(forget.root_fd, "objects", 0700), "objects");
	forget.objects_fd = openat(forget.root_fd, "objects", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	forget_must(forget.objects_fd, "objects");
	root = forget_folder_of(AT_FDCWD, backing);
	if (root == NULL)
		forget_fail(backing);
	forget_take_all(root);
	/* Now it gets the name that it keeps. */
	forget_must(renameat(forget.objects_fd, forget_key(root->inode, key), forget.root_fd,
			     "tree"),
		    "tree");
}

#endif
