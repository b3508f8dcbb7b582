/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From operands to work.
 *
 * Invariants:
 * A1 each operand is resolved once, here; below it nothing is found by path;
 * A2 the guards see all operands before anything is written: one refusal and
 *    nothing of the run is done (exit 28);
 * A3 a source that cannot be used is reported and left out, the others go on;
 *    one that a rule excludes is left out before anything else is asked of it.
 */
#define _GNU_SOURCE
#include "operand.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guard.h"
#include "holder.h"
#include "limits.h"
#include "meta.h"
#include "parents.h"
#include "temp.h"

int operands_add(struct operands *operands, int dirfd, const char *path)
{
	struct operand *sources = operands->sources;

	if (operands->count == operands->room) {
		size_t room = operands->room == 0 ? 16 : operands->room * 2;

		sources = reallocarray(sources, room, sizeof(*sources));
		if (sources == NULL)
			return -ENOMEM;
		operands->sources = sources;
		operands->room = room;
	}
	sources[operands->count] = (struct operand){ .dirfd = dirfd, .path = strdup(path) };
	if (sources[operands->count].path == NULL)
		return -ENOMEM;
	operands->count++;
	return 0;
}

void operands_unlock(struct operands *operands, struct root *root)
{
	if (operands->locked)
		dir_temp_removed(root, operands->target);
	operands->locked = false;
	if (operands->held)
		dir_release(root, operands->target);
	operands->held = false;
}

void operands_close(struct operands *operands, struct root *root)
{
	operands_unlock(operands, root);
	for (size_t i = 0; i < operands->count; i++) {
		struct operand *source = &operands->sources[i];

		free(source->path);
		free(source->folder_path);
		free(source->name);
		free(source->target_name);
		free(source->rule_path);
		free(source->place);
	}
	free(operands->names);
	free(operands->landing);
	free(operands->sources);
	free(operands->target_path);
	free(operands->target_name);
	if (operands->target != NULL)
		dir_put(root, operands->target);
	memset(operands, 0, sizeof(*operands));
}

/* ---- telling ---- */

static void operand_tell(struct tree *tree, enum weir_event_type type, long result,
			 enum error_side side, const char *operation, const char *text,
			 const char *path, const char *other)
{
	struct weir_event event = {
		.type = type,
		.side = (enum weir_side)side,
		.errnum = result < 0 ? (int)-result : 0,
		.offset = -1,
		.operation = operation,
		.text = text,
		.other = other,
	};
	unsigned class = type == WEIR_EVENT_REFUSED ? EVENT_CLASS_REFUSED
			 : type == WEIR_EVENT_FATAL ? EVENT_CLASS_FATAL
						    : EVENT_CLASS_FAILED;

	atomic_fetch_or(&tree->events->classes, class);
	tally_add(&tree->tally->entries_failed, 1);
	event_post(tree->events, &event, path, false);
}

int operand_refuse(struct tree *tree, const char *operation, const char *text, const char *path)
{
	return operand_refuse_about(tree, operation, text, path, NULL);
}

int operand_refuse_about(struct tree *tree, const char *operation, const char *text,
			 const char *path, const char *other)
{
	operand_tell(tree, WEIR_EVENT_REFUSED, 0, ERROR_SIDE_NONE, operation, text, path, other);
	return -ECANCELED;
}

int operand_fatal(struct tree *tree, long result, const char *operation, const char *text,
		  const char *path)
{
	operand_tell(tree, WEIR_EVENT_FATAL, result, ERROR_SIDE_TARGET, operation, text, path,
		     NULL);
	return -ECANCELED;
}

/* ---- paths ---- */

/* Splits PATH into the folder part ("." if there is none) and the last
 * component without trailing slashes; both to be freed.  0 or -ENOMEM. */
static int operand_split(const char *path, char **folder, char **name)
{
	size_t end = strlen(path);
	size_t start;

	while (end > 1 && path[end - 1] == '/')
		end--;
	start = end;
	while (start > 0 && path[start - 1] != '/')
		start--;
	*name = strndup(path + start, end - start);
	while (start > 1 && path[start - 1] == '/')
		start--;
	*folder = start == 0 ? strdup(".") : strndup(path, start);
	if (*name != NULL && *folder != NULL)
		return 0;
	free(*name);
	free(*folder);
	*name = *folder = NULL;
	return -ENOMEM;
}

