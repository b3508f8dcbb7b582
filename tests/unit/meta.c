/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Attributes: what is set, in which order, and what is dropped.
 *
 * fchownat(), fchmod() and futimens() of this program take the place of the C
 * library's: they note the order, and a test can let giving a file away fail.
 */
#include "lib/meta.h"

#include <sys/syscall.h>
#include <sys/xattr.h>

#include "unit.h"

#define PERMISSIONS 07777

enum chown_mode {
	CHOWN_REAL,
	CHOWN_REFUSED, /* EPERM, as for an ordinary user */
	CHOWN_WORKS,   /* says so, and statx() agrees: for who is not root */
	CHOWN_LIES,    /* says so and does nothing, as some servers do */
};

static char calls[64];
static enum chown_mode chown_mode;
static uid_t given_uid;
static gid_t given_gid;
static mode_t first_mode; /* when the owner was given */

static void note(char call)
{
	size_t used = strlen(calls);

	if (used + 1 < sizeof(calls)) {
		calls[used] = call;
		calls[used + 1] = '\0';
	}
}

int fchownat(int dirfd, const char *name, uid_t uid, gid_t gid, int flags)
{
	struct stat stat;

	note('o');
	given_uid = uid;
	given_gid = gid;
	if (fstatat(dirfd, name, &stat, flags) == 0)
		first_mode = stat.st_mode & PERMISSIONS;
	if (chown_mode == CHOWN_REFUSED) {
		errno = EPERM;
		return -1;
	}
	if (chown_mode != CHOWN_REAL)
		return 0;
	return (int)syscall(SYS_fchownat, dirfd, name, uid, gid, flags);
}

/* By another way into the C library, which fakeroot then knows of. */
static int really_chmod(int fd, mode_t mode)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (access(path, F_OK) != 0)
		return (int)syscall(SYS_fchmod, fd, mode);
	return fchmodat(AT_FDCWD, path, mode, 0);
}

int fchmod(int fd, mode_t mode)
{
	note('m');
	return really_chmod(fd, mode);
}

int futimens(int fd, const struct timespec times[2])
{
	note('t');
	return (int)syscall(SYS_utimensat, fd, NULL, times, 0);
}

static struct sys sys;
static struct error error;
static struct losses losses;

static void begin(enum chown_mode mode)
{
	sys_open(&sys);
	memset(&error, 0, sizeof(error));
	memset(&losses, 0, sizeof(losses));
	calls[0] = '\0';
	chown_mode = mode;
}

static int make_file(int dirfd, const char *name, mode_t mode, struct sys_stat *stat)
{
	int fd = openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	REQUIRE(fd >= 0);
	REQUIRE(really_chmod(fd, mode) == 0);
	REQUIRE(sys_statx(&sys, fd, "", false, stat) == 0);
	return fd;
}

static mode_t mode_of(int fd)
{
	struct stat stat;

	return fstat(fd, &stat) == 0 ? stat.st_mode & PERMISSIONS : 0xffff;
}

/* A source like the file, but for who owns it and what it may. */
static struct sys_stat source_of(const struct sys_stat *created, uint32_t other, mode_t mode)
{
	struct sys_stat source = *created;

	source.uid += other;
	source.mode = S_IFREG | mode;
	source.atime = (struct timespec){ 1000000000, 123456789 };
	source.mtime = (struct timespec){ 1234567890, 987654321 };
	return source;
}

static const struct settings keep_all = {
	.keep = { [WEIR_PROPERTY_MODE] = WEIR_KEEP_TRY,
		  [WEIR_PROPERTY_OWNER] = WEIR_KEEP_TRY,
		  [WEIR_PROPERTY_TIMES] = WEIR_KEEP_TRY },
};

static const struct settings keep_mode = {
	.keep = { [WEIR_PROPERTY_MODE] = WEIR_KEEP_TRY },
};

static const struct settings keep_attributes = {
	.keep = { [WEIR_PROPERTY_MODE] = WEIR_KEEP_TRY,
		  [WEIR_PROPERTY_ACL] = WEIR_KEEP_TRY,
		  [WEIR_PROPERTY_XATTR] = WEIR_KEEP_TRY,
		  [WEIR_PROPERTY_CAPS] = WEIR_KEEP_TRY },
};

