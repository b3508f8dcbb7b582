/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guards of a sync.
 *
 * Invariants:
 * Q1 what is judged is only looked at: nothing is made, locked or changed here;
 * Q2 one refusal, and nothing of the run is done (exit 28); its message names what
 *    overrides it, where anything does;
 * Q3 what cannot be found out is no reason to go on where somebody asked for it
 *    (--require-mount, --expect-fs), and none to refuse where nobody did;
 * Q4 a run that was warned of a move is not remembered: else the next one would take
 *    the wrong file system for the right one.
 */
#define _GNU_SOURCE
#include "caution.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "attic.h"
#include "climb.h"
#include "lister.h"
#include "reach.h"
#include "temp.h"

#define CAUTION_TEXT_BYTES 512

/* One judgement. */
struct judgement {
	struct caution *caution;
	struct tree *tree;
	const char *source_path;
	const char *target_path;
	struct sys_stat source;
	struct sys_stat target; /* or of the folder that it is to be made in */
};

static bool caution_is_there(const struct judgement *judgement)
{
	return judgement->caution->below == NULL;
}

static int caution_refuse_source(const struct judgement *judgement, const char *text)
{
	return operand_refuse(judgement->tree, "sync from", text, judgement->source_path);
}

static int caution_refuse_target(const struct judgement *judgement, const char *text)
{
	return operand_refuse(judgement->tree, "sync into", text, judgement->target_path);
}

/* What comes from outside, for a sentence: no byte that could do anything to a
 * terminal. */
static void caution_quote(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%.*s", (int)size - 1, from);
	for (; *to != '\0'; to++)
		if (*to < ' ' || *to > '~')
			*to = '?';
}

/* ---- one in the other (B05, B06) ---- */

static bool caution_same(const struct sys_stat *a, const struct sys_stat *b)
{
	return a->device == b->device && a->inode == b->inode;
}

/* True if the way up from FD leads through ABOVE. */
static bool caution_lies_in(struct sys *sys, int fd, const struct sys_stat *above)
{
	struct climb climb;
	bool more = climb_begin(&climb, sys, fd);
	bool met = false;

	while (more && !met) {
		met = caution_same(&climb.stat, above);
		more = !met && climb_up(&climb);
	}
	climb_end(&climb);
	return met;
}

/* True if a rule keeps what SOURCE lies in, and so SOURCE, from being removed. */
static bool caution_is_protected(const struct judgement *judgement)
{
	const struct caution *caution = judgement->caution;
	const struct tree *tree = judgement->tree;
	size_t above = strlen(caution->target.path);
	const char *path = caution->source.path;
	size_t asked;

	while (above > 0 && caution->target.path[above - 1] == '/')
		above--;
	if (tree->settings->delete_excluded || caution->target.path[0] == '\0' ||
	    strncmp(path, caution->target.path, above) != 0 || path[above] != '/')
		return false;
	path += above + 1;
	return path[0] != '\0' &&
	       filter_is_exclusion(tree->filter, filter_find_on_way(tree->filter, path, 0,
								    strlen(path), true, &asked));
}

/* True if SOURCE is a part of what --delete could remove. */
static bool caution_is_doomed(const struct judgement *judgement)
{
	const struct caution *caution = judgement->caution;

	if (!settings_deletes(judgement->tree->settings) || !caution_is_there(judgement))
		return false;
	return (caution_lies_in(judgement->tree->sys, caution->source_fd, &judgement->target) ||
		site_lies_in(&caution->source, &caution->target)) &&
	       !caution_is_protected(judgement);
}

static int caution_judge_nesting(const struct judgement *judgement)
{
	const struct caution *caution = judgement->caution;
	struct sys *sys = judgement->tree->sys;
	const char *text = NULL;

	if (caution_is_there(judgement) && caution_same(&judgement->source, &judgement->target))
		text = "source and target are the same folder";
	else if (caution_lies_in(sys, caution->target_fd, &judgement->source) ||
		 site_lies_in(&caution->target, &caution->source))
		text = "the target is inside of it";
	else if (caution_is_doomed(judgement))
		text = "it is inside of the target, and --delete would remove it";
	if (text == NULL)
		return 0;
	return operand_refuse(judgement->tree, "sync", text, judgement->source_path);
}

