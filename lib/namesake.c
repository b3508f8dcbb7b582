/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a name is spelled in a folder is told by its listing alone.
 *
 * Invariants:
 * S1 where a folder is known to fold no names, it is never listed: ext4, F2FS,
 *    tmpfs and overlay tell it by a flag, once for each folder; btrfs folds none;
 *    the others are asked once for a name with the case of its letters turned
 *    round, and those that may fold more than letters of ASCII pay only for names
 *    that have such;
 * S2 a name that the folder had when it was listed is spelled so for the rest of
 *    the run, since what replaces it takes its name; so the listing is kept, and
 *    only names that are not in it cost another one.
 */
#define _GNU_SOURCE
#include "namesake.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "invariant.h"
#include "limits.h"

#define NAMESAKE_SPELLINGS_FIRST 64U
#define NAMESAKE_TRIES 2U /* a listing may miss what is renamed while it lasts */

struct namesake_dirent {
	uint64_t inode;
	int64_t offset;
	uint16_t length;
	uint8_t type;
	char name[];
};

/* ---- listing ---- */

typedef bool namesake_visit(const struct namesake_dirent *entry, void *data);

/* Shows VISIT each entry until it says true.  1: it did; 0: at no entry; -errno. */
static int namesake_list(struct sys *sys, int dirfd, namesake_visit *visit, void *data)
{
	char *buffer = malloc(LIMIT_LIST_BYTES);
	bool found = false;
	ssize_t bytes;
	int fd;

	if (buffer == NULL)
		return -ENOMEM;
	fd = sys_openat(sys, dirfd, ".", O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0) {
		free(buffer);
		return fd;
	}
	while (!found && (bytes = sys_getdents(sys, fd, buffer, LIMIT_LIST_BYTES)) > 0) {
		for (ssize_t at = 0; at < bytes && !found;) {
			const struct namesake_dirent *entry = (const void *)(buffer + at);

			at += entry->length;
			found = visit(entry, data);
		}
	}
	sys_close(sys, fd);
	free(buffer);
	if (found)
		return 1;
	return bytes < 0 ? (int)bytes : 0;
}

static bool namesake_is_it(const struct namesake_dirent *entry, void *data)
{
	return strcmp(entry->name, data) == 0;
}

bool namesake_is_spelled(struct sys *sys, int dirfd, const char *name)
{
	char wanted[LIMIT_NAME_BYTES];

	if (strlen(name) >= sizeof(wanted))
		return false;
	memcpy(wanted, name, strlen(name) + 1);
	return namesake_list(sys, dirfd, namesake_is_it, wanted) == 1;
}

/* ---- what a folder folds ---- */

static bool namesake_is_ascii(const char *name)
{
	for (; *name != '\0'; name++)
		if ((unsigned char)*name >= 0x80)
			return false;
	return true;
}

static bool namesake_is_letter(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

/* NAME with the case of its letters turned round; false: it has none. */
static bool namesake_turn(const char *name, char *turned)
{
	bool any = false;
	size_t i;

	for (i = 0; name[i] != '\0' && i + 1 < LIMIT_NAME_BYTES; i++) {
		bool letter = namesake_is_letter(name[i]);

		turned[i] = (char)(letter ? name[i] ^ 0x20 : name[i]);
		any = any || letter;
	}
	turned[i] = '\0';
	return any;
}

static enum namesake_folding namesake_ask_flag(struct sys *sys, int dirfd)
{
	uint32_t flags = 0;

	/* One without flags has not this one either. */
	return sys_get_flags(sys, dirfd, &flags) == 0 && (flags & FS_CASEFOLD_FL) != 0
		       ? NAMESAKE_FOLDS
		       : NAMESAKE_EXACT;
}

/* Asks for the name that differs in case only. */
static enum namesake_folding namesake_ask_name(struct sys *sys, int dirfd, const char *name)
{
	char turned[LIMIT_NAME_BYTES];
	struct sys_stat one, two;
	int result;

	if (!namesake_turn(name, turned))
		return NAMESAKE_UNKNOWN;
	result = sys_statx(sys, dirfd, turned, false, &two);
	if (result == -ENOENT)
		return NAMESAKE_EXACT;
	if (result == 0 && sys_statx(sys, dirfd, name, false, &one) == 0 &&
	    (one.device != two.device || one.inode != two.inode))
		return NAMESAKE_EXACT;
	return NAMESAKE_FOLDS; /* or two links of one inode: the listing tells */
}

/* S1 */
static bool namesake_may_fold(struct sys *sys, const struct fs *fs, struct namesakes *namesakes,
			      int dirfd, const char *name)
{
	enum namesake_folding folding = atomic_load(&namesakes->folding);
	bool by_flag = fs->kind == FS_EXT4 || fs->kind == FS_F2FS || fs->kind == FS_TMPFS ||
		       fs->kind == FS_OVERLAY;

	if (fs->kind == FS_BTRFS || fs->kind == FS_PSEUDO)
		return false;
	if (folding == NAMESAKE_UNKNOWN) {
		folding = by_flag ? namesake_ask_flag(sys, dirfd)
				  : namesake_ask_name(sys, dirfd, name);
		atomic_store(&namesakes->folding, folding);
	}
	if (by_flag || fs->kind == FS_XFS)
		return folding == NAMESAKE_FOLDS;
	return folding != NAMESAKE_EXACT || !namesake_is_ascii(name);
}

/* ---- names it is known to have ---- */

struct spelling_list {
	struct spellings *spellings;
	size_t room;
};

static uint64_t spelling_hash(const char *name)
{
	uint64_t hash = 0xcbf29ce484222325ULL; /* FNV-1a */

	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char)*name) * 0x100000001b3ULL;
	return hash;
}

