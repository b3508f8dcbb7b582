/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "escape.h"

#include <langinfo.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

bool escape_locale_is_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* Bytes of the UTF-8 sequence at BYTES, 0 if it is none.  The NUL that ends
 * the name is no continuation byte, so nothing is read beyond it. */
static size_t utf8_decode(const unsigned char *bytes, uint32_t *character)
{
	static const uint32_t lowest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length;

	if (bytes[0] >= 0xf0 && bytes[0] < 0xf8)
		length = 4;
	else if (bytes[0] >= 0xe0 && bytes[0] < 0xf0)
		length = 3;
	else if (bytes[0] >= 0xc0 && bytes[0] < 0xe0)
		length = 2;
	else
		return 0;
	*character = bytes[0] & (0x7fU >> length);
	for (size_t i = 1; i < length; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		*character = *character << 6 | (bytes[i] & 0x3fU);
	}
	if (*character < lowest[length] || *character > 0x10ffff)
		return 0;
	if (*character >= 0xd800 && *character <= 0xdfff)
		return 0;
	return length;
}

/* C1 controls, and what reorders a line or breaks it without being a control. */
static bool is_deceptive(uint32_t character)
{
	return (character >= 0x80 && character <= 0x9f) || character == 0x061c ||
	       (character >= 0x200e && character <= 0x200f) ||
	       (character >= 0x2028 && character <= 0x202e) ||
	       (character >= 0x2066 && character <= 0x2069) || character == 0xfeff;
}

static char short_escape(unsigned char byte)
{
	switch (byte) {
	case '\n':
		return 'n';
	case '\t':
		return 't';
	case '\r':
		return 'r';
	case '\\':
	case '\'':
	case '"':
		return (char)byte;
	default:
		return '\0';
	}
}

static void escape_byte(struct text *text, unsigned char byte)
{
	char letter = short_escape(byte);

	if (letter != '\0')
		text_addf(text, "\\%c", letter);
	else
		text_addf(text, "\\x%02x", byte);
}

static bool is_plain_ascii(unsigned char byte)
{
	return byte >= 0x20 && byte < 0x7f && short_escape(byte) == '\0';
}

/* Length of what can be shown as it is at the start of BYTES. */
static size_t plain_length(const unsigned char *bytes, bool utf8)
{
	size_t length = 0;
	uint32_t character;

	while (bytes[length] != '\0') {
		size_t step = 1;

		if (!is_plain_ascii(bytes[length])) {
			step = utf8 ? utf8_decode(bytes + length, &character) : 0;
			if (step == 0 || is_deceptive(character))
				break;
		}
		length += step;
	}
	return length;
}

static void escape_bytes(struct text *text, const char *name, bool utf8)
{
	const unsigned char *bytes = (const unsigned char *)name;
	uint32_t character;

	while (*bytes != '\0') {
		size_t length = plain_length(bytes, utf8);

		text_add_bytes(text, bytes, length);
		bytes += length;
		if (*bytes == '\0')
			break;
		/* A character that is whole and not shown goes as a whole. */
		length = utf8 ? utf8_decode(bytes, &character) : 0;
		do
			escape_byte(text, *bytes++);
		while (length-- > 1);
	}
}

void escape_quoted(struct text *text, const char *name, bool utf8)
{
	text_add(text, "'");
	escape_bytes(text, name, utf8);
	text_add(text, "'");
}

void escape_bare(struct text *text, const char *name, bool utf8)
{
	size_t length_bytes = strlen(name);

	if (name[0] == ' ') {
		text_add(text, "\\x20");
		name++;
		length_bytes--;
	}
	escape_bytes(text, name, utf8);
	if (length_bytes > 0 && name[length_bytes - 1] == ' ' && text->length_bytes > 0 &&
	    text->data[text->length_bytes - 1] == ' ') {
		text->length_bytes--;
		text_add(text, "\\x20");
	}
}
