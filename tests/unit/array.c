/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Arrays that grow.
 */
#include "lib/array.h"

#include "unit.h"

struct item {
	uint64_t number;
	char text[24];
};

static void items_are_kept_while_it_grows(void)
{
	struct item *items = NULL;
	size_t room = 0;

	for (size_t count = 0; count < 5000; count++) {
		struct item *grown = array_grow(items, count, &room, sizeof(*items));

		REQUIRE(grown != NULL && room > count);
		items = grown;
		memset(&items[count], 0, sizeof(*items));
		items[count].number = count;
	}
	for (size_t i = 0; i < 5000; i++)
		CHECK_EQUAL(items[i].number, i);
	free(items);
}

static void it_moves_only_when_it_is_full(void)
{
	uint32_t *items = NULL;
	size_t room = 0, growths = 0;

	for (size_t count = 0; count < 1U << 16; count++) {
		size_t before = room;
		uint32_t *grown = array_grow(items, count, &room, sizeof(*items));

		REQUIRE(grown != NULL);
		if (count < before) {
			CHECK(grown == items);
			CHECK_EQUAL(room, before);
		} else {
			CHECK_EQUAL(room, before > 0 ? 2 * before : ARRAY_FIRST);
			growths++;
		}
		items = grown;
	}
	CHECK_EQUAL(room, 1U << 16);
	CHECK_EQUAL(growths, 13); /* 16 to 65,536 */
	free(items);
}

/* What is there stays, and so does what is known of its room. */
static void refuses(size_t room, size_t item_bytes)
{
	char *items = malloc(1);
	char *volatile there = items; /* gcc takes what was not grown for freed */
	size_t known = room;

	REQUIRE(items != NULL);
	items[0] = 'x';
	CHECK(array_grow(items, room, &known, item_bytes) == NULL);
	CHECK_EQUAL(known, room);
	CHECK_EQUAL(there[0], 'x');
	free(there);
}

static void more_than_there_can_be_is_refused(void)
{
	volatile size_t huge = SIZE_MAX / 8; /* the compiler would not let it pass */
	size_t none = 0;

	/* The number of items runs over, to nothing and to little. */
	refuses(SIZE_MAX / 2 + 1, 1);
	refuses(SIZE_MAX / 2 + 9, 1);
	refuses(SIZE_MAX, 1);
	/* That of their bytes does. */
	refuses(SIZE_MAX / 16, 16);
	refuses(SIZE_MAX / 32 + 1, 16);
	CHECK(array_grow(NULL, 0, &none, huge) == NULL);
	CHECK_EQUAL(none, 0);
	/* Neither, but no object has so many. */
	refuses(SIZE_MAX / 8, 4);
}

static const struct unit_test tests[] = {
	{ "items are kept while it grows", items_are_kept_while_it_grows },
	{ "it moves only when it is full", it_moves_only_when_it_is_full },
	{ "more than there can be is refused", more_than_there_can_be_is_refused },
};

UNIT_MAIN(tests)
