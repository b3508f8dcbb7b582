/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The engine itself: a small source, a small older target, a copy or a sync of these with
 * any options and budgets, operations that fail as a plan says, completions in any order,
 * and a cancel at any operation.  Whatever happens:
 *
 *   J1  each name of the target is as before, as it is to be, or not there if it was not
 *   J2  a run that says that all is well has left all as it is to be
 *   J3  nothing beside the two has changed
 *   J4  the source has not; what is moved is gone only if the target has it
 *   J8  nothing of weir's own is left, unless what failed may be in the way
 *   J9  the result fits what was told and what failed
 *   J10 one more run, without faults, makes all as it is to be; and one more of a sync has
 *       nothing to do, and changes nothing
 *
 * and no descriptor is left open.  What is to be is told by the trees alone.
 *
 * Faults and cancels need a build that has them; in others the trees, the options and the
 * order of completions are left of an input.  There all is done by one thread, so that each
 * run of an input is the same, unless WEIR_FUZZ_INSIDE is "threads", or "ring", which is
 * slow: the kernel takes its time to let go of one.
 *
 * Input: what is done, 8 bytes (take_how()); the order of completions, 8 bytes; up to
 * three faults and a cancel, 19 bytes (take_plan()); then three bytes for each name: what
 * the source has there, how the target differs, details.
 *
 * Wraps: io_plain_open budget_settle_inline budget_settle record_open record_write nanosleep
 * Fuzz: -max_len=96 -entropic=0
 * Replayed: also by the fault build
 */
/* What matters is what the engine comes to, not what judges it. */
#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("coverage"))), apply_to = function)
#endif

#include <errno.h>
#include <poll.h>
#include <signal.h>

#include "weir.h"

#include "lib/budget.h"
#include "lib/io_plain.h"
#include "lib/record.h"

#include "fuzz.h"
#include "tests/tools/judge.h"
#include "tests/tools/results.h"
#include "tests/tools/treemake.h"

#define SCHEDULE_BYTES 8
#define FAULTS_MOST 3
#define NAMES_MOST 14
#define DISK_EXT4 61267 /* what a tmpfs is taken for, so that it is synced */

/* ---- what an input says ---- */

enum inside { INSIDE_ONE, INSIDE_THREADS, INSIDE_RING };

/* What is done, and with what. */
struct how {
	bool copies;
	enum inside inside;
	uint8_t durable, sync, direct, sparse, compare, remove, backup;
	bool in_place, trash, renames, moves, earlier, dry, reports, fresh, preallocates, idles;
	uint8_t jobs, depth, parked, folders, chunks;
	bool in_turn; /* completions are not put off */
	uint8_t schedule[SCHEDULE_BYTES];
	uint8_t cancel; /* enum weir_cancel, or 0 */
	char plan[1024];
	/* of the plan: */
	bool full, lies, leaves, any;
	bool parted; /* some names of a file may have been moved, and others not */
};

static struct how how;
static enum inside inside;

static void add_words(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void add_words(const char *format, ...)
{
	size_t used = strlen(how.plan);
	va_list args;

	va_start(args, format);
	vsnprintf(how.plan + used, sizeof(how.plan) - used, format, args);
	va_end(args);
}

/* What excludes each other is settled, the first one counts. */
static void settle_how(void)
{
	if (how.copies) {
		how.remove = WEIR_DELETE_OFF;
		how.renames = how.moves = how.earlier = false;
	} else {
		how.fresh = false;
	}
	if (how.in_place) {
		how.backup = WEIR_BACKUP_NONE;
		how.earlier = false;
	}
	how.trash = how.trash && how.remove != WEIR_DELETE_OFF;
	how.renames = how.renames && how.remove == WEIR_DELETE_LAST;
	how.moves = how.moves && how.remove == WEIR_DELETE_OFF && how.durable != WEIR_DURABLE_NONE;
	how.preallocates = how.preallocates && how.durable >= WEIR_DURABLE_GROUP &&
			   how.sparse != WEIR_SPARSE_ALWAYS;
}

static void take_how(struct fuzz_input *input)
{
	static const uint8_t compares[] = { WEIR_COMPARE_TIMES, WEIR_COMPARE_TIMES,
					    WEIR_COMPARE_CONTENT, WEIR_COMPARE_NEVER };
	uint8_t byte = fuzz_byte(input);

	memset(&how, 0, sizeof(how));
	how.copies = byte % 4 == 0;
	how.inside = inside;
	how.in_turn = byte >= 192;
	byte = fuzz_byte(input);
	how.durable = byte % 4;
	how.sync = byte / 4 % 4 % 3;
	how.direct = byte / 16 % 4 % 3;
	how.sparse = byte / 64 % 4 % 3;
	byte = fuzz_byte(input);
	how.compare = compares[byte % 4];
	how.remove = byte / 4 % 4 % 3;
	how.backup = byte / 16 % 8 < 4 ? byte / 16 % 4 : 0;
	how.preallocates = byte >= 128;
	byte = fuzz_byte(input);
	how.in_place = byte % 2;
	how.trash = byte / 2 % 2;
	how.renames = byte / 4 % 2;
	how.moves = byte / 8 % 2;
	how.earlier = byte / 16 % 2;
	how.dry = byte / 32 % 8 == 7;
	how.reports = byte / 32 % 2;
	how.fresh = byte / 64 % 2;
	byte = fuzz_byte(input);
	how.jobs = 1 + byte % 4;
	how.depth = 1 + byte / 4 % 4;
	how.parked = 1 + byte / 16 % 4;
	how.folders = 2 + byte / 64 % 4;
	byte = fuzz_byte(input);
	how.chunks = byte % 4;
	how.idles = byte / 4 % 4 == 0;
	fuzz_number(input, 2);
	for (size_t i = 0; i < SCHEDULE_BYTES; i++)
		how.schedule[i] = fuzz_byte(input);
	settle_how();
}

/* The result of a rule: the one of that number, of those that its kind can have. */
static void add_result(const struct kind_results *kind, uint8_t number, bool *part, bool *once)
{
	const char *results = kind->results;
	char result[32] = "";
	unsigned count = 0;
	int used;

	for (const char *at = results; sscanf(at, "%31s%n", result, &used) == 1; at += used)
		count++;
	for (number = (uint8_t)(number % count); number > 0; number--)
		results += strcspn(results, " ") + 1;
	sscanf(results, "%31s", result);
	*part = result_is_part(result);
	*once = strcmp(result, "1") == 0 || strcmp(kind->kind, "ring_enter") == 0;
	how.full = how.full || result_is_full(result);
	how.lies = how.lies || result_is_lie(result);
	add_words(" %s%s%s", *part ? "short=" : "ret=", result[0] == 'E' ? "-" : "", result);
}

/* What stands in the way of taking back what was begun. */
static bool hinders(const char *kind)
{
	static const char *const all[] = { "unlink", "rename", "open", "statx", "dup", "flock" };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(kind, all[i]) == 0)
			return true;
	return false;
}

