/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The scan of one folder.
 *
 * Invariants:
 * W1 a scan task lists one buffer; if there may be more, the folder goes back to
 *    the queue below the child folders that were found, so memory is bounded by
 *    depth and buffer, not by the width of the tree;
 * W2 a source folder that is also above itself (a loop of mounts) or that is a
 *    folder being written to is not entered;
 * W3 a child is opened by one name in its held parent, and in the source through
 *    a link only where links are to be followed, in the target as landing.c has it;
 * W4 what a rule excludes is neither looked at nor counted, and a folder that is
 *    excluded is never entered.
 */
#define _GNU_SOURCE
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alike.h"
#include "invariant.h"
#include "limits.h"
#include "locked.h"
#include "merge.h"
#include "meta.h"
#include "reach.h"
#include "rival.h"
#include "supplant.h"
#include "temp.h"
#include "twice.h"

int tree_open(struct tree *tree)
{
	int result;

	memset(tree, 0, sizeof(*tree));
	result = -pthread_mutex_init(&tree->turn, NULL);
	return result == 0 ? -pthread_mutex_init(&tree->told_lock, NULL) : result;
}

void tree_close(struct tree *tree)
{
	nameset_close(&tree->told);
	pthread_mutex_destroy(&tree->told_lock);
	pthread_mutex_destroy(&tree->turn);
}

static bool tree_tells_in_order(const struct tree *tree)
{
	return settings_syncs(tree->settings) && tree->settings->report_entries;
}

bool tree_take_turn(struct tree *tree)
{
	return !tree_tells_in_order(tree) || pthread_mutex_trylock(&tree->turn) == 0;
}

void tree_give_turn(struct tree *tree)
{
	if (tree_tells_in_order(tree))
		pthread_mutex_unlock(&tree->turn);
}

void tree_put_off(struct tree *tree, struct batch *batch)
{
	queue_defer(tree->queue);
	plan_put_off(tree->plan, &batch->node);
}

/* True of what the scan before removals that came first has told already. */
static bool tree_told(struct tree *tree, const struct error *error, const char *path)
{
	bool told = false;
	char *key;

	if (tree->settings->delete_when != WEIR_DELETE_FIRST || path == NULL ||
	    asprintf(&key, "%d %s", error->errnum, path) < 0)
		return false;
	pthread_mutex_lock(&tree->told_lock);
	if (tree->plans_first)
		nameset_add(&tree->told, key);
	else
		told = !tree->told.overflowed && nameset_has(&tree->told, key);
	pthread_mutex_unlock(&tree->told_lock);
	free(key);
	return told;
}

void tree_error(struct tree *tree, const struct error *error, const struct folder *folder,
		const char *name)
{
	char *path = error->side == ERROR_SIDE_TARGET ? folder_target_path(folder, name)
						      : folder_source_path(folder, name);

	if (!tree_told(tree, error, path))
		event_post_error(tree->events, error, path != NULL ? path : "", true);
	free(path);
}

void tree_push(struct tree *tree, struct folder *folder)
{
	atomic_fetch_add(&tree->scans, 1);
	queue_push_scan(tree->queue, folder);
}

static void tree_scan_over(struct tree *tree)
{
	if (atomic_fetch_sub(&tree->scans, 1) == 1)
		atomic_store(&tree->tally->scan_done, 1);
}

void tree_discard(struct tree *tree, struct folder *folder)
{
	if (folder->role != FOLDER_LISTED) {
		folder->lost = true;
		tree_release(tree, folder);
	}
	tree_scan_over(tree);
}

/* ---- what is planned ---- */

/* The folder is held by its scan, so that none of these is its last reference. */
static void tree_drop_batch(struct tree *tree, struct batch *batch)
{
	struct entry entry;

	while (batch_next(batch, &entry)) {
		if (entry.type == DT_REG)
			tally_sub(&tree->tally->files_open, 1);
		if (folder_put(batch->folder))
			WEIR_ASSERT(false);
	}
	free(batch);
}

void tree_release(struct tree *tree, struct folder *folder)
{
	struct list *node;

	while ((node = list_take_head(&folder->batches)) != NULL) {
		struct batch *batch = LIST_ENTRY(node, struct batch, node);

		if (folder->lost)
			tree_drop_batch(tree, batch);
		else
			queue_push_batch(tree->queue, batch);
	}
	for (node = folder->planned.next; node != &folder->planned; node = node->next)
		atomic_fetch_add(&tree->scans, 1);
	queue_push_found(tree->queue, NULL, &folder->planned);
}

void tree_put_batch(struct tree *tree, struct batch *batch)
{
	if (batch->folder->role != FOLDER_LISTED && !batch->folder->begun)
		list_add_tail(&batch->folder->batches, &batch->node);
	else
		queue_push_batch(tree->queue, batch);
}

/* ---- beginning: both sides are opened ---- */

/* True if a folder below the operand is on another file system.  A subvolume has
 * a device number of its own, and a bind mount a mount of its own; a mount of
 * something else has both (C15). */
