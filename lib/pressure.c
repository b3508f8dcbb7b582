/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A run that copies waits for storage nearly all the time, so most of the pressure
 * is its own: by the average alone it would run from itself.  What others make can
 * be told only while it keeps quiet, so a high average makes it do that for a
 * moment, and what is measured then decides.
 *
 *   State   True here                              Then
 *   GOING   work begins                            the average is high, and it is not
 *                                                  just back -> ENDING
 *   ENDING  nothing begins, what was begun ends    LIMIT_PRESSURE_END_NS -> QUIET
 *   QUIET   what is measured is that of others     little of it -> GOING; else it is
 *                                                  measured anew
 *
 * Invariants:
 * R1 a low average ends every pause;
 * R2 between two pauses work goes on for LIMIT_PRESSURE_GO_NS, unless the average
 *    is low;
 * R3 the average that begins a pause is above that which ends it.
 */
#define _GNU_SOURCE
#include "pressure.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "limits.h"

#define PRESSURE_HUNDREDTHS 100U

static bool pressure_is_digit(char character)
{
	return character >= '0' && character <= '9';
}

/* What stands behind NAME in LINE, or NULL. */
static const char *pressure_find(const char *line, const char *name)
{
	const char *end = line + strcspn(line, "\n");
	const char *found = strstr(line, name);

	return found != NULL && found < end && pressure_is_digit(found[strlen(name)])
		       ? found + strlen(name)
		       : NULL;
}

int pressure_parse(const char *text, struct pressure_sample *sample)
{
	const char *average, *total;
	unsigned long percent;
	char *end;

	if (strncmp(text, "some ", 5) != 0)
		return -EINVAL;
	average = pressure_find(text, " avg10=");
	total = pressure_find(text, " total=");
	if (average == NULL || total == NULL)
		return -EINVAL;
	percent = strtoul(average, &end, 10);
	if (percent > 100 || end[0] != '.' || !pressure_is_digit(end[1]) ||
	    !pressure_is_digit(end[2]))
		return -EINVAL;
	sample->avg10 = (uint32_t)percent * PRESSURE_HUNDREDTHS + (uint32_t)(end[1] - '0') * 10 +
			(uint32_t)(end[2] - '0');
	sample->total_us = strtoull(total, NULL, 10);
	return 0;
}

static bool pressure_enter(struct pressure *pressure, enum pressure_state state,
			   const struct pressure_sample *sample, uint64_t now_ns)
{
	pressure->state = state;
	pressure->since_ns = now_ns;
	pressure->total_us = sample->total_us;
	return state != PRESSURE_GOING;
}

/* True if others waited for little of the time that was measured. */
static bool pressure_is_little(const struct pressure *pressure,
			       const struct pressure_sample *sample, uint64_t took_ns)
{
	return sample->total_us >= pressure->total_us &&
	       (sample->total_us - pressure->total_us) * 1000 * 100 <= took_ns * LIMIT_PRESSURE_LOW;
}

bool pressure_judge(struct pressure *pressure, const struct pressure_sample *sample,
		    uint64_t now_ns)
{
	uint64_t took_ns = now_ns - pressure->since_ns;

	if (pressure->state != PRESSURE_GOING &&
	    sample->avg10 <= LIMIT_PRESSURE_LOW * PRESSURE_HUNDREDTHS) /* R1 */
		return pressure_enter(pressure, PRESSURE_GOING, sample, now_ns);
	switch (pressure->state) {
	case PRESSURE_GOING:
		if (sample->avg10 < LIMIT_PRESSURE_HIGH * PRESSURE_HUNDREDTHS ||
		    (pressure->since_ns != 0 && took_ns < LIMIT_PRESSURE_GO_NS)) /* R2 */
			return false;
		return pressure_enter(pressure, PRESSURE_ENDING, sample, now_ns);
	case PRESSURE_ENDING:
		if (took_ns < LIMIT_PRESSURE_END_NS)
			return true;
		return pressure_enter(pressure, PRESSURE_QUIET, sample, now_ns);
	case PRESSURE_QUIET:
		break;
	}
	if (took_ns < LIMIT_PRESSURE_MEASURE_NS)
		return true;
	return pressure_enter(pressure,
			      pressure_is_little(pressure, sample, took_ns) ? PRESSURE_GOING
									    : PRESSURE_QUIET,
			      sample, now_ns);
}

uint64_t pressure_pause_ns(const struct pressure *pressure)
{
	return pressure->state == PRESSURE_GOING ? LIMIT_PRESSURE_LOOK_NS : LIMIT_PRESSURE_END_NS;
}
