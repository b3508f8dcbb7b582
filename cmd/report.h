/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a run tells: a line for each event, and the report at the end.
 *
 * Errors and warnings of one kind (operation and errno) are shown REPORT_SHOWN
 * times on standard error, then counted; the log has them all.
 */
#ifndef WEIR_CMD_REPORT_H
#define WEIR_CMD_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log.h"
#include "options.h"
#include "output.h"
#include "weir.h"

#define REPORT_SHOWN 100U

struct report_kind {
	enum weir_event_type type;
	int errnum;
	uint64_t count;
	char *operation;
	char *text; /* tells kinds without an errno apart */
};

struct report {
	struct output *output;
	struct log *log;
	enum verbosity verbosity;
	bool is_dry_run;
	bool is_clean;	  /* entries are what killed runs have left */
	bool is_sync;	  /* entries are changes, told as such, */
	bool itemizes;	  /* even if nothing else is told, */
	bool is_exact;	  /* and exactly, for programs */
	bool tells_owner; /* owners that were not kept are worth a line */
	struct report_kind *kinds;
	size_t kind_count;
	uint64_t unfinished; /* things that a clean has warned of, or would have */
	/* What a dry run would do, which its statistics cannot know. */
	uint64_t would_files;
	uint64_t would_folders;
	uint64_t would_bytes;
	uint64_t would_skip;
};

void report_open(struct report *report, struct output *output, struct log *log,
		 enum verbosity verbosity, bool is_dry_run, bool tells_owner);

/* Tells of one event. */
void report_event(struct report *report, const struct weir_event *event);

/* Writes LINE to standard error and the log. */
void report_line(struct report *report, const char *line);

/* Tells how many errors of each kind were not shown. */
void report_counts(struct report *report);

/* The throughput report of a run that ended: to the log, and to standard error
 * if IS_SHOWN.  ENDED_BY: the name of the signal that ended it, or NULL. */
void report_summary(struct report *report, const struct weir_run *run, const char *ended_by,
		    bool is_shown);

/* All counters, "name value" a line. */
void report_counters(struct report *report, const struct weir_run *run);

void report_close(struct report *report);

#endif
