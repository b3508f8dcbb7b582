/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The value of --ioprio: CLASS[:LEVEL].
 */
#ifndef WEIR_CMD_PRIORITY_H
#define WEIR_CMD_PRIORITY_H

#include "parse.h"

/* Takes VALUE into REQUEST.  0, or EXIT_USAGE after a message. */
int priority_take(const struct speaker *speaker, struct request *request,
		  const struct option *option, const char *subject, const char *value);

#endif
