/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Both sides of one folder, merged.
 *
 * Invariants:
 * E1 what is told of an entry is told when it is planned, in the order of the scan, so
 *    that a dry run tells the same;
 * E2 memory does not grow with the folder: names are remembered while they are few, and
 *    looked up one by one otherwise;
 * E3 nothing is planned to go where the source could not be listed, nor what a rule
 *    protects, nor what the source has or had in this run (O04, O06, A06).
 */
#define _GNU_SOURCE
#include "merge.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "attic.h"
#include "backup.h"
#include "content.h"
#include "doom.h"
#include "limits.h"
#include "moving.h"
#include "namesake.h"
#include "rival.h"
#include "survey.h"
#include "temp.h"

/* ---- telling ---- */

static void merge_tell(struct tree *tree, enum weir_action action, unsigned changes,
		       const struct sys_stat *stat, const char *path)
{
	const struct weir_event event = {
		.type = WEIR_EVENT_ENTRY,
		.action = action,
		.offset = -1,
		.bytes = S_ISREG(stat->mode) ? stat->size_bytes : 0,
		.changes = changes,
		.mode = stat->mode,
		.operation = "",
	};

	if (tree->settings->report_entries)
		event_post(tree->events, &event, path, true);
}

/* The path of NAME below DEST; it is there whenever entries are told. */
static const char *merge_path(struct listing *listing, const char *name)
{
	if (listing->path == NULL)
		return name;
	memcpy(listing->path + listing->head_bytes, name, strlen(name) + 1);
	return listing->path;
}

/* ---- names of the source ---- */

static enum weir_action merge_creation(const struct survey_finding *finding)
{
	if (finding->links || finding->earlier == SURVEY_ALL)
		return WEIR_ACTION_LINK;
	return finding->earlier == SURVEY_DATA ? WEIR_ACTION_CLONE : WEIR_ACTION_CREATE;
}

static void merge_count(struct tree *tree, struct listing *listing, const char *name,
			const struct survey_finding *finding)
{
	enum weir_action action = WEIR_ACTION_NONE;

	switch (finding->result.verdict) {
	case COMPARE_SAME:
		tally_add(&tree->tally->unchanged, 1);
		return;
	case COMPARE_LEAVE:
		tally_add(&tree->tally->entries_skipped, 1);
		return;
	case COMPARE_LEAVE_OUT:
		tally_add(&tree->tally->excluded, 1);
		return;
	case COMPARE_CREATE:
		tally_add(&tree->tally->to_create, 1);
		if (finding->earlier == SURVEY_ALL)
			tally_add(&tree->tally->to_link, 1);
		else if (merge_creation(finding) == WEIR_ACTION_CLONE)
			tally_add(&tree->tally->to_clone, 1);
		action = merge_creation(finding);
		break;
	case COMPARE_CONTENT:
	case COMPARE_REPLACE:
		tally_add(&tree->tally->to_replace, 1);
		action = finding->links ? WEIR_ACTION_LINK : WEIR_ACTION_REPLACE;
		break;
	case COMPARE_ATTRIBUTES:
		tally_add(&tree->tally->to_change, 1);
		action = WEIR_ACTION_ATTRIBUTES;
		break;
	}
	merge_tell(tree, action, finding->result.changes, &finding->source,
		   merge_path(listing, name));
}

static int merge_add(struct tree *tree, struct listing *listing, const struct tree_dirent *entry,
		     const struct survey_finding *finding)
{
	struct entry found =
		entry_of((unsigned char)IFTODT(finding->source.mode), entry->name, entry->name);

	found.inode = entry->inode;
	found.adjusts =
		(finding->result.verdict == COMPARE_ATTRIBUTES && S_ISREG(finding->source.mode)) ||
		finding->earlier == SURVEY_DATA;
	found.earlier = finding->earlier != SURVEY_NOTHING;
	/* Whose its other names are nobody knows. */
	found.anew = finding->there && finding->target.links > 1;
	/* What its owner may not open is made anew. */
	if (!found.adjusts || found.earlier || (finding->target.mode & 0600) == 0)
		tree_open_up(tree, listing->folder, listing->target_fd);
	if (found.earlier)
		found.stamp = finding->earlier_stamp;
	else if (found.adjusts)
		found.stamp = content_stamp(&finding->source, &finding->target);
	return tree_add(tree, listing->folder, &listing->batch, &found);
}

