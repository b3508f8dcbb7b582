/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * System calls on files.
 *
 * Invariants:
 * Y1 errno is read in the line after the call and goes no further;
 * Y2 every call passes the point (point.h) exactly once, before it and after it;
 * Y3 close() is never repeated: after EINTR the descriptor is gone (Linux).
 */
#define _GNU_SOURCE
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/btrfs.h>
#include <linux/fs.h>
#include <linux/fscrypt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "invariant.h"
#include "limits.h"

/* Attributes of statx(2) that are flags which users set. */
#define SYS_SET_ATTRIBUTES \
	(STATX_ATTR_COMPRESSED | STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND | STATX_ATTR_NODUMP)

#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif
#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#endif

#define SYS_IOPRIO_WHO_PROCESS 1 /* of linux/ioprio.h, which older headers lack */
#define SYS_NO_MAGICLINKS 2U	 /* RESOLVE_NO_MAGICLINKS */
#define SYS_WHOLE_STEP_BYTES KIB(16)

/* struct fsuuid2 and FS_IOC_GETFSUUID of linux/fs.h, Linux 6.9; and its label. */
struct sys_fs_uuid {
	uint8_t bytes;
	uint8_t uuid[16];
};
#define SYS_GETFSUUID _IOR(0x15, 0, struct sys_fs_uuid)
#define SYS_GETFSLABEL _IOR(0x94, 49, char[SYS_LABEL_BYTES])

/* What an operation is about, for the point that it passes. */
#define SYS_OP(of_kind, of_fd, of_name, of_offset, of_length, of_flags)                     \
	{                                                                                   \
		.kind = (of_kind), .fd = (of_fd), .name = (of_name), .offset = (of_offset), \
		.length = (of_length), .flags = (of_flags),                                 \
	}

#define SYS_CALL(sys, op, call) POINT_CALL(&(sys)->point, op, call) /* Y2 */

/* Where the path of an operation is made of something else than its FD and NAME. */
static void sys_op_at(struct sys_op *op, int fd, const char *name)
{
	op->at = true;
	op->at_fd = fd;
	op->at_name = name;
}

/* What an operation gives to a file. */
static void sys_op_data(struct sys_op *op, const void *data, size_t bytes)
{
	op->data = data;
	op->data_bytes = bytes;
}

void sys_open(struct sys *sys)
{
	atomic_store(&sys->no_xattrat, false);
	point_open(&sys->point);
}

void sys_close_trace(struct sys *sys)
{
	point_close(&sys->point);
}

/* A call's value, or its negative errno (Y1). */
static inline long sys_result(long value)
{
	return value < 0 ? -errno : value;
}

/* The way to what an O_PATH descriptor holds: the kernel goes to that very inode,
 * whatever its name leads to by now, and not on from there if it is a link. */
#define SYS_FD_PATH_BYTES 32

static const char *sys_fd_path(char path[SYS_FD_PATH_BYTES], int fd)
{
	snprintf(path, SYS_FD_PATH_BYTES, "/proc/self/fd/%d", fd);
	return path;
}

/* Without /proc there is no way left, which is not the fault of the entry. */
static long sys_fd_result(long result)
{
	return result == -ENOENT || result == -ENOTDIR ? -EOPNOTSUPP : result;
}

int sys_openat(struct sys *sys, int dirfd, const char *name, int flags, mode_t mode)
{
	bool creates = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
	struct sys_op op =
		SYS_OP(creates ? SYS_CREATE : SYS_OPEN, dirfd, name, 0, mode, (unsigned)flags);

	return (int)SYS_CALL(sys, &op, sys_result(openat(dirfd, name, flags | O_CLOEXEC, mode)));
}

int sys_openat2_plain(struct sys *sys, int dirfd, const char *name, int flags)
{
	/* struct open_how of linux/openat2.h, which not all have. */
	const uint64_t how[3] = { [0] = (unsigned)flags | O_CLOEXEC, [2] = SYS_NO_MAGICLINKS };
	struct sys_op op = SYS_OP(SYS_OPEN, dirfd, name, 0, 0, (unsigned)flags);

	return (int)SYS_CALL(sys, &op,
			     sys_result(syscall(SYS_NR_OPENAT2, dirfd, name, how, sizeof(how))));
}

int sys_memfd(struct sys *sys, const char *name)
{
	struct sys_op op = SYS_OP(SYS_CREATE, -1, name, 0, 0, 0);

	return (int)SYS_CALL(sys, &op, sys_result(memfd_create(name, MFD_CLOEXEC)));
}

int sys_reopen(struct sys *sys, int fd, int flags)
{
	struct sys_op op = SYS_OP(SYS_OPEN, fd, NULL, 0, 0, (unsigned)flags);
	char path[SYS_FD_PATH_BYTES];

	return (int)SYS_CALL(
		sys, &op,
		sys_fd_result(sys_result(open(sys_fd_path(path, fd), flags | O_CLOEXEC))));
}

