/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The public API: a run, its threads, its events.
 *
 *   State    True here                                Then
 *   NEW      options and operands are taken           the first weir_run_next() begins it
 *   WAITING  another run holds the target             it is ours, or is given up: RUNNING
 *   RUNNING  workers and committer are at work        the committer ends it
 *   ENDED    no thread will post an event any more    the last event is taken, threads joined
 *
 * Invariants:
 * N1 rings, arenas and threads are made when the first job needs them: a few
 *    small files are copied by the caller's thread without any of these;
 * N2 threads start with all signals blocked, so handlers run in the caller's;
 * N3 nothing of the caller's process is changed: no umask, limit, folder.
 */
#define _GNU_SOURCE
#pragma GCC visibility push(default)
#include "weir.h"
#pragma GCC visibility pop

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "budget.h"
#include "chosen.h"
#include "claim.h"
#include "clean.h"
#include "commit.h"
#include "confine.h"
#include "engine.h"
#include "filter.h"
#include "invariant.h"
#include "io_uring.h"
#include "label.h"
#include "limits.h"
#include "manners.h"
#include "mirror.h"
#include "operand.h"
#include "pace.h"
#include "removal.h"
#include "snapshot.h"

/* Versions that the library was built with, from the build system. */
#ifdef WEIR_LIBURING_VERSION
#define RUN_LIBURING WEIR_LIBURING_VERSION
#else
#define RUN_LIBURING "2.3 or later"
#endif
#ifdef WEIR_BLKID_VERSION
#define RUN_BLKID WEIR_BLKID_VERSION
#else
#define RUN_BLKID "yes"
#endif
#ifdef WEIR_FAULT_BUILD
#define RUN_FAULT "yes"
#else
#define RUN_FAULT "no"
#endif

/* Operands of so many bytes use all buffers, which are then made at once. */
#define RUN_LARGE_BYTES MIB(1)

enum run_state {
	RUN_NEW,
	RUN_WAITING,
	RUN_RUNNING,
	RUN_ENDED,
};

struct weir_run {
	struct settings settings;
	struct operands operands;
	struct mirror mirror;
	struct filter filter;
	struct chosen chosen;
	enum run_state state;
	_Atomic bool opened; /* modules below are open */
	int event_fd;
	struct sys sys;
	struct bell bell;
	struct tally tally;
	struct root root;
	struct fs_table fs;
	struct queue queue;
	struct event_queue events;
	struct loss_table loss;
	struct links links;
	struct asks asks;
	struct claims claims;
	struct label_policy *labels; /* or NULL */
	struct tree tree;
	struct survey survey;
	struct earlier earlier;
	struct snapshot snapshot;
	struct clean clean;
	struct plan plan;
	struct renames renames;
	struct moves moves;
	struct attic trash;
	struct attic backups;
	char confinement[CONFINE_TEXT_BYTES]; /* "" until then */
	bool searched;			      /* what moved was looked for, */
	bool removed;			      /* what was planned to go is gone, or was refused */
	bool no_room_made;		      /* removals that were to come first were refused */
	struct commit commit;
	struct worker_shared shared;
	struct pace pace;
	struct budget budget;
	struct worker *workers[LIMIT_WORKERS_MAX + 1]; /* the last: the caller's thread */
	pthread_t worker_threads[LIMIT_WORKERS_MAX];
	uint32_t worker_count; /* threads that were started */
	pthread_t commit_thread;
	bool commit_started;
	pthread_t naming_threads[LIMIT_NAMERS];
	uint32_t naming_count;	  /* threads that were started */
	_Atomic bool ended;	  /* by the committer: no event comes any more */
	struct weir_event *event; /* handed out last */
	_Atomic int early_cancel; /* before the modules are open */
};

/* ---- what is asked for ---- */

int weir_bounds(enum weir_option option, int64_t *lowest, int64_t *highest)
{
	return settings_bounds(option, lowest, highest);
}

int weir_run_set(struct weir_run *run, enum weir_option option, int64_t value)
{
	return run->state == RUN_NEW ? settings_set(&run->settings, option, value) : -EBUSY;
}

/* One more folder of earlier copies. */
static int run_add_earlier(struct weir_run *run, const char *path, bool clones)
{
	if (path == NULL || path[0] == '\0' || !settings_syncs(&run->settings))
		return -EINVAL;
	return earlier_add(&run->earlier, path, clones);
}

static int run_set_snapshot(struct weir_run *run, const char *path)
{
	char *copy;

	if (path == NULL || path[0] == '\0' || !settings_syncs(&run->settings))
		return -EINVAL;
	copy = strdup(path);
	if (copy == NULL)
		return -ENOMEM;
	free(run->snapshot.path);
	run->snapshot.path = copy;
	run->settings.snapshots = true;
	return 0;
}

int weir_run_set_text(struct weir_run *run, enum weir_text option, const char *text)
{
	if (run->state != RUN_NEW)
		return -EBUSY;
	if (option == WEIR_TEXT_SNAPSHOT)
		return run_set_snapshot(run, text);
	if (option == WEIR_TEXT_RETAIN)
		return text != NULL ? retain_parse(&run->snapshot.retain, text) : -EINVAL;
	if (option == WEIR_TEXT_LINK_DEST)
		return run_add_earlier(run, text, false);
	if (option == WEIR_TEXT_CLONE_DEST)
		return run_add_earlier(run, text, true);
	return settings_set_text(&run->settings, option, text);
}

int weir_run_add_source(struct weir_run *run, int dirfd, const char *path)
{
	if (run->state != RUN_NEW)
		return -EBUSY;
	if (path == NULL || path[0] == '\0')
		return -EINVAL;
	return operands_add(&run->operands, dirfd, path);
}

