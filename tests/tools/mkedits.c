// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * mkedits: makes trees by chance, and changes them by chance.
 *
 *   mkedits [OPTION...] tree DIR SEED COUNT   COUNT entries in DIR, which is there
 *   mkedits [OPTION...] edit DIR SEED COUNT   COUNT changes of what is below DIR
 *
 *   --no-conflicts  folders stay folders, and nothing else becomes one
 *   --no-twins      no name leaves its hard links for an inode that has all else
 *                   the same, times too
 *
 * Each change is told on standard output: its kind, a tab, the path, where bytes
 * that are not printable are escaped.  All follows from the seed: equal arguments
 * make the same of equal trees, times of changed folders excepted.
 *
 * Files have sizes around every boundary, holes, and odd names; there are folders
 * deep and wide, links, FIFOs, sockets; all have modes and times, before 1970 and
 * after 2038 too, to the nanosecond.  Owners, devices, extended attributes and ACLs
 * are tried first and left out where they are refused.
 *
 * No change of content is hidden: the size or the time of a file is another one,
 * where times are fine enough.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define PATH_BYTES 4096
#define PATH_LONGEST 3000 /* of what is made: room is left for what is put above it */
#define BUFFER_BYTES 65536
#define PAGE 4096
#define PROBE ".probe"

enum kind { FILES = 1, FOLDERS = 2, LINKS = 4, SPECIAL = 8, NODES = 13, ANY = 15 };

struct entry {
	char *path; /* from DIR; "." is DIR itself */
	struct stat st;
};

static uint64_t state; /* of the generator */
static struct entry *entries;
static size_t entry_count, entry_room;
static struct {
	bool owners, devices, attributes, trusted, acls;
} can;
static struct {
	bool no_conflicts, no_twins;
} wanted;

static __attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...)
{
	int error = errno;
	va_list args;

	fputs("mkedits: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, ": %s\n", strerror(error));
	exit(2);
}

static void must(bool done, const char *what, const char *path)
{
	if (!done)
		die("%s '%s'", what, path);
}

/* ---- chance ---- */

static uint64_t random_number(void)
{
	uint64_t value = state += UINT64_C(0x9e3779b97f4a7c15);

	value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
	return value ^ value >> 31;
}

static uint64_t below(uint64_t limit)
{
	return random_number() % limit;
}

static bool chance(unsigned percent)
{
	return below(100) < percent;
}

static struct timespec random_time(void)
{
	struct timespec time = { .tv_nsec = (long)below(1000000000) };

	if (chance(80))
		time.tv_sec = (time_t)below(2000000000);
	else if (chance(50))
		time.tv_sec = -(time_t)below(2000000000);
	else
		time.tv_sec = (time_t)(2147483648 + below(2000000000));
	return time;
}

static mode_t random_mode(bool folder)
{
	mode_t mode = (mode_t)below(chance(20) ? 010000 : 01000);

	/* Only who may everything can read and write what nobody may. */
	if (!can.owners || !chance(20))
		mode |= folder ? 0700 : 0600;
	return mode;
}

static uint64_t random_size(void)
{
	uint64_t dice = below(100);

	if (dice < 12)
		return 0;
	if (dice < 65)
		return below(9000);
	if (dice < 80)
		return below(70000);
	if (dice < 94)
		return below(4) * 131072 + below(3) + 4095;
	return below(1500000);
}

/* A name that is nowhere else, because of its number. */
static void random_name(char name[NAME_MAX + 1])
{
	static const char *const odd[] = {
		"new\nline",   " lead",	       "trail ",  "-rf",     "--",	 "\xff\xfe",
		"caf\xc3\xa9", "cafe\xcc\x81", "*",	  "?[a]",    "$HOME",	 "`id`",
		"back\\",      "quote'\"",     "...",	  ".hidden", "\x1b[31m", "%s%n",
		"\t",	       ".weir.",       "a;b&c|d", "#",	     "~",	 ",",
		"=",
	};
	unsigned number = (unsigned)below(1 << 24);
	const char *text = odd[below(sizeof(odd) / sizeof(odd[0]))];
	size_t bytes;

	if (chance(75))
		snprintf(name, NAME_MAX + 1, "e%06x", number);
	else if (chance(50))
		snprintf(name, NAME_MAX + 1, "%s%06x", text, number);
	else
		snprintf(name, NAME_MAX + 1, "%06x%s", number, text);
	if (chance(2)) {
		bytes = strlen(name);
		memset(name + bytes, 'x', NAME_MAX - bytes);
		name[NAME_MAX] = 0;
	}
}

/* ---- the tree as it is ---- */

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->path, ((const struct entry *)b)->path);
}

