/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Blocks of zeros, against a plain loop.
 */
#include "lib/zero.h"

#include "lib/limits.h"
#include "unit.h"

#define BYTES (5U * LIMIT_ZERO_BYTES + 77U)

static uint8_t buffer[BYTES];

static void one_byte_is_seen(void)
{
	for (uint32_t at = 0; at < LIMIT_ZERO_BYTES; at++) {
		buffer[at] = 1;
		CHECK(!zero_is(buffer, LIMIT_ZERO_BYTES));
		CHECK(zero_is(buffer, at));
		CHECK(zero_is(buffer + at + 1, LIMIT_ZERO_BYTES - at - 1));
		buffer[at] = 0;
	}
	CHECK(zero_is(buffer, BYTES));
	CHECK(zero_is(buffer, 0));
}

/* Every byte that is not 0 is in one run, runs are whole blocks, in order. */
static void check_runs(uint32_t from, uint32_t end)
{
	struct zero_run run = { 0, 0 };
	uint32_t at = from;

	while (zero_next_run(buffer, at, end, &run)) {
		CHECK(run.start >= at && run.start < run.end && run.end <= end);
		CHECK(run.start == from || run.start % LIMIT_ZERO_BYTES == 0);
		CHECK(run.end == end || run.end % LIMIT_ZERO_BYTES == 0);
		for (; at < run.start; at++)
			CHECK_EQUAL(buffer[at], 0);
		CHECK(!zero_is(buffer + run.start, run.end - run.start));
		at = run.end;
	}
	for (; at < end; at++)
		CHECK_EQUAL(buffer[at], 0);
}

static void runs_cover_the_data(void)
{
	unsigned seed = 1;

	for (int round = 0; round < 2000; round++) {
		uint32_t from, end;

		memset(buffer, 0, sizeof(buffer));
		for (int i = rand_r(&seed) % 6; i > 0; i--)
			buffer[(uint32_t)rand_r(&seed) % BYTES] = 0x80;
		end = (uint32_t)rand_r(&seed) % BYTES + 1;
		from = (uint32_t)rand_r(&seed) % end;
		check_runs(from, end);
		check_runs(0, BYTES);
	}
}

static const struct unit_test tests[] = {
	{ "one byte that is not zero is seen, wherever it is", one_byte_is_seen },
	{ "runs cover the data and nothing else", runs_cover_the_data },
};

UNIT_MAIN(tests)