static bool operand_is_self(const char *name)
{
	return name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	       strcmp(name, "/") == 0;
}

/* Where TEXT, the link PATH's target, leads: PATH is replaced.  0 or -ENOMEM. */
static int operand_follow(char **path, const char *text)
{
	char *folder, *name, *next;

	if (text[0] == '/') {
		next = strdup(text);
	} else {
		if (operand_split(*path, &folder, &name) < 0)
			return -ENOMEM;
		if (asprintf(&next, "%s/%s", folder, text) < 0)
			next = NULL;
		free(folder);
		free(name);
	}
	if (next == NULL)
		return -ENOMEM;
	free(*path);
	*path = next;
	return 0;
}

/* Whose links are followed. */
enum operand_trust {
	TRUST_ALL,  /* a source: the operator named it, and it is only read */
	TRUST_OURS, /* a target: root's and our own (J04) */
};

static bool operand_lies_in_proc(struct tree *tree, int dirfd, const char *path)
{
	int fd = sys_openat(tree->sys, dirfd, path, O_PATH | O_NOFOLLOW, 0);
	struct statfs statfs;
	bool result = fd >= 0 && sys_fstatfs(tree->sys, fd, &statfs) == 0 &&
		      statfs.f_type == PROC_SUPER_MAGIC;

	if (fd >= 0)
		sys_close(tree->sys, fd);
	return result;
}

/* Follows links in the last component of *path until it is none.  A dangling
 * one stays as it is when KEEP_DANGLING.  Sets *through_proc, unless that is NULL,
 * when one lies in /proc.  0 or -errno; -EPERM: one is not trusted. */
static int operand_resolve_links(struct tree *tree, int dirfd, char **path, bool keep_dangling,
				 enum operand_trust trust, bool *through_proc)
{
	char text[PATH_MAX + 1];
	char *first = strdup(*path);
	int result = first == NULL ? -ENOMEM : 0;
	struct sys_stat stat;

	for (unsigned hops = 0; result == 0; hops++) {
		ssize_t bytes;

		result = sys_statx(tree->sys, dirfd, *path, false, &stat);
		if (result < 0 || !S_ISLNK(stat.mode))
			break;
		if (trust == TRUST_OURS && stat.uid != 0 && stat.uid != geteuid()) {
			result = -EPERM;
			break;
		}
		if (hops == LIMIT_LINK_HOPS) {
			result = -ELOOP;
			break;
		}
		if (through_proc != NULL && operand_lies_in_proc(tree, dirfd, *path))
			*through_proc = true;
		bytes = sys_readlinkat(tree->sys, dirfd, *path, text, PATH_MAX);
		if (bytes < 0) {
			result = (int)bytes;
			break;
		}
		text[bytes] = '\0';
		result = operand_follow(path, text);
	}
	if (result == -ENOENT && keep_dangling && first != NULL) {
		free(*path);
		*path = first;
		return 0;
	}
	free(first);
	return result;
}

/* True if the last component leads through a link of /proc to what some process has
 * open, as /dev/stdout does: the text of such a link is no way to it. */
static bool operand_is_magic(struct tree *tree, int dirfd, const char *path)
{
	char *way = strdup(path);
	bool through_proc = false;

	if (way != NULL)
		operand_resolve_links(tree, dirfd, &way, true, TRUST_ALL, &through_proc);
	free(way);
	return through_proc;
}

/* ---- the target ---- */

static int operands_read_handed(struct operands *operands, struct tree *tree)
{
	struct losses losses = { 0 };
	struct error error;
	const struct flags_env env = { tree->sys, tree->settings, &losses, &error };
	const struct flags_place place = { operands->target_fs, operands->target->fd, "", false };

	return flags_read_handed(&env, &place, &operands->target_handed);
}

