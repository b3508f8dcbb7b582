/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A folder being copied: both sides, and a count of everything below that is
 * not finished.  Operands hang below a folder too: the one that pairs the
 * folder a source was named in with the target folder.
 */
#ifndef WEIR_FOLDER_H
#define WEIR_FOLDER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chosen.h"
#include "device.h"
#include "flags.h"
#include "list.h"
#include "namesake.h"
#include "nameset.h"
#include "root.h"
#include "sys.h"
#include "xattr.h"

enum folder_role {
	FOLDER_LISTED,	/* what comes into it is found by listing it */
	FOLDER_LEADING, /* a leading folder of operands, made for them: planned */
	FOLDER_PAIR,	/* where operands lie, with the folder they go to: planned;
			 * nothing of it is copied but its operands */
};

struct folder {
	struct list node;      /* in the queue, or in a list of finished ones */
	struct folder *parent; /* referenced; NULL for that of the operands */
	_Atomic uint32_t refs; /* the scan, child folders, jobs, parked units */
	struct dir *source;    /* NULL until the scan began */
	struct dir *target;    /* NULL until then; also in a dry run, if absent */
	struct dir **earlier;  /* the same folder of earlier copies, NULL where there is none;
				* owned, or NULL: none has it */
	uint32_t earlier_count;
	struct fs *source_fs;
	struct fs *target_fs;
	struct sys_stat stat; /* of the source */
	int64_t scan_offset;  /* where the listing goes on */
	enum folder_role role;
	struct list planned;	    /* child folders, which are queued once it has begun */
	struct list batches;	    /* of entries in it, the same */
	struct xattr_acls acls;	    /* of the source, for the end */
	struct flags flags;	    /* of the source, for the end */
	uint32_t flags_before;	    /* which of them the target may have had */
	struct flags handed;	    /* what the target hands on */
	uint32_t mode_before;	    /* permissions of the target until it was opened up */
	struct nameset *misspelled; /* names of the target that are spelled otherwise (O08);
				     * owned, or NULL: none */
	struct chosen_part part;    /* of the names that a sync is limited to */
	int base_fd;		    /* for by_path */
	bool lost;		    /* it could not begin, which was told; nor can what is below */
	bool begun;		    /* both sides are open */
	bool fresh;		    /* the target was made by this run and was empty */
	bool finish;		    /* final mode and times are still to be set */
	bool default_acl;	    /* the target hands an ACL on that is not to stay */
	bool entry_durable;	    /* its own name is synced */
	bool by_path;		    /* name is an operand's path */
	bool follow;		    /* its name in the source may be a link */
	bool retyped;		    /* it was no folder when it was listed */
	bool replaces;		    /* of a sync: something else had its name */
	bool settled;		    /* of a sync: nothing of it differs but what is in it */
	_Atomic bool changed;	    /* something in the target was made, replaced or removed */
	bool looked;		    /* whether the target had to be opened up is known */
	bool opened_up;		    /* it was closed to us, and is to be so again */
	bool plans;		    /* its listing is over, and the target is listed now */
	bool blurred;		    /* which names are misspelled is not known (O08) */
	bool is_border;		    /* it is on another file system, and stays empty */
	bool into_parent;	    /* its contents go into the parent's target itself */
	/* Listed by this run, the target had no numbered backup. */
	_Atomic bool unnumbered;
	/* Of operands: the names of all of them in the target, sorted; or NULL. */
	const char *const *rivals;
	size_t rival_count;
	struct namesakes namesakes; /* of the target */
	const char *target_name;
	char name[];
};

/* A child of PARENT with one reference (its scan's); takes a reference on
 * PARENT.  TARGET_NAME NULL: the same as NAME.  NULL: out of memory. */
struct folder *folder_new(struct folder *parent, const char *name, const char *target_name);

struct folder *folder_get(struct folder *folder);

/* Drops a reference; true if it was the last and the folder is to be finished
 * by the caller (with folder_free() in the end). */
bool folder_put(struct folder *folder);

/* A folder that is to be finished has been read: many may wait for that, and dirs take
 * memory. */
void folder_leave_source(struct folder *folder, struct root *root);

/* Frees a finished folder.  Returns its parent, whose reference the caller
 * must now put, or NULL. */
struct folder *folder_free(struct folder *folder, struct root *root);

/* The path of NAME (or NULL: its own) on one side, to be freed. */
char *folder_source_path(const struct folder *folder, const char *name);
char *folder_target_path(const struct folder *folder, const char *name);

/* The path of FOLDER below its operand, to be freed. */
char *folder_path_below(const struct folder *folder);

/* True if what is in FOLDER was named by operands: it stands for where they lie. */
bool folder_has_operands(const struct folder *folder);

#endif
