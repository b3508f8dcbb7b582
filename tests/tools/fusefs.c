// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * fusefs: shows a folder as a file system that misbehaves (FUSE, libfuse 3).
 *
 *   fusefs [-o SWITCH,...] BACKING MOUNTPOINT
 *
 * It returns when the mount is there; a process in the background serves it
 * until it is unmounted, or until life= ends it.
 *
 *   OP=ERRNO        the operation fails: a name of the table below, EIO and so on
 *   block=OP        the operation waits until the file of gate= is there, and
 *                   makes GATE.reached when it begins to wait; only a signal
 *                   that the waiting thread does not block ends it before
 *   gate=FILE
 *   only=TEXT       OP=ERRNO, block, ino, nlink and size mean paths with this text alone
 *   life=FIFO       the server ends when the last writer of the FIFO does
 *
 *   casefold        names that differ in case only are one name
 *   name-max=N      names of more than N bytes are refused: ENAMETOOLONG
 *   bad-names       names with ':' or '?' or a dot at the end are refused: EINVAL
 *   list=twice      each name is listed twice
 *   list=no-type    the listing tells no types
 *   loop            each folder has an entry "loop", which is the folder itself
 *   holes=empty     the map of a file is one hole, and it has no blocks
 *   holes=lie       the map of a file is one hole, though it has blocks
 *   range=zero      copy_file_range copies nothing behind the first 64 KiB
 *   range=short     copy_file_range copies at most 1000 bytes
 *   grain=SECONDS   times are rounded down to this
 *   late=flush      the time of a file that was written is now: at each close
 *   late=fsync      or at each sync
 *   mtime=SECONDS   the time of each regular file
 *   ino=NUMBER      the inode number of each file that is meant
 *   ino=changing    another one each time it is asked for
 *   nlink=NUMBER    its count of links
 *   size=[+|-]BYTES the size of each regular file, or what is added to it; reads do
 *                   not believe it
 *   space=BYTES     no more than this is ever written: ENOSPC
 *   max-size=BYTES  no file is larger: EFBIG
 *   held=ERRNO      a folder is not renamed while it, or what is below it, is open
 *   writeback       the kernel keeps what is written until the file is synced
 *                   or closed
 *   log=FILE        writes, syncs and removals are logged there (blocklog.h)
 *   forget=FOLDER   FOLDER/tree is what would be left if the power went (forget.h)
 *   cut=N           it goes before the N-th sync, link or rename: from there on nothing
 *                   is synced, and all ends with EIO
 *
 * Caller's rights are not looked at: it is for root.  Exit: 0, it is mounted; 1.
 */
#define FUSE_USE_VERSION 35

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "blocklog.h"
#include "forget.h"

#define ERRNO_MAX 200
#define LOOP_NAME "loop"
#define RANGE_ZERO_FROM 65536
#define CHANGING_INO (1UL << 40) /* the first one, which no file has */
#define RANGE_SHORT_BYTES 1000

enum op {
	OP_GETATTR,
	OP_READLINK,
	OP_MKNOD,
	OP_MKDIR,
	OP_UNLINK,
	OP_SYMLINK,
	OP_RENAME,
	OP_RENAME_FLAGS,
	OP_LINK,
	OP_CHMOD,
	OP_CHOWN,
	OP_UTIMENS,
	OP_TRUNCATE,
	OP_CREATE,
	OP_OPEN,
	OP_READ,
	OP_WRITE,
	OP_FLUSH,
	OP_FSYNC,
	OP_FSYNCDIR,
	OP_FALLOCATE,
	OP_COPY_RANGE,
	OP_LSEEK,
	OP_LIST,
	OP_XATTR,
	OPS,
};

static const char *const op_names[OPS] = {
	[OP_GETATTR] = "getattr",
	[OP_READLINK] = "readlink",
	[OP_MKNOD] = "mknod",
	[OP_MKDIR] = "mkdir",
	[OP_UNLINK] = "unlink",
	[OP_SYMLINK] = "symlink",
	[OP_RENAME] = "rename",
	[OP_RENAME_FLAGS] = "rename-flags",
	[OP_LINK] = "link",
	[OP_CHMOD] = "chmod",
	[OP_CHOWN] = "chown",
	[OP_UTIMENS] = "utimens",
	[OP_TRUNCATE] = "truncate",
	[OP_CREATE] = "create",
	[OP_OPEN] = "open",
	[OP_READ] = "read",
	[OP_WRITE] = "write",
	[OP_FLUSH] = "flush",
	[OP_FSYNC] = "fsync",
	[OP_FSYNCDIR] = "fsyncdir",
	[OP_FALLOCATE] = "fallocate",
	[OP_COPY_RANGE] = "copy_file_range",
	[OP_LSEEK] = "lseek",
	[OP_LIST] = "list",
	[OP_XATTR] = "xattr",
};

