// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * faultloop: runs weir on small trees, once for every fault that there can be,
 * and judges what is left each time.
 *
 *   faultloop [OPTIONS] [SCENARIO...]      default: all of them
 *     --weir=FILE       the command of a fault build
 *     --work=DIR        where trees are made (default: $TMPDIR or /tmp)
 *     --engine=NAME     plain (default) or ring
 *     --what=NAME       faults: each operation of a clean run fails with each errno,
 *                       and each short count, that its kind can have; by itself,
 *                       and with all of its kind from there on
 *                       kills: the process is killed before each operation
 *                       cuts: the power of the file system is cut before each
 *                       operation, by --device; needs root
 *                       memory: each allocation fails, and all from there on, by --nomem
 *     --device=FILE     a device with a new file system, ext4 or XFS, for --what=cuts
 *     --fs=NAME         which, and
 *     --options=TEXT    how it is mounted
 *     --nomem=FILE      the library that lets allocations fail
 *     --sample=N        one in N of the cases, as the seed says (default: 1, all)
 *     --seed=N          (default: 1)
 *     --jobs=N          cases at a time (default: 2)
 *     --also=RULES      are part of each plan, such as a sync that is told and not done
 *     --only=PLAN       one case: this plan, or the number of an allocation; says
 *                       what happened, and leaves the trees
 *     --list            the scenarios, a line each
 *
 * With plain calls all is done by one thread, so an operation is told by its
 * number.  On a ring it is told by its kind, its path, and how many of these came
 * before.  A run may take other steps than the clean one, since it waits where a file
 * was changed just now: of kills that never came, up to five are tried.
 *
 * Judged after each run, where S is the source and D the target:
 *   J1  each name of D is as before, as after a clean run, or not there if it was not;
 *       its attributes may be less, if that is told; what has the name of a snapshot is
 *       the whole one
 *   J2  after status 0 all is as after a clean run
 *   J3  nothing beside S and D has changed
 *   J4  S has not changed; moved names are gone only if D has them
 *   O15 what is gone from D and to be kept is in the trash
 *   J7  no run takes more than ten seconds
 *   J8  nothing of weir's own is left, unless removing was what failed, or it was
 *       killed: then it has a name of weir's
 *   J9  the status fits the fault; what fails is told, no line is told twice
 *   J10 one more run without a fault makes all as after a clean one
 *
 * It shares no code with the library.  The last line is "N passed, N failed"; each
 * case that failed is told with its plan.
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "judge.h"
#include "results.h"
#include "scenarios.h"
#include "treeread.h"
#include "workers.h"

#define SHUTDOWN _IOR('X', 125, uint32_t) /* of ext4 and XFS */
#define SHUTDOWN_NO_LOG 2
#define KILLED 137

enum { WHAT_FAULTS, WHAT_KILLS, WHAT_CUTS, WHAT_MEMORY };

static struct {
	const char *weir;
	const char *work;
	const char *engine;
	const char *nomem;
	const char *only;
	const char *also;
	const char *device;
	const char *fs;
	const char *options;
	int what;
	unsigned sample;
	uint64_t seed;
	unsigned jobs;
} want = { .engine = "plain", .sample = 1, .seed = 1, .jobs = 2 };

/* One case: the fault, and what may come of it. */
struct fault {
	char plan[8192];
	const char *kind;   /* of the operation */
	const char *result; /* "ENOSPC", "half"; "" if it is no fault of an operation */
	bool sticky;
};

struct reference {
	struct image old_target, new_target;
	struct image source, source_after, outside, earlier;
};

static bool is_lie(const struct fault *fault)
{
	return result_is_lie(fault->result);
}

static bool read_target(const struct scenario *scenario, struct image *target)
{
	if ((scenario->traits & SNAPS) != 0)
		return read_snapshots(target, "d");
	tree_read(target, "d");
	return true;
}

