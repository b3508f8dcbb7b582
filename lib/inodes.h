/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A set of inodes, which only grows: one bit each where their numbers are near each
 * other.
 */
#ifndef WEIR_INODES_H
#define WEIR_INODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A row of inodes whose numbers follow each other, a bit for each. */
struct inodes_row {
	uint64_t device;
	uint64_t number; /* of the row, from 1; 0: a free slot */
	uint64_t bits;
};

/* All zero: the empty set.  Who shares it locks it. */
struct inodes {
	struct inodes_row *rows;
	size_t slots; /* a power of 2, or 0 */
	size_t count;
};

void inodes_close(struct inodes *inodes);

/* 1: the inode is new; 0: it was there; -ENOMEM. */
int inodes_add(struct inodes *inodes, uint64_t device, uint64_t inode);

bool inodes_has(const struct inodes *inodes, uint64_t device, uint64_t inode);

/* Where an inode, or a row, is looked for first in a table of this kind. */
size_t inodes_hash(uint64_t device, uint64_t number);

#endif
