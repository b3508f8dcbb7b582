/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names that a file system takes for one: by case, or by the form of Unicode.
 */
#ifndef WEIR_NAMESAKE_H
#define WEIR_NAMESAKE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device.h"
#include "sys.h"

enum namesake_folding {
	NAMESAKE_UNKNOWN,
	NAMESAKE_EXACT, /* letters differ by their case */
	NAMESAKE_FOLDS,
};

/* The names that a folder had when it was listed, as sorted hashes. */
struct spellings {
	size_t count;
	uint64_t hashes[];
};

/* What is learnt of one folder. */
struct namesakes {
	_Atomic(enum namesake_folding) folding;
	_Atomic(struct spellings *) spellings; /* NULL: it was not listed yet */
};

void namesakes_release(struct namesakes *namesakes);

/* NAME is taken in the folder DIRFD of FS, which NAMESAKES is about.  True if what
 * is there has another name, which is put into OTHER, of LIMIT_NAME_BYTES; "": it
 * could not be told which (B09).  Where names are what they are spelled, nothing is
 * asked but once; a folder that cannot be listed has no other names. */
bool namesake_met(struct sys *sys, const struct fs *fs, struct namesakes *namesakes, int dirfd,
		  const char *name, char *other);

/* True if the folder DIRFD has an entry of exactly this name. */
bool namesake_is_spelled(struct sys *sys, int dirfd, const char *name);

#endif
