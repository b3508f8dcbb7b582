/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "options.h"

#include <string.h>

#define BIT(property) (1LL << WEIR_PROPERTY_##property)

#define KEEP(property) { WEIR_OPT_KEEP_##property, WEIR_KEEP_TRY }

/* cp's words.  The context is kept on request only: of a labelled system it is
 * the policy's to give one. */
static const struct choice preserve_choices[] = {
	{ "mode", BIT(MODE) | BIT(ACL) },
	{ "ownership", BIT(OWNER) },
	{ "timestamps", BIT(TIMES) },
	{ "links", BIT(LINKS) },
	{ "xattr", BIT(XATTR) | BIT(CAPS) },
	{ "context", BIT(CONTEXT) },
	{ "all", BIT(MODE) | BIT(ACL) | BIT(OWNER) | BIT(TIMES) | BIT(LINKS) | BIT(XATTR) |
			 BIT(CAPS) },
	{ NULL, 0 },
};

static const struct choice keep_choices[] = {
	{ "mode", WEIR_PROPERTY_MODE },	      { "owner", WEIR_PROPERTY_OWNER },
	{ "times", WEIR_PROPERTY_TIMES },     { "acl", WEIR_PROPERTY_ACL },
	{ "xattr", WEIR_PROPERTY_XATTR },     { "caps", WEIR_PROPERTY_CAPS },
	{ "context", WEIR_PROPERTY_CONTEXT }, { "links", WEIR_PROPERTY_LINKS },
	{ "symlink", WEIR_PROPERTY_SYMLINK }, { "special", WEIR_PROPERTY_SPECIAL },
	{ NULL, 0 },
};

static const struct choice durable_choices[] = {
	{ "none", WEIR_DURABLE_NONE },
	{ "end", WEIR_DURABLE_END },
	{ "group", WEIR_DURABLE_GROUP },
	{ "file", WEIR_DURABLE_FILE },
	{ NULL, 0 },
};

static const struct choice sync_choices[] = {
	{ "auto", WEIR_SYNC_AUTO },
	{ "files", WEIR_SYNC_FILES },
	{ "fs", WEIR_SYNC_FS },
	{ NULL, 0 },
};

static const struct choice engine_choices[] = {
	{ "auto", WEIR_ENGINE_AUTO },
	{ "ring", WEIR_ENGINE_RING },
	{ "plain", WEIR_ENGINE_PLAIN },
	{ NULL, 0 },
};

static const struct choice direct_choices[] = {
	{ "auto", WEIR_DIRECT_AUTO },
	{ "always", WEIR_DIRECT_ALWAYS },
	{ "never", WEIR_DIRECT_NEVER },
	{ NULL, 0 },
};

static const struct choice reflink_choices[] = {
	{ "auto", WEIR_REFLINK_AUTO },
	{ "always", WEIR_REFLINK_ALWAYS },
	{ "never", WEIR_REFLINK_NEVER },
	{ NULL, 0 },
};

static const struct choice progress_choices[] = {
	{ "auto", PROGRESS_AUTO },
	{ "always", PROGRESS_ALWAYS },
	{ "never", PROGRESS_NEVER },
	{ NULL, 0 },
};

const char *const option_group_titles[] = {
	[GROUP_ENTRIES] = "What is copied",
	[GROUP_OPERANDS] = "Sources and target",
	[GROUP_SAFETY] = "Durability",
	[GROUP_SPEED] = "How it is copied",
	[GROUP_OUTPUT] = "Output",
	[GROUP_GENERAL] = "General",
	[GROUP_HIDDEN] = "Hidden",
};

