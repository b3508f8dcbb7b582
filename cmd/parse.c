/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abbreviate.h"
#include "amount.h"
#include "backup.h"
#include "escape.h"
#include "foreign.h"
#include "keep.h"
#include "limit.h"
#include "output.h"
#include "priority.h"

#define ALL_VERBS (~0U)

struct parser {
	const struct speaker *speaker;
	struct request *request;
	char **words;
	int next; /* index of the next word */
};

struct text usage_begin(const struct speaker *speaker, const char *subject)
{
	struct text text = { 0 };

	text_addf(&text, "%s: ", speaker->name);
	if (subject != NULL)
		text_addf(&text, "%s: ", subject);
	return text;
}

int usage_end(const struct speaker *speaker, struct text *text, const char *hint)
{
	struct output output;

	if (hint != NULL)
		text_addf(text, "; %s", hint);
	else
		text_addf(text, "; see '%s --help'", speaker->name);
	output_open(&output);
	output_err(&output, text_string(text));
	(void)output_close(&output);
	text_free(text);
	return EXIT_USAGE;
}

int usage_error(const struct speaker *speaker, const char *subject, const char *detail)
{
	struct text text = usage_begin(speaker, subject);

	text_add(&text, detail);
	return usage_end(speaker, &text, NULL);
}

int usage_error_name(const struct speaker *speaker, const char *detail, const char *name)
{
	struct text text = usage_begin(speaker, NULL);

	text_addf(&text, "%s ", detail);
	escape_quoted(&text, name, escape_locale_is_utf8());
	return usage_end(speaker, &text, NULL);
}

/* "weir copy: --keep: 'x' is not one of a, b" */
int usage_error_choice(const struct speaker *speaker, const char *subject, const char *word,
		       size_t length, const struct choice *choices)
{
	struct text text = usage_begin(speaker, subject);
	struct text shown = { 0 };
	int status;

	text_add_bytes(&shown, word, length);
	escape_quoted(&text, text_string(&shown), escape_locale_is_utf8());
	text_add(&text, " is not one of");
	for (const struct choice *choice = choices; choice->name != NULL; choice++)
		text_addf(&text, "%s %s", choice == choices ? "" : ",", choice->name);
	status = usage_end(speaker, &text, NULL);
	text_free(&shown);
	return status;
}

/* "weir copy: --depth: 'x' DETAIL" */
static struct text value_begin(const struct speaker *speaker, const char *subject,
			       const char *value)
{
	struct text text = usage_begin(speaker, subject);

	escape_quoted(&text, value, escape_locale_is_utf8());
	text_add(&text, " ");
	return text;
}

static void set_value(struct request *request, const struct effect *effect, int64_t value)
{
	if (effect->setting >= WEIR_OPT_KEEP_MODE && effect->setting <= WEIR_OPT_KEEP_PROJECT) {
		keep_raise(request, effect->setting); /* of -a */
		return;
	}
	/* Bits are gathered: --contents takes nothing away from --allow. */
	if (effect->setting == WEIR_OPT_ALLOW)
		value |= request->values[effect->setting];
	request->values[effect->setting] = value;
	request->given[effect->setting] = true;
}

static int take_choice(const struct speaker *speaker, struct request *request,
		       const struct option *option, const char *subject, const char *value)
{
	const struct choice *found =
		options_find_choice(option->choices, value, strlen(value), speaker->abbreviates);

	if (found == NULL)
		return usage_error_choice(speaker, subject, value, strlen(value), option->choices);
	if (option->text != TEXT_NONE)
		request->texts[option->text] = found->name;
	else
		set_value(request, &option->effects[0], found->value);
	return 0;
}

static int refuse_range(const struct speaker *speaker, const struct option *option,
			const char *subject, const char *value, int64_t lowest, int64_t highest)
{
	struct text text = value_begin(speaker, subject, value);

	text_add(&text, "is out of range: from ");
	amount_add_bound(&text, option->argument, lowest);
	text_add(&text, " to ");
	amount_add_bound(&text, option->argument, highest);
	return usage_end(speaker, &text, NULL);
}

/* A number that could be of one unit or of another.  0: it is too large for that. */
static int refuse_bare(const struct speaker *speaker, const struct option *option,
		       const char *subject, const char *value, int64_t number)
{
	struct text text = value_begin(speaker, subject, value);

	if (amount_add_readings(&text, option->argument, number))
		return usage_end(speaker, &text, NULL);
	text_free(&text);
	return 0;
}

