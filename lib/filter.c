/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rules that include and exclude entries by name.
 *
 * A pattern becomes a row of elements, and a match is a walk over the text with
 * the set of all elements that may come next.  Nothing is tried twice.
 *
 * Invariants:
 * R1 a match takes at most bytes of the path times bytes of the pattern steps,
 *    and no memory but a fixed set: there is no recursion and no going back;
 * R2 two stars never stand side by side, so one step behind a star is no star;
 * R3 a set never holds the slash: only `**` and a written slash match one.
 */
#define _GNU_SOURCE
#include "filter.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "invariant.h"
#include "limits.h"

enum element_kind {
	ELEMENT_BYTE,
	ELEMENT_ANY,  /* one byte, no slash */
	ELEMENT_SET,  /* one byte of a set */
	ELEMENT_STAR, /* bytes, no slash */
	ELEMENT_DEEP, /* bytes, slashes too */
};

struct element {
	uint8_t kind;
	uint8_t byte;
	uint16_t set;
};

struct byte_set {
	uint64_t bits[4];
};

struct filter_rule {
	bool include;
	bool folders_only; /* "name/" */
	bool anchored;	   /* "/name": begins where the path does */
	bool restarts;	   /* has `**` and may begin behind every slash */
	bool as_contents;  /* "name/" + three stars: a folder is seen as "name/" */
	bool as_rooted;	   /* begins with `**`: the path is seen with a slash before it */
	bool wild;	   /* has elements; else it is a text to compare */
	uint16_t names;	   /* how many last names of a path it is about; 0: all of it */
	uint16_t count;	   /* elements, or bytes of the text */
	uint16_t set_count;
	struct byte_set *sets;
	struct element *elements;
	char *text;
};

/* The elements that may come next, and the end behind the last one. */
#define STATE_WORDS (LIMIT_PATTERN_BYTES / 64 + 1)

struct states {
	uint64_t bits[STATE_WORDS];
};

_Static_assert(LIMIT_PATTERN_BYTES <= UINT16_MAX, "a rule counts its elements");

/* ---- sets ---- */

static void set_add(struct byte_set *set, unsigned byte)
{
	set->bits[byte / 64] |= 1ULL << (byte % 64);
}

static void set_add_range(struct byte_set *set, unsigned first, unsigned last)
{
	for (unsigned byte = first; byte <= last; byte++)
		set_add(set, byte);
}

static bool set_has(const struct byte_set *set, unsigned byte)
{
	return (set->bits[byte / 64] >> (byte % 64) & 1) != 0;
}

/* The classes of ASCII, whatever the locale: as ranges, "az" is a to z. */
static const struct {
	const char *name;
	const char *ranges;
} classes[] = {
	{ "alnum", "azAZ09" },	 { "alpha", "azAZ" },
	{ "blank", "  \t\t" },	 { "cntrl", "\1\37\177\177" },
	{ "digit", "09" },	 { "graph", "!~" },
	{ "lower", "az" },	 { "print", " ~" },
	{ "punct", "!/:@[`{~" }, { "space", "  \t\r" },
	{ "upper", "AZ" },	 { "xdigit", "09afAF" },
};

static bool set_add_class(struct byte_set *set, const char *name, size_t bytes)
{
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		const char *ranges = classes[i].ranges;

		if (strlen(classes[i].name) != bytes || memcmp(classes[i].name, name, bytes) != 0)
			continue;
		for (; *ranges != '\0'; ranges += 2)
			set_add_range(set, (unsigned char)ranges[0], (unsigned char)ranges[1]);
		return true;
	}
	return false;
}

/* The last byte of "[:name:]", which begins at AT; NULL: it is none, and the
 * bracket stands for itself.  *ENDS is false if the pattern is over before. */
static const char *set_class_end(const char *at, bool *ends)
{
	const char *end = strchr(at + 2, ']');

	*ends = end != NULL;
	return end != NULL && end > at + 2 && end[-1] == ':' ? end : NULL;
}

/* One member of a set, at AT: adds it and returns what is behind it.  *FIRST is
 * the byte that a range can begin with, or -1.  NULL: malformed. */
