/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The verb copy: from its words to its exit status.
 */
#ifndef WEIR_CMD_COPY_H
#define WEIR_CMD_COPY_H

#include "verbs.h"

int copy_run(const struct verb *verb, char **words);

#endif