static int spelling_compare(const void *a, const void *b)
{
	uint64_t one = *(const uint64_t *)a, two = *(const uint64_t *)b;

	return (one > two) - (one < two);
}

/* True: no more is to be remembered. */
static bool spelling_add(const struct namesake_dirent *entry, void *data)
{
	struct spelling_list *list = data;
	struct spellings *spellings = list->spellings;

	if (spellings->count == list->room) {
		if (list->room >= LIMIT_SPELLINGS)
			return true;
		spellings =
			realloc(spellings, sizeof(*spellings) + 2 * list->room * sizeof(uint64_t));
		if (spellings == NULL)
			return true;
		list->spellings = spellings;
		list->room *= 2;
	}
	spellings->hashes[spellings->count++] = spelling_hash(entry->name);
	return false;
}

/* Lists the folder for all names that are asked for later (S2); NULL: it cannot be. */
static const struct spellings *namesake_learn(struct sys *sys, struct namesakes *namesakes,
					      int dirfd)
{
	struct spelling_list list = { NULL, NAMESAKE_SPELLINGS_FIRST };
	struct spellings *known = NULL;

	list.spellings = malloc(sizeof(*list.spellings) + list.room * sizeof(uint64_t));
	if (list.spellings == NULL)
		return NULL;
	list.spellings->count = 0;
	namesake_list(sys, dirfd, spelling_add, &list);
	qsort(list.spellings->hashes, list.spellings->count, sizeof(uint64_t), spelling_compare);
	/* Another worker may have been here meanwhile. */
	if (atomic_compare_exchange_strong(&namesakes->spellings, &known, list.spellings))
		return list.spellings;
	free(list.spellings);
	return known;
}

static bool namesake_is_known(struct sys *sys, struct namesakes *namesakes, int dirfd,
			      const char *name)
{
	const struct spellings *spellings = atomic_load(&namesakes->spellings);
	uint64_t hash = spelling_hash(name);

	if (spellings == NULL)
		spellings = namesake_learn(sys, namesakes, dirfd);
	return spellings != NULL && bsearch(&hash, spellings->hashes, spellings->count,
					    sizeof(hash), spelling_compare) != NULL;
}

void namesakes_release(struct namesakes *namesakes)
{
	free(atomic_exchange(&namesakes->spellings, NULL));
}

/* ---- another one ---- */

struct namesake_search {
	const char *name;
	uint64_t inode; /* of what is there */
	char *other;
	bool is_twin; /* `other` differs in case only, which is better than by inode */
};

static bool namesake_look_at(const struct namesake_dirent *entry, void *data)
{
	struct namesake_search *search = data;
	bool is_twin = strcasecmp(entry->name, search->name) == 0;

	if (strcmp(entry->name, search->name) == 0)
		return true;
	if (search->is_twin || (!is_twin && entry->inode != search->inode) ||
	    strlen(entry->name) >= LIMIT_NAME_BYTES)
		return false;
	memcpy(search->other, entry->name, strlen(entry->name) + 1);
	search->is_twin = is_twin;
	return false;
}

bool namesake_met(struct sys *sys, const struct fs *fs, struct namesakes *namesakes, int dirfd,
		  const char *name, char *other)
{
	struct namesake_search search = { .name = name, .other = other };
	struct sys_stat stat;

	if (!namesake_may_fold(sys, fs, namesakes, dirfd, name) ||
	    namesake_is_known(sys, namesakes, dirfd, name))
		return false;
	for (unsigned tries = 0; tries < NAMESAKE_TRIES; tries++) {
		if (sys_statx(sys, dirfd, name, false, &stat) < 0)
			return false; /* it went */
		search.inode = stat.inode;
		search.is_twin = false;
		other[0] = '\0';
		if (namesake_list(sys, dirfd, namesake_look_at, &search) != 0)
			return false;
	}
	return true;
}
