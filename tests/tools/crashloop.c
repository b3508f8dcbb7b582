// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * crashloop: builds what a disk may hold at a power cut after every operation of weir,
 * and judges each such state.
 *
 *   crashloop [OPTIONS]
 *     --weir=FILE       the command of a fault build
 *     --work=DIR        where trees are made: a tmpfs (default: /dev/shm)
 *     --model=NAME      weak, ordered, or both (default); see crashmodel.h
 *     --disk=NAME       what the tmpfs is taken for: btrfs (default where weak), ext4
 *                       (default where ordered), xfs, or none, which is never synced
 *     --size=N|full     full: all sequences of one and two actions, each on three
 *                       targets, each run in one of the ways; N: N hundred of these
 *     --cross           each of them in all of the ways
 *     --part=K/N        every N-th of all these, from K on; targets take turns, so
 *                       N is better no multiple of 3
 *     --three=N         N sequences of three actions more
 *     --samples=N       states by chance, where there are too many for all (default: 24)
 *     --most=N          so many states of a workload are judged, by chance (default: 64;
 *                       0: all)
 *     --again=N         one state in N is crashed again in the run that mends it
 *                       (default: 20; 0: none)
 *     --plan=TEXT       a fault plan for the runs that are crashed
 *     --seed=N          (default: 1)
 *     --jobs=N          (default: 2)
 *     --only=WORKLOAD[:STATE]  this one alone: says what it is, and leaves the trees
 *
 * A workload is a source and a target that was once made from it, wholly (synced), in
 * part (half) or not at all (new); then one to three actions on the source; then one
 * run of weir, which is traced and crashed.  Its ways: copy -a; sync with --delete, with
 * --trash, --inplace or --remove-source-files; --durable=group, file and end, half of those
 * with group with --sync=fs.
 *
 * With --durable=end names come before their data is durable, so only cuts after the
 * end are judged.  none promises nothing, so there is nothing to judge.
 *
 * Judged in each state, where S is the source and D the target:
 *   J1   each name of D holds what was there, what is to be there, or nothing if nothing
 *        was there; deletions may be any subset.  In place a file may be mixed, if it
 *        says so.  Where only attributes change, each may be old or new.  Temps have
 *        names of weir's
 *   J2   after the end with status 0: all is new
 *   N07  what is gone from S is in D;  O15  what is gone from D is in the trash
 *   J10  one more run makes all as a clean run, and leaves nothing of weir's own
 *
 * It shares no code with the library.  The last line is "N passed, N failed".
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>

#include "crashmodel.h"
#include "judge.h"
#include "treemake.h"
#include "workers.h"

#define FEW 12	       /* effects of which all subsets are tried */
#define NESTED_MOST 60 /* states of a run after a crash */

enum { MODEL_WEAK = 1, MODEL_ORDERED = 2 };

static struct {
	const char *weir;
	const char *work;
	const char *plan;
	const char *disk;
	const char *only;
	int models;
	bool full, cross;
	uint64_t size, three, samples, most, again, seed, jobs, part, parts;
} want = {
	.work = "/dev/shm",
	.plan = "",
	.models = MODEL_WEAK | MODEL_ORDERED,
	.size = 1,
	.samples = 24,
	.most = 64,
	.again = 20,
	.seed = 1,
	.jobs = 2,
	.parts = 1,
};

/* ---- workloads ---- */

enum { ACTIONS = 11, PLACES = 4, STEPS = ACTIONS * PLACES, TARGETS = 3 };

static const char *const action_names[ACTIONS] = {
	"create", "overwrite", "grow",	  "shrink", "replace-type", "delete",
	"rename", "hard-link", "symlink", "chmod",  "xattr",
};
static const char *const place_names[PLACES] = { "a/x", "a/y", "b/x", "b/y" };
static const char *const target_names[TARGETS] = { "new", "half", "synced" };

struct way {
	const char *name;
	const char *words[6]; /* to NULL; then s and d */
	unsigned traits;
};

static const struct way ways[] = {
	{ "copy", { "copy", "-a", "-T" }, 0 },
	{ "delete", { "sync", "--delete", "--yes-delete-many" }, 0 },
	{ "inplace", { "sync", "--inplace" }, IN_PLACE },
	{ "move", { "sync", "--remove-source-files" }, MOVES },
	{ "trash", { "sync", "--delete", "--yes-delete-many", "--trash=kept" }, KEEPS },
};
static const char *const levels[] = { "group", "file", "end" };

enum { WAYS = 5, LEVELS = 3, VARIANTS = WAYS * LEVELS };
#define PAIRS (STEPS + STEPS * STEPS) /* sequences of one and two */

struct workload {
	uint64_t number;
	int step[3], steps;
	int target;
	const struct way *way;
	int level;
};

/* NUMBER counts sequences, targets, and ways, the last ones fastest. */
static struct workload workload_of(uint64_t number)
{
	struct workload workload = { .number = number };
	uint64_t variant = number % VARIANTS, sequence = number / VARIANTS / TARGETS;

	workload.target = (int)(number / VARIANTS % TARGETS);
	workload.way = &ways[variant % WAYS];
	workload.level = (int)(variant / WAYS);
	if (sequence < STEPS) {
		workload.steps = 1;
		workload.step[0] = (int)sequence;
	} else if (sequence < PAIRS) {
		workload.steps = 2;
		workload.step[0] = (int)((sequence - STEPS) / STEPS);
		workload.step[1] = (int)((sequence - STEPS) % STEPS);
	} else {
		workload.steps = 3;
		for (int i = 0; i < 3; i++)
			workload.step[i] = (int)(chance(&sequence) % STEPS);
	}
	return workload;
}

/* A few files are synced one by one, unless it is asked for. */
static bool has_sync_of_all(const struct workload *workload)
{
	return workload->level == 0 && workload->number / VARIANTS % 2 == 1;
}