static void add_fault(uint8_t what, uint8_t result, uint8_t nth, uint8_t where, uint8_t ways)
{
	static const char *const places[] = {
		"",	     " path=*/d/*", " path=*/s/*", " path=*/a",
		" path=*/b", " path=*/p/*", " path=*/d/p", " path=*/d"
	};
	const struct kind_results *kind = &kinds[what % (sizeof(kinds) / sizeof(kinds[0]))];
	bool part, once;

	add_words("; op=%s%s", kind->kind, places[where % 8]);
	add_result(kind, result, &part, &once);
	how.leaves = how.leaves || hinders(kind->kind);
	how.any = true;
	if (ways % 8 == 7)
		add_words(" p=1/%u", 2 + nth % 7);
	else
		add_words(" nth=%u%s", 1 + nth % 64, ways % 2 != 0 && !once ? " sticky" : "");
	if (where / 8 % 8 == 7 && !part) { /* what was made is nobody's */
		add_words(" when=after");
		how.leaves = true;
	}
}

static void take_plan(struct fuzz_input *input)
{
	unsigned count = fuzz_byte(input) % 8;
	uint8_t cancel = fuzz_byte(input), nth = fuzz_byte(input), late = fuzz_byte(input);
	uint8_t bytes[FAULTS_MOST][5];

	for (size_t i = 0; i < FAULTS_MOST; i++)
		for (size_t j = 0; j < 5; j++)
			bytes[i][j] = fuzz_byte(input);
	add_words("seed=1");
	if (how.inside == INSIDE_ONE)
		add_words("; inline");
	if (late % 4 != 3)
		add_words("; disk=%u", DISK_EXT4);
	count = count < 3 ? 1 : count < 5 ? 2 : count < 6 ? 3 : 0;
	for (size_t i = 0; i < count; i++)
		add_fault(bytes[i][0], bytes[i][1], bytes[i][2], bytes[i][3], bytes[i][4]);
	if (late >= 192)
		add_words("; op=read,write,open do=late nth=%u sticky", 1 + late / 4 % 8);
	how.cancel = cancel % 8 == 1 ? WEIR_CANCEL_FINISH : cancel % 8 == 2 ? WEIR_CANCEL_NOW : 0;
	if (how.cancel != 0)
		add_words("; nth=%u do=term", 1 + nth + 256U * (cancel / 8 % 2));
	if (how.cancel != 0 && cancel >= 128)
		add_words("; nth=%u do=term", 2 + nth + 256U * (cancel / 8 % 2));
}

/* ---- the order of completions ---- */

/* Operations are done when they complete, in an order that the input gives. */
struct schedule {
	struct io_op *flights[LIMIT_OPS];
	uint32_t count;
	unsigned at;
};

void __real_io_plain_open(struct io *io);
void __wrap_io_plain_open(struct io *io);

static uint8_t schedule_next(struct schedule *schedule)
{
	unsigned at = schedule->at++;

	return (uint8_t)(how.schedule[at % SCHEDULE_BYTES] + at / SCHEDULE_BYTES);
}

static enum io_answer schedule_issue(struct io *io, struct io_op *op)
{
	struct schedule *schedule = io->backend_state;

	if (schedule_next(schedule) % 4 == 0) {
		io_finish(io, op, io_perform(io, op));
		return IO_ANSWER_DONE;
	}
	FUZZ_CHECK(schedule->count < LIMIT_OPS);
	schedule->flights[schedule->count++] = op;
	return IO_ANSWER_QUEUED;
}

static int schedule_turn(struct io *io, int timeout_ms)
{
	struct schedule *schedule = io->backend_state;
	uint32_t number;

	(void)timeout_ms;
	if (schedule->count == 0)
		return 0;
	for (number = 1 + schedule_next(schedule) % schedule->count; number > 0; number--) {
		uint32_t chosen = schedule_next(schedule) % schedule->count;
		struct io_op *op = schedule->flights[chosen];

		schedule->flights[chosen] = schedule->flights[--schedule->count];
		io_finish(io, op, io_perform(io, op));
	}
	return 0;
}

static int schedule_register(struct io *io, struct arena *arena)
{
	(void)arena;
	io->registered = false;
	return 0;
}

static void schedule_close(struct io *io)
{
	struct schedule *schedule = io->backend_state;

	FUZZ_CHECK(schedule->count == 0);
	free(schedule);
	io->backend_state = NULL;
}

void __wrap_io_plain_open(struct io *io)
{
	static const struct io_backend backend = {
		.name = "schedule",
		.issue = schedule_issue,
		.turn = schedule_turn,
		.register_arena = schedule_register,
		.close = schedule_close,
	};
	struct schedule *schedule;

	if (how.in_turn) {
		__real_io_plain_open(io);
		return;
	}
	schedule = fuzz_alloc(sizeof(*schedule));
	memset(schedule, 0, sizeof(*schedule));
	io->backend = &backend;
	io->backend_state = schedule;
}

