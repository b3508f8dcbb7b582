/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The plan of faults.  Other builds have nothing of this file.
 *
 * Invariants:
 * V1 a plan is constant once it is read, but for the counters of its rules, which
 *    one lock guards;
 * V2 nothing waits, and no program runs, with the lock held;
 * V3 a close is always made: what a rule changes of it is its result.
 */
#define _GNU_SOURCE
#include "fault.h"

#ifdef WEIR_FAULT_BUILD

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "error.h"
#include "invariant.h"

#define FAULT_RULES 32
#define FAULT_SHUTDOWN _IOR('X', 125, uint32_t) /* of ext4 and XFS */
#define FAULT_SHUTDOWN_NO_LOG 2
#define FAULT_WORD_BYTES 512
#define FAULT_TEXT_BYTES 32768

enum fault_deed {
	FAULT_NOTHING,
	FAULT_SIGNAL,
	FAULT_DELAY,
	FAULT_LATE,
	FAULT_RUN,
	FAULT_CUT,
};

struct fault_rule {
	uint64_t kinds; /* bits of enum sys_kind */
	char path[FAULT_WORD_BYTES];
	bool has_path;
	bool has_offset;
	uint64_t from, to; /* of offset=, the last byte included */
	uint64_t serial;   /* 0: any */
	uint64_t chance, of;
	uint64_t nth; /* 0: each */
	bool sticky;
	uint64_t met; /* operations so far that match all but nth */

	bool has_result;
	long result;
	bool has_part;
	long part; /* > 0: bytes; 0: half; -1: one less */
	enum fault_deed deed;
	int number;	     /* the signal, or milliseconds */
	const char *command; /* or the folder to cut */
	bool after;
};

struct fault {
	pthread_mutex_t lock;
	bool is_inline;
	bool is_seeded;
	uint64_t disk;	/* 0: as it is */
	uint64_t state; /* of chance */
	size_t count;
	struct fault_rule rules[FAULT_RULES];
	char text[FAULT_TEXT_BYTES]; /* the plan, cut into words */
};

_Static_assert(SYS_KINDS <= 64, "a bit for each kind");

/* Kinds of which a part can be done. */
#define FAULT_PARTS \
	(1ULL << SYS_READ | 1ULL << SYS_WRITE | 1ULL << SYS_LIST | 1ULL << SYS_COPY_RANGE)

/* ---- reading a plan ---- */

static bool fault_read_number(const char *text, char end, uint64_t *number)
{
	char *stop;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*number = strtoull(text, &stop, 10);
	return errno == 0 && *stop == end;
}

static bool fault_read_kinds(const char *text, uint64_t *kinds)
{
	if (strcmp(text, "*") == 0) {
		*kinds = UINT64_MAX;
		return true;
	}
	*kinds = 0;
	while (*text != '\0') {
		size_t bytes = strcspn(text, ",");
		unsigned kind = 0;

		while (kind < SYS_KINDS &&
		       (strncmp(point_kind_name((enum sys_kind)kind), text, bytes) != 0 ||
			point_kind_name((enum sys_kind)kind)[bytes] != '\0'))
			kind++;
		if (kind == SYS_KINDS)
			return false;
		*kinds |= 1ULL << kind;
		text += bytes + (text[bytes] == ',');
	}
	return *kinds != 0;
}

static bool fault_read_result(const char *text, long *result)
{
	uint64_t number;

	if (text[0] != '-') {
		if (!fault_read_number(text, '\0', &number))
			return false;
		*result = (long)number;
		return true;
	}
	for (int errnum = 1; errnum < 134; errnum++) {
		if (strcmp(error_errno_name(errnum), text + 1) == 0) {
			*result = -errnum;
			return true;
		}
	}
	if (!fault_read_number(text + 1, '\0', &number) || number == 0)
		return false;
	*result = -(long)number;
	return true;
}

static bool fault_read_part(const char *text, long *part)
{
	uint64_t number;

	if (strcmp(text, "half") == 0)
		*part = 0;
	else if (strcmp(text, "less") == 0)
		*part = -1;
	else if (fault_read_number(text, '\0', &number) && number > 0)
		*part = (long)number;
	else
		return false;
	return true;
}

