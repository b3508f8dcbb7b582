/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A job: one entry being copied, as a cursor over a recipe.  A recipe is a
 * const table of steps; what is cleaned up, and when, is its undo column.
 */
#ifndef WEIR_JOB_H
#define WEIR_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "ask.h"
#include "contrast.h"
#include "error.h"
#include "flags.h"
#include "folder.h"
#include "label.h"
#include "links.h"
#include "list.h"
#include "loss.h"
#include "queue.h"
#include "settings.h"
#include "stream.h"
#include "temp.h"

struct claims;
struct job;
struct plan;
struct pour;

/* What the jobs of one worker work with. */
struct job_env {
	struct stream_env stream;
	const struct settings *settings;
	struct root *root;
	struct links *links;
	struct queue *queue;
	struct fs_table *fs;
	struct loss_table *loss;
	struct asks *asks;
	struct claims *claims;
	const struct plan *plan;  /* of a sync: which folders make way */
	struct labeller labeller; /* of this thread */
	bool noatime_refused;	  /* O_NOATIME gave EPERM: not our files */
	bool have_proc;		  /* /proc/self/fd is there */
	bool is_root;
	bool syncs_each;  /* every file is synced by its own FSYNC */
	bool read_ahead;  /* the backend has many ops in flight */
	bool slot_wanted; /* out: a stream found no free slot */
};

enum step_answer {
	STEP_NEXT,  /* this row is complete */
	STEP_WAIT,  /* ops are in flight; finish is called when they are done */
	STEP_SLOT,  /* a free buffer is wanting */
	STEP_LATER, /* finish is called again at job.wake_ns */
	STEP_PACE,  /* the same: it is ahead of the rate */
	STEP_QUIET, /* the same: the run stands back */
	STEP_YIELD, /* finish is called again, after the other jobs */
	STEP_ASK,   /* waits for an answer; finish is called with it */
	STEP_FAIL,  /* job.error says why */
	STEP_SKIP,  /* the job is over, nothing is to be made */
	STEP_AGAIN, /* undo all and start from the first row */
	STEP_TURN,  /* undo all and start with job.turn_to */
	STEP_DEFER, /* the job is over; its entry comes back through the queue */
	STEP_PARK,  /* complete but for its name */
};

struct step {
	const char *name;
	enum step_answer (*start)(struct job_env *env, struct job *job);
	enum step_answer (*finish)(struct job_env *env, struct job *job); /* or NULL */
	void (*undo)(struct job_env *env, struct job *job);		  /* or NULL */
};

/* Why a job with nothing in flight waits (T3). */
enum job_reason {
	JOB_RUNNABLE,
	JOB_WAITS_IO,
	JOB_WAITS_SLOT,
	JOB_WAITS_COMMITTER, /* the group is full */
	JOB_WAITS_TIME,	     /* A13: until job.wake_ns */
	JOB_WAITS_PACE,	     /* the same: it would be ahead of --bwlimit */
	JOB_WAITS_QUIET,     /* the same: --background, and others need the storage */
	JOB_WAITS_ROOM,	     /* G7: no space until the group was published */
	JOB_WAITS_ANSWER,    /* the caller was asked */
};

/* The way its bytes take, lib/README.md. */
enum job_way {
	JOB_WAY_NONE,
	JOB_WAY_TO_END,	       /* 3: size unknown, read to the end */
	JOB_WAY_DIRECT,	       /* 4: direct both ways */
	JOB_WAY_CACHED_DIRECT, /* 5: source in the page cache, direct writes */
	JOB_WAY_BUFFERED,      /* 6: the target takes no direct I/O */
	JOB_WAY_SMALL,	       /* 7 */
	JOB_WAY_CLONE,	       /* 1: both sides share their blocks */
	JOB_WAY_OFFLOAD,       /* 2: the file system copies by itself */
	JOB_WAY_LINK,	       /* no bytes: one more name of what was copied */
	JOB_WAY_PATCH,	       /* what differs is written into the target */
};