static bool judge_target(const struct scenario *scenario, const struct fault *fault,
			 const struct reference *reference, const struct image *target,
			 const struct outcome *outcome)
{
	bool may_leave = outcome->status == KILLED || want.what == WHAT_CUTS ||
			 strcmp(fault->kind, "unlink") == 0 || strcmp(fault->kind, "rename") == 0;

	for (size_t i = 0; i < target->count; i++) {
		const struct image_entry *entry = &target->entries[i];
		const struct image_entry *old = tree_find(&reference->old_target, entry->path);
		const struct image_entry *new = tree_find(&reference->new_target, entry->path);
		const char *from_old = old != NULL ? entry_differs(entry, old, false) : "absent";
		const char *from_new = new != NULL ? entry_differs(entry, new, false) : "absent";

		if (from_old == NULL || from_new == NULL || is_loss(from_new, outcome) ||
		    (is_lie(fault) && strcmp(from_new, "xattrs") == 0))
			continue;
		if ((scenario->traits & IN_PLACE) != 0 && S_ISREG(entry->stat.st_mode) &&
		    (entry->marked || (new != NULL &&strcmp(from_new, "mtime") == 0)))
			continue;
		if ((scenario->traits & SNAPS) != 0 && is_in_snapshot_temp(entry->path)) {
			if (outcome->status != 0 || is_lie(fault))
				continue;
			return wrong("J8: '%s' is left", entry->path);
		}
		if (is_temp(entry->path) && old == NULL && new == NULL) {
			if (may_leave)
				continue;
			return wrong("J8: '%s' is left", entry->path);
		}
		return wrong("J1: '%s' differs from old (%s) and from new (%s)", entry->path,
			     from_old, from_new);
	}
	for (size_t i = 0; i < reference->old_target.count; i++) {
		const char *path = reference->old_target.entries[i].path;

		const struct image_entry *new = tree_find(&reference->new_target, path);

		if (tree_find(target, path) != NULL || new == NULL)
			continue;
		return wrong("J1: '%s' is gone", path);
	}
	return true;
}

static bool judge_source(const struct scenario *scenario, const struct reference *reference,
			 const struct image *target, const struct outcome *outcome)
{
	struct image now;
	bool good = true;

	tree_read(&now, "s");
	if ((scenario->traits & MOVES) == 0) {
		good = same_trees("J4", &now, &reference->source, 0, NULL);
		tree_free(&now);
		return good;
	}
	for (size_t i = 0; i < reference->source.count && good; i++) {
		const struct image_entry *before = &reference->source.entries[i];
		const struct image_entry *after = tree_find(&reference->new_target, before->path);
		const struct image_entry *there = tree_find(target, before->path);

		const char *differs = there == NULL || after == NULL
					      ? "there"
					      : entry_differs(there, after, false);

		if (tree_find(&now, before->path) == NULL && differs != NULL &&
		    !is_loss(differs, outcome))
			good = wrong("J4: '%s' is gone from the source and not in the target",
				     before->path);
	}
	tree_free(&now);
	return good;
}

static bool judge_status(const struct fault *fault, const struct outcome *outcome)
{
	static const int legal[] = { 0, 1, 23, 24, 25, 27, 28, 29 };
	bool known = false;

	if (want.what == WHAT_CUTS && outcome->status == 27)
		return wrong("J9: status 27 (full) without power");
	if (outcome->status == KILLED)
		return want.what == WHAT_KILLS || wrong("J9: killed");
	for (size_t i = 0; i < sizeof(legal) / sizeof(legal[0]); i++)
		known = known || legal[i] == outcome->status;
	if (!known)
		return wrong("J9: status %d", outcome->status);
	if (outcome->status == 27 && !result_is_full(fault->result))
		return wrong("J9: status 27 (full) for %s", fault->result);
	if (outcome->status != 0 && outcome->said[0] == '\0')
		return wrong("J9: status %d, and nothing is told", outcome->status);
	return true;
}

/* Each line begins with the name of the program, and none comes twice. */
static bool judge_words(const struct outcome *outcome)
{
	static char said[SAID_BYTES];
	char *lines[256];
	size_t count = 0;
	char *state = NULL;

	memcpy(said, outcome->said, sizeof(said));
	for (char *line = strtok_r(said, "\n", &state); line != NULL && count < 256;
	     line = strtok_r(NULL, "\n", &state)) {
		if (strncmp(line, "weir", 4) != 0)
			return wrong("J9: a line of no known form: %s", line);
		for (size_t i = 0; i < count; i++)
			if (strcmp(lines[i], line) == 0)
				return wrong("J9: told twice: %s", line);
		lines[count++] = line;
	}
	return true;
}

