/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "escape.h"
#include "help.h"
#include "program.h"
#include "signals.h"

#define TICK_MS 100 /* how long a signal or a redraw may wait */
#define REPORT_AFTER_NS 1000000000ULL

bool session_has(const struct session *session, enum setting_text text)
{
	return session->request.texts[text] != NULL;
}

size_t session_count_lists(const struct session *session, const char *file)
{
	const struct request *request = &session->request;
	const char *list = request->texts[TEXT_LIST_FILE];
	size_t count = list != NULL && (file == NULL || strcmp(list, file) == 0);

	for (size_t i = 0; i < request->rule_count; i++)
		if (request->rules[i].option->argument == ARGUMENT_FILE &&
		    (file == NULL || strcmp(request->rules[i].value, file) == 0))
			count++;
	return count;
}

int session_check_lists(const struct session *session)
{
	if (session->request.values[SETTING_NULL] != 0 &&
	    session->request.values[SETTING_ITEMIZE] == 0 &&
	    session->request.values[WEIR_OPT_DRY_RUN] == 0 &&
	    session_count_lists(session, NULL) == 0)
		return usage_error(session->speaker, NULL,
				   "-0 (--null) is for --files-from, --exclude-from and "
				   "--include-from only");
	if (session_count_lists(session, "-") > 1)
		return usage_error(session->speaker, NULL,
				   "standard input can be read as one list only");
	return 0;
}

int session_check_operands(const struct session *session)
{
	for (size_t i = 0; i < session->request.operand_count; i++)
		if (session->request.operands[i][0] == '\0')
			return usage_error(session->speaker, NULL,
					   "an operand is empty (a variable without a value?)");
	return 0;
}

int session_check_inplace(const struct session *session)
{
	const struct request *request = &session->request;
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
	return why != NULL ? usage_error(session->speaker, NULL, why) : 0;
}

static bool is_sync(const struct session *session)
{
	return (session->speaker->verb & VERB_SYNC) != 0;
}

static bool is_clean(const struct session *session)
{
	return (session->speaker->verb & VERB_CLEAN) != 0;
}

/* Without a sync before the name, a power cut could leave reserved zeros of the right
 * size. */
int session_check_preallocate(const struct session *session)
{
	const struct request *request = &session->request;
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
	return why != NULL ? usage_error(session->speaker, NULL, why) : 0;
}

/* What a dry run would do is all that it has to say. */
static enum verbosity get_verbosity(const struct request *request)
{
	if (!request->given[SETTING_VERBOSITY] && request->values[WEIR_OPT_DRY_RUN] != 0)
		return VERBOSITY_VERBOSE;
	return (enum verbosity)request->values[SETTING_VERBOSITY];
}

int session_make_run(struct session *session, enum weir_kind kind)
{
	const struct request *request = &session->request;
	bool wants_entries = get_verbosity(request) == VERBOSITY_VERBOSE ||
			     request->values[SETTING_ITEMIZE] != 0 ||
			     request->values[WEIR_OPT_DRY_RUN] != 0 ||
			     session_has(session, TEXT_LOG_FILE) || is_clean(session);
	int status;

	session->run = weir_run_new(kind);
	if (session->run == NULL)
		return output_fail("start", NULL, errno);
	status = request_apply(session->speaker, request, session->run);
	if (status != 0)
		return status;
	if (weir_run_set(session->run, WEIR_OPT_REPORT_ENTRIES, wants_entries) < 0 ||
	    (!request->given[WEIR_OPT_CONFINE] &&
	     weir_run_set(session->run, WEIR_OPT_CONFINE, WEIR_CONFINE_AUTO) < 0) ||
	    weir_run_set(session->run, WEIR_OPT_RULE_PATHS, session_has(session, TEXT_LIST_FILE)) <
		    0)
		return output_fail("start", NULL, EINVAL);
	session->rules.keeps_origins = session_has(session, TEXT_EXPLAINED);
	return rules_add(session->speaker, request, session->run, &session->rules);
}

static int open_log(struct session *session)
{
	const char *file = session->request.texts[TEXT_LOG_FILE];
	struct text why = { 0 };
	int status = 0;

	if (!log_open(&session->log, file, &why))
		status = output_refuse("open log", file, text_string(&why));
	text_free(&why);
	return status;
}

