// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Cases that several processes share.
 */
#ifndef TOOLS_WORKERS_H
#define TOOLS_WORKERS_H

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "common.h"

/* What became of the cases of one of them, or of all. */
struct counts {
	uint64_t passed, failed;
	uint64_t missed;		      /* of the passed: the run ended before its fault */
	uint64_t workloads, distinct, judged; /* of crashloop */
};

static void counts_add(struct counts *all, const struct counts *more)
{
	all->passed += more->passed;
	all->failed += more->failed;
	all->missed += more->missed;
	all->workloads += more->workloads;
	all->distinct += more->distinct;
	all->judged += more->judged;
}

/* Makes a folder in IN with a name of NAME's own, and enters it.  Returns its path. */
static char *enter_work(const char *in, const char *name)
{
	char path[PATH_BYTES];

	snprintf(path, sizeof(path), "%s/%s.XXXXXX", in, name);
	if (mkdtemp(path) == NULL || chdir(path) != 0 || getcwd(path, sizeof(path)) == NULL)
		die("a folder in %s", in);
	umask(022);
	return must(strdup(path));
}

static void leave_work(const char *work)
{
	if (chdir("/") != 0)
		die("chdir");
	remove_all(work);
}

/* Before that: where a program lies, from wherever it is called. */
static const char *command_at(const char *path)
{
	char *whole = realpath(path, NULL);

	if (whole == NULL)
		die("the command %s", path);
	return whole;
}

/* Where a sync remembers its folders, if that is this worker's alone; else NULL. */
static const char *own_records;

static void hide_records(void)
{
	if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0)
		return;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", "/var/lib", "tmpfs", 0, "mode=755") != 0)
		die("a /var/lib that is hidden");
	own_records = "/var/lib/weir";
}

/* Enters a folder of the worker's own: all as deep, so all runs take the same steps. */
static void enter_folder(unsigned worker)
{
	char name[64];

	snprintf(name, sizeof(name), "w%u", worker);
	if ((mkdir(name, 0700) != 0 && errno != EEXIST) || chdir(name) != 0)
		die("a folder to work in");
	hide_records();
}

/* The last line, and the status that goes with it. */
static int counts_end(const struct counts *all)
{
	printf("%llu passed, %llu failed\n", (unsigned long long)all->passed,
	       (unsigned long long)all->failed);
	return all->failed == 0 && all->passed > 0 ? 0 : 1;
}

/* Calls WORK in as many processes as are wanted, each in a folder of its own.  One that
 * ends badly is a failure. */
static struct counts share(unsigned workers,
			   void (*work)(const void *what, unsigned worker, struct counts *counts),
			   const void *what)
{
	struct counts all = { 0 };
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		die("pipe");
	fflush(stdout);
	for (unsigned i = 0; i < workers; i++) {
		pid_t child = fork();

		if (child < 0)
			die("fork");
		if (child == 0) {
			struct counts own = { 0 };

			enter_folder(i);
			work(what, i, &own);
			if (write(ends[1], &own, sizeof(own)) != sizeof(own))
				die("write");
			exit(0);
		}
	}
	close(ends[1]);
	for (unsigned i = 0; i < workers; i++) {
		struct counts own;
		int status;

		if (read(ends[0], &own, sizeof(own)) == sizeof(own))
			counts_add(&all, &own);
		if (wait(&status) < 0 || status != 0)
			all.failed++;
	}
	close(ends[0]);
	return all;
}

#endif