struct job {
	struct list node;	   /* in one of the engine's lists */
	const struct step *recipe; /* ends with a row whose name is NULL */
	const struct step *origin; /* the recipe of its type */
	const struct step *turn_to;
	uint32_t row;
	bool started;  /* start of this row was called */
	bool op_live;  /* one op beside the stream's */
	bool noatime;  /* opened with O_NOATIME */
	bool opening;  /* the op that is or was live opens the source */
	bool retry;    /* second try after a failed write-back */
	bool had_room; /* G7 was done for it */
	bool dry;
	bool would;	   /* out, when dry: it would have been copied */
	uint32_t attempts; /* full tries that were undone */
	uint32_t tries;	   /* interrupted opens */
	bool retyped;	   /* it was another type when it was listed */
	uint64_t wake_ns;
	uint64_t give_up_ns; /* A13: waited for a lease until then; 0: not yet */
	enum job_reason reason;
	int32_t op_result;
	struct error error;
	struct losses losses;  /* of what was to be kept */
	struct folder *folder; /* referenced */
	struct flags flags;    /* of the source, to be kept */
	bool follow;	       /* its name is a link: -L, or an operand in /proc */
	unsigned char type;
	union {
		uint64_t inode; /* as the listing told, or 0 */
		uint64_t stamp; /* of an entry that was compared: its content_stamp() */
	};
	int source_dirfd; /* pinned, or -1 */
	int source_fd;
	int target_dirfd; /* pinned, or -1 */
	int target_fd;
	bool counted;		  /* its size is known to those who watch */
	bool sized;		  /* it is in bytes_found */
	bool exists;		  /* something has the target's name */
	bool backup_clash;	  /* its simple backup would take the name of another copy */
	bool temp_named;	  /* temp_name is in the target folder */
	bool synced;		  /* its own fsync came after its last byte */
	bool loses;		  /* something that was required could not be kept */
	bool settles;		  /* it was waited until a change of the source would show */
	bool reread;		  /* it changed while it was read, and is read once more */
	const char *changed;	  /* static: how, if it did so again and is kept, or NULL */
	bool whole;		  /* the target has all bytes before any is read */
	uint64_t offloaded_bytes; /* of them, without us */
	struct pace_claim claim;  /* of the next bytes that do not go through the stream */
	struct ask ask;		  /* whether what exists may be replaced */
	bool again;		  /* its entry was here before, and was asked for then */
	bool claimed;		  /* in_place: the target is ours alone */
	bool last;		  /* all other entries were looked at before */
	bool once;		  /* it can be copied only once, by its source or target */
	bool to_stream;		  /* target_fd is a FIFO or device */
	struct pour *pour;	  /* its bytes on their way, owned; or NULL */
	bool alias;		  /* target_fd is the source: it gets one more name */
	bool inherits;		  /* the same, of an earlier copy */
	bool shares;		  /* in: an earlier copy had its data, as this tells: */
	uint64_t shared_stamp;	  /* content_stamp_whole() of both */
	bool in_place;		  /* target_fd has its name already */
	bool adjusts;		  /* of that only attributes are set */
	bool is_there;		  /* the target has its name, even if the folder is new */
	bool contrasts;		  /* the stream is driven by `contrast` */
	bool same_attributes;	  /* in: those of both sides are known to be the same */
	bool torn;		  /* the target has the mark of an earlier run */
	bool marked;		  /* and of this one */
	bool distrusted;	  /* what the target seems to hold may be on no disk */
	bool leads;		  /* `link` is to be told what became of it */
	struct link_group *link;  /* held, or NULL */
	int unlinked;		  /* -errno: why it could not be linked, and is copied */
	uint64_t made_device;	  /* the inode that was made, of one that leads */
	uint64_t made_inode;	  /* or has no data */
	enum job_way way;
	const char *way_reason;
	struct sys_stat source;
	struct sys_stat existing;
	struct sys_stat made; /* what has no data, just after it was made */
	struct stream stream;
	struct contrast contrast;
	char temp_name[TEMP_NAME_BYTES];
	char name[LIMIT_NAME_BYTES];
	char target_name[LIMIT_NAME_BYTES];
};

#define JOB_OP_TAG (UINT32_MAX - 1)

/* Sets a job up for an entry of BATCH, whose reference on the folder it takes
 * over. */
void job_begin(struct job *job, const struct step *recipe, const struct batch *batch,
	       const struct entry *entry);

/* Runs rows until one must wait.  NEXT is never returned; after FAIL and SKIP
 * all is undone; after PARK the caller owns target_fd and the temp. */
enum step_answer job_advance(struct job_env *env, struct job *job);

/* Hands a finished op to the job; state changes only. */
void job_apply(struct job_env *env, struct job *job, struct io_op *op);

/* Makes a job whose stream has an error give back the buffers that nobody touches. */
void job_let_go(struct job_env *env, struct job *job);

/* True while the kernel may touch something of this job. */
bool job_in_flight(const struct job *job);

/* Ends a job whatever its row; nothing may be in flight. */
void job_abandon(struct job_env *env, struct job *job);

/* Asks for BYTES that do not go through the stream: NEXT, or PACE or QUIET until they
 * may move; then job_moved() tells how many did. */
enum step_answer job_pace(struct job_env *env, struct job *job, uint64_t bytes);
void job_moved(struct job_env *env, struct job *job, uint64_t bytes);

/* The answer of a row that may go on when CLAIM says. */
enum step_answer job_paced(struct job *job, const struct pace_claim *claim);

/* Sets the job's error; the answer of the row that found it. */
enum step_answer job_fail(struct job *job, long result, enum error_side side,
			  const char *operation);

/* Takes the size of its source out of bytes_found. */
void job_uncount_bytes(struct job_env *env, struct job *job);

/* Asks, where that is wanted, whether what has the target's name may be replaced:
 * NEXT, SKIP, or ASK until there is an answer. */
enum step_answer job_ask(struct job_env *env, struct job *job);

/* The thread still has the label of what was made, which is dropped: the entry fails,
 * and if it does not lose it, the run ends. */
enum step_answer job_fail_label(struct job_env *env, struct job *job, int result);

/* What exists is a folder that something else may not replace: true, and the error is
 * set. */
bool job_meets_folder(const struct job_env *env, struct job *job);

/* What has the target's name is another entry of this run (B09): FAIL, or NEXT. */
enum step_answer job_meet_rival(struct job_env *env, struct job *job);

/* True if it is to be left alone because what exists is no older (-u). */
bool job_is_up_to_date(struct job_env *env, const struct job *job);

/* True if what has the target's name is the source itself, which is open (B01, B04). */
bool job_is_same_file(struct job_env *env, const struct job *job);

/* Opens the source, whose name may be a link if `follow` says so, in its pinned
 * folder DIRFD; magic ones are followed for operands only. */
int job_open_source(struct job_env *env, const struct job *job, int dirfd, int flags);

/* What it is.  0 or -errno. */
int job_stat_source(struct job_env *env, const struct job *job, struct sys_stat *stat);

/* True if the source's way is to be judged: what only the kernel follows is not. */
bool job_reaches(const struct job *job);

/* Issues a job's own op; its result will be in op_result. */
void job_issue(struct job_env *env, struct job *job, struct io_op *op);

#endif
