/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The delete plan and the file that it is spilled to: what was added comes back in order,
 * with the paths that a slow cursor finds; a file that was damaged anywhere is an error
 * before anything wrong is handed out; and any bytes at all are records or an error.
 *
 * Input: a byte (bits 0 and 1: what is done);
 * where a byte of the file changes and to what (2 and 1 bytes); then groups, or bytes.
 *
 * Wraps: sys_openat sys_memfd sys_pread_all sys_pwrite_all sys_close
 */
#include "lib/plan.h"

#include <errno.h>

#include "fuzz.h"

#define RECORDS_MOST 200
#define DEPTH_MOST 4
#define FILE_FD 1000000

/* A block of the file: three numbers, of which the second is how many bytes follow. */
#define BLOCK_HEAD_BYTES 24U
#define BLOCK_COUNT_AT 8U
#define BLOCK_BYTES (BLOCK_HEAD_BYTES + LIMIT_SPILL_BYTES)

/* ---- the file, in memory ---- */

static struct {
	char *data;
	size_t bytes;
	bool open;
} file;

int __wrap_sys_openat(struct sys *sys, int dirfd, const char *name, int flags, mode_t mode);
int __wrap_sys_memfd(struct sys *sys, const char *name);
ssize_t __wrap_sys_pread_all(struct sys *sys, int fd, void *data, size_t bytes, int64_t offset);
int __wrap_sys_pwrite_all(struct sys *sys, int fd, const void *data, size_t bytes, int64_t offset);
int __wrap_sys_close(struct sys *sys, int fd);

int __wrap_sys_openat(struct sys *sys, int dirfd, const char *name, int flags, mode_t mode)
{
	(void)sys, (void)dirfd, (void)name, (void)flags, (void)mode;
	return -EOPNOTSUPP;
}

int __wrap_sys_memfd(struct sys *sys, const char *name)
{
	(void)sys, (void)name;
	FUZZ_CHECK(!file.open);
	file.open = true;
	return FILE_FD;
}

int __wrap_sys_pwrite_all(struct sys *sys, int fd, const void *data, size_t bytes, int64_t offset)
{
	size_t end = (size_t)offset + bytes;

	(void)sys;
	FUZZ_CHECK(fd == FILE_FD && file.open && (size_t)offset <= file.bytes);
	if (end > file.bytes) {
		file.data = realloc(file.data, end);
		FUZZ_CHECK(file.data != NULL);
		file.bytes = end;
	}
	memcpy(file.data + offset, data, bytes);
	return 0;
}

ssize_t __wrap_sys_pread_all(struct sys *sys, int fd, void *data, size_t bytes, int64_t offset)
{
	(void)sys;
	FUZZ_CHECK(fd == FILE_FD && file.open && bytes > 0);
	if ((size_t)offset >= file.bytes)
		return 0;
	if (bytes > file.bytes - (size_t)offset)
		bytes = file.bytes - (size_t)offset;
	memcpy(data, file.data + offset, bytes);
	return (ssize_t)bytes;
}

int __wrap_sys_close(struct sys *sys, int fd)
{
	(void)sys;
	FUZZ_CHECK(fd == FILE_FD && file.open);
	file.open = false;
	return 0;
}

/* ---- what is written ---- */

struct added {
	enum plan_kind kind;
	char name[40];
	char path[400]; /* where a cursor is then */
	bool behind_link;
	struct sys_stat stat;
};

static struct added added[RECORDS_MOST];
static size_t added_count;

static struct added *note(enum plan_kind kind, const char *name)
{
	struct added *one = &added[added_count++];

	FUZZ_CHECK(added_count <= RECORDS_MOST);
	memset(one, 0, sizeof(*one));
	one->kind = kind;
	snprintf(one->name, sizeof(one->name), "%s", name);
	return one;
}

static void join(char *path, size_t size, const char *name)
{
	size_t bytes = strlen(path);

	snprintf(path + bytes, size - bytes, "%s%s", bytes > 0 ? "/" : "", name);
}

static void take_name(struct fuzz_input *input, char name[40])
{
	unsigned bytes = 1 + fuzz_byte(input) % 38;

	for (unsigned i = 0; i < bytes; i++) {
		uint8_t byte = fuzz_byte(input);

		name[i] = (char)(byte == 0 || byte == '/' ? 'x' : byte);
	}
	name[bytes] = '\0';
}

static struct dir *make_dir(struct fuzz_input *input, struct dir *parent)
{
	struct dir *dir = fuzz_alloc(sizeof(*dir) + 40);

