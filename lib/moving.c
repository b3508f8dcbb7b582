/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Moving: what the scan of a sync decides about names of the source that are to go.
 *
 * Invariants:
 * MO1 a name stays whose removal would take away what the target has, too: both sides
 *     are one, through a mount or an overlay;
 * MO2 what was in the target before the run is synced like what the run puts there:
 *     nobody knows what became of it.
 */
#define _GNU_SOURCE
#include "moving.h"

#include <errno.h>
#include <fcntl.h>

#include "alike.h"

/* MO1 */
static bool moving_is_one(const struct listing *listing, const struct survey_finding *finding)
{
	const struct dir *source = listing->folder->source, *target = listing->folder->target;
	const struct sys_stat *there = &finding->target;
	bool same = finding->source.device == there->device &&
		    finding->source.inode == there->inode;
	bool mounted = there->mount_id != 0 && there->mount_id != target->mount;

	return (source->device == target->device && source->inode == target->inode) ||
	       alike_files(&finding->source, there) || (same && (mounted || there->links < 2));
}

/* True if the target lacks what is required, and cannot get it from us: that is no
 * difference to be told by the comparison. */
static bool moving_loses(const struct tree *tree, const struct survey_finding *finding)
{
	return tree->settings->keep[WEIR_PROPERTY_OWNER] == WEIR_KEEP_REQUIRE &&
	       (finding->source.uid != finding->target.uid ||
		finding->source.gid != finding->target.gid);
}

/* True if one sync at the end makes sure of what was there before the run (MO2). */
static bool moving_trusts_end(const struct fs *fs)
{
	return fs_believes_syncfs(fs) && fs->sync_fd >= 0;
}

/* The same of the file system that an earlier copy is on, too. */
static bool moving_may_trust(const struct tree *tree, const struct listing *listing)
{
	const struct fs *fs = listing->folder->target_fs;

	return fs == NULL || fs_is_memory(fs) || moving_trusts_end(fs) ||
	       (tree->settings->dry_run && fs_tells_by_syncfs(fs));
}

bool moving_may(const struct tree *tree, const struct listing *listing,
		const struct survey_finding *finding, struct error *error)
{
	bool same = finding->result.verdict == COMPARE_SAME;

	if (tree->moves == NULL || finding->result.verdict == COMPARE_LEAVE ||
	    finding->result.verdict == COMPARE_LEAVE_OUT)
		return false;
	if (!same && finding->earlier != SURVEY_NOTHING && !moving_may_trust(tree, listing)) {
		error_set_text(error, ERROR_SIDE_SOURCE, "remove",
			       "an earlier copy has it, which is not known to be durable here");
		return false;
	}
	if (!same)
		return true; /* a copy onto itself fails by itself */
	if (moving_loses(tree, finding))
		return false;
	if (!moving_is_one(listing, finding))
		return true;
	error_set_text(error, ERROR_SIDE_SOURCE, "remove", "the target would lose it, too");
	return false;
}

static int moving_sync_file(struct sys *sys, int dirfd, const char *name)
{
	int fd = sys_openat(sys, dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
	int result;

	if (fd < 0)
		return fd;
	result = sys_fsync(sys, fd);
	sys_close(sys, fd);
	return result;
}

static int moving_sync_folder(struct sys *sys, struct listing *listing)
{
	int result = listing->synced ? 0 : sys_fsync(sys, listing->target_fd);

	if (result == -EINVAL) /* it has no sync of folders */
		result = 0;
	listing->synced = result == 0;
	return result;
}

/* MO2: at the end of the run where one sync tells about all, else now.  0 or -errno. */
static int moving_vouch(struct tree *tree, struct listing *listing, const char *name,
			const struct survey_finding *finding)
{
	struct fs *fs = listing->folder->target_fs;
	int result = 0;

	if (fs_is_memory(fs))
		return 0;
	if (moving_trusts_end(fs)) {
		atomic_store(&fs->vouched, true);
		return 0;
	}
	if (S_ISREG(finding->target.mode))
		result = moving_sync_file(tree->sys, listing->target_fd, name);
	return result < 0 ? result : moving_sync_folder(tree->sys, listing);
}

void moving_take(struct tree *tree, struct listing *listing, const char *name,
		 const struct survey_finding *finding, struct error *error)
{
	int result;

	moves_meet(tree->moves, &finding->source);
	if (finding->result.verdict != COMPARE_SAME) {
		if (finding->earlier != SURVEY_NOTHING)
			atomic_store(&listing->folder->target_fs->vouched, true);
		return;
	}
	result = moving_vouch(tree, listing, name, finding);
	if (result < 0)
		error_set(error, result, ERROR_SIDE_TARGET, "sync");
	else
		moves_add(tree->moves, listing->folder->source, name, &finding->source);
}