static bool fault_read_range(const char *text, struct fault_rule *rule)
{
	const char *dots = strstr(text, "..");

	rule->has_offset = true;
	return dots != NULL && fault_read_number(text, '.', &rule->from) &&
	       fault_read_number(dots + 2, '\0', &rule->to) && rule->from <= rule->to;
}

static bool fault_read_chance(const char *text, struct fault_rule *rule)
{
	const char *slash = strchr(text, '/');

	return slash != NULL && fault_read_number(text, '/', &rule->chance) &&
	       fault_read_number(slash + 1, '\0', &rule->of) && rule->of > 0;
}

static bool fault_read_deed(const char *text, struct fault_rule *rule)
{
	uint64_t number;

	rule->deed = FAULT_SIGNAL;
	if (strcmp(text, "kill") == 0)
		rule->number = SIGKILL;
	else if (strcmp(text, "term") == 0)
		rule->number = SIGTERM;
	else if (strcmp(text, "int") == 0)
		rule->number = SIGINT;
	else if (strcmp(text, "late") == 0)
		rule->deed = FAULT_LATE;
	else if (strncmp(text, "cut:", 4) == 0) {
		rule->deed = FAULT_CUT;
		rule->command = text + 4;
	} else if (strncmp(text, "delay:", 6) == 0 && fault_read_number(text + 6, '\0', &number)) {
		rule->deed = FAULT_DELAY;
		rule->number = (int)number;
	} else
		return false;
	return true;
}

/* One word of a rule, but for do=run: and those of the whole run. */
static bool fault_read_word(const char *word, struct fault_rule *rule)
{
	const char *value = strchr(word, '=');
	size_t bytes = value != NULL ? (size_t)(value++ - word) : strlen(word);

#define FAULT_IS(key) (bytes == strlen(key) && strncmp(word, key, bytes) == 0)
	if (value == NULL)
		return FAULT_IS("sticky") && (rule->sticky = true);
	if (FAULT_IS("op"))
		return fault_read_kinds(value, &rule->kinds);
	if (FAULT_IS("path")) {
		rule->has_path = true;
		return snprintf(rule->path, sizeof(rule->path), "%s", value) <
		       (int)sizeof(rule->path);
	}
	if (FAULT_IS("offset"))
		return fault_read_range(value, rule);
	if (FAULT_IS("serial"))
		return fault_read_number(value, '\0', &rule->serial) && rule->serial > 0;
	if (FAULT_IS("p"))
		return fault_read_chance(value, rule);
	if (FAULT_IS("nth"))
		return fault_read_number(value, '\0', &rule->nth) && rule->nth > 0;
	if (FAULT_IS("ret"))
		return (rule->has_result = fault_read_result(value, &rule->result));
	if (FAULT_IS("short"))
		return (rule->has_part = fault_read_part(value, &rule->part));
	if (FAULT_IS("do"))
		return fault_read_deed(value, rule);
	if (FAULT_IS("when"))
		return (rule->after = strcmp(value, "after") == 0) || strcmp(value, "before") == 0;
#undef FAULT_IS
	return false;
}

/* A rule that can do nothing, or not what it says, is a mistake. */
static bool fault_is_sound(const struct fault_rule *rule)
{
	if (rule->has_part && (rule->has_result || rule->after))
		return false;
	if (rule->has_part && rule->kinds != UINT64_MAX && (rule->kinds & ~FAULT_PARTS) != 0)
		return false;
	if (rule->deed == FAULT_LATE && rule->after)
		return false;
	return rule->has_part || rule->has_result || rule->deed != FAULT_NOTHING;
}

/* The words of one rule, to the end of LINE, which is cut into them. */
static bool fault_read_rule(struct fault *fault, char *line)
{
	struct fault_rule *rule = &fault->rules[fault->count];
	uint64_t seed;
	bool any = false;

	*rule = (struct fault_rule){ .kinds = UINT64_MAX, .chance = 1, .of = 1 };
	for (;;) {
		char *word = line + strspn(line, " \t");
		size_t bytes = strcspn(word, " \t");

		if (*word == '\0' || *word == '#')
			break;
		if (strncmp(word, "do=run:", 7) == 0) {
			rule->deed = FAULT_RUN;
			rule->command = word + 7;
			any = true;
			break;
		}
		line = word + bytes + (word[bytes] != '\0');
		word[bytes] = '\0';
		if (strcmp(word, "inline") == 0) {
			fault->is_inline = true;
		} else if (strncmp(word, "seed=", 5) == 0 &&
			   fault_read_number(word + 5, '\0', &seed)) {
			fault->is_seeded = true;
			fault->state = seed;
		} else if (strncmp(word, "disk=", 5) == 0 &&
			   fault_read_number(word + 5, '\0', &fault->disk)) {
			/* all is said */
		} else if (fault_read_word(word, rule)) {
			any = true;
		} else {
			return false;
		}
	}
	if (!any)
		return true;
	fault->count++;
	return fault_is_sound(rule);
}

