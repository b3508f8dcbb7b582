/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report.h"

#include <stdlib.h>
#include <string.h>

#include "escape.h"
#include "itemize.h"
#include "program.h"
#include "residue.h"
#include "size.h"

#define NS_PER_S 1000000000.0

void report_open(struct report *report, struct output *output, struct log *log,
		 enum verbosity verbosity, bool is_dry_run, bool tells_owner)
{
	*report = (struct report){
		.output = output,
		.log = log,
		.verbosity = verbosity,
		.is_dry_run = is_dry_run,
		.tells_owner = tells_owner,
	};
}

void report_close(struct report *report)
{
	for (size_t i = 0; i < report->kind_count; i++) {
		free(report->kinds[i].operation);
		free(report->kinds[i].text);
	}
	free(report->kinds);
	report->kinds = NULL;
	report->kind_count = 0;
}

void report_line(struct report *report, const char *line)
{
	output_err(report->output, line);
	log_line(report->log, line);
}

/* Lines of events, made once for each reader: the log is always UTF-8. */

static const char *action_word(enum weir_action action, bool is_dry_run)
{
	switch (action) {
	case WEIR_ACTION_CREATE:
		return is_dry_run ? "would copy" : "copied";
	case WEIR_ACTION_REPLACE:
		return is_dry_run ? "would replace" : "replaced";
	case WEIR_ACTION_SKIP:
		return is_dry_run ? "would skip" : "skipped";
	case WEIR_ACTION_FOLDER:
		return is_dry_run ? "would make folder" : "folder";
	default:
		break;
	}
	return is_dry_run ? "would leave" : "left";
}

static void add_entry(struct text *line, const struct weir_event *event, bool is_dry_run, bool utf8)
{
	text_addf(line, "%s ", action_word(weir_event_action(event), is_dry_run));
	escape_bare(line, weir_event_path(event), utf8);
	if (weir_event_text(event)[0] == '\0')
		return;
	text_add(line, " (backup: ");
	escape_quoted(line, weir_event_text(event), utf8);
	text_add(line, ")");
}

/* "way: NAME PATH: REASON" */
static void add_way(struct text *line, const struct weir_event *event, bool utf8)
{
	text_addf(line, "way: %s ", weir_event_operation(event));
	if (weir_event_path(event)[0] != '\0')
		escape_bare(line, weir_event_path(event), utf8);
	else
		text_add(line, "(run)");
	text_addf(line, ": %s", weir_event_text(event));
	if (weir_event_errno(event) != 0) {
		text_add(line, ": ");
		output_add_reason(line, weir_event_errno(event));
	}
}

static const char *side_word(enum weir_side side)
{
	switch (side) {
	case WEIR_SIDE_SOURCE:
		return "source ";
	case WEIR_SIDE_TARGET:
		return "target ";
	case WEIR_SIDE_NONE:
		break;
	}
	return "";
}

/* REASON (ERRNO), or the sentence, or both; and the other name it is about. */
static void add_reason(struct text *line, const struct weir_event *event, bool utf8)
{
	const char *sentence = weir_event_text(event);
	const char *other = weir_event_other(event);
	int errnum = weir_event_errno(event);

	if (errnum != 0)
		output_add_reason(line, errnum);
	if (errnum != 0 && sentence[0] != '\0')
		text_add(line, "; ");
	text_add(line, sentence);
	if (errnum == 0 && sentence[0] == '\0')
		text_add(line, "no reason given");
	if (other[0] != '\0') {
		text_add(line, ": ");
		escape_quoted(line, other, utf8);
	}
}

/* "weir: " and the grade */
static void add_grade(struct text *line, enum weir_event_type type)
{
	text_addf(line, "%s: ", program_name());
	if (type == WEIR_EVENT_WARNING)
		text_add(line, "warning: ");
	else if (type == WEIR_EVENT_REFUSED)
		text_add(line, "refused: ");
}

