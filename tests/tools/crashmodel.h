// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a disk may hold at a power cut: a tree as it was, and the effects of what was
 * done to it since, each durable or not.
 *
 * Effects, and what makes them durable:
 *   data       a block of 4 KiB of a file           fsync, fdatasync of the file
 *   size       of a file                            the same
 *   attribute  mode, owner, time, one xattr each    fsync of the inode
 *   entry      a name of a folder that comes, goes  fsync of the folder; a rename is one
 *              or is renamed; the folder's time     effect, of either of its folders
 *              goes with it
 * syncfs makes all of them durable.  The inode of a link, pipe or device cannot be
 * synced by itself: it goes with the entry that names it.
 *
 * A state of the disk is the old tree and some effects, in the order in which they were
 * issued: all that are durable, and any of the others (weak), or those of the names and
 * attributes up to one point and data as it comes, but before the name (ordered).
 */
#ifndef TOOLS_CRASHMODEL_H
#define TOOLS_CRASHMODEL_H

#include "treeread.h"

#define BLOCK_BYTES 4096
#define NODE_BLOCKS 16
#define NODE_XATTRS 8
#define NODE_ENTRIES 24
#define STATE_NODES 160
#define EFFECTS_MAX 4000
#define PRESENT 1700000000 /* the time of what gets that of the clock */

struct blob {
	uint64_t hash;
	size_t bytes;
	const uint8_t *data;
};

struct node {
	mode_t mode;
	uid_t uid;
	gid_t gid;
	dev_t rdev;
	int64_t seconds, ns;
	uint64_t size;
	const char *text;		       /* of a link */
	const struct blob *block[NODE_BLOCKS]; /* NULL: zeros */
	struct {
		const char *name;
		const struct blob *value;
	} xattr[NODE_XATTRS];
	struct {
		const char *name;
		int node;
	} entry[NODE_ENTRIES]; /* sorted by name */
	int xattrs, entries;
	int order; /* in which it was met, while a state is hashed or built; 0: not yet */
};

struct state {
	struct node node[STATE_NODES]; /* 0 is the folder of all */
	int count;
};

enum effect_kind {
	EFFECT_DATA,
	EFFECT_SIZE,
	EFFECT_MODE,
	EFFECT_OWNER,
	EFFECT_TIME,
	EFFECT_XATTR,
	EFFECT_LINK,
	EFFECT_UNLINK,
	EFFECT_RENAME,
};

struct effect {
	enum effect_kind kind;
	int node;	  /* that it is of; the folder of the (old) name */
	int to;		  /* of a rename: the folder of the new name */
	int target;	  /* what gets the name */
	int other;	  /* of an exchange: what gets the old one; else 0 */
	int needs;	  /* an effect that it cannot be without, or -1 */
	const char *name; /* of an entry, or of an xattr */
	const char *new_name;
	const struct blob *blob; /* of a block or an xattr; NULL: zeros, or it goes */
	uint64_t value;		 /* number of the block, size, mode */
	uid_t uid;
	gid_t gid;
	int64_t seconds, ns;
	bool durable;
	unsigned long serial; /* of its operation */
};

struct model {
	struct state old;	 /* what was on disk when it began, and what was made since */
	struct state present;	 /* what is seen now */
	ino_t ino[STATE_NODES];	 /* of each node of both */
	bool named[STATE_NODES]; /* it has, or had, a name */
	struct effect effect[EFFECTS_MAX];
	int effects;
	unsigned long serial; /* of the operation that is being read */
};

static __attribute__((noreturn)) void too_much(const char *what)
{
	errno = ENOBUFS;
	die("more %s than the model has room for", what);
}

/* ---- memory: of one workload, all let go of at once ---- */

struct chunk {
	struct chunk *before;
	size_t used, room;
	char bytes[];
};

/* A block that was cut short by a size. */
struct cut {
	const struct blob *whole, *part;
	size_t bytes;
};

static struct {
	struct chunk *chunk;
	struct cut cut[64];
} memory;

static void *take(size_t bytes)
{
	struct chunk *chunk = memory.chunk;
	size_t room = bytes > 1 << 18 ? bytes : 1 << 18;

	bytes = (bytes + 15) & ~(size_t)15;
	if (chunk == NULL || chunk->room - chunk->used < bytes) {
		chunk = must(malloc(sizeof(*chunk) + room + 16));
		*chunk = (struct chunk){ .before = memory.chunk, .room = room + 16 };
		memory.chunk = chunk;
	}
	chunk->used += bytes;
	return chunk->bytes + chunk->used - bytes;
}

