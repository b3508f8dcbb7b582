/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a run that writes in place does with each file: it reads any number of
 * times from it, or writes into it from one source.
 */
#ifndef WEIR_CLAIM_H
#define WEIR_CLAIM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum claim_use {
	CLAIM_NONE,
	CLAIM_SOURCE,
	CLAIM_TARGET,
};

struct claim {
	uint64_t device;
	uint64_t inode;
	enum claim_use use;
};

struct claims {
	pthread_mutex_t lock;
	struct claim *table; /* open addressing */
	size_t count;
	size_t room; /* a power of 2, or 0 */
};

/* 0 or -errno. */
int claims_open(struct claims *claims);
void claims_close(struct claims *claims);

/* Claims an inode as a source.  0, also if it is one already; -EBUSY: it is a
 * target; -ENOMEM. */
int claim_source(struct claims *claims, uint64_t device, uint64_t inode);

/* Claims an inode as a target.  0; -EBUSY: it is a source; -EEXIST: it is the target
 * of another source; -ENOMEM. */
int claim_target(struct claims *claims, uint64_t device, uint64_t inode);

#endif