static void workload_words(const struct workload *workload, char *text, size_t size)
{
	size_t used = 0;

	for (int i = 0; i < workload->steps; i++)
		used += (size_t)snprintf(text + used, size - used, "%s %s, ",
					 action_names[workload->step[i] / PLACES],
					 place_names[workload->step[i] % PLACES]);
	snprintf(text + used, size - used, "%s target, %s --durable=%s%s",
		 target_names[workload->target], workload->way->name, levels[workload->level],
		 has_sync_of_all(workload) ? " --sync=fs" : "");
}

/* A file where an action needs one. */
static void need_file(const char *path, int action)
{
	struct stat stat;

	if (action == 0)
		return;
	if (lstat(path, &stat) == 0 && S_ISREG(stat.st_mode))
		return;
	remove_all(path);
	file(path, 9000, 50 + (unsigned)action);
}

static void act(int step, int nth)
{
	int action = step / PLACES;
	unsigned seed = 100 + 20 * (unsigned)nth + (unsigned)(step % PLACES);
	char path[64], other[64];

	snprintf(path, sizeof(path), "s/%s", place_names[step % PLACES]);
	snprintf(other, sizeof(other), "s/%c/other%d", path[2] == 'a' ? 'b' : 'a', nth);
	need_file(path, action);
	switch (action) {
	case 0: /* create: a new inode, whatever was there */
		remove_all(path);
		file(path, 5000, seed);
		break;
	case 1: /* overwrite, of the same size */
		file(path, 9000, seed);
		break;
	case 2: /* grow */
		file_part(path, 9000, 5000, seed);
		set_time(path, OLD_TIME + seed);
		break;
	case 3: /* shrink */
		size_of(path, 1000);
		set_time(path, OLD_TIME + seed);
		break;
	case 4: /* replace-type */
		remove_all(path);
		folder(path);
		strcat(path, "/in");
		file(path, 700, seed);
		break;
	case 5: /* delete */
		remove_all(path);
		break;
	case 6: /* rename, into the other folder */
		if (rename(path, other) != 0)
			die("rename %s", path);
		break;
	case 7: /* hard-link */
		name_too(path, other);
		break;
	case 8: /* symlink */
		remove_all(path);
		points_to(path, "../b/kept");
		break;
	case 9: /* chmod */
		if (chmod(path, 0600) != 0)
			die("chmod %s", path);
		break;
	default: /* xattr */
		attribute(path, "user.crash", &seed, sizeof(seed));
		break;
	}
}

static void set_times_of_folders(const char *path, void *context)
{
	struct stat stat;

	if (lstat(path, &stat) != 0)
		die("lstat %s", path);
	if (!S_ISDIR(stat.st_mode))
		return;
	each_in(path, set_times_of_folders, context);
	set_time(path, OLD_TIME);
}

/* What S and D were before: files where an action needs one first. */
static void make_before(const struct workload *workload, const char *top, bool is_half)
{
	char path[64];

	for (const char *name = "ab"; *name != '\0'; name++) {
		if (is_half && *name == 'b')
			continue;
		snprintf(path, sizeof(path), "%s/%c", top, *name);
		folder(path);
		snprintf(path, sizeof(path), "%s/%c/kept", top, *name);
		file(path, 300, is_half ? 7 : (unsigned)*name);
	}
	for (int i = 0; i < workload->steps; i++) {
		int place = workload->step[i] % PLACES;

		if (workload->step[i] / PLACES == 0 || (is_half && place >= 2))
			continue;
		snprintf(path, sizeof(path), "%s/%s", top, place_names[place]);
		if (access(path, F_OK) != 0)
			file(path, 9000, 30 + (unsigned)place);
	}
}

static void make_trees(const struct workload *workload)
{
	static const char *const all[] = { "s", "d", "kept", ".cut" };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		remove_all(all[i]);
	folder("s");
	folder("d");
	folder("kept");
	make_before(workload, "s", false);
	if (workload->target > 0)
		make_before(workload, "d", workload->target == 1);
	for (int i = 0; i < workload->steps; i++)
		act(workload->step[i], i);
	set_times_of_folders("s", NULL);
	set_times_of_folders("d", NULL);
}

/* ---- running ---- */

struct trace {
	char *lines; /* cut into them as they are read */
	uint8_t *data;
};

/* NTH: each run has its own temp names. */
static void be_weir(const struct workload *workload, bool is_crashed, int nth, int said)
{
	char plan[4096], level[32];
	const char *words[16] = { "weir" };
	size_t count = 1;

	for (const char *const *word = workload->way->words; *word != NULL; word++)
		words[count++] = *word;
	snprintf(level, sizeof(level), "--durable=%s", levels[workload->level]);
	words[count++] = "--engine=plain";
	words[count++] = level;
	if (has_sync_of_all(workload))
		words[count++] = "--sync=fs";
	words[count++] = "s";
	words[count++] = "d";
	snprintf(plan, sizeof(plan), "inline seed=%d disk=%s; %s", nth, want.disk,
		 is_crashed ? want.plan : "");
	setenv("WEIR_FAULT", plan, 1);
	if (is_crashed) {
		setenv("WEIR_TRACE", ".trace", 1);
		setenv("WEIR_TRACE_DATA", ".trace-data", 1);
	}
	dup2(open("/dev/null", O_RDWR), STDIN_FILENO);
	dup2(STDIN_FILENO, STDOUT_FILENO);
	dup2(said, STDERR_FILENO);
	execv(want.weir, (char *const *)(uintptr_t)words);
	_exit(126);
}

