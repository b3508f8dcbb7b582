/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libweir: copy files and folders on Linux, fast and durable.
 *
 * One run is one job of work: set options, name sources and a target, pull
 * events until there are none, read the statistics, free it.  The library
 * prints nothing, handles no signal, changes no umask, working folder or limit
 * of its caller.  A run is used by one thread; only weir_run_cancel() and
 * weir_run_stats() may be called from others.
 *
 * Functions that can fail return 0 or a negative errno.  Strings handed in are
 * copied; strings handed out belong to the object they came from.
 */
#ifndef WEIR_H
#define WEIR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct weir_run;
struct weir_event;

/* What a run does.  Since 0.1. */
enum weir_kind {
	WEIR_COPY = 1,
	/* The contents of the one source, a folder, become the contents of the
	 * target, a folder that is made if it is not there.  Everything is kept. */
	WEIR_SYNC = 2,
	/* What killed runs have left below the sources is removed.  There is no target; a
	 * source that is no folder stands for the one that it lies in, and nothing below
	 * that.  Folders of other file systems are not entered. */
	WEIR_CLEAN = 3,
};

/* Durability levels, WEIR_OPT_DURABLE.  Since 0.1. */
enum weir_durable {
	WEIR_DURABLE_NONE = 0,	/* names given at once, nothing synced */
	WEIR_DURABLE_END = 1,	/* names given at once, one sync at the end */
	WEIR_DURABLE_GROUP = 2, /* default: a group is synced, checked, then named */
	WEIR_DURABLE_FILE = 3,	/* as group, with one fsync for each file */
};

/* How a group is synced, WEIR_OPT_SYNC.  Since 0.1. */
enum weir_sync {
	WEIR_SYNC_AUTO = 0,
	WEIR_SYNC_FILES = 1, /* fsync of each held descriptor */
	WEIR_SYNC_FS = 2,    /* syncfs, where its result can be believed */
};

/* I/O engines, WEIR_OPT_ENGINE.  Since 0.1. */
enum weir_engine {
	WEIR_ENGINE_AUTO = 0, /* io_uring, plain system calls where it is refused */
	WEIR_ENGINE_RING = 1, /* io_uring or fail */
	WEIR_ENGINE_PLAIN = 2,
};

/* Direct I/O, WEIR_OPT_DIRECT.  Since 0.1. */
enum weir_direct {
	WEIR_DIRECT_AUTO = 0,
	WEIR_DIRECT_ALWAYS = 1, /* wherever the file takes it, whatever its size */
	WEIR_DIRECT_NEVER = 2,
};

/* What is made of an entry that is no folder, WEIR_OPT_MAKE.  Since 0.1. */
enum weir_make {
	WEIR_MAKE_COPY = 0,
	WEIR_MAKE_LINK = 1,	  /* a hard link to it */
	WEIR_MAKE_SYMLINK = 2,	  /* a symbolic link to its name */
	WEIR_MAKE_ATTRIBUTES = 3, /* of a regular file its attributes, and no bytes */
};

/* Holes of the copy, WEIR_OPT_SPARSE.  Since 0.1. */
enum weir_sparse {
	WEIR_SPARSE_AUTO = 0,	/* where the source has them */
	WEIR_SPARSE_ALWAYS = 1, /* for every block of zeros, too */
	WEIR_SPARSE_NEVER = 2,	/* none: zeros are written */
};

/* Clones, WEIR_OPT_REFLINK.  Since 0.1. */
enum weir_reflink {
	WEIR_REFLINK_AUTO = 0,	 /* where both sides can share blocks */
	WEIR_REFLINK_ALWAYS = 1, /* what cannot be cloned fails */
	WEIR_REFLINK_NEVER = 2,	 /* every copy has blocks of its own */
};

/* Giving up rights, WEIR_OPT_CONFINE.  Since 0.1. */
enum weir_confine {
	WEIR_CONFINE_NEVER = 0,
	WEIR_CONFINE_AUTO = 1,	 /* as far as the kernel can */
	WEIR_CONFINE_ALWAYS = 2, /* and without Landlock the run does not start */
};

/* Backups of what is replaced, WEIR_OPT_BACKUP, named as cp(1) names them.  A
 * folder is never backed up.  Since 0.1. */
enum weir_backup {
	WEIR_BACKUP_NONE = 0,
	WEIR_BACKUP_SIMPLE = 1,	  /* the name and WEIR_TEXT_BACKUP_SUFFIX */
	WEIR_BACKUP_EXISTING = 2, /* numbered where there are numbered ones, else simple */
	WEIR_BACKUP_NUMBERED = 3, /* NAME.~N~, with N one above the highest there */
};

