/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A futex that only counts.
 *
 * Invariant: a change made before bell_ring() is seen by every thread that
 * read the bell before it and sleeps after it: the value differs, so the
 * kernel does not let it sleep.
 */
#define _GNU_SOURCE
#include "bell.h"

#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

uint32_t bell_read(struct bell *bell)
{
	return atomic_load(&bell->value);
}

void bell_wait(struct bell *bell, uint32_t seen, int timeout_ms)
{
	struct timespec timeout = {
		.tv_sec = timeout_ms / 1000,
		.tv_nsec = (long)(timeout_ms % 1000) * 1000000L,
	};

	atomic_fetch_add(&bell->sleepers, 1);
	/* Every result means the same to the caller: look again. */
	syscall(SYS_futex, &bell->value, FUTEX_WAIT_PRIVATE, seen, &timeout, NULL, 0);
	atomic_fetch_sub(&bell->sleepers, 1);
}

void bell_ring(struct bell *bell)
{
	atomic_fetch_add(&bell->value, 1);
	if (atomic_load(&bell->sleepers) == 0)
		return; /* who comes now finds the value changed */
	syscall(SYS_futex, &bell->value, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}
