/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Trees pinned by folder descriptors.  A dir is one folder of one side; below
 * the operands every name is resolved one component at a time, relative to the
 * held dir, never through a link.  Descriptors above the budget are closed and
 * opened again when needed, and must then be the same inode.
 */
#ifndef WEIR_ROOT_H
#define WEIR_ROOT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "list.h"
#include "sys.h"

struct dir {
	struct list lru;    /* open and not pinned */
	struct dir *parent; /* referenced; NULL: opened by path */
	struct dir *climb;  /* next step down while reopening */
	uint32_t refs;
	_Atomic uint32_t pins; /* 0 <-> 1 only under the root's lock */
	uint32_t depth;
	bool follow;	/* its name may be a link, but no magic one if it has a parent */
	uint32_t temps; /* named temps of ours in it: locked, pinned */
	bool held;	/* locked for this run alone, and pinned */
	int fd;		/* -1: closed for now */
	int base_fd;	/* for a dir opened by path: what it is relative to */
	uint64_t device;
	uint64_t inode;
	uint64_t mount; /* its number, or the device where the kernel tells none */
	char name[];	/* one component, or the operand's path */
};

struct root {
	pthread_mutex_t lock;
	struct sys *sys;
	struct list idle; /* dirs open and not pinned, longest unused first */
	uint32_t open_count;
	uint32_t open_max;
	bool keeps_atimes; /* folders are listed without leaving a trace, where we may */
};

int root_open(struct root *root, struct sys *sys, uint32_t open_max);
void root_close(struct root *root);

/* Opens the folder NAME of DIRFD, which is no link, to list it once more: a descriptor of
 * its own, or -errno. */
int root_open_to_list(struct root *root, int dirfd, const char *name);

/* Opens an operand's folder by PATH relative to BASE_FD, following links as the
 * kernel does; returned pinned and with one reference. 0 or -errno. */
int dir_open_path(struct root *root, int base_fd, const char *path, struct dir **dir);

/* Opens folder NAME of PARENT, through a link only if FOLLOW; PARENT_FD is its
 * pinned descriptor.  Returned pinned and with one reference.  0 or -errno. */
int dir_open_child(struct root *root, struct dir *parent, int parent_fd, const char *name,
		   bool follow, struct dir **dir);

/* One step down: the caller's reference to *DIR becomes one to its folder NAME, through a
 * link only if FOLLOW, which must be the inode INODE of DEVICE.  0; -ESTALE: it is another
 * one; or another -errno, and *DIR is as it was.  None of them stays pinned. */
int dir_step(struct root *root, struct dir **dir, const char *name, bool follow, uint64_t device,
	     uint64_t inode);

struct dir *dir_get(struct root *root, struct dir *dir);
/* Drops a reference; at zero the descriptor is closed. */
void dir_put(struct root *root, struct dir *dir);

/* A descriptor that stays open until dir_unpin(); -ESTALE: the path no longer
 * leads to the same folder.  Reopened, it is opened through `..` of FROM_CHILD
 * where that is given and open. */
int dir_pin(struct root *root, struct dir *dir, const struct dir *from_child);
void dir_unpin(struct root *root, struct dir *dir);

/* A named temp of ours comes into, or went from, the pinned dir: while there
 * are any, it is locked shared, so that nobody takes them for leftovers.
 * -EWOULDBLOCK: another run holds the folder for itself, nothing was added. */
int dir_temp_added(struct root *root, struct dir *dir);
void dir_temp_removed(struct root *root, struct dir *dir);

/* Locks the pinned dir for this run alone, until dir_release(), trying so many TIMES.
 * -EWOULDBLOCK: another run is at work in it.  Where locks do not work, it is as good
 * as locked. */
int dir_hold(struct root *root, struct dir *dir, int times);
void dir_release(struct root *root, struct dir *dir);

/* The path as the operands name it, with NAME (or NULL) below; to be freed. */
char *dir_path(const struct dir *dir, const char *name);

#endif