/* What becomes of existing entries, WEIR_OPT_UPDATE.  Since 0.1. */
enum weir_update {
	WEIR_UPDATE_ALL = 0,	   /* they are replaced */
	WEIR_UPDATE_OLDER = 1,	   /* only what is older than the source is */
	WEIR_UPDATE_NONE = 2,	   /* they are skipped, as by NO_CLOBBER */
	WEIR_UPDATE_NONE_FAIL = 3, /* they stay, and their entries fail */
};

/* What a sync believes equal data to be, WEIR_OPT_COMPARE.  Since 0.1. */
enum weir_compare {
	WEIR_COMPARE_TIMES = 0,	  /* of one size, and modified at the same time */
	WEIR_COMPARE_CONTENT = 1, /* the same bytes */
	WEIR_COMPARE_SIZE = 2,	  /* of one size */
	WEIR_COMPARE_NEVER = 3,	  /* nothing */
};

/* When a sync removes what the source does not have, WEIR_OPT_DELETE.  Since 0.1. */
enum weir_delete {
	WEIR_DELETE_OFF = 0,
	WEIR_DELETE_LAST = 1,  /* when everything that was copied is durable */
	WEIR_DELETE_FIRST = 2, /* before anything is copied, after a whole scan */
};

/* Symbolic links of the source, WEIR_OPT_FOLLOW.  Since 0.1. */
enum weir_follow {
	WEIR_FOLLOW_AUTO = 0,	  /* operands are followed, unless RECURSIVE */
	WEIR_FOLLOW_NEVER = 1,	  /* every link is copied as a link */
	WEIR_FOLLOW_OPERANDS = 2, /* operands are followed */
	WEIR_FOLLOW_ALWAYS = 3,	  /* what links lead to is copied, not the links */
};

/* A source that changes or vanishes, WEIR_OPT_ON_CHANGE and WEIR_OPT_ON_VANISH.
 * A file that changed is copied once more first.  Since 0.1. */
enum weir_on {
	/* What only grew is copied and told by a WARNING event, what was rewritten
	 * each time fails; what vanished is told by a WARNING event. */
	WEIR_ON_DEFAULT = 0,
	WEIR_ON_OK = 1,	  /* copied as it was read, or left out; nothing is told */
	WEIR_ON_WARN = 2, /* the same, told by a WARNING event and SOURCE_CHANGED */
	WEIR_ON_FAIL = 3, /* not copied: an ERROR event and ENTRIES_FAILED */
};

/* Guards of a sync that are not to refuse, WEIR_OPT_ALLOW; bits.  Since 0.1. */
enum weir_allow {
	WEIR_ALLOW_EMPTY_SOURCE = 1, /* an empty source for a target that is not */
	/* another file system, or folder of it, than in the last run that ended well */
	WEIR_ALLOW_MOVED = 2,
	WEIR_ALLOW_HOME = 4, /* a target that is a home folder */
	WEIR_ALLOW_ROOT = 8, /* a target that is the root folder */
	/* a target that holds a folder of the source's name, which the source does not */
	WEIR_ALLOW_CONTENTS = 16,
};

/* What an entry has beside its name and its bytes.  Since 0.1. */
enum weir_property {
	WEIR_PROPERTY_MODE = 0,	    /* permissions, setuid, setgid, sticky */
	WEIR_PROPERTY_OWNER = 1,    /* owner and group, by number */
	WEIR_PROPERTY_TIMES = 2,    /* of last access and modification */
	WEIR_PROPERTY_ACL = 3,	    /* access control lists, access and default */
	WEIR_PROPERTY_XATTR = 4,    /* extended attributes that are none of the others */
	WEIR_PROPERTY_CAPS = 5,	    /* file capabilities */
	WEIR_PROPERTY_CONTEXT = 6,  /* the SELinux label */
	WEIR_PROPERTY_LINKS = 7,    /* being one inode with other entries of the run */
	WEIR_PROPERTY_SYMLINK = 8,  /* being a symbolic link */
	WEIR_PROPERTY_SPECIAL = 9,  /* being a FIFO, socket or device */
	WEIR_PROPERTY_FLAGS = 10,   /* inode flags that users set, such as immutable */
	WEIR_PROPERTY_PROJECT = 11, /* project id of quotas, and that a folder hands it on */
};

/* How a property is kept, WEIR_OPT_KEEP_.  Since 0.1. */
enum weir_keep {
	WEIR_KEEP_OFF = 0,     /* not at all; links and special files are left out */
	WEIR_KEEP_TRY = 1,     /* a loss is counted, and told by one LOSS event */
	WEIR_KEEP_REQUIRE = 2, /* a loss makes the result ENTRIES_FAILED too */
};

/* Classes of I/O priority, WEIR_OPT_IO_PRIORITY, as ioprio_set(2) tells them.
 * Since 0.1. */
