// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What an operation of each kind can end with: the faults that there are.
 */
#ifndef TOOLS_RESULTS_H
#define TOOLS_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct kind_results {
	const char *kind;
	const char *results;
};

/* On one file system or another. */
static const struct kind_results kinds[] = {
	{ "open", "EIO EACCES ENOMEM ENOENT ELOOP ESTALE EMFILE EINTR" },
	{ "create", "EIO ENOSPC EDQUOT EACCES EROFS ENOMEM EEXIST EOPNOTSUPP EMFILE" },
	{ "close", "EIO EINTR ENOSPC EDQUOT" },
	{ "statx", "EIO EACCES ENOENT ESTALE ENOMEM" },
	{ "statfs", "EIO ENOSYS ENOTTY" },
	{ "read", "EIO EINTR EAGAIN ESTALE ENOMEM 0 1 half less" },
	{ "write", "EIO ENOSPC EDQUOT EINTR EAGAIN EROFS EFBIG ENOMEM 0 1 half less" },
	{ "fsync", "EIO ENOSPC EDQUOT EROFS ESTALE" },
	{ "syncfs", "EIO ENOSPC EDQUOT ENOSYS" },
	{ "sync_file_range", "EIO ENOSPC ENOMEM" },
	{ "fallocate", "EIO ENOSPC EDQUOT EINTR EOPNOTSUPP EFBIG" },
	{ "ftruncate", "EIO ENOSPC EINTR EFBIG EACCES" },
	{ "lseek", "EIO EINVAL" },
	{ "cachestat", "ENOSYS EOPNOTSUPP EBADF" },
	{ "fadvise", "EINVAL EIO" },
	{ "setfl", "EINVAL" },
	{ "dup", "EMFILE EINTR" },
	{ "getflags", "ENOTTY EIO" },
	{ "setflags", "ENOTTY EPERM EIO" },
	{ "getattr", "ENOTTY EOPNOTSUPP EIO" },
	{ "setattr", "EPERM EIO ENOSPC" },
	{ "clone", "EOPNOTSUPP EXDEV EIO ENOSPC EDQUOT" },
	{ "copy_range", "EXDEV EIO ENOSPC EDQUOT EINTR 0 1 half" },
	{ "mkdir", "EIO ENOSPC EDQUOT EACCES EROFS EEXIST EMLINK ENOENT" },
	{ "unlink", "EIO EACCES EROFS EBUSY ENOENT EPERM" },
	{ "link", "EIO ENOSPC EDQUOT EACCES EEXIST EMLINK ENOENT EXDEV EPERM" },
	{ "rename", "EIO ENOSPC EDQUOT EACCES EBUSY EEXIST EINVAL EROFS EXDEV" },
	{ "symlink", "EIO ENOSPC EDQUOT EACCES EEXIST EROFS EPERM" },
	{ "mknod", "EIO ENOSPC EDQUOT EACCES EEXIST EROFS EPERM" },
	{ "readlink", "EIO EACCES ENOMEM EINVAL ESTALE" },
	{ "chown", "EPERM EIO EROFS EDQUOT" },
	{ "chmod", "EPERM EIO EROFS" },
	{ "utimens", "EPERM EIO EROFS" },
	{ "getdents", "EIO ENOENT ESTALE ENOMEM" },
	{ "flock", "EAGAIN EINTR ENOLCK EOPNOTSUPP" },
	{ "getxattr", "EIO EOPNOTSUPP ENODATA ENOMEM EACCES" },
	{ "setxattr", "EIO ENOSPC EDQUOT EOPNOTSUPP EPERM E2BIG EROFS" },
	{ "poll", "EINTR ENOMEM" },
	{ "ioprio", "EPERM" },
	{ "nice", "EACCES" },
	{ "random", "EINTR ENOSYS" },
	{ "confine", "ENOSYS EPERM ENOMEM" },
	{ "ring_setup", "EPERM ENOSYS ENOMEM EINVAL EMFILE" },
	{ "ring_register", "ENOMEM EPERM EINVAL EOPNOTSUPP" },
	{ "ring_enter", "EINTR EAGAIN EBUSY" },
};

/* What says that something is not there, which was never asked for, or that it cannot
 * be kept here: such a run may end well with less. */
static inline bool result_is_lie(const char *result)
{
	static const char *const lies[] = { "ENOENT", "ENODATA", "EOPNOTSUPP", "ENOTTY" };

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
		if (strcmp(result, lies[i]) == 0)
			return true;
	return false;
}

static inline bool result_is_full(const char *result)
{
	return strcmp(result, "ENOSPC") == 0 || strcmp(result, "EDQUOT") == 0;
}

/* A count of bytes, which a plan says otherwise than an errno. */
static inline bool result_is_part(const char *result)
{
	return strcmp(result, "half") == 0 || strcmp(result, "less") == 0 ||
	       strcmp(result, "1") == 0;
}

#endif
