/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records of the delete plan.
 *
 * Invariants:
 * Y1 a group is written by one thread at a time, whole;
 * Y2 what could not be written makes the whole plan useless: nothing is removed.
 */
#define _GNU_SOURCE
#include "plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "invariant.h"

/* As it lies in the spill, before the name. */
struct plan_head {
	uint64_t device;
	uint64_t inode;
	uint32_t mode;
	uint16_t name_bytes;
	uint16_t kind;
};

int plan_open(struct plan *plan, struct sys *sys)
{
	memset(plan, 0, sizeof(*plan));
	list_init(&plan->put_off);
	spill_open(&plan->spill, sys);
	return -pthread_mutex_init(&plan->lock, NULL);
}

void plan_close(struct plan *plan)
{
	spill_close(&plan->spill);
	pthread_mutex_destroy(&plan->lock);
}

void plan_put_off(struct plan *plan, struct list *node)
{
	pthread_mutex_lock(&plan->lock);
	list_add_tail(&plan->put_off, node);
	pthread_mutex_unlock(&plan->lock);
}

struct list *plan_take_put_off(struct plan *plan)
{
	struct list *node;

	pthread_mutex_lock(&plan->lock);
	node = list_take_head(&plan->put_off);
	pthread_mutex_unlock(&plan->lock);
	return node;
}

void plan_add(struct plan *plan, enum plan_kind kind, const char *name, uint32_t mode,
	      uint64_t device, uint64_t inode)
{
	struct plan_head head = {
		.device = device,
		.inode = inode,
		.mode = mode,
		.name_bytes = (uint16_t)strlen(name),
		.kind = (uint16_t)kind,
	};
	int result;

	WEIR_ASSERT(strlen(name) < LIMIT_NAME_BYTES);
	if (plan->failed < 0)
		return;
	result = spill_add(&plan->spill, &head, sizeof(head));
	if (result == 0)
		result = spill_add(&plan->spill, name, head.name_bytes);
	plan->failed = result;
	if (kind == PLAN_REMOVE || kind == PLAN_LEAVE)
		plan->removals++;
}

/* The way from DEST down to DIR, the topmost first. */
static void plan_add_steps(struct plan *plan, const struct dir *dir)
{
	const struct dir **steps;
	size_t count = 0;

	for (const struct dir *step = dir; step->parent != NULL; step = step->parent)
		count++;
	steps = calloc(count + 1, sizeof(const struct dir *));
	if (steps == NULL) {
		plan->failed = -ENOMEM;
		return;
	}
	for (size_t at = count; dir->parent != NULL; dir = dir->parent)
		steps[--at] = dir;
	for (size_t at = 0; at < count; at++)
		plan_add(plan, steps[at]->follow ? PLAN_STEP_LINK : PLAN_STEP, steps[at]->name, 0,
			 steps[at]->device, steps[at]->inode);
	free(steps);
}

void plan_begin(struct plan *plan, const struct dir *dir)
{
	pthread_mutex_lock(&plan->lock);
	plan_add(plan, PLAN_GROUP, "", 0, dir->device, dir->inode);
	plan_add_steps(plan, dir);
}

void plan_end(struct plan *plan)
{
	plan_add(plan, PLAN_END, "", 0, 0, 0);
	pthread_mutex_unlock(&plan->lock);
}

void plan_count_listed(struct plan *plan, uint64_t count)
{
	pthread_mutex_lock(&plan->lock);
	plan->listed += count;
	pthread_mutex_unlock(&plan->lock);
}

int plan_rewind(struct plan *plan)
{
	return plan->failed < 0 ? plan->failed : spill_rewind(&plan->spill);
}

int plan_next(struct plan *plan, struct plan_record *record)
{
	struct plan_head head;
	int result = spill_next(&plan->spill, &head, sizeof(head));

	if (result <= 0)
		return result;
	if (head.name_bytes >= sizeof(record->name))
		return -EIO;
	record->kind = (enum plan_kind)head.kind;
	record->mode = head.mode;
	record->device = head.device;
	record->inode = head.inode;
	record->name[head.name_bytes] = '\0';
	result = head.name_bytes > 0 ? spill_next(&plan->spill, record->name, head.name_bytes) : 1;
	return result == 0 ? -EIO : result;
}