/* "weir: cannot OPERATION SIDE 'PATH' at offset N: REASON (ERRNO)" */
static void add_error(struct text *line, const struct weir_event *event, bool utf8)
{
	const char *operation = weir_event_operation(event);
	const char *path = weir_event_path(event);

	add_grade(line, weir_event_type(event));
	if (operation[0] != '\0')
		text_addf(line, "cannot %s%s", operation, path[0] != '\0' ? " " : "");
	if (path[0] != '\0') {
		text_add(line, side_word(weir_event_side(event)));
		escape_quoted(line, path, utf8);
	}
	if (weir_event_offset(event) >= 0)
		text_addf(line, " at offset %lld", (long long)weir_event_offset(event));
	if (operation[0] != '\0' || path[0] != '\0')
		text_add(line, ": ");
	add_reason(line, event, utf8);
}

/* What was not kept of an entry, or left out; a label that was not to be kept is not
 * the one that the system's policy has for the name. */
static const char *loss_words(const struct weir_event *event)
{
	switch (weir_event_property(event)) {
	case WEIR_PROPERTY_SYMLINK:
	case WEIR_PROPERTY_SPECIAL:
		return " left out, first ";
	default:
		return weir_event_keep(event) == WEIR_KEEP_OFF ? " not set by name, first "
							       : " not kept, first ";
	}
}

/* "weir: warning: xattr of 12 entries not kept, first 'd/f': REASON" */
static void add_loss(struct text *line, const struct weir_event *event, bool utf8)
{
	enum weir_property property = weir_event_property(event);
	bool is_entry = property == WEIR_PROPERTY_SYMLINK || property == WEIR_PROPERTY_SPECIAL;

	add_grade(line, weir_event_keep(event) == WEIR_KEEP_REQUIRE ? WEIR_EVENT_ERROR
								    : WEIR_EVENT_WARNING);
	text_addf(line, "%s%s ", weir_property_name(property), is_entry ? ":" : " of");
	text_add_count(line, weir_event_count(event), "entry", "entries");
	text_add(line, loss_words(event));
	escape_quoted(line, weir_event_path(event), utf8);
	text_add(line, ": ");
	output_add_reason(line, weir_event_errno(event));
}

static void add_event(struct text *line, const struct report *report,
		      const struct weir_event *event, bool utf8)
{
	switch (weir_event_type(event)) {
	case WEIR_EVENT_ENTRY:
		if (report->is_clean)
			residue_add(line, event, utf8, false);
		else if (report->is_sync)
			itemize_add(line, event, utf8, false);
		else
			add_entry(line, event, report->is_dry_run, utf8);
		break;
	case WEIR_EVENT_WAY:
		add_way(line, event, utf8);
		break;
	case WEIR_EVENT_LOSS:
		add_loss(line, event, utf8);
		break;
	default:
		add_error(line, event, utf8);
	}
}

/* Kinds: what is counted instead of shown. */

static struct report_kind *find_kind(struct report *report, const struct weir_event *event)
{
	for (size_t i = 0; i < report->kind_count; i++) {
		struct report_kind *kind = &report->kinds[i];

		if (kind->type != weir_event_type(event) ||
		    kind->errnum != weir_event_errno(event) ||
		    strcmp(kind->operation, weir_event_operation(event)) != 0)
			continue;
		if (kind->errnum != 0 || strcmp(kind->text, weir_event_text(event)) == 0)
			return kind;
	}
	return NULL;
}

static struct report_kind *add_kind(struct report *report, const struct weir_event *event)
{
	struct report_kind kind = {
		.type = weir_event_type(event),
		.errnum = weir_event_errno(event),
		.operation = strdup(weir_event_operation(event)),
		.text = strdup(weir_event_text(event)),
	};
	struct report_kind *kinds = NULL;

	if (kind.operation != NULL && kind.text != NULL)
		kinds = realloc(report->kinds, (report->kind_count + 1) * sizeof(*kinds));
	if (kinds == NULL) {
		free(kind.operation);
		free(kind.text);
		return NULL;
	}
	report->kinds = kinds;
	kinds[report->kind_count] = kind;
	return &kinds[report->kind_count++];
}

/* Counts the event; true while it is to be shown. */
static bool count_kind(struct report *report, const struct weir_event *event)
{
	struct report_kind *kind = find_kind(report, event);

	if (kind == NULL)
		kind = add_kind(report, event);
	return kind == NULL || kind->count++ < REPORT_SHOWN;
}