/* A name of this folder goes into the plan, in a group that was begun; MAKES_WAY: for
 * something else of that name. */
static void merge_doom(struct tree *tree, struct listing *listing, const char *name,
		       const struct sys_stat *stat, bool makes_way)
{
	const struct doom doom = {
		.sys = tree->sys,
		.root = tree->root,
		.plan = tree->plan,
		.filter = tree->filter,
		.settings = tree->settings,
		.events = tree->events,
		.attics = { tree->trash, tree->backups },
		.target_path = tree->target_path,
		.makes_way = makes_way,
	};

	doom_name(&doom, listing->target_fd, name, stat, merge_path(listing, name));
}

/* What is in the way of something else goes, in a group of its own. */
static void merge_doom_in_the_way(struct tree *tree, struct listing *listing, const char *name,
				  const struct sys_stat *stat)
{
	plan_begin(tree->plan, listing->folder->target);
	merge_doom(tree, listing, name, stat, true);
	plan_end(tree->plan);
}

/* Tells that the name in the source goes, too, and sees to it. */
static void merge_move(struct tree *tree, struct listing *listing, const char *name,
		       const struct survey_finding *finding, struct error *error)
{
	if (!moving_may(tree, listing, finding, error))
		return;
	tally_add(&tree->tally->to_move, 1);
	merge_tell(tree, WEIR_ACTION_MOVE, 0, &finding->source, merge_path(listing, name));
	if (!tree->settings->dry_run)
		moving_take(tree, listing, name, finding, error);
}

/* A folder is in the way though removals came first: it was not to go, or did not. */
static int merge_meet_left(struct tree *tree, struct listing *listing, const char *name,
			   const struct survey_finding *finding, struct error *error)
{
	if (!tree->settings->dry_run) {
		error_set_text(error, ERROR_SIDE_TARGET, "replace", "a folder has this name");
		return -EISDIR;
	}
	merge_count(tree, listing, name, finding);
	return 0;
}

/* A folder is in the way of what is none: it goes with the plan, and what comes in its
 * place waits until then. */
static int merge_put_off(struct tree *tree, struct listing *listing,
			 const struct tree_dirent *entry, const struct survey_finding *finding,
			 struct error *error)
{
	struct entry found =
		entry_of((unsigned char)IFTODT(finding->source.mode), entry->name, entry->name);
	struct batch *batch;

	if (tree->settings->delete_when == WEIR_DELETE_OFF) {
		error_set_text(error, ERROR_SIDE_TARGET, "replace",
			       "a folder has this name; --delete removes it");
		return -EISDIR;
	}
	if (plan_is_over(tree->plan))
		return merge_meet_left(tree, listing, entry->name, finding, error);
	merge_count(tree, listing, entry->name, finding);
	merge_move(tree, listing, entry->name, finding, error);
	merge_doom_in_the_way(tree, listing, entry->name, &finding->target);
	if (tree->settings->dry_run)
		return 0;
	found.inode = entry->inode;
	batch = batch_of_one(listing->folder, &found);
	if (batch == NULL) {
		error_set(error, -ENOMEM, ERROR_SIDE_SOURCE, "list");
		return -ENOMEM;
	}
	batch->counted = false;
	tree_open_up(tree, listing->folder, listing->target_fd);
	if (found.type == DT_REG) {
		tally_add(&tree->tally->files_found, 1);
		tally_add(&tree->tally->files_open, 1);
	}
	tree_put_off(tree, batch);
	return 0;
}