static bool tree_is_border(const struct tree *tree, const struct folder *folder)
{
	const struct sys_stat *parent;

	if (!tree->settings->one_file_system || folder->by_path)
		return false;
	parent = &folder->parent->stat;
	if (folder->stat.device == parent->device)
		return false;
	return folder->stat.mount_id == 0 || parent->mount_id == 0 ||
	       folder->stat.mount_id != parent->mount_id;
}

static int tree_open_source(struct tree *tree, struct folder *folder, struct error *error)
{
	struct folder *parent = folder->parent;
	struct sys_stat judged;
	int fd, result;

	if (folder->by_path) {
		result = dir_open_path(tree->root, folder->base_fd, folder->name, &folder->source);
	} else {
		fd = dir_pin(tree->root, parent->source, NULL);
		if (fd < 0) {
			error_set_source(error, fd, "open folder of");
			return fd;
		}
		result = dir_open_child(tree->root, parent->source, fd, folder->name,
					folder->follow, &folder->source);
		dir_unpin(tree->root, parent->source);
	}
	if (result < 0) {
		error_set_source(error, result, "open folder");
		/* Somebody put a link or a file there since it was listed. */
		if (!folder->follow && !folder->by_path && (result == -ENOTDIR || result == -ELOOP))
			error->source_changed = true;
		folder->source = NULL;
		return result;
	}
	judged = folder->stat;
	result = sys_statx(tree->sys, folder->source->fd, "", false, &folder->stat);
	/* An operand must still be the folder that the guards saw (A2). */
	if (result == 0 && folder->by_path && folder->role == FOLDER_LISTED &&
	    (judged.device != folder->stat.device || judged.inode != folder->stat.inode))
		result = -ESTALE;
	if (result < 0) {
		error_set(error, result, ERROR_SIDE_SOURCE, "stat");
		return result;
	}
	if (folder->role == FOLDER_LISTED &&
	    locked_is(tree->sys, folder->source->fd, &folder->stat)) {
		error_set(error, -ENOKEY, ERROR_SIDE_SOURCE, "list folder");
		error->text = "it is encrypted, and its key is missing";
		return -ENOKEY;
	}
	folder->is_border = tree_is_border(tree, folder);
	folder->source_fs =
		parent != NULL && parent->source_fs != NULL &&
				parent->source_fs->device == folder->stat.device
			? parent->source_fs
			: fs_find(tree->fs, folder->source->fd, folder->stat.device, false);
	return 0;
}

/* Of folders that have its number and are none of it, so many are believed. */
static bool tree_is_above(struct tree *tree, struct dir *dir, struct dir *above)
{
	uint32_t others = 0;

	for (; above != NULL; above = above->parent)
		if (above->device == dir->device && above->inode == dir->inode &&
		    (++others > LIMIT_SAME_NUMBERS || alike_dirs(tree->root, above, dir)))
			return true;
	return false;
}

/* W2 */
static int tree_check_loop(struct tree *tree, struct folder *folder, struct error *error)
{
	if (folder->role != FOLDER_LISTED)
		return 0; /* it is not listed, so it leads nowhere by itself */
	if (folder->parent != NULL && folder->parent->target != NULL && !folder->into_parent &&
	    tree_is_above(tree, folder->source, folder->parent->target)) {
		error_set_text(error, ERROR_SIDE_SOURCE, "enter folder",
			       "it is a folder that is being copied into");
		return -ELOOP;
	}
	if (tree_is_above(tree, folder->source, folder->source->parent)) {
		error_set_text(error, ERROR_SIDE_SOURCE, "enter folder", "it contains itself");
		return -ELOOP;
	}
	return 0;
}

static mode_t tree_create_mode(const struct tree *tree, const struct folder *folder)
{
	if (settings_keeps(tree->settings, WEIR_PROPERTY_MODE) ||
	    meta_folder_is_closed(tree->settings, folder->parent->default_acl))
		return 0700; /* P4: closed until its owner is right */
	return meta_new_mode(tree->settings, folder->stat.mode) | 0700;
}

/* Whatever its mode, we must be able to do with it what NEEDED says.  What is not ours was
 * put there by somebody else, and stays as it is. */
static void tree_open_to_us(struct tree *tree, const struct folder *folder, int parent_fd,
			    uint32_t needed)
{
	struct sys_stat stat;
	int fd;

	if (sys_statx(tree->sys, parent_fd, folder->target_name, false, &stat) < 0 ||
	    (stat.mode & needed) == needed)
		return;
	fd = sys_openat(tree->sys, parent_fd, folder->target_name,
			O_PATH | O_NOFOLLOW | O_DIRECTORY, 0);
	if (fd < 0)
		return;
	if (sys_statx(tree->sys, fd, "", false, &stat) == 0 && stat.uid == tree->settings->uid)
		sys_fchmod_path(tree->sys, fd, (stat.mode & 07777) | 0700);
	sys_close(tree->sys, fd);
}

