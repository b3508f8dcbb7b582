/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names of snapshots, and which of them stay.
 */
#include "lib/retain.h"

#include <errno.h>
#include <string.h>

#include "unit.h"

#define MANY 4000

static int64_t times[MANY];
static bool goes[MANY];

static int64_t time_of(const char *name)
{
	int64_t time_s = -1;

	CHECK(retain_is_name(name, &time_s));
	return time_s;
}

/* Chooses at NOW among NAMES, which rise; the names that stay, a space between them. */
static const char *staying(const char *list, const char *now, const char *const *names)
{
	static char text[4096];
	struct retain retain = { 0 };
	size_t count = 0;

	if (list != NULL)
		CHECK_EQUAL(retain_parse(&retain, list), 0);
	for (; names[count] != NULL; count++)
		times[count] = time_of(names[count]);
	retain_choose(&retain, times, count, time_of(now), goes);
	text[0] = '\0';
	for (size_t i = 0; i < count; i++)
		if (!goes[i])
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
				 text[0] != '\0' ? " " : "", names[i]);
	return text;
}

#define CHECK_STAYS(list, now, expected, ...) \
	CHECK(strcmp(staying(list, now, (const char *const[]){ __VA_ARGS__, NULL }), expected) == 0)

static void names_are_seconds_of_utc(void)
{
	char name[RETAIN_NAME_BYTES];

	retain_name(0, name);
	CHECK(strcmp(name, "19700101T000000Z") == 0);
	retain_name(1795333680, name);
	CHECK(strcmp(name, "20261122T074800Z") == 0);
	CHECK_EQUAL(time_of("20261122T074800Z"), 1795333680);
	CHECK_EQUAL(time_of("20240229T235959Z") + 1, time_of("20240301T000000Z"));
	for (int64_t time_s = 0; time_s < 250000000000; time_s += 86399 * 1007) {
		retain_name(time_s, name);
		CHECK_EQUAL(time_of(name), time_s);
	}
}

static void other_names_are_none(void)
{
	static const char *const bad[] = {
		"",
		"latest",
		"20261122T074800",
		"20261122T074800z",
		"20261122t074800Z",
		"20261122T074800ZZ",
		" 0261122T074800Z",
		"+0261122T074800Z",
		"20261122 074800Z",
		"2026-1122T07480Z",
		"20261322T074800Z",
		"20260022T074800Z",
		"20261100T074800Z",
		"20261131T074800Z",
		"20260229T074800Z",
		"20261122T240000Z",
		"20261122T076000Z",
		"20261122T075960Z",
		"19691231T235959Z",
		"00000000T000000Z",
		".0261122T074800Z",
		"20261122T074800Z.old",
	};
	int64_t time_s;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!retain_is_name(bad[i], &time_s));
}