static void forget_all(void)
{
	while (memory.chunk != NULL) {
		struct chunk *before = memory.chunk->before;

		free(memory.chunk);
		memory.chunk = before;
	}
	memset(&memory, 0, sizeof(memory));
}

static char *take_text(const char *text)
{
	return memcpy(take(strlen(text) + 1), text, strlen(text) + 1);
}

static const struct blob *blob_of(const void *data, size_t bytes)
{
	struct blob *blob = take(sizeof(*blob) + bytes + 1);
	uint8_t *copy = (uint8_t *)(blob + 1);

	memcpy(copy, data, bytes);
	*blob = (struct blob){ .hash = mix(3, data, bytes), .bytes = bytes, .data = copy };
	return blob;
}

/* ---- a tree that is there ---- */

static int model_node_of(const struct model *model, ino_t ino)
{
	for (int i = model->present.count - 1; i >= 0; i--)
		if (model->ino[i] == ino)
			return i;
	return -1;
}

/* The place of a name in a folder, or where it would be. */
static int entry_at(const struct node *folder, const char *name, bool *found)
{
	int at = 0;

	while (at < folder->entries && strcmp(folder->entry[at].name, name) < 0)
		at++;
	*found = at < folder->entries && strcmp(folder->entry[at].name, name) == 0;
	return at;
}

static int entry_node(const struct state *state, int folder, const char *name)
{
	bool found;
	int at = entry_at(&state->node[folder], name, &found);

	return found ? state->node[folder].entry[at].node : -1;
}

static void entry_set(struct node *folder, const char *name, int node)
{
	bool found;
	int at = entry_at(folder, name, &found);

	if (!found) {
		if (folder->entries == NODE_ENTRIES)
			too_much("names");
		memmove(&folder->entry[at + 1], &folder->entry[at],
			(size_t)(folder->entries - at) * sizeof(folder->entry[0]));
		folder->entries++;
		folder->entry[at].name = name;
	}
	folder->entry[at].node = node;
}

static void entry_remove(struct node *folder, const char *name)
{
	bool found;
	int at = entry_at(folder, name, &found);

	if (!found)
		return;
	folder->entries--;
	memmove(&folder->entry[at], &folder->entry[at + 1],
		(size_t)(folder->entries - at) * sizeof(folder->entry[0]));
}

/* VALUE NULL: it goes. */
static void xattr_set(struct node *node, const char *name, const struct blob *value)
{
	int at = 0;

	while (at < node->xattrs && strcmp(node->xattr[at].name, name) < 0)
		at++;
	if (at == node->xattrs || strcmp(node->xattr[at].name, name) != 0) {
		if (value == NULL)
			return;
		if (node->xattrs == NODE_XATTRS)
			too_much("xattrs");
		memmove(&node->xattr[at + 1], &node->xattr[at],
			(size_t)(node->xattrs - at) * sizeof(node->xattr[0]));
		node->xattrs++;
		node->xattr[at].name = name;
	} else if (value == NULL) {
		node->xattrs--;
		memmove(&node->xattr[at], &node->xattr[at + 1],
			(size_t)(node->xattrs - at) * sizeof(node->xattr[0]));
		return;
	}
	node->xattr[at].value = value;
}

static const struct blob *xattr_of(const struct node *node, const char *name)
{
	for (int i = 0; i < node->xattrs; i++)
		if (strcmp(node->xattr[i].name, name) == 0)
			return node->xattr[i].value;
	return NULL;
}

/* What is made later is in the old tree, too, as it was made, but has no name there. */
static int model_add(struct model *model, ino_t ino, mode_t mode)
{
	int at = model->present.count;

	if (at == STATE_NODES)
		too_much("inodes");
	model->present.count++;
	model->ino[at] = ino;
	model->named[at] = false;
	model->present.node[at] = (struct node){ .mode = mode, .seconds = PRESENT };
	return at;
}

/* What is of the clock is all of one moment: states are the same in each run. */
static void time_set(struct node *node, int64_t seconds, int64_t ns)
{
	node->seconds = seconds < PRESENT ? seconds : PRESENT;
	node->ns = seconds < PRESENT ? ns : 0;
}

