/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Renaming to a name that nothing has: as the kernel does it, and where it does not.
 */
#include "lib/vacant.h"

#include <stdarg.h>
#include <sys/syscall.h>

#include "unit.h"

static struct sys sys;
static int from, to;

/* What the kernel says to RENAME_NOREPLACE, or 0: it knows it. */
static int refusal;
static unsigned plain_renames; /* those that may replace something */

long syscall(long number, ...)
{
	va_list list;
	long words[5];

	va_start(list, number);
	for (size_t i = 0; i < 5; i++)
		words[i] = va_arg(list, long);
	va_end(list);
	errno = number != SYS_renameat2 ? ENOSYS : refusal;
	if (number != SYS_renameat2 || (refusal != 0 && (unsigned)words[4] == RENAME_NOREPLACE))
		return -1;
	plain_renames += (unsigned)words[4] == 0;
	return renameat2((int)words[0], (const char *)words[1], (int)words[2],
			 (const char *)words[3], (unsigned)words[4]);
}

static const int refusals[] = { 0, EINVAL, ENOSYS, EOPNOTSUPP };

#define EACH_WAY(i) (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)

/* The way number I, in two new folders, in the first of which is a file. */
static void begin(size_t i)
{
	sys_open(&sys);
	refusal = refusals[i];
	plain_renames = 0;
	from = unit_folder();
	to = unit_folder();
	unit_write_text(from, "name", "new");
}

static void end(void)
{
	close(from);
	close(to);
}

static void a_free_name_is_taken(void)
{
	for EACH_WAY (i) {
		begin(i);
		CHECK_EQUAL(vacant_rename(&sys, from, "name", to, "other"), 0);
		CHECK(!unit_exists(from, "name"));
		CHECK_TEXT(unit_read_text(to, "other"), "new");
		CHECK_EQUAL(plain_renames, refusals[i] != 0);
		end();
	}
}

static void what_has_the_name_stays(void)
{
	for EACH_WAY (i) {
		begin(i);
		unit_write_text(to, "file", "old");
		REQUIRE(symlinkat("nowhere", to, "link") == 0 && mkdirat(to, "folder", 0700) == 0);
		CHECK_EQUAL(vacant_rename(&sys, from, "name", to, "file"), -EEXIST);
		CHECK_EQUAL(vacant_rename(&sys, from, "name", to, "link"), -EEXIST);
		CHECK_EQUAL(vacant_rename(&sys, from, "name", to, "folder"), -EEXIST);
		CHECK_TEXT(unit_read_text(from, "name"), "new");
		CHECK_TEXT(unit_read_text(to, "file"), "old");
		CHECK_EQUAL(unit_count_names(to), 3);
		CHECK_EQUAL(plain_renames, 0);
		end();
	}
}

/* rename(2) of one of two names of an inode to the other says yes and does nothing. */
static void another_name_of_it_is_taken_too(void)
{
	for EACH_WAY (i) {
		begin(i);
		if (linkat(from, "name", to, "second", 0) != 0)
			SKIP("no hard links here");
		CHECK_EQUAL(vacant_rename(&sys, from, "name", to, "second"), -EEXIST);
		CHECK(unit_exists(from, "name"));
		end();
	}
}

static void a_folder_goes_with_what_it_holds(void)
{
	for EACH_WAY (i) {
		begin(i);
		REQUIRE(mkdirat(from, "folder", 0700) == 0);
		unit_write_text(from, "folder/file", "held");
		CHECK_EQUAL(vacant_rename(&sys, from, "folder", to, "other"), 0);
		CHECK_TEXT(unit_read_text(to, "other/file"), "held");
		/* An empty folder would give way to it. */
		REQUIRE(mkdirat(from, "empty", 0700) == 0);
		CHECK_EQUAL(vacant_rename(&sys, to, "other", from, "empty"), -EEXIST);
		end();
	}
}

static void other_failures_are_told_and_not_tried_again(void)
{
	for EACH_WAY (i) {
		begin(i);
		CHECK_EQUAL(vacant_rename(&sys, from, "nothing", to, "other"), -ENOENT);
		CHECK_EQUAL(vacant_rename(&sys, from, "name", -1, "other"), -EBADF);
		CHECK_EQUAL(unit_count_names(to), 0);
		end();
	}
	begin(0);
	refusal = EACCES;
	CHECK_EQUAL(vacant_rename(&sys, from, "name", to, "other"), -EACCES);
	CHECK_EQUAL(plain_renames, 0);
	CHECK(unit_exists(from, "name"));
	end();
}

static const struct unit_test tests[] = {
	{ "a free name is taken", a_free_name_is_taken },
	{ "what has the name stays", what_has_the_name_stays },
	{ "another name of it is taken, too", another_name_of_it_is_taken_too },
	{ "a folder goes with what it holds", a_folder_goes_with_what_it_holds },
	{ "other failures are told and not tried again",
	  other_failures_are_told_and_not_tried_again },
};

UNIT_MAIN(tests)