/* O12 */
void tree_open_up(struct tree *tree, struct folder *folder, int fd)
{
	struct sys_stat stat;
	int result;

	if (!settings_syncs(tree->settings) || tree->settings->privileged ||
	    tree->settings->dry_run || tree->plans_first || folder->fresh || folder->looked)
		return;
	folder->looked = true;
	if (sys_statx(tree->sys, fd, "", false, &stat) < 0 || (stat.mode & 0700) == 0700 ||
	    stat.uid != tree->settings->uid)
		return;
	result = sys_fchmod(tree->sys, fd, (stat.mode & 07777) | 0700);
	if (result < 0)
		return; /* what fails then tells */
	folder->opened_up = true;
	folder->mode_before = stat.mode & 07777;
	atomic_store(&folder->changed, true);
}

/* What opening the target folder came to; -ENOENT: it is not there, and that is fine. */
static int tree_opened_target(struct tree *tree, struct folder *folder, int parent_fd, int result,
			      struct error *error)
{
	if (result >= 0)
		return result;
	folder->target = NULL;
	if (result == -ENOTDIR || result == -ELOOP)
		return landing_open(tree->root, tree->settings, &tree->landing, folder, parent_fd,
				    error);
	error_set(error, result, ERROR_SIDE_TARGET, "open folder");
	return result;
}

/* True if something else that has the folder's name is replaced by it. */
static bool tree_replaces(const struct tree *tree, int result)
{
	return (result == -ENOTDIR || result == -ELOOP) && settings_syncs(tree->settings) &&
	       !tree->settings->keep_folder_links && !settings_leaves_existing(tree->settings);
}

/* The same where nothing is made: what is not there stays NULL. */
static int tree_find_target(struct tree *tree, struct folder *folder, int parent_fd,
			    struct error *error)
{
	int result = dir_open_child(tree->root, folder->parent->target, parent_fd,
				    folder->target_name, false, &folder->target);

	folder->replaces = tree_replaces(tree, result);
	if (result == -ENOENT || folder->replaces) {
		folder->target = NULL;
		return 0;
	}
	return tree_opened_target(tree, folder, parent_fd, result, error);
}

/* Makes the target folder, or finds it there. */
static int tree_make_folder(struct tree *tree, struct folder *folder, int parent_fd,
			    struct error *error)
{
	struct folder *parent = folder->parent;
	int result = sys_mkdirat(tree->sys, parent_fd, folder->target_name,
				 tree_create_mode(tree, folder));

	folder->fresh = result == 0;
	if (folder->fresh && !tree->settings->privileged)
		tree_open_to_us(tree, folder, parent_fd, 0700);
	if (result < 0 && result != -EEXIST) {
		error_set(error, result, ERROR_SIDE_TARGET, "create folder");
		return result;
	}
	if (result == -EEXIST && rival_met(tree->root, parent, folder->name, folder->target_name,
					   parent_fd, parent->fresh, "create folder", error))
		return result;
	parent->target_fs->written = true;
	if (folder->fresh)
		atomic_store(&parent->changed, true);
	return 0;
}

/* Makes or opens the target folder; parent_fd is its pinned parent. */
static int tree_make_target(struct tree *tree, struct folder *folder, int parent_fd,
			    struct error *error)
{
	struct folder *parent = folder->parent;
	int result;

	if (tree->settings->dry_run || tree->plans_first)
		return tree_find_target(tree, folder, parent_fd, error);
	/* Of a sync most are there.  One that its owner may not list gets another mode. */
	if (settings_syncs(tree->settings) && !tree->settings->privileged)
		tree_open_to_us(tree, folder, parent_fd, 0500);
	result = settings_syncs(tree->settings)
			 ? dir_open_child(tree->root, parent->target, parent_fd,
					  folder->target_name, false, &folder->target)
			 : -ENOENT;
	if (result == -ENOENT) {
		result = tree_make_folder(tree, folder, parent_fd, error);
		if (result < 0)
			return result;
		result = dir_open_child(tree->root, parent->target, parent_fd, folder->target_name,
					false, &folder->target);
	}
	if (tree_replaces(tree, result)) {
		result = supplant(tree, folder, parent_fd, error);
		if (result < 0) {
			folder->target = NULL;
			return result;
		}
		folder->fresh = folder->replaces = true;
		atomic_store(&parent->changed, true);
		result = dir_open_child(tree->root, parent->target, parent_fd, folder->target_name,
					false, &folder->target);
	}
	return tree_opened_target(tree, folder, parent_fd, result, error);
}

/* Where links are followed, folders of the source may meet in the target, and what is to go
 * must be none of these. */
static void tree_note_way(struct tree *tree, const struct folder *folder)
{
	if (tree->survey != NULL && tree->settings->keep_folder_links &&
	    tree->settings->delete_when != WEIR_DELETE_OFF)
		shared_lead(&tree->survey->folders, folder->target->device, folder->target->inode,
			    &folder->stat);
}