static int take_number(const struct speaker *speaker, struct request *request,
		       const struct option *option, const char *subject, const char *value)
{
	int64_t number;
	int64_t lowest;
	int64_t highest;
	struct text text;
	int result = amount_parse(option->argument, value, &number);

	if (result == -EINVAL) {
		text = value_begin(speaker, subject, value);
		text_add(&text, amount_shape(option->argument));
		return usage_end(speaker, &text, NULL);
	}
	if (result == -EDOM && refuse_bare(speaker, option, subject, value, number) != 0)
		return EXIT_USAGE;
	if (weir_bounds((enum weir_option)option->effects[0].setting, &lowest, &highest) < 0) {
		text = value_begin(speaker, subject, value);
		text_add(&text, "cannot be checked: the library does not know this option");
		return usage_end(speaker, &text, NULL);
	}
	if (result < 0 || number < lowest || number > highest)
		return refuse_range(speaker, option, subject, value, lowest, highest);
	if (option->multiple != 0 && number % option->multiple != 0) {
		text = value_begin(speaker, subject, value);
		text_add(&text, "is not a multiple of ");
		amount_add_bound(&text, option->argument, option->multiple);
		return usage_end(speaker, &text, NULL);
	}
	set_value(request, &option->effects[0], number);
	return 0;
}

static int take_seconds(const struct speaker *speaker, struct request *request,
			const struct option *option, const char *subject, const char *value)
{
	int64_t nanoseconds;
	struct text text;

	if (limit_parse_seconds(value, &nanoseconds) == 0) {
		set_value(request, &option->effects[0], nanoseconds);
		return 0;
	}
	text = value_begin(speaker, subject, value);
	text_add(&text, "is not a number of seconds, such as 2 or 0.5");
	return usage_end(speaker, &text, NULL);
}

/* A number, or a part of all: either undoes the other. */
static int take_limit(const struct speaker *speaker, struct request *request,
		      const struct option *option, const char *subject, const char *value)
{
	int64_t count, percent;
	struct text text;

	if (limit_parse(value, &count, &percent) == 0) {
		set_value(request, &option->effects[0], count);
		set_value(request, &option->effects[1], percent);
		return 0;
	}
	text = value_begin(speaker, subject, value);
	text_add(&text, "is neither a number nor a percentage up to 100%");
	return usage_end(speaker, &text, NULL);
}

static int take_text(const struct speaker *speaker, struct request *request,
		     const struct option *option, const char *subject, const char *value)
{
	if (value[0] == '\0')
		return usage_error(speaker, subject,
				   option->argument == ARGUMENT_WORD ? "the value is empty"
								     : "the name is empty");
	if (option->text == TEXT_RULES) {
		request->rules[request->rule_count++] = (struct request_item){ option, value };
		return 0;
	}
	if (option->text == TEXT_EARLIER) {
		request->earlier[request->earlier_count++] = (struct request_item){ option, value };
		return 0;
	}
	if (request->texts[option->text] != NULL)
		return usage_error(speaker, subject, "given twice");
	request->texts[option->text] = value;
	return 0;
}

static int take_value(const struct speaker *speaker, struct request *request,
		      const struct option *option, const char *subject, const char *value)
{
	switch (option->argument) {
	case ARGUMENT_CHOICE:
		return take_choice(speaker, request, option, subject, value);
	case ARGUMENT_SIZE:
	case ARGUMENT_COUNT:
	case ARGUMENT_RATE:
	case ARGUMENT_WAIT:
	case ARGUMENT_DURATION:
		return take_number(speaker, request, option, subject, value);
	case ARGUMENT_SECONDS:
		return take_seconds(speaker, request, option, subject, value);
	case ARGUMENT_LIMIT:
		return take_limit(speaker, request, option, subject, value);
	case ARGUMENT_FILE:
	case ARGUMENT_FOLDER:
	case ARGUMENT_WORD:
		return take_text(speaker, request, option, subject, value);
	case ARGUMENT_WORDS:
		return keep_take_words(speaker, request, option, subject, value);
	case ARGUMENT_POLICIES:
		return keep_take_policies(speaker, request, option, subject, value);
	case ARGUMENT_CONTROL:
		return backup_take_control(speaker, request, option, subject, value);
	case ARGUMENT_BITS:
		return keep_take_bits(speaker, request, option, subject, value);
	case ARGUMENT_SUFFIX:
		return backup_take_suffix(speaker, request, option, subject, value);
	case ARGUMENT_PRIORITY:
		return priority_take(speaker, request, option, subject, value);
	case ARGUMENT_NONE:
		break;
	}
	for (size_t i = 0; i < sizeof(option->effects) / sizeof(option->effects[0]); i++)
		if (option->effects[i].setting != 0)
			set_value(request, &option->effects[i], option->effects[i].value);
	return 0;
}