enum weir_io_class {
	WEIR_IO_REALTIME = 1,	 /* levels 0 to 7, 0 first; needs CAP_SYS_NICE */
	WEIR_IO_BEST_EFFORT = 2, /* levels 0 to 7 */
	WEIR_IO_IDLE = 3,	 /* no levels: only when nobody else wants the device */
	WEIR_IO_NONE = 4,	 /* no levels: as the nice value says */
};

#define WEIR_IO_LEVELS 8
#define WEIR_IO_PRIORITY(io_class, level) ((io_class)*WEIR_IO_LEVELS + (level))

/* Integer options of weir_run_set(); bounds come from weir_bounds().
 * Since 0.1. */
enum weir_option {
	WEIR_OPT_RECURSIVE = 1,	      /* 0/1: copy folders, links and special files */
	WEIR_OPT_NO_CLOBBER = 2,      /* 0/1: never replace an existing entry */
	WEIR_OPT_UPDATE = 3,	      /* enum weir_update; NO_CLOBBER wins */
	WEIR_OPT_DRY_RUN = 4,	      /* 0/1: change nothing, report what would be done */
	WEIR_OPT_DURABLE = 5,	      /* enum weir_durable */
	WEIR_OPT_SYNC = 6,	      /* enum weir_sync */
	WEIR_OPT_ENGINE = 7,	      /* enum weir_engine */
	WEIR_OPT_DIRECT = 8,	      /* enum weir_direct */
	WEIR_OPT_CHUNK_BYTES = 9,     /* bytes of one transfer, a multiple of 4096; 0 = chosen */
	WEIR_OPT_DEPTH = 10,	      /* large transfers in flight for each worker; 0 = chosen */
	WEIR_OPT_WORKERS = 11,	      /* worker threads; 0 = chosen */
	WEIR_OPT_REPORT_ENTRIES = 12, /* 0/1: an ENTRY event for each entry done */
	/* 0 to 2: a WAY event when a way of copying is taken for the first time,
	 * or for each file that is copied. */
	WEIR_OPT_REPORT_WAYS = 13,
	/* enum weir_confine: the thread that begins the run, and all threads of the run, give
	 * up for good what the run does not need: opening files elsewhere, capabilities, and
	 * gaining any.  For a process that does nothing else. */
	WEIR_OPT_CONFINE = 14,
	/* enum weir_keep, one for each enum weir_property in its order.  OFF at
	 * first, but REQUIRE for links and special files. */
	WEIR_OPT_KEEP_MODE = 40,
	WEIR_OPT_KEEP_OWNER = 41,
	WEIR_OPT_KEEP_TIMES = 42,
	WEIR_OPT_KEEP_ACL = 43,
	WEIR_OPT_KEEP_XATTR = 44,
	WEIR_OPT_KEEP_CAPS = 45,
	WEIR_OPT_KEEP_CONTEXT = 46,
	WEIR_OPT_KEEP_LINKS = 47,
	WEIR_OPT_KEEP_SYMLINK = 48,
	WEIR_OPT_KEEP_SPECIAL = 49,
	WEIR_OPT_KEEP_FLAGS = 50,
	WEIR_OPT_KEEP_PROJECT = 51,
	WEIR_OPT_REFLINK = 24,	       /* enum weir_reflink */
	WEIR_OPT_FOLLOW = 25,	       /* enum weir_follow */
	WEIR_OPT_ONE_FILE_SYSTEM = 26, /* 0/1: do not enter folders of another one */
	WEIR_OPT_SPARSE = 27,	       /* enum weir_sparse */
	/* 0/1: what is replaced hands nothing on, as if it had been removed
	 * first; a target operand that is a link or a special file is replaced
	 * itself. */
	WEIR_OPT_FRESH = 28,
	WEIR_OPT_BACKUP = 29,	   /* enum weir_backup */
	WEIR_OPT_PREALLOCATE = 30, /* 0/1: reserve all blocks before data; for GROUP, FILE */
	/* 0/1: a source's leading folders are made in the target, which must be an
	 * existing folder; a source with a `..` component is refused. */
	WEIR_OPT_PARENTS = 31,
	/* 0/1: a link in the target that leads to a folder below the target operand
	 * is followed where the source has a folder; else that folder fails. */
	WEIR_OPT_KEEP_FOLDER_LINKS = 32,
	WEIR_OPT_ON_CHANGE = 33,     /* enum weir_on: sources that change while copied */
	WEIR_OPT_ON_VANISH = 34,     /* enum weir_on: sources gone since they were listed */
	WEIR_OPT_MAKE = 35,	     /* enum weir_make */
	WEIR_OPT_IN_PLACE = 36,	     /* 0/1: write into regular files that exist; not atomic */
	WEIR_OPT_COPY_CONTENTS = 37, /* 0/1: read FIFOs and devices below folders, too */
	WEIR_OPT_ASK = 38,	     /* 0/1: an ASK event before anything is replaced */
	WEIR_OPT_RULE_PATHS = 39,    /* 0/1: rules see the whole path of a source as given */
	/* 0/1: where the mode is not kept, new entries get that of new files and
	 * folders, 0666 or 0777 less the umask, whatever the source's is */
	WEIR_OPT_DEFAULT_MODE = 52,
	WEIR_OPT_LINK_OVER = 53, /* 0/1: links of MAKE take the place of what exists */
	/* Bytes a second that are copied at most; clones and holes cost nothing.  0: no
	 * limit. */
	WEIR_OPT_BYTES_PER_SECOND = 70,
	/* WEIR_IO_PRIORITY() of the threads and transfers of the run, never of the
	 * caller's; where it may not be set, a WARNING event.  0: the caller's. */
	WEIR_OPT_IO_PRIORITY = 71,
	/* 0/1: WEIR_IO_IDLE unless IO_PRIORITY is set, the nice value 19, and nothing
	 * new begins while others wait for storage (/proc/pressure/io). */
	WEIR_OPT_BACKGROUND = 72,
	/* After so long the run winds down as by WEIR_CANCEL_FINISH, and, if something
	 * is left, ends with a FATAL event.  0: never. */
	WEIR_OPT_STOP_AFTER_NS = 73,
	/* Of a sync: */
	WEIR_OPT_COMPARE = 54,		/* enum weir_compare */
	WEIR_OPT_MODIFY_WINDOW_NS = 55, /* times so near are equal */
	WEIR_OPT_EXISTING = 56,		/* 0/1: nothing is made that is not there */
	WEIR_OPT_DELETE = 57,		/* enum weir_delete */
	/* 0/1: what a rule excludes is removed from the target, too */
	WEIR_OPT_DELETE_EXCLUDED = 58,
	/* More removals than that, or than that part of what the target holds, and none is
	 * done: DELETE_LIMIT.  -1: by WEIR_OPT_DELETE_MANY */
	WEIR_OPT_MAX_DELETE = 59,
	WEIR_OPT_MAX_DELETE_PERCENT = 60,
	/* 0/1: without a limit of the caller's, there is none.  0: more than 1000 removals
	 * must not be more than half of what the target holds, and more than 10 need a
	 * record of an earlier run of the same source and target */
	WEIR_OPT_DELETE_MANY = 61,
	WEIR_OPT_ALLOW = 62,	 /* bits of enum weir_allow */
	WEIR_OPT_MAKE_PATH = 63, /* 0/1: the target's missing leading folders are made */
	/* Milliseconds to wait for another run that holds the target.  A call of
	 * weir_run_next() may then take 100 ms, whatever its timeout. */
	WEIR_OPT_WAIT_LOCK_MS = 64,
	/* Regular files of the source that are larger, or smaller, are left out, and what
	 * the target has under their names stays; INT64_MAX and 0 unless set */
	WEIR_OPT_MAX_SIZE_BYTES = 74,
	WEIR_OPT_MIN_SIZE_BYTES = 75,
	/* 0/1: what the target has, once it is durable there, goes from the source, all but
	 * folders; not with WEIR_DURABLE_NONE, nor with DELETE, by which the next run would
	 * remove it from the target */
	WEIR_OPT_REMOVE_SOURCE = 76,
	/* 0/1: a file that is to be made is looked for among those that are to be removed;
	 * with WEIR_DELETE_LAST only */
	WEIR_OPT_DETECT_RENAMES = 77,
	/* Of a clean: 0/1: unfinished snapshots are removed, too, with all that they hold */
	WEIR_OPT_CLEAN_SNAPSHOTS = 90,
};

