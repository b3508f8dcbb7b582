/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * /proc/locks.
 *
 *   1: FLOCK  ADVISORY  WRITE 708 08:01:131 0 EOF
 *
 * Invariant: a process is only named if nothing speaks against it.  The device of that
 * table is that of the file system, and on btrfs folders of several subvolumes have one
 * number there, so its open files are looked at, too, wherever that is allowed.
 */
#define _GNU_SOURCE
#include "holder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "limits.h"
#include "lister.h"
#include "mount.h"

#define HOLDER_TABLE_BYTES MIB(16)
#define HOLDER_WORDS "another run holds this folder"

struct holder {
	struct sys *sys;
	struct sys_stat folder;
	uint64_t device; /* of its file system */
};

/* The process of a line, if that is about a lock of the folder; else 0. */
static long holder_read_line(const struct holder *holder, const char *line)
{
	unsigned major_number, minor_number;
	uint64_t inode;
	long pid;

	/* What waits for a lock has an arrow before its kind. */
	if (sscanf(line, "%*u: FLOCK %*s %*s %ld %x:%x:%" SCNu64, &pid, &major_number,
		   &minor_number, &inode) != 4)
		return 0;
	if (pid <= 0 || inode != holder->folder.inode ||
	    makedev(major_number, minor_number) != holder->device)
		return 0;
	return pid;
}

/* What speaks for a process: 1: it has the folder open; 0: it has not; -1: nobody
 * tells us. */
static int holder_has_open(const struct holder *holder, long pid)
{
	struct lister lister;
	const char *name;
	char path[64];
	int found = 0;
	int result;

	snprintf(path, sizeof(path), "/proc/%ld/fd", pid);
	result = lister_open(&lister, holder->sys, AT_FDCWD, path);
	if (result < 0) /* who took the lock may be gone, and have handed it on */
		return result == -ENOENT ? 0 : -1;
	while (found == 0 && (name = lister_next(&lister)) != NULL) {
		struct sys_stat stat;

		if (sys_statx_follow(holder->sys, lister.fd, name, &stat) == 0 &&
		    stat.device == holder->folder.device && stat.inode == holder->folder.inode)
			found = 1;
	}
	if (found == 0 && lister.result < 0)
		found = -1;
	lister_close(&lister);
	return found;
}

static bool holder_is(const struct holder *holder, long pid)
{
	int open = holder_has_open(holder, pid);

	return open > 0 || (open < 0 && holder->device == holder->folder.device);
}

static long holder_find(const struct holder *holder)
{
	char *text, *line, *rest;
	long found = 0;

	if (sys_read_whole(holder->sys, "/proc/locks", HOLDER_TABLE_BYTES, &text) < 0)
		return 0;
	for (line = strtok_r(text, "\n", &rest); line != NULL && found == 0;
	     line = strtok_r(NULL, "\n", &rest)) {
		long pid = holder_read_line(holder, line);

		if (pid != 0 && holder_is(holder, pid))
			found = pid;
	}
	free(text);
	return found;
}

/* The name of the program, which anybody can set to anything. */
static void holder_read_name(struct sys *sys, long pid, char name[32])
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
	if (sys_read_text(sys, path, name, 32) <= 0)
		name[0] = '\0';
	name[strcspn(name, "\n")] = '\0';
	for (char *at = name; *at != '\0'; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
}

void holder_tell(struct sys *sys, int fd, char text[HOLDER_TEXT_BYTES])
{
	struct holder holder = { .sys = sys };
	struct mount mount;
	char name[32];
	long pid = 0;

	if (sys_statx(sys, fd, "", false, &holder.folder) == 0 && mount_of(sys, fd, &mount) == 0) {
		holder.device = mount.device;
		mount_free(&mount);
		pid = holder_find(&holder);
	}
	if (pid == 0) {
		snprintf(text, HOLDER_TEXT_BYTES, HOLDER_WORDS);
		return;
	}
	holder_read_name(sys, pid, name);
	snprintf(text, HOLDER_TEXT_BYTES, HOLDER_WORDS ": process %ld%s%s%s", pid,
		 name[0] != '\0' ? " (" : "", name, name[0] != '\0' ? ")" : "");
}
