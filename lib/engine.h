/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The turn that drives the jobs of one worker.
 */
#ifndef WEIR_ENGINE_H
#define WEIR_ENGINE_H

#include <stdbool.h>

#include "worker.h"

/* One turn: admit, issue, wait at most TIMEOUT_MS, apply.  False: there was
 * nothing to do and nothing is in flight. */
bool engine_turn(struct worker *worker, int timeout_ms);

/* Turns until the queue is shut. */
void engine_run(struct worker *worker);

/* For a worker that could not start: empties the queue of a cancelled run,
 * once, or until the queue is shut. */
void engine_discard_queue(struct worker *worker);
void engine_abandon_queue(struct worker *worker);

/* How long a worker with nothing in flight may sleep, in ms. */
int engine_sleep_ms(const struct worker *worker);

#endif
