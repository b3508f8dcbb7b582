/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"
#include "output.h"
#include "program.h"
#include "trust.h"

/* Longer than any pattern; a file that is no list of them must not fill the
 * memory before it is refused. */
#define LINE_BYTES 8192U

struct reader {
	const struct speaker *speaker;
	const struct option *option;
	const char *value; /* the pattern, or the name of the file */
	struct weir_run *run;
	struct rules *rules;
	bool ends_with_nul;
	size_t line; /* 0: not in a file */
};

static bool is_file(const struct option *option)
{
	return option->argument == ARGUMENT_FILE;
}

/* "weir copy: --exclude-from: 'FILE', line 3: 'PATTERN' DETAIL", where there is
 * a file, and a pattern that can be shown */
static int refuse(const struct reader *reader, const char *pattern, const char *detail,
		  const char *hint)
{
	bool utf8 = escape_locale_is_utf8();
	char name[64];
	struct text text;

	snprintf(name, sizeof(name), "--%s", reader->option->name);
	text = usage_begin(reader->speaker, name);
	if (reader->line > 0) {
		escape_quoted(&text, reader->value, utf8);
		text_addf(&text, ", %s %zu: ", reader->ends_with_nul ? "rule" : "line",
			  reader->line);
	}
	if (pattern != NULL) {
		escape_quoted(&text, pattern, utf8);
		text_add(&text, " ");
	}
	text_add(&text, detail);
	return usage_end(reader->speaker, &text, hint);
}

/* ---- one rule ---- */

static bool begins_with_word(const char *line)
{
	static const char *const words[] = { "merge",	"dir-merge", "exclude", "include",
					     "protect", "hide",	     "show",	"risk" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t length = strlen(words[i]);

		if (strncmp(line, words[i], length) == 0 &&
		    (line[length] == ' ' || line[length] == ','))
			return true;
	}
	return false;
}

/* True if a line of a file looks like a rule of rsync's --filter.  Read as a
 * pattern it would match nothing, and nobody would know. */
static bool is_filter_rule(const char *line)
{
	size_t modifiers;

	if (strchr(".:HSPR", line[0]) != NULL && line[0] != '\0' && line[1] == ' ')
		return true;
	if (line[0] != '+' && line[0] != '-')
		return begins_with_word(line);
	line += line[1] == ',' ? 2 : 1;
	modifiers = strspn(line, "/!Csrpx");
	return modifiers > 0 && line[modifiers] == ' ';
}

static int keep_origin(struct rules *rules, const struct reader *reader, bool includes,
		       const char *pattern)
{
	if (!rules->keeps_origins) {
		rules->count++;
		return 0;
	}
	if (rules->count == rules->room) {
		size_t room = rules->room == 0 ? 16 : rules->room * 2;
		void *origins = reallocarray(rules->origins, room, sizeof(*rules->origins));

		if (origins == NULL)
			return -ENOMEM;
		rules->origins = origins;
		rules->room = room;
	}
	rules->origins[rules->count] = (struct rule_origin){
		.option = reader->option->name,
		.file = reader->line > 0 ? reader->value : NULL,
		.line = reader->line,
		.includes = includes,
		.pattern = strdup(pattern),
	};
	if (rules->origins[rules->count].pattern == NULL)
		return -ENOMEM;
	rules->count++;
	return 0;
}

static int refuse_result(const struct reader *reader, const char *pattern, int result)
{
	switch (result) {
	case -EINVAL:
		return refuse(reader, pattern,
			      "can match nothing: '[' without ']', an unknown [:class:], a "
			      "backslash at the end, or a name that is empty",
			      NULL);
	case -ENAMETOOLONG:
		return refuse(reader, NULL, "a pattern is longer than 4095 bytes", NULL);
	case -E2BIG:
		return refuse(reader, NULL, "there are too many rules: at most 65536, of 64 MiB",
			      NULL);
	default:
		return output_fail("use rules", reader->value, -result);
	}
}

