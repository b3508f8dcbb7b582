/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Values of options with a shape of their own: parts of seconds, and limits that are a
 * number or a part of all.
 */
#ifndef WEIR_CMD_LIMIT_H
#define WEIR_CMD_LIMIT_H

#include <stdint.h>

/* "2", "0.5": *NANOSECONDS.  0, -EINVAL or -ERANGE. */
int limit_parse_seconds(const char *value, int64_t *nanoseconds);

/* "100" or "10%": *COUNT or *PERCENT, and the other one is -1.  0, -EINVAL or -ERANGE. */
int limit_parse(const char *value, int64_t *count, int64_t *percent);

#endif
