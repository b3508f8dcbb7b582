/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Makes the files that the benchmark copies.  Their content looks random, so
 * that no layer below can compress it, leave out zeros or find two alike; the
 * same arguments always make the same files.
 *
 * usage: makedata FOLDER COUNT BYTES PER_FOLDER
 *
 * COUNT files of BYTES each below FOLDER, PER_FOLDER of them in each numbered
 * folder (0: all in FOLDER itself).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_BYTES (1024 * 1024)

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

static void make_file(int folder, const char *name, uint64_t bytes, uint64_t *state)
{
	static uint64_t block[BLOCK_BYTES / sizeof(uint64_t)];
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0)
		die(name);
	while (bytes > 0) {
		size_t part = bytes < BLOCK_BYTES ? (size_t)bytes : BLOCK_BYTES;

		fill(block, (part + sizeof(uint64_t) - 1) / sizeof(uint64_t), state);
		write_all(fd, (const char *)block, part, name);
		bytes -= part;
	}
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
	return fd;
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

int main(int argc, char **argv)
{
	uint64_t state = 88172645463325252ULL;
	uint64_t count, bytes, per_folder;
	int root, folder;

	if (argc != 5) {
		fprintf(stderr, "usage: makedata FOLDER COUNT BYTES PER_FOLDER\n");
		return 2;
	}
	count = number(argv[2]);
	bytes = number(argv[3]);
	per_folder = number(argv[4]);
	root = open_folder(AT_FDCWD, argv[1]);
	folder = root;
	for (uint64_t i = 0; i < count; i++) {
		char name[32];

		if (per_folder && i % per_folder == 0) {
			if (folder != root)
				close(folder);
			snprintf(name, sizeof(name), "d%05llu",
				 (unsigned long long)(i / per_folder));
			folder = open_folder(root, name);
		}
		snprintf(name, sizeof(name), "f%07llu", (unsigned long long)i);
		make_file(folder, name, bytes, &state);
	}
	return 0;
}
