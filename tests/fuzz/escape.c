/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names for people: whatever a name holds, what is shown moves no cursor, ends no line
 * and reorders nothing; and a slow reader finds the name in it again.
 *
 * Input: a byte (1: the terminal takes UTF-8, 2: without quotes), and the name.
 *
 * Fuzz: -max_len=256
 */
#include "cmd/escape.h"

#include "fuzz.h"

/* Bytes of the character at AT, as the table of well-formed sequences of the Unicode
 * standard has them; 0: it is none. */
static size_t slow_character(const unsigned char *at)
{
	static const struct {
		unsigned char first[2], second[2];
		size_t bytes;
	} rows[] = {
		{ { 0x20, 0x7e }, { 0, 0xff }, 1 },    { { 0xc2, 0xdf }, { 0x80, 0xbf }, 2 },
		{ { 0xe0, 0xe0 }, { 0xa0, 0xbf }, 3 }, { { 0xe1, 0xec }, { 0x80, 0xbf }, 3 },
		{ { 0xed, 0xed }, { 0x80, 0x9f }, 3 }, { { 0xee, 0xef }, { 0x80, 0xbf }, 3 },
		{ { 0xf0, 0xf0 }, { 0x90, 0xbf }, 4 }, { { 0xf1, 0xf3 }, { 0x80, 0xbf }, 4 },
		{ { 0xf4, 0xf4 }, { 0x80, 0x8f }, 4 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t bytes = rows[i].bytes;

		if (at[0] < rows[i].first[0] || at[0] > rows[i].first[1])
			continue;
		if (bytes > 1 && (at[1] < rows[i].second[0] || at[1] > rows[i].second[1]))
			return 0;
		for (size_t j = 2; j < bytes; j++)
			if (at[j] < 0x80 || at[j] > 0xbf)
				return 0;
		return bytes;
	}
	return 0;
}

/* Characters that no shown name may hold. */
static bool slow_is_bad(const unsigned char *at)
{
	static const char *const bad[] = {
		"\xd8\x9c",			/* U+061C, the Arabic letter mark */
		"\xe2\x80\x8e",			/* U+200E, U+200F: marks of a direction */
		"\xe2\x80\x8f", "\xe2\x80\xa8", /* U+2028, U+2029: ends of lines and paragraphs */
		"\xe2\x80\xa9", "\xe2\x80\xaa", /* U+202A to U+202E: embeddings and overrides */
		"\xe2\x80\xab", "\xe2\x80\xac", "\xe2\x80\xad",
		"\xe2\x80\xae", "\xe2\x81\xa6", /* U+2066 to U+2069: isolates */
		"\xe2\x81\xa7", "\xe2\x81\xa8", "\xe2\x81\xa9",
		"\xef\xbb\xbf", /* U+FEFF, which is not shown */
	};

	if (at[0] == 0xc2 && at[1] < 0xa0) /* C1 */
		return true;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (strncmp((const char *)at, bad[i], strlen(bad[i])) == 0)
			return true;
	return false;
}

static void check_shown(const char *shown, bool utf8)
{
	const unsigned char *at = (const unsigned char *)shown;

	while (*at != '\0') {
		size_t bytes = slow_character(at);

		FUZZ_CHECK(bytes == 1 || (bytes > 1 && utf8));
		FUZZ_CHECK(!slow_is_bad(at));
		at += bytes;
	}
}

static unsigned hex_of(char digit)
{
	const char *digits = "0123456789abcdef";
	const char *found = strchr(digits, digit);

	FUZZ_CHECK(digit != '\0' && found != NULL);
	return (unsigned)(found - digits);
}

/* The byte that the escape at AT stands for; *bytes of it. */
static char slow_unescape(const char *at, size_t *bytes)
{
	static const char letters[] = "ntr\\'\"";
	static const char meant[] = "\n\t\r\\'\"";
	const char *letter = strchr(letters, at[1]);

	FUZZ_CHECK(at[1] != '\0');
	*bytes = 2;
	if (letter != NULL)
		return meant[letter - letters];
	FUZZ_CHECK(at[1] == 'x' && at[2] != '\0' && at[3] != '\0');
	*bytes = 4;
	return (char)(hex_of(at[2]) << 4 | hex_of(at[3]));
}

/* What is shown, COUNT bytes of it, is NAME. */
static void check_round_trip(const char *shown, size_t count, const char *name)
{
	for (size_t at = 0; at < count;) {
		size_t bytes = 1;
		char byte = shown[at];

		FUZZ_CHECK(byte != '\'' && byte != '"');
		if (byte == '\\')
			byte = slow_unescape(shown + at, &bytes);
		FUZZ_CHECK(byte != '\0' && byte == *name);
		name++;
		at += bytes;
	}
	FUZZ_CHECK(*name == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct fuzz_input input = { data, bytes };
	uint8_t how = fuzz_byte(&input);
	bool utf8 = (how & 1) != 0, bare = (how & 2) != 0;
	struct text text = { 0 };
	char *name = fuzz_text(&input);
	const char *shown;
	size_t count;

	if (bare)
		escape_bare(&text, name, utf8);
	else
		escape_quoted(&text, name, utf8);
	shown = text_string(&text);
	count = strlen(shown);
	FUZZ_CHECK(!text.truncated && count == text.length_bytes);
	check_shown(shown, utf8);
	if (bare) {
		FUZZ_CHECK(count == 0 || (shown[0] != ' ' && shown[count - 1] != ' '));
		check_round_trip(shown, count, name);
	} else {
		FUZZ_CHECK(count >= 2 && shown[0] == '\'' && shown[count - 1] == '\'');
		check_round_trip(shown + 1, count - 2, name);
	}
	text_free(&text);
	free(name);
	return 0;
}
