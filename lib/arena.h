/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The fixed buffer ring of one worker: one anonymous mapping, 2 MiB aligned,
 * in huge pages where there is enough of it, cut into slots of two classes:
 * large ones for chunks, small ones for small files read ahead.
 */
#ifndef WEIR_ARENA_H
#define WEIR_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limits.h"

struct arena_plan {
	size_t bytes;	      /* memory it may take in all */
	uint32_t chunk_bytes; /* wanted for a large slot */
	uint32_t depth;	      /* wanted large slots */
	bool exact;	      /* chunk_bytes was asked for by the user */
	bool full;	      /* large files are certain: all of it is wanted at once */
};

struct slot {
	uint8_t *data;
	uint32_t bytes;
	uint16_t index;
	uint16_t range; /* registered range that holds it */
	bool used;
	bool small;
};

struct arena {
	uint8_t *mapping; /* as mmap gave it */
	size_t mapping_bytes;
	uint8_t *memory;    /* aligned */
	size_t bytes;	    /* cut into slots in the end */
	size_t ready_bytes; /* faulted in, may be registered */
	uint32_t small_count;
	uint32_t large_count;
	uint32_t large_ready; /* large slots inside ready_bytes */
	uint32_t chunk_bytes;
	bool huge;
	struct slot slots[LIMIT_SLOTS_MAX];
	uint16_t free_small[LIMIT_SLOTS_MAX];
	uint16_t free_large[LIMIT_SLOTS_MAX];
	uint32_t free_small_count;
	uint32_t free_large_count;
};

/* Reserves and faults in the part that small files need.  0 or -errno. */
int arena_open(struct arena *arena, const struct arena_plan *plan);

/* Faults in the rest; nothing may be in flight.  False: it was all there, or
 * there is no memory for more. */
bool arena_grow(struct arena *arena);

/* Gives up half of the large slots that are not ready yet or free; false when
 * only one is left.  Used down the registration ladder, with no slot in use. */
bool arena_halve(struct arena *arena);

void arena_close(struct arena *arena);

/* A slot, or NULL when all of that class are used. */
struct slot *arena_take_small(struct arena *arena);
struct slot *arena_take_large(struct arena *arena);
void arena_give(struct arena *arena, struct slot *slot);

/* Bytes of registered range RANGE, and how many ranges cover the ready part. */
size_t arena_range_bytes(const struct arena *arena, unsigned range);
unsigned arena_ranges(const struct arena *arena);

#endif
