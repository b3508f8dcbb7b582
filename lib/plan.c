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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "invariant.h"

/* As it lies in the spill, before the name. */
struct plan_head {
	uint64_t device;
	uint64_t inode;
	uint64_t size_bytes;
	int64_t seconds;
	int64_t change_seconds;
	uint32_t nanoseconds;
	uint32_t change_nanoseconds;
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
	inodes_close(&plan->vacant);
	pthread_mutex_destroy(&plan->lock);
}

void plan_prepare(struct plan *plan)
{
	spill_prepare(&plan->spill);
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

int plan_vacate(struct plan *plan, uint64_t device, uint64_t inode)
{
	int result = inodes_add(&plan->vacant, device, inode);

	return result < 0 ? result : 0;
}

bool plan_is_vacant(const struct plan *plan, const struct sys_stat *stat)
{
	return S_ISDIR(stat->mode) && inodes_has(&plan->vacant, stat->device, stat->inode);
}

void plan_add(struct plan *plan, enum plan_kind kind, const char *name, const struct sys_stat *stat)
{
	struct plan_head head = {
		.device = stat->device,
		.inode = stat->inode,
		.size_bytes = stat->size_bytes,
		.seconds = stat->mtime.tv_sec,
		.nanoseconds = (uint32_t)stat->mtime.tv_nsec,
		.change_seconds = stat->ctime.tv_sec,
		.change_nanoseconds = (uint32_t)stat->ctime.tv_nsec,
		.mode = stat->mode,
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
	if (plan_removes(kind))
		plan->removals++;
}

static void plan_add_dir(struct plan *plan, enum plan_kind kind, const char *name,
			 const struct dir *dir)
{
	const struct sys_stat stat = { .device = dir->device, .inode = dir->inode };

	plan_add(plan, kind, name, &stat);
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
		plan_add_dir(plan, steps[at]->follow ? PLAN_STEP_LINK : PLAN_STEP, steps[at]->name,
			     steps[at]);
	free(steps);
}

void plan_begin(struct plan *plan, const struct dir *dir)
{
	pthread_mutex_lock(&plan->lock);
	plan_add_dir(plan, PLAN_GROUP, "", dir);
	plan_add_steps(plan, dir);
}

void plan_end(struct plan *plan)
{
	plan_add(plan, PLAN_END, "", &(struct sys_stat){ 0 });
	pthread_mutex_unlock(&plan->lock);
}

void plan_count_listed(struct plan *plan, uint64_t count)
{
	atomic_fetch_add(&plan->listed, count);
}

bool plan_is_over(const struct plan *plan)
{
	return atomic_load(&plan->over);
}

int plan_rewind(struct plan *plan)
{
	atomic_store(&plan->over, true);
	return plan->failed < 0 ? plan->failed : spill_rewind(&plan->spill);
}

void plan_release(struct plan_cursor *cursor)
{
	free(cursor->path);
	free(cursor->levels);
	memset(cursor, 0, sizeof(*cursor));
}

/* The path is its first HEAD bytes and NAME. */
static int plan_set_path(struct plan_cursor *cursor, size_t head, const char *name)
{
	size_t bytes = strlen(name);

	if (head + bytes + 2 > cursor->room) {
		size_t room = 2 * (head + bytes + 2);
		char *path = realloc(cursor->path, room);

		if (path == NULL)
			return -ENOMEM;
		cursor->path = path;
		cursor->room = room;
	}
	if (head > 0 && bytes > 0)
		cursor->path[head++] = '/';
	memcpy(cursor->path + head, name, bytes + 1);
	cursor->path_bytes = head + bytes;
	return 0;
}

static int plan_go_down(struct plan_cursor *cursor)
{
	size_t *levels =
		array_grow(cursor->levels, cursor->depth, &cursor->level_room, sizeof(*levels));

	if (levels == NULL)
		return -ENOMEM;
	cursor->levels = levels;
	cursor->levels[cursor->depth++] = cursor->path_bytes;
	return 0;
}

static int plan_move(struct plan_cursor *cursor, const struct plan_record *record)
{
	size_t head = cursor->depth > 0 ? cursor->levels[cursor->depth - 1] : cursor->group_bytes;
	int result;

	switch (record->kind) {
	case PLAN_GROUP:
		cursor->depth = cursor->group_bytes = 0;
		cursor->behind_link = false;
		return plan_set_path(cursor, 0, "");
	case PLAN_STEP:
	case PLAN_STEP_LINK:
		result = plan_set_path(cursor, cursor->group_bytes, record->name);
		cursor->group_bytes = cursor->path_bytes;
		cursor->behind_link = cursor->behind_link || record->kind == PLAN_STEP_LINK;
		return result;
	case PLAN_ENTER:
		result = plan_set_path(cursor, head, record->name);
		return result == 0 ? plan_go_down(cursor) : result;
	case PLAN_REMOVE:
		return plan_set_path(cursor, head, record->name);
	case PLAN_LEAVE:
	case PLAN_LEAVE_KEPT:
	case PLAN_LEAVE_VACANT:
		if (cursor->depth == 0)
			return -EIO;
		cursor->depth--;
		return plan_set_path(cursor, head, "");
	case PLAN_END:
		return plan_set_path(cursor, cursor->group_bytes, "");
	}
	return -EIO;
}

int plan_next(struct plan *plan, struct plan_cursor *cursor, struct plan_record *record)
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
	record->size_bytes = head.size_bytes;
	record->mtime.tv_sec = head.seconds;
	record->mtime.tv_nsec = head.nanoseconds;
	record->ctime.tv_sec = head.change_seconds;
	record->ctime.tv_nsec = head.change_nanoseconds;
	record->name[head.name_bytes] = '\0';
	result = head.name_bytes > 0 ? spill_next(&plan->spill, record->name, head.name_bytes) : 1;
	if (result <= 0)
		return result == 0 ? -EIO : result;
	result = plan_move(cursor, record);
	return result < 0 ? result : 1;
}

char *plan_path_below(const char *top, const char *path)
{
	size_t bytes = strlen(top);
	const char *slash;
	char *whole;

	while (bytes > 1 && top[bytes - 1] == '/')
		bytes--;
	if (path[0] == '\0')
		return strndup(top, bytes);
	slash = top[bytes - 1] == '/' ? "" : "/";
	if (asprintf(&whole, "%.*s%s%s", (int)bytes, top, slash, path) < 0)
		return NULL;
	return whole;
}
