/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs a command and measures it from its start to its exit: wall clock, CPU
 * time of the process and all children it waited for, the peak memory of the
 * largest of them, the CPU time of the whole machine, and the growth of the
 * page cache.
 *
 * usage: measure [-n COUNT] [-s FOLDER] [-t SECONDS] [-l LOG] -o RESULT COMMAND [ARG...]
 *
 *  -n  run it COUNT times; each number of the result is the median by itself.
 *      "{}" in an argument becomes the number of the run.
 *  -s  syncfs() of FOLDER belongs to the time, as "COMMAND && sync -f FOLDER".
 *      The call is made here: a second process would count against the command.
 *  -t  end the command with its process group after SECONDS.
 *  -l  standard output and error of the command go here.
 *
 * RESULT gets one line: status (0, "exit N", "signal N", "timeout", "sync N"
 * with "-" for the space), then wall, user, system and machine seconds, peak
 * bytes, page cache growth in bytes.  The exit status is 0 if the status is.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

#define NS_PER_S 1000000000LL
#define STATUS_BYTES 32
#define ARGUMENT_BYTES 4096

struct settings {
	long count;
	long timeout_s;
	const char *sync_folder;
	const char *log;
	const char *result;
	char **command;
};

enum number { WALL_NS, USER_NS, SYSTEM_NS, MACHINE_NS, PEAK_BYTES, CACHED_BYTES, NUMBERS };

struct sample {
	int64_t numbers[NUMBERS];
	char status[STATUS_BYTES];
};

static void die(const char *what)
{
	fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
	exit(125);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static int64_t timeval_ns(const struct timeval *t)
{
	return t->tv_sec * NS_PER_S + t->tv_usec * 1000LL;
}

/* All CPU time of the machine that is not idle and not waiting, kernel threads
 * included.  Its grain is a clock tick. */
static int64_t machine_ns(void)
{
	long long field[8] = { 0 };
	long ticks_per_s = sysconf(_SC_CLK_TCK);
	FILE *f = fopen("/proc/stat", "re");

	if (!f)
		return 0;
	if (fscanf(f, "cpu %lld %lld %lld %lld %lld %lld %lld %lld", &field[0], &field[1],
		   &field[2], &field[3], &field[4], &field[5], &field[6], &field[7]) != 8)
		memset(field, 0, sizeof(field));
	fclose(f);
	return (field[0] + field[1] + field[2] + field[5] + field[6]) * (NS_PER_S / ticks_per_s);
}

static int64_t cached_bytes(void)
{
	char line[256];
	long long kib = 0;
	FILE *f = fopen("/proc/meminfo", "re");

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "Cached: %lld kB", &kib) == 1)
			break;
	fclose(f);
	return kib * 1024;
}

/* A copy of the command with "{}" replaced by the number of the run. */
static char **command_of_run(char **command, long run)
{
	size_t count = 0;
	char **copy;

	while (command[count])
		count++;
	copy = calloc(count + 1, sizeof(*copy));
	if (!copy)
		die("memory");
	for (size_t i = 0; i < count; i++) {
		char text[ARGUMENT_BYTES];
		const char *mark = strstr(command[i], "{}");

		if (mark)
			snprintf(text, sizeof(text), "%.*s%ld%s", (int)(mark - command[i]),
				 command[i], run, mark + 2);
		copy[i] = strdup(mark ? text : command[i]);
		if (!copy[i])
			die("memory");
	}
	return copy;
}

static void command_free(char **command)
{
	for (size_t i = 0; command[i]; i++)
		free(command[i]);
	free(command);
}

/* Spawned, not forked: the copy of this process would be part of the time.  It
 * gets a process group of its own, so that a timeout ends pipelines, too. */
static pid_t start(const struct settings *settings, char **command)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	pid_t pid;
	int error;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						      POSIX_SPAWN_SETPGROUP);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 1, settings->log,
					 O_WRONLY | O_CREAT | O_APPEND, 0644);
	posix_spawn_file_actions_adddup2(&actions, 1, 2);
	error = posix_spawnp(&pid, command[0], &actions, &attributes, command, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	if (error) {
		errno = error;
		return -1;
	}
	return pid;
}

/* Waits for the command; ends it when the time is up or when this program is
 * asked to end.  The result is the wait status, or -1 after a timeout. */
static int wait_for(pid_t pid, const sigset_t *signals, int64_t end_ns, struct rusage *usage)
{
	int status, signal_number;
	int timed_out = 0;

	for (;;) {
		int64_t left_ns = end_ns - now_ns();
		struct timespec left = { 0, 0 };

		if (wait4(pid, &status, WNOHANG, usage) == pid)
			return timed_out ? -1 : status;
		if (left_ns <= 0) {
			timed_out = 1;
			kill(-pid, SIGKILL);
			left_ns = NS_PER_S;
		}
		left.tv_sec = left_ns / NS_PER_S;
		left.tv_nsec = left_ns % NS_PER_S;
		signal_number = sigtimedwait(signals, NULL, &left);
		if (signal_number > 0 && signal_number != SIGCHLD) {
			kill(-pid, SIGKILL);
			wait4(pid, &status, 0, usage);
			exit(128 + signal_number);
		}
	}
}

