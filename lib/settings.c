/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Options: their bounds, and where each is kept.
 *
 * Invariant: what is out of bounds is never stored, so no other module checks a
 * setting again.
 */
#define _GNU_SOURCE
#include "settings.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "invariant.h"
#include "limits.h"

static const struct settings_bound {
	int64_t lowest;
	int64_t highest;
} settings_bounds_of[] = {
	[WEIR_OPT_RECURSIVE] = { 0, 1 },
	[WEIR_OPT_NO_CLOBBER] = { 0, 1 },
	[WEIR_OPT_UPDATE] = { WEIR_UPDATE_ALL, WEIR_UPDATE_NONE_FAIL },
	[WEIR_OPT_DRY_RUN] = { 0, 1 },
	[WEIR_OPT_DURABLE] = { WEIR_DURABLE_NONE, WEIR_DURABLE_FILE },
	[WEIR_OPT_SYNC] = { WEIR_SYNC_AUTO, WEIR_SYNC_FS },
	[WEIR_OPT_ENGINE] = { WEIR_ENGINE_AUTO, WEIR_ENGINE_PLAIN },
	[WEIR_OPT_DIRECT] = { WEIR_DIRECT_AUTO, WEIR_DIRECT_NEVER },
	[WEIR_OPT_CHUNK_BYTES] = { 0, LIMIT_CHUNK_BYTES_MAX },
	[WEIR_OPT_DEPTH] = { 0, LIMIT_DEPTH_MAX },
	[WEIR_OPT_WORKERS] = { 0, LIMIT_WORKERS_MAX },
	[WEIR_OPT_REPORT_ENTRIES] = { 0, 1 },
	[WEIR_OPT_REPORT_WAYS] = { 0, SETTINGS_WAYS_OF_EACH },
	[WEIR_OPT_CONFINE] = { WEIR_CONFINE_NEVER, WEIR_CONFINE_ALWAYS },
	[WEIR_OPT_KEEP_MODE] = { WEIR_KEEP_OFF, WEIR_KEEP_REQUIRE },
	[WEIR_OPT_KEEP_OWNER] = { WEIR_KEEP_OFF, WEIR_KEEP_REQUIRE },
	[WEIR_OPT_KEEP_TIMES] = { WEIR_KEEP_OFF, WEIR_KEEP_REQUIRE },
	[WEIR_OPT_KEEP_ACL] = { WEIR_KEEP_OFF, WEIR_KEEP_REQUIRE },
	[WEIR_OPT_KEEP_XATTR] = { WEIR_KEEP_OFF, WEIR_KEEP_REQUIRE },
	[WEIR_OPT_KEEP_CAPS] = { WEIR_KEEP_OFF, WEIR_KEEP_REQUIRE },
	[WEIR_OPT_KEEP_CONTEXT] = { WEIR_KEEP_OFF, WEIR_KEEP_REQUIRE },
	[WEIR_OPT_KEEP_LINKS] = { WEIR_KEEP_OFF, WEIR_KEEP_REQUIRE },
	[WEIR_OPT_KEEP_SYMLINK] = { WEIR_KEEP_OFF, WEIR_KEEP_REQUIRE },
	[WEIR_OPT_KEEP_SPECIAL] = { WEIR_KEEP_OFF, WEIR_KEEP_REQUIRE },
	[WEIR_OPT_KEEP_FLAGS] = { WEIR_KEEP_OFF, WEIR_KEEP_REQUIRE },
	[WEIR_OPT_KEEP_PROJECT] = { WEIR_KEEP_OFF, WEIR_KEEP_REQUIRE },
	[WEIR_OPT_REFLINK] = { WEIR_REFLINK_AUTO, WEIR_REFLINK_NEVER },
	[WEIR_OPT_FOLLOW] = { WEIR_FOLLOW_AUTO, WEIR_FOLLOW_ALWAYS },
	[WEIR_OPT_ONE_FILE_SYSTEM] = { 0, 1 },
	[WEIR_OPT_SPARSE] = { WEIR_SPARSE_AUTO, WEIR_SPARSE_NEVER },
	[WEIR_OPT_MAKE] = { WEIR_MAKE_COPY, WEIR_MAKE_ATTRIBUTES },
	[WEIR_OPT_IN_PLACE] = { 0, 1 },
	[WEIR_OPT_ASK] = { 0, 1 },
	[WEIR_OPT_COPY_CONTENTS] = { 0, 1 },
	[WEIR_OPT_BACKUP] = { WEIR_BACKUP_NONE, WEIR_BACKUP_NUMBERED },
	[WEIR_OPT_PREALLOCATE] = { 0, 1 },
	[WEIR_OPT_FRESH] = { 0, 1 },
	[WEIR_OPT_RULE_PATHS] = { 0, 1 },
	[WEIR_OPT_DEFAULT_MODE] = { 0, 1 },
	[WEIR_OPT_LINK_OVER] = { 0, 1 },
	[WEIR_OPT_COMPARE] = { WEIR_COMPARE_TIMES, WEIR_COMPARE_NEVER },
	[WEIR_OPT_MODIFY_WINDOW_NS] = { 0, INT64_MAX },
	[WEIR_OPT_EXISTING] = { 0, 1 },
	[WEIR_OPT_DELETE] = { WEIR_DELETE_OFF, WEIR_DELETE_FIRST },
	[WEIR_OPT_DELETE_EXCLUDED] = { 0, 1 },
	[WEIR_OPT_MAX_DELETE] = { -1, INT64_MAX },
	[WEIR_OPT_MAX_DELETE_PERCENT] = { -1, 100 },
	[WEIR_OPT_DELETE_MANY] = { 0, 1 },
	[WEIR_OPT_MAX_SIZE_BYTES] = { 0, INT64_MAX },
	[WEIR_OPT_MIN_SIZE_BYTES] = { 0, INT64_MAX },
	[WEIR_OPT_REMOVE_SOURCE] = { 0, 1 },
	[WEIR_OPT_DETECT_RENAMES] = { 0, 1 },
	[WEIR_OPT_ON_CHANGE] = { WEIR_ON_DEFAULT, WEIR_ON_FAIL },
	[WEIR_OPT_ON_VANISH] = { WEIR_ON_DEFAULT, WEIR_ON_FAIL },
	[WEIR_OPT_PARENTS] = { 0, 1 },
	[WEIR_OPT_KEEP_FOLDER_LINKS] = { 0, 1 },
	[WEIR_OPT_BYTES_PER_SECOND] = { 0, LIMIT_BYTES_PER_SECOND },
	[WEIR_OPT_IO_PRIORITY] = { 0, WEIR_IO_PRIORITY(WEIR_IO_NONE, 0) },
	[WEIR_OPT_BACKGROUND] = { 0, 1 },
	[WEIR_OPT_STOP_AFTER_NS] = { 0, LIMIT_STOP_AFTER_NS },
	[WEIR_OPT_ALLOW] = { 0, 2 * WEIR_ALLOW_CONTENTS - 1 },
	[WEIR_OPT_MAKE_PATH] = { 0, 1 },
	[WEIR_OPT_WAIT_LOCK_MS] = { 0, LIMIT_WAIT_LOCK_MS },
	[WEIR_OPT_CLEAN_SNAPSHOTS] = { 0, 1 },
};

