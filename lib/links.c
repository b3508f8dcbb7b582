/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A hash table of groups.
 *
 *   State     True here                              Then
 *   led       a job or unit holds it as its leader   links_named() or links_lost()
 *   named     dir, name and made inode are set       followers are linked to it
 *   unlisted  not in the table                       freed when nobody holds it
 *
 * Invariants:
 * H1 a group is led by one job or unit, or is named; what waits for it waits only
 *    while it is led, so it always comes back;
 * H2 the fields of a named group never change: who holds it reads them without
 *    the lock;
 * H3 only inodes with more than one link are here, and where each name is met
 *    once, only until all their links were copied;
 * H4 a name joins a group only if its source looks as it did when the group was
 *    begun: an inode number may be given to another file;
 * H5 the descriptor of a group is open only while somebody holds the group.
 */
#define _GNU_SOURCE
#include "links.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "invariant.h"
#include "limits.h"

#define LINKS_FIRST_BUCKETS 256U

int links_open(struct links *links, struct root *root, struct queue *queue)
{
	links->root = root;
	links->queue = queue;
	links->buckets = NULL;
	links->bucket_count = 0;
	links->count = 0;
	links->forgets = false;
	return -pthread_mutex_init(&links->lock, NULL);
}

static void links_free(struct links *links, struct link_group *group)
{
	WEIR_ASSERT(list_empty(&group->waiting)); /* H1 */
	WEIR_ASSERT(group->fd < 0);		  /* H5 */
	if (group->dir != NULL)
		dir_put(links->root, group->dir);
	free(group->name);
	free(group);
}

void links_close(struct links *links)
{
	for (size_t i = 0; i < links->bucket_count; i++) {
		struct link_group *group = links->buckets[i];

		while (group != NULL) {
			struct link_group *next = group->next;

			WEIR_ASSERT(group->refs == 1);
			links_free(links, group);
			group = next;
		}
	}
	free(links->buckets);
	links->buckets = NULL;
	links->bucket_count = 0;
	pthread_mutex_destroy(&links->lock);
}

static size_t links_hash(uint64_t device, uint64_t inode, uint64_t target_mount)
{
	uint64_t hash = (inode ^ device << 32 ^ target_mount << 48) * 0x9e3779b97f4a7c15ULL;

	return (size_t)(hash ^ hash >> 32);
}

static struct link_group **links_bucket(struct links *links, const struct link_group *group)
{
	size_t hash = links_hash(group->device, group->inode, group->target_mount);

	return &links->buckets[hash & (links->bucket_count - 1)];
}

static void links_list(struct links *links, struct link_group *group)
{
	struct link_group **bucket = links_bucket(links, group);

	group->next = *bucket;
	*bucket = group;
}

/* Twice as many buckets; without memory for them the chains grow instead. */
static bool links_grow(struct links *links)
{
	size_t count = links->bucket_count > 0 ? 2 * links->bucket_count : LINKS_FIRST_BUCKETS;
	struct link_group **buckets = calloc(count, sizeof(struct link_group *));
	struct link_group **old = links->buckets;
	size_t old_count = links->bucket_count;

	if (buckets == NULL)
		return old != NULL;
	links->buckets = buckets;
	links->bucket_count = count;
	for (size_t i = 0; i < old_count; i++) {
		struct link_group *group = old[i];

		while (group != NULL) {
			struct link_group *next = group->next;

			links_list(links, group);
			group = next;
		}
	}
	free(old);
	return true;
}

static struct link_group *links_find(struct links *links, uint64_t device, uint64_t inode,
				     uint64_t target_mount)
{
	struct link_group *group;

	if (links->bucket_count == 0)
		return NULL;
	group = links->buckets[links_hash(device, inode, target_mount) & (links->bucket_count - 1)];
	while (group != NULL && (group->device != device || group->inode != inode ||
				 group->target_mount != target_mount))
		group = group->next;
	return group;
}

static void links_know(struct link_group *group, const struct sys_stat *source)
{
	group->size_bytes = source->size_bytes;
	group->rdev = source->rdev;
	group->mode = source->mode & S_IFMT;
	group->mtime = source->mtime;
}

static struct link_group *links_add(struct links *links, const struct sys_stat *source,
				    uint64_t target_mount)
{
	struct link_group *group;

	if (links->count >= links->bucket_count && !links_grow(links))
		return NULL;
	group = calloc(1, sizeof(*group));
	if (group == NULL)
		return NULL;
	group->device = source->device;
	group->inode = source->inode;
	group->target_mount = target_mount;
	links_know(group, source);
	group->left = source->links;
	group->refs = 1;
	group->fd = -1;
	group->listed = true;
	list_init(&group->waiting);
	links_list(links, group);
	links->count++;
	return group;
}

