/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lists of names and of rules, as --files-from and --exclude-from read them, by lines and
 * with -0: what a run is given of each is what a slow reader finds, up to the first thing
 * that is refused, and that is one message.
 *
 * Input: a byte (1: ends are NUL; 2: rules; 4: names of a sync, or rules to include;
 * 8: slashes at ends are cut off), how many bytes come at a time, and the list.
 *
 * Wraps: write weir_run_add_source weir_run_add_name weir_run_add_rule
 */
#define _GNU_SOURCE
#include <stdio.h>

#include "cmd/names.h"
#include "cmd/rules.h"

#include "capture.h"
#include "tests/unit/matcher.h"

#define LONGEST_RULE 8190U /* longer lines are refused before they are read */
#define LONGEST_PATTERN 4095U
#define ITEMS_MOST 5000U

/* ---- the list ---- */

static struct {
	const uint8_t *at;
	size_t left;
	size_t at_once;
} stream;

static ssize_t stream_read(void *cookie, char *buffer, size_t bytes)
{
	size_t part = bytes < stream.at_once ? bytes : stream.at_once;

	(void)cookie;
	if (part > stream.left)
		part = stream.left;
	if (part > 0)
		memcpy(buffer, stream.at, part);
	stream.at += part;
	stream.left -= part;
	return (ssize_t)part;
}

/* ---- what the run is given ---- */

struct item {
	char *text;
	int kind; /* of rules: enum weir_rule */
};

struct items {
	struct item rows[ITEMS_MOST];
	size_t count;
};

static struct items given, expected;

static void add_item(struct items *items, const char *text, size_t bytes, int kind)
{
	FUZZ_CHECK(items->count < ITEMS_MOST);
	items->rows[items->count++] = (struct item){ fuzz_copy(text, bytes), kind };
}

int __real_weir_run_add_name(struct weir_run *run, const char *name);
int __real_weir_run_add_rule(struct weir_run *run, enum weir_rule rule, const char *pattern);
int __wrap_weir_run_add_source(struct weir_run *run, int dirfd, const char *path);
int __wrap_weir_run_add_name(struct weir_run *run, const char *name);
int __wrap_weir_run_add_rule(struct weir_run *run, enum weir_rule rule, const char *pattern);

int __wrap_weir_run_add_source(struct weir_run *run, int dirfd, const char *path)
{
	(void)run, (void)dirfd;
	add_item(&given, path, strlen(path), 0);
	return 0;
}

int __wrap_weir_run_add_name(struct weir_run *run, const char *name)
{
	int result = __real_weir_run_add_name(run, name);

	if (result == 0)
		add_item(&given, name, strlen(name), 0);
	return result;
}

int __wrap_weir_run_add_rule(struct weir_run *run, enum weir_rule rule, const char *pattern)
{
	int result = __real_weir_run_add_rule(run, rule, pattern);

	if (result == 0)
		add_item(&given, pattern, strlen(pattern), (int)rule);
	return result;
}

/* ---- slow readers ---- */

struct how {
	bool nul, is_rules, second, strips;
};

/* True if the name lies below the source: relative, and without "..". */
static bool slow_is_below(const char *name)
{
	size_t bytes;

	if (name[0] == '/')
		return false;
	for (; *name != '\0'; name += bytes + (name[bytes] == '/')) {
		bytes = strcspn(name, "/");
		if (bytes == 2 && name[0] == '.' && name[1] == '.')
			return false;
	}
	return true;
}

/* Takes one name; false: it is refused. */
static bool slow_name(const struct how *how, const char *name, size_t bytes)
{
	if (bytes == 0 || strlen(name) != bytes)
		return false;
	if (how->second && !slow_is_below(name))
		return false;
	while (how->strips && !how->second && bytes > 1 && name[bytes - 1] == '/')
		bytes--;
	add_item(&expected, name, bytes, 0);
	return true;
}

/* A line of rsync's filters: a letter or a word of them, or a sign with modifiers. */
static bool slow_is_foreign(const char *line)
{
	static const char *const heads[] = { ". ", ": ", "H ", "S ", "P ", "R " };
	static const char *const words[] = { "merge",	"dir-merge", "exclude", "include",
					     "protect", "hide",	     "show",	"risk" };
	const char *at = line + 1;

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		if (strncmp(line, heads[i], 2) == 0)
			return true;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t bytes = strlen(words[i]);

		if (strncmp(line, words[i], bytes) == 0 &&
		    (line[bytes] == ' ' || line[bytes] == ','))
			return true;
	}
	if (line[0] != '+' && line[0] != '-')
		return false;
	at += *at == ',';
	if (*at == '\0' || strchr("/!Csrpx", *at) == NULL)
		return false;
	while (*at != '\0' && strchr("/!Csrpx", *at) != NULL)
		at++;
	return *at == ' ';
}

