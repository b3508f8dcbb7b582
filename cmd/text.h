/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A growing string.  Without memory it stays as it is and says so in
 * `truncated`: a message that is cut is better than a copy that is killed.
 */
#ifndef WEIR_CMD_TEXT_H
#define WEIR_CMD_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text {
	char *data; /* ends with NUL once anything was added, else NULL */
	size_t length_bytes;
	size_t capacity_bytes;
	bool truncated;
};

void text_add(struct text *text, const char *string);

void text_add_bytes(struct text *text, const void *bytes, size_t length_bytes);

/* Adds what printf would print. */
void text_addf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds COUNT of a thing: "1 file", "2 files". */
void text_add_count(struct text *text, unsigned long long count, const char *one, const char *many);

/* The string, "" when nothing was added. */
const char *text_string(const struct text *text);

/* Empties the string and keeps its memory. */
void text_clear(struct text *text);

void text_free(struct text *text);

#endif
