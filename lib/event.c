/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A bounded queue of events.
 *
 * Invariants:
 * V1 an event that cannot be allocated still counts in the classes and the
 *    tally, so a result is never better than what happened;
 * V2 only a caller that may wait is ever held up by a full queue;
 * V3 what a source that changed or vanished is, is settled here alone: a warning
 *    of a class of its own, nothing at all, or an entry that failed;
 * V4 an error that was told just now is not told, and not counted, again: a folder
 *    that cannot be looked at is met by its scan, and by what finishes it.
 */
#define _GNU_SOURCE
#include "event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "limits.h"

/* What is told, once, where there is no memory to tell anything. */
static struct weir_event *event_make_spare(void)
{
	static const char path[] = "this run";
	struct weir_event *spare = calloc(1, sizeof(*spare) + sizeof(path));

	if (spare == NULL)
		return NULL;
	list_init(&spare->node);
	spare->type = WEIR_EVENT_WARNING;
	spare->errnum = ENOMEM;
	spare->offset = -1;
	spare->operation = "tell all that happens in";
	memcpy(spare->path, path, sizeof(path));
	return spare;
}

int event_queue_open(struct event_queue *queue, struct tally *tally, int notify_fd)
{
	int result = pthread_mutex_init(&queue->lock, NULL);

	if (result != 0)
		return -result;
	result = pthread_cond_init(&queue->room, NULL);
	if (result != 0) {
		pthread_mutex_destroy(&queue->lock);
		return -result;
	}
	list_init(&queue->events);
	queue->told_count = 0;
	queue->count = 0;
	queue->unbounded = false;
	queue->notify_fd = notify_fd;
	queue->tally = tally;
	queue->on_change = WEIR_ON_DEFAULT;
	queue->on_vanish = WEIR_ON_DEFAULT;
	atomic_store(&queue->classes, 0);
	queue->spare = event_make_spare();
	return 0;
}

void event_queue_close(struct event_queue *queue)
{
	struct weir_event *event;

	while ((event = event_take(queue)) != NULL)
		free(event);
	free(queue->spare);
	pthread_cond_destroy(&queue->room);
	pthread_mutex_destroy(&queue->lock);
}

void event_notify(struct event_queue *queue)
{
	uint64_t one = 1;

	/* A full counter is still readable, so a refused write is no loss. */
	if (queue->notify_fd >= 0 && write(queue->notify_fd, &one, sizeof(one)) < 0)
		return;
}

void event_post(struct event_queue *queue, const struct weir_event *event, const char *path,
		bool may_wait)
{
	size_t path_bytes = strlen(path) + 1;
	size_t text_bytes = event->text != NULL ? strlen(event->text) + 1 : 0;
	size_t other_bytes = event->other != NULL ? strlen(event->other) + 1 : 0;
	struct weir_event *copy = malloc(sizeof(*copy) + path_bytes + text_bytes + other_bytes);

	if (copy != NULL) {
		*copy = *event;
		list_init(&copy->node);
		memcpy(copy->path, path, path_bytes);
		if (text_bytes > 0)
			copy->text = memcpy(copy->path + path_bytes, event->text, text_bytes);
		if (other_bytes > 0)
			copy->other = memcpy(copy->path + path_bytes + text_bytes, event->other,
					     other_bytes);
	}
	pthread_mutex_lock(&queue->lock);
	if (copy == NULL) { /* V1: the class and the counters were set by the caller */
		copy = queue->spare;
		queue->spare = NULL;
	}
	if (copy == NULL) {
		pthread_mutex_unlock(&queue->lock);
		return;
	}
	while (may_wait && queue->count >= LIMIT_EVENTS && !queue->unbounded)
		pthread_cond_wait(&queue->room, &queue->lock);
	list_add_tail(&queue->events, &copy->node);
	queue->count++;
	pthread_mutex_unlock(&queue->lock);
	event_notify(queue);
}

bool event_has_room(struct event_queue *queue)
{
	bool has;

	pthread_mutex_lock(&queue->lock);
	has = queue->count < LIMIT_EVENTS || queue->unbounded;
	pthread_mutex_unlock(&queue->lock);
	return has;
}

void event_wait_room(struct event_queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	while (queue->count >= LIMIT_EVENTS && !queue->unbounded)
		pthread_cond_wait(&queue->room, &queue->lock);
	pthread_mutex_unlock(&queue->lock);
}

static unsigned event_class(const struct error *error)
{
	if (error->busy)
		return EVENT_CLASS_BUSY;
	if (error->source_changed)
		return EVENT_CLASS_CHANGED;
	if (error->grade == ERROR_WARNING)
		return 0;
	if (error->side == ERROR_SIDE_TARGET && error_is_full(error->errnum))
		return EVENT_CLASS_FULL;
	return error->grade == ERROR_RUN ? EVENT_CLASS_FATAL : EVENT_CLASS_FAILED;
}

