/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Giving names.
 *
 *   A group is   True here                          Then
 *   given        naming.group, nobody at work       a thread takes a slice of units
 *   in work      busy threads hold slices of it     no unit is left, nobody is busy
 *   named        its folders are being finished     naming.group is NULL: the giver's
 *
 * Invariants:
 * N1 a unit comes here only after its data was synced and checked (G2);
 * N2 a folder is finished after every unit of the group has its name;
 * N4 append and immutable come after the last name of an inode, and its sync after
 *    them (P5);
 * N3 (T1) nothing here waits but for the next group;
 * N5 a folder that its path does not lead to any more is left as it is.
 */
#define _GNU_SOURCE
#include "naming.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "closing.h"
#include "invariant.h"
#include "limits.h"
#include "meta.h"
#include "reach.h"

/* Units that one thread names in one go, and what came of them. */
struct slice {
	struct list units;
	struct list named;
	uint64_t files;
	uint64_t files_bytes;
	uint64_t files_counted;
	bool whole; /* the names will be synced with their whole file system */
	bool nodes; /* some without descriptors were changed after they were named */
};

/* What is sealed when all is named. */
struct late {
	struct list node;
	struct dir *dir; /* referenced */
	struct fs *fs;
	struct flags_last last;
	uint64_t device;
	uint64_t inode;
	unsigned char type;
	char name[];
};

static void slice_init(struct slice *slice)
{
	memset(slice, 0, sizeof(*slice));
	list_init(&slice->units);
	list_init(&slice->named);
}

void group_init_lists(struct group *group)
{
	list_init(&group->units);
	list_init(&group->named);
	list_init(&group->folders);
	list_init(&group->finished);
}

void group_init(struct group *group)
{
	memset(group, 0, sizeof(*group));
	group_init_lists(group);
}

int naming_open(struct naming *naming)
{
	memset(naming, 0, sizeof(*naming));
	list_init(&naming->late);
	return -pthread_mutex_init(&naming->lock, NULL);
}

void naming_close(struct naming *naming)
{
	WEIR_ASSERT(naming->group == NULL && naming->busy == 0);
	WEIR_ASSERT(list_empty(&naming->late));
	pthread_mutex_destroy(&naming->lock);
}

/* ---- what is told ---- */

void naming_post_error(struct naming *naming, const struct error *error,
		       const struct folder *folder, const char *name)
{
	char *path = error->side == ERROR_SIDE_SOURCE ? folder_source_path(folder, name)
						      : folder_target_path(folder, name);

	event_post_error(naming->events, error, path != NULL ? path : name, false);
	free(path);
}

static void naming_post_entry(struct naming *naming, const struct unit *unit)
{
	struct weir_event event = {
		.type = WEIR_EVENT_ENTRY,
		.action = unit->replaced ? WEIR_ACTION_REPLACE : WEIR_ACTION_CREATE,
		.offset = -1,
		.bytes = unit->bytes,
		.operation = "",
		.text = unit->backup,
	};
	char *path;

	if (!naming->settings->report_entries || settings_syncs(naming->settings))
		return; /* a sync told it when it was planned */
	path = folder_target_path(unit->folder, unit->target_name);
	event_post(naming->events, &event, path != NULL ? path : unit->target_name, false);
	free(path);
}

static void naming_tell_changed(struct naming *naming, const struct unit *unit)
{
	const struct error error = {
		.grade = ERROR_WARNING,
		.side = ERROR_SIDE_SOURCE,
		.source_changed = true,
		.operation = "copy the last state of",
		.text = unit->changed,
		.offset = -1,
	};

	if (unit->changed != NULL)
		naming_post_error(naming, &error, unit->folder, unit->name);
}

static void naming_told(struct naming *naming, const struct unit *unit, enum publish_answer answer,
			struct slice *slice)
{
	if (answer == PUBLISH_SKIPPED)
		tally_add(&naming->tally->entries_skipped, 1);
	if (answer != PUBLISH_DONE)
		return;
	if (unit->to_stream && !unit->synced)
		atomic_store(&naming->poured, true);
	if (unit->type == DT_REG) {
		tally_add(&naming->tally->files_done, 1);
		if (!unit->unsure && (!unit->to_stream || unit->synced)) {
			slice->files++;
			slice->files_bytes += unit->bytes;
			slice->files_counted += unit->counted_bytes;
		}
	} else {
		tally_add(&naming->tally->others_done, 1);
	}
	naming_tell_changed(naming, unit);
	naming_post_entry(naming, unit);
}

