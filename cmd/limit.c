/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "limit.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "size.h"

#define NS_PER_S 1000000000

int limit_parse_seconds(const char *value, int64_t *nanoseconds)
{
	const char *point = strchr(value, '.');
	size_t whole_bytes = point != NULL ? (size_t)(point - value) : strlen(value);
	int64_t whole = 0, part = 0, unit = NS_PER_S;

	if (whole_bytes == 0 || (point != NULL && point[1] == '\0'))
		return -EINVAL;
	for (size_t i = 0; i < whole_bytes; i++) {
		if (!isdigit((unsigned char)value[i]))
			return -EINVAL;
		whole = whole * 10 + (value[i] - '0');
		if (whole > INT32_MAX)
			return -ERANGE;
	}
	for (const char *at = point != NULL ? point + 1 : ""; *at != '\0'; at++) {
		if (!isdigit((unsigned char)*at))
			return -EINVAL;
		unit /= 10;
		part += unit * (*at - '0');
	}
	*nanoseconds = whole * NS_PER_S + part;
	return 0;
}

int limit_parse(const char *value, int64_t *count, int64_t *percent)
{
	size_t bytes = strlen(value);
	char digits[24];
	int result;

	*count = *percent = -1;
	if (bytes == 0 || value[bytes - 1] != '%')
		return size_parse_count(value, count);
	if (bytes > sizeof(digits))
		return -EINVAL;
	memcpy(digits, value, bytes - 1);
	digits[bytes - 1] = '\0';
	result = size_parse_count(digits, percent);
	return result == 0 && *percent > 100 ? -ERANGE : result;
}
