/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backup.h"
#include "escape.h"
#include "help.h"
#include "log.h"
#include "names.h"
#include "output.h"
#include "program.h"
#include "progress.h"
#include "question.h"
#include "report.h"
#include "rules.h"
#include "signals.h"

#define TICK_MS 100 /* how long a signal or a redraw may wait */
#define REPORT_AFTER_NS 1000000000ULL

struct copy {
	const struct verb *verb;
	const struct speaker *speaker;
	struct request request;
	struct weir_run *run;
	struct rules rules;
	size_t source_count;
	struct output output;
	struct log log;
	struct report report;
	struct progress progress;
	struct question question;
	uint64_t flush_due_ms; /* CLOCK_MONOTONIC */
	bool finishing_told;
	bool dropping_told;
	int status;
};

/* Nothing below is opened before the words are known to be right. */

static bool has(const struct copy *copy, enum setting_text text)
{
	return copy->request.texts[text] != NULL;
}

/* How many lists are read from FILE, or from any file if it is NULL. */
static size_t count_lists(const struct copy *copy, const char *file)
{
	const struct request *request = &copy->request;
	const char *list = request->texts[TEXT_LIST_FILE];
	size_t count = list != NULL && (file == NULL || strcmp(list, file) == 0);

	for (size_t i = 0; i < request->rule_count; i++)
		if (request->rules[i].option->argument == ARGUMENT_FILE &&
		    (file == NULL || strcmp(request->rules[i].value, file) == 0))
			count++;
	return count;
}

static int check_conflicts(const struct copy *copy)
{
	const struct request *request = &copy->request;

	if (request->values[SETTING_TARGET_IS_NAME] != 0 && has(copy, TEXT_TARGET_FOLDER))
		return usage_error(copy->speaker, NULL,
				   "-t (--target-directory) and -T (--no-target-directory) "
				   "exclude each other");
	if (request->values[SETTING_TARGET_IS_NAME] != 0 && has(copy, TEXT_LIST_FILE))
		return usage_error(copy->speaker, NULL,
				   "--files-from and -T (--no-target-directory) exclude each "
				   "other");
	if (request->values[SETTING_TARGET_IS_NAME] != 0 && request->values[WEIR_OPT_PARENTS] != 0)
		return usage_error(copy->speaker, NULL,
				   "--parents and -T (--no-target-directory) exclude each other");
	if (request->values[WEIR_OPT_REFLINK] == WEIR_REFLINK_ALWAYS &&
	    request->values[WEIR_OPT_SPARSE] != WEIR_SPARSE_AUTO)
		return usage_error(copy->speaker, NULL,
				   "--reflink=always and --sparse exclude each other: a clone "
				   "has the holes of its source");
	if (request->values[SETTING_NULL] != 0 && count_lists(copy, NULL) == 0)
		return usage_error(copy->speaker, NULL,
				   "-0 (--null) is for --files-from, --exclude-from and "
				   "--include-from only");
	if (count_lists(copy, "-") > 1)
		return usage_error(copy->speaker, NULL,
				   "standard input can be read as one list only");
	return 0;
}

static int check_operand_count(const struct copy *copy)
{
	const struct request *request = &copy->request;
	bool has_folder = has(copy, TEXT_TARGET_FOLDER);
	bool has_list = has(copy, TEXT_LIST_FILE);
	size_t count = request->operand_count;
	size_t most = has_list ? !has_folder : 2;

	if (count == 0 && has_list && !has_folder)
		return usage_error(copy->speaker, NULL, "DIRECTORY is missing");
	if (count == 0 && !has_list)
		return usage_error(copy->speaker, NULL,
				   has_folder ? "SOURCE is missing"
					      : "SOURCE and DEST are missing");
	if (count == 1 && !has_list && !has_folder)
		return usage_error_name(copy->speaker, "DEST is missing after",
					request->operands[0]);
	if (has_list && count > most)
		return usage_error_name(copy->speaker,
					"with --files-from all sources come from the list, not",
					request->operands[has_folder ? 0 : count - 2]);
	if (request->values[SETTING_TARGET_IS_NAME] != 0 && count > most)
		return usage_error_name(copy->speaker, "-T takes one SOURCE and DEST, no more:",
					request->operands[2]);
	return 0;
}

