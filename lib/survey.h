/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The names of a sync as its scan meets them: both sides are looked at, and what
 * needs nothing never becomes a job.
 */
#ifndef WEIR_SURVEY_H
#define WEIR_SURVEY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "compare.h"
#include "earlier.h"
#include "error.h"
#include "folder.h"
#include "links.h"
#include "root.h"
#include "settings.h"
#include "shared.h"
#include "sys.h"

struct survey {
	struct root *root;
	const struct settings *settings;
	struct links *links;
	const _Atomic int *cancel;     /* set: nothing long is begun or gone on with */
	const struct earlier *earlier; /* or NULL; the caller's to set */
	struct shared shared;
	struct shared folders; /* where links in the target are followed */
	gid_t *groups;	       /* those that we may give files to, owned */
	int group_count;
};

/* A name of a folder; the descriptors are pinned. */
struct survey_name {
	struct folder *folder;
	int source_fd;
	int target_fd;		/* -1: there is nothing of it in the target */
	const int *earlier_fds; /* one for each earlier copy, -1: it has no such folder */
	const char *name;
	uint64_t inode; /* as the listing told */
};

/* What an earlier copy has of what the target has not. */
enum survey_earlier {
	SURVEY_NOTHING,
	SURVEY_DATA, /* which can be shared */
	SURVEY_ALL,  /* data and attributes: it can be linked to */
};

struct survey_finding {
	struct compare_result result;
	struct sys_stat source;
	struct sys_stat target;
	bool there; /* something has the name in the target */
	bool links; /* it becomes one more name of another entry, if all goes well */
	enum survey_earlier earlier;
	uint64_t earlier_stamp; /* content_stamp_whole() of both */
};

/* 0 or -errno. */
int survey_open(struct survey *survey, struct root *root, const struct settings *settings,
		struct links *links, const _Atomic int *cancel);
void survey_close(struct survey *survey);

/* Looks at a name.  Of a folder only `source` is set.  0, or -errno with the record set:
 * nothing is known of it; -ECANCELED: without it. */
int survey_look(struct survey *survey, const struct survey_name *name,
		struct survey_finding *finding, struct error *error);

/* Bits of WEIR_CHANGE_ of the attributes in which the open folders differ; *old_time:
 * so does their time of modification.  0 or -errno with the record set. */
int survey_folder(struct survey *survey, struct folder *folder, unsigned *changes, bool *old_time,
		  struct error *error);

#endif