/* ---- one unit, one folder ---- */

/* The descriptor of a link is its group's. */
static void naming_close_unit(struct naming *naming, struct unit *unit)
{
	if (unit->fd >= 0 && !unit->is_link)
		sys_close(naming->sys, unit->fd);
	unit->fd = -1;
}

/* One group of names has become two. */
static void naming_count_split(struct naming *naming, const struct unit *unit, int reason)
{
	struct losses losses = { 0 };
	char *path;

	losses_note(&losses, WEIR_PROPERTY_LINKS, reason);
	path = folder_target_path(unit->folder, unit->target_name);
	loss_count(naming->loss, &losses, path != NULL ? path : unit->target_name);
	free(path);
}

/* The names that are refused now are copied, or linked to another leader. */
static void naming_release_link(struct naming *naming, const struct unit *unit,
				struct link_group *group, bool spoiled)
{
	if (links_release(naming->links, group, spoiled))
		naming_count_split(naming, unit, unit->refused);
}

/* Its leader has its name: others are linked to that. */
static void naming_tell_links(struct naming *naming, const struct unit *unit,
			      struct link_group *group)
{
	int result = links_named(naming->links, group, unit->folder->target, unit->target_name,
				 unit->made_device, unit->made_inode);

	if (result < 0)
		naming_count_split(naming, unit, result);
}

/* What became of a unit of a hard-link group.  SPOILED: its leader takes no more
 * links. */
static void naming_settle_link(struct naming *naming, struct unit *unit, bool done, bool spoiled)
{
	struct link_group *group = unit->link;

	unit->link = NULL;
	if (group == NULL)
		return;
	if (unit->is_link && done)
		links_followed(naming->links, group);
	else if (unit->is_link)
		naming_release_link(naming, unit, group, spoiled);
	else if (done)
		naming_tell_links(naming, unit, group);
	else
		links_lost(naming->links, group);
}

void naming_lose(struct naming *naming, struct unit *unit, int result)
{
	struct dir *target = unit->folder->target;
	struct entry entry = entry_of(unit->type, unit->name, unit->target_name);
	struct error error = { 0 };

	entry.follow = unit->follow;
	if (unit->temp_named) {
		int dirfd = dir_pin(naming->root, target, NULL);

		if (dirfd >= 0) {
			publish_drop(naming->sys, unit, dirfd);
			dir_unpin(naming->root, target);
		}
		unit->temp_named = false;
		dir_temp_removed(naming->root, target);
	}
	naming_close_unit(naming, unit);
	naming_settle_link(naming, unit, false, false);
	tally_sub(&naming->tally->bytes_written, unit->bytes);
	tally_sub(&naming->tally->bytes_durable, unit->counted_bytes);
	unit->counted_bytes = 0;
	/* A link that was refused is copied now, or linked to another leader; that
	 * is no second try of its data. */
	if ((!unit->retry || unit->is_link) && !unit->once && !atomic_load(&naming->dropping) &&
	    queue_push_retry(naming->queue, unit->folder, &entry, unit->refused) == 0) {
		tally_sub(&naming->tally->bytes_found, unit->found_bytes);
		return;
	}
	error_set(&error, result, ERROR_SIDE_TARGET, "write back");
	naming_post_error(naming, &error, unit->folder, unit->target_name);
}

/* ---- what comes last (P5) ---- */

/* PATH is freed. */
static void naming_count_losses(struct naming *naming, const struct losses *losses, char *path)
{
	loss_count(naming->loss, losses, path != NULL ? path : "");
	free(path);
}

/* Syncs an inode that was changed after its own sync; nobody knows what became of
 * it if that fails (G6). */
