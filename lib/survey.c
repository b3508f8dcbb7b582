/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looking at both sides of a name.
 *
 * Invariants:
 * V1 nothing is opened but files whose bytes are to be compared, and nothing is
 *    changed; only how coarse or narrow the times of a file system are is found out
 *    by a temp, and not in a dry run;
 * V2 what is found is a plan: the job that carries it out looks again, by its
 *    descriptors;
 * V3 attributes are set on an inode only if it has one name: others may be a snapshot's;
 * V4 an inode of an earlier copy becomes that of one source, and never is the source.
 */
#define _GNU_SOURCE
#include "survey.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "content.h"
#include "grain.h"
#include "meta.h"
#include "torn.h"
#include "xattr.h"

/* A source, and what is its copy, or could be. */
struct survey_pair {
	struct folder *folder;
	const char *name;
	int source_fd; /* their folders */
	int target_fd;
	const struct sys_stat *source;
	const struct sys_stat *target; /* NULL: there is none */
	const struct fs *target_fs;    /* the same */
};

int survey_open(struct survey *survey, struct root *root, const struct settings *settings,
		struct links *links, const _Atomic int *cancel)
{
	memset(survey, 0, sizeof(*survey));
	survey->root = root;
	survey->settings = settings;
	survey->links = links;
	survey->cancel = cancel;
	survey->group_count = getgroups(0, NULL);
	if (survey->group_count > 0) {
		survey->groups = calloc((size_t)survey->group_count, sizeof(gid_t));
		if (survey->groups == NULL)
			return -ENOMEM;
		survey->group_count = getgroups(survey->group_count, survey->groups);
	}
	if (shared_open(&survey->folders) < 0)
		return -ENOMEM;
	return shared_open(&survey->shared);
}

void survey_close(struct survey *survey)
{
	shared_close(&survey->shared);
	shared_close(&survey->folders);
	free(survey->groups);
}

static bool survey_has_group(const struct survey *survey, gid_t gid)
{
	if (gid == getegid())
		return true;
	for (int i = 0; i < survey->group_count; i++)
		if (survey->groups[i] == gid)
			return true;
	return false;
}

/* ---- times ---- */

static bool survey_is_near(const struct settings *settings, const struct timespec *a,
			   const struct timespec *b)
{
	__int128 difference =
		((__int128)a->tv_sec - b->tv_sec) * 1000000000 + a->tv_nsec - b->tv_nsec;

	return difference <= settings->modify_window_ns &&
	       difference >= -(__int128)settings->modify_window_ns;
}

/* A dry run makes no temp.  What is stored is then believed to be cut where it has
 * no part of a second, or of two. */
static bool survey_looks_cut(const struct timespec *time, const struct timespec *stored)
{
	return stored->tv_nsec == 0 &&
	       (stored->tv_sec == time->tv_sec ||
		(stored->tv_sec % 2 == 0 && stored->tv_sec == time->tv_sec - 1));
}

/* True if STORED is TIME as far as the target of FOLDER can tell (H02, H03). */
static bool survey_same_time(const struct survey *survey, struct folder *folder,
			     const struct timespec *time, const struct timespec *stored)
{
	if (meta_same_time(time, stored))
		return true;
	if (survey->settings->modify_window_ns > 0 &&
	    survey_is_near(survey->settings, time, stored))
		return true;
	if (survey->settings->dry_run)
		return survey_looks_cut(time, stored);
	return grain_cuts(survey->root, folder, time, stored) ||
	       grain_clamps(survey->root, folder, time, stored);
}

/* ---- attributes ---- */

static bool survey_wants_xattrs(const struct settings *settings)
{
	return settings_keeps(settings, WEIR_PROPERTY_XATTR) ||
	       settings_keeps(settings, WEIR_PROPERTY_ACL) ||
	       settings_keeps(settings, WEIR_PROPERTY_CAPS) ||
	       settings_keeps(settings, WEIR_PROPERTY_CONTEXT);
}

static int survey_xattrs(const struct survey *survey, struct xattr_place source,
			 struct xattr_place target, unsigned *changes, struct error *error)
{
	static const struct {
		enum weir_property property;
		unsigned change;
	} all[] = {
		{ WEIR_PROPERTY_ACL, WEIR_CHANGE_ACL },
		{ WEIR_PROPERTY_XATTR, WEIR_CHANGE_XATTR },
		{ WEIR_PROPERTY_CAPS, WEIR_CHANGE_CAPS },
		{ WEIR_PROPERTY_CONTEXT, WEIR_CHANGE_CONTEXT },
	};
	unsigned differ;
	int result;

