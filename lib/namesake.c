/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One look at a listing.  It is needed only where a name that was not there is
 * taken all the same, so what it costs does not matter.
 */
#define _GNU_SOURCE
#include "namesake.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "limits.h"

struct namesake_dirent {
	uint64_t inode;
	int64_t offset;
	uint16_t length;
	uint8_t type;
	char name[];
};

static bool namesake_has(const char *buffer, ssize_t bytes, const char *name)
{
	for (ssize_t at = 0; at < bytes;) {
		const struct namesake_dirent *entry = (const void *)(buffer + at);

		if (strcmp(entry->name, name) == 0)
			return true;
		at += entry->length;
	}
	return false;
}

bool namesake_met(struct sys *sys, int dirfd, const char *name)
{
	char *buffer = malloc(LIMIT_LIST_BYTES);
	ssize_t bytes = -1;
	bool found = false;
	int fd = buffer != NULL ? sys_openat(sys, dirfd, ".", O_RDONLY | O_DIRECTORY, 0) : -1;

	while (fd >= 0 && !found && (bytes = sys_getdents(sys, fd, buffer, LIMIT_LIST_BYTES)) > 0)
		found = namesake_has(buffer, bytes, name);
	if (fd >= 0)
		sys_close(sys, fd);
	free(buffer);
	return bytes == 0 && !found;
}