/* What the command line said; constant once the file system is mounted. */
static struct {
	char backing[PATH_MAX];
	int errnum[OPS];
	enum op blocked;
	const char *gate;
	const char *only;
	const char *life;
	bool casefold, bad_names, twice, no_type, loop, writeback;
	bool holes_empty, holes_lie, range_zero, range_short;
	bool late_flush, late_fsync;
	bool has_mtime, has_ino, has_nlink, has_space;
	bool ino_changes, has_size, size_adds;
	long size;
	unsigned long max_size;
	int held;
	const char *forget;
	unsigned long cut;
	unsigned long name_max;
	long grain, mtime;
	atomic_ulong ino;
	unsigned long nlink;
	unsigned long space;
	int log; /* -1: none */
} set = { .blocked = OPS, .log = -1 };

static atomic_ulong written_bytes;
static atomic_ulong steps; /* syncs, links and renames */
static atomic_bool is_dark; /* the power is off */

/* What is open; the library gives no path with a handle. */
struct handle {
	struct handle *next, **link; /* among all */
	int fd; /* -1 for a folder */
	bool writes;
	char path[];
};

static struct handle *handles;
static pthread_mutex_t handles_lock = PTHREAD_MUTEX_INITIALIZER;

static struct handle *handle_of(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}

static const char *path_of(const char *path, const struct fuse_file_info *fi)
{
	return path != NULL ? path : handle_of(fi)->path;
}

static int result_of(long value)
{
	return value < 0 ? -errno : 0;
}

static struct handle *handle_new(const char *path)
{
	size_t bytes = strlen(path) + 1;
	struct handle *handle = malloc(sizeof(*handle) + bytes);

	if (handle == NULL)
		return NULL;
	handle->fd = -1;
	handle->writes = false;
	memcpy(handle->path, path, bytes);
	pthread_mutex_lock(&handles_lock);
	handle->next = handles;
	handle->link = &handles;
	if (handles != NULL)
		handles->link = &handle->next;
	handles = handle;
	pthread_mutex_unlock(&handles_lock);
	return handle;
}

static void handle_free(struct handle *handle)
{
	pthread_mutex_lock(&handles_lock);
	*handle->link = handle->next;
	if (handle->next != NULL)
		handle->next->link = handle->link;
	pthread_mutex_unlock(&handles_lock);
	free(handle);
}

/* PATH or something below it was opened by that name, and is open. */
static bool is_held(const char *path)
{
	size_t bytes = strlen(path);
	const struct handle *handle;

	pthread_mutex_lock(&handles_lock);
	for (handle = handles; handle != NULL; handle = handle->next)
		if (strncmp(handle->path, path, bytes) == 0 &&
		    (handle->path[bytes] == '/' || handle->path[bytes] == '\0'))
			break;
	pthread_mutex_unlock(&handles_lock);
	return handle != NULL;
}

/* ---- misbehaviour ---- */

static bool is_meant(const char *path)
{
	return set.only == NULL || (strstr(path, set.only) != NULL);
}

