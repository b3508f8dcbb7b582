// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * strike: runs a command and strikes it at a chosen moment, with signals or by
 * cutting the power of a file system.
 *
 *   strike [OPTIONS] -- COMMAND [ARGUMENT...]
 *     --after-us=N      when, from the start of the command (default: never)
 *     --at-name=PATH    when PATH, a file or folder, appears
 *     --at-bytes=PATH:N when N bytes are in use on the file system of PATH
 *                       beyond those at the start
 *     --signal=NUMBER   what (default 9); given twice: the second one follows
 *                       at once
 *     --cut=MOUNT       what: the shutdown ioctl without a log flush; nothing
 *                       that was not on the device survives (ext4, XFS); at
 *                       the latest when the command has ended
 *     --report=FILE     one line "struck YES|NO exit|signal N us N rss_kib N"
 *
 * Exit: that of the command, or 128 + its signal; 124: it hung for 60 s after
 * the strike and was killed; 125: could not be done.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SHUTDOWN_IOCTL 0x8004587dUL
#define SHUTDOWN_NO_LOG_FLUSH 2
#define HANG_US (60 * INT64_C(1000000))

static struct {
	int64_t after_us;
	const char *name;
	char *bytes_path;
	uint64_t bytes;
	int signals[8];
	int signal_count;
	int cut_fd;
	const char *report;
} plan = { .after_us = -1, .cut_fd = -1 };

static int64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static uint64_t
bytes_used(const char *path)
{
	struct statfs st;

	if (statfs(path, &st) != 0) {
		fprintf(stderr, "strike: %s: %s\n", path, strerror(errno));
		exit(125);
	}
	return (uint64_t)(st.f_blocks - st.f_bfree) * (uint64_t)st.f_bsize;
}

/* CHILD is 0 when the command has ended already. */
static void
strike(pid_t child)
{
	int flags = SHUTDOWN_NO_LOG_FLUSH;
	int i;

	if (plan.cut_fd >= 0 && ioctl(plan.cut_fd, SHUTDOWN_IOCTL, &flags) != 0) {
		fprintf(stderr, "strike: cut: %s\n", strerror(errno));
		if (child > 0)
			kill(child, SIGKILL);
		exit(125);
	}
	for (i = 0; child > 0 && i < plan.signal_count; i++)
		kill(child, plan.signals[i]);
}

/* True when the moment has come.  Waits a little where the child still runs. */
static bool
moment(int pidfd, int64_t started_us, uint64_t bytes_at_start)
{
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };
	struct timespec wait = { .tv_nsec = 20000 };
	int64_t left_us;

	if (plan.name != NULL)
		return access(plan.name, F_OK) == 0;
	if (plan.bytes_path != NULL)
		return bytes_used(plan.bytes_path) >= bytes_at_start + plan.bytes;
	if (plan.after_us < 0) {
		ppoll(&ended, 1, NULL, NULL);
		return false;
	}
	left_us = started_us + plan.after_us - now_us();
	if (left_us <= 0)
		return true;
	wait.tv_sec = left_us / 1000000;
	wait.tv_nsec = left_us % 1000000 * 1000;
	ppoll(&ended, 1, &wait, NULL);
	return started_us + plan.after_us <= now_us();
}

static int
finish(int status, bool struck, int64_t us, long rss_kib)
{
	bool by_signal = WIFSIGNALED(status);
	int value = by_signal ? WTERMSIG(status) : WEXITSTATUS(status);
	FILE *file;

	if (plan.report != NULL) {
		file = fopen(plan.report, "w");
		if (file == NULL)
			return 125;
		fprintf(file, "struck %s %s %d us %jd rss_kib %ld\n", struck ? "YES" : "NO",
			by_signal ? "signal" : "exit", value, (intmax_t)us, rss_kib);
		fclose(file);
	}
	return by_signal ? 128 + value : value;
}

static int
run(char *const command[])
{
	uint64_t bytes_at_start = plan.bytes_path != NULL ? bytes_used(plan.bytes_path) : 0;
	int64_t started_us = now_us(), struck_us = 0;
	bool struck = false;
	struct rusage usage;
	pid_t child = fork();
	int status, pidfd;

	if (child == 0) {
		execvp(command[0], command);
		fprintf(stderr, "strike: %s: %s\n", command[0], strerror(errno));
		_exit(127);
	}
	pidfd = (int)syscall(SYS_pidfd_open, child, 0);
	if (child < 0 || pidfd < 0) {
		perror("strike: start");
		return 125;
	}
	while (wait4(child, &status, WNOHANG, &usage) == 0) {
		struct pollfd ended = { .fd = pidfd, .events = POLLIN };
		struct timespec tick = { .tv_nsec = 200000000 };

		if (!struck && moment(pidfd, started_us, bytes_at_start)) {
			strike(child);
			struck = true;
			struck_us = now_us();
		} else if (struck) {
			ppoll(&ended, 1, &tick, NULL);
			if (now_us() - struck_us > HANG_US) {
				kill(child, SIGKILL);
				waitpid(child, &status, 0);
				fputs("strike: the command hung\n", stderr);
				return 124;
			}
		}
	}
	if (!struck && plan.cut_fd >= 0)
		strike(0);
	return finish(status, struck, now_us() - started_us, usage.ru_maxrss);
}

static bool
take_option(int option)
{
	char *colon;

	switch (option) {
	case 'a':
		plan.after_us = strtoll(optarg, NULL, 10);
		return true;
	case 'n':
		plan.name = optarg;
		return true;
	case 'b':
		colon = strrchr(optarg, ':');
		if (colon == NULL)
			return false;
		plan.bytes = strtoull(colon + 1, NULL, 10);
		*colon = 0;
		plan.bytes_path = optarg;
		return true;
	case 's':
		if (plan.signal_count == 8)
			return false;
		plan.signals[plan.signal_count++] = atoi(optarg);
		return true;
	case 'c':
		plan.cut_fd = open(optarg, O_RDONLY | O_CLOEXEC);
		return plan.cut_fd >= 0;
	case 'r':
		plan.report = optarg;
		return true;
	default:
		return false;
	}
}

int
main(int argc, char *argv[])
{
	static const struct option options[] = {
		{ "after-us", required_argument, NULL, 'a' },
		{ "at-name", required_argument, NULL, 'n' },
		{ "at-bytes", required_argument, NULL, 'b' },
		{ "signal", required_argument, NULL, 's' },
		{ "cut", required_argument, NULL, 'c' },
		{ "report", required_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1)
		if (!take_option(option))
			return 125;
	if (optind >= argc)
		return 125;
	if (plan.signal_count == 0 && plan.cut_fd < 0)
		plan.signals[plan.signal_count++] = SIGKILL;
	return run(argv + optind);
}
