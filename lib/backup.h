/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Backups: another name for what is about to be replaced, given just before the
 * new object takes the name.
 */
#ifndef WEIR_BACKUP_H
#define WEIR_BACKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "folder.h"
#include "limits.h"
#include "root.h"
#include "settings.h"
#include "sys.h"

/* What is replaced, and by what. */
struct backup_plan {
	struct root *root;
	const struct settings *settings;
	struct folder *folder;
	int dirfd;	  /* its target, pinned */
	const char *name; /* in the target */
	uint64_t source_device;
	uint64_t source_inode;
	bool clash; /* the name of its simple backup is that of another copy */
};

enum backup_way {
	BACKUP_NOT_MADE,
	BACKUP_LINKED,	/* the old object has both names */
	BACKUP_RENAMED, /* it has only the backup's */
};

/* A backup that was made. */
struct backup {
	enum backup_way way;
	bool over;	 /* an older backup had the name */
	uint64_t device; /* of the old object */
	uint64_t inode;
	char name[LIMIT_NAME_BYTES];
};

/* The name of a simple backup, at TO (LIMIT_NAME_BYTES).  False: too long. */
bool backup_simple_name(char *to, const char *name, const char *suffix);

/* The name of the numbered backup with the number DIGITS.  False: too long. */
bool backup_numbered_name(char *to, const char *name, const char *digits);

/* The digits of the number of ENTRY, if it is a numbered backup of NAME: how
 * many, beginning at *DIGITS; else 0. */
size_t backup_number(const char *entry, const char *name, const char **digits);

/* True if NAME ends as every numbered backup does. */
bool backup_looks_numbered(const char *name);

/* True if NAME ends as a backup of the kind that is asked for does. */
bool backup_is_one(const struct settings *settings, const char *name);

/* Makes HIGHEST (LIMIT_NAME_BYTES) these DIGITS if their number is larger. */
void backup_raise(char *highest, const char *digits, size_t length);

/* Adds one to the number DIGITS (LIMIT_NAME_BYTES).  False: there is no room. */
bool backup_next(char *digits);

/* The highest number that NAME has in the folder FD, at HIGHEST (LIMIT_NAME_BYTES); "0":
 * none.  ANY: some name there has one.  0 or -errno. */
int backup_highest(struct sys *sys, int fd, const char *name, char *highest, bool *any);

/* Looks, before anything is copied, whether what SOURCE replaces in the target
 * as NAME can have a backup; *CLASH tells whether a simple one would take the
 * name of another copy of this run.  0, or -errno with ERROR set. */
int backup_judge(struct root *root, const struct settings *settings, struct folder *folder,
		 const char *name, const struct sys_stat *source, bool *clash, struct error *error);

/* Gives what has the name its backup's name; what is nothing or a folder gets
 * none.  0, or -errno with ERROR set and nothing changed. */
int backup_make(const struct backup_plan *plan, struct backup *backup, struct error *error);

/* Takes a backup back, whose name was not taken by the new object.  NULL, or what
 * is left. */
const char *backup_undo(const struct backup_plan *plan, const struct backup *backup);

#endif