/* Options of weir_run_set_text() that are a text.  Since 0.1. */
enum weir_text {
	/* What is added to a name for its simple backup: "~" unless set; 1 to 255
	 * bytes, without a slash. */
	WEIR_TEXT_BACKUP_SUFFIX = 1,
	/* Of WEIR_SYNC: the UUID or the label that the target's file system must have,
	 * also written UUID=... or LABEL=...; 1 to 255 bytes. */
	WEIR_TEXT_EXPECT_FS = 2,
	/* Of WEIR_SYNC: "source", "dest" or "both" must not lie in the mount that the
	 * root folder is in. */
	WEIR_TEXT_REQUIRE_MOUNT = 3,
	/* Of WEIR_SYNC, with DELETE: a folder on the target's file system into which what
	 * is removed is moved instead, under the path that it had below the target; made if
	 * only itself is missing, or with MAKE_PATH.  Not inside the source; inside the
	 * target it is left alone; 1 to 4095 bytes. */
	WEIR_TEXT_TRASH = 4,
	/* Of WEIR_SYNC, with BACKUP: such a folder for backups of what is replaced, and
	 * for what is removed unless there is a trash.  A suffix is added to their names
	 * only if one was set. */
	WEIR_TEXT_BACKUP_FOLDER = 5,
	/* Of WEIR_SYNC: a folder with an earlier copy of the source, under the mount of the
	 * target and apart from it.  What the target does not have, and this has with equal
	 * data and attributes, becomes a hard link to it.  Set again, it adds one more: up
	 * to 20, of which the first that has an entry counts; then -E2BIG.  A relative path
	 * begins in the working folder. */
	WEIR_TEXT_LINK_DEST = 6,
	/* Of WEIR_SYNC: the same for clones: a file whose data an earlier copy has shares that,
	 * and gets the attributes of the source; where the file system cannot share, it is
	 * copied.  The copy is on the file system of the target, under any mount.  With
	 * WEIR_TEXT_LINK_DEST -EINVAL. */
	WEIR_TEXT_CLONE_DEST = 7,
	/* Of WEIR_SYNC: instead of a target, a folder of snapshots, whose names are times of
	 * UTC such as 20261122T074800Z.  One is made in it, with links to what is unchanged
	 * in the newest; it has its name when it is complete and durable, and then the
	 * symbolic link "latest" leads to it.  A relative path begins in the working folder. */
	WEIR_TEXT_SNAPSHOT = 8,
	/* With the above, which snapshots stay: "last:7,daily:14,weekly:8,monthly:12", also
	 * hourly and yearly, each 1 to 1000000; the others go when the new one is durable. */
	WEIR_TEXT_RETAIN = 9,
};