_Static_assert(WEIR_OPT_KEEP_PROJECT - WEIR_OPT_KEEP_MODE + 1 == PROPERTY_COUNT,
	       "every property has its option");

void settings_init(struct settings *settings, enum weir_kind kind)
{
	*settings = (struct settings){ .kind = kind, .durable = WEIR_DURABLE_GROUP };
	settings->max_delete = settings->max_delete_percent = -1;
	settings->max_size_bytes = INT64_MAX;
	memcpy(settings->backup_suffix, "~", 2);
	settings->keep[WEIR_PROPERTY_SYMLINK] = WEIR_KEEP_REQUIRE;
	settings->keep[WEIR_PROPERTY_SPECIAL] = WEIR_KEEP_REQUIRE;
	settings->one_file_system = kind == WEIR_CLEAN;
	if (kind != WEIR_SYNC)
		return;
	settings->recursive = true;
	settings->follow = WEIR_FOLLOW_NEVER;
	for (int property = WEIR_PROPERTY_MODE; property <= WEIR_PROPERTY_PROJECT; property++)
		if (property != WEIR_PROPERTY_CONTEXT && settings->keep[property] == WEIR_KEEP_OFF)
			settings->keep[property] = WEIR_KEEP_TRY;
}

int settings_bounds(enum weir_option option, int64_t *lowest, int64_t *highest)
{
	if ((int)option < WEIR_OPT_RECURSIVE ||
	    (size_t)option >= sizeof(settings_bounds_of) / sizeof(settings_bounds_of[0]) ||
	    settings_bounds_of[option].highest == 0) /* a number without an option */
		return -EINVAL;
	*lowest = settings_bounds_of[option].lowest;
	*highest = settings_bounds_of[option].highest;
	return 0;
}

