/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Questions to the caller: may this entry be replaced?  What waits for an answer
 * holds up nothing else.
 */
#ifndef WEIR_ASK_H
#define WEIR_ASK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bell.h"
#include "event.h"
#include "list.h"

enum ask_answer {
	ASK_UNASKED = 0,
	ASK_WAITS,
	ASK_YES,
	ASK_NO,
};

/* One question; belongs to who asks. */
struct ask {
	struct list node; /* in asks.open while it waits */
	uint64_t id;
	_Atomic int answer; /* enum ask_answer */
};

struct asks {
	pthread_mutex_t lock;
	struct list open;
	uint64_t last_id;
	struct event_queue *events;
	struct bell *bell; /* rung with each answer */
	bool mute;	   /* nobody could answer: every answer is no */
};

/* 0 or -errno. */
int asks_open(struct asks *asks, struct event_queue *events, struct bell *bell);
void asks_close(struct asks *asks);

/* Begins a question, unasked. */
void ask_init(struct ask *ask);

/* Posts the question whether PATH may be replaced. */
void ask_post(struct asks *asks, struct ask *ask, const char *path);

/* True if there is an answer to a question that was posted. */
bool ask_is_answered(const struct ask *ask);

/* Takes a question back, answered or not. */
void ask_drop(struct asks *asks, struct ask *ask);

/* Answers question ID.  0, or -ENOENT: nobody asks that (any more). */
int asks_answer(struct asks *asks, uint64_t id, bool yes);

#endif
