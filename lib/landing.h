/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Symbolic links in the target where the source has a folder (J03): what they
 * lead to is entered only on request, and only if it lies below the target.
 */
#ifndef WEIR_LANDING_H
#define WEIR_LANDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "folder.h"
#include "root.h"
#include "settings.h"

/* A folder that is copied from. */
struct landing_source {
	uint64_t device;
	uint64_t inode;
};

/* What holds for the whole run; constant once it began. */
struct landing {
	bool target_is_name; /* the target operand is a name in the top folder */
	const struct landing_source *sources;
	size_t count;
};

/* What has the name of FOLDER's target is no folder: opens the one that it leads
 * to as the target, if it may, pinned.  PARENT_FD: where the name is, pinned.
 * -errno: it may not, and ERROR says why. */
int landing_open(struct root *root, const struct settings *settings, const struct landing *landing,
		 struct folder *folder, int parent_fd, struct error *error);

#endif
