/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The queue of events.
 */
#include "lib/event.h"

#include <pthread.h>
#include <sys/eventfd.h>

#include "lib/limits.h"
#include "unit.h"

static struct tally tally;

static struct event_queue *open_queue(int notify_fd)
{
	struct event_queue *queue = malloc(sizeof(*queue));

	memset(&tally, 0, sizeof(tally));
	REQUIRE(event_queue_open(queue, &tally, notify_fd) == 0);
	return queue;
}

static void close_queue(struct event_queue *queue)
{
	event_queue_close(queue);
	free(queue);
}

static void post(struct event_queue *queue, int64_t number, bool may_wait)
{
	struct weir_event event = {
		.type = WEIR_EVENT_ENTRY,
		.offset = number,
		.operation = "copy",
		.text = "text",
	};
	char path[32];

	snprintf(path, sizeof(path), "path %lld", (long long)number);
	event_post(queue, &event, path, may_wait);
	memset(path, '?', sizeof(path)); /* it was copied */
}

static int64_t take(struct event_queue *queue)
{
	struct weir_event *event = event_take(queue);
	int64_t number = -1;
	char path[32];

	if (event != NULL) {
		number = event->offset;
		snprintf(path, sizeof(path), "path %lld", (long long)number);
		CHECK_TEXT(event->path, path);
	}
	free(event);
	return number;
}

static void order(void)
{
	struct event_queue *queue = open_queue(-1);

	CHECK_EQUAL(take(queue), -1);
	for (int i = 0; i < 50; i++)
		post(queue, i, false);
	for (int i = 0; i < 50; i++)
		CHECK_EQUAL(take(queue), i);
	CHECK_EQUAL(take(queue), -1);
	post(queue, 7, false); /* what nobody takes is freed with the queue */
	close_queue(queue);
}

static void never_waits(void)
{
	struct event_queue *queue = open_queue(-1);

	for (unsigned i = 0; i < LIMIT_EVENTS * 2 + 5; i++)
		post(queue, i, false);
	CHECK_EQUAL(queue->count, LIMIT_EVENTS * 2 + 5);
	for (unsigned i = 0; i < LIMIT_EVENTS * 2 + 5; i++)
		CHECK_EQUAL(take(queue), i);
	close_queue(queue);
}

struct poster {
	struct event_queue *queue;
	unsigned count;
	_Atomic unsigned posted;
};

static void *post_all(void *argument)
{
	struct poster *poster = argument;

	for (unsigned i = 0; i < poster->count; i++) {
		post(poster->queue, i, true);
		atomic_fetch_add(&poster->posted, 1);
	}
	return NULL;
}

static bool becomes(_Atomic unsigned *value, unsigned wanted)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	for (int i = 0; i < 5000 && atomic_load(value) != wanted; i++)
		nanosleep(&pause, NULL);
	return atomic_load(value) == wanted;
}

static void workers_wait(void)
{
	struct event_queue *queue = open_queue(-1);
	struct poster poster = { .queue = queue, .count = LIMIT_EVENTS + 20 };
	pthread_t thread;

	REQUIRE(pthread_create(&thread, NULL, post_all, &poster) == 0);
	CHECK(becomes(&poster.posted, LIMIT_EVENTS));
	nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	CHECK_EQUAL(atomic_load(&poster.posted), LIMIT_EVENTS);
	for (unsigned i = 0; i < 5; i++) {
		CHECK_EQUAL(take(queue), i);
		CHECK(becomes(&poster.posted, LIMIT_EVENTS + i + 1));
	}
	event_unbound(queue); /* the reader is gone: the rest goes through */
	pthread_join(thread, NULL);
	CHECK_EQUAL(queue->count, poster.count - 5);
	close_queue(queue);
}