static void describe(struct sample *sample, int status)
{
	if (status == -1)
		snprintf(sample->status, STATUS_BYTES, "timeout");
	else if (WIFSIGNALED(status))
		snprintf(sample->status, STATUS_BYTES, "signal-%d", WTERMSIG(status));
	else if (WEXITSTATUS(status))
		snprintf(sample->status, STATUS_BYTES, "exit-%d", WEXITSTATUS(status));
	else
		snprintf(sample->status, STATUS_BYTES, "0");
}

static int ok(const struct sample *sample)
{
	return strcmp(sample->status, "0") == 0;
}

static void sync_folder(int folder, struct sample *sample)
{
	if (folder >= 0 && ok(sample) && syncfs(folder) < 0)
		snprintf(sample->status, STATUS_BYTES, "sync-%d", errno);
}

static void run_once(const struct settings *settings, const sigset_t *signals, int folder,
		     long run, struct sample *sample)
{
	char **command = command_of_run(settings->command, run);
	struct rusage usage = { 0 }, before, after;
	int64_t *n = sample->numbers;
	int64_t begin_ns;
	pid_t pid;

	getrusage(RUSAGE_SELF, &before);
	n[CACHED_BYTES] = -cached_bytes();
	n[MACHINE_NS] = -machine_ns();
	begin_ns = now_ns();
	pid = start(settings, command);
	if (pid < 0)
		snprintf(sample->status, STATUS_BYTES, "start-%d", errno);
	else
		describe(sample, wait_for(pid, signals, begin_ns + settings->timeout_s * NS_PER_S,
					  &usage));
	sync_folder(folder, sample);
	n[WALL_NS] = now_ns() - begin_ns;
	n[MACHINE_NS] += machine_ns();
	n[CACHED_BYTES] += cached_bytes();
	getrusage(RUSAGE_SELF, &after);
	/* What this process used meanwhile is nearly all syncfs(). */
	n[USER_NS] = timeval_ns(&usage.ru_utime);
	n[SYSTEM_NS] = timeval_ns(&usage.ru_stime);
	if (folder >= 0)
		n[SYSTEM_NS] += timeval_ns(&after.ru_stime) - timeval_ns(&before.ru_stime);
	n[PEAK_BYTES] = usage.ru_maxrss * 1024LL;
	command_free(command);
}

static int compare_numbers(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int64_t median(const struct sample *samples, long count, enum number which)
{
	int64_t *values = calloc((size_t)count, sizeof(*values));
	int64_t middle;

	if (!values)
		die("memory");
	for (long i = 0; i < count; i++)
		values[i] = samples[i].numbers[which];
	qsort(values, (size_t)count, sizeof(*values), compare_numbers);
	middle = (values[(count - 1) / 2] + values[count / 2]) / 2;
	free(values);
	return middle;
}

static int write_result(const struct settings *settings, const struct sample *samples, long count)
{
	const struct sample *last = &samples[count - 1];
	FILE *f = fopen(settings->result, "we");

	if (!f)
		die(settings->result);
	fprintf(f, "%s", last->status);
	for (enum number i = WALL_NS; i <= MACHINE_NS; i++)
		fprintf(f, " %.6f", (double)median(samples, count, i) / (double)NS_PER_S);
	fprintf(f, " %" PRId64 " %" PRId64 "\n", median(samples, count, PEAK_BYTES),
		median(samples, count, CACHED_BYTES));
	if (fclose(f))
		die(settings->result);
	return ok(last) ? 0 : 1;
}

static void parse(struct settings *settings, int argc, char **argv)
{
	int letter;

	while ((letter = getopt(argc, argv, "+n:s:t:l:o:")) != -1) {
		switch (letter) {
		case 'n':
			settings->count = atol(optarg);
			break;
		case 's':
			settings->sync_folder = optarg;
			break;
		case 't':
			settings->timeout_s = atol(optarg);
			break;
		case 'l':
			settings->log = optarg;
			break;
		case 'o':
			settings->result = optarg;
			break;
		default:
			exit(2);
		}
	}
	settings->command = argv + optind;
	if (!settings->result || !settings->command[0] || settings->count < 1 ||
	    settings->timeout_s < 1) {
		fprintf(stderr, "measure: bad arguments\n");
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct settings settings = { .count = 1, .timeout_s = 3600, .log = "/dev/null" };
	struct sample *samples;
	sigset_t signals;
	int folder = -1;
	long done = 0;

	parse(&settings, argc, argv);
	samples = calloc((size_t)settings.count, sizeof(*samples));
	if (!samples)
		die("memory");
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	/* A killed script must not leave the command running. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (settings.sync_folder) {
		folder = open(settings.sync_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (folder < 0)
			die(settings.sync_folder);
	}
	/* After a failure the rest would only measure how fast it fails. */
	do {
		run_once(&settings, &signals, folder, done, &samples[done]);
		done++;
	} while (done < settings.count && ok(&samples[done - 1]));
	return write_result(&settings, samples, done);
}
