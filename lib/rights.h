/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rights that the calling thread gives up for good, and with it those that it makes from
 * then on: by Landlock, no_new_privs and capset(2).
 */
#ifndef WEIR_RIGHTS_H
#define WEIR_RIGHTS_H

#include <stdbool.h>
#include <stdint.h>

#include "sys.h"

/* What may still be done below a folder, or with a file. */
enum rights_kind {
	RIGHTS_LIST = 1,   /* list folders */
	RIGHTS_READ = 2,   /* open files to read them */
	RIGHTS_WRITE = 4,  /* open files to write to them */
	RIGHTS_REMOVE = 8, /* remove names */
	RIGHTS_CHANGE = 16 /* all that changes folders: make, remove, rename and link names */
};

/* A set of rules that is being made. */
struct rights {
	struct sys *sys;
	int fd;	     /* of the rules, or -1: there are none */
	int version; /* of Landlock, 0: it is not to be had */
};

/* Begins rules by which nothing may be done.  0; -ENOSYS: no Landlock, or one that cannot
 * let names be moved between folders (before version 2, Linux 5.19); another -errno. */
int rights_begin(struct rights *rights, struct sys *sys);

/* KINDS (bits of enum rights_kind) may be done with what FD has open, and below it.  0 or
 * -errno. */
int rights_allow(struct rights *rights, int fd, unsigned kinds);

/* The rules hold from now on, for what is opened or named from now on; they need
 * rights_gain_none().  0 or -errno. */
int rights_enforce(struct rights *rights);
void rights_end(struct rights *rights);

/* No program that is started will give us more rights: prctl(PR_SET_NO_NEW_PRIVS).  0 or
 * -errno. */
int rights_gain_none(struct sys *sys);

/* Gives up all capabilities but KEPT (bits by their numbers).  How many are left, or
 * -errno. */
int rights_keep(struct sys *sys, uint64_t kept);

#endif
