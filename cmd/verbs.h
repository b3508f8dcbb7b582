/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The verbs, and what `weir` does before it comes to one.
 */
#ifndef WEIR_CMD_VERBS_H
#define WEIR_CMD_VERBS_H

#include "parse.h"

/* What the operands of a verb name, for the completions. */
enum verb_operands {
	OPERANDS_FILES, /* files and folders, any number */
	OPERANDS_TWO_FOLDERS,
	OPERANDS_FOLDERS, /* any number */
	OPERANDS_VERB,
};

struct verb {
	const char *name; /* NULL ends the table */
	struct speaker speaker;
	const char *summary;	  /* one line of `weir --help` */
	const char *const *usage; /* what follows the speaker's name, ended by NULL */
	enum verb_operands operands;
	const char *const *notes; /* lines below the options, ended by NULL */
	int (*run)(const struct verb *verb, char **words);
};

extern const struct verb verbs[];

/* The verb of this name, or NULL. */
const struct verb *verbs_find(const char *name);

/* Runs the command line WORDS (without the program's name); returns the exit
 * status. */
int verbs_run(char **words);

#endif