static void note(const char *path)
{
	struct entry *entry;

	if (entry_count == entry_room) {
		entry_room = entry_room * 2 + 64;
		entries = reallocarray(entries, entry_room, sizeof(*entries));
		must(entries != NULL, "remember", path);
	}
	entry = &entries[entry_count++];
	entry->path = strdup(path);
	must(entry->path != NULL, "remember", path);
	must(lstat(path, &entry->st) == 0, "stat", path);
}

static void join(char path[PATH_BYTES], const char *folder, const char *name)
{
	int bytes = strcmp(folder, ".") == 0 ? snprintf(path, PATH_BYTES, "%s", name)
					     : snprintf(path, PATH_BYTES, "%s/%s", folder, name);

	errno = ENAMETOOLONG;
	must(bytes < PATH_BYTES, "join", name);
}

static void note_below(const char *folder)
{
	struct dirent *one;
	char path[PATH_BYTES];
	DIR *dir = opendir(folder);
	size_t i, end, first = entry_count;

	must(dir != NULL, "open", folder);
	while ((one = readdir(dir)) != NULL) {
		if (strcmp(one->d_name, ".") == 0 || strcmp(one->d_name, "..") == 0)
			continue;
		join(path, folder, one->d_name);
		note(path);
	}
	closedir(dir);
	/* What is found below comes behind these; the array may move, the paths do not. */
	end = entry_count;
	for (i = first; i < end; i++)
		if (S_ISDIR(entries[i].st.st_mode))
			note_below(entries[i].path);
}

static void look(void)
{
	while (entry_count > 0)
		free(entries[--entry_count].path);
	note(".");
	note_below(".");
	qsort(entries, entry_count, sizeof(*entries), by_path);
}

static enum kind kind_of(mode_t mode)
{
	if (S_ISREG(mode))
		return FILES;
	if (S_ISDIR(mode))
		return FOLDERS;
	return S_ISLNK(mode) ? LINKS : SPECIAL;
}

/* One entry of these kinds, DIR itself only if ROOT; NULL: there is none. */
static const struct entry *pick(unsigned kinds, bool root)
{
	size_t i, turn, count = 0;

	for (i = 0; i < entry_count; i++)
		count += (kind_of(entries[i].st.st_mode) & kinds) != 0 &&
			 (root || strcmp(entries[i].path, ".") != 0);
	if (count == 0)
		return NULL;
	turn = below(count);
	for (i = 0;; i++) {
		if ((kind_of(entries[i].st.st_mode) & kinds) == 0 ||
		    (!root && strcmp(entries[i].path, ".") == 0))
			continue;
		if (turn-- == 0)
			return &entries[i];
	}
}

static bool is_below(const char *path, const char *folder)
{
	size_t bytes = strlen(folder);

	return strcmp(folder, ".") == 0 ||
	       (strncmp(path, folder, bytes) == 0 && (path[bytes] == '/' || path[bytes] == 0));
}

/* A new path in FOLDER. */
static bool new_path(char path[PATH_BYTES], const char *folder)
{
	char name[NAME_MAX + 1];
	struct stat st;

	random_name(name);
	join(path, folder, name);
	return strlen(path) < PATH_LONGEST && lstat(path, &st) != 0;
}

