// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * meddle: runs a command that is stopped whenever it does a certain thing to a
 * certain file, while another command changes what it likes.
 *
 *   meddle [--kernel] [CALL:WHEN PATH SHELL-COMMAND]... -- COMMAND [ARGUMENT...]
 *
 * CALL is read (of a file, or of the names in a folder), seek or list (the names
 * of the extended attributes); WHEN is the number of the call, counted over all
 * threads, or "every".  The file is the one that has PATH when meddle starts,
 * whatever becomes of its name.  The shell command runs while the call waits,
 * with the number of the call as $MEDDLE; what it does itself is not seen.
 *
 * A filter of seccomp sees the calls, so any user may use it; what goes through a
 * ring is not seen.  With --kernel, reads are permission events of fanotify, which
 * come from a ring, too, and need root.
 *
 * Exit: that of the command; 124: some shell command never ran, or failed; 125:
 * it cannot be done here.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define RULES_MAX 8
#define HELD_MAX 256

enum call { CALL_READ, CALL_SEEK, CALL_LIST };

static const struct {
	int number;
	enum call call;
} watched[] = {
	{ SYS_read, CALL_READ }, { SYS_pread64, CALL_READ }, { SYS_readv, CALL_READ },
	{ SYS_preadv, CALL_READ }, { SYS_preadv2, CALL_READ }, { SYS_getdents64, CALL_READ },
	{ SYS_lseek, CALL_SEEK }, { SYS_flistxattr, CALL_LIST },
};

#define WATCHED (sizeof(watched) / sizeof(watched[0]))

static struct rule {
	enum call call;
	long when; /* 0: every */
	long count;
	bool ran;
	struct stat file;
	const char *path;
	const char *command;
} rules[RULES_MAX];

static int rule_count;
static bool by_kernel;
static bool failed;
static pid_t child;

/* Events of the command that came while a shell command ran. */
static struct fanotify_event_metadata held[HELD_MAX];
static int held_count;

static void
die(const char *what)
{
	fprintf(stderr, "meddle: %s: %s\n", what, strerror(errno));
	if (child > 0)
		kill(child, SIGKILL);
	exit(125);
}

/* ---- fanotify ---- */

static void
allow(int group, int fd)
{
	struct fanotify_response response = { .fd = fd, .response = FAN_ALLOW };

	if (write(group, &response, sizeof(response)) < 0)
		die("answer");
	close(fd);
}

/* Lets go of what others did, and holds what the command did. */
static void
take_events(int group)
{
	_Alignas(struct fanotify_event_metadata) char buffer[8192];
	struct fanotify_event_metadata *event = (struct fanotify_event_metadata *)buffer;
	ssize_t bytes = read(group, buffer, sizeof(buffer));

	for (; FAN_EVENT_OK(event, bytes); event = FAN_EVENT_NEXT(event, bytes)) {
		if (event->pid != child)
			allow(group, event->fd);
		else if (held_count < HELD_MAX)
			held[held_count++] = *event;
	}
}

/* ---- rules ---- */

static void
run_rule(struct rule *rule, int group)
{
	char count[24];
	pid_t shell;
	int status;

	snprintf(count, sizeof(count), "%ld", rule->count);
	shell = fork();
	if (shell == 0) {
		setenv("MEDDLE", count, 1);
		execl("/bin/sh", "sh", "-c", rule->command, (char *)NULL);
		_exit(127);
	}
	if (shell < 0)
		die("fork");
	while (waitpid(shell, &status, group >= 0 ? WNOHANG : 0) == 0) {
		struct pollfd events = { .fd = group, .events = POLLIN };

		if (poll(&events, 1, 1) > 0)
			take_events(group);
	}
	rule->ran = true;
	if (status != 0) {
		fprintf(stderr, "meddle: it failed: %s\n", rule->command);
		failed = true;
	}
}

static void
consider(enum call call, const struct stat *file, int group)
{
	for (int i = 0; i < rule_count; i++) {
		struct rule *rule = &rules[i];

		if (rule->call != call || rule->file.st_dev != file->st_dev ||
		    rule->file.st_ino != file->st_ino)
			continue;
		rule->count++;
		if (rule->when == 0 || rule->when == rule->count)
			run_rule(rule, group);
	}
}

static void
serve_kernel(int group)
{
	take_events(group);
	while (held_count > 0) {
		struct fanotify_event_metadata event = held[0];
		struct stat file;

		memmove(held, held + 1, (size_t)--held_count * sizeof(held[0]));
		if (fstat(event.fd, &file) == 0)
			consider(CALL_READ, &file, group);
		allow(group, event.fd);
	}
}

/* ---- seccomp ---- */