int weir_run_add_rule(struct weir_run *run, enum weir_rule rule, const char *pattern)
{
	if (run->state != RUN_NEW)
		return -EBUSY;
	if (pattern == NULL || (rule != WEIR_RULE_EXCLUDE && rule != WEIR_RULE_INCLUDE))
		return -EINVAL;
	return filter_add(&run->filter, rule == WEIR_RULE_INCLUDE, pattern);
}

int weir_run_add_name(struct weir_run *run, const char *path)
{
	if (run->state != RUN_NEW)
		return -EBUSY;
	if (path == NULL || !settings_syncs(&run->settings))
		return -EINVAL;
	return chosen_add(&run->chosen, path);
}

/* True if the first BYTES of PATH are names as a walk finds them. */
static bool run_path_is_plain(const char *path, size_t bytes)
{
	for (size_t at = 0; at <= bytes;) {
		size_t name = strcspn(path + at, "/");

		if (name == 0 || (name == 1 && path[at] == '.'))
			return false;
		at += name + 1;
	}
	return true;
}

/* How many bytes of PATH are the name of the SOURCE that it is or lies in; -EISDIR:
 * it is only a part of that name; -ENOENT: neither; -ENOMEM. */
static int64_t run_relate(const char *source, const char *path, size_t end)
{
	char *name = malloc(strlen(source) + 1);
	int64_t result = -ENOENT;
	size_t bytes;

	if (name == NULL)
		return -ENOMEM;
	bytes = filter_operand_path(source, true, name);
	if (memcmp(name, path, bytes < end ? bytes : end) == 0) {
		if (bytes == 0 || bytes == end || (bytes < end && path[bytes] == '/'))
			result = (int64_t)bytes;
		else if (end < bytes && name[end] == '/')
			result = -EISDIR;
	}
	free(name);
	return result;
}

/* Of several sources that PATH lies in, one that does not exclude it counts. */
static int run_find_rule_in_sources(const struct weir_run *run, const char *path, size_t end,
				    bool is_folder, size_t *rule, size_t *bytes)
{
	int result = -ENOENT;
	bool excluded = true;

	for (size_t i = 0; i < run->operands.count && excluded; i++) {
		int64_t head = run_relate(run->operands.sources[i].path, path, end);
		size_t found, asked;

		if (head == -ENOMEM)
			return -ENOMEM;
		if (head < 0) {
			result = result == -ENOENT ? (int)head : result;
			continue;
		}
		found = filter_find_on_way(&run->filter, path, (size_t)head, end, is_folder,
					   &asked);
		excluded = filter_is_exclusion(&run->filter, found);
		if (result >= 0 && excluded)
			continue;
		*rule = found;
		*bytes = asked;
		result = found < run->filter.count;
	}
	return result;
}

int weir_run_find_rule(const struct weir_run *run, const char *path, size_t *rule, size_t *bytes)
{
	size_t end = path != NULL ? strlen(path) : 0;
	bool is_folder = end > 0 && path[end - 1] == '/';

	while (end > 0 && path[end - 1] == '/')
		end--;
	if (end == 0 || !run_path_is_plain(path, end))
		return -EINVAL;
	if (run->settings.rule_paths && run->operands.count > 0)
		return run_find_rule_in_sources(run, path, end, is_folder, rule, bytes);
	*rule = filter_find_on_way(&run->filter, path, 0, end, is_folder, bytes);
	return *rule < run->filter.count;
}

int weir_run_set_target(struct weir_run *run, int dirfd, const char *path,
			enum weir_target_mode mode)
{
	char *copy;

	if (run->state != RUN_NEW)
		return -EBUSY;
	if (path == NULL || path[0] == '\0' || mode > WEIR_TARGET_NAME)
		return -EINVAL;
	copy = strdup(path);
	if (copy == NULL)
		return -ENOMEM;
	free(run->operands.target_path);
	run->operands.target_path = copy;
	run->operands.target_dirfd = dirfd;
	run->operands.target_mode = mode;
	return 0;
}

/* ---- making, opening, freeing ---- */

struct weir_run *weir_run_new(enum weir_kind kind)
{
	struct weir_run *run;

	if (kind != WEIR_COPY && kind != WEIR_SYNC && kind != WEIR_CLEAN) {
		errno = EINVAL;
		return NULL;
	}
	run = calloc(1, sizeof(*run));
	if (run == NULL)
		return NULL;
	settings_init(&run->settings, kind);
	run->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (run->event_fd < 0) {
		free(run);
		return NULL;
	}
	return run;
}

/* Folders that keep what goes, if there are any.  0 or -errno. */
static int run_open_attics(struct weir_run *run)
{
	const struct settings *settings = &run->settings;
	int result = 0;

	if (settings->trash[0] != '\0')
		result = attic_open(&run->trash, &run->root, settings, settings->trash, "");
	if (result == 0 && settings->backup_folder[0] != '\0')
		result = attic_open(&run->backups, &run->root, settings, settings->backup_folder,
				    settings->suffix_given ? settings->backup_suffix : "");
	run->tree.trash = settings->trash[0] != '\0' ? &run->trash : NULL;
	run->tree.backups = settings->backup_folder[0] != '\0' ? &run->backups : NULL;
	return result;
}

