// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * treecheck: compares two trees or two files, and says each difference in one
 * line.  It is the judge of the copy tests, so it shares no code with the
 * library and never trusts it.
 *
 *   treecheck [OPTIONS] EXPECTED ACTUAL
 *   treecheck [OPTIONS] --or=OLD NEW ACTUAL
 *
 * Always compared: names, types, sizes, bytes, link text, device numbers.
 * The second form is the old-or-new check of a run that was cut short: each
 * entry of ACTUAL must be as in NEW or as in OLD, and may be absent only where
 * OLD has none.
 *
 * The walk keeps its own stack of folders and at most FDS_MAX of them open, so
 * depth is limited by memory alone.  Only regular files are ever opened.
 *
 * Exit: 0 same, 1 different, 2 could not be compared.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
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

#define FDS_MAX 48       /* open folders of each side */
#define PATH_NAMES_MAX 40 /* of a path that is shown; the middle is left out */
#define BUFFER_BYTES (1 << 20)
#define XATTR_BYTES (1 << 17) /* the kernel's limits are 64 KiB */
#define NAME_BYTES_MAX 255
#define SIDES 3

/* The sides of a comparison.  OLD is used only with --or. */
enum side { NEW = 0, ACTUAL = 1, OLD = 2 };

struct names {
	char *text;     /* all names, each ends with NUL */
	size_t text_bytes;
	size_t text_room;
	char **name;    /* sorted pointers into text */
	size_t count;
	size_t next;
};

/* One folder of the walk. */
struct frame {
	struct frame *parent;
	char *name;
	const char *alias[SIDES]; /* the name to use instead on this side */
	bool there[SIDES];
	int fd[SIDES];  /* -1: absent or closed to save descriptors */
	struct stat st[SIDES];
	struct names names[SIDES];
};

/* One inode with several links: where its counterpart is. */
struct link {
	struct link *chain;
	dev_t dev, other_dev;
	ino_t ino, other_ino;
};

struct link_table {
	struct link **bucket;
	size_t buckets;
	size_t count;
};

static struct {
	bool mode, owner, times, folder_times, xattr, acl, links, holes;
	bool either;    /* --or was given */
	bool skip_temps;
	bool extra;     /* ACTUAL may have more */
	bool quiet;
} want;

static struct frame *top;
static size_t depth;
static uint64_t differences;
static struct link_table linked[2];
static char *buffer[2];
static char reason[512];

