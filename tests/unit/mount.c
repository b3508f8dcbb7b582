/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lines of mountinfo, as the kernel writes them.
 */
#include "lib/mount.h"

#include <sys/sysmacros.h>

#include "unit.h"

static struct mount mount;
static char line[1024];

static bool parse(const char *text)
{
	snprintf(line, sizeof(line), "%s", text);
	return mount_parse(line, &mount);
}

static void plain(void)
{
	REQUIRE(parse("43 42 254:1 / /mnt/disk rw,relatime shared:5 master:1 - ext4 /dev/vda1 rw"));
	CHECK_EQUAL(mount.id, 43);
	CHECK_EQUAL(mount.device, makedev(254, 1));
	CHECK_TEXT(mount.root, "/");
	CHECK_TEXT(mount.point, "/mnt/disk");
	CHECK_TEXT(mount.type, "ext4");
	CHECK_TEXT(mount.source, "/dev/vda1");
	CHECK_TEXT(mount.options, "rw");
	/* No tags, and a number of more than 32 bits. */
	REQUIRE(parse("4294967297 42 0:21 /@home /home rw - btrfs /dev/sda rw,subvol=/@home"));
	CHECK_EQUAL(mount.id, 4294967297);
	CHECK_TEXT(mount.root, "/@home");
	CHECK_TEXT(mount.type, "btrfs");
}

static void escaped(void)
{
	REQUIRE(parse("1 2 0:3 /a\\040b /c\\011d\\012e\\134f\\043 rw - fuse.x a\\040b\\04 rw"));
	CHECK_TEXT(mount.root, "/a b");
	CHECK_TEXT(mount.point, "/c\td\ne\\f#");
	CHECK_TEXT(mount.source, "a b\\04");
	/* What is mounted may have an empty name. */
	REQUIRE(parse("1 2 0:3 / /x rw - tmpfs  rw,size=4k"));
	CHECK_TEXT(mount.source, "");
	CHECK_TEXT(mount.options, "rw,size=4k");
}

static void wrong(void)
{
	static const char *const lines[] = {
		"",
		"1",
		"x 2 0:3 / /x rw - tmpfs t rw",
		"1 2 0 / /x rw - tmpfs t rw",
		"1 2 0:3 / /x rw shared:5",
		"1 2 0:3 / /x rw - tmpfs",
		"1 2 0:3 / /x rw - tmpfs t",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (parse(lines[i]))
			unit_fail(__FILE__, __LINE__, "taken for a mount: %s", lines[i]);
}

static bool option_is(const char *name, const char *expected)
{
	size_t bytes;
	const char *value = mount_option(&mount, name, &bytes);

	if (value == NULL || expected == NULL)
		return value == expected;
	return bytes == strlen(expected) && memcmp(value, expected, bytes) == 0;
}

static void options(void)
{
	REQUIRE(parse(
		"1 2 0:3 / /x rw - overlay o rw,lowerdir=/a:/b,upperdir=/c,workdir=/d,volatile"));
	CHECK(option_is("upperdir", "/c"));
	CHECK(option_is("lowerdir", "/a:/b"));
	CHECK(option_is("volatile", ""));
	CHECK(option_is("rw", ""));
	CHECK(option_is("dir", NULL));
	CHECK(option_is("upper", NULL));
	CHECK(option_is("/c", NULL));
}

static void ours(void)
{
	int dirfd = unit_folder();
	struct sys sys;
	struct mount found;

	sys_open(&sys);
	if (access("/proc/self/mountinfo", F_OK) != 0)
		SKIP("no /proc");
	REQUIRE(mount_of(&sys, dirfd, &found) == 0);
	CHECK(found.type[0] != '\0' && found.point[0] == '/');
	mount_free(&found);
	CHECK_EQUAL(mount_of_device(&sys, makedev(4095, 1048575), &found), -ENOENT);
	CHECK_EQUAL(mount_of(&sys, -1, &found), -EBADF);
	sys_close_trace(&sys);
	close(dirfd);
}

static const struct unit_test tests[] = {
	{ "a line is read with and without tags", plain },
	{ "fields are unescaped", escaped },
	{ "what is no such line is told from one", wrong },
	{ "options are found by their whole name", options },
	{ "the mount of a descriptor is found", ours },
};

UNIT_MAIN(tests)
