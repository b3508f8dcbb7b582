/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * poll SOURCE TARGET: copies a tree through the library as a program with an
 * event loop does that looks once for each time it is woken: one poll(), one
 * weir_run_next().  It must see every event and the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>

#include <weir.h>

static unsigned long long created;
static unsigned long long folders;
static int wrong;

static void take(const struct weir_event *event)
{
	if (weir_event_type(event) != WEIR_EVENT_ENTRY) {
		fprintf(stderr, "%s %s: %s\n", weir_event_operation(event), weir_event_path(event),
			weir_event_text(event));
		wrong = 1;
	} else if (weir_event_action(event) == WEIR_ACTION_FOLDER) {
		folders++;
	} else {
		created++;
	}
}

/* One look; 0 when the run has ended. */
static int look(struct weir_run *run)
{
	struct weir_event *event;
	int result = weir_run_next(run, 0, &event);

	if (result == 1)
		take(event);
	if (result >= 0 || result == -ETIMEDOUT)
		return result;
	fprintf(stderr, "weir_run_next: %s\n", weir_strerror(-result));
	wrong = 1;
	return 0;
}

static void loop(struct weir_run *run)
{
	struct pollfd ready = { -1, POLLIN, 0 };
	int result;

	ready.fd = weir_run_fd(run);
	result = look(run); /* begins the run */
	while (result != 0) {
		if (poll(&ready, 1, 30000) != 1) {
			fputs("nothing to poll in 30 seconds\n", stderr);
			wrong = 1;
			return;
		}
		result = look(run);
	}
	if (poll(&ready, 1, 0) != 1) {
		fputs("a run that has ended is not readable\n", stderr);
		wrong = 1;
	}
}

int main(int argc, char **argv)
{
	struct weir_run *run = weir_run_new(WEIR_COPY);
	struct weir_stats stats;

	if (argc != 3 || run == NULL)
		return 1;
	wrong |= weir_run_set(run, WEIR_OPT_RECURSIVE, 1) != 0;
	wrong |= weir_run_set(run, WEIR_OPT_REPORT_ENTRIES, 1) != 0;
	/* Threads, so that events come in bursts, and while nobody looks. */
	wrong |= weir_run_set(run, WEIR_OPT_WORKERS, 2) != 0;
	wrong |= weir_run_add_source(run, AT_FDCWD, argv[1]) != 0;
	wrong |= weir_run_set_target(run, AT_FDCWD, argv[2], WEIR_TARGET_NAME) != 0;
	loop(run);
	weir_run_stats(run, &stats, sizeof(stats));
	printf("%llu entries and %llu folders told, %llu and %llu made\n", created, folders,
	       (unsigned long long)(stats.files_done + stats.others_done),
	       (unsigned long long)stats.folders_done);
	wrong |= weir_run_result(run) != WEIR_RESULT_OK || stats.files_done == 0 ||
		 created != stats.files_done + stats.others_done || folders != stats.folders_done;
	weir_run_free(run);
	return wrong;
}
