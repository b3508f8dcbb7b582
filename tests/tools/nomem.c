// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libnomem.so: for LD_PRELOAD; lets one allocation fail, or all from one on.
 *
 *   NOMEM_AT=N   the N-th of weir and libweir from the start of the program
 *   NOMEM_AT=N+  and all after it
 *
 * The libraries of the system have theirs: some of them end the program without.
 *
 * When it has happened, the file `nomem` is made in the current folder.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static _Atomic uint64_t count;
static uint64_t at;
static bool from_there;

__attribute__((constructor)) static void begin(void)
{
	const char *text = getenv("NOMEM_AT");

	at = text != NULL ? strtoull(text, NULL, 10) : 0;
	from_there = text != NULL && strchr(text, '+') != NULL;
	atomic_store(&count, 0);
}

/* CALLER: where the allocation returns to. */
static bool fails(const void *caller)
{
	uint64_t number;
	Dl_info info;
	int fd;

	if (at == 0 || dladdr(caller, &info) == 0 || info.dli_fname == NULL ||
	    strstr(info.dli_fname, "weir") == NULL)
		return false;
	number = atomic_fetch_add(&count, 1) + 1;
	if ((from_there ? number < at : number != at))
		return false;
	if (number == at) {
		fd = open("nomem", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd >= 0)
			close(fd);
	}
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(number, size);
}

void *realloc(void *old, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
	void *got = fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, size);

	if (got == NULL)
		return ENOMEM;
	*memory = got;
	return 0;
}

char *strndup(const char *text, size_t most)
{
	size_t bytes = strnlen(text, most);
	char *copy = fails(__builtin_return_address(0)) ? NULL : __libc_malloc(bytes + 1);

	if (copy == NULL)
		return NULL;
	copy[bytes] = '\0';
	return memcpy(copy, text, bytes);
}

char *strdup(const char *text)
{
	size_t bytes = strlen(text) + 1;
	char *copy = fails(__builtin_return_address(0)) ? NULL : __libc_malloc(bytes);

	return copy == NULL ? NULL : memcpy(copy, text, bytes);
}
