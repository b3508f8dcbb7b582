/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The option table: the one place that says which options there are.  The
 * parser, --help, the completions and the check of the manual pages follow it.
 */
#ifndef WEIR_CMD_OPTIONS_H
#define WEIR_CMD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir.h"

/* Who takes an option; bits. */
#define VERB_NONE 1U /* `weir` itself, before a verb */
#define VERB_COPY 2U
#define VERB_HELP 4U
#define VERB_SYNC 16U
#define VERB_CLEAN 32U
#define VERB_CP 8U /* the program started as cp, beside VERB_COPY */

/* What an option sets: enum weir_option, or one of the command's own. */
enum setting {
	SETTING_OWN = 128, /* above every enum weir_option */
	SETTING_VERBOSITY, /* enum verbosity */
	SETTING_STATS,
	SETTING_PROGRESS, /* enum progress_when */
	SETTING_NULL,
	SETTING_TARGET_IS_NAME,
	SETTING_BACKUP, /* that backups were asked for, whatever kind */
	SETTING_STRIP_SLASHES,
	SETTING_OWNER_NAMED, /* that the owner is to be kept was said in so many words */
	SETTING_HELP,
	SETTING_VERSION,
	SETTING_RULE, /* enum weir_rule: what an option of TEXT_RULES adds */
	SETTING_DUMP,
	SETTING_ITEMIZE,
	SETTING_CONTENTS,
	SETTING_EARLIER, /* enum weir_text: what an option of TEXT_EARLIER adds */
	SETTING_COUNT,
};

enum verbosity {
	VERBOSITY_NORMAL = 0,
	VERBOSITY_QUIET = 1,
	VERBOSITY_VERBOSE = 2,
};

enum progress_when {
	PROGRESS_AUTO = 0,
	PROGRESS_ALWAYS = 1,
	PROGRESS_NEVER = 2,
};

/* What an option names; at most once each, but for the suffix and the first two. */
enum setting_text {
	TEXT_NONE,
	TEXT_RULES, /* patterns and files of them, kept in their order */
	TEXT_EARLIER, /* folders of earlier copies, the same */
	TEXT_EXPLAINED,
	TEXT_TARGET_FOLDER,
	TEXT_LOG_FILE,
	TEXT_LIST_FILE,
	TEXT_COMPLETION,
	TEXT_BACKUP_SUFFIX,
	TEXT_EXPECT_FS,
	TEXT_REQUIRE_MOUNT,
	TEXT_SNAPSHOT,
	TEXT_RETAIN,
	TEXT_TRASH,
	TEXT_BACKUP_FOLDER,
	TEXT_COUNT,
};

enum option_argument {
	ARGUMENT_NONE,
	ARGUMENT_CHOICE,   /* one of `choices` */
	ARGUMENT_WORDS,	   /* a list of `choices`, whose values are sets of properties */
	ARGUMENT_POLICIES, /* a list of CHOICE:POLICY, whose values are properties */
	ARGUMENT_SIZE,
	ARGUMENT_COUNT,
	ARGUMENT_FILE,
	ARGUMENT_FOLDER,
	ARGUMENT_WORD,
	ARGUMENT_CONTROL, /* one of `choices`, which may be shortened, or empty */
	ARGUMENT_SUFFIX,
	ARGUMENT_SECONDS,  /* such as 2 or 0.5; the setting takes nanoseconds */
	ARGUMENT_LIMIT,	   /* a number for the first effect, or with % for the second */
	ARGUMENT_RATE,	   /* bytes a second, with a unit */
	ARGUMENT_DURATION, /* with a unit */
	ARGUMENT_PRIORITY, /* CHOICE[:LEVEL] */
	ARGUMENT_BITS,	   /* a list of `choices`, whose values are bits of one setting */
	ARGUMENT_WAIT,	   /* a duration, or seconds; the setting takes milliseconds */
};

enum option_group {
	GROUP_ENTRIES,
	GROUP_OPERANDS,
	GROUP_RESIDUE,
	GROUP_SAFETY,
	GROUP_GUARDS,
	GROUP_SPEED,
	GROUP_OUTPUT,
	GROUP_GENERAL,
	GROUP_HIDDEN, /* for builds and checks, in no help */
};

struct choice {
	const char *name; /* NULL ends the list */
	int64_t value;
};

struct effect {
	int setting; /* 0: none */
	int64_t value;
};

struct option {
	const char *name;    /* NULL ends the table */
	const char *letters; /* "" for none */
	enum option_argument argument;
	const char *argument_name;
	const char *otherwise; /* its value where it has none; NULL: one must follow */
	const struct choice *choices;
	int64_t multiple; /* a size or count must be a multiple of it; 0: any */
	unsigned verbs;
	enum option_group group;
	const char *since;
	const char *help;
	const char *environment; /* the variable that equals it, or NULL */
	/* ARGUMENT_NONE: all are applied.  CHOICE, SIZE, COUNT, RATE, DURATION: the
	 * first names the setting that takes the value.  WORDS: the first has the policy. */
	struct effect effects[12];
	enum setting_text text; /* FILE, FOLDER, WORD, SUFFIX */
};

extern const struct option options[];

/* Titles of the groups, by enum option_group. */
extern const char *const option_group_titles[];

/* The choice that NAME (LENGTH bytes) is, or the only one that it begins if it
 * ABBREVIATES; else NULL. */
const struct choice *options_find_choice(const struct choice *choices, const char *name,
					 size_t length, bool abbreviates);

/* The option of VERBS with this name (LENGTH bytes) or letter, or NULL. */
const struct option *options_find_name(unsigned verbs, const char *name, size_t length);
const struct option *options_find_letter(unsigned verbs, char letter);

#endif
