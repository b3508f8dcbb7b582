/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names of backups, and giving and taking back a backup.
 */
#include "lib/backup.h"

#include "unit.h"

static char to[LIMIT_NAME_BYTES];

static void simple_names(void)
{
	char name[LIMIT_NAME_BYTES];

	CHECK(backup_simple_name(to, "f", "~"));
	CHECK_TEXT(to, "f~");
	CHECK(backup_simple_name(to, "f", ".a b"));
	CHECK_TEXT(to, "f.a b");
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 2] = '\0'; /* with the suffix and NUL it just fits */
	CHECK(backup_simple_name(to, name, "~"));
	CHECK_EQUAL(strlen(to), LIMIT_NAME_BYTES - 1);
	CHECK(!backup_simple_name(to, name, "~~"));
}

static void numbered_names(void)
{
	char name[LIMIT_NAME_BYTES];

	CHECK(backup_numbered_name(to, "f", "12"));
	CHECK_TEXT(to, "f.~12~");
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 5] = '\0';
	CHECK(backup_numbered_name(to, name, "1"));
	CHECK_EQUAL(strlen(to), LIMIT_NAME_BYTES - 1);
	CHECK(!backup_numbered_name(to, name, "10"));
}

static void numbers(void)
{
	static const struct {
		const char *entry;
		const char *digits; /* NULL: none */
	} rows[] = {
		{ "f.~1~", "1" },
		{ "f.~120~", "120" },
		{ "f.~10000000000000000000000~", "10000000000000000000000" },
		{ "f", NULL },
		{ "f~", NULL },
		{ "f.~~", NULL },
		{ "f.~0~", NULL },
		{ "f.~01~", NULL },
		{ "f.~1", NULL },
		{ "f.~1~~", NULL },
		{ "f.~1a~", NULL },
		{ "f.~-1~", NULL },
		{ "f.~ 1~", NULL },
		{ "ff.~1~", NULL },
		{ "g.~1~", NULL },
		{ "f.1~", NULL },
		{ "", NULL },
		{ "f.~1~.~2~", NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *digits;
		size_t length = backup_number(rows[i].entry, "f", &digits);

		if (rows[i].digits == NULL)
			CHECK_EQUAL(length, 0);
		else
			CHECK(length == strlen(rows[i].digits) &&
			      memcmp(digits, rows[i].digits, length) == 0);
	}
}

static void next_number(const char *highest, const char *digits, const char *expected)
{
	strcpy(to, highest);
	backup_raise(to, digits, strlen(digits));
	CHECK(backup_next(to));
	CHECK_TEXT(to, expected);
}

static void counting(void)
{
	next_number("0", "1", "2");
	next_number("9", "8", "10");
	next_number("9", "10", "11");
	next_number("10", "9", "11");
	next_number("19", "20", "21");
	next_number("998", "999", "1000");
	next_number("0", "99999999999999999999", "100000000000000000000");
	memset(to, '9', sizeof(to) - 1);
	to[sizeof(to) - 1] = '\0';
	CHECK(!backup_next(to));
}

/* ---- with a folder ---- */

struct bench {
	struct sys sys;
	struct root root;
	struct fs fs;
	struct folder *folder;
	struct settings settings;
	struct error error;
	struct backup_plan plan;
	struct backup backup;
};

static struct bench bench;

static void open_bench(enum weir_backup control)
{
	memset(&bench, 0, sizeof(bench));
	sys_open(&bench.sys);
	settings_init(&bench.settings, WEIR_COPY);
	bench.settings.backup = control;
	bench.folder = folder_new(NULL, "target", NULL);
	bench.folder->target_fs = &bench.fs;
	bench.plan.root = &bench.root;
	bench.plan.settings = &bench.settings;
	bench.plan.folder = bench.folder;
	bench.plan.dirfd = unit_folder();
	bench.plan.name = "f";
	REQUIRE(root_open(&bench.root, &bench.sys, 16) == 0);
	REQUIRE(dir_open_path(&bench.root, bench.plan.dirfd, ".", &bench.folder->target) == 0);
	unit_write_text(bench.plan.dirfd, "f", "old");
}

static void close_bench(void)
{
	CHECK_EQUAL(bench.folder->target->temps, 0);
	dir_unpin(&bench.root, bench.folder->target);
	CHECK(folder_put(bench.folder));
	folder_free(bench.folder, &bench.root);
	root_close(&bench.root);
	close(bench.plan.dirfd);
}

static int make(void)
{
	return backup_make(&bench.plan, &bench.backup, &bench.error);
}

static ino_t inode(const char *name)
{
	struct stat stat;

	return fstatat(bench.plan.dirfd, name, &stat, AT_SYMLINK_NOFOLLOW) == 0 ? stat.st_ino : 0;
}

static void linked_and_taken_back(void)
{
	open_bench(WEIR_BACKUP_SIMPLE);
	CHECK_EQUAL(make(), 0);
	CHECK_EQUAL(bench.backup.way, BACKUP_LINKED);
	CHECK_TEXT(bench.backup.name, "f~");
	CHECK(inode("f") != 0 && inode("f") == inode("f~"));
	CHECK(backup_undo(&bench.plan, &bench.backup) == NULL);
	CHECK_EQUAL(unit_count_names(bench.plan.dirfd), 1);
	CHECK_TEXT(unit_read_text(bench.plan.dirfd, "f"), "old");
	close_bench();
}

static void older_stays_told(void)
{
	open_bench(WEIR_BACKUP_SIMPLE);
	unit_write_text(bench.plan.dirfd, "f~", "older");
	CHECK_EQUAL(make(), 0);
	CHECK(bench.backup.over);
	CHECK(inode("f") != 0 && inode("f") == inode("f~"));
	CHECK_EQUAL(unit_count_names(bench.plan.dirfd), 2); /* no temp */
	CHECK(backup_undo(&bench.plan, &bench.backup) != NULL);
	CHECK_EQUAL(inode("f"), inode("f~"));
	/* Once more, now that the backup is the very object. */
	CHECK_EQUAL(make(), 0);
	CHECK_EQUAL(unit_count_names(bench.plan.dirfd), 2);
	close_bench();
}

static void strangers_stay(void)
{
	open_bench(WEIR_BACKUP_SIMPLE);
	CHECK_EQUAL(make(), 0);
	/* Somebody else has the backup's name by now. */
	REQUIRE(unlinkat(bench.plan.dirfd, "f~", 0) == 0);
	unit_write_text(bench.plan.dirfd, "f~", "theirs");
	CHECK(backup_undo(&bench.plan, &bench.backup) != NULL);
	CHECK_TEXT(unit_read_text(bench.plan.dirfd, "f~"), "theirs");
	close_bench();
}

static void renamed_comes_back(void)
{
	open_bench(WEIR_BACKUP_SIMPLE);
	CHECK_EQUAL(make(), 0);
	REQUIRE(unlinkat(bench.plan.dirfd, "f", 0) == 0);
	bench.backup.way = BACKUP_RENAMED; /* this is how it looks then */
	CHECK(backup_undo(&bench.plan, &bench.backup) == NULL);
	CHECK_TEXT(unit_read_text(bench.plan.dirfd, "f"), "old");
	CHECK_EQUAL(unit_count_names(bench.plan.dirfd), 1);
	/* Unless the name is taken. */
	CHECK_EQUAL(make(), 0);
	REQUIRE(unlinkat(bench.plan.dirfd, "f", 0) == 0);
	unit_write_text(bench.plan.dirfd, "f", "theirs");
	bench.backup.way = BACKUP_RENAMED;
	CHECK(backup_undo(&bench.plan, &bench.backup) != NULL);
	CHECK_TEXT(unit_read_text(bench.plan.dirfd, "f"), "theirs");
	CHECK_TEXT(unit_read_text(bench.plan.dirfd, "f~"), "old");
	close_bench();
}

static void taken_number(void)
{
	open_bench(WEIR_BACKUP_NUMBERED);
	CHECK_EQUAL(make(), 0);
	CHECK_TEXT(bench.backup.name, "f.~1~");
	CHECK(atomic_load(&bench.folder->unnumbered));
	/* Others made more since the folder was listed. */
	unit_write_text(bench.plan.dirfd, "f.~2~", "theirs");
	unit_write_text(bench.plan.dirfd, "f.~7~", "theirs");
	CHECK_EQUAL(make(), 0);
	CHECK_TEXT(bench.backup.name, "f.~8~");
	CHECK_EQUAL(inode("f"), inode("f.~8~"));
	CHECK_TEXT(unit_read_text(bench.plan.dirfd, "f.~2~"), "theirs");
	close_bench();
}

static void refused(void)
{
	struct stat stat;

	open_bench(WEIR_BACKUP_SIMPLE);
	unit_write_text(bench.plan.dirfd, "f~", "source");
	REQUIRE(fstatat(bench.plan.dirfd, "f~", &stat, 0) == 0);
	bench.plan.source_device = stat.st_dev;
	bench.plan.source_inode = stat.st_ino;
	CHECK(make() < 0);
	CHECK_EQUAL(bench.error.grade, ERROR_ENTRY);
	CHECK_EQUAL(bench.backup.way, BACKUP_NOT_MADE);
	bench.plan.source_inode = 0;
	bench.plan.clash = true;
	CHECK(make() < 0);
	CHECK_TEXT(unit_read_text(bench.plan.dirfd, "f~"), "source");
	bench.plan.clash = false;
	REQUIRE(unlinkat(bench.plan.dirfd, "f~", 0) == 0);
	REQUIRE(mkdirat(bench.plan.dirfd, "f~", 0700) == 0);
	CHECK(make() < 0);
	CHECK_TEXT(unit_read_text(bench.plan.dirfd, "f"), "old");
	CHECK_EQUAL(unit_count_names(bench.plan.dirfd), 2);
	close_bench();
}

static void nothing_to_back_up(void)
{
	open_bench(WEIR_BACKUP_SIMPLE);
	REQUIRE(unlinkat(bench.plan.dirfd, "f", 0) == 0);
	CHECK_EQUAL(make(), 0);
	CHECK_EQUAL(bench.backup.way, BACKUP_NOT_MADE);
	REQUIRE(mkdirat(bench.plan.dirfd, "f", 0700) == 0);
	CHECK_EQUAL(make(), 0);
	CHECK_EQUAL(bench.backup.way, BACKUP_NOT_MADE);
	CHECK_EQUAL(unit_count_names(bench.plan.dirfd), 1);
	CHECK(backup_undo(&bench.plan, &bench.backup) == NULL);
	close_bench();
}

static const struct unit_test tests[] = {
	{ "a simple name is the name and the suffix, or too long", simple_names },
	{ "a numbered name has the number between tildes, or is too long", numbered_names },
	{ "only whole numbers without leading zeros are numbers of backups", numbers },
	{ "the next number is one above the highest, however long", counting },
	{ "a backup is a link, and is taken back", linked_and_taken_back },
	{ "an older backup is renamed over, and what is left of that is told", older_stays_told },
	{ "a name that somebody took meanwhile is not taken back", strangers_stay },
	{ "what was renamed away comes back, but over nobody", renamed_comes_back },
	{ "a number that was taken since the folder was listed is passed over", taken_number },
	{ "the source, another copy and a folder keep their names", refused },
	{ "nothing and a folder get no backup", nothing_to_back_up },
};

UNIT_MAIN(tests)
