/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Zero blocks.
 *
 * Invariants:
 * Z1 a run covers every byte that is not 0, so what is left out reads as zeros;
 * Z2 runs begin and end at whole blocks of the buffer, so direct writes stay
 *    aligned; only the end of the buffer may cut the last one.
 *
 * The inner loop has a fixed length and no exit, so that compilers use vectors.
 * Zeros in a slot of 512 KiB: 23 GiB/s built by gcc 12, 90 GiB/s by clang 14, where
 * memory is read at 23 GiB/s; other data mostly shows it in the first byte.
 */
#include "zero.h"

#include <string.h>

#include "invariant.h"
#include "limits.h"

#define ZERO_STRIDE_WORDS 64

static bool zero_is_stride(const uint8_t *data)
{
	uint64_t any = 0;

	for (size_t i = 0; i < ZERO_STRIDE_WORDS; i++) {
		uint64_t word;

		memcpy(&word, data + 8 * i, sizeof(word));
		any |= word;
	}
	return any == 0;
}

bool zero_is(const uint8_t *data, uint32_t bytes)
{
	uint32_t at = 0;

	if (bytes > 0 && data[0] != 0)
		return false;
	for (; bytes - at >= ZERO_STRIDE_WORDS * sizeof(uint64_t);
	     at += ZERO_STRIDE_WORDS * sizeof(uint64_t))
		if (!zero_is_stride(data + at))
			return false;
	for (; at < bytes; at++)
		if (data[at] != 0)
			return false;
	return true;
}

/* Where the block that AT lies in ends. */
static uint32_t zero_block_end(uint32_t at, uint32_t end)
{
	uint32_t next = at - at % LIMIT_ZERO_BYTES + LIMIT_ZERO_BYTES;

	return next < end ? next : end;
}

bool zero_next_run(const uint8_t *data, uint32_t from, uint32_t end, struct zero_run *run)
{
	uint32_t at = from;

	while (at < end && zero_is(data + at, zero_block_end(at, end) - at))
		at = zero_block_end(at, end);
	if (at >= end)
		return false;
	run->start = at;
	while (at < end && !zero_is(data + at, zero_block_end(at, end) - at))
		at = zero_block_end(at, end);
	run->end = at;
	WEIR_ASSERT(run->start >= from && run->start < run->end && run->end <= end);
	return true;
}