/* What scans, and for a sync compares and plans.  0 or -errno. */
static int run_open_tree(struct weir_run *run)
{
	int result = tree_open(&run->tree);

	run->tree.sys = &run->sys;
	run->tree.root = &run->root;
	run->tree.fs = &run->fs;
	run->tree.queue = &run->queue;
	run->tree.events = &run->events;
	run->tree.tally = &run->tally;
	run->tree.loss = &run->loss;
	run->tree.settings = &run->settings;
	run->tree.filter = &run->filter;
	if (result == 0)
		result = plan_open(&run->plan, &run->sys);
	if (result == 0)
		result = chosen_settle(&run->chosen);
	if (result == 0)
		result = renames_open(&run->renames);
	if (result == 0)
		result = moves_open(&run->moves, &run->root);
	if (result == 0)
		result = survey_open(&run->survey, &run->root, &run->settings, &run->links,
				     &run->shared.cancel);
	if (result == 0)
		result = run_open_attics(run);
	if (!settings_syncs(&run->settings))
		return result;
	run->tree.survey = &run->survey;
	run->tree.plan = &run->plan;
	run->tree.moves = run->settings.remove_source ? &run->moves : NULL;
	run->tree.chosen = run->chosen.count > 0 ? &run->chosen : NULL;
	run->tree.renames = run->settings.detect_renames ? &run->renames : NULL;
	if (run->earlier.count > 0 || run->settings.snapshots)
		run->tree.earlier = run->survey.earlier = &run->earlier;
	run->tree.target_path = run->operands.target_path;
	run->tree.plans_first = run->settings.delete_when == WEIR_DELETE_FIRST;
	return result;
}

/* Opens the modules in the order of their layers.  0 or -errno. */
static int run_open(struct weir_run *run)
{
	int result;

	sys_open(&run->sys);
	run->tally.began_ns = tally_now_ns();
	result = event_queue_open(&run->events, &run->tally, run->event_fd);
	run->events.on_change = run->settings.on_change;
	run->events.on_vanish = run->settings.on_vanish;
	if (result == 0)
		result = loss_open(&run->loss, &run->tally, &run->settings);
	if (result == 0)
		result = root_open(&run->root, &run->sys, LIMIT_FOLDER_FDS);
	if (result == 0)
		result = fs_table_open(&run->fs, &run->sys);
	if (result == 0)
		result = queue_open(&run->queue, &run->bell, &run->commit.due);
	if (result == 0)
		result = links_open(&run->links, &run->root, &run->queue);
	if (result == 0)
		result = asks_open(&run->asks, &run->events, &run->bell);
	if (result == 0)
		result = claims_open(&run->claims);
	if (result == 0)
		result = commit_open(&run->commit, &(struct commit_plan){
							   .sys = &run->sys,
							   .root = &run->root,
							   .queue = &run->queue,
							   .links = &run->links,
							   .moves = &run->moves,
							   .events = &run->events,
							   .tally = &run->tally,
							   .loss = &run->loss,
							   .settings = &run->settings,
							   .bell = &run->bell,
							   .units_max = 1,
						   });
	if (result == 0)
		result = run_open_tree(run);
	if (result < 0)
		return result; /* a mutex that cannot be made: there is no memory at all */
	run->shared = (struct worker_shared){
		.sys = &run->sys,
		.root = &run->root,
		.fs = &run->fs,
		.queue = &run->queue,
		.tree = &run->tree,
		.commit = &run->commit,
		.events = &run->events,
		.tally = &run->tally,
		.loss = &run->loss,
		.links = &run->links,
		.asks = &run->asks,
		.claims = &run->claims,
		.bell = &run->bell,
		.settings = &run->settings,
	};
	manners_open(&run->shared, &run->pace);
	/* One job is enough to end with, whatever becomes of the memory. */
	run->workers[LIMIT_WORKERS_MAX] =
		worker_new(&run->shared, &(struct worker_plan){ .jobs = 1 });
	if (run->workers[LIMIT_WORKERS_MAX] == NULL)
		return -ENOMEM;
	run->opened = true;
	return 0;
}

static void run_close(struct weir_run *run)
{
	operands_close(&run->operands, &run->root);
	mirror_close(&run->mirror, &run->sys);
	earlier_close(&run->earlier, &run->root);
	snapshot_close(&run->snapshot, &run->root);
	commit_close(&run->commit);
	survey_close(&run->survey);
	moves_close(&run->moves);
	attic_close(&run->trash);
	attic_close(&run->backups);
	renames_close(&run->renames);
	plan_close(&run->plan);
	tree_close(&run->tree);
	label_close(run->labels);
	claims_close(&run->claims);
	asks_close(&run->asks);
	links_close(&run->links);
	queue_close(&run->queue);
	fs_table_close(&run->fs);
	root_close(&run->root);
	loss_close(&run->loss);
	event_queue_close(&run->events);
	sys_close_trace(&run->sys);
	run->opened = false;
}

static void run_join(struct weir_run *run)
{
	bool was_running = run->state == RUN_RUNNING;

	for (uint32_t i = 0; i < run->worker_count; i++)
		pthread_join(run->worker_threads[i], NULL);
	run->worker_count = 0;
	if (run->commit_started)
		pthread_join(run->commit_thread, NULL);
	run->commit_started = false;
	if (run->naming_count > 0)
		naming_stop(&run->commit.naming);
	for (uint32_t i = 0; i < run->naming_count; i++)
		pthread_join(run->naming_threads[i], NULL);
	run->naming_count = 0;
	for (uint32_t i = 0; i <= LIMIT_WORKERS_MAX; i++) {
		worker_free(run->workers[i]);
		run->workers[i] = NULL;
	}
	if (was_running) {
		operands_unlock(&run->operands, &run->root);
		snapshot_release(&run->snapshot, &run->root);
	}
}

/* Nothing of them is open. */
static void run_close_operands(struct weir_run *run)
{
	operands_close(&run->operands, NULL);
	earlier_close(&run->earlier, NULL);
	snapshot_close(&run->snapshot, NULL);
}

void weir_run_free(struct weir_run *run)
{
	if (run == NULL)
		return;
	if (run->state == RUN_RUNNING) { /* T4 */
		worker_cancel(&run->shared, WEIR_CANCEL_NOW);
		event_unbound(&run->events);
	}
	run_join(run);
	free(run->event);
	if (run->opened)
		run_close(run);
	else
		run_close_operands(run);
	filter_close(&run->filter);
	chosen_close(&run->chosen);
	close(run->event_fd);
	free(run);
}

