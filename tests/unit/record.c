/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * N08: records of pairs: written whole, and believed only if they are.
 *
 * getpwuid_r() of this program takes the place of the C library's: an account can have
 * any home.  Root becomes somebody else, whose records are kept below such a home.
 */
#include "lib/record.h"

#include <linux/capability.h>
#include <pwd.h>
#include <sys/syscall.h>

#include "lib/digest.h"
#include "lib/temp.h"
#include "unit.h"

#define OTHER_UID 65534

static const char *home; /* NULL: there is no such account */

int getpwuid_r(uid_t uid, struct passwd *account, char *text, size_t size, struct passwd **found)
{
	(void)uid;
	*found = NULL;
	if (home == NULL)
		return 0;
	if (strlen(home) >= size)
		return ERANGE;
	memset(account, 0, sizeof(*account));
	account->pw_dir = strcpy(text, home);
	account->pw_name = account->pw_dir;
	*found = account;
	return 0;
}

static struct sys sys;
static struct root root;

/* ---- facts ------------------------------------------------------------------ */

static struct site site_of(const char *path, const char *uuid)
{
	return (struct site){
		.path = strdup(path),
		.place = strdup(path),
		.mount = strdup("/a mount"),
		.type = strdup("ext4"),
		.uuid = strdup(uuid),
		.source = strdup("/dev/sda1"),
	};
}

static struct record_facts facts_of(const char *source, const char *target)
{
	return (struct record_facts){
		.time_s = 1795333680, /* 2026-11-22T07:48:00Z */
		.entries = 12345678901,
		.source = site_of(source, "6f1c2d3e-0000-4000-8000-000000000001"),
		.target = site_of(target, ""),
	};
}

static void same_site(const struct site *a, const struct site *b)
{
	CHECK_TEXT(a->path, b->path);
	CHECK_TEXT(a->place, b->place);
	CHECK_TEXT(a->mount, b->mount);
	CHECK_TEXT(a->type, b->type);
	CHECK_TEXT(a->uuid, b->uuid);
	CHECK_TEXT(a->source, b->source);
}

static void same_facts(const struct record_facts *a, const struct record_facts *b)
{
	CHECK_EQUAL(a->time_s, b->time_s);
	CHECK_EQUAL(a->entries, b->entries);
	same_site(&a->source, &b->source);
	same_site(&a->target, &b->target);
}

/* ---- the text ---------------------------------------------------------------- */

static bool is_believed(const char *text, size_t bytes)
{
	struct record_facts read;
	bool believed = record_parse(text, bytes, &read) == NULL;

	record_facts_free(&read);
	return believed;
}

static void any_name(void)
{
	static const char *const names[] = {
		"/",	       "/a b", "/line\nfeed", "/back\\slash\\x41", "/\x01\x7f\xff",
		"/grüße/日本", "/ ",   "/a\t"
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct record_facts facts = facts_of(names[i], "/target");
		char *text = record_make(&facts);
		struct record_facts read;

		REQUIRE(text != NULL);
		REQUIRE(record_parse(text, strlen(text), &read) == NULL);
		same_facts(&facts, &read);
		record_facts_free(&read);
		record_facts_free(&facts);
		free(text);
	}
}

static void every_time(void)
{
	static const struct {
		int64_t time_s;
		const char *text;
	} times[] = {
		{ 0, "time 1970-01-01T00:00:00Z\n" },
		{ 951782399, "time 2000-02-28T23:59:59Z\n" },
		{ 951782400, "time 2000-02-29T00:00:00Z\n" },
		{ 1795333680, "time 2026-11-22T07:48:00Z\n" },
		{ 4107542400, "time 2100-03-01T00:00:00Z\n" },
		{ 253402300799, "time 9999-12-31T23:59:59Z\n" },
	};

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct record_facts facts = facts_of("/s", "/t");
		struct record_facts read;
		char *text;

		facts.time_s = times[i].time_s;
		text = record_make(&facts);
		REQUIRE(text != NULL);
		if (strstr(text, times[i].text) == NULL)
			unit_fail(__FILE__, __LINE__, "no %s in %s", times[i].text, text);
		REQUIRE(record_parse(text, strlen(text), &read) == NULL);
		CHECK_EQUAL(read.time_s, times[i].time_s);
		record_facts_free(&read);
		record_facts_free(&facts);
		free(text);
	}
}

