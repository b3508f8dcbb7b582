// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libescape.so: for LD_PRELOAD; when the program sets the times of a file or removes a
 * name for the first time, it tries to get out, as whoever took it over would, with plain
 * calls and with a ring of its own, and tells on standard error how far it came, in lines
 *
 *   escape: WHAT: ERRNO
 *
 * where ERRNO is 0 if it succeeded.
 *
 *   ESCAPE_FILE=FILE      is read, written to and removed
 *   ESCAPE_FOLDER=FOLDER  is listed, and gets a new file
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

static atomic_flag tried = ATOMIC_FLAG_INIT;

static void tell(const char *what, long result)
{
	dprintf(STDERR_FILENO, "escape: %s: %ld\n", what, result < 0 ? (long)errno : 0);
}

static void try_open(const char *what, const char *path, int flags)
{
	int fd = openat(AT_FDCWD, path, flags | O_CLOEXEC, 0600);

	tell(what, fd);
	if (fd >= 0)
		close(fd);
}

static void try_ring(const char *what, const char *path, int flags)
{
	struct io_uring ring;
	struct io_uring_cqe *cqe;

	if (io_uring_queue_init(4, &ring, 0) < 0)
		return;
	io_uring_prep_openat(io_uring_get_sqe(&ring), AT_FDCWD, path, flags | O_CLOEXEC, 0600);
	if (io_uring_submit_and_wait(&ring, 1) == 1 && io_uring_peek_cqe(&ring, &cqe) == 0) {
		errno = cqe->res < 0 ? -cqe->res : 0;
		tell(what, cqe->res);
		if (cqe->res >= 0)
			close(cqe->res);
	}
	io_uring_queue_exit(&ring);
}

static void try_all(void)
{
	const char *file = getenv("ESCAPE_FILE"), *folder = getenv("ESCAPE_FOLDER");
	char new[4096];

	if (file == NULL || folder == NULL)
		return;
	snprintf(new, sizeof(new), "%s/new", folder);
	try_open("read", file, O_RDONLY);
	try_open("list", folder, O_RDONLY | O_DIRECTORY);
	try_open("write", file, O_WRONLY);
	try_open("create", new, O_WRONLY | O_CREAT);
	try_ring("ring read", file, O_RDONLY);
	try_ring("ring write", file, O_WRONLY);
	try_ring("ring create", new, O_WRONLY | O_CREAT);
	tell("remove", unlinkat(AT_FDCWD, file, 0));
	tell("run", execv("/bin/true", (char *[]){ (char *)"true", NULL }));
	/* What no copy needs. */
	tell("capture", socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
	errno = EPERM;
	tell("gain rights", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? -1 : 0);
}

static void try_once(void)
{
	if (atomic_flag_test_and_set(&tried))
		return;
	try_all();
}

int futimens(int fd, const struct timespec times[2])
{
	try_once();
	return (int)syscall(SYS_utimensat, fd, NULL, times, 0);
}

int unlinkat(int fd, const char *name, int flags)
{
	try_once();
	return (int)syscall(SYS_unlinkat, fd, name, flags);
}
