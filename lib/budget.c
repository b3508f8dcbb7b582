/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Budgets from limits.
 *
 * Invariants:
 * B1 all registered arenas together stay below 3/4 of RLIMIT_MEMLOCK, which is
 *    charged by user over all processes: four workers that each take 6 MiB of
 *    8 MiB are one that succeeds;
 * B2 all arenas together take at most 1/8 of the memory at hand, because a
 *    cgroup limit kills instead of refusing;
 * B3 what is unknown (no /proc, no /sys) costs speed, never the run.
 */
#define _GNU_SOURCE
#include "budget.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "invariant.h"

#define BUDGET_RESERVED_FDS 12U /* standard ones, log, eventfd, syncs, probes */
#define BUDGET_LEAST_FDS 16U
#define BUDGET_FEW_FDS 48U /* below this: one worker, no ring */

static bool budget_has_capability(unsigned capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &header, data) != 0)
		return false;
	return (data[capability / 32].effective & 1U << (capability % 32)) != 0;
}

/* Path of this process's cgroup for CONTROLLER ("" is version 2). */
static bool budget_cgroup(struct sys *sys, const char *controller, char *path, size_t size)
{
	char text[4096];
	char *line, *rest;

	if (sys_read_text(sys, "/proc/self/cgroup", text, sizeof(text)) < 0)
		return false;
	for (line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
		char *names = strchr(line, ':');
		char *where = names != NULL ? strchr(names + 1, ':') : NULL;

		if (where == NULL)
			continue;
		*where++ = '\0';
		if (strcmp(names + 1, controller) != 0)
			continue;
		snprintf(path, size, "%s", strcmp(where, "/") == 0 ? "" : where);
		return true;
	}
	return false;
}

/* The number in a file of this process's cgroup; false: unlimited or unknown. */
static bool budget_cgroup_number(struct sys *sys, const char *controller, const char *mount,
				 const char *file, uint64_t *number)
{
	char group[1024];
	char path[1400];
	char text[64];
	char *end;

	if (!budget_cgroup(sys, controller, group, sizeof(group)))
		return false;
	snprintf(path, sizeof(path), "/sys/fs/cgroup%s%s/%s", mount, group, file);
	if (sys_read_text(sys, path, text, sizeof(text)) < 0) {
		/* Inside a container the group's own folder is the mount. */
		snprintf(path, sizeof(path), "/sys/fs/cgroup%s/%s", mount, file);
		if (sys_read_text(sys, path, text, sizeof(text)) < 0)
			return false;
	}
	*number = strtoull(text, &end, 10);
	return end != text;
}

static uint64_t budget_memory_bytes(struct sys *sys)
{
	struct sysinfo info;
	struct rlimit limit;
	char text[4096];
	const char *line;
	uint64_t bytes = UINT64_MAX, most, used;

	if (sysinfo(&info) == 0)
		bytes = (uint64_t)info.freeram * info.mem_unit;
	if (sys_read_text(sys, "/proc/meminfo", text, sizeof(text)) > 0 &&
	    (line = strstr(text, "MemAvailable:")) != NULL)
		bytes = strtoull(line + 13, NULL, 10) * 1024;
	if (budget_cgroup_number(sys, "", "", "memory.max", &most) &&
	    budget_cgroup_number(sys, "", "", "memory.current", &used) && most > used &&
	    most - used < bytes)
		bytes = most - used;
	if (budget_cgroup_number(sys, "memory", "/memory", "memory.limit_in_bytes", &most) &&
	    budget_cgroup_number(sys, "memory", "/memory", "memory.usage_in_bytes", &used) &&
	    most > used && most - used < bytes)
		bytes = most - used;
	if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
	    limit.rlim_cur < bytes)
		bytes = limit.rlim_cur;
	return bytes >> LIMIT_SMALL_TOTAL_SHIFT; /* B2 */
}

