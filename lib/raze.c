/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Removing whole folders: what is in them is planned and removed as what a sync
 * deletes.
 *
 * Invariants:
 * Z4 no rule protects anything in them, no limit holds, and their entries are neither
 *    told nor counted: each folder is one thing;
 * Z5 only folders of the file system of the one that they are in are entered.
 */
#define _GNU_SOURCE
#include "raze.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "doom.h"
#include "filter.h"
#include "plan.h"
#include "removal.h"
#include "tally.h"

static void raze_tell(const struct raze *raze, long result, const char *operation)
{
	struct error error;

	error_set(&error, result, ERROR_SIDE_TARGET, operation);
	event_post_error(raze->events, &error, raze->path, false);
}

static void raze_tell_name(const struct raze *raze, long result, const char *name)
{
	struct error error;
	char *path;

	error_set(&error, result, ERROR_SIDE_TARGET, "stat");
	if (asprintf(&path, "%s/%s", raze->path, name) < 0)
		path = NULL;
	event_post_error(raze->events, &error, path != NULL ? path : raze->path, false);
	free(path);
}

/* Plans one of them.  What has gone by itself needs no plan.  False: it stays, and that
 * is told. */
static bool raze_plan(const struct raze *raze, const struct settings *settings, struct plan *plan,
		      int fd, const char *name)
{
	const struct filter none = { 0 };
	const struct doom doom = {
		.sys = raze->sys,
		.root = raze->root,
		.plan = plan,
		.filter = &none,
		.settings = settings,
		.events = raze->events,
		.target_path = raze->path,
	};
	struct sys_stat stat;
	int result = sys_statx(raze->sys, fd, name, false, &stat);

	if (result < 0 && result != -ENOENT) {
		raze_tell_name(raze, result, name);
		return false;
	}
	if (result < 0 || !S_ISDIR(stat.mode) || stat.device != raze->dir->device) /* Z5 */
		return true;
	plan_begin(plan, raze->dir);
	doom_name(&doom, fd, name, &stat, name);
	plan_end(plan);
	return true;
}

static bool raze_carry_out(const struct raze *raze, const struct settings *settings,
			   struct plan *plan, struct tally *tally)
{
	struct removal removal = {
		.sys = raze->sys,
		.root = raze->root,
		.fs = raze->fs,
		.plan = plan,
		.events = raze->events,
		.tally = tally,
		.settings = settings,
		.cancel = raze->cancel,
		.target = raze->dir,
		.target_path = raze->path,
		.has_record = true,
	};

	return removal_run(&removal) && plan->told == 0 && !removal.unsynced;
}

bool raze_run(const struct raze *raze, char *const *names, size_t count)
{
	struct settings settings = *raze->settings;
	struct tally tally;
	struct plan plan;
	bool done = false;
	int fd = dir_pin(raze->root, raze->dir, NULL);

	if (fd < 0) {
		raze_tell(raze, fd, "open folder");
		return false;
	}
	memset(&tally, 0, sizeof(tally));
	settings.delete_many = true; /* Z4 */
	settings.max_delete = settings.max_delete_percent = -1;
	settings.report_entries = false;
	if (plan_open(&plan, raze->sys) < 0) {
		raze_tell(raze, -ENOMEM, "delete in");
	} else {
		bool planned = true;

		for (size_t i = 0; i < count; i++)
			planned = raze_plan(raze, &settings, &plan, fd, names[i]) && planned;
		done = raze_carry_out(raze, &settings, &plan, &tally) && planned;
		plan_close(&plan);
	}
	dir_unpin(raze->root, raze->dir);
	return done;
}
