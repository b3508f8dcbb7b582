// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Small trees, and what weir is to do with them: the scenarios of the programs that
 * try every fault, kill and power cut.
 */
#ifndef TOOLS_SCENARIOS_H
#define TOOLS_SCENARIOS_H

#include <stddef.h>

#include "judge.h"
#include "snapshots.h"
#include "treemake.h"

/* ---- the scenarios ---- */

/* make_old makes s, d and what else there is; the run makes of d what it does. */

static void make_empty(void)
{
	folder("s");
	folder("d");
	file("s/f", 0, 1);
}

static void make_small(void)
{
	folder("s");
	folder("d");
	folder("s/a");
	folder("s/a/b");
	file("s/one", 10, 1);
	file("s/a/two", 5000, 2);
	file("s/a/b/three", 40000, 3);
	points_to("s/a/link", "two");
	if (mkfifo("s/fifo", 0600) != 0)
		die("mkfifo");
	set_time("s/fifo", OLD_TIME);
	if (chmod("s/a", 0750) != 0 || chmod("s/a/two", 0640) != 0)
		die("chmod");
	set_time("s/a/b", OLD_TIME);
	set_time("s/a", OLD_TIME);
	set_time("s", OLD_TIME);
}

static void make_large(void)
{
	folder("s");
	folder("d");
	file("s/large", 700000, 1);
	file("d/large", 300000, 2);
}

static void make_sparse(void)
{
	folder("s");
	folder("d");
	file_part("s/holes", 65536, 4096, 1);
	file_part("s/holes", 262144, 100, 2);
	size_of("s/holes", 400000);
	set_time("s/holes", OLD_TIME);
	file("s/hole", 0, 3);
	size_of("s/hole", 100000);
	set_time("s/hole", OLD_TIME);
}

static void make_links(void)
{
	folder("s");
	folder("d");
	folder("s/a");
	file("s/one", 3000, 1);
	name_too("s/one", "s/two");
	name_too("s/one", "s/a/three");
	file("s/x", 100, 2);
	name_too("s/x", "s/a/y");
	file("d/two", 3000, 9);
}

static void make_symlinks(void)
{
	folder("s");
	folder("d");
	points_to("s/dangling", "nowhere");
	points_to("s/out", "../outside/file");
	points_to("s/changed", "new");
	points_to("d/changed", "old");
	points_to("s/was-file", "x");
	file("d/was-file", 100, 1);
}

static void make_attributes(void)
{
	folder("s");
	folder("d");
	file("s/f", 1000, 1);
	file("s/g", 1000, 2);
	file("d/g", 1000, 3);
	attribute("s/f", "user.one", "value", 5);
	attribute("s/f", "user.two", "", 0);
	attribute("s/g", "user.three", "x", 1);
	attribute("d/g", "user.old", "x", 1);
	acl("s/f");
	folder("s/a");
	attribute("s/a", "user.folder", "y", 1);
	acl("s/a");
	set_time("s/f", OLD_TIME);
	set_time("s/g", OLD_TIME);
}

static void make_replace(void)
{
	folder("s");
	folder("d");
	folder("s/a");
	folder("d/a");
	for (unsigned i = 0; i < 4; i++) {
		char path[32];

		snprintf(path, sizeof(path), "s/a/f%u", i);
		file(path, 2000 + 20000 * i, i);
		snprintf(path, sizeof(path), "d/a/f%u", i);
		file(path, 3000 + 9000 * i, i + 10);
	}
	file("d/a/kept", 500, 20);
	if (chmod("s/a", 0700) != 0)
		die("chmod");
}

static void make_types(void)
{
	folder("s");
	folder("d");
	file("s/file-now", 1000, 1);
	points_to("d/file-now", "x");
	folder("s/folder-now");
	file("s/folder-now/in", 100, 2);
	file("d/folder-now", 10, 3);
	points_to("s/link-now", "y");
	file("d/link-now", 10, 4);
	file("s/was-folder", 30, 5);
	folder("d/was-folder");
	file("d/was-folder/in", 40, 6);
}

static void make_delete(void)
{
	folder("s");
	folder("d");
	folder("s/a");
	folder("d/a");
	folder("d/gone");
	folder("d/gone/deep");
	file("s/same", 100, 1);
	file("d/same", 100, 1);
	file("s/a/new", 200, 2);
	file("d/a/extra", 300, 3);
	file("d/gone/1", 400, 4);
	file("d/gone/deep/2", 500, 5);
	points_to("d/gone/out", "../../outside");
}