static bool new_path_beside(char path[PATH_BYTES], const char *other)
{
	char folder[PATH_BYTES];
	char *slash;

	snprintf(folder, sizeof(folder), "%s", other);
	slash = strrchr(folder, '/');
	if (slash != NULL)
		*slash = 0;
	return new_path(path, slash == NULL ? "." : folder);
}

static bool new_path_anywhere(char path[PATH_BYTES])
{
	const struct entry *folder = pick(FOLDERS, true);

	return new_path(path, folder->path);
}

/* ---- attributes ---- */

struct acl_entry {
	uint16_t tag;
	uint16_t rights;
	uint32_t id;
};

/* An ACL with one user and one group more, in the order that the kernel wants. */
static bool set_acl(const char *path, const char *name)
{
	uint16_t rights = (uint16_t)below(8);
	struct {
		uint32_t version;
		struct acl_entry entry[6];
	} acl = {
		.version = 2,
		.entry = {
			{ 0x01, 7, UINT32_MAX }, /* the owner */
			{ 0x02, (uint16_t)below(8), 1000 + (uint32_t)below(50) },
			{ 0x04, (uint16_t)below(8), UINT32_MAX }, /* the group */
			{ 0x08, rights, 2000 + (uint32_t)below(50) },
			{ 0x10, 7, UINT32_MAX }, /* the mask */
			{ 0x20, rights, UINT32_MAX }, /* all others */
		},
	};

	return setxattr(path, name, &acl, sizeof(acl), 0) == 0;
}

static bool set_random_acl(const char *path, bool folder)
{
	if (!can.acls)
		return false;
	if (folder && chance(40)) {
		if (chance(30))
			return removexattr(path, "system.posix_acl_default") == 0;
		return set_acl(path, "system.posix_acl_default");
	}
	if (chance(20))
		return removexattr(path, "system.posix_acl_access") == 0;
	return set_acl(path, "system.posix_acl_access");
}

/* Sets or removes one of a few names, so that values are replaced, too. */
static bool set_random_attribute(const char *path, enum kind kind)
{
	static char value[700];
	bool trusted = (kind & (FILES | FOLDERS)) == 0 || chance(15);
	char name[32];
	size_t i, bytes;

	if (trusted ? !can.trusted : !can.attributes)
		return false;
	snprintf(name, sizeof(name), "%s.%c", trusted ? "trusted" : "user", (int)('a' + below(3)));
	if (chance(25))
		return lremovexattr(path, name) == 0;
	bytes = chance(20) ? 0 : below(sizeof(value));
	for (i = 0; i < bytes; i++)
		value[i] = (char)random_number();
	return lsetxattr(path, name, value, bytes, 0) == 0;
}

static bool set_random_owner(const char *path, const struct stat *st)
{
	uid_t uid = (uid_t)below(4000);
	gid_t gid = chance(50) ? st->st_gid : (gid_t)below(4000);

	if (!can.owners)
		return false;
	must(fchownat(AT_FDCWD, path, uid, gid, AT_SYMLINK_NOFOLLOW) == 0, "chown", path);
	/* The bits that this took away. */
	if (!S_ISLNK(st->st_mode) && chance(50))
		must(chmod(path, st->st_mode & 07777) == 0, "chmod", path);
	return true;
}

static void set_mtime(const char *path, struct timespec mtime)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, mtime };

	must(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) == 0, "utimensat", path);
}

/* Another time in the same second, if times are fine enough; else any other. */
static void set_mtime_near(const char *path, struct timespec old)
{
	struct timespec near = { old.tv_sec, (long)below(1000000000) };
	struct stat st;

	set_mtime(path, near);
	must(lstat(path, &st) == 0, "stat", path);
	if (st.st_mtim.tv_sec == old.tv_sec && st.st_mtim.tv_nsec == old.tv_nsec)
		set_mtime(path, random_time());
}