int operands_open_target(struct operands *operands, struct tree *tree, const char *path)
{
	int result = dir_open_path(tree->root, operands->target_dirfd, path, &operands->target);

	if (result < 0) {
		operands->target = NULL;
		return operand_fatal(tree, result, "open folder", NULL, path);
	}
	/* It must be what was judged, whatever its name leads to by now. */
	if (path == operands->target_path && operands->judged.mode != 0 &&
	    (operands->judged.device != operands->target->device ||
	     operands->judged.inode != operands->target->inode)) {
		dir_unpin(tree->root, operands->target);
		return operand_fatal(tree, -ESTALE, "open folder", NULL, path);
	}
	operands->target_fs = fs_find(tree->fs, operands->target->fd, operands->target->device,
				      !tree->settings->dry_run);
	operands->target_hands_acl_on =
		meta_hands_acl_on(tree->sys, tree->settings, operands->target->fd);
	result = operands->target_fs != NULL ? operands_read_handed(operands, tree) : -ENOMEM;
	dir_unpin(tree->root, operands->target);
	return result < 0 ? operand_fatal(tree, result, "open folder", NULL, path) : 0;
}

/* The target is a name: its folder is opened, the name kept.  LEADS: it is what a
 * link leads to, if it is one. */
static int operands_target_as_name(struct operands *operands, struct tree *tree, bool leads)
{
	char *path = strdup(operands->target_path);
	char *folder = NULL;
	int result = path != NULL ? 0 : -ENOMEM;
	size_t length = path != NULL ? strlen(path) : 0;

	operands->target_slash = length > 0 && path[length - 1] == '/';
	/* "link/" is what the link leads to. */
	while (leads && length > 1 && path[length - 1] == '/')
		path[--length] = '\0';
	/* A link to a file is resolved once; a dangling one is replaced, and so is
	 * one that gets a backup, which is then the link. */
	if (result == 0 && leads)
		result = operand_resolve_links(tree, operands->target_dirfd, &path, true,
					       TRUST_OURS, NULL);
	if (result == 0)
		result = operand_split(path, &folder, &operands->target_name);
	if (result == 0 && operand_is_self(operands->target_name)) {
		/* "-T SOURCE .": the folder itself is meant. */
		free(operands->target_name);
		operands->target_name = NULL;
		operands->merge = true;
		result = operands_open_target(operands, tree, operands->target_path);
	} else if (result == 0)
		result = operands_open_target(operands, tree, folder);
	else if (result != -ENOMEM)
		result = operand_fatal(tree, result, "resolve", NULL, operands->target_path);
	free(path);
	free(folder);
	return result;
}

/* J04: a link that another user put in the place of the target would lead the
 * copy wherever that user likes.  "link/" is the link, too. */
int operands_guard_link(struct operands *operands, struct tree *tree)
{
	size_t length = strlen(operands->target_path);
	char *path;
	int result;

	while (length > 1 && operands->target_path[length - 1] == '/')
		length--;
	path = strndup(operands->target_path, length);
	if (path == NULL)
		return -ENOMEM;
	result = operand_resolve_links(tree, operands->target_dirfd, &path, true, TRUST_OURS, NULL);
	if (result == 0)
		result = sys_statx(tree->sys, operands->target_dirfd, path, false,
				   &operands->judged);
	free(path);
	if (result == -ENOMEM)
		return result;
	if (result == -EPERM)
		return operand_refuse(
			tree, "copy to",
			"it is a symbolic link of another user, which is not followed",
			operands->target_path);
	return 0; /* whatever else is wrong shows when it is opened */
}

bool operands_mean_link(const struct settings *settings)
{
	return settings->fresh || settings->backup != WEIR_BACKUP_NONE ||
	       settings->make == WEIR_MAKE_LINK || settings->make == WEIR_MAKE_SYMLINK;
}

/* Whether links among the operands are followed. */
static bool operands_follow(const struct settings *settings)
{
	if (settings->follow == WEIR_FOLLOW_AUTO)
		return !settings->recursive;
	return settings->follow != WEIR_FOLLOW_NEVER;
}

/* True if the only source is a link, FIFO or device that is made anew: it has no
 * bytes that could go into what is there. */
