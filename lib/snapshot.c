/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Snapshots.
 *
 *   State     True here                                    Then
 *   filled    it has the name of no snapshot               complete: synced; else left
 *   synced    all in it is durable                         renamed, once, over nothing
 *   named     it has its name, which is durable            `latest` leads to it
 *   thinned   what no rule wants has lost its name,        that is removed
 *             which is durable
 *   left      the run failed or was killed                 the next one fills it further
 *
 * Invariants:
 * S1 a name that is a time is given once, to a folder that is complete and durable, and
 *    taken before anything of it is removed: at no moment does it stand for a part;
 * S2 nothing but links is ever replaced, and nothing removed but folders of this file
 *    system whose name is a time, or of our making;
 * S3 nothing is thinned in a run in which anything failed (J5);
 * S4 what is filled further was begun from the same folder and with the same choice of
 *    what is copied, and loses what the source has no more.
 */
#define _GNU_SOURCE
#include "snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "array.h"
#include "lister.h"
#include "raze.h"
#include "temp.h"
#include "vacant.h"
#include "vet.h"

#define SNAPSHOT_LATEST "latest"
#define SNAPSHOT_TRIES 600 /* seconds whose names are taken */

/* ---- names of our making ---- */

/* S4: where the source lies, and what of it is copied.  Rules are not in it: what they
 * exclude goes from what is filled further. */
static int snapshot_choose_temp(struct snapshot *snapshot, const struct site *source,
				const struct operands *operands)
{
	const struct settings *settings = snapshot->settings;
	char keeps[PROPERTY_COUNT + 1];
	char *text;

	for (int i = 0; i < PROPERTY_COUNT; i++)
		keeps[i] = settings->keep[i] == WEIR_KEEP_OFF ? '-' : '+';
	keeps[PROPERTY_COUNT] = '\0';
	if (asprintf(&text, "%s %llu %s %lld %lld %d %d", source->path,
		     (unsigned long long)operands->sources[0].stat.inode, keeps,
		     (long long)settings->max_size_bytes, (long long)settings->min_size_bytes,
		     settings->one_file_system, (int)settings->follow) < 0)
		return -ENOMEM;
	retain_temp_name(text, snapshot->temp);
	free(text);
	return 0;
}

/* ---- what is in the folder ---- */

static int snapshot_note_time(struct snapshot *snapshot, int64_t time_s)
{
	size_t at = snapshot->count;
	int64_t *times = array_grow(snapshot->times, at, &snapshot->room, sizeof(*times));

	if (times == NULL)
		return -ENOMEM;
	snapshot->times = times;
	for (; at > 0 && snapshot->times[at - 1] > time_s; at--)
		snapshot->times[at] = snapshot->times[at - 1];
	snapshot->times[at] = time_s;
	snapshot->count++;
	return 0;
}

static int snapshot_note_leftover(struct snapshot *snapshot, const char *name)
{
	char **leftovers = array_grow(snapshot->leftovers, snapshot->leftover_count,
				      &snapshot->leftover_room, sizeof(*leftovers));

	if (leftovers == NULL)
		return -ENOMEM;
	snapshot->leftovers = leftovers;
	snapshot->leftovers[snapshot->leftover_count] = strdup(name);
	if (snapshot->leftovers[snapshot->leftover_count] == NULL)
		return -ENOMEM;
	snapshot->leftover_count++;
	return 0;
}

static void snapshot_forget(struct snapshot *snapshot)
{
	while (snapshot->leftover_count > 0)
		free(snapshot->leftovers[--snapshot->leftover_count]);
	snapshot->count = 0;
	snapshot->there = false;
	snapshot->unknown_result = 0;
}

/* A link that never got its name; nobody else is at work here. */
static void snapshot_drop_link(struct snapshot *snapshot, struct sys *sys, int fd, const char *name)
{
	if (snapshot->held)
		sys_unlinkat(sys, fd, name, 0); /* the next run tries again */
}

