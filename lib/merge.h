/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The scan of a sync: each name of the source is compared and planned, then each name
 * of the target that the source does not have.
 */
#ifndef WEIR_MERGE_H
#define WEIR_MERGE_H

#include "tree.h"

/* A name of the source that no rule excludes, or of which a rule needs to know more. */
void merge_take(struct tree *tree, struct listing *listing, const struct tree_dirent *entry,
		enum filter_verdict verdict);

/* True if what the source does not have is to be planned for this folder, whose listing
 * has ended. */
bool merge_plans(const struct tree *tree, const struct folder *folder);

/* One buffer of the target's names, against those of the source.  True: it was the last
 * one, or nothing can be planned, which was told. */
bool merge_plan(struct tree *tree, struct listing *listing);

/* A folder that is to be made in the target, or whose attributes may differ from those of
 * the source: sets folder->settled.  0 or -errno with the record set. */
int merge_folder(struct tree *tree, struct folder *folder, struct error *error);

#endif
