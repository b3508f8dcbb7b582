// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * blocklog: what a disk may hold at a power cut, from the log that fusefs wrote of the
 * file behind a loop device (blocklog.h).
 *
 *   blocklog LOG PATH cuts           a line "CUT SECURE LOOSE" for each: its number,
 *                                    how many writes are durable, how many are not
 *   blocklog LOG PATH gone CUT       names that were removed before, a line each
 *   blocklog LOG PATH build CUT KEEP IMAGE
 *
 * PATH is that of the file in the file system.  A cut comes just before a flush of the
 * device is over, so what was written since the one before it began is loose; the last
 * cut is at the end of the run.  The run is what lies between the first writes to the
 * files /began and /ended.
 *
 * build makes of IMAGE, a copy of the file as it was before the log began, what the disk
 * holds after the cut.  KEEP says what is kept of what is loose: 0 nothing, an even
 * number writes by chance, an odd one blocks of 4 KiB by chance; it is the seed.
 *
 * Exit: 0; 2: could not be done.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>

#include "blocklog.h"
#include "common.h"

#define PIECE_BYTES 4096

static struct {
	const uint8_t *bytes;
	size_t size;
	const char *path;
} log_of;

/* A moment at which the power may go, as places in the log. */
struct cut {
	size_t secure; /* what was written before it is durable */
	size_t end;
};

static struct cut *cuts;
static size_t cut_count;

static void read_log(const char *name)
{
	struct stat stat;
	int fd = open(name, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &stat) != 0)
		die("open %s", name);
	log_of.size = (size_t)stat.st_size;
	log_of.bytes = mmap(NULL, log_of.size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (log_of.bytes == MAP_FAILED)
		die("map %s", name);
	close(fd);
}

/* The record at AT; false at the end of the log. */
static bool record_at(size_t at, struct block_record *record)
{
	if (at + sizeof(*record) > log_of.size)
		return false;
	memcpy(record, log_of.bytes + at, sizeof(*record));
	return true;
}

static size_t after(size_t at, const struct block_record *record)
{
	return at + sizeof(*record) + (record->kind == BLOCK_WRITE ? record->bytes : 0);
}

static bool is_of_disk(const struct block_record *record)
{
	return strcmp(record->path, log_of.path) == 0;
}

static bool is_mark(const struct block_record *record, const char *path)
{
	return record->kind == BLOCK_WRITE && strcmp(record->path, path) == 0;
}

static void add_cut(size_t secure, size_t end)
{
	cuts = must(realloc(cuts, (cut_count + 1) * sizeof(*cuts)));
	cuts[cut_count++] = (struct cut){ secure, end };
}

/* Where each sync that goes on has begun, by its serial number. */
struct begun {
	size_t *at;
	size_t count;
};

static void remember(struct begun *begun, uint32_t serial, size_t at)
{
	if (serial >= begun->count) {
		begun->at = must(realloc(begun->at, (serial + 1) * sizeof(*begun->at)));
		begun->count = serial + 1;
	}
	begun->at[serial] = at;
}

static void find_cuts(void)
{
	struct begun begun = { 0 };
	struct block_record record;
	bool running = false;
	size_t secure = 0;

	for (size_t at = 0; record_at(at, &record); at = after(at, &record)) {
		running = running || is_mark(&record, "/began");
		if (is_mark(&record, "/ended")) {
			add_cut(secure, at);
			free(begun.at);
			return;
		}
		if (!is_of_disk(&record))
			continue;
		if (record.kind == BLOCK_SYNC)
			remember(&begun, record.serial, at);
		if (record.kind != BLOCK_SYNCED)
			continue;
		if (running)
			add_cut(secure, at);
		if (begun.at[record.serial] > secure)
			secure = begun.at[record.serial];
	}
	errno = EINVAL;
	die("the log has no end");
}

static bool is_change(const struct block_record *record)
{
	return is_of_disk(record) && (record->kind == BLOCK_WRITE || record->kind == BLOCK_ZERO);
}

static void list_cuts(void)
{
	struct block_record record;

	for (size_t i = 0; i < cut_count; i++) {
		size_t secure = 0, loose = 0;

		for (size_t at = 0; at < cuts[i].end && record_at(at, &record);
		     at = after(at, &record)) {
			secure += is_change(&record) && at < cuts[i].secure;
			loose += is_change(&record) && at >= cuts[i].secure;
		}
		printf("%zu %zu %zu\n", i + 1, secure, loose);
	}
}

static void list_gone(const struct cut *cut)
{
	struct block_record record;

	for (size_t at = 0; at < cut->end && record_at(at, &record); at = after(at, &record))
		if (record.kind == BLOCK_UNLINK)
			puts(record.path);
}

static bool chance(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (*state >> 40 & 1) != 0;
}

static void put(int image, size_t at, const struct block_record *record, uint64_t from,
		uint64_t bytes)
{
	static const uint8_t zeros[PIECE_BYTES];
	const uint8_t *data = log_of.bytes + at + sizeof(*record) + from;

	for (uint64_t done = 0, part; done < bytes; done += part) {
		bool zero = record->kind == BLOCK_ZERO;

		part = zero && bytes - done > PIECE_BYTES ? PIECE_BYTES : bytes - done;
		if (pwrite(image, zero ? zeros : data + done, part,
			   (off_t)(record->offset + from + done)) != (ssize_t)part)
			die("write the image");
	}
}

static void put_loose(int image, size_t at, const struct block_record *record, uint64_t keep,
		      uint64_t *state)
{
	if (keep % 2 == 0) {
		if (chance(state))
			put(image, at, record, 0, record->bytes);
		return;
	}
	for (uint64_t from = 0; from < record->bytes; from += PIECE_BYTES) {
		uint64_t rest = record->bytes - from;

		if (chance(state))
			put(image, at, record, from, rest < PIECE_BYTES ? rest : PIECE_BYTES);
	}
}

static void build(const struct cut *cut, uint64_t keep, const char *name)
{
	uint64_t state = keep * 2654435761U + cut->end;
	struct block_record record;
	int image = open(name, O_WRONLY | O_CLOEXEC);

	if (image < 0)
		die("open %s", name);
	for (size_t at = 0; at < cut->end && record_at(at, &record); at = after(at, &record)) {
		if (!is_change(&record))
			continue;
		if (at < cut->secure)
			put(image, at, &record, 0, record.bytes);
		else if (keep != 0)
			put_loose(image, at, &record, keep, &state);
	}
	if (close(image) != 0)
		die("close %s", name);
}

static const struct cut *cut_of(const char *text)
{
	uint64_t wanted = number(text);

	errno = EINVAL;
	if (wanted == 0 || wanted > cut_count)
		die("there is no cut %s", text);
	return &cuts[wanted - 1];
}

int main(int argc, char *argv[])
{
	if (argc < 4) {
		fputs("usage: blocklog LOG PATH cuts|gone CUT|build CUT KEEP IMAGE\n", stderr);
		return 2;
	}
	read_log(argv[1]);
	log_of.path = argv[2];
	find_cuts();
	errno = EINVAL;
	if (strcmp(argv[3], "cuts") == 0 && argc == 4)
		list_cuts();
	else if (strcmp(argv[3], "gone") == 0 && argc == 5)
		list_gone(cut_of(argv[4]));
	else if (strcmp(argv[3], "build") == 0 && argc == 7)
		build(cut_of(argv[4]), number(argv[5]), argv[6]);
	else
		die("%s", argv[3]);
	return 0;
}