/* The value of an option: what is joined to it, else the next word. */
static int take_option(struct parser *parser, const struct option *option, const char *subject,
		       const char *joined)
{
	const char *value = joined;
	struct text text;

	if (value == NULL)
		value = option->otherwise;
	if (value == NULL && option->argument != ARGUMENT_NONE) {
		value = parser->words[parser->next];
		if (value == NULL) {
			text = usage_begin(parser->speaker, subject);
			text_addf(&text, "%s is missing", option->argument_name);
			return usage_end(parser->speaker, &text, NULL);
		}
		parser->next++;
	}
	return take_value(parser->speaker, parser->request, option, subject, value);
}

/* "weir copy: --nosuch: not an option of weir; HINT", with what stands on the command
 * line.  An option of another verb (ELSEWHERE) is not called unknown. */
static int refuse_option(const struct speaker *speaker, const char *shown,
			 const struct option *elsewhere, const char *hint)
{
	struct text other = { 0 };
	struct text text = usage_begin(speaker, NULL);
	bool is_known = foreign_other_verb(&other, elsewhere) && speaker->verb != VERB_NONE;
	int status;

	if (is_known && hint == NULL)
		hint = text_string(&other);
	escape_bare(&text, shown, escape_locale_is_utf8());
	text_addf(&text, ": not an option of %s", is_known ? speaker->name : "weir");
	status = usage_end(speaker, &text, hint);
	text_free(&other);
	return status;
}

/* A long option that is not ours: which one it could be, or who takes it. */
static int refuse_name(const struct parser *parser, const char *word, size_t length)
{
	const struct speaker *speaker = parser->speaker;
	const struct option *elsewhere = options_find_name(ALL_VERBS, word + 2, length);
	const char *hint = foreign_name_hint(speaker->verb, word + 2, length);
	struct text guess = { 0 };
	struct text shown = { 0 };
	int status;

	if (elsewhere != NULL && speaker->verb == VERB_NONE)
		hint = "options of a verb follow it";
	else if (elsewhere == NULL && hint == NULL &&
		 foreign_guess_name(&guess, speaker->verb, word + 2, length))
		hint = text_string(&guess);
	text_add_bytes(&shown, word, length + 2);
	status = refuse_option(speaker, text_string(&shown), elsewhere, hint);
	text_free(&guess);
	text_free(&shown);
	return status;
}

/* "cp: --re: could be --recursive, --reflink" */
static int refuse_ambiguous(const struct parser *parser, const char *word, size_t length,
			    const struct text *matches)
{
	struct text text = usage_begin(parser->speaker, NULL);

	text_add_bytes(&text, word, length + 2);
	text_addf(&text, ": could be %s", text_string(matches));
	return usage_end(parser->speaker, &text, NULL);
}

/* The option that the first LENGTH bytes behind the dashes of WORD name, or a
 * short form of it.  0, or an exit status after a message. */
static int find_long(const struct parser *parser, const char *word, size_t length,
		     const struct option **option)
{
	unsigned verbs = parser->speaker->verb;
	struct text matches = { 0 };
	const char *whole = NULL;
	size_t count = 0;
	int status = 0;

	*option = options_find_name(verbs, word + 2, length);
	if (*option == NULL && parser->speaker->abbreviates)
		count = abbreviate_find(word + 2, length, &whole, &matches);
	if (count == 1)
		*option = options_find_name(verbs, whole, strlen(whole));
	if (count > 1)
		status = refuse_ambiguous(parser, word, length, &matches);
	else if (*option == NULL && count == 1)
		status = refuse_name(parser, text_string(&matches), strlen(whole));
	else if (*option == NULL)
		status = refuse_name(parser, word, length);
	text_free(&matches);
	return status;
}

