/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a link in a tree leads to: opened as the kernel would, but never through a
 * magic link of /proc (`/proc/self/root`, `/proc/self/fd/3`), which leads to what
 * this process has open, not to what its text says.  Operands are followed by the
 * kernel: who named them meant them.  Where nothing is there yet, paths are cut down to
 * what is.
 */
#ifndef WEIR_REACH_H
#define WEIR_REACH_H

#include <stddef.h>

#include "sys.h"

/* What error records say of -ELOOP. */
#define REACH_LOOP_TEXT "links of /proc to what a process has open are not followed, either"

/* Opens NAME of the folder DIRFD with FLAGS of open(2), following links.  A
 * descriptor or -errno; -ELOOP: too many links, or a magic one. */
int reach_open(struct sys *sys, int dirfd, const char *name, int flags);

/* The same one component at a time, as reach_open() does it where openat2(2) is
 * unknown or refused. */
int reach_walk(struct sys *sys, int dirfd, const char *name, int flags);

/* The same through links of root and of our own user only; -EACCES: one is another's.
 * NAME begins in DIRFD even with a slash. */
int reach_walk_ours(struct sys *sys, int dirfd, const char *name, int flags);

/* What NAME leads to.  0 or -errno. */
int reach_stat(struct sys *sys, int dirfd, const char *name, struct sys_stat *stat);

/* Where the last component of the first END bytes of PATH begins, which slashes may
 * follow; 0: what is before it is nothing. */
size_t reach_cut(const char *path, size_t end);

#endif
