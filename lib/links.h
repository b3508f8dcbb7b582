/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hard links: the groups of source names that are one inode, so that their
 * copies are one inode too.
 *
 * The first name of a group to be met leads: it is copied.  Names that are met
 * before it has its final name wait, and come back through the queue; from then
 * on each is linked to it.  Where it fails, the next one leads.
 */
#ifndef WEIR_LINKS_H
#define WEIR_LINKS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "list.h"
#include "queue.h"
#include "root.h"
#include "sys.h"

struct link_group {
	struct link_group *next; /* in its bucket */
	uint64_t device;	 /* of the source */
	uint64_t inode;
	uint64_t target_mount; /* or device, where the kernel tells no mount */
	uint64_t size_bytes;   /* of the source when it was met first, to know it by */
	uint64_t rdev;
	uint32_t mode;
	struct timespec mtime;
	uint64_t left;	     /* links of the source that have no copy yet */
	uint32_t refs;	     /* the table, jobs and units */
	bool listed;	     /* in the table */
	bool planned;	     /* by links_judge(): who comes first leads */
	bool named;	     /* the fields below are set, and stay */
	struct list waiting; /* batches of one entry, while not named */
	struct dir *dir;     /* where the leader is, referenced */
	char *name;	     /* its name there, owned */
	int fd;		     /* its inode, O_PATH, while a follower is held, or -1 */
	uint64_t made_device;
	uint64_t made_inode;
};

struct links {
	pthread_mutex_t lock;
	struct root *root;
	struct queue *queue;
	struct link_group **buckets;
	size_t bucket_count; /* a power of 2, or 0 before the first group */
	_Atomic size_t count;
	bool forgets; /* groups whose links were all copied: names come once only */
};

enum links_answer {
	LINKS_LEAD,   /* to be copied; tell what became of it */
	LINKS_FOLLOW, /* to be linked to group->name in group->dir */
	LINKS_WAIT,   /* taken over: it comes back through the queue */
	LINKS_ALONE,  /* no memory for a group: a file of its own */
	LINKS_NONE,   /* no group has it, and it was not to lead one */
};

/* A name of a source that was met. */
struct links_name {
	const struct sys_stat *source;
	uint64_t target_mount;
	struct folder *folder;
	const struct entry *entry;
	bool retry;
	bool joins; /* a group that there is, or none: it is not open, and cannot lead */
};

/* 0 or -errno. */
int links_open(struct links *links, struct root *root, struct queue *queue);
/* Nothing may hold a group any more. */
void links_close(struct links *links);

/* True if the inode has a group by now.  A hint: it may be another one tomorrow. */
bool links_knows(struct links *links, uint64_t device, uint64_t inode, uint64_t target_mount);

/* Meets a name.  LEAD and FOLLOW: *group is held, and given back by one of the
 * calls below. */
enum links_answer links_enter(struct links *links, const struct links_name *name,
			      struct link_group **group);

/* The descriptor of what a held group's names are linked to, or -1: not open.  It
 * is the group's, and stays open until the last holder gives the group back. */
int links_inode(struct links *links, struct link_group *group);

/* Gives the group FD, which somebody else may have done meanwhile.  The one that
 * it has from now on. */
int links_lend(struct links *links, struct link_group *group, int fd);

/* The leader begins anew, with a source that changed. */
void links_update(struct links *links, struct link_group *group, const struct sys_stat *source);

/* The leader has NAME in DIR, and is the inode MADE.  0; -ENOMEM: its name cannot be
 * remembered, so the next one leads a group of its own, which is a loss. */
int links_named(struct links *links, struct link_group *group, struct dir *dir, const char *name,
		uint64_t made_device, uint64_t made_inode);

/* The leader came to nothing: who waits comes back, and one of them leads. */
void links_lost(struct links *links, struct link_group *group);

/* A name of a source that is there already, as an inode that stays; or TARGET is NULL, and
 * the name is to be made anew.  True: it is linked as it should be, and nothing is to be
 * done about that.  *FOLLOWS: it will be linked to another name of its group. */
bool links_judge(struct links *links, const struct links_name *name, const struct sys_stat *target,
		 bool *follows);

/* A follower has its name. */
void links_followed(struct links *links, struct link_group *group);

/* A follower came to nothing.  SPOILED: the leader takes no more links or is gone,
 * so the next one to come leads.  True if it led until now: one group has become
 * two, which is a loss to be counted once. */
bool links_release(struct links *links, struct link_group *group, bool spoiled);

#endif
