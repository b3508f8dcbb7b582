/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Manners.
 *
 * Invariants:
 * A1 only threads of the run get other priorities for good; the caller's gets its
 *    own back, and never a nice value, which could not be taken back;
 * A2 what may not be set is told, and the transfers on the ring do not ask for it
 *    either: each would be refused;
 * A3 a run that has nothing left to begin, nor to remove, is not ended by its time;
 * A4 one thread at a time judges the pressure (`looking`).
 */
#define _GNU_SOURCE
#include "manners.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "limits.h"

#define MANNERS_PRESSURE_PATH "/proc/pressure/io"
#define MANNERS_CLASS_SHIFT 13 /* IOPRIO_CLASS_SHIFT of linux/ioprio.h */
#define MANNERS_NICE 19

void manners_open(struct worker_shared *shared, struct pace *pace)
{
	const struct settings *settings = shared->settings;
	uint64_t began_ns = shared->tally->began_ns;

	pace_open(pace, settings->bytes_per_second, began_ns);
	shared->pace = settings->bytes_per_second != 0 || settings->background ? pace : NULL;
	shared->stop_ns = settings->stop_after_ns != 0 ? began_ns + settings->stop_after_ns : 0;
	shared->pressure = (struct pressure){ 0 };
	atomic_store(&shared->removes,
		     settings_syncs(settings) && settings->delete_when != WEIR_DELETE_OFF);
	atomic_flag_clear(&shared->looking);
	atomic_store(&shared->look_ns, settings->background ? 0 : UINT64_MAX);
	/* Until somebody has looked. */
	atomic_store(&pace->quiet, settings->background);
}

/* ---- priorities ---- */

static bool manners_sets_io(const struct settings *settings)
{
	return settings->io_priority != 0 || settings->background;
}

/* As ioprio_set(2) has it. */
static int manners_io_priority(const struct settings *settings)
{
	int priority = settings->io_priority;
	int io_class;

	if (priority == 0) /* in the background */
		priority = WEIR_IO_PRIORITY(WEIR_IO_IDLE, 0);
	io_class = priority / WEIR_IO_LEVELS;
	if (io_class == WEIR_IO_NONE)
		return 0;
	return io_class << MANNERS_CLASS_SHIFT | priority % WEIR_IO_LEVELS;
}

/* A2 */
static void manners_tell_refusal(struct worker_shared *shared, int result, const char *operation)
{
	struct error error;

	if (atomic_exchange(&shared->refusal_told, true))
		return;
	error_set(&error, result, ERROR_SIDE_NONE, operation);
	error.grade = ERROR_WARNING;
	error.text = "the run goes on with what it has";
	event_post_error(shared->events, &error, "", false);
}

static void manners_set_io(struct worker_shared *shared, int priority)
{
	int result = sys_set_io_priority(shared->sys, priority);

	if (result < 0)
		manners_tell_refusal(shared, result, "set the I/O priority");
	else
		atomic_store(&shared->io_priority, priority);
}

void manners_settle_thread(struct worker_shared *shared)
{
	const struct settings *settings = shared->settings;
	int result;

	if (manners_sets_io(settings))
		manners_set_io(shared, manners_io_priority(settings));
	if (!settings->background)
		return;
	result = sys_set_nice(shared->sys, MANNERS_NICE);
	if (result < 0)
		manners_tell_refusal(shared, result, "set the nice value");
}

int manners_borrow_thread(struct worker_shared *shared)
{
	int before;

	if (!manners_sets_io(shared->settings))
		return -ENOENT;
	before = sys_get_io_priority(shared->sys);
	if (before < 0)
		manners_tell_refusal(shared, before, "set the I/O priority");
	else
		manners_set_io(shared, manners_io_priority(shared->settings));
	return before;
}

void manners_return_thread(struct worker_shared *shared, int priority)
{
	int result = priority >= 0 ? sys_set_io_priority(shared->sys, priority) : 0;

	if (result < 0)
		manners_tell_refusal(shared, result, "set back the I/O priority");
}

/* ---- standing back ---- */

/* --explain */
static void manners_explain(struct worker_shared *shared, const char *what, const char *why,
			    int result)
{
	const struct weir_event event = {
		.type = WEIR_EVENT_WAY,
		.offset = -1,
		.operation = what,
		.text = why,
		.errnum = result < 0 ? -result : 0,
	};

	if (shared->settings->report_ways)
		event_post(shared->events, &event, "", false);
}

