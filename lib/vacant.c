/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names that nothing has.
 *
 * Invariant: where the kernel renames only to what is free, nothing is ever replaced;
 * where it does not, only what got the name between a look and the rename could be.
 */
#define _GNU_SOURCE
#include "vacant.h"

#include <errno.h>
#include <stdio.h>

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#endif

int vacant_rename(struct sys *sys, int fd, const char *name, int to_fd, const char *to)
{
	struct sys_stat stat;
	int result = sys_rename_to(sys, fd, name, to_fd, to, RENAME_NOREPLACE);

	if (result != -EINVAL && result != -ENOSYS && result != -EOPNOTSUPP)
		return result;
	/* Looking first is all that such a file system offers. */
	result = sys_statx(sys, to_fd, to, false, &stat);
	if (result == 0)
		return -EEXIST;
	return result == -ENOENT ? sys_rename_to(sys, fd, name, to_fd, to, 0) : result;
}