/* STATUS: what it is to end with, or -1 to be told. */
static bool run(const struct workload *workload, bool is_crashed, int nth, int *status,
		const char *what)
{
	static struct outcome outcome;
	int ends[2];
	pid_t child;

	if (is_crashed) {
		unlink(".trace");
		unlink(".trace-data");
	}
	child = fork_heard(ends);
	if (child == 0)
		be_weir(workload, is_crashed, nth, ends[1]);
	hear(ends, child, &outcome);
	if (outcome.hung)
		return wrong("J7: %s hangs", what);
	if (*status < 0)
		*status = outcome.status;
	return outcome.status == *status ||
	       wrong("%s ends with %d: %.400s", what, outcome.status, outcome.said);
}

static char *read_all(const char *path)
{
	struct stat stat;
	int fd = open(path, O_RDONLY);
	char *bytes;

	if (fd < 0 || fstat(fd, &stat) != 0)
		die("open %s", path);
	bytes = take((size_t)stat.st_size + 1);
	if (read(fd, bytes, (size_t)stat.st_size) != stat.st_size)
		die("read %s", path);
	bytes[stat.st_size] = '\0';
	close(fd);
	return bytes;
}

/* ---- from the trace to effects ---- */

struct line {
	unsigned long serial;
	char kind[24];
	ino_t inode;
	char *name;
	int64_t offset;
	uint64_t length;
	unsigned flags;
	long result;
	bool is_made;
	const uint8_t *data; /* NULL: none */
	size_t data_bytes;
	/* Of a line about an inode. */
	ino_t folder, from, of;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	uint64_t rdev, size;
	int64_t seconds, ns;
	char *text;
};

static char *unescape(const char *escaped)
{
	char *name = take_text(escaped), *out = name;

	for (const char *in = name; *in != '\0'; in++) {
		unsigned byte;

		if (in[0] == '\\' && sscanf(in, "\\x%2X", &byte) == 1) {
			*out++ = (char)byte;
			in += 3;
		} else {
			*out++ = *in;
		}
	}
	*out = '\0';
	return name;
}

static void parse_inode(struct line *line)
{
	unsigned long folder, from, of, rdev, size;
	long seconds, ns;
	int used = 0;
	char *record = take(line->data_bytes + 1);

	memcpy(record, line->data, line->data_bytes);
	record[line->data_bytes] = '\0';
	if (sscanf(record, "%lu %lu %lu %o %u %u %lu %lu %ld %ld%n", &folder, &from, &of,
		   &line->mode, &line->uid, &line->gid, &rdev, &size, &seconds, &ns, &used) != 10)
		die("a record of the trace: %s", record);
	line->folder = folder;
	line->from = from;
	line->of = of;
	line->rdev = rdev;
	line->size = size;
	line->seconds = seconds < PRESENT ? seconds : PRESENT;
	line->ns = seconds < PRESENT ? ns : 0;
	line->text = record + used + 1;
}

static void parse_line(char *text, const uint8_t *data, struct line *line)
{
	char where[64], name[1200], place[64];
	unsigned long inode = 0, at, bytes;
	long offset;
	unsigned long length;

	*line = (struct line){ 0 };
	if (sscanf(text, "%lu %23s %63s %1199s %ld %lu %x %ld %*d %*s %63s", &line->serial,
		   line->kind, where, name, &offset, &length, &line->flags, &line->result,
		   place) != 9)
		die("a line of the trace: %s", text);
	if (strchr(where, ':') != NULL)
		inode = strtoul(strchr(where, ':') + 1, NULL, 10);
	line->inode = inode;
	line->offset = offset;
	line->length = length;
	line->name = unescape(name);
	line->is_made = strcmp(place, "!") != 0;
	if (sscanf(place, "%lu+%lu", &at, &bytes) == 2) {
		line->data = data + at;
		line->data_bytes = bytes;
	}
}

static bool is_kind(const struct line *line, const char *kinds)
{
	size_t bytes = strlen(line->kind);

	for (const char *at = kinds; (at = strstr(at, line->kind)) != NULL; at += bytes)
		if ((at == kinds || at[-1] == ' ') && (at[bytes] == ' ' || at[bytes] == '\0'))
			return true;
	return false;
}

/* The node that a line is about; what is new is added as it was made. */
static int node_met(struct model *model, const struct line *line)
{
	int at = model_node_of(model, line->of);
	struct node *node;

	if (at >= 0)
		return at;
	at = model_add(model, line->of, line->mode);
	node = &model->present.node[at];
	node->uid = line->uid;
	node->gid = line->gid;
	node->rdev = line->rdev;
	if (S_ISLNK(line->mode))
		node->text = line->text;
	model->old.node[at] = *node;
	model->old.count = model->present.count;
	return at;
}

static int folder_of(const struct model *model, ino_t ino, const struct line *line)
{
	int at = model_node_of(model, ino);

	if (at < 0) {
		errno = EINVAL;
		die("operation %lu %s %s is in a folder that nobody knows", line->serial,
		    line->kind, line->name);
	}
	return at;
}

static void replay_entry(struct model *model, struct line *line)
{
	struct effect effect = { .kind = EFFECT_LINK, .name = line->name };
	char *slash = strchr(line->name, '/');

	if (is_kind(line, "create") && (line->flags & O_TMPFILE) == O_TMPFILE) {
		if (line->folder != 0 && model_node_of(model, line->folder) >= 0)
			node_met(model, line);
		return;
	}
	if (model_node_of(model, line->folder) < 0)
		return; /* of no folder of ours: /var/tmp, a memfd, what is remembered */
	effect.node = folder_of(model, line->folder, line);
	if (is_kind(line, "unlink")) {
		effect.kind = EFFECT_UNLINK;
	} else if (is_kind(line, "rename")) {
		effect.kind = EFFECT_RENAME;
		*slash = '\0';
		effect.to = effect.node;
		effect.node = folder_of(model, line->from, line);
		effect.new_name = slash + 1;
		effect.target = entry_node(&model->present, effect.node, effect.name);
		/* Two names of one inode stay both. */
		if (effect.target == entry_node(&model->present, effect.to, effect.new_name))
			return;
		if ((line->flags & 2) != 0) /* RENAME_EXCHANGE */
			effect.other = entry_node(&model->present, effect.to, effect.new_name);
	} else {
		effect.target = node_met(model, line);
		if (entry_node(&model->present, effect.node, effect.name) == effect.target)
			return;
	}
	model_issue(model, effect);
}

