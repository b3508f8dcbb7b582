/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names of the source that go.
 *
 *   A name is   True here                                    Then
 *   met         the scan has compared it, and told           its copy gets its name
 *   added       its copy has its name, or had it before      the last sync of the run
 *   removed     its copy is durable, and it was still the    -
 *               inode, size and times that were copied
 *   left        any of that is not so                        the next run meets it again
 *
 * Invariants:
 * MV1 nothing goes before all names that were given are durable (N07), so that a run
 *     that is cut short has lost nothing;
 * MV2 a name goes only if it is what was copied, as far as its inode, size and times
 *     tell; that it lost another name, by us, is no change;
 * MV3 of an inode with several names none goes before all that were met are added:
 *     those that stay would have no link to it in the target;
 * MV4 folders stay, and nothing is followed.
 */
#define _GNU_SOURCE
#include "moves.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "invariant.h"
#include "limits.h"
#include "meta.h"

#define MOVES_SLOT_BYTES KIB(16)
#define MOVES_FIRST_INODES 64U

/* An inode of the source with several names. */
struct moves_inode {
	uint64_t device; /* inode 0: a free slot */
	uint64_t inode;
	uint32_t met;
	uint32_t added;
	struct timespec ctime; /* since one of its names went */
	bool went;
};

/* A name as it waits in a slot, and then its text. */
struct moves_record {
	struct sys_stat stat;
	size_t name_bytes; /* with NUL */
};

int moves_open(struct moves *moves, struct root *root)
{
	memset(moves, 0, sizeof(*moves));
	moves->root = root;
	if (plan_open(&moves->plan, root->sys) < 0)
		return -ENOMEM;
	return -pthread_mutex_init(&moves->lock, NULL);
}

void moves_close(struct moves *moves)
{
	for (size_t i = 0; i < MOVES_SLOTS; i++) {
		if (moves->slots[i].dir != NULL)
			dir_put(moves->root, moves->slots[i].dir);
		free(moves->slots[i].records);
	}
	if (moves->top != NULL)
		dir_put(moves->root, moves->top);
	free(moves->inodes);
	plan_close(&moves->plan);
	pthread_mutex_destroy(&moves->lock);
}

/* ---- inodes with several names ---- */

static struct moves_inode *moves_find(const struct moves *moves, uint64_t device, uint64_t inode)
{
	size_t at = (size_t)((inode ^ device << 32) * 0x9e3779b97f4a7c15ULL >> 20);

	for (;; at++) {
		struct moves_inode *slot = &moves->inodes[at & (moves->inode_room - 1)];

		if (slot->inode == 0 || (slot->inode == inode && slot->device == device))
			return slot;
	}
}

static bool moves_grow(struct moves *moves)
{
	struct moves_inode *old = moves->inodes;
	size_t old_room = moves->inode_room;
	size_t room = old_room > 0 ? 2 * old_room : MOVES_FIRST_INODES;
	struct moves_inode *inodes = calloc(room, sizeof(*inodes));

	if (inodes == NULL)
		return false;
	moves->inodes = inodes;
	moves->inode_room = room;
	for (size_t i = 0; i < old_room; i++)
		if (old[i].inode != 0)
			*moves_find(moves, old[i].device, old[i].inode) = old[i];
	free(old);
	return true;
}

/* That of STAT, which is made; NULL: there is no memory. */
static struct moves_inode *moves_make_inode(struct moves *moves, const struct sys_stat *stat)
{
	struct moves_inode *slot;

	if ((moves->inode_count + 1) * 4 > moves->inode_room * 3 && !moves_grow(moves))
		return NULL;
	slot = moves_find(moves, stat->device, stat->inode);
	if (slot->inode == 0) {
		slot->device = stat->device;
		slot->inode = stat->inode;
		moves->inode_count++;
	}
	return slot;
}

/* NULL: it had one name when it was met. */
static struct moves_inode *moves_know(const struct moves *moves, uint64_t device, uint64_t inode)
{
	struct moves_inode *slot;

	if (moves->inode_room == 0)
		return NULL;
	slot = moves_find(moves, device, inode);
	return slot->inode != 0 ? slot : NULL;
}

void moves_meet(struct moves *moves, const struct sys_stat *stat)
{
	struct moves_inode *inode;

	if (stat->links < 2)
		return;
	pthread_mutex_lock(&moves->lock);
	inode = moves_make_inode(moves, stat);
	if (inode != NULL)
		inode->met++;
	else
		moves->failed = true;
	pthread_mutex_unlock(&moves->lock);
}

/* ---- into the plan ---- */

static void moves_flush(struct moves *moves, struct moves_slot *slot)
{
	if (slot->bytes == 0)
		return;
	plan_begin(&moves->plan, slot->dir);
	for (size_t at = 0; at < slot->bytes;) {
		struct moves_record record;

		memcpy(&record, slot->records + at, sizeof(record));
		at += sizeof(record);
		plan_add(&moves->plan, PLAN_REMOVE, slot->records + at, &record.stat);
		at += record.name_bytes;
	}
	plan_end(&moves->plan);
	slot->bytes = 0;
}