/* Only what may have to go is of interest. */
static void snapshot_note_unknown(struct snapshot *snapshot, const char *name, int result)
{
	if (result == -ENOENT || snapshot->unknown_result != 0 ||
	    (!retain_is_temp(name) && !retain_is_wanted(&snapshot->retain)))
		return;
	snapshot->unknown_result = result;
	snprintf(snapshot->unknown, sizeof(snapshot->unknown), "%s", name);
}

/* S2 */
static int snapshot_note(struct snapshot *snapshot, struct sys *sys, int fd, const char *name)
{
	bool ours = retain_is_temp(name), link = temp_name_ours(name);
	int64_t time_s;
	bool snaps = retain_is_name(name, &time_s);
	struct sys_stat stat;
	int result;

	if (!ours && !snaps && !link)
		return 0;
	result = sys_statx(sys, fd, name, false, &stat);
	if (result < 0 && !link)
		snapshot_note_unknown(snapshot, name, result);
	if (result < 0)
		return 0;
	if (link && S_ISLNK(stat.mode))
		snapshot_drop_link(snapshot, sys, fd, name);
	if (!S_ISDIR(stat.mode) || stat.device != snapshot->dir->device)
		return 0;
	if (snaps)
		return snapshot_note_time(snapshot, time_s);
	if (!ours)
		return 0;
	if (strcmp(name, snapshot->temp) != 0)
		return snapshot_note_leftover(snapshot, name);
	snapshot->there = true;
	return 0;
}

/* What is there.  0 or -errno. */
static int snapshot_list(struct snapshot *snapshot, struct sys *sys, int fd)
{
	struct lister lister;
	const char *name;
	int result = lister_open(&lister, sys, fd, ".");

	snapshot_forget(snapshot);
	if (result < 0)
		return result;
	while (result == 0 && (name = lister_next(&lister)) != NULL)
		result = snapshot_note(snapshot, sys, fd, name);
	if (result == 0)
		result = lister.result;
	lister_close(&lister);
	return result;
}

/* ---- removing ---- */

static bool snapshot_raze(const struct snapshot *snapshot, struct tree *tree,
			  struct event_queue *events)
{
	const struct raze raze = {
		.sys = tree->sys,
		.root = tree->root,
		.fs = tree->fs,
		.events = events,
		.settings = snapshot->settings,
		.cancel = snapshot->cancel,
		.dir = snapshot->dir,
		.path = snapshot->path,
	};

	return snapshot->leftover_count == 0 ||
	       raze_run(&raze, snapshot->leftovers, snapshot->leftover_count);
}

/* Makes room early.  What fails here fails at the end once more, and is told then: it is
 * no reason to have no snapshot. */
static void snapshot_raze_quietly(const struct snapshot *snapshot, struct tree *tree)
{
	struct event_queue *events = calloc(1, sizeof(*events));
	struct tally *tally = calloc(1, sizeof(*tally));

	if (events != NULL && tally != NULL && event_queue_open(events, tally, -1) == 0) {
		events->unbounded = true;
		snapshot_raze(snapshot, tree, events);
		event_queue_close(events);
	}
	free(events);
	free(tally);
}

/* ---- beginning ---- */

/* The folder that is filled, in *path, which is the caller's. */
static int snapshot_path(const struct snapshot *snapshot, const char *name, char **path)
{
	size_t bytes = strlen(snapshot->path);
	bool slash = bytes > 0 && snapshot->path[bytes - 1] == '/';

	if (asprintf(path, "%s%s%s", snapshot->path, slash ? "" : "/", name) >= 0)
		return 0;
	*path = NULL;
	return -ENOMEM;
}

/* S4: a resumed folder holds what another run began to copy. */
static void snapshot_resume(struct snapshot *snapshot)
{
	struct settings *settings = snapshot->settings;

	settings->delete_when = WEIR_DELETE_LAST;
	settings->delete_excluded = settings->delete_many = true;
}

