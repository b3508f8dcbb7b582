/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Data ranges of a source, one at a time.  A map that is unknown, not to be
 * believed or moving is one range of data.
 */
#ifndef WEIR_EXTENT_H
#define WEIR_EXTENT_H

#include <stdbool.h>
#include <stdint.h>

#include "sys.h"

struct extent_cursor {
	int fd;
	bool mapped; /* false: everything from here on is data */
	uint64_t size_bytes;
	uint64_t next; /* ranges before this were told */
};

struct extent {
	uint64_t start; /* bytes */
	uint64_t end;
};

/* BELIEVE: the file system's map is right and worth asking for. */
void extent_begin(struct extent_cursor *cursor, int fd, uint64_t size_bytes, bool believe);

/* The next range of data; false when there is none. */
bool extent_next(struct extent_cursor *cursor, struct sys *sys, struct extent *extent);

#endif