static bool operands_make_node(const struct operands *operands, struct tree *tree)
{
	const struct operand *source = &operands->sources[0];
	const struct settings *settings = tree->settings;
	struct sys_stat stat;
	int result;

	if (operands->count != 1)
		return false;
	if (operands_follow(settings) || source->path[strlen(source->path) - 1] == '/')
		result = sys_statx_follow(tree->sys, source->dirfd, source->path, &stat);
	else
		result = sys_statx(tree->sys, source->dirfd, source->path, false, &stat);
	if (result < 0 || S_ISREG(stat.mode) || S_ISDIR(stat.mode))
		return false;
	return S_ISLNK(stat.mode) || (settings->recursive && !settings->copy_contents);
}

/* True if a link that is the target operand is followed, not replaced. */
static bool operands_follow_link(const struct operands *operands, struct tree *tree,
				 const struct sys_stat *led)
{
	size_t length = strlen(operands->target_path);

	if (operands->target_path[length - 1] == '/')
		return true;
	if (!S_ISDIR(led->mode))
		return !operands_mean_link(tree->settings) && !operands_make_node(operands, tree);
	return operands->target_mode != WEIR_TARGET_NAME || tree->settings->keep_folder_links;
}

/* C06: what is no file is written to as a stream, or refused. */
static int operands_judge_special(struct operands *operands, struct tree *tree,
				  const struct sys_stat *target)
{
	const struct settings *settings = tree->settings;

	if (S_ISBLK(target->mode) || S_ISSOCK(target->mode))
		return operand_refuse(tree, "copy to",
				      "it is a block device or socket, which is never replaced",
				      operands->target_path);
	/* What the caller has open is written to; to replace it would take it away. */
	if (S_ISREG(target->mode) &&
	    !operand_is_magic(tree, operands->target_dirfd, operands->target_path))
		return 0;
	if (!S_ISFIFO(target->mode) && !S_ISCHR(target->mode) && !S_ISREG(target->mode))
		return 0;
	if (settings->make != WEIR_MAKE_COPY || operands_make_node(operands, tree))
		return operand_refuse(tree, "copy to",
				      "it is a device or FIFO, which is never replaced",
				      operands->target_path);
	operands->target_streams = !settings_leaves_existing(settings);
	return 0;
}

static int operands_resolve_target(struct operands *operands, struct tree *tree)
{
	struct sys_stat stat;
	const char *path = operands->target_path;
	int result = sys_statx_follow(tree->sys, operands->target_dirfd, path, &stat);
	bool is_folder = result == 0 && S_ISDIR(stat.mode);
	bool leads;

	/* A link in a circle leads nowhere, as a dangling one. */
	if (result == -ELOOP && operands->target_mode != WEIR_TARGET_FOLDER &&
	    sys_statx(tree->sys, operands->target_dirfd, path, false, &stat) == 0)
		result = -ENOENT;
	/* EACCES: the kernel does not follow some links of others either. */
	if (result == -EACCES || (result == 0 && operands_follow_link(operands, tree, &stat))) {
		int guarded = operands_guard_link(operands, tree);

		if (guarded < 0)
			return guarded;
	}
	if (result < 0 && result != -ENOENT)
		return operand_fatal(tree, result, "stat", NULL, path);
	if (tree->settings->parents && (!is_folder || operands->target_mode == WEIR_TARGET_NAME))
		return operand_fatal(tree,
				     result < 0	 ? result
				     : is_folder ? -EINVAL
						 : -ENOTDIR,
				     "copy into", "with --parents it must be an existing folder",
				     path);
	if (operands->target_mode != WEIR_TARGET_NAME && is_folder)
		return operands_open_target(operands, tree, path);
	if (operands->target_mode == WEIR_TARGET_FOLDER)
		return operand_fatal(tree, result < 0 ? result : -ENOTDIR, "copy into", NULL, path);
	if (operands->count > 1)
		return operand_fatal(tree, result < 0 ? result : -ENOTDIR, "copy into",
				     "several sources need a folder to go into", path);
	if (result == 0 && !tree->settings->fresh) {
		int judged = operands_judge_special(operands, tree, &stat);

		if (judged < 0)
			return judged;
	}
	/* A link that leads nowhere is no way to anything: it is replaced. */
	leads = result == 0 && !operands->target_streams &&
		(is_folder ? tree->settings->keep_folder_links || path[strlen(path) - 1] == '/'
			   : operands_follow_link(operands, tree, &stat));
	return operands_target_as_name(operands, tree, leads);
}

