/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is one has one set of attributes at every moment, whatever it is called.
 *
 * Invariants:
 * Q1 two folders are told apart only by what differed while nothing changed: the
 *    first is looked at before and after the second; first their attributes, then
 *    the names in them, in whatever order they come;
 * Q2 folders that nothing tells apart are one.  That leaves out a folder that is
 *    another one, which is told as a failure; the other way, a folder that contains
 *    itself would be copied into itself for ever.  File handles do not help: those
 *    of FUSE are of the name that led there, so that a folder that contains itself
 *    has a new one at each level.
 */
#define _GNU_SOURCE
#include "alike.h"

#include <fcntl.h>
#include <stdlib.h>

#include "limits.h"
#include "meta.h"

/* Times of access are left out: a listing changes them. */
static bool alike_attributes(const struct sys_stat *a, const struct sys_stat *b)
{
	return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid && a->links == b->links &&
	       a->size_bytes == b->size_bytes && a->blocks == b->blocks && a->rdev == b->rdev &&
	       meta_same_time(&a->mtime, &b->mtime) && meta_same_time(&a->ctime, &b->ctime);
}

struct alike_dirent {
	uint64_t inode;
	int64_t offset;
	uint16_t length;
	uint8_t type;
	char name[];
};

/* A number that stands for all names in a folder; false: it cannot be listed. */
static bool alike_sum_names(struct sys *sys, int dirfd, uint64_t *sum)
{
	char *buffer = malloc(LIMIT_LIST_BYTES);
	int fd = buffer != NULL ? sys_openat(sys, dirfd, ".", O_RDONLY | O_DIRECTORY, 0) : -1;
	ssize_t bytes = -1;

	*sum = 0;
	while (fd >= 0 && (bytes = sys_getdents(sys, fd, buffer, LIMIT_LIST_BYTES)) > 0)
		for (ssize_t at = 0; at < bytes;) {
			const struct alike_dirent *entry = (const void *)(buffer + at);
			uint64_t hash = 0xcbf29ce484222325ULL; /* FNV-1a */

			for (const char *name = entry->name; *name != '\0'; name++)
				hash = (hash ^ (unsigned char)*name) * 0x100000001b3ULL;
			*sum += hash;
			at += entry->length;
		}
	if (fd >= 0)
		sys_close(sys, fd);
	free(buffer);
	return bytes == 0;
}

/* Q1 */
static bool alike_names(struct sys *sys, int one, int two)
{
	uint64_t before, between, after;

	return !alike_sum_names(sys, one, &before) || !alike_sum_names(sys, two, &between) ||
	       !alike_sum_names(sys, one, &after) || before != after || before == between;
}

/* Q1 */
static bool alike_open_dirs(struct sys *sys, int one, int two)
{
	struct sys_stat before, between, after;

	for (uint32_t tries = 0; tries < LIMIT_TRIES; tries++) {
		if (sys_statx(sys, one, "", false, &before) < 0 ||
		    sys_statx(sys, two, "", false, &between) < 0 ||
		    sys_statx(sys, one, "", false, &after) < 0)
			return true; /* Q2 */
		if (alike_attributes(&before, &after))
			return alike_attributes(&before, &between) &&
			       meta_same_time(&before.btime, &between.btime) &&
			       alike_names(sys, one, two);
	}
	return true;
}

bool alike_dirs(struct root *root, struct dir *one, struct dir *two)
{
	int first = dir_pin(root, one, NULL);
	int second = first < 0 ? first : dir_pin(root, two, NULL);
	bool alike = second < 0 || alike_open_dirs(root->sys, first, second);

	if (second >= 0)
		dir_unpin(root, two);
	if (first >= 0)
		dir_unpin(root, one);
	return alike;
}

/* An overlay tells no time of birth, and may put a number of the layer into the upper
 * half of an inode's. */
bool alike_files(const struct sys_stat *one, const struct sys_stat *two)
{
	return one->device != two->device && (uint32_t)one->inode == (uint32_t)two->inode &&
	       alike_attributes(one, two);
}