/* "weir: cannot open: Permission denied (EACCES): 12 more errors not shown" */
static void add_count(struct text *line, const struct report_kind *kind)
{
	add_grade(line, kind->type);
	if (kind->operation[0] != '\0')
		text_addf(line, "cannot %s: ", kind->operation);
	if (kind->errnum != 0)
		output_add_reason(line, kind->errnum);
	else
		text_add(line, kind->text);
	text_add(line, ": ");
	text_add_count(line, kind->count - REPORT_SHOWN,
		       kind->type == WEIR_EVENT_WARNING ? "more warning" : "more error",
		       kind->type == WEIR_EVENT_WARNING ? "more warnings" : "more errors");
	text_add(line, " not shown");
}

static void tell_more_unfinished(struct report *report)
{
	struct text line = { 0 };

	if (report->unfinished <= REPORT_SHOWN)
		return;
	add_grade(&line, WEIR_EVENT_WARNING);
	text_addf(&line, "%llu more unfinished, not shown; -n lists all",
		  (unsigned long long)(report->unfinished - REPORT_SHOWN));
	output_err(report->output, text_string(&line));
	text_free(&line);
}

void report_counts(struct report *report)
{
	tell_more_unfinished(report);
	for (size_t i = 0; i < report->kind_count; i++) {
		const struct report_kind *kind = &report->kinds[i];
		struct text line = { 0 };

		if (kind->count <= REPORT_SHOWN ||
		    (kind->type == WEIR_EVENT_WARNING && report->verbosity == VERBOSITY_QUIET))
			continue;
		add_count(&line, kind);
		if (log_is_open(report->log))
			text_add(&line, ", but logged");
		output_err(report->output, text_string(&line));
		text_free(&line);
	}
}

static void count_dry_run(struct report *report, const struct weir_event *event)
{
	switch (weir_event_action(event)) {
	case WEIR_ACTION_CREATE:
	case WEIR_ACTION_REPLACE:
		report->would_files++;
		report->would_bytes += weir_event_bytes(event);
		break;
	case WEIR_ACTION_FOLDER:
		report->would_folders++;
		break;
	case WEIR_ACTION_SKIP:
		report->would_skip++;
		break;
	default:
		break;
	}
}

static void show_event(struct report *report, const struct weir_event *event)
{
	struct text line = { 0 };

	if (report->is_exact && weir_event_type(event) == WEIR_EVENT_ENTRY) {
		if (report->is_clean)
			residue_add(&line, event, true, true);
		else
			itemize_add(&line, event, true, true);
		output_out_exact(report->output, text_string(&line));
		text_free(&line);
		return;
	}
	add_event(&line, report, event, report->output->utf8);
	if (weir_event_type(event) == WEIR_EVENT_ENTRY)
		output_out(report->output, text_string(&line));
	else
		output_err(report->output, text_string(&line));
	text_free(&line);
}

/* Who is not root cannot give files away, and knows it. */
static bool is_loss_shown(const struct report *report, const struct weir_event *event)
{
	if (weir_event_keep(event) == WEIR_KEEP_REQUIRE || report->verbosity == VERBOSITY_VERBOSE)
		return true;
	if (weir_event_property(event) == WEIR_PROPERTY_OWNER && !report->tells_owner)
		return false;
	return report->verbosity != VERBOSITY_QUIET;
}

static bool is_shown(struct report *report, const struct weir_event *event)
{
	switch (weir_event_type(event)) {
	case WEIR_EVENT_ENTRY:
		return report->itemizes || report->verbosity == VERBOSITY_VERBOSE;
	case WEIR_EVENT_WAY:
		return true;
	case WEIR_EVENT_LOSS:
		return is_loss_shown(report, event);
	case WEIR_EVENT_WARNING:
		return count_kind(report, event) && report->verbosity != VERBOSITY_QUIET;
	default:
		return count_kind(report, event);
	}
}

