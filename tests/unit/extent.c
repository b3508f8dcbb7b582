/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Maps of data and holes, real ones and lies.
 *
 * lseek() of this program takes the place of the C library's, so that a test
 * can give any answer.
 */
#include "lib/extent.h"

#include <sys/syscall.h>

#include "unit.h"

#define MOST_BYTES (64 * 4096)

static int64_t (*liar)(int64_t offset, int whence);
static unsigned asked;

off_t lseek(int fd, off_t offset, int whence)
{
	int64_t answer;

	asked++;
	if (liar == NULL)
		return syscall(SYS_lseek, fd, offset, whence);
	answer = liar(offset, whence);
	if (answer < 0)
		errno = (int)-answer;
	return answer < 0 ? -1 : answer;
}

/* Walks a map to its end; true where invariant X1 held. */
static bool walk(int fd, uint64_t size_bytes, bool believe, uint8_t *covered)
{
	struct sys sys;
	struct extent_cursor cursor;
	struct extent extent;
	uint64_t before = 0;
	unsigned count = 0;

	sys_open(&sys);
	memset(covered, 0, MOST_BYTES);
	extent_begin(&cursor, fd, size_bytes, believe);
	while (extent_next(&cursor, &sys, &extent)) {
		if (extent.start < before || extent.end <= extent.start ||
		    extent.end > size_bytes || count++ > MOST_BYTES)
			return false;
		if (covered != NULL && extent.end <= MOST_BYTES)
			memset(covered + extent.start, 1, (size_t)(extent.end - extent.start));
		before = extent.end;
	}
	return !extent_next(&cursor, &sys, &extent); /* the end stays the end */
}

static uint8_t covered[MOST_BYTES];

static bool all_covered(uint64_t from, uint64_t to)
{
	for (uint64_t i = from; i < to; i++)
		if (!covered[i])
			return false;
	return true;
}

