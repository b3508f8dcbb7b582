/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Standard output and standard error.
 *
 * A line is written whole, so that lines of several processes do not mix.
 * Standard output is collected and handed over when the run idles or standard
 * error speaks; an error on either is remembered and told once at the end.
 * The status line (progress) lives on the terminal that is standard error; it
 * is cleared before anything else is written.
 */
#ifndef WEIR_CMD_OUTPUT_H
#define WEIR_CMD_OUTPUT_H

#include <stdbool.h>

#include "text.h"

/* Exit statuses that are the command's own; the others are enum weir_result. */
#define EXIT_USAGE 2

struct output {
	bool utf8;	   /* names may be shown in UTF-8 */
	bool status_shown; /* the cursor stands behind a status line */
	int out_errnum;	   /* first error on standard output, or 0 */
	int err_errnum;	   /* first error on standard error, or 0 */
	struct text out;   /* not written yet */
};

void output_open(struct output *output);

/* Adds LINE to standard output; a newline is added. */
void output_out(struct output *output, const char *line);

/* The same, ended with a NUL. */
void output_out_exact(struct output *output, const char *line);

/* Writes LINE to standard error; a newline is added. */
void output_err(struct output *output, const char *line);

/* Writes what standard output holds back. */
void output_flush(struct output *output);

/* Shows LINE, without control characters, in place of the last status. */
void output_status(struct output *output, const char *line);

void output_clear_status(struct output *output);

/* Adds "REASON (ERRNONAME)". */
void output_add_reason(struct text *text, int errnum);

/* Outside of a run: "PROGRAM: cannot OPERATION 'NAME': WHY" on standard error, without
 * NAME if that is NULL.  Returns the exit status for it. */
int output_refuse(const char *operation, const char *name, const char *why);

/* The same with the reason of ERRNUM. */
int output_fail(const char *operation, const char *name, int errnum);

/* Writes the rest and tells what was lost.  Returns a positive errno if
 * anything was, else 0. */
int output_close(struct output *output);

#endif