static bool moves_put(struct moves *moves, struct moves_slot *slot, const char *name,
		      const struct sys_stat *stat)
{
	const struct moves_record record = { .stat = *stat, .name_bytes = strlen(name) + 1 };
	size_t bytes = sizeof(record) + record.name_bytes;

	if (slot->bytes + bytes > MOVES_SLOT_BYTES)
		moves_flush(moves, slot);
	if (slot->bytes + bytes > slot->room) {
		size_t room = slot->room > 0 ? 2 * slot->room : 1024;
		char *records = realloc(slot->records, room);

		if (records == NULL)
			return false;
		slot->records = records;
		slot->room = room;
	}
	memcpy(slot->records + slot->bytes, &record, sizeof(record));
	memcpy(slot->records + slot->bytes + sizeof(record), name, record.name_bytes);
	slot->bytes += bytes;
	slot->turn = ++moves->turn;
	return true;
}

/* The slot of DIR, which may take the place of another one; *FORMER is to be put then. */
static struct moves_slot *moves_slot(struct moves *moves, struct dir *dir, struct dir **former)
{
	struct moves_slot *oldest = &moves->slots[0];

	for (size_t i = 0; i < MOVES_SLOTS; i++) {
		struct moves_slot *slot = &moves->slots[i];

		if (slot->dir == dir) {
			*former = dir; /* it is referenced already */
			return slot;
		}
		if (slot->turn < oldest->turn)
			oldest = slot;
	}
	moves_flush(moves, oldest);
	*former = oldest->dir;
	oldest->dir = dir;
	return oldest;
}

void moves_add(struct moves *moves, struct dir *dir, const char *name, const struct sys_stat *stat)
{
	struct dir *former = NULL, *top = dir;
	struct moves_inode *inode;

	while (top->parent != NULL)
		top = top->parent;
	/* root.lock is never taken under ours. */
	dir_get(moves->root, dir);
	dir_get(moves->root, top);
	pthread_mutex_lock(&moves->lock);
	if (moves->top == NULL) {
		moves->top = top;
		top = NULL;
	}
	inode = moves_know(moves, stat->device, stat->inode);
	if (inode != NULL)
		inode->added++;
	if (!moves_put(moves, moves_slot(moves, dir, &former), name, stat))
		moves->failed = true;
	pthread_mutex_unlock(&moves->lock);
	if (top != NULL)
		dir_put(moves->root, top);
	if (former != NULL)
		dir_put(moves->root, former);
}

/* ---- making sure ---- */

/* Why FS may have lost what is to be moved; NULL: it has not.  *RESULT: an errno of it. */
static const char *moves_doubt(struct moves *moves, const struct moves_end *end, struct fs *fs,
			       int *result)
{
	*result = 0;
	if (fs_is_memory(fs))
		return NULL;
	if (atomic_load(&fs->written) && end->settings->durable == WEIR_DURABLE_END &&
	    !fs_believes_syncfs(fs))
		return "one sync at the end does not tell enough here; --durable=group does";
	if (!atomic_load(&fs->vouched))
		return NULL;
	*result = sys_syncfs(moves->root->sys, fs->sync_fd);
	tally_add(&end->tally->syncs_fs, 1);
	if (*result == 0)
		*result = fs_flush(moves->root->sys, fs);
	return *result < 0 ? "what the target had already is not known to be durable" : NULL;
}

/* MV1, for what was not made by this run. */
static bool moves_make_sure(struct moves *moves, const struct moves_end *end)
{
	struct list *all = &end->fs->all;

	for (struct list *node = all->next; node != all; node = node->next) {
		struct error error;
		int result;
		const char *text =
			moves_doubt(moves, end, LIST_ENTRY(node, struct fs, node), &result);

		if (text == NULL)
			continue;
		error_set_text(&error, ERROR_SIDE_SOURCE, "remove what was synced from", text);
		error.errnum = -result;
		event_post_error(end->events, &error, end->source_path, false);
		return false;
	}
	return true;
}

/* ---- removing ---- */

/* Who reads the plan. */
struct moves_reader {
	struct moves *moves;
	const struct moves_end *end;
	struct plan_cursor cursor;
	struct dir *dir; /* referenced; NULL: its group is passed over */
	int fd;		 /* its descriptor, once something of it goes, or -1 */
};

static void moves_tell(const struct moves_reader *reader, struct error *error)
{
	char *path = plan_path_below(reader->end->source_path, reader->cursor.path);

	event_wait_room(reader->end->events);
	event_post_error(reader->end->events, error, path != NULL ? path : reader->cursor.path,
			 false);
	free(path);
}

static void moves_fail(const struct moves_reader *reader, long result)
{
	struct error error;

	error_set(&error, result, ERROR_SIDE_SOURCE, "remove");
	moves_tell(reader, &error);
}

static void moves_leave(struct moves_reader *reader)
{
	if (reader->fd >= 0)
		dir_unpin(reader->moves->root, reader->dir);
	if (reader->dir != NULL)
		dir_put(reader->moves->root, reader->dir);
	reader->dir = NULL;
	reader->fd = -1;
}

