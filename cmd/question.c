/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "question.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "escape.h"
#include "program.h"
#include "signals.h"
#include "text.h"

#define QUESTION_UNOPENED (-1)
#define QUESTION_NOBODY (-2)
#define QUESTION_POLL_MS 100 /* how long a signal may wait */

void question_open(struct question *question, bool from_input, bool is_wanted)
{
	question->fd = QUESTION_UNOPENED;
	question->from_input = from_input;
	if (is_wanted && !from_input)
		question->fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
}

void question_close(struct question *question)
{
	if (question->fd >= 0 && !question->from_input)
		close(question->fd);
	question->fd = QUESTION_UNOPENED;
}

static bool find_somebody(struct question *question, struct output *output)
{
	struct text line = { 0 };

	if (question->fd == QUESTION_NOBODY)
		return false;
	if (question->fd == QUESTION_UNOPENED && question->from_input)
		question->fd = STDIN_FILENO;
	if (question->fd >= 0)
		return true;
	question->fd = QUESTION_NOBODY;
	text_addf(&line,
		  "%s: cannot ask whether to replace: there is no terminal; what exists is kept",
		  program_name());
	output_err(output, text_string(&line));
	text_free(&line);
	return false;
}

static void put(const struct question *question, const struct text *line)
{
	int fd = question->from_input ? STDERR_FILENO : question->fd;
	const char *at = text_string(line);
	size_t left = strlen(at);

	while (left > 0) {
		ssize_t bytes = write(fd, at, left);

		if (bytes < 0 && errno == EINTR)
			continue;
		if (bytes <= 0)
			return; /* the answer will show it */
		at += bytes;
		left -= (size_t)bytes;
	}
}

/* One byte of the answer; 0 at its end. */
static char get(const struct question *question)
{
	for (;;) {
		struct pollfd one = { .fd = question->fd, .events = POLLIN };
		char byte;
		ssize_t bytes;

		if (signals_count() > 0)
			return 0;
		if (poll(&one, 1, QUESTION_POLL_MS) <= 0)
			continue;
		bytes = read(question->fd, &byte, 1);
		if (bytes < 0 && errno == EINTR)
			continue;
		if (bytes <= 0 || byte == '\n')
			return '\0';
		return byte;
	}
}

bool question_replace(struct question *question, struct output *output, const char *path)
{
	struct text line = { 0 };
	char first, byte;

	if (!find_somebody(question, output))
		return false;
	output_clear_status(output);
	output_flush(output);
	text_addf(&line, "%s: replace ", program_name());
	escape_quoted(&line, path, output->utf8);
	text_add(&line, "? ");
	put(question, &line);
	text_free(&line);
	first = get(question);
	for (byte = first; byte != 0;)
		byte = get(question);
	return first == 'y' || first == 'Y';
}
