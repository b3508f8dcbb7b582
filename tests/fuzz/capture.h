/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For targets that go through the command: what it writes to standard output and
 * standard error is kept instead, and checked to be one message.  The target says
 * "Wraps: write" and what else it takes the place of.
 */
#ifndef WEIR_FUZZ_CAPTURE_H
#define WEIR_FUZZ_CAPTURE_H

#include <errno.h>
#include <stdarg.h>
#include <sys/types.h>
#include <unistd.h>

#include "fuzz.h"

#define CAPTURE_BYTES 262144

static struct {
	bool on;
	char *data[3]; /* by descriptor */
	size_t bytes[3];
} capture;

ssize_t __real_write(int fd, const void *data, size_t bytes);
ssize_t __wrap_write(int fd, const void *data, size_t bytes);

ssize_t __wrap_write(int fd, const void *data, size_t bytes)
{
	if (!capture.on)
		return __real_write(fd, data, bytes);
	FUZZ_CHECK(fd == STDOUT_FILENO || fd == STDERR_FILENO);
	FUZZ_CHECK(capture.bytes[fd] + bytes < CAPTURE_BYTES);
	memcpy(capture.data[fd] + capture.bytes[fd], data, bytes);
	capture.bytes[fd] += bytes;
	return (ssize_t)bytes;
}

static void capture_begin(void)
{
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
		if (capture.data[fd] == NULL)
			capture.data[fd] = fuzz_alloc(CAPTURE_BYTES);
		capture.bytes[fd] = 0;
	}
	capture.on = true;
}

static void capture_end(void)
{
	capture.on = false;
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		capture.data[fd][capture.bytes[fd]] = '\0';
}

/* True if nothing was written to FD. */
static bool capture_is_empty(int fd)
{
	return capture.bytes[fd] == 0;
}

/* On standard error there is one line, of text that moves no cursor, which begins with
 * the name of the PROGRAM. */
static void capture_check_message(const char *program)
{
	const char *text = capture.data[STDERR_FILENO];
	size_t bytes = capture.bytes[STDERR_FILENO];

	FUZZ_CHECK(bytes > strlen(program) + 2 && text[bytes - 1] == '\n');
	FUZZ_CHECK(memchr(text, '\n', bytes) == text + bytes - 1);
	FUZZ_CHECK(strncmp(text, program, strlen(program)) == 0);
	for (size_t i = 0; i + 1 < bytes; i++)
		FUZZ_CHECK((unsigned char)text[i] >= ' ' && text[i] != 0x7f);
}

#endif
