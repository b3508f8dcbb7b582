/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sync.h"

#include <fcntl.h>

#include "backup.h"
#include "escape.h"
#include "names.h"
#include "output.h"
#include "session.h"

static bool snaps(const struct session *sync)
{
	return session_has(sync, TEXT_SNAPSHOT);
}

static int check_operands(const struct session *sync)
{
	const struct request *request = &sync->request;
	size_t wanted = snaps(sync) ? 1 : 2;
	int status = session_check_operands(sync);

	if (status != 0)
		return status;
	if (request->operand_count == 0)
		return usage_error(sync->speaker, NULL,
				   snaps(sync) ? "SOURCE is missing"
					       : "SOURCE and DEST are missing");
	if (request->operand_count < wanted)
		return usage_error_name(sync->speaker, "DEST is missing after",
					request->operands[0]);
	if (request->operand_count > wanted)
		return usage_error_name(sync->speaker,
					snaps(sync) ? "--snapshot is in the place of DEST; one "
						      "SOURCE, no more:"
						    : "one SOURCE and one DEST, no more:",
					request->operands[wanted]);
	return 0;
}

/* What is about files that are there, or about another folder than the newest snapshot. */
static int check_snapshot(const struct session *sync)
{
	const struct request *request = &sync->request;
	const int64_t *values = request->values;
	const char *why = NULL;

	if (!snaps(sync))
		return session_has(sync, TEXT_RETAIN)
			       ? usage_error(sync->speaker, NULL,
					     "--retain is nothing without --snapshot")
			       : 0;
	if (request->earlier_count > 0)
		why = "--snapshot compares with the newest one: no --link-dest, no --clone-dest";
	else if (values[WEIR_OPT_IN_PLACE] != 0)
		why = "--inplace and --snapshot exclude each other: older snapshots would change";
	else if (values[WEIR_OPT_DELETE] != WEIR_DELETE_OFF)
		why = "--delete and --snapshot exclude each other: nothing is there yet; "
		      "--retain removes old ones";
	else if (values[WEIR_OPT_BACKUP] != WEIR_BACKUP_NONE)
		why = "--backup and --snapshot exclude each other: nothing is replaced";
	else if (values[WEIR_OPT_EXISTING] != 0 || values[WEIR_OPT_UPDATE] != WEIR_UPDATE_ALL ||
		 values[WEIR_OPT_NO_CLOBBER] != 0)
		why = "--update, --existing and --ignore-existing exclude --snapshot: "
		      "nothing is there yet";
	else if (values[WEIR_OPT_KEEP_FOLDER_LINKS] != 0)
		why = "--keep-directory-symlink and --snapshot exclude each other";
	return why != NULL ? usage_error(sync->speaker, NULL, why) : 0;
}

/* Options that are nothing without others. */
static int check_deletes(const struct session *sync)
{
	const struct request *request = &sync->request;
	const char *why = NULL;
	bool deletes = request->values[WEIR_OPT_DELETE] != WEIR_DELETE_OFF;

	if (request->values[WEIR_OPT_DETECT_RENAMES] != 0 &&
	    request->values[WEIR_OPT_DELETE] != WEIR_DELETE_LAST)
		why = "--detect-renames is for --delete (last): it looks among what is to go";
	else if (!deletes && request->values[WEIR_OPT_DELETE_EXCLUDED] != 0)
		why = "--delete-excluded is nothing without --delete";
	else if (!deletes && request->given[WEIR_OPT_MAX_DELETE])
		why = "--max-delete is nothing without --delete";
	else if (!deletes && request->texts[TEXT_TRASH] != NULL)
		why = "--trash is nothing without --delete";
	else if (!deletes && request->values[WEIR_OPT_DELETE_MANY] != 0)
		why = "--yes-delete-many is nothing without --delete";
	return why != NULL ? usage_error(sync->speaker, NULL, why) : 0;
}

/* True if the first earlier copy is to be linked to; all are to be the same. */
static bool links_earlier(const struct request *request)
{
	return request->earlier[0].option->effects[0].value == WEIR_TEXT_LINK_DEST;
}

static bool names_both_kinds(const struct request *request)
{
	for (size_t i = 1; i < request->earlier_count; i++)
		if (request->earlier[i].option != request->earlier[0].option)
			return true;
	return false;
}

