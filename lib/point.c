/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one point of builds with faults: serial numbers, the trace, the plan.
 * Other builds have nothing of this file.
 *
 * Invariants:
 * Z1 each operation passes point_begin() once and point_end() once;
 * Z2 a line is one write(2) with O_APPEND: lines of several threads and processes
 *    never mix;
 * Z3 a line that cannot be written ends the process: a trace with a hole proves
 *    nothing;
 * Z4 the line of a close is written before it, while the descriptor still tells
 *    its inode, and before another thread can get its number;
 * Z5 data is written before the line that tells its place.
 */
#define _GNU_SOURCE
#include "point.h"

#ifdef WEIR_FAULT_BUILD

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "fault.h"
#include "invariant.h"

#define POINT_ESCAPED_BYTES (4 * FAULT_PATH_BYTES)

static const char *const point_kind_names[SYS_KINDS] = {
	[SYS_OPEN] = "open",
	[SYS_CREATE] = "create",
	[SYS_CLOSE] = "close",
	[SYS_STATX] = "statx",
	[SYS_STATFS] = "statfs",
	[SYS_READ] = "read",
	[SYS_WRITE] = "write",
	[SYS_FSYNC] = "fsync",
	[SYS_SYNCFS] = "syncfs",
	[SYS_SYNC_RANGE] = "sync_file_range",
	[SYS_ALLOCATE] = "fallocate",
	[SYS_TRUNCATE] = "ftruncate",
	[SYS_SEEK] = "lseek",
	[SYS_CACHESTAT] = "cachestat",
	[SYS_ADVISE] = "fadvise",
	[SYS_FLAGS] = "setfl",
	[SYS_DUP] = "dup",
	[SYS_GET_INODE_FLAGS] = "getflags",
	[SYS_SET_INODE_FLAGS] = "setflags",
	[SYS_GET_PROJECT] = "getattr",
	[SYS_SET_PROJECT] = "setattr",
	[SYS_CLONE] = "clone",
	[SYS_COPY_RANGE] = "copy_range",
	[SYS_MKDIR] = "mkdir",
	[SYS_UNLINK] = "unlink",
	[SYS_LINK] = "link",
	[SYS_RENAME] = "rename",
	[SYS_SYMLINK] = "symlink",
	[SYS_MKNOD] = "mknod",
	[SYS_READLINK] = "readlink",
	[SYS_CHOWN] = "chown",
	[SYS_CHMOD] = "chmod",
	[SYS_TIMES] = "utimens",
	[SYS_LIST] = "getdents",
	[SYS_LOCK] = "flock",
	[SYS_GETXATTR] = "getxattr",
	[SYS_SETXATTR] = "setxattr",
	[SYS_POLL] = "poll",
	[SYS_IO_PRIORITY] = "ioprio",
	[SYS_NICE] = "nice",
	[SYS_RANDOM] = "random",
	[SYS_CONFINE] = "confine",
	[SYS_RING_SETUP] = "ring_setup",
	[SYS_RING_REGISTER] = "ring_register",
	[SYS_RING_ENTER] = "ring_enter",
	[SYS_NOP] = "nop",
};

const char *point_kind_name(enum sys_kind kind)
{
	WEIR_ASSERT(kind < SYS_KINDS);
	return point_kind_names[kind];
}

/* ---- where an operation is ---- */

/* What a descriptor is open on.  A file without a name is FOLDER/#, whatever its
 * inode's number is. */
static size_t point_fd_path(int fd, char *path, size_t size)
{
	static const char deleted[] = " (deleted)";
	char link[64];
	ssize_t bytes;
	char *last;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	bytes = readlink(link, path, size - 1);
	if (bytes < 0)
		bytes = 0;
	path[bytes] = '\0';
	if ((size_t)bytes < sizeof(deleted) ||
	    strcmp(path + bytes - (sizeof(deleted) - 1), deleted) != 0)
		return (size_t)bytes;
	path[(size_t)bytes - (sizeof(deleted) - 1)] = '\0';
	last = strrchr(path, '/');
	if (last != NULL && last[1] == '#')
		last[2] = '\0';
	return strlen(path);
}