static void replay_attributes(struct model *model, const struct line *line, int at)
{
	const struct node *node = &model->present.node[at];

	if (node->uid != line->uid || node->gid != line->gid)
		model_issue(model, (struct effect){ .kind = EFFECT_OWNER,
						    .node = at,
						    .uid = line->uid,
						    .gid = line->gid });
	if (node->mode != line->mode)
		model_issue(model, (struct effect){
					   .kind = EFFECT_MODE, .node = at, .value = line->mode });
	if (is_kind(line, "utimens") && (node->seconds != line->seconds || node->ns != line->ns))
		model_issue(model, (struct effect){ .kind = EFFECT_TIME,
						    .node = at,
						    .seconds = line->seconds,
						    .ns = line->ns });
}

static void replay_xattr(struct model *model, const struct line *line, int at)
{
	const struct blob *before = xattr_of(&model->present.node[at], line->name);
	const struct blob *value = line->data != NULL ? blob_of(line->data, line->data_bytes)
						      : NULL;

	if (before == value || (before != NULL && value != NULL && before->hash == value->hash))
		return;
	model_issue(model,
		    (struct effect){
			    .kind = EFFECT_XATTR, .node = at, .name = line->name, .blob = value });
}

static void replay_size(struct model *model, const struct line *line, int at)
{
	/* Holes are punched, and ranges zeroed, block by block. */
	if (is_kind(line, "fallocate") && (line->flags & 0x12) != 0) {
		uint64_t end = (uint64_t)line->offset + line->length;

		if (end > line->size)
			end = line->size;
		if (end > (uint64_t)line->offset)
			model_write(model, at, (uint64_t)line->offset, NULL,
				    end - (uint64_t)line->offset);
	}
	model_resize(model, at, line->size);
}

/* One operation on the trees; all others are passed over. */
static void replay(struct model *model, struct line *line)
{
	bool is_sync = is_kind(line, "fsync syncfs");
	int at;

	if (line->result < 0 || !line->is_made ||
	    (line->data == NULL && !is_sync && !is_kind(line, "setxattr")))
		return;
	model->serial = line->serial;
	if (is_kind(line, "create mkdir mknod symlink link rename unlink chown chmod utimens "
			  "ftruncate fallocate"))
		parse_inode(line);
	if (is_kind(line, "create mkdir mknod symlink link rename unlink")) {
		replay_entry(model, line);
		return;
	}
	at = model_node_of(model, line->inode);
	if (at < 0)
		return;
	if (is_kind(line, "syncfs")) {
		model_sync_all(model);
	} else if (is_kind(line, "fsync")) {
		model_sync(model, at, line->flags == 1);
	} else if (is_kind(line, "write copy_range")) {
		uint64_t end = (uint64_t)line->offset + (uint64_t)line->result;

		model_write(model, at, (uint64_t)line->offset, line->data, line->data_bytes);
		if (end > model->present.node[at].size)
			model_resize(model, at, end);
	} else if (is_kind(line, "setxattr")) {
		replay_xattr(model, line, at);
	} else if (is_kind(line, "chown chmod utimens")) {
		replay_attributes(model, line, at);
	} else if (is_kind(line, "ftruncate fallocate")) {
		replay_size(model, line, at);
	}
}

/* ---- one state ---- */

struct reference {
	int status; /* of a clean run: 0, or 23 if a folder is to replace a file, say */
	struct image old_target, new_target;
	struct image source, source_after;
};

/* A state that can be: the effects that are on disk. */
struct found {
	unsigned long serial; /* of the operation after which it is cut */
	bool at_end;
	int effects;
	bool *chosen;
};

/* What is the same for all states of a workload. */
struct exploring {
	const struct workload *workload;
	const struct reference *reference;
	int model;	/* weak or ordered */
	int depth;	/* 0: of the first run */
	uint64_t state; /* of chance */
	uint64_t *seen; /* hashes of the states so far */
	size_t seen_count, seen_room;
	uint64_t only; /* the number of the one state that is wanted, or UINT64_MAX */
	struct found *found;
	size_t found_count, found_room;
	uint64_t distinct, judged, passed, failed;
	struct state working; /* the state that is being made */
	bool chosen[EFFECTS_MAX];
};

static bool is_one_of(const char *differs, const char *words)
{
	return differs != NULL && strstr(words, differs) != NULL;
}

/* Content is new, or was never to change; attributes are of the one or the other, and
 * their order is free. */
static bool is_between(const struct image_entry *entry, const struct image_entry *old,
		       const struct image_entry *new)
{
	if (old == NULL || new == NULL || !S_ISREG(entry->stat.st_mode) ||
	    !S_ISREG(old->stat.st_mode) || !S_ISREG(new->stat.st_mode))
		return false;
	if (old->content != new->content || entry->content != new->content)
		return false;
	return (entry->stat.st_mode == old->stat.st_mode ||
		entry->stat.st_mode == new->stat.st_mode) &&
	       (entry->attributes == old->attributes || entry->attributes == new->attributes) &&
	       (entry->stat.st_mtim.tv_sec == old->stat.st_mtim.tv_sec ||
		entry->stat.st_mtim.tv_sec == new->stat.st_mtim.tv_sec);
}

/* A temp, or what is in a folder that is one. */
static bool is_in_temp(const char *path)
{
	const char *temp = strstr(path, "/.weir.");
	char *name;
	bool good;

	if (temp == NULL)
		return false;
	name = must(strndup(temp, 1 + strcspn(temp + 1, "/")));
	good = is_temp(name);
	free(name);
	return good;
}