/* ---- running ---- */

/* A tmpfs is taken for ext4, or no sync would be among the operations. */
static const char *base_plan(void)
{
	static char plan[1024];

	snprintf(plan, sizeof(plan), "disk=61267; %s%s%s",
		 strcmp(want.engine, "plain") == 0 ? "inline seed=1; " : "",
		 want.also != NULL ? want.also : "", want.also != NULL ? "; " : "");
	return plan;
}

static void be_weir(const struct scenario *scenario, const char *plan, const char *trace, int said)
{
	const char *words[24];
	char engine[32];
	size_t count = 0;

	words[count++] = "weir";
	words[count++] = scenario->words[0];
	snprintf(engine, sizeof(engine), "--engine=%s", want.engine);
	words[count++] = engine;
	if (strcmp(want.engine, "ring") == 0) { /* less memory, and more than one operation */
		words[count++] = "--workers=1";
		words[count++] = "--chunk-size=64K";
		words[count++] = "--depth=2";
	}
	for (size_t i = 1; scenario->words[i] != NULL; i++)
		words[count++] = scenario->words[i];
	words[count] = NULL;
	if (plan != NULL && plan[0] >= '0' && plan[0] <= '9') { /* an allocation */
		setenv("NOMEM_AT", plan, 1);
		setenv("LD_PRELOAD", want.nomem, 1);
		plan = base_plan();
	}
	if (plan != NULL)
		setenv("WEIR_FAULT", plan, 1);
	if (trace != NULL)
		setenv("WEIR_TRACE", trace, 1);
	dup2(open("/dev/null", O_RDWR), STDIN_FILENO);
	dup2(STDIN_FILENO, STDOUT_FILENO);
	dup2(said, STDERR_FILENO);
	execv(want.weir, (char *const *)(uintptr_t)words);
	_exit(126);
}

static void run(const struct scenario *scenario, const char *plan, const char *trace,
		struct outcome *outcome)
{
	int ends[2];
	pid_t child = fork_heard(ends);

	if (child == 0)
		be_weir(scenario, plan, trace, ends[1]);
	hear(ends, child, outcome);
}

/* ---- a file system whose power is cut ---- */

static void sync_all(void)
{
	int fd = open(".", O_RDONLY | O_DIRECTORY);

	if (fd < 0 || syncfs(fd) != 0 || close(fd) != 0)
		die("syncfs");
}

static bool try_mount(void)
{
	return mount(want.device, "m", want.fs, 0, want.options) == 0;
}

/* ext4 with fast commits may leave a journal that the kernel does not load before it was
 * repaired, which can lose folders that were there for long: true is no case to judge. */
static bool mount_device(void)
{
	bool repaired = false;
	char command[PATH_BYTES];

	if (mkdir("m", 0700) != 0 && errno != EEXIST)
		die("mkdir");
	if (!try_mount() && errno == EUCLEAN && strcmp(want.fs, "ext4") == 0) {
		snprintf(command, sizeof(command), "e2fsck -fy '%s' >/dev/null 2>&1", want.device);
		(void)!system(command);
		printf("repaired: the kernel did not mount %s after the cut\n", want.fs);
		fflush(stdout);
		errno = 0;
		repaired = true;
		if (!try_mount())
			die("mount %s", want.device);
	}
	if (chdir("m") != 0)
		die("mount %s", want.device);
	return repaired;
}

static void unmount_device(void)
{
	if (chdir("..") != 0 || umount("m") != 0)
		die("umount");
}

/* At the latest now; what is mounted again is what the device has.  True: it had to be
 * repaired. */
static bool cut_power(void)
{
	uint32_t without_log = SHUTDOWN_NO_LOG;
	int fd = open(".", O_RDONLY | O_DIRECTORY);

	/* XFS opens nothing any more once it is down. */
	if (fd < 0 ? errno != EIO
		   : (ioctl(fd, SHUTDOWN, &without_log) != 0 && errno != EIO) || close(fd) != 0)
		die("cut the power");
	unmount_device();
	return mount_device();
}

/* ---- one case ---- */

