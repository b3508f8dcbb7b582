/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What else is read of /proc: the table of locks, to name who holds a folder, and the
 * pressure on storage.  Any bytes give an answer in bounds, of text that moves no cursor,
 * and where lines are those of the kernel it is the one of a slow reader.
 *
 * Input: a byte (1: open files may be looked at); the table of locks, NUL; the name of a
 * program, NUL; and a text of pressure.
 *
 * Wraps: sys_statx sys_read_whole sys_read_text lister_open mount_of
 *
 * Fuzz: -max_len=600
 */
#include "lib/holder.h"
#include "lib/pressure.h"

#include <errno.h>
#include <sys/sysmacros.h>

#include "fuzz.h"
#include "lib/lister.h"
#include "lib/mount.h"

#define FOLDER_INODE 131
#define MAJOR_NUMBER 8
#define MINOR_NUMBER 17

static struct {
	char *locks, *program;
	bool gone; /* whoever it is: it has ended */
} table;

int __wrap_sys_statx(struct sys *sys, int fd, const char *name, bool dio, struct sys_stat *stat);
int __wrap_mount_of(struct sys *sys, int fd, struct mount *mount);
ssize_t __wrap_sys_read_whole(struct sys *sys, const char *path, size_t most, char **text);
ssize_t __wrap_sys_read_text(struct sys *sys, const char *path, char *text, size_t size);
int __wrap_lister_open(struct lister *lister, struct sys *sys, int dirfd, const char *name);

int __wrap_sys_statx(struct sys *sys, int fd, const char *name, bool dio, struct sys_stat *stat)
{
	(void)sys, (void)fd, (void)name, (void)dio;
	*stat = (struct sys_stat){ .inode = FOLDER_INODE,
				   .device = makedev(MAJOR_NUMBER, MINOR_NUMBER) };
	return 0;
}

int __wrap_mount_of(struct sys *sys, int fd, struct mount *mount)
{
	(void)sys, (void)fd;
	*mount = (struct mount){ .device = makedev(MAJOR_NUMBER, MINOR_NUMBER) };
	return 0;
}

ssize_t __wrap_sys_read_whole(struct sys *sys, const char *path, size_t most, char **text)
{
	size_t bytes = strlen(table.locks);

	(void)sys, (void)most;
	FUZZ_CHECK(strcmp(path, "/proc/locks") == 0);
	*text = fuzz_copy(table.locks, bytes);
	return (ssize_t)bytes;
}

ssize_t __wrap_sys_read_text(struct sys *sys, const char *path, char *text, size_t size)
{
	(void)sys;
	FUZZ_CHECK(strncmp(path, "/proc/", 6) == 0);
	snprintf(text, size, "%s", table.program);
	return (ssize_t)strlen(text);
}

int __wrap_lister_open(struct lister *lister, struct sys *sys, int dirfd, const char *name)
{
	(void)lister, (void)sys, (void)dirfd, (void)name;
	return table.gone ? -ENOENT : -EACCES;
}

/* ---- locks ---- */

/* A number of digits in BASE, which END follows. */
static bool slow_number(const char **at, unsigned base, char end, uint64_t *number)
{
	const char *digits = "0123456789abcdef", *begin = *at;

	for (*number = 0; **at != '\0' && *at - begin < 9; (*at)++) {
		const char *digit = strchr(digits, **at);

		if (digit == NULL || digit - digits >= (ptrdiff_t)base)
			break;
		*number = *number * base + (uint64_t)(digit - digits);
	}
	return *at > begin && *(*at)++ == end;
}

/* "1: FLOCK  ADVISORY  WRITE 708 08:11:131 0 EOF", exactly so: the process if the lock
 * is of the folder. */
