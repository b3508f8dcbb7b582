/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sites.
 *
 * Invariants:
 * S1 no text is NULL after site_find() returned 0;
 * S2 a path that /proc tells for a descriptor is believed only if it leads to the same
 *    folder.
 */
#define _GNU_SOURCE
#include "site.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "mount.h"

/* S1: "" is a text, too. */
static bool site_is_whole(const struct site *site)
{
	return site->path != NULL && site->place != NULL && site->mount != NULL &&
	       site->type != NULL && site->uuid != NULL && site->source != NULL &&
	       site->label != NULL;
}

/* S2: *path is to be freed, or stays NULL: there is none.  0 or -ENOMEM. */
static int site_path_of(struct sys *sys, int fd, char **path)
{
	char link[64];
	char text[PATH_MAX];
	struct sys_stat folder, found;
	ssize_t bytes;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	bytes = sys_readlinkat(sys, AT_FDCWD, link, text, sizeof(text));
	if (bytes <= 0 || (size_t)bytes >= sizeof(text) || text[0] != '/')
		return 0;
	text[bytes] = '\0';
	if (sys_statx(sys, fd, "", false, &folder) < 0 ||
	    sys_statx(sys, AT_FDCWD, text, false, &found) < 0 || folder.device != found.device ||
	    folder.inode != found.inode)
		return 0;
	*path = strdup(text);
	return *path != NULL ? 0 : -ENOMEM;
}

/* HEAD and TAIL with one slash between them; of TAIL the slashes around it are left
 * out.  NULL: out of memory. */
static char *site_join(const char *head, const char *tail)
{
	size_t head_bytes = strlen(head);
	size_t tail_bytes;
	char *joined;

	while (head_bytes > 0 && head[head_bytes - 1] == '/')
		head_bytes--;
	tail += strspn(tail, "/");
	tail_bytes = strlen(tail);
	while (tail_bytes > 0 && tail[tail_bytes - 1] == '/')
		tail_bytes--;
	if (asprintf(&joined, "%.*s%s%.*s", (int)head_bytes, head,
		     tail_bytes > 0 || head_bytes == 0 ? "/" : "", (int)tail_bytes, tail) < 0)
		return NULL;
	return joined;
}

/* What is left of PATH below FOLDER, "" for itself; NULL: it does not lie in it. */
static const char *site_below(const char *path, const char *folder)
{
	size_t bytes = strlen(folder);

	while (bytes > 0 && folder[bytes - 1] == '/')
		bytes--;
	if (strncmp(path, folder, bytes) != 0 || (path[bytes] != '/' && path[bytes] != '\0'))
		return NULL;
	return path + bytes;
}

/* What is mounted, for a file system that has no UUID: an overlay is known by what is
 * written to, or by all it consists of. */
static char *site_source(const struct mount *mount)
{
	const char *value = NULL;
	size_t bytes = 0;

	if (strcmp(mount->type, "overlay") == 0) {
		value = mount_option(mount, "upperdir", &bytes);
		if (value == NULL)
			value = mount_option(mount, "lowerdir", &bytes);
	}
	if (value != NULL)
		return strndup(value, bytes);
	/* A snapshot of a dataset stands for the dataset. */
	if (strcmp(mount->type, "zfs") == 0)
		return strndup(mount->source, strcspn(mount->source, "@"));
	return strdup(mount->source);
}

/* What MOUNT, which it lies in, tells.  0 or -ENOMEM: a text that is missing for want of
 * memory must not be taken for one that is empty. */
static int site_take_mount(struct site *site, const struct mount *mount,
			   const struct device_name *name)
{
	const char *below = site->path != NULL ? site_below(site->path, mount->point) : NULL;

	if (below != NULL)
		site->place = site_join(mount->root, below);
	site->mount = strdup(mount->point);
	site->type = strdup(mount->type);
	site->uuid = strdup(name->uuid);
	site->label = strdup(name->label);
	site->source = site_source(mount);
	site->device = mount->device;
	return (below == NULL || site->place != NULL) && site->mount != NULL &&
			       site->type != NULL && site->uuid != NULL && site->label != NULL &&
			       site->source != NULL
		       ? 0
		       : -ENOMEM;
}

/* Whether that mount is the one of the root folder.  0 or -ENOMEM. */
static int site_compare_root(struct sys *sys, struct site *site, const struct mount *mount)
{
	struct mount root;
	int fd = sys_openat(sys, AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
	int result;

	if (fd < 0)
		return 0;
	result = mount_of(sys, fd, &root);
	sys_close(sys, fd);
	if (result < 0)
		return result == -ENOMEM ? result : 0;
	site->is_on_root = root.id == mount->id;
	mount_free(&root);
	return 0;
}

static int site_find_fs(struct sys *sys, int fd, struct site *site)
{
	struct device_name name;
	struct mount mount;
	int result = mount_of(sys, fd, &mount);

	if (result < 0)
		return result == -ENOMEM ? result : 0;
	device_name_find(sys, fd, &mount, &name);
	result = site_take_mount(site, &mount, &name);
	if (result == 0)
		result = site_compare_root(sys, site, &mount);
	mount_free(&mount);
	return result;
}

/* What is BELOW the folder that was found. */
static int site_descend(char **path, const char *below)
{
	char *joined;

	if (*path == NULL)
		return 0;
	joined = site_join(*path, below);
	free(*path);
	*path = joined;
	return joined != NULL ? 0 : -ENOMEM;
}

static void site_fill(char **text)
{
	if (*text == NULL)
		*text = strdup("");
}

int site_find(struct sys *sys, int fd, const char *below, struct site *site)
{
	int result;

	*site = (struct site){ .is_on_root = true };
	result = site_path_of(sys, fd, &site->path);
	if (result == 0)
		result = site_find_fs(sys, fd, site);
	if (result == 0 && below != NULL && below[0] != '\0') {
		result = site_descend(&site->path, below);
		if (result == 0)
			result = site_descend(&site->place, below);
	}
	if (result < 0)
		return result;
	site_fill(&site->path);
	site_fill(&site->place);
	site_fill(&site->mount);
	site_fill(&site->type);
	site_fill(&site->uuid);
	site_fill(&site->source);
	site_fill(&site->label);
	return site_is_whole(site) ? 0 : -ENOMEM;
}

void site_free(struct site *site)
{
	free(site->path);
	free(site->place);
	free(site->mount);
	free(site->type);
	free(site->uuid);
	free(site->source);
	free(site->label);
	*site = (struct site){ 0 };
}

bool site_same_fs(const struct site *a, const struct site *b)
{
	/* Whether the UUID can be read is a matter of rights, too. */
	if (a->uuid[0] != '\0' && b->uuid[0] != '\0')
		return strcasecmp(a->uuid, b->uuid) == 0;
	return strcmp(a->type, b->type) == 0 && strcmp(a->source, b->source) == 0;
}

bool site_same(const struct site *before, const struct site *now)
{
	if (!site_same_fs(before, now))
		return false;
	return strcmp(before->mount, now->mount) == 0 || strcmp(before->place, now->place) == 0;
}

bool site_lies_in(const struct site *inner, const struct site *outer)
{
	if (inner->device == 0 || inner->device != outer->device || inner->place[0] == '\0' ||
	    outer->place[0] == '\0')
		return false;
	return site_below(inner->place, outer->place) != NULL;
}
