/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What killed runs have left in one folder: found among its names, told, and removed
 * unless it is to be finished or a run is at work there.
 */
#ifndef WEIR_RESIDUE_H
#define WEIR_RESIDUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "device.h"
#include "event.h"
#include "root.h"
#include "settings.h"
#include "tally.h"

/* Of a run. */
struct residue {
	struct sys *sys;
	struct root *root;
	struct fs_table *fs;
	struct event_queue *events;
	struct tally *tally;
	const struct settings *settings;
	const _Atomic int *cancel;
	bool waited;		 /* a lock that is held was waited for: the next is not */
	bool unsynced;		 /* something went, and is not known to be durable */
	const struct fs *shaken; /* the file system of what went, or NULL */
};

enum residue_lock {
	RESIDUE_FREE,
	RESIDUE_LOCKED,
	RESIDUE_UNLOCKABLE,
	RESIDUE_BUSY,
};

/* A folder that is looked at. */
struct residue_folder {
	struct residue *run;
	struct dir *dir; /* pinned by the caller */
	int fd;		 /* its own: the lock is of this descriptor */
	enum residue_lock lock;
	uint64_t locked_ns; /* since when, CLOCK_MONOTONIC */
	bool had_temps;	    /* a run was killed while it worked here */
	bool told_busy;	    /* that a run is at work here */
	bool told_young;    /* that something stays because locks do not work */
	bool changed;	    /* a name went, and nothing was synced since */
};

/* The folder DIR, open as FD, which both stay open until residue_end(). */
void residue_begin(struct residue_folder *folder, struct residue *run, struct dir *dir, int fd);

/* Looks at NAME, of type TYPE (DT_UNKNOWN too), for what has a name of a run's making.
 * True: that is all about it.  False: it is no residue, or a folder to be entered. */
bool residue_take(struct residue_folder *folder, const char *name, unsigned char type);

/* True if NAME is a regular file that was written in place and never finished. */
bool residue_is_torn(const struct residue_folder *folder, const char *name, struct sys_stat *stat);

/* Tells that NAME (NULL: the folder), which is STAT, is to be finished by its run. */
void residue_tell_unfinished(struct residue_folder *folder, const char *name,
			     const struct sys_stat *stat, enum weir_residue kind);

/* True if a run is at work in the folder; it is not told. */
bool residue_is_at_work(struct residue_folder *folder);

/* Lets go of the lock and syncs what went. */
void residue_end(struct residue_folder *folder);

/* The run is over: syncs what was put off until now. */
void residue_finish(struct residue *run);

/* What the result rests on; static. */
const char *residue_receipt(const struct residue *run);

/* Tells a failure about NAME (or NULL) in DIR. */
void residue_fail(const struct residue *run, const struct dir *dir, const char *name, long result,
		  const char *operation);

#endif