	memset(dir, 0, sizeof(*dir));
	dir->parent = parent;
	dir->follow = parent != NULL && fuzz_byte(input) % 4 == 0;
	dir->device = fuzz_number(input, 2);
	dir->inode = fuzz_number(input, 4);
	take_name(input, dir->name);
	return dir;
}

/* Where a slow cursor is in a group. */
struct slow_cursor {
	char group[200];
	char levels[DEPTH_MOST + 1][300];
	unsigned depth;
	bool behind_link;
};

static void add_entry(struct plan *plan, struct fuzz_input *input, struct slow_cursor *at)
{
	static const enum plan_kind kinds[] = { PLAN_ENTER, PLAN_REMOVE, PLAN_LEAVE,
						PLAN_LEAVE_KEPT };
	enum plan_kind kind = kinds[fuzz_byte(input) % 4];
	char name[40] = "";
	struct added *one;
	bool leaves = kind == PLAN_LEAVE || kind == PLAN_LEAVE_KEPT;

	if ((leaves && at->depth == 0) || (kind == PLAN_ENTER && at->depth == DEPTH_MOST))
		kind = PLAN_REMOVE, leaves = false;
	take_name(input, name);
	one = note(kind, name);
	one->behind_link = at->behind_link;
	one->stat.mode = (uint32_t)fuzz_number(input, 2);
	one->stat.inode = fuzz_number(input, 3);
	one->stat.mtime.tv_sec = (time_t)fuzz_number(input, 3);
	one->stat.ctime.tv_nsec = (long)fuzz_number(input, 2);
	snprintf(one->path, sizeof(one->path), "%s", at->levels[at->depth]);
	if (leaves)
		at->depth--;
	else
		join(one->path, sizeof(one->path), name);
	if (kind == PLAN_ENTER) {
		at->depth++;
		snprintf(at->levels[at->depth], sizeof(at->levels[0]), "%.299s", one->path);
	}
	plan_add(plan, kind, name, &one->stat);
}

static void note_steps(const struct dir *dir, struct slow_cursor *at)
{
	struct added *one;

	if (dir->parent == NULL)
		return;
	note_steps(dir->parent, at);
	at->behind_link = at->behind_link || dir->follow;
	join(at->group, sizeof(at->group), dir->name);
	one = note(dir->follow ? PLAN_STEP_LINK : PLAN_STEP, dir->name);
	one->stat.device = dir->device;
	one->stat.inode = dir->inode;
	one->behind_link = at->behind_link;
	snprintf(one->path, sizeof(one->path), "%s", at->group);
}

static void add_group(struct plan *plan, struct fuzz_input *input)
{
	struct slow_cursor at = { .depth = 0 };
	struct dir *dir = make_dir(input, NULL), *parent;
	unsigned depth = fuzz_byte(input) % DEPTH_MOST, entries = fuzz_byte(input) % 10;
	struct added *one;

	while (depth-- > 0)
		dir = make_dir(input, dir);
	one = note(PLAN_GROUP, "");
	one->stat.device = dir->device;
	one->stat.inode = dir->inode;
	note_steps(dir, &at);
	memcpy(at.levels[0], at.group, sizeof(at.group));
	plan_begin(plan, dir);
	for (; entries > 0; entries--)
		add_entry(plan, input, &at);
	one = note(PLAN_END, "");
	snprintf(one->path, sizeof(one->path), "%s", at.group);
	one->behind_link = at.behind_link;
	plan_end(plan);
	for (; dir != NULL; dir = parent) {
		parent = dir->parent;
		free(dir);
	}
}

/* ---- what is read ---- */

static void check_record(const struct plan_record *record, const struct plan_cursor *cursor,
			 const struct added *one)
{
	FUZZ_CHECK(record->kind == one->kind && strcmp(record->name, one->name) == 0);
	FUZZ_CHECK(record->device == one->stat.device && record->inode == one->stat.inode);
	FUZZ_CHECK(record->mode == one->stat.mode);
	FUZZ_CHECK(record->mtime.tv_sec == one->stat.mtime.tv_sec);
	FUZZ_CHECK(record->ctime.tv_nsec == one->stat.ctime.tv_nsec);
	FUZZ_CHECK(strcmp(cursor->path, one->path) == 0);
	FUZZ_CHECK(cursor->path_bytes == strlen(one->path));
	FUZZ_CHECK(cursor->behind_link == one->behind_link);
}

