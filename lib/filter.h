/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rules that include and exclude entries by name, as rsync reads them.  The
 * first rule that matches decides; what none matches is included.
 *
 * Names are paths relative to the root of the transfer, without slashes at
 * their ends.  What lies in an excluded folder is never asked about.
 */
#ifndef WEIR_FILTER_H
#define WEIR_FILTER_H

#include <stdbool.h>
#include <stddef.h>

struct filter_rule;

/* All zero: no rules.  Constant once the run began, so threads share it. */
struct filter {
	struct filter_rule **rules;
	size_t count;
	size_t room;
	size_t bytes; /* of all rules */
};

enum filter_kind {
	FILTER_OTHER,
	FILTER_FOLDER,
	FILTER_UNKNOWN, /* one of the two; nobody has looked yet */
};

enum filter_verdict {
	FILTER_INCLUDED,
	FILTER_EXCLUDED,
	FILTER_UNDECIDED, /* only of FILTER_UNKNOWN: look, and ask again */
};

/* Adds a rule behind the others; PATTERN is copied.  0; -EINVAL: PATTERN is
 * empty or could never match as it is written; -ENAMETOOLONG; -E2BIG: too many
 * rules; -ENOMEM. */
int filter_add(struct filter *filter, bool include, const char *pattern);

/* The number of the rule that decides about PATH (BYTES long), from 0; the
 * number of rules if none does. */
size_t filter_find(const struct filter *filter, const char *path, size_t bytes, bool is_folder);

enum filter_verdict filter_judge(const struct filter *filter, const char *path, size_t bytes,
				 enum filter_kind kind);

/* True if the rule NUMBER is there and excludes. */
bool filter_is_exclusion(const struct filter *filter, size_t number);

/* As filter_find(), with all folders on the way first, as a walk would meet them
 * that begins with the first HEAD bytes.  *DECIDED is how many bytes of PATH the
 * deciding rule was asked about: fewer than BYTES where a folder is excluded. */
size_t filter_find_on_way(const struct filter *filter, const char *path, size_t head, size_t bytes,
			  bool is_folder, size_t *decided);

/* Where the operand PATH begins for the rules: its last name, or all of it if
 * WHOLE, without empty names and dots.  "" where only its contents are meant.
 * BUFFER has room for PATH with its NUL; returns the bytes before that. */
size_t filter_operand_path(const char *path, bool whole, char *buffer);

void filter_close(struct filter *filter);

#endif