static bool judge(const struct scenario *scenario, const struct fault *fault,
		  const struct reference *reference, struct outcome *outcome)
{
	struct image target, outside, earlier;
	bool good;

	if (outcome->hung)
		return wrong("J7: it hangs");
	if (!judge_status(fault, outcome))
		return false;
	good = read_target(scenario, &target);
	tree_read(&outside, "outside");
	tree_read(&earlier, "earlier");
	good = good && judge_target(scenario, fault, reference, &target, outcome) &&
	       ((scenario->traits & SNAPS) == 0 || is_lie(fault) ||
		judge_snapshots(&target, &reference->old_target, &reference->new_target,
				outcome)) &&
	       ((scenario->traits & KEEPS) == 0 ||
		judge_kept(&reference->old_target, &reference->new_target, &target)) &&
	       same_trees("J3", &outside, &reference->outside, 0, NULL) &&
	       judge_source(scenario, reference, &target, outcome) &&
	       (outcome->status != 0 || is_lie(fault) ||
		same_trees("J2", &target, &reference->new_target, scenario->traits & SHARES,
			   outcome));
	/* Links to it count; their number is no change of it. */
	for (size_t i = 0; good && i < earlier.count; i++) {
		const struct image_entry *before =
			tree_find(&reference->earlier, earlier.entries[i].path);

		good = before != NULL && entry_differs(&earlier.entries[i], before, false) == NULL;
		if (!good)
			wrong("J3: '%s' of the earlier copy has changed", earlier.entries[i].path);
	}
	tree_free(&target);
	tree_free(&outside);
	tree_free(&earlier);
	return good && judge_words(outcome);
}

/* J10: one more run heals all, but what was told as lost when its source went. */
static bool judge_again(const struct scenario *scenario, const struct reference *reference,
			const struct outcome *before)
{
	struct outcome outcome;
	struct image target;
	bool good;

	run(scenario, base_plan(), NULL, &outcome);
	if (outcome.hung || outcome.status != 0)
		return wrong("J10: the next run ends with %d: %s", outcome.status, outcome.said);
	good = read_target(scenario, &target) &&
	       same_trees("J10", &target, &reference->new_target, scenario->traits,
			  (scenario->traits & MOVES) != 0 ? before : NULL);
	tree_free(&target);
	return good;
}

/* As no run has been there before, if that can be. */
static void make_anew(const struct scenario *scenario)
{
	make_all(scenario);
	if (own_records != NULL)
		remove_all(own_records);
}

static bool try_case(const struct scenario *scenario, const struct fault *fault,
		     const struct reference *reference, struct outcome *outcome)
{
	make_anew(scenario);
	if (want.what == WHAT_CUTS)
		sync_all();
	run(scenario, fault->plan, NULL, outcome);
	if (want.what == WHAT_CUTS && cut_power())
		return true;
	return judge(scenario, fault, reference, outcome) &&
	       judge_again(scenario, reference, outcome);
}

/* ---- the cases ---- */

static const char *results_of(const char *kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].kind, kind) == 0)
			return kinds[i].results;
	errno = EINVAL;
	die("nothing is known of operations '%s'", kind);
}

/* One operation of the clean run. */
struct step {
	char kind[32];
	char where[4 * PATH_BYTES / 3]; /* the words of a plan that match it */
};

struct steps {
	struct step *step;
	size_t count;
};

/* What has a name of the clock, or of the inode of a source, has one of any. */
static void leave_open(char *pattern)
{
	char *at = strstr(pattern, SNAPSHOT_TEMP);

	if (at != NULL)
		memset(at + strlen(SNAPSHOT_TEMP), '?',
		       strnlen(at + strlen(SNAPSHOT_TEMP), SNAPSHOT_TEMP_DIGITS));
	for (at = strchr(pattern, '/'); at != NULL; at = strchr(at + 1, '/'))
		if (is_time(at + 1) && strncmp(at + 1, SNAPSHOT_OLD, SNAPSHOT_BYTES) != 0)
			memset(at + 1, '?', SNAPSHOT_BYTES);
}

/* A path of the trace as a pattern: without the folder of this case, and with what is
 * random left open. */
