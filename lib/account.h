/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Accounts of the system and their home folders, never from the environment.
 */
#ifndef WEIR_ACCOUNT_H
#define WEIR_ACCOUNT_H

#include <stdbool.h>
#include <sys/types.h>

#include "sys.h"

#define ACCOUNT_NAME_BYTES 64 /* with NUL; longer ones are cut */

/* The home folder of UID, from the database of accounts; to be freed.  0; -ENOENT: it
 * has no account, or no absolute home; another -errno. */
int account_home(uid_t uid, char **home);

/* True if the folder is the home of an account: of its owner's, of our own, or of one
 * in /etc/passwd.  Whose is written to NAME. */
bool account_lives_in(struct sys *sys, const struct sys_stat *folder,
		      char name[ACCOUNT_NAME_BYTES]);

#endif
