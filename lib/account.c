/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The database of accounts.
 *
 * Invariants:
 * C1 nothing that its caller may be using is moved: the functions that walk the
 *    database (getpwent(3)) share one position in a process, so only single accounts
 *    are asked for, and /etc/passwd, which has those of the machine, is read by us;
 * C2 a home is compared by its inode, not by its name.
 */
#define _GNU_SOURCE
#include "account.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "limits.h"

#define ACCOUNT_STEP_BYTES KIB(4)
#define ACCOUNT_MOST_BYTES MIB(1)
#define ACCOUNT_TABLE_BYTES MIB(16)

/* The account of UID; *text holds what it points into and is freed by the caller.
 * 0, -ENOENT or another -errno. */
static int account_find(uid_t uid, struct passwd *account, char **text)
{
	struct passwd *found = NULL;
	int error = ERANGE;

	*text = NULL;
	for (size_t size = ACCOUNT_STEP_BYTES; error == ERANGE && size <= ACCOUNT_MOST_BYTES;
	     size *= 2) {
		char *larger = realloc(*text, size);

		if (larger == NULL)
			return -ENOMEM;
		*text = larger;
		do {
			error = getpwuid_r(uid, account, *text, size, &found);
		} while (error == EINTR);
	}
	if (error != 0)
		return -error;
	return found != NULL ? 0 : -ENOENT;
}

int account_home(uid_t uid, char **home)
{
	struct passwd account;
	char *text;
	int result = account_find(uid, &account, &text);

	*home = NULL;
	if (result == 0 && (account.pw_dir == NULL || account.pw_dir[0] != '/'))
		result = -ENOENT;
	if (result == 0) {
		*home = strdup(account.pw_dir);
		result = *home != NULL ? 0 : -ENOMEM;
	}
	free(text);
	return result;
}

/* C2.  A link is followed; what would only then be mounted is not. */
static bool account_is_there(struct sys *sys, const char *home, const struct sys_stat *folder)
{
	struct sys_stat stat;

	if (home == NULL || home[0] != '/' || sys_statx(sys, AT_FDCWD, home, false, &stat) < 0)
		return false;
	if (S_ISLNK(stat.mode) && sys_statx_follow(sys, AT_FDCWD, home, &stat) < 0)
		return false;
	return stat.device == folder->device && stat.inode == folder->inode;
}

static bool account_of_uid(struct sys *sys, uid_t uid, const struct sys_stat *folder,
			   char name[ACCOUNT_NAME_BYTES])
{
	struct passwd account;
	char *text;
	bool found = account_find(uid, &account, &text) == 0 &&
		     account_is_there(sys, account.pw_dir, folder);

	if (found)
		snprintf(name, ACCOUNT_NAME_BYTES, "%s", account.pw_name);
	free(text);
	return found;
}

/* Field NUMBER, from 0, of a line of /etc/passwd, which is cut there; NULL: there is
 * none. */
static char *account_field(char *line, unsigned number)
{
	for (; number > 0 && line != NULL; number--) {
		line = strchr(line, ':');
		line = line != NULL ? line + 1 : NULL;
	}
	if (line != NULL)
		line[strcspn(line, ":")] = '\0';
	return line;
}

static bool account_in_table(struct sys *sys, const struct sys_stat *folder,
			     char name[ACCOUNT_NAME_BYTES])
{
	bool found = false;
	char *text, *line, *rest;

	if (sys_read_whole(sys, "/etc/passwd", ACCOUNT_TABLE_BYTES, &text) < 0)
		return false;
	for (line = strtok_r(text, "\n", &rest); line != NULL && !found;
	     line = strtok_r(NULL, "\n", &rest)) {
		const char *home = account_field(line, 5);

		found = account_is_there(sys, home, folder);
		if (found)
			snprintf(name, ACCOUNT_NAME_BYTES, "%s", account_field(line, 0));
	}
	free(text);
	return found;
}

bool account_lives_in(struct sys *sys, const struct sys_stat *folder, char name[ACCOUNT_NAME_BYTES])
{
	return account_of_uid(sys, geteuid(), folder, name) ||
	       account_of_uid(sys, folder->uid, folder, name) ||
	       account_in_table(sys, folder, name);
}
