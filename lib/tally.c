/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Counters.  Each is exact; a set of them read while the run goes on is not a
 * snapshot, which progress does not need.
 */
#define _GNU_SOURCE
#include "tally.h"

#include <time.h>

#include "limits.h"

uint64_t tally_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

uint64_t tally_dirty_limit(const struct tally *tally)
{
	uint64_t elapsed_ms = (tally_now_ns() - tally->began_ns) / 1000000 + 1;
	uint64_t rate = tally_get(&tally->bytes_buffered) / elapsed_ms * 1000;

	if (rate < LIMIT_DIRTY_BYTES)
		return LIMIT_DIRTY_BYTES;
	return rate < LIMIT_DIRTY_MOST_BYTES ? rate : LIMIT_DIRTY_MOST_BYTES;
}

#define TALLY_COPY(name) stats->name = tally_get(&tally->name);

void tally_read(const struct tally *tally, struct weir_stats *stats)
{
	TALLY_COUNTERS(TALLY_COPY)
	stats->elapsed_ns = tally->began_ns != 0 ? tally_now_ns() - tally->began_ns : 0;
}