/* True: the gate is open; false: nobody waits for the answer any more. */
static bool wait_at_gate(void)
{
	char reached[PATH_MAX];
	int fd;

	snprintf(reached, sizeof(reached), "%s.reached", set.gate);
	fd = open(reached, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	while (access(set.gate, F_OK) != 0) {
		if (fuse_interrupted())
			return false;
		usleep(10000);
	}
	return true;
}

/* 0, or the error that this operation is to end with. */
static int refuses(enum op op, const char *path)
{
	if (is_dark)
		return -EIO;
	if (!is_meant(path))
		return 0;
	if (op == set.blocked && !wait_at_gate())
		return -EINTR;
	return -set.errnum[op];
}

/* Before what makes something durable, or changes names at once. */
static void step(void)
{
	if (set.cut != 0 && atomic_fetch_add(&steps, 1) + 1 == set.cut)
		is_dark = true;
}

static int check_name(const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	size_t bytes = strlen(name);

	if (set.name_max != 0 && bytes > set.name_max)
		return -ENAMETOOLONG;
	if (set.bad_names && (strpbrk(name, ":?") != NULL || (bytes > 0 && name[bytes - 1] == '.')))
		return -EINVAL;
	return 0;
}

/* The name that the folder PLACE has for NAME, in whatever case. */
static void fold(const char *place, char *name)
{
	DIR *dir = opendir(place);
	const struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (strcasecmp(entry->d_name, name) == 0) {
			strcpy(name, entry->d_name); /* of the same length */
			break;
		}
	if (dir != NULL)
		closedir(dir);
}

/* Where PATH lies. */
static int find(const char *path, char place[PATH_MAX])
{
	size_t used = (size_t)snprintf(place, PATH_MAX, "%s", set.backing);

	while (*path != '\0') {
		char name[PATH_MAX];
		size_t bytes;

		path += strspn(path, "/");
		bytes = strcspn(path, "/");
		if (bytes == 0)
			break;
		snprintf(name, sizeof(name), "%.*s", (int)bytes, path);
		path += bytes;
		if (set.loop && strcmp(name, LOOP_NAME) == 0)
			continue;
		if (set.casefold)
			fold(place, name);
		if (used + bytes + 2 > PATH_MAX)
			return -ENAMETOOLONG;
		used += (size_t)snprintf(place + used, PATH_MAX - used, "/%s", name);
	}
	return 0;
}

/* The beginning of each operation on a path. */
static int begin(enum op op, const char *path, char place[PATH_MAX])
{
	int result = refuses(op, path);

	return result != 0 ? result : find(path, place);
}

/* The same where a name is made. */
static int begin_new(enum op op, const char *path, char place[PATH_MAX])
{
	int result = check_name(path);

	return result != 0 ? result : begin(op, path, place);
}

static void round_time(struct timespec *time)
{
	if (set.grain == 0)
		return;
	time->tv_sec -= time->tv_sec % set.grain;
	time->tv_nsec = 0;
}

static void misreport(const char *path, struct stat *stat)
{
	if (is_meant(path)) {
		if (set.has_ino)
			stat->st_ino = set.ino_changes ? ++set.ino : set.ino;
		if (set.has_nlink)
			stat->st_nlink = set.nlink;
		if (set.has_size && S_ISREG(stat->st_mode))
			stat->st_size = set.size_adds ? stat->st_size + set.size : set.size;
	}
	if (S_ISREG(stat->st_mode) && set.has_mtime)
		stat->st_mtim = (struct timespec){ .tv_sec = set.mtime };
	if (S_ISREG(stat->st_mode) && set.holes_empty)
		stat->st_blocks = 0;
	round_time(&stat->st_atim);
	round_time(&stat->st_mtim);
	round_time(&stat->st_ctim);
}

static void touch(const struct handle *handle)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_nsec = UTIME_NOW } };

	if (handle->writes)
		futimens(handle->fd, times);
}

/* ---- the log ---- */

/* One append for each record: those of different threads do not mix. */
static void log_record(struct block_record record, const char *path, const void *data)
{
	struct iovec parts[2] = {
		{ .iov_base = &record, .iov_len = sizeof(record) },
		{ .iov_base = (void *)(uintptr_t)data, .iov_len = record.bytes },
	};
	int count = data != NULL ? 2 : 1;
	ssize_t bytes = (ssize_t)(sizeof(record) + (data != NULL ? record.bytes : 0));

	if (set.log < 0)
		return;
	snprintf(record.path, sizeof(record.path), "%s", path);
	if (writev(set.log, parts, count) != bytes)
		abort(); /* a log with a hole proves nothing */
}

static uint32_t log_sync_begins(const char *path)
{
	static atomic_uint serial;
	uint32_t mine = atomic_fetch_add(&serial, 1);

	log_record((struct block_record){ .kind = BLOCK_SYNC, .serial = mine }, path, NULL);
	return mine;
}

/* ---- names ---- */

