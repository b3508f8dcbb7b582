/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What every unit program uses: named tests, checks that print where and what,
 * a scratch folder, a seeded generator, and one summary line.
 *
 * A program is a table of tests and UNIT_MAIN().  An argument runs only the
 * tests whose name contains it.
 */
#ifndef WEIR_UNIT_H
#define WEIR_UNIT_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct unit_test {
	const char *name; /* a sentence about behaviour */
	void (*run)(void);
};

struct unit_state {
	unsigned failures; /* of the running test */
	bool skipped;
	char why[200];     /* the last reason to skip */
	char scratch[4096];
	char memory[4096];
	jmp_buf leave;
};

static struct unit_state unit;

static inline __attribute__((format(printf, 3, 4))) void unit_fail(const char *file, int line,
								     const char *format, ...)
{
	va_list arguments;

	/* The first ones tell; thousands more would only hide them. */
	if (unit.failures++ >= 10)
		return;
	printf("%s:%d: ", file, line);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	fflush(stdout);
}

static inline bool unit_check(bool good, const char *condition, const char *file, int line)
{
	if (!good)
		unit_fail(file, line, "not true: %s", condition);
	return good;
}

static inline bool unit_equal(long long a, long long b, const char *condition, const char *file,
			      int line)
{
	if (a != b)
		unit_fail(file, line, "not equal: %s (%lld, %lld)", condition, a, b);
	return a == b;
}

static inline bool unit_text(const char *a, const char *b, const char *condition, const char *file,
			     int line)
{
	bool good = a != NULL && b != NULL && strcmp(a, b) == 0;

	if (!good)
		unit_fail(file, line, "not equal: %s ('%.300s', '%.300s')", condition,
			  a != NULL ? a : "(null)", b != NULL ? b : "(null)");
	return good;
}