/* B09, O08: a name that is there, but spelled in another way. */
static int merge_meet_namesake(struct tree *tree, struct listing *listing, const char *name,
			       struct error *error)
{
	struct folder *folder = listing->folder;
	char other[LIMIT_NAME_BYTES];

	if (!namesake_met(tree->sys, folder->target_fs, &folder->namesakes, listing->target_fd,
			  name, other))
		return 0;
	if (rival_met(tree->root, folder, name, name, listing->target_fd, false, "sync to", error))
		return -EEXIST;
	/* It is what this name of the source has become: it stays (E3). */
	if (folder->misspelled == NULL)
		folder->misspelled = calloc(1, sizeof(*folder->misspelled));
	if (folder->misspelled != NULL && other[0] != '\0')
		nameset_add(folder->misspelled, other);
	else
		folder->blurred = true;
	return 0;
}

/* The names that were chosen below the entry are not missing. */
static void merge_miss_nothing(struct tree *tree, const struct listing *listing)
{
	if (tree->chosen != NULL)
		chosen_meet_all(tree->chosen, &listing->part);
}

/* An entry that is no folder is on the way to names that were chosen. */
static void merge_stop_on_the_way(struct tree *tree, struct listing *listing, struct error *error)
{
	merge_miss_nothing(tree, listing);
	error_set_text(error, ERROR_SIDE_SOURCE, "look for names of the list in",
		       "it is no folder");
}

/* True if a rule excludes what it had to know more about. */
static bool merge_excludes(const struct tree *tree, const struct listing *listing,
			   enum filter_verdict verdict, uint32_t mode)
{
	return verdict == FILTER_UNDECIDED &&
	       filter_judge(tree->filter, listing->path, listing->path_bytes,
			    S_ISDIR(mode) ? FILTER_FOLDER : FILTER_OTHER) == FILTER_EXCLUDED;
}

static int merge_child(struct tree *tree, struct listing *listing, const struct tree_dirent *entry,
		       struct error *error)
{
	bool there = false;
	struct sys_stat stat;
	struct folder *child;

	if (listing->target_fd >= 0 && !listing->folder->fresh)
		there = sys_statx(tree->sys, listing->target_fd, entry->name, false, &stat) == 0;
	if (there && merge_meet_namesake(tree, listing, entry->name, error) < 0)
		return -EEXIST;
	if (tree->settings->existing_only && !there) {
		tally_add(&tree->tally->entries_skipped, 1);
		merge_miss_nothing(tree, listing);
		return 0;
	}
	if (!there || !S_ISDIR(stat.mode))
		tree_open_up(tree, listing->folder, listing->target_fd);
	child = folder_new(listing->folder, entry->name, NULL);
	if (child == NULL) {
		error_set(error, -ENOMEM, ERROR_SIDE_SOURCE, "list");
		return -ENOMEM;
	}
	child->part = listing->part;
	list_add_tail(&listing->children, &child->node);
	return 0;
}

static bool merge_leaves_out(const struct settings *settings, uint32_t mode)
{
	if (S_ISLNK(mode))
		return settings->keep[WEIR_PROPERTY_SYMLINK] == WEIR_KEEP_OFF;
	return !S_ISREG(mode) && settings->keep[WEIR_PROPERTY_SPECIAL] == WEIR_KEEP_OFF;
}

/* True if NAME of the source, which is no folder, is to take the place of what the target
 * has; what cannot be told counts as no (E3). */
static bool merge_comes_over(struct tree *tree, struct listing *listing, const char *name)
{
	struct sys_stat source;

	return !settings_leaves_existing(tree->settings) &&
	       sys_statx(tree->sys, listing->fd, name, false, &source) == 0 &&
	       !merge_leaves_out(tree->settings, source.mode) &&
	       !compare_leaves_out(tree->settings, &source);
}

/* Before removals that come first: only folders that are in the way are looked for, and
 * those that have to be listed. */