/* Takes the group out of the table; its reference there goes. */
static void links_unlist(struct links *links, struct link_group *group)
{
	struct link_group **at;

	if (!group->listed)
		return;
	for (at = links_bucket(links, group); *at != group; at = &(*at)->next)
		WEIR_ASSERT(*at != NULL);
	*at = group->next;
	group->listed = false;
	group->refs--;
	links->count--;
}

/* False if the source is another one by now: it was changed, or its inode number
 * was given to another file. */
static bool links_is_same(const struct link_group *group, const struct sys_stat *source)
{
	return group->size_bytes == source->size_bytes && group->rdev == source->rdev &&
	       group->mode == (source->mode & S_IFMT) &&
	       group->mtime.tv_sec == source->mtime.tv_sec &&
	       group->mtime.tv_nsec == source->mtime.tv_nsec;
}

static bool links_wait(struct links *links, struct link_group *group, const struct links_name *name)
{
	struct batch *batch = batch_of_one(name->folder, name->entry);

	if (batch == NULL)
		return false;
	batch->retry = name->retry;
	list_add_tail(&group->waiting, &batch->node);
	queue_defer(links->queue);
	return true;
}

bool links_knows(struct links *links, uint64_t device, uint64_t inode, uint64_t target_mount)
{
	bool found;

	if (inode == 0 || atomic_load_explicit(&links->count, memory_order_relaxed) == 0)
		return false;
	pthread_mutex_lock(&links->lock);
	found = links_find(links, device, inode, target_mount) != NULL;
	pthread_mutex_unlock(&links->lock);
	return found;
}

enum links_answer links_enter(struct links *links, const struct links_name *name,
			      struct link_group **group)
{
	const struct sys_stat *source = name->source;
	enum links_answer answer = LINKS_ALONE;
	struct link_group *found, *stale = NULL;

	pthread_mutex_lock(&links->lock);
	found = links_find(links, source->device, source->inode, name->target_mount);
	if (found != NULL && !links_is_same(found, source)) {
		links_unlist(links, found); /* H4; who holds it keeps it */
		if (found->refs == 0)
			stale = found;
		found = NULL;
	}
	if (found == NULL && name->joins) {
		answer = LINKS_NONE;
	} else if (found == NULL) {
		found = links_add(links, source, name->target_mount);
		answer = found != NULL ? LINKS_LEAD : LINKS_ALONE;
	} else if (found->planned && !name->joins) {
		found->planned = false;
		answer = LINKS_LEAD;
	} else if (found->planned) {
		answer = LINKS_NONE;
	} else if (found->named) {
		answer = LINKS_FOLLOW;
	} else if (links_wait(links, found, name)) {
		answer = LINKS_WAIT;
	}
	if (answer == LINKS_LEAD || answer == LINKS_FOLLOW) {
		found->refs++;
		*group = found;
	}
	pthread_mutex_unlock(&links->lock);
	if (stale != NULL)
		links_free(links, stale);
	return answer;
}

/* The group's inode is TARGET, which stays: nothing waits for that yet.  Under the lock. */
static bool links_settle(struct link_group *group, const struct links_name *name,
			 const struct sys_stat *target)
{
	group->name = strdup(name->entry->target_name);
	if (group->name == NULL)
		return false;
	group->dir = name->folder->target;
	group->made_device = target->device;
	group->made_inode = target->inode;
	group->named = true;
	return true;
}

bool links_judge(struct links *links, const struct links_name *name, const struct sys_stat *target,
		 bool *follows)
{
	const struct sys_stat *source = name->source;
	struct link_group *group;
	bool stays = false, taken = false;

	if (target != NULL)
		dir_get(links->root, name->folder->target); /* nobody holds two locks */
	pthread_mutex_lock(&links->lock);
	group = links_find(links, source->device, source->inode, name->target_mount);
	*follows = group != NULL;
	if (group == NULL) {
		group = links_add(links, source, name->target_mount);
		taken = group != NULL && target != NULL && links_settle(group, name, target);
		stays = group == NULL ? target != NULL : taken;
		if (group != NULL && !taken)
			group->planned = true;
	} else if (group->named && target != NULL) {
		stays = group->made_device == target->device &&
			group->made_inode == target->inode && links_is_same(group, source);
	}
	if (group != NULL && stays && group->left > 0 && --group->left == 0 && links->forgets)
		links_unlist(links, group); /* H3 */
	else
		group = NULL;
	if (group != NULL && group->refs > 0)
		group = NULL;
	pthread_mutex_unlock(&links->lock);
	if (target != NULL && !taken)
		dir_put(links->root, name->folder->target);
	if (group != NULL)
		links_free(links, group);
	return stays;
}

