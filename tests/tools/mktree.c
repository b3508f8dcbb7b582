// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * mktree: makes files and trees for tests.  All bytes follow from the seed, no
 * two blocks are alike, and equal arguments make equal trees.
 *
 *   mktree file PATH BYTES [SEED]       one file
 *   mktree sparse PATH BYTES OFFSET...  holes, 4 KiB of data at each offset
 *   mktree stripes PATH COUNT           4 KiB of data and 4 KiB of hole, COUNT times
 *   mktree sizes DIR BLOCK              sizes 0, 1, and k * BLOCK -1, +0, +1
 *   mktree names DIR                    every byte a name can hold
 *   mktree deep DIR DEPTH               a chain of folders, a file every 100
 *   mktree many DIR COUNT [BYTES]       COUNT files in one folder
 *   mktree random DIR SEED COUNT        folders, files, links, modes, times
 *   mktree socket PATH                  a socket node
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_BYTES (1 << 20)
#define NAME_BYTES_MAX 255

static uint64_t block[BLOCK_BYTES / sizeof(uint64_t)];

static __attribute__((noreturn, format(printf, 1, 2))) void
die(const char *format, ...)
{
	va_list args;

	fputs("mktree: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, ": %s\n", strerror(errno));
	exit(2);
}

static uint64_t
number(const char *text)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != 0) {
		errno = EINVAL;
		die("number '%s'", text);
	}
	return value;
}

static uint64_t
mix(uint64_t value)
{
	value += UINT64_C(0x9e3779b97f4a7c15);
	value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
	return value ^ value >> 31;
}

static uint64_t
next_random(uint64_t *state)
{
	*state += UINT64_C(0x9e3779b97f4a7c15);
	return mix(*state);
}

static void
write_range(int fd, uint64_t offset, uint64_t bytes, uint64_t seed)
{
	while (bytes > 0) {
		size_t some = bytes < BLOCK_BYTES ? (size_t)bytes : BLOCK_BYTES;
		size_t i, done = 0;

		for (i = 0; i < (some + 7) / 8; i++)
			block[i] = mix(seed << 48 ^ (offset / 8 + i));
		while (done < some) {
			ssize_t put = pwrite(fd, (char *)block + done, some - done,
					     (off_t)(offset + done));

			if (put < 0)
				die("write");
			done += (size_t)put;
		}
		offset += some;
		bytes -= some;
	}
}

static int
create_at(int folder, const char *name)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);

	if (fd < 0)
		die("create '%s'", name);
	return fd;
}

static void
file_at(int folder, const char *name, uint64_t bytes, uint64_t seed)
{
	int fd = create_at(folder, name);

	write_range(fd, 0, bytes, seed);
	close(fd);
}

static int
folder_at(int folder, const char *name)
{
	int fd;

	if (mkdirat(folder, name, 0777) != 0 && errno != EEXIST)
		die("mkdir '%s'", name);
	fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		die("open '%s'", name);
	return fd;
}

static void
make_sparse(const char *path, uint64_t bytes, char *const offset[], int count)
{
	int fd = create_at(AT_FDCWD, path);
	int i;

	if (ftruncate(fd, (off_t)bytes) != 0)
		die("truncate '%s'", path);
	for (i = 0; i < count; i++)
		write_range(fd, number(offset[i]), 4096, 7);
	if (ftruncate(fd, (off_t)bytes) != 0)
		die("truncate '%s'", path);
	close(fd);
}

static void
make_stripes(const char *path, uint64_t count)
{
	int fd = create_at(AT_FDCWD, path);
	uint64_t i;

	for (i = 0; i < count; i++)
		write_range(fd, i * 8192, 4096, 7);
	if (ftruncate(fd, (off_t)(count * 8192)) != 0)
		die("truncate '%s'", path);
	close(fd);
}

static void
make_sizes(const char *path, uint64_t unit)
{
	static const uint64_t factors[] = { 1, 2, 3, 5 };
	int folder = folder_at(AT_FDCWD, path);
	char name[64];
	size_t i;
	int delta;

	file_at(folder, "0", 0, 1);
	file_at(folder, "1", 1, 1);
	for (i = 0; i < sizeof(factors) / sizeof(factors[0]); i++) {
		for (delta = -1; delta <= 1; delta++) {
			uint64_t bytes = factors[i] * unit + (uint64_t)(int64_t)delta;

			snprintf(name, sizeof(name), "%ju", (uintmax_t)bytes);
			file_at(folder, name, bytes, bytes);
		}
	}
	close(folder);
}

/* Each byte alone, inside a name, and what trips parsers and terminals. */
static void
make_names(const char *path)
{
	static const char *const hard[] = {
		"-", "--", "-rf", "--help", " ", "  lead", "trail ", "new\nline", "\n",
		"tab\there",
		"\x1b[31mred", "\x9b" "31mred", "quote'single", "quote\"double", "back\\slash",
		"back\\", "$HOME", "`id`", "*", "?", "[a]", "~", "#", "a;b", "a&b", "a|b", "%s%n",
		"...", ".hidden", "caf\xc3\xa9", "cafe\xcc\x81", "\xff\xfe", "\xc3(",
		"\xed\xa0\x80",
		"\xf0\x9f\x98\x80", "\xe2\x80\xae" "rtl", "CON", "a:b", ".weir.", ".weir.x",
		".weir.00000000000000000000000", ".weir.0000000000000000000000000",
	};
	int folder = folder_at(AT_FDCWD, path);
	char name[NAME_BYTES_MAX + 1];
	size_t i;
	int byte;

	for (byte = 1; byte < 256; byte++) {
		if (byte == '/')
			continue;
		name[0] = (char)byte;
		name[1] = 0;
		if (byte != '.')
			file_at(folder, name, (uint64_t)byte, (uint64_t)byte);
		snprintf(name, sizeof(name), "in%cside", byte);
		file_at(folder, name, (uint64_t)byte, (uint64_t)byte);
	}
	for (i = 0; i < sizeof(hard) / sizeof(hard[0]); i++)
		file_at(folder, hard[i], i, i);
	memset(name, 'x', NAME_BYTES_MAX);
	name[NAME_BYTES_MAX] = 0;
	file_at(folder, name, 100, 100);
	memset(name, 0xff, NAME_BYTES_MAX);
	file_at(folder, name, 101, 101);
	memset(name, 'f', NAME_BYTES_MAX);
	close(folder_at(folder, name));
	close(folder);
}