static uint32_t budget_cpus(struct sys *sys)
{
	cpu_set_t set;
	char group[1024], path[1200], text[64];
	uint64_t quota = 0, period = 0;
	uint32_t cpus = 1;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		cpus = (uint32_t)CPU_COUNT(&set);
	if (budget_cgroup(sys, "", group, sizeof(group))) {
		snprintf(path, sizeof(path), "/sys/fs/cgroup%s/cpu.max", group);
		if (sys_read_text(sys, path, text, sizeof(text)) > 0 ||
		    sys_read_text(sys, "/sys/fs/cgroup/cpu.max", text, sizeof(text)) > 0)
			if (sscanf(text, "%lu %lu", &quota, &period) != 2)
				quota = 0; /* "max" */
	}
	if (quota == 0 &&
	    (!budget_cgroup_number(sys, "cpu", "/cpu", "cpu.cfs_quota_us", &quota) ||
	     !budget_cgroup_number(sys, "cpu", "/cpu", "cpu.cfs_period_us", &period) ||
	     quota > UINT32_MAX))
		quota = 0; /* -1: no limit */
	if (quota > 0 && period > 0 && (quota + period - 1) / period < cpus)
		cpus = (uint32_t)((quota + period - 1) / period);
	return cpus > 0 ? cpus : 1;
}

/* Bytes of RLIMIT_MEMLOCK to be shared; UINT64_MAX: it does not bind us. */
static uint64_t budget_lockable_bytes(void)
{
	struct rlimit limit;
	uint64_t bytes;

	if (budget_has_capability(CAP_IPC_LOCK))
		return UINT64_MAX;
	if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0)
		return 0;
	if (limit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	bytes = (uint64_t)limit.rlim_cur / 4 * 3; /* B1 */
	if (bytes >= LIMIT_HUGE_PAGE_BYTES)
		return bytes / LIMIT_HUGE_PAGE_BYTES * LIMIT_HUGE_PAGE_BYTES;
	/* Inside a huge page even 4 KiB is charged as 2 MiB, so less than that is
	 * in small pages. */
	return bytes / LIMIT_ALIGN_BYTES * LIMIT_ALIGN_BYTES;
}

/* Worker INDEX's share of LOCKABLE bytes, in whole huge pages where it can. */
static uint64_t budget_share(uint64_t lockable, uint32_t workers, uint32_t index)
{
	uint64_t pages = lockable / LIMIT_HUGE_PAGE_BYTES;

	if (lockable == UINT64_MAX)
		return lockable;
	if (pages == 0)
		return index == 0 ? lockable : 0;
	return (pages / workers + (index < pages % workers ? 1 : 0)) * LIMIT_HUGE_PAGE_BYTES;
}

static void budget_plan(struct worker_plan *plan, const struct settings *settings, uint64_t memory,
			uint64_t share)
{
	uint32_t chunk = settings->chunk_bytes != 0 ? settings->chunk_bytes : LIMIT_CHUNK_BYTES;
	uint32_t depth = settings->depth != 0 ? settings->depth : LIMIT_LARGE_SLOTS;
	uint64_t bytes = (uint64_t)chunk * depth + (uint64_t)LIMIT_SMALL_BYTES * LIMIT_SMALL_SLOTS;
	uint64_t least =
		LIMIT_SMALL_BYTES + (settings->chunk_bytes != 0 ? chunk : LIMIT_ALIGN_BYTES);

	plan->engine = settings->engine;
	plan->registers = share >= least;
	if (bytes > memory)
		bytes = memory;
	if (plan->registers && bytes > share)
		bytes = share;
	if (bytes < least)
		bytes = least;
	plan->arena = (struct arena_plan){
		.bytes = bytes,
		.chunk_bytes = chunk,
		.depth = depth,
		.exact = settings->chunk_bytes != 0,
	};
}

static uint32_t budget_fds(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 64;
	if (limit.rlim_cur > 1U << 20)
		return 1U << 20;
	return limit.rlim_cur > BUDGET_RESERVED_FDS + 3
		       ? (uint32_t)limit.rlim_cur - BUDGET_RESERVED_FDS
		       : 3;
}