static void decorate(const char *path)
{
	enum kind kind;
	struct stat st;

	must(lstat(path, &st) == 0, "stat", path);
	kind = kind_of(st.st_mode);
	if (chance(30))
		set_random_owner(path, &st);
	if (chance(20))
		set_random_attribute(path, kind);
	if (kind != LINKS && chance(80))
		must(chmod(path, random_mode(kind == FOLDERS)) == 0, "chmod", path);
	if ((kind & (FILES | FOLDERS)) != 0 && chance(10))
		set_random_acl(path, kind == FOLDERS);
	set_mtime(path, random_time());
}

static void find_abilities(void)
{
	static const char value[] = "x";
	int fd = open(PROBE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	must(fd >= 0, "create", PROBE);
	close(fd);
	can.attributes = setxattr(PROBE, "user.a", value, 1, 0) == 0;
	can.trusted = setxattr(PROBE, "trusted.a", value, 1, 0) == 0;
	can.acls = set_acl(PROBE, "system.posix_acl_access");
	can.owners = chown(PROBE, 1234, 4321) == 0 && chmod(PROBE, 0) == 0;
	if (can.owners && (fd = open(PROBE, O_RDWR | O_CLOEXEC)) >= 0)
		close(fd);
	else
		can.owners = false;
	must(unlink(PROBE) == 0, "unlink", PROBE);
	can.devices = mknod(PROBE, S_IFCHR | 0600, makedev(1, 3)) == 0 && unlink(PROBE) == 0;
}

/* ---- content ---- */

static void write_at(int fd, const char *path, uint64_t offset, uint64_t bytes)
{
	static uint64_t buffer[BUFFER_BYTES / sizeof(uint64_t)];

	while (bytes > 0) {
		size_t i, some = bytes < BUFFER_BYTES ? (size_t)bytes : BUFFER_BYTES;

		for (i = 0; i < (some + 7) / 8; i++)
			buffer[i] = random_number();
		must(pwrite(fd, buffer, some, (off_t)offset) == (ssize_t)some, "write", path);
		offset += some;
		bytes -= some;
	}
}

/* Data and holes by turns. */
static void write_islands(int fd, const char *path, uint64_t size)
{
	uint64_t at = chance(50) ? below(64) * PAGE : 0;

	while (at < size) {
		uint64_t bytes = (1 + below(16)) * PAGE;

		write_at(fd, path, at, bytes < size - at ? bytes : size - at);
		at += bytes + below(200) * PAGE;
	}
}

static int open_file(const char *path, int flags)
{
	int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | flags, 0600);

	must(fd >= 0, "open", path);
	return fd;
}

static void fill_file(int fd, const char *path)
{
	uint64_t size = random_size();

	if (chance(8)) {
		size = chance(50) ? 1 + below(3000000) : (1 + below(700)) * PAGE;
		write_islands(fd, path, size);
	} else if (chance(3)) {
		size = 1 + below(1 << 22); /* one hole */
	} else {
		write_at(fd, path, 0, size);
	}
	must(ftruncate(fd, (off_t)size) == 0, "truncate", path);
}

static void make_file(const char *path)
{
	int fd = open_file(path, O_CREAT | O_EXCL);

	fill_file(fd, path);
	close(fd);
}

static void make_link(const char *path)
{
	static const char *const odd[] = { "/", "..", ".", "nowhere", "\xff\n", "../../x/y" };
	const struct entry *entry = pick(ANY, true);
	char text[PATH_BYTES];
	size_t bytes = 1 + below(60);

	if (chance(50))
		snprintf(text, sizeof(text), "%s", entry->path);
	else
		snprintf(text, sizeof(text), "%s", odd[below(sizeof(odd) / sizeof(odd[0]))]);
	/* Short ones lie in the inode, long ones do not. */
	if (chance(20)) {
		memset(text, 'l', bytes * 16);
		text[bytes * 16] = 0;
	}
	must(symlink(text, path) == 0, "link", path);
}

static void make_special(const char *path)
{
	uint64_t dice = below(can.devices ? 4 : 2);

	if (dice == 0)
		must(mkfifo(path, 0600) == 0, "mkfifo", path);
	else if (dice == 1)
		must(mknod(path, S_IFSOCK | 0600, 0) == 0, "mknod", path);
	else
		must(mknod(path, (dice == 2 ? S_IFCHR : S_IFBLK) | 0600,
			   makedev((unsigned)below(300), (unsigned)below(70000))) == 0,
		     "mknod", path);
}

