/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a run was asked to do; constant once it began.  Options have bounds, and
 * are set one by one.
 */
#ifndef WEIR_SETTINGS_H
#define WEIR_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "weir.h"

#define PROPERTY_COUNT (WEIR_PROPERTY_PROJECT + 1)

#define SETTINGS_SUFFIX_BYTES 256 /* with NUL */
#define SETTINGS_FS_BYTES 256	  /* the same: UUID or label */
#define SETTINGS_PATH_BYTES 4096  /* the same */

enum settings_side {
	SETTINGS_SOURCE,
	SETTINGS_TARGET,
	SETTINGS_SIDES,
};

#define SETTINGS_WAYS_OF_EACH 2U /* for each file, not for each way */

struct settings {
	enum weir_kind kind;
	bool recursive;
	enum weir_keep keep[PROPERTY_COUNT];
	bool no_clobber;
	enum weir_update update;
	enum weir_compare compare;
	int64_t modify_window_ns;
	bool existing_only; /* nothing is made that is not there */
	enum weir_delete delete_when;
	bool delete_excluded;
	bool detect_renames;
	bool remove_source;	    /* what the target has durably goes from the source */
	int64_t max_delete;	    /* -1: by default */
	int64_t max_delete_percent; /* the same */
	bool delete_many;
	int64_t max_size_bytes; /* of the regular files that are synced */
	int64_t min_size_bytes;
	bool fresh;	   /* what is replaced hands nothing on */
	bool link_over;	   /* links that are asked for replace what exists */
	int umask;	   /* of the process, or -1: not known */
	bool default_mode; /* new entries get the mode of new files, not the source's */
	bool dry_run;
	bool report_entries;
	enum weir_confine confine;
	unsigned report_ways; /* 0, 1, or SETTINGS_WAYS_OF_EACH */
	enum weir_durable durable;
	enum weir_sync sync;
	enum weir_engine engine;
	enum weir_direct direct;
	enum weir_reflink reflink;
	enum weir_sparse sparse;
	enum weir_make make;
	bool in_place;
	bool ask;
	bool copy_contents;
	enum weir_backup backup;
	char backup_suffix[SETTINGS_SUFFIX_BYTES];
	bool preallocate;
	enum weir_follow follow;
	bool one_file_system;
	bool rule_paths; /* rules see the whole path of an operand */
	enum weir_on on_change;
	enum weir_on on_vanish;
	bool parents;
	bool keep_folder_links;
	uint32_t chunk_bytes; /* 0 = chosen */
	uint32_t depth;	      /* 0 = chosen */
	uint32_t workers;     /* 0 = chosen */
	bool privileged;      /* root: needs no permission of its own */
	uint32_t uid;	      /* the effective one */

	uint64_t bytes_per_second; /* 0: no limit */
	int io_priority;	   /* WEIR_IO_PRIORITY(); 0: that of the caller */
	bool background;
	uint64_t stop_after_ns; /* 0: never */

	/* Of a sync: */
	unsigned allow;			   /* bits of enum weir_allow: guards that are overridden */
	bool make_path;			   /* leading folders of the target are made, too */
	int64_t wait_lock_ms;		   /* for another run that holds the target */
	char expect_fs[SETTINGS_FS_BYTES]; /* of the target; "": any */
	char trash[SETTINGS_PATH_BYTES];   /* where what is removed goes; "": nowhere */
	char backup_folder[SETTINGS_PATH_BYTES]; /* where backups go; "": nowhere else */
	bool suffix_given;			 /* backup_suffix was set */
	bool require_mount[SETTINGS_SIDES]; /* to be on a mount of its own */
	bool snapshots;			    /* the target is a new folder among earlier ones */

	/* Of a clean: */
	bool clean_snapshots; /* unfinished ones go, too */
};

/* What holds before anything is set. */
void settings_init(struct settings *settings, enum weir_kind kind);

/* Bounds of an option, both inclusive.  0 or -EINVAL: there is no such option. */
int settings_bounds(enum weir_option option, int64_t *lowest, int64_t *highest);

/* Sets an option.  0 or -EINVAL: unknown or out of bounds. */
int settings_set(struct settings *settings, enum weir_option option, int64_t value);

/* Sets a text option that is no operand.  0, -EINVAL: unknown or not a text it can be;
 * -ENAMETOOLONG. */
int settings_set_text(struct settings *settings, enum weir_text option, const char *text);
/* True if one tree is made to hold what another one holds. */
static inline bool settings_syncs(const struct settings *settings)
{
	return settings->kind == WEIR_SYNC;
}

/* True if what killed runs have left is looked for, and nothing is copied. */
static inline bool settings_cleans(const struct settings *settings)
{
	return settings->kind == WEIR_CLEAN;
}

/* True if what the source does not have is removed from the target. */
static inline bool settings_deletes(const struct settings *settings)
{
	return settings->delete_when != WEIR_DELETE_OFF;
}

/* True if a source that is empty, or another one than before, does harm that stays. */
static inline bool settings_is_wary(const struct settings *settings)
{
	return settings_deletes(settings) || settings->snapshots;
}

/* True if the guard is overridden. */
static inline bool settings_allows(const struct settings *settings, enum weir_allow guard)
{
	return (settings->allow & guard) != 0;
}

/* True if what exists is never replaced. */
static inline bool settings_leaves_existing(const struct settings *settings)
{
	return settings->no_clobber || settings->update == WEIR_UPDATE_NONE ||
	       settings->update == WEIR_UPDATE_NONE_FAIL;
}

/* True if that is an error of the entry. */
static inline bool settings_fails_existing(const struct settings *settings)
{
	return !settings->no_clobber && settings->update == WEIR_UPDATE_NONE_FAIL;
}

static inline bool settings_keeps(const struct settings *settings, enum weir_property property)
{
	return settings->keep[property] != WEIR_KEEP_OFF;
}

/* True if anything of an entry is kept beside its name, type and bytes. */
static inline bool settings_keeps_any(const struct settings *settings)
{
	for (int property = WEIR_PROPERTY_MODE; property <= WEIR_PROPERTY_CONTEXT; property++)
		if (settings->keep[property] != WEIR_KEEP_OFF)
			return true;
	return false;
}

/* True if inode flags or project ids are kept. */
static inline bool settings_keeps_flags(const struct settings *settings)
{
	return settings_keeps(settings, WEIR_PROPERTY_FLAGS) ||
	       settings_keeps(settings, WEIR_PROPERTY_PROJECT);
}

/* True if options were set that exclude each other. */
bool settings_contradict(const struct settings *settings);

/* True if the run may take long on purpose, or its threads differ from others: so it
 * is not done by the caller's. */
static inline bool settings_hold_back(const struct settings *settings)
{
	return settings->bytes_per_second != 0 || settings->io_priority != 0 ||
	       settings->background || settings->stop_after_ns != 0;
}

/* True where files that exist are written into, or their attributes set. */
static inline bool settings_writes_over(const struct settings *settings)
{
	return settings->in_place || settings->make == WEIR_MAKE_ATTRIBUTES;
}

/* True where names are given only after the data was synced. */
static inline bool settings_parks(const struct settings *settings)
{
	return settings->durable == WEIR_DURABLE_GROUP || settings->durable == WEIR_DURABLE_FILE;
}

#endif
