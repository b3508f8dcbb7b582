/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Way 1: the target shares the blocks of the source (FICLONE).
 */
#ifndef WEIR_CLONE_H
#define WEIR_CLONE_H

#include "job.h"

/* A row of a recipe, with both sides open and the target empty: clones where that
 * is allowed and supported, and sets job.whole. */
enum step_answer clone_start(struct job_env *env, struct job *job);

#endif