int sys_move_fd(struct sys *sys, int from, int to)
{
	struct sys_op op = SYS_OP(SYS_DUP, from, NULL, 0, 0, 0);
	long result = SYS_CALL(sys, &op, sys_result(dup3(from, to, O_CLOEXEC)));

	sys_close(sys, from);
	return result < 0 ? (int)result : 0;
}

int sys_close(struct sys *sys, int fd)
{
	struct sys_op op = SYS_OP(SYS_CLOSE, fd, NULL, 0, 0, 0);
	long result;

	WEIR_ASSERT(fd >= 0);
	result = SYS_CALL(sys, &op, sys_result(close(fd)));
	return result == -EINTR ? 0 : (int)result; /* Y3 */
}

ssize_t sys_read_text(struct sys *sys, const char *path, char *text, size_t size)
{
	int fd = sys_openat(sys, AT_FDCWD, path, O_RDONLY, 0);
	ssize_t bytes;

	if (fd < 0)
		return fd;
	bytes = sys_pread(sys, fd, text, size - 1, 0);
	sys_close(sys, fd);
	if (bytes >= 0)
		text[bytes] = '\0';
	return bytes;
}

/* Reads FD to its end into *TEXT, which grows; its bytes or -errno. */
static ssize_t sys_read_growing(struct sys *sys, int fd, size_t most, char **text)
{
	size_t room = 0, used = 0;
	unsigned tries = 0;

	for (;;) {
		ssize_t bytes;

		if (used + 1 >= room) {
			char *larger = realloc(*text, room + SYS_WHOLE_STEP_BYTES);

			if (larger == NULL)
				return -ENOMEM;
			*text = larger;
			room += SYS_WHOLE_STEP_BYTES;
		}
		bytes = sys_read(sys, fd, *text + used, room - used - 1);
		if (bytes == -EINTR && ++tries < LIMIT_TRIES)
			continue;
		if (bytes < 0)
			return bytes;
		used += (size_t)bytes;
		(*text)[used] = '\0';
		if (used > most)
			return -EFBIG;
		if (bytes == 0)
			return (ssize_t)used;
	}
}

ssize_t sys_read_whole(struct sys *sys, const char *path, size_t most, char **text)
{
	int fd = sys_openat(sys, AT_FDCWD, path, O_RDONLY, 0);
	ssize_t bytes;

	*text = NULL;
	if (fd < 0)
		return fd;
	bytes = sys_read_growing(sys, fd, most, text);
	sys_close(sys, fd);
	if (bytes >= 0)
		return bytes;
	free(*text);
	*text = NULL;
	return bytes;
}

int sys_umask(struct sys *sys)
{
	char text[512]; /* it is in the second line, after the name */
	const char *line;

	if (sys_read_text(sys, "/proc/self/status", text, sizeof(text)) <= 0)
		return -1;
	line = strstr(text, "\nUmask:");
	return line != NULL ? (int)strtoul(line + strlen("\nUmask:"), NULL, 8) : -1;
}

bool sys_exists(struct sys *sys, const char *path)
{
	struct sys_stat stat;

	return sys_statx(sys, AT_FDCWD, path, false, &stat) == 0;
}

static struct timespec sys_timespec(struct statx_timestamp stamp)
{
	return (struct timespec){ .tv_sec = stamp.tv_sec, .tv_nsec = (long)stamp.tv_nsec };
}

static int sys_statx_flags(struct sys *sys, int dirfd, const char *name, int flags, bool want_dio,
			   struct sys_stat *stat)
{
	struct statx raw;
	uint32_t mask = STATX_BASIC_STATS | STATX_BTIME | SYS_STATX_MNT_ID |
			(want_dio ? SYS_STATX_DIOALIGN : 0);
	struct sys_op op = SYS_OP(SYS_STATX, dirfd, name, 0, 0, (unsigned)flags);
	long result = SYS_CALL(sys, &op, sys_result(statx(dirfd, name, flags, mask, &raw)));

