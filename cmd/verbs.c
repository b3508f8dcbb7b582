/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "verbs.h"

#include <string.h>

#include "clean.h"
#include "complete.h"
#include "copy.h"
#include "escape.h"
#include "help.h"
#include "output.h"
#include "program.h"
#include "sync.h"

static int help_run(const struct verb *verb, char **words);

static const char *const copy_usage[] = {
	"[OPTIONS] [-T] SOURCE DEST",
	"[OPTIONS] SOURCE... DIRECTORY",
	"[OPTIONS] -t DIRECTORY SOURCE...",
	"[OPTIONS] --files-from=FILE DIRECTORY",
	NULL,
};

static const char *const copy_notes[] = {
	"Sizes take K M G T (1024) or KB MB GB TB (1000).",
	"",
	"Environment: WEIR_DURABLE and WEIR_ENGINE equal their options; an option wins.",
	"",
	"Exit status: 0 all done and durable as asked; 1 could not start or had to stop;",
	"2 usage; 23 some entries failed; 24 sources changed or vanished; 27 target full;",
	"28 refused, nothing changed; 29 another run holds the target; 128+N signal N.",
	NULL,
};

static const char *const sync_usage[] = { "[OPTIONS] SOURCE DEST", NULL };

static const char *const sync_notes[] = {
	"The contents of SOURCE become the contents of DEST, slash or no slash.",
	"Sizes take K M G T (1024) or KB MB GB TB (1000).",
	"",
	"Environment: WEIR_DURABLE and WEIR_ENGINE equal their options; an option wins.",
	"",
	"Exit status: 0 all done and durable as asked; 1 could not start or had to stop;",
	"2 usage; 23 some entries failed; 24 sources changed or vanished; 25 too much to",
	"delete; 27 target full; 28 refused, nothing changed; 29 another run holds DEST;",
	"128+N signal N.",
	NULL,
};

static const char *const clean_usage[] = { "[OPTIONS] DEST...", NULL };

static const char *const clean_notes[] = {
	"DEST is a folder, with all below it; another name stands for its folder alone.",
	"What a run that is still at work has made is never removed.",
	"",
	"Environment: WEIR_DURABLE equals its option; an option wins.",
	"",
	"Exit status: 0 no residue is left; 1 had to stop; 2 usage; 23 something could",
	"not be looked at or removed; 29 a run is at work in a folder with such names,",
	"which were left; 128+N signal N.  What is unfinished changes no status.",
	NULL,
};

static const char *const help_usage[] = { "[VERB]", NULL };

static const char *const help_notes[] = { NULL };

const struct verb verbs[] = {
	{ .name = "copy",
	  .speaker = { .name = PROGRAM_WEIR " copy", .verb = VERB_COPY },
	  .summary = "copy files and folders",
	  .usage = copy_usage,
	  .notes = copy_notes,
	  .run = copy_run },
	{ .name = "sync",
	  .speaker = { .name = PROGRAM_WEIR " sync", .verb = VERB_SYNC },
	  .summary = "make one folder hold what another one holds",
	  .usage = sync_usage,
	  .operands = OPERANDS_TWO_FOLDERS,
	  .notes = sync_notes,
	  .run = sync_run },
	{ .name = "clean",
	  .speaker = { .name = PROGRAM_WEIR " clean", .verb = VERB_CLEAN },
	  .summary = "remove what killed runs have left",
	  .usage = clean_usage,
	  .operands = OPERANDS_FOLDERS,
	  .notes = clean_notes,
	  .run = clean_run },
	{ .name = "help",
	  .speaker = { .name = PROGRAM_WEIR " help", .verb = VERB_HELP },
	  .summary = "show the help of a verb",
	  .usage = help_usage,
	  .operands = OPERANDS_VERB,
	  .notes = help_notes,
	  .run = help_run },
	{ .name = NULL },
};

static const char *const cp_usage[] = {
	"[OPTION]... [-T] SOURCE DEST",
	"[OPTION]... SOURCE... DIRECTORY",
	"[OPTION]... -t DIRECTORY SOURCE...",
	"[OPTION]... --files-from=FILE DIRECTORY",
	NULL,
};

static const char *const cp_notes[] = {
	"This is weir in place of cp: nothing is synced unless --durable or WEIR_DURABLE",
	"says so, and no progress and no report is shown unless asked for.  Long options",
	"of cp can be shortened.  weir-copy(1) has the differences from cp.",
	"",
	"Exit status: 0 all done, 1 anything else.",
	NULL,
};

/* Not in the table: it is reached by the name of the program. */
static const struct verb cp_verb = {
	.name = PROGRAM_CP,
	.speaker = { .name = PROGRAM_CP, .verb = VERB_COPY | VERB_CP, .abbreviates = true },
	.summary = "copy files and folders",
	.usage = cp_usage,
	.notes = cp_notes,
	.run = copy_run,
};

static const struct speaker top_speaker = {
	.name = PROGRAM_WEIR,
	.verb = VERB_NONE,
	.first_operand_ends = true,
};

const struct verb *verbs_find(const char *name)
{
	for (const struct verb *verb = verbs; verb->name != NULL; verb++)
		if (strcmp(verb->name, name) == 0)
			return verb;
	return NULL;
}

static int refuse_verb(const struct speaker *speaker, const char *name)
{
	struct text text = usage_begin(speaker, NULL);

	text_add(&text, "no such verb: ");
	escape_quoted(&text, name, escape_locale_is_utf8());
	if (strcmp(name, "cp") == 0)
		return usage_end(speaker, &text, "did you mean 'weir copy'?");
	if (strcmp(name, "rsync") == 0)
		return usage_end(speaker, &text, "did you mean 'weir sync'?");
	return usage_end(speaker, &text, NULL);
}

static int help_run(const struct verb *verb, char **words)
{
	struct request request;
	const struct verb *about = verb;
	int result = parse_words(&verb->speaker, words, &request);
	int status;

	if (result >= 0 && request.operand_count > 0)
		about = verbs_find(request.operands[0]);
	if (result < 0)
		status = -result;
	else if (request.operand_count > 1)
		status = usage_error_name(&verb->speaker,
					  "one verb is enough:", request.operands[1]);
	else if (about == NULL)
		status = refuse_verb(&verb->speaker, request.operands[0]);
	else if (request.operand_count == 1 || request.given[SETTING_HELP])
		status = help_show_verb(about);
	else
		status = help_show_weir();
	request_free(&request);
	return status;
}

static int run_verb(const struct request *request, char **rest)
{
	const struct verb *verb;

	if (request->operand_count == 0)
		return usage_error(&top_speaker, NULL, "a verb is missing, such as copy");
	verb = verbs_find(request->operands[0]);
	if (verb == NULL)
		return refuse_verb(&top_speaker, request->operands[0]);
	return verb->run(verb, rest);
}

int verbs_run(char **words)
{
	struct request request;
	int result;
	int status;

	if (program_is_cp())
		return cp_verb.run(&cp_verb, words);
	result = parse_words(&top_speaker, words, &request);
	if (result < 0)
		status = -result;
	else if (request.given[SETTING_HELP])
		status = help_show_weir();
	else if (request.given[SETTING_VERSION])
		status = help_show_version();
	else if (request.given[SETTING_DUMP])
		status = help_dump_options();
	else if (request.texts[TEXT_COMPLETION] != NULL)
		status = complete_show(&top_speaker, request.texts[TEXT_COMPLETION]);
	else
		status = run_verb(&request, words + result);
	request_free(&request);
	return status;
}
