/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Numbers that options take, how each kind of them is read and told: sizes, counts,
 * rates, durations and waits.
 */
#ifndef WEIR_CMD_AMOUNT_H
#define WEIR_CMD_AMOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "options.h"
#include "text.h"

/* Reads VALUE.  0; -EINVAL: it is none; -ERANGE: more than 63 bits; -EDOM: it is a
 * number that needs a unit, and *NUMBER has it. */
int amount_parse(enum option_argument kind, const char *value, int64_t *number);

/* Why VALUE is none: "is not a size; use digits and ..." */
const char *amount_shape(enum option_argument kind);

/* Adds a bound of such numbers. */
void amount_add_bound(struct text *text, enum option_argument kind, int64_t bound);

/* Adds what NUMBER could mean with one unit or with another; false: with one of them
 * it is too large to be meant. */
bool amount_add_readings(struct text *text, enum option_argument kind, int64_t number);

#endif