static void log_command(struct session *session, char **words)
{
	struct text line = { 0 };

	text_addf(&line, "weir " WEIR_VERSION ": %s", session->verb->name);
	for (; *words != NULL; words++) {
		text_add(&line, " ");
		escape_quoted(&line, *words, true);
	}
	log_line(&session->log, text_string(&line));
	text_free(&line);
}

int session_open_log(struct session *session, char **words)
{
	int status = open_log(session);

	if (status == 0)
		log_command(session, words);
	return status;
}

/* "finishing 3 files, 12288 bytes; again to drop them" */
static void tell_finishing(struct session *session)
{
	struct weir_stats stats = { 0 };
	struct text line = { 0 };

	weir_run_stats(session->run, &stats, sizeof(stats));
	text_addf(&line, "%s: finishing ", program_name());
	text_add_count(&line, stats.files_parked, "file", "files");
	text_add(&line, ", ");
	text_add_count(&line, stats.bytes_parked, "byte", "bytes");
	text_add(&line, "; again to drop them");
	report_line(&session->report, text_string(&line));
	text_free(&line);
}

/* Two signals, and the run goes on: a call does not come back. */
static void tell_dropping(struct session *session)
{
	struct text line = { 0 };

	session->dropping_told = true;
	text_addf(&line, "%s: waiting for a call that does not end; again to end at once",
		  program_name());
	report_line(&session->report, text_string(&line));
	text_free(&line);
}

static void answer_signals(struct session *session)
{
	if (signals_take_progress())
		progress_tell(&session->progress, &session->output, session->run);
	if (!session->finishing_told && signals_count() > 0 && !program_is_cp() &&
	    !is_clean(session)) {
		session->finishing_told = true;
		tell_finishing(session);
	}
}

static void tell_broken_run(struct session *session, int errnum)
{
	struct text line = { 0 };

	text_addf(&line, "%s: cannot go on: ", program_name());
	output_add_reason(&line, errnum);
	report_line(&session->report, text_string(&line));
	text_free(&line);
}

/* Lines are held back while many come at once, but for no longer than a tick. */
static void flush_held(struct session *session, bool is_idle)
{
	struct timespec now;
	uint64_t now_ms;

	clock_gettime(CLOCK_MONOTONIC, &now);
	now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	if (!is_idle && now_ms < session->flush_due_ms)
		return;
	session->flush_due_ms = now_ms + TICK_MS;
	output_flush(&session->output);
	log_flush(&session->log);
}

static void answer_question(struct session *session, const struct weir_event *event)
{
	bool yes = question_replace(&session->question, &session->output, weir_event_path(event));

	/* It may be gone: a signal takes all questions back. */
	(void)weir_run_answer(session->run, weir_event_question(event), yes);
}

/* Pulls events until there are none; returns the status of the run. */
static int pull_events(struct session *session)
{
	for (;;) {
		struct weir_event *event;
		int result = weir_run_next(session->run, TICK_MS, &event);

		if (result == 1 && weir_event_type(event) == WEIR_EVENT_ASK) {
			answer_question(session, event);
		} else if (result == 1) {
			report_event(&session->report, event);
		} else if (result == 0) {
			break;
		} else if (result != -ETIMEDOUT && result != -EINTR) {
			tell_broken_run(session, -result);
			return WEIR_RESULT_FATAL;
		}
		flush_held(session, result != 1);
		answer_signals(session);
		if (result == -ETIMEDOUT && signals_count() > 1 && !session->dropping_told)
			tell_dropping(session);
		progress_tick(&session->progress, &session->output, session->run);
	}
	answer_signals(session);
	return (int)weir_run_result(session->run);
}

static bool wants_summary(const struct session *session)
{
	struct weir_stats stats = { 0 };
	const struct request *request = &session->request;

	if (request->values[SETTING_STATS] != 0)
		return true;
	if ((is_sync(session) || is_clean(session)) &&
	    request->values[SETTING_VERBOSITY] != VERBOSITY_QUIET &&
	    (request->values[SETTING_ITEMIZE] != 0 || get_verbosity(request) == VERBOSITY_VERBOSE))
		return true;
	if (request->values[SETTING_VERBOSITY] == VERBOSITY_QUIET || program_is_cp() ||
	    isatty(STDERR_FILENO) != 1)
		return false;
	weir_run_stats(session->run, &stats, sizeof(stats));
	return stats.elapsed_ns > REPORT_AFTER_NS || request->values[WEIR_OPT_DRY_RUN] != 0;
}

