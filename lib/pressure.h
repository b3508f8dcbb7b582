/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether a run in the background should stand back: how much of the time somebody
 * waits for storage, as /proc/pressure/io tells it, and what to make of that.
 */
#ifndef WEIR_PRESSURE_H
#define WEIR_PRESSURE_H

#include <stdbool.h>
#include <stdint.h>

/* Its line "some": at least one task waits. */
struct pressure_sample {
	uint32_t avg10; /* hundredths of a percent of the last ten seconds */
	uint64_t total_us;
};

enum pressure_state {
	PRESSURE_GOING,
	PRESSURE_ENDING,
	PRESSURE_QUIET,
};

/* All 0 at first. */
struct pressure {
	enum pressure_state state;
	uint64_t since_ns; /* of the state, or of what is being measured; 0: never */
	uint64_t total_us; /* at that time */
};

/* Reads TEXT, the contents of the file.  0 or -EINVAL: that is something else. */
int pressure_parse(const char *text, struct pressure_sample *sample);

/* What SAMPLE, taken at NOW_NS, means: true: nothing new is to begin. */
bool pressure_judge(struct pressure *pressure, const struct pressure_sample *sample,
		    uint64_t now_ns);

/* How long to wait for the next sample. */
uint64_t pressure_pause_ns(const struct pressure *pressure);

#endif