static void torn(void)
{
	struct record_facts facts = facts_of("/source", "/target");
	char *text = record_make(&facts);
	size_t bytes;

	REQUIRE(text != NULL);
	bytes = strlen(text);
	CHECK(is_believed(text, bytes));
	for (size_t i = 0; i < bytes; i++)
		CHECK(!is_believed(text, i));
	for (size_t i = 0; i < bytes; i++) {
		char *hole = strdup(text);

		REQUIRE(hole != NULL);
		memset(hole + i, 0, bytes - i); /* as a power cut leaves it */
		CHECK(!is_believed(hole, bytes));
		free(hole);
	}
	free(text);
	record_facts_free(&facts);
}

static void flipped(void)
{
	struct record_facts facts = facts_of("/source", "/target");
	char *text = record_make(&facts);
	size_t bytes;

	REQUIRE(text != NULL);
	bytes = strlen(text);
	for (size_t i = 0; i < bytes; i++)
		for (int bit = 0; bit < 8; bit++) {
			text[i] = (char)(text[i] ^ 1 << bit);
			CHECK(!is_believed(text, bytes));
			text[i] = (char)(text[i] ^ 1 << bit);
		}
	CHECK(is_believed(text, bytes));
	free(text);
	record_facts_free(&facts);
}

/* HEAD with the digest that belongs to it. */
static const char *reason_of(const char *head)
{
	struct record_facts read;
	char digest[DIGEST_TEXT_BYTES];
	char text[4096];
	const char *why;

	digest_text(head, strlen(head), digest);
	snprintf(text, sizeof(text), "%schecksum %s\n", head, digest);
	why = record_parse(text, strlen(text), &read);
	record_facts_free(&read);
	return why;
}

#define SITE(name, path)                                                                   \
	name ".path " path "\n" name ".place /p\n" name ".mount /\n" name ".type t\n" name \
	     ".uuid \n" name ".source s\n"
#define SIDE(name) SITE(name, "/p")
#define TIME "time 2026-11-22T07:48:00Z\n"
#define HEAD "weir-record 1\n"

static void wrong_lines(void)
{
	static const char *const damaged[] = {
		HEAD,
		HEAD "entries 1\n" TIME SIDE("source") SIDE("dest"),
		HEAD TIME "entries \n" SIDE("source") SIDE("dest"),
		HEAD TIME "entries 1x\n" SIDE("source") SIDE("dest"),
		HEAD TIME "entries 18446744073709551616\n" SIDE("source") SIDE("dest"),
		HEAD TIME "entries 1\n" SIDE("dest") SIDE("source"),
		HEAD TIME "entries 1\n" SIDE("source"),
		HEAD TIME "entries 1\n" SIDE("source") SIDE("dest") "more 1\n",
		HEAD "time 2026-13-22T07:48:00Z\nentries 1\n" SIDE("source") SIDE("dest"),
		HEAD "time 2026-02-29T07:48:00Z\nentries 1\n" SIDE("source") SIDE("dest"),
		HEAD "time 2026-11-22 07:48\nentries 1\n" SIDE("source") SIDE("dest"),
		HEAD "time  026-11-22T07:48:00Z\nentries 1\n" SIDE("source") SIDE("dest"),
		HEAD "time 2026-11-22T07:48:00Z \nentries 1\n" SIDE("source") SIDE("dest"),
		HEAD TIME "entries 1\n" SITE("source", "/\\x0") SIDE("dest"),
		HEAD TIME "entries 1\n" SITE("source", "/\\x00") SIDE("dest"),
		HEAD TIME "entries 1\n" SITE("source", "/\\y41") SIDE("dest"),
	};

	CHECK(reason_of(HEAD TIME "entries 1\n" SIDE("source") SIDE("dest")) == NULL);
	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		const char *why = reason_of(damaged[i]);

		if (why == NULL || strcmp(why, "it is damaged") != 0)
			unit_fail(__FILE__, __LINE__, "case %zu: %s", i, why != NULL ? why : "-");
	}
	CHECK_TEXT(reason_of("weir-record 2\n" TIME "entries 1\n" SIDE("source") SIDE("dest")),
		   "it was written by another version");
	CHECK_TEXT(reason_of("something else that is long enough\n"),
		   "it was written by another version");
}

