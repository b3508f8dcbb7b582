/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The recipe of an entry that becomes a hard link to one that this run has made
 * and named, and the row of other recipes that finds out.
 */
#ifndef WEIR_FOLLOW_H
#define WEIR_FOLLOW_H

#include "job.h"

extern const struct step follow_recipe[];

/* Row, before the source is opened: a name that its listing calls an inode of which
 * there is a group is linked without opening it. */
enum step_answer follow_early(struct job_env *env, struct job *job);

/* A row of a recipe, once the source is known: goes on (NEXT) with what has one
 * link or leads its group. */
enum step_answer follow_group(struct job_env *env, struct job *job);

/* Row: the inode that was made for a leader, which others will be linked to.
 * Its target_fd is open, or its temp is in the pinned target folder. */
enum step_answer follow_tell(struct job_env *env, struct job *job);

#endif