	*changes = 0;
	if (!survey_wants_xattrs(survey->settings))
		return 0;
	result = xattr_compare(survey->root->sys, survey->settings, source, target, &differ, error);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (result == 0 && (differ & 1U << all[i].property) != 0)
			*changes |= all[i].change;
	if (!survey->settings->privileged)
		*changes &= ~(unsigned)WEIR_CHANGE_CAPS; /* only root gives them */
	return result;
}

/* The mode of the source as it is without its ACL, where that may explain the target's. */
static uint32_t survey_bare_mode(const struct survey *survey, struct xattr_place source,
				 const struct sys_stat *stat, const struct sys_stat *target)
{
	struct losses losses = { 0 };
	struct error error;
	struct xattrs xattrs;
	uint32_t mode = stat->mode;

	if (S_ISLNK(mode) || ((mode ^ target->mode) & S_IRWXG) == 0 ||
	    !settings_keeps(survey->settings, WEIR_PROPERTY_MODE))
		return mode;
	if (xattr_read(survey->root->sys, survey->settings, source, &xattrs, &losses, &error) == 0)
		mode = xattr_narrow_mode(&xattrs.acls, mode);
	xattr_release(&xattrs);
	return mode;
}

/* Flags that could be set on a copy. */
static uint64_t survey_flags(const struct survey *survey, const struct folder *folder)
{
	uint64_t flags = UINT64_MAX;

	if (!survey->settings->privileged)
		flags &= ~(uint64_t)(STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND);
	if (folder->source_fs == NULL || folder->target_fs == NULL ||
	    folder->source_fs->kind != folder->target_fs->kind)
		flags &= ~(uint64_t)STATX_ATTR_COMPRESSED;
	return flags;
}

static void survey_set_sides(const struct survey *survey, struct folder *folder,
			     const struct sys_stat *source, const struct sys_stat *target,
			     struct compare_sides *sides)
{
	sides->source = source;
	sides->target = target;
	sides->bare_mode = source->mode;
	sides->flags = survey_flags(survey, folder);
	sides->owner_counts = survey->settings->privileged;
	sides->group_counts = sides->owner_counts || survey_has_group(survey, source->gid);
	sides->same_time = target != NULL &&
			   survey_same_time(survey, folder, &source->mtime, &target->mtime);
}

/* ---- a name ---- */

static int survey_stat(struct survey *survey, const struct survey_name *name,
		       struct survey_finding *finding, struct error *error)
{
	struct sys *sys = survey->root->sys;
	int result = sys_statx(sys, name->source_fd, name->name, false, &finding->source);

	if (result < 0) {
		error_set_source(error, result, "stat");
		return result;
	}
	if (S_ISDIR(finding->source.mode) || name->target_fd < 0 || name->folder->fresh)
		return 0;
	result = sys_statx(sys, name->target_fd, name->name, false, &finding->target);
	finding->there = result == 0;
	if (result == 0 || result == -ENOENT)
		return 0;
	error_set(error, result, ERROR_SIDE_TARGET, "stat");
	return result;
}

static int survey_texts(const struct survey *survey, const struct survey_pair *pair, bool *same,
			struct error *error)
{
	struct sys *sys = survey->root->sys;
	char texts[2][PATH_MAX + 1];
	ssize_t bytes = sys_readlinkat(sys, pair->source_fd, pair->name, texts[0], PATH_MAX + 1);
	ssize_t other = 0;

	if (bytes < 0)
		error_set_source(error, bytes, "read link");
	else
		other = sys_readlinkat(sys, pair->target_fd, pair->name, texts[1], PATH_MAX + 1);
	if (other < 0)
		error_set(error, other, ERROR_SIDE_TARGET, "read link");
	*same = bytes == other && memcmp(texts[0], texts[1], (size_t)bytes) == 0;
	return bytes < 0 ? (int)bytes : other < 0 ? (int)other : 0;
}

/* Compares the bytes where they are to tell. */
static int survey_content(const struct survey *survey, const struct survey_pair *pair,
			  struct compare_result *result, struct error *error)
{
	const struct fs *source_fs = pair->folder->source_fs;
	const struct content_file source = {
		.dirfd = pair->source_fd,
		.name = pair->name,
		.stat = pair->source,
		.maps = source_fs != NULL && fs_believes_holes(source_fs),
	};
	const struct content_file target = {
		.dirfd = pair->target_fd,
		.name = pair->name,
		.stat = pair->target,
		.maps = pair->target_fs != NULL && fs_believes_holes(pair->target_fs),
	};
	int compared;