/* LINE is what the option or the file says: a pattern, perhaps with a prefix
 * that says otherwise than the option. */
static int add_rule(const struct reader *reader, const char *line)
{
	bool includes = reader->option->effects[0].value == WEIR_RULE_INCLUDE;
	const char *pattern = line;
	int result;

	if (strcmp(line, "!") == 0)
		return refuse(reader, line, "takes no rule back here",
			      "'[\\!]' is a name that is only this");
	if (reader->line > 0 && is_filter_rule(line))
		return refuse(reader, line, "is a filter rule of rsync, not a pattern",
			      "its first letter in brackets makes it one, as in '[P] x'");
	if ((line[0] == '+' || line[0] == '-') && line[1] == ' ') {
		includes = line[0] == '+';
		pattern += 2;
	}
	if (pattern[0] == '\0')
		return refuse(reader, NULL, "the pattern is empty", NULL);
	result = weir_run_add_rule(reader->run, includes ? WEIR_RULE_INCLUDE : WEIR_RULE_EXCLUDE,
				   pattern);
	if (result == 0)
		result = keep_origin(reader->rules, reader, includes, pattern);
	return result == 0 ? 0 : refuse_result(reader, pattern, result);
}

/* ---- files ---- */

/* Reads a line without its end into LINE, which has LINE_BYTES.  1; 0: the file
 * ended; -E2BIG; another -errno. */
static int read_line(FILE *stream, int end, char *line, size_t *length)
{
	int byte = getc_unlocked(stream);

	*length = 0;
	if (byte == EOF)
		return ferror(stream) ? -errno : 0;
	for (; byte != EOF && byte != end; byte = getc_unlocked(stream)) {
		if (*length + 1 == LINE_BYTES)
			return -E2BIG;
		line[(*length)++] = (char)byte;
	}
	line[*length] = '\0';
	return byte == EOF && ferror(stream) ? -errno : 1;
}

static bool ends_with_return(const struct reader *reader, const char *line, size_t length)
{
	return !reader->ends_with_nul && length > 0 && line[length - 1] == '\r';
}

static int add_line(const struct reader *reader, const char *line, size_t length)
{
	if (strlen(line) != length)
		return refuse(reader, NULL, "a NUL inside a pattern",
			      "rules that end with NUL need -0 (--null)");
	if (length == 0 || (!reader->ends_with_nul && (line[0] == '#' || line[0] == ';')))
		return 0;
	/* As a part of the pattern it would match nothing, and nobody would know. */
	if (ends_with_return(reader, line, length))
		return refuse(reader, line, "ends with a carriage return",
			      "lines end with a newline alone; one that belongs to a name goes "
			      "in brackets");
	return add_rule(reader, line);
}

static int add_lines(struct reader *reader, FILE *stream)
{
	int end = reader->ends_with_nul ? '\0' : '\n';
	char line[LINE_BYTES];
	int status = 0;

	while (status == 0) {
		size_t length;
		int result = read_line(stream, end, line, &length);

		reader->line++;
		if (result == -E2BIG)
			return refuse_result(reader, NULL, -ENAMETOOLONG);
		if (result < 0)
			return output_fail("read rules", reader->value, -result);
		if (result == 0)
			break;
		status = add_line(reader, line, length);
	}
	return status;
}

static int add_file(struct reader *reader)
{
	bool is_stdin = strcmp(reader->value, "-") == 0;
	FILE *stream;
	int status = is_stdin ? 0 : trust_list(reader->value);

	if (status != 0)
		return output_fail("trust rules", reader->value, status);
	stream = is_stdin ? stdin : fopen(reader->value, "re");
	if (stream == NULL)
		return output_fail("open rules", reader->value, errno);
	status = add_lines(reader, stream);
	if (!is_stdin)
		fclose(stream);
	return status;
}

int rules_add(const struct speaker *speaker, const struct request *request, struct weir_run *run,
	      struct rules *rules)
{
	int status = 0;

