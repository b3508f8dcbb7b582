/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every direct system call that the library makes on files, one thin function
 * each.  All return >= 0 or a negative errno, never errno, and all pass one
 * point, as the ring's operations do (point.h).
 */
#ifndef WEIR_SYS_H
#define WEIR_SYS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/vfs.h>
#include <time.h>

#include "point.h"

/* What the kernel knows and Debian 12's headers do not. */
#define SYS_NR_OPENAT2 437	/* openat2(2), Linux 5.6, the same everywhere */
#define SYS_NR_FCHMODAT2 452	/* fchmodat2(2), Linux 6.6, the same everywhere */
#define SYS_NR_GETXATTRAT 464	/* getxattrat(2), Linux 6.13, the same everywhere */
#define SYS_NR_LISTXATTRAT 465	/* listxattrat(2), the same */
#define SYS_NR_FILE_GETATTR 468 /* file_getattr(2), Linux 6.17, nearly everywhere */
#define SYS_NR_FILE_SETATTR 469
#define SYS_STATX_DIOALIGN 0x2000U /* statx(2), Linux 6.1 */
#define SYS_STATX_MNT_ID 0x1000U   /* the same, Linux 5.8 */

struct sys {
	struct point point;
	_Atomic bool no_xattrat; /* the kernel has no getxattrat() and listxattrat() */
};

/* Attributes of an entry, from statx(2). */
struct sys_stat {
	uint64_t device;
	uint64_t inode;
	uint64_t size_bytes;
	uint64_t blocks; /* of 512 bytes */
	uint32_t mode;	 /* type and permissions */
	uint32_t uid;
	uint32_t gid;
	uint32_t links;
	uint64_t rdev;
	uint64_t mount_id;	   /* 0: the kernel does not tell */
	uint32_t dio_memory_align; /* 0: unknown or no direct I/O, see dio_known */
	uint32_t dio_offset_align;
	uint64_t attributes;	   /* STATX_ATTR_ that users set: compressed, immutable, ... */
	uint64_t attributes_known; /* bits of it that this file system tells */
	bool append_only;	   /* or immutable: names in it cannot be removed */
	bool compressed;	   /* the compressed flag is set */
	bool encrypted;		   /* it is encrypted by its file system */
	bool dio_known;		   /* the kernel told the two above */
	struct timespec atime;
	struct timespec mtime;
	struct timespec ctime;
	struct timespec btime; /* of its birth, or 0 */
};

/* struct file_attr of linux/fs.h, Linux 6.17. */
struct sys_attr {
	uint64_t xflags; /* FS_XFLAG_ */
	uint32_t extent_bytes;
	uint32_t extents;
	uint32_t project;
	uint32_t cow_extent_bytes;
};

void sys_open(struct sys *sys);

/* Reads a small file of /proc or /sys as text with a NUL; its bytes or -errno. */
ssize_t sys_read_text(struct sys *sys, const char *path, char *text, size_t size);
/* The same of one of any length up to MOST bytes, such as a list of mounts, which the
 * kernel hands out a page at a time; to be freed.  Its bytes or -errno; -EFBIG. */
ssize_t sys_read_whole(struct sys *sys, const char *path, size_t most, char **text);
/* The umask, read and not set; -1 if /proc does not tell (since Linux 4.7). */
int sys_umask(struct sys *sys);

/* True if PATH can be found. */
bool sys_exists(struct sys *sys, const char *path);

void sys_close_trace(struct sys *sys);

int sys_openat(struct sys *sys, int dirfd, const char *name, int flags, mode_t mode);
/* openat2(2), Linux 5.6: follows links, but no magic ones of /proc. */
int sys_openat2_plain(struct sys *sys, int dirfd, const char *name, int flags);
/* Opens what FD has open once more, with other flags, through /proc: without that
 * -EOPNOTSUPP. */
int sys_reopen(struct sys *sys, int fd, int flags);
/* Makes the descriptor TO be what FROM is, which is closed.  Operations that were
 * issued with TO go on with what it was, or with what it is. */
