/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names of temps, and the sweep for what killed runs left.
 *
 * time() and flock() of this program take the place of the C library's: a test
 * can make leftovers old, and locks not work.
 */
#include "lib/temp.h"

#include <ctype.h>
#include <sys/file.h>
#include <sys/syscall.h>

#include "unit.h"

static time_t later_seconds; /* added to the clock */
static bool no_locks;        /* as where a server keeps none */

time_t time(time_t *where)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_sec += later_seconds;
	if (where != NULL)
		*where = now.tv_sec;
	return now.tv_sec;
}

int flock(int fd, int operation)
{
	if (no_locks) {
		errno = ENOLCK;
		return -1;
	}
	return (int)syscall(SYS_flock, fd, operation);
}

struct place {
	struct sys sys;
	struct root root;
	struct dir *dir;
	int fd;     /* pinned */
	int dirfd;  /* the test's own */
};

static void place_open(struct place *place)
{
	char path[64];

	sys_open(&place->sys);
	REQUIRE(root_open(&place->root, &place->sys, 8) == 0);
	place->dirfd = unit_folder();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", place->dirfd);
	if (dir_open_path(&place->root, place->dirfd, ".", &place->dir) != 0)
		REQUIRE(dir_open_path(&place->root, AT_FDCWD, path, &place->dir) == 0);
	place->fd = place->dir->fd;
}

static void place_close(struct place *place)
{
	dir_unpin(&place->root, place->dir);
	dir_put(&place->root, place->dir);
	root_close(&place->root);
	sys_close_trace(&place->sys);
	close(place->dirfd);
}

static void shape(void)
{
	char name[TEMP_NAME_BYTES], before[TEMP_NAME_BYTES] = "";
	struct sys sys;

	sys_open(&sys);
	for (int i = 0; i < 2000; i++) {
		REQUIRE(temp_name_make(&sys, name) == 0);
		CHECK_EQUAL(strlen(name), TEMP_NAME_BYTES - 1);
		CHECK(strncmp(name, ".weir.", 6) == 0);
		for (const char *at = name + 6; *at != '\0'; at++)
			CHECK((*at >= 'a' && *at <= 'z') || (*at >= '2' && *at <= '7'));
		CHECK(temp_name_ours(name));
		CHECK(strcmp(name, before) != 0);
		memcpy(before, name, sizeof(before));
	}
}

static void one_character(void)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
	char name[TEMP_NAME_BYTES];
	struct sys sys;
	unsigned tried = 0, taken = 0;

	sys_open(&sys);
	for (int i = 0; i < 20; i++) {
		REQUIRE(temp_name_make(&sys, name) == 0);
		for (size_t at = 6; at < TEMP_NAME_BYTES - 1; at++) {
			char good = name[at];

			for (const char *other = alphabet; *other != '\0'; other++) {
				if (*other == good)
					continue;
				name[at] = *other;
				tried++;
				taken += temp_name_ours(name);
			}
			name[at] = good;
		}
	}
	/* A checksum of 20 bits: one of a million by chance. */
	CHECK(tried > 10000);
	CHECK(taken <= 2);
}

static void look_alikes(void)
{
	static const char *const users[] = {
		"", ".", "..", ".weir", ".weir.", ".weir.notes", "weir.aaaaaaaaaaaaaaaaaaaaaaaa",
		".weir.aaaaaaaaaaaaaaaaaaaaaaaa", ".weir.zzzzzzzzzzzzzzzzzzzzzzzz",
		".weir.000000000000000000000000", ".WEIR.aaaaaaaaaaaaaaaaaaaaaaaa",
		".weir.AAAAAAAAAAAAAAAAAAAAAAAA", ".weir.abcdefghijklmnopqrstuvwx",
		".weir.aaaaaaaaaaaaaaaaaaaaaaa\xff",
	};
	char name[TEMP_NAME_BYTES + 2];
	struct sys sys;

	sys_open(&sys);
	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++)
		CHECK(!temp_name_ours(users[i]));
	REQUIRE(temp_name_make(&sys, name) == 0);
	name[TEMP_NAME_BYTES - 1] = 'a'; /* one longer */
	name[TEMP_NAME_BYTES] = '\0';
	CHECK(!temp_name_ours(name));
	name[TEMP_NAME_BYTES - 2] = '\0'; /* one shorter */
	CHECK(!temp_name_ours(name));
	REQUIRE(temp_name_make(&sys, name) == 0);
	for (char *at = name + 6; *at != '\0'; at++)
		*at = (char)toupper((unsigned char)*at);
	CHECK(!temp_name_ours(name));
}

static void make_leftovers(struct place *place, char names[][TEMP_NAME_BYTES], unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		REQUIRE(temp_name_make(&place->sys, names[i]) == 0);
		unit_write_text(place->dirfd, names[i], "left");
	}
}