/* What is not listed is told as a warning, if it is to be finished. */
static void warn_of_residue(struct report *report, const struct weir_event *event)
{
	struct text line = { 0 };

	if (report->verbosity == VERBOSITY_QUIET || !residue_is_left(event) ||
	    report->unfinished++ >= REPORT_SHOWN)
		return;
	text_addf(&line, "%s: ", program_name());
	residue_add_advice(&line, event, report->output->utf8);
	output_err(report->output, text_string(&line));
	text_free(&line);
}

void report_event(struct report *report, const struct weir_event *event)
{
	struct text line = { 0 };

	if (weir_event_type(event) == WEIR_EVENT_ENTRY && report->is_dry_run)
		count_dry_run(report, event);
	if (is_shown(report, event))
		show_event(report, event);
	else if (report->is_clean && weir_event_type(event) == WEIR_EVENT_ENTRY)
		warn_of_residue(report, event);
	if (!log_is_open(report->log))
		return;
	add_event(&line, report, event, true);
	log_line(report->log, text_string(&line));
	text_free(&line);
}

/* The report at the end. */

static void add_more(struct text *line, uint64_t count, const char *one, const char *many)
{
	if (count == 0)
		return;
	text_add(line, ", ");
	text_add_count(line, count, one, many);
}

/* "direct", "buffered", "cloned" or "92% direct, 8% buffered" */
static void add_how(struct text *line, const struct weir_stats *stats)
{
	const struct {
		uint64_t bytes;
		const char *name;
	} parts[] = {
		{ stats->bytes_cloned, "cloned" },
		{ stats->bytes_offloaded, "server-side" },
		{ stats->bytes_direct, "direct" },
		{ stats->bytes_buffered, "buffered" },
	};
	uint64_t total = stats->bytes_cloned + stats->bytes_offloaded + stats->bytes_direct +
			 stats->bytes_buffered;
	const char *between = "; ";

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		unsigned percent;

		if (parts[i].bytes == 0)
			continue;
		percent = (unsigned)((double)parts[i].bytes / (double)total * 100 + 0.5);
		/* A part is a part, however small: none is rounded away. */
		if (percent == 0)
			percent = 1;
		if (percent == 100 && parts[i].bytes < total)
			percent = 99;
		text_add(line, between);
		if (parts[i].bytes < total)
			text_addf(line, "%u%% ", percent);
		text_add(line, parts[i].name);
		between = ", ";
	}
}

static void add_copied(struct text *line, const struct weir_stats *stats, const char *receipt)
{
	text_add(line, "copied ");
	text_add_count(line, stats->files_done, "file", "files");
	add_more(line, stats->folders_done, "folder", "folders");
	add_more(line, stats->others_done, "link or special file", "links and special files");
	text_add(line, ", ");
	size_add_bytes(line, stats->bytes_written);
	text_add(line, " in ");
	size_add_duration(line, stats->elapsed_ns);
	if (stats->elapsed_ns > 0 && stats->bytes_written > 0) {
		text_add(line, ", ");
		size_add_rate(line,
			      (double)stats->bytes_written * NS_PER_S / (double)stats->elapsed_ns);
	}
	add_how(line, stats);
	if (receipt[0] != '\0')
		text_addf(line, "; %s", receipt);
	if (stats->entries_skipped > 0)
		text_addf(line, "; %llu skipped", (unsigned long long)stats->entries_skipped);
}

static void add_would(struct text *line, const struct report *report)
{
	text_add(line, "would copy ");
	text_add_count(line, report->would_files, "entry", "entries");
	add_more(line, report->would_folders, "new folder", "new folders");
	text_add(line, ", ");
	size_add_bytes(line, report->would_bytes);
	if (report->would_skip > 0)
		text_addf(line, "; %llu skipped", (unsigned long long)report->would_skip);
	text_add(line, "; nothing was changed");
}

static void add_cleaned(struct text *line, const struct weir_stats *stats, bool is_dry_run,
			const char *receipt)
{
	residue_add_totals(line, stats, is_dry_run);
	text_addf(line, "; %s", is_dry_run ? "nothing was changed" : receipt);
}

