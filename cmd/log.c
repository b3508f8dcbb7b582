/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "output.h"
#include "trust.h"

#define LOG_HELD_BYTES 32768U

/* O_NONBLOCK: a FIFO is refused instead of waited for. */
#define LOG_FLAGS (O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

static void add_reason(struct text *why, int errnum)
{
	/* The errno of O_NOFOLLOW speaks of loops where there is none. */
	if (errnum == ELOOP)
		text_add(why, "a symbolic link is not followed (ELOOP)");
	else
		output_add_reason(why, errnum);
}

bool log_open(struct log *log, const char *file, struct text *why)
{
	struct stat status;

	*log = (struct log){ .fd = -1, .file = file };
	if (file == NULL)
		return true;
	if (trust_path(file) == EPERM) {
		text_add(why, "a symbolic link of another user is not followed");
		return false;
	}
	/* To open a device may already do something to it. */
	if (lstat(file, &status) == 0 && (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode))) {
		text_add(why, "not a regular file");
		return false;
	}
	log->fd = open(file, LOG_FLAGS, 0666);
	if (log->fd < 0) {
		add_reason(why, errno);
		return false;
	}
	if (fstat(log->fd, &status) == 0 && S_ISREG(status.st_mode))
		return true;
	text_add(why, "not a regular file");
	close(log->fd);
	log->fd = -1;
	return false;
}

bool log_is_open(const struct log *log)
{
	return log->fd >= 0;
}

static void add_time(struct text *text)
{
	struct timespec now;
	struct tm utc;
	char date[32];

	clock_gettime(CLOCK_REALTIME, &now);
	if (gmtime_r(&now.tv_sec, &utc) == NULL ||
	    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc) == 0)
		date[0] = '\0';
	text_addf(text, "%s.%03ldZ [%ld] ", date, now.tv_nsec / 1000000, (long)getpid());
}

void log_line(struct log *log, const char *line)
{
	if (log->fd < 0)
		return;
	add_time(&log->held);
	text_add(&log->held, line);
	text_add(&log->held, "\n");
	if (log->held.truncated && log->errnum == 0)
		log->errnum = ENOMEM;
	if (log->held.length_bytes >= LOG_HELD_BYTES)
		log_flush(log);
}

void log_flush(struct log *log)
{
	size_t done_bytes = 0;

	if (log->fd < 0)
		return;
	/* After an error the file ends there: later lines would hide the hole. */
	while (log->errnum == 0 && done_bytes < log->held.length_bytes) {
		ssize_t written = write(log->fd, log->held.data + done_bytes,
					log->held.length_bytes - done_bytes);

		if (written > 0)
			done_bytes += (size_t)written;
		else if (written == 0 || errno != EINTR)
			log->errnum = written == 0 ? EIO : errno;
	}
	text_clear(&log->held);
}

int log_close(struct log *log)
{
	log_flush(log);
	if (log->fd >= 0 && close(log->fd) < 0 && log->errnum == 0 && errno != EINTR)
		log->errnum = errno;
	log->fd = -1;
	text_free(&log->held);
	return log->errnum;
}