/* True where not even one file at a time can be copied. */
static bool budget_too_few_fds(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < BUDGET_LEAST_FDS;
}

static uint32_t budget_within(uint64_t value, uint32_t lowest, uint32_t highest)
{
	return value < lowest ? lowest : value > highest ? highest : (uint32_t)value;
}

void budget_settle(struct budget *budget, struct sys *sys, const struct settings *settings,
		   uint32_t workers_useful, bool rotates)
{
	uint32_t fds = budget_fds();
	uint64_t lockable = budget_lockable_bytes();
	uint64_t memory = budget_memory_bytes(sys);
	uint64_t cpus = budget_cpus(sys);
	uint32_t jobs, taken;

	memset(budget, 0, sizeof(*budget));
	budget->workers = settings->workers != 0
				  ? settings->workers
				  : budget_within(2 * cpus, 1, LIMIT_WORKERS_DEFAULT);
	if (rotates && settings->workers == 0)
		budget->workers = 1;
	if (budget->workers > workers_useful)
		budget->workers = workers_useful;
	if (fds < BUDGET_FEW_FDS)
		budget->workers = 1;
	budget->folder_fds = budget_within(fds / 3, 2, LIMIT_FOLDER_FDS);
	jobs = budget_within(fds / 3 / 2 / budget->workers, 1, LIMIT_JOBS);
	taken = budget->folder_fds;
	for (uint32_t i = 0; i < budget->workers; i++) {
		budget_plan(&budget->plans[i], settings, memory / budget->workers,
			    budget_share(lockable, budget->workers, i));
		budget->plans[i].jobs = jobs;
		taken += 2 * jobs;
		if (fds < BUDGET_FEW_FDS && settings->engine == WEIR_ENGINE_AUTO)
			budget->plans[i].engine = WEIR_ENGINE_PLAIN;
	}
	/* Three groups hold their files open: filled, synced, named. */
	budget->parked = budget_within(taken < fds ? (fds - taken) / 3 : 0, 1, LIMIT_GROUP_UNITS);
	budget->too_few_fds = budget_too_few_fds();
	budget->is_root = budget_has_capability(CAP_DAC_READ_SEARCH);
	budget->have_proc = sys_exists(sys, "/proc/self/fd");
}

void budget_reserve_fds(const struct budget *budget, int fd)
{
	uint32_t fds = budget_fds();
	uint32_t highest = budget->folder_fds + 3 * budget->parked + BUDGET_RESERVED_FDS;
	int high;

	for (uint32_t i = 0; i < budget->workers; i++)
		highest += 2 * budget->plans[i].jobs;
	high = fcntl(fd, F_DUPFD_CLOEXEC, (int)(highest < fds ? highest : fds - 1));
	if (high >= 0)
		close(high);
}

void budget_settle_inline(struct budget *budget, struct sys *sys, const struct settings *settings)
{
	uint32_t fds = budget_fds();

	memset(budget, 0, sizeof(*budget));
	budget->workers = 1;
	budget->parked = budget_within(fds / 6, 1, LIMIT_INLINE_FILES);
	budget->folder_fds = budget_within(fds / 3, 2, LIMIT_FOLDER_FDS);
	budget->plans[0] = (struct worker_plan){
		.engine = WEIR_ENGINE_PLAIN,
		.arena = {
			.bytes = LIMIT_SMALL_BYTES + 2 * KIB(64),
			.chunk_bytes = settings->chunk_bytes != 0 ? settings->chunk_bytes : KIB(64),
			.depth = 2,
			.exact = true,
		},
		.jobs = 1,
	};
	budget->too_few_fds = budget_too_few_fds();
	budget->is_root = budget_has_capability(CAP_DAC_READ_SEARCH);
	budget->have_proc = sys_exists(sys, "/proc/self/fd");
}