static int naming_sync_last(struct naming *naming, const struct fs *fs, int fd, struct error *error)
{
	int result;

	if (!settings_parks(naming->settings) || fs_is_memory(fs))
		return 0;
	result = sys_fsync(naming->sys, fd);
	tally_add(&naming->tally->syncs_file, 1);
	if (result < 0) {
		atomic_store(&naming->unsure, true);
		error_set(error, result, ERROR_SIDE_TARGET, "sync the flags of");
		error->text = "published, not known to be durable";
	}
	return result;
}

/* An inode that may get more names is sealed when all have theirs: one that is
 * immutable takes no link.  False: there is no memory to remember it. */
static bool naming_defer(struct naming *naming, const struct unit *unit)
{
	size_t name_bytes = strlen(unit->target_name) + 1;
	struct late *late = calloc(1, sizeof(*late) + name_bytes);

	if (late == NULL)
		return false;
	list_init(&late->node);
	late->dir = dir_get(naming->root, unit->folder->target);
	late->fs = unit->folder->target_fs;
	late->last = unit->last;
	late->device = unit->made_device;
	late->inode = unit->made_inode;
	late->type = unit->type;
	memcpy(late->name, unit->target_name, name_bytes);
	pthread_mutex_lock(&naming->lock);
	list_add_tail(&naming->late, &late->node);
	pthread_mutex_unlock(&naming->lock);
	return true;
}

/* Opens NAME of DIRFD if it still is the inode that this run made: a regular file
 * to be read, all else with O_PATH.  A descriptor or -errno. */
static int naming_open_made(struct naming *naming, int dirfd, const char *name, unsigned char type,
			    uint64_t device, uint64_t inode)
{
	int flags = type == DT_REG ? O_RDONLY | O_NONBLOCK | O_NOCTTY : O_PATH;
	int fd = sys_openat(naming->sys, dirfd, name, flags | O_NOFOLLOW, 0);
	struct sys_stat stat;
	int result;

	if (fd < 0)
		return fd;
	result = sys_statx(naming->sys, fd, "", false, &stat);
	if (result == 0 && (stat.device != device || stat.inode != inode))
		result = -ESTALE;
	if (result == 0)
		return fd;
	sys_close(naming->sys, fd);
	return result;
}

/* What has no data is held no more: it is opened by its new name. */
static void naming_set_node(struct naming *naming, const struct unit *unit, int dirfd,
			    const struct flags_env *env)
{
	struct flags_place place = { unit->folder->target_fs, -1, "", true };

	place.dirfd = naming_open_made(naming, dirfd, unit->target_name, unit->type,
				       unit->made_device, unit->made_inode);
	if (place.dirfd < 0) {
		error_set(env->error, place.dirfd, ERROR_SIDE_TARGET, "set flags of");
		return;
	}
	flags_set_last(env, &place, &unit->last);
	sys_close(naming->sys, place.dirfd);
}

/* Flags and project of a unit that has its name now; DIRFD is its folder. */
static void naming_set_last(struct naming *naming, struct unit *unit, int dirfd,
			    struct slice *slice, struct error *error)
{
	struct losses losses = { 0 };
	const struct flags_env env = { naming->sys, naming->settings, &losses, error };
	struct fs *fs = unit->folder->target_fs;
	const struct flags_place open_place = { fs, unit->fd, "", false };

	if (!flags_any_last(&unit->last) || (unit->link != NULL && naming_defer(naming, unit)))
		return;
	if (unit->fd >= 0)
		flags_set_last(&env, &open_place, &unit->last);
	else
		naming_set_node(naming, unit, dirfd, &env);
	if (losses_any(&losses))
		naming_count_losses(naming, &losses,
				    folder_target_path(unit->folder, unit->target_name));
	if (unit->fd < 0)
		slice->nodes = true;
	else if (!slice->whole)
		unit->unsure = naming_sync_last(naming, fs, unit->fd, error) < 0;
}

static void naming_set_late(struct naming *naming, const struct late *late, int dirfd,
			    struct error *error)
{
	struct losses losses = { 0 };
	const struct flags_env env = { naming->sys, naming->settings, &losses, error };
	bool is_path = late->type != DT_REG;
	int fd = naming_open_made(naming, dirfd, late->name, late->type, late->device, late->inode);
	const struct flags_place place = { late->fs, fd, "", is_path };

