/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The recipe of a regular file.
 */
#ifndef WEIR_REGULAR_H
#define WEIR_REGULAR_H

#include "job.h"

extern const struct step regular_recipe[];

/* The name of a way, as --explain prints it; static. */
const char *regular_way_name(enum job_way way);

#endif