static void make_node(const char *path)
{
	uint64_t dice = below(100);

	if (dice < 75)
		make_file(path);
	else if (dice < 90)
		make_link(path);
	else
		make_special(path);
	decorate(path);
}

/* A folder with some entries. */
static void make_folder(const char *path)
{
	char child[PATH_BYTES];
	uint64_t i, count = below(5);

	must(mkdir(path, 0700) == 0, "mkdir", path);
	for (i = 0; i < count; i++) {
		if (!new_path(child, path))
			continue;
		if (chance(15))
			must(mkdir(child, 0700) == 0, "mkdir", child);
		else
			make_node(child);
	}
	decorate(path);
}

/* ---- removing ---- */

static void remove_below(const char *path, bool itself)
{
	size_t i;

	/* A path is in front of all below it. */
	for (i = entry_count; i-- > 0;) {
		if (!is_below(entries[i].path, path) || strcmp(entries[i].path, ".") == 0)
			continue;
		if (!itself && strcmp(entries[i].path, path) == 0)
			continue;
		must(remove(entries[i].path) == 0, "remove", entries[i].path);
	}
}

/* Away with what is not DIR, whatever it is. */
static void remove_entry(const struct entry *entry)
{
	remove_below(entry->path, true);
}

/* ---- changes; each tells the path that it is about, or NULL: not done ---- */

typedef const char *change(void);

static const char *grow(void)
{
	const struct entry *entry = pick(FILES, false);
	int fd;

	if (entry == NULL)
		return NULL;
	fd = open_file(entry->path, 0);
	write_at(fd, entry->path, (uint64_t)entry->st.st_size + below(2) * below(100000),
		 1 + below(20000));
	close(fd);
	return entry->path;
}

static const char *cut(void)
{
	const struct entry *entry = pick(FILES, false);

	if (entry == NULL || entry->st.st_size == 0)
		return NULL;
	must(truncate(entry->path, (off_t)below((uint64_t)entry->st.st_size)) == 0, "truncate",
	     entry->path);
	if (chance(50))
		set_mtime(entry->path, random_time());
	return entry->path;
}

/* Other bytes, the same size, another time in the same second. */
static const char *patch(void)
{
	const struct entry *entry = pick(FILES, false);
	uint64_t size, at;
	int fd;

	if (entry == NULL || entry->st.st_size == 0)
		return NULL;
	size = (uint64_t)entry->st.st_size;
	at = below(size);
	fd = open_file(entry->path, 0);
	write_at(fd, entry->path, at, 1 + below(size - at < 5000 ? size - at : 5000));
	close(fd);
	set_mtime_near(entry->path, entry->st.st_mtim);
	return entry->path;
}

static const char *rewrite(void)
{
	const struct entry *entry = pick(FILES, false);
	int fd;

	if (entry == NULL)
		return NULL;
	fd = open_file(entry->path, O_TRUNC);
	if (chance(40))
		write_at(fd, entry->path, 0, (uint64_t)entry->st.st_size);
	else
		fill_file(fd, entry->path);
	close(fd);
	set_mtime(entry->path, random_time());
	return entry->path;
}

/* A hole where data was. */
static const char *punch(void)
{
	const struct entry *entry = pick(FILES, false);
	int fd;

	if (entry == NULL || entry->st.st_size < 2 * PAGE)
		return NULL;
	fd = open_file(entry->path, 0);
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      (off_t)below((uint64_t)entry->st.st_size / PAGE) * PAGE, 4L * PAGE) != 0)
		must(errno == EOPNOTSUPP, "fallocate", entry->path);
	close(fd);
	set_mtime_near(entry->path, entry->st.st_mtim);
	return entry->path;
}

