/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "program.h"

#include <stddef.h>
#include <string.h>

static bool is_cp;

void program_begin(const char *argv0)
{
	const char *slash = argv0 != NULL ? strrchr(argv0, '/') : NULL;
	const char *name = slash != NULL ? slash + 1 : argv0;

	is_cp = name != NULL && strcmp(name, PROGRAM_CP) == 0;
}

const char *program_name(void)
{
	return is_cp ? PROGRAM_CP : PROGRAM_WEIR;
}

bool program_is_cp(void)
{
	return is_cp;
}

int program_status(int status)
{
	return is_cp && status != 0 ? 1 : status;
}