static int tree_open_target(struct tree *tree, struct folder *folder, struct error *error)
{
	struct folder *parent = folder->parent;
	int parent_fd, result;

	if (parent->target == NULL)
		return 0; /* a dry run below what is not there yet */
	parent_fd = dir_pin(tree->root, parent->target, NULL);
	if (parent_fd < 0) {
		error_set(error, parent_fd, ERROR_SIDE_TARGET, "open folder of");
		return parent_fd;
	}
	if (folder->into_parent) { /* the pin is kept: it is this folder's now */
		folder->target = dir_get(tree->root, parent->target);
		tree_note_way(tree, folder);
		folder->target_fs = parent->target_fs;
		folder->default_acl = parent->default_acl;
		folder->handed = parent->handed;
		return 0;
	}
	result = tree_make_target(tree, folder, parent_fd, error);
	dir_unpin(tree->root, parent->target);
	if (result < 0 || folder->target == NULL)
		return result;
	tree_note_way(tree, folder);
	folder->target_fs =
		parent->target_fs->device == folder->target->device
			? parent->target_fs
			: fs_find(tree->fs, folder->target->fd, folder->target->device, true);
	if (folder->target_fs == NULL) {
		error_set(error, -ENOMEM, ERROR_SIDE_TARGET, "open folder");
		return -ENOMEM;
	}
	return 0;
}

static void tree_tell_folder(struct tree *tree, struct folder *folder)
{
	struct weir_event event = {
		.type = WEIR_EVENT_ENTRY,
		.action = WEIR_ACTION_FOLDER,
		.offset = -1,
	};
	char *path;

	if (!tree->settings->report_entries || settings_syncs(tree->settings) ||
	    folder->role == FOLDER_PAIR || (!folder->fresh && folder->target != NULL))
		return;
	path = folder_target_path(folder, NULL);
	if (path != NULL)
		event_post(tree->events, &event, path, true);
	free(path);
}

/* Flags and project of a target folder: those that say how entries are stored now,
 * the others when it is complete. */
static int tree_begin_flags(struct tree *tree, struct folder *folder, struct losses *losses,
			    struct error *error)
{
	const struct flags_env env = { tree->sys, tree->settings, losses, error };
	const struct flags_place source = { folder->source_fs, folder->source->fd, "", false };
	const struct flags_place target = { folder->target_fs, folder->target->fd, "", false };
	int result = 0;

	if (!settings_keeps_flags(tree->settings))
		return 0;
	folder->flags_before = folder->fresh ? folder->parent->handed.bits : UINT32_MAX;
	if (folder->finish) {
		result =
			flags_read(&env, &source, &folder->stat, folder->target_fs, &folder->flags);
		if (result == 0)
			result = flags_set(&env, &target, FLAGS_EARLY, folder->flags.bits,
					   folder->flags_before);
		if (result == 0)
			result = flags_set_project(&env, &target, &folder->flags);
	}
	return result == 0 ? flags_read_handed(&env, &target, &folder->handed) : result;
}

/* True if an existing target folder is immutable or append-only: it fails and
 * stays as it is (G06), but what is in it may have a better fate. */
static bool tree_is_sealed(struct tree *tree, const struct folder *folder)
{
	const struct error error = {
		.grade = ERROR_ENTRY,
		.errnum = EPERM,
		.side = ERROR_SIDE_TARGET,
		.operation = "set attributes of",
		.offset = -1,
	};
	struct sys_stat stat;

	if (folder->fresh || !folder->finish ||
	    sys_statx(tree->sys, folder->target->fd, "", false, &stat) < 0 || !stat.append_only)
		return false;
	tree_error(tree, &error, folder, NULL);
	return true;
}

/* What is done to a target folder before anything comes into it. */
static int tree_settle_target(struct tree *tree, struct folder *folder, struct error *error)
{
	const struct settings *settings = tree->settings;
	struct losses losses = { 0 };
	struct meta_folder meta = {
		.fd = folder->target->fd,
		.source_fd = folder->source->fd,
		.source = &folder->stat,
		.fresh = folder->fresh,
		.inherits_acl = folder->parent->default_acl,
		.prunes = settings_syncs(settings),
	};
	int result = 0;

	if (settings->dry_run || tree->plans_first)
		return 0;
	/* Its time was compared before. */
	if (!folder->fresh && temp_sweep(tree->root, folder->target, meta.fd) > 0)
		atomic_store(&folder->changed, true);
	folder->finish = folder->fresh || settings_keeps_any(settings) ||
			 settings_keeps_flags(settings);
	if (folder->settled)
		folder->finish = false;
	/* What a new one inherited is taken from it here. */
	folder->default_acl = !folder->fresh && meta_hands_acl_on(tree->sys, settings, meta.fd);
	/* Only what is named by an operand gets its attributes anew. */
	if (tree_is_sealed(tree, folder) || (!folder->fresh && folder->role == FOLDER_LEADING))
		folder->finish = false;
	if (folder->finish)
		tree_open_up(tree, folder, meta.fd);
	if (folder->finish)
		result = meta_begin_folder(tree->sys, settings, &meta, &folder->acls, &losses,
					   error);
	if (result == 0)
		result = tree_begin_flags(tree, folder, &losses, error);
	if (losses_any(&losses)) {
		char *path = folder_target_path(folder, NULL);

		loss_count(tree->loss, &losses, path != NULL ? path : folder->name);
		free(path);
	}
	return result;
}