static void read_file(struct node *node, const char *path)
{
	static uint8_t bytes[NODE_BLOCKS * BLOCK_BYTES];
	int fd = open(path, O_RDONLY | O_NOATIME);

	memset(bytes, 0, sizeof(bytes));
	if (node->size > sizeof(bytes))
		too_much("blocks");
	if (fd < 0 || pread(fd, bytes, node->size, 0) != (ssize_t)node->size)
		die("read %s", path);
	close(fd);
	for (size_t i = 0; i * BLOCK_BYTES < node->size; i++)
		node->block[i] = blob_of(bytes + i * BLOCK_BYTES, BLOCK_BYTES);
}

static void read_xattrs(struct node *node, const char *path)
{
	char names[4096], value[4096];
	ssize_t bytes = llistxattr(path, names, sizeof(names));

	for (char *name = names; bytes > 0 && name < names + bytes; name += strlen(name) + 1) {
		ssize_t size = lgetxattr(path, name, value, sizeof(value));

		if (size >= 0 && strncmp(name, "security.", 9) != 0)
			xattr_set(node, take_text(name), blob_of(value, (size_t)size));
	}
}

static int model_read(struct model *model, const char *path);

struct model_walk {
	struct model *model;
	int at; /* the folder */
};

static void model_read_in(const char *below, void *context)
{
	struct model_walk *walk = context;
	const char *name = strrchr(below, '/') + 1;

	/* Beside the trees there is what is not of them. */
	if (walk->at == 0 && name[0] == '.')
		return;
	entry_set(&walk->model->present.node[walk->at], take_text(name),
		  model_read(walk->model, below));
}

static int model_read(struct model *model, const char *path)
{
	struct stat stat;
	struct node *node;
	int at;

	if (lstat(path, &stat) != 0)
		die("lstat %s", path);
	at = model_node_of(model, stat.st_ino);
	if (at >= 0)
		return at;
	at = model_add(model, stat.st_ino, stat.st_mode);
	model->named[at] = true;
	node = &model->present.node[at];
	node->uid = stat.st_uid;
	node->gid = stat.st_gid;
	node->rdev = stat.st_rdev;
	time_set(node, stat.st_mtim.tv_sec, stat.st_mtim.tv_nsec);
	node->size = S_ISREG(stat.st_mode) ? (uint64_t)stat.st_size : 0;
	read_xattrs(node, path);
	if (S_ISREG(stat.st_mode))
		read_file(node, path);
	if (S_ISLNK(stat.st_mode)) {
		char text[PATH_BYTES];
		ssize_t bytes = readlink(path, text, sizeof(text) - 1);

		text[bytes > 0 ? bytes : 0] = '\0';
		node->text = take_text(text);
	}
	if (S_ISDIR(stat.st_mode))
		each_in(path, model_read_in, &(struct model_walk){ model, at });
	return at;
}

/* ---- effects ---- */

static const struct blob *cut_of(const struct blob *whole, size_t bytes)
{
	struct cut *cut = &memory.cut[(whole->hash ^ bytes) % 64];
	uint8_t kept[BLOCK_BYTES] = { 0 };

	if (cut->whole != whole || cut->bytes != bytes) {
		memcpy(kept, whole->data, bytes);
		*cut = (struct cut){ whole, blob_of(kept, BLOCK_BYTES), bytes };
	}
	return cut->part;
}

static void size_set(struct node *node, uint64_t size)
{
	size_t last = size / BLOCK_BYTES, part = size % BLOCK_BYTES;

	if (size < node->size) { /* what is beyond never comes back */
		if (part > 0 && node->block[last] != NULL)
			node->block[last] = cut_of(node->block[last], part);
		for (size_t i = last + (part > 0); i < NODE_BLOCKS; i++)
			node->block[i] = NULL;
	}
	node->size = size;
}

static void touch(struct node *folder)
{
	folder->seconds = PRESENT;
	folder->ns = 0;
}

static void effect_apply(const struct effect *effect, struct state *state)
{
	struct node *node = &state->node[effect->node];

	switch (effect->kind) {
	case EFFECT_DATA:
		node->block[effect->value] = effect->blob;
		break;
	case EFFECT_SIZE:
		size_set(node, effect->value);
		break;
	case EFFECT_MODE:
		node->mode = (mode_t)effect->value;
		break;
	case EFFECT_OWNER:
		node->uid = effect->uid;
		node->gid = effect->gid;
		break;
	case EFFECT_TIME:
		node->seconds = effect->seconds;
		node->ns = effect->ns;
		break;
	case EFFECT_XATTR:
		xattr_set(node, effect->name, effect->blob);
		break;
	case EFFECT_LINK:
		entry_set(node, effect->name, effect->target);
		touch(node);
		break;
	case EFFECT_UNLINK:
		entry_remove(node, effect->name);
		touch(node);
		break;
	case EFFECT_RENAME:
		if (effect->other > 0)
			entry_set(node, effect->name, effect->other);
		else
			entry_remove(node, effect->name);
		entry_set(&state->node[effect->to], effect->new_name, effect->target);
		touch(node);
		touch(&state->node[effect->to]);
		break;
	}
}

