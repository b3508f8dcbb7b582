/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Recipes that write into the file that has the target's name, instead of
 * replacing it: its bytes, or its attributes only.
 */
#ifndef WEIR_INPLACE_H
#define WEIR_INPLACE_H

#include "job.h"

/* Rows that other recipes share: the target's inode, which keeps its bytes, its undo, and
 * its flags. */
enum step_answer inplace_open_or_make(struct job_env *env, struct job *job);
void inplace_drop(struct job_env *env, struct job *job);
enum step_answer inplace_flags(struct job_env *env, struct job *job);

/* A regular file, WEIR_OPT_INPLACE. */
extern const struct step inplace_recipe[];

/* The attributes of a regular file, WEIR_MAKE_ATTRIBUTES. */
extern const struct step inplace_attributes_recipe[];

#endif