static void lists_are_read(void)
{
	static const char *const bad[] = {
		"",
		"last",
		"last:",
		"last:0",
		"last:-1",
		"last:+1",
		"last: 1",
		"last:1 ",
		"last:1,",
		",last:1",
		"last:1,,daily:1",
		"last:1,last:2",
		"Last:1",
		"newest:1",
		"last:1000001",
		"last:1.5",
		"last:7;daily:1",
		"last:7:8",
		":7",
		"7",
		"last:99999999999999999999",
		"last:0x7",
		"las:7",
		"lastt:7",
	};
	struct retain retain = { 0 };

	CHECK_EQUAL(retain_parse(&retain, "last:7,daily:14,weekly:8,monthly:12"), 0);
	CHECK_EQUAL(retain.counts[RETAIN_LAST], 7);
	CHECK_EQUAL(retain.counts[RETAIN_DAILY], 14);
	CHECK_EQUAL(retain.counts[RETAIN_WEEKLY], 8);
	CHECK_EQUAL(retain.counts[RETAIN_MONTHLY], 12);
	CHECK_EQUAL(retain.counts[RETAIN_HOURLY], 0);
	CHECK_EQUAL(retain_parse(&retain, "yearly:1000000,hourly:007"), 0);
	CHECK_EQUAL(retain.counts[RETAIN_YEARLY], 1000000);
	CHECK_EQUAL(retain.counts[RETAIN_HOURLY], 7);
	CHECK_EQUAL(retain.counts[RETAIN_LAST], 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_EQUAL(retain_parse(&retain, bad[i]), -EINVAL);
	CHECK_EQUAL(retain.counts[RETAIN_YEARLY], 1000000); /* as it was */
}

static void the_newest_stay(void)
{
	CHECK_STAYS("last:2", "20260110T000000Z", "20260103T000000Z 20260104T000000Z",
		    "20260101T000000Z", "20260102T000000Z", "20260103T000000Z", "20260104T000000Z");
	CHECK_STAYS("last:9", "20260110T000000Z", "20260101T000000Z", "20260101T000000Z");
	/* The newest, whatever is asked for. */
	CHECK_STAYS("yearly:1", "20260110T000000Z", "20260109T000001Z", "20260108T000000Z",
		    "20260109T000000Z", "20260109T000001Z");
	/* Nothing was asked for. */
	CHECK_STAYS(NULL, "20260110T000000Z", "20260101T000000Z 20260102T000000Z",
		    "20260101T000000Z", "20260102T000000Z");
}

static void days_end_at_midnight_of_utc(void)
{
	CHECK_STAYS("daily:2", "20260110T000000Z", "20260101T235959Z 20260102T000001Z",
		    "20260101T000000Z", "20260101T235959Z", "20260102T000000Z", "20260102T000001Z");
	/* Days without one are not counted. */
	CHECK_STAYS("daily:2", "20260601T000000Z", "20251231T000000Z 20260501T120000Z",
		    "20251230T000000Z", "20251231T000000Z", "20260501T110000Z", "20260501T120000Z");
}

static void hours_are_counted(void)
{
	CHECK_STAYS("hourly:2", "20260110T000000Z", "20260101T005959Z 20260101T010001Z",
		    "20260101T000000Z", "20260101T005959Z", "20260101T010000Z", "20260101T010001Z");
}

static void weeks_begin_on_monday(void)
{
	/* The 4th of January 2026 was a Sunday. */
	CHECK_STAYS("weekly:2", "20260110T000000Z", "20260104T235959Z 20260106T000000Z",
		    "20260103T000000Z", "20260104T235959Z", "20260105T000000Z", "20260106T000000Z");
	/* A week goes on over the end of a year. */
	CHECK_STAYS("weekly:2", "20260110T000000Z", "20251228T000000Z 20260101T000000Z",
		    "20251228T000000Z", "20251229T000000Z", "20260101T000000Z");
}

static void months_and_years_are_those_of_the_calendar(void)
{
	CHECK_STAYS("monthly:2", "20260401T000000Z", "20260228T235959Z 20260301T000001Z",
		    "20260201T000000Z", "20260228T235959Z", "20260301T000000Z", "20260301T000001Z");
	CHECK_STAYS("monthly:3", "20260401T000000Z",
		    "20241231T000000Z 20251231T000000Z 20260101T000000Z", "20241130T000000Z",
		    "20241231T000000Z", "20251231T000000Z", "20260101T000000Z");
	CHECK_STAYS("yearly:2", "20260401T000000Z", "20251231T235959Z 20260102T000000Z",
		    "20241231T000000Z", "20251231T000000Z", "20251231T235959Z", "20260101T000000Z",
		    "20260102T000000Z");
}

static void a_snapshot_stays_if_one_rule_wants_it(void)
{
	CHECK_STAYS("last:1,daily:2,monthly:2", "20260302T130000Z",
		    "20260228T100000Z 20260301T110000Z 20260302T120000Z", "20260115T100000Z",
		    "20260227T100000Z", "20260228T100000Z", "20260301T100000Z", "20260301T110000Z",
		    "20260302T110000Z", "20260302T120000Z");
}

static void the_future_stays_and_is_not_counted(void)
{
	CHECK_STAYS("last:1", "20260110T000000Z",
		    "20260109T000000Z 20260110T000001Z 20990101T000000Z", "20260108T000000Z",
		    "20260109T000000Z", "20260110T000001Z", "20990101T000000Z");
	CHECK_STAYS("last:1", "20260110T000000Z", "20260110T000000Z", "20260109T000000Z",
		    "20260110T000000Z");
	CHECK_STAYS("last:1", "20200110T000000Z", "20260108T000000Z 20260109T000000Z",
		    "20260108T000000Z", "20260109T000000Z");
}

static void nothing_is_chosen_of_nothing(void)
{
	const struct retain retain = { .counts = { 1 } };

	retain_choose(&retain, times, 0, 0, goes);
}

/* One an hour for half a year, thinned after each: what stays is bounded, and what a
 * rule once took it takes until newer ones push it out. */
static void thinning_again_and_again_keeps_old_ones(void)
{
	struct retain retain = { 0 };
	int64_t start = 1767225600; /* 2026-01-01 */
	size_t count = 0;

	CHECK_EQUAL(retain_parse(&retain, "last:3,hourly:24,daily:7,weekly:4,monthly:6"), 0);
	for (int64_t hour = 0; hour < 24 * 180; hour++) {
		size_t kept = 0;

		times[count++] = start + hour * 3600;
		retain_choose(&retain, times, count, start + hour * 3600, goes);
		CHECK(!goes[count - 1]);
		for (size_t i = 0; i < count; i++)
			if (!goes[i])
				times[kept++] = times[i];
		count = kept;
		CHECK(count <= 3 + 24 + 7 + 4 + 6);
	}
	/* 30 June is the last: the ends of January to May are there. */
	CHECK_EQUAL(times[0], time_of("20260131T230000Z"));
	CHECK_EQUAL(times[1], time_of("20260228T230000Z"));
	CHECK_EQUAL(times[count - 1] - times[count - 24], 23 * 3600);
}

static void what_is_not_complete_has_a_name_of_its_own(void)
{
	char name[RETAIN_TEMP_BYTES], other[RETAIN_TEMP_BYTES];

	retain_temp_name("one", name);
	retain_temp_name("two", other);
	CHECK_EQUAL(strlen(name), RETAIN_TEMP_BYTES - 1);
	CHECK(strncmp(name, ".weir-snapshot-", 15) == 0);
	CHECK(strcmp(name, other) != 0);
	CHECK(retain_is_temp(name) && retain_is_temp(other));
	CHECK(!retain_is_temp(".weir-snapshot-"));
	CHECK(!retain_is_temp(".weir-snapshot-0123456789abcdef0123456789abcdef"));
	for (size_t at = 15; at < RETAIN_TEMP_BYTES - 1; at++) { /* any other digit */
		name[at] = name[at] == '0' ? '1' : '0';
		CHECK(!retain_is_temp(name));
		retain_temp_name("one", name);
	}
	name[RETAIN_TEMP_BYTES - 2] = '\0';
	CHECK(!retain_is_temp(name));
}

static const struct unit_test tests[] = {
	{ "what is not complete has a name of its own",
	  what_is_not_complete_has_a_name_of_its_own },
	{ "names are seconds of UTC", names_are_seconds_of_utc },
	{ "other names are none", other_names_are_none },
	{ "lists are read", lists_are_read },
	{ "the newest stay", the_newest_stay },
	{ "days end at midnight of UTC", days_end_at_midnight_of_utc },
	{ "hours are counted", hours_are_counted },
	{ "weeks begin on Monday", weeks_begin_on_monday },
	{ "months and years are those of the calendar",
	  months_and_years_are_those_of_the_calendar },
	{ "a snapshot stays if one rule wants it", a_snapshot_stays_if_one_rule_wants_it },
	{ "the future stays and is not counted", the_future_stays_and_is_not_counted },
	{ "nothing is chosen of nothing", nothing_is_chosen_of_nothing },
	{ "thinning again and again keeps old ones", thinning_again_and_again_keeps_old_ones },
};

UNIT_MAIN(tests)
