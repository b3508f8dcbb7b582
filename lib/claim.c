/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A hash table under a lock.
 *
 * Invariants:
 * M1 a claim is never given back: two sources that were written into one file
 *    would leave a mix, even one after the other; and a source that was copied
 *    is still the user's;
 * M2 a quarter of the table is free, so that each search ends.
 */
#include "claim.h"

#include <errno.h>
#include <stdlib.h>

#include "invariant.h"

#define CLAIM_FIRST_ROOM 256U

int claims_open(struct claims *claims)
{
	claims->table = NULL;
	claims->count = 0;
	claims->room = 0;
	return -pthread_mutex_init(&claims->lock, NULL);
}

void claims_close(struct claims *claims)
{
	free(claims->table);
	claims->table = NULL;
	pthread_mutex_destroy(&claims->lock);
}

/* Where the inode is, or belongs. */
static struct claim *claim_find(struct claim *table, size_t room, uint64_t device, uint64_t inode)
{
	uint64_t hash = (inode ^ device << 32) * 0x9e3779b97f4a7c15ULL;
	size_t at = (size_t)(hash ^ hash >> 32) & (room - 1);

	while (table[at].use != CLAIM_NONE &&
	       (table[at].device != device || table[at].inode != inode))
		at = (at + 1) & (room - 1); /* M2 */
	return &table[at];
}

static bool claims_grow(struct claims *claims)
{
	size_t room = claims->room == 0 ? CLAIM_FIRST_ROOM : claims->room * 2;
	struct claim *table = calloc(room, sizeof(*table));

	if (table == NULL)
		return false;
	for (size_t i = 0; i < claims->room; i++) {
		const struct claim *claim = &claims->table[i];

		if (claim->use != CLAIM_NONE)
			*claim_find(table, room, claim->device, claim->inode) = *claim;
	}
	free(claims->table);
	claims->table = table;
	claims->room = room;
	return true;
}

/* Finds or adds the inode; what it was claimed for before, or -ENOMEM. */
static int claim_add(struct claims *claims, uint64_t device, uint64_t inode, enum claim_use use)
{
	struct claim *claim;

	if ((claims->count + 1) * 4 > claims->room * 3 && !claims_grow(claims))
		return -ENOMEM;
	claim = claim_find(claims->table, claims->room, device, inode);
	if (claim->use != CLAIM_NONE)
		return (int)claim->use;
	*claim = (struct claim){ device, inode, use };
	claims->count++;
	WEIR_ASSERT(claims->count < claims->room); /* M2 */
	return CLAIM_NONE;
}

static int claim_take(struct claims *claims, uint64_t device, uint64_t inode, enum claim_use use)
{
	int before;

	pthread_mutex_lock(&claims->lock);
	before = claim_add(claims, device, inode, use);
	pthread_mutex_unlock(&claims->lock);
	return before;
}

int claim_source(struct claims *claims, uint64_t device, uint64_t inode)
{
	int before = claim_take(claims, device, inode, CLAIM_SOURCE);

	return before == CLAIM_TARGET ? -EBUSY : before < 0 ? before : 0;
}

int claim_target(struct claims *claims, uint64_t device, uint64_t inode)
{
	int before = claim_take(claims, device, inode, CLAIM_TARGET);

	if (before == CLAIM_SOURCE)
		return -EBUSY;
	return before == CLAIM_TARGET ? -EEXIST : before;
}