	if (result->verdict != COMPARE_CONTENT)
		return 0;
	compared = content_compare(survey->root->sys, survey->cancel, &source, &target, error);
	if (compared >= 0)
		compare_settle(result, compared > 0);
	return compared < 0 ? compared : 0;
}

/* G11: what a killed run has left has the time of its last write, but the mark, which is
 * asked for where the time alone would not have the file looked at. */
static bool survey_is_torn(const struct survey *survey, const struct survey_pair *pair)
{
	const struct settings *settings = survey->settings;

	if (!S_ISREG(pair->target->mode))
		return false;
	return torn_looks(&pair->target->mtime) ||
	       ((settings->update == WEIR_UPDATE_OLDER || settings->compare == WEIR_COMPARE_SIZE) &&
		torn_is_marked(survey->root->sys, pair->target_fd, pair->name));
}

/* All that compare.c is to know of a pair. */
static int survey_gather(const struct survey *survey, const struct survey_pair *pair,
			 struct compare_sides *sides, struct error *error)
{
	const struct xattr_place source = { pair->source_fd, pair->name, false };
	const struct xattr_place target = { pair->target_fd, pair->name, false };
	int result = 0;

	*sides = (struct compare_sides){ .same_text = true };
	survey_set_sides(survey, pair->folder, pair->source, pair->target, sides);
	if (pair->target == NULL)
		return 0;
	sides->torn = survey_is_torn(survey, pair);
	if (((pair->source->mode ^ pair->target->mode) & S_IFMT) != 0)
		return 0;
	if (S_ISLNK(pair->source->mode))
		result = survey_texts(survey, pair, &sides->same_text, error);
	if (result == 0)
		result = survey_xattrs(survey, source, target, &sides->xattrs, error);
	if (result == 0)
		sides->bare_mode = survey_bare_mode(survey, source, pair->source, pair->target);
	return result;
}

/* V3: what only needs attributes would get them on an inode that has other names, and
 * whose these are nobody knows. */
static void survey_keep_apart(struct survey_finding *finding)
{
	if (finding->result.verdict == COMPARE_ATTRIBUTES && finding->target.links > 1)
		finding->result.verdict = COMPARE_REPLACE;
}

/* Which names are one inode. */
static void survey_links(struct survey *survey, const struct survey_name *name,
			 struct survey_finding *finding)
{
	const struct entry entry =
		entry_of((unsigned char)IFTODT(finding->source.mode), name->name, name->name);
	const struct links_name linked = {
		.source = &finding->source,
		.target_mount = name->folder->target != NULL ? name->folder->target->mount : 0,
		.folder = name->folder,
		.entry = &entry,
	};
	enum compare_verdict verdict = finding->result.verdict;
	/* What is no file is made anew for its attributes. */
	bool stays = verdict == COMPARE_SAME ||
		     (verdict == COMPARE_ATTRIBUTES && S_ISREG(finding->source.mode));

	if (verdict == COMPARE_LEAVE || !settings_keeps(survey->settings, WEIR_PROPERTY_LINKS))
		return;
	if (stays && !shared_claim(&survey->shared, &finding->target, &finding->source)) {
		finding->result.verdict = COMPARE_REPLACE;
		finding->result.changes |= WEIR_CHANGE_LINKS;
		stays = false;
	}
	if (finding->source.links < 2)
		return;
	if (links_judge(survey->links, &linked, stays ? &finding->target : NULL, &finding->links))
		return;
	if (verdict == COMPARE_SAME || stays) {
		finding->result.verdict = COMPARE_REPLACE;
		finding->result.changes |= WEIR_CHANGE_LINKS;
	}
}

/* ---- earlier copies ---- */

/* What a copy has becomes the source's, which nobody else may have (V4). */
static bool survey_may_link(struct survey *survey, const struct earlier_copy *copy,
			    const struct survey_pair *pair)
{
	return !survey->earlier->clones && !copy->fs->no_hard_links &&
	       shared_claim(&survey->shared, pair->target, pair->source);
}

/* Whatever its attributes are. */
static bool survey_may_clone(const struct survey *survey, const struct survey_pair *pair,
			     const struct compare_result *result)
{
	return survey->earlier->clones && S_ISREG(pair->source->mode) &&
	       pair->source->size_bytes > 0 &&
	       (result->verdict == COMPARE_SAME || result->verdict == COMPARE_ATTRIBUTES);
}

