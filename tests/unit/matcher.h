/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A matcher of patterns that is slow and simple, to compare with lib/filter.c: it reads
 * the pattern anew for every byte, tries everything, and knows nothing of elements and
 * sets of them.
 */
#ifndef WEIR_UNIT_MATCHER_H
#define WEIR_UNIT_MATCHER_H

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What it may still try: some patterns take for ever this way.  At 0 its answers mean
 * nothing any more. */
struct slow_fuel {
	unsigned long left;
};

static inline bool slow_in_class(const char *name, size_t bytes, unsigned char byte, bool *known)
{
	static const struct {
		const char *name;
		int (*has)(int);
	} classes[] = {
		{ "alnum", isalnum }, { "alpha", isalpha }, { "blank", isblank },
		{ "cntrl", iscntrl }, { "digit", isdigit }, { "graph", isgraph },
		{ "lower", islower }, { "print", isprint }, { "punct", ispunct },
		{ "space", isspace }, { "upper", isupper }, { "xdigit", isxdigit },
	};

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (strlen(classes[i].name) == bytes && strncmp(classes[i].name, name, bytes) == 0)
			return byte < 0x80 && byte != 0 && classes[i].has(byte) != 0;
	*known = false;
	return false;
}

/* What is behind the set whose bracket is before AT, and whether it has BYTE.  NULL: it
 * has no end, or a class that there is not. */
static inline const char *slow_set(const char *at, unsigned char byte, bool *has)
{
	bool negated = *at == '!' || *at == '^', found = false, known = true;
	const char *begin = at += negated;
	int low = -1; /* what a dash that comes now is a range from */

	while (*at != ']' || at == begin) {
		const char *colon = at[0] == '[' && at[1] == ':' ? strchr(at + 2, ']') : NULL;

		if (at[0] == '\0' || (at[0] == '[' && at[1] == ':' && colon == NULL))
			return NULL;
		if (colon != NULL && colon > at + 2 && colon[-1] == ':') {
			found |= slow_in_class(at + 2, (size_t)(colon - at) - 3, byte, &known);
			at = colon + 1;
			low = -1;
		} else if (low >= 0 && at[0] == '-' && at[1] != ']' && at[1] != '\0') {
			at += at[1] == '\\' ? 2 : 1;
			found |= byte >= low && byte <= (unsigned char)*at;
			low = -1;
			if (*at++ == '\0')
				return NULL;
		} else {
			at += at[0] == '\\';
			low = (unsigned char)*at;
			found |= byte == low;
			if (*at++ == '\0')
				return NULL;
		}
	}
	*has = found != negated && byte != '/';
	return known ? at + 1 : NULL;
}

static inline bool slow_text(const char *pattern, const char *text, struct slow_fuel *fuel)
{
	if (fuel->left == 0)
		return false;
	fuel->left--;
	if (*pattern == '\0')
		return *text == '\0';
	if (*pattern == '*') {
		size_t stars = strspn(pattern, "*");

		for (;; text++) {
			if (slow_text(pattern + stars, text, fuel))
				return true;
			if (*text == '\0' || (*text == '/' && stars == 1))
				return false;
		}
	}
	if (*text == '\0')
		return false;
	if (*pattern == '?')
		return *text != '/' && slow_text(pattern + 1, text + 1, fuel);
	if (*pattern == '[') {
		bool has;
		const char *behind = slow_set(pattern + 1, (unsigned char)*text, &has);

		return behind != NULL && has && slow_text(behind, text + 1, fuel);
	}
	if (*pattern == '\\')
		pattern++;
	return *pattern == *text && slow_text(pattern + 1, text + 1, fuel);
}

static inline size_t slow_slashes(const char *text)
{
	size_t count = 0;

	for (; *text != '\0'; text++)
		count += *text == '/';
	return count;
}

static inline bool slow_is_wild(const char *pattern)
{
	return strpbrk(pattern, "*?[") != NULL;
}

/* True if GIVEN is a pattern that something could match. */
static inline bool slow_is_pattern(const char *given)
{
	char *pattern = strdup(given), *at = pattern;
	size_t bytes = strlen(given);
	bool good = bytes > 0 && strstr(given, "//") == NULL, has;

	if (bytes > 1 && pattern[bytes - 1] == '/')
		pattern[bytes - 1] = '\0';
	at += *at == '/';
	good = good && *at != '\0';
	while (good && slow_is_wild(given) && *at != '\0') {
		const char *behind = *at == '[' ? slow_set(at + 1, 'x', &has) : at + 1;

		if (*at == '\\')
			behind = at[1] != '\0' ? at + 2 : NULL;
		good = behind != NULL;
		at += good ? behind - at : 0;
	}
	free(pattern);
	return good;
}

/* PATTERN, without a slash at its end, somewhere in TEXT up to its end. */
static inline bool slow_somewhere(const char *pattern, const char *text, bool wild, bool deep,
				  struct slow_fuel *fuel)
{
	for (const char *at = text; at != NULL; at = strchr(at, '/')) {
		at += at != text;
		/* Without two stars it has as many names as it matches. */
		if (!deep && slow_slashes(at) != slow_slashes(pattern))
			continue;
		if (wild ? slow_text(pattern, at, fuel) : strcmp(pattern, at) == 0)
			return true;
		if (at == text && *at == '/')
			return false; /* as if rooted: no second beginning is needed */
	}
	return false;
}

/* Whether GIVEN, which is a pattern, matches PATH, a folder if a slash ends it. */
static inline bool slow_matches(const char *given, const char *path, struct slow_fuel *fuel)
{
	size_t bytes = strlen(given), path_bytes = strlen(path);
	bool is_folder = path[path_bytes - 1] == '/', wild = slow_is_wild(given);
	const char *deep = wild ? strstr(given, "**") : NULL;
	char *pattern = strdup(given), *text = malloc(path_bytes + 2);
	bool found = true;

	sprintf(text, "%s%s", deep == given ? "/" : "", path);
	if (bytes > 1 && pattern[bytes - 1] == '/') {
		pattern[--bytes] = '\0';
		found = is_folder;
	}
	if (is_folder && !(deep != NULL && bytes >= 3 && strcmp(pattern + bytes - 3, "***") == 0))
		text[strlen(text) - 1] = '\0';
	if (found && pattern[0] == '/')
		found = wild ? slow_text(pattern + 1, text, fuel) : strcmp(pattern + 1, text) == 0;
	else if (found)
		found = slow_somewhere(pattern, text, wild, deep != NULL, fuel);
	free(pattern);
	free(text);
	return found;
}

#endif
