/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The recipe of an entry of a sync that an earlier copy has, data and attributes: it
 * becomes one more link to that.
 */
#ifndef WEIR_INHERIT_H
#define WEIR_INHERIT_H

#include "job.h"

extern const struct step inherit_link_recipe[];

#endif
