/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The walk of a clean: every folder below an operand is looked at for what killed runs
 * have left.
 */
#ifndef WEIR_CLEAN_H
#define WEIR_CLEAN_H

#include "residue.h"

struct clean_level;

struct clean {
	struct residue residue;	    /* the caller's to set; all of it but its results */
	struct clean_level *levels; /* from the operand down to the folder at hand, owned */
	size_t depth;
	size_t room;
	bool cut; /* out: a cancel left something that was not looked at */
};

/* What the operand PATH stands for: *FOLDER is NULL if it is a folder itself, or leads to
 * one, else the path of the folder that it lies in, to be freed.  0 or -errno. */
int clean_resolve(struct sys *sys, int dirfd, const char *path, char **folder);

/* Looks at PATH, relative to DIRFD, and all below it; if it is no folder, at the folder
 * that it lies in alone.  Every failure is told. */
void clean_operand(struct clean *clean, int dirfd, const char *path);

/* The run is over. */
void clean_finish(struct clean *clean);

#endif