static const char *point_path(const struct sys_op *op, char path[FAULT_PATH_BYTES])
{
	int fd = op->at ? op->at_fd : op->fd;
	const char *name = op->at ? op->at_name : op->name;
	size_t used = 0;

	path[0] = '\0';
	if (fd >= 0 && (name == NULL || name[0] != '/'))
		used = point_fd_path(fd, path, FAULT_PATH_BYTES);
	if (name != NULL && name[0] != '\0')
		snprintf(path + used, FAULT_PATH_BYTES - used, "%s%s", used > 0 ? "/" : "", name);
	return path;
}

/* ---- the trace ---- */

/* Of the environment alone: a trace or a plan that cannot be had ends all. */
static void point_give_up(const char *what, const char *where)
{
	char line[512];
	int bytes = snprintf(line, sizeof(line), "weir: %s: %s\n", what, where);

	if (write(STDERR_FILENO, line, (size_t)bytes) != bytes)
		abort();
	abort();
}

static void point_open_trace(struct point *point, const char *path)
{
	char own[PATH_MAX];
	struct stat stat_of;
	struct timespec now;

	/* In a folder each run has a trace of its own. */
	if (stat(path, &stat_of) == 0 && S_ISDIR(stat_of.st_mode)) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		snprintf(own, sizeof(own), "%s/%d.%lld%09ld", path, getpid(), (long long)now.tv_sec,
			 now.tv_nsec);
		path = own;
	}
	point->trace_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (point->trace_fd < 0)
		point_give_up("WEIR_TRACE cannot be written", path);
}

static void point_open_data(struct point *point, const char *path)
{
	struct stat stat;

	point->data_fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (point->data_fd < 0 || fstat(point->data_fd, &stat) != 0)
		point_give_up("WEIR_TRACE_DATA cannot be written", path);
	atomic_store(&point->data_bytes, (uint64_t)stat.st_size);
}

void point_open(struct point *point)
{
	const char *trace = getenv("WEIR_TRACE");
	const char *data = getenv("WEIR_TRACE_DATA");
	const char *plan = getenv("WEIR_FAULT");
	const char *wrong;

	atomic_store(&point->begun, 0);
	atomic_store(&point->serial, 0);
	point->trace_fd = -1;
	point->data_fd = -1;
	point->fault = NULL;
	if (trace != NULL && trace[0] != '\0')
		point_open_trace(point, trace);
	if (point->trace_fd >= 0 && data != NULL && data[0] != '\0')
		point_open_data(point, data);
	if (plan == NULL || plan[0] == '\0')
		return;
	point->fault = fault_new(plan, &wrong);
	if (point->fault == NULL)
		point_give_up("WEIR_FAULT is wrong at", wrong);
}

void point_close(struct point *point)
{
	if (point->trace_fd >= 0)
		close(point->trace_fd);
	if (point->data_fd >= 0)
		close(point->data_fd);
	point->trace_fd = point->data_fd = -1;
	fault_free(point->fault);
	point->fault = NULL;
}

static const char *point_escape(char *out, size_t size, const char *name)
{
	bool alone = name[0] == '-' && name[1] == '\0'; /* a name "-" is none that is missing */
	size_t used = 0;

	for (; *name != '\0' && used + 5 < size; name++) {
		unsigned char byte = (unsigned char)*name;

		if (byte > ' ' && byte < 127 && byte != '\\' && !alone)
			out[used++] = (char)byte;
		else
			used += (size_t)snprintf(out + used, size - used, "\\x%02X", byte);
	}
	out[used] = '\0';
	return used > 0 ? out : "-";
}

/* ---- the data of what is changed ---- */

#define POINT_FIELD_BYTES 64

