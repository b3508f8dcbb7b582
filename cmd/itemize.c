/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "itemize.h"

#include <stddef.h>
#include <sys/stat.h>

#include "escape.h"

static const char *action_word(enum weir_action action)
{
	switch (action) {
	case WEIR_ACTION_CREATE:
	case WEIR_ACTION_FOLDER:
		return "create";
	case WEIR_ACTION_REPLACE:
		return "replace";
	case WEIR_ACTION_ATTRIBUTES:
		return "attributes";
	case WEIR_ACTION_REMOVE:
		return "delete";
	case WEIR_ACTION_RENAME:
		return "rename";
	case WEIR_ACTION_LINK:
		return "link";
	case WEIR_ACTION_SNAPSHOT:
		return "snapshot";
	case WEIR_ACTION_CLONE:
		return "clone";
	case WEIR_ACTION_MOVE:
		return "move";
	case WEIR_ACTION_SKIP:
	case WEIR_ACTION_NONE:
	case WEIR_ACTION_UNFINISHED:
		break;
	}
	return "leave";
}

static const char *kind_word(unsigned mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "folder";
	case S_IFLNK:
		return "symlink";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	case S_IFCHR:
	case S_IFBLK:
		return "device";
	default:
		return "file";
	}
}

/* What differs, or the kind of what is made or goes. */
static void add_changes(struct text *line, const struct weir_event *event)
{
	static const struct {
		unsigned change;
		const char *word;
	} words[] = {
		{ WEIR_CHANGE_TYPE, "type" },	{ WEIR_CHANGE_DATA, "data" },
		{ WEIR_CHANGE_TEXT, "target" }, { WEIR_CHANGE_DEVICE, "device" },
		{ WEIR_CHANGE_LINKS, "links" }, { WEIR_CHANGE_TIME, "mtime" },
		{ WEIR_CHANGE_MODE, "mode" },	{ WEIR_CHANGE_OWNER, "owner" },
		{ WEIR_CHANGE_ACL, "acl" },	{ WEIR_CHANGE_XATTR, "xattr" },
		{ WEIR_CHANGE_CAPS, "caps" },	{ WEIR_CHANGE_CONTEXT, "context" },
		{ WEIR_CHANGE_FLAGS, "flags" },
	};
	unsigned changes = weir_event_changes(event);
	const char *between = "";

	if (changes == 0)
		text_add(line, kind_word(weir_event_mode(event)));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if ((changes & words[i].change) == 0)
			continue;
		text_addf(line, "%s%s", between, words[i].word);
		between = " ";
	}
}

void itemize_add(struct text *line, const struct weir_event *event, bool utf8, bool is_exact)
{
	text_addf(line, "%s  ", action_word(weir_event_action(event)));
	add_changes(line, event);
	text_add(line, "  ");
	if (is_exact)
		text_add(line, weir_event_path(event));
	else
		escape_bare(line, weir_event_path(event), utf8);
	if (S_ISDIR(weir_event_mode(event)))
		text_add(line, "/");
	if (weir_event_action(event) != WEIR_ACTION_RENAME)
		return;
	text_add(line, " <- ");
	if (is_exact)
		text_add(line, weir_event_text(event));
	else
		escape_bare(line, weir_event_text(event), utf8);
}

void itemize_add_totals(struct text *line, const struct weir_stats *stats)
{
	unsigned long long links = stats->to_link, clones = stats->to_clone;

	/* Links and clones are made where earlier copies were named, and told only then. */
	text_addf(line, "to copy %llu, ", (unsigned long long)stats->to_create - links - clones);
	if (links > 0)
		text_addf(line, "to link %llu, ", links);
	if (clones > 0)
		text_addf(line, "to clone %llu, ", clones);
	text_addf(line,
		  "to replace %llu, attributes only %llu, to delete %llu, "
		  "unchanged %llu, excluded %llu",
		  (unsigned long long)stats->to_replace, (unsigned long long)stats->to_change,
		  (unsigned long long)stats->to_remove, (unsigned long long)stats->unchanged,
		  (unsigned long long)stats->excluded);
	if (stats->to_move > 0)
		text_addf(line, ", to move %llu", (unsigned long long)stats->to_move);
	if (stats->to_rename > 0)
		text_addf(line, ", to rename %llu", (unsigned long long)stats->to_rename);
}