static void pattern_of(const char *path, char *pattern, size_t size)
{
	char cwd[PATH_BYTES];
	const char *temp;
	size_t length;

	if (getcwd(cwd, sizeof(cwd)) == NULL)
		die("getcwd");
	length = strlen(cwd);
	if (strncmp(path, cwd, length) == 0 && path[length] == '/')
		snprintf(pattern, size, "*%s", path + length);
	else
		snprintf(pattern, size, "%s", path);
	leave_open(pattern);
	temp = strstr(pattern, "/.weir.");
	if (temp != NULL)
		snprintf(pattern + (temp - pattern), size - (size_t)(temp - pattern), "/.weir.*");
	if (strncmp(pattern, "/proc/", 6) == 0)
		snprintf(pattern, size, "/proc/*");
}

static void place_of(const struct steps *steps, const char *path, struct step *step)
{
	char pattern[PATH_BYTES], words[PATH_BYTES + 64];
	unsigned nth = 1;

	if (strcmp(want.engine, "plain") == 0) {
		bool any = want.what == WHAT_KILLS || want.what == WHAT_CUTS;

		snprintf(step->where, sizeof(step->where), "op=%s serial=%zu",
			 any ? "*" : step->kind, steps->count + 1);
		return;
	}
	pattern_of(path, pattern, sizeof(pattern));
	if (strcmp(path, "-") == 0)
		snprintf(words, sizeof(words), "op=%s nth=", step->kind);
	else
		snprintf(words, sizeof(words), "op=%s path=%s nth=", step->kind, pattern);
	for (size_t i = 0; i < steps->count; i++)
		nth += strncmp(steps->step[i].where, words, strlen(words)) == 0;
	snprintf(step->where, sizeof(step->where), "%s%u", words, nth);
}

static void read_trace(const char *path, struct steps *steps)
{
	static char line[4 * PATH_BYTES];
	FILE *trace = fopen(path, "r");
	size_t room = 0;

	*steps = (struct steps){ 0 };
	if (trace == NULL)
		die("open %s", path);
	while (fgets(line, sizeof(line), trace) != NULL) {
		struct step step = { 0 };
		char where[PATH_BYTES];

		if (sscanf(line, "%*s %31s %*s %*s %*s %*s %*s %*s %*s %4095s", step.kind, where) !=
		    2)
			die("a line of the trace: %s", line);
		if (steps->count == room) {
			room = room * 2 + 256;
			steps->step = must(realloc(steps->step, room * sizeof(step)));
		}
		place_of(steps, where, &step);
		steps->step[steps->count++] = step;
	}
	fclose(trace);
}

/* The number of cases of one operation, and what they are. */
static size_t cases_of(const struct step *step, size_t number, struct fault *fault)
{
	const char *deed = want.what == WHAT_KILLS  ? "kill"
			   : want.what == WHAT_CUTS ? "cut:."
						    : NULL;
	const char *results = deed != NULL ? deed : results_of(step->kind);
	char result[32];
	size_t count = 0;
	int used;

	while (sscanf(results, "%31s%n", result, &used) == 1) {
		bool is_count = result_is_part(result);
		/* A byte at a time would be no fault but patience, and the kernel takes
		 * what waits in a ring at some time. */
		bool once = deed != NULL || strcmp(result, "1") == 0 ||
			    strcmp(step->kind, "ring_enter") == 0;

		results += used;
		for (int sticky = 0; sticky < (once ? 1 : 2); sticky++) {
			if (count++ != number)
				continue;
			snprintf(fault->plan, sizeof(fault->plan), "%s%s %s%s%s%s", base_plan(),
				 step->where,
				 deed != NULL ? "do="
				 : is_count   ? "short="
					      : "ret=",
				 result[0] == 'E' ? "-" : "", result, sticky ? " sticky" : "");
			fault->kind = step->kind;
			fault->result = strdup(result);
			fault->sticky = sticky;
		}
	}
	return count;
}

/* ---- the loops ---- */

static void tell(const struct scenario *scenario, const struct fault *fault,
		 const struct outcome *outcome)
{
	char text[16384];
	int bytes = snprintf(text, sizeof(text), "FAILED %s --engine=%s [%s]: %s (status %d)\n",
			     scenario->name, want.engine, fault->plan, verdict, outcome->status);

	if (write(STDOUT_FILENO, text, (size_t)bytes) != bytes)
		die("write");
}

