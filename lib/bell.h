/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A bell: one futex word on which threads sleep until something changed.
 * Ringing is async-signal-safe, which is what cancelling needs (T4).
 */
#ifndef WEIR_BELL_H
#define WEIR_BELL_H

#include <stdatomic.h>
#include <stdint.h>

struct bell {
	_Atomic uint32_t value;
	_Atomic uint32_t sleepers;
};

/* Reads the bell; look at the state after this and before bell_wait(). */
uint32_t bell_read(struct bell *bell);

/* Sleeps until the bell was rung since SEEN was read, at most TIMEOUT_MS. */
void bell_wait(struct bell *bell, uint32_t seen, int timeout_ms);

/* Wakes every sleeper; no system call where there is none. */
void bell_ring(struct bell *bell);

#endif
