/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What could not be kept: counted by property and errno over a run, and told
 * once at its end.  An entry notes its own losses first; they are counted when
 * it is complete.
 */
#ifndef WEIR_LOSS_H
#define WEIR_LOSS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "event.h"
#include "settings.h"
#include "tally.h"

/* The losses of one entry: a positive errno for each property, 0 for none. */
struct losses {
	int errnum[PROPERTY_COUNT];
};

/* More kinds than this share the last row of their property. */
#define LOSS_ROWS 64U

struct loss_row {
	enum weir_property property;
	int errnum;
	uint64_t count;
	char *path; /* of the first entry, owned; NULL: there was no memory */
};

struct loss_table {
	pthread_mutex_t lock;
	struct tally *tally;
	const struct settings *settings;
	uint32_t count;
	struct loss_row rows[LOSS_ROWS];
};

/* Notes that PROPERTY could not be kept; the first RESULT (a negative errno) of
 * each property stays. */
void losses_note(struct losses *losses, enum weir_property property, long result);

bool losses_any(const struct losses *losses);

/* True if one of them is of what was required. */
bool losses_break(const struct losses *losses, const struct settings *settings);

/* True if a failure means that the target cannot hold a property or that we may
 * not set it.  Others (EIO, EROFS) mean that the entry failed. */
bool loss_is_one(long result);

/* 0 or -errno. */
int loss_open(struct loss_table *table, struct tally *tally, const struct settings *settings);
void loss_close(struct loss_table *table);

/* Counts the losses of the entry at PATH, of what was to be kept, and of a label
 * that was to be the policy's. */
void loss_count(struct loss_table *table, const struct losses *losses, const char *path);

/* Posts a LOSS event for each row that has a count, and forgets it. */
void loss_tell(struct loss_table *table, struct event_queue *events);

#endif