	if (fd < 0) {
		error_set(error, fd, ERROR_SIDE_TARGET, "set flags of");
		return;
	}
	if (flags_set_last(&env, &place, &late->last) == 0 && !is_path)
		naming_sync_last(naming, late->fs, fd, error);
	else if (error->grade == ERROR_NONE && fs_believes_syncfs(late->fs) &&
		 settings_parks(naming->settings) && sys_syncfs(naming->sys, late->fs->sync_fd) < 0)
		atomic_store(&naming->unsure, true);
	sys_close(naming->sys, fd);
	if (losses_any(&losses))
		naming_count_losses(naming, &losses, dir_path(late->dir, late->name));
}

void naming_finish_late(struct naming *naming)
{
	struct list *node;

	/* No unit is left, so nobody adds to it. */
	while ((node = list_take_head(&naming->late)) != NULL) {
		struct late *late = LIST_ENTRY(node, struct late, node);
		struct error error = { 0 };
		int dirfd = dir_pin(naming->root, late->dir, NULL);

		if (dirfd < 0) {
			error_set(&error, dirfd, ERROR_SIDE_TARGET, "open folder of");
		} else {
			naming_set_late(naming, late, dirfd, &error);
			dir_unpin(naming->root, late->dir);
		}
		if (error.grade != ERROR_NONE) {
			char *path = dir_path(late->dir, late->name);

			event_post_error(naming->events, &error, path != NULL ? path : late->name,
					 false);
			free(path);
		}
		dir_put(naming->root, late->dir);
		free(late);
	}
}

/* Names a unit in its folder DIRFD and closes it, before where that may tell an
 * error, else after.  AGAIN: it is not closed. */
static enum publish_answer naming_name_unit(struct naming *naming, struct unit *unit, int dirfd,
					    struct slice *slice, struct losses *losses,
					    struct error *error)
{
	enum publish_answer answer;
	int result = 0;

	if (closing_comes_first(unit))
		result = closing_close(naming->root, unit, dirfd, unit->temp_name, losses);
	if (result < 0) {
		error_set(error, result, ERROR_SIDE_TARGET, "close");
		publish_drop(naming->sys, unit, dirfd);
		return PUBLISH_FAILED;
	}
	answer = publish_unit(naming->root, naming->settings, unit, dirfd, error);
	if (answer != PUBLISH_DONE)
		return answer;
	naming_set_last(naming, unit, dirfd, slice, error);
	result = closing_close(naming->root, unit, dirfd, unit->target_name, losses);
	if (result == 0)
		return PUBLISH_DONE;
	/* It has its name, but is no copy that anybody should count on. */
	error_set(error, result, ERROR_SIDE_TARGET, "close");
	return PUBLISH_FAILED;
}

/* What it was copied from may go when the run is over. */
static void naming_move(struct naming *naming, const struct unit *unit)
{
	const struct sys_stat source = {
		.device = unit->source_device,
		.inode = unit->source_inode,
		.mode = unit->source_mode,
		.size_bytes = unit->source_bytes,
		.mtime = unit->times[1],
		.ctime = unit->source_ctime,
	};

	moves_add(naming->moves, unit->folder->source, unit->name, &source);
}

/* Gives one unit its name and lets go of its descriptor; its reference on the
 * folder stays. */
