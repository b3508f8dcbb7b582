/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The shared queue.
 *
 * Invariants:
 * Q1 nobody ever waits for room in it (T2): a scan is a task of one listing
 *    buffer that queues itself again below what it found, so the stack grows by
 *    one buffer of folders for each level of depth and no more;
 * Q2 `outstanding` counts every scan and entry from being queued to being over;
 *    when it is 0 and nothing is parked, the run is over;
 * Q3 what is deferred is outstanding, and pushed exactly once: by whoever keeps it,
 *    or, what is in `last`, by this file;
 * Q4 `last` is opened when nothing is outstanding but what is deferred: every scan
 *    is over, and every other entry was looked at.
 */
#define _GNU_SOURCE
#include "queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "invariant.h"
#include "limits.h"

int queue_open(struct queue *queue, struct bell *bell, struct bell *idle)
{
	memset(queue, 0, sizeof(*queue));
	queue->bell = bell;
	queue->idle = idle;
	list_init(&queue->scans);
	list_init(&queue->batches);
	list_init(&queue->last);
	return -pthread_mutex_init(&queue->lock, NULL);
}

void queue_close(struct queue *queue)
{
	WEIR_ASSERT(list_empty(&queue->scans));
	WEIR_ASSERT(list_empty(&queue->batches));
	WEIR_ASSERT(list_empty(&queue->last));
	pthread_mutex_destroy(&queue->lock);
}

void queue_push_scan(struct queue *queue, struct folder *folder)
{
	pthread_mutex_lock(&queue->lock);
	list_add_head(&queue->scans, &folder->node);
	queue->outstanding++;
	pthread_mutex_unlock(&queue->lock);
	bell_ring(queue->bell);
}

void queue_push_found(struct queue *queue, struct folder *again, struct list *children)
{
	struct list *node;

	pthread_mutex_lock(&queue->lock);
	/* Together: whoever takes the rest of the scan and ends it must find its
	 * children counted (Q2). */
	if (again != NULL)
		list_add_head(&queue->scans, &again->node);
	while ((node = list_take_head(children)) != NULL) {
		list_add_head(&queue->scans, node);
		queue->outstanding++;
	}
	pthread_mutex_unlock(&queue->lock);
	bell_ring(queue->bell);
}

void queue_push_batch(struct queue *queue, struct batch *batch)
{
	WEIR_ASSERT(batch->count > 0);
	pthread_mutex_lock(&queue->lock);
	list_add_tail(&queue->batches, &batch->node);
	queue->batch_count++;
	queue->outstanding += batch->count;
	pthread_mutex_unlock(&queue->lock);
	bell_ring(queue->bell);
}

int queue_push_retry(struct queue *queue, struct folder *folder, const struct entry *entry,
		     int unlinked)
{
	struct batch *batch = batch_of_one(folder, entry);

	if (batch == NULL)
		return -ENOMEM;
	batch->retry = unlinked == 0;
	batch->unlinked = unlinked;
	queue_push_batch(queue, batch);
	return 0;
}

int queue_push_last(struct queue *queue, struct folder *folder, const struct entry *entry)
{
	struct batch *batch = batch_of_one(folder, entry);

	if (batch == NULL)
		return -ENOMEM;
	batch->last = true;
	queue_defer(queue);
	pthread_mutex_lock(&queue->lock);
	list_add_tail(&queue->last, &batch->node);
	pthread_mutex_unlock(&queue->lock);
	return 0;
}

void queue_defer(struct queue *queue)
{
	atomic_fetch_add(&queue->outstanding, 1);
	atomic_fetch_add(&queue->deferred, 1);
}

void queue_push_deferred(struct queue *queue, struct batch *batch)
{
	uint64_t before;

	WEIR_ASSERT(batch->count == 1);
	pthread_mutex_lock(&queue->lock);
	before = atomic_fetch_sub(&queue->deferred, 1);
	WEIR_ASSERT(before > 0); /* Q3 */
	list_add_tail(&queue->batches, &batch->node);
	queue->batch_count++;
	pthread_mutex_unlock(&queue->lock);
	bell_ring(queue->bell);
}

/* Q4.  With the lock held; true if something came. */
static bool queue_open_last(struct queue *queue)
{
	bool opens = list_empty(&queue->batches) && !list_empty(&queue->last) &&
		     queue_stalled(queue);
	struct list *node;

	while (opens && (node = list_take_head(&queue->last)) != NULL) {
		list_add_tail(&queue->batches, node);
		queue->batch_count++;
		atomic_fetch_sub(&queue->deferred, 1);
	}
	return opens;
}