/* V3; false: nothing is said.  Whoever leaves an entry out because it changed says
 * so with the grade of a failure, and it is one. */
static bool event_settle(const struct event_queue *queue, struct error *error)
{
	enum weir_on on = error->vanished ? queue->on_vanish : queue->on_change;

	if (!error->source_changed || error->grade == ERROR_RUN)
		return true;
	if (error->vanished)
		error->grade = on == WEIR_ON_FAIL ? ERROR_ENTRY : ERROR_WARNING;
	if (error->grade == ERROR_ENTRY)
		error->source_changed = false;
	return error->grade == ERROR_ENTRY || on != WEIR_ON_OK;
}

/* FNV-1a; a NULL is not the same as "". */
static uint64_t event_digest_text(uint64_t digest, const char *text)
{
	if (text == NULL)
		return digest * 1099511628211ULL;
	for (; *text != '\0'; text++)
		digest = (digest ^ (unsigned char)*text) * 1099511628211ULL;
	return (digest ^ 0xff) * 1099511628211ULL;
}

/* V4: true if the same was told just now; it is remembered. */
static bool event_was_told(struct event_queue *queue, const struct weir_event *event,
			   const char *path)
{
	uint64_t digest = 14695981039346656037ULL ^ (uint64_t)event->type << 48 ^
			  (uint64_t)event->side << 40 ^ (uint64_t)(unsigned)event->errnum;
	bool told = false;

	digest = event_digest_text(digest ^ (uint64_t)event->offset << 1, event->operation);
	digest = event_digest_text(event_digest_text(digest, event->text), event->other);
	digest = event_digest_text(digest, path);
	pthread_mutex_lock(&queue->lock);
	for (unsigned i = 0; i < LIMIT_TOLD && i < queue->told_count; i++)
		told = told || queue->told[i] == digest;
	if (!told)
		queue->told[queue->told_count++ % LIMIT_TOLD] = digest;
	pthread_mutex_unlock(&queue->lock);
	return told;
}

static void event_post_settled(struct event_queue *queue, const struct error *error,
			       const char *path, bool may_wait)
{
	struct weir_event event = {
		.type = error->grade == ERROR_WARNING ? WEIR_EVENT_WARNING
			: error->grade == ERROR_RUN   ? WEIR_EVENT_FATAL
						      : WEIR_EVENT_ERROR,
		.side = (enum weir_side)error->side,
		.errnum = error->errnum,
		.offset = error->offset,
		.operation = error->operation,
		.text = error->text,
		.other = error->other,
	};

	atomic_fetch_or(&queue->classes, event_class(error));
	if (event_was_told(queue, &event, path))
		return;
	if (error->grade == ERROR_WARNING)
		tally_add(&queue->tally->warnings, 1);
	else
		tally_add(&queue->tally->entries_failed, 1);
	event_post(queue, &event, path, may_wait);
}

void event_post_error(struct event_queue *queue, const struct error *error, const char *path,
		      bool may_wait)
{
	struct error settled = *error;

	WEIR_ASSERT(error->grade != ERROR_NONE);
	if (event_settle(queue, &settled))
		event_post_settled(queue, &settled, path, may_wait);
}

void event_post_loss(struct event_queue *queue, const struct weir_event *loss, const char *path)
{
	WEIR_ASSERT(loss->type == WEIR_EVENT_LOSS);
	if (loss->keep == WEIR_KEEP_REQUIRE)
		atomic_fetch_or(&queue->classes, EVENT_CLASS_FAILED);
	event_post(queue, loss, path, false);
}

struct weir_event *event_take(struct event_queue *queue)
{
	struct list *node;

	pthread_mutex_lock(&queue->lock);
	node = list_take_head(&queue->events);
	if (node != NULL) {
		queue->count--;
		/* Who waits for room may not need it in the end: all look. */
		pthread_cond_broadcast(&queue->room);
	}
	pthread_mutex_unlock(&queue->lock);
	return node != NULL ? LIST_ENTRY(node, struct weir_event, node) : NULL;
}

bool event_pending(struct event_queue *queue)
{
	bool pending;

	pthread_mutex_lock(&queue->lock);
	pending = queue->count > 0;
	pthread_mutex_unlock(&queue->lock);
	return pending;
}

void event_unbound(struct event_queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->unbounded = true;
	pthread_cond_broadcast(&queue->room);
	pthread_mutex_unlock(&queue->lock);
}
