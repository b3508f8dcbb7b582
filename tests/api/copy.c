/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * copy SOURCE TARGET: copies a tree through the library, pulling events with
 * poll() as a program with a loop of its own would, and checks what the events
 * and the statistics say.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <weir.h>

static unsigned long entries;

static int take_event(const struct weir_event *event)
{
	if (weir_event_type(event) == WEIR_EVENT_ENTRY) {
		entries++;
		return weir_event_path(event)[0] == '\0';
	}
	fprintf(stderr, "%s %s: %s (%s)\n", weir_event_operation(event), weir_event_path(event),
		weir_event_text(event), weir_errno_name(weir_event_errno(event)));
	return weir_event_type(event) != WEIR_EVENT_WARNING;
}

static int pull(struct weir_run *run)
{
	struct weir_event *event;
	int wrong = 0;
	int result;

	/* The first call starts the run, and only then is there something to poll. */
	result = weir_run_next(run, 0, &event);
	while (result != 0) {
		struct pollfd poll_fd = { weir_run_fd(run), POLLIN, 0 };

		if (result == 1) {
			wrong += take_event(event);
		} else if (result != -ETIMEDOUT) {
			fprintf(stderr, "weir_run_next: %s\n", weir_strerror(-result));
			return 1;
		} else if (poll(&poll_fd, 1, 30000) != 1) {
			fputs("nothing to poll in 30 seconds\n", stderr);
			return 1;
		}
		result = weir_run_next(run, 0, &event);
	}
	return wrong;
}

static int judge(const struct weir_run *run)
{
	struct weir_stats stats;

	memset(&stats, 0xff, sizeof(stats));
	weir_run_stats(run, &stats, sizeof(stats));
	printf("%llu files, %llu bytes, %lu events, %s\n", (unsigned long long)stats.files_done,
	       (unsigned long long)stats.bytes_written, entries, weir_run_receipt(run));
	return weir_run_result(run) != WEIR_RESULT_OK || stats.files_done == 0 ||
	       stats.files_done != stats.files_found || stats.scan_done != 1 ||
	       stats.entries_failed != 0 || stats.ring_dropped != 0 || stats.ring_overflow != 0 ||
	       entries < stats.files_done || weir_run_receipt(run)[0] == '\0';
}

int main(int argc, char **argv)
{
	struct weir_run *run = weir_run_new(WEIR_COPY);
	int wrong = argc != 3 || run == NULL;

	if (wrong)
		return 1;
	wrong += weir_run_set(run, WEIR_OPT_RECURSIVE, 1) != 0;
	wrong += weir_run_set(run, WEIR_OPT_KEEP_MODE, WEIR_KEEP_TRY) != 0;
	wrong += weir_run_set(run, WEIR_OPT_KEEP_TIMES, WEIR_KEEP_REQUIRE) != 0;
	wrong += weir_run_set(run, WEIR_OPT_REPORT_ENTRIES, 1) != 0;
	wrong += weir_run_add_source(run, AT_FDCWD, argv[1]) != 0;
	wrong += weir_run_set_target(run, AT_FDCWD, argv[2], WEIR_TARGET_NAME) != 0;
	wrong += pull(run);
	wrong += judge(run);
	weir_run_free(run);
	return wrong != 0;
}
