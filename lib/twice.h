/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names that a listing tells twice (A09): by a file system with a bug, or because
 * the folder changes meanwhile.  They are met within what one call told, and where
 * two calls meet; a name that comes again later is copied again, to the same end.
 */
#ifndef WEIR_TWICE_H
#define WEIR_TWICE_H

#include <stdbool.h>
#include <stdint.h>

#include "limits.h"

#define TWICE_SLOTS 2048U /* a power of 2 */

/* An entry has 19 bytes before its name, and is a multiple of 8 long. */
_Static_assert(LIMIT_LIST_BYTES / 24 < TWICE_SLOTS, "there is always a free slot");
_Static_assert(LIMIT_LIST_BYTES < UINT16_MAX, "a slot holds a place in the buffer");

struct twice {
	const char *buffer;
	uint16_t slots[TWICE_SLOTS]; /* where names are in it; 0: free */
	const char *newest;
	char last[LIMIT_NAME_BYTES]; /* the last name of the buffer before */
};

/* Before the first call. */
void twice_open(struct twice *twice);

/* BUFFER is about to be filled anew, with LIMIT_LIST_BYTES at most. */
void twice_begin(struct twice *twice, const char *buffer);

/* Takes up NAME, which lies in the buffer; true if it was there already. */
bool twice_met(struct twice *twice, const char *name);

#endif