static void merge_take_first(struct tree *tree, struct listing *listing,
			     const struct tree_dirent *entry, enum filter_verdict verdict,
			     struct error *error)
{
	struct sys_stat stat;
	bool is_folder = entry->type == DT_DIR;

	if (entry->type == DT_UNKNOWN) {
		if (sys_statx(tree->sys, listing->fd, entry->name, false, &stat) < 0)
			return; /* told when it is copied */
		is_folder = S_ISDIR(stat.mode);
		if (merge_excludes(tree, listing, verdict, stat.mode))
			return;
	}
	if (is_folder)
		merge_child(tree, listing, entry, error);
	else if (listing->part.whole && listing->target_fd >= 0 &&
		 sys_statx(tree->sys, listing->target_fd, entry->name, false, &stat) == 0 &&
		 S_ISDIR(stat.mode) && merge_comes_over(tree, listing, entry->name))
		merge_doom_in_the_way(tree, listing, entry->name, &stat);
}

/* True if a new file may be there under another name, which the whole plan is to tell. */
static bool merge_wishes(struct tree *tree, struct listing *listing,
			 const struct tree_dirent *entry, const struct survey_finding *finding)
{
	struct entry found = entry_of(DT_REG, entry->name, entry->name);

	if (tree->renames == NULL || !S_ISREG(finding->source.mode))
		return false;
	found.inode = entry->inode;
	return renames_wish(tree->renames, tree->queue, listing->folder, &found, &finding->source,
			    tree->settings->report_entries ? merge_path(listing, entry->name)
							   : NULL);
}

static bool merge_changes(enum compare_verdict verdict)
{
	return verdict != COMPARE_SAME && verdict != COMPARE_LEAVE && verdict != COMPARE_LEAVE_OUT;
}

/* What is to be done about an entry that is no folder. */
static int merge_decide(struct tree *tree, struct listing *listing, const struct tree_dirent *entry,
			struct survey_finding *finding, struct error *error)
{
	bool in_the_way = finding->there && S_ISDIR(finding->target.mode) &&
			  !plan_is_vacant(tree->plan, &finding->target);
	bool wished;

	if (merge_leaves_out(tree->settings, finding->source.mode)) {
		tally_add(&tree->tally->entries_skipped, 1);
		return 0;
	}
	listing->there += finding->there;
	if (finding->there && !in_the_way &&
	    merge_meet_namesake(tree, listing, entry->name, error) < 0)
		return -EEXIST;
	if (in_the_way && merge_changes(finding->result.verdict))
		return merge_put_off(tree, listing, entry, finding, error);
	wished = finding->result.verdict == COMPARE_CREATE && finding->earlier == SURVEY_NOTHING &&
		 merge_wishes(tree, listing, entry, finding);
	if (!wished)
		merge_count(tree, listing, entry->name, finding);
	merge_move(tree, listing, entry->name, finding, error);
	if (wished || !merge_changes(finding->result.verdict) || tree->settings->dry_run)
		return 0;
	if (merge_add(tree, listing, entry, finding) < 0) {
		error_set(error, -ENOMEM, ERROR_SIDE_SOURCE, "list");
		return -ENOMEM;
	}
	return 0;
}

/* MV3 of moves.c: a name that could not be looked at on both sides is not added, and what
 * it names may have others. */
static void merge_miss_name(struct tree *tree, struct listing *listing, const char *name)
{
	struct sys_stat source;

	if (tree->moves != NULL && sys_statx(tree->sys, listing->fd, name, false, &source) == 0)
		moves_meet(tree->moves, &source);
}

static void merge_look(struct tree *tree, struct listing *listing, const struct tree_dirent *entry,
		       enum filter_verdict verdict, struct error *error)
{
	const struct survey_name name = {
		.folder = listing->folder,
		.source_fd = listing->fd,
		.target_fd = listing->target_fd,
		.earlier_fds = listing->earlier_fds,
		.name = entry->name,
		.inode = entry->inode,
	};
	struct survey_finding finding;
	int result = survey_look(tree->survey, &name, &finding, error);

