/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The names in a folder that is not copied: of state, of devices, of processes.  The
 * scan of trees has its own way, tree.c.
 */
#ifndef WEIR_LISTER_H
#define WEIR_LISTER_H

#include <stdbool.h>
#include <stdint.h>

#include "sys.h"

#define LISTER_BYTES 4096

struct lister {
	struct sys *sys;
	int fd;		    /* of its own: its position is nobody else's */
	int result;	    /* 0, or -errno: the listing was cut short */
	unsigned char type; /* of the last name: DT_ of dirent.h, DT_UNKNOWN too */
	int64_t offset;	    /* behind it, for lister_seek() */
	long bytes;
	long at;
	_Alignas(8) char buffer[LISTER_BYTES];
};

/* Begins to list the folder NAME ("." for itself) of DIRFD.  0 or -errno. */
int lister_open(struct lister *lister, struct sys *sys, int dirfd, const char *name);

/* The next name, without "." and "..", valid until the next call.  NULL: there is
 * none left, or `result` tells why there is none. */
const char *lister_next(struct lister *lister);

/* Goes on behind a name whose offset was kept; 0: from the beginning.  0 or -errno. */
int lister_seek(struct lister *lister, int64_t offset);

void lister_close(struct lister *lister);

#endif
