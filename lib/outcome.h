/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What becomes of a job that has nothing left to do.
 */
#ifndef WEIR_OUTCOME_H
#define WEIR_OUTCOME_H

#include <stdbool.h>

#include "worker.h"

/* Hands a complete entry to the committer, or gives it its name now.  It waits
 * in worker.waiting if the group is full. */
void outcome_park(struct worker *worker, struct job *job);

/* There is nothing to do for the entry. */
void outcome_skip(struct worker *worker, struct job *job);

/* It failed, is undone, and job.error says why. */
void outcome_fail(struct worker *worker, struct job *job);

/* The job is over, whatever became of it.  PUT_FOLDER: its folder has one thing
 * less to wait for; else that went to the unit. */
void outcome_end_job(struct worker *worker, struct job *job, bool put_folder);

/* A15: the first that finds its source gone stops the run; it and all that come
 * after it are counted, and told by one message.  True: so it was. */
bool outcome_source_gone(struct worker_shared *shared, const struct error *error,
			 const struct folder *folder);

/* Stops the run after errors that going on would only repeat: the file system
 * that it copies into is full, read-only or broken.  FS is where it happened. */
void outcome_consider_stop(struct worker_shared *shared, const struct error *error,
			   const struct fs *fs);

#endif
