// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A run of weir that is listened to, and what is said of the trees it leaves.
 */
#ifndef TOOLS_JUDGE_H
#define TOOLS_JUDGE_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <time.h>

#include "treeread.h"

#define SAID_BYTES 65536
#define SECONDS_MAX 10

/* What is different about some runs. */
#define IN_PLACE 1U /* files may be of neither time, if they say so */
#define MOVES 2U    /* names of S go, so times of its folders are others next time */
#define SHARES 4U   /* a file may be one that is there already, or a copy */
#define KEEPS 8U    /* what is deleted is kept in `kept` */
#define SNAPS 16U   /* D is a folder of snapshots */

static char verdict[1024];

static inline __attribute__((format(printf, 1, 2))) bool wrong(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(verdict, sizeof(verdict), format, args);
	va_end(args);
	return false;
}

struct outcome {
	int status;
	bool hung;
	char said[SAID_BYTES];
};

/* Attributes that could not be kept, which is told and no failure. */
static inline bool is_loss(const char *differs, const struct outcome *outcome)
{
	return differs != NULL && strstr(outcome->said, " not kept, first ") != NULL &&
	       (strcmp(differs, "mode") == 0 || strcmp(differs, "owner") == 0 ||
		strcmp(differs, "xattrs") == 0 || strcmp(differs, "mtime") == 0 ||
		strcmp(differs, "links") == 0);
}

/* TRAITS: what is left out.  OUTCOME may be NULL. */
static inline bool same_trees(const char *what, const struct image *actual,
			      const struct image *expected, unsigned traits,
			      const struct outcome *outcome)
{
	for (size_t i = 0; i < expected->count; i++) {
		const struct image_entry *entry = tree_find(actual, expected->entries[i].path);
		const char *differs;

		if (entry == NULL)
			return wrong("%s: '%s' is missing", what, expected->entries[i].path);
		differs = entry_differs(entry, &expected->entries[i], true);
		if (differs != NULL && (((traits & SHARES) != 0 && strcmp(differs, "links") == 0) ||
					((traits & MOVES) != 0 && strcmp(differs, "mtime") == 0)))
			continue;
		if (outcome != NULL && is_loss(differs, outcome))
			continue;
		if (differs != NULL)
			return wrong("%s: '%s' differs: %s", what, entry->path, differs);
	}
	for (size_t i = 0; i < actual->count; i++)
		if (tree_find(expected, actual->entries[i].path) == NULL)
			return wrong("%s: '%s' is too much", what, actual->entries[i].path);
	return true;
}

/* Files that are to go: each is in D, or its bytes are in the trash. */
static __attribute__((unused)) bool judge_kept(const struct image *old_target,
					       const struct image *new_target,
					       const struct image *target)
{
	struct image kept;
	bool good = true;

	tree_read(&kept, "kept");
	for (size_t i = 0; i < old_target->count && good; i++) {
		const struct image_entry *old = &old_target->entries[i];
		bool found = tree_find(target, old->path) != NULL;

		if (!S_ISREG(old->stat.st_mode) || tree_find(new_target, old->path) != NULL)
			continue;
		for (size_t k = 0; k < kept.count && !found; k++)
			found = S_ISREG(kept.entries[k].stat.st_mode) &&
				kept.entries[k].content == old->content;
		if (!found)
			good = wrong("O15: '%s' is neither in the target nor in the trash",
				     old->path);
	}
	tree_free(&kept);
	return good;
}

/* The name of a temp: .weir. and 24 characters. */
static inline bool is_temp(const char *path)
{
	const char *name = strrchr(path, '/');

	name = name != NULL ? name + 1 : path;
	return strncmp(name, ".weir.", 6) == 0 && strlen(name) == 30;
}

/* ---- chance ---- */

static inline uint64_t chance(uint64_t *state)
{
	uint64_t mixed = *state += 0x9e3779b97f4a7c15ULL;

	mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9ULL;
	mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebULL;
	return mixed ^ mixed >> 31;
}

/* ---- running ---- */

static inline uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* What it says, until it ends; more than fits is let go of. */
static inline void listen_to(int fd, pid_t child, struct outcome *outcome)
{
	uint64_t end_ms = now_ms() + SECONDS_MAX * 1000;
	size_t used = 0;

	for (;;) {
		struct pollfd one = { .fd = fd, .events = POLLIN };
		uint64_t at_ms = now_ms();
		char more[4096];
		ssize_t bytes;

		if (at_ms >= end_ms || poll(&one, 1, (int)(end_ms - at_ms)) == 0) {
			outcome->hung = true;
			kill(child, SIGKILL);
			return;
		}
		bytes = read(fd, more, sizeof(more));
		if (bytes <= 0)
			return;
		for (ssize_t i = 0; i < bytes && used + 1 < sizeof(outcome->said); i++)
			outcome->said[used++] = more[i];
		outcome->said[used] = '\0';
	}
}

/* A child that is to be weir, and the ends of what it says. */
static inline pid_t fork_heard(int ends[2])
{
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) != 0)
		die("pipe");
	child = fork();
	if (child < 0)
		die("fork");
	return child;
}

static inline void hear(const int ends[2], pid_t child, struct outcome *outcome)
{
	int status;

	*outcome = (struct outcome){ 0 };
	close(ends[1]);
	listen_to(ends[0], child, outcome);
	close(ends[0]);
	if (waitpid(child, &status, 0) != child)
		die("waitpid");
	outcome->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

#endif