	/* It is dropped with all that is queued, so that the run is not called complete. */
	if (result == -ECANCELED && merge_add(tree, listing, entry, &finding) == 0)
		return;
	if (result < 0) {
		error->source_changed = error->vanished = result == -ENOENT &&
							  error->side == ERROR_SIDE_SOURCE;
		merge_miss_nothing(tree, listing);
		merge_miss_name(tree, listing, entry->name);
		return;
	}
	if (merge_excludes(tree, listing, verdict, finding.source.mode)) {
		tally_add(&tree->tally->excluded, 1);
		merge_miss_nothing(tree, listing);
		return;
	}
	if (S_ISDIR(finding.source.mode))
		merge_child(tree, listing, entry, error);
	else if (!listing->part.whole)
		merge_stop_on_the_way(tree, listing, error);
	else if (merge_decide(tree, listing, entry, &finding, error) < 0 && tree->moves != NULL)
		moves_meet(tree->moves, &finding.source); /* MV3 of moves.c: it is not added */
}

/* True if NAME of the target of FOLDER, of which STAT tells (or NULL), keeps what goes. */
static bool merge_is_attic(const struct tree *tree, const struct folder *folder, const char *name,
			   const struct sys_stat *stat)
{
	const struct dir *target = folder->target;

	return target != NULL && ((tree->trash != NULL && attic_is(tree->trash, target->device,
								   target->inode, name, stat)) ||
				  (tree->backups != NULL && attic_is(tree->backups, target->device,
								     target->inode, name, stat)));
}

/* True if the source has something of the name of what keeps that which goes from the
 * target: it is left out, as by a rule. */
static bool merge_meets_attic(struct tree *tree, struct listing *listing, const char *name)
{
	struct sys_stat stat;

	return listing->target_fd >= 0 && merge_is_attic(tree, listing->folder, name, NULL) &&
	       (sys_statx(tree->sys, listing->target_fd, name, false, &stat) < 0 ||
		merge_is_attic(tree, listing->folder, name, &stat));
}

void merge_take(struct tree *tree, struct listing *listing, const struct tree_dirent *entry,
		enum filter_verdict verdict)
{
	struct error error = { 0 };

	nameset_add(&listing->names, entry->name);
	if (merge_meets_attic(tree, listing, entry->name)) {
		tally_add(&tree->tally->excluded, 1);
		merge_miss_nothing(tree, listing);
		return;
	}
	if (tree->chosen != NULL)
		chosen_meet(tree->chosen, &listing->part);
	if (strlen(entry->name) >= LIMIT_NAME_BYTES)
		error_set(&error, -ENAMETOOLONG, ERROR_SIDE_SOURCE, "copy");
	else if (tree->plans_first)
		merge_take_first(tree, listing, entry, verdict, &error);
	else if (entry->type == DT_DIR)
		merge_child(tree, listing, entry, &error);
	else if (!listing->part.whole && entry->type != DT_UNKNOWN)
		merge_stop_on_the_way(tree, listing, &error);
	else
		merge_look(tree, listing, entry, verdict, &error);
	if (error.grade != ERROR_NONE)
		tree_error(tree, &error, listing->folder, entry->name);
}

/* ---- names of the target ---- */

/* L01: with -x a mount point of the target is left as it is, too. */
static bool merge_is_beyond(const struct tree *tree, const struct folder *folder)
{
	const struct dir *target = folder->target;

	return tree->settings->one_file_system && target->parent != NULL &&
	       target->mount != target->parent->mount && target->device != target->parent->device;
}

