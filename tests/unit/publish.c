/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Giving complete entries their names.
 */
#include "lib/publish.h"

#include <stdarg.h>
#include <sys/file.h>
#include <sys/syscall.h>

#include "unit.h"

/* Called in the place of the kernel's rename: what another run's sweep for
 * leftovers would do at that moment. */
static void (*before_rename)(void);

long syscall(long number, ...)
{
	va_list list;
	long words[6];

	va_start(list, number);
	for (size_t i = 0; i < 6; i++)
		words[i] = va_arg(list, long);
	va_end(list);
	if (number == SYS_renameat2) {
		if (before_rename != NULL)
			before_rename();
		return renameat2((int)words[0], (const char *)words[1], (int)words[2],
				 (const char *)words[3], (unsigned)words[4]);
	}
	errno = ENOSYS;
	return -1;
}

struct bench {
	struct sys sys;
	struct root root;
	struct fs fs;
	struct folder *folder;
	struct settings settings;
	struct error error;
	int dirfd;
};

static struct bench bench;

static void open_bench(void)
{
	memset(&bench, 0, sizeof(bench));
	sys_open(&bench.sys);
	bench.folder = folder_new(NULL, "target", NULL);
	bench.folder->target_fs = &bench.fs;
	bench.dirfd = unit_folder();
	REQUIRE(root_open(&bench.root, &bench.sys, 16) == 0);
	REQUIRE(dir_open_path(&bench.root, bench.dirfd, ".", &bench.folder->target) == 0);
}

static void close_bench(void)
{
	CHECK_EQUAL(bench.folder->target->temps, 0);
	dir_unpin(&bench.root, bench.folder->target);
	CHECK(folder_put(bench.folder));
	folder_free(bench.folder, &bench.root);
	root_close(&bench.root);
	close(bench.dirfd);
}

static struct unit *new_unit(const char *name)
{
	struct unit *entry = unit_new(bench.folder, "source name", name);

	REQUIRE(entry != NULL);
	CHECK_TEXT(entry->name, "source name");
	CHECK_TEXT(entry->target_name, name);
	return entry;
}

/* A complete file without a name, or SKIP. */
static struct unit *nameless(const char *name, const char *text)
{
	struct unit *entry = new_unit(name);

	entry->fd = openat(bench.dirfd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);
	if (entry->fd < 0) {
		free(entry);
		close_bench();
		SKIP("no O_TMPFILE in TMPDIR");
	}
	REQUIRE(write(entry->fd, text, strlen(text)) == (ssize_t)strlen(text));
	return entry;
}

/* The same under a temp name. */
static struct unit *named(const char *name, const char *text)
{
	struct unit *entry = new_unit(name);

	REQUIRE(temp_name_make(&bench.sys, entry->temp_name) == 0);
	unit_write_text(bench.dirfd, entry->temp_name, text);
	entry->temp_named = true;
	return entry;
}

static enum publish_answer publish(struct unit *entry)
{
	enum publish_answer answer = publish_unit(&bench.root, &bench.settings, entry, bench.dirfd,
						  &bench.error);

	CHECK(!entry->temp_named);
	return answer;
}

static void drop(struct unit *entry)
{
	if (entry->fd >= 0)
		close(entry->fd);
	free(entry);
}

static void linked(void)
{
	struct unit *entry;
	struct stat stat;

	open_bench();
	entry = nameless("f", "new");
	CHECK_EQUAL(unit_count_names(bench.dirfd), 0);
	CHECK_EQUAL(publish(entry), PUBLISH_DONE);
	CHECK(!entry->replaced);
	CHECK(bench.fs.written);
	CHECK_TEXT(unit_read_text(bench.dirfd, "f"), "new");
	CHECK(fstat(entry->fd, &stat) == 0 && stat.st_nlink == 1);
	CHECK_EQUAL(unit_count_names(bench.dirfd), 1);
	drop(entry);
	entry = nameless("g", "again"); /* by what was learned */
	CHECK_EQUAL(publish(entry), PUBLISH_DONE);
	CHECK_TEXT(unit_read_text(bench.dirfd, "g"), "again");
	drop(entry);
	close_bench();
}