static __attribute__((noreturn, format(printf, 1, 2))) void
die(const char *format, ...)
{
	va_list args;

	fputs("treecheck: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

static void *
must(void *memory)
{
	if (memory == NULL)
		die("no memory");
	return memory;
}

static void
put_escaped(const char *text)
{
	const unsigned char *at;

	for (at = (const unsigned char *)text; *at != 0; at++) {
		if (*at < 0x20 || *at >= 0x7f || *at == '\\')
			printf("\\%03o", *at);
		else
			putchar(*at);
	}
}

/* Prints the path of the top folder, outermost name first, by turning the
 * parent pointers into an array: a tree may be too deep for the C stack. */
static void
put_path(const char *name)
{
	const struct frame **chain = must(calloc(depth + 1, sizeof(*chain)));
	const struct frame *at;
	size_t count = 0;

	for (at = top; at != NULL; at = at->parent)
		chain[count++] = at;
	putchar('.');
	while (count > 0) {
		count--;
		if (count == depth - PATH_NAMES_MAX / 2 && count > PATH_NAMES_MAX) {
			printf("/... %zu folders ...", count - PATH_NAMES_MAX / 2);
			count = PATH_NAMES_MAX / 2;
		}
		if (chain[count]->name[0] != 0) {
			putchar('/');
			put_escaped(chain[count]->name);
		}
	}
	if (name[0] != 0) {
		putchar('/');
		put_escaped(name);
	}
	free(chain);
}

static void
differ(const char *name, const char *what)
{
	differences++;
	if (want.quiet)
		return;
	put_path(name);
	printf(": %s\n", what);
}

static __attribute__((format(printf, 1, 2))) bool
because(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	return false;
}

/* ---- lists of names ---- */

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
names_add(struct names *list, const char *name)
{
	size_t bytes = strlen(name) + 1;

	if (list->text_bytes + bytes > list->text_room) {
		list->text_room = list->text_room * 2 + bytes + 4096;
		list->text = must(realloc(list->text, list->text_room));
	}
	memcpy(list->text + list->text_bytes, name, bytes);
	list->text_bytes += bytes;
	list->count++;
}

static void
names_sort(struct names *list)
{
	size_t i;
	char *at = list->text;

	list->name = must(calloc(list->count + 1, sizeof(*list->name)));
	for (i = 0; i < list->count; i++) {
		list->name[i] = at;
		at += strlen(at) + 1;
	}
	if (list->count > 1)
		qsort(list->name, list->count, sizeof(*list->name), by_name);
}

static int
names_read(struct names *list, int folder_fd)
{
	struct dirent *entry;
	DIR *dir;
	int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (dir == NULL)
		die("fdopendir: %s", strerror(errno));
	for (;;) {
		errno = 0;
		entry = readdir(dir);
		if (entry == NULL)
			break;
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			names_add(list, entry->d_name);
	}
	if (errno != 0) {
		int error = -errno;

		closedir(dir);
		return error;
	}
	closedir(dir);
	names_sort(list);
	return 0;
}

/* ---- hard links ---- */

static size_t
link_slot(const struct link_table *table, dev_t dev, ino_t ino)
{
	return (size_t)((dev * 31 + ino) * UINT64_C(0x9e3779b97f4a7c15) >> 16) % table->buckets;
}

static void
links_grow(struct link_table *table)
{
	struct link_table bigger = { .buckets = table->buckets * 4 + 1021 };
	size_t i;

	bigger.bucket = must(calloc(bigger.buckets, sizeof(*bigger.bucket)));
	bigger.count = table->count;
	for (i = 0; i < table->buckets; i++) {
		while (table->bucket[i] != NULL) {
			struct link *one = table->bucket[i];
			size_t slot = link_slot(&bigger, one->dev, one->ino);

			table->bucket[i] = one->chain;
			one->chain = bigger.bucket[slot];
			bigger.bucket[slot] = one;
		}
	}
	free(table->bucket);
	*table = bigger;
}

/* Is OTHER the counterpart that INODE had before?  The first one met is. */
static bool
links_match(struct link_table *table, const struct stat *inode, const struct stat *other)
{
	struct link *one;
	size_t slot;

	if (table->count >= table->buckets)
		links_grow(table);
	slot = link_slot(table, inode->st_dev, inode->st_ino);
	for (one = table->bucket[slot]; one != NULL; one = one->chain)
		if (one->dev == inode->st_dev && one->ino == inode->st_ino)
			return one->other_dev == other->st_dev && one->other_ino == other->st_ino;
	one = must(calloc(1, sizeof(*one)));
	one->dev = inode->st_dev;
	one->ino = inode->st_ino;
	one->other_dev = other->st_dev;
	one->other_ino = other->st_ino;
	one->chain = table->bucket[slot];
	table->bucket[slot] = one;
	table->count++;
	return true;
}

/* ---- extended attributes ---- */

static bool
is_acl(const char *name)
{
	return strncmp(name, "system.posix_acl_", 17) == 0;
}

/* XFS shows root each ACL once more under a name of its own. */
static bool
is_shadow(const char *name)
{
	return strncmp(name, "trusted.SGI_ACL_", 16) == 0;
}

static const char *
name_on(const struct frame *at, enum side side, const char *name)
{
	return at->alias[side] != NULL ? at->alias[side] : name;
}

/* An attribute by folder and name: through /proc, as no call takes both. */
static ssize_t
attribute_list(const struct frame *at, enum side side, const char *name, char *to, size_t room)
{
	char path[64 + NAME_BYTES_MAX];

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", at->fd[side],
		 name_on(at, side, name));
	return llistxattr(path, to, room);
}

static ssize_t
attribute_get(const struct frame *at, enum side side, const char *name, const char *attribute,
	      char *to, size_t room)
{
	char path[64 + NAME_BYTES_MAX];

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", at->fd[side],
		 name_on(at, side, name));
	return lgetxattr(path, attribute, to, room);
}

