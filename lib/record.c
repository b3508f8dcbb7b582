/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records of pairs.
 *
 * A record is a file of text, KEY VALUE by line in the order of record_make(), with its
 * version first and a digest of all before it last.  Its name is the digest of both
 * paths, which it holds in full, so that nothing rests on digests being different.
 *
 * Invariants:
 * K1 the place comes from the account that runs us, never from the environment; below
 *    it no link of others is followed, and nothing of others is read or written to;
 * K2 what is not whole is as if it were not there;
 * K3 a record is replaced as any file is: written aside, synced, renamed, and its
 *    folder synced;
 * K4 it is left alone while it says what is true and is younger than a day, so that a
 *    run with nothing to do writes nothing; one that was not renewed for 400 days is
 *    removed by whoever writes another one.
 */
#define _GNU_SOURCE
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "account.h"
#include "digest.h"
#include "limits.h"
#include "lister.h"
#include "reach.h"
#include "temp.h"

#define RECORD_VERSION "weir-record 1"
#define RECORD_CHECK "checksum "
#define RECORD_BYTES KIB(256) /* six paths of 4 KiB, each byte written as four */
#define RECORD_SYSTEM_BASE "/var/lib"
#define RECORD_SYSTEM_BELOW "weir"
#define RECORD_USER_BELOW ".local/state/weir"
#define RECORD_FRESH_SECONDS (24L * 60 * 60)
#define RECORD_STALE_SECONDS (400LL * 24 * 60 * 60)
#define RECORD_TIME_BYTES 64
#define RECORD_TIME_MOST 253402300800LL /* the year 10000 */
#define RECORD_TEXTS 6			/* of a site */

/* ---- writing ---- */

/* The texts of a site that are recorded, and their keys. */
static const char *const record_keys[RECORD_TEXTS] = {
	"path", "place", "mount", "type", "uuid", "source",
};

static char **record_text_of(struct site *site, size_t i)
{
	char **texts[RECORD_TEXTS] = {
		&site->path, &site->place, &site->mount, &site->type, &site->uuid, &site->source,
	};

	return texts[i];
}

static const char *record_value_of(const struct site *site, size_t i)
{
	const char *const texts[RECORD_TEXTS] = {
		site->path, site->place, site->mount, site->type, site->uuid, site->source,
	};

	return texts[i];
}

static size_t record_room_of(const struct site *site)
{
	size_t room = 0;

	for (size_t i = 0; i < RECORD_TEXTS; i++)
		room += 4 * strlen(record_value_of(site, i)) + 32;
	return room;
}

/* One line; bytes that are no text are \xHH. */
static char *record_add(char *to, const char *side, const char *key, const char *value)
{
	to += snprintf(to, 32, "%s.%s ", side, key);
	for (; *value != '\0'; value++) {
		unsigned char byte = (unsigned char)*value;

		if (byte < ' ' || byte == 0x7f || byte == '\\')
			to += snprintf(to, 5, "\\x%02x", byte);
		else
			*to++ = (char)byte;
	}
	*to++ = '\n';
	*to = '\0';
	return to;
}

static char *record_add_site(char *to, const char *side, const struct site *site)
{
	for (size_t i = 0; i < RECORD_TEXTS; i++)
		to = record_add(to, side, record_keys[i], record_value_of(site, i));
	return to;
}

static bool record_is_leap(unsigned year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned record_days_of(unsigned year, unsigned month)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && record_is_leap(year) ? 1U : 0U);
}

/* UTC, as 2026-11-22T07:48:00Z.  Functions of the C library would read the time zone
 * from the environment first. */
