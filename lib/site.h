/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a folder lies: its path without links, the file system it is on, and where in
 * that.  This is what two runs of a sync are compared by.
 */
#ifndef WEIR_SITE_H
#define WEIR_SITE_H

#include <stdbool.h>
#include <stdint.h>

#include "sys.h"

/* Texts are the site's own; "" for what cannot be found out. */
struct site {
	char *path;   /* absolute; "" where /proc tells none */
	char *place;  /* the path in its file system */
	char *mount;  /* where the file system is mounted */
	char *type;   /* of the file system */
	char *uuid;   /* its UUID */
	char *source; /* what is mounted, where a UUID is missing */
	/* Of this moment, in no record: */
	char *label;
	uint64_t device; /* the file system's own; 0: not known */
	bool is_on_root; /* in the mount that the root folder is in, or not known */
};

/* The site of the open folder FD, or, with BELOW, of what will have that path in it.
 * To be freed also after an error.  0, or -ENOMEM; what else fails leaves texts empty. */
int site_find(struct sys *sys, int fd, const char *below, struct site *site);

void site_free(struct site *site);

/* True if both are on one file system, as far as both are known. */
bool site_same_fs(const struct site *a, const struct site *b);

/* True if both stand for one place: the file system of before, at the mount point of
 * before or not, but then still the same folder of it. */
bool site_same(const struct site *before, const struct site *now);

/* True if INNER lies in OUTER, or is it, whatever mounts lead there. */
bool site_lies_in(const struct site *inner, const struct site *outer);

#endif