static uint64_t slow_holder(const char *line)
{
	static const char *const modes[] = { " FLOCK  ADVISORY  WRITE ",
					     " FLOCK  ADVISORY  READ " };
	uint64_t number, pid, major_number, minor_number, inode;

	if (!slow_number(&line, 10, ':', &number))
		return 0;
	for (size_t i = 0; i < 2; i++) {
		if (strncmp(line, modes[i], strlen(modes[i])) != 0)
			continue;
		line += strlen(modes[i]);
		if (slow_number(&line, 10, ' ', &pid) &&
		    slow_number(&line, 16, ':', &major_number) &&
		    slow_number(&line, 16, ':', &minor_number) &&
		    slow_number(&line, 10, ' ', &inode) && major_number == MAJOR_NUMBER &&
		    minor_number == MINOR_NUMBER && inode == FOLDER_INODE)
			return pid;
		return 0;
	}
	return 0;
}

/* The process of the first line, if that is written as the kernel does. */
static uint64_t slow_find(void)
{
	char *copy = fuzz_copy(table.locks, strcspn(table.locks, "\n"));
	uint64_t pid = slow_holder(copy);

	free(copy);
	return pid;
}

static void check_locks(void)
{
	static const char begin[] = "another run holds this folder";
	char *text = fuzz_alloc(HOLDER_TEXT_BYTES);
	uint64_t pid = table.gone ? 0 : slow_find();
	char expected[64];

	holder_tell(NULL, 3, text);
	FUZZ_CHECK(memchr(text, '\0', HOLDER_TEXT_BYTES) != NULL);
	FUZZ_CHECK(strncmp(text, begin, strlen(begin)) == 0);
	for (const char *at = text; *at != '\0'; at++)
		FUZZ_CHECK(*at >= ' ' && *at <= '~');
	if (table.gone)
		FUZZ_CHECK(strcmp(text, begin) == 0);
	snprintf(expected, sizeof(expected), "%s: process %llu", begin, (unsigned long long)pid);
	if (pid > 0)
		FUZZ_CHECK(strncmp(text, expected, strlen(expected)) == 0);
	free(text);
}

/* ---- pressure ---- */

static bool slow_pressure(const char *text, struct pressure_sample *sample)
{
	unsigned whole, part, more[4];
	unsigned long long total;
	char end, again[200];

	if (sscanf(text, "some avg10=%3u.%2u avg60=%3u.%2u avg300=%3u.%2u total=%18llu%c", &whole,
		   &part, &more[0], &more[1], &more[2], &more[3], &total, &end) != 8 ||
	    end != '\n' || whole > 100)
		return false;
	snprintf(again, sizeof(again),
		 "some avg10=%u.%02u avg60=%u.%02u avg300=%u.%02u total=%llu\n", whole, part,
		 more[0], more[1], more[2], more[3], total);
	sample->avg10 = whole * 100 + part;
	sample->total_us = total;
	return strncmp(text, again, strlen(again)) == 0;
}

static void check_pressure(const char *text)
{
	struct pressure_sample sample = { 0 }, slow = { 0 };
	struct pressure pressure = { 0 };
	int result = pressure_parse(text, &sample);

	FUZZ_CHECK(result == 0 || result == -EINVAL);
	if (result == 0)
		FUZZ_CHECK(sample.avg10 <= 10099);
	if (slow_pressure(text, &slow))
		FUZZ_CHECK(result == 0 && sample.avg10 == slow.avg10 &&
			   sample.total_us == slow.total_us);
	/* It never keeps a run for good: little pressure ends every pause. */
	for (uint64_t now_ns = 1; now_ns < 20000000000; now_ns += 500000000)
		(void)pressure_judge(&pressure, &sample, now_ns);
	sample.avg10 = 0;
	FUZZ_CHECK(!pressure_judge(&pressure, &sample, 20000000000));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct fuzz_input input = { data, bytes };
	char *pressure;

	table.gone = (fuzz_byte(&input) & 1) != 0;
	table.locks = fuzz_text(&input);
	table.program = fuzz_text(&input);
	pressure = fuzz_text(&input);
	check_locks();
	check_pressure(pressure);
	free(table.locks);
	free(table.program);
	free(pressure);
	return 0;
}
