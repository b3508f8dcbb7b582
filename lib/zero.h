/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which blocks of a buffer are zeros and need not be written.
 */
#ifndef WEIR_ZERO_H
#define WEIR_ZERO_H

#include <stdbool.h>
#include <stdint.h>

/* A run of bytes to be written. */
struct zero_run {
	uint32_t start; /* bytes in the buffer */
	uint32_t end;
};

/* True if all of the BYTES at DATA are 0. */
bool zero_is(const uint8_t *data, uint32_t bytes);

/* The first run at or after FROM that is not zeros: it begins at FROM or at a
 * whole block of LIMIT_ZERO_BYTES, and ends at one or at END.  False: only zeros
 * are left. */
bool zero_next_run(const uint8_t *data, uint32_t from, uint32_t end, struct zero_run *run);

#endif
