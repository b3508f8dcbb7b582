/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Comparing bytes.
 *
 * Invariants:
 * O1 only equal bytes of two files that rested meanwhile are called equal;
 * O2 nothing is followed, nothing waits for another process, and no time of access is
 *    changed where that can be helped;
 * O3 what is a hole on both sides costs nothing.
 */
#define _GNU_SOURCE
#include "content.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "extent.h"
#include "limits.h"
#include "meta.h"

/* One of the two, while they are compared. */
struct content_side {
	const struct content_file *file;
	int fd;
	char *buffer;
	struct extent_cursor cursor;
	struct extent extent; /* of data, the next one that is not passed; or behind the end */
};

static bool content_rests(const struct sys_stat *then, const struct sys_stat *now)
{
	return then->device == now->device && then->inode == now->inode &&
	       then->size_bytes == now->size_bytes && meta_same_time(&then->mtime, &now->mtime) &&
	       meta_same_time(&then->ctime, &now->ctime);
}

/* 0, or -errno; -ESTALE: it is not what was looked at (O1). */
static int content_check(struct sys *sys, const struct content_side *side)
{
	struct sys_stat now;
	int result = sys_statx(sys, side->fd, "", false, &now);

	return result == 0 && !content_rests(side->file->stat, &now) ? -ESTALE : result;
}

int content_open_file(struct sys *sys, int dirfd, const char *name)
{
	const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	int fd = sys_openat(sys, dirfd, name, flags | O_NOATIME, 0);

	return fd == -EPERM ? sys_openat(sys, dirfd, name, flags, 0) : fd;
}

/* O2 */
static int content_open(struct sys *sys, struct content_side *side, const struct content_file *file)
{
	side->file = file;
	side->fd = content_open_file(sys, file->dirfd, file->name);
	if (side->fd < 0)
		return side->fd;
	extent_begin(&side->cursor, side->fd, file->stat->size_bytes, file->maps);
	return content_check(sys, side);
}

static void content_close(struct sys *sys, struct content_side *side)
{
	if (side->fd >= 0)
		sys_close(sys, side->fd);
}

/* Reads BYTES at OFFSET, all of them.  0 or -errno; -ESTALE: there are not so many. */
static int content_read(struct sys *sys, struct content_side *side, uint64_t offset, size_t bytes)
{
	char *to = side->buffer;

	for (uint32_t tries = 0; bytes > 0;) {
		ssize_t result = sys_pread(sys, side->fd, to, bytes, (int64_t)offset);

		if (result == -EINTR && ++tries < LIMIT_TRIES)
			continue;
		if (result <= 0)
			return result < 0 ? (int)result : -ESTALE;
		to += result;
		offset += (uint64_t)result;
		bytes -= (size_t)result;
	}
	return 0;
}

/* Where data may be on one side, from OFFSET on (O3). */
static uint64_t content_next_data(struct sys *sys, struct content_side *side, uint64_t offset)
{
	uint64_t size = side->file->stat->size_bytes;

	while (side->extent.end <= offset)
		if (!extent_next(&side->cursor, sys, &side->extent))
			return size;
	return side->extent.start > offset ? side->extent.start : offset;
}

/* Fails with what one side came to. */
static int content_fail(long result, const struct content_side *side,
			const struct content_side *source, const char *operation,
			struct error *error)
{
	if (side != source || result == -ESTALE)
		return 0; /* its copy is made anew, or is nothing to rely on */
	error_set_source(error, result, operation);
	return (int)result;
}

static int content_compare_open(struct sys *sys, const _Atomic int *cancel,
				struct content_side sides[2], struct error *error)
{
	uint64_t size = sides[0].file->stat->size_bytes;
	uint64_t offset = 0;

	for (;;) {
		uint64_t data = content_next_data(sys, &sides[0], offset);
		uint64_t other = content_next_data(sys, &sides[1], offset);
		size_t bytes = LIMIT_CONTENT_BYTES;

		offset = data < other ? data : other;
		if (offset >= size)
			return 1;
		if (bytes > size - offset)
			bytes = (size_t)(size - offset);
		for (int i = 0; i < 2; i++) {
			int result = content_read(sys, &sides[i], offset, bytes);

			if (result < 0)
				return content_fail(result, &sides[i], &sides[0], "read", error);
		}
		if (memcmp(sides[0].buffer, sides[1].buffer, bytes) != 0)
			return 0;
		offset += bytes;
		if (atomic_load_explicit(cancel, memory_order_relaxed) != 0)
			return -ECANCELED;
	}
}

int content_compare(struct sys *sys, const _Atomic int *cancel, const struct content_file *source,
		    const struct content_file *target, struct error *error)
{
	struct content_side sides[2] = { { .fd = -1 }, { .fd = -1 } };
	char *buffer = malloc((size_t)2 * LIMIT_CONTENT_BYTES);
	int result = buffer == NULL ? -ENOMEM : content_open(sys, &sides[0], source);

	sides[0].buffer = buffer;
	sides[1].buffer = buffer + LIMIT_CONTENT_BYTES;
	if (result < 0) {
		result = content_fail(result, &sides[0], &sides[0], "open", error);
	} else {
		result = content_open(sys, &sides[1], target);
		result = result < 0 ? 0 : content_compare_open(sys, cancel, sides, error);
	}
	for (int i = 0; i < 2 && result > 0; i++) /* O1 */
		if (content_check(sys, &sides[i]) < 0)
			result = 0;
	content_close(sys, &sides[0]);
	content_close(sys, &sides[1]);
	free(buffer);
	return result;
}

static uint64_t content_mix(uint64_t sum, uint64_t word)
{
	sum = (sum ^ word) * 0x9e3779b97f4a7c15ULL;
	return sum ^ sum >> 32;
}

/* CTIME: of the last change of anything. */
static uint64_t content_mix_file(uint64_t sum, const struct sys_stat *stat,
				 const struct timespec *ctime)
{
	const uint64_t words[] = {
		stat->device,
		stat->inode,
		stat->size_bytes,
		(uint64_t)stat->mtime.tv_sec,
		(uint64_t)stat->mtime.tv_nsec,
		(uint64_t)ctime->tv_sec,
		(uint64_t)ctime->tv_nsec,
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		sum = content_mix(sum, words[i]);
	return sum;
}

uint64_t content_stamp(const struct sys_stat *source, const struct sys_stat *target)
{
	static const struct timespec any = { 0 };

	/* The target may win and lose names by this run. */
	return content_mix_file(content_mix_file(0, source, &source->ctime), target, &any);
}

uint64_t content_stamp_whole(const struct sys_stat *source, const struct sys_stat *other)
{
	return content_mix_file(content_mix_file(0, source, &source->ctime), other, &other->ctime);
}
