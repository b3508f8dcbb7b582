// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The log that fusefs writes of what comes to the files it serves, in the order in
 * which it came.  With a loop device on one of these files it tells what a disk was
 * given, and when it was told to keep it.
 *
 * A write is logged when it is over and before that is answered; a sync when it begins
 * and once more when it is over.  So what a sync has made durable are the writes before
 * its beginning, and it can be relied on from its end on.
 */
#ifndef TOOLS_BLOCKLOG_H
#define TOOLS_BLOCKLOG_H

#include <stdint.h>

enum block_kind {
	BLOCK_WRITE = 1, /* followed by its data */
	BLOCK_ZERO,	 /* a range became zeros */
	BLOCK_SYNC,
	BLOCK_SYNCED,
	BLOCK_UNLINK, /* a name is gone */
};

#define BLOCK_PATH_BYTES 232

struct block_record {
	uint32_t kind;
	uint32_t serial; /* of a sync: the same at its beginning and its end */
	uint64_t offset;
	uint64_t bytes;
	char path[BLOCK_PATH_BYTES]; /* from the root of the file system on */
};

#endif