static bool is_entry(const struct effect *effect)
{
	return effect->kind >= EFFECT_LINK;
}

static bool is_content(const struct effect *effect)
{
	return effect->kind == EFFECT_DATA || effect->kind == EFFECT_SIZE;
}

static void model_issue(struct model *model, struct effect effect)
{
	if (model->effects == EFFECTS_MAX)
		too_much("effects");
	effect.serial = model->serial;
	effect.durable = false;
	effect.needs = -1;
	/* What was renamed twice was renamed once before. */
	for (int i = 0; effect.kind == EFFECT_RENAME && i < model->effects; i++)
		if (model->effect[i].kind == EFFECT_RENAME &&
		    (model->effect[i].target == effect.target ||
		     model->effect[i].other == effect.target))
			effect.needs = i;
	if (effect.kind == EFFECT_LINK || effect.kind == EFFECT_RENAME)
		model->named[effect.target] = true;
	model->effect[model->effects++] = effect;
	effect_apply(&effect, &model->present);
}

/* The present time is a separate effect, once until the next other one. */
static void model_touch(struct model *model, int node)
{
	struct node *present = &model->present.node[node];

	if (present->seconds != PRESENT || present->ns != 0)
		model_issue(model, (struct effect){
					   .kind = EFFECT_TIME, .node = node, .seconds = PRESENT });
}

static void model_write(struct model *model, int node, uint64_t offset, const uint8_t *bytes,
			size_t count)
{
	uint64_t end = offset + count;

	if (end > NODE_BLOCKS * BLOCK_BYTES)
		too_much("blocks");
	for (uint64_t i = offset / BLOCK_BYTES; i * BLOCK_BYTES < end; i++) {
		const struct blob *before = model->present.node[node].block[i];
		uint64_t first = i * BLOCK_BYTES;
		uint64_t from = offset > first ? offset : first;
		uint64_t to = end < first + BLOCK_BYTES ? end : first + BLOCK_BYTES;
		uint8_t block[BLOCK_BYTES] = { 0 };

		if (before != NULL)
			memcpy(block, before->data, BLOCK_BYTES);
		if (bytes != NULL)
			memcpy(block + (from - first), bytes + (from - offset), to - from);
		else
			memset(block + (from - first), 0, to - from);
		model_issue(model, (struct effect){ .kind = EFFECT_DATA,
						    .node = node,
						    .value = i,
						    .blob = blob_of(block, BLOCK_BYTES) });
	}
	model_touch(model, node);
}

static void model_resize(struct model *model, int node, uint64_t size)
{
	if (model->present.node[node].size == size)
		return;
	model_issue(model, (struct effect){ .kind = EFFECT_SIZE, .node = node, .value = size });
	model_touch(model, node);
}

/* ---- syncs ---- */

static bool has_no_sync(const struct model *model, int node)
{
	mode_t mode = model->present.node[node].mode;

	return !S_ISREG(mode) && !S_ISDIR(mode);
}

static void model_settle(struct model *model, int at)
{
	struct effect *effect = &model->effect[at];

	if (effect->durable)
		return;
	effect->durable = true;
	if (effect->needs >= 0)
		model_settle(model, effect->needs);
	if (effect->kind != EFFECT_LINK && effect->kind != EFFECT_RENAME)
		return;
	for (int i = 0; has_no_sync(model, effect->target) && i < model->effects; i++)
		if (!is_entry(&model->effect[i]) && model->effect[i].node == effect->target)
			model_settle(model, i);
}

static void model_sync(struct model *model, int node, bool content_alone)
{
	for (int i = 0; i < model->effects; i++) {
		const struct effect *effect = &model->effect[i];
		bool is_of = effect->node == node ||
			     (effect->kind == EFFECT_RENAME && effect->to == node);

		if (is_of && (!content_alone || is_content(effect)))
			model_settle(model, i);
	}
}

