/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The two folders of a sync: resolved, judged, and held for the run.
 */
#ifndef WEIR_MIRROR_H
#define WEIR_MIRROR_H

#include "caution.h"
#include "operand.h"
#include "snapshot.h"

struct mirror {
	/* The caller's to set: */
	struct earlier *earlier;   /* judged with the pair */
	struct snapshot *snapshot; /* NULL: the target is none */
	bool begun;
	struct caution caution;
	char *below;		/* what of the target is to be made; NULL: it is there */
	uint64_t give_up_at_ns; /* when another run has been waited for long enough */
	bool waiting;		/* another run holds the target, which was told */
};

/* Resolves and judges SOURCE and DEST, makes DEST if it is not there, and holds it for
 * this run alone.  0; -EAGAIN: another run holds it, which may end: mirror_try_again();
 * -ECANCELED: refused or cannot start, told by an event; another -errno: out of memory.
 * The mirror is all zeros but for what the caller sets, and to be closed in any case. */
int mirror_resolve(struct mirror *mirror, struct operands *operands, struct tree *tree);

/* Tries once more to hold DEST, and goes on from there.  Results as mirror_resolve(). */
int mirror_try_again(struct mirror *mirror, struct operands *operands, struct tree *tree);

/* True if the pair has a record: a run of it ended well before this one. */
bool mirror_is_known(const struct mirror *mirror);

/* The record that this run may write, or NULL. */
const struct record *mirror_record(const struct mirror *mirror);

/* The run ended well, with so many ENTRIES in DEST: that is remembered of the pair, or
 * a warning tells why not. */
void mirror_remember(const struct mirror *mirror, struct tree *tree, uint64_t entries);

void mirror_close(struct mirror *mirror, struct sys *sys);

#endif