/* Every wanted attribute of side A must be on side B with the same bytes. */
static bool
attributes_within(const struct frame *at, enum side a, enum side b, const char *name)
{
	char *list = must(malloc(XATTR_BYTES));
	ssize_t bytes = attribute_list(at, a, name, list, XATTR_BYTES);
	ssize_t i, value[2];
	bool same = true;

	if (bytes < 0 && errno != ENOTSUP) {
		same = because("xattrs cannot be listed: %s", strerror(errno));
		bytes = 0;
	}
	for (i = 0; same && i < bytes; i += (ssize_t)strlen(list + i) + 1) {
		const char *attribute = list + i;

		if (is_shadow(attribute) || (is_acl(attribute) ? !want.acl : !want.xattr))
			continue;
		value[0] = attribute_get(at, a, name, attribute, buffer[0], BUFFER_BYTES);
		value[1] = attribute_get(at, b, name, attribute, buffer[1], BUFFER_BYTES);
		if (value[0] != value[1])
			same = because("xattr %s: %zd bytes and %zd bytes", attribute, value[0],
				       value[1]);
		else if (value[0] > 0 && memcmp(buffer[0], buffer[1], (size_t)value[0]) != 0)
			same = because("xattr %s differs", attribute);
	}
	free(list);
	return same;
}

/* ---- contents ---- */

static int
open_file(const struct frame *at, enum side side, const char *name)
{
	int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	int fd;

	name = name_on(at, side, name);
	fd = openat(at->fd[side], name, flags | O_NOATIME);
	if (fd < 0 && errno == EPERM)
		fd = openat(at->fd[side], name, flags);
	return fd;
}