/* A second is a million times what it takes. */
static void read_years(void *nothing)
{
	static const char *const years[] = { "-999", "-1", "+999", "99999" };

	(void)nothing;
	REQUIRE(setrlimit(RLIMIT_CPU, &(struct rlimit){ 1, 1 }) == 0);
	for (size_t i = 0; i < sizeof(years) / sizeof(years[0]); i++) {
		char head[1024];

		snprintf(head, sizeof(head),
			 HEAD "time %s-11-22T07:48:00Z\nentries 1\n" SIDE("source") SIDE("dest"),
			 years[i]);
		CHECK_TEXT(reason_of(head), "it is damaged");
	}
}

static void no_such_year(void)
{
	CHECK_EQUAL(unit_child(read_years, NULL), 0);
}

/* ---- the file ----------------------------------------------------------------- */

struct place {
	int fd;
	char path[4200];
	struct site source;
	struct site target;
};

/* The way to the scratch folder may be root's alone. */
static bool may_search_everywhere(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, caps) != 0)
		return false;
	caps[0].effective = 1U << CAP_DAC_READ_SEARCH;
	return syscall(SYS_capset, &header, caps) == 0;
}

static void become_user(void)
{
	if (geteuid() == 0 && (seteuid(OTHER_UID) != 0 || !may_search_everywhere()))
		SKIP("root may not become somebody else");
}

static void become_root(void)
{
	if (getuid() == 0 && geteuid() != 0)
		REQUIRE(seteuid(0) == 0);
}

/* A home of who runs this. */
static void place_open(struct place *place)
{
	struct stat probe;
	char link[64];
	ssize_t bytes;
	int fd;

	sys_open(&sys);
	REQUIRE(root_open(&root, &sys, 8) == 0);
	place->fd = unit_folder();
	if (getuid() == 0 && fchown(place->fd, OTHER_UID, OTHER_UID) != 0)
		SKIP("root may not give folders away");
	snprintf(link, sizeof(link), "/proc/self/fd/%d", place->fd);
	bytes = readlink(link, place->path, sizeof(place->path) - 1);
	REQUIRE(bytes > 0);
	place->path[bytes] = '\0';
	become_user();
	fd = openat(place->fd, "probe", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || fstat(fd, &probe) != 0 || probe.st_uid != geteuid() || geteuid() == 0)
		SKIP("cannot make files of its own");
	close(fd);
	REQUIRE(unlinkat(place->fd, "probe", 0) == 0);
	home = place->path;
	place->source = site_of("/the/source", "1234");
	place->target = site_of("/the/target", "5678");
}

static void place_close(struct place *place)
{
	become_root();
	site_free(&place->source);
	site_free(&place->target);
	close(place->fd);
	root_close(&root);
	sys_close_trace(&sys);
}

static struct record_facts facts_now(const struct place *place, int64_t time_s, uint64_t entries)
{
	return (struct record_facts){ .time_s = time_s,
				      .entries = entries,
				      .source = place->source,
				      .target = place->target };
}

static void record_find(struct record *record, const struct place *place)
{
	REQUIRE(record_open(record, &sys, &place->source, &place->target) == 0);
}

static int record_put(struct place *place, int64_t time_s, uint64_t entries)
{
	struct record_facts now = facts_now(place, time_s, entries);
	struct record record;
	const char *operation;
	int result;

	record_find(&record, place);
	result = record_write(&record, &root, &now, true, &operation);
	record_close(&record);
	return result;
}

static enum record_state state_of(struct place *place, const char **why)
{
	static char text[200];
	struct record record;
	enum record_state state;

	record_find(&record, place);
	state = record.state;
	snprintf(text, sizeof(text), "%s", record.why != NULL ? record.why : "");
	if (why != NULL)
		*why = text;
	record_close(&record);
	return state;
}

