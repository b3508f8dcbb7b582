/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Numbers as people write and read them, whatever the locale.
 */
#ifndef WEIR_CMD_SIZE_H
#define WEIR_CMD_SIZE_H

#include <stdint.h>

#include "text.h"

/* What a size looks like, for messages. */
#define SIZE_SHAPE "use digits and perhaps a unit: K M G T (1024), KB MB GB TB (1000)"

/* What a rate and a time look like. */
#define RATE_SHAPE "use digits and a unit: B K M G T (1024), KB MB GB TB (1000)"
#define DURATION_SHAPE "use digits and a unit: d h m s ms, as in 90m or 1h30m"
#define WAIT_SHAPE "use digits and perhaps a unit: d h m s ms, as in 30 or 5m"

/* Reads digits only.  0; -EINVAL: not a number; -ERANGE: more than 63 bits. */
int size_parse_count(const char *string, int64_t *count);

/* Reads digits and a unit of SIZE_SHAPE, KiB being K.  Errors as size_parse_count(). */
int size_parse_bytes(const char *string, int64_t *bytes);

/* Reads digits and a unit of RATE_SHAPE, with "/s" behind it or not: bytes a second.
 * Without a unit 0 is 0, and any other number -EDOM, with *BYTES as it is.  Errors as
 * size_parse_count(). */
int size_parse_rate(const char *string, int64_t *bytes);

/* Reads digits and a unit of DURATION_SHAPE, or several, the largest first, into
 * nanoseconds.  The rest as size_parse_rate(). */
int size_parse_duration(const char *string, int64_t *duration_ns);

/* Adds "512 bytes", "1.5 KiB", "466.2 MiB". */
void size_add_bytes(struct text *text, uint64_t bytes);

/* Adds a bound exactly: "4 KiB", "4097 bytes". */
void size_add_exact(struct text *text, uint64_t bytes);

/* Adds "466.2 MiB/s"; MiB at any speed, so that rates can be compared. */
void size_add_rate(struct text *text, double bytes_per_second);

/* Adds "0.052 s", "1.52 s", "12.3 s", "4 min 07 s", "2 h 04 min". */
void size_add_duration(struct text *text, uint64_t duration_ns);

#endif
