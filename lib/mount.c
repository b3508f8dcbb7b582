/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * /proc/self/mountinfo.
 *
 *   22 27 0:21 / /proc rw,relatime shared:5 - proc proc rw
 *   id above device root point options tags... - type source options
 *
 * Invariants:
 * M1 a mount is found by its number, which the kernel tells for a descriptor: names
 *    are not compared, so that what is mounted over something else is not confused;
 * M2 fields are unescaped in place and never longer than they were.
 */
#define _GNU_SOURCE
#include "mount.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "limits.h"

#define MOUNT_TABLE "/proc/self/mountinfo"
#define MOUNT_TABLE_BYTES MIB(16) /* a hundred thousand mounts */

static bool mount_is_octal(const char *digits)
{
	return digits[0] >= '0' && digits[0] <= '3' && digits[1] >= '0' && digits[1] <= '7' &&
	       digits[2] >= '0' && digits[2] <= '7';
}

/* "\040" and the like, M2. */
static void mount_unescape(char *field)
{
	char *to = field;

	for (const char *from = field; *from != '\0';) {
		if (from[0] == '\\' && mount_is_octal(from + 1)) {
			*to++ = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 |
				       (from[3] - '0'));
			from += 4;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
}

/* Ends the field that LINE begins with, and returns it; *line is behind it, or NULL
 * at the end. */
static char *mount_next_field(char **line)
{
	char *field = *line;
	char *end = field != NULL ? strchr(field, ' ') : NULL;

	if (end != NULL)
		*end++ = '\0';
	*line = end;
	return field;
}

bool mount_parse(char *line, struct mount *mount)
{
	char *id = mount_next_field(&line);
	char *above = mount_next_field(&line);
	char *device = mount_next_field(&line);
	char *root = mount_next_field(&line);
	char *point = mount_next_field(&line);
	unsigned major_number, minor_number;
	char *type, *source, *tag;

	mount_next_field(&line); /* options of the mount */
	do {
		tag = mount_next_field(&line);
	} while (tag != NULL && strcmp(tag, "-") != 0);
	type = mount_next_field(&line);
	source = mount_next_field(&line);
	if (above == NULL || line == NULL || source == NULL ||
	    sscanf(id, "%" SCNu64, &mount->id) != 1 ||
	    sscanf(device, "%u:%u", &major_number, &minor_number) != 2)
		return false;
	mount_unescape(root);
	mount_unescape(point);
	mount_unescape(type);
	mount_unescape(source);
	mount->device = makedev(major_number, minor_number);
	mount->root = root;
	mount->point = point;
	mount->type = type;
	mount->source = source;
	mount->options = line;
	return true;
}

/* What is looked for. */
struct mount_wish {
	bool by_device;
	uint64_t number; /* of the mount, or of the device */
};

static int mount_find(struct sys *sys, const struct mount_wish *wish, struct mount *mount)
{
	ssize_t bytes = sys_read_whole(sys, MOUNT_TABLE, MOUNT_TABLE_BYTES, &mount->text);
	char *line, *rest;

	if (bytes < 0)
		return (int)bytes;
	for (line = strtok_r(mount->text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest))
		if (mount_parse(line, mount) &&
		    (wish->by_device ? mount->device : mount->id) == wish->number)
			return 0;
	mount_free(mount);
	return -ENOENT;
}

/* The number of the mount of FD where statx(2) does not tell it (before Linux 5.8). */
static uint64_t mount_number_by_proc(struct sys *sys, int fd)
{
	char path[64];
	char text[512];
	const char *line;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	if (sys_read_text(sys, path, text, sizeof(text)) <= 0)
		return 0;
	line = strstr(text, "mnt_id:");
	return line != NULL ? strtoull(line + strlen("mnt_id:"), NULL, 10) : 0;
}

int mount_of(struct sys *sys, int fd, struct mount *mount)
{
	struct mount_wish wish = { 0 };
	struct sys_stat stat;
	int result = sys_statx(sys, fd, "", false, &stat);

	*mount = (struct mount){ 0 };
	if (result < 0)
		return result;
	wish.number = stat.mount_id != 0 ? stat.mount_id : mount_number_by_proc(sys, fd);
	return wish.number != 0 ? mount_find(sys, &wish, mount) : -ENOENT;
}

int mount_of_device(struct sys *sys, uint64_t device, struct mount *mount)
{
	const struct mount_wish wish = { .by_device = true, .number = device };

	*mount = (struct mount){ 0 };
	return mount_find(sys, &wish, mount);
}

void mount_free(struct mount *mount)
{
	free(mount->text);
	*mount = (struct mount){ 0 };
}

const char *mount_option(const struct mount *mount, const char *name, size_t *bytes)
{
	size_t name_bytes = strlen(name);

	for (const char *at = mount->options; at != NULL && *at != '\0';) {
		size_t length = strcspn(at, ",");

		if (length >= name_bytes && memcmp(at, name, name_bytes) == 0 &&
		    (length == name_bytes || at[name_bytes] == '=')) {
			size_t skip = name_bytes + (length > name_bytes);

			*bytes = length - skip;
			return at + skip;
		}
		at += length + (at[length] == ',');
	}
	return NULL;
}
