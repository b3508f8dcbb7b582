/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a match costs: never more steps than bytes of the path times bytes of the
 * pattern (R1 of lib/filter.c), whatever the two are.
 *
 * Steps are counted, not timed: this program includes the module, is built with
 * -finstrument-functions, and counts the calls.  Each step is at most three.
 *
 * Input: how often the next two texts are repeated (two bytes); a text ended by NUL that
 * the pattern repeats, one that ends it, and the same two of the path.
 *
 * Fuzz: -max_len=96
 */
#include "lib/filter.c"

#include "fuzz.h"

#define CALLS_EACH 4U
#define CALLS_OVERHEAD 64U
#define REPEATED_BYTES 600U

static unsigned long calls;

void __cyg_profile_func_enter(void *function, void *caller) __attribute__((no_instrument_function));
void __cyg_profile_func_exit(void *function, void *caller) __attribute__((no_instrument_function));

void __cyg_profile_func_enter(void *function, void *caller)
{
	(void)function, (void)caller;
	calls++;
}

void __cyg_profile_func_exit(void *function, void *caller)
{
	(void)function, (void)caller;
}

/* A text again and again, and its end. */
static char *repeated(struct fuzz_input *input, unsigned times)
{
	char *part = fuzz_text(input), *end = fuzz_text(input);
	size_t part_bytes = strlen(part), end_bytes = strlen(end), used = 0;
	char *whole = fuzz_alloc(REPEATED_BYTES + part_bytes + end_bytes + 1);

	while (times-- > 0 && part_bytes > 0 && used + part_bytes <= REPEATED_BYTES) {
		memcpy(whole + used, part, part_bytes);
		used += part_bytes;
	}
	memcpy(whole + used, end, end_bytes + 1);
	free(part);
	free(end);
	return whole;
}

static void check_find(const struct filter *filter, const char *path, size_t bytes,
		       size_t pattern_bytes, bool is_folder)
{
	calls = 0;
	(void)filter_find(filter, path, bytes, is_folder);
	FUZZ_CHECK(calls <= CALLS_EACH * (pattern_bytes + 2) * (bytes + 2) + CALLS_OVERHEAD);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct fuzz_input input = { data, bytes };
	unsigned pattern_times = fuzz_byte(&input), path_times = fuzz_byte(&input);
	char *pattern = repeated(&input, pattern_times), *path = repeated(&input, path_times);
	size_t pattern_bytes = strlen(pattern), path_bytes = strlen(path);
	struct filter filter = { 0 };
	bool taken;

	while (path_bytes > 0 && path[path_bytes - 1] == '/')
		path_bytes--;
	calls = 0;
	taken = filter_add(&filter, false, pattern) == 0;
	/* To read it takes a few calls for each byte and class. */
	FUZZ_CHECK(calls <= 3 * (pattern_bytes + 2) * 256 + CALLS_OVERHEAD);
	if (taken && path_bytes > 0) {
		check_find(&filter, path, path_bytes, pattern_bytes, false);
		check_find(&filter, path, path_bytes, pattern_bytes, true);
	}
	filter_close(&filter);
	free(pattern);
	free(path);
	return 0;
}
