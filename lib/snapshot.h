/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Snapshots: a sync into a new folder of a folder that holds those of earlier runs.  It
 * has a name of its own kind until it is complete, and then that of its time.
 */
#ifndef WEIR_SNAPSHOT_H
#define WEIR_SNAPSHOT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "operand.h"
#include "retain.h"
#include "site.h"

struct snapshot {
	/* The caller's to set: */
	char *path;		   /* the folder of snapshots, owned; NULL: none is asked for */
	struct retain retain;	   /* which of them stay */
	struct settings *settings; /* of the run */
	const _Atomic int *cancel;
	/* Once it began: */
	struct dir *dir; /* that folder, referenced; NULL: it is not there */
	bool held;	 /* it is locked for this run */
	int64_t began_s; /* or the second whose name it got */
	int64_t *times;	 /* of the snapshots that are there; rising, owned */
	size_t count;
	size_t room;
	char **leftovers; /* names of what killed runs have left, owned */
	size_t leftover_count;
	size_t leftover_room;
	int unknown_result; /* 0, or why the first that could not be looked at could not */
	char unknown[RETAIN_TEMP_BYTES]; /* its name */
	char temp[RETAIN_TEMP_BYTES]; /* the name of the folder that is filled */
	bool there;			/* it is there */
};

/* What ends a snapshot works with. */
struct snapshot_end {
	struct operands *operands;
	struct tree *tree;
	bool complete; /* all of the source is in it, and as durable as is asked for */
	bool unsynced; /* out: it has its name, which is not known to be durable */
};

/* What was resolved and judged as the target of OPERANDS is the folder of snapshots:
 * begins one in it, or goes on with that of a killed run, which becomes the target; the
 * newest snapshot becomes the one of EARLIER.  SOURCE: where the source lies.  0;
 * -ECANCELED: told by an event; another -errno: out of memory. */
int snapshot_begin(struct snapshot *snapshot, struct operands *operands, struct tree *tree,
		   struct earlier *earlier, const struct site *source);

/* All is done: if it is complete it gets its name, `latest` leads to it, and what no rule
 * of retention wants goes; else it is kept for the next run, which is told. */
void snapshot_finish(struct snapshot *snapshot, struct snapshot_end *end);

/* Lets go of the folder's lock; the run is over. */
void snapshot_release(struct snapshot *snapshot, struct root *root);

void snapshot_close(struct snapshot *snapshot, struct root *root);

#endif
