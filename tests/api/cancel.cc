// SPDX-License-Identifier: LGPL-2.1-or-later
//
// cancel SOURCE TARGET: a C++ program begins a run, cancels it and frees it.
// TARGET is then absent or whole, never half.

#include <fcntl.h>

#include <weir.h>

int main(int argc, char **argv)
{
	weir_run *run = weir_run_new(WEIR_COPY);
	weir_event *event = nullptr;

	if (argc != 3 || run == nullptr)
		return 1;
	if (weir_run_add_source(run, AT_FDCWD, argv[1]) != 0 ||
	    weir_run_set_target(run, AT_FDCWD, argv[2], WEIR_TARGET_NAME) != 0)
		return 1;
	weir_run_next(run, 0, &event);
	weir_run_cancel(run, WEIR_CANCEL_NOW);
	weir_run_free(run);
	return 0;
}