static void classes(void)
{
	static const struct {
		enum error_grade grade;
		int errnum;
		enum error_side side;
		bool source_changed, busy;
		unsigned class;
		enum weir_event_type type;
	} cases[] = {
		{ ERROR_WARNING, EIO, ERROR_SIDE_TARGET, false, false, 0, WEIR_EVENT_WARNING },
		{ ERROR_ENTRY, EIO, ERROR_SIDE_SOURCE, false, false, EVENT_CLASS_FAILED,
		  WEIR_EVENT_ERROR },
		{ ERROR_ENTRY, ENOSPC, ERROR_SIDE_TARGET, false, false, EVENT_CLASS_FULL,
		  WEIR_EVENT_ERROR },
		{ ERROR_ENTRY, EDQUOT, ERROR_SIDE_TARGET, false, false, EVENT_CLASS_FULL,
		  WEIR_EVENT_ERROR },
		{ ERROR_ENTRY, ENOSPC, ERROR_SIDE_SOURCE, false, false, EVENT_CLASS_FAILED,
		  WEIR_EVENT_ERROR },
		{ ERROR_ENTRY, 0, ERROR_SIDE_SOURCE, true, false, EVENT_CLASS_FAILED,
		  WEIR_EVENT_ERROR },
		{ ERROR_ENTRY, EAGAIN, ERROR_SIDE_TARGET, false, true, EVENT_CLASS_BUSY,
		  WEIR_EVENT_ERROR },
		{ ERROR_RUN, EIO, ERROR_SIDE_NONE, false, false, EVENT_CLASS_FATAL,
		  WEIR_EVENT_FATAL },
	};
	struct event_queue *queue = open_queue(-1);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error error = {
			.grade = cases[i].grade,
			.errnum = cases[i].errnum,
			.side = cases[i].side,
			.source_changed = cases[i].source_changed,
			.busy = cases[i].busy,
			.operation = "x",
			.offset = (int64_t)i,
		};
		struct weir_event *event;

		atomic_store(&queue->classes, 0);
		event_post_error(queue, &error, "p", false);
		CHECK_EQUAL(atomic_load(&queue->classes), cases[i].class);
		event = event_take(queue);
		REQUIRE(event != NULL);
		CHECK_EQUAL(event->type, cases[i].type);
		CHECK_EQUAL(event->errnum, cases[i].errnum);
		CHECK_EQUAL(event->side, (int)cases[i].side);
		CHECK_EQUAL(event->offset, i);
		free(event);
	}
	CHECK_EQUAL(tally_get(&tally.warnings), 1);
	CHECK_EQUAL(tally_get(&tally.entries_failed), 7);
	close_queue(queue);
}

/* V3: what changed (a failure, or kept) and what vanished, by what was asked for. */
static void sources_that_change(void)
{
	enum { FAILED, KEPT, GONE };
	static const struct {
		enum weir_on on;
		int what;
		unsigned class;
		int type; /* 0: nothing is said */
	} cases[] = {
		{ WEIR_ON_DEFAULT, FAILED, EVENT_CLASS_FAILED, WEIR_EVENT_ERROR },
		{ WEIR_ON_DEFAULT, KEPT, EVENT_CLASS_CHANGED, WEIR_EVENT_WARNING },
		{ WEIR_ON_DEFAULT, GONE, EVENT_CLASS_CHANGED, WEIR_EVENT_WARNING },
		{ WEIR_ON_OK, FAILED, EVENT_CLASS_FAILED, WEIR_EVENT_ERROR },
		{ WEIR_ON_OK, KEPT, 0, 0 },
		{ WEIR_ON_OK, GONE, 0, 0 },
		{ WEIR_ON_WARN, FAILED, EVENT_CLASS_FAILED, WEIR_EVENT_ERROR },
		{ WEIR_ON_WARN, KEPT, EVENT_CLASS_CHANGED, WEIR_EVENT_WARNING },
		{ WEIR_ON_WARN, GONE, EVENT_CLASS_CHANGED, WEIR_EVENT_WARNING },
		{ WEIR_ON_FAIL, FAILED, EVENT_CLASS_FAILED, WEIR_EVENT_ERROR },
		{ WEIR_ON_FAIL, GONE, EVENT_CLASS_FAILED, WEIR_EVENT_ERROR },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct event_queue *queue = open_queue(-1);
		struct weir_event *event;
		struct error error;

		if (cases[i].what == GONE)
			queue->on_vanish = cases[i].on;
		else
			queue->on_change = cases[i].on;
		error_set_source(&error, cases[i].what == GONE ? -ENOENT : -ELOOP, "open");
		CHECK(error.vanished == (cases[i].what == GONE));
		error.source_changed = true;
		if (cases[i].what == KEPT)
			error.grade = ERROR_WARNING;
		event_post_error(queue, &error, "p", false);
		CHECK_EQUAL(atomic_load(&queue->classes), cases[i].class);
		event = event_take(queue);
		CHECK_EQUAL(event != NULL ? (int)event->type : 0, cases[i].type);
		CHECK_EQUAL(tally_get(&tally.entries_failed), cases[i].type == WEIR_EVENT_ERROR);
		CHECK_EQUAL(tally_get(&tally.warnings), cases[i].type == WEIR_EVENT_WARNING);
		free(event);
		close_queue(queue);
	}
}