static int fs_getattr(const char *path, struct stat *stat, struct fuse_file_info *fi)
{
	char place[PATH_MAX];
	int result;

	if (fi != NULL) {
		path = handle_of(fi)->path;
		result = refuses(OP_GETATTR, path);
		if (result == 0)
			result = result_of(fstat(handle_of(fi)->fd, stat));
	} else {
		/* A name that is too long is so for whoever asks. */
		if (set.name_max != 0 && check_name(path) == -ENAMETOOLONG)
			return -ENAMETOOLONG;
		result = begin(OP_GETATTR, path, place);
		if (result == 0)
			result = result_of(lstat(place, stat));
	}
	if (result == 0)
		misreport(path, stat);
	return result;
}

static int fs_readlink(const char *path, char *text, size_t size)
{
	char place[PATH_MAX];
	int result = begin(OP_READLINK, path, place);
	ssize_t bytes;

	if (result != 0)
		return result;
	bytes = readlink(place, text, size - 1);
	if (bytes < 0)
		return -errno;
	text[bytes] = '\0';
	return 0;
}

static int fs_mknod(const char *path, mode_t mode, dev_t device)
{
	char place[PATH_MAX];
	int result = begin_new(OP_MKNOD, path, place);

	return result != 0 ? result : result_of(mknod(place, mode, device));
}

static int fs_mkdir(const char *path, mode_t mode)
{
	char place[PATH_MAX];
	int result = begin_new(OP_MKDIR, path, place);

	return result != 0 ? result : result_of(mkdir(place, mode));
}

static int fs_unlink(const char *path)
{
	char place[PATH_MAX];
	int result = begin(OP_UNLINK, path, place);

	if (result == 0)
		result = result_of(unlink(place));
	if (result == 0)
		log_record((struct block_record){ .kind = BLOCK_UNLINK }, path, NULL);
	return result;
}

static int fs_rmdir(const char *path)
{
	char place[PATH_MAX];
	int result = begin(OP_UNLINK, path, place);

	return result != 0 ? result : result_of(rmdir(place));
}

static int fs_symlink(const char *text, const char *path)
{
	char place[PATH_MAX];
	int result = begin_new(OP_SYMLINK, path, place);

	return result != 0 ? result : result_of(symlink(text, place));
}

static int fs_rename(const char *from, const char *to, unsigned int flags)
{
	char old_place[PATH_MAX], place[PATH_MAX];
	struct stat stat;
	int result;

	step();
	result = begin_new(OP_RENAME, to, place);
	if (result == 0 && flags != 0)
		result = refuses(OP_RENAME_FLAGS, to);
	if (result == 0)
		result = find(from, old_place);
	if (result == 0 && set.held != 0 && lstat(old_place, &stat) == 0 &&
	    S_ISDIR(stat.st_mode) && is_held(from))
		result = -set.held;
	if (result == 0)
		result = result_of(renameat2(AT_FDCWD, old_place, AT_FDCWD, place, flags));
	if (result == 0)
		forget_tie(old_place, place);
	return result;
}

static int fs_link(const char *from, const char *to)
{
	char old_place[PATH_MAX], place[PATH_MAX];
	int result;

	step();
	result = begin_new(OP_LINK, to, place);
	if (result == 0)
		result = find(from, old_place);
	return result != 0 ? result : result_of(link(old_place, place));
}

static int list_name(const char *path, void *buffer, fuse_fill_dir_t fill,
		     const struct dirent *entry)
{
	char below[PATH_MAX];
	struct stat stat = { .st_ino = entry->d_ino };

	snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
	if (!set.no_type)
		stat.st_mode = (mode_t)DTTOIF(entry->d_type);
	if (set.has_ino && is_meant(below))
		stat.st_ino = set.ino;
	fill(buffer, entry->d_name, &stat, 0, 0);
	if (set.twice && entry->d_name[0] != '.')
		fill(buffer, entry->d_name, &stat, 0, 0);
	return 0;
}

static int fs_opendir(const char *path, struct fuse_file_info *fi)
{
	struct handle *handle = handle_new(path);

	fi->fh = (uint64_t)(uintptr_t)handle;
	return handle == NULL ? -ENOMEM : 0;
}

static int fs_releasedir(const char *path, struct fuse_file_info *fi)
{
	(void)path;
	handle_free(handle_of(fi));
	return 0;
}