static int folder_of(const struct place *place)
{
	int fd = openat(place->fd, ".local/state/weir", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	REQUIRE(fd >= 0);
	return fd;
}

static mode_t mode_at(int dirfd, const char *name)
{
	struct stat stat;

	REQUIRE(fstatat(dirfd, name, &stat, AT_SYMLINK_NOFOLLOW) == 0);
	return stat.st_mode & 07777;
}

/* The name of the record of a pair. */
static const char *name_of(struct place *place)
{
	static char name[64];
	struct record record;

	record_find(&record, place);
	REQUIRE(record.path != NULL);
	snprintf(name, sizeof(name), "%s", record.path + record.name_at);
	record_close(&record);
	return name;
}

static void kept_at_home(void)
{
	struct place place;
	struct record record;
	struct record_facts now;
	int fd;

	place_open(&place);
	setenv("HOME", "/nowhere", 1);
	setenv("XDG_STATE_HOME", "/nowhere", 1);
	CHECK_EQUAL(state_of(&place, NULL), RECORD_NONE);
	CHECK_EQUAL(unit_count_names(place.fd), 0);
	REQUIRE(record_put(&place, 1000000, 17) == 0);
	record_find(&record, &place);
	REQUIRE(record.state == RECORD_FOUND);
	now = facts_now(&place, 1000000, 17);
	same_facts(&record.last, &now);
	CHECK(strncmp(record.path, place.path, strlen(place.path)) == 0);
	record_close(&record);
	fd = folder_of(&place);
	CHECK_EQUAL(unit_count_names(fd), 1);
	CHECK_EQUAL(mode_at(place.fd, ".local"), 0700);
	CHECK_EQUAL(mode_at(place.fd, ".local/state"), 0700);
	CHECK_EQUAL(mode_at(place.fd, ".local/state/weir"), 0700);
	CHECK_EQUAL(mode_at(fd, name_of(&place)), 0600);
	close(fd);
	place_close(&place);
}

static void one_for_each_pair(void)
{
	struct place place, other;
	int fd;

	place_open(&place);
	other = place;
	other.source = place.target; /* the other way round is another pair */
	other.target = place.source;
	REQUIRE(record_put(&place, 1000000, 17) == 0);
	CHECK_EQUAL(state_of(&other, NULL), RECORD_NONE);
	REQUIRE(record_put(&other, 1000000, 18) == 0);
	CHECK_EQUAL(state_of(&place, NULL), RECORD_FOUND);
	fd = folder_of(&place);
	CHECK_EQUAL(unit_count_names(fd), 2);
	close(fd);
	place_close(&place);
}

static ino_t inode_of(struct place *place)
{
	struct stat stat;
	int fd = folder_of(place);

	REQUIRE(fstatat(fd, name_of(place), &stat, AT_SYMLINK_NOFOLLOW) == 0);
	close(fd);
	return stat.st_ino;
}

static int64_t time_of(struct place *place)
{
	struct record record;
	int64_t time_s;

	record_find(&record, place);
	REQUIRE(record.state == RECORD_FOUND);
	time_s = record.last.time_s;
	record_close(&record);
	return time_s;
}

static void left_alone(void)
{
	struct place place;
	ino_t inode;
	int held;

	place_open(&place);
	REQUIRE(record_put(&place, 1000000, 17) == 0);
	inode = inode_of(&place);
	held = folder_of(&place); /* so that no inode is used again */
	REQUIRE(openat(held, name_of(&place), O_RDONLY | O_CLOEXEC) >= 0);
	REQUIRE(record_put(&place, 1000000 + 86399, 17) == 0);
	CHECK_EQUAL(inode_of(&place), inode);
	CHECK_EQUAL(time_of(&place), 1000000);
	REQUIRE(record_put(&place, 1000000 + 86400, 17) == 0);
	CHECK(inode_of(&place) != inode);
	CHECK_EQUAL(time_of(&place), 1000000 + 86400);
	REQUIRE(record_put(&place, 1000000 + 86401, 18) == 0);
	CHECK_EQUAL(time_of(&place), 1000000 + 86401);
	REQUIRE(record_put(&place, 1000000, 18) == 0); /* the clock was set back */
	CHECK_EQUAL(time_of(&place), 1000000);
	free(place.source.mount);
	place.source.mount = strdup("/elsewhere");
	REQUIRE(record_put(&place, 1000001, 18) == 0);
	CHECK_EQUAL(time_of(&place), 1000001);
	place_close(&place);
}

static void make_long(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CLOEXEC);

	REQUIRE(fd >= 0 && ftruncate(fd, 300000) == 0);
	close(fd);
}

