/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The names that a sync is limited to: one block of text, and where names begin in it.
 *
 * Invariants:
 * CH1 names are sorted as a walk meets them, a folder before what it holds and all that
 *     together: so what is below a path is one row of places;
 * CH2 a part holds exactly the names that begin with its path, so a look into a folder
 *     costs two searches in what the folder has, and no memory.
 */
#define _GNU_SOURCE
#include "chosen.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "invariant.h"

/* ---- adding ---- */

/* Room for MORE bytes of names and for one place. */
static int chosen_make_room(struct chosen *chosen, size_t more)
{
	size_t room = chosen->room > 0 ? chosen->room : 4096;
	size_t place_room = chosen->place_room > 0 ? chosen->place_room : 256;

	if (chosen->bytes + more > UINT32_MAX)
		return -E2BIG;
	while (room < chosen->bytes + more)
		room *= 2;
	if (room != chosen->room) {
		char *names = realloc(chosen->names, room);

		if (names == NULL)
			return -ENOMEM;
		chosen->names = names;
		chosen->room = room;
	}
	if (place_room == chosen->count)
		place_room *= 2;
	if (place_room != chosen->place_room) {
		uint32_t *places = reallocarray(chosen->places, place_room, sizeof(*places));

		if (places == NULL)
			return -ENOMEM;
		chosen->places = places;
		chosen->place_room = place_room;
	}
	return 0;
}

/* Writes PATH to TO without empty components and dots.  Its bytes, or -EINVAL. */
static int64_t chosen_clean(const char *path, char *to)
{
	size_t bytes = 0;

	if (path[0] == '\0' || path[0] == '/')
		return -EINVAL;
	while (*path != '\0') {
		size_t length = strcspn(path, "/");

		if (length == 2 && memcmp(path, "..", 2) == 0)
			return -EINVAL;
		if (length > 0 && !(length == 1 && path[0] == '.')) {
			if (bytes > 0)
				to[bytes++] = '/';
			memcpy(to + bytes, path, length);
			bytes += length;
		}
		path += length + (path[length] == '/');
	}
	to[bytes] = '\0';
	return (int64_t)bytes;
}

int chosen_add(struct chosen *chosen, const char *path)
{
	int result = chosen_make_room(chosen, strlen(path) + 1);
	int64_t bytes;

	if (result < 0)
		return result;
	bytes = chosen_clean(path, chosen->names + chosen->bytes);
	if (bytes < 0)
		return (int)bytes;
	chosen->places[chosen->count++] = (uint32_t)chosen->bytes;
	chosen->bytes += (size_t)bytes + 1;
	return 0;
}

/* ---- sorting ---- */

/* CH1: a slash comes before all that can be in a name. */
static unsigned chosen_rank(char byte)
{
	unsigned rank = (unsigned char)byte;

	if (byte == '/')
		return 1;
	return rank > 0 && rank < '/' ? rank + 1 : rank;
}

static int chosen_compare(const void *left, const void *right, void *names)
{
	const char *a = (const char *)names + *(const uint32_t *)left;
	const char *b = (const char *)names + *(const uint32_t *)right;

	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return (int)chosen_rank(*a) - (int)chosen_rank(*b);
}

int chosen_settle(struct chosen *chosen)
{
	size_t kept = 0;

	if (chosen->count == 0)
		return 0;
	chosen->met = calloc(chosen->count / 8 + 1, sizeof(*chosen->met));
	if (chosen->met == NULL)
		return -ENOMEM;
	qsort_r(chosen->places, chosen->count, sizeof(chosen->places[0]), chosen_compare,
		chosen->names);
	for (size_t i = 0; i < chosen->count; i++)
		if (kept == 0 || strcmp(chosen->names + chosen->places[i],
					chosen->names + chosen->places[kept - 1]) != 0)
			chosen->places[kept++] = chosen->places[i];
	chosen->count = kept;
	return 0;
}

void chosen_close(struct chosen *chosen)
{
	free(chosen->names);
	free(chosen->places);
	free(chosen->met);
	*chosen = (struct chosen){ 0 };
}

/* ---- asking ---- */

static const char *chosen_name(const struct chosen *chosen, size_t place)
{
	return chosen->names + chosen->places[place];
}

/* True if the path of PART is one of the names. */
static bool chosen_names_it(const struct chosen *chosen, const struct chosen_part *part)
{
	size_t bytes = part->head_bytes > 0 ? part->head_bytes - 1 : 0;

	return part->count > 0 && chosen_name(chosen, part->first)[bytes] == '\0';
}

struct chosen_part chosen_root(const struct chosen *chosen)
{
	struct chosen_part part = { .count = (uint32_t)chosen->count };

	part.whole = part.count == 0 || chosen_names_it(chosen, &part);
	return part;
}

/* How the component that PATH begins with is sorted to NAME. */
static int chosen_compare_component(const char *path, const char *name)
{
	while (*name != '\0' && *path == *name) {
		path++;
		name++;
	}
	if (*name == '\0' && (*path == '\0' || *path == '/'))
		return 0;
	return (int)chosen_rank(*path) - (int)chosen_rank(*name);
}

/* The first place from FIRST on, before END, that comes after NAME, or with it if WITH. */
static uint32_t chosen_search(const struct chosen *chosen, uint32_t first, uint32_t end,
			      size_t head_bytes, const char *name, bool with)
{
	while (first < end) {
		uint32_t middle = first + (end - first) / 2;
		const char *path = chosen_name(chosen, middle);
		/* Only the folder itself is as short as its path (CH2). */
		bool inside = head_bytes == 0 || path[head_bytes - 1] != '\0';
		int order = inside ? chosen_compare_component(path + head_bytes, name) : -1;

		if (order > 0 || (order == 0 && with))
			end = middle;
		else
			first = middle + 1;
	}
	return first;
}

struct chosen_part chosen_below(const struct chosen *chosen, const struct chosen_part *part,
				const char *name)
{
	struct chosen_part below = { .whole = part->whole };
	uint32_t end = part->first + part->count;

	if (part->count == 0)
		return below;
	below.first = chosen_search(chosen, part->first, end, part->head_bytes, name, true);
	below.count = chosen_search(chosen, below.first, end, part->head_bytes, name, false) -
		      below.first;
	below.head_bytes = part->head_bytes + (uint32_t)strlen(name) + 1;
	below.whole = part->whole || chosen_names_it(chosen, &below);
	return below;
}

/* ---- what was met ---- */

static void chosen_mark(struct chosen *chosen, size_t place)
{
	atomic_fetch_or(&chosen->met[place / 8], (unsigned char)(1U << place % 8));
}

void chosen_meet_all(struct chosen *chosen, const struct chosen_part *part)
{
	WEIR_ASSERT(part->first + part->count <= chosen->count);
	for (uint32_t i = 0; i < part->count; i++)
		chosen_mark(chosen, part->first + i);
}

void chosen_meet(struct chosen *chosen, const struct chosen_part *part)
{
	if (chosen_names_it(chosen, part))
		chosen_mark(chosen, part->first);
}

const char *chosen_next_missing(const struct chosen *chosen, size_t *at)
{
	for (; *at < chosen->count; (*at)++)
		if ((atomic_load(&chosen->met[*at / 8]) & 1U << *at % 8) == 0)
			return chosen_name(chosen, (*at)++);
	return NULL;
}
