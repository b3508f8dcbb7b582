/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The log file: one line for each thing that happened, with the time in UTC
 * and the process, appended whole so that several runs can share a file.
 */
#ifndef WEIR_CMD_LOG_H
#define WEIR_CMD_LOG_H

#include <stdbool.h>

#include "text.h"

struct log {
	int fd; /* -1: no log */
	const char *file;
	struct text held; /* lines not written yet */
	int errnum;	  /* first error, or 0 */
};

/* Opens FILE (NULL: no log) for appending: a regular file, made if it is not
 * there, never through a link.  False: WHY says why not. */
bool log_open(struct log *log, const char *file, struct text *why);

bool log_is_open(const struct log *log);

/* Adds LINE with its time. */
void log_line(struct log *log, const char *line);

/* Writes what is held back. */
void log_flush(struct log *log);

/* Writes the rest and closes; the first error, or 0. */
int log_close(struct log *log);

#endif