static const char *mode(void)
{
	const struct entry *entry = pick(FILES | FOLDERS | SPECIAL, true);

	if (entry == NULL)
		return NULL;
	must(chmod(entry->path, random_mode(S_ISDIR(entry->st.st_mode))) == 0, "chmod",
	     entry->path);
	return entry->path;
}

static const char *owner(void)
{
	const struct entry *entry = pick(ANY, true);

	return set_random_owner(entry->path, &entry->st) ? entry->path : NULL;
}

static const char *attribute(void)
{
	const struct entry *entry = pick(ANY, true);

	return set_random_attribute(entry->path, kind_of(entry->st.st_mode)) ? entry->path : NULL;
}

static const char *acl(void)
{
	const struct entry *entry = pick(FILES | FOLDERS, true);

	return set_random_acl(entry->path, S_ISDIR(entry->st.st_mode)) ? entry->path : NULL;
}

static const char *mtime(void)
{
	const struct entry *entry = pick(ANY, true);

	if (chance(50))
		set_mtime_near(entry->path, entry->st.st_mtim);
	else
		set_mtime(entry->path, random_time());
	return entry->path;
}

static const char *retarget(void)
{
	const struct entry *entry = pick(LINKS, false);

	if (entry == NULL)
		return NULL;
	must(unlink(entry->path) == 0, "unlink", entry->path);
	make_link(entry->path);
	set_mtime(entry->path, chance(30) ? entry->st.st_mtim : random_time());
	return entry->path;
}

static const char *rename_to(const struct entry *entry, const char *path)
{
	must(rename(entry->path, path) == 0, "rename", entry->path);
	return entry->path;
}

static const char *rename_one(void)
{
	const struct entry *entry = pick(ANY, false);
	char path[PATH_BYTES];

	if (entry == NULL || !new_path_beside(path, entry->path))
		return NULL;
	return rename_to(entry, path);
}

/* Into another folder, under the same name. */
static const char *move(void)
{
	const struct entry *entry = pick(ANY, false), *folder = pick(FOLDERS, true);
	char path[PATH_BYTES];
	const char *slash;
	struct stat st;

	if (entry == NULL || is_below(folder->path, entry->path))
		return NULL;
	slash = strrchr(entry->path, '/');
	join(path, folder->path, slash == NULL ? entry->path : slash + 1);
	if (strlen(path) >= PATH_LONGEST || lstat(path, &st) == 0)
		return NULL;
	return rename_to(entry, path);
}

/* Over something that is there. */
static const char *replace(void)
{
	const struct entry *entry = pick(NODES, false), *other = pick(NODES, false);

	if (entry == NULL || entry == other || entry->st.st_ino == other->st.st_ino)
		return NULL;
	must(rename(entry->path, other->path) == 0, "rename", entry->path);
	return other->path;
}

/* Two entries take each other's place. */
static const char *swap(void)
{
	unsigned kinds = wanted.no_conflicts ? NODES : ANY;
	const struct entry *one = pick(kinds, false), *two = pick(kinds, false);

	if (one == NULL || is_below(one->path, two->path) || is_below(two->path, one->path))
		return NULL;
	must(renameat2(AT_FDCWD, one->path, AT_FDCWD, two->path, RENAME_EXCHANGE) == 0 ||
		     errno == EINVAL,
	     "exchange", one->path);
	return one->path;
}

/* Something of another type under the same name. */
static const char *retype(void)
{
	unsigned kinds = wanted.no_conflicts ? NODES : ANY;
	const struct entry *entry = pick(kinds, false);

	if (entry == NULL)
		return NULL;
	remove_entry(entry);
	if (!S_ISDIR(entry->st.st_mode) && !wanted.no_conflicts && chance(30)) {
		make_folder(entry->path);
		return entry->path;
	}
	if (S_ISREG(entry->st.st_mode) ? chance(70) : chance(30))
		make_link(entry->path);
	else if (S_ISREG(entry->st.st_mode) || S_ISLNK(entry->st.st_mode))
		make_special(entry->path);
	else
		make_file(entry->path);
	decorate(entry->path);
	return entry->path;
}