/* ---- the sources ---- */

/* A source that cannot be used (A3). */
int operand_leave_out(struct tree *tree, long result, const char *operation, const char *text,
		      const struct operand *source)
{
	struct error error = { 0 };

	if (result < 0)
		error_set(&error, result, ERROR_SIDE_SOURCE, operation);
	else
		error_set_text(&error, ERROR_SIDE_SOURCE, operation, text);
	event_post_error(tree->events, &error, source->path, false);
	return 0;
}

/* True if a rule leaves SOURCE out; it is then neither an error nor looked at
 * any further. */
static bool operand_is_excluded(const struct tree *tree, struct operand *source,
				enum filter_kind kind)
{
	if (source->rule_path == NULL || source->rule_path[0] == '\0')
		return false;
	source->excluded = filter_judge(tree->filter, source->rule_path, strlen(source->rule_path),
					kind) == FILTER_EXCLUDED;
	return source->excluded;
}

/* Where SOURCE begins for the rules, if there are any.  0 or -ENOMEM. */
static int operand_find_rule_path(const struct tree *tree, struct operand *source)
{
	if (tree->filter->count == 0)
		return 0;
	source->rule_path = malloc(strlen(source->path) + 1);
	if (source->rule_path == NULL)
		return -ENOMEM;
	filter_operand_path(source->path, tree->settings->rule_paths, source->rule_path);
	return 0;
}

/* Its place in the target is by the name that was given, not the one a link
 * led to. */
static int operand_name_target(struct tree *tree, struct operand *source)
{
	char *folder;
	int result;

	if (tree->settings->parents)
		return parents_place(source->path, &source->place, &source->target_name);
	result = operand_split(source->path, &folder, &source->target_name);
	if (result == 0)
		free(folder);
	return result;
}

/* True if the kernel follows the links of SOURCE to something else than PATH, which
 * their texts lead to with RESULT.  Its stat is then that. */
static bool operand_is_elsewhere(struct tree *tree, struct operand *source, const char *path,
				 int result)
{
	struct sys_stat led;

	if ((result < 0 && result != -ENOENT) || strcmp(path, source->path) == 0 ||
	    sys_statx_follow(tree->sys, source->dirfd, source->path, &led) < 0 ||
	    (result == 0 && led.device == source->stat.device && led.inode == source->stat.inode))
		return false;
	source->stat = led;
	return true;
}

static int operand_resolve(struct tree *tree, struct operand *source)
{
	bool recursive = tree->settings->recursive;
	size_t length = strlen(source->path);
	bool follow = operands_follow(tree->settings);
	int result = operand_find_rule_path(tree, source);
	char *path = NULL;

	if (result == 0 && operand_is_excluded(tree, source, FILTER_UNKNOWN))
		return 0;
	if (result == 0)
		path = strdup(source->path);
	if (path == NULL)
		return -ENOMEM;
	if (tree->settings->parents && parents_leaves(source->path)) {
		free(path);
		return operand_refuse(tree, "copy",
				      "with --parents its '..' would lead out of the target",
				      source->path);
	}
	/* The text of a link is the name that was given. */
	if (tree->settings->make == WEIR_MAKE_SYMLINK && follow && !recursive) {
		result = sys_statx_follow(tree->sys, source->dirfd, source->path, &source->stat);
		follow = result == 0 && S_ISDIR(source->stat.mode);
	}
	follow = follow || source->path[length - 1] == '/';
	if (result == 0 && follow)
		result = operand_resolve_links(tree, source->dirfd, &path, false, TRUST_ALL, NULL);
	if (result == 0)
		result = sys_statx(tree->sys, source->dirfd, path, false, &source->stat);
	/* A link of /proc leads where its text does not: to a pipe, or to a file
	 * that has no name any more.  The kernel follows it. */
	if (follow && operand_is_elsewhere(tree, source, path, result)) {
		free(path);
		path = strdup(source->path);
		source->magic = true;
		result = path != NULL ? 0 : -ENOMEM;
	}
	if (result < 0) {
		free(path);
		if (result == -ENOMEM)
			return result;
		return operand_leave_out(tree, result, "stat", NULL, source);
	}
	result = operand_split(path, &source->folder_path, &source->name);
	free(path);
	if (result == 0)
		result = operand_name_target(tree, source);
	if (result < 0)
		return result;
	source->type = (unsigned char)IFTODT(source->stat.mode);
	source->is_folder = S_ISDIR(source->stat.mode);
	source->into_parent = source->is_folder && operand_is_self(source->target_name);
	if (operand_is_excluded(tree, source, source->is_folder ? FILTER_FOLDER : FILTER_OTHER))
		return 0;
	if (source->is_folder && !recursive)
		return operand_leave_out(tree, 0, "copy", "it is a folder; -r copies folders",
					 source);
	if (S_ISSOCK(source->stat.mode) && !recursive)
		return operand_leave_out(tree, 0, "copy", "it is a socket; -r copies it as one",
					 source);
	source->usable = true;
	return 0;
}

