/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Listing a folder, name by name.
 *
 * Invariant: names from `at` to `bytes` of the buffer have not been handed out.
 */
#define _GNU_SOURCE
#include "lister.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* struct linux_dirent64 of getdents64(2). */
struct lister_dirent {
	uint64_t inode;
	int64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

int lister_open(struct lister *lister, struct sys *sys, int dirfd, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

	lister->sys = sys;
	lister->fd = sys_openat(sys, dirfd, name, flags | O_NOATIME, 0);
	if (lister->fd == -EPERM) /* not ours: it leaves a trace */
		lister->fd = sys_openat(sys, dirfd, name, flags, 0);
	lister->result = lister->fd < 0 ? lister->fd : 0;
	lister->bytes = lister->at = 0;
	lister->offset = 0;
	return lister->result;
}

static bool lister_is_dot(const char *name)
{
	return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* False: the end. */
static bool lister_fill(struct lister *lister)
{
	long bytes = sys_getdents(lister->sys, lister->fd, lister->buffer, LISTER_BYTES);

	lister->at = 0;
	lister->bytes = bytes > 0 ? bytes : 0;
	if (bytes < 0)
		lister->result = (int)bytes;
	return bytes > 0;
}

const char *lister_next(struct lister *lister)
{
	while (lister->at < lister->bytes || lister_fill(lister)) {
		const struct lister_dirent *entry = (const void *)(lister->buffer + lister->at);

		lister->at += entry->length;
		lister->type = entry->type;
		lister->offset = entry->offset;
		if (!lister_is_dot(entry->name))
			return entry->name;
	}
	return NULL;
}

int lister_seek(struct lister *lister, int64_t offset)
{
	int64_t result = sys_lseek(lister->sys, lister->fd, offset, SEEK_SET);

	lister->bytes = lister->at = 0;
	lister->result = result < 0 ? (int)result : 0;
	return lister->result;
}

void lister_close(struct lister *lister)
{
	if (lister->fd >= 0)
		sys_close(lister->sys, lister->fd);
	lister->fd = -1;
}