/* Reads up to an error or the end, and compares.  The last result. */
static int read_back(struct plan *plan, size_t *count)
{
	struct plan_cursor cursor = { 0 };
	struct plan_record record;
	int result;

	for (*count = 0; (result = plan_next(plan, &cursor, &record)) == 1; (*count)++) {
		FUZZ_CHECK(*count < added_count);
		check_record(&record, &cursor, &added[*count]);
	}
	plan_release(&cursor);
	return result;
}

/* True if the byte is of what was written, not of the room that the last block has left. */
static bool is_used(size_t where)
{
	size_t block = where / BLOCK_BYTES * BLOCK_BYTES;
	uint64_t bytes;

	if (where >= file.bytes)
		return false;
	memcpy(&bytes, file.data + block + BLOCK_COUNT_AT, sizeof(bytes));
	return where - block < BLOCK_HEAD_BYTES + bytes;
}

static void check_plan(struct plan *plan, struct fuzz_input *input, size_t where, uint8_t change)
{
	size_t count, removals = 0;
	int result;
	bool damaged;

	for (unsigned groups = 0; groups < 10 && input->left > 0; groups++)
		add_group(plan, input);
	FUZZ_CHECK(plan_rewind(plan) == 0 && plan_is_over(plan));
	damaged = change != 0 && is_used(where);
	if (change != 0 && where < file.bytes)
		file.data[where] = (char)(file.data[where] ^ (char)change);
	result = read_back(plan, &count);
	if (damaged)
		FUZZ_CHECK(result == -EIO && count < added_count);
	else
		FUZZ_CHECK(result == 0 && count == added_count);
	for (size_t i = 0; i < added_count; i++)
		removals += plan_removes(added[i].kind);
	FUZZ_CHECK(plan->removals == removals && plan->failed == 0);
}

/* Records of any bytes: each that is handed out is one, and the path fits it. */
static void check_noise(struct plan *plan, struct fuzz_input *input)
{
	struct plan_cursor cursor = { 0 };
	struct plan_record record;
	size_t steps = 0;
	int result = input->left > 0 ? spill_add(&plan->spill, input->at, input->left) : 0;

	FUZZ_CHECK(result == 0 && plan_rewind(plan) == 0);
	while ((result = plan_next(plan, &cursor, &record)) == 1) {
		FUZZ_CHECK(record.kind >= PLAN_GROUP && record.kind <= PLAN_END);
		FUZZ_CHECK(strlen(record.name) < LIMIT_NAME_BYTES);
		FUZZ_CHECK(cursor.path_bytes < cursor.room);
		FUZZ_CHECK(strlen(cursor.path) <= cursor.path_bytes);
		FUZZ_CHECK(++steps <= input->left);
	}
	FUZZ_CHECK(result == 0 || result == -EIO);
	plan_release(&cursor);
}

/* The row of bytes alone, written and read in parts of other sizes. */
static void check_spill(struct plan *plan, struct fuzz_input *input, size_t part, size_t other)
{
	char *read = fuzz_alloc(other);
	size_t at = 0, left;

	for (left = input->left; left > 0; left -= part, at += part) {
		part = part < left ? part : left;
		FUZZ_CHECK(spill_add(&plan->spill, input->at + at, part) == 0);
	}
	FUZZ_CHECK(spill_rewind(&plan->spill) == 0);
	for (at = 0; at < input->left; at += other) {
		other = other < input->left - at ? other : input->left - at;
		FUZZ_CHECK(spill_next(&plan->spill, read, other) == 1);
		FUZZ_CHECK(memcmp(read, input->at + at, other) == 0);
	}
	FUZZ_CHECK(spill_next(&plan->spill, read, 1) == 0);
	free(read);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct fuzz_input input = { data, bytes };
	uint8_t how = fuzz_byte(&input);
	size_t where = (size_t)fuzz_number(&input, 2);
	uint8_t change = fuzz_byte(&input);
	struct plan plan;

	added_count = 0;
	FUZZ_CHECK(plan_open(&plan, NULL) == 0);
	if (how % 4 == 2)
		check_noise(&plan, &input);
	else if (how % 4 == 3)
		check_spill(&plan, &input, 1 + where, 1 + change);
	else
		check_plan(&plan, &input, where, how % 4 == 1 ? change : 0);
	plan_close(&plan);
	FUZZ_CHECK(!file.open);
	free(file.data);
	file.data = NULL;
	file.bytes = 0;
	return 0;
}
