/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A folder that keeps what goes from the target, under the path that it had there:
 * that of --trash, and that of --backup-dir.
 */
#ifndef WEIR_ATTIC_H
#define WEIR_ATTIC_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "device.h"
#include "limits.h"
#include "root.h"
#include "settings.h"
#include "sys.h"

struct attic {
	struct root *root;
	const struct settings *settings;
	const char *path;   /* as given */
	const char *suffix; /* of the names in it */
	const char *below;  /* what of it is to be made, or "" */
	int fd;		    /* what is there, opened with O_PATH, or -1 */
	struct sys_stat stat;
	struct sys_stat above; /* if all of it is there: the folder that it is in */
	bool in_target;	       /* it is inside of DEST, or is to be; set by who judges it */
	struct dir *target;    /* DEST, whose paths it keeps; set before anything is kept */
	pthread_mutex_t lock;
	int top_fd; /* of the attic itself, once something is to be kept, or -1 */
};

/* For PATH, which stays the caller's as SUFFIX does.  0 or -errno. */
int attic_open(struct attic *attic, struct root *root, const struct settings *settings,
	       const char *path, const char *suffix);
void attic_close(struct attic *attic);

/* Looks where it is, or is to be; makes nothing.  0; -ENOENT: leading folders are missing,
 * too, and are not to be made; -EINVAL: there is a ".." behind what is missing; -EACCES:
 * a link of somebody else leads there, or it may not be entered; another -errno. */
int attic_find(struct attic *attic);

/* True if it is there as a whole. */
bool attic_is_there(const struct attic *attic);

/* True if NAME, in the folder with this number, is the attic, or leads to where it is to
 * be.  STAT: of it, or NULL: not known. */
bool attic_is(const struct attic *attic, uint64_t device, uint64_t inode, const char *name,
	      const struct sys_stat *stat);

/* The same, of a folder in which it is to be made. */
bool attic_is_below(const struct attic *attic, const struct sys_stat *stat);

/* Makes it, unless it is there.  0 or -errno; -EXDEV: it is on another file system than
 * when it was looked for. */
int attic_begin(struct attic *attic);

/* Opens the folder that keeps what goes from DIR of the target; what leads to it is made,
 * with the attributes of those in the target.  A descriptor of the caller's, or -errno. */
int attic_folder(struct attic *attic, struct dir *dir, const struct fs *fs);

/* The same for NAME, a folder in that of which FD is the attic's; it is open as SOURCE_FD.
 * TAKEN (LIMIT_NAME_BYTES): its name in the attic. */
int attic_child(struct attic *attic, int fd, const struct fs *fs, const char *name, int source_fd,
		char *taken);

/* A name that is to be given in the folder FD. */
struct attic_name {
	int fd;
	const char *wanted;	      /* NULL: one with a number is */
	const char *base;	      /* whose number it gets if WANTED is taken */
	char taken[LIMIT_NAME_BYTES]; /* out */
};

/* Gives what is NAME in the folder FD that other name, in place of its own.  0 or
 * -errno. */
int attic_move(struct sys *sys, int fd, const char *name, struct attic_name *to);

/* As attic_move(), but it stays under its name, too. */
int attic_link(struct sys *sys, int fd, const char *name, struct attic_name *to);

/* A second name of what is NAME in the folder FD, which DIR is, before something else
 * takes that; where nothing can be linked it has no other then.  FS holds both. */
struct attic_backup {
	bool made;
	bool renamed; /* it has no other name */
	int fd;	      /* of the folder of the attic, or -1; to be let go of */
	uint64_t device;
	uint64_t inode;
	char name[LIMIT_NAME_BYTES];
};

/* Makes one, which is durable then.  What is nothing or a folder gets none.  0 or
 * -errno. */
int attic_back_up(struct attic *attic, struct dir *dir, int fd, const char *name,
		  const struct fs *fs, struct attic_backup *backup);

/* Takes it back: what else was to have NAME did not come.  NULL, or what is left. */
const char *attic_undo(struct attic *attic, int fd, const char *name,
		       const struct attic_backup *backup);
void attic_let_go(struct attic *attic, struct attic_backup *backup);

/* Makes what came into the folder FD durable, unless a later sync of FS stands for that in
 * every order.  0 or -errno. */
int attic_sync(const struct attic *attic, int fd, const struct fs *fs);

#endif
