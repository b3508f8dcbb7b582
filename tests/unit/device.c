/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is known of file systems and devices.
 *
 * fstatfs() and uname() of this program take the place of the C library's: a
 * test can be on any file system and any kernel.
 */
#include "lib/device.h"

#include <linux/magic.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include "unit.h"

static uint32_t magic;        /* 0: the real one */
static const char *release;   /* NULL: the real one */

int fstatfs(int fd, struct statfs *statfs)
{
	int result = (int)syscall(SYS_fstatfs, fd, statfs);

	if (magic != 0)
		statfs->f_type = (__fsword_t)magic;
	return result;
}

int uname(struct utsname *name)
{
	int result = (int)syscall(SYS_uname, name);

	if (release != NULL)
		snprintf(name->release, sizeof(name->release), "%s", release);
	return result;
}

static struct sys sys;
static struct fs_table table;

static void open_table(void)
{
	sys_open(&sys);
	REQUIRE(fs_table_open(&table, &sys) == 0);
}

static struct fs *find(int fd, bool hold)
{
	struct stat stat;

	REQUIRE(fstat(fd, &stat) == 0);
	return fs_find(&table, fd, stat.st_dev, hold);
}

static void remembered(void)
{
	int dirfd = unit_folder();
	struct fs *fs;

	open_table();
	fs = find(dirfd, false);
	REQUIRE(fs != NULL);
	fs->no_tmpfile = true;
	CHECK(find(dirfd, false) == fs);
	CHECK(fs_find(&table, dirfd, fs->device + 1, false) != fs);
	CHECK(find(dirfd, true) == fs && fs->no_tmpfile);
	fs_table_close(&table);
	close(dirfd);
}

static void held(void)
{
	int dirfd = unit_folder();
	unsigned before = unit_count_fds();
	struct fs *fs;
	struct stat stat;

	open_table();
	fs = find(dirfd, false);
	CHECK_EQUAL(fs->sync_fd, -1);
	CHECK(!fs_believes_syncfs(fs)); /* without a descriptor there is no syncfs */
	find(dirfd, true);
	REQUIRE(fs->sync_fd >= 0);
	CHECK(fstat(fs->sync_fd, &stat) == 0 && stat.st_dev == fs->device);
	find(dirfd, true);
	CHECK_EQUAL(unit_count_fds(), before + 1);
	fs_table_close(&table);
	CHECK_EQUAL(unit_count_fds(), before);
	close(dirfd);
}

static void pseudo(void)
{
	int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct sys_stat stat = { .dio_known = true, .dio_memory_align = 512,
				 .dio_offset_align = 512 };
	struct fs *fs;

	if (fd < 0)
		SKIP("no /proc");
	open_table();
	fs = find(fd, false);
	CHECK_EQUAL(fs->kind, FS_PSEUDO);
	CHECK_TEXT(fs->name, "proc");
	CHECK_EQUAL(fs_direct_align(fs, &stat, false), 0);
	CHECK(!fs_believes_holes(fs) && !fs_is_memory(fs) && !fs_believes_syncfs(fs));
	fs_table_close(&table);
	close(fd);
}

static void memory(void)
{
	int fd = open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs statfs;
	struct fs *fs;

	if (fd < 0 || fstatfs(fd, &statfs) != 0 || statfs.f_type != TMPFS_MAGIC)
		SKIP("/dev/shm is no tmpfs");
	open_table();
	fs = find(fd, true);
	CHECK_EQUAL(fs->kind, FS_TMPFS);
	CHECK(fs_is_memory(fs));
	CHECK(!fs_believes_syncfs(fs));
	CHECK_TEXT(fs_reservation(fs), "memory only (tmpfs)");
	fs_table_close(&table);
	close(fd);
}