static void not_believed(void)
{
	struct place place;
	struct record_facts facts;
	char name[64], *text;
	const char *why;
	int fd;

	place_open(&place);
	REQUIRE(record_put(&place, 1000000, 17) == 0);
	snprintf(name, sizeof(name), "%s", name_of(&place));
	fd = folder_of(&place);

	REQUIRE(fchmodat(fd, name, 0620, 0) == 0);
	CHECK_EQUAL(state_of(&place, &why), RECORD_BAD);
	CHECK_TEXT(why, "it is no file of ours");
	REQUIRE(fchmodat(fd, name, 0600, 0) == 0);
	CHECK_EQUAL(state_of(&place, &why), RECORD_FOUND);

	REQUIRE(renameat(fd, name, fd, "kept") == 0 && symlinkat("kept", fd, name) == 0);
	CHECK_EQUAL(state_of(&place, &why), RECORD_BAD);
	REQUIRE(unlinkat(fd, name, 0) == 0 && mkfifoat(fd, name, 0600) == 0);
	CHECK_EQUAL(state_of(&place, &why), RECORD_BAD);
	REQUIRE(unlinkat(fd, name, 0) == 0 && mkdirat(fd, name, 0700) == 0);
	CHECK_EQUAL(state_of(&place, &why), RECORD_BAD);
	REQUIRE(unlinkat(fd, name, AT_REMOVEDIR) == 0);

	unit_write_file(fd, name, "", 0);
	REQUIRE(fchmodat(fd, name, 0600, 0) == 0);
	CHECK_EQUAL(state_of(&place, &why), RECORD_BAD);
	CHECK_TEXT(why, "it is cut short");
	make_long(fd, name);
	CHECK_EQUAL(state_of(&place, &why), RECORD_BAD);
	CHECK_TEXT(why, "it is no file of ours");

	facts = facts_of("/the/source", "/another/target");
	text = record_make(&facts);
	REQUIRE(text != NULL);
	unit_write_text(fd, name, text);
	CHECK_EQUAL(state_of(&place, &why), RECORD_BAD);
	CHECK_TEXT(why, "it is about other folders");
	free(text);
	record_facts_free(&facts);

	/* The next run makes it good. */
	REQUIRE(record_put(&place, 2000000, 17) == 0);
	CHECK_EQUAL(state_of(&place, &why), RECORD_FOUND);
	close(fd);
	place_close(&place);
}

static void nowhere_to_be(void)
{
	struct place place;
	const char *why;

	place_open(&place);
	home = NULL;
	CHECK_EQUAL(state_of(&place, &why), RECORD_IMPOSSIBLE);
	CHECK_EQUAL(record_put(&place, 1000000, 17), 0);
	home = "relative";
	CHECK_EQUAL(state_of(&place, &why), RECORD_IMPOSSIBLE);
	home = "/nonexistent/home";
	CHECK_EQUAL(state_of(&place, &why), RECORD_IMPOSSIBLE);
	home = "/";
	CHECK_EQUAL(state_of(&place, &why), RECORD_IMPOSSIBLE);
	CHECK_TEXT(why, "the folder for it is not ours");
	home = place.path;
	REQUIRE(record_put(&place, 1000000, 17) == 0);
	CHECK_EQUAL(state_of(&place, &why), RECORD_FOUND);
	REQUIRE(fchmodat(place.fd, ".local/state/weir", 0770, 0) == 0);
	CHECK_EQUAL(state_of(&place, &why), RECORD_IMPOSSIBLE);
	CHECK_TEXT(why, "its folder is not ours alone");
	REQUIRE(fchmodat(place.fd, ".local/state/weir", 0700, 0) == 0);
	free(place.source.path);
	place.source.path = strdup("");
	CHECK_EQUAL(state_of(&place, &why), RECORD_IMPOSSIBLE);
	place_close(&place);
}

