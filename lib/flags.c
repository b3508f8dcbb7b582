/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inode flags and project ids.
 *
 * Invariants:
 * I1 only flags that a user sets and that mean the same on both sides are
 *    touched; how a file system stores an inode (extents, encryption, verity,
 *    inline data) stays as it is;
 * I2 append and immutable are only ever set, never cleared;
 * I3 an unchanged inode costs no call that sets, and one that inherited nothing
 *    and is to have nothing costs none at all;
 * I4 what one file system does not know is asked for once, unless there are
 *    others below it.
 */
#define _GNU_SOURCE
#include "flags.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include "invariant.h"

#define FLAGS_KEPT (FLAGS_EARLY | FLAGS_USUAL | FLAGS_LAST)
/* These belong to one kind of file system. */
#define FLAGS_ONE_KIND ((uint32_t)(FS_COMPR_FL | FS_NOCOMP_FL | FS_DAX_FL))

/* The flags that the calls for projects tell, too. */
static const struct flags_pair {
	uint32_t flag;
	uint32_t xflag;
} flags_pairs[] = {
	{ FS_SYNC_FL, FS_XFLAG_SYNC },	     { FS_IMMUTABLE_FL, FS_XFLAG_IMMUTABLE },
	{ FS_APPEND_FL, FS_XFLAG_APPEND },   { FS_NODUMP_FL, FS_XFLAG_NODUMP },
	{ FS_NOATIME_FL, FS_XFLAG_NOATIME }, { FS_DAX_FL, FS_XFLAG_DAX },
};

/* Of links and special files there is nothing else. */
#define FLAGS_NODE \
	((uint32_t)(FS_SYNC_FL | FS_IMMUTABLE_FL | FS_APPEND_FL | FS_NODUMP_FL | FS_NOATIME_FL))

static uint32_t flags_from_x(uint64_t xflags)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < sizeof(flags_pairs) / sizeof(flags_pairs[0]); i++)
		if ((xflags & flags_pairs[i].xflag) != 0)
			bits |= flags_pairs[i].flag;
	return bits;
}

/* XFLAGS with the flags of MASK as in BITS. */
static uint64_t flags_into_x(uint64_t xflags, uint32_t mask, uint32_t bits)
{
	for (size_t i = 0; i < sizeof(flags_pairs) / sizeof(flags_pairs[0]); i++) {
		if ((mask & flags_pairs[i].flag) == 0)
			continue;
		xflags &= ~(uint64_t)flags_pairs[i].xflag;
		if ((bits & flags_pairs[i].flag) != 0)
			xflags |= flags_pairs[i].xflag;
	}
	return xflags;
}

/* ---- what is refused ---- */

static bool flags_are_unknown(int result)
{
	return result == -ENOTTY || result == -EOPNOTSUPP || result == -ENOSYS;
}

/* I4: layers and servers answer for one file at a time. */
static void flags_learn(const struct fs *fs, _Atomic bool *unknown, int result)
{
	if (flags_are_unknown(result) && fs->kind != FS_OVERLAY && fs->kind != FS_FUSE)
		*unknown = true;
}

static int flags_fail(const struct flags_env *env, int result, enum weir_property property,
		      enum error_side side)
{
	/* A folder is full when its names would have to be folded anew. */
	if (loss_is_one(result) || result == -ENOTEMPTY || result == -ENOTDIR) {
		losses_note(env->losses, property, result);
		return 0;
	}
	error_set(env->error, result, side,
		  property == WEIR_PROPERTY_FLAGS
			  ? side == ERROR_SIDE_SOURCE ? "get flags of" : "set flags of"
		  : side == ERROR_SIDE_SOURCE ? "get the project of"
					      : "set the project of");
	return result;
}

/* ---- reading ---- */

static int flags_get(struct sys *sys, const struct flags_place *place, uint32_t *bits)
{
	int result;

	*bits = 0;
	if (place->fs != NULL && place->fs->no_flags)
		return -ENOTTY;
	result = sys_get_flags(sys, place->dirfd, bits);
	if (place->fs != NULL)
		flags_learn(place->fs, &place->fs->no_flags, result);
	/* Opened to search in it only. */
	return result == -EBADF ? -EACCES : result;
}

/* True for links and special files. */
static bool flags_is_node(const struct flags_place *place)
{
	return place->is_path || place->name[0] != '\0';
}

static int flags_get_attr(struct sys *sys, const struct flags_place *place, struct sys_attr *attr)
{
	bool is_node = flags_is_node(place);
	_Atomic bool *unknown = NULL;
	int result;

	memset(attr, 0, sizeof(*attr));
	if (place->fs != NULL)
		unknown = is_node ? &place->fs->no_node_attr : &place->fs->no_attr;
	if (unknown != NULL && *unknown)
		return -ENOTTY;
	result = place->is_path ? sys_get_attr_path(sys, place->dirfd, attr)
				: sys_get_attr(sys, place->dirfd, place->name, attr);
	if (unknown != NULL)
		flags_learn(place->fs, unknown, result);
	return result == -EBADF ? -EACCES : result;
}

