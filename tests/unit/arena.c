/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The fixed buffer ring: slots, ranges, growing and halving.
 */
#include "lib/arena.h"

#include "unit.h"

/* The kernel takes at most 1 GiB as one registered buffer. */
_Static_assert(LIMIT_RANGE_BYTES == 1024ULL * 1024 * 1024, "one range is 1 GiB");
_Static_assert(LIMIT_CHUNK_BYTES_MAX <= LIMIT_RANGE_BYTES, "the largest chunk fits one range");

/* An arena with chunks of exactly this length. */
static int open_arena(struct arena *arena, size_t bytes, uint32_t chunk_bytes, uint32_t depth)
{
	struct arena_plan plan = {
		.bytes = bytes, .chunk_bytes = chunk_bytes, .depth = depth, .exact = true,
	};

	return arena_open(arena, &plan);
}

/* R1: slots are disjoint, aligned, inside the memory and inside one range. */
static void check_slots(const struct arena *arena)
{
	const uint8_t *end = arena->memory;
	uint32_t count = arena->small_count + arena->large_count;

	CHECK(arena->small_count > 0 && arena->large_count > 0);
	CHECK(count <= LIMIT_SLOTS_MAX);
	CHECK_EQUAL((uintptr_t)arena->memory % LIMIT_HUGE_PAGE_BYTES, 0);
	for (uint32_t i = 0; i < count; i++) {
		const struct slot *slot = &arena->slots[i];
		size_t from = (size_t)(slot->data - arena->memory);

		CHECK_EQUAL(slot->index, i);
		CHECK_EQUAL(slot->small, i < arena->small_count);
		CHECK(slot->bytes > 0);
		CHECK_EQUAL(from % LIMIT_ALIGN_BYTES, 0);
		CHECK(slot->data >= end);
		end = slot->data + slot->bytes;
		CHECK_EQUAL(from / LIMIT_RANGE_BYTES, slot->range);
		CHECK_EQUAL((from + slot->bytes - 1) / LIMIT_RANGE_BYTES, slot->range);
		CHECK(end <= arena->mapping + arena->mapping_bytes);
	}
}

/* R3: a slot that is handed out lies in the ready part, and so in a range. */
static void check_ranges(const struct arena *arena)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < arena_ranges(arena); i++) {
		CHECK(arena_range_bytes(arena, i) > 0);
		CHECK(arena_range_bytes(arena, i) <= LIMIT_RANGE_BYTES);
		bytes += arena_range_bytes(arena, i);
	}
	CHECK_EQUAL(bytes, arena->ready_bytes);
	for (uint32_t i = 0; i < arena->free_large_count; i++) {
		const struct slot *slot = &arena->slots[arena->free_large[i]];

		CHECK(slot->data + slot->bytes <= arena->memory + arena->ready_bytes);
		CHECK(slot->range < arena_ranges(arena));
	}
}

static unsigned take_all(struct arena *arena, struct slot **taken)
{
	unsigned count = 0;
	struct slot *slot;

	while ((slot = arena_take_large(arena)) != NULL)
		taken[count++] = slot;
	while ((slot = arena_take_small(arena)) != NULL)
		taken[count++] = slot;
	return count;
}

static void give_all(struct arena *arena, struct slot **taken, unsigned count)
{
	while (count > 0)
		arena_give(arena, taken[--count]);
}

static void shapes(void)
{
	static const uint32_t chunks[] = { KIB(4), KIB(12), KIB(64), KIB(252), KIB(512) };
	static const uint32_t depths[] = { 1, 3, 32, LIMIT_DEPTH_MAX };
	static const size_t memory[] = { KIB(36), KIB(48), KIB(768), MIB(6) };
	struct arena *arena = malloc(sizeof(*arena));

	for (unsigned i = 0; i < 5 * 4 * 4 * 2; i++) {
		struct arena_plan plan = {
			.chunk_bytes = chunks[i % 5],
			.depth = depths[i / 5 % 4],
			.bytes = memory[i / 20 % 4],
			.exact = i >= 80,
		};

		REQUIRE(arena_open(arena, &plan) == 0);
		check_slots(arena);
		check_ranges(arena);
		CHECK(arena->large_count <= plan.depth);
		CHECK(arena->chunk_bytes <= plan.chunk_bytes);
		if (plan.exact)
			CHECK_EQUAL(arena->chunk_bytes, plan.chunk_bytes);
		arena_close(arena);
	}
	free(arena);
}

