/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Makes the files that the benchmark copies.  Their content looks random, so
 * that no layer below can compress it, leave out zeros or find two alike; the
 * same arguments always make the same files.
 *
 * usage: makedata [-x] [-l NAMES] [-s PERCENT] FOLDER COUNT BYTES PER_FOLDER
 *
 * COUNT files of BYTES each below FOLDER, PER_FOLDER of them in each numbered
 * folder (0: all in FOLDER itself).
 *
 *  -x  each file and folder has two user attributes and an ACL, and each folder
 *      a default ACL
 *  -l  each file has NAMES names: one in each of as many numbered folders
 *  -s  PERCENT of each file is data, in islands of 64 KiB; the rest are holes
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define BLOCK_BYTES (1024 * 1024)
#define ISLAND_BYTES (64 * 1024)

static struct {
	bool attributes;
	uint64_t names;	  /* of each file */
	uint64_t percent; /* of each file that is data */
} wanted = { .names = 1, .percent = 100 };

static void die(const char *path)
{
	fprintf(stderr, "makedata: %s: %s\n", path, strerror(errno));
	exit(1);
}

/* xorshift64*: fast, and good enough to look random to a compressor. */
static void fill(uint64_t *block, size_t words, uint64_t *state)
{
	for (size_t i = 0; i < words; i++) {
		*state ^= *state >> 12;
		*state ^= *state << 25;
		*state ^= *state >> 27;
		block[i] = *state * 2685821657736338717ULL;
	}
}

static void write_all(int fd, const char *data, size_t bytes, const char *path)
{
	while (bytes > 0) {
		ssize_t done = write(fd, data, bytes);

		if (done <= 0)
			die(path);
		data += done;
		bytes -= (size_t)done;
	}
}

struct acl_entry {
	uint16_t tag;
	uint16_t rights;
	uint32_t id;
};

/* The ACL as the kernel takes it, in the byte order of all machines that this
 * runs on.  Folders may be searched, too. */
static void add_acl(int fd, const char *name, bool folder, const char *path)
{
	struct {
		uint32_t version;
		struct acl_entry entry[6];
	} acl = {
		.version = 2,
		.entry = {
			{ 0x01, 6, UINT32_MAX }, /* the owner */
			{ 0x02, 6, 1234 },       /* a user */
			{ 0x04, 4, UINT32_MAX }, /* the group */
			{ 0x08, 4, 4321 },       /* another group */
			{ 0x10, 6, UINT32_MAX }, /* the mask */
			{ 0x20, 4, UINT32_MAX }, /* all others */
		},
	};

	for (size_t i = 0; folder && i < 6; i++)
		acl.entry[i].rights |= 1;
	if (fsetxattr(fd, name, &acl, sizeof(acl), 0))
		die(path);
}

static void add_attributes(int fd, bool folder, const char *path)
{
	if (fsetxattr(fd, "user.origin", path, strlen(path), 0) ||
	    fsetxattr(fd, "user.kind", "benchmark", 9, 0))
		die(path);
	add_acl(fd, "system.posix_acl_access", folder, path);
	if (folder)
		add_acl(fd, "system.posix_acl_default", true, path);
}

static void write_random(int fd, uint64_t bytes, uint64_t *state, const char *path)
{
	static uint64_t block[BLOCK_BYTES / sizeof(uint64_t)];

	while (bytes > 0) {
		size_t part = bytes < BLOCK_BYTES ? (size_t)bytes : BLOCK_BYTES;

		fill(block, (part + sizeof(uint64_t) - 1) / sizeof(uint64_t), state);
		write_all(fd, (const char *)block, part, path);
		bytes -= part;
	}
}

/* An island at the end of each step, so that the first byte is in a hole and
 * the last one is data. */
static void write_islands(int fd, uint64_t bytes, uint64_t *state, const char *path)
{
	uint64_t step = ISLAND_BYTES * 100 / wanted.percent;

	for (uint64_t end = step; end <= bytes; end += step) {
		if (lseek(fd, (off_t)(end - ISLAND_BYTES), SEEK_SET) < 0)
			die(path);
		write_random(fd, ISLAND_BYTES, state, path);
	}
	if (ftruncate(fd, (off_t)bytes))
		die(path);
}

static void make_file(int folder, const char *name, uint64_t bytes, uint64_t *state)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0)
		die(name);
	if (wanted.percent < 100)
		write_islands(fd, bytes, state, name);
	else
		write_random(fd, bytes, state, name);
	if (wanted.attributes)
		add_attributes(fd, false, name);
	if (close(fd))
		die(name);
}

static int open_folder(int parent, const char *name)
{
	int fd;

	if (mkdirat(parent, name, 0755) && errno != EEXIST)
		die(name);
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		die(name);
	if (wanted.attributes)
		add_attributes(fd, true, name);
	return fd;
}

static int open_numbered(int root, uint64_t number)
{
	char name[32];

	snprintf(name, sizeof(name), "d%05llu", (unsigned long long)number);
	return open_folder(root, name);
}

/* Every name of the first folder in the others, too. */
static void make_links(int root, uint64_t count)
{
	int first;

	if (wanted.names <= 1)
		return;
	first = open_numbered(root, 0);
	for (uint64_t folder = 1; folder < wanted.names; folder++) {
		int into = open_numbered(root, folder);

		for (uint64_t i = 0; i < count; i++) {
			char name[32];

			snprintf(name, sizeof(name), "f%07llu", (unsigned long long)i);
			if (linkat(first, name, into, name, 0))
				die(name);
		}
		close(into);
	}
	close(first);
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || *end || end == text) {
		errno = EINVAL;
		die(text);
	}
	return value;
}

static void make_files(int root, uint64_t count, uint64_t bytes, uint64_t per_folder)
{
	uint64_t state = 88172645463325252ULL;
	int folder = root;

	for (uint64_t i = 0; i < count; i++) {
		char name[32];

		if (per_folder && i % per_folder == 0) {
			if (folder != root)
				close(folder);
			folder = open_numbered(root, i / per_folder);
		}
		snprintf(name, sizeof(name), "f%07llu", (unsigned long long)i);
		make_file(folder, name, bytes, &state);
	}
}

static bool take_option(int option)
{
	switch (option) {
	case 'x':
		wanted.attributes = true;
		return true;
	case 'l':
		wanted.names = number(optarg);
		return true;
	case 's':
		wanted.percent = number(optarg);
		return wanted.percent > 0 && wanted.percent <= 100;
	default:
		return false;
	}
}

static int usage(void)
{
	fputs("usage: makedata [-x] [-l NAMES] [-s PERCENT] FOLDER COUNT BYTES PER_FOLDER\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	uint64_t count;
	int option, root;

	while ((option = getopt(argc, argv, "xl:s:")) != -1)
		if (!take_option(option))
			return usage();
	if (argc - optind != 4)
		return usage();
	argv += optind;
	count = number(argv[1]);
	root = open_folder(AT_FDCWD, argv[0]);
	/* Links need all names in one folder. */
	make_files(root, count, number(argv[2]), wanted.names > 1 ? count : number(argv[3]));
	make_links(root, count);
	return 0;
}