/* What a rule does with the entries that its pattern matches.  Since 0.1. */
enum weir_rule {
	WEIR_RULE_EXCLUDE = 1, /* they are left out, folders with all they hold */
	WEIR_RULE_INCLUDE = 2, /* they are copied, whatever a later rule says */
};

/* How the target operand is read.  Since 0.1. */
enum weir_target_mode {
	WEIR_TARGET_AUTO = 0,	/* an existing folder is copied into, else it is the name */
	WEIR_TARGET_FOLDER = 1, /* must be an existing folder */
	WEIR_TARGET_NAME = 2,	/* always the name, even of a folder */
};

enum weir_event_type {
	WEIR_EVENT_ENTRY = 1,	/* an entry is done (or would be, in a dry run) */
	WEIR_EVENT_WAY = 2,	/* a way of copying was taken, and why */
	WEIR_EVENT_WARNING = 3, /* changes nothing of the result */
	WEIR_EVENT_ERROR = 4,	/* one entry failed, the others go on */
	WEIR_EVENT_FATAL = 5,	/* the run could not start or had to stop */
	/* A safety guard refused.  Nothing was changed, or, if a target folder was
	 * moved while it was copied into, nothing more is. */
	WEIR_EVENT_REFUSED = 6,
	WEIR_EVENT_LOSS = 7, /* what entries lost, one for each property and errno */
	WEIR_EVENT_ASK = 8,  /* may this path be replaced?  weir_run_answer() tells */
};

/* What was done with an entry: weir_event_action(). */
enum weir_action {
	WEIR_ACTION_NONE = 0,
	WEIR_ACTION_CREATE = 1,
	WEIR_ACTION_REPLACE = 2,
	WEIR_ACTION_SKIP = 3,	     /* exists, and no-clobber or update says so */
	WEIR_ACTION_FOLDER = 4,	     /* a folder was created */
	WEIR_ACTION_ATTRIBUTES = 5,  /* its attributes were set, its data is right */
	WEIR_ACTION_REMOVE = 6,	     /* the source does not have it; or it is residue */
	WEIR_ACTION_RENAME = 8,	     /* it was there under another name: the event's text */
	WEIR_ACTION_MOVE = 11,	     /* its name in the source goes when it is durable */
	WEIR_ACTION_LINK = 7,	     /* it became one more name of what is there */
	WEIR_ACTION_SNAPSHOT = 10,   /* a snapshot got this path, its name */
	WEIR_ACTION_CLONE = 9,	     /* it was made from an earlier copy, which has its data */
	WEIR_ACTION_UNFINISHED = 20, /* a clean left it: the run that made it is to finish it */
};

/* What a clean has found: weir_event_residue().  Since 0.1. */
enum weir_residue {
	WEIR_RESIDUE_NONE = 0,	   /* the event is not of a clean */
	WEIR_RESIDUE_TEMP = 1,	   /* an entry under the name that it has until it is complete */
	WEIR_RESIDUE_SNAPSHOT = 2, /* a folder that was to become a snapshot */
	WEIR_RESIDUE_FILE = 3,	   /* a file that was being written in place */
	WEIR_RESIDUE_FOLDER = 4,   /* a folder that may have been closed until it was complete */
};