static bool judge_name(unsigned traits, const struct reference *reference,
		       const struct image_entry *entry)
{
	const struct image_entry *old = tree_find(&reference->old_target, entry->path);
	const struct image_entry *new = tree_find(&reference->new_target, entry->path);
	const char *from_old = old != NULL ? entry_differs(entry, old, false) : "absent";
	const char *from_new = new != NULL ? entry_differs(entry, new, false) : "absent";

	if (from_old == NULL || from_new == NULL || is_between(entry, old, new))
		return true;
	/* In place: mixed if it says so; else all bytes, and attributes of any time. */
	if ((traits & IN_PLACE) != 0 && S_ISREG(entry->stat.st_mode) &&
	    (entry->marked || is_one_of(from_new, "mode owner xattrs mtime")))
		return true;
	if (old == NULL && new == NULL && is_in_temp(entry->path))
		return true;
	return wrong("J1: '%s' differs from old (%s) and from new (%s)", entry->path, from_old,
		     from_new);
}

static bool judge_names(unsigned traits, const struct reference *reference,
			const struct image *target)
{
	for (size_t i = 0; i < target->count; i++)
		if (!judge_name(traits, reference, &target->entries[i]))
			return false;
	for (size_t i = 0; i < reference->old_target.count; i++) {
		const struct image_entry *old = &reference->old_target.entries[i];
		const struct image_entry *new = tree_find(&reference->new_target, old->path);

		if (tree_find(target, old->path) != NULL || new == NULL)
			continue;
		return wrong("J1: '%s' is gone", old->path);
	}
	return true;
}

static bool judge_source(const struct reference *reference, const struct image *target)
{
	struct image now;
	bool good = true;

	tree_read(&now, "s");
	for (size_t i = 0; i < reference->source.count && good; i++) {
		const char *path = reference->source.entries[i].path;
		const struct image_entry *new = tree_find(&reference->new_target, path);
		const struct image_entry *there = tree_find(target, path);

		if (tree_find(&now, path) != NULL)
			continue;
		if (there == NULL || new == NULL || entry_differs(there, new, false) != NULL)
			good = wrong("N07: '%s' is gone from the source and not in the target",
				     path);
	}
	tree_free(&now);
	return good;
}

/* What is on disk now, before anything is run again. */
static bool judge_state(const struct exploring *exploring, bool at_end)
{
	const struct reference *reference = exploring->reference;
	unsigned traits = exploring->workload->way->traits;
	struct image target;
	bool good;

	tree_read(&target, "d");
	good = judge_names(traits, reference, &target) &&
	       (!at_end || reference->status != 0 ||
		same_trees("J2", &target, &reference->new_target,
			   exploring->depth > 0 ? traits & MOVES : 0, NULL)) &&
	       ((traits & MOVES) == 0 || judge_source(reference, &target)) &&
	       ((traits & KEEPS) == 0 ||
		judge_kept(&reference->old_target, &reference->new_target, &target));
	tree_free(&target);
	return good;
}

/* After one more run. */
static bool judge_again(const struct exploring *exploring)
{
	const struct reference *reference = exploring->reference;
	unsigned traits = exploring->workload->way->traits;
	struct image target, source;
	bool good;

	tree_read(&target, "d");
	tree_read(&source, "s");
	good = same_trees("J10", &target, &reference->new_target, traits & MOVES, NULL) &&
	       same_trees("J10 (source)", &source, &reference->source_after, MOVES, NULL) &&
	       ((traits & KEEPS) == 0 ||
		judge_kept(&reference->old_target, &reference->new_target, &target));
	tree_free(&target);
	tree_free(&source);
	return good;
}

/* S is made anew only where a run changes it. */
static void build(const struct exploring *exploring, struct state *state)
{
	static const char *const tops[] = { "d", "kept", "s" };
	unsigned traits = exploring->workload->way->traits;
	char *first[STATE_NODES] = { 0 };

	for (size_t i = 0; i < 3; i++) {
		int at = entry_node(state, 0, tops[i]);

		if (i == 2 && (traits & MOVES) == 0)
			continue;
		remove_all(tops[i]);
		if (at >= 0)
			state_build(state, at, tops[i], first);
	}
	for (int i = 0; i < STATE_NODES; i++)
		free(first[i]);
}

/* ---- the states of one run ---- */

static void explore(struct exploring *exploring);

static bool is_new(struct exploring *exploring, uint64_t hash)
{
	size_t at;

	if (exploring->seen_count * 2 >= exploring->seen_room) {
		uint64_t *before = exploring->seen;
		size_t room = exploring->seen_room;

		exploring->seen_room = room * 2 + 4096;
		exploring->seen = must(calloc(exploring->seen_room, sizeof(uint64_t)));
		exploring->seen_count = 0;
		for (size_t i = 0; i < room; i++)
			if (before[i] != 0)
				is_new(exploring, before[i]);
		free(before);
	}
	hash |= hash == 0;
	at = hash % exploring->seen_room;
	while (exploring->seen[at] != 0) {
		if (exploring->seen[at] == hash)
			return false;
		at = (at + 1) % exploring->seen_room;
	}
	exploring->seen[at] = hash;
	exploring->seen_count++;
	return true;
}

static void tell_effects(const struct model *model, const struct found *found)
{
	static const char *const kinds[] = { "data",  "size", "mode",	"owner", "time",
					     "xattr", "link", "unlink", "rename" };

	for (int i = 0; i < found->effects; i++) {
		const struct effect *effect = &model->effect[i];

		printf("  %s operation %lu: %s of inode %d %s%s%s %lld\n",
		       found->chosen[i] ? "on disk" : "LOST   ", effect->serial,
		       kinds[effect->kind], effect->node, effect->name != NULL ? effect->name : "",
		       effect->new_name != NULL ? " -> " : "",
		       effect->new_name != NULL ? effect->new_name : "",
		       (long long)(effect->kind == EFFECT_TIME ? effect->seconds
							       : (long long)effect->value));
	}
}