static int fs_fsyncdir(const char *path, int data_only, struct fuse_file_info *fi)
{
	char place[PATH_MAX];
	int result;

	(void)data_only;
	step();
	path = handle_of(fi)->path;
	result = begin(OP_FSYNCDIR, path, place);
	if (result == 0)
		forget_sync_folder(place);
	return result;
}

static int fs_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset,
		      struct fuse_file_info *fi, enum fuse_readdir_flags flags)
{
	const struct stat folder = { .st_mode = S_IFDIR };
	char place[PATH_MAX];
	const struct dirent *entry;
	DIR *dir;
	int result;

	(void)offset, (void)flags;
	path = handle_of(fi)->path;
	result = begin(OP_LIST, path, place);
	if (result != 0)
		return result;
	dir = opendir(place);
	if (dir == NULL)
		return -errno;
	while ((entry = readdir(dir)) != NULL)
		list_name(path, buffer, fill, entry);
	if (set.loop)
		fill(buffer, LOOP_NAME, &folder, 0, 0);
	closedir(dir);
	return 0;
}

/* ---- attributes ---- */

static int fs_chmod(const char *path, mode_t mode, struct fuse_file_info *fi)
{
	char place[PATH_MAX];
	int result = begin(OP_CHMOD, path_of(path, fi), place);

	if (result != 0)
		return result;
	return result_of(fi != NULL ? fchmod(handle_of(fi)->fd, mode) : chmod(place, mode));
}

static int fs_chown(const char *path, uid_t uid, gid_t gid, struct fuse_file_info *fi)
{
	char place[PATH_MAX];
	int result = begin(OP_CHOWN, path_of(path, fi), place);

	if (result != 0)
		return result;
	return result_of(fi != NULL ? fchown(handle_of(fi)->fd, uid, gid)
				    : lchown(place, uid, gid));
}

static int fs_utimens(const char *path, const struct timespec times[2], struct fuse_file_info *fi)
{
	char place[PATH_MAX];
	int result = begin(OP_UTIMENS, path_of(path, fi), place);

	if (result != 0)
		return result;
	return result_of(fi != NULL ? futimens(handle_of(fi)->fd, times)
				    : utimensat(AT_FDCWD, place, times, AT_SYMLINK_NOFOLLOW));
}

static int fs_setxattr(const char *path, const char *name, const char *value, size_t size,
		       int flags)
{
	char place[PATH_MAX];
	int result = begin(OP_XATTR, path, place);

	return result != 0 ? result : result_of(lsetxattr(place, name, value, size, flags));
}

static int fs_getxattr(const char *path, const char *name, char *value, size_t size)
{
	char place[PATH_MAX];
	int result = begin(OP_XATTR, path, place);
	ssize_t bytes;

	if (result != 0)
		return result;
	bytes = lgetxattr(place, name, value, size);
	return bytes < 0 ? -errno : (int)bytes;
}

static int fs_listxattr(const char *path, char *list, size_t size)
{
	char place[PATH_MAX];
	int result = begin(OP_XATTR, path, place);
	ssize_t bytes;

	if (result != 0)
		return result;
	bytes = llistxattr(place, list, size);
	return bytes < 0 ? -errno : (int)bytes;
}

static int fs_removexattr(const char *path, const char *name)
{
	char place[PATH_MAX];
	int result = begin(OP_XATTR, path, place);

	return result != 0 ? result : result_of(lremovexattr(place, name));
}

static int fs_statfs(const char *path, struct statvfs *statvfs_of)
{
	char place[PATH_MAX];
	int result = find(path, place);

	if (result == 0)
		result = result_of(statvfs(place, statvfs_of));
	if (result == 0 && set.name_max != 0)
		statvfs_of->f_namemax = set.name_max;
	return result;
}

/* ---- data ---- */

static int open_at(const char *path, const char *place, mode_t mode, struct fuse_file_info *fi)
{
	struct handle *handle = handle_new(path);
	int flags = fi->flags & ~(O_NOFOLLOW | O_DIRECT | O_APPEND);

	if (handle == NULL)
		return -ENOMEM;
	handle->writes = (flags & O_ACCMODE) != O_RDONLY;
	/* What the kernel keeps back it may have to read first. */
	if (set.writeback && (flags & O_ACCMODE) == O_WRONLY)
		flags = (flags & ~O_ACCMODE) | O_RDWR;
	handle->fd = open(place, flags | O_CLOEXEC, mode);
	if (handle->fd < 0) {
		int errnum = errno;

		handle_free(handle);
		return -errnum;
	}
	fi->fh = (uint64_t)(uintptr_t)handle;
	fi->direct_io = set.has_size && is_meant(path);
	return 0;
}

