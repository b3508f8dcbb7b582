/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A long row of bytes that is written once, read once, and too long for memory: what
 * is above a few of them lies in a nameless file of this machine, not of the target.
 */
#ifndef WEIR_SPILL_H
#define WEIR_SPILL_H

#include <stddef.h>
#include <stdint.h>

#include "limits.h"
#include "sys.h"

struct spill {
	struct sys *sys;
	int fd;		  /* -1: all of it is in the block */
	int spare_fd;	  /* what was made for that; -1: nothing */
	uint64_t blocks;  /* in the file */
	uint64_t next;	  /* of these read */
	size_t filled;	  /* bytes in the block */
	size_t at;	  /* of these read */
	int reading;	  /* 1: nothing is added any more */
	char *block;	  /* of LIMIT_SPILL_BYTES, or NULL before the first byte */
};

void spill_open(struct spill *spill, struct sys *sys);
void spill_close(struct spill *spill);

/* Makes a file now, for when it is needed: it may not be made then any more. */
void spill_prepare(struct spill *spill);

/* Appends.  0 or -errno: it is of no use any more. */
int spill_add(struct spill *spill, const void *data, size_t bytes);

/* From the first byte on; nothing is added any more.  0 or -errno. */
int spill_rewind(struct spill *spill);

/* The next BYTES.  1; 0: the end; -EIO: what was read is not what was written;
 * another -errno. */
int spill_next(struct spill *spill, void *data, size_t bytes);

#endif
