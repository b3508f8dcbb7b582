/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Backups as cp(1) asks for them: --backup, --suffix, and the two variables that
 * stand in for what they do not say.
 */
#ifndef WEIR_CMD_BACKUP_H
#define WEIR_CMD_BACKUP_H

#include "parse.h"

/* Takes CONTROL, which may be shortened; "" leaves it to the environment.  0, or
 * EXIT_USAGE after a message. */
int backup_take_control(const struct speaker *speaker, struct request *request,
			const struct option *option, const char *subject, const char *value);

/* Takes a suffix; "" is that of cp, "~".  The last one counts. */
int backup_take_suffix(const struct speaker *speaker, struct request *request,
		       const struct option *option, const char *subject, const char *value);

/* Settles what was asked for once all words are read: the variables count only
 * if backups are made.  0 or EXIT_USAGE. */
int backup_settle(const struct speaker *speaker, struct request *request);

#endif