/* ---- the threads ---- */

/* Nothing more is removed, nor what waits for that copied, after an end that was not
 * the run's own, or while something is not known to be durable (G6, G8). */
static bool run_may_remove(struct weir_run *run)
{
	return atomic_load(&run->shared.cancel) == 0 && !atomic_load(&run->shared.dropped) &&
	       !atomic_load(&run->commit.failed) && !atomic_load(&run->commit.naming.unsure);
}

/* J5: what could not be copied may be what is to be removed under its old name.  A source
 * that vanished is no failure. */
static bool run_has_failed(struct weir_run *run)
{
	struct error error;

	if (tally_get(&run->tally.entries_failed) <= run->plan.told || run->plan.removals == 0)
		return false;
	error_set_text(&error, ERROR_SIDE_TARGET, "delete in",
		       "some entries failed, so nothing was deleted");
	error.grade = ERROR_WARNING;
	event_post_error(&run->events, &error, run->operands.target_path, false);
	return true;
}

/* The removal phase of a sync. */
static void run_remove(struct weir_run *run)
{
	struct removal removal = {
		.sys = &run->sys,
		.root = &run->root,
		.fs = &run->fs,
		.plan = &run->plan,
		.events = &run->events,
		.tally = &run->tally,
		.settings = &run->settings,
		.cancel = &run->shared.cancel,
		.target = run->operands.target,
		.attic = run->tree.trash != NULL ? run->tree.trash : run->tree.backups,
		.renames = &run->renames,
		.folders = run->settings.keep_folder_links ? &run->survey.folders : NULL,
		.target_path = run->operands.target_path,
		.has_record = mirror_is_known(&run->mirror),
	};

	run->removed = true;
	if (!settings_syncs(&run->settings) || run->settings.delete_when == WEIR_DELETE_OFF)
		return;
	/* Done or not, it is over: nothing can wait for it any more. */
	plan_rewind(&run->plan);
	/* What was to make room stays: without it there may be none for the copies. */
	if (run_may_remove(run) && !run_has_failed(run) && !removal_run(&removal))
		run->no_room_made = run->settings.delete_when == WEIR_DELETE_FIRST;
	if (atomic_load(&run->shared.cancel) == 0)
		atomic_store(&run->shared.removes, false);
	else if (run->plan.removals > tally_get(&run->tally.removed))
		atomic_store(&run->shared.dropped, true);
	if (removal.unsynced)
		atomic_store(&run->commit.failed, true);
}

/* Every scan is over: what of the names that were chosen was nowhere. */
static void run_tell_missing(struct weir_run *run)
{
	const char *name;
	size_t at = 0;

	if (atomic_load(&run->shared.cancel) != 0 || atomic_load(&run->shared.dropped))
		return;
	while ((name = chosen_next_missing(&run->chosen, &at)) != NULL) {
		struct error error;
		char *path;

		error_set(&error, -ENOENT, ERROR_SIDE_SOURCE, "sync");
		if (asprintf(&path, "%s/%s", run->operands.sources[0].path, name) < 0)
			path = NULL;
		event_wait_room(&run->events);
		event_post_error(&run->events, &error, path != NULL ? path : name, false);
		free(path);
	}
}

/* The whole plan is known: what moved is looked for in it. */
static void run_search(struct weir_run *run)
{
	const struct renames_env env = {
		.root = &run->root,
		.queue = &run->queue,
		.plan = &run->plan,
		.events = &run->events,
		.tally = &run->tally,
		.settings = &run->settings,
		.target = run->operands.target,
		.through_proc = !run->budget.is_root,
	};

	run->searched = true;
	run_tell_missing(run);
	renames_settle(&run->renames, &env, run_may_remove(run));
}

/* What comes after the removals.  True: there is something. */
static bool run_go_on(struct weir_run *run)
{
	bool first = atomic_exchange(&run->tree.plans_first, false);
	bool more = false;
	struct list *node;

	while ((node = plan_take_put_off(&run->plan)) != NULL) {
		queue_push_deferred(&run->queue, LIST_ENTRY(node, struct batch, node));
		more = true;
	}
	if (first && atomic_load(&run->shared.cancel) != 0) { /* nothing was copied yet */
		atomic_store(&run->shared.dropped, true);
		atomic_fetch_add(&run->shared.left_folders, 1);
	}
	if (!first || !run_may_remove(run) || run->no_room_made)
		return more;
	if (operands_queue(&run->operands, &run->tree) < 0) {
		atomic_store(&run->shared.dropped, true);
		worker_cancel(&run->shared, WEIR_CANCEL_NOW);
	}
	return true;
}

/* The end of a sync that moves. */
static void run_move(struct weir_run *run)
{
	const struct moves_end end = {
		.fs = &run->fs,
		.settings = &run->settings,
		.events = &run->events,
		.tally = &run->tally,
		.cancel = &run->shared.cancel,
		.source_path = run->operands.sources[0].path,
	};

	if (!run->settings.remove_source)
		return;
	if (run_may_remove(run))
		moves_carry_out(&run->moves, &end);
	if (atomic_load(&run->shared.cancel) != 0 &&
	    tally_get(&run->tally.to_move) > tally_get(&run->tally.moved))
		atomic_store(&run->shared.dropped, true);
}

/* Everything is done that does not wait for the removals. */
static bool run_is_idle(struct weir_run *run)
{
	return queue_idle(&run->queue) || (!run->removed && queue_stalled(&run->queue));
}

/* A pair of folders is remembered if all of its run was done that could be: a few
 * entries that always fail are no reason to know nothing of it, but whatever stopped the
 * run, or was refused, is.  M4: while the target is held. */
