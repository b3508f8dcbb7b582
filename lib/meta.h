/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Attributes: which ones a new entry gets, set in the safe order and by
 * descriptor: owner, then mode, then times.  setuid and setgid only once the
 * owner is right (G07).
 */
#ifndef WEIR_META_H
#define WEIR_META_H

#include <stdbool.h>

#include "error.h"
#include "settings.h"
#include "sys.h"

/* The mode to create a file with.  NAMED: under a temp name, so that nobody may
 * see more of it than of the final one (J6); REPLACES: an existing file, whose
 * owner and mode it takes over. */
mode_t meta_create_mode(const struct settings *settings, const struct sys_stat *source, bool named,
			bool replaces);

/* Brings a new file of ours (FD) from CREATED, its attributes now, to what it
 * has to be: those of SOURCE as far as they are to be kept, else, where it
 * replaces EXISTING (or NULL), that one's owner and mode.  DEFAULT_ACL: its
 * folder made it inherit an ACL.  0, or -errno with the record set. */
int meta_apply_file(struct sys *sys, const struct settings *settings, int fd,
		    const struct sys_stat *created, const struct sys_stat *source,
		    const struct sys_stat *existing, bool default_acl, struct error *error);

/* The same for a node without descriptor, by NAME in a held folder. */
int meta_apply_node(struct sys *sys, const struct settings *settings, int dirfd, const char *name,
		    const struct sys_stat *source, struct error *error);

/* A folder that was just made: owner and a mode that lets us work in it (P4). */
int meta_begin_folder(struct sys *sys, const struct settings *settings, int fd,
		      const struct sys_stat *source, struct error *error);

/* A folder whose last descendant ended: final mode and times (P4).  FRESH: this
 * run made it. */
int meta_finish_folder(struct sys *sys, const struct settings *settings, int fd,
		       const struct sys_stat *source, bool fresh, struct error *error);

/* Hands label, ACL and user attributes of the entry that is replaced on. */
int meta_inherit_xattrs(struct sys *sys, int existing_fd, int fd, struct error *error);

/* True if entries made in this folder inherit an ACL. */
bool meta_has_default_acl(struct sys *sys, int fd);

/* True if A is newer than B, to the nanosecond. */
bool meta_newer(const struct timespec *a, const struct timespec *b);

bool meta_same_time(const struct timespec *a, const struct timespec *b);

#endif
