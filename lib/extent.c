/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SEEK_DATA and SEEK_HOLE, distrusted.
 *
 * Invariants:
 * X1 offsets strictly increase and stay within the size, so a map that moves
 *    under us cannot make a loop (A10);
 * X2 any answer that makes no sense turns the rest into one range of data.
 */
#define _GNU_SOURCE
#include "extent.h"

#include <errno.h>
#include <unistd.h>

#include "invariant.h"

void extent_begin(struct extent_cursor *cursor, int fd, uint64_t size_bytes, bool believe)
{
	*cursor = (struct extent_cursor){
		.fd = fd,
		.mapped = believe,
		.size_bytes = size_bytes,
	};
}

static bool extent_rest(struct extent_cursor *cursor, struct extent *extent)
{
	cursor->mapped = false;
	extent->start = cursor->next;
	extent->end = cursor->size_bytes;
	cursor->next = cursor->size_bytes;
	return extent->start < extent->end;
}

bool extent_next(struct extent_cursor *cursor, struct sys *sys, struct extent *extent)
{
	int64_t data, hole;

	if (cursor->next >= cursor->size_bytes)
		return false;
	if (!cursor->mapped)
		return extent_rest(cursor, extent);
	data = sys_lseek(sys, cursor->fd, (int64_t)cursor->next, SEEK_DATA);
	if (data == -ENXIO) {
		cursor->next = cursor->size_bytes;
		return false; /* only a hole is left */
	}
	if (data < (int64_t)cursor->next)
		return extent_rest(cursor, extent); /* X2 */
	if ((uint64_t)data >= cursor->size_bytes) {
		cursor->next = cursor->size_bytes;
		return false;
	}
	hole = sys_lseek(sys, cursor->fd, data, SEEK_HOLE);
	if (hole <= data) {
		/* btrfs says 2^63 of a file that ends one byte before. */
		cursor->next = (uint64_t)data;
		return extent_rest(cursor, extent); /* X1, X2 */
	}
	extent->start = (uint64_t)data;
	extent->end = (uint64_t)hole < cursor->size_bytes ? (uint64_t)hole : cursor->size_bytes;
	WEIR_ASSERT(extent->end > cursor->next); /* X1 */
	cursor->next = extent->end;
	return true;
}