	if (result < 0)
		return (int)result;
	*stat = (struct sys_stat){
		.device = makedev(raw.stx_dev_major, raw.stx_dev_minor),
		.inode = raw.stx_ino,
		.size_bytes = raw.stx_size,
		.blocks = raw.stx_blocks,
		.mode = raw.stx_mode,
		.uid = raw.stx_uid,
		.gid = raw.stx_gid,
		.links = raw.stx_nlink,
		.rdev = makedev(raw.stx_rdev_major, raw.stx_rdev_minor),
		.attributes = raw.stx_attributes & SYS_SET_ATTRIBUTES,
		.attributes_known = raw.stx_attributes_mask & SYS_SET_ATTRIBUTES,
		.append_only = (raw.stx_attributes & (STATX_ATTR_APPEND | STATX_ATTR_IMMUTABLE)) !=
			       0,
		.encrypted = (raw.stx_attributes & STATX_ATTR_ENCRYPTED) != 0,
		.compressed = (raw.stx_attributes & STATX_ATTR_COMPRESSED) != 0,
		.dio_known = (raw.stx_mask & SYS_STATX_DIOALIGN) != 0,
		.atime = sys_timespec(raw.stx_atime),
		.mtime = sys_timespec(raw.stx_mtime),
		.ctime = sys_timespec(raw.stx_ctime),
		.btime = (raw.stx_mask & STATX_BTIME) != 0 ? sys_timespec(raw.stx_btime)
							   : (struct timespec){ 0 },
	};
	/* At offset 0x90 of struct statx (linux/stat.h) the mount, and two words
	 * behind it; older headers call them spare. */
	if ((raw.stx_mask & SYS_STATX_MNT_ID) != 0)
		memcpy(&stat->mount_id, (const char *)&raw + 0x90, 8);
	if (stat->dio_known) {
		memcpy(&stat->dio_memory_align, (const char *)&raw + 0x98, 4);
		memcpy(&stat->dio_offset_align, (const char *)&raw + 0x9c, 4);
	}
	return 0;
}

int sys_statx(struct sys *sys, int dirfd, const char *name, bool want_dio, struct sys_stat *stat)
{
	int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;

	if (name[0] == '\0')
		flags |= AT_EMPTY_PATH;
	return sys_statx_flags(sys, dirfd, name, flags, want_dio, stat);
}

int sys_statx_follow(struct sys *sys, int dirfd, const char *name, struct sys_stat *stat)
{
	return sys_statx_flags(sys, dirfd, name, 0, false, stat);
}

int sys_statx_fresh(struct sys *sys, int dirfd, const char *name, struct sys_stat *stat)
{
	int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_FORCE_SYNC;

	if (name[0] == '\0')
		flags |= AT_EMPTY_PATH;
	return sys_statx_flags(sys, dirfd, name, flags, false, stat);
}

int sys_fstatfs(struct sys *sys, int fd, struct statfs *statfs)
{
	struct sys_op op = SYS_OP(SYS_STATFS, fd, NULL, 0, 0, 0);

	int result = (int)SYS_CALL(sys, &op, sys_result(fstatfs(fd, statfs)));

	if (result == 0)
		point_statfs(&sys->point, statfs);
	return result;
}

ssize_t sys_pread(struct sys *sys, int fd, void *data, size_t length, int64_t offset)
{
	struct sys_op op = SYS_OP(SYS_READ, fd, NULL, offset, length, 0);

	WEIR_ASSERT(offset >= 0);
	return SYS_CALL(sys, &op, sys_result(pread(fd, data, op.length, offset)));
}

ssize_t sys_read(struct sys *sys, int fd, void *data, size_t length)
{
	struct sys_op op = SYS_OP(SYS_READ, fd, NULL, 0, length, 0);

	return SYS_CALL(sys, &op, sys_result(read(fd, data, op.length)));
}

ssize_t sys_write(struct sys *sys, int fd, const void *data, size_t length)
{
	struct sys_op op = SYS_OP(SYS_WRITE, fd, NULL, 0, length, 0);

	sys_op_data(&op, data, length);
	return SYS_CALL(sys, &op, sys_result(write(fd, data, op.length)));
}

int sys_poll(struct sys *sys, int fd, short events, int timeout_ms)
{
	struct pollfd one = { .fd = fd, .events = events };
	struct sys_op op = SYS_OP(SYS_POLL, fd, NULL, 0, 0, 0);

	return (int)SYS_CALL(sys, &op, sys_result(poll(&one, 1, timeout_ms)));
}

ssize_t sys_pwrite(struct sys *sys, int fd, const void *data, size_t length, int64_t offset)
{
	struct sys_op op = SYS_OP(SYS_WRITE, fd, NULL, offset, length, 0);

	WEIR_ASSERT(offset >= 0);
	sys_op_data(&op, data, length);
	return SYS_CALL(sys, &op, sys_result(pwrite(fd, data, op.length, offset)));
}

ssize_t sys_pread_all(struct sys *sys, int fd, void *data, size_t length, int64_t offset)
{
	unsigned tries = 0;
	size_t done = 0;

	while (done < length) {
		ssize_t bytes = sys_pread(sys, fd, (char *)data + done, length - done,
					  offset + (int64_t)done);

		if (bytes == -EINTR && ++tries < LIMIT_TRIES)
			continue;
		if (bytes < 0)
			return bytes;
		if (bytes == 0)
			break;
		done += (size_t)bytes;
	}
	return (ssize_t)done;
}

int sys_pwrite_all(struct sys *sys, int fd, const void *data, size_t length, int64_t offset)
{
	unsigned tries = 0;
	size_t done = 0;

	while (done < length) {
		ssize_t bytes = sys_pwrite(sys, fd, (const char *)data + done, length - done,
					   offset + (int64_t)done);

		if (bytes == -EINTR && ++tries < LIMIT_TRIES)
			continue;
		if (bytes <= 0)
			return bytes < 0 ? (int)bytes : -EIO;
		done += (size_t)bytes;
	}
	return 0;
}