int sys_move_fd(struct sys *sys, int from, int to);
int sys_close(struct sys *sys, int fd);
/* A nameless file in memory: memfd_create(2), Linux 3.17. */
int sys_memfd(struct sys *sys, const char *name);
/* NAME "" means the descriptor itself. */
int sys_statx(struct sys *sys, int dirfd, const char *name, bool want_dio, struct sys_stat *stat);
/* As sys_statx(), following a link in NAME. */
int sys_statx_follow(struct sys *sys, int dirfd, const char *name, struct sys_stat *stat);
/* As sys_statx(), asking a server anew, whatever was remembered. */
int sys_statx_fresh(struct sys *sys, int dirfd, const char *name, struct sys_stat *stat);
int sys_fstatfs(struct sys *sys, int fd, struct statfs *statfs);
/* Of a stream: at its own position. */
ssize_t sys_read(struct sys *sys, int fd, void *data, size_t length);
ssize_t sys_write(struct sys *sys, int fd, const void *data, size_t length);
/* Waits for EVENTS of FD (-1: for none), at most so long: poll(2).  1 if something
 * is to be told, errors and hang-ups included, 0 or -errno. */
int sys_poll(struct sys *sys, int fd, short events, int timeout_ms);
ssize_t sys_pread(struct sys *sys, int fd, void *data, size_t length, int64_t offset);
ssize_t sys_pwrite(struct sys *sys, int fd, const void *data, size_t length, int64_t offset);
/* The same of all LENGTH bytes: interrupted and short ones go on, up to a limit of
 * interruptions.  What was read is less only at the end of the file. */
ssize_t sys_pread_all(struct sys *sys, int fd, void *data, size_t length, int64_t offset);
int sys_pwrite_all(struct sys *sys, int fd, const void *data, size_t length, int64_t offset);
int sys_fsync(struct sys *sys, int fd);
int sys_fdatasync(struct sys *sys, int fd);
int sys_syncfs(struct sys *sys, int fd);
int sys_sync_file_range(struct sys *sys, int fd, int64_t offset, int64_t length, unsigned flags);
int sys_fallocate(struct sys *sys, int fd, int mode, int64_t offset, int64_t length);
int sys_ftruncate(struct sys *sys, int fd, int64_t size);
int64_t sys_lseek(struct sys *sys, int fd, int64_t offset, int whence);
/* Pages of [0, length) in the page cache and of these dirty; cachestat(2),
 * Linux 6.5. */
int sys_cachestat(struct sys *sys, int fd, uint64_t length, uint64_t *cached_pages,
		  uint64_t *dirty_pages);
/* Drops what the page cache has of a file and is not dirty: posix_fadvise(2). */
int sys_drop_cache(struct sys *sys, int fd);
/* Makes TARGET_FD share all blocks of SOURCE_FD: ioctl_ficlone(2), Linux 4.5. */
int sys_clone(struct sys *sys, int target_fd, int source_fd);
/* Copies up to BYTES from OFFSET to the same offset: copy_file_range(2), Linux 4.5,
 * by the raw call, because wrappers of glibc 2.41 and 2.42 are wrong above 2 GiB.
 * Bytes, 0 or -errno. */
int64_t sys_copy_file_range(struct sys *sys, int source_fd, int target_fd, int64_t offset,
			    uint64_t bytes);
int sys_set_direct(struct sys *sys, int fd, bool direct);
/* The inode flags (FS_..._FL of linux/fs.h) of an open file or folder. */
int sys_get_flags(struct sys *sys, int fd, uint32_t *flags);
int sys_set_flags(struct sys *sys, int fd, uint32_t flags);
/* The flags and the project of NAME in DIRFD, or of the descriptor itself if it is
 * "": an open file or folder by its ioctl(2), names and what was opened with O_PATH
 * by the calls of Linux 6.17, which do not follow links.  What is set must have been
 * got from there. */
int sys_get_attr(struct sys *sys, int dirfd, const char *name, struct sys_attr *attr);
int sys_get_attr_path(struct sys *sys, int fd, struct sys_attr *attr);
int sys_set_attr(struct sys *sys, int fd, bool is_path, const struct sys_attr *attr);
/* The UUID of the file system of the open FD (Linux 6.9; of btrfs always), and its
 * label, "" if it has none (Linux 4.18): as far as the file system tells them. */
