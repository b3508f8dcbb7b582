/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Links that are followed: by openat2() and by a walk, which must agree, and what
 * neither goes through.
 */
#include "lib/reach.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "unit.h"

static struct sys sys;

/* What the kernel finds, or -errno. */
static int led_to(int dirfd, const char *name, struct stat *stat)
{
	return fstatat(dirfd, name, stat, 0) == 0 ? 0 : -errno;
}

static int open_flags(int dirfd, const char *name, bool walk, int flags)
{
	return walk ? reach_walk(&sys, dirfd, name, flags) : reach_open(&sys, dirfd, name, flags);
}

/* NAME leads where the kernel leads, whatever the way and whatever for. */
static void leads_the_same(int dirfd, const char *name)
{
	static const int flags[] = { O_PATH, O_RDONLY | O_NONBLOCK };
	struct stat expected, found;
	int result = led_to(dirfd, name, &expected);

	for (int i = 0; i < 4; i++) {
		int fd = open_flags(dirfd, name, i % 2 != 0, flags[i / 2]);

		CHECK_EQUAL(fd < 0 ? fd : 0, result);
		if (fd < 0)
			continue;
		CHECK(fstat(fd, &found) == 0);
		CHECK_EQUAL(found.st_dev, expected.st_dev);
		CHECK_EQUAL(found.st_ino, expected.st_ino);
		CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
		close(fd);
	}
}

static void link_to(int dirfd, const char *text, const char *name)
{
	REQUIRE(symlinkat(text, dirfd, name) == 0);
}

static void ordinary(void)
{
	int dirfd = unit_folder(), fd;
	char path[PATH_MAX], proc[32], name[16];
	ssize_t bytes;

	sys_open(&sys);
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", dirfd);
	bytes = readlink(proc, path, sizeof(path) - 1);
	REQUIRE(bytes > 0);
	path[bytes] = '\0';
	REQUIRE(mkdirat(dirfd, "d", 0755) == 0 && mkdirat(dirfd, "d/e", 0755) == 0);
	fd = openat(dirfd, "d/e/f", O_CREAT | O_WRONLY, 0644);
	REQUIRE(fd >= 0);
	close(fd);
	link_to(dirfd, "d/e/f", "relative");
	link_to(dirfd, "d//./e/../e///f", "odd");
	link_to(dirfd, "d/e/f/", "slash-behind-a-file");
	link_to(dirfd, "d/e/", "folder");
	link_to(dirfd, "folder/f", "over-a-link");
	link_to(dirfd, "relative/", "slash-behind-a-link");
	link_to(dirfd, "..", "up");
	link_to(dirfd, ".", "here");
	link_to(dirfd, "/", "root");
	link_to(dirfd, "/etc/../../..", "above-the-root");
	link_to(dirfd, path, "absolute");
	link_to(dirfd, "nowhere", "dangling");
	link_to(dirfd, "d/nowhere/f", "dangling-between");
	link_to(dirfd, "d/e/f/g", "through-a-file");
	link_to(dirfd, "loop", "loop");
	link_to(dirfd, "two", "one");
	link_to(dirfd, "one", "two");
	link_to(dirfd, "d/e/f", "n0");
	for (int i = 1; i <= 41; i++) {
		char text[16];

		snprintf(text, sizeof(text), "n%d", i - 1);
		snprintf(name, sizeof(name), "n%d", i);
		link_to(dirfd, text, name);
	}
	for (const char *const *at = (const char *const[]){ "relative",
							    "odd",
							    "slash-behind-a-file",
							    "folder",
							    "over-a-link",
							    "slash-behind-a-link",
							    "up",
							    "here",
							    "root",
							    "above-the-root",
							    "absolute",
							    "dangling",
							    "dangling-between",
							    "through-a-file",
							    "loop",
							    "one",
							    "n39",
							    "n40",
							    "d",
							    "missing",
							    NULL };
	     *at != NULL; at++)
		leads_the_same(dirfd, *at);
	close(dirfd);
}