/* Where an option that is only on or off is kept, or NULL. */
static bool *settings_switch(struct settings *settings, enum weir_option option)
{
	switch (option) {
	case WEIR_OPT_RECURSIVE:
		return &settings->recursive;
	case WEIR_OPT_NO_CLOBBER:
		return &settings->no_clobber;
	case WEIR_OPT_DRY_RUN:
		return &settings->dry_run;
	case WEIR_OPT_REPORT_ENTRIES:
		return &settings->report_entries;
	case WEIR_OPT_ONE_FILE_SYSTEM:
		return &settings->one_file_system;
	case WEIR_OPT_IN_PLACE:
		return &settings->in_place;
	case WEIR_OPT_COPY_CONTENTS:
		return &settings->copy_contents;
	case WEIR_OPT_ASK:
		return &settings->ask;
	case WEIR_OPT_PREALLOCATE:
		return &settings->preallocate;
	case WEIR_OPT_FRESH:
		return &settings->fresh;
	case WEIR_OPT_RULE_PATHS:
		return &settings->rule_paths;
	case WEIR_OPT_LINK_OVER:
		return &settings->link_over;
	case WEIR_OPT_DEFAULT_MODE:
		return &settings->default_mode;
	case WEIR_OPT_PARENTS:
		return &settings->parents;
	case WEIR_OPT_KEEP_FOLDER_LINKS:
		return &settings->keep_folder_links;
	case WEIR_OPT_EXISTING:
		return &settings->existing_only;
	case WEIR_OPT_DELETE_EXCLUDED:
		return &settings->delete_excluded;
	case WEIR_OPT_REMOVE_SOURCE:
		return &settings->remove_source;
	case WEIR_OPT_DETECT_RENAMES:
		return &settings->detect_renames;
	case WEIR_OPT_DELETE_MANY:
		return &settings->delete_many;
	case WEIR_OPT_BACKGROUND:
		return &settings->background;
	case WEIR_OPT_MAKE_PATH:
		return &settings->make_path;
	case WEIR_OPT_CLEAN_SNAPSHOTS:
		return &settings->clean_snapshots;
	default:
		return NULL;
	}
}

/* What a run owes to others.  False: it is another option. */
static bool settings_store_manners(struct settings *settings, enum weir_option option,
				   int64_t value)
{
	switch (option) {
	case WEIR_OPT_BYTES_PER_SECOND:
		settings->bytes_per_second = (uint64_t)value;
		return true;
	case WEIR_OPT_IO_PRIORITY:
		settings->io_priority = (int)value;
		return true;
	case WEIR_OPT_STOP_AFTER_NS:
		settings->stop_after_ns = (uint64_t)value;
		return true;
	case WEIR_OPT_CONFINE:
		settings->confine = (enum weir_confine)value;
		return true;
	default:
		return false;
	}
}