/* V4 */
static void told_once(void)
{
	struct event_queue *queue = open_queue(-1);
	struct error error;

	error_set(&error, -EIO, ERROR_SIDE_TARGET, "stat");
	event_post_error(queue, &error, "p", false);
	event_post_error(queue, &error, "p", false);
	CHECK_EQUAL(queue->count, 1);
	CHECK_EQUAL(tally_get(&tally.entries_failed), 1);
	event_post_error(queue, &error, "q", false);
	error_set(&error, -EIO, ERROR_SIDE_SOURCE, "stat");
	event_post_error(queue, &error, "p", false);
	error_set(&error, -EACCES, ERROR_SIDE_TARGET, "stat");
	event_post_error(queue, &error, "p", false);
	error_set(&error, -EIO, ERROR_SIDE_TARGET, "open");
	event_post_error(queue, &error, "p", false);
	CHECK_EQUAL(queue->count, 5);
	/* After many others it is news. */
	for (unsigned i = 0; i < LIMIT_TOLD; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%u", i);
		event_post_error(queue, &error, name, false);
	}
	error_set(&error, -EIO, ERROR_SIDE_TARGET, "stat");
	event_post_error(queue, &error, "p", false);
	CHECK_EQUAL(queue->count, 6 + LIMIT_TOLD);
	while (event_pending(queue))
		free(event_take(queue));
	close_queue(queue);
}

static void notified(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct event_queue *queue = open_queue(fd);
	uint64_t count = 0;

	REQUIRE(fd >= 0);
	CHECK(read(fd, &count, sizeof(count)) < 0);
	post(queue, 1, false);
	CHECK(read(fd, &count, sizeof(count)) == sizeof(count) && count == 1);
	/* A counter that is full already is still readable: nothing blocks. */
	count = UINT64_MAX - 1;
	REQUIRE(write(fd, &count, sizeof(count)) == sizeof(count));
	post(queue, 2, false);
	CHECK_EQUAL(take(queue), 1);
	CHECK_EQUAL(take(queue), 2);
	close_queue(queue);
	close(fd);
}

static const struct unit_test tests[] = {
	{ "events come out in the order in which they were posted", order },
	{ "who may not wait is never held up by a full queue", never_waits },
	{ "who may wait waits for room, and no longer once the reader is gone", workers_wait },
	{ "each kind of error sets its class and its counter", classes },
	{ "a source that changes or vanishes is what was asked for", sources_that_change },
	{ "an error that was told just now is not told again", told_once },
	{ "a reader that polls is told, even with a full counter", notified },
};

UNIT_MAIN(tests)