static void real_maps(void)
{
	static uint8_t data[MOST_BYTES], now[MOST_BYTES];
	uint64_t seed = 3;
	int dirfd = unit_folder();

	liar = NULL;
	for (int round = 0; round < 60; round++) {
		uint64_t size = unit_below(&seed, MOST_BYTES) + 1;
		int fd = openat(dirfd, "f", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		memset(data, 0, sizeof(data));
		REQUIRE(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
		for (unsigned i = unit_below(&seed, 8); i > 0; i--) {
			uint64_t at = unit_below(&seed, (uint32_t)size);
			uint64_t length = unit_below(&seed, (uint32_t)(size - at)) / 4 + 1;

			memset(data + at, (int)i, (size_t)length);
			REQUIRE(pwrite(fd, data + at, (size_t)length, (off_t)at) ==
				(ssize_t)length);
		}
		CHECK(walk(fd, size, true, covered));
		/* Whatever the map calls a hole reads as zero. */
		REQUIRE(pread(fd, now, (size_t)size, 0) == (ssize_t)size);
		for (uint64_t i = 0; i < size; i++)
			if (!covered[i] && now[i] != 0) {
				FAIL("data was called a hole");
				break;
			}
		CHECK(walk(fd, size, false, covered) && all_covered(0, size));
		close(fd);
	}
	close(dirfd);
}

static void huge_hole(void)
{
	struct sys sys;
	struct extent_cursor cursor;
	struct extent extent;
	int dirfd = unit_folder();
	int fd = openat(dirfd, "f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	const uint64_t size = UINT64_C(1) << 40;

	liar = NULL;
	sys_open(&sys);
	if (ftruncate(fd, (off_t)size) != 0 || pwrite(fd, "x", 1, (off_t)size - 1) != 1) {
		close(fd);
		close(dirfd);
		SKIP("no file of 1 TiB here");
	}
	asked = 0;
	extent_begin(&cursor, fd, size, true);
	REQUIRE(extent_next(&cursor, &sys, &extent));
	if (extent.start == 0)
		SKIP("this file system has no holes");
	CHECK(extent.start <= size - 1 && extent.start > size / 2);
	CHECK_EQUAL(extent.end, size);
	CHECK(!extent_next(&cursor, &sys, &extent));
	CHECK(asked <= 3);
	close(fd);
	close(dirfd);
}

static void empty(void)
{
	liar = NULL;
	asked = 0;
	CHECK(walk(-1, 0, true, covered) && !covered[0]);
	CHECK(walk(-1, 0, false, covered) && !covered[0]);
	CHECK_EQUAL(asked, 0);
}

static int64_t refuses(int64_t offset, int whence)
{
	(void)offset, (void)whence;
	return -EINVAL;
}

static int64_t backwards(int64_t offset, int whence)
{
	return whence == SEEK_DATA ? (offset > 0 ? offset - 1 : 0) : offset;
}

static int64_t zero(int64_t offset, int whence)
{
	(void)offset, (void)whence;
	return 0;
}

static int64_t io_error(int64_t offset, int whence)
{
	return whence == SEEK_DATA ? offset : -EIO;
}

static int64_t hole_at_data(int64_t offset, int whence)
{
	(void)whence;
	return offset;
}

static int64_t no_hole(int64_t offset, int whence)
{
	return whence == SEEK_DATA ? offset : -ENXIO;
}

static void nonsense(void)
{
	static int64_t (*const liars[])(int64_t, int) = {
		refuses, backwards, zero, io_error, hole_at_data, no_hole,
	};

	for (size_t i = 0; i < sizeof(liars) / sizeof(liars[0]); i++) {
		liar = liars[i];
		asked = 0;
		CHECK(walk(-1, MOST_BYTES, true, covered));
		CHECK(all_covered(0, MOST_BYTES));
		CHECK(asked <= 2);
	}
	liar = NULL;
}

static int64_t beyond(int64_t offset, int whence)
{
	return whence == SEEK_DATA ? offset : INT64_MAX;
}

static int64_t data_beyond(int64_t offset, int whence)
{
	(void)offset, (void)whence;
	return MOST_BYTES + 5;
}

static void past_the_size(void)
{
	liar = beyond;
	CHECK(walk(-1, MOST_BYTES - 3, true, covered));
	CHECK(all_covered(0, MOST_BYTES - 3) && !covered[MOST_BYTES - 3]);
	/* Data that begins behind the size is none of this copy's. */
	liar = data_beyond;
	CHECK(walk(-1, MOST_BYTES, true, covered));
	CHECK(!covered[0] && !covered[MOST_BYTES - 1]);
	liar = NULL;
}

static int64_t rest_is_hole(int64_t offset, int whence)
{
	if (whence == SEEK_DATA)
		return offset == 0 ? 0 : -ENXIO;
	return 100;
}

static void last_hole(void)
{
	liar = rest_is_hole;
	CHECK(walk(-1, MOST_BYTES, true, covered));
	CHECK(all_covered(0, 100) && !covered[100]);
	liar = NULL;
}

static uint64_t chance;

/* Anything at all, but never the same twice. */
static int64_t random_answer(int64_t offset, int whence)
{
	(void)whence;
	switch (unit_below(&chance, 5)) {
	case 0:
		return -(int64_t)unit_below(&chance, 40) - 1;
	case 1:
		return offset;
	case 2:
		return (int64_t)unit_below(&chance, MOST_BYTES * 2);
	case 3:
		return (int64_t)(unit_random(&chance) >> 1);
	default:
		return offset + (int64_t)unit_below(&chance, 5000);
	}
}

static void moving_maps(void)
{
	liar = random_answer;
	for (chance = 1; chance < 3000; chance++) {
		uint64_t keep = chance;

		if (!CHECK(walk(-1, 1 + keep % MOST_BYTES, true, covered)))
			printf("  seed %llu\n", (unsigned long long)keep);
		chance = keep;
	}
	liar = NULL;
}

static const struct unit_test tests[] = {
	{ "no data of a real file lies in what the map calls a hole", real_maps },
	{ "a hole of 1 TiB costs three questions", huge_hole },
	{ "an empty file has no range and is not asked for any", empty },
	{ "an answer that makes no sense turns the rest into one range of data", nonsense },
	{ "no range goes past the size", past_the_size },
	{ "a last hole ends the map", last_hole },
	{ "ranges increase and end, whatever a moving map answers", moving_maps },
};

UNIT_MAIN(tests)
