/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Temp names and what is left of them.
 *
 * Invariants:
 * N1 a name is removed only with the folder locked exclusively, which no run
 *    that has temps in it allows; where locks do not work, only when it is
 *    older than a day;
 * N2 a name whose checksum is wrong is a user's and is never touched, and neither is
 *    a folder with anything in it.
 */
#define _GNU_SOURCE
#include "temp.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "invariant.h"
#include "limits.h"

#define TEMP_PREFIX ".weir."
#define TEMP_PREFIX_BYTES 6
#define TEMP_RANDOM 20 /* characters, 100 bits */
#define TEMP_CHECK 4   /* characters, 20 bits */
#define TEMP_OLD_SECONDS (24L * 60 * 60)

/* Lower case only, so that a target that folds case keeps names apart. */
static const char temp_alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

_Static_assert(TEMP_PREFIX_BYTES + TEMP_RANDOM + TEMP_CHECK + 1 == TEMP_NAME_BYTES, "name size");

/* FNV-1a over the random characters, folded to 20 bits. */
static void temp_checksum(const char *random, char check[TEMP_CHECK])
{
	uint32_t hash = 2166136261U;

	for (size_t i = 0; i < TEMP_RANDOM; i++)
		hash = (hash ^ (unsigned char)random[i]) * 16777619U;
	hash ^= hash >> 20;
	for (size_t i = 0; i < TEMP_CHECK; i++)
		check[i] = temp_alphabet[hash >> (5 * i) & 31];
}

int temp_name_make(struct sys *sys, char name[TEMP_NAME_BYTES])
{
	uint8_t bytes[TEMP_RANDOM];
	char *random = name + TEMP_PREFIX_BYTES;
	int result = sys_random(sys, bytes, sizeof(bytes));

	if (result < 0)
		return result;
	memcpy(name, TEMP_PREFIX, TEMP_PREFIX_BYTES);
	for (size_t i = 0; i < TEMP_RANDOM; i++)
		random[i] = temp_alphabet[bytes[i] & 31];
	temp_checksum(random, random + TEMP_RANDOM);
	name[TEMP_NAME_BYTES - 1] = '\0';
	WEIR_ASSERT(temp_name_ours(name));
	return 0;
}

bool temp_name_ours(const char *name)
{
	char check[TEMP_CHECK];

	if (strlen(name) != TEMP_NAME_BYTES - 1 ||
	    memcmp(name, TEMP_PREFIX, TEMP_PREFIX_BYTES) != 0)
		return false;
	for (const char *at = name + TEMP_PREFIX_BYTES; *at != '\0'; at++)
		if (strchr(temp_alphabet, *at) == NULL)
			return false;
	temp_checksum(name + TEMP_PREFIX_BYTES, check);
	return memcmp(name + TEMP_PREFIX_BYTES + TEMP_RANDOM, check, TEMP_CHECK) == 0; /* N2 */
}

bool temp_is_leftover(const char *name, const struct sys_stat *stat, bool locked)
{
	if (!temp_name_ours(name))
		return false;
	return locked || time(NULL) - stat->ctime.tv_sec >= TEMP_OLD_SECONDS; /* N1 */
}

/* Removes one leftover; a folder only if nothing is in it. */
static bool temp_remove(struct sys *sys, int fd, const char *name, bool locked)
{
	struct sys_stat stat;

	if (sys_statx(sys, fd, name, false, &stat) < 0 || !temp_is_leftover(name, &stat, locked))
		return false;
	return sys_unlinkat(sys, fd, name, S_ISDIR(stat.mode) ? AT_REMOVEDIR : 0) == 0;
}

struct temp_dirent {
	uint64_t inode;
	int64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

/* Looks at one buffer of names; counts the ours among them, or removes them. */
static unsigned temp_sweep_buffer(struct sys *sys, int fd, const char *buffer, ssize_t bytes,
				  bool removes, bool locked, unsigned *looked)
{
	unsigned found = 0;

	for (ssize_t at = 0; at < bytes;) {
		const struct temp_dirent *entry = (const void *)(buffer + at);

		at += entry->length;
		(*looked)++;
		if (!temp_name_ours(entry->name))
			continue;
		if (!removes || temp_remove(sys, fd, entry->name, locked))
			found++;
	}
	return found;
}

static unsigned temp_sweep_pass(struct sys *sys, int fd, bool removes, bool locked)
{
	char *buffer = malloc(KIB(32));
	unsigned looked = 0, found = 0;
	ssize_t bytes;

	if (buffer == NULL || sys_lseek(sys, fd, 0, SEEK_SET) < 0) {
		free(buffer);
		return 0;
	}
	while (looked < LIMIT_SWEEP_NAMES && (bytes = sys_getdents(sys, fd, buffer, KIB(32))) > 0)
		found += temp_sweep_buffer(sys, fd, buffer, bytes, removes, locked, &looked);
	free(buffer);
	return found;
}

unsigned temp_sweep(struct root *root, struct dir *dir, int fd)
{
	struct sys *sys = root->sys;
	unsigned removed = 0;
	int locked;

	if (dir->temps > 0)
		return 0; /* this run's own */
	/* A descriptor of its own: its position and its lock are ours alone. */
	fd = sys_openat(sys, fd, ".", O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return 0;
	if (temp_sweep_pass(sys, fd, false, false) > 0) {
		locked = dir->held ? 0 : sys_flock(sys, fd, LOCK_EX | LOCK_NB);
		if (locked != -EWOULDBLOCK)
			removed = temp_sweep_pass(sys, fd, true, locked == 0);
	}
	sys_close(sys, fd); /* drops the lock */
	return removed;
}