/* What differed, as bits of weir_event_changes().  Since 0.1. */
enum weir_change {
	WEIR_CHANGE_TYPE = 1 << 0,
	WEIR_CHANGE_DATA = 1 << 1, /* bytes of a file */
	WEIR_CHANGE_TIME = 1 << 2, /* of modification */
	WEIR_CHANGE_MODE = 1 << 3,
	WEIR_CHANGE_OWNER = 1 << 4, /* or group */
	WEIR_CHANGE_ACL = 1 << 5,
	WEIR_CHANGE_XATTR = 1 << 6,
	WEIR_CHANGE_CAPS = 1 << 7,
	WEIR_CHANGE_CONTEXT = 1 << 8,
	WEIR_CHANGE_FLAGS = 1 << 9,
	WEIR_CHANGE_TEXT = 1 << 10,   /* of a symbolic link */
	WEIR_CHANGE_DEVICE = 1 << 11, /* which one a special file stands for */
	WEIR_CHANGE_LINKS = 1 << 12,  /* which entries are one inode */
};

enum weir_side {
	WEIR_SIDE_NONE = 0,
	WEIR_SIDE_SOURCE = 1,
	WEIR_SIDE_TARGET = 2,
};

/* How a run ended, in the order of precedence; values are exit statuses. */
enum weir_result {
	WEIR_RESULT_OK = 0,
	WEIR_RESULT_FATAL = 1,
	WEIR_RESULT_ENTRIES_FAILED = 23,
	WEIR_RESULT_SOURCE_CHANGED = 24,
	WEIR_RESULT_DELETE_LIMIT = 25, /* nothing was removed */
	WEIR_RESULT_TARGET_FULL = 27,
	WEIR_RESULT_REFUSED = 28,
	WEIR_RESULT_BUSY = 29,
};

enum weir_cancel {
	WEIR_CANCEL_FINISH = 1, /* start nothing, make durable what is parked */
	WEIR_CANCEL_NOW = 2,	/* drop everything that has no name yet */
};

/* Where a run stands.  Sizes are bytes; times are nanoseconds since the run
 * began.  weir_run_stats() fills as much as the caller's size says. */
struct weir_stats {
	uint64_t elapsed_ns;
	uint64_t bytes_found;	/* of the regular files met so far */
	uint64_t bytes_written; /* handed to the target */
	uint64_t bytes_durable; /* of files whose name and data are durable */
	uint64_t files_found;	/* regular files met so far */
	uint64_t files_done;	/* regular files that have their final name */
	uint64_t files_durable;
	uint64_t folders_done;
	uint64_t others_done; /* links, FIFOs, sockets, devices */
	uint64_t entries_skipped;
	uint64_t entries_failed; /* error events, also those not shown */
	uint64_t warnings;
	uint64_t bytes_direct;	 /* written past the page cache */
	uint64_t bytes_buffered; /* written through the page cache */
	uint64_t files_parked;	 /* complete, waiting for the group's sync */
	uint64_t bytes_parked;
	uint64_t groups;	       /* group commits finished */
	uint64_t syncs_fs;	       /* syncfs calls */
	uint64_t syncs_file;	       /* fsync calls, ring or plain */
	uint64_t ops_read;	       /* reads issued */
	uint64_t ops_write;	       /* writes issued */
	uint64_t ops_read_fixed;       /* of these, READ_FIXED on the ring */
	uint64_t ops_write_fixed;      /* of these, WRITE_FIXED on the ring */
	uint64_t ops_open;	       /* source opens through the engine */
	uint64_t buffer_registrations; /* REGISTER_BUFFERS that succeeded */
	uint64_t buffer_bytes;	       /* registered at this moment or at the end */
	uint64_t arena_bytes;	       /* memory of all buffers */
	uint64_t workers;	       /* worker threads started; 0: all was done inline */
	uint64_t rings;		       /* workers that have a ring */
	uint64_t ring_enters;	       /* io_uring_enter calls */
	uint64_t ring_dropped;	       /* always 0: SQ entries the kernel dropped */
	uint64_t ring_overflow;	       /* always 0: completions that did not fit */
	uint64_t scan_done;	       /* 1: the *_found values are final */
	uint64_t sizes_known;	       /* 1: bytes_found is final */
	uint64_t first_group_ns;       /* when the first group was durable */
	uint64_t sync_ns;	       /* time the committer spent in syncs */
	uint64_t publish_ns;	       /* time the committer spent giving names */
	uint64_t scan_ns;	       /* time spent listing folders, all workers */
	uint64_t target_ns;	       /* time spent creating targets, all workers */
	uint64_t wait_ns;	       /* time all workers waited for I/O or work */
	uint64_t bytes_cloned;	       /* of files that share their blocks with the source */
	uint64_t properties_lost;      /* properties that could not be kept, all entries */
	uint64_t bytes_offloaded;      /* copied by the file systems themselves */
	/* Of a sync, as its scan found it: */
	uint64_t to_create; /* entries that are not there, folders included */
	uint64_t to_replace;
	uint64_t to_rename; /* files that were found under another name */
	uint64_t to_change; /* whose attributes alone differ */
	uint64_t to_remove; /* planned, and within the limits */
	uint64_t removed;
	uint64_t unchanged;
	uint64_t excluded;   /* of the source, by a rule or for its size */
	uint64_t bytes_kept; /* compared: the target has them, or the hole that they are */
	uint64_t to_link;    /* of to_create: an earlier copy has them */
	uint64_t to_clone;   /* of to_create: an earlier copy has their data */
	uint64_t to_move;    /* names that are to go from the source, and */
	uint64_t moved;	     /* those that have gone */
	/* Of a clean, beside to_remove, removed, and folders_done, which were looked at: */
	uint64_t unfinished;	   /* what was left for the run that made it */
	uint64_t bytes_removed;	   /* that files took which are gone, or would go */
	uint64_t rings_restricted; /* of the rings, to the operations that are needed */
};