int sys_fsync(struct sys *sys, int fd)
{
	struct sys_op op = SYS_OP(SYS_FSYNC, fd, NULL, 0, 0, 0);

	return (int)SYS_CALL(sys, &op, sys_result(fsync(fd)));
}

int sys_fdatasync(struct sys *sys, int fd)
{
	struct sys_op op = SYS_OP(SYS_FSYNC, fd, NULL, 0, 0, 1);

	return (int)SYS_CALL(sys, &op, sys_result(fdatasync(fd)));
}

int sys_syncfs(struct sys *sys, int fd)
{
	struct sys_op op = SYS_OP(SYS_SYNCFS, fd, NULL, 0, 0, 0);

	return (int)SYS_CALL(sys, &op, sys_result(syncfs(fd)));
}

int sys_sync_file_range(struct sys *sys, int fd, int64_t offset, int64_t length, unsigned flags)
{
	struct sys_op op = SYS_OP(SYS_SYNC_RANGE, fd, NULL, offset, (uint64_t)length, flags);

	return (int)SYS_CALL(sys, &op, sys_result(sync_file_range(fd, offset, length, flags)));
}

int sys_fallocate(struct sys *sys, int fd, int mode, int64_t offset, int64_t length)
{
	struct sys_op op = SYS_OP(SYS_ALLOCATE, fd, NULL, offset, (uint64_t)length, (unsigned)mode);

	return (int)SYS_CALL(sys, &op, sys_result(fallocate(fd, mode, offset, length)));
}

int sys_ftruncate(struct sys *sys, int fd, int64_t size)
{
	struct sys_op op = SYS_OP(SYS_TRUNCATE, fd, NULL, 0, (uint64_t)size, 0);

	return (int)SYS_CALL(sys, &op, sys_result(ftruncate(fd, size)));
}

int64_t sys_lseek(struct sys *sys, int fd, int64_t offset, int whence)
{
	struct sys_op op = SYS_OP(SYS_SEEK, fd, NULL, offset, 0, (unsigned)whence);

	return SYS_CALL(sys, &op, sys_result(lseek(fd, offset, whence)));
}

int sys_cachestat(struct sys *sys, int fd, uint64_t length, uint64_t *cached_pages,
		  uint64_t *dirty_pages)
{
	/* struct cachestat_range and struct cachestat of linux/mman.h, 6.5. */
	uint64_t range[2] = { 0, length };
	uint64_t counts[5] = { 0 };
	struct sys_op op = SYS_OP(SYS_CACHESTAT, fd, NULL, 0, length, 0);
	long result = SYS_CALL(sys, &op, sys_result(syscall(SYS_cachestat, fd, range, counts, 0)));

	*cached_pages = counts[0];
	*dirty_pages = counts[1] + counts[2];
	return (int)result;
}

