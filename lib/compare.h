/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a sync is to do about a name, by what lies there on both sides.  Pure: all
 * that is to be known was looked up before.
 */
#ifndef WEIR_COMPARE_H
#define WEIR_COMPARE_H

#include <stdbool.h>

#include "settings.h"
#include "sys.h"

enum compare_verdict {
	COMPARE_SAME,	    /* nothing is to be done */
	COMPARE_CREATE,	    /* nothing is there */
	COMPARE_REPLACE,    /* what is there has other data, or is another thing */
	COMPARE_CONTENT,    /* a look at the data is to tell */
	COMPARE_ATTRIBUTES, /* the data is right */
	COMPARE_LEAVE,	    /* an option says that it stays as it is */
	COMPARE_LEAVE_OUT,  /* it is no part of the sync */
};

struct compare_sides {
	const struct sys_stat *source;
	const struct sys_stat *target; /* NULL: nothing is there */
	bool same_time;		       /* of modification, as far as the target can tell */
	bool torn;		       /* the target has the mark of a write in place */
	bool same_text;		       /* of symbolic links */
	unsigned xattrs;	       /* bits of WEIR_CHANGE_ of what differs among them */
	uint32_t bare_mode;	       /* of the source, as it is without its ACL */
	uint64_t flags;		       /* STATX_ATTR_ bits that could be set */
	bool owner_counts;	       /* could be set, if it differs */
	bool group_counts;
};

struct compare_result {
	enum compare_verdict verdict;
	unsigned changes; /* bits of WEIR_CHANGE_ */
};

/* True if an entry of the source is no part of the sync, for its size. */
bool compare_leaves_out(const struct settings *settings, const struct sys_stat *source);

/* A name of an entry that is no folder. */
struct compare_result compare_entry(const struct settings *settings,
				    const struct compare_sides *sides);

/* What becomes of COMPARE_CONTENT once it is known whether the data is the SAME. */
void compare_settle(struct compare_result *result, bool same);

/* The same of an earlier copy of it, which is there, and which no option protects. */
struct compare_result compare_earlier(const struct settings *settings,
				      const struct compare_sides *sides);

/* Folders on both sides: the bits of WEIR_CHANGE_ of their attributes. */
unsigned compare_folders(const struct settings *settings, const struct compare_sides *sides);

#endif