static int check_operands(const struct copy *copy)
{
	for (size_t i = 0; i < copy->request.operand_count; i++)
		if (copy->request.operands[i][0] == '\0')
			return usage_error(copy->speaker, NULL,
					   "an operand is empty (a variable without a value?)");
	return check_operand_count(copy);
}

/* What a dry run would do is all that it has to say. */
static enum verbosity get_verbosity(const struct request *request)
{
	if (!request->given[SETTING_VERBOSITY] && request->values[WEIR_OPT_DRY_RUN] != 0)
		return VERBOSITY_VERBOSE;
	return (enum verbosity)request->values[SETTING_VERBOSITY];
}

static int make_run(struct copy *copy)
{
	const struct request *request = &copy->request;
	bool wants_entries = get_verbosity(request) == VERBOSITY_VERBOSE ||
			     request->values[WEIR_OPT_DRY_RUN] != 0 || has(copy, TEXT_LOG_FILE);
	int status;

	copy->run = weir_run_new(WEIR_COPY);
	if (copy->run == NULL)
		return output_fail("start", NULL, errno);
	status = request_apply(copy->speaker, request, copy->run);
	if (status != 0)
		return status;
	if (weir_run_set(copy->run, WEIR_OPT_REPORT_ENTRIES, wants_entries) < 0 ||
	    weir_run_set(copy->run, WEIR_OPT_RULE_PATHS, has(copy, TEXT_LIST_FILE)) < 0)
		return output_fail("start", NULL, EINVAL);
	copy->rules.keeps_origins = has(copy, TEXT_EXPLAINED);
	return rules_add(copy->speaker, request, copy->run, &copy->rules);
}

static int add_target(struct copy *copy)
{
	const struct request *request = &copy->request;
	const char *target = request->texts[TEXT_TARGET_FOLDER];
	enum weir_target_mode mode = WEIR_TARGET_FOLDER;
	int result;

	copy->source_count = request->operand_count;
	if (target == NULL) {
		copy->source_count--;
		target = request->operands[copy->source_count];
		if (request->values[SETTING_TARGET_IS_NAME] != 0)
			mode = WEIR_TARGET_NAME;
		else if (copy->source_count == 1)
			mode = WEIR_TARGET_AUTO;
	}
	result = weir_run_set_target(copy->run, AT_FDCWD, target, mode);
	return result < 0 ? output_fail("use target", target, -result) : 0;
}

static int add_list(struct copy *copy)
{
	return names_add_sources(copy->speaker, copy->run, copy->request.texts[TEXT_LIST_FILE],
				 copy->request.values[SETTING_NULL] != 0,
				 copy->request.values[SETTING_STRIP_SLASHES] != 0,
				 &copy->source_count);
}

static int add_sources(struct copy *copy)
{
	bool strips = copy->request.values[SETTING_STRIP_SLASHES] != 0;

	for (size_t i = 0; i < copy->source_count; i++) {
		const char *source = copy->request.operands[i];
		int result = names_add_source(copy->run, source, strips);

		if (result < 0)
			return output_fail("use source", source, -result);
	}
	return has(copy, TEXT_LIST_FILE) ? add_list(copy) : 0;
}

static int open_log(struct copy *copy)
{
	const char *file = copy->request.texts[TEXT_LOG_FILE];
	struct text why = { 0 };
	int status = 0;

	if (!log_open(&copy->log, file, &why))
		status = output_refuse("open log", file, text_string(&why));
	text_free(&why);
	return status;
}

static void log_command(struct copy *copy, char **words)
{
	struct text line = { 0 };

	text_addf(&line, "weir " WEIR_VERSION ": %s", copy->verb->name);
	for (; *words != NULL; words++) {
		text_add(&line, " ");
		escape_quoted(&line, *words, true);
	}
	log_line(&copy->log, text_string(&line));
	text_free(&line);
}