static ssize_t
read_full(int fd, char *to, size_t bytes, off_t offset)
{
	size_t done = 0;

	while (done < bytes) {
		ssize_t got = pread(fd, to + done, bytes - done, offset + (off_t)done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

/* The next offset at or after OFFSET where either file may hold data. */
static off_t
next_data(const int fd[2], off_t offset, off_t size)
{
	off_t nearest = size;
	int i;

	for (i = 0; i < 2; i++) {
		off_t data = lseek(fd[i], offset, SEEK_DATA);

		if (data < 0)
			data = errno == ENXIO ? size : offset;
		if (data < nearest)
			nearest = data;
	}
	return nearest;
}

static bool
same_bytes(const int fd[2], off_t size)
{
	off_t offset = 0;
	ssize_t got[2];
	ssize_t i;

	while ((offset = next_data(fd, offset, size)) < size) {
		size_t bytes = BUFFER_BYTES;

		if (size - offset < (off_t)bytes)
			bytes = (size_t)(size - offset);
		got[0] = read_full(fd[0], buffer[0], bytes, offset);
		got[1] = read_full(fd[1], buffer[1], bytes, offset);
		if (got[0] < 0 || got[1] < 0)
			return because("read near offset %jd: %s", (intmax_t)offset,
				       strerror((int)-(got[0] < 0 ? got[0] : got[1])));
		if (got[0] != got[1])
			return because("short read near offset %jd", (intmax_t)offset);
		if (got[0] == 0)
			return because("ends at offset %jd", (intmax_t)offset);
		if (memcmp(buffer[0], buffer[1], (size_t)got[0]) != 0) {
			for (i = 0; buffer[0][i] == buffer[1][i]; i++)
				;
			return because("bytes differ from offset %jd on", (intmax_t)(offset + i));
		}
		offset += got[0];
	}
	return true;
}

/* Has the file fewer blocks than its bytes would fill?  A page of hole beside a block
 * of attributes does not show, and asking each file for its map would cost too much. */
static bool
is_sparse(const struct stat *st)
{
	return st->st_blocks < st->st_size / 512;
}

/* Every hole of EXPECTED must be a hole of ACTUAL too; more holes are fine. */
static bool
same_holes(const int fd[2], off_t size)
{
	off_t hole = 0, end, data;

	while (hole < size) {
		hole = lseek(fd[0], hole, SEEK_HOLE);
		if (hole < 0 || hole >= size)
			return true;
		end = lseek(fd[0], hole, SEEK_DATA);
		if (end < 0)
			end = size;
		data = lseek(fd[1], hole, SEEK_DATA);
		if (data >= 0 && data < end)
			return because("hole at offset %jd is filled at %jd", (intmax_t)hole,
				       (intmax_t)data);
		hole = end;
	}
	return true;
}

static bool
same_file(const struct frame *at, enum side a, enum side b, const char *name,
	  const struct stat st[2])
{
	int fd[2] = { open_file(at, a, name), open_file(at, b, name) };
	bool same = true;
	struct stat opened;
	int i;

	for (i = 0; i < 2 && same; i++) {
		if (fd[i] < 0)
			same = because("cannot open: %s", strerror(errno));
		else if (fstat(fd[i], &opened) != 0 || opened.st_ino != st[i].st_ino)
			same = because("changed while it was checked");
	}
	same = same && same_bytes(fd, st[0].st_size);
	if (want.holes && is_sparse(&st[0]))
		same = same && same_holes(fd, st[0].st_size);
	for (i = 0; i < 2; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	return same;
}

static bool
same_link_text(const struct frame *at, enum side a, enum side b, const char *name)
{
	ssize_t got[2];

	got[0] = readlinkat(at->fd[a], name_on(at, a, name), buffer[0], BUFFER_BYTES);
	got[1] = readlinkat(at->fd[b], name_on(at, b, name), buffer[1], BUFFER_BYTES);
	if (got[0] < 0 || got[1] < 0)
		return because("cannot read the link: %s", strerror(errno));
	if (got[0] != got[1] || memcmp(buffer[0], buffer[1], (size_t)got[0]) != 0)
		return because("link text differs");
	return true;
}

/* ---- one entry ---- */

static const char *
type_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "folder";
	case S_IFLNK:
		return "symlink";
	case S_IFIFO:
		return "FIFO";
	case S_IFSOCK:
		return "socket";
	case S_IFCHR:
		return "character device";
	case S_IFBLK:
		return "block device";
	default:
		return "unknown type";
	}
}

static bool
same_attributes(const struct frame *at, enum side a, enum side b, const char *name,
		const struct stat st[2])
{
	bool folder = S_ISDIR(st[0].st_mode);

	if (want.mode && !S_ISLNK(st[0].st_mode) &&
	    ((st[0].st_mode ^ st[1].st_mode) & 07777) != 0)
		return because("mode %04o and %04o", st[0].st_mode & 07777, st[1].st_mode & 07777);
	if (want.owner && (st[0].st_uid != st[1].st_uid || st[0].st_gid != st[1].st_gid))
		return because("owner %u:%u and %u:%u", st[0].st_uid, st[0].st_gid, st[1].st_uid,
			       st[1].st_gid);
	if ((folder ? want.folder_times : want.times) &&
	    (st[0].st_mtim.tv_sec != st[1].st_mtim.tv_sec ||
	     st[0].st_mtim.tv_nsec != st[1].st_mtim.tv_nsec))
		return because("mtime %jd.%09ld and %jd.%09ld", (intmax_t)st[0].st_mtim.tv_sec,
			       st[0].st_mtim.tv_nsec, (intmax_t)st[1].st_mtim.tv_sec,
			       st[1].st_mtim.tv_nsec);
	if (want.xattr || want.acl)
		return attributes_within(at, a, b, name) && attributes_within(at, b, a, name);
	return true;
}

/* Is the entry the same on sides A and B?  If not, the reason is filled. */
static bool
same_entry(const struct frame *at, enum side a, enum side b, const char *name,
	   const struct stat st[2])
{
	mode_t type = st[0].st_mode & S_IFMT;

	if (type != (st[1].st_mode & S_IFMT))
		return because("%s and %s", type_name(st[0].st_mode), type_name(st[1].st_mode));
	if (type == S_IFREG && st[0].st_size != st[1].st_size)
		return because("size %jd and %jd", (intmax_t)st[0].st_size,
			       (intmax_t)st[1].st_size);
	if ((type == S_IFCHR || type == S_IFBLK) && st[0].st_rdev != st[1].st_rdev)
		return because("device %u:%u and %u:%u", major(st[0].st_rdev),
			       minor(st[0].st_rdev), major(st[1].st_rdev), minor(st[1].st_rdev));
	if (!same_attributes(at, a, b, name, st))
		return false;
	if (want.links && type != S_IFDIR && (st[0].st_nlink > 1 || st[1].st_nlink > 1) &&
	    (!links_match(&linked[0], &st[0], &st[1]) || !links_match(&linked[1], &st[1], &st[0])))
		return because("hard-link group differs");
	if (type == S_IFLNK)
		return same_link_text(at, a, b, name);
	if (type == S_IFREG)
		return same_file(at, a, b, name, st);
	return true;
}

/* A temporary name of a weir that was killed: .weir. and 24 of base 32. */
static bool
is_temp(const char *name)
{
	size_t i;

	if (strncmp(name, ".weir.", 6) != 0 || strlen(name) != 30)
		return false;
	for (i = 6; i < 30; i++)
		if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '2' && name[i] <= '7')))
			return false;
	return true;
}