	for (size_t i = 0; i < request->rule_count && status == 0; i++) {
		struct reader reader = {
			.speaker = speaker,
			.option = request->rules[i].option,
			.value = request->rules[i].value,
			.run = run,
			.rules = rules,
			.ends_with_nul = request->values[SETTING_NULL] != 0,
		};

		status = is_file(reader.option) ? add_file(&reader)
						: add_rule(&reader, reader.value);
	}
	return status;
}

/* ---- explaining ---- */

/* PATH as a walk would write it: without empty names and dots.  A slash at its
 * end stays. */
static void add_plain_path(struct text *text, const char *path)
{
	while (*path != '\0') {
		size_t name = strcspn(path, "/");
		size_t slashes = strspn(path + name, "/");

		if (name > 0 && !(name == 1 && path[0] == '.')) {
			text_add_bytes(text, path, name);
			if (slashes > 0)
				text_add(text, "/");
		}
		path += name + slashes;
	}
}

/* "rule 2 '*.o' (--exclude-from 'FILE', line 3)" */
static void add_origin(struct text *text, const struct rules *rules, size_t number, bool utf8)
{
	const struct rule_origin *origin = &rules->origins[number];

	text_addf(text, "rule %zu ", number + 1);
	escape_quoted(text, origin->pattern, utf8);
	text_addf(text, " (--%s", origin->option);
	if (origin->file != NULL) {
		text_add(text, " ");
		escape_quoted(text, origin->file, utf8);
		text_addf(text, ", line %zu", origin->line);
	}
	text_add(text, ")");
}

/* "excluded by rule 1 '*.o' (--exclude) with its folder 'a'" */
static void add_rule_of(struct text *line, const struct rules *rules, size_t number,
			const char *path, size_t bytes, bool utf8)
{
	struct text folder = { 0 };

	text_addf(line, "%s by ", rules->origins[number].includes ? "included" : "excluded");
	add_origin(line, rules, number, utf8);
	if (bytes == strlen(path) || path[bytes + 1] == '\0')
		return;
	text_add_bytes(&folder, path, bytes);
	text_add(line, " with its folder ");
	escape_quoted(line, text_string(&folder), utf8);
	text_free(&folder);
}

/* 0 or a negative errno. */
static int add_verdict(struct text *line, const struct rules *rules, const struct weir_run *run,
		       const char *path, bool utf8)
{
	size_t number, bytes;
	int result = rules->no_sources ? -ENOENT : weir_run_find_rule(run, path, &number, &bytes);

	switch (result) {
	case 0:
		text_add(line, "included, no rule matches");
		return 0;
	case 1:
		add_rule_of(line, rules, number, path, bytes, utf8);
		return 0;
	case -ENOENT:
		text_add(line, "left out, no name of the list leads to it");
		return 0;
	case -EISDIR:
		text_add(line, "no rule is asked, it is only a part of names of the list");
		return 0;
	default:
		return result;
	}
}

int rules_explain(const struct speaker *speaker, const struct rules *rules,
		  const struct weir_run *run, const char *path)
{
	struct text plain = { 0 };
	struct text line = { 0 };
	struct output output;
	int result, status;

	add_plain_path(&plain, path);
	if (plain.length_bytes == 0) {
		text_free(&plain);
		return usage_error_name(speaker, "--explain-filter: no name is in", path);
	}
	output_open(&output);
	text_addf(&line, "%s: ", program_name());
	escape_quoted(&line, text_string(&plain), output.utf8);
	text_add(&line, ": ");
	result = add_verdict(&line, rules, run, text_string(&plain), output.utf8);
	if (result == 0)
		output_out(&output, text_string(&line));
	status = output_close(&output) == 0 ? 0 : WEIR_RESULT_FATAL;
	if (result < 0)
		status = output_fail("explain", path, -result);
	text_free(&plain);
	text_free(&line);
	return status;
}

void rules_free(struct rules *rules)
{
	for (size_t i = 0; i < rules->count && rules->origins != NULL; i++)
		free(rules->origins[i].pattern);
	free(rules->origins);
	*rules = (struct rules){ 0 };
}
