// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * deny: runs a command while the kernel fails all access to a range of a file,
 * also what a ring does, by pre-content events of fanotify (Linux 6.14, root).
 *
 *   deny [--mount] PATH OFFSET BYTES ERRNO -- COMMAND [ARGUMENT...]
 *
 * PATH is a file; or with --mount any place on a mounted file system, all files
 * of which are meant.  ERRNO is a number that the kernel lets through: EPERM,
 * EIO, EBUSY, ETXTBSY, EAGAIN, ENOSPC, EDQUOT.
 *
 * Exit: that of the command; 125: the kernel has no such events, or not here.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Newer than the headers of Debian 12. */
#define PRE_ACCESS 0x00100000ULL
#define INFO_TYPE_RANGE 6

struct info_range {
	struct fanotify_event_info_header header;
	uint32_t pad;
	uint64_t offset;
	uint64_t bytes;
};

struct range {
	uint64_t offset;
	uint64_t bytes;
	uint32_t errnum;
};

static bool
overlaps(const struct fanotify_event_metadata *event, const struct range *denied)
{
	const char *at = (const char *)event + event->metadata_len;
	const char *end = (const char *)event + event->event_len;

	while (at + sizeof(struct fanotify_event_info_header) <= end) {
		struct info_range range;
		struct fanotify_event_info_header header;

		memcpy(&header, at, sizeof(header));
		if (header.info_type == INFO_TYPE_RANGE && at + sizeof(range) <= end) {
			memcpy(&range, at, sizeof(range));
			return range.offset < denied->offset + denied->bytes &&
			       denied->offset < range.offset + range.bytes;
		}
		if (header.len == 0)
			break;
		at += header.len;
	}
	return false;
}

static void
answer(int group, const struct range *denied)
{
	_Alignas(struct fanotify_event_metadata) char buffer[8192];
	struct fanotify_event_metadata *event = (struct fanotify_event_metadata *)buffer;
	ssize_t bytes = read(group, buffer, sizeof(buffer));

	for (; FAN_EVENT_OK(event, bytes); event = FAN_EVENT_NEXT(event, bytes)) {
		struct fanotify_response response = { .fd = event->fd, .response = FAN_ALLOW };

		if ((event->mask & PRE_ACCESS) != 0 && overlaps(event, denied))
			response.response = FAN_DENY | denied->errnum << 24;
		if (write(group, &response, sizeof(response)) < 0)
			perror("deny: answer");
		close(event->fd);
	}
}

static int
run(int group, const struct range *denied, char *const command[])
{
	pid_t child = fork();
	struct pollfd wait_for[2];
	int status;

	if (child == 0) {
		close(group);
		execvp(command[0], command);
		_exit(127);
	}
	wait_for[0] = (struct pollfd){ .fd = group, .events = POLLIN };
	wait_for[1] = (struct pollfd){ .fd = (int)syscall(SYS_pidfd_open, child, 0),
				       .events = POLLIN };
	while (waitpid(child, &status, WNOHANG) == 0)
		if (poll(wait_for, 2, -1) > 0 && (wait_for[0].revents & POLLIN) != 0)
			answer(group, denied);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int
main(int argc, char *argv[])
{
	bool mount = argc > 1 && strcmp(argv[1], "--mount") == 0;
	struct range denied;
	int group;

	argv += mount;
	argc -= mount;
	if (argc < 7 || strcmp(argv[5], "--") != 0)
		return 125;
	denied.offset = strtoull(argv[2], NULL, 10);
	denied.bytes = strtoull(argv[3], NULL, 10);
	denied.errnum = (uint32_t)strtoul(argv[4], NULL, 10);
	group = fanotify_init(FAN_CLASS_PRE_CONTENT | FAN_CLOEXEC, O_RDONLY | O_LARGEFILE);
	if (group < 0 || fanotify_mark(group, FAN_MARK_ADD | (mount ? FAN_MARK_FILESYSTEM : 0),
				       PRE_ACCESS, AT_FDCWD, argv[1]) != 0) {
		fprintf(stderr, "deny: %s\n", strerror(errno));
		return 125;
	}
	return run(group, &denied, argv + 6);
}
