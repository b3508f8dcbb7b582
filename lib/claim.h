/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files that are written in place, each by one source only.
 */
#ifndef WEIR_CLAIM_H
#define WEIR_CLAIM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct claim {
	uint64_t device;
	uint64_t inode;
};

struct claims {
	pthread_mutex_t lock;
	struct claim *taken; /* sorted */
	size_t count;
	size_t room;
};

/* 0 or -errno. */
int claims_open(struct claims *claims);
void claims_close(struct claims *claims);

/* Claims an inode.  0; -EEXIST: it was claimed before; -ENOMEM. */
int claim_take(struct claims *claims, uint64_t device, uint64_t inode);

#endif
