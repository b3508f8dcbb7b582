/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Mounts, as this process sees them: which one a folder lies in, what is mounted
 * there, and which folder of its file system that is.
 */
#ifndef WEIR_MOUNT_H
#define WEIR_MOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "sys.h"

struct mount {
	uint64_t id;
	uint64_t device;     /* of the file system; files of btrfs have others */
	const char *root;    /* the folder of the file system that is mounted */
	const char *point;   /* where; as the process sees it */
	const char *type;    /* such as "ext4" */
	const char *source;  /* such as "/dev/sda1", "server:/export" */
	const char *options; /* of the file system: "rw,upperdir=..." */
	char *text;	     /* what all of these point into */
};

/* The mount that the descriptor FD lies in, to be freed.  0; -ENOENT: it is not told;
 * another -errno: nothing is, as where there is no /proc. */
int mount_of(struct sys *sys, int fd, struct mount *mount);

/* The first mount of the file system DEVICE.  Results as mount_of(). */
int mount_of_device(struct sys *sys, uint64_t device, struct mount *mount);

void mount_free(struct mount *mount);

/* The value of the option NAME, such as "upperdir", as text that is not ended: *BYTES
 * of it; or NULL.  Commas in a value are \054 by now, or end it. */
const char *mount_option(const struct mount *mount, const char *name, size_t *bytes);

/* Reads one line of a mountinfo, which is changed.  False: it is none. */
bool mount_parse(char *line, struct mount *mount);

#endif
