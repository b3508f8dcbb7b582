/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Streams: FIFOs, terminals and character devices as source or target.  Their
 * bytes come and go in order, and nobody knows how many there are.
 */
#ifndef WEIR_POUR_H
#define WEIR_POUR_H

#include "job.h"

/* From a stream into a regular file. */
extern const struct step pour_from_recipe[];

/* From a regular file or a stream into the stream that has the target's name. */
extern const struct step pour_to_recipe[];

#endif
