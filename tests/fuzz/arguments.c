/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The command line: whatever the words are, all is read and judged up to the first look
 * at an operand.  What is wrong is exit 2 and one message that begins with the name of
 * the program; what is right says nothing, and is nothing that the library refuses; and
 * no file is opened but the lists that the words name.
 *
 * Input: a byte (1: the program is cp; 2: the terminal takes UTF-8); texts that each end
 * with NUL: variables, as NAME=VALUE, up to an empty one; what each list holds, with
 * newlines; and the words.  One that begins with \1 and another byte begins with the name
 * of the option of that number instead, so that a few bytes are many options.
 *
 * Wraps: write getenv fopen fopen64 trust_list trust_path session_run log_open dup
 * Wraps: escape_locale_is_utf8 open open64 openat openat64 stat stat64 fstatat fstatat64
 * Wraps: lstat lstat64 opendir sys_openat sys_openat2_plain sys_statx event_queue_open
 * Wraps: weir_run_set weir_bounds
 *
 * Fuzz: -max_len=600
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/types.h>

#include "cmd/log.h"
#include "cmd/program.h"
#include "cmd/session.h"
#include "cmd/verbs.h"

#include "capture.h"
#include "lib/sys.h"

#define VARIABLES_MOST 8
#define WORDS_MOST 64

static struct {
	char *variables[VARIABLES_MOST];
	size_t variable_count;
	char *list;
	char *words[WORDS_MOST + 1];
	size_t word_count;
	bool utf8;
	bool reached; /* the run would begin */
} line;

/* ---- what the command is not to do, or finds here ---- */

/* Of these there must be no call while words are read. */
#define FORBIDDEN(type, name, parameters, arguments) \
	type __real_##name parameters;               \
	type __wrap_##name parameters;               \
	type __wrap_##name parameters                \
	{                                            \
		FUZZ_CHECK(!capture.on);             \
		return __real_##name arguments;      \
	}

/* The C library may have large files under other names. */
#define FORBIDDEN_BOTH(type, name, parameters, arguments) \
	FORBIDDEN(type, name, parameters, arguments)      \
	FORBIDDEN(type, name##64, parameters, arguments)

FORBIDDEN_BOTH(int, open, (const char *path, int flags, mode_t mode), (path, flags, mode))
FORBIDDEN_BOTH(int, openat, (int fd, const char *path, int flags, mode_t mode),
	       (fd, path, flags, mode))
FORBIDDEN_BOTH(int, stat, (const char *path, void *status), (path, status))
FORBIDDEN_BOTH(int, lstat, (const char *path, void *status), (path, status))
FORBIDDEN_BOTH(int, fstatat, (int fd, const char *path, void *status, int flags),
	       (fd, path, status, flags))
FORBIDDEN(void *, opendir, (const char *path), (path))
FORBIDDEN(int, sys_openat, (struct sys * sys, int fd, const char *name, int flags, mode_t mode),
	  (sys, fd, name, flags, mode))
FORBIDDEN(int, sys_openat2_plain, (struct sys * sys, int fd, const char *name, int flags),
	  (sys, fd, name, flags))
FORBIDDEN(int, sys_statx,
	  (struct sys * sys, int fd, const char *name, bool dio, struct sys_stat *status),
	  (sys, fd, name, dio, status))

char *__real_getenv(const char *name);
char *__wrap_getenv(const char *name);

char *__wrap_getenv(const char *name)
{
	size_t bytes = strlen(name);

	if (!capture.on)
		return __real_getenv(name);
	for (size_t i = 0; i < line.variable_count; i++)
		if (strncmp(line.variables[i], name, bytes) == 0 && line.variables[i][bytes] == '=')
			return line.variables[i] + bytes + 1;
	return NULL;
}

/* Each list holds the same. */
static FILE *open_list(void)
{
	FILE *stream = fmemopen(line.list, strlen(line.list), "r");

	FUZZ_CHECK(stream != NULL);
	return stream;
}

FILE *__real_fopen(const char *path, const char *mode);
FILE *__real_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode);

FILE *__wrap_fopen(const char *path, const char *mode)
{
	return capture.on ? open_list() : __real_fopen(path, mode);
}

FILE *__wrap_fopen64(const char *path, const char *mode)
{
	return capture.on ? open_list() : __real_fopen64(path, mode);
}

int __wrap_trust_list(const char *file);
int __wrap_trust_path(const char *path);
bool __wrap_log_open(struct log *log, const char *file, struct text *why);
void __wrap_session_run(struct session *session);
int __wrap_event_queue_open(void *queue, void *tally, int event_fd);
bool __wrap_escape_locale_is_utf8(void);
int __real_dup(int fd);
int __wrap_dup(int fd);

