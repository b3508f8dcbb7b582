/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The plan of faults of a build with WEIR_FAULT_BUILD; in others it is not
 * there.  A plan is text: rules, divided by newlines or semicolons, each of
 * words of the form KEY=VALUE or KEY:
 *
 *   Which operations (all that are given must hold)
 *     op=KIND,KIND...  the words of the trace; * is any (the default)
 *     path=GLOB        what the descriptor leads to, and the name in it; a file
 *                      without a name is FOLDER/#, a rename is its new name
 *     offset=A..B      a transfer of bytes in that range
 *     serial=N         the N-th operation of the run; exact only if `inline`
 *     p=M/N            so many of them, by chance, as the seed says
 *     nth=N            the N-th of those that match all of the above
 *     sticky           all from that one on
 *   What becomes of it
 *     ret=-ERRNO|N     is its result, and it is not made
 *     short=N|half|less a transfer of at most N bytes, of half as many, of one less
 *     do=kill|term|int a signal to this very process, before the operation
 *     do=delay:MS      waits before the operation
 *     do=cut:FOLDER    cuts the power of its file system: what had not reached the
 *                      device is gone (the shutdown ioctl of ext4 and XFS)
 *     do=late          its completion is handed on after all others that are in
 *                      flight; only what goes through a ring has one
 *     do=run:COMMAND   `sh -c COMMAND`, to the end of the line, before the operation
 *     when=after       what is to be done, is done after the operation; a `ret` is
 *                      told in place of the real result
 *   For the whole run
 *     inline           all in one thread, without a ring: a run is the same each time
 *     seed=N           what is otherwise random: temp names, p=
 *     disk=N           a tmpfs has this type (f_type of statfs), so that it is synced
 *
 * close is always made; what is changed is its result alone.
 */
#ifndef WEIR_FAULT_H
#define WEIR_FAULT_H

#ifdef WEIR_FAULT_BUILD

#include "point.h"

struct fault;

#define FAULT_PATH_BYTES 8192

/* Reads a plan.  NULL: out of memory, or the plan is wrong: then *WRONG is where. */
struct fault *fault_new(const char *plan, const char **wrong);
void fault_free(struct fault *fault);

/* True if what becomes of an operation of that kind depends on its path: to find it takes
 * a call. */
bool fault_wants_path(const struct fault *fault, enum sys_kind kind);

/* What the plan says to operation SERIAL about PATH: changes OP.  False: op->result
 * stands for it. */
bool fault_before(struct fault *fault, struct sys_op *op, uint64_t serial, const char *path);

/* Once it is over: the result that is to be told. */
long fault_after(const struct fault *fault, struct sys_op *op, const char *path, long result);

bool fault_is_inline(const struct fault *fault);

/* True if a rule runs a program or cuts the power. */
bool fault_reaches_out(const struct fault *fault);
/* The type that a tmpfs is said to have; 0: its own. */
uint64_t fault_disk(const struct fault *fault);
bool fault_random(struct fault *fault, void *bytes, size_t count);

#endif
#endif
