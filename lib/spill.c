/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Spilling.
 *
 *   State     True here                              Then
 *   filling   the block is the end of the row        full -> written behind the others
 *   reading   the block is the one that is read      used up -> the next one is read
 *
 * Invariants:
 * L1 nothing is handed out of a block whose checksum is not right;
 * L2 where it lies is not taken from the environment, and it has no name.
 */
#define _GNU_SOURCE
#include "spill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "invariant.h"

struct spill_head {
	uint64_t number;
	uint64_t bytes;
	uint64_t checksum;
};

#define SPILL_BLOCK_BYTES (sizeof(struct spill_head) + LIMIT_SPILL_BYTES)

void spill_open(struct spill *spill, struct sys *sys)
{
	*spill = (struct spill){ .sys = sys, .fd = -1, .spare_fd = -1 };
}

void spill_close(struct spill *spill)
{
	free(spill->block);
	spill->block = NULL;
	if (spill->fd >= 0)
		sys_close(spill->sys, spill->fd);
	if (spill->spare_fd >= 0)
		sys_close(spill->sys, spill->spare_fd);
	spill->fd = spill->spare_fd = -1;
}

/* FNV-1a by words: a disk that lies is to be noticed, no more. */
static uint64_t spill_checksum(const struct spill_head *head, const char *data)
{
	uint64_t sum = 0xcbf29ce484222325ULL ^ head->number;

	for (size_t at = 0; at < head->bytes; at += sizeof(uint64_t)) {
		uint64_t word = 0;
		size_t left = head->bytes - at;

		memcpy(&word, data + at, left < sizeof(word) ? left : sizeof(word));
		sum = (sum ^ word) * 0x100000001b3ULL;
		sum ^= sum >> 29;
	}
	return sum ^ head->bytes;
}

/* L2: a descriptor, or -errno. */
static int spill_make_file(struct sys *sys)
{
	static const char *const folders[] = { "/var/tmp", "/tmp" };
	int fd = -ENOENT;

	for (size_t i = 0; fd < 0 && i < sizeof(folders) / sizeof(folders[0]); i++)
		fd = sys_openat(sys, AT_FDCWD, folders[i], O_TMPFILE | O_RDWR, 0600);
	return fd < 0 ? sys_memfd(sys, "weir-plan") : fd;
}

void spill_prepare(struct spill *spill)
{
	if (spill->spare_fd < 0)
		spill->spare_fd = spill_make_file(spill->sys);
}

/* 0 or -errno. */
static int spill_take_file(struct spill *spill)
{
	int fd = spill->spare_fd >= 0 ? spill->spare_fd : spill_make_file(spill->sys);

	spill->spare_fd = -1;
	spill->fd = fd < 0 ? -1 : fd;
	return fd < 0 ? fd : 0;
}

static int spill_transfer(struct spill *spill, char *data, size_t bytes, bool writes)
{
	int64_t offset = (int64_t)((writes ? spill->blocks : spill->next) * SPILL_BLOCK_BYTES);
	ssize_t result;

	if (writes)
		return sys_pwrite_all(spill->sys, spill->fd, data, bytes, offset);
	result = sys_pread_all(spill->sys, spill->fd, data, bytes, offset);
	if (result < 0)
		return (int)result;
	return (size_t)result == bytes ? 0 : -EIO;
}

static int spill_write_block(struct spill *spill)
{
	struct spill_head head = { .number = spill->blocks, .bytes = spill->filled };
	int result = spill->fd < 0 ? spill_take_file(spill) : 0;

	head.checksum = spill_checksum(&head, spill->block + sizeof(head));
	memcpy(spill->block, &head, sizeof(head));
	if (result == 0)
		result = spill_transfer(spill, spill->block, SPILL_BLOCK_BYTES, true);
	spill->blocks++;
	spill->filled = 0;
	return result;
}

int spill_add(struct spill *spill, const void *data, size_t bytes)
{
	const char *from = data;

	WEIR_ASSERT(!spill->reading);
	if (spill->block == NULL) {
		spill->block = calloc(1, SPILL_BLOCK_BYTES);
		if (spill->block == NULL)
			return -ENOMEM;
	}
	while (bytes > 0) {
		size_t room = LIMIT_SPILL_BYTES - spill->filled;
		size_t part = bytes < room ? bytes : room;

		memcpy(spill->block + sizeof(struct spill_head) + spill->filled, from, part);
		spill->filled += part;
		from += part;
		bytes -= part;
		if (spill->filled == LIMIT_SPILL_BYTES) {
			int result = spill_write_block(spill);

			if (result < 0)
				return result;
		}
	}
	return 0;
}

/* L1 */
static int spill_read_block(struct spill *spill)
{
	struct spill_head head;
	int result = spill_transfer(spill, spill->block, SPILL_BLOCK_BYTES, false);

	if (result < 0)
		return result;
	memcpy(&head, spill->block, sizeof(head));
	if (head.number != spill->next || head.bytes > LIMIT_SPILL_BYTES ||
	    head.checksum != spill_checksum(&head, spill->block + sizeof(head)))
		return -EIO;
	spill->next++;
	spill->filled = head.bytes;
	spill->at = 0;
	return 0;
}

int spill_rewind(struct spill *spill)
{
	int result = 0;

	if (spill->fd >= 0 && !spill->reading && spill->filled > 0)
		result = spill_write_block(spill);
	spill->reading = 1;
	spill->at = 0;
	spill->next = 0;
	if (spill->fd >= 0)
		spill->filled = 0;
	return result;
}

int spill_next(struct spill *spill, void *data, size_t bytes)
{
	char *to = data;

	WEIR_ASSERT(spill->reading);
	while (bytes > 0) {
		size_t part = spill->filled - spill->at;

		if (part == 0) {
			int result;

			if (spill->fd < 0 || spill->next == spill->blocks)
				return to == (char *)data ? 0 : -EIO;
			result = spill_read_block(spill);
			if (result < 0)
				return result;
			continue;
		}
		part = bytes < part ? bytes : part;
		memcpy(to, spill->block + sizeof(struct spill_head) + spill->at, part);
		spill->at += part;
		to += part;
		bytes -= part;
	}
	return 1;
}