bool merge_plans(const struct tree *tree, const struct folder *folder)
{
	if (tree->settings->delete_when == WEIR_DELETE_OFF || folder->target == NULL ||
	    folder->fresh || folder->is_border || !folder->begun || plan_is_over(tree->plan))
		return false;
	if (merge_is_beyond(tree, folder))
		return false;
	if (tree->chosen != NULL && !folder->part.whole)
		return false; /* what else it holds is nobody's business */
	return tree->plans_first || tree->settings->delete_when == WEIR_DELETE_LAST;
}

/* True if the source has NAME; what cannot be told counts as yes (E3). */
static bool merge_source_has(struct tree *tree, struct listing *listing, const char *name)
{
	const struct nameset *misspelled = listing->folder->misspelled;
	struct sys_stat stat;

	if (misspelled != NULL && nameset_has(misspelled, name))
		return true;
	if (listing->names_known)
		return nameset_has(&listing->names, name);
	return sys_statx(tree->sys, listing->fd, name, false, &stat) != -ENOENT;
}

static bool merge_is_excluded(struct tree *tree, struct listing *listing, const char *name,
			      const struct sys_stat *stat)
{
	if (tree->filter->count == 0)
		return false;
	merge_path(listing, name);
	return filter_judge(tree->filter, listing->path, listing->head_bytes + strlen(name),
			    S_ISDIR(stat->mode) ? FILTER_FOLDER : FILTER_OTHER) == FILTER_EXCLUDED;
}

/* A folder that takes the place of a file has the name of a temp for a moment; one that
 * a killed run has left is older. */
static bool merge_is_new(const struct sys_stat *stat)
{
	return time(NULL) - stat->ctime.tv_sec < LIMIT_TEMP_FOLDER_S;
}

/* True if NAME is a backup that stays where it was made. */
static bool merge_is_backup(const struct tree *tree, const char *name, const struct sys_stat *stat)
{
	return tree->settings->backup != WEIR_BACKUP_NONE && tree->backups == NULL &&
	       !S_ISDIR(stat->mode) && backup_is_one(tree->settings, name);
}

/* What is to become of a name of the target. */
enum merge_fate {
	MERGE_KNOWN, /* it was looked at with the source's */
	MERGE_STAYS, /* the source does not have it, or a rule hides that */
	MERGE_GOES,
};

/* GOES: STAT tells what it is. */
static enum merge_fate merge_judge(struct tree *tree, struct listing *listing, const char *name,
				   struct sys_stat *stat)
{
	bool rules = tree->filter->count > 0;
	struct error error;
	int result;

	if (!rules && merge_source_has(tree, listing, name))
		return MERGE_KNOWN;
	result = strlen(name) < LIMIT_NAME_BYTES
			 ? sys_statx(tree->sys, listing->target_fd, name, false, stat)
			 : -ENAMETOOLONG;
	if (result == -ENOENT)
		return MERGE_KNOWN; /* gone by itself */
	if (result < 0) {
		error_set(&error, result, ERROR_SIDE_TARGET, "stat");
		tree_error(tree, &error, listing->folder, name);
		return MERGE_STAYS;
	}
	if (merge_is_attic(tree, listing->folder, name, stat) || merge_is_backup(tree, name, stat))
		return MERGE_STAYS;
	if (merge_is_excluded(tree, listing, name, stat))
		return tree->settings->delete_excluded ? MERGE_GOES : MERGE_STAYS;
	/* Temps of killed runs are swept; others are somebody's who is at work. */
	if (temp_name_ours(name) && (!S_ISDIR(stat->mode) || merge_is_new(stat)))
		return MERGE_KNOWN;
	return rules && merge_source_has(tree, listing, name) ? MERGE_KNOWN : MERGE_GOES;
}

