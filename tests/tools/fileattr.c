// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * fileattr: flags and project of an entry that is not opened, through
 * file_getattr(2) and file_setattr(2) of Linux 6.17.
 *
 *   fileattr get PATH                    prints "PROJECT FLAGS"
 *   fileattr set PATH PROJECT [FLAGS]    FLAGS of chattr: a A d i S
 *
 * Exit: 0 done, 1 could not be done, 2 wrong use.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GETATTR 468
#define SETATTR 469

struct attr {
	uint64_t flags;
	uint32_t extent_size, extents, project, cow_extent_size;
};

static const struct {
	char letter;
	uint64_t flag;
} letters[] = {
	{ 'i', 0x08 }, { 'a', 0x10 }, { 'S', 0x20 }, { 'A', 0x40 }, { 'd', 0x80 },
};

static int
failed(const char *what, const char *path)
{
	fprintf(stderr, "fileattr: %s %s: %s\n", what, path, strerror(errno));
	return 1;
}

int
main(int count, char **words)
{
	struct attr attr;
	size_t i;

	if (count < 3 || (strcmp(words[1], "get") != 0 && count < 4)) {
		fputs("usage: fileattr get PATH | set PATH PROJECT [FLAGS]\n", stderr);
		return 2;
	}
	if (syscall(GETATTR, AT_FDCWD, words[2], &attr, sizeof(attr), AT_SYMLINK_NOFOLLOW) < 0)
		return failed("get", words[2]);
	if (strcmp(words[1], "get") == 0) {
		printf("%" PRIu32 " ", attr.project);
		for (i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
			if ((attr.flags & letters[i].flag) != 0)
				putchar(letters[i].letter);
		putchar('\n');
		return 0;
	}
	attr.project = (uint32_t)strtoul(words[3], NULL, 10);
	for (i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
		attr.flags &= ~letters[i].flag;
		if (count > 4 && strchr(words[4], letters[i].letter) != NULL)
			attr.flags |= letters[i].flag;
	}
	if (syscall(SETATTR, AT_FDCWD, words[2], &attr, sizeof(attr), AT_SYMLINK_NOFOLLOW) < 0)
		return failed("set", words[2]);
	return 0;
}
