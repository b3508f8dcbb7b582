// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What small trees are made of.
 */
#ifndef TOOLS_TREEMAKE_H
#define TOOLS_TREEMAKE_H

#include <fcntl.h>
#include <sys/xattr.h>

#include "common.h"

#define OLD_TIME 1000000000

/* Everything is made below the current folder of the process. */

static inline void set_time(const char *path, long seconds)
{
	struct timespec times[2] = { { .tv_sec = seconds }, { .tv_sec = seconds } };

	if (utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) != 0)
		die("utimensat %s", path);
}

static inline void folder(const char *path)
{
	if (mkdir(path, 0755) != 0)
		die("mkdir %s", path);
}

static inline void file_part(const char *path, size_t offset, size_t bytes, uint32_t seed)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0644);
	uint8_t *data = must(malloc(bytes + 1));

	for (size_t i = 0; i < bytes; i++) {
		seed = seed * 1664525 + 1013904223;
		data[i] = (uint8_t)(seed >> 24);
	}
	if (fd < 0 || pwrite(fd, data, bytes, (off_t)offset) != (ssize_t)bytes || close(fd) != 0)
		die("write %s", path);
	free(data);
}

static inline void file(const char *path, size_t bytes, uint32_t seed)
{
	file_part(path, 0, bytes, seed);
	set_time(path, OLD_TIME + seed);
}

static inline void size_of(const char *path, off_t bytes)
{
	if (truncate(path, bytes) != 0)
		die("truncate %s", path);
}

static inline void name_too(const char *path, const char *other)
{
	if (link(path, other) != 0)
		die("link %s", other);
}

static inline void points_to(const char *path, const char *text)
{
	if (symlink(text, path) != 0)
		die("symlink %s", path);
	set_time(path, OLD_TIME + 77);
}

static inline void attribute(const char *path, const char *name, const void *value, size_t bytes)
{
	if (setxattr(path, name, value, bytes, 0) != 0 && errno != EOPNOTSUPP)
		die("setxattr %s", path);
}

/* An ACL that gives uid 1 all rights: version 2 and five entries. */
static inline void acl(const char *path)
{
	static const uint8_t value[] = {
		2, 0, 0,   0,	1,   0,	  6,  0, 255, 255, 255, 255, 2,	  0,   7,
		0, 1, 0,   0,	0,   4,	  0,  4, 0,   255, 255, 255, 255, 16,  0,
		7, 0, 255, 255, 255, 255, 32, 0, 4,   0,   255, 255, 255, 255,
	};

	attribute(path, "system.posix_acl_access", value, sizeof(value));
}

#endif
