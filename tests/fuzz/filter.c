/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rules of names: any bytes are a pattern or refused, and a slow matcher says the same
 * of each rule and path.
 *
 * Input: a byte, how many rules (1 to 4); so many texts, a sign and a pattern, each ended
 * by NUL; and paths, ended by NUL, too.
 *
 * Fuzz: -max_len=256
 */
#include "lib/filter.h"

#include <errno.h>

#include "fuzz.h"
#include "lib/limits.h"
#include "tests/unit/matcher.h"

#define RULES_MOST 4
#define PATHS_MOST 8

struct rules {
	struct filter filter;
	char *patterns[RULES_MOST];
	bool includes[RULES_MOST];
	struct slow_fuel fuel;
};

static void add_rule(struct rules *rules, struct fuzz_input *input)
{
	char *text = fuzz_text(input);
	const char *pattern = text + (text[0] == '+' || text[0] == '-');
	size_t count = rules->filter.count;
	int result = filter_add(&rules->filter, text[0] == '+', pattern);

	if (strlen(pattern) >= LIMIT_PATTERN_BYTES) {
		FUZZ_CHECK(result == -ENAMETOOLONG);
	} else {
		FUZZ_CHECK(result == (slow_is_pattern(pattern) ? 0 : -EINVAL));
	}
	if (result == 0) {
		rules->includes[count] = text[0] == '+';
		rules->patterns[count] = fuzz_copy(pattern, strlen(pattern));
	}
	FUZZ_CHECK(rules->filter.count == count + (result == 0));
	free(text);
}

/* The path as a walk meets it: without empty names.  Its bytes, without the slash at its
 * end that makes it a folder; 0: it has no name. */
static size_t plain_path(char *path)
{
	size_t bytes = 0;

	for (const char *at = path; *at != '\0'; at++)
		if (*at != '/' || (bytes > 0 && path[bytes - 1] != '/'))
			path[bytes++] = *at;
	path[bytes] = '\0';
	return bytes > 0 && path[bytes - 1] == '/' ? bytes - 1 : bytes;
}

/* The first BYTES of PATH, with a slash if it is a folder. */
static size_t slow_find(struct rules *rules, const char *path, size_t bytes, bool is_folder)
{
	char *text = fuzz_alloc(bytes + 2);
	size_t number = 0;

	snprintf(text, bytes + 2, "%.*s%s", (int)bytes, path, is_folder ? "/" : "");
	while (number < rules->filter.count &&
	       !slow_matches(rules->patterns[number], text, &rules->fuel))
		number++;
	free(text);
	return number;
}

static bool excludes(const struct rules *rules, size_t number)
{
	return number < rules->filter.count && !rules->includes[number];
}

/* What a walk down to the path meets first, from the name that HEAD is in on. */
static size_t slow_find_on_way(struct rules *rules, const char *path, size_t head, size_t bytes,
			       bool is_folder, size_t *decided)
{
	for (size_t at = head; at < bytes; at++) {
		size_t number;

		if (path[at] != '/')
			continue;
		number = slow_find(rules, path, at, true);
		*decided = at;
		if (excludes(rules, number))
			return number;
	}
	*decided = bytes;
	return slow_find(rules, path, bytes, is_folder);
}

static void check_path(struct rules *rules, const char *path, size_t bytes, size_t head)
{
	const struct filter *filter = &rules->filter;
	bool is_folder = path[bytes] == '/';
	size_t as_file = slow_find(rules, path, bytes, false);
	size_t as_folder = slow_find(rules, path, bytes, true);
	size_t decided = 0, slow_decided = 0, way, slow_way;
	bool file_goes = excludes(rules, as_file), folder_goes = excludes(rules, as_folder);

	way = filter_find_on_way(filter, path, head, bytes, is_folder, &decided);
	slow_way = slow_find_on_way(rules, path, head, bytes, is_folder, &slow_decided);
	if (rules->fuel.left == 0)
		return;
	FUZZ_CHECK(filter_find(filter, path, bytes, false) == as_file);
	FUZZ_CHECK(filter_find(filter, path, bytes, true) == as_folder);
	FUZZ_CHECK(filter_judge(filter, path, bytes, FILTER_OTHER) ==
		   (file_goes ? FILTER_EXCLUDED : FILTER_INCLUDED));
	FUZZ_CHECK(filter_judge(filter, path, bytes, FILTER_FOLDER) ==
		   (folder_goes ? FILTER_EXCLUDED : FILTER_INCLUDED));
	FUZZ_CHECK(filter_judge(filter, path, bytes, FILTER_UNKNOWN) ==
		   (file_goes != folder_goes ? FILTER_UNDECIDED
		    : file_goes		     ? FILTER_EXCLUDED
					     : FILTER_INCLUDED));
	FUZZ_CHECK(way == slow_way && decided == slow_decided);
}

/* The names of an operand that rules see. */
static void check_operand(const char *given)
{
	char *whole = fuzz_alloc(strlen(given) + 1), *last = fuzz_alloc(strlen(given) + 1);
	char *slow = fuzz_alloc(strlen(given) + 2);
	const char *name = "";
	size_t used = 0;

	for (const char *at = given; *at != '\0'; at += strspn(at, "/")) {
		size_t bytes = strcspn(at, "/");

		if (bytes > 0)
			name = at;
		if (bytes > 0 && strncmp(at, "./", bytes == 1 ? 1 : 3) != 0)
			used += (size_t)sprintf(slow + used, "%s%.*s", used > 0 ? "/" : "",
						(int)bytes, at);
		at += bytes;
	}
	slow[used] = '\0';
	FUZZ_CHECK(filter_operand_path(given, true, whole) == used && strcmp(whole, slow) == 0);
	snprintf(slow, strlen(given) + 2, "%.*s", (int)strcspn(name, "/"), name);
	if (strcmp(slow, ".") == 0 || strcmp(slow, "..") == 0)
		slow[0] = '\0';
	FUZZ_CHECK(filter_operand_path(given, false, last) == strlen(slow));
	FUZZ_CHECK(strcmp(last, slow) == 0);
	free(whole);
	free(last);
	free(slow);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct fuzz_input input = { data, bytes };
	struct rules rules = { .fuel = { 20000 } };
	unsigned count = 1 + fuzz_byte(&input) % RULES_MOST;

	for (unsigned i = 0; i < count; i++)
		add_rule(&rules, &input);
	for (unsigned i = 0; i < PATHS_MOST && input.left > 0; i++) {
		char *path = fuzz_text(&input);
		size_t path_bytes;

		check_operand(path);
		path_bytes = plain_path(path);
		if (path_bytes > 0) {
			check_path(&rules, path, path_bytes, 0);
			check_path(&rules, path, path_bytes, strcspn(path, "/"));
		}
		free(path);
	}
	for (size_t i = 0; i < rules.filter.count; i++)
		free(rules.patterns[i]);
	filter_close(&rules.filter);
	return 0;
}
