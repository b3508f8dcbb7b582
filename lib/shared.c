/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A set of inodes, and a hash table with open addresses, which only grow.
 *
 * In a chain of snapshots every file has several names, so there can be as many inodes
 * here as files: each takes one bit.  Only where a source has several names,
 * too, it must be known which one it is.
 *
 * Invariants:
 * Z1 at least a quarter of the slots is free, so each search ends;
 * Z2 what a source with one name has claimed is claimed once.
 */
#define _GNU_SOURCE
#include "shared.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "invariant.h"

#define SHARED_FIRST_SLOTS 256U

int shared_open(struct shared *shared)
{
	memset(shared, 0, sizeof(*shared));
	return -pthread_mutex_init(&shared->lock, NULL);
}

void shared_close(struct shared *shared)
{
	inodes_close(&shared->claimed);
	free(shared->slots);
	pthread_mutex_destroy(&shared->lock);
}

/* ---- sources with several names ---- */

/* The slot of an inode, or the free one where it belongs. */
static struct shared_inode *shared_find(struct shared_inode *slots, size_t slot_count,
					uint64_t device, uint64_t inode)
{
	for (size_t at = inodes_hash(device, inode);; at++) {
		struct shared_inode *slot = &slots[at & (slot_count - 1)];

		if (slot->inode == 0 || (slot->inode == inode && slot->device == device))
			return slot;
	}
}

static bool shared_grow(struct shared *shared)
{
	size_t slot_count = shared->slot_count > 0 ? 2 * shared->slot_count : SHARED_FIRST_SLOTS;
	struct shared_inode *slots = calloc(slot_count, sizeof(*slots));

	if (slots == NULL)
		return false;
	for (size_t i = 0; i < shared->slot_count; i++) {
		const struct shared_inode *old = &shared->slots[i];

		if (old->inode != 0)
			*shared_find(slots, slot_count, old->device, old->inode) = *old;
	}
	free(shared->slots);
	shared->slots = slots;
	shared->slot_count = slot_count;
	return true;
}

/* True if the inode is the copy of SOURCE, which had it first. */
static bool shared_has(const struct shared *shared, const struct sys_stat *target,
		       const struct sys_stat *source)
{
	const struct shared_inode *slot;

	if (shared->slot_count == 0)
		return false;
	slot = shared_find(shared->slots, shared->slot_count, target->device, target->inode);
	return slot->inode != 0 && slot->source_device == source->device &&
	       slot->source_inode == source->inode;
}

static bool shared_take(struct shared *shared, const struct sys_stat *target,
			const struct sys_stat *source)
{
	struct shared_inode *slot;

	if ((shared->count + 1) * 4 > shared->slot_count * 3 && !shared_grow(shared))
		return false;
	slot = shared_find(shared->slots, shared->slot_count, target->device, target->inode);
	if (slot->inode != 0)
		return slot->source_device == source->device && slot->source_inode == source->inode;
	*slot = (struct shared_inode){
		.device = target->device,
		.inode = target->inode,
		.source_device = source->device,
		.source_inode = source->inode,
	};
	shared->count++;
	return true;
}

bool shared_claim(struct shared *shared, const struct sys_stat *target,
		  const struct sys_stat *source)
{
	bool ours;
	int marked;

	if (target->links < 2 || target->inode == 0)
		return true;
	pthread_mutex_lock(&shared->lock);
	marked = inodes_add(&shared->claimed, target->device, target->inode);
	ours = marked == 1;
	if (source->links > 1 && marked == 1)
		ours = shared_take(shared, target, source);
	else if (source->links > 1 && marked == 0)
		ours = shared_has(shared, target, source);
	pthread_mutex_unlock(&shared->lock);
	return ours; /* Z2 */
}

void shared_lead(struct shared *shared, uint64_t device, uint64_t inode,
		 const struct sys_stat *source)
{
	const struct sys_stat target = { .device = device, .inode = inode };

	pthread_mutex_lock(&shared->lock);
	if (!shared_take(shared, &target, source)) {
		struct shared_inode *slot =
			shared->slot_count == 0
				? NULL
				: shared_find(shared->slots, shared->slot_count, device, inode);

		if (slot != NULL && slot->inode != 0)
			slot->several = true;
		else
			shared->failed = true;
	}
	pthread_mutex_unlock(&shared->lock);
}

enum shared_ways shared_ways(const struct shared *shared, uint64_t device, uint64_t inode)
{
	const struct shared_inode *slot;

	if (shared->failed)
		return SHARED_SEVERAL;
	if (shared->slot_count == 0)
		return SHARED_NONE;
	slot = shared_find(shared->slots, shared->slot_count, device, inode);
	if (slot->inode == 0)
		return SHARED_NONE;
	return slot->several ? SHARED_SEVERAL : SHARED_ONE;
}