/* Not by malloc(), which may be what fails. */
static struct fault *fault_map(void)
{
	void *memory = mmap(NULL, sizeof(struct fault), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

struct fault *fault_new(const char *plan, const char **wrong)
{
	struct fault *fault = fault_map();
	const char *at = plan;

	*wrong = plan;
	if (fault == NULL || strlen(plan) >= sizeof(fault->text))
		return NULL;
	pthread_mutex_init(&fault->lock, NULL);
	while (*at != '\0') {
		size_t bytes = strcspn(at, "\n;");
		char *line = fault->text + (at - plan);

		memcpy(line, at, bytes);
		line[bytes] = '\0';
		*wrong = at + strspn(at, " \t");
		if (fault->count == FAULT_RULES || !fault_read_rule(fault, line)) {
			fault_free(fault);
			return NULL;
		}
		at += bytes + (at[bytes] != '\0');
	}
	return fault;
}

void fault_free(struct fault *fault)
{
	if (fault == NULL)
		return;
	pthread_mutex_destroy(&fault->lock);
	munmap(fault, sizeof(*fault));
}

bool fault_is_inline(const struct fault *fault)
{
	return fault->is_inline;
}

bool fault_reaches_out(const struct fault *fault)
{
	for (size_t i = 0; i < fault->count; i++)
		if (fault->rules[i].command != NULL)
			return true;
	return false;
}

uint64_t fault_disk(const struct fault *fault)
{
	return fault->disk;
}

/* ---- chance ---- */

/* SplitMix64; the lock is held. */
static uint64_t fault_chance(struct fault *fault)
{
	uint64_t mixed = fault->state += 0x9e3779b97f4a7c15ULL;

	mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9ULL;
	mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebULL;
	return mixed ^ mixed >> 31;
}

bool fault_random(struct fault *fault, void *bytes, size_t count)
{
	if (!fault->is_seeded)
		return false;
	pthread_mutex_lock(&fault->lock);
	for (size_t i = 0; i < count; i++)
		((uint8_t *)bytes)[i] = (uint8_t)fault_chance(fault);
	pthread_mutex_unlock(&fault->lock);
	return true;
}

/* ---- which ---- */

bool fault_wants_path(const struct fault *fault, enum sys_kind kind)
{
	for (size_t i = 0; i < fault->count; i++) {
		const struct fault_rule *rule = &fault->rules[i];

		if ((rule->kinds >> kind & 1) != 0 && (rule->has_path || rule->deed == FAULT_RUN))
			return true;
	}
	return false;
}

static bool fault_matches(struct fault *fault, const struct fault_rule *rule,
			  const struct sys_op *op, uint64_t serial, const char *path)
{
	uint64_t first = op->offset > 0 ? (uint64_t)op->offset : 0;

	if ((rule->kinds >> op->kind & 1) == 0)
		return false;
	if (rule->has_part && (1ULL << op->kind & FAULT_PARTS) == 0)
		return false;
	if (rule->serial != 0 && (rule->sticky ? serial < rule->serial : serial != rule->serial))
		return false;
	if (rule->has_offset && (first > rule->to || first + op->length <= rule->from))
		return false;
	if (rule->has_path && fnmatch(rule->path, path, FNM_NOESCAPE) != 0)
		return false;
	return rule->of == 1 || fault_chance(fault) % rule->of < rule->chance;
}

/* The first rule that has its turn with this operation; the lock is held.  All that
 * match are counted. */
static const struct fault_rule *fault_choose(struct fault *fault, const struct sys_op *op,
					     uint64_t serial, const char *path)
{
	const struct fault_rule *chosen = NULL;

	for (size_t i = 0; i < fault->count; i++) {
		struct fault_rule *rule = &fault->rules[i];

		if (!fault_matches(fault, rule, op, serial, path))
			continue;
		rule->met++;
		if (rule->nth != 0 &&
		    (rule->sticky ? rule->met < rule->nth : rule->met != rule->nth))
			continue;
		if (chosen == NULL)
			chosen = rule;
	}
	return chosen;
}

/* ---- what becomes of it ---- */

/* The command knows the operation by two variables; the plan and the trace are not
 * for what it runs. */
static void fault_run(const char *command, const struct sys_op *op, const char *path)
{
	static const char text[] =
		"unset WEIR_FAULT WEIR_TRACE WEIR_TRACE_DATA; FAULT_OP=$1 FAULT_PATH=$2; "
		"export FAULT_OP FAULT_PATH; shift 2; eval \"$1\"";
	char *words[] = { (char *)(uintptr_t) "sh",
			  (char *)(uintptr_t) "-c",
			  (char *)(uintptr_t)text,
			  (char *)(uintptr_t) "sh",
			  (char *)(uintptr_t)point_kind_name(op->kind),
			  (char *)(uintptr_t)path,
			  (char *)(uintptr_t)command,
			  NULL };
	posix_spawnattr_t attributes;
	sigset_t none;
	pid_t child;
	int status = -1;

	sigemptyset(&none); /* threads of the library have all signals blocked */
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	if (posix_spawn(&child, "/bin/sh", NULL, &attributes, words, environ) != 0)
		abort(); /* what a test relies on has to happen */
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	posix_spawnattr_destroy(&attributes);
	if (status != 0)
		abort();
}

static void fault_cut(const char *folder)
{
	uint32_t without_log = FAULT_SHUTDOWN_NO_LOG;
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, FAULT_SHUTDOWN, &without_log) != 0)
		abort(); /* a cut that did not happen proves nothing */
	close(fd);
}

