/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rights that a thread gives up, tried by somebody who wants out: with plain calls and on
 * a ring, which was made before or after.
 */
#include "lib/rights.h"

#include <linux/capability.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "lib/io_uring.h"
#include "unit.h"

#define SKIPPED 77

struct yard {
	struct sys sys;
	struct rights rights;
	struct io io;
	struct tally tally;
	int top;
	int source;
	int target;
	int outside;
};

static struct yard yard;

static int open_folder(const char *name)
{
	int fd;

	REQUIRE(mkdirat(yard.top, name, 0700) == 0);
	fd = openat(yard.top, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(fd >= 0);
	unit_write_text(fd, "f", "text");
	return fd;
}

static void open_yard(void)
{
	sys_open(&yard.sys);
	yard.top = unit_folder();
	yard.source = open_folder("source");
	yard.target = open_folder("target");
	yard.outside = open_folder("outside");
}

/* As a run does it.  Only in a child: there is no way back. */
static void confine(void)
{
	int result = rights_begin(&yard.rights, &yard.sys);

	if (result == -ENOSYS || result == -EOPNOTSUPP)
		exit(SKIPPED);
	REQUIRE(result == 0);
	REQUIRE(rights_allow(&yard.rights, yard.source, RIGHTS_LIST | RIGHTS_READ) == 0);
	REQUIRE(rights_allow(&yard.rights, yard.target,
			     RIGHTS_LIST | RIGHTS_READ | RIGHTS_WRITE | RIGHTS_CHANGE) == 0);
	REQUIRE(rights_gain_none(&yard.sys) == 0);
	REQUIRE(rights_enforce(&yard.rights) == 0);
	rights_end(&yard.rights);
}

static int open_result(int dirfd, const char *name, int flags)
{
	int fd = openat(dirfd, name, flags | O_CLOEXEC, 0600);
	int result = fd < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return result;
}

static int result_of(int result)
{
	return result < 0 ? -errno : 0;
}

/* Between folders EXDEV says the same. */
static bool is_refused(int result)
{
	return result == -EACCES || result == -EXDEV;
}

static void run_child(void (*function)(void *), void *argument)
{
	int status = unit_child(function, argument);

	REQUIRE(WIFEXITED(status));
	if (WEXITSTATUS(status) == SKIPPED)
		SKIP("%s", "no Landlock here, or no ring");
	CHECK_EQUAL(WEXITSTATUS(status), 0);
}

static void plain_child(void *unused)
{
	(void)unused;
	open_yard();
	confine();
	CHECK_EQUAL(open_result(yard.source, "f", O_RDONLY), 0);
	CHECK_EQUAL(open_result(yard.source, ".", O_RDONLY | O_DIRECTORY), 0);
	CHECK_EQUAL(open_result(yard.target, "f", O_RDWR | O_TRUNC), 0);
	CHECK_EQUAL(open_result(yard.target, "new", O_WRONLY | O_CREAT), 0);
	CHECK_EQUAL(open_result(yard.target, ".", O_WRONLY | O_TMPFILE), 0);
	CHECK_EQUAL(result_of(renameat(yard.target, "new", yard.target, "newer")), 0);

	CHECK_EQUAL(open_result(yard.source, "f", O_WRONLY), -EACCES);
	CHECK_EQUAL(open_result(yard.source, "f", O_RDONLY | O_TRUNC), -EACCES);
	CHECK_EQUAL(result_of(unlinkat(yard.source, "f", 0)), -EACCES);
	CHECK_EQUAL(result_of(mkdirat(yard.source, "d", 0700)), -EACCES);
	CHECK_EQUAL(open_result(yard.outside, "f", O_RDONLY), -EACCES);
	CHECK_EQUAL(open_result(yard.target, "../outside/f", O_RDONLY), -EACCES);
	CHECK_EQUAL(open_result(yard.outside, ".", O_RDONLY | O_DIRECTORY), -EACCES);
	CHECK_EQUAL(open_result(yard.outside, "new", O_WRONLY | O_CREAT), -EACCES);
	CHECK_EQUAL(result_of(symlinkat("x", yard.outside, "link")), -EACCES);
	CHECK(is_refused(result_of(renameat(yard.target, "f", yard.outside, "stolen"))));
	CHECK(is_refused(result_of(renameat(yard.outside, "f", yard.target, "stolen"))));
	CHECK(is_refused(result_of(linkat(yard.source, "f", yard.target, "other", 0))));
	CHECK_EQUAL(open_result(AT_FDCWD, "/etc/passwd", O_RDONLY), -EACCES);
}

static void plain(void)
{
	run_child(plain_child, NULL);
}

static int ring_open_result(int dirfd, const char *name, int flags)
{
	struct io_op *op = io_take(&yard.io, IO_OPEN, &yard, 0);
	int result;

	REQUIRE(op != NULL);
	op->fd = dirfd;
	op->name = name;
	op->open_flags = flags | O_CLOEXEC;
	io_issue(&yard.io, op);
	for (int i = 0; i < 100 && op->state != IO_DONE; i++)
		REQUIRE(io_turn(&yard.io, 100) == 0);
	REQUIRE(io_take_done(&yard.io) == op);
	result = op->result;
	io_give(&yard.io, op);
	if (result >= 0)
		close(result);
	return result < 0 ? result : 0;
}

static void open_ring(void)
{
	io_init(&yard.io, &yard.sys, &yard.tally);
	if (ring_open(&yard.io) < 0)
		exit(SKIPPED);
}

/* O_CREAT and O_TRUNC do not complete at once: threads of the kernel's do them. */
static void ring_child(void *before)
{
	open_yard();
	if (*(bool *)before)
		open_ring();
	confine();
	if (!*(bool *)before)
		open_ring();
	CHECK_EQUAL(ring_open_result(yard.source, "f", O_RDONLY), 0);
	CHECK_EQUAL(ring_open_result(yard.target, "new", O_WRONLY | O_CREAT), 0);
	CHECK_EQUAL(ring_open_result(yard.source, "f", O_WRONLY), -EACCES);
	CHECK_EQUAL(ring_open_result(yard.outside, "f", O_RDONLY), -EACCES);
	CHECK_EQUAL(ring_open_result(yard.outside, "new", O_WRONLY | O_CREAT), -EACCES);
	CHECK_EQUAL(ring_open_result(yard.target, "../outside/f", O_RDWR | O_TRUNC), -EACCES);
	CHECK_EQUAL(ring_open_result(AT_FDCWD, "/etc/passwd", O_RDONLY), -EACCES);
	io_close(&yard.io);
}

static void ring_made_after(void)
{
	bool before = false;

	run_child(ring_child, &before);
}

static void ring_made_before(void)
{
	bool before = true;

	run_child(ring_child, &before);
}

static void *thread_main(void *unused)
{
	(void)unused;
	CHECK_EQUAL(open_result(yard.outside, "f", O_RDONLY), -EACCES);
	CHECK_EQUAL(open_result(yard.source, "f", O_RDONLY), 0);
	return NULL;
}

static void inherited_child(void *unused)
{
	static char *const nothing[] = { (char *)(uintptr_t) "true", NULL };
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = 1 };
	pthread_t thread;
	int fd;

	(void)unused;
	open_yard();
	confine();
	REQUIRE(pthread_create(&thread, NULL, thread_main, NULL) == 0);
	pthread_join(thread, NULL);
	execv("/bin/true", nothing);
	CHECK_EQUAL(errno, EACCES);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && yard.rights.version >= 4)
		CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 &&
		      errno == EACCES);
}

