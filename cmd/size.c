/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "size.h"

#include <errno.h>
#include <string.h>

#define NS_PER_S 1000000000ULL

static const struct size_unit {
	const char *name;
	int64_t bytes;
} size_units[] = {
	{ "", 1 },
	{ "K", INT64_C(1) << 10 },
	{ "KiB", INT64_C(1) << 10 },
	{ "KB", INT64_C(1000) },
	{ "M", INT64_C(1) << 20 },
	{ "MiB", INT64_C(1) << 20 },
	{ "MB", INT64_C(1000) * 1000 },
	{ "G", INT64_C(1) << 30 },
	{ "GiB", INT64_C(1) << 30 },
	{ "GB", INT64_C(1000) * 1000 * 1000 },
	{ "T", INT64_C(1) << 40 },
	{ "TiB", INT64_C(1) << 40 },
	{ "TB", INT64_C(1000) * 1000 * 1000 * 1000 },
};

/* Reads digits up to *END.  The digits are read to their end even when they
 * are too many, so that "99999999999999999999x" is no number at all. */
static int parse_digits(const char *string, const char **end, int64_t *number)
{
	int result = 0;

	*number = 0;
	*end = string;
	while (**end >= '0' && **end <= '9') {
		if (__builtin_mul_overflow(*number, 10, number) ||
		    __builtin_add_overflow(*number, **end - '0', number))
			result = -ERANGE;
		(*end)++;
	}
	return *end == string ? -EINVAL : result;
}

int size_parse_count(const char *string, int64_t *count)
{
	const char *end;
	int result = parse_digits(string, &end, count);

	return *end != '\0' ? -EINVAL : result;
}

/* NUMBER of the unit that is the LENGTH bytes at NAME, in bytes. */
static int apply_unit(const char *name, size_t length, int64_t *number)
{
	for (size_t i = 0; i < sizeof(size_units) / sizeof(size_units[0]); i++) {
		if (strlen(size_units[i].name) != length ||
		    memcmp(name, size_units[i].name, length) != 0)
			continue;
		return __builtin_mul_overflow(*number, size_units[i].bytes, number) ? -ERANGE : 0;
	}
	return -EINVAL;
}

int size_parse_bytes(const char *string, int64_t *bytes)
{
	const char *unit;
	int result = parse_digits(string, &unit, bytes);
	int unit_result;

	if (result == -EINVAL)
		return result;
	unit_result = apply_unit(unit, strlen(unit), bytes);
	return unit_result < 0 ? unit_result : result;
}

int size_parse_rate(const char *string, int64_t *bytes)
{
	const char *unit;
	int result = parse_digits(string, &unit, bytes);
	size_t length = strlen(unit);
	int unit_result;

	if (result == -EINVAL)
		return result;
	if (length == 0)
		return result < 0 || *bytes == 0 ? result : -EDOM;
	if (length > 2 && strcmp(unit + length - 2, "/s") == 0)
		length -= 2;
	if (length == 1 && unit[0] == 'B')
		return result;
	unit_result = apply_unit(unit, length, bytes);
	return unit_result < 0 ? unit_result : result;
}

static const struct time_unit {
	const char *name;
	int64_t ns;
} time_units[] = {
	{ "d", INT64_C(86400) * 1000 * 1000 * 1000 },
	{ "h", INT64_C(3600) * 1000 * 1000 * 1000 },
	{ "m", INT64_C(60) * 1000 * 1000 * 1000 },
	{ "s", INT64_C(1000) * 1000 * 1000 },
	{ "ms", INT64_C(1000) * 1000 },
};

#define TIME_UNITS (sizeof(time_units) / sizeof(time_units[0]))

/* The unit that is the LENGTH bytes at NAME, from number FROM on; or TIME_UNITS. */
static size_t find_time_unit(const char *name, size_t length, size_t from)
{
	while (from < TIME_UNITS && (strlen(time_units[from].name) != length ||
				     memcmp(name, time_units[from].name, length) != 0))
		from++;
	return from;
}

int size_parse_duration(const char *string, int64_t *duration_ns)
{
	const char *at = string;
	size_t next = 0; /* the largest unit that may come */
	int result = 0;

	*duration_ns = 0;
	do {
		int64_t number;
		int digits = parse_digits(at, &at, &number);
		size_t length = strcspn(at, "0123456789");
		size_t unit = find_time_unit(at, length, next);

		if (digits == -EINVAL)
			return digits;
		if (length == 0 && next == 0) {
			*duration_ns = number;
			return digits < 0 || number == 0 ? digits : -EDOM;
		}
		if (unit == TIME_UNITS)
			return -EINVAL;
		if (digits < 0 || __builtin_mul_overflow(number, time_units[unit].ns, &number) ||
		    __builtin_add_overflow(*duration_ns, number, duration_ns))
			result = -ERANGE;
		next = unit + 1;
		at += length;
	} while (*at != '\0');
	return result;
}

static const char *const binary_units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };

void size_add_bytes(struct text *text, uint64_t bytes)
{
	double amount = (double)bytes;
	size_t unit = 0;

	if (bytes < 1024) {
		text_add_count(text, bytes, "byte", "bytes");
		return;
	}
	/* 1023.95 would be printed as 1024.0. */
	while (amount >= 1023.95 && unit + 1 < sizeof(binary_units) / sizeof(binary_units[0])) {
		amount /= 1024;
		unit++;
	}
	text_addf(text, "%.1f %s", amount, binary_units[unit]);
}

void size_add_exact(struct text *text, uint64_t bytes)
{
	size_t unit = 0;

	while (bytes != 0 && bytes % 1024 == 0 &&
	       unit + 1 < sizeof(binary_units) / sizeof(binary_units[0])) {
		bytes /= 1024;
		unit++;
	}
	if (unit == 0)
		text_add_count(text, bytes, "byte", "bytes");
	else
		text_addf(text, "%llu %s", (unsigned long long)bytes, binary_units[unit]);
}

void size_add_rate(struct text *text, double bytes_per_second)
{
	double rate = bytes_per_second / (1024 * 1024);

	text_addf(text, rate < 10 ? "%.2f MiB/s" : "%.1f MiB/s", rate);
}

void size_add_duration(struct text *text, uint64_t duration_ns)
{
	unsigned long long seconds = (duration_ns + NS_PER_S / 2) / NS_PER_S;

	if (duration_ns < NS_PER_S)
		text_addf(text, "%.3f s", (double)duration_ns / (double)NS_PER_S);
	else if (duration_ns < 10 * NS_PER_S)
		text_addf(text, "%.2f s", (double)duration_ns / (double)NS_PER_S);
	else if (seconds < 60)
		text_addf(text, "%.1f s", (double)duration_ns / (double)NS_PER_S);
	else if (seconds < 3600)
		text_addf(text, "%llu min %02llu s", seconds / 60, seconds % 60);
	else
		text_addf(text, "%llu h %02llu min", seconds / 3600, seconds / 60 % 60);
}