/* ---- all of them ---- */

/* What links in the target must not lead into. */
static int operands_tell_landing(struct operands *operands, struct tree *tree)
{
	size_t count = 0;

	tree->landing.target_is_name = operands->target_name != NULL;
	if (!tree->settings->keep_folder_links || operands->folders == 0)
		return 0;
	operands->landing = calloc(operands->folders, sizeof(*operands->landing));
	if (operands->landing == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < operands->count; i++) {
		const struct operand *source = &operands->sources[i];

		if (source->usable && source->is_folder)
			operands->landing[count++] = (struct landing_source){
				.device = source->stat.device,
				.inode = source->stat.inode,
			};
	}
	tree->landing.sources = operands->landing;
	tree->landing.count = count;
	return 0;
}

int operands_resolve(struct operands *operands, struct tree *tree)
{
	int result = operands_resolve_target(operands, tree);

	for (size_t i = 0; i < operands->count && result == 0; i++) {
		struct operand *source = &operands->sources[i];

		result = operand_resolve(tree, source);
		operands->excluded += source->excluded;
		if (result < 0 || !source->usable)
			continue;
		if (operands->merge && !source->is_folder)
			return operand_fatal(tree, -EISDIR, "copy to", NULL, operands->target_path);
		source->into_parent = source->into_parent || operands->merge;
		if (operands->target_slash && !source->is_folder)
			return operand_fatal(tree, -ENOTDIR, "copy to", NULL,
					     operands->target_path);
		if (operands->target_name != NULL) {
			free(source->target_name);
			source->target_name = strdup(operands->target_name);
			source->into_parent = false;
			if (source->target_name == NULL)
				return -ENOMEM;
		}
		if (source->is_folder)
			operands->folders++;
		if (S_ISREG(source->stat.mode)) {
			operands->files++;
			operands->bytes += source->stat.size_bytes;
		}
	}
	if (result == 0)
		result = guard_operands(operands, tree);
	return result < 0 ? result : operands_tell_landing(operands, tree);
}

/* ---- queueing ---- */

/* The folder that pairs where SOURCE lies with the target. */
static struct folder *operand_pair(struct operands *operands, struct tree *tree,
				   const struct operand *source, int *error)
{
	struct folder *folder = folder_new(NULL, source->folder_path, operands->target_path);
	int result;

	if (folder == NULL)
		return NULL;
	folder->by_path = true;
	folder->base_fd = source->dirfd;
	folder->begun = true;
	if (operands->target != NULL) /* else a dry run, and it is not there yet */
		folder->target = dir_get(tree->root, operands->target);
	folder->target_fs = operands->target_fs;
	folder->default_acl = operands->target_hands_acl_on;
	folder->rivals = operands->names;
	folder->rival_count = operands->name_count;
	folder->handed = operands->target_handed;
	result = dir_open_path(tree->root, source->dirfd, source->folder_path, &folder->source);
	*error = result;
	if (result < 0) {
		folder->source = NULL;
		return folder; /* told by each entry that needs it */
	}
	folder->source_fs = fs_find(tree->fs, folder->source->fd, folder->source->device, false);
	dir_unpin(tree->root, folder->source);
	return folder;
}

