/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether a source is what it was when it was read.
 */
#ifndef WEIR_RECHECK_H
#define WEIR_RECHECK_H

#include "job.h"

/* A row of a recipe of regular files, after the attributes were read. */
enum step_answer recheck_source(struct job_env *env, struct job *job);

#endif
