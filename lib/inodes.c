/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A hash table of rows with open addresses.
 *
 * Invariant: at least a quarter of the slots is free, so each search ends.
 */
#define _GNU_SOURCE
#include "inodes.h"

#include <errno.h>
#include <stdlib.h>

#define INODES_FIRST_SLOTS 256U
#define INODES_ROW_BITS 64U

size_t inodes_hash(uint64_t device, uint64_t number)
{
	return (size_t)((number ^ device << 32) * 0x9e3779b97f4a7c15ULL >> 20);
}

void inodes_close(struct inodes *inodes)
{
	free(inodes->rows);
	*inodes = (struct inodes){ 0 };
}

/* The row, or the free slot where it belongs. */
static struct inodes_row *inodes_find(struct inodes_row *rows, size_t slots, uint64_t device,
				      uint64_t number)
{
	for (size_t at = inodes_hash(device, number);; at++) {
		struct inodes_row *row = &rows[at & (slots - 1)];

		if (row->number == 0 || (row->number == number && row->device == device))
			return row;
	}
}

static bool inodes_grow(struct inodes *inodes)
{
	size_t slots = inodes->slots > 0 ? 2 * inodes->slots : INODES_FIRST_SLOTS;
	struct inodes_row *rows = calloc(slots, sizeof(*rows));

	if (rows == NULL)
		return false;
	for (size_t i = 0; i < inodes->slots; i++) {
		const struct inodes_row *old = &inodes->rows[i];

		if (old->number != 0)
			*inodes_find(rows, slots, old->device, old->number) = *old;
	}
	free(inodes->rows);
	inodes->rows = rows;
	inodes->slots = slots;
	return true;
}

int inodes_add(struct inodes *inodes, uint64_t device, uint64_t inode)
{
	uint64_t number = inode / INODES_ROW_BITS + 1;
	uint64_t bit = 1ULL << inode % INODES_ROW_BITS;
	struct inodes_row *row;

	if ((inodes->count + 1) * 4 > inodes->slots * 3 && !inodes_grow(inodes))
		return -ENOMEM;
	row = inodes_find(inodes->rows, inodes->slots, device, number);
	if (row->number == 0) {
		*row = (struct inodes_row){ device, number, 0 };
		inodes->count++;
	}
	if ((row->bits & bit) != 0)
		return 0;
	row->bits |= bit;
	return 1;
}

bool inodes_has(const struct inodes *inodes, uint64_t device, uint64_t inode)
{
	const struct inodes_row *row;

	if (inodes->slots == 0)
		return false;
	row = inodes_find(inodes->rows, inodes->slots, device, inode / INODES_ROW_BITS + 1);
	return row->number != 0 && (row->bits & 1ULL << inode % INODES_ROW_BITS) != 0;
}