/* One step further down (MV4). */
static void moves_step(struct moves_reader *reader, const struct plan_record *record)
{
	int result;

	if (reader->dir == NULL)
		return;
	result = dir_step(reader->moves->root, &reader->dir, record->name, false, record->device,
			  record->inode);
	if (result == 0)
		return;
	moves_fail(reader, result);
	moves_leave(reader);
}

/* MV2 */
static bool moves_is_same(const struct plan_record *record, const struct moves_inode *inode,
			  const struct sys_stat *now)
{
	const struct timespec *ctime = inode != NULL && inode->went ? &inode->ctime
								    : &record->ctime;

	return now->device == record->device && now->inode == record->inode &&
	       now->mode == record->mode && now->size_bytes == record->size_bytes &&
	       meta_same_time(&now->mtime, &record->mtime) && meta_same_time(&now->ctime, ctime);
}

/* Unlinks a name of an inode with others, and learns what that made of its times. */
static int moves_unlink_one_of(struct moves_reader *reader, const char *name,
			       struct moves_inode *inode)
{
	struct sys *sys = reader->moves->root->sys;
	int held = sys_openat(sys, reader->fd, name, O_PATH | O_NOFOLLOW, 0);
	struct sys_stat stat;
	int result = held < 0 ? held : sys_statx(sys, held, "", false, &stat);

	if (result == 0 && (stat.device != inode->device || stat.inode != inode->inode))
		result = -ESTALE;
	if (result == 0)
		result = sys_unlinkat(sys, reader->fd, name, 0);
	if (result == 0 && sys_statx(sys, held, "", false, &stat) == 0) {
		inode->ctime = stat.ctime;
		inode->went = true;
	}
	if (held >= 0)
		sys_close(sys, held);
	return result;
}

static void moves_tell_changed(const struct moves_reader *reader)
{
	struct error error;

	error_set_text(&error, ERROR_SIDE_SOURCE, "remove",
		       "it has changed since it was synced, and stays");
	error.grade = ERROR_WARNING;
	error.source_changed = true;
	moves_tell(reader, &error);
}

static void moves_remove(struct moves_reader *reader, const struct plan_record *record)
{
	struct moves *moves = reader->moves;
	struct sys *sys = moves->root->sys;
	struct moves_inode *inode = moves_know(moves, record->device, record->inode);
	struct sys_stat now;
	int result;

	if (inode != NULL && inode->added < inode->met)
		return; /* MV3; why was told */
	if (reader->fd < 0)
		reader->fd = dir_pin(moves->root, reader->dir, NULL);
	result = reader->fd < 0 ? reader->fd
				: sys_statx(sys, reader->fd, record->name, false, &now);
	if (result == 0 && !moves_is_same(record, inode, &now)) {
		moves_tell_changed(reader);
		return;
	}
	if (result == 0 && inode != NULL)
		result = moves_unlink_one_of(reader, record->name, inode);
	else if (result == 0)
		result = sys_unlinkat(sys, reader->fd, record->name, 0);
	if (result == 0)
		tally_add(&reader->end->tally->moved, 1);
	else if (result != -ENOENT) /* gone by itself */
		moves_fail(reader, result);
}

static void moves_take(struct moves_reader *reader, const struct plan_record *record)
{
	switch (record->kind) {
	case PLAN_GROUP:
		moves_leave(reader);
		reader->dir = dir_get(reader->moves->root, reader->moves->top);
		break;
	case PLAN_STEP:
	case PLAN_STEP_LINK: /* of which the source has none (MV4) */
		moves_step(reader, record);
		break;
	case PLAN_REMOVE:
		if (reader->dir != NULL)
			moves_remove(reader, record);
		break;
	default:
		break;
	}
}

/* Reads the plan to its end.  0 or -errno. */
static int moves_read(struct moves *moves, const struct moves_end *end)
{
	struct moves_reader reader = { .moves = moves, .end = end, .fd = -1 };
	struct plan_record *record = malloc(sizeof(*record));
	int result = record == NULL || moves->failed ? -ENOMEM : 0;

	if (result == 0)
		result = plan_rewind(&moves->plan);
	while (result >= 0 && atomic_load(end->cancel) == 0) {
		result = plan_next(&moves->plan, &reader.cursor, record);
		if (result <= 0)
			break;
		moves_take(&reader, record);
	}
	moves_leave(&reader);
	plan_release(&reader.cursor);
	free(record);
	return result;
}

void moves_carry_out(struct moves *moves, const struct moves_end *end)
{
	struct error error;
	int result;

	if (moves->top == NULL || !moves_make_sure(moves, end))
		return;
	for (size_t i = 0; i < MOVES_SLOTS; i++)
		moves_flush(moves, &moves->slots[i]);
	result = moves_read(moves, end);
	if (result >= 0)
		return;
	error_set(&error, result, ERROR_SIDE_SOURCE, "remove what was synced from");
	event_post_error(end->events, &error, end->source_path, false);
}
