/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The recipe of entries without data: symbolic links, FIFOs, sockets, devices.
 */
#ifndef WEIR_NODE_H
#define WEIR_NODE_H

#include "job.h"

extern const struct step node_recipe[];

#endif
