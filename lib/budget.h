/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a run may take of this machine: threads, descriptors, memory, locked
 * memory.  Settled once, before the first thread starts.
 */
#ifndef WEIR_BUDGET_H
#define WEIR_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "settings.h"
#include "worker.h"

struct budget {
	uint32_t workers;
	uint32_t parked; /* units parked in a group, by descriptors */
	uint32_t folder_fds;
	struct worker_plan plans[LIMIT_WORKERS_MAX];
	bool too_few_fds; /* nothing can be done */
	bool have_proc;
	bool is_root;
};

/* WORKERS_USEFUL: more than these have nothing to do.  ROTATES: a disk with
 * heads is involved. */
void budget_settle(struct budget *budget, struct sys *sys, const struct settings *settings,
		   uint32_t workers_useful, bool rotates);

/* The budget of a run that is done by its caller's thread. */
/* Makes room in the descriptor table for all of BUDGET: growing it later means a
 * wait for every CPU, many times over, once there are threads.  FD is any. */
void budget_reserve_fds(const struct budget *budget, int fd);

void budget_settle_inline(struct budget *budget, struct sys *sys, const struct settings *settings);

#endif