static void alignments(void)
{
	static const struct {
		enum fs_kind kind;
		bool known;
		uint32_t memory, offset, reads, writes;
	} cases[] = {
		{ FS_EXT4, true, 512, 512, 512, 512 },
		{ FS_XFS, true, 512, 4096, 4096, 4096 },
		{ FS_EXT4, true, 4, 512, 512, 512 },
		{ FS_EXT4, true, 0, 0, 0, 0 }, /* known, and there is none */
		{ FS_EXT4, false, 0, 0, 4096, 4096 },
		{ FS_BTRFS, true, 512, 4096, 4096, 0 },
		{ FS_BTRFS, false, 0, 0, 4096, 0 },
		{ FS_TMPFS, true, 512, 512, 0, 0 },
		{ FS_OVERLAY, true, 512, 512, 0, 0 },
		{ FS_PSEUDO, false, 0, 0, 0, 0 },
		{ FS_OTHER, false, 0, 0, 0, 0 },
		{ FS_NETWORK, false, 0, 0, 0, 0 },
		{ FS_FUSE, false, 0, 0, 0, 0 },
		{ FS_OTHER, true, 512, 512, 512, 512 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fs fs = { .kind = cases[i].kind };
		struct sys_stat stat = {
			.dio_known = cases[i].known,
			.dio_memory_align = cases[i].memory,
			.dio_offset_align = cases[i].offset,
		};

		CHECK_EQUAL(fs_direct_align(&fs, &stat, false), cases[i].reads);
		CHECK_EQUAL(fs_direct_align(&fs, &stat, true), cases[i].writes);
	}
}

/* D2: what is unknown is believed in nothing. */
static void weaker(void)
{
	static const struct {
		uint32_t magic;
		enum fs_kind kind;
		bool syncfs, holes, memory;
		const char *receipt;
	} cases[] = {
		{ 0x12345678, FS_OTHER, false, false, false,
		  "as the file system keeps it (unknown)" },
		{ EXT4_SUPER_MAGIC, FS_EXT4, true, true, false, NULL },
		{ XFS_SUPER_MAGIC, FS_XFS, true, true, false, NULL },
		{ BTRFS_SUPER_MAGIC, FS_BTRFS, true, true, false, NULL },
		{ TMPFS_MAGIC, FS_TMPFS, false, true, true, "memory only (tmpfs)" },
		{ OVERLAYFS_SUPER_MAGIC, FS_OVERLAY, false, false, false, NULL },
		{ MSDOS_SUPER_MAGIC, FS_FAT, true, false, false,
		  "names not crash-safe (vfat)" },
		{ F2FS_SUPER_MAGIC, FS_F2FS, false, false, false, NULL },
		{ NFS_SUPER_MAGIC, FS_NETWORK, false, false, false,
		  "as the server keeps it (nfs)" },
		{ 0x65735546, FS_FUSE, false, false, false,
		  "as the file system keeps it (fuse)" },
	};
	int dirfd = unit_folder();

	release = "6.1.0-49-amd64";
	open_table();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fs *fs;

		magic = cases[i].magic;
		fs = fs_find(&table, dirfd, makedev(0, 1000000) + i, true);
		REQUIRE(fs != NULL);
		CHECK_EQUAL(fs->kind, cases[i].kind);
		CHECK_EQUAL(fs_believes_syncfs(fs), cases[i].syncfs);
		CHECK_EQUAL(fs_believes_holes(fs), cases[i].holes);
		CHECK_EQUAL(fs_is_memory(fs), cases[i].memory);
		if (cases[i].receipt != NULL)
			CHECK_TEXT(fs_reservation(fs), cases[i].receipt);
		else
			CHECK(fs_reservation(fs) == NULL);
	}
	magic = 0;
	release = NULL;
	fs_table_close(&table);
	close(dirfd);
}

static void old_kernels(void)
{
	static const struct {
		const char *release;
		bool tells;
	} cases[] = {
		{ "5.16.20", false }, { "5.17.0-rc1", true }, { "5.4.0-150-generic", false },
		{ "6.1.0-49-amd64", true }, { "4.18.0-553.el8", false }, { "10.0", true },
		{ "unknown", false }, { "", false },
	};
	int dirfd = unit_folder();

	magic = EXT4_SUPER_MAGIC;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		release = cases[i].release;
		open_table();
		CHECK_EQUAL(fs_believes_syncfs(find(dirfd, true)), cases[i].tells);
		fs_table_close(&table);
	}
	magic = 0;
	release = NULL;
	close(dirfd);
}

static void not_rotating(void)
{
	sys_open(&sys);
	CHECK(!device_rotates(&sys, 0));
	CHECK(!device_rotates(&sys, makedev(0, 40)));
	CHECK(!device_rotates(&sys, makedev(1, 3)));
	CHECK(!device_rotates(&sys, makedev(4000, 4000)));
	for (unsigned i = 0; i < 4; i++) {
		CHECK(!device_rotates(&sys, makedev(7, i)));   /* loop */
		CHECK(!device_rotates(&sys, makedev(43, i)));  /* nbd */
	}
}

static void library(void)
{
	int first = -1, second = -1;

	CHECK(sscanf(device_library(), "%d.%d", &first, &second) == 2);
	CHECK(first >= 2);
}

static const struct unit_test tests[] = {
	{ "a file system is known again by its device", remembered },
	{ "one descriptor is held for syncs and closed with the table", held },
	{ "proc is a pseudo file system whose sizes mean nothing", pseudo },
	{ "a tmpfs is memory, where nothing is synced", memory },
	{ "the alignment of direct I/O is the larger one told, else the file system's",
	  alignments },
	{ "what a file system is not known for is not believed", weaker },
	{ "before Linux 5.17 syncfs is not believed", old_kernels },
	{ "an unknown or virtual device does not rotate", not_rotating },
	{ "the version of libblkid is told", library },
};

UNIT_MAIN(tests)
