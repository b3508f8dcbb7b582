/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Earlier copies of the source, beside the target: what they have already is not
 * copied once more.  Their folders are walked as those of the target are.
 */
#ifndef WEIR_EARLIER_H
#define WEIR_EARLIER_H

#include <stdbool.h>
#include <stdint.h>

#include "device.h"
#include "folder.h"
#include "root.h"

#define EARLIER_MOST 20U

struct earlier_copy {
	char *path;	 /* as given, owned */
	struct dir *dir; /* referenced; NULL: there is none */
	struct fs *fs;
};

struct earlier {
	struct earlier_copy copies[EARLIER_MOST];
	uint32_t count;
	bool clones; /* their data is shared, and no inode of them */
};

/* Adds the folder PATH, which is copied, behind those there are.  0; -EINVAL: all of them
 * are for links, or all for clones; -E2BIG, -ENOMEM. */
int earlier_add(struct earlier *earlier, const char *path, bool clones);
void earlier_close(struct earlier *earlier, struct root *root);

/* Finds what the earlier copies have beside FOLDER, whose target is open unless a dry run
 * found none.  What cannot be had is not there.  0 or -ENOMEM. */
int earlier_enter(struct root *root, const struct earlier *earlier, struct folder *folder);

#endif