static void within_plan(void)
{
	static const uint32_t chunks[] = { KIB(4), KIB(64), MIB(1), MIB(3) };
	static const size_t extra[] = { 0, KIB(4), KIB(40), KIB(700), MIB(2) };
	struct arena *arena = malloc(sizeof(*arena));

	for (unsigned i = 0; i < 4 * 5 * 2; i++) {
		bool exact = i >= 20;
		/* One slot of each class is the least there can be. */
		size_t least = (size_t)LIMIT_SMALL_BYTES +
			       (exact ? chunks[i % 4] : LIMIT_ALIGN_BYTES);
		struct arena_plan plan = {
			.bytes = least + extra[i / 4 % 5],
			.chunk_bytes = chunks[i % 4],
			.depth = 8,
			.exact = exact,
		};

		REQUIRE(arena_open(arena, &plan) == 0);
		if (!CHECK(arena->bytes <= plan.bytes))
			printf("  plan %zu bytes, exact chunk %u: %zu bytes\n", plan.bytes,
			       exact ? plan.chunk_bytes : 0, arena->bytes);
		arena_close(arena);
	}
	free(arena);
}

static void disjoint(void)
{
	struct arena arena;
	struct slot *taken[LIMIT_SLOTS_MAX];
	unsigned count;

	REQUIRE(open_arena(&arena, MIB(4), KIB(64), 16) == 0);
	while (arena_grow(&arena))
		;
	count = take_all(&arena, taken);
	CHECK_EQUAL(count, arena.small_count + arena.large_count);
	for (unsigned i = 0; i < count; i++)
		memset(taken[i]->data, (int)i, taken[i]->bytes);
	for (unsigned i = 0; i < count; i++)
		for (uint32_t at = 0; at < taken[i]->bytes; at++)
			if (taken[i]->data[at] != (uint8_t)i) {
				FAIL("a slot keeps what was written to it");
				break;
			}
	give_all(&arena, taken, count);
	arena_close(&arena);
}

static void exhaustion(void)
{
	struct arena arena;
	struct slot *taken[LIMIT_SLOTS_MAX], *slot;
	bool seen[LIMIT_SLOTS_MAX] = { false };
	unsigned count;

	REQUIRE(open_arena(&arena, MIB(1), KIB(32), 8) == 0);
	count = take_all(&arena, taken);
	CHECK(arena_take_large(&arena) == NULL);
	CHECK(arena_take_small(&arena) == NULL);
	for (unsigned i = 0; i < count; i++) {
		CHECK(!seen[taken[i]->index]);
		seen[taken[i]->index] = true;
	}
	slot = taken[0]; /* a large one: it comes back, a small one does not */
	arena_give(&arena, slot);
	CHECK(arena_take_small(&arena) == NULL);
	CHECK(arena_take_large(&arena) == slot);
	CHECK(arena_take_large(&arena) == NULL);
	give_all(&arena, taken, count);
	CHECK_EQUAL(arena.free_large_count, arena.large_ready);
	CHECK_EQUAL(arena.free_small_count, arena.small_count);
	arena_close(&arena);
}

static void growing(void)
{
	struct arena arena;
	struct slot *taken[LIMIT_SLOTS_MAX];
	size_t before;
	unsigned count;

	REQUIRE(open_arena(&arena, MIB(16), KIB(512), 24) == 0);
	before = arena.ready_bytes;
	CHECK(arena.large_ready < arena.large_count);
	count = take_all(&arena, taken);
	CHECK_EQUAL(count, arena.small_count + arena.large_ready);
	CHECK(arena_grow(&arena)); /* slots in use stay what they are */
	CHECK(arena.ready_bytes > before);
	CHECK_EQUAL(arena.large_ready, arena.large_count);
	CHECK_EQUAL(arena.free_large_count + count, arena.small_count + arena.large_count);
	check_slots(&arena);
	check_ranges(&arena);
	CHECK(!arena_grow(&arena));
	give_all(&arena, taken, count);
	CHECK_EQUAL(take_all(&arena, taken), arena.small_count + arena.large_count);
	arena_close(&arena);
}

