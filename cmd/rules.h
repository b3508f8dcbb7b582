/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rules of names: --exclude, --include, and the files of rules, in the order of
 * the command line; and which of them decides about a path.
 */
#ifndef WEIR_CMD_RULES_H
#define WEIR_CMD_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "parse.h"
#include "weir.h"

/* Where a rule came from. */
struct rule_origin {
	const char *option; /* its name */
	const char *file;   /* NULL: the command line */
	size_t line;
	bool includes;
	char *pattern;
};

/* All zero: none yet. */
struct rules {
	bool no_sources;    /* for rules_explain(): the list of them is empty */
	bool keeps_origins; /* for rules_explain(), else only counted */
	size_t count;
	struct rule_origin *origins;
	size_t room;
};

/* Adds all rules of REQUEST to RUN.  0, or an exit status after a message. */
int rules_add(const struct speaker *speaker, const struct request *request, struct weir_run *run,
	      struct rules *rules);

/* Writes on standard output which rule of RUN decides about PATH.  Returns an
 * exit status. */
int rules_explain(const struct speaker *speaker, const struct rules *rules,
		  const struct weir_run *run, const char *path);

void rules_free(struct rules *rules);

#endif