void links_update(struct links *links, struct link_group *group, const struct sys_stat *source)
{
	pthread_mutex_lock(&links->lock);
	WEIR_ASSERT(!group->named);
	links_know(group, source);
	pthread_mutex_unlock(&links->lock);
}

/* What is to be done after the lock by who dropped a reference. */
struct links_rest {
	struct link_group *group; /* to be freed, or NULL */
	int fd;			  /* to be closed, or -1 */
};

/* Drops the caller's reference, under the lock. */
static struct links_rest links_put(struct link_group *group)
{
	struct links_rest rest = { NULL, -1 };

	WEIR_ASSERT(group->refs > 0);
	group->refs--;
	if (group->refs == 0)
		rest.group = group;
	if (group->refs == (group->listed ? 1U : 0U)) {
		rest.fd = group->fd;
		group->fd = -1;
	}
	return rest;
}

static void links_end(struct links *links, const struct links_rest *rest)
{
	if (rest->fd >= 0)
		sys_close(links->root->sys, rest->fd);
	if (rest->group != NULL)
		links_free(links, rest->group);
}

int links_inode(struct links *links, struct link_group *group)
{
	int fd;

	pthread_mutex_lock(&links->lock);
	fd = group->fd;
	pthread_mutex_unlock(&links->lock);
	return fd;
}

int links_lend(struct links *links, struct link_group *group, int fd)
{
	int unused = -1;

	pthread_mutex_lock(&links->lock);
	WEIR_ASSERT(group->named && group->refs > (group->listed ? 1U : 0U));
	if (group->fd < 0)
		group->fd = fd;
	else
		unused = fd;
	fd = group->fd;
	pthread_mutex_unlock(&links->lock);
	if (unused >= 0)
		sys_close(links->root->sys, unused);
	return fd;
}

/* Sends back what waited. */
static void links_wake(struct links *links, struct list *waiting)
{
	struct list *node;

	while ((node = list_take_head(waiting)) != NULL)
		queue_push_deferred(links->queue, LIST_ENTRY(node, struct batch, node));
}

int links_named(struct links *links, struct link_group *group, struct dir *dir, const char *name,
		uint64_t made_device, uint64_t made_inode)
{
	char *copy = strdup(name);
	struct list waiting;
	struct links_rest rest;

	if (copy == NULL) {
		links_lost(links, group);
		return -ENOMEM;
	}
	list_init(&waiting);
	dir_get(links->root, dir); /* before the lock: nobody holds two */
	pthread_mutex_lock(&links->lock);
	WEIR_ASSERT(!group->named); /* H1 */
	group->dir = dir;
	group->name = copy;
	group->made_device = made_device;
	group->made_inode = made_inode;
	group->named = true;
	list_move_all(&group->waiting, &waiting);
	if (--group->left == 0 && links->forgets)
		links_unlist(links, group); /* H3 */
	rest = links_put(group);
	pthread_mutex_unlock(&links->lock);
	links_wake(links, &waiting);
	links_end(links, &rest);
	return 0;
}

void links_lost(struct links *links, struct link_group *group)
{
	struct list waiting;
	struct links_rest rest;

	list_init(&waiting);
	pthread_mutex_lock(&links->lock);
	WEIR_ASSERT(!group->named);
	list_move_all(&group->waiting, &waiting);
	links_unlist(links, group);
	rest = links_put(group);
	pthread_mutex_unlock(&links->lock);
	links_wake(links, &waiting);
	links_end(links, &rest);
}

void links_followed(struct links *links, struct link_group *group)
{
	struct links_rest rest;

	pthread_mutex_lock(&links->lock);
	WEIR_ASSERT(group->named);
	/* A file whose links grew meanwhile has more names than it said. */
	if (group->left > 0 && --group->left == 0 && links->forgets)
		links_unlist(links, group);
	rest = links_put(group);
	pthread_mutex_unlock(&links->lock);
	links_end(links, &rest);
}

bool links_release(struct links *links, struct link_group *group, bool spoiled)
{
	struct links_rest rest;
	bool splits;

	pthread_mutex_lock(&links->lock);
	WEIR_ASSERT(group->named);
	splits = spoiled && group->listed;
	if (spoiled)
		links_unlist(links, group);
	rest = links_put(group);
	pthread_mutex_unlock(&links->lock);
	links_end(links, &rest);
	return splits;
}
