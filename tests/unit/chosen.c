/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The names that a sync is limited to, compared with what a slow and simple reader of
 * the same list says.
 */
#include "lib/chosen.h"

#include "unit.h"

#define MANY 300

static struct chosen chosen;
static uint64_t state = 1;

static void choose(const char *const *paths)
{
	chosen = (struct chosen){ 0 };
	for (; *paths != NULL; paths++)
		CHECK_EQUAL(chosen_add(&chosen, *paths), 0);
	CHECK_EQUAL(chosen_settle(&chosen), 0);
}

/* The part of PATH, from the source down. */
static struct chosen_part part_of(const char *path)
{
	struct chosen_part part = chosen_root(&chosen);
	char copy[4096];
	char *rest = copy;

	snprintf(copy, sizeof(copy), "%s", path);
	while (*rest != '\0' && chosen_any(&part)) {
		char *name = strsep(&rest, "/");

		part = chosen_below(&chosen, &part, name);
		if (rest == NULL)
			break;
	}
	return part;
}

static void names_below_the_source_are_taken(void)
{
	static const char *const bad[] = { "", "/", "/a", "..", "a/..", "a/../b", "../a" };
	static const char *const good[] = { "a", "a/b/", "./a", "a//b", "..a", "a..", "...", "." };

	chosen = (struct chosen){ 0 };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_EQUAL(chosen_add(&chosen, bad[i]), -EINVAL);
	CHECK_EQUAL((int)chosen.count, 0);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK_EQUAL(chosen_add(&chosen, good[i]), 0);
	CHECK_EQUAL(chosen_settle(&chosen), 0);
	CHECK_EQUAL((int)chosen.count, 6); /* "a" and "a/b" came twice */
	chosen_close(&chosen);
}

static void without_names_all_is_chosen(void)
{
	static const char *const none[] = { NULL };

	choose(none);
	CHECK(part_of("").whole);
	CHECK(part_of("a/b").whole);
	chosen_close(&chosen);
}

static void folders_on_the_way_are_no_more_than_that(void)
{
	static const char *const paths[] = { "a/b/c", "a!", "a-b", "x", NULL };

	choose(paths);
	CHECK(!part_of("").whole);
	CHECK(!part_of("a").whole && part_of("a").count == 1);
	CHECK(!part_of("a/b").whole && part_of("a/b").count == 1);
	CHECK(part_of("a/b/c").whole);
	CHECK(part_of("a/b/c/d").whole && part_of("a/b/c/d").count == 0);
	CHECK(!chosen_any(&(struct chosen_part){ 0 }));
	CHECK(!part_of("a/c").whole && part_of("a/c").count == 0);
	CHECK(part_of("a!").whole && part_of("a-b").whole && part_of("x").whole);
	CHECK(part_of("a-").count == 0 && part_of("ab").count == 0);
	chosen_close(&chosen);
}

static void what_nobody_met_is_missing(void)
{
	static const char *const paths[] = { "a", "a/b", "a/b/c", "a/d", "e", ".", NULL };
	struct chosen_part part;
	size_t at = 0;

	choose(paths);
	part = part_of("");
	chosen_meet(&chosen, &part);
	part = part_of("a");
	chosen_meet(&chosen, &part);
	part = part_of("a/b");
	chosen_meet_all(&chosen, &part);
	CHECK_TEXT(chosen_next_missing(&chosen, &at), "a/d");
	CHECK_TEXT(chosen_next_missing(&chosen, &at), "e");
	CHECK(chosen_next_missing(&chosen, &at) == NULL);
	chosen_close(&chosen);
}

/* A path of few different bytes, so that many are near each other. */
static void random_path(char *path)
{
	static const char bytes[] = { 'a', '!', '\1', '\377', '0', '-' };
	unsigned components = 1 + unit_below(&state, 3);

	for (unsigned i = 0; i < components; i++) {
		unsigned length = 1 + unit_below(&state, 2);

		if (i > 0)
			*path++ = '/';
		for (unsigned at = 0; at < length; at++)
			*path++ = bytes[unit_below(&state, sizeof(bytes))];
	}
	*path = '\0';
}

static bool lies_at_or_below(const char *path, const char *above)
{
	size_t bytes = strlen(above);

	return strncmp(path, above, bytes) == 0 && (path[bytes] == '\0' || path[bytes] == '/');
}

static void compare_with_a_simple_reader(char paths[][16], unsigned count, const char *asked)
{
	struct chosen_part part = part_of(asked);
	bool whole = false, on_way = false;

	for (unsigned i = 0; i < count; i++) {
		whole = whole || lies_at_or_below(asked, paths[i]);
		on_way = on_way || lies_at_or_below(paths[i], asked);
	}
	CHECK(part.whole == whole);
	if (!whole)
		CHECK((part.count > 0) == on_way);
}

static void a_slow_and_simple_reader_agrees(void)
{
	static char paths[MANY][16];

	for (unsigned round = 0; round < 200; round++) {
		unsigned count = 1 + unit_below(&state, MANY);
		char asked[16];

		chosen = (struct chosen){ 0 };
		for (unsigned i = 0; i < count; i++) {
			random_path(paths[i]);
			CHECK_EQUAL(chosen_add(&chosen, paths[i]), 0);
		}
		CHECK_EQUAL(chosen_settle(&chosen), 0);
		for (unsigned i = 0; i < 200; i++) {
			random_path(asked);
			compare_with_a_simple_reader(paths, count, asked);
		}
		chosen_close(&chosen);
	}
}

static void a_million_names_are_one_block(void)
{
	char path[64];
	struct chosen_part part;

	chosen = (struct chosen){ 0 };
	for (unsigned i = 0; i < 1000000; i++) {
		snprintf(path, sizeof(path), "folder-%u/file-%u", i / 1000, i);
		CHECK_EQUAL(chosen_add(&chosen, path), 0);
	}
	CHECK_EQUAL(chosen_settle(&chosen), 0);
	CHECK_EQUAL((int)chosen.count, 1000000);
	CHECK(chosen.room + chosen.place_room * sizeof(uint32_t) < (size_t)40 << 20);
	part = part_of("folder-7");
	CHECK(!part.whole && part.count == 1000);
	CHECK(part_of("folder-999/file-999999").whole);
	CHECK(part_of("folder-999/file-99999").count == 0);
	chosen_close(&chosen);
}

static const struct unit_test tests[] = {
	{ "names below the source are taken, others are not", names_below_the_source_are_taken },
	{ "without names all is chosen", without_names_all_is_chosen },
	{ "folders on the way to a name are no more than that",
	  folders_on_the_way_are_no_more_than_that },
	{ "what nobody met is missing", what_nobody_met_is_missing },
	{ "a slow and simple reader agrees", a_slow_and_simple_reader_agrees },
	{ "a million names are one block", a_million_names_are_one_block },
};

UNIT_MAIN(tests)
