/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The queue that the workers share, and batches of names.
 */
#include "lib/queue.h"

#include <pthread.h>

#include "lib/limits.h"
#include "unit.h"

#define TYPE_FILE 8U /* DT_REG */

static struct folder *folders[8];
static struct bell idle_bell;

static struct queue *open_queue(struct bell *bell)
{
	struct queue *queue = malloc(sizeof(*queue));

	*bell = (struct bell){ 0 };
	idle_bell = (struct bell){ 0 };
	REQUIRE(queue_open(queue, bell, &idle_bell) == 0);
	for (int i = 0; i < 8; i++)
		folders[i] = folder_new(NULL, "folder", NULL);
	return queue;
}

static void close_queue(struct queue *queue)
{
	queue_close(queue);
	free(queue);
	for (int i = 0; i < 8; i++) {
		CHECK(folder_put(folders[i])); /* ours is the last reference */
		folder_free(folders[i], NULL);
	}
}

static void scans(void)
{
	struct bell bell;
	struct queue *queue = open_queue(&bell);

	CHECK(queue_idle(queue));
	CHECK(queue_take_scan(queue, true) == NULL);
	for (int i = 0; i < 3; i++)
		queue_push_scan(queue, folders[i]);
	CHECK_EQUAL(queue->outstanding, 3);
	CHECK(!queue_idle(queue));
	for (int i = 2; i >= 0; i--)
		CHECK(queue_take_scan(queue, false) == folders[i]);
	CHECK(queue_take_scan(queue, true) == NULL);
	CHECK(!queue_idle(queue)); /* taken is not over */
	queue_finish_work(queue, 3);
	CHECK(queue_idle(queue));
	close_queue(queue);
}

static void found(void)
{
	struct bell bell;
	struct queue *queue = open_queue(&bell);
	struct list children;

	queue_push_scan(queue, folders[0]);
	queue_push_scan(queue, folders[1]);
	CHECK(queue_take_scan(queue, false) == folders[1]);
	/* The rest of its listing comes after what was found in it so far, and
	 * is no new work. */
	list_init(&children);
	list_add_tail(&children, &folders[2]->node);
	list_add_tail(&children, &folders[3]->node);
	queue_push_found(queue, folders[1], &children);
	CHECK(list_empty(&children));
	CHECK_EQUAL(queue->outstanding, 4);
	CHECK(queue_take_scan(queue, false) == folders[3]);
	CHECK(queue_take_scan(queue, false) == folders[2]);
	CHECK(queue_take_scan(queue, false) == folders[1]);
	list_add_tail(&children, &folders[4]->node);
	queue_push_found(queue, NULL, &children); /* its listing ended */
	CHECK_EQUAL(queue->outstanding, 5);
	CHECK(queue_take_scan(queue, false) == folders[4]);
	CHECK(queue_take_scan(queue, false) == folders[0]);
	queue_push_found(queue, NULL, &children); /* nothing was found */
	CHECK(queue_take_scan(queue, true) == NULL);
	CHECK_EQUAL(queue->outstanding, 5);
	queue_finish_work(queue, 5);
	close_queue(queue);
}

static bool add(struct batch *batch, unsigned char type, const char *name, const char *target_name)
{
	struct entry entry = entry_of(type, name, target_name);

	entry.inode = name[0] != '\0' ? UINT64_MAX - (unsigned char)name[0] : 0;
	return batch_add(batch, &entry);
}

static int push_retry_into(struct queue *queue, struct folder *folder, unsigned char type,
			   const char *name, const char *target_name, int unlinked)
{
	struct entry entry = entry_of(type, name, target_name);

	return queue_push_retry(queue, folder, &entry, unlinked);
}

static int push_retry(struct queue *queue, unsigned char type, const char *name,
		      const char *target_name, int unlinked)
{
	return push_retry_into(queue, folders[0], type, name, target_name, unlinked);
}

static struct batch *make_batch(struct folder *folder, const char *name)
{
	struct batch *batch = batch_new(folder, 600);