/* With what the environment says.  A link is one file with the earlier copy. */
static int check_earlier(const struct session *sync)
{
	const struct request *request = &sync->request;
	const char *why = NULL;

	if (request->earlier_count == 0)
		return 0;
	if (names_both_kinds(request))
		why = "--link-dest and --clone-dest exclude each other";
	else if (links_earlier(request) && request->values[WEIR_OPT_IN_PLACE] != 0)
		why = "--inplace and --link-dest exclude each other: files of DIR would change";
	else if (!links_earlier(request) && request->given[WEIR_OPT_REFLINK] &&
		 request->values[WEIR_OPT_REFLINK] == WEIR_REFLINK_NEVER)
		why = "--clone-dest and --reflink=never exclude each other";
	return why != NULL ? usage_error(sync->speaker, NULL, why) : 0;
}

/* With what the environment says. */
static int check_move(const struct session *sync)
{
	const struct request *request = &sync->request;

	if (request->values[WEIR_OPT_REMOVE_SOURCE] == 0)
		return 0;
	if (request->values[WEIR_OPT_DELETE] != WEIR_DELETE_OFF)
		return usage_error(sync->speaker, NULL,
				   "--remove-source-files and --delete exclude each other: the "
				   "next run would delete what this one has moved");
	if (snaps(sync))
		return usage_error(sync->speaker, NULL,
				   "--remove-source-files and --snapshot exclude each other: a "
				   "snapshot has its name when all else is over");
	if (!request->given[WEIR_OPT_DURABLE] ||
	    request->values[WEIR_OPT_DURABLE] != WEIR_DURABLE_NONE)
		return 0;
	return usage_error(sync->speaker, NULL,
			   "--remove-source-files removes what is durable in DEST, and with "
			   "--durable=none nothing is");
}

static int add_operands(struct session *sync)
{
	const char *source = sync->request.operands[0];
	const char *target = snaps(sync) ? NULL : sync->request.operands[1];
	int result = names_add_source(sync->run, source, false);

	if (result < 0)
		return output_fail("use source", source, -result);
	sync->source_count = 1;
	if (target == NULL)
		return 0;
	result = weir_run_set_target(sync->run, AT_FDCWD, target, WEIR_TARGET_NAME);
	return result < 0 ? output_fail("use target", target, -result) : 0;
}

/* An empty list is no error: there is nothing to sync. */
static int add_list(struct session *sync)
{
	const struct request *request = &sync->request;

	if (!session_has(sync, TEXT_LIST_FILE))
		return 0;
	return names_choose(sync->speaker, sync->run, request->texts[TEXT_LIST_FILE],
			    request->values[SETTING_NULL] != 0, &sync->source_count);
}

/* Everything up to the first look at an operand. */
static int prepare(struct session *sync, char **words)
{
	int status = session_check_lists(sync);

	if (status == 0)
		status = check_operands(sync);
	if (status == 0)
		status = check_deletes(sync);
	if (status == 0)
		status = parse_environment(sync->speaker, &sync->request);
	if (status == 0)
		status = check_earlier(sync);
	if (status == 0)
		status = check_move(sync);
	if (status == 0)
		status = backup_settle(sync->speaker, &sync->request);
	if (status == 0)
		status = check_snapshot(sync);
	if (status == 0)
		status = session_check_preallocate(sync);
	if (status == 0)
		status = session_check_inplace(sync);
	if (status == 0)
		status = session_make_run(sync, WEIR_SYNC);
	if (status == 0)
		status = add_operands(sync);
	if (status == 0)
		status = add_list(sync);
	if (status == 0)
		status = session_open_log(sync, words);
	return status;
}

/* "contents of 'a' become contents of 'b'", or "become a snapshot in" */
static void add_first_line(struct text *line, const struct session *sync)
{
	bool utf8 = escape_locale_is_utf8();

	text_add(line, "contents of ");
	escape_quoted(line, sync->request.operands[0], utf8);
	if (session_has(sync, TEXT_LIST_FILE)) {
		text_add(line, " that ");
		escape_quoted(line, sync->request.texts[TEXT_LIST_FILE], utf8);
		text_add(line, " names");
	}
	if (snaps(sync)) {
		text_add(line, " become a snapshot in ");
		escape_quoted(line, sync->request.texts[TEXT_SNAPSHOT], utf8);
		return;
	}
	text_add(line, " become contents of ");
	escape_quoted(line, sync->request.operands[1], utf8);
}

int sync_run(const struct verb *verb, char **words)
{
	struct session sync;

	if (session_begin(&sync, verb, words)) {
		struct text first_line = { 0 };

		sync.status = prepare(&sync, words);
		if (sync.status == 0) {
			add_first_line(&first_line, &sync);
			sync.first_line = text_string(&first_line);
			session_run(&sync);
		}
		text_free(&first_line);
	}
	return session_end(&sync);
}
