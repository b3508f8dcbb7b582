/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "help.h"

#include <errno.h>
#include <string.h>

#include "output.h"
#include "program.h"

#define HELP_COLUMNS 80U
#define HELP_INDENT 28U /* where the words behind an option begin */

int help_write(const struct text *text)
{
	struct output output;

	output_open(&output);
	text_add_bytes(&output.out, text_string(text), text->length_bytes);
	if (text->truncated || output.out.truncated)
		output.out_errnum = ENOMEM;
	return output_close(&output) == 0 ? 0 : 1;
}

static void add_spaces(struct text *text, size_t count)
{
	text_addf(text, "%*s", (int)count, "");
}

/* "-r, -R, --recursive" or "    --durable=LEVEL" */
static void add_option_names(struct text *text, const struct option *option)
{
	text_add(text, option->letters[0] != '\0' ? "  " : "      ");
	for (const char *letter = option->letters; *letter != '\0'; letter++)
		text_addf(text, "-%c, ", *letter);
	text_addf(text, "--%s", option->name);
	if (option->otherwise != NULL)
		text_addf(text, "[=%s]", option->argument_name);
	else if (option->argument != ARGUMENT_NONE)
		text_addf(text, "=%s", option->argument_name);
}

/* Adds WORDS broken at spaces; the cursor is at COLUMN. */
static void add_wrapped(struct text *text, const char *words, size_t column)
{
	while (*words != '\0') {
		size_t length = strcspn(words, " ");

		if (column > HELP_INDENT && column + 1 + length > HELP_COLUMNS) {
			text_add(text, "\n");
			add_spaces(text, HELP_INDENT);
			column = HELP_INDENT;
		} else if (column > HELP_INDENT) {
			text_add(text, " ");
			column++;
		}
		text_add_bytes(text, words, length);
		column += length;
		words += length;
		words += strspn(words, " ");
	}
	text_add(text, "\n");
}

static void add_choices(struct text *text, const struct option *option, const char *between)
{
	for (const struct choice *choice = option->choices; choice->name != NULL; choice++)
		text_addf(text, "%s%s", choice == option->choices ? "" : between, choice->name);
}

static void add_option(struct text *text, const struct option *option)
{
	struct text names = { 0 };
	struct text words = { 0 };

	add_option_names(&names, option);
	text_add(text, text_string(&names));
	if (names.length_bytes + 2 > HELP_INDENT)
		text_add(text, "\n");
	add_spaces(text, names.length_bytes + 2 > HELP_INDENT ? HELP_INDENT
							      : HELP_INDENT - names.length_bytes);
	if (option->choices != NULL) {
		add_choices(&words, option, ", ");
		text_add(&words, ": ");
	}
	text_add(&words, option->help);
	add_wrapped(text, text_string(&words), HELP_INDENT);
	text_free(&names);
	text_free(&words);
}

static void add_options(struct text *text, unsigned verbs_bits)
{
	for (int group = 0; group < GROUP_HIDDEN; group++) {
		bool titled = false;

		for (const struct option *option = options; option->name != NULL; option++) {
			if ((int)option->group != group || (option->verbs & verbs_bits) == 0)
				continue;
			if (!titled)
				text_addf(text, "\n%s:\n", option_group_titles[group]);
			titled = true;
			add_option(text, option);
		}
	}
}

int help_show_verb(const struct verb *verb)
{
	struct text text = { 0 };
	int status;

	for (size_t i = 0; verb->usage[i] != NULL; i++)
		text_addf(&text, "%s %s %s\n", i == 0 ? "Usage:" : "      ", verb->speaker.name,
			  verb->usage[i]);
	add_options(&text, verb->speaker.verb);
	for (size_t i = 0; verb->notes[i] != NULL; i++)
		text_addf(&text, "%s%s\n", i == 0 ? "\n" : "", verb->notes[i]);
	status = help_write(&text);
	text_free(&text);
	return status;
}

int help_show_weir(void)
{
	struct text text = { 0 };
	int status;

	text_add(&text, "Usage: weir VERB [OPTIONS] ...\n"
			"Copy files fast, and say \"done\" only when they are on the device.\n"
			"\nVerbs:\n");
	for (const struct verb *verb = verbs; verb->name != NULL; verb++)
		text_addf(&text, "  %-*s%s\n", (int)HELP_INDENT - 2, verb->name, verb->summary);
	add_options(&text, VERB_NONE);
	text_add(&text, "\n'weir help VERB' and 'weir VERB --help' show the options of a verb.\n");
	status = help_write(&text);
	text_free(&text);
	return status;
}

int help_show_version(void)
{
	struct text text = { 0 };
	int status;

	text_addf(&text, program_is_cp() ? "%s (weir) %s\n" : "%s %s\n", program_name(),
		  WEIR_VERSION);
	text_addf(&text, "libweir %s\n", weir_version());
	text_add(&text, weir_features());
	if (text.data != NULL && text.data[text.length_bytes - 1] != '\n')
		text_add(&text, "\n");
	status = help_write(&text);
	text_free(&text);
	return status;
}

static const char *argument_kind(enum option_argument argument)
{
	switch (argument) {
	case ARGUMENT_NONE:
		return "none";
	case ARGUMENT_CHOICE:
		return "choice";
	case ARGUMENT_WORDS:
		return "words";
	case ARGUMENT_POLICIES:
		return "policies";
	case ARGUMENT_SIZE:
		return "size";
	case ARGUMENT_COUNT:
		return "count";
	case ARGUMENT_FILE:
		return "file";
	case ARGUMENT_FOLDER:
		return "folder";
	case ARGUMENT_WORD:
		return "word";
	case ARGUMENT_CONTROL:
		return "control";
	case ARGUMENT_SUFFIX:
		return "suffix";
	case ARGUMENT_SECONDS:
		return "seconds";
	case ARGUMENT_LIMIT:
		return "limit";
	case ARGUMENT_RATE:
		return "rate";
	case ARGUMENT_DURATION:
		return "duration";
	case ARGUMENT_PRIORITY:
		return "priority";
	case ARGUMENT_BITS:
		return "bits";
	case ARGUMENT_WAIT:
		return "wait";
	}
	return "-";
}

static void dump_option(struct text *text, const char *verb, const struct option *option)
{
	text_addf(text, "%s\t%s\t%s\t%s\t%s\t", verb, option->name,
		  option->letters[0] != '\0' ? option->letters : "-",
		  argument_kind(option->argument),
		  option->argument_name != NULL ? option->argument_name : "-");
	if (option->choices != NULL)
		add_choices(text, option, "|");
	else
		text_add(text, "-");
	text_addf(text, "\t%s\t%s\t%s\n", option_group_titles[option->group], option->since,
		  option->help);
}

static void dump_verb(struct text *text, const char *name, unsigned verb)
{
	for (const struct option *option = options; option->name != NULL; option++)
		if ((option->verbs & verb) != 0 && option->group != GROUP_HIDDEN)
			dump_option(text, name, option);
}

int help_dump_options(void)
{
	struct text text = { 0 };
	int status;

	dump_verb(&text, PROGRAM_WEIR, VERB_NONE);
	for (const struct verb *verb = verbs; verb->name != NULL; verb++)
		dump_verb(&text, verb->name, verb->speaker.verb);
	status = help_write(&text);
	text_free(&text);
	return status;
}
