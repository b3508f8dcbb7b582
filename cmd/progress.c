/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "progress.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "program.h"
#include "size.h"

#define NS_PER_MS 1000000ULL
#define NS_PER_S 1000000000ULL

#define STATUS_EVERY_NS (100 * NS_PER_MS)
#define STATUS_DELAY_NS (250 * NS_PER_MS) /* shorter runs need none */
#define LINES_EVERY_NS (10 * NS_PER_S)

#define RATE_WINDOW_S 5.0 /* what counts as "now" in rates */
#define RATE_STEP_NS (50 * NS_PER_MS)

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* A line can be redrawn only where the cursor can be moved. */
static bool has_cursor(void)
{
	const char *term = getenv("TERM");

	return isatty(STDERR_FILENO) == 1 && term != NULL && term[0] != '\0' &&
	       strcmp(term, "dumb") != 0;
}

void progress_open(struct progress *progress, enum progress_when when, bool is_quiet,
		   bool shows_durable)
{
	bool can_redraw = has_cursor();

	*progress = (struct progress){ .shows_durable = shows_durable };
	if (when == PROGRESS_ALWAYS)
		progress->style = can_redraw ? PROGRESS_STYLE_STATUS : PROGRESS_STYLE_LINES;
	else if (when == PROGRESS_AUTO && can_redraw && !is_quiet)
		progress->style = PROGRESS_STYLE_STATUS;
	progress->due_ns = now_ns();
	if (progress->style == PROGRESS_STYLE_LINES)
		progress->due_ns += LINES_EVERY_NS;
	else if (when == PROGRESS_AUTO)
		progress->due_ns += STATUS_DELAY_NS;
}

static void rise(uint64_t *shown, uint64_t value)
{
	if (value > *shown)
		*shown = value;
}

static void update_percent(struct progress *progress, const struct weir_stats *stats)
{
	uint64_t done = stats->sizes_known ? stats->bytes_written + stats->bytes_kept
					   : stats->files_done;
	uint64_t found = stats->sizes_known ? stats->bytes_found : stats->files_found;
	unsigned percent;

	if (!stats->scan_done || found == 0)
		return;
	percent = done >= found ? 100 : (unsigned)((double)done / (double)found * 100);
	if (percent > progress->percent)
		progress->percent = percent;
}

/* A moving mean: what happened within the window weighs most. */
static double mix_rate(double rate, double amount, double elapsed_s, bool is_first)
{
	double weight = elapsed_s >= RATE_WINDOW_S ? 1 : elapsed_s / RATE_WINDOW_S;

	return is_first ? amount / elapsed_s : rate + (amount / elapsed_s - rate) * weight;
}

static void update_rates(struct progress *progress, const struct weir_stats *stats)
{
	uint64_t elapsed_ns = stats->elapsed_ns - progress->rated_ns;
	double elapsed_s = (double)elapsed_ns / (double)NS_PER_S;
	bool is_first = progress->rated_ns == 0;

	if (stats->elapsed_ns < progress->rated_ns + RATE_STEP_NS)
		return;
	progress->bytes_per_s = mix_rate(progress->bytes_per_s,
					 (double)(progress->bytes_done - progress->rated_bytes),
					 elapsed_s, is_first);
	progress->files_per_s = mix_rate(progress->files_per_s,
					 (double)(progress->files_done - progress->rated_files),
					 elapsed_s, is_first);
	progress->rated_ns = stats->elapsed_ns;
	progress->rated_bytes = progress->bytes_done;
	progress->rated_files = progress->files_done;
}

static void update(struct progress *progress, const struct weir_stats *stats)
{
	rise(&progress->bytes_written, stats->bytes_written);
	rise(&progress->bytes_done, stats->bytes_written + stats->bytes_kept);
	rise(&progress->bytes_durable, stats->bytes_durable);
	rise(&progress->files_done, stats->files_done);
	update_percent(progress, stats);
	update_rates(progress, stats);
}

/* "1:05" or "2:03:09" */
static void add_clock(struct text *text, double seconds_left)
{
	unsigned long seconds = (unsigned long)(seconds_left + 0.5);

	if (seconds >= 3600)
		text_addf(text, "%lu:%02lu:%02lu", seconds / 3600, seconds / 60 % 60, seconds % 60);
	else
		text_addf(text, "%lu:%02lu", seconds / 60, seconds % 60);
}

static void add_time_left(struct text *text, const struct progress *progress,
			  const struct weir_stats *stats)
{
	bool by_bytes = stats->sizes_known != 0;
	uint64_t done = by_bytes ? progress->bytes_done : progress->files_done;
	uint64_t found = by_bytes ? stats->bytes_found : stats->files_found;
	double rate = by_bytes ? progress->bytes_per_s : progress->files_per_s;
	double seconds;

	if (!stats->scan_done || done >= found || rate <= 0)
		return;
	seconds = (double)(found - done) / rate;
	if (seconds > 99.0 * 3600)
		return; /* a guess that far off helps nobody */
	text_add(text, ", ");
	add_clock(text, seconds);
	text_add(text, " left");
}