static void run_remember(struct weir_run *run)
{
	const struct tally *tally = &run->tally;
	unsigned classes = atomic_load(&run->events.classes);

	if (!settings_syncs(&run->settings) || run->settings.dry_run ||
	    atomic_load(&run->shared.cancel) != 0 || atomic_load(&run->shared.dropped) ||
	    (classes & ~(EVENT_CLASS_FAILED | EVENT_CLASS_CHANGED)) != 0)
		return;
	mirror_remember(&run->mirror, &run->tree,
			tally_get(&tally->unchanged) + tally_get(&tally->to_change) +
				tally_get(&tally->to_replace) + tally_get(&tally->to_create));
}

/* The end of a snapshot.  What vanished meanwhile is no part of it, and no failure. */
static void run_end_snapshot(struct weir_run *run)
{
	unsigned classes = atomic_load(&run->events.classes);
	struct snapshot_end end = {
		.operands = &run->operands,
		.tree = &run->tree,
		.complete = run_may_remove(run) && tally_get(&run->tally.entries_failed) == 0 &&
			    (classes & ~EVENT_CLASS_CHANGED) == 0,
	};

	if (!run->settings.snapshots)
		return;
	snapshot_finish(&run->snapshot, &end);
	if (end.unsynced)
		atomic_store(&run->commit.failed, true);
}

/* One pass of the committer; true when the run is over. */
static bool run_commit_pass(struct weir_run *run, bool *worked)
{
	bool cancelled = atomic_load(&run->shared.cancel) != 0;
	bool idle = run_is_idle(run);

	/* What waits for the names of others must not wait for a full group. */
	*worked = commit_step(&run->commit, cancelled || idle || queue_stalled(&run->queue));
	if (*worked || !idle || !commit_empty(&run->commit) || !run_is_idle(run))
		return false;
	commit_finish(&run->commit, &run->fs);
	if (!run->searched && run_is_idle(run)) {
		run_search(run);
		*worked = true;
		return false;
	}
	if (!run->removed && run_is_idle(run)) {
		run_remove(run);
		*worked = true;
		if (run_go_on(run))
			return false;
	}
	if (!queue_idle(&run->queue))
		return false;
	run_move(run);
	manners_tell_left(&run->shared, run->plan.removals);
	loss_tell(&run->loss, &run->events);
	run_end_snapshot(run);
	run_remember(run);
	queue_shut(&run->queue);
	return true;
}

static void run_end(struct weir_run *run)
{
	atomic_store(&run->ended, true);
	event_notify(&run->events);
}

static void *run_commit_main(void *argument)
{
	struct weir_run *run = argument;
	bool worked, over = false;

	manners_settle_thread(&run->shared);
	while (!over) {
		uint32_t seen = bell_read(&run->commit.due);

		over = run_commit_pass(run, &worked);
		if (!over && !worked)
			bell_wait(&run->commit.due, seen, LIMIT_WAIT_MS);
	}
	run_end(run);
	return NULL;
}

/* A worker without buffers: the others go on; the last one ends the run. */
static void run_worker_failed(struct worker *worker, int result)
{
	struct worker_shared *shared = worker->shared;
	struct error error;

	if (atomic_fetch_sub(&shared->alive, 1) > 1)
		return;
	error_set(&error, result, ERROR_SIDE_NONE, "start the engine");
	error.grade = ERROR_RUN;
	event_post_error(shared->events, &error, "", true);
	worker_cancel(shared, WEIR_CANCEL_NOW);
	engine_abandon_queue(worker);
}

static void *run_worker_main(void *argument)
{
	struct worker *worker = argument;
	int result;

	manners_settle_thread(worker->shared);
	result = worker_start(worker);
	if (result < 0)
		run_worker_failed(worker, result);
	else
		engine_run(worker);
	worker_stop(worker);
	return NULL;
}

static void *run_naming_main(void *argument)
{
	struct weir_run *run = argument;

	manners_settle_thread(&run->shared);
	naming_run(&run->commit.naming);
	return NULL;
}

/* Threads that give names, where there is something to park; the committer does
 * without. */
static void run_start_naming(struct weir_run *run)
{
	if (!settings_parks(&run->settings))
		return;
	while (run->naming_count < LIMIT_NAMERS &&
	       pthread_create(&run->naming_threads[run->naming_count], NULL, run_naming_main,
			      run) == 0) {
		run->naming_count++;
		atomic_fetch_add(&run->commit.naming.threads, 1);
	}
}

/* Starts the committer and as many workers as there are threads to be had: one
 * is enough to go on with (F12).  False: not even these. */
static bool run_start_threads(struct weir_run *run)
{
	sigset_t all, before;
	uint32_t missing;

	atomic_store(&run->shared.alive, run->budget.workers);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* N2 */
	run->commit_started = pthread_create(&run->commit_thread, NULL, run_commit_main, run) == 0;
	for (uint32_t i = 0; i < run->budget.workers && run->commit_started; i++) {
		run->workers[i] = worker_new(&run->shared, &run->budget.plans[i]);
		if (run->workers[i] == NULL ||
		    pthread_create(&run->worker_threads[i], NULL, run_worker_main,
				   run->workers[i]) != 0) {
			worker_free(run->workers[i]);
			run->workers[i] = NULL;
			break;
		}
		run->worker_count++;
	}
	if (run->worker_count > 0)
		run_start_naming(run);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	tally_add(&run->tally.workers, run->worker_count);
	missing = run->budget.workers - run->worker_count;
	/* False also when those that were made have failed to start by now. */
	return atomic_fetch_sub(&run->shared.alive, missing) > missing;
}

