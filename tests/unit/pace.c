/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rate at which bytes are promised.  The clock is a number.
 */
#include "lib/pace.h"

#include <pthread.h>

#include "lib/limits.h"
#include "unit.h"

#define SECOND 1000000000ULL
#define START (1000 * SECOND)

/* True if BYTES were no more than the rate allows by NOW (P1). */
static bool keeps(const struct pace *pace, uint64_t bytes, uint64_t now)
{
	return (__uint128_t)bytes * SECOND <= (__uint128_t)pace->bytes_per_second * (now - START);
}

static void no_limit(void)
{
	struct pace_claim claim = { 0 };
	struct pace pace;

	CHECK_EQUAL(pace_ask(NULL, &claim, MIB(1), START), PACE_GO);
	pace_settle(NULL, &claim, MIB(1));
	CHECK(pace_most(NULL, 1) >= MIB(64));
	pace_open(&pace, 0, START);
	for (int i = 0; i < 1000; i++) {
		CHECK_EQUAL(pace_ask(&pace, &claim, MIB(64), START), PACE_GO);
		pace_settle(&pace, &claim, MIB(64));
	}
	CHECK(pace_most(&pace, LIMIT_ALIGN_BYTES) >= MIB(64));
	CHECK_EQUAL(pace_most(&pace, LIMIT_ALIGN_BYTES) % LIMIT_ALIGN_BYTES, 0);
}

static void transfer_lengths(void)
{
	struct pace pace;

	pace_open(&pace, MIB(8), START);
	CHECK_EQUAL(pace_most(&pace, 1), MIB(2));
	pace_open(&pace, 1000 * 1000, START);
	CHECK_EQUAL(pace_most(&pace, 1), 249856); /* 250,000 in whole pages */
	CHECK_EQUAL(pace_most(&pace, LIMIT_ALIGN_BYTES), 249856);
	pace_open(&pace, 1000, START);
	CHECK_EQUAL(pace_most(&pace, 1), 250);
	CHECK_EQUAL(pace_most(&pace, LIMIT_ALIGN_BYTES), LIMIT_ALIGN_BYTES);
	for (uint64_t rate = 1; rate < 8; rate++) {
		pace_open(&pace, rate, START);
		CHECK(pace_most(&pace, 1) >= 1 && pace_most(&pace, 1) <= 2);
	}
}

/* One asks, sleeps as long as it is told to, and moves. */
static void end_of_time(void)
{
	struct pace_claim claim = { 0 };
	struct pace pace;
	uint64_t now = START;

	pace_open(&pace, 1000, START);
	for (unsigned i = 1; i <= 100; i++) {
		CHECK_EQUAL(pace_ask(&pace, &claim, 100, now), PACE_RATE);
		CHECK_EQUAL(claim.answer, PACE_RATE);
		CHECK_EQUAL(claim.due_ns, START + i * SECOND / 10);
		CHECK_EQUAL(pace_ask(&pace, &claim, 100, claim.due_ns - 1), PACE_RATE);
		now = claim.due_ns;
		CHECK_EQUAL(pace_ask(&pace, &claim, 100, now), PACE_GO);
		pace_settle(&pace, &claim, 100);
		CHECK(keeps(&pace, i * 100, now));
	}
}

static void order(void)
{
	struct pace_claim claims[5] = { 0 };
	struct pace pace;

	pace_open(&pace, 1000, START);
	for (unsigned i = 0; i < 5; i++)
		CHECK_EQUAL(pace_ask(&pace, &claims[i], 1000, START), PACE_RATE);
	for (unsigned i = 0; i < 5; i++)
		CHECK_EQUAL(claims[i].due_ns, START + (i + 1) * SECOND);
	/* Asking for less does not lose the place, nor overtake. */
	CHECK_EQUAL(pace_ask(&pace, &claims[4], 1, START + SECOND), PACE_RATE);
	CHECK_EQUAL(claims[4].due_ns, START + 5 * SECOND);
	CHECK_EQUAL(claims[4].bytes, 1000);
}

/* A job that asks for nothing is never late. */
static void nothing(void)
{
	struct pace_claim claim = { 0 }, other = { 0 };
	struct pace pace;

	pace_open(&pace, 10, START);
	CHECK_EQUAL(pace_ask(&pace, &other, 1000, START), PACE_RATE);
	CHECK_EQUAL(pace_ask(&pace, &claim, 0, START), PACE_GO);
	pace_settle(&pace, &claim, 0);
	CHECK_EQUAL(atomic_load(&pace.taken_ns), START + 100 * SECOND);
}

