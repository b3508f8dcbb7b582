/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The error record: what failed, on which side, where, and how bad it is.
 * The path is added by whoever reports it; a record never owns memory.
 */
#ifndef WEIR_ERROR_H
#define WEIR_ERROR_H

#include <stdbool.h>
#include <stdint.h>

#define ERROR_OTHER_BYTES 256U /* with NUL; longer ones are cut */

enum error_grade {
	ERROR_NONE,
	ERROR_WARNING, /* changes nothing of the result but the class below */
	ERROR_ENTRY,   /* this entry failed, the others go on */
	ERROR_RUN,     /* the run cannot go on */
};

enum error_side {
	ERROR_SIDE_NONE,
	ERROR_SIDE_SOURCE,
	ERROR_SIDE_TARGET,
};

struct error {
	enum error_grade grade;
	int errnum; /* positive errno, or 0 when the text says it all */
	enum error_side side;
	bool source_changed;	       /* the cause is a source that changed or vanished */
	bool vanished;		       /* of these: it vanished */
	bool busy;		       /* the cause is another run that holds the target */
	const char *operation;	       /* static string: "open", "write", "fsync" */
	const char *text;	       /* static string or NULL */
	int64_t offset;		       /* bytes, or -1 */
	char other[ERROR_OTHER_BYTES]; /* another name that it is about, or "" */
};

/* Fills a record for an entry that failed; RESULT is a negative errno. */
void error_set(struct error *error, long result, enum error_side side, const char *operation);

/* As error_set(), for data at an offset. */
void error_set_at(struct error *error, long result, enum error_side side, const char *operation,
		  int64_t offset);

/* A failure told by a sentence instead of an errno. */
void error_set_text(struct error *error, enum error_side side, const char *operation,
		    const char *text);

/* Names the other entry that a record is about. */
void error_set_other(struct error *error, const char *name);

/* As error_set(), for a source that was seen before: where the errno says that it
 * is gone, it vanished. */
void error_set_source(struct error *error, long result, const char *operation);

/* The name of an errno, such as "ENOSPC"; static. */
const char *error_errno_name(int errnum);

/* The meaning of an errno in English, whatever the locale; static. */
const char *error_errno_text(int errnum);

/* True for errnos that mean that the target has no room: space, inodes, quota. */
bool error_is_full(int errnum);

#endif