/* One pass of the worker in the caller's thread; true when the run is over. */
static bool run_inline_pass(struct weir_run *run, struct worker *worker)
{
	uint32_t seen = bell_read(&run->bell);
	bool turned = true;
	bool worked = false;

	if (worker->opened)
		turned = engine_turn(worker, run->commit_started ? LIMIT_WAIT_MS : 0);
	else
		engine_discard_queue(worker);
	if (!run->commit_started) {
		if (run_commit_pass(run, &worked))
			return true;
		if (turned || worked)
			return false;
		/* Nothing to hurry: what is left waits for its time (A13). */
		if (commit_hurry(&run->commit) == 0)
			bell_wait(&run->bell, seen, engine_sleep_ms(worker));
		return false;
	}
	if (!turned)
		bell_wait(&run->bell, seen, LIMIT_WAIT_MS);
	return queue_is_shut(&run->queue);
}

/* The worker of the caller's thread: as the budget has it, or the one that was made at
 * the start. */
static struct worker *run_inline_worker(struct weir_run *run)
{
	struct worker *worker = worker_new(&run->shared, &run->budget.plans[0]);
	struct worker *spare = run->workers[LIMIT_WORKERS_MAX];

	if (worker != NULL) {
		worker_free(spare);
		run->workers[LIMIT_WORKERS_MAX] = worker;
		return worker;
	}
	spare->plan = run->budget.plans[0];
	spare->plan.jobs = 1;
	return spare;
}

/* Everything that is left, in the caller's thread: no ring, no thread (N1). */
static int run_inline(struct weir_run *run)
{
	struct worker *worker = run_inline_worker(run);
	int priority = manners_borrow_thread(&run->shared);
	int result;

	run->asks.mute = true; /* who would answer is here */
	result = worker_start(worker);
	if (result < 0) /* no buffers: all that is queued is dropped */
		worker_cancel(&run->shared, WEIR_CANCEL_NOW);
	while (!run_inline_pass(run, worker))
		;
	manners_return_thread(&run->shared, priority);
	if (!run->commit_started)
		run_end(run);
	return result;
}

/* ---- beginning ---- */

static bool run_is_small(const struct weir_run *run)
{
	const struct operands *operands = &run->operands;

	if (point_is_inline(&run->sys.point))
		return true;
	return run->settings.engine != WEIR_ENGINE_RING && !run->settings.ask &&
	       !operands->target_streams && operands->folders == 0 &&
	       operands->files + operands->excluded == operands->count &&
	       operands->count <= LIMIT_INLINE_FILES && operands->bytes <= LIMIT_INLINE_BYTES &&
	       !settings_hold_back(&run->settings) && run->settings.workers == 0 &&
	       run->settings.direct != WEIR_DIRECT_ALWAYS;
}

static bool run_rotates(struct weir_run *run)
{
	if (run->operands.target != NULL && device_rotates(&run->sys, run->operands.target->device))
		return true;
	for (size_t i = 0; i < run->operands.count && i < 8; i++)
		if (run->operands.sources[i].usable &&
		    device_rotates(&run->sys, run->operands.sources[i].stat.device))
			return true;
	return false;
}

static void run_tell_too_few(struct weir_run *run)
{
	struct error error;

	error_set_text(&error, ERROR_SIDE_NONE, "start",
		       "there are too few file descriptors (RLIMIT_NOFILE), 16 are needed");
	error.grade = ERROR_RUN;
	event_post_error(&run->events, &error, "", false);
}

/* Sets the budgets and starts the work.  0 or -errno. */
static int run_start(struct weir_run *run)
{
	bool small = run_is_small(run);
	uint32_t useful = run->operands.folders > 0		    ? LIMIT_WORKERS_MAX
			  : run->operands.files < LIMIT_WORKERS_MAX ? (uint32_t)run->operands.files
								    : LIMIT_WORKERS_MAX;

	if (small)
		budget_settle_inline(&run->budget, &run->sys, &run->settings);
	else
		budget_settle(&run->budget, &run->sys, &run->settings, useful > 0 ? useful : 1,
			      run->settings.workers == 0 && run_rotates(run));
	run->commit.units_max = run->budget.parked;
	run->root.open_max = run->budget.folder_fds;
	run->shared.target_fs = run->operands.target_fs;
	run->shared.pours = run->operands.target_streams;
	run->shared.target_path = run->operands.target_path;
	run->trash.target = run->backups.target = run->operands.target;
	run->shared.have_proc = run->budget.have_proc;
	run->shared.is_root = run->budget.is_root;
	if (run->budget.too_few_fds) {
		run_tell_too_few(run);
		worker_cancel(&run->shared, WEIR_CANCEL_NOW);
	}
	if (small)
		return run_inline(run);
	for (uint32_t i = 0; i < run->budget.workers; i++)
		run->budget.plans[i].arena.full = run->operands.bytes >= RUN_LARGE_BYTES;
	run->events.unbounded = false;
	budget_reserve_fds(&run->budget, run->event_fd);
	if (run_start_threads(run))
		return 0;
	event_unbound(&run->events);
	budget_settle_inline(&run->budget, &run->sys, &run->settings);
	return run_inline(run);
}

/* Nothing runs (any more): the run has ended. */
static void run_stop(struct weir_run *run, int result)
{
	struct error error;

	if (result < 0 && result != -ECANCELED) {
		error_set(&error, result, ERROR_SIDE_NONE, "start");
		error.grade = ERROR_RUN;
		event_post_error(&run->events, &error, "", false);
	}
	if (!run->commit_started)
		run_end(run);
}

/* WEIR_OPT_CONFINE: all that is still to be opened is known by now.  0; -ECANCELED: it has
 * to be confined and cannot be, which was told. */
