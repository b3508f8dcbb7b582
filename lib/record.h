/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is remembered of a pair of folders that are synced: where both lay when a run
 * of theirs last ended well.  It is kept by the machine, or by the user's account, and
 * never in one of the folders.
 */
#ifndef WEIR_RECORD_H
#define WEIR_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "root.h"
#include "site.h"
#include "sys.h"

enum record_state {
	RECORD_NONE,	   /* this pair has none */
	RECORD_FOUND,	   /* the fields below are those of the last run */
	RECORD_BAD,	   /* it has one that cannot be believed, and that is as none */
	RECORD_IMPOSSIBLE, /* there is no place for one */
};

/* What a record says. */
struct record_facts {
	int64_t time_s;	  /* when the run ended, seconds since 1970, UTC */
	uint64_t entries; /* of the target, as far as that run looked at them */
	struct site source;
	struct site target;
};

struct record {
	enum record_state state;
	const char *why;	  /* static: of BAD and IMPOSSIBLE */
	int errnum;		  /* the same, or 0 */
	char *path;		  /* its file's, for messages; NULL: it has none */
	char *base;		  /* the folder that everything below is made in */
	size_t name_at;		  /* in path: where its own name begins */
	struct record_facts last; /* of FOUND */
};

/* Looks for the record of the pair, and makes nothing.  0, or -ENOMEM. */
int record_open(struct record *record, struct sys *sys, const struct site *source,
		const struct site *target);

void record_close(struct record *record);

/* True if the pair has a record, so that a run of it ended well before. */
static inline bool record_is_known(const struct record *record)
{
	return record->state == RECORD_FOUND;
}

/* Opens the folder that the record is to be written into, which is made if it is not
 * there.  A descriptor, or -errno. */
int record_make_place(const struct record *record, struct sys *sys);

/* Replaces the record by NOW, unless it says the same and is younger than a day; SYNCS:
 * durably.  0, or -errno with *operation that failed. */
int record_write(const struct record *record, struct root *root, const struct record_facts *now,
		 bool syncs, const char **operation);

/* The text of a record, to be freed.  NULL: out of memory. */
char *record_make(const struct record_facts *facts);

/* Reads such a text of BYTES; what it fills in is to be freed, also after an error.
 * NULL; or what is wrong with it, in words. */
const char *record_parse(const char *text, size_t bytes, struct record_facts *facts);

void record_facts_free(struct record_facts *facts);

#endif