static int fs_create(const char *path, mode_t mode, struct fuse_file_info *fi)
{
	char place[PATH_MAX];
	int result = begin_new(OP_CREATE, path, place);

	return result != 0 ? result : open_at(path, place, mode, fi);
}

static int fs_open(const char *path, struct fuse_file_info *fi)
{
	char place[PATH_MAX];
	int result = begin(OP_OPEN, path, place);

	return result != 0 ? result : open_at(path, place, 0, fi);
}

static int fs_read(const char *path, char *data, size_t size, off_t offset,
		   struct fuse_file_info *fi)
{
	int result = refuses(OP_READ, handle_of(fi)->path);
	ssize_t bytes;

	(void)path;
	if (result != 0)
		return result;
	bytes = pread(handle_of(fi)->fd, data, size, offset);
	return bytes < 0 ? -errno : (int)bytes;
}

static int fs_write(const char *path, const char *data, size_t size, off_t offset,
		    struct fuse_file_info *fi)
{
	int result = refuses(OP_WRITE, handle_of(fi)->path);
	ssize_t bytes;

	(void)path;
	if (result != 0)
		return result;
	if (set.max_size != 0 && (size_t)offset + size > set.max_size)
		return -EFBIG;
	if (set.has_space && atomic_fetch_add(&written_bytes, size) + size > set.space)
		return -ENOSPC;
	bytes = pwrite(handle_of(fi)->fd, data, size, offset);
	if (bytes < 0)
		return -errno;
	log_record((struct block_record){ .kind = BLOCK_WRITE,
					  .offset = (uint64_t)offset,
					  .bytes = (uint64_t)bytes },
		   handle_of(fi)->path, data);
	return (int)bytes;
}

static int fs_truncate(const char *path, off_t size, struct fuse_file_info *fi)
{
	char place[PATH_MAX];
	int result;

	if (set.max_size != 0 && (unsigned long)size > set.max_size)
		return -EFBIG;
	if (fi != NULL) {
		result = refuses(OP_TRUNCATE, handle_of(fi)->path);
		return result != 0 ? result : result_of(ftruncate(handle_of(fi)->fd, size));
	}
	result = begin(OP_TRUNCATE, path, place);
	return result != 0 ? result : result_of(truncate(place, size));
}

static int fs_flush(const char *path, struct fuse_file_info *fi)
{
	(void)path;
	if (set.late_flush)
		touch(handle_of(fi));
	return handle_of(fi)->writes ? refuses(OP_FLUSH, handle_of(fi)->path) : 0;
}

static int fs_fsync(const char *path, int data_only, struct fuse_file_info *fi)
{
	uint32_t serial = log_sync_begins(handle_of(fi)->path);
	int result;

	(void)path;
	(void)data_only;
	step();
	result = refuses(OP_FSYNC, handle_of(fi)->path);
	if (set.late_fsync)
		touch(handle_of(fi));
	if (result == 0)
		result = result_of(fsync(handle_of(fi)->fd));
	if (result != 0)
		return result;
	log_record((struct block_record){ .kind = BLOCK_SYNCED, .serial = serial },
		   handle_of(fi)->path, NULL);
	forget_sync_file(handle_of(fi)->fd);
	return 0;
}

static int fs_release(const char *path, struct fuse_file_info *fi)
{
	(void)path;
	close(handle_of(fi)->fd);
	handle_free(handle_of(fi));
	return 0;
}

static int fs_fallocate(const char *path, int mode, off_t offset, off_t bytes,
			struct fuse_file_info *fi)
{
	int result = refuses(OP_FALLOCATE, handle_of(fi)->path);

	(void)path;
	if (result == 0 && set.max_size != 0 && (size_t)(offset + bytes) > set.max_size)
		result = -EFBIG;
	if (result == 0)
		result = result_of(fallocate(handle_of(fi)->fd, mode, offset, bytes));
	if (result == 0 && (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) != 0)
		log_record((struct block_record){ .kind = BLOCK_ZERO,
						  .offset = (uint64_t)offset,
						  .bytes = (uint64_t)bytes },
			   handle_of(fi)->path, NULL);
	return result;
}