/* ---- the walk ---- */

static void
close_side(struct frame *at, enum side side)
{
	if (at->fd[side] >= 0)
		close(at->fd[side]);
	at->fd[side] = -1;
}

/* Opens the folder NAME on all sides that have it, and makes it the top. */
static void
push(const char *name, const bool there[SIDES], const struct stat st[SIDES])
{
	struct frame *new = must(calloc(1, sizeof(*new)));
	struct frame *far = top;
	size_t i;
	int side;

	new->name = must(strdup(name));
	new->parent = top;
	for (side = 0; side < SIDES; side++) {
		new->fd[side] = -1;
		new->there[side] = there[side];
		if (!there[side])
			continue;
		new->st[side] = st[side];
		new->fd[side] = openat(top->fd[side], name,
				       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (new->fd[side] < 0)
			die("cannot open folder '%s': %s", name, strerror(errno));
	}
	top = new;
	depth++;
	for (i = 1; far != NULL && i < FDS_MAX; i++)
		far = far->parent;
	if (far != NULL)
		for (side = 0; side < SIDES; side++)
			close_side(far, (enum side)side);
}

/* Leaves the top folder; its parent is opened again where it was closed. */
static void
pop(void)
{
	struct frame *old = top;
	struct frame *parent = old->parent;
	int side;

	for (side = 0; side < SIDES; side++) {
		struct stat st;

		if (parent != NULL && old->there[side] && parent->fd[side] < 0) {
			parent->fd[side] = openat(old->fd[side], "..",
						  O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			if (parent->fd[side] < 0 || fstat(parent->fd[side], &st) != 0 ||
			    st.st_ino != parent->st[side].st_ino)
				die("a folder moved while it was checked");
		}
		close_side(old, (enum side)side);
		free(old->names[side].text);
		free(old->names[side].name);
	}
	top = parent;
	depth--;
	free(old->name);
	free(old);
}

static void
read_names(struct frame *at)
{
	int side, result;

	for (side = 0; side < SIDES; side++) {
		if (!at->there[side])
			continue;
		result = names_read(&at->names[side], at->fd[side]);
		if (result < 0)
			die("cannot list folder '%s': %s", at->name, strerror(-result));
	}
}

/* The smallest name not yet seen on any side, or NULL. */
static const char *
next_name(struct frame *at, bool there[SIDES])
{
	const char *least = NULL;
	int side;

	for (side = 0; side < SIDES; side++) {
		const struct names *list = &at->names[side];

		if (list->next < list->count &&
		    (least == NULL || strcmp(list->name[list->next], least) < 0))
			least = list->name[list->next];
	}
	for (side = 0; side < SIDES; side++) {
		struct names *list = &at->names[side];

		there[side] = least != NULL && list->next < list->count &&
			      strcmp(list->name[list->next], least) == 0;
		if (there[side])
			list->next++;
	}
	return least;
}

static bool
same_pair(enum side a, enum side b, const char *name, const struct stat st[SIDES])
{
	const struct stat pair[2] = { st[a], st[b] };

	return same_entry(top, a, b, name, pair);
}

/* Two-sided check.  True: a folder on both sides, to be entered. */
static bool
check_both(const char *name, const bool there[SIDES], const struct stat st[SIDES])
{
	if (!there[ACTUAL]) {
		differ(name, "missing");
	} else if (!there[NEW]) {
		if (!want.extra)
			differ(name, "not expected");
	} else {
		if (!same_pair(NEW, ACTUAL, name, st))
			differ(name, reason);
		return S_ISDIR(st[NEW].st_mode) && S_ISDIR(st[ACTUAL].st_mode);
	}
	return false;
}

/* Old-or-new check.  True: a folder, to be entered. */
static bool
check_either(const char *name, bool there[SIDES], const struct stat st[SIDES])
{
	char why_new[sizeof(reason)] = "not in the new tree";

	if (!there[ACTUAL]) {
		if (there[OLD])
			differ(name, "the old entry is lost");
		return false;
	}
	if (!there[NEW] && !there[OLD]) {
		differ(name, "neither old nor new");
		return false;
	}
	if (S_ISDIR(st[ACTUAL].st_mode)) {
		there[NEW] = there[NEW] && S_ISDIR(st[NEW].st_mode);
		there[OLD] = there[OLD] && S_ISDIR(st[OLD].st_mode);
		if (!there[NEW] && !there[OLD])
			differ(name, "folder where none belongs");
		return there[NEW] || there[OLD];
	}
	if (there[NEW] && same_pair(NEW, ACTUAL, name, st))
		return false;
	if (there[NEW])
		memcpy(why_new, reason, sizeof(reason));
	if (there[OLD] && same_pair(OLD, ACTUAL, name, st))
		return false;
	if (!want.quiet)
		fprintf(stderr, "not new: %s; not old: %s\n", why_new,
			there[OLD] ? reason : "not in the old tree");
	differ(name, "neither old nor new");
	return false;
}

static void
walk(void)
{
	struct stat st[SIDES];
	bool there[SIDES];
	const char *name;
	int side;

	while (top != NULL) {
		name = next_name(top, there);
		if (name == NULL) {
			pop();
			continue;
		}
		if (want.skip_temps && is_temp(name))
			continue;
		for (side = 0; side < SIDES; side++)
			if (there[side] &&
			    fstatat(top->fd[side], name, &st[side], AT_SYMLINK_NOFOLLOW) != 0)
				die("cannot stat '%s': %s", name, strerror(errno));
		if (want.either ? check_either(name, there, st) : check_both(name, there, st)) {
			push(name, there, st);
			read_names(top);
		}
	}
}

/* ---- operands ---- */

static const char *
last_name(char *path)
{
	size_t bytes = strlen(path);
	char *slash;

	while (bytes > 1 && path[bytes - 1] == '/')
		path[--bytes] = 0;
	slash = strrchr(path, '/');
	return slash == NULL ? path : slash + 1;
}

/* Two operands that are no folders: entries of one frame, each side with a
 * name of its own. */
static bool
check_files(char *const path[2], const struct stat st[2])
{
	struct frame pair = { .name = "", .fd = { -1, -1, -1 } };
	bool same;
	int i;

	for (i = 0; i < 2; i++) {
		char *slash;

		pair.alias[i] = last_name(path[i]);
		slash = strrchr(path[i], '/');
		if (slash == NULL) {
			pair.fd[i] = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		} else {
			char *parent = must(strndup(path[i], (size_t)(slash - path[i]) + 1));

			pair.fd[i] = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			free(parent);
		}
		if (pair.fd[i] < 0)
			die("cannot open the folder of '%s': %s", path[i], strerror(errno));
	}
	same = same_entry(&pair, NEW, ACTUAL, "", st);
	if (!same) {
		differences++;
		if (!want.quiet)
			printf("%s: %s\n", path[1], reason);
	}
	return same;
}

/* Two or three folders: the roots are entries too, then the walk. */
static void
check_trees(char *const path[SIDES], const struct stat st[SIDES])
{
	struct frame *root = must(calloc(1, sizeof(*root)));
	int side;

	root->name = must(strdup(""));
	for (side = 0; side < SIDES; side++) {
		root->fd[side] = -1;
		root->there[side] = path[side] != NULL;
		if (path[side] == NULL)
			continue;
		root->st[side] = st[side];
		root->fd[side] = open(path[side], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (root->fd[side] < 0)
			die("cannot open '%s': %s", path[side], strerror(errno));
	}
	top = root;
	depth = 1;
	if (!want.either && !same_attributes(top, NEW, ACTUAL, ".", st))
		differ("", reason);
	read_names(top);
	walk();
}

enum { OPT_MODE = 256, OPT_OWNER, OPT_TIMES, OPT_FILE_TIMES, OPT_XATTR, OPT_ACL, OPT_LINKS,
       OPT_HOLES, OPT_ALL, OPT_OR, OPT_SKIP_TEMPS, OPT_EXTRA };

static const struct option options[] = {
	{ "mode", no_argument, NULL, OPT_MODE },
	{ "owner", no_argument, NULL, OPT_OWNER },
	{ "times", no_argument, NULL, OPT_TIMES },
	{ "file-times", no_argument, NULL, OPT_FILE_TIMES },
	{ "xattr", no_argument, NULL, OPT_XATTR },
	{ "acl", no_argument, NULL, OPT_ACL },
	{ "links", no_argument, NULL, OPT_LINKS },
	{ "holes", no_argument, NULL, OPT_HOLES },
	{ "all", no_argument, NULL, OPT_ALL },
	{ "or", required_argument, NULL, OPT_OR },
	{ "skip-temps", no_argument, NULL, OPT_SKIP_TEMPS },
	{ "extra", no_argument, NULL, OPT_EXTRA },
	{ "quiet", no_argument, NULL, 'q' },
	{ NULL, 0, NULL, 0 },
};

static __attribute__((noreturn)) void
usage(void)
{
	fputs("usage: treecheck [OPTIONS] EXPECTED ACTUAL\n"
	      "       treecheck [OPTIONS] --or=OLD NEW ACTUAL\n"
	      "  --mode --owner --times --file-times --xattr --acl --links  compare this too\n"
	      "  --all         all of these\n"
	      "  --holes       holes of EXPECTED, where it takes less room than its bytes,\n"
	      "                must be holes of ACTUAL\n"
	      "  --skip-temps  look past temporary names of a killed run\n"
	      "  --extra       ACTUAL may have entries that EXPECTED has not\n"
	      "  --quiet       only the exit status\n", stderr);
	exit(2);
}

static void
take_option(int option, char *path[SIDES])
{
	switch (option) {
	case OPT_MODE:
		want.mode = true;
		break;
	case OPT_OWNER:
		want.owner = true;
		break;
	case OPT_TIMES:
		want.times = want.folder_times = true;
		break;
	case OPT_FILE_TIMES:
		want.times = true;
		break;
	case OPT_XATTR:
		want.xattr = true;
		break;
	case OPT_ACL:
		want.acl = true;
		break;
	case OPT_LINKS:
		want.links = true;
		break;
	case OPT_HOLES:
		want.holes = true;
		break;
	case OPT_ALL:
		want.mode = want.owner = want.times = want.folder_times = true;
		want.xattr = want.acl = want.links = true;
		break;
	case OPT_OR:
		want.either = true;
		path[OLD] = optarg;
		break;
	case OPT_SKIP_TEMPS:
		want.skip_temps = true;
		break;
	case OPT_EXTRA:
		want.extra = true;
		break;
	case 'q':
		want.quiet = true;
		break;
	default:
		usage();
	}
}

int
main(int argc, char *argv[])
{
	char *path[SIDES] = { NULL, NULL, NULL };
	struct stat st[SIDES];
	int option, side;

	while ((option = getopt_long(argc, argv, "q", options, NULL)) != -1)
		take_option(option, path);
	if (argc - optind != 2)
		usage();
	path[NEW] = argv[optind];
	path[ACTUAL] = argv[optind + 1];
	buffer[0] = must(malloc(BUFFER_BYTES));
	buffer[1] = must(malloc(BUFFER_BYTES));
	for (side = 0; side < SIDES; side++)
		if (path[side] != NULL && lstat(path[side], &st[side]) != 0)
			die("cannot stat '%s': %s", path[side], strerror(errno));
	if (want.either || (S_ISDIR(st[NEW].st_mode) && S_ISDIR(st[ACTUAL].st_mode)))
		check_trees(path, st);
	else
		check_files(path, st);
	if (ferror(stdout) || fflush(stdout) != 0)
		die("cannot write the result");
	return differences == 0 ? 0 : 1;
}