/* What earlier copies have of it, where entries are compared. */
static int tree_open_earlier(struct tree *tree, struct folder *folder, struct error *error)
{
	if (tree->earlier == NULL || folder->role != FOLDER_LISTED || tree->plans_first)
		return 0;
	if (earlier_enter(tree->root, tree->earlier, folder) == 0)
		return 0;
	error_set(error, -ENOMEM, ERROR_SIDE_TARGET, "open folder");
	return -ENOMEM;
}

/* Opens both sides; on failure the folder is left to be freed. */
static int tree_begin(struct tree *tree, struct folder *folder, struct error *error)
{
	int result = tree_open_source(tree, folder, error);

	if (result == 0)
		result = tree_check_loop(tree, folder, error);
	if (result == 0)
		result = tree_open_target(tree, folder, error);
	if (result == 0)
		result = tree_open_earlier(tree, folder, error);
	if (result == 0 && settings_syncs(tree->settings))
		result = merge_folder(tree, folder, error);
	if (result == 0 && folder->target != NULL && folder->role != FOLDER_PAIR)
		result = tree_settle_target(tree, folder, error);
	if (result == 0)
		tree_tell_folder(tree, folder);
	/* Opened pinned; from here on they are pinned by use. */
	if (folder->source != NULL)
		dir_unpin(tree->root, folder->source);
	if (folder->target != NULL)
		dir_unpin(tree->root, folder->target);
	folder->begun = result == 0;
	return result;
}

/* ---- listing ---- */

int tree_add(struct tree *tree, struct folder *folder, struct batch **batch,
	     const struct entry *entry)
{
	if (*batch != NULL && batch_add(*batch, entry))
		goto added;
	if (*batch != NULL)
		tree_put_batch(tree, *batch);
	*batch = batch_new(folder, LIMIT_BATCH_BYTES);
	if (*batch == NULL)
		return -ENOMEM;
	if (!batch_add(*batch, entry))
		WEIR_ASSERT(false); /* one entry always fits an empty batch */
added:
	if (entry->type == DT_REG) {
		tally_add(&tree->tally->files_found, 1);
		tally_add(&tree->tally->files_open, 1);
	}
	return 0;
}

static unsigned char tree_type(struct tree *tree, int fd, const struct tree_dirent *entry,
			       struct error *error)
{
	struct sys_stat stat;
	int result;

	if (entry->type != DT_UNKNOWN)
		return entry->type;
	result = sys_statx(tree->sys, fd, entry->name, false, &stat);
	if (result < 0) {
		error_set_source(error, result, "stat");
		return DT_UNKNOWN;
	}
	return (unsigned char)IFTODT(stat.mode);
}

static bool tree_known_type(unsigned char type)
{
	return type == DT_REG || type == DT_DIR || type == DT_LNK || type == DT_FIFO ||
	       type == DT_SOCK || type == DT_CHR || type == DT_BLK;
}

/* What the link NAME leads to, as the type of an entry that is followed. */
static unsigned char tree_followed_type(struct tree *tree, int fd, const char *name,
					struct error *error)
{
	struct sys_stat stat;
	int result = reach_stat(tree->sys, fd, name, &stat);

	if (result < 0) {
		error_set(error, result, ERROR_SIDE_SOURCE, "follow link");
		error->text = result == -ELOOP ? REACH_LOOP_TEXT : NULL;
		error->source_changed = error->vanished =
			result == -ENOENT &&
			sys_statx(tree->sys, fd, name, false, &stat) == -ENOENT;
		return DT_UNKNOWN;
	}
	return (unsigned char)IFTODT(stat.mode);
}

/* Begins the paths that the rules see: made once for all entries of a step.
 * 0 or -ENOMEM. */
static int listing_open_path(const struct tree *tree, struct listing *listing)
{
	const struct folder *operand = listing->folder;
	size_t below = 0;
	size_t head, at;

	if (tree->filter->count == 0 && !tree_tells_in_order(tree) &&
	    (tree->plan == NULL || tree->settings->delete_when == WEIR_DELETE_OFF))
		return 0;
	for (; !operand->by_path; operand = operand->parent)
		below += strlen(operand->name) + 1;
	listing->path = malloc(strlen(operand->name) + 1 + below + LIMIT_NAME_BYTES);
	if (listing->path == NULL)
		return -ENOMEM;
	head = settings_syncs(tree->settings)
		       ? 0 /* rules begin where SOURCE and DEST are the same */
		       : filter_operand_path(operand->name, tree->settings->rule_paths,
					     listing->path);
	if (head > 0)
		listing->path[head++] = '/';
	listing->head_bytes = at = head + below;
	for (const struct folder *up = listing->folder; up != operand; up = up->parent) {
		size_t bytes = strlen(up->name);

		at -= bytes + 1;
		memcpy(listing->path + at, up->name, bytes);
		listing->path[at + bytes] = '/';
	}
	return 0;
}