static int parse_long(struct parser *parser, const char *word)
{
	const char *equals = strchr(word, '=');
	size_t length = equals != NULL ? (size_t)(equals - word) - 2 : strlen(word) - 2;
	const struct option *option;
	char name[64];
	int status = find_long(parser, word, length, &option);

	if (status != 0)
		return status;
	snprintf(name, sizeof(name), "--%s", option->name);
	if (equals != NULL && option->argument == ARGUMENT_NONE)
		return usage_error(parser->speaker, name, "takes no value");
	return take_option(parser, option, name, equals != NULL ? equals + 1 : NULL);
}

static int refuse_letter(const struct parser *parser, const char *word, const char *letter)
{
	const struct speaker *speaker = parser->speaker;
	const struct option *elsewhere = options_find_letter(ALL_VERBS, *letter);
	const char *hint = foreign_letter_hint(speaker->verb, *letter);
	struct text guess = { 0 };
	struct text shown = { 0 };
	int status;

	/* A word such as -recursive is a long option that lost a dash. */
	if (options_find_name(speaker->verb, word + 1, strlen(word + 1)) != NULL) {
		text_addf(&guess, "did you mean '-%s'?", word);
		hint = text_string(&guess);
	} else if (speaker->verb == VERB_NONE && elsewhere != NULL) {
		hint = "options of a verb follow it";
	}
	/* A letter that is no ASCII is part of a character: show the whole word. */
	if ((unsigned char)*letter < 0x80)
		text_addf(&shown, "-%c", *letter);
	else
		text_add(&shown, word);
	status = refuse_option(speaker, text_string(&shown), elsewhere, hint);
	text_free(&guess);
	text_free(&shown);
	return status;
}

/* A word of letters; one that takes a value takes the rest of the word. */
static int parse_letters(struct parser *parser, const char *word)
{
	for (const char *letter = word + 1; *letter != '\0'; letter++) {
		const struct option *option = options_find_letter(parser->speaker->verb, *letter);
		char name[3] = { '-', *letter, '\0' };
		int status;

		if (option == NULL)
			return refuse_letter(parser, word, letter);
		parser->request->letters[(unsigned char)*letter] = true;
		if (option->argument != ARGUMENT_NONE && option->otherwise == NULL)
			return take_option(parser, option, name,
					   letter[1] != '\0' ? letter + 1 : NULL);
		status = take_option(parser, option, name, NULL);
		if (status != 0)
			return status;
	}
	return 0;
}

static int parse_word(struct parser *parser, bool *operands_only)
{
	struct request *request = parser->request;
	const char *word = parser->words[parser->next++];

	if (*operands_only || word[0] != '-' || word[1] == '\0') {
		if (getenv("POSIXLY_CORRECT") != NULL)
			*operands_only = true;
		request->operands[request->operand_count++] = word;
		return 0;
	}
	if (strcmp(word, "--") == 0) {
		*operands_only = true;
		return 0;
	}
	return word[1] == '-' ? parse_long(parser, word) : parse_letters(parser, word);
}

int parse_words(const struct speaker *speaker, char **words, struct request *request)
{
	struct parser parser = { .speaker = speaker, .request = request, .words = words };
	bool operands_only = false;
	size_t count = 0;

	*request = (struct request){ 0 };
	while (words[count] != NULL)
		count++;
	request->operands = calloc(count + 1, sizeof(*request->operands));
	request->rules = calloc(count + 1, sizeof(*request->rules));
	request->earlier = calloc(count + 1, sizeof(*request->earlier));
	if (request->operands == NULL || request->rules == NULL || request->earlier == NULL) {
		(void)usage_error(speaker, NULL, "no memory for the operands");
		return -(int)WEIR_RESULT_FATAL;
	}
	while (words[parser.next] != NULL && !request->given[SETTING_HELP] &&
	       !request->given[SETTING_VERSION]) {
		int status = parse_word(&parser, &operands_only);

		if (status != 0)
			return -status;
		if (speaker->first_operand_ends && request->operand_count > 0)
			break;
	}
	return parser.next;
}

int parse_environment(const struct speaker *speaker, struct request *request)
{
	for (const struct option *option = options; option->name != NULL; option++) {
		const char *value;
		int status;

		if (option->environment == NULL || (option->verbs & speaker->verb) == 0)
			continue;
		value = getenv(option->environment);
		if (value == NULL || value[0] == '\0' || request->given[option->effects[0].setting])
			continue;
		status = take_value(speaker, request, option, option->environment, value);
		if (status != 0)
			return status;
	}
	return 0;
}

