/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether two files hold the same bytes, and whether that may have changed since.
 */
#ifndef WEIR_CONTENT_H
#define WEIR_CONTENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "sys.h"

/* A regular file that was looked at by its name. */
struct content_file {
	int dirfd;
	const char *name;
	const struct sys_stat *stat;
	bool maps; /* its map of holes is believed */
};

/* Opens what may be a file, which leaves no time of access where that can be had. */
int content_open_file(struct sys *sys, int dirfd, const char *name);

/* Compares two files of one size, until *CANCEL is set.  1: they are equal; 0: they are
 * not, or what lies in the target's place cannot be read or is changing; -errno with the
 * record set: the source cannot be read; -ECANCELED: without it. */
int content_compare(struct sys *sys, const _Atomic int *cancel, const struct content_file *source,
		    const struct content_file *target, struct error *error);

/* Stands for two files as they were when they were compared: another number, and one of
 * them may hold other bytes by now. */
uint64_t content_stamp(const struct sys_stat *source, const struct sys_stat *target);
/* The same for a file that this run does not touch: nor were its attributes changed. */
uint64_t content_stamp_whole(const struct sys_stat *source, const struct sys_stat *other);

#endif