static void model_sync_all(struct model *model)
{
	for (int i = 0; i < model->effects; i++)
		model_settle(model, i);
}

/* ---- states ---- */

/* CHOSEN says of each effect whether it is on disk. */
static void model_state(const struct model *model, const bool *chosen, int effects,
			struct state *state)
{
	*state = model->old;
	for (int i = 0; i < effects; i++)
		if (chosen[i])
			effect_apply(&model->effect[i], state);
}

static uint64_t state_hash(struct state *state, int at, int *met)
{
	struct node *node = &state->node[at];
	uint64_t hash = mix(11, &node->order, sizeof(node->order));

	if (node->order > 0)
		return hash;
	node->order = ++*met;
	hash = mix(hash, &node->mode, sizeof(node->mode));
	hash = mix(hash, &node->uid, sizeof(node->uid));
	hash = mix(hash, &node->gid, sizeof(node->gid));
	hash = mix(hash, &node->seconds, sizeof(node->seconds));
	hash = mix(hash, &node->ns, sizeof(node->ns));
	hash = mix(hash, &node->size, sizeof(node->size));
	if (node->text != NULL)
		hash = mix(hash, node->text, strlen(node->text));
	for (size_t i = 0; i * BLOCK_BYTES < node->size && i < NODE_BLOCKS; i++) {
		uint64_t block = node->block[i] != NULL ? node->block[i]->hash : 0;

		hash = mix(hash, &block, sizeof(block));
	}
	for (int i = 0; i < node->xattrs; i++) {
		hash = mix(hash, node->xattr[i].name, strlen(node->xattr[i].name) + 1);
		hash = mix(hash, &node->xattr[i].value->hash, sizeof(uint64_t));
	}
	for (int i = 0; i < node->entries; i++) {
		uint64_t below = state_hash(state, node->entry[i].node, met);

		hash = mix(hash, node->entry[i].name, strlen(node->entry[i].name) + 1);
		hash = mix(hash, &below, sizeof(below));
	}
	return hash;
}

static void build_file(const struct node *node, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);

	if (fd < 0)
		die("create %s", path);
	for (uint64_t i = 0; i < NODE_BLOCKS && i * BLOCK_BYTES < node->size; i++) {
		uint64_t left = node->size - i * BLOCK_BYTES;
		size_t bytes = left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES;

		if (node->block[i] != NULL && pwrite(fd, node->block[i]->data, bytes,
						     (off_t)(i * BLOCK_BYTES)) != (ssize_t)bytes)
			die("write %s", path);
	}
	if (ftruncate(fd, (off_t)node->size) != 0)
		die("truncate %s", path);
	close(fd);
}

static void build_attributes(const struct node *node, const char *path)
{
	struct timespec times[2] = { { .tv_sec = PRESENT }, { node->seconds, node->ns } };

	if ((node->uid != geteuid() || node->gid != getegid()) &&
	    lchown(path, node->uid, node->gid) != 0)
		die("chown %s", path);
	for (int i = 0; i < node->xattrs; i++)
		if (lsetxattr(path, node->xattr[i].name, node->xattr[i].value->data,
			      node->xattr[i].value->bytes, 0) != 0)
			die("setxattr %s", path);
	if (!S_ISLNK(node->mode) && chmod(path, node->mode & 07777) != 0)
		die("chmod %s", path);
	if (utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) != 0)
		die("utimensat %s", path);
}

/* Makes what STATE holds below AT as PATH.  FIRST has, for each node, the path under
 * which it was made first. */
static void state_build(struct state *state, int at, const char *path, char **first)
{
	const struct node *node = &state->node[at];

	if (first[at] != NULL) {
		if (link(first[at], path) != 0)
			die("link %s", path);
		return;
	}
	first[at] = must(strdup(path));
	if (S_ISREG(node->mode)) {
		build_file(node, path);
	} else if (S_ISLNK(node->mode)) {
		if (symlink(node->text, path) != 0)
			die("symlink %s", path);
	} else if (!S_ISDIR(node->mode)) {
		if (mknod(path, node->mode, node->rdev) != 0)
			die("mknod %s", path);
	} else if (mkdir(path, 0700) != 0) {
		die("mkdir %s", path);
	}
	for (int i = 0; i < node->entries; i++) {
		char below[PATH_BYTES];

		snprintf(below, sizeof(below), "%s/%s", path, node->entry[i].name);
		state_build(state, node->entry[i].node, below, first);
	}
	build_attributes(node, path);
}

#endif