void report_summary(struct report *report, const struct weir_run *run, const char *ended_by,
		    bool is_shown_here)
{
	struct weir_stats stats = { 0 };
	struct text line = { 0 };

	weir_run_stats(run, &stats, sizeof(stats));
	text_addf(&line, "%s: ", program_name());
	if (ended_by != NULL)
		text_addf(&line, "ended by %s: ", ended_by);
	if (report->is_sync) {
		itemize_add_totals(&line, &stats);
		text_add(&line, "; ");
	}
	if (report->is_clean)
		add_cleaned(&line, &stats, report->is_dry_run, weir_run_receipt(run));
	else if (report->is_dry_run && report->is_sync)
		text_add(&line, "nothing was changed");
	else if (report->is_dry_run)
		add_would(&line, report);
	else
		add_copied(&line, &stats, weir_run_receipt(run));
	if (stats.entries_failed > 0)
		text_addf(&line, "; %llu failed", (unsigned long long)stats.entries_failed);
	if (is_shown_here)
		output_err(report->output, text_string(&line));
	log_line(report->log, text_string(&line));
	text_free(&line);
}

#define COUNTER(name)                                    \
	{                                                \
#name, offsetof(struct weir_stats, name) \
	}

static const struct counter {
	const char *name;
	size_t offset;
} counters[] = {
	COUNTER(elapsed_ns),
	COUNTER(bytes_found),
	COUNTER(bytes_written),
	COUNTER(bytes_durable),
	COUNTER(files_found),
	COUNTER(files_done),
	COUNTER(files_durable),
	COUNTER(folders_done),
	COUNTER(others_done),
	COUNTER(entries_skipped),
	COUNTER(entries_failed),
	COUNTER(warnings),
	COUNTER(bytes_direct),
	COUNTER(bytes_buffered),
	COUNTER(files_parked),
	COUNTER(bytes_parked),
	COUNTER(groups),
	COUNTER(syncs_fs),
	COUNTER(syncs_file),
	COUNTER(ops_read),
	COUNTER(ops_write),
	COUNTER(ops_read_fixed),
	COUNTER(ops_write_fixed),
	COUNTER(ops_open),
	COUNTER(buffer_registrations),
	COUNTER(buffer_bytes),
	COUNTER(arena_bytes),
	COUNTER(workers),
	COUNTER(rings),
	COUNTER(rings_restricted),
	COUNTER(ring_enters),
	COUNTER(ring_dropped),
	COUNTER(ring_overflow),
	COUNTER(scan_done),
	COUNTER(sizes_known),
	COUNTER(first_group_ns),
	COUNTER(sync_ns),
	COUNTER(publish_ns),
	COUNTER(scan_ns),
	COUNTER(target_ns),
	COUNTER(wait_ns),
	COUNTER(bytes_cloned),
	COUNTER(properties_lost),
	COUNTER(bytes_offloaded),
	COUNTER(to_create),
	COUNTER(to_replace),
	COUNTER(to_rename),
	COUNTER(to_change),
	COUNTER(to_remove),
	COUNTER(removed),
	COUNTER(unchanged),
	COUNTER(excluded),
	COUNTER(bytes_kept),
	COUNTER(to_link),
	COUNTER(to_clone),
	COUNTER(to_move),
	COUNTER(moved),
	COUNTER(unfinished),
	COUNTER(bytes_removed),
};

_Static_assert(sizeof(counters) / sizeof(counters[0]) * sizeof(uint64_t) ==
		       sizeof(struct weir_stats),
	       "every counter is told");

static void report_confinement(struct report *report, const char *confinement)
{
	struct text line = { 0 };

	text_addf(&line, "confinement %s", confinement[0] != '\0' ? confinement : "none");
	report_line(report, text_string(&line));
	text_free(&line);
}

void report_counters(struct report *report, const struct weir_run *run)
{
	struct weir_stats stats = { 0 };

	report_confinement(report, weir_run_confinement(run));
	weir_run_stats(run, &stats, sizeof(stats));
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		struct text line = { 0 };
		uint64_t value;

		memcpy(&value, (const char *)&stats + counters[i].offset, sizeof(value));
		text_addf(&line, "%s %llu", counters[i].name, (unsigned long long)value);
		report_line(report, text_string(&line));
		text_free(&line);
	}
}
