/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clean.h"

#include <fcntl.h>

#include "output.h"
#include "session.h"

/* Names are printed for programs where any are printed. */
static int check_null(const struct session *clean)
{
	const struct request *request = &clean->request;

	if (request->values[SETTING_NULL] == 0 || request->values[WEIR_OPT_DRY_RUN] != 0 ||
	    request->values[SETTING_VERBOSITY] == VERBOSITY_VERBOSE)
		return 0;
	return usage_error(clean->speaker, NULL, "-0 (--null) is for -n and -v");
}

static int check_operands(const struct session *clean)
{
	int status = session_check_operands(clean);

	if (status == 0 && clean->request.operand_count == 0)
		status = usage_error(clean->speaker, NULL, "DEST is missing");
	return status;
}

static int add_operands(struct session *clean)
{
	for (size_t i = 0; i < clean->request.operand_count; i++) {
		const char *path = clean->request.operands[i];
		int result = weir_run_add_source(clean->run, AT_FDCWD, path);

		if (result < 0)
			return output_fail("use", path, -result);
		clean->source_count++;
	}
	return 0;
}

/* Everything up to the first look at an operand. */
static int prepare(struct session *clean, char **words)
{
	int status = check_null(clean);

	if (status == 0)
		status = check_operands(clean);
	if (status == 0)
		status = parse_environment(clean->speaker, &clean->request);
	if (status == 0)
		status = session_make_run(clean, WEIR_CLEAN);
	if (status == 0)
		status = add_operands(clean);
	if (status == 0)
		status = session_open_log(clean, words);
	return status;
}

int clean_run(const struct verb *verb, char **words)
{
	struct session clean;

	if (session_begin(&clean, verb, words)) {
		clean.status = prepare(&clean, words);
		if (clean.status == 0)
			session_run(&clean);
	}
	return session_end(&clean);
}