/* ---- budgets, and what is outside of the run ---- */

static void shrink(struct budget *budget, bool inside_one)
{
	for (uint32_t i = 0; i < budget->workers; i++) {
		struct worker_plan *plan = &budget->plans[i];

		plan->jobs = how.jobs < LIMIT_JOBS ? how.jobs : LIMIT_JOBS;
		if (inside_one)
			plan->arena.depth = how.depth;
	}
	if (budget->parked > how.parked)
		budget->parked = how.parked;
	if (budget->folder_fds > how.folders)
		budget->folder_fds = how.folders;
}

void __real_budget_settle_inline(struct budget *budget, struct sys *sys,
				 const struct settings *settings);
void __wrap_budget_settle_inline(struct budget *budget, struct sys *sys,
				 const struct settings *settings);
void __wrap_budget_settle_inline(struct budget *budget, struct sys *sys,
				 const struct settings *settings)
{
	__real_budget_settle_inline(budget, sys, settings);
	shrink(budget, true);
}

void __real_budget_settle(struct budget *budget, struct sys *sys, const struct settings *settings,
			  uint32_t workers_useful, bool rotates);
void __wrap_budget_settle(struct budget *budget, struct sys *sys, const struct settings *settings,
			  uint32_t workers_useful, bool rotates);
void __wrap_budget_settle(struct budget *budget, struct sys *sys, const struct settings *settings,
			  uint32_t workers_useful, bool rotates)
{
	__real_budget_settle(budget, sys, settings, workers_useful, rotates);
	shrink(budget, false);
}

/* Whoever is waited for, such as who holds a lock, is a fault. */
int __wrap_nanosleep(const struct timespec *time, struct timespec *left);

int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
	(void)time, (void)left;
	return 0;
}

/* Nothing is remembered from one run to the next but by the trees. */
int __wrap_record_open(struct record *record, struct sys *sys, const struct site *source,
		       const struct site *target);
int __wrap_record_write(const struct record *record, struct root *root,
			const struct record_facts *now, bool syncs, const char **operation);

int __wrap_record_open(struct record *record, struct sys *sys, const struct site *source,
		       const struct site *target)
{
	(void)sys, (void)source, (void)target;
	memset(record, 0, sizeof(*record));
	record->state = RECORD_NONE;
	return 0;
}

int __wrap_record_write(const struct record *record, struct root *root,
			const struct record_facts *now, bool syncs, const char **operation)
{
	(void)record, (void)root, (void)now, (void)syncs, (void)operation;
	return 0;
}

/* ---- the trees ---- */

struct name {
	const char *path;
	int parent; /* its number, or -1 */
	bool holds; /* others */
};

static const struct name names[NAMES_MOST] = {
	{ "a", -1, false },    { "b", -1, false },  { "c", -1, false },	 { "p", -1, true },
	{ "p/a", 3, false },   { "p/b", 3, false }, { "p/q", 3, true },	 { "p/q/a", 6, false },
	{ "p/q/b", 6, false }, { "r", -1, true },   { "r/a", 9, false }, { "r/c", 9, false },
	{ "e", -1, false },    { "f", -1, false },
};

enum thing { NOTHING, BYTES, HOLES, FOLDER, LINK, FIFO, SECOND };

struct object {
	enum thing thing;
	uint8_t seed, size, mode, time, attribute;
};

/* One side, or the earlier copy. */
struct side {
	const char *root;
	struct object objects[NAMES_MOST];
};

static struct side source, target, earlier;

static void take_source(const struct name *name, uint8_t byte, uint8_t details,
			struct object *object)
{
	static const enum thing leaves[] = { NOTHING, BYTES, BYTES,  HOLES,
					     LINK,    FIFO,  SECOND, FOLDER };
	static const enum thing inner[] = { NOTHING, FOLDER, FOLDER, FOLDER,
					    FOLDER,  BYTES,  LINK,   FOLDER };

	object->thing = (name->holds ? inner : leaves)[byte % 8];
	object->size = byte / 8 % 8;
	object->seed = (uint8_t)(name - names + byte / 64 * 16);
	object->mode = details % 4;
	object->time = details / 4 % 2;
	object->attribute = details / 8 % 2;
}

/* How the target differs. */
static void take_target(uint8_t byte, uint8_t details, const struct object *from,
			struct object *object)
{
	static const enum thing things[] = {
		BYTES, HOLES, FOLDER, LINK, FIFO, SECOND, FOLDER, BYTES
	};

	*object = *from;
	switch (byte % 8) {
	case 0:
		object->thing = NOTHING;
		break;
	case 1: /* nothing */
		break;
	case 2: /* attributes */
		object->mode = details / 16 % 4;
		object->attribute = details / 64;
		break;
	case 3:
		object->time ^= 1;
		break;
	case 4: /* its data, of the same size */
		object->seed ^= 128;
		object->time ^= how.compare == WEIR_COMPARE_CONTENT && byte >= 128 ? 0 : 1;
		break;
	case 5: /* and of another */
		object->seed ^= 128;
		object->time ^= 1;
		object->size = byte / 8 % 8;
		break;
	default: /* another thing */
		object->thing = things[byte / 8 % 8];
		object->seed ^= 64;
		object->size = byte / 64;
		object->time ^= 1;
		object->mode = details / 16 % 4;
	}
}

static bool is_below(const struct side *side, int number)
{
	for (number = names[number].parent; number >= 0; number = names[number].parent)
		if (side->objects[number].thing != FOLDER)
			return false;
	return true;
}

/* What a run without faults would refuse is not there. */
static bool fits(const struct object *from, const struct object *to)
{
	bool was_folder = to->thing == FOLDER, is_folder = from->thing == FOLDER;

	if (from->thing == NOTHING || to->thing == NOTHING || was_folder == is_folder)
		return true;
	if (how.copies)
		return false;
	return !was_folder || (how.remove != WEIR_DELETE_OFF && how.backup == WEIR_BACKUP_NONE);
}