/* What a sync compares and removes by.  False: it is none of these. */
static bool settings_store_sync(struct settings *settings, enum weir_option option, int64_t value)
{
	switch (option) {
	case WEIR_OPT_COMPARE:
		settings->compare = (enum weir_compare)value;
		return true;
	case WEIR_OPT_MODIFY_WINDOW_NS:
		settings->modify_window_ns = value;
		return true;
	case WEIR_OPT_DELETE:
		settings->delete_when = (enum weir_delete)value;
		return true;
	case WEIR_OPT_MAX_DELETE:
		settings->max_delete = value;
		return true;
	case WEIR_OPT_MAX_DELETE_PERCENT:
		settings->max_delete_percent = value;
		return true;
	case WEIR_OPT_MAX_SIZE_BYTES:
		settings->max_size_bytes = value;
		return true;
	case WEIR_OPT_MIN_SIZE_BYTES:
		settings->min_size_bytes = value;
		return true;
	default:
		return false;
	}
}

static void settings_store(struct settings *settings, enum weir_option option, int64_t value)
{
	bool *on = settings_switch(settings, option);

	WEIR_ASSERT(settings != NULL);
	if (on != NULL) {
		*on = value != 0;
		return;
	}
	if (settings_store_manners(settings, option, value) ||
	    settings_store_sync(settings, option, value))
		return;
	switch (option) {
	case WEIR_OPT_UPDATE:
		settings->update = (enum weir_update)value;
		break;
	case WEIR_OPT_DURABLE:
		settings->durable = (enum weir_durable)value;
		break;
	case WEIR_OPT_SYNC:
		settings->sync = (enum weir_sync)value;
		break;
	case WEIR_OPT_ENGINE:
		settings->engine = (enum weir_engine)value;
		break;
	case WEIR_OPT_DIRECT:
		settings->direct = (enum weir_direct)value;
		break;
	case WEIR_OPT_CHUNK_BYTES:
		settings->chunk_bytes = (uint32_t)value;
		break;
	case WEIR_OPT_DEPTH:
		settings->depth = (uint32_t)value;
		break;
	case WEIR_OPT_WORKERS:
		settings->workers = (uint32_t)value;
		break;
	case WEIR_OPT_REPORT_WAYS:
		settings->report_ways = (unsigned)value;
		break;
	case WEIR_OPT_REFLINK:
		settings->reflink = (enum weir_reflink)value;
		break;
	case WEIR_OPT_FOLLOW:
		settings->follow = (enum weir_follow)value;
		break;
	case WEIR_OPT_MAKE:
		settings->make = (enum weir_make)value;
		break;
	case WEIR_OPT_SPARSE:
		settings->sparse = (enum weir_sparse)value;
		break;
	case WEIR_OPT_BACKUP:
		settings->backup = (enum weir_backup)value;
		break;
	case WEIR_OPT_ON_CHANGE:
		settings->on_change = (enum weir_on)value;
		break;
	case WEIR_OPT_ON_VANISH:
		settings->on_vanish = (enum weir_on)value;
		break;
	case WEIR_OPT_ALLOW:
		settings->allow = (unsigned)value;
		break;
	case WEIR_OPT_WAIT_LOCK_MS:
		settings->wait_lock_ms = value;
		break;
	default:
		settings->keep[option - WEIR_OPT_KEEP_MODE] = (enum weir_keep)value;
	}
}

/* Only two of the classes have levels. */
static bool settings_is_io_priority(int64_t value)
{
	int64_t io_class = value / WEIR_IO_LEVELS;

	return value % WEIR_IO_LEVELS == 0 || io_class == WEIR_IO_REALTIME ||
	       io_class == WEIR_IO_BEST_EFFORT;
}

