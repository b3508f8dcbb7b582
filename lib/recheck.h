/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether a source is what it was when it was read.
 */
#ifndef WEIR_RECHECK_H
#define WEIR_RECHECK_H

#include "job.h"

/* A row of a recipe of regular files, after the attributes were read. */
enum step_answer recheck_source(struct job_env *env, struct job *job);

/* The same where the target was found to have its bytes, and was not written to: what
 * changed in both tries is left to the recipe TURN_TO. */
enum step_answer recheck_unwritten(struct job_env *env, struct job *job,
				   const struct step *turn_to);

#endif
