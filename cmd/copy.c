/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup.h"
#include "names.h"
#include "output.h"
#include "program.h"
#include "rules.h"
#include "session.h"

static int check_conflicts(const struct session *copy)
{
	const struct request *request = &copy->request;

	if (request->values[SETTING_TARGET_IS_NAME] != 0 && session_has(copy, TEXT_TARGET_FOLDER))
		return usage_error(copy->speaker, NULL,
				   "-t (--target-directory) and -T (--no-target-directory) "
				   "exclude each other");
	if (request->values[SETTING_TARGET_IS_NAME] != 0 && session_has(copy, TEXT_LIST_FILE))
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
	return session_check_lists(copy);
}

static int check_operand_count(const struct session *copy)
{
	const struct request *request = &copy->request;
	bool has_folder = session_has(copy, TEXT_TARGET_FOLDER);
	bool has_list = session_has(copy, TEXT_LIST_FILE);
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

static int add_target(struct session *copy)
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

static int add_list(struct session *copy)
{
	return names_add_sources(copy->speaker, copy->run, copy->request.texts[TEXT_LIST_FILE],
				 copy->request.values[SETTING_NULL] != 0,
				 copy->request.values[SETTING_STRIP_SLASHES] != 0,
				 &copy->source_count);
}

static int add_sources(struct session *copy)
{
	bool strips = copy->request.values[SETTING_STRIP_SLASHES] != 0;

	for (size_t i = 0; i < copy->source_count; i++) {
		const char *source = copy->request.operands[i];
		int result = names_add_source(copy->run, source, strips);

		if (result < 0)
			return output_fail("use source", source, -result);
	}
	return session_has(copy, TEXT_LIST_FILE) ? add_list(copy) : 0;
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

/* Everything up to the first look at an operand. */
static int prepare(struct session *copy, char **words)
{
	int status = check_conflicts(copy);

	if (status == 0)
		status = session_check_operands(copy);
	if (status == 0)
		status = check_operand_count(copy);
	if (status == 0)
		status = parse_environment(copy->speaker, &copy->request);
	if (program_is_cp())
		default_to_cp(&copy->request);
	if (status == 0)
		status = backup_settle(copy->speaker, &copy->request);
	if (status == 0)
		status = session_check_preallocate(copy);
	if (status == 0)
		status = session_check_inplace(copy);
	settle_links(&copy->request);
	if (status == 0)
		status = session_make_run(copy, WEIR_COPY);
	if (status == 0)
		status = add_target(copy);
	if (status == 0)
		status = add_sources(copy);
	if (status == 0)
		status = session_open_log(copy, words);
	return status;
}

/* Names the rule that decides about a path, and copies nothing.  Operands may be
 * there, so that a command can be asked about as it is. */
static int explain_filter(struct session *copy)
{
	int status = check_conflicts(copy);

	if (status == 0)
		status = parse_environment(copy->speaker, &copy->request);
	if (status == 0)
		status = session_make_run(copy, WEIR_COPY);
	if (status == 0 && session_has(copy, TEXT_LIST_FILE))
		status = add_list(copy);
	copy->rules.no_sources = session_has(copy, TEXT_LIST_FILE) && copy->source_count == 0;
	if (status == 0)
		status = rules_explain(copy->speaker, &copy->rules, copy->run,
				       copy->request.texts[TEXT_EXPLAINED]);
	return status;
}

int copy_run(const struct verb *verb, char **words)
{
	struct session copy;

	if (session_begin(&copy, verb, words)) {
		if (session_has(&copy, TEXT_EXPLAINED))
			copy.status = explain_filter(&copy);
		else
			copy.status = prepare(&copy, words);
		if (copy.status == 0 && !session_has(&copy, TEXT_EXPLAINED))
			session_run(&copy);
	}
	return session_end(&copy);
}