/* Takes a sample.  False: there is none to be had, ever. */
static bool manners_sample(struct worker_shared *shared, struct pressure_sample *sample)
{
	char text[512];
	ssize_t result = sys_read_text(shared->sys, MANNERS_PRESSURE_PATH, text, sizeof(text));

	if (result >= 0)
		result = pressure_parse(text, sample);
	if (result >= 0)
		return true;
	manners_explain(shared, "never standing back",
			MANNERS_PRESSURE_PATH " does not tell whether others wait", (int)result);
	return false;
}

/* Of the thread that holds `looking` (A4).  Returns when to look next. */
static uint64_t manners_judge(struct worker_shared *shared, uint64_t now_ns)
{
	struct pressure_sample sample;
	bool quiet;

	if (!manners_sample(shared, &sample)) {
		atomic_store(&shared->pace->quiet, false);
		return UINT64_MAX;
	}
	quiet = pressure_judge(&shared->pressure, &sample, now_ns);
	if (quiet && !shared->standing_back_told) {
		manners_explain(shared, "standing back",
				"somebody waits for storage; nothing new begins until that "
				"is over, or is seen to be this run's own waiting",
				0);
		shared->standing_back_told = true;
	}
	atomic_store(&shared->pace->quiet, quiet);
	return now_ns + pressure_pause_ns(&shared->pressure);
}

static void manners_look_at_others(struct worker_shared *shared, uint64_t now_ns)
{
	if (now_ns < atomic_load(&shared->look_ns) || atomic_flag_test_and_set(&shared->looking))
		return;
	if (now_ns >= atomic_load(&shared->look_ns))
		atomic_store(&shared->look_ns, manners_judge(shared, now_ns));
	atomic_flag_clear(&shared->looking);
}

bool manners_stand_back(const struct worker_shared *shared)
{
	return shared->pace != NULL && atomic_load(&shared->pace->quiet);
}

/* ---- time ---- */

static void manners_look_at_time(struct worker_shared *shared, uint64_t now_ns)
{
	if (now_ns < shared->stop_ns || atomic_load(&shared->cancel) != 0)
		return;
	if (queue_idle(shared->queue) && !atomic_load(&shared->removes)) /* A3 */
		return;
	atomic_store(&shared->time_over, true);
	worker_cancel(shared, WEIR_CANCEL_FINISH);
}

void manners_look(struct worker_shared *shared)
{
	bool background = shared->settings->background;
	uint64_t now_ns;

	if (!background && shared->stop_ns == 0)
		return;
	now_ns = tally_now_ns();
	if (background)
		manners_look_at_others(shared, now_ns);
	if (shared->stop_ns != 0)
		manners_look_at_time(shared, now_ns);
}

/* Adds ", 3 entries" or such to TEXT. */
static void manners_add_left(char *text, size_t size, const char *what, uint64_t count,
			     const char *one, const char *many)
{
	size_t used = strlen(text);

	if (count > 0)
		snprintf(text + used, size - used, "%s%s%llu %s", used > 0 ? ", " : "", what,
			 (unsigned long long)count, count == 1 ? one : many);
}

/* What was planned to go and did not. */
static uint64_t manners_not_removed(const struct worker_shared *shared, uint64_t removals)
{
	uint64_t removed = tally_get(&shared->tally->removed);

	return atomic_load(&shared->removes) && removals > removed ? removals - removed : 0;
}

void manners_tell_left(struct worker_shared *shared, uint64_t removals)
{
	char left[160] = "";
	char text[256];
	struct error end;

	if (!atomic_load(&shared->time_over))
		return;
	manners_add_left(left, sizeof(left), "", atomic_load(&shared->left_entries), "entry",
			 "entries");
	manners_add_left(left, sizeof(left), "the rest of ", atomic_load(&shared->left_folders),
			 "folder", "folders");
	manners_add_left(left, sizeof(left), "", manners_not_removed(shared, removals), "deletion",
			 "deletions");
	if (left[0] == '\0')
		return; /* it was done just in time */
	snprintf(text, sizeof(text), "the time is over; not done: %s", left);
	error_set_text(&end, ERROR_SIDE_TARGET, "go on in", text);
	end.grade = ERROR_RUN;
	event_post_error(shared->events, &end, shared->target_path, false);
}