/* Makes or finds the folder that is filled, which becomes the target. */
static int snapshot_enter(struct snapshot *snapshot, struct operands *operands, struct tree *tree,
			  int fd)
{
	bool dry = tree->settings->dry_run;
	char *path;
	int result = snapshot_path(snapshot, snapshot->temp, &path);

	if (result < 0)
		return result;
	free(operands->target_path);
	operands->target_path = path;
	operands->target = NULL;
	operands->held = false;
	tree->target_made = !snapshot->there;
	tree->target_path = path;
	if (snapshot->there)
		snapshot_resume(snapshot);
	else if (!dry)
		result = sys_mkdirat(tree->sys, fd, snapshot->temp, 0700);
	if (result < 0)
		return operand_fatal(tree, result, "create folder", NULL, path);
	operands->judged = (struct sys_stat){ 0 };
	if (dry && !snapshot->there)
		return 0;
	/* The path must lead to what is in this very folder. */
	result = sys_statx(tree->sys, fd, snapshot->temp, false, &operands->judged);
	if (result < 0)
		return operand_fatal(tree, result, "stat", NULL, path);
	return operands_open_target(operands, tree, path);
}

/* The newest snapshot but for those of another clock, which are far ahead; NULL: none. */
static const int64_t *snapshot_newest(const struct snapshot *snapshot)
{
	for (size_t i = snapshot->count; i > 0; i--)
		if (snapshot->times[i - 1] - snapshot->began_s < SNAPSHOT_TRIES)
			return &snapshot->times[i - 1];
	return NULL;
}

/* What is unchanged since the newest snapshot becomes links to that. */
static int snapshot_compare_with(struct snapshot *snapshot, struct operands *operands,
				 struct tree *tree, struct earlier *earlier, int fd)
{
	const int64_t *newest = snapshot_newest(snapshot);
	char name[RETAIN_NAME_BYTES];
	char *path;
	int result;

	if (snapshot->count == 0)
		return 0;
	retain_name(newest != NULL ? *newest : snapshot->times[snapshot->count - 1], name);
	result = snapshot_path(snapshot, name, &path);
	if (result == 0)
		result = earlier_add(earlier, path, false);
	free(path);
	if (result == 0)
		result = vet_earlier(earlier, operands, tree, fd, false);
	return result;
}

/* A list of names says nothing about what else was chosen before; and where no syncfs can
 * stand for what a killed run has named, nobody knows whether that is durable. */
static bool snapshot_may_resume(const struct operands *operands, const struct tree *tree)
{
	const struct fs *fs = operands->target_fs;

	return tree->chosen == NULL && fs != NULL && (fs_is_memory(fs) || fs_believes_syncfs(fs));
}

/* The folder is there, pinned and open as FD. */
static int snapshot_begin_in(struct snapshot *snapshot, struct operands *operands,
			     struct tree *tree, struct earlier *earlier, int fd)
{
	int result = snapshot_list(snapshot, tree->sys, fd);

	if (result == -ENOMEM)
		return result;
	if (result < 0)
		return operand_fatal(tree, result, "list folder", NULL, snapshot->path);
	if (snapshot->there && !snapshot_may_resume(operands, tree)) {
		snapshot->there = false;
		result = snapshot_note_leftover(snapshot, snapshot->temp);
	}
	if (result == 0 && !tree->settings->dry_run)
		snapshot_raze_quietly(snapshot, tree);
	if (result == 0)
		result = snapshot_compare_with(snapshot, operands, tree, earlier, fd);
	return result == 0 ? snapshot_enter(snapshot, operands, tree, fd) : result;
}

int snapshot_begin(struct snapshot *snapshot, struct operands *operands, struct tree *tree,
		   struct earlier *earlier, const struct site *source)
{
	int result = snapshot_choose_temp(snapshot, source, operands);
	int fd;

