/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "residue.h"

#include <sys/stat.h>

#include "escape.h"
#include "size.h"

/* What is found is called so in lines, and is advised about so in warnings. */
static const struct words {
	const char *kind;
	const char *what;
	const char *advice;
} words[] = {
	[WEIR_RESIDUE_NONE] = { "residue", "residue", "" },
	[WEIR_RESIDUE_TEMP] = { "temp", "a temporary entry", "" },
	[WEIR_RESIDUE_SNAPSHOT] = { "snapshot", "an unfinished snapshot",
				    "the next run goes on with it; --snapshots removes it" },
	[WEIR_RESIDUE_FILE] = { "file", "a file that was being written in place",
				"it may hold old and new bytes; run that again" },
	[WEIR_RESIDUE_FOLDER] = { "folder", "a folder in which a run was killed",
				  "its mode 0700 may not be its last; run that again" },
};

static const struct words *words_of(const struct weir_event *event)
{
	return &words[weir_event_residue(event)];
}

bool residue_is_left(const struct weir_event *event)
{
	return weir_event_action(event) == WEIR_ACTION_UNFINISHED;
}

void residue_add(struct text *line, const struct weir_event *event, bool utf8, bool is_exact)
{
	const char *path = weir_event_path(event);

	text_addf(line, "%s  %s  ", residue_is_left(event) ? "unfinished" : "remove",
		  words_of(event)->kind);
	if (is_exact)
		text_add(line, path);
	else
		escape_bare(line, path, utf8);
	if (S_ISDIR(weir_event_mode(event)))
		text_add(line, "/");
}

void residue_add_advice(struct text *line, const struct weir_event *event, bool utf8)
{
	text_add(line, "warning: ");
	escape_quoted(line, weir_event_path(event), utf8);
	text_addf(line, " is %s: %s", words_of(event)->what, words_of(event)->advice);
}

void residue_add_totals(struct text *line, const struct weir_stats *stats, bool is_dry_run)
{
	text_add(line, is_dry_run ? "would remove " : "removed ");
	text_add_count(line, is_dry_run ? stats->to_remove : stats->removed, "name", "names");
	if (stats->bytes_removed > 0) {
		text_add(line, ", ");
		size_add_bytes(line, stats->bytes_removed);
	}
	if (stats->unfinished > 0)
		text_addf(line, ", %llu unfinished", (unsigned long long)stats->unfinished);
	text_add(line, ", in ");
	text_add_count(line, stats->folders_done, "folder", "folders");
	text_add(line, " that were looked at");
}
