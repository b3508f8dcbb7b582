/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Way 2: the server, or whoever is behind a file system, copies by itself
 * (copy_file_range).
 */
#ifndef WEIR_OFFLOAD_H
#define WEIR_OFFLOAD_H

#include "job.h"

/* A row of a recipe, with both sides open and the target empty: has all bytes
 * copied where that is allowed and supported, a slice for each call, and sets
 * job.whole.  Start and finish are the same. */
enum step_answer offload_step(struct job_env *env, struct job *job);

/* Takes back what was counted. */
void offload_undo(struct job_env *env, struct job *job);

#endif