static void halving(void)
{
	struct arena arena;
	struct slot *taken[LIMIT_SLOTS_MAX];
	uint32_t expected = 24;
	unsigned count;

	REQUIRE(open_arena(&arena, MIB(16), KIB(512), 24) == 0);
	CHECK_EQUAL(arena.large_count, 24);
	CHECK(arena_grow(&arena));
	while (expected > 1) {
		size_t before = arena.ready_bytes;

		CHECK(arena_halve(&arena));
		expected /= 2;
		CHECK_EQUAL(arena.large_count, expected);
		CHECK(arena.ready_bytes <= before);
		check_ranges(&arena);
		count = take_all(&arena, taken);
		CHECK_EQUAL(count, arena.small_count + expected);
		for (unsigned i = 0; i < count; i++)
			memset(taken[i]->data, 0x5a, taken[i]->bytes);
		give_all(&arena, taken, count);
	}
	CHECK(!arena_halve(&arena));
	CHECK_EQUAL(arena.large_count, 1);
	arena_close(&arena);
}

static void halved_then_grown(void)
{
	struct arena arena;

	REQUIRE(open_arena(&arena, MIB(16), KIB(512), 24) == 0);
	CHECK(arena_halve(&arena)); /* 12, of which 4 are ready */
	CHECK_EQUAL(arena.large_count, 12);
	CHECK(arena_grow(&arena));
	CHECK_EQUAL(arena.large_ready, 12);
	check_ranges(&arena);
	arena_close(&arena);
}

/* 120 chunks of 9 MiB: one of them would lie across 1 GiB. */
static void over_one_range(void)
{
	struct arena_plan plan = {
		.bytes = MIB(1100), .chunk_bytes = MIB(9), .depth = 120, .exact = true,
	};
	struct arena *arena = malloc(sizeof(*arena));
	unsigned ranges[2] = { 0, 0 };

	REQUIRE(arena_open(arena, &plan) == 0);
	CHECK_EQUAL(arena->chunk_bytes, MIB(9));
	CHECK_EQUAL(arena->large_count, 120);
	check_slots(arena);
	check_ranges(arena);
	for (uint32_t i = 0; i < arena->small_count + arena->large_count; i++)
		if (CHECK(arena->slots[i].range < 2))
			ranges[arena->slots[i].range]++;
	CHECK(ranges[0] > 0 && ranges[1] > 0);
	/* What two ranges are, without the time that faulting them in takes. */
	arena->ready_bytes = arena->bytes / LIMIT_HUGE_PAGE_BYTES * LIMIT_HUGE_PAGE_BYTES;
	CHECK_EQUAL(arena_ranges(arena), 2);
	CHECK_EQUAL(arena_range_bytes(arena, 0), LIMIT_RANGE_BYTES);
	check_ranges(arena);
	arena_close(arena);
	free(arena);
}

static void give_twice(void *argument)
{
	struct arena arena;
	struct slot *slot;

	(void)argument;
	unit_quiet_abort();
	if (open_arena(&arena, MIB(1), KIB(32), 4) != 0)
		_exit(1);
	slot = arena_take_large(&arena);
	arena_give(&arena, slot);
	arena_give(&arena, slot);
}

static void two_users(void)
{
	CHECK(unit_aborted(unit_child(give_twice, NULL)));
}

static void read_memory(void *argument)
{
	unit_quiet_abort();
	_exit(*(volatile uint8_t *)argument);
}

static void not_inherited(void)
{
	struct arena arena;
	int status;

	REQUIRE(open_arena(&arena, MIB(1), KIB(32), 4) == 0);
	status = unit_child(read_memory, arena.memory);
	/* A sanitizer turns the signal into an exit of its own. */
	CHECK(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
	arena_close(&arena);
}

static const struct unit_test tests[] = {
	{ "every shape of plan gives disjoint slots within their ranges", shapes },
	{ "an arena takes no more memory than its plan has", within_plan },
	{ "what is written to one slot is not seen in another", disjoint },
	{ "a class that is used up gives nothing until a slot comes back", exhaustion },
	{ "growing adds slots and moves none", growing },
	{ "halving goes down to one large slot and not below", halving },
	{ "an arena that was halved grows to the half only", halved_then_grown },
	{ "more than 1 GiB is several ranges and no slot crosses them", over_one_range },
	{ "a slot cannot be given back twice", two_users },
	{ "a child process does not inherit the memory", not_inherited },
};

UNIT_MAIN(tests)
