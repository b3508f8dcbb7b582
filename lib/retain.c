/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which snapshots stay.
 *
 * Invariants:
 * Q1 a name that differs in any byte from what retain_name() writes is nobody's but the
 *    user's;
 * Q2 the newest snapshot stays, whatever the rules say;
 * Q3 each rule takes the newest of each of its periods; periods without one are not
 *    counted.
 */
#define _GNU_SOURCE
#include "retain.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "digest.h"

#define RETAIN_TEMP_PREFIX ".weir-snapshot-"
#define RETAIN_TEMP_PREFIX_BYTES 15
#define RETAIN_TEMP_KEY_BYTES 24  /* hexadecimal digits that tell one from another */
#define RETAIN_TEMP_CHECK_BYTES 8 /* and those that tell ours from a user's */

#define RETAIN_HOUR_S 3600
#define RETAIN_DAY_S 86400
#define RETAIN_EPOCH_WEEKDAY 3 /* 1970-01-01 was a Thursday; weeks begin on Monday */

_Static_assert(RETAIN_TEMP_PREFIX_BYTES + RETAIN_TEMP_KEY_BYTES + RETAIN_TEMP_CHECK_BYTES + 1 ==
		       RETAIN_TEMP_BYTES,
	       "name size");

static const char *const retain_words[RETAIN_RULES] = {
	[RETAIN_LAST] = "last",	    [RETAIN_HOURLY] = "hourly",	  [RETAIN_DAILY] = "daily",
	[RETAIN_WEEKLY] = "weekly", [RETAIN_MONTHLY] = "monthly", [RETAIN_YEARLY] = "yearly",
};

/* ---- rules ---- */

static enum retain_rule retain_find_rule(const char *word, size_t bytes)
{
	int rule = 0;

	while (rule < RETAIN_RULES && (strlen(retain_words[rule]) != bytes ||
				       memcmp(retain_words[rule], word, bytes) != 0))
		rule++;
	return (enum retain_rule)rule;
}

/* Digits alone; 0: it is no number in bounds. */
static uint32_t retain_number(const char *text, size_t bytes)
{
	uint32_t number = 0;

	for (size_t i = 0; i < bytes; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		number = 10 * number + (uint32_t)(text[i] - '0');
		if (number > RETAIN_MOST)
			return 0;
	}
	return number;
}

int retain_parse(struct retain *retain, const char *list)
{
	struct retain found = { 0 };

	for (;;) {
		size_t bytes = strcspn(list, ",");
		size_t word = strcspn(list, ":,");
		enum retain_rule rule = retain_find_rule(list, word);
		uint32_t number;

		if (word == bytes || rule == RETAIN_RULES || found.counts[rule] != 0)
			return -EINVAL;
		number = retain_number(list + word + 1, bytes - word - 1);
		if (number == 0)
			return -EINVAL;
		found.counts[rule] = number;
		if (list[bytes] == '\0')
			break;
		list += bytes + 1;
	}
	*retain = found;
	return 0;
}

bool retain_is_wanted(const struct retain *retain)
{
	for (int rule = 0; rule < RETAIN_RULES; rule++)
		if (retain->counts[rule] != 0)
			return true;
	return false;
}

/* ---- names ---- */