static void record_write_time(int64_t time_s, char text[RECORD_TIME_BYTES])
{
	uint64_t seconds = time_s > 0 && time_s < RECORD_TIME_MOST ? (uint64_t)time_s : 0;
	uint64_t days = seconds / 86400;
	unsigned year = 1970, month = 1;

	for (; days >= 365U + (record_is_leap(year) ? 1U : 0U); year++)
		days -= 365U + (record_is_leap(year) ? 1U : 0U);
	for (; days >= record_days_of(year, month); month++)
		days -= record_days_of(year, month);
	seconds %= 86400;
	snprintf(text, RECORD_TIME_BYTES, "%04u-%02u-%02uT%02u:%02u:%02uZ", year, month,
		 (unsigned)days + 1, (unsigned)(seconds / 3600), (unsigned)(seconds / 60 % 60),
		 (unsigned)(seconds % 60));
}

char *record_make(const struct record_facts *facts)
{
	size_t room = 256 + record_room_of(&facts->source) + record_room_of(&facts->target);
	char *text = malloc(room);
	char *to = text;
	char digest[DIGEST_TEXT_BYTES];
	char when[RECORD_TIME_BYTES];

	if (text == NULL)
		return NULL;
	record_write_time(facts->time_s, when);
	to += snprintf(to, 128, RECORD_VERSION "\ntime %s\nentries %" PRIu64 "\n", when,
		       facts->entries);
	to = record_add_site(to, "source", &facts->source);
	to = record_add_site(to, "dest", &facts->target);
	digest_text(text, (size_t)(to - text), digest);
	snprintf(to, 64, RECORD_CHECK "%s\n", digest);
	return text;
}

/* ---- reading ---- */

/* What is left to be read: LEFT bytes, of which each line ends with a newline. */
struct record_reader {
	const char *at;
	size_t left;
};

/* The value of the next line, if it has this KEY: *BYTES of it; else NULL. */
static const char *record_next(struct record_reader *reader, const char *key, size_t *bytes)
{
	const char *line = reader->at;
	const char *end = memchr(line, '\n', reader->left);
	size_t key_bytes = strlen(key);
	size_t line_bytes;

	if (end == NULL)
		return NULL;
	line_bytes = (size_t)(end - line);
	if (line_bytes < key_bytes + 1 || memcmp(line, key, key_bytes) != 0 ||
	    line[key_bytes] != ' ')
		return NULL;
	reader->at = end + 1;
	reader->left -= line_bytes + 1;
	*bytes = line_bytes - key_bytes - 1;
	return line + key_bytes + 1;
}

