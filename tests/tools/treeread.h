// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a tree holds, read into memory, to be compared.
 */
#ifndef TOOLS_TREEREAD_H
#define TOOLS_TREEREAD_H

#include <fcntl.h>
#include <stdbool.h>
#include <sys/xattr.h>

#include "common.h"

/* The time of folders that is compared: others have one of the clock. */
#ifndef OLD_TIME
#define OLD_TIME 1000000000
#endif

struct image_entry {
	char *path;
	struct stat stat;
	uint64_t content;    /* of bytes, or of the text of a link */
	uint64_t attributes; /* of the xattrs that are not weir's own */
	bool marked;	     /* it says that it is not of one moment */
};

struct image {
	struct image_entry *entries;
	size_t count, room;
};

static uint64_t mix(uint64_t hash, const void *data, size_t bytes)
{
	const uint8_t *at = data;

	for (; bytes >= 8; bytes -= 8, at += 8) {
		uint64_t word;

		memcpy(&word, at, 8);
		hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
		hash ^= hash >> 29;
	}
	for (size_t i = 0; i < bytes; i++)
		hash = (hash ^ at[i]) * 1099511628211ULL;
	return hash;
}

static uint64_t content_of(const char *path, const struct stat *stat)
{
	static uint8_t block[65536];
	uint64_t hash = 14695981039346656037ULL;
	ssize_t bytes;
	int fd;

	if (S_ISLNK(stat->st_mode)) {
		bytes = readlink(path, (char *)block, sizeof(block));
		return bytes < 0 ? 0 : mix(hash, block, (size_t)bytes);
	}
	if (!S_ISREG(stat->st_mode))
		return 0;
	fd = open(path, O_RDONLY | O_NOATIME);
	if (fd < 0)
		die("open %s", path);
	while ((bytes = read(fd, block, sizeof(block))) > 0)
		hash = mix(hash, block, (size_t)bytes);
	if (bytes < 0)
		die("read %s", path);
	close(fd);
	return hash;
}

/* Names are sorted by nobody: sums do not need it. */
static void look_at_attributes(const char *path, struct image_entry *entry)
{
	char names[4096], value[4096];
	ssize_t bytes = llistxattr(path, names, sizeof(names));

	for (char *name = names; bytes > 0 && name < names + bytes; name += strlen(name) + 1) {
		ssize_t size = lgetxattr(path, name, value, sizeof(value));

		if (strncmp(name, "user.weir.", 10) == 0) {
			entry->marked = true;
			continue;
		}
		if (strncmp(name, "security.", 9) != 0 && size >= 0)
			entry->attributes +=
				mix(mix(7, name, strlen(name) + 1), value, (size_t)size);
	}
	if (entry->stat.st_mtim.tv_sec == 1 && entry->stat.st_mtim.tv_nsec == 767676767)
		entry->marked = true;
}

static void tree_note(struct image *tree, const char *path, const char *from)
{
	struct image_entry entry = { 0 };

	if (lstat(path, &entry.stat) != 0)
		die("lstat %s", path);
	entry.path = must(strdup(from));
	entry.content = content_of(path, &entry.stat);
	look_at_attributes(path, &entry);
	if (tree->count == tree->room) {
		tree->room = tree->room * 2 + 16;
		tree->entries = must(realloc(tree->entries, tree->room * sizeof(entry)));
	}
	tree->entries[tree->count++] = entry;
}

struct tree_walk {
	struct image *tree;
	size_t skip; /* bytes of a path that are left out */
};

static void tree_walk(const char *path, void *context)
{
	struct tree_walk *walk = context;

	tree_note(walk->tree, path, path + walk->skip);
	if (S_ISDIR(walk->tree->entries[walk->tree->count - 1].stat.st_mode))
		each_in(path, tree_walk, walk);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct image_entry *)a)->path, ((const struct image_entry *)b)->path);
}

static void tree_read(struct image *tree, const char *path)
{
	struct tree_walk walk = { .tree = tree, .skip = strlen(path) };

	*tree = (struct image){ 0 };
	if (access(path, F_OK) == 0)
		tree_walk(path, &walk);
	if (tree->count > 0)
		qsort(tree->entries, tree->count, sizeof(struct image_entry), by_path);
}

static void tree_free(struct image *tree)
{
	for (size_t i = 0; i < tree->count; i++)
		free(tree->entries[i].path);
	free(tree->entries);
	*tree = (struct image){ 0 };
}

static const struct image_entry *tree_find(const struct image *tree, const char *path)
{
	struct image_entry key = { .path = (char *)(uintptr_t)path };

	return tree->count == 0 ? NULL
				: bsearch(&key, tree->entries, tree->count, sizeof(key), by_path);
}

/* What differs, in a word; NULL: nothing.  A folder has its time and mode only when
 * all below it is there: --complete. */
static const char *entry_differs(const struct image_entry *a, const struct image_entry *b,
				 bool complete)
{
	bool is_folder = S_ISDIR(a->stat.st_mode);

	if ((a->stat.st_mode & S_IFMT) != (b->stat.st_mode & S_IFMT))
		return "type";
	if (is_folder && !complete)
		return NULL;
	if (a->stat.st_mode != b->stat.st_mode)
		return "mode";
	if (a->stat.st_uid != b->stat.st_uid || a->stat.st_gid != b->stat.st_gid)
		return "owner";
	if (!is_folder && a->stat.st_size != b->stat.st_size)
		return "size";
	if (a->content != b->content)
		return "content";
	if (a->attributes != b->attributes)
		return "xattrs";
	/* Folders that a scenario makes without a time have one of the clock. */
	if ((is_folder ? b->stat.st_mtim.tv_sec == OLD_TIME : true) &&
	    (a->stat.st_mtim.tv_sec != b->stat.st_mtim.tv_sec ||
	     a->stat.st_mtim.tv_nsec != b->stat.st_mtim.tv_nsec))
		return "mtime";
	if (complete && !is_folder && a->stat.st_nlink != b->stat.st_nlink)
		return "links";
	return NULL;
}

#endif
