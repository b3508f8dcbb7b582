/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a careless caller does gets an error, not a crash: NULL is freed, a run
 * is freed before it began, options are unknown or out of bounds, operands are
 * missing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <weir.h>

static int failures;

static void expect(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "wrong: %s\n", what);
	failures++;
}

/* A text is copied, so the caller's may change; what no name can end with is refused. */
static void set_texts(struct weir_run *run)
{
	const enum weir_text suffix = WEIR_TEXT_BACKUP_SUFFIX;
	struct weir_event *event;
	char text[300] = ".old";

	expect(weir_run_set_text(run, suffix, text) == 0, "a suffix");
	expect(weir_run_set_text(run, suffix, "") == -EINVAL, "an empty suffix");
	expect(weir_run_set_text(run, suffix, "a/b") == -EINVAL, "a suffix with a slash");
	expect(weir_run_set_text(run, suffix, NULL) == -EINVAL, "no suffix");
	expect(weir_run_set_text(run, (enum weir_text)999, "x") == -EINVAL, "no text option");
	memset(text, 'x', sizeof(text) - 1);
	expect(weir_run_set_text(run, suffix, text) == -ENAMETOOLONG, "a suffix of 299 bytes");
	text[255] = '\0';
	expect(weir_run_set_text(run, suffix, text) == 0, "a suffix of 255 bytes");
	expect(weir_run_set_target(run, AT_FDCWD, "/nonexistent/x", WEIR_TARGET_NAME) == 0,
	       "a target");
	expect(weir_run_next(run, -1, &event) == 1, "a run that cannot start says so");
	expect(weir_run_set_text(run, suffix, "~") == -EBUSY, "a text for a run that has begun");
}

/* Only two classes of I/O priority have levels, and no number is of another class. */
static void set_priorities(struct weir_run *run)
{
	const enum weir_option option = WEIR_OPT_IO_PRIORITY;

	for (int level = 0; level < WEIR_IO_LEVELS; level++) {
		int best = WEIR_IO_PRIORITY(WEIR_IO_BEST_EFFORT, level);
		int idle = WEIR_IO_PRIORITY(WEIR_IO_IDLE, level);
		int none = WEIR_IO_PRIORITY(WEIR_IO_NONE, level);
		int refused = level == 0 ? 0 : -EINVAL;

		expect(weir_run_set(run, option, best) == 0, "a level of best effort");
		expect(weir_run_set(run, option, idle) == refused, "no level of idle");
		expect(weir_run_set(run, option, none) == refused, "no level of none");
		expect(weir_run_set(run, option, level) == refused, "no level without a class");
	}
	expect(weir_run_set(run, option, WEIR_IO_PRIORITY(5, 0)) == -EINVAL, "a fifth class");
	expect(weir_run_set(run, option, -1) == -EINVAL, "a priority below 0");
	expect(weir_run_set(run, WEIR_OPT_BYTES_PER_SECOND, -1) == -EINVAL, "a rate below 0");
	expect(weir_run_set(run, WEIR_OPT_STOP_AFTER_NS, -1) == -EINVAL, "a time below 0");
	expect(weir_run_set(run, option, 0) == 0, "the priority of the caller");
}

static void set_numbers(struct weir_run *run, int64_t lowest, int64_t highest)
{
	expect(weir_run_set(run, WEIR_OPT_WORKERS, highest) == 0, "the highest value");
	expect(weir_run_set(run, WEIR_OPT_WORKERS, highest + 1) == -EINVAL, "one above it");
	expect(weir_run_set(run, WEIR_OPT_WORKERS, lowest - 1) == -EINVAL, "one below the lowest");
	expect(weir_run_set(run, (enum weir_option)999, 0) == -EINVAL, "an unknown option");
	set_priorities(run);
}

/* A clean has sources and no target, and what is not there is one failure. */
static void clean(void)
{
	struct weir_run *run = weir_run_new(WEIR_CLEAN);
	struct weir_event *event;

	expect(run != NULL && weir_run_next(run, -1, &event) == -EINVAL, "a clean of nothing");
	expect(run != NULL && weir_run_add_source(run, AT_FDCWD, "/nonexistent") == 0 &&
		       weir_run_set_target(run, AT_FDCWD, "/nonexistent", WEIR_TARGET_NAME) == 0 &&
		       weir_run_next(run, -1, &event) == -EINVAL,
	       "a clean with a target");
	weir_run_free(run);

	run = weir_run_new(WEIR_CLEAN);
	expect(run != NULL && weir_run_add_source(run, AT_FDCWD, "/nonexistent") == 0 &&
		       weir_run_next(run, -1, &event) == 1 &&
		       weir_event_type(event) == WEIR_EVENT_ERROR &&
		       weir_event_errno(event) == ENOENT &&
		       weir_event_residue(event) == WEIR_RESIDUE_NONE &&
		       weir_run_next(run, -1, &event) == 0 &&
		       weir_run_result(run) == WEIR_RESULT_ENTRIES_FAILED,
	       "a clean of what is not there");
	weir_run_free(run);

	run = weir_run_new(WEIR_CLEAN);
	if (run != NULL)
		weir_run_cancel(run, WEIR_CANCEL_FINISH);
	expect(run != NULL && weir_run_add_source(run, AT_FDCWD, "/") == 0 &&
		       weir_run_next(run, -1, &event) == 0 &&
		       weir_run_result(run) == WEIR_RESULT_FATAL,
	       "a clean that was cancelled before it began");
	weir_run_free(run);
}

