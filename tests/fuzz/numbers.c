/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Numbers of the command line: each kind is read as a slow reader reads it, nothing
 * wraps, and what is printed of a number is that number.
 *
 * Input: a text, NUL, and a number of eight bytes to print.
 *
 * Fuzz: -max_len=64
 */
#include "cmd/amount.h"
#include "cmd/limit.h"
#include "cmd/size.h"

#include <errno.h>
#include <math.h>

#include "fuzz.h"

typedef unsigned __int128 wide;

#define WIDE_MOST ((wide)1 << 100)

/* What a text is. */
struct reading {
	int result; /* as the parsers' */
	wide value; /* of 0 and -EDOM */
};

struct unit {
	const char *name;
	uint64_t value;
};

static const struct unit size_units[] = {
	{ "", 1 },
	{ "K", 1024 },
	{ "KiB", 1024 },
	{ "KB", 1000 },
	{ "M", 1048576 },
	{ "MiB", 1048576 },
	{ "MB", 1000000 },
	{ "G", 1073741824 },
	{ "GiB", 1073741824 },
	{ "GB", 1000000000 },
	{ "T", 1099511627776 },
	{ "TiB", 1099511627776 },
	{ "TB", 1000000000000 },
	{ NULL, 0 },
};

/* The largest first. */
static const struct unit time_units[] = {
	{ "d", 86400000000000 }, { "h", 3600000000000 }, { "m", 60000000000 },
	{ "s", 1000000000 },	 { "ms", 1000000 },	 { NULL, 0 },
};

static const struct unit *find_unit(const struct unit *units, const char *name, size_t bytes)
{
	for (; units->name != NULL; units++)
		if (strlen(units->name) == bytes && strncmp(units->name, name, bytes) == 0)
			return units;
	return NULL;
}

/* The digits that *TEXT begins with, which is behind them then. */
static wide slow_digits(const char **text, bool *any)
{
	wide value = 0;

	for (*any = false; **text >= '0' && **text <= '9'; (*text)++) {
		value = value * 10 + (unsigned)(**text - '0');
		if (value > WIDE_MOST)
			value = WIDE_MOST;
		*any = true;
	}
	return value;
}

static struct reading in_range(wide value)
{
	return (struct reading){ value > INT64_MAX ? -ERANGE : 0, value };
}

static const struct reading none = { -EINVAL, 0 };

static struct reading slow_size(const char *text)
{
	const struct unit *unit;
	bool any;
	wide value = slow_digits(&text, &any);

	unit = any ? find_unit(size_units, text, strlen(text)) : NULL;
	/* Too large by itself is too large, whatever the unit. */
	return unit != NULL ? in_range(value > INT64_MAX ? value : value * unit->value) : none;
}

static struct reading slow_count(const char *text)
{
	bool any;
	wide value = slow_digits(&text, &any);

	return any && *text == '\0' ? in_range(value) : none;
}

static struct reading bare(wide value)
{
	struct reading reading = in_range(value);

	if (reading.result == 0 && value != 0)
		reading.result = -EDOM;
	return reading;
}

static struct reading slow_rate(const char *text)
{
	const struct unit *unit;
	size_t bytes;
	bool any;
	wide value = slow_digits(&text, &any);

	if (!any)
		return none;
	bytes = strlen(text);
	if (bytes == 0)
		return bare(value);
	if (bytes > 2 && text[bytes - 2] == '/' && text[bytes - 1] == 's')
		bytes -= 2;
	if (bytes == 1 && text[0] == 'B')
		return in_range(value);
	unit = find_unit(size_units, text, bytes);
	return unit != NULL ? in_range(value > INT64_MAX ? value : value * unit->value) : none;
}

static struct reading slow_duration(const char *text)
{
	const struct unit *units = time_units;
	struct reading reading = { 0, 0 };
	bool first = true;

	do {
		const struct unit *unit;
		size_t bytes = 0;
		bool any;
		wide value = slow_digits(&text, &any);

		if (!any)
			return none;
		if (*text == '\0' && first)
			return bare(value);
		while (text[bytes] != '\0' && (text[bytes] < '0' || text[bytes] > '9'))
			bytes++;
		unit = bytes > 0 ? find_unit(units, text, bytes) : NULL;
		if (unit == NULL)
			return none;
		reading.value += value > INT64_MAX ? WIDE_MOST : value * unit->value;
		units = unit + 1;
		text += bytes;
		first = false;
	} while (*text != '\0');
	if (reading.value > INT64_MAX)
		reading.result = -ERANGE;
	return reading;
}

/* In milliseconds; without a unit these are seconds. */
static struct reading slow_wait(const char *text)
{
	struct reading reading = slow_duration(text);

	if (reading.result == -EDOM)
		return in_range(reading.value * 1000);
	reading.value /= 1000000;
	return reading;
}

/* A number with a part behind a point, in units of 10^-9, the rest cut off. */
static struct reading slow_seconds(const char *text)
{
	bool any;
	wide value = slow_digits(&text, &any);
	unsigned places = 0;

	if (!any || value > INT32_MAX || (*text != '.' && *text != '\0'))
		return none;
	if (*text == '.') {
		text++;
		for (; *text >= '0' && *text <= '9'; text++, places++)
			if (places < 9)
				value = value * 10 + (unsigned)(*text - '0');
		if (places == 0 || *text != '\0')
			return none;
	}
	for (; places < 9; places++)
		value *= 10;
	return (struct reading){ 0, value };
}