static void tell_end(struct session *session)
{
	const char *ended_by = signals_count() > 0 ? signals_name(signals_first()) : NULL;

	output_clear_status(&session->output);
	output_flush(&session->output);
	report_counts(&session->report);
	report_summary(&session->report, session->run, ended_by, wants_summary(session));
	if (session->request.values[SETTING_STATS] != 0)
		report_counters(&session->report, session->run);
}

/* A run that lost its log or its output has failed in a part; worse stays. */
static int worsen(int status)
{
	return status == WEIR_RESULT_OK || status == WEIR_RESULT_SOURCE_CHANGED
		       ? (int)WEIR_RESULT_ENTRIES_FAILED
		       : status;
}

static void close_log(struct session *session)
{
	struct text line = { 0 };
	int errnum = log_close(&session->log);

	if (errnum == 0)
		return;
	text_addf(&line, "%s: cannot write log ", program_name());
	escape_quoted(&line, session->log.file, session->output.utf8);
	text_add(&line, ": ");
	output_add_reason(&line, errnum);
	output_err(&session->output, text_string(&line));
	text_free(&line);
	session->status = worsen(session->status);
}

/* Who comes from rsync means a dry run by -n, and would wonder at the silence. */
static void hint_at_letter(struct session *session)
{
	const struct request *request = &session->request;

	if (request->letters['n'] && request->values[WEIR_OPT_NO_CLOBBER] != 0 &&
	    !request->given[WEIR_OPT_DRY_RUN] && !program_is_cp() &&
	    get_verbosity(request) != VERBOSITY_QUIET && isatty(STDERR_FILENO) == 1)
		output_err(&session->output, PROGRAM_WEIR ": -n is no-clobber; see --dry-run");
}

void session_run(struct session *session)
{
	const struct request *request = &session->request;
	enum verbosity verbosity = get_verbosity(request);
	bool is_durable = !request->given[WEIR_OPT_DURABLE] ||
			  request->values[WEIR_OPT_DURABLE] != WEIR_DURABLE_NONE;

	output_open(&session->output);
	report_open(&session->report, &session->output, &session->log, verbosity,
		    request->values[WEIR_OPT_DRY_RUN] != 0,
		    geteuid() == 0 || request->given[SETTING_OWNER_NAMED]);
	session->report.is_sync = is_sync(session);
	session->report.itemizes = request->values[SETTING_ITEMIZE] != 0;
	session->report.is_clean = is_clean(session);
	session->report.is_exact = (is_sync(session) || is_clean(session)) &&
				   request->values[SETTING_NULL] != 0;
	if (session->first_line != NULL && verbosity == VERBOSITY_VERBOSE &&
	    !session->report.is_exact)
		output_out(&session->output, session->first_line);
	progress_open(&session->progress, (enum progress_when)request->values[SETTING_PROGRESS],
		      verbosity == VERBOSITY_QUIET, is_durable);
	session->progress.is_clean = is_clean(session);
	question_open(&session->question, program_is_cp(), request->values[WEIR_OPT_ASK] != 0);
	hint_at_letter(session);
	signals_watch(session->run);
	/* An empty list is no error: there is nothing to copy, and all is done. */
	if (session->source_count > 0)
		session->status = pull_events(session);
	tell_end(session);
	signals_unwatch();
	question_close(&session->question);
	close_log(session);
	report_close(&session->report);
	if (output_close(&session->output) != 0)
		session->status = worsen(session->status);
}

bool session_begin(struct session *session, const struct verb *verb, char **words)
{
	int result;

	*session = (struct session){
		.verb = verb,
		.speaker = &verb->speaker,
		.log = { .fd = -1 },
	};
	result = parse_words(&verb->speaker, words, &session->request);
	if (result < 0)
		session->status = -result;
	else if (session->request.given[SETTING_HELP])
		session->status = help_show_verb(verb);
	else if (session->request.given[SETTING_VERSION])
		session->status = help_show_version();
	else
		return true;
	return false;
}

int session_end(struct session *session)
{
	weir_run_free(session->run);
	rules_free(&session->rules);
	request_free(&session->request);
	return session->status;
}
