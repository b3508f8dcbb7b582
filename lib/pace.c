/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bytes are promised in the order in which they are asked for: each promise takes
 * as much time as its bytes do at the rate, behind the one before it.
 *
 *   A claim is   True here                         Then
 *   empty        bytes is 0                        pace_ask() -> promised
 *   promised     its time is part of taken_ns      promised_ns has come -> GO
 *   settled      what was moved stays in taken_ns  empty
 *
 * Invariants:
 * P1 what was told to GO by some moment is at most the rate times the time since
 *    pace_open(): a promise is kept at the end of its time, not at the beginning,
 *    and what is given back only makes those that come later earlier;
 * P2 who slept too long makes up for LIMIT_PACE_NS of it, no more: after a time in
 *    which nothing was asked for there is no burst;
 * P3 nobody is overtaken for ever: the time of a promise never moves;
 * P4 files end one after the other: if all that are open shared the rate, a run whose
 *    time is over would have moved much and finished nothing.
 */
#define _GNU_SOURCE
#include "pace.h"

#include <stddef.h>

#include "invariant.h"
#include "limits.h"

#define PACE_SECOND_NS 1000000000ULL
#define PACE_AHEAD_NS (LIMIT_PACE_NS / 2) /* with so much promised nothing is begun */
#define PACE_TRANSFER_BYTES (1ULL << 32)  /* no transfer is longer */

_Static_assert(LIMIT_BYTES_PER_SECOND <= UINT64_MAX - PACE_TRANSFER_BYTES * PACE_SECOND_NS,
	       "what a transfer takes can be counted");
_Static_assert(LIMIT_OFFLOAD_BYTES <= PACE_TRANSFER_BYTES &&
		       LIMIT_CHUNK_BYTES_MAX <= PACE_TRANSFER_BYTES,
	       "a transfer is one of these");

/* Rounded up, or many small ones would go for nothing (P1). */
static uint64_t pace_cost_ns(const struct pace *pace, uint64_t bytes)
{
	WEIR_ASSERT(bytes <= PACE_TRANSFER_BYTES);
	return (bytes * PACE_SECOND_NS + pace->bytes_per_second - 1) / pace->bytes_per_second;
}

void pace_open(struct pace *pace, uint64_t bytes_per_second, uint64_t now_ns)
{
	pace->bytes_per_second = bytes_per_second;
	atomic_store(&pace->taken_ns, now_ns);
	atomic_store(&pace->quiet, false);
}

uint64_t pace_most(const struct pace *pace, uint64_t unit)
{
	uint64_t most;

	WEIR_ASSERT(unit > 0);
	if (pace == NULL || pace->bytes_per_second == 0)
		return UINT64_MAX / unit * unit;
	most = pace->bytes_per_second / (PACE_SECOND_NS / LIMIT_PACE_NS);
	if (most >= LIMIT_ALIGN_BYTES && unit < LIMIT_ALIGN_BYTES)
		unit = LIMIT_ALIGN_BYTES;
	return most > unit ? most / unit * unit : unit;
}

/* The end of the time that BYTES take, behind all that was promised before. */
static uint64_t pace_promise(struct pace *pace, uint64_t bytes, uint64_t now_ns)
{
	uint64_t cost_ns = pace_cost_ns(pace, bytes);
	uint64_t oldest_ns = now_ns > LIMIT_PACE_NS ? now_ns - LIMIT_PACE_NS : 0; /* P2 */
	uint64_t taken_ns = atomic_load(&pace->taken_ns);
	uint64_t end_ns;

	do {
		end_ns = (taken_ns > oldest_ns ? taken_ns : oldest_ns) + cost_ns;
	} while (!atomic_compare_exchange_weak(&pace->taken_ns, &taken_ns, end_ns));
	return end_ns;
}

enum pace_answer pace_begin(struct pace *pace, struct pace_claim *claim, uint64_t now_ns)
{
	uint64_t taken_ns = atomic_load(&pace->taken_ns);

	claim->answer = PACE_GO;
	if (pace->bytes_per_second != 0 && !claim->begun && taken_ns > now_ns + PACE_AHEAD_NS) {
		claim->answer = PACE_RATE;
		claim->due_ns = taken_ns - PACE_AHEAD_NS;
		return PACE_RATE;
	}
	claim->begun = true;
	return PACE_GO;
}

enum pace_answer pace_ask(struct pace *pace, struct pace_claim *claim, uint64_t bytes,
			  uint64_t now_ns)
{
	claim->answer = PACE_GO;
	if (pace == NULL)
		return PACE_GO;
	if (atomic_load(&pace->quiet)) {
		claim->answer = PACE_QUIET;
		claim->due_ns = now_ns + LIMIT_WAIT_MS * 1000000ULL;
		return PACE_QUIET;
	}
	if (pace->bytes_per_second == 0 || (bytes == 0 && claim->bytes == 0))
		return PACE_GO;
	if (claim->bytes == 0) {
		claim->promised_ns = pace_promise(pace, bytes, now_ns);
		claim->bytes = bytes;
	}
	if (now_ns >= claim->promised_ns)
		return PACE_GO;
	claim->answer = PACE_RATE;
	claim->due_ns = claim->promised_ns;
	return PACE_RATE;
}

void pace_settle(struct pace *pace, struct pace_claim *claim, uint64_t bytes)
{
	if (claim->bytes > bytes)
		atomic_fetch_sub(&pace->taken_ns,
				 pace_cost_ns(pace, claim->bytes) - pace_cost_ns(pace, bytes));
	*claim = (struct pace_claim){ .answer = PACE_GO, .begun = claim->begun };
}
