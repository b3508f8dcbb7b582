/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool text_reserve(struct text *text, size_t more_bytes)
{
	size_t capacity_bytes = text->capacity_bytes != 0 ? text->capacity_bytes : 128;
	char *data;

	if (more_bytes >= SIZE_MAX / 4 - text->length_bytes)
		return false;
	while (capacity_bytes <= text->length_bytes + more_bytes)
		capacity_bytes *= 2;
	if (capacity_bytes == text->capacity_bytes)
		return true;
	data = realloc(text->data, capacity_bytes);
	if (data == NULL)
		return false;
	text->data = data;
	text->capacity_bytes = capacity_bytes;
	return true;
}

void text_add_bytes(struct text *text, const void *bytes, size_t length_bytes)
{
	if (!text_reserve(text, length_bytes)) {
		text->truncated = true;
		return;
	}
	memcpy(text->data + text->length_bytes, bytes, length_bytes);
	text->length_bytes += length_bytes;
	text->data[text->length_bytes] = '\0';
}

void text_add(struct text *text, const char *string)
{
	text_add_bytes(text, string, strlen(string));
}

void text_addf(struct text *text, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (length < 0 || !text_reserve(text, (size_t)length)) {
		text->truncated = true;
		return;
	}
	va_start(arguments, format);
	vsnprintf(text->data + text->length_bytes, (size_t)length + 1, format, arguments);
	va_end(arguments);
	text->length_bytes += (size_t)length;
}

void text_add_count(struct text *text, unsigned long long count, const char *one, const char *many)
{
	text_addf(text, "%llu %s", count, count == 1 ? one : many);
}

const char *text_string(const struct text *text)
{
	return text->data != NULL ? text->data : "";
}

void text_clear(struct text *text)
{
	text->length_bytes = 0;
	text->truncated = false;
	if (text->data != NULL)
		text->data[0] = '\0';
}

void text_free(struct text *text)
{
	free(text->data);
	*text = (struct text){ 0 };
}
