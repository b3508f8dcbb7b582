/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The verb clean: from its words to its exit status.
 */
#ifndef WEIR_CMD_CLEAN_H
#define WEIR_CMD_CLEAN_H

#include "verbs.h"

int clean_run(const struct verb *verb, char **words);

#endif
