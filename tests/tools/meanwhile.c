// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * meanwhile: runs a command and, just before it makes a chosen system call,
 * something else, while the call waits.
 *
 *   meanwhile [--nth=N] [--each] CALL NAME SCRIPT -- COMMAND [ARGUMENT...]
 *
 * The N-th CALL (default: the first) about NAME is held until `sh -c SCRIPT` has
 * ended; with --each all after it, too.  CALL is a name of the table below.
 * NAME is the argument that names something; for a call with a descriptor alone
 * it is the last component of what the descriptor is open on.  It is a pattern of
 * the shell, such as `.weir.*`.  Calls are seen in all threads, but not what goes
 * through a ring.
 *
 * Exit: that of the command, or 128 + its signal; 125: calls cannot be held
 * here, or SCRIPT failed; 126: the call was never made.
 */
#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define BY_DESCRIPTOR (-1)

#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452 /* Linux 6.6 */
#endif

static const struct call {
	const char *name;
	long number;
	int argument; /* the name, or BY_DESCRIPTOR: argument 0 */
} calls[] = {
	{ "openat", __NR_openat, 1 },
	{ "statx", __NR_statx, 1 },
	{ "mkdirat", __NR_mkdirat, 1 },
	{ "linkat", __NR_linkat, 3 },
	{ "renameat2", __NR_renameat2, 3 },
	{ "symlinkat", __NR_symlinkat, 2 },
	{ "readlinkat", __NR_readlinkat, 1 },
	{ "getdents64", __NR_getdents64, BY_DESCRIPTOR },
	{ "pread64", __NR_pread64, BY_DESCRIPTOR },
	{ "fchmod", __NR_fchmod, BY_DESCRIPTOR },
	{ "fchmodat2", __NR_fchmodat2, BY_DESCRIPTOR },
	{ "fchownat", __NR_fchownat, BY_DESCRIPTOR },
	{ "utimensat", __NR_utimensat, BY_DESCRIPTOR },
	{ "flock", __NR_flock, BY_DESCRIPTOR },
	{ "mknodat", __NR_mknodat, 1 },
	{ "unlinkat", __NR_unlinkat, 1 },
};

static struct {
	const struct call *call;
	const char *name;
	const char *script;
	long nth;
	long seen;
	bool each;
	bool done;
} plan = { .nth = 1 };

static __attribute__((noreturn)) void die(const char *what)
{
	fprintf(stderr, "meanwhile: %s: %s\n", what, strerror(errno));
	exit(125);
}

static int install(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)plan.call->number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
			    &program);
}

union control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr header;
};

static void send_descriptor(int via, int fd)
{
	union control control = { .bytes = { 0 } };
	struct iovec byte = { "", 1 };
	struct msghdr message = { .msg_iov = &byte,
				  .msg_iovlen = 1,
				  .msg_control = control.bytes,
				  .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *part = CMSG_FIRSTHDR(&message);

	part->cmsg_level = SOL_SOCKET;
	part->cmsg_type = SCM_RIGHTS;
	part->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(part), &fd, sizeof(fd));
	if (sendmsg(via, &message, 0) != 1)
		die("sendmsg");
}

/* -1 if the other side ended without sending one. */
static int receive_descriptor(int via)
{
	union control control;
	char text;
	struct iovec byte = { &text, 1 };
	struct msghdr message = { .msg_iov = &byte,
				  .msg_iovlen = 1,
				  .msg_control = control.bytes,
				  .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *part;
	int fd;

	if (recvmsg(via, &message, MSG_CMSG_CLOEXEC) != 1)
		return -1;
	part = CMSG_FIRSTHDR(&message);
	if (part == NULL || part->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(&fd, CMSG_DATA(part), sizeof(fd));
	return fd;
}

static bool names_it(const struct seccomp_notif *held)
{
	char text[PATH_MAX] = "", link[64];
	const char *last = text;

	if (plan.call->argument == BY_DESCRIPTOR) {
		snprintf(link, sizeof(link), "/proc/%u/fd/%d", held->pid, (int)held->data.args[0]);
		if (readlink(link, text, sizeof(text) - 1) < 0)
			return false;
		last = strrchr(text, '/');
		return last != NULL && fnmatch(plan.name, last + 1, 0) == 0;
	}
	/* A page may end behind the name: less than asked for is no error. */
	for (size_t at = 0; at < sizeof(text) - 1; at++) {
		uintptr_t where = (uintptr_t)held->data.args[plan.call->argument] + at;
		struct iovec to = { text + at, 1 }, from;

		from.iov_base = (void *)where;
		from.iov_len = 1;
		if (process_vm_readv((pid_t)held->pid, &to, 1, &from, 1, 0) != 1)
			return false;
		if (text[at] == 0)
			return fnmatch(plan.name, text, 0) == 0;
	}
	return false;
}

static void serve(int listener)
{
	struct seccomp_notif held;
	struct seccomp_notif_resp answer;

	memset(&held, 0, sizeof(held));
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &held) != 0)
		return; /* its thread was killed */
	if ((!plan.done || plan.each) && names_it(&held) && ++plan.seen >= plan.nth) {
		plan.done = true;
		if (system(plan.script) != 0) {
			kill((pid_t)held.pid, SIGKILL);
			fputs("meanwhile: the script failed\n", stderr);
			exit(125);
		}
	}
	memset(&answer, 0, sizeof(answer));
	answer.id = held.id;
	answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

static int run(char *const command[])
{
	struct pollfd ready = { .events = POLLIN };
	int via[2], status;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, via) != 0)
		die("socketpair");
	child = fork();
	if (child < 0)
		die("fork");
	if (child == 0) {
		int listener = install();

		if (listener < 0)
			die("seccomp");
		send_descriptor(via[1], listener);
		close(listener);
		execvp(command[0], command);
		die(command[0]);
	}
	close(via[1]);
	ready.fd = receive_descriptor(via[0]);
	while (ready.fd >= 0 && poll(&ready, 1, -1) == 1 && (ready.revents & POLLIN) != 0)
		serve(ready.fd);
	if (waitpid(child, &status, 0) != child)
		die("wait");
	if (ready.fd >= 0 && !plan.done) {
		fprintf(stderr, "meanwhile: no %s of '%s'\n", plan.call->name, plan.name);
		return 126;
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int argc, char *argv[])
{
	static const struct option options[] = {
		{ "nth", required_argument, NULL, 'n' },
		{ "each", no_argument, NULL, 'e' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "+", options, NULL)) == 'n' || option == 'e') {
		if (option == 'e')
			plan.each = true;
		else
			plan.nth = atol(optarg);
	}
	argv += optind;
	argc -= optind;
	for (size_t i = 0; argc > 0 && i < sizeof(calls) / sizeof(calls[0]); i++)
		if (strcmp(calls[i].name, argv[0]) == 0)
			plan.call = &calls[i];
	if (option != -1 || argc < 5 || plan.call == NULL || strcmp(argv[3], "--") != 0) {
		fputs("usage: meanwhile [--nth=N] [--each] CALL NAME SCRIPT -- COMMAND...\n",
		      stderr);
		return 125;
	}
	plan.name = argv[1];
	plan.script = argv[2];
	return run(argv + 4);
}
