/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether a name of the source is to go once the target has what it names.
 */
#ifndef WEIR_MOVING_H
#define WEIR_MOVING_H

#include "survey.h"
#include "tree.h"

/* True if the name of which FINDING tells is to go.  False: it stays; ERROR is set if that
 * is to be told. */
bool moving_may(const struct tree *tree, const struct listing *listing,
		const struct survey_finding *finding, struct error *error);

/* NAME is to go: at once added to what goes where the target has all of it already, else
 * when its copy has its name.  ERROR is set if it cannot be made sure of. */
void moving_take(struct tree *tree, struct listing *listing, const char *name,
		 const struct survey_finding *finding, struct error *error);

#endif