static const char *link_one(void)
{
	const struct entry *entry = pick(NODES, false);
	char path[PATH_BYTES];

	if (entry == NULL || !new_path_anywhere(path))
		return NULL;
	must(link(entry->path, path) == 0, "link", entry->path);
	return entry->path;
}

/* A name that was a file of its own becomes one more of another file. */
static const char *unite(void)
{
	const struct entry *entry = pick(FILES, false), *other = pick(FILES, false);

	if (entry == NULL || entry->st.st_ino == other->st.st_ino)
		return NULL;
	must(unlink(other->path) == 0, "unlink", other->path);
	must(link(entry->path, other->path) == 0, "link", other->path);
	return other->path;
}

static const struct entry *pick_linked(void)
{
	const struct entry *entry = NULL;
	unsigned tries;

	for (tries = 0; tries < 50; tries++) {
		entry = pick(FILES, false);
		if (entry != NULL && entry->st.st_nlink > 1)
			return entry;
	}
	return NULL;
}

static const char *split(void)
{
	const struct entry *entry = pick_linked();

	if (entry == NULL)
		return NULL;
	must(unlink(entry->path) == 0, "unlink", entry->path);
	make_file(entry->path);
	decorate(entry->path);
	return entry->path;
}

/* Pages of zeros become holes: those that sync keeps where they are. */
static void copy_bytes(int from, int to, uint64_t bytes, const char *path)
{
	static const char zeros[PAGE];
	char page[PAGE];
	uint64_t at;

	for (at = 0; at < bytes; at += PAGE) {
		ssize_t got = pread(from, page, PAGE, (off_t)at);

		must(got > 0, "read", path);
		if (memcmp(page, zeros, (size_t)got) != 0)
			must(pwrite(to, page, (size_t)got, (off_t)at) == got, "write", path);
	}
	must(ftruncate(to, (off_t)bytes) == 0, "truncate", path);
}

