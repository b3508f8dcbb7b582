/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The last close of a file, which is not always harmless: file systems of FUSE and
 * of the network may only then carry bytes over, tell that they were lost (E07),
 * and take the time of the close for that of the last change (H06).
 */
#ifndef WEIR_CLOSING_H
#define WEIR_CLOSING_H

#include <stdbool.h>

#include "loss.h"
#include "publish.h"
#include "root.h"

/* True if UNIT is to be closed before it gets its name: what the close tells can
 * still be heeded. */
bool closing_comes_first(const struct unit *unit);

/* Closes UNIT, which has NAME in the pinned DIRFD.  Its times are set once more if
 * the close or the sync changed them; if they do not stay, that is a loss.  0, or
 * the -errno that the close told. */
int closing_close(struct root *root, struct unit *unit, int dirfd, const char *name,
		  struct losses *losses);

#endif
