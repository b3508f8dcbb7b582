/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one point that every operation on files passes, before it and after it:
 * a system call or an operation of a ring.  In builds with WEIR_FAULT_BUILD it
 * gives each a serial number, lets a plan of faults (fault.h) change it, and
 * writes a line for it:
 *
 *   SERIAL KIND DIR NAME OFFSET LENGTH FLAGS RESULT FD PATH
 *
 * lib/README.md says what the fields mean.  In all other builds nothing but
 * the count is left of it.
 *
 * The environment is read when a run is made, in such builds only: WEIR_TRACE
 * names the file of the lines (or a folder, where each run has its own),
 * WEIR_TRACE_DATA that of what operations change, where one more field of a line
 * tells its place; WEIR_FAULT is the plan.
 */
#ifndef WEIR_POINT_H
#define WEIR_POINT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/vfs.h>

enum sys_kind {
	SYS_OPEN,
	SYS_CREATE, /* open that makes an inode: O_CREAT or O_TMPFILE */
	SYS_CLOSE,
	SYS_STATX,
	SYS_STATFS,
	SYS_READ,
	SYS_WRITE,
	SYS_FSYNC,
	SYS_SYNCFS,
	SYS_SYNC_RANGE,
	SYS_ALLOCATE,
	SYS_TRUNCATE,
	SYS_SEEK,
	SYS_CACHESTAT,
	SYS_ADVISE,
	SYS_FLAGS,
	SYS_DUP,
	SYS_GET_INODE_FLAGS,
	SYS_SET_INODE_FLAGS,
	SYS_GET_PROJECT,
	SYS_SET_PROJECT,
	SYS_CLONE,
	SYS_COPY_RANGE,
	SYS_MKDIR,
	SYS_UNLINK,
	SYS_LINK,
	SYS_RENAME,
	SYS_SYMLINK,
	SYS_MKNOD,
	SYS_READLINK,
	SYS_CHOWN,
	SYS_CHMOD,
	SYS_TIMES,
	SYS_LIST,
	SYS_LOCK,
	SYS_GETXATTR,
	SYS_SETXATTR,
	SYS_POLL,
	SYS_IO_PRIORITY,
	SYS_NICE,
	SYS_RANDOM,
	SYS_CONFINE, /* the thread gives up rights */
	SYS_RING_SETUP,
	SYS_RING_REGISTER,
	SYS_RING_ENTER,
	SYS_NOP,
	SYS_KINDS
};

/* What one operation is about. */
struct sys_op {
	enum sys_kind kind;
	int fd;		     /* the folder of NAME, or what is worked on; -1: none */
	const char *name;    /* in FD, or what else the line is to name; or NULL */
	int at_fd;	     /* where it is not FD and NAME that make the path: */
	const char *at_name; /* the folder and the name in it that are changed */
	bool at;	     /* these two count; without a name it is AT_FD itself */
	const void *after;   /* the rule that has something to do once it is over, or NULL */
	bool late;	     /* its completion is the last to be handed on */
	bool is_not_made;    /* a plan's result stands for it */
	int from_fd;	     /* of a rename: the folder of the old name */
	const void *data;    /* what is written, or the value of an xattr; or NULL */
	size_t data_bytes;
	int64_t offset;	 /* bytes */
	uint64_t length; /* bytes; a fault makes it less before the operation */
	unsigned flags;
	long result; /* what stands for the operation, if point_begin() says false */
};

#ifdef WEIR_FAULT_BUILD

struct fault;

struct point {
	_Atomic uint64_t begun;	     /* operations that have begun: what a plan counts */
	_Atomic uint64_t serial;     /* operations that are over: what a line says */
	int trace_fd;		     /* -1: no trace */
	int data_fd;		     /* -1: no data beside it */
	_Atomic uint64_t data_bytes; /* in that file */
	struct fault *fault;	     /* NULL: no plan */
};

void point_open(struct point *point);
void point_close(struct point *point);

/* Before the operation.  False: it is not to be made; op->result stands for it. */
bool point_begin(struct point *point, struct sys_op *op);

/* After it, or in its place; returns what its caller is to believe. */
long point_end(struct point *point, struct sys_op *op, long result);

/* True if the plan wants all done by the caller's thread, one after the other. */
bool point_is_inline(const struct point *point);

/* True if the plan does what the run itself never would: runs programs, cuts the power. */
bool point_reaches_out(const struct point *point);

/* Fills in bytes that a plan chooses in place of chance; false: it does not. */
bool point_random(struct point *point, void *bytes, size_t count);

/* What the kernel said of a file system, and the plan wants it to be. */
void point_statfs(const struct point *point, struct statfs *statfs);

/* The word for a kind. */
const char *point_kind_name(enum sys_kind kind);

#else

struct point {
	_Atomic uint64_t begun;
};

static inline void point_open(struct point *point)
{
	atomic_store(&point->begun, 0);
}

static inline void point_close(struct point *point)
{
	(void)point;
}

static inline bool point_begin(struct point *point, struct sys_op *op)
{
	(void)op;
	atomic_fetch_add_explicit(&point->begun, 1, memory_order_relaxed);
	return true;
}

static inline long point_end(struct point *point, struct sys_op *op, long result)
{
	(void)point, (void)op;
	return result;
}

static inline bool point_is_inline(const struct point *point)
{
	(void)point;
	return false;
}

static inline bool point_reaches_out(const struct point *point)
{
	(void)point;
	return false;
}

static inline bool point_random(struct point *point, void *bytes, size_t count)
{
	(void)point, (void)bytes, (void)count;
	return false;
}

static inline void point_statfs(const struct point *point, struct statfs *statfs)
{
	(void)point, (void)statfs;
}

#endif
/* The way through it: CALL has the value of an operation, or a negative errno. */
#define POINT_CALL(point, op, call) \
	point_end((point), (op), point_begin((point), (op)) ? (long)(call) : (op)->result)

#endif