struct folder *operand_folder(struct folder *pair, const struct operand *source)
{
	struct folder *folder = folder_new(pair, source->path, source->target_name);

	if (folder == NULL)
		return NULL;
	folder->by_path = true;
	folder->base_fd = source->dirfd;
	folder->into_parent = source->into_parent;
	folder->stat = source->stat;
	return folder;
}

static int operand_queue_folder(struct tree *tree, struct folder *pair,
				const struct operand *source)
{
	struct folder *folder = operand_folder(pair, source);

	if (folder == NULL)
		return -ENOMEM;
	tree_push(tree, folder);
	return 0;
}

int operand_add_file(struct tree *tree, struct folder *pair, struct batch **batch,
		     const struct operand *source)
{
	struct entry entry = entry_of(source->type, source->name, source->target_name);

	entry.follow = source->magic;
	return tree_add(tree, pair, batch, &entry);
}

/* Lets go of a pair; everything it was for holds references of its own. */
static void operand_put_pair(struct tree *tree, struct folder *pair)
{
	if (pair != NULL && folder_put(pair))
		folder_free(pair, tree->root);
}

static int operands_queue_one(struct operands *operands, struct tree *tree,
			      const struct operand *source, struct folder **pair,
			      struct batch **batch)
{
	bool same = *pair != NULL && strcmp((*pair)->name, source->folder_path) == 0 &&
		    (*pair)->base_fd == source->dirfd && (*pair)->source != NULL;
	int error = -EBADF;

	if (!same) {
		if (*batch != NULL)
			queue_push_batch(tree->queue, *batch);
		*batch = NULL;
		operand_put_pair(tree, *pair);
		*pair = operand_pair(operands, tree, source, &error);
	}
	if (*pair == NULL)
		return -ENOMEM;
	if (source->is_folder)
		return operand_queue_folder(tree, *pair, source);
	if ((*pair)->source == NULL)
		return operand_leave_out(tree, error, "open folder of", NULL, source);
	return operand_add_file(tree, *pair, batch, source);
}

/* Removes what killed runs left in the target, then holds it shared until the
 * end: a run that wants it for itself meets us, as we meet it here (exit 29). */
static int operands_lock(struct operands *operands, struct tree *tree)
{
	char text[HOLDER_TEXT_BYTES];
	struct error error;
	int fd = dir_pin(tree->root, operands->target, NULL);
	int result = 0;

	if (fd < 0)
		return operand_fatal(tree, fd, "open folder", NULL, operands->target_path);
	temp_sweep(tree->root, operands->target, fd);
	result = dir_temp_added(tree->root, operands->target);
	operands->locked = result == 0;
	if (result < 0)
		holder_tell(tree->sys, fd, text);
	dir_unpin(tree->root, operands->target);
	if (result == 0)
		return 0;
	error_set_text(&error, ERROR_SIDE_TARGET, "copy into", text);
	error.grade = ERROR_RUN;
	error.busy = true;
	event_post_error(tree->events, &error, operands->target_path, false);
	return -ECANCELED;
}

int operands_queue(struct operands *operands, struct tree *tree)
{
	struct folder *pair = NULL;
	struct batch *batch = NULL;
	int result = 0;

	if (!tree->settings->dry_run && !operands->held)
		result = operands_lock(operands, tree);
	if (result < 0)
		return result;
	/* One scan is held back until all is queued, so that "the scan has ended"
	 * is not said in between. */
	atomic_fetch_add(&tree->scans, 1);
	if (tree->settings->parents)
		result = parents_queue(operands, tree);
	for (size_t i = 0; i < operands->count && result == 0 && !tree->settings->parents; i++)
		if (operands->sources[i].usable)
			result = operands_queue_one(operands, tree, &operands->sources[i], &pair,
						    &batch);
	if (batch != NULL)
		queue_push_batch(tree->queue, batch);
	operand_put_pair(tree, pair);
	if (atomic_fetch_sub(&tree->scans, 1) == 1)
		atomic_store(&tree->tally->scan_done, 1);
	return result;
}