static void take_trees(struct fuzz_input *input)
{
	source = (struct side){ .root = "s" };
	target = (struct side){ .root = "d" };
	earlier = (struct side){ .root = "earlier" };
	for (int i = 0; i < NAMES_MOST; i++) {
		uint8_t what = fuzz_byte(input), differs = fuzz_byte(input);
		uint8_t details = fuzz_byte(input);
		struct object *from = &source.objects[i], *to = &target.objects[i];

		take_source(&names[i], what, details, from);
		take_target(differs, details, from, to);
		if (!is_below(&source, i))
			from->thing = NOTHING;
		if (!is_below(&target, i) || !fits(from, to) ||
		    (how.in_place && (to->thing == SECOND || (how.copies && to->thing == LINK))))
			to->thing = NOTHING;
		earlier.objects[i] = *from;
		if (from->thing != FOLDER && details >= 224)
			earlier.objects[i].seed ^= 64, earlier.objects[i].time ^= 1;
		if (from->thing == SECOND || details % 16 == 15)
			earlier.objects[i].thing = NOTHING;
		if (!is_below(&earlier, i))
			earlier.objects[i].thing = NOTHING;
	}
}

static void make_bytes(const char *path, const struct object *object, const char *first)
{
	static const size_t sizes[] = { 0, 1, 100, 4096, 4097, 8191, 20000, 70000 };
	size_t bytes = sizes[object->size];

	if (object->thing == SECOND && first != NULL) {
		name_too(first, path);
		return;
	}
	if (object->thing == HOLES) {
		file_part(path, 8192U * (object->seed % 2), 100, object->seed);
		file_part(path, 28672, 1 + bytes % 4096, object->seed + 1U);
		size_of(path, (off_t)(32768 + bytes));
	} else {
		file_part(path, 0, bytes, object->seed);
	}
}

static void make_object(const char *path, const struct object *object, const char **first)
{
	static const mode_t modes[] = { 0644, 0600, 0755, 0640 };
	bool is_second = object->thing == SECOND && *first != NULL;

	if (object->thing == LINK) {
		points_to(path, object->seed % 2 != 0 ? "../outside/file" : "a");
	} else if (object->thing == FIFO) {
		if (mkfifo(path, 0600) != 0)
			die("mkfifo %s", path);
	} else if (object->thing == FOLDER) {
		folder(path);
	} else {
		make_bytes(path, object, *first);
	}
	if (object->thing == LINK || is_second)
		return;
	if (object->thing != FIFO && object->attribute % 4 != 0)
		attribute(path, object->attribute % 2 != 0 ? "user.one" : "user.two", path, 1);
	if (chmod(path, modes[object->mode] | (object->thing == FOLDER ? 0700 : 0)) != 0)
		die("chmod %s", path);
	if (object->thing != FOLDER)
		set_time(path, OLD_TIME + object->time + object->seed % 128 * 2);
}

static void make_side(const struct side *side)
{
	static char first_path[64];
	const char *first = NULL;
	char path[64];

	folder(side->root);
	for (int i = 0; i < NAMES_MOST; i++) {
		const struct object *object = &side->objects[i];

		if (object->thing == NOTHING)
			continue;
		snprintf(path, sizeof(path), "%s/%s", side->root, names[i].path);
		make_object(path, object, &first);
		if (first == NULL && (object->thing == BYTES || object->thing == HOLES))
			first = strcpy(first_path, path);
	}
	for (int i = NAMES_MOST - 1; i >= 0; i--) {
		if (side->objects[i].thing != FOLDER)
			continue;
		snprintf(path, sizeof(path), "%s/%s", side->root, names[i].path);
		set_time(path, OLD_TIME);
	}
	set_time(side->root, OLD_TIME);
}

static void make_trees(void)
{
	make_side(&source);
	make_side(&target);
	if (how.earlier)
		make_side(&earlier);
	if (how.trash)
		folder("kept");
}

static void remove_trees(void)
{
	remove_all("s");
	remove_all("d");
	remove_all("earlier");
	remove_all("kept");
}

/* ---- runs ---- */

/* What a run says. */
struct told {
	int error; /* 0, or what weir_run_next() ended with */
	enum weir_result result;
	unsigned errors, entries;
	unsigned lost; /* bits by property */
};

static struct weir_run *running;
static char told_errors[4096]; /* of the runs so far */

static void set(enum weir_option option, int64_t value)
{
	FUZZ_CHECK(weir_run_set(running, option, value) == 0);
}

/* The caller's thread is that of the run, or waits for it. */
static void on_term(int number, siginfo_t *info, void *context)
{
	(void)context;
	if (info->si_pid != getpid() || running == NULL) {
		signal(number, SIG_DFL);
		raise(number);
		return;
	}
	weir_run_cancel(running, (enum weir_cancel)how.cancel);
	how.cancel = WEIR_CANCEL_NOW; /* the next one */
}

static void set_budgets(void)
{
	static const int64_t chunks[] = { 0, 4096, 8192, 16384 };
	static const enum weir_engine engines[] = { WEIR_ENGINE_PLAIN, WEIR_ENGINE_PLAIN,
						    WEIR_ENGINE_AUTO };

	set(WEIR_OPT_ENGINE, engines[how.inside]);
	set(WEIR_OPT_CHUNK_BYTES, chunks[how.chunks]);
	set(WEIR_OPT_DEPTH, how.depth);
	set(WEIR_OPT_WORKERS, 1 + how.jobs % 2);
	set(WEIR_OPT_DURABLE, how.durable);
	set(WEIR_OPT_SYNC, how.sync);
	set(WEIR_OPT_DIRECT, how.direct);
	set(WEIR_OPT_SPARSE, how.sparse);
	set(WEIR_OPT_PREALLOCATE, how.preallocates);
	set(WEIR_OPT_BACKUP, how.backup);
	set(WEIR_OPT_IN_PLACE, how.in_place);
}

