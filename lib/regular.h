/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The recipe of a regular file.
 */
#ifndef WEIR_REGULAR_H
#define WEIR_REGULAR_H

#include "job.h"

extern const struct step regular_recipe[];

/* Rows that other recipes of regular files have, too. */
enum step_answer regular_look(struct job_env *env, struct job *job);
enum step_answer regular_open(struct job_env *env, struct job *job);
enum step_answer regular_opened(struct job_env *env, struct job *job);
void regular_close_source(struct job_env *env, struct job *job);
/* Who the source is, and whether it is to be copied at all; to know alone asks
 * nobody, and goes on in a dry run, too. */
enum step_answer regular_know(struct job_env *env, struct job *job);
enum step_answer regular_identify(struct job_env *env, struct job *job);
enum step_answer regular_make(struct job_env *env, struct job *job);
void regular_drop_target(struct job_env *env, struct job *job);
enum step_answer regular_stream(struct job_env *env, struct job *job);
void regular_end_stream(struct job_env *env, struct job *job);
enum step_answer regular_attributes(struct job_env *env, struct job *job);
enum step_answer regular_sync(struct job_env *env, struct job *job);
enum step_answer regular_synced(struct job_env *env, struct job *job);
enum step_answer regular_park(struct job_env *env, struct job *job);

#endif