/* Each is true when the check held. */
#define CHECK(condition) unit_check((condition) ? true : false, #condition, __FILE__, __LINE__)
#define CHECK_EQUAL(a, b) \
	unit_equal((long long)(a), (long long)(b), #a " == " #b, __FILE__, __LINE__)
#define CHECK_TEXT(a, b) unit_text(a, b, #a " is " #b, __FILE__, __LINE__)

/* Says what is wrong in words. */
#define FAIL(text) unit_fail(__FILE__, __LINE__, "%s", text)

/* As CHECK(), and the test ends where it does not hold. */
#define REQUIRE(condition)                  \
	do {                                \
		if (!CHECK(condition))      \
			longjmp(unit.leave, 1); \
	} while (0)

/* Ends the test: this machine lacks what it needs. */
#define SKIP(...)                                                   \
	do {                                                        \
		snprintf(unit.why, sizeof(unit.why), __VA_ARGS__);  \
		unit.skipped = true;                                \
		longjmp(unit.leave, 1);                             \
	} while (0)

/* ---- a scratch folder ------------------------------------------------------- */

static inline int unit_remove_one(const char *path, const struct stat *stat, int type,
				  struct FTW *where)
{
	(void)stat, (void)where;
	if (type == FTW_DNR)
		chmod(path, 0700);
	return remove(path) == 0 || errno == ENOENT ? 0 : -1;
}

static inline void unit_remove_scratch(void)
{
	nftw(unit.scratch, unit_remove_one, 16, FTW_DEPTH | FTW_PHYS);
	if (strcmp(unit.memory, unit.scratch) != 0)
		nftw(unit.memory, unit_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A folder in TMPDIR and, where there is such a place, one in memory. */
static inline bool unit_make_scratch(void)
{
	const char *where = getenv("TMPDIR");

	snprintf(unit.scratch, sizeof(unit.scratch), "%s/weir-unit.XXXXXX",
		 where != NULL ? where : "/tmp");
	if (mkdtemp(unit.scratch) == NULL) {
		perror(unit.scratch);
		return false;
	}
	strcpy(unit.memory, "/dev/shm/weir-unit.XXXXXX");
	if (mkdtemp(unit.memory) == NULL)
		memcpy(unit.memory, unit.scratch, sizeof(unit.memory));
	return true;
}

static inline int unit_folder_in(const char *where)
{
	char path[4200];
	int fd;

	snprintf(path, sizeof(path), "%s/XXXXXX", where);
	fd = mkdtemp(path) != NULL ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	REQUIRE(fd >= 0);
	return fd;
}

/* A new empty folder, opened; all are removed when the program ends. */
static inline int unit_folder(void)
{
	return unit_folder_in(unit.scratch);
}

/* The same in memory, for thousands of names that no disk is to see. */
static inline int unit_memory_folder(void)
{
	return unit_folder_in(unit.memory);
}

/* Makes or overwrites a file. */
static inline void unit_write_file(int dirfd, const char *name, const void *data, size_t bytes)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	REQUIRE(fd >= 0);
	REQUIRE(write(fd, data, bytes) == (ssize_t)bytes);
	close(fd);
}

static inline void unit_write_text(int dirfd, const char *name, const char *text)
{
	unit_write_file(dirfd, name, text, strlen(text));
}

/* The start of a file as text; static, "" if there is none. */
static inline const char *unit_read_text(int dirfd, const char *name)
{
	static char text[256];
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	ssize_t bytes = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;

	if (fd >= 0)
		close(fd);
	text[bytes > 0 ? bytes : 0] = '\0';
	return text;
}

static inline bool unit_exists(int dirfd, const char *name)
{
	struct stat stat;

	return fstatat(dirfd, name, &stat, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Names in a folder, without "." and "..". */
static inline unsigned unit_count_names(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	unsigned count = 0;

	if (dir == NULL)
		return UINT32_MAX;
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count - 2;
}

/* Descriptors that this process has open. */
static inline unsigned unit_count_fds(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			count++;
	return count;
}

/* ---- chance that can be repeated ---------------------------------------------- */

/* splitmix64: every seed is a good one. */
static inline uint64_t unit_random(uint64_t *state)
{
	uint64_t value = *state += 0x9e3779b97f4a7c15ULL;

	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
	value = (value ^ value >> 27) * 0x94d049bb133111ebULL;
	return value ^ value >> 31;
}

/* A number from 0 to COUNT - 1. */
static inline uint32_t unit_below(uint64_t *state, uint32_t count)
{
	return (uint32_t)(unit_random(state) % count);
}

static inline bool unit_percent(uint64_t *state, uint32_t percent)
{
	return unit_below(state, 100) < percent;
}

static inline double unit_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- children ------------------------------------------------------------------- */

/* Runs a test or a part of it, until its end or the first REQUIRE() that does
 * not hold; setjmp() has a function for itself, so that no local is lost. */
static __attribute__((noinline, unused)) void unit_run_one(void (*run)(void *), void *argument)
{
	if (setjmp(unit.leave) == 0)
		run(argument);
}

/* Runs FUNCTION in a child; the status as wait() has it: 1 where a check did
 * not hold, 77 where it skipped. */
static inline int unit_child(void (*function)(void *), void *argument)
{
	int status = -1;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		unit_run_one(function, argument);
		fflush(stdout);
		_exit(unit.failures > 0 ? 1 : unit.skipped ? 77 : 0);
	}
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

/* A child that is expected to stop at an assertion says so to nobody. */
static inline void unit_quiet_abort(void)
{
	struct rlimit none = { 0, 0 };
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	setrlimit(RLIMIT_CORE, &none);
	if (fd >= 0)
		dup2(fd, 2);
}

static inline bool unit_aborted(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

/* ---- main --------------------------------------------------------------------------- */

static inline void unit_call(void *test)
{
	((const struct unit_test *)test)->run();
}

static inline int unit_run_all(const struct unit_test *tests, size_t count, const char *filter)
{
	unsigned passed = 0, failed = 0, skipped = 0;

	for (size_t i = 0; i < count; i++) {
		if (filter != NULL && strstr(tests[i].name, filter) == NULL)
			continue;
		unit.failures = 0;
		unit.skipped = false;
		unit_run_one(unit_call, (void *)(uintptr_t)&tests[i]);
		if (unit.failures > 0) {
			failed++;
			printf("not ok - %s\n", tests[i].name);
		} else if (unit.skipped) {
			skipped++;
			printf("ok - %s # skip %s\n", tests[i].name, unit.why);
		} else {
			passed++;
			printf("ok - %s\n", tests[i].name);
		}
		fflush(stdout);
	}
	printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
	if (passed == 0 && failed == 0)
		printf("%s\n", skipped > 0 ? unit.why : "no test has such a name");
	fflush(stdout);
	return failed > 0 ? 1 : passed > 0 ? 0 : 77;
}

/* All tests run in a child, so that whatever becomes of it no file is left. */
static inline int unit_run(const struct unit_test *tests, size_t count, const char *filter)
{
	int status = -1;
	pid_t child;

	if (!unit_make_scratch())
		return 1;
	child = fork();
	if (child == 0)
		exit(unit_run_all(tests, count, filter));
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	unit_remove_scratch();
	if (WIFSIGNALED(status))
		printf("ended by signal %d\n", WTERMSIG(status));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#define UNIT_MAIN(tests)                                                             \
	int main(int count, char **arguments)                                        \
	{                                                                            \
		return unit_run(tests, sizeof(tests) / sizeof((tests)[0]),           \
				count > 1 ? arguments[1] : NULL);                    \
	}

#endif