static void make_move(void)
{
	folder("s");
	folder("d");
	folder("s/a");
	file("s/one", 1000, 1);
	file("s/a/two", 30000, 2);
	points_to("s/a/link", "two");
	file("d/one", 1000, 3);
	set_time("s/a", OLD_TIME);
	set_time("s", OLD_TIME);
}

static void make_inplace(void)
{
	folder("s");
	folder("d");
	file("s/f", 300000, 1);
	file("d/f", 300000, 1);
	file_part("s/f", 100000, 5000, 2);
	set_time("s/f", OLD_TIME + 500);
	file("s/shorter", 5000, 3);
	file("d/shorter", 90000, 4);
	file("s/new", 1000, 5);
}

static void make_linkdest(void)
{
	folder("s");
	folder("d");
	folder("earlier");
	file("s/same", 3000, 1);
	file("earlier/same", 3000, 1);
	file("s/differs", 3000, 2);
	file("earlier/differs", 3000, 3);
	folder("s/a");
	folder("earlier/a");
	file("s/a/same", 20000, 4);
	file("earlier/a/same", 20000, 4);
}

static void make_renames(void)
{
	folder("s");
	folder("d");
	folder("s/now");
	folder("d/was");
	file("s/now/moved", 90000, 1);
	file("d/was/moved", 90000, 1);
	file("s/other", 50000, 2);
	file("d/before", 50000, 2);
}

/* The one of now is made, `latest` led to it, and that of then removed. */
static void make_snapshot(void)
{
	folder("s");
	folder("s/a");
	folder("d");
	folder("d/" SNAPSHOT_OLD);
	folder("d/" SNAPSHOT_OLD "/a");
	file("s/same", 3000, 1);
	file("d/" SNAPSHOT_OLD "/same", 3000, 1);
	file("s/a/differs", 3000, 2);
	file("d/" SNAPSHOT_OLD "/a/differs", 3000, 3);
	file("d/" SNAPSHOT_OLD "/a/gone", 100, 4);
	points_to("s/a/link", "differs");
	points_to("d/latest", SNAPSHOT_OLD);
	set_time("s/a", OLD_TIME);
	set_time("s", OLD_TIME);
}

struct scenario {
	const char *name;
	void (*make)(void);
	const char *words[10]; /* of the command, to NULL */
	unsigned traits;
};

static const struct scenario scenarios[] = {
	{ "empty", make_empty, { "copy", "-a", "-T", "s", "d", NULL }, 0 },
	{ "tree", make_small, { "copy", "-a", "-T", "s", "d", NULL }, 0 },
	{ "large", make_large, { "copy", "-a", "-T", "s", "d", NULL }, 0 },
	{ "sparse", make_sparse, { "copy", "-a", "-T", "s", "d", NULL }, 0 },
	{ "links", make_links, { "copy", "-a", "-T", "s", "d", NULL }, 0 },
	{ "symlinks", make_symlinks, { "copy", "-a", "-T", "s", "d", NULL }, 0 },
	{ "attributes", make_attributes, { "copy", "-a", "-T", "s", "d", NULL }, 0 },
	{ "replace", make_replace, { "copy", "-a", "--durable=file", "-T", "s", "d", NULL }, 0 },
	{ "types", make_types, { "sync", "--delete", "--yes-delete-many", "s", "d", NULL }, 0 },
	{ "delete", make_delete, { "sync", "--delete", "--yes-delete-many", "s", "d", NULL }, 0 },
	{ "move", make_move, { "sync", "--remove-source-files", "s", "d", NULL }, MOVES },
	{ "inplace", make_inplace, { "sync", "--inplace", "s", "d", NULL }, IN_PLACE },
	{ "linkdest", make_linkdest, { "sync", "--link-dest=earlier", "s", "d", NULL }, SHARES },
	{ "trash",
	  make_delete,
	  { "sync", "--delete", "--yes-delete-many", "--trash=kept", "s", "d", NULL },
	  KEEPS },
	{ "renames",
	  make_renames,
	  { "sync", "--delete", "--yes-delete-many", "--detect-renames", "s", "d", NULL },
	  SHARES },
	{ "snapshot",
	  make_snapshot,
	  { "sync", "--snapshot=d", "--retain=last:1", "s", NULL },
	  SHARES | SNAPS },
};

#define SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

/* s, d, and beside them what must never change: its names are what links of the
 * trees lead to. */
static void make_all(const struct scenario *scenario)
{
	static const char *const all[] = { "s", "d", "outside", "earlier", "kept" };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		remove_all(all[i]);
	folder("outside");
	file("outside/file", 1000, 99);
	folder("outside/folder");
	file("outside/folder/in", 10, 98);
	folder("kept");
	scenario->make();
}

#endif
