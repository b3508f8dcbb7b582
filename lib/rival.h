/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two entries of one run that the file system of the target takes for one.
 */
#ifndef WEIR_RIVAL_H
#define WEIR_RIVAL_H

#include <stdbool.h>

#include "error.h"
#include "folder.h"
#include "root.h"

/* An entry of FOLDER, NAME in its source, is to get TARGET_NAME, which is taken in
 * its target, open as DIRFD.  True if what has it has another name, and is an entry
 * that this run copies, too: it is not to be replaced, and ERROR says so (B09).
 * NEW: the name was free when it was looked up, so who took it is none but this run.
 * OPERATION: for the error. */
bool rival_met(struct root *root, struct folder *folder, const char *name, const char *target_name,
	       int dirfd, bool new, const char *operation, struct error *error);

#endif