/* The eleventh field of a line: where COUNT bytes are that are put there now. */
static void point_put(struct point *point, const void *bytes, size_t count,
		      char field[POINT_FIELD_BYTES])
{
	uint64_t offset = atomic_fetch_add(&point->data_bytes, count);

	if (pwrite(point->data_fd, bytes, count, (off_t)offset) != (ssize_t)count)
		abort(); /* Z3, Z5 */
	snprintf(field, POINT_FIELD_BYTES, " %llu+%zu", (unsigned long long)offset, count);
}

/* What the kernel itself put into a file is read back, by a descriptor that can. */
static void point_put_range(struct point *point, const struct sys_op *op, size_t count,
			    char field[POINT_FIELD_BYTES])
{
	char link[64];
	char *bytes;
	int fd;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", op->fd);
	fd = open(link, O_RDONLY | O_CLOEXEC);
	bytes = malloc(count + 1);
	if (fd < 0 || bytes == NULL || pread(fd, bytes, count, op->offset) != (ssize_t)count)
		abort();
	close(fd);
	point_put(point, bytes, count, field);
	free(bytes);
}

static uint64_t point_inode(int fd)
{
	struct stat stat;

	return fd >= 0 && fstat(fd, &stat) == 0 ? stat.st_ino : 0;
}

/* The inode that an operation is about, and its folders, as they are now:
 * FOLDER FROM INODE MODE UID GID RDEV SIZE SECONDS NANOSECONDS, and the text of a link
 * in a line of its own.  What is not there is 0. */
static void point_put_inode(struct point *point, const struct sys_op *op, long result,
			    char field[POINT_FIELD_BYTES])
{
	bool by_name = op->kind == SYS_MKDIR || op->kind == SYS_MKNOD || op->kind == SYS_SYMLINK ||
		       op->kind == SYS_LINK || op->kind == SYS_RENAME;
	int folder = op->at ? op->at_fd : op->fd;
	const char *name = op->at ? op->at_name : op->name;
	char text[PATH_MAX], record[PATH_MAX + 512];
	struct stat stat = { 0 };
	ssize_t text_bytes = 0;
	int count;

	if (by_name)
		(void)!fstatat(folder, name, &stat, AT_SYMLINK_NOFOLLOW);
	else if (op->kind != SYS_UNLINK)
		(void)!fstat(op->kind == SYS_CREATE ? (int)result : op->fd, &stat);
	if (op->kind == SYS_SYMLINK)
		text_bytes = readlinkat(folder, name, text, sizeof(text) - 1);
	text[text_bytes > 0 ? text_bytes : 0] = '\0';
	count = snprintf(
		record, sizeof(record), "%llu %llu %llu %o %u %u %llu %lld %lld %ld\n%s",
		(unsigned long long)point_inode(folder),
		(unsigned long long)(op->kind == SYS_RENAME ? point_inode(op->from_fd) : 0),
		(unsigned long long)stat.st_ino, stat.st_mode, stat.st_uid, stat.st_gid,
		(unsigned long long)stat.st_rdev, (long long)stat.st_size,
		(long long)stat.st_mtim.tv_sec, stat.st_mtim.tv_nsec, text);
	point_put(point, record, (size_t)count, field);
}

static void point_data(struct point *point, const struct sys_op *op, long result,
		       char field[POINT_FIELD_BYTES])
{
	field[0] = '\0';
	if (point->data_fd < 0)
		return;
	snprintf(field, POINT_FIELD_BYTES, op->is_not_made ? " !" : " -");
	if (op->is_not_made || result < 0)
		return;
	switch (op->kind) {
	case SYS_WRITE:
		point_put(point, op->data, (size_t)result, field);
		break;
	case SYS_SETXATTR:
		if (op->data != NULL)
			point_put(point, op->data, op->data_bytes, field);
		break;
	case SYS_COPY_RANGE:
		point_put_range(point, op, (size_t)result, field);
		break;
	case SYS_CREATE:
	case SYS_MKDIR:
	case SYS_MKNOD:
	case SYS_SYMLINK:
	case SYS_LINK:
	case SYS_RENAME:
	case SYS_UNLINK:
	case SYS_CHOWN:
	case SYS_CHMOD:
	case SYS_TIMES:
	case SYS_TRUNCATE:
	case SYS_ALLOCATE:
		point_put_inode(point, op, result, field);
		break;
	default:
		break;
	}
}