int sys_drop_cache(struct sys *sys, int fd)
{
	struct sys_op op = SYS_OP(SYS_ADVISE, fd, NULL, 0, 0, POSIX_FADV_DONTNEED);

	return (int)SYS_CALL(sys, &op, -posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
}

int sys_clone(struct sys *sys, int target_fd, int source_fd)
{
	struct sys_op op = SYS_OP(SYS_CLONE, target_fd, NULL, source_fd, 0, 0);

	return (int)SYS_CALL(sys, &op, sys_result(ioctl(target_fd, FICLONE, source_fd)));
}

int64_t sys_copy_file_range(struct sys *sys, int source_fd, int target_fd, int64_t offset,
			    uint64_t bytes)
{
	int64_t from = offset, to = offset;
	struct sys_op op = SYS_OP(SYS_COPY_RANGE, target_fd, NULL, offset, bytes, 0);

	return SYS_CALL(sys, &op,
			sys_result(syscall(__NR_copy_file_range, source_fd, &from, target_fd, &to,
					   (size_t)op.length, 0U)));
}

/* The flags of an open file with O_DIRECT or without. */
static long sys_change_direct(int fd, bool direct)
{
	long flags = sys_result(fcntl(fd, F_GETFL));

	if (flags < 0)
		return flags;
	flags = direct ? flags | O_DIRECT : flags & ~O_DIRECT;
	return sys_result(fcntl(fd, F_SETFL, (int)flags));
}

int sys_set_direct(struct sys *sys, int fd, bool direct)
{
	struct sys_op op = SYS_OP(SYS_FLAGS, fd, NULL, 0, 0, direct);

	return (int)SYS_CALL(sys, &op, sys_change_direct(fd, direct));
}

int sys_get_flags(struct sys *sys, int fd, uint32_t *flags)
{
	struct sys_op op = SYS_OP(SYS_GET_INODE_FLAGS, fd, NULL, 0, 0, 0);
	int value[2] = { 0 }; /* an int; but who goes by the number, as FUSE may, fills a long */
	long result;

	result = point_begin(&sys->point, &op) ? sys_result(ioctl(fd, FS_IOC_GETFLAGS, value))
					       : op.result;
	*flags = op.flags = (uint32_t)value[0];
	return (int)point_end(&sys->point, &op, result);
}

static long sys_ask_uuid(int fd, struct sys_fs_uuid *found)
{
	long result = sys_result(ioctl(fd, SYS_GETFSUUID, found));

	return result == 0 && found->bytes != sizeof(found->uuid) ? -ENODATA : result;
}

int sys_get_fs_uuid(struct sys *sys, int fd, uint8_t uuid[16])
{
	struct sys_op op = SYS_OP(SYS_STATFS, fd, NULL, 0, 0, 0);
	struct sys_fs_uuid found = { 0 };
	long result = SYS_CALL(sys, &op, sys_ask_uuid(fd, &found));

	memcpy(uuid, found.uuid, sizeof(found.uuid));
	return (int)result;
}

int sys_get_btrfs_uuid(struct sys *sys, int fd, uint8_t uuid[16])
{
	struct sys_op op = SYS_OP(SYS_STATFS, fd, NULL, 0, 0, 0);
	struct btrfs_ioctl_fs_info_args found = { 0 };
	long result = SYS_CALL(sys, &op, sys_result(ioctl(fd, BTRFS_IOC_FS_INFO, &found)));

	memcpy(uuid, found.fsid, sizeof(found.fsid));
	return (int)result;
}

int sys_get_fs_label(struct sys *sys, int fd, char label[SYS_LABEL_BYTES])
{
	struct sys_op op = SYS_OP(SYS_STATFS, fd, NULL, 0, 0, 0);
	long result;

	label[0] = '\0';
	result = SYS_CALL(sys, &op, sys_result(ioctl(fd, SYS_GETFSLABEL, label)));
	label[SYS_LABEL_BYTES - 1] = '\0';
	return (int)result;
}

int sys_get_encryption(struct sys *sys, int fd, struct fscrypt_get_policy_ex_arg *policy)
{
	struct sys_op op = SYS_OP(SYS_GET_INODE_FLAGS, fd, NULL, 0, 0, 0);

	policy->policy_size = sizeof(policy->policy);
	return (int)SYS_CALL(sys, &op,
			     sys_result(ioctl(fd, FS_IOC_GET_ENCRYPTION_POLICY_EX, policy)));
}

int sys_get_key_status(struct sys *sys, int fd, struct fscrypt_get_key_status_arg *key)
{
	struct sys_op op = SYS_OP(SYS_GET_INODE_FLAGS, fd, NULL, 0, 0, 0);

	return (int)SYS_CALL(sys, &op,
			     sys_result(ioctl(fd, FS_IOC_GET_ENCRYPTION_KEY_STATUS, key)));
}

int sys_set_flags(struct sys *sys, int fd, uint32_t flags)
{
	int value[2] = { (int)flags, 0 };
	struct sys_op op = SYS_OP(SYS_SET_INODE_FLAGS, fd, NULL, 0, 0, flags);

	return (int)SYS_CALL(sys, &op, sys_result(ioctl(fd, FS_IOC_SETFLAGS, value)));
}

static long sys_ask_attr(int dirfd, const char *name, struct sys_attr *attr)
{
	struct fsxattr open_attr = { 0 };
	long result;

	if (name[0] != '\0')
		return sys_result(syscall(SYS_NR_FILE_GETATTR, dirfd, name, attr, sizeof(*attr),
					  AT_SYMLINK_NOFOLLOW));
	result = sys_result(ioctl(dirfd, FS_IOC_FSGETXATTR, &open_attr));
	attr->xflags = open_attr.fsx_xflags;
	attr->extent_bytes = open_attr.fsx_extsize;
	attr->extents = open_attr.fsx_nextents;
	attr->project = open_attr.fsx_projid;
	attr->cow_extent_bytes = open_attr.fsx_cowextsize;
	return result;
}

/* What was got is in the line of the trace. */
static int sys_end_attr(struct sys *sys, struct sys_op *op, const struct sys_attr *attr,
			long result)
{
	op->length = attr->project;
	op->flags = (unsigned)attr->xflags;
	return (int)point_end(&sys->point, op, result);
}

int sys_get_attr(struct sys *sys, int dirfd, const char *name, struct sys_attr *attr)
{
	struct sys_op op = SYS_OP(SYS_GET_PROJECT, dirfd, name, 0, 0, 0);
	long result;

	*attr = (struct sys_attr){ 0 };
	result = point_begin(&sys->point, &op) ? sys_ask_attr(dirfd, name, attr) : op.result;
	return sys_end_attr(sys, &op, attr, result);
}

int sys_get_attr_path(struct sys *sys, int fd, struct sys_attr *attr)
{
	struct sys_op op = SYS_OP(SYS_GET_PROJECT, fd, NULL, 0, 0, 0);
	char path[SYS_FD_PATH_BYTES];
	long result;

	*attr = (struct sys_attr){ 0 };
	if (point_begin(&sys->point, &op))
		result = sys_fd_result(
			sys_result(syscall(SYS_NR_FILE_GETATTR, AT_FDCWD, sys_fd_path(path, fd),
					   attr, sizeof(*attr), 0)));
	else
		result = op.result;
	return sys_end_attr(sys, &op, attr, result);
}

static long sys_give_attr(int fd, bool is_path, const struct sys_attr *attr)
{
	struct fsxattr open_attr = {
		.fsx_xflags = (uint32_t)attr->xflags,
		.fsx_extsize = attr->extent_bytes,
		.fsx_nextents = attr->extents,
		.fsx_projid = attr->project,
		.fsx_cowextsize = attr->cow_extent_bytes,
	};
	char path[SYS_FD_PATH_BYTES];

	if (!is_path)
		return sys_result(ioctl(fd, FS_IOC_FSSETXATTR, &open_attr));
	return sys_fd_result(sys_result(syscall(SYS_NR_FILE_SETATTR, AT_FDCWD,
						sys_fd_path(path, fd), attr, sizeof(*attr), 0)));
}

int sys_set_attr(struct sys *sys, int fd, bool is_path, const struct sys_attr *attr)
{
	struct sys_op op =
		SYS_OP(SYS_SET_PROJECT, fd, NULL, 0, attr->project, (unsigned)attr->xflags);

	return (int)SYS_CALL(sys, &op, sys_give_attr(fd, is_path, attr));
}

int sys_mkdirat(struct sys *sys, int dirfd, const char *name, mode_t mode)
{
	struct sys_op op = SYS_OP(SYS_MKDIR, dirfd, name, 0, 0, mode);

	return (int)SYS_CALL(sys, &op, sys_result(mkdirat(dirfd, name, mode)));
}

int sys_unlinkat(struct sys *sys, int dirfd, const char *name, int flags)
{
	struct sys_op op = SYS_OP(SYS_UNLINK, dirfd, name, 0, 0, (unsigned)flags);

	return (int)SYS_CALL(sys, &op, sys_result(unlinkat(dirfd, name, flags)));
}

static long sys_name_fd(int fd, int dirfd, const char *name, bool through_proc)
{
	char path[SYS_FD_PATH_BYTES];

	if (!through_proc)
		return sys_result(linkat(fd, "", dirfd, name, AT_EMPTY_PATH));
	return sys_result(linkat(AT_FDCWD, sys_fd_path(path, fd), dirfd, name, AT_SYMLINK_FOLLOW));
}

int sys_link_fd(struct sys *sys, int fd, int dirfd, const char *name, bool through_proc)
{
	struct sys_op op = SYS_OP(SYS_LINK, fd, name, 0, 0, through_proc);

	sys_op_at(&op, dirfd, name);
	return (int)SYS_CALL(sys, &op, sys_name_fd(fd, dirfd, name, through_proc));
}

int sys_link_to(struct sys *sys, int from_fd, const char *old_name, int to_fd, const char *new_name)
{
	struct sys_op op = SYS_OP(SYS_LINK, to_fd, new_name, 0, 0, 0);

	return (int)SYS_CALL(sys, &op, sys_result(linkat(from_fd, old_name, to_fd, new_name, 0)));
}

int sys_linkat(struct sys *sys, int dirfd, const char *old_name, const char *new_name)
{
	return sys_link_to(sys, dirfd, old_name, dirfd, new_name);
}

int sys_rename_to(struct sys *sys, int from_fd, const char *old_name, int to_fd,
		  const char *new_name, unsigned flags)
{
	struct sys_op op = SYS_OP(SYS_RENAME, to_fd, new_name, 0, 0, flags);
#ifdef WEIR_FAULT_BUILD
	char names[600];

	snprintf(names, sizeof(names), "%s/%s", old_name, new_name);
	op.name = names;
#endif
	op.from_fd = from_fd;
	sys_op_at(&op, to_fd, new_name);
	/* By number: glibc emulates missing flags, which P2 must be told of. */
	return (int)SYS_CALL(
		sys, &op,
		sys_result(syscall(SYS_renameat2, from_fd, old_name, to_fd, new_name, flags)));
}

int sys_renameat2(struct sys *sys, int dirfd, const char *old_name, const char *new_name,
		  unsigned flags)
{
	return sys_rename_to(sys, dirfd, old_name, dirfd, new_name, flags);
}

int sys_symlinkat(struct sys *sys, const char *text, int dirfd, const char *name)
{
	struct sys_op op = SYS_OP(SYS_SYMLINK, dirfd, name, 0, 0, 0);

	return (int)SYS_CALL(sys, &op, sys_result(symlinkat(text, dirfd, name)));
}

int sys_mknodat(struct sys *sys, int dirfd, const char *name, mode_t mode, dev_t rdev)
{
	struct sys_op op = SYS_OP(SYS_MKNOD, dirfd, name, 0, 0, mode);

	return (int)SYS_CALL(sys, &op, sys_result(mknodat(dirfd, name, mode, rdev)));
}

ssize_t sys_readlinkat(struct sys *sys, int dirfd, const char *name, char *text, size_t size)
{
	struct sys_op op = SYS_OP(SYS_READLINK, dirfd, name, 0, size, 0);

	return SYS_CALL(sys, &op, sys_result(readlinkat(dirfd, name, text, size)));
}

/* True if a call may be unknown to the kernel, or to a filter before it. */
static bool sys_may_be_unknown(long result)
{
	return result == -ENOSYS || result == -EINVAL || result == -EPERM;
}

int sys_fchown(struct sys *sys, int fd, uid_t uid, gid_t gid)
{
	struct sys_op op = SYS_OP(SYS_CHOWN, fd, NULL, uid, gid, AT_EMPTY_PATH);

	return (int)SYS_CALL(sys, &op, sys_result(fchownat(fd, "", uid, gid, AT_EMPTY_PATH)));
}

int sys_fchmod(struct sys *sys, int fd, mode_t mode)
{
	struct sys_op op = SYS_OP(SYS_CHMOD, fd, NULL, 0, 0, mode);

	return (int)SYS_CALL(sys, &op, sys_result(fchmod(fd, mode)));
}

static long sys_chmod_path(int fd, mode_t mode)
{
	char path[SYS_FD_PATH_BYTES];
	long result = sys_result(syscall(SYS_NR_FCHMODAT2, fd, "", mode, AT_EMPTY_PATH));

	if (sys_may_be_unknown(result))
		result = sys_fd_result(sys_result(chmod(sys_fd_path(path, fd), mode)));
	return result;
}

int sys_fchmod_path(struct sys *sys, int fd, mode_t mode)
{
	struct sys_op op = SYS_OP(SYS_CHMOD, fd, NULL, 0, 0, mode);

	return (int)SYS_CALL(sys, &op, sys_chmod_path(fd, mode));
}

int sys_futimens(struct sys *sys, int fd, const struct timespec times[2])
{
	struct sys_op op = SYS_OP(SYS_TIMES, fd, NULL, 0, 0, 0);

	return (int)SYS_CALL(sys, &op, sys_result(futimens(fd, times)));
}

static long sys_times_path(int fd, const struct timespec times[2])
{
	char path[SYS_FD_PATH_BYTES];
	long result = sys_result(utimensat(fd, "", times, AT_EMPTY_PATH)); /* Linux 5.8 */

	if (sys_may_be_unknown(result))
		result = sys_fd_result(
			sys_result(utimensat(AT_FDCWD, sys_fd_path(path, fd), times, 0)));
	return result;
}

int sys_futimens_path(struct sys *sys, int fd, const struct timespec times[2])
{
	struct sys_op op = SYS_OP(SYS_TIMES, fd, NULL, 0, 0, 0);

	return (int)SYS_CALL(sys, &op, sys_times_path(fd, times));
}

ssize_t sys_getdents(struct sys *sys, int fd, void *buffer, size_t size)
{
	struct sys_op op = SYS_OP(SYS_LIST, fd, NULL, 0, size, 0);

	return SYS_CALL(sys, &op,
			sys_result(syscall(SYS_getdents64, fd, buffer, (size_t)op.length)));
}

int sys_flock(struct sys *sys, int fd, int operation)
{
	struct sys_op op = SYS_OP(SYS_LOCK, fd, NULL, 0, 0, (unsigned)operation);

	return (int)SYS_CALL(sys, &op, sys_result(flock(fd, operation)));
}

/* Extended attributes of a link or a special file can only be reached by a path
 * that does not follow it, until *xattrat(2) of Linux 6.13 is everywhere. */
#define SYS_NODE_PATH_BYTES (LIMIT_NAME_BYTES + 32)

static const char *sys_node_path(char path[SYS_NODE_PATH_BYTES], int dirfd, const char *name)
{
	snprintf(path, SYS_NODE_PATH_BYTES, "/proc/self/fd/%d/%s", dirfd, name);
	return path;
}

/* struct xattr_args of linux/xattr.h, Linux 6.13. */
struct sys_xattr_args {
	uint64_t value;
	uint32_t size;
	uint32_t flags;
};

/* True if a call of Linux 6.13 is not there, or is kept from us. */
static bool sys_lacks_xattrat(struct sys *sys, ssize_t result)
{
	if (result >= 0 || (errno != ENOSYS && errno != EPERM))
		return false;
	atomic_store_explicit(&sys->no_xattrat, true, memory_order_relaxed);
	return true;
}

static ssize_t sys_list_name(struct sys *sys, int dirfd, const char *name, char *list, size_t size)
{
	char path[SYS_NODE_PATH_BYTES];
	ssize_t result;

	if (!atomic_load_explicit(&sys->no_xattrat, memory_order_relaxed)) {
		result = syscall(SYS_NR_LISTXATTRAT, dirfd, name, AT_SYMLINK_NOFOLLOW, list, size);
		if (!sys_lacks_xattrat(sys, result))
			return result;
	}
	return llistxattr(sys_node_path(path, dirfd, name), list, size);
}

static ssize_t sys_get_name(struct sys *sys, int dirfd, const char *name, const char *attribute,
			    void *value, size_t size)
{
	struct sys_xattr_args args = { .value = (uintptr_t)value, .size = (uint32_t)size };
	char path[SYS_NODE_PATH_BYTES];
	ssize_t result;

	if (!atomic_load_explicit(&sys->no_xattrat, memory_order_relaxed)) {
		result = syscall(SYS_NR_GETXATTRAT, dirfd, name, AT_SYMLINK_NOFOLLOW, attribute,
				 &args, sizeof(args));
		if (!sys_lacks_xattrat(sys, result))
			return result;
	}
	return lgetxattr(sys_node_path(path, dirfd, name), attribute, value, size);
}

ssize_t sys_listxattr(struct sys *sys, int dirfd, const char *name, char *list, size_t size)
{
	struct sys_op op = SYS_OP(SYS_GETXATTR, dirfd, name, 0, size, 0);

	return SYS_CALL(sys, &op,
			sys_result(name[0] == '\0' ? flistxattr(dirfd, list, size)
						   : sys_list_name(sys, dirfd, name, list, size)));
}

ssize_t sys_getxattr(struct sys *sys, int dirfd, const char *name, const char *attribute,
		     void *value, size_t size)
{
	struct sys_op op = SYS_OP(SYS_GETXATTR, dirfd, attribute, 0, size, 0);

	sys_op_at(&op, dirfd, name);
	return SYS_CALL(sys, &op,
			sys_result(name[0] == '\0' ? fgetxattr(dirfd, attribute, value, size)
						   : sys_get_name(sys, dirfd, name, attribute,
								  value, size)));
}

/* setxattrat(2) and removexattrat(2) of Linux 6.13 take no O_PATH descriptor
 * itself, only names, so these go through /proc everywhere. */
int sys_setxattr(struct sys *sys, int fd, bool is_path, const char *attribute, const void *value,
		 size_t size)
{
	struct sys_op op = SYS_OP(SYS_SETXATTR, fd, attribute, 0, size, 0);
	char path[SYS_FD_PATH_BYTES];

	sys_op_at(&op, fd, NULL);
	sys_op_data(&op, value, size);
	if (!is_path)
		return (int)SYS_CALL(sys, &op,
				     sys_result(fsetxattr(fd, attribute, value, size, 0)));
	return (int)SYS_CALL(sys, &op,
			     sys_fd_result(sys_result(
				     setxattr(sys_fd_path(path, fd), attribute, value, size, 0))));
}

int sys_removexattr(struct sys *sys, int fd, bool is_path, const char *attribute)
{
	struct sys_op op = SYS_OP(SYS_SETXATTR, fd, attribute, 0, 0, 1);
	char path[SYS_FD_PATH_BYTES];

	sys_op_at(&op, fd, NULL);
	if (!is_path)
		return (int)SYS_CALL(sys, &op, sys_result(fremovexattr(fd, attribute)));
	return (int)SYS_CALL(
		sys, &op, sys_fd_result(sys_result(removexattr(sys_fd_path(path, fd), attribute))));
}

int sys_get_io_priority(struct sys *sys)
{
	struct sys_op op = SYS_OP(SYS_IO_PRIORITY, -1, NULL, 0, 0, 0);

	return (int)SYS_CALL(sys, &op,
			     sys_result(syscall(SYS_ioprio_get, SYS_IOPRIO_WHO_PROCESS, 0)));
}

/* OFFSET 1 tells it from the one above. */
int sys_set_io_priority(struct sys *sys, int priority)
{
	struct sys_op op = SYS_OP(SYS_IO_PRIORITY, -1, NULL, 1, 0, (unsigned)priority);

	return (int)SYS_CALL(
		sys, &op, sys_result(syscall(SYS_ioprio_set, SYS_IOPRIO_WHO_PROCESS, 0, priority)));
}

int sys_set_nice(struct sys *sys, int nice)
{
	struct sys_op op = SYS_OP(SYS_NICE, -1, NULL, 0, 0, (unsigned)nice);

	return (int)SYS_CALL(sys, &op, sys_result(setpriority(PRIO_PROCESS, 0, nice)));
}

int sys_random(struct sys *sys, void *bytes, size_t count)
{
	struct sys_op op = SYS_OP(SYS_RANDOM, -1, NULL, 0, count, 0);
	long result = SYS_CALL(sys, &op, sys_result(getrandom(bytes, count, 0)));

	if (result >= 0 && (size_t)result != count)
		result = -EIO;
	point_random(&sys->point, bytes, count);
	return result < 0 ? (int)result : 0;
}