/* A source without extended attributes, which most cases here have. */
static int apply_file(const struct settings *settings, int fd, const struct sys_stat *created,
		      const struct sys_stat *source, const struct sys_stat *existing)
{
	struct meta_file file = {
		.fd = fd,
		.source_fd = fd,
		.source = source,
		.created = created,
		.existing = existing,
		.existing_fd = -1,
	};

	return meta_apply_file(&sys, settings, &file, &losses, &error);
}

static void order(void)
{
	int dirfd = unit_folder(), fd;
	struct sys_stat created, source;

	begin(CHOWN_WORKS);
	fd = make_file(dirfd, "f", 0600, &created);
	source = source_of(&created, 1, 0640);
	CHECK_EQUAL(apply_file(&keep_all, fd, &created, &source, NULL),
		    0);
	CHECK_TEXT(calls, "omt");
	CHECK_EQUAL(given_uid, source.uid);
	CHECK_EQUAL(given_gid, source.gid);
	CHECK_EQUAL(first_mode, 0600); /* nobody saw it open before it was his */
	CHECK_EQUAL(mode_of(fd), 0640);
	close(fd);
	close(dirfd);
}

static void times(void)
{
	int dirfd = unit_folder(), fd;
	struct settings settings = { .keep = { [WEIR_PROPERTY_TIMES] = WEIR_KEEP_TRY } };
	struct sys_stat created, source, now;

	begin(CHOWN_REAL);
	fd = make_file(dirfd, "f", 0600, &created);
	source = source_of(&created, 0, 0777);
	CHECK_EQUAL(apply_file(&settings, fd, &created, &source, NULL),
		    0);
	CHECK_TEXT(calls, "t");
	REQUIRE(sys_statx(&sys, fd, "", false, &now) == 0);
	CHECK_EQUAL(now.mtime.tv_sec, source.mtime.tv_sec);
	/* Not every file system has nanoseconds, but none invents others. */
	CHECK(now.mtime.tv_nsec == source.mtime.tv_nsec || now.mtime.tv_nsec % 100 == 0);
	CHECK_EQUAL(now.mode & PERMISSIONS, 0600);
	close(fd);
	close(dirfd);
}

static void setid_dropped(void)
{
	static const mode_t modes[] = { 04755, 02755, 06711, 07777 };
	int dirfd = unit_folder();

	for (size_t i = 0; i < 4; i++) {
		char name[8];
		struct sys_stat created, source;
		int fd;

		begin(CHOWN_REFUSED);
		snprintf(name, sizeof(name), "%zu", i);
		fd = make_file(dirfd, name, 0600, &created);
		source = source_of(&created, 1, modes[i]);
		/* M3: no error */
		CHECK_EQUAL(apply_file(&keep_all, fd, &created, &source, NULL), 0);
		CHECK_EQUAL(mode_of(fd), modes[i] & ~06000U);
		CHECK(strstr(calls, "mt") != NULL);
		close(fd);
	}
	close(dirfd);
}

static void setid_kept(void)
{
	int dirfd = unit_folder(), fd;
	struct sys_stat created, source;

	begin(CHOWN_REAL);
	fd = make_file(dirfd, "f", 0600, &created);
	source = source_of(&created, 0, 06755); /* the owner is right already */
	CHECK_EQUAL(apply_file(&keep_all, fd, &created, &source, NULL),
		    0);
	CHECK_EQUAL(mode_of(fd), 06755);
	CHECK(strchr(calls, 'o') == NULL);
	close(fd);
	/* Mode without owner: another owner's bits are nobody's. */
	begin(CHOWN_REAL);
	fd = make_file(dirfd, "g", 0600, &created);
	source = source_of(&created, 1, 04755);
	CHECK_EQUAL(apply_file(&keep_mode, fd, &created, &source, NULL), 0);
	CHECK_EQUAL(mode_of(fd), 0755);
	close(fd);
	close(dirfd);
}