/* What is not moved is free for others, to the nanosecond. */
static void given_back(void)
{
	struct pace_claim one = { 0 }, two = { 0 };
	struct pace pace;

	pace_open(&pace, 3, START);
	pace_ask(&pace, &one, 1000, START);
	pace_settle(&pace, &one, 0);
	CHECK_EQUAL(atomic_load(&pace.taken_ns), START);
	CHECK_EQUAL(one.bytes, 0);
	pace_ask(&pace, &one, 1000, START);
	pace_settle(&pace, &one, 1);
	pace_ask(&pace, &two, 1, START);
	CHECK_EQUAL(two.due_ns, START + 2 * 333333334);
	pace_settle(&pace, &two, 0);
	pace_settle(&pace, &two, 0); /* nothing is left to give */
	CHECK_EQUAL(atomic_load(&pace.taken_ns), START + 333333334);
}

static void no_bursts(void)
{
	struct pace_claim claim = { 0 };
	struct pace pace;
	uint64_t now = START + 3600 * SECOND;
	uint64_t bytes = 0;

	pace_open(&pace, 1000, START);
	while (pace_ask(&pace, &claim, 10, now) == PACE_GO) {
		pace_settle(&pace, &claim, 10);
		bytes += 10;
	}
	CHECK_EQUAL(bytes, 1000 * LIMIT_PACE_NS / SECOND);
	/* Nor at the start, where no time is behind it yet. */
	pace_open(&pace, 1000, START);
	claim = (struct pace_claim){ 0 };
	CHECK_EQUAL(pace_ask(&pace, &claim, 1, START), PACE_RATE);
	/* A clock that has just begun to count. */
	pace_open(&pace, 1000, 0);
	claim = (struct pace_claim){ 0 };
	CHECK_EQUAL(pace_ask(&pace, &claim, 1, 0), PACE_RATE);
	CHECK_EQUAL(claim.due_ns, SECOND / 1000);
}

/* Who wakes late, but no later than a transfer takes, loses nothing. */
static void late_sleepers(void)
{
	struct pace_claim claim = { 0 };
	struct pace pace;
	uint64_t now = START, bytes = 0, seed = 7;

	pace_open(&pace, MIB(1), START);
	while (bytes < MIB(100)) {
		if (pace_ask(&pace, &claim, KIB(16), now) == PACE_GO) {
			pace_settle(&pace, &claim, KIB(16));
			bytes += KIB(16);
			CHECK(keeps(&pace, bytes, now));
			continue;
		}
		now = claim.due_ns + unit_below(&seed, 100000000);
	}
	CHECK(now - START >= 100 * SECOND);
	CHECK(now - START <= 100 * SECOND + LIMIT_PACE_NS);
}

static void quiet(void)
{
	struct pace_claim claim = { 0 };
	struct pace pace;

	pace_open(&pace, 0, START);
	atomic_store(&pace.quiet, true);
	CHECK_EQUAL(pace_ask(&pace, &claim, 1, START), PACE_QUIET);
	CHECK_EQUAL(pace_ask(&pace, &claim, 0, START), PACE_QUIET);
	CHECK(claim.due_ns > START && claim.due_ns <= START + LIMIT_WAIT_MS * 1000000ULL);
	atomic_store(&pace.quiet, false);
	CHECK_EQUAL(pace_ask(&pace, &claim, 1, START), PACE_GO);
	CHECK_EQUAL(claim.answer, PACE_GO);
	/* A place in the line is kept meanwhile. */
	pace_open(&pace, 10, START);
	claim = (struct pace_claim){ 0 };
	CHECK_EQUAL(pace_ask(&pace, &claim, 10, START), PACE_RATE);
	atomic_store(&pace.quiet, true);
	CHECK_EQUAL(pace_ask(&pace, &claim, 10, START + 2 * SECOND), PACE_QUIET);
	CHECK_EQUAL(claim.bytes, 10);
	atomic_store(&pace.quiet, false);
	CHECK_EQUAL(pace_ask(&pace, &claim, 10, START + 2 * SECOND), PACE_GO);
}

