/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a run owes to others on its machine: the priorities of its threads, standing
 * back while others need the storage, and ending when its time is over.
 */
#ifndef WEIR_MANNERS_H
#define WEIR_MANNERS_H

#include "worker.h"

/* Once for each run, before there are threads. */
void manners_open(struct worker_shared *shared, struct pace *pace);

/* At the start of each thread of the run: sets its priorities.  What is refused is
 * told once. */
void manners_settle_thread(struct worker_shared *shared);

/* The same for the caller's thread, for as long as it does the work: it gets back
 * what it had. */
int manners_borrow_thread(struct worker_shared *shared);
void manners_return_thread(struct worker_shared *shared, int priority);

/* Once a turn of each worker: looks whether to stand back, and at the time. */
void manners_look(struct worker_shared *shared);

/* True while nothing new is to begin. */
bool manners_stand_back(const struct worker_shared *shared);

/* When all is over: what the end of the time has left; REMOVALS were planned. */
void manners_tell_left(struct worker_shared *shared, uint64_t removals);

#endif