static void tell(const struct exploring *exploring, const struct model *model, uint64_t number)
{
	char words[512];

	workload_words(exploring->workload, words, sizeof(words));
	printf("FAILED --model=%s --only=%llu:%llu [%s] cut %s operation %lu%s: %s\n",
	       exploring->model == MODEL_WEAK ? "weak" : "ordered",
	       (unsigned long long)exploring->workload->number, (unsigned long long)number, words,
	       "after", model->serial, exploring->depth > 0 ? " of the run after a crash" : "",
	       verdict);
	fflush(stdout);
}

/* Runs weir on what is there, once more, and explores that run, too, if it is its turn. */
static bool mend(struct exploring *exploring)
{
	uint64_t failed = exploring->failed;
	int status = exploring->reference->status;

	if (exploring->depth == 0 && exploring->workload->level != 2 && want.again > 0 &&
	    chance(&exploring->state) % want.again == 0) {
		struct exploring *nested = must(malloc(sizeof(*nested)));

		*nested = *exploring;
		nested->depth = 1;
		nested->found = NULL;
		nested->found_count = nested->found_room = 0;
		nested->distinct = nested->judged = nested->passed = nested->failed = 0;
		explore(nested);
		exploring->distinct += nested->distinct;
		exploring->judged += nested->judged;
		exploring->passed += nested->passed;
		exploring->failed += nested->failed;
		exploring->state = nested->state;
		exploring->seen = nested->seen;
		exploring->seen_count = nested->seen_count;
		exploring->seen_room = nested->seen_room;
		free(nested);
		return exploring->failed == failed || wrong("see the line above");
	}
	return run(exploring->workload, false, exploring->depth + 2, &status,
		   "J10: the next run") &&
	       judge_again(exploring);
}

/* The state of the chosen effects, if it is a new one. */
static void consider(struct exploring *exploring, const struct model *model, bool at_end)
{
	struct found *found;
	uint64_t hash;
	int met = 0;

	model_state(model, exploring->chosen, model->effects, &exploring->working);
	hash = state_hash(&exploring->working, 0, &met) + at_end + 2 * (uint64_t)exploring->depth;
	if (!is_new(exploring, hash))
		return;
	if (exploring->found_count == exploring->found_room) {
		exploring->found_room = exploring->found_room * 2 + 256;
		exploring->found =
			must(realloc(exploring->found, exploring->found_room * sizeof(*found)));
	}
	found = &exploring->found[exploring->found_count++];
	*found = (struct found){ model->serial, at_end, model->effects,
				 take((size_t)model->effects + 1) };
	memcpy(found->chosen, exploring->chosen, (size_t)model->effects);
}

/* An effect cannot be there without what it needs; the inode of a link or a node, as it
 * was by then, goes with its name. */
static bool respects_needs(struct exploring *exploring, const struct model *model)
{
	for (int i = 0; i < model->effects; i++) {
		const struct effect *effect = &model->effect[i];
		bool names = effect->kind == EFFECT_LINK || effect->kind == EFFECT_RENAME;

		if (!exploring->chosen[i])
			continue;
		if (effect->needs >= 0 && !exploring->chosen[effect->needs])
			return false;
		for (int k = 0; names && has_no_sync(model, effect->target) && k < i; k++)
			if (!is_entry(&model->effect[k]) && model->effect[k].node == effect->target)
				exploring->chosen[k] = true;
	}
	return true;
}

/* CHOSEN: what is durable; LOOSE: the other effects that can be seen. */
static int begin_choice(struct exploring *exploring, const struct model *model, int *loose)
{
	int count = 0;

	for (int i = 0; i < model->effects; i++) {
		const struct effect *effect = &model->effect[i];

		exploring->chosen[i] = effect->durable;
		if (!effect->durable && model->named[effect->node])
			loose[count++] = i;
	}
	return count;
}

/* Every subset of the loose effects, if they are few; else those that lack one, those
 * that have one, and some by chance. */
static void choose_each(struct exploring *exploring, const struct model *model, const int *loose,
			int count, bool at_end)
{
	uint64_t masks = 1ULL << count;
	uint64_t tries = count <= FEW ? masks : 2 + 2 * (uint64_t)count + want.samples;

	for (uint64_t i = 0; i < tries; i++) {
		uint64_t part = chance(&exploring->state);
		uint64_t of_eight = count <= FEW ? 0 : 1 + part % 7;

		for (int k = 0; k < count; k++) {
			bool on = i >> k & 1;

			if (count > FEW) {
				uint64_t one = (i - 2) / 2;

				if (i < 2)
					on = i == 1;
				else if (i < 2 + 2 * (uint64_t)count)
					on = (one == (uint64_t)k) == (i % 2 == 0);
				else
					on = chance(&exploring->state) % 8 < of_eight;
			}
			exploring->chosen[loose[k]] = on;
		}
		if (respects_needs(exploring, model))
			consider(exploring, model, at_end);
	}
}

static void choose_weak(struct exploring *exploring, const struct model *model, bool at_end)
{
	static int loose[EFFECTS_MAX];
	int count = begin_choice(exploring, model, loose);

	choose_each(exploring, model, loose, count, at_end);
}

/* Data of what gets a name by one of the effects up to LAST goes before it. */
static bool is_forced(const struct model *model, int data, int last)
{
	for (int i = data + 1; i <= last; i++)
		if ((model->effect[i].kind == EFFECT_RENAME ||
		     model->effect[i].kind == EFFECT_LINK) &&
		    model->effect[i].target == model->effect[data].node)
			return true;
	/* Nor does a size that grows come before its data. */
	for (int i = data + 1; i <= last; i++)
		if (model->effect[i].kind == EFFECT_SIZE &&
		    model->effect[i].node == model->effect[data].node)
			return true;
	return false;
}