static const char *set_parse_member(struct byte_set *set, const char *at, int *first)
{
	const char *end;
	bool ends = true;

	if (*at == '-' && *first >= 0 && at[1] != '\0' && at[1] != ']') {
		at++;
		if (*at == '\\')
			at++;
		set_add_range(set, (unsigned)*first, (unsigned char)*at);
		*first = -1;
		return *at != '\0' ? at + 1 : NULL;
	}
	end = at[0] == '[' && at[1] == ':' ? set_class_end(at, &ends) : NULL;
	if (!ends)
		return NULL;
	if (end != NULL) {
		*first = -1;
		return set_add_class(set, at + 2, (size_t)(end - at) - 3) ? end + 1 : NULL;
	}
	if (*at == '\\')
		at++;
	if (*at == '\0')
		return NULL;
	*first = (unsigned char)*at;
	set_add(set, (unsigned)*first);
	return at + 1;
}

/* The set whose bracket is before AT.  Returns what is behind it, or NULL. */
static const char *set_parse(struct byte_set *set, const char *at)
{
	bool negated = *at == '!' || *at == '^';
	int first = -1;

	if (negated)
		at++;
	do { /* a bracket that comes first is a member */
		at = set_parse_member(set, at, &first);
		if (at == NULL || *at == '\0')
			return NULL;
	} while (*at != ']');
	for (size_t i = 0; i < 4 && negated; i++)
		set->bits[i] = ~set->bits[i];
	set->bits['/' / 64] &= ~(1ULL << ('/' % 64)); /* R3 */
	return at + 1;
}

/* ---- making rules ---- */

static void rule_add(struct filter_rule *rule, enum element_kind kind, char byte)
{
	rule->elements[rule->count++] = (struct element){
		.kind = (uint8_t)kind,
		.byte = (uint8_t)byte,
		.set = rule->set_count,
	};
}

static const char *rule_parse_stars(struct filter_rule *rule, const char *at)
{
	size_t stars = strspn(at, "*");

	rule_add(rule, stars > 1 ? ELEMENT_DEEP : ELEMENT_STAR, 0); /* R2 */
	return at + stars;
}

/* The elements of a pattern with wildcards.  0 or -EINVAL. */
static int rule_parse(struct filter_rule *rule, const char *at)
{
	while (*at != '\0') {
		switch (*at) {
		case '*':
			at = rule_parse_stars(rule, at);
			continue;
		case '?':
			rule_add(rule, ELEMENT_ANY, 0);
			break;
		case '[':
			rule_add(rule, ELEMENT_SET, 0);
			at = set_parse(&rule->sets[rule->set_count++], at + 1);
			if (at == NULL)
				return -EINVAL;
			continue;
		case '\\':
			if (*++at == '\0')
				return -EINVAL;
			/* fall through */
		default:
			rule_add(rule, ELEMENT_BYTE, *at);
		}
		at++;
	}
	return 0;
}

static size_t count_byte(const char *text, char byte)
{
	size_t count = 0;

	for (; *text != '\0'; text++)
		count += *text == byte;
	return count;
}

/* What the text of a pattern says about where it may match.  A `**` in a set or
 * behind a backslash counts, too: rsync looks at the text alone. */
static void rule_place(struct filter_rule *rule, const char *pattern, size_t bytes)
{
	const char *deep = rule->wild ? strstr(pattern, "**") : NULL;

	rule->anchored = pattern[0] == '/';
	/* Without `**` it matches as many names as it has itself. */
	if (!rule->anchored && deep == NULL)
		rule->names = (uint16_t)(count_byte(pattern, '/') + 1);
	rule->restarts = deep != NULL && deep != pattern && !rule->anchored;
	rule->as_rooted = deep == pattern;
	rule->as_contents = deep != NULL && bytes >= 3 && strcmp(pattern + bytes - 3, "***") == 0;
}

/* A rule with room for the elements of PATTERN, or NULL. */
static struct filter_rule *rule_new(const char *pattern, size_t bytes, size_t *rule_bytes)
{
	size_t sets = count_byte(pattern, '[');
	struct filter_rule *rule;

	*rule_bytes = sizeof(*rule) + sets * sizeof(*rule->sets) + bytes * sizeof(*rule->elements) +
		      bytes + 1;
	rule = calloc(1, *rule_bytes);
	if (rule == NULL)
		return NULL;
	rule->sets = (struct byte_set *)(rule + 1);
	rule->elements = (struct element *)(rule->sets + sets);
	rule->text = (char *)(rule->elements + bytes);
	memcpy(rule->text, pattern, bytes);
	return rule;
}