void retain_name(int64_t time_s, char name[RETAIN_NAME_BYTES])
{
	time_t time = (time_t)time_s;
	struct tm tm;

	gmtime_r(&time, &tm);
	snprintf(name, RETAIN_NAME_BYTES, "%04u%02u%02uT%02u%02u%02uZ",
		 (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
		 (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
		 (unsigned)tm.tm_sec % 100);
}

static int retain_digits(const char *name, size_t count)
{
	int number = 0;

	for (size_t i = 0; i < count; i++)
		number = 10 * number + (name[i] - '0');
	return number;
}

bool retain_is_name(const char *name, int64_t *time_s)
{
	static const char form[RETAIN_NAME_BYTES] = "00000000T000000Z";
	char again[RETAIN_NAME_BYTES];
	struct tm tm = { 0 };

	if (strlen(name) != RETAIN_NAME_BYTES - 1)
		return false;
	for (size_t i = 0; i < RETAIN_NAME_BYTES - 1; i++)
		if (form[i] == '0' ? name[i] < '0' || name[i] > '9' : name[i] != form[i])
			return false;
	tm.tm_year = retain_digits(name, 4) - 1900;
	tm.tm_mon = retain_digits(name + 4, 2) - 1;
	tm.tm_mday = retain_digits(name + 6, 2);
	tm.tm_hour = retain_digits(name + 9, 2);
	tm.tm_min = retain_digits(name + 11, 2);
	tm.tm_sec = retain_digits(name + 13, 2);
	*time_s = timegm(&tm);
	if (*time_s < 0)
		return false;
	retain_name(*time_s, again);
	return strcmp(name, again) == 0; /* Q1: no 30th of February */
}

static void retain_temp_check(const char *key, char check[RETAIN_TEMP_CHECK_BYTES])
{
	char text[DIGEST_TEXT_BYTES];

	digest_text(key, RETAIN_TEMP_KEY_BYTES, text);
	memcpy(check, text, RETAIN_TEMP_CHECK_BYTES);
}

void retain_temp_name(const char *text, char name[RETAIN_TEMP_BYTES])
{
	char digest[DIGEST_TEXT_BYTES];
	char *key = name + RETAIN_TEMP_PREFIX_BYTES;

	digest_text(text, strlen(text), digest);
	memcpy(name, RETAIN_TEMP_PREFIX, RETAIN_TEMP_PREFIX_BYTES);
	memcpy(key, digest, RETAIN_TEMP_KEY_BYTES);
	retain_temp_check(key, key + RETAIN_TEMP_KEY_BYTES);
	name[RETAIN_TEMP_BYTES - 1] = '\0';
}

bool retain_is_temp(const char *name)
{
	char check[RETAIN_TEMP_CHECK_BYTES];

	if (strlen(name) != RETAIN_TEMP_BYTES - 1 ||
	    memcmp(name, RETAIN_TEMP_PREFIX, RETAIN_TEMP_PREFIX_BYTES) != 0)
		return false;
	retain_temp_check(name + RETAIN_TEMP_PREFIX_BYTES, check);
	return memcmp(name + RETAIN_TEMP_PREFIX_BYTES + RETAIN_TEMP_KEY_BYTES, check,
		      RETAIN_TEMP_CHECK_BYTES) == 0; /* Q1 */
}

/* ---- what stays ---- */

/* The number of the period that TIME_S is in; for "last" each second is one. */
static int64_t retain_period(enum retain_rule rule, int64_t time_s)
{
	time_t time = (time_t)time_s;
	struct tm tm;

	switch (rule) {
	case RETAIN_HOURLY:
		return time_s / RETAIN_HOUR_S;
	case RETAIN_DAILY:
		return time_s / RETAIN_DAY_S;
	case RETAIN_WEEKLY:
		return (time_s / RETAIN_DAY_S + RETAIN_EPOCH_WEEKDAY) / 7;
	case RETAIN_MONTHLY:
	case RETAIN_YEARLY:
		gmtime_r(&time, &tm);
		return rule == RETAIN_YEARLY ? tm.tm_year : 12 * (int64_t)tm.tm_year + tm.tm_mon;
	default:
		return time_s;
	}
}

/* Takes what RULE wants of the first COUNT, from the newest on (Q3). */
static void retain_apply(enum retain_rule rule, uint32_t wanted, const int64_t *times, size_t count,
			 bool *goes)
{
	int64_t last = -1;

	for (size_t i = count; i > 0 && wanted > 0; i--) {
		int64_t period = retain_period(rule, times[i - 1]);

		if (period == last)
			continue;
		last = period;
		goes[i - 1] = false;
		wanted--;
	}
}

void retain_choose(const struct retain *retain, const int64_t *times, size_t count, int64_t now_s,
		   bool *goes)
{
	size_t past = count;

	while (past > 0 && times[past - 1] > now_s)
		past--;
	for (size_t i = 0; i < count; i++)
		goes[i] = i + 1 < past && retain_is_wanted(retain); /* Q2 */
	for (int rule = 0; rule < RETAIN_RULES; rule++)
		retain_apply((enum retain_rule)rule, retain->counts[rule], times, past, goes);
}
