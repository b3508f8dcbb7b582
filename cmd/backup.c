/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backup.h"

#include <stdlib.h>
#include <string.h>

#include "escape.h"

#define SUFFIX_BYTES_MAX 255U

/* The choice that WORD names or begins, if all that it begins mean one thing. */
static const struct choice *find_control(const struct choice *choices, const char *word)
{
	const struct choice *found = NULL;
	size_t length = strlen(word);

	for (; choices->name != NULL; choices++) {
		if (strncmp(choices->name, word, length) != 0)
			continue;
		if (choices->name[length] == '\0')
			return choices;
		if (found != NULL && found->value != choices->value)
			return NULL;
		found = choices;
	}
	return found;
}

/* "weir copy: --backup: 'x' is not one of a, b" */
static int refuse_control(const struct speaker *speaker, const struct option *option,
			  const char *subject, const char *word)
{
	struct text text = usage_begin(speaker, subject);

	escape_quoted(&text, word, escape_locale_is_utf8());
	text_add(&text, " is not one of");
	for (const struct choice *choice = option->choices; choice->name != NULL; choice++)
		text_addf(&text, "%s %s", choice == option->choices ? "" : ",", choice->name);
	return usage_end(speaker, &text, NULL);
}

int backup_take_control(const struct speaker *speaker, struct request *request,
			const struct option *option, const char *subject, const char *value)
{
	const struct choice *choice;

	request->given[SETTING_BACKUP] = true;
	if (value[0] == '\0')
		return 0;
	choice = find_control(option->choices, value);
	if (choice == NULL)
		return refuse_control(speaker, option, subject, value);
	request->values[WEIR_OPT_BACKUP] = choice->value;
	request->given[WEIR_OPT_BACKUP] = true;
	return 0;
}

int backup_take_suffix(const struct speaker *speaker, struct request *request,
		       const struct option *option, const char *subject, const char *value)
{
	struct text text;

	request->given[SETTING_BACKUP] = true;
	request->texts[option->text] = value[0] != '\0' ? value : "~"; /* as cp has it */
	if (strchr(value, '/') == NULL && strlen(value) <= SUFFIX_BYTES_MAX)
		return 0;
	text = usage_begin(speaker, subject);
	escape_quoted(&text, value, escape_locale_is_utf8());
	text_add(&text, strchr(value, '/') != NULL ? " has a slash: a backup stays in its folder"
						   : " is longer than a name can be");
	return usage_end(speaker, &text, NULL);
}

static const struct option *find_option(const struct speaker *speaker, const char *name)
{
	return options_find_name(speaker->verb, name, strlen(name));
}

static int settle_suffix(const struct speaker *speaker, struct request *request)
{
	const char *variable = "SIMPLE_BACKUP_SUFFIX";
	const char *value = getenv(variable);

	if (value == NULL || request->texts[TEXT_BACKUP_SUFFIX] != NULL ||
	    request->texts[TEXT_BACKUP_FOLDER] != NULL ||
	    request->values[WEIR_OPT_BACKUP] == WEIR_BACKUP_NONE)
		return 0;
	return backup_take_suffix(speaker, request, find_option(speaker, "suffix"), variable,
				  value);
}

/* In a folder of its own each backup has the name that it had, unless that is taken; what
 * kind of name they have elsewhere is of no matter. */
static int settle_folder(const struct speaker *speaker, struct request *request)
{
	if (!request->given[WEIR_OPT_BACKUP]) {
		request->values[WEIR_OPT_BACKUP] = WEIR_BACKUP_EXISTING;
		request->given[WEIR_OPT_BACKUP] = true;
	}
	if (request->values[WEIR_OPT_BACKUP] != WEIR_BACKUP_NONE)
		return 0;
	return usage_error(speaker, NULL,
			   "--backup-dir keeps backups, and --backup=none makes none");
}

int backup_settle(const struct speaker *speaker, struct request *request)
{
	const char *variable = "VERSION_CONTROL";
	const char *value = getenv(variable);
	int status = 0;

	if (request->texts[TEXT_BACKUP_FOLDER] != NULL)
		return settle_folder(speaker, request);
	if (!request->given[SETTING_BACKUP])
		return 0;
	if (!request->given[WEIR_OPT_BACKUP] && value != NULL)
		status = backup_take_control(speaker, request, find_option(speaker, "backup"),
					     variable, value);
	if (!request->given[WEIR_OPT_BACKUP]) {
		request->values[WEIR_OPT_BACKUP] = WEIR_BACKUP_EXISTING;
		request->given[WEIR_OPT_BACKUP] = true;
	}
	return status != 0 ? status : settle_suffix(speaker, request);
}
