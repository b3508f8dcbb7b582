/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * M10: a sync that waits for its target does so in the loop of its caller, which sees
 * that it waits, can end it, and need not turn it.
 */
#include "lib/weir.h"

#include <poll.h>
#include <sys/file.h>

#include "unit.h"

#define WAIT_MS 20000 /* for what must happen */

struct place {
	int source;
	int target;
	int lock; /* held by another descriptor */
	struct weir_run *run;
};

static void place_open(struct place *place)
{
	place->source = unit_folder();
	place->target = unit_folder();
	unit_write_text(place->source, "f", "x");
	place->lock = openat(place->target, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(place->lock >= 0 && flock(place->lock, LOCK_EX) == 0);
	place->run = weir_run_new(WEIR_SYNC);
	REQUIRE(place->run != NULL);
	REQUIRE(weir_run_set(place->run, WEIR_OPT_WAIT_LOCK_MS, 3600 * 1000) == 0);
	REQUIRE(weir_run_add_source(place->run, place->source, ".") == 0);
	REQUIRE(weir_run_set_target(place->run, place->target, ".", WEIR_TARGET_NAME) == 0);
}

static void place_close(struct place *place)
{
	weir_run_free(place->run);
	close(place->lock);
	close(place->source);
	close(place->target);
}

/* One turn of a loop that polls: as weir_run_next(). */
static int turn(struct place *place, struct weir_event **event)
{
	struct pollfd ready = { .fd = weir_run_fd(place->run), .events = POLLIN };

	REQUIRE(poll(&ready, 1, WAIT_MS) == 1);
	return weir_run_next(place->run, 0, event);
}

/* The run has begun and told that it waits. */
static void begin(struct place *place)
{
	struct weir_event *event;

	REQUIRE(weir_run_next(place->run, 0, &event) == 1);
	CHECK_EQUAL(weir_event_type(event), WEIR_EVENT_WARNING);
	if (strstr(weir_event_text(event), "waiting for it") == NULL)
		unit_fail(__FILE__, __LINE__, "%s", weir_event_text(event));
	CHECK_EQUAL(weir_run_set(place->run, WEIR_OPT_WORKERS, 1), -EBUSY);
}

static void waits_and_goes_on(void)
{
	struct weir_event *event;
	struct place place;
	int result;

	place_open(&place);
	begin(&place);
	for (int i = 0; i < 3; i++)
		CHECK_EQUAL(turn(&place, &event), -ETIMEDOUT);
	CHECK(!unit_exists(place.target, "f"));
	REQUIRE(flock(place.lock, LOCK_UN) == 0);
	do {
		result = turn(&place, &event);
		REQUIRE(result != 1);
	} while (result == -ETIMEDOUT);
	CHECK_EQUAL(result, 0);
	CHECK_EQUAL(weir_run_result(place.run), WEIR_RESULT_OK);
	CHECK(unit_exists(place.target, "f"));
	CHECK_EQUAL(flock(place.lock, LOCK_EX | LOCK_NB), 0); /* it let go */
	place_close(&place);
}

static void without_limit(void)
{
	struct weir_event *event;
	struct place place;

	place_open(&place);
	begin(&place);
	REQUIRE(flock(place.lock, LOCK_UN) == 0);
	CHECK_EQUAL(weir_run_next(place.run, -1, &event), 0);
	CHECK(unit_exists(place.target, "f"));
	place_close(&place);
}

static void cancelled(void)
{
	struct weir_event *event;
	struct place place;
	int result;

	for (int how = WEIR_CANCEL_FINISH; how <= WEIR_CANCEL_NOW; how++) {
		place_open(&place);
		begin(&place);
		weir_run_cancel(place.run, (enum weir_cancel)how);
		do {
			result = turn(&place, &event);
		} while (result == -ETIMEDOUT);
		CHECK_EQUAL(result, 0);
		CHECK_EQUAL(weir_run_result(place.run), WEIR_RESULT_FATAL);
		CHECK(!unit_exists(place.target, "f"));
		place_close(&place);
	}
}

static void freed(void)
{
	unsigned fds = unit_count_fds();
	struct place place;

	place_open(&place);
	begin(&place);
	place_close(&place);
	CHECK_EQUAL(unit_count_fds(), fds);
}

static void given_up(void)
{
	struct weir_event *event;
	struct place place;

	place_open(&place);
	REQUIRE(weir_run_set(place.run, WEIR_OPT_WAIT_LOCK_MS, 250) == 0);
	begin(&place);
	REQUIRE(weir_run_next(place.run, -1, &event) == 1);
	CHECK_EQUAL(weir_event_type(event), WEIR_EVENT_FATAL);
	CHECK_EQUAL(weir_run_next(place.run, -1, &event), 0);
	CHECK_EQUAL(weir_run_result(place.run), WEIR_RESULT_BUSY);
	place_close(&place);
}

static void bounds(void)
{
	struct weir_run *run = weir_run_new(WEIR_SYNC);
	char text[300];

	REQUIRE(run != NULL);
	CHECK_EQUAL(weir_run_set(run, WEIR_OPT_WAIT_LOCK_MS, -1), -EINVAL);
	CHECK_EQUAL(weir_run_set(run, WEIR_OPT_ALLOW, 31), 0);
	CHECK_EQUAL(weir_run_set(run, WEIR_OPT_ALLOW, 32), -EINVAL);
	CHECK_EQUAL(weir_run_set(run, WEIR_OPT_MAKE_PATH, 2), -EINVAL);
	CHECK_EQUAL(weir_run_set_text(run, WEIR_TEXT_REQUIRE_MOUNT, "both"), 0);
	CHECK_EQUAL(weir_run_set_text(run, WEIR_TEXT_REQUIRE_MOUNT, "target"), -EINVAL);
	CHECK_EQUAL(weir_run_set_text(run, WEIR_TEXT_EXPECT_FS, ""), -EINVAL);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	CHECK_EQUAL(weir_run_set_text(run, WEIR_TEXT_EXPECT_FS, text), -ENAMETOOLONG);
	text[255] = '\0';
	CHECK_EQUAL(weir_run_set_text(run, WEIR_TEXT_EXPECT_FS, text), 0);
	weir_run_free(run);
}

static const struct unit_test tests[] = {
	{ "a run that waits for its target goes on when that is free", waits_and_goes_on },
	{ "a caller without a time limit waits with it", without_limit },
	{ "a run that waits can be cancelled", cancelled },
	{ "a run that waits can be freed", freed },
	{ "a run gives up when its time is over", given_up },
	{ "options of the guards have bounds", bounds },
};

UNIT_MAIN(tests)