	REQUIRE(batch != NULL);
	REQUIRE(add(batch, TYPE_FILE, name, name));
	return batch;
}

static void drop_batch(struct queue *queue, struct batch *batch)
{
	struct entry entry;

	while (batch_next(batch, &entry)) {
		CHECK(!folder_put(batch->folder));
		queue_finish_work(queue, 1);
	}
	free(batch);
}

static void batches(void)
{
	struct bell bell;
	struct queue *queue = open_queue(&bell);
	char name[16];

	CHECK(queue_take_batch(queue) == NULL);
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "%d", i);
		queue_push_batch(queue, make_batch(folders[i], name));
	}
	CHECK_EQUAL(queue->outstanding, 5);
	for (int i = 0; i < 5; i++) {
		struct batch *batch = queue_take_batch(queue);

		REQUIRE(batch != NULL);
		CHECK(batch->folder == folders[i]);
		drop_batch(queue, batch);
	}
	CHECK(queue_idle(queue));
	CHECK(queue_take_batch(queue) == NULL);
	close_queue(queue);
}

static void room(void)
{
	struct bell bell;
	struct queue *queue = open_queue(&bell);
	struct list none;

	list_init(&none);
	queue_push_scan(queue, folders[0]);
	/* Pushing never blocks and never fails, however full it is. */
	for (unsigned i = 0; i < LIMIT_QUEUE_BATCHES + 3; i++)
		queue_push_batch(queue, make_batch(folders[1], "f"));
	CHECK(queue_take_scan(queue, false) == NULL);
	for (int i = 0; i < 4; i++)
		drop_batch(queue, queue_take_batch(queue));
	CHECK(queue_take_scan(queue, false) == folders[0]);
	queue_push_found(queue, folders[0], &none);
	queue_push_batch(queue, make_batch(folders[1], "f"));
	CHECK(queue_take_scan(queue, false) == NULL);
	CHECK(queue_take_scan(queue, true) == folders[0]);
	queue_finish_work(queue, 1);
	for (struct batch *batch; (batch = queue_take_batch(queue)) != NULL;)
		drop_batch(queue, batch);
	CHECK(queue_idle(queue));
	close_queue(queue);
}

static void batch_names(void)
{
	struct folder *folder = folder_new(NULL, "f", NULL);
	char longest[256], other[256];
	struct batch *batch;
	struct entry entry;

	memset(longest, 'n', 255);
	memset(other, '\xff', 255);
	longest[255] = other[255] = '\0';
	batch = batch_new(folder, 1 + 8 + 256 + 256);
	REQUIRE(add(batch, 4, longest, other)); /* fits to the byte */
	CHECK_EQUAL(batch->bytes, batch->room);
	CHECK(!add(batch, 4, "", ""));
	CHECK_EQUAL(atomic_load(&folder->refs), 2);
	REQUIRE(batch_next(batch, &entry));
	CHECK_EQUAL(entry.type, 4);
	CHECK_EQUAL(entry.inode, UINT64_MAX - 'n');
	CHECK_TEXT(entry.name, longest);
	CHECK_TEXT(entry.target_name, other);
	CHECK(!batch_next(batch, &entry));
	free(batch);
	folder_put(folder);
	batch = batch_new(folder, 1 + 8 + 256 + 255);
	CHECK(!add(batch, 4, longest, other)); /* one byte too long */
	CHECK_EQUAL(batch->count, 0);
	CHECK_EQUAL(atomic_load(&folder->refs), 1);
	CHECK(add(batch, TYPE_FILE, longest, longest)); /* told once */
	REQUIRE(batch_next(batch, &entry));
	CHECK(entry.target_name == entry.name);
	free(batch);
	folder_put(folder);
	CHECK(folder_put(folder));
	folder_free(folder, NULL);
}

