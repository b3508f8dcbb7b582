/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signals: the handlers only count and cancel; the main loop speaks.  A signal
 * that was ignored when the program started stays ignored.
 */
#ifndef WEIR_CMD_SIGNALS_H
#define WEIR_CMD_SIGNALS_H

#include <stdbool.h>

struct weir_run;

/* Ignores SIGPIPE and SIGXFSZ (their calls fail instead) and catches SIGUSR1,
 * which would kill until then.  Called before anything else is done. */
void signals_prepare(void);

/* From now on SIGINT, SIGTERM and SIGHUP end RUN: the first lets it finish what
 * is parked, the second drops that too, the third ends the process in its tracks. */
void signals_watch(struct weir_run *run);

/* The run is over: further signals are only counted, up to the third. */
void signals_unwatch(void);

/* True once for each SIGUSR1 since the last call, or several in one. */
bool signals_take_progress(void);

/* How many ending signals came so far, and which was the first (or 0). */
int signals_count(void);
int signals_first(void);

/* "SIGINT" */
const char *signals_name(int number);

/* Ends the process by the first signal that came, so that the caller sees it.
 * Returns if none came.  Async-signal-safe. */
void signals_raise_again(void);

#endif