/* Jobs by chance: ask, move all or a part or nothing, sleep too long or stay away. */
static void one_schedule(uint64_t seed)
{
	struct pace_claim claims[12] = { 0 };
	uint64_t rate = 1 + unit_random(&seed) % (1ULL << unit_below(&seed, 51));
	uint64_t now = START, moved = 0;
	struct pace pace;

	pace_open(&pace, rate, START);
	for (int turn = 0; turn < 400; turn++) {
		struct pace_claim *claim = &claims[unit_below(&seed, 12)];
		uint64_t want = unit_below(&seed, 1U << unit_below(&seed, 28));

		if (pace_ask(&pace, claim, want, now) == PACE_GO) {
			uint64_t share = claim->bytes > 0 && unit_percent(&seed, 30)
						 ? unit_random(&seed) % (claim->bytes + 1)
						 : claim->bytes;

			moved += share;
			pace_settle(&pace, claim, share);
			if (!CHECK(keeps(&pace, moved, now)))
				return;
		} else if (unit_percent(&seed, 10)) {
			pace_settle(&pace, claim, 0);
		} else if (unit_percent(&seed, 40)) {
			now = claim->due_ns > now ? claim->due_ns : now;
			now += unit_below(&seed, 50000000);
		}
	}
}

static void schedules(void)
{
	for (uint64_t seed = 1; seed < 3000; seed++) {
		unsigned before = unit.failures;

		one_schedule(seed);
		if (unit.failures > before)
			printf("  seed %llu\n", (unsigned long long)seed);
	}
}

#define EACH 20000

static void *ask_often(void *argument)
{
	struct pace *pace = argument;
	struct pace_claim claim;

	for (int i = 0; i < EACH; i++) {
		claim = (struct pace_claim){ 0 };
		pace_ask(pace, &claim, 2, START);
		pace_settle(pace, &claim, 1);
	}
	return NULL;
}

static void threads(void)
{
	pthread_t others[4];
	struct pace pace;

	pace_open(&pace, SECOND, START);
	for (int i = 0; i < 4; i++)
		REQUIRE(pthread_create(&others[i], NULL, ask_often, &pace) == 0);
	for (int i = 0; i < 4; i++)
		pthread_join(others[i], NULL);
	CHECK_EQUAL(atomic_load(&pace.taken_ns), START + 4 * EACH);
}

static void one_after_the_other(void)
{
	struct pace_claim first = { 0 }, second = { 0 };
	struct pace pace;

	pace_open(&pace, 1000, START);
	CHECK_EQUAL(pace_begin(&pace, &first, START), PACE_GO);
	CHECK_EQUAL(pace_ask(&pace, &first, 1000, START), PACE_RATE);
	CHECK_EQUAL(pace_begin(&pace, &second, START), PACE_RATE);
	CHECK(second.due_ns > START && second.due_ns < START + SECOND);
	CHECK_EQUAL(second.bytes, 0);
	/* What was begun goes on, whatever is promised. */
	CHECK_EQUAL(pace_ask(&pace, &first, 1000, START + SECOND), PACE_GO);
	pace_settle(&pace, &first, 1000);
	CHECK_EQUAL(pace_ask(&pace, &first, 1000, START + SECOND), PACE_RATE);
	CHECK_EQUAL(pace_begin(&pace, &first, START + SECOND), PACE_GO);
	CHECK_EQUAL(pace_begin(&pace, &second, second.due_ns), PACE_RATE);
	CHECK_EQUAL(pace_begin(&pace, &second, START + 2 * SECOND), PACE_GO);
	pace_open(&pace, 0, START);
	second = (struct pace_claim){ 0 };
	CHECK_EQUAL(pace_begin(&pace, &second, START), PACE_GO);
}

static const struct unit_test tests[] = {
	{ "nothing is begun while much is promised", one_after_the_other },
	{ "without a limit everything goes", no_limit },
	{ "no transfer is longer than a quarter of a second", transfer_lengths },
	{ "a promise is kept at the end of its time", end_of_time },
	{ "promises are kept in their order, and a place is kept", order },
	{ "nothing takes no time", nothing },
	{ "what is not moved is given back", given_back },
	{ "there is no burst, at the start or after a pause", no_bursts },
	{ "who wakes late reaches the rate all the same", late_sleepers },
	{ "who stands back moves nothing and keeps its place", quiet },
	{ "whatever is asked for, the rate is never exceeded", schedules },
	{ "threads share one rate", threads },
};

UNIT_MAIN(tests)
