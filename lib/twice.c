/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A table of places in the buffer, open addressing, no deletion.
 *
 * Invariant: two names are one only if all their bytes are; a hash leads to a slot
 * and decides nothing.
 */
#define _GNU_SOURCE
#include "twice.h"

#include <stddef.h>
#include <string.h>

#include "invariant.h"

void twice_open(struct twice *twice)
{
	twice->newest = NULL;
	twice->last[0] = '\0';
}

void twice_begin(struct twice *twice, const char *buffer)
{
	size_t bytes = twice->newest != NULL ? strlen(twice->newest) + 1 : 0;

	/* It lies in the buffer that is about to be filled. */
	if (bytes > 0 && bytes <= sizeof(twice->last))
		memcpy(twice->last, twice->newest, bytes);
	twice->newest = NULL;
	twice->buffer = buffer;
	memset(twice->slots, 0, sizeof(twice->slots));
}

static uint32_t twice_hash(const char *name)
{
	uint32_t hash = 0x811c9dc5U; /* FNV-1a */

	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char)*name) * 0x01000193U;
	return hash ^ hash >> 16;
}

bool twice_met(struct twice *twice, const char *name)
{
	uint32_t slot = twice_hash(name) % TWICE_SLOTS;
	bool is_first = twice->newest == NULL;

	twice->newest = name;
	if (is_first && strcmp(name, twice->last) == 0)
		return true;
	while (twice->slots[slot] != 0) {
		if (strcmp(twice->buffer + twice->slots[slot], name) == 0)
			return true;
		slot = (slot + 1) % TWICE_SLOTS;
	}
	WEIR_ASSERT(name > twice->buffer && name < twice->buffer + LIMIT_LIST_BYTES);
	twice->slots[slot] = (uint16_t)(name - twice->buffer);
	return false;
}
