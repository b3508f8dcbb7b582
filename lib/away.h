/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Taking away one name of the target: it is unlinked, gets a backup's name, or comes into
 * the attic.  Folder by folder, as the removal goes.
 */
#ifndef WEIR_AWAY_H
#define WEIR_AWAY_H

#include <stdbool.h>
#include <stddef.h>

#include "attic.h"
#include "device.h"
#include "renames.h"
#include "root.h"
#include "settings.h"
#include "sys.h"

struct away_level;

struct away {
	struct sys *sys;
	struct attic *attic; /* NULL: there is none */
	const struct settings *settings;
	const struct renames *renames; /* what got another name before, or NULL */
	struct dir *dir;	       /* of the target, at which it begins; NULL: nowhere */
	struct fs *fs;		       /* of that */
	int fd;			       /* of the attic, for the innermost folder, or -1 */
	bool unnumbered; /* the innermost folder had no numbered backup when it was listed */
	struct away_level *levels; /* folders below DIR */
	size_t depth;
	size_t room;
};

/* Begins in the folder DIR of the target, which FS holds. */
void away_begin(struct away *away, struct dir *dir, struct fs *fs);

/* All that was to go from there did: its times were as BEFORE tells.  0 or -errno: what
 * came into the attic is not known to be durable. */
int away_settle(struct away *away, const struct sys_stat *before);

/* Ends there, out of all folders that were entered. */
void away_end(struct away *away);

/* Into the folder NAME of the innermost one, which is open as FD.  0 or -errno. */
int away_enter(struct away *away, const char *name, int fd);

/* Out of it.  KEPT: it stays in the target, too.  0 or -errno: it was not made durable, or
 * the way back is lost. */
int away_leave(struct away *away, bool kept);

/* Takes NAME, of the type of MODE, out of the innermost folder FD.  0 or -errno. */
int away_take(struct away *away, int fd, const char *name, const struct sys_stat *stat);

void away_close(struct away *away);

#endif