/* ---- where what goes is kept (O15) ---- */

/* Why ATTIC, which was found, cannot keep what goes, or NULL. */
static const char *caution_why_no_attic(const struct judgement *judgement,
					const struct attic *attic)
{
	const struct caution *caution = judgement->caution;
	struct sys *sys = judgement->tree->sys;

	if (caution_lies_in(sys, attic->fd, &judgement->source))
		return "it is inside of the source";
	if (attic_is_there(attic) && caution_is_there(judgement) &&
	    caution_same(&attic->stat, &judgement->target))
		return "it is the target itself";
	if (attic_is_there(attic) && caution_lies_in(sys, caution->target_fd, &attic->stat))
		return "the target is inside of it";
	if (attic_is_there(attic) && caution_lies_in(sys, caution->source_fd, &attic->stat))
		return "the source is inside of it";
	if (attic->stat.device != judgement->target.device)
		return "it is on another file system than the target, and nothing is moved there";
	if (attic->stat.mount_id != judgement->target.mount_id)
		return "it is on another mount than the target, and nothing is moved there";
	return NULL;
}

static int caution_judge_attic(const struct judgement *judgement, struct attic *attic)
{
	const char *operation = attic == judgement->tree->trash ? "use trash" : "back up to";
	struct tree *tree = judgement->tree;
	const char *text = NULL;
	int result;

	if (attic == NULL)
		return 0;
	result = attic_find(attic);
	if (result == -ENOENT)
		text = "the folder it is to be in is missing; --mkpath makes that, too";
	else if (result == -EINVAL)
		text = "'..' leads nowhere behind what is not there";
	else if (result == -EACCES)
		text = "it may not be entered, or a link of somebody else leads there";
	if (result < 0)
		return operand_fatal(tree, result, operation, text, attic->path);
	attic->in_target = caution_is_there(judgement) &&
			   caution_lies_in(tree->sys, attic->fd, &judgement->target);
	text = caution_why_no_attic(judgement, attic);
	return text != NULL ? operand_refuse(tree, operation, text, attic->path) : 0;
}

/* ---- what is asked for: --require-mount, --expect-fs ---- */

static const char *caution_why_no_mount(const struct site *site)
{
	if (site->mount[0] == '\0')
		return "--require-mount: what is mounted there cannot be found out";
	if (site->is_on_root)
		return "--require-mount: nothing is mounted there";
	return NULL;
}

static int caution_judge_mounts(const struct judgement *judgement)
{
	const struct settings *settings = judgement->tree->settings;
	const char *text;

	if (settings->require_mount[SETTINGS_SOURCE]) {
		text = caution_why_no_mount(&judgement->caution->source);
		if (text != NULL)
			return caution_refuse_source(judgement, text);
	}
	if (settings->require_mount[SETTINGS_TARGET]) {
		text = caution_why_no_mount(&judgement->caution->target);
		if (text != NULL)
			return caution_refuse_target(judgement, text);
	}
	return 0;
}

/* True if the file system of SITE is called NAME, which may say what kind of name it
 * is. */
static bool caution_is_called(const struct site *site, const char *name)
{
	bool by_uuid = strncmp(name, "UUID=", 5) == 0, by_label = strncmp(name, "LABEL=", 6) == 0;

	name += by_uuid ? 5 : by_label ? 6 : 0;
	if (name[0] == '\0')
		return false;
	return (!by_label && strcasecmp(site->uuid, name) == 0) ||
	       (!by_uuid && strcmp(site->label, name) == 0);
}