static int run_confine(struct weir_run *run)
{
	const struct confine confine = {
		.sys = &run->sys,
		.root = &run->root,
		.settings = &run->settings,
		.operands = &run->operands,
		.attics = { run->tree.trash, run->tree.backups },
		.earlier = &run->earlier,
		.snapshots = run->snapshot.dir,
		.record = settings_syncs(&run->settings) ? mirror_record(&run->mirror) : NULL,
		.labels = run->labels != NULL,
	};

	const char *obstacle;
	int result;

	if (run->settings.confine == WEIR_CONFINE_NEVER || point_reaches_out(&run->sys.point))
		return 0;
	if (run->settings.delete_when != WEIR_DELETE_OFF)
		plan_prepare(&run->plan);
	if (run->settings.remove_source)
		plan_prepare(&run->moves.plan);
	result = confine_thread(&confine, run->confinement, &obstacle);
	if (result == 0 || run->settings.confine != WEIR_CONFINE_ALWAYS)
		return 0;
	return operand_fatal(&run->tree, result, "confine the run to", obstacle,
			     run->operands.target_path != NULL ? run->operands.target_path
							       : run->operands.sources[0].path);
}

/* What is queued is dropped by whoever takes it. */
static void run_drop_queue(struct weir_run *run)
{
	atomic_store(&run->shared.dropped, true);
	worker_cancel(&run->shared, WEIR_CANCEL_NOW);
}

/* All is resolved with RESULT: what is to be done is queued, and begins. */
static void run_set_off(struct weir_run *run, int result)
{
	run->links.forgets = run->operands.count == 1 && run->settings.follow != WEIR_FOLLOW_ALWAYS;
	/* An ACL has the mode in it. */
	if (settings_keeps(&run->settings, WEIR_PROPERTY_ACL) &&
	    !settings_keeps(&run->settings, WEIR_PROPERTY_MODE))
		run->settings.keep[WEIR_PROPERTY_MODE] = WEIR_KEEP_TRY;
	if (result == 0) {
		result = operands_queue(&run->operands, &run->tree);
		/* Who holds the target could not be told any more. */
		if (result == 0 && run_confine(run) < 0)
			run_drop_queue(run);
		else if (result < 0 && result != -ECANCELED)
			run_drop_queue(run);
		if (result != -ECANCELED && run_start(run) < 0)
			result = -ENOMEM;
	}
	if (result < 0)
		run_stop(run, result);
}

/* ---- a clean ---- */

static void run_clean(struct weir_run *run)
{
	for (size_t i = 0; i < run->operands.count; i++)
		clean_operand(&run->clean, run->operands.sources[i].dirfd,
			      run->operands.sources[i].path);
	clean_finish(&run->clean);
	if (run->clean.cut)
		atomic_store(&run->shared.dropped, true);
	run_end(run);
}

static void *run_clean_main(void *argument)
{
	run_clean(argument);
	return NULL;
}

/* All of it is done by one thread, which takes the place of the committer; where none can
 * be made by the caller's, while nobody reads. */
static void run_begin_clean(struct weir_run *run)
{
	sigset_t all, before;
	int result;

	run->clean.residue = (struct residue){
		.sys = &run->sys,
		.root = &run->root,
		.fs = &run->fs,
		.events = &run->events,
		.tally = &run->tally,
		.settings = &run->settings,
		.cancel = &run->shared.cancel,
	};
	run->root.keeps_atimes = true;
	result = run_confine(run);
	if (result < 0) {
		run_stop(run, result);
		return;
	}
	budget_settle_inline(&run->budget, &run->sys, &run->settings);
	run->root.open_max = run->budget.folder_fds;
	run->events.unbounded = false;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* N2 */
	run->commit_started = pthread_create(&run->commit_thread, NULL, run_clean_main, run) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (run->commit_started)
		return;
	event_unbound(&run->events);
	run_clean(run);
}

/* A folder of snapshots stands in the place of the target.  0 or -errno. */
static int run_aim_snapshot(struct weir_run *run)
{
	if (!run->settings.snapshots)
		return retain_is_wanted(&run->snapshot.retain) ? -EINVAL : 0;
	if (run->operands.target_path != NULL || run->earlier.count > 0)
		return -EINVAL;
	run->snapshot.settings = &run->settings;
	run->snapshot.cancel = &run->shared.cancel;
	run->mirror.snapshot = &run->snapshot;
	return weir_run_set_target(run, AT_FDCWD, run->snapshot.path, WEIR_TARGET_NAME);
}

static int run_begin(struct weir_run *run)
{
	int result = run_aim_snapshot(run);

	if (result < 0)
		return result;
	if (run->operands.count == 0 ||
	    (run->operands.target_path == NULL) != settings_cleans(&run->settings))
		return -EINVAL;
	if (settings_syncs(&run->settings) && run->operands.count != 1)
		return -EINVAL;
	if (settings_contradict(&run->settings))
		return -EINVAL;
	result = run_open(run);
	if (result < 0)
		return result;
	run->state = RUN_RUNNING;
	run->events.unbounded = true; /* until there are threads, the reader is us */
	run->root.keeps_atimes = run->settings.dry_run;
	run->mirror.earlier = &run->earlier;
	run->settings.uid = geteuid();
	run->settings.privileged = run->settings.uid == 0;
	run->settings.umask = -1;
	if (settings_keeps(&run->settings, WEIR_PROPERTY_OWNER) &&
	    !settings_keeps(&run->settings, WEIR_PROPERTY_MODE))
		run->settings.umask = sys_umask(&run->sys);
	if (atomic_load(&run->early_cancel) != 0)
		worker_cancel(&run->shared, (enum weir_cancel)atomic_load(&run->early_cancel));
	if (settings_cleans(&run->settings)) {
		run_begin_clean(run);
		return 0;
	}
	result = label_open(&run->sys, &run->settings, &run->labels);
	run->shared.labels = run->labels;
	if (result == 0)
		result = settings_syncs(&run->settings)
				 ? mirror_resolve(&run->mirror, &run->operands, &run->tree)
				 : operands_resolve(&run->operands, &run->tree);
	if (result == -EAGAIN)
		run->state = RUN_WAITING;
	else
		run_set_off(run, result);
	return 0;
}