/* In the order of --help: by group, and what is used most first. */
const struct option options[] = {
	{ .name = "recursive", .letters = "rR", .verbs = VERB_COPY, .group = GROUP_ENTRIES,
	  .since = "0.1", .help = "copy folders with all they hold, links and special files",
	  .effects = { { WEIR_OPT_RECURSIVE, 1 } } },
	{ .name = "archive", .letters = "a", .verbs = VERB_COPY, .group = GROUP_ENTRIES,
	  .since = "0.1", .help = "the same as --recursive --no-dereference --preserve=all",
	  .effects = { { WEIR_OPT_RECURSIVE, 1 }, KEEP(MODE), KEEP(OWNER), KEEP(TIMES),
		       KEEP(ACL), KEEP(XATTR), KEEP(CAPS), KEEP(LINKS),
		       { WEIR_OPT_FOLLOW, WEIR_FOLLOW_NEVER } } },
	{ .name = "preserve", .letters = "p", .argument = ARGUMENT_WORDS,
	  .argument_name = "LIST", .otherwise = "mode,ownership,timestamps",
	  .choices = preserve_choices, .verbs = VERB_COPY, .group = GROUP_ENTRIES,
	  .since = "0.1",
	  .help = "keep these as far as possible; without LIST: mode, ownership, timestamps",
	  .effects = { { WEIR_OPT_KEEP_MODE, WEIR_KEEP_TRY } } },
	{ .name = "no-preserve", .letters = "", .argument = ARGUMENT_WORDS,
	  .argument_name = "LIST", .choices = preserve_choices, .verbs = VERB_COPY,
	  .group = GROUP_ENTRIES, .since = "0.1", .help = "do not keep these",
	  .effects = { { WEIR_OPT_KEEP_MODE, WEIR_KEEP_OFF } } },
	{ .name = "keep", .letters = "", .argument = ARGUMENT_POLICIES,
	  .argument_name = "PROPERTY:POLICY", .choices = keep_choices, .verbs = VERB_COPY,
	  .group = GROUP_ENTRIES, .since = "0.1",
	  .help = "off, try or require (exit 23 if it is lost) for each, in a list",
	  .effects = { { WEIR_OPT_KEEP_MODE, 0 } } },
	{ .name = "dereference", .letters = "L", .verbs = VERB_COPY, .group = GROUP_ENTRIES,
	  .since = "0.1", .help = "copy what links lead to, not the links",
	  .effects = { { WEIR_OPT_FOLLOW, WEIR_FOLLOW_ALWAYS } } },
	{ .name = "dereference-command-line", .letters = "H", .verbs = VERB_COPY,
	  .group = GROUP_ENTRIES, .since = "0.1", .help = "follow links among the operands only",
	  .effects = { { WEIR_OPT_FOLLOW, WEIR_FOLLOW_OPERANDS } } },
	{ .name = "no-dereference", .letters = "P", .verbs = VERB_COPY, .group = GROUP_ENTRIES,
	  .since = "0.1", .help = "copy links as links, operands too",
	  .effects = { { WEIR_OPT_FOLLOW, WEIR_FOLLOW_NEVER } } },
	{ .name = "links", .letters = "d", .verbs = VERB_COPY, .group = GROUP_ENTRIES,
	  .since = "0.1", .help = "the same as --no-dereference --preserve=links",
	  .effects = { { WEIR_OPT_FOLLOW, WEIR_FOLLOW_NEVER }, KEEP(LINKS) } },
	{ .name = "one-file-system", .letters = "x", .verbs = VERB_COPY, .group = GROUP_ENTRIES,
	  .since = "0.1", .help = "do not enter folders of other file systems; make them empty",
	  .effects = { { WEIR_OPT_ONE_FILE_SYSTEM, 1 } } },
	{ .name = "no-clobber", .letters = "n", .verbs = VERB_COPY, .group = GROUP_ENTRIES,
	  .since = "0.1", .help = "never replace what exists; skip it",
	  .effects = { { WEIR_OPT_NO_CLOBBER, 1 } } },
	{ .name = "force", .letters = "f", .verbs = VERB_COPY, .group = GROUP_ENTRIES,
	  .since = "0.1", .help = "replace what exists: undoes an earlier --no-clobber",
	  .effects = { { WEIR_OPT_NO_CLOBBER, 0 } } },
	{ .name = "update", .letters = "u", .verbs = VERB_COPY, .group = GROUP_ENTRIES,
	  .since = "0.1", .help = "replace only what is older than its source",
	  .effects = { { WEIR_OPT_UPDATE, 1 } } },
	{ .name = "dry-run", .letters = "", .verbs = VERB_COPY, .group = GROUP_ENTRIES,
	  .since = "0.1", .help = "change nothing; print what would be done",
	  .effects = { { WEIR_OPT_DRY_RUN, 1 } } },

	{ .name = "target-directory", .letters = "t", .argument = ARGUMENT_FOLDER,
	  .argument_name = "DIR", .verbs = VERB_COPY, .group = GROUP_OPERANDS,
	  .since = "0.1", .help = "copy all sources into this existing folder",
	  .text = TEXT_TARGET_FOLDER },
	{ .name = "no-target-directory", .letters = "T", .verbs = VERB_COPY,
	  .group = GROUP_OPERANDS, .since = "0.1",
	  .help = "DEST is the name of the copy, even if it is a folder",
	  .effects = { { SETTING_TARGET_IS_NAME, 1 } } },
	{ .name = "files-from", .letters = "", .argument = ARGUMENT_FILE, .argument_name = "FILE",
	  .verbs = VERB_COPY, .group = GROUP_OPERANDS, .since = "0.1",
	  .help = "read the sources from FILE, one name a line; - is standard input",
	  .text = TEXT_LIST_FILE },
	{ .name = "null", .letters = "0", .verbs = VERB_COPY, .group = GROUP_OPERANDS,
	  .since = "0.1", .help = "names in --files-from end with NUL, not newline",
	  .effects = { { SETTING_NULL, 1 } } },

	{ .name = "durable", .letters = "", .argument = ARGUMENT_CHOICE, .argument_name = "LEVEL",
	  .choices = durable_choices, .verbs = VERB_COPY, .group = GROUP_SAFETY, .since = "0.1",
	  .help = "sync nothing, all at the end, groups of files before they get their names "
		  "(default), or file by file",
	  .environment = "WEIR_DURABLE", .effects = { { WEIR_OPT_DURABLE, 0 } } },
	{ .name = "sync", .letters = "", .argument = ARGUMENT_CHOICE, .argument_name = "HOW",
	  .choices = sync_choices, .verbs = VERB_COPY, .group = GROUP_SAFETY, .since = "0.1",
	  .help = "sync a group file by file, or its whole file system",
	  .effects = { { WEIR_OPT_SYNC, 0 } } },

	{ .name = "engine", .letters = "", .argument = ARGUMENT_CHOICE, .argument_name = "ENGINE",
	  .choices = engine_choices, .verbs = VERB_COPY, .group = GROUP_SPEED, .since = "0.1",
	  .help = "use io_uring or plain system calls", .environment = "WEIR_ENGINE",
	  .effects = { { WEIR_OPT_ENGINE, 0 } } },
	{ .name = "direct", .letters = "", .argument = ARGUMENT_CHOICE, .argument_name = "WHEN",
	  .choices = direct_choices, .verbs = VERB_COPY, .group = GROUP_SPEED, .since = "0.1",
	  .help = "copy past the page cache", .effects = { { WEIR_OPT_DIRECT, 0 } } },
	{ .name = "reflink", .letters = "", .argument = ARGUMENT_CHOICE, .argument_name = "WHEN",
	  .otherwise = "always", .choices = reflink_choices, .verbs = VERB_COPY,
	  .group = GROUP_SPEED, .since = "0.1",
	  .help = "share blocks with the source where both sides can; without WHEN: always",
	  .environment = "WEIR_REFLINK", .effects = { { WEIR_OPT_REFLINK, 0 } } },
	{ .name = "chunk-size", .letters = "", .argument = ARGUMENT_SIZE, .argument_name = "SIZE",
	  .multiple = 4096, .verbs = VERB_COPY, .group = GROUP_SPEED, .since = "0.1",
	  .help = "bytes of one transfer, a multiple of 4K; 0: chosen",
	  .effects = { { WEIR_OPT_CHUNK_BYTES, 0 } } },
	{ .name = "depth", .letters = "", .argument = ARGUMENT_COUNT, .argument_name = "N",
	  .verbs = VERB_COPY, .group = GROUP_SPEED, .since = "0.1",
	  .help = "large transfers in flight for each worker; 0: chosen",
	  .effects = { { WEIR_OPT_DEPTH, 0 } } },
	{ .name = "workers", .letters = "", .argument = ARGUMENT_COUNT, .argument_name = "N",
	  .verbs = VERB_COPY, .group = GROUP_SPEED, .since = "0.1",
	  .help = "worker threads; 0: chosen", .effects = { { WEIR_OPT_WORKERS, 0 } } },

	{ .name = "verbose", .letters = "v", .verbs = VERB_COPY, .group = GROUP_OUTPUT,
	  .since = "0.1", .help = "print a line for each entry on standard output",
	  .effects = { { SETTING_VERBOSITY, VERBOSITY_VERBOSE } } },
	{ .name = "quiet", .letters = "q", .verbs = VERB_COPY, .group = GROUP_OUTPUT,
	  .since = "0.1", .help = "print errors only",
	  .effects = { { SETTING_VERBOSITY, VERBOSITY_QUIET } } },
	{ .name = "progress", .letters = "", .argument = ARGUMENT_CHOICE, .argument_name = "WHEN",
	  .choices = progress_choices, .verbs = VERB_COPY, .group = GROUP_OUTPUT, .since = "0.1",
	  .help = "show progress: on a terminal, everywhere (a line every 10 s), never",
	  .effects = { { SETTING_PROGRESS, 0 } } },
	{ .name = "stats", .letters = "", .verbs = VERB_COPY, .group = GROUP_OUTPUT,
	  .since = "0.1", .help = "end with the throughput report and every counter",
	  .effects = { { SETTING_STATS, 1 } } },
	{ .name = "explain", .letters = "", .verbs = VERB_COPY, .group = GROUP_OUTPUT,
	  .since = "0.1", .help = "print which way of copying is taken, and why",
	  .effects = { { WEIR_OPT_REPORT_WAYS, 1 } } },
	{ .name = "log-file", .letters = "", .argument = ARGUMENT_FILE, .argument_name = "FILE",
	  .verbs = VERB_COPY, .group = GROUP_OUTPUT, .since = "0.1",
	  .help = "append entries, warnings, errors and the report to FILE",
	  .text = TEXT_LOG_FILE },

	{ .name = "help", .letters = "", .verbs = VERB_NONE | VERB_COPY | VERB_HELP,
	  .group = GROUP_GENERAL, .since = "0.1", .help = "show this help",
	  .effects = { { SETTING_HELP, 1 } } },
	{ .name = "version", .letters = "V", .verbs = VERB_NONE, .group = GROUP_GENERAL,
	  .since = "0.1", .help = "show versions and compiled-in features",
	  .effects = { { SETTING_VERSION, 1 } } },

	{ .name = "dump-options", .letters = "", .verbs = VERB_NONE, .group = GROUP_HIDDEN,
	  .since = "0.1", .help = "show the option table, tab-separated",
	  .effects = { { SETTING_DUMP, 1 } } },
	{ .name = "completion", .letters = "", .argument = ARGUMENT_WORD,
	  .argument_name = "SHELL", .verbs = VERB_NONE, .group = GROUP_HIDDEN, .since = "0.1",
	  .help = "show the completion file of a shell", .text = TEXT_COMPLETION },
	{ .name = NULL },
};

const struct option *options_find_name(unsigned verbs, const char *name, size_t length)
{
	for (const struct option *option = options; option->name != NULL; option++)
		if ((option->verbs & verbs) != 0 && strlen(option->name) == length &&
		    memcmp(option->name, name, length) == 0)
			return option;
	return NULL;
}

const struct option *options_find_letter(unsigned verbs, char letter)
{
	for (const struct option *option = options; option->name != NULL; option++)
		if ((option->verbs & verbs) != 0 && strchr(option->letters, letter) != NULL)
			return option;
	return NULL;
}