static void inherited(void)
{
	run_child(inherited_child, NULL);
}

static void capabilities_child(void *unused)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	(void)unused;
	open_yard();
	REQUIRE(syscall(SYS_capget, &head, data) == 0);
	if ((data[0].permitted & 1U << CAP_CHOWN) == 0 ||
	    (data[0].permitted & 1U << CAP_DAC_OVERRIDE) == 0)
		exit(SKIPPED);
	CHECK_EQUAL(rights_keep(&yard.sys, 1ULL << CAP_CHOWN | 1ULL << 63), 1);
	CHECK_EQUAL(result_of(fchownat(yard.target, "f", 1, 1, 0)), 0);
	CHECK_EQUAL(result_of(mknodat(yard.target, "zero", S_IFCHR | 0600, makedev(1, 5))), -EPERM);
	CHECK_EQUAL(result_of(fchmodat(yard.target, "f", 0777, 0)), -EPERM);
	/* It does not come back. */
	CHECK_EQUAL(rights_keep(&yard.sys, ~0ULL), 1);
	CHECK_EQUAL(syscall(SYS_capset, &head, data) < 0 ? -errno : 0, -EPERM);
}

static void capabilities(void)
{
	run_child(capabilities_child, NULL);
}

static const struct unit_test tests[] = {
	{ "plain calls reach what is allowed and nothing else", plain },
	{ "a ring reaches what is allowed and nothing else", ring_made_after },
	{ "a ring that was made before is no way out", ring_made_before },
	{ "threads inherit it, no program starts, no connection is made", inherited },
	{ "capabilities that are not kept are gone for good", capabilities },
};

UNIT_MAIN(tests)