static void owner_lost(void)
{
	int dirfd = unit_folder(), fd;
	struct settings settings = keep_all;
	struct sys_stat created, source;

	begin(CHOWN_REFUSED);
	fd = make_file(dirfd, "f", 0600, &created);
	source = source_of(&created, 1, 06644);
	CHECK_EQUAL(apply_file(&settings, fd, &created, &source, NULL), 0);
	CHECK_EQUAL(error.grade, ERROR_NONE);
	CHECK_EQUAL(losses.errnum[WEIR_PROPERTY_OWNER], EPERM);
	CHECK_EQUAL(losses.errnum[WEIR_PROPERTY_MODE], EPERM);
	CHECK_EQUAL(mode_of(fd), 0644); /* without the bits that need the owner */
	close(fd);
	close(dirfd);
}

static void setid_read_back(void)
{
	int dirfd = unit_folder(), fd;
	struct sys_stat created, source;

	begin(CHOWN_LIES);
	fd = make_file(dirfd, "f", 0600, &created);
	source = source_of(&created, 1, 04755);
	apply_file(&keep_all, fd, &created, &source, NULL);
	CHECK_EQUAL(mode_of(fd) & 06000, 0);
	close(fd);
	close(dirfd);
}

static void group_alone(void)
{
	int dirfd = unit_folder(), fd;
	struct sys_stat created, source;

	begin(CHOWN_REFUSED);
	fd = make_file(dirfd, "f", 0600, &created);
	source = source_of(&created, 1, 0644);
	source.gid = created.gid + 1;
	CHECK_EQUAL(apply_file(&keep_all, fd, &created, &source, NULL),
		    0);
	CHECK_TEXT(calls, "oomt");
	CHECK_EQUAL(given_uid, (uid_t)-1);
	CHECK_EQUAL(given_gid, source.gid);
	close(fd);
	close(dirfd);
}

static void takes_over(void)
{
	int dirfd = unit_folder(), fd;
	struct settings settings = { .durable = WEIR_DURABLE_GROUP };
	struct sys_stat created, source, existing;

	begin(CHOWN_WORKS);
	fd = make_file(dirfd, "f", 0600, &created);
	source = source_of(&created, 0, 0777);
	existing = source_of(&created, 1, 06641);
	CHECK_EQUAL(apply_file(&settings, fd, &created, &source, &existing), 0);
	CHECK_TEXT(calls, "om");
	CHECK_EQUAL(given_uid, existing.uid);
	CHECK_EQUAL(mode_of(fd), 0641); /* new contents are not to run as the old owner */
	close(fd);
	close(dirfd);
}

static void create_modes(void)
{
	struct sys_stat source = { .mode = S_IFREG | 06754 };
	struct settings none = { .durable = WEIR_DURABLE_GROUP };
	struct settings mode = keep_mode;
	struct settings owner = { .keep = { [WEIR_PROPERTY_OWNER] = WEIR_KEEP_TRY } };

	/* Where nothing sets it later it is the final one from the start. */
	CHECK_EQUAL(meta_create_mode(&owner, &source, true, false), 0754);

	CHECK_EQUAL(meta_create_mode(&none, &source, false, false), 0754);
	CHECK_EQUAL(meta_create_mode(&none, &source, true, false), 0754);
	CHECK_EQUAL(meta_create_mode(&none, &source, true, true), 0600);
	CHECK_EQUAL(meta_create_mode(&mode, &source, true, false), 0600);
	for (int named = 0; named < 2; named++) /* set-id is never there from the start */
		CHECK_EQUAL(meta_create_mode(&mode, &source, named != 0, false) & 06000, 0);
}

static int begin_folder(const struct settings *settings, int fd, const struct sys_stat *source,
			struct xattr_acls *acls)
{
	struct meta_folder folder = { .fd = fd, .source_fd = fd, .source = source, .fresh = true };

	return meta_begin_folder(&sys, settings, &folder, acls, &losses, &error);
}

static int finish_folder(const struct settings *settings, int fd, const struct sys_stat *source,
			 bool fresh, const struct xattr_acls *acls)
{
	struct meta_folder folder = { .fd = fd, .source_fd = -1, .source = source, .fresh = fresh };

	return meta_finish_folder(&sys, settings, &folder, acls, &losses, &error);
}