#define SYS_LABEL_BYTES 256 /* with NUL */
int sys_get_fs_uuid(struct sys *sys, int fd, uint8_t uuid[16]);
int sys_get_btrfs_uuid(struct sys *sys, int fd, uint8_t uuid[16]);
int sys_get_fs_label(struct sys *sys, int fd, char label[SYS_LABEL_BYTES]);
/* The encryption policy of the folder FD, and whether the key that KEY names is
 * there: fscrypt, Linux 5.4. */
struct fscrypt_get_policy_ex_arg;
struct fscrypt_get_key_status_arg;
int sys_get_encryption(struct sys *sys, int fd, struct fscrypt_get_policy_ex_arg *policy);
int sys_get_key_status(struct sys *sys, int fd, struct fscrypt_get_key_status_arg *key);
int sys_mkdirat(struct sys *sys, int dirfd, const char *name, mode_t mode);
int sys_unlinkat(struct sys *sys, int dirfd, const char *name, int flags);
/* Names the inode of FD; by AT_EMPTY_PATH, or through /proc/self/fd. */
int sys_link_fd(struct sys *sys, int fd, int dirfd, const char *name, bool through_proc);
int sys_linkat(struct sys *sys, int dirfd, const char *old_name, const char *new_name);
int sys_renameat2(struct sys *sys, int dirfd, const char *old_name, const char *new_name,
		  unsigned flags);
/* The same two between folders; the trace has the one that it comes to. */
int sys_link_to(struct sys *sys, int from_fd, const char *old_name, int to_fd,
		const char *new_name);
int sys_rename_to(struct sys *sys, int from_fd, const char *old_name, int to_fd,
		  const char *new_name, unsigned flags);
int sys_symlinkat(struct sys *sys, const char *text, int dirfd, const char *name);
int sys_mknodat(struct sys *sys, int dirfd, const char *name, mode_t mode, dev_t rdev);
ssize_t sys_readlinkat(struct sys *sys, int dirfd, const char *name, char *text, size_t size);
/* What changes attributes takes a descriptor, never a name.  One that was opened
 * with O_PATH needs calls of its own: those ending in _path, and IS_PATH below.
 * They go through /proc where the kernel has none; without that -EOPNOTSUPP. */
int sys_fchown(struct sys *sys, int fd, uid_t uid, gid_t gid); /* either kind */
int sys_fchmod(struct sys *sys, int fd, mode_t mode);
int sys_fchmod_path(struct sys *sys, int fd, mode_t mode);
int sys_futimens(struct sys *sys, int fd, const struct timespec times[2]);
int sys_futimens_path(struct sys *sys, int fd, const struct timespec times[2]);
ssize_t sys_getdents(struct sys *sys, int fd, void *buffer, size_t size);
int sys_flock(struct sys *sys, int fd, int operation);
/* Extended attributes: read of the descriptor if NAME is "", else of NAME in DIRFD,
 * which before Linux 6.13 is reached through /proc: without that -ENOENT. */
ssize_t sys_listxattr(struct sys *sys, int dirfd, const char *name, char *list, size_t size);
ssize_t sys_getxattr(struct sys *sys, int dirfd, const char *name, const char *attribute,
		     void *value, size_t size);
int sys_setxattr(struct sys *sys, int fd, bool is_path, const char *attribute, const void *value,
		 size_t size);
int sys_removexattr(struct sys *sys, int fd, bool is_path, const char *attribute);
/* The I/O priority of the calling thread, a class << 13 and a level: ioprio_get(2),
 * ioprio_set(2).  The library C has no functions for them. */
int sys_get_io_priority(struct sys *sys);
int sys_set_io_priority(struct sys *sys, int priority);
/* The nice value of the calling thread alone: setpriority(2), "C library/kernel
 * differences". */
int sys_set_nice(struct sys *sys, int nice);
/* Fills BYTES in by chance: getrandom(2). */
int sys_random(struct sys *sys, void *bytes, size_t count);

#endif
