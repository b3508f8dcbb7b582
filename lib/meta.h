/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Attributes: which ones a new entry gets, set in the safe order and by
 * descriptor: owner, extended attributes, mode, ACL, capabilities, times.
 * setuid and setgid only once the owner is right (G07).
 *
 * What the target cannot hold is noted in the entry's losses, which fail
 * nothing.  Functions return 0, or -errno with the record set.
 */
#ifndef WEIR_META_H
#define WEIR_META_H

#include <stdbool.h>

#include "error.h"
#include "loss.h"
#include "settings.h"
#include "sys.h"
#include "xattr.h"

/* A new regular file of ours. */
struct meta_file {
	int fd;
	int source_fd;
	const struct sys_stat *source;
	const struct sys_stat *created;	 /* its attributes now */
	const struct sys_stat *existing; /* the file it replaces, or NULL */
	int existing_fd;		 /* readable, or -1 */
	bool inherits_acl;		 /* its folder hands an ACL on */
	bool prunes; /* it was there before, and loses what the source does not have */
};

/* A link, FIFO, socket or device of ours: FD is opened with O_PATH. */
struct meta_node {
	struct xattr_place source_place;
	int fd;
	const struct sys_stat *source;
	const struct sys_stat *created; /* its attributes now */
	bool inherits_acl;
};

/* A folder, new or not. */
struct meta_folder {
	int fd;
	int source_fd; /* when it begins; unused when it ends */
	const struct sys_stat *source;
	bool fresh;	   /* this run made it */
	bool inherits_acl; /* its parent hands an ACL on */
	bool closed;	   /* it was made for us only, and its mode is not kept */
	bool prunes;	   /* it loses attributes that the source does not have */
};

/* True if a folder is made closed until its owner is right, though its mode is not
 * kept: it gets that of a new folder at the end.  Where its parent hands an ACL on,
 * only the kernel knows what that is, and it is made open. */
bool meta_folder_is_closed(const struct settings *settings, bool inherits_acl);

/* The permissions that a new entry is made with for a source of MODE, before the
 * umask, where it does not keep that. */
mode_t meta_new_mode(const struct settings *settings, mode_t mode);

/* The mode to create a file with.  NAMED: under a temp name, so that nobody may
 * see more of it than of the final one (J6); REPLACES: an existing file, whose
 * owner and mode it takes over. */
mode_t meta_create_mode(const struct settings *settings, const struct sys_stat *source, bool named,
			bool replaces);

/* Gives a file the attributes of its source as far as they are to be kept, else,
 * where it replaces one, that one's owner, mode, label, ACL and user attributes. */
int meta_apply_file(struct sys *sys, const struct settings *settings, const struct meta_file *file,
		    struct losses *losses, struct error *error);

int meta_apply_node(struct sys *sys, const struct settings *settings, const struct meta_node *node,
		    struct losses *losses, struct error *error);

/* Before anything comes into a folder: all but mode, ACL and times, and a mode
 * that lets us work in it (P4).  ACLS: those of the source, for the end; to be
 * released by the caller whatever the result. */
int meta_begin_folder(struct sys *sys, const struct settings *settings,
		      const struct meta_folder *folder, struct xattr_acls *acls,
		      struct losses *losses, struct error *error);

/* After its last descendant: mode, ACL and times (P4). */
int meta_finish_folder(struct sys *sys, const struct settings *settings,
		       const struct meta_folder *folder, const struct xattr_acls *acls,
		       struct losses *losses, struct error *error);

/* True if entries made in this folder inherit an ACL that is not to stay. */
bool meta_hands_acl_on(struct sys *sys, const struct settings *settings, int fd);

/* True if A is newer than B, to the nanosecond. */
bool meta_newer(const struct timespec *a, const struct timespec *b);

bool meta_same_time(const struct timespec *a, const struct timespec *b);

#endif
