/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "amount.h"

#include <errno.h>

#include "size.h"

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)
#define MS_PER_S INT64_C(1000)
#define BYTES_PER_K INT64_C(1024)
#define S_PER_M INT64_C(60)

/* A number of seconds needs no unit: whoever waits counts in these. */
static int parse_wait(const char *value, int64_t *wait_ms)
{
	int64_t number = 0;
	int result = size_parse_duration(value, &number);

	if (result == -EDOM)
		return __builtin_mul_overflow(number, MS_PER_S, wait_ms) ? -ERANGE : 0;
	*wait_ms = number / NS_PER_MS;
	return result;
}

int amount_parse(enum option_argument kind, const char *value, int64_t *number)
{
	switch (kind) {
	case ARGUMENT_SIZE:
		return size_parse_bytes(value, number);
	case ARGUMENT_RATE:
		return size_parse_rate(value, number);
	case ARGUMENT_DURATION:
		return size_parse_duration(value, number);
	case ARGUMENT_WAIT:
		return parse_wait(value, number);
	default:
		return size_parse_count(value, number);
	}
}

const char *amount_shape(enum option_argument kind)
{
	switch (kind) {
	case ARGUMENT_SIZE:
		return "is not a size; " SIZE_SHAPE;
	case ARGUMENT_RATE:
		return "is not a rate; " RATE_SHAPE;
	case ARGUMENT_DURATION:
		return "is not a time; " DURATION_SHAPE;
	case ARGUMENT_WAIT:
		return "is not a time; " WAIT_SHAPE;
	default:
		return "is not a number";
	}
}

void amount_add_bound(struct text *text, enum option_argument kind, int64_t bound)
{
	if (bound == 0 || kind == ARGUMENT_COUNT)
		text_addf(text, "%lld", (long long)bound);
	else if (kind == ARGUMENT_DURATION)
		size_add_duration(text, (uint64_t)bound);
	else if (kind == ARGUMENT_WAIT)
		size_add_duration(text, (uint64_t)(bound * NS_PER_MS));
	else
		size_add_exact(text, (uint64_t)bound);
}

static void add_rate(struct text *text, int64_t number, const char *unit, int64_t bytes)
{
	text_addf(text, "%lld%s is ", (long long)number, unit);
	size_add_bytes(text, (uint64_t)bytes);
	text_add(text, " a second");
}

static void add_duration(struct text *text, int64_t number, const char *unit, int64_t seconds)
{
	text_addf(text, "%lld%s is ", (long long)number, unit);
	size_add_duration(text, (uint64_t)(seconds * NS_PER_S));
}

bool amount_add_readings(struct text *text, enum option_argument kind, int64_t number)
{
	bool is_rate = kind == ARGUMENT_RATE;

	if (number > INT64_MAX / (is_rate ? BYTES_PER_K : NS_PER_S * S_PER_M))
		return false;
	text_add(text, "has no unit; ");
	if (is_rate) {
		add_rate(text, number, "B", number);
		text_add(text, ", ");
		add_rate(text, number, "K", number * BYTES_PER_K);
	} else {
		add_duration(text, number, "s", number);
		text_add(text, ", ");
		add_duration(text, number, "m", number * S_PER_M);
	}
	return true;
}
