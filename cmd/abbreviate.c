/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "abbreviate.h"

#include <string.h>

/* All that cp has, whether weir takes it or not: a short form of what weir does
 * not take must not become something else. */
static const char *const cp_names[] = {
	"archive",
	"attributes-only",
	"backup",
	"context",
	"copy-contents",
	"debug",
	"dereference",
	"force",
	"help",
	"interactive",
	"keep-directory-symlink",
	"link",
	"no-clobber",
	"no-dereference",
	"no-preserve",
	"no-target-directory",
	"one-file-system",
	"parents",
	"preserve",
	"recursive",
	"reflink",
	"remove-destination",
	"sparse",
	"strip-trailing-slashes",
	"suffix",
	"symbolic-link",
	"target-directory",
	"update",
	"verbose",
	"version",
};

size_t abbreviate_find(const char *name, size_t length, const char **found, struct text *matches)
{
	size_t count = 0;

	*found = NULL;
	if (length == 0)
		return 0;
	for (size_t i = 0; i < sizeof(cp_names) / sizeof(cp_names[0]); i++) {
		if (strncmp(cp_names[i], name, length) != 0)
			continue;
		if (count++ == 0)
			*found = cp_names[i];
		text_addf(matches, "%s--%s", count > 1 ? ", " : "", cp_names[i]);
	}
	return count;
}
