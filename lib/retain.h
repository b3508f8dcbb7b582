/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names of snapshots, which are times, and which of them are to stay.  Pure: names and
 * a time come in, and what goes comes out.
 */
#ifndef WEIR_RETAIN_H
#define WEIR_RETAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RETAIN_NAME_BYTES 17 /* "20261122T074800Z", with NUL */
#define RETAIN_TEMP_BYTES 48 /* ".weir-snapshot-" and 32 digits, with NUL */
#define RETAIN_MOST 1000000U /* that a rule may count */

enum retain_rule {
	RETAIN_LAST,
	RETAIN_HOURLY,
	RETAIN_DAILY,
	RETAIN_WEEKLY,
	RETAIN_MONTHLY,
	RETAIN_YEARLY,
	RETAIN_RULES,
};

/* How many snapshots each rule wants; 0: it was not given. */
struct retain {
	uint32_t counts[RETAIN_RULES];
};

/* Reads "last:7,daily:14": each rule once, 1 to RETAIN_MOST.  0 or -EINVAL. */
int retain_parse(struct retain *retain, const char *list);

/* True if anything was asked for. */
bool retain_is_wanted(const struct retain *retain);

/* The name of the second TIME_S, from 1970 to 9999. */
void retain_name(int64_t time_s, char name[RETAIN_NAME_BYTES]);

/* True if NAME is that of a second, which goes to *time_s. */
bool retain_is_name(const char *name, int64_t *time_s);

/* The name of a snapshot that is not complete: the same for the same TEXT. */
void retain_temp_name(const char *text, char name[RETAIN_TEMP_BYTES]);

/* True if NAME is such a name, and no user's. */
bool retain_is_temp(const char *name);

/* Sets goes[i] for each of COUNT TIMES, which rise, that no rule wants at NOW_S.  The newest
 * that is not later than NOW_S stays, and so does each that is later: who made it had
 * another clock, and it takes no place in a count. */
void retain_choose(const struct retain *retain, const int64_t *times, size_t count, int64_t now_s,
		   bool *goes);

#endif
