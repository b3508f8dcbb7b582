/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How coarse the times are that a file system stores.
 */
#ifndef WEIR_GRAIN_H
#define WEIR_GRAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "folder.h"
#include "root.h"

/* Nanoseconds by which a time that is set may be later than what is stored, in the
 * target of FOLDER: 1 where all of it is, or where it could not be found out.  Asked
 * for the first time on a file system, it makes a temp there and removes it. */
uint64_t grain_of(struct root *root, struct folder *folder);

/* True if STORED is what becomes of TIME there. */
bool grain_cuts(struct root *root, struct folder *folder, const struct timespec *time,
		const struct timespec *stored);

/* True if TIME is out of reach there, and STORED is what is kept instead (H02).  Asked for
 * such times only, it makes a temp each time. */
bool grain_clamps(struct root *root, struct folder *folder, const struct timespec *time,
		  const struct timespec *stored);

#endif