/* Settles what RULE, whose text is the pattern, is.  0 or -EINVAL. */
static int rule_settle(struct filter_rule *rule, size_t bytes)
{
	const char *pattern = rule->text;

	if (strstr(pattern, "//") != NULL)
		return -EINVAL; /* no path has an empty name */
	rule->wild = strpbrk(pattern, "*?[") != NULL;
	if (bytes > 1 && pattern[bytes - 1] == '/') {
		rule->folders_only = true;
		rule->text[--bytes] = '\0';
	}
	rule_place(rule, pattern, bytes);
	if (rule->anchored) {
		rule->text++;
		bytes--;
	}
	if (bytes == 0)
		return -EINVAL;
	if (rule->wild)
		return rule_parse(rule, rule->text);
	rule->count = (uint16_t)bytes;
	return 0;
}

static int filter_reserve(struct filter *filter)
{
	size_t room = filter->room == 0 ? 16 : filter->room * 2;
	struct filter_rule **rules;

	if (filter->count < filter->room)
		return 0;
	rules = reallocarray(filter->rules, room, sizeof(struct filter_rule *));
	if (rules == NULL)
		return -ENOMEM;
	filter->rules = rules;
	filter->room = room;
	return 0;
}

int filter_add(struct filter *filter, bool include, const char *pattern)
{
	size_t bytes = strlen(pattern);
	struct filter_rule *rule;
	size_t rule_bytes;
	int result;

	if (bytes == 0)
		return -EINVAL;
	if (bytes >= LIMIT_PATTERN_BYTES)
		return -ENAMETOOLONG;
	if (filter->count >= LIMIT_RULES || filter->bytes >= LIMIT_RULES_BYTES)
		return -E2BIG;
	result = filter_reserve(filter);
	if (result < 0)
		return result;
	rule = rule_new(pattern, bytes, &rule_bytes);
	if (rule == NULL)
		return -ENOMEM;
	rule->include = include;
	result = rule_settle(rule, bytes);
	if (result < 0) {
		free(rule);
		return result;
	}
	filter->rules[filter->count++] = rule;
	filter->bytes += rule_bytes;
	return 0;
}

void filter_close(struct filter *filter)
{
	for (size_t i = 0; i < filter->count; i++)
		free(filter->rules[i]);
	free(filter->rules);
	*filter = (struct filter){ 0 };
}

/* ---- matching ---- */

static void states_add(struct states *states, const struct filter_rule *rule, size_t index)
{
	states->bits[index / 64] |= 1ULL << (index % 64);
	if (index < rule->count && rule->elements[index].kind >= ELEMENT_STAR) { /* R2 */
		index++;
		states->bits[index / 64] |= 1ULL << (index % 64);
	}
}

/* True if ELEMENT takes BYTE; a star then waits for more. */
static bool element_takes(const struct filter_rule *rule, const struct element *element,
			  unsigned char byte)
{
	switch ((enum element_kind)element->kind) {
	case ELEMENT_BYTE:
		return element->byte == byte;
	case ELEMENT_ANY:
	case ELEMENT_STAR:
		return byte != '/';
	case ELEMENT_SET:
		return set_has(&rule->sets[element->set], byte);
	case ELEMENT_DEEP:
		return true;
	}
	return false;
}

/* From the elements that may take BYTE to those that may take the next one.
 * False: there are none. */
static bool states_step(const struct filter_rule *rule, const struct states *from,
			struct states *to, unsigned char byte)
{
	size_t words = rule->count / 64U + 1;
	bool any = false;

	memset(to, 0, words * sizeof(to->bits[0]));
	for (size_t word = 0; word < words; word++) {
		for (uint64_t bits = from->bits[word]; bits != 0; bits &= bits - 1) {
			size_t index = word * 64 + (size_t)__builtin_ctzll(bits);
			const struct element *element = &rule->elements[index];

			if (index == rule->count || !element_takes(rule, element, byte))
				continue;
			states_add(to, rule, element->kind < ELEMENT_STAR ? index + 1 : index);
			any = true;
		}
	}
	return any;
}