static void
make_deep(const char *path, uint64_t depth)
{
	int folder = folder_at(AT_FDCWD, path);
	uint64_t i;

	for (i = 1; i <= depth; i++) {
		int child = folder_at(folder, "d");

		close(folder);
		folder = child;
		if (i % 100 == 0 || i == depth)
			file_at(folder, "file", i % 5000, i);
	}
	close(folder);
}

static void
make_many(const char *path, uint64_t count, uint64_t bytes)
{
	int folder = folder_at(AT_FDCWD, path);
	char name[64];
	uint64_t i;

	for (i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "f%07ju", (uintmax_t)i);
		file_at(folder, name, bytes, i);
	}
	close(folder);
}

/* Mode and times of an entry by chance.  Folders keep rwx for the owner, so
 * that an ordinary user can read the tree and remove it. */
static void
decorate(int folder, const char *name, bool is_folder, uint64_t *state)
{
	struct timespec times[2];
	mode_t mode = (mode_t)(next_random(state) & 0777) | (is_folder ? 0700 : 0400);

	times[0].tv_sec = (time_t)(next_random(state) % 2000000000);
	times[0].tv_nsec = (long)(next_random(state) % 1000000000);
	times[1].tv_sec = (time_t)(next_random(state) % 2000000000);
	times[1].tv_nsec = (long)(next_random(state) % 1000000000);
	if (fchmodat(folder, name, mode, 0) != 0)
		die("chmod '%s'", name);
	if (utimensat(folder, name, times, 0) != 0)
		die("utimensat '%s'", name);
}

static uint64_t
random_bytes(uint64_t *state)
{
	uint64_t dice = next_random(state) % 100;

	if (dice < 10)
		return 0;
	if (dice < 75)
		return next_random(state) % 9000;
	if (dice < 95)
		return next_random(state) % 150000;
	return next_random(state) % 3000000;
}

static void
make_random(const char *path, uint64_t seed, uint64_t count)
{
	enum { FOLDERS = 24 };
	int parent[FOLDERS], folder[FOLDERS];
	char name[FOLDERS][16], file[32], text[64];
	uint64_t state = seed, i;
	size_t k;

	folder[0] = folder_at(AT_FDCWD, path);
	for (k = 1; k < FOLDERS; k++) {
		parent[k] = folder[next_random(&state) % k];
		snprintf(name[k], sizeof(name[k]), "folder%zu", k);
		folder[k] = folder_at(parent[k], name[k]);
	}
	for (i = 0; i < count; i++) {
		int into = folder[next_random(&state) % FOLDERS];

		snprintf(file, sizeof(file), "e%ju", (uintmax_t)i);
		if (next_random(&state) % 12 == 0) {
			snprintf(text, sizeof(text), "../e%ju", (uintmax_t)next_random(&state));
			if (symlinkat(text, into, file) != 0)
				die("symlink '%s'", file);
			continue;
		}
		file_at(into, file, random_bytes(&state), seed * 1000003 + i);
		decorate(into, file, false, &state);
	}
	for (k = FOLDERS - 1; k > 0; k--)
		decorate(parent[k], name[k], true, &state);
	for (k = 0; k < FOLDERS; k++)
		close(folder[k]);
}

static __attribute__((noreturn)) void
usage(void)
{
	fputs("usage: mktree file|sparse|stripes|sizes|names|deep|many|random|socket PATH ...\n",
	      stderr);
	exit(2);
}

int
main(int argc, char *argv[])
{
	const char *what = argc > 2 ? argv[1] : "";

	if (strcmp(what, "file") == 0 && (argc == 4 || argc == 5))
		file_at(AT_FDCWD, argv[2], number(argv[3]), argc == 5 ? number(argv[4]) : 1);
	else if (strcmp(what, "sparse") == 0 && argc >= 4)
		make_sparse(argv[2], number(argv[3]), argv + 4, argc - 4);
	else if (strcmp(what, "stripes") == 0 && argc == 4)
		make_stripes(argv[2], number(argv[3]));
	else if (strcmp(what, "sizes") == 0 && argc == 4)
		make_sizes(argv[2], number(argv[3]));
	else if (strcmp(what, "names") == 0 && argc == 3)
		make_names(argv[2]);
	else if (strcmp(what, "deep") == 0 && argc == 4)
		make_deep(argv[2], number(argv[3]));
	else if (strcmp(what, "many") == 0 && (argc == 4 || argc == 5))
		make_many(argv[2], number(argv[3]), argc == 5 ? number(argv[4]) : 0);
	else if (strcmp(what, "random") == 0 && argc == 5)
		make_random(argv[2], number(argv[3]), number(argv[4]));
	else if (strcmp(what, "socket") == 0 && argc == 3) {
		if (mknod(argv[2], S_IFSOCK | 0600, 0) != 0)
			die("mknod '%s'", argv[2]);
	} else {
		usage();
	}
	return 0;
}
