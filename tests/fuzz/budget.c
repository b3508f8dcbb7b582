/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a run may take, of what /proc and /sys tell: whatever that is, there is a worker
 * with a buffer, no count is above its limit, and all buffers together take no more than
 * their part of the memory at hand.
 *
 * Input: workers, useful workers (a byte each), depth (2 bytes), pages of a chunk (2
 * bytes); then texts, each ended by NUL: the cgroups of the process, the memory, and what
 * files of the cgroup hold, in turn.
 *
 * Wraps: sys_read_text sys_exists
 *
 * Fuzz: -max_len=400
 */
#include "lib/budget.h"

#include <errno.h>

#include "fuzz.h"

#define FILES_MOST 4

static struct {
	char *groups, *memory, *files[FILES_MOST];
	unsigned next;
} told;

ssize_t __wrap_sys_read_text(struct sys *sys, const char *path, char *text, size_t size);
bool __wrap_sys_exists(struct sys *sys, const char *path);

ssize_t __wrap_sys_read_text(struct sys *sys, const char *path, char *text, size_t size)
{
	const char *from;

	(void)sys;
	FUZZ_CHECK(path[0] == '/' && size > 1);
	if (strcmp(path, "/proc/self/cgroup") == 0)
		from = told.groups;
	else if (strcmp(path, "/proc/meminfo") == 0)
		from = told.memory;
	else
		from = told.files[told.next++ % FILES_MOST];
	if (from[0] == '!')
		return -ENOENT;
	snprintf(text, size, "%s", from);
	return (ssize_t)strlen(text);
}

bool __wrap_sys_exists(struct sys *sys, const char *path)
{
	(void)sys, (void)path;
	return told.next % 2 == 0;
}

/* Bytes that the text of the memory says are at hand, if it is one of the kernel's. */
static uint64_t slow_memory(void)
{
	static const char key[] = "MemAvailable:";
	const char *at = told.memory;
	uint64_t number = 0;

	if (strncmp(at, key, strlen(key)) != 0)
		return UINT64_MAX;
	for (at += strlen(key); *at == ' '; at++)
		;
	if (*at < '0' || *at > '9')
		return UINT64_MAX;
	for (; *at >= '0' && *at <= '9'; at++) {
		number = number * 10 + (uint64_t)(*at - '0');
		if (number > UINT32_MAX)
			return UINT64_MAX;
	}
	return number * 1024;
}

static void check_plans(const struct budget *budget, const struct settings *settings)
{
	uint32_t chunk = settings->chunk_bytes != 0 ? settings->chunk_bytes : LIMIT_ALIGN_BYTES;
	uint64_t least = LIMIT_SMALL_BYTES + chunk, all = 0, part;

	for (uint32_t i = 0; i < budget->workers; i++) {
		const struct worker_plan *plan = &budget->plans[i];

		FUZZ_CHECK(plan->arena.bytes >= least && plan->arena.depth >= 1);
		FUZZ_CHECK(plan->arena.depth <= LIMIT_DEPTH_MAX);
		FUZZ_CHECK(plan->jobs >= 1 && plan->jobs <= LIMIT_JOBS);
		all += plan->arena.bytes;
	}
	part = slow_memory() >> LIMIT_SMALL_TOTAL_SHIFT;
	FUZZ_CHECK(all <= (part > budget->workers * least ? part : budget->workers * least));
}

static void check_budget(const struct settings *settings, uint32_t useful, bool rotates)
{
	struct budget *budget = fuzz_alloc(sizeof(*budget));

	budget_settle(budget, NULL, settings, useful, rotates);
	FUZZ_CHECK(budget->workers >= 1 && budget->workers <= useful);
	FUZZ_CHECK(budget->workers <=
		   (settings->workers != 0 ? settings->workers : LIMIT_WORKERS_DEFAULT));
	FUZZ_CHECK(budget->parked >= 1 && budget->parked <= LIMIT_GROUP_UNITS);
	FUZZ_CHECK(budget->folder_fds >= 2 && budget->folder_fds <= LIMIT_FOLDER_FDS);
	check_plans(budget, settings);
	free(budget);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct fuzz_input input = { data, bytes };
	struct settings *settings = fuzz_alloc(sizeof(*settings));
	uint32_t useful;

	settings_init(settings, WEIR_COPY);
	settings->workers = (uint32_t)fuzz_byte(&input) % (LIMIT_WORKERS_MAX + 1);
	useful = 1 + (uint32_t)fuzz_byte(&input);
	settings->depth = (uint32_t)fuzz_number(&input, 2) % (LIMIT_DEPTH_MAX + 1);
	settings->chunk_bytes = (uint32_t)fuzz_number(&input, 2) %
				(LIMIT_CHUNK_BYTES_MAX / LIMIT_ALIGN_BYTES + 1) * LIMIT_ALIGN_BYTES;
	told.next = 0;
	told.groups = fuzz_text(&input);
	told.memory = fuzz_text(&input);
	for (unsigned i = 0; i < FILES_MOST; i++)
		told.files[i] = fuzz_text(&input);
	check_budget(settings, useful, bytes % 2 == 0);
	free(told.groups);
	free(told.memory);
	for (unsigned i = 0; i < FILES_MOST; i++)
		free(told.files[i]);
	free(settings);
	return 0;
}