/* Texts that go to the run as they are. */
static const struct run_text {
	enum setting_text text;
	enum weir_text option;
	const char *name;
	const char *form; /* what it must be, or NULL */
} run_texts[] = {
	{ TEXT_BACKUP_SUFFIX, WEIR_TEXT_BACKUP_SUFFIX, "--suffix", NULL },
	{ TEXT_EXPECT_FS, WEIR_TEXT_EXPECT_FS, "--expect-fs", NULL },
	{ TEXT_REQUIRE_MOUNT, WEIR_TEXT_REQUIRE_MOUNT, "--require-mount", NULL },
	{ TEXT_SNAPSHOT, WEIR_TEXT_SNAPSHOT, "--snapshot", NULL },
	{ TEXT_RETAIN, WEIR_TEXT_RETAIN, "--retain",
	  "is no list of last:N, hourly:N, daily:N, weekly:N, monthly:N and yearly:N, each "
	  "at most once, with N from 1 to 1000000" },
	{ TEXT_TRASH, WEIR_TEXT_TRASH, "--trash", NULL },
	{ TEXT_BACKUP_FOLDER, WEIR_TEXT_BACKUP_FOLDER, "--backup-dir", NULL },
};

/* Without memory the words are not wrong: the run just cannot start. */
static int no_fault_of_words(int result, int status)
{
	return result == -ENOMEM ? (int)WEIR_RESULT_FATAL : status;
}

/* They have no bounds to ask for: most that is wrong was refused when it was read. */
static int apply_texts(const struct speaker *speaker, const struct request *request,
		       struct weir_run *run)
{
	for (size_t i = 0; i < sizeof(run_texts) / sizeof(run_texts[0]); i++) {
		const char *value = request->texts[run_texts[i].text];
		int result = value != NULL ? weir_run_set_text(run, run_texts[i].option, value) : 0;
		struct text text;

		if (result == 0)
			continue;
		text = usage_begin(speaker, run_texts[i].name);
		escape_quoted(&text, value, escape_locale_is_utf8());
		if (result == -EINVAL && run_texts[i].form != NULL) {
			text_add(&text, " ");
			text_add(&text, run_texts[i].form);
		} else {
			text_add(&text, " cannot be used: ");
			output_add_reason(&text, -result);
		}
		return no_fault_of_words(result, usage_end(speaker, &text, NULL));
	}
	return 0;
}

/* "weir sync: --link-dest: 'a' is one too many" */
static int apply_earlier(const struct speaker *speaker, const struct request *request,
			 struct weir_run *run)
{
	for (size_t i = 0; i < request->earlier_count; i++) {
		const struct request_item *item = &request->earlier[i];
		enum weir_text option = (enum weir_text)item->option->effects[0].value;
		int result = weir_run_set_text(run, option, item->value);
		struct text subject = { 0 };
		struct text text;
		int status;

		if (result == 0)
			continue;
		text_addf(&subject, "--%s", item->option->name);
		text = value_begin(speaker, text_string(&subject), item->value);
		text_add(&text, result == -E2BIG ? "is one too many" : "cannot be used: ");
		if (result != -E2BIG)
			output_add_reason(&text, -result);
		status = no_fault_of_words(result, usage_end(speaker, &text, NULL));
		text_free(&subject);
		return status;
	}
	return 0;
}

int request_apply(const struct speaker *speaker, const struct request *request,
		  struct weir_run *run)
{
	int result;

	for (int setting = 1; setting < SETTING_OWN; setting++) {
		struct text text;

		if (!request->given[setting])
			continue;
		result = weir_run_set(run, (enum weir_option)setting, request->values[setting]);
		if (result == 0)
			continue;
		text = usage_begin(speaker, NULL);
		text_addf(&text, "option %d cannot be %lld: ", setting,
			  (long long)request->values[setting]);
		output_add_reason(&text, -result);
		return usage_end(speaker, &text, NULL);
	}
	result = apply_texts(speaker, request, run);
	return result != 0 ? result : apply_earlier(speaker, request, run);
}

void request_free(struct request *request)
{
	free(request->operands);
	free(request->rules);
	free(request->earlier);
	request->rules = NULL;
	request->rule_count = 0;
	request->earlier = NULL;
	request->earlier_count = 0;
	request->operands = NULL;
	request->operand_count = 0;
}