	snapshot->began_s = time(NULL);
	snapshot->dir = operands->target;
	snapshot->held = operands->held;
	if (result < 0 || snapshot->dir == NULL) /* a dry run, and it is not there */
		return result;
	operands->target = NULL;
	operands->held = false;
	fd = dir_pin(tree->root, snapshot->dir, NULL);
	if (fd < 0)
		return operand_fatal(tree, fd, "open folder", NULL, snapshot->path);
	result = snapshot_begin_in(snapshot, operands, tree, earlier, fd);
	dir_unpin(tree->root, snapshot->dir);
	return result;
}

/* ---- the end: messages ---- */

static void snapshot_fail(const struct snapshot *snapshot, struct tree *tree, long result,
			  const char *operation, const char *name)
{
	struct error error;
	char *path;

	error_set(&error, result, ERROR_SIDE_TARGET, operation);
	if (snapshot_path(snapshot, name, &path) == 0)
		event_post_error(tree->events, &error, path, false);
	else
		event_post_error(tree->events, &error, snapshot->path, false);
	free(path);
}

static void snapshot_tell(const struct snapshot *snapshot, struct tree *tree,
			  enum weir_action action, const char *name)
{
	const struct weir_event event = {
		.type = WEIR_EVENT_ENTRY,
		.action = action,
		.offset = -1,
		.mode = S_IFDIR | 0700,
		.operation = "",
	};
	char *path;

	if (!tree->settings->report_entries || snapshot_path(snapshot, name, &path) < 0)
		return;
	event_wait_room(tree->events);
	event_post(tree->events, &event, path, false);
	free(path);
}

static void snapshot_tell_left(const struct snapshot *snapshot, struct tree *tree)
{
	struct error error;

	error_set_text(&error, ERROR_SIDE_TARGET, "make a snapshot in",
		       "it is not complete; the next run goes on with");
	error_set_other(&error, snapshot->temp);
	error.grade = ERROR_WARNING;
	event_post_error(tree->events, &error, snapshot->path, false);
}

/* ---- the end: names ---- */

static bool snapshot_syncs(const struct snapshot *snapshot, const struct operands *operands)
{
	return snapshot->settings->durable != WEIR_DURABLE_NONE &&
	       !(operands->target_fs != NULL && fs_is_memory(operands->target_fs));
}

/* What is in it, whatever was synced before: it may be what a killed run has left. */
static int snapshot_sync_all(struct sys *sys, int fd)
{
	int own = sys_openat(sys, fd, ".", O_RDONLY | O_DIRECTORY, 0);
	int result = own;

	if (own >= 0) {
		result = sys_syncfs(sys, own);
		sys_close(sys, own);
	}
	return result;
}

static int snapshot_sync_dir(struct sys *sys, int fd)
{
	int own = sys_openat(sys, fd, ".", O_RDONLY | O_DIRECTORY, 0);
	int result = own;

	if (own >= 0) {
		result = sys_fsync(sys, own);
		sys_close(sys, own);
	}
	return result == -EINVAL ? 0 : result;
}

/* The second in which the run began, or one after the newest snapshot if that is of now,
 * too: a newer one has a later name. */
static int64_t snapshot_second(const struct snapshot *snapshot)
{
	const int64_t *newest = snapshot_newest(snapshot);

	return newest != NULL && *newest >= snapshot->began_s ? *newest + 1 : snapshot->began_s;
}

/* S1: the name of its second, or of the next that is free. */
static int snapshot_give_name(struct snapshot *snapshot, struct sys *sys, int fd,
			      char name[RETAIN_NAME_BYTES])
{
	int64_t second = snapshot_second(snapshot);
	int result = -EEXIST;

	for (int i = 0; i < SNAPSHOT_TRIES && result == -EEXIST; i++) {
		snapshot->began_s = second + i;
		retain_name(snapshot->began_s, name);
		result = vacant_rename(sys, fd, snapshot->temp, fd, name);
	}
	return result;
}