static void count_case(const struct scenario *scenario, const struct fault *fault,
		       const struct reference *reference, struct counts *counts)
{
	struct outcome outcome;
	bool good = try_case(scenario, fault, reference, &outcome);

	/* A run that waits for the clock takes other steps: one more, for a kill to come. */
	for (int i = 0; want.what == WHAT_KILLS && good && outcome.status == 0 && i < 4; i++)
		good = try_case(scenario, fault, reference, &outcome);
	if (good) {
		counts->passed++;
		counts->missed += want.what == WHAT_KILLS && outcome.status != KILLED;
		return;
	}
	counts->failed++;
	tell(scenario, fault, &outcome);
}

/* What is there before and after a clean run, and its operations. */
static void take_reference(const struct scenario *scenario, struct reference *reference,
			   struct steps *steps)
{
	struct outcome outcome;

	make_anew(scenario);
	if (own_records == NULL) { /* each run finds the record of one before */
		run(scenario, base_plan(), NULL, &outcome);
		make_all(scenario);
	}
	read_target(scenario, &reference->old_target);
	tree_read(&reference->source, "s");
	tree_read(&reference->outside, "outside");
	tree_read(&reference->earlier, "earlier");
	unlink("trace");
	run(scenario, base_plan(), want.what == WHAT_MEMORY ? NULL : "trace", &outcome);
	if (outcome.hung || outcome.status != 0) {
		printf("FAILED %s: a clean run ends with %d: %s\n", scenario->name, outcome.status,
		       outcome.said);
		exit(1);
	}
	read_target(scenario, &reference->new_target);
	*steps = (struct steps){ 0 };
	if (want.what != WHAT_MEMORY)
		read_trace("trace", steps);
}

/* All cases of a scenario whose turn it is with this worker. */
static void loop_operations(const struct scenario *scenario, const struct reference *reference,
			    const struct steps *steps, unsigned worker, struct counts *counts)
{
	uint64_t state = want.seed * 1000003 + (uint64_t)(scenario - scenarios);
	uint64_t turn = 0;

	for (size_t i = 0; i < steps->count; i++) {
		size_t count = cases_of(&steps->step[i], SIZE_MAX, NULL);

		for (size_t number = 0; number < count; number++) {
			struct fault fault = { 0 };

			if (chance(&state) % want.sample != 0 || turn++ % want.jobs != worker)
				continue;
			cases_of(&steps->step[i], number, &fault);
			count_case(scenario, &fault, reference, counts);
			free((char *)(uintptr_t)fault.result);
		}
	}
}

/* Until the run ends before it has come to that allocation. */
static void loop_memory(const struct scenario *scenario, const struct reference *reference,
			unsigned worker, struct counts *counts)
{
	for (uint64_t number = 0;; number++) {
		struct fault fault = { .kind = "", .result = "ENOMEM" };

		if (number % want.jobs != worker || number / want.jobs % want.sample != 0)
			continue;
		unlink("nomem");
		snprintf(fault.plan, sizeof(fault.plan), "%llu%s",
			 (unsigned long long)(number / 2 + 1), number % 2 != 0 ? "+" : "");
		count_case(scenario, &fault, reference, counts);
		if (access("nomem", F_OK) != 0)
			return;
	}
}

static void be_worker(const void *what, unsigned worker, struct counts *counts)
{
	const struct scenario *scenario = what;
	struct reference reference = { 0 };
	struct steps steps;

	if (want.what == WHAT_CUTS)
		mount_device();
	take_reference(scenario, &reference, &steps);
	if (want.what == WHAT_MEMORY)
		loop_memory(scenario, &reference, worker, counts);
	else
		loop_operations(scenario, &reference, &steps, worker, counts);
	if (want.what == WHAT_CUTS)
		unmount_device();
}