/* W4: what the rules say of an entry of which only the listing is known. */
static enum filter_verdict tree_judge(const struct tree *tree, struct listing *listing,
				      const struct tree_dirent *entry)
{
	enum filter_kind kind = entry->type == DT_DIR ? FILTER_FOLDER : FILTER_OTHER;
	size_t bytes;

	if (listing->path == NULL)
		return FILTER_INCLUDED;
	bytes = strlen(entry->name);
	if (bytes >= LIMIT_NAME_BYTES)
		return FILTER_INCLUDED; /* told as an error further on */
	if (entry->type == DT_UNKNOWN ||
	    (entry->type == DT_LNK && tree->settings->follow == WEIR_FOLLOW_ALWAYS))
		kind = FILTER_UNKNOWN;
	memcpy(listing->path + listing->head_bytes, entry->name, bytes);
	listing->path_bytes = listing->head_bytes + bytes;
	return filter_judge(tree->filter, listing->path, listing->path_bytes, kind);
}

/* The same, of an entry that had to be looked at. */
static bool tree_is_excluded(const struct tree *tree, const struct listing *listing,
			     unsigned char type)
{
	return filter_judge(tree->filter, listing->path, listing->path_bytes,
			    type == DT_DIR ? FILTER_FOLDER : FILTER_OTHER) == FILTER_EXCLUDED;
}

/* Which part of the chosen names an entry is; false: it is none, nor on the way to one. */
static bool tree_chooses(const struct tree *tree, struct listing *listing,
			 const struct tree_dirent *entry)
{
	if (tree->chosen == NULL)
		return true;
	listing->part = chosen_below(tree->chosen, &listing->folder->part, entry->name);
	return chosen_any(&listing->part);
}

/* What a rule excludes is nobody's business any more. */
static void tree_exclude(struct tree *tree, const struct listing *listing)
{
	if (settings_syncs(tree->settings) && !tree->plans_first)
		tally_add(&tree->tally->excluded, 1);
	if (tree->chosen != NULL)
		chosen_meet_all(tree->chosen, &listing->part);
}

/* One entry of the listing: to the child folders, or to the batch. */
static void tree_take_entry(struct tree *tree, struct listing *listing,
			    const struct tree_dirent *entry)
{
	struct folder *folder = listing->folder;
	enum filter_verdict verdict;
	struct error error = { 0 };
	unsigned char follow = 0;
	unsigned char type;
	struct folder *child;

	if (!tree_chooses(tree, listing, entry))
		return;
	verdict = tree_judge(tree, listing, entry);
	if (verdict == FILTER_EXCLUDED) {
		tree_exclude(tree, listing);
		return;
	}
	if (settings_syncs(tree->settings)) {
		merge_take(tree, listing, entry, verdict);
		return;
	}
	type = tree_type(tree, listing->fd, entry, &error);
	if (type == DT_LNK && tree->settings->follow == WEIR_FOLLOW_ALWAYS) {
		type = tree_followed_type(tree, listing->fd, entry->name, &error);
		follow = ENTRY_FOLLOW;
	}
	if (verdict == FILTER_UNDECIDED && error.grade == ERROR_NONE &&
	    tree_is_excluded(tree, listing, type))
		return;

	if (error.grade == ERROR_NONE && strlen(entry->name) >= LIMIT_NAME_BYTES) {
		error_set(&error, -ENAMETOOLONG, ERROR_SIDE_SOURCE, "copy");
	} else if (error.grade == ERROR_NONE && !tree_known_type(type)) {
		error_set_text(&error, ERROR_SIDE_SOURCE, "copy", "its type is not known");
	} else if (error.grade == ERROR_NONE && type == DT_DIR) {
		child = folder_new(folder, entry->name, NULL);
		if (child != NULL) {
			child->follow = follow != 0;
			list_add_tail(&listing->children, &child->node);
		} else {
			error_set(&error, -ENOMEM, ERROR_SIDE_SOURCE, "list");
		}
	} else if (error.grade == ERROR_NONE) {
		struct entry found = entry_of(type | follow, entry->name, entry->name);

		found.inode = entry->inode;
		if (tree_add(tree, folder, &listing->batch, &found) < 0)
			error_set(&error, -ENOMEM, ERROR_SIDE_SOURCE, "list");
	}
	if (error.grade != ERROR_NONE)
		tree_error(tree, &error, folder, entry->name);
}

