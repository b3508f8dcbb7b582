/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Buffers for fixed I/O.
 *
 * Invariants:
 * R1 slots do not overlap, each lies inside one range of at most 1 GiB;
 * R2 a slot is free or has exactly one user; only free slots are handed out;
 * R3 memory is faulted in before a slot of it is handed out: no page fault
 *    ever happens inside a transfer;
 * R4 the mapping is anonymous, private, not inherited by fork, not dumped.
 *
 * Small slots come first, so that a worker that meets only small files never
 * touches the rest.
 */
#define _GNU_SOURCE
#include "arena.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "invariant.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

#define ARENA_FIRST_LARGE 4U /* large slots that are ready from the start */

static size_t arena_round_up(size_t value, size_t unit)
{
	return (value + unit - 1) / unit * unit;
}

/* Cuts PLAN into the two classes; leaves room for at least one of each. */
static void arena_divide(struct arena *arena, const struct arena_plan *plan)
{
	size_t small = (size_t)LIMIT_SMALL_BYTES * LIMIT_SMALL_SLOTS;
	size_t large;
	size_t chunk = plan->chunk_bytes;

	size_t most = plan->bytes / 4;

	/* A length that was asked for is kept, and small files make do. */
	if (plan->exact && plan->bytes > chunk && plan->bytes - chunk < most)
		most = plan->bytes - chunk;
	if (small > most)
		small = most / LIMIT_SMALL_BYTES * LIMIT_SMALL_BYTES;
	if (small < LIMIT_SMALL_BYTES)
		small = LIMIT_SMALL_BYTES;
	large = plan->bytes > small ? plan->bytes - small : 0;
	/* Depth is worth more than length: 256 KiB x 16 came to 4.06 s where
	 * 1 MiB x 4 took 4.45. */
	if (!plan->exact && chunk > large / 8)
		chunk = large / 8 / LIMIT_ALIGN_BYTES * LIMIT_ALIGN_BYTES;
	if (chunk < LIMIT_ALIGN_BYTES)
		chunk = LIMIT_ALIGN_BYTES;
	arena->chunk_bytes = (uint32_t)chunk;
	arena->large_count = (uint32_t)(large / chunk);
	if (arena->large_count > plan->depth)
		arena->large_count = plan->depth;
	if (arena->large_count == 0)
		arena->large_count = 1;
	arena->small_count = (uint32_t)(small / LIMIT_SMALL_BYTES);
	WEIR_ASSERT(arena->small_count + arena->large_count <= LIMIT_SLOTS_MAX);
	arena->bytes = (size_t)arena->small_count * LIMIT_SMALL_BYTES +
		       (size_t)arena->large_count * arena->chunk_bytes;
}

