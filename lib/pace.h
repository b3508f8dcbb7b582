/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How many bytes a run may move by now, shared by all its workers: a limit of
 * bytes a second, and whether anything new may be moved at all.  It knows no clock:
 * who asks says what time it is.
 */
#ifndef WEIR_PACE_H
#define WEIR_PACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct pace {
	uint64_t bytes_per_second; /* 0: no limit */
	_Atomic uint64_t taken_ns; /* what was promised fills the time up to then */
	_Atomic bool quiet;	   /* nothing new is moved: others need the storage */
};

enum pace_answer {
	PACE_GO,
	PACE_RATE,  /* ahead of the rate: again at due_ns */
	PACE_QUIET, /* others first: again at due_ns */
};

/* What was promised to one job, and not moved yet. */
struct pace_claim {
	enum pace_answer answer; /* the last one */
	uint64_t bytes;		 /* promised; 0: nothing is */
	uint64_t promised_ns;	 /* when these may move */
	uint64_t due_ns;	 /* when to ask again */
	bool begun;		 /* pace_begin() let it go */
};

/* Nothing was moved before NOW_NS.  BYTES_PER_SECOND 0: no limit. */
void pace_open(struct pace *pace, uint64_t bytes_per_second, uint64_t now_ns);

/* The most that one transfer may move, at least UNIT and whole UNITs, or whole pages
 * if it is more than one.  PACE may be NULL here and below: no limit. */
uint64_t pace_most(const struct pace *pace, uint64_t unit);

/* Asks once for each file, before its first bytes: while much is promised nothing new is
 * begun, so that what was comes to an end. */
enum pace_answer pace_begin(struct pace *pace, struct pace_claim *claim, uint64_t now_ns);

/* Asks for BYTES; the first time they are promised, and what was promised stays
 * so, whatever is asked for later.  GO: they may move now, then pace_settle(). */
enum pace_answer pace_ask(struct pace *pace, struct pace_claim *claim, uint64_t bytes,
			  uint64_t now_ns);

/* BYTES of the claim were or are being moved, and nobody needs the rest. */
void pace_settle(struct pace *pace, struct pace_claim *claim, uint64_t bytes);

#endif
