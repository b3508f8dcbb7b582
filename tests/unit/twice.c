/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names that a listing tells twice.
 */
#include "lib/twice.h"

#include "unit.h"

static char buffer[LIMIT_LIST_BYTES];
static size_t used;

/* Puts a name where the kernel would, and shows it. */
static bool tell(struct twice *twice, const char *name)
{
	size_t bytes = (19 + strlen(name) + 1 + 7) / 8 * 8;
	char *at = buffer + used + 19;

	CHECK(used + bytes <= sizeof(buffer));
	strcpy(at, name);
	used += bytes;
	return twice_met(twice, at);
}

static void begin(struct twice *twice)
{
	twice_begin(twice, buffer);
	used = 0;
}

static void a_name_is_met_once(void)
{
	struct twice twice;

	twice_open(&twice);
	begin(&twice);
	CHECK(!tell(&twice, "a"));
	CHECK(!tell(&twice, "b"));
	CHECK(tell(&twice, "a"));
	CHECK(tell(&twice, "a"));
	CHECK(!tell(&twice, "A"));
	CHECK(!tell(&twice, "ab"));
	CHECK(tell(&twice, "b"));
}

/* Only the name at the seam is known of the buffer before. */
static void a_name_is_met_where_two_buffers_do(void)
{
	struct twice twice;

	twice_open(&twice);
	begin(&twice);
	CHECK(!tell(&twice, "a"));
	CHECK(!tell(&twice, "last"));
	begin(&twice);
	CHECK(tell(&twice, "last"));
	CHECK(!tell(&twice, "a"));
	begin(&twice);
	CHECK(!tell(&twice, "b"));
	CHECK(!tell(&twice, "a"));
}

/* As many as a buffer holds, of the shortest names. */
static void a_full_buffer_has_each_name_once(void)
{
	struct twice twice;
	char name[16];
	unsigned count = 0;

	twice_open(&twice);
	begin(&twice);
	while (used + 24 <= sizeof(buffer)) {
		snprintf(name, sizeof(name), "%x", count++);
		CHECK(!tell(&twice, name));
	}
	CHECK(count >= sizeof(buffer) / 24 - 1);
	begin(&twice);
	for (unsigned i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%x", i / 2);
		CHECK(tell(&twice, name) == (i % 2 == 1));
	}
}

static const struct unit_test tests[] = {
	{ "a name is met once", a_name_is_met_once },
	{ "a name is met where two buffers do", a_name_is_met_where_two_buffers_do },
	{ "a full buffer has each name once", a_full_buffer_has_each_name_once },
};

UNIT_MAIN(tests)