/* Another run holds the target: a step later it may not any more. */
static void run_wait_target(struct weir_run *run)
{
	int result = -ECANCELED;

	/* A signal ends it early, and may have been a cancel. */
	sys_poll(&run->sys, -1, 0, LIMIT_WAIT_MS);
	if (atomic_load(&run->shared.cancel) == 0)
		result = mirror_try_again(&run->mirror, &run->operands, &run->tree);
	else
		atomic_store(&run->shared.dropped, true);
	if (result == -EAGAIN)
		return;
	run->state = RUN_RUNNING;
	run_set_off(run, result);
}

/* ---- events ---- */

static void run_wait_event(struct weir_run *run, int timeout_ms)
{
	struct pollfd poll_fd = { .fd = run->event_fd, .events = POLLIN };
	uint64_t count;

	if (poll(&poll_fd, 1, timeout_ms) > 0 && read(run->event_fd, &count, sizeof(count)) < 0)
		return; /* drained by an earlier look */
}

int weir_run_next(struct weir_run *run, int timeout_ms, struct weir_event **event)
{
	bool waited = false;

	if (run->state == RUN_NEW) {
		int result = run_begin(run);

		if (result < 0)
			return result;
	}
	free(run->event);
	run->event = NULL;
	for (;;) {
		/* Read before taking: what is posted before the end is seen. */
		bool ended = run->state == RUN_ENDED || atomic_load(&run->ended);

		run->event = event_take(&run->events);
		if (run->event != NULL) {
			/* Who polls once for each event must be woken again. */
			if (ended || run->state == RUN_WAITING || event_pending(&run->events))
				event_notify(&run->events);
			*event = run->event;
			return 1;
		}
		if (ended)
			break;
		if (waited)
			return -ETIMEDOUT;
		if (run->state == RUN_WAITING)
			run_wait_target(run);
		else
			run_wait_event(run, timeout_ms);
		waited = timeout_ms >= 0;
	}
	if (run->state == RUN_RUNNING)
		run_join(run);
	run->state = RUN_ENDED;
	event_notify(&run->events); /* readable from now on */
	return 0;
}

int weir_run_fd(struct weir_run *run)
{
	return run->event_fd;
}

void weir_run_cancel(struct weir_run *run, enum weir_cancel how)
{
	int now = atomic_load(&run->early_cancel);

	while (now < (int)how && !atomic_compare_exchange_weak(&run->early_cancel, &now, (int)how))
		;
	if (run->opened)
		worker_cancel(&run->shared, how);
}

int weir_run_answer(struct weir_run *run, uint64_t question, int yes)
{
	return run->opened ? asks_answer(&run->asks, question, yes != 0) : -ENOENT;
}

enum weir_result weir_run_result(const struct weir_run *run)
{
	unsigned classes = run->opened ? atomic_load(&run->events.classes) : 0;

	if ((classes & EVENT_CLASS_FULL) != 0)
		return WEIR_RESULT_TARGET_FULL;
	if ((classes & EVENT_CLASS_FATAL) != 0)
		return WEIR_RESULT_FATAL;
	if ((classes & EVENT_CLASS_REFUSED) != 0)
		return WEIR_RESULT_REFUSED;
	if ((classes & EVENT_CLASS_BUSY) != 0)
		return WEIR_RESULT_BUSY;
	if (run->opened &&
	    (atomic_load(&run->shared.dropped) || atomic_load(&run->commit.naming.dropped)))
		return WEIR_RESULT_FATAL;
	if ((classes & EVENT_CLASS_FAILED) != 0)
		return WEIR_RESULT_ENTRIES_FAILED;
	if ((classes & EVENT_CLASS_LIMIT) != 0)
		return WEIR_RESULT_DELETE_LIMIT;
	if ((classes & EVENT_CLASS_CHANGED) != 0)
		return WEIR_RESULT_SOURCE_CHANGED;
	return WEIR_RESULT_OK;
}

void weir_run_stats(const struct weir_run *run, struct weir_stats *stats, size_t size)
{
	struct weir_stats all = { 0 };

	tally_read(&run->tally, &all);
	all.sizes_known = all.scan_done != 0 && tally_get(&run->tally.files_open) == 0;
	memset(stats, 0, size);
	memcpy(stats, &all, size < sizeof(all) ? size : sizeof(all));
}

const char *weir_run_confinement(const struct weir_run *run)
{
	return run->confinement;
}

const char *weir_run_receipt(const struct weir_run *run)
{
	const char *reservation;

	if (run->settings.dry_run)
		return "dry run: nothing was changed";
	if (settings_cleans(&run->settings))
		return residue_receipt(&run->clean.residue);
	if (run->operands.target_fs == NULL)
		return "nothing was changed";
	if (run->operands.target_streams &&
	    (tally_get(&run->tally.files_durable) == 0 || atomic_load(&run->commit.naming.poured)))
		return "a stream: not known to be durable";
	if (run->operands.target_streams)
		return "durable";
	reservation = fs_reservation(run->operands.target_fs);
	if (run->settings.durable == WEIR_DURABLE_NONE)
		return "not synced";
	if (atomic_load(&run->commit.failed) || atomic_load(&run->commit.naming.unsure))
		return "not known to be durable";
	return reservation != NULL ? reservation : "durable";
}

/* ---- words ---- */

const char *weir_version(void)
{
	return WEIR_VERSION;
}

const char *weir_features(void)
{
	return "engine-ring yes\n"
	       "engine-plain yes\n"
	       "liburing " RUN_LIBURING "\n"
	       "libblkid " RUN_BLKID "\n"
	       "libselinux " LABEL_LIBRARY "\n"
	       "fault-build " RUN_FAULT "\n";
}

const char *weir_errno_name(int errnum)
{
	return error_errno_name(errnum);
}

const char *weir_strerror(int errnum)
{
	return error_errno_text(errnum);
}