/* Version string of the library, such as "0.1.0".  Since 0.1. */
const char *weir_version(void);

/* Compiled-in features and library versions, one "name value" a line, static.
 * Since 0.1. */
const char *weir_features(void);

/* The name of an errno ("ENOSPC"), or "E<number>" is not known: "EUNKNOWN".
 * Static.  Since 0.1. */
const char *weir_errno_name(int errnum);

/* What an errno means, in English whatever the locale.  Static.  Since 0.1. */
const char *weir_strerror(int errnum);

/* The name of a property, such as "owner" or "xattr"; "" for one that does not
 * exist.  Static.  Since 0.1. */
const char *weir_property_name(enum weir_property property);

/* Bounds of an integer option, both inclusive.  -EINVAL: no such option.
 * Since 0.1. */
int weir_bounds(enum weir_option option, int64_t *lowest, int64_t *highest);

/* A new run, to be freed with weir_run_free().  NULL: errno is ENOMEM or
 * EINVAL.  Since 0.1. */
struct weir_run *weir_run_new(enum weir_kind kind);

/* Cancels what runs, discards events, joins all threads, frees.  NULL is fine.
 * Since 0.1. */
void weir_run_free(struct weir_run *run);

/* Sets an option before the first weir_run_next().  -EINVAL: unknown or out of
 * bounds; -EBUSY: the run has begun.  Since 0.1. */
int weir_run_set(struct weir_run *run, enum weir_option option, int64_t value);

/* Sets a text option before the first weir_run_next(); TEXT is copied.  -EINVAL:
 * unknown, or not a text that it can be; -ENAMETOOLONG; -E2BIG: too many; -EBUSY:
 * the run has begun.  Since 0.1. */
int weir_run_set_text(struct weir_run *run, enum weir_text option, const char *text);

/* Adds a source operand: PATH, relative to DIRFD (or AT_FDCWD).  DIRFD is not
 * closed and must stay open until the run is freed.  -EINVAL: empty path.
 * Since 0.1. */
int weir_run_add_source(struct weir_run *run, int dirfd, const char *path);

/* Sets the target operand.  Errors as weir_run_add_source().  Since 0.1. */
int weir_run_set_target(struct weir_run *run, int dirfd, const char *path,
			enum weir_target_mode mode);

/* Adds a rule behind those there are; the first one that matches an entry
 * decides, and what none matches is copied.  PATTERN is read as rsync reads it,
 * but without the prefixes "+ " and "- ", and is copied.  It is matched against
 * the path of the entry, which begins with the last name of the source (see
 * WEIR_OPT_RULE_PATHS).  -EINVAL: no such rule, or a pattern that is empty or
 * can never match; -ENAMETOOLONG: 4096 bytes or more; -E2BIG: more than 65536
 * rules, or 64 MiB of them; -EBUSY: the run has begun; -ENOMEM.  Since 0.1. */
int weir_run_add_rule(struct weir_run *run, enum weir_rule rule, const char *pattern);

/* Limits a sync to PATH, relative to the source, and to the others that are added: each
 * is synced with all that it holds, and the folders on the way to it get their
 * attributes.  Nothing else is looked at, and things are removed only below such a path.
 * One that the source does not have is told by an ERROR event.  -EINVAL: the run is no
 * sync, or PATH is empty, absolute or has a `..` component; -EBUSY: the run has begun;
 * -E2BIG: 4 GiB of names; -ENOMEM.  Since 0.1. */
int weir_run_add_name(struct weir_run *run, const char *path);