static void links(void)
{
	struct place place;
	int fd;

	place_open(&place);
	REQUIRE(mkdirat(place.fd, "elsewhere", 0700) == 0);
	REQUIRE(symlinkat("elsewhere", place.fd, ".local") == 0);
	REQUIRE(record_put(&place, 1000000, 17) == 0);
	fd = openat(place.fd, "elsewhere/state/weir", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK_EQUAL(state_of(&place, NULL), RECORD_FOUND);
	if (getuid() == 0) {
		become_root();
		REQUIRE(fchownat(place.fd, ".local", 12345, 12345, AT_SYMLINK_NOFOLLOW) == 0);
		become_user();
		CHECK_EQUAL(state_of(&place, NULL), RECORD_IMPOSSIBLE);
		CHECK_EQUAL(record_put(&place, 1000000, 18), 0);
	}
	close(fd);
	place_close(&place);
}

static void make_old(int dirfd, const char *name, int64_t seconds)
{
	struct timespec times[2] = { { .tv_sec = seconds }, { .tv_sec = seconds } };

	if (!unit_exists(dirfd, name))
		unit_write_text(dirfd, name, "x");
	REQUIRE(utimensat(dirfd, name, times, 0) == 0);
}

static void swept(void)
{
	static const char stale[] = "0123456789abcdef0123456789abcdef";
	static const char young[] = "1123456789abcdef0123456789abcdef";
	static const char upper[] = "0123456789ABCDEF0123456789abcdef";
	const int64_t now = 1000000000, day = 86400;
	struct place place;
	char leftover[TEMP_NAME_BYTES];
	int fd;

	place_open(&place);
	REQUIRE(record_put(&place, now, 17) == 0);
	fd = folder_of(&place);
	make_old(fd, stale, now - 401 * day);
	make_old(fd, young, now - 399 * day);
	make_old(fd, upper, now - 1000 * day);
	make_old(fd, "notes", now - 1000 * day);
	REQUIRE(temp_name_make(&sys, leftover) == 0);
	unit_write_text(fd, leftover, "half");
	REQUIRE(record_put(&place, now + 1, 17) == 0); /* nothing to write: nothing is done */
	CHECK(unit_exists(fd, stale) && unit_exists(fd, leftover));
	REQUIRE(record_put(&place, now + 2, 18) == 0);
	CHECK(!unit_exists(fd, stale));
	CHECK(!unit_exists(fd, leftover));
	CHECK(unit_exists(fd, young));
	CHECK(unit_exists(fd, upper));
	CHECK(unit_exists(fd, "notes"));
	CHECK_EQUAL(time_of(&place), now + 2);
	close(fd);
	place_close(&place);
}

static void no_room(void)
{
	struct rlimit before, little;
	struct place place;
	int fd;

	place_open(&place);
	REQUIRE(record_put(&place, 1000000, 17) == 0);
	fd = folder_of(&place);
	signal(SIGXFSZ, SIG_IGN);
	REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
	little = before;
	little.rlim_cur = 100;
	REQUIRE(setrlimit(RLIMIT_FSIZE, &little) == 0);
	CHECK_EQUAL(record_put(&place, 1000001, 18), -EFBIG);
	REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
	CHECK_EQUAL(unit_count_names(fd), 1);
	CHECK_EQUAL(time_of(&place), 1000000);
	close(fd);
	place_close(&place);
}

static const struct unit_test tests[] = {
	{ "a record holds any names", any_name },
	{ "a record holds the time as UTC", every_time },
	{ "a record that is torn at any byte is not believed", torn },
	{ "a record with any bit flipped is not believed", flipped },
	{ "a record with other lines is not believed, whatever its digest", wrong_lines },
	{ "a year that is none is told at once", no_such_year },
	{ "a record of a user is kept below the home of the account", kept_at_home },
	{ "each pair has a record of its own", one_for_each_pair },
	{ "a record is left alone for a day while it says what is true", left_alone },
	{ "what is no whole record of the pair is as none, and is replaced", not_believed },
	{ "without a folder of our own there is no record", nowhere_to_be },
	{ "links of others are not followed to a record", links },
	{ "old records and leftovers go when another one is written", swept },
	{ "a record that cannot be written leaves the one before", no_room },
};

UNIT_MAIN(tests)
