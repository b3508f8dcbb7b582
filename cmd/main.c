/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process.h"
#include "signals.h"
#include "verbs.h"

int main(int argc, char **argv)
{
	static char *no_words[] = { NULL };
	int status;

	process_prepare();
	/* Without even a name of its own (execve with an empty list) argv[1] is
	 * beyond the end. */
	status = verbs_run(argc > 0 ? argv + 1 : no_words);
	signals_raise_again();
	return status;
}