static void point_trace(struct point *point, const struct sys_op *op, const char *path, long result)
{
	uint64_t serial = atomic_fetch_add(&point->serial, 1) + 1;
	/* A new file is told by its own descriptor. */
	int fd = op->kind == SYS_CREATE && result >= 0 ? (int)result : op->fd;
	char line[POINT_ESCAPED_BYTES + 2048];
	char escaped_path[POINT_ESCAPED_BYTES];
	char escaped[1200];
	char where[64] = "-";
	char data[POINT_FIELD_BYTES];
	struct stat stat;
	int bytes;

	if (fd >= 0 && fstat(fd, &stat) == 0)
		snprintf(where, sizeof(where), "%u,%u:%llu", major(stat.st_dev), minor(stat.st_dev),
			 (unsigned long long)stat.st_ino);
	point_data(point, op, result, data);
	bytes = snprintf(line, sizeof(line), "%llu %s %s %s %lld %llu %x %ld %d %s%s\n",
			 (unsigned long long)serial, point_kind_names[op->kind], where,
			 point_escape(escaped, sizeof(escaped), op->name != NULL ? op->name : ""),
			 (long long)op->offset, (unsigned long long)op->length, op->flags, result,
			 fd, point_escape(escaped_path, sizeof(escaped_path), path), data);
	WEIR_ASSERT(bytes > 0 && (size_t)bytes < sizeof(line));
	if (write(point->trace_fd, line, (size_t)bytes) != bytes)
		abort(); /* Z3 */
}

/* ---- the point ---- */

bool point_begin(struct point *point, struct sys_op *op)
{
	uint64_t serial = atomic_fetch_add(&point->begun, 1) + 1;
	char path[FAULT_PATH_BYTES];
	bool go_on = true;

	WEIR_ASSERT(op->kind < SYS_KINDS);
	if (point->fault == NULL && point->trace_fd < 0)
		return true;
	path[0] = '\0';
	if ((point->fault != NULL && fault_wants_path(point->fault, op->kind)) ||
	    (point->trace_fd >= 0 && op->kind == SYS_CLOSE))
		point_path(op, path);
	if (point->fault != NULL)
		go_on = fault_before(point->fault, op, serial, path);
	op->is_not_made = !go_on;
	if (op->kind == SYS_CLOSE && point->trace_fd >= 0)
		point_trace(point, op, path, 0); /* Z4 */
	return go_on;
}

long point_end(struct point *point, struct sys_op *op, long result)
{
	char path[FAULT_PATH_BYTES];

	if (point->fault == NULL && point->trace_fd < 0)
		return result;
	path[0] = '\0';
	if (op->kind != SYS_CLOSE && (point->trace_fd >= 0 || op->after != NULL))
		point_path(op, path);
	if (point->trace_fd >= 0 && op->kind != SYS_CLOSE)
		point_trace(point, op, path, result);
	if (op->after != NULL)
		result = fault_after(point->fault, op, path, result);
	return result;
}

bool point_is_inline(const struct point *point)
{
	return point->fault != NULL && fault_is_inline(point->fault);
}

bool point_reaches_out(const struct point *point)
{
	return point->fault != NULL && fault_reaches_out(point->fault);
}

bool point_random(struct point *point, void *bytes, size_t count)
{
	return point->fault != NULL && fault_random(point->fault, bytes, count);
}

void point_statfs(const struct point *point, struct statfs *statfs)
{
	uint64_t type = point->fault != NULL ? fault_disk(point->fault) : 0;

	if (type != 0 && statfs->f_type == TMPFS_MAGIC)
		statfs->f_type = (__fsword_t)type;
}

#endif
