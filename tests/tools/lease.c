// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * lease: holds a write lease on a file while a command runs.
 *
 *   lease PATH UNTIL -- COMMAND [ARGUMENT...]
 *
 * Who opens the file must wait, or is told EWOULDBLOCK, until the lease is given
 * up: once there is a file UNTIL, "asked" for when somebody wants to open it,
 * "end" for when the command has ended.  The kernel takes the lease away after
 * /proc/sys/fs/lease-break-time.
 *
 * Exit: that of the command; 124: nobody wanted the file; 125: no lease here.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t asked;

static void
take_signal(int number)
{
	(void)number;
	asked = 1;
}

static bool
is_time(const char *until)
{
	if (strcmp(until, "end") == 0)
		return false;
	return strcmp(until, "asked") == 0 ? asked != 0 : access(until, F_OK) == 0;
}

int
main(int argc, char *argv[])
{
	struct sigaction action = { .sa_handler = take_signal };
	struct pollfd ended = { .events = POLLIN };
	int status, fd;
	pid_t child;

	if (argc < 5 || strcmp(argv[3], "--") != 0)
		return 125;
	sigaction(SIGIO, &action, NULL);
	fd = open(argv[1], O_RDWR | O_CLOEXEC);
	if (fd < 0 || fcntl(fd, F_SETLEASE, F_WRLCK) != 0) {
		fprintf(stderr, "lease: %s: %s\n", argv[1], strerror(errno));
		return 125;
	}
	child = fork();
	if (child == 0) {
		close(fd);
		execvp(argv[4], argv + 4);
		_exit(127);
	}
	ended.fd = (int)syscall(SYS_pidfd_open, child, 0);
	while (waitpid(child, &status, WNOHANG) == 0) {
		poll(&ended, 1, 2);
		if (fd >= 0 && is_time(argv[2])) {
			fcntl(fd, F_SETLEASE, F_UNLCK);
			close(fd);
			fd = -1;
		}
	}
	if (!asked)
		return 124;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
