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

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#endif
#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
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

int vacant_exchange(struct sys *sys, int fd, const char *name, const char *to, int flags)
{
	int result = sys_renameat2(sys, fd, name, to, RENAME_EXCHANGE);

	if (result == -EINVAL || result == -ENOSYS || result == -EOPNOTSUPP)
		return 1;
	if (result < 0)
		return result;
	result = sys_unlinkat(sys, fd, name, flags);
	/* It may be something else by now, with whatever somebody has there. */
	if (result < 0)
		sys_renameat2(sys, fd, name, to, RENAME_EXCHANGE);
	return result;
}