/* True where one call tells the project and all flags that a file can have: the
 * others are of btrfs and F2FS, or of folders; statx shows one that ext4 takes. */
static bool flags_attr_is_all(const struct flags_place *place, const struct sys_stat *stat)
{
	if (flags_is_node(place))
		return true;
	return S_ISREG(stat->mode) && !stat->compressed && place->fs != NULL &&
	       (place->fs->kind == FS_EXT4 || place->fs->kind == FS_XFS ||
		place->fs->kind == FS_TMPFS);
}

static bool flags_are_one_kind(const struct fs *a, const struct fs *b)
{
	return a != NULL && b != NULL && a->kind == b->kind && strcmp(a->name, b->name) == 0;
}

int flags_read(const struct flags_env *env, const struct flags_place *source,
	       const struct sys_stat *stat, const struct fs *target_fs, struct flags *flags)
{
	bool keeps_flags = settings_keeps(env->settings, WEIR_PROPERTY_FLAGS);
	bool keeps_project = settings_keeps(env->settings, WEIR_PROPERTY_PROJECT) &&
			     (source->fs == NULL || source->fs->kind != FS_BTRFS);
	bool all = keeps_flags && flags_attr_is_all(source, stat);
	struct sys_attr attr;
	int result = -ENOTTY;

	*flags = (struct flags){ 0 };
	if (all || keeps_project) {
		result = flags_get_attr(env->sys, source, &attr);
		if (result < 0 && !flags_are_unknown(result))
			return flags_fail(env, result,
					  keeps_project ? WEIR_PROPERTY_PROJECT
							: WEIR_PROPERTY_FLAGS,
					  ERROR_SIDE_SOURCE);
	}
	if (result == 0) {
		flags->bits = keeps_flags ? flags_from_x(attr.xflags) : 0;
		flags->project = keeps_project ? attr.project : 0;
		flags->hands_on = keeps_project && S_ISDIR(stat->mode) &&
				  (attr.xflags & FS_XFLAG_PROJINHERIT) != 0;
	}
	if (keeps_flags && !flags_is_node(source) && !(all && result == 0)) {
		result = flags_get(env->sys, source, &flags->bits);
		if (result < 0 && !flags_are_unknown(result))
			return flags_fail(env, result, WEIR_PROPERTY_FLAGS, ERROR_SIDE_SOURCE);
	}
	flags->bits &= FLAGS_KEPT; /* I1 */
	if (!flags_are_one_kind(source->fs, target_fs))
		flags->bits &= ~FLAGS_ONE_KIND;
	return 0;
}

int flags_read_handed(const struct flags_env *env, const struct flags_place *folder,
		      struct flags *handed)
{
	struct sys_attr attr;
	int result = 0;

	*handed = (struct flags){ 0 };
	if (settings_keeps(env->settings, WEIR_PROPERTY_FLAGS)) {
		result = flags_get(env->sys, folder, &handed->bits);
		handed->bits &= (FLAGS_EARLY | FLAGS_USUAL) & ~(uint32_t)FS_TOPDIR_FL;
		if (result == -EACCES) { /* each entry is looked at */
			handed->bits = FLAGS_EARLY | FLAGS_USUAL;
			result = 0;
		}
	}
	if (settings_keeps(env->settings, WEIR_PROPERTY_PROJECT) &&
	    (result == 0 || flags_are_unknown(result))) {
		result = flags_get_attr(env->sys, folder, &attr);
		handed->hands_on = result == 0 && (attr.xflags & FS_XFLAG_PROJINHERIT) != 0;
		if (handed->hands_on)
			handed->project = attr.project;
	}
	if (result == 0 || flags_are_unknown(result) || result == -EACCES)
		return 0;
	error_set(env->error, result, ERROR_SIDE_TARGET, "get flags of");
	return result;
}

/* ---- setting ---- */

/* From NOW to NEXT; what is refused together may be taken one by one. */
static int flags_change(const struct flags_env *env, const struct flags_place *target, uint32_t now,
			uint32_t next)
{
	uint32_t left = now ^ next;
	int result = left != 0 ? sys_set_flags(env->sys, target->dirfd, next) : 0;

	if (result == 0)
		return 0;
	if ((left & (left - 1)) == 0 || !loss_is_one(result))
		return flags_fail(env, result, WEIR_PROPERTY_FLAGS, ERROR_SIDE_TARGET);
	while (left != 0) {
		uint32_t bit = left & -left;

		left &= ~bit;
		result = sys_set_flags(env->sys, target->dirfd, now ^ bit);
		if (result == 0)
			now ^= bit;
		else if (flags_fail(env, result, WEIR_PROPERTY_FLAGS, ERROR_SIDE_TARGET) < 0)
			return result;
	}
	return 0;
}

