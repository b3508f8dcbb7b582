/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The progress line.  On a terminal it is redrawn in place; elsewhere, and only
 * if asked for, a full line is written every ten seconds.  What it shows never
 * goes backwards.
 */
#ifndef WEIR_CMD_PROGRESS_H
#define WEIR_CMD_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "options.h"
#include "output.h"
#include "weir.h"

enum progress_style {
	PROGRESS_STYLE_NONE,
	PROGRESS_STYLE_STATUS,
	PROGRESS_STYLE_LINES,
};

struct progress {
	enum progress_style style;
	bool shows_durable;	/* the run makes anything durable */
	bool is_clean;		/* it copies nothing, but looks at folders */
	uint64_t due_ns;	/* when the next one is due, CLOCK_MONOTONIC */
	uint64_t bytes_written; /* the highest shown so far, as all below */
	uint64_t bytes_done;	/* written, or found to need no writing */
	uint64_t bytes_durable;
	uint64_t files_done;
	unsigned percent;
	uint64_t rated_ns; /* elapsed time, bytes and files at the last rating */
	uint64_t rated_bytes;
	uint64_t rated_files;
	double bytes_per_s; /* of the last seconds */
	double files_per_s;
};

void progress_open(struct progress *progress, enum progress_when when, bool is_quiet,
		   bool shows_durable);

/* Shows where RUN stands if that is due. */
void progress_tick(struct progress *progress, struct output *output, const struct weir_run *run);

/* Writes a full line now, whatever the style. */
void progress_tell(struct progress *progress, struct output *output, const struct weir_run *run);

#endif
