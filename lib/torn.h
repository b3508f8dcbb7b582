/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The mark of a file that is being written in place (G11): it may hold bytes of two
 * moments, whatever its size and its times say.
 */
#ifndef WEIR_TORN_H
#define WEIR_TORN_H

#include <stdbool.h>
#include <time.h>

#include "sys.h"

/* The time that such a file has, of 1970, so that it is older than any source.  The
 * nanoseconds are there because some stores give every file the first second. */
#define TORN_SECOND 1
#define TORN_NS 767676767

/* The extended attribute that it has beside, where these are known: a write gives it
 * another time, but leaves this. */
#define TORN_ATTRIBUTE "user.weir.torn"

/* True if this is the time of the mark.  A kill leaves the time of the last write:
 * where a file is to be left alone although its time is another than the source's,
 * torn_is_marked() decides. */
bool torn_looks(const struct timespec *mtime);

/* True if NAME in DIRFD, or DIRFD itself if that is "", has the attribute. */
bool torn_is_marked(struct sys *sys, int dirfd, const char *name);

/* Marks an open file, with the attribute and the time.  0, also if only one of them
 * could be set, or -errno. */
int torn_mark(struct sys *sys, int fd);

/* Sets the time alone, of what was marked and then written to.  0 or -errno. */
int torn_set_time(struct sys *sys, int fd);

/* Removes the attribute; the time stays until another is set.  0, also if it has
 * none, or -errno. */
int torn_clear(struct sys *sys, int fd);

#endif