static int caution_judge_name(const struct judgement *judgement)
{
	const struct site *site = &judgement->caution->target;
	const char *expected = judgement->tree->settings->expect_fs;
	char text[CAUTION_TEXT_BYTES];
	char uuid[64];

	if (expected[0] == '\0' || caution_is_called(site, expected))
		return 0;
	if (site->uuid[0] == '\0' && site->label[0] == '\0')
		return caution_refuse_target(
			judgement,
			"--expect-fs: its file system has neither UUID nor label, or none "
			"that can be read");
	caution_quote(uuid, sizeof(uuid), site->uuid);
	snprintf(text, sizeof(text), "--expect-fs: its file system is another one%s%s%s",
		 uuid[0] != '\0' ? ", with the UUID " : "", uuid,
		 site->label[0] != '\0' ? ", with the label" : "");
	return operand_refuse_about(judgement->tree, "sync into", text, judgement->target_path,
				    site->label);
}

/* ---- where --delete would do what nobody can mean (O10) ---- */

static bool caution_is_root(const struct judgement *judgement)
{
	struct sys_stat root;

	return sys_statx(judgement->tree->sys, AT_FDCWD, "/", false, &root) == 0 &&
	       caution_same(&root, &judgement->target);
}

static int caution_judge_target(const struct judgement *judgement)
{
	const struct settings *settings = judgement->tree->settings;
	char text[CAUTION_TEXT_BYTES];
	char user[ACCOUNT_NAME_BYTES], quoted[ACCOUNT_NAME_BYTES];

	if (!caution_is_there(judgement))
		return 0;
	if (caution_is_root(judgement)) {
		if (settings_allows(settings, WEIR_ALLOW_ROOT))
			return 0;
		return caution_refuse_target(
			judgement, "it is the root folder, which --delete would empty of all that "
				   "the source does not have; --allow=root");
	}
	if (settings_allows(settings, WEIR_ALLOW_HOME) ||
	    !account_lives_in(judgement->tree->sys, &judgement->target, user))
		return 0;
	caution_quote(quoted, sizeof(quoted), user);
	snprintf(text, sizeof(text),
		 "it is the home folder of %s, which --delete would empty of all that the source "
		 "does not have; --allow=home",
		 quoted);
	return caution_refuse_target(judgement, text);
}

/* ---- an empty source (O02) ---- */

/* True if there is nothing in the folder but what a file system or a killed run left
 * there.  One that cannot be listed has something in it. */
static bool caution_is_empty(struct sys *sys, int fd)
{
	struct lister lister;
	const char *name;
	bool empty = true;

	if (lister_open(&lister, sys, fd, ".") < 0)
		return false;
	while (empty && (name = lister_next(&lister)) != NULL)
		empty = strcmp(name, "lost+found") == 0 || temp_name_ours(name);
	empty = empty && lister.result == 0;
	lister_close(&lister);
	return empty;
}

static int caution_judge_emptiness(const struct judgement *judgement)
{
	const struct caution *caution = judgement->caution;
	struct sys *sys = judgement->tree->sys;

	if (settings_allows(judgement->tree->settings, WEIR_ALLOW_EMPTY_SOURCE) ||
	    !caution_is_there(judgement) || !caution_is_empty(sys, caution->source_fd) ||
	    caution_is_empty(sys, caution->target_fd))
		return 0;
	if (judgement->tree->settings->snapshots)
		return caution_refuse_source(judgement,
					     "it is empty, and so would the snapshot be; "
					     "--allow=empty-source");
	return caution_refuse_source(judgement,
				     "it is empty, and so would the target be with --delete; "
				     "--allow=empty-source");
}

/* ---- rsync's meaning ---- */

/* The last name of PATH, to be freed; NULL: it has none, or there is no memory. */
static char *caution_last_name(const char *path)
{
	const char *name = path + reach_cut(path, strlen(path));
	size_t bytes = strcspn(name, "/");

	if (bytes == 0 || strncmp(name, ".", bytes) == 0 || strncmp(name, "..", bytes) == 0)
		return NULL;
	return strndup(name, bytes);
}

