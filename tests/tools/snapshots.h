// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Folders of snapshots: their names are times, which differ from run to run.
 */
#ifndef TOOLS_SNAPSHOTS_H
#define TOOLS_SNAPSHOTS_H

#include <ctype.h>

#include "judge.h"

#define SNAPSHOT_BYTES 16		  /* "20261122T074800Z" */
#define SNAPSHOT_OLD "19990101T000000Z"   /* what was there before any run */
#define SNAPSHOT_NEW "NEWNEWNEWNEWNEWZ"   /* stands for each that a run makes */
#define SNAPSHOT_TEMP "/.weir-snapshot-" /* and 32 digits: it is being filled */
#define SNAPSHOT_TEMP_DIGITS 32

/* A name that is a time, as the first part of a path or all of a link's text. */
static bool is_time(const char *name)
{
	for (int i = 0; i < SNAPSHOT_BYTES; i++)
		if (i == 8 ? name[i] != 'T' : i == 15 ? name[i] != 'Z' : !isdigit(name[i]))
			return false;
	return name[SNAPSHOT_BYTES] == '/' || name[SNAPSHOT_BYTES] == '\0';
}

static bool is_in_snapshot_temp(const char *path)
{
	return strncmp(path, SNAPSHOT_TEMP, strlen(SNAPSHOT_TEMP)) == 0;
}

/* The folder PATH of snapshots: those that runs made have one name in TREE.  False: there
 * is more than one of them, or what leads to the newest leads nowhere. */
static bool read_snapshots(struct image *tree, const char *path)
{
	unsigned made = 0;
	bool leads = true;

	tree_read(tree, path);
	for (size_t i = 0; i < tree->count; i++) {
		struct image_entry *entry = &tree->entries[i];
		char text[PATH_BYTES], link[PATH_BYTES];
		ssize_t bytes;

		if (strcmp(entry->path, "/latest") == 0) {
			snprintf(link, sizeof(link), "%s/latest", path);
			leads = access(link, F_OK) == 0;
			bytes = readlink(link, text, sizeof(text) - 1);
			text[bytes > 0 ? bytes : 0] = '\0';
			entry->stat.st_mtim = (struct timespec){ 0 };
			entry->content = strcmp(text, SNAPSHOT_OLD) == 0 ? 1
					 : is_time(text)		 ? 2
									 : 0;
		}
		if (entry->path[0] != '/' || !is_time(entry->path + 1) ||
		    strncmp(entry->path + 1, SNAPSHOT_OLD, SNAPSHOT_BYTES) == 0)
			continue;
		made += entry->path[1 + SNAPSHOT_BYTES] == '\0';
		memcpy(entry->path + 1, SNAPSHOT_NEW, SNAPSHOT_BYTES);
	}
	qsort(tree->entries, tree->count, sizeof(struct image_entry), by_path);
	if (made > 1)
		return wrong("J1: %u new snapshots", made);
	return leads || wrong("J1: 'latest' leads nowhere");
}

/* What has the name of a snapshot is the whole one, at any moment. */
static bool judge_snapshots(const struct image *target, const struct image *old,
			    const struct image *new, const struct outcome *outcome)
{
	static const char *const names[] = { "/" SNAPSHOT_OLD, "/" SNAPSHOT_NEW };
	const struct image *const wholes[] = { old, new };

	for (int i = 0; i < 2; i++) {
		if (tree_find(target, names[i]) == NULL)
			continue;
		for (size_t j = 0; j < wholes[i]->count; j++) {
			const struct image_entry *whole = &wholes[i]->entries[j];
			const struct image_entry *there = tree_find(target, whole->path);
			const char *differs;

			if (strncmp(whole->path, names[i], 1 + SNAPSHOT_BYTES) != 0)
				continue;
			differs = there == NULL ? "absent" : entry_differs(there, whole, true);
			if (differs != NULL && strcmp(differs, "links") != 0 &&
			    !is_loss(differs, outcome))
				return wrong("J1: snapshot with a part: '%s': %s", whole->path,
					     differs);
		}
	}
	return true;
}

#endif
