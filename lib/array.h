/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Arrays that grow: room doubles, so that each item is moved twice at most, counted over
 * all of them.
 */
#ifndef WEIR_ARRAY_H
#define WEIR_ARRAY_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define ARRAY_FIRST 16U

/* Makes room for one more behind the COUNT items of ITEM_BYTES each; *ROOM is how many
 * there is room for, 0 with ITEMS NULL.  The array, which may have moved; NULL: there is
 * no memory for so many, and both are as they were. */
static inline void *array_grow(void *items, size_t count, size_t *room, size_t item_bytes)
{
	size_t more = *room > 0 ? 2 * *room : ARRAY_FIRST;
	void *grown;

	if (count < *room)
		return items;
	if (*room > SIZE_MAX / 2 || more > PTRDIFF_MAX / item_bytes)
		return NULL;
	grown = reallocarray(items, more, item_bytes);
	if (grown != NULL)
		*room = more;
	return grown;
}

#endif
