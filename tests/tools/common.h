// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the programs that run weir again and again have in common.
 */
#ifndef TOOLS_COMMON_H
#define TOOLS_COMMON_H

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 4096

static __attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, ": %s\n", strerror(errno));
	exit(2);
}

static void *must(void *memory)
{
	if (memory == NULL)
		die("memory");
	return memory;
}

static inline uint64_t number(const char *text)
{
	char *end;
	uint64_t value = strtoull(text, &end, 10);

	if (end == text || *end != '\0') {
		errno = EINVAL;
		die("number '%s'", text);
	}
	return value;
}

/* What lies in the folder PATH itself, one after the other, in no order. */
static void each_in(const char *path, void (*each)(const char *below, void *context), void *context)
{
	struct dirent *dirent;
	DIR *dir = opendir(path);

	if (dir == NULL)
		die("opendir %s", path);
	while ((dirent = readdir(dir)) != NULL) {
		char below[PATH_BYTES];

		if (strcmp(dirent->d_name, ".") == 0 || strcmp(dirent->d_name, "..") == 0)
			continue;
		snprintf(below, sizeof(below), "%s/%s", path, dirent->d_name);
		each(below, context);
	}
	closedir(dir);
}

static void remove_one(const char *path, void *context)
{
	struct stat stat;

	if (lstat(path, &stat) != 0)
		return;
	if (!S_ISDIR(stat.st_mode)) {
		if (unlink(path) != 0)
			die("unlink %s", path);
		return;
	}
	chmod(path, 0700);
	each_in(path, remove_one, context);
	if (rmdir(path) != 0)
		die("rmdir %s", path);
}

static __attribute__((unused)) void remove_all(const char *path)
{
	remove_one(path, NULL);
}

#endif
