/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looking for what moved.
 *
 *   A wish is   True here                              Then
 *   waiting     its entry is deferred                  the scan is over, the plan whole
 *   granted     its name is a link to what was found   its entry gets attributes only
 *   refused     nothing like it is to go               its entry is copied
 *
 * Invariants:
 * RN1 what is linked was compared by its descriptor: inode, size, time, and its first
 *     and last block, or all of it where content is compared;
 * RN2 the old name goes only in the removal phase, when the new one is durable;
 * RN3 an inode with other names is left alone: its attributes are theirs, too.
 */
#define _GNU_SOURCE
#include "renames.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "array.h"
#include "content.h"
#include "invariant.h"
#include "limits.h"
#include "meta.h"

#define RENAMES_BLOCK_BYTES KIB(64)

/* Of keys: where the first wish with it is, plus 1. */
struct renames_table {
	size_t *slots;
	size_t slot_count; /* a power of 2 */
};

int renames_open(struct renames *renames)
{
	memset(renames, 0, sizeof(*renames));
	return -pthread_mutex_init(&renames->lock, NULL);
}

void renames_close(struct renames *renames)
{
	free(renames->wishes);
	free(renames->taken);
	pthread_mutex_destroy(&renames->lock);
}

static bool renames_make_room(struct renames *renames)
{
	struct rename_wish *wishes;

	if (renames->count >= LIMIT_RENAMES)
		return false;
	wishes = array_grow(renames->wishes, renames->count, &renames->room, sizeof(*wishes));
	if (wishes != NULL)
		renames->wishes = wishes;
	return wishes != NULL;
}

bool renames_wish(struct renames *renames, struct queue *queue, struct folder *folder,
		  const struct entry *entry, const struct sys_stat *source, const char *path)
{
	struct rename_wish wish = { .source = *source };
	bool kept;

	if (source->size_bytes == 0 || source->links > 1)
		return false;
	wish.batch = batch_of_one(folder, entry);
	if (wish.batch == NULL)
		return false;
	wish.batch->counted = false;
	if (path != NULL)
		wish.path = strdup(path);
	pthread_mutex_lock(&renames->lock);
	kept = (path == NULL || wish.path != NULL) && renames_make_room(renames);
	if (kept)
		renames->wishes[renames->count++] = wish;
	pthread_mutex_unlock(&renames->lock);
	if (kept) {
		queue_defer(queue);
		return true;
	}
	if (folder_put(folder))
		WEIR_ASSERT(false); /* its scan holds it */
	free(wish.batch);
	free(wish.path);
	return false;
}

/* ---- what has the same size and time ---- */

static size_t renames_hash(uint64_t size_bytes, const struct timespec *mtime)
{
	uint64_t hash = (size_bytes ^ (uint64_t)mtime->tv_sec << 20 ^ (uint64_t)mtime->tv_nsec) *
			0x9e3779b97f4a7c15ULL;

	return (size_t)(hash ^ hash >> 29);
}

static bool renames_fill(struct renames *renames, struct renames_table *table)
{
	table->slot_count = 64;
	while (table->slot_count < 2 * renames->count)
		table->slot_count *= 2;
	table->slots = calloc(table->slot_count, sizeof(*table->slots));
	if (table->slots == NULL)
		return false;
	for (size_t i = renames->count; i > 0; i--) {
		struct rename_wish *wish = &renames->wishes[i - 1];
		size_t at = renames_hash(wish->source.size_bytes, &wish->source.mtime);
		size_t *slot = &table->slots[at & (table->slot_count - 1)];

		wish->next = *slot;
		*slot = i;
	}
	return true;
}

/* ---- comparing ---- */

/* The file at PATH below DEST, one component after the other and through no link; or
 * -errno. */
static int renames_open_old(const struct renames_env *env, const char *path)
{
	struct sys *sys = env->root->sys;
	int fd = dir_pin(env->root, env->target, NULL);
	int at = fd;

	if (fd < 0)
		return fd;
	for (const char *step = path; at >= 0 && step != NULL;) {
		const char *slash = strchr(step, '/');
		size_t bytes = slash != NULL ? (size_t)(slash - step) : strlen(step);
		char name[LIMIT_NAME_BYTES];
		int next = -ENAMETOOLONG;

		if (bytes < sizeof(name)) {
			memcpy(name, step, bytes);
			name[bytes] = '\0';
			next = slash != NULL ? sys_openat(sys, at, name,
							  O_PATH | O_DIRECTORY | O_NOFOLLOW, 0)
					     : content_open_file(sys, at, name);
		}
		if (at != fd)
			sys_close(sys, at);
		at = next;
		step = slash != NULL ? slash + 1 : NULL;
	}
	dir_unpin(env->root, env->target);
	return at;
}

