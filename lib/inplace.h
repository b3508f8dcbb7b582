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

/* Rows, and parts of them, that other recipes have which write into what exists. */

/* Lets a target that may be a source come last (N6). */
enum step_answer inplace_wait(struct job_env *env, struct job *job);

/* Opens the target by its name: a descriptor or -errno. */
int inplace_open_target(struct job_env *env, struct job *job, int flags);

/* What was opened is a regular file, and not the source (N1). */
enum step_answer inplace_check(struct job_env *env, struct job *job);

/* It is this job's alone from now on (N5, N6). */
enum step_answer inplace_claim(struct job_env *env, struct job *job);

/* Before the first byte: closes the target to those who may not see it (N3).  0 or
 * -errno. */
int inplace_tighten(struct job_env *env, const struct job *job);

void inplace_close(struct job_env *env, struct job *job);

#endif