int flags_set(const struct flags_env *env, const struct flags_place *target, uint32_t mask,
	      uint32_t bits, uint32_t inherited)
{
	uint32_t now;
	int result;

	bits &= mask;
	if (!settings_keeps(env->settings, WEIR_PROPERTY_FLAGS) ||
	    (bits | (inherited & mask & ~FLAGS_LAST)) == 0)
		return 0; /* I3 */
	result = flags_get(env->sys, target, &now);
	if (flags_are_unknown(result) && bits == 0)
		return 0; /* nothing was inherited */
	if (result < 0)
		return flags_fail(env, result, WEIR_PROPERTY_FLAGS, ERROR_SIDE_TARGET);
	bits |= now & FLAGS_LAST; /* I2 */
	return flags_change(env, target, now, (now & ~mask) | bits);
}

int flags_set_project(const struct flags_env *env, const struct flags_place *folder,
		      const struct flags *flags)
{
	struct sys_attr now, next;
	int result;

	if (!settings_keeps(env->settings, WEIR_PROPERTY_PROJECT) ||
	    (flags->project == 0 && !flags->hands_on))
		return 0;
	result = flags_get_attr(env->sys, folder, &now);
	next = now;
	next.project = flags->project;
	next.xflags &= ~(uint64_t)FS_XFLAG_PROJINHERIT;
	if (flags->hands_on)
		next.xflags |= FS_XFLAG_PROJINHERIT;
	if (result == 0 && (next.project != now.project || next.xflags != now.xflags))
		result = sys_set_attr(env->sys, folder->dirfd, false, &next);
	return result < 0 ? flags_fail(env, result, WEIR_PROPERTY_PROJECT, ERROR_SIDE_TARGET) : 0;
}

struct flags_last flags_plan_last(const struct settings *settings, const struct flags *flags,
				  const struct flags *handed, bool is_node)
{
	struct flags_last last = { 0 };

	if (settings_keeps(settings, WEIR_PROPERTY_FLAGS)) {
		uint32_t mask = is_node ? FLAGS_NODE : FLAGS_LAST;

		if ((flags->bits & mask) != 0 || (is_node && (handed->bits & mask) != 0)) {
			last.mask = mask;
			last.bits = flags->bits & mask;
		}
	}
	if (settings_keeps(settings, WEIR_PROPERTY_PROJECT) && flags->project != handed->project)
		last.project = flags->project;
	return last;
}

/* The project of what is open or not. */
static int flags_last_project(const struct flags_env *env, const struct flags_place *target,
			      uint32_t project)
{
	struct sys_attr attr;
	int result = flags_get_attr(env->sys, target, &attr);

	if (result == 0 && attr.project != project) {
		attr.project = project;
		result = sys_set_attr(env->sys, target->dirfd, target->is_path, &attr);
	}
	return result < 0 ? flags_fail(env, result, WEIR_PROPERTY_PROJECT, ERROR_SIDE_TARGET) : 0;
}

/* Some flags of a link or special file. */
static int flags_set_node(const struct flags_env *env, const struct flags_place *target,
			  uint32_t mask, uint32_t bits)
{
	struct sys_attr attr;
	uint64_t xflags;
	int result = flags_get_attr(env->sys, target, &attr);

	if (result == 0) {
		xflags = flags_into_x(attr.xflags, mask, bits);
		if (xflags == attr.xflags)
			return 0;
		attr.xflags = xflags;
		result = sys_set_attr(env->sys, target->dirfd, target->is_path, &attr);
	}
	if (flags_are_unknown(result) && bits == 0)
		return 0; /* nothing was inherited */
	return result < 0 ? flags_fail(env, result, WEIR_PROPERTY_FLAGS, ERROR_SIDE_TARGET) : 0;
}

int flags_set_last(const struct flags_env *env, const struct flags_place *target,
		   const struct flags_last *last)
{
	uint32_t usual = last->mask & ~FLAGS_LAST;
	int result = 0;

	if (last->project != 0)
		result = flags_last_project(env, target, last->project);
	if (result < 0 || last->mask == 0)
		return result;
	if (!target->is_path)
		return flags_set(env, target, last->mask, last->bits, 0);
	if (usual != 0)
		result = flags_set_node(env, target, usual, last->bits & usual);
	if (result == 0 && (last->bits & FLAGS_LAST) != 0) /* I2 */
		result = flags_set_node(env, target, last->bits & FLAGS_LAST, last->bits);
	return result;
}