static void batch_full(void)
{
	struct folder *folder = folder_new(NULL, "f", NULL);
	struct batch *batch = batch_new(folder, 1U << 20);
	struct entry entry;
	char name[32], target[32];
	unsigned count = 0;

	for (;; count++) {
		snprintf(name, sizeof(name), "name %u", count);
		snprintf(target, sizeof(target), "%s%u", count % 2 ? "name " : "t", count);
		if (!add(batch, (unsigned char)(count % 16), name, target))
			break;
	}
	CHECK_EQUAL(count, LIMIT_BATCH_NAMES);
	CHECK_EQUAL(atomic_load(&folder->refs), 1 + count);
	for (unsigned i = 0; i < count; i++) {
		REQUIRE(batch_next(batch, &entry));
		snprintf(name, sizeof(name), "name %u", i);
		snprintf(target, sizeof(target), "%s%u", i % 2 ? "name " : "t", i);
		CHECK_EQUAL(entry.type, i % 16);
		CHECK_TEXT(entry.name, name);
		CHECK_TEXT(entry.target_name, target);
		CHECK(!folder_put(folder));
	}
	CHECK(!batch_next(batch, &entry));
	CHECK(!batch_next(batch, &entry));
	free(batch);
	CHECK(folder_put(folder));
	folder_free(folder, NULL);
}

static void retries(void)
{
	struct bell bell;
	struct queue *queue = open_queue(&bell);
	struct batch *batch;
	struct entry entry;
	char longest[256];

	memset(longest, 'x', 255);
	longest[255] = '\0';
	CHECK_EQUAL(push_retry(queue, 10, longest, longest, 0), 0);
	CHECK_EQUAL(push_retry(queue, 8, "a", "b", 0), 0);
	CHECK_EQUAL(queue->outstanding, 2);
	batch = queue_take_batch(queue);
	REQUIRE(batch != NULL && batch->retry && batch_next(batch, &entry));
	CHECK_EQUAL(entry.type, 10);
	CHECK_TEXT(entry.name, longest);
	CHECK(!folder_put(batch->folder));
	free(batch);
	batch = queue_take_batch(queue);
	REQUIRE(batch != NULL && batch->retry && batch_next(batch, &entry));
	CHECK_TEXT(entry.name, "a");
	CHECK_TEXT(entry.target_name, "b");
	CHECK(!folder_put(batch->folder));
	free(batch);
	queue_finish_work(queue, 2);
	close_queue(queue);
}

static void rings(void)
{
	struct bell bell;
	struct queue *queue = open_queue(&bell);
	uint32_t seen = bell_read(&bell), idle;

	queue_push_scan(queue, folders[0]);
	CHECK(bell_read(&bell) != seen);
	seen = bell_read(&bell);
	queue_push_batch(queue, make_batch(folders[1], "f"));
	CHECK(bell_read(&bell) != seen);
	seen = bell_read(&bell);
	idle = bell_read(&idle_bell);
	queue_take_scan(queue, true);
	queue_finish_work(queue, 1);
	CHECK(bell_read(&idle_bell) == idle); /* an entry is left */
	drop_batch(queue, queue_take_batch(queue));
	CHECK(bell_read(&idle_bell) != idle);
	CHECK(bell_read(&bell) == seen);
	CHECK(!queue_is_shut(queue));
	queue_shut(queue);
	CHECK(queue_is_shut(queue));
	CHECK(bell_read(&bell) != seen);
	close_queue(queue);
}

static void finish_too_much(void *argument)
{
	struct bell bell;
	struct queue *queue;

	(void)argument;
	unit_quiet_abort();
	queue = open_queue(&bell);
	queue_push_scan(queue, folders[0]);
	queue_finish_work(queue, 2);
}

static void accounted(void)
{
	CHECK(unit_aborted(unit_child(finish_too_much, NULL)));
}

struct shared {
	struct queue queue;
	struct bell bell;
	struct bell idle;
	struct folder *folder;
	_Atomic unsigned entries;
};