/* S2: what `latest` is.  0: a link, or nothing; or -errno. */
static int snapshot_judge_latest(struct sys *sys, int fd)
{
	struct sys_stat stat;
	int result = sys_statx(sys, fd, SNAPSHOT_LATEST, false, &stat);

	if (result == -ENOENT)
		return 0;
	if (result == 0 && !S_ISLNK(stat.mode))
		return -EEXIST;
	return result;
}

/* One link takes the place of the other. */
static int snapshot_move_latest(struct sys *sys, int fd, const char *name)
{
	char temp[TEMP_NAME_BYTES];
	int result = snapshot_judge_latest(sys, fd);

	if (result == 0)
		result = temp_name_make(sys, temp);
	if (result == 0)
		result = sys_symlinkat(sys, name, fd, temp);
	if (result < 0)
		return result;
	result = sys_renameat2(sys, fd, temp, SNAPSHOT_LATEST, 0);
	if (result < 0)
		sys_unlinkat(sys, fd, temp, 0);
	return result;
}

static void snapshot_fail_latest(const struct snapshot *snapshot, struct tree *tree, int result)
{
	struct error error;

	if (result != -EEXIST) {
		snapshot_fail(snapshot, tree, result, "move link", SNAPSHOT_LATEST);
		return;
	}
	error_set_text(&error, ERROR_SIDE_TARGET, "move the link 'latest' in",
		       "something has this name that is no link");
	event_post_error(tree->events, &error, snapshot->path, false);
}

/* From filled to named.  False: it failed, which was told. */
static bool snapshot_publish(struct snapshot *snapshot, struct snapshot_end *end, int fd)
{
	struct tree *tree = end->tree;
	bool syncs = snapshot_syncs(snapshot, end->operands);
	char name[RETAIN_NAME_BYTES];
	int result = syncs ? snapshot_sync_all(tree->sys, fd) : 0;

	if (result < 0) {
		snapshot_fail(snapshot, tree, result, "sync the file system of", snapshot->temp);
		snapshot_tell_left(snapshot, tree);
		return false;
	}
	result = snapshot_give_name(snapshot, tree->sys, fd, name);
	if (result < 0) {
		snapshot_fail(snapshot, tree, result, "name snapshot", snapshot->temp);
		snapshot_tell_left(snapshot, tree);
		return false;
	}
	snapshot_tell(snapshot, tree, WEIR_ACTION_SNAPSHOT, name);
	result = syncs ? snapshot_sync_dir(tree->sys, fd) : 0;
	end->unsynced = result < 0;
	if (result < 0) {
		snapshot_fail(snapshot, tree, result, "sync folder of", name);
		return false;
	}
	result = snapshot_move_latest(tree->sys, fd, name);
	if (result < 0) {
		snapshot_fail_latest(snapshot, tree, result);
		return false;
	}
	result = syncs ? snapshot_sync_dir(tree->sys, fd) : 0;
	end->unsynced = result < 0;
	if (result < 0)
		snapshot_fail(snapshot, tree, result, "sync folder of", SNAPSHOT_LATEST);
	return result == 0;
}

/* ---- the end: retention ---- */

/* S1: what goes loses its name first. */
static int snapshot_take_name(struct snapshot *snapshot, struct tree *tree, int fd, int64_t time_s)
{
	char name[RETAIN_NAME_BYTES], gone[RETAIN_TEMP_BYTES];
	struct sys_stat stat;
	char text[96];
	int result;

	retain_name(time_s, name);
	snapshot_tell(snapshot, tree, WEIR_ACTION_REMOVE, name);
	if (tree->settings->dry_run)
		return 0;
	result = sys_statx(tree->sys, fd, name, false, &stat);
	if (result == -ENOENT)
		return 0;
	snprintf(text, sizeof(text), "gone %s %llu", name, (unsigned long long)stat.inode);
	retain_temp_name(text, gone);
	if (result == 0)
		result = vacant_rename(tree->sys, fd, name, fd, gone);
	if (result < 0) {
		snapshot_fail(snapshot, tree, result, "delete", name);
		return 0;
	}
	return snapshot_note_leftover(snapshot, gone);
}

