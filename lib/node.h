/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The recipe of entries without data: symbolic links, FIFOs, sockets, devices.
 */
#ifndef WEIR_NODE_H
#define WEIR_NODE_H

#include "job.h"

extern const struct step node_recipe[];

/* True if the source is a link that leads to what exists at the target, and no
 * backup will keep that: all names would end as links to nothing (B03). */
bool node_leads_to_existing(struct job_env *env, const struct job *job);

/* Rows that other recipes have, too: both folders pinned; the temp removed. */
enum step_answer node_pin(struct job_env *env, struct job *job);
void node_unpin(struct job_env *env, struct job *job);
void node_drop(struct job_env *env, struct job *job);
enum step_answer node_park(struct job_env *env, struct job *job);

#endif