static void folders(void)
{
	static const struct settings nothing;
	int dirfd = unit_folder(), fd;
	struct sys_stat source = { .mode = S_IFDIR | 02550, .uid = getuid() + 1,
				   .gid = getgid() };
	struct xattr_acls acls;

	REQUIRE(mkdirat(dirfd, "d", 0700) == 0);
	fd = openat(dirfd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	begin(CHOWN_REFUSED);
	CHECK_EQUAL(begin_folder(&keep_all, fd, &source, &acls), 0);
	CHECK_EQUAL(mode_of(fd), 0700); /* we must be able to work in it */
	CHECK_EQUAL(finish_folder(&keep_all, fd, &source, true, &acls), 0);
	CHECK_EQUAL(mode_of(fd), 0550);
	CHECK(strlen(calls) >= 2 && strcmp(calls + strlen(calls) - 2, "mt") == 0);
	xattr_release_acls(&acls);
	/* Without -p: as made, but what its own maker was lent is taken back. */
	begin(CHOWN_REAL);
	REQUIRE(really_chmod(fd, 0755) == 0);
	memset(&acls, 0, sizeof(acls));
	CHECK_EQUAL(finish_folder(&nothing, fd, &source, true, &acls), 0);
	CHECK_EQUAL(mode_of(fd), 0555);
	/* A folder that was there before keeps its mode. */
	REQUIRE(really_chmod(fd, 0711) == 0);
	CHECK_EQUAL(finish_folder(&nothing, fd, &source, false, &acls), 0);
	CHECK_EQUAL(mode_of(fd), 0711);
	close(fd);
	close(dirfd);
}

static int apply_node(int dirfd, const char *name, const struct sys_stat *source)
{
	int fd = openat(dirfd, name, O_PATH | O_NOFOLLOW), result;
	struct sys_stat created;
	struct meta_node node = {
		.source_place = { dirfd, name, false },
		.fd = fd,
		.source = source,
		.created = &created,
	};

	REQUIRE(fd >= 0 && sys_statx(&sys, fd, "", false, &created) == 0);
	result = meta_apply_node(&sys, &keep_all, &node, &losses, &error);
	close(fd);
	return result;
}

static void nodes(void)
{
	int dirfd = unit_folder(), fd;
	struct sys_stat created, source;
	struct stat stat;

	begin(CHOWN_REFUSED);
	REQUIRE(mkfifoat(dirfd, "fifo", 0600) == 0);
	REQUIRE(sys_statx(&sys, dirfd, "fifo", false, &created) == 0);
	source = source_of(&created, 1, 0);
	source.mode = S_IFIFO | 04644;
	CHECK_EQUAL(apply_node(dirfd, "fifo", &source), 0);
	REQUIRE(fstatat(dirfd, "fifo", &stat, 0) == 0);
	CHECK_EQUAL(stat.st_mode & PERMISSIONS, 0644);
	CHECK_EQUAL(stat.st_mtim.tv_sec, source.mtime.tv_sec);
	/* The times of a link are its own, and its target's are left alone. */
	REQUIRE(symlinkat("fifo", dirfd, "link") == 0);
	source.mode = S_IFLNK | 0777;
	source.mtime.tv_sec = 1111111111;
	CHECK_EQUAL(apply_node(dirfd, "link", &source), 0);
	REQUIRE(fstatat(dirfd, "link", &stat, AT_SYMLINK_NOFOLLOW) == 0);
	CHECK_EQUAL(stat.st_mtim.tv_sec, 1111111111);
	REQUIRE(fstatat(dirfd, "fifo", &stat, 0) == 0);
	CHECK_EQUAL(stat.st_mtim.tv_sec, 1234567890);
	CHECK_EQUAL(stat.st_mode & PERMISSIONS, 0644);
	/* Of a descriptor of the link itself, too, nothing leads on. */
	fd = openat(dirfd, "link", O_PATH | O_NOFOLLOW);
	REQUIRE(fd >= 0);
	CHECK(sys_fchmod_path(&sys, fd, 0666) < 0);
	close(fd);
	REQUIRE(fstatat(dirfd, "fifo", &stat, 0) == 0);
	CHECK_EQUAL(stat.st_mode & PERMISSIONS, 0644);
	/* What was opened is what is changed, whatever has the name by then. */
	fd = openat(dirfd, "fifo", O_PATH | O_NOFOLLOW);
	REQUIRE(fd >= 0 && renameat(dirfd, "fifo", dirfd, "away") == 0);
	REQUIRE(mkfifoat(dirfd, "fifo", 0600) == 0);
	CHECK_EQUAL(sys_fchmod_path(&sys, fd, 0611), 0);
	close(fd);
	REQUIRE(fstatat(dirfd, "away", &stat, 0) == 0);
	CHECK_EQUAL(stat.st_mode & PERMISSIONS, 0611);
	REQUIRE(fstatat(dirfd, "fifo", &stat, 0) == 0);
	CHECK_EQUAL(stat.st_mode & PERMISSIONS, 0600);
	close(dirfd);
}

static void inherited(void)
{
	static const struct settings nothing;
	int dirfd = unit_folder(), old, new;
	struct sys_stat existing, created;
	char value[16];
	struct meta_file file;

	begin(CHOWN_REAL);
	old = make_file(dirfd, "old", 0600, &existing);
	new = make_file(dirfd, "new", 0600, &created);
	file = (struct meta_file){ .fd = new, .source_fd = new, .source = &created,
				   .created = &created, .existing = &existing,
				   .existing_fd = old };
	CHECK_EQUAL(meta_apply_file(&sys, &nothing, &file, &losses, &error), 0);
	if (fsetxattr(old, "user.colour", "red", 3, 0) != 0)
		SKIP("no user attributes here");
	REQUIRE(fsetxattr(old, "user.weir.own", "x", 1, 0) == 0);
	REQUIRE(fsetxattr(old, "user.empty", "", 0, 0) == 0);
	CHECK_EQUAL(meta_apply_file(&sys, &nothing, &file, &losses, &error), 0);
	CHECK_EQUAL(fgetxattr(new, "user.colour", value, sizeof(value)), 3);
	CHECK(memcmp(value, "red", 3) == 0);
	CHECK_EQUAL(fgetxattr(new, "user.empty", value, sizeof(value)), 0);
	CHECK_EQUAL(fgetxattr(new, "user.weir.own", value, sizeof(value)), -1);
	close(old);
	close(new);
	close(dirfd);
}

/* Attributes of every size go from file to file, but for those that never do. */
static void attributes(void)
{
	int dirfd = unit_folder(), old, new;
	struct sys_stat source, created;
	static char large[3000], value[4000];
	char name[32];
	struct meta_file file;

	begin(CHOWN_REAL);
	old = make_file(dirfd, "old", 0600, &source);
	new = make_file(dirfd, "new", 0600, &created);
	if (fsetxattr(old, "user.colour", "red", 3, 0) != 0)
		SKIP("no user attributes here");
	memset(large, 'x', sizeof(large));
	REQUIRE(fsetxattr(old, "user.weir.own", "x", 1, 0) == 0);
	for (int i = 0; i < 30; i++) { /* more names than fit the first try */
		snprintf(name, sizeof(name), "user.a-long-name-%02d", i);
		if (fsetxattr(old, name, "v", 1, 0) != 0)
			break;
	}
	if (fsetxattr(old, "user.large", large, sizeof(large), 0) != 0)
		large[0] = '\0';
	file = (struct meta_file){ .fd = new, .source_fd = old, .source = &source,
				   .created = &created, .existing_fd = -1 };
	CHECK_EQUAL(meta_apply_file(&sys, &keep_attributes, &file, &losses, &error), 0);
	CHECK(!losses_any(&losses));
	CHECK_EQUAL(fgetxattr(new, "user.colour", value, sizeof(value)), 3);
	CHECK_EQUAL(fgetxattr(new, "user.weir.own", value, sizeof(value)), -1);
	CHECK_EQUAL(flistxattr(old, NULL, 0) - (ssize_t)sizeof("user.weir.own"),
		    flistxattr(new, NULL, 0));
	if (large[0] != '\0') {
		CHECK_EQUAL(fgetxattr(new, "user.large", value, sizeof(value)), sizeof(large));
		CHECK(memcmp(value, large, sizeof(large)) == 0);
	}
	close(old);
	close(new);
	close(dirfd);
}

/* What an attribute's name says about it. */
static void properties(void)
{
	static const struct {
		const char *attribute;
		int property; /* -1: never */
	} cases[] = {
		{ "user.x", WEIR_PROPERTY_XATTR },
		{ "trusted.x", WEIR_PROPERTY_XATTR },
		{ "security.capability", WEIR_PROPERTY_CAPS },
		{ "security.selinux", WEIR_PROPERTY_CONTEXT },
		{ "system.posix_acl_access", WEIR_PROPERTY_ACL },
		{ "system.nfs4_acl", WEIR_PROPERTY_ACL },
		{ "security.ima", -1 },
		{ "security.evm", -1 },
		{ "trusted.overlay.opaque", -1 },
		{ "user.weir.mark", -1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum weir_property property = WEIR_PROPERTY_MODE;
		bool copied = xattr_property(cases[i].attribute, &property);

		CHECK_EQUAL(copied ? (int)property : -1, cases[i].property);
	}
}

/* The kernel's form of an ACL: a version, and entries of tag, permissions, id. */
static void narrow_modes(void)
{
	unsigned char list[] = { 2, 0, 0, 0,
				 1, 0, 7, 0, 255, 255, 255, 255,    /* owner rwx */
				 2, 0, 6, 0, 57, 48, 0, 0,	    /* a user rw- */
				 4, 0, 5, 0, 255, 255, 255, 255,    /* owning group r-x */
				 16, 0, 6, 0, 255, 255, 255, 255,   /* mask rw- */
				 32, 0, 0, 0, 255, 255, 255, 255 }; /* others --- */
	struct xattr_acls acls = { .access = { list, sizeof(list) } };
	struct xattr_acls none = { .access = { NULL, 0 } };

	CHECK_EQUAL(xattr_narrow_mode(&acls, 02760), 02740);
	CHECK_EQUAL(xattr_narrow_mode(&none, 02760), 02760);
	list[0] = 9; /* of a kernel to come */
	CHECK_EQUAL(xattr_narrow_mode(&acls, 02760), 02700);
}

static void comparing(void)
{
	struct timespec a = { 5, 10 }, b = { 5, 11 }, c = { 6, 0 }, before = { -1, 999999999 };

	CHECK(meta_newer(&b, &a) && !meta_newer(&a, &b) && !meta_newer(&a, &a));
	CHECK(meta_newer(&c, &b) && !meta_newer(&b, &c));
	CHECK(meta_newer(&a, &before) && !meta_newer(&before, &a));
	CHECK(meta_same_time(&a, &a) && !meta_same_time(&a, &b) && !meta_same_time(&b, &c));
}

static const struct unit_test tests[] = {
	{ "the owner is set before the mode and the mode before the times", order },
	{ "times are kept, and nothing else where nothing else is asked for", times },
	{ "setuid and setgid are dropped where the owner cannot be kept", setid_dropped },
	{ "setuid and setgid are kept only for the source's own owner", setid_kept },
	{ "an owner that cannot be kept is a loss, not an error", owner_lost },
	{ "setuid is not set where giving the file away only claims to work", setid_read_back },
	{ "the group is kept alone where the owner cannot be", group_alone },
	{ "a file that replaces one takes over its owner and mode, without set-id", takes_over },
	{ "a named temp is closed to others until its attributes are final", create_modes },
	{ "a folder can be worked in until it gets its final mode", folders },
	{ "a FIFO and a link get their own attributes", nodes },
	{ "user attributes of what is replaced are handed on, but our own", inherited },
	{ "attributes are copied, few and many, small and large, but our own", attributes },
	{ "the name of an attribute says what it is kept as", properties },
	{ "a mode without its ACL grants the group what the ACL does, and no more",
	  narrow_modes },
	{ "times are compared to the nanosecond", comparing },
};

UNIT_MAIN(tests)