/* With what the environment says.  Without a sync before the name, a power cut
 * could leave reserved zeros of the right size. */
static int check_preallocate(const struct copy *copy)
{
	const struct request *request = &copy->request;
	const char *why = NULL;

	if (request->values[WEIR_OPT_PREALLOCATE] == 0)
		return 0;
	if (request->values[WEIR_OPT_SPARSE] == WEIR_SPARSE_ALWAYS)
		why = "--preallocate and --sparse=always exclude each other";
	else if (request->values[WEIR_OPT_REFLINK] == WEIR_REFLINK_ALWAYS)
		why = "--preallocate and --reflink=always exclude each other";
	else if (request->given[WEIR_OPT_DURABLE] &&
		 request->values[WEIR_OPT_DURABLE] < WEIR_DURABLE_GROUP)
		why = "--preallocate needs --durable=group or file";
	return why != NULL ? usage_error(copy->speaker, NULL, why) : 0;
}

/* What scripts expect of cp: nothing is synced, and a terminal sees nothing. */
static void default_to_cp(struct request *request)
{
	if (!request->given[WEIR_OPT_DURABLE])
		request->values[WEIR_OPT_DURABLE] = WEIR_DURABLE_NONE;
	if (!request->given[SETTING_PROGRESS])
		request->values[SETTING_PROGRESS] = PROGRESS_NEVER;
	request->given[WEIR_OPT_DURABLE] = true;
}

/* As with cp, a link takes the place of what exists only where that was said: by -f,
 * -i, --backup or --remove-destination. */
static void settle_links(struct request *request)
{
	request->values[WEIR_OPT_LINK_OVER] = request->given[WEIR_OPT_NO_CLOBBER] ||
					      request->values[WEIR_OPT_BACKUP] !=
						      WEIR_BACKUP_NONE ||
					      request->values[WEIR_OPT_FRESH] != 0;
	request->given[WEIR_OPT_LINK_OVER] = true;
}

/* With what the environment says.  A file that is written into is not there for a
 * backup, and its blocks are its own. */
static int check_inplace(const struct copy *copy)
{
	const struct request *request = &copy->request;
	const char *why = NULL;

	if (request->values[WEIR_OPT_IN_PLACE] == 0)
		return 0;
	if (request->values[WEIR_OPT_BACKUP] != WEIR_BACKUP_NONE)
		why = "--inplace and --backup exclude each other";
	else if (request->values[WEIR_OPT_FRESH] != 0)
		why = "--inplace and --remove-destination exclude each other";
	else if (request->values[WEIR_OPT_PREALLOCATE] != 0)
		why = "--inplace and --preallocate exclude each other";
	else if (request->values[WEIR_OPT_REFLINK] == WEIR_REFLINK_ALWAYS)
		why = "--inplace and --reflink=always exclude each other";
	return why != NULL ? usage_error(copy->speaker, NULL, why) : 0;
}

/* Everything up to the first look at an operand. */
static int prepare(struct copy *copy, char **words)
{
	int status = check_conflicts(copy);

	if (status == 0)
		status = check_operands(copy);
	if (status == 0)
		status = parse_environment(copy->speaker, &copy->request);
	if (program_is_cp())
		default_to_cp(&copy->request);
	if (status == 0)
		status = backup_settle(copy->speaker, &copy->request);
	if (status == 0)
		status = check_preallocate(copy);
	if (status == 0)
		status = check_inplace(copy);
	settle_links(&copy->request);
	if (status == 0)
		status = make_run(copy);
	if (status == 0)
		status = add_target(copy);
	if (status == 0)
		status = add_sources(copy);
	if (status == 0)
		status = open_log(copy);
	if (status == 0)
		log_command(copy, words);
	return status;
}

/* Names the rule that decides about a path, and copies nothing.  Operands may be
 * there, so that a command can be asked about as it is. */
