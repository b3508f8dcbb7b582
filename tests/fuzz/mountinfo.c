/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * /proc/self/mountinfo: of each line the fields that a slow reader finds, and of each
 * option its value; and the first mount of a device among all lines.
 *
 * Input: the name of an option, NUL, and the table.
 *
 * Wraps: sys_read_whole
 *
 * Fuzz: -max_len=500
 */
#include "lib/mount.h"

#include <errno.h>
#include <sys/sysmacros.h>

#include "fuzz.h"

static const char *table;

/* Takes the place of that of lib/sys.c. */
ssize_t __wrap_sys_read_whole(struct sys *sys, const char *path, size_t most, char **text);
ssize_t __wrap_sys_read_whole(struct sys *sys, const char *path, size_t most, char **text)
{
	size_t bytes = strlen(table);

	(void)sys;
	FUZZ_CHECK(strcmp(path, "/proc/self/mountinfo") == 0);
	if (bytes > most)
		return -EFBIG;
	*text = fuzz_copy(table, bytes);
	return (ssize_t)bytes;
}

/* What a slow reader finds. */
struct slow_mount {
	bool good;
	bool strict; /* its numbers are written as the kernel does */
	uint64_t id, device;
	char *fields[5]; /* root, point, type, source, options; owned */
};

static char *slow_unescape(const char *field, size_t bytes)
{
	char *text = fuzz_alloc(bytes + 1), *to = text;

	for (size_t i = 0; i < bytes; i++) {
		unsigned value = 0;
		size_t digits = 0;

		while (field[i] == '\\' && digits < 3 && i + 1 + digits < bytes &&
		       field[i + 1 + digits] >= '0' && field[i + 1 + digits] <= '7')
			value = value * 8 + (unsigned)(field[i + 1 + digits++] - '0');
		if (digits == 3 && value < 256) {
			*to++ = (char)value;
			i += 3;
		} else {
			*to++ = field[i];
		}
	}
	*to = '\0';
	return text;
}

/* A number of digits alone, which END follows. */
static bool slow_number(const char **at, char end, uint64_t most, uint64_t *number)
{
	const char *begin = *at;

	for (*number = 0; **at >= '0' && **at <= '9' && *at - begin < 19; (*at)++)
		*number = *number * 10 + (uint64_t)(**at - '0');
	return *at > begin && *(*at)++ == end && *number <= most;
}

static void slow_numbers(const char *line, struct slow_mount *mount)
{
	uint64_t above, numbers[2];

	mount->strict = slow_number(&line, ' ', INT64_MAX, &mount->id) &&
			slow_number(&line, ' ', INT64_MAX, &above) &&
			slow_number(&line, ':', UINT32_MAX, &numbers[0]) &&
			slow_number(&line, ' ', UINT32_MAX, &numbers[1]);
	if (mount->strict)
		mount->device = makedev((unsigned)numbers[0], (unsigned)numbers[1]);
}

/* All of the line after the space that ends FIELD. */
static const char *next_field(const char *field)
{
	const char *space = field != NULL ? strchr(field, ' ') : NULL;

	return space != NULL ? space + 1 : NULL;
}

static struct slow_mount slow_parse(const char *line)
{
	struct slow_mount mount = { 0 };
	const char *field = line, *fields[5] = { NULL };

	slow_numbers(line, &mount);
	for (unsigned i = 0; field != NULL && i < 6; i++) {
		if (i == 3 || i == 4)
			fields[i - 3] = field;
		field = next_field(field);
	}
	while (field != NULL && strncmp(field, "- ", 2) != 0)
		field = next_field(field);
	for (unsigned i = 2; field != NULL && i < 5; i++)
		fields[i] = field = next_field(field);
	mount.good = field != NULL;
	for (unsigned i = 0; mount.good && i < 5; i++)
		mount.fields[i] = i < 4 ? slow_unescape(fields[i], strcspn(fields[i], " "))
					: fuzz_copy(fields[i], strlen(fields[i]));
	return mount;
}

static void slow_free(struct slow_mount *mount)
{
	for (unsigned i = 0; i < 5; i++)
		free(mount->fields[i]);
}

static void check_option(const struct mount *mount, const char *name)
{
	size_t name_bytes = strlen(name), bytes = 0, expected_bytes = 0;
	const char *found = mount_option(mount, name, &bytes), *expected = NULL;
	const char *at = mount->options;

	if (strpbrk(name, ",=") != NULL || name_bytes == 0)
		return;
	while (expected == NULL) {
		size_t length = strcspn(at, ","), key = strcspn(at, ",=");

		if (key == name_bytes && strncmp(at, name, key) == 0) {
			expected = at + key + (at[key] == '=');
			expected_bytes = length - key - (at[key] == '=');
		}
		if (at[length] == '\0')
			break;
		at += length + 1;
	}
	FUZZ_CHECK(found == expected && (found == NULL || bytes == expected_bytes));
}

/* Checks LINE; true if it is one of the device. */
static bool check_line(const char *line, const char *option, struct slow_mount *slow)
{
	char *copy = fuzz_copy(line, strlen(line));
	struct mount mount = { 0 };
	bool good = mount_parse(copy, &mount);

	*slow = slow_parse(line);
	if (slow->strict || !slow->good)
		FUZZ_CHECK(good == slow->good);
	if (good && slow->good) {
		FUZZ_CHECK(strcmp(mount.root, slow->fields[0]) == 0);
		FUZZ_CHECK(strcmp(mount.point, slow->fields[1]) == 0);
		FUZZ_CHECK(strcmp(mount.type, slow->fields[2]) == 0);
		FUZZ_CHECK(strcmp(mount.source, slow->fields[3]) == 0);
		FUZZ_CHECK(strcmp(mount.options, slow->fields[4]) == 0);
		check_option(&mount, option);
	}
	if (good && slow->strict)
		FUZZ_CHECK(mount.id == slow->id && mount.device == slow->device);
	free(copy);
	return good;
}

/* Where all lines are written as the kernel does, the first one of a device is found. */
static void check_table(const char *option)
{
	struct sys *sys = NULL;
	struct slow_mount first = { 0 };
	bool strict = true;

	for (const char *line = table; *line != '\0'; line += strspn(line, "\n")) {
		size_t bytes = strcspn(line, "\n");
		char *copy = fuzz_copy(line, bytes);
		struct slow_mount slow;
		bool good = check_line(copy, option, &slow);

		strict = strict && (slow.strict || !good);
		if (good && !first.good && strict)
			first = slow;
		else
			slow_free(&slow);
		free(copy);
		line += bytes;
	}
	if (first.good) {
		struct mount mount;

		FUZZ_CHECK(mount_of_device(sys, first.device, &mount) == 0);
		FUZZ_CHECK(mount.id == first.id && strcmp(mount.point, first.fields[1]) == 0);
		mount_free(&mount);
	}
	slow_free(&first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct fuzz_input input = { data, bytes };
	char *option = fuzz_text(&input), *text = fuzz_text(&input);

	table = text;
	check_table(option);
	free(option);
	free(text);
	return 0;
}