static int snapshot_choose(struct snapshot *snapshot, struct tree *tree, int fd)
{
	bool *goes = calloc(snapshot->count + 1, sizeof(*goes));
	int result = 0;

	if (goes == NULL)
		return -ENOMEM;
	/* The newest that is not of the future is the one that was just made. */
	retain_choose(&snapshot->retain, snapshot->times, snapshot->count, snapshot->began_s, goes);
	for (size_t i = 0; i < snapshot->count && result == 0; i++)
		if (goes[i])
			result = snapshot_take_name(snapshot, tree, fd, snapshot->times[i]);
	free(goes);
	return result;
}

/* From named to thinned; what killed runs have left goes, too. */
static void snapshot_thin(struct snapshot *snapshot, struct snapshot_end *end, int fd)
{
	struct tree *tree = end->tree;
	int result = snapshot_list(snapshot, tree->sys, fd);

	if (result == 0 && snapshot->unknown_result < 0) { /* S3 */
		snapshot_fail(snapshot, tree, snapshot->unknown_result, "stat", snapshot->unknown);
		return;
	}
	if (result == 0 && tree->settings->dry_run) /* as if it had been made */
		result = snapshot_note_time(snapshot, snapshot->began_s);
	if (result == 0)
		result = snapshot_choose(snapshot, tree, fd);
	if (result < 0) {
		snapshot_fail(snapshot, tree, result, "choose what to delete in", ".");
		return;
	}
	if (tree->settings->dry_run)
		return;
	if (snapshot->leftover_count > 0 && snapshot_syncs(snapshot, end->operands)) {
		result = snapshot_sync_dir(tree->sys, fd);
		if (result < 0) {
			snapshot_fail(snapshot, tree, result, "sync folder", ".");
			return;
		}
	}
	snapshot_raze(snapshot, tree, tree->events);
}

static void snapshot_finish_dry(struct snapshot *snapshot, struct snapshot_end *end, int fd)
{
	char name[RETAIN_NAME_BYTES];

	snapshot->began_s = snapshot_second(snapshot);
	retain_name(snapshot->began_s, name);
	snapshot_tell(snapshot, end->tree, WEIR_ACTION_SNAPSHOT, name);
	if (fd >= 0)
		snapshot_thin(snapshot, end, fd);
}

void snapshot_finish(struct snapshot *snapshot, struct snapshot_end *end)
{
	struct tree *tree = end->tree;
	int fd = -1;

	if (snapshot->temp[0] == '\0') /* it never began */
		return;
	if (!end->complete) {
		if (snapshot->dir != NULL && !tree->settings->dry_run)
			snapshot_tell_left(snapshot, tree);
		return;
	}
	if (snapshot->dir != NULL)
		fd = dir_pin(tree->root, snapshot->dir, NULL);
	if (tree->settings->dry_run)
		snapshot_finish_dry(snapshot, end, fd);
	else if (fd < 0)
		snapshot_fail(snapshot, tree, fd, "open folder of", snapshot->temp);
	else if (snapshot_publish(snapshot, end, fd))
		snapshot_thin(snapshot, end, fd);
	if (fd >= 0)
		dir_unpin(tree->root, snapshot->dir);
}

void snapshot_release(struct snapshot *snapshot, struct root *root)
{
	if (snapshot->held)
		dir_release(root, snapshot->dir);
	snapshot->held = false;
}

void snapshot_close(struct snapshot *snapshot, struct root *root)
{
	snapshot_release(snapshot, root);
	snapshot_forget(snapshot);
	if (snapshot->dir != NULL)
		dir_put(root, snapshot->dir);
	free(snapshot->path);
	free(snapshot->times);
	free(snapshot->leftovers);
	memset(snapshot, 0, sizeof(*snapshot));
}