static int explain_filter(struct copy *copy)
{
	int status = check_conflicts(copy);

	if (status == 0)
		status = parse_environment(copy->speaker, &copy->request);
	if (status == 0)
		status = make_run(copy);
	if (status == 0 && has(copy, TEXT_LIST_FILE))
		status = add_list(copy);
	copy->rules.no_sources = has(copy, TEXT_LIST_FILE) && copy->source_count == 0;
	if (status == 0)
		status = rules_explain(copy->speaker, &copy->rules, copy->run,
				       copy->request.texts[TEXT_EXPLAINED]);
	return status;
}

/* "finishing 3 files, 12288 bytes; again to drop them" */
static void tell_finishing(struct copy *copy)
{
	struct weir_stats stats = { 0 };
	struct text line = { 0 };

	weir_run_stats(copy->run, &stats, sizeof(stats));
	text_addf(&line, "%s: finishing ", program_name());
	text_add_count(&line, stats.files_parked, "file", "files");
	text_add(&line, ", ");
	text_add_count(&line, stats.bytes_parked, "byte", "bytes");
	text_add(&line, "; again to drop them");
	report_line(&copy->report, text_string(&line));
	text_free(&line);
}

/* Two signals, and the run goes on: a call does not come back. */
static void tell_dropping(struct copy *copy)
{
	struct text line = { 0 };

	copy->dropping_told = true;
	text_addf(&line, "%s: waiting for a call that does not end; again to end at once",
		  program_name());
	report_line(&copy->report, text_string(&line));
	text_free(&line);
}

static void answer_signals(struct copy *copy)
{
	if (signals_take_progress())
		progress_tell(&copy->progress, &copy->output, copy->run);
	if (!copy->finishing_told && signals_count() > 0 && !program_is_cp()) {
		copy->finishing_told = true;
		tell_finishing(copy);
	}
}

static void tell_broken_run(struct copy *copy, int errnum)
{
	struct text line = { 0 };

	text_addf(&line, "%s: cannot go on: ", program_name());
	output_add_reason(&line, errnum);
	report_line(&copy->report, text_string(&line));
	text_free(&line);
}

/* Lines are held back while many come at once, but for no longer than a tick. */
static void flush_held(struct copy *copy, bool is_idle)
{
	struct timespec now;
	uint64_t now_ms;

	clock_gettime(CLOCK_MONOTONIC, &now);
	now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	if (!is_idle && now_ms < copy->flush_due_ms)
		return;
	copy->flush_due_ms = now_ms + TICK_MS;
	output_flush(&copy->output);
	log_flush(&copy->log);
}

static void answer_question(struct copy *copy, const struct weir_event *event)
{
	bool yes = question_replace(&copy->question, &copy->output, weir_event_path(event));

	/* It may be gone: a signal takes all questions back. */
	(void)weir_run_answer(copy->run, weir_event_question(event), yes);
}

/* Pulls events until there are none; returns the status of the run. */
static int pull_events(struct copy *copy)
{
	for (;;) {
		struct weir_event *event;
		int result = weir_run_next(copy->run, TICK_MS, &event);

		if (result == 1 && weir_event_type(event) == WEIR_EVENT_ASK) {
			answer_question(copy, event);
		} else if (result == 1) {
			report_event(&copy->report, event);
		} else if (result == 0) {
			break;
		} else if (result != -ETIMEDOUT && result != -EINTR) {
			tell_broken_run(copy, -result);
			return WEIR_RESULT_FATAL;
		}
		flush_held(copy, result != 1);
		answer_signals(copy);
		if (result == -ETIMEDOUT && signals_count() > 1 && !copy->dropping_told)
			tell_dropping(copy);
		progress_tick(&copy->progress, &copy->output, copy->run);
	}
	answer_signals(copy);
	return (int)weir_run_result(copy->run);
}

static bool wants_summary(const struct copy *copy)
{
	struct weir_stats stats = { 0 };
	const struct request *request = &copy->request;

	if (request->values[SETTING_STATS] != 0)
		return true;
	if (request->values[SETTING_VERBOSITY] == VERBOSITY_QUIET || program_is_cp() ||
	    isatty(STDERR_FILENO) != 1)
		return false;
	weir_run_stats(copy->run, &stats, sizeof(stats));
	return stats.elapsed_ns > REPORT_AFTER_NS || request->values[WEIR_OPT_DRY_RUN] != 0;
}

