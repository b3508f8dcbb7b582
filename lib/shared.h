/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which source each inode of the target is a copy of, as far as it has several names:
 * two files of the source must not stay one file there.
 */
#ifndef WEIR_SHARED_H
#define WEIR_SHARED_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sys.h"

struct shared_inode {
	uint64_t device; /* of the target; inode 0: a free slot */
	uint64_t inode;
	uint64_t source_device;
	uint64_t source_inode;
};

struct shared {
	pthread_mutex_t lock;
	struct shared_inode *slots;
	size_t slot_count; /* a power of 2, or 0 */
	size_t count;
};

/* 0 or -errno. */
int shared_open(struct shared *shared);
void shared_close(struct shared *shared);

/* TARGET is to stay as the copy of SOURCE.  False: it stays as that of another file
 * already, or there is no memory to know. */
bool shared_claim(struct shared *shared, const struct sys_stat *target,
		  const struct sys_stat *source);

#endif