static bool tree_is_dot(const char *name)
{
	return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* A listing that failed because the folder was removed is a source that went. */
static void tree_list_failed(struct tree *tree, int fd, ssize_t result, struct error *error)
{
	struct sys_stat stat;

	if (result == -EBADF)
		result = -EACCES; /* opened to search in it only: it may not be read */
	error_set(error, result, ERROR_SIDE_SOURCE, "list folder");
	error->source_changed = error->vanished =
		result == -ENOENT ||
		(sys_statx(tree->sys, fd, "", false, &stat) == 0 && stat.links == 0);
}

/* Lists one buffer, in as many calls as fill it: most folders are over in one
 * step, and need not be opened again only to find the end.  True: the end was
 * reached, or the listing failed. */
static bool tree_list(struct tree *tree, struct listing *listing, struct error *error)
{
	struct folder *folder = listing->folder;
	int fd = listing->fd;
	_Alignas(struct tree_dirent) char buffer[LIMIT_LIST_BYTES];
	struct twice twice;
	ssize_t listed = 0;
	ssize_t bytes = 0;

	twice_open(&twice);
	/* Another descriptor may stand for the folder since the last step. */
	if (folder->scan_offset != 0)
		bytes = sys_lseek(tree->sys, fd, folder->scan_offset, SEEK_SET);
	while (bytes >= 0 && listed < (ssize_t)sizeof(buffer)) {
		twice_begin(&twice, buffer);
		bytes = sys_getdents(tree->sys, fd, buffer, sizeof(buffer));
		for (ssize_t at = 0; at < bytes;) {
			const struct tree_dirent *entry = (const void *)(buffer + at);

			at += entry->length;
			folder->scan_offset = entry->offset;
			if (!tree_is_dot(entry->name) && !twice_met(&twice, entry->name))
				tree_take_entry(tree, listing, entry);
		}
		if (bytes == 0)
			return true;
		listed += bytes;
	}
	if (bytes < 0)
		tree_list_failed(tree, fd, bytes, error);
	return bytes < 0;
}

/* ---- what became something else since it was listed ---- */

static void tree_tell_changed(struct tree *tree, const struct folder *folder, const char *name,
			      const char *text)
{
	struct error error;

	error_set_text(&error, ERROR_SIDE_SOURCE, "keep the type of", text);
	error.grade = ERROR_WARNING;
	error.source_changed = true;
	tree_error(tree, &error, folder, name);
}

void tree_tell_retyped(struct tree *tree, const struct folder *folder, const char *name)
{
	tree_tell_changed(tree, folder, name,
			  "it changed since it was listed; what it is now is copied");
}

int tree_look_again(struct tree *tree, struct folder *folder, const char *name, unsigned char *type)
{
	struct sys_stat stat;
	int fd, result;
	bool is_link;

	if (!tree->settings->recursive || tree->settings->on_change == WEIR_ON_FAIL)
		return -EEXIST;
	fd = dir_pin(tree->root, folder->source, NULL);
	if (fd < 0)
		return fd;
	result = sys_statx(tree->sys, fd, name, false, &stat);
	is_link = result == 0 && S_ISLNK(stat.mode) && tree->settings->follow == WEIR_FOLLOW_ALWAYS;
	if (is_link)
		result = folder_has_operands(folder) ? sys_statx_follow(tree->sys, fd, name, &stat)
						     : reach_stat(tree->sys, fd, name, &stat);
	dir_unpin(tree->root, folder->source);
	if (result < 0)
		return result;
	*type = (unsigned char)(IFTODT(stat.mode) | (is_link ? ENTRY_FOLLOW : 0));
	return 0;
}

/* A folder that is none any more: it goes to the entries of its parent, once. */
static bool tree_retype(struct tree *tree, struct folder *folder, const struct error *error)
{
	struct folder *parent = folder->parent;
	struct batch *batch = NULL;
	struct entry entry;
	unsigned char type;

	if ((error->errnum != ENOTDIR && error->errnum != ELOOP) || folder->source != NULL ||
	    folder->by_path || folder->retyped || (tree->chosen != NULL && !folder->part.whole) ||
	    tree_look_again(tree, parent, folder->name, &type) < 0 ||
	    (type & ~ENTRY_FOLLOW) == DT_DIR)
		return false;
	/* What DEST has of the folder stays, and the next run has the whole plan (E3). */
	if (settings_syncs(tree->settings)) {
		tree_tell_changed(tree, parent, folder->name,
				  "it changed since it was listed; the next run sees to it");
		return true;
	}
	entry = entry_of(type, folder->name, folder->target_name);
	if (tree_add(tree, parent, &batch, &entry) < 0)
		return false;
	batch->retyped = true;
	tree_tell_retyped(tree, parent, folder->name);
	queue_push_batch(tree->queue, batch);
	return true;
}

/* A folder of which all is known begins, and lets go of what is planned for it. */
static void tree_begin_planned(struct tree *tree, struct folder *folder, struct error *error)
{
	folder->lost = tree_begin(tree, folder, error) < 0;
	tree_release(tree, folder);
}

/* Below a folder that could not begin, which was told. */
static bool tree_is_lost(const struct folder *folder)
{
	return folder->parent != NULL && folder->parent->lost;
}

static void tree_pin_earlier(struct tree *tree, struct listing *listing)
{
	const struct folder *folder = listing->folder;

	if (folder->earlier == NULL)
		return;
	listing->earlier_count = folder->earlier_count;
	for (uint32_t i = 0; i < folder->earlier_count; i++)
		listing->earlier_fds[i] = folder->earlier[i] != NULL
						  ? dir_pin(tree->root, folder->earlier[i], NULL)
						  : -1;
}

static void tree_unpin_earlier(struct tree *tree, struct listing *listing)
{
	for (uint32_t i = 0; i < listing->earlier_count; i++)
		if (listing->earlier_fds[i] >= 0)
			dir_unpin(tree->root, listing->folder->earlier[i]);
}

/* The folders of a step are pinned.  0 or -errno with the record set. */
static int tree_open_listing(struct tree *tree, struct listing *listing, struct error *error)
{
	struct folder *folder = listing->folder;
	int fd = dir_pin(tree->root, folder->source, NULL);

	if (fd < 0) {
		error_set_source(error, fd, "open folder");
		return fd;
	}
	listing->fd = fd;
	if (settings_syncs(tree->settings) && folder->target != NULL) {
		fd = dir_pin(tree->root, folder->target, NULL);
		if (fd < 0)
			error_set(error, fd, ERROR_SIDE_TARGET, "open folder");
		listing->target_fd = fd;
	}
	if (fd >= 0 && listing_open_path(tree, listing) < 0) {
		fd = -ENOMEM;
		error_set(error, fd, ERROR_SIDE_SOURCE, "list folder");
	}
	if (fd < 0)
		return fd;
	tree_pin_earlier(tree, listing);
	return 0;
}

static void tree_close_listing(struct tree *tree, struct listing *listing)
{
	if (listing->there > 0)
		plan_count_listed(tree->plan, listing->there);
	nameset_close(&listing->names);
	free(listing->path);
	tree_unpin_earlier(tree, listing);
	if (listing->target_fd >= 0)
		dir_unpin(tree->root, listing->folder->target);
	if (listing->fd >= 0)
		dir_unpin(tree->root, listing->folder->source);
}

/* Lists a piece of the source, and when that is over of the target, where what the
 * source does not have is wanted.  True: the scan is over. */
static bool tree_step(struct tree *tree, struct listing *listing, struct error *error)
{
	struct folder *folder = listing->folder;
	bool whole = folder->scan_offset == 0; /* the first step may be all of them */

	if (!folder->plans) {
		if (folder->is_border)
			return true;
		if (!tree_list(tree, listing, error))
			return false;
		if (error->grade != ERROR_NONE || !merge_plans(tree, folder))
			return true;
		folder->plans = true;
		folder->scan_offset = 0;
		listing->names_known = whole && !listing->names.overflowed;
	}
	return merge_plan(tree, listing);
}

/* What a step found is queued; AGAIN: the scan goes on. */
static void tree_queue_found(struct tree *tree, struct listing *listing, bool again)
{
	for (struct list *node = listing->children.next; node != &listing->children;
	     node = node->next)
		atomic_fetch_add(&tree->scans, 1);
	if (listing->batch != NULL)
		queue_push_batch(tree->queue, listing->batch);
	queue_push_found(tree->queue, again ? listing->folder : NULL, &listing->children); /* W1 */
	if (!again)
		tree_scan_over(tree);
}

/* What is below a folder that cannot be scanned is not missing: that was told. */
static void tree_miss_nothing(struct tree *tree, const struct folder *folder,
			      const struct error *error)
{
	if (tree->chosen != NULL && (error->grade != ERROR_NONE || folder->is_border))
		chosen_meet_all(tree->chosen, &folder->part);
}

/* Begins a folder, if need be.  False: its scan is over. */
static bool tree_begin_scan(struct tree *tree, struct listing *listing, struct error *error)
{
	struct folder *folder = listing->folder;
	int result = folder->begun ? 0 : tree_begin(tree, folder, error);

	if (result == 0)
		result = tree_open_listing(tree, listing, error);
	if (result == 0 && error->grade == ERROR_WARNING)
		tree_error(tree, error, folder, NULL);
	if (result == 0) {
		*error = (struct error){ 0 };
		return true;
	}
	if (tree_retype(tree, folder, error))
		*error = (struct error){ 0 };
	tree_scan_over(tree);
	return false;
}

bool tree_scan(struct tree *tree, struct folder *folder, struct error *error)
{
	uint64_t began = tally_now_ns();
	struct listing listing = { .folder = folder, .fd = -1, .target_fd = -1 };
	bool open, over;

	listing.part.whole = true;
	if (folder->by_path && tree->chosen != NULL) {
		folder->part = chosen_root(tree->chosen);
		chosen_meet(tree->chosen, &folder->part);
	}
	list_init(&listing.children);
	if (tree_is_lost(folder)) {
		tree_discard(tree, folder);
		return true;
	}
	if (folder->role != FOLDER_LISTED) {
		tree_begin_planned(tree, folder, error);
		tree_scan_over(tree);
		return true;
	}
	open = tree_begin_scan(tree, &listing, error);
	over = !open || tree_step(tree, &listing, error);
	tree_close_listing(tree, &listing); /* once queued, the folder is another's */
	if (open)
		tree_queue_found(tree, &listing, !over);
	if (over)
		tree_miss_nothing(tree, folder, error);
	tally_add(&tree->tally->scan_ns, tally_now_ns() - began);
	return over;
}