static void tell_end(struct copy *copy)
{
	const char *ended_by = signals_count() > 0 ? signals_name(signals_first()) : NULL;

	output_clear_status(&copy->output);
	output_flush(&copy->output);
	report_counts(&copy->report);
	report_summary(&copy->report, copy->run, ended_by, wants_summary(copy));
	if (copy->request.values[SETTING_STATS] != 0)
		report_counters(&copy->report, copy->run);
}

/* A run that lost its log or its output has failed in a part; worse stays. */
static int worsen(int status)
{
	return status == WEIR_RESULT_OK || status == WEIR_RESULT_SOURCE_CHANGED
		       ? (int)WEIR_RESULT_ENTRIES_FAILED
		       : status;
}

static void close_log(struct copy *copy)
{
	struct text line = { 0 };
	int errnum = log_close(&copy->log);

	if (errnum == 0)
		return;
	text_addf(&line, "%s: cannot write log ", program_name());
	escape_quoted(&line, copy->log.file, copy->output.utf8);
	text_add(&line, ": ");
	output_add_reason(&line, errnum);
	output_err(&copy->output, text_string(&line));
	text_free(&line);
	copy->status = worsen(copy->status);
}

/* Who comes from rsync means a dry run by -n, and would wonder at the silence. */
static void hint_at_letter(struct copy *copy)
{
	const struct request *request = &copy->request;

	if (request->letters['n'] && request->values[WEIR_OPT_NO_CLOBBER] != 0 &&
	    !request->given[WEIR_OPT_DRY_RUN] && !program_is_cp() &&
	    get_verbosity(request) != VERBOSITY_QUIET && isatty(STDERR_FILENO) == 1)
		output_err(&copy->output, PROGRAM_WEIR ": -n is no-clobber; see --dry-run");
}

static void run(struct copy *copy)
{
	const struct request *request = &copy->request;
	enum verbosity verbosity = get_verbosity(request);
	bool is_durable = !request->given[WEIR_OPT_DURABLE] ||
			  request->values[WEIR_OPT_DURABLE] != WEIR_DURABLE_NONE;

	output_open(&copy->output);
	report_open(&copy->report, &copy->output, &copy->log, verbosity,
		    request->values[WEIR_OPT_DRY_RUN] != 0,
		    geteuid() == 0 || request->given[SETTING_OWNER_NAMED]);
	progress_open(&copy->progress, (enum progress_when)request->values[SETTING_PROGRESS],
		      verbosity == VERBOSITY_QUIET, is_durable);
	question_open(&copy->question, program_is_cp());
	hint_at_letter(copy);
	signals_watch(copy->run);
	/* An empty list is no error: there is nothing to copy, and all is done. */
	if (copy->source_count > 0)
		copy->status = pull_events(copy);
	tell_end(copy);
	signals_unwatch();
	question_close(&copy->question);
	close_log(copy);
	report_close(&copy->report);
	if (output_close(&copy->output) != 0)
		copy->status = worsen(copy->status);
}

int copy_run(const struct verb *verb, char **words)
{
	struct copy copy = { .verb = verb, .speaker = &verb->speaker, .log = { .fd = -1 } };
	int result = parse_words(&verb->speaker, words, &copy.request);

	if (result < 0) {
		copy.status = -result;
	} else if (copy.request.given[SETTING_HELP]) {
		copy.status = help_show_verb(verb);
	} else if (copy.request.given[SETTING_VERSION]) {
		copy.status = help_show_version();
	} else if (has(&copy, TEXT_EXPLAINED)) {
		copy.status = explain_filter(&copy);
	} else {
		copy.status = prepare(&copy, words);
		if (copy.status == 0)
			run(&copy);
	}
	weir_run_free(copy.run);
	rules_free(&copy.rules);
	request_free(&copy.request);
	return copy.status;
}