/* A worker: half of them make entries, all take what there is. */
static void *work(void *argument)
{
	struct shared *shared = argument;

	while (!queue_is_shut(&shared->queue)) {
		uint32_t seen = bell_read(&shared->bell);
		struct batch *batch = queue_take_batch(&shared->queue);
		struct entry entry;

		if (batch == NULL) {
			bell_wait(&shared->bell, seen, 100);
			continue;
		}
		while (batch_next(batch, &entry)) {
			unsigned depth = (unsigned)strlen(entry.name);

			atomic_fetch_add(&shared->entries, 1);
			for (int i = 0; i < 2 && depth < 9; i++)
				push_retry_into(&shared->queue, shared->folder, TYPE_FILE,
						&"1234567890"[9 - depth], "x", 0);
			folder_put(shared->folder);
			queue_finish_work(&shared->queue, 1);
		}
		free(batch);
	}
	return NULL;
}

static void threads(void)
{
	struct shared *shared = calloc(1, sizeof(*shared));
	pthread_t workers[4];

	REQUIRE(queue_open(&shared->queue, &shared->bell, &shared->idle) == 0);
	shared->folder = folder_new(NULL, "f", NULL);
	push_retry_into(&shared->queue, shared->folder, TYPE_FILE, "0", "x", 0);
	for (int i = 0; i < 4; i++)
		REQUIRE(pthread_create(&workers[i], NULL, work, shared) == 0);
	for (uint32_t seen; seen = bell_read(&shared->idle), !queue_idle(&shared->queue);)
		bell_wait(&shared->idle, seen, 100);
	queue_shut(&shared->queue);
	for (int i = 0; i < 4; i++)
		pthread_join(workers[i], NULL);
	CHECK_EQUAL(atomic_load(&shared->entries), 511); /* 2^9 - 1 */
	CHECK_EQUAL(atomic_load(&shared->folder->refs), 1);
	queue_close(&shared->queue);
	folder_put(shared->folder);
	folder_free(shared->folder, NULL);
	free(shared);
}

/* Q4: what is for the end comes when all else is over or waits, too. */
static void last(void)
{
	const struct entry entry = { .type = TYPE_FILE, .name = "a", .target_name = "b" };
	struct entry found;
	struct bell bell;
	struct queue *queue = open_queue(&bell);
	struct batch *batch;

	queue_push_scan(queue, folders[1]);
	REQUIRE(queue_push_last(queue, folders[0], &entry) == 0);
	queue_defer(queue); /* of somebody else */
	CHECK_EQUAL(queue->outstanding, 3);
	CHECK(queue_take_batch(queue) == NULL);
	CHECK(queue_take_scan(queue, false) == folders[1]);
	CHECK(queue_take_batch(queue) == NULL); /* the scan goes on */
	queue_finish_work(queue, 1);
	CHECK(queue_stalled(queue));
	batch = queue_take_batch(queue);
	REQUIRE(batch != NULL);
	CHECK(batch->last && batch->counted);
	CHECK(!queue_stalled(queue));
	REQUIRE(batch_next(batch, &found));
	CHECK_TEXT(found.name, "a");
	CHECK_TEXT(found.target_name, "b");
	CHECK(!batch_next(batch, &found));
	free(batch);
	CHECK(queue_take_batch(queue) == NULL);
	CHECK(!folder_put(folders[0]));
	queue_finish_work(queue, 1);
	CHECK(queue_stalled(queue));
	queue->deferred = queue->outstanding = 0;
	close_queue(queue);
}

static const struct unit_test tests[] = {
	{ "folders to scan come last in, first out", scans },
	{ "what a scan found lies above the rest of it", found },
	{ "batches come first in, first out", batches },
	{ "a scan waits while batches are plentiful, pushing never does", room },
	{ "a batch takes names of 255 bytes up to its last byte", batch_names },
	{ "a batch is full at its limit of names and keeps their order", batch_full },
	{ "an entry to be tried again travels alone and says so", retries },
	{ "whoever may wait is rung when work comes and when it ends", rings },
	{ "no more work can be finished than there was", accounted },
	{ "four workers do each entry once, and the queue is idle in the end", threads },
	{ "what is for the end comes when nothing else is left", last },
};

UNIT_MAIN(tests)
