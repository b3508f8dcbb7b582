/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stddef.h>

#include "output.h"
#include "process.h"
#include "program.h"
#include "signals.h"
#include "verbs.h"
#include "weir.h"

static int refuse_lent_rights(void)
{
	struct output output;
	struct text text = { 0 };

	output_open(&output);
	text_addf(&text,
		  "%s: refused to run with more rights than its caller has: "
		  "take its set-user-ID and set-group-ID bits and capabilities away",
		  program_name());
	output_err(&output, text_string(&text));
	(void)output_close(&output);
	text_free(&text);
	return WEIR_RESULT_REFUSED;
}

int main(int argc, char **argv)
{
	static char *no_words[] = { NULL };
	int status;

	process_prepare();
	program_begin(argc > 0 ? argv[0] : NULL);
	if (process_has_lent_rights())
		return program_status(refuse_lent_rights());
	/* Without even a name of its own (execve with an empty list) argv[1] is
	 * beyond the end. */
	status = verbs_run(argc > 0 ? argv + 1 : no_words);
	signals_raise_again();
	return program_status(status);
}
