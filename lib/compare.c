/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Comparing.
 *
 * Invariants:
 * Q1 data is equal if size and time of modification are, unless other evidence was
 *    asked for; what was torn by a run that was cut short is never believed to be;
 * Q2 an attribute that is not to be kept, or could not be set, is no difference;
 * Q3 what an option protects is left alone whatever differs.
 */
#define _GNU_SOURCE
#include "compare.h"

#include <sys/stat.h>

#include "meta.h"

#define COMPARE_PERMISSIONS 07777U
#define COMPARE_SETID 06000U
#define COMPARE_DATA (WEIR_CHANGE_TYPE | WEIR_CHANGE_DATA | WEIR_CHANGE_TEXT | WEIR_CHANGE_DEVICE)

/* Without times of its source, a copy is as new as its last change: what has not
 * changed since then is what was copied. */
static bool compare_is_before(const struct compare_sides *sides)
{
	return meta_newer(&sides->target->mtime, &sides->source->ctime);
}

static bool compare_same_time(const struct settings *settings, const struct compare_sides *sides)
{
	return settings_keeps(settings, WEIR_PROPERTY_TIMES) ? sides->same_time
							     : compare_is_before(sides);
}

/* Q1: bits, or COMPARE_CONTENT by *look. */
static unsigned compare_data(const struct settings *settings, const struct compare_sides *sides,
			     bool *look)
{
	if (settings->compare == WEIR_COMPARE_NEVER || sides->torn ||
	    sides->source->size_bytes != sides->target->size_bytes)
		return WEIR_CHANGE_DATA;
	if (settings->compare == WEIR_COMPARE_CONTENT) {
		*look = true;
		return 0;
	}
	if (settings->compare == WEIR_COMPARE_SIZE || compare_same_time(settings, sides))
		return 0;
	return WEIR_CHANGE_DATA;
}

/* Setuid and setgid are set only where owner and group are right, and where there are no
 * ACLs the group has what the ACL gives it, not the mask that the mode shows (Q2). */
static bool compare_same_mode(const struct settings *settings, const struct compare_sides *sides)
{
	const struct sys_stat *source = sides->source, *target = sides->target;
	bool sets = settings_keeps(settings, WEIR_PROPERTY_OWNER);
	uint32_t counts = COMPARE_PERMISSIONS;

	if ((source->uid != target->uid && !(sets && sides->owner_counts)) ||
	    (source->gid != target->gid && !(sets && sides->group_counts)))
		counts &= ~COMPARE_SETID;
	return ((source->mode ^ target->mode) & counts) == 0 ||
	       ((sides->bare_mode ^ target->mode) & counts) == 0;
}

static unsigned compare_attributes(const struct settings *settings,
				   const struct compare_sides *sides)
{
	const struct sys_stat *source = sides->source, *target = sides->target;
	unsigned changes = sides->xattrs;

	if (settings_keeps(settings, WEIR_PROPERTY_MODE) && !S_ISLNK(source->mode) &&
	    !compare_same_mode(settings, sides))
		changes |= WEIR_CHANGE_MODE;
	if (settings_keeps(settings, WEIR_PROPERTY_OWNER) &&
	    ((sides->owner_counts && source->uid != target->uid) ||
	     (sides->group_counts && source->gid != target->gid)))
		changes |= WEIR_CHANGE_OWNER;
	if (settings_keeps(settings, WEIR_PROPERTY_FLAGS) &&
	    ((source->attributes ^ target->attributes) & source->attributes_known &
	     target->attributes_known & sides->flags) != 0)
		changes |= WEIR_CHANGE_FLAGS;
	return changes;
}

/* What its type tells of it beside attributes. */
static unsigned compare_kind(const struct settings *settings, const struct compare_sides *sides,
			     bool *look)
{
	const struct sys_stat *source = sides->source, *target = sides->target;

	if (S_ISREG(source->mode))
		return compare_data(settings, sides, look);
	if (S_ISLNK(source->mode) && !sides->same_text)
		return WEIR_CHANGE_TEXT;
	if ((S_ISCHR(source->mode) || S_ISBLK(source->mode)) && source->rdev != target->rdev)
		return WEIR_CHANGE_DEVICE;
	return 0;
}

/* Q3 */
static bool compare_is_left(const struct settings *settings, const struct compare_sides *sides)
{
	if (sides->target == NULL)
		return settings->existing_only;
	if (settings_leaves_existing(settings))
		return true;
	return settings->update == WEIR_UPDATE_OLDER &&
	       (sides->source->mode & S_IFMT) == (sides->target->mode & S_IFMT) &&
	       !sides->same_time && !sides->torn &&
	       meta_newer(&sides->target->mtime, &sides->source->mtime);
}

bool compare_leaves_out(const struct settings *settings, const struct sys_stat *source)
{
	return S_ISREG(source->mode) && (source->size_bytes > (uint64_t)settings->max_size_bytes ||
					 source->size_bytes < (uint64_t)settings->min_size_bytes);
}

/* Both are there. */
static struct compare_result compare_both(const struct settings *settings,
					  const struct compare_sides *sides)
{
	struct compare_result result = { .verdict = COMPARE_SAME };
	bool look = false;

	if (((sides->source->mode ^ sides->target->mode) & S_IFMT) != 0) {
		result.verdict = COMPARE_REPLACE;
		result.changes = WEIR_CHANGE_TYPE;
		return result;
	}
	result.changes = compare_kind(settings, sides, &look) | compare_attributes(settings, sides);
	if (settings_keeps(settings, WEIR_PROPERTY_TIMES) && !sides->same_time)
		result.changes |= WEIR_CHANGE_TIME;
	if ((result.changes & COMPARE_DATA) != 0)
		result.verdict = COMPARE_REPLACE;
	else if (look)
		result.verdict = COMPARE_CONTENT;
	else if (result.changes != 0)
		result.verdict = COMPARE_ATTRIBUTES;
	return result;
}

struct compare_result compare_entry(const struct settings *settings,
				    const struct compare_sides *sides)
{
	if (compare_is_left(settings, sides))
		return (struct compare_result){ .verdict = COMPARE_LEAVE };
	if (sides->target == NULL)
		return (struct compare_result){ .verdict = COMPARE_CREATE };
	return compare_both(settings, sides);
}

struct compare_result compare_earlier(const struct settings *settings,
				      const struct compare_sides *sides)
{
	return compare_both(settings, sides);
}

void compare_settle(struct compare_result *result, bool same)
{
	if (!same)
		result->changes |= WEIR_CHANGE_DATA;
	result->verdict = !same			 ? COMPARE_REPLACE
			  : result->changes != 0 ? COMPARE_ATTRIBUTES
						 : COMPARE_SAME;
}

unsigned compare_folders(const struct settings *settings, const struct compare_sides *sides)
{
	return compare_attributes(settings, sides);
}
