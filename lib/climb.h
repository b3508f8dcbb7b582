/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The way up from a folder to the root of the system, folder by folder.  It is
 * taken through `..`, so it tells where a folder really lies, whatever links led
 * to it.
 */
#ifndef WEIR_CLIMB_H
#define WEIR_CLIMB_H

#include <stdbool.h>

#include "sys.h"

struct climb {
	struct sys *sys;
	int fd;		      /* -1: the climb is over */
	struct sys_stat stat; /* of the folder it stands in */
};

/* Begins in the folder FD, which stays the caller's.  False: it cannot be seen,
 * and the climb is over. */
bool climb_begin(struct climb *climb, struct sys *sys, int fd);

/* One folder up.  False: it stood in the root, or may not go on, and the climb
 * is over. */
bool climb_up(struct climb *climb);

/* Ends a climb, also one that is over. */
void climb_end(struct climb *climb);

#endif
