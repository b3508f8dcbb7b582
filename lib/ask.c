/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Open questions.
 *
 *   Answer   True here                       Then
 *   unasked  in no list                      ask_post() -> waits
 *   waits    in the list of open questions   asks_answer() -> yes or no
 *   yes, no  in no list                      read by who asked
 *
 * Invariant: Q1 a question is in the list exactly while it waits, and only under
 * the lock, so an answer that comes late finds nothing.
 */
#include "ask.h"

#include <errno.h>
#include <stddef.h>

#include "invariant.h"

int asks_open(struct asks *asks, struct event_queue *events, struct bell *bell)
{
	list_init(&asks->open);
	asks->last_id = 0;
	asks->events = events;
	asks->bell = bell;
	asks->mute = false;
	return -pthread_mutex_init(&asks->lock, NULL);
}

void asks_close(struct asks *asks)
{
	WEIR_ASSERT(list_empty(&asks->open));
	pthread_mutex_destroy(&asks->lock);
}

void ask_init(struct ask *ask)
{
	list_init(&ask->node);
	ask->id = 0;
	atomic_store(&ask->answer, ASK_UNASKED);
}

void ask_post(struct asks *asks, struct ask *ask, const char *path)
{
	struct weir_event event = { .type = WEIR_EVENT_ASK, .offset = -1 };

	WEIR_ASSERT(atomic_load(&ask->answer) == ASK_UNASKED);
	if (asks->mute) {
		atomic_store(&ask->answer, ASK_NO);
		return;
	}
	pthread_mutex_lock(&asks->lock);
	ask->id = ++asks->last_id;
	event.count = ask->id;
	atomic_store(&ask->answer, ASK_WAITS);
	list_add_tail(&asks->open, &ask->node);
	pthread_mutex_unlock(&asks->lock);
	event_post(asks->events, &event, path, true);
}

bool ask_is_answered(const struct ask *ask)
{
	return atomic_load(&ask->answer) >= ASK_YES;
}

void ask_drop(struct asks *asks, struct ask *ask)
{
	if (atomic_load(&ask->answer) == ASK_UNASKED)
		return;
	pthread_mutex_lock(&asks->lock);
	if (atomic_load(&ask->answer) == ASK_WAITS)
		list_remove(&ask->node); /* Q1 */
	pthread_mutex_unlock(&asks->lock);
	ask_init(ask);
}

int asks_answer(struct asks *asks, uint64_t id, bool yes)
{
	int result = -ENOENT;

	pthread_mutex_lock(&asks->lock);
	for (struct list *node = asks->open.next; node != &asks->open; node = node->next) {
		struct ask *ask = LIST_ENTRY(node, struct ask, node);

		if (ask->id != id)
			continue;
		list_remove(&ask->node);
		atomic_store(&ask->answer, yes ? ASK_YES : ASK_NO);
		result = 0;
		break;
	}
	pthread_mutex_unlock(&asks->lock);
	if (result == 0)
		bell_ring(asks->bell);
	return result;
}