static ssize_t fs_copy_range(const char *path_in, struct fuse_file_info *in, off_t offset_in,
			     const char *path, struct fuse_file_info *out, off_t offset,
			     size_t size, int flags)
{
	int result = refuses(OP_COPY_RANGE, handle_of(out)->path);
	ssize_t bytes;

	(void)path_in, (void)path;
	if (result != 0)
		return result;
	if (set.range_zero && offset_in >= RANGE_ZERO_FROM)
		return 0;
	if (set.range_zero && size > (size_t)(RANGE_ZERO_FROM - offset_in))
		size = (size_t)(RANGE_ZERO_FROM - offset_in);
	if (set.range_short && size > RANGE_SHORT_BYTES)
		size = RANGE_SHORT_BYTES;
	bytes = copy_file_range(handle_of(in)->fd, &offset_in, handle_of(out)->fd, &offset, size,
				(unsigned int)flags);
	return bytes < 0 ? -errno : bytes;
}

static off_t fs_lseek(const char *path, off_t offset, int whence, struct fuse_file_info *fi)
{
	int result = refuses(OP_LSEEK, handle_of(fi)->path);
	off_t found;

	(void)path;
	if (result != 0)
		return result;
	if (set.holes_empty || set.holes_lie)
		return whence == SEEK_DATA ? -ENXIO : offset;
	found = lseek(handle_of(fi)->fd, offset, whence);
	return found < 0 ? -errno : found;
}

/* ---- the server ---- */

/* Ends at the end of the FIFO, without a word: what is blocked must not hold it. */
static void *live(void *unused)
{
	int fd = open(set.life, O_RDONLY | O_CLOEXEC);
	char byte;

	(void)unused;
	while (fd >= 0 && (read(fd, &byte, 1) > 0 || errno == EINTR))
		;
	_exit(0);
}

static void wake_up(int number)
{
	(void)number;
}

static void *fs_init(struct fuse_conn_info *connection, struct fuse_config *config)
{
	const struct sigaction action = { .sa_handler = wake_up };
	pthread_t thread;

	/* Nothing is kept that the next answer might contradict. */
	config->entry_timeout = 0;
	config->attr_timeout = 0;
	config->negative_timeout = 0;
	config->use_ino = 1;
	config->hard_remove = 1;
	config->nullpath_ok = 1;
	/* The library signals a thread whose caller was interrupted. */
	config->intr = 1;
	sigaction(SIGUSR1, &action, NULL);
	if (set.writeback)
		connection->want |= FUSE_CAP_WRITEBACK_CACHE;
	if (set.forget != NULL)
		forget_begin(set.backing, set.forget);
	if (set.life != NULL && pthread_create(&thread, NULL, live, NULL) != 0)
		_exit(1);
	return NULL;
}

static const struct fuse_operations operations = {
	.init = fs_init,
	.getattr = fs_getattr,
	.readlink = fs_readlink,
	.mknod = fs_mknod,
	.mkdir = fs_mkdir,
	.unlink = fs_unlink,
	.rmdir = fs_rmdir,
	.symlink = fs_symlink,
	.rename = fs_rename,
	.link = fs_link,
	.opendir = fs_opendir,
	.readdir = fs_readdir,
	.releasedir = fs_releasedir,
	.chmod = fs_chmod,
	.chown = fs_chown,
	.utimens = fs_utimens,
	.setxattr = fs_setxattr,
	.getxattr = fs_getxattr,
	.listxattr = fs_listxattr,
	.removexattr = fs_removexattr,
	.statfs = fs_statfs,
	.create = fs_create,
	.open = fs_open,
	.read = fs_read,
	.write = fs_write,
	.truncate = fs_truncate,
	.flush = fs_flush,
	.fsync = fs_fsync,
	.fsyncdir = fs_fsyncdir,
	.release = fs_release,
	.fallocate = fs_fallocate,
	.copy_file_range = fs_copy_range,
	.lseek = fs_lseek,
};

/* ---- switches ---- */

static void fail(const char *what)
{
	fprintf(stderr, "fusefs: %s is not understood\n", what);
	exit(1);
}

