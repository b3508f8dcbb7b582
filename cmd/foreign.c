/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "foreign.h"

#include <stdint.h>
#include <string.h>

#include "options.h"

#define GUESS_NAME_BYTES 32U

/* NULL: no better hint than the help. */
static const struct foreign_letter {
	char letter;
	const char *hint;
} foreign_letters[] = {
	{ 'V', "the version is 'weir --version'" },
	{ 'z', "nothing is sent over a network, so nothing is compressed" },
	{ 'e', "both sides are local paths; nothing is sent over a network" },
	{ 'W', "whole files are always copied" },
};

static const struct foreign_name {
	const char *name;
	const char *hint;
} foreign_names[] = {
	{ "compress", "nothing is sent over a network, so nothing is compressed" },
	{ "rsh", "both sides are local paths; nothing is sent over a network" },
	{ "whole-file", "whole files are always copied" },
	{ "partial", "an interrupted copy leaves no partial file" },
	{ "times", "use --preserve" },
	{ "perms", "use --preserve" },
	{ "owner", "use --preserve" },
	{ "group", "use --preserve" },
	{ "attributes", "use --preserve" },
	{ "relative", "use --parents" },
	{ "keep-dirlinks", "use --keep-directory-symlink" },
	{ "hard-links", "use --preserve=links" },
	{ "acls", "use --preserve=mode" },
	{ "xattrs", "use --preserve=xattr" },
	{ "ignore-existing", "use --no-clobber" },
	{ "filter", "use --exclude and --include" },
	{ "existing", "--update replaces only what is older" },
	{ "from0", "use --null" },
	{ "fsync", "use --durable=file" },
	{ "info", "use --progress or --stats" },
	{ "itemize-changes", "use --verbose" },
	{ "human-readable", "the report is always readable; --stats adds exact counters" },
	{ "jobs", "use --workers" },
	{ "threads", "use --workers" },
	{ "parallel", "use --workers" },
	{ "block-size", "use --chunk-size" },
	{ "bs", "use --chunk-size" },
	{ "buffer-size", "use --chunk-size" },
	{ "queue-depth", "use --depth" },
	{ "ionice", "use --ioprio" },
	{ "limit-rate", "use --bwlimit" },
	{ "rate-limit", "use --bwlimit" },
	{ "time-limit", "use --stop-after" },
	{ "max-duration", "use --stop-after" },
	{ "iodepth", "use --depth" },
	{ "io", "use --engine" },
	{ "output", "the target is the last operand, or --target-directory" },
	{ "silent", "use --quiet" },
	{ "log", "use --log-file" },
	{ "list-only", "use --dry-run" },
	{ "version", "the version is 'weir --version'" },
};

const char *foreign_letter_hint(char letter)
{
	for (size_t i = 0; i < sizeof(foreign_letters) / sizeof(foreign_letters[0]); i++)
		if (foreign_letters[i].letter == letter)
			return foreign_letters[i].hint;
	return NULL;
}

const char *foreign_name_hint(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(foreign_names) / sizeof(foreign_names[0]); i++)
		if (strlen(foreign_names[i].name) == length &&
		    memcmp(foreign_names[i].name, name, length) == 0)
			return foreign_names[i].hint;
	return NULL;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Letters to insert, drop or change to get from one name to the other. */
static unsigned edit_distance(const char *from, size_t from_length, const char *to,
			      size_t to_length)
{
	unsigned row[GUESS_NAME_BYTES + 1];

	for (unsigned column = 0; column <= to_length; column++)
		row[column] = column;
	for (unsigned line = 1; line <= from_length; line++) {
		unsigned diagonal = row[0];

		row[0] = line;
		for (unsigned column = 1; column <= to_length; column++) {
			unsigned change = diagonal + (from[line - 1] != to[column - 1]);

			diagonal = row[column];
			row[column] = least(change, least(row[column], row[column - 1]) + 1);
		}
	}
	return row[to_length];
}

static bool is_near(const struct option *option, const char *name, size_t length)
{
	size_t option_length = strlen(option->name);

	if (length < 3 || length > GUESS_NAME_BYTES || option_length > GUESS_NAME_BYTES)
		return false;
	if (length < option_length && memcmp(option->name, name, length) == 0)
		return true;
	return edit_distance(name, length, option->name, option_length) <= (length < 6 ? 1 : 2);
}

bool foreign_guess_name(struct text *text, unsigned verbs, const char *name, size_t length)
{
	const struct option *guess = NULL;

	for (const struct option *option = options; option->name != NULL; option++) {
		if (option->group == GROUP_HIDDEN || (option->verbs & verbs) == 0 ||
		    !is_near(option, name, length))
			continue;
		if (guess != NULL)
			return false; /* two guesses are none */
		guess = option;
	}
	if (guess == NULL)
		return false;
	text_addf(text, "did you mean '--%s'?", guess->name);
	return true;
}