/* Names, attributes and sizes up to one, and data in any way that goes with them. */
static void choose_ordered(struct exploring *exploring, const struct model *model, bool at_end)
{
	static int loose[EFFECTS_MAX];
	int first = -1;

	for (int i = 0; i < model->effects; i++)
		if (model->effect[i].durable && model->effect[i].kind != EFFECT_DATA)
			first = i;
	for (int last = first; last < model->effects; last++) {
		int count = 0;

		if (last > first && model->effect[last].kind == EFFECT_DATA &&
		    last + 1 < model->effects)
			continue;
		for (int i = 0; i < model->effects; i++) {
			const struct effect *effect = &model->effect[i];
			bool is_data = effect->kind == EFFECT_DATA;

			exploring->chosen[i] = effect->durable || (!is_data && i <= last) ||
					       (is_data && is_forced(model, i, last));
			if (is_data && !exploring->chosen[i] && model->named[effect->node])
				loose[count++] = i;
		}
		choose_each(exploring, model, loose, count, at_end);
	}
}

static void choose(struct exploring *exploring, const struct model *model, bool at_end)
{
	if (exploring->model == MODEL_WEAK)
		choose_weak(exploring, model, at_end);
	else
		choose_ordered(exploring, model, at_end);
}

static void judge_found(struct exploring *exploring, struct model *model, uint64_t number)
{
	const struct found *found = &exploring->found[number];

	model->serial = found->serial;
	model_state(model, found->chosen, found->effects, &exploring->working);
	build(exploring, &exploring->working);
	if (exploring->only == number && exploring->depth == 0) {
		remove_all(".cut");
		if (system("cp -a d .cut") != 0) /* to be looked at */
			die("cp");
		tell_effects(model, found);
	}
	exploring->judged++;
	if (judge_state(exploring, found->at_end) && mend(exploring)) {
		exploring->passed++;
		return;
	}
	exploring->failed++;
	tell(exploring, model, number);
}

/* All that were found, or so many of them by chance; those after the end in any case. */
static void judge_all(struct exploring *exploring, struct model *model)
{
	uint64_t most = exploring->depth > 0 ? NESTED_MOST : want.most;
	uint64_t count = exploring->found_count;

	exploring->distinct += count;
	for (uint64_t i = 0; i < count; i++) {
		bool wanted = most == 0 || count <= most || exploring->found[i].at_end ||
			      chance(&exploring->state) % count < most;

		if (exploring->depth == 0 && exploring->only != UINT64_MAX)
			wanted = i == exploring->only;
		if (wanted)
			judge_found(exploring, model, i);
	}
	free(exploring->found);
	exploring->found = NULL;
}

/* Runs weir on the trees that are there, and cuts it after each operation that changes
 * something, and after the end. */
static void explore(struct exploring *exploring)
{
	struct model *model = must(calloc(1, sizeof(*model)));
	int status = exploring->reference->status;
	struct trace trace;
	char *next;

	model_read(model, ".");
	model->old = model->present;
	if (!run(exploring->workload, true, exploring->depth + 1, &status, "the run")) {
		exploring->failed++;
		tell(exploring, model, 0);
		free(model);
		return;
	}
	trace.lines = read_all(".trace");
	trace.data = (uint8_t *)read_all(".trace-data");
	for (char *at = trace.lines; *at != '\0'; at = next) {
		struct line line;
		int before = model->effects;

		next = at + strcspn(at, "\n");
		*next++ = '\0';
		parse_line(at, trace.data, &line);
		replay(model, &line);
		if (model->effects > before && exploring->workload->level != 2)
			choose(exploring, model, false);
	}
	choose(exploring, model, true);
	judge_all(exploring, model);
	free(model);
}

/* ---- the loops ---- */

static void take_reference(const struct workload *workload, struct reference *reference)
{
	char words[512];

	reference->status = -1;
	make_trees(workload);
	tree_read(&reference->old_target, "d");
	tree_read(&reference->source, "s");
	workload_words(workload, words, sizeof(words));
	if (!run(workload, false, 1, &reference->status, "a clean run") ||
	    (reference->status != 0 && reference->status != 23)) {
		printf("FAILED %llu [%s]: %s\n", (unsigned long long)workload->number, words,
		       verdict);
		exit(1);
	}
	tree_read(&reference->new_target, "d");
	tree_read(&reference->source_after, "s");
	make_trees(workload);
}

static void try_workload(uint64_t number, int model, uint64_t only, struct counts *counts)
{
	struct exploring *exploring = must(calloc(1, sizeof(*exploring)));
	struct workload workload = workload_of(number);
	struct reference reference;

	take_reference(&workload, &reference);
	exploring->workload = &workload;
	exploring->reference = &reference;
	exploring->model = model;
	exploring->state = want.seed * 1000003 + number;
	exploring->only = only;
	explore(exploring);
	counts->workloads++;
	counts->distinct += exploring->distinct;
	counts->judged += exploring->judged;
	counts->passed += exploring->passed;
	counts->failed += exploring->failed;
	tree_free(&reference.old_target);
	tree_free(&reference.new_target);
	tree_free(&reference.source);
	tree_free(&reference.source_after);
	free(exploring->seen);
	free(exploring);
	forget_all();
}

/* The number of the N-th workload: each sequence on each target in one of the ways, or
 * in all. */
static uint64_t workload_at(uint64_t n)
{
	return want.cross ? n : n * VARIANTS + (n / TARGETS * 7 + n % TARGETS * 4) % VARIANTS;
}

