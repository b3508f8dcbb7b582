/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A sorted array under a lock.  Only inodes that have more than one name, or were
 * reached by a link, are claimed, so there are few.
 *
 * Invariant: M1 a claim is never given back: two sources that were written into
 * one file would leave a mix, even one after the other.
 */
#include "claim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "invariant.h"

#define CLAIM_FIRST_ROOM 64

int claims_open(struct claims *claims)
{
	claims->taken = NULL;
	claims->count = 0;
	claims->room = 0;
	return -pthread_mutex_init(&claims->lock, NULL);
}

void claims_close(struct claims *claims)
{
	free(claims->taken);
	claims->taken = NULL;
	pthread_mutex_destroy(&claims->lock);
}

static bool claim_is_before(const struct claim *a, const struct claim *b)
{
	return a->device != b->device ? a->device < b->device : a->inode < b->inode;
}

/* Where CLAIM is, or belongs. */
static size_t claim_find(const struct claims *claims, const struct claim *claim)
{
	size_t low = 0, high = claims->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (claim_is_before(&claims->taken[middle], claim))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int claim_insert(struct claims *claims, const struct claim *claim)
{
	size_t at = claim_find(claims, claim);

	if (at < claims->count && !claim_is_before(claim, &claims->taken[at]))
		return -EEXIST;
	if (claims->count == claims->room) {
		size_t room = claims->room == 0 ? CLAIM_FIRST_ROOM : claims->room * 2;
		struct claim *taken = reallocarray(claims->taken, room, sizeof(*taken));

		if (taken == NULL)
			return -ENOMEM;
		claims->taken = taken;
		claims->room = room;
	}
	memmove(&claims->taken[at + 1], &claims->taken[at],
		(claims->count - at) * sizeof(*claims->taken));
	claims->taken[at] = *claim;
	claims->count++;
	WEIR_ASSERT(claims->count <= claims->room);
	return 0;
}

int claim_take(struct claims *claims, uint64_t device, uint64_t inode)
{
	const struct claim claim = { device, inode };
	int result;

	pthread_mutex_lock(&claims->lock);
	result = claim_insert(claims, &claim);
	pthread_mutex_unlock(&claims->lock);
	return result;
}