/* "1.0 GiB of 5.6 GiB written" or "3 of at least 5 files, 1.0 GiB written" */
static void add_amounts(struct text *text, const struct progress *progress,
			const struct weir_stats *stats)
{
	uint64_t files_found = stats->files_found;
	uint64_t bytes_found = stats->bytes_found;

	/* What the target was found to have will not be written. */
	bytes_found -= bytes_found < stats->bytes_kept ? bytes_found : stats->bytes_kept;
	rise(&files_found, progress->files_done);
	rise(&bytes_found, progress->bytes_written);
	if (!stats->scan_done || !stats->sizes_known)
		text_addf(text, "%llu of %s%llu %s, ", (unsigned long long)progress->files_done,
			  stats->scan_done ? "" : "at least ", (unsigned long long)files_found,
			  files_found == 1 ? "file" : "files");
	size_add_bytes(text, progress->bytes_written);
	text_add(text, stats->sizes_known ? " of " : "");
	if (stats->sizes_known) {
		text_add(text, stats->scan_done ? "" : "at least ");
		size_add_bytes(text, bytes_found);
	}
	text_add(text, " written");
	if (progress->shows_durable) {
		text_add(text, ", ");
		size_add_bytes(text, progress->bytes_durable);
		text_add(text, " durable");
	}
}

static bool is_syncing(const struct progress *progress, const struct weir_stats *stats)
{
	return stats->scan_done && stats->sizes_known && stats->bytes_found > 0 &&
	       progress->bytes_done >= stats->bytes_found &&
	       progress->bytes_durable < progress->bytes_written && progress->shows_durable;
}

/* "12 folders looked at, 3 names found" */
static void add_cleaned(struct text *text, const struct weir_stats *stats)
{
	text_add_count(text, stats->folders_done, "folder", "folders");
	text_add(text, " looked at, ");
	text_add_count(text, stats->to_remove, "name", "names");
	text_add(text, " found");
}

static void add_line(struct text *text, struct progress *progress, const struct weir_run *run)
{
	struct weir_stats stats = { 0 };

	weir_run_stats(run, &stats, sizeof(stats));
	if (progress->is_clean) {
		add_cleaned(text, &stats);
		return;
	}
	update(progress, &stats);
	if (stats.scan_done && (stats.files_found > 0 || stats.bytes_found > 0))
		text_addf(text, "%u%%, ", progress->percent);
	add_amounts(text, progress, &stats);
	if (is_syncing(progress, &stats)) {
		text_add(text, ", syncing");
		return;
	}
	text_add(text, ", ");
	size_add_rate(text, progress->bytes_per_s);
	add_time_left(text, progress, &stats);
}

/* Columns a status may take.  The last one stays free: filling it would move
 * the cursor to the next line on some terminals. */
static size_t status_columns(void)
{
	struct winsize size = { 0 };

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return 79;
	return size.ws_col - 1U;
}

/* Drops parts from the end until the line fits; the first part is cut. */
static void fit_line(struct text *text, size_t columns)
{
	while (text->length_bytes > columns) {
		size_t cut = text->length_bytes;

		while (cut > 0 && text->data[cut - 1] != ',')
			cut--;
		text->length_bytes = cut > 0 ? cut - 1 : columns;
		text->data[text->length_bytes] = '\0';
	}
}

/* A job in the background must not draw over what the user types meanwhile. */
static bool is_in_background(void)
{
	pid_t foreground = tcgetpgrp(STDERR_FILENO);

	return foreground > 0 && foreground != getpgrp();
}

static void show_status(struct progress *progress, struct output *output,
			const struct weir_run *run)
{
	struct text text = { 0 };

	if (is_in_background())
		return;
	add_line(&text, progress, run);
	fit_line(&text, status_columns());
	output_status(output, text_string(&text));
	text_free(&text);
}

void progress_tick(struct progress *progress, struct output *output, const struct weir_run *run)
{
	uint64_t now;

	if (progress->style == PROGRESS_STYLE_NONE)
		return;
	now = now_ns();
	if (now < progress->due_ns)
		return;
	if (progress->style == PROGRESS_STYLE_STATUS) {
		show_status(progress, output, run);
		progress->due_ns = now + STATUS_EVERY_NS;
	} else {
		progress_tell(progress, output, run);
		progress->due_ns = now + LINES_EVERY_NS;
	}
}

void progress_tell(struct progress *progress, struct output *output, const struct weir_run *run)
{
	struct text text = { 0 };

	text_addf(&text, "%s: ", program_name());
	add_line(&text, progress, run);
	output_err(output, text_string(&text));
	text_free(&text);
}
