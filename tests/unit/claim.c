/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sources and targets of a run that writes in place.
 */
#include "lib/claim.h"

#include <errno.h>
#include <pthread.h>

#include "unit.h"

static void uses(void)
{
	struct claims claims;

	REQUIRE(claims_open(&claims) == 0);
	CHECK_EQUAL(claim_source(&claims, 1, 1), 0);
	CHECK_EQUAL(claim_source(&claims, 1, 1), 0); /* as often as anybody likes */
	CHECK_EQUAL(claim_target(&claims, 1, 1), -EBUSY);
	CHECK_EQUAL(claim_target(&claims, 2, 1), 0); /* another device */
	CHECK_EQUAL(claim_target(&claims, 2, 1), -EEXIST);
	CHECK_EQUAL(claim_source(&claims, 2, 1), -EBUSY);
	CHECK_EQUAL(claim_source(&claims, 0, 0), 0);
	CHECK_EQUAL(claim_target(&claims, 0, 0), -EBUSY);
	CHECK_EQUAL(claims.count, 3);
	claims_close(&claims);
}

static void many(void)
{
	struct claims claims;

	REQUIRE(claims_open(&claims) == 0);
	for (uint64_t i = 0; i < 30000; i++)
		REQUIRE((i % 3 == 0 ? claim_target(&claims, i % 7, i * 4096)
				    : claim_source(&claims, i % 7, i * 4096)) == 0);
	CHECK_EQUAL(claims.count, 30000);
	for (uint64_t i = 0; i < 30000; i++) {
		CHECK_EQUAL(claim_target(&claims, i % 7, i * 4096), i % 3 == 0 ? -EEXIST : -EBUSY);
		CHECK_EQUAL(claim_source(&claims, i % 7, i * 4096), i % 3 == 0 ? -EBUSY : 0);
	}
	claims_close(&claims);
}

#define RUNNERS 4
#define RACES 20000U

static _Atomic unsigned won;

static void *runner(void *argument)
{
	for (uint64_t i = 0; i < RACES; i++)
		if (claim_target(argument, 1, i) == 0)
			won++;
	return NULL;
}

static void races(void)
{
	pthread_t threads[RUNNERS];
	struct claims claims;

	REQUIRE(claims_open(&claims) == 0);
	for (int i = 0; i < RUNNERS; i++)
		REQUIRE(pthread_create(&threads[i], NULL, runner, &claims) == 0);
	for (int i = 0; i < RUNNERS; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQUAL(won, RACES);
	claims_close(&claims);
}

static const struct unit_test tests[] = {
	{ "a file is read by any number, or written by one", uses },
	{ "claims are found again, however many there are", many },
	{ "of several that claim one target at a time one gets it", races },
};

UNIT_MAIN(tests)