int main(void)
{
	struct weir_event *event = NULL;
	struct weir_run *run;
	int64_t lowest;
	int64_t highest;
	size_t rule;
	size_t bytes;

	weir_run_free(NULL);
	errno = 0;
	expect(weir_run_new((enum weir_kind)999) == NULL && errno == EINVAL, "a kind of no run");
	expect(weir_bounds((enum weir_option)999, &lowest, &highest) == -EINVAL,
	       "bounds of no option");
	expect(weir_bounds(WEIR_OPT_WORKERS, &lowest, &highest) == 0 && lowest == 0 && highest > 0,
	       "bounds of the workers");

	run = weir_run_new(WEIR_COPY);
	expect(run != NULL, "a new run");
	if (run == NULL)
		return 1;
	set_numbers(run, lowest, highest);
	expect(weir_run_add_source(run, AT_FDCWD, "") == -EINVAL, "an empty source");
	expect(weir_run_add_rule(run, (enum weir_rule)3, "x") == -EINVAL, "no kind of rule");
	expect(weir_run_add_rule(run, WEIR_RULE_EXCLUDE, "") == -EINVAL, "an empty pattern");
	expect(weir_run_add_rule(run, WEIR_RULE_EXCLUDE, "[a") == -EINVAL, "half a pattern");
	expect(weir_run_add_rule(run, WEIR_RULE_EXCLUDE, "*.o") == 0, "a pattern");
	expect(weir_run_find_rule(run, "a/x.o", &rule, &bytes) == 1 && rule == 0 && bytes == 5,
	       "the rule of a path");
	expect(weir_run_find_rule(run, "a/x.c", &rule, &bytes) == 0, "a path without a rule");
	expect(weir_run_find_rule(run, "", &rule, &bytes) == -EINVAL, "no path");
	expect(weir_run_find_rule(run, "/x.o", &rule, &bytes) == -EINVAL, "a path from /");
	expect(weir_run_find_rule(run, "a//x.o", &rule, &bytes) == -EINVAL, "an empty name");
	expect(weir_run_next(run, -1, &event) == -EINVAL, "a run without operands");
	expect(weir_run_set(run, WEIR_OPT_RULE_PATHS, 1) == 0, "rules with the path of a source");
	expect(weir_run_add_source(run, AT_FDCWD, "/x.o/./y//z/") == 0, "a source with a path");
	expect(weir_run_find_rule(run, "x.o/y/z", &rule, &bytes) == 0, "what is above it");
	expect(weir_run_find_rule(run, "x.o/y/z/b.o/c", &rule, &bytes) == 1 && bytes == 11,
	       "a folder below a source");
	expect(weir_run_find_rule(run, "x.o/y", &rule, &bytes) == -EISDIR, "a part of a name");
	expect(weir_run_find_rule(run, "x.o/yy", &rule, &bytes) == -ENOENT, "what is in no source");
	weir_run_free(run);

	run = weir_run_new(WEIR_COPY);
	expect(run != NULL && weir_run_add_source(run, AT_FDCWD, "/nonexistent") == 0, "a source");
	if (run != NULL)
		set_texts(run);
	weir_run_free(run);

	run = weir_run_new(WEIR_COPY);
	expect(run != NULL && weir_run_add_source(run, AT_FDCWD, "/nonexistent") == 0 &&
		       weir_run_set_target(run, AT_FDCWD, "/nonexistent", WEIR_TARGET_NAME) == 0,
	       "operands");
	expect(run != NULL && weir_run_set(run, WEIR_OPT_PREALLOCATE, 1) == 0 &&
		       weir_run_set(run, WEIR_OPT_DURABLE, WEIR_DURABLE_NONE) == 0 &&
		       weir_run_next(run, -1, &event) == -EINVAL,
	       "space reserved where nothing is synced before the names");
	expect(weir_bounds((enum weir_option)15, &lowest, &highest) == -EINVAL,
	       "bounds of a number that is not given out");
	weir_run_free(run);

	run = weir_run_new(WEIR_COPY);
	expect(run != NULL && weir_run_add_source(run, AT_FDCWD, "/nonexistent") == 0 &&
		       weir_run_set_target(run, AT_FDCWD, "/nonexistent/x", WEIR_TARGET_AUTO) == 0,
	       "operands of a rule");
	expect(weir_run_next(run, -1, &event) == 1, "an event about them");
	expect(weir_run_add_rule(run, WEIR_RULE_EXCLUDE, "x") == -EBUSY, "a rule that is late");
	weir_run_free(run);
	clean();
	return failures != 0;
}