/* True if a rule keeps the folder NAME of the target. */
static bool caution_is_kept(const struct tree *tree, const char *name)
{
	return !tree->settings->delete_excluded &&
	       filter_judge(tree->filter, name, strlen(name), FILTER_FOLDER) == FILTER_EXCLUDED;
}

/* Who copied with rsync has a folder of the source's name in the target, and means that
 * one by the name of the target. */
static int caution_judge_contents(const struct judgement *judgement)
{
	const struct caution *caution = judgement->caution;
	struct tree *tree = judgement->tree;
	char *name = caution_last_name(judgement->source_path);
	struct sys_stat stat;
	char *meant;
	int result = 0;

	if (name != NULL && !settings_allows(tree->settings, WEIR_ALLOW_CONTENTS) &&
	    caution_is_there(judgement) && !caution_is_kept(tree, name) &&
	    sys_statx(tree->sys, caution->target_fd, name, false, &stat) == 0 &&
	    S_ISDIR(stat.mode) &&
	    sys_statx(tree->sys, caution->source_fd, name, false, &stat) == -ENOENT) {
		if (asprintf(&meant, "%s%s%s", judgement->target_path,
			     judgement->target_path[strlen(judgement->target_path) - 1] == '/'
				     ? ""
				     : "/",
			     name) < 0)
			result = -ENOMEM;
		else
			result = operand_refuse_about(
				tree, "sync into",
				"--delete would remove the folder of the source's name in it; "
				"--contents if that is meant, else name the target",
				judgement->target_path, meant);
		if (result != -ENOMEM)
			free(meant);
	}
	free(name);
	return result;
}

/* ---- the last run (O03) ---- */

static void caution_explain(const struct judgement *judgement, const char *text, int errnum)
{
	const struct weir_event event = {
		.type = WEIR_EVENT_WAY,
		.operation = "record",
		.text = text,
		.errnum = errnum,
		.offset = -1,
	};

	if (judgement->tree->settings->report_ways > 0)
		event_post(judgement->tree->events, &event, judgement->target_path, false);
}

/* What the pair has instead of a record. */
static void caution_tell_no_record(const struct judgement *judgement)
{
	const struct record *record = &judgement->caution->record;
	char text[CAUTION_TEXT_BYTES];
	struct error error;

	if (record->state == RECORD_NONE)
		caution_explain(judgement, "this is the first run of this pair of folders", 0);
	if (record->state == RECORD_IMPOSSIBLE) {
		snprintf(
			text, sizeof(text),
			"none can be kept, so nobody knows whether both are on the file systems of "
			"the last run: %s",
			record->why);
		caution_explain(judgement, text, record->errnum);
	}
	if (record->state != RECORD_BAD)
		return;
	error_set_text(&error, ERROR_SIDE_NONE, "use record", record->why);
	error.errnum = record->errnum;
	error.grade = ERROR_WARNING;
	event_post_error(judgement->tree->events, &error, record->path, false);
}

/* "ext4 1234-5678", or what is mounted where there is no UUID. */
static void caution_name_fs(char *text, size_t size, const struct site *site)
{
	char whole[CAUTION_TEXT_BYTES];

	snprintf(whole, sizeof(whole), "%.32s %.100s",
		 site->type[0] != '\0' ? site->type : "unknown",
		 site->uuid[0] != '\0' ? site->uuid : site->source);
	caution_quote(text, size, whole);
}

/* What became of a side since the last run: TEXT, which ends where its mount point of
 * then belongs. */
static void caution_describe_move(char *text, size_t size, const struct site *before,
				  const struct site *now)
{
	char then_fs[160], now_fs[160];

	caution_name_fs(then_fs, sizeof(then_fs), before);
	caution_name_fs(now_fs, sizeof(now_fs), now);
	if (site_same_fs(before, now))
		snprintf(text, size,
			 "it is another folder of its file system (%s) than in the last run; "
			 "--allow=moved if that is right; it was mounted on",
			 then_fs);
	else
		snprintf(text, size,
			 "it is on another file system (%s) than in the last run; --allow=moved "
			 "if that is right; it was on %s, mounted on",
			 now_fs, then_fs);
}