struct batch *queue_take_batch(struct queue *queue)
{
	struct list *node;
	bool opened;

	pthread_mutex_lock(&queue->lock);
	opened = queue_open_last(queue);
	node = list_take_head(&queue->batches);
	if (node != NULL)
		queue->batch_count--;
	pthread_mutex_unlock(&queue->lock);
	if (opened) /* the other workers may sleep */
		bell_ring(queue->bell);
	return node != NULL ? LIST_ENTRY(node, struct batch, node) : NULL;
}

struct folder *queue_take_scan(struct queue *queue, bool discarding)
{
	struct list *node = NULL;

	pthread_mutex_lock(&queue->lock);
	if (discarding || queue->batch_count < LIMIT_QUEUE_BATCHES)
		node = list_take_head(&queue->scans);
	pthread_mutex_unlock(&queue->lock);
	return node != NULL ? LIST_ENTRY(node, struct folder, node) : NULL;
}

void queue_finish_work(struct queue *queue, uint64_t count)
{
	uint64_t before = atomic_fetch_sub(&queue->outstanding, count);

	WEIR_ASSERT(before >= count); /* Q2 */
	if (before - count <= atomic_load(&queue->deferred))
		bell_ring(queue->idle);
}

bool queue_idle(struct queue *queue)
{
	return atomic_load(&queue->outstanding) == 0;
}

bool queue_stalled(struct queue *queue)
{
	uint64_t deferred = atomic_load(&queue->deferred);

	return deferred > 0 && atomic_load(&queue->outstanding) <= deferred;
}

void queue_shut(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	WEIR_ASSERT(queue->outstanding == 0);
	queue->closed = true;
	pthread_mutex_unlock(&queue->lock);
	bell_ring(queue->bell);
}

bool queue_is_shut(struct queue *queue)
{
	bool closed;

	pthread_mutex_lock(&queue->lock);
	closed = queue->closed;
	pthread_mutex_unlock(&queue->lock);
	return closed;
}

struct batch *batch_new(struct folder *folder, size_t room)
{
	struct batch *batch = calloc(1, sizeof(*batch) + room);

	if (batch == NULL)
		return NULL;
	list_init(&batch->node);
	batch->folder = folder;
	batch->room = room;
	return batch;
}

struct batch *batch_of_one(struct folder *folder, const struct entry *entry)
{
	struct batch *batch = batch_new(folder, strlen(entry->name) + strlen(entry->target_name) +
							ENTRY_FIXED_BYTES);

	if (batch == NULL)
		return NULL;
	batch->counted = true;
	batch_add(batch, entry);
	return batch;
}

bool batch_add(struct batch *batch, const struct entry *entry)
{
	bool same = strcmp(entry->name, entry->target_name) == 0;
	const char *target_name = same ? "" : entry->target_name;
	size_t name_bytes = strlen(entry->name) + 1;
	size_t target_bytes = strlen(target_name) + 1;
	char *at = batch->names + batch->bytes;

	if (batch->count >= LIMIT_BATCH_NAMES ||
	    batch->bytes + ENTRY_FIXED_BYTES - 2 + name_bytes + target_bytes > batch->room)
		return false;
	*at++ = (char)(entry->type | (entry->follow ? ENTRY_FOLLOW : 0) |
		       (entry->adjusts ? ENTRY_ADJUST : 0) | (entry->anew ? ENTRY_ANEW : 0) |
		       (entry->earlier ? ENTRY_EARLIER : 0));
	memcpy(at, &entry->inode, sizeof(entry->inode));
	at += sizeof(entry->inode);
	memcpy(at, entry->name, name_bytes);
	at += name_bytes;
	memcpy(at, target_name, target_bytes);
	batch->bytes = (size_t)(at + target_bytes - batch->names);
	batch->count++;
	folder_get(batch->folder);
	return true;
}

bool batch_next(struct batch *batch, struct entry *entry)
{
	const char *at = batch->names + batch->position;

	if (batch->taken == batch->count)
		return false;
	*entry = entry_of((unsigned char)*at++, NULL, NULL);
	memcpy(&entry->inode, at, sizeof(entry->inode));
	at += sizeof(entry->inode);
	entry->name = at;
	at += strlen(at) + 1;
	entry->target_name = *at != '\0' ? at : entry->name;
	at += strlen(at) + 1;
	batch->position = (size_t)(at - batch->names);
	batch->taken++;
	return true;
}