static void be_worker(const void *what, unsigned worker, struct counts *counts)
{
	int model = *(const int *)what;
	uint64_t each = (want.cross ? VARIANTS : 1) * TARGETS;
	uint64_t all = (PAIRS + want.three) * each, pairs = PAIRS * each;
	uint64_t wanted = want.full ? pairs : want.size * 100;

	if (wanted > pairs)
		wanted = pairs;
	for (uint64_t i = want.part; i < wanted + all - pairs; i += want.parts)
		if (i / want.parts % want.jobs == worker)
			try_workload(
				workload_at(i < wanted ? i * pairs / wanted : i - wanted + pairs),
				model, UINT64_MAX, counts);
}

/* ---- options ---- */

/* f_type of what a tmpfs is taken for. */
static const char *disk_number(const char *name)
{
	static const struct {
		const char *name, *number;
	} disks[] = {
		{ "btrfs", "2435016766" },
		{ "ext4", "61267" },
		{ "xfs", "1481003842" },
		{ "none", "0" },
	};

	for (size_t i = 0; i < sizeof(disks) / sizeof(disks[0]); i++)
		if (strcmp(disks[i].name, name) == 0)
			return disks[i].number;
	errno = EINVAL;
	die("--disk=%s", name);
}

static int model_named(const char *name)
{
	if (strcmp(name, "weak") == 0)
		return MODEL_WEAK;
	if (strcmp(name, "ordered") == 0)
		return MODEL_ORDERED;
	if (strcmp(name, "both") == 0)
		return MODEL_WEAK | MODEL_ORDERED;
	errno = EINVAL;
	die("--model=%s", name);
}

static bool set_number(int letter, const char *text)
{
	uint64_t *const places[] = { &want.three, &want.samples, &want.most,
				     &want.again, &want.seed,	 &want.jobs };
	const char letters[] = "3slarj";
	const char *at = strchr(letters, letter);

	if (at == NULL)
		return false;
	*places[at - letters] = number(text);
	return true;
}

static void set_option(int letter)
{
	switch (letter) {
	case 'w':
		want.weir = optarg;
		break;
	case 'd':
		want.work = optarg;
		break;
	case 'm':
		want.models = model_named(optarg);
		break;
	case 'k':
		want.disk = disk_number(optarg);
		break;
	case 'z':
		want.full = strcmp(optarg, "full") == 0;
		want.size = want.full ? 0 : number(optarg);
		break;
	case 'x':
		want.cross = true;
		break;
	case 'n':
		if (sscanf(optarg, "%lu/%lu", &want.part, &want.parts) != 2 || want.parts == 0 ||
		    want.part >= want.parts) {
			errno = EINVAL;
			die("--part=%s", optarg);
		}
		break;
	case 'p':
		want.plan = optarg;
		break;
	case 'o':
		want.only = optarg;
		break;
	default:
		if (!set_number(letter, optarg))
			exit(2);
	}
}

static void read_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "weir", required_argument, NULL, 'w' },
		{ "work", required_argument, NULL, 'd' },
		{ "model", required_argument, NULL, 'm' },
		{ "disk", required_argument, NULL, 'k' },
		{ "size", required_argument, NULL, 'z' },
		{ "cross", no_argument, NULL, 'x' },
		{ "three", required_argument, NULL, '3' },
		{ "samples", required_argument, NULL, 's' },
		{ "most", required_argument, NULL, 'l' },
		{ "again", required_argument, NULL, 'a' },
		{ "part", required_argument, NULL, 'n' },
		{ "plan", required_argument, NULL, 'p' },
		{ "seed", required_argument, NULL, 'r' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "only", required_argument, NULL, 'o' },
		{ NULL, 0, NULL, 0 },
	};
	int letter;

	while ((letter = getopt_long(argc, argv, "", options, NULL)) != -1)
		set_option(letter);
	errno = EINVAL;
	if (want.weir == NULL || want.jobs == 0 || optind < argc || (!want.full && want.size == 0))
		die("what is to be run");
}

static int try_one(const char *work)
{
	const char *colon = strchr(want.only, ':');
	char *workload = must(strndup(want.only, strcspn(want.only, ":")));
	uint64_t only = colon != NULL ? number(colon + 1) : UINT64_MAX;
	struct workload one = workload_of(number(workload));
	struct counts counts = { 0 };
	char words[512];

	enter_folder(0);
	workload_words(&one, words, sizeof(words));
	printf("%s/w0: %s\n", work, words);
	try_workload(one.number, want.models & MODEL_WEAK ? MODEL_WEAK : MODEL_ORDERED, only,
		     &counts);
	printf("%llu states; the target is in .cut as it was cut, and in d as it was mended\n",
	       (unsigned long long)counts.distinct);
	printf("%llu passed, %llu failed\n", (unsigned long long)counts.passed,
	       (unsigned long long)counts.failed);
	return counts.failed == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "weak", "ordered" };
	struct counts all = { 0 };
	const char *work;
	bool has_disk;

	read_options(argc, argv);
	has_disk = want.disk != NULL;
	want.weir = command_at(want.weir);
	work = enter_work(want.work, "crashloop");
	for (int i = 0; i < 2; i++) {
		struct counts counts;
		int model;

		if ((want.models >> i & 1) == 0)
			continue;
		if (!has_disk)
			want.disk = disk_number(i == 0 ? "btrfs" : "ext4");
		if (want.only != NULL)
			return try_one(work);
		model = 1 << i;
		counts = share((unsigned)want.jobs, be_worker, &model);
		printf("%s: %llu workloads, %llu distinct states, %llu of them judged, "
		       "%llu passed, %llu failed\n",
		       names[i], (unsigned long long)counts.workloads,
		       (unsigned long long)counts.distinct, (unsigned long long)counts.judged,
		       (unsigned long long)counts.passed, (unsigned long long)counts.failed);
		counts_add(&all, &counts);
	}
	leave_work(work);
	return counts_end(&all);
}