/* R1.  SLASH: a slash follows TEXT. */
static bool rule_matches_wild(const struct filter_rule *rule, const char *text, size_t bytes,
			      bool slash)
{
	struct states states[2];
	unsigned now = 0;

	memset(&states[now], 0, (rule->count / 64U + 1) * sizeof(states[now].bits[0]));
	states_add(&states[now], rule, 0);
	if (rule->as_rooted) {
		(void)states_step(rule, &states[now], &states[!now], '/'); /* of a `**`: some */
		now = !now;
	}
	for (size_t at = 0; at < bytes + slash; at++) {
		unsigned char byte = at < bytes ? (unsigned char)text[at] : '/';

		if (!states_step(rule, &states[now], &states[!now], byte) && !rule->restarts)
			return false;
		now = !now;
		if (rule->restarts && byte == '/')
			states_add(&states[now], rule, 0);
	}
	return (states[now].bits[rule->count / 64U] >> (rule->count % 64U) & 1) != 0;
}

/* The last NAMES names of a path; NULL if it has fewer. */
static const char *last_names(const char *path, size_t bytes, size_t names)
{
	const char *at = path + bytes;

	while (at > path) {
		if (at[-1] == '/' && --names == 0)
			return at;
		at--;
	}
	return names <= 1 ? path : NULL;
}

static bool rule_matches(const struct filter_rule *rule, const char *path, size_t bytes,
			 bool is_folder)
{
	const char *text = path;
	const struct element *last;

	if (rule->folders_only && !is_folder)
		return false;
	if (rule->names > 0)
		text = last_names(path, bytes, rule->names);
	if (text == NULL)
		return false;
	bytes -= (size_t)(text - path);
	if (!rule->wild)
		return bytes == rule->count && memcmp(text, rule->text, bytes) == 0;
	last = &rule->elements[rule->count - 1];
	if (last->kind == ELEMENT_BYTE && last->byte != (unsigned char)text[bytes - 1])
		return false; /* most names do not end as the pattern does */
	return rule_matches_wild(rule, text, bytes, rule->as_contents && is_folder);
}

size_t filter_find(const struct filter *filter, const char *path, size_t bytes, bool is_folder)
{
	size_t number = 0;

	WEIR_ASSERT(bytes > 0 && path[bytes - 1] != '/');
	while (number < filter->count &&
	       !rule_matches(filter->rules[number], path, bytes, is_folder))
		number++;
	return number;
}

bool filter_is_exclusion(const struct filter *filter, size_t number)
{
	return number < filter->count && !filter->rules[number]->include;
}

static bool filter_excludes(const struct filter *filter, const char *path, size_t bytes,
			    bool is_folder)
{
	return filter_is_exclusion(filter, filter_find(filter, path, bytes, is_folder));
}

enum filter_verdict filter_judge(const struct filter *filter, const char *path, size_t bytes,
				 enum filter_kind kind)
{
	bool excluded = filter_excludes(filter, path, bytes, kind == FILTER_FOLDER);

	if (kind == FILTER_UNKNOWN && excluded != filter_excludes(filter, path, bytes, true))
		return FILTER_UNDECIDED;
	return excluded ? FILTER_EXCLUDED : FILTER_INCLUDED;
}

size_t filter_find_on_way(const struct filter *filter, const char *path, size_t head, size_t bytes,
			  bool is_folder, size_t *decided)
{
	for (size_t at = head; at < bytes; at++) {
		size_t number;

		if (at == 0 || path[at] != '/')
			continue;
		number = filter_find(filter, path, at, true);
		*decided = at;
		if (filter_is_exclusion(filter, number))
			return number;
	}
	*decided = bytes;
	return filter_find(filter, path, bytes, is_folder);
}

/* ---- operands ---- */

size_t filter_operand_path(const char *path, bool whole, char *buffer)
{
	size_t bytes = 0;
	bool dots = true; /* the last name is one that names no entry */

	while (*path != '\0') {
		size_t name = strcspn(path, "/");
		bool dot = name == 1 && path[0] == '.';

		if (name > 0 && !whole)
			bytes = 0;
		if (name > 0 && !(dot && whole)) {
			if (bytes > 0)
				buffer[bytes++] = '/';
			memcpy(buffer + bytes, path, name);
			bytes += name;
		}
		if (name > 0)
			dots = dot || (name == 2 && path[0] == '.' && path[1] == '.');
		path += name;
		path += strspn(path, "/");
	}
	if (dots && !whole)
		bytes = 0;
	buffer[bytes] = '\0';
	return bytes;
}
