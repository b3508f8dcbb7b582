/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What every fuzz target uses: the input as a row of bytes, numbers and texts, and a
 * check that ends the program where it does not hold.
 *
 * A target is one function, LLVMFuzzerTestOneInput(), that is called again and again
 * and leaves nothing behind.  Texts are copied into memory of their own size, so that
 * a sanitizer sees the first byte that is read beyond one.
 */
#ifndef WEIR_FUZZ_H
#define WEIR_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* Ends the program where CONDITION does not hold: the input is a finding. */
#define FUZZ_CHECK(condition)                                                                     \
	do {                                                                                      \
		if (!(condition)) {                                                               \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                  \
		}                                                                                 \
	} while (0)

/* What is left of the input.  Behind its end all is 0 or "". */
struct fuzz_input {
	const uint8_t *at;
	size_t left;
};

static inline uint8_t fuzz_byte(struct fuzz_input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->at++;
}

/* A number of COUNT bytes, the lowest first. */
static inline uint64_t fuzz_number(struct fuzz_input *input, unsigned count)
{
	uint64_t number = 0;

	for (unsigned i = 0; i < count; i++)
		number |= (uint64_t)fuzz_byte(input) << (8 * i);
	return number;
}

static inline void *fuzz_alloc(size_t bytes)
{
	void *memory = malloc(bytes > 0 ? bytes : 1);

	FUZZ_CHECK(memory != NULL);
	return memory;
}

/* BYTES as a text of its own, to be freed. */
static inline char *fuzz_copy(const void *bytes, size_t count)
{
	char *text = fuzz_alloc(count + 1);

	if (count > 0)
		memcpy(text, bytes, count);
	text[count] = '\0';
	return text;
}

/* The text up to the next byte END, which is skipped, or up to the end of the input; to
 * be freed.  *BYTES: it may hold NUL. */
static inline char *fuzz_field(struct fuzz_input *input, char end, size_t *bytes)
{
	const uint8_t *found = input->left > 0 ? memchr(input->at, end, input->left) : NULL;
	size_t count = found != NULL ? (size_t)(found - input->at) : input->left;
	char *text = fuzz_copy(input->at, count);

	input->at += count + (found != NULL);
	input->left -= count + (found != NULL);
	*bytes = count;
	return text;
}

/* The text up to the next NUL, to be freed. */
static inline char *fuzz_text(struct fuzz_input *input)
{
	size_t bytes;

	return fuzz_field(input, '\0', &bytes);
}

#endif
