/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The counters of a run, and the bell its threads sleep on.
 */
#include "lib/tally.h"

#include <pthread.h>

#include "lib/bell.h"
#include "unit.h"

#define EACH 20000

#define COUNT_ONE(name) +1
#define SET_ONE(name) tally_add(&tally->name, number++);
#define CHECK_ONE(name) CHECK_EQUAL(stats.name, number++);

/* A counter that is in one struct and not in the other would be lost. */
_Static_assert(sizeof(struct weir_stats) == (1 TALLY_COUNTERS(COUNT_ONE)) * sizeof(uint64_t),
	       "the tally has every counter of struct weir_stats");

static void all_counters(void)
{
	struct tally *tally = calloc(1, sizeof(*tally));
	struct weir_stats stats;
	uint64_t number = 1000;

	TALLY_COUNTERS(SET_ONE)
	memset(&stats, 0xff, sizeof(stats));
	tally_read(tally, &stats);
	number = 1000;
	TALLY_COUNTERS(CHECK_ONE)
	CHECK_EQUAL(stats.elapsed_ns, 0); /* it has not begun */
	tally->began_ns = tally_now_ns() - 5000000;
	tally_read(tally, &stats);
	CHECK(stats.elapsed_ns >= 5000000);
	free(tally);
}

static void *count_up(void *argument)
{
	struct tally *tally = argument;

	for (int i = 0; i < EACH; i++) {
		tally_add(&tally->bytes_written, 3);
		tally_sub(&tally->bytes_written, 1);
		tally_add(&tally->files_done, 1);
	}
	return NULL;
}

static void threads(void)
{
	struct tally *tally = calloc(1, sizeof(*tally));
	pthread_t workers[4];

	for (int i = 0; i < 4; i++)
		REQUIRE(pthread_create(&workers[i], NULL, count_up, tally) == 0);
	for (int i = 0; i < 4; i++)
		pthread_join(workers[i], NULL);
	CHECK_EQUAL(tally_get(&tally->bytes_written), 4 * EACH * 2);
	CHECK_EQUAL(tally_get(&tally->files_done), 4 * EACH);
	free(tally);
}

static void clock_goes_on(void)
{
	uint64_t before = tally_now_ns();

	for (int i = 0; i < 1000; i++) {
		uint64_t now = tally_now_ns();

		CHECK(now >= before);
		before = now;
	}
}

static void rung_before(void)
{
	struct bell bell = { 0 };
	uint32_t seen = bell_read(&bell);
	double began = unit_now();

	bell_ring(&bell);
	bell_wait(&bell, seen, 10000);
	CHECK(unit_now() - began < 5);
}

static void times_out(void)
{
	struct bell bell = { 0 };
	double began = unit_now();

	bell_wait(&bell, bell_read(&bell), 30);
	CHECK(unit_now() - began >= 0.029);
}

struct ping {
	struct bell bell;
	_Atomic unsigned value;
};

static void *answer(void *argument)
{
	struct ping *ping = argument;

	for (unsigned wanted = 1; wanted < 2000; wanted += 2) {
		for (uint32_t seen; seen = bell_read(&ping->bell),
				    atomic_load(&ping->value) != wanted;)
			bell_wait(&ping->bell, seen, 10000);
		atomic_store(&ping->value, wanted + 1);
		bell_ring(&ping->bell);
	}
	return NULL;
}

/* A ring that is lost once in 1,000 costs 10 s here. */
static void no_ring_lost(void)
{
	struct ping ping = { .value = 0 };
	pthread_t thread;
	double began = unit_now();

	REQUIRE(pthread_create(&thread, NULL, answer, &ping) == 0);
	for (unsigned value = 1; value < 2000; value += 2) {
		atomic_store(&ping.value, value);
		bell_ring(&ping.bell);
		for (uint32_t seen; seen = bell_read(&ping.bell),
				    atomic_load(&ping.value) != value + 1;)
			bell_wait(&ping.bell, seen, 10000);
	}
	pthread_join(thread, NULL);
	CHECK(unit_now() - began < 9);
}

static const struct unit_test tests[] = {
	{ "every counter is copied out under its own name", all_counters },
	{ "counters are exact with four threads", threads },
	{ "the clock never goes back", clock_goes_on },
	{ "a bell that was rung since it was read does not let anybody sleep", rung_before },
	{ "a bell that is not rung lets go after its time", times_out },
	{ "no ring is lost between two threads", no_ring_lost },
};

UNIT_MAIN(tests)