static void naming_publish_unit(struct naming *naming, struct unit *unit, struct slice *slice)
{
	struct dir *target = unit->folder->target;
	bool had_temp = unit->temp_named;
	struct error error = { 0 };
	struct losses losses = { 0 };
	enum publish_answer answer = PUBLISH_FAILED;
	int dirfd = dir_pin(naming->root, target, NULL);

	if (dirfd < 0) {
		error_set(&error, dirfd, ERROR_SIDE_TARGET, "open folder of");
	} else {
		if (!atomic_load(&naming->dropping))
			answer = naming_name_unit(naming, unit, dirfd, slice, &losses, &error);
		else
			publish_drop(naming->sys, unit, dirfd);
		dir_unpin(naming->root, target);
	}
	if (atomic_load(&naming->dropping) && answer != PUBLISH_DONE)
		atomic_store(&naming->dropped, true);
	unit->temp_named = false;
	if (had_temp)
		dir_temp_removed(naming->root, target);
	if (answer == PUBLISH_AGAIN) {
		if (unit->is_link) /* another folder may still be linked to */
			naming_settle_link(naming, unit, false,
					   unit->refused == -EMLINK || unit->refused == -ENOENT);
		naming_lose(naming, unit, -EOPNOTSUPP);
		return;
	}
	naming_close_unit(naming, unit);
	if (unit->moves && answer == PUBLISH_DONE && error.grade == ERROR_NONE &&
	    !losses_break(&losses, naming->settings))
		naming_move(naming, unit);
	if (losses_any(&losses))
		naming_count_losses(naming, &losses,
				    folder_target_path(unit->folder, unit->target_name));
	if (error.grade != ERROR_NONE)
		naming_post_error(naming, &error, unit->folder, unit->target_name);
	naming_told(naming, unit, answer, slice);
	free(unit->backup);
	unit->backup = NULL;
	naming_settle_link(naming, unit, answer == PUBLISH_DONE, false);
}

void naming_publish_now(struct naming *naming, struct unit *unit)
{
	struct slice slice;

	slice_init(&slice);
	naming_publish_unit(naming, unit, &slice);
}

/* The flags of a complete folder, after everything else (N4).  One that may be
 * incomplete is not sealed: what is missing could not come any more. */
static void naming_finish_flags(struct naming *naming, const struct folder *folder, int fd,
				struct losses *losses, struct error *error)
{
	const struct flags_env env = { naming->sys, naming->settings, losses, error };
	const struct flags_place place = { folder->target_fs, fd, "", false };
	uint32_t mask = FLAGS_USUAL;

	if (!atomic_load(&naming->ending))
		mask |= FLAGS_LAST;
	flags_set(&env, &place, mask, folder->flags.bits, folder->flags_before);
}

static int naming_finish_attributes(struct naming *naming, const struct folder *folder, int fd,
				    struct losses *losses, struct error *error)
{
	const struct meta_folder meta = {
		.fd = fd,
		.source_fd = -1,
		.source = &folder->stat,
		.fresh = folder->fresh,
		.closed = meta_folder_is_closed(naming->settings, folder->parent->default_acl),
	};

	return meta_finish_folder(naming->sys, naming->settings, &meta, &folder->acls, losses,
				  error);
}

/* It is closed to us again, where nothing else sets its mode. */
static void naming_close_up(struct naming *naming, const struct folder *folder, int fd,
			    struct error *error)
{
	bool set = folder->finish && settings_keeps(naming->settings, WEIR_PROPERTY_MODE);
	int result = folder->opened_up && !set ? sys_fchmod(naming->sys, fd, folder->mode_before)
					       : 0;

	if (result < 0)
		error_set(error, result, ERROR_SIDE_TARGET, "set mode of");
}

/* A folder that had all it was to have has it still, but for the time that what came
 * into it has changed. */
static void naming_finish_times(struct naming *naming, const struct folder *folder, int fd,
				struct losses *losses, struct error *error)
{
	const struct timespec times[2] = { folder->stat.atime, folder->stat.mtime };
	struct sys_stat now;
	int result;

	if (!settings_keeps(naming->settings, WEIR_PROPERTY_TIMES) || naming->settings->dry_run)
		return;
	result = sys_statx(naming->sys, fd, "", false, &now);
	if (result == 0 && !meta_same_time(&now.mtime, &folder->stat.mtime))
		result = sys_futimens(naming->sys, fd, times);
	if (result == -EPERM)
		losses_note(losses, WEIR_PROPERTY_TIMES, result);
	else if (result < 0)
		error_set(error, result, ERROR_SIDE_TARGET, "set times of");
}

/* True if a target folder was moved, or something was put over it, while it was
 * held: what was done in it since then was done elsewhere.  FD is its descriptor,
 * PARENT_FD that of the folder it was found in, or why there is none. */
