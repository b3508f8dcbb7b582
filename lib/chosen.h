/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The names that a sync is limited to, and what of them lies in a folder.
 *
 * A name stands for itself, and for all that is below it if it is a folder.  It is
 * relative to the source.
 */
#ifndef WEIR_CHOSEN_H
#define WEIR_CHOSEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero: there are none, and all is chosen. */
struct chosen {
	char *names; /* one after the other, each with its NUL; owned */
	size_t bytes;
	size_t room;
	uint32_t *places; /* where they begin, sorted once settled; owned */
	size_t count;
	size_t place_room;
	_Atomic unsigned char *met; /* one bit each: somebody dealt with it; owned */
};

/* What was named at a path or below it. */
struct chosen_part {
	uint32_t first; /* these places */
	uint32_t count;
	uint32_t head_bytes; /* of the path, with a slash behind it */
	bool whole;	     /* it is chosen with all that it holds */
};

/* Adds PATH, which is copied.  0; -EINVAL: it is no path below the source; -E2BIG: the
 * names are too long in all; -ENOMEM. */
int chosen_add(struct chosen *chosen, const char *path);

/* Sorts the names; from now on they are constant, so threads share them.  0 or -ENOMEM. */
int chosen_settle(struct chosen *chosen);

void chosen_close(struct chosen *chosen);

/* The part of the source itself. */
struct chosen_part chosen_root(const struct chosen *chosen);

/* The part of NAME in the folder of PART. */
struct chosen_part chosen_below(const struct chosen *chosen, const struct chosen_part *part,
				const char *name);

/* False: neither it nor anything below it is chosen. */
static inline bool chosen_any(const struct chosen_part *part)
{
	return part->whole || part->count > 0;
}

/* Of the part no name is missing: what became of it was told, or is nobody's business. */
void chosen_meet_all(struct chosen *chosen, const struct chosen_part *part);

/* The entry itself is there, whatever is below it. */
void chosen_meet(struct chosen *chosen, const struct chosen_part *part);

/* The first name from the place *AT on that nobody met, or NULL; *AT is behind it then. */
const char *chosen_next_missing(const struct chosen *chosen, size_t *at);

#endif