static int renames_open_source(const struct renames_env *env, const struct rename_wish *wish)
{
	struct folder *folder = wish->batch->folder;
	const char *name = wish->batch->names + ENTRY_FIXED_BYTES - 2;
	int dirfd = dir_pin(env->root, folder->source, NULL);
	int fd;

	if (dirfd < 0)
		return dirfd;
	fd = content_open_file(env->root->sys, dirfd, name);
	dir_unpin(env->root, folder->source);
	return fd;
}

/* Reads BYTES at OFFSET whole. */
static bool renames_read(struct sys *sys, int fd, char *data, size_t bytes, uint64_t offset)
{
	return sys_pread_all(sys, fd, data, bytes, (int64_t)offset) == (ssize_t)bytes;
}

static bool renames_same_block(struct sys *sys, int a, int b, char *buffer, uint64_t offset,
			       uint64_t size_bytes)
{
	uint64_t left = size_bytes - offset;
	size_t bytes = left < RENAMES_BLOCK_BYTES ? (size_t)left : RENAMES_BLOCK_BYTES;

	return renames_read(sys, a, buffer, bytes, offset) &&
	       renames_read(sys, b, buffer + RENAMES_BLOCK_BYTES, bytes, offset) &&
	       memcmp(buffer, buffer + RENAMES_BLOCK_BYTES, bytes) == 0;
}

/* RN1 */
static bool renames_same_data(const struct renames_env *env, int a, int b, uint64_t size_bytes)
{
	struct sys *sys = env->root->sys;
	uint64_t last = (size_bytes - 1) / RENAMES_BLOCK_BYTES * RENAMES_BLOCK_BYTES;
	uint64_t step = env->settings->compare == WEIR_COMPARE_CONTENT || last == 0
				? RENAMES_BLOCK_BYTES
				: last;
	char *buffer = malloc((size_t)2 * RENAMES_BLOCK_BYTES);
	bool same = buffer != NULL;

	for (uint64_t offset = 0; same && offset < size_bytes; offset += step)
		same = renames_same_block(sys, a, b, buffer, offset, size_bytes);
	free(buffer);
	return same;
}

static bool renames_is(struct sys *sys, int fd, uint64_t device, uint64_t inode,
		       const struct sys_stat *as, struct sys_stat *stat)
{
	return sys_statx(sys, fd, "", false, stat) == 0 && S_ISREG(stat->mode) &&
	       stat->device == device && stat->inode == inode &&
	       stat->size_bytes == as->size_bytes && meta_same_time(&stat->mtime, &as->mtime);
}

/* ---- granting ---- */

/* Gives what is open as OLD the name that was wished (RN2). */
static bool renames_link(const struct renames_env *env, const struct rename_wish *wish, int old)
{
	struct folder *folder = wish->batch->folder;
	const char *name = wish->batch->names + ENTRY_FIXED_BYTES - 2;
	int dirfd, result;

	if (env->settings->dry_run)
		return true;
	dirfd = dir_pin(env->root, folder->target, NULL);
	if (dirfd < 0)
		return false;
	result = sys_link_fd(env->root->sys, old, dirfd, name, env->through_proc);
	dir_unpin(env->root, folder->target);
	if (result < 0)
		return false; /* it is copied, and whatever is wrong is told then */
	atomic_store(&folder->changed, true);
	folder->target_fs->written = true;
	return true;
}

static bool renames_try(const struct renames_env *env, struct rename_wish *wish,
			const struct plan_record *record, const char *path)
{
	struct sys *sys = env->root->sys;
	struct sys_stat found, wished;
	int old = renames_open_old(env, path);
	int source = old < 0 ? -1 : renames_open_source(env, wish);
	bool granted = source >= 0 &&
		       renames_is(sys, old, record->device, record->inode, &wish->source, &found) &&
		       found.links == 1 && /* RN3 */
		       renames_is(sys, source, wish->source.device, wish->source.inode,
				  &wish->source, &wished) &&
		       renames_same_data(env, source, old, wish->source.size_bytes) &&
		       renames_link(env, wish, old);

	/* One more name is no other file. */
	if (granted && !env->settings->dry_run && sys_statx(sys, old, "", false, &found) == 0)
		wish->stamp = content_stamp(&wished, &found);
	if (old >= 0)
		sys_close(sys, old);
	if (source >= 0)
		sys_close(sys, source);
	if (granted)
		wish->from = strdup(path);
	return granted && wish->from != NULL;
}

