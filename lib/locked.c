/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A locked folder can be listed; the kernel shows names that it makes up, and its
 * links, FIFOs and folders look like any other.  Only files cannot be opened.
 *
 * Keys of the old kind (policies of version 1) may lie in a keyring of a process,
 * where nobody can ask for them: such a folder is taken for open, and its files
 * fail one by one.
 */
#define _GNU_SOURCE
#include "locked.h"

#include <linux/fscrypt.h>
#include <string.h>

bool locked_is(struct sys *sys, int fd, const struct sys_stat *stat)
{
	struct fscrypt_get_policy_ex_arg policy;
	struct fscrypt_get_key_status_arg key = {
		.key_spec.type = FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER,
	};

	if (!stat->encrypted || sys_get_encryption(sys, fd, &policy) < 0 ||
	    policy.policy.version != FSCRYPT_POLICY_V2)
		return false;
	memcpy(key.key_spec.u.identifier, policy.policy.v2.master_key_identifier,
	       FSCRYPT_KEY_IDENTIFIER_SIZE);
	return sys_get_key_status(sys, fd, &key) == 0 && key.status == FSCRYPT_KEY_STATUS_ABSENT;
}