static void
serve_filter(int listener, int group)
{
	struct seccomp_notif call = { 0 };
	struct seccomp_notif_resp answer = { .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
	struct stat file;
	char path[64];

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0)
		return; /* its thread is gone */
	snprintf(path, sizeof(path), "/proc/%u/fd/%d", call.pid, (int)call.data.args[0]);
	if (stat(path, &file) == 0)
		for (size_t i = 0; i < WATCHED; i++)
			if (watched[i].number == call.data.nr &&
			    !(by_kernel && watched[i].call == CALL_READ))
				consider(watched[i].call, &file, group);
	answer.id = call.id;
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer) != 0 && errno != ENOENT)
		die("go on");
}

static void
send_fd(int socket, int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec one = { .iov_base = control, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &one,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	if (sendmsg(socket, &message, 0) < 0)
		die("send");
}

static int
receive_fd(int socket)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	char byte;
	struct iovec one = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &one,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) <= 0 || CMSG_FIRSTHDR(&message) == NULL) {
		errno = EPERM;
		die("filter");
	}
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

static int
install_filter(void)
{
	struct sock_filter filter[2 * WATCHED + 2];
	struct sock_fprog program = { .filter = filter };
	unsigned short at = 0;

	filter[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						    offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < WATCHED; i++) {
		filter[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							    (uint32_t)watched[i].number, 0, 1);
		filter[at++] =
			(struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	}
	filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	program.len = at;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
			    &program);
}

/* ---- the command ---- */

static void
start(char *const command[], int socket)
{
	int listener = install_filter();

	if (listener < 0)
		_exit(125);
	send_fd(socket, listener);
	close(listener);
	close(socket);
	execvp(command[0], command);
	fprintf(stderr, "meddle: %s: %s\n", command[0], strerror(errno));
	_exit(127);
}

static int
watch(int group, char *const command[])
{
	struct pollfd wait_for[3] = { { .events = POLLIN }, { .events = POLLIN },
				      { .events = POLLIN } };
	int sockets[2];
	int status;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0)
		die("socketpair");
	child = fork();
	if (child < 0)
		die("fork");
	if (child == 0) {
		close(sockets[0]);
		start(command, sockets[1]);
	}
	close(sockets[1]);
	wait_for[0].fd = (int)syscall(SYS_pidfd_open, child, 0);
	wait_for[1].fd = receive_fd(sockets[0]);
	wait_for[2].fd = group;
	while (waitpid(child, &status, WNOHANG) == 0) {
		if (poll(wait_for, 3, -1) < 0)
			die("poll");
		if ((wait_for[1].revents & POLLIN) != 0)
			serve_filter(wait_for[1].fd, group);
		if ((wait_for[2].revents & POLLIN) != 0)
			serve_kernel(group);
		if ((wait_for[1].revents & (POLLHUP | POLLERR)) != 0)
			wait_for[1].fd = -1;
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static bool
take_rule(const char *what, const char *path, const char *command)
{
	static const char *const names[] = { "read", "seek", "list" };
	const char *colon = strchr(what, ':');
	struct rule *rule = &rules[rule_count];
	size_t i;

	if (colon == NULL || rule_count == RULES_MAX)
		return false;
	for (i = 0; i < 3; i++)
		if (strlen(names[i]) == (size_t)(colon - what) &&
		    memcmp(names[i], what, (size_t)(colon - what)) == 0)
			break;
	*rule = (struct rule){ .call = (enum call)i, .path = path, .command = command };
	rule->when = strcmp(colon + 1, "every") == 0 ? 0 : strtol(colon + 1, NULL, 10);
	if (i == 3 || (rule->when == 0 && strcmp(colon + 1, "every") != 0))
		return false;
	if (stat(path, &rule->file) != 0)
		die(path);
	rule_count++;
	return true;
}

static int
mark_files(void)
{
	int group = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK,
				  O_RDONLY | O_LARGEFILE | O_CLOEXEC);

	if (group < 0)
		die("fanotify");
	for (int i = 0; i < rule_count; i++)
		if (rules[i].call == CALL_READ &&
		    fanotify_mark(group, FAN_MARK_ADD, FAN_ACCESS_PERM | FAN_ONDIR, AT_FDCWD,
				  rules[i].path) != 0)
			die(rules[i].path);
	return group;
}

int
main(int argc, char *argv[])
{
	int group = -1;
	int at = 1;
	int status;

	if (at < argc && strcmp(argv[at], "--kernel") == 0) {
		by_kernel = true;
		at++;
	}
	for (; at < argc && strcmp(argv[at], "--") != 0; at += 3)
		if (at + 2 >= argc || !take_rule(argv[at], argv[at + 1], argv[at + 2]))
			break;
	if (at + 1 >= argc || strcmp(argv[at], "--") != 0) {
		fputs("usage: meddle [--kernel] [CALL:WHEN PATH SHELL-COMMAND]... -- COMMAND\n",
		      stderr);
		return 125;
	}
	if (by_kernel)
		group = mark_files();
	status = watch(group, argv + at + 1);
	for (int i = 0; i < rule_count; i++)
		if (!rules[i].ran) {
			fprintf(stderr, "meddle: it never ran: %s\n", rules[i].command);
			failed = true;
		}
	return failed ? 124 : status;
}