/* One case, with what is said. */
static int try_one(const struct scenario *scenario, const char *work)
{
	struct fault fault = { .kind = "", .result = "" };
	struct reference reference = { 0 };
	struct outcome outcome;
	struct steps steps;
	char *kind = strstr(want.only, "op=");
	char *error = strstr(want.only, "ret=-");
	bool good;

	enter_folder(0);
	take_reference(scenario, &reference, &steps);
	snprintf(fault.plan, sizeof(fault.plan), "%s", want.only);
	if (kind != NULL)
		fault.kind = strndup(kind + 3, strcspn(kind + 3, " "));
	if (error != NULL)
		fault.result = strndup(error + 5, strcspn(error + 5, " "));
	make_anew(scenario);
	run(scenario, fault.plan, "trace-of-fault", &outcome);
	printf("%s\nstatus %d\n%s", work, outcome.status, outcome.said);
	good = judge(scenario, &fault, &reference, &outcome);
	printf("%s\n", good ? "judged right" : verdict);
	return good ? 0 : 1;
}

static bool is_wanted(const struct scenario *scenario, char **names)
{
	if (*names == NULL)
		return true;
	for (; *names != NULL; names++)
		if (strcmp(*names, scenario->name) == 0)
			return true;
	return false;
}

static void set_what(const char *name)
{
	if (strcmp(name, "faults") == 0) {
		want.what = WHAT_FAULTS;
	} else if (strcmp(name, "kills") == 0) {
		want.what = WHAT_KILLS;
	} else if (strcmp(name, "cuts") == 0) {
		want.what = WHAT_CUTS;
	} else if (strcmp(name, "memory") == 0) {
		want.what = WHAT_MEMORY;
	} else {
		errno = EINVAL;
		die("--what=%s", name);
	}
}

static void list_scenarios(void)
{
	for (size_t i = 0; i < SCENARIOS; i++)
		puts(scenarios[i].name);
	exit(0);
}

static void read_options(int argc, char **argv)
{
	static const char *what, *sample, *seed, *jobs;
	static const struct {
		const char *name;
		const char **text;
	} known[] = {
		{ "weir", &want.weir },
		{ "work", &want.work },
		{ "engine", &want.engine },
		{ "what", &what },
		{ "nomem", &want.nomem },
		{ "sample", &sample },
		{ "seed", &seed },
		{ "jobs", &jobs },
		{ "also", &want.also },
		{ "device", &want.device },
		{ "fs", &want.fs },
		{ "only", &want.only },
		{ "options", &want.options },
	};
	struct option options[sizeof(known) / sizeof(known[0]) + 2] = { 0 };
	int count = (int)(sizeof(known) / sizeof(known[0]));
	int number_of;

	for (int i = 0; i < count; i++)
		options[i] = (struct option){ known[i].name, required_argument, NULL, i };
	options[count] = (struct option){ "list", no_argument, NULL, count };
	while ((number_of = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (number_of == count)
			list_scenarios();
		if (number_of > count)
			exit(2);
		*known[number_of].text = optarg;
	}
	if (what != NULL)
		set_what(what);
	want.sample = sample != NULL ? (unsigned)number(sample) : want.sample;
	want.seed = seed != NULL ? number(seed) : want.seed;
	want.jobs = jobs != NULL ? (unsigned)number(jobs) : want.jobs;
	errno = EINVAL;
	if (want.weir == NULL || want.sample == 0 || want.jobs == 0 ||
	    (want.what == WHAT_MEMORY && want.nomem == NULL) ||
	    (want.what == WHAT_CUTS && (want.device == NULL || want.fs == NULL)))
		die("what is to be run");
	if (want.what == WHAT_CUTS)
		want.jobs = 1; /* of the device there is one */
}

int main(int argc, char **argv)
{
	struct counts all = { 0 };
	const char *work;

	read_options(argc, argv);
	want.weir = command_at(want.weir);
	if (want.work == NULL)
		want.work = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
	work = enter_work(want.work, "faultloop");
	for (size_t i = 0; i < SCENARIOS; i++) {
		struct counts counts;

		if (!is_wanted(&scenarios[i], argv + optind))
			continue;
		if (want.only != NULL)
			return try_one(&scenarios[i], work);
		counts = share(want.jobs, be_worker, &scenarios[i]);
		printf("%-12s %-6s %llu passed, %llu failed", scenarios[i].name, want.engine,
		       (unsigned long long)counts.passed, (unsigned long long)counts.failed);
		if (counts.missed > 0)
			printf(" (%llu ended before it)", (unsigned long long)counts.missed);
		putchar('\n');
		counts_add(&all, &counts);
	}
	leave_work(work);
	return counts_end(&all);
}