/* What one of them has.  0 or -errno with the record set, of the source. */
static int survey_ask(struct survey *survey, const struct survey_pair *pair,
		      const struct earlier_copy *copy, enum survey_earlier *what,
		      struct error *error)
{
	struct compare_sides sides;
	struct compare_result result;
	int gathered;

	*what = SURVEY_NOTHING;
	if (pair->target->device == pair->source->device &&
	    pair->target->inode == pair->source->inode)
		return 0; /* V4 */
	gathered = survey_gather(survey, pair, &sides, error);
	if (gathered >= 0) {
		result = compare_earlier(survey->settings, &sides);
		gathered = survey_content(survey, pair, &result, error);
	}
	if (gathered < 0) /* of an earlier copy nothing need be known */
		return gathered == -ECANCELED || error->side == ERROR_SIDE_SOURCE ? gathered : 0;
	if (survey_may_clone(survey, pair, &result))
		*what = SURVEY_DATA;
	else if (result.verdict == COMPARE_SAME && survey_may_link(survey, copy, pair))
		*what = SURVEY_ALL;
	return 0;
}

/* The first one that has all of it, or else its data. */
static int survey_find_earlier(struct survey *survey, const struct survey_name *name,
			       struct survey_finding *finding, struct error *error)
{
	const struct folder *folder = name->folder;
	int result = 0;

	if (folder->earlier == NULL || finding->result.verdict != COMPARE_CREATE)
		return 0;
	for (uint32_t i = 0; i < folder->earlier_count && result == 0; i++) {
		struct sys_stat found;
		const struct survey_pair pair = {
			.folder = name->folder,
			.name = name->name,
			.source_fd = name->source_fd,
			.target_fd = name->earlier_fds[i],
			.source = &finding->source,
			.target = &found,
			.target_fs = survey->earlier->copies[i].fs,
		};
		enum survey_earlier what;

		if (pair.target_fd < 0 ||
		    sys_statx(survey->root->sys, pair.target_fd, name->name, false, &found) < 0)
			continue;
		result = survey_ask(survey, &pair, &survey->earlier->copies[i], &what, error);
		if (what <= finding->earlier)
			continue;
		finding->earlier = what;
		finding->earlier_stamp = content_stamp_whole(&finding->source, &found);
		break; /* those that are for clones have no more than data */
	}
	return result;
}

/* ---- all of it ---- */

int survey_look(struct survey *survey, const struct survey_name *name,
		struct survey_finding *finding, struct error *error)
{
	struct survey_pair pair = {
		.folder = name->folder,
		.name = name->name,
		.source_fd = name->source_fd,
		.target_fd = name->target_fd,
		.source = &finding->source,
		.target_fs = name->folder->target_fs,
	};
	struct compare_sides sides;
	int result;

	memset(&finding->result, 0, sizeof(finding->result));
	finding->there = finding->links = false;
	finding->earlier = SURVEY_NOTHING;
	result = survey_stat(survey, name, finding, error);
	if (result < 0 || S_ISDIR(finding->source.mode))
		return result;
	if (compare_leaves_out(survey->settings, &finding->source)) {
		finding->result.verdict = COMPARE_LEAVE_OUT;
		return 0;
	}
	if (finding->there)
		pair.target = &finding->target;
	result = survey_gather(survey, &pair, &sides, error);
	if (result < 0)
		return result;
	finding->result = compare_entry(survey->settings, &sides);
	result = survey_content(survey, &pair, &finding->result, error);
	if (result < 0)
		return result;
	survey_keep_apart(finding);
	survey_links(survey, name, finding);
	return survey_find_earlier(survey, name, finding, error);
}

/* ---- a folder ---- */

int survey_folder(struct survey *survey, struct folder *folder, unsigned *changes, bool *old_time,
		  struct error *error)
{
	struct compare_sides sides = { 0 };
	struct sys_stat target;
	int result = sys_statx(survey->root->sys, folder->target->fd, "", false, &target);

	if (result < 0) {
		error_set(error, result, ERROR_SIDE_TARGET, "stat");
		return result;
	}
	result = survey_xattrs(survey, (struct xattr_place){ folder->source->fd, "", false },
			       (struct xattr_place){ folder->target->fd, "", false }, &sides.xattrs,
			       error);
	if (result < 0)
		return result;
	survey_set_sides(survey, folder, &folder->stat, &target, &sides);
	sides.bare_mode = survey_bare_mode(survey,
					   (struct xattr_place){ folder->source->fd, "", false },
					   &folder->stat, &target);
	*changes = compare_folders(survey->settings, &sides);
	*old_time = settings_keeps(survey->settings, WEIR_PROPERTY_TIMES) && !sides.same_time;
	return 0;
}
