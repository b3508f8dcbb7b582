/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The recipe of a file of a sync whose data is right: it gets the attributes of its
 * source.
 */
#ifndef WEIR_ADJUST_H
#define WEIR_ADJUST_H

#include "job.h"

extern const struct step adjust_recipe[];

#endif
