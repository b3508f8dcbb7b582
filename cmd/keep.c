/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "keep.h"

#include <string.h>

static const struct choice policies[] = {
	{ "off", WEIR_KEEP_OFF },
	{ "try", WEIR_KEEP_TRY },
	{ "require", WEIR_KEEP_REQUIRE },
	{ NULL, 0 },
};

static void set_policy(struct request *request, int setting, enum weir_keep policy)
{
	request->values[setting] = policy;
	request->given[setting] = true;
	/* As with cp: to say that it is not kept is more than to say nothing. */
	if (setting == WEIR_OPT_KEEP_MODE) {
		request->values[WEIR_OPT_DEFAULT_MODE] = policy == WEIR_KEEP_OFF;
		request->given[WEIR_OPT_DEFAULT_MODE] = true;
	}
}

void keep_raise(struct request *request, int setting)
{
	if ((request->policies & 1U << (setting - WEIR_OPT_KEEP_MODE)) != 0)
		return; /* a policy stays */
	if (!request->given[setting] || request->values[setting] == WEIR_KEEP_OFF)
		set_policy(request, setting, WEIR_KEEP_TRY);
}

/* The next word of a list: its length, and *next behind the comma; or 0 words
 * are left. */
static const char *next_word(const char **next, size_t *length)
{
	const char *word = *next;

	if (word == NULL)
		return NULL;
	*length = strcspn(word, ",");
	*next = word[*length] == ',' ? word + *length + 1 : NULL;
	return word;
}

static void take_properties(struct request *request, int64_t properties, int64_t policy)
{
	for (int i = WEIR_PROPERTY_MODE; i <= WEIR_PROPERTY_PROJECT; i++) {
		if ((properties & 1LL << i) == 0)
			continue;
		if (policy == WEIR_KEEP_TRY)
			keep_raise(request, WEIR_OPT_KEEP_MODE + i);
		else
			set_policy(request, WEIR_OPT_KEEP_MODE + i, (enum weir_keep)policy);
	}
}

int keep_take_words(const struct speaker *speaker, struct request *request,
		    const struct option *option, const char *subject, const char *value)
{
	const char *word;
	size_t length;

	while ((word = next_word(&value, &length)) != NULL) {
		const struct choice *choice =
			options_find_choice(option->choices, word, length, speaker->abbreviates);

		if (choice == NULL)
			return usage_error_choice(speaker, subject, word, length, option->choices);
		take_properties(request, choice->value, option->effects[0].value);
		if ((choice->value & 1LL << WEIR_PROPERTY_OWNER) != 0 &&
		    strcmp(choice->name, "all") != 0)
			request->given[SETTING_OWNER_NAMED] = true;
	}
	return 0;
}

int keep_take_policies(const struct speaker *speaker, struct request *request,
		       const struct option *option, const char *subject, const char *value)
{
	const char *word;
	size_t length;

	while ((word = next_word(&value, &length)) != NULL) {
		const char *colon = memchr(word, ':', length);
		size_t name_length = colon != NULL ? (size_t)(colon - word) : length;
		const struct choice *property =
			options_find_choice(option->choices, word, name_length, false);
		const struct choice *policy = &policies[WEIR_KEEP_TRY];

		if (property == NULL)
			return usage_error_choice(speaker, subject, word, name_length,
						  option->choices);
		if (colon != NULL)
			policy = options_find_choice(policies, colon + 1, length - name_length - 1,
						     false);
		if (policy == NULL)
			return usage_error_choice(speaker, subject, colon + 1,
						  length - name_length - 1, policies);
		set_policy(request, WEIR_OPT_KEEP_MODE + (int)property->value,
			   (enum weir_keep)policy->value);
		request->policies |= 1U << property->value;
		if (property->value == WEIR_PROPERTY_OWNER)
			request->given[SETTING_OWNER_NAMED] = true;
	}
	return 0;
}

int keep_take_bits(const struct speaker *speaker, struct request *request,
		   const struct option *option, const char *subject, const char *value)
{
	int setting = option->effects[0].setting;
	const char *word;
	size_t length;

	while ((word = next_word(&value, &length)) != NULL) {
		const struct choice *choice =
			options_find_choice(option->choices, word, length, false);

		if (choice == NULL)
			return usage_error_choice(speaker, subject, word, length, option->choices);
		request->values[setting] |= choice->value;
		request->given[setting] = true;
	}
	return 0;
}