static void link_race(void)
{
	struct unit *entry;

	open_bench();
	/* Somebody took the name between looking and linking. */
	entry = nameless("f", "new");
	unit_write_text(bench.dirfd, "f", "theirs");
	bench.settings.no_clobber = true;
	CHECK_EQUAL(publish(entry), PUBLISH_SKIPPED);
	CHECK_TEXT(unit_read_text(bench.dirfd, "f"), "theirs");
	CHECK_EQUAL(unit_count_names(bench.dirfd), 1);
	bench.settings.no_clobber = false;
	CHECK_EQUAL(publish(entry), PUBLISH_DONE);
	CHECK(entry->replaced);
	CHECK_TEXT(unit_read_text(bench.dirfd, "f"), "new");
	CHECK_EQUAL(unit_count_names(bench.dirfd), 1);
	drop(entry);
	close_bench();
}

static unsigned swept;
static bool sweep_refused;

static void sweep(void)
{
	int fd = openat(bench.dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	sweep_refused = flock(fd, LOCK_EX | LOCK_NB) != 0;
	swept++;
	close(fd);
}

static void link_race_is_locked(void)
{
	struct unit *entry;

	open_bench();
	entry = nameless("f", "new");
	unit_write_text(bench.dirfd, "f", "theirs");
	before_rename = sweep;
	CHECK_EQUAL(publish(entry), PUBLISH_DONE);
	before_rename = NULL;
	CHECK_EQUAL(swept, 1);
	CHECK(sweep_refused);
	drop(entry);
	close_bench();
}

static void link_over_folder(void)
{
	struct unit *entry;

	open_bench();
	entry = nameless("f", "new");
	REQUIRE(mkdirat(bench.dirfd, "f", 0700) == 0);
	CHECK_EQUAL(publish(entry), PUBLISH_FAILED);
	CHECK_EQUAL(bench.error.errnum, EISDIR);
	CHECK_EQUAL(bench.error.side, ERROR_SIDE_TARGET);
	CHECK_EQUAL(unit_count_names(bench.dirfd), 1); /* the temp is gone */
	drop(entry);
	close_bench();
}

/* A link that is refused: the caller copies once more, under a named temp. */
static void link_refused(void)
{
	struct unit *entry;
	int elsewhere = unit_memory_folder();
	struct stat here, there;

	open_bench();
	REQUIRE(fstat(bench.dirfd, &here) == 0 && fstat(elsewhere, &there) == 0);
	if (here.st_dev == there.st_dev) {
		close(elsewhere);
		close_bench();
		SKIP("no second file system");
	}
	entry = nameless("f", "new");
	CHECK_EQUAL(publish_unit(&bench.root, &bench.settings, entry, elsewhere, &bench.error),
		    PUBLISH_AGAIN);
	CHECK(bench.fs.no_tmpfile);
	CHECK_EQUAL(bench.error.grade, ERROR_NONE);
	entry->retry = true; /* only once */
	CHECK_EQUAL(publish_unit(&bench.root, &bench.settings, entry, elsewhere, &bench.error),
		    PUBLISH_FAILED);
	CHECK_EQUAL(bench.error.errnum, EXDEV);
	CHECK_TEXT(bench.error.operation, "link");
	CHECK_EQUAL(unit_count_names(elsewhere), 0);
	drop(entry);
	close(elsewhere);
	close_bench();
}

static void replaced(void)
{
	struct unit *entry;

	open_bench();
	unit_write_text(bench.dirfd, "f", "old");
	entry = named("f", "new");
	entry->replaces = true;
	CHECK_EQUAL(publish(entry), PUBLISH_DONE);
	CHECK(entry->replaced);
	CHECK_TEXT(unit_read_text(bench.dirfd, "f"), "new");
	CHECK_EQUAL(unit_count_names(bench.dirfd), 1);
	drop(entry);
	/* What was to be replaced has gone meanwhile. */
	entry = named("g", "new");
	entry->replaces = true;
	CHECK_EQUAL(publish(entry), PUBLISH_DONE);
	CHECK_TEXT(unit_read_text(bench.dirfd, "g"), "new");
	drop(entry);
	close_bench();
}

static void link_is_replaced(void)
{
	struct unit *entry;

	open_bench();
	unit_write_text(bench.dirfd, "victim", "untouched");
	REQUIRE(symlinkat("victim", bench.dirfd, "f") == 0);
	entry = named("f", "new");
	entry->replaces = true;
	CHECK_EQUAL(publish(entry), PUBLISH_DONE);
	CHECK_TEXT(unit_read_text(bench.dirfd, "f"), "new");
	CHECK_TEXT(unit_read_text(bench.dirfd, "victim"), "untouched");
	drop(entry);
	close_bench();
}

/* P3: a rename between two names of one inode returns 0 and keeps both. */
static void same_inode(void)
{
	struct unit *entry;

	open_bench();
	unit_write_text(bench.dirfd, "f", "one");
	entry = new_unit("f");
	REQUIRE(temp_name_make(&bench.sys, entry->temp_name) == 0);
	if (linkat(bench.dirfd, "f", bench.dirfd, entry->temp_name, 0) != 0) {
		free(entry);
		close_bench();
		SKIP("no hard links in TMPDIR");
	}
	entry->temp_named = entry->replaces = true;
	CHECK_EQUAL(publish(entry), PUBLISH_DONE);
	CHECK_EQUAL(unit_count_names(bench.dirfd), 1);
	CHECK_TEXT(unit_read_text(bench.dirfd, "f"), "one");
	drop(entry);
	close_bench();
}

/* A new name from a temp, in each of the ways that a file system may leave. */
static void new_names(void)
{
	for (int way = 0; way < 4; way++) {
		struct unit *entry;

		open_bench();
		bench.fs.no_noreplace = (way & 1) != 0;
		bench.fs.no_plain_link = (way & 2) != 0;
		entry = named("f", "new");
		CHECK_EQUAL(publish(entry), PUBLISH_DONE);
		CHECK(!entry->replaced);
		CHECK_TEXT(unit_read_text(bench.dirfd, "f"), "new");
		CHECK_EQUAL(unit_count_names(bench.dirfd), 1);
		drop(entry);
		/* Taken meanwhile: not replaced where that is not wanted. */
		unit_write_text(bench.dirfd, "g", "theirs");
		entry = named("g", "new");
		bench.settings.no_clobber = true;
		CHECK_EQUAL(publish(entry), PUBLISH_SKIPPED);
		CHECK_TEXT(unit_read_text(bench.dirfd, "g"), "theirs");
		CHECK_EQUAL(unit_count_names(bench.dirfd), 2);
		drop(entry);
		bench.settings.no_clobber = false;
		bench.settings.update = WEIR_UPDATE_NONE_FAIL;
		entry = named("g", "new");
		CHECK_EQUAL(publish(entry), PUBLISH_FAILED);
		CHECK_TEXT(unit_read_text(bench.dirfd, "g"), "theirs");
		CHECK_EQUAL(unit_count_names(bench.dirfd), 2);
		drop(entry);
		bench.settings.update = WEIR_UPDATE_ALL;
		entry = named("g", "new");
		CHECK_EQUAL(publish(entry), PUBLISH_DONE);
		CHECK(entry->replaced);
		CHECK_TEXT(unit_read_text(bench.dirfd, "g"), "new");
		CHECK_EQUAL(unit_count_names(bench.dirfd), 2);
		drop(entry);
		close_bench();
	}
}

static void failures(void)
{
	struct unit *entry;
	char longest[300];

	open_bench();
	memset(longest, 'n', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	for (int way = 0; way < 4; way++) {
		bench.fs.no_noreplace = (way & 1) != 0;
		bench.fs.no_plain_link = (way & 2) != 0;
		entry = named(longest, "new");
		CHECK_EQUAL(publish(entry), PUBLISH_FAILED);
		CHECK_EQUAL(bench.error.errnum, ENAMETOOLONG);
		CHECK_EQUAL(unit_count_names(bench.dirfd), 0);
		drop(entry);
	}
	entry = named("f", "new");
	entry->replaces = true;
	REQUIRE(mkdirat(bench.dirfd, "f", 0700) == 0);
	CHECK_EQUAL(publish(entry), PUBLISH_FAILED);
	CHECK_EQUAL(bench.error.errnum, EISDIR);
	CHECK_EQUAL(unit_count_names(bench.dirfd), 1);
	drop(entry);
	close_bench();
}

static void dropped(void)
{
	struct unit *entry;

	open_bench();
	entry = named("f", "new");
	publish_drop(&bench.sys, entry, bench.dirfd);
	CHECK(!entry->temp_named);
	CHECK_EQUAL(unit_count_names(bench.dirfd), 0);
	unit_write_text(bench.dirfd, entry->temp_name, "somebody else's by now");
	publish_drop(&bench.sys, entry, bench.dirfd); /* nothing is ours any more */
	CHECK_EQUAL(unit_count_names(bench.dirfd), 1);
	drop(entry);
	close_bench();
}

/* A reader that looks all the time sees the old or the new one, never none. */
static void watch(void *argument)
{
	unsigned *looked = argument;

	while (!unit_exists(bench.dirfd, "stop")) {
		const char *text = unit_read_text(bench.dirfd, "f");

		if (strcmp(text, "old contents") != 0 && strcmp(text, "new contents") != 0) {
			printf("  a reader saw '%s'\n", text);
			FAIL("the old or the new file");
			break;
		}
		(*looked)++;
	}
	CHECK(*looked > 0);
}

static void always_one(void)
{
	unsigned looked = 0;
	int status;
	pid_t child;

	open_bench();
	unit_write_text(bench.dirfd, "f", "old contents");
	fflush(stdout);
	child = fork();
	REQUIRE(child >= 0);
	if (child == 0) {
		unit_run_one(watch, &looked);
		fflush(stdout);
		_exit(unit.failures > 0);
	}
	for (int i = 0; i < 400; i++) {
		struct unit *entry = named("f", i % 2 ? "old contents" : "new contents");

		entry->replaces = true;
		CHECK_EQUAL(publish(entry), PUBLISH_DONE);
		drop(entry);
	}
	unit_write_text(bench.dirfd, "stop", "");
	CHECK(waitpid(child, &status, 0) == child);
	CHECK_EQUAL(status, 0);
	close_bench();
}

static const struct unit_test tests[] = {
	{ "a nameless file gets its name by a link", linked },
	{ "a name that was taken meanwhile is skipped or replaced, as asked", link_race },
	{ "the temp of such a replacement is no other run's to sweep", link_race_is_locked },
	{ "a folder is not replaced and the temp made for it goes", link_over_folder },
	{ "where links are refused the file is copied once more, once only", link_refused },
	{ "an existing file is replaced by a rename", replaced },
	{ "a link is replaced, not what it leads to", link_is_replaced },
	{ "a temp that is a link to the target does not stay behind", same_inode },
	{ "a new name never replaces, whatever the file system refuses", new_names },
	{ "a failure leaves the target as it was and no temp", failures },
	{ "what is dropped loses its temp, and only once", dropped },
	{ "at every moment there is the old file or the new one", always_one },
};

UNIT_MAIN(tests)