/* A name leaves its group for an inode that looks the same. */
static const char *twin(void)
{
	const struct entry *entry = wanted.no_twins ? NULL : pick_linked();
	char path[PATH_BYTES];
	int from, to;

	if (entry == NULL || !new_path_beside(path, entry->path))
		return NULL;
	from = open(entry->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	must(from >= 0, "open", entry->path);
	to = open_file(path, O_CREAT | O_EXCL);
	copy_bytes(from, to, (uint64_t)entry->st.st_size, path);
	close(from);
	close(to);
	if (chown(path, entry->st.st_uid, entry->st.st_gid) != 0)
		must(!can.owners, "chown", path);
	must(chmod(path, entry->st.st_mode & 07777) == 0, "chmod", path);
	set_mtime(path, entry->st.st_mtim);
	must(rename(path, entry->path) == 0, "rename", path);
	return entry->path;
}

static const char *add(void)
{
	static char path[PATH_BYTES];

	if (!new_path_anywhere(path))
		return NULL;
	if (chance(20))
		make_folder(path);
	else
		make_node(path);
	return path;
}

static const char *drop(void)
{
	const struct entry *entry = pick(chance(80) ? NODES : ANY, false);

	if (entry == NULL)
		return NULL;
	remove_entry(entry);
	return entry->path;
}

static const char *empty(void)
{
	const struct entry *entry = pick(FOLDERS, false);

	if (entry == NULL)
		return NULL;
	remove_below(entry->path, false);
	return entry->path;
}

static const struct {
	const char *name;
	change *make;
	unsigned weight;
} changes[] = {
	{ "grow", grow, 5 },	     { "cut", cut, 4 },
	{ "patch", patch, 8 },	     { "rewrite", rewrite, 8 },
	{ "punch", punch, 2 },	     { "mode", mode, 6 },
	{ "owner", owner, 5 },	     { "attribute", attribute, 6 },
	{ "acl", acl, 4 },	     { "mtime", mtime, 6 },
	{ "retarget", retarget, 3 }, { "rename", rename_one, 6 },
	{ "move", move, 6 },	     { "replace", replace, 4 },
	{ "swap", swap, 4 },	     { "retype", retype, 8 },
	{ "link", link_one, 5 },     { "unite", unite, 4 },
	{ "split", split, 4 },	     { "twin", twin, 3 },
	{ "add", add, 10 },	     { "drop", drop, 9 },
	{ "empty", empty, 1 },
};

static void tell(const char *name, const char *path)
{
	const unsigned char *at;

	printf("%s\t", name);
	for (at = (const unsigned char *)path; *at != 0; at++) {
		if (*at < 0x20 || *at >= 0x7f || *at == '\\')
			printf("\\%03o", *at);
		else
			putchar(*at);
	}
	putchar('\n');
}

static bool change_one(void)
{
	unsigned total = 0, dice;
	const char *path;
	size_t i;

	look();
	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		total += changes[i].weight;
	dice = (unsigned)below(total);
	for (i = 0; dice >= changes[i].weight; i++)
		dice -= changes[i].weight;
	path = changes[i].make();
	if (path == NULL)
		return false;
	tell(changes[i].name, path);
	return true;
}

static void make_changes(uint64_t count)
{
	uint64_t tries = count * 20;

	while (count > 0 && tries-- > 0)
		count -= change_one();
	errno = ENODATA;
	must(count == 0, "change", "the tree");
}

/* ---- a tree ---- */

/* Some folders in any other, and a chain of them. */
static void make_folders(uint64_t count)
{
	char path[PATH_BYTES], deep[PATH_BYTES] = ".";
	uint64_t i;

	for (i = 0; i < count; i++) {
		look();
		if (new_path_anywhere(path))
			must(mkdir(path, 0700) == 0, "mkdir", path);
	}
	for (i = 0; i < 15; i++) {
		join(path, deep, "deep");
		must(mkdir(path, 0700) == 0, "mkdir", path);
		memcpy(deep, path, sizeof(deep));
	}
}

static void make_entries(uint64_t count)
{
	char path[PATH_BYTES];
	uint64_t i;

	must(mkdir("wide", 0700) == 0, "mkdir", "wide");
	for (i = 0; i < count; i++) {
		const struct entry *entry;

		if (i % 8 == 0)
			look();
		if (chance(35) ? !new_path(path, "wide") : !new_path_anywhere(path))
			continue;
		entry = chance(10) ? pick(NODES, false) : NULL;
		if (entry == NULL)
			make_node(path);
		else
			must(link(entry->path, path) == 0, "link", path);
	}
}

static void make_tree(uint64_t count)
{
	size_t i;

	make_folders(count / 8);
	make_entries(count);
	look();
	/* From below, because what is made in a folder changes its time. */
	for (i = entry_count; i-- > 0;)
		if (S_ISDIR(entries[i].st.st_mode))
			decorate(entries[i].path);
}

static __attribute__((noreturn)) void usage(void)
{
	fputs("usage: mkedits [--no-conflicts] [--no-twins] tree|edit DIR SEED COUNT\n", stderr);
	exit(2);
}

static uint64_t number(const char *text)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != 0)
		usage();
	return value;
}

int main(int argc, char *argv[])
{
	static const struct option names[] = {
		{ "no-conflicts", no_argument, NULL, 'c' },
		{ "no-twins", no_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 },
	};
	int letter;

	while ((letter = getopt_long(argc, argv, "+", names, NULL)) != -1) {
		if (letter == 'c')
			wanted.no_conflicts = true;
		else if (letter == 't')
			wanted.no_twins = true;
		else
			usage();
	}
	argv += optind;
	if (argc - optind != 4)
		usage();
	umask(022);
	must(chdir(argv[1]) == 0, "chdir", argv[1]);
	state = number(argv[2]) * UINT64_C(0xd1342543de82ef95) + 1;
	find_abilities();
	if (strcmp(argv[0], "tree") == 0)
		make_tree(number(argv[3]));
	else if (strcmp(argv[0], "edit") == 0)
		make_changes(number(argv[3]));
	else
		usage();
	must(fflush(stdout) == 0, "write", "the list");
	return 0;
}