static void fault_do(const struct fault_rule *rule, struct sys_op *op, const char *path)
{
	struct timespec delay = { .tv_sec = rule->number / 1000,
				  .tv_nsec = rule->number % 1000 * 1000000L };

	switch (rule->deed) {
	case FAULT_NOTHING:
		break;
	case FAULT_SIGNAL:
		kill(getpid(), rule->number);
		break;
	case FAULT_DELAY:
		nanosleep(&delay, NULL);
		break;
	case FAULT_LATE:
		op->late = true;
		break;
	case FAULT_RUN:
		fault_run(rule->command, op, path);
		break;
	case FAULT_CUT:
		fault_cut(rule->command);
		break;
	}
}

/* Less of a transfer; whole blocks if it is one of whole blocks, because direct I/O
 * takes no other. */
static uint64_t fault_part(const struct fault_rule *rule, uint64_t length)
{
	uint64_t part = rule->part > 0	  ? (uint64_t)rule->part
			: rule->part == 0 ? length / 2
					  : length - 1;

	if (part >= length || length == 0)
		return length;
	if (length % 4096 == 0 && part > 4096)
		part -= part % 4096;
	return part > 0 ? part : 1;
}

bool fault_before(struct fault *fault, struct sys_op *op, uint64_t serial, const char *path)
{
	const struct fault_rule *rule;

	pthread_mutex_lock(&fault->lock);
	rule = fault_choose(fault, op, serial, path);
	pthread_mutex_unlock(&fault->lock);
	if (rule == NULL)
		return true;
	if (rule->after || (rule->has_result && op->kind == SYS_CLOSE)) { /* V3 */
		op->after = rule;
		return true;
	}
	fault_do(rule, op, path);
	if (rule->has_part)
		op->length = fault_part(rule, op->length);
	if (rule->has_result)
		op->result = rule->result;
	return !rule->has_result;
}

long fault_after(const struct fault *fault, struct sys_op *op, const char *path, long result)
{
	const struct fault_rule *rule = op->after;

	WEIR_ASSERT(fault != NULL && rule != NULL);
	fault_do(rule, op, path);
	if (!rule->has_result)
		return result;
	/* Nobody will ever close what nobody was told of. */
	if ((op->kind == SYS_OPEN || op->kind == SYS_CREATE) && result >= 0)
		close((int)result);
	return rule->result;
}

#endif
