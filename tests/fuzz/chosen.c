/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The names that a sync is limited to: of every path a walk comes to, what is chosen of
 * it, and which names were not met in the end, is what a look at all names says.
 *
 * Input: names, each ended by a newline; NUL; and paths that are walked down to, each
 * ended by a newline.
 *
 * Fuzz: -max_len=300
 */
#include "lib/chosen.h"

#include <errno.h>

#include "fuzz.h"

#define NAMES_MOST 64U

static struct {
	char *names[NAMES_MOST]; /* as a walk writes them; all different */
	bool met[NAMES_MOST];
	size_t count;
	bool any; /* some were added, whatever they are */
} slow;

/* Without empty names and dots; NULL: it does not lie below the source. */
static char *slow_clean(const char *path)
{
	char *clean = fuzz_alloc(strlen(path) + 1);
	size_t used = 0;
	bool good = path[0] != '/' && path[0] != '\0';

	while (good && *path != '\0') {
		size_t bytes = strcspn(path, "/");

		if (bytes == 2 && strncmp(path, "..", 2) == 0)
			good = false;
		if (bytes > 0 && !(bytes == 1 && path[0] == '.')) {
			if (used > 0)
				clean[used++] = '/';
			memcpy(clean + used, path, bytes);
			used += bytes;
		}
		path += bytes + strspn(path + bytes, "/");
	}
	clean[used] = '\0';
	if (good)
		return clean;
	free(clean);
	return NULL;
}

static void add(struct chosen *chosen, const char *path)
{
	char *clean = slow_clean(path);

	FUZZ_CHECK(chosen_add(chosen, path) == (clean != NULL ? 0 : -EINVAL));
	if (clean == NULL)
		return;
	slow.any = true;
	for (size_t i = 0; i < slow.count; i++) {
		if (strcmp(slow.names[i], clean) == 0) {
			free(clean);
			return;
		}
	}
	slow.names[slow.count++] = clean;
}

/* True if A is B or a folder on the way to it; the source, "", is of all. */
static bool leads_to(const char *a, const char *b)
{
	size_t bytes = strlen(a);

	return bytes == 0 || (strncmp(a, b, bytes) == 0 && (b[bytes] == '/' || b[bytes] == '\0'));
}

/* PART is what is chosen at PATH. */
static void check_part(const struct chosen_part *part, const char *path)
{
	size_t count = 0;
	bool whole = !slow.any;

	for (size_t i = 0; i < slow.count; i++) {
		count += leads_to(path, slow.names[i]);
		whole = whole || leads_to(slow.names[i], path);
	}
	FUZZ_CHECK(part->whole == whole && part->count == count);
	FUZZ_CHECK(chosen_any(part) == (whole || count > 0));
}

static void meet(struct chosen *chosen, const struct chosen_part *part, const char *path, bool all)
{
	if (all)
		chosen_meet_all(chosen, part);
	else
		chosen_meet(chosen, part);
	for (size_t i = 0; i < slow.count; i++)
		if (all ? leads_to(path, slow.names[i]) : strcmp(slow.names[i], path) == 0)
			slow.met[i] = true;
}

/* Down to PATH, folder by folder. */
static void walk(struct chosen *chosen, const char *given, bool all)
{
	struct chosen_part part = chosen_root(chosen);
	char *path = slow_clean(given);
	size_t used = 0;

	check_part(&part, "");
	while (path != NULL && path[used] != '\0') {
		size_t bytes = strcspn(path + used, "/");
		char *name = fuzz_copy(path + used, bytes), *so_far = fuzz_copy(path, used + bytes);

		part = chosen_below(chosen, &part, name);
		check_part(&part, so_far);
		used += bytes + (path[used + bytes] == '/');
		if (path[used] == '\0')
			meet(chosen, &part, so_far, all);
		free(so_far);
		free(name);
	}
	free(path);
}

static void check_missing(const struct chosen *chosen)
{
	size_t at = 0, missing = 0, left = 0;
	const char *name, *before = NULL;

	while ((name = chosen_next_missing(chosen, &at)) != NULL) {
		bool known = false;

		for (size_t i = 0; i < slow.count; i++)
			known = known || (!slow.met[i] && strcmp(slow.names[i], name) == 0);
		FUZZ_CHECK(known && (before == NULL || strcmp(before, name) != 0));
		before = name;
		missing++;
	}
	for (size_t i = 0; i < slow.count; i++)
		left += !slow.met[i];
	FUZZ_CHECK(missing == left);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct fuzz_input input = { data, bytes };
	struct chosen chosen = { 0 };
	char *names = fuzz_text(&input), *paths = fuzz_text(&input);
	unsigned count = 0;

	for (char *at = names; *at != '\0' && count < NAMES_MOST; count++) {
		char *end = at + strcspn(at, "\n");
		bool last = *end == '\0';

		*end = '\0';
		add(&chosen, at);
		at = end + !last;
	}
	FUZZ_CHECK(chosen_settle(&chosen) == 0);
	for (char *at = paths; *at != '\0'; count++) {
		char *end = at + strcspn(at, "\n");
		bool last = *end == '\0';

		*end = '\0';
		walk(&chosen, at, count % 3 == 0);
		at = end + !last;
	}
	check_missing(&chosen);
	chosen_close(&chosen);
	for (size_t i = 0; i < slow.count; i++)
		free(slow.names[i]);
	memset(&slow, 0, sizeof(slow));
	free(names);
	free(paths);
	return 0;
}
