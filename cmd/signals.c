/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "program.h"
#include "weir.h"

/* The one thing a handler can reach is what lies in static memory. */
static _Atomic(struct weir_run *) watched_run;
static atomic_int ending_count;
static atomic_int ending_first;
static atomic_bool progress_wanted;

_Static_assert(ATOMIC_POINTER_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2,
	       "handlers may use lock-free atomics only");

static const struct ending_signal {
	int number;
	const char *name;
} ending_signals[] = {
	{ SIGINT, "SIGINT" },
	{ SIGTERM, "SIGTERM" },
	{ SIGHUP, "SIGHUP" },
};

#define ENDING_SIGNALS (sizeof(ending_signals) / sizeof(ending_signals[0]))

/* A call that the kernel does not come back from holds its thread for good, and
 * with it the end of the run.  Names are atomic, so nothing half is left by it. */
static void end_at_once(void)
{
	static const char text[] = "\n" PROGRAM_WEIR
				   ": ended at once: what was not told is not done; names that "
				   "begin with .weir. can be left, the next run removes them\n";

	/* Nobody is left to be told that this could not be told. */
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		errno = 0;
	signals_raise_again();
}

static void on_ending(int number)
{
	struct weir_run *run = atomic_load(&watched_run);
	int none = 0;
	int saved_errno = errno;
	int before = atomic_fetch_add(&ending_count, 1);

	atomic_compare_exchange_strong(&ending_first, &none, number);
	if (before >= 2)
		end_at_once();
	if (run != NULL)
		weir_run_cancel(run, before == 0 ? WEIR_CANCEL_FINISH : WEIR_CANCEL_NOW);
	errno = saved_errno;
}

static void on_progress(int number)
{
	(void)number;
	atomic_store(&progress_wanted, true);
}

/* Sets HANDLER unless the signal is ignored. */
static void catch_signal(int number, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
	struct sigaction before;

	if (sigaction(number, NULL, &before) == 0 && before.sa_handler == SIG_IGN)
		return;
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < ENDING_SIGNALS; i++)
		sigaddset(&action.sa_mask, ending_signals[i].number);
	sigaction(number, &action, NULL);
}

void signals_prepare(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	sigemptyset(&ignore.sa_mask);
	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGXFSZ, &ignore, NULL);
	catch_signal(SIGUSR1, on_progress);
}

void signals_watch(struct weir_run *run)
{
	atomic_store(&watched_run, run);
	for (size_t i = 0; i < ENDING_SIGNALS; i++)
		catch_signal(ending_signals[i].number, on_ending);
}

void signals_unwatch(void)
{
	atomic_store(&watched_run, NULL);
}

bool signals_take_progress(void)
{
	return atomic_exchange(&progress_wanted, false);
}

int signals_count(void)
{
	return atomic_load(&ending_count);
}

int signals_first(void)
{
	return atomic_load(&ending_first);
}

const char *signals_name(int number)
{
	for (size_t i = 0; i < ENDING_SIGNALS; i++)
		if (ending_signals[i].number == number)
			return ending_signals[i].name;
	return "a signal";
}

void signals_raise_again(void)
{
	int number = signals_first();
	sigset_t set;

	if (number == 0)
		return;
	signal(number, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(number);
	/* PID 1 of a container survives its own signals. */
	_exit(128 + number);
}
