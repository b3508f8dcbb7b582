/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Operands: resolved once, judged by the guards, and turned into the first
 * work.  Nothing is written before all of them were judged.
 */
#ifndef WEIR_OPERAND_H
#define WEIR_OPERAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tree.h"
#include "weir.h"

struct operand {
	int dirfd;  /* what path is relative to */
	char *path; /* as given */
	/* Resolved: */
	bool usable;   /* false: it is left out, by a rule or because of an error */
	bool excluded; /* by a rule */
	bool is_folder;
	bool into_parent; /* "." and the like: its contents are meant */
	bool magic;	  /* a link of /proc that only the kernel can follow */
	unsigned char type;
	struct sys_stat stat;
	char *folder_path; /* where it lies */
	char *name;	   /* in that folder */
	char *rule_path;   /* for the rules; NULL if there are none */
	char *target_name; /* in the target folder, or below it in its leading folders */
	char *place;	   /* with them: its path in the target; NULL: it is the name */
};

struct operands {
	struct operand *sources;
	size_t count;
	size_t room;
	int target_dirfd;
	char *target_path;
	enum weir_target_mode target_mode;
	/* Resolved: */
	struct sys_stat judged; /* what trusted links lead to; mode 0: not asked for */
	struct dir *target;	/* folder that is copied into, referenced */
	struct fs *target_fs;
	bool target_hands_acl_on; /* one that is not to stay */
	bool locked;		  /* the target is held shared for the run, */
	bool held;		  /* or by this run alone */
	bool merge;		  /* the target is a folder and the name of the source, too */
	bool target_streams;	  /* it is a FIFO or character device, to be written to */
	bool target_slash;	  /* "name/": it must be a folder */
	char *target_name;	  /* name there for the one source, or NULL */
	const char **names;	  /* of all usable ones there, sorted; for backups only */
	size_t name_count;
	uint64_t bytes;		    /* of regular files among the sources */
	size_t files;		    /* regular files */
	struct flags target_handed; /* what the target folder gives to new entries */
	size_t folders;
	size_t excluded;		/* by a rule */
	struct landing_source *landing; /* the folders among the sources, or NULL */
};

/* Adds a source; PATH is copied.  0 or -ENOMEM. */
int operands_add(struct operands *operands, int dirfd, const char *path);

/* J04: refuses a target that is a link of another user.  0 or -errno. */
int operands_guard_link(struct operands *operands, struct tree *tree);

/* Opens the folder PATH to copy into.  0; -ECANCELED, told by an event; -ENOMEM. */
int operands_open_target(struct operands *operands, struct tree *tree, const char *path);

/* Resolves and judges all.  0; -ECANCELED: refused or cannot start, told by an
 * event; another -errno: out of memory. */
int operands_resolve(struct operands *operands, struct tree *tree);

/* Tells that a guard refused PATH; -ECANCELED. */
int operand_refuse(struct tree *tree, const char *operation, const char *text, const char *path);

/* The same, with another name that it is about, at the end of TEXT. */
int operand_refuse_about(struct tree *tree, const char *operation, const char *text,
			 const char *path, const char *other);

/* Tells that the run cannot start, for RESULT (-errno) or TEXT; -ECANCELED. */
int operand_fatal(struct tree *tree, long result, const char *operation, const char *text,
		  const char *path);

/* Leaves SOURCE out, for RESULT (-errno) or TEXT, and tells so; 0. */
int operand_leave_out(struct tree *tree, long result, const char *operation, const char *text,
		      const struct operand *source);

/* True if a link in the place of a file that is the target operand is meant
 * itself, and not what it leads to: it is replaced, has its backup, or becomes
 * another link. */
bool operands_mean_link(const struct settings *settings);

/* Adds an operand that is no folder to *batch of its pair.  0 or -ENOMEM. */
int operand_add_file(struct tree *tree, struct folder *pair, struct batch **batch,
		     const struct operand *source);

/* The folder of a folder operand, below the one that pairs where it lies with
 * where it goes.  NULL: out of memory. */
struct folder *operand_folder(struct folder *pair, const struct operand *source);

/* Queues the resolved sources.  0 or -errno. */
int operands_queue(struct operands *operands, struct tree *tree);

/* Lets go of the target's lock; the run is over. */
void operands_unlock(struct operands *operands, struct root *root);

void operands_close(struct operands *operands, struct root *root);

#endif
