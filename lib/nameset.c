/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A set of names: one block of text and a hash table of places in it.
 *
 * Invariant: at least half of the slots is free, so each search ends.
 */
#define _GNU_SOURCE
#include "nameset.h"

#include <stdlib.h>
#include <string.h>

#include "invariant.h"
#include "limits.h"

#define NAMESET_FIRST_SLOTS 64U

void nameset_open(struct nameset *set)
{
	memset(set, 0, sizeof(*set));
}

void nameset_close(struct nameset *set)
{
	free(set->names);
	free(set->slots);
	nameset_open(set);
}

static size_t nameset_hash(const char *name)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char)*name) * 0x100000001b3ULL;
	return (size_t)(hash ^ hash >> 32);
}

/* The slot of NAME, or the free one where it belongs. */
static uint32_t *nameset_find(const struct nameset *set, const char *name)
{
	for (size_t at = nameset_hash(name);; at++) {
		uint32_t *slot = &set->slots[at & (set->slot_count - 1)];

		if (*slot == 0 || strcmp(set->names + *slot - 1, name) == 0)
			return slot;
	}
}

static bool nameset_grow_slots(struct nameset *set)
{
	size_t count = set->slot_count > 0 ? 2 * set->slot_count : NAMESET_FIRST_SLOTS;
	uint32_t *slots = calloc(count, sizeof(*slots));
	uint32_t *old = set->slots;
	size_t old_count = set->slot_count;

	if (slots == NULL)
		return false;
	set->slots = slots;
	set->slot_count = count;
	for (size_t i = 0; i < old_count; i++)
		if (old[i] != 0)
			*nameset_find(set, set->names + old[i] - 1) = old[i];
	free(old);
	return true;
}

static bool nameset_make_room(struct nameset *set, size_t bytes)
{
	size_t room = set->room > 0 ? set->room : 1024;
	char *names;

	if (set->bytes + bytes > LIMIT_NAMES_BYTES)
		return false;
	if ((set->count + 1) * 2 > set->slot_count && !nameset_grow_slots(set))
		return false;
	while (room < set->bytes + bytes)
		room *= 2;
	if (room == set->room)
		return true;
	names = realloc(set->names, room);
	if (names == NULL)
		return false;
	set->names = names;
	set->room = room;
	return true;
}

void nameset_add(struct nameset *set, const char *name)
{
	size_t bytes = strlen(name) + 1;
	uint32_t *slot;

	if (set->overflowed)
		return;
	if (!nameset_make_room(set, bytes)) {
		set->overflowed = true;
		return;
	}
	slot = nameset_find(set, name);
	if (*slot != 0)
		return;
	memcpy(set->names + set->bytes, name, bytes);
	*slot = (uint32_t)set->bytes + 1;
	set->bytes += bytes;
	set->count++;
}

bool nameset_has(const struct nameset *set, const char *name)
{
	WEIR_ASSERT(!set->overflowed);
	return set->slot_count > 0 && *nameset_find(set, name) != 0;
}
