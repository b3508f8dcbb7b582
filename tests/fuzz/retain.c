/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names of snapshots and the rules of which stay: a name is a second of a calendar that
 * is counted here once more, and what goes is what a slow reading of the rules lets go.
 *
 * Input: a list of rules, NUL, a name, NUL; then the time of now (5 bytes), the first
 * snapshot's (5 bytes), and the steps to the next ones (a byte that says how many
 * bytes follow, from 1 to 4, and these).
 *
 * Fuzz: -max_len=256
 */
#include "lib/retain.h"

#include <errno.h>

#include "fuzz.h"

#define SNAPSHOTS_MOST 64

/* ---- the calendar ---- */

struct date {
	int64_t year, month, day, hour, minute, second;
};

static bool is_leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t days_in(int64_t year, int64_t month)
{
	if (month == 2)
		return is_leap(year) ? 29 : 28;
	return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* Seconds since 1970: leap days are counted by division, not by a walk. */
static int64_t slow_seconds(const struct date *date)
{
	int64_t before = date->year - 1;
	int64_t days = before * 365 + before / 4 - before / 100 + before / 400 - 719162;

	for (int64_t month = 1; month < date->month; month++)
		days += days_in(date->year, month);
	return ((days + date->day - 1) * 24 + date->hour) * 3600 + date->minute * 60 + date->second;
}

/* The date of a second from 1970 on. */
static struct date slow_date(int64_t time_s)
{
	struct date date = { .year = 1970 + time_s / (366 * 86400LL), .month = 1, .day = 1 };

	while (slow_seconds(&(struct date){ date.year + 1, 1, 1, 0, 0, 0 }) <= time_s)
		date.year++;
	while (date.month < 12 &&
	       slow_seconds(&(struct date){ date.year, date.month + 1, 1, 0, 0, 0 }) <= time_s)
		date.month++;
	time_s -= slow_seconds(&date);
	date.day = 1 + time_s / 86400;
	date.hour = time_s / 3600 % 24;
	date.minute = time_s / 60 % 60;
	date.second = time_s % 60;
	return date;
}

static bool slow_is_name(const char *name, int64_t *time_s)
{
	struct date date;
	char again[64];

	if (strlen(name) != 16 || strspn(name, "0123456789") != 8 || name[8] != 'T' ||
	    strspn(name + 9, "0123456789") != 6 || name[15] != 'Z')
		return false;
	FUZZ_CHECK(sscanf(name, "%4ld%2ld%2ldT%2ld%2ld%2ldZ", &date.year, &date.month, &date.day,
			  &date.hour, &date.minute, &date.second) == 6);
	if (date.year < 1970 || date.month < 1 || date.month > 12 || date.day < 1 ||
	    date.day > days_in(date.year, date.month) || date.hour > 23 || date.minute > 59 ||
	    date.second > 59)
		return false;
	*time_s = slow_seconds(&date);
	date = slow_date(*time_s);
	snprintf(again, sizeof(again), "%04ld%02ld%02ldT%02ld%02ld%02ldZ", date.year, date.month,
		 date.day, date.hour, date.minute, date.second);
	FUZZ_CHECK(strcmp(name, again) == 0);
	return true;
}

static void check_name(const char *name)
{
	int64_t time_s = -1, slow = -1;
	bool is_one = retain_is_name(name, &time_s);

	FUZZ_CHECK(is_one == slow_is_name(name, &slow));
	if (is_one)
		FUZZ_CHECK(time_s == slow);
}

static void check_named(int64_t time_s)
{
	char name[RETAIN_NAME_BYTES];
	int64_t again;

	retain_name(time_s, name);
	FUZZ_CHECK(retain_is_name(name, &again) && again == time_s);
	check_name(name);
}

/* ---- the rules ---- */

static const char *const words[RETAIN_RULES] = { "last",   "hourly",  "daily",
						 "weekly", "monthly", "yearly" };

static bool slow_rule(const char *text, size_t bytes, struct retain *retain)
{
	const char *colon = memchr(text, ':', bytes);
	size_t word = colon != NULL ? (size_t)(colon - text) : bytes, digits;
	unsigned long long number;

	if (colon == NULL)
		return false;
	digits = bytes - word - 1;
	if (digits == 0 || strspn(colon + 1, "0123456789") != digits)
		return false;
	for (; digits > 1 && colon[1] == '0'; digits--)
		colon++;
	number = digits < 10 ? strtoull(colon + 1, NULL, 10) : 0;
	for (int rule = 0; rule < RETAIN_RULES; rule++) {
		if (strlen(words[rule]) != word || strncmp(words[rule], text, word) != 0)
			continue;
		if (retain->counts[rule] != 0 || number < 1 || number > RETAIN_MOST)
			return false;
		retain->counts[rule] = (uint32_t)number;
		return true;
	}
	return false;
}

static bool slow_rules(const char *list, struct retain *retain)
{
	for (;;) {
		const char *comma = strchr(list, ',');
		size_t bytes = comma != NULL ? (size_t)(comma - list) : strlen(list);

		if (!slow_rule(list, bytes, retain))
			return false;
		if (comma == NULL)
			return true;
		list = comma + 1;
	}
}

/* A number that two seconds share if they are in one period. */
static int64_t slow_period(int rule, int64_t time_s)
{
	struct date date = slow_date(time_s);

	switch (rule) {
	case RETAIN_HOURLY:
		return ((date.year * 12 + date.month) * 31 + date.day) * 24 + date.hour;
	case RETAIN_DAILY:
		return (date.year * 12 + date.month) * 31 + date.day;
	case RETAIN_WEEKLY: /* 1970-01-05 was a Monday, and an earlier one is 1969's */
		return (time_s - 4 * 86400 + 700 * 86400) / (7 * 86400);
	case RETAIN_MONTHLY:
		return date.year * 12 + date.month;
	case RETAIN_YEARLY:
		return date.year;
	default:
		return time_s;
	}
}

/* True if the snapshot I of the first COUNT, whose periods these are, is wanted: it is
 * the newest of its period, and fewer than WANTED periods after that have one. */
static bool slow_wants(uint32_t wanted, const int64_t *periods, size_t count, size_t i)
{
	uint32_t later = 0;

	for (size_t j = i + 1; j < count; j++) {
		if (periods[j] == periods[i])
			return false;
		if (j + 1 == count || periods[j] != periods[j + 1])
			later++;
	}
	return later < wanted;
}

static void check_choice(const struct retain *retain, const int64_t *times, size_t count,
			 int64_t now_s)
{
	bool *goes = fuzz_alloc(count * sizeof(*goes)), stays[SNAPSHOTS_MOST];
	int64_t periods[SNAPSHOTS_MOST];
	size_t past = 0;

	retain_choose(retain, times, count, now_s, goes);
	while (past < count && times[past] <= now_s)
		past++;
	for (size_t i = 0; i < count; i++)
		stays[i] = i + 1 >= past || !retain_is_wanted(retain);
	for (int rule = 0; rule < RETAIN_RULES; rule++) {
		if (retain->counts[rule] == 0)
			continue;
		for (size_t i = 0; i < past; i++)
			periods[i] = slow_period(rule, times[i]);
		for (size_t i = 0; i < past; i++)
			stays[i] = stays[i] || slow_wants(retain->counts[rule], periods, past, i);
	}
	for (size_t i = 0; i < count; i++)
		FUZZ_CHECK(goes[i] == !stays[i]);
	free(goes);
}

static bool is_any(const struct retain *retain)
{
	for (int rule = 0; rule < RETAIN_RULES; rule++)
		if (retain->counts[rule] > 0)
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct fuzz_input input = { data, bytes };
	char *list = fuzz_text(&input), *name = fuzz_text(&input);
	struct retain retain = { { 0 } }, slow = { { 0 } };
	int64_t now_s = (int64_t)(fuzz_number(&input, 5) % 253402300800ULL), time_s;
	int64_t *times = fuzz_alloc(SNAPSHOTS_MOST * sizeof(*times));
	size_t count = 0;
	int result = retain_parse(&retain, list);

	FUZZ_CHECK(result == (slow_rules(list, &slow) ? 0 : -EINVAL));
	if (result == 0)
		FUZZ_CHECK(memcmp(&retain, &slow, sizeof(slow)) == 0);
	FUZZ_CHECK(retain_is_wanted(&retain) == is_any(&retain) &&
		   retain_is_wanted(&retain) == (result == 0));
	check_name(name);
	check_named(now_s);
	time_s = (int64_t)(fuzz_number(&input, 5) % 253402300800ULL);
	while (count < SNAPSHOTS_MOST && input.left > 0 && time_s < 253402300800) {
		times[count++] = time_s;
		time_s += 1 + (int64_t)fuzz_number(&input, 1 + fuzz_byte(&input) % 4);
	}
	check_choice(&retain, times, count, now_s);
	free(times);
	free(list);
	free(name);
	return 0;
}
