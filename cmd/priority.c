/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "priority.h"

#include <string.h>

#include "escape.h"

#define LEVEL_OTHERWISE 4 /* as ionice(1) has it */

static bool has_levels(int64_t io_class)
{
	return io_class == WEIR_IO_REALTIME || io_class == WEIR_IO_BEST_EFFORT;
}

static int refuse_level(const struct speaker *speaker, const char *subject, const char *level)
{
	struct text text = usage_begin(speaker, subject);

	escape_quoted(&text, level, escape_locale_is_utf8());
	text_add(&text, " is not a level; use one from 0, which comes first, to 7");
	return usage_end(speaker, &text, NULL);
}

int priority_take(const struct speaker *speaker, struct request *request,
		  const struct option *option, const char *subject, const char *value)
{
	size_t length = strcspn(value, ":");
	const struct choice *io_class =
		options_find_choice(option->choices, value, length, speaker->abbreviates);
	const char *level = value[length] == ':' ? value + length + 1 : NULL;
	int64_t number = 0;

	if (io_class == NULL)
		return usage_error_choice(speaker, subject, value, length, option->choices);
	if (level != NULL && !has_levels(io_class->value)) {
		struct text text = usage_begin(speaker, subject);

		text_addf(&text, "%s has no levels", io_class->name);
		return usage_end(speaker, &text, NULL);
	}
	if (level != NULL && (level[0] < '0' || level[0] > '7' || level[1] != '\0'))
		return refuse_level(speaker, subject, level);
	if (has_levels(io_class->value))
		number = level != NULL ? level[0] - '0' : LEVEL_OTHERWISE;
	request->values[WEIR_OPT_IO_PRIORITY] = WEIR_IO_PRIORITY(io_class->value, number);
	request->given[WEIR_OPT_IO_PRIORITY] = true;
	return 0;
}