static bool naming_is_astray(struct naming *naming, const struct dir *dir, int fd, int parent_fd)
{
	struct sys_stat there, held;
	int result = parent_fd;

	if (result >= 0)
		result = dir->follow ? reach_stat(naming->sys, parent_fd, dir->name, &there)
				     : sys_statx(naming->sys, parent_fd, dir->name, false, &there);
	if (result < 0)
		return result == -ENOENT || result == -ENOTDIR || result == -ELOOP ||
		       result == -ESTALE;
	if (there.device == dir->device && there.inode == dir->inode)
		return false;
	/* An overlay may number a folder anew when it is first written to. */
	return sys_statx(naming->sys, fd, "", false, &held) == 0 &&
	       (there.device != held.device || there.inode != held.inode);
}

static void naming_tell_astray(struct naming *naming, const struct folder *folder)
{
	const struct weir_event event = {
		.type = WEIR_EVENT_REFUSED,
		.side = WEIR_SIDE_TARGET,
		.offset = -1,
		.operation = "go on in",
		.text = "somebody moved it, or put something over it, "
			"while it was copied into; what is left was not tried",
	};
	char *path = folder_target_path(folder, NULL);

	atomic_store(&naming->astray, true);
	atomic_fetch_or(&naming->events->classes, EVENT_CLASS_REFUSED);
	event_post(naming->events, &event, path != NULL ? path : folder->target_name, false);
	free(path);
}

/* Its parent is opened through it first, while that needs no permission of its
 * own. */
void naming_finish_folder(struct naming *naming, struct folder *folder)
{
	struct dir *dir = folder->target;
	struct error error = { 0 };
	struct losses losses = { 0 };
	bool below = dir != NULL && dir->parent != NULL; /* operands were resolved once */
	bool astray = false;
	int fd, parent_fd = -1;

	if (dir == NULL)
		return;
	fd = dir_pin(naming->root, dir, NULL);
	if (fd < 0) {
		error_set(&error, fd, ERROR_SIDE_TARGET, "open");
	} else {
		if (below)
			parent_fd = dir_pin(naming->root, dir->parent, dir);
		if (below && !folder->into_parent && !naming->settings->dry_run)
			astray = naming_is_astray(naming, dir, fd, parent_fd);
		if (astray) /* N5 */
			naming_tell_astray(naming, folder);
		else if (folder->finish &&
			 naming_finish_attributes(naming, folder, fd, &losses, &error) == 0)
			naming_finish_flags(naming, folder, fd, &losses, &error);
		else if (folder->settled)
			naming_finish_times(naming, folder, fd, &losses, &error);
		if (!astray && error.grade == ERROR_NONE)
			naming_close_up(naming, folder, fd, &error);
		if (parent_fd >= 0)
			dir_unpin(naming->root, dir->parent);
		dir_unpin(naming->root, dir);
	}
	if (losses_any(&losses))
		naming_count_losses(naming, &losses, folder_target_path(folder, NULL));
	if (error.grade != ERROR_NONE)
		naming_post_error(naming, &error, folder, NULL);
	else if (folder->finish && !astray)
		tally_add(&naming->tally->folders_done, 1);
}

/* ---- a group ---- */

/* Finishes folders, children first; a parent completed by it comes after. */
static void naming_finish_folders(struct naming *naming, struct group *group)
{
	struct list *node;

	while ((node = list_take_head(&group->folders)) != NULL) {
		struct folder *folder = LIST_ENTRY(node, struct folder, node);
		struct folder *parent = folder->parent;

		naming_finish_folder(naming, folder);
		list_add_tail(&group->finished, &folder->node);
		if (parent != NULL && folder_put(parent))
			list_add_tail(&group->folders, &parent->node);
	}
}

/* All units have their names, and none of them is referred to any more (N2). */
static void naming_end(struct naming *naming, struct group *group)
{
	for (struct list *node = group->named.next; node != &group->named; node = node->next) {
		struct folder *folder = LIST_ENTRY(node, struct unit, node)->folder;

		if (folder_put(folder))
			list_add_tail(&group->folders, &folder->node);
	}
	naming_finish_folders(naming, group);
}

