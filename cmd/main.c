/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stddef.h>

#include "process.h"
#include "program.h"
#include "signals.h"
#include "verbs.h"

int main(int argc, char **argv)
{
	static char *no_words[] = { NULL };
	int status;

	process_prepare();
	program_begin(argc > 0 ? argv[0] : NULL);
	/* Without even a name of its own (execve with an empty list) argv[1] is
	 * beyond the end. */
	status = verbs_run(argc > 0 ? argv + 1 : no_words);
	signals_raise_again();
	return program_status(status);
}