static bool merge_is_dot(const char *name)
{
	return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* One buffer of names, which are in one group of the plan. */
static void merge_plan_names(struct tree *tree, struct listing *listing, const char *buffer,
			     ssize_t bytes)
{
	uint64_t listed = 0;
	bool begun = false;

	for (ssize_t at = 0; at < bytes;) {
		const struct tree_dirent *entry = (const void *)(buffer + at);
		enum merge_fate fate;
		struct sys_stat stat;

		at += entry->length;
		listing->folder->scan_offset = entry->offset;
		if (merge_is_dot(entry->name))
			continue;
		fate = merge_judge(tree, listing, entry->name, &stat);
		listed += fate != MERGE_KNOWN || tree->plans_first;
		if (fate != MERGE_GOES)
			continue;
		if (!begun)
			plan_begin(tree->plan, listing->folder->target);
		begun = true;
		merge_doom(tree, listing, entry->name, &stat, false);
	}
	if (begun)
		plan_end(tree->plan);
	plan_count_listed(tree->plan, listed);
}

bool merge_plan(struct tree *tree, struct listing *listing)
{
	struct folder *folder = listing->folder;
	_Alignas(struct tree_dirent) char buffer[LIMIT_LIST_BYTES];
	struct error error;
	ssize_t bytes;
	int fd;

	if (folder->blurred || (folder->misspelled != NULL && folder->misspelled->overflowed)) {
		error_set_text(&error, ERROR_SIDE_TARGET, "delete in",
			       "names are spelled in another way there than in the source");
		tree_error(tree, &error, folder, NULL);
		return true;
	}
	/* A descriptor of its own: that of the folder may be read by others. */
	fd = root_open_to_list(tree->root, listing->target_fd, ".");
	bytes = fd;
	if (bytes >= 0)
		bytes = sys_lseek(tree->sys, fd, folder->scan_offset, SEEK_SET);
	if (bytes >= 0)
		bytes = sys_getdents(tree->sys, fd, buffer, sizeof(buffer));
	if (bytes > 0)
		merge_plan_names(tree, listing, buffer, bytes);
	if (fd >= 0)
		sys_close(tree->sys, fd);
	if (bytes >= 0)
		return bytes == 0;
	error_set(&error, bytes, ERROR_SIDE_TARGET, "list folder");
	tree_error(tree, &error, folder, NULL);
	return true;
}

/* ---- folders ---- */

static void merge_tell_folder(struct tree *tree, struct folder *folder, enum weir_action action,
			      unsigned changes)
{
	char *path;

	if (!tree->settings->report_entries)
		return;
	path = folder_path_below(folder);
	if (path != NULL)
		merge_tell(tree, action, changes, &folder->stat, path[0] != '\0' ? path : ".");
	free(path);
}

/* True if the folder of the target is this run's, or would be. */
static bool merge_makes(const struct tree *tree, const struct folder *folder)
{
	return folder->target == NULL || folder->fresh ||
	       (folder->into_parent && tree->target_made);
}

int merge_folder(struct tree *tree, struct folder *folder, struct error *error)
{
	unsigned changes = 0;
	bool old_time = false;
	int result = 0;

	if (tree->plans_first)
		return 0;
	if (!folder->into_parent &&
	    (folder->replaces || (folder->target != NULL && !folder->fresh)))
		plan_count_listed(tree->plan, 1);
	if (merge_makes(tree, folder)) {
		tally_add(folder->replaces ? &tree->tally->to_replace : &tree->tally->to_create, 1);
		merge_tell_folder(tree, folder,
				  folder->replaces ? WEIR_ACTION_REPLACE : WEIR_ACTION_FOLDER,
				  folder->replaces ? WEIR_CHANGE_TYPE : 0);
		return 0;
	}
	result = survey_folder(tree->survey, folder, &changes, &old_time, error);
	if (result < 0)
		return result;
	folder->settled = changes == 0;
	if (changes == 0 && !old_time) {
		tally_add(&tree->tally->unchanged, 1);
		return 0;
	}
	if (old_time)
		atomic_store(&folder->changed, true); /* its end sets that */
	tally_add(&tree->tally->to_change, 1);
	merge_tell_folder(tree, folder, WEIR_ACTION_ATTRIBUTES,
			  changes | (old_time ? WEIR_CHANGE_TIME : 0));
	return 0;
}