/* Takes units of the group; NULL: there are none left for this thread.  A HELPER
 * takes them from the other end, so that two threads are seldom in one folder,
 * where one would wait for the other. */
static struct group *naming_take(struct naming *naming, struct slice *slice, bool helper)
{
	struct group *group;
	struct list *node;

	slice_init(slice);
	pthread_mutex_lock(&naming->lock);
	group = naming->group;
	for (uint32_t i = 0; group != NULL && i < LIMIT_NAMING_UNITS; i++) {
		node = helper ? list_take_tail(&group->units) : list_take_head(&group->units);
		if (node == NULL)
			break;
		list_add_tail(&slice->units, node);
	}
	if (list_empty(&slice->units))
		group = NULL;
	else
		naming->busy++;
	slice->whole = group != NULL && group->whole;
	pthread_mutex_unlock(&naming->lock);
	return group;
}

/* Gives a slice back; true if it was the last of its group. */
static bool naming_put(struct naming *naming, struct group *group, struct slice *slice)
{
	bool last;

	pthread_mutex_lock(&naming->lock);
	list_move_all(&slice->named, &group->named);
	group->files += slice->files;
	group->files_bytes += slice->files_bytes;
	group->files_counted += slice->files_counted;
	group->nodes = group->nodes || slice->nodes;
	naming->busy--;
	last = naming->busy == 0 && list_empty(&group->units);
	pthread_mutex_unlock(&naming->lock);
	return last;
}

static void naming_finish_group(struct naming *naming, struct group *group)
{
	naming_end(naming, group);
	pthread_mutex_lock(&naming->lock);
	naming->group = NULL;
	pthread_mutex_unlock(&naming->lock);
	bell_ring(&naming->over);
}

/* Names units until none is left for this thread. */
static void naming_work(struct naming *naming, bool helper)
{
	struct slice slice;
	struct group *group;

	while ((group = naming_take(naming, &slice, helper)) != NULL) {
		uint64_t began = tally_now_ns();
		struct list *node;

		while ((node = list_take_head(&slice.units)) != NULL) {
			naming_publish_unit(naming, LIST_ENTRY(node, struct unit, node), &slice);
			list_add_tail(&slice.named, node);
		}
		if (naming_put(naming, group, &slice))
			naming_finish_group(naming, group);
		tally_add(&naming->tally->publish_ns, tally_now_ns() - began);
	}
}

void naming_give(struct naming *naming, struct group *group)
{
	/* Only folders: no slice would be the last. */
	if (list_empty(&group->units)) {
		naming_end(naming, group);
		return;
	}
	pthread_mutex_lock(&naming->lock);
	WEIR_ASSERT(naming->group == NULL && !naming->stopped);
	naming->group = group;
	pthread_mutex_unlock(&naming->lock);
	if (atomic_load(&naming->threads) == 0)
		naming_work(naming, false);
	else
		bell_ring(&naming->given);
}

static bool naming_is_over(struct naming *naming)
{
	bool over;

	pthread_mutex_lock(&naming->lock);
	over = naming->group == NULL;
	pthread_mutex_unlock(&naming->lock);
	return over;
}

void naming_wait(struct naming *naming)
{
	for (;;) {
		uint32_t seen = bell_read(&naming->over);

		naming_work(naming, true); /* who waits helps */
		if (naming_is_over(naming))
			return;
		bell_wait(&naming->over, seen, LIMIT_WAIT_MS);
	}
}

void naming_stop(struct naming *naming)
{
	pthread_mutex_lock(&naming->lock);
	naming->stopped = true;
	pthread_mutex_unlock(&naming->lock);
	bell_ring(&naming->given);
}

void naming_run(struct naming *naming)
{
	bool stopped = false;

	while (!stopped) {
		uint32_t seen = bell_read(&naming->given);

		naming_work(naming, false);
		pthread_mutex_lock(&naming->lock);
		stopped = naming->stopped;
		pthread_mutex_unlock(&naming->lock);
		if (!stopped)
			bell_wait(&naming->given, seen, LIMIT_WAIT_MS);
	}
}