/* ---- what was taken ---- */

static int renames_compare_taken(const void *left, const void *right)
{
	const struct rename_taken *a = left, *b = right;

	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	return (a->inode > b->inode) - (a->inode < b->inode);
}

/* Room for one more, before it is granted. */
static bool renames_make_taken_room(struct renames *renames)
{
	struct rename_taken *taken = array_grow(renames->taken, renames->taken_count,
						&renames->taken_room, sizeof(*taken));

	if (taken != NULL)
		renames->taken = taken;
	return taken != NULL;
}

bool renames_took(const struct renames *renames, uint64_t device, uint64_t inode)
{
	const struct rename_taken key = { device, inode };

	return renames->taken_count > 0 && bsearch(&key, renames->taken, renames->taken_count,
						   sizeof(key), renames_compare_taken) != NULL;
}

/* True if one that is wished was found in a file that goes. */
static bool renames_look(struct renames *renames, const struct renames_env *env,
			 const struct renames_table *table, const struct plan_record *record,
			 const char *path)
{
	size_t at = renames_hash(record->size_bytes, &record->mtime);

	for (at = table->slots[at & (table->slot_count - 1)]; at != 0;) {
		struct rename_wish *wish = &renames->wishes[at - 1];

		at = wish->next;
		if (wish->from == NULL && wish->source.size_bytes == record->size_bytes &&
		    meta_same_time(&wish->source.mtime, &record->mtime) &&
		    renames_make_taken_room(renames) && renames_try(env, wish, record, path)) {
			renames->taken[renames->taken_count++] =
				(struct rename_taken){ record->device, record->inode };
			return true;
		}
	}
	return false;
}

static void renames_search(struct renames *renames, const struct renames_env *env)
{
	struct renames_table table;
	struct plan_cursor cursor = { 0 };
	struct plan_record *record = malloc(sizeof(*record));
	uint64_t found = 0;

	if (record != NULL && renames_fill(renames, &table)) {
		int result = plan_rewind(env->plan);

		while (result >= 0 && plan_next(env->plan, &cursor, record) > 0)
			if (record->kind == PLAN_REMOVE && S_ISREG(record->mode) &&
			    record->size_bytes > 0 && !cursor.behind_link)
				found += renames_look(renames, env, &table, record, cursor.path);
		free(table.slots);
	}
	if (renames->taken_count > 0)
		qsort(renames->taken, renames->taken_count, sizeof(renames->taken[0]),
		      renames_compare_taken);
	env->plan->moved = found;
	plan_release(&cursor);
	free(record);
}

/* ---- settling ---- */

static void renames_tell(const struct renames_env *env, const struct rename_wish *wish)
{
	const struct weir_event event = {
		.type = WEIR_EVENT_ENTRY,
		.action = wish->from != NULL ? WEIR_ACTION_RENAME : WEIR_ACTION_CREATE,
		.offset = -1,
		.bytes = wish->source.size_bytes,
		.mode = wish->source.mode,
		.operation = "",
		.text = wish->from,
	};

	tally_add(wish->from != NULL ? &env->tally->to_rename : &env->tally->to_create, 1);
	if (wish->path == NULL)
		return;
	event_wait_room(env->events);
	event_post(env->events, &event, wish->path, false);
}

static void renames_send_back(const struct renames_env *env, struct rename_wish *wish)
{
	if (wish->from != NULL) {
		wish->batch->names[0] = (char)((unsigned char)wish->batch->names[0] | ENTRY_ADJUST);
		memcpy(wish->batch->names + 1, &wish->stamp, sizeof(wish->stamp));
	}
	tally_add(&env->tally->files_found, 1);
	tally_add(&env->tally->files_open, 1);
	queue_push_deferred(env->queue, wish->batch);
	free(wish->from);
	free(wish->path);
}

void renames_settle(struct renames *renames, const struct renames_env *env, bool search)
{
	if (search && renames->count > 0 && env->target != NULL && env->plan->failed == 0)
		renames_search(renames, env);
	for (size_t i = 0; i < renames->count; i++) {
		renames_tell(env, &renames->wishes[i]);
		renames_send_back(env, &renames->wishes[i]);
	}
	renames->count = 0;
}