static void sweep_removes(void)
{
	struct place place;
	char names[3][TEMP_NAME_BYTES], folder[TEMP_NAME_BYTES], full[TEMP_NAME_BYTES];

	place_open(&place);
	make_leftovers(&place, names, 3);
	unit_write_text(place.dirfd, ".weir.abcdefghijklmnopqrstuvwx", "user's");
	unit_write_text(place.dirfd, ".weir.todo", "user's");
	unit_write_text(place.dirfd, "file", "user's");
	REQUIRE(temp_name_make(&place.sys, folder) == 0);
	REQUIRE(mkdirat(place.dirfd, folder, 0700) == 0);
	REQUIRE(temp_name_make(&place.sys, full) == 0);
	REQUIRE(mkdirat(place.dirfd, full, 0700) == 0);
	REQUIRE(mkdirat(openat(place.dirfd, full, O_PATH), "in", 0700) == 0);
	CHECK_EQUAL(temp_sweep(&place.root, place.dir, place.fd), 4);
	for (int i = 0; i < 3; i++)
		CHECK(!unit_exists(place.dirfd, names[i]));
	CHECK_TEXT(unit_read_text(place.dirfd, ".weir.abcdefghijklmnopqrstuvwx"), "user's");
	CHECK_TEXT(unit_read_text(place.dirfd, ".weir.todo"), "user's");
	CHECK_TEXT(unit_read_text(place.dirfd, "file"), "user's");
	CHECK(!unit_exists(place.dirfd, folder));
	CHECK(unit_exists(place.dirfd, full));
	CHECK_EQUAL(temp_sweep(&place.root, place.dir, place.fd), 0);
	place_close(&place);
}

static void what_is_left(void)
{
	struct sys_stat stat = { .mode = S_IFREG | 0644, .ctime = { .tv_sec = time(NULL) } };
	char name[TEMP_NAME_BYTES];
	struct sys sys;

	sys_open(&sys);
	REQUIRE(temp_name_make(&sys, name) == 0);
	CHECK(temp_is_leftover(name, &stat, true));
	CHECK(!temp_is_leftover(name, &stat, false)); /* it may be somebody's at work */
	later_seconds = 24 * 60 * 60 + 60;
	CHECK(temp_is_leftover(name, &stat, false));
	later_seconds = 0;
	stat.mode = S_IFLNK | 0777;
	CHECK(temp_is_leftover(name, &stat, true));
	stat.mode = S_IFDIR | 0755; /* what a file took the place of */
	CHECK(temp_is_leftover(name, &stat, true));
	CHECK(!temp_is_leftover(".weir.abcdefghijklmnopqrstuvwx", &stat, true));
}

static void sweep_many(void)
{
	struct place place;
	char name[TEMP_NAME_BYTES];

	place_open(&place);
	for (int i = 0; i < 1500; i++) { /* more than one listing buffer */
		REQUIRE(temp_name_make(&place.sys, name) == 0);
		REQUIRE(mknodat(place.dirfd, name, S_IFREG | 0600, 0) == 0);
	}
	CHECK_EQUAL(temp_sweep(&place.root, place.dir, place.fd), 1500);
	CHECK_EQUAL(unit_count_names(place.dirfd), 0);
	place_close(&place);
}