static const struct flag {
	const char *text;
	bool *value;
} flags[] = {
	{ "casefold", &set.casefold },
	{ "bad-names", &set.bad_names },
	{ "list=twice", &set.twice },
	{ "list=no-type", &set.no_type },
	{ "loop", &set.loop },
	{ "writeback", &set.writeback },
	{ "holes=empty", &set.holes_empty },
	{ "holes=lie", &set.holes_lie },
	{ "range=zero", &set.range_zero },
	{ "range=short", &set.range_short },
	{ "late=flush", &set.late_flush },
	{ "late=fsync", &set.late_fsync },
};

static bool set_flag(const char *text)
{
	size_t i;

	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (strcmp(text, flags[i].text) == 0)
			return *flags[i].value = true;
	return false;
}

static int find_errno(const char *name)
{
	int errnum;

	for (errnum = 1; errnum < ERRNO_MAX; errnum++) {
		const char *known = strerrorname_np(errnum);

		if (known != NULL && strcmp(known, name) == 0)
			return errnum;
	}
	fail(name);
	return 0;
}

static bool set_text(const char *name, const char *value)
{
	if (strcmp(name, "gate") == 0)
		set.gate = value;
	else if (strcmp(name, "forget") == 0)
		set.forget = value;
	else if (strcmp(name, "only") == 0)
		set.only = value;
	else if (strcmp(name, "life") == 0)
		set.life = value;
	else if (strcmp(name, "log") == 0)
		set.log = open(value, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	else
		return false;
	return true;
}

static bool set_value(const char *name, const char *value)
{
	if (strcmp(name, "name-max") == 0)
		set.name_max = strtoul(value, NULL, 10);
	else if (strcmp(name, "grain") == 0)
		set.grain = strtol(value, NULL, 10);
	else if (strcmp(name, "mtime") == 0)
		set.has_mtime = true, set.mtime = strtol(value, NULL, 10);
	else if (strcmp(name, "ino") == 0)
		set.has_ino = true, set.ino_changes = strcmp(value, "changing") == 0,
		atomic_store(&set.ino, set.ino_changes ? CHANGING_INO : strtoul(value, NULL, 10));
	else if (strcmp(name, "nlink") == 0)
		set.has_nlink = true, set.nlink = strtoul(value, NULL, 10);
	else if (strcmp(name, "space") == 0)
		set.has_space = true, set.space = strtoul(value, NULL, 10);
	else if (strcmp(name, "max-size") == 0)
		set.max_size = strtoul(value, NULL, 10);
	else if (strcmp(name, "size") == 0)
		set.has_size = true, set.size = strtol(value, NULL, 10),
		set.size_adds = *value == '+' || *value == '-';
	else if (strcmp(name, "held") == 0)
		set.held = find_errno(value);
	else if (strcmp(name, "cut") == 0)
		set.cut = strtoul(value, NULL, 10);
	else
		return set_text(name, value);
	return true;
}

static enum op find_op(const char *name)
{
	enum op op = 0;

	while (op < OPS && strcmp(op_names[op], name) != 0)
		op++;
	return op;
}

static void set_switch(char *text)
{
	char *value = strchr(text, '=');
	enum op op;

	if (set_flag(text))
		return;
	if (value == NULL)
		fail(text);
	*value++ = '\0';
	if (set_value(text, value))
		return;
	op = find_op(strcmp(text, "block") == 0 ? value : text);
	if (op == OPS)
		fail(text);
	else if (strcmp(text, "block") == 0)
		set.blocked = op;
	else
		set.errnum[op] = find_errno(value);
}

int main(int argc, char *argv[])
{
	char options[] = "fsname=fusefs,default_permissions";
	char *text, *rest;
	char *args[] = { argv[0], argv[argc - 1], "-o", options, NULL };
	int option;

	while ((option = getopt(argc, argv, "o:")) == 'o')
		for (text = strtok_r(optarg, ",", &rest); text != NULL;
		     text = strtok_r(NULL, ",", &rest))
			set_switch(text);
	if (option != -1 || argc - optind != 2) {
		fputs("usage: fusefs [-o SWITCH,...] BACKING MOUNTPOINT\n", stderr);
		return 1;
	}
	if (set.blocked != OPS && set.gate == NULL)
		fail("block without gate");
	if (realpath(argv[optind], set.backing) == NULL) {
		perror("fusefs: backing folder");
		return 1;
	}
	umask(0);
	return fuse_main(4, args, &operations, NULL) == 0 ? 0 : 1;
}
