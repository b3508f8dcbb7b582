/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which way the bytes of a regular file take.
 */
#ifndef WEIR_WAY_H
#define WEIR_WAY_H

#include "job.h"

const char *way_name(enum job_way way);

/* True if sizes of the source mean nothing. */
bool way_is_pseudo(const struct job *job);

/* Chooses for a job whose sides are open: fills PLAN, sets job.way and its
 * reason. */
void way_choose(struct job_env *env, struct job *job, struct stream_plan *plan);

/* The same for two files that are compared, and the target written where it differs,
 * of which job.existing is known. */
void way_choose_pair(struct job_env *env, struct job *job, struct stream_plan *plan);

/* Reserves what PLAN will write, where that is right.  0 or -errno. */
int way_reserve(struct job_env *env, struct job *job, const struct stream_plan *plan);

#endif