static void magic(void)
{
	static const char *const refused[] = { "/proc/self/root",     "/proc/self/cwd",
					       "/proc/self/exe",      "/proc/self/fd/0",
					       "/proc/self/root/etc", "/proc/thread-self/root",
					       "/proc/self/ns/mnt",   "proc/self/root" };
	static const char *const followed[] = { "/proc/self/stat", "/proc/mounts", "/proc/self",
						"proc/cpuinfo" };
	int dirfd = unit_folder();
	struct sys_stat stat;

	sys_open(&sys);
	if (access("/proc/self/root", F_OK) != 0)
		SKIP("no /proc");
	link_to(dirfd, "/proc", "proc");
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		link_to(dirfd, refused[i], "magic");
		for (int way = 0; way < 2; way++) {
			CHECK_EQUAL(open_flags(dirfd, "magic", way != 0, O_PATH), -ELOOP);
			CHECK_EQUAL(open_flags(dirfd, "magic", way != 0, O_RDONLY | O_NONBLOCK),
				    -ELOOP);
		}
		CHECK_EQUAL(reach_stat(&sys, dirfd, "magic", &stat), -ELOOP);
		REQUIRE(unlinkat(dirfd, "magic", 0) == 0);
	}
	for (size_t i = 0; i < sizeof(followed) / sizeof(followed[0]); i++) {
		link_to(dirfd, followed[i], "plain");
		for (int way = 0; way < 2; way++) {
			int fd = open_flags(dirfd, "plain", way != 0, O_PATH);

			CHECK(fd >= 0);
			close(fd);
		}
		REQUIRE(unlinkat(dirfd, "plain", 0) == 0);
	}
	close(dirfd);
}

/* R4 */
static void links_of_others(void)
{
	int dirfd = unit_folder(), fd;

	sys_open(&sys);
	REQUIRE(mkdirat(dirfd, "sticky", 0700) == 0);
	fd = openat(dirfd, "sticky/f", O_CREAT | O_WRONLY, 0644);
	REQUIRE(fd >= 0);
	close(fd);
	link_to(dirfd, "f", "sticky/link");
	REQUIRE(fchmodat(dirfd, "sticky", 01777, 0) == 0);
	fd = reach_walk(&sys, dirfd, "sticky/link", O_RDONLY);
	CHECK(fd >= 0); /* it is ours */
	close(fd);
	if (fchownat(dirfd, "sticky/link", 12345, 12345, AT_SYMLINK_NOFOLLOW) != 0) {
		close(dirfd);
		return; /* only root can make the rest */
	}
	CHECK_EQUAL(reach_walk(&sys, dirfd, "sticky/link", O_RDONLY), -EACCES);
	REQUIRE(fchownat(dirfd, "sticky", 12345, 12345, 0) == 0);
	fd = reach_walk(&sys, dirfd, "sticky/link", O_RDONLY);
	CHECK(fd >= 0); /* whose folder it is may put links there */
	close(fd);
	close(dirfd);
}

/* The path is cut until nothing is left. */
static void cutting(void)
{
	static const struct {
		const char *path;
		size_t cuts[5];
	} cases[] = {
		{ "", { 0 } },
		{ "a", { 0 } },
		{ "abc///", { 0 } },
		{ "/", { 0 } },
		{ "///", { 0 } },
		{ "/a", { 1, 0 } },
		{ "//a//", { 2, 0 } },
		{ "a/b", { 2, 0 } },
		{ "a//bc//d/", { 7, 3, 0 } },
		{ "./../a", { 5, 2, 0 } },
		{ "/a/./b", { 5, 3, 1, 0 } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t end = strlen(cases[i].path), at = 0;

		do {
			end = reach_cut(cases[i].path, end);
			CHECK_EQUAL(end, cases[i].cuts[at]);
		} while (cases[i].cuts[at++] != 0);
	}
}

static void nothing_left_open(void)
{
	unsigned before = unit_count_fds();

	ordinary();
	magic();
	CHECK_EQUAL(unit_count_fds(), before);
}

static const struct unit_test tests[] = {
	{ "both ways lead where the kernel leads", ordinary },
	{ "magic links are followed by none", magic },
	{ "a walk follows no links of others in folders of all", links_of_others },
	{ "a path is cut at its last component", cutting },
	{ "no way leaves a descriptor open", nothing_left_open },
};

UNIT_MAIN(tests)