static void check_reading(enum option_argument kind, const char *text, struct reading expected)
{
	int64_t number = -1;
	int result = amount_parse(kind, text, &number);

	FUZZ_CHECK(result == expected.result);
	if (result == 0 || result == -EDOM)
		FUZZ_CHECK(number >= 0 && (wide)number == expected.value);
}

static void check_limits(const char *text)
{
	struct reading expected = slow_seconds(text);
	size_t bytes = strlen(text);
	int64_t number, percent, count;
	bool good = limit_parse_seconds(text, &number) == 0;

	FUZZ_CHECK(good == (expected.result == 0));
	if (good)
		FUZZ_CHECK(number >= 0 && (wide)number == expected.value);
	good = limit_parse(text, &count, &percent) == 0;
	if (bytes > 0 && text[bytes - 1] == '%') {
		char *digits = fuzz_copy(text, bytes - 1);

		expected = slow_count(digits);
		free(digits);
		/* More digits than any number has are none. */
		FUZZ_CHECK(good == (expected.result == 0 && expected.value <= 100 && bytes <= 24));
		if (good)
			FUZZ_CHECK(count == -1 && percent == (int64_t)expected.value);
		return;
	}
	expected = slow_count(text);
	FUZZ_CHECK(good == (expected.result == 0));
	if (good)
		FUZZ_CHECK(percent == -1 && count == (int64_t)expected.value);
}

/* ---- printing ---- */

/* "4 KiB", "4097 bytes": without the space and the word it can be given. */
static void check_exact(uint64_t number)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	struct text text = { 0 };
	const char *at;
	bool any;
	wide value;

	size_add_exact(&text, number);
	at = text_string(&text);
	value = slow_digits(&at, &any);
	FUZZ_CHECK(any && *at == ' ');
	at++;
	if (strcmp(at, value == 1 ? "byte" : "bytes") != 0) {
		size_t unit = 0;
		struct text given = { 0 };
		int64_t again;

		for (; unit < 6 && strcmp(at, units[unit]) != 0; unit++)
			;
		FUZZ_CHECK(unit < 6);
		text_addf(&given, "%llu%s", (unsigned long long)value, at);
		if (unit < 4 && number <= INT64_MAX)
			FUZZ_CHECK(size_parse_bytes(text_string(&given), &again) == 0 &&
				   (uint64_t)again == number);
		value <<= 10 * (unit + 1);
		text_free(&given);
	}
	FUZZ_CHECK(value == number);
	text_free(&text);
}

/* "1.5 KiB": at most half of the last digit off. */
static void check_rounded(uint64_t number)
{
	static const char units[] = "bKMGTPE";
	struct text text = { 0 };
	double amount, scale = 1;
	char unit;

	size_add_bytes(&text, number);
	FUZZ_CHECK(sscanf(text_string(&text), "%lf %c", &amount, &unit) == 2);
	FUZZ_CHECK(strchr(units, unit) != NULL && amount < 1024);
	for (const char *at = units; *at != unit; at++)
		scale *= 1024;
	FUZZ_CHECK(fabs(amount * scale - (double)number) <= 0.0501 * scale);
	text_free(&text);
}

/* "0.052 s", "4 min 07 s", "2 h 04 min": at most a last digit off. */
static void check_duration(int64_t number)
{
	struct text text = { 0 };
	const char *shown;
	double value, rest = 0, off = 0.501;
	char unit[4] = "", small[4] = "";
	int count;

	size_add_duration(&text, (uint64_t)number);
	shown = text_string(&text);
	count = sscanf(shown, "%lf %3s %lf %3s", &value, unit, &rest, small);
	FUZZ_CHECK(count == 2 || count == 4);
	if (count == 2) {
		FUZZ_CHECK(strcmp(unit, "s") == 0);
		/* Three places, two or one, and " s". */
		off = 0.501 * pow(10, 3 - (double)strlen(strchr(shown, '.')));
	} else if (strcmp(unit, "h") == 0) {
		FUZZ_CHECK(strcmp(small, "min") == 0 && rest < 60);
		value = value * 3600 + rest * 60;
		off = 60.001;
	} else {
		FUZZ_CHECK(strcmp(unit, "min") == 0 && strcmp(small, "s") == 0);
		FUZZ_CHECK(value < 60 && rest < 60);
		value = value * 60 + rest;
	}
	FUZZ_CHECK(fabs(value - (double)number / 1e9) <= off);
	text_free(&text);
}

/* A duration that is written with all units is read as what it was, but for what is
 * below the last one. */
static void check_duration_given(int64_t number)
{
	struct text text = { 0 };
	uint64_t left = (uint64_t)number;
	int64_t again = -1;

	for (const struct unit *unit = time_units; unit->name != NULL; unit++) {
		text_addf(&text, "%llu%s", (unsigned long long)(left / unit->value), unit->name);
		left %= unit->value;
	}
	FUZZ_CHECK(size_parse_duration(text_string(&text), &again) == 0);
	FUZZ_CHECK(again == number - number % 1000000);
	text_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct fuzz_input input = { data, bytes };
	char *text = fuzz_text(&input);
	uint64_t number = fuzz_number(&input, 8);
	int64_t positive = (int64_t)(number & INT64_MAX);

	check_reading(ARGUMENT_SIZE, text, slow_size(text));
	check_reading(ARGUMENT_COUNT, text, slow_count(text));
	check_reading(ARGUMENT_RATE, text, slow_rate(text));
	check_reading(ARGUMENT_DURATION, text, slow_duration(text));
	check_reading(ARGUMENT_WAIT, text, slow_wait(text));
	check_limits(text);
	check_exact(number);
	check_rounded(number);
	check_duration(positive);
	check_duration_given(positive);
	free(text);
	return 0;
}