static void set_copy(void)
{
	static const enum weir_property kept[] = { WEIR_PROPERTY_MODE,	WEIR_PROPERTY_OWNER,
						   WEIR_PROPERTY_TIMES, WEIR_PROPERTY_ACL,
						   WEIR_PROPERTY_XATTR, WEIR_PROPERTY_LINKS };

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		set((enum weir_option)(WEIR_OPT_KEEP_MODE + kept[i]), WEIR_KEEP_TRY);
	set(WEIR_OPT_RECURSIVE, 1);
	set(WEIR_OPT_FOLLOW, WEIR_FOLLOW_NEVER);
	set(WEIR_OPT_FRESH, how.fresh);
}

static void set_sync(void)
{
	set(WEIR_OPT_COMPARE, how.compare);
	set(WEIR_OPT_DELETE, how.remove);
	set(WEIR_OPT_DELETE_MANY, 1);
	set(WEIR_OPT_ALLOW, WEIR_ALLOW_EMPTY_SOURCE | WEIR_ALLOW_CONTENTS);
	set(WEIR_OPT_DETECT_RENAMES, how.renames);
	set(WEIR_OPT_REMOVE_SOURCE, how.moves);
	if (how.trash)
		FUZZ_CHECK(weir_run_set_text(running, WEIR_TEXT_TRASH, "kept") == 0);
	if (how.earlier)
		FUZZ_CHECK(weir_run_set_text(running, WEIR_TEXT_LINK_DEST, "earlier") == 0);
}

static void keep_line(const char *line)
{
	size_t used = strlen(told_errors);

	snprintf(told_errors + used, sizeof(told_errors) - used, "%s", line);
}

static void keep_error(const struct weir_event *event)
{
	char line[1024];

	snprintf(line, sizeof(line), "  %s '%s': %s %s\n", weir_event_operation(event),
		 weir_event_path(event), weir_event_text(event),
		 weir_errno_name(weir_event_errno(event)));
	keep_line(line);
}

static void hear_all(struct told *told)
{
	struct weir_event *event;

	keep_line("  --\n");
	while ((told->error = weir_run_next(running, -1, &event)) == 1) {
		switch (weir_event_type(event)) {
		case WEIR_EVENT_ENTRY:
			told->entries++;
			break;
		case WEIR_EVENT_ERROR:
		case WEIR_EVENT_FATAL:
		case WEIR_EVENT_REFUSED:
			told->errors++;
			keep_error(event);
			break;
		case WEIR_EVENT_LOSS:
			told->lost |= 1U << weir_event_property(event);
			keep_error(event);
			break;
		default:
			break;
		}
	}
	told->result = weir_run_result(running);
}

static void run(const char *plan, bool dry, bool reports, struct told *told)
{
	*told = (struct told){ 0 };
	FUZZ_CHECK(setenv("WEIR_FAULT", plan, 1) == 0);
	running = weir_run_new(how.copies ? WEIR_COPY : WEIR_SYNC);
	FUZZ_CHECK(running != NULL);
	set_budgets();
	if (how.copies)
		set_copy();
	else
		set_sync();
	set(WEIR_OPT_DRY_RUN, dry);
	set(WEIR_OPT_REPORT_ENTRIES, reports);
	FUZZ_CHECK(weir_run_add_source(running, AT_FDCWD, "s") == 0);
	FUZZ_CHECK(weir_run_set_target(running, AT_FDCWD, "d", WEIR_TARGET_NAME) == 0);
	hear_all(told);
	weir_run_free(running);
	running = NULL;
}

static void run_without_faults(unsigned seed, struct told *told)
{
	char plan[100];

	snprintf(plan, sizeof(plan), "seed=%u; disk=%u%s", seed, DISK_EXT4,
		 how.inside == INSIDE_ONE ? "; inline" : "");
	run(plan, false, true, told);
}

/* ---- what is true of the trees ---- */

static struct {
	struct image source, target, outside, earlier; /* as they were */
} was;