int __wrap_trust_list(const char *file)
{
	FUZZ_CHECK(file[0] != '\0');
	return 0;
}

int __wrap_trust_path(const char *path)
{
	(void)path;
	FUZZ_CHECK(!capture.on);
	return 0;
}

bool __wrap_log_open(struct log *log, const char *file, struct text *why)
{
	(void)why;
	*log = (struct log){ .fd = -1, .file = file };
	return true;
}

int __real_weir_run_set(struct weir_run *run, enum weir_option option, int64_t value);
int __wrap_weir_run_set(struct weir_run *run, enum weir_option option, int64_t value);
int __real_weir_bounds(enum weir_option option, int64_t *lowest, int64_t *highest);
int __wrap_weir_bounds(enum weir_option option, int64_t *lowest, int64_t *highest);

/* What is out of bounds was refused by name before, and not by a number here. */
int __wrap_weir_run_set(struct weir_run *run, enum weir_option option, int64_t value)
{
	FUZZ_CHECK(__real_weir_run_set(run, option, value) == 0);
	return 0;
}

int __wrap_weir_bounds(enum weir_option option, int64_t *lowest, int64_t *highest)
{
	FUZZ_CHECK(__real_weir_bounds(option, lowest, highest) == 0);
	return 0;
}

/* The first thing that is opened, when all that was asked for was found to be possible. */
int __wrap_event_queue_open(void *queue, void *tally, int event_fd)
{
	(void)queue, (void)tally, (void)event_fd;
	return -ENODATA;
}

void __wrap_session_run(struct session *session)
{
	struct weir_event *event;

	FUZZ_CHECK(!line.reached && session->run != NULL && session->status == 0);
	line.reached = true;
	if (session->source_count > 0)
		FUZZ_CHECK(weir_run_next(session->run, 0, &event) == -ENODATA);
}

bool __wrap_escape_locale_is_utf8(void)
{
	return line.utf8;
}

/* Only to see whether standard output was lost. */
int __wrap_dup(int fd)
{
	if (!capture.on)
		return __real_dup(fd);
	errno = EBADF;
	return -1;
}

/* ---- the line ---- */

static char *read_word(struct fuzz_input *input)
{
	char *text = fuzz_text(input), *word;
	size_t count = 0, size;

	if (text[0] != '\1' || text[1] == '\0')
		return text;
	while (options[count].name != NULL)
		count++;
	count = (unsigned char)text[1] % count;
	size = strlen(options[count].name) + strlen(text) + 1;
	word = fuzz_alloc(size);
	snprintf(word, size, "--%s%s", options[count].name, text + 2);
	free(text);
	return word;
}

static void read_line(struct fuzz_input *input)
{
	char *variable;

	while ((variable = fuzz_text(input))[0] != '\0') {
		if (line.variable_count < VARIABLES_MOST)
			line.variables[line.variable_count++] = variable;
		else
			free(variable);
	}
	free(variable);
	line.list = fuzz_text(input);
	while (input->left > 0 && line.word_count < WORDS_MOST)
		line.words[line.word_count++] = read_word(input);
	line.words[line.word_count] = NULL;
}

static void free_line(void)
{
	while (line.variable_count > 0)
		free(line.variables[--line.variable_count]);
	while (line.word_count > 0)
		free(line.words[--line.word_count]);
	free(line.list);
	line.list = NULL;
}

static bool is_word(const char *text)
{
	for (size_t i = 0; i < line.word_count; i++)
		if (strncmp(line.words[i], text, strlen(text)) == 0)
			return true;
	return false;
}

static void check_result(int status)
{
	if (status != 0) {
		FUZZ_CHECK(status == 2 && !line.reached);
		FUZZ_CHECK(program_status(status) == (program_is_cp() ? 1 : 2));
		FUZZ_CHECK(capture_is_empty(STDOUT_FILENO));
		capture_check_message(program_name());
		return;
	}
	FUZZ_CHECK(capture_is_empty(STDERR_FILENO));
	/* A run, or something to read: but of the help no line alone is reached by chance. */
	FUZZ_CHECK(line.reached == capture_is_empty(STDOUT_FILENO));
	FUZZ_CHECK(line.reached || is_word("--") || is_word("-V") || is_word("help"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct fuzz_input input = { data, bytes };
	uint8_t bits = fuzz_byte(&input);
	FILE *before = stdin;
	int status;

	line.utf8 = (bits & 2) != 0;
	line.reached = false;
	read_line(&input);
	program_begin((bits & 1) != 0 ? "/usr/bin/cp" : "weir");
	stdin = open_list();
	capture_begin();
	status = verbs_run(line.words);
	capture_end();
	fclose(stdin);
	stdin = before;
	check_result(status);
	free_line();
	return 0;
}
