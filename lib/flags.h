/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inode flags and project ids: which ones mean the same at the target, when each
 * is set, and what could not be.
 *
 * Functions return 0, or -errno with the record set.  What the target cannot hold
 * is noted in the losses and fails nothing.
 */
#ifndef WEIR_FLAGS_H
#define WEIR_FLAGS_H

#include <linux/fs.h>
#include <stdbool.h>
#include <stdint.h>

#include "device.h"
#include "error.h"
#include "loss.h"
#include "settings.h"
#include "sys.h"

/* Before data, or before entries: they say how these are stored. */
#define FLAGS_EARLY ((uint32_t)(FS_NOCOW_FL | FS_COMPR_FL | FS_NOCOMP_FL | FS_CASEFOLD_FL))
/* With the other attributes. */
#define FLAGS_USUAL                                                                            \
	((uint32_t)(FS_NODUMP_FL | FS_NOATIME_FL | FS_SYNC_FL | FS_DIRSYNC_FL | FS_TOPDIR_FL | \
		    FS_DAX_FL))
/* After everything else, names too: nothing more can be done to such an inode. */
#define FLAGS_LAST ((uint32_t)(FS_APPEND_FL | FS_IMMUTABLE_FL))

struct flags {
	uint32_t bits;	  /* FS_..._FL, of those above */
	uint32_t project; /* 0: none */
	bool hands_on;	  /* a folder's project becomes that of its entries */
};

/* What is set after an entry has its name. */
struct flags_last {
	uint32_t mask; /* these flags, 0: none */
	uint32_t bits;
	uint32_t project; /* 0: it stays as it is */
};

/* DIRFD itself if NAME is "", else NAME in the folder DIRFD: a source that cannot be
 * opened.  FS may be NULL: not known. */
struct flags_place {
	struct fs *fs;
	int dirfd;
	const char *name;
	bool is_path; /* DIRFD was opened with O_PATH: a link or special file */
};

struct flags_env {
	struct sys *sys;
	const struct settings *settings;
	struct losses *losses;
	struct error *error;
};

/* Reads what is to be kept of a source, as far as it means the same on
 * TARGET_FS. */
int flags_read(const struct flags_env *env, const struct flags_place *source,
	       const struct sys_stat *stat, const struct fs *target_fs, struct flags *flags);

/* Reads what the open target folder hands on to what is made in it. */
int flags_read_handed(const struct flags_env *env, const struct flags_place *folder,
		      struct flags *handed);

/* Gives an open target the flags of MASK that it is to have and no others of
 * MASK.  INHERITED: it may have these already; all bits if that is not known. */
int flags_set(const struct flags_env *env, const struct flags_place *target, uint32_t mask,
	      uint32_t bits, uint32_t inherited);

/* Gives an open folder its project before anything is made in it.  Without a
 * project there is nothing to keep: what the target has stays. */
int flags_set_project(const struct flags_env *env, const struct flags_place *folder,
		      const struct flags *flags);

/* What is left to be set after the entry has its name.  IS_NODE: it cannot be
 * opened, so that is all. */
struct flags_last flags_plan_last(const struct settings *settings, const struct flags *flags,
				  const struct flags *handed, bool is_node);

static inline bool flags_any_last(const struct flags_last *last)
{
	return last->mask != 0 || last->project != 0;
}

/* Sets that. */
int flags_set_last(const struct flags_env *env, const struct flags_place *target,
		   const struct flags_last *last);

#endif
