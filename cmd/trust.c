/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "trust.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRUST_HOPS 40U /* links followed, as the kernel's */

struct walk {
	char *rest; /* of the path */
	int folder; /* where it begins */
	unsigned hops;
};

static bool trust_owner(unsigned uid)
{
	return uid == 0 || uid == geteuid();
}

/* Goes on in FOLDER, which may be less than 0. */
static int enter(struct walk *walk, int folder)
{
	int errnum = folder < 0 ? errno : 0;

	if (walk->folder >= 0)
		close(walk->folder);
	walk->folder = folder;
	return errnum;
}

static int enter_start(struct walk *walk, const char *path)
{
	return enter(walk, open(path[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

/* The link NAME, followed by REST, takes the place of the path. */
static int follow(struct walk *walk, const char *name, const char *rest)
{
	char text[PATH_MAX];
	ssize_t length = readlinkat(walk->folder, name, text, sizeof(text));
	char *path;

	if (length < 0)
		return errno;
	if (length == (ssize_t)sizeof(text))
		return ENAMETOOLONG;
	if (++walk->hops > TRUST_HOPS)
		return ELOOP;
	path = malloc((size_t)length + strlen(rest) + 2);
	if (path == NULL)
		return ENOMEM;
	memcpy(path, text, (size_t)length);
	path[length] = '/';
	memcpy(path + length + 1, rest, strlen(rest) + 1);
	if (rest[0] == '\0')
		path[length] = '\0';
	free(walk->rest);
	walk->rest = path;
	return path[0] == '/' ? enter_start(walk, path) : 0;
}

/* One component; *over when it was the last. */
static int step(struct walk *walk, bool *over)
{
	char *name = walk->rest + strspn(walk->rest, "/");
	char *end = name + strcspn(name, "/");
	const char *rest = end + strspn(end, "/");
	struct stat status;

	*over = *rest == '\0';
	if (name == end)
		return 0;
	*end = '\0';
	if (fstatat(walk->folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return *over && errno == ENOENT ? 0 : errno;
	if (S_ISLNK(status.st_mode)) {
		if (!trust_owner(status.st_uid))
			return EPERM;
		/* A descriptor of ours: only the kernel can follow it. */
		if (*over && fstatat(walk->folder, name, &status, 0) == 0 &&
		    !S_ISREG(status.st_mode))
			return 0;
		*over = false;
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): trust_path() frees walk->rest */
		return follow(walk, name, rest);
	}
	if (!*over) {
		int errnum = enter(walk, openat(walk->folder, name,
						O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));

		memmove(walk->rest, rest, strlen(rest) + 1);
		return errnum;
	}
	return 0;
}

int trust_path(const char *path)
{
	struct walk walk = { .rest = strdup(path), .folder = -1 };
	bool over = false;
	int errnum = walk.rest == NULL ? ENOMEM : enter_start(&walk, path);

	while (errnum == 0 && !over)
		errnum = step(&walk, &over);
	if (walk.folder >= 0)
		close(walk.folder);
	free(walk.rest);
	return errnum;
}

int trust_list(const char *file)
{
	struct stat status;

	if (trust_path(file) == EPERM)
		return EPERM;
	if (stat(file, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode) &&
	    !trust_owner(status.st_uid))
		return EPERM;
	return 0;
}
