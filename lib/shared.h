/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which source each inode of the target is a copy of, as far as it has several names:
 * two files of the source must not stay, or become, one file there.  And, where links are
 * followed, which folders lead to each folder there.
 */
#ifndef WEIR_SHARED_H
#define WEIR_SHARED_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inodes.h"
#include "sys.h"

/* An inode that is the copy of a source with several names. */
struct shared_inode {
	uint64_t device; /* of the target; inode 0: a free slot */
	uint64_t inode;
	uint64_t source_device;
	uint64_t source_inode;
	bool several; /* of folders: others of the source lead here, too */
};

struct shared {
	pthread_mutex_t lock;
	struct inodes claimed; /* all of them */
	struct shared_inode *slots;
	size_t slot_count; /* a power of 2, or 0 */
	size_t count;
	bool failed; /* there was no memory: nothing can be said */
};

/* How many folders of the source lead to one of the target. */
enum shared_ways {
	SHARED_NONE,
	SHARED_ONE,
	SHARED_SEVERAL, /* or it is not known */
};

/* 0 or -errno. */
int shared_open(struct shared *shared);
void shared_close(struct shared *shared);

/* TARGET is to be, or stay, the copy of SOURCE.  False: it is that of another file
 * already, or there is no memory to know. */
bool shared_claim(struct shared *shared, const struct sys_stat *target,
		  const struct sys_stat *source);

/* The folder SOURCE leads to the folder of the target that is inode INODE of DEVICE. */
void shared_lead(struct shared *shared, uint64_t device, uint64_t inode,
		 const struct sys_stat *source);

/* What leads to that folder; every folder was met. */
enum shared_ways shared_ways(const struct shared *shared, uint64_t device, uint64_t inode);

#endif
