/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "output.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "escape.h"
#include "program.h"
#include "weir.h"

#define OUT_HELD_BYTES 65536U

#define STATUS_START "\r"
#define STATUS_REST_CLEARED "\033[K"

void output_open(struct output *output)
{
	*output = (struct output){ .utf8 = escape_locale_is_utf8() };
}

/* Writes all of it; returns 0 or a positive errno.  A terminal or pipe that
 * was made non-blocking by its owner is waited for. */
static int write_all(int fd, const char *bytes, size_t length_bytes)
{
	while (length_bytes > 0) {
		ssize_t written = write(fd, bytes, length_bytes);

		if (written > 0) {
			bytes += written;
			length_bytes -= (size_t)written;
		} else if (written == 0) {
			return EIO;
		} else if (errno == EAGAIN) {
			struct pollfd wait = { .fd = fd, .events = POLLOUT };

			if (poll(&wait, 1, -1) < 0 && errno != EINTR)
				return errno;
		} else if (errno != EINTR) {
			return errno;
		}
	}
	return 0;
}

void output_flush(struct output *output)
{
	if (output->out.length_bytes == 0)
		return;
	output_clear_status(output);
	/* After the first error nobody reads on, or the rest would have a hole. */
	if (output->out_errnum == 0)
		output->out_errnum =
			write_all(STDOUT_FILENO, output->out.data, output->out.length_bytes);
	text_clear(&output->out);
}

static void output_add(struct output *output, const char *line, const char *end)
{
	text_add(&output->out, line);
	text_add_bytes(&output->out, end, 1);
	if (output->out.truncated && output->out_errnum == 0)
		output->out_errnum = ENOMEM;
	if (output->out.length_bytes >= OUT_HELD_BYTES)
		output_flush(output);
}

void output_out(struct output *output, const char *line)
{
	output_add(output, line, "\n");
}

void output_out_exact(struct output *output, const char *line)
{
	output_add(output, line, "");
}

/* Without memory for a line of its own: who has none tells that, at least. */
void output_err(struct output *output, const char *line)
{
	static const char nothing[] = PROGRAM_WEIR ": out of memory";
	const char *said = line[0] != '\0' ? line : nothing;
	struct text whole = { 0 };
	int errnum;

	output_flush(output);
	output_clear_status(output);
	text_add(&whole, said);
	text_add(&whole, "\n");
	if (whole.truncated) {
		errnum = write_all(STDERR_FILENO, said, strlen(said));
		if (errnum == 0)
			errnum = write_all(STDERR_FILENO, "\n", 1);
	} else {
		errnum = write_all(STDERR_FILENO, text_string(&whole), whole.length_bytes);
	}
	if (output->err_errnum == 0)
		output->err_errnum = errnum;
	text_free(&whole);
}

/* Nobody asked for a status, so failing to draw one is no error of the run. */
static void write_status(struct output *output, const char *line)
{
	struct text whole = { 0 };

	text_add(&whole, STATUS_START);
	text_add(&whole, line);
	text_add(&whole, STATUS_REST_CLEARED);
	(void)write_all(STDERR_FILENO, text_string(&whole), whole.length_bytes);
	output->status_shown = line[0] != '\0';
	text_free(&whole);
}

void output_status(struct output *output, const char *line)
{
	output_flush(output);
	if (line[0] != '\0' || output->status_shown)
		write_status(output, line);
}

void output_clear_status(struct output *output)
{
	if (output->status_shown)
		write_status(output, "");
}

void output_add_reason(struct text *text, int errnum)
{
	text_addf(text, "%s (%s)", weir_strerror(errnum), weir_errno_name(errnum));
}

static void tell_loss(struct output *output, const char *stream, int errnum)
{
	struct text text = { 0 };

	text_addf(&text, "%s: cannot write %s: ", program_name(), stream);
	output_add_reason(&text, errnum);
	output_err(output, text_string(&text));
	text_free(&text);
}

/* Some file systems tell of a failed write only when a descriptor is closed.
 * A duplicate will do: 1 and 2 stay taken, and a checker that reports at exit
 * still finds standard error. */
static int check_stream(int fd, int errnum)
{
	int copy = dup(fd);

	if (copy >= 0 && close(copy) < 0 && errnum == 0 && errno != EINTR)
		return errno;
	return errnum;
}

int output_refuse(const char *operation, const char *name, const char *why)
{
	struct output output;
	struct text text = { 0 };

	output_open(&output);
	text_addf(&text, "%s: cannot %s", program_name(), operation);
	if (name != NULL) {
		text_add(&text, " ");
		escape_quoted(&text, name, output.utf8);
	}
	text_addf(&text, ": %s", why);
	output_err(&output, text_string(&text));
	(void)output_close(&output);
	text_free(&text);
	return WEIR_RESULT_FATAL;
}

int output_fail(const char *operation, const char *name, int errnum)
{
	struct text why = { 0 };
	int status;

	output_add_reason(&why, errnum);
	status = output_refuse(operation, name, text_string(&why));
	text_free(&why);
	return status;
}

int output_close(struct output *output)
{
	output_flush(output);
	output_clear_status(output);
	output->out_errnum = check_stream(STDOUT_FILENO, output->out_errnum);
	if (output->out_errnum != 0)
		tell_loss(output, "standard output", output->out_errnum);
	output->err_errnum = check_stream(STDERR_FILENO, output->err_errnum);
	text_free(&output->out);
	return output->out_errnum != 0 ? output->out_errnum : output->err_errnum;
}
