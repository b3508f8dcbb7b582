/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The counters of a run, shared by its threads and readable at any time.
 * Their names and meaning are those of struct weir_stats.
 */
#ifndef WEIR_TALLY_H
#define WEIR_TALLY_H

#include <stdatomic.h>
#include <stdint.h>

#include "weir.h"

/* Every counter but elapsed_ns, in the order of struct weir_stats. */
/* clang-format off */
#define TALLY_COUNTERS(X) \
	X(bytes_found) \
	X(bytes_written) \
	X(bytes_durable) \
	X(files_found) \
	X(files_done) \
	X(files_durable) \
	X(folders_done) \
	X(others_done) \
	X(entries_skipped) \
	X(entries_failed) \
	X(warnings) \
	X(bytes_direct) \
	X(bytes_buffered) \
	X(files_parked) \
	X(bytes_parked) \
	X(groups) \
	X(syncs_fs) \
	X(syncs_file) \
	X(ops_read) \
	X(ops_write) \
	X(ops_read_fixed) \
	X(ops_write_fixed) \
	X(ops_open) \
	X(buffer_registrations) \
	X(buffer_bytes) \
	X(arena_bytes) \
	X(workers) \
	X(rings) \
	X(ring_enters) \
	X(ring_dropped) \
	X(ring_overflow) \
	X(scan_done) \
	X(sizes_known) \
	X(first_group_ns) \
	X(sync_ns) \
	X(publish_ns) \
	X(scan_ns) \
	X(target_ns) \
	X(wait_ns) \
	X(bytes_cloned) \
	X(properties_lost) \
	X(bytes_offloaded) \
	X(to_create) \
	X(to_replace) \
	X(to_rename) \
	X(to_change) \
	X(to_remove) \
	X(removed) \
	X(unchanged) \
	X(excluded) \
	X(bytes_kept) \
	X(to_link) \
	X(to_clone) \
	X(to_move) \
	X(moved) \
	X(unfinished) \
	X(bytes_removed) \
	X(rings_restricted)
/* clang-format on */

#define TALLY_FIELD(name) _Atomic uint64_t name;

struct tally {
	uint64_t began_ns; /* CLOCK_MONOTONIC */
	TALLY_COUNTERS(TALLY_FIELD)
	_Atomic uint64_t files_open;  /* found, size not known yet */
	_Atomic uint64_t dirty_bytes; /* G9: buffered by this run, not synced */
};

#undef TALLY_FIELD

static inline void tally_add(_Atomic uint64_t *counter, uint64_t amount)
{
	atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

static inline void tally_sub(_Atomic uint64_t *counter, uint64_t amount)
{
	atomic_fetch_sub_explicit(counter, amount, memory_order_relaxed);
}

static inline uint64_t tally_get(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* CLOCK_MONOTONIC in nanoseconds; durations only, never a decision (H07). */
uint64_t tally_now_ns(void);

/* G9: bytes that the run may have dirty: 64 MiB, or what it writes in a second. */
uint64_t tally_dirty_limit(const struct tally *tally);

/* Copies the counters out. */
void tally_read(const struct tally *tally, struct weir_stats *stats);

#endif