static bool slow_rule(const struct how *how, const char *line, size_t bytes)
{
	bool includes = how->second;

	if (bytes > LONGEST_RULE || strlen(line) != bytes)
		return false;
	if (bytes == 0 || (!how->nul && (line[0] == '#' || line[0] == ';')))
		return true;
	if ((!how->nul && line[bytes - 1] == '\r') || strcmp(line, "!") == 0 ||
	    slow_is_foreign(line))
		return false;
	if (strncmp(line, "+ ", 2) == 0 || strncmp(line, "- ", 2) == 0) {
		includes = line[0] == '+';
		line += 2;
		bytes -= 2;
	}
	if (bytes > LONGEST_PATTERN || !slow_is_pattern(line))
		return false;
	add_item(&expected, line, bytes, includes ? WEIR_RULE_INCLUDE : WEIR_RULE_EXCLUDE);
	return true;
}

/* True if nothing is refused; *COUNT items were looked at. */
static bool slow_read(const struct how *how, struct fuzz_input list, size_t *count)
{
	*count = 0;
	while (list.left > 0) {
		size_t bytes;
		char *item = fuzz_field(&list, how->nul ? '\0' : '\n', &bytes);
		bool taken;

		(*count)++;
		taken = how->is_rules ? slow_rule(how, item, bytes) : slow_name(how, item, bytes);
		free(item);
		if (!taken)
			return false;
	}
	return true;
}

/* ---- the command's ---- */

static const struct speaker speaker = { .name = "weir sync", .verb = VERB_SYNC };

static int read_rules(const struct how *how, struct weir_run *run)
{
	const char *name = how->second ? "include-from" : "exclude-from";
	struct request_item item = { options_find_name(VERB_SYNC, name, strlen(name)), "-" };
	struct request request = { .rules = &item, .rule_count = 1 };
	struct rules rules = { .keeps_origins = how->strips };
	int status;

	FUZZ_CHECK(item.option != NULL);
	request.values[SETTING_NULL] = how->nul;
	status = rules_add(&speaker, &request, run, &rules);
	if (rules.keeps_origins) {
		FUZZ_CHECK(rules.count == given.count);
		for (size_t i = 0; i < rules.count; i++)
			FUZZ_CHECK(strcmp(rules.origins[i].pattern, given.rows[i].text) == 0);
	}
	rules_free(&rules);
	return status;
}

static int read_list(const struct how *how, struct weir_run *run, size_t *count)
{
	if (how->is_rules)
		return read_rules(how, run);
	if (how->second)
		return names_choose(&speaker, run, "-", how->nul, count);
	return names_add_sources(&speaker, run, "-", how->nul, how->strips, count);
}

static void free_items(struct items *items)
{
	while (items->count > 0)
		free(items->rows[--items->count].text);
}

static void compare_items(void)
{
	FUZZ_CHECK(given.count == expected.count);
	for (size_t i = 0; i < given.count; i++)
		FUZZ_CHECK(strcmp(given.rows[i].text, expected.rows[i].text) == 0 &&
			   given.rows[i].kind == expected.rows[i].kind);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static const cookie_io_functions_t functions = { .read = stream_read };
	struct fuzz_input input = { data, bytes };
	uint8_t bits = fuzz_byte(&input);
	struct how how = { (bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0 };
	FILE *before = stdin;
	struct weir_run *run;
	size_t count = 0, slow_count;
	int status;
	bool good;

	stream.at_once = 1 + (size_t)fuzz_byte(&input);
	stream.at = input.at;
	stream.left = input.left;
	run = weir_run_new(WEIR_SYNC);
	stdin = fopencookie(NULL, "r", functions);
	FUZZ_CHECK(run != NULL && stdin != NULL);
	capture_begin();
	status = read_list(&how, run, &count);
	capture_end();
	good = slow_read(&how, input, &slow_count);
	FUZZ_CHECK(status == (good ? 0 : 2));
	FUZZ_CHECK(how.is_rules || count == slow_count);
	compare_items();
	FUZZ_CHECK(capture_is_empty(STDOUT_FILENO));
	if (good)
		FUZZ_CHECK(capture_is_empty(STDERR_FILENO));
	else
		capture_check_message("weir sync: ");
	fclose(stdin);
	stdin = before;
	weir_run_free(run);
	free_items(&given);
	free_items(&expected);
	return 0;
}