/* Q4 */
static int caution_judge_side(const struct judgement *judgement, const struct site *before,
			      const struct site *now, bool is_source)
{
	const char *path = is_source ? judgement->source_path : judgement->target_path;
	const char *operation = is_source ? "sync from" : "sync into";
	struct tree *tree = judgement->tree;
	char text[CAUTION_TEXT_BYTES];
	struct error error;

	if (now->mount[0] == '\0') {
		caution_explain(judgement, "it is not known which file systems both are on", 0);
		return 0;
	}
	if (before->mount[0] == '\0' || site_same(before, now))
		return 0;
	caution_describe_move(text, sizeof(text), before, now);
	if (settings_is_wary(tree->settings))
		return operand_refuse_about(tree, operation, text, path, before->mount);
	judgement->caution->remembers = false;
	error_set_text(&error, is_source ? ERROR_SIDE_SOURCE : ERROR_SIDE_TARGET, "recognize",
		       text);
	error_set_other(&error, before->mount);
	error.grade = ERROR_WARNING;
	event_post_error(tree->events, &error, path, false);
	return 0;
}

static int caution_judge_moves(const struct judgement *judgement)
{
	struct caution *caution = judgement->caution;
	const struct record_facts *last = &caution->record.last;
	int result;

	if (caution->record.state != RECORD_FOUND) {
		caution_tell_no_record(judgement);
		return 0;
	}
	if (settings_allows(judgement->tree->settings, WEIR_ALLOW_MOVED))
		return 0;
	result = caution_judge_side(judgement, &last->source, &caution->source, true);
	if (result == 0)
		result = caution_judge_side(judgement, &last->target, &caution->target, false);
	return result;
}

/* ---- all of it ---- */

/* In the order in which a reason tells more than those behind it. */
static int caution_judge_all(const struct judgement *judgement)
{
	bool deletes = settings_deletes(judgement->tree->settings);
	int result = deletes ? caution_judge_target(judgement) : 0;

	if (result == 0)
		result = caution_judge_nesting(judgement);
	if (result == 0)
		result = caution_judge_attic(judgement, judgement->tree->trash);
	if (result == 0)
		result = caution_judge_attic(judgement, judgement->tree->backups);
	if (result == 0)
		result = caution_judge_mounts(judgement);
	if (result == 0)
		result = caution_judge_name(judgement);
	if (result == 0)
		result = caution_judge_moves(judgement);
	if (result == 0 && settings_is_wary(judgement->tree->settings))
		result = caution_judge_emptiness(judgement);
	if (result == 0 && deletes)
		result = caution_judge_contents(judgement);
	return result;
}

int caution_judge(struct caution *caution, const struct operands *operands, struct tree *tree)
{
	struct judgement judgement = {
		.caution = caution,
		.tree = tree,
		.source_path = operands->sources[0].path,
		.target_path = operands->target_path,
	};
	struct sys *sys = tree->sys;
	int result = sys_statx(sys, caution->source_fd, "", false, &judgement.source);

	if (result == 0)
		result = sys_statx(sys, caution->target_fd, "", false, &judgement.target);
	if (result < 0)
		return operand_fatal(tree, result, "stat", NULL, judgement.target_path);
	caution_close(caution);
	caution->remembers = true;
	result = site_find(sys, caution->source_fd, NULL, &caution->source);
	if (result == 0)
		result = site_find(sys, caution->target_fd, caution->below, &caution->target);
	if (result == 0)
		result = record_open(&caution->record, sys, &caution->source, &caution->target);
	return result < 0 ? result : caution_judge_all(&judgement);
}

void caution_close(struct caution *caution)
{
	site_free(&caution->source);
	site_free(&caution->target);
	record_close(&caution->record);
	caution->remembers = false;
}
