// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * pages: what the page cache holds of files.
 *
 *   pages FILE...          one line each: "RESIDENT DIRTY TOTAL" in pages;
 *                          DIRTY is -1 where the kernel has no cachestat
 *   pages --evict FILE...  writes them back and drops them from the cache
 *   pages --drop FILE...   drops what is clean, and syncs nothing
 *
 * Exit: 0, or 2 when a file could not be read.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef __NR_cachestat
#define __NR_cachestat 451
#endif

struct page_range {
	uint64_t offset, bytes;
};

struct page_counts {
	uint64_t cached, dirty, writeback, evicted, recently_evicted;
};

static void
fail(const char *path)
{
	fprintf(stderr, "pages: %s: %s\n", path, strerror(errno));
	exit(2);
}

static uint64_t
resident(int fd, size_t bytes, const char *path)
{
	size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	size_t pages = (bytes + page_bytes - 1) / page_bytes, i;
	unsigned char *map = malloc(pages + 1);
	uint64_t count = 0;
	void *at;

	if (map == NULL || bytes == 0) {
		free(map);
		return 0;
	}
	at = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED || mincore(at, bytes, map) != 0)
		fail(path);
	for (i = 0; i < pages; i++)
		count += map[i] & 1;
	munmap(at, bytes);
	free(map);
	return count;
}

static void
show(int fd, const char *path)
{
	struct page_range range = { 0, 0 };
	struct page_counts counts;
	uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	struct stat st;
	intmax_t dirty = -1;

	if (fstat(fd, &st) != 0)
		fail(path);
	if (syscall(__NR_cachestat, fd, &range, &counts, 0) == 0)
		dirty = (intmax_t)(counts.dirty + counts.writeback);
	printf("%ju %jd %ju\n", (uintmax_t)resident(fd, (size_t)st.st_size, path), dirty,
	       (uintmax_t)(((uint64_t)st.st_size + page_bytes - 1) / page_bytes));
}

int
main(int argc, char *argv[])
{
	int evict = argc > 1 && strcmp(argv[1], "--evict") == 0;
	int drop = argc > 1 && strcmp(argv[1], "--drop") == 0;
	int i;

	for (i = 1 + evict + drop; i < argc; i++) {
		int fd = open(argv[i], O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0)
			fail(argv[i]);
		if (!evict && !drop)
			show(fd, argv[i]);
		else if ((evict && fsync(fd) != 0) ||
			 posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
			fail(argv[i]);
		close(fd);
	}
	return 0;
}
