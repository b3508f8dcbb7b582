/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rules of names: what each form of a pattern matches, that time and memory are
 * bounded whatever the pattern, and that a slow and simple matcher agrees.
 */
#include "lib/filter.h"

#include "lib/limits.h"
#include "matcher.h"
#include "unit.h"

static bool find(const struct filter *filter, const char *path, size_t *number)
{
	size_t bytes = strlen(path);
	bool is_folder = path[bytes - 1] == '/';

	*number = filter_find(filter, path, bytes - is_folder, is_folder);
	return *number < filter->count;
}

/* Whether PATTERN alone matches PATH, a folder if a slash ends it. */
static bool matches(const char *pattern, const char *path)
{
	struct filter filter = { 0 };
	bool good = filter_add(&filter, false, pattern) == 0;
	size_t number;
	bool found;

	if (!good)
		unit_fail(__FILE__, __LINE__, "'%s' is refused", pattern);
	found = good && find(&filter, path, &number);
	filter_close(&filter);
	return found;
}

static void check_all(const char *pattern, const char *const *paths, bool expected)
{
	for (; *paths != NULL; paths++)
		if (matches(pattern, *paths) != expected)
			unit_fail(__FILE__, __LINE__, "'%s' %s '%s'", pattern,
				  expected ? "does not match" : "matches", *paths);
}

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define MATCHES(pattern, ...) check_all(pattern, LIST(__VA_ARGS__), true)
#define LEAVES(pattern, ...) check_all(pattern, LIST(__VA_ARGS__), false)

static void places(void)
{
	MATCHES("foo", "foo", "a/foo", "a/b/foo", "foo/");
	LEAVES("foo", "foo/a", "xfoo", "a/xfoo", "foox");
	MATCHES("/foo", "foo", "foo/");
	LEAVES("/foo", "a/foo", "foo/a");
	MATCHES("foo/bar", "foo/bar", "a/foo/bar");
	LEAVES("foo/bar", "bar", "xfoo/bar", "foo/bar/a", "foo/a/bar");
	MATCHES("/foo/bar", "foo/bar");
	LEAVES("/foo/bar", "a/foo/bar");
	MATCHES("foo/", "foo/", "a/foo/");
	LEAVES("foo/", "foo", "a/foo", "foo/a");
	MATCHES("/a/foo/", "a/foo/");
	LEAVES("/a/foo/", "a/foo", "b/a/foo/");
}

static void stars(void)
{
	MATCHES("*", "a", "a/b", ".a");
	MATCHES("*.o", "x.o", "a/x.o", ".o", "a.b.o");
	LEAVES("*.o", "x.c", "x.o/a", "x.oo");
	MATCHES("/*.o", "x.o");
	LEAVES("/*.o", "a/x.o");
	MATCHES("foo/*/bar", "foo/x/bar", "a/foo/x/bar");
	LEAVES("foo/*/bar", "foo/bar", "foo/x/y/bar");
	MATCHES("/foo/**/bar", "foo/x/bar", "foo/x/y/bar");
	LEAVES("/foo/**/bar", "foo/bar", "a/foo/x/bar");
	MATCHES("a**z", "az", "a/z", "x/a/b/z", "x/ab/yz");
	LEAVES("a**z", "xaz/b", "xa/z");
	MATCHES("**/foo", "foo", "a/foo", "a/b/foo");
	LEAVES("**/foo", "xfoo", "a/xfoo");
	MATCHES("**", "a", "a/b/c");
	MATCHES("foo/***", "foo/", "foo/a", "foo/a/b", "x/foo/");
	LEAVES("foo/***", "foo", "xfoo/", "a");
	MATCHES("foo/**", "foo/a", "foo/a/b");
	LEAVES("foo/**", "foo/", "foo");
	MATCHES("/foo/***/", "foo/", "foo/a/");
	LEAVES("/foo/***/", "foo/a", "a/foo/");
	MATCHES("?.c", "a.c", "d/a.c");
	LEAVES("?.c", ".c", "ab.c", "a/.c");
	LEAVES("/a?b", "a/b");
	MATCHES("a*b*c", "abc", "axxbyyc", "abbcc", "abcbc");
	LEAVES("a*b*c", "acb", "abcd");
}