static bool is_lost(const char *differs, const struct told *told)
{
	static const struct {
		const char *differs;
		unsigned lost;
	} all[] = {
		{ "mode", 1U << WEIR_PROPERTY_MODE | 1U << WEIR_PROPERTY_ACL },
		{ "owner", 1U << WEIR_PROPERTY_OWNER },
		{ "mtime", 1U << WEIR_PROPERTY_TIMES },
		{ "xattrs", 1U << WEIR_PROPERTY_XATTR | 1U << WEIR_PROPERTY_ACL },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (differs != NULL && strcmp(differs, all[i].differs) == 0)
			return (told->lost & all[i].lost) != 0;
	return false;
}

/* What is to be under a path of the target in the end, or NULL. */
static const struct image_entry *wanted(const char *path)
{
	const struct image_entry *from = tree_find(&was.source, path);

	if (from != NULL || how.remove != WEIR_DELETE_OFF)
		return from;
	return tree_find(&was.target, path);
}

/* The path that PATH is a backup of, or that it has in the trash behind a number. */
static bool backed_up(const char *path, char base[PATH_BYTES])
{
	size_t bytes = strlen(path);
	char *dot;

	snprintf(base, PATH_BYTES, "%s", path);
	if (bytes == 0 || base[bytes - 1] != '~')
		return false;
	base[bytes - 1] = '\0';
	dot = strstr(base, ".~");
	if (dot != NULL)
		*dot = '\0';
	return true;
}

/* True if TREE has what was at PATH of the target, under that name (if PLAIN) or that of
 * a backup. */
static bool has_kept(const struct image *tree, const struct image_entry *old, bool plain)
{
	for (size_t i = 0; i < tree->count; i++) {
		const struct image_entry *entry = &tree->entries[i];
		char base[PATH_BYTES];

		if (!backed_up(entry->path, base) && !plain)
			continue;
		if (strcmp(base, old->path) == 0 && entry_differs(entry, old, false) == NULL)
			return true;
	}
	return false;
}

static bool same_data(const struct image_entry *a, const struct image_entry *b)
{
	return (a->stat.st_mode & S_IFMT) == (b->stat.st_mode & S_IFMT) &&
	       a->content == b->content &&
	       (S_ISDIR(a->stat.st_mode) || a->stat.st_size == b->stat.st_size);
}

/* Each attribute by itself may be of either, where the data is that of both. */
static bool is_between(const struct image_entry *entry, const struct image_entry *old,
		       const struct image_entry *new)
{
	if (!same_data(entry, old) || !same_data(entry, new))
		return false;
	return (entry->stat.st_mode == old->stat.st_mode ||
		entry->stat.st_mode == new->stat.st_mode) &&
	       (entry->stat.st_mtim.tv_sec == old->stat.st_mtim.tv_sec ||
		entry->stat.st_mtim.tv_sec == new->stat.st_mtim.tv_sec);
}

/* A copy leaves what it writes into what else it has. */
static bool merges(const struct image_entry *from, const char *differs)
{
	const struct image_entry *old = tree_find(&was.target, from->path);

	return how.copies && strcmp(differs, "xattrs") == 0 &&
	       (how.in_place || (S_ISDIR(from->stat.st_mode) && old != NULL));
}

/* A name becomes a link to a file whose attributes could not be set, and that is told of
 * the file alone.  This is the one place that allows for it. */
static bool may_lack_attributes(const struct image_entry *entry, const struct image_entry *new)
{
	return new != NULL &&new->stat.st_nlink > 1 && same_data(entry, new);
}

/* J1, J8: one name that is there. */
static bool judge_entry(const struct image_entry *entry, const struct told *told)
{
	const struct image_entry *old = tree_find(&was.target, entry->path);
	const struct image_entry *new = wanted(entry->path);
	const char *from_old = old != NULL ? entry_differs(entry, old, false) : "absent";
	const char *from_new = new != NULL ? entry_differs(entry, new, false) : "absent";
	const struct image_entry *kept;
	char base[PATH_BYTES];

	if (from_old == NULL || from_new == NULL || is_lost(from_new, told) ||
	    (how.lies && strcmp(from_new, "xattrs") == 0) ||
	    (new != NULL &&merges(new, from_new)) || may_lack_attributes(entry, new))
		return true;
	if (old != NULL && new != NULL && is_between(entry, old, new))
		return true;
	if (how.in_place && S_ISREG(entry->stat.st_mode) && old != NULL &&
	    (entry->marked || strcmp(from_new, "mtime") == 0))
		return true;
	if (is_temp(entry->path) && old == NULL && new == NULL)
		return how.leaves || wrong("J8: '%s' is left", entry->path);
	if (how.backup != WEIR_BACKUP_NONE && backed_up(entry->path, base)) {
		kept = tree_find(&was.target, base);
		if (kept != NULL && entry_differs(entry, kept, false) == NULL)
			return true;
	}
	return wrong("J1: '%s' differs from old (%s) and from new (%s)", entry->path, from_old,
		     from_new);
}

/* J1: one name that was there, and what becomes of what it named. */
static bool judge_old(const struct image_entry *old, const struct image *now,
		      const struct image *trash)
{
	const struct image_entry *entry = tree_find(now, old->path), *new = wanted(old->path);

	if (entry != NULL && (same_data(entry, old) || S_ISDIR(old->stat.st_mode)))
		return true;
	if (entry == NULL && new != NULL)
		return wrong("J1: '%s' is gone", old->path);
	if (S_ISDIR(old->stat.st_mode) || how.lies)
		return true;
	if (entry == NULL && how.trash && !how.renames)
		return has_kept(trash, old, true) || wrong("'%s' is not in the trash", old->path);
	if (how.backup != WEIR_BACKUP_NONE && !how.renames && !how.trash)
		return has_kept(now, old, false) || wrong("'%s' has no backup", old->path);
	return true;
}

static bool judge_trash(const struct image *trash)
{
	for (size_t i = 0; i < trash->count; i++) {
		const struct image_entry *entry = &trash->entries[i];
		const struct image_entry *old;
		char base[PATH_BYTES];

		backed_up(entry->path, base);
		old = tree_find(&was.target, base);
		if (S_ISDIR(entry->stat.st_mode) || (is_temp(entry->path) && how.leaves) ||
		    (old != NULL && entry_differs(entry, old, false) == NULL))
			continue;
		return wrong("'%s' in the trash is nothing that was there", entry->path);
	}
	return true;
}

static bool judge_target(const struct image *now, const struct told *told)
{
	struct image trash;
	bool good = true;

	tree_read(&trash, "kept");
	for (size_t i = 0; i < now->count && good; i++)
		good = judge_entry(&now->entries[i], told);
	for (size_t i = 0; i < was.target.count && good; i++)
		good = judge_old(&was.target.entries[i], now, &trash);
	good = good && judge_trash(&trash);
	tree_free(&trash);
	return good;
}

/* J4. */
static bool judge_source(const struct image *target_now, const struct told *told)
{
	struct image now;
	bool good = true;

	tree_read(&now, "s");
	if (!how.moves)
		good = same_trees("J4", &now, &was.source, 0, NULL);
	for (size_t i = 0; i < was.source.count && good && how.moves; i++) {
		const struct image_entry *before = &was.source.entries[i];
		const struct image_entry *there = tree_find(target_now, before->path);
		const char *differs;

		if (tree_find(&now, before->path) != NULL)
			continue;
		differs = there == NULL ? "there" : entry_differs(there, before, false);
		if (differs != NULL && !is_lost(differs, told) &&
		    !(how.lies && strcmp(differs, "xattrs") == 0))
			good = wrong("J4: '%s' is gone and not in the target", before->path);
	}
	tree_free(&now);
	return good;
}

/* J3: beside both, where links lead to, the earlier copy. */
static bool judge_others(void)
{
	static const char *const known[] = { ".", "..", "s", "d", "outside", "earlier", "kept" };
	struct image outside, copy;
	struct dirent *dirent;
	DIR *dir = must(opendir("."));
	bool good = true;

	while ((dirent = readdir(dir)) != NULL && good) {
		good = false;
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			good = good || strcmp(dirent->d_name, known[i]) == 0;
		if (!good)
			wrong("J3: '%s' was made", dirent->d_name);
	}
	closedir(dir);
	tree_read(&outside, "outside");
	tree_read(&copy, "earlier");
	good = good && same_trees("J3", &outside, &was.outside, 0, NULL);
	/* Links to it count; their number is no change of it. */
	for (size_t i = 0; i < copy.count && good; i++) {
		const struct image_entry *before = tree_find(&was.earlier, copy.entries[i].path);

		good = (before != NULL && entry_differs(&copy.entries[i], before, false) == NULL) ||
		       wrong("J3: '%s' of the earlier copy", copy.entries[i].path);
	}
	tree_free(&outside);
	tree_free(&copy);
	return good;
}

/* Of names of the source those are one inode that are one there. */
static bool judge_links(const struct image *now)
{
	for (size_t i = 0; i < was.source.count; i++) {
		const struct image_entry *a = &was.source.entries[i], *to = tree_find(now, a->path);

		for (size_t j = 0; j < i && S_ISREG(a->stat.st_mode); j++) {
			const struct image_entry *b = &was.source.entries[j];
			bool one = a->stat.st_ino == b->stat.st_ino;

			if (one != (to->stat.st_ino == tree_find(now, b->path)->stat.st_ino))
				return wrong("'%s' and '%s' are %s inode", a->path, b->path,
					     one ? "not one" : "one");
		}
	}
	return true;
}

static bool may_stay(const struct image_entry *entry)
{
	const struct image_entry *old = tree_find(&was.target, entry->path);
	char base[PATH_BYTES];

	if (wanted(entry->path) != NULL)
		return true;
	if (how.backup == WEIR_BACKUP_NONE)
		return false;
	return backed_up(entry->path, base) ||
	       (old != NULL && S_ISDIR(entry->stat.st_mode) && S_ISDIR(old->stat.st_mode));
}

/* J2, J10: all is as it is to be.  TOLD: but for what is told; or NULL. */
static bool judge_whole(const char *what, const struct image *now, const struct told *told)
{
	for (size_t i = 0; i < was.source.count; i++) {
		const struct image_entry *from = &was.source.entries[i];
		const struct image_entry *to = tree_find(now, from->path);
		const char *differs;

		if (to == NULL)
			return wrong("%s: '%s' is missing", what, from->path);
		differs = entry_differs(to, from, S_ISDIR(from->stat.st_mode));
		if (differs == NULL || (told != NULL && is_lost(differs, told)) ||
		    merges(from, differs) ||
		    (how.moves && how.lies && strcmp(differs, "xattrs") == 0) ||
		    (how.moves && S_ISDIR(from->stat.st_mode) && strcmp(differs, "mtime") == 0))
			continue;
		return wrong("%s: '%s' differs: %s", what, from->path, differs);
	}
	for (size_t i = 0; i < now->count; i++)
		if (!may_stay(&now->entries[i]) &&
		    !(told != NULL && how.leaves && is_temp(now->entries[i].path)))
			return wrong("%s: '%s' is too much", what, now->entries[i].path);
	for (size_t i = 0; i < was.target.count; i++) {
		const struct image_entry *old = &was.target.entries[i];

		if (wanted(old->path) == old && tree_find(now, old->path) == NULL)
			return wrong("%s: '%s' is gone", what, old->path);
	}
	/* What went in an earlier run is no name of it any more. */
	return (told != NULL && told->lost != 0) || how.parted || judge_links(now);
}

/* J9. */
static bool judge_told(const struct told *told)
{
	bool cancelled = strstr(how.plan, "do=term") != NULL;

	if (told->error < 0)
		return how.any || wrong("J9: weir_run_next() ends with %d", told->error);
	if (told->result == WEIR_RESULT_OK)
		return told->errors == 0 || wrong("J9: an error is told, and all is well");
	if (told->result == WEIR_RESULT_TARGET_FULL && !how.full)
		return wrong("J9: full, and nothing was");
	if (!how.any && !cancelled)
		return wrong("J9: nothing failed, and the result is %d", told->result);
	if (told->errors == 0 && !cancelled && told->result != WEIR_RESULT_SOURCE_CHANGED)
		return wrong("J9: the result is %d, and nothing is told", told->result);
	return true;
}

/* Nothing at all has changed since. */
static bool judge_idle(const char *what, const struct image *now, const struct image *before)
{
	if (now->count != before->count)
		return wrong("%s: there are %zu entries, and were %zu", what, now->count,
			     before->count);
	for (size_t i = 0; i < now->count; i++) {
		const struct image_entry *a = &now->entries[i], *b = &before->entries[i];

		if (strcmp(a->path, b->path) != 0 || a->stat.st_ino != b->stat.st_ino ||
		    a->stat.st_ctim.tv_sec != b->stat.st_ctim.tv_sec ||
		    a->stat.st_ctim.tv_nsec != b->stat.st_ctim.tv_nsec)
			return wrong("%s: '%s' was changed", what, a->path);
	}
	return true;
}

/* ---- one input ---- */

static bool judge_first(const struct told *told)
{
	struct image now;
	bool good;

	tree_read(&now, "d");
	if (how.dry)
		good = judge_idle("a dry run", &now, &was.target);
	else
		good = judge_target(&now, told) &&
		       (told->error < 0 || told->result != WEIR_RESULT_OK || how.lies ||
			judge_whole("J2", &now, told));
	good = good && judge_told(told) && judge_source(&now, told) && judge_others();
	tree_free(&now);
	return good;
}

/* J10: without faults, twice. */
static bool judge_again(const struct told *first)
{
	struct image healed, idle;
	struct told told;
	bool good;

	run_without_faults(2, &told);
	if (told.error < 0 || told.result != WEIR_RESULT_OK)
		return wrong("J10: the next run ends with %d, %d", told.error, told.result);
	tree_read(&healed, "d");
	how.parted = how.moves && first->result != WEIR_RESULT_OK;
	told.lost |= how.moves ? first->lost : 0; /* what has gone is not copied again */
	good = judge_whole("J10", &healed, how.moves ? &told : NULL) &&
	       judge_source(&healed, &told) && judge_others();
	if (good && how.idles && !how.copies && !how.moves && how.compare != WEIR_COMPARE_NEVER) {
		run_without_faults(3, &told);
		tree_read(&idle, "d");
		good = judge_idle("J10, idle", &idle, &healed) &&
		       (told.result == WEIR_RESULT_OK || wrong("J10: a third run fails")) &&
		       (told.entries == 0 || wrong("J10: a third run has done something"));
		tree_free(&idle);
	}
	tree_free(&healed);
	return good;
}

static void tell(const char *path)
{
	struct image tree;

	tree_read(&tree, path);
	for (size_t i = 0; i < tree.count; i++) {
		const struct image_entry *entry = &tree.entries[i];

		fprintf(stderr, "  %s%s %o %lld bytes, %lld, inode %llu, %llx\n", path, entry->path,
			entry->stat.st_mode, (long long)entry->stat.st_size,
			(long long)entry->stat.st_mtim.tv_sec,
			(unsigned long long)entry->stat.st_ino,
			(unsigned long long)(entry->content & 0xffff));
	}
	tree_free(&tree);
}

static void tell_all(const uint8_t *data, size_t bytes)
{
	fprintf(stderr, "%s\n%s, inside %d, plan '%s', cancel %d\n", verdict,
		how.copies ? "copy" : "sync", how.inside, how.plan, how.cancel);
	fprintf(stderr,
		"durable %d sync %d direct %d sparse %d compare %d delete %d backup %d in-place %d "
		"trash %d renames %d moves %d earlier %d dry %d fresh %d preallocates %d\n",
		how.durable, how.sync, how.direct, how.sparse, how.compare, how.remove, how.backup,
		how.in_place, how.trash, how.renames, how.moves, how.earlier, how.dry, how.fresh,
		how.preallocates);
	fprintf(stderr,
		"jobs %d depth %d parked %d folders %d chunks %d in-turn %d\ntold:\n%sbefore:\n",
		how.jobs, how.depth, how.parked, how.folders, how.chunks, how.in_turn, told_errors);
	remove_all("before");
	if (mkdir("before", 0700) == 0 && chdir("before") == 0) {
		struct fuzz_input input = { data, bytes };

		take_how(&input);
		take_plan(&input);
		take_trees(&input);
		make_trees();
		tell("s");
		tell("d");
		tell("earlier");
	}
	if (chdir("..") == 0) {
		fprintf(stderr, "now:\n");
		tell("s");
		tell("d");
		tell("kept");
	}
}

#define FDS 256

/* Which descriptors are open. */
static void look_at_fds(bool open[FDS])
{
	struct pollfd all[FDS];

	for (int fd = 0; fd < FDS; fd++)
		all[fd] = (struct pollfd){ .fd = fd };
	FUZZ_CHECK(poll(all, FDS, 0) >= 0);
	for (int fd = 0; fd < FDS; fd++)
		open[fd] = (all[fd].revents & POLLNVAL) == 0;
}

static bool try_input(void)
{
	bool before[FDS], after[FDS];
	struct told told;
	bool good;

	tree_read(&was.source, "s");
	tree_read(&was.target, "d");
	tree_read(&was.outside, "outside");
	tree_read(&was.earlier, "earlier");
	look_at_fds(before);
	told_errors[0] = '\0';
	run(how.plan, how.dry, how.reports, &told);
	good = judge_first(&told) && judge_again(&told);
	look_at_fds(after);
	good = good && (memcmp(before, after, sizeof(after)) == 0 ||
			wrong("a descriptor is left open, or closed"));
	tree_free(&was.source);
	tree_free(&was.target);
	tree_free(&was.outside);
	tree_free(&was.earlier);
	return good;
}

static char work[PATH_BYTES];
static int work_fd = -1, home_fd = -1;

static void leave_nothing(void)
{
	remove_all(work);
}

/* Where trees are made, which is not the folder that names of inputs begin in. */
static void prepare(void)
{
	const char *temporary = getenv("TMPDIR");
	struct sigaction action = { .sa_sigaction = on_term, .sa_flags = SA_SIGINFO };

	const char *within = getenv("WEIR_FUZZ_INSIDE");

	if (within != NULL)
		inside = strcmp(within, "ring") == 0 ? INSIDE_RING : INSIDE_THREADS;
	umask(022);
	snprintf(work, sizeof(work), "%s/weir-engine.XXXXXX",
		 temporary != NULL ? temporary : "/tmp");
	if (mkdtemp(work) == NULL)
		die("mkdtemp %s", work);
	atexit(leave_nothing);
	home_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	work_fd = open(work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (home_fd < 0 || work_fd < 0 || fchdir(work_fd) != 0)
		die("a folder to work in");
	folder("outside");
	file("outside/file", 1000, 99);
	folder("outside/folder");
	sigaction(SIGTERM, &action, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct fuzz_input input = { data, bytes };

	if (work_fd < 0)
		prepare();
	if (fchdir(work_fd) != 0)
		die("fchdir");
	take_how(&input);
	take_plan(&input);
	take_trees(&input);
	make_trees();
	if (!try_input()) {
		tell_all(data, bytes);
		abort();
	}
	remove_trees();
	if (fchdir(home_fd) != 0)
		die("fchdir");
	return 0;
}

#ifdef __clang__
#pragma clang attribute pop
#endif
