/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Recipes of a regular file that the target has: it is compared with the source
 * first, and nothing is done that need not be.
 */
#ifndef WEIR_PATCH_H
#define WEIR_PATCH_H

#include "job.h"

/* What differs is written into the target.  What is the same gets its attributes
 * only, or is skipped if job.same_attributes says so.  What does not exist, or is no
 * regular file, is made as any other. */
extern const struct step patch_recipe[];

#endif