static void sets(void)
{
	MATCHES("[ab]", "a", "b");
	LEAVES("[ab]", "c", "ab");
	MATCHES("x[!a-c]", "xd", "x!");
	LEAVES("x[!a-c]", "xb", "x");
	MATCHES("x[^a-c]", "xd");
	MATCHES("[]a]", "]", "a");
	MATCHES("[!]a]", "b");
	LEAVES("[!]a]", "]", "a");
	MATCHES("[a-]", "a", "-");
	MATCHES("[-a]", "a", "-");
	LEAVES("[a-]", "b");
	MATCHES("[a\\]b]", "]", "b");
	MATCHES("[\\a-\\c]", "b");
	MATCHES("[[:digit:][:upper:]_]", "7", "Q", "_");
	LEAVES("[[:digit:][:upper:]_]", "q", ":", "[");
	MATCHES("[[:a]", "[", ":", "a");
	MATCHES("[[:space:]x]", " ", "\t", "\n", "\v", "x");
	MATCHES("[[:punct:]]", "!", "~", "_");
	LEAVES("[[:punct:]]", "a", " ", "0");
	MATCHES("[[:xdigit:]]", "f", "F", "9");
	LEAVES("[[:alpha:]]", "\xe9", "1");
	LEAVES("[[:alpha:]-z]", "{");
	MATCHES("x[\x80-\xff]", "x\xe9");
	LEAVES("/a[!b]c", "a/c");
	LEAVES("/a[/]c", "a/c");
}

static void backslashes(void)
{
	MATCHES("foo\\bar", "foo\\bar");
	LEAVES("foo\\bar", "foobar");
	MATCHES("foo\\\\bar*", "foo\\bar", "foo\\bars");
	MATCHES("foo\\bar*", "foobar");
	LEAVES("foo\\bar*", "foo\\bar");
	MATCHES("\\**", "*", "*a");
	LEAVES("\\**", "a*");
	MATCHES("\\[*", "[a");
	MATCHES("a\\", "a\\");
}

static void refusals(void)
{
	static const char *const patterns[] = { "",	  "/",	       "//",	     "a//b",
						"[",	  "x[",	       "[]",	     "[!]",
						"[a",	  "[a-",       "[a\\",	     "*\\",
						"[[:x:]", "[[:foo:]]", "[[:alpha:]", "[[:a-z:]",
						"a[b]//" };
	struct filter filter = { 0 };

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		if (filter_add(&filter, false, patterns[i]) != -EINVAL)
			unit_fail(__FILE__, __LINE__, "'%s' is not refused", patterns[i]);
	CHECK_EQUAL(filter.count, 0);
	filter_close(&filter);
}

static void order(void)
{
	struct filter filter = { 0 };
	size_t number, decided;

	CHECK(!find(&filter, "a", &number));
	CHECK_EQUAL(filter_judge(&filter, "a", 1, FILTER_UNKNOWN), FILTER_INCLUDED);
	REQUIRE(filter_add(&filter, true, "keep.o") == 0);
	REQUIRE(filter_add(&filter, false, "*.o") == 0);
	REQUIRE(filter_add(&filter, true, "x.o") == 0);
	REQUIRE(filter_add(&filter, false, "sub/") == 0);
	CHECK(find(&filter, "d/keep.o", &number));
	CHECK_EQUAL(number, 0);
	CHECK(find(&filter, "d/x.o", &number));
	CHECK_EQUAL(number, 1);
	CHECK(!find(&filter, "sub", &number));
	CHECK_EQUAL(filter_judge(&filter, "keep.o", 6, FILTER_OTHER), FILTER_INCLUDED);
	CHECK_EQUAL(filter_judge(&filter, "a.o", 3, FILTER_UNKNOWN), FILTER_EXCLUDED);
	CHECK_EQUAL(filter_judge(&filter, "sub", 3, FILTER_UNKNOWN), FILTER_UNDECIDED);
	CHECK_EQUAL(filter_judge(&filter, "sub", 3, FILTER_FOLDER), FILTER_EXCLUDED);
	CHECK_EQUAL(filter_judge(&filter, "sub", 3, FILTER_OTHER), FILTER_INCLUDED);
	/* A folder on the way decides, if it is excluded. */
	CHECK_EQUAL(filter_find_on_way(&filter, "a/sub/keep.o", 0, 12, false, &decided), 3);
	CHECK_EQUAL(decided, 5);
	CHECK_EQUAL(filter_find_on_way(&filter, "keep.o/x.o", 0, 10, false, &decided), 1);
	CHECK_EQUAL(decided, 10);
	CHECK_EQUAL(filter_find_on_way(&filter, "a/sub", 0, 5, false, &decided), 4);
	filter_close(&filter);
}