static int arena_map(struct arena *arena)
{
	size_t bytes = arena_round_up(arena->bytes, LIMIT_HUGE_PAGE_BYTES);
	uintptr_t start;

	arena->huge = arena->bytes >= LIMIT_HUGE_PAGE_BYTES;
	arena->mapping_bytes = bytes + LIMIT_HUGE_PAGE_BYTES;
	arena->mapping = mmap(NULL, arena->mapping_bytes, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (arena->mapping == MAP_FAILED) {
		arena->mapping = NULL;
		return -errno;
	}
	start = arena_round_up((uintptr_t)arena->mapping, LIMIT_HUGE_PAGE_BYTES);
	arena->memory = arena->mapping + (start - (uintptr_t)arena->mapping);
	/* Advice that an old kernel does not know changes nothing we need. */
	madvise(arena->memory, bytes, arena->huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	madvise(arena->memory, bytes, MADV_DONTFORK);
	madvise(arena->memory, bytes, MADV_DONTDUMP);
	return 0;
}

/* Faults in [ready_bytes, bytes). */
static int arena_populate(struct arena *arena, size_t bytes)
{
	size_t from = arena->ready_bytes;

	if (arena->huge)
		bytes = arena_round_up(bytes, LIMIT_HUGE_PAGE_BYTES);
	if (bytes <= from)
		return 0;
	if (madvise(arena->memory + from, bytes - from, MADV_POPULATE_WRITE) != 0) {
		if (errno != EINVAL)
			return -errno;
		for (size_t at = from; at < bytes; at += LIMIT_ALIGN_BYTES)
			((volatile uint8_t *)arena->memory)[at] = 0;
	}
	arena->ready_bytes = bytes;
	return 0;
}

/* Hands large slots up to COUNT to the free list (R3). */
static void arena_ready_large(struct arena *arena, uint32_t count)
{
	for (uint32_t i = arena->large_ready; i < count; i++)
		arena->free_large[arena->free_large_count++] = (uint16_t)(arena->small_count + i);
	arena->large_ready = count;
}

static void arena_cut(struct arena *arena)
{
	uint8_t *data = arena->memory;

	for (uint32_t i = 0; i < arena->small_count + arena->large_count; i++) {
		struct slot *slot = &arena->slots[i];

		slot->small = i < arena->small_count;
		slot->bytes = slot->small ? LIMIT_SMALL_BYTES : arena->chunk_bytes;
		/* R1: a slot that would cross a range starts the next one. */
		if (((size_t)(data - arena->memory) % LIMIT_RANGE_BYTES) + slot->bytes >
		    LIMIT_RANGE_BYTES)
			data = arena->memory +
			       arena_round_up((size_t)(data - arena->memory), LIMIT_RANGE_BYTES);
		slot->data = data;
		slot->index = (uint16_t)i;
		slot->range = (uint16_t)((size_t)(data - arena->memory) / LIMIT_RANGE_BYTES);
		slot->used = false;
		data += slot->bytes;
	}
	WEIR_ASSERT((size_t)(data - arena->memory) <=
		    arena_round_up(arena->bytes, LIMIT_HUGE_PAGE_BYTES));
}

/* Bytes from the start to the end of large slot COUNT - 1. */
static size_t arena_reach(const struct arena *arena, uint32_t count)
{
	const struct slot *last = &arena->slots[arena->small_count + count - 1];

	return (size_t)(last->data - arena->memory) + last->bytes;
}

int arena_open(struct arena *arena, const struct arena_plan *plan)
{
	uint32_t first;
	int result;

	memset(arena, 0, sizeof(*arena));
	arena_divide(arena, plan);
	/* Room for slots moved up to the next range (R1). */
	if (arena->bytes > LIMIT_RANGE_BYTES)
		arena->bytes += arena->bytes / LIMIT_RANGE_BYTES * arena->chunk_bytes;
	result = arena_map(arena);
	if (result < 0)
		return result;
	arena_cut(arena);
	first = arena->large_count < ARENA_FIRST_LARGE || plan->full ? arena->large_count
								     : ARENA_FIRST_LARGE;
	result = arena_populate(arena, arena_reach(arena, first));
	if (result < 0) {
		arena_close(arena);
		return result;
	}
	for (uint32_t i = arena->small_count; i > 0; i--)
		arena->free_small[arena->free_small_count++] = (uint16_t)(i - 1);
	arena_ready_large(arena, first);
	return 0;
}

bool arena_grow(struct arena *arena)
{
	if (arena->large_ready == arena->large_count)
		return false;
	if (arena_populate(arena, arena_reach(arena, arena->large_count)) < 0) {
		arena->large_count = arena->large_ready;
		return false;
	}
	arena_ready_large(arena, arena->large_count);
	return true;
}

bool arena_halve(struct arena *arena)
{
	uint32_t count = arena->large_count / 2;
	size_t keep;

	if (count == 0)
		return false;
	WEIR_ASSERT(arena->free_large_count == arena->large_ready);
	arena->large_count = count;
	if (arena->large_ready > count)
		arena->large_ready = count;
	arena->free_large_count = 0;
	for (uint32_t i = 0; i < arena->large_ready; i++)
		arena->free_large[arena->free_large_count++] = (uint16_t)(arena->small_count + i);
	keep = arena_reach(arena, arena->large_ready);
	if (arena->huge)
		keep = arena_round_up(keep, LIMIT_HUGE_PAGE_BYTES);
	if (keep < arena->ready_bytes)
		madvise(arena->memory + keep, arena->ready_bytes - keep, MADV_DONTNEED);
	if (keep < arena->ready_bytes)
		arena->ready_bytes = keep;
	return true;
}

void arena_close(struct arena *arena)
{
	if (arena->mapping != NULL)
		munmap(arena->mapping, arena->mapping_bytes);
	arena->mapping = NULL;
}

static struct slot *arena_take(struct arena *arena, const uint16_t *list, uint32_t *count)
{
	struct slot *slot;

	if (*count == 0)
		return NULL;
	slot = &arena->slots[list[--*count]];
	WEIR_ASSERT(!slot->used); /* R2 */
	slot->used = true;
	return slot;
}

struct slot *arena_take_small(struct arena *arena)
{
	return arena_take(arena, arena->free_small, &arena->free_small_count);
}

struct slot *arena_take_large(struct arena *arena)
{
	return arena_take(arena, arena->free_large, &arena->free_large_count);
}

void arena_give(struct arena *arena, struct slot *slot)
{
	WEIR_ASSERT(slot->used); /* R2 */
	slot->used = false;
	if (slot->small)
		arena->free_small[arena->free_small_count++] = slot->index;
	else
		arena->free_large[arena->free_large_count++] = slot->index;
}

unsigned arena_ranges(const struct arena *arena)
{
	return (unsigned)((arena->ready_bytes + LIMIT_RANGE_BYTES - 1) / LIMIT_RANGE_BYTES);
}

size_t arena_range_bytes(const struct arena *arena, unsigned range)
{
	size_t start = (size_t)range * LIMIT_RANGE_BYTES;
	size_t rest = arena->ready_bytes - start;

	WEIR_ASSERT(start < arena->ready_bytes);
	return rest < LIMIT_RANGE_BYTES ? rest : LIMIT_RANGE_BYTES;
}
