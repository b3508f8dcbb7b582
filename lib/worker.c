/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A worker and what it owns: the ring, the arena with its registration ladder,
 * the table of jobs, the folder it holds.
 *
 * Invariants:
 * W1 the arena's memory outlives its registration;
 * W2 a worker is freed when no job of it lives.
 */
#define _GNU_SOURCE
#include "worker.h"

#include <errno.h>
#include <stdlib.h>

#include "invariant.h"
#include "io_plain.h"
#include "io_uring.h"
#include "limits.h"

#define WORKER_HOLD_FDS 64U /* with fewer descriptors nothing is held longer than used */

struct worker *worker_new(struct worker_shared *shared, const struct worker_plan *plan)
{
	struct worker *worker = calloc(1, sizeof(*worker));

	if (worker == NULL)
		return NULL;
	WEIR_ASSERT(plan->jobs > 0 && plan->jobs <= LIMIT_JOBS);
	worker->jobs = calloc(plan->jobs, sizeof(*worker->jobs));
	if (worker->jobs == NULL) {
		free(worker);
		return NULL;
	}
	worker->shared = shared;
	worker->plan = *plan;
	list_init(&worker->free);
	list_init(&worker->runnable);
	list_init(&worker->waiting);
	for (uint32_t i = 0; i < plan->jobs; i++) {
		list_init(&worker->jobs[i].node);
		list_add_tail(&worker->free, &worker->jobs[i].node);
	}
	return worker;
}

/* The registration ladder: all, then halves, then nothing registered.  GROWING:
 * slots may be in use, so there is no half to give up. */
void worker_register(struct worker *worker, bool growing)
{
	struct io *io = &worker->io;
	struct tally *tally = worker->shared->tally;
	int result = -ENOMEM;

	if (io->registered)
		tally_sub(&tally->buffer_bytes, worker->arena.ready_bytes);
	if (worker->plan.registers)
		result = io->backend->register_arena(io, &worker->arena);
	while (worker->plan.registers && result == -ENOMEM && !growing &&
	       arena_halve(&worker->arena))
		result = io->backend->register_arena(io, &worker->arena);
	if (result < 0)
		worker->plan.registers = false;
	if (io->registered)
		tally_add(&tally->buffer_bytes, worker->arena.ready_bytes);
}

static void worker_set_env(struct worker *worker)
{
	struct worker_shared *shared = worker->shared;
	const struct settings *settings = shared->settings;

	worker->env = (struct job_env){
		.stream = {
			.sys = shared->sys,
			.io = &worker->io,
			.arena = &worker->arena,
			.chunks = worker->chunks,
			.tally = shared->tally,
			.pace = shared->pace,
			.pairs = worker->pairs,
		},
		.settings = settings,
		.root = shared->root,
		.links = shared->links,
		.queue = shared->queue,
		.loss = shared->loss,
		.asks = shared->asks,
		.plan = shared->tree != NULL ? shared->tree->plan : NULL,
		.claims = shared->claims,
		.labeller = { .policy = shared->labels },
		.fs = shared->fs,
		.have_proc = shared->have_proc,
		.is_root = shared->is_root,
		.syncs_each = settings->durable == WEIR_DURABLE_FILE ||
			      (settings->durable == WEIR_DURABLE_GROUP &&
			       settings->sync == WEIR_SYNC_FILES),
		.read_ahead = worker->io.backend_state != NULL,
	};
}

int worker_start(struct worker *worker)
{
	struct tally *tally = worker->shared->tally;
	int result = -ENOSYS;

	io_init(&worker->io, worker->shared->sys, tally);
	worker->io.priority = (uint16_t)atomic_load(&worker->shared->io_priority);
	if (worker->plan.engine != WEIR_ENGINE_PLAIN)
		result = ring_open(&worker->io);
	if (result == 0)
		tally_add(&tally->rings, 1);
	else if (worker->plan.engine == WEIR_ENGINE_RING)
		return result;
	else
		io_plain_open(&worker->io);
	result = arena_open(&worker->arena, &worker->plan.arena);
	if (result < 0) {
		io_close(&worker->io);
		return result;
	}
	worker->opened = true;
	for (uint32_t i = 0; i < LIMIT_SLOTS_MAX; i++) {
		list_init(&worker->chunks[i].node);
		list_init(&worker->pairs[i].node);
	}
	worker_register(worker, false);
	tally_add(&tally->arena_bytes, worker->arena.ready_bytes);
	worker_set_env(worker);
	return 0;
}

void worker_stop(struct worker *worker)
{
	if (worker->opened)
		io_close(&worker->io);
}

void worker_free(struct worker *worker)
{
	if (worker == NULL)
		return;
	worker_hold(worker, NULL);
	WEIR_ASSERT(worker->live == 0);
	WEIR_ASSERT(worker->batch == NULL || worker->batch->taken == worker->batch->count);
	free(worker->batch);
	label_forget(&worker->env.labeller);
	if (worker->opened) {
		io_close(&worker->io); /* if it had no thread of its own */
		arena_close(&worker->arena);
	}
	free(worker->jobs);
	free(worker);
}

void worker_cancel(struct worker_shared *shared, enum weir_cancel how)
{
	int now = atomic_load(&shared->cancel);

	while (now < (int)how && !atomic_compare_exchange_weak(&shared->cancel, &now, (int)how))
		;
	atomic_store(&shared->commit->naming.ending, true);
	if (how == WEIR_CANCEL_NOW)
		atomic_store(&shared->commit->naming.dropping, true);
	bell_ring(shared->bell);
	bell_ring(&shared->commit->due);
}

void worker_hold(struct worker *worker, const struct folder *folder)
{
	struct root *root = worker->shared->root;
	struct dir *dirs[2] = { NULL, NULL };

	if (folder != NULL && root->open_max >= WORKER_HOLD_FDS) {
		dirs[0] = folder->source;
		dirs[1] = folder->target;
	}
	for (size_t i = 0; i < 2; i++) {
		struct dir *held = worker->held[i];

		if (held == dirs[i])
			continue;
		if (dirs[i] != NULL)
			dir_get(root, dirs[i]);
		if (dirs[i] != NULL && dir_pin(root, dirs[i], NULL) < 0) {
			dir_put(root, dirs[i]);
			dirs[i] = NULL; /* its entries will tell */
		}
		worker->held[i] = dirs[i];
		if (held != NULL) {
			dir_unpin(root, held);
			dir_put(root, held);
		}
	}
}