static int record_hex(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* A value as it was; NULL: it is none, or there is no memory. */
static char *record_decode(const char *value, size_t bytes)
{
	char *text = malloc(bytes + 1);
	char *to = text;

	for (size_t i = 0; text != NULL && i < bytes; i++) {
		int byte = (unsigned char)value[i];

		if (byte == '\\') {
			bool whole = bytes - i >= 4 && value[i + 1] == 'x';
			int high = whole ? record_hex(value[i + 2]) : -1;
			int low = whole ? record_hex(value[i + 3]) : -1;

			byte = high >= 0 && low >= 0 ? high << 4 | low : 0;
			i += 3;
		}
		if (byte == 0) {
			free(text);
			return NULL;
		}
		*to++ = (char)byte;
	}
	if (text != NULL)
		*to = '\0';
	return text;
}

static bool record_read_site(struct record_reader *reader, const char *side, struct site *site)
{
	for (size_t i = 0; i < RECORD_TEXTS; i++) {
		char key[32];
		size_t bytes;
		const char *value;

		snprintf(key, sizeof(key), "%s.%s", side, record_keys[i]);
		value = record_next(reader, key, &bytes);
		if (value == NULL)
			return false;
		*record_text_of(site, i) = record_decode(value, bytes);
		if (*record_text_of(site, i) == NULL)
			return false;
	}
	return true;
}

/* A number that is the whole VALUE, which digits or a newline end. */
static bool record_read_count(const char *value, size_t bytes, uint64_t *count)
{
	*count = 0;
	for (size_t i = 0; i < bytes; i++)
		if (value[i] < '0' || value[i] > '9' || __builtin_mul_overflow(*count, 10, count) ||
		    __builtin_add_overflow(*count, (uint64_t)(value[i] - '0'), count))
			return false;
	return bytes > 0;
}

/* True if VALUE has digits where a time has them: what reads numbers takes signs, and
 * to go through the years up to that of "-999" would take seconds. */
static bool record_looks_like_time(const char *value, size_t bytes)
{
	static const char form[] = "0000-00-00T00:00:00Z";

	if (bytes != sizeof(form) - 1)
		return false;
	for (size_t i = 0; i < bytes; i++)
		if (form[i] == '0' ? value[i] < '0' || value[i] > '9' : value[i] != form[i])
			return false;
	return true;
}

static bool record_read_time(const char *value, size_t bytes, int64_t *time_s)
{
	unsigned year, month, day, hour, minute, second;
	char text[RECORD_TIME_BYTES], again[RECORD_TIME_BYTES];
	int64_t days = 0;

	if (!record_looks_like_time(value, bytes))
		return false;
	memcpy(text, value, bytes);
	text[bytes] = '\0';
	if (sscanf(text, "%4u-%2u-%2uT%2u:%2u:%2uZ", &year, &month, &day, &hour, &minute,
		   &second) != 6 ||
	    month < 1 || month > 12 || day < 1)
		return false;
	for (unsigned i = 1970; i < year; i++)
		days += 365 + record_is_leap(i);
	for (unsigned i = 1; i < month; i++)
		days += record_days_of(year, i);
	*time_s = ((days + day - 1) * 24 + hour) * 3600 + (int64_t)minute * 60 + second;
	/* There is one way to write a time. */
	record_write_time(*time_s, again);
	return strcmp(text, again) == 0;
}

static bool record_read_lines(struct record_reader *reader, struct record_facts *facts)
{
	const char *value;
	size_t bytes;

	value = record_next(reader, "time", &bytes);
	if (value == NULL || !record_read_time(value, bytes, &facts->time_s))
		return false;
	value = record_next(reader, "entries", &bytes);
	if (value == NULL || !record_read_count(value, bytes, &facts->entries))
		return false;
	return record_read_site(reader, "source", &facts->source) &&
	       record_read_site(reader, "dest", &facts->target) && reader->left == 0;
}

const char *record_parse(const char *text, size_t bytes, struct record_facts *facts)
{
	const size_t version_bytes = strlen(RECORD_VERSION "\n");
	const size_t check_bytes = strlen(RECORD_CHECK "\n") + DIGEST_TEXT_BYTES - 1;
	struct record_reader reader = { text, bytes };
	char expected[64];
	char digest[DIGEST_TEXT_BYTES];

	*facts = (struct record_facts){ 0 };
	if (bytes < version_bytes + check_bytes)
		return "it is cut short";
	digest_text(text, bytes - check_bytes, digest);
	snprintf(expected, sizeof(expected), RECORD_CHECK "%s\n", digest);
	if (memcmp(text + bytes - check_bytes, expected, check_bytes) != 0)
		return "it is damaged"; /* K2 */
	if (memcmp(text, RECORD_VERSION "\n", version_bytes) != 0)
		return "it was written by another version";
	reader.at += version_bytes;
	reader.left -= version_bytes + check_bytes;
	return record_read_lines(&reader, facts) ? NULL : "it is damaged";
}

void record_facts_free(struct record_facts *facts)
{
	site_free(&facts->source);
	site_free(&facts->target);
	*facts = (struct record_facts){ 0 };
}

/* ---- the folder ---- */

/* True if what FD has open is ours and, if CLOSED, nobody else may write to it. */
static bool record_is_ours(struct sys *sys, int fd, bool closed)
{
	struct sys_stat stat;

	return sys_statx(sys, fd, "", false, &stat) == 0 && stat.uid == geteuid() &&
	       (!closed || (stat.mode & (S_IWGRP | S_IWOTH)) == 0);
}

/* K1: the base, which nobody makes for us.  A descriptor; -EPERM: it is not ours. */
static int record_open_base(struct sys *sys, const char *base)
{
	int root_fd = sys_openat(sys, AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
	int fd;

	if (root_fd < 0)
		return root_fd;
	fd = reach_walk_ours(sys, root_fd, base, O_PATH | O_DIRECTORY);
	sys_close(sys, root_fd);
	if (fd < 0 || record_is_ours(sys, fd, false))
		return fd;
	sys_close(sys, fd);
	return -EPERM;
}

/* Makes the folder NAME for us alone, so that it is there after a power cut. */
static int record_make_folder(struct sys *sys, int dirfd, const char *name)
{
	int result = sys_mkdirat(sys, dirfd, name, 0700);
	int fd;

	if (result < 0)
		return result == -EEXIST ? 0 : result;
	fd = sys_openat(sys, dirfd, ".", O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd == -EACCES ? 0 : fd; /* it may not be read, so not be synced */
	result = sys_fsync(sys, fd);
	sys_close(sys, fd);
	return result == -EINVAL ? 0 : result; /* where nothing can be synced */
}

/* One folder below FD, which is closed.  MAKES: it is made if it is not there. */
static int record_enter(struct sys *sys, int fd, const char *name, bool makes, bool is_last)
{
	int child = reach_walk_ours(sys, fd, name, O_PATH | O_DIRECTORY);

	if (child == -ENOENT && makes) {
		child = record_make_folder(sys, fd, name);
		if (child == 0)
			child = reach_walk_ours(sys, fd, name, O_PATH | O_DIRECTORY);
	}
	sys_close(sys, fd);
	if (child < 0 || record_is_ours(sys, child, is_last))
		return child;
	sys_close(sys, child);
	return -EPERM;
}

/* The folder of the records; a descriptor, or -errno. */
static int record_open_folder(const struct record *record, struct sys *sys, bool makes)
{
	const char *at = record->path + strlen(record->base);
	int fd = record_open_base(sys, record->base);

	while (fd >= 0 && at + 1 < record->path + record->name_at) {
		char name[64];
		size_t bytes;

		at += strspn(at, "/");
		bytes = strcspn(at, "/");
		snprintf(name, sizeof(name), "%.*s", (int)bytes, at);
		at += bytes;
		fd = record_enter(sys, fd, name, makes, at + 1 == record->path + record->name_at);
	}
	return fd;
}

int record_make_place(const struct record *record, struct sys *sys)
{
	return record->path != NULL ? record_open_folder(record, sys, true) : -ENOENT;
}

/* ---- opening ---- */

/* Why there can be no record, and that a run can do without. */
static int record_cannot(struct record *record, const char *why, int errnum)
{
	record->state = RECORD_IMPOSSIBLE;
	record->why = why;
	record->errnum = errnum;
	return 0;
}

/* Which file it is.  0, with a state if that is settled by now; or -ENOMEM. */
static int record_find_path(struct record *record, const struct site *source,
			    const struct site *target)
{
	size_t source_bytes = strlen(source->path) + 1, target_bytes = strlen(target->path) + 1;
	bool is_root = geteuid() == 0;
	char digest[DIGEST_TEXT_BYTES];
	char *pair;
	int result = 0;

	if (source_bytes == 1 || target_bytes == 1)
		return record_cannot(record, "the paths of the folders cannot be found out", 0);
	if (is_root)
		record->base = strdup(RECORD_SYSTEM_BASE);
	else
		result = account_home(geteuid(), &record->base);
	if (result < 0 && result != -ENOMEM)
		return record_cannot(record, "this account has no home folder", -result);
	pair = malloc(source_bytes + target_bytes);
	if (record->base == NULL || pair == NULL) {
		free(pair);
		return -ENOMEM;
	}
	memcpy(pair, source->path, source_bytes);
	memcpy(pair + source_bytes, target->path, target_bytes);
	digest_text(pair, source_bytes + target_bytes, digest);
	free(pair);
	if (asprintf(&record->path, "%s/%s/%s", record->base,
		     is_root ? RECORD_SYSTEM_BELOW : RECORD_USER_BELOW, digest) < 0) {
		record->path = NULL;
		return -ENOMEM;
	}
	record->name_at = strlen(record->path) - (DIGEST_TEXT_BYTES - 1);
	return 0;
}

static int record_bad(struct record *record, const char *why, int errnum)
{
	record->state = RECORD_BAD;
	record->why = why;
	record->errnum = errnum;
	return 0;
}

/* Reads the open file FD into *text.  Its bytes, or -errno; -EPERM: it is none of our
 * files. */
static ssize_t record_read(struct sys *sys, int fd, char **text)
{
	struct sys_stat stat;
	int result = sys_statx(sys, fd, "", false, &stat);

	if (result < 0)
		return result;
	if (!S_ISREG(stat.mode) || !record_is_ours(sys, fd, true))
		return -EPERM;
	if (stat.size_bytes > RECORD_BYTES)
		return -EFBIG;
	*text = malloc(RECORD_BYTES + 1);
	if (*text == NULL)
		return -ENOMEM;
	return sys_pread_all(sys, fd, *text, RECORD_BYTES + 1, 0);
}

/* True if the facts are about the pair. */
static bool record_is_about(const struct record_facts *facts, const struct site *source,
			    const struct site *target)
{
	return strcmp(facts->source.path, source->path) == 0 &&
	       strcmp(facts->target.path, target->path) == 0;
}

static int record_take(struct record *record, struct sys *sys, int folder_fd,
		       const struct site *source, const struct site *target)
{
	int fd = sys_openat(sys, folder_fd, record->path + record->name_at,
			    O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	const char *why = NULL;
	char *text = NULL;
	ssize_t bytes;

	if (fd == -ENOENT)
		return 0; /* the first run of the pair */
	if (fd < 0)
		return record_bad(
			record, fd == -ELOOP ? "it is no file of ours" : "it cannot be read", -fd);
	bytes = record_read(sys, fd, &text);
	sys_close(sys, fd);
	if (bytes == -EPERM || bytes == -EFBIG)
		record_bad(record, "it is no file of ours", 0);
	else if (bytes < 0 && bytes != -ENOMEM)
		record_bad(record, "it cannot be read", (int)-bytes);
	else if (bytes >= 0)
		why = record_parse(text, (size_t)bytes, &record->last);
	free(text);
	if (bytes < 0)
		return bytes == -ENOMEM ? -ENOMEM : 0;
	if (why == NULL && !record_is_about(&record->last, source, target))
		why = "it is about other folders";
	if (why != NULL)
		return record_bad(record, why, 0);
	record->state = RECORD_FOUND;
	return 0;
}

int record_open(struct record *record, struct sys *sys, const struct site *source,
		const struct site *target)
{
	int result, fd;

	*record = (struct record){ 0 };
	result = record_find_path(record, source, target);
	if (result < 0 || record->state != RECORD_NONE)
		return result;
	fd = record_open_base(sys, record->base);
	if (fd < 0)
		return record_cannot(record,
				     fd == -EPERM ? "the folder for it is not ours"
						  : "the folder for it cannot be opened",
				     fd == -EPERM ? 0 : -fd);
	sys_close(sys, fd);
	fd = record_open_folder(record, sys, false);
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return record_cannot(record,
				     fd == -EPERM ? "its folder is not ours alone"
						  : "its folder cannot be opened",
				     fd == -EPERM ? 0 : -fd);
	result = record_take(record, sys, fd, source, target);
	sys_close(sys, fd);
	return result;
}

void record_close(struct record *record)
{
	record_facts_free(&record->last);
	free(record->path);
	free(record->base);
	*record = (struct record){ 0 };
}

/* ---- replacing ---- */

static bool record_says_same(const struct site *a, const struct site *b)
{
	for (size_t i = 0; i < RECORD_TEXTS; i++)
		if (strcmp(record_value_of(a, i), record_value_of(b, i)) != 0)
			return false;
	return true;
}

/* K4 */
static bool record_is_fresh(const struct record *record, const struct record_facts *now)
{
	const struct record_facts *last = &record->last;

	return record->state == RECORD_FOUND && now->time_s >= last->time_s &&
	       now->time_s - last->time_s < RECORD_FRESH_SECONDS && now->entries == last->entries &&
	       record_says_same(&last->source, &now->source) &&
	       record_says_same(&last->target, &now->target);
}

static bool record_name_ours(const char *name)
{
	return strspn(name, "0123456789abcdef") == DIGEST_TEXT_BYTES - 1 &&
	       name[DIGEST_TEXT_BYTES - 1] == '\0';
}

/* K4: records that nobody has renewed for long. */
static void record_sweep(struct sys *sys, int fd, int64_t now_s)
{
	struct lister lister;
	const char *name;

	if (lister_open(&lister, sys, fd, ".") < 0)
		return;
	for (unsigned looked = 0; looked < LIMIT_SWEEP_NAMES; looked++) {
		struct sys_stat stat;

		name = lister_next(&lister);
		if (name == NULL)
			break;
		if (record_name_ours(name) && sys_statx(sys, fd, name, false, &stat) == 0 &&
		    S_ISREG(stat.mode) && now_s - stat.mtime.tv_sec > RECORD_STALE_SECONDS)
			sys_unlinkat(sys, fd, name, 0);
	}
	lister_close(&lister);
}

/* K3: a file NAME of its own with TEXT; it is gone after an error. */
static int record_write_aside(struct sys *sys, int dirfd, const char *name, const char *text,
			      bool syncs)
{
	int fd = sys_openat(sys, dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	int result, closed;

	if (fd < 0)
		return fd;
	result = sys_pwrite_all(sys, fd, text, strlen(text), 0);
	if (result == 0 && syncs)
		result = sys_fsync(sys, fd);
	closed = sys_close(sys, fd);
	if (result == 0)
		result = closed;
	if (result < 0)
		sys_unlinkat(sys, dirfd, name, 0);
	return result;
}

static int record_replace(const struct record *record, struct sys *sys, int dirfd, const char *text,
			  bool syncs)
{
	const char *name = record->path + record->name_at;
	char temp[TEMP_NAME_BYTES];
	int result = temp_name_make(sys, temp);

	if (result == 0)
		result = record_write_aside(sys, dirfd, temp, text, syncs);
	if (result < 0)
		return result;
	result = sys_renameat2(sys, dirfd, temp, name, 0);
	if (result < 0)
		sys_unlinkat(sys, dirfd, temp, 0);
	else if (syncs)
		result = sys_fsync(sys, dirfd);
	return result == -EINVAL ? 0 : result;
}

/* In the folder FD; its lock tells others that what has a temporary name is ours. */
static int record_write_in(const struct record *record, struct root *root, int fd,
			   const struct record_facts *now, bool syncs)
{
	char *text = record_make(now);
	struct dir *dir;
	int result;

	if (text == NULL)
		return -ENOMEM;
	result = dir_open_path(root, fd, ".", &dir);
	if (result < 0) {
		free(text);
		return result;
	}
	temp_sweep(root, dir, dir->fd);
	record_sweep(root->sys, dir->fd, now->time_s);
	result = dir_temp_added(root, dir);
	if (result == 0) {
		result = record_replace(record, root->sys, dir->fd, text, syncs);
		dir_temp_removed(root, dir);
	}
	dir_unpin(root, dir);
	dir_put(root, dir);
	free(text);
	return result;
}

int record_write(const struct record *record, struct root *root, const struct record_facts *now,
		 bool syncs, const char **operation)
{
	int fd, result;

	*operation = "make folder of";
	if (record->state == RECORD_IMPOSSIBLE || record_is_fresh(record, now))
		return 0;
	fd = record_open_folder(record, root->sys, true);
	if (fd < 0)
		return fd;
	*operation = "write";
	result = record_write_in(record, root, fd, now, syncs);
	sys_close(root->sys, fd);
	return result;
}
