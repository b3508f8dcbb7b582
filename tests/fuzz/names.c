/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names that weir gives and knows again: temps, whose checksum is counted here once more,
 * and backups with their numbers.
 *
 * Input: a byte; a name, NUL; another name, NUL; digits.  1: the first name gets the
 * checksum of a temp where its last four characters are.
 */
#include "lib/backup.h"
#include "lib/temp.h"
#include "lib/torn.h"

#include "fuzz.h"

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

/* The four characters behind the twenty at RANDOM: FNV-1a in 64 bits, cut to 32 after
 * each step, and folded to 20. */
static void slow_checksum(const char *random, char check[5])
{
	uint64_t hash = 0x811c9dc5;

	for (unsigned i = 0; i < 20; i++) {
		hash ^= (unsigned char)random[i];
		hash = hash * 0x1000193 % 0x100000000;
	}
	hash ^= hash / 0x100000;
	for (unsigned i = 0; i < 4; i++, hash /= 32)
		check[i] = alphabet[hash % 32];
	check[4] = '\0';
}

static bool slow_is_temp(const char *name)
{
	char check[5];

	if (strlen(name) != 30 || strncmp(name, ".weir.", 6) != 0 ||
	    strspn(name + 6, alphabet) != 24)
		return false;
	slow_checksum(name + 6, check);
	return strcmp(name + 26, check) == 0;
}

static void check_temp(char *name, bool completes)
{
	char made[TEMP_NAME_BYTES];
	struct sys sys;

	if (completes && strlen(name) >= 30) {
		char check[5];

		memcpy(name, ".weir.", 6);
		for (unsigned i = 6; i < 26; i++)
			name[i] = alphabet[(unsigned char)name[i] % 32];
		slow_checksum(name + 6, check);
		memcpy(name + 26, check, 5);
		FUZZ_CHECK(temp_name_ours(name));
	}
	FUZZ_CHECK(temp_name_ours(name) == slow_is_temp(name));
	sys_open(&sys);
	FUZZ_CHECK(temp_name_make(&sys, made) == 0 && slow_is_temp(made));
}

/* ---- backups ---- */

/* The number of a numbered backup of NAME: digits, not from 0 on; NULL: it is none. */
static char *slow_number(const char *entry, const char *name)
{
	size_t name_bytes = strlen(name), bytes = strlen(entry), digits;

	if (bytes < name_bytes + 4 || memcmp(entry, name, name_bytes) != 0 ||
	    entry[name_bytes] != '.' || entry[name_bytes + 1] != '~' || entry[bytes - 1] != '~')
		return NULL;
	digits = bytes - name_bytes - 3;
	if (entry[name_bytes + 2] == '0')
		return NULL;
	for (size_t i = 0; i < digits; i++)
		if (strchr("0123456789", entry[name_bytes + 2 + i]) == NULL)
			return NULL;
	return fuzz_copy(entry + name_bytes + 2, digits);
}

static void check_numbered(const char *entry, const char *name)
{
	const char *digits = NULL;
	size_t bytes = backup_number(entry, name, &digits);
	char *slow = slow_number(entry, name);

	FUZZ_CHECK((bytes > 0) == (slow != NULL));
	if (slow != NULL) {
		FUZZ_CHECK(strlen(slow) == bytes && memcmp(slow, digits, bytes) == 0);
		FUZZ_CHECK(backup_looks_numbered(entry));
	}
	free(slow);
}

/* True if the number A (of digits, not from 0 on) is larger than B. */
static bool is_larger(const char *a, const char *b)
{
	size_t a_bytes = strlen(a), b_bytes = strlen(b);

	return a_bytes != b_bytes ? a_bytes > b_bytes : strcmp(a, b) > 0;
}

/* The number behind a number: 1 is added from the last digit on. */
static char *slow_next(const char *digits)
{
	size_t bytes = strlen(digits);
	char *next = fuzz_alloc(bytes + 2);
	unsigned carry = 1;

	for (size_t i = bytes; i > 0; i--) {
		unsigned digit = (unsigned)(digits[i - 1] - '0') + carry;

		next[i] = (char)('0' + digit % 10);
		carry = digit / 10;
	}
	next[0] = '1';
	next[bytes + 1] = '\0';
	if (carry == 0)
		memmove(next, next + 1, bytes + 1);
	return next;
}

static void check_count(const char *name, const char *text)
{
	char digits[LIMIT_NAME_BYTES], highest[LIMIT_NAME_BYTES] = "99";
	char entry[LIMIT_NAME_BYTES];
	size_t bytes = strspn(text, "0123456789");
	char *next;

	if (bytes == 0 || bytes >= LIMIT_NAME_BYTES || text[0] == '0')
		return;
	snprintf(digits, sizeof(digits), "%.*s", (int)bytes, text);
	backup_raise(highest, text, bytes);
	FUZZ_CHECK(strcmp(highest, is_larger(digits, "99") ? digits : "99") == 0);
	if (backup_numbered_name(entry, name, digits)) {
		char *slow = slow_number(entry, name);

		FUZZ_CHECK(slow != NULL && strcmp(slow, digits) == 0);
		check_numbered(entry, name);
		free(slow);
	} else {
		FUZZ_CHECK(strlen(name) + bytes + 3 >= LIMIT_NAME_BYTES);
	}
	next = slow_next(digits);
	if (backup_next(digits))
		FUZZ_CHECK(strcmp(digits, next) == 0);
	else
		FUZZ_CHECK(strlen(next) >= LIMIT_NAME_BYTES);
	free(next);
}

static void check_simple(const char *name, const char *suffix)
{
	char entry[LIMIT_NAME_BYTES];
	size_t bytes = strlen(name) + strlen(suffix);
	struct settings *settings = fuzz_alloc(sizeof(*settings));
	bool fits = backup_simple_name(entry, name, suffix);

	FUZZ_CHECK(fits == (bytes < LIMIT_NAME_BYTES));
	settings_init(settings, WEIR_SYNC);
	if (fits)
		FUZZ_CHECK(strlen(entry) == bytes && strncmp(entry, name, strlen(name)) == 0 &&
			   strcmp(entry + strlen(name), suffix) == 0);
	if (fits && settings_set_text(settings, WEIR_TEXT_BACKUP_SUFFIX, suffix) == 0)
		FUZZ_CHECK(backup_is_one(settings, entry));
	free(settings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct fuzz_input input = { data, bytes };
	uint8_t how = fuzz_byte(&input);
	char *name = fuzz_text(&input), *other = fuzz_text(&input), *digits = fuzz_text(&input);
	struct timespec time = { .tv_sec = how % 3, .tv_nsec = how < 128 ? TORN_NS : how };

	if (name[0] != '\0' && other[0] != '\0') {
		check_numbered(name, other);
		check_numbered(other, name);
		check_simple(name, other);
	}
	if (name[0] != '\0')
		check_count(name, digits);
	check_temp(name, how % 2 == 1);
	FUZZ_CHECK(torn_looks(&time) == (how % 3 == 1 && how < 128));
	free(name);
	free(other);
	free(digits);
	return 0;
}