/* Another process that holds the lock until its pipe is closed. */
static pid_t lock_elsewhere(struct place *place, int operation, int *hold)
{
	int ready[2], release[2];
	char byte;
	pid_t child;

	REQUIRE(pipe2(ready, O_CLOEXEC) == 0 && pipe2(release, O_CLOEXEC) == 0);
	fflush(stdout);
	child = fork();
	REQUIRE(child >= 0);
	if (child == 0) {
		int fd = openat(place->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		close(release[1]);
		if (fd < 0 || flock(fd, operation) != 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		_exit(read(release[0], &byte, 1) == 0 ? 0 : 1);
	}
	close(release[0]);
	close(ready[1]);
	REQUIRE(read(ready[0], &byte, 1) == 1);
	close(ready[0]);
	*hold = release[1];
	return child;
}

static void unlock_elsewhere(pid_t child, int hold)
{
	int status;

	close(hold);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void sweep_spares_the_living(void)
{
	struct place place;
	char names[2][TEMP_NAME_BYTES];
	pid_t child;
	int hold;

	place_open(&place);
	make_leftovers(&place, names, 2);
	child = lock_elsewhere(&place, LOCK_SH, &hold);
	for (later_seconds = 0; later_seconds <= 200000; later_seconds += 200000) {
		CHECK_EQUAL(temp_sweep(&place.root, place.dir, place.fd), 0);
		CHECK(unit_exists(place.dirfd, names[0]) && unit_exists(place.dirfd, names[1]));
	}
	later_seconds = 0;
	unlock_elsewhere(child, hold);
	CHECK_EQUAL(temp_sweep(&place.root, place.dir, place.fd), 2);
	place_close(&place);
}

static void sweep_without_locks(void)
{
	struct place place;
	char names[2][TEMP_NAME_BYTES];

	place_open(&place);
	no_locks = true;
	make_leftovers(&place, names, 2);
	CHECK_EQUAL(temp_sweep(&place.root, place.dir, place.fd), 0);
	later_seconds = 24 * 60 * 60 - 60;
	CHECK_EQUAL(temp_sweep(&place.root, place.dir, place.fd), 0);
	later_seconds = 24 * 60 * 60 + 60;
	CHECK_EQUAL(temp_sweep(&place.root, place.dir, place.fd), 2);
	CHECK_EQUAL(unit_count_names(place.dirfd), 0);
	/* Temps can be made there nevertheless. */
	CHECK_EQUAL(dir_temp_added(&place.root, place.dir), 0);
	dir_temp_removed(&place.root, place.dir);
	later_seconds = 0;
	no_locks = false;
	place_close(&place);
}

static void sweep_spares_own(void)
{
	struct place place;
	char names[1][TEMP_NAME_BYTES];

	place_open(&place);
	CHECK_EQUAL(dir_temp_added(&place.root, place.dir), 0);
	make_leftovers(&place, names, 1);
	CHECK_EQUAL(temp_sweep(&place.root, place.dir, place.fd), 0);
	CHECK(unit_exists(place.dirfd, names[0]));
	dir_temp_removed(&place.root, place.dir);
	CHECK_EQUAL(temp_sweep(&place.root, place.dir, place.fd), 1);
	place_close(&place);
}

static void sweep_leaves_no_lock(void)
{
	struct place place;
	char names[1][TEMP_NAME_BYTES];
	int fd;

	place_open(&place);
	make_leftovers(&place, names, 1);
	CHECK_EQUAL(temp_sweep(&place.root, place.dir, place.fd), 1);
	fd = openat(place.dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK_EQUAL(flock(fd, LOCK_EX | LOCK_NB), 0);
	close(fd);
	place_close(&place);
}

static bool locked_by_others(const struct place *place)
{
	int fd = openat(place->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool locked = flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;

	close(fd);
	return locked;
}

static void temps_lock(void)
{
	struct place place;

	place_open(&place);
	CHECK(!locked_by_others(&place));
	CHECK_EQUAL(dir_temp_added(&place.root, place.dir), 0);
	CHECK_EQUAL(dir_temp_added(&place.root, place.dir), 0);
	CHECK(locked_by_others(&place));
	dir_temp_removed(&place.root, place.dir);
	CHECK(locked_by_others(&place));
	dir_temp_removed(&place.root, place.dir);
	CHECK(!locked_by_others(&place));
	place_close(&place);
}

static void refused_lock(void)
{
	struct place place;
	pid_t child;
	int hold;

	place_open(&place);
	child = lock_elsewhere(&place, LOCK_EX, &hold);
	/* Each that asks is refused: nobody may think that his temp is safe
	 * because another one asked before. */
	for (int i = 0; i < 2; i++) {
		CHECK_EQUAL(dir_temp_added(&place.root, place.dir), -EWOULDBLOCK);
		CHECK_EQUAL(place.dir->temps, 0); /* and nothing was added */
		CHECK_EQUAL(place.dir->pins, 1);
	}
	unlock_elsewhere(child, hold);
	CHECK_EQUAL(dir_temp_added(&place.root, place.dir), 0);
	CHECK(locked_by_others(&place));
	dir_temp_removed(&place.root, place.dir);
	place_close(&place);
}

static const struct unit_test tests[] = {
	{ "a temp name is .weir. and 24 characters, and no two are alike", shape },
	{ "a temp name with one other character is not ours", one_character },
	{ "a name that a user may have chosen is not ours", look_alikes },
	{ "a sweep removes what was left and nothing of a user", sweep_removes },
	{ "what is left over is told by name, type, mode and age", what_is_left },
	{ "a sweep finds leftovers beyond the first listing buffer", sweep_many },
	{ "a sweep spares the temps of another process that lives", sweep_spares_the_living },
	{ "where locks do not work only what is older than a day is swept", sweep_without_locks },
	{ "a sweep spares the temps of this run", sweep_spares_own },
	{ "a sweep leaves no lock behind", sweep_leaves_no_lock },
	{ "a folder is locked while it holds temps", temps_lock },
	{ "no temp is added to a folder whose lock is refused", refused_lock },
};

UNIT_MAIN(tests)