/* Which rule decides about PATH, a folder if a slash ends it; nothing on disk is
 * looked at.  1: *RULE is its number, from 0 in the order in which they were
 * added, and *BYTES is how much of PATH it was asked about: all of it without
 * the slashes at its end, or less where a folder on the way is excluded, and
 * PATH with it.  0: no rule matches.  -EINVAL: PATH is empty, begins with a
 * slash, or has an empty name or "." in it.  With WEIR_OPT_RULE_PATHS and sources
 * the folders in the name of the source that PATH lies in are not asked about, as
 * in the run; -ENOENT: PATH lies in no source; -EISDIR: it is only a part of the
 * name of one; -ENOMEM.  Since 0.1. */
int weir_run_find_rule(const struct weir_run *run, const char *path, size_t *rule, size_t *bytes);

/* Waits at most TIMEOUT_MS (-1: without limit) for the next event.  The first
 * call starts the run.  1: *event is valid until the next call; 0: the run has
 * ended and all events were seen; -ETIMEDOUT; -EINVAL: no source or target, or
 * options that exclude each other; another negative errno: the run cannot go on.
 * Since 0.1. */
int weir_run_next(struct weir_run *run, int timeout_ms, struct weir_event **event);

/* A descriptor that polls readable while weir_run_next() has something to
 * return.  Owned by the run.  Since 0.1. */
int weir_run_fd(struct weir_run *run);

/* Asks a run to end; async-signal-safe and callable from any thread.  A second
 * call may only go from FINISH to NOW.  Since 0.1. */
void weir_run_cancel(struct weir_run *run, enum weir_cancel how);

/* Answers the QUESTION of an ASK event (weir_event_question()): whether what exists
 * may be replaced.  Other entries go on meanwhile.  -ENOENT: nobody asks that any
 * more.  Since 0.1. */
int weir_run_answer(struct weir_run *run, uint64_t question, int yes);

/* The result so far; final once weir_run_next() returned 0.  Since 0.1. */
enum weir_result weir_run_result(const struct weir_run *run);

/* Copies the statistics, at most SIZE bytes of them.  Since 0.1. */
void weir_run_stats(const struct weir_run *run, struct weir_stats *stats, size_t size);

/* What became of WEIR_OPT_CONFINE, for people, such as "Landlock 7: reads below the
 * sources, changes names below the target; no new rights; 11 capabilities", or "" before
 * the operands were resolved, or where nothing was asked for.  Owned by the run. */
const char *weir_run_confinement(const struct weir_run *run);

/* What the result rests on, such as "durable" or "memory only (tmpfs)": static
 * or owned by the run, final once it ended.  Since 0.1. */
const char *weir_run_receipt(const struct weir_run *run);

/* Accessors; strings are "" rather than NULL.  Since 0.1. */
enum weir_event_type weir_event_type(const struct weir_event *event);
/* Path of the entry as the operands name it, bytes as the kernel has them. */
const char *weir_event_path(const struct weir_event *event);
/* What failed, such as "open", "write", "fsync"; for WAY: the way. */
const char *weir_event_operation(const struct weir_event *event);
/* A sentence where the errno does not say it all; for WAY: the reason; for ENTRY:
 * the name that what was replaced has as a backup, in the same folder, or "". */
const char *weir_event_text(const struct weir_event *event);
/* The name of another entry that an error is about, such as the one that the file
 * system takes for the same, or "".  Since 0.1. */
const char *weir_event_other(const struct weir_event *event);
/* Positive errno, or 0 when only the text tells. */
int weir_event_errno(const struct weir_event *event);
enum weir_side weir_event_side(const struct weir_event *event);
enum weir_action weir_event_action(const struct weir_event *event);
/* Byte offset of a data error, or -1. */
/* For ENTRY of a sync: bits of enum weir_change, and type and permissions of the
 * entry as in st_mode; else 0.  Since 0.1. */
unsigned weir_event_changes(const struct weir_event *event);
unsigned weir_event_mode(const struct weir_event *event);
/* For ENTRY of a clean: what was found; the mode as above.  Since 0.1. */
enum weir_residue weir_event_residue(const struct weir_event *event);
int64_t weir_event_offset(const struct weir_event *event);
/* Bytes of the entry, for ENTRY and WAY. */
uint64_t weir_event_bytes(const struct weir_event *event);
/* For LOSS: what was lost, whether it was required, and by how many entries;
 * the path is that of the first.  KEEP_OFF: of a label (PROPERTY_CONTEXT) that was
 * not to be copied, but to be the one that the policy has for the name.
 * Since 0.1. */
enum weir_property weir_event_property(const struct weir_event *event);
enum weir_keep weir_event_keep(const struct weir_event *event);
uint64_t weir_event_count(const struct weir_event *event);
/* For ASK: which question it is, for weir_run_answer(); else 0.  Since 0.1. */
uint64_t weir_event_question(const struct weir_event *event);

#ifdef __cplusplus
}
#endif

#endif