int settings_set(struct settings *settings, enum weir_option option, int64_t value)
{
	int64_t lowest, highest;

	if (settings_bounds(option, &lowest, &highest) < 0 || value < lowest || value > highest)
		return -EINVAL;
	if (option == WEIR_OPT_CHUNK_BYTES && value % LIMIT_ALIGN_BYTES != 0)
		return -EINVAL;
	if (option == WEIR_OPT_IO_PRIORITY && !settings_is_io_priority(value))
		return -EINVAL;
	settings_store(settings, option, value);
	return 0;
}

/* Keeps a text of at least one byte in TO of SIZE bytes. */
static int settings_keep_text(char *to, size_t size, const char *text)
{
	size_t length = strlen(text);

	if (length == 0)
		return -EINVAL;
	if (length >= size)
		return -ENAMETOOLONG;
	memcpy(to, text, length + 1);
	return 0;
}

static int settings_require_mount(struct settings *settings, const char *side)
{
	bool source = strcmp(side, "source") == 0, target = strcmp(side, "dest") == 0;
	bool both = strcmp(side, "both") == 0;

	if (!source && !target && !both)
		return -EINVAL;
	settings->require_mount[SETTINGS_SOURCE] = source || both;
	settings->require_mount[SETTINGS_TARGET] = target || both;
	return 0;
}

int settings_set_text(struct settings *settings, enum weir_text option, const char *text)
{
	if (text == NULL)
		return -EINVAL;
	switch (option) {
	case WEIR_TEXT_BACKUP_SUFFIX:
		if (strchr(text, '/') != NULL)
			return -EINVAL;
		settings->suffix_given = true;
		return settings_keep_text(settings->backup_suffix, sizeof(settings->backup_suffix),
					  text);
	case WEIR_TEXT_TRASH:
		return settings_keep_text(settings->trash, sizeof(settings->trash), text);
	case WEIR_TEXT_BACKUP_FOLDER:
		return settings_keep_text(settings->backup_folder, sizeof(settings->backup_folder),
					  text);
	case WEIR_TEXT_EXPECT_FS:
		return settings_keep_text(settings->expect_fs, sizeof(settings->expect_fs), text);
	case WEIR_TEXT_REQUIRE_MOUNT:
		return settings_require_mount(settings, text);
	case WEIR_TEXT_LINK_DEST: /* operands */
	case WEIR_TEXT_CLONE_DEST:
	case WEIR_TEXT_SNAPSHOT:
	case WEIR_TEXT_RETAIN:
		break;
	}
	return -EINVAL;
}

bool settings_contradict(const struct settings *settings)
{
	if (settings->detect_renames && settings->delete_when != WEIR_DELETE_LAST)
		return true;
	if (settings->remove_source &&
	    (settings->durable == WEIR_DURABLE_NONE || !settings_syncs(settings) ||
	     settings->delete_when != WEIR_DELETE_OFF || settings->snapshots))
		return true;
	/* Nothing is there yet that these are about; but what is filled further has files. */
	if (settings->snapshots &&
	    (settings->in_place || settings_deletes(settings) || settings->existing_only ||
	     settings->update != WEIR_UPDATE_ALL || settings->no_clobber ||
	     settings->backup != WEIR_BACKUP_NONE || settings->keep_folder_links))
		return true;
	if (settings->trash[0] != '\0' && settings->delete_when == WEIR_DELETE_OFF)
		return true;
	if (settings->backup_folder[0] != '\0' &&
	    (settings->backup == WEIR_BACKUP_NONE || !settings_syncs(settings)))
		return true;
	if (!settings->preallocate)
		return false;
	/* Where names come before syncs, a cut could leave zeros of the right size
	 * (P6). */
	return !settings_parks(settings) || settings->sparse == WEIR_SPARSE_ALWAYS ||
	       settings->reflink == WEIR_REFLINK_ALWAYS;
}
