/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * poll SOURCE TARGET: copies a tree through the library as a program with an
 * event loop does that looks once for each time it is woken: one poll(), one
 * weir_run_next().  It must see every event and the end.
 *
 * What can go wrong is that several events, or the last one and the end, come
 * before weir_run_next() runs again that sleeps for the first of them.  So all
 * threads share one processor, this one gives way to the others, it sleeps once
 * in weir_run_next() itself, and there are many runs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>

#include <weir.h>

#define ROUNDS 100
#define WAIT_MS 10000

static unsigned long long told;
static int wrong;

static void take(const struct weir_event *event)
{
	if (weir_event_type(event) == WEIR_EVENT_ENTRY) {
		told += weir_event_action(event) != WEIR_ACTION_FOLDER;
		return;
	}
	fprintf(stderr, "%s %s: %s\n", weir_event_operation(event), weir_event_path(event),
		weir_event_text(event));
	wrong = 1;
}

/* One look; 0 when the run has ended. */
static int look(struct weir_run *run, int timeout_ms)
{
	struct weir_event *event;
	int result = weir_run_next(run, timeout_ms, &event);

	if (result == 1)
		take(event);
	if (result >= 0 || result == -ETIMEDOUT)
		return result;
	fprintf(stderr, "weir_run_next: %s\n", weir_strerror(-result));
	wrong = 1;
	return 0;
}

/* The threads of a run take over what this one has when they are made, so it
 * gives way only afterwards, and takes its place again. */
static void give_way(int policy)
{
	const struct sched_param none = { 0 };

	sched_setscheduler(0, policy, &none);
}

static void loop(struct weir_run *run)
{
	struct pollfd ready = { -1, POLLIN, 0 };
	int result;

	ready.fd = weir_run_fd(run);
	result = look(run, 0); /* begins the run */
	give_way(SCHED_IDLE);
	if (result != 0)
		result = look(run, WAIT_MS);
	while (result != 0 && !wrong) {
		if (poll(&ready, 1, WAIT_MS) == 1) {
			result = look(run, 0);
		} else {
			fputs("nothing to poll in 10 seconds\n", stderr);
			wrong = 1;
		}
	}
	if (!wrong && poll(&ready, 1, 0) != 1) {
		fputs("a run that has ended is not readable\n", stderr);
		wrong = 1;
	}
	give_way(SCHED_OTHER);
}

static void copy(const char *source, const char *target)
{
	struct weir_run *run = weir_run_new(WEIR_COPY);
	struct weir_stats stats;

	if (run == NULL) {
		wrong = 1;
		return;
	}
	told = 0;
	wrong |= weir_run_set(run, WEIR_OPT_RECURSIVE, 1) != 0;
	wrong |= weir_run_set(run, WEIR_OPT_REPORT_ENTRIES, 1) != 0;
	wrong |= weir_run_set(run, WEIR_OPT_DURABLE, WEIR_DURABLE_NONE) != 0;
	/* Otherwise few small files need no thread. */
	wrong |= weir_run_set(run, WEIR_OPT_WORKERS, 1) != 0;
	wrong |= weir_run_add_source(run, AT_FDCWD, source) != 0;
	wrong |= weir_run_set_target(run, AT_FDCWD, target, WEIR_TARGET_NAME) != 0;
	loop(run);
	weir_run_stats(run, &stats, sizeof(stats));
	if (weir_run_result(run) != WEIR_RESULT_OK || stats.files_done == 0 ||
	    told != stats.files_done + stats.others_done) {
		fprintf(stderr, "told of %llu entries, %llu made\n", told,
			(unsigned long long)(stats.files_done + stats.others_done));
		wrong = 1;
	}
	weir_run_free(run);
}

int main(int argc, char **argv)
{
	cpu_set_t all, one;
	int cpu = 0;

	if (argc != 3)
		return 1;
	if (sched_getaffinity(0, sizeof(all), &all) == 0) {
		while (!CPU_ISSET(cpu, &all))
			cpu++;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof(one), &one);
	}
	for (int round = 0; round < ROUNDS && !wrong; round++)
		copy(argv[1], argv[2]);
	return wrong;
}