static void check_operand(const char *path, bool whole, const char *expected)
{
	char buffer[64];

	CHECK_EQUAL(filter_operand_path(path, whole, buffer), strlen(expected));
	if (strcmp(buffer, expected) != 0)
		unit_fail(__FILE__, __LINE__, "'%s' is '%s', not '%s'", path, buffer, expected);
}

static void operands(void)
{
	check_operand("a", false, "a");
	check_operand("/x/a//", false, "a");
	check_operand("../a", false, "a");
	check_operand(".", false, "");
	check_operand("a/.", false, "");
	check_operand("a/..", false, "");
	check_operand("/", false, "");
	check_operand("a/b", true, "a/b");
	check_operand("./a//./b/", true, "a/b");
	check_operand("/a/b", true, "a/b");
	check_operand("a/.", true, "a");
	check_operand("./", true, "");
	check_operand("../a", true, "../a");
}

/* Each of these takes for ever if a star is tried at every place for every
 * place of the one before. */
static void hostile(void)
{
	static const char *const units[] = { "*a", "**a", "*?", "**/", "*[ab]", "?**", "a**b*" };
	static char pattern[LIMIT_PATTERN_BYTES];
	static char path[LIMIT_PATTERN_BYTES];

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t unit_bytes = strlen(units[i]);
		size_t bytes = 0;

		for (; bytes + unit_bytes + 2 < sizeof(pattern); bytes += unit_bytes)
			memcpy(pattern + bytes, units[i], unit_bytes);
		memcpy(pattern + bytes, "X", 2);
		memset(path, 'a', sizeof(path) - 1);
		for (size_t at = 2; at < sizeof(path) - 2 && i % 2 == 1; at += 3)
			path[at] = '/';
		path[sizeof(path) - 2] = 'X';
		/* Whatever it says of the first: the second ends otherwise. */
		(void)matches(pattern, path);
		path[sizeof(path) - 3] = 'Y';
		(void)matches(pattern, path);
		path[sizeof(path) - 2] = 'Y';
		CHECK(!matches(pattern, path));
	}
	CHECK(matches("*a*a*a*a*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"));
	CHECK(!matches("*a*a*a*a*a*a*a*a*a*a*a*a*b?", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"));
}

static void limits(void)
{
	static char pattern[LIMIT_PATTERN_BYTES + 1];
	struct filter filter = { 0 };
	size_t count = 0;

	memset(pattern, 'a', sizeof(pattern) - 1);
	CHECK_EQUAL(filter_add(&filter, false, pattern), -ENAMETOOLONG);
	pattern[LIMIT_PATTERN_BYTES - 1] = '\0';
	CHECK_EQUAL(filter_add(&filter, false, pattern), 0);
	CHECK(matches(pattern, pattern));
	pattern[0] = '*';
	CHECK(matches(pattern, pattern + 1));
	while (count < 2 * LIMIT_RULES && filter_add(&filter, false, "*") == 0)
		count++;
	CHECK_EQUAL(count, LIMIT_RULES - 1);
	CHECK_EQUAL(filter_add(&filter, false, "*"), -E2BIG);
	filter_close(&filter);
	/* As much memory as a pattern can take. */
	for (size_t at = 0; at + 3 < LIMIT_PATTERN_BYTES; at += 3)
		memcpy(pattern + at, "[a]", 4);
	for (count = 0; filter_add(&filter, false, pattern) == 0;)
		count++;
	CHECK(count > 100 && count < LIMIT_RULES);
	CHECK(filter.bytes < LIMIT_RULES_BYTES + MIB(1));
	CHECK_EQUAL(filter_add(&filter, false, "*"), -E2BIG);
	filter_close(&filter);
}

/* ---- a matcher that is slow and simple ---- */

static void make_text(uint64_t *seed, char *text, const char *const *parts, uint32_t count)
{
	uint32_t length = 1 + unit_below(seed, 6);

	text[0] = '\0';
	for (uint32_t i = 0; i < length; i++)
		strcat(text, parts[unit_below(seed, count)]);
}

static void agreement(void)
{
	static const char *const pattern_parts[] = { "a",    "b",   "/",    "*",
						     "**",   "?",   "[ab]", "\\*",
						     "[!b]", "[a-", "b]",   "[[:alpha:]]" };
	static const char *const path_parts[] = { "a", "b", "*", "a/", "b/" };
	uint64_t seed = 20261122;
	unsigned matched = 0;

	for (unsigned i = 0; i < 300000; i++) {
		char pattern[80], path[32];
		struct slow_fuel fuel = { 1000000 };
		struct filter filter = { 0 };
		bool taken;
		size_t number;

		make_text(&seed, pattern, pattern_parts, 12);
		make_text(&seed, path, path_parts, 5);
		taken = filter_add(&filter, false, pattern) == 0;
		if (taken != slow_is_pattern(pattern))
			unit_fail(__FILE__, __LINE__, "'%s': %d", pattern, taken);
		if (taken) {
			bool found = find(&filter, path, &number);

			matched += found;
			if (found != slow_matches(pattern, path, &fuel))
				unit_fail(__FILE__, __LINE__, "'%s' and '%s': %d", pattern, path,
					  found);
		}
		filter_close(&filter);
	}
	CHECK(matched > 10000);
}

/* Any bytes at all: nothing is read outside, and each pattern is taken or not. */
static void noise(void)
{
	static const char bytes[] = "ab/*?[]!^-\\:.[:alpha:]+ \x80\xff";
	uint64_t seed = 7;
	unsigned taken = 0;

	for (unsigned i = 0; i < 100000; i++) {
		size_t length = unit_below(&seed, 24);
		char *pattern = malloc(length + 1); /* its own, so that a sanitizer sees */
		struct filter filter = { 0 };
		size_t number;

		REQUIRE(pattern != NULL);
		for (size_t at = 0; at < length; at++)
			pattern[at] = bytes[unit_below(&seed, sizeof(bytes) - 1)];
		pattern[length] = '\0';
		if (filter_add(&filter, false, pattern) == 0) {
			taken++;
			(void)find(&filter, "ab/[a]:alpha/", &number);
			(void)find(&filter, "-", &number);
		}
		free(pattern);
		filter_close(&filter);
	}
	CHECK(taken > 1000 && taken < 99000);
}

static const struct unit_test tests[] = {
	{ "a pattern matches where its slashes say", places },
	{ "one star stops at a slash, two do not, three are a folder and all in it", stars },
	{ "sets match one byte that is no slash", sets },
	{ "a backslash escapes only where there is a wildcard", backslashes },
	{ "a pattern that can match nothing is refused", refusals },
	{ "the first rule that matches decides", order },
	{ "paths begin with the name of the operand", operands },
	{ "no pattern takes for ever", hostile },
	{ "length, number and memory of rules are bounded", limits },
	{ "a slow and simple matcher agrees", agreement },
	{ "any bytes are a pattern or refused", noise },
};

UNIT_MAIN(tests)
