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

	/* Every result means the same to the caller: look again. */
	syscall(SYS_futex, &bell->value, FUTEX_WAIT_PRIVATE, seen, &timeout, NULL, 0);
}

void bell_ring(struct bell *bell)
{
	atomic_fetch_add(&bell->value, 1);
	syscall(SYS_futex, &bell->value, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}
