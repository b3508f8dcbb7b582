/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Maps of data and holes: whatever is answered, ranges rise, stay within the size and
 * come to an end, and what makes no sense leaves the rest one range of data; and of an
 * honest map they are those of the map.
 *
 * Input: a byte (1: the map is honest; 2: it is not to be believed); the size (8 bytes);
 * then lengths (2 bytes each) of holes and data in turn, or answers: a byte and a number
 * of 8 bytes (0: the number; 1: so much behind what was asked; 2: -errno).
 *
 * Wraps: sys_lseek
 *
 * Fuzz: -max_len=200
 */
#define _GNU_SOURCE
#include "lib/extent.h"

#include <errno.h>
#include <unistd.h>

#include "fuzz.h"

#define LENGTHS_MOST 32

static struct {
	struct fuzz_input answers;
	unsigned asked;
	bool senseless; /* there was an answer that none can be believed after */
	bool honest;
	uint64_t borders[LENGTHS_MOST + 1]; /* where data begins and ends in turn */
	size_t border_count;
	uint64_t size_bytes;
} map;

int64_t __wrap_sys_lseek(struct sys *sys, int fd, int64_t offset, int whence);

/* As the kernel answers for the borders. */
static int64_t honest_answer(uint64_t offset, int whence)
{
	if (offset >= map.size_bytes)
		return -ENXIO;
	for (size_t i = 0; i + 1 < map.border_count; i += 2) {
		uint64_t start = map.borders[i], end = map.borders[i + 1];

		if (whence == SEEK_DATA && offset < end)
			return (int64_t)(offset > start ? offset : start);
		if (whence == SEEK_HOLE && offset < start)
			return (int64_t)offset;
		if (whence == SEEK_HOLE && offset < end)
			return (int64_t)end;
	}
	return whence == SEEK_DATA ? -ENXIO : (int64_t)offset;
}

static int64_t any_answer(int64_t offset)
{
	uint8_t kind = fuzz_byte(&map.answers) % 3;
	uint64_t number = fuzz_number(&map.answers, 8);

	if (kind == 0)
		return (int64_t)(number & INT64_MAX);
	if (kind == 1)
		return (int64_t)(((uint64_t)offset + number % 65536) & INT64_MAX);
	return -(int64_t)(1 + number % 133);
}

int64_t __wrap_sys_lseek(struct sys *sys, int fd, int64_t offset, int whence)
{
	int64_t answer;

	(void)sys;
	FUZZ_CHECK(fd == 7 && offset >= 0 && (whence == SEEK_DATA || whence == SEEK_HOLE));
	FUZZ_CHECK((uint64_t)offset < map.size_bytes && !map.senseless);
	map.asked++;
	if (map.honest)
		return honest_answer((uint64_t)offset, whence);
	answer = any_answer(offset);
	if (answer < offset + (whence == SEEK_HOLE) && !(whence == SEEK_DATA && answer == -ENXIO))
		map.senseless = true;
	return answer;
}

static void read_map(struct fuzz_input *input)
{
	uint64_t at = 0;

	map.border_count = 0;
	while (map.border_count < LENGTHS_MOST && input->left > 0) {
		at += 1 + fuzz_number(input, 2);
		map.borders[map.border_count++] = at;
	}
	map.border_count -= map.border_count % 2;
}

/* The range I of an honest map is this one. */
static void check_honest(size_t i, const struct extent *extent)
{
	uint64_t end = map.borders[2 * i + 1];

	FUZZ_CHECK(2 * i + 1 < map.border_count && extent->start == map.borders[2 * i]);
	FUZZ_CHECK(extent->end == (end < map.size_bytes ? end : map.size_bytes));
}

static void check_walk(bool believe)
{
	struct extent_cursor cursor;
	struct extent extent;
	uint64_t before = 0;
	size_t count = 0, expected = 0;

	extent_begin(&cursor, 7, map.size_bytes, believe);
	while (extent_next(&cursor, NULL, &extent)) {
		FUZZ_CHECK(extent.start >= before && extent.start < extent.end);
		FUZZ_CHECK(extent.end <= map.size_bytes);
		/* What cannot be believed is data up to the end. */
		FUZZ_CHECK((believe && !map.senseless) || extent.end == map.size_bytes);
		if (map.honest && believe)
			check_honest(count, &extent);
		before = extent.end;
		FUZZ_CHECK(++count <= map.asked + 1);
	}
	FUZZ_CHECK(!extent_next(&cursor, NULL, &extent));
	if (!believe)
		FUZZ_CHECK(map.asked == 0 && count == (map.size_bytes > 0));
	while (2 * expected < map.border_count && map.borders[2 * expected] < map.size_bytes)
		expected++;
	if (map.honest && believe)
		FUZZ_CHECK(count == expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct fuzz_input input = { data, bytes };
	uint8_t bits = fuzz_byte(&input);

	map.honest = (bits & 1) != 0;
	map.size_bytes = fuzz_number(&input, 8) & INT64_MAX;
	map.asked = 0;
	map.senseless = false;
	if (map.honest) {
		map.size_bytes %= 1 << 21;
		read_map(&input);
	}
	map.answers = input;
	check_walk((bits & 2) == 0);
	return 0;
}
