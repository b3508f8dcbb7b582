/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The verb sync: from its words to its exit status.
 */
#ifndef WEIR_CMD_SYNC_H
#define WEIR_CMD_SYNC_H

#include "verbs.h"

int sync_run(const struct verb *verb, char **words);

#endif
